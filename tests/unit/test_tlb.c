/*
 * test_tlb.c - what tags a fill loads and withholds, and what each flush drops.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "mmu/tlb.h"

#define P 1u
#define W 2u
#define U 4u
#define A 0x20u
#define D 0x40u
#define PS 0x80u
#define G 0x100u

#define PD 0x10000u
#define PT 0x11000u /* maps 0x00000000.. */
#define ROM_GPA 0xF0000u
#define DEV_GPA 0xE0000u

struct fix {
	struct ram ram;
	struct log log;
	struct space mem;
	struct region reg, rom, dev;
	struct mmu m;
	unsigned nflushed;
	gla_t flushed;
};

static uint64_t dev_read(void *o, uint64_t off, unsigned size)
{
	return off;
}

static const struct io_ops dev_ops = {"dev", dev_read, NULL, 1, 8};

static void on_flushed(void *o, gla_t gla)
{
	struct fix *f = o;

	f->nflushed++;
	f->flushed = gla;
}

static void map(struct fix *f, gla_t gla, uint32_t pte)
{
	space_write(&f->mem, PT + 4 * (gla >> 12), pte, 4);
}

static uint32_t pte(struct fix *f, gla_t gla)
{
	return (uint32_t)space_read(&f->mem, PT + 4 * (gla >> 12), 4);
}

static struct fix *fix_new(void)
{
	struct fix *f = calloc(1, sizeof(*f));

	ck_assert_int_eq(ram_init(&f->ram, 4 << 20, NULL), VM_OK);
	log_init(&f->log);
	space_init(&f->mem, "mem", BIT(52) - 1, &f->ram, &f->log);
	f->reg = (struct region){.name = "ram", .kind = REGION_RAM, .len = 0xE0000,
		.ra = ram_alloc(&f->ram, 0xE0000)};
	f->rom = (struct region){.name = "rom", .kind = REGION_ROM, .len = 0x1000,
		.ra = ram_alloc(&f->ram, 0x1000)};
	space_add(&f->mem, &f->reg, 0);
	space_add(&f->mem, &f->rom, ROM_GPA);
	space_add_io(&f->mem, &f->dev, "dev", DEV_GPA, 0x1000, &dev_ops, f);
	mmu_init(&f->m, &f->mem, &f->ram, &f->log);
	f->m.flushed = on_flushed;
	f->m.flushed_opaque = f;
	f->m.pg.cr0 = CR0_PG | CR0_WP | 1;
	f->m.pg.cr3 = PD;
	f->m.pg.cr4 = CR4_PSE | CR4_PGE;
	space_write(&f->mem, PD, PT | P | W | U, 4);
	return f;
}

static void fix_free(struct fix *f)
{
	space_fini(&f->mem);
	ram_fini(&f->ram);
	free(f);
}

static struct tlb_entry *ent(struct fix *f, gla_t gla, enum mmu_idx idx)
{
	return &f->m.tlb[idx][tlb_index(gla)];
}

#define TAGS(f, gla, idx, r, w, x)                                                                 \
	do {                                                                                       \
		ck_assert_int_eq(ent(f, gla, idx)->rd == TLB_TAG(gla), r);                                \
		ck_assert_int_eq(ent(f, gla, idx)->wr == TLB_TAG(gla), w);                                \
		ck_assert_int_eq(ent(f, gla, idx)->ex == TLB_TAG(gla), x);                                \
	} while (0)

START_TEST(fill_ram)
{
	struct fix *f = fix_new();

	map(f, 0x5000, 0x23000 | P | W | U);
	TAGS(f, 0x5000, MMU_USER, 0, 0, 0);
	ck_assert_int_eq(tlb_fill(&f->m, 0x5678, MMU_READ, MMU_USER), FILL_OK);
	TAGS(f, 0x5000, MMU_USER, 1, 0, 1); /* D is clear: writes must come back */
	ck_assert_uint_eq(pte(f, 0x5000) & (A | D), A);
	ck_assert_ptr_eq((void *)(uintptr_t)(0x5678 + ent(f, 0x5000, MMU_USER)->addend),
		f->ram.host + 0x23678);
	ck_assert_int_eq(tlb_fill(&f->m, 0x5678, MMU_WRITE, MMU_USER), FILL_OK);
	TAGS(f, 0x5000, MMU_USER, 1, 1, 1);
	ck_assert_uint_eq(pte(f, 0x5000) & (A | D), A | D);
	TAGS(f, 0x5000, MMU_SUP, 0, 0, 0); /* the tables are apart */
	ck_assert_int_eq(tlb_fill(&f->m, 0x5000, MMU_READ, MMU_SMAP), FILL_FAULT);
	ck_assert_uint_eq(f->m.fault.w.why, WALK_SMAP);
	ck_assert_int_eq(tlb_fill(&f->m, 0x5000, MMU_READ, MMU_SUP), FILL_OK);
	TAGS(f, 0x5000, MMU_SUP, 1, 1, 1);
	fix_free(f);
}
END_TEST

