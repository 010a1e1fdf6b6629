/*
 * ether.h - the sorting of received frames by their address that several cards share.
 */
#ifndef DEVICES_NET_ETHER_H
#define DEVICES_NET_ETHER_H

#include "mmu/base/types.h"

/* ether_hash() - bit 0..63 of a multicast filter: the highest six bits of the address's CRC (IEEE 802.3, clause 3.2.9) */
static inline unsigned ether_hash(const uint8_t mac[6])
{
	uint32_t crc = UINT32_MAX;

	for (unsigned i = 0; i < 48; i++) {
		uint32_t bit = (uint32_t)(mac[i / 8] >> i % 8 & 1) ^ crc >> 31;

		crc = crc << 1 ^ (bit ? 0x04C11DB7u : 0);
	}
	return crc >> 26;
}

static inline bool ether_is_broadcast(const uint8_t mac[6])
{
	return (mac[0] & mac[1] & mac[2] & mac[3] & mac[4] & mac[5]) == 0xFF;
}

#endif
