/*
 * pcspk.h - port 61h (system control port B) and the speaker behind counter 2 of the timer.
 */
#ifndef DEVICES_PCSPK_H
#define DEVICES_PCSPK_H

#include "devices/device.h"
#include "devices/i8254.h"

struct pcspk_state {
	uint8_t port; /* bits 0..3 as written */
	uint8_t pad[7];
};

struct pcspk {
	struct device dev;
	struct pcspk_state s;
	struct clock *clock;
	struct i8254 *pit;
	struct region io;
	uint32_t period; /* last one told to tone() */
	/* The speaker's sound changed; set by the board, may be NULL. @period: of the square wave,
	 * in PIT ticks (1193182 Hz), 0: silence. */
	void (*tone)(void *opaque, uint32_t period);
	void *tone_opaque;
};

/* pcspk_create() - port 61h; owns counter 2's gate of @pit, which must outlive it. */
struct pcspk *pcspk_create(
	struct log *log, struct clock *clock, struct space *io, struct i8254 *pit);

#endif
