/*
 * block_nbd.c - an export of an NBD server as an image, through libnbd (block.h).
 *
 * Requests wait for the server's answer, on the caller's thread, which is the queue's (block_queue.h). A server that cannot flush but can
 * write through is asked to write through. One that has gone is told about once; every request after that is an I/O error.
 *
 * Source: the NBD protocol (github.com/NetworkBlockDevice/nbd, doc/proto.md, doc/uri.md); libnbd(3).
 */
#include "frontend/block.h"
#include <string.h>

bool blk_is_nbd(const char *path)
{
	static const char *const schemes[] = {"nbd:", "nbd+unix:", "nbds:", "nbds+unix:"};

	for (unsigned i = 0; i < ARRAY_SIZE(schemes); i++)
		if (!strncmp(path, schemes[i], strlen(schemes[i])))
			return true;
	return false;
}

#ifdef HAVE_NBD
#include <errno.h>
#include <libnbd.h>
#include <stdio.h>
#include <stdlib.h>

#define CHUNK	    (1u << 20) /* bytes of one request to the server, at most */
#define CHUNK_HINTS (1u << 30) /* of one that carries no data */

struct nbd {
	struct blk blk;
	struct nbd_handle *h;
	uint64_t size; /* bytes of the export */
	uint32_t through; /* flags of a write to a server that cannot flush */
	bool can_flush, can_trim, can_zero;
	bool guessed; /* blk_raw_options */
	bool told; /* that the server is gone */
};

static int failed(struct nbd *n)
{
	int err = nbd_get_errno() > 0 ? nbd_get_errno() : EIO;

	if (nbd_aio_is_dead(n->h) <= 0 && nbd_aio_is_closed(n->h) <= 0)
		return err;
	if (!n->told)
		fprintf(stderr, "dragoman: the NBD server of '%s' is gone: the guest gets I/O errors (%s)\n", n->blk.file, nbd_get_error());
	n->told = true;
	return EIO;
}

/* One request of at most a chunk. */
static int transfer(struct nbd *n, enum blk_op op, uint64_t off, uint8_t *buf, uint32_t len)
{
	static const uint8_t zeroes[65536];
	int r = 0;

	switch (op) {
	case BLK_READ:
		r = nbd_pread(n->h, buf, len, off, 0);
		break;
	case BLK_WRITE:
		r = nbd_pwrite(n->h, buf, len, off, n->through);
		break;
	case BLK_DISCARD:
		r = nbd_trim(n->h, len, off, n->through);
		break;
	case BLK_ZERO:
		if (n->can_zero)
			r = nbd_zero(n->h, len, off, n->through);
		for (uint32_t k = 0; !n->can_zero && k < len && !r; k += sizeof(zeroes))
			r = nbd_pwrite(n->h, zeroes, len - k < sizeof(zeroes) ? len - k : sizeof(zeroes), off + k, n->through);
		break;
	case BLK_FLUSH:
		r = nbd_flush(n->h, 0);
	}
	return r ? failed(n) : 0;
}

/* [off, off + len), which lies in the disk; behind the end of the export, in its last sector, are zeroes that nobody keeps. */
static int execute(struct nbd *n, enum blk_op op, uint64_t off, uint8_t *buf, uint32_t len)
{
	uint32_t in = off >= n->size ? 0 : n->size - off < len ? (uint32_t)(n->size - off) : len;
	int err = 0;

	if (op == BLK_FLUSH)
		return n->can_flush ? transfer(n, op, 0, NULL, 0) : 0;
	if (op == BLK_DISCARD && !n->can_trim)
		return 0;
	if (op == BLK_READ)
		memset(buf + in, 0, len - in);
	for (uint32_t done = 0, k; done < in && !err; done += k) {
		uint32_t most = op == BLK_READ || op == BLK_WRITE ? CHUNK : CHUNK_HINTS;

		k = in - done < most ? in - done : most;
		err = transfer(n, op, off + done, op == BLK_READ || op == BLK_WRITE ? buf + done : NULL, k);
	}
	return err;
}

static void nbd_submit(struct blk *b, struct blk_req *r)
{
	struct nbd *n = container_of(b, struct nbd, blk);
	int err;

	if (r->op != BLK_FLUSH && (r->off > b->size || r->len > b->size - r->off))
		err = EIO;
	else if (r->op != BLK_READ && b->readonly)
		err = r->op == BLK_FLUSH ? 0 : EROFS;
	else if (n->guessed && blk_disguise(r))
		err = EPERM;
	else
		err = execute(n, r->op, r->off, r->buf, r->len);
	r->done(r->opaque, err);
}

static void nbd_free(struct blk *b)
{
	struct nbd *n = container_of(b, struct nbd, blk);

	if (nbd_aio_is_ready(n->h) > 0) {
		if (!b->readonly && n->can_flush)
			nbd_flush(n->h, 0);
		nbd_shutdown(n->h, 0);
	}
	nbd_close(n->h);
	free(n);
}

static const struct blk_ops nbd_ops = {.submit = nbd_submit, .close = nbd_free};

