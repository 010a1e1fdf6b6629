/*
 * test_ring0_transfer.c - segment loads, far JMP/CALL/RET through everything they can meet, task
 * switches, I/O bitmap.
 */
#include "ring0_fix.h"

#define LOAD_FAULTS(seg, sel, id, code)                                                            \
	do {                                                                                       \
		ck_assert_int_eq(h_load_seg(c, seg, sel, 0), EXIT_FAULT);                          \
		ck_raised(f, id, code);                                                            \
	} while (0)

START_TEST(segment_loads)
{
	struct fix *f = fix_prot(3);
	struct vcpu *c = f->cpu;
	uint64_t v;

	LOAD_FAULTS(SEG_DS, S_KDATA, GP_DATA_PRIV, S_KDATA);
	LOAD_FAULTS(SEG_DS, 0x4000, GP_SEL_LIMIT, 0x4000);
	LOAD_FAULTS(SEG_DS, S_XO, GP_DATA_TYPE, S_XO);
	LOAD_FAULTS(SEG_DS, S_TSS, GP_DATA_TYPE, S_TSS);
	LOAD_FAULTS(SEG_DS, S_NPDATA | 3, NP_SEGMENT, S_NPDATA);
	LOAD_FAULTS(SEG_DS, 0x0C, GP_SEL_LIMIT, 0x0C); /* no LDT */
	LOAD_FAULTS(SEG_SS, 0, GP_SS_NULL, 0);
	LOAD_FAULTS(SEG_SS, S_UDATA & ~3, GP_SS_RPL, S_UDATA & ~3u);
	LOAD_FAULTS(SEG_SS, S_RO | 3, GP_SS_TYPE, S_RO);
	LOAD_FAULTS(SEG_SS, S_KDATA | 3, GP_SS_DPL, S_KDATA);
	LOAD_FAULTS(SEG_SS, S_NPDATA | 3, SS_NOT_PRESENT, S_NPDATA);
	ck_assert_int_eq(h_load_seg(c, SEG_DS, S_CONF, 0),
		EXIT_NONE); /* conforming and readable: DPL 0 does not matter */
	ck_assert_int_eq(h_load_seg(c, SEG_DS, S_RO | 3, 0), EXIT_NONE);
	ck_assert(fix_rd(f, GDT + S_RO + 5, 1) & 1); /* accessed */
	ck_assert_int_eq(seg_read(c, SEG_DS, 0xFFC, 4, &v), EXIT_NONE);
	ck_assert_int_eq(seg_read(c, SEG_DS, 0xFFD, 4, &v), EXIT_FAULT);
	ck_raised(f, GP_LIMIT, 0);
	ck_assert_int_eq(seg_read(c, SEG_DS, 0xFFFFFFFF, 4, &v), EXIT_FAULT);
	ck_raised(f, GP_LIMIT, 0);
	ck_assert_int_eq(seg_write(c, SEG_DS, 0, 4, 0), EXIT_FAULT);
	ck_raised(f, GP_WRITE_RO, 0);
	ck_assert_int_eq(h_load_seg(c, SEG_DS, S_DOWN | 3, 0), EXIT_NONE);
	ck_assert_int_eq(seg_read(c, SEG_DS, 0xFFF, 1, &v), EXIT_FAULT);
	ck_raised(f, GP_LIMIT, 0);
	ck_assert_int_eq(seg_read(c, SEG_DS, 0x1000, 4, &v), EXIT_NONE);
	ck_assert_int_eq(h_load_seg(c, SEG_DS, 3, 0), EXIT_NONE);
	ck_assert_int_eq(seg_read(c, SEG_DS, 0, 1, &v), EXIT_FAULT);
	ck_raised(f, GP_NULL_SEG, 0);
	ck_assert(!(c->mode & MODE_FLAT_DS));
	ck_assert_int_eq(h_load_seg(c, SEG_DS, S_UDATA, 0), EXIT_NONE);
	ck_assert(c->mode & MODE_FLAT_DS);
	fix_free(f);
}
END_TEST

