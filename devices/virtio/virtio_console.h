/*
 * virtio_console.h - the paravirtual console with its ports: virtio-serial-pci as QEMU calls it, with virtconsole and virtserialport.
 *
 * Port 0 has queues 0 and 1, the control messages 2 and 3, port N 2N+2 and 2N+3. A driver without F_MULTIPORT knows port 0 alone. What
 * comes from outside and finds no buffer of the guest's waits in the port (CONSOLE_PENDING bytes), then outside. Not offered: a size of
 * the console.
 *
 * Source: VIRTIO 1.1, section 5.3.
 */
#ifndef DEVICES_VIRTIO_VIRTIO_CONSOLE_H
#define DEVICES_VIRTIO_VIRTIO_CONSOLE_H

#include "devices/host/char.h"
#include "devices/virtio/virtio.h"

#define CONSOLE_PORTS 31
#define CONSOLE_PENDING 1024

struct console_port {
	bool present, console; /* console: for a terminal, hvcN in Linux; else a stream of bytes, /dev/vportNpM */
	const char *name;      /* or NULL: for the guest's udev */
	struct chr *chr;       /* borrowed, or NULL */
};

struct console_port_state {
	uint8_t events;	    /* control messages that the guest has not got yet */
	uint8_t ready, open; /* the guest has the port; a program of it has it open */
	uint8_t outside;    /* somebody is at the other end, as the guest was told last */
	uint32_t npending;
	uint8_t pending[CONSOLE_PENDING];
};

struct console_state {
	struct console_port_state port[CONSOLE_PORTS];
};

struct virtio_console {
	struct virtio v;
	struct console_state c; /* follows v.s: one piece of state */
	struct console_end {
		struct virtio_console *dev;
		struct console_port port;
	} end[CONSOLE_PORTS];
};

/* virtio_console_create() - @ports: CONSOLE_PORTS of them; NULL if the place is taken */
struct virtio_console *virtio_console_create(struct log *log, struct pci_bus *bus, uint8_t devfn, const struct console_port *ports);

#endif
