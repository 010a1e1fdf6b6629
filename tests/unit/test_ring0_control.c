/*
 * test_ring0_control.c - control registers, EFER and the way into IA-32e mode; 64-bit gates, IRETQ,
 * SYSCALL; MSRs, CPUID.
 */
#include "ring0_fix.h"

#define CR_FAULTS(cr, v, id)                                                                       \
	do {                                                                                       \
		ck_assert_int_eq(h_mov_cr_to(c, cr, v, 0), EXIT_FAULT);                            \
		ck_raised(f, id, 0);                                                               \
	} while (0)

START_TEST(cr_checks)
{
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;

	CR_FAULTS(0, CR0_PG, GP_CR0_PG_PE);
	CR_FAULTS(0, CR0_PE | CR0_NW, GP_CR0_NW_CD);
	CR_FAULTS(4, BIT(13), GP_CR4_RESERVED);
	CR_FAULTS(4, CR4_PCIDE, GP_CR4_PCIDE);
	CR_FAULTS(1, 0, UD_CR);
	CR_FAULTS(5, 0, UD_CR);
	ck_assert_int_eq(h_lmsw(c, CR0_TS, 0, 0), EXIT_NONE);
	ck_assert_uint_eq(c->cr0 & 15, CR0_PE | CR0_TS);
	ck_assert_int_eq(h_clts(c, 0, 0, 0), EXIT_NONE);
	ck_assert(!(c->cr0 & CR0_TS));
	ck_assert(!(c->mode & MODE_NOX87));
	/* PAE paging with a bad PDPTE */
	fix_wr(f, 0x20000, 0x21000 | 1 | 2, 8); /* bit 1 is reserved */
	ck_assert_int_eq(h_mov_cr_to(c, 4, CR4_PAE, 0), EXIT_NONE);
	ck_assert_int_eq(h_mov_cr_to(c, 3, 0x20000, 0), EXIT_NONE);
	CR_FAULTS(0, c->cr0 | CR0_PG, GP_PDPTE);
	ck_assert(!(c->cr0 & CR0_PG));
	fix_free(f);
	f = fix_prot(3);
	c = f->cpu;
	CR_FAULTS(0, 0, GP_CPL0);
	ck_assert_int_eq(h_smsw(c, 0, 0, 0), EXIT_NONE);
	c->cr4 |= CR4_UMIP;
	ck_assert_int_eq(h_smsw(c, 0, 0, 0), EXIT_FAULT);
	ck_raised(f, GP_UMIP, 0);
	ck_assert_int_eq(h_sgdt(c, 0, 0, 0), EXIT_FAULT);
	ck_raised(f, GP_UMIP, 0);
	c->cr4 |= CR4_TSD;
	ck_assert_int_eq(h_rdtsc(c, 0, 0, 0), EXIT_FAULT);
	ck_raised(f, GP_TSD, 0);
	fix_free(f);
}
END_TEST

/* Identity-mapped IA-32e mode, 64-bit ring 0; IDT of 16-byte gates. */
static struct fix *fix_long(void)
{
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;

