/*
 * neon_move.c - moves between XMM registers, memory and general registers.
 */
#include "jit/a64/neon.h"

/* The low element of 1 << @s bytes of @b into the first source. */
static void merge(struct neon *p, unsigned s, unsigned a, unsigned b, unsigned d)
{
	struct codebuf *cb = &p->c->cb;

	if (d == a) {
		a_vins(cb, s, d, 0, b, 0);
		return;
	}
	a_vmov(cb, 0, a);
	a_vins(cb, s, 0, 0, b, 0);
	a_vmov(cb, d, 0);
}

/* From memory, arg bytes; the rest of the register becomes zero. */
bool neon_load(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned a, d;

	if (p->half) { /* it is there */
		neon_d(p);
		return true;
	}
	a = neon_addr(p, p->ymm ? 32 : p->arg);
	d = neon_d(p);
	if (!p->ymm) {
		a_vldr_reg(cb, p->arg, d, a, X_S2);
		return true;
	}
	a_add(cb, A_ADD, 8, X_S2, a, X_S2, A_LSL, 0);
	a_vldr(cb, 16, d, X_S2, 0);
	a_vldr(cb, 16, V_D_HIGH, X_S2, 16);
	return true;
}

/* MOVAPS and the like: a whole register, or arg bytes of memory */
bool neon_move(struct neon *p)
{
	unsigned b, d;

	if (p->in->has_mem)
		return neon_load(p);
	b = neon_b(p, 16);
	d = neon_d(p);
	if (d != b)
		a_vmov(&p->c->cb, d, b);
	return true;
}

/* ModRM.reg to ModRM.rm: the same in the other direction */
bool neon_move_out(struct neon *p)
{
	unsigned s, d;

	if (p->in->has_mem && p->half)
		return true;
	s = neon_reg(p);
	if (p->in->has_mem) {
		if (p->ymm)
			neon_high(p, p->in->reg, V_D_HIGH);
		neon_store(p, s, p->ymm ? 32 : p->arg, neon_off(p, 0));
		return true;
	}
	d = neon_d_rm(p);
	if (d != s)
		a_vmov(&p->c->cb, d, s);
	return true;
}

/* MOVSS, MOVSD: a load clears the rest, between registers it stays. arg: log2 of the bytes */
bool neon_movs(struct neon *p)
{
	unsigned a, b;

	if (p->in->has_mem) {
		p->arg = 1u << p->arg;
		return neon_load(p);
	}
	a = neon_a(p);
	b = neon_b(p, 16);
	merge(p, p->arg, a, b, neon_d(p));
	return true;
}

bool neon_movs_out(struct neon *p)
{
	unsigned a, s;

	if (p->in->has_mem) {
		p->arg = 1u << p->arg;
		return neon_move_out(p);
	}
	a = xmm_use(p->c, p->in->vex ? p->in->vvvv : p->in->rm);
	s = xmm_use(p->c, p->in->reg);
	merge(p, p->arg, a, s, neon_d_rm(p));
	return true;
}

/* MOVLPS, MOVHPS from memory. arg: the half */
bool neon_load_half(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned a = neon_a(p), d;

	neon_b(p, 8);
	d = neon_d(p);
	if (d != a)
		a_vmov(cb, d, a);
	a_vins(cb, 3, d, p->arg, V_MEM, 0);
	return true;
}

bool neon_store_half(struct neon *p)
{
	unsigned s = xmm_use(p->c, p->in->reg);

	if (p->arg) {
		a_sdup(&p->c->cb, 3, 0, s, 1);
		s = 0;
	}
	neon_store(p, s, 8, neon_off(p, 8 * p->arg));
	return true;
}

/* MOVD, MOVQ */
bool neon_gpr_in(struct neon *p)
{
	p->arg = neon_int_size(p);
	if (p->in->has_mem)
		return neon_load(p);
	a_v2(&p->c->cb, p->arg == 8 ? A_GFMOV_TO | 1u << 31 | A_VS(1) : A_GFMOV_TO, neon_d(p), neon_gpr(p));
	return true;
}

