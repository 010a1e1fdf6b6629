/*
 * native.c - x87, MMX and SSE instructions run on the host's own unit.
 *
 * The guest's instruction is encoded again: same opcode, same XMM, MMX and ST registers, general registers mapped,
 * the memory operand replaced by the host address a TLB probe gives. The guest's FP state is in the host's registers
 * while cpu->fp_live; a block with such instructions loads it at its entry if it is not. C code never sees it live
 * (slow.c). A store that cannot be made in place goes to a bounce buffer and is committed by C.
 */
#include "jit/x64/x64.h"
#include "cpu/insn/rows.h"
#include <string.h>

static bool is_x87(const struct insn *in)
{
	return in->map == 0;
}

static const struct opnd *memory(const struct insn *in)
{
	for (unsigned i = 0; i < in->nops; i++)
		if (in->op[i].kind == OPND_MEM)
			return &in->op[i];
	return NULL;
}

/* Does the x87 instruction with a memory operand write it? */
static bool x87_stores(const struct insn *in)
{
	unsigned ext = in->reg & 7;

	switch (in->opcode) {
	case 0xD9:
		return ext == 2 || ext == 3 || ext == 7;
	case 0xDB:
	case 0xDD:
		return (ext >= 1 && ext <= 3) || ext == 7;
	case 0xDF:
		return (ext >= 1 && ext <= 3) || ext >= 6;
	}
	return false;
}

static bool stores(const struct insn *in)
{
	if (!in->has_mem)
		return false;
	return is_x87(in) ? x87_stores(in) : in->op[0].kind == OPND_MEM;
}

/* A 16-byte operand of a legacy SSE instruction must be aligned, but for the few made not to. */
static bool must_align(const struct insn *in, unsigned size)
{
	static const char *const loose[] = {"movups", "movupd", "movdqu", "lddqu", "pcmpestri", "pcmpestrm",
		"pcmpistri", "pcmpistrm"};

	if (size != 16 || is_x87(in))
		return false;
	for (unsigned i = 0; i < ARRAY_SIZE(loose); i++)
		if (!strcmp(insn_rows[in->id].mnemonic, loose[i]))
			return false;
	return true;
}

static bool x87_native(const struct insn *in)
{
	unsigned ext = in->reg & 7;

	if (in->opcode == 0x9B)
		return true;
	if (in->opcode < 0xD8)
		return false;
	if (in->has_mem) /* environments, and FLDCW, which may unmask */
		return !(in->opcode == 0xD9 && ext >= 4 && ext <= 6) &&
			!(in->opcode == 0xDD && (ext == 4 || ext == 6));
	return !(in->opcode == 0xDB && ext == 4 && in->modrm != 0xE2); /* FNINIT and the 8087's */
}

static bool host_has(const struct x64 *x, unsigned feature)
{
	switch (feature) {
	case FEAT_FPU: case FEAT_I286: case FEAT_I386: case FEAT_CMOV: case FEAT_MMX: case FEAT_SSE: case FEAT_SSE2:
		return true;
	case FEAT_SSE3: return x->feat & HOSTF_SSE3;
	case FEAT_SSSE3: return x->feat & HOSTF_SSSE3;
	case FEAT_SSE41: return x->feat & HOSTF_SSE41;
	case FEAT_SSE42: return x->feat & HOSTF_SSE42;
	case FEAT_AES: return x->feat & HOSTF_AES;
	case FEAT_PCLMUL: return x->feat & HOSTF_PCLMUL;
	case FEAT_SHA: return x->feat & HOSTF_SHA;
	}
	return false;
}

/* RCPxS, RSQRTxS: the manual leaves the result's bits open, and the interpreter's are others than the host's. */
static bool is_approximate(const struct insn *in)
{
	return in->map == 1 && (in->opcode == 0x52 || in->opcode == 0x53);
}

bool x64_can_native(void *priv, const struct insn *in)
{
	const struct insn_row *row = &insn_rows[in->id];
	const struct x64 *x = priv;
	const struct opnd *mem = memory(in);

	if (in->vex || in->lock || !host_has(priv, row->feature))
		return false;
	if (x->lockstep && is_approximate(in))
		return false;
	if (in->has_mem && (!mem || mem->size < 2 - !is_x87(in) || mem->size > 16))
		return false;
	if (!strcmp(row->semantics, "x87"))
		return x87_native(in);
	if (strcmp(row->semantics, "sse") && strcmp(row->semantics, "mmx"))
		return false;
	/* MASKMOVx have an implied memory operand; group 15 is state */
	return in->map >= 1 && in->map <= 3 && !(in->map == 1 && (in->opcode == 0xF7 || in->opcode == 0xAE));
}

static uint32_t opcode(const struct insn *in)
{
	uint32_t op = in->opcode | (uint32_t)in->map << 8;

	if (is_x87(in))
		return op;
	return op | (in->pp == 0x66 ? X_P66 : in->pp == 0xF3 ? X_PF3 : in->pp == 0xF2 ? X_PF2 : 0);
}

