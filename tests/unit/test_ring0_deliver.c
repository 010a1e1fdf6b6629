/*
 * test_ring0_deliver.c - each gate type, each fault on the way in, saved frames, and all forms of
 * IRET.
 */
#include "ring0_fix.h"

START_TEST(real_mode)
{
	struct fix *f = fix_new("max");
	struct vcpu *c = f->cpu;

	ck_assert_uint_eq(c->rip, 0xFFF0);
	ck_assert_uint_eq(c->seg[SEG_CS].base, 0xFFFF0000);
	ck_assert_int_eq(h_jmp_far(c, 0x100, 0x20, 2 | 5 << 8), EXIT_NONE);
	ck_assert_uint_eq(c->seg[SEG_CS].base, 0x1000);
	fix_wr(f, 0x21 * 4, 0x30001234, 4);
	h_load_seg(c, SEG_SS, 0x900, 0);
	c->shadow = 0;
	c->gpr[GPR_RSP] = 0xABCD0100;
	c->eflags = 0x202 | FL_CF | FL_TF;
	ck_assert_int_eq(h_int_n(c, 0x21, 2, 0), EXIT_NONE);
	ck_assert_uint_eq(c->rip, 0x1234);
	ck_assert_uint_eq(c->seg[SEG_CS].sel, 0x3000);
	ck_assert_uint_eq(c->gpr[GPR_RSP], 0xABCD00FA);
	ck_assert_uint_eq(fix_rd(f, 0x90FA, 2), 0x22);
	ck_assert_uint_eq(fix_rd(f, 0x90FC, 2), 0x100);
	ck_assert_uint_eq(fix_rd(f, 0x90FE, 2), 0x303);
	ck_assert_uint_eq(c->eflags & (FL_IF | FL_TF), 0);
	ck_assert_int_eq(h_iret(c, 2, 0, 0), EXIT_NONE);
	ck_assert_uint_eq(c->rip, 0x22);
	ck_assert_uint_eq(c->eflags, 0x303);
	ck_assert_uint_eq(c->gpr[GPR_RSP], 0xABCD0100);
	c->rip = 0xFFFE; /* INTO that is not taken goes on behind itself, beyond the limit there: IP does not wrap */
	ck_assert_int_eq(h_int_n(c, 4, 2, 2), EXIT_NONE);
	ck_assert_uint_eq(c->rip, 0x10000);
	c->rip = 0x20;
	c->idtr.limit = 0x20 * 4 - 1;
	ck_assert_int_eq(h_int_n(c, 0x21, 2, 0), EXIT_FAULT);
	ck_raised(f, GP_IVT_LIMIT, 0x21 * 8 + 2);
	fix_free(f);
}
END_TEST

START_TEST(same_level)
{
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;

	c->eflags = 0x202 | FL_TF | FL_NT;
	c->rip = 0x6000;
	cpu_raise(c, CHECK_GP_SEL_LIMIT, 0x1238);
	ck_assert_int_eq(ring0_deliver(c), EXIT_NONE);
	ck_assert_uint_eq(c->rip, 0x20000 + 13 * 16);
	ck_assert_uint_eq(c->gpr[GPR_RSP], KSTACK - 16);
	ck_assert_uint_eq(fix_rd(f, KSTACK - 16, 4), 0x1238);
	ck_assert_uint_eq(fix_rd(f, KSTACK - 12, 4), 0x6000);
	ck_assert_uint_eq(fix_rd(f, KSTACK - 8, 4), S_KCODE);
	ck_assert_uint_eq(fix_rd(f, KSTACK - 4, 4), 0x202 | FL_RF | FL_TF | FL_NT);
	ck_assert_uint_eq(c->eflags & (FL_IF | FL_TF | FL_NT | FL_RF), 0);
	c->gpr[GPR_RSP] += 4;
	ck_assert_int_eq(h_iret(c, 4, 0, 0), EXIT_NONE);
	ck_assert_uint_eq(c->rip, 0x6000);
	ck_assert_uint_eq(c->eflags, 0x202 | FL_RF | FL_TF | FL_NT);
	ck_assert(c->mode & MODE_ONE);
	/* a trap gate leaves IF; a 16-bit gate saves words */
	fix_idt(f, 0x30, mk_gate(S_KCODE, 0x777, 0x87, 0));
	ck_assert_int_eq(h_int_n(c, 0x30, 2, 0), EXIT_NONE);
	ck_assert_uint_eq(c->gpr[GPR_RSP], KSTACK - 6);
	ck_assert_uint_eq(fix_rd(f, KSTACK - 6, 2), 0x6002);
	ck_assert(c->eflags & FL_IF);
	fix_free(f);
}
END_TEST

