/*
 * test_xsave.c - which bytes XSAVE and XRSTOR touch: the area ends with the last component asked for, and registers
 * that a mode lacks are left alone.
 */
#include "tests/unit/ring0_fix.h"
#include "cpu/fpu/fpu.h"

#define PD 0x30000
#define PT 0x31000
#define GONE 0x21000		/* the page that is not there */
#define AREA (GONE - 576)	/* ends with the header */

/* Identity-mapped 4 MiB but for one page; XCR0 names x87 and SSE, and all of it is in EDX:EAX. */
static struct fix *paged(void)
{
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;

	fix_wr(f, PD, PT | 3, 4);
	for (unsigned i = 0; i < 1024; i++)
		fix_wr(f, PT + 4 * i, i << 12 == GONE ? 0 : i << 12 | 3, 4);
	ck_assert_int_eq(h_mov_cr_to(c, 4, CR4_OSFXSR | CR4_OSXSAVE, 0), EXIT_NONE);
	ck_assert_int_eq(h_mov_cr_to(c, 3, PD, 0), EXIT_NONE);
	ck_assert_int_eq(h_mov_cr_to(c, 0, CR0_PE | CR0_NE | CR0_PG | CR0_WP, 0), EXIT_NONE);
	c->gpr[GPR_RAX] = 3;
	c->gpr[GPR_RDX] = c->gpr[GPR_RCX] = 0;
	ck_assert_int_eq(h_xsetbv(c, 0, 0, 0), EXIT_NONE);
	c->gpr[GPR_RAX] = c->gpr[GPR_RDX] = ~0u;
	return f;
}

static enum exit run(struct fix *f, unsigned reg, unsigned bits, uint32_t at)
{
	const uint8_t code[15] = {0x0F, 0xAE, (uint8_t)(reg << 3 | 3)};
	struct insn in;

	ck_assert_int_eq(insn_decode(f->cpu->index, code, 15, bits, &in), DECODE_OK);
	return fpu_exec(f->cpu, &in, at);
}

START_TEST(ends_with_header)
{
	struct fix *f = paged();
	struct vcpu *c = f->cpu;

	memset(c->fpu.xmm, 0x5A, sizeof(c->fpu.xmm));
	for (unsigned reg = 4; reg <= 6; reg += 2) { /* XSAVE, XSAVEOPT */
		ck_assert_int_eq(run(f, reg, 8, AREA), EXIT_NONE);
		ck_assert_uint_eq(fix_rd(f, AREA + 512, 8), 3);
		ck_assert_uint_eq(fix_rd(f, AREA + 160 + 255, 1), 0x5A);
	}
	memset(c->fpu.xmm, 0, sizeof(c->fpu.xmm));
	ck_assert_int_eq(run(f, 5, 8, AREA), EXIT_NONE);
	ck_assert_uint_eq(c->fpu.xmm[15][15], 0x5A);
	/* one step further the header does not fit, and nothing of it is written */
	fix_wr(f, AREA + 64, 0, 8);
	ck_assert_int_eq(run(f, 4, 8, AREA + 64), EXIT_FAULT);
	ck_assert_uint_eq(c->event.vec, 14);
	ck_assert_uint_eq(c->event.cr2, GONE);
	ck_assert_uint_eq(fix_rd(f, AREA + 64, 8), 0);
	fix_free(f);
}
END_TEST

START_TEST(eight_registers_outside_64_bit)
{
	struct fix *f = paged();
	struct vcpu *c = f->cpu;

	memset(c->fpu.xmm, 0x5A, sizeof(c->fpu.xmm));
	fix_wr(f, AREA + 160 + 128, 0x77, 8);
	ck_assert_int_eq(run(f, 4, 4, AREA), EXIT_NONE);
	ck_assert_uint_eq(fix_rd(f, AREA + 160 + 127, 1), 0x5A);
	ck_assert_uint_eq(fix_rd(f, AREA + 160 + 128, 8), 0x77);
	memset(c->fpu.xmm, 0x33, sizeof(c->fpu.xmm));
	ck_assert_int_eq(run(f, 5, 4, AREA), EXIT_NONE);
	ck_assert_uint_eq(c->fpu.xmm[7][15], 0x5A);
	ck_assert_uint_eq(c->fpu.xmm[8][0], 0x33);
	/* XSTATE_BV clear: the initial configuration, of eight registers again */
	fix_wr(f, AREA + 512, 0, 8);
	ck_assert_int_eq(run(f, 5, 4, AREA), EXIT_NONE);
	ck_assert_uint_eq(c->fpu.xmm[7][15], 0);
	ck_assert_uint_eq(c->fpu.xmm[8][0], 0x33);
	fix_free(f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("xsave");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_add_test(t, ends_with_header);
	tcase_add_test(t, eight_registers_outside_64_bit);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
