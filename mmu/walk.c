/*
 * walk.c - the page walk.
 *
 * One loop serves all three paging modes: a mode is a number of levels, an index width and an entry size. Each entry
 * is checked for presence and reserved bits as it is read; rights are judged once the leaf is known; only then
 * are A and D set, so a walk that faults leaves memory alone. Under translated code
 * (WALK_FAST) the walk touches plain RAM only and gives up (need_c) where more would be needed.
 * Source: Intel SDM Vol. 3A chapter 4 "Paging", sections as cited.
 */
#include "mmu/walk.h"

#define PTE_P BIT(0)
#define PTE_W BIT(1)
#define PTE_U BIT(2)
#define PTE_A BIT(5)
#define PTE_D BIT(6)
#define PTE_PS BIT(7)
#define PTE_G BIT(8)
#define PTE_NX BIT(63)
#define PTE_ADDR 0x000FFFFFFFFFF000ull

enum walk_mode { WALK_FULL, WALK_PROBE, WALK_FAST };

struct ctx {
	const struct paging *pg;
	struct space *mem;
	enum walk_mode mode;
	bool wide;	  /* 8-byte entries: PAE and 4-level */
	bool lma;
	uint64_t reserved; /* bits reserved in every entry */
	const struct range *r; /* where the last entry lay; the next is mostly there, too */
};

/* As the walk begins, and when a device has been accessed, which may move what is where. */
static void where_now(struct ctx *c)
{
	c->r = &c->mem->ranges[c->mem->hint];
}

/* Host address of the entry at @at if it is plain RAM (ROM too, to read), else NULL. */
static uint8_t *entry_host(struct ctx *c, gpa_t at, bool write, raddr_t *ra)
{
	const struct range *r = c->r;

	if (UNLIKELY(at < r->start || at > r->last))
		r = c->r = space_lookup(c->mem, at);
	if (!r->reg || r->last - at < (c->wide ? 7 : 3))
		return NULL;
	if (r->reg->kind != REGION_RAM && (write || r->reg->kind != REGION_ROM))
		return NULL;
	*ra = r->reg->ra + (at - r->reg->base);
	return c->mem->ram->host + *ra;
}

static bool read_entry(struct ctx *c, gpa_t at, uint64_t *e, struct walk *out)
{
	raddr_t ra;
	uint8_t *p = entry_host(c, at, false, &ra);

	if (LIKELY(p != NULL)) {
		*e = c->wide ? *(uint64_t *)p : *(uint32_t *)p;
		return true;
	}
	if (c->mode == WALK_FAST) {
		out->need_c = true;
		return false;
	}
	if (c->mode == WALK_PROBE) { /* must not disturb a device */
		*e = 0;
		return true;
	}
	*e = space_read(c->mem, at, c->wide ? 8 : 4);
	where_now(c);
	return true;
}

/* Store an entry with A or D newly set. Return: false if that is not for WALK_FAST to do. */
static bool write_entry(struct ctx *c, gpa_t at, uint64_t e, struct walk *out)
{
	struct ram *ram = c->mem->ram;
	raddr_t ra;
	uint8_t *p = entry_host(c, at, true, &ra);

	if (LIKELY(p && !ram->code[ra >> PAGE_SHIFT] && !ram->dirty[ra >> PAGE_SHIFT])) {
		if (c->wide)
			*(uint64_t *)p = e;
		else
			*(uint32_t *)p = (uint32_t)e;
		return true;
	}
	if (c->mode == WALK_FAST) {
		out->need_c = true;
		return false;
	}
	space_write(c->mem, at, e, c->wide ? 8 : 4);
	where_now(c);
	return true;
}

/*
 * The error code of SDM Vol. 3A 4.7. I/D is reported only where fetches are a kind of access of
 * their own: CR4.SMEP = 1, or CR4.PAE = 1 and IA32_EFER.NXE = 1.
 */
static bool fault(struct ctx *c, struct walk *out, enum walk_why why, enum mmu_access acc,
	enum mmu_idx idx)
{
	const struct paging *pg = c->pg;

	out->why = why;
	out->code = why == WALK_NOT_PRESENT ? 0 : PF_P;
	if (why == WALK_RESERVED)
		out->code |= PF_RSVD;
	if (acc == MMU_WRITE)
		out->code |= PF_W;
	if (idx == MMU_USER)
		out->code |= PF_U;
	if (acc == MMU_EXEC &&
		((pg->cr4 & CR4_SMEP) || ((pg->cr4 & CR4_PAE) && (pg->efer & EFER_NXE))))
		out->code |= PF_I;
	out->r = out->w = out->x = false;
	return false;
}

