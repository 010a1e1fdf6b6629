/*
 * x87_trans.c - D9 F0..FF: remainder, scale, extract, round, square root, and the transcendental functions.
 *
 * FPREM, FPREM1, FSCALE, FXTRACT, FRNDINT and FSQRT are exact. The transcendental functions are computed to about 120
 * bits (wide.h) and rounded once, so they are within 1 ulp as the SDM promises (Vol. 1 8.3.10), the same on every
 * host, but not bit for bit what one processor model gives. Source: Intel SDM Vol. 1 8.3.5 to 8.3.10, Vol. 2.
 */
#include "cpu/fpu/wide.h"
#include "cpu/fpu/x87.h"

static bool need(struct x87 *x, unsigned n)
{
	struct fnum ind = x87_indefinite;

	x->s->fsw &= ~FSW_C1;
	for (unsigned i = 0; i < n; i++) {
		if (!x87_empty(x->s, i))
			continue;
		if (x87_underflow(x))
			x87_put(x->s, n == 2 ? 1 : 0, &ind);
		else
			n = 0;
		return false;
	}
	return true;
}

static void finish(struct x87 *x, unsigned dest, const struct fnum *r, bool pop)
{
	x87_after(x);
	x87_put(x->s, dest, r);
	if (pop)
		x87_pop(x->s);
}

/* One operand: NaN handled here. false: all done */
static bool unary(struct x87 *x, struct fnum *a)
{
	if (!need(x, 1))
		return false;
	*a = x87_get(x->s, 0);
	if (soft_nan(a)) {
		*a = x87_nan(x, *a, *a);
		if (x87_before(x))
			finish(x, 0, a, false);
		return false;
	}
	if (a->denorm)
		x->e.flags |= FX_DE;
	return x87_before(x);
}

static void invalid(struct x87 *x, unsigned dest, bool pop)
{
	x->e.flags = FX_IE;
	if (x87_before(x))
		finish(x, dest, &x87_indefinite, pop);
}

static enum exit fsqrt(struct x87 *x)
{
	struct fnum a;

	if (need(x, 1)) {
		a = x87_get(x->s, 0);
		if (!soft_nan(&a) && a.sign && a.cls != F_ZERO) {
			invalid(x, 0, false);
		} else if (unary(x, &a)) {
			a = soft_sqrt(&x->e, &x->fmt, a);
			finish(x, 0, &a, false);
		}
	}
	return EXIT_NONE;
}

static enum exit frndint(struct x87 *x)
{
	struct fnum a;

	if (unary(x, &a)) {
		a = soft_rint(&x->e, a);
		finish(x, 0, &a, false);
	}
	return EXIT_NONE;
}

/* Both operands and their NaNs; the result of those goes to @dest. */
static bool binary(struct x87 *x, struct fnum *a, struct fnum *b, unsigned dest, bool pop)
{
	struct fnum r;

	x->s->fsw &= ~FSW_C1;
	if (x87_empty(x->s, 0) || x87_empty(x->s, 1)) {
		if (x87_underflow(x)) {
			x87_put(x->s, dest, &x87_indefinite);
			if (pop)
				x87_pop(x->s);
		}
		return false;
	}
	*a = x87_get(x->s, 0);
	*b = x87_get(x->s, 1);
	if (!soft_nan(a) && !soft_nan(b)) {
		if (a->denorm || b->denorm)
			x->e.flags |= FX_DE;
		return true;
	}
	r = x87_nan(x, *a, *b);
	if (x87_before(x))
		finish(x, dest, &r, pop);
	return false;
}

static enum exit fscale(struct x87 *x)
{
	struct fnum a, b;
	struct soft_env t = {.rc = RC_ZERO, .mask = 0x3F};
	int64_t n;

