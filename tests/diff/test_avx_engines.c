/*
 * test_avx_engines.c - VEX and SSE rows inside programs: the host's processor, the interpreter and the translator must agree.
 *
 * Each case, in 64-bit or 32-bit code, loads MXCSR and four YMM registers, runs the row's instruction and one of
 * another row, and stores the registers; its memory operand may end in a page that must not be written, or where
 * nothing is, or start at an address that is not canonical. Registers, flags, memory, vector, error code and CR2 are
 * compared (diff.h). Without a host that has AVX2 the engines are compared with each other.
 * Arguments: cases per row (default 12), then the start of the row ids to run (default all).
 */
#include "tests/diff/support/fpprog.h"
#include "tests/diff/support/vendor.h"
#include "tests/diff/support/vexgen.h"
#include "cpu/insn/rows.h"
#include "jit/jit.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

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
			why = vendor_compare(guest_cpu(t->guest[0])->index, &t->c[i], &t->native[i], &t->ours);
			if (why)
				report(t, i, e, why);
		}
	}
	t->ran += n;
}

/* Dot products: the translator's are the host's, the interpreter's are Intel's. */
static bool is_tested(const struct insn_row *r)
{
	return fpprog_is_vector(r) || (r->id && vexgen_is_dot(r) && host_intel());
}

START_TEST(programs)
{
	struct engines *t = calloc(1, sizeof(*t));
	const char *why = "the host has no AVX2";
	const struct insn_index *ix;

	t->mem = mmap(NULL, HOST_BATCH * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert(t->mem != MAP_FAILED);
	t->host = host_has(FEAT_AVX2) ? host_new(&why) : NULL;
	if (!t->host)
		printf("no native run: %s; interpreter against translator only\n", why);
	t->guest[ENGINE_INTERP] = guest_new(ACCEL_INTERP);
	t->guest[ENGINE_JIT] = guest_new(ACCEL_JIT);
	t->guest[ENGINE_LESSER] = guest_new_masked(ACCEL_JIT, UINT32_MAX);
	ix = guest_cpu(t->guest[0])->index;
	for (unsigned id = 0; id < INSN_COUNT; id++) {
		if (!is_tested(&insn_rows[id]) || strncmp(insn_rows[id].id, only, strlen(only)) ||
			(t->host && !host_has(insn_rows[id].feature)))
			continue;
		for (unsigned i = 0; i < cases; i++) {
			uint64_t m = insn_rows[id].match;
			unsigned mode = i & 1 && !(m & MATCH_MODE64) && (m & MATCH_VEX || !(m & MATCH_W1)) ? 4 : 8;

			ck_assert_msg(fpprog_vector(ix, id, mode, !t->host, &t->c[t->n], t->mem[t->n]), "%s: no encoding found",
				insn_rows[id].id);
			if (++t->n == HOST_BATCH)
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
