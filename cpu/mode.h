/*
 * mode.h - the operating mode as one word: everything a translation depends on besides its bytes.
 *
 * A fact that is in the key costs nothing at run time; a fact that is not is tested. CPL is in, IOPL is not.
 */
#ifndef CPU_MODE_H
#define CPU_MODE_H

#include "cpu/vcpu.h"
#include "mmu/window.h"

#define MODE_CODE_MASK 0x3u	/* 0: 16-bit, 1: 32-bit, 2: 64-bit code */
#define MODE_CODE16 0u
#define MODE_CODE32 1u
#define MODE_CODE64 2u
#define MODE_SS32 BIT(2)	/* stack address size 32 (16 when clear); clear in 64-bit code, where it is 64 */
#define MODE_CPL_SHIFT 3	/* 2 bits */
#define MODE_PE BIT(5)
#define MODE_VM BIT(6)
#define MODE_FLAT_ES BIT(7)	/* base 0, limit 4G, readable and writable; BIT(7 + SEG_x) */
#define MODE_FLAT_CS BIT(8)	/* for CS: base 0, limit 4G, readable */
#define MODE_FLAT_SS BIT(9)
#define MODE_FLAT_DS BIT(10)
#define MODE_FLAT_FS BIT(11)
#define MODE_FLAT_GS BIT(12)
#define MODE_NOLIM_FS BIT(13)	/* limit 4G, readable and writable, any base (always in 64-bit code) */
#define MODE_NOLIM_GS BIT(14)
#define MODE_ONE BIT(15)	/* one instruction per block, never linked: TF, shadow, debug, partial page */
#define MODE_NOX87 BIT(16)	/* CR0.EM or CR0.TS: x87/MMX go to the helper, which raises */
#define MODE_NOSSE BIT(17)	/* EM, TS or !CR4.OSFXSR */
#define MODE_NOAVX BIT(18)	/* TS, !OSXSAVE, XCR0 lacks SSE|AVX, real or virtual-8086 mode: always #UD or #NM */
#define MODE_X87SLOW BIT(19)	/* FCW unmasks an exception, or one is pending: not native */
#define MODE_SSESLOW BIT(20)	/* MXCSR unmasks an exception */
#define MODE_SMAP BIT(21)	/* data accesses use MMU_SMAP */
#define MODE_AC BIT(22)		/* alignment checks are on */
#define MODE_ICOUNT BIT(23)
#define MODE_LMA BIT(24)	/* IA-32e mode (compatibility when code is 16/32) */
#define MODE_CS_4G BIT(26)	/* CS limit 4G: no near branch can pass it (16- and 32-bit code) */
#define MODE_CS_64K BIT(27)	/* CS limit >= FFFFh: none with 16-bit operand size can */
#define MODE_EDGE BIT(28)	/* 64-bit code from where a direct branch may leave the canonical addresses */
#define MODE_EDGE_NEAR BIT(29)	/* ... and even one of less than MODE_NEAR_BYTES */
#define MODE_NEAR_BYTES (16 << 20)
#define MODE_WIN BIT(30)	/* 32- or 64-bit code at CPL 3 or 0 that has a window (mmu/window.h) */
#define MODE_FAR BIT(31)	/* ... of 64-bit code, and it is window_far() */
#define MODE_V8086_IOPL3 BIT(25) /* VM=1 and IOPL=3: CLI/PUSHF... are free */

uint32_t mode_key(const struct vcpu *cpu); /* but MODE_WIN */
/* What kind of window would be good for this code? There must be windows. */
enum window_kind mode_window(const struct vcpu *cpu);
/* mode_set() - cpu->mode anew, with MODE_WIN: a window is entered or left */
void mode_set(struct vcpu *cpu);
/* cpu->mode after a load of ES, DS, FS or GS */
void mode_seg_loaded(struct vcpu *cpu, unsigned seg);

static inline unsigned mode_code_size(uint32_t mode) /* bytes: 2, 4, 8 */
{
	return 2u << (mode & MODE_CODE_MASK);
}

static inline unsigned mode_cpl(uint32_t mode)
{
	return mode >> MODE_CPL_SHIFT & 3;
}

static inline enum mmu_idx mode_mmu_idx(uint32_t mode)
{
	return mode_cpl(mode) == 3 ? MMU_USER : mode & MODE_SMAP ? MMU_SMAP : MMU_SUP;
}

#endif
