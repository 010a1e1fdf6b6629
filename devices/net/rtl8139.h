/*
 * rtl8139.h - Realtek RTL8139C fast Ethernet controller (10EC:8139), the `rtl8139`.
 *
 * Four transmit buffers in turn, one receive ring in memory, no descriptors.
 *
 * Frames come no faster than at 100 Mbit/s: drivers rely on it, as they acknowledge an interrupt after they have looked for frames.
 *
 * Not emulated: the C+ descriptor mode (the revision says that there is none), early receive interrupts, wake up, flow control.
 *
 * Source: Realtek "RTL8139C(L)" data sheet, sections 5 (registers), 7 (functional description); "RTL8139(A/B) Programming Guide".
 */
#ifndef DEVICES_NET_RTL8139_H
#define DEVICES_NET_RTL8139_H

#include "devices/host/net.h"
#include "devices/net/microwire.h"
#include "devices/pci.h"

struct rtl8139_state {
	uint8_t reg[256];
	struct microwire eeprom;
	uint64_t count_from; /* virtual time at which the timer register was 0 */
	uint64_t wire_free;  /* virtual time: when the frame that came last has passed by */
	uint8_t next_tx, pad[7];
};

struct rtl8139 {
	struct device dev;
	struct pci_dev pci;
	struct region mmio, io, rom;
	struct net *net;
	struct clock *clock;
	struct timer timer, next; /* the chip's own; when a frame that waits is looked at again */
	bool receiving;
	uint8_t mac[6];
	struct rtl8139_state s;
};

/* rtl8139_create() - as e1000_create() */
struct rtl8139 *rtl8139_create(struct log *log, struct clock *clock, struct pci_bus *bus, uint8_t devfn, struct net *net,
	const uint8_t mac[6], const struct region *rom);

#endif
