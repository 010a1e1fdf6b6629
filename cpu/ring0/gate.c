/*
 * gate.c - THE gate: every privileged or sensitive instruction is judged here before it acts.
 *
 * gates.def says which rule an instruction obeys; the rule is written once below with the manual's
 * condition.
 * IF-changing instructions (CLI, STI, PUSHF, POPF, INT n) have rules with more than two outcomes
 * and live in vm86.c; ports in portio.c.
 *
 * Source: Intel SDM Vol. 3A 5.9 "Privileged Instructions"; Vol. 2 exception lists; Vol. 3A 2.5
 * (UMIP, TSD, PCE).
 */
#include "cpu/ring0/priv.h"

enum gate_class {
	CLASS_CPL0,
	CLASS_UD0,
	CLASS_PROT,
	CLASS_PROT0,
	CLASS_PROTU,
	CLASS_UMIP,
	CLASS_TSD,
	CLASS_PCE
};

static const enum gate_class gate_rows[GATE_COUNT] = {
#define GATE(id, name, class) [GATE_##id] = CLASS_##class,
#include "cpu/ring0/gates.def"
#undef GATE
};

static bool class_needs_prot(enum gate_class c)
{
	return c == CLASS_PROT || c == CLASS_PROT0 || c == CLASS_PROTU;
}

/* CHECK_COUNT: allowed */
static enum check_id judge(const struct vcpu *cpu, enum gate_class c)
{
	/* The instruction is not recognized in real-address and virtual-8086 mode. */
	if (class_needs_prot(c) && !is_prot(cpu))
		return CHECK_UD_NOT_PROT;
	/* If the current privilege level is not 0. */
	if ((c == CLASS_CPL0 || c == CLASS_PROT0) && cpu->cpl != 0)
		return CHECK_GP_CPL0;
	/* If the current privilege level is not 0 (CLAC, STAC, MONITOR, MWAIT: an invalid opcode there). */
	if (c == CLASS_UD0 && cpu->cpl != 0)
		return CHECK_UD_CPL0;
	/* If CR4.UMIP = 1 and CPL > 0. */
	if ((c == CLASS_UMIP || c == CLASS_PROTU) && (cpu->cr4 & CR4_UMIP) && cpu->cpl != 0)
		return CHECK_GP_UMIP;
	/* If the TSD flag in register CR4 is set and the CPL is greater than 0. */
	if (c == CLASS_TSD && (cpu->cr4 & CR4_TSD) && cpu->cpl != 0)
		return CHECK_GP_TSD;
	/* If the current privilege level is not 0 and the PCE flag in the CR4 register is clear. */
	if (c == CLASS_PCE && !(cpu->cr4 & CR4_PCE) && cpu->cpl != 0)
		return CHECK_GP_PCE;
	return CHECK_COUNT;
}

enum exit ring0_gate(struct vcpu *cpu, enum gate_insn g)
{
	enum check_id id = judge(cpu, gate_rows[g]);

	return id == CHECK_COUNT ? EXIT_NONE : cpu_raise(cpu, id, 0);
}
