/*
 * space.h - the physical memory space and the port space: which bytes are RAM, ROM, a device, or nothing.
 *
 * A space is a set of regions with priorities, flattened into disjoint ranges; a lookup is a binary
 * search behind a one-entry cache, and the TLB makes lookups rare. Regions can be moved, hidden and
 * re-pointed at run time (PCI BARs, PAM, A20 is in mmu/walk). Any change bumps space->gen and calls
 * changed(), upon which the CPU drops its TLB.
 *
 * Reads of nothing give all-ones, writes to nothing are lost, both logged once with -d unimp.
 * Values are little-endian integers in the low bytes of a uint64_t; sizes are 1, 2, 4 or 8.
 */
#ifndef MMU_SPACE_H
#define MMU_SPACE_H

#include "mmu/base/types.h"
#include "mmu/base/log.h"
#include "mmu/ram.h"

struct io_ops {
	const char *name;
	/* @off: offset in the region; @size: within min..max. NULL read: all-ones; NULL write: ignored. */
	uint64_t (*read)(void *opaque, uint64_t off, unsigned size);
	void (*write)(void *opaque, uint64_t off, uint64_t val, unsigned size);
	uint8_t min, max; /* sizes the device decodes (0 means 1 and 4); others are split or widened by space */
};

enum region_kind { REGION_NONE, REGION_RAM, REGION_ROM, REGION_IO };

struct region {
	const char *name;
	enum region_kind kind;
	uint64_t base, len; /* in the space; len 0 means unmapped */
	int prio;	    /* higher wins where regions overlap, the later added among equals */
	bool enabled;
	raddr_t ra;	    /* RAM, ROM: where byte 0 lives; page aligned together with base */
	const struct io_ops *ops; /* IO; also receives writes of a ROM region when set (flash) */
	void *opaque;
	struct region *next;
};

/* One flattened range, as a lookup returns it. */
struct range {
	uint64_t start, last; /* inclusive */
	struct region *reg;   /* NULL: nothing there */
};

struct space {
	struct region *regions;
	struct range *ranges;
	unsigned nranges, cap;
	unsigned hint;	/* last range found */
	int batch;	/* > 0 while between space_begin() and space_commit() */
	bool stale;
	unsigned depth; /* device accesses in progress, one inside the other */
	uint64_t limit; /* last address: 0xFFFF for ports, 2^52-1 for memory */
	uint64_t gen;
	struct ram *ram; /* NULL for the port space */
	struct log *log;
	const char *name;
	/* -trace: each device access, @addr in its region; may be NULL */
	void (*traced)(void *opaque, const char *device, uint64_t addr, uint64_t v, unsigned size, bool write);
	void *traced_opaque;
	void (*changed)(void *opaque);
	void *changed_opaque;
};

void space_init(struct space *s, const char *name, uint64_t limit, struct ram *ram, struct log *log);
void space_fini(struct space *s);

/* Regions are owned by the caller, who fills kind, len, ra or ops+opaque, prio; add enables it at base. */
void space_add(struct space *s, struct region *r, uint64_t base);
void space_remove(struct space *s, struct region *r);
void space_move(struct space *s, struct region *r, uint64_t base, bool enabled);
void space_begin(struct space *s);  /* several changes, one flatten */
void space_commit(struct space *s);

/* Shorthand: make @r an I/O region and add it at priority 0. */
void space_add_io(struct space *s, struct region *r, const char *name, uint64_t base, uint64_t len,
	const struct io_ops *ops, void *opaque);

const struct range *space_lookup(struct space *s, uint64_t addr);

/* One access of 1, 2, 4 or 8 bytes (ports: 1, 2, 4) wherever it leads; may cross ranges. */
uint64_t space_read(struct space *s, uint64_t addr, unsigned size);
void space_write(struct space *s, uint64_t addr, uint64_t val, unsigned size);

/* Any length, for DMA and loaders; RAM by memcpy with ram_written(), devices byte-wise or wider. */
void space_read_buf(struct space *s, uint64_t addr, void *buf, uint64_t len);
void space_write_buf(struct space *s, uint64_t addr, const void *buf, uint64_t len);

/* space_discard() - what of [addr, addr+len) is RAM reads as zeroes from now on; whole pages of it are the host's until they are used again */
void space_discard(struct space *s, uint64_t addr, uint64_t len);

/*
 * space_host() - pointer to RAM (or ROM) bytes at @addr if [addr, addr+len) is one RAM/ROM region, else
 * NULL. The caller who writes calls ram_written() itself.
 */
uint8_t *space_host(struct space *s, uint64_t addr, uint64_t len, raddr_t *ra);

#endif
