/*
 * test_walk.c - the page walk against an oracle written from the manual's sentences.
 *
 * Tables are built for each paging mode; every combination of rights in an upper entry and in the leaf, of WP, SMEP,
 * NXE, of access and of who asks is walked. Reserved bits are checked bit by bit against literal masks.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "mmu/walk.h"

#define P 1ull
#define W 2ull
#define U 4ull
#define A 0x20ull
#define D 0x40ull
#define PS 0x80ull
#define G 0x100ull
#define NX BIT(63)

enum pmode { M32_4K, M32_4M, PAE_4K, PAE_2M, L4_4K, L4_2M, L4_1G, NMODES };

static const struct {
	unsigned levels, shift; /* entries read from memory (PAE's PDPTE is a register) */
} modes[NMODES] = {{2, 12}, {1, 22}, {2, 12}, {1, 21}, {4, 12}, {3, 21}, {2, 30}};

struct fix {
	struct ram ram;
	struct log log;
	struct space mem;
	struct region reg;
	struct paging pg;
	enum pmode mode;
	gpa_t at[4]; /* entries from the root, without PAE's register */
	unsigned esize;
};

#define GLA 0x40201123ull /* index 1 at every level of every mode */
#define LEAF_PA 0x80000000ull

static struct fix *fix_new(void)
{
	struct fix *f = calloc(1, sizeof(*f));

	ck_assert_int_eq(ram_init(&f->ram, 1 << 20, NULL), VM_OK);
	log_init(&f->log);
	space_init(&f->mem, "mem", BIT(52) - 1, &f->ram, &f->log);
	f->reg = (struct region){.name = "ram", .kind = REGION_RAM, .len = 1 << 20,
		.ra = ram_alloc(&f->ram, 1 << 20)};
	space_add(&f->mem, &f->reg, 0);
	return f;
}

static void fix_free(struct fix *f)
{
	space_fini(&f->mem);
	ram_fini(&f->ram);
	free(f);
}

static uint64_t get(struct fix *f, unsigned level)
{
	return space_read(&f->mem, f->at[level], f->esize);
}

static void put(struct fix *f, unsigned level, uint64_t e)
{
	space_write(&f->mem, f->at[level], e, f->esize);
}

/* What points from @level to the next table, or to the page. */
static uint64_t link_bits(struct fix *f, unsigned level)
{
	unsigned n = modes[f->mode].levels;

	if (level + 1 < n)
		return f->at[level + 1] & ~0xFFFull;
	return LEAF_PA | (modes[f->mode].shift > 12 ? PS : 0);
}

static void setup(struct fix *f, enum pmode mode)
{
	bool pae = mode == PAE_4K || mode == PAE_2M, l4 = mode >= L4_4K;
	unsigned n = modes[mode].levels, top = l4 ? 39 : pae ? 21 : 22;

	f->mode = mode;
	f->esize = pae || l4 ? 8 : 4;
	f->pg = (struct paging){.cr0 = CR0_PG | 1, .cr3 = 0x10000, .a20_mask = ~0ull,
		.maxphyaddr = 36, .has_1g = true,
		.cr4 = (pae || l4 ? CR4_PAE : CR4_PSE) | CR4_PGE, .efer = l4 ? EFER_LMA : 0};
	for (unsigned i = 0; i < n; i++) {
		unsigned shift = top - i * (f->esize == 8 ? 9 : 10);
		unsigned idx = (GLA >> shift) & (f->esize == 8 ? 511 : 1023);

		f->at[i] = 0x10000 + 0x1000 * i + idx * f->esize;
	}
	if (pae) { /* the register leads to the first table */
		f->pg.pdpte[1] = 0x10000 | P;
		f->pg.cr3 = 0x8000;
	}
	for (unsigned i = 0; i < n; i++)
		put(f, i, link_bits(f, i) | P | W | U);
}

/* The manual's 4.6.1 and 4.7, sentence by sentence. Returns the error code, or -1 if allowed. */
static int oracle(struct fix *f, bool user, bool writable, bool nx, enum mmu_access acc,
	enum mmu_idx idx)
{
	bool wp = f->pg.cr0 & CR0_WP, smep = f->pg.cr4 & CR4_SMEP, nxe = f->pg.efer & EFER_NXE;
	bool sup_access = idx != MMU_USER, ok = false;
	bool smap_denies = idx == MMU_SMAP;
	int code;

