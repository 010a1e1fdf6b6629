/*
 * test_a64_enc.c - AArch64 encoder forms against capstone, on any host: each must read back as meant.
 */
#include <capstone/capstone.h>
#include <check.h>
#include <stdio.h>
#include <string.h>
#include "jit/a64/enc_simd.h"

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
	char got[512] = "";
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

START_TEST(simd)
{
	a_v3(&cb, A_VADD | A_VS(0), 1, 2, 3);
	a_v3(&cb, A_VSUB | A_VS(3), 16, 17, 31);
	a_v3(&cb, A_VSQADD | A_VS(1), 1, 2, 3);
	a_v3(&cb, A_VUQSUB | A_VS(0), 1, 2, 3);
	expect("add v1.16b, v2.16b, v3.16b; sub v16.2d, v17.2d, v31.2d; sqadd v1.8h, v2.8h, v3.8h; uqsub v1.16b, v2.16b, v3.16b");
	a_v3(&cb, A_VUQADD, 1, 2, 3);
	a_v3(&cb, A_VSQSUB, 1, 2, 3);
	a_v3(&cb, A_VURHADD | A_VS(1), 1, 2, 3);
	a_v3(&cb, A_VUABD, 1, 2, 3);
	expect("uqadd v1.16b, v2.16b, v3.16b; sqsub v1.16b, v2.16b, v3.16b; urhadd v1.8h, v2.8h, v3.8h; uabd v1.16b, v2.16b, v3.16b");
	a_v3(&cb, A_VCMGT | A_VS(2), 1, 2, 3);
	a_v3(&cb, A_VCMEQ | A_VS(3), 1, 2, 3);
	a_v3(&cb, A_VCMHI, 1, 2, 3);
	a_v3(&cb, A_VCMGE, 1, 2, 3);
	expect("cmgt v1.4s, v2.4s, v3.4s; cmeq v1.2d, v2.2d, v3.2d; cmhi v1.16b, v2.16b, v3.16b; cmge v1.16b, v2.16b, v3.16b");
	a_v3(&cb, A_VSSHL | A_VS(1), 1, 2, 3);
	a_v3(&cb, A_VUSHL | A_VS(3), 1, 2, 3);
	a_v3(&cb, A_VSMAX, 1, 2, 3);
	a_v3(&cb, A_VUMAX | A_VS(2), 1, 2, 3);
	a_v3(&cb, A_VSMIN, 1, 2, 3);
	a_v3(&cb, A_VUMIN, 1, 2, 3);
	expect("sshl v1.8h, v2.8h, v3.8h; ushl v1.2d, v2.2d, v3.2d; smax v1.16b, v2.16b, v3.16b; umax v1.4s, v2.4s, v3.4s; "
		"smin v1.16b, v2.16b, v3.16b; umin v1.16b, v2.16b, v3.16b");
	a_v3(&cb, A_VMUL | A_VS(1), 1, 2, 3);
	a_v3(&cb, A_VADDP | A_VS(2), 1, 2, 3);
	a_v3(&cb, A_VUMAXP | A_VS(2), 1, 2, 3);
	expect("mul v1.8h, v2.8h, v3.8h; addp v1.4s, v2.4s, v3.4s; umaxp v1.4s, v2.4s, v3.4s");
	a_v3(&cb, A_VAND, 1, 2, 3);
	a_v3(&cb, A_VBIC, 1, 2, 3);
	a_v3(&cb, A_VORR, 1, 2, 3);
	a_v3(&cb, A_VORN, 1, 2, 3);
	a_v3(&cb, A_VEOR, 1, 2, 3);
	expect("and v1.16b, v2.16b, v3.16b; bic v1.16b, v2.16b, v3.16b; orr v1.16b, v2.16b, v3.16b; orn v1.16b, v2.16b, v3.16b; "
		"eor v1.16b, v2.16b, v3.16b");
	a_v3(&cb, A_VBSL, 1, 2, 3);
	a_v3(&cb, A_VBIT, 1, 2, 3);
	a_v3(&cb, A_VBIF, 1, 2, 3);
	a_vmov(&cb, 4, 5);
	expect("bsl v1.16b, v2.16b, v3.16b; bit v1.16b, v2.16b, v3.16b; bif v1.16b, v2.16b, v3.16b; mov v4.16b, v5.16b");
	a_v3(&cb, A_VSMULL2 | A_VS(1), 1, 2, 3);
	a_v3(&cb, (A_VSMULL2 & ~A_VLOW) | A_VS(1), 1, 2, 3);
	a_v3(&cb, (A_VUMULL2 & ~A_VLOW) | A_VS(2), 1, 2, 3);
	a_v3(&cb, A_VPMULL2 | A_VS(3), 1, 2, 3);
	a_v3(&cb, (A_VPMULL2 & ~A_VLOW) | A_VS(3), 1, 2, 3);
	expect("smull2 v1.4s, v2.8h, v3.8h; smull v1.4s, v2.4h, v3.4h; umull v1.2d, v2.2s, v3.2s; pmull2 v1.1q, v2.2d, v3.2d; "
		"pmull v1.1q, v2.1d, v3.1d");
	a_v3(&cb, A_VUZP1 | A_VS(1), 1, 2, 3);
	a_v3(&cb, A_VUZP2 | A_VS(1), 1, 2, 3);
	a_v3(&cb, A_VTRN1 | A_VS(2), 1, 2, 3);
	a_v3(&cb, A_VTRN2 | A_VS(2), 1, 2, 3);
	a_v3(&cb, A_VZIP1, 1, 2, 3);
	a_v3(&cb, A_VZIP2 | A_VS(3), 1, 2, 3);
	a_v3(&cb, A_VTBL, 1, 2, 3);
	expect("uzp1 v1.8h, v2.8h, v3.8h; uzp2 v1.8h, v2.8h, v3.8h; trn1 v1.4s, v2.4s, v3.4s; trn2 v1.4s, v2.4s, v3.4s; "
		"zip1 v1.16b, v2.16b, v3.16b; zip2 v1.2d, v2.2d, v3.2d; tbl v1.16b, {v2.16b}, v3.16b");
}
END_TEST

