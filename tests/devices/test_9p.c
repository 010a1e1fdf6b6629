/*
 * test_9p.c - the 9P server over a folder of this host: files, names, attributes, and every way out of the folder or over the end of a
 * message that a guest may try.
 */
#define _GNU_SOURCE
#include "p9_fixture.h"
#include <fcntl.h>
#include <sys/sysmacros.h>

START_TEST(version)
{
	struct rig9 *r = rig9_new((struct share_options){0});

	ck_assert_int_eq(ask(r, 24, "48", N(0), N(0x7FF)), EPROTO); /* before anything is agreed on */
	ck_assert_int_eq(ask(r, 100, "4s", N(8192), "9P2000.u"), 0);
	p9_get(&r->in, 4);
	{
		char text[32];

		ck_assert(p9_get_text(&r->in, text, sizeof(text)));
		ck_assert_str_eq(text, "unknown");
	}
	ck_assert_int_eq(ask(r, 104, "44ss4", N(0), N(~0u), "root", "", N(0)), EPROTO);
	ck_assert_int_eq(ask(r, 100, "4s", N(UINT32_MAX), "9P2000.L"), 0);
	ck_assert_uint_eq(p9_get(&r->in, 4), P9_MSG_MAX);
	session(r);
	ck_assert_int_eq(ask(r, 104, "44ss4", N(0), N(~0u), "root", "", N(0)), EINVAL); /* the fid is in use */
	ck_assert_int_eq(ask(r, 102, "4ss4", N(1), "root", "", N(0)), ECONNREFUSED);
	ck_assert_int_eq(ask(r, 108, "2", N(7)), 0);
	ck_assert_int_eq(ask(r, 200, ""), EOPNOTSUPP);
	ck_assert_int_eq(ask(r, 120, "4", N(0)), 0);
	ck_assert_int_eq(ask(r, 120, "4", N(0)), EBADF);
	ck_assert_uint_eq(r->p.nfids, 0);
	rig9_free(r);
}
END_TEST

START_TEST(files)
{
	struct rig9 *r = rig9_new((struct share_options){.by_hand = _i});

	session(r);
	make(r, 1, "a", "hello");
	ck_assert(reads(r, 1, "hello"));
	ck_assert_int_eq(ask(r, 116, "484", N(1), N(3), N(1)), 0);
	ck_assert_uint_eq(p9_get(&r->in, 4), 1);
	ck_assert_uint_eq(p9_get(&r->in, 1), 'l');
	ck_assert_int_eq(ask(r, 50, "44", N(1), N(1)), 0);
	ck_assert_int_eq(ask(r, 12, "44", N(1), N(0)), EBADF); /* open already */
	ck_assert_int_eq(ask(r, 118, "484b", N(1), N(UINT64_MAX), N(1), "x", N(1)), EFBIG);
	ck_assert_int_eq(ask(r, 116, "484", N(1), N(UINT64_MAX), N(1)), EINVAL);
	ck_assert_int_eq(ask(r, 52, "414884s", N(1), N(1), N(0), N(0), N(0), N(1), "me"), 0);
	ck_assert_uint_eq(p9_get(&r->in, 1), 0);
	ck_assert_int_eq(ask(r, 54, "41884s", N(1), N(1), N(5), N(6), N(7), "me"), 0);
	ck_assert_uint_eq(p9_get(&r->in, 1), 2);
	ck_assert_uint_eq(p9_get(&r->in, 8), 5);
	/* a second fid; removed, the open one still reads */
	ck_assert_int_eq(walk1(r, 0, 2, "a"), 0);
	ck_assert_int_eq(ask(r, 76, "4s4", N(0), "a", N(0)), 0);
	ck_assert(reads(r, 1, "hello"));
	ck_assert_int_eq(ask(r, 12, "44", N(2), N(0)), ENOENT);
	ck_assert_int_eq(ask(r, 24, "48", N(1), N(0x7FF)), 0);
	ck_assert_int_eq(ask(r, 26, "444448" "8888", N(1), N(9), N(0600), N(0), N(0), N(2), N(0), N(0), N(0), N(0)), 0);
	ck_assert(reads(r, 1, "he"));
	rig9_free(r);
}
END_TEST

