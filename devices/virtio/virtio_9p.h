/*
 * virtio_9p.h - a folder of the host for the guest: 9P messages over one queue (p9.h).
 *
 * The host's files are used at once, on the machine's thread. What the guest has open is no part of a snapshot, so none is taken while the
 * guest has the share mounted.
 *
 * Sources: Linux's uapi header virtio_9p.h (device id 9, tag in the configuration); VIRTIO 1.1, section 5 (the id).
 */
#ifndef DEVICES_VIRTIO_VIRTIO_9P_H
#define DEVICES_VIRTIO_VIRTIO_9P_H

#include "devices/virtio/p9.h"
#include "devices/virtio/virtio.h"

#define VIRTIO_9P_TAG_MAX 32

struct virtio_9p {
	struct virtio v;
	struct p9 p9;
	char tag[VIRTIO_9P_TAG_MAX + 1];
	uint8_t *msg, *answer; /* P9_MSG_MAX bytes each */
	uint64_t requests;
};

/* virtio_9p_create() - @share borrowed; @tag of at most VIRTIO_9P_TAG_MAX bytes is what the guest mounts; NULL if the place is taken */
struct virtio_9p *virtio_9p_create(struct log *log, struct pci_bus *bus, uint8_t devfn, struct share *share, const char *tag);

#endif
