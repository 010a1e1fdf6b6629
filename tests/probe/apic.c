/*
 * apic.c - the local APIC and the I/O APIC as software sees them: enabling and modes, IPIs by every shorthand and destination,
 * priorities, the timer's three modes, level and edge inputs, remote IRR, masks; NMI and its blocking.
 *
 * Source: Intel SDM Vol. 3A chapter 10; 82093AA datasheet, 3.0 and 3.2.
 */
#include "probe.h"

#define APIC 0xFEE00000
#define IOAPIC 0xFEC00000
static bool x2;
static uint32_t rd(unsigned r) { return x2 ? (uint32_t)rdmsr(0x800 + r / 16) : *(volatile uint32_t *)(APIC + (word)r); }
static void wr(unsigned r, uint32_t v)
{
	if (x2)
		wrmsr(0x800 + r / 16, v);
	else
		*(volatile uint32_t *)(APIC + (word)r) = v;
}
static void icr(uint32_t dest, uint32_t lo)
{
	if (x2) {
		wrmsr(0x830, lo | (uint64_t)dest << 32);
		return;
	}
	wr(0x310, dest << 24);
	wr(0x300, lo);
	while (rd(0x300) & 0x1000)
		;
}
static uint32_t io_rd(unsigned r) { *(volatile uint32_t *)IOAPIC = r; return *(volatile uint32_t *)(IOAPIC + 16); }
static void io_wr(unsigned r, uint32_t v) { *(volatile uint32_t *)IOAPIC = r; *(volatile uint32_t *)(IOAPIC + 16) = v; }
static void route(unsigned pin, uint32_t lo, uint32_t dest) { io_wr(0x10 + 2 * pin, lo | 0x10000); io_wr(0x11 + 2 * pin, dest << 24); io_wr(0x10 + 2 * pin, lo); }
static void line(unsigned pin, int v) { outb((uint16_t)(0x2000 + pin), (uint8_t)v); }

static volatile unsigned count[256], order[16], norder;
static volatile bool no_eoi;
static void got(struct frame *f)
{
	count[f->vec]++;
	if (norder < 16)
		order[norder++] = (unsigned)f->vec;
	if (!no_eoi)
		wr(0xB0, 0);
}
static void idle(void)
{
	asm volatile("sti; nop; nop; nop; nop; cli" : : : "memory");
}
static void clear(void)
{
	for (int i = 0; i < 256; i++)
		count[i] = 0;
	norder = 0;
}
static void wait_us(unsigned us)
{
	/* by the PIT's channel 2: 1.193182 MHz */
	unsigned n = us * 1193 / 1000 + 1;

	outb(0x61, (uint8_t)((inb(0x61) & ~2) | 1));
	outb(0x43, 0xB0);
	outb(0x42, (uint8_t)n);
	outb(0x42, (uint8_t)(n >> 8));
	while (!(inb(0x61) & 0x20))
		;
}

