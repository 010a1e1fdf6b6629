/*
 * block_snapshot.h - snapshots inside a disk image, of the disk and of what else is given to be stored with it. Only qcow2 images have any.
 *
 * A drive (block_queue.h, drive.h) may be given wherever an image is expected; it must be drained. 0 or a positive errno.
 */
#ifndef FRONTEND_BLOCK_SNAPSHOT_H
#define FRONTEND_BLOCK_SNAPSHOT_H

#include "frontend/block.h"

#define BLK_SNAPSHOTS 1024 /* in an image, at most */

struct blk_snapshot {
	char id[64], name[256];
	uint64_t state_size; /* bytes stored with it; 0: of the disk alone */
	uint64_t disk_size, clock_ns;
	uint32_t sec, nsec;  /* since 1970 */
	uint64_t l1_at;	     /* the image's own */
	uint32_t l1_n;
};

/* blk_snapshot_able() - can the image have new ones? Not raw ones, overlays, read-only images, counts of one bit. */
bool blk_snapshot_able(struct blk *b);
/* blk_snapshot_list() - @list: to be freed; 0 of them without support */
int blk_snapshot_list(struct blk *b, struct blk_snapshot **list, unsigned *n);

/* What is stored with a snapshot is written first, piece by piece, then becomes part of the one that is made next. */
struct blk_state_writer;
int blk_state_begin(struct blk *b, struct blk_state_writer **w);
int blk_state_write(struct blk_state_writer *w, const void *data, size_t n);
void blk_state_cancel(struct blk_state_writer *w); /* instead of blk_snapshot_create() */

/* blk_snapshot_create() - of the disk as it is now; @s: name, time; id and the rest are filled in. @w: NULL, or freed here */
int blk_snapshot_create(struct blk *b, struct blk_snapshot *s, struct blk_state_writer *w);
/* blk_snapshot_load() - the disk becomes what it was. EFBIG: it had another size then. */
int blk_snapshot_load(struct blk *b, const struct blk_snapshot *s);
int blk_snapshot_delete(struct blk *b, const struct blk_snapshot *s);
/* blk_state_read() - bytes [at, at+n) of what is stored with @s */
int blk_state_read(struct blk *b, const struct blk_snapshot *s, uint64_t at, void *buf, size_t n);

#endif
