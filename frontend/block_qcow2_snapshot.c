/*
 * block_qcow2_snapshot.c - snapshots inside a qcow2 image (block_snapshot.h): the table of them, making, going back, deleting.
 *
 * A snapshot is a copy of the first-level table and a count more for all that it refers to. What is stored with it - the state of a
 * machine - lies in its tree behind the end of the disk, and in no other tree.
 *
 * Counts rise before something refers to the clusters and fall after nothing does; the header's fields, written at once, switch from
 * one state to the other. A power failure leaves leaks and flags that cost a copy, as qemu-img check -r repairs them.
 *
 * Source: "QCOW2 image file format" (QEMU's docs/interop/qcow2), "Snapshots".
 */
#include "frontend/block_snapshot.h"
#include "frontend/qcow2.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENTRY 40u /* bytes of an entry before its extra data */
#define EXTRA 16u /* of extra data that we write */
#define MAX_TABLE (16u << 20)
#define HEADER_L1 36	   /* size (4 bytes) and place (8) of the active first-level table */
#define HEADER_SNAPSHOTS 60 /* number (4) and place (8) of the table of snapshots */

static struct qcow2 *of(struct blk *b)
{
	while (b && b->ops->below)
		b = b->ops->below(b);
	return b ? qcow2_from(b) : NULL;
}

/* First-level entries of the disk itself; a snapshot's state begins behind them. */
static uint32_t disk_l1(const struct qcow2 *q)
{
	return (uint32_t)((((q->blk.size - 1) >> q->cbits) >> (q->cbits - 3)) + 1);
}

bool blk_snapshot_able(struct blk *b)
{
	struct qcow2 *q = of(b);

	return q && !q->blk.readonly && !q->broken && q->rbits > 0;
}

/* From here on counts are written at once: only the guest's writes make an image dirty. */
static int settle(struct qcow2 *q)
{
	return qcow2_clean(q);
}

/* ---- the table of snapshots ---- */

/* The entry at @p, of at most @left bytes. Return: its bytes, or 0: damaged */
static uint32_t parse(const uint8_t *p, uint32_t left, struct blk_snapshot *s)
{
	uint32_t id, name, extra, len;

	if (left < ENTRY)
		return 0;
	id = (uint32_t)qcow2_be(p + 12, 2);
	name = (uint32_t)qcow2_be(p + 14, 2);
	extra = (uint32_t)qcow2_be(p + 36, 4);
	if (extra > left - ENTRY || id + name > left - ENTRY - extra)
		return 0;
	memset(s, 0, sizeof(*s));
	s->l1_at = qcow2_be(p, 8);
	s->l1_n = (uint32_t)qcow2_be(p + 8, 4);
	s->sec = (uint32_t)qcow2_be(p + 16, 4);
	s->nsec = (uint32_t)qcow2_be(p + 20, 4);
	s->clock_ns = qcow2_be(p + 24, 8);
	s->state_size = extra >= 8 ? qcow2_be(p + ENTRY, 8) : qcow2_be(p + 32, 4);
	s->disk_size = extra >= 16 ? qcow2_be(p + ENTRY + 8, 8) : 0; /* 0: not told */
	snprintf(s->id, sizeof(s->id), "%.*s", (int)id, p + ENTRY + extra);
	snprintf(s->name, sizeof(s->name), "%.*s", (int)name, p + ENTRY + extra + id);
	len = ENTRY + extra + id + name;
	len = (len + 7) & ~7u;
	return len < left ? len : left;
}

struct table {
	uint64_t at;
	uint32_t n, len; /* snapshots; bytes */
	uint8_t *data;	 /* len bytes and then some zeroes */
	struct blk_snapshot *s;
	uint32_t *from;	 /* where each begins in data; n + 1 */
};

static void table_free(struct table *t)
{
	free(t->data);
	free(t->s);
	free(t->from);
}

static int table_read(struct qcow2 *q, struct table *t)
{
	uint32_t room = MAX_TABLE, used = 0;
	uint8_t h[12];
	int err = qcow2_pread(q, h, HEADER_SNAPSHOTS, sizeof(h));

	memset(t, 0, sizeof(*t));
	t->n = (uint32_t)qcow2_be(h, 4);
	t->at = qcow2_be(h + 4, 8);
	if (err || t->n > BLK_SNAPSHOTS || (t->n && (t->at & (q->csize - 1) || t->at >> 56)))
		return EIO;
	room = t->n * (ENTRY + 1024 + 512) < room ? t->n * (ENTRY + 1024 + 512) : room;
	t->data = calloc(1, room + 8);
	t->s = calloc(t->n + 1, sizeof(*t->s));
	t->from = calloc(t->n + 1, sizeof(*t->from));
	if (!t->data || !t->s || !t->from)
		return ENOMEM;
	if (room)
		err = qcow2_pread(q, t->data, t->at, room);
	for (uint32_t i = 0; i < t->n && !err; i++) {
		uint32_t len = parse(t->data + used, room - used, &t->s[i]);

		t->from[i] = used;
		used += len;
		err = len ? 0 : EIO;
	}
	t->from[t->n] = t->len = used;
	return err;
}

