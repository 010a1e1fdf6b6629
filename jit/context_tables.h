/*
 * context_tables.h - what the page tables said about the code noted in a context.
 *
 * A flush takes back every translation the processor may hold, but most change nothing about code: a CR3 load of the same or of
 * another process, a full flush for a kernel's data. A context whose tables still say what they said keeps its lookups.
 */
#ifndef JIT_CONTEXT_TABLES_H
#define JIT_CONTEXT_TABLES_H

#include "mmu/tlb.h"

#define TABLES_CHUNKS 48
#define TABLES_PAGES 4096

/* A page with code: the entry that maps it, where it is and as it was. */
struct code_page {
	const uint8_t *at;
	uint64_t entry;
	gpa_t gpa;
};

/* 2 MiB of linear addresses: the entries above those of its pages, from the root; of a large page, its own too. */
struct code_chunk {
	uint64_t no;
	uint64_t up[4];
	uint8_t nup, esize; /* bytes of an entry of a page */
	bool large;
	gpa_t gpa;	    /* of a large page: of the chunk's first byte */
	uint16_t page[512]; /* number in context_tables.page + 1; 0: no code noted there */
};

struct context_tables {
	struct paging_regime regime;
	unsigned nchunks, npages, last;
	bool lost; /* more than there is room for, or something that could change unseen: nothing can be said after a flush */
	uint64_t some;		  /* bit n: there may be a chunk whose number is n modulo 64 */
	gla_t large_lo, large_hi; /* all large pages lie in here (inclusive) */
	struct code_chunk chunk[TABLES_CHUNKS];
	struct code_page page[TABLES_PAGES];
};

void tables_reset(struct context_tables *t, const struct mmu *m); /* nothing is noted; C context only */
/* tables_note() - code at @gla has been found through soft TLB entry @s. General registers only: guest FP state may be live. */
void tables_note(struct context_tables *t, struct mmu *m, gla_t gla, const struct tlb_side *s, enum mmu_idx idx);
/*
 * tables_changed() - INVLPG of @gla: what was noted for its page no longer counts, so after the next flush nothing does. true if
 * code may have been noted there.
 */
bool tables_changed(struct context_tables *t, gla_t gla);
/* tables_still() - do the tables of the current CR3 say of all noted code what they said? C context only. */
bool tables_still(const struct context_tables *t, const struct mmu *m);

#endif
