/*
 * test_context.c - lookups of translated code that outlive flushes, and those that must not.
 *
 * A program calls FN, a function in a page whose mapping the test changes; one frame answers 1, the other 2.
 *
 * Source: Intel SDM Vol. 3A 4.10.4 "Invalidation of TLBs and Paging-Structure Caches", 4.8 "Accessed and Dirty Flags".
 */
#include "tests/unit/ring0_fix.h"
#include "jit/priv.h"

#define CODE 0x100000u
#define FN 0x180000u
#define FRAME1 0x101000u
#define FRAME2 0x102000u
#define PD_AT 0x200000u
#define PT_AT 0x201000u
#define PD2_AT 0x202000u
#define PT2_AT 0x203000u
#define PTE_A 0x20u
#define PTE_G 0x100u

static const enum jit_accel engines[] = {ACCEL_INTERP, ACCEL_JIT, ACCEL_LOCKSTEP};

struct prog {
	struct fix *f;
	struct jit *j;
	unsigned at;
};

static void put(struct prog *p, const char *bytes, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		fix_wr(p->f, p->at++, (uint8_t)bytes[i], 1);
}

static void put32(struct prog *p, uint32_t v)
{
	fix_wr(p->f, p->at, v, 4);
	p->at += 4;
}

/* EBX = 10 * EBX + FN() */
static void call(struct prog *p)
{
	put(p, "\xE8", 1);
	put32(p, FN - (p->at + 4));
	put(p, "\x6B\xDB\x0A\x01\xC3", 5); /* imul ebx,ebx,10; add ebx,eax */
}

static void set_pte(struct prog *p, uint32_t pte)
{
	put(p, "\xC7\x05", 2);
	put32(p, PT_AT + 4 * (FN >> 12));
	put32(p, pte);
}

static void load_cr3(struct prog *p, uint32_t v)
{
	put(p, "\xB8", 1);
	put32(p, v);
	put(p, "\x0F\x22\xD8", 3);
}

static void invlpg(struct prog *p)
{
	put(p, "\x0F\x01\x3D", 3);
	put32(p, FN);
}

static void tables(struct fix *f, unsigned pd, unsigned pt, uint32_t fn, uint32_t bits)
{
	fix_wr(f, pd, pt | 3, 4);
	fix_wr(f, pd + TLB_SIZE * PAGE_SIZE / (4 << 20) * 4, pt | 3, 4); /* and once more behind it */
	for (unsigned i = 0; i < 1024; i++)
		fix_wr(f, pt + 4 * i, i << 12 | 3 | bits, 4);
	fix_wr(f, pt + 4 * (FN >> 12), fn | 3 | bits, 4);
}

static struct prog begin(uint32_t bits)
{
	struct prog p = {.f = fix_prot(0), .at = FRAME1};

	put(&p, "\xB8\x01\0\0\0\xC3", 6); /* mov eax,1; ret */
	p.at = FRAME2;
	put(&p, "\xB8\x02\0\0\0\xC3", 6);
	p.at = CODE;
	tables(p.f, PD_AT, PT_AT, FRAME1, bits);
	tables(p.f, PD2_AT, PT2_AT, FRAME2, bits);
	p.f->cpu->gpr[GPR_RBX] = 0;
	return p;
}

/* Return: EBX at the HLT */
static uint32_t run(struct prog *p, enum jit_accel accel)
{
	struct jit_options opt = {.accel = accel, .cache_bytes = 1 << 20};
	struct vcpu *c = p->f->cpu;
	struct err e;

	put(p, "\xF4", 1);
	ck_assert_int_eq(h_mov_cr_to(c, 4, CR4_PGE, 0), EXIT_NONE);
	ck_assert_int_eq(h_mov_cr_to(c, 3, PD_AT, 0), EXIT_NONE);
	ck_assert_int_eq(h_mov_cr_to(c, 0, c->cr0 | CR0_PG, 0), EXIT_NONE);
	ck_assert_int_eq(jit_new(&p->j, c, &opt, &e), VM_OK);
	c->rip = CODE;
	c->gpr[GPR_RSP] = KSTACK;
	ck_assert_int_eq(jit_run(p->j), JIT_HALTED);
	return (uint32_t)c->gpr[GPR_RBX];
}

