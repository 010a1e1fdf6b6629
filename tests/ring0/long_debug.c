/*
 * long_debug.c - debug registers and the trap flag in 64-bit and compatibility mode: breakpoints on instructions, data of up to 16
 * bytes and ports at addresses of 64 bits, GD, single steps, SYSCALL and SYSRET under TF, MOV DR of odd values.
 */
#include "long.h"

#define DATA_AT 0x9100u

enum { ANY, RING0 = 1, WIDE = 2, SHADOW = 4, SETS_DR7 = 8 }; /* level 0 only; 64-bit code only; delays debug exceptions */

static const struct {
	uint8_t n, how;
	char bytes[9];
} code[] = {
	{1, ANY, "\x90"}, {2, SHADOW, "\x8E\xD0"}, {2, ANY, "\x88\x03"}, {2, ANY, "\x8B\x13"}, {3, WIDE, "\x48\x8B\x13"}, {3, WIDE, "\x48\x89\x13"},
	{2, ANY, "\xF3\xA4"}, {3, WIDE, "\xF3\x48\xA5"}, {2, ANY, "\xCD\x50"}, {2, ANY, "\x9C\x9D"}, {7, ANY, "\x9C\x80\x4C\x24\x01\x01\x9D"},
	{1, ANY, "\xCC"}, {3, ANY, "\x0F\x21\xFA"}, {3, ANY, "\x0F\x23\xD2"}, {3, ANY, "\x0F\x21\xE2"}, {4, WIDE, "\x44\x0F\x21\xC2"},
	{3, WIDE | SETS_DR7, "\x0F\x23\xFD"}, {3, WIDE, "\x0F\x23\xF5"}, {3, WIDE, "\x0F\x23\xCD"}, {2, ANY, "\xE6\x80"}, {2, ANY, "\x01\x13"}, {3, ANY, "\xFF\x33\x5A"},
	{1, ANY, "\xFB"}, {4, ANY, "\xB1\x02\xE2\xFE"}, {2, ANY, "\xEB\x00"}, {4, SHADOW, "\x8E\xD0\x8B\x13"}, {4, SHADOW, "\x8E\xD0\xCD\x50"},
	{3, WIDE, "\x48\xF7\xF1"}, {2, ANY, "\x0F\x0B"}, {3, ANY, "\x66\x8B\x13"}, {2, ANY, "\xF3\x6E"}, {3, ANY, "\xFB\x8B\x13"}, {2, ANY, "\x8E\xD8"},
	{3, RING0, "\x0F\x20\xD2"}, {2, ANY, "\xF3\xA6"}, {2, WIDE, "\x0F\x05"}, {8, WIDE | RING0, "\xB9\x00\x89\x00\x00\x48\x0F\x07"}, {3, ANY, "\x0F\x0D\x0B"},
	{3, ANY, "\x0F\x18\x03"}, {4, WIDE, "\x48\x0F\xC7\x0B"}, {3, ANY, "\x0F\x11\x03"}, {3, ANY, "\x0F\x10\x03"}, {3, ANY, "\x0F\xC7\x0B"},
	{4, WIDE, "\xF0\x48\x01\x13"}, {4, ANY, "\x0F\xBA\x23\x05"}, {2, ANY, "\x8D\x13"}, {3, ANY, "\x0F\x1F\x03"}, {9, WIDE, "\x48\xC7\x03\x00\x88\x00\x00\xFF\x13"},
};

/* An address that differs from @at in its upper half only, or not at all */
static uint64_t near_to(uint64_t at)
{
	return pick(4) ? at : at ^ 1ull << (32 + pick(32));
}

/* One breakpoint: its address and its bits of DR7. */
static uint32_t breakpoint(unsigned i, const uint32_t *starts, unsigned n, unsigned de, uint64_t data)
{
	unsigned kind = pick(3 + de), len = pick(4), size = len == 2 ? 8 : len + 1;
	uint32_t rw = 0;
	uint64_t at;

	if (kind == 0) {
		at = starts[pick(n)];
		len = 0;
	} else if (kind == 3) {
		at = 0x80 & ~(size - 1);
		rw = 2;
		if (len == 2) /* I/O of 8 bytes does not exist */
			len = 0;
	} else {
		at = (data + pick(25) - 8) & ~(uint64_t)(size - 1);
		rw = kind == 1 ? 1 : 3;
	}
	lin.dr[i] = kind == 3 ? at : near_to(at);
	note64("dr", lin.dr[i]);
	return pick(4) << (i * 2) | rw << (16 + i * 4) | len << (18 + i * 4);
}

static void wrmsr32(uint32_t msr, uint32_t lo, uint32_t hi)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"(lo), "d"(hi));
}