/* A walk takes as many steps as it can; only a whole one makes the fid. */
START_TEST(names)
{
	struct rig9 *r = rig9_new((struct share_options){.by_hand = _i});
	char text[64];

	session(r);
	ck_assert_int_eq(ask(r, 72, "4s44", N(0), "d", N(0755), N(SHARE_NOBODY)), 0);
	ck_assert_int_eq(walk1(r, 0, 1, "d"), 0);
	ck_assert_uint_eq(p9_get(&r->in, 2), 1);
	ck_assert_uint_eq(p9_get(&r->in, 1), P9_QID_DIR);
	ck_assert_int_eq(ask(r, 72, "4s44", N(1), "e", N(0700), N(SHARE_NOBODY)), 0);
	ck_assert_int_eq(ask(r, 110, "442ss", N(0), N(2), N(2), "d", "none"), 0);
	ck_assert_uint_eq(p9_get(&r->in, 2), 1);
	ck_assert_int_eq(ask(r, 120, "4", N(2)), EBADF);
	ck_assert_int_eq(ask(r, 110, "442ss", N(0), N(2), N(2), "d", "e"), 0);
	make(r, 3, "f", "text");
	/* d/e moves to g, and the fid with it; into itself it cannot */
	ck_assert_int_eq(ask(r, 74, "4s4s", N(1), "e", N(2), "deeper"), EINVAL);
	ck_assert_int_eq(ask(r, 20, "44s", N(2), N(0), "g"), 0);
	ck_assert_int_eq(ask(r, 74, "4s4s", N(0), "f", N(2), "f2"), 0);
	ck_assert(reads(r, 3, "text"));
	ck_assert_int_eq(ask(r, 110, "442ss", N(0), N(4), N(2), "g", "f2"), 0);
	ck_assert_int_eq(ask(r, 70, "44s", N(0), N(4), "hard"), 0);
	ck_assert_int_eq(ask(r, 24, "48", N(4), N(0x7FF)), 0);
	p9_get_bytes(&r->in, 8 + 13 + 12);
	ck_assert_uint_eq(p9_get(&r->in, 8), 2); /* links */
	ck_assert_int_eq(ask(r, 16, "4ss4", N(0), "sym", "../../over/there", N(SHARE_NOBODY)), 0);
	ck_assert_uint_eq(p9_get(&r->in, 1), P9_QID_SYMLINK);
	ck_assert_int_eq(walk1(r, 0, 5, "sym"), 0);
	ck_assert_int_eq(ask(r, 22, "4", N(5)), 0);
	ck_assert(p9_get_text(&r->in, text, sizeof(text)));
	ck_assert_str_eq(text, "../../over/there");
	ck_assert_int_eq(ask(r, 76, "4s4", N(0), "g", N(0x200)), ENOTEMPTY);
	ck_assert_int_eq(ask(r, 76, "4s4", N(0), "g", N(0)), EISDIR);
	ck_assert_int_eq(ask(r, 122, "4", N(4)), 0); /* removes the file; the fid goes */
	ck_assert_int_eq(ask(r, 122, "4", N(4)), EBADF);
	ck_assert_int_eq(ask(r, 76, "4s4", N(0), "g", N(0x200)), 0);
	ck_assert_int_eq(ask(r, 122, "4", N(0)), EINVAL); /* the share itself stays */
	rig9_free(r);
}
END_TEST

static unsigned count_entries(struct rig9 *r, unsigned f, uint32_t bytes, uint64_t *sum)
{
	uint64_t at = 0;
	unsigned n = 0;

	for (;;) {
		uint32_t len, i;
		char name[300];

		ck_assert_int_eq(ask(r, 40, "484", N(f), N(at), N(bytes)), 0);
		len = (uint32_t)p9_get(&r->in, 4);
		if (!len)
			return n;
		for (i = r->in.at; r->in.at < i + len; n++) {
			p9_get_bytes(&r->in, 13);
			at = p9_get(&r->in, 8);
			p9_get(&r->in, 1);
			ck_assert(p9_get_text(&r->in, name, sizeof(name)));
			*sum += name[0] == 'n' ? strtoul(name + 1, NULL, 10) : 0;
		}
		ck_assert_uint_eq(r->in.at, i + len);
	}
}

