/* inet_frame.h - a TCP or UDP frame over IPv4 with right checksums, made without the code under test; and whether one's are right. */
#ifndef TESTS_DEVICES_INET_FRAME_H
#define TESTS_DEVICES_INET_FRAME_H

#include "mmu/base/types.h"
#include <string.h>

static inline uint32_t frame_sum(const uint8_t *p, unsigned len, uint32_t sum)
{
	for (unsigned i = 0; i < len; i++)
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xFFFF) + (sum >> 16);
	return sum;
}

/* @at: of the IP header. 1: its sum is right, 2: TCP's or UDP's is */
static inline unsigned frame_good(const uint8_t *f, unsigned at)
{
	unsigned n = (unsigned)(f[at + 2] << 8 | f[at + 3]) - 20;

	return (frame_sum(f + at, 20, 0) == 0xFFFF) | (frame_sum(f + at + 20, n, frame_sum(f + at + 12, 8, f[at + 9] + n)) == 0xFFFF) << 1;
}

/* @proto: 6 or 17; @n: bytes of payload; @sums: right ones, else zeroes. The frame's length; addressed to @mac */
static inline unsigned make_frame(uint8_t *f, const uint8_t *mac, unsigned proto, unsigned n, bool sums)
{
	unsigned head = proto == 6 ? 20 : 8, total = 20 + head + n;
	uint8_t *ip = f + 14, *l4 = ip + 20, *at = l4 + (proto == 6 ? 16 : 6);
	uint32_t sum;

	memset(f, 0, 14 + total);
	memcpy(f, mac, 6);
	f[12] = 8;
	memcpy(ip, (const uint8_t[]){0x45, 0, (uint8_t)(total >> 8), (uint8_t)total, 0x12, 0x34, 0, 0, 64, (uint8_t)proto, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}, 20);
	l4[1] = 7;
	l4[3] = 9;
	if (proto == 6) {
		l4[6] = 0x10; /* sequence number */
		l4[12] = 0x50;
		l4[13] = 0x19; /* FIN PSH ACK */
	} else {
		l4[4] = (uint8_t)((8 + n) >> 8);
		l4[5] = (uint8_t)(8 + n);
	}
	for (unsigned i = 0; i < n; i++)
		l4[head + i] = (uint8_t)(i * 7 + i / 256);
	if (!sums)
		return 14 + total;
	sum = frame_sum(ip, 20, 0) ^ 0xFFFF;
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
	sum = frame_sum(l4, head + n, frame_sum(ip + 12, 8, proto + head + n)) ^ 0xFFFF;
	at[0] = (uint8_t)(sum >> 8);
	at[1] = (uint8_t)sum;
	return 14 + total;
}

/* A tag put in: the frame's new length */
static inline unsigned put_tag(uint8_t *f, unsigned len, unsigned tag)
{
	memmove(f + 16, f + 12, len - 12);
	f[12] = 0x81;
	f[13] = 0;
	f[14] = (uint8_t)(tag >> 8);
	f[15] = (uint8_t)tag;
	return len + 4;
}

#endif
