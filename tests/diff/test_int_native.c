/*
 * test_int_native.c - integer instructions against the host's processor: random cases from the rows, run natively, by
 * the interpreter and by the translator; registers, flags, memory, selectors, vector and error code must agree.
 *
 * A difference is shrunk to as few instructions and registers as still show it and printed as a row; the rows of bugs that
 * were fixed are in int_cases.def and run first. Without a suitable host the two engines are compared with each other.
 * Arguments: cases (default 50,000; 2 million with DRAGOMAN_LONG set), row id prefix, seed.
 */
#include "tests/diff/support/diff.h"
#include "cpu/insn/rows.h"
#include "jit/jit.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
	unsigned long cases;
	const char *only;
	uint64_t seed;
};
static struct options options = {50000, "", 0x9E3779B97F4A7C15ull};

enum { ENGINE_INTERP, ENGINE_JIT, ENGINES };
static const char *const engine_names[ENGINES] = {"interp", "jit"};

struct diff_test {
	struct gen gen;
	struct host *host;
	struct guest *guest[ENGINES];
	struct diff_case c[HOST_BATCH];
	struct diff_result native[HOST_BATCH], ours;
	unsigned id[HOST_BATCH], n;
	unsigned long ran, bad;
	unsigned *bad_row;
};

/* The result to compare with: the host's, or without one the interpreter's. */
static void reference(struct diff_test *t, const struct diff_case *c, struct diff_result *r)
{
	unsigned n = 1;

	if (!t->host)
		guest_run(t->guest[ENGINE_INTERP], c, r);
	else if (!host_run(t->host, c, r, &n))
		memset(r, 0, sizeof(*r));
}

/* ---- shrinking ---- */

static bool differs(struct diff_test *t, unsigned engine, const struct diff_case *c)
{
	struct diff_result want;

	reference(t, c, &want);
	guest_run(t->guest[engine], c, &t->ours);
	return diff_compare(c, &want, &t->ours) != NULL;
}

static void cut(struct diff_case *c, unsigned off, unsigned len)
{
	memmove(c->code + off, c->code + off + len, c->len - off - len);
	c->len -= len;
}

/* Drop instructions one by one while the difference stays. */
static void shrink_code(struct diff_test *t, unsigned engine, struct diff_case *c)
{
	for (unsigned off = 0; off < c->len && c->ninsns > 1;) {
		struct diff_case k = *c;
		struct insn in;

		if (insn_decode(t->gen.index, c->code + off, 15, c->mode, &in) != DECODE_OK)
			return;
		cut(&k, off, in.len);
		if (gen_parse(t->gen.index, &k) && differs(t, engine, &k))
			*c = k;
		else
			off += in.len;
	}
}

static void shrink_state(struct diff_test *t, unsigned engine, struct diff_case *c)
{
	for (unsigned i = 0; i < 19; i++) {
		struct diff_case k = *c;

		if (i < 16)
			k.gpr[i] = 0;
		else if (i == 16)
			k.fs_base = k.gs_base = 0;
		else if (i == 17)
			k.patch_len = 0;
		else
			k.eflags = FL_1 | FL_IF;
		if (c->ninsns && gen_parse(t->gen.index, &k) && differs(t, engine, &k))
			*c = k;
	}
}

static void show_code(struct diff_test *t, const struct diff_case *c)
{
	for (unsigned off = 0; off < c->len;) {
		struct insn in;
		char text[128];

		if (insn_decode(t->gen.index, c->code + off, 15, c->mode, &in) != DECODE_OK)
			return;
		insn_text(&in, DIFF_CODE + c->at + off, text, sizeof(text));
		fprintf(stderr, "  %s (%s)\n", text, insn_rows[in.id].id);
		off += in.len;
	}
}

static void report(struct diff_test *t, unsigned engine, unsigned id, const struct diff_case *c)
{
	struct diff_case k = *c;
	struct diff_result want;
	const char *why;

	t->bad++;
	if (t->bad_row[id]++ || t->bad > 200)
		return;
	shrink_code(t, engine, &k);
	shrink_state(t, engine, &k);
	reference(t, &k, &want);
	guest_run(t->guest[engine], &k, &t->ours);
	why = diff_compare(&k, &want, &t->ours);
	fprintf(stderr, "%s, %u-bit: %s: %s differ\n", insn_rows[id].id, k.mode * 8, engine_names[engine],
		why ? why : "(not again)");
	show_code(t, &k);
	diff_print(&k, &want, &t->ours);
	diff_row(&k);
}

/* ---- running ---- */

static void run_batch(struct diff_test *t)
{
	unsigned n = t->n;

	t->n = 0;
	if (t->host && !host_run(t->host, t->c, t->native, &n)) {
		fprintf(stderr, "%s: the host's child died\n", insn_rows[t->id[n]].id);
		diff_row(&t->c[n]);
	}
	for (unsigned i = 0; i < n; i++) {
		if (!t->host)
			guest_run(t->guest[ENGINE_INTERP], &t->c[i], &t->native[i]);
		for (unsigned e = t->host ? 0 : ENGINE_JIT; e < ENGINES; e++) {
			guest_run(t->guest[e], &t->c[i], &t->ours);
			if (diff_compare(&t->c[i], &t->native[i], &t->ours)) {
				report(t, e, t->id[i], &t->c[i]);
				break;
			}
		}
	}
	t->ran += n;
}

