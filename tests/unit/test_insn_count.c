/*
 * test_insn_count.c - how many instructions a program took, however it left its blocks: the interpreter counts each, translated code by the
 * block, as it begins (the trap log on x86-64 hosts) or as it ends (-icount; AArch64 hosts).
 */
#include "tests/unit/long_fix.h"
#include "jit/priv.h"

#define CODE 0x100000u
#define HANDLERS32 0x20000u

static const struct {
	const char *name, *code;
} programs[] = {
	{"hlt", "B8 01 00 00 00 40 F4"},
	{"mov to cr3, hlt", "40 0F 20 D8 0F 22 D8 40 F4"},
	{"loop", "B9 0A 00 00 00 40 49 75 FC F4"},
	{"#UD half-way", "40 40 0F 0B 40 F4"},
	{"#GP of a load", "40 40 8E D8 40 F4"}, /* mov ds,ax: AX is beyond the table */
	{"int 80h", "40 40 CD 80"},
	{"far jump", "40 EA 09 00 10 00 08 00 90 40 F4"},
	{"in al,dx; out dx,al", "40 EC 40 EE 40 F4"},
	{"sti, cli", "40 FB 40 FA 40 F4"},
	{"call, ret", "E8 02 00 00 00 40 F4 40 C3"},
	{"jump over a page", "40 E9 F9 0F 00 00"},
};

static const struct {
	enum jit_accel accel;
	bool icount;
	uint32_t opts_off;
} ways[] = {{ACCEL_INTERP, false, 0}, {ACCEL_JIT, false, 0}, {ACCEL_JIT, true, 0}, {ACCEL_JIT, true, JIT_OPT_NEXT}, {ACCEL_JIT, false, JIT_OPT_NEXT}};

static uint64_t count(unsigned program, unsigned way)
{
	struct jit_options opt = {.accel = ways[way].accel, .cache_bytes = 1 << 20, .opts_off = ways[way].opts_off, .icount = ways[way].icount};
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;
	struct jit *j;
	struct err e;
	uint64_t n;

	for (unsigned v = 0; v < 256; v++)
		fix_wr(f, HANDLERS32 + v * 16, 0xF440, 2); /* inc eax; hlt */
	fix_code(f, CODE + 0x1000, "40 40 F4");
	fix_code(f, CODE, programs[program].code);
	ck_assert_int_eq(jit_new(&j, c, &opt, &e), VM_OK);
	jit_count_insns(j, true);
	c->rip = CODE;
	c->insns = 0;
	c->gpr[GPR_RAX] = 0xFFFF;
	c->gpr[GPR_RDX] = 0x3F0;
	vcpu_update(c);
	while (jit_run(j) != JIT_HALTED)
		__atomic_and_fetch(&c->req, ~REQ_KICK, __ATOMIC_SEQ_CST);
	n = c->insns;
	jit_free(j);
	fix_free(f);
	return n;
}

START_TEST(counts)
{
	uint64_t n = count(_i, 0);

	for (unsigned way = 1; way < ARRAY_SIZE(ways); way++) {
		uint64_t got = count(_i, way);

		ck_assert_msg(got == n, "%s, way %u: %lu instructions, not %lu", programs[_i].name, way, got, n);
	}
}
END_TEST

/* ---- small blocks that branch to and fro in a page, and are left half-way ---- */

#define NODES 50
#define NODE_BYTES 48
#define VISITS 300

static uint32_t next_random(uint32_t *x)
{
	*x = *x * 1664525 + 1013904223;
	return *x >> 8;
}