START_TEST(fill_fault)
{
	struct fix *f = fix_new();

	map(f, 0x5000, 0x23000 | P | W);
	map(f, 0x6000, 0x24000 | P | W | U);
	ck_assert_int_eq(tlb_fill(&f->m, 0x5ABC, MMU_WRITE, MMU_USER), FILL_FAULT);
	ck_assert_uint_eq(f->m.fault.gla, 0x5ABC);
	ck_assert_int_eq(f->m.fault.acc, MMU_WRITE);
	ck_assert_int_eq(f->m.fault.idx, MMU_USER);
	ck_assert_uint_eq(f->m.fault.w.code, PF_P | PF_W | PF_U);
	TAGS(f, 0x5000, MMU_USER, 0, 0, 0);
	ck_assert_int_eq(tlb_fill(&f->m, 0x6000, MMU_READ, MMU_USER), FILL_OK);
	ck_assert_uint_eq(f->m.fault.w.code, PF_P | PF_W | PF_U); /* a success leaves the report */
	fix_free(f);
}
END_TEST

START_TEST(fill_read_only)
{
	struct fix *f = fix_new();

	map(f, 0x5000, 0x23000 | P | U | D);
	ck_assert_int_eq(tlb_fill(&f->m, 0x5000, MMU_READ, MMU_SUP), FILL_OK);
	TAGS(f, 0x5000, MMU_SUP, 1, 0, 1);
	f->m.pg.cr0 &= ~CR0_WP;
	tlb_flush(&f->m, true);
	ck_assert_int_eq(tlb_fill(&f->m, 0x5000, MMU_READ, MMU_SUP), FILL_OK);
	TAGS(f, 0x5000, MMU_SUP, 1, 1, 1);
	ck_assert_int_eq(tlb_fill(&f->m, 0x5000, MMU_WRITE, MMU_USER), FILL_FAULT);
	fix_free(f);
}
END_TEST

START_TEST(fill_rom_and_device)
{
	struct fix *f = fix_new();
	uint64_t fills;

	map(f, 0x5000, ROM_GPA | P | W | D);
	map(f, 0x6000, DEV_GPA | P | W | D);
	ck_assert_int_eq(tlb_fill(&f->m, 0x5000, MMU_READ, MMU_SUP), FILL_OK);
	TAGS(f, 0x5000, MMU_SUP, 1, 0, 1);
	ck_assert_int_eq(tlb_fill(&f->m, 0x5000, MMU_WRITE, MMU_SUP), FILL_SLOW);
	ck_assert_int_eq(tlb_fill(&f->m, 0x6000, MMU_READ, MMU_SUP), FILL_SLOW);
	TAGS(f, 0x6000, MMU_SUP, 0, 0, 0);
	ck_assert_uint_eq(f->m.side[MMU_SUP][6].ra, RADDR_NONE);
	ck_assert(f->m.side[MMU_SUP][6].may_write);
	/* what is known of a device's page is not walked for again; who may not write learns it */
	fills = f->m.fills;
	ck_assert_int_eq(tlb_fill(&f->m, 0x6008, MMU_READ, MMU_SUP), FILL_SLOW);
	ck_assert_int_eq(tlb_fill(&f->m, 0x6008, MMU_WRITE, MMU_SUP), FILL_SLOW);
	ck_assert_uint_eq(f->m.fills, fills);
	ck_assert_int_eq(tlb_fill(&f->m, 0x6008, MMU_READ, MMU_USER), FILL_FAULT);
	/* half RAM, half nothing: not for the fast path either */
	f->reg.len = 0xDF800;
	space_move(&f->mem, &f->reg, 0, false);
	space_move(&f->mem, &f->reg, 0, true);
	map(f, 0x7000, 0xDF000 | P | W | D);
	ck_assert_int_eq(tlb_fill(&f->m, 0x7000, MMU_READ, MMU_SUP), FILL_SLOW);
	fix_free(f);
}
END_TEST

