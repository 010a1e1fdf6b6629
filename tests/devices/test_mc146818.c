/* test_mc146818.c - date arithmetic, modes, alarm, periodic and update interrupts, UIP. */
#include "chip_fixture.h"
#include "devices/mc146818.h"

struct fix {
	struct board b;
	struct mc146818 *r;
};

static void setup(struct fix *f, int64_t base)
{
	board_init(&f->b);
	f->r = mc146818_create(&f->b.log, &f->b.clock, &f->b.io, wire(&f->b, 0), base);
}

static void teardown(struct fix *f)
{
	drop(&f->r->dev);
	board_fini(&f->b);
}

static unsigned rd(struct fix *f, unsigned i)
{
	out(&f->b, 0x70, i);
	return in(&f->b, 0x71);
}

static void wr(struct fix *f, unsigned i, unsigned v)
{
	out(&f->b, 0x70, i);
	out(&f->b, 0x71, v);
}

START_TEST(date)
{
	struct fix f;
	setup(&f, 951782399); /* 2000-02-28 23:59:59, a Monday */
	ck_assert_uint_eq(rd(&f, 9), 0x00);
	ck_assert_uint_eq(rd(&f, 0x32), 0x20);
	ck_assert_uint_eq(rd(&f, 8), 0x02);
	ck_assert_uint_eq(rd(&f, 7), 0x28);
	ck_assert_uint_eq(rd(&f, 6), 2);
	ck_assert_uint_eq(rd(&f, 4), 0x23);
	ck_assert_uint_eq(rd(&f, 2), 0x59);
	ck_assert_uint_eq(rd(&f, 0), 0x59);
	pass(&f.b, NS_PER_SEC);
	ck_assert_uint_eq(rd(&f, 7), 0x29); /* 2000 is a leap year */
	ck_assert_uint_eq(rd(&f, 4), 0x00);
	ck_assert_uint_eq(rd(&f, 6), 3);
	pass(&f.b, 86400 * NS_PER_SEC);
	ck_assert_uint_eq(rd(&f, 8), 0x03);
	ck_assert_uint_eq(rd(&f, 7), 0x01);
	ck_assert_uint_eq(rd(&f, 13), 0x80);
	ck_assert_uint_eq(in(&f.b, 0x70), 0xFF);
	teardown(&f);
}
END_TEST

START_TEST(set_and_modes)
{
	struct fix f;
	setup(&f, 0);
	wr(&f, 11, 0x82);
	wr(&f, 9, 0x99);
	wr(&f, 0x32, 0x19);
	wr(&f, 8, 0x12);
	wr(&f, 7, 0x31);
	wr(&f, 6, 0x06);
	wr(&f, 4, 0x23);
	wr(&f, 2, 0x59);
	wr(&f, 0, 0x58);
	pass(&f.b, 5 * NS_PER_SEC); /* stands still */
	ck_assert_uint_eq(rd(&f, 0), 0x58);
	ck_assert_int_eq(mc146818_seconds(f.r), 946684798);
	wr(&f, 11, 0x02);
	pass(&f.b, 2 * NS_PER_SEC);
	ck_assert_uint_eq(rd(&f, 0x32), 0x20);
	ck_assert_uint_eq(rd(&f, 9), 0x00);
	ck_assert_uint_eq(rd(&f, 4), 0x00);
	ck_assert_int_eq(mc146818_seconds(f.r), 946684800);
	wr(&f, 11, 0x00); /* 12-hour BCD */
	ck_assert_uint_eq(rd(&f, 4), 0x12);
	wr(&f, 4, 0x81);  /* 1 PM, without SET */
	wr(&f, 11, 0x06); /* 24-hour binary */
	ck_assert_uint_eq(rd(&f, 4), 13);
	wr(&f, 2, 45);
	ck_assert_uint_eq(rd(&f, 2), 45);
	ck_assert_uint_eq(rd(&f, 6), 7); /* 2000-01-01 was a Saturday */
	teardown(&f);
}
END_TEST

