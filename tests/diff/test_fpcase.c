/* test_fpcase.c - a case of x87, SSE or AVX that differs is made smaller, printed as a row, and the row read back (fpcase.h). */
#define _GNU_SOURCE
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "tests/diff/support/fpcase.h"

#define MEM 64u

struct state {
	struct fpu_state f;
	uint64_t rax, rcx, rdx, flags;
	uint8_t mem[MEM];
};

static struct fpcase of(struct state *s)
{
	return (struct fpcase){&s->f, &s->rax, &s->rcx, &s->rdx, &s->flags, s->mem, MEM, 17};
}

static void fill(struct state *s)
{
	memset(s, 0, sizeof(*s));
	for (unsigned i = 0; i < sizeof(s->f.xmm); i++) {
		((uint8_t *)s->f.xmm)[i] = (uint8_t)(i * 7 + 1);
		((uint8_t *)s->f.ymmh)[i] = (uint8_t)(i * 5 + 3);
	}
	for (unsigned i = 0; i < 8; i++)
		memset(s->f.st[i], (int)(0x11 * (i + 1)), 10);
	for (unsigned i = 0; i < MEM; i++)
		s->mem[i] = (uint8_t)(i + 1);
	s->f.fcw = 0x37F;
	s->f.fsw = 0x3800;
	s->f.ftw = 0xA5;
	s->f.mxcsr = 0x1F80;
	s->rax = 0x123456789ABCDEF0;
	s->rcx = 1;
	s->rdx = ~0ull;
	s->flags = 0x8D5;
}

static void row(char *text, size_t size, const uint8_t *code, unsigned len, struct state *s)
{
	struct fpcase c = of(s);
	FILE *f = fmemopen(text, size, "w");

	fpcase_print(f, "SSE", code, len, &c);
	fclose(f);
}

/* The state named by a row's text is the state that was printed. */
START_TEST(reads_back)
{
	static const uint8_t bytes[] = {0x66, 0x0F, 0x58, 0xCA};
	struct state s, back = {.rax = 0};
	struct fpcase c = of(&back);
	char text[4096], *p;
	uint8_t code[16];

	fill(&s);
	row(text, sizeof(text), bytes, sizeof(bytes), &s);
	ck_assert(!strncmp(text, "FP_CASE(SSE, \"66 0f 58 ca\", 17, \"fcw=37f ", 41));
	p = strstr(text, "17, \"") + 5;
	*strrchr(text, '"') = 0;
	ck_assert(fpcase_parse(p, &c));
	ck_assert(!memcmp(&s, &back, sizeof(s)));
	ck_assert(!fpcase_parse("x16=00", &c) && !fpcase_parse("m4=00000000000000000000000000000000", &c) && !fpcase_parse("x1=12", &c) &&
		!fpcase_parse("y", &c));
	ck_assert_uint_eq(fpcase_code("66 0f 58 ca", code), 4);
	ck_assert(!memcmp(code, bytes, 4) && !code[4]);
}
END_TEST

static bool needs(void *opaque)
{
	const struct state *s = opaque;

	return s->f.xmm[3][5] && s->f.ymmh[15][0] && s->mem[40] && s->rcx;
}

/* What the difference does not need is gone; control words stay. */
START_TEST(shrinks)
{
	struct state s, want;
	struct fpcase c = of(&s);

	fill(&s);
	memset(&want, 0, sizeof(want));
	want.f.fcw = 0x37F;
	want.f.fsw = 0x3800;
	want.f.ftw = 0xA5;
	want.f.mxcsr = 0x1F80;
	want.rcx = 1;
	memcpy(want.f.xmm[3], s.f.xmm[3], 16);
	memcpy(want.f.ymmh[15], s.f.ymmh[15], 16);
	memcpy(want.mem + 32, s.mem + 32, 16);
	fpcase_shrink(&c, needs, &s);
	ck_assert(!memcmp(&s, &want, sizeof(s)));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("fpcase");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_add_test(t, reads_back);
	tcase_add_test(t, shrinks);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
