/*
 * virtio_blk.h - the paravirtual disk: one queue of requests, done asynchronously by the block layer.
 *
 * Source: VIRTIO 1.1, section 5.2.
 */
#ifndef DEVICES_VIRTIO_VIRTIO_BLK_H
#define DEVICES_VIRTIO_VIRTIO_BLK_H

#include "devices/host/block.h"
#include "devices/virtio/virtio.h"

struct virtio_blk {
	struct virtio v;
	struct blk *blk;
	uint32_t gen;	    /* of requests: a reset disowns those under way */
	uint64_t in_flight; /* bytes */
	unsigned requests;
};

/* virtio_blk_create() - @blk borrowed; NULL if the place is taken */
struct virtio_blk *virtio_blk_create(struct log *log, struct pci_bus *bus, uint8_t devfn, struct blk *blk);

#endif