START_TEST(looking)
{
	struct fix *f = fix_prot(3);
	struct vcpu *c = f->cpu;

	ck_assert_int_eq(h_lar(c, S_UDATA, 0, 0), EXIT_NONE);
	ck_assert(c->eflags & FL_ZF);
	ck_assert_uint_eq(c->ret, 0x00CFF300);
	ck_assert_int_eq(h_lar(c, S_KDATA, 0, 0), EXIT_NONE);
	ck_assert(!(c->eflags & FL_ZF));
	ck_assert_int_eq(h_lsl(c, S_RO | 3, 0, 0), EXIT_NONE);
	ck_assert_uint_eq(c->ret, 0xFFF);
	ck_assert_int_eq(h_lsl(c, S_UDATA, 0, 0), EXIT_NONE);
	ck_assert_uint_eq(c->ret, 0xFFFFFFFF);
	h_verw(c, S_RO | 3, 0, 0);
	ck_assert(!(c->eflags & FL_ZF));
	h_verr(c, S_RO | 3, 0, 0);
	ck_assert(c->eflags & FL_ZF);
	h_verr(c, S_XO | 3, 0, 0);
	ck_assert(!(c->eflags & FL_ZF));
	h_arpl(c, 0x10, 0x23, 0);
	ck_assert_uint_eq(c->ret, 0x13);
	ck_assert(c->eflags & FL_ZF);
	ck_assert_int_eq(h_lldt(c, S_LDT, 0, 0), EXIT_FAULT);
	ck_raised(f, GP_CPL0, 0);
	fix_free(f);
	f = fix_prot(0);
	c = f->cpu;
	ck_assert_int_eq(h_lldt(c, S_TSS2, 0, 0), EXIT_FAULT);
	ck_raised(f, GP_LLDT_TYPE, S_TSS2);
	ck_assert_int_eq(h_lldt(c, S_LDT, 0, 0), EXIT_NONE);
	fix_wr(f, LDT_AT + 8, mk_seg(0x1000, 0xFF, 0x4092), 8);
	ck_assert_int_eq(h_load_seg(c, SEG_ES, 0x0C, 0), EXIT_NONE);
	ck_assert_uint_eq(c->seg[SEG_ES].base, 0x1000);
	ck_assert_int_eq(h_ltr(c, S_TSS, 0, 0), EXIT_FAULT);
	ck_raised(f, GP_LTR_TYPE, S_TSS);
	fix_free(f);
}
END_TEST

START_TEST(call_gate)
{
	struct fix *f = fix_prot(3);
	struct vcpu *c = f->cpu;
	struct seg ucs;

	c->gpr[GPR_RSP] -= 8;
	fix_wr(f, USTACK - 8, 0x11111111, 4);
	fix_wr(f, USTACK - 4, 0x22222222, 4);
	ck_assert_int_eq(h_jmp_far(c, S_GATE | 3, 0, 4 | 7 << 8), EXIT_FAULT);
	ck_raised(f, GP_JMP_GATE_DPL, S_KCODE);
	ck_assert_int_eq(h_call_far(c, S_GATE | 3, 0, 4 | 7 << 8), EXIT_NONE);
	ck_assert_uint_eq(c->cpl, 0);
	ck_assert_uint_eq(c->rip, 0x12345);
	ck_assert_uint_eq(c->gpr[GPR_RSP], KSTACK - 24);
	ck_assert_uint_eq(fix_rd(f, KSTACK - 24, 4), 0x7007);
	ck_assert_uint_eq(fix_rd(f, KSTACK - 20, 4), S_UCODE);
	ck_assert_uint_eq(fix_rd(f, KSTACK - 16, 4), 0x11111111);
	ck_assert_uint_eq(fix_rd(f, KSTACK - 12, 4), 0x22222222);
	ck_assert_uint_eq(fix_rd(f, KSTACK - 8, 4), USTACK - 8);
	ck_assert_uint_eq(fix_rd(f, KSTACK - 4, 4), S_UDATA);
	ck_assert_int_eq(h_ret_far(c, 4, 8, 0), EXIT_NONE);
	ck_assert_uint_eq(c->cpl, 3);
	ck_assert_uint_eq(c->rip, 0x7007);
	ck_assert_uint_eq(c->gpr[GPR_RSP], USTACK);
	/* direct transfers */
	ck_assert_int_eq(h_jmp_far(c, S_KCODE, 0, 4 | 7 << 8), EXIT_FAULT);
	ck_raised(f, GP_FAR_PRIV, S_KCODE);
	ck_assert_int_eq(h_jmp_far(c, 0, 0, 4 | 7 << 8), EXIT_FAULT);
	ck_raised(f, GP_FAR_NULL, 0);
	ck_assert_int_eq(h_jmp_far(c, S_UDATA, 0, 4 | 7 << 8), EXIT_FAULT);
	ck_raised(f, GP_FAR_TYPE, S_UDATA & ~3u);
	ucs = c->seg[SEG_CS];
	ck_assert_int_eq(h_call_far(c, S_CONF, 0x55, 4 | 7 << 8), EXIT_NONE);
	ck_assert_uint_eq(c->cpl, 3);
	ck_assert_uint_eq(c->seg[SEG_CS].sel, S_CONF | 3);
	ck_assert_int_eq(h_ret_far(c, 4, 0, 0), EXIT_NONE);
	ck_assert_uint_eq(c->seg[SEG_CS].sel, ucs.sel);
	/* a gate the program may not use */
	fix_gdt(f, S_GATE, mk_gate(S_KCODE, 0x12345, 0x8C, 0));
	ck_assert_int_eq(h_call_far(c, S_GATE, 0, 4 | 7 << 8), EXIT_FAULT);
	ck_raised(f, GP_GATE_PRIV, S_GATE);
	fix_gdt(f, S_GATE, mk_gate(S_KCODE, 0x12345, 0x6C, 0));
	ck_assert_int_eq(h_call_far(c, S_GATE, 0, 4 | 7 << 8), EXIT_FAULT);
	ck_raised(f, NP_GATE, S_GATE);
	fix_free(f);
}
END_TEST

