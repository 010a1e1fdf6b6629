/*
 * test_jit_cache.c - the block cache under pressure: code that does not fit the arena, so that translations are dropped while the run loop
 * still knows the exit it came from.
 */
#include "tests/unit/ring0_fix.h"
#include "jit/priv.h"
#include "jit/x64/x64.h"

#define CODE 0x100000u
#define CODE_END 0x114000u

/* A chain of jumps to the next instruction, each a block of its own, linked within its page; HLT ends it. */
static void write_chain(struct fix *f)
{
	for (unsigned at = CODE; at < CODE_END; at += 2)
		fix_wr(f, at, 0x00EB, 2);
	fix_wr(f, CODE_END, 0xF4, 1);
}

static void run_chain(enum jit_accel accel)
{
	struct jit_options opt = {.accel = accel, .cache_bytes = 1 << 20};
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;
	struct jit *j;
	struct err e;

	write_chain(f);
	ck_assert_int_eq(jit_new(&j, c, &opt, &e), VM_OK);
	for (unsigned round = 0; round < 2; round++) {
		c->rip = CODE;
		c->halted = false;
		ck_assert_int_eq(jit_run(j), JIT_HALTED);
		ck_assert_uint_eq(c->rip, CODE_END + 1);
	}
	jit_free(j);
	fix_free(f);
}

START_TEST(arena_fills)
{
	run_chain(ACCEL_JIT);
}
END_TEST

START_TEST(interpreter)
{
	run_chain(ACCEL_INTERP);
}
END_TEST

/* Branches of one block to another reach the whole arena, also one of the default size. */
/* Pieces of every size: apart from each other, zeros though they have been used before, and all memory anew once none is in use. */
START_TEST(pool)
{
	struct pool p = {0};
	uint8_t *piece[600], *last = NULL;

	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < ARRAY_SIZE(piece); i++) {
			size_t size = 1 + i * 37 % POOL_MOST;

			piece[i] = pool_get(&p, size);
			ck_assert_ptr_nonnull(piece[i]);
			ck_assert_uint_eq((uintptr_t)piece[i] & 7, 0);
			for (size_t k = 0; k < size; k++)
				ck_assert_uint_eq(piece[i][k], 0);
			memset(piece[i], i | 1, size);
		}
		for (unsigned i = 0; i < ARRAY_SIZE(piece); i++) {
			size_t size = 1 + i * 37 % POOL_MOST;

			ck_assert_uint_eq(piece[i][0], (uint8_t)(i | 1));
			ck_assert_uint_eq(piece[i][size - 1], (uint8_t)(i | 1));
			pool_put(&p, piece[i], size);
			if (round == 1 && i % 3 == 0) { /* the same place again */
				last = pool_get(&p, size);
				ck_assert_ptr_eq(last, piece[i]);
				pool_put(&p, last, size);
			}
		}
		ck_assert_uint_eq(p.live, 0);
	}
	pool_fini(&p);
}
END_TEST

START_TEST(arena_in_reach)
{
#if defined(__aarch64__)
	const size_t reach = 128u << 20;
#else
	const size_t reach = 2048u << 20;
#endif
	static const uint64_t asked[] = {0, 1 << 20, 512u << 20};

	for (unsigned i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		struct jit_options opt = {.accel = ACCEL_JIT, .cache_bytes = asked[i]};
		struct fix *f = fix_prot(0);
		struct jit *j;
		struct err e;

		ck_assert_int_eq(jit_new(&j, f->cpu, &opt, &e), VM_OK);
		if (j->be->code)
			ck_assert_uint_le(j->be->code(j->be_priv)->size, reach);
		jit_free(j);
		fix_free(f);
	}
}
END_TEST

/*
 * Counted instructions: translated code, once asked to, counts each block that it runs to its end, and with some backends the
 * last one, which is left inside HLT; before and after it does not.
 */
static uint64_t count_of(enum jit_accel accel, const char *code, unsigned len)
{
	struct jit_options opt = {.accel = accel, .cache_bytes = 1 << 20};
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;
	uint64_t n[3];
	struct jit *j;
	struct err e;

	for (unsigned i = 0; i < len; i++)
		fix_wr(f, CODE + i, (uint8_t)code[i], 1);
	ck_assert_int_eq(jit_new(&j, c, &opt, &e), VM_OK);
	fix_wr(f, 0x20000, 0xF4, 1); /* #DE's handler: hlt */
	for (unsigned i = 0; i < 3; i++) {
		jit_count_insns(j, i == 1);
		n[i] = c->insns;
		c->rip = CODE;
		c->halted = false;
		ck_assert_int_eq(jit_run(j), JIT_HALTED);
		n[i] = c->insns - n[i];
	}
	if (accel == ACCEL_JIT) /* but what the interpreter has run for it */
		ck_assert_uint_eq(n[0] + n[2], 2 * j->st.ones / 3);
	jit_free(j);
	fix_free(f);
	return n[1];
}