START_TEST(directory)
{
	struct rig9 *r = rig9_new((struct share_options){0});
	uint64_t sum = 0;

	for (unsigned i = 0; i < 1200; i++) {
		char path[80];

		snprintf(path, sizeof(path), "%s/n%u", r->dir, i);
		close(open(path, O_CREAT | O_WRONLY, 0600));
	}
	session(r);
	ck_assert_int_eq(ask(r, 40, "484", N(0), N(0), N(4096)), EBADF); /* not open */
	ck_assert_int_eq(ask(r, 110, "442", N(0), N(1), N(0)), 0);
	ck_assert_int_eq(ask(r, 12, "44", N(1), N(1)), EISDIR); /* for writing */
	ck_assert_int_eq(ask(r, 12, "44", N(1), N(0200000)), 0);
	ck_assert_uint_eq(count_entries(r, 1, 60000, &sum), 1202);
	ck_assert_uint_eq(sum, 1199 * 1200 / 2);
	ck_assert_uint_eq(count_entries(r, 1, 64, &sum), 1202);
	ck_assert_uint_eq(sum, 1199 * 1200);
	ck_assert_int_eq(ask(r, 40, "484", N(1), N(0), N(10)), EINVAL); /* no room for one */
	ask(r, 40, "484", N(1), N(UINT64_MAX), N(4096));
	ask(r, 40, "484", N(1), N(12345), N(4096)); /* no place that we said */
	ck_assert_int_eq(ask(r, 116, "484", N(1), N(0), N(4096)), EBADF);
	rig9_free(r);
}
END_TEST

START_TEST(no_way_out)
{
	static const char *const names[] = {"..", ".", "", "/", "../secret", "d/../..", "/etc/passwd", "a/"};
	struct rig9 *r = rig9_new((struct share_options){.by_hand = _i, .model = SHARE_NONE});
	char path[80], target[80];

	snprintf(target, sizeof(target), "%s/secret", r->top);
	snprintf(path, sizeof(path), "%s/link", r->dir);
	ck_assert_int_eq(symlink(target, path), 0);
	snprintf(path, sizeof(path), "%s/up", r->dir);
	ck_assert_int_eq(symlink("..", path), 0);
	snprintf(path, sizeof(path), "%s/fifo", r->dir);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	session(r);
	make(r, 9, "mine", "x");
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		ck_assert_int_eq(walk1(r, 0, 1, names[i]), EINVAL);
		ck_assert_int_eq(ask(r, 72, "4s44", N(0), names[i], N(0755), N(0)), EINVAL);
		ck_assert_int_eq(ask(r, 16, "4ss4", N(0), names[i], "x", N(0)), EINVAL);
		ck_assert_int_eq(ask(r, 18, "4s4444", N(0), names[i], N(0100600), N(0), N(0), N(0)), EINVAL);
		ck_assert_int_eq(ask(r, 76, "4s4", N(0), names[i], N(0)), EINVAL);
		ck_assert_int_eq(ask(r, 70, "44s", N(0), N(9), names[i]), EINVAL);
		ck_assert_int_eq(ask(r, 74, "4s4s", N(0), "mine", N(0), names[i]), EINVAL);
		ck_assert_int_eq(ask(r, 74, "4s4s", N(0), names[i], N(0), "mine"), EINVAL);
		ck_assert_int_eq(ask(r, 110, "442", N(0), N(2), N(0)), 0);
		ck_assert_int_eq(ask(r, 14, "4s444", N(2), names[i], N(2), N(0644), N(0)), EINVAL);
		ck_assert_int_eq(ask(r, 120, "4", N(2)), 0);
	}
	/* links are there, but lead nowhere: neither opened, nor truncated, nor changed, nor gone through */
	ck_assert_int_eq(walk1(r, 0, 3, "link"), 0);
	ck_assert_int_eq(ask(r, 12, "44", N(3), N(0)), ELOOP);
	ck_assert_int_eq(ask(r, 26, "444448" "8888", N(3), N(8), N(0), N(0), N(0), N(0), N(0), N(0), N(0), N(0)), ELOOP);
	ask(r, 26, "444448" "8888", N(3), N(1), N(0777), N(0), N(0), N(0), N(0), N(0), N(0), N(0));
	ck_assert_int_eq(ask(r, 26, "444448" "8888", N(3), N(0x180 | 0x30), N(0), N(0), N(0), N(0), N(1), N(0), N(1), N(0)), 0);
	ck_assert_int_eq(ask(r, 14, "4s444", N(3), "x", N(2), N(0644), N(0)), ENOTDIR);
	ck_assert_int_eq(ask(r, 110, "442ss", N(0), N(4), N(2), "up", "secret"), 0);
	ck_assert_uint_eq(p9_get(&r->in, 2), 1); /* one step: the link itself */
	ck_assert_int_eq(walk1(r, 0, 4, "up"), 0);
	ck_assert_int_ne(walk1(r, 4, 5, "secret"), 0);
	ck_assert_int_ne(ask(r, 72, "4s44", N(4), "made", N(0755), N(0)), 0);
	ck_assert_int_eq(ask(r, 110, "442", N(0), N(6), N(0)), 0);
	ck_assert_int_eq(ask(r, 14, "4s444", N(6), "link", N(01002), N(0644), N(0)), ELOOP);
	/* a FIFO would keep us waiting */
	ck_assert_int_eq(walk1(r, 0, 7, "fifo"), 0);
	ck_assert_int_eq(ask(r, 12, "44", N(7), N(0)), ENXIO);
	ck_assert_int_eq(ask(r, 12, "44", N(7), N(2)), ENXIO);
	ck_assert_int_eq(ask(r, 14, "4s444", N(6), "fifo", N(2), N(0644), N(0)), ENXIO);
	{
		struct stat st;
		char buf[8] = "";
		int fd = open(target, O_RDONLY);

		ck_assert_int_eq(read(fd, buf, 8), 6);
		ck_assert_str_eq(buf, "secret");
		ck_assert(!fstat(fd, &st) && st.st_mtime > 1000 && (st.st_mode & 0777) != 0777);
		close(fd);
		snprintf(path, sizeof(path), "%s/made", r->top);
		ck_assert_int_ne(access(path, F_OK), 0);
	}
	rig9_free(r);
}
END_TEST

