/*
 * overlay.h - a few lines of text over the window's picture: a texture of its own, the guest's picture stays as it is.
 */
#ifndef FRONTEND_SDL_OVERLAY_H
#define FRONTEND_SDL_OVERLAY_H

#include <SDL.h>
#include <stdbool.h>

struct overlay {
	SDL_Texture *tex; /* NULL: nothing to show */
	int w, h;
};

/* overlay_set() - show @text: lines of ASCII, small letters as capitals, clipped to what fits; empty: nothing */
void overlay_set(struct overlay *o, SDL_Renderer *ren, const char *text);
/* overlay_draw() - into the upper left corner */
void overlay_draw(const struct overlay *o, SDL_Renderer *ren);

#endif
