/*
 * block_queue.h - what stands between a controller and an image: a thread, the cache mode, what to do about errors.
 */
#ifndef FRONTEND_BLOCK_QUEUE_H
#define FRONTEND_BLOCK_QUEUE_H

#include "frontend/block.h"

enum blk_on_error { BLK_REPORT, BLK_IGNORE, BLK_STOP, BLK_STOP_ENOSPC /* stop if the host's disk is full, else report */ };

struct blk_policy {
	bool writethrough, unsafe, discard; /* discard: hand the guest's hints down */
	bool detect_zeroes;		    /* a write of zeroes alone becomes BLK_ZERO */
	enum blk_on_error werror, rerror;
};

/*
 * The machine's thread as a queue sees it. Without post there is no thread: requests are done in submit, so that guest
 * time alone decides when they complete (-icount, lockstep).
 */
struct blk_host {
	void *opaque;
	void (*post)(void *opaque, void (*fn)(void *), void *arg);   /* run @fn on the machine's thread; any thread */
	void (*cancel)(void *opaque, void (*fn)(void *), void *arg); /* forget such posts; machine's thread */
	void (*stop)(void *opaque, const char *why);		     /* stop the guest until the user goes on */
};

/* blk_queue_new() - @image is the queue's from now on */
struct blk *blk_queue_new(struct blk *image, const struct blk_policy *p, const struct blk_host *h);

#endif
