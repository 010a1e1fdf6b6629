/*
 * test_monitor.c - monitor commands against a whole machine that never runs: one made of a board and firmware of
 * 64 KiB that this test writes itself.
 */
#define _GNU_SOURCE
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "frontend/drive.h"
#include "frontend/monitor.h"
#include "cpu/mode.h"
#include "cpu/ring0/history.h"

struct rig {
	struct loop loop;
	struct machine_config cfg;
	char bios[32];
	char out[16384];
};

static struct rig *rig_new(void)
{
	static const uint8_t code[16] = {0xFA, 0xF4, 0xEB, 0xFC}; /* cli; hlt; jmp $-2 */
	struct rig *r = calloc(1, sizeof(*r));
	uint8_t *rom = calloc(1, 65536);
	struct err e;
	int fd;

	strcpy(r->bios, "/tmp/dg_mon_XXXXXX");
	fd = mkstemp(r->bios);
	memcpy(rom + 0xFFF0, code, sizeof(code));
	ck_assert_int_eq(write(fd, rom, 65536), 65536);
	close(fd);
	free(rom);
	r->cfg = (struct machine_config){.cpu_model = "max", .ram_size = 4 << 20, .bios = r->bios,
		.ide = {[2] = drive_new(true)}};
	strcpy(r->cfg.ide[2]->id, "ide1-cd0");
	ck_assert_msg(!loop_init(&r->loop, &e), "%s", e.msg);
	ck_assert_msg(!machine_create(&r->loop.m, &r->cfg, NULL, &e), "%s", e.msg);
	unlink(r->bios);
	loop_attach(&r->loop, r->loop.m);
	return r;
}

static void rig_free(struct rig *r)
{
	struct machine *m = r->loop.m;

	loop_fini(&r->loop);
	machine_destroy(m);
	free(r);
}

static const char *say(struct rig *r, const char *line)
{
	FILE *f;

	memset(r->out, 0, sizeof(r->out));
	f = fmemopen(r->out, sizeof(r->out) - 1, "w");
	monitor_command(&r->loop, line, f);
	fclose(f);
	return r->out;
}

static void expect(struct rig *r, const char *line, const char *part)
{
	const char *out = say(r, line);

	ck_assert_msg(strstr(out, part) != NULL, "%s: no \"%s\" in \"%s\"", line, part, out);
}

START_TEST(memory)
{
	struct rig *r = rig_new();

	space_write(machine_memory(r->loop.m), 0x1000, 0x11223344, 4);
	expect(r, "xp/2xw 0x1000", "0000000000001000: 0x11223344 0x00000000");
	expect(r, "xp/4xb 0x1000", "0x44 0x33 0x22 0x11");
	expect(r, "x/1dh 0x1002", "4386");
	expect(r, "xp /1xg 0x1000", "0x0000000011223344");
	expect(r, "x/2i 0xffff0", "cli");
	expect(r, "x/2i 0xffff0", "hlt");
	expect(r, "xp 0xfffffffff000", "0xffffffff");
	expect(r, "x/q 0", "unknown format letter 'q'");
	expect(r, "x", "an address is needed");
	rig_free(r);
}
END_TEST

START_TEST(expressions)
{
	struct rig *r = rig_new();

	expect(r, "p 0x10+5-1", "0x14\n");
	expect(r, "print/d 0x20", "32\n");
	machine_cpu(r->loop.m)->gpr[3] = 0x1234;
	expect(r, "p $ebx+1", "0x1235\n");
	expect(r, "p 2 + 3 * 4", "0xe\n");
	expect(r, "p (2+3)*4 & ~1", "0x14\n");
	expect(r, "p 0x1234 & 0xff | 1", "0x35\n");
	expect(r, "print/d -7 + 17 % 4", "-6\n");
	expect(r, "p 100/8^1", "0xd\n");
	expect(r, "p 'A'", "0x41\n");
	expect(r, "p $cs", "0xf000\n");
	expect(r, "p $cs.base + $cs.limit", "0xffffffff\n");
	expect(r, "p $eflags", "0x2\n");
	expect(r, "p $cr0 & 1", "0x0\n");
	expect(r, "p $cs.bas", "unknown register '$cs.bas'");
	expect(r, "p 1/0", "division by zero");
	expect(r, "p (1", "'(1' is not a number");
	expect(r, "p 1 2", "not a number");
	expect(r, "p ((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((1", "not a number");
	expect(r, "xp/1xb 0x1000 + 4 * 4", "0000000000001010:");
	expect(r, "p $nosuch", "unknown register '$nosuch'");
	expect(r, "p 12z", "not a number");
	rig_free(r);
}
END_TEST

