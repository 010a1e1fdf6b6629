/*
 * display.h - what a display adapter offers to whoever shows it: pixels on request, or text cells.
 *
 * Pull model: about 60 times a second of host time the frontend calls update() on the machine's thread. The
 * adapter resizes the frame if the mode changed, redraws what changed and reports the union of
 * redrawn rows. Pixels are 0x00RRGGBB, 32 bits, row stride = width.
 */
#ifndef DEVICES_HOST_DISPLAY_H
#define DEVICES_HOST_DISPLAY_H

#include "mmu/base/types.h"

#define FRAME_MAX_W 2560
#define FRAME_MAX_H 1600

struct frame {
	uint32_t *pix;	 /* owned by the frame; frame_resize() reallocates */
	unsigned w, h;	 /* pixels; 0 before the first update */
	bool resized;	 /* set by the adapter, cleared by the consumer */
	unsigned y0, y1; /* rows [y0, y1) changed in this update; y0 >= y1: nothing */
};

/* frame_resize() - new size, content black, whole frame dirty; clamps to FRAME_MAX_*. */
void frame_resize(struct frame *f, unsigned w, unsigned h);
void frame_free(struct frame *f);

/* One character cell of text mode: code point as in the CP437 font, attribute as in VGA memory. */
struct text_screen {
	unsigned cols, rows; /* 0 when not in a text mode */
	unsigned cursor_x, cursor_y;
	bool cursor_on;
	uint16_t cell[132 * 60]; /* low byte character, high byte attribute; row-major, cols per row */
};

struct display {
	void (*update)(void *opaque, struct frame *f, bool full); /* full: redraw everything */
	void (*text)(void *opaque, struct text_screen *t);
	void *opaque;
};

#endif
