/*
 * compare.c - which parts of two results must agree, and how a case is shown.
 */
#include "tests/diff/support/diff.h"
#include <stdio.h>
#include <string.h>

/* Not compared: IF and IOPL are fixed, RF of the pushed image is the kernel's business on the host. */
#define FLAGS_SEEN (FL_ARITH | FL_TF | FL_DF | FL_NT | FL_AC | FL_ID)
#define USER_TOP 0x7FFFFFFFF000ull

static uint32_t visible_error(const struct diff_case *c, const struct diff_result *r)
{
	/* Linux shows every fault in the kernel's half as a protection violation. */
	uint32_t e = r->vec == 14 && r->cr2 >= USER_TOP ? r->err | 1 : r->err;

	return r->vec == 14 && (c->loose & LOOSE_W) ? e & ~2u : e;
}

static bool is_access_fault(const struct diff_result *r)
{
	return r->vec == 14 || r->vec == 17 || r->vec == 12;
}

static bool is_operand_fault(const struct diff_result *r)
{
	return is_access_fault(r) || (r->vec == 13 && !r->err);
}

/* An access that wraps around the end of a segment of 4 GB: @f by the limit, @a by what lies there. */
static bool wraps(const struct diff_case *c, const struct diff_result *f, const struct diff_result *a)
{
	return (f->vec == 12 || f->vec == 13) && !f->err && c->mode != 8 &&
		(a->vec == 17 || (a->vec == 14 && (a->cr2 >= 0xFFFFFFF0 || a->cr2 < 16)));
}

/*
 * What AMD's processors do otherwise: CMPS reads rSI before ES:rDI, where Intel's and ours do it the other way round; a
 * 32-bit PUSH of a segment register writes, and so needs, four bytes, with them two ("either", says PUSH); POP of one
 * reads as many bytes as it adds to rSP, with them two; and what is different goes into instructions behind.
 */
static bool amd_differs(const struct diff_case *c, const struct diff_result *w, const struct diff_result *g)
{
	if (!(w->vendor & VENDOR_AMD))
		return false;
	if ((c->loose & LOOSE_REP) && is_operand_fault(w) && is_operand_fault(g) && w->rip == g->rip)
		return true;
	return (c->loose & LOOSE_SPREADS) || ((c->loose & LOOSE_SREG) && is_access_fault(w));
}

static bool unknown_descriptor(const struct diff_result *r)
{
	return r->vec == 13 && r->err >= 0x38 && r->err < 0x80;
}

/*
 * Faults that may differ: which access of several fails first; and an access that wraps around the end of a
 * segment of 4 GB, which may or may not raise #GP or #SS (Vol. 3A 5.3 "Limit Checking").
 */
static bool other_fault(const struct diff_case *c, const struct diff_result *w, const struct diff_result *g)
{
	if ((c->loose & LOOSE_ORDER) && w->vec != 3 && g->vec != 3 && (is_access_fault(w) || is_access_fault(g)))
		return true;
	/* of a return: whether the new IP or the new stack segment is looked at first */
	if ((c->loose & LOOSE_ORDER) && w->vec == 13 && g->vec == 13 && !w->err != !g->err && c->mode == 8)
		return true;
	/* ARPL of ours always writes, and so needs the right to. */
	if ((c->loose & LOOSE_W) && (g->vec == 13 || (g->vec == 14 && (g->err & 2))))
		return true;
	/* The host's global descriptor table is only known up to the user segments. */
	if (unknown_descriptor(w) || unknown_descriptor(g))
		return true;
	/* AMD's processors want the offset to be canonical too, the manual only the sum with the base. */
	if (c->mode == 8 && w->vec == 13 && !w->err && g->vec == 14 && (c->fs_base | c->gs_base) >> 32)
		return true;
	return wraps(c, w, g) || wraps(c, g, w) || amd_differs(c, w, g);
}

/*
 * Memory, but for @len bytes at offset @from of rSP: those that near CALL pushes before it raises #GP for its target on Intel's
 * processors (the manual's operation, AMD's processors and we do not), or that a 32-bit PUSH of a segment register clears
 * on AMD's.
 */
static bool same_but_stack(const struct diff_case *c, const struct diff_result *w, const struct diff_result *g, int from, unsigned len)
{
	unsigned i = c->sel[SEG_SS] >> 3;
	bool narrow = c->mode != 8 && (w->sel[SEG_SS] & 4) && i < DIFF_LDT_COUNT && !diff_ldt[i].big;
	uint64_t sp = w->gpr[GPR_RSP] + from;
	uint32_t at = (narrow ? (uint16_t)sp : (uint32_t)sp) + diff_sel_base(w->sel[SEG_SS]) - DIFF_DATA;

	for (unsigned k = 0; k < PAGE_SIZE; k++)
		if (w->mem[k] != g->mem[k] && k - at >= len)
			return false;
	return true;
}

static bool same_memory(const struct diff_case *c, const struct diff_result *w, const struct diff_result *g, bool whole)
{
	if ((c->loose & LOOSE_MEM) && !whole)
		return true;
	if ((w->vendor & VENDOR_INTEL) && (c->loose & LOOSE_CALL) && w->vec == 13 && !w->err)
		return same_but_stack(c, w, g, -8, 8);
	if ((w->vendor & VENDOR_AMD) && (c->loose & LOOSE_SREG) && whole)
		return same_but_stack(c, w, g, 2, 2);
	return !memcmp(w->mem, g->mem, PAGE_SIZE);
}

