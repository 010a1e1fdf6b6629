/* test_vnc.c - keysyms, and the VNC server seen by a stock client library. */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "frontend/keysym.h"
#include "frontend/vnc.h"

START_TEST(keys)
{
	bool shift;

	ck_assert_uint_eq(keysym_ascii('a', &shift), 0x1E);
	ck_assert(!shift);
	ck_assert_uint_eq(keysym_ascii('A', &shift), 0x1E);
	ck_assert(shift);
	ck_assert_uint_eq(keysym_ascii('+', &shift), 0x0D);
	ck_assert(shift);
	ck_assert_uint_eq(keysym_ascii('`', &shift), 0x29);
	ck_assert_uint_eq(keysym_ascii('\\', &shift), 0x2B);
	ck_assert_uint_eq(keysym_ascii('/', &shift), 0x35);
	ck_assert_uint_eq(keysym_ascii(' ', &shift), 0x39);
	ck_assert_uint_eq(keysym_ascii('\r', &shift), 0x1C);
	ck_assert_uint_eq(keysym_ascii(3, &shift), 0);
	for (unsigned c = ' '; c < 0x7F; c++)
		ck_assert_uint_ne(keysym_ascii(c, &shift), 0);
	ck_assert_uint_eq(keysym_x11(0xFF0D), 0x1C);
	ck_assert_uint_eq(keysym_x11(0xFFC9), 0x58);
	ck_assert_uint_eq(keysym_x11(0xFF52), 0xE048);
	ck_assert_uint_eq(keysym_x11('Q'), 0x10);
	ck_assert_uint_eq(keysym_x11(0x1000000), 0);
}
END_TEST

#ifdef HAVE_VNC

#include <rfb/rfbclient.h>

struct rig {
	struct vnc *v;
	pthread_t thread;
	struct sdl_host host;
	unsigned width, key, dx, dy, buttons; /* asked for by the test; told by the client */
	unsigned x, y; /* of a tablet */
	bool drawn, absolute;
};

static void on_key(void *opaque, unsigned set1, bool down)
{
	struct rig *r = opaque;

	if (down)
		__atomic_store_n(&r->key, set1, __ATOMIC_SEQ_CST);
}

static void on_mouse(void *opaque, int dx, int dy, int dz, unsigned buttons)
{
	struct rig *r = opaque;

	__atomic_add_fetch(&r->dx, (unsigned)dx, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&r->dy, (unsigned)dy, __ATOMIC_SEQ_CST);
	__atomic_store_n(&r->buttons, buttons, __ATOMIC_SEQ_CST);
}

static bool is_absolute(void *opaque)
{
	return __atomic_load_n(&((struct rig *)opaque)->absolute, __ATOMIC_SEQ_CST);
}

static void on_tablet(void *opaque, unsigned x, unsigned y, int dz, unsigned buttons)
{
	struct rig *r = opaque;

	__atomic_store_n(&r->x, x, __ATOMIC_SEQ_CST);
	__atomic_store_n(&r->y, y, __ATOMIC_SEQ_CST);
	__atomic_store_n(&r->buttons, buttons, __ATOMIC_SEQ_CST);
}

static bool on_frame(void *opaque, struct frame *f)
{
	struct rig *r = opaque;
	unsigned w = __atomic_load_n(&r->width, __ATOMIC_SEQ_CST);

	f->y0 = f->y1 = 0;
	if (f->w == w)
		return false;
	frame_resize(f, w, 100);
	for (unsigned i = 0; i < w * 100; i++)
		f->pix[i] = 0x112233;
	f->y1 = 100;
	return true;
}

static void *serve(void *arg)
{
	struct rig *r = arg;

	vnc_run(r->v, &r->host);
	return NULL;
}

static bool pump(rfbClient *c, unsigned rounds, bool (*done)(struct rig *r, rfbClient *c), struct rig *r)
{
	for (unsigned i = 0; i < rounds; i++) {
		if (done(r, c))
			return true;
		if (WaitForMessage(c, 100000) > 0 && !HandleRFBServerMessage(c))
			return false;
	}
	return false;
}

