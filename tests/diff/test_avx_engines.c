/*
 * test_avx_engines.c - VEX and SSE rows inside programs: the host's processor, the interpreter and the translator must agree.
 *
 * Each case, in 64-bit or 32-bit code, loads MXCSR and four YMM registers, runs the row's instruction and one of
 * another row, and stores the registers; its memory operand may end in a page that must not be written, or where
 * nothing is, or start at an address that is not canonical. Registers, flags, memory, vector, error code and CR2 are
 * compared (diff.h). Without a host that has AVX2 the engines are compared with each other.
 * Arguments: cases per row (default 12), then the start of the row ids to run (default all).
 */
#include "tests/diff/support/diff.h"
#include "tests/diff/support/values.h"
#include "tests/diff/support/vexgen.h"
#include "cpu/insn/rows.h"
#include "jit/jit.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define REGS 0x0E  /* YMM1 to YMM3 */
#define BASE 0x80  /* where RDI points in the data page: inputs before it, results from it on */
#define DATA 0x400 /* where RSI points, mostly */

static unsigned cases = 12;
static const char *only = "";

enum { ENGINE_INTERP, ENGINE_JIT, ENGINE_LESSER, ENGINES }; /* LESSER: no optional feature of the host is used */
static const char *const engine_names[ENGINES] = {"interp", "jit", "jit on a lesser host"};

struct engines {
	uint8_t (*mem)[PAGE_SIZE]; /* of each case; shared with the host's child */
	struct host *host;
	struct guest *guest[ENGINES];
	struct diff_case c[HOST_BATCH];
	struct diff_result native[HOST_BATCH], ours;
	unsigned n, bad, ran, faults;
};

static bool has_mmx_operand(const struct insn_row *r)
{
	for (unsigned i = 0; i < 3; i++)
		switch (opnd_specs[r->op[i]].method) {
		case METHOD_P: case METHOD_Q: case METHOD_N: return true;
		}
	return false;
}

static bool eligible(const struct insn_row *r)
{
	if (r->id && !strcmp(r->semantics, "sse"))
		return !vexgen_is_approximate(r) && !has_mmx_operand(r) && !(r->map == 1 && r->opcode == 0xAE);
	/* VSTMXCSR, VLDMXCSR: any page's bytes are reserved bits; AMD has one more bit */
	return r->id && !strcmp(r->semantics, "avx") && !vexgen_is_approximate(r) && !(r->map == 1 && r->opcode == 0xAE);
}

static unsigned add(struct diff_case *c, const char *hex)
{
	for (unsigned v; sscanf(hex, "%2x", &v) == 1; hex += hex[2] ? 3 : 2)
		c->code[c->len++] = v;
	return c->len;
}

/* An encoding of row @id, or false */
static bool add_row(struct diff_case *c, const struct insn_index *ix, unsigned id)
{
	uint8_t b[15] = {0};
	struct insn in;

	for (unsigned i = 0; i < 200; i++) {
		vexgen_encode(&insn_rows[id], b, REGS);
		if (insn_decode(ix, b, 15, c->mode, &in) != DECODE_OK || in.id != id || !vexgen_usable(&in))
			continue;
		memcpy(c->code + c->len, b, in.len);
		c->len += in.len;
		return true;
	}
	return false;
}

static uint64_t memory_operand(unsigned mode)
{
	uint64_t v = value_rnd();

	switch (v % 8) {
	case 0: return DIFF_RO - 1 - (v >> 8) % 40;
	case 1: return DIFF_RO + PAGE_SIZE - 1 - (v >> 8) % 40;
	case 2: return v & 0x100 || mode != 8 ? DIFF_DATA - (v >> 9) % 40 : (v & 0x200 ? 0x800000000000 : 0x8000000000000000) - (v >> 10) % 40;
	default: return DIFF_DATA + DATA + ((v & 0x100 ? 0 : v >> 9) & 31);
	}
}

static void fill(uint8_t *mem)
{
	uint32_t mxcsr = 0x1F80 | (value_rnd() & 3) << 13 | (value_rnd() & 3 ? 0 : 0x8040);
	unsigned kind = value_rnd() % 10;

	if (!(value_rnd() & 3))
		mxcsr &= ~(value_rnd() & 0x1F80);
	for (unsigned i = 0; i < PAGE_SIZE; i += 16)
		value_vector(mem + i, kind < 9 ? kind : value_rnd() % 9);
	/* indices that stay near, now and then */
	if (value_rnd() & 1)
		for (unsigned i = 0; i < 32; i += 8)
			mem[BASE - 0x60 + i + 1] = mem[BASE - 0x60 + i + 2] = mem[BASE - 0x60 + i + 3] = 0;
	memcpy(mem, &mxcsr, 4);
}

