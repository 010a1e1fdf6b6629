/* block_io.h - one request of an image, waited for. */
#ifndef TESTS_DEVICES_BLOCK_IO_H
#define TESTS_DEVICES_BLOCK_IO_H

#include "frontend/block.h"

/* blk_req.done: @opaque is an int, which gets the error */
static inline void done(void *opaque, int error)
{
	*(int *)opaque = error;
}

/* Return: the request's error; -1: it has not ended yet */
static inline int io(struct blk *b, enum blk_op op, uint64_t off, uint8_t *buf, uint32_t len)
{
	int result = -1;
	struct blk_req r = {.op = op, .off = off, .buf = buf, .len = len, .done = done, .opaque = &result};

	blk_submit(b, &r);
	return result;
}

#endif
