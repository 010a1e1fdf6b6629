/*
 * test_sides.c - blocks that go on behind a conditional branch: whichever way is taken, registers, flags, memory and the number of
 * instructions are those of the engine that ends its blocks there.
 */
#include "tests/unit/long_fix.h"
#include "jit/priv.h"

#define CODE 0x100000u
#define LATER 0x101000u /* the next page */

struct way {
	enum jit_accel accel;
	uint32_t opts_off;
	bool all_sides, count;
};

static const struct way ways[] = {{ACCEL_INTERP, 0, true, false}, {ACCEL_JIT, 0, false, false}, {ACCEL_JIT, 0, true, false},
	{ACCEL_JIT, 0, true, true}, {ACCEL_JIT, JIT_OPT_LINK, true, true}, {ACCEL_JIT, JIT_OPT_FAR, true, true}, {ACCEL_LOCKSTEP, 0, true, false}};

struct run {
	struct fix *f;
	struct jit *j;
	bool counts; /* exactly: a backend that counts as blocks end does not see those that HLT ends */
};

static struct run start(const struct way *w)
{
	struct jit_options opt = {.accel = w->accel, .cache_bytes = 1 << 20, .opts_off = w->opts_off, .all_sides = w->all_sides};
	struct run r = {.f = fix_prot(0)};
	struct err e;

	ck_assert_int_eq(jit_new(&r.j, r.f->cpu, &opt, &e), VM_OK);
	r.counts = w->count && jit_counts_cheaply(r.j);
	if (w->count)
		jit_count_insns(r.j, true);
	return r;
}

static void stop(struct run *r)
{
	jit_free(r->j);
	fix_free(r->f);
}

/* EBX after running from CODE with ECX = @n and EAX = @bits */
static uint32_t result(struct run *r, unsigned n, uint32_t bits)
{
	struct vcpu *c = r->f->cpu;

	c->halted = false;
	c->rip = CODE;
	c->insns = 0;
	c->gpr[GPR_RSP] = KSTACK;
	c->gpr[GPR_RBX] = c->gpr[GPR_RDX] = 0;
	c->gpr[GPR_RCX] = n;
	c->gpr[GPR_RAX] = bits;
	ck_assert_int_eq(jit_run(r->j), JIT_HALTED);
	return (uint32_t)c->gpr[GPR_RBX];
}

/* How many instructions is one round that takes the branches of @bits? */
static unsigned round_insns(uint32_t bits)
{
	unsigned n = 14;

	if (bits & 1) /* leaves out two */
		n -= 2;
	if (bits & 2) /* one */
		n -= 1;
	if (bits & 4) /* one, and adds three: another page and back */
		n += 2;
	return n;
}

/*
 * 100000: test al,1; jnz +; add ebx,1; stc; +: adc ebx,0; test al,2; jnz +; add ebx,256; +: test al,4; jnz far; add ebx,65536;
 * back: ror eax,1; dec ecx; jnz 100000; hlt
 * far: add ebx,0x1000000; nop; jmp back
 */
static void put_rounds(struct run *r)
{
	fix_code(r->f, CODE, "A8 01 75 04 83 C3 01 F9"); /* TEST clears CF: jumping adds none, falling through adds 1 by STC */
	fix_code(r->f, CODE + 8, "83 D3 00 A8 02 75 06 81 C3 00 01 00 00 A8 04 0F 85");
	fix_wr(r->f, CODE + 25, LATER - (CODE + 29), 4);
	fix_code(r->f, CODE + 29, "81 C3 00 00 01 00 D1 C8 49 75");
	fix_wr(r->f, CODE + 39, (uint8_t)-40, 1);
	fix_code(r->f, CODE + 40, "F4");
	fix_code(r->f, LATER, "81 C3 00 00 00 01 90 E9");
	fix_wr(r->f, LATER + 8, CODE + 35 - (LATER + 12), 4);
}

