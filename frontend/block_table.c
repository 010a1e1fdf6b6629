/* block_table.c - see block_table.h. */
#define _GNU_SOURCE
#include "frontend/block_table.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTOR 512u

uint64_t table_get(const struct table_image *t, const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v = v << 8 | p[t->f->big ? i : bytes - 1 - i];
	return v;
}

enum vm_err table_corrupt(const struct table_image *t, struct err *e, const char *what)
{
	return err_set(e, VM_ERR_FORMAT, "%s image '%s' is corrupt: %s", t->f->name, t->path, what);
}

enum vm_err table_map(struct table_image *t, uint64_t n, struct err *e)
{
	t->map = n && n <= UINT32_MAX - TABLE_CHUNK ? malloc(n * sizeof(*t->map)) : NULL;
	if (!t->map)
		return err_set(e, VM_ERR_NOMEM, "no memory for the table of '%s'", t->path);
	t->n = (uint32_t)n;
	memset(t->map, 0xff, n * sizeof(*t->map));
	return VM_OK;
}

enum vm_err table_load(struct table_image *t, uint64_t at, uint32_t first, uint32_t n, uint32_t none, struct err *e)
{
	uint8_t b[TABLE_CHUNK * 4];

	for (uint32_t i = 0; i < n; i++) {
		uint32_t here = n - i < TABLE_CHUNK ? n - i : TABLE_CHUNK, in = i % TABLE_CHUNK;

		if (!in && host_file_read(&t->file, b, at + (uint64_t)i * 4, here * 4))
			return err_errno(e, "cannot read the table of '%s'", t->path);
		t->map[first + i] = (uint32_t)table_get(t, b + in * 4, 4);
		if (none ? t->map[first + i] >= none : !t->map[first + i])
			t->map[first + i] = TABLE_NONE;
	}
	return VM_OK;
}

int table_put(struct table_image *t, uint64_t at, uint32_t first, uint32_t n, uint32_t none)
{
	uint8_t b[TABLE_CHUNK * 4];

	for (uint32_t i = 0; i < n; i++) {
		uint32_t v = t->map[first + i] == TABLE_NONE ? none : t->map[first + i];

		for (unsigned k = 0; k < 4; k++)
			b[i * 4 + k] = (uint8_t)(v >> (t->f->big ? 24 - 8 * k : 8 * k));
	}
	return host_file_write(&t->file, b, at, n * 4);
}

bool table_is_free(const struct table_image *t, uint64_t at, uint64_t len)
{
	for (unsigned i = 0; i < t->metas; i++)
		if (at < t->meta[i].end && at + len > t->meta[i].at)
			return false;
	return true;
}

enum vm_err table_meta(struct table_image *t, uint64_t at, uint64_t len, const char *what, struct err *e)
{
	if (at > t->length || len > t->length - at || !table_is_free(t, at, len))
		return table_corrupt(t, e, what);
	BUG_ON(t->metas == TABLE_METAS);
	t->meta[t->metas].at = at;
	t->meta[t->metas++].end = at + len;
	return VM_OK;
}

static uint64_t place(const struct table_image *t, uint32_t k)
{
	return t->base + (uint64_t)t->map[k] * t->unit;
}

static int read_part(struct table_image *t, uint32_t k, uint32_t in, uint8_t *buf, uint32_t len)
{
	int err;

	if (t->map[k] == TABLE_NONE) {
		memset(buf, 0, len);
		return 0;
	}
	if (!t->packed)
		return host_file_read(&t->file, buf, place(t, k) + t->head + in, len);
	err = t->unpacked == k ? 0 : t->f->unpack(t, k);
	t->unpacked = err ? TABLE_NONE : k;
	if (!err)
		memcpy(buf, t->bounce + in, len);
	return err;
}

/* A sector is there if its bit is set. Blocks that we write to have them all: what was not written is zero in the file. */
static int fill_head(struct table_image *t, uint32_t k, uint64_t at)
{
	uint8_t ones[SECTOR];
	int err = 0;

	memset(ones, 0xff, sizeof(ones));
	for (uint32_t i = 0; i < t->head && !t->full[k] && !err; i += SECTOR)
		err = host_file_write(&t->file, ones, at + i, SECTOR);
	if (!err && t->head)
		t->full[k] = 1;
	return err;
}

