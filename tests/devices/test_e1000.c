/* test_e1000.c - the 82540EM: EEPROM, transceiver, rings, offloads, filter, interrupts; random rings. */
#include "chip_fixture.h"
#include "inet_frame.h"
#include "devices/net/e1000.h"
#include "mmu/ram.h"

#define BAR 0xFEB00000u
#define RAM (1u << 20)
#define TX_RING 0x1000u
#define RX_RING 0x2000u
#define BUF 0x10000u

struct rig {
	struct board b;
	struct ram ram;
	struct region main;
	struct pci_bus *bus;
	struct net net;
	struct e1000 *e;
	uint8_t frame[64][2048];
	unsigned len[64], n, ready;
};

static void sent(struct net *n, const uint8_t *f, unsigned len)
{
	struct rig *r = container_of(n, struct rig, net);

	ck_assert_uint_ge(len, 14);
	r->len[r->n % 64] = len;
	memcpy(r->frame[r->n++ % 64], f, len < 2048 ? len : 2048);
}

static void ready(struct net *n)
{
	container_of(n, struct rig, net)->ready++;
}

static struct rig *rig_new(void)
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
	r->e = e1000_create(&r->b.log, &r->b.clock, r->bus, PCI_DEVFN(3, 0), &r->net, mac, NULL);
	ck_assert_ptr_nonnull(r->e);
	pci_config_write(&r->e->pci, PCI_CFG_BAR0, BAR, 4);
	pci_config_write(&r->e->pci, PCI_CFG_COMMAND, PCI_CMD_MEM | PCI_CMD_MASTER, 2);
	return r;
}

static void rig_free(struct rig *r)
{
	drop(&r->e->dev);
	drop(&r->bus->dev);
	space_fini(&r->b.mem);
	ram_fini(&r->ram);
	space_fini(&r->b.io);
	log_fini(&r->b.log);
	free(r);
}

static uint32_t rd(struct rig *r, unsigned off)
{
	return (uint32_t)space_read(&r->b.mem, BAR + off, 4);
}

static void wr(struct rig *r, unsigned off, uint32_t v)
{
	space_write(&r->b.mem, BAR + off, v, 4);
}

static int pin(struct rig *r)
{
	return r->b.level[0] | r->b.level[1] | r->b.level[2] | r->b.level[3];
}

/* One bit of the Microwire interface, as a driver does it. */
static unsigned ee_bit(struct rig *r, unsigned di)
{
	unsigned v;

	wr(r, E1000_EECD, 0x42 | di << 2);
	wr(r, E1000_EECD, 0x43 | di << 2);
	v = rd(r, E1000_EECD) >> 3 & 1;
	wr(r, E1000_EECD, 0x42 | di << 2);
	return v;
}

static unsigned ee_word(struct rig *r, unsigned at)
{
	unsigned v = 0;

	wr(r, E1000_EECD, 0x40);
	ck_assert(rd(r, E1000_EECD) & 0x80);
	for (int i = 8; i >= 0; i--)
		ee_bit(r, (6u << 6 | at) >> i & 1);
	for (unsigned i = 0; i < 16; i++)
		v = v << 1 | ee_bit(r, 0);
	wr(r, E1000_EECD, 0);
	return v;
}

START_TEST(eeprom_and_phy)
{
	struct rig *r = rig_new();
	unsigned sum = 0;

	for (unsigned i = 0; i < 64; i++) {
		unsigned v = ee_word(r, i);

		sum += v;
		wr(r, E1000_EERD, i << 8 | 1);
		ck_assert_uint_eq(rd(r, E1000_EERD), v << 16 | i << 8 | 0x10);
	}
	ck_assert_uint_eq(sum & 0xFFFF, 0xBABA);
	ck_assert_uint_eq(ee_word(r, 0), 0x5452);
	ck_assert_uint_eq(ee_word(r, 2), 0x0302);
	wr(r, E1000_MDIC, 1u << 21 | 2u << 16 | 2u << 26);
	ck_assert_uint_eq(rd(r, E1000_MDIC) & 0x1000FFFF, 0x10000141);
	wr(r, E1000_MDIC, 2u << 21 | 2u << 16 | 2u << 26); /* nobody at that address */
	ck_assert(rd(r, E1000_MDIC) & 0x40000000);
	ck_assert_uint_eq(rd(r, E1000_STATUS) & 2, 2);
	rig_free(r);
}
END_TEST

