/*
 * test_history.c - the trap log: what is written for exceptions, failed deliveries, interrupts, returns and control
 * registers, and that old entries are overwritten and not found again.
 */
#include "long_fix.h"
#include "cpu/ring0/history.h"

static struct hist_rec newest(struct fix *f)
{
	const struct history *h = f->cpu->history;
	struct hist_rec r;

	ck_assert(history_rec(h, h->nrecs, &r));
	return r;
}

START_TEST(exception)
{
	struct fix *f = fix_prot(3);
	struct vcpu *c = f->cpu;
	struct hist_rec r;
	const struct trap *t;
	uint64_t recs = c->history->nrecs;

	clock_advance(&f->clock, 12345);
	c->gpr[GPR_RBX] = 0xABCD;
	cpu_raise(c, CHECK_GP_CPL0, 0);
	ck_assert_int_eq(ring0_deliver(c), EXIT_NONE);
	ck_assert_uint_eq(c->history->nrecs, recs + 1);
	r = newest(f);
	ck_assert_uint_eq(r.what, TR_EXCEPTION);
	ck_assert_uint_eq(r.a, 13);
	ck_assert_uint_eq(r.time, 12345);
	ck_assert_uint_eq(r.from.cpl, 3);
	ck_assert_uint_eq(r.from.rip, 0x7000);
	ck_assert_uint_eq(r.from.cs, S_UCODE);
	ck_assert_uint_eq(r.to.cpl, 0);
	ck_assert_uint_eq(r.to.rip, 0x20000 + 13 * 16);
	t = history_trap(c->history, r.trap);
	ck_assert_ptr_nonnull(t);
	ck_assert_int_eq(t->ev.check, CHECK_GP_CPL0);
	ck_assert(t->delivered && !t->shutdown && !t->prior);
	ck_assert_uint_eq(t->gpr[GPR_RBX], 0xABCD);
	ck_assert_uint_eq(t->gpr[GPR_RSP], USTACK); /* before the switch to the inner stack */
	ck_assert_uint_eq(t->idtr.base, IDT);
	ck_assert_uint_eq(t->tr.sel, S_TSS);
	fix_free(f);
}
END_TEST

START_TEST(transitions)
{
	struct fix *f = fix_prot(3);
	struct vcpu *c = f->cpu;
	struct hist_rec r = newest(f);

	ck_assert_uint_eq(r.what, TR_IRET); /* fix_prot(3) went there by IRET */
	ck_assert_uint_eq(r.from.cpl, 0);
	ck_assert_uint_eq(r.to.cpl, 3);
	c->gpr[GPR_RAX] = 4;
	ck_assert_int_eq(h_int_n(c, 0x80, 2, 0), EXIT_NONE);
	r = newest(f);
	ck_assert_uint_eq(r.what, TR_SOFTINT);
	ck_assert_uint_eq(r.a, 0x80);
	ck_assert_uint_eq(r.b, 4);
	ck_assert_uint_eq(r.from.rip, 0x7000);
	ck_assert_int_eq(h_mov_cr_to(c, 3, 0x5000, 0), EXIT_NONE);
	r = newest(f);
	ck_assert_uint_eq(r.what, TR_CR3);
	ck_assert_uint_eq(r.cr3, 0x5000);
	ck_assert_int_eq(ring0_interrupt(c, 0x21, false), EXIT_NONE);
	r = newest(f);
	ck_assert_uint_eq(r.what, TR_INTERRUPT);
	ck_assert_uint_eq(r.a, 0x21);
	ck_assert_uint_eq(r.trap, 0);
	fix_free(f);
}
END_TEST

