/*
 * test_capstone.c - our decoder against capstone: length and text.
 *
 * Systematic part: every opcode that has a row, in 16, 32 and 64-bit code, under every prefix set
 * that can select a row, with every ModRM byte (a sample for VEX), and every row must have been
 * met. Random part: byte strings from a fixed seed, 200,000 or with DRAGOMAN_LONG 10 million; arguments:
 * how many, seed. A difference passes only if capstone_exceptions.def names it.
 */
#include <capstone/capstone.h>
#include <check.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/insn/insn.h"
#include "cpu/insn/rows.h"

enum diff_kind { LENGTH, TEXT, ONLY_OURS, ONLY_CAPSTONE, DIFF_KINDS };

/*
 * EXCEPT(kind, key, reason): key is our row id (for ONLY_CAPSTONE capstone's mnemonic), then @16,
 * @32 or @64; a * at the end matches any rest
 */
static const struct {
	enum diff_kind kind;
	const char *key, *reason;
} exceptions[] = {
#define EXCEPT(kind, key, reason) {kind, key, reason},
#include "tests/insn/capstone_exceptions.def"
#undef EXCEPT
	{DIFF_KINDS, "", ""}};

static const char *const kind_names[] = {"LENGTH", "TEXT", "ONLY_OURS", "ONLY_CAPSTONE"};

struct suite {
	struct insn_index *ix;
	csh cs[3];
	cs_insn *ci[3];
	unsigned long compared, failed;
	bool met[INSN_COUNT];
};

static const unsigned codes[3] = {2, 4, 8};
static long random_count = 200000;
static uint64_t random_seed = 0x9E3779B97F4A7C15;

static bool excepted(enum diff_kind kind, const char *key)
{
	for (unsigned i = 0; exceptions[i].kind != DIFF_KINDS; i++) {
		size_t n = strlen(exceptions[i].key);

		if (exceptions[i].kind != kind)
			continue;
		if (n && exceptions[i].key[n - 1] == '*' ? !strncmp(key, exceptions[i].key, n - 1) :
							   !strcmp(key, exceptions[i].key))
			return true;
	}
	return false;
}

/*
 * Legality capstone 4 does not judge, or judges by what a legacy prefix would mean; test_decode.c
 * has these.
 */
static bool beyond_capstone(const struct insn *in)
{
	/* whether LOCK is allowed; prefixes before VEX; VEX.W where it must be 0 */
	if (in->lock || (in->vex && (in->opsz66 || in->rep || in->rex_present || in->rex & 8)))
		return true;
	/* gathers whose registers are not different, or without SIB */
	if (in->vex && in->map == 2 && in->opcode >= 0x90 && in->opcode <= 0x93)
		return true;
	/* EVEX, XOP, 3DNow!, FMA4 and opmask instructions: no feature of ours */
	if ((in->map == 0 && (in->opcode == 0x62 || in->opcode == 0x8F)) ||
		(in->map == 1 && !in->vex && in->opcode == 0x0F) ||
		(in->vex && in->map == 3 && in->opcode >= 0x30 && in->opcode <= 0x7F) ||
		(in->vex && in->map == 1 && ((in->opcode & 0xF0) == 0x40 || (in->opcode & 0xF0) == 0x90)))
		return true;
	/*
	 * an opcode that has no meaning under this mandatory prefix: capstone takes the row
	 * without it
	 */
	return !in->vex && in->map && (in->opsz66 || in->rep);
}

/*
 * Text capstone 4 gets wrong: a 16-bit offset shown sign-extended, a 32-bit one cut to 16 bits in 16-bit code;
 * FS or GS lost to an ES CS SS DS without effect; 66, 67, F2 or F3 lost next to a segment override (it
 * decides by what follows).
 */
static bool misprinted(const struct insn *in, const uint8_t *bytes)
{
	static const uint8_t prefixes[] = {0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67,
		0xF0, 0xF2, 0xF3};
	unsigned segs = 0;
	bool other = false;

	if (in->has_mem && in->mem.asize == 2 && in->mem.base == MEM_NONE && in->mem.disp < 0)
		return true;
	if (in->code == 2 && in->has_mem && in->mem.asize == 4 && in->mem.base == MEM_NONE && in->mem.index == MEM_NONE)
		return true;
	for (unsigned i = 0; i < in->len && (memchr(prefixes, bytes[i], sizeof(prefixes)) ||
			(in->code == 8 && bytes[i] >> 4 == 4)); i++) {
		segs += bytes[i] >> 4 != 4 && bytes[i] < 0x66;
		other |= bytes[i] >= 0x66;
		if (other && segs)
			return true;
	}
	return in->code == 8 && in->seg_override != MEM_NONE && segs > 1;
}

/*
 * Without prefix words, capstone's bare "ptr", and in 64-bit code (@wide) the segment overrides
 * that have no effect.
 */
