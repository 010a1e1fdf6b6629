/*
 * test_access.c - guest accesses from C: page crossing, all-or-nothing, devices, code, display, watch, tap, peek.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "mmu/access.h"

#define P 1u
#define W 2u
#define U 4u
#define A 0x20u
#define D 0x40u

#define PD 0x10000u
#define PT 0x11000u
#define ROM_GPA 0xF0000u
#define DEV_GPA 0xE0000u

struct fix {
	struct ram ram;
	struct log log;
	struct space mem;
	struct region reg, rom, dev;
	struct mmu m;
	uint8_t regs[0x1000];
	unsigned nio, nhit, ntap, ncode;
	unsigned hit_i, hit_len;
	gla_t hit_gla;
	bool hit_write;
	raddr_t tap_ra, code_ra;
	unsigned tap_len, code_len;
};

static uint64_t dev_read(void *o, uint64_t off, unsigned size)
{
	struct fix *f = o;
	uint64_t v = 0;

	f->nio++;
	memcpy(&v, f->regs + off, size);
	return v;
}

static void dev_write(void *o, uint64_t off, uint64_t val, unsigned size)
{
	struct fix *f = o;

	f->nio++;
	memcpy(f->regs + off, &val, size);
}

static const struct io_ops dev_ops = {"dev", dev_read, dev_write, 1, 8};

static void on_hit(void *o, unsigned i, gla_t gla, unsigned len, bool write)
{
	struct fix *f = o;

	f->nhit++;
	f->hit_i = i, f->hit_gla = gla, f->hit_len = len, f->hit_write = write;
}

static void on_code(void *o, raddr_t ra, unsigned len)
{
	struct fix *f = o;

	f->ncode++;
	f->code_ra = ra, f->code_len = len;
	f->ram.code[ra >> PAGE_SHIFT] &= ~ram_code_mask(ra & 0xFFF, len);
}

static void on_tap(void *o, raddr_t ra, unsigned len)
{
	struct fix *f = o;

	f->ntap++;
	f->tap_ra = ra, f->tap_len = len;
}

static void map(struct fix *f, gla_t gla, uint32_t e)
{
	space_write(&f->mem, PT + 4 * (gla >> 12), e, 4);
}

static uint32_t pte(struct fix *f, gla_t gla)
{
	return (uint32_t)space_read(&f->mem, PT + 4 * (gla >> 12), 4);
}

static struct fix *fix_new(void)
{
	struct fix *f = calloc(1, sizeof(*f));

	ck_assert_int_eq(ram_init(&f->ram, 4 << 20, NULL), VM_OK);
	log_init(&f->log);
	space_init(&f->mem, "mem", BIT(52) - 1, &f->ram, &f->log);
	f->reg = (struct region){.name = "ram", .kind = REGION_RAM, .len = 0xE0000,
		.ra = ram_alloc(&f->ram, 0xE0000)};
	f->rom = (struct region){.name = "rom", .kind = REGION_ROM, .len = 0x1000,
		.ra = ram_alloc(&f->ram, 0x1000)};
	space_add(&f->mem, &f->reg, 0);
	space_add(&f->mem, &f->rom, ROM_GPA);
	space_add_io(&f->mem, &f->dev, "dev", DEV_GPA, 0x1000, &dev_ops, f);
	mmu_init(&f->m, &f->mem, &f->ram, &f->log);
	f->ram.code_written = on_code;
	f->ram.code_opaque = f;
	f->m.watch_hit = on_hit;
	f->m.watch_opaque = f;
	f->m.pg.cr0 = CR0_PG | CR0_WP | 1;
	f->m.pg.cr3 = PD;
	f->m.pg.cr4 = CR4_PSE | CR4_PGE;
	space_write(&f->mem, PD, PT | P | W | U, 4);
	/* 5000-6FFF: RAM at 23000 and 25000; 7000: read-only; 8000: device; 9000: ROM; A000: absent */
	map(f, 0x5000, 0x23000 | P | W | U);
	map(f, 0x6000, 0x25000 | P | W | U);
	map(f, 0x7000, 0x26000 | P | U);
	map(f, 0x8000, DEV_GPA | P | W | U);
	map(f, 0x9000, ROM_GPA | P | W | U);
	return f;
}

static void fix_free(struct fix *f)
{
	space_fini(&f->mem);
	ram_fini(&f->ram);
	free(f);
}