/* Where the TLB knows the stack's page: words within it go there in one piece, what the segment or the page does not hold goes the long way. */
START_TEST(warm_stack)
{
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;

	for (unsigned i = 0; i < 2; i++) {
		c->gpr[GPR_RSP] = KSTACK - 12 * i;
		ck_assert_int_eq(h_int_n(c, 0x30, 2, 0), EXIT_NONE);
		ck_assert_uint_eq(c->gpr[GPR_RSP], KSTACK - 12 * (i + 1));
		ck_assert_uint_eq(fix_rd(f, KSTACK - 12 * (i + 1) + 4, 4), S_KCODE);
	}
	c->gpr[GPR_RSP] = KSTACK + 4; /* half in the page above */
	ck_assert_int_eq(h_int_n(c, 0x30, 2, 0), EXIT_NONE);
	ck_assert_uint_eq(fix_rd(f, KSTACK - 4, 4), S_KCODE);
	c->gpr[GPR_RSP] = KSTACK;
	c->seg[SEG_SS].limit = KSTACK - 2; /* the word below the top ends beyond it */
	seg_derive(c, SEG_SS);
	ck_assert_int_eq(h_int_n(c, 0x30, 2, 0), EXIT_FAULT);
	ck_raised(f, SS_LIMIT, 0);
	c->seg[SEG_SS].attr |= 4; /* expand-down: the frame's lowest word is at the limit */
	c->seg[SEG_SS].limit = KSTACK - 12;
	seg_derive(c, SEG_SS);
	ck_assert_int_eq(h_int_n(c, 0x30, 2, 0), EXIT_FAULT);
	ck_raised(f, SS_LIMIT, 0);
	c->seg[SEG_SS].limit = KSTACK - 13;
	seg_derive(c, SEG_SS);
	ck_assert_int_eq(h_int_n(c, 0x30, 2, 0), EXIT_NONE);
	fix_free(f);
}
END_TEST

START_TEST(inner_level)
{
	struct fix *f = fix_prot(3);
	struct vcpu *c = f->cpu;

	ck_assert_int_eq(h_int_n(c, 0x80, 2, 0), EXIT_NONE);
	ck_assert_uint_eq(c->cpl, 0);
	ck_assert_uint_eq(c->seg[SEG_SS].sel, S_KDATA);
	ck_assert_uint_eq(c->gpr[GPR_RSP], KSTACK - 20);
	ck_assert_uint_eq(fix_rd(f, KSTACK - 20, 4), 0x7002);
	ck_assert_uint_eq(fix_rd(f, KSTACK - 16, 4), S_UCODE);
	ck_assert_uint_eq(fix_rd(f, KSTACK - 12, 4), 0x202);
	ck_assert_uint_eq(fix_rd(f, KSTACK - 8, 4), USTACK);
	ck_assert_uint_eq(fix_rd(f, KSTACK - 4, 4), S_UDATA);
	h_load_seg(c, SEG_ES, S_KDATA, 0);
	ck_assert_int_eq(h_iret(c, 4, 0, 0), EXIT_NONE);
	ck_assert_uint_eq(c->cpl, 3);
	ck_assert_uint_eq(c->seg[SEG_ES].sel, 0); /* inner data segments do not leak */
	ck_assert_uint_eq(c->seg[SEG_DS].sel, S_UDATA);
	fix_free(f);
}
END_TEST

