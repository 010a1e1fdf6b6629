/*
 * test_fuzz_code.c - random bytes as ring-0 code, in real, protected and 64-bit mode, by both engines: whatever the guest
 * does, the host process survives (BUG_ON and the sanitizers are the judges).
 *
 * Arguments: programs (default 1,500; 200,000 with DRAGOMAN_LONG), seed. A program that runs on is stopped after 2 ms.
 */
#include "tests/unit/ring0_fix.h"
#include "jit/jit.h"
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>

static unsigned long programs = 1500;
static uint64_t seed = 0x9E3779B97F4A7C15ull;
static struct vcpu *volatile running;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed * 0x2545F4914F6CDD1Dull;
}

static void on_alarm(int sig)
{
	if (running)
		vcpu_kick(running);
}

static void scatter(struct fix *f)
{
	struct vcpu *c = f->cpu;

	for (unsigned i = 0; i < 0x200; i++)
		fix_wr(f, 0x6000 + i, rnd(), 1);
	for (unsigned i = 0; i < 16; i++)
		c->gpr[i] = rnd() & 1 ? rnd() : rnd() & 0xFFFFF;
	c->eflags = (rnd() & 0x247FD5 & ~(uint64_t)FL_TF) | FL_1;
	if (rnd() & 1) {
		c->cr4 |= CR4_OSFXSR | CR4_OSXMMEXCPT;
		c->fpu.mxcsr = 0x1F80;
	}
}

static void enter_mode(struct fix *f)
{
	struct vcpu *c = f->cpu;
	unsigned mode = rnd() % 3;

	if (mode == 0) {
		h_jmp_far(c, 0, 0x6000, 2 | 5 << 8);
		return;
	}
	c->gdtr.base = GDT;
	c->gdtr.limit = GDT_END - 1;
	c->idtr.base = IDT;
	c->idtr.limit = 0x7FF;
	c->cr0 |= CR0_PE;
	if (mode == 2) {
		fix_wr(f, PML4, (PML4 + 0x1000) | 7, 8);
		fix_wr(f, PML4 + 0x1000, (PML4 + 0x2000) | 7, 8);
		for (unsigned i = 0; i < 2; i++)
			fix_wr(f, PML4 + 0x2000 + i * 8, (uint64_t)i << 21 | 0x87, 8);
		c->cr3 = PML4;
		c->cr4 |= BIT(5);
		c->efer |= EFER_LME | EFER_LMA;
		c->cr0 |= CR0_PG;
	}
	vcpu_update(c);
	h_jmp_far(c, mode == 2 ? S_KCODE64 : S_KCODE, 0x6000, 4 | 7 << 8);
}

static void one_engine(enum jit_accel accel)
{
	const struct itimerval on = {.it_value = {0, 2000}}, off = {{0}};
	struct jit_options opt = {.accel = accel, .cache_bytes = 1 << 20};
	struct fix *f = fix_new("max");
	struct err e;
	struct jit *j;

	ck_assert_int_eq(jit_new(&j, f->cpu, &opt, &e), VM_OK);
	signal(SIGALRM, on_alarm);
	running = f->cpu;
	for (unsigned long i = 0; i < programs; i++) {
		vcpu_reset(f->cpu, false);
		fix_tables(f);
		enter_mode(f);
		scatter(f);
		ram_written(&f->ram, f->reg.ra, RAM_SIZE);
		vcpu_update(f->cpu);
		vcpu_update_req(f->cpu);
		f->cpu->event.pending = false;
		setitimer(ITIMER_REAL, &on, NULL);
		jit_run(j);
		setitimer(ITIMER_REAL, &off, NULL);
		__atomic_fetch_and(&f->cpu->req, ~(uint32_t)REQ_KICK, __ATOMIC_RELAXED);
	}
	running = NULL;
	jit_free(j);
	fix_free(f);
}

START_TEST(random_code)
{
	one_engine(_i ? ACCEL_JIT : ACCEL_INTERP);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *s = suite_create("fuzz_code");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int bad;

	if (getenv("DRAGOMAN_LONG"))
		programs = 200000;
	if (argc > 1)
		programs = strtoul(argv[1], NULL, 0);
	if (argc > 2)
		seed = strtoull(argv[2], NULL, 0);
	tcase_set_timeout(t, 3000);
	tcase_add_loop_test(t, random_code, 0, 2);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
