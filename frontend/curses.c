/* curses.c - see curses.h. */
#define _GNU_SOURCE
#define _XOPEN_SOURCE_EXTENDED 1
#include "frontend/curses.h"

#ifdef HAVE_CURSES

#include "frontend/chardev.h"
#include "frontend/keysym.h"
#include "frontend/screen_text.h"
#include <curses.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINES_KEPT 60
#define LINE_ROOM 200
#define POLL_MS 25

struct curses {
	struct loop *l;
	const struct sdl_host *host;
	struct text_screen *now;
	int stop;
	bool in_monitor;
	/* the monitor's page: written by the machine's thread */
	struct chr chr;
	pthread_mutex_t mu;
	char line[LINES_KEPT][LINE_ROOM];
	unsigned top, column; /* index of the last line; where the next character goes */
};

bool curses_built(void)
{
	return true;
}

/* ---- the monitor's page ---- */

static void mon_write(struct chr *chr, const uint8_t *buf, unsigned len)
{
	struct curses *c = container_of(chr, struct curses, chr);

	pthread_mutex_lock(&c->mu);
	for (unsigned i = 0; i < len; i++) {
		char *line = c->line[c->top];

		if (buf[i] == '\r') {
			c->column = 0;
		} else if (buf[i] == '\b') {
			c->column -= c->column > 0;
		} else if (buf[i] == '\n') {
			c->top = (c->top + 1) % LINES_KEPT;
			memset(c->line[c->top], 0, LINE_ROOM);
		} else if (buf[i] >= ' ' && c->column < LINE_ROOM - 1) {
			line[c->column++] = (char)buf[i];
		}
	}
	pthread_mutex_unlock(&c->mu);
}

struct mon_key {
	struct curses *c;
	uint8_t text[8];
	unsigned n;
};

static void give_key(void *arg)
{
	struct mon_key *k = arg;

	if (k->c->chr.receive)
		k->c->chr.receive(k->c->chr.dev, k->text, k->n);
	free(k);
}

static void mon_type(struct curses *c, const char *text, unsigned n)
{
	struct mon_key *k = calloc(1, sizeof(*k));

	BUG_ON(!k);
	k->c = c;
	k->n = n < sizeof(k->text) ? n : sizeof(k->text);
	memcpy(k->text, text, k->n);
	loop_post(c->l, give_key, k);
}

static void draw_monitor(struct curses *c)
{
	erase();
	pthread_mutex_lock(&c->mu);
	for (int row = 0; row < LINES && row < LINES_KEPT; row++) {
		unsigned i = (c->top + LINES_KEPT - (unsigned)row) % LINES_KEPT;

		mvaddnstr(LINES - 1 - row, 0, c->line[i], COLS);
	}
	move(LINES - 1, (int)c->column < COLS ? (int)c->column : COLS - 1);
	pthread_mutex_unlock(&c->mu);
	curs_set(1);
}

/* ---- the guest's screen ---- */

/* VGA counts blue, green, red; terminals red, green, blue. */
static short color(unsigned vga)
{
	return (short)((vga & 2) | (vga & 1) << 2 | (vga >> 2 & 1));
}

static void draw_cell(const struct text_screen *t, unsigned x, unsigned y)
{
	uint16_t cell = t->cell[y * t->cols + x];
	unsigned fg = cell >> 8 & 7, bg = cell >> 12 & 7;
	wchar_t ch[2] = {(wchar_t)cp437_unicode((uint8_t)cell), 0};
	cchar_t cc;

	setcchar(&cc, ch, cell & 0x0800 ? A_BOLD : A_NORMAL, (short)(bg * 8 + fg + 1), NULL);
	mvadd_wch((int)y, (int)x, &cc);
}

static void draw_guest(struct curses *c)
{
	struct text_screen *t = c->now;

	erase();
	if (!t->cols) {
		mvaddstr(LINES / 2, 0, "(the guest shows graphics; Alt-2: monitor)");
		curs_set(0);
		return;
	}
	for (unsigned y = 0; y < t->rows && (int)y < LINES; y++)
		for (unsigned x = 0; x < t->cols && (int)x < COLS; x++)
			draw_cell(t, x, y);
	curs_set(t->cursor_on ? 1 : 0);
	if ((int)t->cursor_y < LINES && (int)t->cursor_x < COLS)
		move((int)t->cursor_y, (int)t->cursor_x);
}

/* ---- keys ---- */

static const struct {
	int curses;
	unsigned code;
	const char *ansi; /* for the monitor's line editor */
} keys[] = {
	{KEY_UP, 0xE048, "\x1b[A"}, {KEY_DOWN, 0xE050, "\x1b[B"}, {KEY_RIGHT, 0xE04D, "\x1b[C"},
	{KEY_LEFT, 0xE04B, "\x1b[D"}, {KEY_HOME, 0xE047, "\x1b[H"}, {KEY_END, 0xE04F, "\x1b[F"},
	{KEY_PPAGE, 0xE049, ""}, {KEY_NPAGE, 0xE051, ""}, {KEY_IC, 0xE052, ""}, {KEY_DC, 0xE053, "\x1b[3~"},
	{KEY_BACKSPACE, 0x0E, "\x7f"}, {KEY_ENTER, 0x1C, "\r"}, {KEY_BTAB, 0x0F, ""},
};

