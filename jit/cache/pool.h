/*
 * pool.h - memory for blocks: there are a hundred thousand, of a few sizes, so pieces have no head and lie close together. What is given back
 * is used again for the same size, or for anything once all is given back.
 */
#ifndef JIT_CACHE_POOL_H
#define JIT_CACHE_POOL_H

#include "mmu/base/types.h"

#define POOL_MOST 4096 /* bytes of a piece */

struct pool {
	void *free[POOL_MOST / 8 + 1]; /* by size */
	char *at, *end;		       /* what nobody has had yet */
	void *chunks;		       /* all memory, each piece leads to the next */
	size_t live;		       /* pieces in use */
};

void *pool_get(struct pool *p, size_t size); /* zeros; at a multiple of 8. NULL: no memory */
void pool_put(struct pool *p, void *piece, size_t size);
void pool_fini(struct pool *p);

#endif
