/*
 * curses.h - text modes in the terminal (-display curses), through ncurses. The thread that calls curses_run() owns the
 * terminal; the machine has a thread of its own.
 *
 * Alt-2 shows the monitor, Alt-1 the guest again. Graphics modes are only announced.
 * Built without ncurses, curses_open() says so.
 */
#ifndef FRONTEND_CURSES_H
#define FRONTEND_CURSES_H

#include "frontend/loop.h"
#include "frontend/sdl/sdl.h"
#include "devices/host/char.h"

struct curses;

bool curses_built(void);
struct curses *curses_open(struct loop *l, struct err *e);
struct chr *curses_monitor(struct curses *c); /* the end for a monitor */
/* @text: fills in the screen; on the machine's thread for its length */
void curses_run(struct curses *c, const struct sdl_host *host, void (*text)(void *opaque, struct text_screen *t));
void curses_stop(struct curses *c); /* any thread */
void curses_close(struct curses *c);

#endif