START_TEST(return_faults)
{
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;
	static const struct {
		uint32_t ip, cs, sp, ss;
		const char *row;
		uint32_t code;
	} t[] = {
		{0, 3, 0, 0, "GP_RET_CS_NULL", 0},
		{0, S_KDATA, 0, 0, "GP_RET_CS_TYPE", S_KDATA},
		{0, S_KCODE | 3, 0, 0, "GP_RET_CS_DPL", S_KCODE},
		{0, 0x4000, 0, 0, "GP_SEL_LIMIT", 0x4000},
		{0, S_NPCODE, 0, 0, "NP_SEGMENT", S_NPCODE},
		{0, S_UCODE, 0x100, 0, "GP_RET_SS_NULL", 0},
		{0, S_UCODE, 0x100, S_UDATA & ~3, "GP_RET_SS_RPL", S_UDATA & ~3},
		{0, S_UCODE, 0x100, S_RO | 3, "GP_RET_SS_TYPE", S_RO},
		{0, S_UCODE, 0x100, S_KDATA | 3, "GP_RET_SS_DPL", S_KDATA},
		{0, S_UCODE, 0x100, S_NPDATA | 3, "SS_NOT_PRESENT", S_NPDATA},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		c->gpr[GPR_RSP] = 0x7000;
		space_write_buf(&f->mem, 0x7000, &t[i], 16);
		ck_assert_int_eq(h_ret_far(c, 4, 0, 0), EXIT_FAULT);
		ck_assert_str_eq(check_rows[c->event.check].id, t[i].row);
		ck_assert_uint_eq(c->event.code, t[i].code);
		ck_assert_uint_eq(c->gpr[GPR_RSP], 0x7000);
		ck_assert_uint_eq(c->cpl, 0);
	}
	fix_free(f);
}
END_TEST

static void new_tss(struct fix *f, uint32_t eip)
{
	static const uint32_t seg[6] = {S_KDATA, S_KCODE, S_KDATA, S_KDATA, 0, 0};

	fix_wr(f, TSS2 + 0x20, eip, 4);
	fix_wr(f, TSS2 + 0x24, 0x202, 4);
	for (unsigned i = 0; i < 8; i++)
		fix_wr(f, TSS2 + 0x28 + i * 4, 0x1000 * (i + 1), 4);
	for (unsigned i = 0; i < 6; i++)
		fix_wr(f, TSS2 + 0x48 + i * 4, seg[i], 4);
	fix_wr(f, TSS2 + 0x60, 0, 4);
	fix_wr(f, TSS2 + 0x64, 0, 4);
}