	if (!binary(x, &a, &b, 0, false))
		return EXIT_NONE;
	if (b.cls == F_INF) {
		if ((a.cls == F_INF && b.sign) || (a.cls == F_ZERO && !b.sign)) {
			invalid(x, 0, false);
			return EXIT_NONE;
		}
		a.cls = b.sign ? F_ZERO : F_INF;
	}
	if (!x87_before(x))
		return EXIT_NONE;
	if (a.cls == F_FIN) {
		if (!soft_toint(&t, b, 32, &n) || n > 0x10000 || n < -0x10000)
			n = b.sign ? -0x10000 : 0x10000;
		a = soft_round(&x->e, &fmt80, a.sign, a.exp + (int)n, (soft_u128)a.sig << 64);
		if (a.cls == F_FIN && a.exp < fmt80.emin && !(x->e.mask & FX_UE))
			x->e.flags |= FX_PE; /* even the wrapped exponent is out of range */
		if (a.cls == F_FIN && a.exp > fmt80.emax) {
			a.cls = F_INF;
			x->e.flags |= FX_PE;
			x->e.up = true;
		}
	}
	finish(x, 0, &a, false);
	return EXIT_NONE;
}

static enum exit fxtract(struct x87 *x)
{
	struct fnum a, e;

	if (!x87_empty(x->s, 7) || x87_empty(x->s, 0)) {
		if (x87_empty(x->s, 0) ? x87_underflow(x) : x87_overflow(x)) {
			x87_put(x->s, 0, &x87_indefinite);
			x87_push(x->s);
			x87_put(x->s, 0, &x87_indefinite);
		}
		return EXIT_NONE;
	}
	a = x87_get(x->s, 0);
	if (soft_nan(&a)) {
		e = a = x87_nan(x, a, a);
	} else if (a.cls == F_INF) {
		e = (struct fnum){.cls = F_INF};
	} else if (a.cls == F_ZERO) {
		x->e.flags |= FX_ZE;
		e = (struct fnum){.cls = F_INF, .sign = true};
	} else {
		if (a.denorm)
			x->e.flags |= FX_DE;
		e = soft_int(a.exp);
		a.exp = 0;
	}
	if (!x87_before(x))
		return EXIT_NONE;
	finish(x, 0, &e, false);
	x87_push(x->s);
	x87_put(x->s, 0, &a);
	return EXIT_NONE;
}

/*
 * @q gets the low bits of the quotient; returns the remainder. A difference of exponents of 64 or more is
 * reduced partially, by 2^(D - N) with N = 63 - (63 - D mod 32 ...): any N of 32..63 is allowed (SDM FPREM).
 */
static struct fnum remainder_of(struct fnum a, struct fnum b, bool nearest, uint64_t *q, bool *partial)
{
	int d = a.exp - b.exp;
	uint64_t r = a.sig, quo = 0;
	soft_u128 rem = r;
	unsigned z;

	*partial = d >= 64;
	*q = 0;
	if (d < (nearest ? -1 : 0))
		return a;
	if (d == -1) { /* a < b: nearest may be b itself */
		if (a.sig <= b.sig)
			return a;
		/* |a| > b/2: remainder is a - b = -(2b' - a') at a's scale */
		rem = ((soft_u128)b.sig << 1) - a.sig;
		*q = 1;
		a.sign = !a.sign;
		z = __builtin_clzll((uint64_t)rem);
		a.sig = (uint64_t)rem << z;
		a.exp -= (int)z;
		return a;
	}
	int steps = *partial ? (d & 31) + 32 : d;
	int base = b.exp + (d - steps);

	for (int i = 0; i <= steps; i++) {
		if (i)
			rem <<= 1;
		quo <<= 1;
		if (rem >= b.sig) {
			rem -= b.sig;
			quo |= 1;
		}
	}
	if (nearest && !*partial && (rem * 2 > b.sig || (rem * 2 == b.sig && (quo & 1)))) {
		rem = b.sig - rem;
		quo++;
		a.sign = !a.sign;
	}
	*q = quo;
	a.denorm = false;
	if (!rem)
		return (struct fnum){.cls = F_ZERO, .sign = a.sign};
	z = __builtin_clzll((uint64_t)rem);
	a.sig = (uint64_t)rem << z;
	a.exp = base - (int)z;
	return a;
}

static enum exit fprem(struct x87 *x, bool nearest)
{
	struct fnum a, b;
	uint64_t q = 0;
	bool partial = false, sign;

