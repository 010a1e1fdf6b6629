/*
 * window.c - filling windows, and keeping them true to the guest's page tables.
 *
 * A window knows for each 2 MiB of it the upper page-table entries that led there and a copy of each leaf entry it has mapped
 * by, so that after a flush it takes a comparison of memory to see what is still right.
 */
#include "mmu/window_priv.h"
#include <stdlib.h>
#include <string.h>

#define HOT_US 120000		/* at CPL 3 before an address space gets a window */
#define AWAKE_US 40000		/* of nothing but CPL 0, and they are in force: what is translated for it is not what serves programs */
#define IDLE_US 1000000		/* a window not entered for as long is given up: its pages count twice as resident */
#define TICK_US 4000		/* no sample stands for more */
#define MAX_MAPS 20000		/* of the 65,530 the host allows a process; each may split one into three */
#define MAX_SUPER 12288		/* pages of a kernel's window, which might otherwise come to see all of RAM: many count twice as resident */
/* Host faults and changes of mappings cost some 5 us each. What a window may spend: at first, for a millisecond at CPL 3, at most. */
#define CREDIT_FIRST 1500
#define CREDIT_MS 6
#define CREDIT_MOST 4000
#define CREDIT_CHUNKS 8	/* looking at so many chunks of a kernel's window costs 1 */
#define CREDIT_LOST 2		/* for each page that turns out wrong after a flush: it will be asked for again */
#define RUN_FIRST 16		/* pages of a large page that come with the first fault there; as many again as there are with each other one */
#define LARGE_RUN 64		/* pages of a large page that come with one fault, or so */
#define CREDIT_AGAIN 300	/* one that has spent it all is left alone until it has earned this */

#define PTE_A BIT(5)
#define PTE_D BIT(6)
#define PTE_ADDR 0x000FFFFFFFFFF000ull

static struct chunk *chunk_of(const struct window *w, gla_t gla)
{
	struct chunk *k = w->bucket[gla >> CHUNK_SHIFT & (BUCKETS - 1)];

	while (k && k->no != gla >> CHUNK_SHIFT)
		k = k->next;
	return k;
}

static bool get_bit(const uint64_t *map, unsigned i)
{
	return map[i / 64] >> i % 64 & 1;
}

static void set_bit(uint64_t *map, unsigned i, bool on)
{
	map[i / 64] = (map[i / 64] & ~BIT(i % 64)) | (uint64_t)on << i % 64;
}

struct windows *windows_new(struct mmu *m, void (*use)(void *opaque, uint8_t *base), void *opaque)
{
	struct windows *s;

	if (m->ram->fd < 0 || host_page_size() != PAGE_SIZE)
		return NULL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->written = calloc((m->ram->size >> PAGE_SHIFT) / 64 + 1, 8);
	if (!s->written) {
		free(s);
		return NULL;
	}
	s->use = use;
	s->opaque = opaque;
	m->win = s;
	return s;
}

static void free_chunks(struct window *w)
{
	struct chunk *k;

	while ((k = w->all)) {
		w->all = k->all;
		free(k);
	}
	memset(w->bucket, 0, sizeof(w->bucket));
	w->stale = false;
}

/* Forget all pages. */
static void empty(struct windows *s, struct window *w)
{
	bool bad = false;

	if (!w->all)
		return;
	for (struct chunk *k = w->all; k; k = k->all) {
		k->n = 0;
		memset(k->mapped, 0, sizeof(k->mapped));
		memset(k->writable, 0, sizeof(k->writable));
	}
	w->pages = 0;
	if (!w->wide)
		bad = host_unalias(w->base, WINDOW_BYTES);
	else
		bad = !wide_empty(s, w);
	if (bad)
		BUG_ON("a window cannot be emptied");
	w->stale = true;
	s->st.drops++;
}

