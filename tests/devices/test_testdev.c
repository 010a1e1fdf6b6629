/* test_testdev.c - pc-testdev: what is written is read again in any part; lines follow what is written; reset. */
#include "chip_fixture.h"
#include "devices/testdev.h"

#define MEM 0xFF000000u

START_TEST(all)
{
	struct irq line[TESTDEV_LINES];
	struct testdev *t;
	struct board b;

	board_init(&b);
	for (int i = 0; i < TESTDEV_LINES; i++)
		line[i] = wire(&b, i);
	t = testdev_create(&b.log, &b.mem, &b.io, line);
	space_write(&b.io, 0xE0, 0x12345678, 4);
	ck_assert_uint_eq(space_read(&b.io, 0xE0, 4), 0x12345678);
	ck_assert_uint_eq(space_read(&b.io, 0xE1, 1), 0x56);
	space_write(&b.io, 0xE2, 0xABCD, 2);
	ck_assert_uint_eq(space_read(&b.io, 0xE0, 4), 0xABCD5678);
	for (unsigned i = 0; i < 4; i++)
		out(&b, 0xE8 + i, 0x10 + i);
	ck_assert_uint_eq(space_read(&b.io, 0xE8, 4), 0x13121110);
	space_write(&b.io, 0xE4, 0x1000, 4);
	for (unsigned i = 0; i < TESTDEV_LINES; i++) {
		out(&b, 0x2000 + i, 0x80);
		ck_assert_int_eq(b.level[i], 1);
		out(&b, 0x2000 + i, 0);
		ck_assert_int_eq(b.level[i], 0);
	}
	space_write(&b.mem, MEM + 0xFFF8, 0x1122334455667788, 8);
	ck_assert_uint_eq(space_read(&b.mem, MEM + 0xFFFA, 2), 0x5566);
	ck_assert_uint_eq(space_read(&b.mem, MEM + 0xFFFF, 1), 0x11);
	out(&b, 0x2005, 1);
	t->dev.ops->reset(&t->dev);
	ck_assert_int_eq(b.level[5], 0);
	ck_assert_uint_eq(space_read(&b.io, 0xE0, 4), 0);
	drop(&t->dev);
	board_fini(&b);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("testdev");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_add_test(t, all);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
