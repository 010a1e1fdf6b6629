/*
 * test_fdc.c - the floppy controller with its DMA controller on a bare board: reset, seeks, the change line, reading,
 * writing, formatting by DMA and by FIFO, errors, and nonsense of every kind.
 */
#include "chip_fixture.h"
#include "devices/fdc.h"
#include <errno.h>
#include <sys/mman.h>

#define KIB1440 (80u * 2 * 18 * 512)

struct disk {
	struct blk blk;
	uint8_t *data;
};

struct rig {
	struct board b;
	struct ram ram;
	struct region ram_region;
	struct disk disk[2];
	struct i8237 *dma;
	struct fdc *fdc;
	uint8_t result[16];
};

static void submit(struct blk *b, struct blk_req *q)
{
	struct disk *d = container_of(b, struct disk, blk);
	int err = 0;

	if (q->op != BLK_FLUSH && (q->off > b->size || q->len > b->size - q->off))
		err = EIO;
	else if (q->op == BLK_READ)
		memcpy(q->buf, d->data + q->off, q->len);
	else if (q->op == BLK_WRITE && b->readonly)
		err = EROFS;
	else if (q->op == BLK_WRITE)
		memcpy(d->data + q->off, q->buf, q->len);
	q->done(q->opaque, err);
}

static const struct blk_ops disk_ops = {.submit = submit};

static void disk_init(struct disk *d, uint64_t size)
{
	d->blk = (struct blk){.ops = &disk_ops, .size = size, .present = size != 0};
	d->data = calloc(1, size ? size : 1);
	for (uint64_t i = 0; i < size; i++)
		d->data[i] = (uint8_t)(i / 512 + 1);
}

static struct rig *rig_new(uint64_t a, uint64_t b)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct blk *blk[2] = {&r->disk[0].blk, b == 1 ? NULL : &r->disk[1].blk};
	struct err e;

	board_init(&r->b);
	ck_assert_msg(!ram_init(&r->ram, 32 << 20, &e), "%s", e.msg);
	r->b.mem.ram = &r->ram;
	r->ram_region = (struct region){.name = "ram", .kind = REGION_RAM, .len = 16 << 20,
		.ra = ram_alloc(&r->ram, 16 << 20)};
	space_add(&r->b.mem, &r->ram_region, 0);
	disk_init(&r->disk[0], a);
	disk_init(&r->disk[1], b == 1 ? 0 : b);
	r->dma = i8237_create(&r->b.log, &r->b.mem, &r->b.io);
	r->fdc = fdc_create(&r->b.log, &r->b.clock, &r->b.io, r->dma, wire(&r->b, 6), blk);
	return r;
}

static void rig_free(struct rig *r)
{
	r->fdc->dev.ops->fini(&r->fdc->dev);
	free(r->fdc);
	free(r->dma);
	board_fini(&r->b);
	ram_fini(&r->ram);
	free(r->disk[0].data);
	free(r->disk[1].data);
	free(r);
}

static uint8_t *mem(struct rig *r, uint32_t at)
{
	return r->ram.host + r->ram_region.ra + at;
}

static void command(struct rig *r, const uint8_t *c, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		ck_assert_uint_eq(in(&r->b, 0x3F4) & 0xC0, 0x80);
		out(&r->b, 0x3F5, c[i]);
	}
}

#define CMD(r, ...) command(r, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static unsigned results(struct rig *r)
{
	unsigned n = 0;

	while ((in(&r->b, 0x3F4) & 0xD0) == 0xD0 && n < 16)
		r->result[n++] = in(&r->b, 0x3F5);
	return n;
}

static void controller_up(struct rig *r)
{
	out(&r->b, 0x3F2, 0x08);
	out(&r->b, 0x3F2, 0x3C);
	out(&r->b, 0x3F7, 0);
	for (unsigned i = 0; i < 4; i++) {
		ck_assert_int_eq(r->b.level[6], i == 0);
		CMD(r, 8);
		ck_assert_uint_eq(results(r), 2);
		ck_assert_uint_eq(r->result[0], 0xC0 | i);
	}
	CMD(r, 3, 0xDF, 0x02);
}

