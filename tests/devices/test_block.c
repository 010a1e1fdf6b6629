/*
 * test_block.c - raw disk images: padding, snapshot, lock, refusals.
 */
#include "frontend/block_queue.h"
#include "frontend/drive.h"
#include "tests/devices/block_io.h"
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void make(char *name, size_t len)
{
	int fd = mkstemp(strcpy(name, "/tmp/dragoman-test-XXXXXX"));

	ck_assert_int_ge(fd, 0);
	for (size_t i = 0; i < len; i++)
		ck_assert_int_eq(write(fd, "A", 1), 1);
	close(fd);
}

START_TEST(odd_size_reads_as_zero)
{
	struct blk_raw_options o = {.readonly = true};
	struct blk *b;
	uint8_t buf[512];
	char name[64];

	make(name, 700);
	ck_assert_int_eq(blk_open_raw(name, &o, &b, NULL), VM_OK);
	ck_assert_uint_eq(b->size, 1024);
	ck_assert_int_eq(io(b, BLK_READ, 512, buf, 512), 0);
	ck_assert_uint_eq(buf[187], 'A');
	ck_assert_uint_eq(buf[188], 0);
	ck_assert_int_gt(io(b, BLK_WRITE, 0, buf, 512), 0);
	ck_assert_int_gt(io(b, BLK_READ, 1024, buf, 512), 0);
	b->ops->close(b);
	unlink(name);
}
END_TEST

START_TEST(snapshot_leaves_the_image)
{
	struct blk_raw_options snap = {.snapshot = true}, rw = {0};
	struct blk *b, *c;
	uint8_t buf[512];
	char name[64];

	make(name, 1024);
	ck_assert_int_eq(blk_open_raw(name, &snap, &b, NULL), VM_OK);
	memset(buf, 'B', sizeof(buf));
	ck_assert_int_eq(io(b, BLK_WRITE, 512, buf, 512), 0);
	memset(buf, 0, sizeof(buf));
	ck_assert_int_eq(io(b, BLK_READ, 512, buf, 512), 0);
	ck_assert_uint_eq(buf[0], 'B');
	b->ops->close(b);
	ck_assert_int_eq(blk_open_raw(name, &rw, &b, NULL), VM_OK);
	ck_assert_int_eq(io(b, BLK_READ, 512, buf, 512), 0);
	ck_assert_uint_eq(buf[0], 'A');
	ck_assert_int_eq(io(b, BLK_FLUSH, 0, NULL, 0), 0);
	ck_assert_int_eq(blk_open_raw(name, &rw, &c, NULL), VM_ERR_IO);
	b->ops->close(b);
	unlink(name);
}
END_TEST

/* commit: what the snapshot wrote is in the image after, and nothing behind the image's end. */
START_TEST(commit)
{
	struct blk_raw_options snap = {.snapshot = true}, ro = {.readonly = true};
	struct blk *b;
	uint8_t buf[512];
	char name[64];

	make(name, 5000);
	ck_assert_int_eq(blk_open_raw(name, &snap, &b, NULL), VM_OK);
	memset(buf, 'B', sizeof(buf));
	ck_assert_int_eq(io(b, BLK_WRITE, 512, buf, 512), 0);
	ck_assert_int_eq(io(b, BLK_WRITE, 4608, buf, 512), 0);
	ck_assert_int_eq(b->ops->commit(b), 0);
	ck_assert_int_eq(io(b, BLK_READ, 512, buf, 512), 0);
	ck_assert_uint_eq(buf[511], 'B');
	b->ops->close(b);
	ck_assert_int_eq(blk_open_raw(name, &ro, &b, NULL), VM_OK);
	ck_assert_int_eq(io(b, BLK_READ, 0, buf, 512), 0);
	ck_assert_uint_eq(buf[0], 'A');
	ck_assert_int_eq(io(b, BLK_READ, 512, buf, 512), 0);
	ck_assert_uint_eq(buf[0], 'B');
	ck_assert_int_eq(io(b, BLK_READ, 4608, buf, 512), 0);
	ck_assert_uint_eq(buf[391], 'B');
	ck_assert_uint_eq(buf[392], 0); /* the image has 5000 bytes as before */
	ck_assert_ptr_null(b->ops->commit); /* no snapshot */
	b->ops->close(b);
	unlink(name);
}
END_TEST

