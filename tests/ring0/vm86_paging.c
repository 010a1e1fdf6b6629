/*
 * vm86_paging.c - virtual-8086 mode with paging: random page tables below the accesses of one instruction, the
 * stack, the I/O bitmap and the stack of the interrupt it ends in; IRET into the mode from a frame in such a page.
 *
 * Four pages are the case's: 30000h and 31000h, FF000h and, beyond the first megabyte, 100000h.
 */
#include "ring0.h"

#define CODE_SEG 0x800 /* STUBS */
#define TABLES 0x100000u
#define FRAME 0x180000u /* physical: what the four pages map */
#define HIGH_PORT 0x7BB8u /* its bit of the I/O bitmap is the last but 7 bits of a page */

static const uint16_t windows[] = {0x30, 0x31, 0xFF, 0x100};

/* Code ends in INT3, so that what is behind the instruction and what it branches to does, too. */
static const struct {
	uint8_t n;
	char bytes[6];
} code[] = {
	{2, "\x8A\x07"}, {2, "\x8B\x07"}, {2, "\x88\x07"}, {2, "\x89\x07"}, {2, "\x01\x07"}, {2, "\x87\x07"}, {3, "\x66\x8B\x07"},
	{3, "\x66\x89\x07"}, {3, "\x66\xFF\x37"}, {2, "\xFF\x37"}, {2, "\x8F\x07"}, {2, "\xF3\xA5"}, {2, "\xF3\xAB"}, {1, "\xA4"}, {2, "\xF3\xA6"},
	{2, "\xC4\x07"}, {2, "\xC5\x07"}, {3, "\x0F\xB2\x27"}, {2, "\xFF\x2F"}, {3, "\x66\xFF\x2F"}, {2, "\xFF\x27"}, {5, "\xEA\xFD\x0F\x00\x30"},
	{5, "\xEA\x0E\x00\xFF\xFF"}, {2, "\xCD\x50"}, {2, "\xCD\x50"}, {1, "\xCF"}, {1, "\xCF"}, {1, "\x9C"}, {1, "\x9D"}, {1, "\x50"}, {1, "\x58"},
	{1, "\xC3"}, {1, "\xCB"}, {1, "\xEF"}, {1, "\xEE"}, {2, "\x66\xEF"}, {1, "\x6E"}, {3, "\x0F\xAB\x07"}, {4, "\xF0\x0F\xC7\x0F"}, {1, "\xD7"},
	{2, "\x62\x07"}, {2, "\xFF\x07"}, {2, "\xF6\x17"}, {3, "\x0F\x01\x07"}, {2, "\x8E\x07"}, {2, "\x8C\x0F"}, {1, "\xF4"}, {2, "\xD9\x07"},
};

static void put_entry(uint32_t table, unsigned pae, unsigned i, uint64_t v)
{
	if (pae)
		((volatile uint64_t *)table)[i] = v;
	else
		((volatile uint32_t *)table)[i] = v;
}

/* The program's pages are the supervisor's, the mode's code and stack the user's. */
static void set_pages(unsigned pae)
{
	for (unsigned i = 0; i < 1024; i++)
		((volatile uint32_t *)TABLES)[i] = ((volatile uint32_t *)(TABLES + 0x1000))[i] = 0;
	if (pae)
		put_entry(TABLES, 1, 0, (TABLES + 0x1000) | 1);
	put_entry(pae ? TABLES + 0x1000 : TABLES, pae, 0, (TABLES + 0x3000) | 7);
	for (unsigned i = 0; i < 512; i++)
		put_entry(TABLES + 0x3000, pae, i, i << 12 | 3 | (i == 8 || i == 9 || i == 0 ? 4 : 0));
	for (unsigned i = 0; i < 4; i++) {
		uint64_t v = page_bits(pae, 0);

		put_entry(TABLES + 0x3000, pae, windows[i], v | (FRAME + i * 0x1000));
		note("pte", v);
	}
	/* not the user's: EFLAGS.AC does not excuse an implicit access (Vol. 3A 4.6.1), in Bochs it does */
	if (!pick(6)) /* where the bitmap goes on */
		put_entry(TABLES + 0x3000, pae, 4, 0x4000 | (page_bits(pae, 0) & 0x7B));
	if (!pick(10)) /* the stack of the interrupt that ends the case */
		put_entry(TABLES + 0x3000, pae, 0xB, 0xB000 | (page_bits(pae, 0) & 0x7B));
}

