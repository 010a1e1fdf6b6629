/*
 * test_jit_cache.c - the block cache under pressure: code that does not fit the arena, so that translations are dropped while the run loop
 * still knows the exit it came from.
 */
#include "tests/unit/ring0_fix.h"
#include "jit/jit.h"

#define CODE 0x100000u
#define CODE_END 0x114000u

/* A chain of jumps to the next instruction, each a block of its own, linked within its page; HLT ends it. */
static void write_chain(struct fix *f)
{
	for (unsigned at = CODE; at < CODE_END; at += 2)
		fix_wr(f, at, 0x00EB, 2);
	fix_wr(f, CODE_END, 0xF4, 1);
}

static void run_chain(enum jit_accel accel)
{
	struct jit_options opt = {.accel = accel, .cache_bytes = 1 << 20};
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;
	struct jit *j;
	struct err e;

	write_chain(f);
	ck_assert_int_eq(jit_new(&j, c, &opt, &e), VM_OK);
	for (unsigned round = 0; round < 2; round++) {
		c->rip = CODE;
		c->halted = false;
		ck_assert_int_eq(jit_run(j), JIT_HALTED);
		ck_assert_uint_eq(c->rip, CODE_END + 1);
	}
	jit_free(j);
	fix_free(f);
}

START_TEST(arena_fills)
{
	run_chain(ACCEL_JIT);
}
END_TEST

START_TEST(interpreter)
{
	run_chain(ACCEL_INTERP);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("jit cache");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_set_timeout(t, 120);
	tcase_add_test(t, arena_fills);
	tcase_add_test(t, interpreter);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
