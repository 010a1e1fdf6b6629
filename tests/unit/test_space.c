/*
 * test_space.c - ranges, priorities, device access sizes, nothing, wrap, DMA.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "mmu/space.h"

struct dev {
	uint8_t reg[64];
	unsigned n;	     /* accesses logged */
	uint64_t off[64];
	unsigned size[64];
	bool wr[64];
	struct space *loop; /* write back into this space: a DMA loop */
};

static uint64_t dev_rd(void *o, uint64_t off, unsigned size)
{
	struct dev *d = o;
	uint64_t v = 0;

	ck_assert(off + size <= 64);
	d->off[d->n % 64] = off, d->size[d->n % 64] = size, d->wr[d->n % 64] = false;
	d->n++;
	memcpy(&v, d->reg + off, size);
	return v | (size < 8 ? ~0ull << (8 * size) : 0); /* garbage above: space must mask it */
}

static void dev_wr(void *o, uint64_t off, uint64_t val, unsigned size)
{
	struct dev *d = o;

	ck_assert(off + size <= 64);
	ck_assert(size == 8 || val >> (8 * size) == 0);
	d->off[d->n % 64] = off, d->size[d->n % 64] = size, d->wr[d->n % 64] = true;
	d->n++;
	memcpy(d->reg + off, &val, size);
	if (d->loop) {
		uint8_t b[4] = {1, 2, 3, 4};

		space_write_buf(d->loop, 0x8000, b, 4);
	}
}

static const struct io_ops ops_def = {"def", dev_rd, dev_wr, 0, 0};
static const struct io_ops ops_byte = {"byte", dev_rd, dev_wr, 1, 1};
static const struct io_ops ops_dword = {"dword", dev_rd, dev_wr, 4, 4};
static const struct io_ops ops_qword = {"qword", dev_rd, dev_wr, 1, 8};
static const struct io_ops ops_none = {"none", NULL, NULL, 1, 4};

struct fix {
	struct ram ram;
	struct log log;
	struct space mem, io;
	struct region low, rom, dev;
	struct dev d;
	unsigned changes;
};

static void on_change(void *o)
{
	((struct fix *)o)->changes++;
}

static struct fix *fix_new(const struct io_ops *ops)
{
	struct fix *f = calloc(1, sizeof(*f));

	ck_assert_int_eq(ram_init(&f->ram, 1 << 20, NULL), VM_OK);
	log_init(&f->log);
	space_init(&f->mem, "mem", BIT(52) - 1, &f->ram, &f->log);
	space_init(&f->io, "io", 0xFFFF, NULL, &f->log);
	f->low = (struct region){.name = "ram", .kind = REGION_RAM, .len = 0x8000,
		.ra = ram_alloc(&f->ram, 0x8000)};
	f->rom = (struct region){.name = "rom", .kind = REGION_ROM, .len = 0x1000,
		.ra = ram_alloc(&f->ram, 0x1000)};
	space_add(&f->mem, &f->low, 0);
	space_add_io(&f->mem, &f->dev, "dev", 0x8000, 64, ops, &f->d);
	space_add(&f->mem, &f->rom, 0xF000);
	f->mem.changed = on_change;
	f->mem.changed_opaque = f;
	for (int i = 0; i < 64; i++)
		f->d.reg[i] = (uint8_t)(0x80 + i);
	return f;
}

static void fix_free(struct fix *f)
{
	space_fini(&f->mem);
	space_fini(&f->io);
	ram_fini(&f->ram);
	log_fini(&f->log);
	free(f);
}

START_TEST(ram_and_rom)
{
	struct fix *f = fix_new(&ops_def);

	for (unsigned size = 1; size <= 8; size *= 2) {
		space_write(&f->mem, 0x123, 0x1122334455667788ull, size);
		ck_assert_uint_eq(space_read(&f->mem, 0x123, size),
			0x1122334455667788ull & (~0ull >> (64 - 8 * size)));
	}
	f->ram.host[f->rom.ra] = 0x5A;
	space_write(&f->mem, 0xF000, 0xA5, 1);
	ck_assert_uint_eq(space_read(&f->mem, 0xF000, 1), 0x5A);
	f->rom.ops = &ops_def; /* flash */
	f->rom.opaque = &f->d;
	space_write(&f->mem, 0xF008, 0xA5, 1);
	ck_assert_uint_eq(f->d.n, 1);
	ck_assert_uint_eq(f->d.off[0], 8);
	ck_assert_uint_eq(space_read(&f->mem, 0xF000, 1), 0x5A);
	fix_free(f);
}
END_TEST