START_TEST(tasks)
{
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;

	new_tss(f, 0xABC);
	c->gpr[GPR_RBX] = 0x77;
	ck_assert_int_eq(h_call_far(c, S_TASKGATE, 0, 4 | 7 << 8), EXIT_NONE);
	ck_assert_uint_eq(c->tr.sel, S_TSS2);
	ck_assert_uint_eq(c->rip, 0xABC);
	ck_assert_uint_eq(c->gpr[GPR_RBX], 0x4000);
	ck_assert(c->eflags & FL_NT);
	ck_assert(c->cr0 & CR0_TS);
	ck_assert_uint_eq(fix_rd(f, TSS2, 2), S_TSS);
	ck_assert_uint_eq(fix_rd(f, TSS + 0x20, 4), 0x6007);
	ck_assert_uint_eq(fix_rd(f, TSS + 0x34, 4), 0x77);
	ck_assert_uint_eq(fix_rd(f, TSS + 0x4C, 2), S_KCODE);
	ck_assert_uint_eq(fix_rd(f, GDT + S_TSS + 5, 1), 0x8B);
	ck_assert_uint_eq(fix_rd(f, GDT + S_TSS2 + 5, 1), 0x8B);
	ck_assert_int_eq(h_iret(c, 4, 0, 0), EXIT_NONE);
	ck_assert_uint_eq(c->tr.sel, S_TSS);
	ck_assert_uint_eq(c->rip, 0x6007);
	ck_assert_uint_eq(c->gpr[GPR_RBX], 0x77);
	ck_assert(!(c->eflags & FL_NT));
	ck_assert_uint_eq(fix_rd(f, GDT + S_TSS2 + 5, 1), 0x89);
	/* JMP frees the old task */
	ck_assert_int_eq(h_jmp_far(c, S_TSS2, 0, 4 | 7 << 8), EXIT_NONE);
	ck_assert_uint_eq(fix_rd(f, GDT + S_TSS + 5, 1), 0x89);
	ck_assert_int_eq(h_jmp_far(c, S_TSS2, 0, 4 | 7 << 8), EXIT_FAULT);
	ck_raised(f, GP_TASK_TSS_TYPE, S_TSS2); /* busy */
	fix_free(f);
	/* faults in the outgoing and in the incoming task */
	f = fix_prot(0);
	c = f->cpu;
	new_tss(f, 0xABC);
	fix_gdt(f, S_TSS2, mk_seg(TSS2, 0x66, 0x0089));
	ck_assert_int_eq(h_call_far(c, S_TSS2, 0, 4 | 7 << 8), EXIT_FAULT);
	ck_raised(f, TS_LIMIT, S_TSS2);
	ck_assert_uint_eq(c->tr.sel, S_TSS);
	fix_gdt(f, S_TSS2, mk_seg(TSS2, 0x67, 0x0089));
	fix_wr(f, TSS2 + 0x54, S_TSS, 4); /* DS */
	ck_assert_int_eq(h_call_far(c, S_TSS2, 0, 4 | 7 << 8), EXIT_FAULT);
	ck_raised(f, TS_DATA, S_TSS);
	ck_assert_uint_eq(c->tr.sel, S_TSS2); /* raised in the new task */
	ck_assert_uint_eq(c->rip, 0xABC);
	fix_free(f);
	/* an exception through a task gate pushes its code on the new stack */
	f = fix_prot(3);
	c = f->cpu;
	new_tss(f, 0xABC);
	fix_idt(f, 13, mk_gate(S_TSS2, 0, 0x85, 0));
	cpu_raise(c, CHECK_GP_SEL_LIMIT, 0x1238);
	ck_assert_int_eq(ring0_deliver(c), EXIT_NONE);
	ck_assert_uint_eq(c->gpr[GPR_RSP], 0x5000 - 4);
	ck_assert_uint_eq(fix_rd(f, 0x5000 - 4, 4), 0x1238);
	ck_assert_uint_eq(c->cpl, 0);
	fix_free(f);
}
END_TEST

START_TEST(task16)
{
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;
	static const uint16_t regs[] = {
		0x123, 0x202, 1, 2, 3, 4, 0x600, 6, 7, 8, S_KDATA, S_KCODE, S_KDATA, S_KDATA, 0};

	for (unsigned i = 0; i < ARRAY_SIZE(regs); i++)
		fix_wr(f, TSS2 + 0x0E + i * 2, regs[i], 2);
	ck_assert_int_eq(h_call_far(c, S_TSS16, 0, 4 | 7 << 8), EXIT_NONE);
	ck_assert_uint_eq(c->rip, 0x123);
	ck_assert_uint_eq(c->gpr[GPR_RCX] & 0xFFFF, 2);
	ck_assert_uint_eq(c->gpr[GPR_RSP] & 0xFFFF, 0x600);
	ck_assert_uint_eq(c->seg[SEG_DS].sel, S_KDATA);
	ck_assert_int_eq(h_iret(c, 4, 0, 0), EXIT_NONE);
	ck_assert_uint_eq(c->rip, 0x6007);
	fix_free(f);
}
END_TEST

