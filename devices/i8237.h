/*
 * i8237.h - the AT's two DMA controllers and their page registers: channels 0-3 move bytes, 5-7 words; 4 is the cascade.
 *
 *	00h-0Fh  first chip      C0h-DFh  second chip, registers two ports apart      81h-8Fh  pages, bits 16-23
 *
 * A device asks for cycles by i8237_transfer(); what the guest has programmed decides how many it gets and in which
 * direction. Sources: Intel 8237A data sheet; IBM PC/AT Technical Reference, "System Board: DMA".
 */
#ifndef DEVICES_I8237_H
#define DEVICES_I8237_H

#include "devices/device.h"

struct i8237_channel {
	uint16_t base_addr, base_count, addr, count; /* count: transfers less one */
	uint8_t mode;  /* as written: 7-6 demand single block cascade, 5 down, 4 autoinit, 3-2 type, 1-0 channel */
	uint8_t page;
	uint8_t masked, request, tc;
	uint8_t pad[3];
};

struct i8237_state {
	struct i8237_channel ch[8];
	uint8_t command[2], flipflop[2];
	uint8_t pages[16]; /* also those no channel uses: a few bytes of memory to the guest */
	uint8_t pad[4];
};

struct i8237 {
	struct device dev;
	struct i8237_state s;
	struct space *mem;
	struct region io[2], page_io;
};

struct i8237 *i8237_create(struct log *log, struct space *mem, struct space *io);

/**
 * i8237_transfer() - @len bytes between a device on channel @ch and memory
 * @to_memory: the device's direction; if the channel was set up for the other, nothing moves. A verify transfer counts
 * without touching memory.
 * @tc: terminal count was reached: the device must stop
 * Return: bytes moved; fewer than @len at terminal count, 0 if the channel is masked or switched off
 */
uint32_t i8237_transfer(struct i8237 *d, unsigned ch, uint8_t *buf, uint32_t len, bool to_memory, bool *tc);

#endif
