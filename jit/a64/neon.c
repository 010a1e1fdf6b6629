/*
 * neon.c - SSE and AVX instructions as NEON code: which they are, and their operands.
 *
 * neon.def has a row for each, with the function that makes its code. An instruction without a row, or a form its
 * function turns away, is run in C within the block (lower_eval()), as x87 and MMX instructions are.
 */
#include "jit/a64/neon.h"

static const struct neon_row neon_rows[INSN_COUNT] = {
#define N(id, f, a) [INSN_##id] = {.fn = (f), .arg = (uint32_t)(a)},
#define N_IF(id, f, a, host) [INSN_##id] = {.fn = (f), .arg = (uint32_t)(a), .need = HOSTN_##host + 1},
#define N2(id, f, a) [INSN_##id] = {.fn = (f), .arg = (uint32_t)(a), .ymm = true},
#include "jit/a64/neon.def"
#undef N
#undef N2
#undef N_IF
};

/* A 16-byte operand of a legacy SSE instruction must be aligned, but for the few made not to. */
static unsigned alignment(const struct neon *p, unsigned w)
{
	if (w < 16)
		return 0;
	switch (p->in->id) {
	case INSN_MOVUPS_VpsWps: case INSN_MOVUPS_WpsVps: case INSN_MOVUPD_VpdWpd: case INSN_MOVUPD_WpdVpd:
	case INSN_MOVDQU_VdqWdq: case INSN_MOVDQU_WdqVdq: case INSN_LDDQU_VdqMdq:
		return 0;
	case INSN_VMOVAPS_VxWx: case INSN_VMOVAPS_WxVx: case INSN_VMOVAPD_VxWx: case INSN_VMOVAPD_WxVx:
	case INSN_VMOVDQA_VxWx: case INSN_VMOVDQA_WxVx: case INSN_VMOVNTPS_MxVx: case INSN_VMOVNTPD_MxVx:
	case INSN_VMOVNTDQ_MxVx: case INSN_VMOVNTDQA_VdqMdq:
	case INSN_VMOVNTDQA_VqqMqq:
		return w;
	}
	return p->in->vex ? 0 : 16;
}

unsigned neon_high(struct neon *p, unsigned n, unsigned v)
{
	a_vldr(&p->c->cb, 16, v, X_CPU, ENV(fpu.ymmh) + 16 * (int32_t)(n & 15));
	return v;
}

unsigned neon_reg(struct neon *p)
{
	return p->half ? neon_high(p, p->in->reg, V_A_HIGH) : xmm_use(p->c, p->in->reg);
}

unsigned neon_a(struct neon *p)
{
	unsigned n = p->in->vex ? p->in->vvvv : p->in->reg;

	return p->half ? neon_high(p, n, V_A_HIGH) : xmm_use(p->c, n);
}

unsigned neon_addr(struct neon *p, unsigned w)
{
	BUG_ON(p->o->w != w);
	return probe(p->c, p->o, SITE_VLD, IR_NONE, alignment(p, w));
}

unsigned neon_b(struct neon *p, unsigned w)
{
	struct codebuf *cb = &p->c->cb;
	unsigned a;

	if (!p->in->has_mem)
		return p->half ? neon_high(p, p->in->rm, V_B_HIGH) : xmm_use(p->c, p->in->rm);
	if (p->half)
		return V_B_HIGH;
	if (!p->ymm || p->o->w != 32) {
		a = neon_addr(p, w);
		a_vldr_reg(cb, w, V_MEM, a, X_S2);
		return V_MEM;
	}
	a = neon_addr(p, 32);
	a_add(cb, A_ADD, 8, X_S2, a, X_S2, A_LSL, 0);
	a_vldr(cb, 16, V_MEM, X_S2, 0);
	a_vldr(cb, 16, V_B_HIGH, X_S2, 16);
	return V_MEM;
}

/* VEX: the upper half of the YMM register becomes zero. */
static unsigned dest(struct neon *p, unsigned n)
{
	struct emitter *c = p->c;

	n &= 15;
	if (p->half) {
		p->dest = (uint8_t)n;
		return V_D_HIGH;
	}
	if (p->in->vex && !p->ymm && !(c->vzero >> n & 1)) {
		a_vzero(&c->cb, 7);
		a_vstr(&c->cb, 16, 7, X_CPU, ENV(fpu.ymmh) + 16 * (int32_t)n);
		c->vzero |= 1u << n;
	}
	return xmm_def(c, n);
}

unsigned neon_dest(const struct neon *p)
{
	return p->half ? V_D_HIGH : 16 + (p->in->reg & 15u);
}

unsigned neon_d(struct neon *p)
{
	return dest(p, p->in->reg);
}

