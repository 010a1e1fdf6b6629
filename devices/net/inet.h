/*
 * inet.h - what cards know of IPv4 inside Ethernet frames: checksums looked at, put in, large TCP segments cut up.
 *
 * Sources: RFC 791, RFC 793, RFC 768, RFC 1071; IEEE 802.1Q for the tag.
 */
#ifndef DEVICES_NET_INET_H
#define DEVICES_NET_INET_H

#include "mmu/base/types.h"

#define INET_TAG 0x8100u /* the type of a frame with a VLAN tag, which is 4 bytes at 12 */

static inline uint16_t inet_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}
static inline void inet_put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

uint16_t inet_sum(const uint8_t *p, uint32_t len); /* in ones' complement, of 16-bit numbers, the first byte high */

enum { INET_IP = 1, INET_IP_BAD = 2, INET_TCP = 4, INET_UDP = 8, INET_L4_BAD = 16, INET_L4_NONE = 32 /* UDP without a checksum */ };
/* inet_look() - what a frame, tagged or not, is and whether its checksums are right. TCP and UDP: not of fragments */
unsigned inet_look(const uint8_t *frame, uint32_t len);

/* inet_fill() - checksums of the header (@ip) and of what is in it (@l4) put in where they belong, if the frame is IPv4 */
void inet_fill(uint8_t *frame, uint32_t len, bool ip, bool l4);

/*
 * inet_segment() - a frame of TCP over IPv4 in pieces of at most @mss bytes each with headers and checksums of its own, given to @out;
 * false: it is none
 */
bool inet_segment(const uint8_t *frame, uint32_t len, uint32_t mss, void (*out)(void *opaque, uint8_t *frame, uint32_t len), void *opaque);

#endif