struct enc {
	unsigned reg, rm;
	int gpr; /* guest register held in a scratch, or -1 */
	unsigned held;
};

/* The ModRM fields as the host needs them. */
static void fields(struct emitter *c, const struct insn *in, struct enc *e)
{
	bool small = is_x87(in);

	e->reg = in->reg;
	e->rm = in->rm;
	e->gpr = -1;
	for (unsigned i = 0; i < in->nops; i++) {
		unsigned code = i < 3 ? insn_rows[in->id].op[i] : OP__, method = opnd_specs[code].method, h;

		if (in->op[i].kind == OPND_MMX && (method == METHOD_P))
			e->reg &= 7;
		else if (in->op[i].kind == OPND_MMX)
			e->rm &= 7;
		if (in->op[i].kind != OPND_GPR || method == METHOD_FIXED)
			continue;
		h = host_reg(in->op[i].reg);
		if (h == X_NONE) {
			struct x_mem m = gpr_mem(in->op[i].reg);

			h = scratch(c);
			x_load(&c->cb, 8, h, &m);
			e->gpr = in->op[i].reg;
			e->held = h;
		}
		if (method == METHOD_G)
			e->reg = h;
		else
			e->rm = h;
	}
	if (small || !in->has_modrm) {
		e->reg &= 7;
		e->rm &= 7;
	}
}

static void encode(struct emitter *c, const struct insn *in, const struct enc *e, const struct x_mem *m)
{
	unsigned w = in->rex & 8 && !is_x87(in) ? 8 : 4;

	if (!in->has_modrm) {
		if (in->map)
			codebuf_u8(&c->cb, 0x0F);
		codebuf_u8(&c->cb, in->opcode);
		return;
	}
	if (m)
		x_rm(&c->cb, opcode(in), w, e->reg, m);
	else
		x_rr(&c->cb, opcode(in), w, e->reg, e->rm);
	for (unsigned i = 0; i < in->nops; i++)
		if (in->op[i].kind == OPND_IMM) {
			codebuf_u8(&c->cb, (uint8_t)in->imm);
			break;
		}
}

/* A store by way of C: the instruction writes where C says, then C commits. */
void cold_native_store(struct emitter *c, struct cold *k)
{
	const struct insn *in = &c->ir->insns[k->imm];
	struct x64_site *s = k->site;
	struct x_mem m = {s->gla_reg, s->delta_reg, 0, 0};
	struct enc e = {.reg = in->reg & (is_x87(in) || in->op[1].kind == OPND_MMX ? 7 : 15)};

	call_slow(c, s);
	s->join = code_here(c);
	encode(c, in, &e, &m);
	call_slow(c, s + 1);
}

bool lower_native(struct emitter *c, const struct ir_op *o)
{
	const struct insn *in = &c->ir->insns[o->imm];
	bool st = stores(in);
	unsigned n = c->ncold;
	struct enc e;
	struct x_mem m;

	if (!x64_can_native(c->x, in))
		return false;
	if (in->has_mem) {
		m = probe(c, o, st ? SITE_NST : SITE_NLD, IR_NONE, must_align(in, o->w));
		if (st)
			new_site(c, o, SITE_COMMIT);
	}
	if (o->fuse || (o->fdef && o->fobs & ~o->fdef))
		flags_need(c);
	fields(c, in, &e);
	encode(c, in, &e, in->has_mem ? &m : NULL);
	if (o->fdef)
		flags_made(c);
	if (e.gpr >= 0) {
		struct x_mem g = gpr_mem((unsigned)e.gpr);

		x_store(&c->cb, 8, &g, e.held);
	}
	for (; st && n < c->ncold; n++) {
		c->cold[n].site[1].join = code_here(c);
		c->cold[n].imm = o->imm;
		c->cold[n].emit = cold_native_store;
	}
	return true;
}

/* At the entry of a block with FP instructions: state into host registers, unless it is there. */
void emit_fp_check(struct emitter *c)
{
	struct codebuf *cb = &c->cb;
	struct x_mem live = env_mem(ENV(fp_live)), fpu = env_mem(ENV(fpu));
	uint8_t *load, *body;

	if (!c->ir->uses_x87 && !c->ir->uses_sse)
		return;
	x_mov(cb, 8, X_R11, X_RCX);
	x_movzx_m(cb, X_RCX, &live, 1);
	load = x_jrcxz_fwd(cb);
	x_mov(cb, 8, X_RCX, X_R11);
	body = x_jmp_fwd(cb);
	x_here8(cb, load);
	x_rm(cb, X_0F(0xAE), 8, 1, &fpu); /* fxrstor64 */
	x_store_imm(cb, 1, &live, 1);
	x_mov(cb, 8, X_RCX, X_R11);
	x_here(cb, body);
}
