/*
 * test_virtio.c - the virtio transport and its models, as a driver sees them: legacy and modern set-up, chains, indirect tables,
 * interrupts by pin and MSI-X, a disk and a card; random rings.
 */
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

static void msi(void *opaque, const char *source, uint64_t addr, uint32_t data)
{
	((struct rig *)opaque)->msgs = data;
}

static void sent(struct net *n, const uint8_t *f, unsigned len)
{
	struct rig *r = container_of(n, struct rig, net);

	r->frames++;
	r->len = len;
	memcpy(r->frame, f, len < sizeof(r->frame) ? len : sizeof(r->frame));
}

static void do_req(struct rig *r, struct blk_req *q)
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

static void submit(struct blk *b, struct blk_req *q)
{
	struct rig *r = container_of(b, struct rig, blk);

	if (!r->async) {
		do_req(r, q);
		return;
	}
	ck_assert_uint_lt(r->held, 512);
	r->pending[r->held++] = q;
}

static void complete_all(struct rig *r)
{
	while (r->held)
		do_req(r, r->pending[--r->held]);
}

static void fill(void *opaque, uint8_t *buf, uint32_t len)
{
	memset(buf, 0x5A, len);
}

static void chr_out(struct chr *c, const uint8_t *buf, unsigned len)
{
	struct rig *r = c->dev ? (struct rig *)container_of(((struct console_end *)c->dev)->dev->end[0].port.chr, struct rig, chr[0]) : NULL;

	for (unsigned i = 0; r && i < len; i++)
		r->out[r->nout++ % sizeof(r->out)] = buf[i];
}

static void chr_accept(struct chr *c)
{
	container_of(((struct console_end *)c->dev)->dev->end[0].port.chr, struct rig, chr[0])->accepts++;
}

static struct virtio *new_console(struct rig *r)
{
	struct console_port ports[CONSOLE_PORTS] = {{true, true, NULL, &r->chr[0]}, {true, false, "a.name", &r->chr[1]}, {true, false, NULL, &r->chr[2]}};

	for (unsigned i = 0; i < 3; i++)
		r->chr[i] = (struct chr){.write = chr_out, .accept = chr_accept, .open = i == 1};
	return &virtio_console_create(&r->b.log, r->bus, PCI_DEVFN(3, 0), ports)->v;
}

/* A share with nothing in it but itself */
static int share_get(struct share *s, const char *path, int file, struct share_attr *a)
{
	*a = (struct share_attr){.id = 77, .mode = 0040755};
	return *path ? ENOENT : 0;
}

static struct rig *rig_new(unsigned type)
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

static void rig_free(struct rig *r)
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

static uint8_t *mem(struct rig *r, uint32_t at)
{
	return r->ram.host + r->main.ra + at;
}

static uint64_t rd(struct rig *r, unsigned off, unsigned size)
{
	return space_read(&r->b.mem, BAR + off, size);
}

static void wr(struct rig *r, unsigned off, uint64_t v, unsigned size)
{
	space_write(&r->b.mem, BAR + off, v, size);
}

static int pin(struct rig *r)
{
	return r->b.level[0] | r->b.level[1] | r->b.level[2] | r->b.level[3];
}

/* 3.1.1: reset, ACKNOWLEDGE, DRIVER, features, FEATURES_OK, queues, DRIVER_OK */
static void start(struct rig *r, uint64_t features)
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

static void desc(struct rig *r, uint32_t table, unsigned i, uint64_t addr, uint32_t len, unsigned flags, unsigned next)
{
	uint8_t *d = mem(r, table + i * 16);

	pci_put32(d, (uint32_t)addr);
	pci_put32(d + 4, (uint32_t)(addr >> 32));
	pci_put32(d + 8, len);
	pci_put16(d + 12, (uint16_t)flags);
	pci_put16(d + 14, (uint16_t)next);
}

static void offer(struct rig *r, unsigned q, unsigned head)
{
	uint8_t *a = mem(r, RING(q) + 0x1000);

	pci_put16(a + 4 + r->avail[q]++ % 16 * 2, (uint16_t)head);
	pci_put16(a + 2, r->avail[q]);
	wr(r, 0x3000 + q * 4, q, 2);
}

static unsigned used(struct rig *r, unsigned q)
{
	return pci_get16(mem(r, RING(q) + 0x2002));
}

static unsigned used_len(struct rig *r, unsigned q, unsigned i)
{
	return pci_get32(mem(r, RING(q) + 0x2004 + i * 8 + 4));
}

