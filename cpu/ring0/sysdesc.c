/*
 * sysdesc.c - LDT and task register, and the instructions that look at descriptors without loading
 * them.
 *
 * Source: Intel SDM Vol. 2 LLDT, LTR, SLDT, STR, LAR, LSL, VERR, VERW, ARPL; Vol. 3A 2.4, 5.10.
 */
#include "cpu/ring0/priv.h"

enum exit h_lldt(struct vcpu *cpu, uint64_t sel, uint64_t b, uint64_t c)
{
	struct desc d;

	sel &= 0xFFFF;
	TRY(ring0_gate(cpu, GATE_LLDT));
	if (sel_null(sel)) {
		cpu->ldtr = (struct seg){.sel = sel};
		return EXIT_NONE;
	}
	/* If the selector operand does not point into the Global Descriptor Table. */
	if (sel & 4)
		return cpu_raise(cpu, CHECK_GP_LLDT_NOT_GDT, sel & 0xFFFC);
	TRY(desc_fetch(cpu, sel, &d, CHECK_GP_SEL_LIMIT));
	if (vcpu_long(cpu))
		TRY(desc_fetch_high(cpu, &d, sel, CHECK_GP_SEL_LIMIT));
	/* ... or if the entry in the GDT is not a Local Descriptor Table. */
	if (desc_s(&d) || desc_type(&d) != SYS_LDT)
		return cpu_raise_desc(cpu, CHECK_GP_LLDT_TYPE, sel, &d);
	/* If the descriptor type of the upper 8 bytes of the 16-byte descriptor is not zero. */
	if (d.hi >> 40 & 0x1F)
		return cpu_raise_desc(cpu, CHECK_GP_SYS_UPPER, sel, &d);
	/* If the LDT descriptor is not present. */
	if (!desc_present(&d))
		return cpu_raise_desc(cpu, CHECK_NP_LDT, sel, &d);
	/* If the base address of the LDT is not canonical. */
	if (!canonical(desc_base(&d)) && vcpu_long(cpu))
		return cpu_raise_desc(cpu, CHECK_GP_SYS_BASE, sel, &d);
	seg_from_desc(&cpu->ldtr, sel, &d);
	return EXIT_NONE;
}

enum exit h_ltr(struct vcpu *cpu, uint64_t sel, uint64_t b, uint64_t c)
{
	struct desc d;
	unsigned type;

	sel &= 0xFFFF;
	TRY(ring0_gate(cpu, GATE_LTR));
	/* If the source operand contains a NULL segment selector. */
	if (sel_null(sel))
		return cpu_raise(cpu, CHECK_GP_LTR_NULL, 0);
	/* If the source selector does not point into the GDT. */
	if (sel & 4)
		return cpu_raise(cpu, CHECK_GP_LTR_NOT_GDT, sel & 0xFFFC);
	TRY(desc_fetch(cpu, sel, &d, CHECK_GP_SEL_LIMIT));
	if (vcpu_long(cpu))
		TRY(desc_fetch_high(cpu, &d, sel, CHECK_GP_SEL_LIMIT));
	type = desc_type(&d);
	/* If the source selector points to a segment that is not a TSS or to one for a task that is
	 * already busy. */
	if (desc_s(&d) || !(type == SYS_TSS32 || (type == SYS_TSS16 && !vcpu_long(cpu))))
		return cpu_raise_desc(cpu, CHECK_GP_LTR_TYPE, sel, &d);
	/* If the descriptor type of the upper 8 bytes of the 16-byte descriptor is not zero. */
	if (d.hi >> 40 & 0x1F)
		return cpu_raise_desc(cpu, CHECK_GP_SYS_UPPER, sel, &d);
	/* If the TSS is marked not present. */
	if (!desc_present(&d))
		return cpu_raise_desc(cpu, CHECK_NP_TSS, sel, &d);
	/* If its base address is not canonical. */
	if (!canonical(desc_base(&d)) && vcpu_long(cpu))
		return cpu_raise_desc(cpu, CHECK_GP_SYS_BASE, sel, &d);
	TRY(lin_write(cpu, d.at + 5, 1, sys_idx(cpu), (d.lo >> 40 & 0xFF) | 2));
	d.lo |= 2ull << 40;
	seg_from_desc(&cpu->tr, sel, &d);
	return EXIT_NONE;
}

enum exit h_sldt(struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
	TRY(ring0_gate(cpu, GATE_SLDT));
	cpu->ret = cpu->ldtr.sel;
	return EXIT_NONE;
}

enum exit h_str(struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
	TRY(ring0_gate(cpu, GATE_STR));
	cpu->ret = cpu->tr.sel;
	return EXIT_NONE;
}

/* Is @sel visible at this CPL? LAR's and LSL's table of valid system types in @types (bit per
 * type). */
static enum exit look(struct vcpu *cpu, uint16_t sel, uint16_t types, struct desc *d, bool *ok)
{
	enum exit ex;
	bool found;

