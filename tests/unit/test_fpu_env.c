/*
 * test_fpu_env.c - what the host's unit cannot be asked: environments and their pointers in all four layouts, and who
 * sees a pending x87 exception.
 */
#include "tests/unit/ring0_fix.h"
#include "cpu/fpu/fpu.h"

#define AT 0x20000

static void on_ferr(void *opaque, int level)
{
	struct fix *f = opaque;

	f->vector = level;
}

/* Executes the @n bytes of @code at CS:RIP in @bits code; the memory operand is at DS:@off. */
static enum exit run(struct fix *f, const char *code, unsigned n, unsigned size, uint32_t off)
{
	uint8_t b[15] = {0};
	struct insn in;

	memcpy(b, code, n);
	ck_assert_int_eq(insn_decode(f->cpu->index, b, 15, size, &in), DECODE_OK);
	ck_assert_uint_eq(in.len, n);
	return fpu_exec(f->cpu, &in, f->cpu->seg[SEG_DS].base + off);
}
#define RUN(f, code, size, off) run(f, code, sizeof(code) - 1, size, off)

static void real_mode(struct fix *f)
{
	f->cpu->seg[SEG_CS].sel = 0x1234;
	f->cpu->seg[SEG_CS].base = 0x12340;
	f->cpu->seg[SEG_DS].sel = 0x1F00;
	f->cpu->seg[SEG_DS].base = 0x1F000;
}

START_TEST(real_layouts)
{
	struct fix *f = fix_new("max");

	real_mode(f);
	f->cpu->rip = 0xABCD; /* linear 1234:ABCD is 1CF0D, 1F00:1100 is 20100 */
	fix_wr(f, 0x20100, 0x3F800000, 4);
	ck_assert_int_eq(RUN(f, "\xDB\xE3", 2, 0), EXIT_NONE);		 /* fninit */
	ck_assert_int_eq(RUN(f, "\xD9\x07", 2, 0x1100), EXIT_NONE);	 /* fld dword [bx] */
	ck_assert_int_eq(RUN(f, "\xD9\x37", 2, 0x1000), EXIT_NONE);	 /* fnstenv [bx] */
	ck_assert_uint_eq(fix_rd(f, AT, 2), 0x37F);
	ck_assert_uint_eq(fix_rd(f, AT + 2, 2), 0x3800);
	ck_assert_uint_eq(fix_rd(f, AT + 4, 2), 0x3FFF);
	ck_assert_uint_eq(fix_rd(f, AT + 6, 2), 0xCF0D);
	ck_assert_uint_eq(fix_rd(f, AT + 8, 2), 0x1107);
	ck_assert_uint_eq(fix_rd(f, AT + 10, 2), 0x0100);
	ck_assert_uint_eq(fix_rd(f, AT + 12, 2), 0x2000);
	ck_assert_int_eq(RUN(f, "\x66\xD9\x37", 2, 0x1000), EXIT_NONE);
	ck_assert_uint_eq(fix_rd(f, AT + 12, 2), 0xCF0D);
	ck_assert_uint_eq(fix_rd(f, AT + 16, 4), 0x1107);
	ck_assert_uint_eq(fix_rd(f, AT + 20, 2), 0x0100);
	ck_assert_uint_eq(fix_rd(f, AT + 24, 4), 0x2000);
	ck_assert_int_eq(RUN(f, "\xDB\xE3", 2, 0), EXIT_NONE);
	ck_assert_int_eq(RUN(f, "\x66\xD9\x27", 2, 0x1000), EXIT_NONE); /* fldenv */
	ck_assert_uint_eq(f->cpu->fpu.fip, 0x1CF0D);
	ck_assert_uint_eq(f->cpu->fpu.fdp, 0x20100);
	ck_assert_uint_eq(f->cpu->fpu.fop, 0x107);
	ck_assert_uint_eq(f->cpu->fpu.fsw, 0x3800);
	ck_assert_uint_eq(f->cpu->fpu.ftw, 0x80);
	fix_free(f);
}
END_TEST

START_TEST(protected_layouts)
{
	struct fix *f = fix_prot(0);

	f->cpu->rip = 0x12345678;
	fix_wr(f, AT + 0x100, 0x3F800000, 4);
	ck_assert_int_eq(RUN(f, "\xDB\xE3", 4, 0), EXIT_NONE);
	ck_assert_int_eq(RUN(f, "\xD9\x03", 4, AT + 0x100), EXIT_NONE);
	ck_assert_int_eq(RUN(f, "\xDD\x33", 4, AT), EXIT_NONE); /* fnsave [ebx] */
	ck_assert_uint_eq(fix_rd(f, AT, 4), 0xFFFF037F);
	ck_assert_uint_eq(fix_rd(f, AT + 12, 4), 0x12345678);
	ck_assert_uint_eq(fix_rd(f, AT + 16, 4), 0x01030000 | S_KCODE);
	ck_assert_uint_eq(fix_rd(f, AT + 20, 4), AT + 0x100);
	ck_assert_uint_eq(fix_rd(f, AT + 24, 2), S_UDATA);
	ck_assert_uint_eq(fix_rd(f, AT + 28, 8), 1ull << 63);
	ck_assert_uint_eq(fix_rd(f, AT + 36, 2), 0x3FFF);
	ck_assert_uint_eq(f->cpu->fpu.ftw, 0);
	ck_assert_int_eq(RUN(f, "\xDD\x23", 4, AT), EXIT_NONE); /* frstor */
	ck_assert_uint_eq(f->cpu->fpu.ftw, 0x80);
	ck_assert_int_eq(RUN(f, "\x66\xD9\x33", 4, AT), EXIT_NONE);
	ck_assert_uint_eq(fix_rd(f, AT + 6, 2), 0x5678);
	ck_assert_uint_eq(fix_rd(f, AT + 8, 2), S_KCODE);
	ck_assert_uint_eq(fix_rd(f, AT + 10, 2), 0x0100);
	ck_assert_uint_eq(fix_rd(f, AT + 12, 2), S_UDATA);
	fix_free(f);
}
END_TEST

