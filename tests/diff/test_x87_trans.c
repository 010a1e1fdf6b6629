/*
 * test_x87_trans.c - the x87's transcendental functions against libquadmath's (113 bits): each result within 0.51 ulp when
 * rounding to nearest and within 1 ulp in the other modes, and monotonic over runs of successive arguments.
 *
 * Sine, cosine and tangent of large arguments are those of the argument reduced by the unit's 66-bit pi (Vol. 1 8.3.8), so
 * the reference reduces by it, exactly. Arguments: cases per function (default 6000), seed.
 */
#include <stdio.h>
#include "tests/unit/ring0_fix.h"
#include "cpu/fpu/fpu.h"

static int cases = 6000;
static uint64_t seed = 88172645463325252ull;

#ifdef HAVE_QUADMATH
#include <quadmath.h>

typedef __float128 quad;

enum fn { F_2XM1, F_YL2X, F_YL2XP1, F_PATAN, F_SIN, F_COS, F_PTAN, F_SINCOS_S, F_SINCOS_C, F_COUNT };

static const struct {
	const char *name;
	uint8_t modrm;
	bool two; /* ST(1) is an operand, and the result's place after the pop */
} fns[F_COUNT] = {
	{"f2xm1", 0xF0, false}, {"fyl2x", 0xF1, true}, {"fyl2xp1", 0xF9, true}, {"fpatan", 0xF3, true}, {"fsin", 0xFE, false},
	{"fcos", 0xFF, false}, {"fptan", 0xF2, false}, {"fsincos", 0xFB, false}, {"fsincos", 0xFB, false},
};

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed * 0x2545F4914F6CDD1Dull;
}

/* A random extended value with an exponent of lo..hi (unbiased). */
static long double random_value(int lo, int hi, bool negative)
{
	uint64_t m = rnd() | BIT(63);
	uint16_t e = (uint16_t)(0x3FFF + lo + (int)(rnd() % (unsigned)(hi - lo + 1)));
	long double v = 0;

	if (rnd() % 8 == 0)
		m = rnd() & 1 ? BIT(63) : UINT64_MAX;
	memcpy(&v, &m, 8);
	memcpy((char *)&v + 8, &e, 2);
	return negative && (rnd() & 1) ? -v : v;
}

static long double next_up(long double v) /* away from zero */
{
	uint64_t m;
	uint16_t e;

	memcpy(&m, &v, 8);
	memcpy(&e, (char *)&v + 8, 2);
	if (++m == 0) {
		m = BIT(63);
		e++;
	}
	memcpy(&v, &m, 8);
	memcpy((char *)&v + 8, &e, 2);
	return v;
}

/* ---- ours ---- */

static long double compute(struct fix *f, enum fn fn, long double x, long double y, unsigned rc)
{
	const uint8_t code[INSN_MAX_LEN] = {0xD9, fns[fn].modrm};
	struct fpu_state *s = &f->cpu->fpu;
	long double r = 0;
	struct insn in;

	s->fcw = 0x37F | rc << 10;
	s->fsw = 0;
	s->ftw = fns[fn].two ? 3 : 1;
	memcpy(s->st[0], &x, 10);
	memcpy(s->st[1], &y, 10);
	ck_assert_int_eq(insn_decode(f->cpu->index, code, INSN_MAX_LEN, 4, &in), DECODE_OK);
	ck_assert_int_eq(fpu_exec(f->cpu, &in, 0), EXIT_NONE);
	ck_assert(!(s->fsw & 0x400)); /* C2: out of range */
	/* FPTAN and FSINCOS have pushed a second result */
	memcpy(&r, s->st[fn == F_PTAN || fn == F_SINCOS_S ? 1 : 0], 10);
	return r;
}

/* ---- the reference ---- */

static quad half_pi(void) /* of 66 bits */
{
	return ((quad)0x3243F6A8885A308Dull * 16 + 3) * ldexpq(1, -65);
}

/* sin (what 0), cos (1), tan (2) of x reduced by 2 * pi/2 of 66 bits */
static quad trig(quad x, unsigned what)
{
	quad h = half_pi(), r = fmodq(x < 0 ? -x : x, 4 * h);
	unsigned k = (unsigned)(int)(r / h);
	quad a = fmodq(r, h), s, c, t;

	if (a > h / 2)
		sincosq(h - a, &c, &s);
	else
		sincosq(a, &s, &c);
	for (k &= 3; k; k--) {
		t = s;
		s = c;
		c = -t;
	}
	return what == 1 ? c : (what ? s / c : s) * (x < 0 ? -1 : 1);
}

