/*
 * fpu.c - FP state at reset, and the instructions by which an operating system probes, saves and restores it.
 *
 * Source: Intel SDM Vol. 1 8.1, 10.2, 13.4; Vol. 2 FNINIT, FNSTCW, FNSTSW, FLDCW, FXSAVE, FXRSTOR, LDMXCSR, STMXCSR.
 */
#include "cpu/fpu/fpu.h"
#include "cpu/fpu/vex.h"
#include "mmu/base/log.h"
#include <string.h>


static void fninit(struct vcpu *cpu)
{
	cpu->fpu.fcw = 0x37F;
	cpu->fpu.fsw = 0;
	cpu->fpu.ftw = 0;
	cpu->fpu.fop = 0;
	cpu->fpu.fip = cpu->fpu.fdp = 0;
}

void fpu_reset(struct vcpu *cpu, bool init)
{
	if (init) /* INIT leaves FP state alone, SDM Vol. 3A table 9-1 */
		return;
	memset(&cpu->fpu, 0, sizeof(cpu->fpu));
	fninit(cpu);
	cpu->fpu.mxcsr = 0x1F80;
	cpu->fpu.mxcsr_mask = MXCSR_MASK;
	cpu->xcr0 = 1;
}

void fpu_mode_changed(struct vcpu *cpu)
{
	mode_set(cpu);
}

static enum exit x87_ready(struct vcpu *cpu)
{
	/* If CR0.EM[bit 2] or CR0.TS[bit 3] = 1. */
	if (cpu->cr0 & (CR0_EM | CR0_TS))
		return cpu_raise(cpu, CHECK_NM_EM_TS, 0);
	return EXIT_NONE;
}

/* FXSAVE, FXRSTOR: If CR0.EM[bit 2] = 1: #UD; if CR0.TS[bit 3] = 1: #NM. */
static enum exit fx_ready(struct vcpu *cpu)
{
	return cpu->cr0 & CR0_EM ? cpu_raise(cpu, CHECK_UD_EM, 0) : x87_ready(cpu);
}

static enum exit mxcsr_ready(struct vcpu *cpu)
{
	/* If CR0.EM = 1; if CR4.OSFXSR = 0; if CR0.TS = 1. */
	if (!(cpu->cr0 & CR0_EM) && !(cpu->cr4 & CR4_OSFXSR))
		return cpu_raise(cpu, CHECK_UD_OSFXSR, 0);
	return fx_ready(cpu);
}

enum exit fpu_load_mxcsr(struct vcpu *cpu, gla_t gla)
{
	uint64_t v;

	TRY(lin_read(cpu, gla, 4, vcpu_mmu_idx(cpu), &v));
	/* For an attempt to set reserved bits in MXCSR. */
	if (v & ~MXCSR_MASK)
		return cpu_raise_aux(cpu, CHECK_GP_MXCSR, 0, v, MXCSR_MASK);
	cpu->fpu.mxcsr = v;
	fpu_mode_changed(cpu);
	return EXIT_NONE;
}

static enum exit ldmxcsr(struct vcpu *cpu, gla_t gla)
{
	TRY(mxcsr_ready(cpu));
	return fpu_load_mxcsr(cpu, gla);
}

/* Outside 64-bit mode XMM8 to XMM15 are neither saved nor restored: SDM Vol. 2 FXSAVE. */
static unsigned fx_size(const struct insn *in)
{
	return in->code == 8 ? 416 : 288;
}

static enum exit fxsave(struct vcpu *cpu, const struct insn *in, gla_t gla)
{
	TRY(fx_ready(cpu));
	/* If the memory operand is not aligned on a 16-byte boundary. */
	if (gla & 15)
		return cpu_raise_aux(cpu, CHECK_GP_ALIGN16, 0, gla, 0);
	if (mmu_write_buf(&cpu->mmu, gla, &cpu->fpu, fx_size(in), vcpu_mmu_idx(cpu)) != EXIT_NONE)
		return cpu_page_fault(cpu);
	return EXIT_NONE;
}

static enum exit fxrstor(struct vcpu *cpu, const struct insn *in, gla_t gla)
{
	struct fpu_state s = cpu->fpu;

	TRY(fx_ready(cpu));
	if (gla & 15)
		return cpu_raise_aux(cpu, CHECK_GP_ALIGN16, 0, gla, 0);
	if (mmu_read_buf(&cpu->mmu, gla, &s, fx_size(in), vcpu_mmu_idx(cpu)) != EXIT_NONE)
		return cpu_page_fault(cpu);
	if (s.mxcsr & ~MXCSR_MASK)
		return cpu_raise_aux(cpu, CHECK_GP_MXCSR, 0, s.mxcsr, MXCSR_MASK);
	s.mxcsr_mask = MXCSR_MASK;
	cpu->fpu = s;
	fpu_mode_changed(cpu);
	return EXIT_NONE;
}

static enum exit unknown(struct vcpu *cpu, const struct insn *in)
{
	UNIMP(cpu->log, "FP instruction %s: #UD\n", in->id < INSN_COUNT ? insn_rows[in->id].id : "?");
	return cpu_raise(cpu, CHECK_UD_OPCODE, 0);
}

enum exit fpu_exec(struct vcpu *cpu, const struct insn *in, gla_t gla)
{
	enum exit ex;
	bool known;

	if (in->map == 0)
		return fpu_x87(cpu, in, gla);
	if (in->map == 1 && in->opcode == 0xAE && in->has_mem && !in->vex && !in->pp) {
		switch (in->reg & 7) {
		case 0:
			return fxsave(cpu, in, gla);
		case 1:
			return fxrstor(cpu, in, gla);
		case 2:
			return ldmxcsr(cpu, gla);
		case 3:
			TRY(mxcsr_ready(cpu));
			return lin_write(cpu, gla, 4, vcpu_mmu_idx(cpu), cpu->fpu.mxcsr);
		case 4:
		case 6:
			return fpu_xsave(cpu, in, gla);
		case 5:
			return fpu_xrstor(cpu, in, gla);
		}
	}
	ex = simd_exec(cpu, in, gla, &known);
	if (known)
		return ex;
	ex = vex_exec(cpu, in, gla, &known);
	if (known)
		return ex;
	return unknown(cpu, in);
}
