/*
 * x87_state.c - the x87's stack within a block: pushing and popping without moving registers, tags looked at once.
 *
 * struct vcpu has the registers in stack order, so that a push or a pop would move all of them. A block's code leaves them where they are and
 * the emitter remembers by how much they are turned (x87_lazy.turn); TOP, tags that change, C1 = 0 and FIP, FDP, FOP = 0 are put off,
 * too. Where the block ends, x87_settle() makes struct vcpu right - most blocks end as turned as they began. C gets it from the site:
 * a64_x87_out() before it does anything that could look, a64_x87_in() when the block goes on.
 *
 * Which registers must be full and which empty is asked at the first instruction, for all that follow as far as they have code. If one
 * is not so, the interpreter does that instruction, and the next block asks again: stack faults are rare.
 */
#include "jit/a64/x87.h"
#include <string.h>

enum { OWED_C1 = 1u << 3, OWED_POINTERS = 1u << 4, OWED_SET_AT = 8, OWED_CLEAR_AT = 16, KEPT_KNOWN_AT = 8, KEPT_TAGGED_AT = 16 };

uint32_t x87_owed(const struct x87_lazy *l)
{
	uint32_t set = l->known & l->full & (~l->tagged | l->blind), clear = l->known & ~l->full & (l->tagged | l->blind);

	return l->turn | (l->c1 ? OWED_C1 : 0) | (l->pointers ? OWED_POINTERS : 0) | set << OWED_SET_AT | clear << OWED_CLEAR_AT;
}

/* Tags change again and again in a block, and what is owed counts from those the block began with. */
uint32_t x87_kept(const struct x87_lazy *l)
{
	uint32_t known = l->known & ~l->blind;

	return l->turn | known << KEPT_KNOWN_AT | (known & l->tagged) << KEPT_TAGGED_AT;
}

static void tags(struct fpu_state *s, uint32_t set, uint32_t clear)
{
	unsigned top = s->fsw >> X87_TOP_AT & 7;

	s->ftw |= (uint8_t)(set << top | set << top >> 8);
	s->ftw &= (uint8_t)~(clear << top | clear << top >> 8);
}

static void turn_by(struct fpu_state *s, unsigned by)
{
	uint8_t t[8][16];

	for (unsigned i = 0; i < 8; i++)
		memcpy(t[i], s->st[(i + by) & 7], 16);
	memcpy(s->st, t, sizeof(t));
	s->fsw = (uint16_t)((s->fsw & ~(7u << X87_TOP_AT)) | ((s->fsw >> X87_TOP_AT) + by) % 8 << X87_TOP_AT);
}

void a64_x87_out(struct vcpu *cpu, uint32_t owed)
{
	struct fpu_state *s = &cpu->fpu;

	if (!owed)
		return;
	tags(s, owed >> OWED_SET_AT & 0xFF, owed >> OWED_CLEAR_AT & 0xFF);
	if (owed & OWED_C1)
		s->fsw &= (uint16_t)~X87_C1;
	if (owed & OWED_POINTERS) {
		s->fip = s->fdp = 0;
		s->fop = 0;
	}
	if (owed & 7)
		turn_by(s, owed & 7);
}

void a64_x87_in(struct vcpu *cpu, uint32_t kept)
{
	uint32_t known = kept >> KEPT_KNOWN_AT & 0xFF, full = kept >> KEPT_TAGGED_AT & 0xFF;

	if (kept & 7)
		turn_by(&cpu->fpu, 8 - (kept & 7));
	if (known)
		tags(&cpu->fpu, full, known & ~full);
}

void x87_settle(struct emitter *c)
{
	uint32_t owed = x87_owed(&c->x87), set = owed >> OWED_SET_AT & 0xFF, clear = owed >> OWED_CLEAR_AT & 0xFF;
	struct codebuf *cb = &c->cb;

	if (owed & OWED_POINTERS) {
		env_store(c, 8, A_ZR, ENV(fpu.fip));
		env_store(c, 8, A_ZR, ENV(fpu.fdp));
		env_store(c, 2, A_ZR, ENV(fpu.fop));
	}
	if (owed & 7 || set || clear) {
		a_movi(cb, X_S, (uint64_t)(set * 0x101) | (uint64_t)(clear * 0x101) << 16 | (owed & OWED_C1 ? 1ull << 63 : 0));
		a_bl(cb, c->x->stub.x87[X87_SETTLE + (owed & 7)]);
	} else if (owed & OWED_C1) {
		env_load(c, 2, X_S, ENV(fpu.fsw));
		a_logici(cb, A_AND, 4, X_S, X_S, ~X87_C1);
		env_store(c, 2, X_S, ENV(fpu.fsw));
	}
	memset(&c->x87, 0, sizeof(c->x87));
}

