/*
 * ram.c - the RAM file, its allocator, and the one invalidation point.
 */
#include "mmu/ram.h"
#include "mmu/base/host_mem.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum vm_err init(struct ram *r, uint64_t size, bool alias, struct err *e)
{
	uint64_t npages;

	memset(r, 0, sizeof(*r));
	r->fd = -1;
	if (!size || size > BIT(46))
		return err_set(e, VM_ERR_USAGE, "cannot have %llu bytes of memory",
			(unsigned long long)size);
	size = (size + PAGE_SIZE - 1) & PAGE_MASK;
	npages = size >> PAGE_SHIFT;
	if (alias) {
		r->together = calloc(size / HOST_HUGE + 1, sizeof(*r->together));
		r->host = r->together ? host_map_alias(size, &r->fd, NULL) : NULL;
	}
	if (!r->host)
		r->host = host_map_huge(size, false, e);
	r->code = calloc(npages, sizeof(*r->code));
	r->dirty = calloc(npages, 1);
	r->writers = calloc(npages, sizeof(*r->writers));
	r->size = size;
	if (r->together)
		r->together[size / HOST_HUGE] = true; /* less than a huge page */
	if (!r->host || !r->code || !r->dirty || !r->writers) {
		ram_fini(r);
		return err_set(e, VM_ERR_NOMEM, "cannot get %llu MiB of memory",
			(unsigned long long)(size >> 20));
	}
	return VM_OK;
}

enum vm_err ram_init(struct ram *r, uint64_t size, struct err *e)
{
	return init(r, size, false, e);
}

enum vm_err ram_init_alias(struct ram *r, uint64_t size, struct err *e)
{
	return init(r, size, true, e);
}

void ram_fini(struct ram *r)
{
	if (r->host)
		host_unmap(r->host, r->size);
	if (r->host && r->fd >= 0)
		close(r->fd);
	free(r->code);
	free(r->dirty);
	free(r->together);
	free(r->writers);
	memset(r, 0, sizeof(*r));
	r->fd = -1;
}

raddr_t ram_alloc(struct ram *r, uint64_t size)
{
	raddr_t at = r->used;

	if (!size || size > r->size - r->used)
		return RADDR_NONE;
	r->used += (size + PAGE_SIZE - 1) & PAGE_MASK; /* r->size is a multiple of pages */
	return at;
}

void ram_written(struct ram *r, raddr_t ra, uint64_t len)
{
	BUG_ON(ra > r->size || len > r->size - ra);
	while (len) {
		uint64_t page = ra >> PAGE_SHIFT;
		unsigned off = ra & (PAGE_SIZE - 1);
		unsigned n = len < PAGE_SIZE - off ? (unsigned)len : PAGE_SIZE - off;

		if (r->dirty[page] & DIRTY_TRACKED)
			r->dirty[page] |= DIRTY_DISPLAY;
		if (UNLIKELY(r->code[page] & ram_code_mask(off, n)) && r->code_written)
			r->code_written(r->code_opaque, ra, n);
		ra += n;
		len -= n;
	}
}

void ram_discard(struct ram *r, raddr_t ra, uint64_t len)
{
	BUG_ON(ra > r->size || len > r->size - ra);
	if (!host_give_back(r->host + ra, len, r->fd, ra))
		memset(r->host + ra, 0, len);
	ram_written(r, ra, len);
}

void ram_track(struct ram *r, raddr_t ra, uint64_t len, bool on)
{
	BUG_ON(ra > r->size || len > r->size - ra);
	if (!len)
		return;
	for (uint64_t p = ra >> PAGE_SHIFT; p <= (ra + len - 1) >> PAGE_SHIFT; p++)
		r->dirty[p] = on ? DIRTY_TRACKED | DIRTY_DISPLAY : 0;
}

void ram_clean(struct ram *r, raddr_t ra, uint64_t len)
{
	uint64_t first = UINT64_MAX, last = 0;

	BUG_ON(ra > r->size || len > r->size - ra);
	if (!len)
		return;
	for (uint64_t p = ra >> PAGE_SHIFT; p <= (ra + len - 1) >> PAGE_SHIFT; p++) {
		if (!(r->dirty[p] & DIRTY_DISPLAY))
			continue;
		r->dirty[p] &= (uint8_t)~DIRTY_DISPLAY;
		if (first == UINT64_MAX)
			first = p;
		last = p;
	}
	if (first != UINT64_MAX && r->protect)
		r->protect(r->protect_opaque, first << PAGE_SHIFT,
			(last - first + 1) << PAGE_SHIFT);
}
