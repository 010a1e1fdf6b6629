/* test_dir.h - a folder of a test's own, which is the working directory meanwhile. */
#ifndef TESTS_DEVICES_TEST_DIR_H
#define TESTS_DEVICES_TEST_DIR_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[64];

static inline void start_dir(void)
{
	ck_assert_ptr_nonnull(mkdtemp(strcpy(dir, "/tmp/dragoman-image-XXXXXX")));
	ck_assert_int_eq(chdir(dir), 0);
}

static inline void stop_dir(void)
{
	char c[128];

	snprintf(c, sizeof(c), "rm -rf '%s'", dir);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(system(c), 0);
}

#endif
