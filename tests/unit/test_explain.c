/*
 * test_explain.c - the words for descriptors, gates, page walks and traps: 64-bit forms, faults without an
 * instruction, every row of checks.def.
 */
#define _GNU_SOURCE
#include "ring0_fix.h"
#include "frontend/explain.h"

static char text[65536];

static void ck_holds(const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" in \"%s\"", part, text);
}

static void describe(uint64_t lo, uint64_t hi, bool lma)
{
	FILE *o = fmemopen(text, sizeof(text), "w");

	explain_descriptor(o, lo, hi, lma);
	fclose(o);
}

static void tell(struct fix *f, uint64_t no)
{
	FILE *o = fmemopen(text, sizeof(text), "w");
	const struct trap *t = history_trap(f->cpu->history, no);

	ck_assert_ptr_nonnull(t);
	explain_trap(o, f->cpu, t);
	fclose(o);
}

START_TEST(descriptors)
{
	describe(mk_seg(0x12345678, 0xFFFFF, 0xC0FA), 0, false);
	ck_assert_str_eq(text, "code DPL 3, base 12345678 limit ffffffff (G=1), 32-bit readable");
	describe(mk_seg(0, 0xFFF, 0x40F6), 0, false);
	ck_assert_str_eq(text, "data DPL 3, base 00000000 limit 00000fff (G=0), 32-bit expand-down writable");
	describe(mk_seg(0, 0xFFFFF, 0xA09F), 0, true);
	ck_assert_str_eq(text, "code DPL 0, base 00000000 limit ffffffff (G=1), 64-bit conforming readable accessed");
	describe(mk_gate(8, 0x12345, 0xEC, 2), 0, false);
	ck_assert_str_eq(text, "32-bit call gate DPL 3, target 0008:00012345, 2 parameters");
	describe(mk_gate(0x10, 0x80001234, 0x8E, 3), 0xFFFFFFFF, true);
	ck_assert_str_eq(text, "64-bit interrupt gate DPL 0, target 0010:ffffffff80001234, IST 3");
	describe(mk_gate(0x38, 0, 0xE5, 0), 0, false);
	ck_assert_str_eq(text, "task gate DPL 3, TSS selector 0038");
	describe(mk_seg(0x1000, 0x67, 0x000B), 0xFFFF8880, true);
	ck_assert_str_eq(text, "64-bit TSS (busy) DPL 0 NOT PRESENT, base ffff888000001000 limit 00000067");
	describe(mk_gate(0x10, 0xABCD1234, 0x86, 0), 0, false); /* a 16-bit gate has no upper half */
	ck_assert_str_eq(text, "16-bit interrupt gate DPL 0, target 0010:00001234");
}
END_TEST

START_TEST(registers)
{
	FILE *o = fmemopen(text, sizeof(text), "w");

	explain_bits(o, "cr0", 0x80000011);
	fputc('/', o);
	explain_bits(o, "efer", 0xD01);
	fputc('/', o);
	explain_bits(o, "cr4", 0);
	fclose(o);
	ck_assert_str_eq(text, "PE ET PG/SCE LME LMA NXE/");
}
END_TEST

/* #GP by PUSH beyond the stack segment: the stack is shown, and the bytes of the instruction. */
START_TEST(stack_fault)
{
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;
	uint64_t ra;
	const uint8_t *host;

	fix_wr(f, 0x6000, 0x50, 1); /* push eax */
	ck_assert_int_eq(mmu_fetch_page(&c->mmu, 0x6000, MMU_SUP, &ra, &host), EXIT_NONE);
	c->rip = 0x6000;
	cpu_raise(c, CHECK_SS_LIMIT, 0);
	c->event.aux[0] = 0x7FFC;
	c->event.aux[1] = 0xFFF;
	ck_assert_int_eq(ring0_deliver(c), EXIT_NONE);
	tell(f, 1);
	ck_holds("#SS(0000) stack fault in 32-bit protected mode, CPL 0");
	ck_holds("0008:00006000  50   push eax");
	ck_holds("operands     offset 0x7ffc, segment limit 0xfff");
	ck_holds("stack        SP 8000, SS 0010: base 00000000 limit ffffffff, data DPL 0 writable");
	ck_holds("then         handler at 0008:000200c0 CPL0 prot32");
	fix_free(f);
}
END_TEST