	fix_wr(f, PML4, (PML4 + 0x1000) | 7, 8);
	fix_wr(f, PML4 + 0x1000, (PML4 + 0x2000) | 7, 8);
	for (unsigned i = 0; i < 4; i++)
		fix_wr(f, PML4 + 0x2000 + i * 8, (uint64_t)i << 21 | 0x87, 8);
	for (unsigned v = 0; v < 256; v++) {
		fix_wr(f, IDT + v * 16,
			mk_gate(S_KCODE64, 0x20000 + v * 16, v == 0x80 ? 0xEE : 0x8E, 0), 8);
		fix_wr(f, IDT + v * 16 + 8, 0, 8);
	}
	c->idtr.limit = 0xFFF;
	ck_assert_int_eq(h_mov_cr_to(c, 4, CR4_PAE, 0), EXIT_NONE);
	ck_assert_int_eq(h_mov_cr_to(c, 3, PML4, 0), EXIT_NONE);
	c->gpr[GPR_RCX] = 0xC0000080;
	c->gpr[GPR_RDX] = 0;
	c->gpr[GPR_RAX] = EFER_LME | EFER_SCE;
	ck_assert_int_eq(h_wrmsr(c, 0, 0, 0), EXIT_NONE);
	ck_assert_int_eq(h_mov_cr_to(c, 0, c->cr0 | CR0_PG, 0), EXIT_NONE);
	ck_assert(c->efer & EFER_LMA);
	ck_assert_uint_eq(c->mode & MODE_CODE_MASK, MODE_CODE32); /* compatibility mode */
	ck_assert_int_eq(h_jmp_far(c, S_KCODE64, 0x6000, 4 | 7 << 8), EXIT_NONE);
	ck_assert_uint_eq(c->mode & MODE_CODE_MASK, MODE_CODE64);
	fix_wr(f, TSS + 4, 0x8000, 8);
	fix_wr(f, TSS + 0x24, 0x9100, 8); /* IST1 */
	c->gpr[GPR_RSP] = 0x7FF8;
	return f;
}

START_TEST(long_mode)
{
	struct fix *f = fix_long();
	struct vcpu *c = f->cpu;
	uint64_t frame[5] = {0x7000, S_UCODE64, 0x202, 0xA000, S_UDATA};

	CR_FAULTS(0, c->cr0 & ~CR0_PG, GP_CR0_PG_LONG);
	CR_FAULTS(0, c->cr0 | BIT(40), GP_CR0_UPPER);
	CR_FAULTS(4, 0, GP_CR4_PAE_LONG);
	CR_FAULTS(3, BIT(50), GP_CR3_RESERVED);
	CR_FAULTS(8, 16, GP_CR8_RESERVED);
	/* same level: the stack is aligned, SS:RSP always saved */
	ck_assert_int_eq(h_int_n(c, 0x40, 2, 0), EXIT_NONE);
	ck_assert_uint_eq(c->gpr[GPR_RSP], 0x7FF0 - 40);
	ck_assert_uint_eq(fix_rd(f, 0x7FF0 - 16, 8), 0x7FF8);
	ck_assert_int_eq(h_iret(c, 8, 0, 0), EXIT_NONE);
	ck_assert_uint_eq(c->gpr[GPR_RSP], 0x7FF8);
	ck_assert_uint_eq(c->rip, 0x6002);
	/* out to ring 3 */
	c->gpr[GPR_RSP] = 0x7000;
	space_write_buf(&f->mem, 0x7000, frame, 40);
	ck_assert_int_eq(h_iret(c, 8, 0, 0), EXIT_NONE);
	ck_assert_uint_eq(c->cpl, 3);
	ck_assert_uint_eq(c->gpr[GPR_RSP], 0xA000);
	/* in with an error code, stack from the TSS */
	cpu_raise(c, CHECK_GP_CANONICAL, 0);
	ck_assert_int_eq(ring0_deliver(c), EXIT_NONE);
	ck_assert_uint_eq(c->cpl, 0);
	ck_assert_uint_eq(c->gpr[GPR_RSP], 0x8000 - 48);
	ck_assert_uint_eq(c->seg[SEG_SS].sel, 0);
	ck_assert_uint_eq(fix_rd(f, 0x8000 - 8, 8), S_UDATA);
	ck_assert_uint_eq(fix_rd(f, 0x8000 - 40, 8), 0x7000);
	c->gpr[GPR_RSP] += 8;
	ck_assert_int_eq(h_iret(c, 8, 0, 0), EXIT_NONE);
	/* IST */
	fix_wr(f, IDT + 0x80 * 16 + 4, 1, 1);
	ck_assert_int_eq(h_int_n(c, 0x80, 2, 0), EXIT_NONE);
	ck_assert_uint_eq(c->gpr[GPR_RSP], 0x9100 - 40);
	ck_assert_int_eq(h_iret(c, 8, 0, 0), EXIT_NONE);
	fix_wr(f, TSS + 0x24, BIT(60), 8);
	ck_assert_int_eq(h_int_n(c, 0x80, 2, 0), EXIT_FAULT);
	ck_raised(f, SS_FRAME_NONCANON, 0);
	fix_wr(f, IDT + 0x80 * 16, mk_gate(S_KCODE, 0, 0xEE, 0), 8);
	ck_assert_int_eq(h_int_n(c, 0x80, 2, 0), EXIT_FAULT);
	ck_raised(f, GP_GATE_CS_LONG, S_KCODE);
	ck_assert_int_eq(h_int_n(c, 0x41, 2, 0), EXIT_FAULT);
	ck_raised(f, GP_IDT_DPL, 0x41 * 8 + 2);
	ck_assert_int_eq(h_jmp_far(c, S_TSS, 0, 8 | 2 << 8), EXIT_FAULT);
	ck_raised(f, GP_FAR_TYPE, S_TSS);
	fix_free(f);
}
END_TEST

