/*
 * e1000.h - Intel 82540EM gigabit Ethernet controller (8086:100E), the `e1000`.
 *
 *	e1000.c		registers, interrupts, PCI function
 *	e1000_tx.c	transmit descriptors, checksum and segmentation offload
 *	e1000_rx.c	address filter, receive descriptors
 *	e1000_phy.c	EEPROM and transceiver
 *
 * Not emulated: flow control, wake up, the checksum of whole packets (RXCSUM's PCSS) and checks of IPv6, delays of single descriptors (the
 * interrupt throttle is there).
 *
 * Source: Intel "PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual", 317453; chapters 3 (receive and
 * transmit), 5 (EEPROM), 13 (registers).
 */
#ifndef DEVICES_NET_E1000_H
#define DEVICES_NET_E1000_H

#include "devices/host/net.h"
#include "devices/net/microwire.h"
#include "devices/pci.h"

/* registers that more than one file names: byte offsets */
#define E1000_CTRL 0x0000
#define E1000_STATUS 0x0008
#define E1000_EECD 0x0010
#define E1000_EERD 0x0014
#define E1000_MDIC 0x0020
#define E1000_VET 0x0038
#define E1000_RCTL 0x0100
#define E1000_TCTL 0x0400
#define E1000_RDBAL 0x2800
#define E1000_RDBAH 0x2804
#define E1000_RDLEN 0x2808
#define E1000_RDH 0x2810
#define E1000_RDT 0x2818
#define E1000_TDBAL 0x3800
#define E1000_TDBAH 0x3804
#define E1000_TDLEN 0x3808
#define E1000_TDH 0x3810
#define E1000_TDT 0x3818
#define E1000_RXCSUM 0x5000
#define E1000_MTA 0x5200
#define E1000_RAL 0x5400
#define E1000_VFTA 0x5600
/* statistics: packets and bytes, good and all */
#define E1000_MPC 0x4010
#define E1000_GPRC 0x4074
#define E1000_BPRC 0x4078
#define E1000_MPRC 0x407C
#define E1000_GPTC 0x4080
#define E1000_GORC 0x4088
#define E1000_GOTC 0x4090
#define E1000_TPR 0x40D0
#define E1000_TPT 0x40D4
#define E1000_CTRL_VME 0x40000000u
/* interrupt causes */
#define E1000_TXDW 0x01
#define E1000_TXQE 0x02
#define E1000_LSC 0x04
#define E1000_RXDMT0 0x10
#define E1000_RXO 0x40
#define E1000_RXT0 0x80

#define E1000_REGS 0x6000u /* bytes of register space that mean something */
#define E1000_SEG 66000u   /* a header and the largest segment */

struct e1000_ctx { /* transmit context: what the last context descriptor said (3.3.6) */
	uint8_t ipcss, ipcso, tucss, tucso, hdrlen, tucmd;
	uint16_t ipcse, tucse, mss;
	uint32_t paylen;
};

struct e1000_state {
	uint32_t reg[E1000_REGS / 4];
	uint32_t io_addr; /* I/O window */
	struct microwire eeprom;
	uint16_t phy[32];
	/* frame being transmitted */
	struct e1000_ctx ctx, tso; /* for frames without and with segmentation */
	struct e1000_ctx now;	   /* of the frame being segmented: tso as it was when the frame began */
	uint8_t popts, is_tso, is_data, is_tagged;
	uint16_t segments; /* sent of this frame */
	uint16_t tag;	   /* VLAN tag to be put in */
	uint32_t have; /* bytes in seg */
	uint8_t seg[E1000_SEG];
	uint64_t last_irq; /* ns */
};

struct e1000 {
	struct device dev;
	struct pci_dev pci;
	struct region mmio, io, rom;
	struct net *net;
	struct clock *clock;
	struct timer throttle, tx_more;
	bool sending, receiving;
	unsigned sent; /* frames in this turn */
	uint8_t mac[6];
	struct e1000_state s;
};

/**
 * e1000_create() - the card on @bus at @devfn
 * @net: the cable, borrowed; NULL: link down
 * @rom: boot ROM image region prepared by the board (REGION_ROM), or NULL
 * Return: NULL if the place is taken.
 */
struct e1000 *e1000_create(struct log *log, struct clock *clock, struct pci_bus *bus, uint8_t devfn, struct net *net,
	const uint8_t mac[6], const struct region *rom);

/* between the files of this device */
static inline uint32_t *e1000_reg(struct e1000 *e, unsigned off)
{
	return &e->s.reg[off / 4];
}
void e1000_cause(struct e1000 *e, uint32_t causes); /* interrupt causes appear */
void e1000_count(struct e1000 *e, unsigned reg, uint32_t n);
void e1000_send(struct e1000 *e); /* TDT moved */
bool e1000_receive(void *opaque, const uint8_t *frame, unsigned len);
void e1000_phy_reset(struct e1000 *e);
void e1000_eeprom_init(struct e1000 *e);
void e1000_eecd_write(struct e1000 *e, uint32_t v);
uint32_t e1000_eecd_read(const struct e1000 *e);
void e1000_eerd_write(struct e1000 *e, uint32_t v);
void e1000_mdic_write(struct e1000 *e, uint32_t v);

#endif
