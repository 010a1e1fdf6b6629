/*
 * tlb.c - filling the soft TLB.
 *
 * Runs under translated code with the guest's FP registers live in the host's: general registers only, and nothing
 * called but the walk and the space lookup. Flushing and setting up live in tlb_flush.c.
 */
#include "mmu/access.h"
#include "mmu/base/host_mem.h"

bool tlb_write_withheld(const struct ram *ram, raddr_t ra)
{
	uint64_t p = ra >> PAGE_SHIFT;

	return ram->code[p] || (ram->dirty[p] & (DIRTY_TRACKED | DIRTY_DISPLAY)) == DIRTY_TRACKED;
}

static bool page_watched(const struct mmu *m, gla_t page)
{
	for (unsigned i = 0; i < m->nwatch; i++)
		if (m->watch[i].len && m->watch[i].gla + (m->watch[i].len - 1) >= page &&
			m->watch[i].gla <= page + (PAGE_SIZE - 1))
			return true;
	return false;
}

static void note_large(struct mmu *m, gla_t gla, unsigned shift)
{
	gla_t lo = gla & ~(BIT(shift) - 1), hi = lo | (BIT(shift) - 1);

	if (!m->large || lo < m->large_lo)
		m->large_lo = lo;
	if (!m->large || hi > m->large_hi)
		m->large_hi = hi;
	m->large = true;
}

raddr_t tlb_raddr(const struct mmu *m, gpa_t gpa, bool *rom)
{
	const struct range *r = space_lookup(m->mem, gpa);

	*rom = false;
	if (!r->reg || r->last - gpa < PAGE_SIZE - 1)
		return RADDR_NONE;
	if (r->reg->kind != REGION_RAM && r->reg->kind != REGION_ROM)
		return RADDR_NONE;
	*rom = r->reg->kind == REGION_ROM;
	return r->reg->ra + (gpa - r->reg->base);
}

/* Is the entry of number @n - 1 another page's meanwhile, or @n no entry's? */
static bool is_other(const struct mmu *m, uint32_t n, raddr_t ra)
{
	return !n || m->side[(n - 1) / TLB_SIZE][(n - 1) % TLB_SIZE].ra != (ra & PAGE_MASK);
}

/*
 * Entry @t gets a write tag for the page at @ra. So that withholding it again (code that is written and run by turns does that
 * all the time) need not look at the whole table, each page of RAM has a note of the two entries that may have one: their
 * numbers + 1, or TLB_WRITERS_MANY in the upper half.
 */
static void note_writer(struct mmu *m, const struct tlb_entry *t, raddr_t ra)
{
	uint32_t *w = &m->ram->writers[ra >> PAGE_SHIFT], n = (uint32_t)(t - &m->tlb[0][0]) + 1;

	if ((*w & 0xFFFF) == n || *w >> 16 == n || *w >> 16 == TLB_WRITERS_MANY)
		return;
	if (is_other(m, *w & 0xFFFF, ra))
		*w = (*w & ~0xFFFFu) | n;
	else if (is_other(m, *w >> 16, ra))
		*w = (*w & 0xFFFF) | n << 16;
	else
		*w |= TLB_WRITERS_MANY << 16;
}

static void set_tags(struct mmu *m, struct tlb_entry *t, const struct tlb_side *s)
{
	bool mem = s->ra != RADDR_NONE;

	t->rd = mem && s->may_read && !s->watched ? TLB_TAG(s->page) : TLB_NO_TAG;
	t->ex = mem && s->may_exec ? TLB_TAG(s->page) : TLB_NO_TAG;
	t->wr = mem && s->may_write && !s->watched && !s->rom && !tlb_write_withheld(m->ram, s->ra)
			? TLB_TAG(s->page)
			: TLB_NO_TAG;
	if (t->wr != TLB_NO_TAG)
		note_writer(m, t, s->ra);
}

static void note_local(struct mmu *m, unsigned i, enum mmu_idx idx)
{
	const struct tlb_side *s = &m->side[idx][i];

	if (s->page != TLB_INVALID && !s->global)
		return; /* noted when that was loaded */
	if (m->nlocal[idx] < TLB_LIST)
		m->local[idx][m->nlocal[idx]++] = (uint16_t)i;
	else
		m->nlocal[idx] = TLB_LIST + 1;
}

/* What entry @i holds makes way for @page. */
static void make_victim(struct mmu *m, unsigned i, enum mmu_idx idx, gla_t page)
{
	const struct tlb_side *s = &m->side[idx][i];

	if (s->page == TLB_INVALID || s->page == page)
		return;
	m->victim[idx][i % TLB_VICTIMS] = *s;
	m->victims[idx] |= BIT(i % TLB_VICTIMS);
}

/* @t and @s have got a page: tags and what else depends on where it lies. Return: may the fast path do @acc? */
static enum mmu_fill entered(struct mmu *m, struct tlb_entry *t, const struct tlb_side *s, enum mmu_access acc)
{
	t->addend = s->ra == RADDR_NONE ? 0 : (uint64_t)(uintptr_t)m->ram->host + s->ra - s->page;
	set_tags(m, t, s);
	if (acc == MMU_READ)
		return t->rd == TLB_TAG(s->page) ? FILL_OK : FILL_SLOW;
	if (acc == MMU_WRITE)
		return t->wr == TLB_TAG(s->page) ? FILL_OK : FILL_SLOW;
	return t->ex == TLB_TAG(s->page) ? FILL_OK : FILL_SLOW;
}

