/*
 * test_x87_engines.c - x87 arithmetic where it is hard to round: the host's processor, the interpreter and the translator must agree.
 *
 * A program loads a control word - mostly rounding to nearest with 64 or 53 bits - and six numbers whose exponents are near each other and whose
 * significands are long, short, all ones or powers of two, does twelve instructions of FADD, FSUB, FMUL, FDIV, FSQRT, FCOM,
 * FIST, FST, FILD and their like on them and on memory, and stores FSW and all registers. Argument: how many programs (default 6,000).
 */
#include "tests/diff/support/diff.h"
#include "tests/diff/support/values.h"
#include "jit/jit.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define BASE 0x80   /* where RDI points in the data page: FCW; results behind it, the registers' values before it */
#define DATA 0x400  /* where RSI points: memory operands, and where stores go */
#define OPS 12

static unsigned programs = 6000;

struct engines {
	uint8_t (*mem)[PAGE_SIZE]; /* of each program; shared with the host's child */
	struct host *host;
	struct guest *interp, *jit;
	struct diff_case c[HOST_BATCH];
	struct diff_result want[HOST_BATCH], ours;
	unsigned n, bad, ran;
};

static unsigned rnd(unsigned n)
{
	return (unsigned)(value_rnd() >> 20) % n;
}

static uint64_t digits(void)
{
	uint64_t m = value_rnd() | 1ull << 63;
	unsigned k = rnd(64);

	switch (rnd(8)) {
	case 0: return 1ull << 63;
	case 1: return 1ull << 63 | 1ull << k;
	case 2: return ~0ull << k;
	case 3: return ~0ull;
	case 4: return m & ~0x7FFull;	      /* of a double */
	case 5: return m & ~0xFFFFFFFFFFull; /* of a float */
	default: return m;
	}
}

static unsigned exponent(void)
{
	switch (rnd(8)) {
	case 0: return 0x3FFF - 70 + rnd(140);
	case 1: return 0x3FFF + rnd(66);
	case 2: return rnd(4) ? 0x3FFF : rnd(2) ? 1 + rnd(70) : 0x7FFE - rnd(70);
	default: return 0x3FFD + rnd(5);
	}
}

static void number(uint8_t *p)
{
	uint64_t m = digits();
	uint16_t e = (uint16_t)(exponent() | rnd(2) << 15);

	if (!rnd(12)) {
		m = 0;
		e &= 0x8000;
	}
	memcpy(p, &m, 8);
	memcpy(p + 8, &e, 2);
}

static void put(struct diff_case *c, unsigned a, unsigned b)
{
	c->code[c->len++] = (uint8_t)a;
	c->code[c->len++] = (uint8_t)b;
}

/* FCOMI clears C1, which not every x86 processor does: it is left out where that is what runs it. */
#ifdef __x86_64__
#define WITH_FCOMI 0
#else
#define WITH_FCOMI 1
#endif

/* One instruction that leaves the number of full registers as it is: what pops is followed by a load. */
static void operation(struct diff_case *c)
{
	static const uint8_t arith[6] = {0, 1, 4, 5, 6, 7};
	unsigned ext = arith[rnd(6)], i = rnd(6), mem = ext << 3 | 6;

	switch (rnd(15 + WITH_FCOMI)) {
	case 0: case 1: case 2: put(c, 0xD8, 0xC0 | ext << 3 | i); return;
	case 3: case 4: put(c, 0xDC, 0xC0 | ext << 3 | i); return;
	case 5: put(c, 0xD8, mem); return;
	case 6: put(c, 0xDC, mem); return;
	case 7: put(c, rnd(2) ? 0xDA : 0xDE, mem); return;
	case 8: put(c, 0xD9, 0xFA); return;
	case 9: put(c, 0xD8, 0xD0 | i); break;
	case 10: put(c, rnd(2) ? 0xD9 : 0xDD, 0x16); break; /* fst m32, m64 */
	case 11: put(c, rnd(2) ? 0xDB : 0xDF, 0x16); break; /* fist m32, m16 */
	case 12: put(c, 0xDE, 0xC1 | ext << 3); put(c, 0xD9, 0xC0 | rnd(5)); return;
	case 13: put(c, 0xDF, rnd(2) ? 0x3E : 0x1E); put(c, 0xDF, 0x2E); return; /* fistp m64 or m16; fild m64 */
	case 14: put(c, 0xD9, 0xC8 | i); return;
	default: put(c, 0xDB, 0xF0 | i); break;
	}
	put(c, 0xDF, 0xE0); /* fnstsw ax; add ebx, eax */
	put(c, 0x01, 0xC3);
}

