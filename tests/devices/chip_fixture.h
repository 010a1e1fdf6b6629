/*
 * chip_fixture.h - a bare board for chip tests: clock without source, port and memory space,
 * recorded wires.
 */
#ifndef TESTS_DEVICES_CHIP_FIXTURE_H
#define TESTS_DEVICES_CHIP_FIXTURE_H

#include "devices/device.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

struct board {
	struct log log;
	struct clock clock;
	struct space io, mem;
	int level[32]; /* of each recorded wire */
	unsigned rises[32];
};

static inline void board_wire(void *opaque, int n, int level)
{
	struct board *b = opaque;

	if (level && !b->level[n])
		b->rises[n]++;
	b->level[n] = level;
}

static inline struct irq wire(struct board *b, int n)
{
	return (struct irq){board_wire, b, n};
}

static inline void board_init(struct board *b)
{
	memset(b, 0, sizeof(*b));
	log_init(&b->log);
	clock_init(&b->clock);
	space_init(&b->io, "io", 0xFFFF, NULL, &b->log);
	space_init(&b->mem, "mem", BIT(52) - 1, NULL, &b->log);
}

static inline void board_fini(struct board *b)
{
	space_fini(&b->io);
	space_fini(&b->mem);
	log_fini(&b->log);
}

static inline uint8_t in(struct board *b, unsigned port)
{
	return (uint8_t)space_read(&b->io, port, 1);
}

static inline void out(struct board *b, unsigned port, unsigned val)
{
	space_write(&b->io, port, val, 1);
}

/* Let time pass, stopping at each deadline as the machine loop does. */
static inline void pass(struct board *b, uint64_t ns)
{
	uint64_t end = clock_now(&b->clock) + ns;

	for (unsigned i = 0; i < 5000000 && clock_deadline(&b->clock) <= end; i++) {
		uint64_t d = clock_deadline(&b->clock), now = clock_now(&b->clock);

		if (d > now)
			clock_advance(&b->clock, d - now);
		clock_run(&b->clock);
	}
	if (end > clock_now(&b->clock))
		clock_advance(&b->clock, end - clock_now(&b->clock));
}

/* Let time pass in one jump: timers run late. */
static inline void jump(struct board *b, uint64_t ns)
{
	clock_advance(&b->clock, ns);
	clock_run(&b->clock);
}

static inline uint64_t rnd(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

/* 100000 random accesses to [base, base+len) with time passing; then dump and reload the state. */
static inline void fuzz(
	struct board *b, struct space *s, uint64_t base, unsigned len, struct device *d)
{
	uint64_t seed = 0x9E3779B97F4A7C15ull;
	FILE *null = fopen("/dev/null", "w");

	for (unsigned i = 0; i < 100000; i++) {
		uint64_t r = rnd(&seed), at = base + (r >> 8) % len;
		unsigned size = 1u << ((r >> 32) % 3);

		if (r & 1)
			space_write(s, at, rnd(&seed) >> (r >> 40) % 60, size);
		else
			space_read(s, at, size);
		if (!((r >> 48) & 7))
			jump(b, rnd(&seed) % ((r >> 51) & 7 ? 100000 : 3000000000ull));
		if (null && d->ops->dump && i % 10000 == 0)
			d->ops->dump(d, null);
		if (i % 25000 == 24999)
			d->ops->reset(d);
	}
	if (d->ops->post_load)
		ck_assert_int_eq(d->ops->post_load(d, NULL), VM_OK);
	if (null)
		fclose(null);
}

static inline void drop(struct device *d)
{
	if (d->ops->fini)
		d->ops->fini(d);
	free(d);
}

static inline int run_cases(const char *name, const TTest *const *tests, unsigned n)
{
	Suite *s = suite_create(name);
	TCase *c = tcase_create(name);
	SRunner *r;
	int failed;

	for (unsigned i = 0; i < n; i++)
		tcase_add_test(c, tests[i]);
	tcase_set_timeout(c, 60);
	suite_add_tcase(s, c);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
