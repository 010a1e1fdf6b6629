/*
 * microwire.h - a 93C46 serial EEPROM, 64 words of 16 bits, as network cards carry one for their address.
 *
 * Reading only: the other operations change nothing. Source: Microchip 93C46 data sheet, DS21749.
 */
#ifndef DEVICES_NET_MICROWIRE_H
#define DEVICES_NET_MICROWIRE_H

#include "mmu/base/types.h"

struct microwire { /* part of a card's state */
	uint16_t word[64];
	uint16_t in, data; /* bits shifted in, word going out */
	uint8_t count, reading, out /* level of DO */, clock;
};

/* microwire_lines() - the card's register moved chip select, clock and data in */
void microwire_lines(struct microwire *w, bool cs, bool clock, bool di);

#endif
