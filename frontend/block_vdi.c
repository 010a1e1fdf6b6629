/*
 * block_vdi.c - VirtualBox disk images (block_table.h), version 1.1, dynamic and static.
 *
 * A header, a table with the number of each block's place, the blocks. The header counts the blocks in the file; it does so
 * before the table refers to a new one, because whoever reads the count puts the next block there.
 */
#include "frontend/block_table.h"
#include <string.h>

#define MAGIC	  0xbeda107fu
#define COUNT_AT  388u
#define DISCARDED 0xfffffffeu /* an entry without a block, too */

static int vdi_before(struct table_image *t)
{
	uint64_t n = (t->end - t->base) / t->bsize;
	uint8_t b[4] = {(uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), (uint8_t)(n >> 24)};

	return host_file_write(&t->file, b, COUNT_AT, sizeof(b));
}

static int vdi_put(struct table_image *t, uint32_t first, uint32_t n)
{
	return table_put(t, t->table_at + (uint64_t)first * 4, first, n, TABLE_NONE);
}

static enum vm_err supported(struct table_image *t, const uint8_t *h, struct err *e)
{
	static const uint8_t none[16];
	uint32_t version = (uint32_t)table_get(t, h + 68, 4), type = (uint32_t)table_get(t, h + 76, 4);

	if (version != 0x10001)
		return err_set(e, VM_ERR_FORMAT, "vdi image '%s': version %u.%u is not supported", t->path, version >> 16,
			version & 0xffff);
	if (type > 2 || memcmp(h + 424, none, 16) || memcmp(h + 440, none, 16))
		return err_set(e, VM_ERR_FORMAT, "vdi image '%s' has a parent, which is not supported: convert it with VBoxManage clonemedium",
			t->path);
	if (type < 1)
		return table_corrupt(t, e, "image type");
	if (table_get(t, h + 360, 4) != 512)
		return table_corrupt(t, e, "sector size");
	return VM_OK;
}

static enum vm_err vdi_open(struct table_image *t, struct err *e)
{
	uint8_t h[512];
	uint64_t size, n;
	enum vm_err r;

	if (host_file_read(&t->file, h, 0, sizeof(h)))
		return err_errno(e, "cannot read '%s'", t->path);
	if (table_get(t, h + 64, 4) != MAGIC)
		return err_set(e, VM_ERR_FORMAT, "disk image '%s' is not vdi", t->path);
	r = supported(t, h, e);
	if (r)
		return r;
	t->table_at = table_get(t, h + 340, 4);
	t->base = table_get(t, h + 344, 4);
	size = table_get(t, h + 368, 8);
	t->bsize = t->unit = (uint32_t)table_get(t, h + 376, 4);
	n = table_get(t, h + 384, 4);
	if (t->bsize < 4096 || t->bsize > 64u << 20 || t->bsize & (t->bsize - 1) || table_get(t, h + 380, 4))
		return table_corrupt(t, e, "block size");
	if (!size || !n || (size - 1) / t->bsize >= n)
		return table_corrupt(t, e, "disk size");
	t->blk.size = (size + 511) & ~511ull;
	r = table_meta(t, 0, sizeof(h), "header", e);
	if (!r)
		r = table_meta(t, t->table_at, n * 4, "place of the table", e);
	if (!r && (t->base < t->table_at + n * 4 || t->base % 512 || t->table_at % 512))
		r = table_corrupt(t, e, "place of the data");
	if (!r)
		r = table_map(t, n, e);
	if (!r)
		r = table_load(t, t->table_at, 0, t->n, DISCARDED, e);
	n = 0;
	for (uint32_t k = 0; k < t->n && !r; k++)
		n = t->map[k] != TABLE_NONE && t->map[k] >= n ? t->map[k] + 1ull : n;
	t->moved = n != table_get(t, h + COUNT_AT, 4);
	return r;
}

const struct table_format blk_vdi = {.name = "vdi", .open = vdi_open, .before = vdi_before, .put = vdi_put};