#define INT_FAULTS(vec, id, code)                                                                  \
	do {                                                                                       \
		uint64_t rsp = c->gpr[GPR_RSP];                                                    \
		uint32_t eflags = c->eflags;                                                       \
		unsigned cpl = c->cpl, ss = c->seg[SEG_SS].sel, cs = c->seg[SEG_CS].sel;           \
		ck_assert_int_eq(h_int_n(c, vec, 2, 0), EXIT_FAULT);                               \
		ck_raised(f, id, code);                                                            \
		ck_assert_uint_eq(c->gpr[GPR_RSP], rsp);                                           \
		ck_assert_uint_eq(c->eflags, eflags);                                              \
		ck_assert_uint_eq(c->cpl, cpl);                                                    \
		ck_assert_uint_eq(c->seg[SEG_SS].sel, ss);                                         \
		ck_assert_uint_eq(c->seg[SEG_CS].sel, cs);                                         \
	} while (0)

START_TEST(delivery_faults)
{
	struct fix *f = fix_prot(3);
	struct vcpu *c = f->cpu;

	INT_FAULTS(0x31, GP_IDT_DPL, 0x31 * 8 + 2);
	fix_idt(f, 0x32, mk_gate(S_KCODE, 0, 0x6E, 0));
	INT_FAULTS(0x32, NP_IDT_GATE, 0x32 * 8 + 2);
	fix_idt(f, 0x33, mk_gate(S_KCODE, 0, 0xEC, 0));
	INT_FAULTS(0x33, GP_IDT_TYPE, 0x33 * 8 + 2);
	fix_idt(f, 0x34, mk_gate(3, 0, 0xEE, 0));
	INT_FAULTS(0x34, GP_GATE_CS_NULL, 0);
	fix_idt(f, 0x35, mk_gate(0x1230, 0, 0xEE, 0));
	INT_FAULTS(0x35, GP_SEL_LIMIT, 0x1230);
	fix_idt(f, 0x36, mk_gate(S_KDATA, 0, 0xEE, 0));
	INT_FAULTS(0x36, GP_GATE_CS_TYPE, S_KDATA);
	fix_idt(f, 0x37, mk_gate(S_NPCODE, 0, 0xEE, 0));
	INT_FAULTS(0x37, NP_SEGMENT, S_NPCODE);
	fix_wr(f, TSS + 8, 0, 2);
	INT_FAULTS(0x80, TS_SS_NULL, 0);
	fix_wr(f, TSS + 8, 0x1000, 2);
	INT_FAULTS(0x80, TS_SS_LIMIT, 0x1000);
	fix_wr(f, TSS + 8, S_KDATA | 1, 2);
	INT_FAULTS(0x80, TS_SS_RPL, S_KDATA);
	fix_wr(f, TSS + 8, S_UDATA & ~3, 2);
	INT_FAULTS(0x80, TS_SS_DPL, S_UDATA & ~3u);
	fix_wr(f, TSS + 8, S_KCODE, 2);
	INT_FAULTS(0x80, TS_SS_TYPE, S_KCODE);
	fix_wr(f, TSS + 8, S_KDATA, 2);
	fix_gdt(f, S_KDATA, mk_seg(0, 0xFFFFF, 0xC012));
	INT_FAULTS(0x80, SS_NOT_PRESENT, S_KDATA);
	fix_gdt(f, S_KDATA, mk_seg(0, 0x10, 0x4092));
	INT_FAULTS(0x80, SS_INNER_ROOM, S_KDATA);
	c->tr.limit = 6;
	INT_FAULTS(0x80, TS_STACK_BEYOND, S_TSS);
	c->idtr.limit = 0x3FF;
	INT_FAULTS(0x80, GP_IDT_LIMIT, 0x80 * 8 + 2);
	fix_free(f);
}
END_TEST

