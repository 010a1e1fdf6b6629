/*
 * test_exec.c - the rows of exec.def on each engine: one instruction, the state before, all that differs after it.
 */
#include "tests/diff/support/diff.h"
#include "cpu/insn/rows.h"
#include "jit/jit.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct exec_row {
	unsigned mode;
	const char *bytes, *before, *after;
};

static const struct exec_row rows[] = {
#define EXEC(mode, bytes, before, after) {mode, bytes, before, after},
#include "tests/insn/exec.def"
#undef EXEC
};

#define STATUS (FL_CF | FL_PF | FL_AF | FL_ZF | FL_SF | FL_OF | FL_DF)

static const char *const gpr_names[16] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
	"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"};

/* What a row's columns describe, and what a run leaves. */
struct exec_state {
	uint64_t gpr[16];
	uint32_t flags, vec, err;
	uint8_t mem[PAGE_SIZE];
};

static uint32_t parse_flags(const char *v)
{
	static const struct {
		char name;
		uint32_t bit;
	} names[] = {{'c', FL_CF}, {'p', FL_PF}, {'a', FL_AF}, {'z', FL_ZF}, {'s', FL_SF}, {'o', FL_OF}, {'d', FL_DF},
		{'-', 0}};
	uint32_t fl = 0;

	for (; *v; v++) {
		unsigned i = 0;

		while (i < ARRAY_SIZE(names) && names[i].name != *v)
			i++;
		ck_assert_msg(i < ARRAY_SIZE(names), "no flag '%c'", *v);
		fl |= names[i].bit;
	}
	return fl;
}

static uint64_t parse_value(const char *v)
{
	bool rel = !strncmp(v, "data", 4);
	char *end;
	uint64_t n;

	if (rel)
		v += 4;
	if (rel && !*v)
		return DIFF_DATA;
	n = *v == '-' ? -strtoull(v + 1, &end, 16) : strtoull(v, &end, 16);
	ck_assert_msg(!*end, "bad value %s", v);
	return n + (rel ? DIFF_DATA : 0);
}

static unsigned parse_bytes(uint8_t *p, const char *text, unsigned max)
{
	unsigned n = 0;

	for (unsigned v; n < max && *text && sscanf(text, "%2x", &v) == 1; n++) {
		p[n] = v;
		text += text[2] == ' ' ? 3 : 2;
	}
	return n;
}

static void parse_pair(struct exec_state *s, const char *name, const char *v)
{
	char *end;

	for (unsigned i = 0; i < 16; i++)
		if (!strcmp(name, gpr_names[i])) {
			s->gpr[i] = parse_value(v);
			return;
		}
	if (!strcmp(name, "fl")) {
		s->flags = parse_flags(v);
	} else if (!strcmp(name, "fault")) {
		s->vec = strtoul(v, &end, 16);
		s->err = *end == ':' ? strtoul(end + 1, NULL, 16) : 0;
	} else {
		unsigned at = strtoul(name + 1, &end, 16);

		ck_assert_msg(name[0] == 'm' && !*end && at + strlen(v) / 2 <= PAGE_SIZE, "unknown name %s", name);
		parse_bytes(s->mem + at, v, PAGE_SIZE - at);
	}
}

