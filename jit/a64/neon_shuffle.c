/*
 * neon_shuffle.c - permutations and blends by constants and by masks.
 */
#include "jit/a64/neon.h"

/* d = elements of 4 bytes of @b, chosen by two bits each of @imm */
static void shuffle4(struct neon *p, unsigned b, unsigned imm)
{
	static const struct {
		uint8_t imm;
		uint32_t op; /* of b and b */
	} pairs[] = {
		{0x44, A_VZIP1 | A_VS(3)}, {0xEE, A_VZIP2 | A_VS(3)}, {0x50, A_VZIP1 | A_VS(2)}, {0xFA, A_VZIP2 | A_VS(2)},
		{0xA0, A_VTRN1 | A_VS(2)}, {0xF5, A_VTRN2 | A_VS(2)}, {0x88, A_VUZP1 | A_VS(2)}, {0xDD, A_VUZP2 | A_VS(2)},
		{0x4E, 0x6E004000}, {0x39, 0x6E002000}, {0x93, 0x6E006000}, /* ext #8, #4, #12 */
	};
	struct codebuf *cb = &p->c->cb;
	unsigned d = neon_d(p);

	for (unsigned i = 0; i < ARRAY_SIZE(pairs); i++)
		if (pairs[i].imm == imm) {
			a_v3(cb, pairs[i].op, d, b, b);
			return;
		}
	if (imm == (imm & 3) * 0x55) {
		a_vdup(cb, 2, d, b, imm & 3);
		return;
	}
	if (imm == 0xB1) {
		a_v2(cb, A_VREV64 | A_VS(2), d, b);
		return;
	}
	if (d == b) {
		a_vmov(cb, 0, b);
		b = 0;
	} else {
		a_vmov(cb, d, b);
	}
	for (unsigned i = 0; i < 4; i++)
		if ((imm >> 2 * i & 3) != i)
			a_vins(cb, 2, d, i, b, imm >> 2 * i & 3);
}

bool neon_pshufd(struct neon *p)
{
	shuffle4(p, neon_b(p, 16), (unsigned)p->in->imm & 0xFF);
	return true;
}

/* PSHUFLW, PSHUFHW. arg: the first word of the half */
bool neon_pshufw(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned b = neon_b(p, 16), d = neon_d(p), imm = (unsigned)p->in->imm & 0xFF;

	if (d == b) {
		a_vmov(cb, 0, b);
		b = 0;
	} else {
		a_vmov(cb, d, b);
	}
	for (unsigned i = 0; i < 4; i++)
		if ((imm >> 2 * i & 3) != i)
			a_vins(cb, 1, d, p->arg + i, b, p->arg + (imm >> 2 * i & 3));
	return true;
}

/* Two elements of the first source, two of the second */
bool neon_shufps(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned a = neon_a(p), b = neon_b(p, 16), imm = (unsigned)p->in->imm & 0xFF;

	if (a == b) {
		shuffle4(p, b, imm);
		return true;
	}
	switch (imm) {
	case 0x44: a_v3(cb, A_VZIP1 | A_VS(3), neon_d(p), a, b); return true;
	case 0xEE: a_v3(cb, A_VZIP2 | A_VS(3), neon_d(p), a, b); return true;
	case 0x88: a_v3(cb, A_VUZP1 | A_VS(2), neon_d(p), a, b); return true;
	case 0xDD: a_v3(cb, A_VUZP2 | A_VS(2), neon_d(p), a, b); return true;
	}
	a_vdup(cb, 2, 0, a, imm & 3);
	a_vins(cb, 2, 0, 1, a, imm >> 2 & 3);
	a_vins(cb, 2, 0, 2, b, imm >> 4 & 3);
	a_vins(cb, 2, 0, 3, b, imm >> 6 & 3);
	a_vmov(cb, neon_d(p), 0);
	return true;
}

bool neon_shufpd(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned a = neon_a(p), b = neon_b(p, 16);

	switch (p->in->imm >> 2 * p->half & 3) {
	case 0: a_v3(cb, A_VZIP1 | A_VS(3), neon_d(p), a, b); break;
	case 1: a_vext(cb, neon_d(p), a, b, 8); break;
	case 2:
		a_vmov(cb, 0, b);
		a_vins(cb, 3, 0, 0, a, 0);
		a_vmov(cb, neon_d(p), 0);
		break;
	default: a_v3(cb, A_VZIP2 | A_VS(3), neon_d(p), a, b);
	}
	return true;
}

/* An index with bit 7 set gives zero; TBL gives it for any above 15. */
bool neon_pshufb(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned a = neon_a(p), b = neon_b(p, 16);

	a_vbytes(cb, 0, 0x8F);
	a_v3(cb, A_VAND, 0, 0, b);
	a_v3(cb, A_VTBL, neon_d(p), a, 0);
	return true;
}

bool neon_palignr(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned a = neon_a(p), b = neon_b(p, 16), n = (unsigned)p->in->imm & 0xFF;

	if (n > 31) {
		a_vzero(cb, neon_d(p));
	} else if (n > 15) {
		a_vzero(cb, 0);
		a_vext(cb, neon_d(p), a, 0, n - 16);
	} else {
		a_vext(cb, neon_d(p), b, a, n);
	}
	return true;
}

bool neon_insertps(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned a = neon_a(p), b = neon_b(p, 4), imm = (unsigned)p->in->imm & 0xFF;

	a_vmov(cb, 0, a);
	a_vins(cb, 2, 0, imm >> 4 & 3, b, p->in->has_mem ? 0 : imm >> 6);
	if (imm & 15)
		a_vzero(cb, 2);
	for (unsigned i = 0; i < 4; i++)
		if (imm >> i & 1)
			a_vins(cb, 2, 0, i, 2, 0);
	a_vmov(cb, neon_d(p), 0);
	return true;
}

bool neon_permilpd(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned b = neon_b(p, 16), imm = (unsigned)p->in->imm >> 2 * p->half;

	a_vdup(cb, 3, 0, b, imm & 1);
	a_vins(cb, 3, 0, 1, b, imm >> 1 & 1);
	a_vmov(cb, neon_d(p), 0);
	return true;
}

/* PBLENDW, BLENDPS, BLENDPD. arg: log2 of the element's bytes */
bool neon_blend_imm(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned a = neon_a(p), b = neon_b(p, 16), d = neon_d(p), to = d;
	unsigned imm = (unsigned)p->in->imm >> (p->arg == 1 ? 0 : p->half * (16 >> p->arg)); /* PBLENDW: for both halves */

	if (d != a) {
		to = 0;
		a_vmov(cb, 0, a);
	}
	for (unsigned i = 0; i < 16u >> p->arg; i++)
		if (imm >> i & 1)
			a_vins(cb, p->arg, to, i, b, i);
	if (to != d)
		a_vmov(cb, d, 0);
	return true;
}

/* By the sign bits of XMM0, or of VEX's fourth operand. arg: log2 of the element's bytes */
bool neon_blendv(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned a = neon_a(p), n = p->in->vex ? p->in->op[3].reg : 0, b = neon_b(p, 16);
	unsigned m = p->half ? neon_high(p, n, 0) : xmm_use(p->c, n);

	a_v2(cb, A_VCMLT0 | A_VS(p->arg), 0, m);
	a_v3(cb, A_VBSL, 0, b, a);
	a_vmov(cb, neon_d(p), 0);
	return true;
}