START_TEST(read_only)
{
	struct rig9 *r = rig9_new((struct share_options){.readonly = true});
	char path[80];

	snprintf(path, sizeof(path), "%s/f", r->dir);
	close(open(path, O_CREAT | O_WRONLY, 0644));
	session(r);
	ck_assert_int_eq(walk1(r, 0, 1, "f"), 0);
	ck_assert_int_eq(ask(r, 12, "44", N(1), N(1)), EROFS);
	ck_assert_int_eq(ask(r, 72, "4s44", N(0), "d", N(0755), N(0)), EROFS);
	ck_assert_int_eq(ask(r, 16, "4ss4", N(0), "s", "x", N(0)), EROFS);
	ck_assert_int_eq(ask(r, 18, "4s4444", N(0), "n", N(0100600), N(0), N(0), N(0)), EROFS);
	ck_assert_int_eq(ask(r, 76, "4s4", N(0), "f", N(0)), EROFS);
	ck_assert_int_eq(ask(r, 70, "44s", N(0), N(1), "g"), EROFS);
	ck_assert_int_eq(ask(r, 74, "4s4s", N(0), "f", N(0), "g"), EROFS);
	ck_assert_int_eq(ask(r, 26, "444448" "8888", N(1), N(1), N(0), N(0), N(0), N(0), N(0), N(0), N(0), N(0)), EROFS);
	ck_assert_int_eq(ask(r, 110, "442", N(0), N(2), N(0)), 0);
	ck_assert_int_eq(ask(r, 14, "4s444", N(2), "new", N(2), N(0644), N(0)), EROFS);
	ck_assert_int_eq(ask(r, 110, "442", N(1), N(3), N(0)), 0);
	ck_assert_int_eq(ask(r, 32, "4s84", N(3), "user.a", N(0), N(0)), 0);
	ck_assert_int_eq(ask(r, 120, "4", N(3)), EROFS);
	ck_assert_int_eq(ask(r, 12, "44", N(1), N(0)), 0);
	ck_assert_int_eq(ask(r, 118, "484b", N(1), N(0), N(1), "x", N(1)), EBADF);
	rig9_free(r);
}
END_TEST