bool neon_gpr_out(struct neon *p)
{
	unsigned s = xmm_use(p->c, p->in->reg);

	p->arg = neon_int_size(p);
	if (p->in->has_mem)
		neon_store(p, s, p->arg, neon_off(p, 0));
	else
		a_v2(&p->c->cb, p->arg == 8 ? A_GFMOV_FROM | 1u << 31 | A_VS(1) : A_GFMOV_FROM, neon_gpr(p), s);
	return true;
}

/* MOVQ xmm, xmm: clears the upper half */
bool neon_movq(struct neon *p)
{
	unsigned b;

	if (p->in->has_mem)
		return neon_load(p);
	b = neon_b(p, 8);
	a_v2(&p->c->cb, A_SFMOV | A_VS(1), neon_d(p), b);
	return true;
}

bool neon_movq_out(struct neon *p)
{
	unsigned s;

	if (p->in->has_mem)
		return neon_move_out(p);
	s = xmm_use(p->c, p->in->reg);
	a_v2(&p->c->cb, A_SFMOV | A_VS(1), neon_d_rm(p), s);
	return true;
}

bool neon_ddup(struct neon *p)
{
	unsigned b = neon_b(p, 8);

	a_vdup(&p->c->cb, 3, neon_d(p), b, 0);
	return true;
}

/* arg: d = b op b */
bool neon_dup_pair(struct neon *p)
{
	unsigned b = neon_b(p, 16);

	a_v3(&p->c->cb, p->arg, neon_d(p), b, b);
	return true;
}

/* PINSRx. arg: log2 of the element's bytes */
bool neon_insert(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned i = (unsigned)p->in->imm & ((16u >> p->arg) - 1), a = neon_a(p), d;

	if (p->in->has_mem)
		neon_b(p, 1u << p->arg);
	d = neon_d(p);
	if (d != a)
		a_vmov(cb, d, a);
	if (p->in->has_mem)
		a_vins(cb, p->arg, d, i, V_MEM, 0);
	else
		a_vins_reg(cb, p->arg, d, i, neon_gpr(p));
	return true;
}

/* PEXTRx, EXTRACTPS: to ModRM.rm */
bool neon_extract(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned i = (unsigned)p->in->imm & ((16u >> p->arg) - 1), s = xmm_use(p->c, p->in->reg);

	if (!p->in->has_mem) {
		a_umov(cb, p->arg, neon_gpr(p), s, i);
		return true;
	}
	a_sdup(cb, p->arg, 0, s, i);
	neon_store(p, 0, 1u << p->arg, neon_off(p, i << p->arg));
	return true;
}

/* PEXTRW of SSE2: from ModRM.rm to ModRM.reg */
bool neon_extractw(struct neon *p)
{
	unsigned b = neon_b(p, 16);

	a_umov(&p->c->cb, 1, neon_gpr_reg(p), b, p->in->imm & 7);
	return true;
}

/* Two values of @shift bits each from the low bytes of V0's halves into the general register; of 256 bits, four. */
static void gather(struct neon *p, unsigned shift)
{
	struct codebuf *cb = &p->c->cb;
	unsigned d = neon_gpr_reg(p);

	a_umov(cb, 0, X_S, 0, 0);
	a_umov(cb, 0, X_S2, 0, 8);
	if (p->half) {
		a_logic(cb, A_ORR, 4, X_S, X_S, X_S2, A_LSL, shift);
		a_logic(cb, A_ORR, 4, d, d, X_S, A_LSL, 2 * shift);
	} else {
		a_logic(cb, A_ORR, 4, d, X_S, X_S2, A_LSL, shift);
	}
}

/* The sign bits of the elements, moved together step by step. */
bool neon_movmskb(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned b = neon_b(p, 16);

	a_vshift(cb, A_VUSHR, 0, 0, b, 7);
	a_vshift(cb, A_VUSRA, 1, 0, 0, 7);
	a_vshift(cb, A_VUSRA, 2, 0, 0, 14);
	a_vshift(cb, A_VUSRA, 3, 0, 0, 28);
	gather(p, 8);
	return true;
}

bool neon_movmskps(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned b = neon_b(p, 16);

	a_vshift(cb, A_VUSHR, 2, 0, b, 31);
	a_vshift(cb, A_VUSRA, 3, 0, 0, 31);
	gather(p, 2);
	return true;
}

