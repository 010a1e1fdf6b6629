/*
 * device.h - what every chip has in common: a name, a reset, a saved state, a dump.
 *
 * A device is one file: a struct that begins with struct device, holds its wires, its host backends and one
 * pointer-free state struct; a create function that takes everything it needs by value (clock,
 * wires, spaces, backend) and maps its own regions; const ops. It runs on the machine's thread
 * only, reads no wall clock, prints nothing. The board (frontend/machine/pc.c) decides addresses,
 * wires and order. Freeing the machine calls ops->fini, then free(dev).
 *
 * Snapshots copy the state struct as bytes: fixed-width fields only, no pointers, no padding that matters,
 * a version in ops that changes with the layout. The state of all devices is there when post_load is called, on each in order
 * of creation; it judges the bytes (a snapshot is only a file) and re-derives regions and wires. Wires to the board's interrupt
 * lines and to the CPU are cut meanwhile: the snapshot holds their levels. Afterwards the timers named in ops are armed
 * as they were.
 */
#ifndef DEVICES_DEVICE_H
#define DEVICES_DEVICE_H

#include "mmu/base/types.h"
#include "mmu/base/err.h"
#include "mmu/base/log.h"
#include "mmu/base/clock.h"
#include "mmu/base/irq.h"
#include "mmu/space.h"
#include <stdio.h>

struct device;

#define DEVICE_TIMERS 3

struct device_ops {
	const char *name;     /* QEMU's name where there is one: "i8259", "mc146818rtc", "piix3-ide" */
	uint32_t version;     /* of the state layout */
	uint32_t state_off, state_size; /* offsetof/sizeof of the state struct in the device struct */
	uint32_t timer[DEVICE_TIMERS];	/* offsetof of each struct timer in it; 0 ends */
	void (*reset)(struct device *d);
	void (*fini)(struct device *d); /* may be NULL; does not free d */
	enum vm_err (*post_load)(struct device *d, struct err *e); /* may be NULL; validates, re-derives */
	void (*dump)(struct device *d, FILE *out); /* for the monitor's info; may be NULL */
	const char *(*unsaved)(const struct device *d); /* why no snapshot can be taken now, or NULL; may be NULL */
	bool kept_in_s3; /* its power is on while the machine sleeps in S3: not reset when that ends */
};

struct device {
	const struct device_ops *ops;
	struct log *log;
	struct device *next; /* the board's list, in creation order */
};

/* device_new() - calloc(size) with ops and log set; aborts the process only if the host is out of memory. */
void *device_new(size_t size, const struct device_ops *ops, struct log *log);

#endif