static void canonical(const char *in, char *out, bool wide)
{
	static const char *const segs[] = {"es:[", "cs:[", "ss:[", "ds:["};

	static const char *const drop[] = {"rep ", "repe ", "repne ", "lock ", "xacquire ", "xrelease ",
		"data16 ", "bnd "};

	for (bool again = true; again;) {
		again = false;
		for (unsigned i = 0; i < ARRAY_SIZE(drop); i++) {
			if (!strncmp(in, drop[i], strlen(drop[i]))) {
				in += strlen(drop[i]);
				again = true;
			}
		}
	}
	for (const char *start = in; *in; in++) {
		if (!strncmp(in, "ptr ", 4) && (in == start || !strncmp(in - 2, ", ", 2) || in[-1] == ' ')) {
			in += 3;
			continue;
		}
		for (unsigned i = 0; wide && i < ARRAY_SIZE(segs); i++)
			if (!strncmp(in, segs[i], 4))
				in += 3;
		*out++ = *in;
	}
	while (out[-1] == ' ')
		out--;
	*out = 0;
}

/* A number at *p with an optional sign ("- 5" of an address too). */
static bool number(const char **p, uint64_t *v)
{
	const char *s = *p;
	bool neg = *s == '-';
	char *end;

	if (neg)
		s++;
	if (!isdigit((unsigned char)*s))
		return false;
	*v = strtoull(s, &end, 0);
	if (neg)
		*v = -*v;
	*p = end;
	return true;
}

/* Equal, where numbers may differ in sign notation at the size of the operand. */
static bool same_text(const char *a, const char *b, unsigned size)
{
	uint64_t mask = size >= 8 || !size ? ~0ull : (1ull << size * 8) - 1, x, y;

	while (*a && *b) {
		if ((isdigit((unsigned char)*a) || *a == '-') && number(&a, &x)) {
			if (!number(&b, &y) || ((x ^ y) & mask))
				return false;
			continue;
		}
		if (*a++ != *b++)
			return false;
	}
	return *a == *b;
}

static void differ(struct suite *s, enum diff_kind kind, const char *key, unsigned code,
	const uint8_t *b, const char *ours, const char *theirs)
{
	char full[80];

	snprintf(full, sizeof(full), "%s@%u", key, code * 8);
	if (excepted(kind, full))
		return;
	if (s->failed++ >= (getenv("DIFF_ALL") ? 1000000000u : 30))
		return;
	printf("EXCEPT(%s, \"%s\") code %u:", kind_names[kind], full, code * 8);
	for (unsigned i = 0; i < 15; i++)
		printf(" %02x", b[i]);
	printf(" | %s | %s\n", ours, theirs);
}

static void compare(struct suite *s, unsigned m, const uint8_t *bytes)
{
	char ours[160], theirs[300], a[300], b[300];
	struct insn in;
	const uint8_t *p = bytes;
	size_t left = 15;
	uint64_t addr = 0x1000;
	bool ok = insn_decode(s->ix, bytes, 15, codes[m], &in) == DECODE_OK;
	const char *id = ok ? insn_rows[in.id].id : "UD";
	bool wide = ok && codes[m] == 2 && in.map && (in.opsz66 || in.pp || in.rep);
	unsigned c = wide ? 1 : m;
	uint8_t again[16] = {0x67};
	cs_insn *ci = s->ci[c];
	bool cok;

	/* capstone lets F2 and F3 cancel 66 where they are not part of the opcode */
	if (ok && in.opsz66 && in.rep)
		return;
	/*
	 * capstone does not know mandatory prefixes in 16-bit code: ask for the same bytes after
	 * 67 in 32-bit code
	 */
	if (wide) {
		if (in.asize != 2 || !in.pp)
			return;
		memcpy(again + 1, bytes, 15);
		p = again;
	}
	cok = cs_disasm_iter(s->cs[c], &p, &left, &addr, ci);

	s->compared++;
	insn_text(&in, 0x1000, ours, sizeof(ours));
	if (ok)
		s->met[in.id] = true;
	if (!ok && (!cok || beyond_capstone(&in)))
		return;
	snprintf(theirs, sizeof(theirs), "%s %s", cok ? ci->mnemonic : "(bad)", cok ? ci->op_str : "");
	if (!ok || !cok) {
		differ(s, ok ? ONLY_OURS : ONLY_CAPSTONE, ok ? id : ci->mnemonic, codes[m], bytes, ours, theirs);
		return;
	}
	if (in.len + wide != ci->size) {
		differ(s, LENGTH, id, codes[m], bytes, ours, theirs);
		return;
	}
	canonical(ours, a, codes[m] == 8);
	canonical(theirs, b, codes[m] == 8);
	if (!same_text(a, b, in.op[0].size) && !misprinted(&in, bytes))
		differ(s, TEXT, id, codes[m], bytes, ours, theirs);
}