	x->s->fsw &= ~FSW_C2;
	if (!binary(x, &a, &b, 0, false))
		return EXIT_NONE;
	if (a.cls == F_INF || b.cls == F_ZERO) {
		invalid(x, 0, false);
		return EXIT_NONE;
	}
	if (!x87_before(x))
		return EXIT_NONE;
	sign = a.sign;
	if (a.cls == F_FIN && b.cls == F_FIN)
		a = remainder_of(a, b, nearest, &q, &partial);
	if (a.cls == F_ZERO)
		a.sign = sign;
	else if (a.cls == F_FIN)
		a = soft_round(&x->e, &fmt80, a.sign, a.exp, (soft_u128)a.sig << 64);
	finish(x, 0, &a, false);
	if (partial)
		q = 0;
	x87_cc(x, (partial ? FSW_C2 : 0) | (q & 1 ? FSW_C1 : 0) | (q & 2 ? FSW_C3 : 0) | (q & 4 ? FSW_C0 : 0));
	return EXIT_NONE;
}

enum trig { T_SIN, T_COS, T_TAN, T_SINCOS };

/* @a finite, not 0. T_SINCOS: the cosine is *second. */
static struct fnum trig_value(struct x87 *x, const struct fnum *a, enum trig t, struct fnum *second)
{
	struct wide sin, cos;

	/* a tiny argument's sine is a little below it, its tangent a little above */
	wide_sincos(a, &sin, &cos);
	if (t == T_TAN)
		return wide_round(&x->e, &fmt80, wide_beside(wide_div(sin, cos), true));
	cos = wide_beside(cos, false);
	if (t == T_SINCOS)
		*second = wide_round(&x->e, &fmt80, cos);
	return wide_round(&x->e, &fmt80, t == T_COS ? cos : wide_beside(sin, false));
}

static enum exit trig(struct x87 *x, enum trig t)
{
	struct fnum a, r, second = soft_int(1);
	bool two = t >= T_TAN;

	x->s->fsw &= ~FSW_C2;
	if (two && (!x87_empty(x->s, 7) || x87_empty(x->s, 0))) {
		if (x87_empty(x->s, 0) ? x87_underflow(x) : x87_overflow(x)) {
			x87_put(x->s, 0, &x87_indefinite);
			x87_push(x->s);
			x87_put(x->s, 0, &x87_indefinite);
		}
		return EXIT_NONE;
	}
	if (!need(x, 1))
		return EXIT_NONE;
	a = x87_get(x->s, 0);
	if (a.cls == F_FIN && a.exp >= 63) { /* outside -2^63..2^63: C2, operand unchanged */
		x->s->fsw |= FSW_C2;
		return EXIT_NONE;
	}
	if (soft_nan(&a) || a.cls == F_INF) {
		if (a.cls == F_INF)
			x->e.flags |= FX_IE;
		r = second = a.cls == F_INF ? x87_indefinite : x87_nan(x, a, a);
	} else {
		if (a.denorm)
			x->e.flags |= FX_DE;
		if (x->e.flags & ~x->e.mask)
			goto out;
		if (a.cls == F_ZERO)
			r = t == T_COS ? soft_int(1) : a;
		else
			r = trig_value(x, &a, t, &second);
	}
out:
	if (!x87_before(x))
		return EXIT_NONE;
	finish(x, 0, &r, false);
	if (two) {
		x87_push(x->s);
		x87_put(x->s, 0, &second);
	}
	return EXIT_NONE;
}

static enum exit f2xm1(struct x87 *x)
{
	struct fnum a;

	if (!unary(x, &a))
		return EXIT_NONE;
	if (a.cls == F_INF && a.sign)
		a = soft_int(-1); /* 2^-inf - 1 */
	else if (a.cls == F_FIN && a.exp >= 0 && (a.exp > 0 || a.sig << 1)) /* outside -1..1: undefined; unchanged */
		x->e.flags |= FX_PE;
	else if (a.cls == F_FIN)
		a = wide_round(&x->e, &fmt80, wide_exp2m1(wide_from(&a)));
	finish(x, 0, &a, false);
	return EXIT_NONE;
}

/* The angle of (x, y), both signs of zero and infinity included: SDM Vol. 2 table 3-30 */
static struct wide angle(const struct fnum *fx, const struct fnum *fy)
{
	struct wide x = wide_from(fx), y = wide_from(fy), r;
	bool neg = fx->sign, flip = false;

