/* test_apic.c - local APICs on their bus, the I/O APIC, timer modes, x2APIC MSRs. */
#include "chip_fixture.h"
#include "devices/apic.h"
#include "devices/ioapic.h"

#define PAGE APIC_BASE_DEFAULT

struct fix {
	struct board b;
	struct apic_bus bus;
	struct apic *a[3];
	struct ioapic *io;
	unsigned cur, nmi[3], init[3], sipi[3], extint_vec;
};

struct who {
	struct fix *f;
	unsigned n;
};

static struct apic *current(void *opaque)
{
	struct fix *f = opaque;
	return f->a[f->cur];
}

static void nmi(void *o)
{
	((struct who *)o)->f->nmi[((struct who *)o)->n]++;
}
static void init(void *o)
{
	((struct who *)o)->f->init[((struct who *)o)->n]++;
}
static void sipi(void *o, unsigned v)
{
	((struct who *)o)->f->sipi[((struct who *)o)->n] = v;
}
static uint64_t tsc(void *o, uint64_t t)
{
	return t / 2;
}
static int pic(void *o)
{
	return (int)((struct fix *)o)->extint_vec;
}

static void setup(struct fix *f, struct who who[3])
{
	memset(f, 0, sizeof(*f));
	board_init(&f->b);
	apic_bus_init(&f->bus, &f->b.mem);
	f->bus.current = current;
	f->bus.current_opaque = f;
	for (unsigned i = 0; i < 3; i++) {
		who[i] = (struct who){f, i};
		struct apic_cpu cpu = {.opaque = &who[i],
			.intr = wire(&f->b, (int)i),
			.nmi = nmi,
			.init = init,
			.sipi = sipi,
			.tsc_to_ns = tsc,
			.extint_ack = pic,
			.extint_opaque = f};
		f->a[i] = apic_create(&f->b.log, &f->b.clock, &f->bus, i, i == 0, &cpu);
		apic_reg_write(f->a[i], 0xF0, 0x1FF);
	}
	f->io = ioapic_create(&f->b.log, &f->b.mem, IOAPIC_BASE, 3,
		(struct ioapic_out){apic_bus_deliver, &f->bus});
	f->bus.eoi = ioapic_eoi;
	f->bus.eoi_opaque = f->io;
}

static void teardown(struct fix *f)
{
	for (unsigned i = 0; i < 3; i++)
		drop(&f->a[i]->dev);
	drop(&f->io->dev);
	board_fini(&f->b);
}

static uint32_t rd(struct fix *f, unsigned off)
{
	return (uint32_t)space_read(&f->b.mem, PAGE + off, 4);
}

static void wr(struct fix *f, unsigned off, uint32_t v)
{
	space_write(&f->b.mem, PAGE + off, v, 4);
}

static void route(struct fix *f, unsigned pin, uint64_t e)
{
	space_write(&f->b.mem, IOAPIC_BASE, 0x11 + 2 * pin, 4);
	space_write(&f->b.mem, IOAPIC_BASE + 0x10, e >> 32, 4);
	space_write(&f->b.mem, IOAPIC_BASE, 0x10 + 2 * pin, 4);
	space_write(&f->b.mem, IOAPIC_BASE + 0x10, e & 0xFFFFFFFF, 4);
}

static uint64_t entry(struct fix *f, unsigned pin)
{
	space_write(&f->b.mem, IOAPIC_BASE, 0x10 + 2 * pin, 4);
	return space_read(&f->b.mem, IOAPIC_BASE + 0x10, 4);
}

