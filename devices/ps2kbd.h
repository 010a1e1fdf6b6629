/*
 * ps2kbd.h - PS/2 keyboard with scan sets 1, 2 and 3.
 */
#ifndef DEVICES_PS2KBD_H
#define DEVICES_PS2KBD_H

#include "devices/device.h"
#include "devices/ps2.h"
#include "devices/host/input.h"

#define MOD_LSHIFT 0x01
#define MOD_RSHIFT 0x02
#define MOD_LCTRL 0x04
#define MOD_RCTRL 0x08
#define MOD_LALT 0x10
#define MOD_RALT 0x20
#define MOD_SHIFT (MOD_LSHIFT | MOD_RSHIFT)
#define MOD_CTRL (MOD_LCTRL | MOD_RCTRL)

struct ps2kbd_state {
	struct ps2_queue q;
	uint8_t down[32];      /* keys held: set 1 code, +80h if extended; bit 0 is Pause */
	uint8_t has_break[32]; /* set 3, by code: sends a break code */
	uint8_t repeats[32];   /* set 3, by code: typematic */
	uint8_t set, scanning, leds, typematic, command, mods, overrun;
	uint8_t pad;
	uint64_t repeat_at;  /* ns */
	uint32_t repeat_key; /* 0: none */
	uint32_t pad2;
};

struct ps2kbd {
	struct device dev;
	struct ps2kbd_state s;
	struct clock *clock;
	struct irq ready;
	struct input *input;
	struct timer timer;
};

/**
 * ps2kbd_create() - @ready: i8042_ready(c, 0)
 * @in: borrowed, may be NULL; its key side is filled in, its leds() is told the lamps
 */
struct ps2kbd *ps2kbd_create(
	struct log *log, struct clock *clock, struct irq ready, struct input *in);
struct ps2_port ps2kbd_port(struct ps2kbd *k);

#endif