static void end(struct prog *p)
{
	jit_free(p->j);
	fix_free(p->f);
}

/* Frames 1, 2, 1: what was found in between must not be found after the flush that ends it. */
START_TEST(there_and_back)
{
	struct prog p = begin(0);

	call(&p);
	set_pte(&p, FRAME2 | 3);
	invlpg(&p);
	call(&p);
	set_pte(&p, FRAME1 | 3 | PTE_A);
	load_cr3(&p, PD_AT);
	call(&p);
	ck_assert_uint_eq(run(&p, engines[_i]), 121);
	end(&p);
}
END_TEST

/* The same with the soft TLB's entry driven out in between instead of flushed. */
START_TEST(refilled)
{
	struct prog p = begin(0);

	call(&p);
	set_pte(&p, FRAME2 | 3);
	put(&p, "\xA1", 1); /* mov eax,[a page with the same place in the soft TLB] */
	put32(&p, FN + TLB_SIZE * PAGE_SIZE);
	call(&p);
	set_pte(&p, FRAME1 | 3 | PTE_A);
	load_cr3(&p, PD_AT);
	call(&p);
	/* without a flush either frame may answer (4.10.2.3); with it only the first */
	ck_assert_uint_eq(run(&p, engines[_i]) % 10, 1);
	end(&p);
}
END_TEST

/* Software clears A and flushes: the next fetch sets it, whoever remembers the code. */
START_TEST(accessed)
{
	struct prog p = begin(0);

	call(&p);
	set_pte(&p, FRAME1 | 3);
	load_cr3(&p, PD_AT);
	call(&p);
	ck_assert_uint_eq(run(&p, engines[_i]), 11);
	ck_assert_uint_eq(fix_rd(p.f, PT_AT + 4 * (FN >> 12), 4), FRAME1 | 3 | PTE_A);
	end(&p);
}
END_TEST

/* Two address spaces by turns; once known, their code is not looked up again. */
START_TEST(by_turns)
{
	struct prog p = begin(0);

	for (unsigned i = 0; i < 40; i++) {
		if (i == 36)
			put(&p, "\x31\xDB", 2); /* xor ebx,ebx */
		call(&p);
		load_cr3(&p, i & 1 ? PD_AT : PD2_AT);
	}
	ck_assert_uint_eq(run(&p, engines[_i]), 1212);
	if (engines[_i] == ACCEL_JIT) {
		ck_assert_uint_ge(p.j->st.checks, 36);
		ck_assert_uint_eq(p.j->st.forgets, 0);
	}
	end(&p);
}
END_TEST

/* CR4.PGE off and on flushes global pages, too; while it is off there are none. */
START_TEST(global)
{
	static const char pge[] = "\x0F\x20\xE0\x34\x80\x0F\x22\xE0"; /* mov eax,cr4; xor al,80h; mov cr4,eax */
	struct prog p = begin(PTE_G);

	call(&p);
	put(&p, pge, 8);
	call(&p);
	load_cr3(&p, PD2_AT);
	call(&p); /* 2: nothing is global */
	put(&p, pge, 8);
	call(&p);
	ck_assert_uint_eq(run(&p, engines[_i]), 1122);
	end(&p);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("context");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_add_loop_test(t, there_and_back, 0, 3);
	tcase_add_loop_test(t, refilled, 0, 2); /* in lockstep the second engine finds what the first has brought in */
	tcase_add_loop_test(t, accessed, 0, 3);
	tcase_add_loop_test(t, by_turns, 0, 3);
	tcase_add_loop_test(t, global, 0, 3);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad ? 1 : 0;
}
