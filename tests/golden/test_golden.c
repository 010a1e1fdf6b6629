/*
 * test_golden.c - the host code of some short guest blocks (blocks.def) is what blocks-HOST.txt says.
 *
 * Wrong code is found elsewhere; this shows *changed* code, so that a change that costs
 * instructions is seen and one that saves them is shown. After an intended change:
 * DRAGOMAN_GOLDEN=write test_golden, and read the diff. Kept is the code up to the first call-out;
 * behind it lie the cold paths. Addresses are written as @, jumps within the block as distances
 * from its start. All optional host features are masked, so that every host of a kind makes the same
 * code.
 */
#include "tests/unit/ring0_fix.h"
#include "jit/priv.h"
#include <inttypes.h>

#define CODE 0x100000u
#if defined(__aarch64__)
#define EXPECTED "tests/golden/blocks-a64.txt"
#define CALL ":  bl "
#else
#define EXPECTED "tests/golden/blocks-x64.txt"
#define CALL ":  call"
#endif

static const struct {
	const char *name, *bytes;
} cases[] = {
#define GOLDEN(name, bytes) {#name, bytes},
#include "tests/golden/blocks.def"
#undef GOLDEN
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

/* One line of the listing, without what differs between two runs. */
static void normalise(FILE *out, const char *line, uint64_t start, uint64_t len)
{
	while (*line && *line != '\n') {
		uint64_t v;
		char *end;

		if (line[0] != '0' || line[1] != 'x') {
			fputc(*line++, out);
			continue;
		}
		v = strtoull(line, &end, 16);
		if (v - start < len)
			fprintf(out, "+%" PRIx64, v - start);
		else if (v >= 0x10000000 || !strncmp(line - 6, "[rip", 4))
			fputc('@', out);
		else
			fprintf(out, "0x%" PRIx64, v);
		line = end;
	}
	fputc('\n', out);
}

/* Translate one case and append its section. */
static void section(FILE *out, unsigned i)
{
	struct jit_options opt = {.accel = ACCEL_JIT, .host_mask = ~0u};
	struct fix *f = fix_prot(0);
	uint64_t start = 0, len = 0;
	char *text, *line, *save;
	struct jit *j;
	size_t size;
	struct err e;

	write_code(f, cases[i].bytes);
	f->log.out = open_memstream(&text, &size);
	f->log.mask = BIT(LOG_OUT);
	f->log.lo = f->log.hi = CODE;
	ck_assert_int_eq(jit_new(&j, f->cpu, &opt, &e), VM_OK);
	f->cpu->rip = CODE;
	f->cpu->cr4 |= CR4_OSFXSR;
	vcpu_update(f->cpu);
	ck_assert_ptr_nonnull(exec_lookup(j, f->cpu->mode));
	fflush(f->log.out);
	fprintf(out, "## %s: %s\n", cases[i].name, cases[i].bytes);
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		unsigned bytes;

		if (sscanf(line, "OUT: [%u bytes", &bytes) == 1) {
			len = bytes;
			continue;
		}
		ck_assert_msg(len, "no listing for %s", cases[i].name);
		if (!start)
			start = strtoull(line, NULL, 16);
		if (strstr(line, CALL))
			break; /* call-outs carry data behind them, which is no code */
		normalise(out, strchr(line, ':') + 3, start, len);
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
	FILE *out = open_memstream(&text, &size);

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		section(out, i);
	fclose(out);
	if (mode && !strcmp(mode, "write")) {
		out = fopen(EXPECTED, "w");
		ck_assert(out != NULL);
		fputs(text, out);
		fclose(out);
	}
	expected = read_file(EXPECTED);
	for (at = 0; text[at] && text[at] == expected[at]; at++)
		;
	ck_assert_msg(text[at] == expected[at],
		"host code differs from " EXPECTED
		" (a change that is meant: run again with DRAGOMAN_GOLDEN=write and read the diff) "
		"here:\n%.400s\n--- expected:\n%.400s",
		text + at - (at < 200 ? at : 200), expected + at - (at < 200 ? at : 200));
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
	tcase_add_test(t, host_code);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