START_TEST(simd_one)
{
	a_v2(&cb, A_VREV64 | A_VS(2), 1, 2);
	a_v2(&cb, A_VREV32, 1, 2);
	a_v2(&cb, A_VUADDLP, 1, 2);
	a_v2(&cb, A_VNOT, 1, 2);
	a_v2(&cb, A_VCMEQ0 | A_VS(3), 1, 2);
	a_v2(&cb, A_VCMLT0, 1, 2);
	a_v2(&cb, A_VABS | A_VS(1), 1, 2);
	a_v2(&cb, A_VNEG | A_VS(2), 1, 2);
	expect("rev64 v1.4s, v2.4s; rev32 v1.16b, v2.16b; uaddlp v1.8h, v2.16b; mvn v1.16b, v2.16b; cmeq v1.2d, v2.2d, #0; "
		"cmlt v1.16b, v2.16b, #0; abs v1.8h, v2.8h; neg v1.4s, v2.4s");
	a_v2(&cb, A_VXTN2 & ~A_VLOW, 1, 2);
	a_v2(&cb, A_VSQXTUN2, 1, 2);
	a_v2(&cb, A_VSQXTN2 | A_VS(1), 1, 2);
	a_v2(&cb, (A_VUQXTN2 & ~A_VLOW) | A_VS(2), 1, 2);
	expect("xtn v1.8b, v2.8h; sqxtun2 v1.16b, v2.8h; sqxtn2 v1.8h, v2.4s; uqxtn v1.2s, v2.2d");
	a_vzero(&cb, 3);
	a_vbytes(&cb, 3, 0x8F);
	expect("movi v3.2d, #0000000000000000; movi v3.16b, #0x8f");
	a_vshift(&cb, A_VSSHR, 1, 1, 2, 15);
	a_vshift(&cb, A_VUSHR, 3, 1, 2, 64);
	a_vshift(&cb, A_VUSRA, 2, 1, 2, 14);
	a_vshift(&cb, A_VSHL, 0, 1, 2, 7);
	a_vshift(&cb, A_VUSHLL2, 0, 1, 2, 1);
	a_vshift(&cb, (enum a_vshift)(A_VSSHLL2 & ~A_VLOW), 2, 1, 2, 3);
	a_vshift(&cb, A_VRSHRN2, 1, 1, 2, 15);
	expect("sshr v1.8h, v2.8h, #0xf; ushr v1.2d, v2.2d, #0x40; usra v1.4s, v2.4s, #0xe; shl v1.16b, v2.16b, #7; "
		"ushll2 v1.8h, v2.16b, #1; sshll v1.2d, v2.2s, #3; rshrn2 v1.8h, v2.4s, #0xf");
	a_vins(&cb, 2, 1, 3, 2, 1);
	a_vins(&cb, 0, 1, 15, 2, 14);
	a_vins_reg(&cb, 1, 1, 7, 2);
	a_vins_reg(&cb, 3, 1, 1, 2);
	a_umov(&cb, 0, 1, 2, 15);
	a_umov(&cb, 3, 1, 2, 1);
	a_vdup(&cb, 1, 1, 2, 3);
	a_sdup(&cb, 3, 1, 2, 1);
	a_vext(&cb, 1, 2, 3, 11);
	expect("ins v1.s[3], v2.s[1]; ins v1.b[0xf], v2.b[0xe]; ins v1.h[7], w2; ins v1.d[1], x2; umov w1, v2.b[0xf]; "
		"mov x1, v2.d[1]; dup v1.8h, v2.h[3]; mov d1, v2.d[1]; ext v1.16b, v2.16b, v3.16b, #0xb");
}
END_TEST

