/*
 * block_raw.c - raw images: the file is the disk (block.h).
 */
#define _GNU_SOURCE
#include "frontend/block.h"
#include "frontend/block_file.h"
#include <errno.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

struct blk_raw {
	struct blk blk;
	struct host_file file;
	uint64_t file_size; /* bytes that exist */
	bool guessed;	    /* blk_raw_options */
};

/* A guest's write may fill up the file's last sector; a commit of whole sectors leaves the file's length alone. */
static uint32_t within(const struct blk_raw *r, uint64_t off, uint32_t len)
{
	if (r->file.reader < 0)
		return len;
	return off >= r->file_size ? 0 : r->file_size - off < len ? (uint32_t)(r->file_size - off) : len;
}

static int execute(struct blk_raw *r, struct blk_req *q)
{
	uint32_t len = within(r, q->off, q->len);

	switch (q->op) {
	case BLK_READ:
		return host_file_read(&r->file, q->buf, q->off, q->len);
	case BLK_WRITE:
		return r->guessed && blk_disguise(q) ? EPERM : host_file_write(&r->file, q->buf, q->off, len);
	case BLK_ZERO:
		return host_file_zero(&r->file, q->off, len, true);
	case BLK_DISCARD:
		return host_file_punch(&r->file, q->off, len);
	case BLK_FLUSH:
		break;
	}
	return host_file_sync(&r->file);
}

static void raw_submit(struct blk *b, struct blk_req *q)
{
	struct blk_raw *r = container_of(b, struct blk_raw, blk);
	int err;

	if (q->op != BLK_FLUSH && (q->off > b->size || q->len > b->size - q->off))
		err = EIO;
	else if (q->op != BLK_READ && b->readonly)
		err = q->op == BLK_FLUSH ? 0 : EROFS;
	else
		err = execute(r, q);
	q->done(q->opaque, err);
}

static int raw_read_now(struct blk *b, uint8_t *buf, uint64_t off, uint32_t len)
{
	struct blk_raw *r = container_of(b, struct blk_raw, blk);

	return off > b->size || len > b->size - off ? EAGAIN : host_file_read_now(&r->file, buf, off, len);
}

static int raw_reopen(struct blk *b, bool write)
{
	struct blk_raw *r = container_of(b, struct blk_raw, blk);
	int err = host_file_reopen(&r->file, write);

	if (!err || !write)
		b->readonly = !write;
	return err;
}

static void raw_close(struct blk *b)
{
	struct blk_raw *r = container_of(b, struct blk_raw, blk);

	if (r->file.fd >= 0 && !b->readonly)
		host_file_sync(&r->file);
	host_file_close(&r->file);
	free(r);
}

static const struct blk_ops raw_ops = {.submit = raw_submit, .close = raw_close, .read_now = raw_read_now,
	.reopen = raw_reopen};

static enum vm_err measure(struct blk_raw *r, const char *path, struct err *e)
{
	struct stat st;

	if (fstat(r->file.fd, &st))
		return err_errno(e, "cannot examine disk image '%s'", path);
	if (S_ISDIR(st.st_mode))
		return err_set(e, VM_ERR_IO, "disk image '%s' is a directory", path);
	if (S_ISBLK(st.st_mode)) {
		if (ioctl(r->file.fd, BLKGETSIZE64, &r->file_size))
			return err_errno(e, "cannot get the size of '%s'", path);
	} else if (S_ISREG(st.st_mode)) {
		r->file_size = (uint64_t)st.st_size;
	} else {
		return err_set(e, VM_ERR_IO, "disk image '%s' is neither a file nor a block device", path);
	}
	if (!r->file_size)
		return err_set(e, VM_ERR_FORMAT, "disk image '%s' is empty", path);
	r->blk.size = (r->file_size + 511) & ~511ull;
	return VM_OK;
}

enum vm_err blk_open_raw(const char *path, const struct blk_raw_options *opt, struct blk **out, struct err *e)
{
	struct blk_raw *r = calloc(1, sizeof(*r));
	bool write = !opt->readonly && !opt->cdrom && !opt->snapshot;
	enum vm_err x;

	BUG_ON(!r);
	*out = NULL;
	r->blk.ops = &raw_ops;
	r->blk.is_cdrom = opt->cdrom;
	r->blk.readonly = !write;
	r->blk.present = true;
	r->guessed = opt->guessed;
	snprintf(r->blk.file, sizeof(r->blk.file), "%s", path);
	x = host_file_open(&r->file, path, write, opt->direct, e);
	r->file.no_sync = opt->unsafe;
	if (!x)
		x = measure(r, path, e);
	if (x) {
		r->blk.readonly = true; /* nothing was written: nothing to sync */
		raw_close(&r->blk);
		return x;
	}
	if (opt->snapshot && !opt->readonly && !opt->cdrom)
		return blk_put_overlay(&r->blk, out, e);
	*out = &r->blk;
	return VM_OK;
}
