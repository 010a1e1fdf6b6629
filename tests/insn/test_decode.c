/*
 * test_decode.c - the decoder's quirks, one hand-made row each: prefixes, modes, legality,
 * operands.
 *
 * A row gives bytes and code size and expects the row id and the text, or a status. The
 * expectations come from the SDM.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/insn/insn.h"

struct text_row {
	unsigned code;
	const char *bytes, *id, *text;
};

static unsigned parse(const char *s, uint8_t *b)
{
	unsigned n = 0;

	memset(b, 0, 16);
	while (*s && n < 16)
		b[n++] = strtoul(s, (char **)&s, 16);
	return n;
}

static struct insn_index *index_or_fail(void)
{
	char why[200] = "";
	struct insn_index *ix = insn_index_new(why, sizeof(why));

	ck_assert_msg(ix != NULL, "%s", why);
	return ix;
}

static const struct text_row good[] = {
	/* 90 and its relatives */
	{8, "90", "NOP", "nop"},
	{8, "41 90", "XCHG_rAXR8", "xchg eax, r8d"},
	{8, "48 90", "NOP", "nop"},
	{4, "f3 90", "PAUSE", "pause"},
	{2, "f2 90", "NOP", "nop"},
	/* REX counts only directly before the opcode; byte registers with and without REX */
	{8, "48 66 01 c0", "ADD_EvGv", "add ax, ax"},
	{8, "66 48 01 c0", "ADD_EvGv", "add rax, rax"},
	{8, "88 e0", "MOV_EbGb", "mov al, ah"},
	{8, "40 88 e0", "MOV_EbGb", "mov al, spl"},
	{4, "40", "INC_Zv", "inc eax"},
	/* 63, C4, C5, 62 by mode */
	{8, "48 63 c1", "MOVSXD_GvEz", "movsxd rax, ecx"},
	{4, "63 c1", "ARPL_EwGw", "arpl cx, ax"},
	{4, "c4 00", "LES_GvMp", "les eax, [eax]"},
	{2, "c5 07", "LDS_GvMp", "lds ax, [bx]"},
	{4, "62 00", "BOUND_GvMbnd", "bound eax, qword ptr [eax]"},
	{4, "c5 f8 77", "VZEROUPPER", "vzeroupper"},
	/* sizes of near branches and stack operations */
	{8, "66 e9 01 00 00 00", "JMP_Jz", "jmp 0x1007"},
	{8, "66 0f 84 01 00 00 00", "JE_Jz", "je 0x1008"},
	{4, "66 e9 01 00", "JMP_Jz", "jmp 0x1005"},
	{2, "e9 01 00", "JMP_Jz", "jmp 0x1004"},
	{2, "66 e9 01 00 00 00", "JMP_Jz", "jmp 0x1007"},
	{8, "66 50", "PUSH_Zv", "push ax"},
	{8, "41 50", "PUSH_Zv", "push r8"},
	{8, "66 68 ff ff", "PUSH_Iz", "push 0xffff"},
	{8, "66 ff 20", "JMP_Ev", "jmp qword ptr [rax]"},
	{8, "9c", "PUSHFQ", "pushfq"},
	{4, "66 9c", "PUSHF", "pushf"},
	{8, "67 e3 00", "JECXZ_Jb", "jecxz 0x1003"},
	{4, "67 e3 00", "JCXZ_Jb", "jcxz 0x1003"},
	/* addresses */
	{2, "8b 46 fe", "MOV_GvEv", "mov ax, word ptr [bp - 2]"},
	{2, "8b 06 34 12", "MOV_GvEv", "mov ax, word ptr [0x1234]"},
	{2, "67 8b 04 8b", "MOV_GvEv", "mov ax, word ptr [ebx + ecx*4]"},
	{4, "67 8b 01", "MOV_GvEv", "mov eax, dword ptr [bx + di]"},
	{8, "8b 05 10 00 00 00", "MOV_GvEv", "mov eax, dword ptr [rip + 0x10]"},
	{8, "67 8b 05 10 00 00 00", "MOV_GvEv", "mov eax, dword ptr [eip + 0x10]"},
	{8, "43 8b 44 25 00", "MOV_GvEv", "mov eax, dword ptr [r13 + r12]"},
	{8, "8b 04 25 10 00 00 00", "MOV_GvEv", "mov eax, dword ptr [0x10]"},
	{8, "48 a1 01 02 03 04 05 06 07 08", "MOV_rAXOv", "movabs rax, qword ptr [0x807060504030201]"},
	{8, "67 a0 01 02 03 04", "MOV_ALOb", "mov al, byte ptr [0x4030201]"},
	{8, "64 8b 00", "MOV_GvEv", "mov eax, dword ptr fs:[rax]"},
	{8, "2e 8b 00", "MOV_GvEv", "mov eax, dword ptr [rax]"},
	/* mandatory prefixes: F2 and F3 before 66, the last of F2 and F3 */
	{8, "66 f3 0f b8 c1", "POPCNT_GvEv", "popcnt ax, cx"},
	{8, "66 f2 0f 38 f1 c1", "CRC32_GyEv", "crc32 eax, cx"},
	{8, "f2 f3 0f 10 c1", "MOVSS_VssWss", "movss xmm0, xmm1"},
	{8, "f3 f2 66 0f 10 c1", "MOVSD_VsdWsd", "movsd xmm0, xmm1"},
	{8, "f2 0f bc c1", "BSF_GvEv", "bsf eax, ecx"},
	{8, "f3 0f bc c1", "TZCNT_GvEv", "tzcnt eax, ecx"},
	{8, "66 0f 38 f0 00", "MOVBE_GvMv", "movbe ax, word ptr [rax]"},
	{8, "48 0f 38 f9 08", "MOVDIRI_MyGy", "movdiri qword ptr [rax], rcx"},
	/* repeats */
	{4, "f2 f3 a4", "MOVSB_YbXb", "rep movsb byte ptr es:[edi], byte ptr [esi]"},
	{4, "f3 f2 a6", "CMPSB_XbYb", "repne cmpsb byte ptr [esi], byte ptr es:[edi]"},
	{2, "67 2e ac", "LODSB_ALXb", "lodsb al, byte ptr cs:[esi]"},
	/* aliases and undocumented encodings */
	{4, "d6", "SALC", "salc"},
	{4, "f1", "INT1", "int1"},
	{4, "82 c0 05", "ADD_EbIb_82", "add al, 5"},
	{8, "c0 f0 03", "SHL_EbIub_6", "shl al, 3"},
	{8, "f6 c8 01", "TEST_EbIb_1", "test al, 1"},
	{8, "0f 19 00", "NOP_Ev_19", "nop dword ptr [rax]"},
	{8, "0f b9 c8", "UD1_GvEv", "ud1 ecx, eax"},
	{8, "0f ff 40 01", "UD0_GvEv", "ud0 eax, dword ptr [rax + 1]"},
	{4, "dc d1", "FCOM2_ST0STi", "fcom st(0), st(1)"},
	{4, "df c1", "FFREEP_STi", "ffreep st(1)"},
	/* MOV CRn ignores mod; LOCK where it may be */
	{8, "0f 20 00", "MOV_RyCy", "mov rax, cr0"},
	{8, "44 0f 22 c0", "MOV_CyRy", "mov cr8, rax"},
	{4, "f0 0f b1 0a", "CMPXCHG_EvGv", "lock cmpxchg dword ptr [edx], ecx"},
	{8, "48 0f c7 0f", "CMPXCHG16B_Mdq", "cmpxchg16b xmmword ptr [rdi]"},
	/* system */
	{8, "0f 01 f8", "SWAPGS", "swapgs"},
	{8, "0f 01 38", "INVLPG_Mb", "invlpg byte ptr [rax]"},
	{2, "66 0f 01 16 00 10", "LGDT_Ms", "lgdt [0x1000]"},
	{4, "9a 01 00 00 00 08 00", "CALL_Ap", "lcall 8:1"},
	{8, "48 ff 28", "JMP_Mp", "ljmp [rax]"},
	{8, "c8 10 00 01", "ENTER_IwIub2", "enter 0x10, 1"},
	{4, "8c 18", "MOV_EvwSw", "mov word ptr [eax], ds"},
	/* VEX: vvvv, fourth operand */
	{8, "c4 e3 75 4a c2 30", "VBLENDVPS_VxHxWx", "vblendvps ymm0, ymm1, ymm2, ymm3"},
	{8, "c4 e2 70 f2 c2", "ANDN_GyByEy", "andn eax, ecx, edx"},
	{8, "c4 e2 69 90 04 48", "VPGATHERDD_VxVMdxHx", "vpgatherdd xmm0, dword ptr [rax + xmm1*2], xmm2"},
};

