/* test_symbols.c - names for addresses: System.map, ELF files whole and broken, the nearest symbol and its reach. */
#define _GNU_SOURCE
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "frontend/symbols.h"

static char path[64];

static void file(const void *data, size_t n)
{
	int fd;

	strcpy(path, "/tmp/dg_sym_XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_eq(write(fd, data, n), (ssize_t)n);
	close(fd);
}

static struct symbols *load(const char *suffix, enum vm_err want)
{
	char arg[128];
	struct symbols *s;
	struct err e = {0};

	snprintf(arg, sizeof(arg), "%s%s", path, suffix);
	ck_assert_msg(symbols_load(&s, arg, &e) == want, "%s", e.msg);
	return s;
}

START_TEST(system_map)
{
	static const char map[] = "0000000000001000 A per_cpu\nffffffff81000000 T _stext\nffffffff81000100 t helper\n"
				  "ffffffff81000200 T do_it [mod]\nrubbish\n\nffffffff81000300 D data\n";
	struct symbols *s;
	uint64_t at;
	char name[64];

	file(map, sizeof(map) - 1);
	s = load("", VM_OK);
	ck_assert(symbols_name(s, 0xFFFFFFFF81000100, name, sizeof(name)));
	ck_assert_str_eq(name, "helper");
	ck_assert(symbols_name(s, 0xFFFFFFFF8100020F, name, sizeof(name)));
	ck_assert_str_eq(name, "do_it+0xf");
	ck_assert(!symbols_name(s, 0xFFFFFFFF80FFFFFF, name, sizeof(name)));
	ck_assert_str_eq(name, "");
	ck_assert(!symbols_name(s, 0xFFFFFFFF81200000, name, sizeof(name))); /* too far */
	ck_assert(symbols_find(s, "data", &at) && at == 0xFFFFFFFF81000300);
	ck_assert(!symbols_find(s, "per_cpu", &at));
	ck_assert(symbols_name(s, 0xFFFFFFFF81000200, name, 4)); /* cut, not overrun */
	ck_assert_str_eq(name, "do_");
	symbols_free(s);
	s = load(",offset=0x1000", VM_OK);
	ck_assert(symbols_find(s, "_stext", &at) && at == 0xFFFFFFFF81001000);
	symbols_free(s);
	load(",offset=x", VM_ERR_USAGE);
	unlink(path);
	load("", VM_ERR_IO);
	file("nothing here\n", 13);
	load("", VM_ERR_IO);
	unlink(path);
	ck_assert(!symbols_name(NULL, 0x1000, name, sizeof(name)));
}
END_TEST

static char *self(size_t *n)
{
	FILE *f = fopen("/proc/self/exe", "rb");
	char *p = malloc(64 << 20);

	ck_assert_ptr_nonnull(p);
	*n = fread(p, 1, 64 << 20, f);
	fclose(f);
	return p;
}

START_TEST(elf)
{
	size_t n;
	char *p = self(&n), name[64];
	struct symbols *s;
	uint64_t at;

	file(p, n);
	s = load("", VM_OK);
	ck_assert(symbols_find(s, "main", &at));
	ck_assert(symbols_name(s, at + 1, name, sizeof(name)));
	ck_assert_str_eq(name, "main+0x1");
	symbols_free(s);
	unlink(path);
	free(p);
}
END_TEST

/* Section headers and tables overwritten at random, files cut short: anything but a crash. */
START_TEST(broken)
{
	size_t n, size;
	char *p = self(&n), *q = malloc(1 << 20);
	uint64_t x = 88172645463325252ull, shoff;
	struct symbols *s;
	struct err e;

	memcpy(&shoff, p + 40, 8);
	ck_assert_uint_lt(shoff, n);
	size = n < 1 << 16 ? n : 1 << 16;
	for (unsigned i = 0; i < 300; i++) {
		/* a small file: header, then the section headers moved up behind it */
		uint64_t off = 64;

		memset(q, 0, 1 << 16);
		memcpy(q, p, size);
		memcpy(q + 64, p + shoff, n - shoff < 4096 ? n - shoff : 4096);
		memcpy(q + 40, &off, 8);
		for (unsigned k = 0; k < 40; k++) {
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			q[4 + x % 4096] = (char)(x >> 40);
		}
		memcpy(q, p, 4);
		file(q, i % 3 ? (1 << 16) - 1 : x % 5000 + 4);
		if (!symbols_load(&s, path, &e))
			symbols_free(s);
		unlink(path);
	}
	free(p);
	free(q);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("symbols");
	TCase *t = tcase_create("symbols");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, system_map);
	tcase_add_test(t, elf);
	tcase_add_test(t, broken);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