START_TEST(update_and_uip)
{
	struct fix f;
	setup(&f, 1000);
	ck_assert_uint_eq(rd(&f, 10) & 0x80, 0);
	pass(&f.b, NS_PER_SEC - 200000);
	ck_assert_uint_eq(rd(&f, 10) & 0x80, 0x80);
	ck_assert_uint_eq(rd(&f, 12), 0x40); /* PF has happened; not enabled, so no IRQF */
	pass(&f.b, 200000);
	ck_assert_uint_eq(rd(&f, 10) & 0x80, 0);
	ck_assert_uint_eq(rd(&f, 12) & 0x90, 0x10);
	ck_assert_uint_eq(rd(&f, 12), 0);
	wr(&f, 11, 0x12);
	pass(&f.b, NS_PER_SEC / 2);
	ck_assert_int_eq(f.b.level[0], 0);
	pass(&f.b, NS_PER_SEC / 2);
	ck_assert_int_eq(f.b.level[0], 1);
	ck_assert_uint_eq(rd(&f, 12) & 0xB0, 0x90);
	ck_assert_int_eq(f.b.level[0], 0);
	wr(&f, 11, 0x92); /* SET clears UIE */
	ck_assert_uint_eq(rd(&f, 11), 0x82);
	teardown(&f);
}
END_TEST

START_TEST(alarm_irq)
{
	struct fix f;
	setup(&f, 0);
	wr(&f, 1, 0x30);
	wr(&f, 3, 0xFF);
	wr(&f, 5, 0xC0); /* second 30 of any minute */
	rd(&f, 12);
	wr(&f, 11, 0x22);
	pass(&f.b, 29 * NS_PER_SEC);
	ck_assert_uint_eq(f.b.rises[0], 0);
	pass(&f.b, NS_PER_SEC);
	ck_assert_uint_eq(f.b.rises[0], 1);
	ck_assert_uint_eq(rd(&f, 12) & 0xA0, 0xA0);
	pass(&f.b, 60 * NS_PER_SEC);
	ck_assert_uint_eq(f.b.rises[0], 2);
	teardown(&f);
}
END_TEST

START_TEST(periodic_irq)
{
	struct fix f;
	setup(&f, 0);
	wr(&f, 10, 0x26); /* 1024 Hz */
	wr(&f, 11, 0x42);
	unsigned n = 0;
	for (unsigned i = 0; i < 10000; i++) {
		pass(&f.b, 100000);
		if (f.b.level[0]) {
			ck_assert_uint_eq(rd(&f, 12) & 0xC0, 0xC0);
			n++;
		}
	}
	ck_assert_uint_ge(n, 1023);
	ck_assert_uint_le(n, 1025);
	/* unread: the wire just stays up, whatever the rate */
	unsigned before = f.b.rises[0];
	pass(&f.b, NS_PER_SEC);
	ck_assert_uint_eq(f.b.rises[0] - before, 1);
	f.r->dev.ops->reset(&f.r->dev);
	ck_assert_int_eq(f.b.level[0], 0);
	ck_assert_uint_eq(rd(&f, 11), 0x02);
	teardown(&f);
}
END_TEST

START_TEST(memory_and_nmi)
{
	struct fix f;
	setup(&f, 0);
	mc146818_set(f.r, 0x15, 0x80);
	ck_assert_uint_eq(rd(&f, 0x15), 0x80);
	wr(&f, 0x7F, 0xA5);
	ck_assert_uint_eq(mc146818_get(f.r, 0x7F), 0xA5);
	ck_assert(!mc146818_nmi_masked(f.r));
	ck_assert_uint_eq(rd(&f, 0x80 | 0x15), 0x80);
	ck_assert(mc146818_nmi_masked(f.r));
	f.r->dev.ops->reset(&f.r->dev);
	ck_assert_uint_eq(rd(&f, 0x15), 0x80);
	/* divider reset holds the date; first update half a second after release */
	wr(&f, 10, 0x70);
	pass(&f.b, 3 * NS_PER_SEC);
	wr(&f, 10, 0x26);
	ck_assert_uint_eq(rd(&f, 0), 0);
	pass(&f.b, NS_PER_SEC / 2);
	ck_assert_uint_eq(rd(&f, 0), 1);
	teardown(&f);
}
END_TEST

START_TEST(fuzzed)
{
	struct fix f;
	setup(&f, 1700000000);
	fuzz(&f.b, &f.b.io, 0x6F, 4, &f.r->dev);
	teardown(&f);
}
END_TEST

int main(void)
{
	const TTest *const t[] = {date, set_and_modes, update_and_uip, alarm_irq, periodic_irq,
		memory_and_nmi, fuzzed};
	return run_cases("mc146818", t, ARRAY_SIZE(t));
}
