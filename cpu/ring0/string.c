/*
 * string.c - MOVS STOS LODS SCAS CMPS INS OUTS, with and without REP.
 *
 * A repeated instruction works in runs: as many elements as lie in one page on each side, within
 * the segment limits and before the index wraps. A run on plain RAM is a host loop; anything else
 * (devices, page-crossing elements, code pages refused by the MMU, the last elements before a
 * limit) goes element by element through the checked accessors, which fault with the registers
 * exactly at the faulting element. Between runs a waiting request stops the instruction with RIP
 * still on it. SCAS and CMPS write the flags when they stop: "when a fault occurs ... the EFLAGS value
 * is restored to the state prior to the execution of the instruction" (REP).
 *
 * Source: Intel SDM Vol. 1 7.3.9 "String Operations"; Vol. 2 REP and each instruction.
 */
#include "cpu/ring0/priv.h"
#include <string.h>

struct str {
	struct vcpu *cpu;
	unsigned size, seg, rep;
	uint64_t amask, count;
	bool down, one; /* DF; single-step: one element per execution */
	enum mmu_idx idx;
};

static void str_open(struct str *s, struct vcpu *cpu, uint64_t packed)
{
	unsigned asize = HSTR_ASIZE(packed);

	s->cpu = cpu;
	s->size = HSTR_SIZE(packed);
	s->seg = HSTR_SEG(packed);
	s->rep = HSTR_REP(packed);
	BUG_ON(s->seg >= SEG_COUNT || !s->size || s->size > 8);
	s->amask = size_mask(asize);
	s->count = s->rep ? cpu->gpr[GPR_RCX] & s->amask : 1;
	s->down = cpu->eflags & FL_DF;
	s->one = (cpu->eflags & FL_TF) || cpu->shadow || debug_armed(cpu);
	s->idx = vcpu_mmu_idx(cpu);
}

static uint64_t reg(const struct str *s, unsigned r)
{
	return s->cpu->gpr[r] & s->amask;
}

static void reg_put(struct str *s, unsigned r, uint64_t v)
{
	uint64_t *g = &s->cpu->gpr[r];

	*g = s->amask == 0xFFFF ? (*g & ~0xFFFFull) | (v & 0xFFFF) : v & s->amask;
}

/*
 * REP with a 32-bit address size in 64-bit mode: the manual does not say what becomes of the upper halves when nothing, or
 * nothing before a fault, is done. Intel's processors have cleared them by then, that of RCX with every string instruction,
 * those of RSI and RDI with MOVS and STOS; AMD's keep them.
 */
static void narrow(struct str *s, unsigned r)
{
	if (s->rep && s->amask == UINT32_MAX)
		reg_put(s, r, reg(s, r));
}

static void advance(struct str *s, unsigned r, uint64_t n)
{
	reg_put(s, r, s->cpu->gpr[r] + (s->down ? -(n * s->size) : n * s->size));
}

static void consumed(struct str *s, uint64_t n)
{
	s->count -= n;
	if (s->rep)
		reg_put(s, GPR_RCX, s->count);
}

/* Is [lo, lo+len) plainly allowed through @seg? No fault is raised: the slow path will do that. */
static bool range_ok(
	const struct str *s, unsigned seg, uint64_t lo, uint64_t len, bool write, gla_t *gla)
{
	const struct vcpu *cpu = s->cpu;
	const struct seg *g = &cpu->seg[seg];

	/* a run downwards through 0 wraps element by element */
	if (lo > s->amask || len - 1 > s->amask - lo)
		return false;
	if (is_code64(cpu)) {
		*gla = lo + (seg >= SEG_FS ? g->base : 0);
		return canonical(*gla) && canonical(*gla + len - 1);
	}
	if (lo < (write ? g->wlo : g->rlo) || lo + len - 1 > (write ? g->whi : g->rhi))
		return false;
	*gla = (uint32_t)(g->base + lo);
	return true;
}

/* Elements from index register value @at, in the direction of travel, that do not leave the page.
 */
static uint64_t page_run(const struct str *s, unsigned seg, uint64_t at, uint64_t n)
{
	uint64_t base = is_code64(s->cpu) && seg < SEG_FS ? 0 : s->cpu->seg[seg].base;
	unsigned off = (base + at) & (PAGE_SIZE - 1);
	uint64_t fit;

	if (off + s->size > PAGE_SIZE)
		return 0;
	fit = s->down ? off / s->size + 1 : (PAGE_SIZE - off) / s->size;
	return fit < n ? fit : n;
}

