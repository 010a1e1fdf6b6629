/*
 * test_reboot.c - the embedding API: resets and halts of a tiny firmware, many times in one process. Run under ASan
 * it is also the leak test of machine_create() and machine_destroy().
 */
#include "frontend/machine/machine.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROM_SIZE 65536
#define COUNTER 0x500

static struct machine *open_machine(const uint8_t *code, size_t len, enum jit_accel accel, bool vga)
{
	/* jmp far F000:0000 */
	static const uint8_t vector[] = {0xEA, 0x00, 0x00, 0x00, 0xF0};
	struct machine_config cfg = {.cpu_model = "max", .ram_size = 2 << 20, .jit.accel = accel, .vga = vga,
		.debug_exit = true, .debug_exit_iobase = 0x501, .debug_exit_iosize = 1, .isolated_time = true,
		.data_dir = {"/usr/share/seabios", "/usr/share/qemu"}};
	char path[] = "/tmp/dragoman-rom-XXXXXX";
	struct machine *m;
	struct err e = {0};
	uint8_t *rom = malloc(ROM_SIZE);
	int fd = mkstemp(path);
	enum vm_err r;

	ck_assert_ptr_nonnull(rom);
	ck_assert_int_ge(fd, 0);
	memset(rom, 0xF4, ROM_SIZE);
	memcpy(rom, code, len);
	memcpy(rom + 0xFFF0, vector, sizeof(vector));
	ck_assert_int_eq(write(fd, rom, ROM_SIZE), ROM_SIZE);
	close(fd);
	free(rom);
	cfg.bios = path;
	r = machine_create(&m, &cfg, NULL, &e);
	unlink(path);
	ck_assert_msg(r == VM_OK, "%s", e.msg);
	return m;
}

/* inc dword [500h]; reset by port 92h; hlt */
static const uint8_t reset_code[] = {
	0x31, 0xC0, 0x8E, 0xD8,			  /* xor ax,ax; mov ds,ax */
	0x66, 0xFF, 0x06, 0x00, 0x05,		  /* inc dword [500h] */
	0x30, 0xC0, 0xE6, 0x92, 0xB0, 0x01, 0xE6, 0x92, /* al=0; out 92h; al=1; out 92h */
	0xF4, 0xEB, 0xFD,			  /* hlt; jmp $-1 */
};

static void thousand_resets(enum jit_accel accel)
{
	struct machine *m = open_machine(reset_code, sizeof(reset_code), accel, false);

	for (unsigned i = 1; i <= 1000; i++) {
		enum machine_stop why;
		unsigned n = 0;

		while ((why = machine_run(m)) == MACHINE_KICKED)
			ck_assert_uint_lt(n++, 100);
		ck_assert_int_eq(why, MACHINE_RESET);
		/* RAM survives a reset */
		ck_assert_uint_eq(space_read(machine_memory(m), COUNTER, 4), i);
		machine_reset(m);
	}
	machine_destroy(m);
}

START_TEST(test_resets_jit)
{
	thousand_resets(ACCEL_JIT);
}
END_TEST

START_TEST(test_resets_interp)
{
	thousand_resets(ACCEL_INTERP);
}
END_TEST

START_TEST(test_create_destroy)
{
	for (unsigned i = 0; i < 20; i++) {
		struct machine *m = open_machine(reset_code, sizeof(reset_code), ACCEL_JIT, true);

		ck_assert_int_eq(machine_run(m), MACHINE_RESET);
		machine_destroy(m);
	}
}
END_TEST

/* lidt of an empty table; ud2 */
START_TEST(test_triple_fault)
{
	static const uint8_t code[] = {0x2E, 0x66, 0x0F, 0x01, 0x1E, 0x10, 0x00, 0x0F, 0x0B};
	uint8_t rom[0x20] = {0};
	struct machine *m;

	memcpy(rom, code, sizeof(code));
	m = open_machine(rom, sizeof(rom), ACCEL_JIT, false);
	for (unsigned i = 0; i < 100; i++) {
		ck_assert_int_eq(machine_run(m), MACHINE_TRIPLE);
		machine_reset(m);
	}
	machine_destroy(m);
}
END_TEST

/*
 * Time that passes while the guest runs: the source below moves on at each look, so that the timer of the PIT comes
 * due between the guest's HLT and machine_run()'s end. The machine must then not report that it sleeps: the next
 * deadline may be hours away.
 */
static uint64_t moving_source(void *opaque)
{
	uint64_t *now = opaque;

	return *now += 1000 + *now % 30011;
}

