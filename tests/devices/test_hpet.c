/* test_hpet.c - the counter, one-shot and periodic comparators of both sizes, levels, legacy replacement. */
#include "chip_fixture.h"
#include "devices/hpet.h"

struct rig {
	struct board b;
	struct hpet *h;
	unsigned legacy;
};

static void legacy(void *opaque, bool on)
{
	((struct rig *)opaque)->legacy = on;
}

static struct rig *rig_new(void)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct hpet_wires w = {.legacy = legacy, .opaque = r};

	ck_assert_ptr_nonnull(r);
	board_init(&r->b);
	w.pit = wire(&r->b, 0);
	w.rtc = wire(&r->b, 8);
	for (int i = 16; i < 24; i++)
		w.gsi[i] = wire(&r->b, i);
	r->h = hpet_create(&r->b.log, &r->b.clock, &r->b.mem, &w);
	return r;
}

static void rig_free(struct rig *r)
{
	drop(&r->h->dev);
	board_fini(&r->b);
	free(r);
}

static uint64_t rd(struct rig *r, unsigned off)
{
	return space_read(&r->b.mem, HPET_BASE + off, 8);
}

static void wr(struct rig *r, unsigned off, uint64_t v)
{
	space_write(&r->b.mem, HPET_BASE + off, v, 8);
}

static void wr32(struct rig *r, unsigned off, uint32_t v)
{
	space_write(&r->b.mem, HPET_BASE + off, v, 4);
}

START_TEST(counting)
{
	struct rig *r = rig_new();

	ck_assert_uint_eq(rd(r, 0) >> 32, 10000000); /* femtoseconds: 100 MHz */
	ck_assert_uint_eq(rd(r, 0) & 0xFFFF, 0xA201); /* legacy replacement, 64 bits, three timers, revision 1 */
	pass(&r->b, 1000);
	ck_assert_uint_eq(rd(r, 0xF0), 0);
	wr(r, 0x10, 1);
	pass(&r->b, 1000);
	ck_assert_uint_eq(rd(r, 0xF0), 100);
	wr(r, 0x10, 0);
	pass(&r->b, 1000);
	ck_assert_uint_eq(rd(r, 0xF0), 100);
	wr(r, 0xF0, 0x1FFFFFFF0ull);
	wr(r, 0x10, 1);
	pass(&r->b, 1000);
	ck_assert_uint_eq(rd(r, 0xF0), 0x1FFFFFFF0ull + 100);
	ck_assert_uint_eq(space_read(&r->b.mem, HPET_BASE + 0xF4, 4), 2); /* halves */
	ck_assert_uint_eq(rd(r, 0x100) >> 32, HPET_ROUTES);
	ck_assert_uint_eq(rd(r, 0x100) & 0x30, 0x30);
	ck_assert_uint_eq(rd(r, 0x160), 0); /* no fourth timer */
	rig_free(r);
}
END_TEST

/* As Linux sets its event timers up: legacy replacement, 32 bits, timer 0 once, then periodic at 1 kHz. */
START_TEST(like_linux)
{
	struct rig *r = rig_new();

	wr32(r, 0x10, 3);
	ck_assert_uint_eq(r->legacy, 1);
	wr32(r, 0x100, 0x104);
	wr32(r, 0x108, (uint32_t)rd(r, 0xF0) + 1000);
	pass(&r->b, 9000);
	ck_assert_uint_eq(r->b.rises[0], 0);
	pass(&r->b, 2000);
	ck_assert_uint_eq(r->b.rises[0], 1);
	pass(&r->b, 50000000);
	ck_assert_uint_eq(r->b.rises[0], 1);
	wr32(r, 0x100, 0x14C); /* enabled, periodic, VAL_SET, 32 bits */
	wr32(r, 0x108, (uint32_t)rd(r, 0xF0) + 100000);
	wr32(r, 0x108, 100000);
	pass(&r->b, 10000000 + 5000);
	ck_assert_uint_eq(r->b.rises[0], 11);
	jump(&r->b, 10000000); /* late by ten periods: one interrupt, and on at the right places */
	ck_assert_uint_eq(r->b.rises[0], 12);
	pass(&r->b, 1000000);
	ck_assert_uint_eq(r->b.rises[0], 13);
	wr32(r, 0x120, 0x104); /* timer 1 is the clock chip's interrupt */
	wr32(r, 0x128, (uint32_t)rd(r, 0xF0) + 10);
	pass(&r->b, 1000);
	ck_assert_uint_eq(r->b.rises[8], 1);
	wr32(r, 0x10, 1);
	ck_assert_uint_eq(r->legacy, 0);
	rig_free(r);
}
END_TEST

START_TEST(levels)
{
	struct rig *r = rig_new();

	wr(r, 0x10, 1);
	wr(r, 0x140, 20 << 9 | 6); /* timer 2, level, input 20 */
	wr(r, 0x148, 1000);
	pass(&r->b, 10001);
	ck_assert_uint_eq(rd(r, 0x20), 4);
	ck_assert_int_eq(r->b.level[20], 1);
	wr(r, 0x20, 3); /* other bits */
	ck_assert_int_eq(r->b.level[20], 1);
	wr(r, 0x20, 4);
	ck_assert_int_eq(r->b.level[20], 0);
	wr(r, 0x148, rd(r, 0xF0) + 100);
	pass(&r->b, 2000);
	ck_assert_int_eq(r->b.level[20], 1);
	wr(r, 0x140, 20 << 9 | 2); /* switched off: the wire falls */
	ck_assert_int_eq(r->b.level[20], 0);
	wr(r, 0x148, 0); /* 64 bits: passed for ever */
	wr(r, 0x140, 21 << 9 | 4);
	pass(&r->b, 100ull * NS_PER_SEC);
	ck_assert_uint_eq(r->b.rises[21], 0);
	wr(r, 0x140, 21 << 9 | 0x104); /* 32 bits: it comes round every 43 s */
	pass(&r->b, 100ull * NS_PER_SEC);
	ck_assert_uint_ge(r->b.rises[21], 2);
	ck_assert_uint_le(r->b.rises[21], 3);
	rig_free(r);
}
END_TEST

START_TEST(random_accesses)
{
	struct rig *r = rig_new();

	fuzz(&r->b, &r->b.mem, HPET_BASE, 0x400, &r->h->dev);
	rig_free(r);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {counting, like_linux, levels, random_accesses};

	return run_cases("hpet", tests, ARRAY_SIZE(tests));
}
