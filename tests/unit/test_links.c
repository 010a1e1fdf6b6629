/*
 * test_links.c - ways from block to block without the jump cache: direct exits to other pages, and predicted returns. They must lead
 * where the guest goes, whatever page tables, code and stack become meanwhile.
 */
#include "tests/unit/ring0_fix.h"
#include "jit/priv.h"
#include <pthread.h>
#include <time.h>

#define CODE 0x100000u
#define PD_AT 0x20000u
#define PT_AT 0x21000u
#define SHARED 0x180000u /* RAM pages: one that two linear pages show, and what lies behind each of them */
#define BEHIND_1 0x182000u
#define BEHIND_2 0x183000u
#define LIN_1 0x1A0000u
#define LIN_2 0x1C0000u
#define STOPS 400

struct run {
	struct fix *f;
	struct jit *j;
};

static struct run start(enum jit_accel accel, uint32_t opts_off)
{
	struct jit_options opt = {.accel = accel, .cache_bytes = 1 << 20, .opts_off = opts_off};
	struct run r = {.f = fix_prot(0)};
	struct err e;

	ck_assert_int_eq(jit_new(&r.j, r.f->cpu, &opt, &e), VM_OK);
	return r;
}

static void stop(struct run *r)
{
	jit_free(r->j);
	fix_free(r->f);
}

static unsigned put(struct run *r, unsigned at, const char *bytes, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		fix_wr(r->f, at + i, (uint8_t)bytes[i], 1);
	return at + n;
}

/* An instruction of one byte and a displacement to @to */
static unsigned put_rel(struct run *r, unsigned at, uint8_t op, unsigned to)
{
	fix_wr(r->f, at, op, 1);
	fix_wr(r->f, at + 1, to - (at + 5), 4);
	return at + 5;
}

/* dec ecx; jnz @to; hlt */
static void put_loop(struct run *r, unsigned at, unsigned to)
{
	at = put(r, at, "\x49\x0F\x85", 3);
	fix_wr(r->f, at, to - (at + 4), 4);
	put(r, at + 4, "\xF4", 1);
}

/* EBX after running from CODE with ECX = @n */
static uint32_t result(struct run *r, unsigned n)
{
	struct vcpu *c = r->f->cpu;

	c->halted = false;
	c->rip = CODE;
	c->gpr[GPR_RSP] = KSTACK;
	c->gpr[GPR_RBX] = c->gpr[GPR_RDX] = 0;
	c->gpr[GPR_RCX] = n;
	ck_assert_int_eq(jit_run(r->j), JIT_HALTED);
	ck_assert_uint_eq((uint32_t)c->gpr[GPR_RSP], KSTACK);
	return (uint32_t)c->gpr[GPR_RBX];
}

static const struct {
	enum jit_accel accel;
	uint32_t opts_off;
} ways[] = {{ACCEL_INTERP, 0}, {ACCEL_JIT, 0}, {ACCEL_JIT, JIT_OPT_FAR}, {ACCEL_JIT, JIT_OPT_RET}, {ACCEL_JIT, JIT_OPT_FIND},
	{ACCEL_LOCKSTEP, 0}};

static void paging(struct run *r)
{
	struct vcpu *c = r->f->cpu;

	fix_wr(r->f, PD_AT, PT_AT | 3, 4);
	for (unsigned i = 0; i < 1024; i++)
		fix_wr(r->f, PT_AT + 4 * i, i << 12 | 3, 4);
	ck_assert_int_eq(h_mov_cr_to(c, 3, PD_AT, 0), EXIT_NONE);
	ck_assert_int_eq(h_mov_cr_to(c, 0, c->cr0 | CR0_PG, 0), EXIT_NONE);
}

static void map(struct run *r, unsigned lin, unsigned ra)
{
	fix_wr(r->f, PT_AT + 4 * (lin >> 12), ra | 3, 4);
}

