/*
 * hid.c - what tablet, mouse and keyboard say at endpoint 1, and the HID class's requests. See hid.h.
 *
 * Sources: USB Device Class Definition for Human Interface Devices 1.11, 6.2.2 "Report Descriptor", 7.2 "Class-Specific
 * Requests", appendix B (boot protocol); HID Usage Tables 1.12, 10 "Keyboard/Keypad Page".
 */
#include "devices/usb/hid.h"
#include <string.h>

enum { HID_GET_REPORT = 1, HID_GET_IDLE, HID_GET_PROTOCOL, HID_SET_REPORT = 9, HID_SET_IDLE, HID_SET_PROTOCOL };

/* Configuration 1: one interface (class 3, subclass, protocol), its HID descriptor, endpoint 1 IN, interrupt. */
#define CONFIG(subclass, protocol, report_len, packet, interval) \
	9, 2, 34, 0, 1, 1, 0, 0xA0, 50, 9, 4, 0, 0, 1, 3, subclass, protocol, 0, 9, 0x21, 0x01, 0x00, 0, 1, 0x22, report_len, 0, \
	7, 5, 0x81, 3, packet, 0, interval

/* Three buttons, then five bits of padding: common to tablet and mouse. */
#define BUTTONS 0x05, 0x09, 0x19, 1, 0x29, 3, 0x15, 0, 0x25, 1, 0x95, 3, 0x75, 1, 0x81, 2, 0x95, 1, 0x75, 5, 0x81, 1
/* The wheel: -127..127, relative */
#define WHEEL 0x05, 0x01, 0x09, 0x38, 0x15, 0x81, 0x25, 0x7F, 0x35, 0, 0x45, 0, 0x75, 8, 0x95, 1, 0x81, 6, 0xC0, 0xC0

static const uint8_t tablet_report[] = {0x05, 0x01, 0x09, 0x02, 0xA1, 1, 0x09, 1, 0xA1, 0, BUTTONS,
	/* X and Y: 0..32767, absolute, 16 bits */
	0x05, 0x01, 0x09, 0x30, 0x09, 0x31, 0x15, 0, 0x26, 0xFF, 0x7F, 0x35, 0, 0x46, 0xFF, 0x7F, 0x75, 16, 0x95, 2, 0x81, 2, WHEEL};
static const uint8_t mouse_report[] = {0x05, 0x01, 0x09, 0x02, 0xA1, 1, 0x09, 1, 0xA1, 0, BUTTONS,
	/* X and Y: -127..127, relative */
	0x05, 0x01, 0x09, 0x30, 0x09, 0x31, 0x15, 0x81, 0x25, 0x7F, 0x75, 8, 0x95, 2, 0x81, 6, WHEEL};
static const uint8_t keyboard_report[] = {0x05, 0x01, 0x09, 0x06, 0xA1, 1,
	/* eight modifiers E0h..E7h, a byte reserved */
	0x05, 0x07, 0x19, 0xE0, 0x29, 0xE7, 0x15, 0, 0x25, 1, 0x75, 1, 0x95, 8, 0x81, 2, 0x95, 1, 0x75, 8, 0x81, 1,
	/* five lights, three bits of padding */
	0x95, 5, 0x75, 1, 0x05, 0x08, 0x19, 1, 0x29, 5, 0x91, 2, 0x95, 1, 0x75, 3, 0x91, 1,
	/* six keys */
	0x95, 6, 0x75, 8, 0x15, 0, 0x25, 0xFF, 0x05, 0x07, 0x19, 0, 0x29, 0xFF, 0x81, 0, 0xC0};

static const uint8_t tablet_config[] = {CONFIG(0, 0, sizeof(tablet_report), 8, 10)};
static const uint8_t mouse_config[] = {CONFIG(1, 2, sizeof(mouse_report), 4, 10)};
static const uint8_t keyboard_config[] = {CONFIG(1, 1, sizeof(keyboard_report), 8, 10)};

/* ---- pointers ---- */

/* The place for a new report: the newest one while only motion is new, so that a slow guest loses no click. */
static struct usb_report *newest(struct usb_state *s, unsigned buttons)
{
	struct usb_report *r = &s->report[(s->first + s->count + USB_REPORTS - 1) % USB_REPORTS];

	if (s->count && r->buttons == buttons)
		return r;
	if (s->count == USB_REPORTS) { /* full: its last motion and buttons win */
		r->buttons = (uint8_t)buttons;
		return r;
	}
	r = &s->report[(s->first + s->count++) % USB_REPORTS];
	*r = (struct usb_report){.buttons = (uint8_t)buttons};
	return r;
}

static int clamp(int v, int limit)
{
	return v < -limit ? -limit : v > limit ? limit : v;
}

