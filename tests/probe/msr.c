/*
 * msr.c - model-specific registers: what may be written, what comes back, what must fault; control registers' reserved bits.
 *
 * Source: Intel SDM Vol. 4 chapter 2; Vol. 3A 2.5; Vol. 2 WRMSR, MOV CR.
 */
#include "probe.h"

static uint32_t feat(uint32_t leaf, uint32_t sub, int reg)
{
	uint32_t r[4];

	cpuid(leaf, sub, r);
	return r[reg];
}

static void rw(uint32_t n, uint64_t v)
{
	uint64_t was, is;

	if (rdmsr_try(n, &was) >= 0) {
		check(false, "msr %x: cannot be read", (word)n);
		return;
	}
	check(wrmsr_try(n, v) == -1, "msr %x: %x %x refused", (word)n, (word)(v >> 32), (word)(uint32_t)v);
	rdmsr_try(n, &is);
	check(is == v, "msr %x: wrote %x %x, is %x %x", (word)n, (word)(v >> 32), (word)(uint32_t)v, (word)(is >> 32), (word)(uint32_t)is);
	wrmsr_try(n, was);
}

static void bad(uint32_t n, uint64_t v)
{
	uint64_t was, is;

	if (rdmsr_try(n, &was) >= 0) {
		check(wrmsr_try(n, v) == 13, "msr %x: not readable, but written", (word)n);
		return;
	}
	check(wrmsr_try(n, v) == 13 && trap.code == 0, "msr %x: %x %x taken", (word)n, (word)(v >> 32), (word)(uint32_t)v);
	rdmsr_try(n, &is);
	check(is == was || n == 0x10, "msr %x: changed by a refused write", (word)n);
}

static void none(uint32_t n)
{
	uint64_t v;

	check(rdmsr_try(n, &v) == 13, "msr %x: read", (word)n);
	check(wrmsr_try(n, 0) == 13, "msr %x: written", (word)n);
}

static void addresses(void)
{
	static const uint32_t n[] = {0x175, 0x176, 0xC0000082, 0xC0000083, 0xC0000100, 0xC0000101, 0xC0000102};

	if (!(feat(0x80000001, 0, 3) & 1u << 29))
		return;
	for (unsigned i = 0; i < 7; i++) {
		rw(n[i], 0x123456789ABC);
		rw(n[i], 0x7FFFFFFFFFFF);
		rw(n[i], 0xFFFF800000000000);
		rw(n[i], ~0ull);
		bad(n[i], 0x800000000000);
		bad(n[i], 0xFFFF7FFFFFFFFFFF);
		bad(n[i], 0xAAAAAAAA00000000);
	}
}

static void efer(void)
{
	uint64_t e = rdmsr(0xC0000080);

	rw(0xC0000080, e ^ 1);
	for (int b = 1; b < 64; b++)
		if (b != 8 && b != 10 && b != 11)
			bad(0xC0000080, e | 1ull << b);
	bad(0xC0000080, e ^ 0x100);
	/* LMA is read-only */
	check(wrmsr_try(0xC0000080, e ^ 0x400) == -1 && rdmsr(0xC0000080) == e, "EFER.LMA written");
	if (LONG)
		rw(0xC0000080, 0xD00);
}

static void mtrr(void)
{
	uint32_t pa = feat(0x80000008, 0, 0) & 0xFF, types[] = {0, 1, 4, 5, 6};

	check(rdmsr(0xFE) == 0x508, "MTRRCAP %x", (word)rdmsr(0xFE));
	bad(0xFE, 0x508);
	for (unsigned t = 0; t < 256; t++) {
		bool ok = false;

		for (unsigned i = 0; i < 5; i++)
			ok |= types[i] == t;
		if (ok) {
			rw(0x200, 0x1000 | t);
			rw(0x2FF, t);
			rw(0x26F, (uint64_t)t << 56);
			rw(0x277, (uint64_t)t << 24);
		} else {
			bad(0x200, 0x1000 | t);
			bad(0x2FF, t);
			bad(0x26F, (uint64_t)t << 56);
			if (t != 7)
				bad(0x277, (uint64_t)t << 24);
		}
	}
	rw(0x277, 0x0707070707070707);
	bad(0x200, 0x100);
	bad(0x201, 0x400);
	rw(0x201, 0x800 | ((1ull << pa) - 0x1000));
	bad(0x201, 1ull << pa);
	bad(0x2FF, 0x100);
	rw(0x2FF, 0xC06);
	none(0x210);
}

static void mca(void)
{
	uint32_t banks;

	if (!(feat(1, 0, 3) & 1u << 14))
		return;
	banks = rdmsr(0x179) & 0xFF;
	check(rdmsr(0x17A) == 0, "MCG_STATUS");
	for (uint32_t i = 0; i < banks; i++) {
		rw(0x400 + i * 4, 0);
		rw(0x400 + i * 4, ~0ull);
		rw(0x401 + i * 4, 0);
		bad(0x401 + i * 4, 1);
		bad(0x401 + i * 4, ~0ull);
		rw(0x402 + i * 4, 0);
		rw(0x403 + i * 4, 0);
		bad(0x403 + i * 4, 1);
	}
	for (uint32_t i = banks * 4; i < 32 * 4; i++)
		none(0x400 + i);
}

