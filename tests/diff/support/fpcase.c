/* fpcase.c - see fpcase.h */
#include "tests/diff/support/fpcase.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PIECES(c) (56 + (c)->mem_size / 16) /* 8 numbers, 3 * 16 registers, memory */

/* A piece of the state: @n bytes at the result, named @name with index @i; NULL: piece @k is none. A number if *@number. */
static uint8_t *piece(const struct fpcase *c, unsigned k, const char **name, unsigned *i, unsigned *n, bool *number)
{
	struct { const char *name; void *at; unsigned n; } numbers[] = {{"fcw", &c->f->fcw, sizeof(c->f->fcw)},
		{"fsw", &c->f->fsw, sizeof(c->f->fsw)}, {"ftw", &c->f->ftw, sizeof(c->f->ftw)},
		{"mxcsr", &c->f->mxcsr, sizeof(c->f->mxcsr)}, {"rax", c->rax, 8}, {"rcx", c->rcx, 8}, {"rdx", c->rdx, 8},
		{"fl", c->flags, 8}};

	*i = 0;
	*number = k < ARRAY_SIZE(numbers);
	if (*number) {
		*name = numbers[k].name;
		*n = numbers[k].n;
		return numbers[k].at;
	}
	k -= ARRAY_SIZE(numbers);
	*i = k % 16;
	*n = 16;
	switch (k / 16) {
	case 0:
		*name = "s";
		*n = 10;
		return *i < 8 ? c->f->st[*i] : NULL;
	case 1:
		*name = "x";
		return c->f->xmm[*i];
	case 2:
		*name = "h";
		return c->f->ymmh[*i];
	default:
		*i = k - 48;
		*name = "m";
		return *i < c->mem_size / 16 ? c->mem + 16 * *i : NULL;
	}
}

static bool is_zero(const uint8_t *p, unsigned n)
{
	while (n && !p[n - 1])
		n--;
	return !n;
}

void fpcase_shrink(const struct fpcase *c, bool (*differs)(void *opaque), void *opaque)
{
	for (unsigned k = 0, i, n; k < PIECES(c); k++) {
		const char *name;
		uint8_t old[16];
		bool number;
		uint8_t *p = piece(c, k, &name, &i, &n, &number);

		/* control words and tags of 0 are states of their own */
		if (!p || is_zero(p, n) || (number && strcmp(name, "fl") && name[0] != 'r'))
			continue;
		memcpy(old, p, n);
		memset(p, 0, n);
		if (!differs(opaque))
			memcpy(p, old, n);
	}
}

void fpcase_print(FILE *out, const char *test, const uint8_t *code, unsigned len, const struct fpcase *c)
{
	fprintf(out, "FP_CASE(%s, \"", test);
	for (unsigned i = 0; i < len; i++)
		fprintf(out, "%s%02x", i ? " " : "", code[i]);
	fprintf(out, "\", %u, \"", c->off);
	for (unsigned k = 0, i, n, said = 0; k < PIECES(c); k++) {
		const char *name;
		uint64_t v = 0;
		bool number;
		const uint8_t *p = piece(c, k, &name, &i, &n, &number);

		if (!p || is_zero(p, n))
			continue;
		fprintf(out, "%s%s", said++ ? " " : "", name);
		if (number) {
			memcpy(&v, p, n);
			fprintf(out, "=%" PRIx64, v);
			continue;
		}
		fprintf(out, "%u=", i);
		for (unsigned b = 0; b < n; b++)
			fprintf(out, "%02x", p[b]);
	}
	fprintf(out, "\")\n");
}

/* "name=hex" at @text, of which @len characters are the name. */
static bool parse_one(const char *text, unsigned len, const struct fpcase *c)
{
	for (unsigned k = 0, i, n; k < PIECES(c); k++) {
		const char *name;
		bool number;
		uint8_t *p = piece(c, k, &name, &i, &n, &number);
		char full[16];
		uint64_t v;

		if (number)
			snprintf(full, sizeof(full), "%s", name);
		else
			snprintf(full, sizeof(full), "%s%u", name, i);
		if (!p || strlen(full) != len || strncmp(full, text, len))
			continue;
		if (number) {
			v = strtoull(text + len + 1, NULL, 16);
			memcpy(p, &v, n);
			return true;
		}
		text += len + 1;
		for (unsigned b = 0, byte; b < n; b++, text += 2) {
			if (sscanf(text, "%2x", &byte) != 1)
				return false;
			p[b] = (uint8_t)byte;
		}
		return true;
	}
	return false;
}

bool fpcase_parse(const char *text, const struct fpcase *c)
{
	while (*text) {
		size_t len = strcspn(text, "=");

		if (!text[len] || !parse_one(text, (unsigned)len, c))
			return false;
		text += strcspn(text, " ");
		text += strspn(text, " ");
	}
	return true;
}

unsigned fpcase_code(const char *hex, uint8_t *code)
{
	unsigned n = 0;

	memset(code, 0, 16);
	for (unsigned v; n < 16 && sscanf(hex, "%2x", &v) == 1; hex += hex[2] ? 3 : 2)
		code[n++] = (uint8_t)v;
	return n;
}
