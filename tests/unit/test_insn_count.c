/*
 * test_insn_count.c - how many instructions a program took, however it left its blocks: the interpreter counts each, translated code by the
 * block, as it begins (the trap log on x86-64 hosts) or as it ends (-icount; AArch64 hosts).
 */
#include "tests/unit/long_fix.h"
#include "jit/priv.h"

#define CODE 0x100000u
#define HANDLERS32 0x20000u

static const struct {
	const char *name, *code;
} programs[] = {
	{"hlt", "B8 01 00 00 00 40 F4"},
	{"mov to cr3, hlt", "40 0F 20 D8 0F 22 D8 40 F4"},
	{"loop", "B9 0A 00 00 00 40 49 75 FC F4"},
	{"#UD half-way", "40 40 0F 0B 40 F4"},
	{"#GP of a load", "40 40 8E D8 40 F4"}, /* mov ds,ax: AX is beyond the table */
	{"int 80h", "40 40 CD 80"},
	{"far jump", "40 EA 09 00 10 00 08 00 90 40 F4"},
	{"in al,dx; out dx,al", "40 EC 40 EE 40 F4"},
	{"sti, cli", "40 FB 40 FA 40 F4"},
	{"call, ret", "E8 02 00 00 00 40 F4 40 C3"},
	{"jump over a page", "40 E9 F9 0F 00 00"},
};

static const struct {
	enum jit_accel accel;
	bool icount;
	uint32_t opts_off;
} ways[] = {{ACCEL_INTERP, false, 0}, {ACCEL_JIT, false, 0}, {ACCEL_JIT, true, 0}, {ACCEL_JIT, true, JIT_OPT_NEXT}, {ACCEL_JIT, false, JIT_OPT_NEXT}};

static uint64_t count(unsigned program, unsigned way)
{
	struct jit_options opt = {.accel = ways[way].accel, .cache_bytes = 1 << 20, .opts_off = ways[way].opts_off, .icount = ways[way].icount};
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;
	struct jit *j;
	struct err e;
	uint64_t n;

	for (unsigned v = 0; v < 256; v++)
		fix_wr(f, HANDLERS32 + v * 16, 0xF440, 2); /* inc eax; hlt */
	fix_code(f, CODE + 0x1000, "40 40 F4");
	fix_code(f, CODE, programs[program].code);
	ck_assert_int_eq(jit_new(&j, c, &opt, &e), VM_OK);
	jit_count_insns(j, true);
	c->rip = CODE;
	c->insns = 0;
	c->gpr[GPR_RAX] = 0xFFFF;
	c->gpr[GPR_RDX] = 0x3F0;
	vcpu_update(c);
	while (jit_run(j) != JIT_HALTED)
		__atomic_and_fetch(&c->req, ~REQ_KICK, __ATOMIC_SEQ_CST);
	n = c->insns;
	jit_free(j);
	fix_free(f);
	return n;
}

START_TEST(counts)
{
	uint64_t n = count(_i, 0);

	for (unsigned way = 1; way < ARRAY_SIZE(ways); way++) {
		uint64_t got = count(_i, way);

		ck_assert_msg(got == n, "%s, way %u: %lu instructions, not %lu", programs[_i].name, way, got, n);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("how many instructions");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_add_loop_test(t, counts, 0, ARRAY_SIZE(programs));
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
