/*
 * test_block.c - raw disk images: padding, snapshot, lock, refusals.
 */
#include "frontend/block.h"
#include "frontend/drive.h"
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void done(void *opaque, int error)
{
	*(int *)opaque = error;
}

static int io(struct blk *b, enum blk_op op, uint64_t off, uint8_t *buf, uint32_t len)
{
	int result = -1;
	struct blk_req r = {.op = op, .off = off, .buf = buf, .len = len, .done = done, .opaque = &result};

	blk_submit(b, &r);
	return result;
}

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
	ck_assert_int_eq(b->ops->commit(b), ENOTSUP);
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
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
