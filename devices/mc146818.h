/*
 * mc146818.h - real-time clock and CMOS memory (ports 70h, 71h).
 *
 * 128 bytes: the clock in 00h..0Dh, the century in 32h, the rest plain memory that the board fills
 * with what the firmware expects. The date starts at the value given and follows the virtual clock.
 */
#ifndef DEVICES_MC146818_H
#define DEVICES_MC146818_H

#include "devices/device.h"

#define RTC_CENTURY 0x32

struct mc146818_state {
	uint8_t cmos[128]; /* plain bytes, alarms, registers A..C; time bytes only while halted */
	int64_t anchor_ns; /* virtual time at which the second anchor_sec began (may be negative) */
	int64_t anchor_sec; /* seconds since 1970-01-01 on the guest's calendar */
	int64_t seen_sec;   /* last second whose update has been accounted for in register C */
	uint64_t seen_tick; /* last periodic tick accounted for */
	uint8_t index;	    /* as written to 70h: bit 7 NMI disable */
	uint8_t halted;	    /* SET or divider reset: time bytes in cmos[] are the truth */
	uint8_t wday_off;   /* guest's day of week minus the calendar's, mod 7 */
	uint8_t irq_level;
	uint32_t pad;
};

struct mc146818 {
	struct device dev;
	struct mc146818_state s;
	struct clock *clock;
	struct irq irq;
	struct timer timer;
	struct region io;
};

/**
 * mc146818_create() - at 70h/71h, battery good, 24-hour BCD
 * @base_seconds: what the clock shows at this moment, as seconds since 1970-01-01 00:00 of the
 *                guest's own time zone
 * @irq8: level, high while register C has IRQF
 */
struct mc146818 *mc146818_create(struct log *log, struct clock *clock, struct space *io,
	struct irq irq8, int64_t base_seconds);

/**
 * mc146818_set() - store CMOS byte @idx (0Eh..7Fh) as the board's set-up program would; bytes of
 *                  the clock (00h..0Dh and 32h) are not changed this way
 */
void mc146818_set(struct mc146818 *r, unsigned idx, uint8_t val);
/* mc146818_skip() - @ns have passed that the virtual clock does not count; alarms within them do not ring */
void mc146818_skip(struct mc146818 *r, uint64_t ns);
/* mc146818_get() - CMOS byte @idx (0..7Fh) as the guest would read it, without side effects. */
uint8_t mc146818_get(struct mc146818 *r, unsigned idx);
/* mc146818_nmi_masked() - bit 7 of port 70h: the guest disabled NMI. */
static inline bool mc146818_nmi_masked(const struct mc146818 *r)
{
	return r->s.index & 0x80;
}
/* mc146818_seconds() - the guest's time now, seconds since 1970-01-01. */
int64_t mc146818_seconds(struct mc146818 *r);

#endif
