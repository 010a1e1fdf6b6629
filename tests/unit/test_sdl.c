/*
 * test_sdl.c - the window under a real X server (Xvfb will do), and what needs none: keymap,
 * scaling, screenshots, text screens. Without DISPLAY the window tests are skipped with a line
 * that says so.
 */
#include "devices/host/input.h"
#include "frontend/screen_text.h"
#include "frontend/screenshot.h"
#include "frontend/sdl/keymap.h"
#include "frontend/sdl/sdl_int.h"
#include <SDL.h>
#include <check.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

START_TEST(keymap)
{
	static const struct {
		unsigned sc, code;
	} want[] = {{SDL_SCANCODE_ESCAPE, 0x01}, {SDL_SCANCODE_A, 0x1E}, {SDL_SCANCODE_RETURN, 0x1C},
		{SDL_SCANCODE_KP_ENTER, 0xE01C}, {SDL_SCANCODE_RCTRL, 0xE01D},
		{SDL_SCANCODE_NONUSBACKSLASH, 0x56}, {SDL_SCANCODE_INTERNATIONAL1, 0x73},
		{SDL_SCANCODE_INTERNATIONAL3, 0x7D}, {SDL_SCANCODE_F12, 0x58},
		{SDL_SCANCODE_PAUSE, KEY_PAUSE}, {SDL_SCANCODE_PRINTSCREEN, KEY_PRINT},
		{SDL_SCANCODE_LGUI, 0xE05B}, {SDL_SCANCODE_UNKNOWN, 0}, {SDL_NUM_SCANCODES, 0},
		{~0u, 0}};
	bool seen[0x80] = {false};

	for (unsigned i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		ck_assert_uint_eq(sdl_keymap(want[i].sc), want[i].code);
	for (unsigned i = 0; i < SDL_NUM_SCANCODES; i++) {
		unsigned c = sdl_keymap(i);

		ck_assert(!c || c < 0x80 || c >> 8 == 0xE0 || c == KEY_PAUSE);
		if (c && c < 0x80)
			seen[c] = true;
	}
	/* every plain make code of a 102-key board has a key */
	for (unsigned c = 1; c <= 0x58; c++)
		ck_assert_msg(seen[c] || c == 0x55, "no key gives %02x", c);
}
END_TEST

START_TEST(fit)
{
	struct sdl_rect r = sdl_fit(1920, 1080, 720, 400, false);

	ck_assert_int_eq(r.w, 1920);
	ck_assert_int_eq(r.h, 1066);
	ck_assert_int_eq(r.y, 7);
	r = sdl_fit(1920, 1080, 720, 400, true);
	ck_assert_int_eq(r.w, 1440);
	ck_assert_int_eq(r.h, 800);
	ck_assert_int_eq(r.x, 240);
	r = sdl_fit(300, 1000, 640, 400, true); /* smaller than the picture: shrinks */
	ck_assert_int_eq(r.w, 300);
	ck_assert_int_eq(r.h, 187);
	r = sdl_fit(0, 0, 640, 400, false);
	ck_assert_int_eq(r.w, 0);
}
END_TEST

static void paint(struct frame *f, unsigned w, unsigned h)
{
	frame_resize(f, w, h);
	for (unsigned i = 0; i < w * h; i++)
		f->pix[i] = (i * 2654435761u) >> 8;
}

START_TEST(screenshots)
{
	char dir[] = "/tmp/dragoman-test-XXXXXX", path[64];
	struct frame f = {0};
	png_image img = {.version = PNG_IMAGE_VERSION};
	uint8_t *buf;
	struct err e;
	FILE *in;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a.png", dir);
	ck_assert_int_eq(screenshot_write(&f, path, &e), VM_ERR_USAGE);
	paint(&f, 33, 17);
	ck_assert_int_eq(screenshot_write(&f, path, &e), VM_OK);
	ck_assert(png_image_begin_read_from_file(&img, path));
	ck_assert_uint_eq(img.width, 33);
	ck_assert_uint_eq(img.height, 17);
	img.format = PNG_FORMAT_RGB;
	buf = malloc(33 * 17 * 3 + 64);
	ck_assert(png_image_finish_read(&img, NULL, buf, 0, NULL));
	for (unsigned i = 0; i < 33 * 17; i++)
		ck_assert_uint_eq(buf[i * 3] << 16 | buf[i * 3 + 1] << 8 | buf[i * 3 + 2], f.pix[i]);
	unlink(path);
	snprintf(path, sizeof(path), "%s/a.ppm", dir);
	ck_assert_int_eq(screenshot_write(&f, path, &e), VM_OK);
	in = fopen(path, "rb");
	ck_assert_ptr_nonnull(in);
	ck_assert_uint_eq(fread(buf, 1, 33 * 17 * 3 + 64, in), 13 + 33 * 17 * 3);
	fclose(in);
	ck_assert(!memcmp(buf, "P6\n33 17\n255\n", 13));
	ck_assert_uint_eq(buf[13 + 3] << 16 | buf[13 + 4] << 8 | buf[13 + 5], f.pix[1]);
	unlink(path);
	snprintf(path, sizeof(path), "%s/no/a.png", dir);
	ck_assert_int_eq(screenshot_write(&f, path, &e), VM_ERR_IO);
	ck_assert_ptr_nonnull(strstr(e.msg, path));
	rmdir(dir);
	free(buf);
	frame_free(&f);
}
END_TEST

START_TEST(text)
{
	struct text_screen *t = calloc(1, sizeof(*t));
	const char *want = "A\xC3\x87\xE2\x96\x88\n\n \xE2\x98\xBA\n";
	char buf[64];

	t->cols = 5;
	t->rows = 3;
	for (unsigned i = 0; i < 15; i++)
		t->cell[i] = 0x0720;
	t->cell[0] = 0x0741;
	t->cell[1] = 0x0780;
	t->cell[2] = 0x07DB;
	t->cell[10] = 0x0700;
	t->cell[11] = 0x0701;
	ck_assert_uint_eq(screen_text(t, buf, sizeof(buf)), strlen(want));
	ck_assert_str_eq(buf, want);
	/* cut between characters, never inside one */
	ck_assert_uint_eq(screen_text(t, buf, 6), strlen(want));
	ck_assert_str_eq(buf, "A\xC3\x87");
	ck_assert_uint_eq(screen_text(t, NULL, 0), strlen(want));
	free(t);
}
END_TEST

/* What the window test's host saw and does, one step per frame. */
struct host {
	struct sdl *s;
	unsigned step, nkeys, nmouse, keys[16];
	bool stopped, quit, full_once;
	char title[256];
	uint32_t shown[4];
	int dx, dy, dz;
	unsigned buttons;
};

static void on_key(void *opaque, unsigned set1, bool down)
{
	struct host *h = opaque;

	if (h->nkeys < 16)
		h->keys[h->nkeys++] = set1 | (down ? 0x10000 : 0);
}

static void on_mouse(void *opaque, int dx, int dy, int dz, unsigned buttons)
{
	struct host *h = opaque;

	h->nmouse++;
	h->dx += dx;
	h->dy += dy;
	h->dz += dz;
	h->buttons |= buttons;
}

static void on_quit(void *opaque)
{
	((struct host *)opaque)->quit = true;
}

static void push_key(SDL_Scancode sc, bool down, unsigned mod)
{
	SDL_Event ev = {0};

	ev.type = down ? SDL_KEYDOWN : SDL_KEYUP;
	ev.key.keysym.scancode = sc;
	ev.key.keysym.mod = (Uint16)mod;
	ck_assert_int_eq(SDL_PushEvent(&ev), 1);
}

static void push_motion(int dx, int dy)
{
	SDL_Event ev = {0};

	ev.type = SDL_MOUSEMOTION;
	ev.motion.xrel = dx;
	ev.motion.yrel = dy;
	SDL_PushEvent(&ev);
}

static void push_misc(Uint32 type)
{
	SDL_Event ev = {0};

	ev.type = type;
	if (type == SDL_MOUSEWHEEL)
		ev.wheel.y = 2;
	if (type == SDL_MOUSEBUTTONDOWN)
		ev.button.button = SDL_BUTTON_RIGHT;
	SDL_PushEvent(&ev);
}

static bool on_frame(void *opaque, struct frame *dst)
{
	struct host *h = opaque;
	unsigned mods = KMOD_LCTRL | KMOD_LALT;

	switch (h->step++) {
	case 0:
		paint(dst, 320, 200);
		push_key(SDL_SCANCODE_B, true, 0);
		push_key(SDL_SCANCODE_B, false, 0);
		push_motion(50, 50); /* not grabbed: not the guest's */
		return true;
	case 2:
		push_key(SDL_SCANCODE_G, true, mods);
		push_key(SDL_SCANCODE_G, false, mods);
		return false;
	case 4:
		snprintf(h->title, sizeof(h->title), "%s", sdl_title(h->s));
		push_motion(3, -4);
		push_misc(SDL_MOUSEWHEEL);
		push_misc(SDL_MOUSEBUTTONDOWN);
		push_key(SDL_SCANCODE_UP, true, 0); /* still held at the end: released for the guest */
		return false;
	case 8:
		if (h->full_once)
			push_misc(SDL_QUIT);
		else
			sdl_stop(h->s);
		return false;
	}
	return false;
}

static struct sdl_host callbacks(struct host *h)
{
	return (struct sdl_host){.opaque = h, .key = on_key, .mouse = on_mouse,
		.take_frame = on_frame, .quit = on_quit};
}

START_TEST(window_events)
{
	struct sdl_options o = {.name = "test"};
	struct host h = {0};
	struct sdl_host cb = callbacks(&h);
	struct err e;

	h.s = sdl_open(&o, &e);
	ck_assert_msg(h.s != NULL, "%s", e.msg);
	ck_assert_str_eq(sdl_title(h.s), "Dragoman - test");
	sdl_run(h.s, &cb);
	ck_assert_uint_eq(h.step, 9);
	ck_assert(!h.quit);
	ck_assert_uint_eq(h.keys[0], 0x10030);
	ck_assert_uint_eq(h.keys[1], 0x30);
	ck_assert_uint_eq(h.keys[2], 0x1E048);
	ck_assert_uint_eq(h.keys[3], 0xE048);
	ck_assert_uint_eq(h.nkeys, 4);
	ck_assert_str_eq(h.title, "Dragoman - test (Press Ctrl+Alt+G to release grab)");
	ck_assert_int_eq(h.dz, -2);
	ck_assert_uint_eq(h.buttons, 2);
	ck_assert_int_eq(h.dx, 3);
	ck_assert_int_eq(h.dy, -4);
	sdl_close(h.s);
}
END_TEST

START_TEST(window_quit)
{
	struct sdl_options o = {0};
	struct host h = {.full_once = true};
	struct sdl_host cb = callbacks(&h);
	struct err e;

	h.s = sdl_open(&o, &e);
	ck_assert_msg(h.s != NULL, "%s", e.msg);
	ck_assert_str_eq(sdl_title(h.s), "Dragoman");
	sdl_run(h.s, &cb);
	ck_assert(h.quit);
	sdl_close(h.s);
}
END_TEST

/* The window of a guest with a tablet: where the host's pointer is, in the picture, without a grab. */
struct pointed {
	struct sdl *s;
	unsigned step, x, y, want_x, buttons, moved;
	int dz;
};

static bool always(void *opaque)
{
	return true;
}

static void on_tablet(void *opaque, unsigned x, unsigned y, int dz, unsigned buttons)
{
	struct pointed *p = opaque;

	p->x = x;
	p->y = y;
	p->dz += dz;
	p->buttons |= buttons;
}

static void not_moved(void *opaque, int dx, int dy, int dz, unsigned buttons)
{
	((struct pointed *)opaque)->moved++;
}

static bool tablet_frames(void *opaque, struct frame *dst)
{
	struct pointed *p = opaque;
	struct sdl_rect r;
	int w, h;

	SDL_GetWindowSize(p->s->win, &w, &h);
	switch (p->step++) {
	case 0:
		paint(dst, 320, 200);
		return true;
	case 3: /* a quarter of the picture's width, its last row */
		r = sdl_fit(w, h, 320, 200, true);
		SDL_WarpMouseInWindow(p->s->win, r.x + r.w / 4, r.y + r.h - 1);
		p->want_x = (unsigned)(r.w / 4) * 32767 / (unsigned)(r.w - 1);
		return false;
	case 10:
		push_misc(SDL_MOUSEWHEEL);
		push_misc(SDL_MOUSEBUTTONDOWN);
		return false;
	case 14:
		sdl_stop(p->s);
	}
	return false;
}

START_TEST(window_tablet)
{
	struct sdl_options o = {.integer = true};
	struct pointed p = {0};
	struct sdl_host cb = {.opaque = &p, .absolute = always, .tablet = on_tablet, .mouse = not_moved, .take_frame = tablet_frames};
	struct err e;

	p.s = sdl_open(&o, &e);
	ck_assert_msg(p.s != NULL, "%s", e.msg);
	sdl_run(p.s, &cb);
	ck_assert_uint_eq(p.x, p.want_x);
	ck_assert_uint_eq(p.y, 32767);
	ck_assert_int_eq(p.dz, -2);
	ck_assert_uint_eq(p.buttons, 2);
	ck_assert_uint_eq(p.moved, 0);
	ck_assert(!p.s->grabbed);
	sdl_close(p.s);
}
END_TEST

struct asked {
	struct sdl *s;
	unsigned step, texts, stops;
	SDL_Texture *seen;
};

static void on_status(void *opaque, char *buf, size_t n)
{
	struct asked *a = opaque;

	if (buf)
		snprintf(buf, n, "PROT32 #%u", a->texts++);
	else
		a->stops++;
}

/* One call a frame: switch the overlay on, let it be asked for, switch it off. */
static bool status_frames(void *opaque, struct frame *dst)
{
	struct asked *a = opaque;

	a->step++;
	if (a->step == 1 || a->step == 40) {
		push_key(SDL_SCANCODE_I, true, KMOD_LCTRL | KMOD_LALT);
		push_key(SDL_SCANCODE_I, false, 0);
	}
	if (a->step == 39)
		a->seen = a->s->overlay.tex;
	if (a->step == 45)
		sdl_stop(a->s);
	return false;
}

START_TEST(status_overlay)
{
	struct sdl_options o = {0};
	struct asked a = {0};
	struct sdl_host cb = {.opaque = &a, .status = on_status, .take_frame = status_frames};
	struct err e;

	a.s = sdl_open(&o, &e);
	ck_assert_msg(a.s != NULL, "%s", e.msg);
	sdl_run(a.s, &cb);
	ck_assert_uint_ge(a.texts, 2);
	ck_assert_ptr_nonnull(a.seen);
	ck_assert_uint_eq(a.stops, 1);
	ck_assert_ptr_null(a.s->overlay.tex);
	sdl_close(a.s);
}
END_TEST

/* "T" in the corner: the bar and the stem are ink, beside the stem is the dark ground, outside is the picture. */
START_TEST(overlay_pixels)
{
	struct sdl_options o = {.integer = true};
	struct frame f = {0};
	struct overlay over = {0};
	struct err e;
	struct sdl *s = sdl_open(&o, &e);
	uint32_t *got = malloc(320 * 200 * 4);

	ck_assert_msg(s != NULL, "%s", e.msg);
	paint(&f, 320, 200);
	ck_assert_int_eq(sdl_present(s, &f, &e), VM_OK);
	overlay_set(&over, s->ren, "t");
	ck_assert_int_eq(over.w, 16);
	ck_assert_int_eq(over.h, 24);
	SDL_RenderClear(s->ren);
	overlay_draw(&over, s->ren);
	ck_assert_int_eq(SDL_RenderReadPixels(s->ren, &(SDL_Rect){0, 0, 320, 200}, SDL_PIXELFORMAT_RGB888, got, 320 * 4), 0);
	ck_assert_uint_eq(got[4 * 320 + 2] & 0xFFFFFF, 0xFFFFFF);  /* bar */
	ck_assert_uint_eq(got[16 * 320 + 6] & 0xFFFFFF, 0xFFFFFF); /* stem */
	ck_assert_uint_eq(got[16 * 320 + 3] & 0xFFFFFF, 0);	    /* beside it */
	overlay_set(&over, s->ren, "");
	ck_assert_ptr_null(over.tex);
	free(got);
	frame_free(&f);
	sdl_close(s);
}
END_TEST

/* Pixels as they stand in the renderer after a present: whole-factor scaling keeps them exact. */
START_TEST(window_pixels)
{
	struct sdl_options o = {.integer = true};
	struct frame f = {0};
	struct err e;
	struct sdl *s = sdl_open(&o, &e);
	SDL_Window *win = SDL_GetWindowFromID(1);
	SDL_Renderer *ren = SDL_GetRenderer(win);
	uint32_t *got = malloc(320 * 200 * 4);

	ck_assert_msg(s != NULL, "%s", e.msg);
	paint(&f, 320, 200);
	ck_assert_int_eq(sdl_present(s, &f, &e), VM_OK);
	SDL_Delay(100);
	SDL_PumpEvents();
	f.y0 = f.y1 = 0;
	f.pix[5] = 0x123456;
	f.y1 = 1;
	ck_assert_int_eq(sdl_present(s, &f, &e), VM_OK);
	int ww, wh;
	SDL_GetRendererOutputSize(ren, &ww, &wh);
	struct sdl_rect r = sdl_fit(ww, wh, 320, 200, true);
	ck_assert_int_eq(r.w, 320);
	ck_assert_int_eq(SDL_RenderReadPixels(ren, &(SDL_Rect){r.x, r.y, 320, 200},
		SDL_PIXELFORMAT_RGB888, got, 320 * 4), 0);
	for (unsigned i = 0; i < 320 * 200; i++)
		ck_assert_uint_eq(got[i] & 0xFFFFFF, f.pix[i]);
	free(got);
	frame_free(&f);
	sdl_close(s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sdl");
	TCase *t = tcase_create("plain"), *w;
	SRunner *sr;
	int failed;

	tcase_add_test(t, keymap);
	tcase_add_test(t, fit);
	tcase_add_test(t, screenshots);
	tcase_add_test(t, text);
	suite_add_tcase(s, t);
	if (getenv("DISPLAY")) {
		w = tcase_create("window");
		tcase_set_timeout(w, 30);
		tcase_add_test(w, window_events);
		tcase_add_test(w, window_quit);
		tcase_add_test(w, window_tablet);
		tcase_add_test(w, window_pixels);
	tcase_add_test(w, status_overlay);
	tcase_add_test(w, overlay_pixels);
		suite_add_tcase(s, w);
	} else {
		printf("test_sdl: window tests skipped: no DISPLAY (run under xvfb-run)\n");
	}
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
