/*
 * test_x64_enc.c - encoder forms against capstone: every register, width and addressing shape must read back as meant.
 */
#include <capstone/capstone.h>
#include <check.h>
#include <stdio.h>
#include <string.h>
#include "jit/x64/enc.h"

static const char *const names[4][16] = {
	{"al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil", "r8b", "r9b", "r10b", "r11b", "r12b", "r13b", "r14b", "r15b"},
	{"ax", "cx", "dx", "bx", "sp", "bp", "si", "di", "r8w", "r9w", "r10w", "r11w", "r12w", "r13w", "r14w", "r15w"},
	{"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "r8d", "r9d", "r10d", "r11d", "r12d", "r13d", "r14d", "r15d"},
	{"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"},
};
static const char *const high[4] = {"ah", "ch", "dh", "bh"};
static const char *const alu[8] = {"add", "or", "adc", "sbb", "and", "sub", "xor", "cmp"};
static const unsigned widths[4] = {1, 2, 4, 8};

static const char *rn(unsigned wi, unsigned r)
{
	return r >= X_HI ? high[r & 3] : names[wi][r];
}

/* The bytes in @cb must be exactly one instruction, reading @want. */
static void expect(struct codebuf *cb, const char *want)
{
	csh h;
	cs_insn *in;
	char got[200];
	size_t n = (size_t)(cb->p - cb->start);

	ck_assert(!cb->overflow);
	ck_assert_int_eq(cs_open(CS_ARCH_X86, CS_MODE_64, &h), CS_ERR_OK);
	ck_assert_msg(cs_disasm(h, cb->start, n, 0x1000, 1, &in) == 1, "undecodable, wanted %s", want);
	snprintf(got, sizeof(got), "%s %s", in->mnemonic, in->op_str);
	ck_assert_msg(in->size == n, "%s: %u of %zu bytes", got, in->size, n);
	ck_assert_str_eq(got, want);
	cs_free(in, 1);
	cs_close(&h);
	cb->p = cb->start;
}

static uint8_t bytes[64];
static struct codebuf buf_new(void)
{
	struct codebuf cb;

	codebuf_init(&cb, bytes, sizeof(bytes), 0);
	return cb;
}

START_TEST(test_rr)
{
	struct codebuf cb = buf_new();
	char w[100];

	for (unsigned wi = 0; wi < 4; wi++)
		for (unsigned d = 0; d < 16; d++)
			for (unsigned s = 0; s < 16; s += 3) {
				for (unsigned op = 0; op < 8; op++) {
					x_alu(&cb, op, widths[wi], d, s);
					snprintf(w, 100, "%s %s, %s", alu[op], rn(wi, d), rn(wi, s));
					expect(&cb, w);
				}
				x_mov(&cb, widths[wi], d, s);
				snprintf(w, 100, "mov %s, %s", rn(wi, d), rn(wi, s));
				expect(&cb, w);
				x_test(&cb, widths[wi], d, s);
				snprintf(w, 100, "test %s, %s", rn(wi, d), rn(wi, s));
				expect(&cb, w);
			}
}
END_TEST

START_TEST(test_high)
{
	struct codebuf cb = buf_new();
	char w[100];

	for (unsigned d = X_HI; d < X_HI + 4; d++)
		for (unsigned s = 0; s < 4; s++) {
			x_alu(&cb, X_ADD, 1, d, s);
			snprintf(w, 100, "add %s, %s", rn(0, d), rn(0, s));
			expect(&cb, w);
			x_alu(&cb, X_XOR, 1, s, d);
			snprintf(w, 100, "xor %s, %s", rn(0, s), rn(0, d));
			expect(&cb, w);
		}
}
END_TEST

START_TEST(test_unary)
{
	static const char *const sh[8] = {"rol", "ror", "rcl", "rcr", "shl", "shr", "", "sar"};
	struct codebuf cb = buf_new();
	char w[100];

	for (unsigned wi = 0; wi < 4; wi++)
		for (unsigned d = 0; d < 16; d++)
			for (unsigned op = 0; op < 8; op++) {
				x_alui(&cb, op, widths[wi], d, 0x12);
				snprintf(w, 100, "%s %s, 0x12", alu[op], rn(wi, d));
				expect(&cb, w);
				if (op == 6)
					continue;
				x_shifti(&cb, op, widths[wi], d, 5);
				snprintf(w, 100, "%s %s, 5", sh[op], rn(wi, d));
				expect(&cb, w);
				x_shiftcl(&cb, op, widths[wi], d);
				snprintf(w, 100, "%s %s, cl", sh[op], rn(wi, d));
				expect(&cb, w);
			}
	for (unsigned d = 0; d < 16; d++) {
		x_setcc(&cb, 5, d);
		snprintf(w, 100, "setne %s", rn(0, d));
		expect(&cb, w);
		x_rorx(&cb, 8, d, 15 - d, 7);
		snprintf(w, 100, "rorx %s, %s, 7", rn(3, d), rn(3, 15 - d));
		expect(&cb, w);
		x_movzx(&cb, d, 15 - d, 1);
		snprintf(w, 100, "movzx %s, %s", rn(2, d), rn(0, 15 - d));
		expect(&cb, w);
		x_movsx(&cb, 8, d, 15 - d, 4);
		snprintf(w, 100, "movsxd %s, %s", rn(3, d), rn(2, 15 - d));
		expect(&cb, w);
		x_vex_rr(&cb, X_0F38(0xF7) | X_P66, 8, 0, d, d, 15 - d);
		snprintf(w, 100, "shlx %s, %s, %s", rn(3, d), rn(3, 15 - d), rn(3, d));
		expect(&cb, w);
		x_movi(&cb, 8, d, 0x1122334455667788);
		snprintf(w, 100, "movabs %s, 0x1122334455667788", rn(3, d));
		expect(&cb, w);
		x_movi(&cb, 4, d, 0x11223344);
		snprintf(w, 100, "mov %s, 0x11223344", rn(2, d));
		expect(&cb, w);
	}
}
END_TEST

START_TEST(test_mem)
{
	static const int disps[3] = {0, 0x10, 0x12345};
	struct codebuf cb = buf_new();
	char w[100], ds[32], bs[32];

	for (unsigned base = 0; base < 16; base++)
		for (unsigned index = 0; index < 17; index++)
			for (unsigned k = 0; k < 3; k++) {
				struct x_mem m = {base, index == 16 ? X_NONE : index, index == 16 ? 0 : 2, disps[k]};

				if (index == X_RSP)
					continue;
				ds[0] = bs[0] = 0;
				if (index < 16)
					snprintf(bs, 32, " + %s*4", names[3][index]);
				if (disps[k])
					snprintf(ds, 32, " + 0x%x", disps[k]);
				x_load(&cb, 8, 15 - base, &m);
				snprintf(w, 100, "mov %s, qword ptr [%s%s%s]", names[3][15 - base], names[3][base], bs, ds);
				expect(&cb, w);
				x_store(&cb, 1, &m, base);
				snprintf(w, 100, "mov byte ptr [%s%s%s], %s", names[3][base], bs, ds, names[0][base]);
				expect(&cb, w);
				x_lea(&cb, 4, base, &m);
				snprintf(w, 100, "lea %s, [%s%s%s]", names[2][base], names[3][base], bs, ds);
				expect(&cb, w);
			}
}
END_TEST

START_TEST(test_overflow)
{
	struct codebuf cb;

	codebuf_init(&cb, bytes, 3, 0);
	x_movi(&cb, 8, X_RAX, 0x1122334455667788);
	ck_assert(cb.overflow);
	ck_assert(cb.p <= cb.end);
	ck_assert_ptr_null(x_jmp_fwd(&cb));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("x64_enc");
	TCase *t = tcase_create("all");
	SRunner *r;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_rr);
	tcase_add_test(t, test_high);
	tcase_add_test(t, test_unary);
	tcase_add_test(t, test_mem);
	tcase_add_test(t, test_overflow);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
