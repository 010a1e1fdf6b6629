/*
 * rtl8139.h - Realtek RTL8139C+ fast Ethernet controller (10EC:8139, revision 20h), the `rtl8139`.
 *
 *	rtl8139.c	registers; the mode of the older chips: four transmit buffers in turn, one receive ring in memory, no descriptors
 *	rtl8139_cp.c	the C+ mode: rings of descriptors, checksums, large segments, VLAN tags
 *
 * In the older mode frames come no faster than at 100 Mbit/s: drivers rely on it, as they acknowledge an interrupt after they have looked for
 * frames.
 *
 * Not emulated: early receive interrupts, wake up, flow control, frames in several receive descriptors.
 *
 * Source: Realtek "RTL8139C(L)" data sheet, sections 5 (registers), 7 (functional description); "RTL8139(A/B) Programming Guide".
 */
#ifndef DEVICES_NET_RTL8139_H
#define DEVICES_NET_RTL8139_H

#include "devices/host/net.h"
#include "devices/net/microwire.h"
#include "devices/pci.h"

/* registers and bits that both files name */
#define RTL_TSD 0x10
#define RTL_TNPDS 0x20 /* C+: rings for sending, normal and high priority */
#define RTL_THPDS 0x28
#define RTL_CR 0x37
#define RTL_CR_TE 0x04
#define RTL_TPPOLL 0xD9
#define RTL_CPCR 0xE0
#define RTL_RDSAR 0xE4
#define RTL_INT_ROK 0x0001
#define RTL_INT_TOK 0x0004
#define RTL_INT_RDU 0x0010

struct rtl8139_state {
	uint8_t reg[256];
	struct microwire eeprom;
	uint64_t count_from; /* virtual time at which the timer register was 0 */
	uint64_t wire_free;  /* virtual time: when the frame that came last has passed by */
	uint8_t next_tx;
	uint8_t cp_tx, cp_high, cp_rx; /* descriptors that come next, 0..63 */
	uint32_t sent, received;       /* frames, in C+ mode */
	uint32_t pad;
};

struct rtl8139 {
	struct device dev;
	struct pci_dev pci;
	struct region mmio, io, rom;
	struct net *net;
	struct clock *clock;
	struct timer timer, next; /* the chip's own; when a frame that waits is looked at again */
	bool receiving, sending;
	uint8_t mac[6];
	struct rtl8139_state s;
};

/* rtl8139_create() - as e1000_create() */
struct rtl8139 *rtl8139_create(struct log *log, struct clock *clock, struct pci_bus *bus, uint8_t devfn, struct net *net,
	const uint8_t mac[6], const struct region *rom);

/* between the files of this device */
void rtl8139_cause(struct rtl8139 *r, unsigned bits); /* interrupt causes appear */
void rtl8139_to_wire(struct rtl8139 *r, const uint8_t *frame, uint32_t len);
bool rtl8139_cp_sends(const struct rtl8139 *r);
bool rtl8139_cp_receives(const struct rtl8139 *r);
void rtl8139_cp_poll(struct rtl8139 *r, uint8_t which); /* TPPoll was written: bit 7 high, bit 6 normal priority */
bool rtl8139_cp_receive(struct rtl8139 *r, const uint8_t *frame, unsigned len);
void rtl8139_cp_tally(struct rtl8139 *r);

#endif
