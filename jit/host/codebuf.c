/*
 * codebuf.c - bounded byte output for encoders (codebuf.h).
 */
#include "jit/host/codebuf.h"

void codebuf_init(struct codebuf *cb, uint8_t *start, size_t size, int64_t rx_delta)
{
	cb->start = cb->p = start;
	cb->end = start + size;
	cb->rx_delta = rx_delta;
	cb->gs = NULL;
	cb->overflow = false;
}
