/* p9_file.c - contents of files, directories and extended attributes, which are opened, read and written (p9.h). */
#include "devices/virtio/p9.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define READ_HEAD 4 /* count[4] before the data */
#define XATTR_FLAGS 3 /* XATTR_CREATE, XATTR_REPLACE */

static struct p9_fid *get_fid(struct p9_call *c)
{
	return p9_find(c->p, (uint32_t)p9_get(&c->in, 4));
}

/* The protocol's flags are Linux's on x86, whatever the host's are. */
static unsigned open_flags(uint32_t l)
{
	static const uint8_t access[4] = {SHARE_READ, SHARE_WRITE, SHARE_READ | SHARE_WRITE, 0};
	unsigned f = access[l & 3];

	f |= l & 00001000 && f & SHARE_WRITE ? SHARE_TRUNCATE : 0;
	f |= l & 00002000 ? SHARE_APPEND : 0;
	f |= l & 00000200 ? SHARE_EXCLUSIVE : 0;
	f |= l & 00200000 ? SHARE_DIRECTORY : 0;
	return f | (l & 04000000 ? SHARE_SYNC : l & 00010000 ? SHARE_DSYNC : 0);
}

int p9_open(struct p9_call *c)
{
	struct p9_fid *f = get_fid(c);
	unsigned flags = open_flags((uint32_t)p9_get(&c->in, 4));
	struct share *s = c->p->share;
	struct share_attr a;
	int r;

	if (!f || f->use != P9_PATH)
		return EBADF;
	if (c->in.bad || !(flags & (SHARE_READ | SHARE_WRITE)))
		return EINVAL;
	r = s->ops->open(s, f->path, flags, &f->file);
	if (r) {
		f->file = -1;
		return r;
	}
	r = s->ops->get(s, f->path, f->file, &a);
	if (r) {
		s->ops->close_file(s, f->file);
		f->file = -1;
		return r;
	}
	f->use = (a.mode & 0170000) == 0040000 ? P9_DIR : P9_FILE;
	p9_put_qid(&c->out, a.mode, a.version, a.id);
	p9_put(&c->out, 0, 4); /* iounit: as much as a message holds */
	return 0;
}

/* The directory's fid becomes the new file's. */
int p9_create(struct p9_call *c)
{
	struct p9_fid *f = get_fid(c);
	char name[SHARE_NAME_MAX + 2], path[SHARE_PATH_MAX + 1], *copy;
	uint32_t flags, mode, gid;
	int r, file = -1;

	if (!p9_get_text(&c->in, name, sizeof(name)))
		return EINVAL;
	flags = open_flags((uint32_t)p9_get(&c->in, 4));
	mode = (uint32_t)p9_get(&c->in, 4);
	gid = (uint32_t)p9_get(&c->in, 4);
	if (!f || f->use != P9_PATH)
		return EBADF;
	if (c->in.bad || !(flags & (SHARE_READ | SHARE_WRITE)) || flags & SHARE_DIRECTORY)
		return EINVAL;
	r = p9_child(f->path, name, path);
	if (r)
		return r;
	copy = strdup(path);
	if (!copy)
		return ENOMEM;
	r = c->p->share->ops->create(c->p->share, path, flags, (struct share_owner){mode & 07777, f->uid, gid}, &file);
	if (!r) {
		r = p9_put_qid_of(c, path, file);
		if (r)
			c->p->share->ops->close_file(c->p->share, file);
	}
	if (r) {
		free(copy);
		return r;
	}
	free(f->path);
	f->path = copy;
	f->file = file;
	f->use = P9_FILE;
	p9_put(&c->out, 0, 4);
	return 0;
}

/* How much of @count the answer has room for, behind its own count. */
static uint32_t fitting(const struct p9_call *c, uint32_t count)
{
	uint32_t room = c->out.room - c->out.len;

	room = room > READ_HEAD ? room - READ_HEAD : 0;
	return count < room ? count : room;
}

int p9_read(struct p9_call *c)
{
	struct p9_fid *f = get_fid(c);
	uint64_t off = p9_get(&c->in, 8);
	uint32_t n = fitting(c, (uint32_t)p9_get(&c->in, 4));
	uint8_t *to = c->out.buf + c->out.len + READ_HEAD;
	int r = 0;

	if (!f || (f->use != P9_FILE && f->use != P9_XATTR_GET))
		return EBADF;
	if (c->in.bad || c->out.room - c->out.len < READ_HEAD)
		return EINVAL;
	if (f->use == P9_FILE) {
		r = c->p->share->ops->read(c->p->share, f->file, off, to, &n);
	} else {
		n = off >= f->xlen ? 0 : n < f->xlen - off ? n : (uint32_t)(f->xlen - off);
		if (n)
			memcpy(to, f->xattr + off, n);
	}
	if (r)
		return r;
	p9_put(&c->out, n, READ_HEAD);
	c->out.len += n;
	return 0;
}