START_TEST(double_and_triple)
{
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;

	fix_idt(f, 13, mk_gate(S_KCODE, 0, 0x0E, 0)); /* #GP gate not present: #NP inside #GP */
	cpu_raise(c, CHECK_GP_CPL0, 0);
	ck_assert_int_eq(ring0_deliver(c), EXIT_NONE);
	ck_assert_uint_eq(c->rip, 0x20000 + 8 * 16);
	ck_assert_uint_eq(fix_rd(f, KSTACK - 16, 4), 0);
	ck_assert_uint_eq(c->nchain, 2);
	ck_assert_uint_eq(c->chain[1].vec, 11);
	ck_assert_uint_eq(c->chain[1].code, 13 * 8 + 3); /* IDT and EXT */
	/* benign first: delivered as the second, EXT set; #UD's gate missing gives #NP, not #DF */
	fix_idt(f, 6, mk_gate(S_KCODE, 0, 0x0E, 0));
	cpu_raise(c, CHECK_UD_OPCODE, 0);
	ck_assert_int_eq(ring0_deliver(c), EXIT_NONE);
	ck_assert_uint_eq(c->rip, 0x20000 + 11 * 16);
	ck_assert_uint_eq(fix_rd(f, c->gpr[GPR_RSP], 4), 6 * 8 + 3);
	fix_idt(f, 8, mk_gate(S_KCODE, 0, 0x0E, 0));
	cpu_raise(c, CHECK_GP_CPL0, 0);
	ck_assert_int_eq(ring0_deliver(c), EXIT_STOP);
	ck_assert(c->triple);
	ck_assert(c->req & REQ_RESET);
	ck_assert_uint_eq(c->nchain, 4);
	ck_assert_int_eq(ring0_boundary(c), EXIT_STOP);
	vcpu_reset(c, false);
	ck_assert(!c->triple);
	ck_assert(!(c->req & REQ_RESET));
	fix_free(f);
}
END_TEST

START_TEST(stack_absent)
{
	struct fix *f = fix_prot(3);
	struct vcpu *c = f->cpu;

	for (unsigned i = 0; i < 1024; i++)
		fix_wr(f, 0x30000 + i * 4, i == 7 ? 0 : i << 12 | 7,
			4); /* KSTACK - 4 is in page 7 */
	fix_wr(f, 0x2F000, 0x30007, 4);
	c->cr3 = 0x2F000;
	c->cr0 |= CR0_PG;
	vcpu_update(c);
	tlb_flush(&c->mmu, true);
	INT_FAULTS(0x80, PF_NOT_PRESENT, 2);
	cpu_raise(c, CHECK_UD_OPCODE, 0);
	ck_assert_int_eq(
		ring0_deliver(c), EXIT_STOP); /* #UD, #PF, #PF: double; no stack for it: triple */
	ck_assert(c->triple);
	ck_assert_uint_eq(c->cr2, KSTACK - 4);
	ck_assert_uint_eq(c->cpl, 3);
	ck_assert_uint_eq(c->gpr[GPR_RSP], USTACK);
	ck_assert_uint_eq(c->chain[0].vec, 6);
	ck_assert_uint_eq(c->chain[1].vec, 14);
	fix_free(f);
}
END_TEST

START_TEST(virtual_if)
{
	struct fix *f = fix_prot(3);
	struct vcpu *c = f->cpu;

	ck_assert_int_eq(h_cli(c, 0, 0, 0), EXIT_FAULT);
	ck_raised(f, GP_CLI_IOPL, 0);
	c->cr4 |= CR4_PVI;
	ck_assert_int_eq(h_sti(c, 0, 0, 0), EXIT_NONE);
	ck_assert(c->eflags & FL_VIF);
	ck_assert_int_eq(h_cli(c, 0, 0, 0), EXIT_NONE);
	ck_assert(!(c->eflags & FL_VIF));
	ck_assert(c->eflags & FL_IF);
	/* POPF at CPL 3, IOPL 0 leaves IF and IOPL alone, silently */
	ck_assert_int_eq(h_popf(c, 0x3000 | FL_CF, 4, 0), EXIT_NONE);
	ck_assert_uint_eq(c->eflags, 0x202 | FL_CF);
	fix_free(f);
}
END_TEST

static void to_vm86(struct fix *f, unsigned level)
{
	uint32_t frame[9] = {
		0x100, 0x1000, 0x20202 | level << 12, 0x200, 0x2000, 0x11, 0x22, 0x33, 0x44};
	struct vcpu *c = f->cpu;

	c->gpr[GPR_RSP] = KSTACK - 36;
	space_write_buf(&f->mem, KSTACK - 36, frame, 36);
	ck_assert_int_eq(h_iret(c, 4, 0, 0), EXIT_NONE);
	ck_assert_uint_eq(c->cpl, 3);
	ck_assert(c->mode & MODE_VM);
	ck_assert_uint_eq(c->seg[SEG_CS].base, 0x10000);
	ck_assert_uint_eq(c->seg[SEG_ES].sel, 0x11);
	ck_assert_uint_eq(c->seg[SEG_DS].sel, 0x22);
	ck_assert_uint_eq(c->seg[SEG_FS].sel, 0x33);
	ck_assert_uint_eq(c->seg[SEG_GS].sel, 0x44);
}