	if (sup_access && !user) { /* supervisor-mode access to a supervisor page */
		if (acc == MMU_READ)
			ok = true;
		if (acc == MMU_WRITE)
			ok = wp ? writable : true;
		if (acc == MMU_EXEC)
			ok = nxe ? !nx : true;
	} else if (sup_access) { /* ... to a user page */
		if (acc == MMU_READ)
			ok = !smap_denies;
		if (acc == MMU_WRITE)
			ok = !smap_denies && (wp ? writable : true);
		if (acc == MMU_EXEC)
			ok = smep ? false : nxe ? !nx : true;
	} else if (user) {
		ok = acc == MMU_READ || (acc == MMU_WRITE && writable) ||
		     (acc == MMU_EXEC && (nxe ? !nx : true));
	}
	if (ok)
		return -1;
	code = 1;
	if (acc == MMU_WRITE)
		code |= 2;
	if (!sup_access)
		code |= 4;
	if (acc == MMU_EXEC && (smep || (f->esize == 8 && nxe)))
		code |= 16;
	return code;
}

static uint64_t rights(unsigned n, bool nx_exists)
{
	return (n & 1 ? W : 0) | (n & 2 ? U : 0) | (n & 4 && nx_exists ? NX : 0);
}

/* One walk with all entries known; @ad: leaf's A and D before. */
static void check_one(struct fix *f, unsigned up, unsigned leaf, enum mmu_access acc,
	enum mmu_idx idx, uint64_t ad)
{
	unsigned n = modes[f->mode].levels;
	uint64_t eu = rights(up, f->esize == 8), el = rights(leaf, f->esize == 8), all = eu & el;
	bool nx = (eu | el) & NX;
	struct walk w;
	int want;

	if (n == 1)
		eu = el, all = el, nx = el & NX;
	/* the upper rights rotate through the upper levels: only one carries them */
	for (unsigned i = 0; i < n; i++) {
		uint64_t e = i == n - 1 ? el | ad : i == up % (n - 1 ? n - 1 : 1) ? eu : W | U;

		put(f, i, link_bits(f, i) | P | G | e);
	}
	want = oracle(f, all & U, all & W, nx, acc, idx);
	ck_assert_int_eq(walk(&f->pg, &f->mem, GLA, acc, idx, false, &w), want < 0);
	if (want >= 0) {
		ck_assert_uint_eq(w.code, want);
		ck_assert_uint_ne(w.why, WALK_OK);
		for (unsigned i = 0; i < n; i++) /* a faulting walk leaves memory alone */
			ck_assert_uint_eq(get(f, i) & (A | D), i == n - 1 ? ad : 0);
		return;
	}
	ck_assert_uint_eq(w.why, WALK_OK);
	ck_assert_uint_eq(w.page_shift, modes[f->mode].shift);
	ck_assert_uint_eq(w.gpa, LEAF_PA | (GLA & (BIT(modes[f->mode].shift) - 1)));
	ck_assert(w.global);
	ck_assert_int_eq(w.user, !!(all & U));
	ck_assert_int_eq(w.r, oracle(f, all & U, all & W, nx, MMU_READ, idx) < 0);
	ck_assert_int_eq(w.x, oracle(f, all & U, all & W, nx, MMU_EXEC, idx) < 0);
	ck_assert_int_eq(w.w, oracle(f, all & U, all & W, nx, MMU_WRITE, idx) < 0 &&
				      (acc == MMU_WRITE || (ad & D)));
	for (unsigned i = 0; i < n; i++)
		ck_assert_uint_eq(get(f, i) & (A | D),
			A | (i == n - 1 ? ad | (acc == MMU_WRITE ? D : 0) : 0));
}

START_TEST(all_rights)
{
	struct fix *f = fix_new();

	setup(f, (enum pmode)_i);
	for (unsigned cfg = 0; cfg < 8; cfg++) {
		f->pg.cr0 = CR0_PG | 1 | (cfg & 1 ? CR0_WP : 0);
		f->pg.cr4 = (f->pg.cr4 & ~CR4_SMEP) | (cfg & 2 ? CR4_SMEP : 0);
		f->pg.efer = (f->pg.efer & ~EFER_NXE) | (cfg & 4 ? EFER_NXE : 0);
		for (unsigned i = 0; i < 64 * 9 * 3; i++) {
			static const uint64_t ads[3] = {0, A, A | D};
			unsigned up = i % 8, leaf = i / 8 % 8;

			/* NX without NXE is a reserved bit: its own test */
			if (!(cfg & 4) && ((up | leaf) & 4) && f->esize == 8)
				continue;
			check_one(f, up, leaf, (enum mmu_access)(i / 64 % 3),
				(enum mmu_idx)(i / 192 % 3), ads[i / 576]);
		}
	}
	fix_free(f);
}
END_TEST

