/*
 * input.h - events from the user to whatever keyboard and pointer the machine has.
 *
 * Keys are named by their PS/2 set-1 make code: 0x01..0x7F plain, 0xE0xx extended (0xE01D right Ctrl), and
 * the two odd ones as KEY_PAUSE and KEY_PRINT. The device translates to the set the guest chose.
 */
#ifndef DEVICES_HOST_INPUT_H
#define DEVICES_HOST_INPUT_H

#include "mmu/base/types.h"

#define KEY_PRINT 0xE037
#define KEY_PAUSE 0xE11D

struct input {
	void (*key)(void *opaque, unsigned set1, bool down);
	void *key_opaque;
	/* relative motion in mickeys (y down positive), wheel clicks (down positive), buttons: bit 0 left, 1 right, 2 middle */
	void (*mouse)(void *opaque, int dx, int dy, int dz, unsigned buttons);
	void *mouse_opaque;
	/* position of the pointer: 0..32767 of the display's width and height; the rest as for mouse() */
	void (*tablet)(void *opaque, unsigned x, unsigned y, int dz, unsigned buttons);
	void *tablet_opaque;
	bool absolute; /* the guest takes positions: tablet() rather than mouse(). Read and written atomically. */
	void (*leds)(void *opaque, unsigned leds); /* device -> frontend: bit 0 scroll, 1 num, 2 caps; may be NULL */
	void *leds_opaque;
};

#endif