static int add_block(struct table_image *t, uint32_t k, uint32_t in, const uint8_t *buf, uint32_t len)
{
	static const uint8_t zeroes[SECTOR];
	uint64_t at = t->end, end = at + t->head + t->bsize, v = (at - t->base) / t->unit, old = t->length;
	int err = 0;

	if (v >= TABLE_NONE - 1)
		return ENOSPC;
	t->length = end > old ? end : old;
	t->moved = true;
	if (at < old) /* what a block left there that nothing refers to, or a footer */
		err = host_file_zero(&t->file, at, (end < old ? end : old) - at, true);
	if (!err)
		err = fill_head(t, k, at);
	if (!err)
		err = host_file_write(&t->file, buf, at + t->head + in, len);
	if (!err && in + len < t->bsize) /* the file has all of the block */
		err = host_file_write(&t->file, zeroes, end - SECTOR, SECTOR);
	if (err)
		return err;
	t->end = end;
	t->map[k] = (uint32_t)v;
	k /= TABLE_CHUNK;
	t->late[k] = 1;
	t->lo = t->lo == t->hi || k < t->lo ? k : t->lo;
	t->hi = k >= t->hi ? k + 1 : t->hi;
	return 0;
}

static int write_part(struct table_image *t, uint32_t k, uint32_t in, const uint8_t *buf, uint32_t len)
{
	int err;

	if (t->map[k] == TABLE_NONE)
		return add_block(t, k, in, buf, len);
	err = fill_head(t, k, place(t, k));
	return err ? err : host_file_write(&t->file, buf, place(t, k) + t->head + in, len);
}

static int plain(struct table_image *t, const struct blk_req *r)
{
	switch (r->op) {
	case BLK_READ:
		return host_file_read(&t->file, r->buf, r->off, r->len);
	case BLK_WRITE:
		return host_file_write(&t->file, r->buf, r->off, r->len);
	case BLK_ZERO:
		return host_file_zero(&t->file, r->off, r->len, true);
	default:
		return host_file_punch(&t->file, r->off, r->len);
	}
}

static int in_blocks(struct table_image *t, const struct blk_req *r)
{
	uint32_t n;
	int err = 0;

	for (uint32_t done = 0; done < r->len && !err; done += n) {
		uint64_t off = r->off + done;
		uint32_t k = (uint32_t)(off / t->bsize), in = (uint32_t)(off % t->bsize);

		n = t->bsize - in < r->len - done ? t->bsize - in : r->len - done;
		if (r->op == BLK_READ)
			err = read_part(t, k, in, r->buf + done, n);
		else if (r->op == BLK_WRITE)
			err = write_part(t, k, in, r->buf + done, n);
		else if (t->map[k] == TABLE_NONE)
			continue;
		else if (r->op == BLK_ZERO)
			err = host_file_zero(&t->file, place(t, k) + t->head + in, n, true);
		else
			err = host_file_punch(&t->file, place(t, k) + t->head + in, n);
	}
	return err;
}

/* Data first, then the entries that refer to them. */
static int barrier(struct table_image *t)
{
	int err = 0;

	if (t->moved && t->f->before)
		err = t->f->before(t);
	t->moved = err && t->moved;
	if (!err && t->lo != t->hi)
		err = host_file_sync(&t->file);
	for (uint32_t c = t->lo; c < t->hi && !err; c++) {
		uint32_t first = c * TABLE_CHUNK, left = t->n - first;

		if (t->late[c])
			err = t->f->put(t, first, left < TABLE_CHUNK ? left : TABLE_CHUNK);
		if (!err)
			t->late[c] = 0;
	}
	if (!err)
		t->lo = t->hi = 0;
	return err;
}

static int flush(struct table_image *t)
{
	int err = barrier(t);

	return err ? err : host_file_sync(&t->file);
}

static void table_submit(struct blk *b, struct blk_req *r)
{
	struct table_image *t = container_of(b, struct table_image, blk);
	int err;

	if (r->op != BLK_FLUSH && (r->off > b->size || r->len > b->size - r->off || (r->off | r->len) % SECTOR))
		err = EIO;
	else if (r->op != BLK_READ && b->readonly)
		err = r->op == BLK_FLUSH ? 0 : EROFS;
	else if (r->op == BLK_FLUSH)
		err = flush(t);
	else
		err = t->map ? in_blocks(t, r) : plain(t, r);
	r->done(r->opaque, err);
}

static int table_read_now(struct blk *b, uint8_t *buf, uint64_t off, uint32_t len)
{
	struct table_image *t = container_of(b, struct table_image, blk);
	uint32_t k;

	if (off > b->size || len > b->size - off || !len || t->packed)
		return EAGAIN;
	if (!t->map)
		return host_file_read_now(&t->file, buf, off, len);
	k = (uint32_t)(off / t->bsize);
	if ((off + len - 1) / t->bsize != k)
		return EAGAIN;
	if (t->map[k] == TABLE_NONE) {
		memset(buf, 0, len);
		return 0;
	}
	return host_file_read_now(&t->file, buf, place(t, k) + t->head + off % t->bsize, len);
}

