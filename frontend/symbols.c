/*
 * symbols.c - see symbols.h. Files are the user's, but every offset and length in them is checked all the same.
 *
 * Source: Tool Interface Standard, Executable and Linking Format (symbol tables); System.map: "address type name" a line.
 */
#include "frontend/symbols.h"
#include <elf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (1u << 30)
#define REACH (1u << 20) /* farther from a symbol an address is somewhere else */

struct symbol {
	uint64_t at;
	const char *name;
};

struct symbols {
	char *file; /* what the names point into */
	size_t size;
	struct symbol *sym;
	size_t n, room;
};

static void add(struct symbols *s, uint64_t at, const char *name)
{
	if (!at || !*name)
		return;
	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 1024;
		s->sym = realloc(s->sym, s->room * sizeof(*s->sym));
		BUG_ON(!s->sym);
	}
	s->sym[s->n++] = (struct symbol){at, name};
}

/* ---- System.map ---- */

static void read_map(struct symbols *s, uint64_t offset)
{
	char *save = NULL;

	for (char *l = strtok_r(s->file, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		char *end;
		uint64_t at = strtoull(l, &end, 16);

		/* absolute symbols (A) are per-CPU offsets and the like */
		if (end == l || end[0] != ' ' || !end[1] || end[2] != ' ' || end[1] == 'A' || end[1] == 'a')
			continue;
		end += 3;
		end[strcspn(end, "\t\r ")] = 0;
		add(s, at + offset, end);
	}
}

/* ---- ELF ---- */

static const void *bytes(const struct symbols *s, uint64_t off, uint64_t len)
{
	return off <= s->size && len <= s->size - off ? s->file + off : NULL;
}

/* The string at @index of a table that is known to lie in the file; "" if it does not end in it. */
static const char *string(const struct symbols *s, uint64_t tab, uint64_t len, uint64_t index)
{
	const char *p = s->file + tab;

	return index < len && memchr(p + index, 0, len - index) ? p + index : "";
}

struct section {
	uint64_t off, size, entsize;
	uint32_t type, link;
};

static bool section(const struct symbols *s, bool wide, uint64_t shoff, unsigned i, struct section *out)
{
	if (wide) {
		const Elf64_Shdr *h = bytes(s, shoff + (uint64_t)i * sizeof(*h), sizeof(*h));
		Elf64_Shdr c;

		if (!h)
			return false;
		memcpy(&c, h, sizeof(c));
		*out = (struct section){c.sh_offset, c.sh_size, sizeof(Elf64_Sym), c.sh_type, c.sh_link};
	} else {
		const Elf32_Shdr *h = bytes(s, shoff + (uint64_t)i * sizeof(*h), sizeof(*h));
		Elf32_Shdr c;

		if (!h)
			return false;
		memcpy(&c, h, sizeof(c));
		*out = (struct section){c.sh_offset, c.sh_size, sizeof(Elf32_Sym), c.sh_type, c.sh_link};
	}
	return bytes(s, out->off, out->type == SHT_NOBITS ? 0 : out->size) != NULL;
}

static void read_table(struct symbols *s, bool wide, const struct section *t, const struct section *str, uint64_t offset)
{
	for (uint64_t at = 0; at + t->entsize <= t->size; at += t->entsize) {
		Elf64_Sym y;

		if (wide) {
			memcpy(&y, s->file + t->off + at, sizeof(y));
		} else {
			Elf32_Sym z;

			memcpy(&z, s->file + t->off + at, sizeof(z));
			y = (Elf64_Sym){.st_name = z.st_name, .st_info = z.st_info, .st_shndx = z.st_shndx, .st_value = z.st_value};
		}
		if (y.st_shndx == SHN_UNDEF || y.st_shndx == SHN_ABS || ELF64_ST_TYPE(y.st_info) > STT_FUNC)
			continue;
		add(s, y.st_value + offset, string(s, str->off, str->size, y.st_name));
	}
}

static bool read_elf(struct symbols *s, uint64_t offset)
{
	bool wide = s->file[EI_CLASS] == ELFCLASS64;
	uint64_t shoff;
	unsigned n;

	if (wide) {
		Elf64_Ehdr h;

		if (!bytes(s, 0, sizeof(h)))
			return false;
		memcpy(&h, s->file, sizeof(h));
		shoff = h.e_shoff;
		n = h.e_shentsize == sizeof(Elf64_Shdr) ? h.e_shnum : 0;
	} else {
		Elf32_Ehdr h;

		if (!bytes(s, 0, sizeof(h)))
			return false;
		memcpy(&h, s->file, sizeof(h));
		shoff = h.e_shoff;
		n = h.e_shentsize == sizeof(Elf32_Shdr) ? h.e_shnum : 0;
	}
	for (unsigned i = 0; i < n; i++) {
		struct section t, str;

		if (section(s, wide, shoff, i, &t) && t.type == SHT_SYMTAB && t.link < n &&
			section(s, wide, shoff, t.link, &str) && str.type == SHT_STRTAB)
			read_table(s, wide, &t, &str, offset);
	}
	return true;
}

/* ---- the file ---- */

static int by_address(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

static enum vm_err read_file(struct symbols *s, const char *path, struct err *e)
{
	FILE *f = fopen(path, "rb");
	long size;

	if (!f)
		return err_errno(e, "cannot open '%s'", path);
	if (fseek(f, 0, SEEK_END) || (size = ftell(f)) < 0 || size > (long)FILE_MAX) {
		fclose(f);
		return err_set(e, VM_ERR_IO, "'%s' is not a file of symbols", path);
	}
	rewind(f);
	s->file = malloc((size_t)size + 1);
	BUG_ON(!s->file);
	s->size = fread(s->file, 1, (size_t)size, f);
	s->file[s->size] = 0;
	fclose(f);
	return VM_OK;
}

enum vm_err symbols_load(struct symbols **out, const char *arg, struct err *e)
{
	struct symbols *s = calloc(1, sizeof(*s));
	const char *opt = strstr(arg, ",offset=");
	char path[1024], *end = NULL;
	uint64_t offset = opt ? strtoull(opt + 8, &end, 0) : 0;
	enum vm_err r = VM_OK;

	BUG_ON(!s);
	*out = NULL;
	snprintf(path, sizeof(path), "%.*s", opt ? (int)(opt - arg) : (int)strlen(arg), arg);
	if (opt && (end == opt + 8 || *end))
		r = err_set(e, VM_ERR_USAGE, "-symbols: '%s' is not a number", opt + 8);
	if (!r)
		r = read_file(s, path, e);
	if (!r && s->size > EI_NIDENT && !memcmp(s->file, ELFMAG, SELFMAG))
		read_elf(s, offset);
	else if (!r)
		read_map(s, offset);
	if (!r && !s->n)
		r = err_set(e, VM_ERR_IO, "'%s' has no symbols (ELF with a symbol table, or System.map)", path);
	if (r) {
		symbols_free(s);
		return r;
	}
	qsort(s->sym, s->n, sizeof(*s->sym), by_address);
	*out = s;
	return VM_OK;
}

void symbols_free(struct symbols *s)
{
	if (!s)
		return;
	free(s->sym);
	free(s->file);
	free(s);
}

bool symbols_name(const struct symbols *s, uint64_t at, char *buf, size_t n)
{
	size_t lo = 0, hi = s ? s->n : 0;

	buf[0] = 0;
	while (lo < hi) { /* the first symbol beyond @at */
		size_t mid = lo + (hi - lo) / 2;

		if (s->sym[mid].at <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo || at - s->sym[lo - 1].at >= REACH)
		return false;
	if (at == s->sym[lo - 1].at)
		snprintf(buf, n, "%s", s->sym[lo - 1].name);
	else
		snprintf(buf, n, "%s+%#" PRIx64, s->sym[lo - 1].name, at - s->sym[lo - 1].at);
	return true;
}

bool symbols_find(const struct symbols *s, const char *name, uint64_t *at)
{
	for (size_t i = 0; s && i < s->n; i++) {
		if (strcmp(s->sym[i].name, name))
			continue;
		*at = s->sym[i].at;
		return true;
	}
	return false;
}