void windows_free(struct mmu *m)
{
	struct windows *s = m->win;

	if (!s)
		return;
	m->win = NULL;
	for (unsigned i = 0; i < WINDOWS; i++) {
		free_chunks(&s->w[i]);
		host_unmap(s->w[i].base, WINDOW_BYTES + WINDOW_GUARD);
		wide_free(&s->w[i]);
	}
	wide_fini(s);
	free(s->written);
	free(s);
}

void windows_for_kernels(struct mmu *m)
{
	m->win->kernels = true;
}

void windows_begin(struct mmu *m)
{
	m->win->running = true;
	m->win->shown = NULL;
}

void windows_end(struct mmu *m)
{
	m->win->running = false;
}

uint8_t *window_base(const struct mmu *m)
{
	return m->win && m->win->now ? m->win->now->base : NULL;
}

bool window_gla(const struct mmu *m, const void *at, gla_t *gla)
{
	const struct window *w = m->win ? m->win->now : NULL;
	uint64_t a = (uintptr_t)at;

	if (!w)
		return false;
	if (!w->wide) {
		*gla = a - (uintptr_t)w->base;
		return *gla < WINDOW_BYTES;
	}
	return wide_gla(m->win, w, at, gla);
}

bool window_far(const struct mmu *m)
{
	return m->win->now && m->win->now->far;
}

bool window_comes_near(struct mmu *m, gla_t gla)
{
	return m->win->now && m->win->now->super && wide_near_super(m->win, gla);
}

struct window_stats *window_stats(struct mmu *m)
{
	return m->win ? &m->win->st : NULL;
}

static bool is_wide(enum window_kind kind)
{
	return kind == WINDOW_64 || kind == WINDOW_SUP64;
}

static bool is_super(enum window_kind kind)
{
	return kind == WINDOW_SUP32 || kind == WINDOW_SUP64;
}

static struct window *find(struct windows *s, uint64_t cr3, enum window_kind kind)
{
	bool wide = is_wide(kind);
	struct window *k = &s->w[USER_WINDOWS + wide];

	if (is_super(kind))
		return k->live ? k : NULL;
	for (unsigned i = 0; i < USER_WINDOWS; i++)
		if (s->w[i].live && s->w[i].cr3 == cr3 && s->w[i].wide == wide)
			return &s->w[i];
	return NULL;
}

/* ---- taking away ---- */

static void spend(struct window *w, int n)
{
	w->credit -= n;
}

/* Pages @i..@i+n-1 of chunk @k are mapped no more. */
static void unmap(struct windows *s, struct window *w, struct chunk *k, unsigned i, unsigned n)
{
	if (host_unalias(k->at + (size_t)i * PAGE_SIZE, (size_t)n * PAGE_SIZE)) { /* out of mappings */
		empty(s, w);
		return;
	}
	s->nmaps += 2;
	spend(w, 1);
	for (unsigned j = i; j < i + n; j++) {
		k->n -= get_bit(k->mapped, j);
		w->pages -= get_bit(k->mapped, j);
		set_bit(k->mapped, j, false);
		set_bit(k->writable, j, false);
	}
}

static void unmap_chunk(struct windows *s, struct window *w, struct chunk *k)
{
	if (k && k->n)
		unmap(s, w, k, 0, CHUNK_PAGES);
}

static uint64_t leaf_entry(const struct chunk *k, unsigned i)
{
	return k->esize == 8 ? ((const uint64_t *)(const void *)k->leaf)[i] : ((const uint32_t *)(const void *)k->leaf)[i];
}

/* Do entries @now still allow what they did, as @then? D may have been set since; what is mapped for writing has it. */
static bool still(uint64_t now, uint64_t then)
{
	return now == then || now == (then | PTE_D);
}

/* Are the tables above chunk @k the same? */
static bool same_tables(struct mmu *m, const struct chunk *k)
{
	struct walk w;

	walk(&m->pg, m->mem, k->no << CHUNK_SHIFT, MMU_READ, MMU_USER, true, &w); /* whoever asks: what it read counts */
	if (w.levels < k->nup)
		return false;
	for (unsigned i = 0; i < k->nup; i++)
		if (!(i + 1u == k->nup && !k->leaf ? still(w.trace[i].entry, k->up[i]) : w.trace[i].entry == k->up[i]))
			return false;
	return true;
}

