/*
 * test_long.c - IA-32e mode as programs see it, in every engine: ways between 64-bit, compatibility and privilege levels,
 * what segmentation is left, SMAP, PCIDs, 1-GB pages, descriptors of 16 bytes, MSRs that depend on the model.
 *
 * What must fault is in checks_cases.def; here is what must work. Source: Intel SDM Vol. 3A, sections as cited.
 */
#include <stdio.h>
#include "long_fix.h"

static const enum jit_accel engines[] = {ACCEL_INTERP, ACCEL_JIT, ACCEL_LOCKSTEP};

#define ENGINES 3

static enum exit wr(struct fix *f, uint32_t msr, uint64_t v)
{
	f->cpu->gpr[GPR_RCX] = msr;
	f->cpu->gpr[GPR_RAX] = (uint32_t)v;
	f->cpu->gpr[GPR_RDX] = v >> 32;
	return h_wrmsr(f->cpu, 0, 0, 0);
}

/* The same while the program is in ring 3. */
static enum exit wr_ring0(struct fix *f, uint32_t msr, uint64_t v)
{
	unsigned cpl = f->cpu->cpl;
	enum exit x;

	f->cpu->cpl = 0;
	x = wr(f, msr, v);
	f->cpu->cpl = cpl;
	return x;
}

static void clear_gprs(struct fix *f)
{
	for (unsigned i = 0; i < 16; i++)
		if (i != GPR_RSP)
			f->cpu->gpr[i] = 0;
}

/* 64-bit code jumps to compatibility code, where 40h is INC, and that back (Vol. 3A 4.1.1, Vol. 2 JMP). */
START_TEST(far_jumps)
{
	struct fix *f = fix_long("max", 0);

	clear_gprs(f);
	fix_wr(f, 0x9000, 0x6100 | (uint64_t)S_KCODE << 32, 8);
	fix_code(f, 0x6000, "49 BF 00 00 00 00 00 80 FF FF FF 2C 25 00 90 00 00"); /* r15 keeps its upper half */
	fix_code(f, 0x6100, "B8 78 56 34 12 40 EA 00 62 00 00 60 00");
	fix_code(f, 0x6200, "48 FF C3 F4");
	ck_assert_int_eq(fix_run(f, engines[_i]), -1);
	ck_assert_uint_eq(f->cpu->gpr[GPR_RAX], 0x12345679);
	ck_assert_uint_eq(f->cpu->gpr[GPR_RBX], 1);
	ck_assert_uint_eq(f->cpu->gpr[15], 0xFFFF800000000000);
	ck_assert_uint_eq(f->cpu->rip, 0x6204);
	fix_free(f);
}
END_TEST

/* Ring 3 compatibility code through a 64-bit call gate, and back by a far return (Vol. 3A 5.8.3.1, 5.8.5.1). */
START_TEST(call_gate_from_compat)
{
	uint64_t frame[5] = {0x7000, S_UCODE, 0x202, USTACK, S_UDATA};
	struct fix *f = fix_long("max", 0);
	struct vcpu *c = f->cpu;

	clear_gprs(f);
	fix_gdt(f, S_GATE, mk_gate(S_KCODE64, 0x6300, 0xEC, 0));
	fix_gdt(f, S_GATE + 8, 0);
	fix_code(f, 0x7000, "9A 00 00 00 00 50 00 40 F4"); /* call gate; inc eax; hlt: #GP */
	fix_code(f, 0x6300, "48 8B 1C 24 48 8B 4C 24 18 8C D2 48 CB"); /* rbx = return IP, rcx = old SS, edx = SS; retfq */
	c->gpr[GPR_RSP] = KSTACK - 40;
	space_write_buf(&f->mem, KSTACK - 40, frame, 40);
	ck_assert_int_eq(h_iret(c, 8, 0, 0), EXIT_NONE);
	ck_assert_int_eq(fix_run(f, engines[_i]), 13);
	ck_assert_uint_eq(fix_frame(f, 1), 0x7008); /* of the HLT in ring 3 */
	ck_assert_uint_eq(fix_frame(f, 2), S_UCODE);
	ck_assert_uint_eq(fix_frame(f, 4), USTACK);
	ck_assert_uint_eq(c->gpr[GPR_RBX], 0x7007);
	ck_assert_uint_eq(c->gpr[GPR_RCX], S_UDATA);
	ck_assert_uint_eq(c->gpr[GPR_RDX], 0); /* a NULL SS in the new ring */
	ck_assert_uint_eq(c->gpr[GPR_RAX], 1);
	fix_free(f);
}
END_TEST

