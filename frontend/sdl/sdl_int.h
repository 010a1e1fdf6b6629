/*
 * sdl_int.h - what window (sdl.c) and event loop (sdl_events.c) share.
 */
#ifndef FRONTEND_SDL_SDL_INT_H
#define FRONTEND_SDL_SDL_INT_H

#include "frontend/sdl/overlay.h"
#include "frontend/sdl/sdl.h"
#include <SDL.h>

struct sdl {
	SDL_Window *win;
	SDL_Renderer *ren;
	SDL_Texture *tex;
	int tex_w, tex_h;
	bool full, integer, grabbed;
	enum sdl_mod mod;
	char name[128];
	struct frame frame; /* the last picture: for exposure and screenshots */
	uint8_t down[SDL_NUM_SCANCODES]; /* keys the guest holds */
	uint8_t eaten[SDL_NUM_SCANCODES]; /* pressed as our own key: the release is ours too */
	unsigned buttons;
	struct overlay overlay;
	bool status; /* the overlay is wanted ... */
	Uint32 status_at; /* ... and new text from then on */
	Uint32 stop_event;
	SDL_atomic_t stop; /* set by sdl_stop(); the event only wakes the loop */
	const struct sdl_host *host; /* while in sdl_run() */
};

void sdl_redraw(struct sdl *s);
void sdl_set_grab(struct sdl *s, bool on);
void sdl_toggle_full(struct sdl *s);

#endif