/* Header at 0x20000, data at 0x21000, status at 0x22000 */
static uint8_t disk_request(struct rig *r, unsigned type, uint64_t sector, uint32_t len, bool to_guest)
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

START_TEST(disk)
{
	struct rig *r = rig_new(2);

	start(r, BIT(9) | BIT(11) | BIT(14));
	ck_assert_uint_eq(rd(r, 0x2000, 4), DISK / 512);
	memset(mem(r, 0x21000), 7, 1024);
	ck_assert_uint_eq(disk_request(r, 1, 3, 1024, false), 0);
	ck_assert_uint_eq(r->disk[3 * 512 + 1023], 7);
	ck_assert_uint_eq(r->disk[5 * 512], 0);
	ck_assert_int_eq(pin(r), 1);
	ck_assert_uint_eq(rd(r, 0x1000, 1), 1);
	ck_assert_int_eq(pin(r), 0);
	r->disk[512] = 9;
	ck_assert_uint_eq(disk_request(r, 0, 1, 512, true), 0);
	ck_assert_uint_eq(*mem(r, 0x21000), 9);
	ck_assert_uint_eq(used_len(r, 0, 1), 513);
	ck_assert_uint_eq(disk_request(r, 4, 0, 0, false), 0);
	ck_assert_uint_eq(r->flushes, 1);
	ck_assert_uint_eq(disk_request(r, 8, 0, 20, true), 0);
	ck_assert_str_eq((char *)mem(r, 0x21000), "serial-7");
	memset(mem(r, 0x21000), 0, 16);
	pci_put32(mem(r, 0x21000), 3);
	pci_put32(mem(r, 0x21008), 1);
	ck_assert_uint_eq(disk_request(r, 13, 0, 16, false), 0);
	ck_assert_uint_eq(r->disk[3 * 512] << 8 | r->disk[4 * 512], 7);
	/* behind the end, half sectors, types that do not exist */
	ck_assert_uint_eq(disk_request(r, 0, DISK / 512, 512, true), 1);
	ck_assert_uint_eq(disk_request(r, 0, UINT32_MAX, 512, true), 1);
	ck_assert_uint_eq(disk_request(r, 1, 0, 100, false), 1);
	ck_assert_uint_eq(disk_request(r, 77, 0, 512, true), 2);
	ck_assert_uint_eq(used(r, 0), 9);
	/* the guest turns the write cache off: each write is followed by a flush */
	wr(r, 0x2000 + 32, 0, 1);
	ck_assert_uint_eq(disk_request(r, 1, 0, 512, false), 0);
	ck_assert_uint_eq(r->flushes, 2);
	rig_free(r);
}
END_TEST

/* A reset while requests are under way: they end in the disk, and nothing is written into the guest's memory. */
START_TEST(disowned)
{
	struct rig *r = rig_new(2);

	r->async = true;
	start(r, 0);
	ck_assert_uint_eq(disk_request(r, 0, 1, 512, true), 0xFF);
	ck_assert_uint_eq(used(r, 0), 0);
	wr(r, 0x14, 0, 1);
	memset(mem(r, 0x21000), 0x33, 512);
	memset(r->disk, 0x44, DISK);
	complete_all(r);
	ck_assert_uint_eq(*mem(r, 0x22000), 0xFF);
	ck_assert_uint_eq(*mem(r, 0x21000), 0x33);
	start(r, 0);
	disk_request(r, 0, 1, 512, true);
	complete_all(r);
	ck_assert_uint_eq(*mem(r, 0x22000), 0);
	ck_assert_uint_eq(*mem(r, 0x21000), 0x44);
	rig_free(r);
}
END_TEST

START_TEST(card)
{
	struct rig *r = rig_new(1);
	uint8_t f[1514] = {0x52, 0x54, 0, 1, 2, 3, 9, 9, 9, 9, 9, 9, 8, 0, 0x77};

	ck_assert(net_deliver(&r->net, f, 60)); /* no driver: lost */
	start(r, BIT(5) | BIT(15) | VIRTIO_F_INDIRECT);
	ck_assert_uint_eq(rd(r, 0x2000, 4), 0x01005452);
	ck_assert(!net_deliver(&r->net, f, 60)); /* no buffer yet: it waits */
	/* three small buffers, merged */
	for (unsigned i = 0; i < 3; i++)
		desc(r, RING(0), i, 0x30000 + i * 0x1000, 600, 2, 0);
	for (unsigned i = 0; i < 3; i++)
		offer(r, 0, i);
	ck_assert(net_deliver(&r->net, f, 1514));
	ck_assert_uint_eq(used(r, 0), 3);
	ck_assert_uint_eq(used_len(r, 0, 0) + used_len(r, 0, 1) + used_len(r, 0, 2), 1514 + 12);
	ck_assert_uint_eq(pci_get16(mem(r, 0x3000A)), 3);
	ck_assert_uint_eq(*mem(r, 0x3000C + 14), 0x77);
	/* transmit through an indirect table */
	desc(r, 0x40000, 0, 0x41000, 12, 1, 1);
	desc(r, 0x40000, 1, 0x42000, 60, 0, 0);
	memcpy(mem(r, 0x42000), f, 60);
	desc(r, RING(1), 5, 0x40000, 32, 4, 0);
	offer(r, 1, 5);
	ck_assert_uint_eq(r->frames, 1);
	ck_assert_uint_eq(r->len, 60);
	ck_assert_int_eq(memcmp(r->frame, f, 60), 0);
	rig_free(r);
}
END_TEST

