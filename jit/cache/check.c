/*
 * check.c - the cache's invariants, asserted in debug builds: lists and links agree with each other.
 */
#include "jit/priv.h"

static bool in_page_list(const struct jit *j, const struct block *b, uint64_t page)
{
	for (const struct block *p = j->page[page]; p;
		p = p->page_next[p->ra >> PAGE_SHIFT == page ? 0 : 1])
		if (p == b)
			return true;
	return false;
}

static void check_exit(const struct block_exit *x)
{
	if (!x->to)
		return;
	BUG_ON(x->to->dead || x->linkable == x->far);
	for (const struct block_exit *in = x->to->incoming; in != x; in = in->next_in)
		BUG_ON(!in);
}

void cache_check(const struct jit *j)
{
	const struct ram *ram = j->cpu->mmu.ram;

	for (unsigned h = 0; h < 1u << JIT_HASH_BITS; h++) {
		for (const struct block *b = j->hash[h]; b; b = b->hash_next) {
			unsigned off = b->ra & (PAGE_SIZE - 1);

			BUG_ON(b->dead);
			BUG_ON(!in_page_list(j, b, b->ra >> PAGE_SHIFT));
			BUG_ON(b->ra2 != RADDR_NONE && !in_page_list(j, b, b->ra2 >> PAGE_SHIFT));
			BUG_ON(!(ram->code[b->ra >> PAGE_SHIFT] & ram_code_mask(off, 1)));
			for (unsigned i = 0; i < b->nexits; i++)
				check_exit(&b->exit[i]);
		}
	}
}
