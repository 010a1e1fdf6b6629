/*
 * block_qcow2_write.c - writes and discards of a qcow2 image (qcow2.h).
 *
 * A cluster that belongs to this image alone (COPIED) is written in place. Any other - absent, compressed, zero, shared
 * with a snapshot - is made whole in memory, written to a new cluster, and then the L2 entry changes; snapshots keep
 * the old one. Order of writes: block_qcow2_refs.c.
 */
#include "frontend/qcow2.h"
#include <errno.h>
#include <string.h>

/* The L2 table of guest cluster @n is loaded and ours alone. */
static int own_table(struct qcow2 *q, uint64_t n)
{
	uint64_t k = n >> (q->cbits - 3), old = q->l1[k], at;
	uint8_t be[8];
	int err;

	if (old & QCOW2_OFFSET && old & QCOW2_COPIED)
		return qcow2_load(q, &q->l2, old & QCOW2_OFFSET);
	err = qcow2_alloc(q, &at);
	if (err)
		return err;
	if (old & QCOW2_OFFSET)
		err = qcow2_load(q, &q->l2, old & QCOW2_OFFSET);
	else
		memset(q->l2.data, 0, q->csize);
	if (err)
		return err;
	q->l2.at = 0; /* until it is in the file */
	err = qcow2_pwrite(q, q->l2.data, at, q->csize);
	qcow2_put(be, at | QCOW2_COPIED, 8);
	if (!err)
		err = qcow2_pwrite(q, be, q->l1_at + k * 8, 8);
	if (err)
		return err;
	q->l2.at = at;
	q->l1[k] = at | QCOW2_COPIED;
	return old & QCOW2_OFFSET ? qcow2_unref(q, old & QCOW2_OFFSET) : 0;
}

static int set_entry(struct qcow2 *q, uint64_t n, uint64_t entry)
{
	uint64_t i = (n & ((q->csize >> 3) - 1)) * 8;
	uint8_t be[8];
	int err;

	qcow2_put(be, entry, 8);
	err = qcow2_pwrite(q, be, q->l2.at + i, 8);
	if (!err)
		memcpy(q->l2.data + i, be, 8);
	return err;
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
			err = qcow2_unref(q, c << q->cbits);
		return err;
	}
	return entry & QCOW2_OFFSET ? qcow2_unref(q, entry & QCOW2_OFFSET) : 0;
}

/* [in, in + len) of guest cluster @n */
static int write_cluster(struct qcow2 *q, uint64_t n, uint32_t in, const uint8_t *buf, uint32_t len)
{
	uint64_t entry, at, start = n << q->cbits, left = q->blk.size - start;
	uint32_t whole = left < q->csize ? (uint32_t)left : q->csize;
	int err = own_table(q, n);

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
		err = qcow2_alloc(q, &at);
	if (!err)
		err = qcow2_pwrite(q, buf, at, q->csize);
	if (!err)
		err = set_entry(q, n, at | QCOW2_COPIED);
	return err ? err : release(q, entry);
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

/* Whole clusters only: a discard is a hint. They read as zeroes after, whatever a backing file holds. */
int qcow2_discard(struct qcow2 *q, uint64_t off, uint32_t len)
{
	uint64_t end = (off + len) >> q->cbits, n = (off + q->csize - 1) >> q->cbits;

	if (q->version < 3 && q->backing)
		return 0; /* version 2 cannot say "zeroes" above a backing file */
	for (; n < end; n++) {
		uint64_t entry;
		int err = q->broken ? EIO : qcow2_get(q, n, &entry);

		if (!err && !q->backing && !(entry & ~QCOW2_COPIED))
			continue;
		if (!err)
			err = own_table(q, n);
		if (!err)
			err = set_entry(q, n, q->backing ? QCOW2_ZERO : 0);
		if (!err)
			err = release(q, entry);
		if (err)
			return err;
	}
	return 0;
}
