/*
 * explain.c - the story of a trap: what, where, which condition, with what operands, and what came of it (explain.h).
 *
 * The condition's words are those of the row of checks.def that was raised; which operands a row has is in explain.def.
 */
#include "frontend/explain.h"
#include "cpu/mode.h"
#include "mmu/base/log.h"
#include <inttypes.h>
#include <string.h>

enum {
	SHOW_IOPL = 1, SHOW_CR0 = 2, SHOW_CR4 = 4, SHOW_EFER = 8, SHOW_TR = 16, SHOW_IOMAP = 32, SHOW_GATE = 64,
	SHOW_STACK = 128, SHOW_TABLES = 256
};

static const struct fact {
	uint16_t show;
	const char *aux[2];
} facts[CHECK_COUNT] = {
#define FACT(id, show, a, b) [CHECK_##id] = {show, {a, b}},
#include "frontend/explain.def"
#undef FACT
};

/* A story being told. */
struct tale {
	FILE *o;
	struct vcpu *cpu;
	const struct trap *t;
	char indent[64], deep[80]; /* before every line; before the lines of a block */
	struct insn in;
	bool decoded, lma;
};

static void label(const struct tale *s, const char *name)
{
	fprintf(s->o, "%s%-11s", s->indent, name);
}

static bool external(const struct trap *t)
{
	return t->ev.kind == EV_EXT || t->ev.kind == EV_NMI;
}

static void title(const struct tale *s)
{
	static const char *const names[] = {"divide error", "debug exception", "nonmaskable interrupt", "breakpoint",
		"overflow", "BOUND range exceeded", "invalid opcode", "device not available", "double fault", "",
		"invalid TSS", "segment not present", "stack fault", "general protection", "page fault", "",
		"x87 floating-point error", "alignment check", "machine check", "SIMD floating-point exception"};
	const struct event *e = &s->t->ev;

	if (e->kind == EV_EXT) {
		fprintf(s->o, "external interrupt, vector %u", e->vec);
		return;
	}
	fprintf(s->o, "%s", explain_vector(e->vec));
	if (e->has_code)
		fprintf(s->o, "(%04x)", e->code);
	fprintf(s->o, " %s", e->vec < ARRAY_SIZE(names) ? names[e->vec] : "");
}

static const char *mode_words(uint32_t mode)
{
	unsigned code = mode & MODE_CODE_MASK;

	if (!(mode & MODE_PE))
		return "real-address mode";
	if (mode & MODE_VM)
		return "virtual-8086 mode";
	if (code == MODE_CODE64)
		return "64-bit mode";
	if (mode & MODE_LMA)
		return code ? "compatibility mode, 32-bit" : "compatibility mode, 16-bit";
	return code ? "32-bit protected mode" : "16-bit protected mode";
}

/* ---- the instruction ---- */

static void decode(struct tale *s)
{
	const struct trap *t = s->t;
	uint8_t buf[INSN_MAX_LEN];
	unsigned n = t->nbytes, code = mode_code_size(t->at.mode);
	gla_t gla = t->at.base + t->at.rip;

	memcpy(buf, t->bytes, n);
	s->decoded = n && insn_decode(s->cpu->index, buf, n, code, &s->in) == DECODE_OK;
	label(s, t->ev.kind == EV_TRAP || external(t) ? "next" : "instruction");
	fprintf(s->o, "  %04x:%0*" PRIx64 "  ", t->at.cs, code == 8 ? 16 : code == 4 ? 8 : 4, t->at.rip);
	if (s->decoded) {
		char text[128];

		insn_text(&s->in, t->at.rip, text, sizeof(text));
		for (unsigned i = 0; i < s->in.len; i++)
			fprintf(s->o, "%02x ", buf[i]);
		fprintf(s->o, "  %s", text);
		explain_symbol(s->o, s->cpu, gla);
		fputc('\n', s->o);
	} else if (!n) {
		fprintf(s->o, "(could not be fetched)\n");
	} else {
		for (unsigned i = 0; i < n && i < 8; i++)
			fprintf(s->o, "%02x ", buf[i]);
		fprintf(s->o, "  (no valid instruction)\n");
	}
}

static const char *const seg_names[] = {"ES", "CS", "SS", "DS", "FS", "GS"};

static void segment(const struct tale *s, unsigned i)
{
	const struct trap_seg *g = &s->t->seg[i];
	unsigned type = g->attr & SEGA_TYPE;

	fprintf(s->o, "%s %04x: base %0*" PRIx64 " limit %08x, ", seg_names[i], g->sel, s->lma ? 16 : 8, g->base,
		g->limit);
	if (!(g->attr & SEGA_P))
		fprintf(s->o, "unusable (NULL or not present)\n");
	else
		fprintf(s->o, "%s DPL %u%s%s\n", type & 8 ? "code" : "data", g->attr >> 5 & 3,
			type & 4 ? type & 8 ? " conforming" : " expand-down" : "",
			type & 2 ? type & 8 ? " readable" : " writable" : type & 8 ? " execute-only" : " read-only");
}