static void modes(void)
{
	uint64_t b = rdmsr(0x1B), v;
	uint32_t r[4];

	check((b & ~0x100ull) == (APIC | 0x800), "apic base %x", (word)b);
	check(rdmsr_try(0x802, &v) == 13, "x2APIC MSR readable in xAPIC mode");
	check(wrmsr_try(0x80B, 0) == 13, "x2APIC MSR writable in xAPIC mode");
	check(rd(0x30) >> 16 >= 4, "version %x", (word)rd(0x30));
	/* globally disabled: CPUID says there is none, memory is memory */
	wrmsr(0x1B, b & ~0x800ull);
	cpuid(1, 0, r);
	check(!(r[3] & 0x200), "CPUID.APIC while disabled by IA32_APIC_BASE");
	check(*(volatile uint32_t *)(APIC + 0x30) == 0xFFFFFFFF, "APIC answers while disabled: %x", (word) * (volatile uint32_t *)(APIC + 0x30));
	check(wrmsr_try(0x1B, (b & ~0x800ull) | 0x400) == 13, "EXTD without EN is taken");
#ifdef __x86_64__
	/* CR8 is there all the same; what is written to the device's place is lost */
	{
		word old = RD(cr8);

		for (unsigned i = 0; i < 4096; i += 4)
			*(volatile uint32_t *)(APIC + (word)i) = 0xFFFFFFFF;
		check(RD(cr8) == old, "CR8 after writes to a disabled APIC: %x", RD(cr8));
		WR(cr8, old ^ 15);
		check(RD(cr8) == (old ^ 15) && *(volatile uint32_t *)(APIC + 0x80) == 0xFFFFFFFF, "CR8 of a disabled APIC: %x", RD(cr8));
		WR(cr8, old);
	}
#endif
	wrmsr(0x1B, b);
	cpuid(1, 0, r);
	check(r[3] & 0x200, "CPUID.APIC after enabling");
	wr(0xF0, 0x1FF);
	/* x2APIC and the ways between the modes */
	wrmsr(0x1B, b | 0x400);
	check(wrmsr_try(0x1B, b) == 13, "x2APIC to xAPIC is taken");
	check(rdmsr_try(0x802, &v) == -1 && v == 0, "x2APIC ID");
	check(rdmsr_try(0x80D, &v) == -1 && v == 1, "x2APIC LDR %x", (word)v);
	check(rdmsr_try(0x80E, &v) == 13, "DFR in x2APIC mode");
	check(wrmsr_try(0x802, 0) == 13, "ID written");
	check(wrmsr_try(0x80B, 1) == 13, "EOI of 1");
	check(wrmsr_try(0x808, 0x100) == 13, "TPR of 100h");
	check(rdmsr_try(0x83F, &v) == 13, "self IPI read");
	check(rdmsr_try(0x831, &v) == 13, "MSR 831h");
	check(wrmsr_try(0x830, 0x4000000ull << 8 | 0xFFF00000) == 13, "ICR reserved bits");
	check(wrmsr_try(0x828, 0) == -1 && wrmsr_try(0x828, 1) == 13, "ESR");
	wrmsr(0x1B, b & ~0x800ull);
	wrmsr(0x1B, b);
	wr(0xF0, 0x1FF);
	/* at another address */
	wrmsr(0x1B, 0xFED40000 | (b & 0xFFF));
	check((*(volatile uint32_t *)0xFED40030 & 0xFF) >= 0x10, "relocated APIC: version %x", (word) * (volatile uint32_t *)0xFED40030);
	wrmsr(0x1B, b);
	check(wrmsr_try(0x1B, b | 1ull << 52) == 13 && wrmsr_try(0x1B, b | 1) == 13, "reserved bits of IA32_APIC_BASE");
}

