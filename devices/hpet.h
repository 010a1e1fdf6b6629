/*
 * hpet.h - high precision event timers: a counter of 100 MHz, three comparators, legacy replacement.
 *
 * Source: "IA-PC HPET Specification" 1.0a.
 */
#ifndef DEVICES_HPET_H
#define DEVICES_HPET_H

#include "devices/device.h"

#define HPET_BASE 0xFED00000u
#define HPET_TIMERS 3
#define HPET_TICK_NS 10u
#define HPET_ROUTES 0x00FF0000u /* I/O APIC inputs a comparator may be sent to */
#define HPET_GSIS 24

struct hpet_timer {
	uint64_t config, cmp, period; /* as in the registers; period: what is added to cmp, 0: none yet */
	uint64_t fires; /* main counter, 64 bits whatever the timer's size, at which it matches next; UINT64_MAX: never */
};

struct hpet_state {
	uint64_t config, status;
	uint64_t counter; /* while it stands: its value; while it runs: its value at virtual time 0 (modulo 2^64) */
	struct hpet_timer t[HPET_TIMERS];
};

struct hpet_wires {
	struct irq gsi[HPET_GSIS];     /* those of HPET_ROUTES */
	struct irq pit, rtc;	       /* IRQ 0 and 8 of the legacy replacement */
	void (*legacy)(void *opaque, bool on); /* takes these from the timer and the clock chip, or gives them back */
	void *opaque;
};

struct hpet {
	struct device dev;
	struct clock *clock;
	struct timer timer;
	struct region io;
	struct hpet_wires w;
	struct hpet_state s;
};

struct hpet *hpet_create(struct log *log, struct clock *clock, struct space *mem, const struct hpet_wires *w);
uint64_t hpet_id(void); /* general capabilities and ID register, for the ACPI table */

#endif