/* Channel 2: @count bytes at @at, type 1 to memory, 2 from it. */
static void dma_setup(struct rig *r, unsigned type, uint32_t at, unsigned count)
{
	out(&r->b, 0x0A, 6);
	out(&r->b, 0x0C, 0);
	out(&r->b, 0x0B, 0x42 | type << 2);
	out(&r->b, 0x04, at);
	out(&r->b, 0x04, at >> 8);
	out(&r->b, 0x81, at >> 16);
	out(&r->b, 0x05, count - 1);
	out(&r->b, 0x05, (count - 1) >> 8);
	out(&r->b, 0x0A, 2);
}

static void seek(struct rig *r, unsigned drive, unsigned track)
{
	CMD(r, 0x0F, drive, track);
	ck_assert_int_eq(r->b.level[6], 1);
	CMD(r, 8);
	ck_assert_uint_eq(results(r), 2);
	ck_assert_uint_eq(r->result[0] & 0xE3, 0x20 | drive);
	ck_assert_uint_eq(r->result[1], track);
	ck_assert_int_eq(r->b.level[6], 0);
}

static void finished(struct rig *r, uint8_t st0, uint8_t st1, uint8_t st2)
{
	pass(&r->b, 1000000000);
	ck_assert_int_eq(r->b.level[6], 1);
	ck_assert_uint_eq(results(r), 7);
	ck_assert_msg((r->result[0] & 0xC0) == st0 && r->result[1] == st1 && r->result[2] == st2, "%02x %02x %02x",
		r->result[0], r->result[1], r->result[2]);
	ck_assert_int_eq(r->b.level[6], 0);
}

static void id_is(struct rig *r, unsigned c, unsigned h, unsigned s)
{
	ck_assert_msg(r->result[3] == c && r->result[4] == h && r->result[5] == s, "ID %u/%u/%u", r->result[3],
		r->result[4], r->result[5]);
}

START_TEST(reset_and_versions)
{
	struct rig *r = rig_new(KIB1440, 1);

	ck_assert_uint_eq(in(&r->b, 0x3F4), 0); /* held in reset */
	controller_up(r);
	CMD(r, 8);
	ck_assert_uint_eq(results(r), 1);
	ck_assert_uint_eq(r->result[0], 0x80);
	CMD(r, 0x10);
	ck_assert_uint_eq(results(r), 1);
	ck_assert_uint_eq(r->result[0], 0x90);
	CMD(r, 0x18); /* PART ID: not of this chip */
	results(r);
	ck_assert_uint_eq(r->result[0], 0x80);
	CMD(r, 0x13, 0, 0x57, 0);
	CMD(r, 0x94);
	results(r);
	ck_assert_uint_eq(r->result[0], 0x10);
	out(&r->b, 0x3F4, 0x80); /* locked: configuration survives a software reset, which polls no more */
	CMD(r, 0x0E);
	ck_assert_uint_eq(results(r), 10);
	ck_assert_uint_eq(r->result[8], 0x57);
	ck_assert_int_eq(r->b.level[6], 0);
	rig_free(r);
}
END_TEST

START_TEST(seeks)
{
	struct rig *r = rig_new(KIB1440, 1);

	controller_up(r);
	seek(r, 0, 40);
	CMD(r, 4, 0);
	results(r);
	ck_assert_uint_eq(r->result[0], 0x28);
	CMD(r, 7, 0);
	CMD(r, 8);
	results(r);
	ck_assert_uint_eq(r->result[0], 0x20);
	ck_assert_uint_eq(r->result[1], 0);
	CMD(r, 4, 0);
	results(r);
	ck_assert_uint_eq(r->result[0], 0x38);
	CMD(r, 0xCF, 0, 3); /* relative, inwards */
	CMD(r, 8);
	results(r);
	ck_assert_uint_eq(r->result[1], 3);
	CMD(r, 7, 1); /* no drive B */
	CMD(r, 8);
	results(r);
	ck_assert_uint_eq(r->result[0], 0x71);
	rig_free(r);
}
END_TEST