/* A frame starts at a multiple of 16, with a stack switch or without; SS becomes NULL only with a new CPL (6.14.2, 6.14.4). */
START_TEST(frames_aligned)
{
	/* from ring 3 by RSP0; by IST1; within ring 0 on the same stack; by IST1 */
	for (unsigned i = 0; i < 4; i++) {
		struct fix *f = fix_long("max", i < 2 ? 3 : 0);
		struct vcpu *c = f->cpu;
		uint64_t old = i < 2 ? USTACK : KSTACK - 0x100 - 3;
		uint16_t ss = c->seg[SEG_SS].sel;

		c->gpr[GPR_RSP] = old;
		fix_wr(f, TSS + 4, KSTACK - 5, 8);
		fix_wr(f, TSS + 0x24, KSTACK - 0x200 - 9, 8);
		fix_wr(f, IDT + 0x80 * 16 + 4, i & 1, 1);
		fix_code(f, i < 2 ? 0x7000 : 0x6000, "CD 80");
		ck_assert_int_eq(fix_run(f, engines[_i]), 0x80);
		ck_assert_uint_eq(c->gpr[GPR_RSP], (i & 1 ? KSTACK - 0x210 : i ? KSTACK - 0x110 : KSTACK - 16) - 40);
		ck_assert_uint_eq(fix_frame(f, 3), old);
		ck_assert_uint_eq(fix_frame(f, 4), ss);
		ck_assert_uint_eq(c->seg[SEG_SS].sel, i < 2 ? 0 : ss);
		fix_free(f);
	}
}
END_TEST

/* SYSENTER from 64-bit and from compatibility code; SYSEXIT to either (Vol. 2 SYSENTER, SYSEXIT). */
START_TEST(sysenter)
{
	static const uint16_t user[2] = {S_UCODE, S_UCODE64};

	for (unsigned wide = 0; wide < 2; wide++) {
		uint64_t frame[5] = {0x7000, user[wide], 0x202, USTACK, S_UDATA};
		struct fix *f = fix_long("max", 0);
		struct vcpu *c = f->cpu;

		ck_assert_int_eq(wr(f, 0x174, 0x100), EXIT_NONE); /* no descriptor is read */
		ck_assert_int_eq(wr(f, 0x175, KSTACK - 0x40), EXIT_NONE);
		ck_assert_int_eq(wr(f, 0x176, 0x6300), EXIT_NONE);
		clear_gprs(f);
		fix_code(f, 0x7000, "0F 34");
		fix_code(f, 0x7100, wide ? "49 89 E2 F4" : "89 E7 F4"); /* r10 or edi = stack pointer; hlt: #GP */
		/* in ring 0 of 64-bit code: ebp = CS, esi = SS, r8 = RSP; back */
		fix_code(f, 0x6300, wide ? "8C CD 8C D6 49 89 E0 B9 00 A1 00 00 BA 00 71 00 00 48 0F 35" :
			"8C CD 8C D6 49 89 E0 B9 00 A1 00 00 BA 00 71 00 00 0F 35");
		c->gpr[GPR_RSP] = KSTACK - 40;
		space_write_buf(&f->mem, KSTACK - 40, frame, 40);
		ck_assert_int_eq(h_iret(c, 8, 0, 0), EXIT_NONE);
		ck_assert_int_eq(fix_run(f, engines[_i]), 13);
		ck_assert_uint_eq(c->gpr[GPR_RBP], 0x100);
		ck_assert_uint_eq(c->gpr[GPR_RSI], 0x108);
		ck_assert_uint_eq(c->gpr[8], KSTACK - 0x40);
		ck_assert_uint_eq(fix_frame(f, 1), 0x7100 + (wide ? 3 : 2));
		ck_assert_uint_eq(fix_frame(f, 2), 0x100 + (wide ? 35 : 19));
		ck_assert_uint_eq(fix_frame(f, 4), 0xA100);
		ck_assert_uint_eq(fix_frame(f, 5), 0x100 + (wide ? 43 : 27));
		ck_assert_uint_eq(c->gpr[wide ? 10 : GPR_RDI], 0xA100);
		fix_free(f);
	}
}
END_TEST

