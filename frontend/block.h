/*
 * block.h - disk images as struct blk (devices/host/block.h).
 */
#ifndef FRONTEND_BLOCK_H
#define FRONTEND_BLOCK_H

#include "devices/host/block.h"
#include "mmu/base/err.h"

struct blk_raw_options {
	bool readonly, snapshot, cdrom;
	bool guessed; /* nobody said it is raw: the guest must not turn it into another format (EPERM) */
};

/**
 * blk_open_raw() - a raw image file or block device
 * A size that is no multiple of 512 is rounded up; the missing bytes read as zero. A writable image is locked: a second
 * writer is refused. With @opt->snapshot writes go to an unnamed temporary file and vanish at close.
 */
enum vm_err blk_open_raw(const char *path, const struct blk_raw_options *opt, struct blk **out, struct err *e);

enum blk_format { BLK_FORMAT_PROBE, BLK_FORMAT_RAW, BLK_FORMAT_QCOW2 };
struct blk_options {
	struct blk_raw_options raw;
	enum blk_format format;
	unsigned depth; /* how many images stand above this one */
};

/**
 * blk_open() - an image of the given format; BLK_FORMAT_PROBE: qcow2 by its first bytes, raw otherwise
 * A snapshot of a qcow2 image cannot be committed (EROFS).
 */
enum vm_err blk_open(const char *path, const struct blk_options *opt, struct blk **out, struct err *e);

/* blk_open_qcow2() - a qcow2 image and its backing files; @opt->raw.snapshot: for reading only, below an overlay */
enum vm_err blk_open_qcow2(const char *path, const struct blk_options *opt, struct blk **out, struct err *e);

#endif
