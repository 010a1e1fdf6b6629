/*
 * test_fp_unmasked.c - exceptions of floating-point and vector instructions in translated code, unmasked ones first of all: the
 * right vector at the right instruction, with everything before it done and nothing after it, on both engines.
 *
 * The translator runs an instruction on the host only while all of its exceptions are masked (MODE_SSESLOW, MODE_X87SLOW); what
 * is looked at here is that every way to unmask one changes the code that is run, in the same loop, too.
 * Source: Intel SDM Vol. 1 8.7 "Handling x87 FPU Exceptions in Software", 11.5.3; Vol. 3A 6.15 #MF, #XM.
 */
#include "tests/unit/ring0_fix.h"
#include "jit/jit.h"

#define CODE 0x100000u
#define DATA 0x200000u
#define HANDLERS 0x20000u /* fix_tables(): 16 bytes a vector */

struct run {
	struct fix *f;
	struct jit *j;
	unsigned len, ferr;
};

static const enum jit_accel engines[] = {ACCEL_INTERP, ACCEL_JIT, ACCEL_LOCKSTEP};

static void on_ferr(void *opaque, int level)
{
	((struct run *)opaque)->ferr += level;
}

static struct run *run_new(int engine)
{
	struct jit_options opt = {.accel = engines[engine], .cache_bytes = 1 << 20};
	struct run *r = calloc(1, sizeof(*r));
	struct vcpu *c;
	struct err e;

	r->f = fix_prot(0);
	c = r->f->cpu;
	c->cr4 |= CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE;
	c->xcr0 = 7;
	for (unsigned i = 0; i < 8; i++) {
		memset(c->fpu.xmm[i], 0x10 + i, 16);
		memset(c->fpu.ymmh[i], 0x90 + i, 16);
	}
	vcpu_update(c);
	for (unsigned v = 0; v < 32; v++)
		fix_wr(r->f, HANDLERS + v * 16, 0xF4, 1);
	fix_wr(r->f, DATA, 0x1F80, 4);		 /* MXCSR, all masked */
	fix_wr(r->f, DATA + 4, 0x1F80 & ~0x200, 4); /* division by zero unmasked */
	fix_wr(r->f, DATA + 8, 0x37F & ~4, 4);	 /* the same in an x87 control word */
	for (unsigned i = 0; i < 4; i++)
		fix_wr(r->f, DATA + 16 + 4 * i, 0x3F800000, 4); /* ones */
	ck_assert_int_eq(jit_new(&r->j, c, &opt, &e), VM_OK);
	return r;
}

static void run_free(struct run *r)
{
	jit_free(r->j);
	fix_free(r->f);
	free(r);
}

/* The program, and HLT behind it. */
static void run(struct run *r, const char *hex)
{
	struct vcpu *c = r->f->cpu;
	unsigned v;
	int used;

	for (r->len = 0; sscanf(hex, " %2x%n", &v, &used) == 1; hex += used)
		fix_wr(r->f, CODE + r->len++, v, 1);
	fix_wr(r->f, CODE + r->len, 0xF4, 1);
	c->rip = CODE;
	c->halted = 0;
	ck_assert_int_eq(jit_run(r->j), JIT_HALTED);
}

/* The program has ended in the handler of @vec, whose frame says @eip. */
static void ck_fault(struct run *r, unsigned vec, uint32_t eip)
{
	struct vcpu *c = r->f->cpu;

	ck_assert_uint_eq(c->rip, HANDLERS + vec * 16 + 1);
	ck_assert_uint_eq(fix_rd(r->f, c->gpr[GPR_RSP] + (vec == 13 ? 4 : 0), 4), CODE + eip); /* #GP: error code */
}

static uint64_t xmm(struct run *r, unsigned n)
{
	uint64_t v;

	memcpy(&v, r->f->cpu->fpu.xmm[n], 8);
	return v;
}

#define ONES 0x3F8000003F800000ull

/* movaps xmm0,[ones]; xorps xmm1,xmm1; ... divps xmm0,xmm1; movaps xmm2,xmm0: #XM at the division. */
START_TEST(xm)
{
	struct run *r = run_new(_i);

	run(r, "0F AE 15 04 00 20 00 0F 28 05 10 00 20 00 0F 57 C9 0F 58 C9 0F 28 D8 0F 5E C1 0F 28 D0");
	ck_fault(r, 19, 23);
	ck_assert_uint_eq(xmm(r, 0), ONES); /* not written */
	ck_assert_uint_eq(xmm(r, 3), ONES); /* before it: done */
	ck_assert_uint_eq(xmm(r, 2), 0x1212121212121212); /* behind it: not begun */
	ck_assert_uint_eq(r->f->cpu->fpu.mxcsr, 0x1D84);
	run_free(r);
}
END_TEST

