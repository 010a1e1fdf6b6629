/*
 * test_snippet.c - repeated sequences of host instructions (jit/x64/snippet.h): what is copied is what was kept, and its place for a number.
 */
#include "jit/x64/snippet.h"
#include <check.h>
#include <stdlib.h>

static struct snippet all[SNIPPETS];
static uint8_t room[4096];

/* Keeps @n bytes, the first of them @first, with their place for a number at byte @hole. Return: what snippet_keep() says, relative */
static long keep(uint64_t key, unsigned n, uint8_t first, unsigned hole)
{
	struct codebuf cb;

	codebuf_init(&cb, room, sizeof(room), 0);
	for (unsigned i = 0; i < n; i++)
		codebuf_u8(&cb, (uint8_t)(first + i));
	return snippet_keep(all, key, &cb, room, room + hole) - room;
}

START_TEST(copied)
{
	uint64_t key = snippet_key(SNIP_PROBE, 255, 7, 13, 3);
	uint8_t out[128];
	struct codebuf cb;

	memset(all, 0, sizeof(all));
	codebuf_init(&cb, out, sizeof(out), 0);
	ck_assert_ptr_null(snippet_put(all, key, &cb));
	ck_assert_int_eq(keep(key, SNIPPET_MAX, 100, 9), 9);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_ptr_eq(snippet_put(all, key, &cb), out + i * SNIPPET_MAX + 9);
		ck_assert_ptr_eq(cb.p, out + (i + 1) * SNIPPET_MAX);
	}
	for (unsigned i = 0; i < 2 * SNIPPET_MAX; i++)
		ck_assert_uint_eq(out[i], (100 + i % SNIPPET_MAX) & 0xFF);
	/* what might not fit is left to the encoder, which knows how to say so */
	ck_assert_ptr_null(snippet_put(all, key, &cb));
	ck_assert(!cb.overflow);
}
END_TEST

START_TEST(what_a_key_tells_apart)
{
	const uint64_t key[] = {snippet_key(SNIP_PROBE, 1, 2, 3, 4), snippet_key(SNIP_FAR, 1, 2, 3, 4), snippet_key(SNIP_PROBE, 257, 2, 3, 4),
		snippet_key(SNIP_PROBE, 1, 3, 2, 4), snippet_key(SNIP_PROBE, 1, 2, 4, 3), snippet_key(SNIP_PROBE, 0x1000001, 2, 3, 4)};

	for (unsigned i = 0; i < ARRAY_SIZE(key); i++)
		for (unsigned k = 0; k < i; k++)
			ck_assert_uint_ne(key[i], key[k]);
}
END_TEST

/* Two on one entry: the later one has it, nobody gets the other's. */
START_TEST(turns)
{
	uint64_t a = snippet_key(SNIP_PROBE, 0, 0, 0, 0), b = 0;
	uint8_t out[128];
	struct codebuf cb;

	memset(all, 0, sizeof(all));
	for (unsigned i = 1; !b; i++)
		if (snippet_at(all, snippet_key(SNIP_PROBE, i, 0, 0, 0)) == snippet_at(all, a))
			b = snippet_key(SNIP_PROBE, i, 0, 0, 0);
	keep(a, 3, 10, 0);
	keep(b, 4, 20, 1);
	codebuf_init(&cb, out, sizeof(out), 0);
	ck_assert_ptr_null(snippet_put(all, a, &cb));
	ck_assert_ptr_eq(snippet_put(all, b, &cb), out + 1);
	ck_assert_ptr_eq(cb.p, out + 4);
	ck_assert_uint_eq(out[3], 23);
}
END_TEST

START_TEST(too_long)
{
	uint64_t key = snippet_key(SNIP_FAR, 0, 0, 0, 0);
	uint8_t out[128];
	struct codebuf cb;

	memset(all, 0, sizeof(all));
	ck_assert_int_eq(keep(key, SNIPPET_MAX + 1, 1, 5), 5);
	codebuf_init(&cb, out, sizeof(out), 0);
	ck_assert_ptr_null(snippet_put(all, key, &cb));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("snippets of host code");
	TCase *t = tcase_create("all");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_add_test(t, copied);
	tcase_add_test(t, what_a_key_tells_apart);
	tcase_add_test(t, turns);
	tcase_add_test(t, too_long);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
