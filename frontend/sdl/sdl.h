/*
 * sdl.h - the window: shows frames, gives back keys and mouse motion.
 *
 * All functions but sdl_stop() belong to the process's main thread. The window knows no machine: it
 * asks the host's callbacks, which cross to the machine's thread as they like.
 *
 * Keys of the window itself: Ctrl-Alt-G mouse grab, Ctrl-Alt-F full screen, Ctrl-Alt-U the picture's own size,
 * Ctrl-Alt-I what the guest is doing, Ctrl-Alt-S screenshot to dragoman-DATE-TIME.png in the working directory.
 */
#ifndef FRONTEND_SDL_SDL_H
#define FRONTEND_SDL_SDL_H

#include "devices/host/display.h"
#include "mmu/base/err.h"

struct sdl;

struct sdl_host {
	void *opaque;
	/* set-1 codes of devices/host/input.h; the desktop's auto-repeat arrives as more presses */
	void (*key)(void *opaque, unsigned set1, bool down);
	/* motion in host pixels, wheel down positive, buttons: bit 0 left, 1 right, 2 middle; while grabbed */
	void (*mouse)(void *opaque, int dx, int dy, int dz, unsigned buttons);
	/* The guest takes positions: tablet() rather than mouse(), grabbed or not. NULL: it never does. */
	bool (*absolute)(void *opaque);
	void (*tablet)(void *opaque, unsigned x, unsigned y, int dz, unsigned buttons); /* 0..32767 of the picture */
	/*
	 * About 60 times a second: bring @dst (kept by the window) up to date, resizing it with
	 * frame_resize() if needed and setting y0, y1. False: nothing changed since the last call.
	 */
	bool (*take_frame)(void *opaque, struct frame *dst);
	/*
	 * Ctrl-Alt-I shows lines of text over the picture: about four times a second they are asked for. @buf NULL: no more
	 * wanted. May be NULL: there are none.
	 */
	void (*status)(void *opaque, char *buf, size_t n);
	/* the user closed the window; sdl_run() returns after it */
	void (*quit)(void *opaque);
};

/* what must be held for the window's own keys: -display sdl,grab-mod= */
enum sdl_mod { SDL_MOD_CTRL_ALT, SDL_MOD_SHIFT_CTRL_ALT /* the left ones */, SDL_MOD_RCTRL };

struct sdl_options {
	const char *name; /* in the title; NULL: none */
	bool full_screen;
	bool integer;	  /* scale by whole factors only */
	enum sdl_mod mod;
};

struct sdl_rect {
	int x, y, w, h;
};

/* sdl_open() - a window with an empty picture; NULL and @e if there is no display to open one on. */
struct sdl *sdl_open(const struct sdl_options *o, struct err *e);
void sdl_close(struct sdl *s);

/* sdl_present() - show @f; uploads rows [y0, y1), or all after a change of size. */
enum vm_err sdl_present(struct sdl *s, const struct frame *f, struct err *e);

/* sdl_run() - events and frames until the user closes the window or sdl_stop(). */
void sdl_run(struct sdl *s, const struct sdl_host *host);

/* sdl_stop() - from any thread: make sdl_run() return soon. */
void sdl_stop(struct sdl *s);

/* sdl_title() - the window's title now, as the user reads it. */
const char *sdl_title(const struct sdl *s);

/* sdl_fit() - largest centred rectangle of the picture's shape in a window; whole factors if @integer. */
struct sdl_rect sdl_fit(int win_w, int win_h, int w, int h, bool integer);

#endif