static uint64_t effective_address(const struct tale *s)
{
	const struct mem_opnd *m = &s->in.mem;
	uint64_t ea = (uint64_t)m->disp;

	if (m->base == MEM_RIP)
		ea += s->t->at.rip + s->in.len;
	else if (m->base < 16)
		ea += s->t->gpr[m->base];
	if (m->index < 16)
		ea += s->t->gpr[m->index] << m->scale;
	return m->asize == 8 ? ea : m->asize == 4 ? (uint32_t)ea : (uint16_t)ea;
}

/* The memory operand, for faults that may be about it. */
static void operand(const struct tale *s)
{
	const struct event *e = &s->t->ev;
	unsigned show = facts[e->check].show;
	uint64_t ea;

	if (external(s->t) || s->t->prior)
		return;
	if (show & SHOW_STACK) {
		label(s, "stack");
		fprintf(s->o, "  SP %" PRIx64 ", ", s->t->gpr[GPR_RSP]);
		segment(s, SEG_SS);
	}
	if (!s->decoded || !s->in.has_mem || s->in.mem.seg >= SEG_COUNT ||
		!(e->vec == 12 || e->vec == 13 || e->vec == 14 || e->vec == 17))
		return;
	ea = effective_address(s);
	label(s, "operand");
	fprintf(s->o, "  %s:%" PRIx64 " = linear %" PRIx64 ", ", seg_names[s->in.mem.seg], ea,
		s->t->seg[s->in.mem.seg].base + ea);
	segment(s, s->in.mem.seg);
}

/* ---- the error code ---- */

static void page_code(const struct tale *s)
{
	uint32_t c = s->t->ev.code;
	/* the code has I/D only with XD or SMEP enabled (4.7) */
	bool fetched = s->t->has_walk ? s->t->fault.acc == MMU_EXEC : c & PF_I;

	label(s, "code");
	fprintf(s->o, "  %s, %s, %s mode%s\n", c & PF_P ? "protection violation" : "page not present",
		fetched ? "instruction fetch" : c & PF_W ? "write" : "read", c & PF_U ? "user" : "supervisor",
		c & PF_RSVD ? ", reserved bit" : "");
	label(s, "address");
	fprintf(s->o, "  %" PRIx64 " (CR2), CR3 %" PRIx64 "\n", s->t->ev.cr2, s->t->cr3);
}

static void descriptor(const struct tale *s, uint64_t lo, uint64_t hi)
{
	label(s, "descriptor");
	fprintf(s->o, "  %s%016" PRIx64 ": ", explain_wide(lo, s->lma) && hi ? "..." : "", lo);
	explain_descriptor(s->o, lo, hi, s->lma);
	fputc('\n', s->o);
}

static void selector_code(const struct tale *s)
{
	const struct event *e = &s->t->ev;
	bool idt = e->code & 2;
	unsigned index = e->code >> 3;

	label(s, "code");
	fprintf(s->o, "  %s %u%s%s\n", idt ? "IDT vector" : e->code & 4 ? "LDT entry" : "GDT entry", index,
		idt ? explain_vector(index)[0] ? " = " : "" : "", idt ? explain_vector(index) : "");
	if (e->code & 1)
		fprintf(s->o, "%s             EXT: met while delivering another exception or interrupt\n",
			s->indent);
	if (!idt) {
		label(s, "selector");
		fprintf(s->o, "  %04x: index %u of the %s, RPL %u, CPL %u\n", e->sel, index,
			e->code & 4 ? "LDT" : "GDT", e->sel & 3, e->cpl);
	}
	if (facts[e->check].show & SHOW_GATE)
		return;
	if (e->desc[0])
		descriptor(s, e->desc[0], e->desc[1]);
	else if (s->t->ndesc && (idt || e->code >> 2))
		descriptor(s, s->t->desc[0], explain_wide(s->t->desc[0], s->lma) ? s->t->desc[1] : 0);
}

/* ---- what the row wants shown ---- */