/* SYSRET to compatibility code, and SYSCALL there: #UD, as Intel's processors do (Vol. 2 SYSCALL). */
START_TEST(sysret_32)
{
	struct fix *f = fix_long("max", 0);
	struct vcpu *c = f->cpu;

	ck_assert_int_eq(wr(f, 0xC0000081, (uint64_t)(S_UCODE & ~3) << 48), EXIT_NONE);
	clear_gprs(f);
	c->gpr[GPR_RCX] = 0xFFFFFFFF00007000;
	c->gpr[11] = 0x3202 | FL_CF;
	fix_code(f, 0x6000, "0F 07");
	fix_code(f, 0x7000, "19 C0 0F 05"); /* sbb eax, eax; syscall */
	ck_assert_int_eq(fix_run(f, engines[_i]), 6);
	ck_assert_uint_eq(fix_frame(f, 0), 0x7002);
	ck_assert_uint_eq(fix_frame(f, 1), S_UCODE);
	ck_assert_uint_eq(fix_frame(f, 4), S_UCODE + 8);
	ck_assert_uint_eq(c->gpr[GPR_RAX], 0xFFFFFFFF);
	fix_free(f);
}
END_TEST

/*
 * Single step over SYSCALL and SYSRET: TF counts as the instruction leaves it. With TF in IA32_FMASK a system call is not
 * trapped in the kernel; a SYSRET that sets TF traps before the first instruction of ring 3 (as processors do; the manual
 * does not say).
 */
START_TEST(step_syscall)
{
	for (unsigned masked = 0; masked < 2; masked++) {
		struct fix *f = fix_long("max", 3);
		struct vcpu *c = f->cpu;

		ck_assert_int_eq(wr_ring0(f, 0xC0000081, (uint64_t)S_KCODE64 << 32), EXIT_NONE);
		ck_assert_int_eq(wr_ring0(f, 0xC0000082, 0x6300), EXIT_NONE);
		ck_assert_int_eq(wr_ring0(f, 0xC0000084, masked ? FL_TF : FL_DF), EXIT_NONE);
		clear_gprs(f);
		c->eflags |= FL_TF;
		fix_code(f, 0x7000, "0F 05 F4");
		fix_code(f, 0x6300, "B3 77 F4");
		fix_wr(f, IDT + 16 + 4, 1, 1); /* the handler of #DB has a stack: SYSCALL has changed none */
		if (masked) {
			ck_assert_int_eq(fix_run(f, engines[_i]), -1);
			ck_assert_uint_eq(c->rip, 0x6303);
			ck_assert_uint_eq(c->gpr[GPR_RBX], 0x77);
		} else {
			ck_assert_int_eq(fix_run(f, engines[_i]), 1);
			ck_assert_uint_eq(fix_frame(f, 0), 0x6300);
			ck_assert(c->dr[6] & BIT(14));
		}
		ck_assert_uint_eq(c->gpr[11] & FL_TF, FL_TF);
		fix_free(f);
	}
}
END_TEST

START_TEST(step_sysret)
{
	for (unsigned kernel_steps = 0; kernel_steps < 2; kernel_steps++) {
		struct fix *f = fix_long("max", 0);
		struct vcpu *c = f->cpu;

		ck_assert_int_eq(wr(f, 0xC0000081, (uint64_t)(S_UCODE64 - 16) << 48), EXIT_NONE);
		clear_gprs(f);
		c->gpr[GPR_RCX] = 0x7000;
		c->gpr[11] = kernel_steps ? 0x202 : 0x202 | FL_TF;
		c->eflags |= kernel_steps ? FL_TF : 0;
		fix_code(f, 0x6000, "48 0F 07");
		fix_code(f, 0x7000, "B3 77 F4"); /* hlt: #GP */
		ck_assert_int_eq(fix_run(f, engines[_i]), kernel_steps ? 13 : 1);
		ck_assert_uint_eq(fix_frame(f, kernel_steps), kernel_steps ? 0x7002 : 0x7000);
		ck_assert_uint_eq(c->gpr[GPR_RBX], kernel_steps ? 0x77 : 0);
		fix_free(f);
	}
}
END_TEST

