/* block_file.c - see block_file.h. */
#define _GNU_SOURCE
#include "frontend/block_file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/uio.h>
#include <unistd.h>

#define ALIGN  4096u
#define BOUNCE 65536u

enum vm_err host_file_open(struct host_file *f, const char *path, bool write, bool direct, struct err *e)
{
	*f = (struct host_file){.fd = -1, .direct = -1, .reader = -1};
	f->fd = open(path, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	if (f->fd < 0)
		return err_errno(e, "cannot open disk image '%s'", path);
	if (flock(f->fd, (write ? LOCK_EX : LOCK_SH) | LOCK_NB) && errno == EWOULDBLOCK)
		return err_set(e, VM_ERR_IO, "disk image '%s' is in use by another process", path);
	if (!direct)
		return VM_OK;
	/* a file system without it (tmpfs) has no page cache to go past */
	f->direct = open(path, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_DIRECT);
	if (f->direct >= 0 && posix_memalign((void **)&f->bounce, ALIGN, BOUNCE))
		return err_set(e, VM_ERR_NOMEM, "no memory for '%s'", path);
	return VM_OK;
}

void host_file_close(struct host_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	if (f->direct >= 0)
		close(f->direct);
	if (f->reader >= 0)
		close(f->reader);
	free(f->bounce);
	*f = (struct host_file){.fd = -1, .direct = -1, .reader = -1};
}

static int read_part(struct host_file *f, uint8_t *p, uint64_t at, uint32_t len, uint32_t *got)
{
	bool direct = f->direct >= 0 && !((at | len) & (ALIGN - 1));
	uint32_t want = direct && len > BOUNCE ? BOUNCE : len;
	ssize_t n = direct ? pread(f->direct, f->bounce, want, (off_t)at) : pread(f->fd, p, want, (off_t)at);

	if (direct && n < 0 && errno == EINVAL) { /* coarser alignment than we thought */
		direct = false;
		n = pread(f->fd, p, want, (off_t)at);
	}
	if (n < 0)
		return errno;
	if (direct)
		memcpy(p, f->bounce, (size_t)n);
	*got = (uint32_t)n;
	return 0;
}

int host_file_read(struct host_file *f, void *buf, uint64_t at, uint32_t len)
{
	uint8_t *p = buf;

	while (len) {
		uint32_t n = 0;
		int err = read_part(f, p, at, len, &n);

		if (err == EINTR)
			continue;
		if (err)
			return err;
		if (!n) {
			memset(p, 0, len);
			return 0;
		}
		p += n;
		at += n;
		len -= n;
	}
	return 0;
}

int host_file_read_now(struct host_file *f, void *buf, uint64_t at, uint32_t len)
{
	struct iovec v = {buf, len};
	ssize_t n = f->direct >= 0 ? -1 : preadv2(f->fd, &v, 1, (off_t)at, RWF_NOWAIT);

	return n == (ssize_t)len ? 0 : EAGAIN;
}

static int write_part(struct host_file *f, const uint8_t *p, uint64_t at, uint32_t len, uint32_t *put)
{
	bool direct = f->direct >= 0 && !((at | len) & (ALIGN - 1));
	uint32_t want = direct && len > BOUNCE ? BOUNCE : len;
	ssize_t n;

	if (direct) {
		memcpy(f->bounce, p, want);
		n = pwrite(f->direct, f->bounce, want, (off_t)at);
	}
	if (!direct || (n < 0 && errno == EINVAL))
		n = pwrite(f->fd, p, want, (off_t)at);
	if (n < 0)
		return errno;
	*put = (uint32_t)n;
	return n ? 0 : ENOSPC;
}

int host_file_write(struct host_file *f, const void *buf, uint64_t at, uint32_t len)
{
	const uint8_t *p = buf;

	while (len) {
		uint32_t n = 0;
		int err = write_part(f, p, at, len, &n);

		if (err == EINTR)
			continue;
		if (err)
			return err;
		p += n;
		at += n;
		len -= n;
	}
	return 0;
}

int host_file_sync(struct host_file *f)
{
	return !f->no_sync && fdatasync(f->fd) ? errno : 0;
}

int host_file_zero(struct host_file *f, uint64_t at, uint64_t len, bool unmap)
{
	static const uint8_t zeroes[4096];

	if (unmap && !fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)len))
		return 0;
	if (!fallocate(f->fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)len))
		return 0;
	for (uint64_t done = 0; done < len;) {
		uint32_t n = len - done < sizeof(zeroes) ? (uint32_t)(len - done) : (uint32_t)sizeof(zeroes);
		int err = host_file_write(f, zeroes, at + done, n);

		if (err)
			return err;
		done += n;
	}
	return 0;
}

int host_file_punch(struct host_file *f, uint64_t at, uint64_t len)
{
	if (!len || !fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)len))
		return 0;
	return errno == EIO ? EIO : 0;
}

int host_file_reopen(struct host_file *f, bool write)
{
	char name[40];
	int fd;

	if (!write) {
		int err = host_file_sync(f);

		close(f->fd);
		f->fd = f->reader;
		f->reader = -1;
		flock(f->fd, LOCK_SH | LOCK_NB);
		return err;
	}
	if (flock(f->fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK) {
		flock(f->fd, LOCK_SH | LOCK_NB);
		return EBUSY;
	}
	snprintf(name, sizeof(name), "/proc/self/fd/%d", f->fd);
	fd = open(name, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		fd = errno;
		flock(f->fd, LOCK_SH | LOCK_NB);
		return fd;
	}
	f->reader = f->fd;
	f->fd = fd;
	return 0;
}
