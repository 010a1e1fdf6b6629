/*
 * wide.c - arithmetic and elementary functions with 128 significant bits; see wide.h.
 *
 * Each function first brings its argument near zero (multiples of pi/2, powers of two, multiples of 1/8), then sums
 * a Taylor series by Horner's rule in fixed point with 126 fraction bits. The series is that of f(x)/x, so a small
 * argument keeps all its significant bits. Source: Abramowitz, Stegun 4.1, 4.3, 4.4; Intel SDM Vol. 1 8.3.8.
 */
#include "cpu/fpu/wide.h"

#define W(hi, lo) ((soft_u128)(hi) << 64 | (lo))
#define ONE ((soft_u128)1 << 126) /* fixed point */

const struct wide wide_pi = {false, 1, W(0xC90FDAA22168C234, 0xC4C6628B80DC1CD1)};
const struct wide wide_ln2 = {false, -1, W(0xB17217F7D1CF79AB, 0xC9E3B39803F2F6AF)};
const struct wide wide_log2e = {false, 0, W(0xB8AA3B295C17F0BB, 0xBE87FED0691D3E89)};
static const struct wide atan_eighth[9] = {
	{0},
	{false, -4, W(0xFEADD4D5617B6E32, 0xC897989F3E888EF8)},
	{false, -3, W(0xFADBAFC96406EB15, 0x6DC79EF5F7A217E6)},
	{false, -2, W(0xB7B0CA0F26F78473, 0x8AA32122DCFE4483)},
	{false, -2, W(0xED63382B0DDA7B45, 0x6FE445ECBC3A8D03)},
	{false, -1, W(0x8F005D5EF7F59F9B, 0x5C835E1665C43748)},
	{false, -1, W(0xA4BC7D1934F70924, 0x19A87F2A457DAC9F)},
	{false, -1, W(0xB8053E2BC2319E73, 0xCB2DA55210A4443D)},
	{false, -1, W(0xC90FDAA22168C234, 0xC4C6628B80DC1CD1)},
};

static struct wide norm(bool sign, int exp, soft_u128 v)
{
	uint64_t hi = v >> 64;
	unsigned z;

	if (!v)
		return (struct wide){0};
	z = hi ? __builtin_clzll(hi) : 64 + __builtin_clzll((uint64_t)v);
	return (struct wide){sign, exp - (int)z, v << z};
}

/* The upper half of the product. */
static soft_u128 mul_high(soft_u128 a, soft_u128 b)
{
	soft_u128 ah = a >> 64, al = (uint64_t)a, bh = b >> 64, bl = (uint64_t)b;
	soft_u128 m = ah * bl, n = al * bh, mid = (al * bl >> 64) + (uint64_t)m + (uint64_t)n;

	return ah * bh + (m >> 64) + (n >> 64) + (mid >> 64);
}

struct wide wide_from(const struct fnum *a)
{
	if (a->cls != F_FIN)
		return (struct wide){.sign = a->sign};
	return (struct wide){a->sign, a->exp, (soft_u128)a->sig << 64};
}

struct fnum wide_round(struct soft_env *e, const struct fmt *f, struct wide a)
{
	struct fnum n;

	if (!a.sig)
		return (struct fnum){.cls = F_ZERO, .sign = a.sign};
	n = soft_round(e, f, a.sign, a.exp, a.sig);
	if (a.exp < f->emin && !(e->flags & FX_PE))
		e->flags |= FX_UE;
	e->flags |= FX_PE;
	return n;
}

struct wide wide_int(int v)
{
	return norm(v < 0, 127, v < 0 ? -(soft_u128)v : (soft_u128)v);
}

struct wide wide_scale(struct wide a, int by)
{
	a.exp += by;
	return a;
}

struct wide wide_neg(struct wide a)
{
	a.sign = !a.sign;
	return a;
}

struct wide wide_add(struct wide a, struct wide b)
{
	soft_u128 x, y;
	int d;

	if (!a.sig)
		return b;
	if (!b.sig)
		return a;
	if (a.exp < b.exp || (a.exp == b.exp && a.sig < b.sig)) {
		struct wide t = a;

		a = b;
		b = t;
	}
	d = a.exp - b.exp;
	if (a.sign == b.sign) {
		x = a.sig >> 1;
		y = d > 126 ? 0 : b.sig >> 1 >> d;
		return norm(a.sign, a.exp + 1, x + y);
	}
	y = d > 127 ? 0 : b.sig >> d;
	return norm(a.sign, a.exp, a.sig - y);
}

struct wide wide_mul(struct wide a, struct wide b)
{
	return norm(a.sign ^ b.sign, a.exp + b.exp + 1, mul_high(a.sig, b.sig));
}

struct wide wide_div(struct wide a, struct wide b)
{
	soft_u128 r = a.sig, q = 0;
	bool over = false; /* bit 128 of r */