/* Without CR4.OSXMMEXCPT it is #UD. */
START_TEST(xm_without_handler)
{
	struct run *r = run_new(_i);

	r->f->cpu->cr4 &= ~(uint64_t)CR4_OSXMMEXCPT;
	vcpu_update(r->f->cpu);
	run(r, "0F AE 15 04 00 20 00 0F 28 05 10 00 20 00 0F 57 C9 0F 5E C1");
	ck_fault(r, 6, 17);
	run_free(r);
}
END_TEST

/*
 * A loop that divides twice with everything masked, then unmasks and comes back to the very same instruction:
 *   mov ecx,2;  again: movaps xmm0,[ones]; xorps xmm1,xmm1; divps xmm0,xmm1; dec ecx; jnz again; ldmxcsr [unmasked]; jmp again
 */
START_TEST(xm_in_translated_loop)
{
	struct run *r = run_new(_i);

	run(r, "B9 02 00 00 00 0F 28 05 10 00 20 00 0F 57 C9 0F 5E C1 49 75 F0 0F AE 15 04 00 20 00 EB E7");
	ck_fault(r, 19, 15);
	ck_assert_uint_eq(xmm(r, 0), ONES);
	ck_assert_uint_eq(r->f->cpu->gpr[GPR_RCX], 0);
	run_free(r);
}
END_TEST

/* The same by FXRSTOR: fxsave [eax]; or its MXCSR; fxrstor [eax]. */
START_TEST(xm_by_fxrstor)
{
	struct run *r = run_new(_i);

	run(r, "B8 00 10 20 00 0F 28 05 10 00 20 00 0F 57 C9 0F AE 00 81 60 18 FF FD FF FF 0F AE 08 0F 5E C1");
	ck_fault(r, 19, 28);
	run_free(r);
}
END_TEST

/* fldcw [unmasked]; fld1; fldz; fdivp; (no x87) mov eax,7; fld1: #MF at the last, after the MOV. */
START_TEST(mf)
{
	struct run *r = run_new(_i);

	run(r, "D9 2D 08 00 20 00 D9 E8 D9 EE DE F9 B8 07 00 00 00 D9 E8 B8 09 00 00 00");
	ck_fault(r, 16, 17);
	ck_assert_uint_eq(r->f->cpu->gpr[GPR_RAX], 7);
	ck_assert_uint_eq(r->f->cpu->fpu.fsw & 0x80BF, 0x8084); /* ES, ZE; B mirrors ES */
	run_free(r);
}
END_TEST

/* The division is in a loop that ran with everything masked; then FLDCW unmasks, and FWAIT takes the exception. */
START_TEST(mf_in_translated_loop)
{
	struct run *r = run_new(_i);

	/* mov ecx,2; again: fnclex; fld1; fldz; fdivp; fstp st0; wait; dec ecx; jnz again; fldcw; jmp again */
	run(r, "B9 02 00 00 00 DB E2 D9 E8 D9 EE DE F9 9B DD D8 49 75 F2 D9 2D 08 00 20 00 EB EA");
	ck_fault(r, 16, 13);
	run_free(r);
}
END_TEST

/* An MMX instruction, too, answers for a pending x87 exception; EMMS as well. */
START_TEST(mf_by_mmx)
{
	struct run *r = run_new(_i);

	run(r, "D9 2D 08 00 20 00 D9 E8 D9 EE DE F9 0F FC C1");
	ck_fault(r, 16, 12);
	run_free(r);
}
END_TEST

/* CR0.NE = 0: FERR# goes up when the next waiting instruction is met, and that is executed once the interrupt is ignored. */
START_TEST(ferr_not_mf)
{
	struct run *r = run_new(_i);
	struct vcpu *c = r->f->cpu;

	c->cr0 &= ~(uint64_t)CR0_NE;
	c->wires.opaque = r;
	c->wires.ferr = on_ferr;
	vcpu_update(c);
	run(r, "D9 2D 08 00 20 00 D9 E8 D9 EE DE F9 B8 07 00 00 00 D9 E8 B8 09 00 00 00");
	ck_assert_uint_gt(r->ferr, 0);
	run_free(r);
}
END_TEST