START_TEST(vm86)
{
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;

	to_vm86(f, 0);
	ck_assert_int_eq(h_int_n(c, 0x80, 2, 0), EXIT_FAULT);
	ck_raised(f, GP_VM86_IOPL, 0);
	ck_assert_int_eq(h_cli(c, 0, 0, 0), EXIT_FAULT);
	ck_raised(f, GP_CLI_IOPL, 0);
	ck_assert_int_eq(h_pushf(c, 2, 0, 0), EXIT_FAULT);
	ck_raised(f, GP_VM86_IOPL, 0);
	ck_assert_int_eq(h_popf(c, 2, 2, 0), EXIT_FAULT);
	ck_raised(f, GP_VM86_IOPL, 0);
	ck_assert_int_eq(h_iret(c, 2, 0, 0), EXIT_FAULT);
	ck_raised(f, GP_VM86_IOPL, 0);
	ck_assert_int_eq(h_lar(c, S_KCODE, 0, 0), EXIT_FAULT);
	ck_raised(f, UD_NOT_PROT, 0);
	ck_assert_int_eq(h_hlt(c, 1, 0, 0), EXIT_FAULT);
	ck_raised(f, GP_CPL0, 0);
	cpu_raise(c, CHECK_GP_CPL0, 0);
	ck_assert_int_eq(ring0_deliver(c), EXIT_NONE);
	ck_assert(!(c->eflags & FL_VM));
	ck_assert_uint_eq(c->cpl, 0);
	ck_assert_uint_eq(c->gpr[GPR_RSP], KSTACK - 40);
	ck_assert_uint_eq(fix_rd(f, KSTACK - 4, 4), 0x44);
	ck_assert_uint_eq(fix_rd(f, KSTACK - 16, 4), 0x11);
	ck_assert_uint_eq(fix_rd(f, KSTACK - 20, 4), 0x2000);
	ck_assert_uint_eq(fix_rd(f, KSTACK - 24, 4), 0x200);
	ck_assert_uint_eq(fix_rd(f, KSTACK - 28, 4), 0x30202); /* VM and RF */
	ck_assert_uint_eq(fix_rd(f, KSTACK - 40, 4), 0);
	ck_assert_uint_eq(c->seg[SEG_DS].sel, 0);
	fix_free(f);
}
END_TEST

START_TEST(vme)
{
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;

	h_mov_cr_to(c, 4, CR4_VME, 0);
	fix_wr(f, TSS + 0x66, 0x88,
		2); /* redirection bitmap at 68h, all 0: through the 8086 program's table */
	fix_wr(f, 0x21 * 4, 0x15000010, 4);
	to_vm86(f, 0);
	ck_assert_int_eq(h_sti(c, 0, 0, 0), EXIT_NONE);
	ck_assert(c->eflags & FL_VIF);
	ck_assert_int_eq(h_int_n(c, 0x21, 2, 0), EXIT_NONE);
	ck_assert(c->eflags & FL_VM);
	ck_assert(!(c->eflags & FL_VIF));
	ck_assert_uint_eq(c->seg[SEG_CS].sel, 0x1500);
	ck_assert_uint_eq(c->rip, 0x10);
	ck_assert_uint_eq(fix_rd(f, 0x20000 + 0x1FA, 2), 0x102);
	ck_assert_uint_eq(fix_rd(f, 0x20000 + 0x1FE, 2), 0x3202);
	ck_assert_int_eq(h_iret(c, 2, 0, 0), EXIT_NONE);
	ck_assert(c->eflags & FL_VIF);
	c->eflags |= FL_VIP;
	c->eflags &= ~(uint32_t)FL_VIF;
	ck_assert_int_eq(h_sti(c, 0, 0, 0), EXIT_FAULT);
	ck_raised(f, GP_VME_VIP, 0);
	fix_free(f);
}
END_TEST