static uint8_t *mem(struct rig *r, uint32_t at)
{
	return r->ram.host + r->main.ra + at;
}

static void tx_setup(struct rig *r)
{
	wr(r, E1000_TDBAL, TX_RING);
	wr(r, E1000_TDLEN, 8 * 16);
	wr(r, E1000_TCTL, 2);
}

static void tx_desc(struct rig *r, unsigned i, uint64_t addr, uint32_t cmd_len, uint8_t popts)
{
	uint8_t *d = mem(r, TX_RING + i * 16);

	memset(d, 0, 16);
	pci_put32(d, (uint32_t)addr);
	pci_put32(d + 8, cmd_len);
	d[13] = popts;
}

static uint16_t sum16(const uint8_t *p, unsigned len, uint32_t sum)
{
	for (unsigned i = 0; i < len; i++)
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xFFFF) + (sum >> 16);
	return (uint16_t)sum;
}

START_TEST(transmit)
{
	struct rig *r = rig_new();

	tx_setup(r);
	for (unsigned i = 0; i < 100; i++)
		mem(r, BUF)[i] = (uint8_t)i;
	/* a frame in two buffers, then a short one; interrupts for both */
	tx_desc(r, 0, BUF, 60, 0);
	tx_desc(r, 1, BUF + 60, 0x09000000u | 40, 0);
	tx_desc(r, 2, BUF, 0x09000000u | 14, 0);
	wr(r, 0xD0, E1000_TXDW);
	wr(r, E1000_TDT, 3);
	ck_assert_uint_eq(r->n, 2);
	ck_assert_uint_eq(r->len[0], 100);
	ck_assert_int_eq(memcmp(r->frame[0], mem(r, BUF), 100), 0);
	ck_assert_uint_eq(r->len[1], 14);
	ck_assert_uint_eq(mem(r, TX_RING)[12], 0);
	ck_assert_uint_eq(mem(r, TX_RING + 16)[12], 1);
	ck_assert_uint_eq(rd(r, E1000_TDH), 3);
	ck_assert_int_eq(pin(r), 1);
	ck_assert_uint_eq(rd(r, 0xC0), E1000_TXDW | E1000_TXQE);
	ck_assert_int_eq(pin(r), 0);
	ck_assert_uint_eq(rd(r, E1000_GPTC), 2);
	ck_assert_uint_eq(rd(r, E1000_GPTC), 0); /* cleared by reading */
	rig_free(r);
}
END_TEST

/* 3000 bytes of TCP payload, MSS 1400: three frames, each with correct lengths, sequence numbers, flags and sums. */
START_TEST(segmentation)
{
	struct rig *r = rig_new();
	uint8_t *h = mem(r, BUF), *c = mem(r, TX_RING);

	tx_setup(r);
	for (unsigned i = 0; i < 3054; i++)
		h[i] = (uint8_t)(i * 7);
	h[12] = 8;
	h[13] = 0;
	memset(h + 14, 0, 40);
	h[14] = 0x45;
	h[19] = 9; /* identification */
	h[23] = 6;
	h[26] = 10; /* source, destination */
	h[30] = 11;
	h[34 + 7] = 100; /* sequence number */
	h[34 + 12] = 0x50;
	h[34 + 13] = 0x19; /* FIN, PSH, ACK */
	pci_put16(h + 34 + 16, (uint16_t)__builtin_bswap16(sum16(h + 26, 8, 6)));
	memset(c, 0, 16);
	c[0] = 14;
	c[1] = 24;
	pci_put16(c + 2, 33);
	c[4] = 34;
	c[5] = 50;
	pci_put32(c + 8, 3000 | 0x2700u << 16);
	c[13] = 54;
	pci_put16(c + 14, 1400);
	tx_desc(r, 1, BUF, 0x24100000u | 54, 3);
	tx_desc(r, 2, BUF + 54, 0x2D100000u | 3000, 3);
	wr(r, E1000_TDT, 3);
	ck_assert_uint_eq(r->n, 3);
	for (unsigned i = 0; i < 3; i++) {
		const uint8_t *f = r->frame[i];
		unsigned len = i < 2 ? 1454 : 254;

		ck_assert_uint_eq(r->len[i], len);
		ck_assert_uint_eq(f[16] << 8 | f[17], len - 14);
		ck_assert_uint_eq(f[19], 9 + i);
		ck_assert_uint_eq(sum16(f + 14, 20, 0), 0xFFFF);
		ck_assert_uint_eq((unsigned)(f[40] << 8 | f[41]), 100 + i * 1400);
		ck_assert_uint_eq(f[47], i < 2 ? 0x10 : 0x19);
		ck_assert_uint_eq(sum16(f + 34, len - 34, sum16(f + 26, 8, 6 + len - 34)), 0xFFFF);
		ck_assert_int_eq(memcmp(f + 54, h + 54 + i * 1400, len - 54), 0);
	}
	rig_free(r);
}
END_TEST