START_TEST(media)
{
	struct blk_raw_options ro = {.readonly = true};
	struct blk *d = drive_new(false), *m;
	uint8_t buf[512];
	char name[64];

	make(name, 1024);
	ck_assert(drive_is(d));
	ck_assert_int_ne(io(d, BLK_READ, 0, buf, 512), 0);
	ck_assert_int_eq(blk_open_raw(name, &ro, &m, NULL), VM_OK);
	ck_assert(!drive_is(m));
	drive_insert(d, m);
	ck_assert(d->present && d->changed && d->readonly && d->size == 1024);
	ck_assert_str_eq(d->file, name);
	ck_assert_int_eq(io(d, BLK_READ, 0, buf, 512), 0);
	ck_assert_int_ne(io(d, BLK_WRITE, 0, buf, 512), 0);
	d->changed = false;
	drive_eject(d);
	ck_assert(!d->present && d->changed && !d->size);
	ck_assert_int_ne(io(d, BLK_READ, 0, buf, 512), 0);
	ck_assert_int_eq(d->ops->commit(d), ENOTSUP);
	d->ops->close(d);
	unlink(name);
}
END_TEST

START_TEST(refusals)
{
	struct blk_raw_options o = {.readonly = true};
	struct err e = {0};
	struct blk *b;
	char name[64];

	ck_assert_int_eq(blk_open_raw("/nonexistent/x.img", &o, &b, &e), VM_ERR_IO);
	ck_assert_ptr_nonnull(strstr(e.msg, "x.img"));
	ck_assert_int_eq(blk_open_raw("/tmp", &o, &b, &e), VM_ERR_IO);
	make(name, 0);
	ck_assert_int_eq(blk_open_raw(name, &o, &b, &e), VM_ERR_FORMAT);
	unlink(name);
	b = drive_new(true);
	ck_assert(!b->present && b->is_cdrom && !b->size);
	b->ops->close(b);
}
END_TEST

/* ---- the queue ---- */

struct mail {
	void (*fn)(void *);
	void *arg;
};
static struct box {
	pthread_mutex_t mu;
	struct mail mail[64];
	unsigned n, stops;
} box = {.mu = PTHREAD_MUTEX_INITIALIZER};

static void post(void *opaque, void (*fn)(void *), void *arg)
{
	pthread_mutex_lock(&box.mu);
	ck_assert_uint_lt(box.n, 64);
	box.mail[box.n++] = (struct mail){fn, arg};
	pthread_mutex_unlock(&box.mu);
}

static void cancel(void *opaque, void (*fn)(void *), void *arg)
{
	pthread_mutex_lock(&box.mu);
	for (unsigned i = 0; i < box.n; i++)
		if (box.mail[i].fn == fn && box.mail[i].arg == arg)
			box.mail[i--] = box.mail[--box.n];
	pthread_mutex_unlock(&box.mu);
}

static void stop(void *opaque, const char *why)
{
	ck_assert_ptr_nonnull(strstr(why, strerror(ENOSPC)));
	box.stops++;
}

static void run_box(void)
{
	for (;;) {
		struct mail m = {0};

		pthread_mutex_lock(&box.mu);
		if (box.n)
			m = box.mail[--box.n];
		pthread_mutex_unlock(&box.mu);
		if (!m.fn)
			return;
		m.fn(m.arg);
	}
}

/* An image that remembers what it was asked, and fails as told. */
struct fake {
	struct blk blk;
	enum blk_op asked[64];
	unsigned n;
	int error;
	uint8_t data[65536];
};

static void fake_submit(struct blk *b, struct blk_req *r)
{
	struct fake *f = container_of(b, struct fake, blk);

	f->asked[f->n++ % 64] = r->op;
	if (!f->error && r->op == BLK_READ)
		memcpy(r->buf, f->data + r->off, r->len);
	else if (!f->error && r->op == BLK_WRITE)
		memcpy(f->data + r->off, r->buf, r->len);
	r->done(r->opaque, f->error);
}

static void fake_close(struct blk *b)
{
	free(container_of(b, struct fake, blk));
}

static struct blk *fake_queue(const struct blk_policy *p, bool thread, struct fake **out)
{
	static const struct blk_ops ops = {.submit = fake_submit, .close = fake_close};
	struct blk_host h = {NULL, thread ? post : NULL, cancel, stop};
	struct fake *f = calloc(1, sizeof(*f));

	f->blk.ops = &ops;
	f->blk.size = sizeof(f->data);
	box.n = box.stops = 0;
	*out = f;
	return blk_queue_new(&f->blk, p, &h);
}