static bool wanted(struct diff_test *t, unsigned id)
{
	const struct insn_row *r = &insn_rows[id];

	return gen_eligible(r) && feature_has(&guest_cpu(t->guest[0])->features, r->feature) &&
		host_has(r->feature) && !strncmp(r->id, options.only, strlen(options.only));
}

static void setup(struct diff_test *t)
{
	const char *why = "";

	memset(t, 0, sizeof(*t));
	t->host = host_new(&why);
	if (!t->host)
		printf("no native run: %s; interpreter against translator only\n", why);
	t->guest[ENGINE_INTERP] = guest_new(ACCEL_INTERP);
	t->guest[ENGINE_JIT] = guest_new(ACCEL_JIT);
	t->gen.seed = options.seed;
	t->gen.index = guest_cpu(t->guest[0])->index;
	t->bad_row = calloc(INSN_COUNT, sizeof(*t->bad_row));
}

static void teardown(struct diff_test *t)
{
	if (t->host)
		host_free(t->host);
	guest_free(t->guest[ENGINE_INTERP]);
	guest_free(t->guest[ENGINE_JIT]);
	free(t->bad_row);
	free(t);
}

static unsigned summary(const struct diff_test *t, unsigned rows)
{
	unsigned failed = 0;

	for (unsigned id = 0; id < INSN_COUNT; id++) {
		if (t->bad_row[id])
			fprintf(stderr, "%s: %u cases differ\n", insn_rows[id].id, t->bad_row[id]);
		failed += t->bad_row[id] != 0;
	}
	printf("%u rows, %lu cases, %lu differ in %u rows%s\n", rows, t->ran, t->bad, failed,
		t->host ? "" : " (no host)");
	return failed;
}

START_TEST(every_row)
{
	static const uint8_t modes[] = {8, 4, 2};
	struct diff_test *t = aligned_alloc(64, (sizeof(*t) + 63) & ~63ul);
	unsigned rows = 0, id = 0, idle = 0;

	setup(t);
	for (unsigned i = 0; i < INSN_COUNT; i++)
		rows += wanted(t, i);
	ck_assert_uint_gt(rows, 0);
	while (t->ran < options.cases && idle < 4 * INSN_COUNT) {
		for (unsigned m = 0; wanted(t, id) && m < ARRAY_SIZE(modes); m++) {
			if (!gen_case(&t->gen, id, modes[m], &t->c[t->n]))
				continue;
			t->id[t->n++] = id;
			idle = 0;
			if (t->n == HOST_BATCH)
				run_batch(t);
		}
		id = (id + 1) % INSN_COUNT;
		idle++;
	}
	run_batch(t);
	ck_assert_uint_eq(summary(t, rows), 0);
	teardown(t);
}
END_TEST

/* ---- the rows of int_cases.def ---- */

struct known {
	unsigned mode, at;
	const char *bytes;
	uint32_t eflags;
	uint16_t sel[SEG_COUNT];
	uint64_t gpr[16], fs_base, gs_base, memseed;
	unsigned patch_at;
	const char *patch;
};

static const struct known known[] = {
#define S(...) {__VA_ARGS__}
#define R(...) {__VA_ARGS__}
#define CASE(...) {__VA_ARGS__},
#include "tests/diff/int_cases.def"
#undef CASE
#undef S
#undef R
};

static unsigned hex(uint8_t *p, const char *text, unsigned max)
{
	unsigned n = 0;

	for (unsigned v; n < max && sscanf(text, "%2x", &v) == 1; text += text[2] ? 3 : 2)
		p[n++] = v;
	return n;
}

START_TEST(known_cases)
{
	struct diff_test *t = aligned_alloc(64, (sizeof(*t) + 63) & ~63ul);
	struct diff_case *c = &t->c[0];

	setup(t);
	for (unsigned i = 0; i < ARRAY_SIZE(known); i++) {
		const struct known *k = &known[i];

		memset(c, 0, sizeof(*c));
		c->mode = k->mode;
		c->at = k->at;
		c->len = hex(c->code, k->bytes, sizeof(c->code));
		c->eflags = k->eflags;
		c->fs_base = k->fs_base;
		c->gs_base = k->gs_base;
		c->memseed = k->memseed;
		c->patch_at = k->patch_at;
		c->patch_len = hex(c->patch, k->patch, sizeof(c->patch));
		memcpy(c->sel, k->sel, sizeof(c->sel));
		memcpy(c->gpr, k->gpr, sizeof(c->gpr));
		gen_parse(t->gen.index, c);
		t->id[0] = i;
		t->n = 1;
		run_batch(t);
	}
	printf("%zu known cases, %lu differ\n", ARRAY_SIZE(known), t->bad);
	ck_assert_uint_eq(t->bad, 0);
	teardown(t);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *s = suite_create("int_native");
	TCase *c = tcase_create("rows");
	SRunner *r;
	int bad;

	if (getenv("DRAGOMAN_LONG"))
		options.cases = 2000000;
	if (argc > 1)
		options.cases = strtoul(argv[1], NULL, 0);
	if (argc > 2)
		options.only = argv[2];
	if (argc > 3)
		options.seed = strtoull(argv[3], NULL, 0);
	tcase_set_timeout(c, 3000);
	tcase_add_test(c, known_cases);
	tcase_add_test(c, every_row);
	suite_add_tcase(s, c);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
