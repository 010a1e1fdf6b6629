/*
 * long.c - cases of IA-32e mode: segment loads and far transfers, gates and IRETQ, four-level page tables, SYSCALL and its kin,
 * from 64-bit and from compatibility mode.
 */
#include "long.h"

uint64_t rnd64(void)
{
	uint64_t hi = rnd();

	return hi << 32 | rnd();
}

void note64(const char *name, uint64_t v)
{
	note(name, v >> 32);
	note("_", v);
}

uint64_t gate64(uint32_t sel, uint64_t off, uint32_t attr, unsigned ist, unsigned half)
{
	return half ? off >> 32 : gate(sel, off, attr, ist);
}

/* An address for a pointer that should not be canonical, or nearly */
static uint64_t odd_address(void)
{
	static const uint64_t v[] = {0x7FFFFFFFFFFF, 0x800000000000, 0xFFFF7FFFFFFFFFFF, 0xFFFF800000000000, 0x8000000000000000,
		0x100000000, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFF0, 0x200000, 0x123456789ABCDEF0};

	return PICK(v);
}

static void set_gate(unsigned v, uint64_t lo, uint64_t hi)
{
	IDT64[v * 2] = lo;
	IDT64[v * 2 + 1] = hi;
}

static void set_idt(void)
{
	for (unsigned i = 0; i < 256; i++) {
		uint32_t to = (uint32_t)stubs64 + (i < 33 ? i : 33) * 16;

		if (i == 2)
			to = (uint32_t)nmi64;
		if (i == 0x81)
			to = (uint32_t)stub64_81;
		set_gate(i, gate(8 + 0xF8, to, i == 0x81 || i == 3 || i == 4 ? 0xEE : 0x8E, i == 8 ? 1 : i == 2 ? 2 : 3), 0);
	}
}

static void set_tss(void)
{
	volatile uint32_t *t = (uint32_t *)TSS;

	for (unsigned i = 0; i < 26; i++)
		t[i] = 0;
	for (unsigned i = 0; i < 3; i++)
		t[1 + i * 2] = STACK0 + i * 0x1000;
	t[9] = IST1;
	t[11] = IST2;
	for (unsigned i = 13; i < 23; i += 2)
		t[i] = IST3;
	t[25] = 0x68u << 16;
	GDT[SEL_TSS >> 3] = descriptor(TSS, 0x2087, 0x89);
	GDT[SEL_TSS2 >> 3] = 0; /* the upper half of the TSS descriptor */
}

static void set_pages(int user_pages)
{
	for (unsigned i = 0; i < 0x3000 / 4; i++)
		((volatile uint32_t *)PML4)[i] = 0;
	((volatile uint64_t *)PML4)[0] = PDPT | 7;
	((volatile uint64_t *)PDPT)[0] = PD | 7;
	((volatile uint64_t *)PD)[0] = PT | 7;
	for (unsigned i = 0; i < 512; i++)
		((volatile uint64_t *)PT)[i] = i << 12 | 3 | (user_pages || i == 8 || i == 9 ? 4 : 0);
}

void long_begin(unsigned level, int user_pages)
{
	uint32_t *p = (uint32_t *)&lin, cr0, cr4;

	enter_at(level);
	for (unsigned i = 0; i < sizeof(lin) / 4; i++)
		p[i] = ((uint32_t *)&lout)[i] = 0;
	for (unsigned d = 0; d < 4; d++)
		GDT[SEL_LONG(d) >> 3] = descriptor(0, 0xFFFFF, 0xA09B | d << 5);
	set_tss();
	set_pages(user_pages);
	set_idt();
	lin.cs = SEL_LONG(level);
	lin.ss = SEL_DATA(level);
	lin.r[4] = in.esp;
	lin.ds = lin.es = lin.fs = lin.gs = SEL_DATA(level);
	lin.rip = STUBS;
	lin.rflags = 2;
	__asm__ volatile("mov %%cr4, %0; mov %%cr0, %1" : "=r"(cr4), "=r"(cr0));
	long_cr4 = (cr4 & ~0x300080u) | 0x620;
	long_cr0 = cr0 | 0x80000000u;
	note("level", level);
}

void long_run(void)
{
	run_long();
	out.vec = lout.vec;
}

static void put64(uint64_t v)
{
	put_text(" ");
	put_hex(v >> 32, 8);
	put_hex(v, 8);
}