static void check_chunk(struct mmu *m, struct window *w, struct chunk *k)
{
	struct windows *s = m->win;
	unsigned from = CHUNK_PAGES;

	if (!same_tables(m, k)) {
		s->st.lost += k->n;
		spend(w, (int)(k->leaf ? k->n : k->n / LARGE_RUN + 1) * CREDIT_LOST);
		unmap_chunk(s, w, k);
		return;
	}
	if (!k->leaf)
		return;
	for (unsigned i = 0; i <= CHUNK_PAGES; i++) {
		if (from == CHUNK_PAGES && i % 64 == 0 && i < CHUNK_PAGES && !k->mapped[i / 64]) {
			i += 63;
			continue;
		}
		bool bad = i < CHUNK_PAGES && get_bit(k->mapped, i) && !still(leaf_entry(k, i), k->entry[i]);

		if (bad && from == CHUNK_PAGES)
			from = i;
		if (bad || from == CHUNK_PAGES)
			continue;
		s->st.lost += i - from;
		spend(w, (int)(i - from) * CREDIT_LOST);
		unmap(s, w, k, from, i - from);
		from = CHUNK_PAGES;
	}
}

/* After a flush: what is no longer as the page tables say goes. Global pages are asked about after flushes of those only. */
static void check(struct mmu *m, struct window *w)
{
	struct windows *s = m->win;
	struct paging_regime r = paging_regime(m);
	bool all = w->checked_all != s->gen_all;
	unsigned n = 0;

	s->st.checks++;
	w->checked = s->gen;
	w->checked_all = s->gen_all;
	w->cr3 = paging_root(&m->pg);
	if (memcmp(&r, &w->regime, sizeof(r))) {
		empty(s, w);
		w->regime = r;
		return;
	}
	for (struct chunk *k = w->all; k; k = k->all) {
		if (!k->n || (k->global && !all))
			continue;
		check_chunk(m, w, k);
		n++;
	}
	if (w->super)
		spend(w, (int)(n / CREDIT_CHUNKS));
}

void window_flush(struct mmu *m, bool globals_too)
{
	struct windows *s = m->win;

	s->gen++;
	s->gen_all += globals_too;
	if (!s->now)
		return;
	/* it goes on without passing window_enter(): a program by accident, a kernel by its own INVPCID */
	if (s->now->super)
		check(m, s->now);
	else
		empty(s, s->now);
}

static void flush_page(struct windows *s, struct window *w, gla_t gla)
{
	unsigned i = gla >> PAGE_SHIFT & (CHUNK_PAGES - 1);
	struct chunk *k = chunk_of(w, gla);

	if (k && k->leaf && get_bit(k->mapped, i)) {
		unmap(s, w, k, i, 1);
		s->st.unmapped++;
	}
	for (k = w->all; k; k = k->all) /* a large page may be larger than a chunk */
		if (!k->leaf && k->no >> (30 - CHUNK_SHIFT) == gla >> 30)
			unmap_chunk(s, w, k);
}

void window_flush_page(struct mmu *m, gla_t gla)
{
	struct windows *s = m->win;

	for (unsigned i = 0; i < WINDOWS; i++)
		if (s->w[i].live && (s->w[i].super || s->w[i].cr3 == paging_root(&m->pg)))
			flush_page(s, &s->w[i], gla);
}

/* RAM pages [lo, hi) are not to be written through chunk @k. */
static void protect_chunk(struct windows *s, struct window *w, struct chunk *k, uint64_t lo, uint64_t hi)
{
	for (unsigned first = 0; first < CHUNK_PAGES; first += 64) {
		for (uint64_t bits = k->writable[first / 64]; bits; bits &= bits - 1) {
			unsigned i = first + (unsigned)__builtin_ctzll(bits);

			if (k->rpage[i] < lo || k->rpage[i] >= hi)
				continue;
			unmap(s, w, k, i, 1);
			s->st.unmapped++;
		}
	}
}

