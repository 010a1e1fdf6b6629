/*
 * usb.c - the control pipe and the standard requests of every USB device. See usb.h.
 *
 * Source: Universal Serial Bus Specification 1.1, 8.5.3 "Control Transfers", 9.3 "USB Device Requests", 9.4 "Standard
 * Device Requests", 9.6 "Standard USB Descriptor Definitions".
 */
#include "devices/usb/usb.h"
#include <string.h>

enum { STAGE_IDLE, STAGE_IN, STAGE_OUT, STAGE_STATUS_IN, STAGE_STATUS_OUT, STAGE_STALL, STAGES };
enum { REQ_GET_STATUS, REQ_CLEAR_FEATURE, REQ_SET_FEATURE = 3, REQ_SET_ADDRESS = 5, REQ_GET_DESCRIPTOR, REQ_SET_DESCRIPTOR,
	REQ_GET_CONFIGURATION, REQ_SET_CONFIGURATION, REQ_GET_INTERFACE, REQ_SET_INTERFACE };
enum { DESC_DEVICE = 1, DESC_CONFIGURATION, DESC_STRING, DESC_HID = 0x21, DESC_REPORT };
#define TO_HOST 0x80
#define TYPE_MASK 0x60
#define TO_INTERFACE 1
#define TO_ENDPOINT 2
#define VENDOR 0x0627 /* that of QEMU's devices of the same kinds: drivers know their quirks by it */

void usb_reset(struct usb_device *d)
{
	bool was = d->s->config;

	memset(d->s, 0, sizeof(*d->s));
	d->s->protocol = 1; /* report protocol */
	if (was && d->kind->configured)
		d->kind->configured(d, false);
}

bool usb_valid(const struct usb_state *s)
{
	return s->stage < STAGES && s->at <= s->len && s->len <= USB_CONTROL_MAX && s->first < USB_REPORTS && s->count <= USB_REPORTS &&
		s->addr < 128 && s->new_addr < 128;
}

static unsigned string_descriptor(const struct usb_device *d, unsigned n, uint8_t *b)
{
	const char *text = n == 1 ? "Dragoman" : n == 2 ? d->kind->product_name : NULL;
	unsigned len = 2;

	if (!n) { /* the languages: US English */
		memcpy(b, "\x04\x03\x09\x04", 4);
		return 4;
	}
	if (!text)
		return 0;
	for (; *text && len < 126; text++, len += 2) {
		b[len] = (uint8_t)*text;
		b[len + 1] = 0;
	}
	b[0] = (uint8_t)len;
	b[1] = DESC_STRING;
	return len;
}

static unsigned device_descriptor(const struct usb_device *d, uint8_t *b)
{
	/* USB 1.1, class by interface, 8-byte packets at endpoint 0, release 1.0, strings 1 and 2, one configuration */
	static const uint8_t desc[18] = {18, DESC_DEVICE, 0x10, 0x01, 0, 0, 0, 8, VENDOR & 0xFF, VENDOR >> 8, 0, 0, 0x00, 0x01, 1, 2, 0, 1};

	memcpy(b, desc, sizeof(desc));
	b[10] = (uint8_t)d->kind->product;
	b[11] = (uint8_t)(d->kind->product >> 8);
	return sizeof(desc);
}

static unsigned copy(uint8_t *b, const uint8_t *from, unsigned len)
{
	memcpy(b, from, len);
	return len;
}

/* GET_DESCRIPTOR. Return: its length, 0: there is none. */
static unsigned descriptor(const struct usb_device *d, uint16_t value, uint8_t *b)
{
	const uint8_t *config = d->kind->config;

	switch (value >> 8) {
	case DESC_DEVICE:
		return device_descriptor(d, b);
	case DESC_CONFIGURATION:
		return value & 0xFF ? 0 : copy(b, config, config[2]);
	case DESC_STRING:
		return string_descriptor(d, value & 0xFF, b);
	case DESC_HID: /* behind the configuration's and the interface's 9 bytes each */
		return copy(b, config + 18, 9);
	case DESC_REPORT:
		return copy(b, d->kind->report, d->kind->report_len);
	default:
		return 0;
	}
}

static int configure(struct usb_device *d, unsigned value)
{
	if (value > 1)
		return USB_STALL;
	d->s->config = (uint8_t)value;
	d->s->halted = 0;
	if (d->kind->configured)
		d->kind->configured(d, value);
	return 0;
}

/* The one feature that matters: ENDPOINT_HALT (0) of endpoint 1. Remote wakeup (1) is accepted. */
static int feature(struct usb_device *d, uint8_t to, uint16_t value, uint16_t index, bool set)
{
	if ((to & 31) == TO_ENDPOINT && !value && (index & 0x7F) == 1)
		d->s->halted = set;
	return 0;
}