START_TEST(change_line)
{
	struct rig *r = rig_new(KIB1440, 0);

	controller_up(r);
	ck_assert_uint_eq(in(&r->b, 0x3F7), 0x80);
	seek(r, 0, 1);
	ck_assert_uint_eq(in(&r->b, 0x3F7), 0);
	r->disk[0].blk.changed = true;
	ck_assert_uint_eq(in(&r->b, 0x3F7), 0x80);
	seek(r, 0, 1); /* no step: nothing noticed */
	ck_assert_uint_eq(in(&r->b, 0x3F7), 0x80);
	seek(r, 0, 0);
	ck_assert_uint_eq(in(&r->b, 0x3F7), 0);
	out(&r->b, 0x3F2, 0x3D); /* drive B is empty: the line stays */
	seek(r, 1, 1);
	ck_assert_uint_eq(in(&r->b, 0x3F7), 0x80);
	rig_free(r);
}
END_TEST

START_TEST(read_by_dma)
{
	struct rig *r = rig_new(KIB1440, 1);

	controller_up(r);
	seek(r, 0, 2);
	dma_setup(r, 1, 0x12345, 3 * 512); /* sectors 17, 18 of head 0, then 1 of head 1 */
	CMD(r, 0xE6, 0, 2, 0, 17, 2, 18, 0x1B, 0xFF);
	finished(r, 0, 0, 0);
	id_is(r, 2, 1, 2);
	ck_assert_uint_eq(mem(r, 0x12345)[0], (uint8_t)(2 * 36 + 16 + 1));
	ck_assert_uint_eq(mem(r, 0x12345)[512], (uint8_t)(2 * 36 + 17 + 1));
	ck_assert_uint_eq(mem(r, 0x12345)[1535], (uint8_t)(2 * 36 + 18 + 1));
	ck_assert_uint_eq(mem(r, 0x12345)[1536], 0);
	ck_assert_uint_eq(in(&r->b, 0x08) & 0x04, 0x04); /* terminal count, until read */
	ck_assert_uint_eq(in(&r->b, 0x08) & 0x04, 0);
	dma_setup(r, 1, 0x20000, 100); /* less than a sector */
	CMD(r, 0x46, 0, 2, 0, 18, 2, 18, 0x1B, 0xFF);
	finished(r, 0, 0, 0);
	id_is(r, 3, 0, 1);
	ck_assert_uint_eq(mem(r, 0x20000)[99], (uint8_t)(2 * 36 + 17 + 1));
	ck_assert_uint_eq(mem(r, 0x20000)[100], 0);
	dma_setup(r, 1, 0x20000, 1024); /* more than the track has */
	CMD(r, 0x46, 0, 2, 0, 18, 2, 18, 0x1B, 0xFF);
	finished(r, 0x40, 0x80, 0);
	rig_free(r);
}
END_TEST

START_TEST(write_and_format)
{
	struct rig *r = rig_new(KIB1440, 1);
	uint32_t at = (5 * 36 + 18) * 512;

	controller_up(r);
	seek(r, 0, 5);
	memset(mem(r, 0x3000), 0x77, 1024);
	dma_setup(r, 2, 0x3000, 700);
	CMD(r, 0x45, 4, 5, 1, 1, 2, 18, 0x1B, 0xFF);
	finished(r, 0, 0, 0);
	ck_assert_uint_eq(r->disk[0].data[at], 0x77);
	ck_assert_uint_eq(r->disk[0].data[at + 699], 0x77);
	ck_assert_uint_eq(r->disk[0].data[at + 700], 0); /* the rest of a sector cut by TC */
	ck_assert_uint_eq(r->disk[0].data[at + 1024], (uint8_t)(5 * 36 + 20 + 1));
	for (unsigned i = 0; i < 18; i++)
		memcpy(mem(r, 0x4000 + i * 4), (uint8_t[]){5, 0, (uint8_t)(i + 1), 2}, 4);
	dma_setup(r, 2, 0x4000, 18 * 4);
	CMD(r, 0x4D, 0, 2, 18, 0x54, 0xF6);
	finished(r, 0, 0, 0);
	ck_assert_uint_eq(r->disk[0].data[5 * 36 * 512], 0xF6);
	ck_assert_uint_eq(r->disk[0].data[(5 * 36 + 18) * 512 - 1], 0xF6);
	ck_assert_uint_eq(r->disk[0].data[at], 0x77);
	r->disk[0].blk.readonly = true;
	dma_setup(r, 2, 0x3000, 512);
	CMD(r, 0x45, 0, 5, 0, 1, 2, 18, 0x1B, 0xFF);
	finished(r, 0x40, 2, 0);
	CMD(r, 4, 0);
	results(r);
	ck_assert_uint_eq(r->result[0] & 0x40, 0x40);
	rig_free(r);
}
END_TEST