START_TEST(priorities)
{
	struct fix f;
	struct who w[3];
	setup(&f, w);
	ck_assert_uint_eq(rd(&f, 0x30), 0x50014);
	ck_assert_uint_eq(rd(&f, 0x20), 0);
	wr(&f, 0x300, 0x40031); /* self */
	wr(&f, 0x300, 0x40052);
	ck_assert_int_eq(f.b.level[0], 1);
	ck_assert_uint_eq(rd(&f, 0x210), 1u << 17);
	ck_assert_int_eq(apic_ack(f.a[0]), 0x52);
	ck_assert_uint_eq(rd(&f, 0xA0), 0x50);
	ck_assert_int_eq(f.b.level[0], 0);
	wr(&f, 0xB0, 0);
	ck_assert_int_eq(f.b.level[0], 1);
	wr(&f, 0x80, 0x30); /* same class as vector 31h: held off */
	ck_assert_int_eq(f.b.level[0], 0);
	apic_set_cr8(f.a[0], 2);
	ck_assert_uint_eq(rd(&f, 0x80), 0x20);
	ck_assert_int_eq(apic_ack(f.a[0]), 0x31);
	wr(&f, 0xB0, 0);
	ck_assert_int_eq(apic_ack(f.a[0]), 0xFF); /* spurious */
	wr(&f, 0x300, 0x40005);			  /* illegal vector */
	wr(&f, 0x280, 0);
	ck_assert_uint_eq(rd(&f, 0x280), 0x20);
	teardown(&f);
}
END_TEST

START_TEST(ipis)
{
	struct fix f;
	struct who w[3];
	setup(&f, w);
	wr(&f, 0x310, 2u << 24);
	wr(&f, 0x300, 0x4041);
	ck_assert_int_eq(f.b.level[2], 1);
	ck_assert_int_eq(f.b.level[1], 0);
	ck_assert_int_eq(apic_ack(f.a[2]), 0x41);
	wr(&f, 0x300, 0xC4500); /* INIT to all but self */
	ck_assert_uint_eq(f.init[0], 0);
	ck_assert_uint_eq(f.init[1], 1);
	ck_assert_uint_eq(f.init[2], 1);
	wr(&f, 0x300, 0xC8500); /* de-assert: nothing */
	ck_assert_uint_eq(f.init[1], 1);
	wr(&f, 0x300, 0xC4699);
	ck_assert_uint_eq(f.sipi[1], 0x99);
	wr(&f, 0x300, 0x84400); /* NMI to all */
	ck_assert_uint_eq(f.nmi[0] + f.nmi[1] + f.nmi[2], 3);
	/* logical flat: APIC 1 and 2 have bits 1 and 2 */
	for (unsigned i = 0; i < 3; i++) {
		apic_reg_write(f.a[i], 0xF0, 0x1FF);
		apic_reg_write(f.a[i], 0xD0, 1u << (24 + i));
	}
	apic_bus_msi(&f.bus, 0xFEE06000 | 4, 0x0061); /* dest 06h logical, fixed */
	ck_assert_int_eq(f.b.level[0], 0);
	ck_assert_int_eq(f.b.level[1], 1);
	ck_assert_int_eq(f.b.level[2], 1);
	ck_assert_int_eq(apic_ack(f.a[1]), 0x61);
	apic_bus_msi(
		&f.bus, 0xFEE06000 | 4, 0x0162); /* lowest priority: 2 has nothing in service */
	ck_assert_uint_eq(apic_reg_read(f.a[2], 0x230), 1u << 1 | 1u << 2);
	/* each CPU sees its own page */
	f.cur = 1;
	ck_assert_uint_eq(rd(&f, 0x20), 1u << 24);
	teardown(&f);
}
END_TEST