START_TEST(not_present)
{
	struct fix *f = fix_new();
	struct walk w;

	setup(f, (enum pmode)_i);
	for (unsigned l = 0; l < modes[_i].levels; l++) {
		uint64_t e = get(f, l);

		put(f, l, ~P); /* all else is ignored, reserved or not */
		ck_assert(!walk(&f->pg, &f->mem, GLA, MMU_WRITE, MMU_USER, false, &w));
		ck_assert_uint_eq(w.why, WALK_NOT_PRESENT);
		ck_assert_uint_eq(w.code, PF_W | PF_U);
		ck_assert_uint_eq(w.levels, l + 1 + (_i == PAE_4K || _i == PAE_2M));
		ck_assert_uint_eq(w.trace[w.levels - 1].at, f->at[l]);
		f->pg.cr4 |= CR4_SMEP;
		walk(&f->pg, &f->mem, GLA, MMU_EXEC, MMU_SUP, false, &w);
		ck_assert_uint_eq(w.code, PF_I);
		f->pg.cr4 &= ~CR4_SMEP;
		put(f, l, e);
	}
	fix_free(f);
}
END_TEST

/* Reserved bits by mode, level and MAXPHYADDR, EFER.NXE = 0; literal from the manual's tables. */
static const struct {
	enum pmode mode;
	unsigned level, maxphy;
	bool no_1g;
	uint64_t mask;
} resv[] = {
	{M32_4K, 0, 36, 0, 0}, {M32_4K, 1, 36, 0, 0},
	{M32_4M, 0, 32, 0, 0x3FE000}, {M32_4M, 0, 36, 0, 0x3E0000}, {M32_4M, 0, 40, 0, 0x200000},
	{M32_4M, 0, 52, 0, 0x200000},
	{PAE_4K, 0, 36, 0, 0xFFFFFFF000000000}, {PAE_4K, 1, 36, 0, 0xFFFFFFF000000000},
	{PAE_4K, 1, 52, 0, 0xFFF0000000000000}, {PAE_2M, 0, 36, 0, 0xFFFFFFF0001FE000},
	{PAE_2M, 0, 40, 0, 0xFFFFFF00001FE000},
	{L4_4K, 0, 36, 0, 0x800FFFF000000080}, {L4_4K, 1, 36, 1, 0x800FFFF000000080},
	{L4_4K, 2, 36, 0, 0x800FFFF000000000}, {L4_4K, 3, 36, 0, 0x800FFFF000000000},
	{L4_4K, 3, 52, 0, 0x8000000000000000}, {L4_4K, 3, 40, 0, 0x800FFF0000000000},
	{L4_2M, 2, 36, 0, 0x800FFFF0001FE000}, {L4_1G, 1, 36, 0, 0x800FFFF03FFFE000},
	{L4_1G, 1, 39, 0, 0x800FFF803FFFE000},
};

START_TEST(reserved_bits)
{
	struct fix *f = fix_new();
	uint64_t good, got = 0;
	unsigned l = resv[_i].level, reg;
	struct walk w;

	setup(f, resv[_i].mode);
	f->pg.maxphyaddr = (uint8_t)resv[_i].maxphy;
	f->pg.has_1g = !resv[_i].no_1g;
	reg = resv[_i].mode == PAE_4K || resv[_i].mode == PAE_2M;
	good = get(f, l);
	for (unsigned b = 1; b < f->esize * 8; b++) {
		if ((good & BIT(b)) && b != 31)
			continue;
		if (b == 7 && !(resv[_i].mask & PS)) /* makes another kind of entry of it */
			continue;
		put(f, l, good | BIT(b));
		walk(&f->pg, &f->mem, GLA, MMU_WRITE, MMU_USER, true, &w);
		if (w.why == WALK_RESERVED && w.levels == l + 1 + reg) {
			got |= BIT(b);
			ck_assert_uint_eq(w.code, PF_P | PF_RSVD | PF_W | PF_U);
		}
		f->pg.efer |= EFER_NXE;
		walk(&f->pg, &f->mem, GLA, MMU_READ, MMU_USER, true, &w);
		if (b == 63) /* now it is XD */
			ck_assert_uint_ne(w.why, WALK_RESERVED);
		f->pg.efer &= ~EFER_NXE;
	}
	ck_assert_uint_eq(got, resv[_i].mask);
	fix_free(f);
}
END_TEST

