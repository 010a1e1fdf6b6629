/*
 * block_qcow2_repair.c - reference counts that are not in the file yet, and what becomes of them when they never get there (qcow2.h).
 *
 * With lazy counts the image is marked dirty before the first count waits in memory, and clean after all are written. A dirty image that is
 * opened for writing gets its counts anew: those of everything that its tables refer to are what they are found to be, the others 0. What
 * would need more than that (a table of counts that is too short, references to nowhere, bitmaps) is left to qemu-img check -r all.
 *
 * Source: "QCOW2 image file format" (QEMU's docs/interop/qcow2), "Header", "Reference count handling".
 */
#include "frontend/block_snapshot.h"
#include "frontend/qcow2.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define HEADER_INCOMPATIBLE 72
#define MAX_CLUSTERS (64u << 20) /* that we count, 4 bytes each */

int qcow2_mark(struct qcow2 *q, bool dirty)
{
	uint64_t bits = dirty ? q->features | QCOW2_DIRTY : q->features & ~QCOW2_DIRTY;
	uint8_t be[8];
	int err;

	if (bits == q->features)
		return 0;
	qcow2_put(be, bits, 8);
	err = qcow2_pwrite(q, be, HEADER_INCOMPATIBLE, sizeof(be));
	if (!err)
		err = host_file_sync(&q->file);
	if (!err)
		q->features = bits;
	return err;
}

int qcow2_clean(struct qcow2 *q)
{
	int err = qcow2_barrier(q);

	if (!err)
		err = qcow2_put_counts(q);
	if (!err)
		err = host_file_sync(&q->file);
	return err || q->broken ? err : qcow2_mark(q, false);
}

/* References found, by host cluster */
struct census {
	struct qcow2 *q;
	uint32_t *n;
	uint64_t clusters; /* in the file */
	uint64_t max;	   /* that a count can be */
};

static int found(struct census *c, uint64_t at, uint64_t len)
{
	uint64_t first = at >> c->q->cbits, last = (at + len - 1) >> c->q->cbits;

	if (!len)
		return 0;
	if (at >> 56 || last >= c->clusters)
		return EIO;
	for (uint64_t k = first; k <= last; k++)
		if (c->n[k]++ == c->max)
			return ERANGE;
	return 0;
}

static int find_data(struct census *c, uint64_t entry)
{
	struct qcow2 *q = c->q;
	uint64_t at = entry & QCOW2_OFFSET;
	uint32_t len;

	if (entry & QCOW2_COMPRESSED) {
		qcow2_packed(q, entry, &at, &len);
		/* its last sector may lie behind the end of the file */
		return found(c, at, at + len > c->clusters << q->cbits && at < c->clusters << q->cbits ? (c->clusters << q->cbits) - at : len);
	}
	return at & (q->csize - 1) ? EIO : at ? found(c, at, q->csize) : 0;
}

/* A tree: its first level at @at, @n entries in memory */
static int find_tree(struct census *c, uint64_t at, const uint64_t *l1, uint32_t n)
{
	struct qcow2 *q = c->q;
	uint8_t *t = malloc(q->csize);
	int err = t ? found(c, at, (uint64_t)n * 8) : ENOMEM;

	for (uint32_t k = 0; k < n && !err; k++) {
		uint64_t table = l1[k] & QCOW2_OFFSET;

		if (!table)
			continue;
		err = table & (q->csize - 1) ? EIO : found(c, table, q->csize);
		if (!err)
			err = qcow2_pread(q, t, table, q->csize);
		for (uint32_t i = 0; i < q->csize && !err; i += 8)
			err = find_data(c, qcow2_be(t + i, 8));
	}
	free(t);
	return err;
}

static int find_snapshots(struct census *c)
{
	struct qcow2 *q = c->q;
	struct blk_snapshot *list = NULL;
	uint64_t at;
	uint32_t len;
	unsigned n = 0;
	int err = blk_snapshot_list(&q->blk, &list, &n);

	if (!err)
		err = qcow2_snapshot_table(q, &at, &len);
	if (!err)
		err = found(c, at, len);
	for (unsigned i = 0; i < n && !err; i++) {
		uint64_t *l1 = qcow2_read_l1(q, list[i].l1_at, list[i].l1_n);

		err = l1 ? find_tree(c, list[i].l1_at, l1, list[i].l1_n) : EIO;
		free(l1);
	}
	free(list);
	return err;
}

static int find_all(struct census *c)
{
	struct qcow2 *q = c->q;
	int err = found(c, 0, q->csize);

	if (!err)
		err = find_tree(c, q->l1_at, q->l1, q->l1_n);
	if (!err)
		err = find_snapshots(c);
	if (!err)
		err = found(c, q->reft_at, (uint64_t)q->reft_n * 8);
	for (uint32_t k = 0; k < q->reft_n && !err; k++) {
		uint64_t at = q->reft[k] & QCOW2_OFFSET;

		if (at)
			err = at & (q->csize - 1) ? EIO : found(c, at, q->csize);
	}
	return err;
}

/* Every count as it was found to be. EIO: there is no place for one. */
static int set_all(struct census *c)
{
	struct qcow2 *q = c->q;
	uint64_t per = (uint64_t)q->csize * 8 >> q->rbits;
	int err = 0;

	for (uint64_t i = 0; i < c->clusters && !err; i++)
		if (c->n[i] && (i / per >= q->reft_n || !(q->reft[i / per] & QCOW2_OFFSET)))
			err = EIO;
	for (uint32_t k = 0; k < q->reft_n && !err; k++) {
		uint64_t first = k * per, n = first < c->clusters ? c->clusters - first : 0;

		if (q->reft[k] & QCOW2_OFFSET)
			err = qcow2_set_counts(q, k, c->n + (n ? first : 0), n);
	}
	return err;
}

enum vm_err qcow2_repair(struct qcow2 *q, const char *path, struct err *e)
{
	struct census c = {.q = q, .max = q->rbits >= 5 ? UINT32_MAX : BIT(1u << q->rbits) - 1};
	struct stat st;
	int err;

	if (fstat(q->file.fd, &st))
		return err_errno(e, "cannot examine disk image '%s'", path);
	c.clusters = ((uint64_t)st.st_size + q->csize - 1) >> q->cbits;
	if (c.clusters <= MAX_CLUSTERS)
		c.n = calloc(c.clusters + 1, sizeof(*c.n));
	err = c.n ? q->bitmaps ? EIO : find_all(&c) : ENOMEM;
	if (!err)
		err = set_all(&c);
	free(c.n);
	if (!err)
		err = qcow2_fix_copied(q);
	if (!err)
		err = qcow2_clean(q);
	if (err)
		return err_set(e, VM_ERR_FORMAT, "qcow2 image '%s' is dirty: repair it with qemu-img check -r all", path);
	q->blk.repaired = true;
	return VM_OK;
}
