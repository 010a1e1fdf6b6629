/*
 * block_open.c - which format an image has, and the overlay that keeps a snapshot's writes off a qcow2 image (block.h).
 */
#define _GNU_SOURCE
#include "frontend/block.h"
#include "frontend/qcow2.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTOR 512u

/* Writes go to an unlinked sparse file; a bit per sector says who has it. */
struct overlay {
	struct blk blk;
	struct blk *base;
	int fd;
	uint64_t *map;
};

static bool is_here(const struct overlay *o, uint64_t off)
{
	return o->map[off / SECTOR / 64] >> (off / SECTOR % 64) & 1;
}

static void note_error(void *opaque, int error)
{
	*(int *)opaque = error;
}

/* Runs of sectors that are in one place are read at once. */
static int overlay_read(struct overlay *o, uint8_t *buf, uint64_t off, uint32_t len)
{
	while (len) {
		bool here = is_here(o, off);
		uint32_t n = SECTOR;
		int err = EIO;

		while (n < len && is_here(o, off + n) == here)
			n += SECTOR;
		n = n < len ? n : len;
		if (here) {
			err = pread(o->fd, buf, n, (off_t)off) == (ssize_t)n ? 0 : EIO;
		} else {
			struct blk_req r = {.op = BLK_READ, .off = off, .buf = buf, .len = n, .done = note_error,
				.opaque = &err};

			blk_submit(o->base, &r);
		}
		if (err)
			return err;
		buf += n;
		off += n;
		len -= n;
	}
	return 0;
}

static int overlay_write(struct overlay *o, const uint8_t *buf, uint64_t off, uint32_t len)
{
	ssize_t n = pwrite(o->fd, buf, len, (off_t)off);

	if (n != (ssize_t)len)
		return n < 0 ? errno : ENOSPC;
	for (uint64_t s = off / SECTOR; s < (off + len) / SECTOR; s++)
		o->map[s / 64] |= BIT(s % 64);
	return 0;
}

static void overlay_submit(struct blk *b, struct blk_req *r)
{
	struct overlay *o = container_of(b, struct overlay, blk);
	int err = 0;

	if (r->op != BLK_FLUSH && (r->off > b->size || r->len > b->size - r->off || (r->off | r->len) % SECTOR))
		err = EIO;
	else if (r->op == BLK_READ)
		err = overlay_read(o, r->buf, r->off, r->len);
	else if (r->op == BLK_WRITE)
		err = overlay_write(o, r->buf, r->off, r->len);
	r->done(r->opaque, err); /* a flush of what vanishes at close is nothing; a discard is a hint */
}

static void overlay_close(struct blk *b)
{
	struct overlay *o = container_of(b, struct overlay, blk);

	o->base->ops->close(o->base);
	if (o->fd >= 0)
		close(o->fd);
	free(o->map);
	free(o);
}

/* Not emulated: writing a snapshot back into a qcow2 image. */
static int overlay_commit(struct blk *b)
{
	return EROFS;
}

static const struct blk_ops overlay_ops = {overlay_submit, overlay_close, overlay_commit};

/* @base is the overlay's from now on, and closed if there can be none. */
static enum vm_err put_overlay(struct blk *base, struct blk **out, struct err *e)
{
	struct overlay *o = calloc(1, sizeof(*o));
	const char *dir = getenv("TMPDIR");
	char name[256];
	enum vm_err r = VM_OK;

	BUG_ON(!o);
	o->blk = *base;
	o->blk.ops = &overlay_ops;
	o->blk.readonly = false;
	o->base = base;
	snprintf(name, sizeof(name), "%s/dragoman-XXXXXX", dir ? dir : "/var/tmp");
	o->fd = mkostemp(name, O_CLOEXEC);
	o->map = calloc(base->size / SECTOR / 64 + 1, sizeof(*o->map));
	if (o->fd < 0)
		r = err_errno(e, "cannot make a temporary file '%s'", name);
	else
		unlink(name);
	if (!r && !o->map)
		r = err_set(e, VM_ERR_NOMEM, "no memory for the snapshot");
	if (r)
		overlay_close(&o->blk);
	else
		*out = &o->blk;
	return r;
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
	enum blk_format f = opt->format == BLK_FORMAT_PROBE ? probe(path) : opt->format;
	struct blk_raw_options raw = opt->raw;
	enum vm_err r;

	raw.guessed = opt->format == BLK_FORMAT_PROBE;
	if (f == BLK_FORMAT_RAW)
		return blk_open_raw(path, &raw, out, e);
	r = blk_open_qcow2(path, opt, out, e);
	if (!r && opt->raw.snapshot && !opt->raw.readonly && !opt->raw.cdrom) {
		struct blk *base = *out;

		*out = NULL;
		r = put_overlay(base, out, e);
	}
	return r;
}