bool neon_movmskpd(struct neon *p)
{
	unsigned b = neon_b(p, 16);

	a_vshift(&p->c->cb, A_VUSHR, 3, 0, b, 63);
	gather(p, 1);
	return true;
}

/* arg: log2 of the element's bytes, 4 for 128 bits */
bool neon_broadcast(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned b, d;

	if (p->half) {
		a_vmov(cb, neon_d(p), xmm_use(p->c, p->in->reg));
		return true;
	}
	b = neon_b(p, 1u << p->arg);
	d = neon_d(p);
	if (p->arg < 4)
		a_vdup(cb, p->arg, d, b, 0);
	else
		a_vmov(cb, d, b);
	return true;
}

/* VINSERTI128: one half from the second source, the other from the first */
bool neon_insert128(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned b, a;

	if (p->half) {
		neon_d(p);
		return true;
	}
	b = neon_b(p, 16);
	if (p->in->imm & 1) {
		a_vmov(cb, V_D_HIGH, b);
		a = neon_a(p);
		a_vmov(cb, neon_d(p), a);
	} else {
		neon_high(p, p->in->vvvv, V_D_HIGH);
		a_vmov(cb, neon_d(p), b);
	}
	return true;
}

bool neon_extract128(struct neon *p)
{
	bool high = p->in->imm & 1;
	unsigned s = high ? neon_high(p, p->in->reg, 0) : xmm_use(p->c, p->in->reg);

	p->ymm = false; /* the destination is an XMM register */
	if (p->in->has_mem)
		neon_store(p, s, 16, high ? offsetof(struct vcpu, fpu.ymmh) + 16 * (p->in->reg & 15u) : neon_off(p, 0));
	else
		a_vmov(&p->c->cb, neon_d_rm(p), s);
	return true;
}

/* d = quad words of the register in @low and @high, chosen by the two lowest two-bit fields of @imm */
static void choose(struct codebuf *cb, unsigned d, unsigned low, unsigned high, unsigned imm)
{
	a_vdup(cb, 3, d, imm & 2 ? high : low, imm & 1);
	a_vins(cb, 3, d, 1, imm & 8 ? high : low, imm >> 2 & 1);
}

bool neon_permq(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned b, high;

	if (p->half) {
		neon_d(p);
		return true;
	}
	b = neon_b(p, 32);
	high = p->in->has_mem ? V_B_HIGH : neon_high(p, p->in->rm, V_B_HIGH);
	choose(cb, 0, b, high, (unsigned)p->in->imm);
	choose(cb, V_D_HIGH, b, high, (unsigned)p->in->imm >> 4 & 15);
	a_vmov(cb, neon_d(p), 0);
	return true;
}

/* VPERM2I128: each half is any of the four of both sources, or zero */
bool neon_perm128(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned from[4];

	if (p->half) {
		neon_d(p);
		return true;
	}
	from[0] = neon_a(p);
	from[1] = neon_high(p, p->in->vvvv, V_A_HIGH);
	from[2] = neon_b(p, 32);
	from[3] = p->in->has_mem ? V_B_HIGH : neon_high(p, p->in->rm, V_B_HIGH);
	for (unsigned i = 0; i < 2; i++) {
		unsigned sel = (unsigned)p->in->imm >> 4 * i & 15, d = i ? V_D_HIGH : 0;

		if (sel & 8)
			a_vzero(cb, d);
		else
			a_vmov(cb, d, from[sel & 3]);
	}
	a_vmov(cb, neon_d(p), 0);
	return true;
}

/* Outside 64-bit mode the upper eight registers keep their values. */
bool neon_vzeroupper(struct neon *p)
{
	struct emitter *c = p->c;
	unsigned n = p->in->code == 8 ? 16 : 8;

	a_vzero(&c->cb, 7);
	a_addi(&c->cb, A_ADD, 8, X_S, X_CPU, (uint64_t)ENV(fpu.ymmh));
	for (unsigned i = 0; i < n; i += 2)
		if ((c->vzero >> i & 3) != 3)
			a_vstp(&c->cb, 7, 7, X_S, 16 * (int32_t)i);
	c->vzero |= (uint16_t)((1u << n) - 1);
	return true;
}