START_TEST(io_bitmap)
{
	struct fix *f = fix_prot(3);
	struct vcpu *c = f->cpu;

	/* limit A7h, map at 68h: 63 bytes, ports 0..1F7h with a byte to spare */
	fix_wr(f, TSS + 0x68 + 0x60 / 8, 0x10, 1); /* port 64h denied */
	ck_assert_int_eq(h_in(c, 0x60, 1, 0), EXIT_NONE);
	ck_assert_int_eq(h_in(c, 0x64, 1, 0), EXIT_FAULT);
	ck_raised(f, GP_IO_BIT, 0);
	ck_assert_int_eq(h_in(c, 0x61, 4, 0), EXIT_FAULT);
	ck_raised(f, GP_IO_BIT, 0);
	ck_assert_int_eq(h_out(c, 0x60, 4, 0), EXIT_NONE);
	ck_assert_int_eq(h_out(c, 0x1F7, 1, 0), EXIT_NONE);
	ck_assert_int_eq(h_out(c, 0x1F8, 1, 0), EXIT_FAULT);
	ck_raised(f, GP_IO_MAP_LIMIT, 0);
	c->eflags |= FL_IOPL;
	ck_assert_int_eq(h_in(c, 0x64, 1, 0), EXIT_NONE);
	c->eflags |= FL_VM; /* IOPL does not help a virtual-8086 program */
	ck_assert_int_eq(h_in(c, 0x64, 1, 0), EXIT_FAULT);
	ck_raised(f, GP_IO_BIT, 0);
	c->eflags &= ~(uint32_t)(FL_VM | FL_IOPL);
	c->tr.limit = 0x66;
	ck_assert_int_eq(h_in(c, 0x60, 1, 0), EXIT_FAULT);
	ck_raised(f, GP_IO_NO_MAP, 0);
	fix_free(f);
}
END_TEST

START_TEST(frames)
{
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;

	for (unsigned i = 0; i < 8; i++)
		if (i != GPR_RSP)
			c->gpr[i] = 0x100 + i;
	ck_assert_int_eq(h_pusha(c, 4, 0, 0), EXIT_NONE);
	ck_assert_uint_eq(c->gpr[GPR_RSP], KSTACK - 32);
	ck_assert_uint_eq(fix_rd(f, KSTACK - 4, 4), 0x100);
	ck_assert_uint_eq(fix_rd(f, KSTACK - 20, 4), KSTACK);
	for (unsigned i = 0; i < 8; i++)
		if (i != GPR_RSP)
			c->gpr[i] = 0;
	ck_assert_int_eq(h_popa(c, 4, 0, 0), EXIT_NONE);
	ck_assert_uint_eq(c->gpr[GPR_RDI], 0x107);
	ck_assert_uint_eq(c->gpr[GPR_RSP], KSTACK);
	c->gpr[GPR_RBP] = 0x7800;
	fix_wr(f, 0x7800 - 4, 0xAAAA, 4);
	fix_wr(f, 0x7800 - 8, 0xBBBB, 4);
	ck_assert_int_eq(h_enter(c, 4, 0x20, 3), EXIT_NONE);
	ck_assert_uint_eq(c->gpr[GPR_RBP], KSTACK - 4);
	ck_assert_uint_eq(c->gpr[GPR_RSP], KSTACK - 16 - 0x20);
	ck_assert_uint_eq(fix_rd(f, KSTACK - 4, 4), 0x7800);
	ck_assert_uint_eq(fix_rd(f, KSTACK - 8, 4), 0xAAAA);
	ck_assert_uint_eq(fix_rd(f, KSTACK - 12, 4), 0xBBBB);
	ck_assert_uint_eq(fix_rd(f, KSTACK - 16, 4), KSTACK - 4);
	ck_assert_int_eq(h_bound(c, (uint64_t)-1, 0, 5), EXIT_FAULT);
	ck_raised(f, BR_RANGE, 0);
	ck_assert_int_eq(h_bound(c, 5, 0, 5), EXIT_NONE);
	fix_wr(f, 0x9000, 0x1122334455667788, 8);
	c->gpr[GPR_RAX] = 0x55667788;
	c->gpr[GPR_RDX] = 0x11223344;
	c->gpr[GPR_RBX] = 1;
	c->gpr[GPR_RCX] = 2;
	ck_assert_int_eq(h_cmpxchg8b(c, 0x9000, 8, 0), EXIT_NONE);
	ck_assert(c->eflags & FL_ZF);
	ck_assert_uint_eq(fix_rd(f, 0x9000, 8), 0x200000001);
	ck_assert_int_eq(h_cmpxchg8b(c, 0x9000, 8, 0), EXIT_NONE);
	ck_assert(!(c->eflags & FL_ZF));
	ck_assert_uint_eq(c->gpr[GPR_RDX], 2);
	fix_free(f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ring0 transfers");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_add_test(t, segment_loads);
	tcase_add_test(t, looking);
	tcase_add_test(t, call_gate);
	tcase_add_test(t, return_faults);
	tcase_add_test(t, tasks);
	tcase_add_test(t, task16);
	tcase_add_test(t, io_bitmap);
	tcase_add_test(t, frames);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
