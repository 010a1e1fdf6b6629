/*
 * test_window_kernel.c - windows of code at CPL 0 (mmu/window.h): when they are in force, and that they follow page tables a kernel
 * changes under itself.
 */
#include "tests/unit/window_fix.h"
#include <fcntl.h>

#define AGAIN (PML4 + 0x4000) /* tables of another root */

/* The same guest, but in its kernel. */
static struct win *start_kernel(void)
{
	struct win *t = start();

	if (t)
		t->kind = WINDOW_SUP32;
	return t;
}

/* Only when no program has run for a while, whatever has gone before. */
START_TEST(when)
{
	struct win *t = start_kernel();

	if (!t)
		return;
	for (unsigned i = 0; i < 1000; i++) { /* half of the time, but never alone */
		ck_assert(!window_enter(t->m, WINDOW_SUP32));
		window_tick(t->m, WINDOW_SUP32, t->us += 1000);
		ck_assert(!window_enter(t->m, WINDOW_SUP32));
		window_enter(t->m, WINDOW_32);
		window_leave(t->m);
	}
	get_hot(t);
	window_leave(t->m);
	ck_assert(window_enter(t->m, WINDOW_SUP32)); /* an interrupt's handler, and back */
	ck_assert(!window_enter(t->m, WINDOW_32));
	ck_assert(!window_enter(t->m, WINDOW_SUP32));
	for (unsigned i = 0; i < 20; i++) {
		window_tick(t->m, WINDOW_SUP32, t->us += 1000);
		ck_assert(!window_enter(t->m, WINDOW_SUP32));
	}
	get_hot(t);
	stop(t);
}
END_TEST

/* Rights of a supervisor; CR0.WP, CR4.SMAP */
START_TEST(rights)
{
	struct win *t = start_kernel();

	if (!t)
		return;
	get_hot(t);
	set_pte(t, 0x200, 0x200000 | (ALL & ~USER));
	set_pte(t, 0x202, 0x202000 | (ALL & ~WRITE));
	set_pte(t, 0x204, 0x204000 | (ALL & ~PRESENT));
	for (unsigned round = 0; round < 3; round++) {
		bool smap = round == 2, wp = round != 1;

		t->m->pg.cr0 = (t->m->pg.cr0 & ~CR0_WP) | (wp ? CR0_WP : 0);
		t->m->pg.cr4 |= smap ? CR4_SMAP : 0;
		ck_assert(window_enter(t->m, WINDOW_SUP32));
		RIGHTS(t, 0x200000, 0, 0);
		RIGHTS(t, 0x202000, 0, 0);
		ck_assert_int_eq(window_fill(t->m, 0x200123, true), WINDOW_RETRY);
		RIGHTS(t, 0x200000, 1, 1);
		ck_assert_int_eq(window_fill(t->m, 0x202123, false), smap ? WINDOW_WITHHELD : WINDOW_RETRY);
		ck_assert_int_eq(window_fill(t->m, 0x202123, true), wp ? WINDOW_WITHHELD : WINDOW_RETRY);
		RIGHTS(t, 0x202000, !smap, !wp);
		ck_assert_int_eq(window_fill(t->m, 0x204000, false), WINDOW_WITHHELD);
		RIGHTS(t, 0x204000, 0, 0);
	}
	stop(t);
}
END_TEST

/* INVLPG, MOV CR3 of the same and of another root, INVPCID: all under the window in force */
START_TEST(follows)
{
	struct win *t = start_kernel();

	if (!t)
		return;
	for (unsigned i = 0; i < 1024; i++)
		fix_wr(t->f, AGAIN + 4 * i, (i == 0x112 ? 0x212 : i) << 12 | ALL, 4);
	get_hot(t);
	ck_assert_int_eq(window_fill(t->m, 0x110000, true), WINDOW_RETRY);
	ck_assert_int_eq(window_fill(t->m, 0x510000, true), WINDOW_WITHHELD);
	set_pte(t, 0x111, 0x300000 | ALL);
	tlb_flush_page(t->m, 0x111000);
	RIGHTS(t, 0x111000, 0, 0);
	RIGHTS(t, 0x110000, 1, 1);
	set_pte(t, 0x115, 0x115000 | (ALL & ~PRESENT));
	tlb_flush(t->m, false);
	RIGHTS(t, 0x115000, 0, 0);
	RIGHTS(t, 0x110000, 1, 1);
	fix_wr(t->f, NEW_PD, AGAIN | ALL, 4);
	fix_wr(t->f, NEW_PD + 4, PT | ALL, 4);
	t->m->pg.cr3 = NEW_PD;
	ck_assert(window_enter(t->m, WINDOW_SUP32));
	tlb_flush(t->m, false);
	RIGHTS(t, 0x112000, 0, 0);
	ck_assert_int_eq(window_fill(t->m, 0x112000, true), WINDOW_RETRY);
	t->base[0x112004] = 0x77;
	ck_assert_uint_eq(fix_rd(t->f, 0x212004, 1), 0x77);
	/* the page tables are gone */
	t->m->pg.cr0 &= ~CR0_PG;
	ck_assert(window_enter(t->m, WINDOW_SUP32));
	RIGHTS(t, 0x112000, 0, 0);
	ck_assert_int_eq(window_fill(t->m, 0x112000, true), WINDOW_RETRY);
	t->base[0x112004] = 0x78;
	ck_assert_uint_eq(fix_rd(t->f, 0x112004, 1), 0x78);
	ck_assert_uint_eq(fix_rd(t->f, 0x212004, 1), 0x77);
	t->m->pg.a20_mask = ~BIT(20);
	tlb_flush(t->m, true);
	RIGHTS(t, 0x112000, 0, 0);
	ck_assert_int_eq(window_fill(t->m, 0x112000, true), WINDOW_RETRY);
	ck_assert_uint_eq(t->base[0x112004], fix_rd(t->f, 0x12004, 1));
	stop(t);
}
END_TEST

