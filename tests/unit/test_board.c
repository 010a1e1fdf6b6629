/* test_board.c - the board's own wiring: several sources on one interrupt line, floppies and printer in CMOS and ports. */
#define _GNU_SOURCE
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "frontend/drive.h"
#include "frontend/machine/machine.h"

static struct machine *board_new(struct machine_config *cfg)
{
	char bios[] = "/tmp/dg_board_XXXXXX";
	int fd = mkstemp(bios);
	uint8_t *rom = calloc(1, 65536);
	struct machine *m;
	struct err e;

	ck_assert_int_eq(write(fd, rom, 65536), 65536);
	close(fd);
	free(rom);
	cfg->cpu_model = "max";
	cfg->ram_size = 4 << 20;
	cfg->bios = bios;
	ck_assert_msg(!machine_create(&m, cfg, NULL, &e), "%s", e.msg);
	unlink(bios);
	return m;
}

static void out(struct machine *m, unsigned port, unsigned v)
{
	space_write(machine_ports(m), port, v, 1);
}

static unsigned in(struct machine *m, unsigned port)
{
	return (unsigned)space_read(machine_ports(m), port, 1);
}

static unsigned requests(struct machine *m)
{
	out(m, 0x20, 0x0A); /* IRR next */
	return in(m, 0x20);
}

static void pic_init(struct machine *m, unsigned icw1)
{
	out(m, 0x20, icw1);
	out(m, 0x21, 8);
	out(m, 0x21, 4);
	out(m, 0x21, 1);
	out(m, 0x21, 0xFF);
}

/* COM1 and COM3 share IRQ 4: it stays up until both have been served. */
START_TEST(shared_line)
{
	struct chr null[4] = {{0}};
	struct machine_config cfg = {.serial = {&null[0], &null[1], &null[2], &null[3]}};
	struct machine *m = board_new(&cfg);

	pic_init(m, 0x11);
	out(m, 0x4D0, 0x10); /* level: the request register shows the line */
	out(m, 0x3FC, 8);
	out(m, 0x3EC, 8);
	out(m, 0x3F9, 2); /* transmitter empty: at once */
	ck_assert_uint_eq(requests(m) & 0x10, 0x10);
	out(m, 0x3E9, 2);
	out(m, 0x3E9, 0);
	ck_assert_uint_eq(requests(m) & 0x10, 0x10);
	out(m, 0x3F9, 0);
	ck_assert_uint_eq(requests(m) & 0x10, 0);
	machine_destroy(m);
}
END_TEST

START_TEST(floppy_types)
{
	struct machine_config cfg = {.floppy = {drive_new(false), drive_new(false)}};
	struct machine *m = board_new(&cfg);

	out(m, 0x70, 0x10);
	ck_assert_uint_eq(in(m, 0x71), 0x44); /* empty drives are 1.44 MB */
	out(m, 0x70, 0x14);
	ck_assert_uint_eq(in(m, 0x71) & 0xC1, 0x41);
	ck_assert_uint_eq(in(m, 0x379), 0xFF); /* no printer port unless there is a backend */
	machine_destroy(m);
	memset(&cfg, 0, sizeof(cfg));
	m = board_new(&cfg);
	out(m, 0x70, 0x10);
	ck_assert_uint_eq(in(m, 0x71), 0);
	machine_destroy(m);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("board");
	TCase *t = tcase_create("board");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, shared_line);
	tcase_add_test(t, floppy_types);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