START_TEST(legacy)
{
	struct rig *r = rig_new(4);
	uint32_t desc_at = 0x8000;

	out(&r->b, PORT + 18, 7);
	ck_assert_uint_eq(space_read(&r->b.io, PORT + 12, 2), 64);
	space_write(&r->b.io, PORT + 8, desc_at >> 12, 4);
	ck_assert_uint_eq(space_read(&r->b.io, PORT + 8, 4), desc_at >> 12);
	desc(r, desc_at, 0, 0x20000, 100, 2, 0);
	pci_put16(mem(r, desc_at + 64 * 16 + 2), 1);
	space_write(&r->b.io, PORT + 16, 0, 2);
	ck_assert_uint_eq(*mem(r, 0x20063) << 8 | *mem(r, 0x20064), 0x5A00);
	/* the used ring is on the next page */
	ck_assert_uint_eq(pci_get16(mem(r, desc_at + 0x1000 + 2)), 1);
	ck_assert_uint_eq(pci_get32(mem(r, desc_at + 0x1000 + 8)), 100);
	ck_assert_int_eq(pin(r), 1);
	ck_assert_uint_eq(in(&r->b, PORT + 19), 1);
	ck_assert_int_eq(pin(r), 0);
	out(&r->b, PORT + 18, 0);
	ck_assert_uint_eq(space_read(&r->b.io, PORT + 8, 4), 0);
	rig_free(r);
}
END_TEST

START_TEST(msix)
{
	struct rig *r = rig_new(4);
	unsigned cap = r->v->pci.msix_cap;

	pci_config_write(&r->v->pci, cap + 2, 0x8000, 2);
	space_write(&r->b.mem, MSIX_BAR + 16, 0xFEE00000, 4);
	space_write(&r->b.mem, MSIX_BAR + 24, 0x4041, 4);
	space_write(&r->b.mem, MSIX_BAR + 28, 0, 4);
	wr(r, 0x14, 0, 1);
	wr(r, 0x16, 0, 2);
	wr(r, 0x1A, 9, 2); /* no such vector */
	ck_assert_uint_eq(rd(r, 0x1A, 2), 0xFFFF);
	start(r, 0);
	wr(r, 0x16, 0, 2);
	wr(r, 0x1A, 1, 2);
	desc(r, RING(0), 0, 0x20000, 16, 2, 0);
	offer(r, 0, 0);
	ck_assert_uint_eq(r->msgs, 0x4041);
	ck_assert_int_eq(pin(r), 0);
	/* the guest wants none */
	r->msgs = 0;
	pci_put16(mem(r, RING(0) + 0x1000), 1);
	offer(r, 0, 0);
	ck_assert_uint_eq(used(r, 0), 2);
	ck_assert_uint_eq(r->msgs, 0);
	rig_free(r);
}
END_TEST

/* The BAR through configuration space; fields that name no place in it do nothing. */
START_TEST(window)
{
	struct rig *r = rig_new(1);
	struct pci_dev *p = &r->v->pci;
	unsigned c = r->v->window;
	uint64_t seed = 5;

	ck_assert_uint_eq(pci_config_read(p, c + 3, 1), 5);
	pci_config_write(p, c + 4, 4, 1);
	pci_config_write(p, c + 8, 0x14, 4);
	pci_config_write(p, c + 12, 1, 4);
	pci_config_write(p, c + 16, 3, 1);
	ck_assert_uint_eq(rd(r, 0x14, 1), 3);
	wr(r, 0x14, 7, 1);
	ck_assert_uint_eq(pci_config_read(p, c + 16, 1), 7);
	pci_config_write(p, c + 12, 3, 4);
	pci_config_write(p, c + 16, 1, 1);
	ck_assert_uint_eq(rd(r, 0x14, 1), 7);
	for (unsigned i = 0; i < 5000; i++) {
		uint64_t x = rnd(&seed);

		pci_config_write(p, c + 4, x & 7, 1);
		pci_config_write(p, c + 8, (uint32_t)rnd(&seed) >> (x >> 8 & 31), 4);
		pci_config_write(p, c + 12, x >> 16 & 7, 4);
		pci_config_write(p, c + 16, (uint32_t)(x >> 32), 4);
		pci_config_read(p, c + 14, 4);
	}
	rig_free(r);
}
END_TEST

