/* snapshot.c - snapshots in files (snapshot.h). A file is complete or not there: it is written under another name first. */
#define _GNU_SOURCE
#include "frontend/snapshot.h"
#include "frontend/machine/snapshot.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char prefix[] = "file:";

bool snapshot_is_file(const char *uri)
{
	return !strncmp(uri, prefix, sizeof(prefix) - 1) && uri[sizeof(prefix) - 1];
}

static bool write_file(void *opaque, const void *data, size_t n)
{
	return fwrite(data, 1, n, opaque) == n;
}

static bool read_file(void *opaque, uint64_t at, void *data, size_t n)
{
	int fd = *(int *)opaque;
	uint8_t *p = data;

	while (n) {
		ssize_t got = at > INT64_MAX ? -1 : pread(fd, p, n, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		p += got;
		at += (uint64_t)got;
		n -= (size_t)got;
	}
	return true;
}

/* @path as it is to be named while it is not complete; a pipe or device is written as it is */
static const char *other_name(const char *path, char *buf, size_t n)
{
	struct stat st;

	if (!stat(path, &st) && !S_ISREG(st.st_mode))
		return path;
	snprintf(buf, n, "%s.part", path);
	return buf;
}

enum vm_err snapshot_to_file(struct loop *l, const char *uri, struct err *e)
{
	const char *path = uri + sizeof(prefix) - 1, *tmp;
	char part[4096];
	struct snapshot_out out = {write_file, NULL};
	bool paused = l->paused;
	enum vm_err r;
	FILE *f;

	if (!snapshot_is_file(uri) || strlen(path) > sizeof(part) - 8)
		return err_set(e, VM_ERR_USAGE, "'%s' is no place for a snapshot; file:NAME is", uri);
	tmp = other_name(path, part, sizeof(part));
	r = snapshot_ready(l, e);
	if (r)
		return r;
	f = fopen(tmp, "we");
	if (!f)
		return err_errno(e, "cannot write '%s'", tmp);
	out.opaque = f;
	loop_pause(l, true);
	errno = 0;
	r = machine_save(l->m, &out, e);
	if (r == VM_ERR_IO)
		err_errno(e, "cannot write '%s'", tmp);
	if (!r && (fflush(f) || (fsync(fileno(f)) && errno != EINVAL)))
		r = err_errno(e, "cannot write '%s'", tmp);
	fclose(f);
	if (!r && tmp != path && rename(tmp, path))
		r = err_errno(e, "cannot write '%s'", path);
	if (r && tmp != path)
		unlink(tmp);
	if (r)
		loop_pause(l, paused);
	return r;
}

void snapshot_loaded(struct loop *l)
{
	if (l->live.on) {
		live_stop(l);
		live_start(l);
	}
}

enum vm_err snapshot_from_file(struct loop *l, const char *uri, struct err *e)
{
	const char *path = uri + sizeof(prefix) - 1;
	struct snapshot_in in = {read_file, NULL};
	bool paused = l->paused;
	struct err why;
	enum vm_err r;
	int fd;

	if (!snapshot_is_file(uri))
		return err_set(e, VM_ERR_USAGE, "'%s' is no place for a snapshot; file:NAME is", uri);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, "cannot open '%s'", path);
	in.opaque = &fd;
	loop_pause(l, true);
	r = machine_load(l->m, &in, &why);
	close(fd);
	snapshot_loaded(l);
	loop_pause(l, paused);
	return r ? err_set(e, r, "'%.200s': %.300s", path, why.msg) : VM_OK;
}
