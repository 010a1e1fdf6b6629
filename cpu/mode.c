/*
 * mode.c - the mode key: what the registers say about how code must be translated.
 */
#include "cpu/ring0/priv.h"
#include "cpu/mode.h"
#include "mmu/window.h"

/*
 * Without branches: this runs at every segment load and every transition. GS of protected-mode code outside ring 3 never
 * counts: a kernel that does not use it leaves in it what the program had, and would be translated for each kind of that.
 */
static uint32_t flat_bit(const struct vcpu *cpu, unsigned i)
{
	const struct seg *s = &cpu->seg[i];
	bool nolim = !(s->rlo | ~s->rhi | (i == SEG_CS ? 0 : s->wlo | ~s->whi));
	uint32_t key = (uint32_t)(nolim & !s->base) * MODE_FLAT_ES << i;

	key |= i == SEG_FS ? nolim * MODE_NOLIM_FS : 0;
	key |= i == SEG_GS ? nolim * MODE_NOLIM_GS : 0;
	return i == SEG_GS && cpu->cpl < 3 && (cpu->cr0 & CR0_PE) && !(cpu->opts_off & CPU_OPT_KEYGS) ? 0 : key;
}

/*
 * 64-bit code: base is 0 but for FS and GS, limits are ignored. FS and GS never count as flat, even
 * with base 0: SWAPGS and WRxSBASE change the base within a block.
 */
#define FLAT_64                                                                                    \
	(MODE_FLAT_ES | MODE_FLAT_CS | MODE_FLAT_SS | MODE_FLAT_DS | MODE_NOLIM_FS | MODE_NOLIM_GS)

static uint32_t fp_bits(const struct vcpu *cpu)
{
	uint32_t key = 0;
	unsigned unmasked = ~cpu->fpu.fcw & 0x3F;

	if (cpu->cr0 & (CR0_EM | CR0_TS))
		key |= MODE_NOX87 | MODE_NOSSE;
	if (!(cpu->cr4 & CR4_OSFXSR))
		key |= MODE_NOSSE;
	/* AVX asks neither CR0.EM nor CR4.OSFXSR: SDM Vol. 2A 2.4 */
	if ((cpu->cr0 & CR0_TS) || !(cpu->cr4 & CR4_OSXSAVE) || (cpu->xcr0 & 6) != 6 || !(cpu->cr0 & CR0_PE) ||
		(cpu->eflags & FL_VM))
		key |= MODE_NOAVX;
	if (unmasked || (cpu->fpu.fsw & 0x80))
		key |= MODE_X87SLOW;
	if (~cpu->fpu.mxcsr & 0x1F80)
		key |= MODE_SSESLOW;
	return key;
}

/* What segment registers say about 16- and 32-bit code; 64-bit code asks none of it, and is not to be translated twice. */
static uint32_t segment_bits(const struct vcpu *cpu)
{
	uint32_t key = cpu->seg[SEG_CS].attr & SEGA_DB ? MODE_CODE32 : MODE_CODE16;

	for (unsigned i = 0; i < SEG_COUNT; i++)
		key |= flat_bit(cpu, i);
	if (cpu->seg[SEG_SS].attr & SEGA_DB)
		key |= MODE_SS32;
	if (cpu->seg[SEG_CS].limit == UINT32_MAX)
		key |= MODE_CS_4G;
	if (cpu->seg[SEG_CS].limit >= 0xFFFF)
		key |= MODE_CS_64K;
	return key;
}

void mode_seg_loaded(struct vcpu *cpu, unsigned seg)
{
	uint32_t mask = MODE_FLAT_ES << seg;

	BUG_ON(seg == SEG_CS || seg == SEG_SS);
	if (UNLIKELY(cpu->opts_off & CPU_OPT_KEYSEG)) {
		cpu->mode = mode_key(cpu);
		return;
	}
	if (is_code64(cpu))
		return;
	mask |= seg == SEG_FS ? MODE_NOLIM_FS : seg == SEG_GS ? MODE_NOLIM_GS : 0;
	cpu->mode = (cpu->mode & ~mask) | flat_bit(cpu, seg);
}

uint32_t mode_key(const struct vcpu *cpu)
{
	uint32_t key = (uint32_t)cpu->cpl << MODE_CPL_SHIFT;

	key |= is_code64(cpu) ? MODE_CODE64 | FLAT_64 : segment_bits(cpu);
	/* of no meaning there: each kind of SS has its translations, for comparison */
	if (UNLIKELY(cpu->opts_off & CPU_OPT_KEY64) && is_code64(cpu) && (cpu->seg[SEG_SS].attr & SEGA_P))
		key |= MODE_SS32;
	if (cpu->cr0 & CR0_PE)
		key |= MODE_PE;
	if (cpu->eflags & FL_VM) {
		key |= MODE_VM;
		if (iopl(cpu) == 3)
			key |= MODE_V8086_IOPL3;
	}
	if (cpu->efer & EFER_LMA)
		key |= MODE_LMA;
	key |= fp_bits(cpu);
	if ((cpu->eflags & FL_TF) || cpu->shadow || cpu->one || debug_armed(cpu))
		key |= MODE_ONE;
	if (vcpu_mmu_idx(cpu) == MMU_SMAP)
		key |= MODE_SMAP;
	if ((cpu->cr0 & CR0_AM) && (cpu->eflags & FL_AC) && cpu->cpl == 3)
		key |= MODE_AC;
	return key | (cpu->mode & MODE_ICOUNT);
}

enum window_kind mode_window(const struct vcpu *cpu)
{
	bool code64 = is_code64(cpu);

	if (code64 ? !windows_table(&cpu->mmu) : !(cpu->seg[SEG_CS].attr & SEGA_DB))
		return WINDOW_NONE;
	if (cpu->cpl == 0)
		return code64 ? WINDOW_SUP64 : WINDOW_SUP32;
	if (cpu->cpl != 3 || !(cpu->cr0 & CR0_PG) || (cpu->eflags & (FL_VM | FL_AC)))
		return WINDOW_NONE;
	return code64 ? WINDOW_64 : WINDOW_32;
}

void mode_set(struct vcpu *cpu)
{
	uint32_t key = mode_key(cpu);

	if (UNLIKELY(cpu->mmu.win != NULL)) {
		enum window_kind kind = mode_window(cpu);

		if (kind != WINDOW_NONE && window_enter(&cpu->mmu, kind))
			key |= MODE_WIN | (window_far(&cpu->mmu) ? MODE_FAR : 0);
		else
			window_leave(&cpu->mmu);
	}
	cpu->mode = key;
}