/* PIC base 20h, only IRQ 0 open; PIT one-shot of 20 counts (17 us); handler counts; sti; hlt; again */
static const uint8_t halt_code[] = {
	0x31, 0xC0, 0x8E, 0xD8, 0x8E, 0xD0, 0xBC, 0x00, 0x70,	/* ds, ss = 0; sp = 7000h */
	0xC7, 0x06, 0x80, 0x00, 0x60, 0x00,			/* mov word [80h],60h */
	0xC7, 0x06, 0x82, 0x00, 0x00, 0xF0,			/* mov word [82h],F000h */
	0xB0, 0x11, 0xE6, 0x20, 0xB0, 0x20, 0xE6, 0x21,		/* ICW1; ICW2 = 20h */
	0xB0, 0x04, 0xE6, 0x21, 0xB0, 0x01, 0xE6, 0x21,		/* ICW3, ICW4 */
	0xB0, 0xFE, 0xE6, 0x21,					/* mask all but IRQ 0 */
	0xB0, 0x30, 0xE6, 0x43, 0xB0, 0x14, 0xE6, 0x40, 0x30, 0xC0, 0xE6, 0x40, /* mode 0, count 20 */
	0xFB, 0xF4, 0xEB, 0xF0,					/* sti; hlt; jmp to the PIT */
};
static const uint8_t halt_handler[] = {
	0x66, 0xFF, 0x06, 0x00, 0x05, 0xB0, 0x20, 0xE6, 0x20, 0xCF, /* inc [500h]; EOI; iret */
};

START_TEST(test_timer_during_halt)
{
	uint8_t rom[0x80] = {0};
	struct machine *m;
	struct clock *c;
	uint64_t now = 0;
	unsigned halts = 0, kicks = 0;

	memcpy(rom, halt_code, sizeof(halt_code));
	memcpy(rom + 0x60, halt_handler, sizeof(halt_handler));
	m = open_machine(rom, sizeof(rom), ACCEL_JIT, false);
	c = machine_clock(m);
	c->source = moving_source;
	c->opaque = &now;
	for (unsigned i = 0; i < 2000; i++) {
		enum machine_stop why = machine_run(m);

		if (why == MACHINE_HALTED) {
			uint64_t wait = clock_deadline(c);

			halts++;
			/* what a frontend does: sleep to the deadline, which must be the PIT's */
			ck_assert_msg(wait <= now + 100000, "asleep for %llu ns after %u halts, %u kicks",
				(unsigned long long)(wait - now), halts, kicks);
			if (wait > now)
				now = wait;
		} else {
			ck_assert_int_eq(why, MACHINE_KICKED);
			kicks++;
		}
	}
	ck_assert_uint_gt(space_read(machine_memory(m), COUNTER, 4), 500);
	ck_assert_uint_gt(kicks, 10);
	machine_destroy(m);
}
END_TEST

/* IA32_APIC_BASE, as firmware and memory testers read it: enabled, bootstrap processor, FEE00000h. */
START_TEST(test_apic_base)
{
	static const uint8_t code[] = {
		0x31, 0xC0, 0x8E, 0xD8,			/* ds = 0 */
		0x66, 0xB9, 0x1B, 0, 0, 0, 0x0F, 0x32,	/* ecx = 1Bh; rdmsr */
		0x66, 0xA3, 0x00, 0x05, 0xF4,		/* mov [500h],eax; hlt */
	};
	struct machine *m = open_machine(code, sizeof(code), ACCEL_JIT, false);

	ck_assert_int_eq(machine_run(m), MACHINE_HALTED);
	ck_assert_uint_eq(space_read(machine_memory(m), COUNTER, 4), 0xFEE00900);
	machine_destroy(m);
}
END_TEST

/* A kick before machine_run() is not lost: the run returns although the guest never halts. */
START_TEST(test_kick_before_run)
{
	static const uint8_t code[] = {0xEB, 0xFE};
	struct machine *m = open_machine(code, sizeof(code), ACCEL_JIT, false);

	for (unsigned i = 0; i < 10; i++) {
		machine_kick(m);
		ck_assert_int_eq(machine_run(m), MACHINE_KICKED);
	}
	machine_destroy(m);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("reboot");
	TCase *c = tcase_create("reboot");
	SRunner *r;
	int failed;

	tcase_set_timeout(c, 120);
	tcase_add_test(c, test_resets_jit);
	tcase_add_test(c, test_resets_interp);
	tcase_add_test(c, test_create_destroy);
	tcase_add_test(c, test_triple_fault);
	tcase_add_test(c, test_timer_during_halt);
	tcase_add_test(c, test_apic_base);
	tcase_add_test(c, test_kick_before_run);
	suite_add_tcase(s, c);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
