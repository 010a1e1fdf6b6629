/* test_pvpanic.c - what the panic port offers, and whom a write tells what. */
#include "chip_fixture.h"
#include "devices/pvpanic.h"

struct rig {
	struct board b;
	struct pvpanic *p;
	unsigned told[4];
};

static void tell(void *opaque, unsigned event)
{
	struct rig *r = opaque;

	ck_assert_uint_lt(event, ARRAY_SIZE(r->told));
	r->told[event]++;
}

static struct rig *rig_new(unsigned offered)
{
	struct rig *r = calloc(1, sizeof(*r));

	board_init(&r->b);
	space_begin(&r->b.io);
	r->p = pvpanic_create(&r->b.log, &r->b.io, 0x505, offered, tell, r);
	space_commit(&r->b.io);
	return r;
}

static void rig_free(struct rig *r)
{
	free(r->p);
	board_fini(&r->b);
	free(r);
}

START_TEST(events)
{
	struct rig *r = rig_new(3);

	ck_assert_uint_eq(in(&r->b, 0x505), 3);
	ck_assert_uint_eq(in(&r->b, 0x504), 0xFF);
	ck_assert_uint_eq(in(&r->b, 0x506), 0xFF);
	out(&r->b, 0x505, 0);
	out(&r->b, 0x505, 0xFC); /* nothing that has a meaning */
	ck_assert_uint_eq(r->told[1] + r->told[2], 0);
	out(&r->b, 0x505, PVPANIC_CRASHLOADED);
	ck_assert_uint_eq(r->told[2], 1);
	out(&r->b, 0x505, PVPANIC_PANICKED);
	out(&r->b, 0x505, PVPANIC_PANICKED | PVPANIC_CRASHLOADED);
	ck_assert_uint_eq(r->told[1], 2);
	ck_assert_uint_eq(r->told[2], 1);
	ck_assert_uint_eq(r->p->s.writes, 5);
	r->p->dev.ops->reset(&r->p->dev);
	ck_assert_uint_eq(r->p->s.writes, 0);
	ck_assert_uint_eq(in(&r->b, 0x505), 3);
	rig_free(r);
}
END_TEST

START_TEST(offered)
{
	struct rig *r = rig_new(PVPANIC_PANICKED);

	ck_assert_uint_eq(in(&r->b, 0x505), PVPANIC_PANICKED);
	rig_free(r);
}
END_TEST

START_TEST(random_accesses)
{
	struct rig *r = rig_new(3);
	uint64_t seed = 42;

	for (unsigned i = 0; i < 100000; i++) {
		unsigned size = 1u << (seed >> 20 & 3) % 3;

		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		if (seed >> 40 & 1)
			space_write(&r->b.io, 0x500 + (seed >> 32 & 7), seed, size);
		else
			space_read(&r->b.io, 0x500 + (seed >> 32 & 7), size);
	}
	ck_assert_uint_eq(in(&r->b, 0x505), 3);
	rig_free(r);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("pvpanic");
	TCase *t = tcase_create("pvpanic");
	SRunner *r;
	int failed;

	tcase_add_test(t, events);
	tcase_add_test(t, offered);
	tcase_add_test(t, random_accesses);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
