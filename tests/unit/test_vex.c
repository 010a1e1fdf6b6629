/*
 * test_vex.c - VEX instructions and the machine's state: when they are available, what of a masked or gathered operand
 * is accessed, what a gather keeps when it faults, what becomes of upper halves outside 64-bit mode.
 */
#include "tests/unit/ring0_fix.h"
#include "cpu/fpu/fpu.h"
#include <stdio.h>

#define PD 0x30000
#define PT 0x31000
#define GONE 0x21000 /* the page that is not there */

/* Identity-mapped 4 MiB but for one page, AVX enabled. */
static struct fix *paged(void)
{
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;

	fix_wr(f, PD, PT | 3, 4);
	for (unsigned i = 0; i < 1024; i++)
		fix_wr(f, PT + 4 * i, i << 12 == GONE ? 0 : i << 12 | 3, 4);
	ck_assert_int_eq(h_mov_cr_to(c, 4, CR4_OSXSAVE, 0), EXIT_NONE);
	ck_assert_int_eq(h_mov_cr_to(c, 3, PD, 0), EXIT_NONE);
	ck_assert_int_eq(h_mov_cr_to(c, 0, CR0_PE | CR0_NE | CR0_PG | CR0_WP, 0), EXIT_NONE);
	c->gpr[GPR_RAX] = 7;
	c->gpr[GPR_RDX] = c->gpr[GPR_RCX] = 0;
	ck_assert_int_eq(h_xsetbv(c, 0, 0, 0), EXIT_NONE);
	for (unsigned i = 0; i < 16; i++) {
		memset(c->fpu.xmm[i], 0x10 + i, 16);
		memset(c->fpu.ymmh[i], 0x20 + i, 16);
	}
	return f;
}

static enum exit run(struct fix *f, const char *hex, unsigned mode, gla_t gla)
{
	uint8_t code[15] = {0};
	struct insn in;

	for (unsigned i = 0, v; sscanf(hex, "%2x", &v) == 1; hex += hex[2] ? 3 : 2)
		code[i++] = v;
	ck_assert_int_eq(insn_decode(f->cpu->index, code, 15, mode, &in), DECODE_OK);
	return fpu_exec(f->cpu, &in, gla);
}

#define VPADDB "C5 F5 FC D1" /* vpaddb ymm2, ymm1, ymm1 */

START_TEST(availability)
{
	struct fix *f = paged();
	struct vcpu *c = f->cpu;

	ck_assert_int_eq(run(f, VPADDB, 4, 0), EXIT_NONE);
	ck_assert_uint_eq(c->fpu.ymmh[2][15], 0x42);
	/* neither CR0.EM nor CR4.OSFXSR is asked */
	c->cr0 |= CR0_EM;
	ck_assert_uint_eq(c->cr4 & CR4_OSFXSR, 0);
	ck_assert_int_eq(run(f, VPADDB, 4, 0), EXIT_NONE);
	c->cr0 = (c->cr0 & ~(uint64_t)CR0_EM) | CR0_TS;
	ck_assert_int_eq(run(f, VPADDB, 4, 0), EXIT_FAULT);
	ck_raised(f, NM_EM_TS, 0);
	/* each #UD comes before #NM */
	c->xcr0 = 3;
	ck_assert_int_eq(run(f, VPADDB, 4, 0), EXIT_FAULT);
	ck_raised(f, UD_XCR0, 0);
	c->cr4 &= ~(uint64_t)CR4_OSXSAVE;
	ck_assert_int_eq(run(f, VPADDB, 4, 0), EXIT_FAULT);
	ck_raised(f, UD_OSXSAVE, 0);
	c->eflags |= FL_VM;
	ck_assert_int_eq(run(f, VPADDB, 4, 0), EXIT_FAULT);
	ck_raised(f, UD_NOT_PROT, 0);
	c->eflags &= ~FL_VM;
	c->cr0 &= ~(uint64_t)CR0_PE;
	ck_assert_int_eq(run(f, VPADDB, 2, 0), EXIT_FAULT);
	ck_raised(f, UD_NOT_PROT, 0);
	fix_free(f);
}
END_TEST

START_TEST(mxcsr)
{
	struct fix *f = paged();

	fix_wr(f, 0x9000, 0x9F80, 4);
	ck_assert_int_eq(run(f, "C5 F8 AE 16", 4, 0x9000), EXIT_NONE);
	ck_assert_uint_eq(f->cpu->fpu.mxcsr, 0x9F80);
	ck_assert_int_eq(run(f, "C5 F8 AE 1E", 4, 0x9003), EXIT_NONE);
	ck_assert_uint_eq(fix_rd(f, 0x9003, 4), 0x9F80);
	fix_wr(f, 0x9000, 0x10000, 4);
	ck_assert_int_eq(run(f, "C5 F8 AE 16", 4, 0x9000), EXIT_FAULT);
	ck_raised(f, GP_MXCSR, 0);
	ck_assert_uint_eq(f->cpu->fpu.mxcsr, 0x9F80);
	fix_free(f);
}
END_TEST