static void put_in(struct blk *b, struct blk_req *r, int *result, enum blk_op op, uint8_t *buf)
{
	*result = -1;
	*r = (struct blk_req){.op = op, .buf = buf, .len = op == BLK_FLUSH ? 0 : 512, .done = done, .opaque = result};
	blk_submit(b, r);
}

START_TEST(queue_completes_on_our_thread)
{
	struct blk_policy p = {0};
	struct blk_req r[50];
	int result[50];
	uint8_t buf[50][512];
	struct fake *f;
	struct blk *b = fake_queue(&p, true, &f);

	for (unsigned i = 0; i < 50; i++) {
		memset(buf[i], (int)i, 512);
		put_in(b, &r[i], &result[i], i % 10 == 9 ? BLK_FLUSH : BLK_WRITE, buf[i]);
		ck_assert_int_eq(result[i], -1); /* not before we look into the box */
	}
	while (result[49] < 0) {
		usleep(100);
		run_box();
	}
	for (unsigned i = 0; i < 50; i++) {
		ck_assert_int_eq(result[i], 0);
		ck_assert_int_eq(f->asked[i], r[i].op); /* in the order of submission */
	}
	/* closing finishes what is under way, and leaves no post behind */
	for (unsigned i = 0; i < 20; i++)
		put_in(b, &r[i], &result[i], BLK_WRITE, buf[i]);
	b->ops->close(b);
	for (unsigned i = 0; i < 20; i++)
		ck_assert_int_eq(result[i], 0);
	ck_assert_uint_eq(box.n, 0);
}
END_TEST

START_TEST(queue_policies)
{
	struct blk_policy through = {.writethrough = true, .detect_zeroes = true}, unsafe = {.unsafe = true};
	struct fake *f;
	struct blk *b = fake_queue(&through, false, &f);
	uint8_t buf[512] = {1};

	ck_assert(b->writethrough);
	ck_assert_int_eq(io(b, BLK_WRITE, 0, buf, 512), 0);
	ck_assert_uint_eq(f->n, 2);
	ck_assert_int_eq(f->asked[1], BLK_FLUSH);
	buf[0] = 0;
	ck_assert_int_eq(io(b, BLK_WRITE, 0, buf, 512), 0);
	ck_assert_int_eq(f->asked[2], BLK_ZERO);
	ck_assert_int_eq(io(b, BLK_DISCARD, 0, NULL, 512), 0); /* a hint nobody asked for */
	ck_assert_uint_eq(f->n, 4);
	b->ops->close(b);
	b = fake_queue(&unsafe, false, &f);
	ck_assert_int_eq(io(b, BLK_FLUSH, 0, NULL, 0), 0);
	ck_assert_uint_eq(f->n, 0);
	b->ops->close(b);
}
END_TEST

/* A full host disk stops the guest; when the user goes on the same write is tried again. Other errors are the guest's. */
START_TEST(queue_stops_when_full)
{
	struct blk_policy p = {.werror = BLK_STOP_ENOSPC};
	struct blk_req r;
	int result;
	uint8_t buf[512] = {7};
	struct fake *f;
	struct blk *b = fake_queue(&p, _i, &f);

	f->error = EIO;
	put_in(b, &r, &result, BLK_WRITE, buf);
	blk_drain(b);
	ck_assert_int_eq(result, EIO);
	ck_assert_uint_eq(box.stops, 0);
	f->error = ENOSPC;
	put_in(b, &r, &result, BLK_WRITE, buf);
	while (!box.stops) {
		usleep(100);
		run_box();
	}
	ck_assert_int_eq(result, -1);
	f->error = 0;
	b->ops->retry(b);
	while (result < 0) {
		usleep(100);
		run_box();
	}
	ck_assert_int_eq(result, 0);
	ck_assert_uint_eq(f->data[0], 7);
	ck_assert_uint_eq(box.stops, 1);
	b->ops->close(b);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("block");
	TCase *t = tcase_create("raw");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(t, odd_size_reads_as_zero);
	tcase_add_test(t, snapshot_leaves_the_image);
	tcase_add_test(t, commit);
	tcase_add_test(t, media);
	tcase_add_test(t, refusals);
	tcase_add_test(t, queue_completes_on_our_thread);
	tcase_add_test(t, queue_policies);
	tcase_add_loop_test(t, queue_stops_when_full, 0, 2);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
