/*
 * block_qcow2_write.c - writes and discards of a qcow2 image (qcow2.h).
 *
 * A cluster that belongs to this image alone (COPIED) is written in place. Any other - absent, compressed, zero, shared
 * with a snapshot - is made whole in memory, written to a new cluster, and then the L2 entry changes; snapshots keep
 * the old one. Order of writes: qcow2.h.
 */
#include "frontend/qcow2.h"
#include <errno.h>
#include <string.h>

/* Data and counts first, then what refers to them, then the counts of what nothing refers to any more. */
int qcow2_barrier(struct qcow2 *q)
{
	bool late = q->late;
	int err = 0;

	for (unsigned i = 0; i < QCOW2_L2S; i++)
		late |= q->l2[i].lo != q->l2[i].hi;
	if (late)
		err = host_file_sync(&q->file);
	for (unsigned i = 0; i < QCOW2_L2S && !err; i++) {
		struct qcow2_l2 *l = &q->l2[i];

		if (l->lo != l->hi)
			err = qcow2_pwrite(q, l->t.data + l->lo, l->t.at + l->lo, l->hi - l->lo);
		if (!err)
			l->lo = l->hi = 0;
	}
	for (uint32_t k = 0; q->late && k < q->l1_n && !err; k++) {
		uint8_t be[8];

		qcow2_put(be, q->l1[k], 8);
		if (q->l1_late[k])
			err = qcow2_pwrite(q, be, q->l1_at + k * 8, 8);
		if (!err)
			q->l1_late[k] = 0;
	}
	if (!err)
		q->late = false;
	if (!err && q->ngone)
		err = host_file_sync(&q->file);
	while (q->ngone && !err) {
		err = qcow2_unref(q, q->gone[q->ngone - 1]);
		q->ngone--;
	}
	return err;
}

/* Nothing will refer to the host cluster at @at once the next barrier is passed. */
static int drop_later(struct qcow2 *q, uint64_t at)
{
	int err = q->ngone == QCOW2_GONE ? qcow2_barrier(q) : 0;

	if (!err)
		q->gone[q->ngone++] = at;
	return err;
}

/* What is counted from now on may wait. */
static int alloc(struct qcow2 *q, uint64_t *at)
{
	int err = q->lazy ? qcow2_mark(q, true) : 0;

	return err ? err : qcow2_alloc(q, at);
}

/* The L2 table of guest cluster @n, ours alone. */
static int own_table(struct qcow2 *q, uint64_t n, struct qcow2_l2 **out)
{
	uint64_t k = n >> (q->cbits - 3), old = q->l1[k], at;
	struct qcow2_l2 *l;
	int err;

	if (old & QCOW2_OFFSET && old & QCOW2_COPIED)
		return qcow2_l2(q, old & QCOW2_OFFSET, out);
	err = alloc(q, &at);
	if (err)
		return err;
	memset(q->bounce, 0, q->csize);
	if (old & QCOW2_OFFSET) {
		err = qcow2_l2(q, old & QCOW2_OFFSET, &l);
		if (!err)
			memcpy(q->bounce, l->t.data, q->csize);
	}
	if (!err)
		err = qcow2_pwrite(q, q->bounce, at, q->csize);
	if (!err && old & QCOW2_OFFSET)
		err = drop_later(q, old & QCOW2_OFFSET);
	if (err)
		return err;
	qcow2_forget(q, at);
	q->l1[k] = at | QCOW2_COPIED;
	q->l1_late[k] = 1;
	q->late = true;
	return qcow2_l2(q, at, out);
}

void qcow2_set_entry(struct qcow2 *q, struct qcow2_l2 *l, uint64_t n, uint64_t entry)
{
	uint32_t i = (uint32_t)(n & ((q->csize >> 3) - 1)) * 8;

	qcow2_put(l->t.data + i, entry, 8);
	if (l->lo == l->hi) {
		l->lo = i;
		l->hi = i + 8;
	}
	l->lo = i < l->lo ? i : l->lo;
	l->hi = i + 8 > l->hi ? i + 8 : l->hi;
}

