/*
 * space_lookup.c - which range an address lies in.
 *
 * Its own file because the page walk calls it under translated code: compiled for general registers only.
 */
#include "mmu/space.h"

const struct range *space_lookup(struct space *s, uint64_t addr)
{
	unsigned lo = 0, hi = s->nranges - 1;
	const struct range *r = &s->ranges[s->hint];

	if (s->limit <= 0xFFFF) /* the port space wraps */
		addr &= s->limit;
	if (LIKELY(addr >= r->start && addr <= r->last))
		return r;
	while (lo < hi) { /* the ranges cover all 64 bits without gaps */
		unsigned mid = (lo + hi) / 2;

		if (addr > s->ranges[mid].last)
			lo = mid + 1;
		else
			hi = mid;
	}
	s->hint = lo;
	return &s->ranges[lo];
}
