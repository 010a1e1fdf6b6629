/*
 * block.h - disk images as struct blk (devices/host/block.h).
 */
#ifndef FRONTEND_BLOCK_H
#define FRONTEND_BLOCK_H

#include "devices/host/block.h"
#include "mmu/base/err.h"

struct blk_raw_options {
	bool readonly, snapshot, cdrom;
};

/**
 * blk_open_raw() - a raw image file or block device
 * A size that is no multiple of 512 is rounded up; the missing bytes read as zero. A writable image is locked: a second
 * writer is refused. With @opt->snapshot writes go to an unnamed temporary file and vanish at close.
 */
enum vm_err blk_open_raw(const char *path, const struct blk_raw_options *opt, struct blk **out, struct err *e);

#endif
