/*
 * code_mem.c - the code arena (code_mem.h).
 */
#include "jit/host/code_mem.h"
#include <string.h>

#define MIB_MASK (((size_t)1 << 20) - 1)

enum vm_err code_mem_init(struct code_mem *m, size_t size, struct err *e)
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

void code_mem_open(const struct code_mem *m, struct codebuf *cb)
{
	codebuf_init(cb, m->rw + m->used, m->size - m->used, m->rx - m->rw);
}

void code_mem_commit(struct code_mem *m, const struct codebuf *cb)
{
	size_t end = (size_t)(cb->p - m->rw);

	BUG_ON(cb->overflow || cb->start != m->rw + m->used);
	code_mem_changed(m, cb->start, (size_t)(cb->p - cb->start));
	end = (end + 15) & ~(size_t)15;
	m->used = end < m->size ? end : m->size;
	/*
	 * The writable view need not stay resident: each new MiB is given back, and now and then all of it, since links go
	 * back to old pages (two thirds of them in the end; a fault each that comes again).
	 */
	if (m->used >> 20 != m->written >> 20) {
		size_t from = m->used >> 22 != m->written >> 22 ? 0 : m->written & ~MIB_MASK;

		host_code_written(m->rw + from, (m->used & ~MIB_MASK) - from);
		m->written = m->used;
	}
}

void code_mem_keep(struct code_mem *m)
{
	m->keep = m->used;
}

void code_mem_flush(struct code_mem *m)
{
	m->used = m->written = m->keep;
}

bool code_mem_holds(const struct code_mem *m, const void *pc)
{
	return (const uint8_t *)pc >= m->rx && (const uint8_t *)pc < m->rx + m->used;
}