START_TEST(fast_calls)
{
	struct fix *f = fix_long();
	struct vcpu *c = f->cpu;

	c->msr.star = (uint64_t)S_KCODE64 << 32 | (uint64_t)0x18 << 48;
	c->msr.lstar = 0xFFFFFFFF80000000;
	c->msr.fmask = FL_IF | FL_TF;
	c->gpr[GPR_RCX] = 0x7100;
	c->gpr[11] = 0x202;
	ck_assert_int_eq(h_sysret(c, 8, 0, 0), EXIT_NONE);
	ck_assert_uint_eq(c->cpl, 3);
	ck_assert_uint_eq(c->rip, 0x7100);
	ck_assert_uint_eq(c->seg[SEG_CS].sel, 0x2B);
	ck_assert_uint_eq(c->seg[SEG_SS].sel, 0x23);
	ck_assert_int_eq(h_syscall(c, 2, 0, 0), EXIT_NONE);
	ck_assert_uint_eq(c->cpl, 0);
	ck_assert_uint_eq(c->rip, 0xFFFFFFFF80000000);
	ck_assert_uint_eq(c->gpr[GPR_RCX], 0x7102);
	ck_assert_uint_eq(c->gpr[11], 0x202);
	ck_assert(!(c->eflags & FL_IF));
	c->gpr[GPR_RCX] = BIT(47);
	ck_assert_int_eq(h_sysret(c, 8, 0, 0), EXIT_FAULT);
	ck_raised(f, GP_RIP_NONCANON, 0);
	c->efer &= ~EFER_SCE;
	ck_assert_int_eq(h_syscall(c, 2, 0, 0), EXIT_FAULT);
	ck_raised(f, UD_SYSCALL, 0);
	ck_assert_int_eq(h_sysenter(c, 2, 0, 0), EXIT_FAULT);
	ck_raised(f, GP_SYSENTER_CS, 0);
	fix_free(f);
	f = fix_prot(3);
	c = f->cpu;
	c->msr.sysenter_cs = S_KCODE;
	c->msr.sysenter_esp = 0x8000;
	c->msr.sysenter_eip = 0x5555;
	ck_assert_int_eq(h_sysenter(c, 2, 0, 0), EXIT_NONE);
	ck_assert_uint_eq(c->cpl, 0);
	ck_assert_uint_eq(c->seg[SEG_SS].sel, S_KDATA);
	c->gpr[GPR_RCX] = 0xA000;
	c->gpr[GPR_RDX] = 0x7002;
	ck_assert_int_eq(h_sysexit(c, 4, 0, 0), EXIT_NONE);
	ck_assert_uint_eq(c->cpl, 3);
	ck_assert_uint_eq(c->seg[SEG_CS].sel, S_KCODE + 16 + 3);
	ck_assert_int_eq(h_sysexit(c, 4, 0, 0), EXIT_FAULT);
	ck_raised(f, GP_CPL0, 0);
	fix_free(f);
}
END_TEST