/* Commands that scripts for QEMU have. */
START_TEST(of_scripts)
{
	struct rig *r = rig_new();

	space_write(machine_memory(r->loop.m), 0x1000, 0x00636261, 4);
	expect(r, "sum 0x1000 3", "16556\n"); /* printf abc | sum -r */
	expect(r, "sum 0x1000", "an address and a size");
	expect(r, "gpa2hva 0x1000", "Host virtual address for 0x1000 is 0x");
	expect(r, "gpa2hva 0x80000000", "No memory is mapped");
	ck_assert_str_eq(say(r, "cpu 0"), "");
	expect(r, "cpu 1", "CPU 0 only");
	expect(r, "info memory_size_summary", "base memory: 4194304\n");
	expect(r, "info kvm", "kvm support:");
	expect(r, "pmemsave 0x1000 16 \"/tmp/dg_mon a\\\".ppm\"", "");
	ck_assert_int_eq(access("/tmp/dg_mon a\".ppm", F_OK), 0);
	unlink("/tmp/dg_mon a\".ppm");
	expect(r, "logfile", "needs a file");
	expect(r, "screendump -f gif x", "'gif' is not png or ppm");
	expect(r, "screendump x -f gif", "'gif' is not png or ppm");
	expect(r, "trace-event int", "on or off");
	rig_free(r);
}
END_TEST

START_TEST(control)
{
	struct rig *r = rig_new();

	expect(r, "info status", "running");
	say(r, "stop");
	expect(r, "info status", "paused");
	say(r, "c");
	expect(r, "info status", "running");
	ck_assert(!r->loop.quit);
	say(r, "q");
	ck_assert(r->loop.quit && r->loop.status == 0);
	expect(r, "frobnicate", "unknown command: 'frobnicate'");
	expect(r, "info nosuch", "unknown topic 'nosuch'");
	expect(r, "sendkey nosuch", "unknown key: 'nosuch'");
	ck_assert_str_eq(say(r, "sendkey ctrl-alt-delete"), "");
	ck_assert_str_eq(say(r, "   "), "");
	expect(r, "screendump /tmp/x.png", "no display adapter");
	rig_free(r);
}
END_TEST

/* Every topic that is listed answers something sensible. */
START_TEST(topics)
{
	static const char *const names[] = {
#define INFO(name, fn, help) name,
#include "frontend/monitor_info.def"
#undef INFO
	};
	struct rig *r = rig_new();

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		char line[64];

		expect(r, "info", names[i]);
		snprintf(line, sizeof(line), "info %s", names[i]);
		ck_assert_ptr_null(strstr(say(r, line), "unknown topic"));
	}
	expect(r, "info registers", "CS =f000");
	expect(r, "info idt 0", "00: 0000:0000"); /* real mode: vectors */
	expect(r, "info idt 256", "vector 256 has no entry");
	expect(r, "info gdt", "real mode does not use it");
	expect(r, "info rings", "there are no rings");
	expect(r, "walk 0x1234", "paging is off: physical 00001234");
	expect(r, "gva2gpa 0x1234", "gpa: 0x1234");
	expect(r, "walk", "an address is needed");
	expect(r, "info cpus", "CPU #0: pc=0x00000000fffffff0");
	rig_free(r);
}
END_TEST

START_TEST(trap_log)
{
	struct rig *r = rig_new();
	struct vcpu *c = machine_cpu(r->loop.m);

	expect(r, "info traps", "0 exceptions so far");
	/* real mode, IVT of zeroes: the handlers are at 0000:0000 */
	c->gpr[GPR_RSP] = 0x1000;
	cpu_raise(c, CHECK_DE_DIVIDE, 0);
	ck_assert_int_eq(ring0_deliver(c), EXIT_NONE);
	cpu_raise(c, CHECK_UD_OPCODE, 0);
	ck_assert_int_eq(ring0_deliver(c), EXIT_NONE);
	expect(r, "info traps", "0 #DE           f000:fff0 CPL0 real DE_DIVIDE");
	expect(r, "info traps", "6 #UD           0000:0000 CPL0 real UD_OPCODE");
	expect(r, "info history", "exception   0 #DE f000:fff0 CPL0 real -> 0000:0000 CPL0 real trap #1");
	ck_assert_ptr_null(strstr(say(r, "info traps vec=6"), "#DE"));
	ck_assert_ptr_null(strstr(say(r, "info traps 1"), "#DE"));
	ck_assert_ptr_null(strstr(say(r, "info traps ring=3"), "#UD"));
	ck_assert_ptr_null(strstr(say(r, "info history kind=iret"), "#UD"));
	expect(r, "info history kind=exception", "#UD");
	expect(r, "info traps addr=0xfffffff0", "#DE");
	ck_assert_ptr_null(strstr(say(r, "info traps addr=0x1000..0x2000"), "#DE"));
	ck_assert_ptr_null(strstr(say(r, "info traps cr3=0x1000"), "#DE"));
	expect(r, "info traps vec=x", "not a number");
	expect(r, "info traps foo=1", "'foo=1' is not");
	rig_free(r);
}
END_TEST

