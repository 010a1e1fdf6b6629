/* inet.c - see inet.h. */
#include "devices/net/inet.h"
#include <string.h>

#define ETHER_HEAD 14u
#define TYPE_IP 0x0800
#define PROTO_TCP 6
#define PROTO_UDP 17
#define TCP_FIN_PSH 0x09
#define MAX_FRAME 65550u
#define MAX_SEGMENTS 2048u

struct place { /* of the parts of a frame */
	uint32_t ip, l4, end; /* offsets; end: behind the last byte that IP counts */
	uint8_t proto;	      /* 0: neither, or a fragment */
};

static uint32_t add_up(const uint8_t *p, uint32_t len)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i + 1 < len; i += 2)
		sum += inet_be16(p + i);
	if (len & 1)
		sum += (uint32_t)p[len - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xFFFF) + (sum >> 16);
	return (uint32_t)sum;
}

uint16_t inet_sum(const uint8_t *p, uint32_t len)
{
	return (uint16_t)add_up(p, len);
}

static bool find(const uint8_t *f, uint32_t len, struct place *at)
{
	uint32_t head, total;

	at->ip = len >= 18 && inet_be16(f + 12) == INET_TAG ? ETHER_HEAD + 4 : ETHER_HEAD;
	if (len < at->ip + 20 || inet_be16(f + at->ip - 2) != TYPE_IP || f[at->ip] >> 4 != 4)
		return false;
	head = (f[at->ip] & 15u) * 4;
	total = inet_be16(f + at->ip + 2);
	if (head < 20 || total < head || at->ip + total > len)
		return false;
	at->l4 = at->ip + head;
	at->end = at->ip + total;
	at->proto = inet_be16(f + at->ip + 6) & 0x3FFF ? 0 : f[at->ip + 9];
	if ((at->proto != PROTO_TCP || at->end < at->l4 + 20) && (at->proto != PROTO_UDP || at->end < at->l4 + 8))
		at->proto = 0;
	return true;
}

/* With the pseudo header: addresses, protocol, length (RFC 793, 3.1) */
static uint16_t l4_sum(const uint8_t *f, const struct place *at)
{
	uint32_t n = at->end - at->l4, sum = add_up(f + at->l4, n) + add_up(f + at->ip + 12, 8) + at->proto + n;

	while (sum >> 16)
		sum = (sum & 0xFFFF) + (sum >> 16);
	return (uint16_t)sum;
}

unsigned inet_look(const uint8_t *frame, uint32_t len)
{
	struct place at;
	unsigned r;

	if (!find(frame, len, &at))
		return 0;
	r = INET_IP | (inet_sum(frame + at.ip, at.l4 - at.ip) == 0xFFFF ? 0 : INET_IP_BAD);
	if (!at.proto)
		return r;
	r |= at.proto == PROTO_TCP ? INET_TCP : INET_UDP;
	if (at.proto == PROTO_UDP && !inet_be16(frame + at.l4 + 6))
		return r | INET_L4_NONE;
	return r | (l4_sum(frame, &at) == 0xFFFF ? 0 : INET_L4_BAD);
}

void inet_fill(uint8_t *frame, uint32_t len, bool ip, bool l4)
{
	struct place at;
	uint8_t *to;
	uint16_t sum;

	if (!find(frame, len, &at))
		return;
	if (ip) {
		inet_put16(frame + at.ip + 10, 0);
		inet_put16(frame + at.ip + 10, (uint16_t)~inet_sum(frame + at.ip, at.l4 - at.ip));
	}
	if (!l4 || !at.proto)
		return;
	to = frame + at.l4 + (at.proto == PROTO_TCP ? 16 : 6);
	inet_put16(to, 0);
	sum = (uint16_t)~l4_sum(frame, &at);
	inet_put16(to, !sum && at.proto == PROTO_UDP ? 0xFFFF : sum);
}

bool inet_segment(const uint8_t *frame, uint32_t len, uint32_t mss, void (*out)(void *opaque, uint8_t *frame, uint32_t len), void *opaque)
{
	uint8_t seg[MAX_FRAME];
	struct place at;
	uint32_t head, seq, done = 0, id, n;

	if (!mss || len > MAX_FRAME || !find(frame, len, &at) || at.proto != PROTO_TCP)
		return false;
	head = at.l4 + (frame[at.l4 + 12] >> 4) * 4u;
	if (head < at.l4 + 20 || head > at.end)
		return false;
	id = inet_be16(frame + at.ip + 4);
	seq = (uint32_t)inet_be16(frame + at.l4 + 4) << 16 | inet_be16(frame + at.l4 + 6);
	for (unsigned i = 0; i < MAX_SEGMENTS && (!i || done < at.end - head); i++, done += n) {
		n = at.end - head - done < mss ? at.end - head - done : mss;
		memcpy(seg, frame, head);
		memcpy(seg + head, frame + head + done, n);
		inet_put16(seg + at.ip + 2, head - at.ip + n);
		inet_put16(seg + at.ip + 4, id + i);
		inet_put16(seg + at.l4 + 4, (seq + done) >> 16);
		inet_put16(seg + at.l4 + 6, seq + done);
		if (done + n < at.end - head)
			seg[at.l4 + 13] &= (uint8_t)~TCP_FIN_PSH; /* they belong to the last one */
		inet_fill(seg, head + n, true, true);
		out(opaque, seg, head + n);
	}
	return true;
}
