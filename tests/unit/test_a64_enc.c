/*
 * test_a64_enc.c - AArch64 encoder forms against capstone, on any host: each must read back as meant.
 */
#include <capstone/capstone.h>
#include <check.h>
#include <stdio.h>
#include <string.h>
#include "jit/a64/enc.h"

static uint8_t bytes[64];
static struct codebuf cb;
static csh handle;

static void setup(void)
{
	codebuf_init(&cb, bytes, sizeof(bytes), 0);
	ck_assert_int_eq(cs_open(CS_ARCH_ARM64, CS_MODE_LITTLE_ENDIAN, &handle), CS_ERR_OK);
}

static void teardown(void)
{
	cs_close(&handle);
}

/* The words written since the last call, joined by "; ", must read @want. */
static void expect(const char *want)
{
	size_t n = (size_t)(cb.p - cb.start), got_n = 0;
	char got[256] = "";
	cs_insn *in;
	size_t k = cs_disasm(handle, cb.start, n, 0x1000, 0, &in);

	ck_assert(!cb.overflow);
	ck_assert_msg(k == n / 4, "undecodable, wanted %s", want);
	for (size_t i = 0; i < k; i++)
		got_n += (size_t)snprintf(got + got_n, sizeof(got) - got_n, "%s%s%s%s", i ? "; " : "", in[i].mnemonic,
			*in[i].op_str ? " " : "", in[i].op_str);
	ck_assert_str_eq(got, want);
	cs_free(in, k);
	cb.p = cb.start;
}

START_TEST(arithmetic)
{
	static const char *const names[] = {"add", "adds", "sub", "subs"};
	char want[100];

	for (unsigned op = 0; op < 4; op++)
		for (unsigned d = 0; d < 31; d += 5)
			for (unsigned n = 0; n < 31; n += 7) {
				a_add(&cb, op, 8, d, n, 17, A_LSL, 0);
				snprintf(want, sizeof(want), "%s x%u, x%u, x17", names[op], d, n);
				expect(want);
				a_add(&cb, op, 4, d, n, 3, A_ASR, 31);
				snprintf(want, sizeof(want), "%s w%u, w%u, w3, asr #31", names[op], d, n);
				expect(want);
				ck_assert(a_addi(&cb, op, 8, d, n, 0xFFF));
				snprintf(want, sizeof(want), "%s x%u, x%u, #0xfff", names[op], d, n);
				expect(want);
			}
	ck_assert(a_addi(&cb, A_ADD, 4, 1, 2, 0x5000));
	expect("add w1, w2, #5, lsl #12");
	ck_assert(!a_addi(&cb, A_ADD, 4, 1, 2, 0x5001));
	ck_assert(!a_addi(&cb, A_ADD, 8, 1, 2, 0x1000000));
	a_add(&cb, A_SUBS, 8, A_ZR, 4, 5, A_LSL, 0);
	expect("cmp x4, x5");
	a_add_ext(&cb, A_ADD, 8, 1, 2, 3, A_UXTW);
	expect("add x1, x2, w3, uxtw");
	a_add_ext(&cb, A_SUBS, 8, A_ZR, 2, 3, A_SXTW);
	expect("cmp x2, w3, sxtw");
	a_adc(&cb, false, true, 8, 1, 2, 3);
	a_adc(&cb, true, true, 4, 1, 2, 3);
	expect("adcs x1, x2, x3; sbcs w1, w2, w3");
	a_mul(&cb, 4, 1, 2, 3);
	a_mull(&cb, true, 1, 2, 3);
	a_mull(&cb, false, 1, 2, 3);
	a_mulh(&cb, true, 1, 2, 3);
	a_mulh(&cb, false, 1, 2, 3);
	a_msub(&cb, 8, 1, 2, 3, 4);
	expect("mul w1, w2, w3; smull x1, w2, w3; umull x1, w2, w3; smulh x1, x2, x3; umulh x1, x2, x3; msub x1, x2, x3, x4");
	a_two(&cb, A_UDIV, 8, 1, 2, 3);
	a_two(&cb, A_SDIV, 4, 1, 2, 3);
	a_two(&cb, A_LSLV, 8, 1, 2, 3);
	a_two(&cb, A_ASRV, 4, 1, 2, 3);
	a_two(&cb, A_CRC32CB, 4, 1, 2, 3);
	a_two(&cb, A_CRC32CX, 8, 1, 2, 3);
	expect("udiv x1, x2, x3; sdiv w1, w2, w3; lsl x1, x2, x3; asr w1, w2, w3; crc32cb w1, w2, w3; crc32cx w1, w2, x3");
	a_one(&cb, A_RBIT, 8, 1, 2);
	a_one(&cb, A_REV64, 8, 1, 2);
	a_one(&cb, A_REV32, 4, 1, 2);
	a_one(&cb, A_CLZ, 4, 1, 2);
	expect("rbit x1, x2; rev x1, x2; rev w1, w2; clz w1, w2");
}
END_TEST

