/*
 * p9.h - a 9P2000.L server: one client's session over a share (devices/host/share.h).
 *
 * A fid is the client's number for a path or an open file; the table is bounded, and so is every message. The client's words are judged
 * here: no name leads out of the share ("..", '/', zero bytes are refused), and files are read and written within the message only. All
 * requests are done at once, so a flush finds none under way. Locks are granted always: there is one client, whose kernel keeps them.
 *
 * Sources: Plan 9 manual, section 5; "9P2000.L" (the diod project's protocol.md), which Linux's client speaks.
 */
#ifndef DEVICES_VIRTIO_P9_H
#define DEVICES_VIRTIO_P9_H

#include "devices/host/share.h"
#include "devices/virtio/p9_wire.h"

#define P9_MSG_MAX (512u << 10)
#define P9_FIDS_MAX 65536u
#define P9_XATTR_MAX 65536u
#define P9_BUCKETS 256

enum p9_use { P9_PATH, P9_FILE, P9_DIR, P9_XATTR_GET, P9_XATTR_SET };

struct p9_fid {
	struct p9_fid *next;
	uint32_t id, uid;
	enum p9_use use;
	int file;      /* of the share; -1: none is open */
	char *path;    /* owned */
	uint8_t *xattr; /* owned: its value, or what is there of it */
	uint32_t xlen, xdone;
	char *xname; /* owned */
	int xflags;
};

struct p9 {
	struct share *share;
	struct p9_fid *fid[P9_BUCKETS];
	uint32_t nfids, msize; /* msize 0: no version has been agreed on */
};

/*
 * p9_request() - one message of @len bytes; its answer, of at most @room bytes (11 and more), is put into @out. The answer's length. @len is 7
 * at least.
 */
uint32_t p9_request(struct p9 *p, const uint8_t *msg, uint32_t len, uint8_t *out, uint32_t room);
void p9_drop(struct p9 *p); /* the session is over: fids go, files are closed */

/* ---- between the parts ---- */

struct p9_call {
	struct p9 *p;
	struct p9_in in;
	struct p9_out out;
};

struct p9_fid *p9_find(struct p9 *p, uint32_t id); /* NULL: unknown */
/* p9_new() - a fid for @path, which is copied; NULL and *err: EINVAL if @id is in use, ENFILE, ENOMEM */
struct p9_fid *p9_new(struct p9 *p, uint32_t id, uint32_t uid, const char *path, int *err);
void p9_free(struct p9 *p, struct p9_fid *f);
/* p9_child() - @out, SHARE_PATH_MAX + 1 bytes: @name in directory @dir. 0, EINVAL for a name that is none, ENAMETOOLONG */
int p9_child(const char *dir, const char *name, char *out);
/* p9_moved() - whoever stands at @from or below stands at @to now, unless its path would be too long; 0 or ENOMEM */
int p9_moved(struct p9 *p, const char *from, const char *to);
int p9_put_qid_of(struct p9_call *c, const char *path, int file); /* its qid into the answer */

/* Each takes a message apart and answers it: 0, or an errno, and what it put is forgotten. */
int p9_walk(struct p9_call *c);
int p9_rename(struct p9_call *c);
int p9_renameat(struct p9_call *c);
int p9_unlinkat(struct p9_call *c);
int p9_remove(struct p9_call *c);
int p9_mkdir(struct p9_call *c);
int p9_mknod(struct p9_call *c);
int p9_symlink(struct p9_call *c);
int p9_link(struct p9_call *c);
int p9_readlink(struct p9_call *c);
int p9_open(struct p9_call *c);
int p9_create(struct p9_call *c);
int p9_read(struct p9_call *c);
int p9_write(struct p9_call *c);
int p9_readdir(struct p9_call *c);
int p9_fsync(struct p9_call *c);
int p9_getattr(struct p9_call *c);
int p9_setattr(struct p9_call *c);
int p9_statfs(struct p9_call *c);
int p9_xattrwalk(struct p9_call *c);
int p9_xattrcreate(struct p9_call *c);
int p9_xattr_done(struct p9 *p, struct p9_fid *f); /* the clunk of a fid that set one */

#endif
