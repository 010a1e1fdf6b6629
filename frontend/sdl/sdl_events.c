/*
 * sdl_events.c - the main thread's loop: events to the host, frames from it.
 */
#include "frontend/sdl/sdl_int.h"
#include "frontend/sdl/keymap.h"
#include "frontend/screenshot.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

#define FRAME_MS 16
#define STATUS_MS 250

static void send_key(struct sdl *s, unsigned scancode, bool down)
{
	unsigned code = sdl_keymap(scancode);

	if (!code || (!down && !s->down[scancode]))
		return;
	s->down[scancode] = down;
	if (s->host->key)
		s->host->key(s->host->opaque, code, down);
}

/* The desktop took the keyboard away: the guest must not see keys stuck. */
static void release_keys(struct sdl *s)
{
	for (unsigned i = 0; i < SDL_NUM_SCANCODES; i++) {
		if (s->down[i])
			send_key(s, i, false);
	}
	memset(s->eaten, 0, sizeof(s->eaten));
}

static void take_screenshot(struct sdl *s)
{
	time_t now = time(NULL);
	char path[64];
	struct tm tm;
	struct err e;

	localtime_r(&now, &tm);
	strftime(path, sizeof(path), "dragoman-%Y%m%d-%H%M%S.png", &tm);
	if (screenshot_write(&s->frame, path, &e) != VM_OK)
		fprintf(stderr, "dragoman: %s\n", e.msg);
	else
		fprintf(stderr, "dragoman: screenshot in %s\n", path);
}

static void toggle_status(struct sdl *s)
{
	if (!s->host->status)
		return;
	s->status = !s->status;
	s->status_at = SDL_GetTicks();
	if (s->status)
		return;
	s->host->status(s->host->opaque, NULL, 0);
	overlay_set(&s->overlay, s->ren, "");
	sdl_redraw(s);
}

static void show_status(struct sdl *s)
{
	char text[1024] = "";

	if (!s->status || (int)(SDL_GetTicks() - s->status_at) < 0)
		return;
	s->host->status(s->host->opaque, text, sizeof(text));
	overlay_set(&s->overlay, s->ren, text);
	sdl_redraw(s);
	s->status_at = SDL_GetTicks() + STATUS_MS;
}

static bool mod_held(const struct sdl *s, unsigned mod)
{
	switch (s->mod) {
	case SDL_MOD_SHIFT_CTRL_ALT:
		return (mod & KMOD_LSHIFT) && (mod & KMOD_LCTRL) && (mod & KMOD_LALT);
	case SDL_MOD_RCTRL:
		return mod & KMOD_RCTRL;
	default:
		return (mod & KMOD_CTRL) && (mod & KMOD_ALT);
	}
}

/* A key of the window's own; true if it was one. */
static bool own_key(struct sdl *s, const SDL_KeyboardEvent *k)
{
	if (!mod_held(s, k->keysym.mod))
		return false;
	switch (k->keysym.scancode) {
	case SDL_SCANCODE_U:
		if (!s->full && s->tex)
			SDL_SetWindowSize(s->win, s->tex_w, s->tex_h);
		return true;
	case SDL_SCANCODE_F:
		if (!k->repeat)
			sdl_toggle_full(s);
		return true;
	case SDL_SCANCODE_G:
		if (!k->repeat)
			sdl_set_grab(s, !s->grabbed);
		return true;
	case SDL_SCANCODE_I:
		if (!k->repeat)
			toggle_status(s);
		return true;
	case SDL_SCANCODE_S:
		if (!k->repeat)
			take_screenshot(s);
		return true;
	default:
		return false;
	}
}

static void on_key(struct sdl *s, const SDL_KeyboardEvent *k)
{
	unsigned sc = k->keysym.scancode;
	bool down = k->type == SDL_KEYDOWN;

	if (sc >= SDL_NUM_SCANCODES)
		return;
	if (!down && s->eaten[sc]) {
		s->eaten[sc] = 0;
		return;
	}
	if (down && !s->down[sc] && own_key(s, k)) {
		s->eaten[sc] = 1;
		return;
	}
	send_key(s, sc, down);
}

/* Does the guest take positions? Then the host's pointer needs no grab. */
static bool absolute(const struct sdl *s)
{
	return s->host->absolute && s->host->absolute(s->host->opaque);
}

static unsigned position(int at, int from, int len)
{
	int d = at - from;

	return d <= 0 || len < 2 ? 0 : d >= len ? 32767 : (unsigned)d * 32767 / (unsigned)(len - 1);
}

