/*
 * virtio_balloon.h - the memory balloon: pages that the guest does without are the host's again, and read as zeroes after.
 *
 * Not offered: statistics, deflation by the guest when it runs out of memory, hints and reports of free pages.
 *
 * Source: VIRTIO 1.1, section 5.5.
 */
#ifndef DEVICES_VIRTIO_VIRTIO_BALLOON_H
#define DEVICES_VIRTIO_VIRTIO_BALLOON_H

#include "devices/virtio/virtio.h"

struct balloon_state {
	uint32_t wanted, actual; /* pages of 4 KiB in the balloon: what the guest was asked for, what it says there are */
};

struct virtio_balloon {
	struct virtio v;
	struct balloon_state b; /* follows v.s: one piece of state */
	struct space *mem;
	uint64_t ram; /* bytes */
};

/* virtio_balloon_create() - for a guest with @ram bytes in @mem; NULL if the place is taken */
struct virtio_balloon *virtio_balloon_create(struct log *log, struct pci_bus *bus, uint8_t devfn, struct space *mem, uint64_t ram);
struct virtio_balloon *virtio_balloon_from(struct device *d); /* NULL: it is something else, or NULL */

/* virtio_balloon_set() - the guest is asked to do with @bytes; more than it has counts as all */
void virtio_balloon_set(struct virtio_balloon *b, uint64_t bytes);
uint64_t virtio_balloon_actual(const struct virtio_balloon *b); /* bytes that the guest has now */

#endif
