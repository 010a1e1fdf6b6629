/*
 * test_nbd.c - exports of a stock server, qemu-nbd, as images: what is written is in its file, it flushes when we do, what is read-only
 * stays so, and a server that goes leaves I/O errors and one line. Skipped without libnbd or qemu-nbd.
 */
#include "tests/devices/block_io.h"
#include "tests/devices/test_dir.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE (3u << 20)

static pid_t server;
static uint8_t model[SIZE + 512], got[SIZE + 512];

static void end_server(void)
{
	if (server) {
		kill(server, SIGKILL);
		waitpid(server, NULL, 0);
	}
	server = 0;
}

static void stop(void)
{
	end_server();
	stop_dir();
}

/* The socket is there a moment before anybody listens. */
static bool listens(void)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = "s"};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	bool yes = !connect(fd, (struct sockaddr *)&at, sizeof(at));

	close(fd);
	return yes;
}

/* a.raw of @bytes, exported at the socket s; words of @more are options */
static void serve(unsigned bytes, const char *more)
{
	char command[400];
	FILE *f = fopen("a.raw", "w");
	bool up = false;

	for (unsigned i = 0; i < bytes; i++)
		model[i] = (uint8_t)(i / 911 * 7);
	memset(model + bytes, 0, sizeof(model) - bytes);
	ck_assert_uint_eq(fwrite(model, 1, bytes, f), bytes);
	fclose(f);
	snprintf(command, sizeof(command), "exec qemu-nbd -t -f raw -k '%s/s' %s a.raw 2>server.txt", dir, more);
	server = fork();
	if (!server) {
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	for (unsigned i = 0; i < 1000 && !(up = listens()); i++)
		usleep(10000);
	ck_assert(up);
}

static enum vm_err open_at(const char *form, struct blk_options o, struct blk **b, struct err *e)
{
	char path[200];

	snprintf(path, sizeof(path), form, dir);
	ck_assert(blk_is_nbd(path));
	return blk_open(path, &o, b, e);
}

static struct blk *must_open(const char *form, struct blk_options o)
{
	struct err e = {0};
	struct blk *b = NULL;

	ck_assert_msg(!open_at(form, o, &b, &e), "%s", e.msg);
	return b;
}

#define URI "nbd+unix:///?socket=%s/s"

static void file_is_model(unsigned bytes)
{
	FILE *f = fopen("a.raw", "r");

	ck_assert_uint_eq(fread(got, 1, sizeof(got), f), bytes);
	fclose(f);
	ck_assert_int_eq(memcmp(got, model, bytes), 0);
}

static const char *const forms[] = {URI, "nbd:unix:%s/s", "nbd:unix:%s/s:exportname=", "nbd+unix:///%%64isk?socket=%s/s", "nbd:unix:%s/s:exportname=disk"};

START_TEST(all_operations)
{
	struct blk *b;

	serve(SIZE, _i >= 3 ? "-x disk" : "");
	b = must_open(forms[_i], (struct blk_options){.format = BLK_FORMAT_RAW});
	ck_assert_uint_eq(b->size, SIZE);
	ck_assert(!b->readonly);
	ck_assert_int_eq(io(b, BLK_READ, 0, got, SIZE), 0);
	ck_assert_int_eq(memcmp(got, model, SIZE), 0);
	for (unsigned i = 4096; i < 2500000; i++)
		model[i] = (uint8_t)(i * 3);
	ck_assert_int_eq(io(b, BLK_WRITE, 4096, model + 4096, 2500000 / 512 * 512 - 4096), 0);
	ck_assert_int_eq(io(b, BLK_READ, 4096, got, 2500000 / 512 * 512 - 4096), 0);
	ck_assert_int_eq(memcmp(got, model + 4096, 2500000 / 512 * 512 - 4096), 0);
	memset(model + 1024, 0, 65536 * 3);
	ck_assert_int_eq(io(b, BLK_ZERO, 1024, NULL, 65536 * 3), 0);
	ck_assert_int_eq(io(b, BLK_DISCARD, 2 << 20, NULL, 0), 0);
	ck_assert_int_eq(io(b, BLK_READ, SIZE - 512, got, 1024), EIO);
	ck_assert_int_eq(io(b, BLK_FLUSH, 0, NULL, 0), 0);
	ck_assert_int_eq(io(b, BLK_READ, 0, got, SIZE), 0);
	for (unsigned i = 2500000 / 512 * 512; i < 2500000; i++)
		model[i] = got[i];
	ck_assert_int_eq(memcmp(got, model, SIZE), 0);
	b->ops->close(b);
	file_is_model(SIZE);
}
END_TEST

/* The disk is whole sectors; what the export lacks of the last one reads as zeroes. */
START_TEST(odd_size)
{
	struct blk *b;

	serve(100000, "");
	b = must_open(URI, (struct blk_options){.format = BLK_FORMAT_RAW});
	ck_assert_uint_ge(b->size, 100000);
	ck_assert_uint_eq(b->size % 512, 0);
	ck_assert_int_eq(io(b, BLK_READ, b->size - 1024, got, 1024), 0);
	ck_assert_int_eq(memcmp(got, model + b->size - 1024, 1024), 0);
	memset(got, 0x55, 512);
	ck_assert_int_eq(io(b, BLK_WRITE, b->size - 512, got, 512), 0);
	ck_assert_int_eq(io(b, BLK_FLUSH, 0, NULL, 0), 0);
	b->ops->close(b);
	memset(model + 100000 / 512 * 512, 0x55, 100000 % 512);
	end_server();
	ck_assert_int_eq(truncate("a.raw", 100000), 0);
	file_is_model(100000);
}
END_TEST

START_TEST(read_only)
{
	struct err e = {0};
	struct blk *b = NULL;

	serve(SIZE, "-r -e 3");
	ck_assert_int_eq(open_at(URI, (struct blk_options){0}, &b, &e), VM_ERR_IO);
	ck_assert_ptr_nonnull(strstr(e.msg, "readonly=on"));
	b = must_open(URI, (struct blk_options){.raw.readonly = true});
	ck_assert_int_eq(io(b, BLK_WRITE, 0, got, 512), EROFS);
	ck_assert_int_eq(io(b, BLK_FLUSH, 0, NULL, 0), 0);
	b->ops->close(b);
	b = must_open(URI, (struct blk_options){.raw.snapshot = true});
	memset(got, 9, 512);
	ck_assert_int_eq(io(b, BLK_WRITE, 0, got, 512), 0);
	ck_assert_int_eq(io(b, BLK_READ, 0, got, 1024), 0);
	ck_assert_uint_eq(got[511], 9);
	ck_assert_uint_eq(got[512], model[512]);
	b->ops->close(b);
	file_is_model(SIZE);
}
END_TEST

START_TEST(refused)
{
	struct err e = {0};
	struct blk *b = NULL;
	uint8_t magic[512] = "QFI\xfb";

	ck_assert_int_eq(open_at(URI, (struct blk_options){0}, &b, &e), VM_ERR_IO); /* no server yet */
	ck_assert_ptr_nonnull(strstr(e.msg, "cannot connect"));
	ck_assert_int_eq(open_at("nbd:%.0snowhere", (struct blk_options){0}, &b, &e), VM_ERR_USAGE);
	serve(SIZE, "-e 4");
	ck_assert_int_eq(open_at("nbd+unix:///other?socket=%s/s", (struct blk_options){0}, &b, &e), VM_ERR_IO);
	ck_assert_int_eq(open_at(URI, (struct blk_options){.format = BLK_FORMAT_QCOW2}, &b, &e), VM_ERR_FORMAT);
	b = must_open(URI, (struct blk_options){0}); /* guessed: it stays what it is */
	ck_assert_int_eq(io(b, BLK_WRITE, 0, magic, 512), EPERM);
	b->ops->close(b);
	b = must_open(URI, (struct blk_options){.format = BLK_FORMAT_RAW});
	ck_assert_int_eq(io(b, BLK_WRITE, 0, magic, 512), 0);
	b->ops->close(b);
	ck_assert_int_eq(open_at(URI, (struct blk_options){0}, &b, &e), VM_ERR_FORMAT);
	ck_assert_ptr_null(b);
}
END_TEST

START_TEST(server_goes)
{
	struct blk *b;
	FILE *f;
	int was = dup(2), lines = 0, c;

	serve(SIZE, "");
	b = must_open(URI, (struct blk_options){.format = BLK_FORMAT_RAW});
	ck_assert_int_eq(io(b, BLK_WRITE, 0, model, 512), 0);
	end_server();
	ck_assert_ptr_nonnull(freopen("said.txt", "w", stderr));
	for (unsigned i = 0; i < 5; i++) {
		ck_assert_int_eq(io(b, BLK_WRITE, 0, model, 512), EIO);
		ck_assert_int_eq(io(b, BLK_READ, 0, got, 512), EIO);
		ck_assert_int_eq(io(b, BLK_FLUSH, 0, NULL, 0), EIO);
	}
	b->ops->close(b);
	fflush(stderr);
	dup2(was, 2);
	f = fopen("said.txt", "r");
	while ((c = fgetc(f)) != EOF)
		lines += c == '\n';
	fclose(f);
	ck_assert_int_eq(lines, 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("nbd");
	TCase *t = tcase_create("nbd");
	SRunner *r = srunner_create(s);
	struct blk *b;
	struct err e = {0};
	int bad;

	if (blk_open_nbd("nbd:", &(struct blk_options){0}, &b, &e) == VM_ERR_USAGE && strstr(e.msg, "built without")) {
		puts("skipped: built without libnbd");
		return 77;
	}
	if (system("qemu-nbd --version >/dev/null 2>&1")) {
		puts("skipped: no qemu-nbd");
		return 77;
	}
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, start_dir, stop);
	tcase_add_loop_test(t, all_operations, 0, ARRAY_SIZE(forms));
	tcase_add_test(t, odd_size);
	tcase_add_test(t, read_only);
	tcase_add_test(t, refused);
	tcase_add_test(t, server_goes);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad ? EXIT_FAILURE : EXIT_SUCCESS;
}
