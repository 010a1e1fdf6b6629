/*
 * code_mem.c - the code arena (code_mem.h). Runs under translated code, too: compiled for general registers only.
 */
#include "jit/host/code_mem.h"
#include <string.h>

#define READY ((size_t)128 << 10) /* bytes of pages that are got at once: each by itself is a fault of the host */
#define MIB_MASK (((size_t)1 << 20) - 1)

enum vm_err code_mem_init(struct code_mem *m, size_t size, unsigned cold, struct err *e)
{
	enum vm_err r;

	memset(m, 0, sizeof(*m));
	if (!size)
		size = CODE_MEM_DEFAULT;
	if (size < 1u << 20)
		size = 1u << 20;
	if (size > CODE_MEM_MOST)
		size = CODE_MEM_MOST;
	m->size = size;
	m->part[CODE_HOT].end = m->part[CODE_COLD].end = size;
	if (cold)
		m->part[CODE_HOT].end = (size / 256 * (256 - cold)) & ~MIB_MASK ? (size / 256 * (256 - cold)) & ~MIB_MASK : size / 2;
	m->part[CODE_COLD].first = m->part[CODE_COLD].used = m->part[CODE_HOT].end;
	r = host_code_alloc(size, &m->rw, &m->rx, e);
	if (!r)
		m->stale = host_code_stale(m->rw, m->rx);
	return r;
}

/* The writable view need not stay resident: all of it is given back when enough has been written, new code and links of old code alike. */
static void note_written(struct code_mem *m, size_t at, size_t len)
{
	for (size_t page = at / 4096; page <= (at + len - 1) / 4096; page++) {
		if (m->written[page / 64] >> page % 64 & 1)
			continue;
		m->nwritten++;
		m->written[page / 64] |= BIT(page % 64);
	}
	if (LIKELY(m->nwritten <= CODE_VIEW_PAGES))
		return;
	host_view_idle(m->rw, m->part[CODE_HOT].used);
	host_view_idle(m->rw + m->part[CODE_COLD].first, m->part[CODE_COLD].used - m->part[CODE_COLD].first);
	for (size_t i = 0; i < ARRAY_SIZE(m->written) && m->nwritten; i++) {
		if (!m->written[i])
			continue;
		m->nwritten -= (unsigned)__builtin_popcountll(m->written[i]);
		m->written[i] = 0;
	}
}

void code_mem_changed(struct code_mem *m, uint8_t *rw, size_t len)
{
	uint8_t *rx = m->rx + (rw - m->rw);

	host_icache_flush(rw, rx, len);
	if (m->stale)
		host_code_forget(rx, len);
	note_written(m, (size_t)(rw - m->rw), len);
}

void code_mem_fini(struct code_mem *m)
{
	if (m->rw)
		host_code_free(m->rw, m->rx, m->size);
	m->rw = m->rx = NULL;
}

static size_t room(const struct code_part *p)
{
	return p->end - p->used;
}

size_t code_mem_room(const struct code_mem *m)
{
	size_t hot = room(&m->part[CODE_HOT]), cold = room(&m->part[CODE_COLD]);

	return m->part[CODE_COLD].first == m->size || hot < cold ? hot : cold;
}

size_t code_mem_used(const struct code_mem *m)
{
	size_t n = 0;

	for (unsigned i = 0; i < CODE_TEMPS; i++)
		n += m->part[i].used - m->part[i].first;
	return n;
}

void code_mem_open(const struct code_mem *m, enum code_temp t, struct codebuf *cb)
{
	codebuf_init(cb, m->rw + m->part[t].used, room(&m->part[t]), m->rx - m->rw);
}

/* Pages for what will be written next. */
static void make_ready(const struct code_mem *m, struct code_part *p)
{
	if (p->ready < p->used)
		p->ready = p->used;
	if (p->ready - p->used > READY / 8 || p->end - p->ready < READY)
		return;
	host_make_ready(m->rw + p->ready, READY);
	p->ready += READY;
}

void code_mem_commit(struct code_mem *m, enum code_temp t, const struct codebuf *cb)
{
	struct code_part *p = &m->part[t];
	size_t end = (size_t)(cb->p - m->rw);

	BUG_ON(cb->overflow || cb->start != m->rw + p->used);
	if (cb->p == cb->start)
		return;
	code_mem_changed(m, cb->start, (size_t)(cb->p - cb->start));
	if (t == CODE_HOT)
		end = (end + 15) & ~(size_t)15;
	p->used = end < p->end ? end : p->end;
	make_ready(m, p);
}

void code_mem_keep(struct code_mem *m)
{
	m->part[CODE_HOT].first = m->part[CODE_HOT].used;
}

void code_mem_flush(struct code_mem *m)
{
	for (unsigned i = 0; i < CODE_TEMPS; i++)
		m->part[i].used = m->part[i].first;
}

bool code_mem_holds(const struct code_mem *m, const void *pc)
{
	size_t at = (size_t)((const uint8_t *)pc - m->rx);

	return at < m->part[CODE_HOT].used || (at >= m->part[CODE_COLD].first && at < m->part[CODE_COLD].used);
}