void cold_one(struct emitter *c, struct cold *k)
{
	pa_emit(c, &k->pa);
	xmm_write_back(c, k->vdirty);
	call_site(c, c->x->stub.slow[c->code64], k->site);
}

static uint8_t place_bit(const struct x87_lazy *l, unsigned i)
{
	return (uint8_t)(1u << ((i + l->turn) & 7));
}

/* What @f needs of the stack as @l has it: bits by place. */
static void needs(const struct x87_lazy *l, const struct x87_form *f, uint8_t *full, uint8_t *empty)
{
	*full = *empty = 0;
	for (unsigned i = 0; i < 8; i++)
		if (f->full >> i & 1)
			*full |= place_bit(l, i);
	if (f->push)
		*empty = place_bit(l, 7);
}

static bool contradicts(const struct x87_lazy *l, uint8_t full, uint8_t empty)
{
	return (full & empty) || l->known & ((full & ~l->full) | (empty & l->full)); /* FLD ST(7) always does */
}

static void moved(struct x87_lazy *l, const struct x87_form *f)
{
	if (f->push) {
		l->turn = (l->turn + 7) & 7;
		l->known |= place_bit(l, 0);
		l->full |= place_bit(l, 0);
	}
	if (f->what == X_STORE && f->from == FROM_ST && !(l->known & place_bit(l, f->i))) {
		l->known |= place_bit(l, f->i);
		l->blind |= place_bit(l, f->i);
	}
	if (f->what == X_STORE && f->from == FROM_ST)
		l->full |= place_bit(l, f->i);
	for (unsigned n = 0; n < f->pops; n++) {
		l->full &= (uint8_t)~place_bit(l, 0);
		l->turn = (l->turn + 1) & 7;
	}
}

void x87_moved(struct emitter *c, const struct x87_form *f)
{
	moved(&c->x87, f);
}

static bool touches_mmx(const struct insn *in)
{
	if (in->map == 1 && in->opcode == 0x77 && !in->vex) /* EMMS */
		return true;
	for (unsigned i = 0; i < in->nops; i++)
		if (in->op[i].kind == OPND_MMX)
			return true;
	return false;
}

/* From op @o on: which places that are not known must be full, which empty, as long as all that touches the x87 has code. */
static void look_ahead(const struct emitter *c, const struct ir_op *o, uint8_t *full, uint8_t *empty)
{
	const struct ir_op *end = c->ir->op + c->ir->nops;
	struct x87_lazy l = c->x87;
	uint8_t want, none;
	struct x87_form f;

	*full = *empty = 0;
	for (; o < end && o->op != IR_HELPER; o++) {
		const struct insn *in = o->op == IR_NATIVE ? &c->ir->insns[o->imm] : NULL;

		if (!in || (in->map && !touches_mmx(in)))
			continue;
		if (!x87_form(in, &f))
			return;
		needs(&l, &f, &want, &none);
		if (contradicts(&l, want, none))
			return;
		*full |= want & ~l.known;
		*empty |= none & ~l.known;
		l.full |= want;
		l.known |= want | none;
		moved(&l, &f);
	}
}

bool x87_need(struct emitter *c, const struct ir_op *o, const struct x87_form *f)
{
	uint8_t full, empty, all;
	unsigned top, tags;
	struct cold *k;

	needs(&c->x87, f, &full, &empty);
	if (contradicts(&c->x87, full, empty))
		return false;
	if (!((full | empty) & ~c->x87.known))
		return true;
	look_ahead(c, o, &full, &empty);
	all = full | empty;
	top = scratch(c);
	tags = scratch(c);
	env_load(c, 2, top, ENV(fpu.fsw));
	env_load(c, 1, tags, ENV(fpu.ftw));
	a_ubfx(&c->cb, 4, top, top, X87_TOP_AT, 3);
	a_logic(&c->cb, A_ORR, 4, tags, tags, tags, A_LSL, 8);
	a_two(&c->cb, A_LSRV, 4, tags, tags, top);
	if (full && !a_logici(&c->cb, A_EOR, 4, tags, tags, full)) {
		a_movi(&c->cb, X_S, full);
		a_logic(&c->cb, A_EOR, 4, tags, tags, X_S, A_LSL, 0);
	}
	if (!a_logici(&c->cb, A_AND, 4, tags, tags, all)) {
		a_movi(&c->cb, X_S, all);
		a_logic(&c->cb, A_AND, 4, tags, tags, X_S, A_LSL, 0);
	}
	k = new_cold(c, cold_one);
	k->site = new_site(c, o, SITE_ONE);
	k->from = a_cbz_fwd(&c->cb, true, 4, tags);
	c->busy &= ~(1u << top | 1u << tags);
	c->x87.known |= all;
	c->x87.full |= full;
	c->x87.tagged = (uint8_t)((c->x87.tagged & ~all) | full);
	return true;
}
