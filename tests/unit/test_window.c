/*
 * test_window.c - host windows (mmu/window.h): what they show is what the soft TLB would allow, and no longer than that.
 */
#include "tests/unit/window_fix.h"
#include <sys/mman.h>

START_TEST(rights)
{
	struct win *t = start();

	if (!t)
		return;
	ck_assert(!window_enter(t->m, WINDOW_32)); /* not at once */
	ck_assert_ptr_null(t->base);
	get_hot(t);
	RIGHTS(t, 0x200000, 0, 0);
	set_pte(t, 0x200, 0x200000 | PRESENT | WRITE | USER);
	set_pte(t, 0x201, 0x201000 | PRESENT | USER | ACC);
	set_pte(t, 0x202, 0x202000 | PRESENT | WRITE | ACC | DIRTY); /* a supervisor's */
	set_pte(t, 0x203, 0x203000 | WRITE | USER);
	set_pte(t, 0x204, 0xFEC00000 | ALL); /* nothing there */
	ck_assert_int_eq(window_fill(t->m, 0x200123, false), WINDOW_RETRY);
	ck_assert_uint_eq(get_pte(t, 0x200) & (ACC | DIRTY), ACC);
	RIGHTS(t, 0x200000, 1, 0); /* D is clear: the first write must come back */
	ck_assert_int_eq(window_fill(t->m, 0x200123, true), WINDOW_RETRY);
	ck_assert_uint_eq(get_pte(t, 0x200) & (ACC | DIRTY), ACC | DIRTY);
	RIGHTS(t, 0x200000, 1, 1);
	t->base[0x200010] = 0x5A;
	ck_assert_uint_eq(fix_rd(t->f, 0x200010, 1), 0x5A);
	ck_assert_int_eq(window_fill(t->m, 0x201000, true), WINDOW_FAULT);
	ck_assert_int_eq(window_fill(t->m, 0x201000, false), WINDOW_RETRY);
	RIGHTS(t, 0x201000, 1, 0);
	ck_assert_int_eq(window_fill(t->m, 0x202000, false), WINDOW_FAULT);
	ck_assert_int_eq(window_fill(t->m, 0x203000, false), WINDOW_FAULT);
	ck_assert_int_eq(window_fill(t->m, 0x204000, false), WINDOW_WITHHELD);
	RIGHTS(t, 0x202000, 0, 0);
	RIGHTS(t, 0x203000, 0, 0);
	RIGHTS(t, 0x204000, 0, 0);
	RIGHTS(t, WINDOW_BYTES - 1, 0, 0);
	RIGHTS(t, WINDOW_BYTES, 0, 0);
	stop(t);
}
END_TEST

/* Neighbours come with a page, as far as their rights are the same. */
START_TEST(runs)
{
	struct win *t = start();

	if (!t)
		return;
	get_hot(t);
	set_pte(t, 0x107, 0x107000 | PRESENT | WRITE | USER | ACC);	    /* clean */
	set_pte(t, 0x120, 0x120000 | PRESENT | WRITE | USER | DIRTY);	    /* never read */
	ck_assert_int_eq(window_fill(t->m, 0x110000, true), WINDOW_RETRY);
	ck_assert_uint_eq(window_stats(t->m)->maps, 1);
	RIGHTS(t, 0x108000, 1, 1);
	RIGHTS(t, 0x11F000, 1, 1);
	RIGHTS(t, 0x107000, 0, 0);
	RIGHTS(t, 0x120000, 0, 0);
	ck_assert_uint_eq(get_pte(t, 0x120) & ACC, 0);
	stop(t);
}
END_TEST