void long_line(void)
{
	const uint32_t *p = lout.fs_base;
	uint32_t v[] = {lout.ds, lout.es, lout.fs, lout.gs, lout.handler_ss}, sum = memory_sum;

	put_text(" ");
	put_hex(lout.vec, 2);
	put_text(" ");
	put_hex(lout.err, 4);
	put64(lout.rip);
	put_text(" ");
	put_hex(lout.cs, 4);
	put_text(" ");
	put_hex(lout.rflags & 0x3E7FD7, 6);
	put_text(" ");
	put_hex(lout.ss, 4);
	put64(lout.r[4]);
	put64(lout.r[0]);
	for (unsigned i = 0; i < sizeof(v) / 4; i++) {
		put_text(" ");
		put_hex(v[i], 4);
	}
	put64(lout.vec == 14 ? lout.cr2 : 0);
	for (unsigned i = 0; i < 6; i++)
		sum = (sum << 7 | sum >> 25) + p[i];
	for (unsigned i = 1; i < 16; i++)
		if (i != 4)
			sum = (sum << 7 | sum >> 25) + (uint32_t)lout.r[i] + 3 * (uint32_t)(lout.r[i] >> 32);
	put_text(" ");
	put_hex(sum, 8);
}

/* A code segment of IA-32e mode: 64-bit, or of compatibility mode, or neither */
static uint16_t some_code(unsigned level)
{
	unsigned i = SEL_CASE / 8 + pick(16), kind = pick(8);

	GDT[i] = descriptor(0, pick(4) ? 0xFFFFF : 0x8FFF, 0x98 | (rnd() & 7) | level << 5 |
		(kind < 4 ? 0x2000 : kind < 7 ? rnd() & 0xC000 : 0x6000));
	return i << 3 | level;
}

/* A 64-bit call gate, 16 bytes */
static uint16_t some_gate(unsigned level, int whole) /* whole: the type field of the upper half is 0 */
{
	unsigned i = SEL_CASE / 8 + pick(15);
	uint64_t off = pick(8) ? STUBS + 0x100 + pick(0x700) * 2 : odd_address();
	uint32_t sel = pick(4) ? SEL_LONG(pick(level + 1)) : pick(2) ? SEL_CODE(pick(4)) : random_selector();

	GDT[i] = gate64(sel, off, (pick(8) ? 0xE0 : 0x60) | (pick(8) ? 0xC : 4 + pick(4)), 0, 0);
	GDT[i + 1] = gate64(sel, off, 0, 0, 1) | (whole || pick(8) ? 0 : rnd64() & 0x1F0000000000);
	note("gate", off);
	return i << 3 | level;
}

static void no_tasks(void)
{
	for (unsigned i = 0; i < 16; i++)
		if ((GDT[SEL_CASE / 8 + i] >> 40 & 0x1D) == 1)
			GDT[SEL_CASE / 8 + i] |= 2ull << 40;
}

static void note_sel(uint16_t sel)
{
	note("sel", sel);
	if (!(sel & 4) && sel < 0x1F8) {
		note64("d", GDT[sel >> 3]);
		note64("d", GDT[(sel >> 3) + 1]);
	}
}

/* LAR, LSL, VERR, VERW, and segment loads with an access behind them */
static void load_or_look(uint16_t sel)
{
	static const char *const code[] = {"\x8E\xC0\x26\x8A\x03", "\x8E\xD0\x8A\x03\x90", "\x8E\xD8\x8B\x03\x90", "\x8E\xE0\x64\x8A\x03",
		"\x8E\xE8\x65\x8A\x03", "\x0F\x02\xD0\x90\x90", "\x0F\x03\xD0\x90\x90", "\x0F\x00\xE0\x90\x90", "\x0F\x00\xE8\x90\x90",
		"\x0F\xB2\x23\x90\x90", "\x0F\xB4\x3B\x90\x90"};
	unsigned k = pick(11);

	note("k", k);
	if (k == 1 && pick(2))
		sel = pick(2) ? pick(4) : SEL_DATA(pick(4));
	lin.r[0] = sel;
	lin.r[2] = 0x1122334455667788;
	lin.r[3] = 0x9000 + (pick(4) ? 0 : 0xFF0 + pick(16));
	if (k >= 9) {
		((volatile uint32_t *)(uint32_t)lin.r[3])[0] = lin.r[4];
		((volatile uint32_t *)(uint32_t)lin.r[3])[1] = sel;
	}
	emit(code[k], 5);
	emit_end();
}

