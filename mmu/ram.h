/*
 * ram.h - all memory that can be executed or mapped: one mapping, the "RAM file", that is always writable.
 *
 * It is anonymous memory, or a memory file where the translator wants to map parts of it elsewhere too (window.h).
 * Guest RAM, ROM images and video memory are ranges of the same file, each given by
 * ram_alloc() as a page-aligned raddr. A raddr names a byte whatever guest-physical addresses
 * (aliases, PAM, A20) lead to it, so translated code is keyed by raddr and invalidated by it.
 *
 * Per 4 KiB page it keeps:
 *   code[page]   64 bits, one per 64-byte granule that holds translated code (0: none)
 *   dirty[page]  bit 0 DIRTY_DISPLAY, set by writers when the page is tracked (bit 7 DIRTY_TRACKED)
 *
 * Every writer that is not translated code's fast path - slow stores, DMA, loaders, debugger - calls ram_written()
 * after the write; it is the ONE invalidation point. Translated stores reach pages with code or
 * with clean tracked pages only through the slow path, because mmu/tlb.h withholds the write tag.
 */
#ifndef MMU_RAM_H
#define MMU_RAM_H

#include "mmu/base/types.h"
#include "mmu/base/err.h"

#define DIRTY_DISPLAY 0x01
#define DIRTY_TRACKED 0x80 /* display wants to know: withhold write tags while DIRTY_DISPLAY is 0 */

struct ram {
	uint8_t *host;	 /* the always-writable alias; host[raddr] */
	uint64_t size;	 /* bytes reserved; allocations come from [0, size) */
	uint64_t used;
	uint64_t *code;	 /* per page: granules with translated code */
	uint8_t *dirty;	 /* per page */
	int fd;		 /* the memory file, for more mappings of it; -1: the memory is none */
	bool *together;	 /* per HOST_HUGE bytes: the host has been asked for a huge page; NULL without a file */
	uint32_t *writers; /* per page, the TLB's note of who may have a write tag for it (mmu/tlb.c) */
	/* jit's invalidation: drop translations in [ra, ra+len), within one page. Only called if code bits hit. */
	void (*code_written)(void *opaque, raddr_t ra, unsigned len);
	void *code_opaque;
	/* lockstep's: a device is about to write [ra, ra+len); NULL: nobody wants to know */
	void (*will_write)(void *opaque, raddr_t ra, uint64_t len);
	void *will_write_opaque;
	/* clean tracked pages lie in [ra, ra+len): withhold write tags again. Set by mmu_init(). */
	void (*protect)(void *opaque, raddr_t ra, uint64_t len);
	void *protect_opaque;
};

/* ram_init() - reserve @size bytes (rounded up to pages; lazily committed). VM_ERR_NOMEM/IO. */
enum vm_err ram_init(struct ram *r, uint64_t size, struct err *e);
/* ram_init_alias() - the same in a memory file (r->fd >= 0), if the host has them and huge pages for them */
enum vm_err ram_init_alias(struct ram *r, uint64_t size, struct err *e);
void ram_fini(struct ram *r);

/* ram_alloc() - next @size bytes (rounded up to pages), zeroed; RADDR_NONE if the file is full. */
raddr_t ram_alloc(struct ram *r, uint64_t size);

/* ram_code_mask() - granule bits of [off, off+len) in one page; off < 4096, 1 <= len <= 4096-off. */
static inline uint64_t ram_code_mask(unsigned off, unsigned len)
{
	unsigned lo = off >> 6, hi = (off + len - 1) >> 6;

	return (~0ull >> (63 - hi)) & (~0ull << lo);
}

/* ram_will_write() - before a device writes [ra, ra+len): lockstep keeps the old bytes */
static inline void ram_will_write(struct ram *r, raddr_t ra, uint64_t len)
{
	if (r->will_write)
		r->will_write(r->will_write_opaque, ra, len);
}

/* ram_written() - note that [ra, ra+len) was written: display dirty bits and exact code invalidation. */
void ram_written(struct ram *r, raddr_t ra, uint64_t len);

/* ram_discard() - [ra, ra+len) is written with zeroes; the host gets back what are whole pages of its own */
void ram_discard(struct ram *r, raddr_t ra, uint64_t len);

/*
 * Display tracking, by page. ram_track() switches it on (pages start dirty) or off before the guest runs;
 * afterwards the adapter looks at ram_dirty() and calls ram_clean() for the range it has drawn, once per frame.
 */
void ram_track(struct ram *r, raddr_t ra, uint64_t len, bool on);
void ram_clean(struct ram *r, raddr_t ra, uint64_t len);
static inline bool ram_dirty(const struct ram *r, raddr_t ra)
{
	return r->dirty[ra >> PAGE_SHIFT] & DIRTY_DISPLAY;
}

#endif