START_TEST(taken_away)
{
	struct win *t = start();

	if (!t)
		return;
	get_hot(t);
	ck_assert_int_eq(window_fill(t->m, 0x110000, true), WINDOW_RETRY);
	/* INVLPG */
	tlb_flush_page(t->m, 0x111000);
	RIGHTS(t, 0x111000, 0, 0);
	RIGHTS(t, 0x110000, 1, 1);
	RIGHTS(t, 0x112000, 1, 1);
	/* translated code */
	t->f->ram.code[0x113] = 1;
	tlb_protect_page(t->m, 0x113000);
	ck_assert(!writable(t, 0x113000));
	ck_assert_int_eq(window_fill(t->m, 0x113000, true), WINDOW_WITHHELD);
	ck_assert_int_eq(window_fill(t->m, 0x113000, false), WINDOW_RETRY);
	RIGHTS(t, 0x113000, 1, 0);
	t->f->ram.code[0x113] = 0;
	ck_assert_int_eq(window_fill(t->m, 0x113000, true), WINDOW_RETRY);
	RIGHTS(t, 0x113000, 1, 1);
	/* display */
	ram_track(&t->f->ram, 0x114000, 0x2000, true);
	ram_clean(&t->f->ram, 0x114000, 0x2000);
	ck_assert(!writable(t, 0x114000) && !writable(t, 0x115000));
	ck_assert_int_eq(window_fill(t->m, 0x114000, true), WINDOW_WITHHELD);
	/* a watchpoint: no windows at all */
	mmu_set_watch(t->m, 0, 0x110000, 4, false, true);
	RIGHTS(t, 0x110000, 0, 0);
	ck_assert(!window_enter(t->m, WINDOW_32));
	stop(t);
}
END_TEST

/* MOV CR3: what the tables still say stays. */
START_TEST(flush)
{
	struct win *t = start();

	if (!t)
		return;
	get_hot(t);
	ck_assert_int_eq(window_fill(t->m, 0x110000, true), WINDOW_RETRY);
	ck_assert_int_eq(window_fill(t->m, 0x210000, true), WINDOW_RETRY);
	window_leave(t->m);
	set_pte(t, 0x111, 0x300000 | ALL);		  /* moved */
	set_pte(t, 0x112, 0x112000 | (ALL & ~PRESENT));	  /* gone */
	set_pte(t, 0x113, 0x113000 | (ALL & ~WRITE));
	set_pte(t, 0x114, 0x114000 | (ALL & ~DIRTY));
	set_pte(t, 0x115, 0x115000 | (ALL & ~ACC));
	tlb_flush(t->m, false);
	ck_assert(window_enter(t->m, WINDOW_32));
	RIGHTS(t, 0x110000, 1, 1);
	for (gla_t gla = 0x111000; gla < 0x116000; gla += 0x1000)
		RIGHTS(t, gla, 0, 0);
	RIGHTS(t, 0x116000, 1, 1);
	RIGHTS(t, 0x210000, 1, 1);
	/* the table itself is another */
	window_leave(t->m);
	fix_wr(t->f, PML4, PT2 | ALL, 4);
	tlb_flush(t->m, false);
	ck_assert(window_enter(t->m, WINDOW_32));
	RIGHTS(t, 0x110000, 0, 0);
	RIGHTS(t, 0x210000, 0, 0);
	stop(t);
}
END_TEST

/* Two programs have a window each; the CPU's paging mode is part of what a window is for. */
START_TEST(spaces)
{
	struct win *t = start();
	uint8_t *first;

	if (!t)
		return;
	get_hot(t);
	first = t->base;
	ck_assert_int_eq(window_fill(t->m, 0x110000, true), WINDOW_RETRY);
	window_leave(t->m);
	t->m->pg.cr3 = NEW_PD;
	tlb_flush(t->m, false);
	ck_assert(!window_enter(t->m, WINDOW_32));
	get_hot(t);
	ck_assert_ptr_ne(t->base, first);
	ck_assert_uint_eq(window_stats(t->m)->windows, 2);
	RIGHTS(t, 0x110000, 0, 0);
	window_leave(t->m);
	t->m->pg.cr3 = PML4;
	tlb_flush(t->m, false);
	ck_assert(window_enter(t->m, WINDOW_32));
	ck_assert_ptr_eq(t->base, first);
	RIGHTS(t, 0x110000, 1, 1);
	/* flushed while in use: it has no later moment to be compared */
	tlb_flush(t->m, true);
	RIGHTS(t, 0x110000, 0, 0);
	ck_assert_int_eq(window_fill(t->m, 0x110000, true), WINDOW_RETRY);
	window_leave(t->m);
	t->m->pg.a20_mask = ~BIT(20);
	tlb_flush(t->m, true);
	ck_assert(window_enter(t->m, WINDOW_32));
	RIGHTS(t, 0x110000, 0, 0);
	/* the other has not been entered for long */
	ck_assert_int_eq(window_fill(t->m, 0x10000, true), WINDOW_RETRY);
	for (unsigned i = 0; i < 2000; i++) {
		window_tick(t->m, WINDOW_32, t->us += 1000);
		ck_assert(window_enter(t->m, WINDOW_32));
	}
	RIGHTS(t, 0x10000, 1, 1);
	window_leave(t->m);
	t->m->pg.cr3 = NEW_PD;
	tlb_flush(t->m, false);
	ck_assert(!window_enter(t->m, WINDOW_32));
	stop(t);
}
END_TEST

