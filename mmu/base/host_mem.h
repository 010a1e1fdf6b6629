/*
 * host_mem.h - memory from the host: anonymous mappings, memory files, and code that is never writable where it runs.
 *
 * Sizes are bytes, rounded up to the host's page size by each call; pass the same size to the freeing call.
 */
#ifndef MMU_BASE_HOST_MEM_H
#define MMU_BASE_HOST_MEM_H

#include "mmu/base/types.h"
#include "mmu/base/err.h"

/* host_page_size() - bytes; 4096 on x86, up to 65536 elsewhere. */
size_t host_page_size(void);

/* host_map() - zeroed private memory, lazily committed; NULL and @e on failure. */
void *host_map(size_t size, struct err *e);

/*
 * host_map_huge() - as host_map(), aligned to HOST_HUGE; the host is asked for pages of that size, which save its own TLB
 * (memory files get none by themselves on most systems). @low: below 2 GiB if there is room, so that a signed 32-bit number is the address.
 */
#define HOST_HUGE ((size_t)2 << 20)
void *host_map_huge(size_t size, bool low, struct err *e);

/* host_map_small() - most of [at, at+size) will never be touched: no huge pages there. */
void host_map_small(uint8_t *at, size_t size);

/*
 * host_map_alias() - as host_map_huge(), of a memory file, which host_alias() shows at other addresses; *fd: the file
 * Huge pages only where host_map_together() asks for them; NULL where the system has no such files.
 */
void *host_map_alias(size_t size, int *fd, struct err *e);

/* host_alias() - [off, off+len) of @fd at @at inside a reservation, present at once; 0 or an errno value */
int host_alias(void *at, int fd, uint64_t off, size_t len, bool write);

/* host_unalias() - no access to [at, at+len) of a reservation any more; 0 or an errno value */
int host_unalias(void *at, size_t len);

/* host_readable() - zeroes to be read at [at, at+len) of a reservation; 0 or an errno value */
int host_readable(void *at, size_t len);

/* host_map_together() - make the HOST_HUGE bytes at @at, aligned, one huge page now, if the host can (Linux 6.1) */
void host_map_together(uint8_t *at);

/* host_make_ready() - [at, at+len) is about to be written, all of it: its pages at once, where the host can (Linux 5.14) */
void host_make_ready(uint8_t *at, size_t len);

/*
 * host_give_back() - [at, at+len), of a mapping made here, at @off of memory file @fd (-1: none) is not needed: it reads as zeroes, in every
 * mapping. False: it was left as it is, as it is not whole pages of the host, or the host cannot.
 */
bool host_give_back(uint8_t *at, size_t len, int fd, uint64_t off);

/* host_reserve() - address space without access rights, to map into later. */
void *host_reserve(size_t size, struct err *e);

/* host_reserve_at() - the same at address @at; false: the system cannot, or something is there. */
bool host_reserve_at(uint64_t at, size_t size);

void host_unmap(void *p, size_t size);

/**
 * host_code_alloc() - memory for translated code, mapped twice (W^X): write at *rw, run at *rx
 * Byte i of one is byte i of the other. After writing, host_icache_flush() before running.
 */
enum vm_err host_code_alloc(size_t size, uint8_t **rw, uint8_t **rx, struct err *e);
/*
 * host_view_idle() - whole pages at @at of a mapping of a memory file (of host_code_alloc() or host_map_alias()) are not needed for a
 * while, or are by another mapping of it: out of the resident set until they are touched; contents stay.
 */
void host_view_idle(uint8_t *at, size_t len);
void host_code_free(uint8_t *rw, uint8_t *rx, size_t size);

/* host_icache_flush() - make [rx, rx+len), written through @rw, visible to instruction fetch; nothing on x86. */
void host_icache_flush(const uint8_t *rw, const uint8_t *rx, size_t len);

/*
 * host_code_stale() - does a change through *rw stay unseen at *rx, in spite of host_icache_flush()?
 * So it is under user-mode emulators that watch the pages code was fetched from, not the memory behind them (qemu-user before
 * 8.1). Runs a few instructions at the beginning of the mapping. Then host_code_forget() helps: it changes the protection of the
 * pages, and back.
 */
bool host_code_stale(uint8_t *rw, uint8_t *rx);
void host_code_forget(uint8_t *rx, size_t len);

#endif