static quad log2_of(quad x)
{
	return x > 0.5Q && x < 2 ? log1pq(x - 1) / M_LN2q : log2q(x);
}

static quad reference(enum fn fn, quad x, quad y)
{
	switch (fn) {
	case F_2XM1: return expm1q(x * M_LN2q);
	case F_YL2X: return y * log2_of(x);
	case F_YL2XP1: return y * (log1pq(x) / M_LN2q);
	case F_PATAN: return atan2q(y, x);
	case F_SIN: case F_SINCOS_S: return trig(x, 0);
	case F_COS: case F_SINCOS_C: return trig(x, 1);
	default: return trig(x, 2);
	}
}

/* |ours - want| in units of the last place of @want as an extended number. */
static double error_of(long double ours, quad want)
{
	int e;

	if (!want)
		return ours ? HUGE_VAL : 0;
	frexpq(want, &e);
	return (double)fabsq(((quad)ours - want) / ldexpq(1, e - 64));
}

static void arguments(enum fn fn, long double *x, long double *y)
{
	*y = random_value(-40, 40, true);
	switch (fn) {
	case F_2XM1: *x = random_value(-70, -1, true); break;
	case F_YL2X: *x = rnd() & 1 ? random_value(-2000, 2000, false) : 1 + random_value(-40, -2, true); break;
	case F_YL2XP1: *x = random_value(-70, -3, true); break;
	case F_PATAN: *x = random_value(-40, 40, true); break;
	default: *x = random_value(-60, rnd() & 3 ? 4 : 62, true);
	}
}

START_TEST(accuracy)
{
	struct fix *f = fix_new("max");
	double worst[4] = {0};
	enum fn fn = _i;

	for (int i = 0; i < cases; i++) {
		unsigned rc = i & 3;
		long double x, y, r;
		double err;

		arguments(fn, &x, &y);
		r = compute(f, fn, x, y, rc);
		err = error_of(r, reference(fn, x, y));
		if (err > worst[rc])
			worst[rc] = err;
		ck_assert_msg(err <= (rc ? 1.001 : 0.51), "%s(%.21Lg, %.21Lg), rounding %u: %.21Lg, off by %g ulp", fns[fn].name, x,
			y, rc, r, err);
	}
	printf("%s: worst %.4f ulp to nearest, %.4f directed\n", fns[fn].name, worst[0],
		worst[1] > worst[2] ? worst[1] : worst[2]);
	fix_free(f);
}
END_TEST

/* Over successive arguments where the function is monotonic, starting anywhere there. */
START_TEST(monotonic)
{
	static const struct {
		enum fn fn;
		int lo, hi;	/* exponents of the argument */
		int sign;	/* of the slope, for positive arguments and y = 1.3 */
	} t[] = {{F_2XM1, -60, -2, 1}, {F_YL2X, -100, 100, 1}, {F_YL2XP1, -60, -3, 1}, {F_PATAN, -30, 30, -1},
		{F_SIN, -60, -1, 1}, {F_COS, -30, 0, -1}, {F_PTAN, -60, -1, 1}, {F_SINCOS_S, -60, -1, 1},
		{F_SINCOS_C, -30, 0, -1}};
	struct fix *f = fix_new("max");

	for (int run = 0; run < cases / 60; run++) {
		long double x = random_value(t[_i].lo, t[_i].hi, false), last = 0;
		unsigned rc = rnd() & 3;

		for (unsigned i = 0; i < 100; i++, x = next_up(x)) {
			long double r = compute(f, t[_i].fn, x, 1.3L, rc);

			ck_assert_msg(!i || (t[_i].sign > 0 ? r >= last : r <= last), "%s at %.21Lg: %.21Lg after %.21Lg",
				fns[t[_i].fn].name, x, r, last);
			last = r;
		}
	}
	fix_free(f);
}
END_TEST
#endif

int main(int argc, char **argv)
{
	Suite *s = suite_create("x87 transcendentals");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int bad;

	if (argc > 1)
		cases = atoi(argv[1]);
	if (argc > 2)
		seed = strtoull(argv[2], NULL, 0) | 1;
#ifdef HAVE_QUADMATH
	tcase_set_timeout(t, 600);
	tcase_add_loop_test(t, accuracy, 0, F_COUNT);
	tcase_add_loop_test(t, monotonic, 0, 9);
#else
	printf("skipped: the compiler has no 128-bit floating point\n");
#endif
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
