/*
 * test_qcow2.c - qcow2 images against qemu-img: what it made we read, what we wrote it reads and finds clean; damaged
 * images are refused or give I/O errors. Without qemu-img the comparison is skipped.
 */
#include "tests/devices/image_fixture.h"

/* What we wrote is what qemu-img reads, and its tables are in order. */
static void judge(const char *name)
{
	char c[200];
	FILE *f = fopen("model.raw", "w");

	ck_assert_uint_eq(fwrite(model, 1, SIZE, f), SIZE);
	ck_assert_int_eq(fclose(f), 0);
	snprintf(c, sizeof(c), "qemu-img check -q '%s' && qemu-img compare -q -f raw model.raw '%s'", name, name);
	sh(c);
}

static const char *const creations[] = {
	"qemu-img convert -q -O qcow2 base.raw a.qcow2",
	"qemu-img convert -q -c -O qcow2 base.raw a.qcow2",
	"qemu-img convert -q -O qcow2 -o compat=0.10 base.raw a.qcow2",
	"qemu-img convert -q -O qcow2 -o cluster_size=512,refcount_bits=64 base.raw a.qcow2",
	"qemu-img convert -q -c -O qcow2 -o cluster_size=4k,refcount_bits=1 base.raw a.qcow2",
	"qemu-img convert -q -O qcow2 -o cluster_size=2M,refcount_bits=8,lazy_refcounts=on base.raw a.qcow2",
	"qemu-img create -q -f qcow2 -b base.raw -F raw a.qcow2",
	"qemu-img create -q -f qcow2 -b base.raw -F raw m.qcow2 && "
	"qemu-img create -q -f qcow2 -o cluster_size=1k -b m.qcow2 -F qcow2 a.qcow2",
};

START_TEST(as_qemu_img)
{
	struct blk *b;

	make_base();
	sh(creations[_i]);
	b = must_open("a.qcow2", true, false);
	same(b);
	ck_assert_int_eq(io(b, BLK_WRITE, 0, got, 512), EROFS);
	ck_assert_int_eq(io(b, BLK_READ, SIZE, got, 512), EIO);
	b->ops->close(b);
	b = must_open("a.qcow2", false, false);
	scribble(b, (uint32_t)_i, 120);
	same(b);
	b->ops->close(b);
	judge("a.qcow2");
	b = must_open("a.qcow2", false, false);
	ck_assert_int_eq(io(b, BLK_DISCARD, 0, NULL, SIZE / 2), 0);
	memset(model, 0, SIZE / 2);
	scribble(b, 99, 40);
	same(b);
	b->ops->close(b);
	judge("a.qcow2");
}
END_TEST

/* A snapshot inside the image keeps its clusters while we write. */
START_TEST(inner_snapshot)
{
	struct blk *b;

	make_base();
	sh("qemu-img convert -q -c -O qcow2 -o cluster_size=4k base.raw a.qcow2 && qemu-img snapshot -c s a.qcow2");
	b = must_open("a.qcow2", false, false);
	scribble(b, 5, 200);
	b->ops->close(b);
	judge("a.qcow2");
	sh("qemu-img convert -q -l s -O raw a.qcow2 s.raw && cmp s.raw base.raw");
	sh("qemu-img snapshot -d s a.qcow2 && qemu-img check -q a.qcow2");
}
END_TEST

START_TEST(temporary)
{
	struct blk *b;

	make_base();
	sh("qemu-img convert -q -O qcow2 base.raw a.qcow2 && cp a.qcow2 before");
	b = must_open("a.qcow2", false, true);
	scribble(b, 3, 50);
	same(b);
	b->ops->close(b);
	sh("cmp a.qcow2 before");
}
END_TEST

/* commit: what the snapshot wrote is in the image after, which stays clean; then the snapshot is empty and goes on. */
START_TEST(commit)
{
	struct blk *b;

	make_base();
	sh("qemu-img convert -q -c -O qcow2 base.raw a.qcow2");
	b = must_open("a.qcow2", false, true);
	scribble(b, 3, 50);
	ck_assert_int_eq(b->ops->commit(b), 0);
	same(b);
	b->ops->close(b);
	judge("a.qcow2");
}
END_TEST

/* qemu-img judges: leaked clusters are allowed, errors are not; and what the guest flushed is there. */
static const char *const power_images[] = {
	"qemu-img create -q -f qcow2 -o cluster_size=4k start.qcow2 4M",
	"qemu-img create -q -f qcow2 -o cluster_size=512 start.qcow2 4M",
	"qemu-img convert -q -c -O qcow2 -o cluster_size=4k base.raw start.qcow2",
	"qemu-img convert -q -O qcow2 base.raw start.qcow2 && qemu-img snapshot -c s start.qcow2",
	"qemu-img create -q -f qcow2 -o cluster_size=4k,lazy_refcounts=on start.qcow2 4M",
	"qemu-img convert -q -c -O qcow2 -o cluster_size=1k,lazy_refcounts=on base.raw start.qcow2 && qemu-img snapshot -c s start.qcow2",
	"qemu-img create -q -f qcow2 -o cluster_size=512,lazy_refcounts=on,refcount_bits=64 -b base.raw -F raw start.qcow2",
};
#define FIRST_LAZY 4