static void rx_setup(struct rig *r, unsigned given)
{
	for (unsigned i = 0; i < 8; i++) {
		memset(mem(r, RX_RING + i * 16), 0, 16);
		pci_put32(mem(r, RX_RING + i * 16), BUF + i * 2048);
	}
	wr(r, E1000_RDBAL, RX_RING);
	wr(r, E1000_RDLEN, 8 * 16);
	wr(r, E1000_RDH, 0);
	wr(r, E1000_RDT, given);
	wr(r, E1000_RCTL, 0x04008002); /* on, broadcasts, no checksum */
}

START_TEST(receive)
{
	struct rig *r = rig_new();
	uint8_t f[1600] = {0x52, 0x54, 0, 1, 2, 3, 9, 9, 9, 9, 9, 9, 8, 0, 1, 2, 3};
	uint8_t *d = mem(r, RX_RING);

	ck_assert(net_deliver(&r->net, f, 60)); /* off: lost */
	rx_setup(r, 3);
	wr(r, 0xD0, E1000_RXT0);
	ck_assert(net_deliver(&r->net, f, 20));
	ck_assert_uint_eq(d[8] | d[9] << 8, 60);
	ck_assert_uint_eq(d[12] & 3, 3);
	ck_assert_int_eq(memcmp(mem(r, BUF), f, 20), 0);
	ck_assert_int_eq(pin(r), 1);
	ck_assert(rd(r, 0xC0) & E1000_RXT0);
	f[0] = 0x56; /* somebody else's */
	ck_assert(net_deliver(&r->net, f, 60));
	ck_assert_uint_eq(rd(r, E1000_RDH), 1);
	memset(f, 0xFF, 6);
	ck_assert(net_deliver(&r->net, f, 60));
	ck_assert_uint_eq(rd(r, E1000_RDH), 2);
	f[0] = 1; /* a group: only by its hash */
	ck_assert(net_deliver(&r->net, f, 60));
	ck_assert_uint_eq(rd(r, E1000_RDH), 2);
	wr(r, E1000_MTA + 0xFFF / 32 * 4, 0x80000000u);
	ck_assert(net_deliver(&r->net, f, 60));
	ck_assert_uint_eq(rd(r, E1000_RDH), 3);
	/* the ring is empty: the frame waits until the guest gives more */
	ck_assert(!net_deliver(&r->net, f, 60));
	wr(r, E1000_RDT, 6);
	ck_assert_uint_ge(r->ready, 1);
	ck_assert(net_deliver(&r->net, f, 60));
	ck_assert(net_deliver(&r->net, f, 1600)); /* too long without LPE: lost */
	ck_assert_uint_eq(rd(r, E1000_RDH), 4);
	/* small buffers: one frame in several */
	wr(r, E1000_RCTL, 0x04038002);
	ck_assert(net_deliver(&r->net, f, 500));
	ck_assert_uint_eq(rd(r, E1000_RDH), 6);
	ck_assert_uint_eq(d[4 * 16 + 12] & 3, 1);
	ck_assert_uint_eq(d[5 * 16 + 12] & 3, 3);
	ck_assert_uint_eq(d[5 * 16 + 8], 500 - 256);
	rig_free(r);
}
END_TEST