START_TEST(large)
{
	struct win *t = start();

	if (!t)
		return;
	fix_wr(t->f, PML4, ALL | 0x80, 4); /* 4 MiB at 0 */
	get_hot(t);
	ck_assert_int_eq(window_fill(t->m, 0x210000, true), WINDOW_RETRY);
	ck_assert_int_eq(window_fill(t->m, 0x10000, true), WINDOW_RETRY);
	ck_assert_uint_eq(window_stats(t->m)->maps, 2);
	RIGHTS(t, 0x21F000, 1, 1); /* not all 512 pages with the first fault */
	RIGHTS(t, 0x3FF000, 0, 0);
	RIGHTS(t, 0x1F000, 1, 1);
	for (gla_t gla = 0x220000; gla < 0x400000; gla += 0x1000)
		if (!readable(t, gla))
			ck_assert_int_eq(window_fill(t->m, gla, true), WINDOW_RETRY);
	ck_assert_uint_lt(window_stats(t->m)->maps, 12);
	RIGHTS(t, 0x3FF000, 1, 1);
	tlb_flush_page(t->m, 0x300000); /* all of it, whatever address names it */
	RIGHTS(t, 0x210000, 0, 0);
	RIGHTS(t, 0x10000, 0, 0);
	stop(t);
}
END_TEST

/* A program that faults all the time is without its window for a while. */
START_TEST(thrash)
{
	struct win *t = start();
	unsigned n = 0;

	if (!t)
		return;
	get_hot(t);
	for (; n < 100000 && !window_tired(t->m); n++) {
		ck_assert_int_eq(window_fill(t->m, 0x110000, true), WINDOW_RETRY);
		tlb_flush_page(t->m, 0x110000);
	}
	ck_assert_uint_lt(n, 100000);
	window_tick(t->m, WINDOW_32, t->us += 1000);
	ck_assert_uint_eq(window_stats(t->m)->tired, 1);
	ck_assert(!window_enter(t->m, WINDOW_32));
	get_hot(t);
	ck_assert_int_eq(window_fill(t->m, 0x110000, true), WINDOW_RETRY);
	ck_assert_uint_eq(window_stats(t->m)->windows, 1);
	stop(t);
}
END_TEST

/* A page the guest's page tables did not have when it was asked for comes with the next entry, if they have it then. */
START_TEST(asked)
{
	struct win *t = start();

	if (!t)
		return;
	get_hot(t);
	for (unsigned i = 0x1FF; i < 0x208; i++)
		set_pte(t, i, 0);
	for (unsigned i = 0; i < 4; i++) {
		static const uint32_t pte[] = {ALL, ALL & ~DIRTY, ALL & ~(ACC | DIRTY), ALL & ~USER};

		ck_assert_int_eq(window_fill(t->m, 0x200000 + 0x2000 * i, true), WINDOW_FAULT);
		window_leave(t->m);
		ck_assert(window_enter(t->m, WINDOW_32));
		RIGHTS(t, 0x200000 + 0x2000 * i, 0, 0);
		ck_assert_int_eq(window_fill(t->m, 0x200000 + 0x2000 * i, true), WINDOW_FAULT);
		window_leave(t->m);
		set_pte(t, 0x200 + 2 * i, (0x200000 + 0x2000 * i) | pte[i]);
		ck_assert(window_enter(t->m, WINDOW_32));
		RIGHTS(t, 0x200000 + 0x2000 * i, i < 2, i < 1);
		ck_assert_uint_eq(get_pte(t, 0x200 + 2 * i) & 0xFFF, pte[i]); /* nothing is changed for it */
	}
	ck_assert_uint_eq(window_stats(t->m)->asked, 2);
	stop(t);
}
END_TEST

