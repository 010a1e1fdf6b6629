/*
 * control.c - control registers, EFER, XCR0: who may set which bit when, and what must be forgotten
 * after.
 *
 * Source: Intel SDM Vol. 3A 2.5 "Control Registers", 4.1.2 "Paging-Mode Enabling", 4.4.1, 4.10.4
 * "Invalidation of TLBs", 9.8.5 "Initializing IA-32e Mode"; Vol. 2 MOV CR, LMSW, CLTS, INVLPG,
 * INVPCID, XSETBV.
 */
#include "cpu/ring0/history.h"
#include "cpu/ring0/priv.h"

#define CR0_KNOWN                                                                                  \
	(CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | \
		CR0_PG)

static bool pae_paging(const struct vcpu *cpu, uint64_t cr0, uint64_t cr4)
{
	return (cr0 & CR0_PG) && (cr4 & CR4_PAE) && !(cpu->efer & EFER_LME);
}

static enum exit load_pdptes(struct vcpu *cpu, uint64_t cr3)
{
	/* If a reserved bit is set in a present PDPTE. */
	if (!walk_load_pdptes(&cpu->mmu.pg, cpu->mmu.mem, cr3))
		return cpu_raise_aux(cpu, CHECK_GP_PDPTE, 0, cr3, 0);
	return EXIT_NONE;
}

static enum exit check_cr0(struct vcpu *cpu, uint64_t v)
{
	bool pg_on = (v & CR0_PG) && !(cpu->cr0 & CR0_PG),
	     pg_off = !(v & CR0_PG) && (cpu->cr0 & CR0_PG);

	/* If an attempt is made to set any reserved bit of CR0[63:32]. */
	if (v >> 32)
		return cpu_raise_aux(cpu, CHECK_GP_CR0_UPPER, 0, v, 0);
	/* If an attempt is made to set the PG flag while the PE flag is 0. */
	if ((v & CR0_PG) && !(v & CR0_PE))
		return cpu_raise_aux(cpu, CHECK_GP_CR0_PG_PE, 0, v, 0);
	/* If an attempt is made to set the NW flag while the CD flag is 0. */
	if ((v & CR0_NW) && !(v & CR0_CD))
		return cpu_raise_aux(cpu, CHECK_GP_CR0_NW_CD, 0, v, 0);
	/* If an attempt is made to activate IA-32e mode without PAE, from a code segment with L =
	 * 1, with a 16-bit TSS. */
	if (pg_on && (cpu->efer & EFER_LME) &&
		(!(cpu->cr4 & CR4_PAE) || (cpu->seg[SEG_CS].attr & SEGA_L) ||
			(cpu->tr.attr & SEGA_TYPE) == SYS_TSS16_BUSY))
		return cpu_raise_aux(cpu, CHECK_GP_CR0_LONG, 0, v, cpu->cr4);
	/* If an attempt is made to clear PG in 64-bit mode, or while CR4.PCIDE = 1. */
	if (pg_off && (is_code64(cpu) || (cpu->cr4 & CR4_PCIDE)))
		return cpu_raise_aux(cpu, CHECK_GP_CR0_PG_LONG, 0, v, cpu->cr4);
	return EXIT_NONE;
}

static void log_mode(struct vcpu *cpu, uint64_t old)
{
	if (!((old ^ cpu->cr0) & (CR0_PE | CR0_PG)))
		return;
	cpu_transition(cpu, TR_MODE, 0, (uint32_t)cpu->cr0 | cpu->efer << 32);
}

enum exit control_write_cr0(struct vcpu *cpu, uint64_t v)
{
	uint64_t old = cpu->cr0, diff;

