/*
 * qcow2.h - the inside of a qcow2 image, shared by block_qcow2*.c.
 *
 * The layout is that of the public specification "QCOW2 image file format" (QEMU's docs/interop/qcow2): a header, a
 * two-level table of reference counts (one per host cluster) and a two-level table (L1, L2) from guest to host clusters.
 * Both first levels are held in memory, of the second levels a few tables.
 *
 * What a host's power failure can leave: references (L1 and L2 entries) wait in memory until qcow2_barrier(), which a flush
 * begins with. It makes data and reference counts stable, then writes the references, then makes those stable before
 * counts fall. So the file never refers to a cluster that is not counted or not written; clusters that are counted and not
 * referred to (leaks, as qemu-img check calls them) are all that is lost. With lazy counts (an image's feature, or lazy-refcounts=on)
 * counts wait in memory until the image is closed; it is marked dirty meanwhile (block_qcow2_repair.c).
 */
#ifndef FRONTEND_QCOW2_H
#define FRONTEND_QCOW2_H

#include "frontend/block.h"
#include "frontend/block_file.h"

#define QCOW2_MAGIC	 0x514649fbu
#define QCOW2_DIRTY	 BIT(0) /* incompatible features */
#define QCOW2_CORRUPT	 BIT(1)
#define QCOW2_OFFSET	 0x00fffffffffffe00ull /* host offset in an L1, L2 entry */
#define QCOW2_COPIED	 BIT(63)	       /* the reference count is exactly 1 */
#define QCOW2_COMPRESSED BIT(62)
#define QCOW2_ZERO	 BIT(0) /* v3: reads as zeroes whatever the offset says */
#define QCOW2_MAX_L1	 (32u << 20) /* bytes; what we hold in memory for an image */
#define QCOW2_MAX_REFT	 (8u << 20)  /* bytes */
#define QCOW2_DEPTH	 32	     /* backing files below an image */
#define QCOW2_L2S	 16	     /* second-level tables in memory */
#define QCOW2_GONE	 1024	     /* clusters whose counts are to fall at the next barrier, at most */

struct qcow2_table { /* one second-level table as it is in the file; at == 0: none */
	uint64_t at;
	uint8_t *data; /* a cluster */
};

struct qcow2_l2 {
	struct qcow2_table t;
	uint32_t lo, hi; /* bytes that the file does not have yet; lo == hi: none */
	uint64_t used;	 /* when, by qcow2.now */
};

struct qcow2 {
	struct blk blk;
	struct blk *backing; /* or NULL */
	struct host_file file;
	uint64_t features;   /* incompatible ones in the file: QCOW2_DIRTY, QCOW2_CORRUPT */
	bool lazy;	     /* counts wait, with QCOW2_DIRTY set */
	bool bitmaps;	     /* the image has some, which are not looked at */
	bool broken; /* metadata contradicts itself: reads go on, writes are refused */
	unsigned version, cbits, rbits; /* log2 of bytes a cluster, of bits a reference count */
	uint32_t csize;
	uint64_t l1_at, reft_at;
	uint32_t l1_n, reft_n; /* entries */
	uint64_t *l1, *reft;   /* host order */
	uint8_t *l1_late;      /* entry is not in the file yet */
	bool late;	       /* some is */
	struct qcow2_l2 l2[QCOW2_L2S];
	uint64_t now;
	struct qcow2_table refb;
	bool refb_late; /* the file does not have all of it */
	uint64_t gone[QCOW2_GONE];
	unsigned ngone;
	uint64_t next_free; /* host cluster: none below it is free */
	uint8_t *bounce, *packed; /* a cluster; two clusters */
};

uint64_t qcow2_be(const uint8_t *p, unsigned bytes);
void qcow2_put(uint8_t *p, uint64_t v, unsigned bytes);

/* 0 or errno; bytes behind the end of the file read as zero. */
int qcow2_pread(struct qcow2 *q, void *buf, uint64_t at, uint32_t len);
int qcow2_pwrite(struct qcow2 *q, const void *buf, uint64_t at, uint32_t len);