START_TEST(extensions)
{
	struct fix *f = fix_long();
	struct vcpu *c = f->cpu;

	c->gpr[GPR_RCX] = 0;
	ck_assert_int_eq(h_xgetbv(c, 0, 0, 0), EXIT_FAULT);
	ck_raised(f, UD_OSXSAVE, 0);
	ck_assert_int_eq(h_rd_fsgsbase(c, SEG_FS, 0, 0), EXIT_FAULT);
	ck_raised(f, UD_FSGSBASE, 0);
	ck_assert_int_eq(
		h_mov_cr_to(c, 4, c->cr4 | CR4_OSXSAVE | CR4_FSGSBASE | CR4_PCIDE, 0), EXIT_NONE);
	c->gpr[GPR_RDX] = 0;
	c->gpr[GPR_RAX] = 2; /* x87 must stay on */
	ck_assert_int_eq(h_xsetbv(c, 0, 0, 0), EXIT_FAULT);
	ck_raised(f, GP_XCR, 0);
	c->gpr[GPR_RAX] = 3;
	ck_assert_int_eq(h_xsetbv(c, 0, 0, 0), EXIT_NONE);
	ck_assert_uint_eq(c->xcr0, 3);
	ck_assert_int_eq(h_wr_fsgsbase(c, SEG_GS, BIT(47), 0), EXIT_FAULT);
	ck_raised(f, GP_BASE_NONCANON, 0);
	ck_assert_int_eq(h_wr_fsgsbase(c, SEG_GS, 0x1234, 0), EXIT_NONE);
	c->msr.kernel_gs_base = 0x5678;
	ck_assert_int_eq(h_swapgs(c, 0, 0, 0), EXIT_NONE);
	ck_assert_uint_eq(c->seg[SEG_GS].base, 0x5678);
	ck_assert_uint_eq(c->msr.kernel_gs_base, 0x1234);
	ck_assert_int_eq(h_mov_cr_to(c, 3, PML4 | BIT(63) | 5, 0), EXIT_NONE);
	ck_assert_uint_eq(c->cr3, PML4 | 5);
	fix_wr(f, 0x9000, 5, 8);
	fix_wr(f, 0x9008, 0x1000, 8);
	ck_assert_int_eq(h_invpcid(c, 0, 0x9000, 0), EXIT_NONE);
	ck_assert_int_eq(h_invpcid(c, 4, 0x9000, 0), EXIT_FAULT);
	ck_raised(f, GP_INVPCID, 0);
	ck_assert_int_eq(h_lgdt(c, BIT(47), 0xFF, 0), EXIT_FAULT);
	ck_raised(f, GP_TABLE_BASE, 0);
	ck_assert_int_eq(h_cmpxchg8b(c, 0x9008, 16, 0), EXIT_FAULT);
	ck_raised(f, GP_ALIGN16, 0);
	c->gpr[GPR_RAX] = 5;
	c->gpr[GPR_RDX] = 0x1000;
	c->gpr[GPR_RBX] = 6;
	c->gpr[GPR_RCX] = 7;
	ck_assert_int_eq(h_cmpxchg8b(c, 0x9000, 16, 0), EXIT_NONE);
	ck_assert_uint_eq(fix_rd(f, 0x9008, 8), 7);
	/* ENTER with a display in 64-bit mode */
	c->gpr[GPR_RSP] = 0x7000;
	c->gpr[GPR_RBP] = 0x7800;
	fix_wr(f, 0x77F8, 0xCCCC, 8);
	ck_assert_int_eq(h_enter(c, 8, 16, 2), EXIT_NONE);
	ck_assert_uint_eq(fix_rd(f, 0x6FF0, 8), 0xCCCC);
	ck_assert_uint_eq(c->gpr[GPR_RBP], 0x6FF8);
	ck_assert_uint_eq(c->gpr[GPR_RSP], 0x6FE8 - 16);
	fix_free(f);
}
END_TEST