START_TEST(counted)
{
	/* mov ecx,1000; 1: push eax; pop eax; dec ecx; jnz 1b; rep stosb of 0; cpuid; hlt */
	static const char code[] = "\xB9\xE8\x03\0\0\x50\x58\x49\x75\xFB\xF3\xAA\x0F\xA2\xF4";
	uint64_t n;

	ck_assert_uint_eq(count_of(ACCEL_INTERP, code, sizeof(code) - 1), 1 + 4 * 1000 + 3);
	n = count_of(ACCEL_JIT, code, sizeof(code) - 1);
	ck_assert(n == 1 + 4 * 1000 || n == 1 + 4 * 1000 + 3);
}
END_TEST

/*
 * Blocks that are left half-way and gone on with, by an access that C makes (it crosses two pages), by one that changes the block; and
 * for good, by a fault. No instruction counts twice, and none that has not run; those before it may be missed.
 */
START_TEST(counted_half_way)
{
	/* mov ecx,5; add [PAGE_END-2],ecx; inc ecx; jmp +0; inc ecx; mov byte [the byte of the last inc],90h; inc ecx; inc ecx; hlt */
	static const char left[] = "\xB9\5\0\0\0\x01\x0D\xFE\xFF\x18\0\x41\xEB\0\x41\xC6\x05\x17\0\x10\0\x90\x41\x41\xF4";
	/* xor ecx,ecx; mov eax,1; div ecx: #DE, whose handler is hlt; inc eax; hlt */
	static const char fault[] = "\x31\xC9\xB8\1\0\0\0\xF7\xF1\x40\xF4";
	uint64_t n;

	_Static_assert(CODE == 0x100000, "the address in the code");
	ck_assert_uint_eq(count_of(ACCEL_INTERP, left, sizeof(left) - 1), 9);
	ck_assert_uint_eq(count_of(ACCEL_INTERP, fault, sizeof(fault) - 1), 3);
	n = count_of(ACCEL_JIT, left, sizeof(left) - 1);
	ck_assert_uint_le(n, 9);
#ifdef __x86_64__
	ck_assert_uint_ge(n, 8);
#endif
	n = count_of(ACCEL_JIT, fault, sizeof(fault) - 1);
	ck_assert_uint_le(n, 3);
#ifdef __x86_64__
	ck_assert_uint_ge(n, 2);
#endif
}
END_TEST

#define PD_AT 0x200000u
#define PT_AT 0x201000u
#define PT2_AT 0x202000u
#define FN 0x180000u	 /* linear page of the function that moves */
#define BODY 0x101000u	 /* two pages with a body each */
#define PTE_G 0x100u

static unsigned put(struct fix *f, unsigned at, const char *bytes, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		fix_wr(f, at + i, (uint8_t)bytes[i], 1);
	return at + n;
}

static unsigned put_call(struct fix *f, unsigned at, unsigned fn)
{
	at = put(f, at, "\xE8", 1);
	fix_wr(f, at, fn - (at + 4), 4);
	return at + 4;
}

/* mov dword [@to],@v */
static unsigned put_store(struct fix *f, unsigned at, uint32_t to, uint32_t v)
{
	at = put(f, at, "\xC7\x05", 2);
	fix_wr(f, at, to, 4);
	fix_wr(f, at + 4, v, 4);
	return at + 8;
}

