/*
 * rtl8139_cp.c - the C+ mode of the RTL8139C+: rings of descriptors in memory, checksums, large segments, VLAN tags (rtl8139.h).
 *
 * A descriptor is 16 bytes: status and length, VLAN tag, address. A frame to send is looked at only once all of its descriptors are the
 * chip's, so nothing of it has to be kept between two looks. Frames come as fast as there are descriptors: one that the driver has not
 * given holds them up, and is looked at again when the driver touches the interrupt registers.
 *
 * Source: Realtek "RTL8139C+" data sheet, sections 5 (registers) and 6 (descriptors).
 */
#include "devices/net/rtl8139.h"
#include "devices/net/ether.h"
#include "devices/net/inet.h"
#include <string.h>

#define CPCR_TE 0x01
#define CPCR_RE 0x02
#define CPCR_RXCHKSUM 0x20
#define CPCR_RXVLAN 0x40
#define RING_MAX 64 /* descriptors */
#define DESC 16
#define D_OWN 0x80000000u
#define D_EOR 0x40000000u
#define D_FS 0x20000000u
#define D_LS 0x10000000u
#define TX_LGSEN 0x08000000u
#define TX_IPCS 0x40000u
#define TX_UDPCS 0x20000u
#define TX_TCPCS 0x10000u
#define TX_ERRORS 0x02B00000u /* UNF, OWC, LNKF, EXC and others that the chip reports */
#define TX_TAGC 0x20000u      /* of the second word: the tag goes in */
#define RX_SIZE 0x1FFFu
#define RX_MAR 0x04000000u
#define RX_PAM 0x02000000u
#define RX_BAR 0x01000000u
#define RX_IPF 0x8000u
#define RX_UDPF 0x4000u
#define RX_TCPF 0x2000u
#define RX_TAVA 0x10000u /* of the second word: a tag was taken out */
#define FRAME_MAX 65550u
#define FRAME_RX 1792u
#define TX_AT_ONCE 64
#define TALLY 64 /* bytes of counters */
#define TALLY_DUMP 0x08

struct frame {
	struct rtl8139 *r;
	uint32_t len;
	uint16_t tag; /* as on the wire */
	bool tagged;
	uint8_t b[FRAME_MAX];
};

static uint64_t ring(const struct rtl8139 *r, unsigned at)
{
	return (pci_get32(r->s.reg + at) & ~0xFFull) | (uint64_t)pci_get32(r->s.reg + at + 4) << 32;
}

bool rtl8139_cp_sends(const struct rtl8139 *r)
{
	return r->s.reg[RTL_CPCR] & CPCR_TE;
}

bool rtl8139_cp_receives(const struct rtl8139 *r)
{
	return r->s.reg[RTL_CPCR] & CPCR_RE;
}

/* ---- transmit ---- */

static void emit(void *opaque, uint8_t *b, uint32_t len)
{
	struct frame *f = opaque;
	uint8_t tagged[FRAME_MAX + 4];

	if (f->tagged && len >= 14) {
		memcpy(tagged, b, 12);
		inet_put16(tagged + 12, INET_TAG);
		inet_put16(tagged + 14, f->tag);
		memcpy(tagged + 16, b + 12, len - 12);
		b = tagged;
		len += 4;
	}
	f->r->s.sent++;
	rtl8139_to_wire(f->r, b, len);
}

static unsigned next_of(unsigned i, uint32_t status)
{
	return status & D_EOR || i + 1 >= RING_MAX ? 0 : i + 1;
}

/* The frame that begins at @i: its first descriptor's words and its bytes. Descriptors it takes; 0: it is not whole yet */
static unsigned gather(struct rtl8139 *r, uint64_t base, unsigned i, uint32_t *first, struct frame *f)
{
	f->len = 0;
	for (unsigned n = 1; n <= RING_MAX; n++) {
		uint8_t d[DESC];
		uint32_t status, len;

		if (!pci_dma_read(&r->pci, base + i * DESC, d, DESC))
			return 0;
		status = pci_get32(d);
		if (!(status & D_OWN))
			return 0;
		if (n == 1) {
			*first = status;
			f->tagged = pci_get32(d + 4) & TX_TAGC;
			f->tag = (uint16_t)(d[4] << 8 | d[5]);
		}
		len = status & 0xFFFF;
		if (len <= sizeof(f->b) - f->len) { /* longer than any frame: what is too much is lost */
			pci_dma_read(&r->pci, pci_get32(d + 8) | (uint64_t)pci_get32(d + 12) << 32, f->b + f->len, len);
			f->len += len;
		}
		if (status & D_LS)
			return n;
		i = next_of(i, status);
	}
	return RING_MAX; /* a ring without an end of a frame: taken as one */
}

/* @n descriptors from *i on go back to the driver. */
static void give_back(struct rtl8139 *r, uint64_t base, uint8_t *i, unsigned n)
{
	while (n--) {
		uint64_t at = base + *i * DESC;
		uint8_t d[4];
		uint32_t status;

		pci_dma_read(&r->pci, at, d, sizeof(d));
		status = pci_get32(d);
		pci_put32(d, status & ~(D_OWN | TX_ERRORS));
		pci_dma_write(&r->pci, at, d, sizeof(d));
		*i = (uint8_t)next_of(*i, status);
	}
}

