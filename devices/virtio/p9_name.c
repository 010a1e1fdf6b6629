/*
 * p9_name.c - names and the files behind them: walking, making, moving, removing (p9.h).
 *
 * The only way from a name to a path is p9_child(): a name is one step down, never up or sideways.
 */
#include "devices/virtio/p9.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WALK_MAX 16
#define AT_REMOVEDIR 0x200

int p9_child(const char *dir, const char *name, char *out)
{
	size_t len = strlen(dir), n = strlen(name);

	if (!n || !strcmp(name, ".") || !strcmp(name, "..") || strchr(name, '/'))
		return EINVAL;
	if (n > SHARE_NAME_MAX || len + n + 1 > SHARE_PATH_MAX)
		return ENAMETOOLONG;
	memcpy(out, dir, len);
	if (len)
		out[len++] = '/';
	memcpy(out + len, name, n + 1);
	return 0;
}

/* The next fid of the message, which stands for a path. */
static struct p9_fid *get_fid(struct p9_call *c)
{
	struct p9_fid *f = p9_find(c->p, (uint32_t)p9_get(&c->in, 4));

	return f && f->use < P9_XATTR_GET ? f : NULL;
}

/* The next name of the message, in @f: its path. */
static int get_child(struct p9_call *c, const struct p9_fid *f, char *path)
{
	char name[SHARE_NAME_MAX + 2];

	if (!p9_get_text(&c->in, name, sizeof(name)))
		return EINVAL;
	return f ? p9_child(f->path, name, path) : EBADF;
}

/* Some steps may succeed and a later one fail: then the answer has the steps that did, and there is no new fid. */
int p9_walk(struct p9_call *c)
{
	struct p9_fid *f = get_fid(c), *g;
	uint32_t id = (uint32_t)p9_get(&c->in, 4), n = (uint32_t)p9_get(&c->in, 2), done = 0, at;
	char path[SHARE_PATH_MAX + 1], next[SHARE_PATH_MAX + 1], *copy;
	struct share_attr a;
	int r = 0;

	if (!f || (f->file >= 0 && n))
		return EBADF;
	if (n > WALK_MAX || c->in.bad)
		return EINVAL;
	strcpy(path, f->path);
	at = c->out.len;
	p9_put(&c->out, n, 2);
	for (; done < n; done++) {
		struct p9_fid here = {.path = path};

		r = get_child(c, &here, next);
		if (!r)
			r = c->p->share->ops->get(c->p->share, next, -1, &a);
		if (r)
			break;
		strcpy(path, next);
		p9_put_qid(&c->out, a.mode, a.version, a.id);
	}
	if (done < n) {
		struct p9_out count = {.buf = c->out.buf + at, .room = 2};

		p9_put(&count, done, 2);
		return done ? 0 : r;
	}
	if (id != f->id) {
		g = p9_new(c->p, id, f->uid, path, &r);
		return g ? 0 : r;
	}
	copy = strdup(path);
	if (!copy)
		return ENOMEM;
	free(f->path);
	f->path = copy;
	return 0;
}

static int move(struct p9_call *c, const char *from, const char *to)
{
	size_t len = strlen(from);
	int r;

	if (!*from || (!strncmp(from, to, len) && to[len] == '/'))
		return EINVAL; /* the share itself, or a directory into itself */
	r = c->p->share->ops->rename(c->p->share, from, to);
	return r ? r : p9_moved(c->p, from, to);
}

int p9_rename(struct p9_call *c)
{
	struct p9_fid *f = get_fid(c), *dir = get_fid(c);
	char from[SHARE_PATH_MAX + 1], to[SHARE_PATH_MAX + 1];
	int r = get_child(c, dir, to);

	if (r || !f)
		return r ? r : EBADF;
	strcpy(from, f->path);
	return move(c, from, to);
}

int p9_renameat(struct p9_call *c)
{
	struct p9_fid *dir = get_fid(c);
	char from[SHARE_PATH_MAX + 1], to[SHARE_PATH_MAX + 1];
	int r = get_child(c, dir, from);

	if (r)
		return r;
	dir = get_fid(c);
	r = get_child(c, dir, to);
	return r ? r : move(c, from, to);
}

