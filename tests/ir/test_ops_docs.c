/*
 * test_ops_docs.c - docs/ops.md lists every row of ops.def; BLESS=1 writes it. Runs from the
 * repository's root, as ctest does.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "jit/ir/ir.h"

#define DOC "docs/ops.md"

static void flags(FILE *o, unsigned mask)
{
	static const struct {
		unsigned bit;
		char letter;
	} names[] = {
		{IRF_O, 'O'}, {IRF_S, 'S'}, {IRF_Z, 'Z'}, {IRF_A, 'A'}, {IRF_P, 'P'}, {IRF_C, 'C'}};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (mask & names[i].bit)
			fputc(names[i].letter, o);
	fputs(" | ", o);
}

static void text(FILE *o, const char *s) /* a bar ends a table's cell */
{
	for (; *s; s++)
		fprintf(o, *s == '|' ? "\\|" : "%c", *s);
}

static void row(FILE *o, const char *name, const char *operands, unsigned fx, unsigned def,
	unsigned use, const char *meaning)
{
	fprintf(o, "| `%s` | %s | %s%s%s | ", name, operands, fx & IRFX_FAULT ? "fault " : "",
		fx & IRFX_MEM ? "memory " : "", fx & IRFX_END ? "end" : "");
	flags(o, def);
	flags(o, use);
	text(o, meaning);
	fprintf(o, " |\n");
}

static char *compose(void)
{
	char *buf = NULL;
	size_t n = 0;
	FILE *o = open_memstream(&buf, &n);

	fprintf(o, "# Operations of the IR\n\nWritten by `BLESS=1 build/tests/test_ops_docs` from "
		   "`jit/ir/ops.def`; the same test "
		   "fails when this page is stale.\nOperands: d result; a b c sources; m memory. "
		   "What the IR is: [ir.md](ir.md).\n\n"
		   "| Op | Operands | Effects | Flags written | Flags read | Meaning "
		   "|\n|---|---|---|---|---|---|\n");
#define OP(NAME, name, operands, fx, def, use, meaning)                                            \
	row(o, name, operands, fx, def, use, meaning);
#include "jit/ir/ops.def"
#undef OP
	fclose(o);
	return buf;
}

START_TEST(ops_md)
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
	ck_assert_msg(f != NULL, "no " DOC ": run with BLESS=1 from the repository's root");
	ck_assert(fread(have, 1, strlen(want) + 1, f) > 0);
	fclose(f);
	ck_assert_msg(strcmp(have, want) == 0, DOC " is stale: run with BLESS=1");
	free(want);
	free(have);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ops.md");
	TCase *t = tcase_create("page");
	SRunner *r;
	int bad;

	tcase_add_test(t, ops_md);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