	if (!a.sig)
		return (struct wide){0};
	for (int i = 0; i < 128; i++) {
		q <<= 1;
		if (over || r >= b.sig) {
			r -= b.sig;
			q |= 1;
		}
		over = r >> 127;
		r <<= 1;
	}
	return norm(a.sign ^ b.sign, a.exp - b.exp, q);
}

struct wide wide_beside(struct wide a, bool up)
{
	if (!a.sig || (uint64_t)a.sig)
		return a;
	return norm(a.sign, a.exp, up ? a.sig + 1 : a.sig - 1);
}

/* |a| < 2 in fixed point */
static soft_u128 fixed(struct wide a)
{
	return a.exp < -126 ? 0 : a.sig >> (1 - a.exp);
}

static soft_u128 fixed_mul(soft_u128 a, soft_u128 b)
{
	return mul_high(a << 1, b << 1);
}

/* Below 4; the numbers here are never 0. */
static struct wide unfixed(soft_u128 v)
{
	return norm(false, 1, v);
}

/* r in -pi/4..pi/4: sin r = r * (1 - z/2*3 (1 - z/4*5 (...))), z = r^2; the cosine alike */
static void sincos_series(struct wide r, struct wide *sin, struct wide *cos)
{
	soft_u128 z = fixed(wide_mul(r, r)), s = ONE, c = ONE;

	for (unsigned k = 18; k; k--) {
		s = ONE - fixed_mul(z, s) / (2 * k * (2 * k + 1));
		c = ONE - fixed_mul(z, c) / (2 * k * (2 * k - 1));
	}
	*sin = wide_mul(r, unfixed(s));
	*cos = unfixed(c);
}

void wide_sincos(const struct fnum *a, struct wide *sin, struct wide *cos)
{
	const soft_u128 half_pi = W(0x3, 0x243F6A8885A308D3); /* 66 bits: pi/2 is this * 2^-65 */
	soft_u128 rem = a->sig;
	struct wide r = wide_from(a), t;
	unsigned q = 0;

	if (a->exp >= -1 && a->exp < 63) {
		bool neg;

		for (int i = a->exp + 2; i; i--) {
			rem <<= 1;
			q <<= 1;
			if (rem >= half_pi) {
				rem -= half_pi;
				q |= 1;
			}
		}
		neg = rem > half_pi / 2;
		if (neg) {
			rem = half_pi - rem;
			q++;
		}
		r = norm(a->sign ^ neg, 127 - 65, rem);
		if (a->sign)
			q = -q;
	}
	sincos_series(r, sin, cos);
	if (q & 1) {
		t = *sin;
		*sin = *cos;
		*cos = wide_neg(t);
	}
	if (q & 2) {
		*sin = wide_neg(*sin);
		*cos = wide_neg(*cos);
	}
}

struct wide wide_exp2m1(struct wide a)
{
	struct wide y = wide_mul(a, wide_ln2);
	soft_u128 f = fixed(y), s = ONE;

	for (unsigned k = 36; k > 1; k--)
		s = y.sign ? ONE - fixed_mul(f, s) / k : ONE + fixed_mul(f, s) / k;
	return wide_mul(y, unfixed(s));
}

/* log2((1 + u) / (1 - u)) = 2/ln 2 * artanh u, |u| < 0.18 */
static struct wide log2_artanh(struct wide u)
{
	soft_u128 z = fixed(wide_mul(u, u)), s = ONE / 57;

	for (int k = 55; k > 0; k -= 2)
		s = ONE / (unsigned)k + fixed_mul(z, s);
	return wide_scale(wide_mul(wide_mul(u, unfixed(s)), wide_log2e), 1);
}

struct wide wide_log2(struct wide a)
{
	int e = a.exp;
	struct wide u, one = wide_int(1);

	if (a.sig >> 64 > 0xB504F333F9DE6484ull) /* sqrt 2 */
		e++;
	a.exp -= e;
	u = wide_div(wide_add(a, wide_neg(one)), wide_add(a, one));
	return wide_add(wide_int(e), log2_artanh(u));
}

struct wide wide_log2p1(struct wide a)
{
	if (a.exp >= -2) /* |a| >= 1/4: 1 + a keeps what matters */
		return wide_log2(wide_add(a, wide_int(1)));
	return log2_artanh(wide_div(a, wide_add(a, wide_int(2))));
}

/* atan a = atan k/8 + atan((a - k/8) / (1 + a k/8)), k/8 the nearest */
struct wide wide_atan(struct wide a)
{
	unsigned k = (unsigned)((fixed(a) + (ONE >> 4)) >> 123);
	struct wide t = a, c;
	soft_u128 z, s = ONE / 37;

	if (k > 8)
		k = 8;
	if (k) {
		c = wide_scale(wide_int((int)k), -3);
		t = wide_div(wide_add(a, wide_neg(c)), wide_add(wide_int(1), wide_mul(a, c)));
	}
	z = fixed(wide_mul(t, t));
	for (int i = 35; i > 0; i -= 2)
		s = ONE / (unsigned)i - fixed_mul(z, s);
	return wide_add(atan_eighth[k], wide_mul(t, unfixed(s)));
}