	cpu->from = spot_now(cpu, 0);
	TRY(check_cr0(cpu, v));
	v = (v & CR0_KNOWN) | CR0_ET;
	diff = v ^ old;
	if ((diff & (CR0_PG | CR0_CD | CR0_NW)) && pae_paging(cpu, v, cpu->cr4))
		TRY(load_pdptes(cpu, cpu->cr3));
	cpu->cr0 = v;
	if ((diff & CR0_PG) && (cpu->efer & EFER_LME))
		cpu->efer = v & CR0_PG ? cpu->efer | EFER_LMA : cpu->efer & ~EFER_LMA;
	if (diff & CR0_PE)
		seg_derive_all(cpu);
	if (diff & (CR0_PG | CR0_WP | CR0_PE))
		tlb_flush(&cpu->mmu, true);
	vcpu_update(cpu);
	log_mode(cpu, old);
	return EXIT_NONE;
}

static enum exit write_cr3(struct vcpu *cpu, uint64_t v)
{
	if (vcpu_long(cpu)) {
		if (cpu->cr4 & CR4_PCIDE)
			v &= ~BIT(63); /* "do not flush" is a permission, not a duty */
		/* If an attempt is made to set reserved bits of CR3 (at or above MAXPHYADDR). */
		if (v >> cpu->maxphyaddr)
			return cpu_raise_aux(cpu, CHECK_GP_CR3_RESERVED, 0, v, cpu->maxphyaddr);
	} else {
		v &= UINT32_MAX;
	}
	if (pae_paging(cpu, cpu->cr0, cpu->cr4))
		TRY(load_pdptes(cpu, v));
	cpu->cr3 = v;
	vcpu_update(cpu);
	tlb_flush(&cpu->mmu, false); /* global pages stay, whatever the PCID */
	cpu->from = spot_now(cpu, 0);
	cpu_transition(cpu, TR_CR3, 0, 0);
	return EXIT_NONE;
}

uint64_t control_cr4_known(const struct vcpu *cpu)
{
	static const struct {
		uint8_t feature;
		uint64_t bits;
	} by_feature[] = {
		{FEAT_VME, CR4_VME | CR4_PVI},
		{FEAT_TSC, CR4_TSD},
		{FEAT_DE, CR4_DE},
		{FEAT_PSE, CR4_PSE},
		{FEAT_PAE, CR4_PAE},
		{FEAT_MCE, CR4_MCE},
		{FEAT_PGE, CR4_PGE},
		{FEAT_P6, CR4_PCE},
		{FEAT_FXSR, CR4_OSFXSR},
		{FEAT_SSE, CR4_OSXMMEXCPT},
		{FEAT_UMIP, CR4_UMIP},
		{FEAT_FSGSBASE, CR4_FSGSBASE},
		{FEAT_PCID, CR4_PCIDE},
		{FEAT_XSAVE, CR4_OSXSAVE},
		{FEAT_SMEP, CR4_SMEP},
		{FEAT_SMAP, CR4_SMAP},
	};
	uint64_t known = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(by_feature); i++)
		if (feature_has(&cpu->features, by_feature[i].feature))
			known |= by_feature[i].bits;
	return known;
}

static enum exit write_cr4(struct vcpu *cpu, uint64_t v)
{
	uint64_t diff = v ^ cpu->cr4;

	/* If an attempt is made to write a 1 to any reserved bit in CR4. */
	if (v & ~control_cr4_known(cpu))
		return cpu_raise_aux(cpu, CHECK_GP_CR4_RESERVED, 0, v, control_cr4_known(cpu));
	/* If an attempt is made to clear CR4.PAE while IA-32e mode is active. */
	if (vcpu_long(cpu) && !(v & CR4_PAE))
		return cpu_raise_aux(cpu, CHECK_GP_CR4_PAE_LONG, 0, v, 0);
	/* If an attempt is made to set CR4.PCIDE outside IA-32e mode or while CR3[11:0] is not
	 * 000H. */
	if ((diff & v & CR4_PCIDE) && (!vcpu_long(cpu) || (cpu->cr3 & 0xFFF)))
		return cpu_raise_aux(cpu, CHECK_GP_CR4_PCIDE, 0, v, cpu->cr3);
	if ((diff & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP)) && pae_paging(cpu, cpu->cr0, v))
		TRY(load_pdptes(cpu, cpu->cr3));
	cpu->cr4 = v;
	if (diff & (CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCIDE | CR4_SMEP | CR4_SMAP))
		tlb_flush(&cpu->mmu, true);
	if (diff & CR4_DE)
		debug_rearm(cpu);
	vcpu_update(cpu);
	return EXIT_NONE;
}

