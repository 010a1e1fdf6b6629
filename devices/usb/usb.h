/*
 * usb.h - a USB device as a host controller sees it: packets in, answers out.
 *
 * A device is its descriptors, its answers to class requests and its endpoints; the control pipe with the standard
 * requests is common (usb.c). All that a guest can see is in struct usb_state, which the host controller keeps in its
 * own state, one for each port.
 *
 * Source: Universal Serial Bus Specification 1.1, chapters 8.4 (packets), 8.5.3 (control transfers) and 9 (requests).
 */
#ifndef DEVICES_USB_USB_H
#define DEVICES_USB_USB_H

#include "mmu/base/types.h"

enum usb_pid { USB_IN = 0x69, USB_OUT = 0xE1, USB_SETUP = 0x2D };
enum { USB_NAK = -1, USB_STALL = -2 }; /* answers that are no number of bytes */

#define USB_CONTROL_MAX 256 /* data of a control transfer, bytes */
#define USB_REPORTS 16

/* One report of a human interface device that the guest has not taken. */
struct usb_report {
	uint16_t x, y;	 /* tablet: 0..32767; mouse: signed movements */
	int8_t wheel;
	uint8_t buttons; /* bit 0 left, 1 right, 2 middle; keyboard: its eight modifiers */
	uint8_t keys[6]; /* keyboard: HID usages that are down, 0: a free place */
};

struct usb_state {
	uint8_t addr, new_addr, config, stage; /* enum in usb.c */
	uint8_t setup[8];
	uint16_t at, len; /* of control[], while a control transfer moves data */
	uint8_t halted;	  /* endpoint 1 */
	uint8_t idle, protocol, leds;
	uint8_t control[USB_CONTROL_MAX];
	/* reports, a ring; the newest takes up motion as long as the buttons stay */
	uint8_t first, count;
	struct usb_report report[USB_REPORTS], last; /* and the one that the guest took last; keyboard: what is down now */
};

struct usb_device;

struct usb_kind {
	const char *name;
	bool low_speed;
	uint16_t product;
	const char *product_name;
	const uint8_t *config; /* the configuration descriptor with all that follows, its total length inside */
	const uint8_t *report; /* report descriptor */
	uint16_t report_len;
	/* A request to the interface. @data: USB_CONTROL_MAX bytes, to fill or filled. Return: bytes, or USB_STALL. */
	int (*request)(struct usb_device *d, uint8_t request, uint16_t value, uint8_t *data, unsigned len, bool in);
	/* What endpoint 1 has to say, at most @len bytes, or USB_NAK */
	int (*take)(struct usb_device *d, uint8_t *buf, unsigned len);
	void (*configured)(struct usb_device *d, bool on); /* the guest begins or ceases to use it; may be NULL */
};

struct usb_device {
	const struct usb_kind *kind; /* NULL: nothing is plugged in */
	struct usb_state *s;
	struct input *input;
};

void usb_reset(struct usb_device *d); /* the bus was reset: address 0, not configured */
/*
 * usb_packet() - one transaction with endpoint @ep: @buf has @len bytes (OUT, SETUP) or room for them (IN)
 * Return: bytes moved, USB_NAK or USB_STALL
 */
int usb_packet(struct usb_device *d, enum usb_pid pid, unsigned ep, uint8_t *buf, unsigned len);
/* usb_valid() - a state that was loaded: is every index inside? */
bool usb_valid(const struct usb_state *s);

#endif
