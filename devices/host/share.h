/*
 * share.h - what a device that shares a folder of the host asks of it: files by their path below the folder.
 *
 * A path is names joined by '/', the folder itself is "". No name is empty, "." or "..", none holds '/' or a zero byte: who asks sees to
 * that (devices/virtio/p9_name.c). The share never follows a symbolic link, neither at the end of a path nor inside, and opens nothing
 * but regular files and directories. Everything returns 0 or a positive errno of Linux.
 */
#ifndef DEVICES_HOST_SHARE_H
#define DEVICES_HOST_SHARE_H

#include "mmu/base/types.h"

#define SHARE_NAME_MAX 255
#define SHARE_PATH_MAX 4095
#define SHARE_NOBODY 0xFFFFFFFFu /* a user or group that nobody said */

struct share_time {
	uint64_t sec, nsec;
};

struct share_attr {
	uint64_t id;	  /* the same file has the same, another file another */
	uint32_t version; /* changes when the contents do */
	uint32_t mode;	  /* type and permissions, as in stat(2) */
	uint32_t uid, gid;
	uint64_t nlink, rdev, size, blksize, blocks;
	struct share_time atime, mtime, ctime;
};

struct share_fs { /* as in statfs(2) */
	uint32_t type, bsize, namelen;
	uint64_t blocks, bfree, bavail, files, ffree, fsid;
};

struct share_entry { /* of a directory */
	uint64_t id, next; /* next: where to read on */
	uint32_t mode;	   /* its type alone */
	char name[SHARE_NAME_MAX + 1];
};

enum {
	SHARE_READ = 1, SHARE_WRITE = 2, SHARE_TRUNCATE = 4, SHARE_APPEND = 8, SHARE_SYNC = 16, SHARE_DSYNC = 32,
	SHARE_EXCLUSIVE = 64, SHARE_DIRECTORY = 128
};

/* what set() changes */
enum {
	SHARE_MODE = 1, SHARE_UID = 2, SHARE_GID = 4, SHARE_SIZE = 8, SHARE_ATIME = 16, SHARE_MTIME = 32, /* to now, unless: */
	SHARE_ATIME_SET = 128, SHARE_MTIME_SET = 256
};

struct share;
struct share_owner {
	uint32_t mode, uid, gid;
};

struct share_ops {
	/* @file: one that is open at @path, which may be gone by now; or -1 */
	int (*get)(struct share *s, const char *path, int file, struct share_attr *a);
	int (*set)(struct share *s, const char *path, int file, unsigned what, const struct share_attr *a);
	int (*open)(struct share *s, const char *path, unsigned flags, int *file);
	int (*create)(struct share *s, const char *path, unsigned flags, struct share_owner o, int *file);
	int (*mkdir)(struct share *s, const char *path, struct share_owner o);
	int (*symlink)(struct share *s, const char *path, const char *target, struct share_owner o);
	int (*mknod)(struct share *s, const char *path, uint64_t rdev, struct share_owner o); /* o.mode has the type */
	int (*link)(struct share *s, const char *from, const char *path);
	int (*rename)(struct share *s, const char *from, const char *path);
	int (*remove)(struct share *s, const char *path, bool directory);
	int (*readlink)(struct share *s, const char *path, char *buf, uint32_t len); /* a text; ERANGE: too long */
	int (*statfs)(struct share *s, const char *path, struct share_fs *f);
	/* extended attributes; @name "": the list of names. buf NULL: *len is set to the length; else up to *len bytes, ERANGE */
	int (*get_xattr)(struct share *s, const char *path, const char *name, uint8_t *buf, uint32_t *len);
	int (*set_xattr)(struct share *s, const char *path, const char *name, const uint8_t *buf, uint32_t len, int flags);
	/* on open files */
	int (*read)(struct share *s, int file, uint64_t off, uint8_t *buf, uint32_t *len);
	int (*write)(struct share *s, int file, uint64_t off, const uint8_t *buf, uint32_t *len);
	int (*sync)(struct share *s, int file, bool data_only);
	/* entries from @at on (0: the first) until @entry says no: it is called again from there */
	int (*list)(struct share *s, int file, uint64_t at, bool (*entry)(void *opaque, const struct share_entry *d), void *opaque);
	void (*close_file)(struct share *s, int file);
	void (*close)(struct share *s); /* the share itself; its files have been closed */
};

struct share {
	const struct share_ops *ops;
};

#endif