/* The place a transition leads to has the new ring, the new mode and, after a task switch, the new task's EIP. */
START_TEST(places)
{
	struct fix *f = fix_prot(3);
	struct vcpu *c = f->cpu;
	struct hist_rec r;
	uint64_t recs;

	ck_assert_int_eq(h_call_far(c, S_GATE | 3, 0, 4 | 7 << 8), EXIT_NONE);
	r = newest(f);
	ck_assert_uint_eq(r.what, TR_GATE);
	ck_assert_uint_eq(r.from.cpl, 3);
	ck_assert_uint_eq(r.to.cpl, 0);
	ck_assert_uint_eq(r.to.mode, c->mode);
	ck_assert_uint_ne(r.to.mode, r.from.mode);
	fix_gdt(f, S_TSS2, mk_seg(TSS2, 0x67, 0x0089));
	fix_wr(f, TSS2 + 0x20, 0xABC, 4);
	fix_wr(f, TSS2 + 0x24, 2, 4);
	fix_wr(f, TSS2 + 0x4C, S_KCODE, 4);
	fix_wr(f, TSS2 + 0x50, S_KDATA, 4);
	ck_assert_int_eq(h_jmp_far(c, S_TSS2, 0, 4 | 7 << 8), EXIT_NONE);
	r = newest(f);
	ck_assert_uint_eq(r.what, TR_TASK);
	ck_assert_uint_eq(r.b, S_TSS2);
	ck_assert_uint_eq(r.from.rip, 0x12345);
	ck_assert_uint_eq(r.to.rip, 0xABC);
	/* a far jump is a transition if it changes the size of code */
	fix_gdt(f, S_UCODE, mk_seg(0, 0xFFFF, 0x009A)); /* 16-bit, ring 0 */
	c->cpl = 0;
	recs = c->history->nrecs;
	ck_assert_int_eq(h_jmp_far(c, S_KCODE, 0x100, 4 | 7 << 8), EXIT_NONE);
	ck_assert_uint_eq(c->history->nrecs, recs);
	ck_assert_int_eq(h_jmp_far(c, S_UCODE & ~3, 0x200, 4 | 7 << 8), EXIT_NONE);
	r = newest(f);
	ck_assert_uint_eq(r.what, TR_FARJMP);
	ck_assert_uint_eq(r.to.rip, 0x200);
	ck_assert_uint_ne(r.to.mode & MODE_CODE_MASK, r.from.mode & MODE_CODE_MASK);
	fix_free(f);
}
END_TEST

/* What is noted is what was delivered: the double fault, not the fault it began with; the fault of an interrupt's gate. */
START_TEST(delivered)
{
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;

	fix_idt(f, 13, mk_gate(S_KCODE, 0, 0x0E, 0));
	cpu_raise(c, CHECK_GP_SEL_LIMIT, 0x1238);
	ck_assert_int_eq(ring0_deliver(c), EXIT_NONE);
	ck_assert_uint_eq(newest(f).what, TR_EXCEPTION);
	ck_assert_uint_eq(newest(f).a, 8);
	fix_idt(f, 0x21, mk_gate(S_KCODE, 0, 0x0E, 0));
	ck_assert_int_eq(ring0_interrupt(c, 0x21, false), EXIT_NONE);
	ck_assert_uint_eq(newest(f).what, TR_EXCEPTION);
	ck_assert_uint_eq(newest(f).a, 11);
	fix_free(f);
}
END_TEST

/* #GP whose gate is absent, #DF whose gate is absent, shutdown: four faults, each knows the one before. */
START_TEST(triple_fault)
{
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;
	static const uint8_t vec[] = {13, 11, 8, 11};
	const struct trap *t[4];

	fix_idt(f, 13, mk_gate(S_KCODE, 0, 0x0E, 0));
	fix_idt(f, 8, mk_gate(S_KCODE, 0, 0x0E, 0));
	cpu_raise(c, CHECK_GP_SEL_LIMIT, 0x1238);
	ck_assert_int_eq(ring0_deliver(c), EXIT_STOP);
	ck_assert(c->triple);
	ck_assert_uint_eq(c->history->ntraps, 4);
	for (unsigned i = 0; i < 4; i++) {
		t[i] = history_trap(c->history, i + 1);
		ck_assert_uint_eq(t[i]->ev.vec, vec[i]);
		ck_assert_uint_eq(t[i]->prior, i);
		ck_assert(!t[i]->delivered);
		ck_assert_int_eq(t[i]->shutdown, i == 3);
	}
	ck_assert_uint_eq(t[3]->ev.code, 8 * 8 + 2 + 1);
	ck_assert_uint_eq(c->nchain, 4);
	vcpu_reset(c, false); /* the story outlives the reset */
	ck_assert_ptr_nonnull(history_trap(c->history, 4));
	fix_free(f);
}
END_TEST

