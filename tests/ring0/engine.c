/* engine.c - the ring-0 test program: sets the machine up afresh for every case, runs it, prints its line. */
#include "long.h"

uint32_t memory_sum;
static uint32_t state;
static uint8_t *emitted;

uint32_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state * 0x9E3779B1u >> 7 ^ state << 9;
}

uint32_t pick(uint32_t n)
{
	return (rnd() >> 8) % n;
}

static void port_out(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

void put_text(const char *s)
{
	while (*s)
		port_out(0xE9, *s++);
}

void put_hex(uint32_t v, int digits)
{
	while (digits--)
		port_out(0xE9, "0123456789abcdef"[v >> digits * 4 & 15]);
}

void note(const char *name, uint32_t v)
{
	if (!params[4])
		return;
	put_text(" ");
	put_text(name);
	put_text("=");
	put_hex(v, 8);
}

uint64_t descriptor(uint32_t base, uint32_t limit20, uint32_t attr)
{
	uint32_t lo = (limit20 & 0xFFFF) | base << 16;
	uint32_t hi = (base >> 16 & 0xFF) | (attr & 0xF0FF) << 8 | (limit20 & 0xF0000) | (base & 0xFF000000);

	return lo | (uint64_t)hi << 32;
}

uint64_t gate(uint32_t sel, uint32_t off, uint32_t attr, uint32_t params_)
{
	return ((off & 0xFFFF) | sel << 16) | (uint64_t)((off & 0xFFFF0000) | attr << 8 | params_) << 32;
}

/* Mostly sensible: present, memory segments based at 0 or close to it, gates to a case's code. */
uint64_t random_descriptor(void)
{
	static const uint32_t bases[] = {0, 0, 0, 0x1000}, limits[] = {0xFFFFF, 0xFFFFF, 0xBFFF, 0xFFF, 0xC, 0};
	uint32_t attr = rnd() & 0xC07F;

	if (pick(8))
		attr |= 0x80;
	if (pick(4))
		attr |= 0x10; /* memory */
	if (!(attr & 0x10) && (attr & 4)) /* gates: target within the stubs */
		return gate(pick(4) ? SEL_CODE(pick(4)) & (pick(3) ? ~0u : ~3u) : SEL_CASE + pick(16) * 8, STUBS, attr & 0xFF,
			pick(3));
	if (!(attr & 0x10)) /* a TSS or LDT is only ever looked at */
		return descriptor(TSS2, PICK(limits), attr);
	return descriptor(attr & 8 ? 0 : PICK(bases), PICK(limits), attr); /* code: the stubs are at 0 */
}

uint16_t random_selector(void)
{
	switch (pick(12)) {
	case 0: return pick(4);
	case 1: return 0xF00 + pick(256);
	case 2: return SEL_CODE(0) + pick(SEL_CASE - 8);
	case 3: return pick(8) << 3 | 4 | pick(4);
	case 4: return pick(64) << 3 | 4 | pick(4);
	default: return SEL_CASE + (pick(16) << 3) + pick(4);
	}
}

static void set_tables(void)
{
	const struct { uint16_t limit; uint32_t base; } __attribute__((packed)) gdtr = {0x1FF, 0x1000}, idtr = {0x7FF, 0x2000};
	uint32_t *tss = (uint32_t *)TSS;

	for (unsigned i = 0; i < 64; i++)
		GDT[i] = 0;
	for (unsigned d = 0; d < 4; d++) {
		GDT[SEL_CODE(d) >> 3] = descriptor(0, 0xFFFFF, 0xC09B | d << 5);
		GDT[SEL_DATA(d) >> 3] = descriptor(0, 0xFFFFF, 0xC093 | d << 5);
	}
	GDT[SEL_TSS >> 3] = descriptor(TSS, 0x2087, 0x89);
	GDT[SEL_TSS2 >> 3] = descriptor(TSS2, 0x67, 0x89);
	GDT[SEL_DF >> 3] = descriptor(TSS_DF, 0x67, 0x89);
	GDT[SEL_LDT >> 3] = descriptor(0x1800, 63, 0x82);
	GDT[SEL_CODE16 >> 3] = descriptor(0, 0xFFFF, 0x9B);
	GDT[SEL_DATA16 >> 3] = descriptor(0, 0xFFFF, 0x93);
	for (unsigned i = 0; i < 256; i++)
		IDT[i] = gate(8, (uint32_t)stub_table + (i < 33 ? i : 33) * 16, 0x8E, 0);
	IDT[0x81] = gate(8, (uint32_t)stub_81, 0xEE, 0);
	IDT[2] = gate(8, (uint32_t)nmi_entry, 0x8E, 0);
	IDT[8] = gate(SEL_DF, 0, 0x85, 0);
	for (unsigned i = 0; i < 0x68 / 4; i++)
		((volatile uint32_t *)TSS_DF)[i] = tss[i] = 0;
	for (unsigned d = 0; d < 3; d++) {
		tss[1 + d * 2] = STACK0 + d * 0x1000;
		tss[2 + d * 2] = SEL_DATA(d);
	}
	tss[25] = 0x68u << 16;
	for (unsigned i = 0; i < 0x2000; i++)
		((volatile uint8_t *)TSS)[0x68 + i] = 0;
	tss = (uint32_t *)TSS_DF;
	tss[8] = (uint32_t)df_entry;
	tss[9] = 2;
	tss[14] = 0x8F000;
	tss[18] = tss[20] = tss[21] = tss[22] = tss[23] = 0x10;
	tss[19] = 8;
	__asm__ volatile("lgdt %0; lidt %1; clts" : : "m"(gdtr), "m"(idtr));
	__asm__ volatile("ltr %0; lldt %1" : : "r"((uint16_t)SEL_TSS), "r"((uint16_t)SEL_LDT));
}

/* An available TSS becomes a busy one: a task without content would bring the program down. */
static uint64_t not_a_task(uint64_t d)
{
	unsigned type = d >> 40 & 0x1F;

	return type == 1 || type == 9 ? d | 2ull << 40 : d;
}

static void set_memory(void)
{
	for (unsigned i = 0; i < 0x1000 / 4; i++)
		((volatile uint32_t *)STUBS)[i] = 0x81CD81CD; /* INT 81h at every even byte */
	for (unsigned i = 0; i < 0x1000 / 4; i++) /* what the firmware left */
		((volatile uint32_t *)0)[i] = i * 0x01010101u;
	for (unsigned i = 0x9000 / 4; i < 0xF000 / 4; i++)
		((volatile uint32_t *)0)[i] = i * 0x01010101u;
	for (unsigned i = 0; i < 16; i++)
		GDT[(SEL_CASE >> 3) + i] = not_a_task(random_descriptor());
	for (unsigned i = 0; i < 8; i++)
		LDT[i] = random_descriptor();
}

void sum_words(uint32_t from, uint32_t to)
{
	for (volatile uint32_t *p = (uint32_t *)from; p < (volatile uint32_t *)to; p++)
		memory_sum = (memory_sum << 5 | memory_sum >> 27) + (*p ^ 0x5BD1E995u);
}

void enter_at(unsigned level)
{
	uint32_t *p = (uint32_t *)&in;

	for (unsigned i = 0; i < sizeof(in) / 4; i++)
		p[i] = 0;
	in.level = level;
	in.cs = SEL_CODE(level);
	in.ss = SEL_DATA(level);
	in.esp = level == 3 ? STACK3 : STACK0 + level * 0x1000 - 0x800;
	in.ds = in.es = in.fs = in.gs = SEL_DATA(level);
	in.eip = STUBS;
	in.eflags = 2;
	emitted = (uint8_t *)STUBS;
}

uint8_t *emit(const char *bytes, unsigned n)
{
	uint8_t *p = emitted;

	while (n--)
		*emitted++ = *bytes++;
	return p;
}

void emit_end(void)
{
	emit("\xCD\x81", 2);
}

static void (*const kinds[TYPES])(void) = {case_load, case_rights, case_far, case_gate, case_iret, case_task, case_paging,
	case_flags, case_double, case_v86, case_debug, case_soup_real, case_soup_v86, case_soup_16, case_soup_32, case_switch, case_modify,
	case_long_far, case_long_gate, case_long_paging, case_long_fast, case_long_soup, case_v86_paging, case_long_debug};
#define LONG_KINDS (0x1Fu << 17 | 1u << 23) /* those of IA-32e mode */

static void line(unsigned type, unsigned n)
{
	static const uint8_t digits[] = {2, 4, 8, 4, 6, 4, 8, 8, 4, 4, 4, 4};
	uint32_t v[] = {out.vec, out.err, out.eip, out.cs, out.eflags & 0x3E7FD7, out.ss, out.esp, out.eax, out.ds, out.es,
		out.fs, out.gs};

	put_hex(type, 2);
	put_hex(n, 5);
	if (LONG_KINDS >> type & 1) {
		long_line();
		return;
	}
	for (unsigned i = 0; i < sizeof(digits); i++) {
		put_text(" ");
		put_hex(v[i], digits[i]);
	}
	put_text(" ");
	put_hex(out.vec == 14 ? out.cr2 : 0, 8);
	put_text(" ");
	put_hex(out.ebx, 8);
	put_text(" ");
	put_hex(memory_sum, 8);
}

/* A watchdog that came on the way into 64-bit mode has left what was set up by then. */
static void set_control(void)
{
	__asm__ volatile("mov %0, %%cr4" : : "r"(0));
	__asm__ volatile("wrmsr" : : "c"(0xC0000080), "a"(0), "d"(0));
}

static void one_case(unsigned type, unsigned n)
{
	uint32_t *p = (uint32_t *)&out;

	state = params[0] * 0x9E3779B1u ^ (type + 1) * 0x85EBCA6Bu ^ (n + 1) * 0xC2B2AE35u;
	state |= !state;
	for (unsigned i = 0; i < 8; i++)
		rnd();
	for (unsigned i = 0; i < sizeof(out) / 4; i++)
		p[i] = 0;
	memory_sum = timed_out = 0;
	set_control();
	set_tables();
	set_memory();
	kinds[type]();
}

/* No PIC; the RTC's periodic interrupt, 8 times a second while a case runs, is the watchdog: an NMI by the I/O APIC. */
static void set_watchdog(void)
{
	volatile uint32_t *ioapic = (uint32_t *)0xFEC00000;

	port_out(0x21, 0xFF);
	port_out(0xA1, 0xFF);
	port_out(0x70, 0x0A);
	port_out(0x71, 0x2D);
	port_out(0x70, 0x0B);
	port_out(0x71, 0x02);
	ioapic[0] = 0x10 + 8 * 2 + 1;
	ioapic[4] = 0;
	ioapic[0] = 0x10 + 8 * 2;
	ioapic[4] = 0x400;
}

void main(void)
{
	set_watchdog();
	__builtin_memcpy((void *)REAL_CODE, real_code, real_code_end - real_code);
	for (unsigned t = 0; t < TYPES; t++) {
		for (unsigned n = params[2]; (params[1] >> t & 1) && n < params[2] + params[3]; n++) {
			unsigned tries = 0;

			do /* the watchdog may have hit a case that only waited for its machine */
				one_case(t, n);
			while (timed_out && ++tries < 4);
			if (params[4]) /* the inputs have a line of their own */
				put_text("\n");
			if (timed_out) {
				put_hex(t, 2);
				put_hex(n, 5);
				put_text(" never returns");
			} else {
				line(t, n);
			}
			put_text("\n");
		}
	}
	put_text("end\n");
	port_out(0xF4, 0); /* isa-debug-exit */
	for (const char *s = "Shutdown"; *s; s++)
		port_out(0x8900, *s); /* Bochs */
}
