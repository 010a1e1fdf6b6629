/* share_attr.c - attributes of a share's files, and extended ones, of which the guest has those called user.* (share.h). */
#define _GNU_SOURCE
#include "frontend/share/share_int.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#define LIST_MAX 65536

static struct share_time time_of(struct timespec t)
{
	return (struct share_time){(uint64_t)t.tv_sec, (uint64_t)t.tv_nsec};
}

int share_get(struct share *s, const char *path, int file, struct share_attr *a)
{
	struct host_share *h = share_of(s);
	struct share_at at;
	struct stat st;
	int r;

	if (file >= 0) {
		r = share_look_fd(h, file, &st);
	} else {
		r = share_reach(h, path, &at);
		if (r)
			return r;
		r = share_look(h, &at, &st);
		share_leave(&at);
	}
	if (r)
		return r;
	*a = (struct share_attr){.id = share_id(h, st.st_dev, st.st_ino), .mode = st.st_mode, .uid = st.st_uid, .gid = st.st_gid,
		.nlink = st.st_nlink, .rdev = st.st_rdev, .size = (uint64_t)st.st_size, .blksize = (uint64_t)st.st_blksize,
		.blocks = (uint64_t)st.st_blocks, .atime = time_of(st.st_atim), .mtime = time_of(st.st_mtim), .ctime = time_of(st.st_ctim)};
	a->version = (uint32_t)st.st_mtim.tv_sec ^ (uint32_t)(st.st_size << 8);
	return 0;
}

/* ---- changes ---- */

static int set_size(struct host_share *h, const struct share_at *at, int file, uint64_t size)
{
	int fd, r;

	if (file >= 0 && !ftruncate(file, (off_t)size))
		return 0; /* otherwise it is open for reading only */
	if (!at->name)
		return EINVAL;
	r = share_open_for(h, at, O_WRONLY, &fd);
	if (r)
		return r;
	if (ftruncate(fd, (off_t)size))
		r = errno;
	close(fd);
	return r;
}

static int set_times(const struct share_at *at, int file, unsigned what, const struct share_attr *a)
{
	struct timespec t[2] = {{(time_t)a->atime.sec, (long)a->atime.nsec}, {(time_t)a->mtime.sec, (long)a->mtime.nsec}};

	if (!(what & SHARE_ATIME_SET))
		t[0].tv_nsec = what & SHARE_ATIME ? UTIME_NOW : UTIME_OMIT;
	if (!(what & SHARE_MTIME_SET))
		t[1].tv_nsec = what & SHARE_MTIME ? UTIME_NOW : UTIME_OMIT;
	if (file >= 0 ? futimens(file, t) : utimensat(at->dir, at->name, t, AT_SYMLINK_NOFOLLOW))
		return errno;
	return 0;
}

static int set_owner(struct host_share *h, const struct share_at *at, int file, unsigned what, const struct share_attr *a)
{
	uid_t uid = what & SHARE_UID ? a->uid : (uid_t)-1;
	gid_t gid = what & SHARE_GID ? a->gid : (gid_t)-1;
	int r = file >= 0 ? fchown(file, uid, gid) : fchownat(at->dir, at->name, uid, gid, AT_SYMLINK_NOFOLLOW);

	return r && h->o.model != SHARE_NONE ? errno : 0;
}

static int set_mapped(struct host_share *h, const struct share_at *at, unsigned what, const struct share_attr *a)
{
	unsigned mapped = (what & SHARE_MODE ? MAPPED_MODE : 0) | (what & SHARE_UID ? MAPPED_UID : 0) | (what & SHARE_GID ? MAPPED_GID : 0);
	struct stat st;
	int r = share_look(h, at, &st);

	return r ? r : share_mapped_put(at, mapped, (struct share_owner){a->mode | (st.st_mode & S_IFMT), a->uid, a->gid}, 0);
}

static int set_all(struct host_share *h, const struct share_at *at, int file, unsigned what, const struct share_attr *a)
{
	int r = 0;

	if (what & (SHARE_MODE | SHARE_UID | SHARE_GID) && h->o.model == SHARE_MAPPED) {
		r = at->name ? set_mapped(h, at, what, a) : ENOENT;
	} else {
		/* a change of owners clears the set-user-ID bit: the mode comes second */
		if (what & (SHARE_UID | SHARE_GID))
			r = set_owner(h, at, file, what, a);
		if (!r && what & SHARE_MODE && (file >= 0 ? fchmod(file, a->mode) : fchmodat(at->dir, at->name, a->mode, AT_SYMLINK_NOFOLLOW)))
			r = errno;
	}
	if (!r && what & SHARE_SIZE)
		r = set_size(h, at, file, a->size);
	if (!r && what & (SHARE_ATIME | SHARE_MTIME))
		r = set_times(at, file, what, a);
	return r;
}

