/*
 * uhci.h - the PIIX3's USB 1.1 host controller, function 2 of the ISA bridge, with two ports.
 *
 * Once in a millisecond, while it runs, it walks the frame's schedule in memory: transfer descriptors (TDs) and queues of
 * them. What a walk does is bounded, however the guest links them.
 *
 * Sources: Intel, "Universal Host Controller Interface (UHCI) Design Guide" 1.1; Intel 82371SB (PIIX3) data sheet,
 * 290550, "Universal Serial Bus".
 */
#ifndef DEVICES_USB_UHCI_H
#define DEVICES_USB_UHCI_H

#include "devices/host/input.h"
#include "devices/pci.h"
#include "devices/usb/usb.h"

#define UHCI_PORTS 2

struct uhci_state {
	uint16_t cmd, sts, intr, frame; /* USBCMD, USBSTS, USBINTR, FRNUM */
	uint32_t base;			/* FLBASEADD */
	uint8_t sofmod;
	uint8_t why;			/* of USBINT: bit 0 completion, 1 short packet */
	uint16_t port[UHCI_PORTS];
	uint16_t pad;
	uint64_t next;			/* virtual time of the next frame, ns */
	struct usb_state dev[UHCI_PORTS];
};

struct uhci {
	struct device dev;
	struct pci_dev pci;
	struct region ports;
	struct timer timer;
	struct usb_device plug[UHCI_PORTS];
	struct input ps2; /* who had the user's keys and movements before */
	struct uhci_state s;
};

/* uhci_create() - at @devfn, with devices of @kind in its ports (NULL: none). NULL: the place is taken. */
struct uhci *uhci_create(struct log *log, struct clock *clock, struct pci_bus *bus, uint8_t devfn, struct input *input,
	const struct usb_kind *const kind[UHCI_PORTS]);

#endif
