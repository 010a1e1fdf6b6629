/*
 * access.c - guest memory accesses from C.
 *
 * An access becomes one or two "spans", each within a page and fully translated before any data moves: that makes
 * page-crossing writes all-or-nothing. A span is copied through the RAM file, or goes to the space
 * where the page is a device, partly a device, or ROM being written.
 */
#include "mmu/access.h"
#include <string.h>

/* A piece of an access within one page, translated. */
struct span {
	gla_t gla;
	unsigned len;
	raddr_t ra; /* of the first byte; RADDR_NONE: go through the space */
	gpa_t gpa;
	enum mmu_idx idx;
	bool watched;
};

/* The entry that translates @gla for @acc, or NULL with m->fault filled. */
static const struct tlb_side *side_for(struct mmu *m, gla_t gla, enum mmu_access acc,
	enum mmu_idx idx)
{
	const struct tlb_side *s = &m->side[idx][tlb_index(gla)];

	if (s->page == (gla & PAGE_MASK) && tlb_permits(s, acc))
		return s;
	return tlb_fill_c(m, gla, acc, idx) == FILL_FAULT ? NULL : s;
}

static bool make_span(struct mmu *m, gla_t gla, unsigned len, enum mmu_access acc, enum mmu_idx idx,
	struct span *sp)
{
	const struct tlb_side *s = side_for(m, gla, acc, idx);
	unsigned off = gla & (PAGE_SIZE - 1);

	if (!s)
		return false;
	sp->gla = gla;
	sp->len = len;
	sp->ra = s->ra == RADDR_NONE || (acc == MMU_WRITE && s->rom) ? RADDR_NONE : s->ra + off;
	sp->gpa = s->gpa + off;
	sp->idx = idx;
	sp->watched = s->watched;
	return true;
}

/* Translate [gla, gla+len): 1 or 2 spans; 0 is a fault. */
static unsigned make_spans(struct mmu *m, gla_t gla, unsigned len, enum mmu_access acc,
	enum mmu_idx idx, struct span sp[2])
{
	unsigned left = PAGE_SIZE - (gla & (PAGE_SIZE - 1));
	gla_t next = gla + left;

	if (!(m->pg.efer & EFER_LMA))
		next &= 0xFFFFFFFF; /* linear addresses of 32 bits wrap */
	if (LIKELY(len <= left))
		return make_span(m, gla, len, acc, idx, &sp[0]) ? 1 : 0;
	if (!make_span(m, gla, left, acc, idx, &sp[0]) ||
		!make_span(m, next, len - left, acc, idx, &sp[1]))
		return 0;
	return 2;
}

/* Report armed watchpoints that [gla, gla+len) touches, in their order. */
static void watch(struct mmu *m, const struct span *sp, bool write)
{
	if (LIKELY(!sp->watched) || !m->watch_hit)
		return;
	for (unsigned i = 0; i < m->nwatch; i++) {
		gla_t a = m->watch[i].gla;
		unsigned n = m->watch[i].len;

		if (n && (write ? m->watch[i].on_write : m->watch[i].on_read) &&
			a <= sp->gla + (sp->len - 1) && sp->gla <= a + (n - 1))
			m->watch_hit(m->watch_opaque, i, sp->gla, sp->len, write);
	}
}

/* Widest naturally aligned piece of a bus access, at most 8 bytes. */
static unsigned piece(gpa_t gpa, unsigned left)
{
	unsigned n = 8;

	while (n > left || (gpa & (n - 1)))
		n >>= 1;
	return n;
}

static uint64_t io_read(struct mmu *m, gpa_t gpa, unsigned size)
{
	if (m->tap && m->tap->io_read)
		return m->tap->io_read(m->tap->opaque, gpa, size);
	return space_read(m->mem, gpa, size);
}

static void io_write(struct mmu *m, gpa_t gpa, uint64_t val, unsigned size)
{
	if (m->tap && m->tap->io_write)
		m->tap->io_write(m->tap->opaque, gpa, val, size);
	else
		space_write(m->mem, gpa, val, size);
}

static void read_span(struct mmu *m, const struct span *sp, uint8_t *buf)
{
	if (sp->ra != RADDR_NONE) {
		memcpy(buf, m->ram->host + sp->ra, sp->len);
	} else {
		for (unsigned done = 0, n; done < sp->len; done += n) {
			uint64_t v;

			n = piece(sp->gpa + done, sp->len - done);
			v = io_read(m, sp->gpa + done, n);
			memcpy(buf + done, &v, n);
		}
	}
	watch(m, sp, false);
}

static void write_span(struct mmu *m, const struct span *sp, const uint8_t *buf)
{
	if (sp->ra != RADDR_NONE) {
		if (m->tap && m->tap->ram_write)
			m->tap->ram_write(m->tap->opaque, sp->ra, sp->len);
		memcpy(m->ram->host + sp->ra, buf, sp->len);
		ram_written(m->ram, sp->ra, sp->len);
		tlb_grant_write(m, sp->gla & PAGE_MASK, sp->idx);
	} else {
		for (unsigned done = 0, n; done < sp->len; done += n) {
			uint64_t v = 0;

			n = piece(sp->gpa + done, sp->len - done);
			memcpy(&v, buf + done, n);
			io_write(m, sp->gpa + done, v, n);
		}
	}
	watch(m, sp, true);
}