	x.sign = y.sign = false;
	if (fx->cls == F_INF && fy->cls == F_INF) {
		r = wide_scale(wide_pi, -2);
	} else if (fy->cls == F_INF || (fx->cls == F_ZERO && fy->cls != F_ZERO)) {
		r = wide_scale(wide_pi, -1);
	} else if (fx->cls == F_INF || fy->cls == F_ZERO) {
		r = (struct wide){0};
	} else {
		flip = y.exp > x.exp || (y.exp == x.exp && y.sig > x.sig);
		r = wide_beside(wide_atan(flip ? wide_div(x, y) : wide_div(y, x)), false);
	}
	if (flip)
		r = wide_add(wide_scale(wide_pi, -1), wide_neg(r));
	if (neg)
		r = wide_add(wide_pi, wide_neg(r));
	r.sign = fy->sign;
	return r;
}

static enum exit fpatan(struct x87 *x)
{
	struct fnum a, b;

	if (!binary(x, &a, &b, 1, true) || !x87_before(x))
		return EXIT_NONE;
	b = wide_round(&x->e, &fmt80, angle(&a, &b));
	finish(x, 1, &b, true);
	return EXIT_NONE;
}

/* The logarithm FYL2X or FYL2XP1 multiplies by: F_FIN (in *w), F_ZERO, F_INF, or F_BAD where there is none */
static struct fnum logarithm(const struct fnum *a, bool plus1, struct wide *w)
{
	struct fnum l = {.cls = F_FIN};

	*w = (struct wide){0};
	if (a->cls == F_ZERO) {
		l.cls = plus1 ? F_ZERO : F_INF;
		l.sign = !plus1 || a->sign;
	} else if (a->sign && (!plus1 || a->cls == F_INF)) {
		l.cls = F_BAD;
	} else if (a->cls == F_INF) {
		l.cls = F_INF;
	} else {
		*w = plus1 ? wide_log2p1(wide_from(a)) : wide_log2(wide_from(a));
		l.sign = w->sign;
		if (!w->sig)
			l.cls = F_ZERO;
	}
	return l;
}

static enum exit fyl2x(struct x87 *x, bool plus1)
{
	struct fnum a, b, l;
	struct wide w;

	if (!binary(x, &a, &b, 1, true))
		return EXIT_NONE;
	if (plus1 && a.sign && a.cls == F_FIN && a.exp >= 0) { /* -1 and below: undefined; AMD's unit answers ST(0) */
		if (b.cls != F_FIN) {
			a = b;
			a.sign = !b.sign;
		} else {
			x->e.flags |= FX_PE;
		}
		if (x87_before(x))
			finish(x, 1, &a, true);
		return EXIT_NONE;
	}
	l = logarithm(&a, plus1, &w);
	/* invalid: log of a negative number, zero times infinity */
	if (l.cls == F_BAD || (l.cls == F_ZERO && b.cls == F_INF) || (l.cls == F_INF && b.cls == F_ZERO)) {
		invalid(x, 1, true);
		return EXIT_NONE;
	}
	/* zero-divide: log of zero */
	if (l.cls == F_INF && a.cls == F_ZERO && b.cls == F_FIN)
		x->e.flags = FX_ZE;
	if (!x87_before(x))
		return EXIT_NONE;
	if (l.cls != F_FIN || b.cls != F_FIN) {
		b.sign ^= l.sign;
		b.cls = l.cls == F_ZERO || b.cls == F_ZERO ? F_ZERO : F_INF;
	} else {
		b = wide_round(&x->e, &fmt80, wide_mul(w, wide_from(&b)));
	}
	finish(x, 1, &b, true);
	return EXIT_NONE;
}

enum exit x87_trans(struct x87 *x, unsigned ext, unsigned i)
{
	switch ((ext & 1) << 3 | i) {
	case 0: return f2xm1(x);
	case 1: return fyl2x(x, false);
	case 2: return trig(x, T_TAN);
	case 3: return fpatan(x);
	case 4: return fxtract(x);
	case 5: return fprem(x, true);
	case 8: return fprem(x, false);
	case 9: return fyl2x(x, true);
	case 10: return fsqrt(x);
	case 11: return trig(x, T_SINCOS);
	case 12: return frndint(x);
	case 13: return fscale(x);
	case 14: return trig(x, T_SIN);
	default: return trig(x, T_COS);
	}
}
