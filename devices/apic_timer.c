/*
 * apic_timer.c - the local APIC's timer: one-shot, periodic and TSC-deadline.
 *
 * The current count is computed from when the count was started. A periodic timer is re-armed from
 * the ideal deadline; periods that passed while nobody looked are skipped, not replayed.
 *
 * Source: Intel SDM Vol. 3A 11.5.4 "APIC Timer", 11.5.4.1 "TSC-Deadline Mode".
 */
#include "devices/apic.h"

#define MODE_SHIFT 17
enum { ONE_SHOT, PERIODIC, TSC_DEADLINE };
#define MIN_PERIOD_NS 20000u /* shorter periods give interrupts this far apart */

static unsigned timer_mode(uint32_t lvt)
{
	return (lvt >> MODE_SHIFT) & 3;
}

/* Divide configuration bits 3, 1, 0: 2, 4, .. 128, 1. */
static uint64_t divisor(const struct apic *a)
{
	unsigned v = (a->s.divide & 3) | ((a->s.divide >> 1) & 4);

	return v == 7 ? 1 : 2ull << v;
}

static uint64_t period_ns(const struct apic *a)
{
	return muldiv64(a->s.initial * divisor(a), NS_PER_SEC, APIC_TIMER_HZ);
}

void apic_timer_rearm(struct apic *a)
{
	if (a->s.timer_next)
		timer_arm(&a->timer, a->s.timer_next);
	else
		timer_cancel(&a->timer);
}

static void timer_fired(void *opaque)
{
	struct apic *a = opaque;
	uint64_t now = clock_now(a->clock), period = period_ns(a), next;

	if (timer_mode(a->s.lvt[LVT_TIMER]) == PERIODIC && period) {
		/* the count began anew at the last whole period: what remains of it is right in one-shot mode, too */
		a->s.timer_start += (now - a->s.timer_start) / period * period;
		next = a->s.timer_start + period;
		if (next < now + MIN_PERIOD_NS && period < MIN_PERIOD_NS)
			next += (MIN_PERIOD_NS / period) * period;
		a->s.timer_next = next;
	} else {
		a->s.timer_next = 0;
		a->s.tsc_deadline = 0;
	}
	apic_timer_rearm(a);
	apic_local(a, LVT_TIMER);
}

void apic_timer_init(struct apic *a)
{
	timer_init(&a->timer, a->clock, timer_fired, a);
}

void apic_timer_start(struct apic *a, uint32_t initial)
{
	if (timer_mode(a->s.lvt[LVT_TIMER]) == TSC_DEADLINE)
		return; /* "writes to the initial-count register are ignored" */
	a->s.initial = initial;
	a->s.timer_start = clock_now(a->clock);
	a->s.timer_next = initial ? a->s.timer_start + period_ns(a) : 0;
	apic_timer_rearm(a);
}

uint32_t apic_timer_current(const struct apic *a)
{
	uint64_t ticks;

	if (!a->s.timer_next || timer_mode(a->s.lvt[LVT_TIMER]) == TSC_DEADLINE)
		return 0;
	ticks = muldiv64(clock_now(a->clock) - a->s.timer_start, APIC_TIMER_HZ, NS_PER_SEC) /
		divisor(a);
	if (timer_mode(a->s.lvt[LVT_TIMER]) == PERIODIC)
		return a->s.initial - (uint32_t)(ticks % a->s.initial);
	return ticks < a->s.initial ? a->s.initial - (uint32_t)ticks : 0;
}

/* A new divisor: what is left of the count goes on at the new rate. */
void apic_timer_set_divide(struct apic *a, uint32_t val)
{
	uint32_t left = apic_timer_current(a);
	uint64_t now = clock_now(a->clock), done;

	a->s.divide = val & 0xB;
	if (!a->s.timer_next || timer_mode(a->s.lvt[LVT_TIMER]) == TSC_DEADLINE)
		return;
	done = (uint64_t)(a->s.initial - left) * divisor(a);
	/* Unsigned wrap is fine: only differences to timer_start are used. */
	a->s.timer_start = now - done;
	a->s.timer_next = now + (left ? left : 1) * divisor(a);
	apic_timer_rearm(a);
}

void apic_timer_lvt_changed(struct apic *a, uint32_t old)
{
	unsigned was = timer_mode(old), is = timer_mode(a->s.lvt[LVT_TIMER]);

	if (was == is)
		return;
	/* 11.5.4.1: going to or from TSC-deadline mode disarms the timer. */
	if (was == TSC_DEADLINE || is == TSC_DEADLINE) {
		a->s.timer_next = 0;
		a->s.tsc_deadline = 0;
		if (is == TSC_DEADLINE)
			a->s.initial = 0;
		apic_timer_rearm(a);
	}
}

uint64_t apic_tsc_deadline(const struct apic *a)
{
	return timer_mode(a->s.lvt[LVT_TIMER]) == TSC_DEADLINE ? a->s.tsc_deadline : 0;
}

void apic_set_tsc_deadline(struct apic *a, uint64_t tsc)
{
	if (timer_mode(a->s.lvt[LVT_TIMER]) != TSC_DEADLINE || !a->cpu.tsc_to_ns)
		return; /* "ignored in other modes" */
	a->s.tsc_deadline = tsc;
	a->s.timer_next = 0;
	if (tsc) {
		uint64_t ns = a->cpu.tsc_to_ns(a->cpu.opaque, tsc);

		a->s.timer_next = ns ? ns : 1;
		/* A deadline that has passed: the interrupt comes with the write, not when the clock is next looked at. */
		if (ns <= clock_now(a->clock)) {
			timer_fired(a);
			return;
		}
	}
	apic_timer_rearm(a);
}