/* Where a 64-bit program of four 2-MB pages and 512 of 4 KiB is to be seen. */
static const gla_t places[] = {0, 0x555555400000, 0x7FFFFFE00000};

#define PDPT (PML4 + 0x1000)
#define PD (PML4 + 0x2000)
#define WIDE_PT (PML4 + 0x3000)

static void show_at(struct win *t, gla_t gla)
{
	fix_wr(t->f, PML4 + 8 * (gla >> 39), PDPT | ALL, 8);
	fix_wr(t->f, PDPT + 8 * (gla >> 30 & 511), PD | ALL, 8);
	fix_wr(t->f, PD + 8 * (gla >> 21 & 511), WIDE_PT | ALL, 8);
}

static struct win *start_wide(bool low, bool near)
{
	struct win *t = calloc(1, sizeof(*t));

	t->f = fix_long("max", 3);
	t->m = &t->f->cpu->mmu;
	t->wide = true;
	t->kind = WINDOW_64;
	ck_assert_int_eq(pipe(t->pipe), 0);
	for (unsigned i = 0; i < 512; i++)
		fix_wr(t->f, WIDE_PT + 8 * i, i << 12 | ALL, 8);
	fix_wr(t->f, PML4, 0, 8);
	for (unsigned i = !low; i < ARRAY_SIZE(places); i++)
		show_at(t, places[i]);
	vcpu_update(t->f->cpu);
	tlb_flush(t->m, true);
	if (!windows_new(t->m, use, t) || !windows_widen(t->m))
		return NULL;
	if (near)
		windows_near(t->m);
	windows_begin(t->m);
	return t;
}

START_TEST(wide_rights)
{
	struct win *t = start_wide(true, _i);
	gla_t gla;

	if (!t)
		return;
	ck_assert(!window_enter(t->m, WINDOW_64)); /* not at once */
	get_hot(t);
	fix_wr(t->f, WIDE_PT + 8 * 0x120, 0x120000 | PRESENT | WRITE | USER, 8);
	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		gla = places[i] + 0x110000;
		RIGHTS(t, gla, 0, 0);
		ck_assert_int_eq(window_fill(t->m, gla + 0x123, true), WINDOW_RETRY);
		RIGHTS(t, gla, 1, 1);
		RIGHTS(t, places[i] + 0x120000, 0, 0);
		ck_assert(window_gla(t->m, host(t, gla + 8), &gla));
		ck_assert_uint_eq(gla, places[i] + 0x110008);
		ck_assert_int_eq(window_fill(t->m, places[i] + 0x120000, false), WINDOW_RETRY);
		RIGHTS(t, places[i] + 0x120000, 1, 0);
		host(t, gla)[3] = (uint8_t)(0x5A + i);
		ck_assert_uint_eq(fix_rd(t->f, 0x11000B, 1), 0x5A + i);
	}
	ck_assert(!window_gla(t->m, t->f->ram.host, &gla));
	/* in no part of the window, not canonical, the kernel's */
	RIGHTS(t, 0x600000110000, 0, 0);
	ck_assert_int_eq(window_fill(t->m, 0x600000110000, false), WINDOW_FAULT);
	for (unsigned bit = 47; bit < 64; bit++) {
		RIGHTS(t, BIT(bit) | 0x110000, 0, 0);
		RIGHTS(t, BIT(bit) | (places[2] + 0x110000), 0, 0);
		RIGHTS(t, 0 - BIT(bit) + 0x110000, 0, 0);
		RIGHTS(t, (0 - BIT(bit)) | (places[2] + 0x110000), 0, 0);
		ck_assert_int_eq(window_fill(t->m, BIT(bit) | 0x110000, false), WINDOW_FAULT);
	}
	for (gla = 0xFFFFFFFFFF600000; gla < 0xFFFFFFFFFF602000; gla += 0x1000) /* the host's vsyscall page */
		RIGHTS(t, gla, 0, 0);
	stop(t);
}
END_TEST