static bool send_queue(struct rtl8139 *r, unsigned reg, uint8_t *i)
{
	uint64_t base = ring(r, reg);
	struct frame f = {.r = r};
	bool any = false;

	for (unsigned k = 0; k < TX_AT_ONCE; k++) {
		uint32_t first = 0;
		unsigned n = gather(r, base, *i, &first, &f);

		if (!n)
			break;
		if (!(first & TX_LGSEN) || !inet_segment(f.b, f.len, first >> 16 & 0x7FF, emit, &f)) {
			bool large = first & TX_LGSEN; /* the bits of the checksums are its length */

			if (!large && first & (TX_IPCS | TX_UDPCS | TX_TCPCS))
				inet_fill(f.b, f.len, first & TX_IPCS, first & (TX_UDPCS | TX_TCPCS));
			emit(&f, f.b, f.len);
		}
		give_back(r, base, i, n);
		any = true;
	}
	return any;
}

void rtl8139_cp_poll(struct rtl8139 *r, uint8_t which)
{
	bool any = false;

	/* a buffer that lies on our own registers must not start us again */
	if (r->sending || !(r->s.reg[RTL_CR] & RTL_CR_TE) || !rtl8139_cp_sends(r))
		return;
	r->sending = true;
	if (which & 0x80)
		any |= send_queue(r, RTL_THPDS, &r->s.cp_high);
	if (which & 0x40)
		any |= send_queue(r, RTL_TNPDS, &r->s.cp_tx);
	r->sending = false;
	if (any)
		rtl8139_cause(r, RTL_INT_TOK);
}

/* ---- receive ---- */

static uint32_t status_of(const struct rtl8139 *r, const uint8_t *frame, unsigned len)
{
	uint32_t s = D_FS | D_LS | (ether_is_broadcast(frame) ? RX_BAR : frame[0] & 1 ? RX_MAR : memcmp(frame, r->s.reg, 6) ? 0 : RX_PAM);
	unsigned kind;

	if (!(r->s.reg[RTL_CPCR] & CPCR_RXCHKSUM))
		return s;
	kind = inet_look(frame, len);
	if (!(kind & INET_IP))
		return s;
	s |= kind & INET_TCP ? 1u << 16 : kind & INET_UDP ? 2u << 16 : 3u << 16;
	s |= kind & INET_IP_BAD ? RX_IPF : 0;
	if (kind & INET_L4_BAD)
		s |= kind & INET_TCP ? RX_TCPF : RX_UDPF;
	return s;
}

/* @len: 60 to FRAME_RX. False: there is no descriptor for it yet. */
bool rtl8139_cp_receive(struct rtl8139 *r, const uint8_t *frame, unsigned len)
{
	uint64_t at = ring(r, RTL_RDSAR) + r->s.cp_rx * DESC, to;
	uint32_t status, flags = status_of(r, frame, len), tag = 0;
	uint8_t d[DESC], buf[FRAME_RX + 4];
	static const uint8_t sum[4] = {0}; /* the frame's own checksum, which nobody looks at */

	if (!pci_dma_read(&r->pci, at, d, DESC))
		return true;
	status = pci_get32(d);
	if (!(status & D_OWN)) {
		rtl8139_cause(r, RTL_INT_RDU);
		return false;
	}
	to = pci_get32(d + 8) | (uint64_t)pci_get32(d + 12) << 32;
	memcpy(buf, frame, 12);
	if (r->s.reg[RTL_CPCR] & CPCR_RXVLAN && inet_be16(frame + 12) == INET_TAG) {
		tag = RX_TAVA | frame[14] | (uint32_t)frame[15] << 8;
		memcpy(buf + 12, frame + 16, len - 16);
		len -= 4;
	} else {
		memcpy(buf + 12, frame + 12, len - 12);
	}
	memcpy(buf + len, sum, 4);
	if (len + 4 > (status & RX_SIZE))
		return true; /* longer than the driver takes */
	pci_dma_write(&r->pci, to, buf, len + 4);
	pci_put32(d + 4, tag);
	pci_dma_write(&r->pci, at + 4, d + 4, 4);
	pci_put32(d, flags | (status & D_EOR) | (len + 4));
	pci_dma_write(&r->pci, at, d, 4);
	r->s.cp_rx = (uint8_t)next_of(r->s.cp_rx, status);
	r->s.received++;
	rtl8139_cause(r, RTL_INT_ROK);
	return true;
}

/* ---- counters: written to memory when the driver asks, of which two move here ---- */

void rtl8139_cp_tally(struct rtl8139 *r)
{
	uint32_t low = pci_get32(r->s.reg + RTL_TSD);
	uint8_t t[TALLY] = {0};

	if (!(low & TALLY_DUMP))
		return;
	pci_put32(t, r->s.sent);
	pci_put32(t + 8, r->s.received);
	pci_dma_write(&r->pci, (low & ~63ull) | (uint64_t)pci_get32(r->s.reg + RTL_TSD + 4) << 32, t, sizeof(t));
	pci_put32(r->s.reg + RTL_TSD, low & ~(uint32_t)TALLY_DUMP);
}
