/*
 * debugcon.h - the one-byte debug console: what the guest writes to the port goes to a character
 * backend.
 *
 * Port E9h by custom (Bochs), 402h for the firmware's log. Reads give E9h, by which guests detect
 * it.
 */
#ifndef DEVICES_DEBUGCON_H
#define DEVICES_DEBUGCON_H

#include "devices/device.h"
#include "devices/host/char.h"

struct debugcon_state {
	uint64_t bytes; /* written since creation */
};

struct debugcon {
	struct device dev;
	struct debugcon_state s;
	struct chr *chr;
	struct region io;
};

/* debugcon_create() - at port @iobase (0..FFFFh); @chr is borrowed and may be NULL (bytes are
 * dropped). */
struct debugcon *debugcon_create(
	struct log *log, struct space *io, uint16_t iobase, struct chr *chr);

#endif