/* The older way to write it: nbd:HOST:PORT or nbd:unix:PATH, then perhaps :exportname=NAME, which may hold colons. */
static int connect_old(struct nbd_handle *h, const char *path)
{
	char *text = strdup(path + strlen("nbd:")), *name, *port;
	int r = -1;

	BUG_ON(!text);
	name = strstr(text, ":exportname=");
	if (name) {
		*name = 0;
		nbd_set_export_name(h, name + strlen(":exportname="));
	}
	port = strrchr(text, ':');
	if (!strncmp(text, "unix:", 5)) {
		r = nbd_connect_unix(h, text + 5);
	} else if (port) {
		char *host = text;

		*port++ = 0;
		if (host[0] == '[' && strchr(host, ']')) { /* an IPv6 address */
			*strchr(host, ']') = 0;
			host++;
		}
		r = nbd_connect_tcp(h, host, port);
	} else {
		errno = 0;
		r = -2;
	}
	free(text);
	return r;
}

/* What the server says of the export. */
static enum vm_err examine(struct nbd *n, const char *path, bool write, struct err *e)
{
	int64_t size = nbd_get_size(n->h), least = nbd_get_block_size(n->h, LIBNBD_SIZE_MINIMUM);

	if (size <= 0)
		return err_set(e, VM_ERR_FORMAT, "the export of '%s' is empty", path);
	if (least > 512)
		return err_set(e, VM_ERR_FORMAT, "'%s' has blocks of %lld bytes, which is not supported", path, (long long)least);
	if (write && nbd_is_read_only(n->h) > 0)
		return err_set(e, VM_ERR_IO, "the server of '%s' allows reading only: add readonly=on", path);
	n->size = (uint64_t)size;
	n->blk.size = (n->size + 511) & ~511ull;
	n->can_flush = nbd_can_flush(n->h) > 0;
	n->can_trim = nbd_can_trim(n->h) > 0;
	n->can_zero = nbd_can_zero(n->h) > 0;
	if (!n->can_flush && nbd_can_fua(n->h) > 0)
		n->through = LIBNBD_CMD_FLAG_FUA;
	else if (!n->can_flush && write)
		fprintf(stderr, "dragoman: warning: the server of '%s' cannot flush: what a guest flushes may be lost if it fails\n", path);
	return VM_OK;
}

static enum vm_err attach(struct nbd *n, const char *path, const struct blk_options *opt, bool write, struct err *e)
{
	uint8_t first[512];
	size_t some;
	enum blk_format f;
	enum vm_err x;
	int r;

	n->h = nbd_create();
	if (!n->h)
		return err_set(e, VM_ERR_NOMEM, "cannot use libnbd: %s", nbd_get_error());
	nbd_set_uri_allow_transports(n->h, LIBNBD_ALLOW_TRANSPORT_TCP | LIBNBD_ALLOW_TRANSPORT_UNIX);
	r = strncmp(path, "nbd:", 4) || !strncmp(path, "nbd://", 6) ? nbd_connect_uri(n->h, path) : connect_old(n->h, path);
	if (r == -2)
		return err_set(e, VM_ERR_USAGE, "'%s' is not nbd:HOST:PORT, nbd:unix:PATH or nbd://HOST/EXPORT", path);
	if (r)
		return err_set(e, VM_ERR_IO, "cannot connect to '%s': %s", path, nbd_get_error());
	x = examine(n, path, write, e);
	if (x || opt->format == BLK_FORMAT_RAW)
		return x;
	some = n->size < sizeof(first) ? (size_t)n->size : sizeof(first);
	if (nbd_pread(n->h, first, some, 0, 0))
		return err_set(e, VM_ERR_IO, "cannot read '%s': %s", path, nbd_get_error());
	f = opt->format ? opt->format : blk_guess(first, some);
	if (f != BLK_FORMAT_RAW)
		return err_set(e, VM_ERR_FORMAT, "'%s': %s inside an export is not supported; have the server open it (qemu-nbd -f %s)", path,
			blk_format_names[f - BLK_FORMAT_RAW], blk_format_names[f - BLK_FORMAT_RAW]);
	n->guessed = true;
	return VM_OK;
}

enum vm_err blk_open_nbd(const char *path, const struct blk_options *opt, struct blk **out, struct err *e)
{
	struct nbd *n = calloc(1, sizeof(*n));
	bool write = !opt->raw.readonly && !opt->raw.cdrom && !opt->raw.snapshot;
	enum vm_err r;

	BUG_ON(!n);
	*out = NULL;
	n->blk.ops = &nbd_ops;
	n->blk.is_cdrom = opt->raw.cdrom;
	n->blk.readonly = !write;
	n->blk.present = true;
	snprintf(n->blk.file, sizeof(n->blk.file), "%s", path);
	r = attach(n, path, opt, write, e);
	if (r) {
		if (n->h)
			nbd_close(n->h);
		free(n);
		return r;
	}
	if (opt->raw.snapshot && !opt->raw.readonly && !opt->raw.cdrom)
		return blk_put_overlay(&n->blk, out, e);
	*out = &n->blk;
	return VM_OK;
}
#else
enum vm_err blk_open_nbd(const char *path, const struct blk_options *opt, struct blk **out, struct err *e)
{
	*out = NULL;
	return err_set(e, VM_ERR_USAGE, "'%s': this program was built without libnbd (Debian: libnbd-dev)", path);
}
#endif
