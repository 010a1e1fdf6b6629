/* test_i8254.c - the PIT's modes, reads, gates and IRQ 0 schedule; port 61h. */
#include "chip_fixture.h"
#include "devices/i8254.h"
#include "devices/pcspk.h"

struct fix {
	struct board b;
	struct i8254 *p;
	struct pcspk *k;
};

static void setup(struct fix *f)
{
	memset(f, 0, sizeof(*f));
	board_init(&f->b);
	f->p = i8254_create(&f->b.log, &f->b.clock, &f->b.io, wire(&f->b, 0));
	f->k = pcspk_create(&f->b.log, &f->b.clock, &f->b.io, f->p, NULL);
}

static void teardown(struct fix *f)
{
	drop(&f->k->dev);
	drop(&f->p->dev);
	board_fini(&f->b);
}

/* Advance to the first nanosecond of PIT tick now + @n. */
static void ticks(struct fix *f, uint64_t n)
{
	uint64_t now = clock_now(&f->b.clock);
	uint64_t t = muldiv64(now, I8254_HZ, NS_PER_SEC) + n;
	pass(&f->b, (t * NS_PER_SEC + I8254_HZ - 1) / I8254_HZ - now);
}

/* OUT of counter @n */
static int level(struct fix *f, unsigned n)
{
	return i8254_out(f->p, n, clock_now(&f->b.clock));
}

static void load(struct fix *f, unsigned ch, unsigned mode, unsigned count)
{
	out(&f->b, 0x43, ch << 6 | 0x30 | mode << 1);
	out(&f->b, 0x40 + ch, count & 0xFF);
	out(&f->b, 0x40 + ch, count >> 8);
}

static unsigned latch(struct fix *f, unsigned ch)
{
	out(&f->b, 0x43, ch << 6);
	unsigned lo = in(&f->b, 0x40 + ch);
	return lo | in(&f->b, 0x40 + ch) << 8;
}

START_TEST(mode0)
{
	struct fix f;
	setup(&f);
	load(&f, 0, 0, 100);
	ck_assert_int_eq(f.b.level[0], 0);
	ticks(&f, 1);
	ck_assert_uint_eq(latch(&f, 0), 100);
	ticks(&f, 99);
	ck_assert_int_eq(f.b.level[0], 0); /* N + 1 clocks after the write */
	ck_assert_uint_eq(latch(&f, 0), 1);
	ticks(&f, 1);
	ck_assert_int_eq(f.b.level[0], 1);
	ticks(&f, 5);
	ck_assert_uint_eq(latch(&f, 0), 0x10000 - 5);
	ck_assert_uint_eq(f.b.rises[0], 2); /* one from the state after reset */
	teardown(&f);
}
END_TEST

START_TEST(mode2_rate)
{
	struct fix f;
	setup(&f);
	load(&f, 0, 2, 1193);
	unsigned before = f.b.rises[0];
	pass(&f.b, NS_PER_SEC);
	/* 1193182 / 1193 = 1000.15: no drift over a second */
	ck_assert_uint_ge(f.b.rises[0] - before, 999);
	ck_assert_uint_le(f.b.rises[0] - before, 1001);
	before = f.b.rises[0];
	jump(&f.b, NS_PER_SEC / 2); /* late: one edge, not five hundred */
	ck_assert_uint_eq(f.b.rises[0] - before, 1);
	/* and back on the ideal grid */
	uint64_t d = clock_deadline(&f.b.clock);
	uint64_t t = muldiv64(d, I8254_HZ, NS_PER_SEC);
	ck_assert_uint_eq((t - 1) % 1193, 0);
	teardown(&f);
}
END_TEST

START_TEST(mode2_reload_at_cycle_end)
{
	struct fix f;
	setup(&f);
	load(&f, 2, 2, 100);
	i8254_set_gate(f.p, 2, 1);
	ticks(&f, 1 + 50);
	ck_assert_uint_eq(latch(&f, 2), 50);
	out(&f.b, 0x42, 40);
	out(&f.b, 0x42, 0); /* takes over after this cycle */
	ck_assert_uint_eq(latch(&f, 2), 50);
	ticks(&f, 50);
	ck_assert_uint_eq(latch(&f, 2), 40);
	ticks(&f, 39);
	ck_assert_int_eq(level(&f, 2), 0);
	ticks(&f, 1);
	ck_assert_int_eq(level(&f, 2), 1);
	i8254_set_gate(f.p, 2, 0);
	ck_assert_int_eq(level(&f, 2), 1);
	ck_assert_uint_eq(latch(&f, 2), 40);
	teardown(&f);
}
END_TEST

START_TEST(mode3_square)
{
	struct fix f;
	setup(&f);
	i8254_set_gate(f.p, 2, 1);
	load(&f, 2, 3, 5);
	ticks(&f, 1);
	static const int want[] = {1, 1, 1, 0, 0, 1, 1, 1, 0, 0};
	for (unsigned i = 0; i < 10; i++, ticks(&f, 1))
		ck_assert_int_eq(level(&f, 2), want[i]);
	load(&f, 2, 3, 8);
	ticks(&f, 1);
	static const unsigned counts[] = {8, 6, 4, 2, 8, 6, 4, 2, 8};
	for (unsigned i = 0; i < 9; i++, ticks(&f, 1))
		ck_assert_uint_eq(latch(&f, 2), counts[i]);
	teardown(&f);
}
END_TEST