START_TEST(logic)
{
	static const char *const names[] = {"and", "bic", "orr", "orn", "eor", "eon", "ands", "bics"};
	char want[100];

	for (unsigned op = 0; op < 8; op++) {
		a_logic(&cb, op, 8, 1, 2, 3, A_LSL, 0);
		snprintf(want, sizeof(want), "%s x1, x2, x3", names[op]);
		expect(want);
		a_logic(&cb, op, 4, 1, 2, 3, A_ROR, 9);
		snprintf(want, sizeof(want), "%s w1, w2, w3, ror #9", names[op]);
		expect(want);
	}
	a_mov(&cb, 8, 1, 2);
	a_mov(&cb, 4, 1, 2);
	expect("mov x1, x2; mov w1, w2");
	ck_assert(a_logici(&cb, A_AND, 8, 1, 2, ~0xFFFull));
	expect("and x1, x2, #0xfffffffffffff000");
	ck_assert(a_logici(&cb, A_EOR, 4, 1, 2, 16));
	expect("eor w1, w2, #0x10");
	ck_assert(!a_logici(&cb, A_AND, 8, 1, 2, 5));
	ck_assert(!a_logici(&cb, A_AND, 4, 1, 2, 0xFFFFFFFF));
	ck_assert(!a_logici(&cb, A_AND, 4, 1, 2, 0));
}
END_TEST

/* Every logical immediate there is, decoded as the manual's DecodeBitMasks() does it, must find its way back. */
START_TEST(bitmasks)
{
	unsigned found = 0;

	for (unsigned field = 0; field < 1u << 13; field++) {
		unsigned n = field >> 12, r = field >> 6 & 63, s = field & 63, len = 0, size, ones;
		unsigned key = n << 6 | (~s & 63);
		uint64_t v = 0;
		uint32_t got;

		for (unsigned i = 0; i < 7; i++)
			len = key >> i & 1 ? i : len;
		if (len < 1 || (s & ((1u << len) - 1)) == (1u << len) - 1)
			continue;
		size = 1u << len;
		ones = (s & (size - 1)) + 1;
		r &= size - 1;
		for (unsigned i = 0; i < 64; i++) /* bit i of the result is bit (i + r) mod size of the run */
			v |= (uint64_t)((i + r) % size < ones) << i;
		ck_assert_msg(a_bitmask(8, v, &got), "%llx", (unsigned long long)v);
		if ((field >> 6 & 63) == r)
			ck_assert_uint_eq(got, field);
		if (!n) {
			ck_assert(a_bitmask(4, v & UINT32_MAX, &got));
			ck_assert_uint_eq(got >> 12, 0);
		}
		found++;
	}
	ck_assert_uint_gt(found, 5334);
}
END_TEST

START_TEST(fields)
{
	a_ubfx(&cb, 4, 1, 2, 12, 10);
	a_bfi(&cb, 8, 1, 2, 8, 8);
	a_bfxil(&cb, 8, 1, 2, 24, 8);
	expect("ubfx w1, w2, #0xc, #0xa; bfi x1, x2, #8, #8; bfxil x1, x2, #0x18, #8");
	for (unsigned n = 1; n < 64; n++) {
		char want[200];

		a_shifti(&cb, A_LSL, 8, 1, 2, n);
		a_shifti(&cb, A_LSR, 8, 1, 2, n);
		a_shifti(&cb, A_ASR, 8, 1, 2, n);
		a_shifti(&cb, A_ROR, 8, 1, 2, n);
		snprintf(want, sizeof(want), n < 10 ? "lsl x1, x2, #%u; lsr x1, x2, #%u; asr x1, x2, #%u; ror x1, x2, #%u" :
			"lsl x1, x2, #0x%x; lsr x1, x2, #0x%x; asr x1, x2, #0x%x; ror x1, x2, #0x%x", n, n, n, n);
		expect(want);
	}
	a_zext(&cb, 1, 2, 1);
	a_zext(&cb, 1, 2, 2);
	a_sext(&cb, 8, 1, 2, 1);
	a_sext(&cb, 4, 1, 2, 2);
	a_sext(&cb, 8, 1, 2, 4);
	expect("uxtb w1, w2; uxth w1, w2; sxtb x1, w2; sxth w1, w2; sxtw x1, w2");
	a_extr(&cb, 8, 1, 2, 3, 7);
	expect("extr x1, x2, x3, #7");
}
END_TEST