/* The data lies at 9100h, or at the same page's address in another part of the space. */
static uint64_t set_spaces(unsigned compat)
{
	static const uint16_t slots[] = {1, 255, 256, 511};
	unsigned slot = PICK(slots);

	for (unsigned i = 0; i < 4; i++)
		((volatile uint64_t *)PML4)[slots[i]] = PDPT | 7;
	if (compat || pick(2))
		return DATA_AT;
	return ((uint64_t)slot << 39 | (slot & 256 ? 0xFFFFull << 48 : 0)) + DATA_AT;
}

static void set_registers(uint64_t data, unsigned level)
{
	static const uint64_t odd[] = {0x400, 0x100000400, 0x8000000000000000, 0xFFFF07F0 /* RTM is not everywhere */, 0x800000000000};

	lin.r[0] = SEL_DATA(level);
	lin.r[1] = 1 + pick(3);
	lin.r[2] = 0xFFFF07F0;
	lin.r[3] = data;
	lin.r[4] -= 0x40;
	lin.r[5] = PICK(odd);
	lin.r[6] = data - pick(4);
	lin.r[7] = data + 8 - pick(4);
	lin.r[11] = 0x202; /* TF is what SYSCALL and SYSRET leave, Bochs says: what they found */
	lin.rflags |= (pick(3) ? 0 : 0x100) | (pick(6) ? 0 : 0x10000) | (pick(4) ? 0x3000 : 0) | (pick(4) ? 0 : 0x200);
	wrmsr32(0xC0000081, 0, 0x300100);
	wrmsr32(0xC0000082, STUBS + 0x840, 0);
	wrmsr32(0xC0000084, pick(2) ? 0x200 : 0, 0);
}

/* DR6 as the manual leaves it certain: of breakpoints that are enabled, and not of instructions behind a trap (debug.c). */
static void look_at_dr6(uint32_t dr7)
{
	uint32_t dr6, enabled = 0, insns = 0;

	for (unsigned i = 0; i < 4; i++) {
		enabled |= (dr7 >> i * 2 & 3 ? 1u : 0) << i;
		insns |= (dr7 >> (16 + i * 4) & 3 ? 0u : 1) << i;
	}
	IDT[1] = gate(8, (uint32_t)clear_dr7, 0x8E, 0); /* GD may still be set */
	__asm__ volatile("mov %0, %%dr7" : : "r"(0x400));
	__asm__ volatile("mov %%dr6, %0" : "=r"(dr6));
	__asm__ volatile("mov %0, %%dr6" : : "r"(0xFFFF0FF0));
	memory_sum += (uint32_t)lout.r[0] + (uint32_t)(lout.r[0] >> 32) * 3;
	lout.r[0] = dr6 & (0xFFFFFFF0 | enabled);
	if (dr6 & 0x2000)
		lout.r[0] &= ~0x4000ull;
	if (dr6 & enabled & ~insns || (dr6 & 0x4000))
		lout.r[0] &= ~(uint64_t)(insns & 15);
}

void case_long_debug(void)
{
	unsigned level = pick(2) * 3, compat = !pick(4), de = pick(2), gd = !level && !pick(5), used = pick(5), n = 2 + pick(3);
	unsigned shadows = 0, rewritten = 0;
	uint32_t starts[8], dr7 = 0x700;
	uint64_t data;

	long_begin(level, 1);
	if (compat)
		lin.cs = SEL_CODE(level);
	data = set_spaces(compat);
	set_registers(data, level);
	for (unsigned i = 0; i < n; i++) {
		unsigned k;

		do
			k = pick(sizeof(code) / sizeof(*code));
		while ((code[k].how & RING0 && level) || (code[k].how & WIDE && compat) || (code[k].how & SHADOW && shadows));
		shadows += code[k].how & SHADOW;
		rewritten += code[k].how & SETS_DR7;
		starts[i] = (uint32_t)emit(code[k].bytes, code[k].n);
		note("k", k);
	}
	emit_end();
	__builtin_memcpy((void *)(STUBS + 0x800), "\xC3", 1);
	__builtin_memcpy((void *)(STUBS + 0x820), "\x48\xCF", 2);
	IDT64[0x50 * 2] = gate64(pick(2) ? SEL_LONG(0) : SEL_LONG(level), STUBS + 0x820, 0xEE | pick(2), pick(2) * 3, 0);
	for (unsigned i = 0; i < used; i++)
		dr7 |= breakpoint(i, starts, n, de, data);
	lin.dr7 = dr7 | gd << 13;
	if (de)
		long_cr4 |= 8;
	note("flags", lin.rflags);
	note("dr7", lin.dr7);
	note("de", de);
	note64("data", data);
	note64("rbp", lin.r[5]);
	__asm__ volatile("mov %0, %%dr6" : : "r"(0xFFFF0FF0));
	long_run();
	look_at_dr6(rewritten ? 0 : dr7);
	lout.rflags &= ~0x8D5ull; /* DIV */
	sum_words(0x9000, 0x9200);
}
