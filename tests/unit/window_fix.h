/* window_fix.h - a guest with a window (mmu/window.h), and what the host lets one do there. */
#ifndef TESTS_WINDOW_FIX_H
#define TESTS_WINDOW_FIX_H

#include "tests/unit/long_fix.h"
#include "mmu/base/host_mem.h"
#include "mmu/window.h"
#include <unistd.h>

#define PT (PML4 + 0x1000)
#define PT2 (PML4 + 0x2000)
#define NEW_PD (PML4 + 0x3000)
#define PRESENT 1u
#define WRITE 2u
#define USER 4u
#define ACC 0x20u
#define DIRTY 0x40u
#define ALL (PRESENT | WRITE | USER | ACC | DIRTY)

struct win {
	struct fix *f;
	struct mmu *m;
	uint8_t *base; /* what the owner was told last */
	int pipe[2];
	uint64_t us;
	bool wide;
	enum window_kind kind;
};

static inline void use(void *opaque, uint8_t *base)
{
	((struct win *)opaque)->base = base;
}

static inline void set_pte(struct win *t, unsigned page, uint32_t pte)
{
	fix_wr(t->f, PT + 4 * page, pte, 4);
}

static inline uint32_t get_pte(struct win *t, unsigned page)
{
	return (uint32_t)fix_rd(t->f, PT + 4 * page, 4);
}

/* Where translated code would look for @gla */
static inline uint8_t *host(const struct win *t, gla_t gla)
{
	return t->wide ? (uint8_t *)(uintptr_t)(gla + windows_table(t->m)[gla >> WINDOW_TABLE_SHIFT]) : t->base + gla;
}

/* What the host lets one do at @gla of the window: the kernel answers without a signal. */
static inline bool readable(struct win *t, gla_t gla)
{
	bool ok = write(t->pipe[1], host(t, gla), 1) == 1;
	char c;

	if (ok)
		ck_assert_int_eq(read(t->pipe[0], &c, 1), 1);
	return ok;
}

static inline bool writable(struct win *t, gla_t gla)
{
	char c = 'x';
	bool ok;

	ck_assert_int_eq(write(t->pipe[1], &c, 1), 1);
	ok = read(t->pipe[0], host(t, gla), 1) == 1;
	if (!ok)
		ck_assert_int_eq(read(t->pipe[0], &c, 1), 1);
	return ok;
}

#define RIGHTS(t, gla, r, w)                                                                                                \
	do {                                                                                                                \
		ck_assert_int_eq(readable(t, gla), r);                                                                      \
		ck_assert_int_eq(writable(t, gla), w);                                                                      \
	} while (0)

/* Time passes in the program until it has a window. */
static inline void get_hot(struct win *t)
{
	for (unsigned i = 0; i < 1000 && !window_enter(t->m, t->kind); i++)
		window_tick(t->m, t->kind, t->us += 1000);
	ck_assert(window_enter(t->m, t->kind));
	ck_assert(t->wide || t->base);
}

/* A program of 1,024 pages, page n at n, under 32-bit paging. NULL: no windows here */
static inline struct win *start(void)
{
	struct win *t = calloc(1, sizeof(*t));

	t->f = fix_prot(3);
	t->kind = WINDOW_32;
	t->m = &t->f->cpu->mmu;
	ck_assert_int_eq(pipe(t->pipe), 0);
	fix_wr(t->f, PML4, PT | ALL, 4);
	fix_wr(t->f, NEW_PD, PT | ALL, 4);
	for (unsigned i = 0; i < 1024; i++)
		set_pte(t, i, i << 12 | ALL);
	t->f->cpu->cr3 = PML4;
	t->f->cpu->cr0 |= CR0_PG | CR0_WP;
	t->f->cpu->cr4 |= CR4_PSE;
	vcpu_update(t->f->cpu);
	if (!windows_new(t->m, use, t))
		return NULL;
	windows_for_kernels(t->m);
	windows_begin(t->m);
	return t;
}

static inline void stop(struct win *t)
{
	windows_end(t->m);
	windows_free(t->m);
	fix_free(t->f);
	close(t->pipe[0]);
	close(t->pipe[1]);
	free(t);
}

#endif