START_TEST(xattrs)
{
	struct rig9 *r = rig9_new((struct share_options){0});
	int e;

	session(r);
	make(r, 1, "f", "x");
	ck_assert_int_eq(walk1(r, 0, 2, "f"), 0);
	ck_assert_int_eq(ask(r, 32, "4s84", N(2), "user.a", N(P9_XATTR_MAX + 1), N(0)), E2BIG);
	ck_assert_int_eq(ask(r, 32, "4s84", N(2), "user.a", N(5), N(0)), 0);
	ck_assert_int_eq(ask(r, 118, "484b", N(2), N(0), N(3), "abc", N(3)), 0);
	ck_assert_int_eq(ask(r, 118, "484b", N(2), N(0), N(1), "x", N(1)), ENOSPC);
	ck_assert_int_eq(ask(r, 118, "484b", N(2), N(3), N(3), "def", N(3)), ENOSPC);
	ck_assert_int_eq(ask(r, 118, "484b", N(2), N(3), N(2), "de", N(2)), 0);
	ck_assert_int_eq(ask(r, 24, "48", N(2), N(0x7FF)), EBADF);
	e = ask(r, 120, "4", N(2));
	ck_assert_int_eq(walk1(r, 0, 2, "f"), 0);
	ck_assert_int_eq(ask(r, 30, "44s", N(2), N(3), "security.capability"), EOPNOTSUPP);
	if (e != EOPNOTSUPP) { /* this host's /tmp has them */
		ck_assert_int_eq(e, 0);
		ck_assert_int_eq(ask(r, 30, "44s", N(2), N(3), "user.none"), ENODATA);
		ck_assert_int_eq(ask(r, 30, "44s", N(2), N(3), "user.a"), 0);
		ck_assert_uint_eq(p9_get(&r->in, 8), 5);
		ck_assert(reads(r, 3, "abcde"));
		ck_assert_int_eq(ask(r, 30, "44s", N(2), N(4), ""), 0);
		ck_assert_uint_eq(p9_get(&r->in, 8), 7);
	}
	rig9_free(r);
}
END_TEST

START_TEST(mapped)
{
	struct rig9 *r = rig9_new((struct share_options){.model = SHARE_MAPPED});
	char path[80], text[64];
	struct stat st;
	int e;

	session(r);
	e = ask(r, 18, "4s4444", N(0), "dev", N(0020644), N(1), N(3), N(77));
	if (e == EOPNOTSUPP) {
		rig9_free(r);
		return; /* no extended attributes in this host's /tmp */
	}
	ck_assert_int_eq(e, 0);
	ck_assert_int_eq(walk1(r, 0, 1, "dev"), 0);
	ck_assert_int_eq(ask(r, 24, "48", N(1), N(0x7FF)), 0);
	p9_get_bytes(&r->in, 8 + 13);
	ck_assert_uint_eq(p9_get(&r->in, 4), 0020644);
	p9_get(&r->in, 4);
	ck_assert_uint_eq(p9_get(&r->in, 4), 77);
	p9_get(&r->in, 8);
	ck_assert_uint_eq(p9_get(&r->in, 8), makedev(1, 3));
	ck_assert_int_eq(ask(r, 12, "44", N(1), N(0)), ENXIO);
	snprintf(path, sizeof(path), "%s/dev", r->dir);
	ck_assert(!lstat(path, &st) && S_ISREG(st.st_mode));
	ck_assert_int_eq(ask(r, 16, "4ss4", N(0), "sym", "/etc/passwd", N(0)), 0);
	ck_assert_int_eq(walk1(r, 0, 2, "sym"), 0);
	ck_assert_int_eq(ask(r, 12, "44", N(2), N(0)), ELOOP);
	ck_assert_int_eq(ask(r, 22, "4", N(2)), 0);
	ck_assert(p9_get_text(&r->in, text, sizeof(text)));
	ck_assert_str_eq(text, "/etc/passwd");
	snprintf(path, sizeof(path), "%s/sym", r->dir);
	ck_assert(!lstat(path, &st) && S_ISREG(st.st_mode));
	ck_assert_int_eq(ask(r, 30, "44s", N(2), N(3), "user.virtfs.mode"), EOPNOTSUPP);
	ck_assert_int_eq(ask(r, 30, "44s", N(2), N(3), ""), 0);
	ck_assert_uint_eq(p9_get(&r->in, 8), 0);
	/* a file cannot be made a directory by its mode */
	make(r, 4, "f", "x");
	ck_assert_int_eq(walk1(r, 0, 5, "f"), 0);
	ck_assert_int_eq(ask(r, 26, "444448" "8888", N(5), N(7), N(0104711), N(5), N(6), N(0), N(0), N(0), N(0), N(0)), 0);
	ck_assert_int_eq(ask(r, 24, "48", N(5), N(0x7FF)), 0);
	p9_get_bytes(&r->in, 8 + 13);
	ck_assert_uint_eq(p9_get(&r->in, 4), 0104711);
	ck_assert_uint_eq(p9_get(&r->in, 4), 5);
	rig9_free(r);
}
END_TEST

