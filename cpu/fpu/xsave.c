/*
 * xsave.c - XSAVE, XSAVEOPT and XRSTOR, standard form: the state components that XCR0 and EDX:EAX name.
 *
 * struct fpu_state has the layout of the XSAVE area, so a component is a copy. XSAVEOPT saves
 * everything asked for: the optimisations are permissions, not duties (SDM Vol. 1 13.9).
 * Source: Intel SDM Vol. 1 13.7 "Operation of XSAVE", 13.8 "Operation of XRSTOR".
 */
#include "cpu/fpu/priv.h"
#include <string.h>

#define COMP_X87 1u
#define COMP_SSE 2u
#define COMP_AVX 4u
#define HEADER_END 576u /* of the legacy region and the header: always part of the area */
#define AREA_END 832u

/* Byte ranges of the area that belong to each component, and what of each is there outside 64-bit mode. */
static const struct {
	uint32_t comp;
	uint16_t off, len, len32;
} pieces[] = {{COMP_X87, 0, 24, 24}, {COMP_X87, 32, 128, 128}, {COMP_SSE, 160, 256, 128}, {COMP_AVX, 576, 256, 128}};

static unsigned piece_len(const struct insn *in, unsigned i)
{
	return in->code == 8 ? pieces[i].len : pieces[i].len32;
}

/*
 * The area ends with its last component asked for. More must not be touched: Linux saves into a signal frame of just
 * that size and would fault for ever on the page behind it.
 */
static unsigned area_end(const struct insn *in, uint64_t rfbm)
{
	return rfbm & COMP_AVX ? in->code == 8 ? AREA_END : AREA_END - 128 : HEADER_END;
}

static enum exit available(struct vcpu *cpu, gla_t gla)
{
	/* #UD if CR4.OSXSAVE = 0 */
	if (!(cpu->cr4 & CR4_OSXSAVE))
		return cpu_raise(cpu, CHECK_UD_OSXSAVE, 0);
	/* #NM if CR0.TS = 1 */
	if (cpu->cr0 & CR0_TS)
		return cpu_raise(cpu, CHECK_NM_EM_TS, 0);
	/* #GP if the area is not aligned on a 64-byte boundary */
	if (gla & 63)
		return cpu_raise_aux(cpu, CHECK_GP_XSTATE, 0, gla, 0);
	return EXIT_NONE;
}

static uint64_t requested(const struct vcpu *cpu)
{
	uint64_t mask = cpu->gpr[GPR_RDX] << 32 | (uint32_t)cpu->gpr[GPR_RAX];

	return mask & cpu->xcr0;
}

enum exit fpu_xsave(struct vcpu *cpu, const struct insn *in, gla_t gla)
{
	enum mmu_idx idx = vcpu_mmu_idx(cpu);
	uint64_t rfbm = requested(cpu), bv;
	const uint8_t *s = (const uint8_t *)&cpu->fpu;

	TRY(available(cpu, gla));
	/* all of it must be writable before any of it is written */
	if (mmu_probe(&cpu->mmu, gla, area_end(in, rfbm), MMU_WRITE, idx))
		return cpu_page_fault(cpu);
	TRY(lin_read(cpu, gla + 512, 8, idx, &bv));
	for (unsigned i = 0; i < ARRAY_SIZE(pieces); i++)
		if ((rfbm & pieces[i].comp) &&
			mmu_write_buf(&cpu->mmu, gla + pieces[i].off, s + pieces[i].off, piece_len(in, i), idx))
			return cpu_page_fault(cpu);
	if (rfbm & (COMP_SSE | COMP_AVX))
		TRY(lin_write(cpu, gla + 24, 8, idx, (uint64_t)cpu->fpu.mxcsr_mask << 32 | cpu->fpu.mxcsr));
	return lin_write(cpu, gla + 512, 8, idx, (bv & ~rfbm) | rfbm);
}

/* A component whose bit is clear in the area's XSTATE_BV gets its initial configuration. */
static void init_component(struct fpu_state *s, uint32_t comp, unsigned len)
{
	if (comp == COMP_X87) {
		s->fcw = 0x37F;
		s->fsw = 0;
		s->ftw = 0;
		s->fop = 0;
		s->fip = s->fdp = 0;
		memset(s->st, 0, sizeof(s->st));
	} else if (comp == COMP_SSE) {
		memset(s->xmm, 0, len);
	} else {
		memset(s->ymmh, 0, len);
	}
}

/* Legacy region and header always, the rest only if it is to be loaded. */
static enum exit read_area(struct vcpu *cpu, const struct insn *in, gla_t gla, uint64_t rfbm, struct fpu_state *area)
{
	enum mmu_idx idx = vcpu_mmu_idx(cpu);
	unsigned end;

	if (mmu_read_buf(&cpu->mmu, gla, area, HEADER_END, idx))
		return cpu_page_fault(cpu);
	end = area_end(in, rfbm & area->xstate_bv);
	if (end > HEADER_END &&
		mmu_read_buf(&cpu->mmu, gla + HEADER_END, (uint8_t *)area + HEADER_END, end - HEADER_END, idx))
		return cpu_page_fault(cpu);
	return EXIT_NONE;
}

enum exit fpu_xrstor(struct vcpu *cpu, const struct insn *in, gla_t gla)
{
	uint64_t rfbm = requested(cpu), bv;
	struct fpu_state area, s = cpu->fpu;
	uint8_t *d = (uint8_t *)&s;

	TRY(available(cpu, gla));
	TRY(read_area(cpu, in, gla, rfbm, &area));
	bv = area.xstate_bv;
	/* #GP: XSTATE_BV sets a bit that XCR0 does not, or bytes 23:8 of the header are not zero */
	if ((bv & ~cpu->xcr0) || area.xcomp_bv || area.xres[0])
		return cpu_raise_aux(cpu, CHECK_GP_XSTATE, 0, bv, cpu->xcr0);
	if (rfbm & (COMP_SSE | COMP_AVX)) {
		/* #GP: reserved bits in MXCSR */
		if (area.mxcsr & ~cpu->fpu.mxcsr_mask)
			return cpu_raise_aux(cpu, CHECK_GP_MXCSR, 0, area.mxcsr, cpu->fpu.mxcsr_mask);
		s.mxcsr = area.mxcsr;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(pieces); i++) {
		if (!(rfbm & pieces[i].comp))
			continue;
		if (bv & pieces[i].comp)
			memcpy(d + pieces[i].off, (uint8_t *)&area + pieces[i].off, piece_len(in, i));
		else
			init_component(&s, pieces[i].comp, piece_len(in, i));
	}
	cpu->fpu = s;
	fpu_mode_changed(cpu);
	return EXIT_NONE;
}
