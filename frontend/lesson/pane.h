/*
 * pane.h - the lesson's page on a terminal: the source to the left, what is told to the right; or one stream of text.
 *
 * Standard input gives the keys. The terminal's settings are changed by pane_open() and restored by pane_close(); Ctrl-C stays a
 * signal, so whoever takes it need only make the lesson end.
 */
#ifndef FRONTEND_LESSON_PANE_H
#define FRONTEND_LESSON_PANE_H

#include "frontend/lesson/source.h"
#include <termios.h>

#define PANE_MIN 100 /* columns for two panes */

struct pane {
	const struct lesson_source *src;
	const char *title;
	char *text; /* all that has been told */
	size_t len, room;
	size_t written; /* of the text, where it is one stream */
	int from, to; /* lines of the last transition, -1: not in the lesson */
	bool keys, full, running; /* a key is waited for; two panes; no more stops are wanted */
	struct termios old;
};

/* pane_open() - @src and @title stay the caller's */
void pane_open(struct pane *p, const struct lesson_source *src, const char *title);
void pane_add(struct pane *p, const char *text, size_t n);
/* pane_lines() - which lines the arrows point at from now on */
void pane_lines(struct pane *p, int from, int to);
/* pane_show() - bring what was added to the terminal */
void pane_show(struct pane *p);
/* pane_wait() - until a key; false: the reader wants to leave, or @over has become true */
bool pane_wait(struct pane *p, const bool *over);
void pane_close(struct pane *p);

#endif