/* IRETQ may load a NULL SS within ring 0 (Vol. 3A 6.14.3). */
START_TEST(iretq_null_ss)
{
	struct fix *f = fix_long("max", 0);

	fix_code(f, 0x6000, "6A 00 68 00 7F 00 00 9C 6A 60 68 00 61 00 00 48 CF");
	fix_code(f, 0x6100, "8C D3 48 89 E1 50 F4"); /* ebx = SS, rcx = RSP; the stack works */
	ck_assert_int_eq(fix_run(f, engines[_i]), -1);
	ck_assert_uint_eq(f->cpu->gpr[GPR_RBX], 0);
	ck_assert_uint_eq(f->cpu->gpr[GPR_RCX], 0x7F00);
	fix_free(f);
}
END_TEST

/* In 64-bit mode DS, ES and SS have neither base, limit nor rights; FS has a base and no limit (Vol. 1 3.3.4). */
START_TEST(segments)
{
	struct fix *f = fix_long("max", 0);

	clear_gprs(f);
	fix_gdt(f, S_DOWN, mk_seg(0x100000, 0xFFF, 0x40F2));
	f->cpu->gpr[GPR_RAX] = S_RO | 3; /* read-only, 4 KB */
	f->cpu->gpr[GPR_RCX] = S_DOWN | 3;
	f->cpu->gpr[GPR_RDX] = 0x77;
	fix_wr(f, 0x109000, 0x55, 1);
	fix_code(f, 0x6000, "8E D8 88 14 25 00 90 00 00 8E E1 64 8A 1C 25 00 90 00 00 F4");
	ck_assert_int_eq(fix_run(f, engines[_i]), -1);
	ck_assert_uint_eq(fix_rd(f, 0x9000, 1), 0x77);
	ck_assert_uint_eq(f->cpu->gpr[GPR_RBX], 0x55);
	fix_free(f);
}
END_TEST

/* SWAPGS and back; in between memory is reached through the other base, and the flags are what they were. */
START_TEST(swapgs)
{
	struct fix *f = fix_long("max", 0);
	struct vcpu *c = f->cpu;

	fix_wr(f, 0x200000, 0x66, 1);
	fix_wr(f, 0x201000, 0x77, 1);
	c->seg[SEG_GS].base = 0x200000;
	c->msr.kernel_gs_base = 0x201000;
	/* xor eax,eax; mov bl,gs:[0]; swapgs; sete al; mov cl,gs:[0]; xor edx,edx; inc edx; swapgs; setz dl; mov bh,gs:[0]; hlt */
	fix_code(f, 0x6000, "31 C0 65 8A 1C 25 00 00 00 00 0F 01 F8 0F 94 C0 65 8A 0C 25 00 00 00 00 31 D2 FF C2 0F 01 F8 0F 94 C2 "
			    "65 8A 3C 25 00 00 00 00 F4");
	ck_assert_int_eq(fix_run(f, engines[_i]), -1);
	ck_assert_uint_eq(c->gpr[GPR_RAX], 1);
	ck_assert_uint_eq(c->gpr[GPR_RDX], 0);
	ck_assert_uint_eq(c->gpr[GPR_RBX] & 0xFFFF, 0x6666);
	ck_assert_uint_eq(c->gpr[GPR_RCX] & 0xFF, 0x77);
	ck_assert_uint_eq(c->seg[SEG_GS].base, 0x200000);
	ck_assert_uint_eq(c->msr.kernel_gs_base, 0x201000);
	fix_free(f);
}
END_TEST

