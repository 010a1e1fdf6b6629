/*
 * image_fixture.h - tests of disk images: a folder of their own, requests, the contents they should have, power failures.
 *
 * For programs linked with --wrap of pwrite, pwrite64 and fdatasync (tests/CMakeLists.txt).
 */
#ifndef TESTS_DEVICES_IMAGE_FIXTURE_H
#define TESTS_DEVICES_IMAGE_FIXTURE_H

#include "tests/devices/block_io.h"
#include "tests/devices/test_dir.h"
#include <errno.h>
#include <fcntl.h>

#define SIZE (4u << 20)

static uint8_t model[SIZE], got[SIZE];

static void sh(const char *command)
{
	ck_assert_msg(system(command) == 0, "%s", command);
}

static uint32_t next(uint32_t *s)
{
	*s = *s * 1664525u + 1013904223u;
	return *s >> 8;
}

static struct blk *must_open(const char *name, bool ro, bool snapshot)
{
	struct blk_options o = {.raw = {.readonly = ro, .snapshot = snapshot}};
	struct err e = {0};
	struct blk *b = NULL;

	ck_assert_msg(!blk_open(name, &o, &b, &e), "%s", e.msg);
	return b;
}

/* base.raw and model: text that deflates in the first half, zeroes, then noise */
static void make_base(void)
{
	uint32_t seed = 7;
	FILE *f = fopen("base.raw", "w");

	for (unsigned i = 0; i < SIZE; i++)
		model[i] = i < SIZE / 2 ? (uint8_t)(i / 777) : i < SIZE / 4 * 3 ? 0 : (uint8_t)next(&seed);
	ck_assert_uint_eq(fwrite(model, 1, SIZE, f), SIZE);
	ck_assert_int_eq(fclose(f), 0);
}

static void same(struct blk *b)
{
	ck_assert_uint_eq(b->size, SIZE);
	ck_assert_int_eq(io(b, BLK_READ, 0, got, SIZE), 0);
	ck_assert_int_eq(memcmp(got, model, SIZE), 0);
}

static void scribble(struct blk *b, uint32_t seed, unsigned times)
{
	for (unsigned i = 0; i < times; i++) {
		uint32_t off = next(&seed) % (SIZE / 512) * 512, len = (next(&seed) % 200 + 1) * 512;

		len = len > SIZE - off ? SIZE - off : len;
		memset(model + off, (int)next(&seed), len);
		ck_assert_int_eq(io(b, BLK_WRITE, off, model + off, len), 0);
	}
	ck_assert_int_eq(io(b, BLK_FLUSH, 0, NULL, 0), 0);
}

static void patch(const char *name, long at, const void *bytes, size_t n)
{
	FILE *f = fopen(name, "r+");

	ck_assert_int_eq(fseek(f, at, SEEK_SET), 0);
	ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
	ck_assert_int_eq(fclose(f), 0);
}

/*
 * Power failures. The wrapped pwrite() and fdatasync() keep a diary of the image file. What a disk may hold after a failure
 * is everything written before the last sync, and any part of what was written after it.
 */
struct entry {
	uint64_t at;
	uint32_t len; /* 0: a sync */
	uint8_t *data;
};
static struct entry diary[20000];
static unsigned ndiary;
static bool recording;

ssize_t __real_pwrite64(int fd, const void *buf, size_t len, off_t at);
ssize_t __wrap_pwrite64(int fd, const void *buf, size_t len, off_t at);
ssize_t __real_pwrite(int fd, const void *buf, size_t len, off_t at);
ssize_t __wrap_pwrite(int fd, const void *buf, size_t len, off_t at);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);

ssize_t __wrap_pwrite(int fd, const void *buf, size_t len, off_t at)
{
	if (recording) {
		ck_assert_uint_lt(ndiary, 20000);
		diary[ndiary] = (struct entry){(uint64_t)at, (uint32_t)len, malloc(len)};
		memcpy(diary[ndiary++].data, buf, len);
	}
	return __real_pwrite(fd, buf, len, at);
}

ssize_t __wrap_pwrite64(int fd, const void *buf, size_t len, off_t at)
{
	return __wrap_pwrite(fd, buf, len, at);
}

int __wrap_fdatasync(int fd)
{
	if (recording) {
		ck_assert_uint_lt(ndiary, 20000);
		diary[ndiary++].len = 0;
	}
	return 0; /* the diary tells; no need to wear out a disk */
}

static void forget(void)
{
	while (ndiary)
		free(diary[--ndiary].data);
}

/* The image @start after a failure behind entry @cut: into @after */
static void fail_at(unsigned cut, const char *start, const char *after, uint32_t *seed)
{
	unsigned last = 0;
	char c[200];
	FILE *f;

	snprintf(c, sizeof(c), "cp --sparse=never '%s' '%s'", start, after);
	sh(c);
	f = fopen(after, "r+");
	for (unsigned i = 0; i < cut; i++)
		last = diary[i].len ? last : i;
	for (unsigned i = 0; i < cut; i++) {
		if (!diary[i].len || (i > last && next(seed) % 2))
			continue;
		ck_assert_int_eq(fseek(f, (long)diary[i].at, SEEK_SET), 0);
		ck_assert_uint_eq(fwrite(diary[i].data, 1, diary[i].len, f), diary[i].len);
	}
	ck_assert_int_eq(fclose(f), 0);
}

#endif
