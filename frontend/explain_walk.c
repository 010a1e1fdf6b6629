/*
 * explain_walk.c - a page walk told level by level, and the fields of a TSS.
 *
 * Source: Intel SDM Vol. 3A 4.3 to 4.7 (paging-structure entries), 7.2.1 and 7.7 (task-state segments).
 */
#include "frontend/explain.h"
#include <inttypes.h>
#include <string.h>

#define PTE_PS BIT(7)

static void entry_line(FILE *o, const char *indent, const char *name, gpa_t at, uint64_t e, bool last, bool wide)
{
	fprintf(o, "%s%-5s at %09" PRIx64 " = %0*" PRIx64 "  %s %s %s%s%s%s%s%s\n", indent, name, at, wide ? 16 : 8,
		e, e & 1 ? "P" : "NOT PRESENT", e & 2 ? "W" : "read-only", e & 4 ? "user" : "supervisor",
		e & 0x20 ? " A" : "", last && (e & 0x40) ? " D" : "", e & PTE_PS ? " PS/PAT" : "",
		last && (e & 0x100) ? " G" : "", wide && e >> 63 ? " XD" : "");
}

static const char *reason(enum walk_why why)
{
	switch (why) {
	case WALK_NOT_PRESENT:
		return "the last entry is not present";
	case WALK_RESERVED:
		return "the last entry has a reserved bit set";
	case WALK_USER_SUP:
		return "user access, but an entry has U/S = 0";
	case WALK_WRITE_RO:
		return "write access, but an entry has R/W = 0";
	case WALK_NX:
		return "instruction fetch, but an entry has XD = 1";
	case WALK_SMEP:
		return "supervisor fetch from a user page with CR4.SMEP = 1";
	case WALK_SMAP:
		return "supervisor access to a user page with CR4.SMAP = 1";
	case WALK_OK:
		break;
	}
	return "allowed";
}

void explain_walk(FILE *o, const char *indent, const struct paging *pg, gla_t gla, const struct walk *w)
{
	static const char *const names4[] = {"PML4E", "PDPTE", "PDE", "PTE"};
	static const char *const names3[] = {"PDPTE", "PDE", "PTE", "PTE"};
	static const char *const names2[] = {"PDE", "PTE", "PTE", "PTE"};
	bool lma = pg->efer & EFER_LMA, wide = lma || (pg->cr4 & CR4_PAE);
	const char *const *names = lma ? names4 : wide ? names3 : names2;

	if (!(pg->cr0 & CR0_PG)) {
		fprintf(o, "%spaging is off: physical %08" PRIx64 "\n", indent, w->gpa);
		return;
	}
	for (unsigned i = 0; i < w->levels && i < ARRAY_SIZE(w->trace); i++)
		entry_line(o, indent, names[i], w->trace[i].at, w->trace[i].entry, i == w->levels - 1u, wide);
	if (w->why == WALK_OK)
		fprintf(o, "%s%" PRIx64 " -> physical %" PRIx64 ", page of %u KiB, %s%s%s\n", indent, gla, w->gpa,
			w->page_shift >= 10 ? 1u << (w->page_shift - 10) : 0, w->user ? "user" : "supervisor",
			w->w ? " writable" : " read-only", w->x ? " executable" : "");
	else
		fprintf(o, "%s%s\n", indent, reason(w->why));
}

/* ---- TSS ---- */

struct tss_copy {
	const uint8_t *bytes;
	unsigned n;
};

/* 0 where there is none */
static uint64_t field(const struct tss_copy *t, unsigned off, unsigned size)
{
	uint64_t v = 0;

	if (off + size <= t->n)
		memcpy(&v, t->bytes + off, size);
	return v;
}

static void tss64(FILE *o, const char *indent, const struct tss_copy *t, bool brief)
{
	for (unsigned i = 0; i < 3; i++)
		fprintf(o, "%s%sRSP%u %016" PRIx64, i ? " " : "", i ? "" : indent, i, field(t, 4 + 8 * i, 8));
	fputc('\n', o);
	for (unsigned i = 1; i < 8 && !brief; i++)
		fprintf(o, "%sIST%u %016" PRIx64 "\n", indent, i, field(t, 0x1C + 8 * i, 8));
	fprintf(o, "%sI/O map base %04x\n", indent, (unsigned)field(t, 0x66, 2));
}

static void tss32(FILE *o, const char *indent, const struct tss_copy *t, const struct seg *tr, bool brief)
{
	static const char *const regs[] = {"EAX", "ECX", "EDX", "EBX", "ESP", "EBP", "ESI", "EDI"};
	static const char *const segs[] = {"ES", "CS", "SS", "DS", "FS", "GS", "LDT"};

	fprintf(o, "%s", indent);
	for (unsigned i = 0; i < 3; i++)
		fprintf(o, "SS%u:ESP%u %04x:%08x ", i, i, (unsigned)field(t, 8 + 8 * i, 2),
			(unsigned)field(t, 4 + 8 * i, 4));
	fprintf(o, "link %04x\n", (unsigned)field(t, 0, 2));
	if (!brief) {
		fprintf(o, "%sCR3 %08x EIP %08x EFLAGS %08x\n%s", indent, (unsigned)field(t, 0x1C, 4),
			(unsigned)field(t, 0x20, 4), (unsigned)field(t, 0x24, 4), indent);
		for (unsigned i = 0; i < 8; i++)
			fprintf(o, "%s %08x%c", regs[i], (unsigned)field(t, 0x28 + 4 * i, 4),
				i == 7 ? '\n' : ' ');
		fprintf(o, "%s", indent);
		for (unsigned i = 0; i < 7; i++)
			fprintf(o, "%s %04x%c", segs[i], (unsigned)field(t, 0x48 + 4 * i, 2),
				i == 6 ? '\n' : ' ');
	}
	if (tr->limit >= 0x67)
		fprintf(o, "%sT %u, I/O map base %04x\n", indent, (unsigned)field(t, 0x64, 2) & 1,
			(unsigned)field(t, 0x66, 2));
}

static void tss16(FILE *o, const char *indent, const struct tss_copy *t)
{
	fprintf(o, "%s", indent);
	for (unsigned i = 0; i < 3; i++)
		fprintf(o, "SS%u:SP%u %04x:%04x ", i, i, (unsigned)field(t, 4 + 4 * i, 2),
			(unsigned)field(t, 2 + 4 * i, 2));
	fprintf(o, "link %04x IP %04x FLAGS %04x\n", (unsigned)field(t, 0, 2),
		(unsigned)field(t, 0x0E, 2), (unsigned)field(t, 0x10, 2));
}

void explain_tss(FILE *o, const char *indent, const struct seg *tr, const uint8_t *bytes, unsigned n, bool lma, bool brief)
{
	const struct tss_copy t = {bytes, n};
	unsigned type = tr->attr & SEGA_TYPE;

	fprintf(o, "%sTR %04x: %s TSS, base %0*" PRIx64 " limit %08x\n", indent, tr->sel,
		lma ? "64-bit" : type & 8 ? "32-bit" : "16-bit", lma ? 16 : 8, tr->base, tr->limit);
	if (!(tr->attr & SEGA_P) || !(tr->sel & ~3))
		fprintf(o, "%sno TSS has been loaded\n", indent);
	else if (lma)
		tss64(o, indent, &t, brief);
	else if (type & 8)
		tss32(o, indent, &t, tr, brief);
	else
		tss16(o, indent, &t);
}