/* Other addresses, other programs, and no more parts than there are. */
START_TEST(wide_parts)
{
	struct win *t = start_wide(true, _i);
	unsigned n = 0;

	if (!t)
		return;
	get_hot(t);
	for (unsigned i = 0; i < 0x7F; i++) {
		gla_t gla = (gla_t)i << WINDOW_TABLE_SHIFT;

		show_at(t, gla);
		switch (window_fill(t->m, gla + 0x110000, true)) {
		case WINDOW_RETRY:
			ck_assert(n++ == i || _i); /* what is near needs no part */
			RIGHTS(t, gla + 0x110000, 1, 1);
			break;
		case WINDOW_WITHHELD:
			RIGHTS(t, gla + 0x110000, 0, 0);
			break;
		default:
			ck_abort();
		}
	}
	ck_assert_uint_ge(n, 5);
	ck_assert_uint_lt(n, 0x7F);
	/* INVLPG, in one part */
	tlb_flush_page(t->m, 0x110000);
	RIGHTS(t, 0x110000, 0, 0);
	RIGHTS(t, 0x111000, 1, 1);
	RIGHTS(t, BIT(WINDOW_TABLE_SHIFT) + 0x110000, 1, 1);
	/* translated code: in all */
	t->f->ram.code[0x111] = 1;
	tlb_protect_page(t->m, 0x111000);
	ck_assert(!writable(t, 0x111000));
	ck_assert(!writable(t, BIT(WINDOW_TABLE_SHIFT) + 0x111000));
	/* another program, which has none */
	window_leave(t->m);
	fix_wr(t->f, PML4 + 0x4000, PDPT | ALL, 8);
	t->m->pg.cr3 = PML4 + 0x4000;
	tlb_flush(t->m, false);
	ck_assert(!window_enter(t->m, WINDOW_64));
	get_hot(t);
	RIGHTS(t, 0x112000, 0, 0);
	RIGHTS(t, BIT(WINDOW_TABLE_SHIFT) + 0x112000, 0, 0);
	/* the first again, with a page moved */
	window_leave(t->m);
	fix_wr(t->f, WIDE_PT + 8 * 0x112, 0x113000 | ALL, 8);
	t->m->pg.cr3 = PML4;
	tlb_flush(t->m, false);
	ck_assert(window_enter(t->m, WINDOW_64));
	RIGHTS(t, 0x112000, 0, 0);
	RIGHTS(t, 0x113000, 1, 1);
	RIGHTS(t, BIT(WINDOW_TABLE_SHIFT) + 0x112000, 0, 0);
	RIGHTS(t, BIT(WINDOW_TABLE_SHIFT) + 0x113000, 1, 1);
	/* 32-bit code of the same program has a window of its own */
	window_leave(t->m);
	ck_assert(!window_enter(t->m, WINDOW_32));
	stop(t);
}
END_TEST

static bool guarded(struct win *t, gla_t gla)
{
	bool ok = write(t->pipe[1], windows_guard(t->m) + (gla >> WINDOW_GUARD_SHIFT) * 8, 1) != 1;
	char c;

	if (!ok)
		ck_assert_int_eq(read(t->pipe[0], &c, 1), 1);
	return ok;
}

