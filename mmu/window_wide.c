/*
 * window_wide.c - where the memory of 64-bit programs is in our address space.
 *
 * Two ways lead there. What is near, the places where Linux puts programs that may be anywhere, is moved by one distance in each
 * window, so that it needs no look at a table whether it is that, but only a guard: a byte that can be read where the address is near,
 * at guard[(address >> WINDOW_GUARD_SHIFT) * 8]. Everything else is in parts, each with a distance of its own in the table.
 *
 * In the window of kernels only what is near can be: any piece of 2 TiB of the upper half of all addresses, and the first of the lower,
 * once it has been asked for and the host has room at that distance. What one window's code reaches by the guard of another is
 * never in our half of the host's addresses: the distances see to that.
 */
#include "mmu/window_priv.h"
#include <string.h>

#define PART_GUARD (4ull << 30) /* on both sides: any displacement from inside that leaves it faults */
#define TABLE_BYTES (8ull << (64 - PART_SHIFT))
#define NOWHERE BIT(62)		/* of the table: far from any canonical address */

#define PTE_U BIT(2)

/* By the guard's pages of 4 KiB: 2 TiB each. Other addresses below 2 to the 49 have pages that cannot be read; beyond, any distance leads out. */
#define NEAR_SHIFT (WINDOW_GUARD_SHIFT - 3 + PAGE_SHIFT)
#define GUARD_BYTES (BIT(49 - NEAR_SHIFT) << PAGE_SHIFT)
/*
 * Distances that are tried, all of them downwards. The first takes programs' upper places below the host's own, the last leaves their lower
 * ones above its first TiB.
 */
#define NEAR_FIRST (3 * BIT(NEAR_SHIFT))
#define NEAR_LAST (36 * BIT(NEAR_SHIFT))
#define NEAR_STEP (BIT(NEAR_SHIFT) / 2)

/*
 * 124.25 TiB: the upper half, less its first 4 TiB, where Linux has nothing, lies below that, between the places of the programs' windows where it is
 * used; the first 2 TiB of the lower half above, below where the host puts its own mappings.
 */
#define SUPER_DISTANCE 0x7C4000000000ull
#define SUPER_GUARD (0xFFFF800000000000ull >> WINDOW_GUARD_SHIFT << 3) /* from the guard to its upper half */
#define SUPER_GUARD_BYTES (64ull << PAGE_SHIFT)
#define PIECES_LO (-62) /* the pieces there may be: to 0 */

/* 0x555555554000 and up to 1 TiB more for programs, mappings and stack in the last 2 TiB */
static const struct {
	uint64_t from, to;
} places[] = {{0x54ull << 40, 0x58ull << 40}, {0x7Eull << 40, 0x80ull << 40}};

bool wide_near(gla_t gla)
{
	for (unsigned i = 0; i < ARRAY_SIZE(places); i++)
		if (gla - places[i].from < places[i].to - places[i].from)
			return true;
	return false;
}

/* Pieces of the kernel's window are numbered as a signed number says: the upper half is below 0. */
static int piece_of(gla_t gla)
{
	return (int)((int64_t)gla >> NEAR_SHIFT);
}

static uint64_t piece_at(int n)
{
	return ((uint64_t)(int64_t)n << NEAR_SHIFT) + SUPER_DISTANCE;
}

static bool piece_ours(const struct windows *s, int n)
{
	return s->super_near[n < 0] >> (n & 63) & 1;
}

/* Host address - linear address within part @r */
static uint64_t distance(const struct part *r)
{
	return (uintptr_t)r->base - (r->no << PART_SHIFT);
}

bool windows_widen(struct mmu *m)
{
	struct windows *s = m->win;

	if (sizeof(void *) < 8)
		return false;
	s->table = host_map_huge(TABLE_BYTES, true, NULL);
	if (!s->table)
		return false;
	if ((uintptr_t)s->table + TABLE_BYTES > INT32_MAX) { /* not an address an instruction can hold */
		host_unmap(s->table, TABLE_BYTES);
		s->table = NULL;
		return false;
	}
	host_map_small((uint8_t *)s->table, TABLE_BYTES);
	/*
	 * What lies behind the first entries is 0 and leads to the address itself, which is ours in no case: not canonical, or in
	 * the half of the host's kernel. Part of its last piece may be readable (vsyscall).
	 */
	for (unsigned i = 0; i < BIT(48 - PART_SHIFT); i++)
		s->table[i] = NOWHERE;
	s->table[TABLE_BYTES / 8 - 1] = NOWHERE;
	return true;
}

