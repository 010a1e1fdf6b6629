/*
 * sha.c - the SHA extensions: rounds and message schedules of SHA-1 and SHA-256.
 *
 * Element 3 of a register (bits 127:96) is the word the standard numbers lowest in SHA-1, and the highest in SHA-256's
 * schedule. Source: FIPS 180-4, 4.1, 6.1, 6.2; Intel SDM Vol. 2B SHA1RNDS4 ... SHA256RNDS2.
 */
#include "cpu/fpu/simd.h"
#include <string.h>

static uint32_t rol(uint32_t v, unsigned n)
{
	return v << n | v >> (32 - n);
}

static uint32_t ror(uint32_t v, unsigned n)
{
	return rol(v, 32 - n);
}

static uint32_t choose(uint32_t b, uint32_t c, uint32_t d)
{
	return (b & c) ^ (~b & d);
}

static uint32_t majority(uint32_t b, uint32_t c, uint32_t d)
{
	return (b & c) ^ (b & d) ^ (c & d);
}

static uint32_t sha1_f(unsigned which, uint32_t b, uint32_t c, uint32_t d)
{
	return which == 0 ? choose(b, c, d) : which == 2 ? majority(b, c, d) : b ^ c ^ d;
}

void simd_sha1rnds4(struct simd *x)
{
	static const uint32_t k[4] = {0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xCA62C1D6};
	uint32_t a = x->d.d[3], b = x->d.d[2], c = x->d.d[1], d = x->d.d[0], e = 0;

	/* the first word has E added already (SHA1NEXTE) */
	for (int i = 3; i >= 0; i--) {
		uint32_t t = sha1_f(x->imm & 3, b, c, d) + rol(a, 5) + x->s.d[i] + e + k[x->imm & 3];

		e = d;
		d = c;
		c = rol(b, 30);
		b = a;
		a = t;
	}
	x->d = (union vec){.d = {d, c, b, a}};
}

void simd_sha1nexte(struct simd *x)
{
	uint32_t e = rol(x->d.d[3], 30);

	x->d = x->s;
	x->d.d[3] += e;
}

void simd_sha1msg1(struct simd *x)
{
	union vec w = x->d;

	x->d.d[3] = w.d[1] ^ w.d[3];
	x->d.d[2] = w.d[0] ^ w.d[2];
	x->d.d[1] = x->s.d[3] ^ w.d[1];
	x->d.d[0] = x->s.d[2] ^ w.d[0];
}

void simd_sha1msg2(struct simd *x)
{
	uint32_t w16 = rol(x->d.d[3] ^ x->s.d[2], 1);

	x->d.d[2] = rol(x->d.d[2] ^ x->s.d[1], 1);
	x->d.d[1] = rol(x->d.d[1] ^ x->s.d[0], 1);
	x->d.d[0] = rol(x->d.d[0] ^ w16, 1);
	x->d.d[3] = w16;
}

void simd_sha256rnds2(struct simd *x)
{
	uint32_t a = x->s.d[3], b = x->s.d[2], c = x->d.d[3], d = x->d.d[2];
	uint32_t e = x->s.d[1], f = x->s.d[0], g = x->d.d[1], h = x->d.d[0], wk[4];

	memcpy(wk, &x->cpu->fpu.xmm[0], sizeof(wk)); /* the implicit operand */
	for (unsigned i = 0; i < 2; i++) {
		uint32_t t = choose(e, f, g) + (ror(e, 6) ^ ror(e, 11) ^ ror(e, 25)) + wk[i] + h;
		uint32_t u = majority(a, b, c) + (ror(a, 2) ^ ror(a, 13) ^ ror(a, 22));

		h = g;
		g = f;
		f = e;
		e = t + d;
		d = c;
		c = b;
		b = a;
		a = t + u;
	}
	x->d = (union vec){.d = {f, e, b, a}};
}

static uint32_t sigma0(uint32_t v)
{
	return ror(v, 7) ^ ror(v, 18) ^ v >> 3;
}

static uint32_t sigma1(uint32_t v)
{
	return ror(v, 17) ^ ror(v, 19) ^ v >> 10;
}

void simd_sha256msg1(struct simd *x)
{
	for (unsigned i = 0; i < 4; i++)
		x->d.d[i] += sigma0(i < 3 ? x->d.d[i + 1] : x->s.d[0]);
}

void simd_sha256msg2(struct simd *x)
{
	x->d.d[0] += sigma1(x->s.d[2]);
	x->d.d[1] += sigma1(x->s.d[3]);
	x->d.d[2] += sigma1(x->d.d[0]);
	x->d.d[3] += sigma1(x->d.d[1]);
}
