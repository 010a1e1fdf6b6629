/* share_int.h - what the parts of a share have in common (share.h). */
#ifndef FRONTEND_SHARE_SHARE_INT_H
#define FRONTEND_SHARE_SHARE_INT_H

#ifndef _GNU_SOURCE
#error define _GNU_SOURCE first
#endif
#include "frontend/share/share.h"
#include <sys/stat.h>

#define SHARE_DEVICES 256

struct host_share {
	struct share s;
	struct share_options o;
	int root;
	bool by_hand;
	unsigned nfiles, max_files; /* open ones */
	dev_t dev[SHARE_DEVICES];   /* seen so far: which says what bits tell inode numbers apart */
	unsigned ndev;
};

/* A file by its directory's descriptor and its name there */
struct share_at {
	int dir;
	const char *name;
};

static inline struct host_share *share_of(struct share *s)
{
	return container_of(s, struct host_share, s);
}

/* share_reach() - the directory of @path; 0 or errno. The share itself is "." in itself. */
int share_reach(struct host_share *h, const char *path, struct share_at *at);
void share_leave(struct share_at *at);
/* share_look() - what is there, by the share's model; no link is followed */
int share_look(struct host_share *h, const struct share_at *at, struct stat *st);
int share_look_fd(struct host_share *h, int fd, struct stat *st);
uint64_t share_id(struct host_share *h, dev_t dev, ino_t ino);

/* share_file.c, share_names.c, share_attr.c: operations of devices/host/share.h */
int share_file_open(struct share *s, const char *path, unsigned flags, int *file);
int share_file_create(struct share *s, const char *path, unsigned flags, struct share_owner o, int *file);
int share_file_read(struct share *s, int file, uint64_t off, uint8_t *buf, uint32_t *len);
int share_file_write(struct share *s, int file, uint64_t off, const uint8_t *buf, uint32_t *len);
int share_file_sync(struct share *s, int file, bool data_only);
int share_file_list(struct share *s, int file, uint64_t at, bool (*entry)(void *opaque, const struct share_entry *d), void *opaque);
void share_file_close(struct share *s, int file);
int share_open_for(struct host_share *h, const struct share_at *at, int flags, int *fd); /* a regular file or a directory only */

int share_mkdir(struct share *s, const char *path, struct share_owner o);
int share_symlink(struct share *s, const char *path, const char *target, struct share_owner o);
int share_mknod(struct share *s, const char *path, uint64_t rdev, struct share_owner o);
int share_link(struct share *s, const char *from, const char *path);
int share_rename(struct share *s, const char *from, const char *path);
int share_remove(struct share *s, const char *path, bool directory);
int share_readlink(struct share *s, const char *path, char *buf, uint32_t len);
/* share_own() - what was just made at @at gets its owner and mode; @mode with type. 0, or errno and it is to be removed */
int share_own(struct host_share *h, const struct share_at *at, struct share_owner o);

int share_get(struct share *s, const char *path, int file, struct share_attr *a);
int share_set(struct share *s, const char *path, int file, unsigned what, const struct share_attr *a);
int share_statfs(struct share *s, const char *path, struct share_fs *f);
int share_get_xattr(struct share *s, const char *path, const char *name, uint8_t *buf, uint32_t *len);
int share_set_xattr(struct share *s, const char *path, const char *name, const uint8_t *buf, uint32_t len, int flags);

/* share_mapped.c: owners, modes and kinds in extended attributes */
enum { MAPPED_UID = 1, MAPPED_GID = 2, MAPPED_MODE = 4, MAPPED_RDEV = 8 };
void share_mapped_overlay(struct stat *st, const char *link_path); /* @link_path: of the file, in /proc */
int share_mapped_put(const struct share_at *at, unsigned what, struct share_owner o, uint64_t rdev);
bool share_mapped_hidden(const char *xattr_name);
void share_proc_path(const struct share_at *at, char *buf, size_t len); /* the file, for calls that take paths alone */
#define SHARE_PROC_PATH 320

#endif