static uint32_t read_pages(unsigned pae)
{
	static const uint16_t looked_at[] = {0x30, 0x31, 0xFF, 0x100, 0, 9, 4, 0xB};
	uint32_t v = 0;

	for (unsigned i = 0; i < 8; i++)
		v = v << 4 | (((volatile uint32_t *)(TABLES + 0x3000))[looked_at[i] << pae] >> 5 & 3);
	return v;
}

static uint32_t random_flags(void)
{
	return (rnd() & 0x0C0CD5) | 2 | (pick(3) ? 0x3000 : pick(4) << 12) | (pick(16) ? 0 : 0x100) | (pick(8) ? 0 : 1u << 20);
}

/* A segment and an offset that lead to one of the four pages, or over an end of it */
static void place(uint32_t *seg, uint32_t *off)
{
	static const struct { uint16_t seg, off; } at[] = {{0x3000, 0x100}, {0x3000, 0xFFF}, {0x2F00, 0x1FFD}, {0x3000, 0x1FFE}, {0x3100, 0},
		{0xFFFF, 0x000E}, {0xFFFF, 0x000F}, {0xFFFF, 0x0010}, {0xFF00, 0x0FFD}, {0xFFF0, 0x0800}, {0xF000, 0xFFFF}, {0x0900, 0xE00}};
	unsigned i = pick(sizeof(at) / sizeof(*at));

	*seg = at[i].seg;
	*off = at[i].off;
}

static int far_pointer(const char *b)
{
	b += *b == 0x66;
	return *b == (char)0xC4 || *b == (char)0xC5 || *b == 0x0F || (*b == (char)0xFF && b[1] == 0x2F);
}

static void inside(void)
{
	unsigned k = pick(sizeof(code) / sizeof(*code));
	uint32_t at, seg, off;

	enter_at(3);
	in.eflags = random_flags() | 0x20000;
	in.cs = CODE_SEG;
	in.eip = 0;
	in.ss = 0x900;
	in.esp = 0xF80;
	place(&in.ds, &in.ebx);
	in.esi = in.ebx;
	place(&in.es, &in.edi);
	place(&in.fs, &off);
	in.gs = 0x900;
	if (pick(2)) { /* one stack in three lies in the pages */
		place(&seg, &off);
		in.ss = seg;
		in.esp = off;
	}
	in.edx = HIGH_PORT + pick(16);
	in.ecx = pick(6);
	in.eax = pick(16);
	if (far_pointer(code[k].bytes)) /* which half is read first is not said */
		in.ebx &= 0xFFF0;
	at = (in.ss << 4) + (in.esp & 0xFFFF);
	note("k", k);
	note("eflags", in.eflags);
	note("ds:", in.ds << 16 | in.ebx);
	note("es:", in.es << 16 | in.edi);
	note("ss:", in.ss << 16 | in.esp);
	/* what POPF, IRET and far returns find; a page is where its frame is */
	for (unsigned i = 0; i < 4; i++)
		if (at >> 12 == windows[i] && (at & 0xFFF) < 0xFF0) {
			volatile uint16_t *p = (uint16_t *)(FRAME + i * 0x1000 + (at & 0xFFF));

			p[0] = 0x300 + pick(16);
			p[1] = CODE_SEG;
			p[2] = random_flags();
		}
	if (at >> 12 == 9) {
		volatile uint16_t *p = (uint16_t *)at;

		p[0] = 0x300 + pick(16);
		p[1] = CODE_SEG;
		p[2] = random_flags();
	}
	emit(code[k].bytes, code[k].n);
}