static void press(struct curses *c, unsigned mod, unsigned code)
{
	if (mod)
		c->host->key(c->host->opaque, mod, true);
	c->host->key(c->host->opaque, code, true);
	c->host->key(c->host->opaque, code, false);
	if (mod)
		c->host->key(c->host->opaque, mod, false);
}

static void guest_char(struct curses *c, int ch)
{
	bool shift;
	unsigned code = keysym_ascii((unsigned)ch, &shift);

	if (code)
		press(c, shift ? 0x2A : 0, code);
	else if (ch >= 0 && ch < 0x20) /* Ctrl and a letter, or @[\]^_ */
		press(c, 0x1D, keysym_ascii(ch >= 1 && ch <= 26 ? (unsigned)ch + 0x60 : (unsigned)ch + 0x40, &shift));
}

static void on_key(struct curses *c, int ch)
{
	char one = (char)ch;

	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
		if (keys[i].curses != ch)
			continue;
		if (c->in_monitor)
			mon_type(c, keys[i].ansi, (unsigned)strlen(keys[i].ansi));
		else
			press(c, ch == KEY_BTAB ? 0x2A : 0, keys[i].code);
		return;
	}
	if (ch >= KEY_F(1) && ch <= KEY_F(12)) {
		unsigned n = (unsigned)(ch - KEY_F(1));

		if (!c->in_monitor)
			press(c, 0, n < 10 ? 0x3B + n : 0x57 + n - 10);
	} else if (ch < 0x80 && c->in_monitor) {
		mon_type(c, &one, 1);
	} else if (ch < 0x80) {
		guest_char(c, ch);
	}
}

/* ESC and at once another key: Alt. Alone: the Esc key. */
static void escape(struct curses *c)
{
	int ch = getch();
	bool shift;
	unsigned code;

	if (ch == ERR) {
		on_key(c, 0x1B);
	} else if (ch == '1' || ch == '2') {
		c->in_monitor = ch == '2';
		clear();
	} else if (!c->in_monitor) {
		code = ch >= KEY_F(1) && ch <= KEY_F(10) ? (unsigned)(0x3B + ch - KEY_F(1))
			: ch < 0x80 ? keysym_ascii((unsigned)ch, &shift) : 0;
		if (code)
			press(c, 0x38, code);
	}
}

/* ---- life ---- */

struct curses *curses_open(struct loop *l, struct err *e)
{
	struct curses *c;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		err_set(e, VM_ERR_IO, "-display curses: standard input and output are not a terminal");
		return NULL;
	}
	terminal_save(l);
	setlocale(LC_CTYPE, "");
	if (!newterm(NULL, stdout, stdin)) {
		err_set(e, VM_ERR_IO, "-display curses: unknown terminal type '%s'", getenv("TERM") ? getenv("TERM") : "");
		return NULL;
	}
	c = calloc(1, sizeof(*c));
	BUG_ON(!c);
	c->now = calloc(1, sizeof(*c->now));
	BUG_ON(!c->now);
	c->l = l;
	pthread_mutex_init(&c->mu, NULL);
	c->chr.write = mon_write;
	raw();
	noecho();
	nonl();
	set_escdelay(25);
	keypad(stdscr, TRUE);
	timeout(POLL_MS);
	if (has_colors()) {
		start_color();
		for (unsigned i = 0; i < 64; i++)
			init_pair((short)(i + 1), color(i & 7), color(i >> 3));
	}
	return c;
}

struct chr *curses_monitor(struct curses *c)
{
	return &c->chr;
}

void curses_run(struct curses *c, const struct sdl_host *host, void (*text)(void *opaque, struct text_screen *t))
{
	c->host = host;
	while (!__atomic_load_n(&c->stop, __ATOMIC_ACQUIRE)) {
		int ch;

		if (c->in_monitor) {
			draw_monitor(c);
		} else {
			text(host->opaque, c->now);
			draw_guest(c);
		}
		refresh();
		ch = getch();
		/* what was typed ahead first, then the next picture */
		for (unsigned i = 0; ch != ERR && i < 100; i++) {
			if (ch == 0x1B)
				escape(c);
			else
				on_key(c, ch);
			timeout(0);
			ch = getch();
			timeout(POLL_MS);
		}
	}
}

void curses_stop(struct curses *c)
{
	__atomic_store_n(&c->stop, 1, __ATOMIC_RELEASE);
}

void curses_close(struct curses *c)
{
	if (!c)
		return;
	endwin();
	delscreen(set_term(NULL));
	pthread_mutex_destroy(&c->mu);
	free(c->now);
	free(c);
}

#else

bool curses_built(void)
{
	return false;
}

struct curses *curses_open(struct loop *l, struct err *e)
{
	err_set(e, VM_ERR_USAGE, "-display curses: this program was built without ncurses (Debian: libncurses-dev)");
	return NULL;
}

struct chr *curses_monitor(struct curses *c)
{
	return NULL;
}

void curses_run(struct curses *c, const struct sdl_host *host, void (*text)(void *opaque, struct text_screen *t))
{
}

void curses_stop(struct curses *c)
{
}

void curses_close(struct curses *c)
{
}

#endif
