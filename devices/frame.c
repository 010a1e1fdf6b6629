/*
 * frame.c - the pixel buffer between a display adapter and whoever shows it.
 */
#include "devices/host/display.h"
#include <stdlib.h>

void frame_resize(struct frame *f, unsigned w, unsigned h)
{
	if (w > FRAME_MAX_W)
		w = FRAME_MAX_W;
	if (h > FRAME_MAX_H)
		h = FRAME_MAX_H;
	free(f->pix);
	f->pix = w && h ? calloc((size_t)w * h, sizeof(*f->pix)) : NULL;
	if (!f->pix) /* nothing to show, or no memory for it: an empty frame is safe for every consumer */
		w = h = 0;
	f->w = w;
	f->h = h;
	f->resized = true;
	f->y0 = 0;
	f->y1 = h;
}

void frame_free(struct frame *f)
{
	free(f->pix);
	f->pix = NULL;
	f->w = f->h = 0;
	f->y0 = f->y1 = 0;
}
