/* test_pflash.c - the flash chip's commands, what reaches its image, chips that may not be written, broken images. */
#include "tests/devices/chip_fixture.h"
#include "devices/pflash.h"
#include "mmu/ram.h"
#include <errno.h>

#define SIZE 0x10000u
#define BASE 0xFFFF0000u

struct rig {
	struct board b;
	struct ram ram;
	struct pflash *p;
	struct blk blk;
	uint8_t image[SIZE];
	int error; /* of writes */
};

static void submit(struct blk *b, struct blk_req *q)
{
	struct rig *r = container_of(b, struct rig, blk);

	ck_assert(q->op == BLK_WRITE && q->off % 512 == 0 && q->len % 512 == 0 && q->off + q->len <= SIZE);
	if (!r->error)
		memcpy(r->image + q->off, q->buf, q->len);
	q->done(q->opaque, r->error);
}

static const struct blk_ops image_ops = {.submit = submit};

static void open_rig(struct rig *r, bool readonly)
{
	raddr_t ra;

	memset(r, 0, sizeof(*r));
	board_init(&r->b);
	ck_assert_int_eq(ram_init(&r->ram, 16 << 20, NULL), VM_OK);
	space_fini(&r->b.mem);
	space_init(&r->b.mem, "mem", BIT(52) - 1, &r->ram, &r->b.log);
	ra = ram_alloc(&r->ram, SIZE);
	for (unsigned i = 0; i < SIZE; i++)
		r->image[i] = (uint8_t)(i * 7 + i / 256);
	memcpy(r->ram.host + ra, r->image, SIZE);
	r->blk = (struct blk){.ops = &image_ops, .size = SIZE, .readonly = readonly};
	r->p = pflash_create(&r->b.log, &r->b.mem, BASE, ra, &r->blk);
}

static void close_rig(struct rig *r)
{
	drop(&r->p->dev);
	board_fini(&r->b);
	ram_fini(&r->ram);
}

static uint8_t rd(struct rig *r, unsigned off)
{
	return (uint8_t)space_read(&r->b.mem, BASE + off, 1);
}

static void wr(struct rig *r, unsigned off, unsigned v)
{
	space_write(&r->b.mem, BASE + off, v, 1);
}

START_TEST(array_and_queries)
{
	struct rig r;

	open_rig(&r, false);
	ck_assert_uint_eq(space_read(&r.b.mem, BASE + 0x1234, 4), *(uint32_t *)(r.image + 0x1234));
	wr(&r, 0, 0x90);
	ck_assert_uint_eq(rd(&r, 0), 0x89);
	wr(&r, 0, 0x98);
	ck_assert(rd(&r, 0x10) == 'Q' && rd(&r, 0x11) == 'R' && rd(&r, 0x12) == 'Y');
	ck_assert_uint_eq(1u << rd(&r, 0x27), SIZE);
	/* blocks x block size is the chip */
	ck_assert_uint_eq((rd(&r, 0x2D) + rd(&r, 0x2E) * 256u + 1) * (rd(&r, 0x2F) * 256u + rd(&r, 0x30) * 65536u), SIZE);
	wr(&r, 0, 0xFF);
	ck_assert_uint_eq(rd(&r, 0x10), r.image[0x10]);
	/* how firmware tells flash from ROM and RAM */
	wr(&r, 0x40, 0x50);
	ck_assert_uint_eq(rd(&r, 0x40), r.image[0x40]);
	wr(&r, 0x40, 0x70);
	ck_assert_uint_eq(rd(&r, 0x40), 0);
	r.p->dev.ops->reset(&r.p->dev);
	ck_assert_uint_eq(rd(&r, 0x40), r.image[0x40]);
	close_rig(&r);
}
END_TEST

START_TEST(program_and_erase)
{
	struct rig r;

	open_rig(&r, false);
	wr(&r, 0x2003, 0x40);
	wr(&r, 0x2003, 0xA5);
	ck_assert_uint_eq(rd(&r, 0), 0x80); /* status: ready, no error */
	ck_assert_uint_eq(r.image[0x2003], 0xA5);
	wr(&r, 0x2004, 0x10);
	space_write(&r.b.mem, BASE + 0x2004, 0x44332211, 4);
	wr(&r, 0, 0xFF);
	ck_assert_uint_eq(space_read(&r.b.mem, BASE + 0x2004, 4), 0x44332211);
	ck_assert_mem_eq(r.image + 0x2004, "\x11\x22\x33\x44", 4);
	wr(&r, 0x3456, 0x20);
	wr(&r, 0x3456, 0xD0);
	for (unsigned i = 0x2FFF; i <= 0x4000; i++)
		ck_assert((r.image[i] == 0xFF) == (i >= 0x3000 && i < 0x4000) || i < 0x3000 || i == 0x4000);
	ck_assert_uint_eq(rd(&r, 0), 0x80);
	/* a block that nobody confirmed stays */
	wr(&r, 0x5000, 0x20);
	wr(&r, 0x5000, 0x40);
	ck_assert_uint_eq(rd(&r, 0), 0xB0);
	wr(&r, 0, 0x50);
	ck_assert_uint_eq(rd(&r, 0x5001), r.image[0x5001]);
	ck_assert_mem_eq(r.p->array, r.image, SIZE);
	close_rig(&r);
}
END_TEST

START_TEST(buffered)
{
	struct rig r;

	open_rig(&r, false);
	wr(&r, 0x1000, 0xE8);
	ck_assert_uint_eq(rd(&r, 0x1000) & 0x80, 0x80);
	wr(&r, 0x1000, 15);
	for (unsigned i = 0; i < 16; i++)
		wr(&r, 0x1010 + i, i);
	wr(&r, 0x1000, 0xD0);
	ck_assert_uint_eq(rd(&r, 0), 0x80);
	wr(&r, 0, 0xFF);
	for (unsigned i = 0; i < 16; i++)
		ck_assert(rd(&r, 0x1010 + i) == i && r.image[0x1010 + i] == i);
	close_rig(&r);
}
END_TEST

START_TEST(refused)
{
	struct rig r;
	uint8_t before;

	open_rig(&r, true);
	before = r.image[0x100];
	wr(&r, 0x100, 0x40);
	wr(&r, 0x100, (uint8_t)~before);
	ck_assert_uint_eq(rd(&r, 0), 0x90);
	wr(&r, 0x100, 0x50);
	wr(&r, 0x100, 0x20);
	wr(&r, 0x100, 0xD0);
	ck_assert_uint_eq(rd(&r, 0), 0xA0);
	wr(&r, 0, 0xFF);
	ck_assert(rd(&r, 0x100) == before && r.image[0x100] == before);
	close_rig(&r);
	open_rig(&r, false);
	r.error = EIO;
	wr(&r, 0x100, 0x40);
	wr(&r, 0x100, 1);
	ck_assert_uint_eq(rd(&r, 0), 0x90);
	close_rig(&r);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("pflash");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_add_test(t, array_and_queries);
	tcase_add_test(t, program_and_erase);
	tcase_add_test(t, buffered);
	tcase_add_test(t, refused);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