static void parse(struct exec_state *s, const char *text)
{
	char buf[256], *save = NULL;

	ck_assert_uint_lt(strlen(text), sizeof(buf));
	strcpy(buf, text);
	for (char *w = strtok_r(buf, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		char *eq = strchr(w, '=');

		ck_assert_msg(eq, "no value: %s", w);
		*eq = 0;
		parse_pair(s, w, eq + 1);
	}
}

/* The case of diff.h that starts from the state; its data page holds the row's memory and zeros. */
static void make_case(struct diff_case *c, const struct insn_index *ix, const struct exec_row *row,
	const struct exec_state *s)
{
	static const uint16_t sel32[SEG_COUNT] = {SEL_DATA, SEL_CODE32, SEL_DATA, SEL_DATA, SEL_DATA, SEL_DATA};

	memset(c, 0, sizeof(*c));
	c->mode = row->mode;
	c->at = 0x800;
	c->len = parse_bytes(c->code, row->bytes, sizeof(c->code));
	c->eflags = FL_1 | FL_IF | s->flags;
	memcpy(c->sel, sel32, sizeof(sel32));
	if (row->mode == 8)
		c->sel[SEG_CS] = SEL_CODE64;
	else if (row->mode == 2)
		c->sel[SEG_CS] = LDT_SEL(LDT_CODE16);
	memcpy(c->gpr, s->gpr, sizeof(c->gpr));
	c->mem = s->mem;
	gen_parse(ix, c);
}

static void differ(const struct exec_row *row, const char *engine, const char *what, uint64_t want, uint64_t got)
{
	ck_abort_msg("%u-bit [%s] \"%s\", %s: %s is %llx, not %llx", row->mode * 8, row->bytes, row->before, engine, what,
		(unsigned long long)got, (unsigned long long)want);
}

static void check(const struct exec_row *row, const char *engine, const struct diff_case *c, const struct exec_state *want,
	const struct diff_result *r)
{
	bool fault = want->vec != 3;
	uint32_t defined = STATUS & ~(fault ? c->undef_any : c->undef);
	uint64_t rip = diff_ip(c) + (fault ? 0 : c->len + 1);

	if (r->vec != want->vec || r->err != want->err)
		differ(row, engine, "vector:error", (uint64_t)want->vec << 32 | want->err, (uint64_t)r->vec << 32 | r->err);
	for (unsigned i = 0; i < (row->mode == 8 ? 16 : 8); i++)
		if (r->gpr[i] != want->gpr[i])
			differ(row, engine, gpr_names[i], want->gpr[i], r->gpr[i]);
	if ((r->eflags ^ want->flags) & defined)
		differ(row, engine, "fl", want->flags & defined, r->eflags & defined);
	if (r->rip != rip)
		differ(row, engine, "rip", rip, r->rip);
	for (unsigned i = 0; i < PAGE_SIZE; i++)
		if (r->mem[i] != want->mem[i])
			differ(row, engine, "a byte of memory", want->mem[i], r->mem[i]);
}

static void run_rows(int accel, const char *engine, uint32_t host_mask)
{
	struct guest *g = guest_new_masked(accel, host_mask);

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct exec_state s = {.vec = 3}, want;
		struct diff_result r;
		struct diff_case c;

		parse(&s, rows[i].before);
		want = s;
		parse(&want, rows[i].after);
		make_case(&c, guest_cpu(g)->index, &rows[i], &s);
		guest_run(g, &c, &r);
		check(&rows[i], engine, &c, &want, &r);
	}
	guest_free(g);
}

START_TEST(interpreter)
{
	run_rows(ACCEL_INTERP, "interp", 0);
}
END_TEST

START_TEST(translator)
{
	run_rows(ACCEL_JIT, "jit", 0);
}
END_TEST

/* The same on a host that lacks one feature, and on one that has none of them. */
START_TEST(lesser_hosts)
{
	char engine[64] = "jit --host-mask=all";

	if (_i < (int)jit_host_nfeatures)
		snprintf(engine, sizeof(engine), "jit --host-mask=%s", jit_host_features[_i]);
	run_rows(ACCEL_JIT, engine, _i < (int)jit_host_nfeatures ? 1u << _i : UINT32_MAX);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("exec");
	TCase *c = tcase_create("rows");
	SRunner *r;
	int bad;

	tcase_add_test(c, interpreter);
	tcase_add_test(c, translator);
	tcase_add_loop_test(c, lesser_hosts, 0, (int)jit_host_nfeatures + 1);
	suite_add_tcase(s, c);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
