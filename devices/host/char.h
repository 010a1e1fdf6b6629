/*
 * char.h - a byte stream between a device (serial port, debugcon, parallel) and the outside.
 *
 * The device writes with chr_write(); the backend delivers input on the machine's thread through the
 * frontend callbacks the device installed, never more bytes than can_receive() allowed.
 */
#ifndef DEVICES_HOST_CHAR_H
#define DEVICES_HOST_CHAR_H

#include "mmu/base/types.h"

struct chr {
	/* backend side; NULL write discards */
	void (*write)(struct chr *c, const uint8_t *buf, unsigned len);
	void (*accept)(struct chr *c); /* the device can take bytes again; may be NULL */
	void (*close)(struct chr *c);
	/* device side, filled by the device's create function */
	unsigned (*can_receive)(void *opaque);
	void (*receive)(void *opaque, const uint8_t *buf, unsigned len);
	void (*brk)(void *opaque); /* break condition; may be NULL */
	void (*shown)(void *opaque); /* somebody has begun to look at this end; may be NULL */
	void (*gone)(void *opaque);  /* and ended; may be NULL */
	void *dev;
	bool open; /* somebody is there; the backend's */
	char label[32];
};

static inline void chr_write(struct chr *c, const uint8_t *buf, unsigned len)
{
	if (c && c->write)
		c->write(c, buf, len);
}

#endif
