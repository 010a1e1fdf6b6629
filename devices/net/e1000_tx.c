/*
 * e1000_tx.c - transmit: the descriptor ring, frames put together from its buffers, checksums, segmentation (e1000.h).
 *
 * A frame grows in s->seg. With segmentation that buffer holds one segment: the header stays at its front, payload fills up
 * to MSS, the segment goes out, and the next one begins behind the header.
 *
 * Source: 317453, sections 3.3 (descriptors), 3.4 (ring), 3.5 (segmentation), 3.6 (checksums).
 */
#include "devices/net/e1000.h"
#include "devices/net/inet.h"
#include <string.h>

#define TCTL_EN 0x02
#define CMD_EOP 0x01
#define CMD_IC 0x04 /* legacy */
#define CMD_TSE 0x04 /* data */
#define CMD_RS 0x08
#define CMD_DEXT 0x20
#define CMD_VLE 0x40
#define POPTS_IP 1
#define POPTS_TCP 2
#define TUCMD_TCP 1
#define TUCMD_IP4 2
#define STA_DD 1
#define AT_ONCE 1024 /* descriptors and frames before the guest gets its turn */
#define MAX_SEGMENTS 2048 /* of one frame; longer ones are nonsense and cut off */
#define TX_MORE_NS 20000

/* The complement of the sum of [css, cse] (cse 0: to the end), which counts what is at @cso, goes there. */
static void insert_sum(uint8_t *frame, uint32_t len, uint32_t css, uint32_t cso, uint32_t cse)
{
	uint32_t end = cse && cse + 1 < len ? cse + 1 : len;

	if (css >= end || cso + 2 > len)
		return;
	inet_put16(frame + cso, (uint16_t)~inet_sum(frame + css, end - css));
}

static void send_tagged(struct e1000 *e, const uint8_t *f, uint32_t len)
{
	uint8_t buf[E1000_SEG + 4];

	if (len < 14)
		return;
	memcpy(buf, f, 12);
	inet_put16(buf + 12, *e1000_reg(e, E1000_VET));
	inet_put16(buf + 14, e->s.tag);
	memcpy(buf + 16, f + 12, len - 12);
	net_send(e->net, buf, len + 4);
}

/* A frame for which the driver wants a tag put in: CTRL.VME, and VLE in one of its descriptors (3.3.7, 9.2) */
static void look_at_tag(struct e1000 *e, const uint8_t *d)
{
	if (!(d[11] & CMD_VLE) || !(*e1000_reg(e, E1000_CTRL) & E1000_CTRL_VME))
		return;
	e->s.is_tagged = 1;
	e->s.tag = pci_get16(d + 14);
}

static void emit(struct e1000 *e, uint32_t len, const struct e1000_ctx *c)
{
	struct e1000_state *s = &e->s;
	uint8_t *f = s->seg;

	if (s->popts & POPTS_TCP)
		insert_sum(f, len, c->tucss, c->tucso, c->tucse);
	if (s->popts & POPTS_IP)
		insert_sum(f, len, c->ipcss, c->ipcso, c->ipcse);
	e->sent++;
	e1000_count(e, E1000_GPTC, 1);
	e1000_count(e, E1000_TPT, 1);
	e1000_count(e, E1000_GOTC, len);
	if (!(e->s.reg[E1000_STATUS / 4] & 2))
		return;
	if (s->is_tagged)
		send_tagged(e, f, len);
	else
		net_send(e->net, f, len);
}

/* Header fields of segment number s->segments, which is @len bytes with its header (3.5.7). */
static void patch_header(struct e1000_state *s, uint32_t len, bool last)
{
	const struct e1000_ctx *c = &s->now;
	uint8_t *ip = s->seg + c->ipcss, *tu = s->seg + c->tucss;
	uint32_t tu_len = len - c->tucss, sum;

	if (c->ipcss + 20u > c->hdrlen || c->tucss + (c->tucmd & TUCMD_TCP ? 20u : 8u) > c->hdrlen)
		return; /* headers that do not fit their own lengths go out as they are */
	if (c->tucmd & TUCMD_IP4) {
		inet_put16(ip + 2, len - c->ipcss);
		if (s->segments)
			inet_put16(ip + 4, inet_be16(ip + 4) + 1u);
	} else {
		inet_put16(ip + 4, len - c->ipcss - 40);
	}
	if (c->tucmd & TUCMD_TCP) {
		uint32_t seq = (uint32_t)inet_be16(tu + 4) << 16 | inet_be16(tu + 6);

		if (s->segments)
			seq += c->mss;
		inet_put16(tu + 4, seq >> 16);
		inet_put16(tu + 6, seq);
		if (!last)
			tu[13] &= (uint8_t)~0x09; /* FIN and PSH belong to the last one */
	} else {
		inet_put16(tu + 4, tu_len);
	}
	if (s->popts & POPTS_TCP && c->tucso + 2u <= c->hdrlen) {
		sum = (uint32_t)inet_be16(s->seg + c->tucso) + tu_len; /* the driver's pseudo header has no length */
		inet_put16(s->seg + c->tucso, (sum & 0xFFFF) + (sum >> 16));
	}
}

