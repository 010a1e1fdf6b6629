/*
 * test_gdb.c - the gdb stub's packets: framing, registers of both descriptions, memory, breakpoints that stop the machine,
 * and nonsense of all kinds. What gdb itself makes of it is tests/boot/gdb.sh.
 */
#define _GNU_SOURCE
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cpu/vcpu.h"
#include "frontend/gdb.h"

struct rig {
	struct loop loop;
	struct machine_config cfg;
	struct chr chr;
	struct gdb *g;
	char out[65536];
	unsigned n;
};

static void tap(struct chr *c, const uint8_t *buf, unsigned len)
{
	struct rig *r = container_of(c, struct rig, chr);

	if (r->n + len >= sizeof(r->out))
		r->n = 0;
	memcpy(r->out + r->n, buf, len);
	r->n += len;
	r->out[r->n] = 0;
}

static struct rig *rig_new(enum gdb_arch arch)
{
	/* mov ax,1234h; nop; l: inc word [500h]; jmp l */
	static const uint8_t code[] = {0xB8, 0x34, 0x12, 0x90, 0xFF, 0x06, 0x00, 0x05, 0xEB, 0xFA};
	static const uint8_t vector[] = {0xEA, 0, 0, 0, 0xF0};
	struct rig *r = calloc(1, sizeof(*r));
	uint8_t *rom = calloc(1, 65536);
	char path[] = "/tmp/dg_gdb_XXXXXX";
	struct err e;
	int fd = mkstemp(path);

	memcpy(rom, code, sizeof(code));
	memcpy(rom + 0xFFF0, vector, sizeof(vector));
	ck_assert_int_eq(write(fd, rom, 65536), 65536);
	close(fd);
	free(rom);
	r->cfg = (struct machine_config){.cpu_model = "max", .ram_size = 4 << 20, .bios = path};
	ck_assert_msg(!loop_init(&r->loop, &e), "%s", e.msg);
	ck_assert_msg(!machine_create(&r->loop.m, &r->cfg, NULL, &e), "%s", e.msg);
	unlink(path);
	loop_attach(&r->loop, r->loop.m);
	r->chr.write = tap;
	r->g = gdb_new(&r->loop, &r->chr, arch);
	r->chr.receive(r->chr.dev, NULL, 0);
	return r;
}

static void rig_free(struct rig *r)
{
	struct machine *m = r->loop.m;

	gdb_free(r->g);
	loop_fini(&r->loop);
	machine_destroy(m);
	free(r);
}

static void bytes(struct rig *r, const char *p, size_t n)
{
	r->chr.receive(r->chr.dev, (const uint8_t *)p, (unsigned)n);
}

/* Send @body as a packet; the answer's body, without acknowledgement and frame. */
static const char *ask(struct rig *r, const char *body)
{
	char *end;
	unsigned sum = 0;
	char tail[8];

	for (const char *p = body; *p; p++)
		sum += (uint8_t)*p;
	snprintf(tail, sizeof(tail), "#%02x", sum & 0xFF);
	r->n = 0;
	r->out[0] = 0;
	bytes(r, "$", 1);
	bytes(r, body, strlen(body));
	bytes(r, tail, 3);
	if (r->out[0] != '+' || r->out[1] != '$')
		return r->out;
	end = strchr(r->out, '#');
	ck_assert_ptr_nonnull(end);
	*end = 0;
	return r->out + 2;
}

/* Let the machine run until it is stopped. */
static void run(struct rig *r)
{
	for (unsigned i = 0; i < 1000 && !r->loop.paused; i++) {
		enum machine_stop why = machine_run(r->loop.m);

		if (why == MACHINE_DEBUG)
			loop_pause(&r->loop, true);
	}
	ck_assert(r->loop.paused);
}

START_TEST(framing)
{
	struct rig *r = rig_new(GDB_AUTO);

	ck_assert(r->loop.paused); /* by connecting */
	ck_assert_str_eq(ask(r, "?"), "T05thread:1;");
	ck_assert_str_eq(ask(r, "nosuch"), "");
	r->n = 0;
	bytes(r, "$?#00", 5); /* wrong sum */
	ck_assert_str_eq(r->out, "-");
	ask(r, "?");
	r->n = 0;
	bytes(r, "-", 1); /* once more */
	ck_assert_str_eq(r->out, "$T05thread:1;#d7");
	ck_assert_str_eq(ask(r, "QStartNoAckMode"), "OK");
	r->n = 0;
	bytes(r, "$?#00", 5);
	ck_assert_str_eq(r->out, "$T05thread:1;#d7");
	rig_free(r);
}
END_TEST

