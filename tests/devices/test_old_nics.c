/* test_old_nics.c - RTL8139 and NE2000: EEPROM, buffers and rings, filters, interrupts; random registers and rings. */
#include "chip_fixture.h"
#include "inet_frame.h"
#include "devices/net/ether.h"
#include "devices/net/ne2000.h"
#include "devices/net/rtl8139.h"
#include "mmu/ram.h"

#define BAR 0xFEB00000u
#define PORT 0xC000u
#define RAM (1u << 20)
#define RING 0x10000u
#define BUF 0x40000u

struct rig {
	struct board b;
	struct ram ram;
	struct region main;
	struct pci_bus *bus;
	struct net net;
	struct pci_dev *pci;
	struct device *d;
	uint8_t frame[2048];
	unsigned len, n, ready, good; /* good: frames whose checksums were right */
};

static void sent(struct net *n, const uint8_t *f, unsigned len)
{
	struct rig *r = container_of(n, struct rig, net);

	r->n++;
	r->good += len >= 54 && f[12] == 8 && frame_good(f, 14) == 3;
	r->len = len;
	memcpy(r->frame, f, len < sizeof(r->frame) ? len : sizeof(r->frame));
}

static void ready(struct net *n)
{
	container_of(n, struct rig, net)->ready++;
}

static struct rig *rig_new(bool rtl)
{
	static const uint8_t mac[6] = {0x52, 0x54, 0, 1, 2, 3};
	struct rig *r = calloc(1, sizeof(*r));

	ck_assert_ptr_nonnull(r);
	board_init(&r->b);
	ck_assert_int_eq(ram_init(&r->ram, RAM, NULL), VM_OK);
	space_fini(&r->b.mem);
	space_init(&r->b.mem, "mem", BIT(52) - 1, &r->ram, &r->b.log);
	r->main = (struct region){.name = "ram", .kind = REGION_RAM, .len = RAM, .ra = ram_alloc(&r->ram, RAM)};
	space_add(&r->b.mem, &r->main, 0);
	r->bus = pci_bus_create(&r->b.log, &r->b.mem, &r->b.io);
	for (int i = 0; i < 4; i++)
		r->bus->pirq[i] = wire(&r->b, i);
	r->net.send = sent;
	r->net.ready = ready;
	if (rtl) {
		struct rtl8139 *c = rtl8139_create(&r->b.log, &r->b.clock, r->bus, PCI_DEVFN(3, 0), &r->net, mac, NULL);

		r->pci = &c->pci;
		r->d = &c->dev;
	} else {
		struct ne2000 *c = ne2000_pci_create(&r->b.log, &r->b.clock, r->bus, PCI_DEVFN(3, 0), &r->net, mac, NULL);

		r->pci = &c->pci;
		r->d = &c->dev;
	}
	pci_config_write(r->pci, PCI_CFG_BAR0, PORT, 4);
	pci_config_write(r->pci, PCI_CFG_BAR0 + 4, BAR, 4);
	pci_config_write(r->pci, PCI_CFG_COMMAND, PCI_CMD_IO | PCI_CMD_MEM | PCI_CMD_MASTER, 2);
	return r;
}