static void transfer(uint16_t sel, unsigned compat, unsigned level)
{
	unsigned how = pick(compat ? 4 : 3), wide = !compat && pick(2), at = 0x9100;
	uint64_t off = pick(8) ? STUBS + 0x100 + pick(0x700) * 2 : odd_address();
	volatile uint32_t *p = (uint32_t *)at;
	char ptr[7] = {(char)0xEA};

	note("how", how);
	note64("off", off);
	lin.r[3] = at;
	if (how < 2) { /* JMP, CALL through memory */
		p[0] = off;
		p[1] = wide ? off >> 32 : sel;
		p[2] = sel;
		if (wide)
			emit("\x48", 1);
		emit(how ? "\xFF\x1B" : "\xFF\x2B", 2);
	} else if (how == 2) {
		unsigned w = wide ? 2 : 1;

		lin.r[4] -= 0x80;
		p = (uint32_t *)(uint32_t)lin.r[4];
		for (unsigned i = 0; i < 16; i++)
			p[i] = 0;
		p[0] = off;
		p[1] = wide ? off >> 32 : sel;
		p[w] = sel;
		p[2 * w] = 0xB000;
		p[3 * w] = pick(3) ? SEL_DATA(sel & 3) : random_selector();
		if (!pick(4) && wide)
			p[3 * w] = pick(4);
		if (!pick(8) && wide)
			p[2 * w + 1] = 0x8000;
		if (p[3 * w] < 4) /* a NULL selector's RPL is the new level (Vol. 2 RET) */
			p[3 * w] = sel & 3;
		note_sel(p[3 * w]);
		if (wide)
			emit("\x48", 1);
		emit("\xCB", 1);
	} else {
		uint32_t o = off;

		__builtin_memcpy(ptr + 1, &o, 4);
		__builtin_memcpy(ptr + 5, &sel, 2);
		ptr[0] = pick(2) ? 0xEA : 0x9A;
		emit(ptr, 7);
	}
	emit_end();
	(void)level;
}

void case_long_far(void)
{
	unsigned level = pick(4), compat = pick(3) == 0;
	unsigned look = pick(2);
	uint16_t sel = random_selector();

	long_begin(level, 1);
	no_tasks();
	if (compat)
		lin.cs = SEL_CODE(level);
	if (pick(2))
		sel = (sel & ~3) | level;
	if (pick(2))
		sel = some_code(pick(3) ? level : pick(4));
	if (!pick(4))
		sel = some_gate(level, look);
	if (!pick(4))
		((volatile uint32_t *)TSS)[2 + pick(3) * 2] = odd_address() >> 32;
	note("compat", compat);
	note_sel(sel);
	if (look && !(sel & 4) && sel < 0x1F0 && (GDT[sel >> 3] >> 40 & 0x1F) == 0xC) /* see some_gate() */
		GDT[(sel >> 3) + 1] = 0;
	if (look)
		load_or_look(sel);
	else
		transfer(sel, compat, level);
	long_run();
}

/* INT through a random gate, with or without IST; an exception whose delivery fails; IRET of every size with a random frame */
static void interrupt(unsigned level)
{
	static const uint8_t types[] = {0xE, 0xF, 0xE, 0xF, 0xC, 0x6, 0x7, 0x5, 0xE};
	static const char *const code[] = {"\xCD\x50", "\xCC\x90", "\x0F\x0B", "\xF7\xF1", "\x8E\xD8", "\x8E\xD0"};
	static const uint8_t vectors[] = {0x50, 3, 6, 0, 13, 13};
	unsigned k = pick(6), v = vectors[k];
	uint32_t sel = pick(3) ? SEL_LONG(pick(level + 1)) & ~(pick(2) * 3) : pick(2) ? SEL_CODE(pick(4)) : random_selector();
	uint64_t off = pick(8) ? STUBS + 0x100 + pick(0x700) * 2 : odd_address();
	volatile uint32_t *t = (uint32_t *)TSS;

	lin.r[0] = pick(2) ? 0xF08 : random_selector();
	set_gate(v, gate64(sel, off, PICK(types) | (pick(8) ? 0x80 : 0) | pick(4) << 5, pick(3) ? pick(4) : pick(8), 0),
		gate64(sel, off, 0, 0, 1));
	if (!pick(4))
		t[2 + pick(3) * 2] = odd_address() >> 32; /* RSP0 to RSP2 */
	if (!pick(4))
		t[1 + pick(3) * 2] += 2 + pick(16); /* not aligned: the frame is */
	if (!pick(6) && (off >> 47) + 1 <= 1) /* which is looked at first, the target or the stack, is not said */
		t[10 + pick(7) * 2] = odd_address() >> 32; /* IST, but the first and second */
	t[10] = t[12] = t[14] = 0;
	if (!pick(4))
		lin.r[4] += pick(16);
	note("k", k);
	note64("gate", IDT64[v * 2]);
	emit(code[k], 2);
	emit_end();
}

