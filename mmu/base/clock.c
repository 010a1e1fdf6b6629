/*
 * clock.c - virtual time and the sorted list of timers.
 *
 * The list is kept by deadline, equal deadlines in the order they were armed, so that a run with an instruction
 * count is repeatable. A machine has a few dozen timers; a list beats a heap at that size.
 */
#include "mmu/base/clock.h"
#include <string.h>

void clock_init(struct clock *c)
{
	memset(c, 0, sizeof(*c));
}

uint64_t clock_now(struct clock *c)
{
	if (c->source) {
		uint64_t t = c->source(c->opaque);

		if (t > c->now) /* a source that steps back must not take time with it */
			c->now = t;
	}
	return c->now;
}

void clock_advance(struct clock *c, uint64_t ns)
{
	BUG_ON(c->source);
	c->now = c->now + ns < c->now ? UINT64_MAX : c->now + ns;
}

uint64_t clock_deadline(const struct clock *c)
{
	return c->head ? c->head->deadline : UINT64_MAX;
}

/* Tell the owner if the earliest deadline is no longer @before. */
static void tell(struct clock *c, uint64_t before)
{
	uint64_t d = clock_deadline(c);

	if (d != before && c->deadline_changed)
		c->deadline_changed(c->deadline_opaque, d);
}

static void timer_unlink(struct timer *t)
{
	struct timer **p = &t->clock->head;

	while (*p && *p != t)
		p = &(*p)->next;
	BUG_ON(!*p);
	*p = t->next;
	t->next = NULL;
	t->armed = false;
}

void clock_run(struct clock *c)
{
	uint64_t now = clock_now(c), before = clock_deadline(c);

	while (c->head && c->head->deadline <= now) {
		struct timer *t = c->head;

		timer_unlink(t);
		t->fn(t->opaque);
	}
	tell(c, before);
}

void timer_init(struct timer *t, struct clock *c, void (*fn)(void *), void *opaque)
{
	memset(t, 0, sizeof(*t));
	t->clock = c;
	t->fn = fn;
	t->opaque = opaque;
}

void timer_arm(struct timer *t, uint64_t deadline)
{
	struct clock *c = t->clock;
	uint64_t before = clock_deadline(c);
	struct timer **p = &c->head;

	if (t->armed)
		timer_unlink(t);
	while (*p && (*p)->deadline <= deadline)
		p = &(*p)->next;
	t->deadline = deadline;
	t->armed = true;
	t->next = *p;
	*p = t;
	tell(c, before);
}

void timer_cancel(struct timer *t)
{
	uint64_t before;

	if (!t->armed)
		return;
	before = clock_deadline(t->clock);
	timer_unlink(t);
	tell(t->clock, before);
}

void clock_set(struct clock *c, uint64_t now)
{
	uint64_t before = clock_deadline(c), was = clock_now(c);
	struct timer *t = c->head, *next;

	c->head = NULL;
	c->now = now;
	if (c->moved)
		c->moved(c->moved_opaque, now);
	for (; t; t = next) {
		next = t->next;
		t->next = NULL;
		t->armed = false;
		if (t->outside)
			timer_arm(t, t->deadline - was + now);
	}
	tell(c, before);
}
