/*
 * codebuf.h - where an encoder writes bytes: bounded, with a sticky overflow instead of checks at every call.
 */
#ifndef JIT_HOST_CODEBUF_H
#define JIT_HOST_CODEBUF_H

#include "mmu/base/types.h"
#include <string.h>

struct codebuf {
	uint8_t *start, *p, *end; /* writable view */
	int64_t rx_delta;	  /* executable address = writable address + rx_delta */
	uint8_t *gs;		  /* x86: the first instruction since this was NULL with an operand in a window */
	uint8_t *access;	  /* x86: that instruction itself, behind the look at the guard that belongs to it */
	int32_t guard;		  /* x86: address of the guard (mmu/window.h) */
	bool overflow;		  /* something did not fit; contents are useless */
};

void codebuf_init(struct codebuf *cb, uint8_t *start, size_t size, int64_t rx_delta);

static inline void codebuf_bytes(struct codebuf *cb, const void *src, unsigned n)
{
	if (LIKELY((size_t)(cb->end - cb->p) >= n)) {
		memcpy(cb->p, src, n);
		cb->p += n;
	} else {
		cb->overflow = true;
	}
}

static inline void codebuf_u32(struct codebuf *cb, uint32_t v)
{
	codebuf_bytes(cb, &v, 4);
}

static inline void codebuf_u64(struct codebuf *cb, uint64_t v)
{
	codebuf_bytes(cb, &v, 8);
}

static inline void codebuf_u8(struct codebuf *cb, uint8_t v)
{
	if (LIKELY(cb->p < cb->end))
		*cb->p++ = v;
	else
		cb->overflow = true;
}

/* Executable address of the next byte. */
static inline uint8_t *codebuf_rx(const struct codebuf *cb)
{
	return cb->p + cb->rx_delta;
}

#endif
