/*
 * neon_convert.c - conversions between integers and floating point.
 *
 * To integers the host saturates where SSE gives 80000000h, and says Invalid: then C does it. Rounding by MXCSR is a step of its own
 * (FRINTI, silent); whether it was inexact is asked (FRINTX) once nothing can go wrong any more. FRINT32x and FRINT64x (FEAT_FRINTTS) make
 * the most negative integer of what does not fit, as SSE does; neon_afp() implies them.
 */
#include "jit/a64/neon.h"

static void all_of(struct neon *p, struct cold *k, unsigned v)
{
	a_vmov(&p->c->cb, neon_d(p), v);
	if (k)
		fp_done(p, k);
}

static bool converted(struct neon *p, uint32_t op, unsigned b)
{
	if (neon_afp(p)) {
		a_v2(&p->c->cb, op, neon_d(p), b);
		return true;
	}
	a_v2(&p->c->cb, op, 0, b);
	all_of(p, fp_check(p), 0);
	return true;
}

bool neon_cvt_dq2ps(struct neon *p)
{
	unsigned b;

	fp_need(p->c);
	b = neon_b(p, 16); /* or the upper half, the second time */
	a_v2(&p->c->cb, A_VSCVTF, neon_d(p), b); /* Inexact at most */
	return true;
}

bool neon_cvt_dq2pd(struct neon *p)
{
	unsigned b = neon_b(p, 8);

	a_vshift(&p->c->cb, (enum a_vshift)(A_VSSHLL2 & ~A_VLOW), 2, 0, b, 0);
	a_v2(&p->c->cb, A_VSCVTF | A_VS(1), neon_d(p), 0); /* exact */
	return true;
}

/* By way of 64-bit integers, which must be 32-bit ones; arg: 1 to truncate */
bool neon_cvt_pd2dq(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	struct cold *k;
	unsigned b;

	fp_need(p->c);
	b = neon_b(p, 16);
	if (neon_afp(p)) {
		a_v2(cb, (p->arg ? A_VFRINT32Z : A_VFRINT32X) | A_VS(1), 0, b);
		a_v2(cb, A_VFCVTZS | A_VS(1), 0, 0);
		a_v2(cb, (A_VXTN2 & ~A_VLOW) | A_VS(2), neon_d(p), 0);
		return true;
	}
	a_v2(cb, (p->arg ? A_VFRINTZ : A_VFRINTI) | A_VS(1), 0, b);
	a_v2(cb, A_VFCVTZS | A_VS(1), 0, 0);
	a_v2(cb, (A_VXTN2 & ~A_VLOW) | A_VS(2), 2, 0);
	a_vshift(cb, (enum a_vshift)(A_VSSHLL2 & ~A_VLOW), 2, 3, 2, 0);
	a_v3(cb, A_VEOR, 3, 3, 0);
	a_v3(cb, A_VUMAXP | A_VS(2), 3, 3, 3);
	a_v2(cb, A_GFMOV_FROM | 1u << 31 | A_VS(1), X_S2, 3);
	k = fp_check2(p, X_S2);
	a_v2(cb, A_VFRINTX | A_VS(1), 3, b);
	all_of(p, k, 2);
	return true;
}

bool neon_cvt_ps2pd(struct neon *p)
{
	unsigned b;

	fp_need(p->c);
	b = neon_b(p, 8);
	return converted(p, (A_VFCVTL2 & ~A_VLOW) | A_VS(1), b);
}

bool neon_cvt_pd2ps(struct neon *p)
{
	unsigned b;

	fp_need(p->c);
	b = neon_b(p, 16);
	return converted(p, (A_VFCVTN2 & ~A_VLOW) | A_VS(1), b);
}

/* CVTSI2Sx: from a general register or memory, beside the rest of the first source. arg: 1 to double */
bool neon_cvt_si2s(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	bool wide = neon_int_size(p) == 8;
	uint32_t op = A_GSCVTF | (wide ? 1u << 31 : 0) | (p->arg ? A_VS(1) : 0);
	unsigned r = neon_gpr(p), a, d;

	if (!p->arg || wide) /* else it is exact */
		fp_need(p->c);
	a = neon_a(p);
	if (p->in->has_mem) {
		unsigned at = neon_addr(p, wide ? 8 : 4);

		r = X_S;
		a_ldr_reg(cb, wide ? 8 : 4, r, at, X_S2);
	}
	if (neon_afp(p) && p->c->fp_ready && neon_dest(p) == a) { /* beside the rest, FPCR.NEP */
		a_v2(cb, op, neon_d(p), r);
		return true;
	}
	a_v2(cb, op, 0, r);
	d = neon_d(p);
	if (d != a)
		a_vmov(cb, d, a);
	a_vins(cb, 2 + p->arg, d, 0, 0, 0);
	return true;
}

/* CVTSx2SI, CVTTSx2SI. arg: 1 from double, 2 to truncate */
bool neon_cvt_s2si(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	bool wide = p->in->op[0].size == 8, trunc = p->arg & 2;
	uint32_t size = p->arg & 1 ? A_VS(1) : 0;
	struct cold *k;
	unsigned b;

	fp_need(p->c);
	b = neon_b(p, p->arg & 1 ? 8 : 4);
	if (neon_afp(p)) {
		a_v2(cb, (wide ? (trunc ? A_SFRINT64Z : A_SFRINT64X) : (trunc ? A_SFRINT32Z : A_SFRINT32X)) | size, 0, b);
		a_v2(cb, A_GFCVTZS | (wide ? 1u << 31 : 0) | size, neon_gpr_reg(p), 0);
		return true;
	}
	if (!trunc)
		a_v2(cb, A_SFRINTI | size, 0, b);
	a_v2(cb, A_GFCVTZS | (wide ? 1u << 31 : 0) | size, X_S2, trunc ? b : 0);
	k = fp_check(p);
	if (!trunc)
		a_v2(cb, A_SFRINTX | size, 2, b);
	a_mov(cb, wide ? 8 : 4, neon_gpr_reg(p), X_S2);
	fp_done(p, k);
	return true;
}
