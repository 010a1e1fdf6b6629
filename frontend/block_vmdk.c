/*
 * block_vmdk.c - VMware's virtual disks in one file (block_table.h): monolithicSparse, and streamOptimized, whose grains are
 * compressed, for reading only. After VMware's public "Virtual Disk Format" note.
 *
 * A header, a text that describes the disk, a directory of tables with the place of each grain, often a second directory with
 * copies of them, all in the file's first part (overhead); then the grains. The text can name other files as parts of the
 * disk: none is ever opened.
 */
#include "frontend/block_table.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define PER_TABLE   512u /* grains */
#define TABLE_BYTES (PER_TABLE * 4)
#define MAX_GRAINS  (64u << 20)
#define MAX_TEXT    65536u

#define NEWLINES  BIT(0) /* flags: the header has line ends, which a transfer as text changes */
#define REDUNDANT BIT(1)
#define ZEROED	  BIT(2) /* entry 1 is a grain of zeroes */
#define COMPRESSED BIT(16)
#define MARKERS	  BIT(17)
#define AT_END	  UINT64_MAX /* place of the directory: a second header at the end of the file has it */

struct header {
	uint32_t version, flags, per_table, deflate;
	uint64_t capacity, grain, text, text_size, copy_dir, dir, overhead; /* sectors */
	bool text_ends;
};

static int vmdk_put(struct table_image *t, uint32_t first, uint32_t n)
{
	int err = 0;

	for (unsigned i = 0; i < t->dirs && !err; i++)
		err = table_put(t, (uint64_t)t->dir[i][first / PER_TABLE] * 512 + (uint64_t)(first % PER_TABLE) * 4, first, n, 0);
	return err;
}

/* Before a compressed grain: its first sector's number, the number of bytes. */
static int vmdk_unpack(struct table_image *t, uint32_t k)
{
	uint64_t at = t->base + (uint64_t)t->map[k] * t->unit;
	z_stream z = {0};
	uint8_t mark[12];
	uint32_t len;
	int err = host_file_read(&t->file, mark, at, sizeof(mark));

	len = (uint32_t)table_get(t, mark + 8, 4);
	if (err || table_get(t, mark, 8) != (uint64_t)k * (t->bsize / 512) || !len || len > t->pack_size)
		return err ? err : EIO;
	err = host_file_read(&t->file, t->pack, at + sizeof(mark), len);
	if (err)
		return err;
	if (inflateInit(&z) != Z_OK)
		return ENOMEM;
	z.next_in = t->pack;
	z.avail_in = len;
	z.next_out = t->bounce;
	z.avail_out = t->bsize;
	err = inflate(&z, Z_FINISH);
	inflateEnd(&z);
	memset(t->bounce + t->bsize - z.avail_out, 0, z.avail_out); /* the disk's last grain may be short */
	return err == Z_STREAM_END ? 0 : EIO;
}

/* The value of a line "NAME=VALUE" or "NAME="VALUE"" of the text; empty if there is none. */
static void field(const char *text, const char *name, char *value, size_t size)
{
	size_t n = strlen(name), len;

	value[0] = 0;
	for (const char *p = text; p; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
		if (strncmp(p, name, n))
			continue;
		p += n + strspn(p + n, " \t");
		if (*p != '=')
			continue;
		p += 1 + strspn(p + 1, " \t\"");
		len = strcspn(p, " \t\"\r\n");
		snprintf(value, size, "%.*s", (int)(len < size ? len : size - 1), p);
		return;
	}
}

static enum vm_err not_this_kind(struct table_image *t, const char *type, struct err *e)
{
	for (const char *p = type; *p; p++)
		if ((unsigned char)*p < ' ' || (unsigned char)*p > '~')
			type = "";
	return err_set(e, VM_ERR_FORMAT, "vmdk image '%s' is of the kind %s, which is not supported: convert it with qemu-img convert -O qcow2",
		t->path, *type ? type : "(unknown)");
}

static enum vm_err is_part(struct table_image *t, struct err *e)
{
	return err_set(e, VM_ERR_FORMAT, "vmdk image '%s' is a part of a disk in several files, which are not supported: convert that with qemu-img convert",
		t->path);
}