START_TEST(errors)
{
	struct rig *r = rig_new(KIB1440, 737280);

	controller_up(r);
	dma_setup(r, 1, 0x3000, 512);
	CMD(r, 0x46, 0, 0, 0, 19, 2, 19, 0x1B, 0xFF); /* no such sector */
	finished(r, 0x40, 0x04, 0);
	CMD(r, 0x46, 0, 7, 0, 1, 2, 18, 0x1B, 0xFF); /* another cylinder than the head's */
	finished(r, 0x40, 0x04, 0x10);
	CMD(r, 0x46, 0, 0, 0, 1, 3, 18, 0x1B, 0xFF); /* 1024-byte sectors */
	finished(r, 0x40, 0x04, 0);
	out(&r->b, 0x3F2, 0x3D);
	CMD(r, 0x4A, 1); /* a DD disk at HD rate */
	finished(r, 0x40, 0x01, 0);
	out(&r->b, 0x3F7, 2);
	CMD(r, 0x4A, 1);
	finished(r, 0, 0, 0);
	ck_assert_uint_eq(r->result[6], 2);
	out(&r->b, 0x3F2, 0x0C); /* motor off */
	CMD(r, 0x4A, 0);
	finished(r, 0x40, 0x01, 0);
	out(&r->b, 0x3F2, 0x1C);
	out(&r->b, 0x3F7, 0);
	out(&r->b, 0x0A, 6); /* DMA masked */
	CMD(r, 0x46, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF);
	finished(r, 0x40, 0x10, 0);
	rig_free(r);
}
END_TEST

START_TEST(by_fifo)
{
	struct rig *r = rig_new(KIB1440, 1);

	controller_up(r);
	CMD(r, 3, 0xDF, 0x03); /* non-DMA */
	CMD(r, 0x46, 0, 0, 0, 2, 2, 3, 0x1B, 0xFF);
	for (unsigned i = 0; i < 1024; i++) {
		pass(&r->b, 1000000);
		ck_assert_uint_eq(in(&r->b, 0x3F4), 0xF0);
		ck_assert_int_eq(r->b.level[6], 1);
		ck_assert_uint_eq(in(&r->b, 0x3F5), 2 + i / 512);
	}
	finished(r, 0x40, 0x80, 0); /* the usual end without TC */
	CMD(r, 0x45, 0, 0, 0, 4, 2, 4, 0x1B, 0xFF);
	for (unsigned i = 0; i < 512; i++) {
		pass(&r->b, 1000000);
		ck_assert_uint_eq(in(&r->b, 0x3F4), 0xB0);
		out(&r->b, 0x3F5, 0x99);
	}
	finished(r, 0x40, 0x80, 0);
	ck_assert_uint_eq(r->disk[0].data[3 * 512], 0x99);
	ck_assert_uint_eq(r->disk[0].data[4 * 512], 5);
	rig_free(r);
}
END_TEST

/* A command under way is dropped by a reset; nothing of it arrives later. */
START_TEST(reset_midway)
{
	struct rig *r = rig_new(KIB1440, 1);

	controller_up(r);
	dma_setup(r, 1, 0x3000, 512);
	CMD(r, 0x46, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF);
	ck_assert_uint_eq(in(&r->b, 0x3F4), 0x10);
	controller_up(r);
	pass(&r->b, 1000000000);
	ck_assert_int_eq(r->b.level[6], 0);
	ck_assert_uint_eq(mem(r, 0x3000)[0], 0);
	rig_free(r);
}
END_TEST