void window_protect(struct mmu *m, raddr_t ra, uint64_t len)
{
	struct windows *s = m->win;
	uint64_t lo = ra >> PAGE_SHIFT, hi = (ra + len + PAGE_SIZE - 1) >> PAGE_SHIFT;
	bool any = false;

	for (uint64_t p = lo; p < hi; p++) {
		any |= s->written[p / 64] >> p % 64 & 1;
		s->written[p / 64] &= ~BIT(p % 64);
	}
	for (unsigned i = 0; any && i < WINDOWS; i++)
		for (struct chunk *k = s->w[i].live ? s->w[i].all : NULL; k; k = k->all)
			if (k->n)
				protect_chunk(s, &s->w[i], k, lo, hi);
}

/* ---- which address spaces have one ---- */

static struct candidate *candidate(struct windows *s, uint64_t cr3, bool wide)
{
	struct candidate *c = &s->cand[(cr3 >> 5 ^ cr3 >> 12) % CANDIDATES];

	if (c->cr3 != cr3 || c->wide != wide)
		*c = (struct candidate){.cr3 = cr3, .wide = wide};
	return c;
}

/* A free window, or the one least recently used. */
static struct window *pick(struct windows *s)
{
	struct window *w = &s->w[0];

	for (unsigned i = 0; i < USER_WINDOWS; i++) {
		if (!s->w[i].live)
			return &s->w[i];
		if (s->w[i].used < w->used)
			w = &s->w[i];
	}
	return w;
}

static void promote(struct mmu *m, enum window_kind kind)
{
	struct windows *s = m->win;
	bool wide = is_wide(kind);
	struct window *w = is_super(kind) ? &s->w[USER_WINDOWS + wide] : pick(s);

	if (kind == WINDOW_SUP64 ? !s->super_guard : wide && s->crowded && !w->near)
		return;
	if (!wide && !w->base)
		w->base = host_reserve(WINDOW_BYTES + WINDOW_GUARD, NULL);
	if (!wide && !w->base) {
		s->broken = true;
		return;
	}
	if (w->live)
		empty(s, w);
	free_chunks(w);
	w->live = true;
	w->wide = wide;
	w->super = is_super(kind);
	w->tired = w->asked = false;
	w->cr3 = paging_root(&m->pg);
	w->regime = paging_regime(m);
	w->checked = s->gen;
	w->checked_all = s->gen_all;
	w->credit = CREDIT_FIRST;
	w->far = false;
	if (wide && !wide_begin(m, w)) {
		w->live = false;
		s->crowded = true;
		return;
	}
	w->used = ++s->clock;
	w->seen = s->last_us;
	s->st.windows++;
}

static void give_up(struct windows *s, struct window *w)
{
	if (!w->live)
		return;
	empty(s, w);
	free_chunks(w);
	w->live = s->crowded = false;
}

static void give_up_idle(struct windows *s)
{
	for (unsigned i = 0; i < WINDOWS; i++)
		if (&s->w[i] != s->now && s->last_us - s->w[i].seen >= IDLE_US)
			give_up(s, &s->w[i]);
}

/* Is it time for a window for this code? */
static bool is_hot(struct mmu *m, enum window_kind kind, uint64_t us, uint64_t passed)
{
	struct candidate *c;
	struct windows *s = m->win;

	if (!is_super(kind)) {
		c = candidate(s, paging_root(&m->pg), is_wide(kind));
		c->us += passed;
		return c->us >= HOT_US;
	}
	if (!s->stayed)
		s->since = us;
	s->stayed = true;
	s->awake = s->kernels && us - s->since >= AWAKE_US;
	return s->awake;
}

