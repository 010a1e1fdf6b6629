/*
 * block.h - what a disk controller asks of its medium: asynchronous sector I/O.
 *
 * Requests complete on the machine's thread through done(), possibly before blk_submit() returns. A
 * completed write is in the host's page cache; a completed flush is on stable storage. Offsets are
 * bytes, multiples of 512. An image is never read or written outside [0, size).
 */
#ifndef DEVICES_HOST_BLOCK_H
#define DEVICES_HOST_BLOCK_H

#include "mmu/base/types.h"

enum blk_op { BLK_READ, BLK_WRITE, BLK_FLUSH, BLK_DISCARD };

struct blk_req {
	enum blk_op op;
	uint64_t off;	/* bytes */
	uint8_t *buf;	/* len bytes, alive until done(); unused for FLUSH and DISCARD */
	uint32_t len;
	void (*done)(void *opaque, int error); /* 0, or a positive errno (EIO, ENOSPC, EROFS) */
	void *opaque;
};

struct blk;
struct blk_ops {
	void (*submit)(struct blk *b, struct blk_req *r);
	void (*close)(struct blk *b); /* flushes, closes, frees */
	int (*commit)(struct blk *b); /* a snapshot's writes into the image: 0 or errno (ENOTSUP: no snapshot); may be NULL */
};

struct blk {
	const struct blk_ops *ops;
	uint64_t size;	  /* bytes, multiple of 512; 0 for an empty drive */
	bool readonly;
	bool present;	  /* a medium is in (removable drives) */
	bool changed;	  /* medium changed since the controller last looked; the controller clears it */
	bool locked;	  /* the guest prevents removal; set by the controller */
	bool want_eject;  /* the user asked for the medium; the controller tells the guest if it can, and clears it */
	bool is_cdrom;	  /* media=cdrom */
	char id[32];	  /* the -drive id, "ide0-hd0" style by default */
	char serial[21];
	char file[256];	  /* what the monitor's info block shows */
};

static inline void blk_submit(struct blk *b, struct blk_req *r)
{
	b->ops->submit(b, r);
}

#endif