	*ok = false;
	if (sel_null(sel))
		return EXIT_NONE;
	found = desc_lookup(cpu, sel, d, &ex);
	if (!found || ex != EXIT_NONE)
		return ex;
	if (!desc_s(d) && !(types >> desc_type(d) & 1))
		return EXIT_NONE;
	if (!(desc_is_code(d) && desc_conforming(d)) &&
		(cpu->cpl > desc_dpl(d) || (sel & 3) > desc_dpl(d)))
		return EXIT_NONE;
	*ok = true;
	return EXIT_NONE;
}

static void set_zf(struct vcpu *cpu, bool z)
{
	cpu->eflags = (cpu->eflags & ~(uint32_t)FL_ZF) | (z ? FL_ZF : 0);
}

enum exit h_lar(struct vcpu *cpu, uint64_t sel, uint64_t b, uint64_t c)
{
	uint16_t types = vcpu_long(cpu) ? 0x1A04 : 0x1A3E; /* 2 9 B C; or 1..5 9 B C */
	struct desc d;
	bool ok;

	TRY(ring0_gate(cpu, GATE_LAR));
	TRY(look(cpu, sel, types, &d, &ok));
	set_zf(cpu, ok);
	if (ok)
		cpu->ret = d.lo >> 32 & 0x00FFFF00;
	return EXIT_NONE;
}

enum exit h_lsl(struct vcpu *cpu, uint64_t sel, uint64_t b, uint64_t c)
{
	uint16_t types = vcpu_long(cpu) ? 0x0A04 : 0x0A0E; /* 2 9 B; or 1 2 3 9 B */
	struct desc d;
	bool ok;

	TRY(ring0_gate(cpu, GATE_LSL));
	TRY(look(cpu, sel, types, &d, &ok));
	set_zf(cpu, ok);
	if (ok)
		cpu->ret = desc_limit(&d);
	return EXIT_NONE;
}

enum exit h_verr(struct vcpu *cpu, uint64_t sel, uint64_t b, uint64_t c)
{
	struct desc d;
	bool ok;

	TRY(ring0_gate(cpu, GATE_VERR));
	TRY(look(cpu, sel, 0, &d, &ok));
	set_zf(cpu, ok && (desc_type(&d) & (TYPE_CODE | TYPE_RW)) != TYPE_CODE);
	return EXIT_NONE;
}

enum exit h_verw(struct vcpu *cpu, uint64_t sel, uint64_t b, uint64_t c)
{
	struct desc d;
	bool ok;

	TRY(ring0_gate(cpu, GATE_VERW));
	TRY(look(cpu, sel, 0, &d, &ok));
	set_zf(cpu, ok && (desc_type(&d) & (TYPE_CODE | TYPE_RW)) == TYPE_RW);
	return EXIT_NONE;
}

enum exit h_arpl(struct vcpu *cpu, uint64_t dest, uint64_t src, uint64_t c)
{
	bool raise = (dest & 3) < (src & 3);

	TRY(ring0_gate(cpu, GATE_ARPL));
	cpu->ret = raise ? (dest & 0xFFFC) | (src & 3) : dest & 0xFFFF;
	set_zf(cpu, raise);
	return EXIT_NONE;
}

static enum exit store_table(struct vcpu *cpu, uint64_t base, uint64_t limit, bool want_base)
{
	cpu->ret = want_base ? base : limit & 0xFFFF;
	return EXIT_NONE;
}

enum exit h_sgdt(struct vcpu *cpu, uint64_t what, uint64_t which, uint64_t c)
{
	TRY(ring0_gate(cpu, which ? GATE_SIDT : GATE_SGDT));
	return which ? store_table(cpu, cpu->idtr.base, cpu->idtr.limit, what)
		     : store_table(cpu, cpu->gdtr.base, cpu->gdtr.limit, what);
}

enum exit h_lgdt(struct vcpu *cpu, uint64_t base, uint64_t limit, uint64_t c)
{
	TRY(ring0_gate(cpu, GATE_LGDT));
	/* If the descriptor-table base is not canonical (64-bit mode). */
	if (is_code64(cpu) && !canonical(base))
		return cpu_raise_aux(cpu, CHECK_GP_TABLE_BASE, 0, base, limit);
	cpu->gdtr.base = base;
	cpu->gdtr.limit = limit & 0xFFFF;
	return EXIT_NONE;
}

enum exit h_lidt(struct vcpu *cpu, uint64_t base, uint64_t limit, uint64_t c)
{
	TRY(ring0_gate(cpu, GATE_LIDT));
	if (is_code64(cpu) && !canonical(base))
		return cpu_raise_aux(cpu, CHECK_GP_TABLE_BASE, 0, base, limit);
	cpu->idtr.base = base;
	cpu->idtr.limit = limit & 0xFFFF;
	return EXIT_NONE;
}