void window_tick(struct mmu *m, enum window_kind kind, uint64_t us)
{
	struct windows *s = m->win;
	uint64_t passed = us - s->last_us < TICK_US ? us - s->last_us : TICK_US;
	bool hot = is_hot(m, kind, us, passed);
	struct window *w = find(s, paging_root(&m->pg), kind);

	s->last_us = us;
	give_up_idle(s);
	if (w) {
		s->st.tired += !w->tired && w->credit < 0;
		w->tired = w->credit < (w->tired ? CREDIT_AGAIN : 0);
		w->earned += w->credit < CREDIT_MOST ? (unsigned)passed * CREDIT_MS : 0;
		w->credit += (int)(w->earned / 1000);
		w->earned %= 1000;
	} else if (hot && !s->broken) {
		promote(m, kind);
	}
}

bool window_tired(const struct mmu *m)
{
	const struct window *w = m->win->now;

	return w && (w->credit < 0 || w->far != m->win->far);
}

void window_leave(struct mmu *m)
{
	m->win->now = NULL;
}

/* ---- filling ---- */

static void drop_all(struct windows *s)
{
	for (unsigned i = 0; i < WINDOWS; i++)
		empty(s, &s->w[i]);
	s->nmaps = 0;
}

/* A new chunk for @gla. */
static struct chunk *make_chunk(struct windows *s, struct window *w, gla_t gla)
{
	gla_t at = gla & ~(BIT(CHUNK_SHIFT) - 1);
	uint8_t *place = w->wide ? wide_place(s, w, at) : w->base + at;
	struct chunk *k = place ? calloc(1, sizeof(*k)) : NULL, **bucket;

	if (!k)
		return NULL;
	k->no = gla >> CHUNK_SHIFT;
	k->at = place;
	bucket = &w->bucket[k->no & (BUCKETS - 1)];
	k->next = *bucket;
	*bucket = k;
	k->all = w->all;
	w->all = k;
	return k;
}

/* The chunk of @gla, which @t has just led to; NULL: no memory, or tables a window cannot watch. */
static struct chunk *chunk_for(struct mmu *m, struct window *w, gla_t gla, const struct walk *t)
{
	bool small = t->levels && t->page_shift == PAGE_SHIFT; /* without paging, all is one large page */
	unsigned nup = t->levels - small;
	const struct range *r;
	struct chunk *k;
	gpa_t at;

	if (w->stale)
		free_chunks(w);
	k = chunk_of(w, gla);
	if (k && k->n && (k->nup != nup || !same_tables(m, k)))
		unmap_chunk(m->win, w, k);
	if (k && k->n)
		return k;
	if (w->stale) {
		free_chunks(w);
		k = NULL;
	}
	if (!k)
		k = make_chunk(m->win, w, gla);
	if (!k)
		return NULL;
	for (unsigned i = 0; i < nup; i++)
		k->up[i] = t->trace[i].entry;
	k->nup = (uint8_t)nup;
	k->global = true;
	k->esize = m->pg.efer & EFER_LMA || m->pg.cr4 & CR4_PAE ? 8 : 4;
	k->leaf = NULL;
	if (!small)
		return k;
	at = t->trace[nup].at & ~(gpa_t)(CHUNK_PAGES * k->esize - 1);
	r = space_lookup(m->mem, at);
	if (!r->reg || r->reg->kind != REGION_RAM || r->last - at < CHUNK_PAGES * k->esize - 1)
		return NULL;
	k->leaf = m->ram->host + r->reg->ra + (at - r->reg->base);
	return k;
}

struct run {
	unsigned i, lo, hi; /* pages of the chunk: the one asked for, and [lo, hi) around it */
	raddr_t ra;	    /* of page i */
	gpa_t gpa;
	uint64_t entry;
	bool write;
};