/* A program that has nothing but what is near, until it has; also where the host has something at the first distances. */
START_TEST(near)
{
	bool taken = _i && host_reserve_at(0x4F0000000000, PAGE_SIZE);
	struct win *t = start_wide(false, true);
	uint64_t distance;

	if (!t || !windows_guard(t->m))
		return;
	get_hot(t);
	ck_assert(!window_far(t->m));
	distance = (uintptr_t)t->base;
	for (unsigned i = 1; i < ARRAY_SIZE(places); i++) {
		ck_assert(!guarded(t, places[i]));
		ck_assert_int_eq(window_fill(t->m, places[i] + 0x110000, true), WINDOW_RETRY);
		RIGHTS(t, places[i] + 0x110000, 1, 1);
		RIGHTS(t, places[i] + 0x1000000, 0, 0);
		ck_assert_uint_eq((uintptr_t)host(t, places[i]) - distance, places[i]);
	}
	for (gla_t gla = 0; gla < BIT(49); gla += BIT(40)) { /* where an address of the guest's could be one of ours */
		bool near = (gla >= 0x540000000000 && gla < 0x580000000000) || (gla >= 0x7E0000000000 && gla < BIT(47));

		ck_assert_int_eq(guarded(t, gla), !near);
		ck_assert_int_eq(guarded(t, gla + BIT(40) - 1), !near);
	}
	ck_assert_int_eq(window_fill(t->m, 0x110000, false), WINDOW_FAULT);
	ck_assert(!window_tired(t->m));
	show_at(t, 0);
	ck_assert_int_eq(window_fill(t->m, 0x110000, false), WINDOW_FAULT);
	ck_assert(window_tired(t->m)); /* somebody should look */
	ck_assert(window_enter(t->m, WINDOW_64));
	ck_assert(window_far(t->m));
	RIGHTS(t, places[1] + 0x110000, 1, 1);
	tlb_flush_page(t->m, 0x111000);
	RIGHTS(t, 0x111000, 0, 0);
	ck_assert_int_eq(window_fill(t->m, 0x111000, false), WINDOW_RETRY);
	RIGHTS(t, 0x111000, 1, 1);
	tlb_flush(t->m, true);
	RIGHTS(t, places[1] + 0x110000, 0, 0);
	RIGHTS(t, 0x111000, 0, 0);
	stop(t);
	if (taken)
		host_unmap((void *)0x4F0000000000, PAGE_SIZE);
}
END_TEST

/*
 * 300 times, in 64-bit code: stores, sums, PUSH, POP, CALL, RET, SSE and x87 in the middle of a page and across its end, locked
 * and bit instructions, second bytes, FS, guest registers that are in memory here, and a store into the code's own page.
 */
static const char program[] =
	"48 BF 00 90 F0 FF FF 7F 00 00 48 BC 00 F0 F0 FF FF 7F 00 00 48 8D 1D 53 00 00 00 B9 2C 01 00 00 "
	"48 89 0C CF 48 03 07 83 57 08 05 50 E8 51 00 00 00 41 5B 0F 10 07 0F 11 87 F8 0F 00 00 0F 28 4F "
	"20 DD 07 DD 9F FC 1F 00 00 F0 48 0F C1 57 18 0F BA 6F 30 03 0F 94 47 41 4C 87 8F FD 0F 00 00 88 "
	"67 44 4C 89 5F 48 64 4C 8B 77 50 88 4B 01 B0 11 48 8D B7 00 01 00 00 4C 3B 77 50 4C 19 47 58 E2 "
	"9F F4 48 FF 44 24 10 C3 ";

/*
 * 600 times: loads and stores off one register that is near, or not by turns, moved and copied between them; the same of the
 * stack pointer, with PUSH, CALL and a frame, and flags that live across it.
 */
static const char strays[] =
	"49 B8 00 90 F0 FF FF 7F 00 00 49 B9 00 90 10 00 00 60 00 00 48 BC 00 E0 F0 FF FF 7F 00 00 B9 58 "
	"02 00 00 4C 89 C7 F6 C1 01 49 0F 45 F9 E8 02 00 00 00 EB 01 C3 48 83 C7 08 48 8B 07 48 01 C8 48 "
	"89 47 08 48 8D 77 40 89 06 4C 89 6E 10 49 89 FE 88 67 18 66 41 01 4E 20 41 0F 10 06 41 0F 11 46 "
	"28 49 83 EE 80 41 FF 06 4D 8B 6E F8 49 89 CF 49 C1 E7 36 81 F9 BC 02 00 00 48 8D A7 00 30 00 00 "
	"50 51 48 83 D0 00 0F 94 C2 41 88 50 60 81 F9 8A 02 00 00 48 8D A7 00 20 00 00 50 51 48 83 D0 00 "
	"E8 1D 00 00 00 59 58 48 89 07 F6 C1 02 74 0A 48 BC 00 E0 F0 FF FF 7F 00 00 FF C9 0F 85 62 FF FF "
	"FF F4 55 48 89 E5 89 4D F8 01 45 F8 88 65 F0 0F B6 55 F0 48 01 D0 5D C3 ";