static void ipis(void)
{
	const char *m = x2 ? "x2APIC" : "xAPIC";

	wr(0xF0, 0x1FF);
	clear();
	icr(0, 0x44051); /* self */
	idle();
	check(count[0x51] == 1, "%s: self shorthand", m);
	icr(0, 0x84052); /* all including self */
	idle();
	check(count[0x52] == 1, "%s: all including self", m);
	icr(0, 0xC4053); /* all but self */
	idle();
	check(count[0x53] == 0, "%s: all excluding self", m);
	icr(0, 0x4054); /* physical 0 */
	idle();
	check(count[0x54] == 1, "%s: physical 0", m);
	icr(x2 ? 0xFFFFFFFF : 0xFF, 0x4055); /* physical broadcast */
	idle();
	check(count[0x55] == 1, "%s: physical broadcast", m);
	icr(1, 0x4056); /* nobody */
	idle();
	check(count[0x56] == 0, "%s: physical 1", m);
	icr(1, 0x4857); /* logical 1 */
	idle();
	if (!x2) {
		check(count[0x57] == 0 || rd(0xD0), "%s: logical 1 without LDR", m);
		wr(0xE0, 0xFFFFFFFF);
		wr(0xD0, 0x04000000);
		clear();
		icr(4, 0x4858);
		icr(3, 0x4859);
		icr(0xFF, 0x485A);
		idle();
		check(count[0x58] == 1 && !count[0x59] && count[0x5A] == 1, "flat: %d %d %d", (int)count[0x58], (int)count[0x59], (int)count[0x5A]);
		wr(0xE0, 0x0FFFFFFF); /* clusters */
		wr(0xD0, 0x34000000);
		clear();
		icr(0x34, 0x4858);
		icr(0x24, 0x4859);
		icr(0x33, 0x485A);
		icr(0x3F, 0x485B);
		icr(0xFF, 0x485C);
		idle();
		check(count[0x58] == 1 && !count[0x59] && !count[0x5A] && count[0x5B] == 1 && count[0x5C] == 1, "clusters");
		wr(0xE0, 0xFFFFFFFF);
		wr(0xD0, 0x01000000);
		clear();
		icr(1, 0x4958); /* lowest priority, logical */
		icr(0xFF, 0x4159); /* lowest priority, physical broadcast: may or may not */
		idle();
		check(count[0x58] == 1, "lowest priority");
	} else {
		check(count[0x57] == 1, "x2APIC: logical 1");
		wrmsr(0x83F, 0x5D);
		idle();
		check(count[0x5D] == 1, "self IPI register");
	}
	/* INIT and start-up as a boot processor wakes others: nobody is there, and this one goes on */
	icr(0, 0xC4500);
	icr(0, 0xC8500);
	icr(0, 0xC4608);
	icr(1, 0x4500);
	icr(1, 0x4608);
	/* illegal vector */
	wr(0x280, 0);
	icr(0, 0x44005);
	wr(0x280, 0);
	idle();
	check(rd(0x280) & 0x60, "%s: ESR after vector 5: %x", m, (word)rd(0x280));
	wr(0x280, 0);
	wr(0x280, 0);
	check(rd(0x280) == 0, "%s: ESR cleared", m);
}

static void priorities(void)
{
	clear();
	wr(0x80, 0x60);
	check(rd(0xA0) == 0x60, "PPR %x", (word)rd(0xA0));
	icr(0, 0x44061); /* class 6 held back */
	icr(0, 0x44071);
	check((rd(0x200 + 0x30) & 0x20002) == 0x20002, "IRR %x", (word)rd(0x230));
	idle();
	check(!count[0x61] && count[0x71] == 1, "TPR 60h: %d %d", (int)count[0x61], (int)count[0x71]);
	if (LONG) {
#ifdef __x86_64__
		check(RD(cr8) == 6, "CR8 %x", RD(cr8));
		WR(cr8, 5);
		check(rd(0x80) == 0x50, "TPR by CR8 %x", (word)rd(0x80));
#endif
	} else {
		wr(0x80, 0x50);
	}
	idle();
	check(count[0x61] == 1, "61h after TPR 50h");
	wr(0x80, 0);
	/* the higher first; no nesting of the same class */
	clear();
	icr(0, 0x44048);
	icr(0, 0x44085);
	icr(0, 0x44042);
	idle();
	check(norder == 3 && order[0] == 0x85 && order[1] == 0x48 && order[2] == 0x42, "order %x %x %x", (word)order[0], (word)order[1], (word)order[2]);
	clear();
	no_eoi = true;
	icr(0, 0x44061);
	idle();
	check(rd(0xA0) == 0x60 && (rd(0x100 + 0x30) & 2), "in service: PPR %x ISR %x", (word)rd(0xA0), (word)rd(0x130));
	icr(0, 0x4406F); /* the same class must wait */
	icr(0, 0x44070); /* the next not */
	idle();
	check(!count[0x6F] && count[0x70] == 1, "nesting %d %d", (int)count[0x6F], (int)count[0x70]);
	no_eoi = false;
	wr(0xB0, 0);
	wr(0xB0, 0);
	idle();
	check(count[0x6F] == 1, "after EOI");
	check(rd(0xA0) == 0, "PPR %x in the end", (word)rd(0xA0));
	/* software disable masks every LVT, IRR stays */
	wr(0x320, 0x40);
	wr(0xF0, 0xFF);
	check(rd(0x320) & 0x10000, "LVT not masked by software disable");
	wr(0x320, 0x40);
	check(rd(0x320) & 0x10000, "LVT unmasked while disabled");
	wr(0xF0, 0x1FF);
	if (x2)
		return;
	/* reserved registers, read-only ones */
	wr(0x20, 0x05000000);
	check(rd(0x20) >> 24 == 5 || rd(0x20) == 0, "ID register");
	wr(0x20, 0);
	wr(0x30, 0);
	check(rd(0x30) != 0, "version written");
	wr(0xA0, 0x55);
	check(rd(0xA0) == 0, "PPR written");
}