/* ITR: the second interrupt comes not before its time. */
static const uint8_t our_mac[6] = {0x52, 0x54, 0, 1, 2, 3};

/* Status and errors of the frame that comes next, with RXCSUM's two bits on */
static unsigned checked(struct rig *r, const uint8_t *f, unsigned len)
{
	const uint8_t *d = mem(r, RX_RING + rd(r, E1000_RDH) * 16);

	ck_assert(net_deliver(&r->net, f, len));
	return d[12] | (unsigned)d[13] << 8;
}

START_TEST(checksums)
{
	struct rig *r = rig_new();
	uint8_t f[200];
	unsigned n = make_frame(f, our_mac, 6, 60, true);

	rx_setup(r, 7);
	ck_assert_uint_eq(checked(r, f, n), 0x07); /* not asked to look: IXSM */
	wr(r, E1000_RXCSUM, 0x300);
	ck_assert_uint_eq(checked(r, f, n), 0x63);
	f[14 + 20 + 25] ^= 1;
	ck_assert_uint_eq(checked(r, f, n), 0x2063);
	f[14 + 8] ^= 1;
	ck_assert_uint_eq(checked(r, f, n), 0x6063);
	n = make_frame(f, our_mac, 17, 31, true);
	ck_assert_uint_eq(checked(r, f, n), 0x63);
	f[14 + 26] = f[14 + 27] = 0; /* UDP without a checksum */
	ck_assert_uint_eq(checked(r, f, n), 0x43);
	wr(r, E1000_RDT, 5);
	f[14 + 6] = 0x20; /* a fragment */
	f[14 + 10] = (uint8_t)(f[14 + 10] - 0x20);
	ck_assert_uint_eq(checked(r, f, n), 0x43);
	f[12] = 0x86; /* IPv6 */
	ck_assert_uint_eq(checked(r, f, n), 0x03);
	f[12] = 8;
	f[14 + 2] = 0xFF; /* longer than the frame */
	ck_assert_uint_eq(checked(r, f, n), 0x03);
	rig_free(r);
}
END_TEST

START_TEST(vlan)
{
	struct rig *r = rig_new();
	uint8_t f[1600], *d = mem(r, RX_RING);
	unsigned n = put_tag(f, make_frame(f, our_mac, 6, 60, true), 0x6005);

	rx_setup(r, 7);
	wr(r, E1000_RXCSUM, 0x300);
	ck_assert_uint_eq(checked(r, f, n), 0x63); /* the tag stays in */
	ck_assert_uint_eq(pci_get16(d + 8), n);
	wr(r, E1000_CTRL, 0x40000040);
	ck_assert_uint_eq(checked(r, f, n), 0x6B);
	ck_assert_uint_eq(pci_get16(d + 16 + 8), n - 4);
	ck_assert_uint_eq(pci_get16(d + 16 + 14), 0x6005);
	ck_assert_int_eq(memcmp(mem(r, pci_get32(d + 16)), f, 12), 0);
	ck_assert_int_eq(memcmp(mem(r, pci_get32(d + 16) + 12), f + 16, n - 16), 0);
	n = put_tag(f, make_frame(f, our_mac, 6, 1460, true), 5); /* a whole one and its tag */
	ck_assert_uint_eq(checked(r, f, n), 0x6B);
	/* out: in one descriptor's frame, and in every segment */
	tx_setup(r);
	n = make_frame(mem(r, BUF), our_mac, 6, 60, true);
	tx_desc(r, 0, BUF, n | 0x6B100000, 0);
	pci_put16(mem(r, TX_RING + 14), 0x6005);
	tx_desc(r, 1, BUF, n | 0x2B100000, 0);
	wr(r, E1000_TDT, 2);
	ck_assert_uint_eq(r->n, 2);
	ck_assert_uint_eq(r->len[0], n + 4);
	ck_assert_uint_eq(r->len[1], n);
	ck_assert_int_eq(memcmp(r->frame[0] + 12, "\x81\0\x60\5", 4), 0);
	ck_assert_int_eq(memcmp(r->frame[0] + 16, mem(r, BUF + 12), n - 12), 0);
	wr(r, E1000_CTRL, 0x40); /* no tags without VME */
	tx_desc(r, 2, BUF, n | 0x6B100000, 0);
	wr(r, E1000_TDT, 3);
	ck_assert_uint_eq(r->len[2], n);
	rig_free(r);
}
END_TEST