int qcow2_snapshot_table(struct qcow2 *q, uint64_t *at, uint32_t *len)
{
	struct table t;
	int err = table_read(q, &t);

	*at = t.at;
	*len = t.n ? t.len : 0;
	table_free(&t);
	return err;
}

/* The image has the snapshots of @data, @n of them, instead of those of @old. */
static int table_replace(struct qcow2 *q, const struct table *old, const uint8_t *data, uint32_t len, uint32_t n)
{
	uint64_t at = 0;
	uint8_t h[12];
	int err = 0;

	if (len > MAX_TABLE)
		return EFBIG;
	if (n)
		err = qcow2_alloc_run(q, len, &at);
	if (!err && n)
		err = qcow2_pwrite(q, data, at, len);
	if (!err)
		err = host_file_sync(&q->file);
	qcow2_put(h, n, 4);
	qcow2_put(h + 4, at, 8);
	if (!err)
		err = qcow2_pwrite(q, h, HEADER_SNAPSHOTS, sizeof(h));
	if (!err)
		err = host_file_sync(&q->file);
	return err || !old->n ? err : qcow2_free_run(q, old->at, old->len);
}

int blk_snapshot_list(struct blk *b, struct blk_snapshot **list, unsigned *n)
{
	struct qcow2 *q = of(b);
	struct table t = {0};
	int err = q ? table_read(q, &t) : 0;

	*n = err ? 0 : t.n;
	*list = err ? NULL : t.s;
	if (!err)
		t.s = NULL;
	table_free(&t);
	return err;
}

/* ---- what is stored with a snapshot ---- */

struct blk_state_writer {
	struct qcow2 *q;
	uint64_t size;	  /* so far */
	uint32_t in;	  /* bytes in cluster */
	uint32_t entries; /* in table */
	uint8_t *cluster, *table;
	uint64_t *l2; /* tables that are full and written */
	uint32_t nl2;
};

int blk_state_begin(struct blk *b, struct blk_state_writer **out)
{
	struct qcow2 *q = of(b);
	struct blk_state_writer *w = calloc(1, sizeof(*w));

	*out = w;
	if (!w || !q)
		return w ? ENOTSUP : ENOMEM;
	w->q = q;
	w->cluster = malloc(q->csize);
	w->table = calloc(1, q->csize);
	return w->cluster && w->table ? 0 : ENOMEM;
}

static int end_table(struct blk_state_writer *w)
{
	struct qcow2 *q = w->q;
	uint64_t *more = realloc(w->l2, (w->nl2 + 1) * sizeof(*more)), at;
	int err;

	if (!more)
		return ENOMEM;
	w->l2 = more;
	if (disk_l1(q) + w->nl2 + 1 > QCOW2_MAX_L1 / 8)
		return EFBIG;
	err = qcow2_alloc(q, &at);
	if (err)
		return err;
	qcow2_forget(q, at);
	w->l2[w->nl2++] = at;
	err = qcow2_pwrite(q, w->table, at, q->csize);
	memset(w->table, 0, q->csize);
	w->entries = 0;
	return err;
}

static int end_cluster(struct blk_state_writer *w)
{
	struct qcow2 *q = w->q;
	uint64_t at;
	int err = w->entries == q->csize / 8 ? end_table(w) : 0;

	if (!err)
		err = qcow2_alloc(q, &at);
	if (err)
		return err;
	qcow2_put(w->table + w->entries++ * 8, at, 8);
	memset(w->cluster + w->in, 0, q->csize - w->in);
	w->in = 0;
	return qcow2_pwrite(q, w->cluster, at, q->csize);
}

int blk_state_write(struct blk_state_writer *w, const void *data, size_t n)
{
	const uint8_t *p = data;
	int err = 0;

	w->size += n;
	while (n && !err) {
		uint32_t k = w->q->csize - w->in;

		k = n < k ? (uint32_t)n : k;
		memcpy(w->cluster + w->in, p, k);
		p += k;
		n -= k;
		w->in += k;
		if (w->in == w->q->csize)
			err = end_cluster(w);
	}
	return err;
}

static void writer_free(struct blk_state_writer *w)
{
	if (!w)
		return;
	free(w->cluster);
	free(w->table);
	free(w->l2);
	free(w);
}