void hid_tablet(struct usb_device *d, unsigned x, unsigned y, int wheel, unsigned buttons)
{
	struct usb_report *r = newest(d->s, buttons & 7);

	r->x = (uint16_t)(x > HID_MAX_POSITION ? HID_MAX_POSITION : x);
	r->y = (uint16_t)(y > HID_MAX_POSITION ? HID_MAX_POSITION : y);
	r->wheel = (int8_t)clamp(r->wheel - clamp(wheel, 127), 127); /* up is positive here */
}

void hid_mouse(struct usb_device *d, int dx, int dy, int wheel, unsigned buttons)
{
	struct usb_report *r = newest(d->s, buttons & 7);

	r->x = (uint16_t)clamp((int16_t)r->x + clamp(dx, 4096), 16384);
	r->y = (uint16_t)clamp((int16_t)r->y + clamp(dy, 4096), 16384);
	r->wheel = (int8_t)clamp(r->wheel - clamp(wheel, 127), 127);
}

static unsigned put_tablet(const struct usb_report *r, uint8_t *b)
{
	const uint8_t out[6] = {r->buttons, (uint8_t)r->x, (uint8_t)(r->x >> 8), (uint8_t)r->y, (uint8_t)(r->y >> 8), (uint8_t)r->wheel};

	memcpy(b, out, sizeof(out));
	return sizeof(out);
}

/* At most 127 at a time; *r keeps the rest. */
static unsigned put_mouse(struct usb_report *r, uint8_t *b)
{
	int dx = clamp((int16_t)r->x, 127), dy = clamp((int16_t)r->y, 127);

	b[0] = r->buttons;
	b[1] = (uint8_t)dx;
	b[2] = (uint8_t)dy;
	b[3] = (uint8_t)r->wheel;
	r->x = (uint16_t)((int16_t)r->x - dx);
	r->y = (uint16_t)((int16_t)r->y - dy);
	r->wheel = 0;
	return 4;
}

static int give(const uint8_t *report, unsigned n, uint8_t *buf, unsigned len)
{
	n = n < len ? n : len;
	memcpy(buf, report, n);
	return (int)n;
}

static int take_tablet(struct usb_device *d, uint8_t *buf, unsigned len)
{
	struct usb_state *s = d->s;
	uint8_t b[8];

	if (!s->count)
		return USB_NAK;
	s->last = s->report[s->first];
	s->first = (s->first + 1) % USB_REPORTS;
	s->count--;
	return give(b, put_tablet(&s->last, b), buf, len);
}

static int take_mouse(struct usb_device *d, uint8_t *buf, unsigned len)
{
	struct usb_state *s = d->s;
	struct usb_report *r = &s->report[s->first];
	uint8_t b[8];
	unsigned n;

	if (!s->count)
		return USB_NAK;
	n = put_mouse(r, b);
	if (!r->x && !r->y) {
		s->last = *r;
		s->first = (s->first + 1) % USB_REPORTS;
		s->count--;
	}
	return give(b, n, buf, len);
}

/* ---- keyboard ---- */

/* HID usages of the plain make codes of set 1, 00h..58h; 0: none. */
static const uint8_t usage_plain[0x59] = {0, 0x29, 0x1E, 0x1F, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x2D, 0x2E, 0x2A, 0x2B,
	0x14, 0x1A, 0x08, 0x15, 0x17, 0x1C, 0x18, 0x0C, 0x12, 0x13, 0x2F, 0x30, 0x28, 0xE0, 0x04, 0x16,
	0x07, 0x09, 0x0A, 0x0B, 0x0D, 0x0E, 0x0F, 0x33, 0x34, 0x35, 0xE1, 0x31, 0x1D, 0x1B, 0x06, 0x19,
	0x05, 0x11, 0x10, 0x36, 0x37, 0x38, 0xE5, 0x55, 0xE2, 0x2C, 0x39, 0x3A, 0x3B, 0x3C, 0x3D, 0x3E,
	0x3F, 0x40, 0x41, 0x42, 0x43, 0x53, 0x47, 0x5F, 0x60, 0x61, 0x56, 0x5C, 0x5D, 0x5E, 0x57, 0x59,
	0x5A, 0x5B, 0x62, 0x63, 0, 0, 0x64, 0x44, 0x45};
static const struct { uint16_t set1; uint8_t usage; } usage_extended[] = {{0xE01C, 0x58}, {0xE01D, 0xE4}, {0xE035, 0x54},
	{KEY_PRINT, 0x46}, {0xE038, 0xE6}, {0xE046, 0x48}, {KEY_PAUSE, 0x48}, {0xE047, 0x4A}, {0xE048, 0x52}, {0xE049, 0x4B},
	{0xE04B, 0x50}, {0xE04D, 0x4F}, {0xE04F, 0x4D}, {0xE050, 0x51}, {0xE051, 0x4E}, {0xE052, 0x49}, {0xE053, 0x4C},
	{0xE05B, 0xE3}, {0xE05C, 0xE7}, {0xE05D, 0x65}};