/* Chains that contradict themselves: the device asks for a reset, and works after it. */
START_TEST(broken)
{
	struct rig *r = rig_new(4);

	for (unsigned i = 0; i < 5; i++) {
		start(r, VIRTIO_F_INDIRECT);
		desc(r, RING(0), 0, 0x20000, 16, 2, 0);
		if (i == 0)
			desc(r, RING(0), 0, 0x20000, 16, 3, 0); /* its own successor */
		else if (i == 1)
			desc(r, RING(0), 0, 0x20000, 16, 3, 99);
		else if (i == 2)
			desc(r, RING(0), 0, 0x20000, 17, 4, 0);
		else if (i == 3)
			pci_put16(mem(r, RING(0) + 0x1002), 1000), r->avail[0] = 999;
		offer(r, 0, i == 4 ? 77 : 0);
		ck_assert_msg(rd(r, 0x14, 1) == (15 | 0x40), "case %u", i);
		ck_assert_uint_eq(used(r, 0), 0);
	}
	start(r, 0);
	desc(r, RING(0), 0, 0x20000, 16, 2, 0);
	offer(r, 0, 0);
	ck_assert_uint_eq(used(r, 0), 1);
	/* features nobody offered: FEATURES_OK does not stick */
	wr(r, 0x14, 0, 1);
	wr(r, 0x08, 0, 4);
	wr(r, 0x0C, 1 << 20, 4);
	wr(r, 0x14, 11, 1);
	ck_assert_uint_eq(rd(r, 0x14, 1), 3);
	rig_free(r);
}
END_TEST

/* Control message @i of queue 2 as it came: event << 16 | value, of port @port */
static unsigned told(struct rig *r, unsigned i, unsigned *port)
{
	uint8_t *m = mem(r, 0x30000 + i * 64);

	ck_assert_uint_lt(i, used(r, 2));
	*port = pci_get32(m);
	return (unsigned)pci_get16(m + 4) << 16 | pci_get16(m + 6);
}

static void tell(struct rig *r, unsigned port, unsigned event, unsigned value)
{
	uint8_t *m = mem(r, 0x20000);

	pci_put32(m, port);
	pci_put16(m + 4, (uint16_t)event);
	pci_put16(m + 6, (uint16_t)value);
	desc(r, RING(3), 0, 0x20000, 8, 0, 0);
	offer(r, 3, 0);
}

static void control_buffers(struct rig *r, unsigned from, unsigned n)
{
	for (unsigned i = from; i < from + n; i++) {
		desc(r, RING(2), i, 0x30000 + i * 64, 64, 2, 0);
		offer(r, 2, i);
	}
}

