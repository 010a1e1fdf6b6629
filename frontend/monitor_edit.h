/*
 * monitor_edit.h - one line being typed at the prompt: cursor, history, completion; any ANSI terminal.
 *
 * Keys: arrows, Home, End, Delete, Ctrl-B F A E, Ctrl-P N (history), Ctrl-K U W (cut), Ctrl-C (give the line up), Ctrl-L,
 * Tab (complete; again: show the candidates).
 */
#ifndef FRONTEND_MONITOR_EDIT_H
#define FRONTEND_MONITOR_EDIT_H

#include "mmu/base/types.h"

#define EDIT_LINE 512
#define EDIT_HISTORY 32

struct edit {
	void (*put)(void *opaque, const char *text);
	/* the n-th word that may stand at @at in @line (completing what is there), or NULL: no more */
	const char *(*candidate)(void *opaque, const char *line, unsigned at, unsigned n);
	void *opaque;
	const char *prompt;
	char line[EDIT_LINE];
	unsigned len, cursor;
	char history[EDIT_HISTORY][EDIT_LINE];
	unsigned entered, at; /* lines ever kept; the one recalled (== entered: a new line) */
	unsigned esc;	      /* state of an escape sequence; its number so far above bit 8 */
	bool tabbed;	      /* the last key was Tab */
};

/* edit_key() - true: the line is complete, in e->line; the caller calls edit_reset() when it has done with it */
bool edit_key(struct edit *e, uint8_t b);
void edit_reset(struct edit *e);

#endif