START_TEST(sizes_everywhere)
{
	struct fix *f = fix_new();
	uint64_t v;

	for (unsigned size = 1; size <= 8; size *= 2)
		for (unsigned pass = 0; pass < 2; pass++) /* a miss, then a hit */
			for (unsigned i = 0; i < 32; i++) {
				gla_t gla = 0x5FF0 + i;
				uint64_t want = 0x1122334455667788ull * (i + 1);

				if (!pass)
					tlb_flush(&f->m, true);
				ck_assert_int_eq(mmu_write(&f->m, gla, size, MMU_USER, want),
					EXIT_NONE);
				for (unsigned b = 0; b < size; b++) {
					gla_t at = gla + b;
					uint64_t pa = (at < 0x6000 ? 0x23000 : 0x25000) + (at & 0xFFF);

					ck_assert_uint_eq(f->ram.host[pa], want >> (8 * b) & 0xFF);
				}
				if (!pass)
					tlb_flush(&f->m, true);
				v = 0x5555555555555555;
				ck_assert_int_eq(mmu_read(&f->m, gla, size, MMU_USER, &v), EXIT_NONE);
				ck_assert_uint_eq(v, want & (~0ull >> (64 - 8 * size)));
			}
	fix_free(f);
}
END_TEST

START_TEST(crossing_write_is_all_or_nothing)
{
	struct fix *f = fix_new();
	uint8_t b[64];

	memset(f->ram.host + 0x25FF0, 0xEE, 16);
	memset(b, 0x11, sizeof(b));
	/* 6FFE..7001: the second page is read-only */
	ck_assert_int_eq(mmu_write(&f->m, 0x6FFE, 4, MMU_USER, 0), EXIT_FAULT);
	ck_assert_uint_eq(f->m.fault.gla, 0x7000);
	ck_assert_uint_eq(f->m.fault.w.code, PF_P | PF_W | PF_U);
	ck_assert_uint_eq(f->ram.host[0x25FFE], 0xEE);
	ck_assert_int_eq(mmu_write_buf(&f->m, 0x6FF8, b, 64, MMU_USER), EXIT_FAULT);
	ck_assert_uint_eq(f->ram.host[0x25FF8], 0xEE);
	/* 9FFE..A001: absent; the first page's fault wins when both are bad */
	ck_assert_int_eq(mmu_read_buf(&f->m, 0x9FFE, b, 4, MMU_SUP), EXIT_FAULT);
	ck_assert_uint_eq(f->m.fault.gla, 0xA000);
	ck_assert_uint_eq(f->m.fault.w.code, 0);
	ck_assert_int_eq(mmu_read_buf(&f->m, 0xAFFE, b, 4, MMU_SUP), EXIT_FAULT);
	ck_assert_uint_eq(f->m.fault.gla, 0xAFFE);
	ck_assert_uint_eq(b[0], 0x11);
	fix_free(f);
}
END_TEST

START_TEST(wrap_at_4g)
{
	struct fix *f = fix_new();
	uint64_t v;

	f->m.pg.cr0 = 1; /* no paging: linear FFFFFFFF + 1 is 0 */
	f->ram.host[0] = 0x5A;
	ck_assert_int_eq(mmu_read(&f->m, 0xFFFFFFFF, 2, MMU_SUP, &v), EXIT_NONE);
	ck_assert_uint_eq(v, 0x5AFF);
	fix_free(f);
}
END_TEST

START_TEST(ad_bits)
{
	struct fix *f = fix_new();
	uint64_t v;

	mmu_read(&f->m, 0x5000, 4, MMU_USER, &v);
	ck_assert_uint_eq(pte(f, 0x5000) & (A | D), A);
	mmu_write(&f->m, 0x5000, 4, MMU_USER, 1);
	ck_assert_uint_eq(pte(f, 0x5000) & (A | D), A | D);
	ck_assert_int_eq(mmu_probe(&f->m, 0x5FFF, 2, MMU_WRITE, MMU_USER), EXIT_NONE);
	ck_assert_uint_eq(pte(f, 0x6000) & (A | D), A | D);
	ck_assert_int_eq(mmu_probe(&f->m, 0x6FFF, 2, MMU_WRITE, MMU_USER), EXIT_FAULT);
	ck_assert_uint_eq(pte(f, 0x7000) & (A | D), 0);
	ck_assert_int_eq(mmu_probe(&f->m, 0x6FFF, 1, MMU_WRITE, MMU_USER), EXIT_NONE);
	fix_free(f);
}
END_TEST