/* Counts in 2^14 ticks of the TSC. */
static uint32_t rate(void)
{
	uint64_t t = rdtsc(), d;
	uint32_t n;

	wr(0x380, 0xFFFFFFFF);
	wait_us(1000);
	n = 0xFFFFFFFF - rd(0x390);
	d = rdtsc() - t;
	return n * 64 / (uint32_t)(d >> 8);
}

static void timer(void)
{
	uint64_t v, t0;
	uint32_t a, b, r[4];

	clear();
	wr(0x3E0, 0xB); /* by 1 */
	wr(0x320, 0x41);
	wr(0x380, 20000);
	t0 = rdtsc();
	while (!count[0x41] && rdtsc() - t0 < 1000000000)
		idle();
	check(count[0x41] == 1 && rd(0x390) == 0, "one-shot: %d, current %x", (int)count[0x41], (word)rd(0x390));
	wait_us(100);
	idle();
	check(count[0x41] == 1, "one-shot fired again");
	clear();
	wr(0x320, 0x20041); /* periodic */
	wr(0x380, 100000);
	t0 = rdtsc();
	while (count[0x41] < 5 && rdtsc() - t0 < 4000000000u)
		idle();
	check(count[0x41] == 5, "periodic: %d", (int)count[0x41]);
	wr(0x380, 0);
	check(rd(0x390) == 0, "stopped: current %x", (word)rd(0x390));
	idle();
	clear();
	wait_us(500);
	idle();
	check(!count[0x41], "fires after initial count 0");
	/* divisors: the same count takes twice the time */
	wr(0x320, 0x10041);
	wr(0x3E0, 0xB);
	a = rate();
	wr(0x3E0, 0x3); /* by 16 */
	b = rate();
	check(a > b * 14 && a < b * 18, "divide by 16: %x, by 1: %x", (word)b, (word)a);
	check((rd(0x3E0) & 0xB) == 3, "divide register");
	wr(0x380, 0);
	cpuid(1, 0, r);
	if (!(r[2] & 1u << 24))
		return;
	clear();
	check(wrmsr_try(0x6E0, rdtsc() + 1000) == -1, "deadline MSR in another mode");
	check(!rdmsr_try(0x6E0, &v) || v == 0, "deadline in another mode: %x", (word)v);
	wr(0x320, 0x40042);
	wr(0x380, 5000);
	check(rd(0x390) == 0, "current count in deadline mode");
	v = rdtsc() + 1000000;
	wrmsr(0x6E0, v);
	check(rdmsr(0x6E0) == v, "deadline read");
	t0 = rdtsc();
	while (!count[0x42] && rdtsc() - t0 < 4000000000u)
		idle();
	check(count[0x42] == 1 && rdtsc() >= v, "deadline fired");
	check(rdmsr(0x6E0) == 0, "deadline cleared");
	clear();
	wrmsr(0x6E0, rdtsc() - 1); /* past: at once */
	idle();
	check(count[0x42] == 1, "past deadline");
	wrmsr(0x6E0, rdtsc() + 100000000);
	wrmsr(0x6E0, 0);
	check(rdmsr(0x6E0) == 0, "disarmed");
	wrmsr(0x6E0, rdtsc() + 1000000000);
	wr(0x320, 0x42);
	check(rdmsr(0x6E0) == 0, "mode change disarms: %x", (word)rdmsr(0x6E0));
	idle();
	clear();
}