START_TEST(reserved_before_rights_and_absence)
{
	struct fix *f = fix_new();
	struct walk w;

	setup(f, L4_4K);
	put(f, 1, get(f, 1) | BIT(40));
	put(f, 2, 0);
	ck_assert(!walk(&f->pg, &f->mem, GLA, MMU_READ, MMU_SUP, false, &w));
	ck_assert_uint_eq(w.code, PF_P | PF_RSVD); /* though the next level is absent */
	setup(f, L4_4K);
	put(f, 0, get(f, 0) & ~U);
	put(f, 3, 0);
	ck_assert(!walk(&f->pg, &f->mem, GLA, MMU_READ, MMU_USER, false, &w));
	ck_assert_uint_eq(w.code, PF_U); /* absence before rights */
	fix_free(f);
}
END_TEST

START_TEST(pse)
{
	struct fix *f = fix_new();
	struct walk w;

	setup(f, M32_4M);
	f->pg.maxphyaddr = 40;
	put(f, 0, 0x00C00000 | 0xA5u << 13 | PS | P); /* PSE-36: bits 39:32 in 20:13 */
	ck_assert(walk(&f->pg, &f->mem, GLA, MMU_READ, MMU_SUP, false, &w));
	ck_assert_uint_eq(w.gpa, 0xA500C00000ull | (GLA & 0x3FFFFF));
	f->pg.cr4 &= ~CR4_PSE; /* now PS is ignored and the entry points to a table */
	put(f, 0, 0x14000 | PS | P);
	space_write(&f->mem, 0x14000 + 4 * ((GLA >> 12) & 1023), 0x55000 | P, 4);
	ck_assert(walk(&f->pg, &f->mem, GLA, MMU_READ, MMU_SUP, false, &w));
	ck_assert_uint_eq(w.gpa, 0x55123);
	ck_assert_uint_eq(w.page_shift, 12);
	fix_free(f);
}
END_TEST

START_TEST(smap_and_why)
{
	struct fix *f = fix_new();
	struct walk w;

	setup(f, M32_4K);
	f->pg.cr0 |= CR0_WP;
	ck_assert(!walk(&f->pg, &f->mem, GLA, MMU_READ, MMU_SMAP, false, &w));
	ck_assert_uint_eq(w.why, WALK_SMAP);
	ck_assert_uint_eq(w.code, PF_P);
	ck_assert(walk(&f->pg, &f->mem, GLA, MMU_READ, MMU_SUP, false, &w));
	f->pg.cr4 |= CR4_SMEP;
	ck_assert(!walk(&f->pg, &f->mem, GLA, MMU_EXEC, MMU_SUP, false, &w));
	ck_assert_uint_eq(w.why, WALK_SMEP);
	put(f, 1, get(f, 1) & ~W);
	ck_assert(!walk(&f->pg, &f->mem, GLA, MMU_WRITE, MMU_SUP, false, &w));
	ck_assert_uint_eq(w.why, WALK_WRITE_RO);
	put(f, 0, get(f, 0) & ~U);
	ck_assert(!walk(&f->pg, &f->mem, GLA, MMU_WRITE, MMU_USER, false, &w));
	ck_assert_uint_eq(w.why, WALK_USER_SUP);
	setup(f, L4_4K);
	f->pg.efer |= EFER_NXE;
	put(f, 2, get(f, 2) | NX);
	ck_assert(!walk(&f->pg, &f->mem, GLA, MMU_EXEC, MMU_USER, false, &w));
	ck_assert_uint_eq(w.why, WALK_NX);
	fix_free(f);
}
END_TEST

START_TEST(no_paging_and_a20)
{
	struct fix *f = fix_new();
	struct walk w;

	f->pg.a20_mask = ~BIT(20);
	ck_assert(walk(&f->pg, &f->mem, 0x1FFFFF, MMU_WRITE, MMU_SUP, false, &w));
	ck_assert_uint_eq(w.gpa, 0xFFFFF);
	ck_assert(w.r && w.w && w.x);
	ck_assert(walk(&f->pg, &f->mem, 0x100123456, MMU_READ, MMU_USER, false, &w));
	ck_assert_uint_eq(w.gpa, 0x23456);
	setup(f, M32_4K);
	f->pg.a20_mask = ~BIT(20);
	f->pg.cr3 |= BIT(20); /* the masked line hits table accesses too */
	put(f, 0, get(f, 0) | BIT(20));
	put(f, 1, 0x00345000 | P);
	ck_assert(walk(&f->pg, &f->mem, GLA, MMU_READ, MMU_SUP, false, &w));
	ck_assert_uint_eq(w.gpa, 0x00245123);
	fix_free(f);
}
END_TEST