/* A standard request. Return: bytes put into control[], or USB_STALL. */
static int standard(struct usb_device *d, uint8_t to, uint8_t request, uint16_t value, uint16_t index)
{
	uint8_t *b = d->s->control;
	unsigned n;

	switch (request) {
	case REQ_GET_STATUS: /* of the device: self powered no; of an endpoint: halted */
		b[0] = (to & 31) == TO_ENDPOINT && (index & 0x7F) == 1 ? d->s->halted : 0;
		b[1] = 0;
		return 2;
	case REQ_CLEAR_FEATURE:
	case REQ_SET_FEATURE:
		return feature(d, to, value, index, request == REQ_SET_FEATURE);
	case REQ_SET_ADDRESS: /* valid from the end of this transfer on */
		d->s->new_addr = value & 0x7F;
		return 0;
	case REQ_GET_DESCRIPTOR:
		n = descriptor(d, value, b);
		return n ? (int)n : USB_STALL;
	case REQ_GET_CONFIGURATION:
		b[0] = d->s->config;
		return 1;
	case REQ_SET_CONFIGURATION:
		return configure(d, value);
	case REQ_GET_INTERFACE:
		b[0] = 0;
		return 1;
	case REQ_SET_INTERFACE:
		return value ? USB_STALL : 0;
	default:
		return USB_STALL;
	}
}

static int perform(struct usb_device *d)
{
	struct usb_state *s = d->s;
	uint16_t value = (uint16_t)(s->setup[2] | s->setup[3] << 8), index = (uint16_t)(s->setup[4] | s->setup[5] << 8);

	if (s->setup[0] & TYPE_MASK)
		return d->kind->request(d, s->setup[1], value, s->control, s->len, s->setup[0] & TO_HOST);
	return standard(d, s->setup[0], s->setup[1], value, index);
}

static int setup(struct usb_device *d, const uint8_t *buf, unsigned len)
{
	struct usb_state *s = d->s;
	unsigned want;
	int n;

	if (len != 8)
		return USB_STALL;
	memcpy(s->setup, buf, 8);
	s->new_addr = s->addr;
	want = s->setup[6] | s->setup[7] << 8;
	s->at = s->len = 0;
	if (!(s->setup[0] & TO_HOST) && want) { /* the request is done when its data have come */
		if (want > USB_CONTROL_MAX) {
			s->stage = STAGE_STALL;
			return 8;
		}
		s->len = (uint16_t)want;
		s->stage = STAGE_OUT;
		return 8;
	}
	n = perform(d);
	if (n < 0) {
		s->stage = STAGE_STALL;
	} else {
		s->len = (uint16_t)((unsigned)n < want ? (unsigned)n : want);
		s->stage = want ? STAGE_IN : STAGE_STATUS_IN;
	}
	return 8;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static int control_in(struct usb_device *d, uint8_t *buf, unsigned len)
{
	struct usb_state *s = d->s;
	unsigned n;

	switch (s->stage) {
	case STAGE_IN:
		n = least((unsigned)(s->len - s->at), len);
		memcpy(buf, s->control + s->at, n);
		s->at = (uint16_t)(s->at + n);
		if (s->at == s->len && n < len)
			s->stage = STAGE_STATUS_OUT;
		return (int)n;
	case STAGE_STATUS_IN:
		s->addr = s->new_addr;
		s->stage = STAGE_IDLE;
		return 0;
	default:
		return USB_STALL;
	}
}

static int control_out(struct usb_device *d, const uint8_t *buf, unsigned len)
{
	struct usb_state *s = d->s;
	unsigned n;

	switch (s->stage) {
	case STAGE_OUT:
		n = least((unsigned)(s->len - s->at), len);
		memcpy(s->control + s->at, buf, n);
		s->at = (uint16_t)(s->at + n);
		if (s->at == s->len)
			s->stage = perform(d) < 0 ? STAGE_STALL : STAGE_STATUS_IN;
		return (int)n;
	case STAGE_IN: /* the host has had enough */
	case STAGE_STATUS_OUT:
		s->stage = STAGE_IDLE;
		return 0;
	default:
		return USB_STALL;
	}
}

int usb_packet(struct usb_device *d, enum usb_pid pid, unsigned ep, uint8_t *buf, unsigned len)
{
	if (ep == 0)
		return pid == USB_SETUP ? setup(d, buf, len) : pid == USB_IN ? control_in(d, buf, len) : control_out(d, buf, len);
	if (ep != 1 || pid != USB_IN || !d->s->config || d->s->halted)
		return USB_STALL;
	return d->kind->take(d, buf, len);
}
