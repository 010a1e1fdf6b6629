/* block_open.c - which format an image has (block.h). */
#define _GNU_SOURCE
#include "frontend/block.h"
#include "frontend/block_table.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void note_error(void *opaque, int error)
{
	*(int *)opaque = error;
}

int blk_do(struct blk *image, enum blk_op op, uint64_t off, uint8_t *buf, uint32_t len)
{
	int err = -1;
	struct blk_req r = {.op = op, .off = off, .buf = buf, .len = len, .done = note_error, .opaque = &err};

	blk_submit(image, &r);
	BUG_ON(err < 0);
	return err;
}

const char *const blk_format_names[BLK_FORMATS] = {"raw", "qcow2", "vdi", "vpc", "vmdk"};

enum blk_format blk_guess(const uint8_t *first, size_t n)
{
	static const struct {
		enum blk_format format;
		uint16_t at, len;
		const char *is;
	} signs[] = {{BLK_FORMAT_QCOW2, 0, 4, "QFI\xfb"}, {BLK_FORMAT_VDI, 64, 4, "\x7f\x10\xda\xbe"}, {BLK_FORMAT_VPC, 0, 8, "conectix"},
		{BLK_FORMAT_VMDK, 0, 4, "KDMV"}, {BLK_FORMAT_VMDK, 0, sizeof(BLK_VMDK_TEXT) - 1, BLK_VMDK_TEXT}};

	for (unsigned i = 0; i < ARRAY_SIZE(signs); i++)
		if (n >= signs[i].at + signs[i].len && !memcmp(first + signs[i].at, signs[i].is, signs[i].len))
			return signs[i].format;
	return BLK_FORMAT_RAW;
}

/* A qcow2 header in an image whose format is guessed would name any file of the host as the guest's disk at the next start. */
bool blk_disguise(const struct blk_req *q)
{
	return q->op == BLK_WRITE && q->off == 0 && blk_guess(q->buf, q->len) != BLK_FORMAT_RAW;
}

static enum blk_format probe(const char *path)
{
	uint8_t first[512];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd >= 0 ? pread(fd, first, sizeof(first), 0) : -1;

	if (fd >= 0)
		close(fd);
	return blk_guess(first, n < 0 ? 0 : (size_t)n);
}

/* Every format but raw: the file has a header. */
static enum vm_err open_format(enum blk_format f, const char *path, const struct blk_options *opt, struct blk **out, struct err *e)
{
	switch (f) {
	case BLK_FORMAT_VDI:
		return blk_open_table(&blk_vdi, path, opt, out, e);
	case BLK_FORMAT_VPC:
		return blk_open_table(&blk_vhd, path, opt, out, e);
	case BLK_FORMAT_VMDK:
		return blk_open_table(&blk_vmdk, path, opt, out, e);
	default:
		return blk_open_qcow2(path, opt, out, e);
	}
}

enum vm_err blk_open(const char *path, const struct blk_options *opt, struct blk **out, struct err *e)
{
	enum blk_format f;
	struct blk_raw_options raw = opt->raw;
	struct blk *base;
	enum vm_err r;

	if (blk_is_nbd(path))
		return blk_open_nbd(path, opt, out, e);
	f = opt->format == BLK_FORMAT_PROBE ? probe(path) : opt->format;
	raw.guessed = opt->format == BLK_FORMAT_PROBE;
	*out = NULL;
	if (f != BLK_FORMAT_QCOW2 && opt->lazy)
		return err_set(e, VM_ERR_USAGE, "'%s' is a %s image, which has no reference counts to be lazy with", path,
			blk_format_names[f - BLK_FORMAT_RAW]);
	if (f == BLK_FORMAT_RAW)
		return blk_open_raw(path, &raw, out, e);
	r = open_format(f, path, opt, &base, e);
	if (!r && opt->raw.snapshot && !opt->raw.readonly && !opt->raw.cdrom)
		return blk_put_overlay(base, out, e);
	*out = base;
	return r;
}
