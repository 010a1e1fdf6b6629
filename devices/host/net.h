/*
 * net.h - the cable between a network card and the outside: whole Ethernet frames without preamble and checksum.
 *
 * Both ends work on the machine's thread. The outside offers a frame by net_deliver(); a card that cannot take it yet says so
 * by its return value, and asks for more with net_ready(). Frames are 14 to NET_MAX_FRAME bytes.
 */
#ifndef DEVICES_HOST_NET_H
#define DEVICES_HOST_NET_H

#include "mmu/base/types.h"

#define NET_MAX_FRAME 65550u /* a jumbo that segmentation offload left whole */

struct net {
	/* backend side; NULL: nothing there */
	void (*send)(struct net *n, const uint8_t *frame, unsigned len); /* copies the frame */
	void (*ready)(struct net *n); /* the card can take frames again */
	void (*close)(struct net *n);
	void (*dump)(struct net *n, const uint8_t *frame, unsigned len); /* sees every frame; may be NULL */
	/* card side, filled by the card's create function */
	bool (*receive)(void *dev, const uint8_t *frame, unsigned len); /* false: not now; the frame is offered again */
	void *dev;
	uint8_t mac[6];
	char id[32];	/* of the netdev */
	char info[128]; /* for the monitor's info network */
};

static inline void net_send(struct net *n, const uint8_t *frame, unsigned len)
{
	if (!n || len < 14 || len > NET_MAX_FRAME)
		return;
	if (n->dump)
		n->dump(n, frame, len);
	if (n->send)
		n->send(n, frame, len);
}

/* net_deliver() - true: taken, or nobody is there to take it */
static inline bool net_deliver(struct net *n, const uint8_t *frame, unsigned len)
{
	if (!n->receive)
		return true;
	if (!n->receive(n->dev, frame, len))
		return false;
	if (n->dump)
		n->dump(n, frame, len);
	return true;
}

static inline void net_ready(struct net *n)
{
	if (n && n->ready)
		n->ready(n);
}

#endif
