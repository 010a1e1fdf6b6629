/* vm86.c - virtual-8086 mode: what IOPL, the mode extensions and the I/O bitmap decide; interrupts and IRET out of it and into it. */
#include "ring0.h"

#define CODE_SEG 0x800 /* STUBS */
#define VM 0x20000u

static const struct {
	uint8_t n;
	char bytes[5];
} code[] = {
	{1, "\xFA"}, {1, "\xFB"}, {1, "\x9C"}, {1, "\x9D"}, {2, "\x66\x9C"}, {2, "\x66\x9D"}, {2, "\xCD\x50"}, {2, "\xCD\x51"},
	{2, "\xCD\x50"}, {1, "\xCC"}, {1, "\xCE"}, {1, "\xCF"}, {2, "\x66\xCF"}, {1, "\xCF"}, {2, "\xE4\x71"}, {2, "\xE5\x71"},
	{1, "\xEC"}, {1, "\xEF"}, {2, "\x66\xEF"}, {1, "\xF4"}, {3, "\x0F\x20\xC0"}, {3, "\x0F\x22\xC0"}, {3, "\x0F\x02\xC1"},
	{3, "\x0F\x03\xC1"}, {2, "\x63\xC8"}, {3, "\x0F\x00\xC0"}, {3, "\x0F\x00\xC8"}, {3, "\x0F\x00\xD8"}, {3, "\x0F\x00\xE0"},
	{3, "\x0F\x01\xF0"}, {2, "\x0F\x06"}, {5, "\x0F\x01\x16\x00\x00"}, {5, "\x0F\x01\x1E\x00\x00"}, {5, "\x0F\x01\x3E\x00\x00"},
	{2, "\x0F\x08"}, {2, "\x0F\x09"}, {2, "\x0F\x30"}, {2, "\x0F\x32"}, {2, "\x0F\x34"}, {2, "\x0F\x35"}, {3, "\x0F\x21\xD8"},
	{3, "\x0F\x23\xD8"}, {2, "\x0F\x05"}, {2, "\x0F\x07"}, {2, "\x8E\xD8"}, {2, "\x8E\xC0"}, {2, "\xF0\x90"}, {2, "\x0F\x0B"},
	{1, "\x6C"}, {1, "\x6E"}, {2, "\xF3\x6C"}, {2, "\x0F\xAA"}, {3, "\x0F\x01\xC8"}, {3, "\x0F\x01\xD0"}, {3, "\x0F\x01\xF8"},
	{2, "\xFB\xFA"}, {2, "\x16\x17"},
};

static uint32_t random_flags(void)
{
	uint32_t f = (rnd() & 0x0C4CD5) | 2;

	if (!pick(3))
		f |= 0x200;
	if (!pick(3))
		f |= 1u << 19; /* VIF */
	if (!pick(4))
		f |= 1u << 20; /* VIP */
	if (!pick(16))
		f |= 0x100;
	if (!pick(16))
		f |= 0x10000;
	return f | pick(4) << 12;
}

static void set_maps(void)
{
	volatile uint8_t *tss = (uint8_t *)TSS;

	*(volatile uint16_t *)(TSS + 0x66) = 0x88;
	for (unsigned i = 0; i < 32; i++)
		tss[0x68 + i] = rnd();
	for (unsigned i = 0; i < 2; i++)
		tss[0x88 + 0x71 / 8 + i] = pick(2) ? 0 : rnd();
	if (!pick(8))
		*(volatile uint16_t *)(TSS + 0x66) = pick(0x2100);
	for (unsigned i = 0; i < 256; i++)
		((volatile uint32_t *)0)[i] = CODE_SEG << 16 | (0x100 + i * 2);
}

/* The frame at a stack of 16 or 32 bits that IRET in the mode itself finds, or that IRET into the mode does. */
static void put_frame(uint32_t at, unsigned wide, uint32_t flags)
{
	uint32_t v[] = {0x300 + pick(16), wide == 2 && pick(2) ? CODE_SEG : pick(0x10000), flags, 0x1000, 0x900, pick(0x10000),
		pick(0x10000), pick(0x10000), pick(0x10000)};

	v[1] = CODE_SEG;
	for (unsigned i = 0; i < 9; i++)
		if (wide == 2)
			((volatile uint16_t *)at)[i] = v[i];
		else
			((volatile uint32_t *)at)[i] = v[i];
}

/* IRET into the mode from 32-bit code at any level: only level 0 may. */
static void into(void)
{
	uint32_t flags = random_flags() | (pick(6) ? VM : 0);

	enter_at(pick(2) ? 0 : pick(4));
	in.esp -= 0x80;
	put_frame(in.esp, 4, flags);
	in.eflags |= pick(4) << 12;
	note("level", in.level);
	note("image", flags);
	emit(pick(8) ? "\xCF" : "\x66\xCF", 2);
	emit_end();
}

static void inside(void)
{
	unsigned k = pick(sizeof(code) / sizeof(*code)), wide;

	enter_at(3);
	in.eflags = random_flags() | VM;
	in.cs = CODE_SEG;
	in.ss = 0x900;
	in.ds = 0x900 + pick(4);
	in.es = pick(0x10000);
	in.fs = pick(0x10000);
	in.gs = pick(0x10000);
	in.eip = 0;
	in.esp = 0xF80 | (pick(2) ? 0 : rnd() << 16);
	in.edx = 0x71 + pick(2);
	in.ecx = pick(3);
	in.eax = random_selector();
	/* INS writes there: not into the program, nor into its stack */
	if ((code[k].bytes[0] == 0x6C || code[k].bytes[1] == 0x6C) && ((in.es >= 0xFF0 && in.es < 0x2000) || (in.es >= 0x8C00 && in.es < 0x9001)))
		in.es = 0x3000;
	wide = code[k].bytes[0] == 0x66 ? 4 : 2;
	put_frame(0x9000 + 0xF80, wide, random_flags());
	if (code[k].bytes[wide == 4] == (char)0x9D) {
		if (wide == 4)
			*(volatile uint32_t *)(0x9F80) = random_flags() | (pick(4) ? 0 : VM);
		else
			*(volatile uint16_t *)(0x9F80) = random_flags();
	}
	note("k", k);
	note("eflags", in.eflags);
	note("image", *(volatile uint32_t *)0x9F80);
	emit(code[k].bytes, code[k].n);
}

void case_v86(void)
{
	static const uint8_t gates[] = {0xEE, 0xEE, 0xEF, 0xEF, 0x8E, 0xE6, 0xE7, 0x6E};
	uint32_t cr4;

	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	for (unsigned i = 0; i < 0x1000; i++)
		((volatile uint8_t *)STUBS)[i] = 0xCC;
	IDT[3] |= 0x60ull << 40;
	IDT[4] |= (uint64_t)pick(2) * 0x60 << 40;
	IDT[0x50] = gate(pick(3) ? 8 : SEL_CODE(pick(4)), (uint32_t)stub_table + 33 * 16, PICK(gates), 0);
	IDT[0x51] = gate(8, (uint32_t)stub_table + 33 * 16, 0xEE, 0);
	set_maps();
	if (pick(4))
		inside();
	else
		into();
	if (pick(2))
		__asm__ volatile("mov %0, %%cr4" : : "r"(cr4 | 3 - pick(2) * 2)); /* VME, perhaps PVI */
	run_case();
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4));
	if (in.eip == 0 && code[0].n) /* what IN read is the clock's business */
		out.eax &= 0xFFFF0000;
	sum_words(0x9F00, 0xA000);
	memory_sum += out.ecx;
}