START_TEST(overwritten)
{
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;
	struct history *h = c->history;
	struct hist_rec r;

	ck_assert_ptr_null(history_trap(h, 0));
	ck_assert_ptr_null(history_trap(h, 1));
	ck_assert(!history_rec(h, h->nrecs + 1, &r));
	for (unsigned i = 0; i < HISTORY_RECS + 10; i++) {
		c->gpr[GPR_RSP] = KSTACK;
		c->rip = 0x6000 + i;
		cpu_raise(c, CHECK_UD_UD, 0);
		ck_assert_int_eq(ring0_deliver(c), EXIT_NONE);
	}
	ck_assert_uint_eq(h->ntraps, HISTORY_RECS + 10);
	ck_assert_ptr_null(history_trap(h, h->ntraps - HISTORY_TRAPS));
	ck_assert_uint_eq(history_trap(h, h->ntraps - HISTORY_TRAPS + 1)->at.rip,
		0x6000 + HISTORY_RECS + 10 - HISTORY_TRAPS);
	ck_assert(!history_rec(h, h->nrecs - HISTORY_RECS, &r));
	ck_assert(history_rec(h, h->nrecs - HISTORY_RECS + 1, &r));
	fix_free(f);
}
END_TEST

START_TEST(page_fault_walk)
{
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;
	const struct trap *t;
	uint64_t v;

	fix_wr(f, 0x100000, 0x101003, 4); /* one table: 1st page absent, the others 1:1 */
	for (unsigned i = 1; i < 1024; i++)
		fix_wr(f, 0x101000 + i * 4, i << 12 | 3, 4);
	h_mov_cr_to(c, 3, 0x100000, 0);
	ck_assert_int_eq(h_mov_cr_to(c, 0, CR0_PE | CR0_NE | CR0_PG, 0), EXIT_NONE);
	ck_assert_int_eq(lin_read(c, 0x123, 4, MMU_SUP, &v), EXIT_FAULT);
	ck_assert_int_eq(ring0_deliver(c), EXIT_NONE);
	t = history_trap(c->history, c->history->ntraps);
	ck_assert(t->has_walk);
	ck_assert_uint_eq(t->fault.gla, 0x123);
	ck_assert_uint_eq(t->fault.w.levels, 2);
	ck_assert_uint_eq(t->fault.w.trace[0].entry & ~0x20ull, 0x101003);
	ck_assert_uint_eq(t->fault.w.trace[1].at, 0x101000);
	fix_free(f);
}
END_TEST

static void check_bytes(struct fix *f, uint64_t rip, const char *how)
{
	const struct trap *t = history_trap(f->cpu->history, f->cpu->history->ntraps);
	uint8_t there[INSN_MAX_LEN];

	space_read_buf(&f->mem, rip, there, sizeof(there));
	ck_assert_ptr_nonnull(t);
	ck_assert_msg(t->at.rip == rip && t->nbytes == INSN_MAX_LEN && !memcmp(t->bytes, there, INSN_MAX_LEN), "%s, at %lx: %u bytes, %02x %02x ... %02x",
		how, (unsigned long)t->at.rip, t->nbytes, t->bytes[0], t->bytes[1], t->bytes[INSN_MAX_LEN - 1]);
}

/* The instruction's bytes, however it was run: in a page, near its end, across it; and those of the next fault are its own. */
START_TEST(bytes)
{
	static const enum jit_accel accel[] = {ACCEL_INTERP, ACCEL_JIT, ACCEL_LOCKSTEP};
	static const char *const name[] = {"interp", "jit", "lockstep"};
	static const uint64_t at[] = {0x100000, 0x101FF3, 0x102FFA};
	struct fix *f = fix_long("max", 0);
	struct vcpu *c = f->cpu;

	for (unsigned i = 0x100000; i < 0x104000; i++)
		fix_wr(f, i, i * 7, 1);
	for (unsigned i = 0; i < ARRAY_SIZE(at); i++)
		fix_code(f, at[i], "FF C0 8B 04 25 00 00 00 40 F4"); /* inc eax; mov eax,[0x40000000]; hlt */
	for (unsigned a = 0; a < ARRAY_SIZE(accel); a++) {
		for (unsigned i = 0; i < ARRAY_SIZE(at); i++) {
			c->rip = at[i];
			c->halted = 0;
			ck_assert_int_eq(fix_run(f, accel[a]), 14);
			check_bytes(f, at[i] + 2, name[a]);
			c->rip = 0x103000 + i;
			cpu_raise(c, CHECK_UD_UD, 0);
			ck_assert_int_eq(ring0_deliver(c), EXIT_NONE);
			check_bytes(f, 0x103000 + i, "raised from outside");
		}
	}
	fix_free(f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("history");
	TCase *t = tcase_create("history");
	SRunner *r;
	int failed;

	tcase_add_test(t, exception);
	tcase_add_test(t, transitions);
	tcase_add_test(t, places);
	tcase_add_test(t, delivered);
	tcase_add_test(t, triple_fault);
	tcase_add_test(t, overwritten);
	tcase_add_test(t, page_fault_walk);
	tcase_add_test(t, bytes);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