static uint8_t usage_of(unsigned set1)
{
	if (set1 < sizeof(usage_plain))
		return usage_plain[set1];
	for (unsigned i = 0; i < ARRAY_SIZE(usage_extended); i++)
		if (usage_extended[i].set1 == set1)
			return usage_extended[i].usage;
	return 0;
}

static void press(struct usb_report *now, uint8_t usage, bool down)
{
	uint8_t *at = memchr(now->keys, usage, sizeof(now->keys));

	if (at && !down)
		*at = 0;
	if (at || !down)
		return;
	at = memchr(now->keys, 0, sizeof(now->keys));
	if (at) /* a seventh key is not told */
		*at = usage;
}

void hid_key(struct usb_device *d, unsigned set1, bool down)
{
	struct usb_state *s = d->s;
	struct usb_report *now = &s->last;
	uint8_t usage = usage_of(set1);

	if (!usage)
		return;
	if (usage >= 0xE0)
		now->buttons = (uint8_t)(down ? now->buttons | 1u << (usage - 0xE0) : now->buttons & ~(1u << (usage - 0xE0)));
	else
		press(now, usage, down);
	/* each change is a report, so that a press shorter than the guest's interval is seen */
	if (s->count < USB_REPORTS)
		s->count++;
	s->report[(s->first + s->count - 1) % USB_REPORTS] = *now;
}

static unsigned put_keys(const struct usb_report *r, uint8_t *b)
{
	b[0] = r->buttons;
	b[1] = 0;
	memcpy(b + 2, r->keys, sizeof(r->keys));
	return 8;
}

static int take_keyboard(struct usb_device *d, uint8_t *buf, unsigned len)
{
	struct usb_state *s = d->s;
	uint8_t b[8];

	if (!s->count)
		return USB_NAK;
	put_keys(&s->report[s->first], b);
	s->first = (s->first + 1) % USB_REPORTS;
	s->count--;
	return give(b, 8, buf, len);
}

/* ---- requests ---- */

/* SET_REPORT of the keyboard: bit 0 num, 1 caps, 2 scroll; the frontend's order is another. */
static void lights(struct usb_device *d, uint8_t v)
{
	d->s->leds = v;
	if (d->input->leds)
		d->input->leds(d->input->leds_opaque, (v >> 2 & 1) | (v & 1) << 1 | (v >> 1 & 1) << 2);
}

static int hid_request(struct usb_device *d, uint8_t request, uint16_t value, uint8_t *data, unsigned len, bool in)
{
	struct usb_state *s = d->s;

	switch (request) {
	case HID_GET_REPORT: /* as things are, whatever is queued */
		if (d->kind == &usb_keyboard)
			return (int)put_keys(&s->last, data);
		return d->kind == &usb_tablet ? (int)put_tablet(&s->last, data) : (int)put_mouse(&s->last, data);
	case HID_GET_IDLE:
		data[0] = s->idle;
		return 1;
	case HID_GET_PROTOCOL:
		data[0] = s->protocol;
		return 1;
	case HID_SET_REPORT:
		if (d->kind != &usb_keyboard || in || !len)
			return USB_STALL;
		lights(d, data[0]);
		return 0;
	case HID_SET_IDLE: /* reports come when something changes: repetition is left to the guest */
		s->idle = (uint8_t)(value >> 8);
		return 0;
	case HID_SET_PROTOCOL:
		s->protocol = value & 1;
		return 0;
	default:
		return USB_STALL;
	}
}

static void tablet_configured(struct usb_device *d, bool on)
{
	__atomic_store_n(&d->input->absolute, on, __ATOMIC_RELAXED);
}

const struct usb_kind usb_tablet = {.name = "usb-tablet", .product = 0x0001, .product_name = "Tablet", .config = tablet_config,
	.report = tablet_report, .report_len = sizeof(tablet_report), .request = hid_request, .take = take_tablet,
	.configured = tablet_configured};
const struct usb_kind usb_mouse = {.name = "usb-mouse", .product = 0x0001, .product_name = "Mouse", .config = mouse_config,
	.report = mouse_report, .report_len = sizeof(mouse_report), .request = hid_request, .take = take_mouse};
const struct usb_kind usb_keyboard = {.name = "usb-kbd", .product = 0x0001, .product_name = "Keyboard", .config = keyboard_config,
	.report = keyboard_report, .report_len = sizeof(keyboard_report), .request = hid_request, .take = take_keyboard};