#define FLUSHES 40
START_TEST(power_failure)
{
	static uint8_t flushed[FLUSHES][512];
	unsigned at_flush[FLUSHES], n = 0;
	uint32_t seed = (uint32_t)_i + 5;
	uint8_t buf[8192];
	struct blk *b;

	make_base();
	sh(power_images[_i]);
	sh("cp start.qcow2 a.qcow2");
	b = must_open("a.qcow2", false, false);
	recording = true;
	for (n = 0; n < FLUSHES; n++) {
		for (unsigned k = 0; k < 6; k++) {
			uint64_t s = FLUSHES + next(&seed) % (SIZE / 512 - FLUSHES - 16);

			memset(buf, (int)(n + k), sizeof(buf));
			ck_assert_int_eq(io(b, k == 5 ? BLK_DISCARD : BLK_WRITE, s * 512, buf, 512 << k % 4), 0);
		}
		memset(flushed[n], (int)n + 1, 512);
		ck_assert_int_eq(io(b, BLK_WRITE, n * 512, flushed[n], 512), 0); /* the guest's log: sector n */
		ck_assert_int_eq(io(b, BLK_FLUSH, 0, NULL, 0), 0);
		at_flush[n] = ndiary;
	}
	recording = false;
	b->ops->close(b);
	for (unsigned t = 0; t < 50; t++) {
		unsigned cut = next(&seed) % (ndiary + 1);

		fail_at(cut, "start.qcow2", "after.qcow2", &seed);
		if (_i >= FIRST_LAZY) { /* opening it for writing repairs it: not even leaks are left, but where it was not dirty */
			b = must_open("after.qcow2", false, false);
			ck_assert_int_eq(io(b, BLK_WRITE, SIZE - 4096, buf, 512), 0);
			b->ops->close(b);
		}
		/* 0: clean, 3: leaks */
		sh("qemu-img check -q after.qcow2 >check.txt 2>&1; r=$?; [ $r = 0 ] || [ $r = 3 ] || { cat check.txt; false; }");
		b = must_open("after.qcow2", true, false);
		for (unsigned i = 0; i < FLUSHES && at_flush[i] <= cut; i++) {
			ck_assert_int_eq(io(b, BLK_READ, i * 512, buf, 512), 0);
			ck_assert_msg(!memcmp(buf, flushed[i], 512), "record %u was flushed and is lost", i);
		}
		b->ops->close(b);
	}
	forget();
}
END_TEST

/* Byte 79 of the header */
static int dirty_mark(const char *name)
{
	FILE *f = fopen(name, "r");
	int c;

	ck_assert_int_eq(fseek(f, 79, SEEK_SET), 0);
	c = fgetc(f);
	fclose(f);
	return c;
}

/* Lazy counts wait in memory, the image is marked meanwhile; QEMU repairs what we leave dirty, and we what QEMU leaves. */
START_TEST(lazy)
{
	struct blk_options o = {.lazy = _i ? BLK_LAZY_ON : BLK_LAZY_IMAGE};
	struct err e = {0};
	struct blk *b;

	memset(model, 0, SIZE);
	sh(_i ? "qemu-img create -q -f qcow2 a.qcow2 4M" : "qemu-img create -q -f qcow2 -o lazy_refcounts=on a.qcow2 4M");
	ck_assert_int_eq(blk_open("a.qcow2", &o, &b, &e), 0);
	ck_assert_int_eq(dirty_mark("a.qcow2"), 0);
	scribble(b, 1, 50);
	ck_assert_int_eq(dirty_mark("a.qcow2"), 1);
	sh("! qemu-img check -U -q a.qcow2 >check.txt 2>&1"); /* the counts are not there */
	sh("cp a.qcow2 theirs.qcow2; cp a.qcow2 ours.qcow2; qemu-img check -q -r all theirs.qcow2 >check.txt 2>&1");
	judge("theirs.qcow2");
	b->ops->close(b);
	ck_assert_int_eq(dirty_mark("a.qcow2"), 0);
	judge("a.qcow2");
	b = must_open("ours.qcow2", false, false);
	ck_assert(b->repaired);
	same(b);
	b->ops->close(b);
	judge("ours.qcow2");
	sh("qemu-img create -q -f qcow2 -o lazy_refcounts=on q.qcow2 4M; ! qemu-io -c 'write -P 7 64k 1M' -c 'flush' -c 'abort' q.qcow2 >/dev/null 2>&1");
	ck_assert_int_eq(dirty_mark("q.qcow2"), 1);
	b = must_open("q.qcow2", false, false);
	ck_assert(b->repaired);
	memset(model, 0, SIZE);
	memset(model + 65536, 7, 1u << 20);
	same(b);
	b->ops->close(b);
	judge("q.qcow2");
	sh("qemu-img create -q -f qcow2 -o compat=0.10 old.qcow2 4M");
	o.lazy = BLK_LAZY_ON;
	ck_assert_int_eq(blk_open("old.qcow2", &o, &b, &e), VM_ERR_USAGE);
	sh("truncate -s 4M a.raw");
	ck_assert_int_eq(blk_open("a.raw", &o, &b, &e), VM_ERR_USAGE);
}
END_TEST

