/* p9.c - the session: versions, attaching, fids, and which part answers which message (p9.h). */
#include "devices/virtio/p9.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD 7 /* size[4] type[1] tag[2] */
#define RLERROR 7
#define TVERSION 100
#define VERSION "9P2000.L"
#define MSIZE_MIN 4096u
#define LOCK_SUCCESS 0
#define LOCK_TYPE_UNLCK 2

/* ---- fids ---- */

struct p9_fid *p9_find(struct p9 *p, uint32_t id)
{
	struct p9_fid *f = p->fid[id % P9_BUCKETS];

	while (f && f->id != id)
		f = f->next;
	return f;
}

struct p9_fid *p9_new(struct p9 *p, uint32_t id, uint32_t uid, const char *path, int *err)
{
	struct p9_fid *f;

	*err = p9_find(p, id) || id == UINT32_MAX ? EINVAL : p->nfids == P9_FIDS_MAX ? ENFILE : 0;
	if (*err)
		return NULL;
	*err = ENOMEM;
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->path = strdup(path);
	if (!f->path) {
		free(f);
		return NULL;
	}
	*err = 0;
	f->id = id;
	f->uid = uid;
	f->file = -1;
	f->next = p->fid[id % P9_BUCKETS];
	p->fid[id % P9_BUCKETS] = f;
	p->nfids++;
	return f;
}

void p9_free(struct p9 *p, struct p9_fid *f)
{
	struct p9_fid **at = &p->fid[f->id % P9_BUCKETS];

	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	p->nfids--;
	if (f->file >= 0)
		p->share->ops->close_file(p->share, f->file);
	free(f->path);
	free(f->xattr);
	free(f->xname);
	free(f);
}

int p9_moved(struct p9 *p, const char *from, const char *to)
{
	size_t len = strlen(from);
	int r = 0;

	for (unsigned b = 0; b < P9_BUCKETS; b++)
		for (struct p9_fid *f = p->fid[b]; f; f = f->next) {
			size_t room = strlen(to) + strlen(f->path) + 1;
			char *path;

			if (strncmp(f->path, from, len) || (f->path[len] && f->path[len] != '/'))
				continue;
			if (room - 1 - len > SHARE_PATH_MAX)
				continue; /* too deep to have a path now: it stands at the old one, where nothing is */
			path = malloc(room);
			if (!path) {
				r = ENOMEM;
				continue;
			}
			snprintf(path, room, "%s%s", to, f->path + len);
			free(f->path);
			f->path = path;
		}
	return r;
}

void p9_drop(struct p9 *p)
{
	for (unsigned b = 0; b < P9_BUCKETS; b++)
		while (p->fid[b])
			p9_free(p, p->fid[b]);
	p->msize = 0;
}

int p9_put_qid_of(struct p9_call *c, const char *path, int file)
{
	struct share_attr a;
	int r = c->p->share->ops->get(c->p->share, path, file, &a);

	if (!r)
		p9_put_qid(&c->out, a.mode, a.version, a.id);
	return r;
}

/* ---- the session ---- */

/* A version message ends what was before; another dialect than ours gets "unknown", and nothing else is answered until one fits. */
static int p9_version(struct p9_call *c)
{
	uint32_t msize = (uint32_t)p9_get(&c->in, 4);
	char version[32];
	bool fits;

	if (!p9_get_text(&c->in, version, sizeof(version)))
		return EINVAL;
	fits = !strcmp(version, VERSION) && msize >= MSIZE_MIN;
	p9_drop(c->p);
	c->p->msize = !fits ? 0 : msize < P9_MSG_MAX ? msize : P9_MSG_MAX;
	p9_put(&c->out, fits ? c->p->msize : msize, 4);
	p9_put_text(&c->out, fits ? VERSION : "unknown");
	return 0;
}

static int p9_attach(struct p9_call *c)
{
	uint32_t id = (uint32_t)p9_get(&c->in, 4), uid;
	char text[SHARE_NAME_MAX + 1];
	int r;

	p9_get(&c->in, 4); /* afid: nobody has to say who he is */
	p9_get_text(&c->in, text, sizeof(text));
	p9_get_text(&c->in, text, sizeof(text));
	uid = (uint32_t)p9_get(&c->in, 4);
	if (c->in.bad)
		return EINVAL;
	r = p9_put_qid_of(c, "", -1);
	if (!r)
		p9_new(c->p, id, uid, "", &r);
	return r;
}

