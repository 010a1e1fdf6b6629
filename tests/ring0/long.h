/* long.h - cases of IA-32e mode: what goes in and comes out, tables, shared by long.c and long_soup.c. */
#ifndef TESTS_RING0_LONG_H
#define TESTS_RING0_LONG_H

#include "ring0.h"

/* Offsets are known to long_entry.S */
struct long_regs {
	uint64_t r[16];			/* 0; RSP is r[4] */
	uint64_t rip, cs, rflags, ss, unused; /* 128 136 144 152 160 */
	uint32_t ds, es, fs, gs;	/* 168 172 176 180 */
	uint32_t fs_base[2], gs_base[2], kernel_gs[2]; /* 184 192 200 */
	uint32_t vec, vec_hi;		/* 208 */
	uint64_t err, cr2, handler_rsp; /* 216 224 232 */
	uint32_t handler_ss, dr7;	/* 240 244; DR7 and the breakpoints are loaded last */
	uint64_t dr[4];			/* 248 */
};

#define lin (*(struct long_regs *)0x120000)
#define lout (*(struct long_regs *)0x120200)
extern uint32_t long_cr0, long_cr4;
extern uint8_t stubs64[], stub64_81[], nmi64[];
void run_long(void);

#define IDT64 ((volatile uint64_t *)0x121000)
#define SEL_LONG(dpl) (0x100 + (dpl) * 8 + (dpl))
#define PML4 0x100000u
#define PDPT 0x101000u
#define PD 0x102000u
#define PT 0x103000u
#define IST1 0x8E000u /* #DF */
#define IST2 0x8F000u /* NMI */
#define IST3 0x8D000u /* everything else */

uint64_t rnd64(void);
uint64_t gate64(uint32_t sel, uint64_t off, uint32_t attr, unsigned ist, unsigned half); /* half 1: the upper 8 bytes */
void long_begin(unsigned level, int user_pages); /* tables and `lin` for 64-bit code at STUBS at @level */
void long_run(void);
void long_line(void); /* the rest of the case's line */
void note64(const char *name, uint64_t v);

void case_long_far(void);
void case_long_gate(void);
void case_long_paging(void);
void case_long_fast(void);
void case_long_soup(void);
void case_long_debug(void);

#endif
