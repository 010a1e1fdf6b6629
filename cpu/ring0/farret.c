/*
 * farret.c - the far RET: real-address and virtual-8086 mode, same and outer privilege level.
 *
 * Source: Intel SDM Vol. 2 RET, operation section; Vol. 3A 5.8.6.
 */
#include "cpu/ring0/history.h"
#include "cpu/ring0/priv.h"

static enum exit ret_simple(struct vcpu *cpu, struct stack *st, unsigned osize, unsigned release)
{
	uint64_t ip, cs;

	TRY(stack_read(cpu, st, 0, osize, &ip));
	TRY(stack_read(cpu, st, osize, osize, &cs));
	/* If the return instruction pointer is not within the return code segment limit. */
	if (ip > cpu->seg[SEG_CS].limit)
		return cpu_raise_aux(cpu, CHECK_GP_CS_LIMIT, 0, ip, cpu->seg[SEG_CS].limit);
	stack_set_sp(cpu, st->sp + 2 * osize + release, st->asize);
	if (is_vm86(cpu))
		seg_load_vm86(cpu, SEG_CS, cs);
	else
		seg_load_real(cpu, SEG_CS, cs);
	cpu->rip = ip;
	return EXIT_NONE;
}

enum exit h_ret_far(struct vcpu *cpu, uint64_t osize, uint64_t release, uint64_t c)
{
	struct far_ret r = {0};
	struct stack st;
	uint64_t cs, ss;

	cpu->from = spot_now(cpu, 0);
	stack_current(cpu, &st);
	if (!is_prot(cpu)) {
		TRY(ret_simple(cpu, &st, osize, release));
		mode_refresh(cpu);
		return EXIT_NONE;
	}
	TRY(stack_read(cpu, &st, 0, osize, &r.ip));
	TRY(stack_read(cpu, &st, osize, osize, &cs));
	r.cs = cs;
	TRY(ret_check_cs(cpu, &r));
	if (r.outer) {
		TRY(stack_read(cpu, &st, 2 * osize + release, osize, &r.sp));
		TRY(stack_read(cpu, &st, 3 * osize + release, osize, &ss));
		r.ss = ss;
		TRY(ret_check_ss(cpu, &r));
		TRY(ret_check_ip(cpu, &r));
		TRY(ret_accessed(cpu, &r));
		ret_load_outer(cpu, &r, release);
	} else {
		TRY(ret_check_ip(cpu, &r));
		TRY(ret_accessed(cpu, &r));
		stack_set_sp(cpu, st.sp + 2 * osize + release, st.asize);
		ring0_enter_cs(cpu, r.cs, &r.cs_d, cpu->cpl);
		cpu->rip = is_code64(cpu) ? r.ip : r.ip & UINT32_MAX;
	}
	mode_refresh(cpu);
	cpu_transition(cpu, TR_FARRET, 0, 0);
	return EXIT_NONE;
}