/* The host clusters of an entry that is no longer used. */
static int release(struct qcow2 *q, uint64_t entry)
{
	uint64_t at, last;
	uint32_t len;
	int err = 0;

	if (entry & QCOW2_COMPRESSED) {
		qcow2_packed(q, entry, &at, &len);
		last = (at + len - 1) >> q->cbits;
		for (uint64_t c = at >> q->cbits; c <= last && !err; c++)
			err = drop_later(q, c << q->cbits);
		return err;
	}
	return entry & QCOW2_OFFSET ? drop_later(q, entry & QCOW2_OFFSET) : 0;
}

/* [in, in + len) of guest cluster @n */
static int write_cluster(struct qcow2 *q, uint64_t n, uint32_t in, const uint8_t *buf, uint32_t len)
{
	uint64_t entry, at, start = n << q->cbits, left = q->blk.size - start;
	uint32_t whole = left < q->csize ? (uint32_t)left : q->csize;
	struct qcow2_l2 *l;
	int err = own_table(q, n, &l);

	if (!err)
		err = qcow2_get(q, n, &entry);
	if (err)
		return err;
	at = entry & QCOW2_OFFSET;
	if (entry & QCOW2_COPIED && !(entry & (QCOW2_COMPRESSED | QCOW2_ZERO)) && at) {
		if (at & (q->csize - 1))
			return EIO;
		return qcow2_pwrite(q, buf, at + in, len);
	}
	if (in || len < q->csize) {
		memset(q->bounce, 0, q->csize);
		err = qcow2_read(q, q->bounce, start, whole);
		memcpy(q->bounce + in, buf, len);
		buf = q->bounce;
	}
	if (!err)
		err = alloc(q, &at);
	if (!err)
		err = qcow2_pwrite(q, buf, at, q->csize);
	if (!err)
		err = own_table(q, n, &l); /* by now another may have its place */
	if (err)
		return err;
	qcow2_set_entry(q, l, n, at | QCOW2_COPIED);
	return release(q, entry);
}

int qcow2_write(struct qcow2 *q, const uint8_t *buf, uint64_t off, uint32_t len)
{
	while (len) {
		uint32_t in = (uint32_t)(off & (q->csize - 1)), n = q->csize - in < len ? q->csize - in : len;
		int err = q->broken ? EIO : write_cluster(q, off >> q->cbits, in, buf, n);

		if (err)
			return err;
		buf += n;
		off += n;
		len -= n;
	}
	return 0;
}

static int drop_cluster(struct qcow2 *q, uint64_t n)
{
	struct qcow2_l2 *l;
	uint64_t entry;
	int err = q->broken ? EIO : qcow2_get(q, n, &entry);

	if (err || (!q->backing && !(entry & ~QCOW2_COPIED)))
		return err;
	err = own_table(q, n, &l);
	if (err)
		return err;
	qcow2_set_entry(q, l, n, q->backing ? QCOW2_ZERO : 0);
	return release(q, entry);
}

/* Whole clusters are given back; they read as zeroes after, whatever a backing file holds. Parts are written if they must be. */
int qcow2_discard(struct qcow2 *q, uint64_t off, uint32_t len, bool zero)
{
	static const uint8_t zeroes[4096];
	/* version 2 cannot say "zeroes" above a backing file */
	bool can = q->version >= 3 || !q->backing;

	while (len) {
		uint32_t in = (uint32_t)(off & (q->csize - 1)), n = q->csize - in < len ? q->csize - in : len;
		int err = 0;

		if (can && n == q->csize)
			err = drop_cluster(q, off >> q->cbits);
		else if (zero)
			err = qcow2_write(q, zeroes, off, n = n < sizeof(zeroes) ? n : (uint32_t)sizeof(zeroes));
		if (err)
			return err;
		off += n;
		len -= n;
	}
	return 0;
}
