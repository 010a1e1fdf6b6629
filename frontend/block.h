/*
 * block.h - disk images as struct blk (devices/host/block.h).
 *
 * An image (blk_open) does a request in submit, on the caller's thread; blk_queue_new() (block_queue.h) puts a thread, the
 * cache mode and the error policy in front of it.
 */
#ifndef FRONTEND_BLOCK_H
#define FRONTEND_BLOCK_H

#include "devices/host/block.h"
#include "mmu/base/err.h"

struct blk_raw_options {
	bool readonly, snapshot, cdrom;
	bool guessed; /* nobody said it is raw: the guest must not turn it into another format (EPERM) */
	bool direct;  /* past the host's page cache where it can be */
	bool unsafe;  /* a flush waits for nothing */
};

/**
 * blk_open_raw() - a raw image file or block device
 * A size that is no multiple of 512 is rounded up; the missing bytes read as zero. A writable image is locked: a second
 * writer is refused. With @opt->snapshot writes go to an unnamed temporary file and vanish at close.
 */
enum vm_err blk_open_raw(const char *path, const struct blk_raw_options *opt, struct blk **out, struct err *e);

enum blk_format { BLK_FORMAT_PROBE, BLK_FORMAT_RAW, BLK_FORMAT_QCOW2, BLK_FORMAT_VDI, BLK_FORMAT_VPC, BLK_FORMAT_VMDK };
#define BLK_FORMATS 5
extern const char *const blk_format_names[BLK_FORMATS]; /* QEMU's, from BLK_FORMAT_RAW on */
enum blk_lazy { BLK_LAZY_IMAGE /* as the image says */, BLK_LAZY_OFF, BLK_LAZY_ON };
struct blk_options {
	struct blk_raw_options raw;
	enum blk_format format;
	enum blk_lazy lazy; /* reference counts of a qcow2 image */
	unsigned depth; /* how many images stand above this one */
};

/* blk_is_nbd() - is it an NBD server's export (nbd://HOST[:PORT]/NAME, nbd+unix:///NAME?socket=PATH, nbd:HOST:PORT, nbd:unix:PATH)? */
bool blk_is_nbd(const char *path);
enum vm_err blk_open_nbd(const char *path, const struct blk_options *opt, struct blk **out, struct err *e);
/* blk_guess() - the format by the first @n bytes, at most 512 of which matter; raw if it is none of the others */
enum blk_format blk_guess(const uint8_t *first, size_t n);
/* blk_disguise() - does the request make an image of raw format that was guessed (blk_raw_options.guessed) one of another? */
bool blk_disguise(const struct blk_req *q);

/* blk_open() - an image or export of the given format; BLK_FORMAT_PROBE: by its first bytes */
enum vm_err blk_open(const char *path, const struct blk_options *opt, struct blk **out, struct err *e);

/* blk_open_qcow2() - a qcow2 image and its backing files; @opt->raw.snapshot: for reading only, below an overlay */
enum vm_err blk_open_qcow2(const char *path, const struct blk_options *opt, struct blk **out, struct err *e);

/* blk_put_overlay() - a snapshot of @base, which is the overlay's from now on, and closed if there can be none */
enum vm_err blk_put_overlay(struct blk *base, struct blk **out, struct err *e);

/* blk_do() - one request to an image: 0 or errno */
int blk_do(struct blk *image, enum blk_op op, uint64_t off, uint8_t *buf, uint32_t len);

#endif