/* Host address of the lowest byte of a run of *n elements, or NULL; *n may shrink to 0 (then NULL).
 */
static uint8_t *run_host(
	const struct str *s, unsigned seg, uint64_t at, uint64_t n, enum mmu_access acc)
{
	uint64_t lo = s->down ? at - (n - 1) * s->size : at, len = n * s->size;
	bool fault = false;
	unsigned avail = 0;
	uint8_t *p;
	gla_t gla;

	if (!n || s->one || s->cpu->mmu.tap || (s->cpu->mode & MODE_AC) ||
		!range_ok(s, seg, lo, len, acc == MMU_WRITE, &gla))
		return NULL;
	p = mmu_host(&s->cpu->mmu, gla, acc, s->idx, &avail, &fault);
	return p && avail >= len ? p : NULL;
}

/* After a run: stop between runs when something waits or the program is being stepped. */
static bool must_stop(const struct str *s)
{
	/* between iterations the instruction is under way: its breakpoint does not hit again (Vol. 3B 17.3.1.1) */
	if (s->count && s->one)
		s->cpu->eflags |= FL_RF;
	return s->count && (s->one || (!s->cpu->whole_strings && __atomic_load_n(&s->cpu->req, __ATOMIC_RELAXED)));
}

/* ---- the usual case: forwards, through flat segments, all of it in one page that the TLB lets translated code access ---- */

/* Bytes the instruction is about, or 0: not that case. */
static uint64_t plain_length(const struct vcpu *cpu, uint64_t packed)
{
	uint64_t count = HSTR_REP(packed) ? cpu->gpr[GPR_RCX] & size_mask(HSTR_ASIZE(packed)) : 1;

	if (cpu->opts_off & CPU_OPT_STRINGS || HSTR_ASIZE(packed) < 4 || (cpu->eflags & (FL_DF | FL_TF)) ||
		cpu->shadow || (cpu->dr[7] & 0xFF) || (cpu->mode & MODE_AC) || cpu->mmu.tap || count > PAGE_SIZE)
		return 0;
	return count * HSTR_SIZE(packed);
}

/* Host address of @len bytes at offset @r (a register) of @seg, or NULL. */
static uint8_t *plain(const struct vcpu *cpu, uint64_t packed, unsigned seg, unsigned r, uint64_t len, bool write)
{
	gla_t gla = cpu->gpr[r] & size_mask(HSTR_ASIZE(packed));
	const struct tlb_entry *t = &cpu->mmu.tlb[vcpu_mmu_idx(cpu)][tlb_index(gla)];

	if (!(cpu->mode & MODE_FLAT_ES << seg) || (write ? t->wr : t->rd) != TLB_TAG(gla) ||
		(gla & (PAGE_SIZE - 1)) + len > PAGE_SIZE)
		return NULL;
	return (uint8_t *)(uintptr_t)(gla + t->addend);
}

static void plain_done(struct vcpu *cpu, uint64_t packed, unsigned r, uint64_t len)
{
	cpu->gpr[r] = (cpu->gpr[r] + len) & size_mask(HSTR_ASIZE(packed));
}

static bool movs_plain(struct vcpu *cpu, uint64_t packed)
{
	uint64_t len = plain_length(cpu, packed);
	uint8_t *d, *s;

	s = len ? plain(cpu, packed, HSTR_SEG(packed), GPR_RSI, len, false) : NULL;
	d = s ? plain(cpu, packed, SEG_ES, GPR_RDI, len, true) : NULL;
	if (!d || (d > s && d < s + len)) /* each store would feed a later load */
		return false;
	if (len == 4)
		memcpy(d, s, 4);
	else if (len == 8)
		memcpy(d, s, 8);
	else
		memmove(d, s, len);
	plain_done(cpu, packed, GPR_RSI, len);
	plain_done(cpu, packed, GPR_RDI, len);
	if (HSTR_REP(packed))
		cpu->gpr[GPR_RCX] = 0;
	return true;
}

