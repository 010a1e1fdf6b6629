/*
 * emit.c - what every lowering uses: operands in registers, temporaries, the polarity of the carry, calls into C.
 */
#include "jit/a64/a64.h"
#include <string.h>

static const uint8_t host_of[16] = {
#define REG(guest, host) [guest] = host,
#include "jit/a64/regs.def"
#undef REG
};

unsigned host_reg(unsigned guest)
{
	return host_of[guest & 15];
}

uint32_t code_here(const struct emitter *c)
{
	return (uint32_t)(c->cb.p - c->cb.start);
}

static int32_t home(unsigned t)
{
	return FRAME(t) + (int32_t)(8 * t);
}

void store_home(struct emitter *c, unsigned reg, unsigned t)
{
	a_str(&c->cb, 8, reg, A_SP, home(t));
}

void load_home(struct emitter *c, unsigned reg, unsigned t)
{
	a_ldr(&c->cb, 8, reg, A_SP, home(t));
}

static void evict(struct emitter *c, unsigned reg)
{
	unsigned t = c->reg_t[reg];

	a_str(&c->cb, 8, reg, A_SP, home(t));
	c->t_reg[t] = A_NONE;
	c->reg_t[reg] = 0xFF;
}

/* A pool register nobody in this op uses: a free one, or one whose temporary goes home. */
unsigned scratch(struct emitter *c)
{
	uint32_t avail = c->pool & ~c->busy;
	unsigned r;

	for (r = 0; r < 16; r++)
		if (avail >> r & 1 && c->reg_t[r] == 0xFF)
			break;
	if (r == 16) {
		if (!avail) {
			c->starved = true; /* the op is taken back and done in C */
			return X_S;
		}
		r = (unsigned)__builtin_ctz(avail);
		evict(c, r);
	}
	c->busy |= 1u << r;
	return r;
}

unsigned temp_reg(struct emitter *c, unsigned t, bool load)
{
	unsigned r = c->t_reg[t];

	if (r == A_NONE) {
		if (t == c->ip_temp && c->reg_t[X_IP] == 0xFF && !(c->busy >> X_IP & 1))
			c->busy |= 1u << (r = X_IP);
		else
			r = scratch(c);
		if (c->starved)
			return r;
		if (load)
			load_home(c, r, t);
		c->t_reg[t] = (uint8_t)r;
		c->reg_t[r] = (uint8_t)t;
	}
	c->busy |= 1u << r;
	return r;
}

void spill_temps(struct emitter *c)
{
	for (unsigned r = 0; r < 16; r++)
		if (c->reg_t[r] != 0xFF)
			evict(c, r);
}

void env_load(struct emitter *c, unsigned w, unsigned reg, int32_t off)
{
	if (a_off_fits(w, off)) {
		a_ldr(&c->cb, w, reg, X_CPU, off);
		return;
	}
	a_movi(&c->cb, X_S2, (uint64_t)off);
	a_ldr_reg(&c->cb, w, reg, X_CPU, X_S2);
}

void env_store(struct emitter *c, unsigned w, unsigned reg, int32_t off)
{
	if (a_off_fits(w, off)) {
		a_str(&c->cb, w, reg, X_CPU, off);
		return;
	}
	a_movi(&c->cb, X_S2, (uint64_t)off);
	a_str_reg(&c->cb, w, reg, X_CPU, X_S2);
}

unsigned use(struct emitter *c, ir_val v, int64_t imm)
{
	unsigned n = IR_NUM(v), r;

	switch (IR_KIND(v)) {
	case IR_KIND_G:
		return host_of[n & 15];
	case IR_KIND_GH:
		r = scratch(c);
		a_ubfx(&c->cb, 4, r, host_of[n & 3], 8, 8);
		return r;
	case IR_KIND_T:
		return temp_reg(c, n % IR_MAX_TEMPS, true);
	case IR_KIND_IPBASE:
		r = scratch(c);
		env_load(c, 8, r, ENV(ip_base));
		return r;
	default:
		if (!imm)
			return A_ZR;
		r = scratch(c);
		a_movi(&c->cb, r, (uint64_t)imm);
		return r;
	}
}

bool whole(ir_val d, unsigned w)
{
	return IR_KIND(d) == IR_KIND_T || (IR_KIND(d) == IR_KIND_G && w >= 4);
}

/* A register where the result may be computed: the destination's own if it takes it whole, else a scratch one. */
unsigned def(struct emitter *c, ir_val d)
{
	unsigned n = IR_NUM(d);

	if (IR_KIND(d) == IR_KIND_T)
		return temp_reg(c, n % IR_MAX_TEMPS, false);
	return IR_KIND(d) == IR_KIND_G ? host_of[n & 15] : scratch(c);
}

