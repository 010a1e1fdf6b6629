/*
 * test_ide.c - the IDE function with media in memory: PIO, multiple, LBA48, bus-master DMA, flush, errors, ATAPI,
 * resets, and random register accesses.
 */
#include "tests/devices/chip_fixture.h"
#include "devices/ide.h"
#include "mmu/ram.h"
#include <errno.h>

#define DISK_SECTORS 4096u
#define CD_BLOCKS 100u
#define BM 0xC000u
#define RAM_SIZE (1u << 20)

struct medium {
	struct blk b;
	uint8_t *data;
	unsigned flushes, writes;
	int fail;		/* errno of every request */
	struct blk_req *held;	/* with hold: the request that waits */
	bool hold;
};

struct rig {
	struct board b;
	struct ram ram;
	struct region mem;
	uint64_t ra;
	struct pci_bus *bus;
	struct ide *ide;
	struct medium disk, cd;
};

static void serve(struct medium *m, struct blk_req *r)
{
	if (!m->fail && r->op != BLK_FLUSH) {
		ck_assert(r->off <= m->b.size && r->len <= m->b.size - r->off);
		if (r->op == BLK_READ)
			memcpy(r->buf, m->data + r->off, r->len);
		else
			memcpy(m->data + r->off, r->buf, r->len);
	}
	m->flushes += r->op == BLK_FLUSH;
	m->writes += r->op == BLK_WRITE;
	r->done(r->opaque, m->fail);
}

static void submit(struct blk *b, struct blk_req *r)
{
	struct medium *m = container_of(b, struct medium, b);

	if (m->hold)
		m->held = r;
	else
		serve(m, r);
}

static void close_medium(struct blk *b)
{
	(void)b;
}

static const struct blk_ops medium_ops = {.submit = submit, .close = close_medium};

static void make_medium(struct medium *m, uint64_t size, bool cd)
{
	memset(m, 0, sizeof(*m));
	m->b = (struct blk){.ops = &medium_ops, .size = size, .present = true, .is_cdrom = cd, .readonly = cd};
	m->data = malloc(size);
	for (uint64_t i = 0; i < size; i++)
		m->data[i] = (uint8_t)(i * 7 + i / 512 * 31);
}

static void open_rig(struct rig *r)
{
	struct blk *blk[4] = {&r->disk.b, NULL, &r->cd.b, NULL};
	struct irq irq[2];

	board_init(&r->b);
	ck_assert_int_eq(ram_init(&r->ram, 16 << 20, NULL), VM_OK);
	r->ra = ram_alloc(&r->ram, RAM_SIZE);
	space_fini(&r->b.mem);
	space_init(&r->b.mem, "mem", BIT(52) - 1, &r->ram, &r->b.log);
	r->mem = (struct region){.name = "ram", .kind = REGION_RAM, .len = RAM_SIZE, .ra = r->ra};
	space_add(&r->b.mem, &r->mem, 0);
	make_medium(&r->disk, DISK_SECTORS * 512, false);
	make_medium(&r->cd, CD_BLOCKS * 2048, true);
	irq[0] = wire(&r->b, 14);
	irq[1] = wire(&r->b, 15);
	r->bus = pci_bus_create(&r->b.log, &r->b.mem, &r->b.io);
	r->ide = ide_create(&r->b.log, r->bus, blk, irq);
	pci_config_write(&r->ide->pci, 0x20, BM, 4);
	pci_config_write(&r->ide->pci, PCI_CFG_COMMAND, PCI_CMD_IO | PCI_CMD_MASTER, 2);
}

static void close_rig(struct rig *r)
{
	drop(&r->ide->dev);
	drop(&r->bus->dev);
	board_fini(&r->b);
	ram_fini(&r->ram);
	free(r->disk.data);
	free(r->cd.data);
}

static void lba28(struct rig *r, uint32_t lba, unsigned n, uint8_t cmd)
{
	out(&r->b, 0x1F6, 0xE0 | lba >> 24);
	out(&r->b, 0x1F2, n);
	out(&r->b, 0x1F3, lba);
	out(&r->b, 0x1F4, lba >> 8);
	out(&r->b, 0x1F5, lba >> 16);
	out(&r->b, 0x1F7, cmd);
}