START_TEST(code_page)
{
	struct fix *f = fix_new();

	map(f, 0x5000, 0x23000 | P | W | U | D);
	map(f, 0x9000, 0x23000 | P | W | U | D); /* an alias */
	tlb_fill(&f->m, 0x5000, MMU_WRITE, MMU_USER);
	tlb_fill(&f->m, 0x9000, MMU_WRITE, MMU_SUP);
	TAGS(f, 0x5000, MMU_USER, 1, 1, 1);
	TAGS(f, 0x9000, MMU_SUP, 1, 1, 1);
	f->ram.code[0x23] = 1;
	tlb_protect_page(&f->m, 0x23000);
	TAGS(f, 0x5000, MMU_USER, 1, 0, 1);
	TAGS(f, 0x9000, MMU_SUP, 1, 0, 1);
	ck_assert_int_eq(tlb_fill(&f->m, 0x5000, MMU_WRITE, MMU_USER), FILL_SLOW);
	TAGS(f, 0x5000, MMU_USER, 1, 0, 1);
	tlb_grant_write(&f->m, 0x5000, MMU_USER);
	TAGS(f, 0x5000, MMU_USER, 1, 0, 1); /* still code there */
	f->ram.code[0x23] = 0;
	tlb_grant_write(&f->m, 0x5000, MMU_USER);
	TAGS(f, 0x5000, MMU_USER, 1, 1, 1);
	fix_free(f);
}
END_TEST

/* However many entries may write a page, and whatever they hold since: all lose the tag, others keep theirs. */
START_TEST(many_writers)
{
	struct fix *f = fix_new();

	for (unsigned round = 0; round < 2; round++) {
		for (unsigned n = 1; n <= 5; n++) {
			f->ram.code[0x23] = 0;
			for (unsigned i = 0; i < n; i++) {
				map(f, 0x5000 + 0x1000 * i, 0x23000 | P | W | U | D);
				tlb_flush_page(&f->m, 0x5000 + 0x1000 * i);
				ck_assert_int_eq(tlb_fill(&f->m, 0x5000 + 0x1000 * i, MMU_WRITE, i & 1 ? MMU_SUP : MMU_USER), FILL_OK);
			}
			map(f, 0x5000, 0x24000 | P | W | U | D); /* its entry is another page's now */
			tlb_flush_page(&f->m, 0x5000);
			ck_assert_int_eq(tlb_fill(&f->m, 0x5000, MMU_WRITE, MMU_USER), FILL_OK);
			f->ram.code[0x23] = 1;
			tlb_protect_page(&f->m, 0x23000);
			TAGS(f, 0x5000, MMU_USER, 1, 1, 1);
			for (unsigned i = 1; i < n; i++)
				TAGS(f, 0x5000 + 0x1000 * i, i & 1 ? MMU_SUP : MMU_USER, 1, 0, 1);
		}
		tlb_flush(&f->m, true);
	}
	fix_free(f);
}
END_TEST

START_TEST(display)
{
	struct fix *f = fix_new();

	map(f, 0x5000, 0x23000 | P | W | U | D);
	ram_track(&f->ram, 0x23000, 0x3000, true);
	ck_assert(ram_dirty(&f->ram, 0x23000));
	ck_assert_int_eq(tlb_fill(&f->m, 0x5000, MMU_WRITE, MMU_USER), FILL_OK);
	ram_clean(&f->ram, 0x23000, 0x3000);
	ck_assert(!ram_dirty(&f->ram, 0x23000));
	TAGS(f, 0x5000, MMU_USER, 1, 0, 1);
	ck_assert_int_eq(tlb_fill(&f->m, 0x5000, MMU_WRITE, MMU_USER), FILL_SLOW);
	ram_written(&f->ram, 0x23000, 1);
	ck_assert(ram_dirty(&f->ram, 0x23000));
	ck_assert(!ram_dirty(&f->ram, 0x24000));
	ck_assert_int_eq(tlb_fill(&f->m, 0x5000, MMU_WRITE, MMU_USER), FILL_OK);
	fix_free(f);
}
END_TEST

