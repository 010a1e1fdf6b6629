/*
 * port80.h - the POST code latch: the byte a diagnostic card would show.
 */
#ifndef DEVICES_PORT80_H
#define DEVICES_PORT80_H

#include "devices/device.h"

#define PORT80_HISTORY 32

struct port80_state {
	uint8_t code;			 /* last one written */
	uint8_t history[PORT80_HISTORY]; /* distinct codes in order, a ring */
	uint8_t head, count;
	uint8_t pad[5];
};

struct port80 {
	struct device dev;
	struct port80_state s;
	struct region io;
};

/* port80_create() - one latch at port 80h, above the DMA page registers; reads give the last byte
 * back. */
struct port80 *port80_create(struct log *log, struct space *io);

#endif
