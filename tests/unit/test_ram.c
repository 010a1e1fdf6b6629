/*
 * test_ram.c - the RAM file: allocation, code granules, dirty tracking.
 */
#include <check.h>
#include <string.h>
#include "mmu/ram.h"

struct calls {
	unsigned n;
	raddr_t ra[8];
	unsigned len[8];
	uint64_t plen;
};

static void on_code(void *o, raddr_t ra, unsigned len)
{
	struct calls *c = o;

	c->ra[c->n] = ra;
	c->len[c->n++] = len;
}

static void on_protect(void *o, raddr_t ra, uint64_t len)
{
	struct calls *c = o;

	c->ra[c->n++] = ra;
	c->plen = len;
}

START_TEST(allocation)
{
	struct ram r;
	struct err e;

	ck_assert_int_eq(ram_init(&r, 0, &e), VM_ERR_USAGE);
	ck_assert_int_eq(ram_init(&r, 5 * PAGE_SIZE - 1, &e), VM_OK);
	ck_assert_uint_eq(r.size, 5 * PAGE_SIZE);
	ck_assert_uint_eq(ram_alloc(&r, 1), 0);
	ck_assert_uint_eq(ram_alloc(&r, PAGE_SIZE + 1), PAGE_SIZE);
	ck_assert_uint_eq(ram_alloc(&r, 3 * PAGE_SIZE), RADDR_NONE);
	ck_assert_uint_eq(ram_alloc(&r, 0), RADDR_NONE);
	ck_assert_uint_eq(ram_alloc(&r, 2 * PAGE_SIZE), 3 * PAGE_SIZE);
	ck_assert_uint_eq(ram_alloc(&r, 1), RADDR_NONE);
	for (unsigned i = 0; i < r.size; i++)
		ck_assert_uint_eq(r.host[i], 0);
	ram_fini(&r);
}
END_TEST

START_TEST(masks)
{
	for (unsigned off = 0; off < 4096; off += 7)
		for (unsigned len = 1; len <= 4096 - off; len += len < 130 ? 1 : 501) {
			uint64_t want = 0;

			for (unsigned b = off; b < off + len; b++)
				want |= BIT(b / 64);
			ck_assert_uint_eq(ram_code_mask(off, len), want);
		}
}
END_TEST

START_TEST(invalidation)
{
	struct ram r;
	struct calls c = {0};

	ck_assert_int_eq(ram_init(&r, 1 << 20, NULL), VM_OK);
	r.code_written = on_code;
	r.code_opaque = &c;
	r.code[1] = BIT(63);
	r.code[3] = BIT(0);
	ram_written(&r, 0x1000, 0xFC0); /* up to the granule */
	ck_assert_uint_eq(c.n, 0);
	ram_written(&r, 0x1FBF, 2); /* one byte into it */
	ck_assert_uint_eq(c.n, 1);
	ck_assert_uint_eq(c.ra[0], 0x1FBF);
	ck_assert_uint_eq(c.len[0], 2);
	ram_written(&r, 0x1F00, 0x2200); /* pages 1, 2 and 3: two calls, each within its page */
	ck_assert_uint_eq(c.n, 3);
	ck_assert_uint_eq(c.ra[1], 0x1F00);
	ck_assert_uint_eq(c.len[1], 0x100);
	ck_assert_uint_eq(c.ra[2], 0x3000);
	ck_assert_uint_eq(c.len[2], 0x1000);
	ram_written(&r, 1 << 20, 0);
	ram_fini(&r);
}
END_TEST

START_TEST(dirty)
{
	struct ram r;
	struct calls c = {0};

	ck_assert_int_eq(ram_init(&r, 1 << 20, NULL), VM_OK);
	r.protect = on_protect;
	r.protect_opaque = &c;
	ram_written(&r, 0, 1);
	ck_assert(!ram_dirty(&r, 0)); /* not tracked */
	ram_track(&r, 0x4000, 0x4000, true);
	ck_assert(ram_dirty(&r, 0x4000) && ram_dirty(&r, 0x7000) && !ram_dirty(&r, 0x8000));
	ram_clean(&r, 0x4000, 0x4000);
	ck_assert_uint_eq(c.n, 1);
	ck_assert_uint_eq(c.plen, 0x4000);
	ram_clean(&r, 0x4000, 0x4000); /* clean already: nobody is told */
	ck_assert_uint_eq(c.n, 1);
	ram_written(&r, 0x5FFF, 2);
	ck_assert(!ram_dirty(&r, 0x4000) && ram_dirty(&r, 0x5000) && ram_dirty(&r, 0x6000));
	ram_clean(&r, 0x4000, 0x4000);
	ck_assert_uint_eq(c.ra[1], 0x5000);
	ck_assert_uint_eq(c.plen, 0x2000);
	ram_track(&r, 0x4000, 0x4000, false);
	ram_written(&r, 0x4000, 1);
	ck_assert(!ram_dirty(&r, 0x4000));
	ram_fini(&r);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ram");
	TCase *t = tcase_create("ram");
	SRunner *r;
	int bad;

	tcase_add_test(t, allocation);
	tcase_add_test(t, masks);
	tcase_add_test(t, invalidation);
	tcase_add_test(t, dirty);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
