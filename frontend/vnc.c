/* vnc.c - see vnc.h. RFB 3.8 is libvncserver's; ours are pixels, keys and the pointer. */
#include "frontend/vnc.h"
#include "frontend/keysym.h"
#include <stdlib.h>
#include <string.h>

#define FIRST_PORT 5900
#define MAX_DISPLAY 9999

static enum vm_err parse(const char *spec, char *host, size_t room, unsigned *display, struct err *e)
{
	const char *colon = strrchr(spec, ':');
	char *end;
	unsigned long n = colon ? strtoul(colon + 1, &end, 10) : 0;

	if (!colon || end == colon + 1 || *end || n > MAX_DISPLAY || (size_t)(colon - spec) >= room)
		return err_set(e, VM_ERR_USAGE, "-vnc: '%s' is not [HOST]:DISPLAY (0 to %u) or none", spec, MAX_DISPLAY);
	memcpy(host, spec, (size_t)(colon - spec));
	host[colon - spec] = 0;
	*display = (unsigned)n;
	return VM_OK;
}

#ifdef HAVE_VNC

#include <rfb/rfb.h>

struct vnc {
	rfbScreenInfoPtr screen;
	const struct sdl_host *host;
	struct frame frame;
	uint32_t blank[2 * 2]; /* what is there before the first frame */
	int x, y;	       /* of the pointer, once a client has told */
	unsigned buttons;
	bool have_pointer;
	int stop;
};

enum vm_err vnc_check(const char *spec, struct err *e)
{
	char host[64];
	unsigned display;

	return parse(spec, host, sizeof(host), &display, e);
}

static void on_key(rfbBool down, rfbKeySym key, struct _rfbClientRec *c)
{
	struct vnc *v = c->screen->screenData;
	unsigned code = keysym_x11(key);

	if (code && v->host)
		v->host->key(v->host->opaque, code, down);
}

/* Where in the picture, as a tablet tells it. */
static unsigned position(int at, unsigned size)
{
	return at <= 0 || size < 2 ? 0 : (unsigned)at >= size ? 32767 : (unsigned)at * 32767 / (size - 1);
}

/* Clients tell positions, as a tablet does; a PS/2 mouse tells movements. */
static void on_pointer(int mask, int x, int y, struct _rfbClientRec *c)
{
	struct vnc *v = c->screen->screenData;
	unsigned buttons = (mask & 1) | (mask & 4 ? 2u : 0) | (mask & 2 ? 4u : 0);
	int dz = (mask & 16) ? 1 : (mask & 8) ? -1 : 0;
	int dx = v->have_pointer ? x - v->x : 0, dy = v->have_pointer ? y - v->y : 0;

	v->x = x;
	v->y = y;
	v->have_pointer = true;
	if (v->host && v->host->absolute && v->host->absolute(v->host->opaque))
		v->host->tablet(v->host->opaque, position(x, v->frame.w), position(y, v->frame.h), dz, buttons);
	else if (v->host && (dx || dy || dz || buttons != v->buttons))
		v->host->mouse(v->host->opaque, dx, dy, dz, buttons);
	v->buttons = buttons;
}

struct vnc *vnc_open(const char *spec, const char *name, struct err *e)
{
	char host[64];
	unsigned display;
	struct vnc *v;
	rfbScreenInfoPtr s;

	if (parse(spec, host, sizeof(host), &display, e))
		return NULL;
	v = calloc(1, sizeof(*v));
	BUG_ON(!v);
	rfbLogEnable(0);
	s = v->screen = rfbGetScreen(NULL, NULL, 2, 2, 8, 3, 4);
	BUG_ON(!s);
	s->frameBuffer = (char *)v->blank;
	s->serverFormat.redShift = 16;
	s->serverFormat.greenShift = 8;
	s->serverFormat.blueShift = 0;
	s->screenData = v;
	s->desktopName = name ? name : "Dragoman";
	s->alwaysShared = TRUE;
	s->port = (int)(FIRST_PORT + display);
	s->ipv6port = host[0] ? 0 : s->port;
	s->kbdAddEvent = on_key;
	s->ptrAddEvent = on_pointer;
	s->cursor = NULL;
	if (host[0] && !rfbStringToAddr(host, &s->listenInterface)) {
		err_set(e, VM_ERR_IO, "-vnc: cannot resolve '%s'", host);
		vnc_close(v);
		return NULL;
	}
	rfbInitServer(s);
	if (s->listenSock < 0) {
		err_set(e, VM_ERR_IO, "-vnc: cannot listen on port %d", s->port);
		vnc_close(v);
		return NULL;
	}
	return v;
}

static void update(struct vnc *v)
{
	rfbScreenInfoPtr s = v->screen;
	struct frame *f = &v->frame;

	if (!s->clientHead || !v->host->take_frame(v->host->opaque, f) || !f->w)
		return;
	if (f->resized || s->frameBuffer != (char *)f->pix) {
		f->resized = false;
		rfbNewFramebuffer(s, (char *)f->pix, (int)f->w, (int)f->h, 8, 3, 4);
		s->serverFormat.redShift = 16;
		s->serverFormat.greenShift = 8;
		s->serverFormat.blueShift = 0;
		for (rfbClientPtr c = s->clientHead; c; c = c->next)
			rfbSetTranslateFunction(c);
		rfbMarkRectAsModified(s, 0, 0, (int)f->w, (int)f->h);
	} else if (f->y0 < f->y1) {
		rfbMarkRectAsModified(s, 0, (int)f->y0, (int)f->w, (int)f->y1);
	}
}

void vnc_run(struct vnc *v, const struct sdl_host *host)
{
	v->host = host;
	while (!__atomic_load_n(&v->stop, __ATOMIC_ACQUIRE)) {
		/* idle without clients; then about 60 frames a second */
		rfbProcessEvents(v->screen, v->screen->clientHead ? 16000 : 100000);
		update(v);
	}
	v->host = NULL;
}

void vnc_stop(struct vnc *v)
{
	__atomic_store_n(&v->stop, 1, __ATOMIC_RELEASE);
}

void vnc_close(struct vnc *v)
{
	if (!v)
		return;
	rfbShutdownServer(v->screen, TRUE);
	v->screen->frameBuffer = NULL;
	rfbScreenCleanup(v->screen);
	frame_free(&v->frame);
	free(v);
}

#else

enum vm_err vnc_check(const char *spec, struct err *e)
{
	char host[64];
	unsigned display;

	if (parse(spec, host, sizeof(host), &display, e))
		return VM_ERR_USAGE;
	return err_set(e, VM_ERR_USAGE, "-vnc: this program was built without libvncserver (Debian: libvncserver-dev)");
}

struct vnc *vnc_open(const char *spec, const char *name, struct err *e)
{
	vnc_check(spec, e);
	return NULL;
}

void vnc_run(struct vnc *v, const struct sdl_host *host)
{
}

void vnc_stop(struct vnc *v)
{
}

void vnc_close(struct vnc *v)
{
}

#endif
