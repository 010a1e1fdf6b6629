/*
 * virtio_net.h - the paravirtual network card: one receive and one transmit queue.
 *
 * Not offered: checksum and segmentation offload, a control queue (the card takes every group address), several queue pairs.
 *
 * Source: VIRTIO 1.1, section 5.1.
 */
#ifndef DEVICES_VIRTIO_VIRTIO_NET_H
#define DEVICES_VIRTIO_VIRTIO_NET_H

#include "devices/host/net.h"
#include "devices/virtio/virtio.h"

struct virtio_net {
	struct virtio v;
	struct net *net;
	uint8_t mac[6];
};

/* virtio_net_create() - as e1000_create(): @net borrowed, NULL: link down; NULL if the place is taken */
struct virtio_net *virtio_net_create(struct log *log, struct pci_bus *bus, uint8_t devfn, struct net *net, const uint8_t mac[6],
	const struct region *rom);

#endif
