/*
 * virtio_fixture.h - a virtio device on a bus with RAM, and a driver's hand: set-up, descriptors, the available ring, what came back.
 */
#ifndef TESTS_DEVICES_VIRTIO_FIXTURE_H
#define TESTS_DEVICES_VIRTIO_FIXTURE_H

#include "chip_fixture.h"
#include "devices/virtio/virtio_9p.h"
#include "devices/virtio/virtio_balloon.h"
#include "devices/virtio/virtio_blk.h"
#include "devices/virtio/virtio_console.h"
#include "devices/virtio/virtio_net.h"
#include "devices/virtio/virtio_rng.h"
#include "mmu/ram.h"
#include <errno.h>

#define BAR 0xFE000000u
#define MSIX_BAR 0xFD000000u
#define PORT 0xC000u
#define RAM (1u << 20)
#define RING(q) ((q) < 4 ? 0x1000u + (q) * 0x4000u : 0x50000u + (q) * 0x4000u)
#define DISK 65536u

struct rig {
	struct board b;
	struct ram ram;
	struct region main;
	struct pci_bus *bus;
	struct virtio *v;
	struct net net;
	struct blk blk;
	uint8_t disk[DISK], frame[2048];
	unsigned frames, len, flushes, msgs, held;
	bool async;
	struct blk_req *pending[512];
	uint16_t avail[VIRTIO_MAX_QUEUES];
	struct chr chr[3]; /* of the console, of ports 1 and 2 */
	uint8_t out[64];
	unsigned nout, accepts;
	struct share share;
};

static inline void msi(void *opaque, const char *source, uint64_t addr, uint32_t data)
{
	((struct rig *)opaque)->msgs = data;
}

static inline void sent(struct net *n, const uint8_t *f, unsigned len)
{
	struct rig *r = container_of(n, struct rig, net);

	r->frames++;
	r->len = len;
	memcpy(r->frame, f, len < sizeof(r->frame) ? len : sizeof(r->frame));
}

static inline void do_req(struct rig *r, struct blk_req *q)
{
	int err = q->op != BLK_FLUSH && (q->off > DISK || q->len > DISK - q->off) ? EIO : 0;

	ck_assert_int_eq(err, 0); /* the device never asks for what is not there */
	if (q->op == BLK_READ)
		memcpy(q->buf, r->disk + q->off, q->len);
	else if (q->op == BLK_WRITE)
		memcpy(r->disk + q->off, q->buf, q->len);
	else if (q->op == BLK_ZERO)
		memset(r->disk + q->off, 0, q->len);
	r->flushes += q->op == BLK_FLUSH;
	q->done(q->opaque, err);
}

static inline void submit(struct blk *b, struct blk_req *q)
{
	struct rig *r = container_of(b, struct rig, blk);

	if (!r->async) {
		do_req(r, q);
		return;
	}
	ck_assert_uint_lt(r->held, 512);
	r->pending[r->held++] = q;
}

static inline void complete_all(struct rig *r)
{
	while (r->held)
		do_req(r, r->pending[--r->held]);
}

static inline void fill(void *opaque, uint8_t *buf, uint32_t len)
{
	memset(buf, 0x5A, len);
}

static inline void chr_out(struct chr *c, const uint8_t *buf, unsigned len)
{
	struct rig *r = c->dev ? (struct rig *)container_of(((struct console_end *)c->dev)->dev->end[0].port.chr, struct rig, chr[0]) : NULL;

	for (unsigned i = 0; r && i < len; i++)
		r->out[r->nout++ % sizeof(r->out)] = buf[i];
}

static inline void chr_accept(struct chr *c)
{
	container_of(((struct console_end *)c->dev)->dev->end[0].port.chr, struct rig, chr[0])->accepts++;
}

static inline struct virtio *new_console(struct rig *r)
{
	struct console_port ports[CONSOLE_PORTS] = {{true, true, NULL, &r->chr[0]}, {true, false, "a.name", &r->chr[1]}, {true, false, NULL, &r->chr[2]}};

	for (unsigned i = 0; i < 3; i++)
		r->chr[i] = (struct chr){.write = chr_out, .accept = chr_accept, .open = i == 1};
	return &virtio_console_create(&r->b.log, r->bus, PCI_DEVFN(3, 0), ports)->v;
}

/* A share with nothing in it but itself */
static inline int share_get(struct share *s, const char *path, int file, struct share_attr *a)
{
	*a = (struct share_attr){.id = 77, .mode = 0040755};
	return *path ? ENOENT : 0;
}

