/*
 * context_tables.c - see context_tables.h. tables_note() runs under translated code: compiled for general registers only.
 *
 * Source: Intel SDM Vol. 3A 4.10 "Caching Translation Information": until a flush a processor may go by entries it has seen, whatever
 * memory says. So what counts is each page's entry when its code was found; a page that was found twice with different results, or
 * whose entry is not what the soft TLB went by, makes the whole lost.
 */
#include "jit/context_tables.h"
#include "mmu/space.h"
#include <string.h>

#define CHUNK_SHIFT 21
#define PTE_D BIT(6)

void tables_reset(struct context_tables *t, const struct mmu *m)
{
	memset(t->chunk, 0, t->nchunks * sizeof(t->chunk[0]));
	t->nchunks = t->npages = t->last = 0;
	t->lost = false;
	t->some = 0;
	t->large_lo = UINT64_MAX;
	t->large_hi = 0;
	t->regime = paging_regime(m);
}

static struct code_chunk *find_chunk(struct context_tables *t, uint64_t no)
{
	if (!(t->some >> (no & 63) & 1))
		return NULL;
	if (t->last < t->nchunks && t->chunk[t->last].no == no)
		return &t->chunk[t->last];
	for (unsigned i = 0; i < t->nchunks; i++)
		if (t->chunk[i].no == no) {
			t->last = i;
			return &t->chunk[i];
		}
	return NULL;
}

/* A new chunk, which @w has led to; NULL: no room. */
static struct code_chunk *add_chunk(struct context_tables *t, gla_t gla, const struct walk *w)
{
	gla_t in = BIT(w->page_shift) - 1;
	struct code_chunk *k;

	if (t->nchunks == TABLES_CHUNKS)
		return NULL;
	k = &t->chunk[t->nchunks];
	k->no = gla >> CHUNK_SHIFT;
	t->some |= BIT(k->no & 63);
	k->large = w->page_shift > PAGE_SHIFT;
	k->nup = (uint8_t)(w->levels - !k->large);
	for (unsigned i = 0; i < k->nup; i++)
		k->up[i] = w->trace[i].entry;
	k->gpa = w->gpa - (gla & (BIT(CHUNK_SHIFT) - 1));
	if (k->large && (gla & ~in) < t->large_lo)
		t->large_lo = gla & ~in;
	if (k->large && (gla | in) > t->large_hi)
		t->large_hi = gla | in;
	t->last = t->nchunks++;
	return k;
}

static bool led_by(const struct code_chunk *k, const struct walk *w)
{
	if (w->levels < k->nup)
		return false;
	for (unsigned i = 0; i < k->nup; i++)
		if (w->trace[i].entry != k->up[i])
			return false;
	return true;
}

/* Page @i of chunk @k, whose entry @w has read. false: there is no saying what it will be */
static bool add_page(struct context_tables *t, struct mmu *m, struct code_chunk *k, unsigned i, const struct walk *w)
{
	const struct range *r = space_lookup(m->mem, w->trace[k->nup].at);
	struct code_page *p = &t->page[t->npages];

	k->esize = m->pg.efer & EFER_LMA || m->pg.cr4 & CR4_PAE ? 8 : 4;
	if (t->npages == TABLES_PAGES || !r->reg || r->reg->kind != REGION_RAM || r->last - w->trace[k->nup].at < k->esize - 1u)
		return false;
	p->at = m->ram->host + r->reg->ra + (w->trace[k->nup].at - r->reg->base);
	p->entry = w->trace[k->nup].entry;
	p->gpa = w->gpa & PAGE_MASK;
	k->page[i] = (uint16_t)++t->npages;
	return true;
}

/* As tables_note(): false if nothing can be said after a flush. */
static bool note(struct context_tables *t, struct mmu *m, gla_t gla, const struct tlb_side *s, enum mmu_idx idx)
{
	unsigned i = gla >> PAGE_SHIFT & 511;
	struct code_chunk *k = find_chunk(t, gla >> CHUNK_SHIFT);
	struct walk w;

	if (!(m->pg.cr0 & CR0_PG))
		return true; /* and nothing will ever be otherwise in this regime */
	if (s->page != (gla & PAGE_MASK))
		return false;
	if (k && k->large)
		return s->gpa == k->gpa + i * (uint64_t)PAGE_SIZE;
	if (k && k->page[i])
		return s->gpa == t->page[k->page[i] - 1].gpa;
	if (!walk_fast(&m->pg, m->mem, gla, MMU_EXEC, idx, &w) || (w.gpa & PAGE_MASK) != s->gpa)
		return false;
	if (!k)
		k = add_chunk(t, gla, &w);
	if (!k || k->large != (w.page_shift > PAGE_SHIFT) || !led_by(k, &w))
		return false;
	return k->large || add_page(t, m, k, i, &w);
}

void tables_note(struct context_tables *t, struct mmu *m, gla_t gla, const struct tlb_side *s, enum mmu_idx idx)
{
	if (!t->lost)
		t->lost = !note(t, m, gla, s, idx);
}

bool tables_changed(struct context_tables *t, gla_t gla)
{
	const struct code_chunk *k = t->lost ? NULL : find_chunk(t, gla >> CHUNK_SHIFT);

	if (k && (k->large || k->page[gla >> PAGE_SHIFT & 511]))
		t->lost = true;
	return t->lost;
}

static bool chunk_still(const struct code_chunk *k, const struct mmu *m)
{
	struct walk w;

	walk(&m->pg, m->mem, k->no << CHUNK_SHIFT, MMU_EXEC, MMU_SUP, true, &w);
	return led_by(k, &w);
}

static bool page_still(const struct code_page *p, unsigned esize)
{
	uint64_t now = 0;

	memcpy(&now, p->at, esize == 8 ? 8 : 4);
	return !((now ^ p->entry) & ~PTE_D);
}

bool tables_still(const struct context_tables *t, const struct mmu *m)
{
	struct paging_regime r = paging_regime(m);
	unsigned esize = m->pg.efer & EFER_LMA || m->pg.cr4 & CR4_PAE ? 8 : 4;

	if (t->lost || memcmp(&r, &t->regime, sizeof(r)))
		return false;
	for (unsigned i = 0; i < t->nchunks; i++)
		if (!chunk_still(&t->chunk[i], m))
			return false;
	for (unsigned i = 0; i < t->npages; i++)
		if (!page_still(&t->page[i], esize))
			return false;
	return true;
}
