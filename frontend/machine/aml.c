/* aml.c - see aml.h. */
#include "frontend/machine/aml.h"
#include <stdlib.h>
#include <string.h>

void aml_free(struct aml *a)
{
	free(a->b);
	memset(a, 0, sizeof(*a));
}

void aml_byte(struct aml *a, unsigned v)
{
	if (a->n == a->cap) {
		a->cap = a->cap ? a->cap * 2 : 64;
		a->b = realloc(a->b, a->cap);
		BUG_ON(!a->b);
	}
	a->b[a->n++] = (uint8_t)v;
}

void aml_le(struct aml *a, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		aml_byte(a, (unsigned)(v >> (8 * i)));
}

void aml_bytes(struct aml *a, const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		aml_byte(a, ((const uint8_t *)p)[i]);
}

void aml_path(struct aml *a, const char *path)
{
	unsigned segs = 1;

	if (*path == '\\') {
		aml_byte(a, '\\');
		path++;
	}
	for (const char *p = path; *p; p++)
		segs += *p == '.';
	if (segs == 2) {
		aml_byte(a, 0x2E); /* DualNamePrefix */
	} else if (segs > 2) {
		aml_byte(a, 0x2F); /* MultiNamePrefix */
		aml_byte(a, segs);
	}
	while (*path) {
		for (unsigned i = 0; i < 4; i++)
			aml_byte(a, (unsigned char)(*path && *path != '.' ? *path++ : '_'));
		if (*path == '.')
			path++;
	}
}

void aml_int(struct aml *a, uint64_t v)
{
	if (v <= 1) {
		aml_byte(a, (unsigned)v); /* ZeroOp, OneOp */
	} else if (v <= 0xFF) {
		aml_byte(a, 0x0A);
		aml_le(a, v, 1);
	} else if (v <= 0xFFFF) {
		aml_byte(a, 0x0B);
		aml_le(a, v, 2);
	} else {
		aml_byte(a, 0x0C);
		aml_le(a, v, 4);
	}
}

static unsigned hex(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : c - 'A' + 10);
}

void aml_eisaid(struct aml *a, const char *id)
{
	unsigned v = (unsigned)(id[0] - '@') << 10 | (unsigned)(id[1] - '@') << 5 | (unsigned)(id[2] - '@');

	aml_byte(a, 0x0C);
	aml_byte(a, v >> 8);
	aml_byte(a, v & 0xFF);
	aml_byte(a, hex(id[3]) << 4 | hex(id[4]));
	aml_byte(a, hex(id[5]) << 4 | hex(id[6]));
}

void aml_name(struct aml *a, const char *name)
{
	aml_byte(a, 0x08);
	aml_path(a, name);
}

/* PkgLength counts itself: one to four bytes. */
static void package_length(struct aml *a, size_t body)
{
	unsigned more = body + 1 <= 0x3F ? 0 : body + 2 <= 0xFFF ? 1 : body + 3 <= 0xFFFFF ? 2 : 3;
	size_t n = body + 1 + more;

	if (!more) {
		aml_byte(a, (unsigned)n);
		return;
	}
	aml_byte(a, more << 6 | (n & 0xF));
	for (unsigned i = 0; i < more; i++)
		aml_byte(a, n >> (4 + 8 * i) & 0xFF);
}

void aml_wrap(struct aml *a, const char *prefix, unsigned prefix_len, struct aml *body)
{
	aml_bytes(a, prefix, prefix_len);
	package_length(a, body->n);
	aml_bytes(a, body->b, body->n);
	aml_free(body);
}

void aml_resources(struct aml *a, struct aml *body)
{
	struct aml buf = {0};

	aml_byte(body, 0x79); /* end tag, checksum 0: not checked */
	aml_byte(body, 0);
	aml_int(&buf, body->n);
	aml_bytes(&buf, body->b, body->n);
	aml_free(body);
	aml_wrap(a, "\x11", 1, &buf);
}

void aml_io(struct aml *res, unsigned port, unsigned len)
{
	aml_byte(res, 0x47);
	aml_byte(res, 1); /* 16-bit decode */
	aml_le(res, port, 2);
	aml_le(res, port, 2);
	aml_byte(res, 1);
	aml_byte(res, len);
}

void aml_irq(struct aml *res, unsigned irq)
{
	aml_byte(res, 0x22);
	aml_le(res, 1u << irq, 2);
}

static void named(struct aml *a, const char *prefix, unsigned n, const char *name, struct aml *body)
{
	struct aml t = {0};

	aml_path(&t, name);
	aml_bytes(&t, body->b, body->n);
	aml_free(body);
	aml_wrap(a, prefix, n, &t);
}

void aml_device(struct aml *a, const char *name, struct aml *body)
{
	named(a, "\x5B\x82", 2, name, body);
}

void aml_scope(struct aml *a, const char *name, struct aml *body)
{
	named(a, "\x10", 1, name, body);
}

void aml_method(struct aml *a, const char *name, unsigned args, struct aml *body)
{
	struct aml t = {0};

	aml_path(&t, name);
	aml_byte(&t, args & 7);
	aml_bytes(&t, body->b, body->n);
	aml_free(body);
	aml_wrap(a, "\x14", 1, &t);
}