START_TEST(throttle)
{
	struct rig *r = rig_new();

	clock_advance(&r->b.clock, 1000000);
	wr(r, 0xC4, 400); /* 102.4 us */
	wr(r, 0xD0, 0x80);
	wr(r, 0xC8, 0x80);
	ck_assert_int_eq(pin(r), 1);
	rd(r, 0xC0);
	wr(r, 0xC8, 0x80);
	ck_assert_int_eq(pin(r), 0);
	pass(&r->b, 102000);
	ck_assert_int_eq(pin(r), 0);
	pass(&r->b, 1000);
	ck_assert_int_eq(pin(r), 1);
	rig_free(r);
}
END_TEST

/* Rings, descriptors and registers at random; frames from outside meanwhile. The sanitizers look. */
START_TEST(random_rings)
{
	struct rig *r = rig_new();
	uint64_t seed = 42;
	uint8_t f[2000];

	for (unsigned i = 0; i < 20000; i++) {
		static const unsigned regs[] = {E1000_TDT, E1000_TDH, E1000_TDLEN, E1000_TCTL, E1000_RDT, E1000_RDH,
			E1000_RDLEN, E1000_RCTL, E1000_TDBAL, E1000_RDBAL};
		uint64_t v = rnd(&seed);

		switch (v % 6) {
		case 0:
			wr(r, regs[v >> 8 & 7], (uint32_t)rnd(&seed) & (v & 0x10000 ? 0x1FF : ~0u));
			break;
		case 1:
			wr(r, regs[v >> 8 & 15 % 10], (uint32_t)rnd(&seed) % RAM);
			break;
		case 2:
			for (unsigned k = 0; k < 16; k++)
				mem(r, 0)[(rnd(&seed) & 0xFFFF)] = (uint8_t)rnd(&seed);
			break;
		case 3: /* likely descriptors: small lengths, low addresses; sometimes on our own registers */
			tx_desc(r, v >> 8 & 7, v & 0x100000 ? BAR + 0x3800 : (v >> 32) % RAM,
				(uint32_t)(v >> 20 & 0xFF00FFFF) | 0x20000000 * (v >> 40 & 1), (uint8_t)(v >> 50));
			wr(r, E1000_TDBAL, TX_RING);
			wr(r, E1000_TDLEN, 128);
			wr(r, E1000_TCTL, 2);
			wr(r, E1000_TDT, v >> 44 & 7);
			break;
		case 4:
			memset(f, v & 0x100 ? 0xFF : (int)(v >> 20 & 0xFF), sizeof(f));
			net_deliver(&r->net, f, 14 + (unsigned)(v >> 10) % 1980);
			break;
		default:
			pass(&r->b, v >> 8 & 0xFFFF);
			rd(r, (unsigned)(v >> 30) & 0x1FFFC);
		}
		if (i % 5000 == 4999)
			ck_assert_int_eq(r->e->dev.ops->post_load(&r->e->dev, NULL), VM_OK);
	}
	fuzz(&r->b, &r->b.mem, BAR, 0x6000, &r->e->dev);
	rig_free(r);
}
END_TEST

int main(void)
{
	const TTest *tests[] = {eeprom_and_phy, transmit, segmentation, receive, checksums, vlan, throttle, random_rings};

	return run_cases("e1000", tests, ARRAY_SIZE(tests));
}