static uint32_t expected(unsigned n, uint32_t bits, uint64_t *insns)
{
	uint32_t sum = 0;

	for (*insns = 1; n--; bits = bits >> 1 | bits << 31) { /* HLT */
		sum += bits & 1 ? 0 : 2;
		sum += bits & 2 ? 0 : 256;
		sum += bits & 4 ? 0x1000000 : 65536;
		*insns += round_insns(bits);
	}
	return sum;
}

START_TEST(both_ways)
{
	static const uint32_t bits[] = {0, UINT32_MAX, 0x1234ABCD, 0x92492492, 4, 3};
	struct run r = start(&ways[_i]);

	put_rounds(&r);
	for (unsigned i = 0; i < ARRAY_SIZE(bits); i++) {
		uint64_t insns;
		uint32_t sum = expected(50, bits[i], &insns);

		ck_assert_uint_eq(result(&r, 50, bits[i]), sum);
		if (r.counts)
			ck_assert_uint_eq(r.f->cpu->insns, insns);
	}
	if (HOST_BACKEND->sides || ways[_i].accel == ACCEL_INTERP)
		ck_assert_int_eq(r.j->st.sides > 0, ways[_i].all_sides);
	stop(&r);
}
END_TEST

/* A fault behind two branches: the instruction's start, and no more counted than has been run. */
START_TEST(fault_behind)
{
	struct run r = start(&ways[_i]);
	struct vcpu *c = r.f->cpu;

	/* inc ebx; cmp ecx,1; jz +; inc ebx; cmp ecx,2; jz +; inc ebx; div edx; mov ebx,9999h; nop; +: hlt */
	fix_code(r.f, CODE, "43 83 F9 01 74 0F 43 83 F9 02 74 09 43 F7 F2 BB 99 99 00 00 90 F4");
	for (unsigned n = 1; n <= 2; n++) {
		ck_assert_uint_eq(result(&r, n, 0), n);
		if (r.counts)
			ck_assert_uint_eq(c->insns, n * 3 + 1);
	}
	c->halted = false;
	c->rip = CODE;
	c->insns = 0;
	c->gpr[GPR_RBX] = 0;
	c->gpr[GPR_RCX] = 3;
	fix_code(r.f, 0x20000, "F4"); /* #DE's handler */
	ck_assert_int_eq(jit_run(r.j), JIT_HALTED);
	ck_assert_uint_eq(c->gpr[GPR_RBX], 3);
	ck_assert_uint_eq(fix_rd(r.f, (uint32_t)c->gpr[GPR_RSP], 4), CODE + 13); /* EIP of DIV */
	if (r.counts)
		ck_assert_uint_eq(c->insns, 7 + 1);
	stop(&r);
}
END_TEST

/* The block writes its own instructions behind a branch that it goes on behind. */
START_TEST(own_code)
{
	struct run r = start(&ways[_i]);

	/* test ecx,ecx; jz +; mov byte [rest+1],7; test ecx,ecx; jz +; rest: mov bl,5; +: hlt */
	fix_code(r.f, CODE, "85 C9 74 0D C6 05");
	fix_wr(r.f, CODE + 6, CODE + 16, 4);
	fix_code(r.f, CODE + 10, "07 85 C9 74 02 B3 05 F4");
	ck_assert_uint_eq(result(&r, 0, 0), 0);
	ck_assert_uint_eq(result(&r, 1, 0), 7);
	fix_wr(r.f, CODE + 16, 5, 1);
	smc_written(r.j, CODE + 16, 1);
	ck_assert_uint_eq(result(&r, 1, 0), 7);
	stop(&r);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("blocks that go on behind a conditional branch");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_add_loop_test(t, both_ways, 0, ARRAY_SIZE(ways));
	tcase_add_loop_test(t, fault_behind, 0, ARRAY_SIZE(ways));
	tcase_add_loop_test(t, own_code, 0, ARRAY_SIZE(ways));
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