static const struct bad {
	long at;
	uint8_t byte;
	const char *says;
} bad[] = {{7, 9, "version"}, {23, 40, "cluster size"}, {23, 3, "cluster size"}, {24, 0xff, "disk size"}, {39, 0, "L1"},
	{36, 0xff, "L1"}, {47, 1, "L1"}, {55, 3, "reference count table"}, {56, 9, "reference count table"},
	{35, 1, "encrypted"}, {79, 2, "corrupt"}, {79, 4, "external"}, {79, 8, "zstd"}, {72, 1, "unknown"},
	{99, 7, "width"}, {100, 1, "header length"}};

START_TEST(refused)
{
	struct blk_options o = {0};
	struct err e = {0};
	struct blk *b;

	sh("qemu-img create -q -f qcow2 a.qcow2 4M");
	patch("a.qcow2", bad[_i].at, &bad[_i].byte, 1);
	ck_assert_int_eq(blk_open("a.qcow2", &o, &b, &e), VM_ERR_FORMAT);
	ck_assert_ptr_null(b);
	ck_assert_msg(strstr(e.msg, bad[_i].says) && !strchr(e.msg, '\n'), "%s", e.msg);
}
END_TEST

/* A guest cannot make a raw image qcow2 unless the user said it is raw. */
START_TEST(disguise)
{
	struct blk_options o = {.format = BLK_FORMAT_RAW};
	struct blk *b;

	make_base();
	memcpy(got, "QFI\xfb", 4);
	b = must_open("base.raw", false, false);
	ck_assert_int_eq(io(b, BLK_WRITE, 0, got, 512), EPERM);
	ck_assert_int_eq(io(b, BLK_WRITE, 512, got, 512), 0);
	b->ops->close(b);
	ck_assert_int_eq(blk_open("base.raw", &o, &b, NULL), VM_OK);
	ck_assert_int_eq(io(b, BLK_WRITE, 0, got, 512), 0);
	b->ops->close(b);
}
END_TEST

/* An image that is its own backing file ends in a refusal. */
START_TEST(endless)
{
	struct blk_options o = {.raw.readonly = true};
	struct err e = {0};
	struct blk *b;

	sh("qemu-img create -q -f qcow2 b.qcow2 4M && qemu-img create -q -f qcow2 -b b.qcow2 -F qcow2 a.qcow2 && "
	   "mv a.qcow2 b.qcow2");
	ck_assert_int_eq(blk_open("b.qcow2", &o, &b, &e), VM_ERR_FORMAT);
	ck_assert_ptr_nonnull(strstr(e.msg, "backing files"));
}
END_TEST

/* Random damage of header and tables: any result but a crash (the sanitizers look). */
START_TEST(mutated)
{
	static uint8_t image[1 << 20];
	uint32_t seed = 1;
	size_t len;
	FILE *f;

	make_base();
	sh("qemu-img convert -q -c -O qcow2 -o cluster_size=1k base.raw a.qcow2");
	f = fopen("a.qcow2", "r");
	len = fread(image, 1, sizeof(image), f);
	fclose(f);
	for (unsigned i = 0; i < 150; i++) {
		struct blk_options o = {0};
		struct blk *b;

		f = fopen("m.qcow2", "w");
		ck_assert_uint_eq(fwrite(image, 1, len, f), len);
		ck_assert_int_eq(fclose(f), 0);
		for (unsigned k = next(&seed) % 6 + 1; k; k--) {
			uint8_t v = (uint8_t)next(&seed);
			long range = next(&seed) & 1 ? 128 : 16384;

			patch("m.qcow2", 4 + (long)(next(&seed) % (unsigned)range), &v, 1);
		}
		if (blk_open("m.qcow2", &o, &b, NULL))
			continue;
		for (unsigned k = 0; k < 20; k++) {
			uint64_t sectors = b->size / 512, s = next(&seed) % sectors;

			io(b, k & 1 ? BLK_WRITE : BLK_READ, s * 512, got, sectors - s < 9 ? 512 : 4608);
		}
		io(b, BLK_DISCARD, 0, NULL, b->size < SIZE ? (uint32_t)b->size : SIZE);
		b->ops->close(b);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("qcow2");
	TCase *t = tcase_create("qcow2");
	SRunner *r = srunner_create(s);
	int failed;

	if (system("qemu-img --version >/dev/null 2>&1"))
		return 77;
	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, start_dir, stop_dir);
	tcase_add_loop_test(t, as_qemu_img, 0, sizeof(creations) / sizeof(creations[0]));
	tcase_add_test(t, inner_snapshot);
	tcase_add_test(t, temporary);
	tcase_add_test(t, commit);
	tcase_add_loop_test(t, power_failure, 0, sizeof(power_images) / sizeof(power_images[0]));
	tcase_add_loop_test(t, lazy, 0, 2);
	tcase_add_loop_test(t, refused, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(t, disguise);
	tcase_add_test(t, endless);
	tcase_add_test(t, mutated);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
