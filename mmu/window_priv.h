/*
 * window_priv.h - the inside of windows, for mmu/window*.c only.
 */
#ifndef MMU_WINDOW_PRIV_H
#define MMU_WINDOW_PRIV_H

#include "mmu/window.h"
#include "mmu/base/host_mem.h"

#define USER_WINDOWS 6 /* of both kinds */
#define WINDOWS (USER_WINDOWS + 2) /* and the kernel's: 32 and 64 bits */
#define CHUNK_SHIFT 21
#define CHUNK_PAGES 512u
#define BUCKETS 256u
#define CANDIDATES 64
#define PARTS 8			/* of a wide window, besides what is near */
#define PART_SHIFT WINDOW_TABLE_SHIFT
#define PART_BYTES BIT(PART_SHIFT)

/* 2 MiB of a window */
struct chunk {
	struct chunk *next, *all;	/* in its bucket; of the window */
	uint64_t no;			/* linear address >> CHUNK_SHIFT */
	uint8_t *at;			/* where it is in our address space */
	const uint8_t *leaf;		/* page-table entries of its pages in RAM; NULL: parts of large pages */
	uint64_t up[4];			/* entries above them as they were (a large page: and its own) */
	uint8_t nup, esize;		/* bytes of an entry */
	bool global;			/* all of its pages are */
	unsigned n;			/* pages mapped */
	uint64_t mapped[8], writable[8]; /* bit per page */
	uint64_t entry[CHUNK_PAGES];	/* leaf entries as they were */
	uint32_t rpage[CHUNK_PAGES];	/* RAM pages */
};

/* A part of a wide window that is there. */
struct part {
	uint64_t no;		/* linear address >> PART_SHIFT */
	uint8_t *base;		/* NULL: not reserved yet */
};

struct window {
	uint8_t *base;		/* of the reservation, if not wide; NULL: not made yet */
	struct part part[PARTS];
	unsigned nparts;
	bool wide, far;		/* far: not all of the program is where wide_near() says */
	bool near;		/* what is near has its place in our address space: linear address + distance */
	uint64_t distance;
	bool super;		/* a kernel's */
	unsigned pages;		/* mapped */
	uint64_t cr3;		/* of a kernel's: when it was last compared */
	struct paging_regime regime;
	bool live, tired;	/* tired: has spent its credit */
	uint64_t checked, checked_all; /* windows.gen and gen_all when it was last compared */
	uint64_t used;		/* for finding the one least recently used */
	uint64_t seen;		/* windows.last_us when it was last entered */
	int credit;
	unsigned earned;	/* thousandths of credit */
	bool asked;		/* it faulted at @gla for want of a guest page, which may be there when the program goes on */
	gla_t gla;
	bool stale;		/* has been emptied: chunks are to be freed when nobody goes through them */
	struct chunk *all, *bucket[BUCKETS];
};

struct candidate {
	uint64_t cr3, us; /* at CPL 3 */
	bool wide;
};

struct windows {
	struct window w[WINDOWS];
	struct window *now;	/* in force */
	struct candidate cand[CANDIDATES];
	uint64_t *written;	/* bit per RAM page: it may be mapped for writing */
	uint64_t gen, gen_all;	/* flushes so far; those of global pages, too */
	uint64_t clock, last_us;
	uint64_t since;		/* the first sample at CPL 0 after a program */
	bool kernels;		/* may have windows */
	bool stayed, awake;	/* no program has run since that sample; nor for so long that a kernel's window is in force */
	unsigned nmaps;		/* mappings made since all were dropped: a bound of what there is */
	bool running, broken, far; /* far: of the one in force, when it was entered */
	struct window *shown;	/* the one @use was told about last in this run */
	uint64_t *table;	/* of wide windows; NULL: there are none */
	bool crowded;		/* the host had no room for what is near in another window of programs */
	uint8_t *guard;		/* readable where what is near is; NULL: there is none */
	bool super_guard;	/* there is one for kernels */
	uint64_t super_near[2];	/* pieces near in the kernel's window, a bit each: of the lower and the upper half of all addresses */
	void (*use)(void *opaque, uint8_t *base);
	void *opaque;
	struct window_stats st;
};

/* window_wide.c */
bool wide_near(gla_t gla); /* in one of the places where most programs are */
/* Is @gla near in the kernel's window, if need be from now on? */
bool wide_near_super(struct windows *s, gla_t gla);
bool wide_begin(struct mmu *m, struct window *w); /* a program gets @w, which is wide; false: there is a guard, but the host has no room */
void wide_show(struct windows *s, const struct window *w); /* the table is to lead into @w */
/* Host address for the canonical user address @gla; NULL: there is no more room for its part */
uint8_t *wide_place(struct windows *s, struct window *w, gla_t gla);
bool wide_gla(const struct windows *s, const struct window *w, const void *at, gla_t *gla); /* back */
void wide_fini(struct windows *s);
bool wide_empty(struct windows *s, struct window *w); /* no page mapped any more; false: the host cannot */
void wide_free(struct window *w);

#endif