/* Outside 64-bit mode there are eight registers, and the others are left alone. */
START_TEST(zeroing)
{
	struct fix *f = paged();
	struct vcpu *c = f->cpu;

	ck_assert_int_eq(run(f, "C5 F8 77", 4, 0), EXIT_NONE); /* vzeroupper */
	ck_assert_uint_eq(c->fpu.xmm[7][0], 0x17);
	ck_assert_uint_eq(c->fpu.ymmh[7][0], 0);
	ck_assert_uint_eq(c->fpu.ymmh[8][0], 0x28);
	ck_assert_int_eq(run(f, "C5 FC 77", 4, 0), EXIT_NONE); /* vzeroall */
	ck_assert_uint_eq(c->fpu.xmm[7][0], 0);
	ck_assert_uint_eq(c->fpu.xmm[8][0], 0x18);
	ck_assert_int_eq(run(f, "C5 FC 77", 8, 0), EXIT_NONE);
	ck_assert_uint_eq(c->fpu.xmm[15][0] | c->fpu.ymmh[15][0], 0);
	fix_free(f);
}
END_TEST

static void set_mask(struct vcpu *c, unsigned reg, unsigned bits)
{
	for (unsigned i = 0; i < 8; i++) {
		uint8_t *p = i < 4 ? c->fpu.xmm[reg] + 4 * i : c->fpu.ymmh[reg] + 4 * i - 16;

		memset(p, 0, 4);
		p[3] = bits >> i & 1 ? 0x80 : 0;
	}
}

/* Eight dwords, the last four in the page that is not there. */
START_TEST(masked)
{
	struct fix *f = paged();
	struct vcpu *c = f->cpu;

	c->gpr[GPR_RSI] = GONE - 16;
	for (unsigned i = 0; i < 4; i++)
		fix_wr(f, GONE - 16 + 4 * i, 0x11111111 * (i + 1), 4);
	set_mask(c, 1, 0x05);
	ck_assert_int_eq(run(f, "C4 E2 75 2C 16", 4, 0), EXIT_NONE); /* vmaskmovps ymm2, ymm1, [esi] */
	ck_assert_uint_eq(c->fpu.xmm[2][0], 0x11);
	ck_assert_uint_eq(c->fpu.xmm[2][4], 0);
	ck_assert_uint_eq(c->fpu.xmm[2][8], 0x33);
	ck_assert_uint_eq(c->fpu.ymmh[2][0], 0);
	ck_assert_int_eq(run(f, "C4 E2 75 8E 1E", 4, 0), EXIT_NONE); /* vpmaskmovd [esi], ymm1, ymm3 */
	ck_assert_uint_eq(fix_rd(f, GONE - 16, 8), 0x2222222213131313);
	ck_assert_uint_eq(fix_rd(f, GONE - 8, 8), 0x4444444413131313);
	/* one more, which faults: nothing is written or loaded */
	set_mask(c, 1, 0x12);
	memset(c->fpu.xmm[2], 0x77, 16);
	ck_assert_int_eq(run(f, "C4 E2 75 8E 1E", 4, 0), EXIT_FAULT);
	ck_raised(f, PF_NOT_PRESENT, 2);
	ck_assert_uint_eq(c->event.cr2, GONE);
	ck_assert_uint_eq(fix_rd(f, GONE - 16, 8), 0x2222222213131313);
	ck_assert_int_eq(run(f, "C4 E2 75 2C 16", 4, 0), EXIT_FAULT);
	ck_raised(f, PF_NOT_PRESENT, 0);
	ck_assert_uint_eq(c->fpu.xmm[2][0], 0x77);
	/* no element at all: no access, whatever the address */
	set_mask(c, 1, 0);
	c->gpr[GPR_RSI] = GONE + 8;
	ck_assert_int_eq(run(f, "C4 E2 75 8E 1E", 4, 0), EXIT_NONE);
	fix_free(f);
}
END_TEST

