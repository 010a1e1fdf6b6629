/*
 * block_table.h - images in which a table says where in the file each block of the disk is: VirtualBox's VDI, Microsoft's
 * VHD ("vpc"), VMware's VMDK.
 *
 * The format (struct table_format) reads the header and knows where entries are kept; reading, writing and adding blocks is
 * done here. The table is in memory. A block that the disk does not have yet is put behind the last one; its data are written
 * at once, its entry waits in memory for a flush: that makes data stable (with what the file's head or tail must say about a
 * longer file, table_format.before), then writes the entries, then makes those stable. So after a host's power failure an
 * entry never names a block that is not written; space at the end that nothing refers to is all that is lost.
 *
 * An image is hostile input: what table_format.open gives is checked against the file's length before it is used, and no
 * block may lie over header or tables.
 */
#ifndef FRONTEND_BLOCK_TABLE_H
#define FRONTEND_BLOCK_TABLE_H

#include "frontend/block.h"
#include "frontend/block_file.h"

#define TABLE_NONE  0xffffffffu /* in table_image.map: the block is not in the file and reads as zeroes */
#define TABLE_CHUNK 128u	/* entries written together: a sector */
#define TABLE_METAS 5
#define BLK_VMDK_TEXT "# Disk Descriptor" /* a VMDK that names other files begins with it */

struct table_image;
struct table_format {
	const char *name; /* QEMU's */
	bool big;	  /* numbers begin with the high byte */
	/* open() - fills in what struct table_image says; file, path, length and blk.readonly are there */
	enum vm_err (*open)(struct table_image *t, struct err *e);
	int (*before)(struct table_image *t); /* what must be in the file before entries of new blocks are; NULL: nothing */
	int (*put)(struct table_image *t, uint32_t first, uint32_t n); /* entries, of one chunk, into the file */
	int (*unpack)(struct table_image *t, uint32_t k); /* block @k into bounce; NULL: no compression */
};

struct table_image {
	struct blk blk;
	struct host_file file;
	const struct table_format *f;
	const char *path; /* while it is opened */
	uint64_t length;  /* bytes of the file */

	/* the format's, set by its open(); map == NULL: the file begins with the disk's bytes, there is no table */
	uint32_t bsize, head; /* bytes: of the disk in a block; in the file before them (VHD: a bit per sector, all ones) */
	uint64_t base;	      /* entry v: the block is at base + v * unit */
	uint32_t unit;
	uint32_t n, *map; /* entries */
	struct { uint64_t at, end; } meta[TABLE_METAS]; /* header and tables: no block lies there */
	unsigned metas;
	bool packed;	  /* blocks are compressed */
	bool fixed;	  /* cannot be written */
	bool moved;	  /* before() has something to write */
	uint64_t limit;	  /* no block reaches behind it; 0: the last may be cut off by the file's end */
	uint64_t table_at;
	uint8_t tail[512];    /* VHD: the footer */
	uint32_t *dir[2], dirs; /* VMDK: sectors of the tables' parts, and of their copies */

	uint64_t end;	 /* where the next block goes */
	uint8_t *late;	 /* per chunk: the file does not have all of it */
	uint32_t lo, hi; /* chunks that may be late */
	uint8_t *full;	 /* per block: its head is written */
	uint8_t *bounce, *pack;
	uint32_t pack_size, unpacked; /* unpacked: the block in bounce, or TABLE_NONE */
};

enum vm_err blk_open_table(const struct table_format *f, const char *path, const struct blk_options *opt, struct blk **out,
	struct err *e);
extern const struct table_format blk_vdi, blk_vhd, blk_vmdk;

/* For the formats. Numbers of the file, of @bytes bytes in its order */
uint64_t table_get(const struct table_image *t, const uint8_t *p, unsigned bytes);
enum vm_err table_corrupt(const struct table_image *t, struct err *e, const char *what);
/* table_map() - a map of @n entries without blocks */
enum vm_err table_map(struct table_image *t, uint64_t n, struct err *e);
/* table_load() - map[first, first + n) from the file's @at; without a block are those from @none up; @none == 0: that alone */
enum vm_err table_load(struct table_image *t, uint64_t at, uint32_t first, uint32_t n, uint32_t none, struct err *e);
/* table_put() - map[first, first + n) to the file's @at, TABLE_NONE as @none */
int table_put(struct table_image *t, uint64_t at, uint32_t first, uint32_t n, uint32_t none);
/* table_meta() - header or table at [at, at + len): VM_ERR_FORMAT if not in the file, or over another */
enum vm_err table_meta(struct table_image *t, uint64_t at, uint64_t len, const char *what, struct err *e);
bool table_is_free(const struct table_image *t, uint64_t at, uint64_t len); /* no header or table there */

#endif
