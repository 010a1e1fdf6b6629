/*
 * trace_time.h - the machine's virtual time for -trace, at the cost of reading the processor's counter.
 *
 * Asking the host's clock at each system call and return would be most of what a timeline costs. Between two readings of it,
 * SPAN apart at most, time goes on by the counter, whose rate is measured against the host's clock all the while. Only where
 * the host's kernel keeps its own time by that counter, and not where virtual time is a count of instructions.
 */
#ifndef FRONTEND_TRACE_TIME_H
#define FRONTEND_TRACE_TIME_H

#include "mmu/base/clock.h"

struct trace_time {
	struct clock *clock;
	bool counter;		   /* there is one to go by */
	uint64_t span;		   /* ticks that one reading of the clock is good for; 0: none, the rate is not known yet */
	uint64_t ticks, ns;	   /* last reading of the clock */
	uint64_t rate;		   /* ns a tick, 32.32 */
	uint64_t first_ticks, first_ns; /* counter and host's clock when it all began */
	uint64_t last;		   /* handed out: time never runs backwards */
};

void trace_time_init(struct trace_time *t, struct clock *c, bool counted);
uint64_t trace_time_read(struct trace_time *t); /* the slow way */

static inline uint64_t trace_ticks(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t v;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(v));
	return v;
#else
	return 0;
#endif
}

/* trace_time_now() - ns of virtual time */
static inline uint64_t trace_time_now(struct trace_time *t)
{
	uint64_t gone, ns;

	if (UNLIKELY(!t->counter))
		return clock_now(t->clock);
	gone = trace_ticks() - t->ticks;
	if (UNLIKELY(gone >= t->span))
		return trace_time_read(t);
	ns = t->ns + (gone * t->rate >> 32);
	if (ns > t->last)
		t->last = ns;
	return t->last;
}

#endif