static void fill_run(uint8_t *d, uint64_t v, uint64_t n, unsigned size)
{
	uint64_t mask = size_mask(size);

	v &= mask;
	if (v == ((v & 0xFF) * 0x0101010101010101ull & mask)) { /* zeros above all: a kernel clears pages so */
		memset(d, (int)(v & 0xFF), n * size);
		return;
	}
	for (uint64_t i = 0; i < n; i++)
		memcpy(d + i * size, &v, size);
}

static bool stos_plain(struct vcpu *cpu, uint64_t packed)
{
	uint64_t len = plain_length(cpu, packed), v = cpu->gpr[GPR_RAX];
	uint8_t *d = len ? plain(cpu, packed, SEG_ES, GPR_RDI, len, true) : NULL;

	if (!d)
		return false;
	if (len == 4 && HSTR_SIZE(packed) == 4)
		memcpy(d, &v, 4);
	else if (len == 8 && HSTR_SIZE(packed) == 8)
		memcpy(d, &v, 8);
	else
		fill_run(d, v, len / HSTR_SIZE(packed), HSTR_SIZE(packed));
	plain_done(cpu, packed, GPR_RDI, len);
	if (HSTR_REP(packed))
		cpu->gpr[GPR_RCX] = 0;
	return true;
}

static uint64_t load_el(const uint8_t *p, unsigned size)
{
	uint64_t v = 0;

	memcpy(&v, p, size); /* little-endian host */
	return v;
}

/* ---- MOVS ---- */

static void move_run(uint8_t *d, const uint8_t *s, uint64_t n, unsigned size, bool down)
{
	uint64_t len = n * size;
	bool overlap = d < s + len && s < d + len;

	/* The element order matters only when a store feeds a later load. */
	if (!overlap || (down ? d > s : d < s) || d == s) {
		memmove(d, s, len);
		return;
	}
	for (uint64_t i = 0; i < n; i++) {
		uint64_t at = (down ? n - 1 - i : i) * size;
		uint64_t v = load_el(s + at, size);

		memcpy(d + at, &v, size);
	}
}

static enum exit movs_one(struct str *s)
{
	uint64_t v;

	TRY(seg_read(s->cpu, s->seg, reg(s, GPR_RSI), s->size, &v));
	return seg_write(s->cpu, SEG_ES, reg(s, GPR_RDI), s->size, v);
}

enum exit h_movs(struct vcpu *cpu, uint64_t packed, uint64_t b, uint64_t c)
{
	struct str s;

	if (movs_plain(cpu, packed))
		return EXIT_NONE;
	str_open(&s, cpu, packed);
	narrow(&s, GPR_RCX);
	narrow(&s, GPR_RSI);
	narrow(&s, GPR_RDI);
	while (s.count) {
		uint64_t n = page_run(&s, s.seg, reg(&s, GPR_RSI), s.count);
		uint8_t *d = NULL, *p = NULL;

		n = page_run(&s, SEG_ES, reg(&s, GPR_RDI), n);
		p = run_host(&s, s.seg, reg(&s, GPR_RSI), n, MMU_READ);
		if (p)
			d = run_host(&s, SEG_ES, reg(&s, GPR_RDI), n, MMU_WRITE);
		if (d) {
			move_run(d, p, n, s.size, s.down);
		} else {
			TRY(movs_one(&s));
			n = 1;
		}
		advance(&s, GPR_RSI, n);
		advance(&s, GPR_RDI, n);
		consumed(&s, n);
		if (must_stop(&s))
			return EXIT_STOP;
	}
	return EXIT_NONE;
}

/* ---- STOS, LODS ---- */

enum exit h_stos(struct vcpu *cpu, uint64_t packed, uint64_t b, uint64_t c)
{
	struct str s;

	if (stos_plain(cpu, packed))
		return EXIT_NONE;
	str_open(&s, cpu, packed);
	narrow(&s, GPR_RCX);
	narrow(&s, GPR_RDI);
	while (s.count) {
		uint64_t n = page_run(&s, SEG_ES, reg(&s, GPR_RDI), s.count), v = cpu->gpr[GPR_RAX];
		uint8_t *d = run_host(&s, SEG_ES, reg(&s, GPR_RDI), n, MMU_WRITE);

		if (d) {
			fill_run(d, v, n, s.size);
		} else {
			TRY(seg_write(
				cpu, SEG_ES, reg(&s, GPR_RDI), s.size, v & size_mask(s.size)));
			n = 1;
		}
		advance(&s, GPR_RDI, n);
		consumed(&s, n);
		if (must_stop(&s))
			return EXIT_STOP;
	}
	return EXIT_NONE;
}