START_TEST(watchpoints)
{
	struct fix *f = fix_new();

	map(f, 0x5000, 0x23000 | P | W | U | D);
	map(f, 0x6000, 0x24000 | P | W | U | D);
	map(f, 0x7000, 0x25000 | P | W | U | D);
	tlb_fill(&f->m, 0x5000, MMU_READ, MMU_USER);
	mmu_set_watch(&f->m, 0, 0x5FFF, 2, false, true); /* over the border */
	TAGS(f, 0x5000, MMU_USER, 0, 0, 0);
	ck_assert_int_eq(tlb_fill(&f->m, 0x5000, MMU_READ, MMU_USER), FILL_SLOW);
	ck_assert_int_eq(tlb_fill(&f->m, 0x6000, MMU_WRITE, MMU_USER), FILL_SLOW);
	ck_assert_int_eq(tlb_fill(&f->m, 0x6000, MMU_EXEC, MMU_USER), FILL_OK);
	ck_assert_int_eq(tlb_fill(&f->m, 0x7000, MMU_READ, MMU_USER), FILL_OK);
	mmu_clear_watch(&f->m, 0, MMU_WATCH_MAX);
	ck_assert_int_eq(tlb_fill(&f->m, 0x5000, MMU_READ, MMU_USER), FILL_OK);
	fix_free(f);
}
END_TEST

START_TEST(flushes)
{
	struct fix *f = fix_new();

	map(f, 0x5000, 0x23000 | P | W | U | D);
	map(f, 0x6000, 0x24000 | P | W | U | D | G);
	for (unsigned i = 0; i < 2; i++) {
		tlb_fill(&f->m, 0x5000, MMU_READ, (enum mmu_idx)i);
		tlb_fill(&f->m, 0x6000, MMU_READ, (enum mmu_idx)i);
	}
	tlb_flush(&f->m, false);
	ck_assert_uint_eq(f->nflushed, 1);
	ck_assert_uint_eq(f->flushed, TLB_FLUSH_LOCAL);
	for (unsigned i = 0; i < 2; i++) {
		TAGS(f, 0x5000, i, 0, 0, 0);
		TAGS(f, 0x6000, i, 1, 1, 1);
	}
	tlb_flush_page(&f->m, 0x6FFF); /* INVLPG takes global pages too */
	ck_assert_uint_eq(f->flushed, 0x6000);
	TAGS(f, 0x6000, MMU_SUP, 0, 0, 0);
	TAGS(f, 0x6000, MMU_USER, 0, 0, 0);
	tlb_fill(&f->m, 0x6000, MMU_READ, MMU_USER);
	tlb_flush(&f->m, true);
	TAGS(f, 0x6000, MMU_USER, 0, 0, 0);
	/* G without CR4.PGE is not global */
	f->m.pg.cr4 &= ~CR4_PGE;
	tlb_fill(&f->m, 0x6000, MMU_READ, MMU_USER);
	tlb_flush(&f->m, false);
	TAGS(f, 0x6000, MMU_USER, 0, 0, 0);
	fix_free(f);
}
END_TEST

#define FAR 0x1000000u /* so far apart pages share an entry */