/* SMAP: AC = 1 lets ring 0 at user pages, CLAC ends that (Vol. 3A 4.6.1). */
START_TEST(smap)
{
	struct fix *f = fix_long("max", 0);
	struct vcpu *c = f->cpu;

	fix_wr(f, PML4 + 0x2000, 0x83, 8); /* all but the second 2 MB is the supervisor's */
	fix_wr(f, 0x200000, 0x66, 1);
	c->cr4 |= CR4_SMAP;
	fix_code(f, 0x6000, "0F 01 CB 8A 1C 25 00 00 20 00 0F 01 CA 8A 0C 25 00 00 20 00");
	ck_assert_int_eq(fix_run(f, engines[_i]), 14);
	ck_assert_uint_eq(c->gpr[GPR_RBX] & 0xFF, 0x66);
	ck_assert_uint_eq(fix_frame(f, 0), 1); /* present, supervisor, read */
	ck_assert_uint_eq(fix_frame(f, 1), 0x600D);
	ck_assert_uint_eq(c->cr2, 0x200000);
	fix_free(f);
}
END_TEST

/* After each type of INVPCID, and a CR3 load with and without bit 63 of another PCID, the new entry is used (4.10.4.1). */
START_TEST(invpcid)
{
	for (unsigned type = 0; type < 4; type++) {
		struct fix *f = fix_long("max", 0);
		struct vcpu *c = f->cpu;

		clear_gprs(f);
		fix_wr(f, 0x200000, 0x11, 1);
		fix_wr(f, 0, 0x22, 1);
		fix_wr(f, 0x9000, 5, 8);
		fix_wr(f, 0x9008, 0x200000, 8);
		ck_assert_int_eq(h_mov_cr_to(c, 4, c->cr4 | CR4_PCIDE | CR4_PGE, 0), EXIT_NONE);
		ck_assert_int_eq(h_mov_cr_to(c, 3, PML4 | 5, 0), EXIT_NONE);
		c->gpr[GPR_RAX] = type;
		/* cl = [200000h]; its page directory entry = 87h; invpcid; bl = [200000h] */
		fix_code(f, 0x6000, "8A 0C 25 00 00 20 00 48 C7 04 25 08 20 01 00 87 00 00 00 66 0F 38 82 04 25 00 90 00 00 "
			"8A 1C 25 00 00 20 00 F4");
		ck_assert_int_eq(fix_run(f, engines[_i]), -1);
		ck_assert_uint_eq(c->gpr[GPR_RCX], 0x11);
		ck_assert_uint_eq(c->gpr[GPR_RBX], 0x22);
		fix_free(f);
	}
}
END_TEST

/* With a 67H prefix a RIP-relative address is cut to 32 bits (Vol. 2A 2.2.1.6, 2.2.1.7). */
START_TEST(eip_relative)
{
	struct fix *f = fix_long("max", 0);
	struct vcpu *c = f->cpu;
	const uint64_t high = 0xFFFF800000000000;

	/* at the high addresses is the second 2 MB */
	fix_wr(f, PML4 + 256 * 8, (PML4 + 0x3000) | 7, 8);
	fix_wr(f, PML4 + 0x3000, (PML4 + 0x4000) | 7, 8);
	fix_wr(f, PML4 + 0x4000, 0x200087, 8);
	fix_wr(f, 0x9000, 0x11, 1);
	fix_wr(f, 0x209000, 0x22, 1);
	clear_gprs(f);
	c->rip = high + 0x6000;
	/* bl = [eip + 2FF9h]; cl = [rip + 2FF3h]; lea rdx, [eip]; lea rdi, [rip]; hlt */
	fix_code(f, 0x206000, "67 8A 1D F9 2F 00 00 8A 0D F3 2F 00 00 67 48 8D 15 00 00 00 00 48 8D 3D 00 00 00 00 F4");
	ck_assert_int_eq(fix_run(f, engines[_i]), -1);
	ck_assert_uint_eq(c->gpr[GPR_RBX], 0x11);
	ck_assert_uint_eq(c->gpr[GPR_RCX], 0x22);
	ck_assert_uint_eq(c->gpr[GPR_RDX], 0x6015);
	ck_assert_uint_eq(c->gpr[GPR_RDI], high + 0x601C);
	fix_free(f);
}
END_TEST