void put(struct emitter *c, ir_val d, unsigned w, unsigned reg)
{
	unsigned n = IR_NUM(d), h;

	switch (IR_KIND(d)) {
	case IR_KIND_G:
		h = host_of[n & 15];
		if (w < 4)
			a_bfi(&c->cb, 8, h, reg, 0, 8 * w);
		else if (h != reg || w == 4)
			a_mov(&c->cb, w, h, reg);
		break;
	case IR_KIND_GH:
		a_bfi(&c->cb, 8, host_of[n & 3], reg, 8, 8);
		break;
	case IR_KIND_T:
		a_zext(&c->cb, temp_reg(c, n % IR_MAX_TEMPS, false), reg, w);
		break;
	}
}

/* @reg, from def(), holds the result; of 4 and 8 bytes it is whole already (w forms zero-extend) */
void def_end(struct emitter *c, ir_val d, unsigned w, unsigned reg)
{
	if (w < 4 || IR_KIND(d) == IR_KIND_GH)
		put(c, d, w, reg);
}

static void flip(struct emitter *c)
{
	if (c->flagm) {
		a_cfinv(&c->cb);
	} else {
		a_mrs_nzcv(&c->cb, X_S);
		a_logici(&c->cb, A_EOR, 8, X_S, X_S, NZCV_C);
		a_msr_nzcv(&c->cb, X_S);
	}
	c->inv = !c->inv;
}

void flags_carry(struct emitter *c)
{
	if (c->inv)
		flip(c);
}

void flags_borrow(struct emitter *c)
{
	if (!c->inv)
		flip(c);
}

uint16_t flags_wanted(const struct ir_op *o)
{
	return o->fdef & (o->fobs | o->flive);
}

struct a64_site *new_site(struct emitter *c, const struct ir_op *o, unsigned kind)
{
	struct a64_site *s;

	if (c->nsites == A64_MAX_SITES) {
		c->cb.overflow = true;
		c->nsites = 0;
	}
	s = &c->site[c->nsites];
	c->site_op[c->nsites++] = NO_OP;
	memset(s, 0, sizeof(*s));
	s->blk = c->blk;
	s->off = c->off;
	s->next_off = c->next_off;
	s->w = o->w;
	s->idx = o->m.idx;
	s->sreg = o->m.sreg;
	s->kind = (uint8_t)kind;
	s->inv = c->inv;
	s->imm = o->imm;
	s->x87_out = x87_owed(&c->x87);
	s->x87_in = x87_kept(&c->x87);
	s->last = o + 1 < c->ir->op + c->ir->nops && o[1].op == IR_INSN && o[1].aux;
	return s;
}

struct a64_site *eval_site(struct emitter *c, const struct ir_op *o)
{
	struct a64_site *s = new_site(c, o, 0);

	c->site_op[s - c->site] = (uint16_t)(o - c->ir->op);
	return s;
}

/* BL to a stub that finds the site's address behind it. */
void call_site(struct emitter *c, const uint8_t *stub, const struct a64_site *s)
{
	a_bl(&c->cb, stub);
	if (c->nrefs == A64_MAX_REFS) {
		c->cb.overflow = true;
		c->nrefs = 0;
	}
	c->ref[c->nrefs].at = c->cb.p;
	c->ref[c->nrefs++].site = (uint16_t)(s - c->site);
	codebuf_u64(&c->cb, 0);
}

struct cold *new_cold(struct emitter *c, void (*emit)(struct emitter *, struct cold *))
{
	struct cold *k;

	if (c->ncold == A64_MAX_COLD) {
		c->cb.overflow = true;
		c->ncold = 0;
	}
	k = &c->cold[c->ncold++];
	memset(k, 0, sizeof(*k));
	k->emit = emit;
	k->inv = c->inv;
	k->pa = c->pa;
	k->vin = k->vload = c->vin;
	k->vdirty = c->vdirty;
	k->x87 = c->x87;
	memcpy(k->reg_t, c->reg_t, sizeof(k->reg_t));
	return k;
}

void cold_eval(struct emitter *c, struct cold *k)
{
	pa_emit(c, &k->pa);
	c->inv = k->inv;
	flags_carry(c);
	for (unsigned r = 0; r < 16; r++)
		if (k->reg_t[r] != 0xFF)
			a_str(&c->cb, 8, r, A_SP, home(k->reg_t[r]));
	xmm_write_back(c, k->vdirty);
	call_site(c, c->x->stub.eval[c->code64], k->site);
	xmm_reload(c, k->vload);
	if (k->inv)
		flags_borrow(c);
	a_b(&c->cb, k->join + c->cb.rx_delta);
}

/* The op runs in C. Its temporaries are in their homes and stay there. */
void lower_eval(struct emitter *c, const struct ir_op *o)
{
	struct a64_site *s;

	spill_temps(c);
	xmm_flush(c, true);
	pa_settle(c);
	flags_carry(c);
	s = eval_site(c, o);
	if (o->op == IR_NATIVE || o->op == IR_HELPER) { /* it may change the x87's registers */
		s->x87_in = 0;
		memset(&c->x87, 0, sizeof(c->x87));
	}
	call_site(c, c->x->stub.eval[c->code64], s);
}
