/*
 * testdev.h - pc-testdev: what test kernels of CPUs use to make things happen: bytes and words that are remembered in ports
 * and in memory that is a device, and interrupt lines that a write pulls.
 *
 *	E0h-E3h	    a register of 32 bits, read and written in any part
 *	E4h-E7h	    written: the page at that address was remapped; nothing to do, translations never hold what this voids
 *	E8h-EBh	    one byte register at each port
 *	2000h+n	    line n of the interrupt controllers, n = 0..23: high while the last value written is not 0
 *	FF000000h   64 KiB of device memory
 *
 * Source: the places are those of QEMU's device of the same name, which test kernels know.
 */
#ifndef DEVICES_TESTDEV_H
#define DEVICES_TESTDEV_H

#include "devices/device.h"

#define TESTDEV_LINES 24
#define TESTDEV_MEMORY 0x10000u

struct testdev_state {
	uint8_t word[4], byte[4];
	uint8_t line[TESTDEV_LINES];
	uint8_t memory[TESTDEV_MEMORY];
};

struct testdev {
	struct device dev;
	struct region io_word, io_flush, io_byte, io_line, io_memory;
	struct irq line[TESTDEV_LINES];
	struct testdev_state s;
};

/* testdev_create() - @line: where to pull each GSI */
struct testdev *testdev_create(struct log *log, struct space *mem, struct space *io, const struct irq line[TESTDEV_LINES]);

#endif
