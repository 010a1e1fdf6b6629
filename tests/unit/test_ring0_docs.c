/*
 * test_ring0_docs.c - docs/traps.md lists every row of checks.def and gates.def, word for word;
 * BLESS=1 writes it.
 *
 * Run from the repository's root, as ctest does.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cpu/ring0/ring0.h"

#define DOC "docs/traps.md"

static const char *const vec_names[32] = {"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM",
	"#DF", "", "#TS", "#NP", "#SS", "#GP", "#PF", "", "#MF", "#AC", "#MC", "#XM"};

static const char *const form_names[] = {"none", "0", "selector", "page fault", "value"};

static void gates(FILE *o)
{
	fprintf(o, "\n## Who may execute it\n\n"
		   "Instructions judged by the gate (`cpu/ring0/gate.c`, rules in `gates.def`).\n\n"
		   "| Instruction | Rule |\n|---|---|\n");
#define GATE(id, name, class) fprintf(o, "| `%s` | %s |\n", name, #class);
#include "cpu/ring0/gates.def"
#undef GATE
}

static char *compose(void)
{
	char *buf = NULL;
	size_t n = 0;
	FILE *o = open_memstream(&buf, &n);

	fprintf(o, "# Traps: every reason for which the guest is given an exception\n\n"
		   "Written by `BLESS=1 test_ring0_docs` from `cpu/ring0/checks.def`; the same "
		   "test fails when this\n"
		   "page is stale. `-d trap` names rows by their id.\n\n"
		   "| Row | Vector | Error code | Condition | Source (Intel SDM) "
		   "|\n|---|---|---|---|---|\n");
	for (unsigned i = 0; i < CHECK_COUNT; i++) {
		const struct check_row *r = &check_rows[i];

		fprintf(o, "| `%s` | %u %s | %s | %s | %s |\n", r->id, r->vec,
			vec_names[r->vec & 31], form_names[r->form], r->condition, r->section);
	}
	gates(o);
	fclose(o);
	return buf;
}

START_TEST(traps_md)
{
	char *want = compose(), *have = calloc(1, strlen(want) + 2);
	FILE *f;

	if (getenv("BLESS")) {
		f = fopen(DOC, "w");
		ck_assert_msg(f != NULL, "cannot write " DOC);
		fputs(want, f);
		fclose(f);
	}
	f = fopen(DOC, "r");
	ck_assert_msg(f != NULL, "cannot read " DOC ": run in the repository's root");
	have[fread(have, 1, strlen(want) + 1, f)] = 0;
	fclose(f);
	ck_assert_msg(!strcmp(have, want), DOC " is stale: BLESS=1 test_ring0_docs");
	free(have);
	free(want);
}
END_TEST

START_TEST(rows_are_sound)
{
	for (unsigned i = 0; i < CHECK_COUNT; i++) {
		const struct check_row *r = &check_rows[i];
		bool has_code = r->vec == 8 || (r->vec >= 10 && r->vec <= 14) || r->vec == 17;

		ck_assert_msg(has_code == (r->form != CODE_NONE), "%s: vector %u and error code",
			r->id, r->vec);
		ck_assert_msg((r->vec == 14) == (r->form == CODE_PF), "%s", r->id);
		ck_assert_uint_gt(strlen(r->condition), 5);
		ck_assert_msg(strstr(r->section, "Vol. ") != NULL, "%s: no section", r->id);
		for (unsigned k = 0; k < i; k++)
			ck_assert_str_ne(r->id, check_rows[k].id);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ring0 docs");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_add_test(t, traps_md);
	tcase_add_test(t, rows_are_sound);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
