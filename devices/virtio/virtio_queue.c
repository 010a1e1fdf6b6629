/*
 * virtio_queue.c - split queues: descriptor chains out of the available ring, into the used ring (virtio.h).
 *
 * Source: VIRTIO 1.1, section 2.6. Everything read here is the guest's word: indexes are taken modulo the queue's size,
 * chains are followed for as many steps as they may have.
 */
#include "devices/virtio/virtio.h"

#define DESC_NEXT 1
#define DESC_WRITE 2
#define DESC_INDIRECT 4
#define AVAIL_NO_INTERRUPT 1

static uint16_t rd16(struct virtio *v, uint64_t at)
{
	uint8_t b[2];

	pci_dma_read(&v->pci, at, b, sizeof(b));
	return pci_get16(b);
}

static void wr16(struct virtio *v, uint64_t at, uint16_t val)
{
	uint8_t b[2];

	pci_put16(b, val);
	pci_dma_write(&v->pci, at, b, sizeof(b));
}

static bool usable(const struct virtio *v, unsigned q)
{
	return q < v->nqueues && v->s.q[q].enabled && v->s.q[q].size && !(v->s.status & 0x40) &&
		pci_get16(v->pci.cfg + PCI_CFG_COMMAND) & PCI_CMD_MASTER;
}

bool virtq_empty(struct virtio *v, unsigned q)
{
	return !usable(v, q) || rd16(v, v->s.q[q].avail + 2) == v->s.q[q].last_avail;
}

static bool add_seg(struct virtio *v, struct virtq_chain *c, uint64_t addr, uint32_t len, bool to_guest)
{
	if (c->nout + c->nin == VIRTIO_MAX_SEGS || (!to_guest && c->nin)) {
		virtio_broken(v, "a chain too long, or out of order");
		return false;
	}
	c->seg[c->nout + c->nin] = (struct virtio_seg){addr, len};
	if (to_guest) {
		c->nin++;
		c->in_len += len;
	} else {
		c->nout++;
		c->out_len += len;
	}
	return true;
}

static bool follow(struct virtio *v, struct virtq_chain *c, uint64_t table, uint32_t size, uint16_t i)
{
	bool inside = false;
	uint32_t steps = 0;

	for (;;) {
		uint8_t d[16];
		uint64_t addr;
		uint32_t len;
		uint16_t flags;

		if (i >= size || steps++ >= size) {
			virtio_broken(v, "a chain without an end");
			return false;
		}
		pci_dma_read(&v->pci, table + (uint64_t)i * 16, d, sizeof(d));
		addr = pci_get32(d) | (uint64_t)pci_get32(d + 4) << 32;
		len = pci_get32(d + 8);
		flags = pci_get16(d + 12);
		if (flags & DESC_INDIRECT) {
			if (inside || !len || len % 16 || flags & DESC_NEXT || len / 16 > 65536) {
				virtio_broken(v, "an indirect table that cannot be");
				return false;
			}
			inside = true;
			table = addr;
			size = len / 16;
			steps = i = 0;
			continue;
		}
		if (!add_seg(v, c, addr, len, flags & DESC_WRITE))
			return false;
		if (!(flags & DESC_NEXT))
			return true;
		i = pci_get16(d + 14);
	}
}

bool virtq_pop(struct virtio *v, unsigned q, struct virtq_chain *c)
{
	struct virtq_state *s = &v->s.q[q];
	uint16_t avail;

	if (!usable(v, q))
		return false;
	avail = rd16(v, s->avail + 2);
	if (avail == s->last_avail)
		return false;
	if ((uint16_t)(avail - s->last_avail) > s->size) {
		virtio_broken(v, "more available than the queue holds");
		return false;
	}
	c->head = rd16(v, s->avail + 4 + (uint64_t)(s->last_avail % s->size) * 2);
	c->nout = c->nin = 0;
	c->out_len = c->in_len = 0;
	if (!follow(v, c, s->desc, s->size, c->head))
		return false;
	s->last_avail++;
	if (virtio_has(v, VIRTIO_F_EVENT_IDX)) /* notify us about the next one */
		wr16(v, s->ring + 4 + (uint64_t)s->size * 8, s->last_avail);
	return true;
}

void virtq_put(struct virtio *v, unsigned q, const struct virtq_chain *c, uint32_t written)
{
	struct virtq_state *s = &v->s.q[q];
	uint8_t e[8];

	if (!usable(v, q))
		return;
	pci_put32(e, c->head);
	pci_put32(e + 4, written);
	pci_dma_write(&v->pci, s->ring + 4 + (uint64_t)(s->used % s->size) * 8, e, sizeof(e));
	s->used++;
}

void virtq_publish(struct virtio *v, unsigned q)
{
	if (usable(v, q))
		wr16(v, v->s.q[q].ring + 2, v->s.q[q].used);
}

void virtq_push(struct virtio *v, unsigned q, const struct virtq_chain *c, uint32_t written)
{
	virtq_put(v, q, c, written);
	virtq_publish(v, q);
}

void virtq_signal(struct virtio *v, unsigned q)
{
	struct virtq_state *s = &v->s.q[q];
	uint16_t old = s->signalled, event;
	bool first = !s->signalled_valid;

	if (!usable(v, q))
		return;
	s->signalled = s->used;
	s->signalled_valid = 1;
	if (virtio_has(v, VIRTIO_F_EVENT_IDX)) {
		event = rd16(v, s->avail + 4 + (uint64_t)s->size * 2);
		/* has used passed event since we told last? (2.6.7.2) */
		if (!first && (uint16_t)(s->used - event - 1) >= (uint16_t)(s->used - old))
			return;
	} else if (rd16(v, s->avail) & AVAIL_NO_INTERRUPT) {
		return;
	}
	virtio_interrupt(v, s->vector, 1);
}

static uint32_t move(struct virtio *v, const struct virtio_seg *seg, unsigned n, uint64_t off, uint8_t *buf, uint32_t len,
	bool to_guest)
{
	uint32_t moved = 0;

	for (unsigned i = 0; i < n && moved < len; i++) {
		uint64_t part;

		if (off >= seg[i].len) {
			off -= seg[i].len;
			continue;
		}
		part = seg[i].len - off < len - moved ? seg[i].len - off : len - moved;
		if (to_guest)
			pci_dma_write(&v->pci, seg[i].addr + off, buf + moved, part);
		else
			pci_dma_read(&v->pci, seg[i].addr + off, buf + moved, part);
		moved += (uint32_t)part;
		off = 0;
	}
	return moved;
}

uint32_t virtio_read(struct virtio *v, const struct virtq_chain *c, uint64_t off, void *buf, uint32_t len)
{
	return move(v, c->seg, c->nout, off, buf, len, false);
}

uint32_t virtio_write(struct virtio *v, const struct virtq_chain *c, uint64_t off, const void *buf, uint32_t len)
{
	return move(v, c->seg + c->nout, c->nin, off, (uint8_t *)(uintptr_t)buf, len, true);
}