static void iret(unsigned level, unsigned compat)
{
	static const char *const code[] = {"\xCF\x90", "\x48\xCF", "\x66\xCF", "\x48\xCF"};
	unsigned k = pick(compat ? 1 : 4), w = k & 1 ? 8 : k == 2 ? 2 : 4, to = level + pick(4 - level);
	uint64_t frame[5] = {pick(8) ? STUBS + 0x100 + pick(0x700) * 2 : odd_address(), pick(3) ? SEL_LONG(to) : random_selector(),
		((rnd() & 0x247FD5) & ~0x300u) | 2, pick(8) ? 0xB000 + pick(32) : odd_address(), pick(3) ? SEL_DATA(to) : random_selector()};

	if (!pick(3))
		frame[1] = pick(2) ? SEL_CODE(to) : some_code(to);
	if (w < 8 && !compat && (frame[1] & 3) == level) /* SS:RSP is popped nevertheless (Vol. 3A 6.14.3); Bochs does not */
		w = 8, k = 1;
	if (pick(2))
		frame[2] &= ~0x4000u;
	if (!pick(5))
		frame[4] = pick(4);
	/* a NULL stack selector's RPL is the new level (Vol. 2 IRET), and a stack that is not present is #SS, which Bochs does not know */
	if (frame[4] < 4)
		frame[4] = frame[1] & 3;
	else if (!(frame[4] & 4) && frame[4] < 0x1F8)
		GDT[frame[4] >> 3] |= 0x800000000000;
	else if (frame[4] < 64)
		LDT[frame[4] >> 3] |= 0x800000000000;
	lin.r[4] -= 0x80;
	for (unsigned i = 0; i < 5; i++) {
		uint32_t at = (uint32_t)lin.r[4] + i * w;

		*(volatile uint16_t *)at = frame[i];
		if (w >= 4)
			*(volatile uint32_t *)at = frame[i];
		if (w == 8)
			*(volatile uint64_t *)at = frame[i];
		note64("f", frame[i]);
	}
	note("k", k);
	note_sel(frame[1]);
	lin.rflags |= pick(4) << 12;
	emit(code[k], 2);
	emit_end();
}

void case_long_gate(void)
{
	unsigned level = pick(4), compat = pick(4) == 0;

	long_begin(level, 1);
	no_tasks();
	if (compat)
		lin.cs = SEL_CODE(level);
	lin.rflags |= pick(2) ? 0 : 0x4000;
	note("compat", compat);
	if (pick(2))
		interrupt(level);
	else
		iret(level, compat);
	long_run();
	if (lout.vec == 12) /* of a stack that is not canonical: which selector is not said, there is none */
		lout.err &= 1;
}

static uint64_t random_bits(unsigned leaf_at) /* leaf_at: bit 7 makes a leaf of size 1 << leaf_at; 0 where it is PAT */
{
	uint64_t v = (rnd() & 0x160) | (pick(10) ? 1 : 0) | (pick(5) ? 4 : 0) | (pick(5) ? 2 : 0);

	if (!pick(6))
		v |= 1ull << 63;
	if (!pick(40))
		v |= 1ull << (40 + pick(23)); /* beyond what the processor addresses, or ignored */
	if (!pick(24) && leaf_at)
		v |= 1u << (13 + pick(leaf_at - 13));
	return v;
}

