/* paging.c - random page tables and accesses: 32-bit and PAE, every bit combination, page-crossing, A and D bits. */
#include "ring0.h"

#define TABLES 0x100000u /* PAE: pointers; then directory, table of the case, table of the first 2 MB */
#define WINDOW 0x400000u /* linear: the pages of the case, two of them */
#define FRAME 0x180000u	 /* physical: what they map */

static void put_entry(uint32_t at, unsigned pae, unsigned i, uint64_t v)
{
	if (pae)
		((volatile uint64_t *)at)[i] = v;
	else
		((volatile uint32_t *)at)[i] = v;
}

uint64_t page_bits(unsigned pae, unsigned large)
{
	uint64_t v = (rnd() & 0x166) | (pick(8) ? 1 : 0) | (pick(4) ? 4 : 0); /* U RW A D G */

	if (pae && !pick(4))
		v |= 1ull << 63;
	if (!pick(16) && large)
		v |= 1u << (13 + pick(8)); /* reserved in a large page */
	if (pae && !pick(24))
		v |= 1ull << (52 + pick(10));
	return v;
}

/* The first 2 MB as they are: the supervisor's but, for a case at level 3, its code and stack. */
static void identity(unsigned pae, unsigned level)
{
	for (unsigned i = 0; i < 1024; i++)
		((volatile uint32_t *)TABLES)[i] = ((volatile uint32_t *)(TABLES + 0x1000))[i] = 0;
	if (pae)
		put_entry(TABLES, 1, 0, (TABLES + 0x1000) | 1);
	put_entry(pae ? TABLES + 0x1000 : TABLES, pae, 0, (TABLES + 0x3000) | 7);
	for (unsigned i = 0; i < 512; i++)
		put_entry(TABLES + 0x3000, pae, i, i << 12 | 3 | ((i == 8 || i == 9) && level ? 4 : 0));
}

void case_paging(void)
{
	static const char *const reads[] = {"\x8A\x03", "\x8B\x03", "\x88\x03", "\x89\x03", "\xFF\xE3", "\x01\x03"};
	unsigned pae = pick(2), large = !pick(4), smep = pick(2), smap = pick(2), wp = pick(2), k = pick(6);
	uint32_t dir = pae ? TABLES + 0x1000 : TABLES, table = TABLES + 0x2000, cr4, cr0, lo = 0, hi = 0;
	uint64_t pde = page_bits(pae, large), pte[2] = {page_bits(pae, 0), page_bits(pae, 0)};

	enter_at(pick(2) * 3);
	identity(pae, in.level);
	pde |= large ? (WINDOW | 0x80) & ~0u : table;
	if (large)
		pde = (pde & ~0x400000ull) | 0; /* to physical 0, so that code and data are there */
	put_entry(dir, pae, pae ? 2 : 1, pde);
	for (unsigned i = 0; i < 1024; i++)
		((volatile uint32_t *)table)[i] = 0;
	for (unsigned i = 0; i < 2; i++)
		put_entry(table, pae, i, pte[i] | (FRAME + i * 0x1000));
	for (unsigned i = 0; i < 0x2000; i += 2)
		*(volatile uint16_t *)(FRAME + i) = 0x81CD;
	in.ebx = WINDOW + (pick(3) ? pick(0x7F0) * 2 : 0xFFD + pick(4)) + (large ? STUBS : 0);
	if (k == 4)
		in.ebx &= ~1u;
	if (k == 4 && large)
		in.ebx = WINDOW + STUBS + 0x100 + pick(64) * 2;
	in.eflags |= pick(2) ? 0x40000 : 0;
	note("pae", pae);
	note("level", in.level);
	note("pde.hi", pde >> 32);
	note("lo", pde);
	for (unsigned i = 0; i < 2; i++) {
		note("pte.hi", pte[i] >> 32);
		note("lo", pte[i]);
	}
	note("at", in.ebx);
	note("op", k);
	note("smep", smep);
	note("smap", smap);
	note("wp", wp);
	note("ac", in.eflags >> 18);
	emit(reads[k], 2);
	emit_end();
	__asm__ volatile("mov %%cr4, %0; mov %%cr0, %1" : "=r"(cr4), "=r"(cr0));
	((volatile uint32_t *)TSS_DF)[7] = TABLES;
	__asm__ volatile("mov %0, %%cr4" : : "r"((cr4 & ~0x3000B0u) | 0x10 | pae << 5 | smep << 20 | smap << 21));
	if (pae)
		__asm__ volatile("rdmsr; or $0x800, %%eax; wrmsr" : : "c"(0xC0000080) : "eax", "edx");
	__asm__ volatile("mov %0, %%cr3; mov %1, %%cr0" : : "r"(TABLES), "r"((cr0 & ~0x10000u) | 0x80000000u | wp << 16));
	run_case();
	__asm__ volatile("mov %0, %%cr0" : : "r"(cr0));
	if (pae)
		__asm__ volatile("rdmsr; and $~0x800, %%eax; wrmsr" : : "c"(0xC0000080) : "eax", "edx");
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4));
	/* accessed and dirty bits */
	lo = ((volatile uint32_t *)dir)[(pae ? 2 : 1) << pae] & 0x60;
	hi = (((volatile uint32_t *)table)[0] & 0x60) << 8 | (((volatile uint32_t *)table)[1 << pae] & 0x60) << 16;
	out.ebx = lo | hi;
	out.eax = out.vec == 0x81 ? out.eax : 0;
}