START_TEST(quirks)
{
	struct insn_index *ix = index_or_fail();
	const struct text_row *r = &good[_i];
	struct insn in;
	uint8_t b[16];
	char text[120];
	unsigned n = parse(r->bytes, b);

	ck_assert_msg(insn_decode(ix, b, 15, r->code, &in) == DECODE_OK, "%s", r->bytes);
	ck_assert_str_eq(insn_rows[in.id].id, r->id);
	ck_assert_uint_eq(in.len, n);
	insn_text(&in, 0x1000, text, sizeof(text));
	ck_assert_str_eq(text, r->text);
	/* every shorter view asks for more */
	for (unsigned k = 0; k < n; k++)
		ck_assert_msg(insn_decode(ix, b, k, r->code, &in) == DECODE_MORE, "%s at %u", r->bytes, k);
	insn_index_free(ix);
}
END_TEST

static const struct {
	unsigned code;
	const char *bytes, *why;
} undefined[] = {
	{4, "f0 90", "LOCK NOP"},
	{4, "f0 01 c0", "LOCK with a register destination"},
	{4, "f0 03 00", "LOCK with memory as source"},
	{4, "f0 39 00", "LOCK CMP"},
	{8, "f0 0f 20 c0", "LOCK MOV CR"},
	{8, "06", "PUSH ES in 64-bit mode"},
	{8, "9a 00 00 00 00 00 00", "far call in 64-bit mode"},
	{8, "82 c0 01", "82 in 64-bit mode"},
	{8, "d6", "SALC in 64-bit mode"},
	{8, "60", "PUSHA in 64-bit mode"},
	{8, "d4 0a", "AAM in 64-bit mode"},
	{8, "62 f1 7c 48 28 c1", "EVEX"},
	{4, "62 f1 7c 48 28 c1", "EVEX"},
	{4, "8e c8", "MOV CS"},
	{4, "8e f0", "segment register 6"},
	{4, "8c f8", "segment register 7"},
	{8, "0f 20 c8", "CR1"},
	{8, "44 0f 20 c8", "CR9"},
	{8, "44 0f 21 c0", "DR8"},
	{4, "8d c0", "LEA of a register"},
	{4, "0f b2 c0", "LSS of a register"},
	{4, "ff d8", "far call of a register"},
	{4, "ff f8", "FF /7"},
	{4, "fe d0", "FE /2"},
	{4, "8f c8", "8F /1 (XOP)"},
	{4, "c6 c8 00", "C6 /1"},
	{4, "0f 0a", "0F 0A"},
	{4, "0f ba c0 01", "0F BA /0"},
	{4, "0f c7 c8", "CMPXCHG8B of a register"},
	{4, "0f 01 f8", "SWAPGS outside 64-bit mode"},
	{4, "d9 d1", "D9 /2 but FNOP"},
	{4, "f3 0f 60 c0", "MMX with F3"},
	{4, "f2 0f 28 c0", "MOVAPS with F2"},
	{4, "f3 0f 38 f0 00", "MOVBE with F3"},
	{8, "66 c5 f8 77", "66 before VEX"},
	{8, "48 c5 f8 77", "REX before VEX"},
	{8, "f0 c5 f8 77", "LOCK before VEX"},
	{8, "f3 c5 f8 77", "F3 before VEX"},
	{8, "c5 f0 77", "VEX.vvvv not 1111"},
	{8, "c4 e0 78 77", "VEX map 0"},
	{8, "c4 e4 78 77", "VEX map 4"},
	{8, "c4 e2 74 f2 c2", "ANDN with L = 1"},
	{8, "c4 e2 f9 0c c0", "VPERMILPS with W = 1"},
	{8, "c4 e2 79 90 04 48", "gather: destination is the mask"},
	{8, "c4 e2 69 90 00", "gather without SIB"},
};

