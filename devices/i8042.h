/*
 * i8042.h - the PC's keyboard controller (ports 60h, 64h) with keyboard and auxiliary (mouse) port.
 *
 * Create it, then the devices with i8042_ready(), then i8042_attach() their ports.
 */
#ifndef DEVICES_I8042_H
#define DEVICES_I8042_H

#include "devices/device.h"
#include "devices/ps2.h"

struct i8042_state {
	uint8_t status, data; /* status as read at 64h; output buffer */
	uint8_t ctr;	      /* command byte */
	uint8_t outport;
	uint8_t command;  /* waiting for its parameter; 0: none */
	uint8_t release;  /* translation: F0 seen, next code gets bit 7 */
	uint8_t last_aux; /* the port served last, for fairness */
	uint8_t irq_level[2];
	uint8_t ram[32];
	uint8_t pad[7];
	uint64_t next_byte; /* ns; earliest time for the next byte off the serial line */
};

struct i8042_wires {
	struct irq kbd;	  /* IRQ 1 */
	struct irq mouse; /* IRQ 12 */
	struct irq a20;	  /* level of output port bit 1 */
	struct irq reset; /* pulsed when the guest resets the CPU */
};

struct i8042 {
	struct device dev;
	struct i8042_state s;
	struct i8042_wires wires;
	struct clock *clock;
	struct timer timer;
	struct ps2_port port[2]; /* keyboard, auxiliary */
	struct region data, cmd;
};

/* i8042_create() - at 60h and 64h; A20 starts enabled. */
struct i8042 *i8042_create(
	struct log *log, struct clock *clock, struct space *io, const struct i8042_wires *wires);

/* i8042_attach() - plug @port into the keyboard (0) or auxiliary (1) connector. */
void i8042_attach(struct i8042 *c, unsigned which, struct ps2_port port);

/* i8042_ready() - the wire a device pulses when it has bytes; @which as for i8042_attach(). */
struct irq i8042_ready(struct i8042 *c, unsigned which);

/* i8042_set_a20() - port 92h changed A20: keep the output port's bit in step, without driving the
 * wire. */
void i8042_set_a20(struct i8042 *c, int level);

#endif