/* Does page @j continue the run: the same rights, the next RAM page, and not mapped yet? */
static bool continues(const struct mmu *m, const struct chunk *k, const struct run *r, const struct range *in, unsigned j)
{
	int64_t d = ((int64_t)j - r->i) * (int64_t)PAGE_SIZE;
	gpa_t gpa = r->gpa + (uint64_t)d;

	if (get_bit(k->mapped, j) || gpa < in->start || gpa > in->last || in->last - gpa < PAGE_SIZE - 1)
		return false;
	if (k->leaf && leaf_entry(k, j) != r->entry + (uint64_t)d)
		return false;
	return !r->write || !tlb_write_withheld(m->ram, r->ra + (uint64_t)d);
}

static bool map_run(struct mmu *m, struct window *w, struct chunk *k, const struct run *r)
{
	struct windows *s = m->win;
	raddr_t ra = r->ra - (uint64_t)(r->i - r->lo) * PAGE_SIZE;

	if (s->nmaps >= MAX_MAPS || host_alias(k->at + (size_t)r->lo * PAGE_SIZE, m->ram->fd, ra, (size_t)(r->hi - r->lo) * PAGE_SIZE, r->write)) {
		drop_all(s);
		return false;
	}
	/* a kernel comes to see most of RAM: what goes by the window need not be resident a second time by the RAM's own mapping */
	if (w->super)
		host_view_idle(m->ram->host + ra, (size_t)(r->hi - r->lo) * PAGE_SIZE);
	s->nmaps += 2;
	spend(w, 1);
	s->st.maps++;
	s->st.pages += r->hi - r->lo;
	for (unsigned j = r->lo; j < r->hi; j++, ra += PAGE_SIZE) {
		k->n += !get_bit(k->mapped, j);
		w->pages += !get_bit(k->mapped, j);
		set_bit(k->mapped, j, true);
		set_bit(k->writable, j, r->write);
		k->entry[j] = k->leaf ? leaf_entry(k, j) : 0;
		k->rpage[j] = (uint32_t)(ra >> PAGE_SHIFT);
		if (r->write)
			s->written[k->rpage[j] / 64] |= BIT(k->rpage[j] % 64);
	}
	return true;
}

/* Map the page of @gla, which @t has led to, and its neighbours. */
static enum window_fill map_page(struct mmu *m, struct window *w, gla_t gla, bool write, const struct walk *t)
{
	const struct range *in;
	struct chunk *k;
	struct run r;
	unsigned most;
	bool rom;

	r.gpa = t->gpa & PAGE_MASK;
	r.ra = tlb_raddr(m, r.gpa, &rom);
	r.write = t->w && !rom && r.ra != RADDR_NONE && !tlb_write_withheld(m->ram, r.ra);
	if (r.ra == RADDR_NONE || (write && !r.write))
		return WINDOW_WITHHELD;
	k = chunk_for(m, w, gla, t);
	if (!k)
		return WINDOW_WITHHELD;
	k->global &= t->global;
	r.i = gla >> PAGE_SHIFT & (CHUNK_PAGES - 1);
	r.entry = k->leaf ? leaf_entry(k, r.i) : 0;
	r.lo = r.i;
	r.hi = r.i + 1;
	in = space_lookup(m->mem, r.gpa);
	most = k->leaf ? CHUNK_PAGES : k->n + RUN_FIRST;
	while (r.hi < CHUNK_PAGES && r.hi - r.lo < most && continues(m, k, &r, in, r.hi))
		r.hi++;
	while (r.lo > 0 && r.hi - r.lo < most && continues(m, k, &r, in, r.lo - 1))
		r.lo--;
	return map_run(m, w, k, &r) ? WINDOW_RETRY : WINDOW_FAULT;
}

/* Can there be a page at @gla in @w? */
static bool holds(const struct window *w, gla_t gla)
{
	if (!w->wide)
		return gla < WINDOW_BYTES;
	return gla < BIT(47) || (w->super && gla >= 0 - BIT(47));
}

static enum mmu_idx idx_of(const struct mmu *m, const struct window *w)
{
	if (!w->super)
		return MMU_USER;
	return m->pg.cr0 & CR0_PG && m->pg.cr4 & CR4_SMAP ? MMU_SMAP : MMU_SUP;
}