static enum vm_err check_text(struct table_image *t, uint64_t at, uint64_t size, bool alone, struct err *e)
{
	char *text = calloc(1, MAX_TEXT + 1), type[40], parent[20];

	if (!text || host_file_read(&t->file, text, at, size < MAX_TEXT ? (uint32_t)size : MAX_TEXT)) {
		free(text);
		return err_set(e, VM_ERR_IO, "cannot read the description of '%s'", t->path);
	}
	field(text, "createType", type, sizeof(type));
	field(text, "parentCID", parent, sizeof(parent));
	free(text);
	if (!alone && !type[0])
		return is_part(t, e);
	if (alone || (strcmp(type, "monolithicSparse") && strcmp(type, "streamOptimized")))
		return not_this_kind(t, type, e);
	if (parent[0] && strtoul(parent, NULL, 16) != 0xffffffff)
		return err_set(e, VM_ERR_FORMAT, "vmdk image '%s' has a parent, which is not supported", t->path);
	return VM_OK;
}

static void parse(struct table_image *t, const uint8_t *h, struct header *x)
{
	x->version = (uint32_t)table_get(t, h + 4, 4);
	x->flags = (uint32_t)table_get(t, h + 8, 4);
	x->capacity = table_get(t, h + 12, 8);
	x->grain = table_get(t, h + 20, 8);
	x->text = table_get(t, h + 28, 8);
	x->text_size = table_get(t, h + 36, 8);
	x->per_table = (uint32_t)table_get(t, h + 44, 4);
	x->copy_dir = table_get(t, h + 48, 8);
	x->dir = table_get(t, h + 56, 8);
	x->overhead = table_get(t, h + 64, 8);
	x->text_ends = !memcmp(h + 73, "\n \r\n", 4);
	x->deflate = (uint32_t)table_get(t, h + 77, 2);
}

static enum vm_err read_header(struct table_image *t, struct header *x, struct err *e)
{
	uint8_t h[512];
	uint64_t text, text_size;

	if (host_file_read(&t->file, h, 0, sizeof(h)))
		return err_errno(e, "cannot read '%s'", t->path);
	if (!memcmp(h, BLK_VMDK_TEXT, strlen(BLK_VMDK_TEXT)))
		return check_text(t, 0, t->length, true, e);
	if (memcmp(h, "KDMV", 4))
		return err_set(e, VM_ERR_FORMAT, "disk image '%s' is not vmdk", t->path);
	parse(t, h, x);
	text = x->text;
	text_size = x->text_size;
	if (x->dir == AT_END) { /* header and a marker for the end are the last two sectors */
		if (t->length < 1536 || host_file_read(&t->file, h, (t->length & ~511ull) - 1024, sizeof(h)) || memcmp(h, "KDMV", 4))
			return table_corrupt(t, e, "no header at its end");
		parse(t, h, x);
		x->text = text;
		x->text_size = text_size;
	}
	if (x->version < 1 || x->version > 3)
		return err_set(e, VM_ERR_FORMAT, "vmdk image '%s': version %u is not supported", t->path, x->version);
	if (x->flags & NEWLINES && !x->text_ends)
		return table_corrupt(t, e, "it was transferred as text");
	return VM_OK;
}

static enum vm_err check_header(struct table_image *t, struct header *x, struct err *e)
{
	uint64_t sectors = (t->length + 511) / 512;

	t->packed = x->flags & COMPRESSED;
	if (x->grain < 8 || x->grain > 4096 || x->grain & (x->grain - 1))
		return table_corrupt(t, e, "grain size");
	if (x->per_table != PER_TABLE)
		return table_corrupt(t, e, "table size");
	if (!x->capacity || (x->capacity - 1) / x->grain >= MAX_GRAINS)
		return table_corrupt(t, e, "disk size");
	if (t->packed && (x->deflate != 1 || !(x->flags & MARKERS)))
		return table_corrupt(t, e, "compression");
	if (!x->text || !x->text_size)
		return is_part(t, e);
	if (x->text_size > MAX_TEXT / 512 || x->text > sectors || x->text_size > sectors - x->text)
		return table_corrupt(t, e, "place of the description");
	if (x->dir > sectors || x->overhead > sectors || !x->overhead)
		return table_corrupt(t, e, "place of the tables");
	t->bsize = (uint32_t)x->grain * 512;
	t->unit = 512;
	t->blk.size = x->capacity * 512;
	return check_text(t, x->text * 512, x->text_size * 512, false, e);
}

