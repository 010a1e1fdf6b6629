/*
 * pool.c - see pool.h.
 */
#include "jit/cache/pool.h"
#include "mmu/base/host_mem.h"
#include <stdlib.h>
#include <string.h>

#define CHUNK (((size_t)256 << 10) - 64) /* with what malloc() adds no page more */

static size_t whole(size_t size)
{
	BUG_ON(size > POOL_MOST);
	return (size + 7) & ~(size_t)7;
}

static bool grow(struct pool *p)
{
	char *c = malloc(CHUNK);

	if (!c)
		return false;
	host_make_ready((uint8_t *)c, CHUNK);
	memset(c, 0, CHUNK); /* all at once: for a piece at a time it is a tenth of what making a block costs */
	*(void **)(void *)c = p->chunks;
	p->chunks = c;
	p->at = c + sizeof(void *);
	p->end = c + CHUNK;
	return true;
}

void *pool_get(struct pool *p, size_t size)
{
	void **first = &p->free[whole(size) / 8], *piece = *first;

	size = whole(size);
	if (piece) {
		memcpy(first, piece, sizeof(*first));
		memset(piece, 0, size);
	} else {
		if ((size_t)(p->end - p->at) < size && !grow(p))
			return NULL;
		piece = p->at;
		p->at += size;
	}
	p->live++;
	return piece;
}

/* Nothing is in use: all but one chunk to the host, and from there on anew. */
static void begin_anew(struct pool *p)
{
	char *c = p->chunks;
	void *next;

	memset(p->free, 0, sizeof(p->free));
	memcpy(&next, c, sizeof(next));
	p->chunks = next;
	pool_fini(p);
	memset(c, 0, CHUNK);
	p->chunks = c;
	p->at = c + sizeof(void *);
	p->end = c + CHUNK;
}

void pool_put(struct pool *p, void *piece, size_t size)
{
	void **first = &p->free[whole(size) / 8];

	memcpy(piece, first, sizeof(*first));
	*first = piece;
	if (!--p->live)
		begin_anew(p);
}

void pool_fini(struct pool *p)
{
	while (p->chunks) {
		void *c = p->chunks;

		memcpy(&p->chunks, c, sizeof(p->chunks));
		free(c);
	}
}
