/*
 * cache.c - finding, keeping and dropping translated blocks.
 *
 * Two indices: a hash on (raddr, mode key) for the run loop, and per RAM page the list of blocks that
 * touch it, for invalidation. A dropped block goes through one checklist: out of the hash, out of its page
 * lists, links undone both ways, backend told to let nobody in; its memory is freed when nothing runs.
 */
#include "jit/priv.h"
#include "jit/profile.h"
#include <stdlib.h>
#include <string.h>

/* By page, and in a page by place: what is asked for one after the other is in one line of the host's cache. */
static unsigned hash_of(raddr_t ra, uint32_t mode)
{
	uint64_t h = (ra >> PAGE_SHIFT ^ (uint64_t)mode << 32) * 0x9E3779B97F4A7C15ull;

	return h >> (64 - JIT_HASH_BITS) ^ (ra & (PAGE_SIZE - 1)) >> 3;
}

struct block *cache_find(struct jit *j, raddr_t ra, uint32_t mode)
{
	struct block *b = j->hash[hash_of(ra, mode)];

	while (b && (b->ra != ra || b->mode != mode))
		b = b->hash_next;
	return b;
}

/* Which of the block's two page links belongs to @page. */
static unsigned page_slot(const struct block *b, uint64_t page)
{
	return b->ra >> PAGE_SHIFT == page ? 0 : 1;
}

static void page_add(struct jit *j, struct block *b, uint64_t page)
{
	unsigned slot = page_slot(b, page);
	struct block *next = j->page[page];

	b->page_next[slot] = next;
	if (!slot)
		b->page_prev = &j->page[page];
	if (next && !page_slot(next, page))
		next->page_prev = &b->page_next[slot];
	j->page[page] = b;
}

/* Of the second page's list, where few are, a block does not know what leads to it. */
static struct block **page_link(struct jit *j, const struct block *b, uint64_t page)
{
	struct block **p = &j->page[page];

	while (*p && *p != b)
		p = &(*p)->page_next[page_slot(*p, page)];
	return p;
}

static void page_del(struct jit *j, struct block *b, uint64_t page)
{
	unsigned slot = page_slot(b, page);
	struct block *next = b->page_next[slot], **prev = slot ? page_link(j, b, page) : b->page_prev;

	BUG_ON(*prev != b);
	*prev = next;
	if (next && !page_slot(next, page))
		next->page_prev = prev;
}

/* Has the block a second page list to be in? Both linear pages may be the same RAM page. */
static bool two_pages(const struct block *b)
{
	return b->ra2 != RADDR_NONE && b->ra2 != (b->ra & PAGE_MASK);
}

void cache_insert(struct jit *j, struct block *b)
{
	unsigned h = hash_of(b->ra, b->mode);

	b->hash_next = j->hash[h];
	j->hash[h] = b;
	page_add(j, b, b->ra >> PAGE_SHIFT);
	if (two_pages(b))
		page_add(j, b, b->ra2 >> PAGE_SHIFT);
	smc_protect(j, b);
}

void cache_take_out(struct jit *j, struct block *b)
{
	struct block **p = &j->hash[hash_of(b->ra, b->mode)];

	BUG_ON(b->dead);
	while (*p != b)
		p = &(*p)->hash_next;
	*p = b->hash_next;
	page_del(j, b, b->ra >> PAGE_SHIFT);
	if (two_pages(b))
		page_del(j, b, b->ra2 >> PAGE_SHIFT);
	if (j->fast[b->ra & (JIT_FAST - 1)].b == b)
		j->fast[b->ra & (JIT_FAST - 1)].b = NULL;
	unlink_block(j, b);
}

void cache_discard(struct jit *j, struct block *b)
{
	b->dead = true;
	b->hash_next = j->graveyard;
	j->graveyard = b;
}

void cache_remove(struct jit *j, struct block *b)
{
	cache_take_out(j, b);
	j->be->kill(j->be_priv, b);
	cache_discard(j, b);
}

void cache_bury(struct jit *j)
{
	while (j->graveyard) {
		struct block *b = j->graveyard;

		j->graveyard = b->hash_next;
		j->be->free_block(j->be_priv, b);
		if (b->twin) {
			interp_backend.free_block(j->interp, b->twin);
			free(b->twin);
		}
		pool_put(&j->pool, b, b->size);
	}
}

/* Gone with all others: what leads to it and what it leads to goes, too. */
static void drop(struct jit *j, struct block *b)
{
	j->page[b->ra >> PAGE_SHIFT] = NULL;
	if (two_pages(b))
		j->page[b->ra2 >> PAGE_SHIFT] = NULL;
	b->incoming = NULL;
	for (unsigned i = 0; i < b->nexits; i++)
		b->exit[i].to = NULL;
	cache_discard(j, b);
}

/* No code is touched: there is none any more, and to write to all of it would make all of the writable view resident. */
void cache_flush(struct jit *j)
{
	for (unsigned h = 0; h < 1u << JIT_HASH_BITS; h++) {
		struct block *next;

		for (struct block *b = j->hash[h]; b; b = next) {
			next = b->hash_next;
			drop(j, b);
		}
		j->hash[h] = NULL;
	}
	memset(j->far, 0, sizeof(j->far));
	memset(j->fast, 0, sizeof(j->fast));
	again_flush(j);
	memset(j->cpu->mmu.ram->code, 0,
		(j->cpu->mmu.ram->size >> PAGE_SHIFT) * sizeof(j->cpu->mmu.ram->code[0]));
	if (j->profile)
		profile_flushed(j->profile);
	j->be->flush(j->be_priv);
	j->st.flushes++;
}