/* An open file may have lost its name: then @at has none, and what needs one fails. */
int share_set(struct share *s, const char *path, int file, unsigned what, const struct share_attr *a)
{
	struct host_share *h = share_of(s);
	struct share_at at;
	int r;

	if (h->o.readonly)
		return EROFS;
	r = share_reach(h, path, &at);
	if (r && file < 0)
		return r;
	if (r)
		at = (struct share_at){-1, NULL};
	r = set_all(h, &at, file, what, a);
	if (at.name)
		share_leave(&at);
	return r;
}

int share_statfs(struct share *s, const char *path, struct share_fs *f)
{
	struct share_at at;
	struct statfs st;
	int r = share_reach(share_of(s), path, &at);

	if (r)
		return r;
	r = fstatfs(at.dir, &st) ? errno : 0;
	share_leave(&at);
	if (r)
		return r;
	*f = (struct share_fs){.type = (uint32_t)st.f_type, .bsize = (uint32_t)st.f_bsize, .blocks = st.f_blocks, .bfree = st.f_bfree,
		.bavail = st.f_bavail, .files = st.f_files, .ffree = st.f_ffree, .namelen = SHARE_NAME_MAX};
	memcpy(&f->fsid, &st.f_fsid, sizeof(f->fsid));
	return 0;
}

/* ---- extended attributes ---- */

static bool is_shown(const struct host_share *h, const char *name)
{
	return !strncmp(name, "user.", 5) && !(h->o.model == SHARE_MAPPED && share_mapped_hidden(name));
}

/* The names the guest is to see, moved together: bytes */
static size_t shown_names(const struct host_share *h, char *list, size_t len)
{
	size_t to = 0;

	for (size_t at = 0; at < len;) {
		size_t n = strnlen(list + at, len - at) + 1;

		if (at + n <= len && is_shown(h, list + at)) {
			memmove(list + to, list + at, n);
			to += n;
		}
		at += n;
	}
	return to;
}

static int list_xattrs(struct host_share *h, const char *file, uint8_t *buf, uint32_t *len)
{
	char *list = malloc(LIST_MAX);
	ssize_t n = list ? llistxattr(file, list, LIST_MAX) : -1;
	int r = !list ? ENOMEM : n < 0 ? errno : 0;

	if (!r) {
		n = (ssize_t)shown_names(h, list, (size_t)n);
		if (buf && (size_t)n > *len)
			r = ERANGE;
		else if (buf)
			memcpy(buf, list, (size_t)n);
		*len = (uint32_t)n;
	}
	free(list);
	return r;
}

int share_get_xattr(struct share *s, const char *path, const char *name, uint8_t *buf, uint32_t *len)
{
	struct host_share *h = share_of(s);
	char file[SHARE_PROC_PATH];
	struct share_at at;
	ssize_t n;
	int r;

	if (*name && !is_shown(h, name))
		return EOPNOTSUPP;
	r = share_reach(h, path, &at);
	if (r)
		return r;
	share_proc_path(&at, file, sizeof(file));
	if (!*name) {
		r = list_xattrs(h, file, buf, len);
	} else {
		n = lgetxattr(file, name, buf, buf ? *len : 0);
		r = n < 0 ? errno : 0;
		*len = n < 0 ? 0 : (uint32_t)n;
	}
	share_leave(&at);
	return r;
}

/* A length of 0 removes it, unless it is to be created: so does QEMU, for Linux's client has no other way to say that. */
int share_set_xattr(struct share *s, const char *path, const char *name, const uint8_t *buf, uint32_t len, int flags)
{
	struct host_share *h = share_of(s);
	char file[SHARE_PROC_PATH];
	struct share_at at;
	int r;

	if (h->o.readonly)
		return EROFS;
	if (!is_shown(h, name))
		return EOPNOTSUPP;
	r = share_reach(h, path, &at);
	if (r)
		return r;
	share_proc_path(&at, file, sizeof(file));
	if (len || flags & XATTR_CREATE ? lsetxattr(file, name, buf, len, flags) : lremovexattr(file, name))
		r = errno;
	share_leave(&at);
	return r;
}