START_TEST(probe_changes_nothing)
{
	struct fix *f = fix_new();
	uint8_t *before = malloc(1 << 20);
	struct walk w;

	setup(f, L4_4K);
	memcpy(before, f->ram.host, 1 << 20);
	ck_assert(walk(&f->pg, &f->mem, GLA, MMU_WRITE, MMU_SUP, true, &w));
	ck_assert_mem_eq(before, f->ram.host, 1 << 20);
	ck_assert(walk(&f->pg, &f->mem, GLA, MMU_READ, MMU_SUP, true, &w));
	ck_assert(w.w);
	free(before);
	fix_free(f);
}
END_TEST

START_TEST(fast_agrees)
{
	struct fix *f = fix_new();
	struct walk a, b;

	setup(f, L4_4K);
	ck_assert(walk_fast(&f->pg, &f->mem, GLA, MMU_READ, MMU_USER, &a));
	ck_assert(walk(&f->pg, &f->mem, GLA, MMU_READ, MMU_USER, true, &b));
	ck_assert_uint_eq(a.gpa, b.gpa);
	ck_assert_uint_eq(get(f, 3) & (A | D), A);
	/* D would have to be set in a page with code: C's business */
	f->ram.code[f->at[3] >> PAGE_SHIFT] = 1;
	ck_assert(!walk_fast(&f->pg, &f->mem, GLA, MMU_WRITE, MMU_USER, &a));
	ck_assert(a.need_c);
	ck_assert(walk_fast(&f->pg, &f->mem, GLA, MMU_READ, MMU_USER, &a)); /* nothing to set */
	ck_assert(walk(&f->pg, &f->mem, GLA, MMU_WRITE, MMU_USER, false, &b));
	ck_assert(b.w);
	f->pg.cr3 = 0x200000; /* tables where nothing is: all-ones, so reserved bits */
	ck_assert(!walk_fast(&f->pg, &f->mem, GLA, MMU_READ, MMU_USER, &a));
	ck_assert(a.need_c);
	ck_assert(!walk(&f->pg, &f->mem, GLA, MMU_READ, MMU_USER, false, &b));
	ck_assert_uint_eq(b.why, WALK_RESERVED);
	fix_free(f);
}
END_TEST

START_TEST(pdptes)
{
	struct fix *f = fix_new();

	f->pg.a20_mask = ~0ull;
	f->pg.maxphyaddr = 36;
	for (unsigned i = 0; i < 4; i++)
		space_write(&f->mem, 0x2020 + 8 * i, 0x1000 * i + P, 8);
	ck_assert(walk_load_pdptes(&f->pg, &f->mem, 0x202F)); /* low 5 bits are not address */
	ck_assert_uint_eq(f->pg.pdpte[3], 0x3001);
	for (unsigned b = 1; b < 64; b++) {
		bool reserved = b == 1 || b == 2 || (b >= 5 && b <= 8) || b >= 36;

		space_write(&f->mem, 0x2030, P | BIT(b), 8);
		ck_assert_int_eq(walk_load_pdptes(&f->pg, &f->mem, 0x2020), !reserved);
		space_write(&f->mem, 0x2030, BIT(b), 8); /* not present: nothing is checked */
		ck_assert(walk_load_pdptes(&f->pg, &f->mem, 0x2020));
	}
	f->pg.pdpte[0] = 0x77;
	space_write(&f->mem, 0x2038, P | BIT(63), 8);
	ck_assert(!walk_load_pdptes(&f->pg, &f->mem, 0x2020));
	ck_assert_uint_eq(f->pg.pdpte[0], 0x77); /* nothing changed */
	fix_free(f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("walk");
	TCase *t = tcase_create("walk");
	SRunner *r;
	int bad;

	tcase_add_loop_test(t, all_rights, 0, NMODES);
	tcase_add_loop_test(t, not_present, 0, NMODES);
	tcase_add_loop_test(t, reserved_bits, 0, (int)ARRAY_SIZE(resv));
	tcase_add_test(t, reserved_before_rights_and_absence);
	tcase_add_test(t, pse);
	tcase_add_test(t, smap_and_why);
	tcase_add_test(t, no_paging_and_a20);
	tcase_add_test(t, probe_changes_nothing);
	tcase_add_test(t, fast_agrees);
	tcase_add_test(t, pdptes);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