static bool sees_pixels(struct rig *r, rfbClient *c)
{
	uint32_t p;

	if (c->width != (int)r->width || !c->frameBuffer)
		return false;
	memcpy(&p, c->frameBuffer, 4);
	return ((p >> c->format.redShift) & 0xFF) == 0x11 && ((p >> c->format.greenShift) & 0xFF) == 0x22 &&
		((p >> c->format.blueShift) & 0xFF) == 0x33;
}

static bool key_arrived(struct rig *r, rfbClient *c)
{
	return __atomic_load_n(&r->key, __ATOMIC_SEQ_CST) == 0x1E;
}

static bool mouse_arrived(struct rig *r, rfbClient *c)
{
	return r->dx == 10 && r->dy == (unsigned)-5 && r->buttons == 2;
}

static bool position_arrived(struct rig *r, rfbClient *c)
{
	return r->x == 40 * 32767 / 199 && r->y == 32767 && r->buttons == 1;
}

START_TEST(client)
{
	struct rig *r = calloc(1, sizeof(*r));
	char spec[32], *argv[] = {"test", "localhost:0", NULL};
	unsigned display = 3000 + (unsigned)getpid() % 2000;
	int argc = 1;
	rfbClient *c;
	struct err e = {0};

	snprintf(spec, sizeof(spec), "127.0.0.1:%u", display);
	r->v = vnc_open(spec, "a guest", &e);
	ck_assert_msg(r->v != NULL, "%s", e.msg);
	ck_assert_ptr_null(vnc_open(spec, NULL, &e)); /* the port is taken */
	ck_assert_ptr_nonnull(strstr(e.msg, "cannot listen"));
	r->host = (struct sdl_host){.opaque = r, .key = on_key, .mouse = on_mouse, .absolute = is_absolute, .tablet = on_tablet, .take_frame = on_frame};
	r->width = 160;
	pthread_create(&r->thread, NULL, serve, r);
	rfbEnableClientLogging = FALSE;
	c = rfbGetClient(8, 3, 4);
	c->canHandleNewFBSize = TRUE;
	free(c->serverHost);
	c->serverHost = strdup("127.0.0.1");
	c->serverPort = 5900 + (int)display;
	ck_assert(rfbInitClient(c, &argc, argv));
	ck_assert_str_eq(c->desktopName, "a guest");
	ck_assert(pump(c, 100, sees_pixels, r));
	__atomic_store_n(&r->width, 200, __ATOMIC_SEQ_CST); /* the guest changes its mode */
	ck_assert(pump(c, 100, sees_pixels, r));
	SendKeyEvent(c, 'a', TRUE);
	SendKeyEvent(c, 'a', FALSE);
	ck_assert(pump(c, 100, key_arrived, r));
	SendPointerEvent(c, 50, 50, 0);
	SendPointerEvent(c, 60, 45, rfbButton3Mask);
	ck_assert(pump(c, 100, mouse_arrived, r));
	__atomic_store_n(&r->absolute, true, __ATOMIC_SEQ_CST); /* the guest has a tablet: where in the picture of 200 x 100 */
	SendPointerEvent(c, 40, 99, rfbButton1Mask);
	ck_assert(pump(c, 100, position_arrived, r));
	ck_assert_uint_eq(r->dx, 10); /* nothing more for a mouse */
	free(c->frameBuffer); /* the client's user's, says the library */
	rfbClientCleanup(c);
	vnc_stop(r->v);
	pthread_join(r->thread, NULL);
	vnc_close(r->v);
	free(r);
}
END_TEST

#endif

int main(void)
{
	Suite *s = suite_create("vnc");
	TCase *t = tcase_create("vnc");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, keys);
#ifdef HAVE_VNC
	tcase_add_test(t, client);
#endif
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
