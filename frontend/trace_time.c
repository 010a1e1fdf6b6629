/* trace_time.c - see trace_time.h. */
#include "frontend/trace_time.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SPAN_NS 100000
#define WARM_NS 2000000 /* before that the rate is too rough */

static uint64_t host_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
}

/* Does the host's kernel trust the counter? It takes another clock source where it does not run evenly. */
static bool trusted(void)
{
	FILE *f = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");
	char name[32] = "";
	bool good;

	if (!f)
		return false;
	good = fgets(name, sizeof(name), f) && (!strcmp(name, "tsc\n") || !strcmp(name, "arch_sys_counter\n"));
	fclose(f);
	return good;
}

void trace_time_init(struct trace_time *t, struct clock *c, bool counted)
{
	*t = (struct trace_time){.clock = c, .counter = !counted && trace_ticks() && trusted()};
	t->first_ticks = trace_ticks();
	t->first_ns = host_now();
}

uint64_t trace_time_read(struct trace_time *t)
{
	uint64_t ticks = trace_ticks(), gone = host_now() - t->first_ns;

	t->ns = clock_now(t->clock);
	t->ticks = ticks;
	if (gone >= WARM_NS && ticks > t->first_ticks) {
		t->rate = muldiv64(gone, BIT(32), ticks - t->first_ticks);
		t->span = t->rate ? muldiv64(SPAN_NS, BIT(32), t->rate) : 0;
	}
	if (t->ns > t->last)
		t->last = t->ns;
	return t->last;
}