static int p9_auth(struct p9_call *c)
{
	return ECONNREFUSED; /* "no authentication required", by the manual's attach(5) */
}

static int p9_flush(struct p9_call *c)
{
	p9_get(&c->in, 2);
	return c->in.bad ? EINVAL : 0;
}

static int p9_clunk(struct p9_call *c)
{
	struct p9_fid *f = p9_find(c->p, (uint32_t)p9_get(&c->in, 4));
	int r;

	if (!f)
		return EBADF;
	r = f->use == P9_XATTR_SET ? p9_xattr_done(c->p, f) : 0;
	p9_free(c->p, f);
	return r;
}

static int p9_lock(struct p9_call *c)
{
	struct p9_fid *f = p9_find(c->p, (uint32_t)p9_get(&c->in, 4));

	if (!f)
		return EBADF;
	p9_put(&c->out, LOCK_SUCCESS, 1);
	return f->file < 0 ? EBADF : 0;
}

/* Nobody else holds a lock. */
static int p9_getlock(struct p9_call *c)
{
	struct p9_fid *f = p9_find(c->p, (uint32_t)p9_get(&c->in, 4));
	char client[SHARE_NAME_MAX + 1];
	uint64_t start, length;
	uint32_t pid;

	p9_get(&c->in, 1);
	start = p9_get(&c->in, 8);
	length = p9_get(&c->in, 8);
	pid = (uint32_t)p9_get(&c->in, 4);
	if (!p9_get_text(&c->in, client, sizeof(client)))
		return EINVAL;
	p9_put(&c->out, LOCK_TYPE_UNLCK, 1);
	p9_put(&c->out, start, 8);
	p9_put(&c->out, length, 8);
	p9_put(&c->out, pid, 4);
	p9_put_text(&c->out, client);
	return !f || f->file < 0 ? EBADF : 0;
}

static int (*const calls[256])(struct p9_call *c) = {
	[8] = p9_statfs, [12] = p9_open, [14] = p9_create, [16] = p9_symlink, [18] = p9_mknod, [20] = p9_rename, [22] = p9_readlink,
	[24] = p9_getattr, [26] = p9_setattr, [30] = p9_xattrwalk, [32] = p9_xattrcreate, [40] = p9_readdir, [50] = p9_fsync, [52] = p9_lock,
	[54] = p9_getlock, [70] = p9_link, [72] = p9_mkdir, [74] = p9_renameat, [76] = p9_unlinkat, [TVERSION] = p9_version, [102] = p9_auth,
	[104] = p9_attach, [108] = p9_flush, [110] = p9_walk, [116] = p9_read, [118] = p9_write, [120] = p9_clunk, [122] = p9_remove,
};

static int answer(struct p9_call *c, uint8_t type)
{
	int r;

	if (!calls[type])
		return EOPNOTSUPP;
	if (type != TVERSION && !c->p->msize)
		return EPROTO;
	r = calls[type](c);
	return r ? r : c->out.full ? EMSGSIZE : 0;
}

uint32_t p9_request(struct p9 *p, const uint8_t *msg, uint32_t len, uint8_t *out, uint32_t room)
{
	struct p9_call c = {.p = p, .in = {.buf = msg, .len = len}, .out = {.buf = out, .room = room, .len = HEAD}};
	uint32_t size = (uint32_t)p9_get(&c.in, 4);
	uint8_t type = (uint8_t)p9_get(&c.in, 1);
	uint16_t tag = (uint16_t)p9_get(&c.in, 2);
	int r;

	if (p->msize && p->msize < room)
		c.out.room = p->msize;
	if (size < HEAD || size > len || (p->msize && size > p->msize)) {
		r = EMSGSIZE;
	} else {
		c.in.len = size;
		r = answer(&c, type);
	}
	if (r) {
		c.out.len = HEAD;
		c.out.full = false;
		p9_put(&c.out, (uint32_t)r, 4);
		type = RLERROR - 1;
	}
	len = c.out.len;
	c.out.len = 0;
	p9_put(&c.out, len, 4);
	p9_put(&c.out, (uint8_t)(type + 1), 1);
	p9_put(&c.out, tag, 2);
	return len;
}
