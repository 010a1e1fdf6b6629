/*
 * test_virtio.c - the virtio transport, as a driver sees it, with a disk and a card: legacy and modern set-up, chains, indirect tables,
 * interrupts by pin and MSI-X.
 */
#include "virtio_fixture.h"

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

int main(void)
{
	const TTest *tests[] = {disk, disowned, card, legacy, msix, window, broken};

	return run_cases("virtio", tests, ARRAY_SIZE(tests));
}