/* One page at two linear addresses: its jump and its call lead to two places each, and the call's callee returns to two. */
START_TEST(two_mappings)
{
	struct run r = start(ways[_i].accel, ways[_i].opts_off);
	unsigned at;

	paging(&r);
	map(&r, LIN_1, SHARED);
	map(&r, LIN_1 + 0x1000, BEHIND_1);
	map(&r, LIN_2, SHARED);
	map(&r, LIN_2 + 0x1000, BEHIND_2);
	at = put_rel(&r, SHARED, 0xE8, SHARED + 0x1100); /* call; inc ebx; jmp */
	at = put(&r, at, "\x43", 1);
	put_rel(&r, at, 0xE9, SHARED + 0x1000);
	put(&r, BEHIND_1, "\x83\xC3\x0A\xC3", 4);		  /* add ebx,10; ret */
	put(&r, BEHIND_2, "\x81\xC3\xE8\x03\0\0\xC3", 7);	  /* add ebx,1000; ret */
	put(&r, BEHIND_1 + 0x100, "\x83\xC3\x64\xC3", 4);	  /* add ebx,100; ret */
	put(&r, BEHIND_2 + 0x100, "\x81\xC3\x10\x27\0\0\xC3", 7); /* add ebx,10000; ret */
	at = put_rel(&r, CODE, 0xE8, LIN_1);
	at = put_rel(&r, at, 0xE8, LIN_1);
	at = put_rel(&r, at, 0xE8, LIN_2);
	put_loop(&r, at, CODE);
	ck_assert_uint_eq(result(&r, 200), 200 * (2 * 111 + 11001));
	stop(&r);
}
END_TEST

/* A callee that returns behind the next instruction, by turns; one that leaves by a jump, and one whose caller never CALLed. */
START_TEST(returns_elsewhere)
{
	struct run r = start(ways[_i].accel, ways[_i].opts_off);
	unsigned f = CODE + 0x2000, g = CODE + 0x3000, at;

	at = put_rel(&r, CODE, 0xE8, f);
	at = put(&r, at, "\x43", 1); /* inc ebx, which it leaves out every other time */
	at = put_rel(&r, at, 0xE8, g);
	at = put(&r, at, "\x83\xC3\x64", 3); /* never: add ebx,100 */
	fix_wr(r.f, g + 4, at, 4);
	at = put(&r, at, "\x68\0\0\0\0\xC3", 6); /* push behind; ret */
	fix_wr(r.f, at - 5, at, 4);
	put_loop(&r, at, CODE);
	put(&r, f, "\x42\xF6\xC2\x01\x74\x03\xFF\x04\x24\xC3", 10); /* inc edx; test dl,1; jz 1f; inc dword [esp]; 1: ret */
	put(&r, g, "\x83\xC4\x04\x68", 4);			     /* add esp,4; push (above); ret */
	put(&r, g + 8, "\xC3", 1);
	ck_assert_uint_eq(result(&r, 1000), 500);
	stop(&r);
}
END_TEST

/* The callee changes the instruction behind the CALL, the CALL's block and the target of a jump, while they are linked. */
START_TEST(changed_code)
{
	struct run r = start(ways[_i].accel, ways[_i].opts_off);
	unsigned f = CODE + 0x2000, target = CODE + 0x3000, at, first, behind;

	first = CODE;
	at = put(&r, CODE, "\xBE\x01\0\0\0", 5); /* mov esi,1, in the block of the CALL: its 1 becomes 3 */
	at = put_rel(&r, at, 0xE8, f);
	behind = at;
	at = put(&r, at, "\x83\xC3\x0A\x01\xF3", 5); /* add ebx,10: its 10 becomes 20; add ebx,esi */
	put_rel(&r, at, 0xE9, target);
	at = put(&r, target, "\x83\xC3\x64", 3); /* add ebx,100: its 100 becomes 50 */
	put_loop(&r, at, CODE);
	at = put(&r, f, "\x83\xF9\x64\x75\x15", 5); /* cmp ecx,100; jnz over */
	for (unsigned i = 0; i < 3; i++) { /* mov byte [], imm8 */
		at = put(&r, at, "\xC6\x05", 2);
		fix_wr(r.f, at, i == 0 ? behind + 2 : i == 1 ? first + 1 : target + 2, 4);
		fix_wr(r.f, at + 4, i == 0 ? 20 : i == 1 ? 3 : 50, 1);
		at += 5;
	}
	put(&r, at, "\xC3", 1);
	/* 200 down to 101: 10 + 1 + 100; at 100: 20 + 1 + 50; below: 20 + 3 + 50 */
	ck_assert_uint_eq(result(&r, 200), 100 * 111 + 71 + 99 * 73);
	stop(&r);
}
END_TEST