static void expect_words(const uint32_t *want, size_t size)
{
	ck_assert_uint_eq((size_t)(cb.p - cb.start), size);
	ck_assert_mem_eq(cb.start, want, size);
	cb.p = cb.start;
}

/* capstone does not know these; the words as an assembler makes them. DDI 0487 C6.2 */
START_TEST(atomics)
{
	/*
	 * ldadd x1, x2, [x3]; ldclr w1, w2, [sp]; ldeorh w30, w2, [x3]; ldsetb w1, w2, [x3]; swp x1, x1, [x3]; stadd w1, [x3];
	 * stset xzr, [x3]; cas x1, x2, [x3]; cas w1, w2, [x3]; cash w1, w2, [x3]; casb w1, w2, [x3]; ldapr w1, [x2]; ldaprb w1, [x2]
	 */
	static const uint32_t want[] = {0xF8210062, 0xB82113E2, 0x783E2062, 0x38213062, 0xF8218061, 0xB821007F,
		0xF83F307F, 0xC8A17C62, 0x88A17C62, 0x48A17C62, 0x08A17C62, 0xB8BFC041, 0x38BFC041};

	a_atomic(&cb, A_LDADD, 8, 1, 2, 3);
	a_atomic(&cb, A_LDCLR, 4, 1, 2, 31);
	a_atomic(&cb, A_LDEOR, 2, 30, 2, 3);
	a_atomic(&cb, A_LDSET, 1, 1, 2, 3);
	a_atomic(&cb, A_SWP, 8, 1, 1, 3);
	a_atomic(&cb, A_LDADD, 4, 1, 31, 3);
	a_atomic(&cb, A_LDSET, 8, 31, 31, 3);
	a_cas(&cb, 8, 1, 2, 3);
	a_cas(&cb, 4, 1, 2, 3);
	a_cas(&cb, 2, 1, 2, 3);
	a_cas(&cb, 1, 1, 2, 3);
	a_ldapr(&cb, 4, 1, 2);
	a_ldapr(&cb, 1, 1, 2);
	expect_words(want, sizeof(want));
	a_ldar(&cb, 8, 1, 2);
	a_ldar(&cb, 1, 1, 31);
	expect("ldar x1, [x2]; ldarb w1, [sp]");
}
END_TEST

START_TEST(simd_memory)
{
	a_vldr(&cb, 16, 1, 2, 48);
	a_vldr(&cb, 8, 1, 2, 48);
	a_vldr(&cb, 4, 1, 2, 48);
	a_vldr(&cb, 2, 1, 2, 48);
	a_vldr(&cb, 1, 1, 2, 48);
	expect("ldr q1, [x2, #0x30]; ldr d1, [x2, #0x30]; ldr s1, [x2, #0x30]; ldr h1, [x2, #0x30]; ldr b1, [x2, #0x30]");
	a_vstr(&cb, 16, 1, 28, 65520);
	a_vstr(&cb, 8, 1, 2, 0);
	a_vstr(&cb, 4, 1, 31, 4);
	a_vstr(&cb, 2, 1, 2, 2);
	a_vstr(&cb, 1, 1, 2, 1);
	expect("str q1, [x28, #0xfff0]; str d1, [x2]; str s1, [sp, #4]; str h1, [x2, #2]; str b1, [x2, #1]");
	a_vstp(&cb, 7, 8, 16, 224);
	expect("stp q7, q8, [x16, #0xe0]");
	a_vldr_reg(&cb, 16, 1, 2, 3);
	a_vldr_reg(&cb, 4, 1, 2, 3);
	a_vstr_reg(&cb, 16, 1, 2, 3);
	a_vstr_reg(&cb, 1, 1, 2, 3);
	expect("ldr q1, [x2, x3]; ldr s1, [x2, x3]; str q1, [x2, x3]; str b1, [x2, x3]");
	a_mrs_fpsr(&cb, 5);
	a_msr_fpsr(&cb, 31);
	a_msr_fpcr(&cb, 6);
	expect("mrs x5, fpsr; msr fpsr, xzr; msr fpcr, x6");
	a_axflag(&cb); /* capstone does not know it; DDI 0487 C6.2 */
	ck_assert(!memcmp(cb.start, "\x5F\x40\x00\xD5", 4));
	cb.p = cb.start;
}
END_TEST

