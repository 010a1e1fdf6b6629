/* test_sti.c - the instruction behind STI runs before a waiting interrupt is taken, in every engine, wherever a block ends. */
#include "jit/jit.h"
#include "ring0_fix.h"

#define CODE 0x6000u
#define HANDLER(vec) (0x20000u + (vec) * 16)
#define INTR 0x40

/* Run @code at @at with an interrupt waiting until something halts. Return: EIP pushed last; *rip: where it halted */
static uint32_t run(enum jit_accel accel, unsigned at, const char *code, unsigned n, uint64_t *rip, bool *iflag)
{
	struct jit_options opt = {.accel = accel, .cache_bytes = 1 << 20};
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;
	struct jit *j;
	struct err e;
	uint32_t eip;

	for (unsigned i = 0; i < n; i++)
		fix_wr(f, at + i, (uint8_t)code[i], 1);
	fix_wr(f, HANDLER(INTR), 0xF4, 1); /* hlt */
	fix_wr(f, HANDLER(6), 0xF4, 1);
	ck_assert_int_eq(jit_new(&j, c, &opt, &e), VM_OK);
	for (unsigned i = 0; i < 2; i++) { /* the second time the blocks are there */
		c->rip = at;
		c->eflags &= ~(uint32_t)FL_IF;
		c->halted = 0;
		c->gpr[GPR_RSP] = KSTACK;
		fix_wr(f, KSTACK - 12, 0, 4);
		f->vector = INTR;
		vcpu_set_intr(c, 1);
		ck_assert_int_eq(jit_run(j), JIT_HALTED);
	}
	*rip = c->rip;
	*iflag = c->eflags & FL_IF;
	eip = (uint32_t)fix_rd(f, KSTACK - 12, 4);
	jit_free(j);
	fix_free(f);
	return eip;
}

static const struct {
	const char *code, *name;
	unsigned at, n, vec, eip; /* eip: of the instruction that has not run, from the first; vec 0: nothing taken */
} cases[] = {
	{"\xFB\x90\x90\xF4", "sti nop nop hlt", CODE, 4, INTR, 2},
	{"\x90\xFB\x40\x40\xF4", "nop sti inc inc hlt", CODE, 5, INTR, 3},
	{"\xFB\xF4", "sti hlt", CODE, 2, INTR, 2},
	{"\xFB\xFA\x90\xF4", "sti cli nop hlt", CODE, 4, 0, 4},
	{"\xFB\xFB\x90\x90\xF4", "sti sti nop nop hlt", CODE, 5, INTR, 2},
	{"\xFB\x0F\x0B\x90", "sti ud2", CODE, 4, 6, 1},
	{"\xFB\x9C\x9D\x90\xF4", "sti pushf popf hlt", CODE, 5, INTR, 2},
	{"\xFB\x90\x90\xF4", "sti, page end, nop", CODE + 0xFFF, 4, INTR, 2},
	{"\xFB\x90\x90\xF4", "sti nop, page end", CODE + 0xFFE, 4, INTR, 2},
	{"\xFB\xB8\x01\0\0\0\x90\xF4", "sti, mov across the page end", CODE + 0xFFD, 8, INTR, 6},
};

START_TEST(shadow)
{
	static const enum jit_accel accel[] = {ACCEL_INTERP, ACCEL_JIT, ACCEL_LOCKSTEP};

	for (unsigned i = 0; i < ARRAY_SIZE(cases) * 3; i++) {
		const __typeof__(cases[0]) *k = &cases[i / 3];
		bool iflag;
		uint64_t rip;
		uint32_t eip = run(accel[i % 3], k->at, k->code, k->n, &rip, &iflag);

		if (!k->vec) {
			ck_assert_msg(rip == k->at + k->eip && !iflag, "%s, engine %u: halted at %#llx", k->name, i % 3,
				(unsigned long long)rip);
			continue;
		}
		ck_assert_msg(rip == HANDLER(k->vec) + 1, "%s, engine %u: halted at %#llx", k->name, i % 3,
			(unsigned long long)rip);
		/* what PUSHF has pushed stands above the frame */
		if (!strstr(k->name, "pushf"))
			ck_assert_msg(eip == k->at + k->eip, "%s, engine %u: taken before %#x", k->name, i % 3, eip);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sti");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, shadow);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