START_TEST(undefined_opcodes)
{
	struct insn_index *ix = index_or_fail();
	struct insn in;
	uint8_t b[16];

	parse(undefined[_i].bytes, b);
	ck_assert_msg(insn_decode(ix, b, 15, undefined[_i].code, &in) == DECODE_UD,
		"%s", undefined[_i].why);
	ck_assert_uint_eq(in.id, INSN_UD);
	ck_assert(in.len >= 1 && in.len <= INSN_MAX_LEN);
	insn_index_free(ix);
}
END_TEST

/* 15 bytes are the longest instruction; redundant prefixes count. */
START_TEST(length_limit)
{
	struct insn_index *ix = index_or_fail();
	struct insn in;
	uint8_t b[16];

	memset(b, 0x66, sizeof(b));
	b[14] = 0x90;
	ck_assert_int_eq(insn_decode(ix, b, 15, 4, &in), DECODE_OK);
	ck_assert_uint_eq(in.len, 15);
	ck_assert_int_eq(insn_decode(ix, b, 14, 4, &in), DECODE_MORE);
	b[14] = 0x05; /* ADD AX, imm16 */
	ck_assert_int_eq(insn_decode(ix, b, 15, 4, &in), DECODE_TOOLONG);
	memset(b, 0x48, sizeof(b));
	ck_assert_int_eq(insn_decode(ix, b, 15, 8, &in), DECODE_TOOLONG);
	insn_index_free(ix);
}
END_TEST

