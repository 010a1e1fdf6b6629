/* share_names.c - names of a share: files, directories and links are made, moved, removed (share.h). */
#define _GNU_SOURCE
#include "frontend/share/share_int.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* The model none does what the host allows; passthrough insists. */
int share_own(struct host_share *h, const struct share_at *at, struct share_owner o)
{
	bool insist = h->o.model == SHARE_PASSTHROUGH;

	if (h->o.model == SHARE_MAPPED)
		return share_mapped_put(at, MAPPED_UID | MAPPED_GID | MAPPED_MODE, o, 0);
	if ((o.uid != SHARE_NOBODY || o.gid != SHARE_NOBODY) && fchownat(at->dir, at->name, o.uid, o.gid, AT_SYMLINK_NOFOLLOW) && insist)
		return errno;
	if (!S_ISLNK(o.mode) && fchmodat(at->dir, at->name, o.mode & 07777, AT_SYMLINK_NOFOLLOW) && insist)
		return errno;
	return 0;
}

/* The start of everything that changes names */
static int reach_to_change(struct share *s, const char *path, struct share_at *at)
{
	if (share_of(s)->o.readonly)
		return EROFS;
	if (!*path)
		return EBUSY; /* the share itself */
	return share_reach(share_of(s), path, at);
}

int share_mkdir(struct share *s, const char *path, struct share_owner o)
{
	struct host_share *h = share_of(s);
	struct share_at at;
	int r = reach_to_change(s, path, &at);

	if (r)
		return r;
	o.mode |= S_IFDIR;
	if (mkdirat(at.dir, at.name, h->o.model == SHARE_MAPPED ? 0700 : o.mode & 0777)) {
		r = errno;
	} else {
		r = share_own(h, &at, o);
		if (r)
			unlinkat(at.dir, at.name, AT_REMOVEDIR);
	}
	share_leave(&at);
	return r;
}

/* A file that holds @len bytes and stands for a link or a device */
static int stand_in(struct host_share *h, const struct share_at *at, const char *buf, size_t len, struct share_owner o, uint64_t rdev)
{
	int fd = openat(at->dir, at->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600), r;

	if (fd < 0)
		return errno;
	r = len && write(fd, buf, len) != (ssize_t)len ? EIO
		: share_mapped_put(at, MAPPED_UID | MAPPED_GID | MAPPED_MODE | (S_ISLNK(o.mode) ? 0 : MAPPED_RDEV), o, rdev);
	close(fd);
	if (r)
		unlinkat(at->dir, at->name, 0);
	return r;
}

int share_symlink(struct share *s, const char *path, const char *target, struct share_owner o)
{
	struct host_share *h = share_of(s);
	struct share_at at;
	int r = reach_to_change(s, path, &at);

	if (r)
		return r;
	o.mode |= S_IFLNK;
	if (h->o.model == SHARE_MAPPED) {
		r = stand_in(h, &at, target, strlen(target), o, 0);
	} else if (symlinkat(target, at.dir, at.name)) {
		r = errno;
	} else {
		r = share_own(h, &at, o);
		if (r)
			unlinkat(at.dir, at.name, 0);
	}
	share_leave(&at);
	return r;
}

int share_mknod(struct share *s, const char *path, uint64_t rdev, struct share_owner o)
{
	struct host_share *h = share_of(s);
	struct share_at at;
	int r = reach_to_change(s, path, &at);

	if (r)
		return r;
	if (!(o.mode & S_IFMT))
		o.mode |= S_IFREG;
	if (S_ISDIR(o.mode) || S_ISLNK(o.mode)) {
		r = EINVAL;
	} else if (h->o.model == SHARE_MAPPED) {
		r = stand_in(h, &at, NULL, 0, o, rdev);
	} else if (mknodat(at.dir, at.name, o.mode & (S_IFMT | 0777), rdev)) {
		r = errno;
	} else {
		r = share_own(h, &at, o);
		if (r)
			unlinkat(at.dir, at.name, 0);
	}
	share_leave(&at);
	return r;
}

/* Two places at once: the name in @from stays or goes, the one in @path comes. */
static int between(struct share *s, const char *from, const char *path, bool keep)
{
	struct share_at a, b;
	int r = reach_to_change(s, from, &a);

	if (r)
		return r;
	r = reach_to_change(s, path, &b);
	if (!r) {
		if (keep ? linkat(a.dir, a.name, b.dir, b.name, 0) : renameat(a.dir, a.name, b.dir, b.name))
			r = errno;
		share_leave(&b);
	}
	share_leave(&a);
	return r;
}

int share_link(struct share *s, const char *from, const char *path)
{
	return between(s, from, path, true);
}

int share_rename(struct share *s, const char *from, const char *path)
{
	return between(s, from, path, false);
}

int share_remove(struct share *s, const char *path, bool directory)
{
	struct share_at at;
	int r = reach_to_change(s, path, &at);

	if (r)
		return r;
	if (unlinkat(at.dir, at.name, directory ? AT_REMOVEDIR : 0))
		r = errno;
	share_leave(&at);
	return r;
}

static int read_stand_in(struct host_share *h, const struct share_at *at, char *buf, uint32_t len, ssize_t *n)
{
	int fd = openat(at->dir, at->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), r = 0;
	struct stat st;

	if (fd < 0)
		return errno;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		r = EINVAL;
	else
		*n = read(fd, buf, len);
	close(fd);
	return r;
}

int share_readlink(struct share *s, const char *path, char *buf, uint32_t len)
{
	struct host_share *h = share_of(s);
	struct share_at at;
	struct stat st;
	ssize_t n = -1;
	int r = share_reach(h, path, &at);

	if (r)
		return r;
	r = share_look(h, &at, &st);
	if (!r && !S_ISLNK(st.st_mode))
		r = EINVAL;
	errno = EIO;
	if (!r && h->o.model == SHARE_MAPPED && !fstatat(at.dir, at.name, &st, AT_SYMLINK_NOFOLLOW) && S_ISREG(st.st_mode))
		r = read_stand_in(h, &at, buf, len, &n);
	else if (!r)
		n = readlinkat(at.dir, at.name, buf, len);
	if (!r)
		r = n < 0 ? errno : (uint32_t)n >= len ? ERANGE : 0;
	share_leave(&at);
	if (!r)
		buf[n] = 0;
	return r ? r : memchr(buf, 0, (size_t)n) ? EINVAL : 0;
}
