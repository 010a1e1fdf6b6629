/*
 * test_long_branch.c - near branches of 64-bit code that leave the canonical addresses: #GP(0) at the branch, which has
 * done nothing; running off the end faults at the first address that is not canonical.
 *
 * Source: Intel SDM Vol. 2 CALL, JMP, Jcc, LOOP, RET; Vol. 1 3.3.7.1.
 */
#include <stdio.h>
#include "long_fix.h"

#define LOW_END 0x800000000000ull    /* first address behind the lower half */
#define HIGH 0xFFFF800000000000ull   /* first of the upper half */

static const struct {
	const char *code;
	uint64_t at;
	bool faults;		/* at the branch */
	uint64_t rcx;
} rows[] = {
	{"E9 00 20 00 00", LOW_END - 0x800, true, 0},	   /* jmp */
	{"E8 00 20 00 00", LOW_END - 0x800, true, 0},	   /* call */
	{"0F 84 00 20 00 00", LOW_END - 0x800, true, 0},  /* je, taken */
	{"0F 85 00 20 00 00 F4", LOW_END - 0x800, false, 0}, /* jne, not taken; hlt */
	{"74 7F", LOW_END - 0x10, true, 0},
	{"EB 7F", LOW_END - 0x10, true, 0},
	{"E3 7F", LOW_END - 0x10, true, 0},		   /* jrcxz */
	{"E3 7F F4", LOW_END - 0x10, false, 1},
	{"E2 7F", LOW_END - 0x10, true, 2},		   /* loop */
	{"E2 7F F4", LOW_END - 0x10, false, 1},
	{"E1 7F", LOW_END - 0x10, true, 2},		   /* loope */
	{"E0 7F F4", LOW_END - 0x10, false, 2},	   /* loopne */
	{"E9 F0 07 00 00", LOW_END - 0x1000, false, 0},   /* inside the page */
	{"E9 00 E0 FF FF", HIGH + 0x100, true, 0},
	{"E8 00 E0 FF FF", HIGH + 0x100, true, 0},
	{"EB 80", HIGH + 0x10, true, 0},
	/* far from the end, by long branches */
	{"E9 00 00 00 20", LOW_END - 0x10000000, true, 0},
	{"E9 00 00 00 7F", LOW_END - 0x7E000000, true, 0},
	{"E9 00 00 00 0F", LOW_END - 0x10000000, false, 0},
	{"E9 00 00 00 E0", HIGH + 0x10000000, true, 0},
};

/* Ring 0 with the gigabytes at both ends of the hole mapped to the same two megabytes of RAM, code at @at. */
static struct fix *at_edge(const char *code, uint64_t at)
{
	struct fix *f = fix_long("max", 0);

	fix_wr(f, PML4 + 255 * 8, (PML4 + 0x1000) | 7, 8);
	fix_wr(f, PML4 + 256 * 8, (PML4 + 0x1000) | 7, 8);
	fix_wr(f, PML4 + 0x1000 + 511 * 8, (PML4 + 0x2000) | 7, 8);
	fix_wr(f, PML4 + 0x1000 + 510 * 8, (PML4 + 0x2000) | 7, 8);
	for (unsigned i = 4; i < 512; i++)
		fix_wr(f, PML4 + 0x2000 + i * 8, 0x200087, 8);
	memset(f->ram.host + f->reg.ra + 0x200000, 0xF4, 0x200000);
	fix_code(f, (at >> 21 & 511) < 4 ? at & 0x7FFFFF : 0x200000 + (at & 0x1FFFFF), code);
	f->cpu->rip = at;
	return f;
}

static void run_row(unsigned i, enum jit_accel accel)
{
	struct fix *f = at_edge(rows[i].code, rows[i].at);
	struct vcpu *c = f->cpu;
	int vec;

	c->gpr[GPR_RCX] = rows[i].rcx;
	c->eflags |= FL_ZF;

	vec = fix_run(f, accel);
	ck_assert_msg(vec == (rows[i].faults ? 13 : -1), "%s: vector %d", rows[i].code, vec);
	if (rows[i].faults) {
		ck_assert_uint_eq(fix_frame(f, 0), 0);
		ck_assert_uint_eq(fix_frame(f, 1), rows[i].at);
		ck_assert_uint_eq(fix_frame(f, 4), KSTACK);
		ck_assert_uint_eq(c->gpr[GPR_RCX], rows[i].rcx);
	}
	fix_free(f);
}

START_TEST(interp)
{
	run_row(_i, ACCEL_INTERP);
}
END_TEST

START_TEST(jit)
{
	run_row(_i, ACCEL_JIT);
}
END_TEST

START_TEST(lockstep)
{
	run_row(_i, ACCEL_LOCKSTEP);
}
END_TEST

START_TEST(runs_off)
{
	static const enum jit_accel engines[] = {ACCEL_INTERP, ACCEL_JIT, ACCEL_LOCKSTEP};
	struct fix *f = at_edge("90 90 90", LOW_END - 3);

	ck_assert_int_eq(fix_run(f, engines[_i]), 13);
	ck_assert_uint_eq(fix_frame(f, 1), LOW_END);
	fix_free(f);
}
END_TEST

/* An instruction whose last byte would lie behind the end: it faults, as a whole. */
START_TEST(straddles)
{
	static const enum jit_accel engines[] = {ACCEL_INTERP, ACCEL_JIT, ACCEL_LOCKSTEP};
	struct fix *f = at_edge("90 48 B8", LOW_END - 3);

	ck_assert_int_eq(fix_run(f, engines[_i]), 13);
	ck_assert_uint_eq(fix_frame(f, 0), 0);
	ck_assert_uint_eq(fix_frame(f, 1), LOW_END - 2);
	fix_free(f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("long branch");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_add_loop_test(t, interp, 0, ARRAY_SIZE(rows));
	tcase_add_loop_test(t, jit, 0, ARRAY_SIZE(rows));
	tcase_add_loop_test(t, lockstep, 0, ARRAY_SIZE(rows));
	tcase_add_loop_test(t, runs_off, 0, 3);
	tcase_add_loop_test(t, straddles, 0, 3);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
