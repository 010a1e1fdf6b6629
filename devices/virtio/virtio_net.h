/*
 * virtio_net.h - the paravirtual network card: a receive, a transmit and a control queue.
 *
 * Not offered: checksum and segmentation offload, several queue pairs, announcements.
 *
 * Source: VIRTIO 1.1, section 5.1.
 */
#ifndef DEVICES_VIRTIO_VIRTIO_NET_H
#define DEVICES_VIRTIO_VIRTIO_NET_H

#include "devices/host/net.h"
#include "devices/virtio/virtio.h"

#define VNET_CONTROL 2 /* the queue */
#define VNET_F_CTRL_VQ BIT(17)
#define VNET_F_CTRL_RX BIT(18)
#define VNET_F_CTRL_VLAN BIT(19)
#define VNET_F_CTRL_RX_EXTRA BIT(20)
#define VNET_F_CTRL_MAC BIT(23)
#define VNET_ADDRESSES 64

enum { VNET_PROMISC, VNET_ALLMULTI, VNET_ALLUNI, VNET_NOMULTI, VNET_NOUNI, VNET_NOBCAST, VNET_MODES }; /* by their commands' numbers */

struct virtio_net_filter { /* what the driver said */
	uint8_t mac[6], mode[VNET_MODES];
	uint8_t naddr, all_uni, all_multi, pad; /* all_x: more addresses than there is room for */
	uint8_t addr[VNET_ADDRESSES][6];
	uint32_t vlan[4096 / 32];
};

struct virtio_net {
	struct virtio v;
	struct virtio_net_filter f; /* follows v.s: one piece of state */
	struct net *net;
	uint8_t mac[6];
};

/* virtio_net_create() - as e1000_create(): @net borrowed, NULL: link down; NULL if the place is taken */
struct virtio_net *virtio_net_create(struct log *log, struct pci_bus *bus, uint8_t devfn, struct net *net, const uint8_t mac[6],
	const struct region *rom);

/* virtio_net_control.c */
void virtio_net_control(struct virtio_net *n); /* commands wait */
void virtio_net_control_reset(struct virtio_net *n);
bool virtio_net_wants(const struct virtio_net *n, const uint8_t *frame, unsigned len);

#endif