static void lba48(struct rig *r, uint64_t lba, unsigned n, uint8_t cmd)
{
	out(&r->b, 0x1F6, 0xE0);
	out(&r->b, 0x1F2, n >> 8);
	out(&r->b, 0x1F3, (unsigned)(lba >> 24));
	out(&r->b, 0x1F4, (unsigned)(lba >> 32));
	out(&r->b, 0x1F5, (unsigned)(lba >> 40));
	out(&r->b, 0x1F2, n);
	out(&r->b, 0x1F3, (unsigned)lba);
	out(&r->b, 0x1F4, (unsigned)(lba >> 8));
	out(&r->b, 0x1F5, (unsigned)(lba >> 16));
	out(&r->b, 0x1F7, cmd);
}

static void read_data(struct rig *r, unsigned port, uint8_t *p, unsigned n, unsigned size)
{
	for (unsigned i = 0; i < n; i += size) {
		uint64_t v = space_read(&r->b.io, port, size);

		memcpy(p + i, &v, size);
	}
}

static void write_data(struct rig *r, unsigned port, const uint8_t *p, unsigned n)
{
	for (unsigned i = 0; i < n; i += 2)
		space_write(&r->b.io, port, p[i] | p[i + 1] << 8, 2);
}

START_TEST(identify_disk)
{
	struct rig r;
	uint8_t w[512];

	open_rig(&r);
	lba28(&r, 0, 0, 0xEC);
	ck_assert_int_eq(r.b.level[14], 1);
	ck_assert_uint_eq(in(&r.b, 0x3F6), 0x58); /* alternate status leaves the interrupt */
	ck_assert_int_eq(r.b.level[14], 1);
	ck_assert_uint_eq(in(&r.b, 0x1F7), 0x58);
	ck_assert_int_eq(r.b.level[14], 0);
	read_data(&r, 0x1F0, w, 512, 2);
	ck_assert_uint_eq(pci_get32(w + 120), DISK_SECTORS);
	ck_assert_uint_eq(pci_get32(w + 200), DISK_SECTORS);
	ck_assert_uint_eq(pci_get16(w + 98) & 0x300, 0x300); /* LBA, DMA */
	ck_assert_uint_eq(in(&r.b, 0x1F7), 0x50);
	/* no slave: status 0 */
	out(&r.b, 0x1F6, 0xB0);
	ck_assert_uint_eq(in(&r.b, 0x1F7), 0);
	close_rig(&r);
}
END_TEST

START_TEST(pio_read_write)
{
	struct rig r;
	uint8_t got[1024], put[1024];

	open_rig(&r);
	lba28(&r, 100, 2, 0x20);
	ck_assert_uint_eq(r.b.rises[14], 1);
	in(&r.b, 0x1F7);
	read_data(&r, 0x1F0, got, 512, 4);
	ck_assert_uint_eq(r.b.rises[14], 2); /* one interrupt a sector */
	in(&r.b, 0x1F7);
	read_data(&r, 0x1F0, got + 512, 512, 2);
	ck_assert_mem_eq(got, r.disk.data + 100 * 512, 1024);
	ck_assert_uint_eq(in(&r.b, 0x1F7), 0x50);
	for (unsigned i = 0; i < sizeof(put); i++)
		put[i] = (uint8_t)(i ^ 0x5A);
	lba28(&r, DISK_SECTORS - 2, 2, 0x30);
	ck_assert_uint_eq(in(&r.b, 0x1F7), 0x58);
	write_data(&r, 0x1F0, put, 1024);
	ck_assert_uint_eq(in(&r.b, 0x1F7), 0x50);
	ck_assert_mem_eq(r.disk.data + (DISK_SECTORS - 2) * 512, put, 1024);
	close_rig(&r);
}
END_TEST