static inline struct rig *rig_new(unsigned type)
{
	static const uint8_t mac[6] = {0x52, 0x54, 0, 1, 2, 3};
	static const struct blk_ops ops = {.submit = submit};
	static const struct share_ops share = {.get = share_get};
	struct rig *r = calloc(1, sizeof(*r));

	ck_assert_ptr_nonnull(r);
	board_init(&r->b);
	ck_assert_int_eq(ram_init(&r->ram, RAM, NULL), VM_OK);
	space_fini(&r->b.mem);
	space_init(&r->b.mem, "mem", BIT(52) - 1, &r->ram, &r->b.log);
	r->main = (struct region){.name = "ram", .kind = REGION_RAM, .len = RAM, .ra = ram_alloc(&r->ram, RAM)};
	space_add(&r->b.mem, &r->main, 0);
	r->bus = pci_bus_create(&r->b.log, &r->b.mem, &r->b.io);
	r->bus->msi = msi;
	r->bus->msi_opaque = r;
	for (int i = 0; i < 4; i++)
		r->bus->pirq[i] = wire(&r->b, i);
	r->net.send = sent;
	r->blk.ops = &ops;
	r->blk.size = DISK;
	snprintf(r->blk.serial, sizeof(r->blk.serial), "serial-7");
	if (type == 1)
		r->v = &virtio_net_create(&r->b.log, r->bus, PCI_DEVFN(3, 0), &r->net, mac, NULL)->v;
	else if (type == 2)
		r->v = &virtio_blk_create(&r->b.log, r->bus, PCI_DEVFN(3, 0), &r->blk)->v;
	else if (type == 3)
		r->v = new_console(r);
	else if (type == 5)
		r->v = &virtio_balloon_create(&r->b.log, &r->b.clock, r->bus, PCI_DEVFN(3, 0), &r->b.mem, RAM, true)->v;
	else if (type == 9) {
		r->share.ops = &share;
		r->v = &virtio_9p_create(&r->b.log, r->bus, PCI_DEVFN(3, 0), &r->share, "the-tag")->v;
	} else
		r->v = &virtio_rng_create(&r->b.log, r->bus, PCI_DEVFN(3, 0), fill, NULL)->v;
	pci_config_write(&r->v->pci, PCI_CFG_BAR0, PORT, 4);
	pci_config_write(&r->v->pci, PCI_CFG_BAR0 + 4, MSIX_BAR, 4);
	pci_config_write(&r->v->pci, PCI_CFG_BAR0 + 16, BAR, 4);
	pci_config_write(&r->v->pci, PCI_CFG_COMMAND, PCI_CMD_MEM | PCI_CMD_IO | PCI_CMD_MASTER, 2);
	return r;
}

static inline void rig_free(struct rig *r)
{
	complete_all(r);
	drop(&r->v->dev);
	drop(&r->bus->dev);
	space_fini(&r->b.mem);
	ram_fini(&r->ram);
	space_fini(&r->b.io);
	log_fini(&r->b.log);
	free(r);
}

static inline uint8_t *mem(struct rig *r, uint32_t at)
{
	return r->ram.host + r->main.ra + at;
}

static inline uint64_t rd(struct rig *r, unsigned off, unsigned size)
{
	return space_read(&r->b.mem, BAR + off, size);
}

static inline void wr(struct rig *r, unsigned off, uint64_t v, unsigned size)
{
	space_write(&r->b.mem, BAR + off, v, size);
}

static inline int pin(struct rig *r)
{
	return r->b.level[0] | r->b.level[1] | r->b.level[2] | r->b.level[3];
}

/* 3.1.1: reset, ACKNOWLEDGE, DRIVER, features, FEATURES_OK, queues, DRIVER_OK */
static inline void start(struct rig *r, uint64_t features)
{
	wr(r, 0x14, 0, 1);
	wr(r, 0x14, 3, 1);
	for (unsigned i = 0; i < 2; i++) {
		wr(r, 0x08, i, 4);
		wr(r, 0x0C, (features | VIRTIO_F_VERSION_1) >> (i * 32) & 0xFFFFFFFF, 4);
	}
	wr(r, 0x14, 11, 1);
	ck_assert_uint_eq(rd(r, 0x14, 1), 11);
	for (unsigned q = 0; q < rd(r, 0x12, 2) && q < 18; q++) {
		wr(r, 0x16, q, 2);
		wr(r, 0x18, 16, 2);
		wr(r, 0x20, RING(q), 4);
		wr(r, 0x28, RING(q) + 0x1000, 4);
		wr(r, 0x30, RING(q) + 0x2000, 4);
		wr(r, 0x1C, 1, 2);
		r->avail[q] = 0;
		memset(mem(r, RING(q)), 0, 0x3000);
	}
	wr(r, 0x14, 15, 1);
}

static inline void desc(struct rig *r, uint32_t table, unsigned i, uint64_t addr, uint32_t len, unsigned flags, unsigned next)
{
	uint8_t *d = mem(r, table + i * 16);

	pci_put32(d, (uint32_t)addr);
	pci_put32(d + 4, (uint32_t)(addr >> 32));
	pci_put32(d + 8, len);
	pci_put16(d + 12, (uint16_t)flags);
	pci_put16(d + 14, (uint16_t)next);
}

static inline void offer(struct rig *r, unsigned q, unsigned head)
{
	uint8_t *a = mem(r, RING(q) + 0x1000);

	pci_put16(a + 4 + r->avail[q]++ % 16 * 2, (uint16_t)head);
	pci_put16(a + 2, r->avail[q]);
	wr(r, 0x3000 + q * 4, q, 2);
}

static inline unsigned used(struct rig *r, unsigned q)
{
	return pci_get16(mem(r, RING(q) + 0x2002));
}

static inline unsigned used_len(struct rig *r, unsigned q, unsigned i)
{
	return pci_get32(mem(r, RING(q) + 0x2004 + i * 8 + 4));
}

/* Header at 0x20000, data at 0x21000, status at 0x22000 */
static inline uint8_t disk_request(struct rig *r, unsigned type, uint64_t sector, uint32_t len, bool to_guest)
{
	uint8_t *h = mem(r, 0x20000);

	memset(h, 0, 16);
	pci_put32(h, type);
	pci_put32(h + 8, (uint32_t)sector);
	*mem(r, 0x22000) = 0xFF;
	desc(r, RING(0), 0, 0x20000, 16, 1, len ? 1 : 2);
	desc(r, RING(0), 1, 0x21000, len, 1 | (to_guest ? 2 : 0), 2);
	desc(r, RING(0), 2, 0x22000, 1, 2, 0);
	offer(r, 0, 0);
	return *mem(r, 0x22000);
}

#endif
