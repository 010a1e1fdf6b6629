/*
 * test_poll.c - loops that another thread interrupts at any time: where a loop is left registers, flags and the number of instructions are
 * those of an instruction's end. What they must be follows from the registers themselves.
 */
#include "tests/unit/long_fix.h"
#include "jit/priv.h"
#include <pthread.h>
#include <unistd.h>

#define CODE 0x100000u
#define STOPS 60
#define FLAGS (FL_CF | FL_PF | FL_ZF | FL_SF | FL_OF) /* AF is undefined after TEST */

/* Where a loop is left: its first instruction, the second, the one behind the branch back, the jump back from there. */
enum point { HEAD, SECOND, REST, JUMP, PLACES };

struct loop {
	const char *name, *body, *rest; /* to the conditional branch back; behind it, to the jump back */
	unsigned insns, rest_insns;
	bool code64;
	/* flags that @c must show @at that place, and how often the rest has been run */
	uint32_t (*flags)(const struct vcpu *c, enum point at, uint64_t *rests);
};

static uint32_t of_logic(uint32_t v, unsigned bits)
{
	return (v ? 0 : FL_ZF) | (v >> (bits - 1) & 1 ? FL_SF : 0) | (__builtin_parity(v & 0xFF) ? 0 : FL_PF);
}

static uint32_t of_sub(uint64_t a, uint64_t b, unsigned bits)
{
	uint64_t mask = bits == 64 ? UINT64_MAX : (1ull << bits) - 1, r = (a - b) & mask;

	return of_logic((uint32_t)(r & 0xFF) | (r ? 0x100 : 0), 32) | (r >> (bits - 1) & 1 ? FL_SF : 0) | ((a & mask) < (b & mask) ? FL_CF : 0) |
		(((a ^ b) & (a ^ r)) >> (bits - 1) & 1 ? FL_OF : 0);
}

/* add eax,1; test al,40h; jz head; add ebx,1; jmp head */
static uint32_t by_test(const struct vcpu *c, enum point at, uint64_t *rests)
{
	uint32_t eax = (uint32_t)c->gpr[GPR_RAX], ebx = (uint32_t)c->gpr[GPR_RBX];

	*rests = ebx;
	return at != REST && eax & 0x40 ? of_logic(ebx, 32) : of_logic(eax & 0x40, 8);
}

/* add eax,1; cmp al,cl; jb head; add ebx,1; jmp head, CL = 40h */
static uint32_t by_cmp(const struct vcpu *c, enum point at, uint64_t *rests)
{
	uint32_t al = c->gpr[GPR_RAX] & 0xFF, ebx = (uint32_t)c->gpr[GPR_RBX];

	*rests = ebx;
	return at != REST && al >= 0x40 ? of_logic(ebx, 32) : of_sub(al, 0x40, 8);
}

/* add eax,1; sub esi,1; jnz head; mov esi,64; jmp head: the operation must be done once, if the loop is left at it or not */
static uint32_t by_sub(const struct vcpu *c, enum point at, uint64_t *rests)
{
	uint64_t n = (uint32_t)c->gpr[GPR_RAX], esi = (uint32_t)c->gpr[GPR_RSI], v = at != REST && esi == 64 ? 0 : esi;

	*rests = (n - (at == REST)) / 64;
	ck_assert_uint_eq(v, (64 - n % 64) % 64);
	return of_sub(v + 1, 1, 32);
}

/* the same of R12, which translated code may have in memory */
static uint32_t by_sub12(const struct vcpu *c, enum point at, uint64_t *rests)
{
	uint64_t n = c->gpr[GPR_RAX], r12 = c->gpr[12], v = at != REST && r12 == 64 ? 0 : r12;

	*rests = (n - (at == REST)) / 64;
	ck_assert_uint_eq(v, (64 - n % 64) % 64);
	return of_sub(v + 1, 1, 64);
}