/* Random entries of four levels above one access, which may cross pages. Frames: 180000h and 181000h, or all memory. */
void case_long_paging(void)
{
	static const char *const ops[] = {"\x8A\x03\x90", "\x8B\x03\x90", "\x88\x03\x90", "\x48\x89\x03", "\xFF\xE3\x90", "\x01\x03\x90", "\x48\x8B\x03"};
	static const uint64_t windows[] = {0x8000000000, 0x7F8000000000, 0xFFFF800000000000, 0xFFFFFF8000000000};
	unsigned k = pick(7), size = pick(4), level = pick(2) * 3, slot;
	uint64_t window = PICK(windows), e[5], at;
	volatile uint64_t *pml4 = (uint64_t *)PML4, *pdpt = (uint64_t *)0x104000, *pd = (uint64_t *)0x105000, *pt = (uint64_t *)0x106000;

	long_begin(level, 0);
	for (unsigned i = 0; i < 3 * 512; i++)
		pdpt[i] = 0;
	slot = window >> 39 & 511;
	e[0] = random_bits(0) & ~0x180ull;
	e[1] = random_bits(size == 0 ? 30 : 0) | (size == 0 ? 0x80 : 0);
	e[2] = random_bits(size == 1 ? 21 : 0) | (size == 1 ? 0x80 : 0);
	e[3] = random_bits(0);
	e[4] = random_bits(0);
	if (!pick(16))
		e[0] |= 0x80; /* reserved */
	pml4[slot] = e[0] | 0x104000;
	pdpt[0] = e[1] | (size ? 0x105000 : 0);
	pd[0] = e[2] | (size > 1 ? 0x106000 : 0);
	pt[0] = e[3] | 0x180000;
	pt[1] = e[4] | 0x181000;
	for (unsigned i = 0; i < 0x2000; i += 2)
		*(volatile uint16_t *)(0x180000 + i) = 0x81CD;
	at = (pick(3) ? pick(0x7F0) * 2 : 0xFF9 + pick(8)) + (size < 2 ? 0x180000 : 0);
	if (k == 4)
		at &= ~1u;
	lin.r[3] = window + at;
	if (!pick(16))
		lin.r[3] = window - 1 - pick(8);
	lin.rflags |= pick(2) ? 0x40000 : 0;
	long_cr4 |= pick(2) << 20 | pick(2) << 21;
	long_cr0 = (long_cr0 & ~0x10000u) | pick(2) << 16;
	for (unsigned i = 0; i < 5; i++)
		note64("e", e[i]);
	note64("at", lin.r[3]);
	note("op", k);
	note("cr4", long_cr4);
	emit(ops[k], 3);
	emit_end();
	long_run();
	lout.r[0] = lout.vec == 0x81 ? lout.r[0] : 0;
	memory_sum = (uint32_t)(pml4[slot] & 0x20) | (uint32_t)(pdpt[0] & 0x60) << 4 | (uint32_t)(pd[0] & 0x60) << 8 |
		(uint32_t)(pt[0] & 0x60) << 12 | (uint32_t)(pt[1] & 0x60) << 16;
}

static void wrmsr32(uint32_t msr, uint64_t v)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)));
}

