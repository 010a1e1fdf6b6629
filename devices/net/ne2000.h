/*
 * ne2000.h - NE2000 network cards: National's DP8390 with 16 KiB of its own memory, read and written through one data port.
 * On the PCI bus as Realtek's RTL8029 (10EC:8029), the `ne2k_pci`; on the ISA bus as the first of its kind, the `ne2k_isa`.
 *
 * Frames come no faster than at 10 Mbit/s: drivers rely on it, as they read a few frames and then forget that more had come.
 *
 * Not emulated: loopback beyond "nothing reaches the wire", error counters (they stay 0), configuration pages of the RTL8029.
 *
 * Sources: National Semiconductor DP8390D data sheet, sections 10 (registers), 7 (buffer ring), 8 (remote DMA); Realtek RTL8029AS
 * data sheet, section 5.
 */
#ifndef DEVICES_NET_NE2000_H
#define DEVICES_NET_NE2000_H

#include "devices/host/net.h"
#include "devices/pci.h"

#define NE2000_RAM_START 0x4000u
#define NE2000_RAM_END 0x8000u

struct ne2000_state {
	uint8_t cr, isr, imr, rcr, tcr, dcr, tsr, rsr;
	uint8_t pstart, pstop, bnry, curr, tpsr, pad;
	uint16_t tbcr, rsar, rbcr; /* bytes to send; remote DMA's address and count */
	uint8_t par[6], mar[8];
	uint8_t prom[32]; /* each byte twice, as a word-wide bus reads it */
	uint8_t ram[NE2000_RAM_END - NE2000_RAM_START];
	uint64_t wire_free; /* virtual time: when the frame that came last has passed by */
};

struct ne2000 {
	struct device dev;
	struct pci_dev pci;
	bool is_pci;
	struct irq irq; /* the ISA card's */
	struct region io, rom;
	struct net *net;
	struct clock *clock;
	struct timer next; /* when the wire is free */
	uint8_t mac[6];
	struct ne2000_state s;
};

/* ne2000_pci_create() - as e1000_create() */
struct ne2000 *ne2000_pci_create(struct log *log, struct clock *clock, struct pci_bus *bus, uint8_t devfn, struct net *net,
	const uint8_t mac[6], const struct region *rom);

/* ne2000_isa_create() - 32 ports at @base in @io, which must be free */
struct ne2000 *ne2000_isa_create(struct log *log, struct clock *clock, struct space *io, uint16_t base, struct irq irq,
	struct net *net, const uint8_t mac[6]);

#endif
