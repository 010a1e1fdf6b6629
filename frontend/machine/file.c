/*
 * file.c - reading whole files for the board: firmware, option ROMs, kernels.
 */
#include "frontend/machine/board.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum vm_err read_all(int fd, uint8_t *buf, size_t len, const char *path, const char *what, struct err *e)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = read(fd, buf + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, "cannot read %s '%s'", what, path);
		if (n == 0)
			return err_set(e, VM_ERR_IO, "%s '%s' became shorter while it was read", what, path);
		done += (size_t)n;
	}
	return VM_OK;
}

/* Open the regular file @path: *fd is closed again if it is not one. */
static enum vm_err open_file(const char *path, const char *what, uint64_t max, int *fd, size_t *len, struct err *e)
{
	enum vm_err r = VM_OK;
	struct stat st;

	*fd = open(path, O_RDONLY | O_CLOEXEC);
	if (*fd < 0)
		return err_errno(e, "cannot open %s '%s'", what, path);
	if (fstat(*fd, &st))
		r = err_errno(e, "cannot examine %s '%s'", what, path);
	else if (S_ISDIR(st.st_mode))
		r = err_set(e, VM_ERR_IO, "%s '%s' is a directory", what, path);
	else if (!S_ISREG(st.st_mode))
		r = err_set(e, VM_ERR_IO, "%s '%s' is not a regular file", what, path);
	else if (st.st_size == 0)
		r = err_set(e, VM_ERR_FORMAT, "%s '%s' is empty", what, path);
	else if ((uint64_t)st.st_size > max)
		r = err_set(e, VM_ERR_FORMAT, "%s '%s' is too large (%lld bytes, at most %llu)", what, path,
			(long long)st.st_size, (unsigned long long)max);
	if (r == VM_OK)
		*len = (size_t)st.st_size;
	else
		close(*fd);
	return r;
}

enum vm_err file_size(const char *path, const char *what, uint64_t max, size_t *len, struct err *e)
{
	int fd;
	enum vm_err r = open_file(path, what, max, &fd, len, e);

	if (!r)
		close(fd);
	return r;
}

enum vm_err file_load(const char *path, const char *what, uint64_t max, uint8_t **data, size_t *len,
	struct err *e)
{
	int fd;
	enum vm_err r = open_file(path, what, max, &fd, len, e);

	*data = NULL;
	if (r)
		return r;
	*data = malloc(*len);
	r = *data ? read_all(fd, *data, *len, path, what, e)
		  : err_set(e, VM_ERR_NOMEM, "no memory for %s '%s'", what, path);
	close(fd);
	if (r) {
		free(*data);
		*data = NULL;
	}
	return r;
}

/* A part of a file that stays open: whatever becomes of its name, it is the same one. */
struct part {
	int fd;
	uint64_t at;
};

static bool part_read(void *opaque, uint64_t off, void *buf, size_t n)
{
	const struct part *p = opaque;
	size_t done = 0;

	while (done < n) {
		ssize_t r = pread(p->fd, (uint8_t *)buf + done, n - done, (off_t)(p->at + off + done));

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return false;
		done += (size_t)r;
	}
	return true;
}

static void part_done(void *opaque)
{
	struct part *p = opaque;

	close(p->fd);
	free(p);
}

enum vm_err file_give(struct fw_cfg *f, uint16_t key, const char *path, const char *what, uint64_t at, size_t len, struct err *e)
{
	struct part *p = malloc(sizeof(*p));
	struct fw_cfg_source src = {.read = part_read, .done = part_done, .opaque = p};
	enum vm_err r;
	size_t all;

	if (!p)
		return err_set(e, VM_ERR_NOMEM, "no memory for %s '%s'", what, path);
	r = open_file(path, what, INT64_MAX, &p->fd, &all, e);
	if (r) {
		free(p);
		return r;
	}
	p->at = at;
	if (all >= at && all - at >= len && fw_cfg_add_source(f, key, &src, len))
		return VM_OK;
	part_done(p);
	return err_set(e, VM_ERR_IO, "%s '%s' became shorter while it was read", what, path);
}

enum vm_err file_find(const struct machine_config *cfg, const char *name, char *path, size_t n,
	struct err *e)
{
	for (unsigned i = 0; i < ARRAY_SIZE(cfg->data_dir) && cfg->data_dir[i]; i++) {
		snprintf(path, n, "%s/%s", cfg->data_dir[i], name);
		if (access(path, R_OK) == 0)
			return VM_OK;
	}
	return err_set(e, VM_ERR_IO, "firmware file '%s' not found (install the seabios package, or use -L or -bios)",
		name);
}