void blk_state_cancel(struct blk_state_writer *w)
{
	if (w && w->q && w->table) {
		for (uint32_t i = 0; i < w->entries; i++)
			qcow2_unref(w->q, qcow2_be(w->table + i * 8, 8));
		qcow2_tree_add(w->q, w->l2, w->nl2, -1);
	}
	writer_free(w);
}

static int writer_end(struct blk_state_writer *w)
{
	int err = w->in ? end_cluster(w) : 0;

	return !err && w->entries ? end_table(w) : err;
}

/* A second-level entry of snapshot @s behind the disk's end */
static int state_entry(struct qcow2 *q, const struct blk_snapshot *s, const uint64_t *l1, uint64_t n, uint64_t *at)
{
	uint64_t k = disk_l1(q) + (n >> (q->cbits - 3)), table;
	uint8_t be[8];
	int err;

	if (k >= s->l1_n)
		return EIO;
	table = l1[k] & QCOW2_OFFSET;
	if (!table || table & (q->csize - 1))
		return EIO;
	err = qcow2_pread(q, be, table + (n & (q->csize / 8 - 1)) * 8, 8);
	*at = qcow2_be(be, 8);
	if (err || *at & QCOW2_COMPRESSED)
		return EIO;
	*at = *at & QCOW2_ZERO && q->version >= 3 ? 0 : *at & QCOW2_OFFSET;
	return *at & (q->csize - 1) ? EIO : 0;
}

int blk_state_read(struct blk *b, const struct blk_snapshot *s, uint64_t at, void *buf, size_t n)
{
	struct qcow2 *q = of(b);
	uint64_t *l1;
	uint8_t *p = buf;
	int err = 0;

	if (!q || at > s->state_size || n > s->state_size - at)
		return EIO;
	l1 = qcow2_read_l1(q, s->l1_at, s->l1_n);
	while (l1 && n && !err) {
		uint32_t in = (uint32_t)(at & (q->csize - 1)), k = q->csize - in;
		uint64_t from;

		k = n < k ? (uint32_t)n : k;
		err = state_entry(q, s, l1, at >> q->cbits, &from);
		if (!err && !from)
			memset(p, 0, k);
		else if (!err)
			err = qcow2_pread(q, p, from + in, k);
		p += k;
		at += k;
		n -= k;
	}
	free(l1);
	return l1 ? err : EIO;
}

/* ---- making, going back, deleting ---- */

static void number(const struct table *t, struct blk_snapshot *s)
{
	unsigned long max = 0;

	for (uint32_t i = 0; i < t->n; i++) {
		unsigned long id = strtoul(t->s[i].id, NULL, 10);

		max = id > max && id < UINT32_MAX ? id : max;
	}
	snprintf(s->id, sizeof(s->id), "%lu", max + 1);
}

static int table_append(struct qcow2 *q, const struct table *t, const struct blk_snapshot *s)
{
	uint32_t id = (uint32_t)strlen(s->id), name = (uint32_t)strlen(s->name);
	uint32_t len = (ENTRY + EXTRA + id + name + 7) & ~7u;
	uint8_t *data = calloc(1, t->len + len), *p = data + t->len;
	int err;

	if (!data)
		return ENOMEM;
	memcpy(data, t->data, t->len);
	qcow2_put(p, s->l1_at, 8);
	qcow2_put(p + 8, s->l1_n, 4);
	qcow2_put(p + 12, id, 2);
	qcow2_put(p + 14, name, 2);
	qcow2_put(p + 16, s->sec, 4);
	qcow2_put(p + 20, s->nsec, 4);
	qcow2_put(p + 24, s->clock_ns, 8);
	qcow2_put(p + 32, s->state_size > UINT32_MAX ? 0 : s->state_size, 4);
	qcow2_put(p + 36, EXTRA, 4);
	qcow2_put(p + 40, s->state_size, 8);
	qcow2_put(p + 48, s->disk_size, 8);
	memcpy(p + ENTRY + EXTRA, s->id, id);
	memcpy(p + ENTRY + EXTRA + id, s->name, name);
	err = table_replace(q, t, data, t->len + len, t->n + 1);
	free(data);
	return err;
}

/* The first-level table of a new snapshot: the disk's, and that of its state */
static int new_tree(struct qcow2 *q, struct blk_snapshot *s, const struct blk_state_writer *w)
{
	uint32_t disk = disk_l1(q), n = disk + (w ? w->nl2 : 0);
	uint64_t *l1 = calloc(n, 8);
	int err;

	if (!l1)
		return ENOMEM;
	memcpy(l1, q->l1, (size_t)disk * 8);
	if (w && w->nl2)
		memcpy(l1 + disk, w->l2, (size_t)w->nl2 * 8);
	s->l1_n = n;
	err = qcow2_write_l1(q, l1, n, &s->l1_at);
	free(l1);
	return err;
}

