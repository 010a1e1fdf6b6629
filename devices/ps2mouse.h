/*
 * ps2mouse.h - PS/2 mouse: standard, IntelliMouse (wheel) and IntelliMouse Explorer (five buttons).
 */
#ifndef DEVICES_PS2MOUSE_H
#define DEVICES_PS2MOUSE_H

#include "devices/device.h"
#include "devices/ps2.h"
#include "devices/host/input.h"

struct ps2mouse_state {
	struct ps2_queue q;
	int32_t dx, dy, dz; /* motion not reported yet; dy up positive */
	uint8_t buttons, sent_buttons;
	uint8_t enabled, remote, wrap, scaling; /* scaling: 1 is 2:1 */
	uint8_t rate, resolution;
	uint8_t id;	 /* 0, 3 or 4 */
	uint8_t magic;	 /* progress in the rate sequences */
	uint8_t command; /* waiting for its parameter */
	uint8_t pad;
	uint64_t next_report; /* ns */
};

struct ps2mouse {
	struct device dev;
	struct ps2mouse_state s;
	struct clock *clock;
	struct irq ready;
	struct timer timer;
};

/* ps2mouse_create() - @ready: i8042_ready(c, 1); installs itself as @in's mouse (may be NULL). */
struct ps2mouse *ps2mouse_create(
	struct log *log, struct clock *clock, struct irq ready, struct input *in);
struct ps2_port ps2mouse_port(struct ps2mouse *m);

#endif
