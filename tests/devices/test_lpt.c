/* test_lpt.c - the handshake of the parallel port, its interrupt, and what reaches the backend. */
#include "chip_fixture.h"
#include "devices/lpt.h"

struct paper {
	struct chr chr;
	char text[64];
	unsigned n;
};

static void print(struct chr *c, const uint8_t *buf, unsigned len)
{
	struct paper *p = container_of(c, struct paper, chr);

	while (len-- && p->n < sizeof(p->text) - 1)
		p->text[p->n++] = (char)*buf++;
}

struct rig {
	struct board b;
	struct paper paper;
	struct lpt *lpt;
};

static struct rig *rig_new(void)
{
	struct rig *r = calloc(1, sizeof(*r));

	board_init(&r->b);
	r->paper.chr.write = print;
	space_begin(&r->b.io);
	r->lpt = lpt_create(&r->b.log, &r->b.clock, &r->b.io, 0x378, wire(&r->b, 7), &r->paper.chr);
	space_commit(&r->b.io);
	return r;
}

static void rig_free(struct rig *r)
{
	r->lpt->dev.ops->fini(&r->lpt->dev);
	free(r->lpt);
	board_fini(&r->b);
	free(r);
}

static void run_for(struct rig *r, uint64_t ns)
{
	clock_advance(&r->b.clock, ns);
	clock_run(&r->b.clock);
}

START_TEST(handshake)
{
	struct rig *r = rig_new();

	ck_assert_uint_eq(in(&r->b, 0x379), 0xDF);
	out(&r->b, 0x378, 'A');
	ck_assert_uint_eq(in(&r->b, 0x378), 'A');
	out(&r->b, 0x37A, 0x0D);
	ck_assert_uint_eq(in(&r->b, 0x379) & 0xC0, 0x40); /* busy */
	ck_assert_uint_eq(in(&r->b, 0x37A), 0xED);
	run_for(r, 3000);
	ck_assert_uint_eq(in(&r->b, 0x379) & 0xC0, 0x80); /* acknowledge */
	run_for(r, 5000);
	ck_assert_uint_eq(in(&r->b, 0x379) & 0xC0, 0xC0);
	ck_assert_uint_eq(r->b.rises[7], 0); /* nobody asked for it */
	out(&r->b, 0x37A, 0x0D); /* strobe stays: no second byte */
	ck_assert_str_eq(r->paper.text, "A");
	out(&r->b, 0x37A, 0x0C);
	out(&r->b, 0x37A, 0x0D);
	run_for(r, 1000000); /* a guest that looks late still sees the acknowledge, once */
	ck_assert_uint_eq(in(&r->b, 0x379) & 0xC0, 0x80);
	ck_assert_uint_eq(in(&r->b, 0x379) & 0xC0, 0xC0);
	ck_assert_str_eq(r->paper.text, "AA");
	rig_free(r);
}
END_TEST

/* Bytes sent as fast as the port takes them, by a guest that looks at BUSY and by one that does not: all are printed. */
START_TEST(in_a_hurry)
{
	struct rig *r = rig_new();

	for (const char *s = "polled"; *s; s++) {
		ck_assert_uint_eq(in(&r->b, 0x379) & 0x80, 0x80);
		out(&r->b, 0x378, (uint8_t)*s);
		out(&r->b, 0x37A, 0x0D);
		out(&r->b, 0x37A, 0x0C);
		run_for(r, 2100); /* no longer busy, the acknowledge not over */
	}
	for (const char *s = ", blind"; *s; s++) {
		out(&r->b, 0x378, (uint8_t)*s);
		out(&r->b, 0x37A, 0x0D);
		out(&r->b, 0x37A, 0x0C);
	}
	ck_assert_str_eq(r->paper.text, "polled, blind");
	rig_free(r);
}
END_TEST

START_TEST(interrupt)
{
	struct rig *r = rig_new();

	for (unsigned i = 0; i < 3; i++) {
		out(&r->b, 0x378, 'a' + i);
		out(&r->b, 0x37A, 0x1D);
		out(&r->b, 0x37A, 0x1C);
		ck_assert_uint_eq(r->b.rises[7], i);
		run_for(r, 8000);
		ck_assert_uint_eq(r->b.rises[7], i + 1);
	}
	ck_assert_str_eq(r->paper.text, "abc");
	out(&r->b, 0x37A, 0x08); /* initialize: takes nothing */
	out(&r->b, 0x37A, 0x09);
	ck_assert_uint_eq(r->paper.n, 3);
	rig_free(r);
}
END_TEST

/* A machine saved while a byte is under way still gets its acknowledge. */
START_TEST(saved)
{
	struct rig *r = rig_new();
	struct err e;

	out(&r->b, 0x37A, 0x1D);
	timer_cancel(&r->lpt->timer);
	ck_assert_int_eq(r->lpt->dev.ops->post_load(&r->lpt->dev, &e), VM_OK);
	run_for(r, 8000);
	ck_assert_uint_eq(r->b.rises[7], 1);
	r->lpt->s.control = 0xFF;
	ck_assert_int_ne(r->lpt->dev.ops->post_load(&r->lpt->dev, &e), VM_OK);
	rig_free(r);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("lpt");
	TCase *t = tcase_create("lpt");
	SRunner *r;
	int failed;

	tcase_add_test(t, handshake);
	tcase_add_test(t, in_a_hurry);
	tcase_add_test(t, interrupt);
	tcase_add_test(t, saved);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