START_TEST(ports)
{
	static const unsigned want[] = {1 << 16 | 1, 1 << 16 | 1, 1 << 16 | 1, 4 << 16 | 1, 6 << 16 | 1, 7 << 16 | 1, 6 << 16 | 1};
	static const unsigned of[] = {0, 1, 2, 0, 0, 1, 1};
	struct rig *r = rig_new(3);
	unsigned port;

	start(r, BIT(1) | BIT(2));
	ck_assert_uint_eq(rd(r, 0x12, 2), 2 * CONSOLE_PORTS + 2);
	ck_assert_uint_eq(rd(r, 0x2004, 4), CONSOLE_PORTS);
	tell(r, 0, 0, 1); /* the driver is ready; nobody has given buffers yet */
	tell(r, 99, 3, 1); /* no such port: nothing happens */
	tell(r, 7, 3, 1);
	control_buffers(r, 0, 3);
	tell(r, 0, 3, 1);
	tell(r, 1, 3, 1);
	tell(r, 2, 3, 1);
	control_buffers(r, 3, 9);
	ck_assert_uint_eq(used(r, 2), 7);
	for (unsigned i = 0; i < 7; i++) {
		ck_assert_uint_eq(told(r, i, &port), want[i]);
		ck_assert_uint_eq(port, of[i]);
	}
	ck_assert_int_eq(memcmp(mem(r, 0x30000 + 5 * 64 + 8), "a.name", 6), 0);
	ck_assert_uint_eq(used_len(r, 2, 5), 14);
	/* somebody comes to port 2, and goes */
	r->chr[2].open = true;
	r->chr[2].shown(r->chr[2].dev);
	r->chr[2].open = false;
	r->chr[2].gone(r->chr[2].dev);
	r->chr[2].gone(r->chr[2].dev);
	ck_assert_uint_eq(used(r, 2), 9);
	ck_assert_uint_eq(told(r, 7, &port), 6 << 16 | 1);
	ck_assert_uint_eq(told(r, 8, &port), 6 << 16 | 0);
	/* bytes go to port 1 once it is open and has buffers */
	ck_assert_uint_eq(r->chr[1].can_receive(r->chr[1].dev), 0);
	tell(r, 1, 6, 1);
	ck_assert_uint_eq(r->chr[1].can_receive(r->chr[1].dev), 0);
	desc(r, RING(4), 0, 0x40000, 4, 2, 0);
	desc(r, RING(4), 1, 0x40100, 16, 2, 0);
	r->accepts = 0;
	offer(r, 4, 0);
	ck_assert_uint_eq(r->accepts, 1);
	ck_assert_uint_gt(r->chr[1].can_receive(r->chr[1].dev), 6);
	r->chr[1].receive(r->chr[1].dev, (const uint8_t *)"sixsix", 6);
	ck_assert_uint_eq(used(r, 4), 1);
	ck_assert_uint_eq(r->chr[1].can_receive(r->chr[1].dev), 0);
	offer(r, 4, 1);
	ck_assert_uint_eq(used_len(r, 4, 0) * 100 + used_len(r, 4, 1), 402);
	ck_assert_int_eq(memcmp(mem(r, 0x40100), "ix", 2), 0);
	/* and from it */
	memcpy(mem(r, 0x41000), "hello", 5);
	desc(r, RING(5), 0, 0x41000, 5, 0, 0);
	offer(r, 5, 0);
	ck_assert_uint_eq(r->nout, 5);
	ck_assert_int_eq(memcmp(r->out, "hello", 5), 0);
	wr(r, 0x2008, '!', 4); /* the emergency register */
	ck_assert_uint_eq(r->out[5], '!');
	rig_free(r);
}
END_TEST

/* A receive buffer on the device's own notify register: it is written, and no more than that happens. */
START_TEST(own_register)
{
	struct rig *r = rig_new(3);
	static const uint8_t f[64] = {4};

	start(r, BIT(1));
	tell(r, 0, 0, 1);
	tell(r, 1, 3, 1);
	tell(r, 1, 6, 1);
	for (unsigned i = 0; i < 8; i++) {
		desc(r, RING(4), i, BAR + 0x3010, 2, 2, 0); /* queue 4's */
		offer(r, 4, i);
	}
	ck_assert_uint_gt(r->chr[1].can_receive(r->chr[1].dev), 63);
	r->chr[1].receive(r->chr[1].dev, f, 5);
	ck_assert_uint_eq(used(r, 4), 3);
	ck_assert_uint_eq(container_of(r->v, struct virtio_console, v)->c.port[1].npending, 0);
	rig_free(r);
}
END_TEST

/* A driver that knows of no ports has the console on queues 0 and 1. */
START_TEST(one_console)
{
	struct rig *r = rig_new(3);

	start(r, 0);
	desc(r, RING(0), 0, 0x40000, 16, 2, 0);
	offer(r, 0, 0);
	r->chr[0].receive(r->chr[0].dev, (const uint8_t *)"key", 3);
	ck_assert_uint_eq(used_len(r, 0, 0), 3);
	ck_assert_uint_eq(r->chr[1].can_receive(r->chr[1].dev), 0);
	memcpy(mem(r, 0x41000), "out", 3);
	desc(r, RING(1), 0, 0x41000, 3, 0, 0);
	offer(r, 1, 0);
	ck_assert_int_eq(memcmp(r->out, "out", 3), 0);
	rig_free(r);
}
END_TEST

