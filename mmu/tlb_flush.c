/*
 * tlb_flush.c - dropping what the soft TLB knows, and the hooks by which others ask for it.
 *
 * Always called from C. The price of a flush follows what was filled: entries with pages that are not global are
 * listed as they are loaded, and a CR3 load visits those only.
 */
#include "mmu/window.h"
#include <string.h>

static void drop(struct mmu *m, unsigned idx, unsigned i)
{
	struct tlb_entry *t = &m->tlb[idx][i];

	t->rd = t->wr = t->ex = TLB_NO_TAG;
	m->side[idx][i].page = TLB_INVALID;
	m->side[idx][i].ra = RADDR_NONE;
	m->side[idx][i].global = false;
}

/* Drop what is not global; only entries on the list can be. */
static void flush_local(struct mmu *m, unsigned idx)
{
	if (m->nlocal[idx] > TLB_LIST) {
		for (unsigned i = 0; i < TLB_SIZE; i++)
			if (!m->side[idx][i].global)
				drop(m, idx, i);
	} else {
		for (unsigned n = 0; n < m->nlocal[idx]; n++)
			if (!m->side[idx][m->local[idx][n]].global)
				drop(m, idx, m->local[idx][n]);
	}
	m->nlocal[idx] = 0;
	m->used[idx] = m->globals[idx];
}

static void flush_table(struct mmu *m, unsigned idx, bool globals_too)
{
	if (!m->used[idx])
		return;
	if (!globals_too || !m->globals[idx]) {
		flush_local(m, idx);
		return;
	}
	for (unsigned i = 0; i < TLB_SIZE; i++)
		drop(m, idx, i);
	m->nlocal[idx] = 0;
	m->used[idx] = false;
	m->globals[idx] = false;
}

void tlb_flush(struct mmu *m, bool globals_too)
{
	bool any = false;

	for (unsigned idx = 0; idx < MMU_IDX_COUNT; idx++) {
		m->victims[idx] = 0;
		flush_table(m, idx, globals_too);
		any |= m->used[idx];
	}
	if (!any)
		m->large = false;
	m->flushes++;
	if (m->win)
		window_flush(m, globals_too);
	if (m->flushed)
		m->flushed(m->flushed_opaque, globals_too ? TLB_FLUSH_ALL : TLB_FLUSH_LOCAL);
}

/* Drop every cached piece of a large page that covers @gla, whatever its size. */
static void flush_large(struct mmu *m, gla_t gla)
{
	for (unsigned idx = 0; idx < MMU_IDX_COUNT; idx++) {
		if (!m->used[idx])
			continue;
		m->victims[idx] = 0;
		for (unsigned i = 0; i < TLB_SIZE; i++) {
			const struct tlb_side *s = &m->side[idx][i];

			if (s->page != TLB_INVALID && s->page_shift > PAGE_SHIFT &&
				s->page >> s->page_shift == gla >> s->page_shift)
				drop(m, idx, i);
		}
	}
}

void tlb_flush_page(struct mmu *m, gla_t gla)
{
	gla_t page = gla & PAGE_MASK;
	bool large = m->large && gla >= m->large_lo && gla <= m->large_hi;

	for (unsigned idx = 0, i = tlb_index(gla); idx < MMU_IDX_COUNT; idx++) {
		if (m->side[idx][i].page == page)
			drop(m, idx, i);
		if (m->victim[idx][i % TLB_VICTIMS].page == page)
			m->victims[idx] &= ~BIT(i % TLB_VICTIMS);
	}
	if (large)
		flush_large(m, gla);
	m->page_flushes++;
	if (m->win)
		window_flush_page(m, page);
	if (m->flushed)
		m->flushed(m->flushed_opaque, page);
}

void tlb_protect_range(struct mmu *m, raddr_t ra, uint64_t len)
{
	if (m->win)
		window_protect(m, ra, len);
	for (unsigned idx = 0; idx < MMU_IDX_COUNT; idx++) {
		if (!m->used[idx])
			continue;
		for (unsigned i = 0; i < TLB_SIZE; i++) /* RADDR_NONE - ra is beyond any len */
			if (m->side[idx][i].ra - (ra & PAGE_MASK) < len)
				m->tlb[idx][i].wr = TLB_NO_TAG;
	}
}

void tlb_protect_page(struct mmu *m, raddr_t ra)
{
	uint32_t *w = &m->ram->writers[ra >> PAGE_SHIFT];

	if (*w >> 16 == TLB_WRITERS_MANY)
		tlb_protect_range(m, ra & PAGE_MASK, PAGE_SIZE);
	else if (m->win)
		window_protect(m, ra & PAGE_MASK, PAGE_SIZE);
	for (; *w && *w >> 16 != TLB_WRITERS_MANY; *w >>= 16) {
		unsigned n = (*w & 0xFFFF) - 1;

		if (m->side[n / TLB_SIZE][n % TLB_SIZE].ra == (ra & PAGE_MASK))
			m->tlb[n / TLB_SIZE][n % TLB_SIZE].wr = TLB_NO_TAG;
	}
	*w = 0;
}

static void on_space_changed(void *opaque)
{
	tlb_flush(opaque, true);
}

static void on_protect(void *opaque, raddr_t ra, uint64_t len)
{
	tlb_protect_range(opaque, ra, len);
}

void mmu_init(struct mmu *m, struct space *mem, struct ram *ram, struct log *log)
{
	memset(m, 0, sizeof(*m));
	for (unsigned idx = 0; idx < MMU_IDX_COUNT; idx++)
		for (unsigned i = 0; i < TLB_SIZE; i++)
			drop(m, idx, i);
	m->mem = mem;
	m->ram = ram;
	m->log = log;
	m->pg.a20_mask = ~0ull;
	m->pg.maxphyaddr = 36;
	if (!mem->changed) {
		mem->changed = on_space_changed;
		mem->changed_opaque = m;
	}
	ram->protect = on_protect;
	ram->protect_opaque = m;
}

void mmu_set_watch(struct mmu *m, unsigned i, gla_t gla, unsigned len, bool on_read, bool on_write)
{
	BUG_ON(i >= MMU_WATCH_MAX);
	m->watch[i].gla = gla;
	m->watch[i].len = len;
	m->watch[i].on_read = on_read;
	m->watch[i].on_write = on_write;
	if (i >= m->nwatch)
		m->nwatch = i + 1;
	tlb_flush(m, true);
}

void mmu_clear_watch(struct mmu *m, unsigned first, unsigned n)
{
	bool any = false;

	BUG_ON(first > MMU_WATCH_MAX || n > MMU_WATCH_MAX - first);
	for (unsigned i = first; i < first + n; i++) {
		any |= m->watch[i].len != 0;
		m->watch[i].len = 0;
	}
	while (m->nwatch && !m->watch[m->nwatch - 1].len)
		m->nwatch--;
	if (any)
		tlb_flush(m, true);
}