static volatile unsigned levels;
static bool drop_line;
static void level_got(struct frame *f)
{
	levels++;
	count[f->vec]++;
	if (drop_line || levels >= 3)
		line(14, 0);
	wr(0xB0, 0);
}

static void ioapic(void)
{
	check((io_rd(1) >> 16 & 0xFF) == 23, "entries %x", (word)io_rd(1));
	io_wr(0, 0x0F000000);
	check(io_rd(0) == 0x0F000000, "ID %x", (word)io_rd(0));
	io_wr(0, 0);
	io_wr(1, 0);
	check((io_rd(1) >> 16 & 0xFF) == 23, "version written");
	for (int i = 0; i < 24; i++)
		route((unsigned)i, 0x10000, 0);
	/* edge */
	clear();
	route(14, 0x78, 0);
	line(14, 1);
	idle();
	check(count[0x78] == 1, "edge");
	idle();
	check(count[0x78] == 1, "edge twice");
	line(14, 0);
	line(14, 1);
	line(14, 0);
	idle();
	check(count[0x78] == 2, "second edge");
	/* two edges while the first is pending merge */
	for (int i = 0; i < 3; i++) {
		line(14, 1);
		line(14, 0);
	}
	idle();
	check(count[0x78] == 3, "merged edges: %d", (int)count[0x78]);
	/* an edge while masked is lost or kept: chip keeps none; it does not fire twice */
	clear();
	route(14, 0x10078, 0);
	line(14, 1);
	idle();
	check(!count[0x78], "masked edge delivered");
	line(14, 0);
	route(14, 0x78, 0);
	idle();
	check(!count[0x78], "masked edge delivered later");
	/* level: remote IRR until the EOI, again while high */
	on_vector[0x78] = level_got;
	levels = 0;
	drop_line = true;
	route(14, 0x8078, 0);
	line(14, 1);
	check(io_rd(0x10 + 28) & 0x4000, "remote IRR not set");
	idle();
	check(levels == 1 && !(io_rd(0x10 + 28) & 0x4000), "level: %d, entry %x", (int)levels, (word)io_rd(0x10 + 28));
	drop_line = false;
	levels = 0;
	line(14, 1);
	idle();
	line(14, 0);
	check(levels == 3, "level stays: %d", (int)levels);
	idle();
	/* masked while high, delivered when unmasked; lowered before: not */
	levels = 0;
	drop_line = true;
	route(14, 0x18078, 0);
	line(14, 1);
	idle();
	check(!levels, "masked level delivered");
	io_wr(0x10 + 28, 0x8078);
	idle();
	check(levels == 1, "unmasked level: %d", (int)levels);
	route(14, 0x18078, 0);
	line(14, 1);
	line(14, 0);
	io_wr(0x10 + 28, 0x8078);
	idle();
	check(levels == 1, "level gone before unmasking: %d", (int)levels);
	/* TMR */
	line(14, 1);
	check(rd(0x180 + 0x30) & 1 << 24, "TMR %x", (word)rd(0x1B0));
	idle();
	/* level turned into edge while remote IRR is set clears it */
	drop_line = false;
	no_eoi = true;
	on_vector[0x78] = got;
	line(14, 1);
	idle();
	check(io_rd(0x10 + 28) & 0x4000, "remote IRR in service");
	no_eoi = false;
	line(14, 0);
	wr(0xB0, 0);
	check(!(io_rd(0x10 + 28) & 0x4000), "remote IRR after EOI");
	/* logical destination; nobody */
	clear();
	wr(0xD0, 0x02000000);
	route(14, 0x878, 2);
	line(14, 1);
	line(14, 0);
	idle();
	check(count[0x78] == 1, "logical");
	route(14, 0x878, 4);
	line(14, 1);
	line(14, 0);
	idle();
	check(count[0x78] == 1, "logical nobody");
	route(14, 0x978, 0xFF); /* lowest priority */
	line(14, 1);
	line(14, 0);
	idle();
	check(count[0x78] == 2, "lowest priority");
	route(14, 0x10000, 0);
	wr(0xD0, 0x01000000);
	/* level triggered by two lines with one vector */
	on_vector[0x78] = got;
}

