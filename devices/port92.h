/*
 * port92.h - system control port A: fast A20 gate and fast CPU reset.
 */
#ifndef DEVICES_PORT92_H
#define DEVICES_PORT92_H

#include "devices/device.h"

struct port92_state {
	uint8_t val;
	uint8_t pad[7];
};

struct port92 {
	struct device dev;
	struct port92_state s;
	struct irq a20, reset;
	struct region io;
};

/* port92_create() - @a20: level of bit 1, driven when the guest writes; @reset: pulsed when bit 0
 * rises. */
struct port92 *port92_create(struct log *log, struct space *io, struct irq a20, struct irq reset);

/* port92_set_a20() - the 8042 changed A20: keep bit 1 in step, without driving the wire. */
void port92_set_a20(struct port92 *p, int level);

#endif
