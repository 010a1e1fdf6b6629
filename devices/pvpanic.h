/*
 * pvpanic.h - a port by which a guest kernel says that it has panicked (QEMU's pvpanic ISA device).
 */
#ifndef DEVICES_PVPANIC_H
#define DEVICES_PVPANIC_H

#include "devices/device.h"

#define PVPANIC_PANICKED 1u    /* the kernel has stopped for good */
#define PVPANIC_CRASHLOADED 2u /* the kernel has panicked and goes on in its crash kernel */

struct pvpanic_state {
	uint8_t events; /* last ones written */
	uint8_t pad[3];
	uint32_t writes;
};

struct pvpanic {
	struct device dev;
	struct pvpanic_state s;
	uint8_t offered;
	void (*fn)(void *opaque, unsigned event);
	void *opaque;
	struct region io;
};

/**
 * pvpanic_create() - one byte at port @ioport (QEMU's default: 505h)
 * @offered: the PVPANIC_x events that a read offers to the guest
 * @fn: told one PVPANIC_x per write. It may only note the event: the guest is in mid-instruction.
 */
struct pvpanic *pvpanic_create(struct log *log, struct space *io, uint16_t ioport, unsigned offered,
	void (*fn)(void *opaque, unsigned event), void *opaque);

#endif
