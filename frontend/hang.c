/* hang.c - see hang.h. */
#include "frontend/hang.h"
#include "frontend/explain.h"
#include "cpu/mode.h"
#include <inttypes.h>
#include <string.h>

#define LOOP_MAX 32 /* instructions of a polling loop that are looked at */

static bool same_place(const struct place *a, const struct place *b)
{
	return a->cs == b->cs && a->rip == b->rip && a->base == b->base;
}

static bool like_before(const struct hang *h, const struct vcpu *cpu, const struct place *at)
{
	if (cpu->halted || !same_place(at, &h->spin) || cpu->history->nrecs != h->transitions)
		return false;
	for (unsigned i = 0; i < 16; i++)
		if (i != GPR_RAX && i != GPR_RDX && cpu->gpr[i] != h->gpr[i])
			return false;
	return true;
}

/* The port that a loop beginning at RIP reads, or -1. */
static int polled_port(struct vcpu *cpu)
{
	gla_t gla = cpu->seg[SEG_CS].base + cpu->rip;

	for (unsigned i = 0; i < LOOP_MAX; i++) {
		uint8_t buf[INSN_MAX_LEN];
		unsigned n = mmu_peek(&cpu->mmu, gla, buf, sizeof(buf));
		struct insn in;

		if (!n || insn_decode(cpu->index, buf, n, mode_code_size(cpu->mode), &in) != DECODE_OK)
			return -1;
		if (!strcmp(insn_rows[in.id].mnemonic, "in"))
			return in.op[1].kind == OPND_IMM ? (int)(in.imm & 0xFF) : (int)(cpu->gpr[GPR_RDX] & 0xFFFF);
		if (in.op[0].kind == OPND_REL && in.imm < 0)
			return -1; /* once round */
		gla += in.len;
	}
	return -1;
}

static void instruction(FILE *out, struct vcpu *cpu)
{
	uint8_t buf[INSN_MAX_LEN];
	char text[128];
	struct insn in;
	unsigned n = mmu_peek(&cpu->mmu, cpu->seg[SEG_CS].base + cpu->rip, buf, sizeof(buf));

	if (!n || insn_decode(cpu->index, buf, n, mode_code_size(cpu->mode), &in) != DECODE_OK)
		return;
	insn_text(&in, cpu->rip, text, sizeof(text));
	fprintf(out, ": %s", text);
}

static void tell_spin(struct vcpu *cpu, const struct place *at, FILE *out)
{
	int port = polled_port(cpu);

	fprintf(out, "dragoman: the guest has been spinning for %u s at ", HANG_SAMPLES);
	explain_place(out, at);
	explain_symbol(out, cpu, at->base + at->rip);
	fprintf(out, ", interrupts %s", cpu->eflags & FL_IF ? "on" : "off");
	instruction(out, cpu);
	if (port >= 0)
		fprintf(out, "; it polls port %02xh", port);
	fputc('\n', out);
}

void hang_sample(struct hang *h, struct vcpu *cpu, FILE *out)
{
	struct place at = place_now(cpu);

	h->same = like_before(h, cpu, &at) ? h->same + 1 : 0;
	if (!h->same)
		h->told_spin = false;
	h->spin = at;
	h->transitions = cpu->history->nrecs;
	memcpy(h->gpr, cpu->gpr, sizeof(h->gpr));
	if (h->same < HANG_SAMPLES || h->told_spin)
		return;
	h->told_spin = true;
	tell_spin(cpu, &at, out);
}

void hang_halted(struct hang *h, struct vcpu *cpu, FILE *out)
{
	struct place at = place_now(cpu);

	if ((cpu->eflags & FL_IF) || cpu->nmi_line || (h->told_halt && same_place(&at, &h->halt)))
		return;
	h->told_halt = true;
	h->halt = at;
	fprintf(out, "dragoman: the guest has halted with interrupts off, before ");
	explain_place(out, &at);
	fprintf(out, ": only an NMI or a reset can wake it\n");
}

void hang_describe(const struct hang *h, struct vcpu *cpu, FILE *out)
{
	struct place at = place_now(cpu);

	explain_place(out, &at);
	if (cpu->halted)
		fprintf(out, ", halted%s", cpu->eflags & FL_IF ? "" : " with interrupts off");
	else
		instruction(out, cpu);
	if (h->same)
		fprintf(out, ", at this place for %u s", h->same);
	fputc('\n', out);
}
