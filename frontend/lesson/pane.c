/* pane.c - see pane.h. Escape sequences are those every ANSI terminal knows (ECMA-48): cursor, erase, bold, screen buffer. */
#define _GNU_SOURCE
#include "frontend/lesson/pane.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define POLL_MS 100

static void size(unsigned *cols, unsigned *rows)
{
	struct winsize w;

	*cols = 80;
	*rows = 24;
	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) && w.ws_col && w.ws_row) {
		*cols = w.ws_col < 400 ? w.ws_col : 400;
		*rows = w.ws_row < 200 ? w.ws_row : 200;
	}
}

void pane_open(struct pane *p, const struct lesson_source *src, const char *title)
{
	struct termios raw;
	unsigned cols, rows;

	*p = (struct pane){.src = src, .title = title, .from = -1, .to = -1};
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &p->old))
		return;
	p->keys = true;
	raw = p->old;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	size(&cols, &rows);
	p->full = cols >= PANE_MIN && rows >= 12;
	if (p->full)
		fputs("\033[?1049h\033[2J", stdout);
}

void pane_add(struct pane *p, const char *text, size_t n)
{
	if (p->len + n > p->room) {
		p->room = (p->len + n) * 2;
		p->text = realloc(p->text, p->room);
		BUG_ON(!p->text);
	}
	memcpy(p->text + p->len, text, n);
	p->len += n;
}

void pane_lines(struct pane *p, int from, int to)
{
	p->from = from;
	p->to = to;
}

/* ---- two panes ---- */

static void source_row(const struct pane *p, int i, unsigned width)
{
	const struct lesson_line *l = i >= 0 && i < (int)p->src->nlines ? &p->src->line[i] : NULL;
	bool marked = l && (i == p->from || i == p->to);
	int room = (int)width - 8;

	printf("%s%s", marked ? "\033[1m" : "", !l ? "  " : i == p->from ? i == p->to ? "<>" : "> " : i == p->to ? "=>" : "  ");
	if (l)
		printf("%4d  %-*.*s", i + 1, room, l->n < (unsigned)room ? (int)l->n : room, l->text);
	else
		printf("%*s", (int)width - 2, "");
	fputs(marked ? "\033[0m" : "", stdout);
}

/* The end of the row that begins at @i: behind a newline, or where it is broken, between words if there are any. */
static size_t row_end(const struct pane *p, size_t i, unsigned width)
{
	size_t end = i + width < p->len ? i + width : p->len, cut;

	for (size_t k = i; k < end; k++)
		if (p->text[k] == '\n')
			return k + 1;
	if (end == p->len || p->text[end] == '\n')
		return end == p->len ? end : end + 1;
	for (cut = end; cut > i + width / 2; cut--)
		if (p->text[cut - 1] == ' ')
			return cut;
	return end;
}

/* Where each of the last @rows rows of the text begins when it is broken at @width; ends with the text's end. */
static unsigned break_rows(const struct pane *p, unsigned width, unsigned rows, size_t *at)
{
	unsigned n = 0;

	for (size_t i = 0; i < p->len; i = row_end(p, i, width)) {
		if (n == rows) {
			memmove(at, at + 1, (rows - 1) * sizeof(*at));
			n--;
		}
		at[n++] = i;
	}
	at[n] = p->len;
	return n;
}

static void draw(struct pane *p)
{
	unsigned cols, rows, left, n, i;
	size_t at[210];
	int first;

	size(&cols, &rows);
	if (cols < 20 || rows < 4)
		return;
	left = cols * 9 / 20;
	rows -= 2;
	n = break_rows(p, cols - left - 4, rows, at);
	first = (p->from >= 0 ? p->from : p->to >= 0 ? p->to : 0) - (int)rows / 2;
	if (p->to >= 0 && (p->to < first || p->to >= first + (int)rows)) /* where it went is what will run */
		first = p->to - (int)rows / 2;
	first = first + (int)rows > (int)p->src->nlines ? (int)p->src->nlines - (int)rows : first;
	first = first < 0 ? 0 : first;
	printf("\033[H\033[7m %-*.*s\033[0m", (int)cols - 1, (int)cols - 1, p->title);
	for (i = 0; i < rows; i++) {
		int len = i < n ? (int)(at[i + 1] - at[i]) : 0;

		if (len && p->text[at[i] + len - 1] == '\n')
			len--;
		printf("\033[%u;1H", i + 2);
		source_row(p, first + (int)i, left);
		printf(" | %.*s\033[K", len, i < n ? p->text + at[i] : "");
	}
	printf("\033[%u;1H\033[7m %-*.*s\033[0m", rows + 2, (int)cols - 2, (int)cols - 2,
		"Enter: next   r: run to the end   q: leave      > from   => to");
}

void pane_show(struct pane *p)
{
	if (p->full) {
		draw(p);
	} else {
		fwrite(p->text + p->written, 1, p->len - p->written, stdout);
		p->written = p->len;
	}
	fflush(stdout);
}

bool pane_wait(struct pane *p, const bool *over)
{
	struct pollfd fd = {STDIN_FILENO, POLLIN, 0};
	char c;

	if (!p->keys || p->running)
		return !__atomic_load_n(over, __ATOMIC_ACQUIRE);
	if (!p->full) {
		fputs("[Enter: next, r: run to the end, q: leave] ", stdout);
		fflush(stdout);
	}
	for (;;) {
		if (__atomic_load_n(over, __ATOMIC_ACQUIRE))
			return false;
		if (poll(&fd, 1, POLL_MS) <= 0)
			continue;
		if (read(STDIN_FILENO, &c, 1) != 1 || c == 'q' || c == 4)
			return false;
		if (c == 'r')
			p->running = true;
		if (c == 'r' || c == '\n' || c == ' ' || c == 'n')
			break;
	}
	if (!p->full)
		fputs("\r\033[K", stdout);
	return true;
}

void pane_close(struct pane *p)
{
	if (p->full) { /* leave the text behind, so that it can be read again */
		fputs("\033[?1049l", stdout);
		fwrite(p->text, 1, p->len, stdout);
	} else {
		fwrite(p->text + p->written, 1, p->len - p->written, stdout);
	}
	fflush(stdout);
	if (p->keys)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &p->old);
	free(p->text);
	p->text = NULL;
}
