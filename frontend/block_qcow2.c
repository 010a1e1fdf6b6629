/*
 * block_qcow2.c - qcow2 images: header, tables, reading (qcow2.h). Not emulated, and refused: encryption, external data
 * files, extended L2 entries, zstd. An image left corrupt is read, but not written before qemu-img has repaired it; one left dirty is
 * repaired when it is opened for writing (block_qcow2_repair.c).
 */
#define _GNU_SOURCE
#include "frontend/qcow2.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define COMPAT_LAZY	 BIT(0)
#define HEADER_V3	 104u
#define EXT_BACKING	 0xe2792acau
#define EXT_BITMAPS	 0x23852875u

uint64_t qcow2_be(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | *p++;
	return v;
}

void qcow2_put(uint8_t *p, uint64_t v, unsigned bytes)
{
	while (bytes--) {
		p[bytes] = (uint8_t)v;
		v >>= 8;
	}
}

int qcow2_pread(struct qcow2 *q, void *buf, uint64_t at, uint32_t len)
{
	return host_file_read(&q->file, buf, at, len);
}

int qcow2_pwrite(struct qcow2 *q, const void *buf, uint64_t at, uint32_t len)
{
	return host_file_write(&q->file, buf, at, len);
}

int qcow2_load(struct qcow2 *q, struct qcow2_table *t, uint64_t at)
{
	int err;

	if (t->at == at)
		return 0;
	if (at & (q->csize - 1))
		return EIO;
	t->at = 0;
	err = qcow2_pread(q, t->data, at, q->csize);
	if (!err)
		t->at = at;
	return err;
}

void qcow2_forget(struct qcow2 *q, uint64_t at)
{
	for (unsigned i = 0; i < QCOW2_L2S; i++)
		if (q->l2[i].t.at == at)
			q->l2[i].t.at = 0;
}

int qcow2_l2(struct qcow2 *q, uint64_t at, struct qcow2_l2 **out)
{
	struct qcow2_l2 *best = &q->l2[0];
	int err = 0;

	for (unsigned i = 0; i < QCOW2_L2S; i++) {
		struct qcow2_l2 *l = &q->l2[i];

		if (l->t.at == at || l->used < best->used)
			best = l;
		if (l->t.at == at)
			break;
	}
	if (best->t.at != at) {
		if (best->lo != best->hi)
			err = qcow2_barrier(q);
		if (!err && !best->t.data)
			best->t.data = malloc(q->csize);
		if (!err)
			err = best->t.data ? qcow2_load(q, &best->t, at) : ENOMEM;
	}
	best->used = ++q->now;
	*out = best;
	return err;
}

int qcow2_get(struct qcow2 *q, uint64_t n, uint64_t *entry)
{
	uint64_t table = q->l1[n >> (q->cbits - 3)] & QCOW2_OFFSET;
	struct qcow2_l2 *l;
	int err;

	*entry = 0;
	if (!table)
		return 0;
	err = qcow2_l2(q, table, &l);
	if (!err)
		*entry = qcow2_be(l->t.data + (n & ((q->csize >> 3) - 1)) * 8, 8);
	if (q->version < 3 && !(*entry & QCOW2_COMPRESSED))
		*entry &= ~QCOW2_ZERO;
	return err;
}

void qcow2_packed(const struct qcow2 *q, uint64_t entry, uint64_t *at, uint32_t *len)
{
	unsigned x = 62 - (q->cbits - 8);

	*at = entry & (BIT(x) - 1);
	*len = (uint32_t)(((entry & (BIT(62) - 1)) >> x) + 1) * 512 - (uint32_t)(*at & 511);
}

/* A compressed cluster into bounce: a raw deflate stream. */
static int unpack(struct qcow2 *q, uint64_t entry)
{
	z_stream z = {0};
	uint64_t at;
	uint32_t len;
	int err;

	qcow2_packed(q, entry, &at, &len);
	if (len > 2 * q->csize)
		return EIO;
	err = qcow2_pread(q, q->packed, at, len);
	if (err)
		return err;
	if (inflateInit2(&z, -15) != Z_OK)
		return ENOMEM;
	z.next_in = q->packed;
	z.avail_in = len;
	z.next_out = q->bounce;
	z.avail_out = q->csize;
	err = inflate(&z, Z_FINISH);
	inflateEnd(&z);
	/* the stream may be followed by the next cluster's bytes */
	return !z.avail_out && (err == Z_STREAM_END || err == Z_BUF_ERROR || err == Z_OK) ? 0 : EIO;
}

