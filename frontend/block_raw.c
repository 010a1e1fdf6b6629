/*
 * block_raw.c - raw images: the file is the disk (block.h).
 *
 * A write is a pwrite(); a flush is fdatasync(), so what the guest flushed is on stable storage. The
 * snapshot overlay is a sparse unlinked file with one bit per 4 KiB cluster that says who holds it.
 */
#define _GNU_SOURCE
#include "frontend/block.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define CLUSTER 4096u

struct blk_raw {
	struct blk blk;
	int fd, overlay;   /* -1: none */
	uint64_t file_size; /* bytes that exist */
	uint64_t *map;	   /* overlay: bit per cluster */
	bool guessed;	   /* blk_raw_options */
};

/* 0 or errno; bytes behind the end of the file read as zero. */
static int read_at(int fd, uint64_t size, uint8_t *buf, uint64_t off, uint32_t len)
{
	uint32_t want = off >= size ? 0 : off + len > size ? (uint32_t)(size - off) : len, done = 0;

	memset(buf + want, 0, len - want);
	while (done < want) {
		ssize_t n = pread(fd, buf + done, want - done, (off_t)(off + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		if (n == 0) {
			memset(buf + done, 0, want - done); /* the file was cut under us */
			return 0;
		}
		done += (uint32_t)n;
	}
	return 0;
}

static int write_at(int fd, const uint8_t *buf, uint64_t off, uint32_t len)
{
	uint32_t done = 0;

	while (done < len) {
		ssize_t n = pwrite(fd, buf + done, len - done, (off_t)(off + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? errno : ENOSPC;
		done += (uint32_t)n;
	}
	return 0;
}

static bool in_overlay(const struct blk_raw *r, uint64_t cluster)
{
	return r->map && r->map[cluster / 64] >> (cluster % 64) & 1;
}

static int do_read(struct blk_raw *r, uint8_t *buf, uint64_t off, uint32_t len)
{
	while (len) {
		uint64_t cluster = off / CLUSTER;
		uint32_t n = r->map ? (uint32_t)(CLUSTER - off % CLUSTER) : len;
		int err;

		n = n < len ? n : len;
		if (in_overlay(r, cluster))
			err = read_at(r->overlay, r->blk.size, buf, off, n);
		else
			err = read_at(r->fd, r->file_size, buf, off, n);
		if (err)
			return err;
		buf += n;
		off += n;
		len -= n;
	}
	return 0;
}

/* Fill a cluster of the overlay from the image before its first partial write. */
static int copy_up(struct blk_raw *r, uint64_t cluster)
{
	uint8_t buf[CLUSTER];
	int err = read_at(r->fd, r->file_size, buf, cluster * CLUSTER, CLUSTER);

	if (!err)
		err = write_at(r->overlay, buf, cluster * CLUSTER, CLUSTER);
	if (!err)
		r->map[cluster / 64] |= BIT(cluster % 64);
	return err;
}

static int do_write(struct blk_raw *r, const uint8_t *buf, uint64_t off, uint32_t len)
{
	int err = 0;

	if (!r->map)
		return write_at(r->fd, buf, off, len);
	for (uint64_t c = off / CLUSTER; len && c <= (off + len - 1) / CLUSTER && !err; c++)
		if (!in_overlay(r, c))
			err = copy_up(r, c);
	return err ? err : write_at(r->overlay, buf, off, len);
}

/* A qcow2 header in an image whose format is guessed would name any file of the host as the guest's disk at the next start. */
static bool disguise(const struct blk_raw *r, const struct blk_req *q)
{
	return r->guessed && q->off == 0 && q->len >= 4 && !memcmp(q->buf, "QFI\xfb", 4);
}

static void raw_submit(struct blk *b, struct blk_req *q)
{
	struct blk_raw *r = container_of(b, struct blk_raw, blk);
	int err = 0;

	if (q->op != BLK_FLUSH && (q->off > b->size || q->len > b->size - q->off))
		err = EIO;
	else if (q->op == BLK_READ)
		err = do_read(r, q->buf, q->off, q->len);
	else if (q->op == BLK_WRITE)
		err = b->readonly ? EROFS : disguise(r, q) ? EPERM : do_write(r, q->buf, q->off, q->len);
	else if (q->op == BLK_FLUSH && !b->readonly && !r->map && fdatasync(r->fd))
		err = errno;
	q->done(q->opaque, err);
}

static void raw_close(struct blk *b)
{
	struct blk_raw *r = container_of(b, struct blk_raw, blk);

	if (r->fd >= 0) {
		if (!b->readonly && !r->map)
			fdatasync(r->fd);
		close(r->fd);
	}
	if (r->overlay >= 0)
		close(r->overlay);
	free(r->map);
	free(r);
}

/* The overlay's clusters into the image, which until now was open for reading only. */
static int raw_commit(struct blk *b)
{
	struct blk_raw *r = container_of(b, struct blk_raw, blk);
	uint8_t buf[CLUSTER];
	char name[40];
	int fd, err = 0;

	if (!r->map)
		return ENOTSUP;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", r->fd);
	fd = open(name, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return errno;
	if (flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK && flock(r->fd, LOCK_EX | LOCK_NB)) {
		close(fd);
		return EBUSY; /* somebody else reads it */
	}
	for (uint64_t c = 0; c * CLUSTER < r->file_size && !err; c++) {
		uint64_t left = r->file_size - c * CLUSTER;
		uint32_t n = left < CLUSTER ? (uint32_t)left : CLUSTER;

		if (!in_overlay(r, c))
			continue;
		err = read_at(r->overlay, r->blk.size, buf, c * CLUSTER, n);
		if (!err)
			err = write_at(fd, buf, c * CLUSTER, n);
	}
	if (!err && fdatasync(fd))
		err = errno;
	close(fd);
	flock(r->fd, LOCK_SH | LOCK_NB);
	if (!err)
		memset(r->map, 0, (r->blk.size / CLUSTER / 64 + 1) * sizeof(*r->map));
	return err;
}

static const struct blk_ops raw_ops = {raw_submit, raw_close, raw_commit};

static struct blk_raw *raw_new(bool cdrom)
{
	struct blk_raw *r = calloc(1, sizeof(*r));

	BUG_ON(!r);
	r->fd = r->overlay = -1;
	r->blk.ops = &raw_ops;
	r->blk.is_cdrom = cdrom;
	r->blk.readonly = cdrom;
	return r;
}

static enum vm_err measure(struct blk_raw *r, const char *path, struct err *e)
{
	struct stat st;

	if (fstat(r->fd, &st))
		return err_errno(e, "cannot examine disk image '%s'", path);
	if (S_ISDIR(st.st_mode))
		return err_set(e, VM_ERR_IO, "disk image '%s' is a directory", path);
	if (S_ISBLK(st.st_mode)) {
		if (ioctl(r->fd, BLKGETSIZE64, &r->file_size))
			return err_errno(e, "cannot get the size of '%s'", path);
	} else if (S_ISREG(st.st_mode)) {
		r->file_size = (uint64_t)st.st_size;
	} else {
		return err_set(e, VM_ERR_IO, "disk image '%s' is neither a file nor a block device", path);
	}
	if (!r->file_size)
		return err_set(e, VM_ERR_FORMAT, "disk image '%s' is empty", path);
	r->blk.size = (r->file_size + 511) & ~511ull;
	return VM_OK;
}

static enum vm_err make_overlay(struct blk_raw *r, struct err *e)
{
	const char *dir = getenv("TMPDIR");
	char name[256];

	snprintf(name, sizeof(name), "%s/dragoman-XXXXXX", dir ? dir : "/var/tmp");
	r->overlay = mkostemp(name, O_CLOEXEC);
	if (r->overlay < 0)
		return err_errno(e, "cannot make a temporary file '%s'", name);
	unlink(name);
	r->map = calloc(r->blk.size / CLUSTER / 64 + 1, sizeof(*r->map));
	return r->map ? VM_OK : err_set(e, VM_ERR_NOMEM, "no memory for the snapshot");
}

enum vm_err blk_open_raw(const char *path, const struct blk_raw_options *opt, struct blk **out, struct err *e)
{
	struct blk_raw *r = raw_new(opt->cdrom);
	bool write = !opt->readonly && !opt->cdrom && !opt->snapshot;
	enum vm_err x;

	*out = NULL;
	r->blk.readonly = opt->readonly || opt->cdrom;
	r->blk.present = true;
	r->guessed = opt->guessed;
	snprintf(r->blk.file, sizeof(r->blk.file), "%s", path);
	r->fd = open(path, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	if (r->fd < 0)
		x = err_errno(e, "cannot open disk image '%s'", path);
	else
		x = measure(r, path, e);
	if (!x && flock(r->fd, (write ? LOCK_EX : LOCK_SH) | LOCK_NB) && errno == EWOULDBLOCK)
		x = err_set(e, VM_ERR_IO, "disk image '%s' is in use by another process", path);
	if (!x && opt->snapshot && !r->blk.readonly)
		x = make_overlay(r, e);
	if (x) {
		r->blk.readonly = true; /* nothing was written: nothing to sync */
		raw_close(&r->blk);
		return x;
	}
	*out = &r->blk;
	return VM_OK;
}