/* Code at @fn for remap(), the bodies and the tables. Return: behind the store that changes the mapping of @fn */
static unsigned put_remap(struct fix *f, unsigned fn, unsigned g, bool large)
{
	unsigned at, loop;

	put(f, BODY, "\xB8\x01\0\0\0\xC3", 6);	    /* mov eax,1; ret */
	put(f, BODY + 0x1000, "\xB8\x02\0\0\0\xC3", 6); /* mov eax,2; ret */
	at = put(f, CODE, "\x31\xDB\xB9\x0A\0\0\0", 7); /* xor ebx,ebx; mov ecx,10 */
	loop = at;
	at = put_call(f, at, fn);
	at = put(f, at, "\x01\xC3\xE2", 3); /* add ebx,eax; loop */
	fix_wr(f, at, loop - (at + 1), 1);
	if (large) {
		fix_wr(f, PD_AT + 4, 0x83 | g, 4); /* 4 MiB to 0; then a table in its place */
		fix_wr(f, PT2_AT + 4 * (BODY >> 12), (BODY + 0x1000) | 3 | g, 4);
		return put_store(f, at + 1, PD_AT + 4, PT2_AT | 3);
	}
	fix_wr(f, PT_AT + 4 * (FN >> 12), BODY | 3 | g, 4);
	return put_store(f, at + 1, PT_AT + 4 * (FN >> 12), (BODY + 0x1000) | 3 | g);
}

/*
 * Call FN, which answers 1; map another page there, whose code answers 2; flush with @flush; call again. @g: the pages
 * are global. @large: FN lies in a page of 4 MiB. Return: EBX = sum of ten calls before and the first call after the flush times 100
 */
static uint32_t remap(enum jit_accel accel, const char *flush, unsigned flush_len, unsigned g, bool large)
{
	struct jit_options opt = {.accel = accel, .cache_bytes = 1 << 20};
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;
	unsigned at, fn = large ? 0x400000 + BODY : FN;
	struct jit *j;
	uint32_t ebx;
	struct err e;

	fix_wr(f, PD_AT, PT_AT | 3, 4);
	for (unsigned i = 0; i < 1024; i++)
		fix_wr(f, PT_AT + 4 * i, i << 12 | 3 | g, 4);
	at = put(f, put_remap(f, fn, g, large), flush, flush_len);
	at = put_call(f, at, fn);
	put(f, at, "\x6B\xC0\x64\x01\xC3\xF4", 6); /* imul eax,eax,100; add ebx,eax; hlt */
	ck_assert_int_eq(h_mov_cr_to(c, 4, CR4_PGE | CR4_PSE, 0), EXIT_NONE);
	ck_assert_int_eq(h_mov_cr_to(c, 3, PD_AT, 0), EXIT_NONE);
	ck_assert_int_eq(h_mov_cr_to(c, 0, c->cr0 | CR0_PG, 0), EXIT_NONE);
	ck_assert_int_eq(jit_new(&j, c, &opt, &e), VM_OK);
	c->rip = CODE;
	c->gpr[GPR_RSP] = KSTACK;
	ck_assert_int_eq(jit_run(j), JIT_HALTED);
	ebx = (uint32_t)c->gpr[GPR_RBX];
	jit_free(j);
	fix_free(f);
	return ebx;
}

#define INVLPG "\x0F\x01\x3D\x00\x00\x18\x00"
#define INVLPG_4M "\x0F\x01\x3D\x00\x00\x70\x00"
#define CR3 "\x0F\x20\xD8\x0F\x22\xD8"		       /* mov eax,cr3; mov cr3,eax */
#define PGE "\x0F\x20\xE0\x34\x80\x0F\x22\xE0\x34\x80\x0F\x22\xE0" /* CR4.PGE off and on */

/* Code found by linear address before a page moved is not found there after the flush; nor forgotten before it must be. */
START_TEST(moved_page)
{
	static const enum jit_accel accel[] = {ACCEL_INTERP, ACCEL_JIT, ACCEL_LOCKSTEP};

	for (unsigned i = 0; i < 3; i++) {
		ck_assert_uint_eq(remap(accel[i], INVLPG, 7, 0, false), 210);
		ck_assert_uint_eq(remap(accel[i], INVLPG, 7, PTE_G, false), 210);
		ck_assert_uint_eq(remap(accel[i], CR3, 6, 0, false), 210);
		ck_assert_uint_eq(remap(accel[i], PGE, 13, PTE_G, false), 210);
		/* any address in a large page stands for all of it */
		ck_assert_uint_eq(remap(accel[i], INVLPG_4M, 7, 0, true), 210);
		ck_assert_uint_eq(remap(accel[i], INVLPG_4M, 7, PTE_G, true), 210);
		/* a global page stays where the TLB has it (SDM Vol. 3A 4.10.2.4 "Global Pages") */
		ck_assert_uint_eq(remap(accel[i], CR3, 6, PTE_G, false), 110);
	}
}
END_TEST