#define ELSEWHERE 0x600000000000
#define ASTRAY (ELSEWHERE - 0x60000000000 + DATA) /* where that would be, were it near, at the first distance */
#define PROGRAM 0x110000u
#define DATA 0x109000u

struct result {
	uint64_t gpr[16];
	uint8_t data[0x7000];
	uint64_t demoted;
};

/* Has the program memory at low addresses, too? With LATER only once it has its window, and low ones are near in a kernel's. */
enum low { NEVER, ALWAYS, LATER };

static void show_low(struct win *t)
{
	fix_wr(t->f, PML4, PDPT | ALL, 8);
	tlb_flush(t->m, true);
	if (t->m->win && windows_guard(t->m))
		ck_assert_int_eq(mprotect((void *)(uintptr_t)windows_guard(t->m), PAGE_SIZE, PROT_READ), 0);
}

/* Run @code until its HLT, which is #GP there. */
static void run_program(const char *code, enum jit_accel accel, uint32_t opts_off, enum low low, struct result *r)
{
	struct jit_options opt = {.accel = accel, .cache_bytes = 1 << 20, .opts_off = opts_off};
	struct win *t = calloc(1, sizeof(*t));
	struct vcpu *c;
	enum jit_stop stop;
	struct jit *j;
	struct err e;

	t->f = fix_long("max", 3);
	c = t->f->cpu;
	t->m = &c->mmu;
	for (unsigned i = 0; i < 512; i++)
		fix_wr(t->f, WIDE_PT + 8 * i, i << 12 | ALL, 8);
	for (unsigned i = 0; i < ARRAY_SIZE(places); i++)
		show_at(t, places[i]);
	show_at(t, ELSEWHERE);
	if (low != ALWAYS)
		fix_wr(t->f, PML4, PDPT | (ALL & ~USER), 8);
	fix_code(t->f, PROGRAM, code);
	ck_assert_int_eq(jit_new(&j, c, &opt, &e), VM_OK);
	memset(c->gpr, 0, sizeof(c->gpr));
	c->cr4 |= BIT(9); /* OSFXSR */
	c->rip = places[1] + PROGRAM;
	vcpu_update(c);
	tlb_flush(t->m, true);
	for (uint64_t us = 1; t->m->win && windows_table(t->m) && us < 1000000 && !window_enter(t->m, WINDOW_64); us += 1000)
		window_tick(t->m, WINDOW_64, us);
	if (low == LATER)
		show_low(t);
	vcpu_update_req(c);
	while ((stop = jit_run(j)) == JIT_STOPPED) /* another kind of window is wanted */
		__atomic_and_fetch(&c->req, ~REQ_KICK, __ATOMIC_SEQ_CST);
	ck_assert_int_eq(stop, JIT_HALTED);
	ck_assert_uint_eq(c->rip, HANDLERS + 13 * 16 + 1);
	if (t->m->win && windows_table(t->m)) {
		ck_assert_uint_gt(window_stats(t->m)->faults, 0);
		ck_assert_uint_gt(window_stats(t->m)->pages, 10);
		r->demoted = window_stats(t->m)->demoted;
	}
	jit_free(j);
	memcpy(r->gpr, c->gpr, sizeof(r->gpr));
	memcpy(r->data, t->f->ram.host + DATA, sizeof(r->data));
	fix_free(t->f);
	free(t);
}

