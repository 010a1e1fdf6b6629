/* block_open.c - which format an image has (block.h). */
#define _GNU_SOURCE
#include "frontend/block.h"
#include "frontend/qcow2.h"
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static void note_error(void *opaque, int error)
{
	*(int *)opaque = error;
}

int blk_do(struct blk *image, enum blk_op op, uint64_t off, uint8_t *buf, uint32_t len)
{
	int err = -1;
	struct blk_req r = {.op = op, .off = off, .buf = buf, .len = len, .done = note_error, .opaque = &err};

	blk_submit(image, &r);
	BUG_ON(err < 0);
	return err;
}

static enum blk_format probe(const char *path)
{
	uint8_t magic[4] = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	bool got = fd >= 0 && pread(fd, magic, sizeof(magic), 0) == (ssize_t)sizeof(magic);

	if (fd >= 0)
		close(fd);
	return got && qcow2_be(magic, 4) == QCOW2_MAGIC ? BLK_FORMAT_QCOW2 : BLK_FORMAT_RAW;
}

enum vm_err blk_open(const char *path, const struct blk_options *opt, struct blk **out, struct err *e)
{
	enum blk_format f;
	struct blk_raw_options raw = opt->raw;
	struct blk *base;
	enum vm_err r;

	if (blk_is_nbd(path))
		return blk_open_nbd(path, opt, out, e);
	f = opt->format == BLK_FORMAT_PROBE ? probe(path) : opt->format;
	raw.guessed = opt->format == BLK_FORMAT_PROBE;
	*out = NULL;
	if (f == BLK_FORMAT_RAW && opt->lazy)
		return err_set(e, VM_ERR_USAGE, "'%s' is a raw image, which has no reference counts to be lazy with", path);
	if (f == BLK_FORMAT_RAW)
		return blk_open_raw(path, &raw, out, e);
	r = blk_open_qcow2(path, opt, &base, e);
	if (!r && opt->raw.snapshot && !opt->raw.readonly && !opt->raw.cdrom)
		return blk_put_overlay(base, out, e);
	*out = base;
	return r;
}
