/*
 * tell.c - see tell.h.
 *
 * Everything is read where the processor itself looked: the gate in the IDT or GDT, the stack it has just written, the TSS it
 * has just saved, the MSRs. Offsets: Intel SDM Vol. 3A 6.12 Exception and Interrupt Handling, 7.2.1 Task-State Segment, 5.8.
 */
#include "frontend/lesson/tell.h"
#include "cpu/mode.h"
#include "cpu/vcpu.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LABEL "  %-13s"

static uint64_t peek(struct vcpu *cpu, uint64_t gla, unsigned size)
{
	uint64_t v = 0;

	mmu_peek(&cpu->mmu, gla, &v, size);
	return v;
}

void tell_title(FILE *out, const struct vcpu *cpu, const struct hist_rec *r)
{
	const char *from = explain_mode(r->from.mode), *to = explain_mode(r->to.mode);
	const struct trap *t;

	switch (r->what) {
	case TR_EXCEPTION:
		t = history_trap(cpu->history, r->trap);
		fprintf(out, "%s", explain_vector((unsigned)r->a));
		if (t && t->ev.has_code)
			fprintf(out, "(%04x)", t->ev.code);
		break;
	case TR_INTERRUPT:
		fprintf(out, "interrupt, vector %02xh", (unsigned)r->a);
		break;
	case TR_SOFTINT:
		fprintf(out, "int %02xh", (unsigned)r->a);
		break;
	case TR_TASK:
		fprintf(out, "task switch %02xh -> %02xh", (unsigned)r->a, (unsigned)r->b);
		break;
	case TR_CR3:
		fprintf(out, "mov to CR3");
		break;
	default:
		fprintf(out, "%s", transition_names[r->what]);
	}
	if (strcmp(from, to))
		fprintf(out, ", %s -> %s", from, to);
	if (r->from.cpl != r->to.cpl)
		fprintf(out, ", ring %u -> ring %u", r->from.cpl, r->to.cpl);
	else
		fprintf(out, ", ring %u", r->to.cpl);
}

/* What delivery has pushed, from the top of the stack on. */
static void frame(FILE *out, struct vcpu *cpu, const struct hist_rec *r, unsigned size, bool code)
{
	static const char *const names[] = {"IP", "CS", "FLAGS", "SP", "SS", "ES", "DS", "FS", "GS"};
	bool wide = cpu->efer & EFER_LMA, from_v86 = r->from.mode & MODE_VM;
	unsigned n = from_v86 ? 9 : wide || r->to.cpl < r->from.cpl ? 5 : 3;
	uint64_t sp = cpu->gpr[GPR_RSP], at = cpu->seg[SEG_SS].base;
	const char *prefix = size == 8 ? "R" : size == 4 ? "E" : "";

	at += cpu->seg[SEG_SS].attr & SEGA_DB || wide ? sp : (uint16_t)sp;
	if (r->to.cpl < r->from.cpl)
		fprintf(out, LABEL "SS:SP %04x:%" PRIx64 " from the TSS\n", "new stack", (unsigned)peek(cpu, cpu->tr.base + 8, 2),
			peek(cpu, cpu->tr.base + 4, 4));
	fprintf(out, LABEL, "pushed");
	if (code) {
		fprintf(out, "error code %04" PRIx64 ", ", peek(cpu, at, size));
		at += size;
	}
	for (unsigned i = 0; i < n; i++) {
		bool selector = i == 1 || i > 3;

		fprintf(out, "%s%s%s %0*" PRIx64, i ? ", " : "", selector ? "" : prefix, names[i], selector ? 4 : (int)size * 2,
			peek(cpu, at + i * size, selector ? 2 : size));
	}
	fputc('\n', out);
}

