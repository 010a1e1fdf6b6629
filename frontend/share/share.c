/* share.c - a share is opened and closed; the way from a path to a descriptor (share.h). */
#define _GNU_SOURCE
#include "frontend/share/share_int.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#define FEW_FILES 64u

/* struct open_how and its bits, by openat2(2): older headers lack them */
struct how {
	uint64_t flags, mode, resolve;
};
#define NO_MAGICLINKS 0x02
#define NO_SYMLINKS 0x04
#define BENEATH 0x08

#define DIR_FLAGS (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* Each name by itself, none followed: O_DIRECTORY with O_NOFOLLOW refuses symbolic links. */
static int open_by_hand(int root, const char *path, size_t len)
{
	char name[SHARE_NAME_MAX + 1];
	int dir = root;

	for (size_t at = 0; at < len;) {
		size_t n = strcspn(path + at, "/");
		int next;

		n = n < len - at ? n : len - at;
		if (n > SHARE_NAME_MAX) {
			next = -1;
			errno = ENAMETOOLONG;
		} else {
			memcpy(name, path + at, n);
			name[n] = 0;
			next = openat(dir, name, DIR_FLAGS);
		}
		if (dir != root) {
			int saved = errno;

			close(dir);
			errno = saved;
		}
		if (next < 0)
			return -1;
		dir = next;
		at += n + 1;
	}
	return dir;
}

static int open_dir(struct host_share *h, const char *path, size_t len)
{
	char copy[SHARE_PATH_MAX + 1];
	struct how how = {.flags = DIR_FLAGS, .resolve = NO_MAGICLINKS | NO_SYMLINKS | BENEATH};
	int fd;

	if (!h->by_hand) {
		memcpy(copy, path, len);
		copy[len] = 0;
		fd = (int)syscall(SYS_openat2, h->root, copy, &how, sizeof(how));
		if (fd >= 0 || (errno != ENOSYS && errno != EPERM && errno != EINVAL))
			return fd;
		h->by_hand = true; /* an older kernel, or a sandbox that does not know the call */
	}
	return open_by_hand(h->root, path, len);
}

int share_reach(struct host_share *h, const char *path, struct share_at *at)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;

	if (strlen(path) > SHARE_PATH_MAX)
		return ENAMETOOLONG;
	at->name = slash ? slash + 1 : path;
	if (strlen(at->name) > SHARE_NAME_MAX)
		return ENAMETOOLONG;
	if (!*path)
		at->name = ".";
	at->dir = len ? open_dir(h, path, len) : fcntl(h->root, F_DUPFD_CLOEXEC, 0);
	return at->dir < 0 ? errno : 0;
}

void share_leave(struct share_at *at)
{
	close(at->dir);
}

int share_look(struct host_share *h, const struct share_at *at, struct stat *st)
{
	char path[SHARE_PROC_PATH];

	if (fstatat(at->dir, at->name, st, AT_SYMLINK_NOFOLLOW))
		return errno;
	if (h->o.one_device && h->ndev && st->st_dev != h->dev[0])
		return EXDEV;
	if (h->o.model == SHARE_MAPPED) {
		share_proc_path(at, path, sizeof(path));
		share_mapped_overlay(st, path);
	}
	return 0;
}

int share_look_fd(struct host_share *h, int fd, struct stat *st)
{
	char path[SHARE_PROC_PATH];

	if (fstat(fd, st))
		return errno;
	if (h->o.model == SHARE_MAPPED) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		share_mapped_overlay(st, path);
	}
	return 0;
}

/* Files of several devices below one folder may have the same inode numbers: the guest is to see different ones. */
uint64_t share_id(struct host_share *h, dev_t dev, ino_t ino)
{
	unsigned i = 0;

	while (i < h->ndev && h->dev[i] != dev)
		i++;
	if (i == h->ndev && h->ndev < SHARE_DEVICES)
		h->dev[h->ndev++] = dev;
	return ino ^ (uint64_t)i << 48;
}

static void close_share(struct share *s)
{
	close(share_of(s)->root);
	free(share_of(s));
}

static const struct share_ops ops = {
	.get = share_get, .set = share_set, .open = share_file_open, .create = share_file_create, .mkdir = share_mkdir, .symlink = share_symlink,
	.mknod = share_mknod, .link = share_link, .rename = share_rename, .remove = share_remove, .readlink = share_readlink,
	.statfs = share_statfs, .get_xattr = share_get_xattr, .set_xattr = share_set_xattr, .read = share_file_read,
	.write = share_file_write, .sync = share_file_sync, .list = share_file_list, .close_file = share_file_close, .close = close_share,
};

enum vm_err share_open(const struct share_options *o, struct share **out, struct err *e)
{
	struct host_share *h = calloc(1, sizeof(*h));
	struct rlimit lim;
	struct stat st;

	if (!h)
		return err_set(e, VM_ERR_NOMEM, "no memory for a share");
	h->s.ops = &ops;
	h->o = *o;
	h->by_hand = o->by_hand;
	/* the folder itself is the user's word: it may be a link */
	h->root = open(o->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (h->root < 0 || fstat(h->root, &st)) {
		enum vm_err r = err_set(e, VM_ERR_IO, "cannot open the folder '%s': %s", o->path, strerror(errno));

		if (h->root >= 0)
			close(h->root);
		free(h);
		return r;
	}
	share_id(h, st.st_dev, st.st_ino);
	/* the guest may hold half of the files that this process can open */
	h->max_files = getrlimit(RLIMIT_NOFILE, &lim) || lim.rlim_cur < 2 * FEW_FILES ? FEW_FILES
		: lim.rlim_cur > 65536 ? 32768 : (unsigned)(lim.rlim_cur / 2);
	*out = &h->s;
	return VM_OK;
}
