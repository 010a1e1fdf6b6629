/*
 * native.c - x87, MMX, SSE and AVX instructions run on the host's own unit.
 *
 * The guest's instruction is encoded again: same opcode, same XMM, YMM, MMX and ST registers, general registers mapped,
 * the memory operand replaced by the host address a TLB probe gives. The guest's FP state is in the host's registers
 * then: a block with such instructions loads what it needs at its entry (fpstate.c). C code never sees it live
 * (slow.c). A store that cannot be made in place goes to a bounce buffer and is committed by C.
 *
 * Not native though the host may have them: what reads or writes memory under a mask or by several addresses (gathers,
 * VMASKMOVx), because a fault in the middle is part of what they do; and control words, but for an FLDCW that leaves all
 * exceptions masked: every conversion of a C program to an integer has two.
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

/* Only these VEX instructions ask for alignment: to the size of their operand. SDM Vol. 2A tables 2-19 to 2-21. */
static bool vex_aligned(const struct insn *in)
{
	switch (in->map << 8 | in->opcode) {
	case 0x128: case 0x129:			  /* VMOVAPS, VMOVAPD */
	case 0x12B: case 0x1E7: case 0x22A:	  /* VMOVNTPS, VMOVNTPD, VMOVNTDQ, VMOVNTDQA */
		return true;
	case 0x16F: case 0x17F:			  /* VMOVDQA, not VMOVDQU */
		return in->pp == 0x66;
	}
	return false;
}

/* A 16-byte operand of a legacy SSE instruction must be aligned, but for the few made not to. */
static unsigned alignment(const struct insn *in, unsigned size)
{
	static const char *const loose[] = {"movups", "movupd", "movdqu", "lddqu", "pcmpestri", "pcmpestrm",
		"pcmpistri", "pcmpistrm"};

	if (in->vex)
		return vex_aligned(in) ? size : 0;
	if (size != 16 || is_x87(in))
		return 0;
	for (unsigned i = 0; i < ARRAY_SIZE(loose); i++)
		if (!strcmp(insn_rows[in->id].mnemonic, loose[i]))
			return 0;
	return 16;
}

static bool is_fldcw(const struct insn *in)
{
	return in->map == 0 && in->opcode == 0xD9 && in->has_mem && (in->reg & 7) == 5;
}

static bool x87_native(const struct insn *in)
{
	unsigned ext = in->reg & 7;

	if (in->opcode == 0x9B)
		return true;
	if (in->opcode < 0xD8)
		return false;
	if (in->has_mem) /* not environments; FLDCW if it does not unmask, see lower_fldcw() */
		return !(in->opcode == 0xD9 && (ext == 4 || ext == 6)) &&
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
	case FEAT_AVX: return x->feat & HOSTF_AVX;
	case FEAT_AVX2: return x->feat & HOSTF_AVX2;
	case FEAT_FMA: return x->feat & HOSTF_FMA;
	case FEAT_F16C: return x->feat & HOSTF_F16C;
	}
	return false;
}

/*
 * RCPxS, RSQRTxS: the manual leaves the result's bits open, and the interpreter's are others than the host's. DPPS, DPPD: it leaves open
 * which of several NaNs stays, and not all processors keep the same.
 */
static bool is_loose(const struct insn *in)
{
	return (in->map == 1 && (in->opcode == 0x52 || in->opcode == 0x53)) || (in->map == 3 && (in->opcode == 0x40 || in->opcode == 0x41));
}

/* Faults in the middle of it, implied operands, control words: not by the host. */
static bool is_special(const struct insn *in)
{
	if (in->map == 1) /* MASKMOVx; group 15 is state */
		return in->opcode == 0xF7 || in->opcode == 0xAE;
	if (in->map == 2 && in->vex) /* VMASKMOVx, VPMASKMOVx, gathers */
		return (in->opcode >= 0x2C && in->opcode <= 0x2F) || in->opcode == 0x8C || in->opcode == 0x8E ||
			(in->opcode >= 0x90 && in->opcode <= 0x93);
	return false;
}

bool x64_can_native(void *priv, const struct insn *in)
{
	const struct insn_row *row = &insn_rows[in->id];
	const struct x64 *x = priv;
	const struct opnd *mem;

	if (!in->map && (in->opcode & 0xF8) != 0xD8 && in->opcode != 0x9B) /* no floating point among these; and most there is */
		return false;
	mem = memory(in);
	if (in->lock || !host_has(priv, row->feature) || (in->vex && !(x->feat & HOSTF_AVX)))
		return false;
	if (x->lockstep && is_loose(in))
		return false;
	if (in->has_mem && (!mem || mem->size < 2 - !is_x87(in) || mem->size > (in->vex ? 32 : 16)))
		return false;
	if (!strcmp(row->semantics, "x87"))
		return x87_native(in) && !(is_fldcw(in) && x->opts_off & JIT_OPT_FLDCW);
	if (strcmp(row->semantics, "sse") && strcmp(row->semantics, "mmx") && strcmp(row->semantics, "avx"))
		return false;
	return in->map >= 1 && in->map <= 3 && !is_special(in);
}

/*
 * The moves that ask for alignment of 32 bytes as those that do not: the guest's address has been looked at, the bounce buffer
 * is aligned to 16.
 */
static uint32_t loose_move(const struct insn *in)
{
	uint32_t pd = in->pp == 0x66 ? X_P66 : 0;

	switch (in->map << 8 | in->opcode) {
	case 0x128: return pd | X_0F(0x10);
	case 0x129: case 0x12B: return pd | X_0F(0x11);
	case 0x16F: return X_PF3 | X_0F(0x6F);
	case 0x17F: case 0x1E7: return X_PF3 | X_0F(0x7F);
	default: return X_PF3 | X_0F(0x6F); /* VMOVNTDQA */
	}
}

