/*
 * debugexit.h - a port by which a guest ends the emulator with an exit status (QEMU's
 * isa-debug-exit).
 */
#ifndef DEVICES_DEBUGEXIT_H
#define DEVICES_DEBUGEXIT_H

#include "devices/device.h"

struct debugexit_state {
	uint32_t value; /* last one written */
	uint32_t writes;
};

struct debugexit {
	struct device dev;
	struct debugexit_state s;
	void (*fn)(void *opaque, uint32_t value);
	void *opaque;
	struct region io;
};

/**
 * debugexit_create() - ports @iobase .. @iobase+@iosize-1 (QEMU's defaults: 501h, 2)
 * @iosize: 1, 2 or 4
 * @fn: told the value of each write, little endian, 1 to 4 bytes; the exit status by
 *      custom is (value << 1) | 1. It may only note the request: the guest is in mid-instruction.
 *      A write across the bus's alignment (2 bytes at 501h) comes as several calls: the first
 * counts.
 */
struct debugexit *debugexit_create(struct log *log, struct space *io, uint16_t iobase,
	unsigned iosize, void (*fn)(void *opaque, uint32_t value), void *opaque);

#endif
