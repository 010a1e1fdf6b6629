/*
 * crypto.c - AES rounds and carry-less multiplication.
 *
 * The S-box is computed, not tabled: inverse in GF(2^8) as the 254th power, then the affine map. Sources: FIPS 197,
 * 4.2, 5.1, 5.3; Intel SDM Vol. 2A AESENC ..., Vol. 2B PCLMULQDQ.
 */
#include "cpu/fpu/simd.h"

static uint8_t gf_mul(uint8_t a, uint8_t b)
{
	uint8_t r = 0;

	for (; b; b >>= 1) {
		if (b & 1)
			r ^= a;
		a = (uint8_t)(a << 1 ^ (a & 0x80 ? 0x1B : 0));
	}
	return r;
}

static uint8_t gf_inverse(uint8_t a)
{
	uint8_t r = 1;

	/* a^254, by squares: 254 = 11111110b */
	for (unsigned i = 0; i < 7; i++) {
		a = gf_mul(a, a);
		r = gf_mul(r, a);
	}
	return r;
}

static uint8_t rol8(uint8_t v, unsigned n)
{
	return (uint8_t)(v << n | v >> (8 - n));
}

static uint8_t sub(uint8_t v)
{
	uint8_t i = gf_inverse(v);

	return i ^ rol8(i, 1) ^ rol8(i, 2) ^ rol8(i, 3) ^ rol8(i, 4) ^ 0x63;
}

static uint8_t inv_sub(uint8_t v)
{
	return gf_inverse(rol8(v, 1) ^ rol8(v, 3) ^ rol8(v, 6) ^ 0x05);
}

/* Byte r of column c comes from column c + r (or c - r): ShiftRows with SubBytes. */
static union vec rows(const union vec *v, bool inverse)
{
	union vec r;

	for (unsigned c = 0; c < 4; c++) {
		for (unsigned row = 0; row < 4; row++) {
			uint8_t b = v->b[4 * ((c + (inverse ? 4 - row : row)) & 3) + row];

			r.b[4 * c + row] = inverse ? inv_sub(b) : sub(b);
		}
	}
	return r;
}

static union vec mix(const union vec *v, bool inverse)
{
	static const uint8_t fwd[4] = {2, 3, 1, 1}, inv[4] = {14, 11, 13, 9};
	const uint8_t *k = inverse ? inv : fwd;
	union vec r;

	for (unsigned c = 0; c < 4; c++)
		for (unsigned row = 0; row < 4; row++) {
			uint8_t b = 0;

			for (unsigned i = 0; i < 4; i++)
				b ^= gf_mul(v->b[4 * c + i], k[(i - row) & 3]);
			r.b[4 * c + row] = b;
		}
	return r;
}

static void aes_round(struct simd *x, bool inverse, bool last)
{
	union vec v = rows(&x->d, inverse);

	if (!last)
		v = mix(&v, inverse);
	x->d.q[0] = v.q[0] ^ x->s.q[0];
	x->d.q[1] = v.q[1] ^ x->s.q[1];
}

void simd_aesenc(struct simd *x)
{
	aes_round(x, false, false);
}

void simd_aesenclast(struct simd *x)
{
	aes_round(x, false, true);
}

void simd_aesdec(struct simd *x)
{
	aes_round(x, true, false);
}

void simd_aesdeclast(struct simd *x)
{
	aes_round(x, true, true);
}

void simd_aesimc(struct simd *x)
{
	x->d = mix(&x->s, true);
}

static uint32_t sub_word(uint32_t v)
{
	return sub(v & 0xFF) | (uint32_t)sub(v >> 8 & 0xFF) << 8 | (uint32_t)sub(v >> 16 & 0xFF) << 16 |
		(uint32_t)sub(v >> 24) << 24;
}

void simd_aeskeygenassist(struct simd *x)
{
	uint32_t a = sub_word(x->s.d[1]), b = sub_word(x->s.d[3]);

	x->d.d[0] = a;
	x->d.d[1] = (a >> 8 | a << 24) ^ x->imm;
	x->d.d[2] = b;
	x->d.d[3] = (b >> 8 | b << 24) ^ x->imm;
}

void simd_pclmulqdq(struct simd *x)
{
	uint64_t a = x->d.q[x->imm & 1], b = x->s.q[x->imm >> 4 & 1], lo = 0, hi = 0;

	for (unsigned i = 0; i < 64; i++) {
		if (!(b >> i & 1))
			continue;
		lo ^= a << i;
		hi ^= i ? a >> (64 - i) : 0;
	}
	x->d.q[0] = lo;
	x->d.q[1] = hi;
}