enum exit mmu_read_buf(struct mmu *m, gla_t gla, void *buf, unsigned len, enum mmu_idx idx)
{
	struct span sp[2];
	unsigned n;

	BUG_ON(len > PAGE_SIZE);
	if (!len)
		return EXIT_NONE;
	n = make_spans(m, gla, len, MMU_READ, idx, sp);
	if (!n)
		return EXIT_FAULT;
	read_span(m, &sp[0], buf);
	if (n == 2)
		read_span(m, &sp[1], (uint8_t *)buf + sp[0].len);
	return EXIT_NONE;
}

enum exit mmu_write_buf(struct mmu *m, gla_t gla, const void *buf, unsigned len, enum mmu_idx idx)
{
	struct span sp[2];
	unsigned n;

	BUG_ON(len > PAGE_SIZE);
	if (!len)
		return EXIT_NONE;
	n = make_spans(m, gla, len, MMU_WRITE, idx, sp);
	if (!n)
		return EXIT_FAULT;
	write_span(m, &sp[0], buf);
	if (n == 2)
		write_span(m, &sp[1], (const uint8_t *)buf + sp[0].len);
	return EXIT_NONE;
}

/* Usual sizes by one instruction each. */
static void copy(void *to, const void *from, unsigned size)
{
	switch (size) {
	case 8:
		memcpy(to, from, 8);
		break;
	case 4:
		memcpy(to, from, 4);
		break;
	case 2:
		memcpy(to, from, 2);
		break;
	default:
		memcpy(to, from, size);
	}
}

enum exit mmu_read(struct mmu *m, gla_t gla, unsigned size, enum mmu_idx idx, uint64_t *val)
{
	const struct tlb_entry *t = &m->tlb[idx][tlb_index(gla)];
	uint64_t v = 0;
	enum exit x;

	if (LIKELY(TLB_TAG(gla + (size - 1)) == t->rd)) {
		copy(&v, (const void *)(uintptr_t)(gla + t->addend), size);
		*val = v;
		return EXIT_NONE;
	}
	x = mmu_read_buf(m, gla, &v, size, idx);
	if (x == EXIT_NONE)
		*val = v;
	return x;
}

enum exit mmu_write(struct mmu *m, gla_t gla, unsigned size, enum mmu_idx idx, uint64_t val)
{
	const struct tlb_entry *t = &m->tlb[idx][tlb_index(gla)];

	if (LIKELY(TLB_TAG(gla + (size - 1)) == t->wr && !m->tap)) {
		copy((void *)(uintptr_t)(gla + t->addend), &val, size);
		return EXIT_NONE;
	}
	return mmu_write_buf(m, gla, &val, size, idx);
}

enum exit mmu_probe(struct mmu *m, gla_t gla, unsigned len, enum mmu_access acc, enum mmu_idx idx)
{
	struct span sp[2];

	BUG_ON(len > PAGE_SIZE);
	if (!len)
		return EXIT_NONE;
	return make_spans(m, gla, len, acc, idx, sp) ? EXIT_NONE : EXIT_FAULT;
}

uint8_t *mmu_host(struct mmu *m, gla_t gla, enum mmu_access acc, enum mmu_idx idx, unsigned *n, bool *fault)
{
	const struct tlb_side *s = side_for(m, gla, acc, idx);
	unsigned off = gla & (PAGE_SIZE - 1);

	*fault = !s;
	*n = PAGE_SIZE - off;
	if (!s || s->ra == RADDR_NONE || (s->watched && acc != MMU_EXEC))
		return NULL;
	if (acc == MMU_WRITE) {
		uint64_t page = s->ra >> PAGE_SHIFT;

		if (s->rom || m->ram->code[page])
			return NULL;
		if (m->tap && m->tap->ram_write) /* all of it: strings may run downwards */
			m->tap->ram_write(m->tap->opaque, s->ra, PAGE_SIZE);
		if (m->ram->dirty[page] & DIRTY_TRACKED)
			m->ram->dirty[page] |= DIRTY_DISPLAY;
	}
	return m->ram->host + s->ra + off;
}

enum exit mmu_fetch_page(struct mmu *m, gla_t gla, enum mmu_idx idx, raddr_t *ra, const uint8_t **host)
{
	const struct tlb_side *s = side_for(m, gla, MMU_EXEC, idx);

	if (!s)
		return EXIT_FAULT;
	*ra = s->ra;
	*host = s->ra == RADDR_NONE ? NULL : m->ram->host + s->ra;
	return EXIT_NONE;
}

unsigned mmu_peek(struct mmu *m, gla_t gla, void *buf, unsigned len)
{
	unsigned done = 0;

	while (done < len) {
		gla_t at = gla + done;
		unsigned left = PAGE_SIZE - (at & (PAGE_SIZE - 1));
		unsigned n = len - done < left ? len - done : left;
		const uint8_t *p;
		struct walk w;

		if (!walk(&m->pg, m->mem, at, MMU_READ, MMU_SUP, true, &w))
			break;
		p = space_host(m->mem, w.gpa, n, NULL);
		if (!p)
			break;
		memcpy((uint8_t *)buf + done, p, n);
		done += n;
	}
	return done;
}
