/*
 * fuzz_9p.c - the input as messages of a 9P client to a folder of this host: no message may take the host down, read what is not the folder's,
 * or leave anything outside of it.
 *
 * The first byte chooses the folder's model. A message is its type, then numbers: fids and names of a few kinds are made from one byte each, so
 * that most messages mean something; every eighth message is taken as it stands.
 */
#define _GNU_SOURCE
#include "tests/fuzz/fuzz.h"
#include "devices/virtio/p9.h"
#include "frontend/share/share.h"
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOM 8192

/* forms as in tests/devices/p9_fixture.h; f: a fid, n: a name */
static const struct { uint8_t type; const char *form; } kinds[] = {
	{8, "f"}, {12, "f4"}, {14, "fn444"}, {16, "fnn4"}, {18, "fn4444"}, {20, "ffn"}, {22, "f"}, {24, "f8"}, {26, "f444488888"}, {30, "ffx"},
	{32, "fx24"}, {40, "f24"}, {50, "f4"}, {52, "f14884n"}, {54, "f1884n"}, {70, "ffn"}, {72, "fn44"}, {74, "fnfn"}, {76, "fnr"},
	{110, "ffw"}, {116, "f24"}, {118, "f2d"}, {120, "f"}, {122, "f"}, {104, "f4nn4"}, {108, "2"}, {100, "4v"}, {110, "ffw"}, {12, "f4"},
	{14, "fn444"}, {110, "ff0"},
};
static const char *const names[] = {"a", "b", "dir", "link", "..", ".", "a/b", "", "secret", "../secret", "fifo", "n", "a-longer-name"};

struct bytes {
	const uint8_t *p;
	size_t left;
};

static uint8_t byte(struct bytes *in)
{
	in->left -= in->left > 0;
	return in->left ? *in->p++ : 0;
}

static void put_name(struct p9_out *out, uint8_t b, const char *prefix)
{
	char text[32];

	snprintf(text, sizeof(text), "%s%s", prefix, names[b % (sizeof(names) / sizeof(*names))]);
	p9_put_text(out, text);
}

static void put_form(struct p9_out *out, char c, struct bytes *in)
{
	uint8_t b = byte(in);
	unsigned n = b & 3;

	switch (c) {
	case 'f': p9_put(out, b & 7, 4); break;
	case 'n': put_name(out, b, ""); break;
	case 'x': put_name(out, b, b & 0x80 ? "user." : ""); break;
	case 'v': p9_put_text(out, b & 0x10 ? "9P2000.u" : "9P2000.L"); break;
	case 'r': p9_put(out, b & 1 ? 0x200 : 0, 4); break;
	case '0': p9_put(out, 0, 2); break;
	case 'w':
		p9_put(out, n, 2);
		for (unsigned i = 0; i < n; i++)
			put_name(out, byte(in), "");
		break;
	case 'd':
		p9_put(out, b, 4);
		for (unsigned i = 0; i < b; i++)
			p9_put(out, i, 1);
		break;
	case '2': /* a small 8-byte number, or not */
		p9_put(out, b < 0xF0 ? b : ~0ull << (b & 15) * 4, 8);
		break;
	default: /* bits here and there; the file type of mknod in the middle */
		p9_put(out, b < 0x80 ? b : (uint64_t)b << (b & 31), (unsigned)(c - '0'));
	}
}

static void message(struct p9 *p, struct bytes *in)
{
	static uint8_t answer[ROOM];
	uint8_t msg[ROOM], b = byte(in);
	struct p9_out out = {.buf = msg, .room = sizeof(msg), .len = 7}, head = {.buf = msg, .room = 7};
	unsigned k = b % (sizeof(kinds) / sizeof(*kinds));
	uint32_t room = b & 0x40 ? 11u + (b & 31) : ROOM;

	if ((b & 7) == 7) {
		for (unsigned n = byte(in) & 63; n; n--)
			p9_put(&out, byte(in), 1);
	} else {
		for (const char *f = kinds[k].form; *f; f++)
			put_form(&out, *f, in);
	}
	p9_put(&head, out.len, 4);
	p9_put(&head, (b & 7) == 7 ? byte(in) : kinds[k].type, 1);
	p9_put(&head, 1, 2);
	if (p9_request(p, msg, out.len, answer, room) > room)
		abort();
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *f)
{
	if (!S_ISLNK(st->st_mode))
		chmod(path, 0700);
	return remove(path);
}

/* What lies beside the share is as it was. */
static void look(const char *secret)
{
	char buf[8] = "";
	FILE *f = fopen(secret, "r");

	if (!f || fread(buf, 1, 8, f) != 6 || strcmp(buf, "secret"))
		abort();
	fclose(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t hello[] = {21, 0, 0, 0, 100, 0, 0, 0, 0x20, 0, 0, 8, 0, '9', 'P', '2', '0', '0', '0', '.', 'L'};
	static const uint8_t attach[] = {23, 0, 0, 0, 104, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0, 255, 255, 255, 255};
	char top[] = "/tmp/dg_fuzz_9p_XXXXXX", dir[48], path[64], secret[64];
	struct bytes in = {data, size};
	uint8_t b = byte(&in), out[64];
	struct share_options o = {.model = b % 3, .readonly = (b & 0x30) == 0x30, .by_hand = b & 4, .path = dir};
	struct p9 p = {0};
	struct err e;
	FILE *f;

	if (!mkdtemp(top))
		return 0;
	snprintf(dir, sizeof(dir), "%s/share", top);
	snprintf(secret, sizeof(secret), "%s/secret", top);
	snprintf(path, sizeof(path), "%s/link", dir);
	f = fopen(secret, "w");
	if (f) {
		fputs("secret", f);
		fclose(f);
	}
	if (f && !mkdir(dir, 0700) && !symlink("../secret", path) && !share_open(&o, &p.share, &e)) {
		snprintf(path, sizeof(path), "%s/fifo", dir);
		(void)!mkfifo(path, 0600);
		p9_request(&p, hello, sizeof(hello), out, sizeof(out));
		p9_request(&p, attach, sizeof(attach), out, sizeof(out));
		for (unsigned n = 0; in.left && n < 500; n++)
			message(&p, &in);
		p9_drop(&p);
		p.share->ops->close(p.share);
		look(secret);
	}
	nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return 0;
}