START_TEST(balloon)
{
	struct rig *r = rig_new(5);
	struct virtio_balloon *b = virtio_balloon_from(&r->v->dev);

	ck_assert_ptr_nonnull(b);
	start(r, 0);
	ck_assert_uint_eq(virtio_balloon_actual(b), RAM);
	virtio_balloon_set(b, RAM - 3 * 4096);
	ck_assert_uint_eq(rd(r, 0x2000, 4), 3);
	ck_assert_uint_eq(rd(r, 0x1000, 1), 2); /* the configuration has changed */
	memset(mem(r, 0x90000), 0x77, 0x5000);
	for (unsigned i = 0; i < 3; i++) /* 91h, 92h, then one that is nowhere */
		pci_put32(mem(r, 0x20000 + i * 4), i < 2 ? 0x91 + i : 0xFFFFFFFF);
	desc(r, RING(0), 0, 0x20000, 12, 0, 0);
	offer(r, 0, 0);
	ck_assert_uint_eq(used(r, 0), 1);
	ck_assert_uint_eq(*mem(r, 0x90FFF) << 8 | *mem(r, 0x91000), 0x7700);
	ck_assert_uint_eq(*mem(r, 0x92FFF) << 8 | *mem(r, 0x93000), 0x77);
	*mem(r, 0x91000) = 5;
	ck_assert_uint_eq(rd(r, 0, 1), 0);
	ck_assert_uint_eq(*mem(r, 0x91000), 5);
	wr(r, 0x2004, 3, 4);
	ck_assert_uint_eq(virtio_balloon_actual(b), RAM - 3 * 4096);
	wr(r, 0x2004, 0xFFFFFFFF, 4); /* the guest may say what it likes */
	ck_assert_uint_eq(virtio_balloon_actual(b), 0);
	virtio_balloon_set(b, UINT64_MAX);
	ck_assert_uint_eq(rd(r, 0x2000, 4), 0);
	offer(r, 1, 0); /* deflated: used again as they are */
	ck_assert_uint_eq(used(r, 1), 1);
	rig_free(r);
}
END_TEST

/* A session over the ring; a machine whose guest has a share mounted cannot be saved. */
/* A command of the control queue; its answer */
static unsigned control(struct rig *r, const void *cmd, unsigned len)
{
	memcpy(mem(r, 0x20000), cmd, len);
	*mem(r, 0x21000) = 0xEE;
	desc(r, RING(2), 0, 0x20000, len, 1, 1);
	desc(r, RING(2), 1, 0x21000, 1, 2, 0);
	offer(r, 2, 0);
	return *mem(r, 0x21000);
}

static bool takes(struct rig *r, const char *mac, unsigned vlan)
{
	uint8_t f[64] = {0};
	unsigned was = used(r, 0);

	memcpy(f, mac, 6);
	if (vlan) {
		f[12] = 0x81;
		f[14] = (uint8_t)(vlan >> 8);
		f[15] = (uint8_t)vlan;
	}
	desc(r, RING(0), 0, 0x30000, 600, 2, 0);
	if (pci_get16(mem(r, RING(0) + 0x1002)) == was)
		offer(r, 0, 0);
	ck_assert(net_deliver(&r->net, f, 60));
	return used(r, 0) != was;
}

START_TEST(filter)
{
	static const char ours[] = "\x52\x54\0\1\2\3", other[] = "\x52\x54\0\1\2\4", group[] = "\1\0\x5E\0\0\1", all[] = "\xFF\xFF\xFF\xFF\xFF\xFF";
	struct rig *r = rig_new(1);
	uint8_t big[2 + 8 + 65 * 6] = {1, 0, 65};

	start(r, BIT(5) | VNET_F_CTRL_VQ | VNET_F_CTRL_RX | VNET_F_CTRL_VLAN | VNET_F_CTRL_MAC | VNET_F_CTRL_RX_EXTRA);
	ck_assert(takes(r, ours, 0) && takes(r, other, 0) && takes(r, group, 7)); /* until told */
	ck_assert_uint_eq(control(r, "\0\0\0", 3), 0);
	ck_assert(takes(r, ours, 0) && !takes(r, other, 0) && !takes(r, group, 0) && takes(r, all, 0));
	ck_assert(!takes(r, ours, 7));
	ck_assert_uint_eq(control(r, "\2\0\7\0", 4), 0);
	ck_assert(takes(r, ours, 7) && !takes(r, ours, 8));
	ck_assert_uint_eq(control(r, "\2\1\7\0", 4), 0);
	ck_assert(!takes(r, ours, 7));
	ck_assert_uint_eq(control(r, "\1\0\0\0\0\0\1\0\0\0\1\0\x5E\0\0\1", 16), 0); /* one group */
	ck_assert(takes(r, group, 0));
	ck_assert_uint_eq(control(r, "\0\3\1", 3), 0);
	ck_assert(!takes(r, group, 0));
	ck_assert_uint_eq(control(r, "\0\5\1", 3), 0);
	ck_assert(!takes(r, all, 0));
	ck_assert_uint_eq(control(r, "\1\1\x52\x54\0\1\2\4", 8), 0); /* another address */
	ck_assert(takes(r, other, 0) && !takes(r, ours, 0));
	ck_assert_uint_eq(rd(r, 0x2000, 4), 0x01005452);
	ck_assert_uint_eq(rd(r, 0x2004, 2), 0x0402);
	ck_assert_uint_eq(control(r, big, sizeof(big)), 0); /* too many stations: all of them */
	ck_assert(takes(r, ours, 0));
	/* lists longer than the command, VLANs and classes that do not exist */
	ck_assert_uint_eq(control(r, "\1\0\xFF\xFF\xFF\xFF\0\0\0\0", 10), 1);
	ck_assert_uint_eq(control(r, "\1\0\0\0\0\0", 6), 1);
	ck_assert_uint_eq(control(r, "\2\0\0\x10", 4), 1);
	ck_assert_uint_eq(control(r, "\0\6\1", 3), 1);
	ck_assert_uint_eq(control(r, "\4\0\1", 3), 1);
	ck_assert_uint_eq(control(r, "\0", 1), 1);
	wr(r, 0x14, 0, 1);
	ck_assert_uint_eq(rd(r, 0x2004, 2), 0x0302); /* the card's own address again */
	rig_free(r);
}
END_TEST