START_TEST(nothing)
{
	struct fix *f = fix_new(&ops_def);

	ck_assert_uint_eq(space_read(&f->mem, 0x20000, 4), 0xFFFFFFFF);
	ck_assert_uint_eq(space_read(&f->mem, 0x20000, 8), UINT64_MAX);
	space_write(&f->mem, 0x20000, 0, 4);
	ck_assert_uint_eq(space_read(&f->mem, BIT(60), 4), 0xFFFFFFFF); /* above the limit: no wrap */
	ck_assert_uint_eq(space_read(&f->mem, UINT64_MAX - 1, 4) & 0xFFFF, 0xFFFF);
	ck_assert_uint_eq(space_read(&f->io, 0x60, 1), 0xFF);
	ck_assert_ptr_null(space_lookup(&f->mem, 0x20000)->reg);
	fix_free(f);
}
END_TEST

START_TEST(crossing)
{
	struct fix *f = fix_new(&ops_def);

	f->ram.host[0x7FFE] = 0x11;
	f->ram.host[0x7FFF] = 0x22;
	ck_assert_uint_eq(space_read(&f->mem, 0x7FFE, 4), 0x81802211);
	space_write(&f->mem, 0x7FFE, 0xDDCCBBAA, 4);
	ck_assert_uint_eq(f->ram.host[0x7FFF], 0xBB);
	ck_assert_uint_eq(f->d.reg[0], 0xCC);
	ck_assert_uint_eq(f->d.reg[1], 0xDD);
	ck_assert_uint_eq(space_read(&f->mem, 0x803F, 2), 0xFFBF); /* device, then nothing */
	fix_free(f);
}
END_TEST

static void expect(struct dev *d, unsigned n, const unsigned (*w)[3])
{
	ck_assert_uint_eq(d->n, n);
	for (unsigned i = 0; i < n; i++) {
		ck_assert_uint_eq(d->off[i], w[i][0]);
		ck_assert_uint_eq(d->size[i], w[i][1]);
		ck_assert_uint_eq(d->wr[i], w[i][2]);
	}
	d->n = 0;
}

START_TEST(sizes)
{
	struct fix *f = fix_new(&ops_def);

	/* defaults 1..4: 8 bytes split in two, odd accesses in aligned pieces */
	ck_assert_uint_eq(space_read(&f->mem, 0x8008, 8), 0x8F8E8D8C8B8A8988ull);
	expect(&f->d, 2, (const unsigned[][3]){{8, 4, 0}, {12, 4, 0}});
	ck_assert_uint_eq(space_read(&f->mem, 0x8001, 4), 0x84838281);
	expect(&f->d, 3, (const unsigned[][3]){{1, 1, 0}, {2, 2, 0}, {4, 1, 0}});
	f->dev.ops = &ops_byte;
	space_write(&f->mem, 0x8004, 0x44332211, 4);
	expect(&f->d, 4, (const unsigned[][3]){{4, 1, 1}, {5, 1, 1}, {6, 1, 1}, {7, 1, 1}});
	ck_assert_uint_eq(f->d.reg[6], 0x33);
	f->dev.ops = &ops_qword;
	ck_assert_uint_eq(space_read(&f->mem, 0x8010, 8), 0x9796959493929190ull);
	expect(&f->d, 1, (const unsigned[][3]){{16, 8, 0}});
	fix_free(f);
}
END_TEST