/* Which rights this page gives to @idx, and by which rule @acc fails if it does (SDM Vol. 3A 4.6.1). */
static enum walk_why judge(const struct paging *pg, struct walk *out, bool rw, bool nx,
	enum mmu_access acc, enum mmu_idx idx)
{
	bool user = out->user, smep = user && (pg->cr4 & CR4_SMEP);

	if (idx == MMU_USER) {
		out->r = user;
		out->w = user && rw;
		out->x = user && !nx;
	} else {
		bool data = !user || idx == MMU_SUP;

		out->r = data;
		out->w = data && (rw || !(pg->cr0 & CR0_WP));
		out->x = !nx && !smep;
	}
	if ((acc == MMU_READ && out->r) || (acc == MMU_WRITE && out->w) ||
		(acc == MMU_EXEC && out->x))
		return WALK_OK;
	if (idx == MMU_USER && !user)
		return WALK_USER_SUP;
	if (acc == MMU_EXEC)
		return idx != MMU_USER && smep ? WALK_SMEP : WALK_NX;
	if (idx == MMU_SMAP && user)
		return WALK_SMAP;
	return WALK_WRITE_RO;
}

/* Bits of a leaf that maps 2^@shift bytes at an upper level which must be 0, beyond c->reserved. */
static uint64_t leaf_reserved(const struct ctx *c, unsigned shift)
{
	unsigned m = c->pg->maxphyaddr;

	if (shift != 22)
		return bits(~0ull, shift - 1, 13) << 13; /* bit 12 is PAT */
	/* PSE-36: PDE bits 13 .. M-20 hold address bits 32 .. M-1 (M at most 40), 21:M-19 are reserved */
	if (m > 40)
		m = 40;
	return bits(~0ull, 21, m - 19) << (m - 19);
}

static gpa_t leaf_base(uint64_t e, unsigned shift)
{
	if (shift == 22)
		return (e & 0xFFC00000) | bits(e, 20, 13) << 32;
	return e & PTE_ADDR & ~(BIT(shift) - 1);
}

/* Is @e, read at the level that translates bits @shift and up, a leaf? */
static bool is_leaf(const struct ctx *c, uint64_t e, unsigned shift)
{
	if (shift == 12)
		return true;
	if (!(e & PTE_PS))
		return false;
	if (!c->wide)
		return c->pg->cr4 & CR4_PSE;
	return shift == 21 || (shift == 30 && c->lma && c->pg->has_1g);
}

/*
 * Reserved bits of one present entry (SDM Vol. 3A, tables 4-4 to 4-20). In 4-level paging PS is reserved in a
 * PML4E, and in a PDPTE where 1-GByte pages are not supported.
 */
static bool reserved_set(const struct ctx *c, uint64_t e, unsigned shift, bool leaf)
{
	if (e & c->reserved)
		return true;
	if (leaf)
		return shift > 12 && (e & leaf_reserved(c, shift));
	return c->wide && shift >= 30 && (e & PTE_PS);
}

static void ctx_init(struct ctx *c, const struct paging *pg, struct space *mem, enum walk_mode mode)
{
	c->pg = pg;
	c->mem = mem;
	c->mode = mode;
	where_now(c);
	c->lma = pg->efer & EFER_LMA;
	c->wide = c->lma || (pg->cr4 & CR4_PAE);
	c->reserved = 0;
	if (!c->wide)
		return;
	/* address bits above MAXPHYADDR: up to 51 in 4-level paging, up to 62 in PAE */
	c->reserved = PTE_ADDR & ~(BIT(pg->maxphyaddr) - 1);
	if (!c->lma)
		c->reserved |= 0x7FF0000000000000ull;
	if (!(pg->efer & EFER_NXE))
		c->reserved |= PTE_NX;
}

/*
 * Set A in the entries used and D in the leaf (SDM Vol. 3A 4.8), root first. PAE's PDPTE is a register here: it has
 * neither. Return: false if WALK_FAST met what it must not do; doing it again from C is harmless.
 */
static bool set_ad(struct ctx *c, struct walk *out, enum mmu_access acc)
{
	unsigned first = c->wide && !c->lma ? 1 : 0;

	for (unsigned i = first; i < out->levels; i++) {
		uint64_t e = out->trace[i].entry | PTE_A;

		if (i == out->levels - 1u && acc == MMU_WRITE)
			e |= PTE_D;
		if (e == out->trace[i].entry)
			continue;
		if (!write_entry(c, out->trace[i].at, e, out))
			return false;
		out->trace[i].entry = e;
	}
	return true;
}

static bool no_paging(const struct paging *pg, gla_t gla, struct walk *out)
{
	out->gpa = gla & 0xFFFFFFFF & pg->a20_mask;
	out->page_shift = PAGE_SHIFT;
	out->r = out->w = out->x = true;
	out->user = true;
	return true;
}