/* CR3 with PCIDs: bit 63 is not stored; bits 11:0 are the PCID; PCIDE can be cleared with any PCID (Vol. 3A 4.10.1). */
START_TEST(pcid_bits)
{
	struct fix *f = fix_long("max", 0);
	struct vcpu *c = f->cpu;

	ck_assert_int_eq(h_mov_cr_to(c, 4, c->cr4 | CR4_PCIDE, 0), EXIT_NONE);
	ck_assert_int_eq(h_mov_cr_to(c, 3, BIT(63) | PML4 | 0xABC, 0), EXIT_NONE);
	ck_assert_int_eq(h_mov_cr_from(c, 3, 0, 0), EXIT_NONE);
	ck_assert_uint_eq(c->ret, PML4 | 0xABC);
	ck_assert_int_eq(h_mov_cr_to(c, 4, c->cr4 & ~CR4_PCIDE, 0), EXIT_NONE);
	ck_assert_int_eq(h_mov_cr_to(c, 4, c->cr4 | CR4_PCIDE, 0), EXIT_FAULT);
	ck_raised(f, GP_CR4_PCIDE, 0);
	for (unsigned b = c->maxphyaddr; b < 64; b++) {
		ck_assert_int_eq(h_mov_cr_to(c, 3, BIT(b) | PML4, 0), EXIT_FAULT);
		ck_raised(f, GP_CR3_RESERVED, 0);
	}
	fix_free(f);
}
END_TEST

/* A page of 1 GB; on a model without them PS is reserved there (tables 4-15, 4-16). */
START_TEST(huge_pages)
{
	for (unsigned has = 0; has < 2; has++) {
		struct fix *f = fix_long(has ? "max" : "Nehalem", 0);

		clear_gprs(f);
		fix_wr(f, PML4 + 0x1008, 0x87, 8);
		fix_wr(f, 0x9123, 0x44, 1);
		fix_code(f, 0x6000, "8A 1C 25 23 91 00 40 F4");
		ck_assert_int_eq(fix_run(f, engines[_i]), has ? -1 : 14);
		if (has)
			ck_assert_uint_eq(f->cpu->gpr[GPR_RBX], 0x44);
		else
			ck_assert_uint_eq(fix_frame(f, 0), 9);
		fix_free(f);
	}
}
END_TEST

/* Leaving IA-32e mode: PG is cleared in compatibility code, LMA goes with it (Vol. 3A 9.8.5.4). */
START_TEST(leave)
{
	struct fix *f = fix_long("max", 0);
	struct vcpu *c = f->cpu;

	fix_wr(f, 0x9000, 0x6100 | (uint64_t)S_KCODE << 32, 8);
	fix_code(f, 0x6000, "FF 2C 25 00 90 00 00");
	/* cr0.PG = 0; cr4.PAE = 0; ecx = EFER: rdmsr; hlt */
	fix_code(f, 0x6100, "0F 20 C0 25 FF FF FF 7F 0F 22 C0 31 C0 0F 22 E0 B9 80 00 00 C0 0F 32 F4");
	ck_assert_int_eq(fix_run(f, engines[_i]), -1);
	ck_assert_uint_eq(c->gpr[GPR_RAX], EFER_LME | EFER_SCE);
	ck_assert(!(c->efer & EFER_LMA));
	ck_assert_uint_eq(c->cr4, 0);
	ck_assert_uint_eq(c->mode & MODE_CODE_MASK, MODE_CODE32);
	fix_free(f);
}
END_TEST

