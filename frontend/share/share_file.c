/* share_file.c - files of a share are opened, made, read, written; directories are listed (share.h). */
#define _GNU_SOURCE
#include "frontend/share/share_int.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define SAFE_FLAGS (O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
#define LIST_BUF 16384

/*
 * A look first, so that nothing but a regular file or a directory is ever opened: opening a device or a FIFO may do something. If another
 * process puts one there in between, O_NONBLOCK keeps us from waiting and the second look from using it.
 */
int share_open_for(struct host_share *h, const struct share_at *at, int flags, int *fd)
{
	struct stat st;
	int r = share_look(h, at, &st);

	if (r)
		return r;
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return S_ISLNK(st.st_mode) ? ELOOP : ENXIO;
	if (S_ISDIR(st.st_mode) && (flags & O_ACCMODE) != O_RDONLY)
		return EISDIR;
	*fd = openat(at->dir, at->name, flags | SAFE_FLAGS);
	if (*fd < 0)
		return errno;
	if (fstat(*fd, &st)) {
		r = errno;
	} else if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
		r = ENXIO;
	}
	if (r)
		close(*fd);
	return r;
}

static int host_flags(const struct host_share *h, unsigned f)
{
	int flags = (f & SHARE_READ && f & SHARE_WRITE) ? O_RDWR : f & SHARE_WRITE ? O_WRONLY : O_RDONLY;

	flags |= f & SHARE_TRUNCATE ? O_TRUNC : 0;
	flags |= f & SHARE_APPEND ? O_APPEND : 0;
	flags |= f & SHARE_DIRECTORY ? O_DIRECTORY : 0;
	flags |= f & SHARE_DSYNC || h->o.immediate ? O_DSYNC : 0;
	return flags | (f & SHARE_SYNC ? O_SYNC : 0);
}

int share_file_open(struct share *s, const char *path, unsigned flags, int *file)
{
	struct host_share *h = share_of(s);
	struct share_at at;
	int r;

	if (h->o.readonly && flags & (SHARE_WRITE | SHARE_TRUNCATE))
		return EROFS;
	if (h->nfiles >= h->max_files)
		return EMFILE;
	r = share_reach(h, path, &at);
	if (r)
		return r;
	r = share_open_for(h, &at, host_flags(h, flags), file);
	share_leave(&at);
	h->nfiles += !r;
	return r;
}

static int create_at(struct host_share *h, const struct share_at *at, unsigned flags, struct share_owner o, int *file)
{
	int r;

	*file = openat(at->dir, at->name, host_flags(h, flags) | O_CREAT | O_EXCL | SAFE_FLAGS, h->o.model == SHARE_MAPPED ? 0600 : o.mode & 0777);
	if (*file < 0)
		return errno;
	o.mode |= S_IFREG;
	r = share_own(h, at, o);
	if (r) {
		close(*file);
		unlinkat(at->dir, at->name, 0);
	}
	return r;
}

int share_file_create(struct share *s, const char *path, unsigned flags, struct share_owner o, int *file)
{
	struct host_share *h = share_of(s);
	struct share_at at;
	struct stat st;
	int r;

	if (h->o.readonly)
		return EROFS;
	if (h->nfiles >= h->max_files)
		return EMFILE;
	r = share_reach(h, path, &at);
	if (r)
		return r;
	if (!(flags & SHARE_EXCLUSIVE) && !share_look(h, &at, &st))
		r = share_open_for(h, &at, host_flags(h, flags), file);
	else
		r = create_at(h, &at, flags, o, file);
	share_leave(&at);
	h->nfiles += !r;
	return r;
}

int share_file_read(struct share *s, int file, uint64_t off, uint8_t *buf, uint32_t *len)
{
	uint32_t done = 0;

	if (off > (uint64_t)INT64_MAX - *len)
		return EINVAL;
	while (done < *len) {
		ssize_t n = pread(file, buf + done, *len - done, (off_t)(off + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && !done)
			return errno;
		if (n <= 0)
			break;
		done += (uint32_t)n;
	}
	*len = done;
	return 0;
}

int share_file_write(struct share *s, int file, uint64_t off, const uint8_t *buf, uint32_t *len)
{
	uint32_t done = 0;

	if (off > (uint64_t)INT64_MAX - *len)
		return EFBIG;
	while (done < *len) {
		ssize_t n = pwrite(file, buf + done, *len - done, (off_t)(off + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && !done)
			return errno;
		if (n <= 0)
			break;
		done += (uint32_t)n;
	}
	*len = done;
	return 0;
}

int share_file_sync(struct share *s, int file, bool data_only)
{
	return (data_only ? fdatasync(file) : fsync(file)) ? errno : 0;
}

/* What is mounted on a name has another inode than the directory says; the guest sees it when it looks at the file. */
static uint32_t kind_of(struct host_share *h, int dir, const struct dirent64 *d)
{
	struct share_at at = {dir, d->d_name};
	struct stat st;

	if (h->o.model != SHARE_MAPPED && d->d_type != DT_UNKNOWN)
		return (uint32_t)d->d_type << 12;
	return share_look(h, &at, &st) ? S_IFREG : st.st_mode & S_IFMT;
}

int share_file_list(struct share *s, int file, uint64_t at, bool (*entry)(void *opaque, const struct share_entry *d), void *opaque)
{
	struct host_share *h = share_of(s);
	_Alignas(struct dirent64) char buf[LIST_BUF];
	struct share_entry out;
	struct stat dir, root;
	ssize_t n;

	if (fstat(file, &dir) || fstat(h->root, &root) || lseek(file, (off_t)at, SEEK_SET) < 0)
		return errno;
	while ((n = getdents64(file, buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < n;) {
			const struct dirent64 *d = (const struct dirent64 *)(buf + i);

			i += d->d_reclen;
			if (strlen(d->d_name) > SHARE_NAME_MAX)
				continue;
			out.id = share_id(h, dir.st_dev, d->d_ino);
			if (!strcmp(d->d_name, "..") && dir.st_ino == root.st_ino && dir.st_dev == root.st_dev)
				out.id = share_id(h, root.st_dev, root.st_ino); /* nothing is above the share */
			out.next = (uint64_t)d->d_off;
			out.mode = kind_of(h, file, d);
			strcpy(out.name, d->d_name);
			if (!entry(opaque, &out))
				return 0;
		}
	return n < 0 ? errno : 0;
}

void share_file_close(struct share *s, int file)
{
	close(file);
	share_of(s)->nfiles--;
}
