/*
 * test_groups.c - several accesses off one base by one probe: over the end of a page, into a page that is not there, of a device, in
 * every engine. What a probe cannot answer the interpreter does, each access once, and for a while only: the block is then
 * translated without.
 */
#include "tests/unit/long_fix.h"
#include "jit/priv.h"

#define CODE 0x100000u
#define DATA 0x180000u
#define MMIO 0x70000000u
#define ROUNDS 40

struct device {
	unsigned reads, writes;
};

static uint64_t dev_read(void *opaque, uint64_t at, unsigned size)
{
	(void)at;
	(void)size;
	return ++((struct device *)opaque)->reads;
}

static void dev_write(void *opaque, uint64_t at, uint64_t v, unsigned size)
{
	(void)at;
	(void)v;
	(void)size;
	((struct device *)opaque)->writes++;
}

static const struct {
	enum jit_accel accel;
	uint32_t opts_off;
	bool count;
} ways[] = {{ACCEL_INTERP, 0, false}, {ACCEL_JIT, 0, false}, {ACCEL_JIT, 0, true}, {ACCEL_JIT, JIT_OPT_GROUP, true}, {ACCEL_LOCKSTEP, 0, false}};

/* mov eax,[esi]; add ebx,eax; mov eax,[esi+4]; add ebx,eax; mov [esi+8],ebx; dec ecx; jnz; hlt: EBX after ROUNDS with ESI = @at */
static uint32_t sums(struct fix *f, unsigned way, uint32_t at, uint64_t *single)
{
	struct jit_options opt = {.accel = ways[way].accel, .cache_bytes = 1 << 20, .opts_off = ways[way].opts_off};
	struct vcpu *c = f->cpu;
	struct jit *j;
	struct err e;

	fix_code(f, CODE, "8B 06 01 C3 8B 46 04 01 C3 89 5E 08 49 75 F1 F4");
	ck_assert_int_eq(jit_new(&j, c, &opt, &e), VM_OK);
	if (ways[way].count)
		jit_count_insns(j, true);
	c->rip = CODE;
	c->insns = 0;
	c->gpr[GPR_RBX] = 0;
	c->gpr[GPR_RCX] = ROUNDS;
	c->gpr[GPR_RSI] = at;
	vcpu_update(c);
	ck_assert_int_eq(jit_run(j), JIT_HALTED);
	if (ways[way].count && jit_counts_cheaply(j))
		ck_assert_uint_eq(c->insns, ROUNDS * 7 + 1);
	*single = j->st.ones;
	jit_free(j);
	return (uint32_t)c->gpr[GPR_RBX];
}

START_TEST(memory)
{
	static const uint32_t at[] = {DATA, DATA + 0xFF8, DATA + 0xFFC, DATA + 0xFFE, DATA + 0xFF4};
	uint64_t single;

	for (unsigned i = 0; i < ARRAY_SIZE(at); i++) {
		struct fix *f = fix_prot(0);

		fix_wr(f, at[i], 0x12345, 4);
		fix_wr(f, at[i] + 4, 0x1000000, 4);
		ck_assert_uint_eq(sums(f, _i, at[i], &single), ROUNDS * 0x1012345);
		ck_assert_uint_eq(fix_rd(f, at[i] + 8, 4), ROUNDS * 0x1012345);
		ck_assert_uint_le(single, ways[_i].accel == ACCEL_JIT ? 16 : ROUNDS * 8);
		fix_free(f);
	}
}
END_TEST

START_TEST(device)
{
	static const struct io_ops ops = {.name = "dev", .read = dev_read, .write = dev_write, .min = 1, .max = 4};
	struct device d = {0};
	struct fix *f = fix_prot(0);
	struct region regs;
	uint64_t single;

	space_add_io(&f->mem, &regs, "dev", MMIO, 0x1000, &ops, &d);
	ck_assert_uint_eq(sums(f, _i, MMIO + 0x10, &single), 2 * ROUNDS * (2 * ROUNDS + 1) / 2);
	if (ways[_i].accel != ACCEL_LOCKSTEP) { /* there the second engine's are replayed */
		ck_assert_uint_eq(d.reads, 2 * ROUNDS);
		ck_assert_uint_eq(d.writes, ROUNDS);
	}
	fix_free(f);
}
END_TEST

