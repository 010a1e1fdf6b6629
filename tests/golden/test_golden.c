/*
 * test_golden.c - the host code of some short guest blocks (blocks.def) is what blocks-HOST.txt
 * says.
 *
 * Wrong code is found elsewhere; this shows *changed* code, so that a change that costs
 * instructions is seen and one that saves them is shown. After an intended change:
 * DRAGOMAN_GOLDEN=write test_golden, and read the diff. Kept is the code up to the first call-out;
 * behind it lie the cold paths. Addresses are written as @, jumps within the block as distances
 * from its start. All optional host features are masked, so that every host of a kind makes the
 * same code; the blocks with VEX instructions have a file of their own, compared where an x86-64
 * host has AVX2, and those for FEAT_AFP and LSE one, compared where an AArch64 host has them. 64-bit
 * code is shown for x86-64 hosts, which keep six of its registers in memory.
 */
#include "tests/unit/long_fix.h"
#include "jit/priv.h"
#include <inttypes.h>

#define CODE 0x100000u
#if defined(__aarch64__)
#define HOST "a64"
#define CALL ":  bl "
#else
#define HOST "x64"
#define CALL ":  call"
#endif

struct golden {
	const char *name, *bytes;
	bool code64;
};

static const struct golden cases[] = {
#define GOLDEN(name, bytes) {#name, bytes, false},
#define GOLDEN_AVX(name, bytes)
#define GOLDEN_AFP(name, bytes)
#define GOLDEN_64(name, bytes)
#include "tests/golden/blocks.def"
#undef GOLDEN
#undef GOLDEN_AVX
#undef GOLDEN_AFP
#undef GOLDEN_64
};
#if defined(__x86_64__)
static const struct golden cases_64[] = {
#define GOLDEN(name, bytes)
#define GOLDEN_AVX(name, bytes)
#define GOLDEN_AFP(name, bytes)
#define GOLDEN_64(name, bytes) {#name, bytes, true},
#include "tests/golden/blocks.def"
#undef GOLDEN
#undef GOLDEN_AVX
#undef GOLDEN_AFP
#undef GOLDEN_64
};
static const struct golden avx_cases[] = {
#define GOLDEN(name, bytes)
#define GOLDEN_AVX(name, bytes) {#name, bytes, false},
#define GOLDEN_AFP(name, bytes)
#define GOLDEN_64(name, bytes)
#include "tests/golden/blocks.def"
#undef GOLDEN
#undef GOLDEN_AVX
#undef GOLDEN_AFP
#undef GOLDEN_64
};
#elif defined(__aarch64__)
static const struct golden afp_cases[] = {
#define GOLDEN(name, bytes)
#define GOLDEN_AVX(name, bytes)
#define GOLDEN_AFP(name, bytes) {#name, bytes, false},
#define GOLDEN_64(name, bytes)
#include "tests/golden/blocks.def"
#undef GOLDEN
#undef GOLDEN_AVX
#undef GOLDEN_AFP
#undef GOLDEN_64
};
#endif

/* What a host must have for them, and may use. */
static const struct {
	const struct golden *cases;
	unsigned n;
	uint32_t needs;
	const char *expected;
} sets[] = {
	{cases, ARRAY_SIZE(cases), 0, "tests/golden/blocks-" HOST ".txt"},
#if defined(__x86_64__)
	{cases_64, ARRAY_SIZE(cases_64), 0, "tests/golden/blocks-" HOST "-64.txt"},
	{avx_cases, ARRAY_SIZE(avx_cases), HOSTF_AVX | HOSTF_AVX2 | HOSTF_FMA,
		"tests/golden/blocks-" HOST "-avx.txt"},
#elif defined(__aarch64__)
	{afp_cases, ARRAY_SIZE(afp_cases), HOSTF_AFP | HOSTF_FRINT | HOSTF_LSE, "tests/golden/blocks-" HOST "-afp.txt"},
#endif
};

/* The guest bytes, then JMP to the HLT behind it. */
static void write_code(struct fix *f, const char *hex)
{
	unsigned n = 0, v;
	int used;

	for (; sscanf(hex, " %2x%n", &v, &used) == 1; hex += used)
		fix_wr(f, CODE + n++, v, 1);
	fix_wr(f, CODE + n, 0xF400EB, 4);
}

/* Where the host code lies; its cold paths are counted as if they were behind it. */
struct listing {
	uint64_t start, len, cold, cold_len;
};

