/*
 * share_mapped.c - security_model=mapped-xattr: a file's owner, mode, kind and device number as the guest sees them, in extended attributes
 * user.virtfs.uid, gid, mode (4 bytes) and rdev (8 bytes), little endian, as QEMU writes them. Links, devices, FIFOs and sockets are
 * regular files on the host.
 */
#define _GNU_SOURCE
#include "frontend/share/share_int.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#define PREFIX "user.virtfs."

static bool get_number(const char *file, const char *name, unsigned bytes, uint64_t *v)
{
	uint8_t b[8];

	if (lgetxattr(file, name, b, sizeof(b)) != (ssize_t)bytes)
		return false;
	*v = 0;
	for (unsigned i = 0; i < bytes; i++)
		*v |= (uint64_t)b[i] << (i * 8);
	return true;
}

/* A directory stays one and nothing else becomes one, whatever the attribute says: descriptors depend on it. */
void share_mapped_overlay(struct stat *st, const char *file)
{
	bool is_dir = S_ISDIR(st->st_mode);
	uint64_t v;

	if (!is_dir && !S_ISREG(st->st_mode))
		return;
	if (get_number(file, PREFIX "uid", 4, &v))
		st->st_uid = (uid_t)v;
	if (get_number(file, PREFIX "gid", 4, &v))
		st->st_gid = (gid_t)v;
	if (get_number(file, PREFIX "mode", 4, &v)) {
		if (!(v & S_IFMT) || S_ISDIR(v) != is_dir)
			v = (v & 07777) | (st->st_mode & S_IFMT);
		st->st_mode = (mode_t)v & (S_IFMT | 07777);
	}
	if (get_number(file, PREFIX "rdev", 8, &v))
		st->st_rdev = (dev_t)v;
}

static int put_number(const char *file, const char *name, unsigned bytes, uint64_t v)
{
	uint8_t b[8];

	for (unsigned i = 0; i < bytes; i++)
		b[i] = (uint8_t)(v >> (i * 8));
	return lsetxattr(file, name, b, bytes, 0) ? errno : 0;
}

int share_mapped_put(const struct share_at *at, unsigned what, struct share_owner o, uint64_t rdev)
{
	char file[SHARE_PROC_PATH];
	int r = 0;

	share_proc_path(at, file, sizeof(file));
	if (what & MAPPED_UID && o.uid != SHARE_NOBODY)
		r = put_number(file, PREFIX "uid", 4, o.uid);
	if (!r && what & MAPPED_GID && o.gid != SHARE_NOBODY)
		r = put_number(file, PREFIX "gid", 4, o.gid);
	if (!r && what & MAPPED_MODE)
		r = put_number(file, PREFIX "mode", 4, o.mode);
	if (!r && what & MAPPED_RDEV)
		r = put_number(file, PREFIX "rdev", 8, rdev);
	return r;
}

bool share_mapped_hidden(const char *name)
{
	return !strncmp(name, PREFIX, strlen(PREFIX));
}

/* The directory is a descriptor, so the way to it is fixed; the last name is not followed by the l...xattr() calls. */
void share_proc_path(const struct share_at *at, char *buf, size_t len)
{
	snprintf(buf, len, "/proc/self/fd/%d/%s", at->dir, at->name);
}