/* add eax,1; mov edx,[ecx]; dec esi; jnz head; mov esi,64; jmp head: DEC keeps CF, which is 0 */
static uint32_t by_dec(const struct vcpu *c, enum point at, uint64_t *rests)
{
	uint64_t n = (uint32_t)c->gpr[GPR_RAX], before = n - (at != HEAD), esi = (uint32_t)c->gpr[GPR_RSI];

	*rests = before / 64;
	if (at == SECOND)
		return of_logic((uint32_t)n, 32);
	ck_assert_uint_eq(at == HEAD && esi == 64 ? 0 : esi, (64 - n % 64) % 64);
	return of_logic(at == HEAD && esi == 64 ? 0 : (uint32_t)esi, 32);
}

static const struct loop loops[] = {
	{"test", "83 C0 01 A8 40 74", "83 C3 01", 3, 2, false, by_test},
	{"cmp", "83 C0 01 38 C8 72", "83 C3 01", 3, 2, false, by_cmp},
	{"sub", "83 C0 01 83 EE 01 75", "BE 40 00 00 00", 3, 2, false, by_sub},
	{"test, 64 bits", "83 C0 01 A8 40 74", "83 C3 01", 3, 2, true, by_test},
	{"dec", "83 C0 01 8B 11 4E 75", "BE 40 00 00 00", 4, 2, false, by_dec},
	{"dec, 64 bits", "83 C0 01 8B 11 FF CE 75", "BE 40 00 00 00", 4, 2, true, by_dec},
	{"sub r12", "48 83 C0 01 49 83 EC 01 75", "41 BC 40 00 00 00", 3, 2, true, by_sub12},
};

static const struct {
	enum jit_accel accel;
	uint32_t opts_off;
} ways[] = {{ACCEL_JIT, 0}, {ACCEL_JIT, JIT_OPT_POLL}, {ACCEL_JIT, JIT_OPT_LINK}, {ACCEL_INTERP, 0}};

struct kicker {
	struct vcpu *cpu;
	bool end;
};

static void *kick(void *p)
{
	struct kicker *k = p;

	for (unsigned i = 0; !__atomic_load_n(&k->end, __ATOMIC_RELAXED); i++) {
		usleep(50 + i * 37 % 150);
		vcpu_kick(k->cpu);
	}
	return NULL;
}

/* @page_end: so that the conditional branch is the last of its page, and what is behind it another block's page */
static void put(struct fix *f, const struct loop *l, bool page_end, uint64_t at[PLACES])
{
	unsigned n = fix_code(f, CODE, l->body) + 1, all;
	uint64_t code = page_end ? CODE + PAGE_SIZE - n : CODE;

	fix_code(f, code, l->body);
	fix_wr(f, code + n - 1, (uint8_t)-n, 1);
	all = n + fix_code(f, code + n, l->rest) + 2;
	fix_wr(f, code + all - 2, 0xEB, 1);
	fix_wr(f, code + all - 1, (uint8_t)-all, 1);
	at[HEAD] = code;
	at[SECOND] = code + (l->code64 && l->body[1] == '8' && l->body[0] == '4' ? 4 : 3);
	at[REST] = code + n;
	at[JUMP] = code + all - 2;
}

static void check(struct jit *j, const struct loop *l, const uint64_t place[PLACES])
{
	struct vcpu *c = j->cpu;
	uint64_t rests, n = c->gpr[GPR_RAX], insns;
	uint32_t flags = (uint32_t)c->eflags & FLAGS, want;
	enum point at = HEAD;

	while (at < PLACES && c->rip != place[at])
		at++;
	ck_assert_msg(at < PLACES, "%s: left at %lx", l->name, c->rip);
	want = l->flags(c, at, &rests);
	ck_assert_msg(flags == want, "%s: left at %lx after %lu rounds with flags %x, not %x", l->name, c->rip, n, flags, want);
	insns = n * l->insns + rests * l->rest_insns - (at == SECOND ? l->insns - 1 : at == JUMP);
	if (j->be->cheap_count)
		ck_assert_msg(c->insns == insns, "%s: left at %lx: %lu instructions in %lu rounds and %lu rests, not %lu", l->name, c->rip, c->insns, n,
			rests, insns);
}