START_TEST(engines)
{
	static const enum jit_accel accel[] = {ACCEL_INTERP, ACCEL_JIT, ACCEL_LOCKSTEP};
	static struct result r[ARRAY_SIZE(accel)];

	for (unsigned i = 0; i < ARRAY_SIZE(accel); i++) {
		run_program(program, accel[i], 0, _i, &r[i]);
		ck_assert_int_eq(memcmp(r[i].gpr, r[0].gpr, sizeof(r[0].gpr)), 0);
		ck_assert_int_eq(memcmp(r[i].data, r[0].data, sizeof(r[0].data)), 0);
	}
	ck_assert_uint_eq(r[0].gpr[GPR_RCX], 0);
	ck_assert_uint_eq(r[0].gpr[GPR_RAX] & 0xFF, 1); /* the last count, by way of the code */
}
END_TEST

/* What was near the last time need not be so the next: translated code that relies on it must find that out. */
START_TEST(relied)
{
	static const struct {
		enum jit_accel accel;
		uint32_t opts_off;
	} way[] = {{ACCEL_INTERP, 0}, {ACCEL_JIT, 0}, {ACCEL_JIT, JIT_OPT_NEAR}, {ACCEL_LOCKSTEP, 0}};
	static struct result r[ARRAY_SIZE(way)];
	uint8_t *astray = host_reserve_at(ASTRAY, sizeof(r[0].data)) ? (uint8_t *)ASTRAY : NULL; /* ours, not the guest's */

	if (astray) {
		ck_assert_int_eq(mprotect(astray, sizeof(r[0].data), PROT_READ | PROT_WRITE), 0);
		memset(astray, 0xA5, sizeof(r[0].data));
	}
	for (unsigned i = 0; i < ARRAY_SIZE(way); i++) {
		run_program(strays, way[i].accel, way[i].opts_off, _i, &r[i]);
		ck_assert_int_eq(memcmp(r[i].gpr, r[0].gpr, sizeof(r[0].gpr)), 0);
		ck_assert_int_eq(memcmp(r[i].data, r[0].data, sizeof(r[0].data)), 0);
	}
	ck_assert_uint_eq(r[0].gpr[GPR_RCX], 0);
	for (unsigned i = 0; astray && i < sizeof(r[0].data); i++)
		ck_assert_uint_eq(astray[i], 0xA5);
	if (astray)
		host_unmap(astray, sizeof(r[0].data));
}
END_TEST

/*
 * A program comes to have memory where a kernel's window, but not its own, is near: the guard lets it pass. It must be taken for one that has
 * not all of its memory near, not each of its instructions for one that a window cannot help.
 */
START_TEST(passed)
{
	static const enum jit_accel accel[] = {ACCEL_INTERP, ACCEL_JIT, ACCEL_LOCKSTEP};
	static struct result r[ARRAY_SIZE(accel)];
	char code[sizeof(strays)];

	memcpy(code, strays, sizeof(code));
	memcpy(strstr(code, "00 60 00 00 48"), "00 00 00 00 48", 11); /* ELSEWHERE becomes 0 */
	for (unsigned i = 0; i < ARRAY_SIZE(accel); i++) {
		run_program(code, accel[i], 0, LATER, &r[i]);
		ck_assert_int_eq(memcmp(r[i].gpr, r[0].gpr, sizeof(r[0].gpr)), 0);
		ck_assert_int_eq(memcmp(r[i].data, r[0].data, sizeof(r[0].data)), 0);
	}
	ck_assert_uint_eq(r[0].gpr[GPR_RCX], 0);
	ck_assert_uint_eq(r[1].demoted, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("window");
	TCase *t = tcase_create("all");
	SRunner *r;
	int bad;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, rights);
	tcase_add_test(t, runs);
	tcase_add_test(t, taken_away);
	tcase_add_test(t, flush);
	tcase_add_test(t, spaces);
	tcase_add_test(t, large);
	tcase_add_test(t, thrash);
	tcase_add_test(t, asked);
	tcase_add_loop_test(t, wide_rights, 0, 2);
	tcase_add_loop_test(t, wide_parts, 0, 2);
	tcase_add_loop_test(t, near, 0, 2);
	tcase_add_loop_test(t, engines, 0, 2);
	tcase_add_loop_test(t, relied, 0, 2);
	tcase_add_test(t, passed);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
