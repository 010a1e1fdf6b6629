/*
 * test_qcow2_snapshot.c - snapshots inside qcow2 images against qemu-img: the same lists, the same disks, clean tables; snapshots of
 * either are the other's. Damaged ones are errors. Skipped without qemu-img.
 */
#include "frontend/block_snapshot.h"
#include "tests/devices/test_dir.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIZE (3u << 20)
#define STATE 300001u

static uint8_t model[4][SIZE], got[SIZE], state[STATE];

static void sh(const char *command)
{
	ck_assert_msg(system(command) == 0, "%s", command);
}

static struct blk *must_open(void)
{
	struct blk_options o = {.format = BLK_FORMAT_QCOW2, .raw = {.unsafe = true}};
	struct err e = {0};
	struct blk *b = NULL;

	ck_assert_msg(!blk_open("a.qcow2", &o, &b, &e), "%s", e.msg);
	return b;
}

static uint32_t next(uint32_t *s)
{
	*s = *s * 1664525u + 1013904223u;
	return *s >> 8;
}

static void scribble(struct blk *b, unsigned m, unsigned times)
{
	uint32_t seed = m * 99 + times;

	for (unsigned i = 0; i < times; i++) {
		uint32_t off = next(&seed) % (SIZE / 512) * 512, len = (next(&seed) % 100 + 1) * 512;

		len = len > SIZE - off ? SIZE - off : len;
		memset(model[m] + off, (int)next(&seed), len);
		ck_assert_int_eq(blk_do(b, BLK_WRITE, off, model[m] + off, len), 0);
	}
	if (times > 3) {
		memset(model[m] + 131072, 0, 65536);
		ck_assert_int_eq(blk_do(b, BLK_ZERO, 131072, NULL, 65536), 0);
	}
	ck_assert_int_eq(blk_do(b, BLK_FLUSH, 0, NULL, 0), 0);
}

static void same(struct blk *b, unsigned m)
{
	ck_assert_int_eq(blk_do(b, BLK_READ, 0, got, SIZE), 0);
	ck_assert_int_eq(memcmp(got, model[m], SIZE), 0);
}

static void take(struct blk *b, const char *name, bool with_state)
{
	struct blk_snapshot s = {.sec = 1700000000, .clock_ns = 4000000000ull};
	struct blk_state_writer *w = NULL;

	snprintf(s.name, sizeof(s.name), "%s", name);
	if (with_state) {
		ck_assert_int_eq(blk_state_begin(b, &w), 0);
		for (unsigned at = 0, n = 1; at < STATE; at += n, n = n * 3 % 70001 + 1) {
			n = n > STATE - at ? STATE - at : n;
			ck_assert_int_eq(blk_state_write(w, state + at, n), 0);
		}
	}
	ck_assert_int_eq(blk_snapshot_create(b, &s, w), 0);
}

static struct blk_snapshot find(struct blk *b, const char *name)
{
	struct blk_snapshot *list, s = {0};
	unsigned n;

	ck_assert_int_eq(blk_snapshot_list(b, &list, &n), 0);
	for (unsigned i = 0; i < n; i++)
		if (!strcmp(list[i].name, name))
			s = list[i];
	free(list);
	ck_assert_str_eq(s.name, name);
	return s;
}

/* What qemu-img finds in snapshot @name of the file; NULL: in its active state */
static void judge(const char *name, unsigned m)
{
	char c[300];
	FILE *f = fopen("model.raw", "w");

	ck_assert_uint_eq(fwrite(model[m], 1, SIZE, f), SIZE);
	ck_assert_int_eq(fclose(f), 0);
	if (name)
		snprintf(c, sizeof(c), "qemu-img check -q a.qcow2 && qemu-img convert -l snapshot.name=%s -O raw a.qcow2 s.raw && cmp s.raw model.raw",
			name);
	else
		snprintf(c, sizeof(c), "qemu-img check -q a.qcow2 && qemu-img compare -q -f raw model.raw a.qcow2");
	sh(c);
}

