/*
 * block_qcow2_tree.c - what snapshots do to the clusters of a qcow2 image: whole trees of tables are referred to once more, or once less
 * (qcow2.h).
 *
 * A tree is a first-level table. Its second-level tables and its data have a count of one for each tree that refers to them. COPIED
 * flags tell for the active tree alone which counts are one.
 */
#include "frontend/qcow2.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int change(struct qcow2 *q, uint64_t at, int delta)
{
	return delta > 0 ? qcow2_ref(q, at) : qcow2_unref(q, at);
}

static int add_data(struct qcow2 *q, uint64_t entry, int delta)
{
	uint64_t at = entry & QCOW2_OFFSET, last;
	uint32_t len;
	int err = 0;

	if (entry & QCOW2_COMPRESSED) {
		qcow2_packed(q, entry, &at, &len);
		last = (at + len - 1) >> q->cbits;
		for (uint64_t c = at >> q->cbits; c <= last && !err; c++)
			err = change(q, c << q->cbits, delta);
		return err;
	}
	if (!at)
		return 0;
	return at & (q->csize - 1) ? EIO : change(q, at, delta);
}

int qcow2_tree_add(struct qcow2 *q, const uint64_t *l1, uint32_t n, int delta)
{
	uint8_t *t = malloc(q->csize);
	int err = t ? 0 : ENOMEM;

	for (uint32_t k = 0; k < n && !err; k++) {
		uint64_t at = l1[k] & QCOW2_OFFSET;

		if (!at)
			continue;
		err = at & (q->csize - 1) ? EIO : qcow2_pread(q, t, at, q->csize);
		for (uint32_t i = 0; i < q->csize && !err; i += 8)
			err = add_data(q, qcow2_be(t + i, 8), delta);
		if (!err)
			err = change(q, at, delta);
	}
	free(t);
	return err;
}

static int fix_table(struct qcow2 *q, uint64_t table)
{
	uint32_t per = q->csize / 8;
	int err = 0;

	for (uint32_t i = 0; i < per && !err; i++) {
		struct qcow2_l2 *l;
		uint64_t was, entry, count;

		err = qcow2_l2(q, table, &l);
		if (err)
			break;
		was = entry = qcow2_be(l->t.data + i * 8, 8);
		if ((entry & QCOW2_COMPRESSED) || !(entry & QCOW2_OFFSET))
			continue;
		err = qcow2_count(q, entry & QCOW2_OFFSET, &count);
		entry = count == 1 ? entry | QCOW2_COPIED : entry & ~QCOW2_COPIED;
		if (!err && entry != was)
			qcow2_set_entry(q, l, i, entry);
	}
	return err;
}

int qcow2_fix_copied(struct qcow2 *q)
{
	int err = 0, after;

	for (uint32_t k = 0; k < q->l1_n && !err; k++) {
		uint64_t was = q->l1[k], count;

		if (!(was & QCOW2_OFFSET))
			continue;
		err = qcow2_count(q, was & QCOW2_OFFSET, &count);
		if (err)
			break;
		q->l1[k] = count == 1 ? was | QCOW2_COPIED : was & ~QCOW2_COPIED;
		if (q->l1[k] != was) {
			q->l1_late[k] = 1;
			q->late = true;
		}
		err = fix_table(q, was & QCOW2_OFFSET);
	}
	after = qcow2_barrier(q);
	return err ? err : after;
}

int qcow2_alloc_run(struct qcow2 *q, uint64_t bytes, uint64_t *at)
{
	uint64_t n = (bytes + q->csize - 1) >> q->cbits, *got = NULL, have = 0, run = 0, room = 0;
	int err = 0;

	n += !n;
	while (!err && run < n) {
		if (have == room) {
			uint64_t *more = realloc(got, (room += 64 + n) * sizeof(*got));

			if (!more) {
				err = ENOMEM;
				break;
			}
			got = more;
		}
		err = qcow2_alloc(q, &got[have]);
		if (err)
			break;
		run = have && got[have] == got[have - 1] + q->csize ? run + 1 : 1;
		have++;
	}
	if (!err)
		*at = got[have - n];
	/* what came before the run */
	for (uint64_t i = 0; i < (err ? have : have - n); i++)
		qcow2_unref(q, got[i]);
	free(got);
	return err;
}

int qcow2_free_run(struct qcow2 *q, uint64_t at, uint64_t bytes)
{
	int err = 0;

	for (uint64_t c = 0; c < bytes && !err; c += q->csize)
		err = qcow2_unref(q, at + c);
	return err;
}

int qcow2_write_l1(struct qcow2 *q, const uint64_t *l1, uint32_t n, uint64_t *at)
{
	uint8_t *be = calloc(n ? n : 1, 8);
	int err = be ? qcow2_alloc_run(q, (uint64_t)n * 8, at) : ENOMEM;

	for (uint32_t k = 0; k < n && !err; k++)
		qcow2_put(be + k * 8, l1[k] & ~QCOW2_COPIED, 8);
	if (!err)
		err = qcow2_pwrite(q, be, *at, n * 8);
	free(be);
	return err;
}

uint64_t *qcow2_read_l1(struct qcow2 *q, uint64_t at, uint32_t n)
{
	uint64_t *t;

	if (n > QCOW2_MAX_L1 / 8 || at & (q->csize - 1) || at >> 56)
		return NULL;
	t = calloc(n ? n : 1, 8);
	if (t && qcow2_pread(q, t, at, n * 8)) {
		free(t);
		return NULL;
	}
	for (uint32_t i = 0; t && i < n; i++)
		t[i] = qcow2_be((const uint8_t *)&t[i], 8);
	return t;
}
