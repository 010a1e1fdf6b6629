/*
 * keysym.h - keys named by what they say instead of where they are: ASCII from a terminal, X keysyms from VNC.
 *
 * Both become places on a US keyboard (set-1 codes of devices/host/input.h); the layout is the guest's business.
 */
#ifndef FRONTEND_KEYSYM_H
#define FRONTEND_KEYSYM_H

#include "mmu/base/types.h"

/* keysym_ascii() - the key that types @c; *shift: with Shift held. 0: none does */
unsigned keysym_ascii(unsigned c, bool *shift);
/* keysym_x11() - the key of an X keysym (Shift and its like come as keys of their own); 0: none */
unsigned keysym_x11(uint32_t keysym);

#endif
