/*
 * walk.h - the page walk: linear address -> guest-physical address, exactly as the manual has it.
 *
 * Pure but for the accessed/dirty bits it sets in guest memory. Covers no paging, 32-bit (2-level,
 * PSE, PSE-36), PAE and 4-level paging with 2 MiB / 1 GiB pages; U/S, R/W, WP, NX, SMEP, SMAP, reserved bits.
 * Source: Intel SDM Vol. 3A, chapter 4 "Paging": 4.3, 4.4, 4.5, 4.6 "Access Rights", 4.7 "Page-Fault
 * Exceptions", 4.8 "Accessed and Dirty Flags".
 */
#ifndef MMU_WALK_H
#define MMU_WALK_H

#include "mmu/base/types.h"
#include "mmu/space.h"

/* What is being done. Implicit supervisor accesses (descriptor tables, TSS) use MMU_SUP or MMU_SMAP whatever the CPL. */
enum mmu_access { MMU_READ = 0, MMU_WRITE = 1, MMU_EXEC = 2 };

/* On whose behalf: also the number of the TLB that caches the result. */
enum mmu_idx {
	MMU_SUP = 0,  /* supervisor; user pages allowed (CR4.SMAP=0, or EFLAGS.AC=1 and explicit) */
	MMU_USER = 1, /* CPL 3 */
	MMU_SMAP = 2, /* supervisor with SMAP in force: user pages are denied for data */
	MMU_IDX_COUNT = 3
};

/* Page-fault error code, SDM Vol. 3A 4.7. */
#define PF_P BIT(0)
#define PF_W BIT(1)
#define PF_U BIT(2)
#define PF_RSVD BIT(3)
#define PF_I BIT(4)

/* CR0, CR4, EFER bits that paging reads. */
#define CR0_WP BIT(16)
#define CR0_PG BIT(31)
#define CR4_PSE BIT(4)
#define CR4_PAE BIT(5)
#define CR4_PGE BIT(7)
#define CR4_PCIDE BIT(17)
#define CR4_SMEP BIT(20)
#define CR4_SMAP BIT(21)
#define EFER_LMA BIT(10)
#define EFER_NXE BIT(11)

/* The paging state of one CPU; the cpu layer keeps it in step with CR0/CR3/CR4/EFER/A20. */
struct paging {
	uint64_t cr0, cr3, cr4, efer;
	uint64_t pdpte[4];   /* PAE: loaded by MOV CR3 etc. (SDM 4.4.1), used by the walk */
	uint64_t a20_mask;   /* ANDed to every physical address: ~0 or ~BIT(20) */
	uint8_t maxphyaddr;  /* 32..52: bits above are reserved */
	bool has_1g;	     /* 1 GiB pages exist in this CPU model */
};

/*
 * paging_root() - where the page tables begin (physical): CR3 without the PCID, of which a process may have a new one each time it runs
 * Intel SDM Vol. 3A 4.3 to 4.5, "Use of CR3"
 */
static inline gpa_t paging_root(const struct paging *pg)
{
	return pg->efer & EFER_LMA || !(pg->cr4 & CR4_PAE) ? pg->cr3 & 0x000FFFFFFFFFF000ull : pg->cr3 & 0xFFFFFFE0;
}

enum walk_why { /* which check failed: the cpu layer maps these to rows of checks.def */
	WALK_OK = 0,
	WALK_NOT_PRESENT, WALK_RESERVED, WALK_USER_SUP, WALK_WRITE_RO, WALK_NX, WALK_SMEP, WALK_SMAP
};

struct walk {
	enum walk_why why;
	uint32_t code;	      /* #PF error code when why != WALK_OK */
	gpa_t gpa;	      /* translation of the very address asked for (A20 applied) */
	uint8_t page_shift;   /* 12, 21, 22, 30; 12 without paging */
	bool r, w, x;	      /* what mmu_idx may do to this page now; w false while D is clear unless written */
	bool need_c;	      /* walk_fast() gave up: see there; nothing else is meaningful */
	bool global, user;    /* effective G (leaf, CR4.PGE) and U/S (all levels) */
	uint8_t levels;	      /* trace for explain: entries read, from the root */
	struct { gpa_t at; uint64_t entry; } trace[4];
};

/**
 * walk() - translate @gla for @acc on behalf of @idx, setting A (and D for MMU_WRITE) unless @probe
 * @probe: for explain, monitor and gdb: changes nothing, and D clear does not take away w
 * Return: true if allowed (out->why == WALK_OK). Canonical form is the caller's business.
 */
bool walk(const struct paging *pg, struct space *mem, gla_t gla, enum mmu_access acc, enum mmu_idx idx,
	bool probe, struct walk *out);

/**
 * walk_fast() - as walk() without probe, for use under translated code: general registers only
 * It gives up - false with out->need_c - when an entry is not in plain RAM, or when A or D would have to be set
 * in a page that holds translated code or is tracked. walk() from C context then does it all.
 */
bool walk_fast(const struct paging *pg, struct space *mem, gla_t gla, enum mmu_access acc,
	enum mmu_idx idx, struct walk *out);

/**
 * walk_load_pdptes() - read the four PDPTEs of @cr3 into @pg->pdpte
 * Return: false if a present one has reserved bits set: the caller raises #GP(0) and nothing is changed
 * (SDM Vol. 3A 4.4.1 "PDPTE Registers")
 */
bool walk_load_pdptes(struct paging *pg, struct space *mem, uint64_t cr3);

#endif
