/* hid.h - USB tablet, mouse and keyboard: human interface devices. Source: USB Device Class Definition for HID 1.11. */
#ifndef DEVICES_USB_HID_H
#define DEVICES_USB_HID_H

#include "devices/host/input.h"
#include "devices/usb/usb.h"

#define HID_MAX_POSITION 32767 /* a tablet's positions are 0..this in either direction */

extern const struct usb_kind usb_tablet, usb_mouse, usb_keyboard;

/* What the user does; queued for the guest while it uses the device. */
void hid_tablet(struct usb_device *d, unsigned x, unsigned y, int wheel, unsigned buttons);
void hid_mouse(struct usb_device *d, int dx, int dy, int wheel, unsigned buttons);
void hid_key(struct usb_device *d, unsigned set1, bool down);

#endif