enum window_fill window_fill(struct mmu *m, gla_t gla, bool write)
{
	struct windows *s = m->win;
	struct window *w = s ? s->now : NULL;
	struct walk t;

	if (!w || !holds(w, gla))
		return WINDOW_FAULT;
	s->st.faults++;
	spend(w, 1);
	if (!walk_fast(&m->pg, m->mem, gla, write ? MMU_WRITE : MMU_READ, idx_of(m, w), &t)) {
		if (w->super) /* not seldom a user's page while EFLAGS.AC lets it: none of those is shown */
			return t.need_c ? WINDOW_FAULT : WINDOW_WITHHELD;
		w->asked = !t.need_c;
		w->gla = gla;
		return WINDOW_FAULT;
	}
	if (w->super && w->pages >= MAX_SUPER)
		empty(s, w);
	if (w->super)
		return w->wide && !wide_near_super(s, gla) ? WINDOW_WITHHELD : map_page(m, w, gla, write, &t);
	w->far |= w->wide && !wide_near(gla);
	if (w->far != s->far) /* translated code will come back as what can reach it */
		return WINDOW_FAULT;
	return map_page(m, w, gla, write, &t);
}

/* The program goes on, perhaps behind a page fault: the page it wanted, without another fault of the host. Changes no A or D. */
static void fill_asked(struct mmu *m, struct window *w)
{
	unsigned first = m->pg.cr4 & CR4_PAE && !(m->pg.efer & EFER_LMA); /* a PDPTE has no A there */
	struct walk t;

	w->asked = false;
	if (!walk(&m->pg, m->mem, w->gla, MMU_READ, MMU_USER, true, &t))
		return;
	for (unsigned i = first; i < t.levels; i++)
		if (!(t.trace[i].entry & PTE_A))
			return;
	t.w = t.w && t.trace[t.levels - 1].entry & PTE_D;
	w->far |= w->wide && !wide_near(w->gla);
	m->win->st.asked += map_page(m, w, w->gla, false, &t) == WINDOW_RETRY;
}

/* ---- in force ---- */

/* A program runs: kernels have no windows now. What they show would have to be kept from being written whenever it becomes code. */
static void back_to_sleep(struct windows *s)
{
	for (unsigned i = USER_WINDOWS; s->awake && i < WINDOWS; i++)
		give_up(s, &s->w[i]);
	s->stayed = s->awake = false;
}

/* A kernel changes tables, and what they mean, under its own window. */
static bool is_current(const struct mmu *m, const struct window *w)
{
	struct paging_regime r;

	if (w->checked != m->win->gen || !w->super)
		return w->checked == m->win->gen;
	r = paging_regime(m);
	return w->cr3 == paging_root(&m->pg) && !memcmp(&r, &w->regime, sizeof(r));
}

bool window_enter(struct mmu *m, enum window_kind kind)
{
	struct windows *s = m->win;
	struct window *w = s->now;

	if (!is_super(kind))
		back_to_sleep(s);
	if (is_super(kind) && !s->awake)
		w = NULL;
	else if (!w || w->super != is_super(kind) || w->wide != is_wide(kind) || !w->live || (!w->super && w->cr3 != paging_root(&m->pg)))
		w = find(s, paging_root(&m->pg), kind);
	s->now = NULL;
	if (!w || w->tired || m->nwatch || (w->super && w->credit < 0))
		return false;
	if (!is_current(m, w)) {
		check(m, w);
		w->used = ++s->clock;
	}
	s->now = w;
	w->seen = s->last_us;
	if (w->asked)
		fill_asked(m, w);
	if (s->running && s->shown != w) {
		s->use(s->opaque, !w->wide ? w->base : w->near ? (uint8_t *)(uintptr_t)w->distance : NULL);
		if (w->wide && !w->super)
			wide_show(s, w);
		s->shown = w;
	}
	s->far = w->far;
	return true;
}