static int read_backing(struct qcow2 *q, uint8_t *buf, uint64_t off, uint32_t len)
{
	uint64_t size = q->backing ? q->backing->size : 0;
	uint32_t n = off >= size ? 0 : size - off < len ? (uint32_t)(size - off) : len;

	memset(buf + n, 0, len - n);
	return n ? blk_do(q->backing, BLK_READ, off, buf, n) : 0;
}

int qcow2_read(struct qcow2 *q, uint8_t *buf, uint64_t off, uint32_t len)
{
	while (len) {
		uint32_t in = (uint32_t)(off & (q->csize - 1)), n = q->csize - in < len ? q->csize - in : len;
		uint64_t entry, at;
		int err = qcow2_get(q, off >> q->cbits, &entry);

		at = entry & QCOW2_OFFSET;
		if (err)
			return err;
		if (entry & QCOW2_COMPRESSED) {
			err = unpack(q, entry);
			if (!err)
				memmove(buf, q->bounce + in, n);
		} else if (entry & QCOW2_ZERO) {
			memset(buf, 0, n);
		} else if (!at) {
			err = read_backing(q, buf, off, n);
		} else {
			err = at & (q->csize - 1) ? EIO : qcow2_pread(q, buf, at + in, n);
		}
		if (err)
			return err;
		buf += n;
		off += n;
		len -= n;
	}
	return 0;
}

static int flush(struct qcow2 *q)
{
	int err = qcow2_barrier(q);

	return err ? err : host_file_sync(&q->file);
}

static void qcow2_submit(struct blk *b, struct blk_req *r)
{
	struct qcow2 *q = container_of(b, struct qcow2, blk);
	int err = 0;

	if (r->op != BLK_FLUSH && (r->off > b->size || r->len > b->size - r->off))
		err = EIO;
	else if (r->op == BLK_READ)
		err = qcow2_read(q, r->buf, r->off, r->len);
	else if (b->readonly)
		err = r->op == BLK_FLUSH ? 0 : EROFS;
	else if (r->op == BLK_WRITE)
		err = qcow2_write(q, r->buf, r->off, r->len);
	else if (r->op == BLK_DISCARD || r->op == BLK_ZERO)
		err = qcow2_discard(q, r->off, r->len, r->op == BLK_ZERO);
	else
		err = flush(q);
	r->done(r->opaque, err);
}

static void qcow2_close(struct blk *b)
{
	struct qcow2 *q = container_of(b, struct qcow2, blk);

	if (q->file.fd >= 0 && !b->readonly)
		qcow2_clean(q);
	host_file_close(&q->file);
	if (q->backing)
		q->backing->ops->close(q->backing);
	for (unsigned i = 0; i < QCOW2_L2S; i++)
		free(q->l2[i].t.data);
	free(q->l1);
	free(q->l1_late);
	free(q->reft);
	free(q->refb.data);
	free(q->bounce);
	free(q->packed);
	free(q);
}

/* A writer of ours does not keep bitmaps up to date: the bits that say they are fall. */
static int clear_auto(struct qcow2 *q)
{
	static const uint8_t none[8];

	return q->version < 3 ? 0 : qcow2_pwrite(q, none, 88, 8);
}

static int qcow2_reopen(struct blk *b, bool write)
{
	struct qcow2 *q = container_of(b, struct qcow2, blk);
	int err;

	if (!write) {
		int back;

		err = qcow2_clean(q);
		back = host_file_reopen(&q->file, false);
		b->readonly = true;
		return err ? err : back;
	}
	if (q->features)
		return EROFS; /* dirty or corrupt: qemu-img repairs it first */
	err = host_file_reopen(&q->file, true);
	if (err)
		return err;
	err = clear_auto(q);
	if (err)
		host_file_reopen(&q->file, false);
	else
		b->readonly = false;
	return err;
}

static const struct blk_ops qcow2_ops = {.submit = qcow2_submit, .close = qcow2_close, .reopen = qcow2_reopen};

struct qcow2 *qcow2_from(struct blk *b)
{
	return b->ops == &qcow2_ops ? container_of(b, struct qcow2, blk) : NULL;
}

/* Features we do not know would make us read or write nonsense. */
static enum vm_err check_features(struct qcow2 *q, const char *path, const uint8_t *h, struct err *e)
{
	uint64_t bits = q->version < 3 ? 0 : qcow2_be(h + 72, 8);

