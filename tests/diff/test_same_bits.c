/*
 * test_same_bits.c - random programs give the same bits on every host: a hash of what they leave behind, by seed, is the one in
 * same_bits.def.
 *
 * Programs are generated from fixed seeds, whatever the host's processor has: integer instructions in 64-, 32- and 16-bit code with
 * memory and faults (gen.c), SSE and AVX, x87 and MMX (fpprog.c). The translator runs them; registers, flags that are defined,
 * selectors, memory, vector, error code and CR2 go into the hash. On x86-64 the processor runs each of them, too, and the interpreter,
 * and all must agree before the hash counts, which is how the hashes were recorded: BLESS=1 (from the repository's root). A second
 * hash is of the programs themselves: it says whether the programs or the results are others.

 * Then programs run once more, by the translator alone, for each host feature it knows and the host has, without that one.
 * Arguments: the most programs a group, then the group; default: those of each group's first row, with DRAGOMAN_LONG of all rows.
 */
#include "tests/diff/support/fpprog.h"
#include "tests/diff/support/values.h"
#include "tests/diff/support/vendor.h"
#include "cpu/insn/rows.h"
#include "jit/host/backend.h"
#include "jit/jit.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* flags that the comparison with silicon sees, too (compare.c) */
#define FLAGS_SEEN (FL_ARITH | FL_TF | FL_DF | FL_NT | FL_AC | FL_ID)

enum group { GROUP_INT, GROUP_VECTOR, GROUP_X87, GROUPS };
static const char *const group_names[GROUPS + 1] = {"int", "vector", "x87", "none"};

static const struct {
	enum group group;
	unsigned programs;
	uint64_t made, left;
} recorded[] = {
#define SAME_BITS(group, programs, made, left) {GROUP_##group, programs, made, left},
#include "tests/diff/same_bits.def"
#undef SAME_BITS
	{GROUPS, 0, 0, 0}, /* ends the list */
};

static unsigned most;
static const char *only = "";

struct same {
	struct gen gen;
	struct host *host;
	struct guest *jit, *interp; /* interp: NULL where silicon cannot confirm anything, but if a group was named */
	struct diff_case c[HOST_BATCH];
	struct diff_result native[HOST_BATCH], r, other;
	uint8_t (*mem)[PAGE_SIZE];
	bool can[HOST_BATCH];
	unsigned n, ran, confirmed, faults, bad;
	uint64_t made, left; /* hashes so far */
	FILE *bless;
	enum group group;
};

static void mix(uint64_t *h, const void *p, size_t n) /* FNV-1a */
{
	for (size_t i = 0; i < n; i++)
		*h = (*h ^ ((const uint8_t *)p)[i]) * 0x100000001B3ull;
}

static void mix_case(uint64_t *h, const struct diff_case *c)
{
	mix(h, c->code, c->len);
	mix(h, c->gpr, sizeof(c->gpr));
	mix(h, &c->eflags, sizeof(c->eflags));
	mix(h, c->sel, sizeof(c->sel));
	mix(h, c->patch, c->patch_len);
	mix(h, &c->memseed, sizeof(c->memseed));
	if (c->mem)
		mix(h, c->mem, PAGE_SIZE);
}

static void mix_result(uint64_t *h, const struct diff_case *c, const struct diff_result *r)
{
	bool whole = r->vec == 3 && r->rip == diff_ip(c) + c->len + 1;
	uint32_t fl = r->eflags & FLAGS_SEEN & ~(whole ? c->undef : c->undef_any);

	mix(h, &r->vec, 1);
	if (r->vec == DIFF_HANGS)
		return; /* where the clock stopped it */
	mix(h, &r->err, sizeof(r->err));
	mix(h, &fl, sizeof(fl));
	mix(h, &r->rip, sizeof(r->rip));
	mix(h, r->gpr, c->mode == 8 ? sizeof(r->gpr) : sizeof(r->gpr) / 2);
	mix(h, r->sel, sizeof(r->sel));
	mix(h, r->mem, sizeof(r->mem));
	if (r->vec == 14)
		mix(h, &r->cr2, sizeof(r->cr2));
}