START_TEST(registers)
{
	struct rig *r = rig_new(GDB_AUTO);
	struct vcpu *c = machine_cpu(r->loop.m);
	char all[8192];

	ck_assert_str_eq(ask(r, "p10"), "f0ffffff00000000"); /* rip: linear */
	ck_assert_str_eq(ask(r, "P3=8877665544332211"), "OK"); /* rdx */
	ck_assert_uint_eq(c->gpr[GPR_RDX], 0x1122334455667788);
	ck_assert_str_eq(ask(r, "P10=00000f0000000000"), "OK");
	ck_assert_uint_eq(c->rip, 0x0F0000u - 0xFFFF0000u);
	ck_assert_str_eq(ask(r, "P12=00200000"), "OK"); /* cs in real mode: base 16 times that */
	ck_assert_uint_eq(c->seg[SEG_CS].base, 0x20000);
	ck_assert_str_eq(ask(r, "p1000"), "E01");
	ck_assert_str_eq(ask(r, "P3=12"), "E01");
	ck_assert_str_eq(ask(r, "P3"), "E01");
	snprintf(all, sizeof(all), "G%s", ask(r, "g"));
	ck_assert_uint_gt(strlen(all), 2 * (17 * 8 + 7 * 4 + 80 + 32 + 256));
	c->gpr[GPR_RDX] = 0;
	ck_assert_str_eq(ask(r, all), "OK");
	ck_assert_uint_eq(c->gpr[GPR_RDX], 0x1122334455667788);
	rig_free(r);
	r = rig_new(GDB_I386);
	ck_assert_str_eq(ask(r, "p8"), "f0ffffff");
	ck_assert_ptr_nonnull(strstr(ask(r, "qXfer:features:read:target.xml:0,100"), "<architecture>i386</architecture>"));
	ck_assert_str_eq(ask(r, "qXfer:features:read:target.xml:ffffff,100"), "l");
	rig_free(r);
}
END_TEST

START_TEST(memory)
{
	struct rig *r = rig_new(GDB_AUTO);

	ck_assert_str_eq(ask(r, "M500,4:01020304"), "OK");
	ck_assert_str_eq(ask(r, "m500,4"), "01020304");
	ck_assert_str_eq(ask(r, "X501,2:}]a"), "OK"); /* 7Dh 5Dh is 7Dh */
	ck_assert_str_eq(ask(r, "m500,4"), "017d6104");
	ck_assert_str_eq(ask(r, "mf0000,3"), "b83412");
	ck_assert_str_eq(ask(r, "m10000000,1"), "E0e"); /* nothing there */
	ck_assert_str_eq(ask(r, "M10000000,1:00"), "E0e");
	ck_assert_str_eq(ask(r, "M500,4:01"), "E01");
	ck_assert_str_eq(ask(r, "M500,ffffffffffff:01"), "E01");
	ck_assert_str_eq(ask(r, "m500"), "E01");
	ck_assert_uint_gt(strlen(ask(r, "m0,ffffffffffffffff")), 8000);
	ck_assert_str_eq(ask(r, "m3ffffe,10"), "0000"); /* up to the end of RAM */
	rig_free(r);
}
END_TEST