enum exit control_write_efer(struct vcpu *cpu, uint64_t v)
{
	uint64_t known = EFER_LMA, diff = v ^ cpu->efer;

	if (feature_has(&cpu->features, FEAT_SYSCALL))
		known |= EFER_SCE;
	if (feature_has(&cpu->features, FEAT_LM))
		known |= EFER_LME;
	if (feature_has(&cpu->features, FEAT_NX))
		known |= EFER_NXE;
	/* If the value contains a reserved bit. */
	if (v & ~known)
		return cpu_raise_aux(cpu, CHECK_GP_MSR_RESERVED, 0, 0xC0000080, v);
	/* If an attempt is made to change IA32_EFER.LME while paging is enabled. */
	if ((diff & EFER_LME) && (cpu->cr0 & CR0_PG))
		return cpu_raise_aux(cpu, CHECK_GP_EFER_LME, 0, v, cpu->cr0);
	cpu->efer = (v & ~EFER_LMA) | (cpu->efer & EFER_LMA);
	if (diff & EFER_NXE)
		tlb_flush(&cpu->mmu, true);
	vcpu_update(cpu);
	return EXIT_NONE;
}

static enum exit write_cr8(struct vcpu *cpu, uint64_t v)
{
	/* If an attempt is made to write a 1 to any reserved bit in CR8. */
	if (v > 15)
		return cpu_raise_aux(cpu, CHECK_GP_CR8_RESERVED, 0, v, 0);
	if (cpu->wires.set_cr8)
		cpu->wires.set_cr8(cpu->wires.opaque, v);
	return EXIT_NONE;
}

enum exit h_mov_cr_to(struct vcpu *cpu, uint64_t cr, uint64_t v, uint64_t c)
{
	TRY(ring0_gate(cpu, GATE_MOV_CR));
	if (!is_code64(cpu))
		v &= UINT32_MAX;
	switch (cr) {
	case 0:
		return control_write_cr0(cpu, v);
	case 2:
		cpu->cr2 = v;
		return EXIT_NONE;
	case 3:
		return write_cr3(cpu, v);
	case 4:
		return write_cr4(cpu, v);
	case 8:
		return write_cr8(cpu, v);
	}
	/* If CR1, CR5, CR6, CR7 or CR9 to CR15 is accessed. */
	return cpu_raise(cpu, CHECK_UD_CR, 0);
}

enum exit h_mov_cr_from(struct vcpu *cpu, uint64_t cr, uint64_t b, uint64_t c)
{
	TRY(ring0_gate(cpu, GATE_MOV_CR));
	switch (cr) {
	case 0:
		cpu->ret = cpu->cr0;
		return EXIT_NONE;
	case 2:
		cpu->ret = cpu->cr2;
		return EXIT_NONE;
	case 3:
		cpu->ret = cpu->cr3;
		return EXIT_NONE;
	case 4:
		cpu->ret = cpu->cr4;
		return EXIT_NONE;
	case 8:
		cpu->ret = cpu->wires.get_cr8 ? cpu->wires.get_cr8(cpu->wires.opaque) : 0;
		return EXIT_NONE;
	}
	return cpu_raise(cpu, CHECK_UD_CR, 0);
}

enum exit h_lmsw(struct vcpu *cpu, uint64_t v, uint64_t b, uint64_t c)
{
	TRY(ring0_gate(cpu, GATE_LMSW));
	v = (v & 0xF) | (cpu->cr0 & CR0_PE); /* LMSW cannot clear PE */
	return control_write_cr0(cpu, (cpu->cr0 & ~0xFull) | v);
}

enum exit h_smsw(struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
	TRY(ring0_gate(cpu, GATE_SMSW));
	cpu->ret = cpu->cr0;
	return EXIT_NONE;
}

enum exit h_clts(struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
	TRY(ring0_gate(cpu, GATE_CLTS));
	cpu->cr0 &= ~CR0_TS;
	vcpu_update(cpu);
	return EXIT_NONE;
}