static void complain(struct same *t, unsigned i, const char *who, const char *why, const struct diff_result *want)
{
	if (t->bad++ > 10)
		return;
	fprintf(stderr, "%s program %u: %s: %s differs\n", group_names[t->group], t->ran + i, who, why);
	diff_print(&t->c[i], want, &t->r);
	diff_row(&t->c[i]);
}

/* Compare with what is recorded for this number of programs; false: nothing is */
static void milestone(struct same *t)
{
	for (unsigned i = 0; i < ARRAY_SIZE(recorded); i++) {
		if (recorded[i].group != t->group || recorded[i].programs != t->ran || t->bless)
			continue;
		printf("%-6s %6u programs %016llx, results %016llx\n", group_names[t->group], t->ran, (unsigned long long)t->made,
			(unsigned long long)t->left);
		if (t->made != recorded[i].made)
			t->bad += (unsigned)fprintf(stderr, "%s: not the recorded programs\n", group_names[t->group]) != 0;
		else if (t->left != recorded[i].left)
			t->bad += (unsigned)fprintf(stderr, "%s: not the recorded results\n", group_names[t->group]) != 0;
	}
	if (t->bless && (t->ran == 1024 || t->ran == 4096 || t->ran == 16384 || t->ran == 65536))
		fprintf(t->bless, "SAME_BITS(%s, %u, 0x%016llX, 0x%016llX)\n",
			t->group == GROUP_INT ? "INT" : t->group == GROUP_X87 ? "X87" : "VECTOR", t->ran,
			(unsigned long long)t->made, (unsigned long long)t->left);
}

static void run_batch(struct same *t)
{
	unsigned n = t->n;

	t->n = 0;
	if (t->host && n)
		ck_assert_msg(host_run(t->host, t->c, t->native, &n), "the host's child died");
	for (unsigned i = 0; i < n; i++) {
		const char *why;

		mix_case(&t->made, &t->c[i]);
		guest_run(t->jit, &t->c[i], &t->r);
		mix_result(&t->left, &t->c[i], &t->r);
		t->faults += t->r.vec != 3;
		if (t->host && t->can[i]) {
			t->confirmed++;
			why = vendor_compare(t->gen.index, &t->c[i], &t->native[i], &t->r);
			if (why)
				complain(t, i, "silicon and the translator", why, &t->native[i]);
		}
		if (!t->interp)
			continue;
		guest_run(t->interp, &t->c[i], &t->other);
		why = diff_compare(&t->c[i], &t->other, &t->r);
		if (why)
			complain(t, i, "the interpreter and the translator", why, &t->other);
	}
	t->ran += n;
	milestone(t);
}

static bool in_group(const struct same *t, const struct insn_row *r)
{
	if (!r->id || !feature_has(&guest_cpu(t->jit)->features, r->feature))
		return false;
	switch (t->group) {
	case GROUP_INT: return gen_eligible(r);
	case GROUP_VECTOR: return fpprog_is_vector(r);
	default: return fpprog_is_x87(r);
	}
}

/* Can this host's processor run all its instructions? */
static bool is_native(const struct same *t, const struct diff_case *c)
{
	for (unsigned at = 0; at < c->len;) {
		struct insn in;

		if (insn_decode(t->gen.index, c->code + at, 15, c->mode, &in) != DECODE_OK)
			return true; /* ends there, with a fault */
		if (!host_has(insn_rows[in.id].feature))
			return false;
		at += in.len;
	}
	return true;
}

static bool make(struct same *t, unsigned id, unsigned mode)
{
	struct diff_case *c = &t->c[t->n];

	switch (t->group) {
	case GROUP_INT: return gen_case(&t->gen, id, mode, c);
	case GROUP_VECTOR: return mode != 2 && fpprog_vector(t->gen.index, id, mode, true, c, t->mem[t->n]);
	default: return mode != 2 && fpprog_x87(t->gen.index, id, mode, c, t->mem[t->n]);
	}
}