START_TEST(device)
{
	struct fix *f = fix_new();
	uint64_t v;

	for (unsigned i = 0; i < 0x1000; i++)
		f->regs[i] = (uint8_t)i;
	for (unsigned n = 1; n <= 3; n++) { /* each read reaches the device */
		ck_assert_int_eq(mmu_read(&f->m, 0x8010, 8, MMU_USER, &v), EXIT_NONE);
		ck_assert_uint_eq(v, 0x1716151413121110ull);
		ck_assert_uint_eq(f->nio, n);
	}
	ck_assert_uint_eq(f->m.fills, 1); /* but is translated once */
	mmu_write(&f->m, 0x8021, 2, MMU_USER, 0xBEEF);
	ck_assert_uint_eq(f->regs[0x21], 0xEF);
	ck_assert_uint_eq(f->regs[0x22], 0xBE);
	/* device, then ROM: the ROM's part of the write is lost */
	f->ram.host[f->rom.ra] = 0x77;
	ck_assert_int_eq(mmu_write(&f->m, 0x8FFF, 2, MMU_USER, 0xAABB), EXIT_NONE);
	ck_assert_uint_eq(f->regs[0xFFF], 0xBB);
	mmu_read(&f->m, 0x8FFF, 2, MMU_USER, &v);
	ck_assert_uint_eq(v, 0x77BB);
	fix_free(f);
}
END_TEST

START_TEST(code_written)
{
	struct fix *f = fix_new();

	mmu_write(&f->m, 0x5000, 4, MMU_USER, 1); /* write tag there */
	f->ram.code[0x23] = BIT(2);		  /* bytes 80..BF hold code */
	tlb_protect_page(&f->m, 0x23000);
	mmu_write(&f->m, 0x5100, 4, MMU_USER, 1); /* data beside code */
	ck_assert_uint_eq(f->ncode, 0);
	ck_assert_uint_ne(f->m.tlb[MMU_USER][5].wr, TLB_TAG(0x5000));
	mmu_write(&f->m, 0x507E, 4, MMU_USER, 1);
	ck_assert_uint_eq(f->ncode, 1);
	ck_assert_uint_eq(f->code_ra, 0x2307E);
	ck_assert_uint_eq(f->code_len, 4);
	ck_assert_uint_eq(f->m.tlb[MMU_USER][5].wr, TLB_TAG(0x5000)); /* no code left: tag given back */
	f->ram.code[0x23] = f->ram.code[0x25] = ~0ull;
	tlb_protect_page(&f->m, 0x23000);
	tlb_protect_page(&f->m, 0x25000);
	mmu_write(&f->m, 0x5FFC, 8, MMU_USER, 1); /* both pages */
	ck_assert_uint_eq(f->ncode, 3);
	fix_free(f);
}
END_TEST

START_TEST(display_dirty)
{
	struct fix *f = fix_new();

	ram_track(&f->ram, 0x23000, 0x1000, true);
	for (unsigned i = 0; i < 3; i++) {
		ram_clean(&f->ram, 0x23000, 0x1000);
		ck_assert(!ram_dirty(&f->ram, 0x23000));
		mmu_write(&f->m, 0x5000 + i, 1, MMU_USER, 1);
		ck_assert(ram_dirty(&f->ram, 0x23000));
		ck_assert_uint_eq(f->m.tlb[MMU_USER][5].wr, TLB_TAG(0x5000));
	}
	fix_free(f);
}
END_TEST

START_TEST(host_pointers)
{
	struct fix *f = fix_new();
	unsigned n;
	bool fault;

	ck_assert_ptr_eq(mmu_host(&f->m, 0x5FF0, MMU_READ, MMU_USER, &n, &fault),
		f->ram.host + 0x23FF0);
	ck_assert_uint_eq(n, 16);
	ck_assert(!fault);
	ck_assert_ptr_null(mmu_host(&f->m, 0x7000, MMU_WRITE, MMU_USER, &n, &fault));
	ck_assert(fault);
	ck_assert_ptr_null(mmu_host(&f->m, 0x8000, MMU_READ, MMU_USER, &n, &fault));
	ck_assert(!fault);
	ck_assert_ptr_nonnull(mmu_host(&f->m, 0x9000, MMU_READ, MMU_USER, &n, &fault));
	ck_assert_ptr_null(mmu_host(&f->m, 0x9000, MMU_WRITE, MMU_USER, &n, &fault));
	ck_assert(!fault);
	ram_track(&f->ram, 0x23000, 0x1000, true);
	ram_clean(&f->ram, 0x23000, 0x1000);
	ck_assert_ptr_nonnull(mmu_host(&f->m, 0x5000, MMU_WRITE, MMU_USER, &n, &fault));
	ck_assert(ram_dirty(&f->ram, 0x23000));
	f->ram.code[0x23] = 1;
	ck_assert_ptr_null(mmu_host(&f->m, 0x5000, MMU_WRITE, MMU_USER, &n, &fault));
	ck_assert(!fault);
	ck_assert_ptr_nonnull(mmu_host(&f->m, 0x5000, MMU_READ, MMU_USER, &n, &fault));
	fix_free(f);
}
END_TEST