const uint64_t *windows_table(const struct mmu *m)
{
	return m->win->table;
}

void wide_fini(struct windows *s)
{
	host_unmap(s->table, TABLE_BYTES);
	for (int n = PIECES_LO; n <= 0; n++)
		if (piece_ours(s, n))
			host_unmap((void *)(uintptr_t)(piece_at(n) - PART_GUARD), BIT(NEAR_SHIFT) + 2 * PART_GUARD);
	if (s->super_guard)
		host_unmap(s->guard + SUPER_GUARD, SUPER_GUARD_BYTES);
	host_unmap(s->guard, GUARD_BYTES);
}

/* The guard, below 2 GiB, with what is near readable. */
static void make_guard(struct windows *s)
{
	bool bad;

	s->guard = host_map_huge(GUARD_BYTES, true, NULL);
	if (!s->guard)
		return;
	host_map_small(s->guard, GUARD_BYTES);
	bad = (uintptr_t)s->guard + GUARD_BYTES > INT32_MAX;
	for (uint64_t n = 0; n < GUARD_BYTES >> PAGE_SHIFT; n++)
		bad |= !wide_near(n << NEAR_SHIFT) && host_unalias(s->guard + (n << PAGE_SHIFT), PAGE_SIZE);
	if (bad) {
		host_unmap(s->guard, GUARD_BYTES);
		s->guard = NULL;
	}
}

const uint8_t *windows_guard(const struct mmu *m)
{
	return m->win->guard;
}

void windows_near(struct mmu *m)
{
	struct windows *s = m->win;

	if (s->table)
		make_guard(s);
	s->super_guard = s->guard && host_reserve_at((uintptr_t)s->guard + SUPER_GUARD, SUPER_GUARD_BYTES);
}

bool wide_near_super(struct windows *s, gla_t gla)
{
	int n = piece_of(gla);
	uint64_t lo, hi;

	if (n < PIECES_LO || n > 0)
		return false;
	if (piece_ours(s, n))
		return true;
	/* a neighbour has the edge already, as a guard */
	lo = piece_at(n) + (piece_ours(s, n - 1) ? PART_GUARD : -PART_GUARD);
	hi = piece_at(n + 1) + (piece_ours(s, n + 1) ? -PART_GUARD : PART_GUARD);
	if (!host_reserve_at(lo, hi - lo))
		return false;
	if (host_readable(s->guard + (n < 0 ? SUPER_GUARD + ((uint64_t)(n + 64) << PAGE_SHIFT) : 0), PAGE_SIZE)) {
		host_unmap((void *)(uintptr_t)lo, hi - lo);
		return false;
	}
	s->super_near[n < 0] |= BIT(n & 63);
	return true;
}

/* Room for what is near at @distance. */
static bool reserve_at(uint64_t distance)
{
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(places); i++)
		if (!host_reserve_at(places[i].from + distance - PART_GUARD, places[i].to - places[i].from + 2 * PART_GUARD))
			break;
	if (i == ARRAY_SIZE(places))
		return true;
	while (i--)
		host_unmap((void *)(uintptr_t)(places[i].from + distance - PART_GUARD), places[i].to - places[i].from + 2 * PART_GUARD);
	return false;
}

/* Room for what is near in @w: other windows, and the pieces of the kernel's, which differ with every boot, may be in the way. */
static void reserve_near(struct window *w)
{
	for (uint64_t d = NEAR_FIRST; !w->near && d <= NEAR_LAST; d += NEAR_STEP) {
		w->near = reserve_at(0 - d);
		w->distance = 0 - d;
	}
}