START_TEST(dma_registers)
{
	struct rig *r = rig_new(KIB1440, 1);
	uint8_t buf[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	bool tc;

	out(&r->b, 0x0D, 0);
	dma_setup(r, 1, 0x1FFFE, 4);
	ck_assert_uint_eq(i8237_transfer(r->dma, 2, buf, 8, true, &tc), 4);
	ck_assert(tc);
	ck_assert_uint_eq(mem(r, 0x1FFFF)[0], 2);
	ck_assert_uint_eq(mem(r, 0x10000)[0], 3); /* the page does not count up */
	ck_assert_uint_eq(i8237_transfer(r->dma, 2, buf, 8, true, &tc), 0); /* masked by TC */
	out(&r->b, 0x0B, 0x56); /* autoinitialize */
	out(&r->b, 0x0A, 2);
	dma_setup(r, 1, 0x30000, 4);
	out(&r->b, 0x0B, 0x56);
	ck_assert_uint_eq(i8237_transfer(r->dma, 2, buf, 8, true, &tc), 4);
	ck_assert_uint_eq(i8237_transfer(r->dma, 2, buf + 4, 4, true, &tc), 4);
	ck_assert_uint_eq(mem(r, 0x30000)[0], 5);
	ck_assert_uint_eq(i8237_transfer(r->dma, 2, buf, 4, false, &tc), 0); /* the other direction */
	/* channel 5: words, page without its lowest bit */
	out(&r->b, 0xD8, 0);
	out(&r->b, 0xD6, 0x45);
	out(&r->b, 0xC4, 0x00);
	out(&r->b, 0xC4, 0x80);
	out(&r->b, 0x8B, 0x03);
	out(&r->b, 0xC6, 0x01);
	out(&r->b, 0xC6, 0x00);
	out(&r->b, 0xD4, 1);
	ck_assert_uint_eq(i8237_transfer(r->dma, 5, buf, 8, true, &tc), 4);
	ck_assert_uint_eq(mem(r, 0x30000)[0], 1);
	ck_assert_uint_eq(mem(r, 0x30000)[3], 4);
	ck_assert_uint_eq(in(&r->b, 0x8B), 3);
	rig_free(r);
}
END_TEST

/* Random accesses while time passes and media come and go; every saved state of it loads again. */
START_TEST(noise)
{
	struct rig *r = rig_new(KIB1440, 368640);
	uint64_t x = 88172645463325252ull;
	struct err e;

	for (unsigned i = 0; i < 300000; i++) {
		uint64_t v = rnd(&x);
		unsigned port = v & 0x300 ? 0x3F0 + (v >> 10 & 7) : v & 0x400 ? (v >> 11 & 15) : 0x81 + (v >> 11 & 3);

		if (port == 0x3F6)
			continue;
		if ((v >> 20 & 15) == 0) {
			pass(&r->b, v >> 24 & 0xFFFFF);
		} else if ((v >> 20 & 0xFFF) == 1) {
			r->disk[0].blk.present = !r->disk[0].blk.present;
			r->disk[0].blk.changed = true;
		} else if (v & 1) {
			in(&r->b, port);
		} else {
			out(&r->b, port, port == 0x3F2 ? (v >> 32) | 0x3C : port == 0x3F7 ? 0 : (v >> 32));
		}
		if (i % 1000 == 0 && !r->fdc->in_flight)
			ck_assert_int_eq(r->fdc->dev.ops->post_load(&r->fdc->dev, &e), VM_OK);
	}
	rig_free(r);
}
END_TEST

START_TEST(formats)
{
	ck_assert_uint_eq(fdc_format_of(KIB1440)->sectors, 18);
	ck_assert_uint_eq(fdc_format_of(KIB1440 - 5)->sectors, 18); /* cut images are of the next format */
	ck_assert_uint_eq(fdc_format_of(368640)->tracks, 40);
	ck_assert_uint_eq(fdc_format_of(1228800)->drive, 2);
	ck_assert_uint_eq(fdc_format_of(2949120)->rate, 3);
	ck_assert_ptr_null(fdc_format_of(2949121));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("fdc");
	TCase *t = tcase_create("fdc");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, reset_and_versions);
	tcase_add_test(t, seeks);
	tcase_add_test(t, change_line);
	tcase_add_test(t, read_by_dma);
	tcase_add_test(t, write_and_format);
	tcase_add_test(t, errors);
	tcase_add_test(t, by_fifo);
	tcase_add_test(t, reset_midway);
	tcase_add_test(t, dma_registers);
	tcase_add_test(t, noise);
	tcase_add_test(t, formats);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