/* What a user page (2 MB at ABSENT) does not allow is the fault of the access that did it; of the first one without the interpreter. */
#define ABSENT 0x600000u

static const struct {
	const char *code;
	unsigned pde; /* low bits */
	uint32_t cr2, error;
	bool single;
} faults[] = {
	{"8B 06 8B 5E 04 F4", 0x86, ABSENT, 4, false},	/* mov eax,[rsi]; mov ebx,[rsi+4] */
	{"8B 46 04 8B 1E F4", 0x86, ABSENT + 4, 4, false},
	{"89 46 08 8B 1E F4", 0x85, ABSENT + 8, 7, false}, /* mov [rsi+8],eax; ... */
	{"8B 46 04 89 1E F4", 0x85, ABSENT, 7, true},	/* half-way */
};

START_TEST(fault)
{
	for (unsigned way = 0; way < ARRAY_SIZE(ways); way++) {
		struct jit_options opt = {.accel = ways[way].accel, .cache_bytes = 1 << 20, .opts_off = ways[way].opts_off};
		struct fix *f = fix_long("max", 3);
		struct vcpu *c = f->cpu;
		struct jit *j;
		struct err e;

		fix_wr(f, PML4 + 0x2000 + 3 * 8, faults[_i].pde, 8);
		fix_code(f, UCODE_AT, faults[_i].code);
		c->gpr[GPR_RSI] = ABSENT;
		ck_assert_int_eq(jit_new(&j, c, &opt, &e), VM_OK);
		vcpu_update(c);
		tlb_flush(&c->mmu, true);
		ck_assert_int_eq(jit_run(j), JIT_HALTED);
		ck_assert_uint_eq((c->rip - HANDLERS) / 16, 14);
		ck_assert_uint_eq(c->cr2, faults[_i].cr2);
		ck_assert_uint_eq(fix_frame(f, 0), faults[_i].error);
		ck_assert_uint_eq(fix_frame(f, 1), UCODE_AT + (faults[_i].single ? 3 : 0));
		if (ways[way].accel == ACCEL_JIT)
			ck_assert_uint_eq(j->st.ones, faults[_i].single && !ways[way].opts_off);
		jit_free(j);
		fix_free(f);
	}
}
END_TEST

/* mov eax,[esi]; mov ebx,[esi-8]; hlt, ESI = 4: the first access is at the start of memory, which is there, the second at its end, which is not. */
#define PD 0x8000u

START_TEST(wrap)
{
	struct jit_options opt = {.accel = ways[_i].accel, .cache_bytes = 1 << 20, .opts_off = ways[_i].opts_off};
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;
	struct jit *j;
	struct err e;

	fix_wr(f, PD, 0x83, 4); /* the first 4 MB as they are; the last are not present */
	ck_assert_int_eq(h_mov_cr_to(c, 4, CR4_PSE, 0), EXIT_NONE);
	ck_assert_int_eq(h_mov_cr_to(c, 3, PD, 0), EXIT_NONE);
	ck_assert_int_eq(h_mov_cr_to(c, 0, CR0_PG | CR0_PE | CR0_NE, 0), EXIT_NONE);
	fix_wr(f, 4, 0x12345, 4);
	fix_wr(f, 0x20000 + 14 * 16, 0xF4, 1);
	fix_code(f, CODE, "8B 06 8B 5E F8 F4");
	c->rip = CODE;
	c->gpr[GPR_RSI] = 4;
	vcpu_update(c);
	ck_assert_int_eq(jit_new(&j, c, &opt, &e), VM_OK);
	ck_assert_int_eq(jit_run(j), JIT_HALTED);
	ck_assert_uint_eq(c->rip, 0x20000 + 14 * 16 + 1);
	ck_assert_uint_eq(c->gpr[GPR_RAX], 0x12345);
	ck_assert_uint_eq(c->cr2, 0xFFFFFFFC);
	ck_assert_uint_eq(fix_rd(f, c->gpr[GPR_RSP] + 4, 4), CODE + 2);
	jit_free(j);
	fix_free(f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("groups");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_add_loop_test(t, memory, 0, ARRAY_SIZE(ways));
	tcase_add_loop_test(t, device, 0, ARRAY_SIZE(ways));
	tcase_add_loop_test(t, fault, 0, ARRAY_SIZE(faults));
	tcase_add_loop_test(t, wrap, 0, ARRAY_SIZE(ways));
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