static bool make(struct engines *t, unsigned id, unsigned mode)
{
	static const uint16_t sel64[SEG_COUNT] = {SEL_DATA, SEL_CODE64, SEL_DATA, SEL_DATA, 0, 0};
	static const uint16_t sel32[SEG_COUNT] = {SEL_DATA, SEL_CODE32, SEL_DATA, SEL_DATA, SEL_DATA, SEL_DATA};
	const struct insn_index *ix = guest_cpu(t->guest[0])->index;
	struct diff_case *c = &t->c[t->n];
	unsigned other;

	memset(c, 0, sizeof(*c));
	c->mode = mode;
	c->at = 0x800;
	c->eflags = FL_1 | FL_IF | (value_rnd() & FL_ARITH);
	memcpy(c->sel, mode == 8 ? sel64 : sel32, sizeof(sel64));
	c->mem = t->mem[t->n];
	fill(t->mem[t->n]);
	c->gpr[GPR_RDI] = DIFF_DATA + BASE;
	c->gpr[GPR_RSI] = memory_operand(mode);
	for (unsigned i = GPR_RAX; i <= GPR_RDX; i++)
		c->gpr[i] = value_quad(value_rnd() & 1 ? 6 : 0);
	/* vldmxcsr; vmovdqu ymm0..3, [rdi-...]: some rows read XMM0 without naming it */
	add(c, "C5 F8 AE 57 80 C5 FE 6F 47 90 C5 FE 6F 4F A0 C5 FE 6F 57 C0 C5 FE 6F 5F E0");
	if (!add_row(c, ix, id))
		return false;
	do
		other = value_rnd() % INSN_COUNT;
	while (!eligible(&insn_rows[other]) || (t->host && !host_has(insn_rows[other].feature)) || !add_row(c, ix, other));
	/* AMD's SHA instructions look for the page before the alignment, all others of its SSE after it; the manuals leave that open */
	if (insn_rows[id].feature == FEAT_SHA || insn_rows[other].feature == FEAT_SHA)
		c->gpr[GPR_RSI] &= ~15ull;
	add(c, "C5 FE 7F 0F C5 FE 7F 57 20 C5 FE 7F 5F 40 C5 F8 AE 5F 60"); /* vmovdqu [rdi+...], ymm1..3; vstmxcsr */
	t->n++;
	return true;
}

static void report(struct engines *t, unsigned i, unsigned engine, const char *why)
{
	const struct diff_case *c = &t->c[i];
	struct insn in;
	char text[128];

	if (t->bad++ > 20)
		return;
	fprintf(stderr, "%s: %s differs; rsi %llx\n", engine_names[engine], why, (unsigned long long)c->gpr[GPR_RSI]);
	for (unsigned at = 25; at < c->len - 19u; at += in.len) {
		insn_decode(guest_cpu(t->guest[0])->index, c->code + at, 15, c->mode, &in);
		insn_text(&in, 0, text, sizeof(text));
		fprintf(stderr, "   +%u %s\n", at, text);
	}
	diff_print(c, &t->native[i], &t->ours);
}

static void run_batch(struct engines *t)
{
	unsigned n = t->n;

	t->n = 0;
	if (t->host)
		ck_assert_msg(host_run(t->host, t->c, t->native, &n), "the host's child died");
	for (unsigned i = 0; i < n; i++) {
		if (!t->host)
			guest_run(t->guest[ENGINE_INTERP], &t->c[i], &t->native[i]);
		t->faults += t->native[i].vec != 3;
		for (unsigned e = t->host ? ENGINE_INTERP : ENGINE_JIT; e < ENGINES; e++) {
			const char *why;

			guest_run(t->guest[e], &t->c[i], &t->ours);
			why = diff_compare(&t->c[i], &t->native[i], &t->ours);
			if (why)
				report(t, i, e, why);
		}
	}
	t->ran += n;
}

START_TEST(programs)
{
	struct engines *t = calloc(1, sizeof(*t));
	const char *why = "the host has no AVX2";

	t->mem = mmap(NULL, HOST_BATCH * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert(t->mem != MAP_FAILED);
	t->host = host_has(FEAT_AVX2) ? host_new(&why) : NULL;
	if (!t->host)
		printf("no native run: %s; interpreter against translator only\n", why);
	t->guest[ENGINE_INTERP] = guest_new(ACCEL_INTERP);
	t->guest[ENGINE_JIT] = guest_new(ACCEL_JIT);
	t->guest[ENGINE_LESSER] = guest_new_masked(ACCEL_JIT, UINT32_MAX);
	for (unsigned id = 0; id < INSN_COUNT; id++) {
		if (!eligible(&insn_rows[id]) || strncmp(insn_rows[id].id, only, strlen(only)) ||
			(t->host && !host_has(insn_rows[id].feature)))
			continue;
		for (unsigned i = 0; i < cases; i++) {
			uint64_t m = insn_rows[id].match;
			unsigned mode = i & 1 && !(m & MATCH_MODE64) && (m & MATCH_VEX || !(m & MATCH_W1)) ? 4 : 8;

			ck_assert_msg(make(t, id, mode), "%s: no encoding found", insn_rows[id].id);
			if (t->n == HOST_BATCH)
				run_batch(t);
		}
	}
	run_batch(t);
	printf("%u programs, %u fault, %u differences\n", t->ran, t->faults, t->bad);
	ck_assert_uint_gt(t->ran, 0);
	ck_assert_uint_eq(t->bad, 0);
	if (t->host)
		host_free(t->host);
	guest_free(t->guest[ENGINE_INTERP]);
	guest_free(t->guest[ENGINE_JIT]);
	guest_free(t->guest[ENGINE_LESSER]);
	munmap(t->mem, HOST_BATCH * PAGE_SIZE);
	free(t);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *s = suite_create("avx_engines");
	TCase *c = tcase_create("programs");
	SRunner *r;
	int bad;

	if (argc > 1)
		cases = atoi(argv[1]);
	if (argc > 2)
		only = argv[2];
	tcase_set_timeout(c, 600);
	tcase_add_test(c, programs);
	suite_add_tcase(s, c);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