static int table_reopen(struct blk *b, bool write)
{
	struct table_image *t = container_of(b, struct table_image, blk);
	int err = 0, back;

	if (write && t->fixed)
		return EROFS;
	if (!write)
		err = barrier(t);
	back = host_file_reopen(&t->file, write);
	if (!back || !write)
		b->readonly = !write;
	return err ? err : back;
}

static void table_close(struct blk *b)
{
	struct table_image *t = container_of(b, struct table_image, blk);

	if (t->file.fd >= 0 && !b->readonly)
		flush(t);
	host_file_close(&t->file);
	free(t->map);
	free(t->dir[0]);
	free(t->dir[1]);
	free(t->late);
	free(t->full);
	free(t->bounce);
	free(t->pack);
	free(t);
}

static const struct blk_ops table_ops = {.submit = table_submit, .close = table_close, .read_now = table_read_now,
	.reopen = table_reopen};

/* Blocks are in the file, and not over header and tables; where the next one goes. */
static enum vm_err check_blocks(struct table_image *t, struct err *e)
{
	uint32_t size = t->packed ? 1 : t->head + t->bsize;

	if (t->n < (t->blk.size - 1) / t->bsize + 1)
		return table_corrupt(t, e, "the table is too short for the disk");
	t->end = t->base;
	for (unsigned i = 0; i < t->metas; i++)
		t->end = t->meta[i].end > t->end ? t->meta[i].end : t->end;
	t->end = (t->end + SECTOR - 1) & ~(uint64_t)(SECTOR - 1);
	for (uint32_t k = 0; k < t->n; k++) {
		uint64_t at = place(t, k);

		if (t->map[k] == TABLE_NONE)
			continue;
		if (at >= t->length)
			return table_corrupt(t, e, "a block lies behind the end of the file");
		if (!table_is_free(t, at, size) || (t->limit && at + size > t->limit))
			return table_corrupt(t, e, "a block lies over header or tables");
		t->end = at + size > t->end ? at + size : t->end;
	}
	return VM_OK;
}

static enum vm_err make_room(struct table_image *t, struct err *e)
{
	t->late = calloc(t->n / TABLE_CHUNK + 1, 1);
	t->full = calloc(t->n + 1, 1);
	t->unpacked = TABLE_NONE;
	t->pack_size = t->packed ? t->bsize + t->bsize / 8 + 1024 : 0;
	t->bounce = t->packed ? malloc(t->bsize) : NULL;
	t->pack = t->packed ? malloc(t->pack_size) : NULL;
	if (!t->late || !t->full || (t->packed && (!t->bounce || !t->pack)))
		return err_set(e, VM_ERR_NOMEM, "no memory for '%s'", t->path);
	return VM_OK;
}

static enum vm_err open_file(struct table_image *t, const struct blk_options *opt, struct err *e)
{
	enum vm_err r = host_file_open(&t->file, t->path, !t->blk.readonly, opt->raw.direct, e);
	off_t end;

	if (r)
		return r;
	t->file.no_sync = opt->raw.unsafe;
	end = lseek(t->file.fd, 0, SEEK_END);
	if (end <= 0 || end == INT64_MAX) /* a directory's is what it likes */
		return err_set(e, VM_ERR_FORMAT, "disk image '%s' is not %s", t->path, t->f->name);
	t->length = (uint64_t)end;
	return VM_OK;
}

enum vm_err blk_open_table(const struct table_format *f, const char *path, const struct blk_options *opt, struct blk **out,
	struct err *e)
{
	struct table_image *t = calloc(1, sizeof(*t));
	enum vm_err r;

	*out = NULL;
	BUG_ON(!t);
	t->blk.ops = &table_ops;
	t->blk.readonly = opt->raw.readonly || opt->raw.cdrom || opt->raw.snapshot;
	t->blk.is_cdrom = opt->raw.cdrom;
	t->blk.present = true;
	t->blk.known_format = true;
	snprintf(t->blk.file, sizeof(t->blk.file), "%s", path);
	t->f = f;
	t->path = path;
	r = open_file(t, opt, e);
	if (!r)
		r = f->open(t, e);
	if (!r && t->map)
		r = check_blocks(t, e);
	if (!r)
		r = make_room(t, e);
	if (r) {
		t->blk.readonly = true; /* nothing was written: nothing to sync */
		table_close(&t->blk);
		return r;
	}
	t->path = NULL;
	*out = &t->blk;
	return VM_OK;
}