/* IRET into the mode with a frame at the end of a page of random rights: the supervisor reads it. */
static void into(void)
{
	uint32_t at = 0x31000 - 4 * pick(10) + (pick(4) ? 0 : 0x800), flags = random_flags() | 0x20000;
	uint32_t v[] = {pick(64), CODE_SEG, flags, 0xE00, 0x900, pick(0x10000), pick(0x10000), pick(0x10000), pick(0x10000)};

	enter_at(0);
	in.esp = at;
	in.eflags |= pick(2) << 18;
	for (unsigned i = 0; i < 9; i++)
		*(volatile uint32_t *)(FRAME + at - 0x30000 + i * 4) = v[i];
	note("frame", at);
	emit("\xCF", 1);
}

static void set_gates(void)
{
	volatile uint8_t *tss = (uint8_t *)TSS;

	IDT[3] |= 0x60ull << 40;
	IDT[0x50] = gate(8, (uint32_t)stub_table + 33 * 16, 0xEE, 0);
	*(volatile uint16_t *)(TSS + 0x66) = 0x88;
	for (unsigned i = 0; i < 32; i++)
		tss[0x68 + i] = pick(3) ? 0 : 0xFF;
	for (unsigned i = 0; i < 8; i++)
		tss[0x88 + HIGH_PORT / 8 + i] = pick(2) ? 0 : rnd();
	for (unsigned i = 0; i < 256; i++)
		((volatile uint32_t *)0)[i] = CODE_SEG << 16 | (0x100 + i * 2);
}

void case_v86_paging(void)
{
	/* whether a redirected INT reads the mode's interrupt table as user or as supervisor is not said: that page is sound, and no SMAP */
	unsigned pae = pick(2), vme = pick(3), smap = vme != 1 && pick(2), wp = pick(4) != 0;
	uint32_t cr4, cr0;

	for (unsigned i = 0; i < 0x1000; i++)
		((volatile uint8_t *)STUBS)[i] = 0xCC;
	for (unsigned i = 0; i < 0x1000; i++)
		((volatile uint8_t *)0x9000)[i] = 0xCC;
	for (unsigned i = 0; i < 0x4000 / 4; i++)
		((volatile uint32_t *)FRAME)[i] = 0xCCCCCCCC;
	for (unsigned i = 0; i < 2; i++) /* code that begins in one page and ends in the next: MOV EAX, imm32 */
		__builtin_memcpy((void *)(FRAME + i * 0x2000 + 0xFFE), "\x66\xB8\x11\x22\x33\x44", 6);
	set_gates();
	set_pages(pae);
	if (pick(6))
		inside();
	else
		into();
	note("pae", pae);
	note("vme", vme);
	note("smap", smap);
	note("wp", wp);
	__asm__ volatile("mov %%cr4, %0; mov %%cr0, %1" : "=r"(cr4), "=r"(cr0));
	((volatile uint32_t *)TSS_DF)[7] = TABLES;
	__asm__ volatile("mov %0, %%cr4" : : "r"((cr4 & ~0x3000B0u) | 0x10 | pae << 5 | smap * 3 << 20 | (vme == 1 ? 1 : 0)));
	if (pae)
		__asm__ volatile("rdmsr; or $0x800, %%eax; wrmsr" : : "c"(0xC0000080) : "eax", "edx");
	__asm__ volatile("mov %0, %%cr3; mov %1, %%cr0" : : "r"(TABLES), "r"((cr0 & ~0x10000u) | 0x80000000u | wp << 16));
	run_case();
	__asm__ volatile("mov %0, %%cr0" : : "r"(cr0));
	if (pae)
		__asm__ volatile("rdmsr; and $~0x800, %%eax; wrmsr" : : "c"(0xC0000080) : "eax", "edx");
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4));
	if (out.vec == 14 && (in.level == 0 || far_pointer((char *)STUBS))) /* in which order a frame or a far pointer is read is not said */
		out.cr2 &= ~0xFFFu;
	if (((uint8_t *)STUBS)[1] == 0xAB) /* BTS leaves all but CF and ZF open */
		out.eflags &= ~0x894u;
	if (in.level) /* else the handler has saved segment registers there, which leaves the upper halves open */
		sum_words(FRAME, FRAME + 0x4000);
	sum_words(0x9D00, 0xA000);
	memory_sum += out.ebx + out.ecx * 3 + out.edx * 5 + out.esi * 7 + out.edi * 9 + out.ebp * 11 + (out.vec == 8 ? out.cr2 : 0);
	out.ebx = read_pages(pae);
}