static void by_idt(FILE *out, struct vcpu *cpu, const struct hist_rec *r, bool code)
{
	bool wide = cpu->efer & EFER_LMA;
	unsigned vec = (unsigned)r->a & 0xFF, type;
	uint64_t at = cpu->idtr.base + vec * (wide ? 16 : 8), gate;

	if (!(r->from.mode & MODE_PE)) {
		gate = peek(cpu, cpu->idtr.base + vec * 4, 4);
		fprintf(out, LABEL "%02x in the table at %" PRIx64 ": %04x:%04x\n", "entry", vec, cpu->idtr.base,
			(unsigned)(gate >> 16), (unsigned)gate & 0xFFFF);
		fprintf(out, LABEL "FLAGS, CS, IP; IF is 0 now\n", "pushed");
		return;
	}
	gate = peek(cpu, at, 8);
	type = gate >> 40 & 0xF;
	fprintf(out, LABEL "%02x of the IDT: %016" PRIx64 ": ", "gate", vec, gate);
	explain_descriptor(out, gate, wide ? peek(cpu, at + 8, 8) : 0, wide);
	fputc('\n', out);
	if (type == 5)
		return; /* a task gate: told by the task switch */
	frame(out, cpu, r, wide ? 8 : type & 8 ? 4 : 2, code);
	if (!(type & 1))
		fprintf(out, LABEL "an interrupt gate: IF is 0 now\n", "");
}

