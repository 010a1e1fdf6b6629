/*
 * keymap.c - SDL scancodes (USB HID key positions) to PS/2 set-1 make codes.
 *
 * Source: USB HID to PS/2 Scan Code Translation Table (Microsoft, rev. 1.3).
 */
#include "frontend/sdl/keymap.h"
#include "devices/host/input.h"
#include <SDL.h>

static const uint16_t map[SDL_NUM_SCANCODES] = {
#define KEY(name, code) [SDL_SCANCODE_##name] = code,
#include "frontend/sdl/keymap.def"
#undef KEY
};

unsigned sdl_keymap(unsigned scancode)
{
	return scancode < SDL_NUM_SCANCODES ? map[scancode] : 0;
}