static void others(void)
{
	uint64_t v, w;
	uint32_t r[4];

	rw(0x174, 0x1234);
	rw(0xC0000081, 0x1234567890ABCDEF);
	rw(0xC0000084, 0xFFFFFFFF);
	rw(0xC0000103, 0x12345678);
	bad(0xC0000103, 1ull << 32);
	rw(0x1A0, rdmsr(0x1A0));
	none(0x12345678);
	none(0x40000000);
	none(0x4B564D00);
	none(0xC0010117);
	none(0xC001FFFF);
	none(0x480);
	none(0xDA0);
	none(0x48);
	none(0x6A0);
	none(0xFFFFFFFF);
	/* the TSC and its adjustment move together */
	cpuid(7, 0, r);
	if (r[1] & 2) {
		wrmsr(0x3B, 0);
		v = rdtsc();
		wrmsr(0x3B, 1ull << 40);
		w = rdtsc();
		check(w - v >= 1ull << 40 && w - v < (1ull << 40) + 1000000000, "TSC_ADJUST moves the TSC");
		wrmsr(0x10, 0);
		check(rdtsc() < 1000000000 && (int64_t)rdmsr(0x3B) < 0, "TSC written");
		wrmsr(0x10, v + 1000000);
		wrmsr(0x3B, 0);
	}
	wrmsr(0xC0000103, 0x77);
	{
		uint32_t c;

		asm volatile("rdtscp" : "=c"(c) : : "eax", "edx");
		check(c == 0x77, "RDTSCP: TSC_AUX");
	}
	/* the upper half of ECX does not count; RDMSR clears the upper halves */
#ifdef __x86_64__
	{
		word a = ~0ul, d = ~0ul;

		asm volatile("rdmsr" : "+a"(a), "+d"(d) : "c"(0xDEADBEEF00000174));
		check(!(a >> 32) && !(d >> 32), "RDMSR upper halves %x %x", a, d);
	}
#endif
}

static void cr(void)
{
	word c0 = RD(cr0), c4 = RD(cr4), c3 = RD(cr3);

	check(TRAP(WR(cr0, RD(cr0) & ~1ul)) == 13, "PG without PE");
	check(TRAP(WR(cr0, RD(cr0) | 1ul << 29)) == 13, "NW without CD");
	check(TRAP(WR(cr0, RD(cr0) | 1ul << 6)) == -1, "CR0 bit 6");
	check(RD(cr0) == c0, "CR0 %x", RD(cr0));
	WR(cr0, c0 & ~0x10ul);
	check(RD(cr0) == c0, "CR0.ET cleared");
	for (int b = 0; b < 32; b++) {
		static word bit;
		bit = 1ul << b;
		if (b == 12 || b == 13 || b == 14 || b == 15 || b == 19 || b >= 22)
			check(TRAP(WR(cr4, RD(cr4) | bit)) == 13 || RD(cr4) != c4, "CR4 bit %d", b);
		WR(cr4, c4);
	}
#ifdef __x86_64__
	check(TRAP(WR(cr0, RD(cr0) & 0x7FFFFFFF)) == 13, "PG cleared in 64-bit mode");
	check(TRAP(WR(cr0, RD(cr0) | 1ul << 32)) == 13, "CR0 bit 32");
	check(TRAP(WR(cr4, RD(cr4) & ~0x20ul)) == 13, "PAE cleared in long mode");
	check(TRAP(WR(cr4, RD(cr4) | 1ul << 40)) == 13, "CR4 bit 40");
	check(TRAP(WR(cr3, RD(cr3) | 1ul << 52)) == 13, "CR3 bit 52");
	check(TRAP(WR(cr3, RD(cr3) | 1ul << 63)) == 13, "CR3 bit 63");
	check(TRAP(WR(cr8, 16)) == 13, "CR8 of 16");
	/* PCID */
	if (feat(1, 0, 2) & 1u << 17) {
		WR(cr3, c3 | 0x18);
		check(TRAP(WR(cr4, RD(cr4) | 1 << 17)) == 13, "PCIDE with CR3[11:0]");
		WR(cr3, c3);
		WR(cr4, c4 | 1 << 17);
		check(TRAP(WR(cr0, RD(cr0) & 0x7FFFFFFF)) == 13, "PG with PCIDE");
		WR(cr3, c3 | 0x123);
		check(RD(cr3) == (c3 | 0x123), "CR3 with PCID");
		WR(cr3, c3 | 1ul << 63);
		check(RD(cr3) == c3, "CR3 bit 63 reads 0");
		WR(cr4, c4);
	}
#endif
	/* MOV CR1, CR5, CR9: #UD before anything else */
	check(TRAP(asm volatile(".byte 0x0F, 0x20, 0xC8")) == 6, "CR1");
	check(TRAP(asm volatile(".byte 0x0F, 0x22, 0xE8")) == 6, "CR5");
	/* SMSW, LMSW */
	{
		word m = ~0ul;

		asm volatile("smsw %k0" : "+r"(m));
		check((uint32_t)m == (uint32_t)c0, "SMSW r32 %x", m);
		WR(cr0, c0 & ~8ul);
		asm volatile("lmsw %w0" : : "r"(0x3F));
		check((RD(cr0) & 0xF) == 0xF, "LMSW sets TS");
		asm volatile("lmsw %w0" : : "r"(0x30)); /* PE stays */
		check((RD(cr0) & 0xF) == 1, "LMSW does not clear PE: %x", RD(cr0));
		WR(cr0, c0);
	}
	WR(cr3, c3);
	WR(cr4, c4);
}

void topic_msr(void)
{
	addresses();
	efer();
	mtrr();
	mca();
	others();
	cr();
}