static const char *const creations[] = {
	"qemu-img create -q -f qcow2 a.qcow2 3M",
	"qemu-img create -q -f qcow2 -o compat=0.10 a.qcow2 3M",
	"qemu-img create -q -f qcow2 -o cluster_size=512,refcount_bits=64 a.qcow2 3M",
	"qemu-img create -q -f qcow2 -o cluster_size=4k,refcount_bits=4 a.qcow2 3M",
	"qemu-img create -q -f qcow2 -o cluster_size=2M,refcount_bits=8 a.qcow2 3M",
	"head -c 3145728 /dev/zero | tr '\\0' 'x' >b.raw && qemu-img convert -q -c -O qcow2 b.raw a.qcow2",
	"head -c 3145728 /dev/zero | tr '\\0' 'x' >b.raw && qemu-img create -q -f qcow2 -b b.raw -F raw a.qcow2",
};

START_TEST(life)
{
	struct blk_snapshot s;
	struct blk *b;
	uint8_t part[1000];

	for (unsigned i = 0; i < STATE; i++)
		state[i] = (uint8_t)(i * 7 + i / 999);
	sh(creations[_i]);
	b = must_open();
	ck_assert(blk_snapshot_able(b));
	memset(model[0], _i < 5 ? 0 : 'x', SIZE);
	scribble(b, 0, 30);
	take(b, "one", true);
	memcpy(model[1], model[0], SIZE);
	scribble(b, 1, 30);
	same(b, 1);
	take(b, "two", false);
	memcpy(model[2], model[1], SIZE);
	scribble(b, 2, 20);
	b->ops->close(b);
	judge("one", 0);
	judge("two", 1);
	judge(NULL, 2);
	sh("qemu-img snapshot -l a.qcow2 | grep -q '^1 *one *293 KiB.*00:00:04.000'");

	b = must_open();
	s = find(b, "one");
	ck_assert_uint_eq(s.state_size, STATE);
	for (unsigned at = 0; at < STATE - 1000; at += 70003) {
		ck_assert_int_eq(blk_state_read(b, &s, at, part, 1000), 0);
		ck_assert_int_eq(memcmp(part, state + at, 1000), 0);
	}
	ck_assert_int_eq(blk_state_read(b, &s, STATE - 999, part, 1000), EIO);
	ck_assert_int_eq(blk_snapshot_load(b, &s), 0);
	same(b, 0);
	memcpy(model[3], model[0], SIZE);
	scribble(b, 3, 25);
	b->ops->close(b);
	judge("one", 0);
	judge("two", 1);
	judge(NULL, 3);

	b = must_open();
	s = find(b, "one");
	ck_assert_int_eq(blk_snapshot_delete(b, &s), 0);
	same(b, 3);
	scribble(b, 3, 3);
	b->ops->close(b);
	judge("two", 1);
	judge(NULL, 3);
	sh("test $(qemu-img snapshot -l a.qcow2 | grep -c two) = 1 && ! qemu-img snapshot -l a.qcow2 | grep one");
	b = must_open();
	s = find(b, "two");
	ck_assert_int_eq(blk_snapshot_delete(b, &s), 0);
	ck_assert_int_eq(blk_snapshot_delete(b, &s), ENOENT);
	b->ops->close(b);
	judge(NULL, 3);
}
END_TEST

/* qemu-img's snapshots are ours, and ours are qemu-img's. */
START_TEST(exchange)
{
	struct blk_snapshot s;
	struct blk *b;

	sh(creations[_i]);
	memset(model[0], _i < 5 ? 0 : 'x', SIZE);
	b = must_open();
	scribble(b, 0, 20);
	b->ops->close(b);
	sh("qemu-img snapshot -c theirs a.qcow2");
	memcpy(model[1], model[0], SIZE);
	b = must_open();
	scribble(b, 1, 20);
	take(b, "ours", true);
	s = find(b, "theirs");
	ck_assert_int_eq(blk_snapshot_load(b, &s), 0);
	same(b, 0);
	b->ops->close(b);
	judge("ours", 1);
	judge(NULL, 0);
	sh("qemu-img snapshot -a ours a.qcow2");
	judge(NULL, 1);
	sh("qemu-img snapshot -d ours a.qcow2 && qemu-img snapshot -d theirs a.qcow2");
	judge(NULL, 1);
	b = must_open();
	same(b, 1);
	scribble(b, 1, 5);
	b->ops->close(b);
	judge(NULL, 1);
}
END_TEST