START_TEST(simd_float)
{
	a_v3(&cb, A_VFADD, 1, 2, 3);
	a_v3(&cb, A_VFSUB | A_VS(1), 1, 2, 3);
	a_v3(&cb, A_VFMUL, 1, 2, 3);
	a_v3(&cb, A_VFDIV | A_VS(1), 1, 2, 3);
	a_v3(&cb, A_VFADDP, 1, 2, 3);
	a_v3(&cb, A_VFCMEQ, 1, 2, 3);
	a_v3(&cb, A_VFCMGE, 1, 2, 3);
	a_v3(&cb, A_VFCMGT | A_VS(1), 1, 2, 3);
	expect("fadd v1.4s, v2.4s, v3.4s; fsub v1.2d, v2.2d, v3.2d; fmul v1.4s, v2.4s, v3.4s; fdiv v1.2d, v2.2d, v3.2d; "
		"faddp v1.4s, v2.4s, v3.4s; fcmeq v1.4s, v2.4s, v3.4s; fcmge v1.4s, v2.4s, v3.4s; fcmgt v1.2d, v2.2d, v3.2d");
	a_v3(&cb, A_VFMAX, 1, 2, 3);
	a_v3(&cb, A_VFMIN | A_VS(1), 1, 2, 3);
	a_v3(&cb, A_SFMAX, 1, 2, 3);
	a_v3(&cb, A_SFMIN | A_VS(1), 1, 2, 3);
	expect("fmax v1.4s, v2.4s, v3.4s; fmin v1.2d, v2.2d, v3.2d; fmax s1, s2, s3; fmin d1, d2, d3");
	a_v2(&cb, A_VFCVTN2 & ~A_VLOW, 1, 2);
	a_v2(&cb, (A_VFCVTN2 & ~A_VLOW) | A_VS(1), 1, 2);
	a_v2(&cb, (A_VFCVTL2 & ~A_VLOW) | A_VS(1), 1, 2);
	a_v2(&cb, A_VFSQRT | A_VS(1), 1, 2);
	expect("fcvtn v1.4h, v2.4s; fcvtn v1.2s, v2.2d; fcvtl v1.2d, v2.2s; fsqrt v1.2d, v2.2d");
	a_v2(&cb, A_VFRINTN, 1, 2);
	a_v2(&cb, A_VFRINTM, 1, 2);
	a_v2(&cb, A_VFRINTP | A_VS(1), 1, 2);
	a_v2(&cb, A_VFRINTZ, 1, 2);
	a_v2(&cb, A_VFRINTX, 1, 2);
	a_v2(&cb, A_VFRINTI, 1, 2);
	a_v2(&cb, A_VFCVTZS | A_VS(1), 1, 2);
	a_v2(&cb, A_VSCVTF, 1, 2);
	expect("frintn v1.4s, v2.4s; frintm v1.4s, v2.4s; frintp v1.2d, v2.2d; frintz v1.4s, v2.4s; frintx v1.4s, v2.4s; "
		"frinti v1.4s, v2.4s; fcvtzs v1.2d, v2.2d; scvtf v1.4s, v2.4s");
	a_v3(&cb, A_SFADD, 1, 2, 3);
	a_v3(&cb, A_SFSUB | A_VS(1), 1, 2, 3);
	a_v3(&cb, A_SFMUL, 1, 2, 3);
	a_v3(&cb, A_SFDIV, 1, 2, 3);
	a_v3(&cb, A_SFCMEQ, 1, 2, 3);
	a_v3(&cb, A_SFCMGE | A_VS(1), 1, 2, 3);
	a_v3(&cb, A_SFCMGT | A_VS(1), 1, 2, 3);
	expect("fadd s1, s2, s3; fsub d1, d2, d3; fmul s1, s2, s3; fdiv s1, s2, s3; fcmeq s1, s2, s3; fcmge d1, d2, d3; "
		"fcmgt d1, d2, d3");
	a_v2(&cb, A_SFSQRT | A_VS(1), 1, 2);
	a_v2(&cb, A_SFMOV | A_VS(1), 1, 2);
	a_v2(&cb, A_SFCVT_SD, 1, 2);
	a_v2(&cb, A_SFCVT_DS, 1, 2);
	a_v3(&cb, A_SFCMP, 0, 2, 3);
	a_v3(&cb, A_SFCMPE | A_VS(1), 0, 2, 3);
	expect("fsqrt d1, d2; fmov d1, d2; fcvt d1, s2; fcvt s1, d2; fcmp s2, s3; fcmpe d2, d3");
	a_v2(&cb, A_SFRINTN, 1, 2);
	a_v2(&cb, A_SFRINTP, 1, 2);
	a_v2(&cb, A_SFRINTM, 1, 2);
	a_v2(&cb, A_SFRINTZ, 1, 2);
	a_v2(&cb, A_SFRINTX | A_VS(1), 1, 2);
	a_v2(&cb, A_SFRINTI, 1, 2);
	expect("frintn s1, s2; frintp s1, s2; frintm s1, s2; frintz s1, s2; frintx d1, d2; frinti s1, s2");
	a_v2(&cb, A_GSCVTF, 1, 2);
	a_v2(&cb, A_GSCVTF | 1u << 31 | A_VS(1), 1, 2);
	a_v2(&cb, A_GFCVTZS | A_VS(1), 1, 2);
	a_v2(&cb, A_GUCVTF | 1u << 31 | A_VS(1), 1, 2);
	a_v2(&cb, A_GFCVTZU_32 | 1u << 31 | A_VS(1), 1, 2);
	a_v2(&cb, A_GFMOV_TO, 1, 2);
	a_v2(&cb, A_GFMOV_FROM | 1u << 31 | A_VS(1), 1, 2);
	expect("scvtf s1, w2; scvtf d1, x2; fcvtzs w1, d2; ucvtf d1, x2; fcvtzu x1, d2, #0x20; fmov s1, w2; fmov x1, d2");
}
END_TEST