/* Whatever the lengths say, nothing behind the message is read and nothing behind the room is written (ASan looks). */
START_TEST(malformed)
{
	struct rig9 *r = rig9_new((struct share_options){0});
	uint8_t *msg = malloc(64), *out = malloc(64);

	session(r);
	make(r, 1, "f", "0123456789012345678901234567890123456789012345678901234567890123456789");
	for (unsigned type = 0; type < 256; type++)
		for (unsigned len = 7; len <= 64; len += 3)
			for (unsigned say = 0; say < 4; say++) {
				uint8_t *m = realloc(msg, len);
				uint32_t size = say == 0 ? len : say == 1 ? 0xFFFFFFFF : say == 2 ? 3 : 7, n;
				unsigned room = 11 + len % 30;

				msg = m;
				if (type == 100)
					continue;
				memset(m, say == 3 ? 0xFF : len & 1, len);
				pci_put32(m, size);
				m[4] = (uint8_t)type;
				out = realloc(out, room);
				n = p9_request(&r->p, m, len, out, room);
				ck_assert_uint_le(n, room);
				ck_assert_uint_eq(pci_get32(out), n);
			}
	/* more than there is, and more than the answer holds */
	session(r);
	make(r, 1, "g", "0123456789012345678901234567890123456789012345678901234567890123456789");
	ck_assert_int_eq(ask(r, 118, "484b", N(1), N(0), N(1000), "short", N(5)), EINVAL);
	ck_assert_int_eq(ask(r, 118, "484b", N(1), N(0), N(UINT32_MAX), "short", N(5)), EINVAL);
	r->room = 20;
	ck_assert_int_eq(ask(r, 116, "484", N(1), N(0), N(UINT32_MAX)), 0);
	ck_assert_uint_eq(p9_get(&r->in, 4), 9);
	ck_assert_int_eq(ask(r, 24, "48", N(1), N(0x7FF)), EMSGSIZE);
	r->room = 65536;
	/* strings: longer than the message, with a zero byte, longer than a name */
	ck_assert_int_eq(ask(r, 110, "4422b", N(0), N(2), N(1), N(500), "abc", N(3)), EINVAL);
	ck_assert_int_eq(ask(r, 110, "4422b", N(0), N(2), N(1), N(3), "a\0c", N(3)), EINVAL);
	ck_assert_int_eq(ask(r, 110, "442", N(0), N(2), N(1000)), EINVAL);
	ck_assert_int_eq(ask(r, 110, "442s", N(0), N(UINT32_MAX), N(1), "g"), EINVAL);
	free(msg);
	free(out);
	rig9_free(r);
}
END_TEST

START_TEST(bounded)
{
	struct rig9 *r = rig9_new((struct share_options){0});
	unsigned n = 0;
	int e = 0;

	session(r);
	while (!e && n < 100000)
		e = ask(r, 110, "442", N(0), N(++n), N(0));
	ck_assert_int_eq(e, ENFILE);
	ck_assert_uint_eq(r->p.nfids, P9_FIDS_MAX);
	for (e = 0, n = 0; !e && n < 60000;)
		e = ask(r, 12, "44", N(++n), N(0));
	ck_assert_int_eq(e, EMFILE);
	e = open("/dev/null", O_RDONLY); /* this process still can */
	ck_assert_int_ge(e, 0);
	close(e);
	session(r);
	ck_assert_uint_eq(r->p.nfids, 1);
	/* paths that would be too long */
	for (n = 1, e = 0; !e && n < 40; n++) {
		char name[256];

		memset(name, 'a', 250);
		name[250] = 0;
		e = ask(r, 72, "4s44", N(n - 1), name, N(0755), N(SHARE_NOBODY));
		if (!e)
			e = walk1(r, n - 1, n, name);
	}
	ck_assert_int_eq(e, ENAMETOOLONG);
	rig9_free(r);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("9p");
	TCase *t = tcase_create("9p");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, version);
	tcase_add_loop_test(t, files, 0, 2); /* with openat2() and without */
	tcase_add_loop_test(t, names, 0, 2);
	tcase_add_test(t, directory);
	tcase_add_loop_test(t, no_way_out, 0, 2);
	tcase_add_test(t, read_only);
	tcase_add_test(t, xattrs);
	tcase_add_test(t, mapped);
	tcase_add_test(t, malformed);
	tcase_add_test(t, bounded);
	suite_add_tcase(s, t);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