enum exit h_lods(struct vcpu *cpu, uint64_t packed, uint64_t b, uint64_t c)
{
	struct str s;

	str_open(&s, cpu, packed);
	narrow(&s, GPR_RCX);
	while (s.count) {
		uint64_t v;

		TRY(seg_read(cpu, s.seg, reg(&s, GPR_RSI), s.size, &v));
		gpr_merge(&cpu->gpr[GPR_RAX], v, s.size);
		advance(&s, GPR_RSI, 1);
		consumed(&s, 1);
		if (must_stop(&s))
			return EXIT_STOP;
	}
	return EXIT_NONE;
}

/* ---- SCAS, CMPS ---- */

static uint32_t flags_sub(uint64_t a, uint64_t b, unsigned size)
{
	uint64_t mask = size_mask(size), sign = mask ^ mask >> 1, r = (a - b) & mask;
	uint32_t f = 0;

	a &= mask;
	b &= mask;
	f |= a < b ? FL_CF : 0;
	f |= __builtin_parity(r & 0xFF) ? 0 : FL_PF;
	f |= (a ^ b ^ r) & 0x10 ? FL_AF : 0;
	f |= r ? 0 : FL_ZF;
	f |= r & sign ? FL_SF : 0;
	f |= (a ^ b) & (a ^ r) & sign ? FL_OF : 0;
	return f;
}

/* Elements of a run up to and including the one that ends the repetition; *end: it did. */
static uint64_t scan_run(const struct str *s, const uint8_t *a, const uint8_t *b, uint64_t key,
	uint64_t n, bool *end)
{
	bool until_equal = s->rep == 0xF2;

	*end = false;
	if (!b && s->size == 1 && until_equal && !s->down) {
		const uint8_t *hit = memchr(a, (int)(key & 0xFF), n);

		*end = hit != NULL;
		return hit ? (uint64_t)(hit - a) + 1 : n;
	}
	for (uint64_t i = 0; i < n; i++) {
		uint64_t at = (s->down ? n - 1 - i : i) * s->size;
		uint64_t x = load_el(a + at, s->size), y = b ? load_el(b + at, s->size) : key;

		if ((x == y) == until_equal) {
			*end = true;
			return i + 1;
		}
	}
	return n;
}

static uint64_t nth(const struct str *s, const uint8_t *run, uint64_t n, uint64_t i)
{
	return load_el(run + (s->down ? n - 1 - i : i) * s->size, s->size);
}

static bool rep_ends(const struct str *s, uint32_t flags)
{
	bool z = flags & FL_ZF;

	return s->rep == 0xF2 ? z : s->rep == 0xF3 ? !z : true;
}

static void compared(struct vcpu *cpu, uint32_t flags)
{
	cpu->eflags = (cpu->eflags & ~(uint32_t)FL_ARITH) | flags;
}

enum exit h_scas(struct vcpu *cpu, uint64_t packed, uint64_t b, uint64_t c)
{
	uint32_t f = cpu->eflags & FL_ARITH;
	struct str s;
	bool end = false;

	str_open(&s, cpu, packed);
	narrow(&s, GPR_RCX);
	while (s.count && !end) {
		uint64_t key = cpu->gpr[GPR_RAX] & size_mask(s.size), v, run, n;
		const uint8_t *p;

		n = run = page_run(&s, SEG_ES, reg(&s, GPR_RDI), s.count);
		p = s.rep ? run_host(&s, SEG_ES, reg(&s, GPR_RDI), run, MMU_READ) : NULL;
		if (p) {
			n = scan_run(&s, p, NULL, key, run, &end);
			v = nth(&s, p, run, n - 1);
		} else {
			TRY(seg_read(cpu, SEG_ES, reg(&s, GPR_RDI), s.size, &v));
			n = 1;
		}
		f = flags_sub(key, v, s.size);
		end = rep_ends(&s, f);
		advance(&s, GPR_RDI, n);
		consumed(&s, n);
		if (!end && must_stop(&s)) {
			compared(cpu, f);
			return EXIT_STOP;
		}
	}
	compared(cpu, f);
	return EXIT_NONE;
}