/* fldz; fld1; fdiv st, st(1) with zero-divide unmasked */
static void divide_by_zero(struct fix *f)
{
	ck_assert_int_eq(RUN(f, "\xDB\xE3", 4, 0), EXIT_NONE);
	f->cpu->fpu.fcw = 0x37B;
	ck_assert_int_eq(RUN(f, "\xD9\xEE", 4, 0), EXIT_NONE);
	ck_assert_int_eq(RUN(f, "\xD9\xE8", 4, 0), EXIT_NONE);
	ck_assert_int_eq(RUN(f, "\xD8\xF1", 4, 0), EXIT_NONE);
	ck_assert_uint_eq(f->cpu->fpu.fsw & 0x80FF, 0x8084);
	ck_assert_uint_eq(f->cpu->fpu.st[0][9], 0x3F); /* the operand is still there */
}

START_TEST(pending_exception)
{
	struct fix *f = fix_prot(0);

	divide_by_zero(f);
	ck_assert_int_eq(RUN(f, "\xDF\xE0", 4, 0), EXIT_NONE); /* fnstsw ax does not wait */
	ck_assert_uint_eq(f->cpu->gpr[GPR_RAX] & 0x80FF, 0x8084);
	ck_assert_int_eq(RUN(f, "\x9B", 4, 0), EXIT_FAULT);
	ck_raised(f, MF_PENDING, 0);
	ck_assert_int_eq(RUN(f, "\xD9\xE8", 4, 0), EXIT_FAULT);
	ck_raised(f, MF_PENDING, 0);
	ck_assert_int_eq(RUN(f, "\xD9\x2B", 4, AT), EXIT_FAULT); /* fldcw waits */
	ck_raised(f, MF_PENDING, 0);
	ck_assert_int_eq(RUN(f, "\xDB\xE2", 4, 0), EXIT_NONE); /* fnclex */
	ck_assert_int_eq(RUN(f, "\x9B", 4, 0), EXIT_NONE);
	fix_wr(f, AT, 0x37F, 2);
	f->cpu->fpu.fsw |= 0x10;
	fix_wr(f, AT, 0x36F, 2);
	ck_assert_int_eq(RUN(f, "\xD9\x2B", 4, AT), EXIT_NONE); /* unmasking a flag that is set makes it pending */
	ck_assert_int_eq(RUN(f, "\x9B", 4, 0), EXIT_FAULT);
	ck_raised(f, MF_PENDING, 0);
	fix_free(f);
}
END_TEST

START_TEST(ferr_wire)
{
	struct fix *f = fix_prot(0);

	f->cpu->cr0 &= ~(uint64_t)CR0_NE;
	f->cpu->wires.ferr = on_ferr;
	f->vector = 0;
	divide_by_zero(f);
	ck_assert_int_eq(f->vector, 1);
	ck_assert_int_eq(RUN(f, "\xDB\xE2", 4, 0), EXIT_NONE);
	ck_assert_int_eq(f->vector, 0);
	fix_free(f);
}
END_TEST

START_TEST(availability)
{
	struct fix *f = fix_prot(0);

	f->cpu->cr0 |= CR0_TS;
	ck_assert_int_eq(RUN(f, "\xD9\xE8", 4, 0), EXIT_FAULT);
	ck_raised(f, NM_EM_TS, 0);
	ck_assert_int_eq(RUN(f, "\x9B", 4, 0), EXIT_NONE);
	f->cpu->cr0 |= CR0_MP;
	ck_assert_int_eq(RUN(f, "\x9B", 4, 0), EXIT_FAULT);
	ck_raised(f, NM_WAIT, 0);
	f->cpu->cr0 = (f->cpu->cr0 & ~(uint64_t)CR0_TS) | CR0_EM;
	ck_assert_int_eq(RUN(f, "\xDB\xE3", 4, 0), EXIT_FAULT);
	ck_raised(f, NM_EM_TS, 0);
	fix_free(f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("fpu_env");
	TCase *tc = tcase_create("x87");
	SRunner *sr;
	int bad;

	tcase_add_test(tc, real_layouts);
	tcase_add_test(tc, protected_layouts);
	tcase_add_test(tc, pending_exception);
	tcase_add_test(tc, ferr_wire);
	tcase_add_test(tc, availability);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	bad = srunner_ntests_failed(sr);
	srunner_free(sr);
	return bad != 0;
}
