/*
 * e1000_rx.c - receive: which frames the card takes, and the descriptors it puts them into (e1000.h).
 *
 * Source: 317453, sections 3.2 (receive), 13.4.22 (RCTL), 13.5 (filters).
 */
#include "devices/net/e1000.h"
#include "devices/net/inet.h"
#include <string.h>

#define RCTL_EN 0x02
#define RCTL_UPE 0x08
#define RCTL_MPE 0x10
#define RCTL_LPE 0x20
#define RCTL_BAM 0x8000
#define RCTL_VFE 0x40000
#define RCTL_BSEX 0x2000000
#define RCTL_SECRC 0x4000000
#define STA_DD 0x01
#define STA_EOP 0x02
#define STA_IXSM 0x04 /* checksums were not looked at */
#define STA_VP 0x08   /* a VLAN tag was taken out: it is in the descriptor */
#define STA_TCPCS 0x20
#define STA_IPCS 0x40
#define ERR_TCPE 0x20
#define ERR_IPE 0x40
#define RXCSUM_IP 0x100
#define RXCSUM_TU 0x200
#define STA_PIF 0x80  /* passed the filter inexactly */
#define RAH_VALID 0x80000000u

static uint32_t buffer_size(uint32_t rctl)
{
	static const uint32_t size[4] = {2048, 1024, 512, 256};
	uint32_t n = size[rctl >> 16 & 3];

	return rctl & RCTL_BSEX && n < 2048 ? n * 16 : n;
}

/* Is the frame for this card? */
static bool wanted(struct e1000 *e, const uint8_t *f, uint32_t rctl)
{
	static const uint8_t broadcast[6] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
	uint32_t hash;

	if (rctl & RCTL_VFE && f[12] == 0x81 && f[13] == 0 &&
		!(*e1000_reg(e, E1000_VFTA + ((f[14] & 15u) << 8 | f[15]) / 32 * 4) >> (f[15] & 31) & 1))
		return false;
	if (!memcmp(f, broadcast, 6))
		return rctl & RCTL_BAM;
	if (f[0] & 1 ? rctl & RCTL_MPE : rctl & RCTL_UPE)
		return true;
	for (unsigned i = 0; i < 16; i++) {
		uint32_t lo = *e1000_reg(e, E1000_RAL + i * 8), hi = *e1000_reg(e, E1000_RAL + i * 8 + 4);

		if (hi & RAH_VALID && pci_get32(f) == lo && pci_get16(f + 4) == (hi & 0xFFFF))
			return true;
	}
	if (!(f[0] & 1))
		return false;
	hash = (uint32_t)(f[5] << 8 | f[4]) >> (4 - (rctl >> 12 & 3) - (rctl >> 12 & 3) / 3) & 0xFFF;
	return *e1000_reg(e, E1000_MTA + hash / 32 * 4) >> (hash & 31) & 1;
}

/* Descriptors that the guest has given us. */
static uint32_t available(struct e1000 *e)
{
	uint32_t n = *e1000_reg(e, E1000_RDLEN) / 16, head = *e1000_reg(e, E1000_RDH), tail = *e1000_reg(e, E1000_RDT);

	if (head >= n || tail >= n)
		return 0;
	return tail >= head ? tail - head : n - head + tail;
}

/* What the card says of checksums: status in the low byte, errors in the high one (3.2.3, 3.2.9) */
static uint16_t checked(struct e1000 *e, const uint8_t *f, uint32_t len)
{
	uint32_t want = *e1000_reg(e, E1000_RXCSUM);
	unsigned kind, r = 0;

	if (!(want & (RXCSUM_IP | RXCSUM_TU)))
		return STA_IXSM;
	kind = inet_look(f, len);
	if (want & RXCSUM_IP && kind & INET_IP)
		r |= STA_IPCS | (kind & INET_IP_BAD ? ERR_IPE << 8 : 0u);
	if (want & RXCSUM_TU && kind & (INET_TCP | INET_UDP) && !(kind & INET_L4_NONE))
		r |= STA_TCPCS | (kind & INET_L4_BAD ? ERR_TCPE << 8 : 0u);
	return (uint16_t)r;
}

