/*
 * block_qcow2_refs.c - which host clusters of a qcow2 image are in use (qcow2.h).
 *
 * Counts are written at once, unless the image is marked dirty; qcow2.h tells when relative to what refers to the clusters. A table of counts is on stable
 * storage before its first level names it. The image's own tables are checked against each cluster handed out, so that an
 * image whose counts lie is not overwritten in its vitals.
 */
#include "frontend/qcow2.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Counts in one block, as a power of two. */
static unsigned block_bits(const struct qcow2 *q)
{
	return q->cbits + 3 - q->rbits;
}

static uint64_t count_of(const struct qcow2 *q, const uint8_t *block, uint64_t i)
{
	unsigned per = 8u >> q->rbits;

	if (q->rbits >= 3)
		return qcow2_be(block + (i << (q->rbits - 3)), 1u << (q->rbits - 3));
	return block[i / per] >> (i % per << q->rbits) & ((1u << (1u << q->rbits)) - 1);
}

static void set_count(const struct qcow2 *q, uint8_t *block, uint64_t i, uint64_t v)
{
	unsigned per = 8u >> q->rbits, shift, mask;

	if (q->rbits >= 3) {
		qcow2_put(block + (i << (q->rbits - 3)), v, 1u << (q->rbits - 3));
		return;
	}
	shift = (unsigned)(i % per) << q->rbits;
	mask = ((1u << (1u << q->rbits)) - 1) << shift;
	block[i / per] = (uint8_t)((block[i / per] & ~mask) | (v << shift & mask));
}

int qcow2_put_counts(struct qcow2 *q)
{
	int err = q->refb_late ? qcow2_pwrite(q, q->refb.data, q->refb.at, q->csize) : 0;

	if (!err)
		q->refb_late = false;
	return err;
}

int qcow2_set_counts(struct qcow2 *q, uint32_t k, const uint32_t *count, uint64_t n)
{
	int err = qcow2_put_counts(q);

	if (!err)
		err = qcow2_load(q, &q->refb, q->reft[k] & QCOW2_OFFSET);
	for (uint64_t i = 0; i < BIT(block_bits(q)) && !err; i++) {
		uint64_t v = i < n ? count[i] : 0;

		q->refb_late |= count_of(q, q->refb.data, i) != v;
		set_count(q, q->refb.data, i, v);
	}
	return err ? err : qcow2_put_counts(q);
}

/* The count of cluster @c in the loaded block, into the file, too, unless that may wait. */
static int store_count(struct qcow2 *q, uint64_t c, uint64_t v)
{
	uint64_t i = c & (BIT(block_bits(q)) - 1), byte = i << q->rbits >> 3;
	uint32_t n = q->rbits > 3 ? 1u << (q->rbits - 3) : 1;

	set_count(q, q->refb.data, i, v);
	if (q->lazy && q->features & QCOW2_DIRTY) {
		q->refb_late = true;
		return 0;
	}
	return qcow2_pwrite(q, q->refb.data + byte, q->refb.at + byte, n);
}

static int broken(struct qcow2 *q)
{
	q->broken = true;
	return EIO;
}

static bool within(uint64_t at, uint64_t from, uint64_t len)
{
	return at >= from && at - from < len;
}

/* Does the host cluster at @at hold the image's own tables? */
static bool is_vital(const struct qcow2 *q, uint64_t at)
{
	if (at == 0 || within(at, q->l1_at, (uint64_t)q->l1_n * 8) || within(at, q->reft_at, (uint64_t)q->reft_n * 8))
		return true;
	for (uint32_t i = 0; i < q->l1_n; i++)
		if ((q->l1[i] & QCOW2_OFFSET) == at)
			return true;
	for (uint32_t i = 0; i < q->reft_n; i++)
		if ((q->reft[i] & QCOW2_OFFSET) == at)
			return true;
	return false;
}

/* Block @k does not exist, so the clusters it counts are free: it takes the first of them. */
static int new_block(struct qcow2 *q, uint64_t k)
{
	uint64_t at = k << block_bits(q) << q->cbits;
	uint8_t be[8];
	int err;

	if (is_vital(q, at))
		return broken(q);
	err = qcow2_put_counts(q);
	if (err)
		return err;
	memset(q->refb.data, 0, q->csize);
	q->refb.at = at;
	set_count(q, q->refb.data, 0, 1);
	err = qcow2_pwrite(q, q->refb.data, at, q->csize);
	if (!err)
		err = host_file_sync(&q->file);
	qcow2_put(be, at, 8);
	if (!err)
		err = qcow2_pwrite(q, be, q->reft_at + k * 8, 8);
	if (err)
		q->refb.at = 0;
	else
		q->reft[k] = at;
	return err;
}

/* Reference counts of the clusters of a table that moved away fall to 0. */
static int drop_range(struct qcow2 *q, uint64_t at, uint64_t len)
{
	int err = 0;

	for (uint64_t c = 0; c < len && !err; c += q->csize)
		err = qcow2_unref(q, at + c);
	return err;
}

