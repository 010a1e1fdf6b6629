/* monitor_edit.c - see monitor_edit.h. Escape sequences: ECMA-48. */
#include "frontend/monitor_edit.h"
#include <stdio.h>
#include <string.h>

enum { ESC_NONE, ESC_SEEN, ESC_CSI, ESC_SS3 };

static void put(struct edit *e, const char *text)
{
	e->put(e->opaque, text);
}

static void back(struct edit *e, unsigned n)
{
	while (n--)
		put(e, "\b");
}

/* Show the line from the cursor on, @gone characters fewer than before, and come back. */
static void redraw_tail(struct edit *e, unsigned gone)
{
	e->line[e->len] = 0;
	put(e, e->line + e->cursor);
	for (unsigned i = 0; i < gone; i++)
		put(e, " ");
	back(e, e->len - e->cursor + gone);
}

static void insert(struct edit *e, const char *text)
{
	unsigned n = (unsigned)strlen(text);

	if (e->len + n >= EDIT_LINE)
		return;
	memmove(e->line + e->cursor + n, e->line + e->cursor, e->len - e->cursor);
	memcpy(e->line + e->cursor, text, n);
	e->len += n;
	put(e, text);
	e->cursor += n;
	if (e->cursor < e->len)
		redraw_tail(e, 0);
	e->line[e->len] = 0;
}

/* Remove @n characters before the cursor. */
static void rub_out(struct edit *e, unsigned n)
{
	if (n > e->cursor)
		n = e->cursor;
	if (e->cursor == e->len) { /* the usual case: short, and readable in a transcript */
		for (unsigned i = 0; i < n; i++)
			put(e, "\b \b");
	} else {
		back(e, n);
	}
	memmove(e->line + e->cursor - n, e->line + e->cursor, e->len - e->cursor);
	e->cursor -= n;
	e->len -= n;
	if (e->cursor < e->len)
		redraw_tail(e, n);
	e->line[e->len] = 0;
}

static void move_to(struct edit *e, unsigned to)
{
	char one[2] = "";

	if (to > e->len)
		to = e->len;
	while (e->cursor > to) {
		put(e, "\b");
		e->cursor--;
	}
	while (e->cursor < to) {
		one[0] = e->line[e->cursor++];
		put(e, one);
	}
}

static void replace(struct edit *e, const char *text)
{
	move_to(e, e->len);
	rub_out(e, e->len);
	insert(e, text);
}

/* The lines entered before, the newest EDIT_HISTORY of them. */
static void recall(struct edit *e, bool older)
{
	unsigned oldest = e->entered > EDIT_HISTORY ? e->entered - EDIT_HISTORY : 0;

	if (older ? e->at == oldest : e->at == e->entered)
		return;
	e->at += older ? -1u : 1u;
	replace(e, e->at == e->entered ? "" : e->history[e->at % EDIT_HISTORY]);
}

static unsigned word_start(const struct edit *e)
{
	unsigned at = e->cursor;

	while (at && e->line[at - 1] == ' ')
		at--;
	while (at && e->line[at - 1] != ' ')
		at--;
	return at;
}

/* How far all candidates agree; @n: how many there are. */
static unsigned common(struct edit *e, unsigned at, char *out, unsigned room, unsigned *n)
{
	const char *c;
	unsigned len = 0;

	for (*n = 0; (c = e->candidate(e->opaque, e->line, at, *n)); (*n)++) {
		unsigned same = 0;

		if (!*n) {
			snprintf(out, room, "%s", c);
			len = (unsigned)strlen(out);
		}
		while (same < len && out[same] == c[same])
			same++;
		len = same;
	}
	out[len] = 0;
	return len;
}

static void show_candidates(struct edit *e, unsigned at)
{
	unsigned column = 0;
	const char *c;

	put(e, "\n");
	for (unsigned i = 0; (c = e->candidate(e->opaque, e->line, at, i)); i++) {
		unsigned n = (unsigned)strlen(c);

		if (column && column + n > 76) {
			put(e, "\n");
			column = 0;
		}
		put(e, c);
		put(e, "  ");
		column += n + 2;
	}
	put(e, "\n");
	put(e, e->prompt);
	put(e, e->line);
	back(e, e->len - e->cursor);
}