/* ... but not while CR4.PCIDE = 1 (Vol. 3A 4.1.2). */
START_TEST(leave_with_pcids)
{
	struct fix *f = fix_long("max", 0);

	ck_assert_int_eq(h_mov_cr_to(f->cpu, 4, f->cpu->cr4 | CR4_PCIDE, 0), EXIT_NONE);
	fix_wr(f, 0x9000, 0x6100 | (uint64_t)S_KCODE << 32, 8);
	fix_code(f, 0x6000, "FF 2C 25 00 90 00 00");
	fix_code(f, 0x6100, "0F 20 C0 25 FF FF FF 7F 0F 22 C0 F4");
	ck_assert_int_eq(fix_run(f, engines[_i]), 13);
	ck_assert_uint_eq(fix_frame(f, 1), 0x6108);
	ck_assert(f->cpu->efer & EFER_LMA);
	fix_free(f);
}
END_TEST

/* LAR, LSL: which system descriptors they show in IA-32e mode (Vol. 2 tables 3-57, 3-59). */
START_TEST(looking)
{
	struct fix *f = fix_long("max", 0);
	struct vcpu *c = f->cpu;

	for (unsigned type = 0; type < 16; type++) {
		bool lar = 0x1A04 >> type & 1, lsl = 0x0A04 >> type & 1;

		fix_gdt(f, S_LDT, mk_seg(0, 0x77, 0x80 | type));
		fix_gdt(f, S_LDT + 8, 0);
		ck_assert_int_eq(h_lar(c, S_LDT, 0, 0), EXIT_NONE);
		ck_assert_msg(!!(c->eflags & FL_ZF) == lar, "LAR of type %u", type);
		if (lar)
			ck_assert_uint_eq(c->ret, 0x8000 | type << 8);
		ck_assert_int_eq(h_lsl(c, S_LDT, 0, 0), EXIT_NONE);
		ck_assert_msg(!!(c->eflags & FL_ZF) == lsl, "LSL of type %u", type);
		if (lsl)
			ck_assert_uint_eq(c->ret, 0x77);
		ck_assert_int_eq(h_verr(c, S_LDT, 0, 0), EXIT_NONE);
		ck_assert(!(c->eflags & FL_ZF));
		ck_assert_int_eq(h_verw(c, S_LDT, 0, 0), EXIT_NONE);
		ck_assert(!(c->eflags & FL_ZF));
	}
	fix_free(f);
}
END_TEST

/* LTR and LLDT take 64-bit bases; an interrupt finds its stack in such a TSS (Vol. 3A 7.2.3, 8.7). */
START_TEST(wide_bases)
{
	struct fix *f = fix_long("max", 3);
	struct vcpu *c = f->cpu;
	const uint64_t high = 0xFFFF800000000000;

	fix_wr(f, PML4 + 256 * 8, (PML4 + 0x1000) | 7, 8);
	tlb_flush(&c->mmu, true);
	fix_gdt(f, S_TSS2, mk_seg(TSS2, 0x67, 0x0089));
	fix_gdt(f, S_TSS2 + 8, high >> 32);
	fix_gdt(f, S_LDT, mk_seg(LDT_AT, 0xFF, 0x0082));
	fix_gdt(f, S_LDT + 8, high >> 32);
	fix_wr(f, TSS2 + 4, KSTACK - 0x100, 8);
	c->cpl = 0;
	ck_assert_int_eq(h_ltr(c, S_TSS2, 0, 0), EXIT_NONE);
	ck_assert_int_eq(h_lldt(c, S_LDT, 0, 0), EXIT_NONE);
	c->cpl = 3;
	ck_assert_uint_eq(c->tr.base, high + TSS2);
	ck_assert_uint_eq(c->ldtr.base, high + LDT_AT);
	ck_assert_uint_eq(fix_rd(f, GDT + S_TSS2 + 5, 1), 0x8B);
	fix_code(f, 0x7000, "F4");
	ck_assert_int_eq(fix_run(f, engines[_i]), 13);
	ck_assert_uint_eq(c->gpr[GPR_RSP], KSTACK - 0x100 - 48);
	fix_free(f);
}
END_TEST

static uint8_t cr8_value;

static uint8_t get_cr8(void *opaque)
{
	return cr8_value;
}

static void set_cr8(void *opaque, uint8_t v)
{
	cr8_value = v;
}

