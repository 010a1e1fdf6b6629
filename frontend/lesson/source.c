/* source.c - see source.h. */
#include "frontend/lesson/source.h"
#include <stdlib.h>
#include <string.h>

static int nibble(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The bytes of a row into the image: how many, or -1 if there is no place for them. */
static int take_bytes(struct lesson_source *s, uint32_t addr, const char *p, const char *end)
{
	int n = 0;

	for (; end - p >= 2 && nibble(p[0]) >= 0 && nibble(p[1]) >= 0; p += 2, n++) {
		uint32_t at = addr - LESSON_ORG + (uint32_t)n;

		if (addr < LESSON_ORG || at >= LESSON_MAX_IMAGE)
			return -1;
		s->image[at] = (uint8_t)(nibble(p[0]) << 4 | nibble(p[1]));
		if (at >= s->image_len)
			s->image_len = at + 1;
	}
	return n;
}

static bool take_row(struct lesson_source *s, const char *row, const char *end)
{
	const char *bar = memchr(row, '|', (size_t)(end - row));
	uint32_t addr = 0;
	int n = 0;

	if (row < end && *row != ' ' && *row != '|') {
		char *hex_end;

		addr = (uint32_t)strtoul(row, &hex_end, 16);
		if (hex_end == row || hex_end >= end)
			return false;
		n = take_bytes(s, addr, hex_end + 1, end);
		if (n < 0)
			return false;
	}
	if (bar) {
		if (s->nlines == LESSON_MAX_LINES)
			return false;
		s->line[s->nlines++] = (struct lesson_line){addr, (uint32_t)n, bar + 1, (unsigned)(end - bar - 1)};
	} else if (n && end[-1] == '+' && s->nlines) {
		s->line[s->nlines - 1].len += (uint32_t)n;
	}
	return true;
}

bool source_parse(struct lesson_source *s, const char *text)
{
	memset(s, 0, sizeof(*s));
	while (*text) {
		const char *end = strchr(text, '\n');

		if (!end)
			end = text + strlen(text);
		if (!take_row(s, text, end))
			return false;
		text = *end ? end + 1 : end;
	}
	return s->nlines && s->image_len > 512 && s->image[510] == 0x55 && s->image[511] == 0xAA;
}

int source_line(const struct lesson_source *s, uint64_t gla)
{
	for (unsigned i = 0; i < s->nlines; i++)
		if (gla - s->line[i].addr < s->line[i].len)
			return (int)i;
	return -1;
}

/* The text of line @i behind blanks and the comment mark @mark, or NULL if it does not begin so. */
static const char *comment(const struct lesson_source *s, int i, const char *mark, int *n)
{
	const struct lesson_line *l = &s->line[i];
	const char *p = l->text, *end = p + l->n;

	while (p < end && *p == ' ')
		p++;
	if ((size_t)(end - p) < strlen(mark) || strncmp(p, mark, strlen(mark)))
		return NULL;
	p += strlen(mark);
	while (p < end && *p == ' ')
		p++;
	*n = (int)(end - p);
	return p;
}

void source_about(const struct lesson_source *s, int i, const char *indent, FILE *out)
{
	const char *p;
	int n, first = i;

	while (first > 0 && comment(s, first - 1, ";>", &n))
		first--;
	for (; first < i; first++) {
		p = comment(s, first, ";>", &n);
		fprintf(out, "%s%.*s\n", indent, n, p);
	}
}

void source_intro(const struct lesson_source *s, FILE *out)
{
	const char *p;
	int n;

	for (int i = 0; i < (int)s->nlines && (p = comment(s, i, ";", &n)); i++)
		fprintf(out, "%.*s\n", n, p);
}
