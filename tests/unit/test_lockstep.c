/*
 * test_lockstep.c - what lockstep must not take for a divergence.
 */
#include "tests/unit/ring0_fix.h"
#include "jit/jit.h"

#define CODE 0x100000u
#define PORT 0x300u

struct kicker {
	struct vcpu *cpu;
	unsigned written;
};

/* A device that asks for the CPU's attention at each byte, as an interrupt line or another thread may. */
static void kick(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct kicker *k = opaque;

	k->written++;
	vcpu_kick(k->cpu);
}

static const struct io_ops kick_ops = {.name = "kicker", .write = kick, .min = 1, .max = 1};

START_TEST(request_during_string)
{
	static const uint8_t code[] = {0xBE, 0x00, 0x00, 0x08, 0x00, 0xB9, 0x10, 0, 0, 0, /* esi = 80000h, ecx = 16 */
		0x66, 0xBA, PORT & 0xFF, PORT >> 8, 0xF3, 0x6E, 0xF4};	       /* dx = PORT; rep outsb; hlt */
	struct jit_options opt = {.accel = ACCEL_LOCKSTEP, .cache_bytes = 1 << 20};
	struct fix *f = fix_prot(0);
	struct kicker k = {f->cpu, 0};
	struct region r;
	enum jit_stop stop;
	struct jit *j;
	struct err e;

	for (unsigned i = 0; i < sizeof(code); i++)
		fix_wr(f, CODE + i, code[i], 1);
	space_add_io(&f->ports, &r, "kicker", PORT, 1, &kick_ops, &k);
	ck_assert_int_eq(jit_new(&j, f->cpu, &opt, &e), VM_OK);
	f->cpu->rip = CODE;
	while ((stop = jit_run(j)) == JIT_STOPPED)
		;
	ck_assert_int_eq(stop, JIT_HALTED);
	ck_assert_uint_eq(k.written, 16);
	ck_assert_uint_eq(f->cpu->gpr[GPR_RCX], 0);
	jit_free(j);
	fix_free(f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("lockstep");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_add_test(t, request_during_string);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
