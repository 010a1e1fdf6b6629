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
	return (w->vec == 12 || w->vec == 13) && !w->err && c->mode != 8 &&
		(g->vec == 17 || (g->vec == 14 && (g->cr2 >= 0xFFFFFFF0 || g->cr2 < 16)));
}

const char *diff_compare(const struct diff_case *c, const struct diff_result *w, const struct diff_result *g)
{
	bool wide = c->mode == 8 && w->sel[SEG_CS] == SEL_CODE64;
	bool whole = w->vec == 3 && w->rip == diff_ip(c) + c->len + 1;
	uint32_t mask = FLAGS_SEEN & ~(whole ? c->undef : c->undef_any);

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
	if ((w->eflags ^ g->eflags) & mask)
		return "flags";
	for (unsigned i = 0; i < 16 && (whole || !(c->loose & LOOSE_REGS)); i++)
		if (wide ? w->gpr[i] != g->gpr[i] : i < 8 && (uint32_t)w->gpr[i] != (uint32_t)g->gpr[i])
			return "registers";
	for (unsigned i = 0; i < SEG_COUNT; i++)
		if (w->sel[i] != g->sel[i] && (w->sel[i] || g->sel[i] & ~3))
			return "selectors"; /* the RPL of a null one is lost on the host's way to the handler */
	if (c->mode == 8 && (w->fs_base != g->fs_base || w->gs_base != g->gs_base) && !w->sel[SEG_FS] && !w->sel[SEG_GS])
		return "FS or GS base";
	return !(c->loose & LOOSE_MEM && !whole) && memcmp(w->mem, g->mem, PAGE_SIZE) ? "memory" : NULL;
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
