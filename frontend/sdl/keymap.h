/*
 * keymap.h - which PS/2 key an SDL scancode is.
 */
#ifndef FRONTEND_SDL_KEYMAP_H
#define FRONTEND_SDL_KEYMAP_H

#include <stdint.h>

/* sdl_keymap() - set-1 code as devices/host/input.h names keys; 0 for keys that PS/2 lacks. */
unsigned sdl_keymap(unsigned scancode);

#endif