static bool inside(const struct listing *p, uint64_t at, uint64_t *off)
{
	*off = at - p->cold < p->cold_len ? p->len + at - p->cold : at - p->start;
	return *off < p->len + p->cold_len;
}

/* One line of the listing, without what differs between two runs. */
static void normalise(FILE *out, const char *line, const struct listing *p)
{
	while (*line && *line != '\n') {
		uint64_t v, off;
		char *end;

		if (line[0] != '0' || line[1] != 'x') {
			fputc(*line++, out);
			continue;
		}
		v = strtoull(line, &end, 16);
		if (inside(p, v, &off))
			fprintf(out, "+%" PRIx64, off);
		else if (v >= 0x10000000 || !strncmp(line - 6, "[rip", 4))
			fputc('@', out);
		else
			fprintf(out, "0x%" PRIx64, v);
		line = end;
	}
	fputc('\n', out);
}

/* Translate one case and append its section. */
static void section(FILE *out, const struct golden *g, uint32_t host)
{
	struct jit_options opt = {.accel = ACCEL_JIT, .host_mask = ~host};
	struct fix *f = g->code64 ? fix_long("max", 0) : fix_prot(0);
	struct listing p = {0};
	char *text, *line, *save;
	struct jit *j;
	size_t size;
	struct err e;

	write_code(f, g->bytes);
	f->log.out = open_memstream(&text, &size);
	f->log.mask = BIT(LOG_OUT);
	f->log.range[0] = (struct log_range){CODE, CODE};
	f->log.nranges = 1;
	ck_assert_int_eq(jit_new(&j, f->cpu, &opt, &e), VM_OK);
	f->cpu->rip = CODE;
	f->cpu->cr4 |= CR4_OSFXSR | CR4_OSXSAVE;
	f->cpu->xcr0 = host ? 7 : 3;
	vcpu_update(f->cpu);
	ck_assert_ptr_nonnull(exec_lookup(j, f->cpu->mode));
	fflush(f->log.out);
	fprintf(out, "## %s: %s\n", g->name, g->bytes);
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (sscanf(line, "OUT: [%" SCNu64 " bytes for %*u, and %" SCNu64 " of cold paths at %" SCNx64, &p.len, &p.cold_len,
			    &p.cold) == 3)
			continue;
		ck_assert_msg(p.len, "no listing for %s", g->name);
		if (!p.start)
			p.start = strtoull(line, NULL, 16);
		if (strstr(line, CALL))
			break; /* call-outs carry data behind them, which is no code */
		normalise(out, strchr(line, ':') + 3, &p);
	}
	fclose(f->log.out);
	f->log.out = stderr;
	free(text);
	jit_free(j);
	fix_free(f);
}

static char *read_file(const char *name)
{
	FILE *in = fopen(name, "r");
	char *text = calloc(1, 1 << 20);

	ck_assert_msg(in != NULL, "no file %s: run from the repository's root", name);
	ck_assert_uint_lt(fread(text, 1, 1 << 20, in), 1 << 20);
	fclose(in);
	return text;
}

START_TEST(host_code)
{
	const char *mode = getenv("DRAGOMAN_GOLDEN");
	char *text, *expected;
	size_t size, at;
	FILE *out;

	if (sets[_i].needs & ~host_detect()) {
		printf("skipped: this host lacks what %s is made for\n", sets[_i].expected);
		return;
	}
	out = open_memstream(&text, &size);
	for (unsigned i = 0; i < sets[_i].n; i++)
		section(out, &sets[_i].cases[i], sets[_i].needs);
	fclose(out);
	if (mode && !strcmp(mode, "write")) {
		out = fopen(sets[_i].expected, "w");
		ck_assert(out != NULL);
		fputs(text, out);
		fclose(out);
	}
	expected = read_file(sets[_i].expected);
	for (at = 0; text[at] && text[at] == expected[at]; at++)
		;
	ck_assert_msg(text[at] == expected[at],
		"host code differs from %s (a change that is meant: run again with "
		"DRAGOMAN_GOLDEN=write and read the diff) "
		"here:\n%.400s\n--- expected:\n%.400s",
		sets[_i].expected, text + at - (at < 200 ? at : 200),
		expected + at - (at < 200 ? at : 200));
	free(text);
	free(expected);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("golden");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, host_code, 0, ARRAY_SIZE(sets));
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
