/*
 * clock.h - the one virtual clock of a machine, and the timers that hang on it.
 *
 * Virtual time is nanoseconds since machine creation, 64 bits. It never goes backwards, but when a snapshot is loaded, and stops
 * while the machine is paused. The machine layer reads no wall clock: the owner installs a time source
 * (host monotonic time, an instruction count with -icount, or a test's own number). All timers run on
 * the machine's thread, from clock_run(); a device may arm, re-arm or cancel any timer inside one.
 */
#ifndef MMU_BASE_CLOCK_H
#define MMU_BASE_CLOCK_H

#include "mmu/base/types.h"

#define NS_PER_SEC 1000000000ull

struct clock;

struct timer {
	struct clock *clock;
	void (*fn)(void *opaque);
	void *opaque;
	uint64_t deadline; /* ns of virtual time; meaningful while armed */
	bool armed;
	bool outside; /* the program's own, not a chip's: no snapshot holds it, and it keeps its distance when the clock is set */
	struct timer *next; /* the clock's list, by deadline */
};

struct clock {
	uint64_t (*source)(void *opaque); /* ns; NULL: time is what clock_advance() made it */
	void *opaque;
	uint64_t now;    /* last value handed out, and the value itself when there is no source */
	struct timer *head;
	/* Told whenever the earliest deadline changes (may be NULL); ns, or UINT64_MAX for none. */
	void (*deadline_changed)(void *opaque, uint64_t deadline);
	void *deadline_opaque;
	/* Told by clock_set(): from now on the source must go on from @now (may be NULL). */
	void (*moved)(void *opaque, uint64_t now);
	void *moved_opaque;
};

void clock_init(struct clock *c);
uint64_t clock_now(struct clock *c);
static inline uint64_t clock_last(const struct clock *c) /* when it was last asked: costs nothing */
{
	return c->now;
}
void clock_advance(struct clock *c, uint64_t ns);   /* only without a source: tests, icount */
/*
 * clock_set() - it is @now, whatever it was: a snapshot is being loaded. Every timer of a chip is disarmed; those of the
 * program move along with the clock.
 */
void clock_set(struct clock *c, uint64_t now);
uint64_t clock_deadline(const struct clock *c);     /* earliest armed timer; UINT64_MAX if none */
void clock_run(struct clock *c);                    /* run every timer whose deadline has passed */

void timer_init(struct timer *t, struct clock *c, void (*fn)(void *), void *opaque);
void timer_arm(struct timer *t, uint64_t deadline); /* absolute ns; re-arms if armed */
void timer_cancel(struct timer *t);

/* muldiv64() - a * b / c with a 128-bit product: ticks <-> ns without overflow; c != 0. */
static inline uint64_t muldiv64(uint64_t a, uint64_t b, uint64_t c)
{
	return (uint64_t)((unsigned __int128)a * b / c);
}

#endif
