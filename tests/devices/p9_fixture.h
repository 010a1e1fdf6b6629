/*
 * p9_fixture.h - a folder of the host in a fresh directory, and a 9P client's hand: messages made number by number, answers taken apart.
 */
#ifndef TESTS_DEVICES_P9_FIXTURE_H
#define TESTS_DEVICES_P9_FIXTURE_H

#include "chip_fixture.h"
#include "devices/pci.h"
#include "devices/virtio/p9.h"
#include "frontend/share/share.h"
#include <errno.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

struct rig9 {
	struct p9 p;
	char top[32], dir[48]; /* the share is a folder of @top, beside a file that the guest must never see */
	uint8_t msg[P9_MSG_MAX], out[P9_MSG_MAX];
	uint32_t len, room;
	struct p9_in in; /* the answer, behind its head */
};

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *f)
{
	return remove(path);
}

static inline struct rig9 *rig9_new(struct share_options o)
{
	struct rig9 *r = calloc(1, sizeof(*r));
	char secret[64];
	struct err e;
	FILE *f;

	ck_assert_ptr_nonnull(r);
	strcpy(r->top, "/tmp/dg_9p_XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(r->top));
	snprintf(r->dir, sizeof(r->dir), "%s/share", r->top);
	snprintf(secret, sizeof(secret), "%s/secret", r->top);
	ck_assert_int_eq(mkdir(r->dir, 0755), 0);
	f = fopen(secret, "w");
	fputs("secret", f);
	fclose(f);
	o.path = r->dir;
	ck_assert_int_eq(share_open(&o, &r->p.share, &e), VM_OK);
	r->room = 65536;
	return r;
}

static inline void rig9_free(struct rig9 *r)
{
	p9_drop(&r->p);
	r->p.share->ops->close(r->p.share);
	nftw(r->top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(r);
}

/* What a message holds: '1' '2' '4' '8' numbers of so many bytes (uint64_t each), 's' a text, 'b' bytes (pointer, uint64_t length). */
static inline void put_args(struct p9_out *out, const char *form, va_list ap)
{
	for (; *form; form++) {
		if (*form == 's') {
			p9_put_text(out, va_arg(ap, const char *));
		} else if (*form == 'b') {
			const uint8_t *b = va_arg(ap, const uint8_t *);

			for (uint64_t n = va_arg(ap, uint64_t); n; n--)
				p9_put(out, *b++, 1);
		} else {
			p9_put(out, va_arg(ap, uint64_t), (unsigned)(*form - '0'));
		}
	}
}

/* Sends; 0, or the errno of the answer. */
static inline int ask(struct rig9 *r, unsigned type, const char *form, ...)
{
	struct p9_out out = {.buf = r->msg, .room = sizeof(r->msg), .len = 7}, head = {.buf = r->msg, .room = 7};
	va_list ap;
	uint32_t len;

	va_start(ap, form);
	put_args(&out, form, ap);
	va_end(ap);
	ck_assert(!out.full);
	p9_put(&head, out.len, 4);
	p9_put(&head, type, 1);
	p9_put(&head, 0x1234, 2);
	len = p9_request(&r->p, r->msg, out.len, r->out, r->room);
	ck_assert_uint_le(len, r->room);
	r->in = (struct p9_in){.buf = r->out, .len = len};
	ck_assert_uint_eq(p9_get(&r->in, 4), len);
	len = (uint32_t)p9_get(&r->in, 1);
	ck_assert_uint_eq(p9_get(&r->in, 2), 0x1234);
	if (len == 7)
		return (int)p9_get(&r->in, 4);
	ck_assert_uint_eq(len, type + 1);
	return 0;
}

#define N(x) ((uint64_t)(x))

/* fid 0 is the share */
static inline void session(struct rig9 *r)
{
	ck_assert_int_eq(ask(r, 100, "4s", N(65536), "9P2000.L"), 0);
	ck_assert_uint_eq(p9_get(&r->in, 4), 65536);
	ck_assert_int_eq(ask(r, 104, "44ss4", N(0), N(~0u), "root", "", N(SHARE_NOBODY)), 0);
}

static inline int walk1(struct rig9 *r, unsigned fid, unsigned newfid, const char *name)
{
	return ask(r, 110, "442s", N(fid), N(newfid), N(1), name);
}

/* fid @f: the new file @name with @text in it, open for reading and writing */
static inline void make(struct rig9 *r, unsigned f, const char *name, const char *text)
{
	ck_assert_int_eq(ask(r, 110, "442", N(0), N(f), N(0)), 0);
	ck_assert_int_eq(ask(r, 14, "4s444", N(f), name, N(2), N(0644), N(SHARE_NOBODY)), 0);
	ck_assert_int_eq(ask(r, 118, "484b", N(f), N(0), N(strlen(text)), text, N(strlen(text))), 0);
	ck_assert_uint_eq(p9_get(&r->in, 4), strlen(text));
}

static inline bool reads(struct rig9 *r, unsigned f, const char *text)
{
	uint32_t n;

	if (ask(r, 116, "484", N(f), N(0), N(1000)))
		return false;
	n = (uint32_t)p9_get(&r->in, 4);
	return n == strlen(text) && !memcmp(p9_get_bytes(&r->in, n), text, n);
}

#endif