static void aux(const struct tale *s)
{
	const struct event *e = &s->t->ev;
	const struct fact *f = &facts[e->check];

	if (f->show & SHOW_GATE) {
		const uint64_t *d = s->t->desc;

		/* the event has the first half; the rest, which the check did not look at, was in memory */
		label(s, "gate");
		fprintf(s->o, "  vector %u: %016" PRIx64 ": ", e->code >> 3, e->aux[0]);
		explain_descriptor(s->o, e->aux[0], d[0] == e->aux[0] && explain_wide(d[0], s->lma) ? d[1] : 0, s->lma);
		fputc('\n', s->o);
		return;
	}
	if (!f->aux[0])
		return;
	label(s, "operands");
	fprintf(s->o, "  %s %#" PRIx64, f->aux[0], e->aux[0]);
	if (f->aux[1])
		fprintf(s->o, ", %s %#" PRIx64, f->aux[1], e->aux[1]);
	fputc('\n', s->o);
}

static void reg_bits(const struct tale *s, const char *name, const char *key, uint64_t v)
{
	label(s, name);
	fprintf(s->o, "  %08" PRIx64 " = ", v);
	explain_bits(s->o, key, v);
	fputc('\n', s->o);
}

static void io_map(const struct tale *s)
{
	const struct trap *t = s->t;
	unsigned port = t->ev.aux[0] & 0xFFFF;
	uint16_t base = 0;

	if (t->ntss == HISTORY_TSS)
		memcpy(&base, t->tss + 0x66, 2);
	label(s, "I/O map");
	if (!t->has_io)
		fprintf(s->o, "  at %04x of the TSS; the bit of port %04x lies beyond the limit %x\n", base, port,
			t->tr.limit);
	else
		fprintf(s->o, "  at %04x of the TSS; byte %x for port %04x is %02x, bit %u = %u\n", base,
			base + port / 8, port, t->io, port & 7, t->io >> (port & 7) & 1);
}

static void shown(const struct tale *s)
{
	const struct trap *t = s->t;
	unsigned show = facts[t->ev.check].show;

	if (show & SHOW_IOPL) {
		label(s, "privilege");
		fprintf(s->o, "  CPL %u, IOPL %u, EFLAGS %08x = ", t->ev.cpl, t->eflags >> 12 & 3, t->eflags);
		explain_bits(s->o, "eflags", t->eflags);
		fputc('\n', s->o);
	}
	if (show & SHOW_CR0)
		reg_bits(s, "CR0", "cr0", t->cr0);
	if (show & SHOW_CR4)
		reg_bits(s, "CR4", "cr4", t->cr4);
	if (show & SHOW_EFER)
		reg_bits(s, "EFER", "efer", t->efer);
	if (show & SHOW_TABLES) {
		label(s, "tables");
		fprintf(s->o, "  GDT %" PRIx64 "+%x, IDT %" PRIx64 "+%x, LDT %04x %" PRIx64 "+%x\n", t->gdtr.base,
			t->gdtr.limit, t->idtr.base, t->idtr.limit, t->ldtr.sel, t->ldtr.base, t->ldtr.limit);
	}
	if (show & SHOW_TR)
		explain_tss(s->o, s->deep, &t->tr, t->tss, t->ntss, s->lma, true);
	if (show & SHOW_IOMAP)
		io_map(s);
}

static void walk_lines(const struct tale *s)
{
	const struct trap *t = s->t;
	struct paging pg = s->cpu->mmu.pg;

	pg.cr0 = t->cr0;
	pg.cr3 = t->cr3;
	pg.cr4 = t->cr4;
	pg.efer = t->efer;
	explain_walk(s->o, s->deep, &pg, t->fault.gla, &t->fault.w);
}

static void condition(const struct tale *s)
{
	const struct check_row *row = &check_rows[s->t->ev.check];

	label(s, "condition");
	fprintf(s->o, "  %s\n%s             [%s: Intel SDM %s]\n", row->condition, s->indent, row->id, row->section);
}

static void outcome(const struct tale *s)
{
	const struct trap *t = s->t;

	label(s, "then");
	if (t->delivered) {
		fprintf(s->o, "  handler at ");
		explain_place(s->o, &t->to);
		explain_symbol(s->o, s->cpu, t->to.base + t->to.rip);
	} else if (t->shutdown) {
		fprintf(s->o, "  while delivering a double fault: the processor shuts down");
	} else {
		fprintf(s->o, "  its delivery failed, see trap #%" PRIu64, t->no + 1);
	}
	fputc('\n', s->o);
}

static void tell(struct tale *s)
{
	const struct event *e = &s->t->ev;

	decode(s);
	if (e->kind != EV_EXT) {
		condition(s);
		if (e->vec == 14 && e->kind == EV_FAULT)
			page_code(s);
		else if (check_rows[e->check].form == CODE_SEL)
			selector_code(s);
		aux(s);
		operand(s);
		shown(s);
		if (s->t->has_walk)
			walk_lines(s);
	}
}

