/*
 * access.h - guest memory accesses by linear address from C: helpers, ring 0, the IR interpreter, slow paths.
 *
 * Each looks in the TLB, fills it on a miss, goes to the device when the page is one, and handles
 * page-crossing (both pages are translated before anything is written, so a fault leaves no trace).
 * Writes to RAM end in ram_written() where code or dirty tracking needs it. EXIT_FAULT: m->fault is filled.
 * Values are little-endian, zero-extended into uint64_t; sizes 1, 2, 4, 8.
 */
#ifndef MMU_ACCESS_H
#define MMU_ACCESS_H

#include "mmu/tlb.h"

enum exit mmu_read(struct mmu *m, gla_t gla, unsigned size, enum mmu_idx idx, uint64_t *val);
enum exit mmu_write(struct mmu *m, gla_t gla, unsigned size, enum mmu_idx idx, uint64_t val);

/* Any length up to 4096 bytes, crossing at most one page border; all-or-nothing for writes. */
enum exit mmu_read_buf(struct mmu *m, gla_t gla, void *buf, unsigned len, enum mmu_idx idx);
enum exit mmu_write_buf(struct mmu *m, gla_t gla, const void *buf, unsigned len, enum mmu_idx idx);

/* mmu_probe() - would [gla, gla+len) be allowed? Faults (and sets A/D) as the access would; touches no data. */
enum exit mmu_probe(struct mmu *m, gla_t gla, unsigned len, enum mmu_access acc, enum mmu_idx idx);

/*
 * mmu_host() - host pointer to [gla, page end) for bulk work (string instructions), or NULL when the access
 * is not plain RAM; *fault tells a guest fault (m->fault) from a device. @acc MMU_WRITE: page has no
 * code and is (now) marked dirty, so plain stores are right. *n: bytes to the end of the page.
 */
uint8_t *mmu_host(struct mmu *m, gla_t gla, enum mmu_access acc, enum mmu_idx idx, unsigned *n, bool *fault);

/*
 * mmu_fetch_page() - translate an instruction fetch at @gla: page's raddr and host pointer
 * EXIT_FAULT: m->fault. RAM and ROM only: code in device memory gives *ra = RADDR_NONE and *host = NULL (the
 * caller fetches bytes by mmu_read with MMU_EXEC rights already checked).
 */
enum exit mmu_fetch_page(struct mmu *m, gla_t gla, enum mmu_idx idx, raddr_t *ra, const uint8_t **host);

/* Without faults, A/D bits or devices' side effects: monitor, gdb, explain. Return: bytes copied. */
unsigned mmu_peek(struct mmu *m, gla_t gla, void *buf, unsigned len);

/* The lockstep recorder: every device access and, for writes, RAM too, as seen by the slow paths. */
struct mmu_tap {
	void *opaque;
	/* before a RAM write from C: may log old bytes */
	void (*ram_write)(void *opaque, raddr_t ra, unsigned len);
	/* replaces space_read/space_write for device memory when set */
	uint64_t (*io_read)(void *opaque, gpa_t gpa, unsigned size);
	void (*io_write)(void *opaque, gpa_t gpa, uint64_t val, unsigned size);
	/* after a page walk by @w, whose result is about to be cached; may be NULL */
	void (*filled)(void *opaque, gla_t gla, const struct walk *w);
};

#endif