START_TEST(left_anywhere)
{
	const struct loop *l = &loops[(unsigned)_i % ARRAY_SIZE(loops)];
	struct jit_options opt = {.accel = ways[(unsigned)_i / ARRAY_SIZE(loops) % ARRAY_SIZE(ways)].accel, .cache_bytes = 1 << 20,
		.opts_off = ways[(unsigned)_i / ARRAY_SIZE(loops) % ARRAY_SIZE(ways)].opts_off};
	struct fix *f = l->code64 ? fix_long("max", 0) : fix_prot(0);
	bool page_end = (unsigned)_i / ARRAY_SIZE(loops) / ARRAY_SIZE(ways);
	struct kicker k = {f->cpu, false};
	struct vcpu *c = f->cpu;
	pthread_t thread;
	uint64_t place[PLACES];
	struct jit *j;
	struct err e;

	ck_assert_int_eq(jit_new(&j, c, &opt, &e), VM_OK);
	jit_count_insns(j, true);
	put(f, l, page_end, place);
	vcpu_update(c);
	c->rip = place[HEAD];
	c->insns = 0;
	c->gpr[GPR_RAX] = c->gpr[GPR_RBX] = 0;
	c->gpr[GPR_RCX] = c->gpr[GPR_RSI] = c->gpr[12] = 64;
	ck_assert_int_eq(pthread_create(&thread, NULL, kick, &k), 0);
	for (unsigned i = 0; i < STOPS; i++) {
		ck_assert_int_eq(jit_run(j), JIT_STOPPED);
		__atomic_and_fetch(&c->req, ~(uint32_t)REQ_KICK, __ATOMIC_RELAXED);
		if (!c->gpr[GPR_RAX]) /* it has not begun */
			continue;
		check(j, l, place);
	}
	__atomic_store_n(&k.end, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	ck_assert_uint_gt(c->gpr[GPR_RAX], 1000);
	jit_free(j);
	fix_free(f);
}
END_TEST

#define MAPPED (8u << 20)

/*
 * A loop that counts its instructions where it looks for requests, behind an access that faults in the end, and before one: mov edx,[rsi]; add esi,4;
 * add edi,1; cmp edi,eax; jne head; or the access behind the ADD.
 */
START_TEST(faults)
{
	static const struct {
		const char *code;
		unsigned before; /* instructions of the last round that have been run */
	} forms[] = {
		{"8B 16 83 C6 04 83 C7 01 39 C7 75 F4", 0},
		{"83 C6 04 83 C7 01 8B 56 FC 39 C7 75 F3", 2},
		{"83 C6 04 39 C7 8B 56 FC FF C7 75 F4", 2}, /* the comparison is the last place: DEC and INC keep CF */
		{"FF C7 8B 16 83 C6 04 FF C3 75 F5", 1},
	};
	const unsigned rounds = 50;

	for (unsigned i = 0; i < ARRAY_SIZE(forms); i++) {
		struct jit_options opt = {.accel = ways[_i].accel, .cache_bytes = 1 << 20, .opts_off = ways[_i].opts_off};
		struct fix *f = fix_long("max", 0);
		struct vcpu *c = f->cpu;
		struct jit *j;
		struct err e;

		ck_assert_int_eq(jit_new(&j, c, &opt, &e), VM_OK);
		jit_count_insns(j, true);
		fix_code(f, CODE, forms[i].code);
		vcpu_update(c);
		c->rip = CODE;
		c->insns = 0;
		c->gpr[GPR_RAX] = 1000;
		c->gpr[GPR_RBX] = c->gpr[GPR_RDI] = 1;
		c->gpr[GPR_RSI] = MAPPED - 4 * rounds;
		while (jit_run(j) == JIT_STOPPED)
			;
		ck_assert_uint_eq(c->rip, HANDLERS + 14 * 16 + 1);
		if (j->be->cheap_count)
			ck_assert_msg(c->insns == rounds * 5 + forms[i].before + 1, "form %u: %lu instructions", i, c->insns);
		jit_free(j);
		fix_free(f);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("loops that are interrupted");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_add_loop_test(t, left_anywhere, 0, 2 * ARRAY_SIZE(loops) * ARRAY_SIZE(ways));
	tcase_add_loop_test(t, faults, 0, ARRAY_SIZE(ways));
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
