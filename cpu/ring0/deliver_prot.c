/*
 * deliver_prot.c - interrupts and exceptions through a protected-mode IDT: task, interrupt and trap
 * gates.
 *
 * Three ways in: to the same privilege level, to an inner one (stack from the TSS), and from
 * virtual-8086 mode to level 0 with the data segments saved on the new stack.
 *
 * Source: Intel SDM Vol. 3A 6.12 "Exception and Interrupt Handling", 6.13; Vol. 2 INT n, operation
 * section.
 */
#include "cpu/ring0/priv.h"

static uint32_t saved_flags(const struct vcpu *cpu, const struct delivery *dv)
{
	return cpu->eflags | (dv->set_rf ? FL_RF : 0);
}

static uint32_t idt_code(const struct delivery *dv)
{
	return dv->vec * 8 + 2;
}

void ring0_enter_cs(struct vcpu *cpu, uint16_t sel, const struct desc *d, unsigned cpl)
{
	cpu->cpl = cpl;
	seg_load_desc(cpu, SEG_CS, (sel & 0xFFFC) | cpl, d);
}

static void enter_flags(struct vcpu *cpu, bool int_gate)
{
	cpu->eflags &= ~(uint32_t)(FL_TF | FL_NT | FL_VM | FL_RF | (int_gate ? FL_IF : 0));
}

static enum exit fetch_gate(struct vcpu *cpu, const struct delivery *dv, struct desc *g)
{
	unsigned type;

	*g = (struct desc){.at = (uint32_t)(cpu->idtr.base + dv->vec * 8)};
	/* If the interrupt vector number is outside the IDT limits. */
	if (dv->vec * 8 + 7 > cpu->idtr.limit)
		return cpu_raise_aux(
			cpu, CHECK_GP_IDT_LIMIT, idt_code(dv), dv->vec, cpu->idtr.limit);
	TRY(lin_read(cpu, g->at, 8, sys_idx(cpu), &g->lo));
	type = desc_type(g);
	/* If the IDT entry is not an interrupt, trap or task gate. */
	if (desc_s(g) || !(type == SYS_TASK || (type & 6) == 6))
		return cpu_raise_aux(cpu, CHECK_GP_IDT_TYPE, idt_code(dv), g->lo, 0);
	/* If INT n, INT3 or INTO is executed and the DPL of the gate is less than the CPL. */
	if (dv->check_dpl && desc_dpl(g) < cpu->cpl)
		return cpu_raise_aux(cpu, CHECK_GP_IDT_DPL, idt_code(dv), g->lo, cpu->cpl);
	/* If the gate is not present. */
	if (!desc_present(g))
		return cpu_raise_aux(cpu, CHECK_NP_IDT_GATE, idt_code(dv), g->lo, 0);
	return EXIT_NONE;
}

static enum exit through_task_gate(struct vcpu *cpu, const struct delivery *dv, uint16_t sel)
{
	struct desc tss;
	struct stack st;
	uint64_t code = dv->code;
	uint32_t flags = cpu->eflags;
	enum exit r;

	/* If the TSS selector in the task gate has its local/global bit set to local. */
	if (sel & 4)
		return cpu_raise(cpu, CHECK_GP_TASK_NOT_GDT, sel & 0xFFFC);
	TRY(desc_fetch(cpu, sel, &tss, CHECK_GP_SEL_LIMIT));
	/* If the segment is not an available TSS. */
	if (desc_s(&tss) || (desc_type(&tss) != SYS_TSS16 && desc_type(&tss) != SYS_TSS32))
		return cpu_raise_desc(cpu, CHECK_GP_TASK_TSS_TYPE, sel, &tss);
	/* If the TSS is not present. */
	if (!desc_present(&tss))
		return cpu_raise_desc(cpu, CHECK_NP_TSS, sel, &tss);
	if (dv->set_rf)
		cpu->eflags |= FL_RF; /* the image saved in the outgoing TSS */
	r = task_switch(cpu, sel, &tss, TASK_EVENT, dv->ret_ip);
	if (r != EXIT_NONE) {
		if (cpu->tr.sel != sel) /* not switched: as if nothing had been done */
			cpu->eflags = flags;
		return r;
	}
	if (!dv->has_code)
		return EXIT_NONE;
	stack_current(cpu, &st);
	/* If there is not enough room on the new task's stack for the error code. */
	TRY(stack_push(cpu, &st, &code, 1, desc_type(&tss) & 8 ? 4 : 2));
	stack_set_sp(cpu, st.sp, st.asize);
	return EXIT_NONE;
}

/* The code segment of an interrupt or trap gate. */
static enum exit fetch_target(struct vcpu *cpu, uint16_t sel, struct desc *d)
{
	/* If the segment selector in the gate is NULL. */
	if (sel_null(sel))
		return cpu_raise(cpu, CHECK_GP_GATE_CS_NULL, 0);
	TRY(desc_fetch(cpu, sel, d, CHECK_GP_SEL_LIMIT));
	/* If the selector does not point to a code segment, or the code segment's DPL is greater
	 * than the CPL. */
	if (!desc_is_code(d) || desc_dpl(d) > cpu->cpl)
		return cpu_raise_desc(cpu, CHECK_GP_GATE_CS_TYPE, sel, d);
	/* If the code segment is not present. */
	if (!desc_present(d))
		return cpu_raise_desc(cpu, CHECK_NP_SEGMENT, sel, d);
	return EXIT_NONE;
}

