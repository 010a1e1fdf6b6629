/*
 * pflash.h - firmware flash: a NOR chip with the Intel command set, one byte wide, whose contents are an image file.
 *
 * Reads give the array (code runs from it); a command turns reads into status, identification or CFI answers until
 * "read array". What is programmed or erased is written to the image before the guest's next instruction.
 *
 * Sources: Intel, "Common Flash Interface (CFI) and Command Sets", AP-646; Intel 28F640J3A data sheet, 290667,
 * "Command Set". As QEMU's pflash does and firmware expects of it: a block is 4 KiB, and a cleared status register
 * reads 00h (the chip's ready bit is set by the next program or erase).
 */
#ifndef DEVICES_PFLASH_H
#define DEVICES_PFLASH_H

#include "devices/device.h"
#include "devices/host/block.h"

#define PFLASH_BLOCK 4096u	 /* what an erase clears */
#define PFLASH_BUFFER 256u	 /* bytes that one buffered write takes at most */
#define PFLASH_MAX (16u << 20) /* of a chip, bytes */

struct pflash_state {
	uint8_t command; /* what is under way or being read: the last command, FFh: the array */
	uint8_t status;
	uint8_t step;	 /* of a command of several writes: which comes next, 0: a command */
	uint8_t pad;
	uint32_t left;	 /* bytes to come of a buffered write */
};

struct pflash {
	struct device dev;
	struct space *mem;
	struct region reg;
	struct blk *blk; /* borrowed */
	uint8_t *array;	 /* reg.len bytes */
	uint64_t changed_from, changed_to; /* bytes of the array that the image lacks: within one command only */
	struct pflash_state s;
};

/*
 * pflash_create() - a chip of blk->size bytes (a multiple of PFLASH_BLOCK, at most PFLASH_MAX) at @base of @mem
 * @ra: RAM set aside for the array, filled with the image's bytes
 */
struct pflash *pflash_create(struct log *log, struct space *mem, uint64_t base, raddr_t ra, struct blk *blk);

#endif