static bool translate(struct ctx *c, gla_t gla, enum mmu_access acc, enum mmu_idx idx,
	struct walk *out)
{
	const struct paging *pg = c->pg;
	unsigned idx_bits = c->wide ? 9 : 10, size = c->wide ? 8 : 4;
	unsigned shift = c->lma ? 39 : c->wide ? 30 : 22;
	uint64_t table = pg->cr3 & (c->lma ? PTE_ADDR : 0xFFFFF000), e;
	bool rw = true, nx = false, leaf;
	enum walk_why why;

	if (c->lma)
		table &= BIT(pg->maxphyaddr) - 1;
	out->user = true;
	for (;; shift -= idx_bits) {
		unsigned i = (gla >> shift) & (BIT(idx_bits) - 1);
		gpa_t at = (table + i * size) & pg->a20_mask;
		bool pdpte_reg = c->wide && !c->lma && shift == 30;

		if (pdpte_reg) {
			i &= 3;
			at = ((pg->cr3 & 0xFFFFFFE0) + i * 8) & pg->a20_mask;
			e = pg->pdpte[i];
		} else if (!read_entry(c, at, &e, out)) {
			return false;
		}
		out->trace[out->levels].at = at;
		out->trace[out->levels++].entry = e;
		/* "there is no translation for the linear address because the P flag was 0" (4.7) */
		if (!(e & PTE_P))
			return fault(c, out, WALK_NOT_PRESENT, acc, idx);
		if (pdpte_reg) { /* no rights in it; reserved bits were checked when it was loaded */
			table = e & PTE_ADDR;
			continue;
		}
		leaf = is_leaf(c, e, shift);
		/* "a reserved bit was set in one of the paging-structure entries used" (4.7) */
		if (reserved_set(c, e, shift, leaf))
			return fault(c, out, WALK_RESERVED, acc, idx);
		rw = rw && (e & PTE_W);
		nx = nx || (e & PTE_NX); /* reserved, so never set, without EFER.NXE; absent in 32-bit */
		out->user = out->user && (e & PTE_U);
		if (leaf)
			break;
		table = e & PTE_ADDR;
	}
	why = judge(pg, out, rw, nx, acc, idx);
	if (why != WALK_OK)
		return fault(c, out, why, acc, idx);
	out->page_shift = (uint8_t)shift;
	out->gpa = (leaf_base(e, shift) | (gla & (BIT(shift) - 1))) & pg->a20_mask;
	out->global = (e & PTE_G) && (pg->cr4 & CR4_PGE);
	if (c->mode == WALK_PROBE)
		return true;
	if (!set_ad(c, out, acc))
		return false;
	if (!(out->trace[out->levels - 1].entry & PTE_D))
		out->w = false; /* the first write must come back to set D */
	return true;
}

static bool run(const struct paging *pg, struct space *mem, gla_t gla, enum mmu_access acc,
	enum mmu_idx idx, enum walk_mode mode, struct walk *out)
{
	struct ctx c;

	out->why = WALK_OK;
	out->code = 0;
	out->gpa = 0;
	out->page_shift = PAGE_SHIFT;
	out->levels = 0;
	out->r = out->w = out->x = false;
	out->global = out->user = out->need_c = false;
	if (!(pg->cr0 & CR0_PG))
		return no_paging(pg, gla, out);
	ctx_init(&c, pg, mem, mode);
	if (!c.lma)
		gla &= 0xFFFFFFFF;
	return translate(&c, gla, acc, idx, out);
}

bool walk(const struct paging *pg, struct space *mem, gla_t gla, enum mmu_access acc, enum mmu_idx idx,
	bool probe, struct walk *out)
{
	return run(pg, mem, gla, acc, idx, probe ? WALK_PROBE : WALK_FULL, out);
}

bool walk_fast(const struct paging *pg, struct space *mem, gla_t gla, enum mmu_access acc,
	enum mmu_idx idx, struct walk *out)
{
	return run(pg, mem, gla, acc, idx, WALK_FAST, out);
}

bool walk_load_pdptes(struct paging *pg, struct space *mem, uint64_t cr3)
{
	/* reserved: 2:1, 8:5 and everything from MAXPHYADDR up (table 4-8) */
	uint64_t reserved = 0x1E6 | ~(BIT(pg->maxphyaddr) - 1);
	uint64_t e[4];

	for (unsigned i = 0; i < 4; i++) {
		e[i] = space_read(mem, ((cr3 & 0xFFFFFFE0) + i * 8) & pg->a20_mask, 8);
		if ((e[i] & PTE_P) && (e[i] & reserved))
			return false;
	}
	for (unsigned i = 0; i < 4; i++)
		pg->pdpte[i] = e[i];
	return true;
}
