/*
 * code_mem.c - the code arena (code_mem.h).
 */
#include "jit/host/code_mem.h"
#include <string.h>

#define MIB_MASK (((size_t)1 << 20) - 1)

enum vm_err code_mem_init(struct code_mem *m, size_t size, unsigned cold, struct err *e)
{
	enum vm_err r;

	memset(m, 0, sizeof(*m));
	if (!size)
		size = CODE_MEM_DEFAULT;
	if (size < 1u << 20)
		size = 1u << 20;
	if (size > 1u << 30)
		size = 1u << 30;
	m->size = size;
	m->part[CODE_HOT].end = m->part[CODE_COLD].end = size;
	if (cold)
		m->part[CODE_HOT].end = (size / 256 * (256 - cold)) & ~MIB_MASK ? (size / 256 * (256 - cold)) & ~MIB_MASK : size / 2;
	m->part[CODE_COLD].first = m->part[CODE_COLD].used = m->part[CODE_COLD].written = m->part[CODE_HOT].end;
	r = host_code_alloc(size, &m->rw, &m->rx, e);
	if (!r)
		m->stale = host_code_stale(m->rw, m->rx);
	return r;
}

void code_mem_changed(const struct code_mem *m, uint8_t *rw, size_t len)
{
	uint8_t *rx = m->rx + (rw - m->rw);

	host_icache_flush(rw, rx, len);
	if (m->stale)
		host_code_forget(rx, len);
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

/*
 * The writable view need not stay resident: with each new MiB all of it is given back, since links go back to old pages (two
 * thirds of them in the end; a fault each that comes again).
 */
static void give_back(struct code_mem *m, struct code_part *p)
{
	size_t from = p->first & ~MIB_MASK;

	if (p->used >> 20 == p->written >> 20)
		return;
	host_view_idle(m->rw + from, (p->used & ~MIB_MASK) - from);
	p->written = p->used;
}

void code_mem_commit(struct code_mem *m, enum code_temp t, const struct codebuf *cb)
{
	struct code_part *p = &m->part[t];
	size_t end = (size_t)(cb->p - m->rw);

	BUG_ON(cb->overflow || cb->start != m->rw + p->used);
	if (cb->p == cb->start)
		return;
	code_mem_changed(m, cb->start, (size_t)(cb->p - cb->start));
	end = (end + 15) & ~(size_t)15;
	p->used = end < p->end ? end : p->end;
	give_back(m, p);
}

void code_mem_keep(struct code_mem *m)
{
	m->part[CODE_HOT].first = m->part[CODE_HOT].used;
}

void code_mem_flush(struct code_mem *m)
{
	for (unsigned i = 0; i < CODE_TEMPS; i++)
		m->part[i].used = m->part[i].written = m->part[i].first;
}

bool code_mem_holds(const struct code_mem *m, const void *pc)
{
	size_t at = (size_t)((const uint8_t *)pc - m->rx);

	return at < m->part[CODE_HOT].used || (at >= m->part[CODE_COLD].first && at < m->part[CODE_COLD].used);
}
