/*
 * again.c - blocks whose bytes were overwritten, kept for when the same bytes come back: code that is patched to and fro between a few
 * variants (calls switched on and off, a JIT's inline caches) is translated once for each.
 *
 * A page in which a block was dropped is marked; blocks translated there from then on carry a copy of their bytes. When such a block is
 * dropped it goes out of every list as all do, its entry leads to the lookup, but it is not freed: it waits in a small table by place and
 * mode key. Before something is translated the table is asked for a block of that place and mode whose copy is what RAM has now. That
 * is all a block depends on: linked exits were undone, and who may enter is known by the jump cache and the links made anew.
 * Not kept: blocks across two pages and of one instruction (what they depend on is not in their bytes alone).
 */
#include "jit/priv.h"
#include <stdlib.h>
#include <string.h>

#define BUCKETS 512u
#define DEPTH 8 /* variants in a bucket; the oldest goes */

/*
 * The latest first; behind the last there is NULL. Most translations ask for nothing that waits here: the numbers, side by side, say so
 * without a look at the blocks, each of which would be a miss of the host's cache (a tenth of all translation in a boot).
 */
struct bucket {
	uint32_t tag[DEPTH];
	struct block *b[DEPTH];
};

/* At the end of a block's memory. */
struct copy {
	uint8_t saved[JIT_SAVED]; /* the backend's, while the block is kept */
	uint8_t bytes[];
};

struct again {
	struct bucket bucket[BUCKETS];
	uint64_t marked[]; /* bit for each RAM page: a block in it was dropped */
};

static struct copy *copy_of(struct block *b)
{
	return (struct copy *)((char *)b + b->size - b->len - sizeof(struct copy));
}

static struct bucket *bucket(struct again *a, raddr_t ra, uint32_t mode, uint32_t *tag)
{
	uint64_t h = (ra ^ (uint64_t)mode << 32) * 0x9E3779B97F4A7C15ull;

	*tag = (uint32_t)h;
	return &a->bucket[h >> 55];
}

bool again_new(struct jit *j)
{
	j->again = calloc(1, sizeof(*j->again) + (j->npages / 64 + 1) * sizeof(uint64_t));
	return j->again;
}

void again_free(struct jit *j)
{
	free(j->again);
	j->again = NULL;
}

/* Was a block in @page dropped? Before that none that is kept can be from there. */
static bool marked(const struct again *a, uint64_t page)
{
	return a->marked[page / 64] >> page % 64 & 1;
}

size_t again_room(const struct jit *j, const struct jit_backend *be, raddr_t ra, raddr_t ra2, uint32_t mode, unsigned len)
{
	if (!be->revive || j->opt.opts_off & JIT_OPT_AGAIN || ra2 != RADDR_NONE || mode & MODE_ONE || !marked(j->again, ra >> PAGE_SHIFT))
		return 0;
	return sizeof(struct copy) + len;
}

void again_copy(struct block *b, const uint8_t *bytes)
{
	b->copied = true;
	memcpy(copy_of(b)->bytes, bytes, b->len);
}

static void put_first(struct bucket *k, struct block *b, uint32_t tag)
{
	memmove(&k->tag[1], k->tag, sizeof(k->tag) - sizeof(k->tag[0]));
	memmove(&k->b[1], k->b, sizeof(k->b) - sizeof(k->b[0]));
	k->tag[0] = tag;
	k->b[0] = b;
}

static void take_out(struct bucket *k, unsigned i)
{
	memmove(&k->tag[i], &k->tag[i + 1], (DEPTH - 1 - i) * sizeof(k->tag[0]));
	memmove(&k->b[i], &k->b[i + 1], (DEPTH - 1 - i) * sizeof(k->b[0]));
	k->b[DEPTH - 1] = NULL;
}

void again_drop(struct jit *j, struct block *b)
{
	uint64_t page = b->ra >> PAGE_SHIFT;
	struct bucket *k;
	uint32_t tag;

	j->again->marked[page / 64] |= BIT(page % 64);
	if (!b->copied) {
		cache_remove(j, b);
		return;
	}
	cache_take_out(j, b);
	j->be->save(j->be_priv, b, copy_of(b)->saved);
	j->be->kill(j->be_priv, b);
	b->dead = true;
	k = bucket(j->again, b->ra, b->mode, &tag);
	if (k->b[DEPTH - 1])
		cache_discard(j, k->b[DEPTH - 1]);
	put_first(k, b, tag);
}

static bool is(struct block *b, raddr_t ra, uint32_t mode, const uint8_t *bytes)
{
	return b->ra == ra && b->mode == mode && !memcmp(copy_of(b)->bytes, bytes, b->len);
}

struct block *again_find(struct jit *j, raddr_t ra, uint32_t mode, const uint8_t *bytes)
{
	struct bucket *k;
	struct block *b;
	uint32_t tag;

	if (!marked(j->again, ra >> PAGE_SHIFT))
		return NULL;
	k = bucket(j->again, ra, mode, &tag);
	for (unsigned i = 0; i < DEPTH; i++) {
		b = k->b[i];
		if (k->tag[i] != tag || !b || !is(b, ra, mode, bytes))
			continue;
		take_out(k, i);
		b->dead = false;
		j->be->revive(j->be_priv, b, copy_of(b)->saved);
		cache_insert(j, b);
		j->st.again++;
		return b;
	}
	return NULL;
}

void again_flush(struct jit *j)
{
	for (unsigned i = 0; i < BUCKETS; i++)
		for (unsigned n = 0; n < DEPTH && j->again->bucket[i].b[n]; n++) {
			cache_discard(j, j->again->bucket[i].b[n]);
			j->again->bucket[i].b[n] = NULL;
		}
}