/* Bits of general register @r that must agree. */
static uint64_t seen_bits(const struct diff_case *c, const struct diff_result *w, unsigned r)
{
	bool wide = c->mode == 8 && w->sel[SEG_CS] == SEL_CODE64;

	/* REP with a 32-bit address size that does nothing: Intel's processors clear the upper halves, AMD's do not */
	if (c->mode == 8 && (w->vendor & VENDOR_AMD) && (c->loose & LOOSE_REP) && (r == GPR_RCX || r == GPR_RSI || r == GPR_RDI))
		return UINT32_MAX;
	return wide ? ~0ull : r < 8 ? UINT32_MAX : 0;
}

/* Arithmetic flags that must agree. */
static uint32_t seen_flags(const struct diff_case *c, const struct diff_result *w, bool whole)
{
	uint32_t mask = FLAGS_SEEN & ~(whole ? c->undef : c->undef_any);

	/* REP CMPS or SCAS stepped: Intel's processors write the flags at the end only; the manual speaks of faults (and so do Bochs and we) */
	if ((w->vendor & VENDOR_INTEL) && (c->loose & LOOSE_REP) && w->vec == 1 && w->rip != diff_ip(c) + c->len)
		return mask & ~(uint32_t)FL_ARITH;
	/* REP CMPS or SCAS interrupted by a fault or trap: AMD's processors keep the last comparison's flags ("restored", says REP) */
	return (w->vendor & VENDOR_AMD) && (c->loose & LOOSE_REP) && !whole ? mask & ~(uint32_t)FL_ARITH : mask;
}

const char *diff_compare(const struct diff_case *c, const struct diff_result *w, const struct diff_result *g)
{
	bool whole = w->vec == 3 && w->rip == diff_ip(c) + c->len + 1;

	if (w->vec == g->vec && w->vec == DIFF_HANGS)
		return NULL; /* both run on: nothing to compare */
	if (other_fault(c, w, g))
		return NULL;
	if (w->vec != g->vec)
		return "vector";
	if (visible_error(c, w) != visible_error(c, g))
		return "error code";
	if (w->vec == 14 && w->cr2 != g->cr2)
		return "CR2";
	if (w->rip != g->rip)
		return "RIP";
	if ((w->eflags ^ g->eflags) & seen_flags(c, w, whole))
		return "flags";
	for (unsigned i = 0; i < 16 && (whole || !(c->loose & LOOSE_REGS)); i++)
		if ((w->gpr[i] ^ g->gpr[i]) & seen_bits(c, w, i))
			return "registers";
	for (unsigned i = 0; i < SEG_COUNT; i++)
		if (w->sel[i] != g->sel[i] && (w->sel[i] || g->sel[i] & ~3))
			return "selectors"; /* the RPL of a null one is lost on the host's way to the handler */
	if (c->mode == 8 && (w->fs_base != g->fs_base || w->gs_base != g->gs_base) && !w->sel[SEG_FS] && !w->sel[SEG_GS])
		return "FS or GS base";
	return same_memory(c, w, g, whole) ? NULL : "memory";
}

static void show(const char *what, const struct diff_result *r)
{
	fprintf(stderr, "  %-6s vec %u err %x cr2 %llx rip %llx fl %06x sel", what, r->vec, r->err,
		(unsigned long long)r->cr2, (unsigned long long)r->rip, r->eflags);
	for (unsigned i = 0; i < SEG_COUNT; i++)
		fprintf(stderr, " %x", r->sel[i]);
	fprintf(stderr, " bases %llx %llx\n        ", (unsigned long long)r->fs_base, (unsigned long long)r->gs_base);
	for (unsigned i = 0; i < 16; i++)
		fprintf(stderr, " %llx", (unsigned long long)r->gpr[i]);
	fprintf(stderr, "\n");
}

void diff_print(const struct diff_case *c, const struct diff_result *w, const struct diff_result *g)
{
	uint8_t before[PAGE_SIZE];
	unsigned shown = 0;

	show("host", w);
	show("ours", g);
	diff_fill(c, before);
	for (unsigned i = 0; i < PAGE_SIZE && shown < 16; i++)
		if (w->mem[i] != g->mem[i]) {
			fprintf(stderr, "  mem %03x: before %02x, host %02x, ours %02x\n", i, before[i], w->mem[i], g->mem[i]);
			shown++;
		}
}

static void text_of(const struct diff_case *c)
{
	/* the mnemonics are for the reader only; bytes are what counts */
	fprintf(stderr, "\"");
	for (unsigned i = 0; i < c->len; i++)
		fprintf(stderr, "%s%02x", i ? " " : "", c->code[i]);
	fprintf(stderr, "\"");
}

void diff_row(const struct diff_case *c)
{
	fprintf(stderr, "CASE(%u, 0x%03x, ", c->mode, c->at);
	text_of(c);
	fprintf(stderr, ", 0x%x, S(", c->eflags);
	for (unsigned i = 0; i < SEG_COUNT; i++)
		fprintf(stderr, "%s0x%x", i ? ", " : "", c->sel[i]);
	fprintf(stderr, "),\n\tR(");
	for (unsigned i = 0; i < 16; i++)
		fprintf(stderr, "%s0x%llx", i ? ", " : "", (unsigned long long)c->gpr[i]);
	fprintf(stderr, "), 0x%llx, 0x%llx, 0x%llx, 0x%x, \"", (unsigned long long)c->fs_base,
		(unsigned long long)c->gs_base, (unsigned long long)c->memseed, c->patch_at);
	for (unsigned i = 0; i < c->patch_len; i++)
		fprintf(stderr, "%s%02x", i ? " " : "", c->patch[i]);
	fprintf(stderr, "\")\n");
}