static void make(struct engines *t, struct diff_case *c, unsigned mode, uint8_t *mem)
{
	static const uint16_t sel64[SEG_COUNT] = {SEL_DATA, SEL_CODE64, SEL_DATA, SEL_DATA, 0, 0};
	static const uint16_t sel32[SEG_COUNT] = {SEL_DATA, SEL_CODE32, SEL_DATA, SEL_DATA, SEL_DATA, SEL_DATA};
	static const uint16_t pc[] = {0x300, 0x300, 0x300, 0x200, 0x200, 0};
	uint16_t fcw = (uint16_t)(0x7F | pc[rnd(6)] | (rnd(4) ? 0 : rnd(4) << 10));

	memset(c, 0, sizeof(*c));
	c->mode = (uint8_t)mode;
	c->at = 0x800;
	c->eflags = FL_1 | FL_IF | (value_rnd() & FL_ARITH);
	memcpy(c->sel, mode == 8 ? sel64 : sel32, sizeof(sel64));
	c->mem = mem;
	c->gpr[GPR_RDI] = DIFF_DATA + BASE;
	c->gpr[GPR_RSI] = DIFF_DATA + DATA;
	memcpy(mem + BASE, &fcw, 2);
	for (unsigned i = 0; i < 6; i++)
		number(mem + 10 * i);
	if (rnd(2)) { /* a float, a double, an integer: as its bytes fall */
		float f = (float)((int)rnd(2000) - 1000) / (float)(1 + rnd(50));
		double d = f * 3;

		memcpy(mem + DATA, rnd(2) ? (const void *)&f : (const void *)&d, 4);
		memcpy(mem + DATA, rnd(2) ? (const void *)&d : (const void *)(mem + DATA), 8);
	} else {
		uint64_t v = value_quad(rnd(9));

		memcpy(mem + DATA, &v, 8);
	}
	put(c, 0xDB, 0xE3);
	put(c, 0xD9, 0x2F);
	for (unsigned i = 0; i < 6; i++) {
		put(c, 0xDB, 0x6F);
		c->code[c->len++] = (uint8_t)(-0x80 + 10 * (int)i);
	}
	for (unsigned i = 0; i < OPS && c->len + 4u + 24u < sizeof(c->code); i++)
		operation(c);
	put(c, 0xDD, 0x7F);
	c->code[c->len++] = 2;
	for (unsigned i = 0; i < 6; i++) {
		put(c, 0xDB, 0x7F);
		c->code[c->len++] = (uint8_t)(8 + 10 * i);
	}
}

static void run_batch(struct engines *t)
{
	unsigned n = t->n;

	t->n = 0;
	if (t->host && n)
		ck_assert_msg(host_run(t->host, t->c, t->want, &n), "the host's child died");
	for (unsigned i = 0; i < n; i++) {
		for (unsigned e = !t->host; e < 2; e++) {
			const char *why;

			if (!t->host)
				guest_run(t->interp, &t->c[i], &t->want[i]);
			guest_run(e ? t->jit : t->interp, &t->c[i], &t->ours);
			why = diff_compare(&t->c[i], &t->want[i], &t->ours);
			if (!why || t->bad++ > 10)
				continue;
			fprintf(stderr, "%s: %s differs\n", e ? "the translator" : "the interpreter", why);
			diff_print(&t->c[i], &t->want[i], &t->ours);
			diff_row(&t->c[i]);
		}
	}
	t->ran += n;
}

START_TEST(arithmetic)
{
	struct engines *t = calloc(1, sizeof(*t));
	const char *why = "";

	t->mem = mmap(NULL, HOST_BATCH * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert(t->mem != MAP_FAILED);
	t->host = host_new(&why);
	if (!t->host)
		printf("no native run: %s; interpreter against translator only\n", why);
	t->interp = guest_new(ACCEL_INTERP);
	t->jit = guest_new(ACCEL_JIT);
	for (unsigned i = 0; i < programs; i++) {
		make(t, &t->c[t->n], i & 1 ? 4 : 8, t->mem[t->n]);
		if (++t->n == HOST_BATCH)
			run_batch(t);
	}
	run_batch(t);
	printf("%u programs, %u differences\n", t->ran, t->bad);
	ck_assert_uint_ge(t->ran, programs);
	ck_assert_uint_eq(t->bad, 0);
	if (t->host)
		host_free(t->host);
	guest_free(t->interp);
	guest_free(t->jit);
	munmap(t->mem, HOST_BATCH * PAGE_SIZE);
	free(t);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *s = suite_create("x87_engines");
	TCase *c = tcase_create("arithmetic");
	SRunner *r;
	int bad;

	if (argc > 1)
		programs = (unsigned)strtoul(argv[1], NULL, 0);
	tcase_set_timeout(c, 600);
	tcase_add_test(c, arithmetic);
	suite_add_tcase(s, c);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