static void exception(FILE *out, struct vcpu *cpu, const struct hist_rec *r)
{
	const struct trap *t = history_trap(cpu->history, r->trap);
	char *text = NULL, *line, *save = NULL;
	size_t n;
	FILE *f;

	if (!t)
		return;
	f = open_memstream(&text, &n);
	BUG_ON(!f);
	if (t->prior)
		explain_chain(f, cpu, t);
	else
		explain_trap(f, cpu, t);
	BUG_ON(fclose(f));
	line = t->prior ? NULL : strstr(text, " s: "); /* without number and time */
	for (line = strtok_r(line ? line + 4 : text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		fprintf(out, "%s%s\n", line[0] == ' ' && !t->prior ? "" : "  ", line);
	free(text);
	by_idt(out, cpu, r, t->ev.has_code);
}

static void flags(FILE *out, const struct vcpu *cpu)
{
	fprintf(out, LABEL "%08x = ", "EFLAGS", cpu->eflags);
	explain_bits(out, "eflags", cpu->eflags);
	fputc('\n', out);
}

static void code_segment(FILE *out, struct vcpu *cpu)
{
	uint16_t sel = cpu->seg[SEG_CS].sel;
	uint64_t base = sel & 4 ? cpu->ldtr.base : cpu->gdtr.base, d;

	if (!(cpu->cr0 & CR0_PE) || cpu->mode & MODE_VM) {
		fprintf(out, LABEL "%04x: base %05" PRIx64 "\n", "CS", sel, cpu->seg[SEG_CS].base);
		return;
	}
	d = peek(cpu, base + (sel & 0xFFF8), 8);
	fprintf(out, LABEL "%04x: index %u, RPL %u: %016" PRIx64 ": ", "CS", sel, sel >> 3, sel & 3, d);
	explain_descriptor(out, d, 0, cpu->efer & EFER_LMA);
	fputc('\n', out);
}

static void returned(FILE *out, struct vcpu *cpu, const struct hist_rec *r)
{
	code_segment(out, cpu);
	if (r->to.cpl > r->from.cpl || r->to.mode & MODE_VM)
		fprintf(out, LABEL "%04x:%" PRIx64 "\n", "SS:SP", cpu->seg[SEG_SS].sel, cpu->gpr[GPR_RSP]);
	if (r->what == TR_IRET)
		flags(out, cpu);
}

static void fast(FILE *out, struct vcpu *cpu, const struct hist_rec *r)
{
	bool star = r->from.mode & MODE_LMA;

	if (r->what == TR_SYSRET) {
		fprintf(out, LABEL "%" PRIx64 " from %s; CPL 3\n", "IP", cpu->rip, star ? "RCX" : "EDX");
	} else if (star && (r->from.mode & MODE_CODE_MASK) == MODE_CODE64 && cpu->rip == cpu->msr.lstar) {
		fprintf(out, LABEL "IA32_LSTAR %" PRIx64 ", IA32_STAR %016" PRIx64 ", IA32_FMASK %" PRIx64 "\n", "MSRs", cpu->msr.lstar,
			cpu->msr.star, (uint64_t)cpu->msr.fmask);
		fprintf(out, LABEL "RIP %" PRIx64 " in RCX, RFLAGS %" PRIx64 " in R11; RSP is still %" PRIx64 "\n", "saved",
			cpu->gpr[GPR_RCX], cpu->gpr[11], cpu->gpr[GPR_RSP]);
	} else {
		fprintf(out, LABEL "IA32_SYSENTER_EIP %" PRIx64 ", _ESP %" PRIx64 ", _CS %04x\n", "MSRs", cpu->rip,
			cpu->gpr[GPR_RSP], cpu->seg[SEG_CS].sel);
		fprintf(out, LABEL "nothing; IF is 0 now\n", "saved");
	}
	fprintf(out, LABEL "%04x, SS %04x, flat, without a look at a table\n", "CS", cpu->seg[SEG_CS].sel, cpu->seg[SEG_SS].sel);
}

static void gate(FILE *out, struct vcpu *cpu, const struct hist_rec *r)
{
	if (r->to.cpl < r->from.cpl)
		fprintf(out, LABEL "SS:SP %04x:%" PRIx64 " from the TSS; the caller's SS:SP and the parameters were copied there\n",
			"new stack", (unsigned)peek(cpu, cpu->tr.base + 8, 2), peek(cpu, cpu->tr.base + 4, 4));
	code_segment(out, cpu);
}

static void task(FILE *out, struct vcpu *cpu, const struct hist_rec *r)
{
	uint64_t old = peek(cpu, cpu->gdtr.base + (r->a & 0xFFF8), 8);
	uint64_t base = (old >> 16 & 0xFFFFFF) | (old >> 56) << 24;

	fprintf(out, LABEL "TSS %02" PRIx64 ": EIP %" PRIx64 ", ESP %" PRIx64 ", ECX %" PRIx64 "; %s now\n", "saved in", r->a,
		peek(cpu, base + 0x20, 4), peek(cpu, base + 0x38, 4), peek(cpu, base + 0x2C, 4),
		old >> 41 & 1 ? "still busy" : "available");
	fprintf(out, LABEL "TSS %02" PRIx64 ": EIP %" PRIx64 ", ESP %" PRIx64 ", ECX %" PRIx64 "; busy now\n", "loaded from", r->b,
		cpu->rip, cpu->gpr[GPR_RSP], cpu->gpr[GPR_RCX]);
	if (cpu->eflags & FL_NT)
		fprintf(out, LABEL "%04" PRIx64 ", NT = 1: an IRET goes back there\n", "link", peek(cpu, cpu->tr.base, 2));
}

static void control(FILE *out, const struct vcpu *cpu)
{
	fprintf(out, LABEL "%08" PRIx64 " = ", "CR0", cpu->cr0);
	explain_bits(out, "cr0", cpu->cr0);
	fputc('\n', out);
	if (cpu->efer) {
		fprintf(out, LABEL "%08" PRIx64 " = ", "EFER", (uint64_t)cpu->efer);
		explain_bits(out, "efer", cpu->efer);
		fputc('\n', out);
	}
}

void tell_words(FILE *out, struct vcpu *cpu, const struct hist_rec *r)
{
	switch (r->what) {
	case TR_EXCEPTION:
		exception(out, cpu, r);
		break;
	case TR_INTERRUPT:
	case TR_SOFTINT:
		by_idt(out, cpu, r, false);
		break;
	case TR_IRET:
	case TR_FARRET:
	case TR_FARJMP:
		returned(out, cpu, r);
		break;
	case TR_SYSCALL:
	case TR_SYSRET:
		fast(out, cpu, r);
		break;
	case TR_GATE:
		gate(out, cpu, r);
		break;
	case TR_TASK:
		task(out, cpu, r);
		break;
	case TR_CR3:
		fprintf(out, LABEL "%08" PRIx64 "\n", "CR3", r->a);
		break;
	case TR_MODE:
		control(out, cpu);
		break;
	default:
		break;
	}
}