/* Put the frame into as many buffers as it needs. @status: as checked(), for the last one; @tag: of STA_VP */
static void store(struct e1000 *e, const uint8_t *f, uint32_t len, uint32_t size, uint16_t status, uint16_t tag)
{
	uint64_t base = *e1000_reg(e, E1000_RDBAL) | (uint64_t)*e1000_reg(e, E1000_RDBAH) << 32;
	uint32_t n = *e1000_reg(e, E1000_RDLEN) / 16, *head = e1000_reg(e, E1000_RDH);

	for (uint32_t done = 0; done < len;) {
		uint64_t at = base + (uint64_t)*head * 16;
		uint32_t part = len - done < size ? len - done : size;
		uint8_t d[16];

		pci_dma_read(&e->pci, at, d, sizeof(d));
		pci_dma_write(&e->pci, pci_get32(d) | (uint64_t)pci_get32(d + 4) << 32, f + done, part);
		done += part;
		pci_put16(d + 8, (uint16_t)part);
		pci_put16(d + 10, 0);
		d[12] = (uint8_t)(STA_DD | (done == len ? STA_EOP | status : STA_IXSM));
		d[13] = (uint8_t)(done == len ? status >> 8 : 0);
		pci_put16(d + 14, done == len ? tag : 0);
		pci_dma_write(&e->pci, at + 8, d + 8, 8);
		*head = *head + 1 >= n ? 0 : *head + 1;
		if (n != *e1000_reg(e, E1000_RDLEN) / 16)
			return; /* a buffer that lies on our own registers */
	}
}

static uint32_t low_mark(uint32_t rctl, uint32_t n)
{
	return n >> (1 + (rctl >> 8 & 3));
}

bool e1000_receive(void *opaque, const uint8_t *frame, unsigned len)
{
	struct e1000 *e = opaque;
	uint32_t rctl = *e1000_reg(e, E1000_RCTL), size = buffer_size(rctl), n = *e1000_reg(e, E1000_RDLEN) / 16, full, causes;
	uint8_t buf[16384];
	uint16_t status, tag = 0;
	bool tagged;

	if (!(rctl & RCTL_EN) || !n || e->receiving || !(pci_get16(e->pci.cfg + PCI_CFG_COMMAND) & PCI_CMD_MASTER))
		return true; /* a card that does not listen */
	full = len < 60 ? 60 : len;
	tagged = len >= 18 && inet_be16(frame + 12) == (*e1000_reg(e, E1000_VET) & 0xFFFF);
	if (full > (rctl & RCTL_LPE ? sizeof(buf) - 4 : tagged ? 1522u : 1518u) || !wanted(e, frame, rctl))
		return true;
	status = checked(e, frame, len);
	memcpy(buf, frame, len);
	memset(buf + len, 0, full + 4 - len); /* padding, and a checksum nobody computes */
	if (tagged && *e1000_reg(e, E1000_CTRL) & E1000_CTRL_VME) {
		tag = inet_be16(buf + 14);
		status |= STA_VP;
		memmove(buf + 12, buf + 16, full + 4 - 16);
		full -= 4;
	}
	full += rctl & RCTL_SECRC ? 0 : 4;
	if ((full + size - 1) / size > available(e)) {
		if (available(e) < n - 1) { /* the guest will give descriptors back, and offer the frame again then */
			e1000_cause(e, E1000_RXO);
			return false;
		}
		e1000_count(e, E1000_MPC, 1);
		return true;
	}
	e->receiving = true;
	store(e, buf, full, size, status, tag);
	e->receiving = false;
	e1000_count(e, E1000_GPRC, 1);
	e1000_count(e, E1000_TPR, 1);
	e1000_count(e, E1000_GORC, full);
	if (frame[0] & 1)
		e1000_count(e, (frame[0] & frame[1] & frame[2]) == 0xFF ? E1000_BPRC : E1000_MPRC, 1);
	causes = E1000_RXT0;
	if (available(e) <= low_mark(rctl, n))
		causes |= E1000_RXDMT0;
	e1000_cause(e, causes);
	return true;
}