START_TEST(timer_modes)
{
	struct fix f;
	struct who w[3];
	setup(&f, w);
	wr(&f, 0x320, 0x40);
	wr(&f, 0x3E0, 3); /* by 16 */
	wr(&f, 0x380, 1000);
	pass(&f.b, 8000);
	ck_assert_uint_eq(rd(&f, 0x390), 500);
	pass(&f.b, 8000);
	ck_assert_int_eq(apic_ack(f.a[0]), 0x40);
	wr(&f, 0xB0, 0);
	ck_assert_uint_eq(rd(&f, 0x390), 0);
	wr(&f, 0x320, 0x20041); /* periodic */
	wr(&f, 0x3E0, 0xB);	/* by 1 */
	wr(&f, 0x380, 1000000);
	for (unsigned i = 0; i < 10; i++) {
		pass(&f.b, 1000000);
		ck_assert_int_eq(apic_ack(f.a[0]), 0x41);
		wr(&f, 0xB0, 0);
	}
	jump(&f.b, 5500000); /* late: one interrupt, and the next on the grid */
	ck_assert_int_eq(apic_ack(f.a[0]), 0x41);
	wr(&f, 0xB0, 0);
	ck_assert_uint_eq((clock_deadline(&f.b.clock) - 16000) % 1000000, 0);
	wr(&f, 0x380, 0);
	ck_assert_uint_eq(clock_deadline(&f.b.clock), UINT64_MAX);
	/* between one-shot and periodic the count goes on as it stands; at zero it stays */
	wr(&f, 0x320, 0x41);
	wr(&f, 0x380, 1000000);
	pass(&f.b, 600000);
	wr(&f, 0x320, 0x20041);
	ck_assert_uint_eq(rd(&f, 0x390), 400000);
	pass(&f.b, 2500000);
	ck_assert_uint_eq(rd(&f, 0x390), 900000);
	wr(&f, 0x320, 0x41);
	ck_assert_uint_eq(rd(&f, 0x390), 900000);
	pass(&f.b, 1000000);
	ck_assert_uint_eq(rd(&f, 0x390), 0);
	wr(&f, 0x320, 0x20041);
	pass(&f.b, 1000);
	ck_assert_uint_eq(rd(&f, 0x390), 0);
	ck_assert_int_eq(apic_ack(f.a[0]), 0x41);
	wr(&f, 0xB0, 0);
	wr(&f, 0x320, 0x40042); /* TSC deadline */
	uint64_t when = clock_now(&f.b.clock) + 1000;
	apic_set_tsc_deadline(f.a[0], when * 2);
	ck_assert_uint_eq(apic_tsc_deadline(f.a[0]), when * 2);
	pass(&f.b, 999);
	ck_assert_int_eq(f.b.level[0], 0);
	pass(&f.b, 1);
	ck_assert_int_eq(apic_ack(f.a[0]), 0x42);
	ck_assert_uint_eq(apic_tsc_deadline(f.a[0]), 0);
	wr(&f, 0xB0, 0);
	apic_set_tsc_deadline(f.a[0], when); /* has passed: the interrupt is there with the write */
	ck_assert_int_eq(f.b.level[0], 1);
	ck_assert_int_eq(apic_ack(f.a[0]), 0x42);
	ck_assert_uint_eq(apic_tsc_deadline(f.a[0]), 0);
	teardown(&f);
}
END_TEST

START_TEST(lint_and_enable)
{
	struct fix f;
	struct who w[3];
	setup(&f, w);
	f.a[0]->dev.ops->reset(&f.a[0]->dev);
	struct irq l0 = apic_lint(f.a[0], 0), l1 = apic_lint(f.a[0], 1);
	f.extint_vec = 0x08;
	irq_set(&l0, 1); /* virtual wire from reset on */
	ck_assert_int_eq(f.b.level[0], 1);
	ck_assert_int_eq(apic_ack(f.a[0]), 0x08);
	irq_set(&l0, 0);
	ck_assert_int_eq(f.b.level[0], 0);
	wr(&f, 0xF0, 0x1FF);
	wr(&f, 0x350, 0x10700);
	irq_set(&l0, 1);
	ck_assert_int_eq(f.b.level[0], 0); /* masked */
	wr(&f, 0x360, 0x400);
	irq_set(&l1, 1);
	ck_assert_uint_eq(f.nmi[0], 1);
	ck_assert(apic_set_base(f.a[0], PAGE | APIC_BASE_BSP)); /* off: plain INTR pin */
	ck_assert_int_eq(f.b.level[0], 1);
	ck_assert_uint_eq(rd(&f, 0x30), 0xFFFFFFFF);
	ck_assert(!apic_set_base(f.a[0], PAGE | APIC_BASE_EN | APIC_BASE_EXTD));
	ck_assert(!apic_set_base(f.a[0], PAGE | 1));
	ck_assert(apic_set_base(f.a[0], PAGE | APIC_BASE_EN));
	ck_assert_uint_eq(apic_base(f.a[0]), PAGE | APIC_BASE_EN | APIC_BASE_BSP);
	wr(&f, 0xF0, 0x0FF); /* software disable masks the LVT */
	wr(&f, 0x320, 0x40);
	ck_assert_uint_eq(rd(&f, 0x320), 0x10040);
	teardown(&f);
}
END_TEST