	if (qcow2_be(h + 32, 4))
		return err_set(e, VM_ERR_FORMAT, "qcow2 image '%s' is encrypted, which is not supported", path);
	if (bits & BIT(2))
		return err_set(e, VM_ERR_FORMAT, "qcow2 image '%s' has an external data file, which is not supported", path);
	if (bits & BIT(3))
		return err_set(e, VM_ERR_FORMAT, "qcow2 image '%s' is compressed by zstd, which is not supported", path);
	if (bits & ~(QCOW2_DIRTY | QCOW2_CORRUPT))
		return err_set(e, VM_ERR_FORMAT, "qcow2 image '%s' has unknown features %#llx", path,
			(unsigned long long)bits);
	q->features = bits;
	q->lazy = q->version >= 3 && qcow2_be(h + 80, 8) & COMPAT_LAZY;
	if (bits & QCOW2_CORRUPT && !q->blk.readonly)
		return err_set(e, VM_ERR_FORMAT, "qcow2 image '%s' is corrupt: repair it with qemu-img check -r all", path);
	return VM_OK;
}

static enum vm_err corrupt(struct err *e, const char *path, const char *what)
{
	return err_set(e, VM_ERR_FORMAT, "qcow2 image '%s' is corrupt: %s", path, what);
}

static enum vm_err read_header(struct qcow2 *q, const char *path, const uint8_t *h, struct err *e)
{
	uint64_t size = qcow2_be(h + 24, 8), l1_need;
	uint32_t clusters = (uint32_t)qcow2_be(h + 56, 4), order;

	q->version = (unsigned)qcow2_be(h + 4, 4);
	q->cbits = (unsigned)qcow2_be(h + 20, 4);
	q->l1_n = (uint32_t)qcow2_be(h + 36, 4);
	q->l1_at = qcow2_be(h + 40, 8);
	q->reft_at = qcow2_be(h + 48, 8);
	if (q->version != 2 && q->version != 3)
		return err_set(e, VM_ERR_FORMAT, "qcow2 image '%s': version %u is not supported", path, q->version);
	if (q->cbits < 9 || q->cbits > 21)
		return corrupt(e, path, "cluster size");
	q->csize = 1u << q->cbits;
	order = q->version < 3 ? 4 : (uint32_t)qcow2_be(h + 96, 4);
	if (order > 6)
		return corrupt(e, path, "reference count width");
	q->rbits = order;
	if (!size || size > BIT(62))
		return corrupt(e, path, "disk size");
	q->blk.size = (size + 511) & ~511ull;
	l1_need = (((q->blk.size - 1) >> q->cbits) >> (q->cbits - 3)) + 1;
	if (q->l1_n < l1_need || q->l1_n > QCOW2_MAX_L1 / 8 || q->l1_at & (q->csize - 1) || !q->l1_at || q->l1_at >> 56)
		return corrupt(e, path, "L1 table");
	if (!clusters || clusters > QCOW2_MAX_REFT >> q->cbits || q->reft_at & (q->csize - 1) || !q->reft_at ||
		q->reft_at >> 56)
		return corrupt(e, path, "reference count table");
	q->reft_n = clusters << (q->cbits - 3);
	return check_features(q, path, h, e);
}

static uint64_t *load_first(struct qcow2 *q, uint64_t at, uint32_t n)
{
	uint64_t *t = malloc((size_t)n * 8);

	if (t && qcow2_pread(q, t, at, n * 8)) {
		free(t);
		return NULL;
	}
	for (uint32_t i = 0; t && i < n; i++)
		t[i] = qcow2_be((const uint8_t *)&t[i], 8);
	return t;
}

static enum vm_err read_tables(struct qcow2 *q, const char *path, struct err *e)
{
	q->l1 = load_first(q, q->l1_at, q->l1_n);
	q->reft = load_first(q, q->reft_at, q->reft_n);
	q->l1_late = calloc(q->l1_n, 1);
	q->refb.data = malloc(q->csize);
	q->bounce = malloc(q->csize);
	q->packed = malloc((size_t)q->csize * 2);
	if (!q->l1 || !q->reft || !q->l1_late || !q->refb.data || !q->bounce || !q->packed)
		return err_set(e, VM_ERR_IO, "cannot read the tables of '%s'", path);
	return VM_OK;
}

/* The name of the backing file's format, from the header extensions; empty if there is none. */
static enum vm_err backing_format(struct qcow2 *q, const char *path, const uint8_t *h, char name[16], struct err *e)
{
	uint64_t at = q->version < 3 ? 72 : qcow2_be(h + 100, 4);
	uint8_t x[8];

