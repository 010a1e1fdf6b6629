/*
 * test_base.c - errors, log categories and once-only sites, the clock, host memory.
 */
#define _GNU_SOURCE
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "mmu/base/clock.h"
#include "mmu/base/err.h"
#include "mmu/base/host_mem.h"
#include "mmu/base/log.h"

START_TEST(errors)
{
	struct err e;
	char big[2000];

	ck_assert_int_eq(err_set(&e, VM_ERR_FORMAT, "bad %s %d", "thing", 7), VM_ERR_FORMAT);
	ck_assert_str_eq(e.msg, "bad thing 7");
	ck_assert_int_eq(e.code, VM_ERR_FORMAT);
	errno = ENOENT;
	ck_assert_int_eq(err_errno(&e, "cannot open '%s'", "x.img"), VM_ERR_IO);
	ck_assert_str_eq(e.msg, "cannot open 'x.img': No such file or directory");
	ck_assert_int_eq(err_set(NULL, VM_ERR_IO, "x"), VM_ERR_IO);
	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = 0;
	err_errno(&e, "%s", big);
	ck_assert_uint_eq(strlen(e.msg), sizeof(e.msg) - 1);
}
END_TEST

START_TEST(log_words)
{
	struct log l;
	struct err e;

	log_init(&l);
	ck_assert_int_eq(log_parse(&l, "all", &e), VM_OK);
	ck_assert_uint_eq(l.mask, BIT(LOG_COUNT) - 1);
	l.mask = 0;
	ck_assert_int_eq(log_parse(&l, "in_asm,int,guest_errors", &e), VM_OK);
	ck_assert_uint_eq(l.mask, BIT(LOG_IN) | BIT(LOG_INT) | BIT(LOG_GUEST));
	ck_assert(log_on(&l, LOG_INT));
	ck_assert(!log_on(&l, LOG_IO));
	ck_assert(!log_on(NULL, LOG_IO));
	ck_assert_int_eq(log_parse(&l, "io,inn", &e), VM_ERR_USAGE);
	ck_assert_ptr_nonnull(strstr(e.msg, "'inn'"));
	ck_assert_ptr_nonnull(strstr(e.msg, "trap"));
	ck_assert(!log_on(&l, LOG_IO)); /* a bad list changes nothing */
	ck_assert_int_eq(log_parse(&l, "help", &e), VM_ERR_USAGE);
	ck_assert_ptr_nonnull(strstr(e.msg, "unimp"));
	log_fini(&l);
}
END_TEST

/* -dfilter: ranges, each given in one of three ways */
START_TEST(log_ranges)
{
	static const char *const bad[] = {"", "1", "1..", "..2", "1..2,", ",1..2", "2..1", "0x10+0", "0x10-0", "0x10-0x12", "1..2x", "x..2",
		"0xffffffffffffffff+2", "1..-2", "-1..2", "1 ..2", "1..0x10000000000000000"};
	char many[LOG_RANGES * 5 + 8] = "";
	struct log l;
	struct err e;

	log_init(&l);
	ck_assert(log_shows(&l, 0) && log_shows(&l, UINT64_MAX));
	ck_assert_int_eq(log_filter(&l, "0x1000..0x1fff,0x3000+0x10,0x5000-16,010..8,0xfffffffffffffff0+16", &e), VM_OK);
	ck_assert(!log_shows(&l, 0xFFF) && log_shows(&l, 0x1000) && log_shows(&l, 0x1FFF) && !log_shows(&l, 0x2000));
	ck_assert(!log_shows(&l, 0x2FFF) && log_shows(&l, 0x3000) && log_shows(&l, 0x300F) && !log_shows(&l, 0x3010));
	ck_assert(!log_shows(&l, 0x4FF0) && log_shows(&l, 0x4FF1) && log_shows(&l, 0x5000) && !log_shows(&l, 0x5001));
	ck_assert(log_shows(&l, 8) && !log_shows(&l, 9) && log_shows(&l, UINT64_MAX));
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		ck_assert_msg(log_filter(&l, bad[i], &e) == VM_ERR_USAGE, "accepted: %s", bad[i]);
		ck_assert_msg(strstr(e.msg, "-dfilter") && strstr(e.msg, bad[i]), "%s: says %s", bad[i], e.msg);
	}
	ck_assert(log_shows(&l, 0x300F)); /* a bad list changes nothing */
	for (unsigned i = 0; i < LOG_RANGES; i++)
		strcat(many, i ? ",1..2" : "1..2");
	ck_assert_int_eq(log_filter(&l, many, &e), VM_OK);
	strcat(many, ",1..2");
	ck_assert_int_eq(log_filter(&l, many, &e), VM_ERR_USAGE);
	ck_assert_ptr_nonnull(strstr(e.msg, "at most 32 ranges"));
	log_fini(&l);
}
END_TEST