static uint32_t opcode(const struct insn *in)
{
	uint32_t op = in->opcode | (uint32_t)in->map << 8;

	if (is_x87(in))
		return op;
	if (in->vex && in->vex_l && in->has_mem && vex_aligned(in))
		return loose_move(in);
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

			h = X_R11; /* there may be no other: the probe has two */
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

/* VEX.W: it says the size of a general-register operand, else it is part of the opcode or ignored. */
static unsigned vex_w(const struct insn *in)
{
	for (unsigned i = 0; i < in->nops && i < 3; i++)
		switch (opnd_specs[insn_rows[in->id].op[i]].method) {
		case METHOD_E: case METHOD_EB: case METHOD_EW: case METHOD_G:
			return in->op[i].size == 8 ? 8 : 4;
		}
	return in->rex & 8 ? 8 : 4;
}

/* The immediate byte, if there is one: a number, or a fourth register. */
static void immediate(struct codebuf *cb, const struct insn *in)
{
	for (unsigned i = 0; i < in->nops; i++)
		if (in->op[i].kind == OPND_IMM) {
			codebuf_u8(cb, (uint8_t)in->imm);
			return;
		}
	if (insn_rows[in->id].match & MATCH_IS4)
		codebuf_u8(cb, (uint8_t)(in->op[in->nops - 1].reg << 4));
}

/* VZEROUPPER, VZEROALL: outside 64-bit mode the upper eight registers keep their values. */
static void vzero(struct codebuf *cb, const struct insn *in)
{
	if (in->code == 8) {
		codebuf_u8(cb, 0xC5);
		codebuf_u8(cb, in->vex_l ? 0xFC : 0xF8);
		codebuf_u8(cb, 0x77);
		return;
	}
	for (unsigned i = 0; i < 8; i++)
		x_vex_rr(cb, in->vex_l ? X_0F(0x57) : X_0F(0x28), 4, 0, i, in->vex_l ? i : 0, i); /* vxorps, vmovaps */
}

static void encode(struct emitter *c, const struct insn *in, const struct enc *e, const struct x_mem *m)
{
	unsigned w = in->rex & 8 && !is_x87(in) ? 8 : 4;

	if (!in->has_modrm) {
		if (in->vex) {
			vzero(&c->cb, in);
			return;
		}
		if (in->map)
			codebuf_u8(&c->cb, 0x0F);
		codebuf_u8(&c->cb, in->opcode);
		return;
	}
	if (in->vex && m)
		x_vex_rm(&c->cb, opcode(in), vex_w(in), in->vex_l, e->reg, in->vvvv, m);
	else if (in->vex)
		x_vex_rr(&c->cb, opcode(in), vex_w(in), in->vex_l, e->reg, in->vvvv, e->rm);
	else if (m)
		x_rm(&c->cb, opcode(in), w, e->reg, m);
	else
		x_rr(&c->cb, opcode(in), w, e->reg, e->rm);
	immediate(&c->cb, in);
}

/* A store by way of C: the instruction writes where C says, then C commits. */
void cold_native_store(struct emitter *c, struct cold *k)
{
	const struct insn *in = &c->ir->insns[k->imm];
	struct x64_site *s = k->site;
	struct x_mem m = {s->gla_reg, s->delta_reg, 0, 0};
	struct enc e = {.reg = in->reg & (is_x87(in) || in->op[1].kind == OPND_MMX ? 7 : 15)};

	call_slow(c, s, SAVE_NONE);
	s->join = code_here(c);
	encode(c, in, &e, &m);
	call_slow(c, s + 1, SAVE_NONE);
}

/* A word that unmasks exceptions changes the mode: the run loop goes on from the instruction's start. */
static bool lower_fldcw(struct emitter *c, const struct ir_op *o)
{
	bool window = c->window;
	struct x_mem m;

	c->window = false; /* two accesses */
	m = probe(c, o, SITE_NLD, IR_NONE, 0);
	c->window = window;
	x_movzx_m(&c->cb, X_R11, &m, 2);
	x_alui(&c->cb, X_AND, 4, X_R11, 0x3F);
	x_alui(&c->cb, X_CMP, 4, X_R11, 0x3F);
	leave_for_one(c, o, x_jcc_fwd(&c->cb, 5));
	x_rm(&c->cb, 0xD9, 4, 5, &m);
	return true;
}

bool x64_alone(struct emitter *c, const struct ir_op *o)
{
	if (o->op != IR_NATIVE || !is_fldcw(&c->ir->insns[o->imm]))
		return false;
	flags_lost(c);
	leave_for_one(c, o, x_jmp_fwd(&c->cb));
	return true;
}

bool native_keeps_flags(const struct emitter *c, const struct ir_op *o)
{
	const struct insn *in;

	if (o->op != IR_NATIVE || o->fdef || o->fuse)
		return false;
	in = &c->ir->insns[o->imm];
	return !is_fldcw(in) && (!in->has_mem || in_window(c, stores(in) ? SITE_NST : SITE_NLD, alignment(in, o->w)));
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
	if (is_fldcw(in))
		return lower_fldcw(c, o);
	if (in->has_mem) {
		m = probe(c, o, st ? SITE_NST : SITE_NLD, IR_NONE, alignment(in, o->w));
		if (st && !(m.scale & X_WINDOW))
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