START_TEST(x2apic)
{
	struct fix f;
	struct who w[3];
	uint64_t v;
	setup(&f, w);
	ck_assert(!apic_msr_read(f.a[1], 0x802, &v));
	for (unsigned i = 0; i < 3; i++)
		ck_assert(apic_set_base(f.a[i], PAGE | APIC_BASE_EN | APIC_BASE_EXTD));
	ck_assert(!apic_set_base(f.a[1], PAGE | APIC_BASE_EN)); /* no way back but off */
	ck_assert(apic_msr_read(f.a[1], 0x802, &v));
	ck_assert_uint_eq(v, 1);
	ck_assert(apic_msr_read(f.a[1], 0x80D, &v));
	ck_assert_uint_eq(v, 2);
	ck_assert(!apic_msr_read(f.a[1], 0x80E, &v));
	ck_assert(!apic_msr_write(f.a[1], 0x80B, 1));
	ck_assert(!apic_msr_write(f.a[1], 0x808, 0x100));
	ck_assert(apic_msr_write(f.a[0], 0x830, 2ull << 32 | 0x4077));
	ck_assert_int_eq(apic_ack(f.a[2]), 0x77);
	ck_assert(apic_msr_write(f.a[2], 0x80B, 0));
	ck_assert(apic_msr_write(f.a[2], 0x83F, 0x78));
	ck_assert_int_eq(apic_ack(f.a[2]), 0x78);
	ck_assert(apic_msr_write(f.a[0], 0x830, 6ull << 32 | 0x4879)); /* logical, cluster 0 */
	ck_assert_int_eq(apic_ack(f.a[1]), 0x79);
	teardown(&f);
}
END_TEST

/* Which x2APIC MSRs can be read and written, and with what: the rest is #GP (11.12.1.2, table 11-6; 11.12.1.3). */
START_TEST(x2apic_faults)
{
	static const struct {
		uint32_t msr;
		bool read;
		uint64_t ok, bad; /* a value it takes, or NOT; bits that it does not take */
	} t[] = {
#define NOT (~0ull)
		{0x802, true, NOT, 0}, {0x803, true, NOT, 0}, {0x808, true, 0x50, ~0xFFull}, {0x809, false, NOT, 0},
		{0x80A, true, NOT, 0}, {0x80B, false, 0, ~0ull}, {0x80C, false, NOT, 0}, {0x80D, true, NOT, 0},
		{0x80E, false, NOT, 0}, {0x80F, true, 0x1FF, ~0x1FFull}, {0x810, true, NOT, 0}, {0x817, true, NOT, 0},
		{0x818, true, NOT, 0}, {0x81F, true, NOT, 0}, {0x820, true, NOT, 0}, {0x827, true, NOT, 0},
		{0x828, true, 0, ~0ull}, {0x829, false, NOT, 0}, {0x82F, false, NOT, 0}, {0x830, true, 0x100040031, 0xFFF32000},
		{0x831, false, NOT, 0}, {0x832, true, 0x40031, ~0x710FFull}, {0x833, true, 0x10031, ~0x117FFull},
		{0x834, true, 0x10031, ~0x117FFull}, {0x835, true, 0x10700, ~0x1F7FFull}, {0x836, true, 0x10400, ~0x1F7FFull},
		{0x837, true, 0x10032, ~0x110FFull}, {0x838, true, 0, ~0xFFFFFFFFull}, {0x839, true, NOT, 0},
		{0x83A, false, NOT, 0}, {0x83D, false, NOT, 0}, {0x83E, true, 0xB, ~0xBull}, {0x83F, false, 0x77, ~0xFFull},
		{0x840, false, NOT, 0}, {0x8FF, false, NOT, 0}, {0x800, false, NOT, 0},
	};
	struct fix f;
	struct who w[3];
	uint64_t v;

	setup(&f, w);
	for (unsigned i = 0; i < ARRAY_SIZE(t); i++)
		ck_assert_msg(!apic_msr_read(f.a[1], t[i].msr, &v) && !apic_msr_write(f.a[1], t[i].msr, 0), "%x in xAPIC mode", t[i].msr);
	ck_assert(apic_set_base(f.a[1], PAGE | APIC_BASE_EN | APIC_BASE_EXTD));
	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		ck_assert_msg(apic_msr_read(f.a[1], t[i].msr, &v) == t[i].read, "read %x", t[i].msr);
		if (t[i].ok == NOT) {
			ck_assert_msg(!apic_msr_write(f.a[1], t[i].msr, 0), "write %x", t[i].msr);
			continue;
		}
		for (unsigned b = 0; b < 64; b++)
			if (t[i].bad >> b & 1)
				ck_assert_msg(!apic_msr_write(f.a[1], t[i].msr, t[i].ok | BIT(b)), "bit %u of %x", b, t[i].msr);
		ck_assert_msg(apic_msr_write(f.a[1], t[i].msr, t[i].ok), "write %x", t[i].msr);
	}