static uint64_t upper(struct run *r, unsigned n)
{
	uint64_t v;

	memcpy(&v, r->f->cpu->fpu.ymmh[n], 8);
	return v;
}

/* vldmxcsr [unmasked]; vxorps xmm1,xmm1,xmm1 (and ymm1's upper half); vmovaps ymm2,ymm3; vdivps ymm2,ymm2,ymm1: #XM */
START_TEST(xm_vex)
{
	struct run *r = run_new(_i);

	run(r, "C5 F8 AE 15 04 00 20 00 C5 F0 57 C9 C5 FC 28 D3 C5 EC 5E D1 C5 FC 28 E2");
	ck_fault(r, 19, 16);
	ck_assert_uint_eq(xmm(r, 1), 0);
	ck_assert_uint_eq(upper(r, 1), 0);
	ck_assert_uint_eq(upper(r, 2), 0x9393939393939393);
	ck_assert_uint_eq(upper(r, 4), 0x9494949494949494);
	run_free(r);
}
END_TEST

/* vmovups ymm0,[eax+4] is fine; vmovdqa ymm1,[eax+16] wants 32: #GP, with what came before it done */
START_TEST(gp_misaligned)
{
	struct run *r = run_new(_i);

	run(r, "B8 00 00 20 00 C5 FC 10 40 04 C5 FD 6F 48 10 C5 FC 28 E0");
	ck_fault(r, 13, 10);
	ck_assert_uint_eq(xmm(r, 0) >> 32, 0x37B);
	ck_assert_uint_eq(upper(r, 1), 0x9191919191919191);
	ck_assert_uint_eq(upper(r, 4), 0x9494949494949494);
	run_free(r);
}
END_TEST

/* vaddps ymm0,ymm1,ymm2; mov eax,cr0; or eax,8 (TS); mov cr0,eax; vmovaps ymm4,ymm0: #NM */
START_TEST(nm_vex)
{
	struct run *r = run_new(_i);

	run(r, "C5 F4 57 C2 0F 20 C0 83 C8 08 0F 22 C0 C5 FC 28 E0");
	ck_fault(r, 7, 13);
	ck_assert_uint_eq(upper(r, 0), 0x0303030303030303);
	ck_assert_uint_eq(upper(r, 4), 0x9494949494949494);
	run_free(r);
}
END_TEST

/* vxorps ymm0,ymm1,ymm2; xor ecx,ecx; xor edx,edx; mov eax,3; xsetbv (no AVX any more); movaps xmm3,xmm0; vmovaps ymm4,ymm0: #UD */
START_TEST(ud_vex)
{
	struct run *r = run_new(_i);

	run(r, "C5 F4 57 C2 31 C9 31 D2 B8 03 00 00 00 0F 01 D1 0F 28 D8 C5 FC 28 E0");
	ck_fault(r, 6, 19);
	ck_assert_uint_eq(upper(r, 0), 0x0303030303030303);
	ck_assert_uint_eq(xmm(r, 3), 0x0303030303030303);
	ck_assert_uint_eq(upper(r, 3), 0x9393939393939393);
	run_free(r);
}
END_TEST

/* vzeroall; in 32-bit code the upper eight registers keep their values: one of them is looked at from outside */
START_TEST(vzeroall_32)
{
	struct run *r = run_new(_i);

	memset(r->f->cpu->fpu.ymmh[8], 0x55, 16);
	memset(r->f->cpu->fpu.xmm[8], 0x55, 16);
	run(r, "C5 F4 57 C2 C5 FC 77");
	for (unsigned i = 0; i < 9; i++) {
		ck_assert_uint_eq(xmm(r, i), i < 8 ? 0 : 0x5555555555555555);
		ck_assert_uint_eq(upper(r, i), i < 8 ? 0 : 0x5555555555555555);
	}
	run(r, "C5 F8 28 C1 C5 F8 77");
	ck_assert_uint_eq(upper(r, 8), 0x5555555555555555);
	run_free(r);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("fp_unmasked");
	TCase *t = tcase_create("all");
	const TTest *tests[] = {xm, xm_without_handler, xm_in_translated_loop, xm_by_fxrstor, mf, mf_in_translated_loop, mf_by_mmx,
		ferr_not_mf, xm_vex, gp_misaligned, nm_vex, ud_vex, vzeroall_32};
	SRunner *r;
	int bad;

	for (unsigned i = 0; i < ARRAY_SIZE(tests); i++)
		tcase_add_loop_test(t, tests[i], 0, ARRAY_SIZE(engines));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