static void run_group(struct same *t, enum group group, unsigned programs)
{
	static const uint8_t modes[] = {8, 4, 2};

	t->group = group;
	t->ran = t->confirmed = t->faults = t->n = 0;
	t->made = t->left = 0xCBF29CE484222325ull;
	t->gen.seed = 0x5EED5A3EB175ull;
	t->gen.any_host = true;
	t->gen.index = guest_cpu(t->jit)->index;
	value_seed(0x5EED5A3EB175ull);
	for (unsigned id = 0; t->ran < programs; id = (id + 1) % INSN_COUNT)
		for (unsigned m = 0; m < ARRAY_SIZE(modes) && in_group(t, &insn_rows[id]) && t->ran < programs; m++) {
			if (!make(t, id, modes[m]))
				continue;
			t->can[t->n] = t->host && is_native(t, &t->c[t->n]);
			if (++t->n == HOST_BATCH)
				run_batch(t);
		}
	printf("%-6s %6u programs, %u end in a fault, %u confirmed by silicon, %u differ\n", group_names[group], t->ran, t->faults,
		t->confirmed, t->bad);
}

/* The first rows' programs, by the translator without the host features of @mask. */
static void without(uint32_t mask)
{
	struct same *t = aligned_alloc(64, (sizeof(*t) + 63) & ~63ul);

	memset(t, 0, sizeof(*t));
	t->mem = mmap(NULL, HOST_BATCH * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert(t->mem != MAP_FAILED);
	t->jit = guest_new_masked(ACCEL_JIT, mask);
	run_group(t, GROUP_INT, 4096);
	run_group(t, GROUP_VECTOR, 4096);
	ck_assert_uint_eq(t->bad, 0);
	guest_free(t->jit);
	munmap(t->mem, HOST_BATCH * PAGE_SIZE);
	free(t);
}

START_TEST(each_feature_masked)
{
	static const struct {
		const char *name;
		uint32_t bit;
	} host[] = {
#define HOST(id, name, ...) {name, HOSTF_##id},
#include "jit/host/features.def"
#undef HOST
	};

	for (unsigned i = 0; i < ARRAY_SIZE(host); i++) {
		if (!(host_detect() & host[i].bit)) {
			printf("%s: the host has none\n", host[i].name);
			continue;
		}
		printf("without %s:\n", host[i].name);
		without(host[i].bit);
	}
}
END_TEST

START_TEST(same_bits)
{
	struct same *t = aligned_alloc(64, (sizeof(*t) + 63) & ~63ul);
	const char *why = "";

	memset(t, 0, sizeof(*t));
	t->mem = mmap(NULL, HOST_BATCH * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert(t->mem != MAP_FAILED);
	t->bless = getenv("BLESS") ? fopen("tests/diff/same_bits.def", "w") : NULL;
	if (t->bless)
		fprintf(t->bless, "/* SAME_BITS(group, programs, hash of them, hash of their results): written by BLESS=1 test_same_bits */\n");
	t->host = host_new(&why);
	if (!t->host)
		printf("no native run: %s; the recorded results are what silicon said\n", why);
	t->jit = guest_new(ACCEL_JIT);
	t->interp = t->host || *only ? guest_new(ACCEL_INTERP) : NULL;
	for (unsigned g = 0; g < GROUPS; g++) {
		unsigned n = t->bless ? 65536 : 0;

		for (unsigned i = 0; i < ARRAY_SIZE(recorded) && !t->bless; i++)
			if (recorded[i].group == g && (!n || (getenv("DRAGOMAN_LONG") && recorded[i].programs > n)))
				n = recorded[i].programs;
		if (most)
			n = most;
		ck_assert_uint_ne(n, 0);
		if (!*only || !strcmp(only, group_names[g]))
			run_group(t, (enum group)g, n);
	}
	ck_assert_uint_eq(t->bad, 0);
	if (t->bless)
		fclose(t->bless);
	if (t->host)
		host_free(t->host);
	guest_free(t->jit);
	if (t->interp)
		guest_free(t->interp);
	munmap(t->mem, HOST_BATCH * PAGE_SIZE);
	free(t);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *s = suite_create("same_bits");
	TCase *c = tcase_create("programs");
	SRunner *r;
	int bad;

	if (argc > 1)
		most = (unsigned)strtoul(argv[1], NULL, 0);
	if (argc > 2)
		only = argv[2];
	tcase_set_timeout(c, 3600);
	tcase_add_test(c, same_bits);
	if (!most && !*only)
		tcase_add_test(c, each_feature_masked);
	suite_add_tcase(s, c);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
