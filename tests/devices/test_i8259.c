/* test_i8259.c - the 8259A pair against its data sheet. */
#include "chip_fixture.h"
#include "devices/i8259.h"

struct fix {
	struct board b;
	struct i8259 *p;
};

static void setup(struct fix *f, unsigned icw4)
{
	board_init(&f->b);
	f->p = i8259_create(&f->b.log, &f->b.io, wire(&f->b, 0));
	out(&f->b, 0x20, 0x11);
	out(&f->b, 0x21, 0x20);
	out(&f->b, 0x21, 0x04);
	out(&f->b, 0x21, icw4);
	out(&f->b, 0xA0, 0x11);
	out(&f->b, 0xA1, 0x28);
	out(&f->b, 0xA1, 0x02);
	out(&f->b, 0xA1, icw4);
}

static void teardown(struct fix *f)
{
	drop(&f->p->dev);
	board_fini(&f->b);
}

static void line(struct fix *f, int n, int level)
{
	struct irq w = i8259_input(f->p, n);

	irq_set(&w, level);
}

static unsigned reg(struct fix *f, unsigned port, unsigned which)
{
	out(&f->b, port, 0x0A | which);
	return in(&f->b, port);
}

START_TEST(edge_priority_eoi)
{
	struct fix f;
	setup(&f, 1);
	line(&f, 3, 1);
	line(&f, 1, 1);
	ck_assert_int_eq(f.b.level[0], 1);
	ck_assert_uint_eq(reg(&f, 0x20, 0), 0x0A);
	ck_assert_int_eq(i8259_ack(f.p), 0x21);
	ck_assert_int_eq(f.b.level[0], 0); /* 3 is below the level in service */
	ck_assert_uint_eq(reg(&f, 0x20, 1), 0x02);
	line(&f, 0, 1); /* above: nests */
	ck_assert_int_eq(i8259_ack(f.p), 0x20);
	out(&f.b, 0x20, 0x20);
	ck_assert_uint_eq(reg(&f, 0x20, 1), 0x02);
	out(&f.b, 0x20, 0x61); /* specific EOI 1 */
	ck_assert_int_eq(i8259_ack(f.p), 0x23);
	out(&f.b, 0x20, 0x20);
	line(&f, 1, 1); /* still high: no edge */
	ck_assert_int_eq(f.b.level[0], 0);
	teardown(&f);
}
END_TEST

START_TEST(spurious_and_mask)
{
	struct fix f;
	setup(&f, 1);
	line(&f, 4, 1);
	out(&f.b, 0x21, 0x10);
	ck_assert_int_eq(f.b.level[0], 0);
	ck_assert_uint_eq(in(&f.b, 0x21), 0x10);
	ck_assert_int_eq(i8259_ack(f.p), 0x27);
	ck_assert_uint_eq(reg(&f, 0x20, 1), 0); /* no ISR bit for a spurious interrupt */
	out(&f.b, 0x21, 0);
	ck_assert_int_eq(i8259_ack(f.p), 0x24);
	teardown(&f);
}
END_TEST

START_TEST(cascade)
{
	struct fix f;
	setup(&f, 1);
	line(&f, 12, 1);
	ck_assert_int_eq(i8259_ack(f.p), 0x2C);
	ck_assert_uint_eq(reg(&f, 0x20, 1), 0x04);
	ck_assert_uint_eq(reg(&f, 0xA0, 1), 0x10);
	line(&f, 8, 1); /* higher on the slave, but the master's IR2 is in service */
	ck_assert_int_eq(f.b.level[0], 0);
	out(&f.b, 0x20, 0x20);
	ck_assert_int_eq(i8259_ack(f.p), 0x28);
	out(&f.b, 0xA0, 0x20);
	out(&f.b, 0xA0, 0x20);
	out(&f.b, 0x20, 0x20);
	ck_assert_uint_eq(reg(&f, 0xA0, 1), 0);
	teardown(&f);
}
END_TEST

START_TEST(special_fully_nested)
{
	struct fix f;
	setup(&f, 0x11);
	line(&f, 12, 1);
	ck_assert_int_eq(i8259_ack(f.p), 0x2C);
	line(&f, 8, 1);
	ck_assert_int_eq(f.b.level[0], 1);
	ck_assert_int_eq(i8259_ack(f.p), 0x28);
	teardown(&f);
}
END_TEST

