/* debug.c - debug registers and the trap flag: breakpoints on instructions, data and ports, GD, single steps through everything. */
#include "ring0.h"

#define DATA_AT 0x9100u

static const struct {
	uint8_t n, level0;
	char bytes[8];
} code[] = {
	{1, 0, "\x90"}, {2, 0, "\x8E\xD0"}, {2, 0, "\x16\x17"}, {2, 0, "\x88\x03"}, {2, 0, "\x8B\x13"}, {2, 0, "\xF3\xA4"},
	{2, 0, "\xCD\x50"}, {2, 0, "\x9C\x9D"}, {7, 0, "\x9C\x80\x4C\x24\x01\x01\x9D"}, {1, 0, "\xCC"},
	{3, 0, "\x0F\x21\xFA"}, {3, 0, "\x0F\x23\xD2"}, {3, 0, "\x0F\x21\xE2"}, {2, 0, "\xE6\x80"}, {2, 0, "\x01\x13"},
	{3, 0, "\xFF\x33\x5A"}, {1, 0, "\xFB"}, {2, 0, "\xE2\xFE"}, {2, 0, "\xEB\x00"}, {4, 0, "\x8E\xD0\x8B\x13"},
	{4, 0, "\x8E\xD0\xCD\x50"}, {2, 0, "\xF7\xF1"}, {2, 0, "\x0F\x0B"}, {3, 0, "\x66\x8B\x13"}, {2, 0, "\xF3\x6E"},
	{3, 0, "\xFB\x8B\x13"}, {2, 0, "\x8E\xD8"}, {3, 1, "\x0F\x20\xD2"}, {2, 0, "\xF3\xA6"},
	{5, 0, "\x16\x17\x8B\x13\x90"}, {2, 0, "\xA4\xA4"},
};

/* Only the first of several MOV SS in a row is sure to put debug exceptions off (Vol. 3A 6.8.3): one a case. */
static unsigned shadow(unsigned k)
{
	const char *b = code[k].bytes;

	return (b[0] == (char)0x8E && b[1] == (char)0xD0) || b[0] == 0x16;
}

static void set_dr(unsigned i, uint32_t v)
{
	switch (i) {
	case 0: __asm__ volatile("mov %0, %%dr0" : : "r"(v)); break;
	case 1: __asm__ volatile("mov %0, %%dr1" : : "r"(v)); break;
	case 2: __asm__ volatile("mov %0, %%dr2" : : "r"(v)); break;
	default: __asm__ volatile("mov %0, %%dr3" : : "r"(v)); break;
	}
}

/* One breakpoint: its bits of DR7. */
static uint32_t breakpoint(unsigned i, const uint32_t *starts, unsigned n, unsigned de)
{
	static const uint8_t lengths[] = {0, 1, 3};
	unsigned kind = pick(3 + de), len = PICK(lengths), size = len + 1;
	uint32_t at, rw = 0;

	if (kind == 0) {
		at = starts[pick(n)];
		len = 0;
	} else if (kind == 3) {
		at = 0x80 & ~(size - 1);
		rw = 2;
	} else {
		at = (DATA_AT + pick(9) - 4) & ~(size - 1);
		rw = kind == 1 ? 1 : 3;
	}
	set_dr(i, at);
	note("dr", at);
	return pick(4) << (i * 2) | rw << (16 + i * 4) | len << (18 + i * 4);
}

void case_debug(void)
{
	unsigned shadows = 0;
	uint32_t starts[8], dr7 = 0x700, dr6, cr4, enabled = 0, insns = 0;
	unsigned n = 2 + pick(3), de = pick(2), level = pick(2) * 3, gd = !level && !pick(5), used = pick(5);

	enter_at(level);
	in.eax = in.ss;
	in.edx = 0xFFFF07F0;
	in.ebx = DATA_AT;
	in.ecx = 1 + pick(3);
	in.esi = DATA_AT - pick(4);
	in.edi = DATA_AT + 4 - pick(4);
	in.ebp = 0x9200;
	in.esp -= 0x40;
	in.eflags |= (pick(3) ? 0 : 0x100) | (pick(6) ? 0 : 0x10000) | (pick(4) ? 0x3000 : 0) | (pick(4) ? 0 : 0x200);
	for (unsigned i = 0; i < n; i++) {
		unsigned k;

		do
			k = pick(sizeof(code) / sizeof(*code));
		while ((code[k].level0 && level) || (shadows && shadow(k)));
		shadows += shadow(k);
		starts[i] = (uint32_t)emit(code[k].bytes, code[k].n);
		note("k", k);
	}
	emit_end();
	*(volatile uint8_t *)(STUBS + 0x800) = 0xCF;
	IDT[0x50] = gate(pick(2) ? 8 : SEL_CODE(level), STUBS + 0x800, 0xEE | pick(2), 0);
	IDT[3] |= 0x60ull << 40;
	note("level", level);
	note("eflags", in.eflags);
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	if (de)
		__asm__ volatile("mov %0, %%cr4" : : "r"(cr4 | 8));
	__asm__ volatile("mov %0, %%dr6" : : "r"(0xFFFF0FF0));
	for (unsigned i = 0; i < used; i++)
		dr7 |= breakpoint(i, starts, n, de);
	for (unsigned i = 0; i < 4; i++) {
		enabled |= (dr7 >> i * 2 & 3 ? 1u : 0) << i;
		insns |= (dr7 >> (16 + i * 4) & 3 ? 0u : 1) << i;
	}
	note("dr7", dr7 | gd << 13);
	note("de", de);
	__asm__ volatile("mov %0, %%dr7" : : "r"(dr7 | gd << 13));
	run_case();
	/* GD may still be set: the handler takes the fault, and with it the bit */
	IDT[1] = gate(8, (uint32_t)clear_dr7, 0x8E, 0);
	__asm__ volatile("mov %0, %%dr7" : : "r"(0x400));
	__asm__ volatile("mov %%dr6, %0" : "=r"(dr6));
	__asm__ volatile("mov %0, %%dr6" : : "r"(0xFFFF0FF0));
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4));
	/* the bits of breakpoints not enabled may be set as well, and of one on the instruction behind a trap (Vol. 3B 17.2.3) */
	out.ebx = dr6 & (0xFFFFFFF0 | enabled);
	if (dr6 & 0x2000) /* GD is a fault: nothing has been stepped over */
		out.ebx &= ~0x4000;
	if (dr6 & enabled & ~insns || (dr6 & 0x4000))
		out.ebx &= ~(insns & 15);
	out.eflags &= ~0x8D5u | 0x10000;
	sum_words(0x9000, 0x9200);
	memory_sum += out.ecx * 3 + out.edx * 5 + out.esi * 7 + out.edi * 9;
}