/*
 * The first level is full. A longer one goes where it ends counting, together with the block that counts them both; only
 * the header's fields, written at once, make it the image's.
 */
static int grow(struct qcow2 *q)
{
	uint64_t first = (uint64_t)q->reft_n << block_bits(q), old_at = q->reft_at, old_len = (uint64_t)q->reft_n * 8;
	uint64_t clusters = (old_len + old_len / 2 + q->csize) >> q->cbits, n = clusters << (q->cbits - 3);
	uint64_t at = first << q->cbits, blk_at = at + (clusters << q->cbits);
	uint64_t *t;
	uint8_t *be, head[12];
	int err;

	if (n * 8 > QCOW2_MAX_REFT || clusters + 1 > BIT(block_bits(q)) || blk_at >= BIT(56) - q->csize)
		return ENOSPC;
	t = calloc(n, 8);
	be = calloc(n, 8);
	if (!t || !be) {
		free(t);
		free(be);
		return ENOMEM;
	}
	memcpy(t, q->reft, old_len);
	t[q->reft_n] = blk_at;
	for (uint64_t i = 0; i < n; i++)
		qcow2_put(be + i * 8, t[i], 8);
	err = qcow2_put_counts(q);
	if (err) {
		free(t);
		free(be);
		return err;
	}
	memset(q->refb.data, 0, q->csize);
	for (uint64_t i = 0; i <= clusters; i++)
		set_count(q, q->refb.data, i, 1);
	q->refb.at = blk_at;
	qcow2_put(head, at, 8);
	qcow2_put(head + 8, clusters, 4);
	err = qcow2_pwrite(q, q->refb.data, blk_at, q->csize);
	if (!err)
		err = qcow2_pwrite(q, be, at, (uint32_t)(n * 8));
	if (!err)
		err = host_file_sync(&q->file);
	if (!err)
		err = qcow2_pwrite(q, head, 48, sizeof(head));
	if (!err)
		err = host_file_sync(&q->file); /* before the old table's counts fall */
	free(be);
	if (err) {
		q->refb.at = 0;
		free(t);
		return err;
	}
	free(q->reft);
	q->reft = t;
	q->reft_n = (uint32_t)n;
	q->reft_at = at;
	return drop_range(q, old_at, old_len);
}

/* The block that counts cluster @c is loaded. ENOENT: there is none. */
static int load_block(struct qcow2 *q, uint64_t c)
{
	uint64_t k = c >> block_bits(q), at;

	int err = 0;

	at = k < q->reft_n ? q->reft[k] & QCOW2_OFFSET : 0;
	if (at != q->refb.at)
		err = qcow2_put_counts(q);
	return err ? err : at ? qcow2_load(q, &q->refb, at) : ENOENT;
}

int qcow2_alloc(struct qcow2 *q, uint64_t *at)
{
	uint64_t c = q->next_free, in_block = BIT(block_bits(q)) - 1;
	int err;

	for (;; c++) {
		if (c >> block_bits(q) >= q->reft_n) {
			err = grow(q);
			if (err)
				return err;
		}
		err = load_block(q, c);
		if (err == ENOENT)
			err = new_block(q, c >> block_bits(q));
		if (err)
			return err;
		while (count_of(q, q->refb.data, c & in_block) && (c & in_block) != in_block)
			c++;
		if (!count_of(q, q->refb.data, c & in_block))
			break;
	}
	if (c << q->cbits >= BIT(56))
		return ENOSPC;
	if (is_vital(q, c << q->cbits))
		return broken(q);
	err = store_count(q, c, 1);
	if (err)
		return err;
	q->next_free = c + 1;
	*at = c << q->cbits;
	return 0;
}

int qcow2_count(struct qcow2 *q, uint64_t at, uint64_t *n)
{
	int err = load_block(q, at >> q->cbits);

	*n = err ? 0 : count_of(q, q->refb.data, at >> q->cbits & (BIT(block_bits(q)) - 1));
	return err == ENOENT ? 0 : err;
}

int qcow2_ref(struct qcow2 *q, uint64_t at)
{
	uint64_t n, max = q->rbits == 6 ? UINT64_MAX : BIT(1u << q->rbits) - 1;
	int err = qcow2_count(q, at, &n);

	if (err)
		return err;
	if (!n) /* something refers to it: it cannot be free */
		return broken(q);
	return n == max ? ERANGE : store_count(q, at >> q->cbits, n + 1);
}

int qcow2_unref(struct qcow2 *q, uint64_t at)
{
	uint64_t c = at >> q->cbits, n;
	int err = load_block(q, c);

	if (err)
		return err == ENOENT ? broken(q) : err;
	n = count_of(q, q->refb.data, c & (BIT(block_bits(q)) - 1));
	if (!n)
		return broken(q);
	err = store_count(q, c, n - 1);
	if (!err && n == 1 && c < q->next_free)
		q->next_free = c;
	if (n == 1)
		qcow2_forget(q, at);
	return err;
}