enum exit h_cmps(struct vcpu *cpu, uint64_t packed, uint64_t b, uint64_t c)
{
	uint32_t f = cpu->eflags & FL_ARITH;
	struct str s;
	bool end = false;

	str_open(&s, cpu, packed);
	narrow(&s, GPR_RCX);
	while (s.count && !end) {
		uint64_t n, run, x, y;
		const uint8_t *p, *q = NULL;

		n = page_run(&s, s.seg, reg(&s, GPR_RSI), s.count);
		n = run = page_run(&s, SEG_ES, reg(&s, GPR_RDI), n);
		p = s.rep ? run_host(&s, s.seg, reg(&s, GPR_RSI), run, MMU_READ) : NULL;
		if (p)
			q = run_host(&s, SEG_ES, reg(&s, GPR_RDI), run, MMU_READ);
		if (q) {
			n = scan_run(&s, p, q, 0, run, &end);
			x = nth(&s, p, run, n - 1);
			y = nth(&s, q, run, n - 1);
		} else {
			/* ES:rDI first: the manual has no order, Intel's processors have this one, AMD's the other */
			TRY(seg_read(cpu, SEG_ES, reg(&s, GPR_RDI), s.size, &y));
			TRY(seg_read(cpu, s.seg, reg(&s, GPR_RSI), s.size, &x));
			n = 1;
		}
		f = flags_sub(x, y, s.size);
		end = rep_ends(&s, f);
		advance(&s, GPR_RSI, n);
		advance(&s, GPR_RDI, n);
		consumed(&s, n);
		if (!end && must_stop(&s)) {
			compared(cpu, f);
			return EXIT_STOP;
		}
	}
	compared(cpu, f);
	return EXIT_NONE;
}

/* ---- INS, OUTS ---- */

static enum exit ins_one(struct str *s, uint16_t port)
{
	struct vcpu *cpu = s->cpu;
	uint64_t ea = reg(s, GPR_RDI);
	gla_t gla;

	/* The destination is checked before the port is read: a device must not lose data to a page
	 * fault. */
	TRY(seg_linear(cpu, SEG_ES, ea, s->size, true, &gla));
	if (mmu_probe(&cpu->mmu, gla, s->size, MMU_WRITE, s->idx) != EXIT_NONE)
		return cpu_page_fault(cpu);
	debug_io_check(cpu, port, s->size);
	return lin_write(cpu, gla, s->size, s->idx, space_read(cpu->ports, port, s->size));
}

enum exit h_ins(struct vcpu *cpu, uint64_t packed, uint64_t b, uint64_t c)
{
	uint16_t port = cpu->gpr[GPR_RDX];
	struct str s;

	str_open(&s, cpu, packed);
	TRY(gate_port(cpu, port, s.size)); /* even when the count is 0 */
	narrow(&s, GPR_RCX);
	while (s.count) {
		uint64_t n = page_run(&s, SEG_ES, reg(&s, GPR_RDI), s.count);
		uint8_t *d = run_host(&s, SEG_ES, reg(&s, GPR_RDI), n, MMU_WRITE);

		if (d) {
			for (uint64_t i = 0; i < n; i++) {
				uint64_t v = space_read(cpu->ports, port, s.size);

				memcpy(d + (s.down ? n - 1 - i : i) * s.size, &v, s.size);
			}
		} else {
			TRY(ins_one(&s, port));
			n = 1;
		}
		advance(&s, GPR_RDI, n);
		consumed(&s, n);
		if (must_stop(&s))
			return EXIT_STOP;
	}
	return EXIT_NONE;
}

enum exit h_outs(struct vcpu *cpu, uint64_t packed, uint64_t b, uint64_t c)
{
	uint16_t port = cpu->gpr[GPR_RDX];
	struct str s;

	str_open(&s, cpu, packed);
	TRY(gate_port(cpu, port, s.size)); /* even when the count is 0 */
	narrow(&s, GPR_RCX);
	while (s.count) {
		uint64_t v;

		TRY(seg_read(cpu, s.seg, reg(&s, GPR_RSI), s.size, &v));
		debug_io_check(cpu, port, s.size);
		space_write(cpu->ports, port, v, s.size);
		advance(&s, GPR_RSI, 1);
		consumed(&s, 1);
		if (must_stop(&s))
			return EXIT_STOP;
	}
	return EXIT_NONE;
}