START_TEST(boundary)
{
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;

	f->vector = 0x40;
	c->eflags = 2;
	vcpu_set_intr(c, 1);
	ck_assert(!(c->req & REQ_INTR));
	h_sti(c, 0, 0, 0);
	ck_assert(c->mode & MODE_ONE);
	ck_assert_int_eq(ring0_boundary(c), EXIT_NONE);
	ck_assert_uint_eq(c->rip, 0x6000); /* the shadow holds for one instruction */
	ck_assert_int_eq(h_hlt(c, 1, 0, 0), EXIT_STOP);
	ck_assert_int_eq(ring0_boundary(c), EXIT_NONE);
	ck_assert_uint_eq(c->rip, 0x20000 + 0x40 * 16);
	ck_assert(!c->halted);
	ck_assert_uint_eq(fix_rd(f, c->gpr[GPR_RSP], 4), 0x6001);
	vcpu_set_intr(c, 0);
	vcpu_set_nmi(c, 1);
	vcpu_set_nmi(c, 0);
	ck_assert_int_eq(ring0_boundary(c), EXIT_NONE);
	ck_assert_uint_eq(c->rip, 0x20000 + 2 * 16);
	vcpu_set_nmi(c, 1);
	ck_assert(!(c->req & REQ_NMI)); /* blocked until IRET */
	h_iret(c, 4, 0, 0);
	ck_assert(c->req & REQ_NMI);
	fix_free(f);
}
END_TEST

START_TEST(debug)
{
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;
	uint64_t v;

	h_mov_dr_to(c, 0, 0x6000, 0);
	h_mov_dr_to(c, 1, 0x9002, 0);
	h_mov_dr_to(c, 7, 2 | 8 | 5u << 20, 0); /* 0: execute; 1: write, 2 bytes */
	ck_assert_int_eq(ring0_fetch_check(c), EXIT_FAULT);
	ck_raised(f, DB_INSN, 0);
	ck_assert_uint_eq(c->dr[6] & 15, 1);
	c->eflags |= FL_RF;
	ck_assert_int_eq(ring0_fetch_check(c), EXIT_NONE);
	ck_assert(!(c->eflags & FL_RF));
	ck_assert_int_eq(seg_read(c, SEG_DS, 0x9003, 1, &v), EXIT_NONE);
	ck_assert_uint_eq(c->dr6_pending, 0);
	ck_assert_int_eq(seg_write(c, SEG_DS, 0x9003, 1, 7), EXIT_NONE);
	ck_assert_uint_eq(c->dr6_pending, 2);
	c->rip = 0x6010;
	ck_assert_int_eq(ring0_boundary(c), EXIT_NONE);
	ck_assert_uint_eq(c->rip, 0x20010);
	ck_assert_uint_eq(c->dr[6] & 15, 2);
	ck_assert_uint_eq(fix_rd(f, c->gpr[GPR_RSP], 4), 0x6010);
	h_mov_dr_to(c, 7, BIT(13), 0);
	ck_assert_int_eq(h_mov_dr_from(c, 0, 0, 0), EXIT_FAULT);
	ck_raised(f, DB_GENERAL, 0);
	ck_assert(c->dr[6] & BIT(13));
	c->dr[7] = 0x400;
	h_mov_cr_to(c, 4, CR4_DE, 0);
	ck_assert_int_eq(h_mov_dr_from(c, 4, 0, 0), EXIT_FAULT);
	ck_raised(f, UD_DR45, 0);
	fix_free(f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ring0 delivery");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_add_test(t, real_mode);
	tcase_add_test(t, same_level);
	tcase_add_test(t, warm_stack);
	tcase_add_test(t, inner_level);
	tcase_add_test(t, delivery_faults);
	tcase_add_test(t, double_and_triple);
	tcase_add_test(t, stack_absent);
	tcase_add_test(t, virtual_if);
	tcase_add_test(t, vm86);
	tcase_add_test(t, vme);
	tcase_add_test(t, boundary);
	tcase_add_test(t, debug);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