START_TEST(cannot)
{
	struct blk_snapshot s = {.name = "x"};
	struct blk_state_writer *w;
	struct blk *b;

	sh("qemu-img create -q -f qcow2 -o refcount_bits=1 a.qcow2 3M");
	b = must_open();
	ck_assert(!blk_snapshot_able(b));
	ck_assert_int_eq(blk_snapshot_create(b, &s, NULL), ENOTSUP);
	b->ops->close(b);
	/* given up: nothing of it is left */
	sh(creations[3]);
	b = must_open();
	memset(model[0], 0, SIZE);
	scribble(b, 0, 10);
	ck_assert_int_eq(blk_state_begin(b, &w), 0);
	ck_assert_int_eq(blk_state_write(w, model[0], SIZE), 0);
	blk_state_cancel(w);
	take(b, "x", false);
	b->ops->close(b);
	judge(NULL, 0);
	/* of a disk of another size */
	sh("qemu-img snapshot -d x a.qcow2 && qemu-img snapshot -c y a.qcow2 && qemu-img resize -q a.qcow2 4M");
	b = must_open();
	s = find(b, "y");
	ck_assert_int_eq(blk_snapshot_load(b, &s), EFBIG);
	b->ops->close(b);
}
END_TEST

/* Any bytes in the table and in the snapshot's first level: errors, but no crash. */
START_TEST(damaged)
{
	struct blk_options o = {.format = BLK_FORMAT_QCOW2, .raw = {.unsafe = true}};
	uint32_t seed = (uint32_t)_i;
	struct err e;
	struct blk *b;

	sh(creations[_i % 4]);
	b = must_open();
	memset(model[0], 0, SIZE);
	scribble(b, 0, 10);
	take(b, "one", true);
	take(b, "two", true);
	b->ops->close(b);
	for (unsigned round = 0; round < 30; round++) {
		struct blk_snapshot *list;
		int fd;
		uint64_t end;
		unsigned n;

		sh("cp a.qcow2 b.qcow2");
		fd = open("b.qcow2", O_RDWR);
		end = (uint64_t)lseek(fd, 0, SEEK_END);
		for (unsigned i = 0; i < 4; i++) {
			uint8_t v = (uint8_t)next(&seed);
			/* the header's fields, or the last clusters, which hold the tables */
			off_t at = (off_t)(i & 1 ? 60 + next(&seed) % 12 : end - 1 - next(&seed) % (end < 20000 ? end : 20000));

			ck_assert_int_eq(pwrite(fd, &v, 1, at), 1);
		}
		close(fd);
		if (blk_open("b.qcow2", &o, &b, &e))
			continue;
		if (!blk_snapshot_list(b, &list, &n)) {
			for (unsigned i = 0; i < n; i++) {
				blk_state_read(b, &list[i], 0, got, list[i].state_size < SIZE ? list[i].state_size : SIZE);
				if (round & 1)
					blk_snapshot_load(b, &list[i]);
				else
					blk_snapshot_delete(b, &list[i]);
			}
			free(list);
		}
		blk_do(b, BLK_WRITE, 4096, got, 4096);
		b->ops->close(b);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("qcow2 snapshots");
	TCase *t = tcase_create("qcow2 snapshots");
	SRunner *r = srunner_create(s);
	int failed;

	if (system("qemu-img --version >/dev/null 2>&1"))
		return 77;
	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, start_dir, stop_dir);
	tcase_add_loop_test(t, life, 0, sizeof(creations) / sizeof(creations[0]));
	tcase_add_loop_test(t, exchange, 0, sizeof(creations) / sizeof(creations[0]));
	tcase_add_test(t, cannot);
	tcase_add_loop_test(t, damaged, 0, 6);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