/* Blocks of up to twelve INCs and, half of them, a load that may be beyond the segment; each goes on to any of them by a bit of EDX, or to the next, or to any by an indirect jump; VISITS of them, then @end */
static void make_maze(struct fix *f, uint32_t seed, const char *end)
{
	uint32_t exit = CODE + NODES * NODE_BYTES + 8;

	for (unsigned i = 0; i < NODES; i++) {
		uint32_t at = CODE + i * NODE_BYTES;

		for (unsigned n = next_random(&seed) % 13; n--; at++)
			fix_wr(f, at, 0x40 | (n & 1 ? 3 : 6), 1); /* inc ebx; inc esi */
		if (next_random(&seed) & 1)
			at += fix_code(f, at, "47 64 8A 07"); /* inc edi; mov al,fs:[edi] */
		at += fix_code(f, at, "D1 C2 49 0F 84"); /* rol edx,1; dec ecx; jz exit */
		fix_wr(f, at, exit - at - 4, 4);
		at += 4;
		at += fix_code(f, at, "F6 C2 01 0F 85"); /* test dl,1; jnz a node */
		fix_wr(f, at, CODE + next_random(&seed) % NODES * NODE_BYTES - at - 4, 4);
		at += 4;
		if (!(next_random(&seed) % 4)) { /* mov ebp,a node; jmp ebp */
			fix_wr(f, at, 0xBD, 1);
			fix_wr(f, at + 1, CODE + next_random(&seed) % NODES * NODE_BYTES, 4);
			fix_wr(f, at + 5, 0xE5FF, 2);
			continue;
		}
		fix_wr(f, at, 0xEB, 1); /* jmp: the next, or the first */
		fix_wr(f, at + 1, CODE + (i + 1) * NODE_BYTES - at - 2, 1);
	}
	fix_code(f, CODE + NODES * NODE_BYTES, "E9");
	fix_wr(f, CODE + NODES * NODE_BYTES + 1, -(uint64_t)(NODES * NODE_BYTES + 5), 4);
	fix_code(f, exit, end);
}

/* Ways through maze @seed, one after the other so that what the first has linked serves the next. *n: instructions of each */
static void walks(uint32_t seed, const struct jit_options *opt, uint64_t n[8])
{
	static const char *const end[] = {"40 F4", "40 40 0F 0B", "40 8E D8 F4"}; /* HLT, #UD, #GP of a load */
	struct fix *f = fix_prot(0);
	struct vcpu *c = f->cpu;
	struct jit *j;
	struct err e;

	for (unsigned v = 0; v < 256; v++)
		fix_wr(f, HANDLERS32 + v * 16, 0xF440, 2);
	make_maze(f, seed, end[seed % ARRAY_SIZE(end)]);
	ck_assert_int_eq(jit_new(&j, c, opt, &e), VM_OK);
	jit_count_insns(j, true);
	ck_assert_int_eq(h_load_seg(c, SEG_FS, S_RO, 0), EXIT_NONE); /* 4 KiB */
	for (unsigned i = 0; i < 8; i++) {
		c->rip = CODE + next_random(&seed) % NODES * NODE_BYTES;
		c->insns = c->halted = 0;
		c->gpr[GPR_RAX] = 0xFFFF;
		c->gpr[GPR_RBX] = c->gpr[GPR_RSI] = 0;
		c->gpr[GPR_RDX] = next_random(&seed) << 16 ^ next_random(&seed);
		c->gpr[GPR_RCX] = VISITS;
		c->gpr[GPR_RDI] = 0x1000 - next_random(&seed) % (2 * VISITS);
		c->gpr[GPR_RSP] = KSTACK;
		vcpu_update(c);
		while (jit_run(j) != JIT_HALTED)
			__atomic_and_fetch(&c->req, ~REQ_KICK, __ATOMIC_SEQ_CST);
		n[i] = c->insns;
		ck_assert_uint_ge(n[i], (VISITS - c->gpr[GPR_RCX]) * 5 + c->gpr[GPR_RBX] + c->gpr[GPR_RSI]);
	}
	jit_free(j);
	fix_free(f);
}

START_TEST(maze)
{
	static const struct jit_options way[] = {{.accel = ACCEL_JIT}, {.accel = ACCEL_JIT, .opts_off = JIT_OPT_POLL}, {.accel = ACCEL_JIT, .all_sides = true},
		{.accel = ACCEL_JIT, .no_link = true}, {.accel = ACCEL_JIT, .icount = true}, {.accel = ACCEL_JIT, .one_insn = true},
		{.accel = ACCEL_LOCKSTEP}};
	const struct jit_options interp = {.accel = ACCEL_INTERP, .cache_bytes = 1 << 20};
	uint64_t want[8], got[8];

	walks((uint32_t)_i, &interp, want);
	for (unsigned w = 0; w < ARRAY_SIZE(way); w++) {
		struct jit_options opt = way[w];

		opt.cache_bytes = 1 << 20;
		walks((uint32_t)_i, &opt, got);
		for (unsigned i = 0; i < 8; i++)
			ck_assert_msg(got[i] == want[i], "maze %d, way %u, walk %u: %lu instructions, not %lu", _i, w, i, got[i], want[i]);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("how many instructions");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_add_loop_test(t, counts, 0, ARRAY_SIZE(programs));
	tcase_add_loop_test(t, maze, 0, 60);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