unsigned neon_d_rm(struct neon *p)
{
	return dest(p, p->in->rm);
}

unsigned neon_d_v(struct neon *p)
{
	return dest(p, p->in->vex ? p->in->vvvv : p->in->rm);
}

unsigned neon_int_size(const struct neon *p)
{
	for (unsigned i = 0; i < p->in->nops; i++)
		if (p->in->op[i].kind == OPND_GPR)
			return p->in->op[i].size;
	return p->o->w;
}

unsigned neon_gpr(const struct neon *p)
{
	return host_reg(p->in->rm);
}

unsigned neon_gpr_reg(const struct neon *p)
{
	return host_reg(p->in->reg);
}

size_t neon_off(const struct neon *p, unsigned byte)
{
	return offsetof(struct vcpu, fpu.xmm) + 16 * (p->in->reg & 15u) + byte;
}

void neon_store(struct neon *p, unsigned v, unsigned w, size_t off)
{
	struct emitter *c = p->c;
	unsigned a = probe(c, p->o, SITE_VST, IR_NONE, alignment(p, w));

	c->site[c->nsites - 1].imm = (int64_t)off;
	if (w < 32) {
		a_vstr_reg(&c->cb, w, v, a, X_S2);
		return;
	}
	a_add(&c->cb, A_ADD, 8, X_S2, a, X_S2, A_LSL, 0);
	a_vstr(&c->cb, 16, v, X_S2, 0);
	a_vstr(&c->cb, 16, V_D_HIGH, X_S2, 16);
}

/* The upper half: the function once more, and what it made to its place. */
static bool upper(struct neon *p, const struct neon_row *r)
{
	struct emitter *c = p->c;

	p->half = 1;
	p->dest = NEON_NO_DEST;
	if (!r->fn(p))
		return false;
	if (p->dest != NEON_NO_DEST) {
		a_vstr(&c->cb, 16, V_D_HIGH, X_CPU, ENV(fpu.ymmh) + 16 * (int32_t)p->dest);
		c->vzero &= (uint16_t)~(1u << p->dest);
	}
	fp_done(p, p->check);
	return true;
}

/* VEX.L says so only where an operand has the vector's size: scalar instructions ignore it. */
static bool is_ymm(const struct insn *in)
{
	for (unsigned i = 0; i < in->nops; i++)
		if (in->op[i].size == 32)
			return true;
	return false;
}

neon_fn *neon_function(const struct insn *in)
{
	return in->id < INSN_COUNT ? neon_rows[in->id].fn : NULL;
}

bool lower_native(struct emitter *c, const struct ir_op *o)
{
	const struct insn *in = &c->ir->insns[o->imm];
	const struct neon_row *r = &neon_rows[in->id < INSN_COUNT ? in->id : 0];
	struct neon p = {.c = c, .o = o, .in = in, .arg = r->arg};

	p.ymm = is_ymm(in);
	if (!in->map && in->opcode >= 0x9B)
		return lower_x87(c, o);
	if (!r->fn || in->id >= INSN_COUNT || (p.ymm && !r->ymm))
		return false;
	if (r->need && !(c->x->feat >> (r->need - 1) & 1))
		return false;
	return r->fn(&p) && (!p.ymm || upper(&p, r));
}

static bool x87_native(const struct insn *in)
{
	unsigned ext = in->reg & 7;

	if (in->opcode < 0xD8)
		return in->opcode == 0x9B;
	if (in->has_mem) /* environments, and FLDCW, which may unmask */
		return !(in->opcode == 0xD9 && ext >= 4 && ext <= 6) && !(in->opcode == 0xDD && (ext == 4 || ext == 6));
	return !(in->opcode == 0xDB && ext == 4 && in->modrm != 0xE2); /* FNINIT and the 8087's */
}

/* Everything but control words and what faults in its middle: also what C runs need not end its block for that. */
bool a64_can_native(void *priv, const struct insn *in)
{
	bool sized = !in->has_mem;

	(void)priv;
	for (unsigned i = 0; i < in->nops; i++)
		sized |= in->op[i].kind == OPND_MEM && in->op[i].size;
	if (in->lock || !sized)
		return false;
	switch (in->map) {
	case 0:
		return x87_native(in);
	case 1: /* MASKMOVx; group 15 is state */
		return in->opcode != 0xF7 && in->opcode != 0xAE;
	case 2: /* VMASKMOVx, VPMASKMOVx, gathers */
		return !in->vex || !((in->opcode >= 0x2C && in->opcode <= 0x2F) || in->opcode == 0x8C || in->opcode == 0x8E ||
			(in->opcode >= 0x90 && in->opcode <= 0x93));
	}
	return in->map == 3;
}
