/*
 * tlb.h - the soft TLB that translated code probes inline.
 *
 * Three direct-mapped tables, one per enum mmu_idx, of 32-byte entries indexed by gla[23:12]. An entry
 * allows a read of [gla, gla+n) when TLB_TAG(gla + n-1) == rd, with the index taken from gla: an access
 * that crosses the page mismatches by itself. wr and ex likewise. TLB_NO_TAG never matches.
 * host address = gla + addend, in the always-RW alias of RAM.
 *
 * Tags are withheld, so that the slow path sees the access, from: device memory (all), ROM (wr),
 * pages holding translated code (wr), display-tracked pages that are clean (wr), pages with D clear (wr),
 * and pages with an armed data breakpoint (rd, wr).
 *
 * tlb_fill() runs under translated code with guest FP state live in host registers: tlb.c and walk.c
 * are compiled for general registers only. Flushing lives in tlb_flush.c.
 */
#ifndef MMU_TLB_H
#define MMU_TLB_H

#include "mmu/walk.h"

#define TLB_BITS 12
#define TLB_SIZE (1u << TLB_BITS)
#define TLB_LIST 1024
#define TLB_VICTIMS 64 /* a table; no more, for they are the bits of a word */
#define TLB_WRITERS_MANY 0xFFFFu
#define TLB_INVALID 0xFFFull /* low bits set: equal to no page-aligned value */
#define TLB_NO_TAG UINT64_MAX
/* What tags look like is up to the host's probe: AArch64 shifts an operand of its comparison for nothing, x86-64 masks one. */
#ifdef __aarch64__
#define TLB_TAG(gla) ((uint64_t)(gla) >> PAGE_SHIFT)
#define TLB_TAG_PAGE(tag) ((gla_t)(tag) << PAGE_SHIFT)
#else
#define TLB_TAG(gla) ((uint64_t)(gla) & PAGE_MASK)
#define TLB_TAG_PAGE(tag) ((gla_t)(tag))
#endif

struct tlb_entry {
	/* Tags: TLB_TAG(gla), or TLB_NO_TAG. addend = host pointer - gla (mod 2^64), beside each tag of data for one load of a pair. */
	uint64_t rd, addend, wr, ex;
};

/* Beside each entry, what the inline probe does not need. */
struct tlb_side {
	raddr_t ra;	/* page-aligned; RADDR_NONE for device memory */
	gpa_t gpa;	/* page-aligned */
	gla_t page;	/* the page this entry is about, whatever tags are withheld; or TLB_INVALID */
	/* may_*: permission was there, the tag may still be withheld (may_write: and D is set) */
	bool global, may_read, may_write, may_exec;
	bool rom;	/* ra is good to read and run; writes go to the space */
	bool watched;	/* a data watchpoint lies in the page */
	uint8_t page_shift;
};

struct mmu_fault { /* details of the last failed translation */
	gla_t gla;
	enum mmu_access acc;
	enum mmu_idx idx;
	struct walk w;
};

#define MMU_WATCH_MAX 8 /* slots: the guest's debug registers, then a debugger's */
#define MMU_WATCH_GUEST 4

struct windows;

struct mmu {
	struct tlb_entry tlb[MMU_IDX_COUNT][TLB_SIZE]; /* first: translated code addresses it by constant */
	struct tlb_side side[MMU_IDX_COUNT][TLB_SIZE];
	/*
	 * Victims: what had to make way for another page, one for 64 entries. Of some forty pages that a kernel and its program use by turns two
	 * fall to one entry in one boot of five, and each access would be a walk. They have no tags: those are found anew when they come back.
	 */
	struct tlb_side victim[MMU_IDX_COUNT][TLB_VICTIMS];
	uint64_t victims[MMU_IDX_COUNT]; /* bit n: victim n is one */
	bool used[MMU_IDX_COUNT];    /* table has had a fill since its last flush */
	bool globals[MMU_IDX_COUNT]; /* a global page has been cached in it */
	/* entries that have held a page that is not global since the last flush; more than TLB_LIST: not known which */
	uint16_t nlocal[MMU_IDX_COUNT], local[MMU_IDX_COUNT][TLB_LIST];
	bool large;		     /* a page larger than 4 KiB has been cached since the last flush */
	gla_t large_lo, large_hi;    /* all such pages lie in here (inclusive) */
	struct paging pg;
	struct space *mem;
	struct ram *ram;
	struct log *log;
	struct mmu_fault fault;
	struct walk scratch; /* of the fill in progress: fault keeps the last failure */
	uint64_t fills, returns, flushes, page_flushes; /* info jit; returns: of victims */
	/* armed data watchpoints, linear; set through mmu_set_watch(), which flushes */
	struct { gla_t gla; unsigned len; bool on_read, on_write; } watch[MMU_WATCH_MAX];
	unsigned nwatch;
	/* called by the slow paths for an access that overlaps a watchpoint; may be NULL */
	void (*watch_hit)(void *opaque, unsigned i, gla_t gla, unsigned len, bool write);
	void *watch_opaque;
	/*
	 * linear->code mapping may have changed (any flush): of the page of whatever size that has @gla, of all, of all but
	 * global pages; may be NULL
	 */
	void (*flushed)(void *opaque, gla_t gla);
	void *flushed_opaque;
	/* lockstep: sees every slow-path access (mmu_read/mmu_write/mmu_slow_*), NULL otherwise */
	struct mmu_tap *tap;
	struct windows *win; /* host mappings for user programs (window.h); NULL: none */
};