/* qcow2_load() - @t holds the table at @at. EIO if @at is no place for a table. */
int qcow2_load(struct qcow2 *q, struct qcow2_table *t, uint64_t at);

/* qcow2_l2() - the second-level table at @at, in memory until the next call */
int qcow2_l2(struct qcow2 *q, uint64_t at, struct qcow2_l2 **out);
/* qcow2_forget() - no table is at @at any more */
void qcow2_forget(struct qcow2 *q, uint64_t at);

/* qcow2_get() - the L2 entry of guest cluster @n; 0 if there is no table */
int qcow2_get(struct qcow2 *q, uint64_t n, uint64_t *entry);

/* qcow2_read() - 0 or errno; [off, off + len) lies in the disk */
int qcow2_read(struct qcow2 *q, uint8_t *buf, uint64_t off, uint32_t len);

/* Host bytes of a compressed cluster. EIO if they are not in the file's possible range. */
void qcow2_packed(const struct qcow2 *q, uint64_t entry, uint64_t *at, uint32_t *len);

/* block_qcow2_refs.c: host clusters and their reference counts; 0 or errno */
int qcow2_alloc(struct qcow2 *q, uint64_t *at);
int qcow2_unref(struct qcow2 *q, uint64_t at);
int qcow2_ref(struct qcow2 *q, uint64_t at); /* ERANGE: the count can be no higher */
int qcow2_count(struct qcow2 *q, uint64_t at, uint64_t *n); /* *n: 0 if the cluster is free */

/* qcow2_put_counts() - what waits of the counts, into the file */
int qcow2_put_counts(struct qcow2 *q);
/* qcow2_set_counts() - block @k of the counts: the first @n of them are @count's, the others 0 */
int qcow2_set_counts(struct qcow2 *q, uint32_t k, const uint32_t *count, uint64_t n);

/* block_qcow2_repair.c */
int qcow2_mark(struct qcow2 *q, bool dirty); /* in the file, at once */
int qcow2_clean(struct qcow2 *q); /* a barrier, and all counts are in the file: it is not dirty */
/* qcow2_repair() - the counts of a dirty image anew. VM_ERR_FORMAT if they cannot be had so easily. */
enum vm_err qcow2_repair(struct qcow2 *q, const char *path, struct err *e);

/* block_qcow2_snapshot.c: place and bytes of the table of snapshots */
int qcow2_snapshot_table(struct qcow2 *q, uint64_t *at, uint32_t *len);

/* block_qcow2_tree.c; nothing may be waiting for a barrier */
/* qcow2_tree_add() - one more (@delta 1) or one less (-1) tree, with first level @l1, refers to what it refers to */
int qcow2_tree_add(struct qcow2 *q, const uint64_t *l1, uint32_t n, int delta);
int qcow2_fix_copied(struct qcow2 *q); /* COPIED flags of the active tree, by the counts; passes a barrier */
/* Several clusters in a row, for at least @bytes */
int qcow2_alloc_run(struct qcow2 *q, uint64_t bytes, uint64_t *at);
int qcow2_free_run(struct qcow2 *q, uint64_t at, uint64_t bytes);
int qcow2_write_l1(struct qcow2 *q, const uint64_t *l1, uint32_t n, uint64_t *at); /* a new table, without COPIED */
uint64_t *qcow2_read_l1(struct qcow2 *q, uint64_t at, uint32_t n); /* NULL: not a place for a table, or it cannot be read */
struct qcow2 *qcow2_from(struct blk *b); /* NULL: it is another kind of image */

/* block_qcow2_write.c */
void qcow2_set_entry(struct qcow2 *q, struct qcow2_l2 *l, uint64_t n, uint64_t entry); /* of guest cluster @n; written at the next barrier */
int qcow2_write(struct qcow2 *q, const uint8_t *buf, uint64_t off, uint32_t len);
/* qcow2_discard() - whole clusters of the range are given back; @zero: and all of it reads as zeroes after */
int qcow2_discard(struct qcow2 *q, uint64_t off, uint32_t len, bool zero);
int qcow2_barrier(struct qcow2 *q);

#endif
