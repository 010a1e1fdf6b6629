/*
 * neon_int.c - packed integers: arithmetic, comparisons, shifts, PTEST.
 */
#include "jit/a64/neon.h"

/* arg: d = a op b */
bool neon_three(struct neon *p)
{
	unsigned a = neon_a(p), b = neon_b(p, 16);

	a_v3(&p->c->cb, p->arg, neon_d(p), a, b);
	return true;
}

/* arg: d = b op a */
bool neon_three_swapped(struct neon *p)
{
	unsigned a = neon_a(p), b = neon_b(p, 16);

	a_v3(&p->c->cb, p->arg, neon_d(p), b, a);
	return true;
}

/* PXOR, XORPS, PCMPEQx of a register with itself do not read it. */
bool neon_clear(struct neon *p)
{
	if (p->in->has_mem || p->in->rm != (p->in->vex ? p->in->vvvv : p->in->reg))
		return neon_three(p);
	if (p->arg == A_VEOR)
		a_vzero(&p->c->cb, neon_d(p));
	else
		a_vbytes(&p->c->cb, neon_d(p), 0xFF);
	return true;
}

/* arg: d = op b */
bool neon_two(struct neon *p)
{
	unsigned b = neon_b(p, 16);

	a_v2(&p->c->cb, p->arg, neon_d(p), b);
	return true;
}

/* Shifts by a constant: arg is log2 of the element's bytes, and the kind. */
bool neon_shift_imm(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned s = p->arg & 3, kind = p->arg & ~3u, width = 8u << s, n = (unsigned)p->in->imm & 0xFF;
	unsigned b = neon_b(p, 16), d = neon_d_v(p);

	if (kind == NEON_SRA && n >= width)
		n = width - 1;
	if (n >= width)
		a_vzero(cb, d);
	else if (n)
		a_vshift(cb, kind == NEON_SLL ? A_VSHL : kind == NEON_SRA ? A_VSSHR : A_VUSHR, s, d, b, n);
	else if (d != b)
		a_vmov(cb, d, b);
	return true;
}

/* PSLLDQ, PSRLDQ */
bool neon_shift_bytes(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned n = (unsigned)p->in->imm & 0xFF, b = neon_b(p, 16), d = neon_d_v(p);

	if (n > 15) {
		a_vzero(cb, d);
	} else if (n) {
		a_vzero(cb, 0);
		if (p->arg == NEON_SLL)
			a_vext(cb, d, 0, b, 16 - n);
		else
			a_vext(cb, d, b, 0, n);
	} else if (d != b) {
		a_vmov(cb, d, b);
	}
	return true;
}

/* By the low 64 bits of the second operand: brought to 127 at most, which shifts everything out of any element. */
bool neon_shift_var(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned s = p->arg & 3, kind = p->arg & ~3u, a = neon_a(p), b;

	if (!p->half) { /* the same count for both halves, in V3 */
		b = neon_b(p, 16);
		for (unsigned i = 3; i-- > 0;)
			a_v2(cb, (A_VUQXTN2 & ~A_VLOW) | A_VS(i), 3, i == 2 ? b : 3);
		a_vbytes(cb, 2, 127);
		a_v3(cb, A_VUMIN, 3, 3, 2);
		a_vdup(cb, 0, 3, 3, 0);
		if (kind != NEON_SLL)
			a_v2(cb, A_VNEG, 3, 3);
	}
	a_v3(cb, (kind == NEON_SRA ? A_VSSHL : A_VUSHL) | A_VS(s), neon_d(p), a, 3);
	return true;
}

/* V0 = products of the lower, V2 of the upper words; arg: SMULL2 or UMULL2 */
static void products(struct neon *p, uint32_t op)
{
	unsigned a = neon_a(p), b = neon_b(p, 16);

	a_v3(&p->c->cb, (op & ~A_VLOW) | A_VS(1), 0, a, b);
	a_v3(&p->c->cb, op | A_VS(1), 2, a, b);
}

bool neon_maddwd(struct neon *p)
{
	products(p, A_VSMULL2);
	a_v3(&p->c->cb, A_VADDP | A_VS(2), neon_d(p), 0, 2);
	return true;
}

bool neon_mulh(struct neon *p)
{
	products(p, p->arg);
	a_v3(&p->c->cb, A_VUZP2 | A_VS(1), neon_d(p), 0, 2);
	return true;
}

/* SQRDMULH would saturate 8000h * 8000h. */
bool neon_mulhrs(struct neon *p)
{
	products(p, A_VSMULL2);
	a_vshift(&p->c->cb, (enum a_vshift)(A_VRSHRN2 & ~A_VLOW), 1, 0, 0, 15);
	a_vshift(&p->c->cb, A_VRSHRN2, 1, 0, 2, 15);
	a_vmov(&p->c->cb, neon_d(p), 0);
	return true;
}