static void suite_open(struct suite *s)
{
	static const cs_mode modes[3] = {CS_MODE_16, CS_MODE_32, CS_MODE_64};
	char why[200] = "";

	memset(s, 0, sizeof(*s));
	s->ix = insn_index_new(why, sizeof(why));
	ck_assert_msg(s->ix != NULL, "%s", why);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(cs_open(CS_ARCH_X86, modes[i], &s->cs[i]), CS_ERR_OK);
		s->ci[i] = cs_malloc(s->cs[i]);
	}
}

static void suite_close(struct suite *s)
{
	for (unsigned i = 0; i < 3; i++) {
		cs_free(s->ci[i], 1);
		cs_close(&s->cs[i]);
	}
	insn_index_free(s->ix);
	printf("%lu compared, %lu unexplained\n", s->compared, s->failed);
	fflush(stdout); /* a failed assertion leaves without */
	ck_assert_uint_eq(s->failed, 0);
}

/* Bytes after the opcode: ModRM, a SIB byte that varies with it, displacement and immediate. */
static void tail(uint8_t *b, unsigned n, unsigned modrm)
{
	static const uint8_t rest[] = {0x12, 0x34, 0x56, 0x78, 0x9A, 0x3C, 0x5E, 0x70, 0x12,
		0x34, 0x56, 0x78};

	b[n++] = modrm;
	b[n++] = modrm * 37 + 0x11;
	for (unsigned i = 0; n < 15; i++)
		b[n++] = rest[i];
}

static void sweep_legacy(struct suite *s, unsigned m, unsigned map, unsigned opc)
{
	static const uint8_t sets[][2] = {{0}, {0x66}, {0xF3}, {0xF2}, {0x67}, {0x48},
		{0x66, 0x48}, {0xF3, 0x48}, {0xF2, 0x48}, {0x66, 0xF2}, {0x45}, {0xF3, 0x41}, {0x64}, {0xF0}};
	bool modrm = s->ix->slot[map][opc].flags & SLOT_MODRM;

	for (unsigned k = 0; k < ARRAY_SIZE(sets); k++) {
		uint8_t b[16];
		unsigned n = 0;

		if (codes[m] != 8 && (sets[k][0] >> 4 == 4 || sets[k][1] >> 4 == 4))
			continue;
		for (unsigned i = 0; i < 2 && sets[k][i]; i++)
			b[n++] = sets[k][i];
		if (map)
			b[n++] = 0x0F;
		if (map > 1)
			b[n++] = map == 2 ? 0x38 : 0x3A;
		b[n++] = opc;
		for (unsigned x = 0; x < (modrm ? 256u : 1u); x++) {
			tail(b, n, modrm ? x : 0x21);
			compare(s, m, b);
		}
	}
}

static void sweep_vex(struct suite *s, unsigned m, unsigned map, unsigned opc)
{
	/* pp, L, W; vvvv = 1111 and 1010 */
	for (unsigned k = 0; k < 32; k++) {
		for (unsigned x = 0; x < 256; x += x % 64 == 63 ? 1 : 3) {
			uint8_t b[16] = {0xC4, 0xE0 | map, (k & 7) | (k & 8 ? 0x80 : 0) | (k & 16 ? 0x50 : 0x78), opc};

			tail(b, 4, x);
			compare(s, m, b);
		}
	}
}

START_TEST(every_row)
{
	struct suite s;

	suite_open(&s);
	for (unsigned m = 0; m < 3; m++) {
		for (unsigned i = 0; i < DECODE_MAPS * 256; i++) {
			const struct decode_slot *slot = &s.ix->slot[i / 256][i % 256];

			if (!slot->flags && !slot->first) /* no rows */
				continue;
			if (i / 256 < 4)
				sweep_legacy(&s, m, i / 256, i % 256);
			else
				sweep_vex(&s, m, i / 256 - 4, i % 256);
		}
	}
	for (unsigned i = 0; i < INSN_COUNT; i++)
		ck_assert_msg(s.met[i], "no encoding decodes to %s", insn_rows[i].id);
	suite_close(&s);
}
END_TEST

START_TEST(random_bytes)
{
	struct suite s;
	uint64_t x = random_seed;

	suite_open(&s);
	for (long i = 0; i < random_count; i++) {
		uint8_t b[16];

		for (unsigned k = 0; k < 16; k += 8) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			memcpy(b + k, &x, 8);
		}
		compare(&s, i % 3, b);
	}
	suite_close(&s);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("capstone");
	TCase *tc = tcase_create("capstone");
	SRunner *sr;
	int failed;

	if (getenv("DRAGOMAN_LONG"))
		random_count = 10000000;
	if (argc > 1)
		random_count = strtol(argv[1], NULL, 0);
	if (argc > 2)
		random_seed = strtoull(argv[2], NULL, 0);
	tcase_add_test(tc, every_row);
	tcase_add_test(tc, random_bytes);
	tcase_set_timeout(tc, 600);
	suite_add_tcase(suite, tc);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