/* Recursion deeper than any number of returns that can be predicted, and frames of many sizes. */
START_TEST(deep)
{
	struct run r = start(ways[_i].accel, ways[_i].opts_off);
	unsigned f = CODE + 0x2000, at;

	at = put_rel(&r, CODE, 0xE8, f);
	put(&r, at, "\xF4", 1);
	/* f: dec ecx; jz 1f; sub esp,ecx; push ecx; call f; pop ecx; add esp,ecx; inc ebx; 1: ret */
	at = put(&r, f, "\x49\x74\x0C\x29\xCC\x51", 6);
	at = put_rel(&r, at, 0xE8, f);
	put(&r, at, "\x59\x01\xCC\x43\xC3", 5);
	for (unsigned i = 0; i < 20; i++)
		ck_assert_uint_eq(result(&r, 100), 99);
	stop(&r);
}
END_TEST

/* A loop of POP FS of @other, then of S_KDATA */
static void put_pops(struct run *r, uint8_t other)
{
	unsigned at = put(r, CODE, "\x43\x6A", 2);

	fix_wr(r->f, at, other, 1);
	at = put(r, at + 1, "\x0F\xA1\x6A\x10\x0F\xA1", 6);
	put_loop(r, at, CODE);
}

START_TEST(pops_of_segments)
{
	struct run r = start(ways[_i].accel, ways[_i].opts_off);

	put_pops(&r, 0); /* null */
	ck_assert_uint_eq(result(&r, 100), 100);
	ck_assert_uint_eq(r.f->cpu->seg[SEG_FS].sel, S_KDATA);
	stop(&r);
}
END_TEST

#if defined(__x86_64__)
/* A loop over two pages in little more than one entry from C, calls and returns included. */
START_TEST(stays_in_code)
{
	struct run r = start(ACCEL_JIT, 0);
	unsigned f = CODE + 0x2000, at;
	uint64_t entries, finds;

	at = put_rel(&r, CODE, 0xE8, f);
	at = put(&r, at, "\x43", 1);
	put_rel(&r, at, 0xE9, f + 0x1000);
	put(&r, f, "\xC3", 1);
	put_loop(&r, f + 0x1000, CODE);
	ck_assert_uint_eq(result(&r, 100), 100);
	entries = r.j->st.entries;
	finds = r.j->st.finds;
	ck_assert_uint_eq(result(&r, 100000), 100000);
	ck_assert_uint_lt(r.j->st.entries - entries, 20);
	ck_assert_uint_lt(r.j->st.finds - finds, 20);
	stop(&r);
}
END_TEST

/* Nor does the loop see what a POP of a segment register leads to, be the mode another or not. */
START_TEST(pops_stay_in_code)
{
	static const uint8_t others[] = {0, S_UDATA};
	struct run r = start(ACCEL_JIT, 0);
	uint64_t entries;

	put_pops(&r, others[_i]);
	ck_assert_uint_eq(result(&r, 100), 100);
	entries = r.j->st.entries;
	ck_assert_uint_eq(result(&r, 10000), 10000);
	ck_assert_uint_lt(r.j->st.entries - entries, 20);
	stop(&r);
}
END_TEST
#endif