/* Directory @i, at @sector, of @n tables. Those of an image that can be written are all there, in its overhead. */
static enum vm_err read_dir(struct table_image *t, unsigned i, uint64_t sector, uint32_t n, const struct header *x, struct err *e)
{
	uint64_t limit = t->packed ? t->length : x->overhead * 512, tables = 0;
	enum vm_err r = sector >= limit / 512 ? table_corrupt(t, e, "place of a directory")
					     : table_meta(t, sector * 512, (uint64_t)n * 4, "place of a directory", e);
	uint8_t b[4];

	if (r)
		return r;
	t->dir[i] = calloc(n, sizeof(*t->dir[i]));
	if (!t->dir[i])
		return err_set(e, VM_ERR_NOMEM, "no memory for '%s'", t->path);
	t->dirs++;
	for (uint32_t k = 0; k < n; k++) {
		uint64_t at;

		if (host_file_read(&t->file, b, sector * 512 + (uint64_t)k * 4, 4))
			return err_errno(e, "cannot read '%s'", t->path);
		t->dir[i][k] = (uint32_t)table_get(t, b, 4);
		at = (uint64_t)t->dir[i][k] * 512;
		if (!at)
			t->fixed = true;
		else if (at + TABLE_BYTES > limit || !table_is_free(t, at, TABLE_BYTES) || (tables += TABLE_BYTES) > limit)
			return table_corrupt(t, e, "place of a table");
	}
	return VM_OK;
}

static enum vm_err read_tables(struct table_image *t, const struct header *x, struct err *e)
{
	uint32_t n = (uint32_t)((x->capacity - 1) / x->grain + 1), dir_n = (n - 1) / PER_TABLE + 1;
	bool copies = x->flags & REDUNDANT && x->copy_dir && x->copy_dir != AT_END && !t->packed;
	enum vm_err r = table_meta(t, 0, 512, "header", e);

	if (!r)
		r = table_meta(t, x->text * 512, x->text_size * 512, "place of the description", e);
	if (!r)
		r = read_dir(t, 0, x->dir, dir_n, x, e);
	if (!r && copies)
		r = read_dir(t, 1, x->copy_dir, dir_n, x, e);
	if (!r)
		r = table_map(t, n, e);
	for (uint32_t k = 0; k < dir_n && !r; k++) {
		uint32_t first = k * PER_TABLE, left = n - first;

		if (t->dir[0][k])
			r = table_load(t, (uint64_t)t->dir[0][k] * 512, first, left < PER_TABLE ? left : PER_TABLE, 0, e);
	}
	for (uint32_t k = 0; k < n && !r && x->flags & ZEROED; k++)
		t->map[k] = t->map[k] == 1 ? TABLE_NONE : t->map[k];
	if (!r && !t->packed) { /* no grain in all of it */
		t->metas = 0;
		r = table_meta(t, 0, x->overhead * 512, "overhead", e);
	}
	return r;
}

static enum vm_err vmdk_open(struct table_image *t, struct err *e)
{
	struct header x = {0};
	enum vm_err r = read_header(t, &x, e);

	if (!r)
		r = check_header(t, &x, e);
	if (!r)
		r = read_tables(t, &x, e);
	if (r)
		return r;
	if (t->packed && !t->blk.readonly)
		return err_set(e, VM_ERR_USAGE, "vmdk image '%s' is streamOptimized, which can only be read: use snapshot=on, or qemu-img convert -O qcow2",
			t->path);
	if (t->fixed && !t->blk.readonly)
		return err_set(e, VM_ERR_FORMAT, "vmdk image '%s' does not have all its tables and can only be read: use snapshot=on, or qemu-img convert -O qcow2",
			t->path);
	t->fixed |= t->packed;
	return VM_OK;
}

const struct table_format blk_vmdk = {.name = "vmdk", .open = vmdk_open, .put = vmdk_put, .unpack = vmdk_unpack};
