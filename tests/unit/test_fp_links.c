/*
 * test_fp_links.c - blocks that lead to each other, of which some need the guest's SSE, x87 or AVX state in host registers, some none, and some
 * call C, which puts it back to memory: what comes out is what the interpreter computes.
 */
#include "tests/unit/long_fix.h"
#include "jit/priv.h"

#define DATA 0x200000u
#define BYTES 56

/*
 * mov eax,3; cvtsi2sd xmm1,eax; mov eax,1; cvtsi2sd xmm2,eax; divsd xmm2,xmm1; fninit; fld1; fldpi; vmovddup xmm4,xmm1;
 * vinsertf128 ymm4,ymm4,xmm2,1; mov esi,200
 * head: addsd xmm0,xmm1; jmp +0; mulsd xmm0,xmm2; jmp +0; rdtsc; jmp +0; fadd st,st1; jmp +0; fmul st,st1; jmp +0;
 * vaddpd ymm3,ymm3,ymm4; jmp +0; nop; jmp +0; vmulpd ymm3,ymm3,ymm4; fsub st,st1; jmp +0; addsd xmm0,xmm2; test sil,1; jz 1; subsd xmm0,xmm1;
 * 1: push rsi; pop rsi; dec esi; jnz head; movsd [rdi],xmm0; fstp qword [rdi+8]; vmovupd [rdi+16],ymm3; fstp qword [rdi+48]; hlt
 */
static const char code[] =
	"B8 03 00 00 00 F2 0F 2A C8 B8 01 00 00 00 F2 0F 2A D0 F2 0F 5E D1 DB E3 D9 E8 D9 EB C5 FB 12 E1 C4 E3 5D 18 E2 01 BE C8 00 00 00 "
	"F2 0F 58 C1 EB 00 F2 0F 59 C2 EB 00 0F 31 EB 00 D8 C1 EB 00 D8 C9 EB 00 C5 E5 58 DC EB 00 90 EB 00 C5 E5 59 DC D8 E1 EB 00 F2 0F 58 C2 "
	"40 F6 C6 01 74 04 F2 0F 5C C1 56 5E FF CE 75 C3 F2 0F 11 07 DD 5F 08 C5 FD 11 5F 10 DD 5F 30 F4";

static void run(enum jit_accel accel, uint32_t opts_off, uint8_t *out)
{
	struct jit_options opt = {.accel = accel, .cache_bytes = 1 << 20, .opts_off = opts_off};
	struct fix *f = fix_long("max", 0);
	struct vcpu *c = f->cpu;
	struct jit *j;
	struct err e;

	c->cr4 |= CR4_OSFXSR | CR4_OSXSAVE;
	c->xcr0 = 7;
	fix_code(f, KCODE_AT, code);
	c->rip = KCODE_AT;
	c->gpr[GPR_RDI] = DATA;
	ck_assert_int_eq(jit_new(&j, c, &opt, &e), VM_OK);
	vcpu_update(c);
	ck_assert_int_eq(jit_run(j), JIT_HALTED);
	ck_assert_uint_eq(c->gpr[GPR_RSI], 0);
	space_read_buf(&f->mem, DATA, out, BYTES);
	jit_free(j);
	fix_free(f);
}

START_TEST(as_interpreted)
{
	static const struct {
		enum jit_accel accel;
		uint32_t opts_off;
	} ways[] = {{ACCEL_JIT, 0}, {ACCEL_JIT, JIT_OPT_LINK}, {ACCEL_JIT, JIT_OPT_FIND}, {ACCEL_LOCKSTEP, 0}};
	uint8_t want[BYTES], got[BYTES], none[BYTES] = {0};

	run(ACCEL_INTERP, 0, want);
	ck_assert_mem_ne(want, none, BYTES);
	run(ways[_i].accel, ways[_i].opts_off, got);
	ck_assert_mem_eq(got, want, BYTES);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("links between blocks with and without FP");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_add_loop_test(t, as_interpreted, 0, 4);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