static void rig_free(struct rig *r)
{
	drop(r->d);
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

static int pin(struct rig *r)
{
	return r->b.level[0] | r->b.level[1] | r->b.level[2] | r->b.level[3];
}

static uint32_t rd(struct rig *r, unsigned off, unsigned size)
{
	return (uint32_t)space_read(&r->b.io, PORT + off, size);
}

static void wr(struct rig *r, unsigned off, uint32_t v, unsigned size)
{
	space_write(&r->b.io, PORT + off, v, size);
}

/* The CRC computed the other way round has the same bits in the other order. */
START_TEST(hash)
{
	static const uint8_t all_hosts[6] = {0x01, 0x00, 0x5E, 0x00, 0x00, 0x01}, zero[6] = {0};
	uint32_t crc = UINT32_MAX;

	/* the same polynomial, reflected: bit by bit from the other end */
	for (unsigned i = 0; i < 48; i++)
		crc = crc >> 1 ^ (((crc ^ all_hosts[i / 8] >> i % 8) & 1) ? 0xEDB88320u : 0);
	for (unsigned i = 0; i < 6; i++)
		ck_assert_uint_eq(ether_hash(all_hosts) >> (5 - i) & 1, crc >> i & 1);
	ck_assert_uint_lt(ether_hash(zero), 64);
}
END_TEST

/* ---- RTL8139 ---- */

static unsigned ee_word(struct rig *r, unsigned at)
{
	unsigned v = 0;

	wr(r, 0x50, 0x80, 1);
	for (int i = 8; i >= 0; i--) {
		unsigned di = ((6u << 6 | at) >> i & 1) << 1;

		wr(r, 0x50, 0x88 | di, 1);
		wr(r, 0x50, 0x8C | di, 1);
	}
	for (unsigned i = 0; i < 16; i++) {
		wr(r, 0x50, 0x88, 1);
		wr(r, 0x50, 0x8C, 1);
		v = v << 1 | (rd(r, 0x50, 1) & 1);
	}
	wr(r, 0x50, 0, 1);
	return v;
}

START_TEST(rtl_registers)
{
	struct rig *r = rig_new(true);

	ck_assert_uint_eq(ee_word(r, 0), 0x8129);
	ck_assert_uint_eq(ee_word(r, 7), 0x5452);
	ck_assert_uint_eq(rd(r, 0, 4), 0x01005452);
	wr(r, 0, 0, 4); /* locked */
	ck_assert_uint_eq(rd(r, 0, 4), 0x01005452);
	wr(r, 0x50, 0xC0, 1);
	wr(r, 0, 0x44332211, 4);
	ck_assert_uint_eq(rd(r, 0, 4), 0x44332211);
	wr(r, 0x37, 0x10, 1);
	ck_assert_uint_eq(rd(r, 0x37, 1), 1); /* reset is over, the ring empty */
	ck_assert_uint_eq(rd(r, 0x40, 4) >> 24, 0x74);
	ck_assert_uint_eq(space_read(&r->b.mem, BAR + 0x64, 2), 0x782D);
	/* the timer: 33 MHz */
	wr(r, 0x3C, 0x4000, 2);
	wr(r, 0x54, 33000, 4);
	wr(r, 0x48, 0, 4);
	pass(&r->b, 999000);
	ck_assert_int_eq(pin(r), 0);
	pass(&r->b, 2000);
	ck_assert_int_eq(pin(r), 1);
	wr(r, 0x3E, 0x4000, 2);
	ck_assert_int_eq(pin(r), 0);
	rig_free(r);
}
END_TEST

START_TEST(rtl_transmit)
{
	struct rig *r = rig_new(true);

	memset(mem(r, BUF), 0x5A, 100);
	wr(r, 0x3C, 4, 2);
	wr(r, 0x37, 4, 1);
	wr(r, 0x20, BUF, 4);
	wr(r, 0x24, BUF + 1, 4);
	wr(r, 0x14, 60, 4); /* the second first: waits for its turn */
	ck_assert_uint_eq(r->n, 0);
	wr(r, 0x10, 100, 4);
	ck_assert_uint_eq(r->n, 2);
	ck_assert_uint_eq(r->len, 60);
	ck_assert_uint_eq(rd(r, 0x10, 4), 0xA000 | 100);
	ck_assert_uint_eq(rd(r, 0x60, 2), 0x300F);
	ck_assert_int_eq(pin(r), 1);
	wr(r, 0x18, 1800, 4); /* more than a frame may have */
	ck_assert_uint_eq(r->n, 2);
	ck_assert_uint_eq(rd(r, 0x18, 4) >> 30, 1);
	ck_assert_uint_eq(rd(r, 0x3E, 2), 0x000C);
	rig_free(r);
}
END_TEST

START_TEST(rtl_receive)
{
	struct rig *r = rig_new(true);
	uint8_t f[1600] = {0x52, 0x54, 0, 1, 2, 3, 9, 9, 9, 9, 9, 9, 8, 0, 0x77};
	unsigned n = 0, h;

	wr(r, 0x30, RING, 4);
	wr(r, 0x44, 0x0A, 4); /* 8 KiB; our address, broadcasts */
	wr(r, 0x3C, 1, 2);
	ck_assert(net_deliver(&r->net, f, 60)); /* off: lost */
	wr(r, 0x37, 8, 1);
	ck_assert(net_deliver(&r->net, f, 50));
	ck_assert_uint_eq(pci_get16(mem(r, RING)), 0x4001);
	ck_assert_uint_eq(pci_get16(mem(r, RING + 2)), 64);
	ck_assert_int_eq(memcmp(mem(r, RING + 4), f, 50), 0);
	ck_assert_uint_eq(rd(r, 0x3A, 2), 68);
	ck_assert_uint_eq(rd(r, 0x37, 1), 8);
	ck_assert_int_eq(pin(r), 1);
	f[0] = 0x56; /* somebody else's */
	ck_assert(net_deliver(&r->net, f, 60));
	f[0] = 1; /* a group */
	ck_assert(net_deliver(&r->net, f, 60));
	ck_assert_uint_eq(rd(r, 0x3A, 2), 68);
	h = ether_hash(f);
	wr(r, 0x44, 0x0E, 4);
	wr(r, 8 + h / 8, 1u << (h & 7), 1);
	ck_assert(!net_deliver(&r->net, f, 60)); /* the wire has its speed */
	pass(&r->b, 10000);
	ck_assert(net_deliver(&r->net, f, 60));
	ck_assert_uint_eq(pci_get16(mem(r, RING + 68)), 0x8001);
	/* full: the frame waits for the driver */
	memset(f, 0xFF, 6);
	pass(&r->b, 10000);
	while (net_deliver(&r->net, f, 1000)) {
		pass(&r->b, 90000); /* (1000 + 24) * 80 ns are gone */
		n++;
	}
	ck_assert_uint_eq(n, 7);
	wr(r, 0x3E, 1, 2);
	ck_assert(!net_deliver(&r->net, f, 1000));
	ck_assert_int_eq(pin(r), 1); /* told again of what it has */
	r->ready = 0;
	wr(r, 0x38, rd(r, 0x3A, 2) - 16, 2);
	pass(&r->b, 99000);
	ck_assert_uint_eq(r->ready, 0);
	pass(&r->b, 2000);
	ck_assert_uint_eq(r->ready, 1);
	ck_assert_uint_eq(rd(r, 0x37, 1) & 1, 1);
	/* over the end of the ring: split, and in one piece with WRAP */
	memset(mem(r, RING + 8192), 0, 2000);
	f[999] = 0x66;
	h = rd(r, 0x3A, 2);
	ck_assert(net_deliver(&r->net, f, 1000));
	ck_assert_uint_eq(*mem(r, RING + (h + 4 + 999) % 8192), 0x66);
	ck_assert_uint_eq(rd(r, 0x3A, 2), (h + 1008) % 8192);
	wr(r, 0x37, 0x10, 1);
	rig_free(r);
}
END_TEST

static const uint8_t our_mac[6] = {0x52, 0x54, 0, 1, 2, 3};

static void cp_desc(struct rig *r, uint32_t at, uint32_t status, uint32_t tag, uint32_t addr)
{
	uint8_t *d = mem(r, at);

	pci_put32(d, status);
	pci_put32(d + 4, tag);
	pci_put32(d + 8, addr);
	pci_put32(d + 12, 0);
}

static void cp_start(struct rig *r, unsigned cpcr)
{
	wr(r, 0xE0, cpcr, 2);
	wr(r, 0xE4, RING, 4);
	wr(r, 0xE8, 0, 4);
	wr(r, 0x20, RING + 0x1000, 4);
	wr(r, 0x24, 0, 4);
	wr(r, 0x28, RING + 0x2000, 4);
	wr(r, 0x2C, 0, 4);
	wr(r, 0x37, 0x0C, 1);
	wr(r, 0x44, 0x0A, 4);
	wr(r, 0x3C, 0x15, 2);
}

START_TEST(rtl_cp_transmit)
{
	struct rig *r = rig_new(true);
	uint32_t tx = RING + 0x1000;
	unsigned n;

	ck_assert_uint_eq(pci_config_read(r->pci, PCI_CFG_REVISION, 1), 0x20);
	cp_start(r, 0x3);
	ck_assert_uint_eq(rd(r, 0xE0, 2), 3);
	/* two pieces; the second is not the chip's yet, so nothing goes */
	n = make_frame(mem(r, BUF), our_mac, 17, 100, false);
	cp_desc(r, tx, 0xA0000000 | 40, 0, BUF);
	cp_desc(r, tx + 16, 0x50000000 | (n - 40), 0, BUF + 40);
	wr(r, 0xD9, 0x40, 1);
	ck_assert_uint_eq(r->n, 0);
	pci_put32(mem(r, tx), 0xA0060000 | 40); /* with checksums of IP and UDP */
	pci_put32(mem(r, tx + 16), 0xD0000000 | (n - 40));
	wr(r, 0xD9, 0x40, 1);
	ck_assert_uint_eq(r->n, 1);
	ck_assert_uint_eq(r->len, n);
	ck_assert_uint_eq(r->good, 1);
	ck_assert_uint_eq(pci_get32(mem(r, tx)) >> 31 | pci_get32(mem(r, tx + 16)) >> 31, 0);
	ck_assert_uint_eq(rd(r, 0x3E, 2), 4);
	ck_assert_int_eq(pin(r), 1);
	/* the ring ended there; a tag, bytes swapped; both queues */
	cp_desc(r, tx, 0xB0000000 | n, 0x20000 | 0x0560, BUF);
	cp_desc(r, RING + 0x2000, 0xB0000000 | 60, 0, BUF);
	wr(r, 0xD9, 0xC0, 1);
	ck_assert_uint_eq(r->n, 3);
	ck_assert_uint_eq(r->len, n + 4);
	ck_assert_int_eq(memcmp(r->frame + 12, "\x81\0\x60\x05", 4), 0);
	/* a large segment: 3000 bytes in pieces of 1460 */
	r->n = r->good = 0;
	n = make_frame(mem(r, BUF), our_mac, 6, 3000, false);
	cp_desc(r, tx + 16, 0xB8000000 | 1460u << 16 | n, 0, BUF);
	wr(r, 0xD9, 0x40, 1);
	ck_assert_uint_eq(r->n, 3);
	ck_assert_uint_eq(r->good, 3);
	ck_assert_uint_eq(r->len, 54 + 80);
	ck_assert_uint_eq(r->frame[14 + 20 + 6] << 8 | r->frame[14 + 20 + 7], 0x1000 + 2920);
	ck_assert_uint_eq(r->frame[14 + 5], 0x36);
	ck_assert_uint_eq(r->frame[14 + 33], 0x19); /* FIN and PSH in the last */
	/* counters */
	wr(r, 0x14, 0, 4);
	wr(r, 0x10, BUF | 8, 4);
	ck_assert_uint_eq(rd(r, 0x10, 4), BUF);
	ck_assert_uint_eq(pci_get32(mem(r, BUF)), 6);
	rig_free(r);
}
END_TEST

START_TEST(rtl_cp_receive)
{
	struct rig *r = rig_new(true);
	uint8_t f[200];
	unsigned n = make_frame(f, our_mac, 6, 60, true);

	cp_start(r, 0x63);
	for (unsigned i = 0; i < 5; i++)
		cp_desc(r, RING + i * 16, 0x80000000 | (i == 4 ? 0x40000000 : 0) | 1536, 77, BUF + i * 0x800);
	ck_assert(net_deliver(&r->net, f, n));
	ck_assert_uint_eq(pci_get32(mem(r, RING)), 0x32010000 | (n + 4)); /* whole, ours, TCP */
	ck_assert_uint_eq(pci_get32(mem(r, RING + 4)), 0);
	ck_assert_int_eq(memcmp(mem(r, BUF), f, n), 0);
	ck_assert_int_eq(pin(r), 1);
	f[14 + 20 + 30] ^= 4;
	ck_assert(net_deliver(&r->net, f, n)); /* at once: no wire in between */
	ck_assert_uint_eq(pci_get32(mem(r, RING + 16)), 0x32012000 | (n + 4));
	n = put_tag(f, make_frame(f, our_mac, 17, 60, true), 0x6005);
	ck_assert(net_deliver(&r->net, f, n));
	ck_assert_uint_eq(pci_get32(mem(r, RING + 32)), 0x32020000 | n);
	ck_assert_uint_eq(pci_get32(mem(r, RING + 36)), 0x10000 | 0x0560);
	ck_assert_int_eq(memcmp(mem(r, BUF + 0x1000 + 12), f + 16, n - 16), 0);
	memset(f, 0xFF, 6);
	ck_assert(net_deliver(&r->net, f, 20));
	ck_assert_uint_eq(pci_get32(mem(r, RING + 48)), 0x31000000 | 60);
	pci_put32(mem(r, RING + 64), 0xC0000000 | 40); /* a buffer that is too small: lost */
	ck_assert(net_deliver(&r->net, f, 60));
	ck_assert_uint_eq(pci_get32(mem(r, RING + 64)), 0xC0000000 | 40);
	pci_put32(mem(r, RING + 64), 0xC0000000 | 64 | 4);
	ck_assert(net_deliver(&r->net, f, 60));
	/* the ring is used up: the frame waits, the driver is told, and asked again when it has been there */
	wr(r, 0x3E, 0xFFFF, 2);
	ck_assert(!net_deliver(&r->net, f, 60));
	ck_assert_uint_eq(rd(r, 0x3E, 2), 0x10);
	r->ready = 0;
	wr(r, 0x3E, 0x10, 2);
	pass(&r->b, 110000);
	ck_assert_uint_eq(r->ready, 1);
	cp_desc(r, RING, 0x80000000 | 1536, 0, BUF);
	ck_assert(net_deliver(&r->net, f, 60));
	ck_assert_uint_eq(pci_get32(mem(r, RING)) >> 31, 0);
	rig_free(r);
}
END_TEST

/* Descriptors on our own registers, rings without an end, lengths of all kinds */
START_TEST(rtl_cp_random)
{
	struct rig *r = rig_new(true);
	uint64_t seed = 78;
	uint8_t f[2000];

	for (unsigned i = 0; i < 30000; i++) {
		uint64_t x = rnd(&seed);
		uint32_t at = RING + (x >> 8 & 3) * 0x1000 + (x >> 12 & 7) * 16;

		if (x % 8 < 3)
			cp_desc(r, at, (uint32_t)rnd(&seed), (uint32_t)(x >> 16), x & 0x400000 ? BAR + (x >> 30 & 0xFF) : (x >> 32) % RAM);
		else if (x % 8 == 3)
			cp_start(r, x >> 8 & 0x7F);
		else if (x % 8 == 4)
			wr(r, x >> 8 & 0xFF, (uint32_t)rnd(&seed) >> (x >> 20 & 31), 1u << (x >> 30) % 3);
		else if (x % 8 == 5)
			wr(r, 0xD9, x >> 8 & 0xC0, 1);
		else if (x % 8 == 6)
			pass(&r->b, x >> 8 & 0xFFFFF);
		else
			make_frame(mem(r, (x >> 32) % (RAM / 2)), our_mac, 6, x >> 8 & 0xFFF, false);
		make_frame(f, our_mac, x & 0x1000 ? 6 : 17, x >> 16 & 0x3FF, x & 0x2000);
		net_deliver(&r->net, f, 14 + (x >> 40 & 0x3FF));
		if (i % 5000 == 4999)
			ck_assert_int_eq(r->d->ops->post_load(r->d, NULL), VM_OK);
	}
	rig_free(r);
}
END_TEST

START_TEST(rtl_random)
{
	struct rig *r = rig_new(true);
	uint64_t seed = 77;
	uint8_t f[2000];

	for (unsigned i = 0; i < 30000; i++) {
		uint64_t x = rnd(&seed);

		if (x % 8 < 3)
			wr(r, x >> 8 & 0xFF, (uint32_t)rnd(&seed) >> (x >> 20 & 31), 1u << (x >> 30) % 3);
		else if (x % 8 == 3)
			wr(r, 0x30, x & 0x100 ? BAR + (x >> 9 & 0xFF) : (uint32_t)(x >> 32), 4);
		else if (x % 8 == 4)
			wr(r, 0x37, 0x0C, 1);
		else if (x % 8 == 5)
			wr(r, 0x44, (uint32_t)(x >> 8) | 0xF, 4);
		memset(f, x & 0x100 ? 0xFF : 0x53, sizeof(f));
		net_deliver(&r->net, f, 14 + (unsigned)(x >> 10) % 1980);
		if (x % 64 == 1)
			pass(&r->b, x >> 8 & 0xFFFFF);
	}
	fuzz(&r->b, &r->b.io, PORT, 256, r->d);
	rig_free(r);
}
END_TEST

/* ---- NE2000 ---- */

/* As a driver: word-wide, ring of pages 46h-80h, transmit buffer at 40h */
static void ne_start(struct rig *r)
{
	wr(r, 0x00, 0x21, 1);
	wr(r, 0x0E, 0x49, 1);
	wr(r, 0x0A, 0, 2);
	wr(r, 0x0C, 0x04, 1);
	wr(r, 0x01, 0x46, 1);
	wr(r, 0x02, 0x80, 1);
	wr(r, 0x03, 0x7F, 1);
	wr(r, 0x07, 0xFF, 1);
	wr(r, 0x0F, 0x3F, 1);
	wr(r, 0x00, 0x61, 1);
	for (unsigned i = 0; i < 6; i++)
		wr(r, 1 + i, i < 2 ? 0x52 + i * 2 : i < 3 ? 0 : i - 2, 1);
	wr(r, 0x07, 0x46, 1);
	wr(r, 0x00, 0x22, 1);
}

static void ne_dma(struct rig *r, unsigned at, unsigned len, bool write)
{
	wr(r, 0x08, at, 1);
	wr(r, 0x09, at >> 8, 1);
	wr(r, 0x0A, len, 1);
	wr(r, 0x0B, len >> 8, 1);
	wr(r, 0x00, write ? 0x12 : 0x0A, 1);
}

START_TEST(ne_memory)
{
	struct rig *r = rig_new(false);

	ne_start(r);
	ne_dma(r, 0, 32, false);
	for (unsigned i = 0; i < 16; i++) /* a word at each access, though it is to one byte */
		ck_assert_uint_eq(rd(r, 0x10, 1), i < 2 ? 0x52 + i * 2 : i < 3 ? 0 : i < 6 ? i - 2 : i < 14 ? 0 : 'W');
	ck_assert_uint_eq(rd(r, 0x07, 1), 0x40);
	wr(r, 0x07, 0x40, 1);
	ne_dma(r, 0x4000, 60, true);
	for (unsigned i = 0; i < 15; i++)
		wr(r, 0x10, 0x01010101 * i, 4);
	wr(r, 0x10, 0xFFFFFFFF, 4); /* behind the count: nothing */
	wr(r, 0x04, 0x40, 1);
	wr(r, 0x05, 60, 2);
	wr(r, 0x00, 0x26, 1);
	ck_assert_uint_eq(r->n, 1);
	ck_assert_uint_eq(r->len, 60);
	ck_assert_uint_eq(r->frame[59], 14);
	ck_assert_uint_eq(rd(r, 0x07, 1), 0x42);
	ck_assert_uint_eq(rd(r, 0x00, 1), 0x22);
	ck_assert_int_eq(pin(r), 1);
	wr(r, 0x07, 0x42, 1);
	ck_assert_int_eq(pin(r), 0);
	rd(r, 0x1F, 1);
	ck_assert_uint_eq(rd(r, 0x07, 1), 0x80);
	rig_free(r);
}
END_TEST

START_TEST(ne_receive)
{
	struct rig *r = rig_new(false);
	uint8_t f[1600] = {0x52, 0x54, 0, 1, 2, 3, 9, 9, 9, 9, 9, 9, 8, 0, 0x77};
	unsigned n = 1;

	ck_assert(net_deliver(&r->net, f, 60));
	ne_start(r);
	ck_assert(net_deliver(&r->net, f, 300));
	ck_assert_int_eq(pin(r), 1);
	ne_dma(r, 0x4600, 64, false);
	ck_assert_uint_eq(rd(r, 0x10, 4), 304u << 16 | 0x48 << 8 | 1);
	ck_assert_uint_eq(rd(r, 0x10, 4), 0x01005452);
	/* the wire has its speed: (300 + 24) * 800 ns */
	ck_assert(!net_deliver(&r->net, f, 1500));
	r->ready = 0;
	pass(&r->b, 259000);
	ck_assert_uint_eq(r->ready, 0);
	pass(&r->b, 300);
	ck_assert_uint_eq(r->ready, 1);
	wr(r, 0x07, 0xFF, 1);
	while (net_deliver(&r->net, f, 1500) && n++ < 100)
		pass(&r->b, 1300000);
	ck_assert_uint_eq(n, 10); /* 2 and 9 times 6 of 58 pages */
	wr(r, 0x07, 0xFF, 1);
	pass(&r->b, 1300000);
	ck_assert(!net_deliver(&r->net, f, 1500));
	ck_assert_uint_eq(rd(r, 0x07, 1) & 1, 1); /* told again of what it has */
	wr(r, 0x03, 0x47, 1);
	wr(r, 0x03, 0x53, 1);
	ck_assert(net_deliver(&r->net, f, 1500));
	/* "the page before the first" is before the ring */
	wr(r, 0x03, 0x45, 1);
	pass(&r->b, 1300000);
	ck_assert(net_deliver(&r->net, f, 1500));
	f[0] = 0x56;
	pass(&r->b, 1300000);
	n = rd(r, 0x02, 1);
	ck_assert(net_deliver(&r->net, f, 60)); /* somebody else's */
	rig_free(r);
}
END_TEST

START_TEST(ne_random)
{
	struct rig *r = rig_new(false);
	uint64_t seed = 78;
	uint8_t f[2000];

	for (unsigned i = 0; i < 60000; i++) {
		uint64_t x = rnd(&seed);

		if (x % 1000 == 1)
			ne_start(r);
		else if (x % 2)
			wr(r, x >> 8 & 0x1F, (uint32_t)rnd(&seed), 1u << (x >> 30) % 3);
		else
			rd(r, x >> 8 & 0x17, 1u << (x >> 30) % 3);
		memset(f, x & 0x100 ? 0xFF : 0x53, sizeof(f));
		net_deliver(&r->net, f, 14 + (unsigned)(x >> 10) % 1980);
		if (x % 16 == 1)
			pass(&r->b, x >> 8 & 0x1FFFFF);
	}
	fuzz(&r->b, &r->b.io, PORT, 32, r->d);
	rig_free(r);
}
END_TEST

int main(void)
{
	const TTest *tests[] = {hash, rtl_registers, rtl_transmit, rtl_receive, rtl_cp_transmit, rtl_cp_receive, rtl_cp_random, rtl_random, ne_memory, ne_receive, ne_random};

	return run_cases("old_nics", tests, ARRAY_SIZE(tests));
}
