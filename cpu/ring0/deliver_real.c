/*
 * deliver_real.c - interrupts and exceptions in real-address mode: through the interrupt vector
 * table.
 *
 * Source: Intel SDM Vol. 3A 20.1.4 "Interrupt and Exception Handling"; Vol. 2 INT n,
 * REAL-ADDRESS-MODE.
 */
#include "cpu/ring0/priv.h"

enum exit deliver_real(struct vcpu *cpu, const struct delivery *dv)
{
	struct stack st;
	uint64_t entry, frame[3];

	/* If the interrupt vector number is outside the IDT limits. */
	if (dv->vec * 4 + 3 > cpu->idtr.limit)
		return cpu_raise_aux(
			cpu, CHECK_GP_IVT_LIMIT, dv->vec * 8 + 2, dv->vec, cpu->idtr.limit);
	TRY(lin_read(cpu, (uint32_t)(cpu->idtr.base + dv->vec * 4), 4, sys_idx(cpu), &entry));
	stack_current(cpu, &st);
	frame[0] = (cpu->eflags | (dv->set_rf ? FL_RF : 0)) & 0xFFFF;
	frame[1] = cpu->seg[SEG_CS].sel;
	frame[2] = dv->ret_ip;
	TRY(stack_push(cpu, &st, frame, 3, 2));
	stack_set_sp(cpu, st.sp, st.asize);
	cpu->eflags &= ~(uint32_t)(FL_IF | FL_TF | FL_AC | FL_RF);
	seg_load_real(cpu, SEG_CS, entry >> 16);
	cpu->rip = entry & 0xFFFF;
	return EXIT_NONE;
}