START_TEST(widening)
{
	struct fix *f = fix_new(&ops_dword);

	ck_assert_uint_eq(space_read(&f->mem, 0x8009, 2), 0x8A89);
	ck_assert(f->d.n >= 1);
	for (unsigned i = 0; i < f->d.n; i++)
		ck_assert(f->d.size[i] == 4 && f->d.off[i] == 8);
	f->d.n = 0;
	space_write(&f->mem, 0x800A, 0x5566, 2);
	expect(&f->d, 2, (const unsigned[][3]){{8, 4, 0}, {8, 4, 1}});
	ck_assert_uint_eq(space_read(&f->mem, 0x8008, 4), 0x55668988);
	f->d.n = 0;
	ck_assert_uint_eq(space_read(&f->mem, 0x8006, 4), 0x89888786);
	expect(&f->d, 2, (const unsigned[][3]){{4, 4, 0}, {8, 4, 0}});
	fix_free(f);
}
END_TEST

START_TEST(null_ops)
{
	struct fix *f = fix_new(&ops_none);

	ck_assert_uint_eq(space_read(&f->mem, 0x8000, 2), 0xFFFF);
	space_write(&f->mem, 0x8000, 1, 2);
	fix_free(f);
}
END_TEST

START_TEST(priorities)
{
	struct fix *f = fix_new(&ops_def);
	struct region hi = {0}, eq = {0};
	uint64_t gen = f->mem.gen;

	hi = (struct region){.name = "hi", .kind = REGION_IO, .len = 64, .prio = 1, .ops = &ops_none};
	space_add(&f->mem, &hi, 0x1000);
	ck_assert_ptr_eq(space_lookup(&f->mem, 0x1000)->reg, &hi);
	ck_assert_ptr_eq(space_lookup(&f->mem, 0x103F)->reg, &hi);
	ck_assert_ptr_eq(space_lookup(&f->mem, 0x1040)->reg, &f->low);
	ck_assert_ptr_eq(space_lookup(&f->mem, 0x0FFF)->reg, &f->low);
	ck_assert_uint_eq(space_lookup(&f->mem, 0)->last, 0xFFF);
	eq = (struct region){.name = "eq", .kind = REGION_IO, .len = 32, .prio = 1, .ops = &ops_none};
	space_add(&f->mem, &eq, 0x1000);
	ck_assert_ptr_eq(space_lookup(&f->mem, 0x1000)->reg, &eq); /* the later added */
	ck_assert_ptr_eq(space_lookup(&f->mem, 0x1020)->reg, &hi);
	ck_assert_uint_eq(f->mem.gen, gen + 2);
	ck_assert_uint_eq(f->changes, 2);

	space_begin(&f->mem);
	space_move(&f->mem, &eq, 0x2000, true);
	space_move(&f->mem, &hi, 0x1000, false);
	space_commit(&f->mem);
	ck_assert_uint_eq(f->changes, 3);
	ck_assert_ptr_eq(space_lookup(&f->mem, 0x1000)->reg, &f->low);
	ck_assert_ptr_eq(space_lookup(&f->mem, 0x2000)->reg, &eq);
	space_move(&f->mem, &eq, 0x2000, true); /* no change */
	ck_assert_uint_eq(f->changes, 3);
	space_begin(&f->mem);
	space_remove(&f->mem, &eq);
	ck_assert_ptr_eq(space_lookup(&f->mem, 0x2000)->reg, &f->low);
	space_commit(&f->mem);
	ck_assert_uint_eq(f->changes, 4);
	fix_free(f);
}
END_TEST

/* Random regions against a per-address oracle. */
START_TEST(random_layout)
{
	struct fix *f = fix_new(&ops_def);
	struct region r[12] = {0};
	unsigned seed = 1;

	for (int round = 0; round < 200; round++) {
		for (int i = 0; i < 12; i++) {
			r[i] = (struct region){.kind = REGION_IO, .ops = &ops_none,
				.len = (unsigned)rand_r(&seed) % 64, .prio = 2 + rand_r(&seed) % 3};
			space_add(&f->mem, &r[i], 0x1000 + (unsigned)rand_r(&seed) % 256);
			if (rand_r(&seed) % 4 == 0)
				space_move(&f->mem, &r[i], r[i].base, false);
		}
		for (uint64_t a = 0xF00; a < 0x1200; a++) {
			struct region *want = &f->low;

			for (int i = 0; i < 12; i++)
				if (r[i].enabled && a >= r[i].base && a < r[i].base + r[i].len &&
					(want == &f->low || r[i].prio >= want->prio))
					want = &r[i];
			ck_assert_ptr_eq(space_lookup(&f->mem, a)->reg, want);
		}
		for (int i = 0; i < 12; i++)
			space_remove(&f->mem, &r[i]);
	}
	fix_free(f);
}
END_TEST