/* A page that made way for another comes back without a walk, with what its state allows then. */
START_TEST(victims)
{
	struct fix *f = fix_new();
	uint64_t fills;

	space_write(&f->mem, PD + 4 * (FAR >> 22), PT | P | W | U, 4); /* the same table: 5000 and FAR + 5000 are one page */
	map(f, 0x5000, 0x23000 | P | W | U);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(tlb_fill(&f->m, 0x5010, MMU_READ, MMU_USER), FILL_OK);
		TAGS(f, 0x5000, MMU_USER, 1, 0, 1);
		ck_assert_int_eq(tlb_fill(&f->m, FAR + 0x5010, MMU_READ, MMU_USER), FILL_OK);
		TAGS(f, FAR + 0x5000, MMU_USER, 1, 0, 1);
		ck_assert_ptr_eq((void *)(uintptr_t)(FAR + 0x5010 + ent(f, 0x5000, MMU_USER)->addend), f->ram.host + 0x23010);
		ck_assert_uint_eq(f->m.fills, 2);
		ck_assert_uint_eq(f->m.returns, 2 * i);
	}
	/* the first write is to set D, a victim or not */
	ck_assert_int_eq(tlb_fill(&f->m, 0x5010, MMU_WRITE, MMU_USER), FILL_OK);
	ck_assert_uint_eq(pte(f, 0x5000) & D, D);
	TAGS(f, 0x5000, MMU_USER, 1, 1, 1);
	ck_assert_uint_eq(f->m.fills, 3);
	/* the tables of others are apart */
	ck_assert_int_eq(tlb_fill(&f->m, FAR + 0x5010, MMU_READ, MMU_USER), FILL_OK);
	ck_assert_int_eq(tlb_fill(&f->m, 0x5010, MMU_READ, MMU_SUP), FILL_OK);
	ck_assert_uint_eq(f->m.fills, 4);
	/* it became code, or ceased to be, or is watched, meanwhile */
	f->ram.code[0x23] = 1;
	tlb_protect_page(&f->m, 0x23000);
	ck_assert_int_eq(tlb_fill(&f->m, 0x5010, MMU_WRITE, MMU_USER), FILL_SLOW);
	TAGS(f, 0x5000, MMU_USER, 1, 0, 1);
	ck_assert_int_eq(tlb_fill(&f->m, FAR + 0x5010, MMU_READ, MMU_USER), FILL_OK);
	f->ram.code[0x23] = 0;
	ck_assert_int_eq(tlb_fill(&f->m, 0x5010, MMU_WRITE, MMU_USER), FILL_OK);
	TAGS(f, 0x5000, MMU_USER, 1, 1, 1);
	ck_assert_uint_eq(f->m.fills, 4);
	ck_assert_int_eq(tlb_fill(&f->m, FAR + 0x5010, MMU_READ, MMU_USER), FILL_OK);
	f->ram.code[0x23] = 1;
	tlb_protect_page(&f->m, 0x23000); /* by its note: a victim that came back is in it, too */
	ck_assert_int_eq(tlb_fill(&f->m, 0x5010, MMU_READ, MMU_USER), FILL_OK);
	TAGS(f, 0x5000, MMU_USER, 1, 0, 1);
	fills = f->m.fills;
	tlb_fill(&f->m, FAR + 0x5010, MMU_READ, MMU_USER);
	mmu_set_watch(&f->m, 0, 0x5010, 1, true, true);
	ck_assert_int_eq(tlb_fill(&f->m, 0x5010, MMU_READ, MMU_USER), FILL_SLOW);
	ck_assert_uint_eq(f->m.fills, fills + 1);
	fix_free(f);
}
END_TEST

/* Is page 5000, which has made way, walked for again once @flush has been? */
static void comes_back(uint32_t flags, void (*flush)(struct mmu *), bool walked)
{
	struct fix *f = fix_new();

	space_write(&f->mem, PD + 4 * (FAR >> 22), PT | P | W | U, 4);
	map(f, 0x5000, 0x23000 | P | W | U | flags);
	for (unsigned i = 0; i < 2; i++)
		tlb_fill(&f->m, FAR * i + 0x5000, MMU_READ, MMU_SUP);
	map(f, 0x5000, 0x24000 | P | W | U | flags);
	flush(&f->m);
	ck_assert_int_eq(tlb_fill(&f->m, 0x5010, MMU_READ, MMU_SUP), FILL_OK);
	ck_assert_ptr_eq((void *)(uintptr_t)(0x5010 + ent(f, 0x5000, MMU_SUP)->addend), f->ram.host + (walked ? 0x24010 : 0x23010));
	ck_assert_uint_eq(f->m.returns, !walked);
	tlb_flush(&f->m, false); /* it is on the list of what is to go now */
	TAGS(f, 0x5000, MMU_SUP, (flags & G) != 0, 0, (flags & G) != 0);
	fix_free(f);
}

static void no_flush(struct mmu *m)
{
}

static void flush_it(struct mmu *m)
{
	tlb_flush_page(m, 0x5FFF);
}

static void flush_other(struct mmu *m)
{
	tlb_flush_page(m, 0x45000); /* its victim would be the same, its entry is not */
}

static void flush_local(struct mmu *m)
{
	tlb_flush(m, false);
}

static void flush_all(struct mmu *m)
{
	tlb_flush(m, true);
}

/* A large page of whose parts the entries know nothing any more. */
static void flush_large(struct mmu *m)
{
	m->victim[MMU_SUP][5].page_shift = 22;
	m->large = true;
	m->large_lo = 0;
	m->large_hi = BIT(22) - 1;
	tlb_flush_page(m, 0x123000);
}

START_TEST(victim_flushes)
{
	comes_back(0, no_flush, false);
	comes_back(G, no_flush, false);
	comes_back(0, flush_other, false);
	comes_back(0, flush_it, true);
	comes_back(G, flush_it, true);
	comes_back(0, flush_local, true);
	comes_back(G, flush_local, true); /* which need not be */
	comes_back(G, flush_all, true);
	comes_back(0, flush_large, true);
}
END_TEST

