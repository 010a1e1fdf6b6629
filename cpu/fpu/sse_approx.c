/*
 * sse_approx.c - RCPxS and RSQRTxS: approximations that raise no exception and heed no rounding mode.
 *
 * The manual leaves the bits open and bounds the relative error by 1.5 * 2^-12. Ours are the exact values rounded to 13
 * significant bits (error 2^-13), computed in integers, so that every host gives the same. Processors differ here,
 * so lockstep does not run these natively (x64_can_native()).
 * Source: Intel SDM Vol. 2B RCPPS, RSQRTPS; Vol. 1 10.4.1.1, table 11-8.
 */
#include "cpu/fpu/simd.h"

#define SIGN 0x80000000u
#define INFINITE 0x7F800000u
#define QUIET 0x00400000u
#define INDEFINITE 0xFFC00000u

/* @s * 2^(@biased - 150) with @s in [2^23, 2^24], rounded to 13 significant bits; tiny results are zero. */
static uint32_t approximate(uint64_t s, int biased)
{
	s = (s + BIT(10)) & ~(uint64_t)(BIT(11) - 1);
	if (s >= BIT(24)) {
		s >>= 1;
		biased++;
	}
	return biased <= 0 ? 0 : (uint32_t)biased << 23 | ((uint32_t)s & 0x7FFFFF);
}

static uint32_t reciprocal(uint32_t raw)
{
	uint32_t sign = raw & SIGN, exp = raw >> 23 & 255, man = raw & 0x7FFFFF;
	uint64_t m = man | BIT(23);

	if (exp == 255)
		return man ? raw | QUIET : sign;
	if (exp == 0) /* denormals count as zeros */
		return sign | INFINITE;
	/* x = m * 2^(exp - 150), so 1/x = (2^47 / m) * 2^(103 - exp) */
	return sign | approximate((BIT(47) + m / 2) / m, 253 - (int)exp);
}

static uint64_t square_root(uint64_t v)
{
	uint64_t r = 0;

	for (uint64_t bit = BIT(31); bit; bit >>= 1)
		if ((r | bit) * (r | bit) <= v)
			r |= bit;
	return r;
}

static uint32_t reciprocal_root(uint32_t raw)
{
	uint32_t sign = raw & SIGN, man = raw & 0x7FFFFF;
	int exp = (int)(raw >> 23 & 255), e = exp - 150, shift;
	uint64_t m = man | BIT(23), r;

	if (exp == 255 && man)
		return raw | QUIET;
	if (exp == 0)
		return sign | INFINITE;
	if (sign)
		return INDEFINITE;
	if (exp == 255)
		return 0;
	if (e & 1) {
		m <<= 1;
		e--;
	}
	/* 1/sqrt(m * 2^e) = sqrt(2^62 / m) * 2^(-31 - e/2) */
	r = square_root(BIT(62) / m);
	shift = __builtin_clzll(r) - 40;
	return approximate(r << shift, 119 - e / 2 - shift);
}

static void elements(struct simd *x, uint32_t (*f)(uint32_t), unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		x->d.d[i] = f(x->s.d[i]);
}

void simd_rcpps(struct simd *x)
{
	elements(x, reciprocal, 4);
}

void simd_rcpss(struct simd *x)
{
	elements(x, reciprocal, 1);
}

void simd_rsqrtps(struct simd *x)
{
	elements(x, reciprocal_root, 4);
}

void simd_rsqrtss(struct simd *x)
{
	elements(x, reciprocal_root, 1);
}