START_TEST(folder)
{
	static const uint8_t hello[] = {21, 0, 0, 0, 100, 1, 0, 0, 0, 2, 0, 8, 0, '9', 'P', '2', '0', '0', '0', '.', 'L'};
	static const uint8_t attach[] = {23, 0, 0, 0, 104, 2, 0, 0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0, 255, 255, 255, 255};
	static const uint8_t statfs[] = {11, 0, 0, 0, 200, 3, 0, 9, 0, 0, 0};
	struct rig *r = rig_new(9);
	struct device *d = &r->v->dev;

	start(r, 1);
	ck_assert_uint_eq(rd(r, 0x2000, 2), 7);
	ck_assert_uint_eq(rd(r, 0x2002, 4), 'e' << 16 | 'h' << 8 | 't' | (unsigned)'-' << 24);
	memcpy(mem(r, 0x20000), hello, sizeof(hello));
	desc(r, RING(0), 0, 0x20000, 10, 1, 1); /* in two pieces */
	desc(r, RING(0), 1, 0x2000A, sizeof(hello) - 10, 1, 2);
	desc(r, RING(0), 2, 0x21000, 64, 2, 0);
	offer(r, 0, 0);
	ck_assert_uint_eq(used_len(r, 0, 0), 21);
	ck_assert_uint_eq(*mem(r, 0x21004), 101);
	ck_assert_ptr_null(d->ops->unsaved(d));
	memcpy(mem(r, 0x20000), attach, sizeof(attach));
	desc(r, RING(0), 0, 0x20000, sizeof(attach), 1, 2);
	offer(r, 0, 0);
	ck_assert_uint_eq(*mem(r, 0x21004), 105);
	ck_assert_uint_eq(*mem(r, 0x21007), 0x80);
	ck_assert_uint_eq(*mem(r, 0x2100C), 77);
	ck_assert_ptr_nonnull(d->ops->unsaved(d));
	memcpy(mem(r, 0x20000), statfs, sizeof(statfs));
	desc(r, RING(0), 0, 0x20000, sizeof(statfs), 1, 2);
	offer(r, 0, 0);
	ck_assert_uint_eq(*mem(r, 0x21004), 7); /* no such message: an error */
	ck_assert_uint_eq(pci_get16(mem(r, 0x21005)), 3);
	desc(r, RING(0), 0, 0x20000, sizeof(statfs), 0, 0); /* no room for an answer */
	offer(r, 0, 0);
	ck_assert_uint_eq(rd(r, 0x14, 1) & 0x40, 0x40);
	wr(r, 0x14, 0, 1);
	ck_assert_ptr_null(d->ops->unsaved(d));
	rig_free(r);
}
END_TEST

static void count(void *opaque)
{
	++*(unsigned *)opaque;
}