START_TEST(inner_call_64)
{
	struct fix *f = fix_long();
	struct vcpu *c = f->cpu;
	uint64_t frame[5] = {0x7000, S_UCODE64, 0x202, 0xA000, S_UDATA};

	c->gpr[GPR_RSP] = 0x7000;
	space_write_buf(&f->mem, 0x7000, frame, 40);
	ck_assert_int_eq(h_iret(c, 8, 0, 0), EXIT_NONE);
	fix_gdt(f, S_GATE, mk_gate(S_KCODE64, 0x12345, 0xEC, 0));
	fix_gdt(f, S_GATE + 8, 0xFFFFFFFF);
	ck_assert_int_eq(h_call_far(c, S_GATE, 0, 4 | 6 << 8), EXIT_NONE);
	ck_assert_uint_eq(c->rip, 0xFFFFFFFF00012345);
	ck_assert_uint_eq(c->cpl, 0);
	ck_assert_uint_eq(c->gpr[GPR_RSP], 0x8000 - 32);
	ck_assert_uint_eq(fix_rd(f, 0x8000 - 32, 8), 0x7006);
	ck_assert_uint_eq(c->seg[SEG_SS].sel, 0);
	ck_assert_int_eq(h_ret_far(c, 8, 0, 0), EXIT_NONE);
	ck_assert_uint_eq(c->cpl, 3);
	ck_assert_uint_eq(c->gpr[GPR_RSP], 0xA000);
	fix_gdt(f, S_GATE + 8, 0x0000050000000000);
	ck_assert_int_eq(h_call_far(c, S_GATE, 0, 4 | 6 << 8), EXIT_FAULT);
	ck_raised(f, GP_GATE_UPPER, S_GATE);
	fix_gdt(f, S_GATE + 8, 0x00008000);
	ck_assert_int_eq(h_call_far(c, S_GATE, 0, 4 | 6 << 8), EXIT_FAULT);
	ck_raised(f, GP_RIP_NONCANON, 0);
	fix_free(f);
}
END_TEST

START_TEST(msrs)
{
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;

	c->gpr[GPR_RCX] = 0x277;
	ck_assert_int_eq(h_rdmsr(c, 0, 0, 0), EXIT_NONE);
	ck_assert_uint_eq(c->gpr[GPR_RAX], 0x00070406);
	c->gpr[GPR_RAX] = 2; /* reserved memory type */
	ck_assert_int_eq(h_wrmsr(c, 0, 0, 0), EXIT_FAULT);
	ck_raised(f, GP_MSR_RESERVED, 0);
	c->gpr[GPR_RCX] = 0x12345;
	ck_assert_int_eq(h_rdmsr(c, 0, 0, 0), EXIT_FAULT);
	ck_raised(f, GP_MSR_UNKNOWN, 0);
	c->gpr[GPR_RCX] = 0xC0000082;
	c->gpr[GPR_RDX] = 0x8000;
	ck_assert_int_eq(h_wrmsr(c, 0, 0, 0), EXIT_FAULT);
	ck_raised(f, GP_MSR_RESERVED, 0);
	c->insns = 1000;
	c->gpr[GPR_RCX] = 0x10;
	c->gpr[GPR_RAX] = 5000;
	c->gpr[GPR_RDX] = 0;
	ck_assert_int_eq(h_wrmsr(c, 0, 0, 0), EXIT_NONE);
	c->insns = 1001;
	ck_assert_int_eq(h_rdtsc(c, 0, 0, 0), EXIT_NONE);
	ck_assert_uint_eq(c->gpr[GPR_RAX], 5001);
	fix_free(f);
}
END_TEST