#undef NOT
	teardown(&f);
}
END_TEST

/* IA32_APIC_BASE: the transitions of figure 11-27, and nothing else. */
START_TEST(base_transitions)
{
	static const uint64_t mode[] = {0, APIC_BASE_EXTD, APIC_BASE_EN, APIC_BASE_EN | APIC_BASE_EXTD};
	/* row: from off, (impossible), xAPIC, x2APIC; bit: to */
	static const uint8_t allowed[] = {0x5, 0, 0xD, 0x9};
	struct fix f;
	struct who w[3];

	setup(&f, w);
	for (unsigned from = 0; from < 4; from++) {
		if (!allowed[from])
			continue;
		for (unsigned to = 0; to < 4; to++) {
			ck_assert(apic_set_base(f.a[1], PAGE));
			ck_assert(apic_set_base(f.a[1], PAGE | (from ? APIC_BASE_EN : 0)));
			ck_assert(apic_set_base(f.a[1], PAGE | mode[from]));
			ck_assert_msg(apic_set_base(f.a[1], PAGE | mode[to]) == (allowed[from] >> to & 1), "%u to %u", from, to);
			ck_assert_uint_eq(apic_base(f.a[1]), PAGE | mode[allowed[from] >> to & 1 ? to : from]);
		}
	}
	ck_assert(apic_set_base(f.a[1], PAGE) && apic_set_base(f.a[1], PAGE | APIC_BASE_EN));
	for (unsigned b = 0; b < 64; b++)
		if (b < 8 || b == 9 || b >= 52)
			ck_assert_msg(!apic_set_base(f.a[1], PAGE | APIC_BASE_EN | BIT(b)), "bit %u", b);
	teardown(&f);
}
END_TEST

/* CR8 is TPR[7:4]; an interrupt of its class or below waits, ExtINT does not (10.8.6, 10.8.3.1); lowering it lets it go. */
START_TEST(cr8_holds_back)
{
	struct fix f;
	struct who w[3];
	struct irq pin;

	setup(&f, w);
	pin = apic_lint(f.a[0], 0);
	apic_set_cr8(f.a[0], 5);
	ck_assert_uint_eq(rd(&f, 0x80), 0x50);
	wr(&f, 0x300, 0x4005F); /* self */
	ck_assert_int_eq(f.b.level[0], 0);
	wr(&f, 0x300, 0x40060);
	ck_assert_int_eq(f.b.level[0], 1);
	ck_assert_int_eq(apic_ack(f.a[0]), 0x60);
	wr(&f, 0xB0, 0);
	ck_assert_int_eq(f.b.level[0], 0);
	apic_set_cr8(f.a[0], 4);
	ck_assert_int_eq(f.b.level[0], 1);
	ck_assert_int_eq(apic_ack(f.a[0]), 0x5F);
	wr(&f, 0xB0, 0);
	apic_set_cr8(f.a[0], 15);
	wr(&f, 0x350, APIC_EXTINT << 8);
	f.extint_vec = 0x28;
	irq_set(&pin, 1);
	ck_assert_int_eq(f.b.level[0], 1);
	ck_assert_int_eq(apic_ack(f.a[0]), 0x28);
	wr(&f, 0x80, 0xA7);
	ck_assert_uint_eq(apic_cr8(f.a[0]), 10);
	teardown(&f);
}
END_TEST