/* -D: one %d is the process number, another percent sign is a mistake */
START_TEST(log_files)
{
	static const char *const bad[] = {"/tmp/dg_base_%s", "/tmp/dg_base_%d_%d", "/tmp/dg_base_%", "/tmp/dg_base_%%d", "/tmp/dg_base_%5d"};
	char name[64];
	struct log l;
	struct err e;

	log_init(&l);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		ck_assert_msg(log_open(&l, bad[i], &e) == VM_ERR_USAGE, "accepted: %s", bad[i]);
		ck_assert_ptr_nonnull(strstr(e.msg, bad[i]));
	}
	ck_assert_int_eq(log_open(&l, "/tmp/nosuch/dg_base", &e), VM_ERR_IO);
	ck_assert(l.out == stderr);
	snprintf(name, sizeof(name), "/tmp/dg_base_%d.log", (int)getpid());
	ck_assert_int_eq(log_open(&l, "/tmp/dg_base_%d.log", &e), VM_OK);
	ck_assert(l.own_out && !access(name, F_OK));
	unlink(name);
	ck_assert_int_eq(log_open(&l, name, &e), VM_OK); /* the monitor's logfile: another one */
	ck_assert(!access(name, F_OK));
	unlink(name);
	log_fini(&l);
}
END_TEST

static void spot(struct log *l, int n)
{
	UNIMP(l, "spot %d\n", n);
}

START_TEST(log_sites)
{
	struct log l;
	char *text = NULL;
	size_t size = 0;

	log_init(&l);
	l.out = open_memstream(&text, &size);
	l.own_out = true;
	l.mask = BIT(LOG_UNIMP);
	for (int i = 0; i < 5; i++)
		spot(&l, i);
	UNIMP(&l, "other, without newline");
	GUEST_ERR(&l, "off\n");
	log_printf(&l, LOG_IO, "off\n");
	for (uintptr_t i = 1; i < 10000; i++) /* a full table must end quietly */
		log_once(&l, LOG_GUEST, (void *)i, "x");
	spot(NULL, 1);
	log_fini(&l);
	ck_assert_str_eq(text, "spot 0\nother, without newline\n");
	free(text);
}
END_TEST

struct clk {
	struct clock c;
	struct timer t[4];
	char order[64];
	unsigned n, told;
	uint64_t deadline, host;
};

struct ctx {
	struct clk *k;
	char name;
	uint64_t period;
	int i;
};

static void fire(void *o)
{
	struct ctx *x = o;

	x->k->order[x->k->n++] = x->name;
	if (x->period)
		timer_arm(&x->k->t[x->i], x->k->t[x->i].deadline + x->period);
}

static void on_deadline(void *o, uint64_t d)
{
	struct clk *k = o;

	k->told++;
	k->deadline = d;
}

static uint64_t host_time(void *o)
{
	return ((struct clk *)o)->host;
}