static struct tale tale_of(FILE *out, struct vcpu *cpu, const struct trap *t, const char *indent)
{
	struct tale s = {.o = out, .cpu = cpu, .t = t, .lma = t->efer & EFER_LMA};

	snprintf(s.indent, sizeof(s.indent), "%s", indent);
	snprintf(s.deep, sizeof(s.deep), "%s             ", indent);
	return s;
}

void explain_trap(FILE *out, struct vcpu *cpu, const struct trap *t)
{
	struct tale s = tale_of(out, cpu, t, "  ");

	fprintf(out, "trap #%" PRIu64 " at", t->no);
	explain_time(out, t->time);
	fprintf(out, " s: ");
	title(&s);
	fprintf(out, " in %s, CPL %u\n", mode_words(t->at.mode), t->at.cpl);
	if (t->prior)
		fprintf(out, "  met while delivering trap #%" PRIu64 "\n", t->prior);
	tell(&s);
	outcome(&s);
}

/* ---- the chain behind a shutdown ---- */

#define CHAIN_MAX 8

static void registers(FILE *o, const struct trap *t)
{
	static const char *const names[] = {"AX", "CX", "DX", "BX", "SP", "BP", "SI", "DI"};
	bool wide = (t->at.mode & MODE_CODE_MASK) == MODE_CODE64;

	for (unsigned i = 0; i < (wide ? 16u : 8u); i++) {
		if (i < 8)
			fprintf(o, "%c%s", wide ? 'R' : 'E', names[i]);
		else
			fprintf(o, "R%-2u", i);
		fprintf(o, "=%0*" PRIx64 "%c", wide ? 16 : 8, t->gpr[i], i % (wide ? 4 : 8) == (wide ? 3 : 7) ? '\n' : ' ');
	}
	fprintf(o, "CR0=%08" PRIx64 " CR3=%08" PRIx64 " CR4=%08" PRIx64 " EFER=%04" PRIx64 " EFLAGS=%08x\n", t->cr0,
		t->cr3, t->cr4, t->efer, t->eflags);
	fprintf(o, "CS=%04x SS=%04x DS=%04x ES=%04x TR=%04x GDT=%" PRIx64 "+%x IDT=%" PRIx64 "+%x\n",
		t->seg[SEG_CS].sel, t->seg[SEG_SS].sel, t->seg[SEG_DS].sel, t->seg[SEG_ES].sel, t->tr.sel,
		t->gdtr.base, t->gdtr.limit, t->idtr.base, t->idtr.limit);
}

/* A later link of the chain: what is new against the one before. */
static void link(struct tale *s)
{
	const struct event *e = &s->t->ev;

	condition(s);
	if (e->vec == 14 && e->kind == EV_FAULT)
		page_code(s);
	else if (check_rows[e->check].form == CODE_SEL)
		selector_code(s);
	aux(s);
	shown(s);
	if (s->t->has_walk)
		walk_lines(s);
}

/* Link @i of the @n of a chain, oldest first, hangs below the one before. */
static void chain_link(FILE *out, struct vcpu *cpu, const struct trap *t, unsigned i, unsigned n)
{
	char indent[64];
	struct tale s;

	snprintf(indent, sizeof(indent), "%*s%s", 3 * (int)i, "", i + 1 < n ? "|  " : "   ");
	s = tale_of(out, cpu, t, indent);
	if (i)
		fprintf(out, "%*s`- %s ", 3 * (int)(i - 1), "", t->ev.vec == 8 ? "which makes a" : "delivering it:");
	title(&s);
	if (i == 0) {
		fprintf(out, " in %s, CPL %u\n", mode_words(t->at.mode), t->at.cpl);
		tell(&s);
	} else {
		fputc('\n', out);
		link(&s);
	}
}

void explain_chain(FILE *out, struct vcpu *cpu, const struct trap *last)
{
	const struct trap *chain[CHAIN_MAX], *t = last;
	unsigned n = 0;

	while (t && n < CHAIN_MAX) {
		chain[n++] = t;
		t = history_trap(cpu->history, t->prior);
	}
	for (unsigned i = 0; i < n; i++)
		chain_link(out, cpu, chain[n - 1 - i], i, n);
	if (last->shutdown)
		fprintf(out, "%*s=> the processor shuts down (triple fault)\n", 3 * (int)n, "");
	registers(out, chain[n - 1]);
}

/* ---- -d trap ---- */

static void told(void *opaque, struct vcpu *cpu, const struct trap *t)
{
	explain_trap(cpu->log->out, cpu, t);
}

void explain_attach(struct vcpu *cpu, struct symbols *symbols)
{
	cpu->history->told = told;
	cpu->history->opaque = symbols;
}