START_TEST(multiple_and_lba48)
{
	struct rig r;
	uint8_t *got = malloc(20 * 512);
	unsigned rises;

	open_rig(&r);
	out(&r.b, 0x1F6, 0xE0);
	out(&r.b, 0x1F2, 8);
	out(&r.b, 0x1F7, 0xC6);
	ck_assert_uint_eq(in(&r.b, 0x1F7), 0x50);
	rises = r.b.rises[14];
	lba48(&r, 1000, 20, 0x29);
	for (unsigned i = 0; i < 20 * 512; i += 512) {
		in(&r.b, 0x1F7);
		read_data(&r, 0x1F0, got + i, 512, 2);
	}
	ck_assert_uint_eq(r.b.rises[14] - rises, 3); /* 8 + 8 + 4 */
	ck_assert_mem_eq(got, r.disk.data + 1000 * 512, 20 * 512);
	/* READ NATIVE MAX EXT, high bytes through HOB */
	lba48(&r, 0, 0, 0x27);
	ck_assert_uint_eq(in(&r.b, 0x1F3) | in(&r.b, 0x1F4) << 8, DISK_SECTORS - 1);
	out(&r.b, 0x3F6, 0x80);
	ck_assert_uint_eq(in(&r.b, 0x1F3), 0);
	/* not a power of two: refused */
	out(&r.b, 0x1F2, 3);
	out(&r.b, 0x1F7, 0xC6);
	ck_assert_uint_eq(in(&r.b, 0x1F7) & 1, 1);
	ck_assert_uint_eq(in(&r.b, 0x1F1), IDE_ABRT);
	close_rig(&r);
	free(got);
}
END_TEST

/* PRD table at 1000h: two parts of a transfer of @n sectors to or from 4000h and 20000h. */
static void prd(struct rig *r, unsigned n)
{
	uint32_t bytes = n * 512;

	space_write(&r->b.mem, 0x1000, 0x4000, 4);
	space_write(&r->b.mem, 0x1004, 512, 4);
	space_write(&r->b.mem, 0x1008, 0x20000, 4);
	space_write(&r->b.mem, 0x100C, ((bytes - 512) & 0xFFFF) | 0x80000000u, 4);
	for (unsigned i = 0; i < 4; i++)
		out(&r->b, BM + 4 + i, 0x1000 >> (i * 8));
	out(&r->b, BM + 2, 0x06);
}

START_TEST(dma_both_ways)
{
	struct rig r;

	open_rig(&r);
	prd(&r, 64);
	out(&r.b, BM, 8);
	lba28(&r, 200, 64, 0xC8);
	ck_assert_int_eq(r.b.level[14], 0);
	out(&r.b, BM, 9);
	ck_assert_uint_eq(in(&r.b, BM + 2) & 7, 4);
	ck_assert_int_eq(r.b.level[14], 1);
	ck_assert_uint_eq(in(&r.b, 0x1F7), 0x50);
	out(&r.b, BM, 0);
	for (unsigned i = 0; i < 64 * 512; i++)
		ck_assert_uint_eq(space_read(&r.b.mem, i < 512 ? 0x4000 + i : 0x20000 + i - 512, 1),
			r.disk.data[200 * 512 + i]);
	space_write(&r.b.mem, 0x4000, 0xDEADBEEF, 4);
	space_write(&r.b.mem, 0x20000 + 63 * 512 - 4, 0x12345678, 4);
	prd(&r, 64);
	lba48(&r, 3000, 64, 0x35);
	out(&r.b, BM, 1);
	ck_assert_uint_eq(in(&r.b, BM + 2) & 7, 4);
	ck_assert_uint_eq(in(&r.b, 0x1F7), 0x50);
	ck_assert_uint_eq(pci_get32(r.disk.data + 3000 * 512), 0xDEADBEEF);
	ck_assert_uint_eq(pci_get32(r.disk.data + 3064 * 512 - 4), 0x12345678);
	close_rig(&r);
}
END_TEST

START_TEST(dma_errors)
{
	struct rig r;

	open_rig(&r);
	/* the table is shorter than the command: Active drops, no interrupt */
	prd(&r, 4);
	lba28(&r, 0, 8, 0xC8);
	out(&r.b, BM, 9);
	ck_assert_uint_eq(in(&r.b, BM + 2) & 5, 0);
	/* wrong direction */
	prd(&r, 4);
	out(&r.b, BM, 0);
	lba28(&r, 0, 4, 0xC8);
	out(&r.b, BM, 1);
	ck_assert_uint_eq(in(&r.b, BM + 2) & 2, 2);
	/* bus mastering is off: nothing is written */
	pci_config_write(&r.ide->pci, PCI_CFG_COMMAND, PCI_CMD_IO, 2);
	space_write(&r.b.mem, 0x4000, 0x55AA55AA, 4);
	out(&r.b, BM, 0);
	prd(&r, 4);
	lba28(&r, 0, 4, 0xC8);
	out(&r.b, BM, 9);
	ck_assert_uint_eq(space_read(&r.b.mem, 0x4000, 4), 0x55AA55AA);
	close_rig(&r);
}
END_TEST