START_TEST(fetch)
{
	struct fix *f = fix_new();
	const uint8_t *host;
	raddr_t ra;

	ck_assert_int_eq(mmu_fetch_page(&f->m, 0x5123, MMU_USER, &ra, &host), EXIT_NONE);
	ck_assert_uint_eq(ra, 0x23000);
	ck_assert_ptr_eq(host, f->ram.host + 0x23000);
	ck_assert_int_eq(mmu_fetch_page(&f->m, 0x9000, MMU_USER, &ra, &host), EXIT_NONE);
	ck_assert_uint_eq(ra, f->rom.ra);
	ck_assert_int_eq(mmu_fetch_page(&f->m, 0x8000, MMU_USER, &ra, &host), EXIT_NONE);
	ck_assert_uint_eq(ra, RADDR_NONE);
	ck_assert_ptr_null(host);
	f->m.pg.cr4 |= CR4_SMEP;
	tlb_flush(&f->m, true);
	ck_assert_int_eq(mmu_fetch_page(&f->m, 0x5000, MMU_SUP, &ra, &host), EXIT_FAULT);
	ck_assert_uint_eq(f->m.fault.w.code, PF_P | PF_I);
	ck_assert_int_eq(f->m.fault.acc, MMU_EXEC);
	fix_free(f);
}
END_TEST

START_TEST(watch)
{
	struct fix *f = fix_new();
	uint64_t v;

	mmu_set_watch(&f->m, 2, 0x5100, 4, false, true);
	mmu_read(&f->m, 0x5100, 4, MMU_USER, &v);
	mmu_write(&f->m, 0x50FC, 4, MMU_USER, 1);
	mmu_write(&f->m, 0x5104, 4, MMU_USER, 1);
	ck_assert_uint_eq(f->nhit, 0);
	mmu_write(&f->m, 0x50FD, 4, MMU_USER, 1);
	ck_assert_uint_eq(f->nhit, 1);
	ck_assert(f->hit_i == 2 && f->hit_gla == 0x50FD && f->hit_len == 4 && f->hit_write);
	mmu_set_watch(&f->m, 2, 0x5100, 4, true, true);
	mmu_read(&f->m, 0x5103, 1, MMU_USER, &v);
	ck_assert_uint_eq(f->nhit, 2);
	ck_assert(!f->hit_write);
	mmu_clear_watch(&f->m, 0, MMU_WATCH_MAX);
	mmu_write(&f->m, 0x5100, 4, MMU_USER, 1);
	ck_assert_uint_eq(f->nhit, 2);
	fix_free(f);
}
END_TEST

START_TEST(tap)
{
	struct fix *f = fix_new();
	struct mmu_tap tap = {.opaque = f, .ram_write = on_tap};

	mmu_write(&f->m, 0x5000, 4, MMU_USER, 1);
	f->m.tap = &tap;
	mmu_write(&f->m, 0x5008, 4, MMU_USER, 1); /* seen even where the tag would allow the fast path */
	ck_assert_uint_eq(f->ntap, 1);
	ck_assert_uint_eq(f->tap_ra, 0x23008);
	ck_assert_uint_eq(f->tap_len, 4);
	fix_free(f);
}
END_TEST

START_TEST(peek)
{
	struct fix *f = fix_new();
	uint8_t b[0x3000];

	f->ram.host[0x23FFF] = 0x12;
	f->ram.host[0x25000] = 0x34;
	ck_assert_uint_eq(mmu_peek(&f->m, 0x5FFF, b, 2), 2);
	ck_assert_uint_eq(b[0], 0x12);
	ck_assert_uint_eq(b[1], 0x34);
	ck_assert_uint_eq(pte(f, 0x5000) & A, 0);
	ck_assert_uint_eq(mmu_peek(&f->m, 0x7000, b, 0x3000), 0x1000); /* stops at the device */
	ck_assert_uint_eq(f->nio, 0);
	ck_assert_uint_eq(mmu_peek(&f->m, 0xA000, b, 4), 0);
	ck_assert_uint_eq(f->m.fault.gla, 0);
	fix_free(f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("access");
	TCase *t = tcase_create("access");
	SRunner *r;
	int bad;

	tcase_add_test(t, sizes_everywhere);
	tcase_add_test(t, crossing_write_is_all_or_nothing);
	tcase_add_test(t, wrap_at_4g);
	tcase_add_test(t, ad_bits);
	tcase_add_test(t, device);
	tcase_add_test(t, code_written);
	tcase_add_test(t, display_dirty);
	tcase_add_test(t, host_pointers);
	tcase_add_test(t, fetch);
	tcase_add_test(t, watch);
	tcase_add_test(t, tap);
	tcase_add_test(t, peek);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