/* Has the program memory of its own in the first 512 GiB? Those linked to fixed addresses have. */
static bool has_low(struct mmu *m)
{
	struct walk t;

	walk(&m->pg, m->mem, 0, MMU_READ, MMU_USER, true, &t);
	return t.levels > 1 && t.trace[0].entry & PTE_U;
}

bool wide_begin(struct mmu *m, struct window *w)
{
	w->nparts = 0;
	w->near |= w->super;
	if (w->super)
		w->distance = SUPER_DISTANCE;
	else if (m->win->guard && !w->near)
		reserve_near(w);
	w->far = !w->super && (!w->near || has_low(m));
	return w->near || !m->win->guard;
}

void wide_show(struct windows *s, const struct window *w)
{
	for (uint64_t i = 0; i < BIT(47 - PART_SHIFT); i++)
		s->table[i] = w->near && wide_near(i << PART_SHIFT) ? w->distance : NOWHERE;
	for (unsigned i = 0; i < w->nparts; i++)
		s->table[w->part[i].no] = distance(&w->part[i]);
}

/* The part with @gla of a wide window; NULL: there are too many, or the host has no room. */
static struct part *part_for(struct windows *s, struct window *w, gla_t gla)
{
	uint64_t no = gla >> PART_SHIFT;
	struct part *r = w->part;
	uint8_t *p;

	for (; r < w->part + w->nparts; r++)
		if (r->no == no)
			return r;
	if (w->nparts == PARTS || no >= BIT(47 - PART_SHIFT))
		return NULL;
	if (!r->base) {
		p = host_reserve(PART_BYTES + 2 * PART_GUARD, NULL);
		if (!p)
			return NULL;
		r->base = p + PART_GUARD;
	}
	r->no = no;
	w->nparts++;
	s->table[no] = distance(r);
	return r;
}

uint8_t *wide_place(struct windows *s, struct window *w, gla_t gla)
{
	struct part *p;

	if (w->super)
		return wide_near_super(s, gla) ? (uint8_t *)(uintptr_t)(gla + SUPER_DISTANCE) : NULL;
	if (w->near && wide_near(gla))
		return (uint8_t *)(uintptr_t)(gla + w->distance);
	p = part_for(s, w, gla);
	return p ? (uint8_t *)(uintptr_t)(gla + distance(p)) : NULL;
}

bool wide_gla(const struct windows *s, const struct window *w, const void *at, gla_t *gla)
{
	uint64_t a = (uintptr_t)at;

	*gla = a - w->distance;
	if (w->super)
		return piece_ours(s, piece_of(*gla)); /* not beyond: our addresses have 47 bits */
	if (w->near && wide_near(*gla))
		return true;
	for (unsigned i = 0; i < w->nparts; i++)
		if (a - (uintptr_t)w->part[i].base < PART_BYTES) {
			*gla = a - distance(&w->part[i]);
			return true;
		}
	return false;
}

bool wide_empty(struct windows *s, struct window *w)
{
	bool bad = false;

	if (w->super) {
		for (int n = PIECES_LO; n <= 0; n++)
			bad |= piece_ours(s, n) && host_unalias((void *)(uintptr_t)piece_at(n), BIT(NEAR_SHIFT));
		return !bad;
	}
	for (unsigned i = 0; w->near && i < ARRAY_SIZE(places); i++)
		bad |= host_unalias((void *)(uintptr_t)(places[i].from + w->distance), places[i].to - places[i].from);
	for (unsigned i = 0; i < w->nparts; i++)
		bad |= host_unalias(w->part[i].base, PART_BYTES);
	return !bad;
}

void wide_free(struct window *w)
{
	for (unsigned i = 0; w->near && !w->super && i < ARRAY_SIZE(places); i++)
		host_unmap((void *)(uintptr_t)(places[i].from + w->distance - PART_GUARD), places[i].to - places[i].from + 2 * PART_GUARD);
	for (unsigned i = 0; i < PARTS && w->part[i].base; i++)
		host_unmap(w->part[i].base - PART_GUARD, PART_BYTES + 2 * PART_GUARD);
}