static void leaf(struct vcpu *c, uint32_t l)
{
	c->gpr[GPR_RAX] = l;
	c->gpr[GPR_RCX] = 0;
	h_cpuid(c, 0, 0, 0);
}

START_TEST(cpuid)
{
	static const char *const names[] = {"max", "486", "pentium", "pentium2", "pentium3", "n270",
		"core2duo", "qemu32", "kvm32", "qemu64", "kvm64", "Nehalem", "Westmere", "Haswell", "x86-64-v1",
		"x86-64-v2", "x86-64-v3"};
	struct fix *f;
	struct vcpu *c;
	struct err e;

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		f = fix_new(names[i]);
		leaf(f->cpu, 0);
		ck_assert_uint_eq(f->cpu->gpr[GPR_RBX], 0x756E6547);
		ck_assert_uint_eq(f->cpu->gpr[GPR_RDX], 0x49656E69);
		fix_free(f);
	}
	f = fix_new("pentium3,-sse");
	c = f->cpu;
	leaf(c, 1);
	ck_assert_uint_eq(c->gpr[GPR_RAX], 0x683);
	ck_assert(!(c->gpr[GPR_RDX] & BIT(25)));
	ck_assert(c->gpr[GPR_RDX] & BIT(24));
	ck_assert(!(c->gpr[GPR_RDX] & BIT(9))); /* no APIC on this board */
	leaf(c, 0x80000002);
	ck_assert_uint_eq(c->gpr[GPR_RAX], 0x67617244);
	fix_free(f);
	f = fix_new("max");
	c = f->cpu;
	leaf(c, 0x80000001);
	ck_assert(c->gpr[GPR_RDX] & BIT(29));
	leaf(c, 1);
	ck_assert_uint_eq(c->gpr[GPR_RCX] >> 28 & 1, feature_has(&c->features, FEAT_AVX));
	ck_assert(vcpu_new(&c, "i960", &f->mem, &f->ports, &f->ram, &f->clock, &f->log, &e) ==
		  VM_ERR_USAGE);
	ck_assert(vcpu_new(&c, "max,+warp", &f->mem, &f->ports, &f->ram, &f->clock, &f->log, &e) ==
		  VM_ERR_USAGE);
	fix_free(f);
}
END_TEST

START_TEST(bcd)
{
	struct fix *f = fix_new("486");
	struct vcpu *c = f->cpu;

	c->gpr[GPR_RAX] = 0xAE; /* 79 + 35 in BCD */
	c->eflags = 2;
	h_daa(c, 0, 0, 0);
	ck_assert_uint_eq(c->gpr[GPR_RAX], 0x14);
	ck_assert(c->eflags & FL_CF);
	c->gpr[GPR_RAX] = 0xEE; /* 35 - 47 */
	c->eflags = 2 | FL_CF | FL_AF;
	h_das(c, 0, 0, 0);
	ck_assert_uint_eq(c->gpr[GPR_RAX], 0x88);
	ck_assert(c->eflags & FL_CF);
	c->gpr[GPR_RAX] = 105;
	h_aam(c, 10, 0, 0);
	ck_assert_uint_eq(c->gpr[GPR_RAX], 0x0A05);
	h_aad(c, 10, 0, 0);
	ck_assert_uint_eq(c->gpr[GPR_RAX], 105);
	ck_assert_int_eq(h_aam(c, 0, 0, 0), EXIT_FAULT);
	ck_raised(f, DE_AAM, 0);
	fix_free(f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ring0 control");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_add_test(t, cr_checks);
	tcase_add_test(t, long_mode);
	tcase_add_test(t, fast_calls);
	tcase_add_test(t, extensions);
	tcase_add_test(t, inner_call_64);
	tcase_add_test(t, msrs);
	tcase_add_test(t, cpuid);
	tcase_add_test(t, bcd);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
