/*
 * virtio_rng.h - the paravirtual source of random bytes (VIRTIO 1.1, section 5.4).
 */
#ifndef DEVICES_VIRTIO_VIRTIO_RNG_H
#define DEVICES_VIRTIO_VIRTIO_RNG_H

#include "devices/virtio/virtio.h"

struct virtio_rng {
	struct virtio v;
	void (*fill)(void *opaque, uint8_t *buf, uint32_t len);
	void *opaque;
};

/* virtio_rng_create() - @fill gives random bytes; NULL if the place is taken */
struct virtio_rng *virtio_rng_create(struct log *log, struct pci_bus *bus, uint8_t devfn,
	void (*fill)(void *opaque, uint8_t *buf, uint32_t len), void *opaque);

#endif
