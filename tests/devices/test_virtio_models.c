/* test_virtio_models.c - console, balloon, the card's filter, a folder over the ring; random rings for every model. */
#include "virtio_fixture.h"

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
	const TTest *tests[] = {ports, own_register, one_console, balloon, filter, folder, statistics, random_card, random_disk, random_console, random_balloon, random_folder, random_rng};

	return run_cases("virtio_models", tests, ARRAY_SIZE(tests));
}