static volatile unsigned nmis, in_nmi;
static void nmi_got(struct frame *f)
{
	nmis++;
	if (nmis == 1) {
		icr(0, 0x4400); /* physical 0, NMI: waits until IRET */
		asm volatile("nop; nop");
		in_nmi = nmis;
	}
}

static void nmi(void)
{
	on_vector[2] = nmi_got;
	nmis = 0;
	icr(0, 0x4400);
	asm volatile("nop");
	check(in_nmi == 1, "NMI inside an NMI: %d", (int)in_nmi);
	check(nmis == 2, "NMIs: %d", (int)nmis);
	/* LINT1 as NMI; performance counter LVT as NMI */
	check((rd(0x360) & 0x700) == 0x400 || (rd(0x360) & 0x10000), "LINT1 %x", (word)rd(0x360));
	on_vector[2] = 0;
}

static volatile word at[4], nat;
static void where(struct frame *f)
{
	at[nat++ & 3] = f->ip;
	wr(0xB0, 0);
}

/* Two that are pending: the second comes before the interrupted program goes on. */
static void both(void)
{
	on_vector[0x66] = on_vector[0x78] = where;
	nat = 0;
	icr(0, 0x44066);
	icr(0, 0x44078);
	idle();
	check(nat == 2 && at[0] == at[1], "two interrupts: %d, at %x and %x", (int)nat, at[0], at[1]);
	nat = 0;
	on_vector[2] = where;
	icr(0, 0x44066);
	asm volatile("sti; nop" : : : "memory");
	icr(0, 0x4400);
	asm volatile("cli");
	check(nat == 2, "an NMI beside it: %d", (int)nat);
	on_vector[2] = 0;
	on_vector[0x66] = on_vector[0x78] = got;
}

/* An interrupt waits for STI's and MOV SS' shadow; STI; HLT sees it. */
static void shadows(void)
{
	word n;

	clear();
	icr(0, 0x44051);
	asm volatile("xor %0, %0; sti; mov %1, %0; cli" : "=&r"(n) : "m"(*(word *)&count[0x51]) : "memory");
	check((n & 0xFF) == 0 && count[0x51] == 1, "shadow of STI");
	clear();
	icr(0, 0x44051);
	asm volatile("sti; cli; nop; nop" : : : "memory");
	check(count[0x51] == 0, "STI; CLI lets an interrupt in");
	idle();
	check(count[0x51] == 1, "then");
	icr(0, 0x44051);
	asm volatile("sti; hlt; cli" : : : "memory");
	check(count[0x51] == 2, "STI; HLT");
	asm volatile("push %0; popf; nop; cli" : : "r"((word)0x202) : "memory");
	check(count[0x51] == 2, "POPF");
	icr(0, 0x44051);
	asm volatile("push %0; popf; cli" : : "r"((word)0x202) : "memory");
	check(count[0x51] == 3, "POPF has no shadow");
}

void topic_apic(void)
{
	outb(0x21, 0xFF);
	outb(0xA1, 0xFF);
	for (int i = 32; i < 256; i++)
		on_vector[i] = got;
	on_vector[0xFF] = 0;
	modes();
	ipis();
	priorities();
	timer();
	ioapic();
	nmi();
	shadows();
	both();
	wrmsr(0x1B, rdmsr(0x1B) | 0x400);
	x2 = true;
	wr(0xF0, 0x1FF);
	ipis();
	priorities();
	timer();
	nmi();
	x2 = false;
	wrmsr(0x1B, rdmsr(0x1B) & ~0xC00ull);
	wrmsr(0x1B, rdmsr(0x1B) | 0x800);
	for (int i = 32; i < 256; i++)
		on_vector[i] = 0;
}