START_TEST(cr8)
{
	struct fix *f = fix_long("max", 0);

	f->cpu->wires.get_cr8 = get_cr8;
	f->cpu->wires.set_cr8 = set_cr8;
	fix_code(f, 0x6000, "B8 09 00 00 00 44 0F 22 C0 44 0F 20 C3 F4"); /* cr8 = 9; rbx = cr8 */
	ck_assert_int_eq(fix_run(f, engines[_i]), -1);
	ck_assert_uint_eq(cr8_value, 9);
	ck_assert_uint_eq(f->cpu->gpr[GPR_RBX], 9);
	fix_free(f);
}
END_TEST

/* RDTSCP and RDPID show IA32_TSC_AUX; RDRAND and RDSEED set CF and clear the other flags. */
START_TEST(odds)
{
	struct fix *f = fix_long("max", 0);
	struct vcpu *c = f->cpu;

	ck_assert_int_eq(wr(f, 0xC0000103, 0x1234), EXIT_NONE);
	fix_code(f, 0x6000, "0F 01 F9 89 CB F3 0F C7 FD 83 C8 FF 0F C7 F6 9C 5F 83 C8 FF 48 0F C7 F8 9C 41 58 F4");
	ck_assert_int_eq(fix_run(f, engines[_i]), -1);
	ck_assert_uint_eq(c->gpr[GPR_RBX], 0x1234);
	ck_assert_uint_eq(c->gpr[GPR_RBP], 0x1234);
	ck_assert_uint_eq(c->gpr[GPR_RDI] & FL_ARITH, FL_CF);
	ck_assert_uint_eq(c->gpr[8] & FL_ARITH, FL_CF);
	fix_free(f);
}
END_TEST

static uint64_t apic_base;

static bool apic_read(void *opaque, uint32_t msr, uint64_t *v)
{
	*v = apic_base;
	return true;
}

static bool apic_write(void *opaque, uint32_t msr, uint64_t v)
{
	apic_base = v;
	return true;
}

/* x2APIC mode only where CPUID shows it, no address above the model's width; performance counters by family and model. */
START_TEST(msrs_by_model)
{
	static const struct {
		const char *model;
		uint32_t msr;
		uint64_t v;
		bool ok;
	} t[] = {
		{"max", 0x1B, 0xFEE00C00, true}, {"Nehalem", 0x1B, 0xFEE00C00, false}, {"Nehalem", 0x1B, 0xFEE00800, true},
		{"max", 0x1B, BIT(40) | 0xFEE00800, false}, {"pentium3", 0x1B, BIT(36) | 0xFEE00800, false},
		{"pentium3", 0x186, 0x430079, true}, {"max", 0xC1, 5, true}, {"max", 0x391, 0x2000000F, true},
		{"Nehalem", 0x391, 1, true}, {"core2duo", 0x391, 1, false}, {"pentium", 0x186, 0, false}, {"max", 0x309, 0, false},
		{"max", 0x401, 0, true}, {"max", 0, 0, true}, {"486", 0, 0, false},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		struct fix *f = fix_new(t[i].model);
		enum exit x;

		f->cpu->wires.apic_read = apic_read;
		f->cpu->wires.apic_write = apic_write;
		x = wr(f, t[i].msr, t[i].v);
		ck_assert_msg((x == EXIT_NONE) == t[i].ok, "row %u: exit %d", i, x);
		f->cpu->gpr[GPR_RCX] = t[i].msr;
		if (t[i].ok)
			ck_assert_int_eq(h_rdmsr(f->cpu, 0, 0, 0), EXIT_NONE);
		fix_free(f);
	}
}
END_TEST

int main(void)
{
	const TTest *const programs[] = {far_jumps, call_gate_from_compat, frames_aligned, sysenter, sysret_32, step_syscall,
		step_sysret, iretq_null_ss, segments, swapgs, smap, invpcid, huge_pages, leave, leave_with_pcids, wide_bases, cr8, odds,
		eip_relative};
	Suite *s = suite_create("long mode");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int bad;

	for (unsigned i = 0; i < ARRAY_SIZE(programs); i++)
		tcase_add_loop_test(t, programs[i], 0, ENGINES);
	tcase_add_test(t, looking);
	tcase_add_test(t, pcid_bits);
	tcase_add_test(t, msrs_by_model);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
