/*
 * block_vhd.c - Microsoft's virtual hard disks, which QEMU calls vpc (block_table.h): fixed and dynamic. After the public
 * "Virtual Hard Disk Image Format Specification".
 *
 * A fixed image is the disk and a footer. A dynamic one has a copy of the footer, a header, a table, the blocks - a bit per
 * sector, then the data - and the footer. It moves behind every new block; the copy stands in for it if a power failure comes
 * between. The footer says which kind it is; the copy is looked at if there is none, because a fixed disk's guest writes there.
 */
#include "frontend/block_table.h"
#include <string.h>

#define FIXED	2u
#define DYNAMIC 3u
#define DIFFERS 4u

/* The footer is the file's last sector. */
static uint64_t footer_at(const struct table_image *t)
{
	uint64_t last = ((t->length + 511) & ~511ull) - 512;

	return t->end > last ? t->end : last;
}

static int vhd_before(struct table_image *t)
{
	uint64_t at = footer_at(t);
	int err = host_file_write(&t->file, t->tail, at, sizeof(t->tail));

	if (!err)
		t->length = at + sizeof(t->tail);
	return err;
}

static int vhd_put(struct table_image *t, uint32_t first, uint32_t n)
{
	return table_put(t, t->table_at + (uint64_t)first * 4, first, n, TABLE_NONE);
}

/*
 * Two numbers say how large the disk is: cylinders, heads and sectors, and bytes. The guests of Virtual PC saw the first; these
 * makers mean the second, as everybody does for a disk that is too large for the first.
 */
static uint64_t disk_size(const struct table_image *t)
{
	static const char exact[][5] = {"win ", "qem2", "d2v ", "tap\0", "CXS\0", "wa\0\0"};
	const uint8_t *f = t->tail;
	uint64_t chs = table_get(t, f + 56, 2) * f[58] * f[59];

	for (unsigned i = 0; i < sizeof(exact) / sizeof(exact[0]); i++)
		if (!memcmp(f + 28, exact[i], 4))
			chs = 0;
	return chs && chs < 65535ull * 16 * 255 ? chs * 512 : table_get(t, f + 48, 8);
}

static enum vm_err read_dynamic(struct table_image *t, struct err *e)
{
	uint64_t at = table_get(t, t->tail + 16, 8), n, need;
	uint8_t h[1024];
	enum vm_err r = table_meta(t, 0, 512, "footer", e);

	if (!r)
		r = table_meta(t, at, sizeof(h), "place of the header", e);
	if (r)
		return r;
	if (host_file_read(&t->file, h, at, sizeof(h)) || memcmp(h, "cxsparse", 8))
		return table_corrupt(t, e, "header");
	t->table_at = table_get(t, h + 16, 8);
	n = table_get(t, h + 28, 4);
	t->bsize = (uint32_t)table_get(t, h + 32, 4);
	if (t->bsize < 4096 || t->bsize > 256u << 20 || t->bsize & (t->bsize - 1))
		return table_corrupt(t, e, "block size");
	t->head = (t->bsize / 512 / 8 + 511) & ~511u;
	t->unit = 512;
	need = (t->blk.size - 1) / t->bsize + 1;
	if (need > n)
		return table_corrupt(t, e, "the table is too short for the disk");
	r = table_meta(t, t->table_at, n * 4, "place of the table", e);
	if (!r)
		r = table_map(t, need, e);
	if (!r)
		r = table_load(t, t->table_at, 0, t->n, TABLE_NONE, e);
	return r;
}

/* The sum of all bytes but its own four */
static bool is_footer(const struct table_image *t, const uint8_t *f)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < 512; i++)
		sum += i >= 64 && i < 68 ? 0 : f[i];
	return !memcmp(f, "conectix", 8) && table_get(t, f + 64, 4) == (uint32_t)~sum;
}

static enum vm_err vhd_open(struct table_image *t, struct err *e)
{
	uint8_t copy[512];
	uint64_t type;

	if (t->length < 512)
		return err_set(e, VM_ERR_FORMAT, "disk image '%s' is not vpc: it is too short", t->path);
	if (host_file_read(&t->file, copy, 0, 512) || host_file_read(&t->file, t->tail, t->length - 512, 512))
		return err_errno(e, "cannot read '%s'", t->path);
	if (!is_footer(t, t->tail) || (table_get(t, t->tail + 60, 4) != FIXED && memcmp(t->tail, copy, 512))) {
		memcpy(t->tail, copy, 512);
		t->moved = true;
	}
	if (!is_footer(t, t->tail))
		return err_set(e, VM_ERR_FORMAT, "disk image '%s' is not vpc: it has no footer, or one with a wrong checksum", t->path);
	type = table_get(t, t->tail + 60, 4);
	if (type == DIFFERS)
		return err_set(e, VM_ERR_FORMAT, "vpc image '%s' has a parent, which is not supported", t->path);
	if (type != FIXED && type != DYNAMIC)
		return table_corrupt(t, e, "type");
	t->blk.size = disk_size(t) & ~511ull;
	if (!t->blk.size || (type == FIXED && (t->moved || t->blk.size > t->length - 512)))
		return table_corrupt(t, e, "disk size");
	t->limit = t->moved ? 0 : t->length - 512;
	return type == FIXED ? VM_OK : read_dynamic(t, e);
}

const struct table_format blk_vhd = {.name = "vpc", .big = true, .open = vhd_open, .before = vhd_before, .put = vhd_put};
