/*
 * lpt.h - the standard parallel port (SPP): data, status, control.
 *
 *	base+0  data latch
 *	base+1  status: 7 not busy, 6 not acknowledge, 5 paper out, 4 selected, 3 not error, 2..0 ones
 *	base+2  control: 4 interrupt on acknowledge, 3 select in, 2 not initialize, 1 auto feed, 0 strobe
 *
 * The printer is always ready: a byte goes to the backend when strobe becomes active and is busy for 2 us. Its
 * acknowledge stays until the guest has seen it: a pulse of a few microseconds is missed too easily by a guest that
 * polls (SeaBIOS does) while host time passes. The interrupt comes 5 us after busy. Source: IEEE 1284-1994, compatibility mode; IBM PC/AT Technical Reference, "Parallel Printer Adapter".
 */
#ifndef DEVICES_LPT_H
#define DEVICES_LPT_H

#include "devices/device.h"
#include "devices/host/char.h"

struct lpt_state {
	uint64_t strobed_at; /* ns; UINT64_MAX: nothing under way */
	uint64_t bytes;	     /* printed since the machine was made */
	uint8_t data, control;
	uint8_t ack; /* to be shown by the next read of status after busy */
	uint8_t pad[5];
};

struct lpt {
	struct device dev;
	struct lpt_state s;
	struct clock *clock;
	struct timer timer;
	struct irq irq;
	struct chr *chr;
	struct region io;
};

/* lpt_create() - three ports from @iobase; @irq: an edge at the end of acknowledge; @chr: borrowed, may be NULL */
struct lpt *lpt_create(struct log *log, struct clock *clock, struct space *io, uint16_t iobase, struct irq irq,
	struct chr *chr);

#endif