/* Is the page at @p in the page tables of this process? -1: the system does not tell */
static int resident(const void *p)
{
	uint64_t entry;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : pread(fd, &entry, sizeof(entry), (off_t)((uintptr_t)p / PAGE_SIZE * sizeof(entry)));

	close(fd);
	return n == sizeof(entry) ? (int)(entry >> 63) : -1;
}

/* What a kernel's window shows is resident once, and the same bytes both ways; in another huge page than the page tables. */
START_TEST(once)
{
	struct win *t = start_kernel();
	const uint8_t *plain;

	if (!t)
		return;
	get_hot(t);
	plain = t->m->ram->host + 0x310000;
	fix_wr(t->f, 0x310004, 0x5A, 1);
	if (resident(plain) == 1) {
		ck_assert_int_eq(window_fill(t->m, 0x310000, true), WINDOW_RETRY);
		ck_assert_int_eq(resident(plain), 0);
		ck_assert_uint_eq(t->base[0x310004], 0x5A);
		t->base[0x310004] = 0x5B;
		ck_assert_int_eq(resident(t->base + 0x310000), 1);
		ck_assert_uint_eq(fix_rd(t->f, 0x310004, 1), 0x5B);
		ck_assert_int_eq(resident(plain), 1);
	}
	stop(t);
}
END_TEST

#define PDPT (PML4 + 0x1000)

/* 64-bit code: what is near comes as it is asked for; neighbours, and the first 2 TiB behind the last of the upper half */
START_TEST(wide)
{
	static const gla_t at[] = {0xFFFFFFFF80000000, 0, 0xFFFF888000000000, 0xFFFF8A0000000000, 0xFFFF89FFC0000000, 0xFFFF840000000000};
	struct win *t = calloc(1, sizeof(*t));
	uint64_t d;
	gla_t gla;

	t->f = fix_long("max", 0);
	t->m = &t->f->cpu->mmu;
	t->kind = WINDOW_SUP64;
	ck_assert_int_eq(pipe(t->pipe), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(at); i++) {
		fix_wr(t->f, PML4 + 8 * (at[i] >> 39 & 511), PDPT | ALL, 8);
		fix_wr(t->f, PDPT + 8 * (at[i] >> 30 & 511), (PML4 + 0x2000) | ALL, 8);
	}
	fix_wr(t->f, PML4 + 0x2000 + 8, 0x200000 | 0x80 | ALL, 8);
	tlb_flush(t->m, true);
	if (!windows_new(t->m, use, t) || !windows_widen(t->m))
		return;
	windows_near(t->m);
	windows_for_kernels(t->m);
	windows_begin(t->m);
	for (unsigned i = 0; i < 100; i++) {
		window_enter(t->m, WINDOW_SUP64);
		window_tick(t->m, WINDOW_SUP64, t->us += 1000);
	}
#ifdef __SANITIZE_ADDRESS__ /* it is where the guard would be */
	stop(t);
	return;
#endif
	if (!window_enter(t->m, WINDOW_SUP64))
		return;
	d = (uintptr_t)t->base;
	for (unsigned i = 0; i < ARRAY_SIZE(at); i++) {
		const uint8_t *guard = windows_guard(t->m) + (at[i] >> WINDOW_GUARD_SHIFT) * 8;
		gla_t far = at[i] & ~(BIT(41) - 1); /* guards on both sides, or a neighbour */

		ck_assert(write(t->pipe[1], guard, 1) == 1 ? read(t->pipe[0], &(char){0}, 1) == 1 && i == 4 : true);
		if (window_fill(t->m, at[i] + 0x210008, true) != WINDOW_RETRY) /* the host has something there */
			continue;
		ck_assert_int_eq(write(t->pipe[1], guard, 1), 1);
		ck_assert_int_eq(read(t->pipe[0], &(char){0}, 1), 1);
		*(uint8_t *)(uintptr_t)(at[i] + d + 0x210008) = (uint8_t)(0x40 + i);
		ck_assert_uint_eq(fix_rd(t->f, 0x210008, 1), 0x40 + i);
		ck_assert(window_gla(t->m, (void *)(uintptr_t)(at[i] + d + 0x210008), &gla));
		ck_assert_uint_eq(gla, at[i] + 0x210008);
		ck_assert(!host_reserve_at(far + d - PAGE_SIZE, PAGE_SIZE));
		ck_assert(!host_reserve_at(far + d + BIT(41), PAGE_SIZE));
	}
	ck_assert_int_eq(window_fill(t->m, 0x500000210000, false), WINDOW_WITHHELD);
	ck_assert_int_eq(window_fill(t->m, BIT(47), false), WINDOW_FAULT);
	ck_assert_int_eq(window_fill(t->m, 0xFFFF7FFFFFFFF000, false), WINDOW_FAULT);
	tlb_flush_page(t->m, at[0] + 0x200000);
	ck_assert_int_eq(write(t->pipe[1], (void *)(uintptr_t)(at[0] + d + 0x210008), 1), -1);
	stop(t);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("window_kernel");
	TCase *t = tcase_create("all");
	SRunner *r;
	int bad;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, when);
	tcase_add_test(t, rights);
	tcase_add_test(t, follows);
	tcase_add_test(t, once);
	tcase_add_test(t, wide);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad != 0;
}