int p9_write(struct p9_call *c)
{
	struct p9_fid *f = get_fid(c);
	uint64_t off = p9_get(&c->in, 8);
	uint32_t n = (uint32_t)p9_get(&c->in, 4);
	const uint8_t *from = p9_get_bytes(&c->in, n);
	int r = 0;

	if (!f || (f->use != P9_FILE && f->use != P9_XATTR_SET))
		return EBADF;
	if (!from)
		return EINVAL;
	if (f->use == P9_FILE) {
		r = c->p->share->ops->write(c->p->share, f->file, off, from, &n);
	} else {
		if (off != f->xdone || n > f->xlen - f->xdone)
			return ENOSPC;
		memcpy(f->xattr + f->xdone, from, n);
		f->xdone += n;
	}
	p9_put(&c->out, n, 4);
	return r;
}

static bool put_entry(void *opaque, const struct share_entry *d)
{
	struct p9_out *out = opaque;
	uint32_t was = out->len;

	p9_put_qid(out, d->mode, 0, d->id);
	p9_put(out, d->next, 8);
	p9_put(out, d->mode >> 12, 1);
	p9_put_text(out, d->name);
	if (out->full)
		out->len = was;
	return !out->full;
}

int p9_readdir(struct p9_call *c)
{
	struct p9_fid *f = get_fid(c);
	uint64_t at = p9_get(&c->in, 8);
	uint32_t n = fitting(c, (uint32_t)p9_get(&c->in, 4));
	struct p9_out list = {.buf = c->out.buf + c->out.len + READ_HEAD, .room = n};
	int r;

	if (!f || f->use != P9_DIR)
		return EBADF;
	if (c->in.bad || c->out.room - c->out.len < READ_HEAD)
		return EINVAL;
	r = c->p->share->ops->list(c->p->share, f->file, at, put_entry, &list);
	if (r)
		return r;
	if (!list.len && list.full)
		return EINVAL; /* no room for a single one, which is not the end */
	p9_put(&c->out, list.len, READ_HEAD);
	c->out.len += list.len;
	return 0;
}

int p9_fsync(struct p9_call *c)
{
	struct p9_fid *f = get_fid(c);
	bool data_only = p9_get(&c->in, 4); /* absent in older clients' messages */

	return !f || f->file < 0 ? EBADF : c->p->share->ops->sync(c->p->share, f->file, data_only);
}

/* ---- extended attributes ---- */

/* The value, or with an empty name the list of names, is read once and kept: the fid's contents. */
int p9_xattrwalk(struct p9_call *c)
{
	struct p9_fid *f = get_fid(c), *g;
	uint32_t id = (uint32_t)p9_get(&c->in, 4), len = 0;
	char name[SHARE_NAME_MAX + 2];
	struct share *s = c->p->share;
	int r;

	if (!p9_get_text(&c->in, name, sizeof(name)))
		return EINVAL;
	if (!f || f->use >= P9_XATTR_GET)
		return EBADF;
	r = s->ops->get_xattr(s, f->path, name, NULL, &len);
	if (!r && len > P9_XATTR_MAX)
		r = E2BIG;
	if (r)
		return r;
	g = p9_new(c->p, id, f->uid, f->path, &r);
	if (!g)
		return r;
	g->use = P9_XATTR_GET;
	g->xattr = calloc(1, len ? len : 1);
	r = !g->xattr ? ENOMEM : len ? s->ops->get_xattr(s, f->path, name, g->xattr, &len) : 0;
	if (r) {
		p9_free(c->p, g);
		return r;
	}
	g->xlen = len;
	p9_put(&c->out, len, 8);
	return 0;
}

/* The fid becomes a place to write the value to, which is set when the fid goes. */
int p9_xattrcreate(struct p9_call *c)
{
	struct p9_fid *f = get_fid(c);
	char name[SHARE_NAME_MAX + 2];
	uint64_t size;
	uint32_t flags;
	uint8_t *room;
	char *copy;

	if (!p9_get_text(&c->in, name, sizeof(name)))
		return EINVAL;
	size = p9_get(&c->in, 8);
	flags = (uint32_t)p9_get(&c->in, 4);
	if (!f || f->use != P9_PATH)
		return EBADF;
	if (c->in.bad || !name[0] || flags & ~(uint32_t)XATTR_FLAGS)
		return EINVAL;
	if (size > P9_XATTR_MAX)
		return E2BIG;
	room = calloc(1, size ? size : 1);
	copy = strdup(name);
	if (!room || !copy) {
		free(room);
		free(copy);
		return ENOMEM;
	}
	f->use = P9_XATTR_SET;
	f->xattr = room;
	f->xlen = (uint32_t)size;
	f->xname = copy;
	f->xflags = (int)flags;
	return 0;
}

int p9_xattr_done(struct p9 *p, struct p9_fid *f)
{
	if (f->xdone != f->xlen)
		return EIO; /* less was written than was said */
	return p->share->ops->set_xattr(p->share, f->path, f->xname, f->xattr, f->xlen, f->xflags);
}
