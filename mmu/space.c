/*
 * space.c - the set of regions and its flattening into disjoint ranges.
 *
 * A flatten collects the borders of all visible regions, sorts them, and gives each piece between two borders to
 * the region of highest priority there (the latest added among equals). Regions number in the
 * tens and changes are rare, so clarity wins over cleverness. Accesses are in space_io.c.
 */
#include "mmu/space.h"
#include <stdlib.h>
#include <string.h>

static bool visible(const struct space *s, const struct region *r)
{
	return r->enabled && r->len && r->kind != REGION_NONE && r->base <= s->limit;
}

static uint64_t region_last(const struct space *s, const struct region *r)
{
	uint64_t last = r->base + (r->len - 1);

	return last < r->base || last > s->limit ? s->limit : last;
}

static struct region *owner(const struct space *s, uint64_t addr)
{
	struct region *best = NULL;

	/* the list has the latest added first, so a strict comparison lets it win */
	for (struct region *r = s->regions; r; r = r->next)
		if (visible(s, r) && addr >= r->base && addr <= region_last(s, r) &&
			(!best || r->prio > best->prio))
			best = r;
	return best;
}

static int cmp_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void emit(struct space *s, uint64_t start, uint64_t last, struct region *reg)
{
	struct range *prev = s->nranges ? &s->ranges[s->nranges - 1] : NULL;

	if (prev && prev->reg == reg) {
		prev->last = last;
		return;
	}
	if (s->nranges == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 32;
		s->ranges = realloc(s->ranges, s->cap * sizeof(*s->ranges));
		BUG_ON(!s->ranges);
	}
	s->ranges[s->nranges++] = (struct range){start, last, reg};
}

static void flatten(struct space *s)
{
	unsigned n = 1, i;
	uint64_t *cut;

	for (struct region *r = s->regions; r; r = r->next)
		n += 2;
	cut = malloc(n * sizeof(*cut));
	BUG_ON(!cut);
	n = 0;
	cut[n++] = 0;
	for (struct region *r = s->regions; r; r = r->next) {
		if (!visible(s, r))
			continue;
		cut[n++] = r->base;
		if (region_last(s, r) != UINT64_MAX)
			cut[n++] = region_last(s, r) + 1;
	}
	qsort(cut, n, sizeof(*cut), cmp_u64);
	s->nranges = 0;
	s->hint = 0;
	for (i = 0; i < n; i++) {
		uint64_t last = i + 1 < n ? cut[i + 1] - 1 : UINT64_MAX;

		if (i + 1 < n && cut[i] == cut[i + 1])
			continue;
		emit(s, cut[i], last, owner(s, cut[i]));
	}
	free(cut);
}

static void update(struct space *s)
{
	if (s->batch) {
		s->stale = true;
		return;
	}
	s->stale = false;
	flatten(s);
	s->gen++;
	if (s->changed)
		s->changed(s->changed_opaque);
}

void space_init(struct space *s, const char *name, uint64_t limit, struct ram *ram, struct log *log)
{
	memset(s, 0, sizeof(*s));
	s->name = name;
	s->limit = limit;
	s->ram = ram;
	s->log = log;
	flatten(s);
}

void space_fini(struct space *s)
{
	free(s->ranges);
	memset(s, 0, sizeof(*s));
}

/* A region of memory must lie in the RAM file, with raddr and base equal below the page. */
static void check_region(const struct space *s, const struct region *r)
{
	if (r->kind != REGION_RAM && r->kind != REGION_ROM)
		return;
	BUG_ON(!s->ram || r->ra > s->ram->size || r->len > s->ram->size - r->ra);
	BUG_ON((r->ra ^ r->base) & (PAGE_SIZE - 1));
}

void space_add(struct space *s, struct region *r, uint64_t base)
{
	r->base = base;
	r->enabled = true;
	check_region(s, r);
	r->next = s->regions;
	s->regions = r;
	update(s);
}

void space_remove(struct space *s, struct region *r)
{
	struct region **p = &s->regions;

	while (*p && *p != r)
		p = &(*p)->next;
	if (!*p)
		return;
	*p = r->next;
	r->next = NULL;
	r->enabled = false;
	update(s);
	if (s->stale) /* the owner may free it before the commit: no range may name it */
		flatten(s);
}

void space_move(struct space *s, struct region *r, uint64_t base, bool enabled)
{
	if (r->base == base && r->enabled == enabled)
		return;
	r->base = base;
	r->enabled = enabled;
	check_region(s, r);
	update(s);
}

void space_begin(struct space *s)
{
	s->batch++;
}

void space_commit(struct space *s)
{
	BUG_ON(!s->batch);
	if (--s->batch == 0 && s->stale)
		update(s);
}

void space_add_io(struct space *s, struct region *r, const char *name, uint64_t base, uint64_t len,
	const struct io_ops *ops, void *opaque)
{
	memset(r, 0, sizeof(*r));
	r->name = name;
	r->kind = REGION_IO;
	r->len = len;
	r->ops = ops;
	r->opaque = opaque;
	space_add(s, r, base);
}