/*
 * A block that ends with flags made and a jump; the next begins with a load, which could show them, and is changed between two
 * rounds of twenty: what leads there must lead to its new translation. Return: EBP = times 1, then times 100
 */
static uint32_t changed_behind(enum jit_accel accel)
{
	struct jit_options opt = {.accel = accel, .cache_bytes = 1 << 20};
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;
	unsigned at, add, second;
	struct jit *j;
	struct err e;

	at = put(f, CODE, "\xB9\x14\0\0\0", 5); /* mov ecx,20 */
	add = at;
	at = put(f, at, "\x01\xDF\xEB\x00", 4); /* add edi,ebx; jmp second */
	second = at;
	at = put(f, at, "\x8B\x16\x83\xC5\x01\x49\x75", 7); /* mov edx,[esi]; add ebp,1; dec ecx; jnz add */
	fix_wr(f, at, add - (at + 1), 1);
	at = put(f, at + 1, "\xC6\x05", 2); /* mov byte [second+4],100 */
	fix_wr(f, at, second + 4, 4);
	at = put(f, at + 4, "\x64\x40\x83\xF8\x02\x75", 6); /* inc eax; cmp eax,2; jnz CODE; hlt */
	fix_wr(f, at, CODE - (at + 1), 1);
	put(f, at + 1, "\xF4", 1);
	ck_assert_int_eq(jit_new(&j, c, &opt, &e), VM_OK);
	c->rip = CODE;
	c->gpr[GPR_RAX] = c->gpr[GPR_RBP] = 0;
	c->gpr[GPR_RBX] = 1;
	c->gpr[GPR_RSI] = BODY;
	ck_assert_int_eq(jit_run(j), JIT_HALTED);
	jit_free(j);
	at = (uint32_t)c->gpr[GPR_RBP];
	fix_free(f);
	return at;
}

START_TEST(changed_block)
{
	ck_assert_uint_eq(changed_behind(ACCEL_INTERP), 2020);
	ck_assert_uint_eq(changed_behind(ACCEL_JIT), 2020);
}
END_TEST

#if defined(__x86_64__)
/* A loop over two pages whose IPs have one place in the jump cache; the number of blocks the run loop entered. */
static uint64_t conflicts(uint32_t opts_off)
{
	struct jit_options opt = {.accel = ACCEL_JIT, .cache_bytes = 1 << 20, .opts_off = opts_off};
	unsigned far = CODE + JC_SIZE;
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;
	uint64_t entries;
	struct jit *j;
	struct err e;

	while (jc_index(far) != jc_index(CODE))
		far++;
	put(f, CODE, "\x43\xE9", 2); /* inc ebx; jmp far */
	fix_wr(f, CODE + 2, far - (CODE + 6), 4);
	put(f, far, "\x49\x0F\x85", 3); /* dec ecx; jnz CODE; hlt */
	fix_wr(f, far + 3, CODE - (far + 7), 4);
	put(f, far + 7, "\xF4", 1);
	ck_assert_int_eq(jit_new(&j, c, &opt, &e), VM_OK);
	c->rip = CODE;
	c->gpr[GPR_RCX] = 1000;
	ck_assert_int_eq(jit_run(j), JIT_HALTED);
	ck_assert_uint_eq(c->gpr[GPR_RBX], 1000);
	ck_assert_uint_eq(c->gpr[GPR_RCX], 0);
	entries = j->st.entries;
	jit_free(j);
	fix_free(f);
	return entries;
}

START_TEST(found_on_the_way)
{
	ck_assert_uint_lt(conflicts(0), 20);
	ck_assert_uint_lt(conflicts(JIT_OPT_FAR), 20);
	ck_assert_uint_lt(conflicts(JIT_OPT_FIND), 20);
	ck_assert_uint_ge(conflicts(JIT_OPT_FIND | JIT_OPT_FAR), 1000);
	ck_assert_uint_ge(conflicts(JIT_OPT_LINK), 1000);
}
END_TEST
#endif

int main(void)
{
	Suite *s = suite_create("jit cache");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_set_timeout(t, 120);
	tcase_add_test(t, arena_fills);
	tcase_add_test(t, pool);
	tcase_add_test(t, interpreter);
	tcase_add_test(t, arena_in_reach);
	tcase_add_test(t, counted);
	tcase_add_test(t, counted_half_way);
	tcase_add_test(t, moved_page);
	tcase_add_test(t, changed_block);
#if defined(__x86_64__)
	tcase_add_test(t, found_on_the_way);
#endif
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
