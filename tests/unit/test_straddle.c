/*
 * test_straddle.c - an instruction that lies across two pages, the second of which changes: its frame, its rights, its presence.
 *
 * Source: Intel SDM Vol. 3A 4.10.2.3 "Details of TLB Use"; 6.15 "Interrupt 14 - Page-Fault Exception".
 */
#include <stdio.h>
#include "long_fix.h"

#define SECOND 0x201000u	    /* linear address of the second page */
#define STRADDLER (SECOND - 2)	    /* mov eax, imm32: the last three bytes lie in the second page; then ret */
#define FRAME_A 0x201000u
#define FRAME_B 0x202000u
#define ROUNDS 100

static const enum jit_accel engines[] = {ACCEL_INTERP, ACCEL_JIT, ACCEL_LOCKSTEP};

static unsigned call(struct fix *f, unsigned at)
{
	fix_wr(f, at, 0xE8, 1);
	fix_wr(f, at + 1, STRADDLER - (at + 5), 4);
	return at + 5;
}

/*
 * ROUNDS times: call twice, adding up what comes back in EBX; let the second page be the other frame (RDI: its page-table
 * entry, RSI: its address). Then the entry becomes EDX, and a last call is made. The same bytes in 32- and 64-bit code.
 */
static void write_code(struct fix *f, unsigned pte)
{
	unsigned at = KCODE_AT, loop;

	fix_code(f, STRADDLER, "B8 01");
	fix_code(f, FRAME_A, "00 00 00 C3");
	fix_code(f, FRAME_B, "02 00 00 C3");
	loop = at;
	for (unsigned i = 0; i < 2; i++) {
		at = call(f, at);
		at += fix_code(f, at, "01 C3"); /* add ebx, eax */
	}
	at += fix_code(f, at, "81 37 00 30 00 00 0F 01 3E"); /* xor dword [rdi], 3000h; invlpg [rsi] */
	at += fix_code(f, at, "FF C9 75");		      /* dec ecx; jnz loop */
	fix_wr(f, at, loop - (at + 1), 1);
	at += 1;
	at += fix_code(f, at, "89 17 0F 01 3E"); /* mov [rdi], edx; invlpg [rsi] */
	at = call(f, at);
	fix_code(f, at, "F4");
	f->cpu->gpr[GPR_RBX] = 0;
	f->cpu->gpr[GPR_RCX] = ROUNDS;
	f->cpu->gpr[GPR_RSI] = SECOND;
	f->cpu->gpr[GPR_RDI] = pte;
	f->cpu->rip = KCODE_AT;
}

/* 64-bit code: the second 2 MB by 4-KB pages. */
static struct fix *fix64(void)
{
	struct fix *f = fix_long("max", 0);
	unsigned pt = PML4 + 0x3000;

	for (unsigned i = 0; i < 512; i++)
		fix_wr(f, pt + 8 * i, 0x200000 + i * 0x1000 + 3, 8);
	fix_wr(f, PML4 + 0x2008, pt | 7, 8);
	fix_wr(f, PML4 + 0x2000, 0x83, 8);
	ck_assert_int_eq(h_mov_cr_to(f->cpu, 4, CR4_PAE | CR4_SMEP, 0), EXIT_NONE);
	write_code(f, pt + 8);
	return f;
}

/* 32-bit code and page tables */
static struct fix *fix32(void)
{
	struct fix *f = fix_prot(0);
	unsigned pd = PML4, pt = PML4 + 0x1000;

	for (unsigned v = 0; v < 256; v++)
		fix_wr(f, HANDLERS + v * 16, 0xF4, 1);
	for (unsigned i = 0; i < 1024; i++)
		fix_wr(f, pt + 4 * i, i * 0x1000 + 3, 4);
	fix_wr(f, pd, pt | 7, 4);
	ck_assert_int_eq(h_mov_cr_to(f->cpu, 3, pd, 0), EXIT_NONE);
	ck_assert_int_eq(h_mov_cr_to(f->cpu, 4, CR4_SMEP, 0), EXIT_NONE);
	ck_assert_int_eq(h_mov_cr_to(f->cpu, 0, f->cpu->cr0 | CR0_PG, 0), EXIT_NONE);
	write_code(f, pt + 4 * 0x201);
	return f;
}

/* @last: what the page-table entry is for the last call */
static void run(struct fix *f, enum jit_accel accel, uint32_t last, int vector)
{
	struct vcpu *c = f->cpu;

	c->gpr[GPR_RDX] = last;
	ck_assert_int_eq(fix_run(f, accel), vector);
	ck_assert_uint_eq((uint32_t)c->gpr[GPR_RBX], ROUNDS * 0x001 + ROUNDS * 0x201);
	if (vector == 14) {
		ck_assert_uint_eq(c->cr2, SECOND);
		ck_assert_uint_eq(fix_rd(f, c->gpr[GPR_RSP] + (c->idtr.limit == 0xFFF ? 8 : 4), 4), STRADDLER);
	} else {
		ck_assert_uint_eq((uint32_t)c->gpr[GPR_RAX], 0x201);
	}
	fix_free(f);
}

START_TEST(absent)
{
	run(_i & 1 ? fix64() : fix32(), engines[_i / 2], 0, 14);
}
END_TEST

START_TEST(present)
{
	run(_i & 1 ? fix64() : fix32(), engines[_i / 2], FRAME_B | 3, -1);
}
END_TEST

/* A user's page, which SMEP forbids to run. */
START_TEST(forbidden)
{
	run(_i & 1 ? fix64() : fix32(), engines[_i / 2], FRAME_B | 7, 14);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("straddle");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_add_loop_test(t, absent, 0, 6);
	tcase_add_loop_test(t, present, 0, 6);
	tcase_add_loop_test(t, forbidden, 0, 6);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad ? 1 : 0;
}