static enum exit check_eip(struct vcpu *cpu, const struct desc *cs, uint32_t eip)
{
	/* If the instruction pointer in the gate is beyond the code segment limit. */
	if (eip > desc_limit(cs))
		return cpu_raise_aux(cpu, CHECK_GP_CS_LIMIT, 0, eip, desc_limit(cs));
	return EXIT_NONE;
}

static enum exit to_same(
	struct vcpu *cpu, const struct delivery *dv, const struct desc *g, struct desc *cs)
{
	unsigned size = desc_type(g) & 8 ? 4 : 2;
	uint32_t eip = gate_offset(g) & size_mask(size);
	uint64_t frame[4] = {saved_flags(cpu, dv), cpu->seg[SEG_CS].sel, dv->ret_ip, dv->code};
	struct stack st;

	stack_current(cpu, &st);
	TRY(check_eip(cpu, cs, eip));
	TRY(stack_probe(cpu, &st, 3 + dv->has_code, size));
	TRY(desc_set_accessed(cpu, cs));
	TRY(stack_push(cpu, &st, frame, 3 + dv->has_code, size));
	stack_set_sp(cpu, st.sp, st.asize);
	enter_flags(cpu, !(desc_type(g) & 1));
	ring0_enter_cs(cpu, gate_sel(g), cs, cpu->cpl);
	cpu->rip = eip;
	return EXIT_NONE;
}

static unsigned inner_frame(struct vcpu *cpu, const struct delivery *dv, uint64_t *frame)
{
	unsigned n = 0;

	if (is_vm86(cpu)) {
		frame[n++] = cpu->seg[SEG_GS].sel;
		frame[n++] = cpu->seg[SEG_FS].sel;
		frame[n++] = cpu->seg[SEG_DS].sel;
		frame[n++] = cpu->seg[SEG_ES].sel;
	}
	frame[n++] = cpu->seg[SEG_SS].sel;
	frame[n++] = cpu->gpr[GPR_RSP];
	frame[n++] = saved_flags(cpu, dv);
	frame[n++] = cpu->seg[SEG_CS].sel;
	frame[n++] = dv->ret_ip;
	if (dv->has_code)
		frame[n++] = dv->code;
	return n;
}

static enum exit to_inner(
	struct vcpu *cpu, const struct delivery *dv, const struct desc *g, struct desc *cs)
{
	unsigned cpl = desc_dpl(cs), size = desc_type(g) & 8 ? 4 : 2, n;
	uint32_t eip = gate_offset(g) & size_mask(size), esp;
	bool from_vm86 = is_vm86(cpu);
	uint64_t frame[10];
	struct stack st = {.room = CHECK_SS_INNER_ROOM};
	struct desc ss;
	uint16_t sel;

	TRY(tss_stack(cpu, cpl, &sel, &esp));
	TRY(ss_fetch_inner(cpu, sel, cpl, &ss));
	seg_from_desc(&st.ss, sel, &ss);
	seg_derive_one(cpu, &st.ss, false);
	st.asize = st.ss.attr & SEGA_DB ? 4 : 2;
	st.sp = esp & size_mask(st.asize);
	st.idx = idx_for_cpl(cpu, cpl);
	st.code = sel & 0xFFFC;
	n = inner_frame(cpu, dv, frame);
	TRY(stack_probe(cpu, &st, n, size));
	TRY(check_eip(cpu, cs, eip));
	TRY(desc_set_accessed(cpu, &ss));
	TRY(desc_set_accessed(cpu, cs));
	TRY(stack_push(cpu, &st, frame, n, size));
	enter_flags(cpu, !(desc_type(g) & 1));
	ring0_enter_cs(cpu, gate_sel(g), cs, cpl);
	seg_load_desc(cpu, SEG_SS, sel, &ss);
	cpu->gpr[GPR_RSP] = esp;
	stack_set_sp(cpu, st.sp, st.asize);
	if (from_vm86) {
		seg_load_null(cpu, SEG_ES, 0);
		seg_load_null(cpu, SEG_DS, 0);
		seg_load_null(cpu, SEG_FS, 0);
		seg_load_null(cpu, SEG_GS, 0);
	}
	cpu->rip = eip;
	return EXIT_NONE;
}

enum exit deliver_prot(struct vcpu *cpu, const struct delivery *dv)
{
	struct desc g, cs;
	uint16_t sel;

	TRY(fetch_gate(cpu, dv, &g));
	sel = gate_sel(&g);
	if (desc_type(&g) == SYS_TASK) {
		TRY(through_task_gate(cpu, dv, sel));
	} else {
		TRY(fetch_target(cpu, sel, &cs));
		if (!desc_conforming(&cs) && desc_dpl(&cs) < cpu->cpl) {
			/* If the interrupt occurred in virtual-8086 mode and the handler's DPL is
			 * not 0. */
			if (is_vm86(cpu) && desc_dpl(&cs) != 0)
				return cpu_raise_desc(cpu, CHECK_GP_VM86_HANDLER, sel, &cs);
			TRY(to_inner(cpu, dv, &g, &cs));
		} else {
			/* ... or the handler's code segment is conforming or of DPL 3. */
			if (is_vm86(cpu))
				return cpu_raise_desc(cpu, CHECK_GP_VM86_HANDLER, sel, &cs);
			TRY(to_same(cpu, dv, &g, &cs));
		}
	}
	return EXIT_NONE;
}