START_TEST(media_errors)
{
	struct rig r;

	open_rig(&r);
	lba28(&r, DISK_SECTORS, 1, 0x20); /* past the end */
	ck_assert_uint_eq(in(&r.b, 0x1F7), 0x51);
	ck_assert_uint_eq(in(&r.b, 0x1F1), IDE_IDNF);
	lba48(&r, 1ull << 40, 1, 0x24);
	ck_assert_uint_eq(in(&r.b, 0x1F1), IDE_IDNF);
	r.disk.fail = EIO;
	lba28(&r, 7, 1, 0x20);
	ck_assert_uint_eq(in(&r.b, 0x1F7), 0x51);
	ck_assert_uint_eq(in(&r.b, 0x1F1), IDE_UNC);
	ck_assert_uint_eq(in(&r.b, 0x1F3), 7);
	out(&r.b, 0x1F7, 0xE7);
	ck_assert_uint_eq(in(&r.b, 0x1F7) & 1, 1); /* a failed flush is told */
	r.disk.fail = 0;
	out(&r.b, 0x1F7, 0xE7);
	ck_assert_uint_eq(in(&r.b, 0x1F7), 0x50);
	ck_assert_uint_eq(r.disk.flushes, 2);
	/* without write cache every write is followed by a flush */
	out(&r.b, 0x1F1, 0x82);
	out(&r.b, 0x1F7, 0xEF);
	prd(&r, 2);
	lba28(&r, 0, 2, 0xCA);
	out(&r.b, BM, 1);
	ck_assert_uint_eq(r.disk.flushes, 4);
	r.disk.b.readonly = true;
	lba28(&r, 0, 1, 0x30);
	ck_assert_uint_eq(in(&r.b, 0x1F1), IDE_ABRT);
	out(&r.b, 0x1F7, 0xFE); /* no such command */
	ck_assert_uint_eq(in(&r.b, 0x1F1), IDE_ABRT);
	close_rig(&r);
}
END_TEST

/* A reset while the medium works: the answer that comes later changes nothing. */
START_TEST(reset_in_flight)
{
	struct rig r;
	struct blk_req *old;

	open_rig(&r);
	r.disk.hold = true;
	lba28(&r, 5, 1, 0x20);
	ck_assert_uint_eq(in(&r.b, 0x1F7) & IDE_BSY, IDE_BSY);
	ck_assert(ide_busy(r.ide));
	out(&r.b, 0x3F6, 4);
	out(&r.b, 0x3F6, 0);
	ck_assert_uint_eq(in(&r.b, 0x1F7), 0x50);
	ck_assert_uint_eq(in(&r.b, 0x1F1), 1);
	old = r.disk.held;
	lba28(&r, 6, 1, 0x20);
	serve(&r.disk, old);
	ck_assert_uint_eq(in(&r.b, 0x1F7) & IDE_BSY, IDE_BSY);
	serve(&r.disk, r.disk.held);
	ck_assert_uint_eq(in(&r.b, 0x1F7), 0x58);
	ck_assert(!ide_busy(r.ide));
	close_rig(&r);
}
END_TEST

/* Send packet @p to the CD; transfers of at most @limit bytes by PIO, or DMA if 0. */
static void packet(struct rig *r, const uint8_t *p, unsigned limit)
{
	out(&r->b, 0x176, 0xA0);
	out(&r->b, 0x171, limit ? 0 : 1);
	out(&r->b, 0x174, limit);
	out(&r->b, 0x175, limit >> 8);
	out(&r->b, 0x177, 0xA0);
	ck_assert_uint_eq(in(&r->b, 0x172) & 3, 1);
	write_data(r, 0x170, p, 12);
}