/* The driver leaves a buffer; it comes back when new numbers are asked for. */
START_TEST(statistics)
{
	struct rig *r = rig_new(5);
	struct virtio_balloon *b = virtio_balloon_from(&r->v->dev);
	unsigned told = 0;

	b->changed = count;
	b->opaque = &told;
	start(r, BIT(1) | BIT(2));
	memcpy(mem(r, 0x20000), "\4\0\0\x10\0\0\0\0\0\0\5\0\1\0\0\0\1\0\0\0\xFF\xFF\0\0\0\0\0\0\0\0", 30);
	desc(r, RING(2), 0, 0x20000, 30, 0, 0);
	offer(r, 2, 0);
	ck_assert_uint_eq(used(r, 2), 0);
	ck_assert_uint_eq(b->b.stat[4], 4096);
	ck_assert_uint_eq(b->b.stat[5], 0x100000001);
	ck_assert_uint_eq(b->b.stat[0], UINT64_MAX);
	virtio_balloon_poll(b, 2);
	pass(&r->b, 1999000000);
	ck_assert_uint_eq(used(r, 2), 0);
	pass(&r->b, 2000000);
	ck_assert_uint_eq(used(r, 2), 1);
	pass(&r->b, 2000000000); /* the driver has not answered: nothing to give back */
	ck_assert_uint_eq(used(r, 2), 1);
	offer(r, 2, 0);
	offer(r, 2, 0); /* one too many */
	ck_assert_uint_eq(used(r, 2), 2);
	virtio_balloon_set(b, RAM - 10 * 4096);
	for (unsigned i = 1; i <= 10; i++)
		wr(r, 0x2004, i, 4);
	ck_assert_uint_eq(told, 2); /* the first, and what was asked for */
	wr(r, 0x14, 0, 1);
	ck_assert_uint_eq(b->b.has_buffer, 0);
	rig_free(r);
}
END_TEST

static void random_rings(unsigned type)
{
	struct rig *r = rig_new(type);
	uint64_t seed = 99 + type;
	uint8_t f[2000];

	start(r, VIRTIO_F_INDIRECT | VIRTIO_F_EVENT_IDX);
	for (unsigned i = 0; i < 20000; i++) {
		uint64_t x = rnd(&seed);
		unsigned q = type == 3 ? (x >> 8 & 7) : type == 1 || type == 5 ? (x >> 8 & 3) % 3 : x >> 8 & 1;

		if (x % 16 < 6)
			desc(r, RING(q), x >> 12 & 15, x & 0x100000 ? BAR + 0x3000 : (x >> 24) % RAM,
				(uint32_t)(x >> 44) & (x & 0x200000 ? 0xFFFFF : 0x3FF), (unsigned)(x >> 56) & 7, x >> 20 & 15);
		else if (x % 16 < 11)
			offer(r, q, x >> 12 & 31);
		else if (x % 16 == 11)
			mem(r, 0)[(x >> 8) % 0x30000] = (uint8_t)(x >> 40);
		else if (x % 16 == 12)
			start(r, VIRTIO_F_INDIRECT | (x & 0x100 ? VIRTIO_F_EVENT_IDX : 0) | (x & 0x200 ? r->v->features : 0));
		else if (x % 16 == 13)
			wr(r, (x >> 8) % 0x40, rnd(&seed) % RAM, 1u << (x >> 30) % 3);
		else if (x % 16 == 14)
			complete_all(r);
		memset(f, x & 0x400 ? 0xFF : 0, sizeof(f));
		net_deliver(&r->net, f, 14 + (unsigned)(x >> 32) % 1900);
		for (unsigned k = 0; type == 3 && k < 3; k++) {
			unsigned room = r->chr[k].can_receive(r->chr[k].dev);

			if (room)
				r->chr[k].receive(r->chr[k].dev, f, room < 1900 ? room : 1900);
			r->chr[k].open = x >> (k + 3) & 1;
			r->chr[k].shown(r->chr[k].dev);
		}
		r->async = x & 0x800;
	}
	complete_all(r);
	fuzz(&r->b, &r->b.mem, BAR, 0x3100, &r->v->dev);
	fuzz(&r->b, &r->b.io, PORT, 128, &r->v->dev);
	rig_free(r);
}

START_TEST(random_card)
{
	random_rings(1);
}
END_TEST

START_TEST(random_disk)
{
	random_rings(2);
}
END_TEST

START_TEST(random_console)
{
	random_rings(3);
}
END_TEST

START_TEST(random_balloon)
{
	random_rings(5);
}
END_TEST

START_TEST(random_folder)
{
	random_rings(9);
}
END_TEST

START_TEST(random_rng)
{
	random_rings(4);
}
END_TEST

int main(void)
{
	const TTest *tests[] = {disk, disowned, card, legacy, msix, window, broken, ports, own_register, one_console, balloon, statistics, filter, folder, random_folder, random_card, random_disk, random_rng,
		random_console, random_balloon};

	return run_cases("virtio", tests, ARRAY_SIZE(tests));
}
