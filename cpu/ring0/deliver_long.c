/*
 * deliver_long.c - interrupts and exceptions in IA-32e mode: 16-byte gates, 64-bit handlers, IST.
 *
 * Source: Intel SDM Vol. 3A 6.14 "Exception and Interrupt Handling in 64-bit Mode".
 */
#include "cpu/ring0/priv.h"

static enum exit fetch_gate64(struct vcpu *cpu, const struct delivery *dv, struct desc *g)
{
	uint32_t code = dv->vec * 8 + 2;
	unsigned type;

	*g = (struct desc){.at = cpu->idtr.base + dv->vec * 16};
	/* If the interrupt vector number is outside the IDT limits. */
	if (dv->vec * 16 + 15 > cpu->idtr.limit)
		return cpu_raise_aux(cpu, CHECK_GP_IDT_LIMIT, code, dv->vec, cpu->idtr.limit);
	TRY(lin_read(cpu, g->at, 8, sys_idx(cpu), &g->lo));
	TRY(lin_read(cpu, g->at + 8, 8, sys_idx(cpu), &g->hi));
	type = desc_type(g);
	/* If the IDT entry is not a 64-bit interrupt or trap gate. */
	if (desc_s(g) || (type != SYS_INT32 && type != SYS_TRAP32))
		return cpu_raise_aux(cpu, CHECK_GP_IDT_TYPE64, code, g->lo, g->hi);
	/* If INT n, INT3 or INTO is executed and the DPL of the gate is less than the CPL. */
	if (dv->check_dpl && desc_dpl(g) < cpu->cpl)
		return cpu_raise_aux(cpu, CHECK_GP_IDT_DPL, code, g->lo, cpu->cpl);
	/* If the gate is not present. */
	if (!desc_present(g))
		return cpu_raise_aux(cpu, CHECK_NP_IDT_GATE, code, g->lo, 0);
	return EXIT_NONE;
}

static enum exit fetch_target64(struct vcpu *cpu, uint16_t sel, struct desc *d)
{
	/* If the segment selector in the gate is NULL. */
	if (sel_null(sel))
		return cpu_raise(cpu, CHECK_GP_GATE_CS_NULL, 0);
	TRY(desc_fetch(cpu, sel, d, CHECK_GP_SEL_LIMIT));
	/* If the selector does not point to a code segment, or the code segment's DPL is greater
	 * than the CPL. */
	if (!desc_is_code(d) || desc_dpl(d) > cpu->cpl)
		return cpu_raise_desc(cpu, CHECK_GP_GATE_CS_TYPE, sel, d);
	/* If the target code segment is not a 64-bit code segment (L = 1, D = 0). */
	if ((desc_attr(d) & (SEGA_L | SEGA_DB)) != SEGA_L)
		return cpu_raise_desc(cpu, CHECK_GP_GATE_CS_LONG, sel, d);
	/* If the code segment is not present. */
	if (!desc_present(d))
		return cpu_raise_desc(cpu, CHECK_NP_SEGMENT, sel, d);
	return EXIT_NONE;
}

enum exit deliver_long(struct vcpu *cpu, const struct delivery *dv)
{
	uint64_t rsp = cpu->gpr[GPR_RSP];
	struct stack st = {.asize = 8, .room = CHECK_SS_FRAME_NONCANON};
	uint64_t frame[6] = {cpu->seg[SEG_SS].sel, rsp, cpu->eflags | (dv->set_rf ? FL_RF : 0),
		cpu->seg[SEG_CS].sel, dv->ret_ip, dv->code};
	struct desc g, cs;
	unsigned cpl, ist;
	bool inner;

	TRY(fetch_gate64(cpu, dv, &g));
	TRY(fetch_target64(cpu, gate_sel(&g), &cs));
	cpl = desc_conforming(&cs) ? cpu->cpl : desc_dpl(&cs);
	inner = cpl < cpu->cpl;
	ist = g.lo >> 32 & 7;
	if (ist)
		TRY(tss_rsp(cpu, 0x24 + (ist - 1) * 8, &rsp));
	else if (inner)
		TRY(tss_rsp(cpu, 4 + cpl * 8, &rsp));
	st.sp = rsp & ~15ull;
	st.idx = idx_for_cpl(cpu, cpl);
	/* If the RIP in the gate is not canonical. */
	if (!canonical(gate_offset(&g)))
		return cpu_raise_aux(cpu, CHECK_GP_RIP_NONCANON, 0, gate_offset(&g), 0);
	TRY(stack_probe(cpu, &st, 5 + dv->has_code, 8));
	TRY(desc_set_accessed(cpu, &cs));
	TRY(stack_push(cpu, &st, frame, 5 + dv->has_code, 8));
	cpu->eflags &= ~(uint32_t)(FL_TF | FL_NT | FL_VM | FL_RF);
	if (desc_type(&g) == SYS_INT32)
		cpu->eflags &= ~(uint32_t)FL_IF;
	ring0_enter_cs(cpu, gate_sel(&g), &cs, cpl);
	if (inner)
		seg_load_null(cpu, SEG_SS, cpl); /* NULL with RPL = new CPL */
	cpu->gpr[GPR_RSP] = st.sp;
	cpu->rip = gate_offset(&g);
	return EXIT_NONE;
}