	name[0] = 0;
	if (q->version == 3 && (at < HEADER_V3 || at > q->csize))
		return corrupt(e, path, "header length");
	while (at + sizeof(x) <= q->csize && !qcow2_pread(q, x, at, sizeof(x))) {
		uint32_t type = (uint32_t)qcow2_be(x, 4), len = (uint32_t)qcow2_be(x + 4, 4);

		if (!type)
			break;
		if (len > q->csize - at - sizeof(x))
			return corrupt(e, path, "header extension");
		q->bitmaps |= type == EXT_BITMAPS;
		if (type == EXT_BACKING) {
			if (len > 15 || qcow2_pread(q, name, at + 8, len))
				return corrupt(e, path, "backing format");
			name[len] = 0;
		}
		at += sizeof(x) + ((len + 7) & ~7u);
	}
	return VM_OK;
}

static enum vm_err open_backing(struct qcow2 *q, const char *path, const uint8_t *h, unsigned depth, struct err *e)
{
	uint64_t at = qcow2_be(h + 8, 8);
	uint32_t len = (uint32_t)qcow2_be(h + 16, 4);
	struct blk_options o = {.raw = {.readonly = true, .direct = q->file.direct >= 0}, .depth = depth + 1};
	char name[1024], full[2048], format[16];
	const char *slash = strrchr(path, '/');
	enum vm_err r = backing_format(q, path, h, format, e);

	if (r || !at)
		return r;
	if (!len || len > 1023 || at > q->csize || len > q->csize - at || qcow2_pread(q, name, at, len))
		return corrupt(e, path, "backing file name");
	name[len] = 0;
	if (depth >= QCOW2_DEPTH)
		return err_set(e, VM_ERR_FORMAT, "more than %u backing files: '%s'", QCOW2_DEPTH, path);
	if (strchr(name, ':') && (!strchr(name, '/') || strchr(name, ':') < strchr(name, '/')))
		return err_set(e, VM_ERR_FORMAT, "backing file '%s' of '%s' is not a file name", name, path);
	if (name[0] != '/' && slash)
		snprintf(full, sizeof(full), "%.*s/%s", (int)(slash - path), path, name);
	else
		snprintf(full, sizeof(full), "%s", name);
	for (unsigned i = 0; i < BLK_FORMATS; i++)
		if (!strcmp(format, blk_format_names[i]))
			o.format = BLK_FORMAT_RAW + i;
	if (format[0] && !o.format)
		return err_set(e, VM_ERR_FORMAT, "backing file '%s': format '%s' is not supported", full, format);
	return blk_open(full, &o, &q->backing, e);
}

enum vm_err blk_open_qcow2(const char *path, const struct blk_options *opt, struct blk **out, struct err *e)
{
	struct qcow2 *q = calloc(1, sizeof(*q));
	bool write = !opt->raw.readonly && !opt->raw.cdrom && !opt->raw.snapshot;
	uint8_t h[HEADER_V3];
	enum vm_err r = VM_OK;

	*out = NULL;
	BUG_ON(!q);
	q->blk.ops = &qcow2_ops;
	q->blk.readonly = !write;
	q->blk.is_cdrom = opt->raw.cdrom;
	q->blk.present = true;
	q->blk.known_format = true;
	snprintf(q->blk.file, sizeof(q->blk.file), "%s", path);
	r = host_file_open(&q->file, path, write, opt->raw.direct, e);
	q->file.no_sync = opt->raw.unsafe;
	if (!r && (qcow2_pread(q, h, 0, sizeof(h)) || qcow2_be(h, 4) != QCOW2_MAGIC))
		r = err_set(e, VM_ERR_FORMAT, "disk image '%s' is not qcow2", path);
	if (!r)
		r = read_header(q, path, h, e);
	if (!r)
		r = read_tables(q, path, e);
	if (!r)
		r = open_backing(q, path, h, opt->depth, e);
	if (!r && opt->lazy && q->version < 3 && opt->lazy == BLK_LAZY_ON)
		r = err_set(e, VM_ERR_USAGE, "qcow2 image '%s' is of version 2, which has no lazy reference counts", path);
	if (!r && opt->lazy)
		q->lazy = opt->lazy == BLK_LAZY_ON;
	if (!r && write && clear_auto(q))
		r = err_errno(e, "cannot write '%s'", path);
	if (!r && write && q->features & QCOW2_DIRTY)
		r = qcow2_repair(q, path, e);
	if (r) {
		q->blk.readonly = true; /* nothing was written: nothing to sync */
		qcow2_close(&q->blk);
		return r;
	}
	*out = &q->blk;
	return VM_OK;
}