START_TEST(port_wrap)
{
	struct fix *f = fix_new(&ops_def);
	struct region p0 = {0}, p1 = {0};
	struct dev lo = {0}, hi = {0};

	space_add_io(&f->io, &p0, "lo", 0, 4, &ops_def, &lo);
	space_add_io(&f->io, &p1, "hi", 0xFFFE, 2, &ops_def, &hi);
	lo.reg[0] = 0x33, lo.reg[1] = 0x44, hi.reg[0] = 0x11, hi.reg[1] = 0x22;
	ck_assert_uint_eq(space_read(&f->io, 0xFFFE, 4), 0x44332211);
	ck_assert_uint_eq(space_read(&f->io, 0x10000, 1), 0x33);
	space_write(&f->io, 0xFFFF, 0xBBAA, 2);
	ck_assert_uint_eq(hi.reg[1], 0xAA);
	ck_assert_uint_eq(lo.reg[0], 0xBB);
	fix_free(f);
}
END_TEST

START_TEST(buffers)
{
	struct fix *f = fix_new(&ops_def);
	uint8_t b[0x200], c[0x200];

	for (unsigned i = 0; i < sizeof(b); i++)
		b[i] = (uint8_t)(i * 7);
	space_write_buf(&f->mem, 0x7F80, b, sizeof(b)); /* RAM, the device, nothing */
	ck_assert_mem_eq(f->ram.host + 0x7F80, b, 0x80);
	ck_assert_mem_eq(f->d.reg, b + 0x80, 64);
	space_read_buf(&f->mem, 0x7F80, c, sizeof(c));
	ck_assert_mem_eq(c, b, 0x80 + 64);
	for (unsigned i = 0x80 + 64; i < sizeof(c); i++)
		ck_assert_uint_eq(c[i], 0xFF);
	space_read_buf(&f->mem, BIT(52) - 0x100, c, sizeof(c)); /* off the end */
	ck_assert_uint_eq(c[0x1FF], 0xFF);
	space_write_buf(&f->mem, UINT64_MAX - 0xFF, b, sizeof(b)); /* must end; lands nowhere, then at 0 */
	space_write_buf(&f->mem, 0xF000, b, 16);
	ck_assert_uint_eq(f->ram.host[f->rom.ra + 1], 0);
	fix_free(f);
}
END_TEST

START_TEST(dma_loop_ends)
{
	struct fix *f = fix_new(&ops_def);

	f->d.loop = &f->mem;
	space_write(&f->mem, 0x8000, 0, 4);
	ck_assert(f->d.n >= 2 && f->d.n < 64);
	ck_assert_uint_eq(f->mem.depth, 0);
	fix_free(f);
}
END_TEST

START_TEST(host_pointer)
{
	struct fix *f = fix_new(&ops_def);
	raddr_t ra;

	ck_assert_ptr_eq(space_host(&f->mem, 0x7FF0, 16, &ra), f->ram.host + 0x7FF0);
	ck_assert_uint_eq(ra, 0x7FF0);
	ck_assert_ptr_null(space_host(&f->mem, 0x7FF0, 17, &ra));
	ck_assert_ptr_null(space_host(&f->mem, 0x7FF0, UINT64_MAX, &ra));
	ck_assert_ptr_null(space_host(&f->mem, 0x8000, 1, &ra));
	ck_assert_ptr_nonnull(space_host(&f->mem, 0xF000, 0x1000, NULL));
	fix_free(f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("space");
	TCase *t = tcase_create("space");
	SRunner *r;
	int bad;

	tcase_add_test(t, ram_and_rom);
	tcase_add_test(t, nothing);
	tcase_add_test(t, crossing);
	tcase_add_test(t, sizes);
	tcase_add_test(t, widening);
	tcase_add_test(t, null_ops);
	tcase_add_test(t, priorities);
	tcase_add_test(t, random_layout);
	tcase_add_test(t, port_wrap);
	tcase_add_test(t, buffers);
	tcase_add_test(t, dma_loop_ends);
	tcase_add_test(t, host_pointer);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
