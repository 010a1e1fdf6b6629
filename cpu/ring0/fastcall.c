/*
 * fastcall.c - SYSENTER, SYSEXIT, SYSCALL, SYSRET: flat segments by decree, no descriptor is read.
 *
 * Source: Intel SDM Vol. 3A 5.8.7, 5.8.8; Vol. 2 operation sections.
 */
#include "cpu/ring0/history.h"
#include "cpu/ring0/priv.h"

#define CODE_FLAT 0x809B /* G P S, execute/read, accessed */
#define DATA_FLAT 0xC093

static void flat_cs(struct vcpu *cpu, uint16_t sel, unsigned cpl, bool l)
{
	cpu->cpl = cpl;
	seg_set(cpu, SEG_CS, sel, 0, UINT32_MAX, CODE_FLAT | cpl << 5 | (l ? SEGA_L : SEGA_DB));
}

static void flat_ss(struct vcpu *cpu, uint16_t sel, unsigned cpl)
{
	seg_set(cpu, SEG_SS, sel, 0, UINT32_MAX, DATA_FLAT | cpl << 5);
}

static enum exit done(struct vcpu *cpu, enum transition what, struct hist_slot *s)
{
	mode_refresh(cpu);
	vcpu_update_req(cpu);
	history_arrive(cpu, s, what);
	return EXIT_NONE;
}

/*
 * TF counts as SYSCALL and SYSRET leave it, not as they found it: a kernel that has TF in IA32_FMASK is not trapped, and
 * a SYSRET to a program that is being stepped traps before that runs, as if the SYSCALL had just completed.
 */
static enum exit done_stepping(struct vcpu *cpu, enum transition what, struct hist_slot *s)
{
	cpu->no_step = true;
	done(cpu, what, s);
	if (cpu->eflags & FL_TF)
		debug_step(cpu);
	return EXIT_NONE;
}

enum exit h_syscall(struct vcpu *cpu, uint64_t len, uint64_t b, uint64_t c)
{
	uint16_t sel = cpu->msr.star >> 32 & 0xFFFC;
	struct hist_slot *s;

	/* If IA32_EFER.SCE = 0, or not in 64-bit mode. */
	if (!(cpu->efer & EFER_SCE) || !is_code64(cpu))
		return cpu_raise(cpu, CHECK_UD_SYSCALL, 0);
	s = history_leave(cpu, spot_flat(cpu, 0));
	cpu->gpr[GPR_RCX] = cpu->rip + len;
	cpu->gpr[11] = cpu->eflags & ~(uint32_t)FL_RF;
	cpu->rip = cpu->msr.lstar;
	cpu->eflags = (cpu->eflags & ~(uint32_t)(cpu->msr.fmask | FL_RF)) | FL_1;
	flat_cs(cpu, sel, 0, true);
	flat_ss(cpu, (cpu->msr.star >> 32) + 8, 0); /* with the low bits as they are */
	return done_stepping(cpu, TR_SYSCALL, s);
}

enum exit h_sysret(struct vcpu *cpu, uint64_t osize, uint64_t b, uint64_t c)
{
	uint16_t base = cpu->msr.star >> 48;
	uint64_t rip = osize == 8 ? cpu->gpr[GPR_RCX] : (uint32_t)cpu->gpr[GPR_RCX];
	struct hist_slot *s;

	/* If IA32_EFER.SCE = 0, or not in 64-bit mode. */
	if (!(cpu->efer & EFER_SCE) || !is_code64(cpu))
		return cpu_raise(cpu, CHECK_UD_SYSCALL, 0);
	TRY(ring0_gate(cpu, GATE_SYSRET));
	/* If the return is to 64-bit mode and RCX contains a non-canonical address. */
	if (osize == 8 && !canonical(rip))
		return cpu_raise_aux(cpu, CHECK_GP_RIP_NONCANON, 0, rip, 0);
	s = history_leave(cpu, spot_flat(cpu, 0));
	cpu->eflags = (cpu->gpr[11] & 0x3C7FD7) | FL_1;
	cpu->rip = rip;
	flat_cs(cpu, (base + (osize == 8 ? 16 : 0)) | 3, 3, osize == 8);
	flat_ss(cpu, (base + 8) | 3, 3);
	return done_stepping(cpu, TR_SYSRET, s);
}

enum exit h_sysenter(struct vcpu *cpu, uint64_t len, uint64_t b, uint64_t c)
{
	uint16_t sel = cpu->msr.sysenter_cs & 0xFFFC;
	bool l = vcpu_long(cpu);
	struct hist_slot *s;

	/* If in real-address mode; if IA32_SYSENTER_CS[15:2] = 0. */
	if (is_real(cpu))
		return cpu_raise(cpu, CHECK_GP_SYSENTER_REAL, 0);
	if (!sel)
		return cpu_raise(cpu, CHECK_GP_SYSENTER_CS, 0);
	s = history_leave(cpu, spot_now(cpu, 0));
	cpu->eflags &= ~(uint32_t)(FL_VM | FL_IF | FL_RF);
	cpu->gpr[GPR_RSP] = l ? cpu->msr.sysenter_esp : (uint32_t)cpu->msr.sysenter_esp;
	cpu->rip = l ? cpu->msr.sysenter_eip : (uint32_t)cpu->msr.sysenter_eip;
	flat_cs(cpu, sel, 0, l);
	flat_ss(cpu, sel + 8, 0);
	return done(cpu, TR_SYSCALL, s);
}

enum exit h_sysexit(struct vcpu *cpu, uint64_t osize, uint64_t b, uint64_t c)
{
	uint16_t sel = cpu->msr.sysenter_cs & 0xFFFC;
	bool l = osize == 8;
	struct hist_slot *s;

	if (is_real(cpu))
		return cpu_raise(cpu, CHECK_GP_SYSENTER_REAL, 0);
	/* If IA32_SYSENTER_CS[15:2] = 0. */
	if (!sel)
		return cpu_raise(cpu, CHECK_GP_SYSENTER_CS, 0);
	TRY(ring0_gate(cpu, GATE_SYSEXIT));
	/* If the return is to 64-bit mode and RCX or RDX contains a non-canonical address. */
	if (l && (!canonical(cpu->gpr[GPR_RCX]) || !canonical(cpu->gpr[GPR_RDX])))
		return cpu_raise_aux(
			cpu, CHECK_GP_RIP_NONCANON, 0, cpu->gpr[GPR_RDX], cpu->gpr[GPR_RCX]);
	s = history_leave(cpu, spot_now(cpu, 0));
	cpu->gpr[GPR_RSP] = l ? cpu->gpr[GPR_RCX] : (uint32_t)cpu->gpr[GPR_RCX];
	cpu->rip = l ? cpu->gpr[GPR_RDX] : (uint32_t)cpu->gpr[GPR_RDX];
	flat_cs(cpu, (sel + (l ? 32 : 16)) | 3, 3, l);
	flat_ss(cpu, (sel + (l ? 40 : 24)) | 3, 3);
	return done(cpu, TR_SYSRET, s);
}