/* The even double words to quad words. arg: SMULL2 or UMULL2 */
bool neon_mulq(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned a = neon_a(p), b = neon_b(p, 16);

	a_v2(cb, (A_VXTN2 & ~A_VLOW) | A_VS(2), 0, a);
	a_v2(cb, (A_VXTN2 & ~A_VLOW) | A_VS(2), 2, b);
	a_v3(cb, (p->arg & ~A_VLOW) | A_VS(2), neon_d(p), 0, 2);
	return true;
}

/* Unsigned bytes of a by signed bytes of b, in words; neighbours added with saturation */
bool neon_maddubs(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned a = neon_a(p), b = neon_b(p, 16);

	a_vshift(cb, (enum a_vshift)(A_VUSHLL2 & ~A_VLOW), 0, 0, a, 0);
	a_vshift(cb, (enum a_vshift)(A_VSSHLL2 & ~A_VLOW), 0, 2, b, 0);
	a_v3(cb, A_VMUL | A_VS(1), 0, 0, 2);
	a_vshift(cb, A_VUSHLL2, 0, 2, a, 0);
	a_vshift(cb, A_VSSHLL2, 0, 3, b, 0);
	a_v3(cb, A_VMUL | A_VS(1), 2, 2, 3);
	a_v3(cb, A_VUZP1 | A_VS(1), 3, 0, 2);
	a_v3(cb, A_VUZP2 | A_VS(1), 0, 0, 2);
	a_v3(cb, A_VSQADD | A_VS(1), neon_d(p), 3, 0);
	return true;
}

bool neon_sad(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned a = neon_a(p), b = neon_b(p, 16);

	a_v3(cb, A_VUABD, 0, a, b);
	a_v2(cb, A_VUADDLP | A_VS(0), 0, 0);
	a_v2(cb, A_VUADDLP | A_VS(1), 0, 0);
	a_v2(cb, A_VUADDLP | A_VS(2), neon_d(p), 0);
	return true;
}

/* arg: the narrowing instruction of the upper half */
bool neon_pack(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned a = neon_a(p), b = neon_b(p, 16);

	a_v2(cb, p->arg & ~A_VLOW, 0, a);
	a_v2(cb, p->arg, 0, b);
	a_vmov(cb, neon_d(p), 0);
	return true;
}

/* Neighbours: even elements op odd elements; arg: the op */
bool neon_hsub(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned a = neon_a(p), b = neon_b(p, 16);
	uint32_t s = p->arg & A_VS(3);

	a_v3(cb, A_VUZP1 | s, 0, a, b);
	a_v3(cb, A_VUZP2 | s, 2, a, b);
	a_v3(cb, p->arg, neon_d(p), 0, 2);
	return true;
}

/* PSIGNx: negated, zero or kept as the second operand is negative, zero or positive */
bool neon_sign(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned a = neon_a(p), b = neon_b(p, 16);
	uint32_t s = A_VS(p->arg);

	a_v2(cb, A_VNEG | s, 0, a);
	a_v2(cb, A_VCMLT0 | s, 2, b);
	a_v3(cb, A_VBSL, 2, 0, a);
	a_v2(cb, A_VCMEQ0 | s, 0, b);
	a_v3(cb, A_VBIC, neon_d(p), 2, 0);
	return true;
}

/* PMOVSX, PMOVZX. arg: log2 of the bytes before and (<< 2) after, 16: signed */
bool neon_extend(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned from = p->arg & 3, to = p->arg >> 2 & 3, b = neon_b(p, 16u >> (to - from));
	uint32_t op = (p->arg & 16 ? A_VSSHLL2 : A_VUSHLL2) & ~A_VLOW;

	for (unsigned s = from; s < to; s++) {
		unsigned d = s + 1 < to ? 0 : neon_d(p);

		a_vshift(cb, (enum a_vshift)op, s, d, b, 0);
		b = 0;
	}
	return true;
}

/* ZF: a & b is 0; CF: b without a is 0; the others 0 */
bool neon_ptest(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned a = neon_reg(p), b = neon_b(p, 16), n = p->half ? 3 : 0;

	a_v3(cb, A_VAND, n, a, b);
	if (p->half)
		a_v3(cb, A_VORR, 0, 0, 3);
	a_v3(cb, A_VBIC, p->half ? 3 : 2, b, a);
	if (p->half)
		a_v3(cb, A_VORR, 2, 2, 3);
	else if (p->ymm)
		return true;
	a_v3(cb, A_VUMAXP | A_VS(2), 0, 0, 2); /* zero in a half if the whole was */
	a_v2(cb, A_VCMEQ0 | A_VS(3), 0, 0);
	a_umov(cb, 3, X_S, 0, 0);
	a_umov(cb, 3, X_S2, 0, 1);
	a_logici(cb, A_AND, 8, X_S, X_S, NZCV_Z);
	a_logici(cb, A_AND, 8, X_S2, X_S2, NZCV_C);
	a_logic(cb, A_ORR, 8, X_S, X_S, X_S2, A_LSL, 0);
	a_msr_nzcv(cb, X_S);
	a_movi(cb, X_PF, 1);
	a_mov(cb, 8, X_AF, X_PF);
	p->c->inv = false;
	return true;
}
