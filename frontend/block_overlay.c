/*
 * block_overlay.c - a snapshot: writes go to a file that vanishes at close, reads see them over the image (block.h).
 *
 * The file is sparse and unlinked; a bit per sector says who has it. Requests complete at once, as images' do.
 */
#define _GNU_SOURCE
#include "frontend/block.h"
#include "frontend/block_file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTOR 512u
#define CHUNK  65536u /* bytes committed at once, at most */

struct overlay {
	struct blk blk;
	struct blk *base;
	struct host_file file;
	uint64_t *map;
	size_t map_size;
};

static bool is_here(const struct overlay *o, uint64_t off)
{
	return o->map[off / SECTOR / 64] >> (off / SECTOR % 64) & 1;
}

/* The first sector at or after @off, before @end, that is in one place with @off's: where the run ends. */
static uint32_t run_of(const struct overlay *o, uint64_t off, uint32_t len)
{
	uint32_t n = SECTOR;

	while (n < len && is_here(o, off + n) == is_here(o, off))
		n += SECTOR;
	return n < len ? n : len;
}

static int overlay_read(struct overlay *o, uint8_t *buf, uint64_t off, uint32_t len)
{
	while (len) {
		uint32_t n = run_of(o, off, len);
		int err = is_here(o, off) ? host_file_read(&o->file, buf, off, n) : blk_do(o->base, BLK_READ, off, buf, n);

		if (err)
			return err;
		buf += n;
		off += n;
		len -= n;
	}
	return 0;
}

static int overlay_read_now(struct blk *b, uint8_t *buf, uint64_t off, uint32_t len)
{
	struct overlay *o = container_of(b, struct overlay, blk);

	if (off > b->size || len > b->size - off || !len || run_of(o, off, len) != len)
		return EAGAIN;
	if (is_here(o, off))
		return host_file_read_now(&o->file, buf, off, len);
	return o->base->ops->read_now ? o->base->ops->read_now(o->base, buf, off, len) : EAGAIN;
}

static int overlay_write(struct overlay *o, const uint8_t *buf, uint64_t off, uint32_t len)
{
	int err = buf ? host_file_write(&o->file, buf, off, len) : host_file_zero(&o->file, off, len, true);

	for (uint64_t s = off / SECTOR; !err && s < (off + len) / SECTOR; s++)
		o->map[s / 64] |= BIT(s % 64);
	return err;
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
	else if (r->op == BLK_ZERO)
		err = overlay_write(o, NULL, r->off, r->len);
	r->done(r->opaque, err); /* a flush of what vanishes at close is nothing; a discard is a hint */
}

static void overlay_close(struct blk *b)
{
	struct overlay *o = container_of(b, struct overlay, blk);

	o->base->ops->close(o->base);
	host_file_close(&o->file);
	free(o->map);
	free(o);
}

/* What was written here, into the image, which until now was open for reading only. */
static int overlay_commit(struct blk *b)
{
	struct overlay *o = container_of(b, struct overlay, blk);
	uint8_t *buf = malloc(CHUNK);
	int err, back;

	BUG_ON(!buf);
	err = o->base->ops->reopen ? o->base->ops->reopen(o->base, true) : EROFS;
	if (err) {
		free(buf);
		return err;
	}
	for (uint64_t off = 0; off < b->size && !err;) {
		uint32_t left = b->size - off < CHUNK ? (uint32_t)(b->size - off) : CHUNK, n = run_of(o, off, left);

		if (is_here(o, off)) {
			err = host_file_read(&o->file, buf, off, n);
			if (!err)
				err = blk_do(o->base, BLK_WRITE, off, buf, n);
		}
		off += n;
	}
	if (!err)
		err = blk_do(o->base, BLK_FLUSH, 0, NULL, 0);
	back = o->base->ops->reopen(o->base, false);
	free(buf);
	err = err ? err : back;
	if (!err)
		memset(o->map, 0, o->map_size);
	return err;
}

static const struct blk_ops overlay_ops = {.submit = overlay_submit, .close = overlay_close, .commit = overlay_commit,
	.read_now = overlay_read_now};

enum vm_err blk_put_overlay(struct blk *base, struct blk **out, struct err *e)
{
	struct overlay *o = calloc(1, sizeof(*o));
	const char *dir = getenv("TMPDIR");
	char name[256];
	enum vm_err r = VM_OK;

	*out = NULL;
	BUG_ON(!o);
	o->blk = *base;
	o->blk.ops = &overlay_ops;
	o->blk.readonly = false;
	o->base = base;
	o->file = (struct host_file){.fd = -1, .direct = -1, .reader = -1, .no_sync = true};
	snprintf(name, sizeof(name), "%s/dragoman-XXXXXX", dir ? dir : "/var/tmp");
	o->file.fd = mkostemp(name, O_CLOEXEC);
	o->map_size = (base->size / SECTOR / 64 + 1) * sizeof(*o->map);
	o->map = calloc(1, o->map_size);
	if (o->file.fd < 0)
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