static void send_tablet(struct sdl *s, int dz)
{
	int x, y, w, h;
	struct sdl_rect r;

	SDL_GetMouseState(&x, &y);
	SDL_GetWindowSize(s->win, &w, &h);
	r = sdl_fit(w, h, s->tex_w, s->tex_h, s->integer);
	s->host->tablet(s->host->opaque, position(x, r.x, r.w), position(y, r.y, r.h), dz, s->buttons);
}

static void send_mouse(struct sdl *s, int dx, int dy, int dz)
{
	if (absolute(s))
		send_tablet(s, dz);
	else if (s->grabbed && s->host->mouse)
		s->host->mouse(s->host->opaque, dx, dy, dz, s->buttons);
}

static void on_button(struct sdl *s, const SDL_MouseButtonEvent *b)
{
	unsigned bit = b->button == SDL_BUTTON_LEFT ? 1 : b->button == SDL_BUTTON_RIGHT ? 2
		: b->button == SDL_BUTTON_MIDDLE ? 4 : 0;

	if (b->type == SDL_MOUSEBUTTONDOWN && !s->grabbed && !absolute(s)) {
		/* the click that takes the grab is not the guest's */
		if (bit == 1)
			sdl_set_grab(s, true);
		return;
	}
	if (b->type == SDL_MOUSEBUTTONDOWN)
		s->buttons |= bit;
	else if (s->buttons & bit)
		s->buttons &= ~bit;
	else
		return;
	send_mouse(s, 0, 0, 0);
}

static void on_window(struct sdl *s, const SDL_WindowEvent *w)
{
	switch (w->event) {
	case SDL_WINDOWEVENT_FOCUS_LOST:
		release_keys(s);
		s->buttons = 0;
		send_mouse(s, 0, 0, 0);
		if (s->grabbed)
			sdl_set_grab(s, false);
		break;
	case SDL_WINDOWEVENT_EXPOSED:
	case SDL_WINDOWEVENT_SIZE_CHANGED:
		sdl_redraw(s);
		break;
	}
}

/* One event; false: the loop ends. */
static bool on_event(struct sdl *s, const SDL_Event *ev)
{
	switch (ev->type) {
	case SDL_QUIT:
		if (s->host->quit)
			s->host->quit(s->host->opaque);
		return false;
	case SDL_KEYDOWN:
	case SDL_KEYUP:
		on_key(s, &ev->key);
		break;
	case SDL_MOUSEMOTION:
		send_mouse(s, ev->motion.xrel, ev->motion.yrel, 0);
		break;
	case SDL_MOUSEBUTTONDOWN:
	case SDL_MOUSEBUTTONUP:
		on_button(s, &ev->button);
		break;
	case SDL_MOUSEWHEEL:
		send_mouse(s, 0, 0,
			ev->wheel.direction == SDL_MOUSEWHEEL_FLIPPED ? ev->wheel.y : -ev->wheel.y);
		break;
	case SDL_WINDOWEVENT:
		on_window(s, &ev->window);
		break;
	}
	return true;
}

static void show_frame(struct sdl *s)
{
	struct err e;

	if (!s->host->take_frame || !s->host->take_frame(s->host->opaque, &s->frame))
		return;
	if (sdl_present(s, &s->frame, &e) != VM_OK)
		fprintf(stderr, "dragoman: %s\n", e.msg);
	s->frame.resized = false;
}

void sdl_run(struct sdl *s, const struct sdl_host *host)
{
	Uint32 next = SDL_GetTicks();
	bool go = true;
	SDL_Event ev;

	s->host = host;
	while (go && !SDL_AtomicGet(&s->stop)) {
		int wait = (int)(next - SDL_GetTicks());

		if (wait > 0 && SDL_WaitEventTimeout(&ev, wait)) {
			go = on_event(s, &ev);
			continue;
		}
		while (go && SDL_PollEvent(&ev))
			go = on_event(s, &ev);
		if (go) {
			show_frame(s);
			show_status(s);
		}
		next = SDL_GetTicks() + FRAME_MS;
	}
	release_keys(s);
	s->host = NULL;
}

void sdl_stop(struct sdl *s)
{
	SDL_Event ev;

	SDL_AtomicSet(&s->stop, 1);
	memset(&ev, 0, sizeof(ev));
	ev.type = s->stop_event;
	SDL_PushEvent(&ev);
}