START_TEST(fields)
{
	struct insn_index *ix = index_or_fail();
	struct insn in;
	uint8_t b[16];

	parse("f3 a4", b);
	ck_assert_int_eq(insn_decode(ix, b, 15, 4, &in), DECODE_OK);
	ck_assert_uint_eq(in.rep, 0xF3);
	parse("f3 0f 10 c1", b);
	ck_assert_int_eq(insn_decode(ix, b, 15, 4, &in), DECODE_OK);
	ck_assert_uint_eq(in.rep, 0);
	ck_assert_uint_eq(in.pp, 0xF3);
	parse("8b 45 08", b); /* [ebp + 8] is in SS */
	ck_assert_int_eq(insn_decode(ix, b, 15, 4, &in), DECODE_OK);
	ck_assert_uint_eq(in.mem.seg, SEG_SS);
	ck_assert_uint_eq(in.mem.base, GPR_RBP);
	ck_assert_int_eq(in.mem.disp, 8);
	parse("3e 8b 45 08", b);
	ck_assert_int_eq(insn_decode(ix, b, 15, 4, &in), DECODE_OK);
	ck_assert_uint_eq(in.mem.seg, SEG_DS);
	parse("8b 04 6d 00 00 00 00", b); /* EBP as index only: DS */
	ck_assert_int_eq(insn_decode(ix, b, 15, 4, &in), DECODE_OK);
	ck_assert_uint_eq(in.mem.seg, SEG_DS);
	parse("8b 03", b);
	ck_assert_int_eq(insn_decode(ix, b, 15, 2, &in), DECODE_OK);
	ck_assert_uint_eq(in.mem.seg, SEG_SS); /* [bp + di] */
	parse("83 c0 ff", b);
	ck_assert_int_eq(insn_decode(ix, b, 15, 8, &in), DECODE_OK);
	ck_assert_int_eq(in.imm, -1);
	parse("cd 80", b); /* unsigned */
	ck_assert_int_eq(insn_decode(ix, b, 15, 4, &in), DECODE_OK);
	ck_assert_int_eq(in.imm, 0x80);
	parse("66 c4 00", b);
	ck_assert_int_eq(insn_decode(ix, b, 15, 4, &in), DECODE_OK);
	ck_assert_uint_eq(in.op[1].size, 4);
	insn_index_free(ix);
}
END_TEST

/* What every row promises. */
START_TEST(rows)
{
	for (unsigned i = 0; i < INSN_COUNT; i++) {
		const struct insn_row *r = &insn_rows[i];

		ck_assert_msg((r->f_undef & ~r->f_write) == 0, "%s: undefined but not written", r->id);
		ck_assert_msg(r->mnemonic && r->semantics && r->semantics[0], "%s", r->id);
		ck_assert_msg(r->trap <= TRAP_TASK, "%s", r->id);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("decode");
	TCase *tc = tcase_create("decode");
	SRunner *sr;
	int failed;

	tcase_add_loop_test(tc, quirks, 0, ARRAY_SIZE(good));
	tcase_add_loop_test(tc, undefined_opcodes, 0, ARRAY_SIZE(undefined));
	tcase_add_test(tc, length_limit);
	tcase_add_test(tc, fields);
	tcase_add_test(tc, rows);
	suite_add_tcase(suite, tc);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