enum exit h_invlpg(struct vcpu *cpu, uint64_t gla, uint64_t b, uint64_t c)
{
	TRY(ring0_gate(cpu, GATE_INVLPG));
	tlb_flush_page(&cpu->mmu, gla); /* a non-canonical address does nothing: no entry matches */
	return EXIT_NONE;
}

enum exit h_invpcid(struct vcpu *cpu, uint64_t type, uint64_t gla, uint64_t c)
{
	uint64_t lo, hi;

	TRY(ring0_gate(cpu, GATE_INVPCID));
	TRY(lin_read(cpu, gla, 8, vcpu_mmu_idx(cpu), &lo));
	TRY(lin_read(cpu, gla + 8, 8, vcpu_mmu_idx(cpu), &hi));
	/* If an invalid type is specified; if bits 63:12 of the descriptor are not all zero. */
	if (type > 3 || (lo & ~0xFFFull))
		return cpu_raise_aux(cpu, CHECK_GP_INVPCID, 0, type, lo);
	/* If PCIDs are off and the descriptor names one; if type 0 has a non-canonical address. */
	if ((type < 2 && !(cpu->cr4 & CR4_PCIDE) && lo) || (type == 0 && !canonical(hi)))
		return cpu_raise_aux(cpu, CHECK_GP_INVPCID, 0, lo, hi);
	if (type == 0)
		tlb_flush_page(&cpu->mmu, hi);
	else
		tlb_flush(&cpu->mmu, type == 2);
	return EXIT_NONE;
}

static enum exit cache_op(struct vcpu *cpu, enum gate_insn g) /* no caches are modelled */
{
	return ring0_gate(cpu, g);
}

enum exit h_invd(struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
	return cache_op(cpu, GATE_INVD);
}

enum exit h_wbinvd(struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
	return cache_op(cpu, GATE_WBINVD);
}

enum exit h_clac(struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
	TRY(ring0_gate(cpu, GATE_CLAC));
	cpu->eflags &= ~(uint32_t)FL_AC;
	mode_refresh(cpu);
	return EXIT_NONE;
}

enum exit h_stac(struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
	TRY(ring0_gate(cpu, GATE_STAC));
	cpu->eflags |= FL_AC;
	mode_refresh(cpu);
	return EXIT_NONE;
}

/* XSETBV and XGETBV: #UD unless CR4.OSXSAVE */
static enum exit need_osxsave(struct vcpu *cpu)
{
	/* If CR4.OSXSAVE[bit 18] = 0. */
	return cpu->cr4 & CR4_OSXSAVE ? EXIT_NONE : cpu_raise(cpu, CHECK_UD_OSXSAVE, 0);
}

enum exit h_xgetbv(struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
	TRY(need_osxsave(cpu));
	/* If an invalid XCR is specified in ECX. */
	if ((uint32_t)cpu->gpr[GPR_RCX] != 0)
		return cpu_raise_aux(cpu, CHECK_GP_XCR, 0, cpu->gpr[GPR_RCX], 0);
	cpu->gpr[GPR_RAX] = (uint32_t)cpu->xcr0;
	cpu->gpr[GPR_RDX] = cpu->xcr0 >> 32;
	return EXIT_NONE;
}

enum exit h_xsetbv(struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t v = (uint32_t)cpu->gpr[GPR_RAX] | cpu->gpr[GPR_RDX] << 32;
	uint64_t known = feature_has(&cpu->features, FEAT_AVX) ? 7 : 3;

	TRY(need_osxsave(cpu));
	TRY(ring0_gate(cpu, GATE_XSETBV));
	/* If an invalid XCR is specified; a reserved bit or bit 0 clear; AVX without SSE. */
	if ((uint32_t)cpu->gpr[GPR_RCX] != 0 || (v & ~known) || !(v & 1) || (v & 6) == 4)
		return cpu_raise_aux(cpu, CHECK_GP_XCR, 0, cpu->gpr[GPR_RCX], v);
	cpu->xcr0 = v;
	mode_refresh(cpu);
	return EXIT_NONE;
}
