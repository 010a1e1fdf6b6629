/*
 * sdl.c - the SDL window: renderer, streaming texture, scaling, title, grab.
 */
#include "frontend/sdl/sdl_int.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set_title(struct sdl *s)
{
	static const char *const mods[] = {"Ctrl+Alt", "Shift+Ctrl+Alt", "Right Ctrl"};
	char t[256];

	snprintf(t, sizeof(t), "Dragoman%s%s", s->name[0] ? " - " : "", s->name);
	if (s->grabbed)
		snprintf(t + strlen(t), sizeof(t) - strlen(t), " (Press %s+G to release grab)", mods[s->mod]);
	SDL_SetWindowTitle(s->win, t);
}

const char *sdl_title(const struct sdl *s)
{
	return SDL_GetWindowTitle(s->win);
}

struct sdl *sdl_open(const struct sdl_options *o, struct err *e)
{
	struct sdl *s = calloc(1, sizeof(*s));

	if (!s) {
		err_set(e, VM_ERR_NOMEM, "no memory for a window");
		return NULL;
	}
	snprintf(s->name, sizeof(s->name), "%s", o->name ? o->name : "");
	s->integer = o->integer;
	s->mod = o->mod;
	/* signals are the program's: Ctrl-C ends the machine cleanly */
	SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");
	SDL_SetHint(SDL_HINT_GRAB_KEYBOARD, "1"); /* while grabbed, Alt-Tab is the guest's */
	SDL_SetHint(SDL_HINT_VIDEO_ALLOW_SCREENSAVER, "1");
	if (SDL_InitSubSystem(SDL_INIT_VIDEO) < 0) {
		err_set(e, VM_ERR_IO, "cannot open a display: %s", SDL_GetError());
		free(s);
		return NULL;
	}
	s->win = SDL_CreateWindow("Dragoman", SDL_WINDOWPOS_UNDEFINED, SDL_WINDOWPOS_UNDEFINED, 720,
		400, SDL_WINDOW_RESIZABLE);
	s->ren = s->win ? SDL_CreateRenderer(s->win, -1, 0) : NULL;
	s->stop_event = SDL_RegisterEvents(1);
	if (!s->ren || s->stop_event == (Uint32)-1) {
		err_set(e, VM_ERR_IO, "cannot open a window: %s", SDL_GetError());
		sdl_close(s);
		return NULL;
	}
	set_title(s);
	if (o->full_screen)
		sdl_toggle_full(s);
	return s;
}

void sdl_close(struct sdl *s)
{
	if (!s)
		return;
	if (s->grabbed)
		sdl_set_grab(s, false);
	if (s->tex)
		SDL_DestroyTexture(s->tex);
	if (s->overlay.tex)
		SDL_DestroyTexture(s->overlay.tex);
	if (s->ren)
		SDL_DestroyRenderer(s->ren);
	if (s->win)
		SDL_DestroyWindow(s->win);
	SDL_QuitSubSystem(SDL_INIT_VIDEO);
	frame_free(&s->frame);
	free(s);
}

void sdl_set_grab(struct sdl *s, bool on)
{
	s->grabbed = on;
	SDL_SetRelativeMouseMode(on ? SDL_TRUE : SDL_FALSE);
	SDL_SetWindowGrab(s->win, on ? SDL_TRUE : SDL_FALSE);
	set_title(s);
}

void sdl_toggle_full(struct sdl *s)
{
	s->full = !s->full;
	SDL_SetWindowFullscreen(s->win, s->full ? SDL_WINDOW_FULLSCREEN_DESKTOP : 0);
	sdl_redraw(s);
}

struct sdl_rect sdl_fit(int win_w, int win_h, int w, int h, bool integer)
{
	struct sdl_rect r = {0, 0, w, h};
	int k;

	if (w <= 0 || h <= 0 || win_w <= 0 || win_h <= 0)
		return (struct sdl_rect){0, 0, 0, 0};
	k = win_w / w < win_h / h ? win_w / w : win_h / h;
	if (integer && k >= 1) {
		r.w = w * k;
		r.h = h * k;
	} else if ((int64_t)win_w * h <= (int64_t)win_h * w) {
		r.w = win_w;
		r.h = (int)((int64_t)win_w * h / w);
	} else {
		r.h = win_h;
		r.w = (int)((int64_t)win_h * w / h);
	}
	r.x = (win_w - r.w) / 2;
	r.y = (win_h - r.h) / 2;
	return r;
}

void sdl_redraw(struct sdl *s)
{
	int ww, wh;
	struct sdl_rect r;

	SDL_SetRenderDrawColor(s->ren, 0, 0, 0, 255);
	SDL_RenderClear(s->ren);
	if (s->tex) {
		SDL_GetRendererOutputSize(s->ren, &ww, &wh);
		r = sdl_fit(ww, wh, s->tex_w, s->tex_h, s->integer);
		/* whole factors stay sharp, others are smoothed */
		SDL_SetTextureScaleMode(s->tex, r.w % s->tex_w || r.h % s->tex_h
				? SDL_ScaleModeLinear : SDL_ScaleModeNearest);
		SDL_RenderCopy(s->ren, s->tex, NULL, &(SDL_Rect){r.x, r.y, r.w, r.h});
	}
	overlay_draw(&s->overlay, s->ren);
	SDL_RenderPresent(s->ren);
}

static bool new_texture(struct sdl *s, const struct frame *f)
{
	if (s->tex)
		SDL_DestroyTexture(s->tex);
	s->tex = SDL_CreateTexture(s->ren, SDL_PIXELFORMAT_RGB888, SDL_TEXTUREACCESS_STREAMING,
		(int)f->w, (int)f->h);
	if (!s->tex)
		return false;
	s->tex_w = (int)f->w;
	s->tex_h = (int)f->h;
	if (!s->full)
		SDL_SetWindowSize(s->win, s->tex_w, s->tex_h);
	return true;
}

enum vm_err sdl_present(struct sdl *s, const struct frame *f, struct err *e)
{
	unsigned y0 = f->y0, y1 = f->y1 < f->h ? f->y1 : f->h;

	if (!f->pix || !f->w || !f->h)
		return VM_OK;
	if (!s->tex || s->tex_w != (int)f->w || s->tex_h != (int)f->h) {
		if (!new_texture(s, f))
			return err_set(e, VM_ERR_IO, "cannot show a picture of %ux%u: %s", f->w,
				f->h, SDL_GetError());
		y0 = 0;
		y1 = f->h;
	}
	if (y0 < y1)
		SDL_UpdateTexture(s->tex, &(SDL_Rect){0, (int)y0, (int)f->w, (int)(y1 - y0)},
			f->pix + (size_t)y0 * f->w, (int)f->w * 4);
	sdl_redraw(s);
	return VM_OK;
}