START_TEST(timers)
{
	struct clk k = {0};
	struct ctx a = {&k, 'a', 0, 0}, b = {&k, 'b', 0, 1}, p = {&k, 'p', 30, 2};

	clock_init(&k.c);
	k.c.deadline_changed = on_deadline;
	k.c.deadline_opaque = &k;
	timer_init(&k.t[0], &k.c, fire, &a);
	timer_init(&k.t[1], &k.c, fire, &b);
	timer_init(&k.t[2], &k.c, fire, &p);
	ck_assert_uint_eq(clock_deadline(&k.c), UINT64_MAX);
	timer_arm(&k.t[0], 100);
	timer_arm(&k.t[1], 100); /* same time: in the order armed */
	timer_arm(&k.t[2], 50);
	ck_assert_uint_eq(k.told, 2);
	ck_assert_uint_eq(k.deadline, 50);
	clock_run(&k.c);
	ck_assert_uint_eq(k.n, 0);
	clock_advance(&k.c, 100);
	clock_run(&k.c);
	ck_assert_str_eq(k.order, "ppab"); /* 50, 80, 100, 100; next at 110 */
	ck_assert_uint_eq(k.deadline, 110);
	ck_assert(!k.t[0].armed && k.t[2].armed);
	timer_arm(&k.t[0], 500);
	timer_arm(&k.t[0], 105); /* re-armed, not twice in the list */
	timer_cancel(&k.t[2]);
	timer_cancel(&k.t[2]);
	clock_advance(&k.c, 1000);
	clock_run(&k.c);
	ck_assert_str_eq(k.order, "ppaba");
	ck_assert_uint_eq(k.deadline, UINT64_MAX);
}
END_TEST

START_TEST(time_source)
{
	struct clk k = {0};

	clock_init(&k.c);
	k.c.source = host_time;
	k.c.opaque = &k;
	k.host = 1000;
	ck_assert_uint_eq(clock_now(&k.c), 1000);
	k.host = 900; /* time never goes back */
	ck_assert_uint_eq(clock_now(&k.c), 1000);
	k.host = 1001;
	ck_assert_uint_eq(clock_now(&k.c), 1001);
	ck_assert_uint_eq(muldiv64(UINT64_MAX, 1193182, NS_PER_SEC), 22010322987356910ull);
}
END_TEST

START_TEST(code_memory)
{
	uint8_t *rw, *rx;
	struct err e;

	ck_assert_int_eq(host_code_alloc(10000, &rw, &rx, &e), VM_OK);
	ck_assert_ptr_ne(rw, rx);
	rw[9999] = 0xC3;
	ck_assert_uint_eq(rx[9999], 0xC3);
#if defined(__x86_64__)
	memcpy(rw, "\xB8\x2A\x00\x00\x00\xC3", 6); /* mov eax, 42; ret */
	host_icache_flush(rw, rx, 6);
	ck_assert_int_eq(((int (*)(void))(uintptr_t)rx)(), 42);
#endif
	host_code_free(rw, rx, 10000);
}
END_TEST

START_TEST(maps)
{
	struct err e;
	uint8_t *p = host_map(5000, &e);

	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq(p[4999], 0);
	host_unmap(p, 5000);
	ck_assert_ptr_null(host_map((size_t)1 << 62, &e));
	ck_assert_int_eq(e.code, VM_ERR_IO);
	p = host_reserve((size_t)1 << 32, &e);
	ck_assert_ptr_nonnull(p);
	host_unmap(p, (size_t)1 << 32);
	for (int low = 0; low < 2; low++) {
		p = host_map_huge(3 * HOST_HUGE + 5000, low, &e);
		ck_assert_ptr_nonnull(p);
		ck_assert_uint_eq((uintptr_t)p % HOST_HUGE, 0);
		p[0] = p[3 * HOST_HUGE + 4999] = 1;
		ck_assert_uint_eq(p[HOST_HUGE], 0);
		host_unmap(p, 3 * HOST_HUGE + 5000);
	}
	ck_assert_ptr_null(host_map_huge((size_t)1 << 62, true, &e));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("base");
	TCase *t = tcase_create("base");
	SRunner *r;
	int bad;

	tcase_add_test(t, errors);
	tcase_add_test(t, log_words);
	tcase_add_test(t, log_ranges);
	tcase_add_test(t, log_files);
	tcase_add_test(t, log_sites);
	tcase_add_test(t, timers);
	tcase_add_test(t, time_source);
	tcase_add_test(t, code_memory);
	tcase_add_test(t, maps);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