START_TEST(mode1_and_5_trigger)
{
	struct fix f;
	setup(&f);
	load(&f, 2, 1, 10);
	ticks(&f, 20);
	ck_assert_int_eq(level(&f, 2), 1); /* waits for the gate */
	i8254_set_gate(f.p, 2, 1);
	ck_assert_int_eq(level(&f, 2), 1);
	ticks(&f, 1);
	ck_assert_int_eq(level(&f, 2), 0);
	ticks(&f, 5);
	i8254_set_gate(f.p, 2, 0);
	i8254_set_gate(f.p, 2, 1); /* retrigger */
	ticks(&f, 10);
	ck_assert_int_eq(level(&f, 2), 0);
	ticks(&f, 1);
	ck_assert_int_eq(level(&f, 2), 1);
	i8254_set_gate(f.p, 2, 0);
	load(&f, 2, 5, 3);
	i8254_set_gate(f.p, 2, 1);
	ticks(&f, 4);
	ck_assert_int_eq(level(&f, 2), 0);
	ticks(&f, 1);
	ck_assert_int_eq(level(&f, 2), 1);
	teardown(&f);
}
END_TEST

START_TEST(mode4_and_gate_pause)
{
	struct fix f;
	setup(&f);
	i8254_set_gate(f.p, 2, 1);
	load(&f, 2, 4, 10);
	ticks(&f, 1 + 4);
	i8254_set_gate(f.p, 2, 0);
	ticks(&f, 100);
	ck_assert_uint_eq(latch(&f, 2), 6);
	i8254_set_gate(f.p, 2, 1);
	ticks(&f, 6);
	ck_assert_int_eq(level(&f, 2), 0);
	ticks(&f, 1);
	ck_assert_int_eq(level(&f, 2), 1);
	teardown(&f);
}
END_TEST

START_TEST(readback_bcd_access)
{
	struct fix f;
	setup(&f);
	out(&f.b, 0x43, 0x35); /* counter 0, low/high, mode 2, BCD */
	out(&f.b, 0x40, 0x00);
	out(&f.b, 0x43, 0xE2); /* read back status of 0: null count, one byte pending */
	ck_assert_uint_eq(in(&f.b, 0x40), 0xF5);
	out(&f.b, 0x40, 0x10); /* 1000 decimal */
	ticks(&f, 2);
	ck_assert_uint_eq(latch(&f, 0), 0x0999);
	out(&f.b, 0x43, 0xC2); /* status and count: status first */
	ck_assert_uint_eq(in(&f.b, 0x40), 0xB5);
	ticks(&f, 10);
	ck_assert_uint_eq(in(&f.b, 0x40), 0x99);
	ck_assert_uint_eq(in(&f.b, 0x40), 0x09);
	out(&f.b, 0x43, 0x10); /* low byte only */
	out(&f.b, 0x40, 0x55);
	ticks(&f, 1);
	ck_assert_uint_eq(in(&f.b, 0x40), 0x55);
	ck_assert_uint_eq(in(&f.b, 0x40), 0x55);
	ck_assert_uint_eq(in(&f.b, 0x43), 0xFF);
	teardown(&f);
}
END_TEST

START_TEST(port61)
{
	struct fix f;
	setup(&f);
	load(&f, 2, 3, 1193);
	ck_assert_uint_eq(f.k->period, 0);
	out(&f.b, 0x61, 3);
	ck_assert_uint_eq(f.k->period, 1193);
	load(&f, 2, 3, 2000);
	ck_assert_uint_eq(f.k->period, 2000);
	out(&f.b, 0x61, 0);
	ck_assert_uint_eq(f.k->period, 0);
	unsigned toggles = 0;
	uint8_t last = in(&f.b, 0x61) & 0x10;
	for (unsigned i = 0; i < 1000; i++) {
		pass(&f.b, 1000);
		uint8_t v = in(&f.b, 0x61) & 0x10;
		toggles += v != last;
		last = v;
	}
	ck_assert_uint_ge(toggles, 65);
	ck_assert_uint_le(toggles, 67);
	/* calibration as Linux does it: mode 0, wait for bit 5 */
	out(&f.b, 0x61, 1);
	load(&f, 2, 0, 0xFFFF);
	ck_assert_uint_eq(in(&f.b, 0x61) & 0x20, 0);
	ticks(&f, 0x10000);
	ck_assert_uint_eq(in(&f.b, 0x61) & 0x20, 0x20);
	teardown(&f);
}
END_TEST

START_TEST(late_write_keeps_the_edge)
{
	struct fix f;
	setup(&f);
	load(&f, 0, 2, 1000);
	unsigned before = f.b.rises[0];
	clock_advance(&f.b.clock, 900000); /* past one period, timer not run yet */
	out(&f.b, 0x43, 0x00);
	ck_assert_uint_eq(f.b.rises[0] - before, 1);
	teardown(&f);
}
END_TEST

START_TEST(fuzzed)
{
	struct fix f;
	setup(&f);
	fuzz(&f.b, &f.b.io, 0x3F, 6, &f.p->dev);
	fuzz(&f.b, &f.b.io, 0x40, 0x22, &f.k->dev);
	teardown(&f);
}
END_TEST

int main(void)
{
	const TTest *const t[] = {mode0, mode2_rate, mode2_reload_at_cycle_end, mode3_square,
		mode1_and_5_trigger, mode4_and_gate_pause, readback_bcd_access, port61,
		late_write_keeps_the_edge, fuzzed};
	return run_cases("i8254", t, ARRAY_SIZE(t));
}
