/*
 * host_huge.c - huge pages for memory files, which get none by themselves.
 *
 * Called under translated code: general registers only.
 */
#define _GNU_SOURCE
#include "mmu/base/host_mem.h"
#include <sys/mman.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* Linux 6.1 */
#endif

void host_map_together(uint8_t *at)
{
	volatile uint8_t *p = at;

	*p = *p; /* a stretch without any page is left alone */
	(void)madvise(at, HOST_HUGE, MADV_COLLAPSE);
}

void host_view_idle(uint8_t *at, size_t len)
{
	/* a shared mapping: only the page-table entries go, the file keeps the bytes */
	if (len)
		(void)madvise(at, len, MADV_DONTNEED);
}
