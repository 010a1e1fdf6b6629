/*
 * event_cost.c - what one entry of the trap log costs: SYSCALL and SYSRET, and a page fault and its IRET, with the log off and on in
 * turns; the least of many runs, ns of this host. With LOG=off or LOG=on in the environment a million pairs of system calls and no
 * clock, for valgrind --tool=callgrind, whose counts then differ by the instructions of the log.
 */
#define _GNU_SOURCE
#include "tests/unit/long_fix.h"
#include "cpu/ring0/history.h"
#include <stdio.h>
#include <time.h>

#define RUNS 400
#define PAIRS 5000

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void calls(struct vcpu *c, unsigned n)
{
	while (n--) {
		h_syscall(c, 2, 0, 0);
		c->insns += 20;
		h_sysret(c, 8, 0, 0);
		c->insns += 20;
	}
}

static void faults(struct vcpu *c, unsigned n)
{
	while (n--) {
		uint64_t v;

		lin_read(c, 0x40000000, 8, MMU_USER, &v);
		c->insn_ra = c->rip; /* as translated code says it: what it takes to find the instruction by itself is not to be measured here */
		ring0_deliver(c);
		c->insns += 20;
		c->gpr[GPR_RSP] += 8; /* the error code */
		h_iret(c, 8, 0, 0);
		c->insns += 20;
	}
}

static void compare(struct vcpu *c, const char *name, void (*work)(struct vcpu *c, unsigned n), unsigned n)
{
	double least[2] = {1e18, 1e18};

	for (unsigned i = 0; i < 2 * RUNS; i++) {
		double begin, took;

		c->history->off = i & 1;
		begin = now();
		work(c, n);
		took = (now() - begin) / n;
		if (took < least[i & 1])
			least[i & 1] = took;
	}
	printf("%-20s %7.1f ns without the log, %7.1f ns with it: %.1f ns\n", name, least[1], least[0], least[0] - least[1]);
}

START_TEST(cost)
{
	struct fix *f = fix_long("max", 3);
	struct vcpu *c = f->cpu;
	const char *log = getenv("LOG");

	c->msr.star = (uint64_t)(S_UCODE & ~3) << 48 | (uint64_t)S_KCODE64 << 32;
	c->msr.lstar = KCODE_AT;
	c->gpr[GPR_RAX] = 110;
	c->gpr[11] = 0x202;
	c->mode |= MODE_ICOUNT;
	vcpu_update(c);
	if (log) {
		c->history->off = !strcmp(log, "off");
		calls(c, 1000000);
	} else {
		compare(c, "#PF and IRET", faults, PAIRS / 4);
		ck_assert_uint_eq(c->cpl, 3);
		compare(c, "SYSCALL and SYSRET", calls, PAIRS);
	}
	printf("%llu entries, %llu exceptions\n", (unsigned long long)c->history->nrecs, (unsigned long long)c->history->ntraps);
	ck_assert_uint_eq(c->cpl, 3);
	fix_free(f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("event cost");
	TCase *t = tcase_create("event cost");
	SRunner *r;
	int failed;

	tcase_add_test(t, cost);
	tcase_set_timeout(t, 300);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_set_fork_status(r, CK_NOFORK);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