static uint64_t one_more(struct vcpu *c)
{
	uint64_t before = c->history->nrecs;

	cpu_raise(c, CHECK_UD_OPCODE, 0);
	ck_assert_int_eq(ring0_deliver(c), EXIT_NONE);
	return c->history->nrecs - before;
}

START_TEST(switched)
{
	struct rig *r = rig_new();
	struct vcpu *c = machine_cpu(r->loop.m);
	char path[] = "/tmp/dg_mon_XXXXXX", cmd[64];
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	c->gpr[GPR_RSP] = 0x1000;
	ck_assert_uint_eq(one_more(c), 1);
	ck_assert_str_eq(say(r, "trap-log off"), "");
	ck_assert_uint_eq(one_more(c), 0);
	expect(r, "info traps", "1 exceptions so far");
	ck_assert_str_eq(say(r, "trap-log count"), "");
	ck_assert(c->mode & MODE_ICOUNT);
	ck_assert_uint_eq(one_more(c), 1);
	ck_assert_str_eq(say(r, "trap-log plain"), "");
	ck_assert(!(c->mode & MODE_ICOUNT));
	expect(r, "trap-log", "needs");
	expect(r, "trace", "needs");
	expect(r, "trace off", "no timeline");
	expect(r, "trace nonsense", "'nonsense' is not");
	expect(r, "trace file=/nowhere/at/all", "/nowhere/at/all");
	snprintf(cmd, sizeof(cmd), "trace file=%s", path);
	ck_assert_str_eq(say(r, cmd), "");
	ck_assert(c->mode & MODE_ICOUNT);
	expect(r, cmd, "is being written");
	ck_assert_uint_eq(one_more(c), 1);
	ck_assert_str_eq(say(r, "trace off"), "");
	ck_assert(!(c->mode & MODE_ICOUNT));
	ck_assert_int_gt(lseek(fd, 0, SEEK_END), 100);
	ck_assert_uint_eq(one_more(c), 1);
	close(fd);
	unlink(path);
	rig_free(r);
}
END_TEST

START_TEST(media)
{
	struct rig *r = rig_new();
	struct blk *b = r->cfg.ide[2];
	char name[] = "/tmp/dg_mon_cd_XXXXXX", line[64];
	int fd = mkstemp(name);

	ck_assert_int_eq(ftruncate(fd, 4096), 0);
	close(fd);
	expect(r, "info block", "ide1-cd0: [not inserted]");
	snprintf(line, sizeof(line), "change ide1-cd0 %s", name);
	ck_assert_str_eq(say(r, line), "");
	expect(r, "info block", name);
	ck_assert(b->present && b->changed && b->size == 4096);
	expect(r, "change ide1-cd0 /nonexistent", "/nonexistent");
	expect(r, "info block", name); /* a wrong name leaves the medium in */
	expect(r, "change nosuch x", "no drive 'nosuch'");
	expect(r, "change ide1-cd0", "needs a drive and a file");
	expect(r, "change ide1-cd0 x qcow3", "'qcow3'");
	b->locked = true;
	expect(r, "eject ide1-cd0", "locked by the guest");
	ck_assert(b->want_eject && b->present);
	expect(r, "info block", "locked, tray closed");
	ck_assert_str_eq(say(r, "eject -f ide1-cd0"), "");
	ck_assert(!b->present && !b->size);
	expect(r, "commit ide1-cd0", "nothing to commit");
	ck_assert_str_eq(say(r, "commit all"), "");
	expect(r, "info chardev", "");
	unlink(name);
	rig_free(r);
}
END_TEST

struct tap {
	struct chr chr;
	char text[4096];
	unsigned n, writes;
};

static void tap_write(struct chr *c, const uint8_t *buf, unsigned len)
{
	struct tap *t = container_of(c, struct tap, chr);

	ck_assert_uint_lt(t->n + len, sizeof(t->text));
	memcpy(t->text + t->n, buf, len);
	t->n += len;
	t->writes++;
}