START_TEST(level_elcr)
{
	struct fix f;
	setup(&f, 1);
	out(&f.b, 0x4D0, 0xFF);
	out(&f.b, 0x4D1, 0xFF);
	ck_assert_uint_eq(in(&f.b, 0x4D0), 0xF8);
	ck_assert_uint_eq(in(&f.b, 0x4D1), 0xDE);
	line(&f, 5, 1);
	ck_assert_int_eq(i8259_ack(f.p), 0x25);
	out(&f.b, 0x20, 0x20);
	ck_assert_int_eq(f.b.level[0], 1); /* still high: again */
	line(&f, 5, 0);
	ck_assert_int_eq(f.b.level[0], 0); /* withdrawn */
	line(&f, 11, 1);
	ck_assert_int_eq(f.b.level[0], 1);
	line(&f, 11, 0);
	ck_assert_int_eq(f.b.level[0], 0);
	teardown(&f);
}
END_TEST

START_TEST(rotation_and_smm)
{
	struct fix f;
	setup(&f, 1);
	out(&f.b, 0x20, 0xC4); /* set priority: 4 lowest, 5 highest */
	line(&f, 0, 1);
	line(&f, 5, 1);
	ck_assert_int_eq(i8259_ack(f.p), 0x25);
	out(&f.b, 0x20, 0xA0); /* rotate on non-specific EOI: 5 lowest */
	line(&f, 6, 1);
	ck_assert_int_eq(i8259_ack(f.p), 0x26);
	ck_assert_int_eq(f.b.level[0], 0);
	out(&f.b, 0x21, 0x40);
	out(&f.b, 0x20, 0x68); /* mask own level, special mask mode */
	ck_assert_int_eq(i8259_ack(f.p), 0x20);
	out(&f.b, 0x20, 0x20); /* EOI of 0; the masked 6 stays */
	ck_assert_uint_eq(reg(&f, 0x20, 1), 0x40);
	out(&f.b, 0x20, 0x20);
	ck_assert_uint_eq(reg(&f, 0x20, 1), 0x40);
	teardown(&f);
}
END_TEST

START_TEST(aeoi_and_poll)
{
	struct fix f;
	setup(&f, 3);
	line(&f, 1, 1);
	line(&f, 2 + 1, 1);
	ck_assert_int_eq(i8259_ack(f.p), 0x21);
	ck_assert_uint_eq(reg(&f, 0x20, 1), 0);
	out(&f.b, 0x20, 0x0C); /* poll */
	ck_assert_uint_eq(in(&f.b, 0x20), 0x83);
	out(&f.b, 0x20, 0x0C);
	ck_assert_uint_eq(in(&f.b, 0x20) & 0x80, 0);
	teardown(&f);
}
END_TEST

START_TEST(icw1_clears)
{
	struct fix f;
	setup(&f, 1);
	line(&f, 1, 1);
	out(&f.b, 0x21, 0xFF);
	out(&f.b, 0x20, 0x11);
	out(&f.b, 0x21, 8);
	out(&f.b, 0x21, 4);
	out(&f.b, 0x21, 1);
	ck_assert_uint_eq(in(&f.b, 0x21), 0);
	ck_assert_int_eq(f.b.level[0], 0); /* needs a new edge */
	line(&f, 1, 0);
	line(&f, 1, 1);
	ck_assert_int_eq(i8259_ack(f.p), 9);
	teardown(&f);
}
END_TEST

START_TEST(fuzzed)
{
	struct fix f;
	uint64_t seed = 7;
	setup(&f, 1);
	for (unsigned i = 0; i < 100000; i++) {
		static const uint16_t ports[] = {0x20, 0x21, 0xA0, 0xA1, 0x4D0, 0x4D1};
		uint64_t r = rnd(&seed);
		if (r & 1)
			out(&f.b, ports[(r >> 8) % 6], (r >> 16) & 0xFF);
		else
			in(&f.b, ports[(r >> 8) % 6]);
		line(&f, (r >> 24) & 15, (r >> 28) & 1);
		if (r >> 32 & 1)
			ck_assert_int_lt(i8259_ack(f.p), 256);
		ck_assert_int_eq(f.b.level[0], i8259_pending(f.p));
	}
	fuzz(&f.b, &f.b.io, 0x1E, 6, &f.p->dev);
	teardown(&f);
}
END_TEST

int main(void)
{
	const TTest *const t[] = {edge_priority_eoi, spurious_and_mask, cascade,
		special_fully_nested, level_elcr, rotation_and_smm, aeoi_and_poll, icw1_clears,
		fuzzed};
	return run_cases("i8259", t, ARRAY_SIZE(t));
}