static void complete(struct edit *e, bool again)
{
	char word[EDIT_LINE];
	unsigned at = e->cursor, n, len;

	while (at && e->line[at - 1] != ' ')
		at--;
	e->line[e->len] = 0;
	if (!e->candidate)
		return;
	len = common(e, at, word, sizeof(word), &n);
	if (!n)
		return;
	if (len > e->cursor - at)
		insert(e, word + (e->cursor - at));
	if (n == 1 && word[0] && word[len - 1] != '/')
		insert(e, " ");
	else if (n > 1 && again)
		show_candidates(e, at);
}

static void sequence(struct edit *e, uint8_t b)
{
	unsigned state = e->esc & 0xFF, number = e->esc >> 8;

	if (state == ESC_SEEN) {
		e->esc = b == '[' ? ESC_CSI : b == 'O' ? ESC_SS3 : ESC_NONE;
		return;
	}
	if (b >= 0x30 && b <= 0x3F) { /* parameters; only a small number means anything here */
		if (b <= '9' && number < 1000)
			e->esc = state | (number * 10 + (b - '0')) << 8;
		return;
	}
	e->esc = ESC_NONE;
	if (b == 'A' || b == 'B')
		recall(e, b == 'A');
	else if (b == 'C')
		move_to(e, e->cursor + 1);
	else if (b == 'D' && e->cursor)
		move_to(e, e->cursor - 1);
	else if (b == 'H' || (b == '~' && (number == 1 || number == 7)))
		move_to(e, 0);
	else if (b == 'F' || (b == '~' && (number == 4 || number == 8)))
		move_to(e, e->len);
	else if (b == '~' && number == 3 && e->cursor < e->len) {
		move_to(e, e->cursor + 1);
		rub_out(e, 1);
	}
}

static void control(struct edit *e, uint8_t b)
{
	unsigned end = e->len;

	switch (b) {
	case 0x01: /* A */
		move_to(e, 0);
		break;
	case 0x02: /* B */
		move_to(e, e->cursor ? e->cursor - 1 : 0);
		break;
	case 0x03: /* C */
		put(e, "^C\n");
		edit_reset(e);
		put(e, e->prompt);
		break;
	case 0x05: /* E */
		move_to(e, e->len);
		break;
	case 0x06: /* F */
		move_to(e, e->cursor + 1);
		break;
	case 0x08:
	case 0x7F:
		rub_out(e, 1);
		break;
	case 0x0B: /* K */
		e->len = e->cursor;
		redraw_tail(e, end - e->cursor);
		break;
	case 0x0C: /* L */
		put(e, "\x1b[H\x1b[2J");
		put(e, e->prompt);
		e->line[e->len] = 0;
		put(e, e->line);
		back(e, e->len - e->cursor);
		break;
	case 0x0E: /* N */
	case 0x10: /* P */
		recall(e, b == 0x10);
		break;
	case 0x15: /* U */
		rub_out(e, e->cursor);
		break;
	case 0x17: /* W */
		rub_out(e, e->cursor - word_start(e));
		break;
	}
}

bool edit_key(struct edit *e, uint8_t b)
{
	bool tabbed = e->tabbed;
	char one[2] = {(char)b, 0};

	e->tabbed = b == '\t';
	if (e->esc) {
		sequence(e, b);
	} else if (b == 0x1B) {
		e->esc = ESC_SEEN;
	} else if (b == '\t') {
		complete(e, tabbed);
	} else if (b == '\r' || b == '\n') {
		e->line[e->len] = 0;
		put(e, "\n");
		if (e->len)
			memcpy(e->history[e->entered++ % EDIT_HISTORY], e->line, e->len + 1);
		return true;
	} else if (b >= ' ' && b != 0x7F) {
		insert(e, one);
	} else {
		control(e, b);
	}
	return false;
}

void edit_reset(struct edit *e)
{
	e->len = e->cursor = 0;
	e->line[0] = 0;
	e->at = e->entered;
}