START_TEST(ioapic_edge_level)
{
	struct fix f;
	struct who w[3];
	setup(&f, w);
	space_write(&f.b.mem, IOAPIC_BASE, 1, 4);
	ck_assert_uint_eq(space_read(&f.b.mem, IOAPIC_BASE + 0x10, 4), 0x170020);
	struct irq p4 = ioapic_input(f.io, 4), p10 = ioapic_input(f.io, 10);
	ck_assert_uint_eq(entry(&f, 4), 0x10000);
	irq_pulse(&p4); /* masked edge: lost */
	route(&f, 4, 1ull << 56 | 0x51);
	ck_assert_int_eq(f.b.level[1], 0);
	irq_pulse(&p4);
	ck_assert_int_eq(apic_ack(f.a[1]), 0x51);
	f.cur = 1;
	wr(&f, 0xB0, 0);
	route(&f, 10, 1ull << 56 | 0x8061);
	irq_set(&p10, 1);
	ck_assert_uint_eq(entry(&f, 10), 0xC061); /* remote IRR */
	ck_assert_int_eq(apic_ack(f.a[1]), 0x61);
	ck_assert_uint_eq(rd(&f, 0x1B0), 2); /* TMR */
	ck_assert_int_eq(f.b.level[1], 0);
	irq_set(&p10, 1); /* remote IRR holds further messages back */
	route(&f, 10, 1ull << 56 | 0x8061);
	ck_assert_uint_eq(rd(&f, 0x230), 0);
	wr(&f, 0xB0, 0); /* still high: again */
	ck_assert_int_eq(apic_ack(f.a[1]), 0x61);
	irq_set(&p10, 0);
	wr(&f, 0xB0, 0);
	ck_assert_int_eq(f.b.level[1], 0);
	ck_assert_uint_eq(entry(&f, 10), 0x8061);
	teardown(&f);
}
END_TEST

START_TEST(fuzzed)
{
	struct fix f;
	struct who w[3];
	uint64_t seed = 5;
	setup(&f, w);
	fuzz(&f.b, &f.b.mem, PAGE, 0x400, &f.a[0]->dev);
	fuzz(&f.b, &f.b.mem, IOAPIC_BASE, 0x44, &f.io->dev);
	for (unsigned i = 0; i < 100000; i++) {
		uint64_t r = rnd(&seed), v;
		struct apic *a = f.a[r % 3];
		struct irq p = ioapic_input(f.io, (r >> 8) % 24);
		switch ((r >> 16) % 8) {
		case 0:
			apic_set_base(a, PAGE | (rnd(&seed) & 0xC00));
			break;
		case 1:
			apic_msr_write(a, 0x7F0 + (r >> 20) % 0x60, rnd(&seed) >> (r >> 40) % 64);
			break;
		case 2:
			apic_msr_read(a, 0x7F0 + (r >> 20) % 0x60, &v);
			break;
		case 3:
			apic_reg_write(
				a, (r >> 20) % 0x500, (uint32_t)(rnd(&seed) >> (r >> 40) % 64));
			break;
		case 4:
			irq_set(&p, (r >> 30) & 1);
			break;
		case 5:
			ck_assert_int_lt(apic_ack(a), 256);
			break;
		case 6:
			apic_bus_msi(&f.bus, rnd(&seed), (uint32_t)rnd(&seed));
			break;
		case 7:
			apic_set_tsc_deadline(a, rnd(&seed));
			break;
		}
		for (unsigned k = 0; k < 3; k++)
			ck_assert_int_eq(f.b.level[k], apic_intr_pending(f.a[k]));
		jump(&f.b, (r >> 24) % 100000);
	}
	teardown(&f);
}
END_TEST

int main(void)
{
	const TTest *const t[] = {
		priorities, ipis, timer_modes, lint_and_enable, x2apic, x2apic_faults, base_transitions, cr8_holds_back,
		ioapic_edge_level, fuzzed};
	return run_cases("apic", t, ARRAY_SIZE(t));
}
