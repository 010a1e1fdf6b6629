/*
 * virtio_net_control.c - the control queue of the card: which frames it takes, by address and VLAN (virtio_net.h).
 *
 * Until a driver says otherwise the card takes everything, as drivers without the control queue expect.
 *
 * Source: VIRTIO 1.1, section 5.1.6.5.
 */
#include "devices/virtio/virtio_net.h"
#include "devices/net/ether.h"
#include "devices/net/inet.h"
#include <string.h>

#define AT_ONCE 64
#define COMMAND_MAX (8 + 6 * 1024) /* bytes of one command that are looked at */
#define CLASS_RX 0
#define CLASS_MAC 1
#define CLASS_VLAN 2
#define MAC_TABLE_SET 0
#define MAC_ADDR_SET 1
#define OK 0
#define FAILED 1

void virtio_net_control_reset(struct virtio_net *n)
{
	memset(&n->f, 0, sizeof(n->f));
	memcpy(n->f.mac, n->mac, sizeof(n->f.mac));
	n->f.mode[VNET_PROMISC] = 1;
}

static bool in_table(const struct virtio_net_filter *f, const uint8_t *mac)
{
	for (unsigned i = 0; i < f->naddr; i++)
		if (!memcmp(f->addr[i], mac, 6))
			return true;
	return false;
}

bool virtio_net_wants(const struct virtio_net *n, const uint8_t *frame, unsigned len)
{
	const struct virtio_net_filter *f = &n->f;

	if (virtio_has(&n->v, VNET_F_CTRL_VLAN) && len >= 18 && inet_be16(frame + 12) == INET_TAG && !f->mode[VNET_PROMISC]) {
		unsigned id = inet_be16(frame + 14) & 0xFFF;

		if (!(f->vlan[id / 32] >> (id & 31) & 1))
			return false;
	}
	if (f->mode[VNET_PROMISC])
		return true;
	if (ether_is_broadcast(frame))
		return !f->mode[VNET_NOBCAST];
	if (frame[0] & 1)
		return !f->mode[VNET_NOMULTI] && (f->mode[VNET_ALLMULTI] || f->all_multi || in_table(f, frame));
	return !f->mode[VNET_NOUNI] && (f->mode[VNET_ALLUNI] || f->all_uni || !memcmp(f->mac, frame, 6) || in_table(f, frame));
}

/* Two lists, each behind its length: addresses of stations, of groups. What finds no room makes the card take all of its kind. */
static uint8_t set_table(struct virtio_net_filter *f, const uint8_t *p, uint32_t len)
{
	f->naddr = f->all_uni = f->all_multi = 0;
	for (unsigned list = 0; list < 2; list++) {
		uint32_t n = len >= 4 ? pci_get32(p) : UINT32_MAX;

		if (n > (len - 4) / 6)
			return FAILED;
		p += 4;
		if (n > (uint32_t)VNET_ADDRESSES - f->naddr) {
			*(list ? &f->all_multi : &f->all_uni) = 1;
		} else {
			memcpy(f->addr[f->naddr], p, n * 6);
			f->naddr = (uint8_t)(f->naddr + n);
		}
		p += n * 6;
		len -= 4 + n * 6;
	}
	return OK;
}

static uint8_t command(struct virtio_net *n, const uint8_t *p, uint32_t len)
{
	struct virtio_net_filter *f = &n->f;
	unsigned id;

	if (len < 2)
		return FAILED;
	if (p[0] == CLASS_RX && p[1] < VNET_MODES && len >= 3) {
		f->mode[p[1]] = p[2] != 0;
		return OK;
	}
	if (p[0] == CLASS_MAC && p[1] == MAC_TABLE_SET)
		return set_table(f, p + 2, len - 2);
	if (p[0] == CLASS_MAC && p[1] == MAC_ADDR_SET && len >= 8) {
		memcpy(f->mac, p + 2, 6);
		return OK;
	}
	if (p[0] == CLASS_VLAN && p[1] < 2 && len >= 4) {
		id = pci_get16(p + 2);
		if (id >= 4096)
			return FAILED;
		f->vlan[id / 32] = (f->vlan[id / 32] & ~(1u << (id & 31))) | (p[1] ? 0 : 1u << (id & 31));
		return OK;
	}
	return FAILED;
}

void virtio_net_control(struct virtio_net *n)
{
	struct virtio *v = &n->v;
	uint8_t buf[COMMAND_MAX];
	struct virtq_chain c;
	unsigned done = 0;

	while (done < AT_ONCE && virtq_pop(v, VNET_CONTROL, &c)) {
		uint8_t ack = FAILED;

		if (!c.in_len) {
			virtio_broken(v, "a command without room for its answer");
			return;
		}
		if (c.out_len <= sizeof(buf))
			ack = command(n, buf, virtio_read(v, &c, 0, buf, (uint32_t)c.out_len));
		virtq_push(v, VNET_CONTROL, &c, virtio_write(v, &c, 0, &ack, 1));
		done++;
	}
	if (done)
		virtq_signal(v, VNET_CONTROL);
}