/* The third of four selected elements faults: two are done, and the instruction finishes when the page has come. */
START_TEST(gather)
{
	static const char code[] = "C4 E2 75 90 14 9E"; /* vpgatherdd ymm2, [esi+ymm3*4], ymm1 */
	struct fix *f = paged();
	struct vcpu *c = f->cpu;
	uint32_t index[8] = {0, 999, 1, 999, 4, 999, 5, 999}, mask;

	c->gpr[GPR_RSI] = GONE - 16;
	for (unsigned i = 0; i < 4; i++)
		fix_wr(f, GONE - 16 + 4 * i, 0x11111111 * (i + 1), 4);
	memcpy(c->fpu.xmm[3], index, 16);
	memcpy(c->fpu.ymmh[3], index + 4, 16);
	set_mask(c, 1, 0x55);
	ck_assert_int_eq(run(f, code, 4, 0), EXIT_FAULT);
	ck_raised(f, PF_NOT_PRESENT, 0);
	ck_assert_uint_eq(c->event.cr2, GONE);
	ck_assert_uint_eq(c->fpu.xmm[2][0], 0x11);
	ck_assert_uint_eq(c->fpu.xmm[2][4], 0x12);
	ck_assert_uint_eq(c->fpu.xmm[2][8], 0x22);
	ck_assert_uint_eq(c->fpu.ymmh[2][0], 0x22);
	memcpy(&mask, c->fpu.xmm[1] + 8, 4);
	ck_assert_uint_eq(mask, 0);
	memcpy(&mask, c->fpu.ymmh[1], 4);
	ck_assert_uint_eq(mask, UINT32_MAX);
	fix_wr(f, PT + 4 * (GONE >> 12), GONE | 3, 4);
	fix_wr(f, GONE, 0x6666666655555555, 8);
	memset(c->fpu.xmm[2], 0x99, 4); /* an element that is done is not read again */
	ck_assert_int_eq(run(f, code, 4, 0), EXIT_NONE);
	ck_assert_uint_eq(c->fpu.xmm[2][0], 0x99);
	ck_assert_uint_eq(c->fpu.ymmh[2][0], 0x55);
	ck_assert_uint_eq(c->fpu.ymmh[2][4], 0x22);
	ck_assert_uint_eq(c->fpu.ymmh[2][8], 0x66);
	for (unsigned i = 0; i < 16; i++)
		ck_assert_uint_eq(c->fpu.xmm[1][i] | c->fpu.ymmh[1][i], 0);
	fix_free(f);
}
END_TEST

static unsigned decode(const struct insn_index *ix, const char *hex, unsigned mode)
{
	uint8_t code[15] = {0};
	struct insn in;

	for (unsigned i = 0, v; sscanf(hex, "%2x", &v) == 1; hex += hex[2] ? 3 : 2)
		code[i++] = v;
	return insn_decode(ix, code, 15, mode, &in);
}

/* What is #UD by its encoding. */
START_TEST(encodings)
{
	static const char *const bad[] = {
		"C4 E2 75 90 0C 9E", /* vpgatherdd ymm1, [rsi+ymm3*4], ymm1 */
		"C4 E2 75 90 1C 9E", /* vpgatherdd ymm3, [rsi+ymm3*4], ymm1 */
		"C4 E2 65 90 14 9E", /* vpgatherdd ymm2, [rsi+ymm3*4], ymm3 */
		"C4 E2 75 90 16",    /* without SIB */
		"C5 F5 28 C1",	     /* vmovapd with vvvv */
		"C4 E3 71 06 C2 00", /* vperm2f128 with L = 0 */
		"C5 FC 6E C1",	     /* vmovd with L = 1 */
		"F3 C5 F8 28 C1", "66 C5 F8 28 C1", "F0 C5 F8 28 C1", "48 C5 F8 28 C1",
		"C4 E2 F5 2C 16",    /* vmaskmovps with W = 1 */
		"C4 E4 71 58 C1",    /* map 4 */
	};
	struct fix *f = paged();

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(decode(f->cpu->index, bad[i], 8) == DECODE_UD, "%s", bad[i]);
	ck_assert_int_eq(decode(f->cpu->index, "C4 E2 75 90 14 9E", 8), DECODE_OK);
	/* VPINSRQ, VPEXTRQ outside 64-bit mode; VMOVQ is VMOVD there */
	ck_assert_int_eq(decode(f->cpu->index, "C4 E3 F1 22 D1 01", 8), DECODE_OK);
	ck_assert_int_eq(decode(f->cpu->index, "C4 E3 F1 22 D1 01", 4), DECODE_UD);
	ck_assert_int_eq(decode(f->cpu->index, "C4 E3 F9 16 D1 01", 8), DECODE_OK);
	ck_assert_int_eq(decode(f->cpu->index, "C4 E3 F9 16 D1 01", 4), DECODE_UD);
	ck_assert_int_eq(decode(f->cpu->index, "C4 E1 F9 6E D1", 4), DECODE_OK);
	fix_free(f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("vex");
	TCase *c = tcase_create("state");
	SRunner *r;
	int bad;

	tcase_add_test(c, availability);
	tcase_add_test(c, mxcsr);
	tcase_add_test(c, zeroing);
	tcase_add_test(c, masked);
	tcase_add_test(c, gather);
	tcase_add_test(c, encodings);
	suite_add_tcase(s, c);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
