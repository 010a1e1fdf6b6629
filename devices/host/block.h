/*
 * block.h - what a disk controller asks of its medium: asynchronous sector I/O.
 *
 * Requests complete on the machine's thread through done(), possibly before blk_submit() returns, in any order. What was
 * written is read by every request submitted after the write completed, and is on stable storage when a flush submitted
 * after that completes. Offsets are bytes, multiples of 512. An image is never read or written outside [0, size).
 */
#ifndef DEVICES_HOST_BLOCK_H
#define DEVICES_HOST_BLOCK_H

#include "mmu/base/types.h"

enum blk_op { BLK_READ, BLK_WRITE, BLK_FLUSH, BLK_DISCARD /* a hint */, BLK_ZERO /* reads as zeroes after */ };

struct blk_req {
	enum blk_op op;
	uint64_t off;	/* bytes */
	uint8_t *buf;	/* len bytes, alive until done(); unused for FLUSH, DISCARD and ZERO */
	uint32_t len;
	void (*done)(void *opaque, int error); /* 0, or a positive errno (EIO, ENOSPC, EROFS) */
	void *opaque;
	struct blk_req *next; /* the block layer's, from submission to done() */
	int error;
};

struct blk;
struct blk_ops {
	void (*submit)(struct blk *b, struct blk_req *r);
	void (*close)(struct blk *b); /* flushes, closes, frees */
	int (*commit)(struct blk *b); /* a snapshot's writes into the image: 0 or errno (ENOTSUP: no snapshot); may be NULL */
	void (*drain)(struct blk *b); /* until every request submitted is done; NULL: they always are */
	void (*retry)(struct blk *b); /* the user goes on after an error that stopped the machine; may be NULL */
	/* of images, which complete in submit: READ that waits for no disk (EAGAIN), write access and back; may be NULL */
	int (*read_now)(struct blk *b, uint8_t *buf, uint64_t off, uint32_t len);
	int (*reopen)(struct blk *b, bool write);
	struct blk *(*below)(struct blk *b); /* what it passes requests on to, unchanged, or NULL; NULL: it is an image itself */
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
	bool known_format; /* the image says what it is: nothing was guessed */
	bool repaired;	  /* the image had not been closed; its tables are in order again */
	bool stalled;	  /* requests failed and wait for the user */
	bool writethrough; /* a completed write is on stable storage: the drive's write cache is off at power on */
	char id[32];	  /* the -drive id, "ide0-hd0" style by default */
	char serial[21];
	char file[256];	  /* what the monitor's info block shows */
	struct { enum blk_op op; uint32_t len; uint64_t off, count; } last; /* the last request, and how many so far */
};

static inline void blk_submit(struct blk *b, struct blk_req *r)
{
	b->last.op = r->op;
	b->last.len = r->len;
	b->last.off = r->off;
	b->last.count++;
	b->ops->submit(b, r);
}

static inline void blk_drain(struct blk *b)
{
	if (b->ops->drain)
		b->ops->drain(b);
}

#endif