/* What besides the root the meaning of page tables depends on; by value comparable with memcmp(). */
struct paging_regime {
	uint64_t cr0, cr4, efer, a20_mask, gen;
};

static inline struct paging_regime paging_regime(const struct mmu *m)
{
	const struct paging *p = &m->pg;

	return (struct paging_regime){p->cr0 & (CR0_PG | CR0_WP), p->cr4 & (CR4_PSE | CR4_PAE | CR4_SMEP),
		p->efer & (EFER_LMA | EFER_NXE), p->a20_mask, m->mem->gen};
}

#define TLB_FLUSH_ALL UINT64_MAX
#define TLB_FLUSH_LOCAL (UINT64_MAX - 1)

enum mmu_fill {
	FILL_OK,    /* the entry now allows the access: probe again */
	FILL_FAULT, /* mmu->fault says why */
	FILL_SLOW   /* allowed, but not by the fast path: device, code page, clean tracked page, watch */
};

static inline unsigned tlb_index(gla_t gla)
{
	return (gla >> PAGE_SHIFT) & (TLB_SIZE - 1);
}

/* tlb_permits() - do the page's rights allow @acc, whatever tags are withheld? */
static inline bool tlb_permits(const struct tlb_side *s, enum mmu_access acc)
{
	return acc == MMU_READ ? s->may_read : acc == MMU_WRITE ? s->may_write : s->may_exec;
}

/*
 * tlb_fill() - walk for the page of @gla and load the entry, with what tags its state allows. For translated
 * code: touches general registers only, and gives FILL_SLOW for all that needs more (walk_fast(), -d mmu).
 */
enum mmu_fill tlb_fill(struct mmu *m, gla_t gla, enum mmu_access acc, enum mmu_idx idx);

/* tlb_fill_c() - the same from C context, where nothing needs to be put off. */
enum mmu_fill tlb_fill_c(struct mmu *m, gla_t gla, enum mmu_access acc, enum mmu_idx idx);

/* tlb_grant_write() - give back the write tag of @page if nothing withholds it any more (after a slow write). */
void tlb_grant_write(struct mmu *m, gla_t page, enum mmu_idx idx);

/* tlb_raddr() - where the page at @gpa lives; RADDR_NONE if any part of it is not one stretch of RAM or ROM. */
raddr_t tlb_raddr(const struct mmu *m, gpa_t gpa, bool *rom);

/* tlb_write_withheld() - must writes to the page at @ra be seen? It holds translated code, or the display waits for the first. */
bool tlb_write_withheld(const struct ram *ram, raddr_t ra);

/* mmu_init() - empty TLB, paging off, 36 address bits; hooks mem->changed (if free) and ram->protect. */
void mmu_init(struct mmu *m, struct space *mem, struct ram *ram, struct log *log);
void tlb_flush(struct mmu *m, bool globals_too);	/* CR3 load / CR4 change */
void tlb_flush_page(struct mmu *m, gla_t gla);		/* INVLPG: also drops large pages covering it */
/* Withhold write tags of RAM page @ra again (code was translated there, or display dirty bit cleared). */
void tlb_protect_page(struct mmu *m, raddr_t ra);
void tlb_protect_range(struct mmu *m, raddr_t ra, uint64_t len);
void mmu_set_watch(struct mmu *m, unsigned i, gla_t gla, unsigned len, bool on_read, bool on_write);
void mmu_clear_watch(struct mmu *m, unsigned first, unsigned n); /* slots first..first+n-1 */

#endif
