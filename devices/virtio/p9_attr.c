/* p9_attr.c - attributes of files and of the file system (p9.h). */
#include "devices/virtio/p9.h"
#include <errno.h>

#define GETATTR_BASIC 0x7FFull
#define SETATTR_KNOWN 0x1FFu /* mode uid gid size atime mtime ctime atime-set mtime-set */

static struct p9_fid *get_fid(struct p9_call *c)
{
	struct p9_fid *f = p9_find(c->p, (uint32_t)p9_get(&c->in, 4));

	return f && f->use < P9_XATTR_GET ? f : NULL;
}

static void put_time(struct p9_out *out, struct share_time t)
{
	p9_put(out, t.sec, 8);
	p9_put(out, t.nsec, 8);
}

int p9_getattr(struct p9_call *c)
{
	struct p9_fid *f = get_fid(c);
	struct share_attr a;
	int r = f ? c->p->share->ops->get(c->p->share, f->path, f->file, &a) : EBADF;

	if (r)
		return r;
	p9_put(&c->out, GETATTR_BASIC, 8);
	p9_put_qid(&c->out, a.mode, a.version, a.id);
	p9_put(&c->out, a.mode, 4);
	p9_put(&c->out, a.uid, 4);
	p9_put(&c->out, a.gid, 4);
	p9_put(&c->out, a.nlink, 8);
	p9_put(&c->out, a.rdev, 8);
	p9_put(&c->out, a.size, 8);
	p9_put(&c->out, a.blksize, 8);
	p9_put(&c->out, a.blocks, 8);
	put_time(&c->out, a.atime);
	put_time(&c->out, a.mtime);
	put_time(&c->out, a.ctime);
	for (unsigned i = 0; i < 4; i++) /* birth, generation and data version: not known */
		p9_put(&c->out, 0, 8);
	return 0;
}

int p9_setattr(struct p9_call *c)
{
	struct p9_fid *f = get_fid(c);
	uint32_t what = (uint32_t)p9_get(&c->in, 4);
	struct share_attr a = {0};

	a.mode = (uint32_t)p9_get(&c->in, 4) & 07777;
	a.uid = (uint32_t)p9_get(&c->in, 4);
	a.gid = (uint32_t)p9_get(&c->in, 4);
	a.size = p9_get(&c->in, 8);
	a.atime.sec = p9_get(&c->in, 8);
	a.atime.nsec = p9_get(&c->in, 8);
	a.mtime.sec = p9_get(&c->in, 8);
	a.mtime.nsec = p9_get(&c->in, 8);
	if (!f)
		return EBADF;
	if (c->in.bad || what & ~SETATTR_KNOWN || a.atime.nsec > 999999999 || a.mtime.nsec > 999999999 || a.size > INT64_MAX)
		return EINVAL;
	return c->p->share->ops->set(c->p->share, f->path, f->file, what & ~0x40u /* the change of anything sets ctime */, &a);
}

int p9_statfs(struct p9_call *c)
{
	struct p9_fid *f = get_fid(c);
	struct share_fs s;
	int r = f ? c->p->share->ops->statfs(c->p->share, f->path, &s) : EBADF;

	if (r)
		return r;
	p9_put(&c->out, s.type, 4);
	p9_put(&c->out, s.bsize, 4);
	p9_put(&c->out, s.blocks, 8);
	p9_put(&c->out, s.bfree, 8);
	p9_put(&c->out, s.bavail, 8);
	p9_put(&c->out, s.files, 8);
	p9_put(&c->out, s.ffree, 8);
	p9_put(&c->out, s.fsid, 8);
	p9_put(&c->out, s.namelen, 4);
	return 0;
}