/*
 * Is the page of @gla a victim that allows @acc? It changes places with what has its entry, which has been on the list of
 * local ones, if it is one, since it was loaded: flushes that empty the list drop all victims.
 */
static bool take_victim(struct mmu *m, gla_t gla, enum mmu_access acc, enum mmu_idx idx)
{
	unsigned i = tlb_index(gla), n = i % TLB_VICTIMS;
	const struct tlb_side *v = &m->victim[idx][n];
	struct tlb_side was;

	if (!(m->victims[idx] >> n & 1) || v->page != (gla & PAGE_MASK) || !tlb_permits(v, acc))
		return false;
	was = *v;
	m->victims[idx] &= ~BIT(n);
	make_victim(m, i, idx, was.page);
	m->side[idx][i] = was;
	m->returns++;
	return true;
}

static enum mmu_fill load(struct mmu *m, gla_t gla, enum mmu_access acc, enum mmu_idx idx,
	const struct walk *w)
{
	unsigned i = tlb_index(gla);
	struct tlb_entry *t = &m->tlb[idx][i];
	struct tlb_side *s = &m->side[idx][i];

	make_victim(m, i, idx, gla & PAGE_MASK);
	if (!w->global)
		note_local(m, i, idx);
	s->page = gla & PAGE_MASK;
	s->gpa = w->gpa & PAGE_MASK;
	s->ra = tlb_raddr(m, s->gpa, &s->rom);
	s->global = w->global;
	s->may_read = w->r;
	s->may_write = w->w;
	s->may_exec = w->x;
	s->page_shift = w->page_shift;
	s->watched = page_watched(m, s->page);
	if (s->ra != RADDR_NONE && m->ram->together && UNLIKELY(!m->ram->together[s->ra / HOST_HUGE])) {
		m->ram->together[s->ra / HOST_HUGE] = true;
		host_map_together(m->ram->host + (s->ra & ~(raddr_t)(HOST_HUGE - 1)));
	}
	m->used[idx] = true;
	m->globals[idx] |= w->global;
	m->fills++;
	if (w->page_shift > PAGE_SHIFT)
		note_large(m, gla, w->page_shift);
	return entered(m, t, s, acc);
}

/* @w, a walk that ended in a fault. Not as one copy, which might be a call of memcpy, with its vector registers. */
static void note_fault(struct mmu *m, gla_t gla, enum mmu_access acc, enum mmu_idx idx, const struct walk *w)
{
	struct walk *f = &m->fault.w;

	f->why = w->why;
	f->code = w->code;
	f->gpa = w->gpa;
	f->page_shift = w->page_shift;
	f->r = f->w = f->x = f->need_c = false;
	f->global = w->global;
	f->user = w->user;
	f->levels = w->levels;
	for (unsigned i = 0; i < w->levels; i++) {
		f->trace[i].at = w->trace[i].at;
		f->trace[i].entry = w->trace[i].entry;
		__asm__ volatile("" : : : "memory");
	}
	m->fault.gla = gla;
	m->fault.acc = acc;
	m->fault.idx = idx;
}

/* Is it known that @gla lies in a device's page, and that it may be accessed so? All tags are withheld: no walk would change that. */
static bool known_device(const struct mmu *m, gla_t gla, enum mmu_access acc, enum mmu_idx idx)
{
	const struct tlb_side *s = &m->side[idx][tlb_index(gla)];

	return s->page == (gla & PAGE_MASK) && s->ra == RADDR_NONE && tlb_permits(s, acc);
}

enum mmu_fill tlb_fill(struct mmu *m, gla_t gla, enum mmu_access acc, enum mmu_idx idx)
{
	if (log_on(m->log, LOG_MMU) || known_device(m, gla, acc, idx))
		return FILL_SLOW;
	if (take_victim(m, gla, acc, idx))
		return entered(m, &m->tlb[idx][tlb_index(gla)], &m->side[idx][tlb_index(gla)], acc);
	if (walk_fast(&m->pg, m->mem, gla, acc, idx, &m->scratch))
		return load(m, gla, acc, idx, &m->scratch);
	if (m->scratch.need_c)
		return FILL_SLOW;
	note_fault(m, gla, acc, idx, &m->scratch);
	return FILL_FAULT;
}

enum mmu_fill tlb_fill_c(struct mmu *m, gla_t gla, enum mmu_access acc, enum mmu_idx idx)
{
	struct walk *w = &m->scratch;
	bool ok = walk(&m->pg, m->mem, gla, acc, idx, false, w);

	if (log_on(m->log, LOG_MMU))
		log_printf(m->log, LOG_MMU, "mmu: %#llx %c for %u -> %#llx why %u code %#x\n",
			(unsigned long long)gla, "rwx"[acc], idx, (unsigned long long)w->gpa,
			w->why, w->code);
	if (ok) {
		if (UNLIKELY(m->tap && m->tap->filled))
			m->tap->filled(m->tap->opaque, gla, w);
		return load(m, gla, acc, idx, w);
	}
	note_fault(m, gla, acc, idx, w);
	return FILL_FAULT;
}

void tlb_grant_write(struct mmu *m, gla_t page, enum mmu_idx idx)
{
	unsigned i = tlb_index(page);

	if (m->side[idx][i].page == page)
		set_tags(m, &m->tlb[idx][i], &m->side[idx][i]);
}