/* One segment goes out; the header is kept as the driver made it but for what goes on from segment to segment. */
static void emit_segment(struct e1000 *e, bool last)
{
	struct e1000_state *s = &e->s;
	const struct e1000_ctx *c = &s->now;
	uint8_t flags = 0, sum[2] = {0, 0};
	bool tcp = c->tucss + 20u <= c->hdrlen, has_sum = c->tucso + 2u <= c->hdrlen;

	if (tcp)
		flags = s->seg[c->tucss + 13];
	if (has_sum)
		memcpy(sum, s->seg + c->tucso, 2);
	patch_header(s, s->have, last);
	emit(e, s->have, c);
	if (tcp)
		s->seg[c->tucss + 13] = c->tucmd & TUCMD_TCP ? flags : s->seg[c->tucss + 13];
	if (has_sum)
		memcpy(s->seg + c->tucso, sum, 2);
	if (c->ipcso + 2u <= c->hdrlen && s->popts & POPTS_IP)
		memset(s->seg + c->ipcso, 0, 2); /* computed anew each time */
	s->segments++;
	s->have = c->hdrlen;
}

/* @len bytes of guest memory join the frame. */
static void add_data(struct e1000 *e, uint64_t addr, uint32_t len)
{
	struct e1000_state *s = &e->s;
	uint32_t limit = s->is_tso ? (uint32_t)s->now.hdrlen + s->now.mss : E1000_SEG;

	while (len) {
		uint32_t n;

		/* a full segment goes when more follows: only then it is known not to be the last */
		if (s->is_tso && s->have == limit)
			emit_segment(e, false);
		n = limit - s->have < len ? limit - s->have : len;
		if (!n || s->segments >= MAX_SEGMENTS)
			return; /* longer than any frame: the rest is lost */
		pci_dma_read(&e->pci, addr, s->seg + s->have, n);
		s->have += n;
		addr += n;
		len -= n;
	}
}

static void end_frame(struct e1000 *e)
{
	struct e1000_state *s = &e->s;

	if (!s->is_tso)
		emit(e, s->have, &s->ctx);
	else if (s->have > s->now.hdrlen || !s->segments)
		emit_segment(e, true);
	s->have = s->segments = s->popts = s->is_tso = s->is_data = s->is_tagged = 0;
}

static void context(struct e1000_state *s, const uint8_t *d)
{
	struct e1000_ctx c = {.ipcss = d[0], .ipcso = d[1], .ipcse = pci_get16(d + 2), .tucss = d[4], .tucso = d[5],
		.tucse = pci_get16(d + 6), .paylen = pci_get32(d + 8) & 0xFFFFF, .tucmd = d[11], .hdrlen = d[13],
		.mss = pci_get16(d + 14)};

	if (c.tucmd & CMD_TSE)
		s->tso = c;
	else
		s->ctx = c;
}

static void legacy(struct e1000 *e, const uint8_t *d)
{
	struct e1000_state *s = &e->s;

	add_data(e, pci_get32(d) | (uint64_t)pci_get32(d + 4) << 32, pci_get16(d + 8));
	if (!(d[11] & CMD_EOP))
		return;
	look_at_tag(e, d);
	if (d[11] & CMD_IC && !s->is_tso)
		insert_sum(s->seg, s->have, d[13], d[10], 0);
	end_frame(e);
}

static void data(struct e1000 *e, const uint8_t *d)
{
	struct e1000_state *s = &e->s;

	if (!s->is_data) {
		s->is_data = 1;
		s->popts = d[13];
		/* a segment of nothing would never end */
		s->is_tso = d[11] & CMD_TSE && s->tso.mss && s->tso.hdrlen && !s->have;
		s->now = s->tso;
	}
	look_at_tag(e, d);
	add_data(e, pci_get32(d) | (uint64_t)pci_get32(d + 4) << 32, pci_get32(d + 8) & 0xFFFFF);
	if (d[11] & CMD_EOP)
		end_frame(e);
}

static uint32_t descriptor(struct e1000 *e, uint64_t at)
{
	uint8_t d[16];

	pci_dma_read(&e->pci, at, d, sizeof(d));
	if (!(d[11] & CMD_DEXT))
		legacy(e, d);
	else if (d[10] >> 4 == 0)
		context(&e->s, d);
	else
		data(e, d);
	if (!(d[11] & CMD_RS))
		return 0;
	d[12] |= STA_DD;
	pci_dma_write(&e->pci, at + 12, d + 12, 1);
	return E1000_TXDW;
}

void e1000_send(struct e1000 *e)
{
	uint32_t n = *e1000_reg(e, E1000_TDLEN) / 16, *head = e1000_reg(e, E1000_TDH), causes = 0, done = 0;
	uint64_t base = *e1000_reg(e, E1000_TDBAL) | (uint64_t)*e1000_reg(e, E1000_TDBAH) << 32;

	/* a buffer that lies on our own registers must not start us again */
	if (e->sending || !n || !(*e1000_reg(e, E1000_TCTL) & TCTL_EN))
		return;
	e->sending = true;
	e->sent = 0;
	while (*head != *e1000_reg(e, E1000_TDT) && done++ < AT_ONCE) {
		causes |= descriptor(e, base + (uint64_t)*head * 16);
		*head = *head + 1 >= n ? 0 : *head + 1;
		if (*e1000_reg(e, E1000_TDT) >= n && !*head)
			break; /* a tail outside the ring is never met */
		if (e->sent >= AT_ONCE)
			done = AT_ONCE;
	}
	e->sending = false;
	if (done > AT_ONCE)
		timer_arm(&e->tx_more, clock_now(e->clock) + TX_MORE_NS);
	else
		causes |= E1000_TXQE;
	e1000_cause(e, causes);
}
