/*
 * neon_crypto.c - AES, carry-less multiplication and SHA by the host's cryptographic instructions.
 *
 * x86 keeps the words of SHA-1 from the top of a register down, the host from the bottom up; of SHA-256 x86 does two rounds an
 * instruction, the host four: the results of the first two are among those of four, and do not depend on the later words.
 * Source: Intel SDM Vol. 2; Arm ARM, shared/functions/crypto.
 */
#include "jit/a64/neon.h"

/* AESENC, AESDEC: the host adds the key first, so it is given none. arg: AESE or AESD, | 1 with the columns mixed */
bool neon_aes(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned a = neon_a(p), b = neon_b(p, 16);
	uint32_t op = p->arg & ~1u;

	a_vmov(cb, 0, a);
	a_vzero(cb, 2);
	a_v2(cb, op, 0, 2);
	if (p->arg & 1)
		a_v2(cb, op == A_VAESE ? A_VAESMC : A_VAESIMC, 0, 0);
	a_v3(cb, A_VEOR, neon_d(p), 0, b);
	return true;
}

bool neon_clmul(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned a = neon_a(p), b = neon_b(p, 16), i = p->in->imm & 1, j = p->in->imm >> 4 & 1;

	if (i == j) {
		a_v3(cb, (i ? A_VPMULL2 : A_VPMULL2 & ~A_VLOW) | A_VS(3), neon_d(p), a, b);
		return true;
	}
	a_sdup(cb, 3, 0, a, i);
	a_sdup(cb, 3, 2, b, j);
	a_v3(cb, (A_VPMULL2 & ~A_VLOW) | A_VS(3), neon_d(p), 0, 2);
	return true;
}

/* The words in the opposite order. */
static void turn(struct codebuf *cb, unsigned d, unsigned n)
{
	a_v2(cb, A_VREV64 | A_VS(2), d, n);
	a_vext(cb, d, d, d, 8);
}

/* Four rounds, by the function and constant the immediate names; E is in the first word already. */
bool neon_sha1_rounds(struct neon *p)
{
	static const struct {
		uint32_t op, k;
	} f[] = {{A_VSHA1C, 0x5A827999}, {A_VSHA1P, 0x6ED9EBA1}, {A_VSHA1M, 0x8F1BBCDC}, {A_VSHA1P, 0xCA62C1D6}};
	struct codebuf *cb = &p->c->cb;
	unsigned a = neon_a(p), b = neon_b(p, 16), i = p->in->imm & 3;

	turn(cb, 0, a);
	turn(cb, 2, b);
	a_movi(cb, X_S, f[i].k);
	a_vdup_reg(cb, 2, 3, X_S);
	a_v3(cb, A_VADD | A_VS(2), 2, 2, 3);
	a_vzero(cb, 3);
	a_v3(cb, f[i].op, 0, 3, 2);
	turn(cb, neon_d(p), 0);
	return true;
}

/* The top word of the first source, rotated left by 30, is added to that of the second. */
bool neon_sha1_nexte(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned a = neon_a(p), b = neon_b(p, 16);

	a_vdup(cb, 2, 0, a, 3);
	a_v2(cb, A_VSHA1H, 0, 0);
	a_vzero(cb, 2);
	a_vins(cb, 2, 2, 3, 0, 0);
	a_v3(cb, A_VADD | A_VS(2), neon_d(p), 2, b);
	return true;
}

/* W0..W3 xor W2..W5 */
bool neon_sha1_msg1(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned a = neon_a(p), b = neon_b(p, 16);

	a_vext(cb, 0, b, a, 8);
	a_v3(cb, A_VEOR, neon_d(p), a, 0);
	return true;
}

bool neon_sha1_msg2(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned a = neon_a(p), b = neon_b(p, 16);

	turn(cb, 0, a);
	turn(cb, 2, b);
	a_v2(cb, A_VSHA1SU1, 0, 2);
	turn(cb, neon_d(p), 0);
	return true;
}

/* First source C D G H from the top, second A B E F, XMM0 two words with their constants added */
bool neon_sha256_rounds(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned a = neon_a(p), b = neon_b(p, 16), wk = xmm_use(p->c, 0);

	a_v3(cb, A_VZIP2 | A_VS(3), 0, b, a);
	a_v3(cb, A_VZIP1 | A_VS(3), 2, b, a);
	a_v2(cb, A_VREV64 | A_VS(2), 0, 0); /* A B C D from the bottom */
	a_v2(cb, A_VREV64 | A_VS(2), 2, 2); /* E F G H */
	a_vmov(cb, 3, 0);
	a_v3(cb, A_VSHA256H, 0, 2, wk);
	a_v3(cb, A_VSHA256H2, 2, 3, wk);
	a_v2(cb, A_VREV64 | A_VS(2), 0, 0);
	a_v2(cb, A_VREV64 | A_VS(2), 2, 2);
	a_v3(cb, A_VZIP2 | A_VS(3), neon_d(p), 2, 0);
	return true;
}

bool neon_sha256_msg1(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned a = neon_a(p), b = neon_b(p, 16);

	a_vmov(cb, 0, a);
	a_v2(cb, A_VSHA256SU0, 0, b);
	a_vmov(cb, neon_d(p), 0);
	return true;
}

/* The host adds W9..W12, too: they are zero here, added by the guest before. */
bool neon_sha256_msg2(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned a = neon_a(p), b = neon_b(p, 16);

	a_vmov(cb, 0, a);
	a_vzero(cb, 2);
	a_vmov(cb, 3, b);
	a_vins(cb, 2, 3, 0, 2, 0);
	a_v3(cb, A_VSHA256SU1, 0, 2, 3);
	a_vmov(cb, neon_d(p), 0);
	return true;
}