/* SYSCALL, SYSRET, SYSENTER, SYSEXIT, SWAPGS, WRMSR of addresses, LGDT and LIDT, CR writes, with odd operands */
void case_long_fast(void)
{
	static const char *const code[] = {"\x0F\x05\x90", "\x48\x0F\x07", "\x0F\x07\x90", "\x0F\x34\x90", "\x48\x0F\x35", "\x0F\x35\x90",
		"\x0F\x01\xF8", "\x0F\x30\x90", "\x0F\x22\xC0", "\x0F\x22\xD8", "\x0F\x22\xE0", "\x44\x0F\x22", "\x0F\x23\xF8", "\x0F\x01\x13",
		"\x0F\x01\x1B"};
	static const uint32_t msrs[] = {0xC0000100, 0xC0000101, 0xC0000102, 0xC0000081, 0xC0000082, 0xC0000083, 0xC0000084, 0x174, 0x175, 0x176,
		0xC0000080};
	unsigned k = pick(15), level = pick(2) * 3, compat = pick(4) == 0 && k < 11; /* LGDT, and what 0F 22 without REX is, would be the end */
	uint64_t to = pick(6) ? STUBS + 0x100 + pick(0x700) * 2 : odd_address();

	long_begin(level, 1);
	if (compat)
		lin.cs = SEL_CODE(level);
	wrmsr32(0xC0000081, (uint64_t)(pick(4) ? 0x0030u : rnd() & 0xFFFF) << 48 | (uint64_t)(pick(4) ? 0x100 : rnd() & 0xFFFC) << 32);
	wrmsr32(0xC0000082, STUBS + 0x200);
	wrmsr32(0xC0000083, STUBS + 0x300);
	wrmsr32(0xC0000084, rnd() & 0x47FD5 & ~0x100u);
	wrmsr32(0x174, pick(4) ? 0x100 : rnd() & 0xFFFF);
	wrmsr32(0x175, STACK0);
	wrmsr32(0x176, STUBS + 0x400);
	lin.fs_base[0] = rnd();
	lin.gs_base[1] = rnd() & 0x7FFF;
	lin.kernel_gs[0] = rnd();
	lin.r[1] = k == 7 ? PICK(msrs) : to;
	lin.r[2] = pick(6) ? STUBS + 0x500 : odd_address();
	lin.r[11] = (rnd() & 0x247FD5) & ~0x300u;
	lin.r[0] = pick(2) ? odd_address() : rnd64();
	lin.rflags |= (rnd() & 0x44CD5);
	if (k == 7) {
		lin.r[0] = (uint32_t)odd_address();
		lin.r[2] = lin.r[1] == 0x174 || lin.r[1] == 0xC0000084 ? 0 : odd_address() >> 32;
		if (lin.r[1] == 0xC0000080) {
			lin.r[0] = 0xD01 ^ (pick(2) ? 0 : 1u << pick(16));
			lin.r[2] = pick(4) ? 0 : 1;
		}
	}
	if (k == 8)
		lin.r[0] = (long_cr0 ^ (1u << pick(32))) | (pick(8) ? 0 : 1ull << (32 + pick(32)));
	if (k == 8 && !(lin.r[0] & 0x80000000))
		lin.r[0] |= 0x80000001; /* leaving the mode would be the end */
	if (k == 9)
		lin.r[0] = PML4 | (pick(2) ? 0 : 1ull << pick(63)) | (pick(2) ? 0 : 0x18);
	if (k == 9)
		lin.r[0] = (lin.r[0] & ~0xFFFFFFF000ull) | PML4;
	if (k == 10)
		lin.r[0] = (long_cr4 ^ (pick(2) ? 1u << pick(5) : 0)) | (pick(2) ? 0 : 1ull << (23 + pick(40)));
	if (k == 11)
		lin.r[0] = pick(2) ? pick(16) : rnd64();
	if (k == 12)
		lin.r[0] = 0x400 | (pick(2) ? 0 : 1ull << (32 + pick(32)));
	if (k == 13 || k == 14) {
		lin.r[3] = 0x9100;
		*(volatile uint16_t *)0x9100 = k == 13 ? 0x1FF : 0xFFF;
		*(volatile uint64_t *)0x9102 = pick(2) ? (k == 13 ? 0x1000 : 0x121000) : odd_address();
		if (!level && *(volatile uint32_t *)0x9106 == 0 && (k == 13 ? *(volatile uint32_t *)0x9102 != 0x1000 : *(volatile uint32_t *)0x9102 != 0x121000))
			*(volatile uint32_t *)0x9106 = 0x80000000; /* a table that is not there would be the end */
		else if (!level && *(volatile uint32_t *)0x9106 != 0)
			*(volatile uint32_t *)0x9106 = 0x12340000;
	}
	note("k", k);
	note("compat", compat);
	note64("rax", lin.r[0]);
	note64("rcx", lin.r[1]);
	note64("rdx", lin.r[2]);
	note64("r11", lin.r[11]);
	emit(code[k], 3);
	if (k == 11)
		emit("\xC0", 1); /* mov cr8, rax */
	if (k == 11)
		emit("\x44\x0F\x20\xC2", 4);
	emit_end();
	if (params[4]) {
		uint32_t lo, hi;

		for (unsigned i = 0; i < 4; i++) {
			__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(0xC0000081 + i));
			note64("msr", (uint64_t)hi << 32 | lo);
		}
	}
	long_run();
	__asm__ volatile("mov %0, %%dr7" : : "r"(0x400));
	for (unsigned i = 0; i < 11; i++) {
		uint32_t lo, hi;

		__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msrs[i]));
		if (i >= 3 && i < 10)
			memory_sum = (memory_sum << 3 | memory_sum >> 29) + lo + 5 * hi;
	}
}
