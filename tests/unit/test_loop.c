/*
 * test_loop.c - mailbox, synchronous calls, watched descriptors, the clock, and the end of the loop,
 * around a machine whose CPU never does more than wait.
 */
#define _GNU_SOURCE
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "frontend/loop.h"

struct box {
	struct loop loop;
	pthread_t vm;
	unsigned calls;
	int order[8];
	struct loop_watch watch;
	int pipe[2];
	char got[64];
	unsigned ngot;
};

static struct box *box_new(void)
{
	struct box *b = calloc(1, sizeof(*b));
	struct err e;

	ck_assert_ptr_nonnull(b);
	ck_assert_msg(!loop_init(&b->loop, &e), "%s", e.msg);
	b->loop.paused = true; /* no machine: the loop only serves its mailbox */
	return b;
}

static void *run(void *arg)
{
	struct box *b = arg;

	return (void *)(intptr_t)loop_run(&b->loop);
}

static void start(struct box *b)
{
	ck_assert_int_eq(pthread_create(&b->vm, NULL, run, b), 0);
}

static int end(struct box *b, int status)
{
	void *ret;

	loop_quit(&b->loop, status);
	pthread_join(b->vm, &ret);
	return (int)(intptr_t)ret;
}

static void box_free(struct box *b)
{
	loop_fini(&b->loop);
	free(b);
}

static void count(void *arg)
{
	struct box *b = arg;

	ck_assert(pthread_equal(pthread_self(), b->vm));
	b->calls++;
}

START_TEST(calls)
{
	struct box *b = box_new();

	start(b);
	for (unsigned i = 1; i <= 1000; i++) {
		loop_call(&b->loop, count, b);
		ck_assert_uint_eq(b->calls, i); /* done when the call returns */
	}
	ck_assert_int_eq(end(b, 7), 7);
	box_free(b);
}
END_TEST

static void two(void *arg)
{
	struct box *b = arg;

	b->order[b->calls++] = 2;
}

static void one(void *arg)
{
	struct box *b = arg;

	b->order[b->calls++] = 1;
	loop_post(&b->loop, two, b); /* posting from the VM thread itself */
}

START_TEST(posts_in_order)
{
	struct box *b = box_new();

	loop_post(&b->loop, one, b); /* before the loop runs */
	loop_post(&b->loop, one, b);
	start(b);
	while (__atomic_load_n(&b->calls, __ATOMIC_ACQUIRE) < 4)
		usleep(100);
	end(b, 0);
	ck_assert_int_eq(b->order[0], 1);
	ck_assert_int_eq(b->order[1], 1);
	ck_assert_int_eq(b->order[2], 2);
	ck_assert_int_eq(b->order[3], 2);
	box_free(b);
}
END_TEST

/* The argument of a call lives on the caller's stack: quitting must not let the caller go while it may be used. */
static void quit_first(void *arg)
{
	struct box *b = arg;

	loop_quit(&b->loop, 3);
	usleep(20000);
}

static void mark(void *arg)
{
	*(int *)arg = 1;
}

START_TEST(call_during_quit)
{
	struct box *b = box_new();
	int local = 0;

	start(b);
	loop_post(&b->loop, quit_first, b);
	loop_call(&b->loop, mark, &local);
	ck_assert(local == 1 || b->loop.over);
	loop_call(&b->loop, mark, &local); /* at or after the end: returns, runs nothing or has run */
	ck_assert_int_eq(end(b, 9), 3);	   /* the first status counts */
	ck_assert(b->loop.over);
	box_free(b);
}
END_TEST

static void take(void *arg)
{
	struct box *b = arg;
	ssize_t n = read(b->watch.fd, b->got + b->ngot, 1);

	if (n == 1) {
		__atomic_store_n(&b->ngot, b->ngot + 1, __ATOMIC_RELEASE);
		loop_rearm(&b->watch);
	}
}

static void wait_bytes(struct box *b, unsigned n)
{
	for (unsigned i = 0; i < 5000 && __atomic_load_n(&b->ngot, __ATOMIC_ACQUIRE) < n; i++)
		usleep(1000);
	ck_assert_uint_eq(b->ngot, n);
}

START_TEST(watch_pipe)
{
	struct box *b = box_new();

	ck_assert_int_eq(pipe(b->pipe), 0);
	loop_watch(&b->loop, &b->watch, b->pipe[0], take, b);
	start(b);
	ck_assert_int_eq(write(b->pipe[1], "hello", 5), 5);
	wait_bytes(b, 5); /* one byte a time: each needs the rearm */
	ck_assert_str_eq(b->got, "hello");
	end(b, 0);
	loop_unwatch(&b->watch);
	close(b->pipe[0]);
	close(b->pipe[1]);
	box_free(b);
}
END_TEST

/* epoll refuses regular files ("dragoman -nographic < script"): all of it must arrive all the same. */
START_TEST(watch_file)
{
	struct box *b = box_new();
	char name[] = "/tmp/dg_loop_XXXXXX";
	int fd = mkstemp(name);

	ck_assert_int_ge(fd, 0);
	unlink(name);
	ck_assert_int_eq(write(fd, "from a file", 11), 11);
	lseek(fd, 0, SEEK_SET);
	loop_watch(&b->loop, &b->watch, fd, take, b);
	start(b);
	wait_bytes(b, 11);
	ck_assert_str_eq(b->got, "from a file");
	end(b, 0);
	loop_unwatch(&b->watch);
	close(fd);
	box_free(b);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("loop");
	TCase *t = tcase_create("loop");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, calls);
	tcase_add_test(t, posts_in_order);
	tcase_add_test(t, call_during_quit);
	tcase_add_test(t, watch_pipe);
	tcase_add_test(t, watch_file);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