int blk_snapshot_create(struct blk *b, struct blk_snapshot *s, struct blk_state_writer *w)
{
	struct qcow2 *q = of(b);
	struct table t = {0};
	int err = blk_snapshot_able(b) ? 0 : ENOTSUP, fixed;

	if (!err && w)
		err = writer_end(w);
	if (!err)
		err = settle(q);
	if (!err)
		err = table_read(q, &t);
	if (!err && t.n >= BLK_SNAPSHOTS)
		err = ENOSPC;
	if (!err)
		err = new_tree(q, s, w);
	if (err) {
		blk_state_cancel(w);
		table_free(&t);
		return err;
	}
	number(&t, s);
	s->state_size = w ? w->size : 0;
	s->disk_size = q->blk.size;
	err = qcow2_tree_add(q, q->l1, disk_l1(q), 1);
	fixed = qcow2_fix_copied(q);
	err = err ? err : fixed;
	if (!err)
		err = table_append(q, &t, s);
	table_free(&t);
	writer_free(w);
	return err;
}

/* The active tree is @l1, q->l1_n entries, from now on; nobody refers to the old one any more. */
static int switch_tree(struct qcow2 *q, uint64_t *l1)
{
	uint64_t at, old_at = q->l1_at, *old = q->l1;
	uint8_t h[12];
	int err = qcow2_write_l1(q, l1, q->l1_n, &at);

	if (!err)
		err = host_file_sync(&q->file);
	if (err)
		return err;
	qcow2_put(h, q->l1_n, 4);
	qcow2_put(h + 4, at, 8);
	err = qcow2_pwrite(q, h, HEADER_L1, sizeof(h));
	if (!err)
		err = host_file_sync(&q->file);
	if (err)
		return err;
	q->l1 = l1;
	q->l1_at = at;
	for (uint32_t k = 0; k < q->l1_n; k++)
		l1[k] &= ~QCOW2_COPIED;
	err = qcow2_tree_add(q, old, q->l1_n, -1);
	free(old);
	return err ? err : qcow2_free_run(q, old_at, (uint64_t)q->l1_n * 8);
}

int blk_snapshot_load(struct blk *b, const struct blk_snapshot *s)
{
	struct qcow2 *q = of(b);
	uint64_t *from, *l1, *was;
	int err = blk_snapshot_able(b) ? settle(q) : ENOTSUP, fixed;

	if (err)
		return err;
	if (s->disk_size && ((s->disk_size + 511) & ~511ull) != q->blk.size)
		return EFBIG;
	from = qcow2_read_l1(q, s->l1_at, s->l1_n);
	l1 = calloc(q->l1_n, 8);
	for (uint32_t k = 0; from && l1 && k < disk_l1(q) && k < s->l1_n; k++)
		l1[k] = from[k];
	err = from && l1 ? qcow2_tree_add(q, l1, disk_l1(q), 1) : EIO;
	free(from);
	was = q->l1;
	if (!err)
		err = switch_tree(q, l1);
	if (q->l1 == was)
		free(l1);
	fixed = qcow2_fix_copied(q);
	err = err ? err : fixed;
	return err ? err : settle(q);
}

int blk_snapshot_delete(struct blk *b, const struct blk_snapshot *s)
{
	struct qcow2 *q = of(b);
	struct table t = {0};
	uint64_t *l1 = NULL;
	uint32_t i = 0;
	int err = blk_snapshot_able(b) ? settle(q) : ENOTSUP, fixed;

	if (!err)
		err = table_read(q, &t);
	while (!err && i < t.n && strcmp(t.s[i].id, s->id))
		i++;
	if (!err && i == t.n)
		err = ENOENT;
	if (!err) {
		l1 = qcow2_read_l1(q, t.s[i].l1_at, t.s[i].l1_n);
		err = l1 ? 0 : EIO;
	}
	if (!err) {
		uint32_t from = t.from[i], len = t.from[i + 1] - from;
		struct table old = {.at = t.at, .n = t.n, .len = t.len};

		memmove(t.data + from, t.data + from + len, t.len - from - len);
		err = table_replace(q, &old, t.data, t.len - len, t.n - 1);
	}
	if (!err)
		err = qcow2_tree_add(q, l1, t.s[i].l1_n, -1);
	if (!err)
		err = qcow2_free_run(q, t.s[i].l1_at, (uint64_t)t.s[i].l1_n * 8);
	if (!err) {
		fixed = qcow2_fix_copied(q);
		err = fixed ? fixed : settle(q);
	}
	free(l1);
	table_free(&t);
	return err;
}
