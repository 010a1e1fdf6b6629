/*
 * jump_cache.c - from IP value to code without C: filled here, probed inline (term.c).
 *
 * An entry stays when its block dies: the dead block's entry point is a jump to the lookup. Only a flush of the
 * whole code arena must clear the table.
 */
#define _GNU_SOURCE
#include "jit/x64/x64.h"
#include "jit/priv.h"
#include "mmu/base/host_mem.h"
#include <sys/mman.h>

#define JC_BYTES (JC_SIZE * sizeof(struct jc_entry))

bool jc_init(struct x64 *x)
{
	struct err e;

	x->jc = host_map_huge(JC_BYTES, true, &e); /* if it is not low, term.c has another form */
	return x->jc;
}

void jc_fini(struct x64 *x)
{
	host_unmap(x->jc, JC_BYTES);
}

void jc_clear(struct x64 *x)
{
	/* Zeros. Tag 0 matches IP = -key, which is never canonical: keys have an id from 1 on in the top 16 bits. */
	BUG_ON(madvise(x->jc, JC_BYTES, MADV_DONTNEED));
}

void jc_note(void *priv, struct vcpu *cpu, uint64_t ip, struct block *blk)
{
	struct x64 *x = priv;
	struct jc_entry *e = &x->jc[ip & (JC_SIZE - 1)];

	if (x->no_jc)
		return;
	e->tag = ip + cpu->jc_key;
	e->code = blk->code;
}

void jc_forget(void *priv, gla_t page, uint64_t lines)
{
	struct x64 *x = priv;
	unsigned first = page & (JC_SIZE - 1) & PAGE_MASK;

	for (; lines; lines &= lines - 1) {
		struct jc_entry *e = &x->jc[first + 64 * (unsigned)__builtin_ctzll(lines)];

		for (unsigned i = 0; i < 64; i++)
			if (!((e[i].tag ^ page) & TAG_PAGE))
				e[i].tag = 0;
	}
}