START_TEST(prompt)
{
	struct rig *r = rig_new();
	struct tap *t = calloc(1, sizeof(*t));
	struct monitor *m;
	char keys[] = "p 1+X\x7f" "1\rp 7\r\x1b[A\x1b[A\r\x1b[A\x1b[B\rp 3\x15p 9\r";

	t->chr.write = tap_write;
	m = monitor_new(&r->loop, &t->chr, true);
	ck_assert_ptr_nonnull(strstr(t->text, "(dragoman) "));
	t->chr.receive(t->chr.dev, (const uint8_t *)keys, (unsigned)strlen(keys));
	ck_assert_ptr_nonnull(strstr(t->text, "\n0x2\r\n(dragoman) p 7\r\n0x7\r\n"));
	/* up twice: the first line again; up and down: an empty line, no answer */
	ck_assert_ptr_nonnull(strstr(strstr(t->text, "\n0x7\r\n"), "p 1+1\r\n0x2\r\n"));
	ck_assert_ptr_nonnull(strstr(t->text, "\n0x9\r\n"));
	ck_assert_ptr_null(strstr(t->text, "\n0x3\r\n"));
	monitor_free(m);
	free(t);
	rig_free(r);
}
END_TEST

/* What a command says goes out in pieces as large as can be: a socket has room for few small ones, and who reads late would lose the rest. */
START_TEST(large_writes)
{
	struct rig *r = rig_new();
	struct tap *t = calloc(1, sizeof(*t));
	struct monitor *m;
	unsigned before;

	t->chr.write = tap_write;
	m = monitor_new(&r->loop, &t->chr, false);
	before = t->writes;
	t->chr.receive(t->chr.dev, (const uint8_t *)"info registers\n", 15);
	ck_assert_ptr_nonnull(strstr(t->text, "\r\n"));
	ck_assert_uint_gt(t->n, 1000);
	ck_assert_uint_lt(t->writes - before, 40);
	monitor_free(m);
	free(t);
	rig_free(r);
}
END_TEST

static const struct {
	const char *keys, *shows;
} edits[] = {
	{"p 14\x1b[D1\r", "\r\n0x72\r\n"},	  /* 114, typed around the cursor */
	{"7\x01p 1\x1b[C\x7f" "2\r", "\r\n0xc\r\n"}, /* Ctrl-A, Home and right */
	{"p 123\x1b[H\x1b[C\x1b[C\x1b[3~\r", "\r\n0x17\r\n"},
	{"p 12 34\x17\x17" "56\r", "\r\n0x38\r\n"},
	{"p 1234\x1b[D\x1b[D\x0b\r", "\r\n0xc\r\n"},
	{"p 99\x03p 3\r", "\r\n0x3\r\n"},
	{"p 5\r\x10\r", "p 5\r\n0x5\r\n(dragoman) p 5\r\n0x5\r\n"},
	{"info vers\t\r", "Dragoman 0."},
	{"system_p\t\x15p 8\r", "system_powerdown "},
	{"s\t\t\x15p 8\r", "sendkey  "},
	{"eject i\t\x15p 8\r", "eject ide1-cd0 "},
	{"zz\t\x15p 8\r", "\r\n0x8\r\n"},
	{"\x1b[999999999999A\x1bOA\x1b[Z\tp 8\r", "\r\n0x8\r\n"},
};

START_TEST(line_editor)
{
	struct rig *r = rig_new();
	struct tap *t = calloc(1, sizeof(*t));
	struct monitor *m;

	t->chr.write = tap_write;
	m = monitor_new(&r->loop, &t->chr, true);
	t->chr.receive(t->chr.dev, (const uint8_t *)edits[_i].keys, (unsigned)strlen(edits[_i].keys));
	ck_assert_msg(strstr(t->text, edits[_i].shows) != NULL, "%d: %s", _i, t->text);
	monitor_free(m);
	free(t);
	rig_free(r);
}
END_TEST

/* Any bytes at all; for ASan and for the limits of the line. */
START_TEST(line_noise)
{
	struct rig *r = rig_new();
	struct tap *t = calloc(1, sizeof(*t));
	struct monitor *m;
	uint32_t x = 1;

	t->chr.write = NULL;
	m = monitor_new(&r->loop, &t->chr, false);
	for (unsigned i = 0; i < 60000; i++) {
		uint8_t b = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);

		/* no Enter: a random command might do something */
		if (b != '\r' && b != '\n')
			t->chr.receive(t->chr.dev, &b, 1);
	}
	monitor_free(m);
	free(t);
	rig_free(r);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("monitor");
	TCase *t = tcase_create("monitor");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, memory);
	tcase_add_test(t, expressions);
	tcase_add_test(t, of_scripts);
	tcase_add_test(t, control);
	tcase_add_test(t, topics);
	tcase_add_test(t, trap_log);
	tcase_add_test(t, switched);
	tcase_add_test(t, prompt);
	tcase_add_test(t, large_writes);
	tcase_add_test(t, media);
	tcase_add_loop_test(t, line_editor, 0, (int)ARRAY_SIZE(edits));
	tcase_add_test(t, line_noise);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