int p9_unlinkat(struct p9_call *c)
{
	struct p9_fid *dir = get_fid(c);
	char path[SHARE_PATH_MAX + 1];
	int r = get_child(c, dir, path);
	uint32_t flags = (uint32_t)p9_get(&c->in, 4);

	if (r || c->in.bad || flags & ~(uint32_t)AT_REMOVEDIR)
		return r ? r : EINVAL;
	return c->p->share->ops->remove(c->p->share, path, flags & AT_REMOVEDIR);
}

/* The fid goes, whether or not the file does. */
int p9_remove(struct p9_call *c)
{
	struct p9_fid *f = p9_find(c->p, (uint32_t)p9_get(&c->in, 4));
	struct share *s = c->p->share;
	struct share_attr a;
	int r;

	if (!f)
		return EBADF;
	r = f->use >= P9_XATTR_GET || !f->path[0] ? EINVAL : s->ops->get(s, f->path, -1, &a);
	if (!r)
		r = s->ops->remove(s, f->path, (a.mode & 0170000) == 0040000);
	p9_free(c->p, f);
	return r;
}

int p9_mkdir(struct p9_call *c)
{
	struct p9_fid *dir = get_fid(c);
	char path[SHARE_PATH_MAX + 1];
	int r = get_child(c, dir, path);
	uint32_t mode = (uint32_t)p9_get(&c->in, 4), gid = (uint32_t)p9_get(&c->in, 4);

	if (r || c->in.bad)
		return r ? r : EINVAL;
	r = c->p->share->ops->mkdir(c->p->share, path, (struct share_owner){mode & 07777, dir->uid, gid});
	return r ? r : p9_put_qid_of(c, path, -1);
}

int p9_mknod(struct p9_call *c)
{
	struct p9_fid *dir = get_fid(c);
	char path[SHARE_PATH_MAX + 1];
	int r = get_child(c, dir, path);
	uint32_t mode = (uint32_t)p9_get(&c->in, 4);
	uint64_t major = p9_get(&c->in, 4), minor = p9_get(&c->in, 4);
	uint32_t gid = (uint32_t)p9_get(&c->in, 4);

	if (r || c->in.bad)
		return r ? r : EINVAL;
	/* makedev(3) of Linux */
	r = c->p->share->ops->mknod(c->p->share, path, (minor & 0xFF) | (major & 0xFFF) << 8 | (minor & ~0xFFull) << 12,
		(struct share_owner){mode & 0177777, dir->uid, gid});
	return r ? r : p9_put_qid_of(c, path, -1);
}

int p9_symlink(struct p9_call *c)
{
	struct p9_fid *dir = get_fid(c);
	char path[SHARE_PATH_MAX + 1], target[SHARE_PATH_MAX + 1];
	int r = get_child(c, dir, path);
	uint32_t gid;

	if (r || !p9_get_text(&c->in, target, sizeof(target)))
		return r ? r : EINVAL;
	gid = (uint32_t)p9_get(&c->in, 4);
	if (c->in.bad)
		return EINVAL;
	r = c->p->share->ops->symlink(c->p->share, path, target, (struct share_owner){0777, dir->uid, gid});
	return r ? r : p9_put_qid_of(c, path, -1);
}

int p9_link(struct p9_call *c)
{
	struct p9_fid *dir = get_fid(c), *f = get_fid(c);
	char path[SHARE_PATH_MAX + 1];
	int r = get_child(c, dir, path);

	if (r || !f)
		return r ? r : EBADF;
	return c->p->share->ops->link(c->p->share, f->path, path);
}

int p9_readlink(struct p9_call *c)
{
	struct p9_fid *f = get_fid(c);
	char target[SHARE_PATH_MAX + 1];
	int r = f ? c->p->share->ops->readlink(c->p->share, f->path, target, sizeof(target)) : EBADF;

	if (!r)
		p9_put_text(&c->out, target);
	return r;
}