/* Programs that run for ever and have no direct branch back within a page. EAX = X, ECX = X + 2000h. */
static void put_returns(struct run *r, unsigned x) /* X: push X; ret, where X is behind a CALL: nothing but returns to where a CALL said */
{
	put(r, x, "\x68\0\0\0\0\xC3", 6);
	fix_wr(r->f, x + 1, x, 4);
}

static void put_jumps(struct run *r, unsigned x) /* X: jmp eax */
{
	put(r, x, "\xFF\xE0", 2);
}

static void put_far(struct run *r, unsigned x) /* X: jmp Y; Y: jmp X, in two pages */
{
	put_rel(r, x, 0xE9, x + 0x1000);
	put_rel(r, x + 0x1000, 0xE9, x);
}

static void put_calls(struct run *r, unsigned x) /* X: call Y; jmp eax; Y: call ecx; ret; Z: ret */
{
	put(r, put_rel(r, x, 0xE8, x + 0x1000), "\xFF\xE0", 2);
	put(r, x + 0x1000, "\xFF\xD1\xC3", 3);
	put(r, x + 0x2000, "\xC3", 1);
}

static void (*const endless_code[])(struct run *, unsigned) = {put_returns, put_jumps, put_far, put_calls};

struct stopper {
	struct vcpu *cpu;
	bool end;
};

static void *stop_often(void *opaque)
{
	struct stopper *s = opaque;

	for (unsigned i = 0; !__atomic_load_n(&s->end, __ATOMIC_RELAXED); i++) {
		nanosleep(&(struct timespec){.tv_nsec = 20000 + i * 7919 % 90000}, NULL);
		vcpu_request(s->cpu, REQ_STOP);
	}
	return NULL;
}

/* A request must be seen wherever it finds them. */
START_TEST(endless)
{
	unsigned way = (unsigned)_i % ARRAY_SIZE(ways);
	struct run r = start(ways[way].accel, ways[way].opts_off);
	struct stopper s = {r.f->cpu, false};
	struct vcpu *c = r.f->cpu;
	pthread_t thread;
	unsigned x;

	x = put_rel(&r, CODE, 0xE8, CODE + 0x5000);
	put(&r, CODE + 0x5000, "\xC3", 1);
	endless_code[(unsigned)_i / ARRAY_SIZE(ways)](&r, x);
	c->rip = CODE;
	c->gpr[GPR_RSP] = KSTACK;
	c->gpr[GPR_RAX] = x;
	c->gpr[GPR_RCX] = x + 0x2000;
	ck_assert_int_eq(pthread_create(&thread, NULL, stop_often, &s), 0);
	for (unsigned i = 0; i < STOPS; i++) {
		ck_assert_int_eq(jit_run(r.j), JIT_STOPPED);
		__atomic_and_fetch(&c->req, ~(uint32_t)REQ_STOP, __ATOMIC_SEQ_CST);
	}
	__atomic_store_n(&s.end, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	stop(&r);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("links");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, two_mappings, 0, ARRAY_SIZE(ways));
	tcase_add_loop_test(t, returns_elsewhere, 0, ARRAY_SIZE(ways));
	tcase_add_loop_test(t, changed_code, 0, ARRAY_SIZE(ways));
	tcase_add_loop_test(t, deep, 0, ARRAY_SIZE(ways));
	tcase_add_loop_test(t, pops_of_segments, 0, ARRAY_SIZE(ways));
	tcase_add_loop_test(t, endless, 0, ARRAY_SIZE(ways) * ARRAY_SIZE(endless_code));
#if defined(__x86_64__)
	tcase_add_test(t, stays_in_code);
	tcase_add_loop_test(t, pops_stay_in_code, 0, 2);
#endif
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
