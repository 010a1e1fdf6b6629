/*
 * test_locked_engines.c - LOCKed instructions and XCHG with memory: the host's processor, the interpreter and the translator, with and
 * without the host's atomic instructions, must agree.
 *
 * A program is six of them of all sizes, at addresses aligned and not, off three registers, sometimes into a page that is read-only. Between
 * them comparisons, after which nobody can see the flags, and loads of the accumulator, so that CMPXCHG finds what it looks for.
 * Argument: how many programs (default 4,000).
 */
#include "tests/diff/support/diff.h"
#include "tests/diff/support/values.h"
#include "cpu/insn/rows.h"
#include "jit/jit.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPS 6

static unsigned programs = 4000;

struct engines {
	struct insn_index *ix;
	struct host *host;
	struct guest *interp, *jit, *bare;
	struct diff_case c[HOST_BATCH];
	struct diff_result want[HOST_BATCH], ours;
	unsigned n, bad, ran, faults;
};

static unsigned rnd(unsigned n)
{
	return (unsigned)(value_rnd() >> 20) % n;
}

static void put(struct diff_case *c, unsigned byte)
{
	c->code[c->len++] = (uint8_t)byte;
}

/* Prefixes, opcode and an operand [base + disp8] of @w bytes within one line of 64: what crosses a line, some hosts do not let LOCK do. */
static void operand(struct diff_case *c, unsigned lock, unsigned w, unsigned map, unsigned opcode, unsigned reg)
{
	static const uint8_t bases[] = {3, 6, 7};
	unsigned off = rnd(3) ? rnd(64 / w) * w : rnd(65 - w);

	if (lock)
		put(c, 0xF0);
	if (w == 2)
		put(c, 0x66);
	if (w == 8)
		put(c, 0x48);
	if (map)
		put(c, 0x0F);
	put(c, opcode);
	put(c, 0x40 | reg << 3 | bases[rnd(3)]);
	put(c, off);
}

static void locked(struct diff_case *c)
{
	static const uint8_t regs[] = {0, 1, 2, 5};
	unsigned w = 1u << rnd(c->mode == 8 ? 4 : 3), wide = w > 1, reg = w == 1 ? rnd(8) : regs[rnd(4)], n = rnd(8) & 7;

	if (w == 1 && (reg == 3 || reg == 7)) /* BL, BH: part of an address */
		reg = 0;
	switch (rnd(8)) {
	case 0: case 1:
		operand(c, 1, w, 0, (n == 7 ? 6 : n) << 3 | wide, reg);
		break;
	case 2:
		operand(c, 1, w, 0, wide ? 0x83 : 0x80, n == 7 ? 1 : n);
		put(c, rnd(3) ? rnd(256) : 0);
		break;
	case 3:
		operand(c, 1, w, 0, 0xFE | wide, n & 1);
		break;
	case 4:
		operand(c, 1, w, 0, 0xF6 | wide, 2 + (n & 1));
		break;
	case 5:
		operand(c, 1, w, 1, 0xC0 | wide, reg);
		break;
	case 6:
		operand(c, rnd(2), w, 0, 0x86 | wide, reg);
		break;
	case 7:
		operand(c, 1, w, 1, 0xB0 | wide, reg);
	}
}

static void make(struct engines *t, struct diff_case *c, unsigned mode)
{
	static const uint16_t sel[SEG_COUNT] = {SEL_DATA, SEL_CODE32, SEL_DATA, SEL_DATA};
	unsigned ops = OPS;

	memset(c, 0, sizeof(*c));
	c->mode = (uint8_t)mode;
	c->at = 0x100;
	c->eflags = FL_1 | FL_IF | (value_rnd() & FL_ARITH);
	memcpy(c->sel, sel, sizeof(sel));
	if (mode == 8)
		c->sel[SEG_CS] = SEL_CODE64;
	for (unsigned i = 0; i < 16; i++)
		c->gpr[i] = rnd(4) ? value_rnd() : rnd(3);
	if (mode != 8)
		for (unsigned i = 0; i < 16; i++)
			c->gpr[i] = i < 8 ? (uint32_t)c->gpr[i] : 0;
	c->memseed = value_rnd();
	c->gpr[GPR_RBX] = DIFF_DATA + 0x100;
	c->gpr[GPR_RSI] = DIFF_DATA + (rnd(2) ? 0x100 : 0x140);
	c->gpr[GPR_RDI] = rnd(8) ? DIFF_DATA + 0x180 : DIFF_RO;
	c->gpr[GPR_RSP] = DIFF_DATA + 0x800;
	while (ops--) {
		if (!rnd(3)) /* mov eax,[base + disp8] */
			operand(c, 0, mode == 8 && rnd(2) ? 8 : 4, 0, 0x8B, 0);
		locked(c);
		if (rnd(2)) { /* cmp edx,ebp */
			put(c, 0x39);
			put(c, 0xEA);
		}
	}
	if (!gen_parse(t->ix, c))
		c->len = 0;
}

static void compare(struct engines *t, struct guest *g, const char *name, unsigned i)
{
	const char *why;

	guest_run(g, &t->c[i], &t->ours);
	why = diff_compare(&t->c[i], &t->want[i], &t->ours);
	if (!why || t->bad++ > 10)
		return;
	fprintf(stderr, "%s: %s differs\n", name, why);
	diff_print(&t->c[i], &t->want[i], &t->ours);
}

static void run_batch(struct engines *t)
{
	unsigned n = t->n;

	t->n = 0;
	if (t->host && n)
		ck_assert_msg(host_run(t->host, t->c, t->want, &n), "the host's child died");
	for (unsigned i = 0; i < n; i++) {
		if (t->host)
			compare(t, t->interp, "the interpreter", i);
		else
			guest_run(t->interp, &t->c[i], &t->want[i]);
		t->faults += t->want[i].vec != 3;
		compare(t, t->jit, "the translator", i);
		compare(t, t->bare, "the translator on a host without features", i);
	}
	t->ran += n;
}

START_TEST(random_programs)
{
	struct engines *t = calloc(1, sizeof(*t));
	const char *why = "";
	char overlap[100];

	t->ix = insn_index_new(overlap, sizeof(overlap));
	ck_assert_msg(t->ix, "%s", overlap);
	t->host = host_new(&why);
	if (!t->host)
		printf("no native run: %s; interpreter against translator only\n", why);
	t->interp = guest_new(ACCEL_INTERP);
	t->jit = guest_new(ACCEL_JIT);
	t->bare = guest_new_masked(ACCEL_JIT, UINT32_MAX);
	while (t->ran + t->n < programs) {
		make(t, &t->c[t->n], t->n & 1 ? 4 : 8);
		t->n += t->c[t->n].len != 0;
		if (t->n == HOST_BATCH)
			run_batch(t);
	}
	run_batch(t);
	printf("%u programs, %u fault, %u differences\n", t->ran, t->faults, t->bad);
	ck_assert_uint_eq(t->bad, 0);
	ck_assert_uint_gt(t->faults, programs / 100);
	if (t->host)
		host_free(t->host);
	guest_free(t->interp);
	guest_free(t->jit);
	guest_free(t->bare);
	insn_index_free(t->ix);
	free(t);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *s = suite_create("locked_engines");
	TCase *c = tcase_create("random");
	SRunner *r;
	int bad;

	if (argc > 1)
		programs = (unsigned)strtoul(argv[1], NULL, 0);
	tcase_set_timeout(c, 600);
	tcase_add_test(c, random_programs);
	suite_add_tcase(s, c);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