START_TEST(stops)
{
	struct rig *r = rig_new(GDB_AUTO);
	struct vcpu *c = machine_cpu(r->loop.m);

	ck_assert_str_eq(ask(r, "Z0,f0003,1"), "OK");
	ck_assert_str_eq(ask(r, "c"), "+");
	run(r);
	ck_assert_uint_eq(c->rip, 3);
	ck_assert_uint_eq(c->gpr[GPR_RAX] & 0xFFFF, 0x1234);
	ck_assert_ptr_nonnull(strstr(r->out, "$T05thread:1;"));
	ck_assert_str_eq(ask(r, "z0,f0003,1"), "OK");
	ask(r, "vCont;s:1");
	run(r);
	ck_assert_uint_eq(c->rip, 4);
	ck_assert_str_eq(ask(r, "Z2,500,2"), "OK");
	for (unsigned i = 1; i <= 3; i++) {
		ask(r, "vCont;c");
		run(r);
		ck_assert_uint_eq(c->rip, 8); /* right behind the access */
		ck_assert_uint_eq(space_read(machine_memory(r->loop.m), 0x500, 2), i);
		ck_assert_ptr_nonnull(strstr(r->out, "$T05watch:500;thread:1;"));
	}
	ck_assert_str_eq(ask(r, "z2,500,2"), "OK");
	/* a breakpoint inside a loop that has been translated and linked */
	ask(r, "c");
	machine_kick(r->loop.m);
	ck_assert_int_eq(machine_run(r->loop.m), MACHINE_KICKED);
	bytes(r, "\3", 1);
	ck_assert(r->loop.paused);
	ck_assert_str_eq(ask(r, "Z1,f0008,1"), "OK");
	ask(r, "c");
	run(r);
	ck_assert_uint_eq(c->rip, 8);
	for (unsigned i = 0; i < 70; i++) {
		char text[32];

		snprintf(text, sizeof(text), "Z0,%x,1", 0x1000 + i);
		ck_assert_str_eq(ask(r, text), i < JIT_MAX_BREAKS - 1 ? "OK" : "E1c");
	}
	ck_assert_str_eq(ask(r, "Z9,0,1"), "");
	ck_assert_str_eq(ask(r, "Z2,0,0"), "E1c");
	ck_assert_str_eq(ask(r, "D"), "OK");
	ck_assert(!r->loop.paused);
	rig_free(r);
}
END_TEST

/* Anything may come down the line. */
START_TEST(nonsense)
{
	static const char *const words[] = {"m", "M", "X", "Z0,", "z4,", "qXfer:features:read:target.xml:", "G", "P", "p",
		"c", "vCont;", "qRcmd,", ",", ":", "}", "ffffffffffffffff", "0", "#", "$", "q"};
	struct rig *r = rig_new(GDB_AUTO);
	uint64_t x = 88172645463325252ull;
	char *big = malloc(200000);

	memset(big, 'a', 200000);
	bytes(r, "$m", 2);
	for (unsigned i = 0; i < 200000; i += 4000)
		bytes(r, big + i, 4000);
	free(big);
	ck_assert_str_eq(ask(r, "?"), "T05thread:1;");
	for (unsigned i = 0; i < 20000; i++) {
		char text[128] = "";

		for (unsigned k = 0; k < 4; k++) {
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			strcat(text, words[x % ARRAY_SIZE(words)]);
		}
		if (!strchr(text, '$') && !strchr(text, '#'))
			ask(r, text);
		else
			bytes(r, text, strlen(text));
		loop_pause(&r->loop, true);
	}
	rig_free(r);
}
END_TEST

START_TEST(specification)
{
	enum gdb_arch arch;
	char s[64];
	struct err e;

	ck_assert_int_eq(gdb_spec("tcp::1234", s, sizeof(s), &arch, &e), VM_OK);
	ck_assert_str_eq(s, "tcp:127.0.0.1:1234,server=on,wait=off");
	ck_assert_int_eq(arch, GDB_AUTO);
	ck_assert_int_eq(gdb_spec("unix:x,server=on,arch=i386,wait=off", s, sizeof(s), &arch, &e), VM_OK);
	ck_assert_str_eq(s, "unix:x,server=on,wait=off");
	ck_assert_int_eq(arch, GDB_I386);
	ck_assert_int_eq(gdb_spec("stdio,arch=i8086", s, sizeof(s), &arch, &e), VM_OK);
	ck_assert_str_eq(s, "stdio");
	ck_assert_int_eq(arch, GDB_I8086);
	ck_assert_int_eq(gdb_spec("unix:0123456789012345678901234567890123456789012345678901234567890123456789", s,
				 sizeof(s), &arch, &e), VM_ERR_USAGE);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("gdb");
	TCase *t = tcase_create("gdb");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, framing);
	tcase_add_test(t, registers);
	tcase_add_test(t, memory);
	tcase_add_test(t, stops);
	tcase_add_test(t, nonsense);
	tcase_add_test(t, specification);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