/* capstone does not know these; the words as an assembler makes them. DDI 0487 C7.2 */
START_TEST(round_to_size)
{
	static const uint32_t want[] = {0x4E21E841, 0x6E61E841, 0x1E284041, 0x1E68C041, 0x1E294041, 0x1E69C041};

	a_v2(&cb, A_VFRINT32Z, 1, 2);
	a_v2(&cb, A_VFRINT32X | A_VS(1), 1, 2);
	a_v2(&cb, A_SFRINT32Z, 1, 2);
	a_v2(&cb, A_SFRINT32X | A_VS(1), 1, 2);
	a_v2(&cb, A_SFRINT64Z, 1, 2);
	a_v2(&cb, A_SFRINT64X | A_VS(1), 1, 2);
	expect_words(want, sizeof(want));
}
END_TEST

START_TEST(crypto)
{
	a_v2(&cb, A_VAESE, 1, 2);
	a_v2(&cb, A_VAESD, 1, 2);
	a_v2(&cb, A_VAESMC, 1, 2);
	a_v2(&cb, A_VAESIMC, 1, 2);
	expect("aese v1.16b, v2.16b; aesd v1.16b, v2.16b; aesmc v1.16b, v2.16b; aesimc v1.16b, v2.16b");
	a_v3(&cb, A_VSHA1C, 1, 2, 3);
	a_v3(&cb, A_VSHA1P, 1, 2, 3);
	a_v3(&cb, A_VSHA1M, 1, 2, 3);
	a_v2(&cb, A_VSHA1H, 1, 2);
	a_v2(&cb, A_VSHA1SU1, 1, 2);
	a_vdup_reg(&cb, 2, 1, 2);
	expect("sha1c q1, s2, v3.4s; sha1p q1, s2, v3.4s; sha1m q1, s2, v3.4s; sha1h s1, s2; sha1su1 v1.4s, v2.4s; dup v1.4s, w2");
	a_v3(&cb, A_VSHA256H, 1, 2, 3);
	a_v3(&cb, A_VSHA256H2, 1, 2, 3);
	a_v2(&cb, A_VSHA256SU0, 1, 2);
	a_v3(&cb, A_VSHA256SU1, 1, 2, 3);
	expect("sha256h q1, q2, v3.4s; sha256h2 q1, q2, v3.4s; sha256su0 v1.4s, v2.4s; sha256su1 v1.4s, v2.4s, v3.4s");
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
	tcase_add_test(t, atomics);
	tcase_add_test(t, simd);
	tcase_add_test(t, simd_one);
	tcase_add_test(t, simd_memory);
	tcase_add_test(t, simd_float);
	tcase_add_test(t, round_to_size);
	tcase_add_test(t, crypto);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