START_TEST(cd_reads)
{
	static const uint8_t tur[12] = {0}, sense[12] = {0x03, 0, 0, 0, 18}, cap[12] = {0x25};
	static const uint8_t rd[12] = {0x28, 0, 0, 0, 0, 3, 0, 0, 5}, far[12] = {0x28, 0, 0, 0, 0, 98, 0, 0, 3};
	struct rig r;
	uint8_t buf[5 * 2048];
	unsigned at = 0;

	open_rig(&r);
	ck_assert_uint_eq(in(&r.b, 0x174) | in(&r.b, 0x175) << 8, 0xEB14);
	packet(&r, tur, 64);
	ck_assert_uint_eq(in(&r.b, 0x177) & 0xE9, 0x40);
	packet(&r, cap, 64);
	ck_assert_uint_eq(in(&r.b, 0x174), 8);
	read_data(&r, 0x170, buf, 8, 2);
	ck_assert_uint_eq(buf[3], CD_BLOCKS - 1);
	ck_assert_uint_eq(buf[6], 8);
	packet(&r, rd, 4096);
	while (in(&r.b, 0x177) & IDE_DRQ) {
		unsigned n = in(&r.b, 0x174) | in(&r.b, 0x175) << 8;

		ck_assert_uint_le(n, 4096);
		ck_assert_uint_le(at + n, sizeof(buf));
		read_data(&r, 0x170, buf + at, n, 2);
		at += n;
	}
	ck_assert_uint_eq(at, sizeof(buf));
	ck_assert_mem_eq(buf, r.cd.data + 3 * 2048, sizeof(buf));
	ck_assert_uint_eq(in(&r.b, 0x172) & 3, 3);
	packet(&r, far, 4096);
	ck_assert_uint_eq(in(&r.b, 0x177) & 1, 1);
	ck_assert_uint_eq(in(&r.b, 0x171) >> 4, 5);
	packet(&r, sense, 64);
	read_data(&r, 0x170, buf, 18, 2);
	ck_assert_uint_eq(buf[2], 5);
	ck_assert_uint_eq(buf[12], 0x21);
	r.cd.b.present = false;
	packet(&r, tur, 64);
	ck_assert_uint_eq(in(&r.b, 0x171) >> 4, 2);
	close_rig(&r);
}
END_TEST

START_TEST(cd_dma)
{
	static const uint8_t rd[12] = {0x28, 0, 0, 0, 0, 10, 0, 0, 4};
	struct rig r;

	open_rig(&r);
	space_write(&r.b.mem, 0x1000, 0x8000, 4);
	space_write(&r.b.mem, 0x1004, 8192 | 0x80000000u, 4);
	for (unsigned i = 0; i < 4; i++)
		out(&r.b, BM + 12 + i, 0x1000 >> (i * 8));
	packet(&r, rd, 0);
	out(&r.b, BM + 8, 9);
	ck_assert_uint_eq(in(&r.b, BM + 10) & 7, 4);
	ck_assert_int_eq(r.b.level[15], 1);
	for (unsigned i = 0; i < 8192; i++)
		ck_assert_uint_eq(space_read(&r.b.mem, 0x8000 + i, 1), r.cd.data[10 * 2048 + i]);
	close_rig(&r);
}
END_TEST

START_TEST(random_accesses)
{
	static const unsigned base[5] = {0x1F0, 0x170, 0x3F6, 0x376, BM};
	uint64_t seed = 0x243F6A8885A308D3ull;
	struct rig r;

	open_rig(&r);
	for (unsigned i = 0; i < 100000; i++) {
		uint64_t v = rnd(&seed);
		unsigned k = (unsigned)(v % 5), len = k == 4 ? 16 : k > 1 ? 1 : 8;
		unsigned port = base[k] + (unsigned)(v >> 8) % len, size = 1u << (v >> 16) % 3;

		/* mostly commands that move data; rarely a reset */
		if (k > 1 && k < 4 && (v >> 20 & 0x3F))
			continue;
		if (v >> 32 & 1)
			space_write(&r.b.io, port, rnd(&seed), size);
		else
			space_read(&r.b.io, port, size);
		if (!(i % 1000))
			r.ide->dev.ops->reset(&r.ide->dev);
		if (!(i % 500)) {
			prd(&r, 8);
			lba28(&r, (uint32_t)(v % (DISK_SECTORS + 8)), (v >> 40) & 15,
				(v >> 50 & 1) ? 0xC8 : 0x30);
		}
	}
	ck_assert_int_eq(r.ide->dev.ops->post_load(&r.ide->dev, NULL), VM_OK);
	close_rig(&r);
}
END_TEST

int main(void)
{
	const TTest *const t[] = {identify_disk, pio_read_write, multiple_and_lba48, dma_both_ways, dma_errors,
		media_errors, reset_in_flight, cd_reads, cd_dma, random_accesses};

	return run_cases("ide", t, ARRAY_SIZE(t));
}