/* However many entries were filled, and whatever was in them before, a CR3 load drops the local ones and no other. */
START_TEST(local_list)
{
	struct fix *f = fix_new();

	for (unsigned n = 1; n <= 900; n = 2 * n + 5) {
		for (unsigned i = 0; i < n; i++) {
			gla_t gla = i * 0x1000;

			map(f, gla, 0x20000 | P | W | U | D | (i % 3 ? G : 0));
			tlb_fill(&f->m, gla, MMU_READ, MMU_SUP);
			/* first one kind, then the other in the same entry */
			map(f, gla, 0x20000 | P | W | U | D | (i % 2 ? G : 0));
			if (i % 4 == 3)
				tlb_flush_page(&f->m, gla);
			tlb_fill(&f->m, gla, MMU_READ, MMU_SUP);
		}
		tlb_flush(&f->m, false);
		for (unsigned i = 0; i < n; i++)
			TAGS(f, i * 0x1000ull, MMU_SUP, i % 2, i % 2, i % 2);
		tlb_flush(&f->m, true);
		for (unsigned i = 0; i < n; i++)
			TAGS(f, i * 0x1000ull, MMU_SUP, 0, 0, 0);
	}
	fix_free(f);
}
END_TEST

START_TEST(large_pages)
{
	struct fix *f = fix_new();
	static const gla_t in[] = {0x400000, 0x405000, 0x41F000};

	space_write(&f->mem, PD + 4, 0 | PS | P | W | U | D, 4); /* 4 MiB at 4 MiB -> 0 */
	map(f, 0x5000, 0x23000 | P | W | U | D);
	tlb_fill(&f->m, 0x6000, MMU_READ, MMU_SUP);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(tlb_fill(&f->m, in[i], MMU_READ, MMU_SUP), FILL_OK);
	ck_assert_ptr_eq((void *)(uintptr_t)(0x41F123 + ent(f, 0x41F123, MMU_SUP)->addend),
		f->ram.host + 0x1F123);
	tlb_fill(&f->m, 0x5000, MMU_READ, MMU_USER);
	tlb_flush_page(&f->m, 0x300000); /* outside: nothing of it goes */
	TAGS(f, 0x41F000, MMU_SUP, 1, 1, 1);
	ck_assert_uint_eq(f->flushed, 0x300000);
	tlb_flush_page(&f->m, 0x410000); /* one address drops every piece */
	for (unsigned i = 0; i < 3; i++)
		TAGS(f, in[i], MMU_SUP, 0, 0, 0);
	TAGS(f, 0x5000, MMU_USER, 1, 1, 1);
	ck_assert_uint_eq(f->flushed, 0x410000);
	fix_free(f);
}
END_TEST

START_TEST(space_change_flushes)
{
	struct fix *f = fix_new();

	map(f, 0x5000, 0x23000 | P | W | U | D);
	tlb_fill(&f->m, 0x5000, MMU_READ, MMU_SUP);
	space_move(&f->mem, &f->dev, 0x23000, true);
	TAGS(f, 0x5000, MMU_SUP, 0, 0, 0);
	fix_free(f);
}
END_TEST

START_TEST(fast_gives_up)
{
	struct fix *f = fix_new();

	map(f, 0x5000, 0x23000 | P | W | U);
	f->ram.code[PT >> 12] = 1; /* A would be set in a page with code */
	ck_assert_int_eq(tlb_fill(&f->m, 0x5000, MMU_READ, MMU_SUP), FILL_SLOW);
	TAGS(f, 0x5000, MMU_SUP, 0, 0, 0);
	ck_assert_uint_eq(pte(f, 0x5000) & A, 0);
	ck_assert_int_eq(tlb_fill_c(&f->m, 0x5000, MMU_READ, MMU_SUP), FILL_OK);
	ck_assert_uint_eq(pte(f, 0x5000) & A, A);
	fix_free(f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tlb");
	TCase *t = tcase_create("tlb");
	SRunner *r;
	int bad;

	tcase_add_test(t, fill_ram);
	tcase_add_test(t, fill_fault);
	tcase_add_test(t, fill_read_only);
	tcase_add_test(t, fill_rom_and_device);
	tcase_add_test(t, code_page);
	tcase_add_test(t, many_writers);
	tcase_add_test(t, display);
	tcase_add_test(t, watchpoints);
	tcase_add_test(t, flushes);
	tcase_add_test(t, victims);
	tcase_add_test(t, victim_flushes);
	tcase_add_test(t, local_list);
	tcase_add_test(t, large_pages);
	tcase_add_test(t, space_change_flushes);
	tcase_add_test(t, fast_gives_up);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