START_TEST(constants)
{
	a_movi(&cb, 1, 0);
	a_movi(&cb, 1, 0x12340000);
	a_movi(&cb, 1, UINT64_MAX);
	a_movi(&cb, 1, (uint64_t)-5);
	expect("movz x1, #0; movz x1, #0x1234, lsl #16; movn x1, #0; movn x1, #0x4");
	a_movi(&cb, 1, 0x123456789ABCDEF0);
	expect("movz x1, #0xdef0; movk x1, #0x9abc, lsl #16; movk x1, #0x5678, lsl #32; movk x1, #0x1234, lsl #48");
	a_movi(&cb, 1, 0xFFFFFFFF80001234);
	expect("movn x1, #0xedcb; movk x1, #0x8000, lsl #16");
	a_movi(&cb, 1, 0x00FF00FF00FF00FF);
	expect("orr x1, xzr, #0xff00ff00ff00ff");
}
END_TEST

START_TEST(selects)
{
	static const char *const cc[] = {"eq", "ne", "hs", "lo", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le"};
	char want[100];

	for (unsigned i = 0; i < 14; i++) {
		a_cset(&cb, 7, i);
		a_sel(&cb, A_CSEL, 8, 1, 2, 3, i);
		snprintf(want, sizeof(want), "cset w7, %s; csel x1, x2, x3, %s", cc[i], cc[i]);
		expect(want);
	}
	a_sel(&cb, A_CSNEG, 4, 1, 2, 3, A_EQ);
	a_mrs_nzcv(&cb, 9);
	a_msr_nzcv(&cb, 9);
	expect("csneg w1, w2, w3, eq; mrs x9, nzcv; msr nzcv, x9");
	a_cfinv(&cb); /* newer than capstone 4 */
	ck_assert_int_eq(memcmp(cb.start, "\x1F\x40\x00\xD5", 4), 0);
	cb.p = cb.start;
}
END_TEST

START_TEST(memory)
{
	a_ldr(&cb, 8, 1, 2, 32760);
	a_ldr(&cb, 4, 1, 2, 4);
	a_ldr(&cb, 2, 1, 2, 2);
	a_ldr(&cb, 1, 1, 2, 4095);
	expect("ldr x1, [x2, #0x7ff8]; ldr w1, [x2, #4]; ldrh w1, [x2, #2]; ldrb w1, [x2, #0xfff]");
	a_str(&cb, 8, 1, 2, -8);
	a_str(&cb, 4, 1, 2, 3);
	a_str(&cb, 1, 1, A_SP, 0);
	expect("stur x1, [x2, #-8]; stur w1, [x2, #3]; strb w1, [sp]");
	a_ldr_reg(&cb, 8, 1, 2, 3);
	a_ldr_reg(&cb, 1, 1, 2, 3);
	a_str_reg(&cb, 2, 1, 2, 3);
	expect("ldr x1, [x2, x3]; ldrb w1, [x2, x3]; strh w1, [x2, x3]");
	a_ldp(&cb, 1, 2, A_SP, 504);
	a_stp(&cb, 1, 2, 3, -512);
	expect("ldp x1, x2, [sp, #0x1f8]; stp x1, x2, [x3, #-0x200]");
	ck_assert(!a_off_fits(8, 32768) && !a_off_fits(8, 257) && !a_off_fits(4, -257) && a_off_fits(8, -256));
}
END_TEST

START_TEST(branches)
{
	uint8_t *at[4];

	at[0] = a_b_fwd(&cb);
	at[1] = a_bcc_fwd(&cb, A_HI);
	at[2] = a_cbz_fwd(&cb, true, 4, 7);
	at[3] = a_tbz_fwd(&cb, false, 8, 37);
	for (unsigned i = 0; i < 4; i++)
		a_here(&cb, at[i]);
	a_b(&cb, cb.start);
	a_bl(&cb, cb.start);
	a_br(&cb, 16);
	a_blr(&cb, 17);
	a_ret(&cb);
	expect("b #0x1010; b.hi #0x1010; cbnz w7, #0x1010; tbz x8, #0x25, #0x1010; b #0x1000; bl #0x1000; br x16; blr x17; ret");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("a64_enc");
	TCase *t = tcase_create("forms");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, arithmetic);
	tcase_add_test(t, logic);
	tcase_add_test(t, bitmasks);
	tcase_add_test(t, fields);
	tcase_add_test(t, constants);
	tcase_add_test(t, selects);
	tcase_add_test(t, memory);
	tcase_add_test(t, branches);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
