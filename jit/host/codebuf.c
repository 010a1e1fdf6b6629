/*
 * codebuf.c - bounded byte output for encoders (codebuf.h).
 */
#include "jit/host/codebuf.h"
#include <string.h>

void codebuf_init(struct codebuf *cb, uint8_t *start, size_t size, int64_t rx_delta)
{
	cb->start = cb->p = start;
	cb->end = start + size;
	cb->rx_delta = rx_delta;
	cb->gs = NULL;
	cb->overflow = false;
}

void codebuf_bytes(struct codebuf *cb, const void *src, unsigned n)
{
	if ((size_t)(cb->end - cb->p) < n) {
		cb->overflow = true;
		return;
	}
	memcpy(cb->p, src, n);
	cb->p += n;
}

void codebuf_u32(struct codebuf *cb, uint32_t v)
{
	codebuf_bytes(cb, &v, 4);
}

void codebuf_u64(struct codebuf *cb, uint64_t v)
{
	codebuf_bytes(cb, &v, 8);
}