/* An old trap is told as it was: its descriptor and TSS have changed since. */
START_TEST(as_it_was)
{
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;
	uint32_t sel = 0x18, gdt = (uint32_t)c->gdtr.base;

	fix_wr(f, gdt + sel, mk_seg(0x12345678, 0xFFF, 0x40F2), 8);
	fix_wr(f, 0x5000 + 4, 0x11112222, 4);
	c->tr = (struct seg){.sel = 0x20, .base = 0x5000, .limit = 0x67, .attr = SEGA_P | 0xB};
	cpu_raise(c, CHECK_TS_SS_RPL, sel);
	c->event.desc[0] = c->event.desc[1] = 0;
	ck_assert_int_eq(ring0_deliver(c), EXIT_NONE);
	fix_wr(f, gdt + sel, mk_seg(0, 0xFFFFF, 0xC0FA), 8);
	fix_wr(f, 0x5000 + 4, 0x33334444, 4);
	tell(f, 1);
	ck_holds("base 12345678 limit 00000fff");
	ck_holds("11112222");
	fix_free(f);
}
END_TEST

/* Whatever is raised can be told, whatever its operands. */
START_TEST(every_row)
{
	struct fix *f = fix_prot(3);
	struct vcpu *c = f->cpu;

	for (unsigned i = 0; i < CHECK_COUNT; i++) {
		struct trap *t;

		cpu_raise(c, i, 0xFFFF);
		for (unsigned k = 0; k < 3; k++)
			c->event.aux[k] = ~0ull;
		t = history_begin(c, &c->event, 0);
		ck_assert_ptr_nonnull(t);
		t->nbytes = 0;
		c->event.pending = false;
		tell(f, t->no);
		ck_holds(check_rows[i].id);
		ck_holds(check_rows[i].condition);
		ck_holds("CPL 3");
	}
	fix_free(f);
}
END_TEST

/* A fault of the fetch itself: no bytes, a walk, in 64-bit paging. */
START_TEST(fetch_fault)
{
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;
	uint64_t ra;
	const uint8_t *host;

	fix_wr(f, PML4, PML4 + 0x1003, 8);
	fix_wr(f, PML4 + 0x1000, PML4 + 0x2003, 8);
	fix_wr(f, PML4 + 0x2000, 0x83, 8); /* the first 2 MiB */
	h_mov_cr_to(c, 4, CR4_PAE, 0);
	h_mov_cr_to(c, 3, PML4, 0);
	c->efer |= EFER_LME;
	ck_assert_int_eq(h_mov_cr_to(c, 0, CR0_PE | CR0_NE | CR0_PG, 0), EXIT_NONE);
	c->rip = 0x400000;
	ck_assert_int_eq(mmu_fetch_page(&c->mmu, 0x400000, MMU_SUP, &ra, &host), EXIT_FAULT);
	cpu_page_fault(c);
	ring0_deliver(c);
	tell(f, 1);
	ck_holds("compatibility mode, 32-bit");
	ck_holds("(could not be fetched)");
	ck_holds("page not present, instruction fetch, supervisor mode");
	ck_holds("PML4E at 000010000 = 0000000000011003  P W supervisor");
	ck_holds("PDE   at 000012010 = 0000000000000000  NOT PRESENT");
	fix_free(f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("explain");
	TCase *t = tcase_create("explain");
	SRunner *r;
	int failed;

	tcase_add_test(t, descriptors);
	tcase_add_test(t, registers);
	tcase_add_test(t, stack_fault);
	tcase_add_test(t, as_it_was);
	tcase_add_test(t, every_row);
	tcase_add_test(t, fetch_fault);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
