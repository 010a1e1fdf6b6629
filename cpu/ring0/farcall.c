/*
 * farcall.c - far JMP and CALL: direct, conforming, through call gates, task gates and TSS
 * descriptors.
 *
 * Source: Intel SDM Vol. 2 JMP and CALL, operation sections; Vol. 3A 5.8 "Privilege Level Checking
 * When Transferring Program Control Between Code Segments", 7.3.
 */
#include "cpu/ring0/history.h"
#include "cpu/ring0/priv.h"

struct far {
	uint16_t sel;
	uint64_t ip;   /* destination */
	uint64_t next; /* return address */
	unsigned osize;
	bool call;
	bool task;     /* it went to a task ... */
	uint16_t gate; /* ... or through a gate to this code segment */
};

static enum exit check_target_ip(struct vcpu *cpu, const struct desc *cs, uint64_t ip)
{
	bool l = vcpu_long(cpu) && (desc_attr(cs) & SEGA_L);

	/* If the target offset in the destination operand is non-canonical. */
	if (l && !canonical(ip))
		return cpu_raise_aux(cpu, CHECK_GP_RIP_NONCANON, 0, ip, 0);
	/* If the target offset is beyond the new code segment limit. */
	if (!l && (ip & UINT32_MAX) > desc_limit(cs))
		return cpu_raise_aux(cpu, CHECK_GP_CS_LIMIT, 0, ip, desc_limit(cs));
	return EXIT_NONE;
}

static void enter(struct vcpu *cpu, uint16_t sel, const struct desc *cs, unsigned cpl, uint64_t ip)
{
	ring0_enter_cs(cpu, sel, cs, cpl);
	cpu->rip = is_code64(cpu) ? ip : ip & UINT32_MAX;
}

static enum exit far_simple(
	struct vcpu *cpu, const struct far *f) /* real-address and virtual-8086 mode */
{
	uint64_t frame[2] = {cpu->seg[SEG_CS].sel, f->next};
	struct stack st;

	/* If the target offset is beyond the code segment limit. */
	if (f->ip > cpu->seg[SEG_CS].limit)
		return cpu_raise_aux(cpu, CHECK_GP_CS_LIMIT, 0, f->ip, cpu->seg[SEG_CS].limit);
	if (f->call) {
		stack_current(cpu, &st);
		TRY(stack_push(cpu, &st, frame, 2, f->osize));
		stack_set_sp(cpu, st.sp, st.asize);
	}
	if (is_vm86(cpu))
		seg_load_vm86(cpu, SEG_CS, f->sel);
	else
		seg_load_real(cpu, SEG_CS, f->sel);
	cpu->rip = f->ip;
	return EXIT_NONE;
}

static enum exit far_code(struct vcpu *cpu, const struct far *f, struct desc *d)
{
	uint64_t frame[2] = {cpu->seg[SEG_CS].sel, f->next};
	struct stack st;

	/* If the segment descriptor has both the L and the D bit set in IA-32e mode. */
	if (vcpu_long(cpu) && (desc_attr(d) & (SEGA_L | SEGA_DB)) == (SEGA_L | SEGA_DB))
		return cpu_raise_desc(cpu, CHECK_GP_FAR_L_AND_D, f->sel, d);
	/* If the DPL for a conforming code segment is greater than the CPL. */
	if (desc_conforming(d) && desc_dpl(d) > cpu->cpl)
		return cpu_raise_desc(cpu, CHECK_GP_FAR_CONFORMING, f->sel, d);
	/* If the DPL for a nonconforming code segment is not equal to the CPL, or the RPL is
	 * greater than the CPL. */
	if (!desc_conforming(d) && (desc_dpl(d) != cpu->cpl || (f->sel & 3) > cpu->cpl))
		return cpu_raise_desc(cpu, CHECK_GP_FAR_PRIV, f->sel, d);
	/* If the code segment being accessed is not present. */
	if (!desc_present(d))
		return cpu_raise_desc(cpu, CHECK_NP_SEGMENT, f->sel, d);
	TRY(check_target_ip(cpu, d, f->ip));
	if (f->call) {
		stack_current(cpu, &st);
		/* The manual's operation does not say so, but processors push by ESP if the new code is compatibility code. */
		if (is_code64(cpu) && !(desc_attr(d) & SEGA_L))
			stack_narrow(&st);
		TRY(stack_probe(cpu, &st, 2, f->osize));
		TRY(desc_set_accessed(cpu, d));
		TRY(stack_push(cpu, &st, frame, 2, f->osize));
		stack_set_sp(cpu, st.sp, st.asize);
	} else {
		TRY(desc_set_accessed(cpu, d));
	}
	enter(cpu, f->sel, d, cpu->cpl, f->ip);
	return EXIT_NONE;
}

static enum exit far_tss(struct vcpu *cpu, struct far *f, uint16_t sel, struct desc *d)
{
	/* If the TSS selector's local/global bit is set to local. */
	if (sel & 4)
		return cpu_raise(cpu, CHECK_GP_TASK_NOT_GDT, sel & 0xFFFC);
	/* If the segment descriptor is not an available TSS. */
	if (desc_s(d) || (desc_type(d) != SYS_TSS16 && desc_type(d) != SYS_TSS32))
		return cpu_raise_desc(cpu, CHECK_GP_TASK_TSS_TYPE, sel, d);
	/* If the TSS is not present. */
	if (!desc_present(d))
		return cpu_raise_desc(cpu, CHECK_NP_TSS, sel, d);
	f->task = true;
	return task_switch(cpu, sel, d, f->call ? TASK_CALL : TASK_JMP, f->next);
}

/* Rows common to call gates, task gates and TSSs: DPL against CPL and RPL. */
static enum exit check_gate_dpl(struct vcpu *cpu, const struct far *f, const struct desc *d)
{
	/* If the DPL of the gate or TSS is less than the CPL or than the RPL of its selector. */
	if (desc_dpl(d) < cpu->cpl || desc_dpl(d) < (f->sel & 3))
		return cpu_raise_desc(cpu, CHECK_GP_GATE_PRIV, f->sel, d);
	return EXIT_NONE;
}

static enum exit far_task_gate(struct vcpu *cpu, struct far *f, const struct desc *g)
{
	uint16_t sel = gate_sel(g);
	struct desc tss;

	/* If the task gate is not present. */
	if (!desc_present(g))
		return cpu_raise_desc(cpu, CHECK_NP_GATE, f->sel, g);
	/* If the TSS selector in the task gate has its local/global bit set to local. */
	if (sel & 4)
		return cpu_raise(cpu, CHECK_GP_TASK_NOT_GDT, sel & 0xFFFC);
	TRY(desc_fetch(cpu, sel, &tss, CHECK_GP_SEL_LIMIT));
	return far_tss(cpu, f, sel, &tss);
}

/* Parameters of a 16/32-bit call gate, deepest first so that they can be pushed in order. */
static enum exit copy_params(struct vcpu *cpu, unsigned count, unsigned size, uint64_t *v)
{
	struct stack old;

	stack_current(cpu, &old);
	for (unsigned i = 0; i < count; i++)
		TRY(stack_read(cpu, &old, (count - 1 - i) * size, size, &v[i]));
	return EXIT_NONE;
}

static enum exit gate_inner(
	struct vcpu *cpu, const struct far *f, const struct desc *g, struct desc *cs, unsigned size)
{
	unsigned cpl = desc_dpl(cs), n = 0, params = g->lo >> 32 & 31;
	struct stack st = {.room = CHECK_SS_INNER_ROOM};
	struct desc ss = {0};
	uint16_t sel = cpl;
	uint64_t frame[4 + 31], rsp;
	uint32_t esp;

	frame[n++] = cpu->seg[SEG_SS].sel;
	frame[n++] = cpu->gpr[GPR_RSP];
	if (size == 8) {
		TRY(tss_rsp(cpu, 4 + cpl * 8, &rsp));
		st.asize = 8;
		st.room = CHECK_SS_FRAME_NONCANON;
		st.sp = rsp;
	} else {
		TRY(tss_stack(cpu, cpl, &sel, &esp));
		TRY(ss_fetch_inner(cpu, sel, cpl, &ss));
		seg_from_desc(&st.ss, sel, &ss);
		seg_derive_one(cpu, &st.ss, false);
		st.asize = st.ss.attr & SEGA_DB ? 4 : 2;
		rsp = esp;
		st.sp = esp & size_mask(st.asize);
		st.code = sel & 0xFFFC;
		TRY(copy_params(cpu, params, size, &frame[n]));
		n += params;
	}
	st.idx = idx_for_cpl(cpu, cpl);
	frame[n++] = cpu->seg[SEG_CS].sel;
	frame[n++] = f->next;
	TRY(stack_probe(cpu, &st, n, size));
	TRY(check_target_ip(cpu, cs, f->ip));
	if (size != 8)
		TRY(desc_set_accessed(cpu, &ss));
	TRY(desc_set_accessed(cpu, cs));
	TRY(stack_push(cpu, &st, frame, n, size));
	enter(cpu, gate_sel(g), cs, cpl, f->ip);
	if (size == 8)
		seg_load_null(cpu, SEG_SS, cpl);
	else
		seg_load_desc(cpu, SEG_SS, sel, &ss);
	cpu->gpr[GPR_RSP] = rsp;
	stack_set_sp(cpu, st.sp, st.asize);
	return EXIT_NONE;
}

static enum exit gate_same(
	struct vcpu *cpu, const struct far *f, uint16_t sel, struct desc *cs, unsigned size)
{
	uint64_t frame[2] = {cpu->seg[SEG_CS].sel, f->next};
	struct stack st;

	TRY(check_target_ip(cpu, cs, f->ip));
	stack_current(cpu, &st);
	if (size == 8) { /* the code becomes 64-bit: so does its stack */
		st.asize = 8;
		st.sp = cpu->gpr[GPR_RSP];
		st.room = CHECK_SS_FRAME_NONCANON;
	}
	if (f->call)
		TRY(stack_probe(cpu, &st, 2, size));
	TRY(desc_set_accessed(cpu, cs));
	if (f->call) {
		TRY(stack_push(cpu, &st, frame, 2, size));
		stack_set_sp(cpu, st.sp, st.asize);
	}
	enter(cpu, sel, cs, cpu->cpl, f->ip);
	return EXIT_NONE;
}

static enum exit check_gate_cs(struct vcpu *cpu, const struct far *f, uint16_t sel, struct desc *cs)
{
	bool conf;

	/* If the segment selector from the call gate is NULL. */
	if (sel_null(sel))
		return cpu_raise(cpu, CHECK_GP_GATE_CS_NULL, 0);
	TRY(desc_fetch(cpu, sel, cs, CHECK_GP_SEL_LIMIT));
	conf = desc_conforming(cs);
	/* If it does not point to a code segment, or its DPL is greater than the CPL. */
	if (!desc_is_code(cs) || desc_dpl(cs) > cpu->cpl)
		return cpu_raise_desc(cpu, CHECK_GP_GATE_CS_TYPE, sel, cs);
	/* JMP: if a nonconforming code segment's DPL is not equal to the CPL. */
	if (!f->call && !conf && desc_dpl(cs) != cpu->cpl)
		return cpu_raise_desc(cpu, CHECK_GP_JMP_GATE_DPL, sel, cs);
	/* If the code segment from a 64-bit call gate is not a 64-bit code segment. */
	if (vcpu_long(cpu) && (desc_attr(cs) & (SEGA_L | SEGA_DB)) != SEGA_L)
		return cpu_raise_desc(cpu, CHECK_GP_GATE_CS_LONG, sel, cs);
	/* If the code segment is not present. */
	if (!desc_present(cs))
		return cpu_raise_desc(cpu, CHECK_NP_SEGMENT, sel, cs);
	return EXIT_NONE;
}

static enum exit far_call_gate(struct vcpu *cpu, struct far *f, struct desc *g)
{
	unsigned size = desc_type(g) == SYS_CALL16 ? 2 : vcpu_long(cpu) ? 8 : 4;
	uint16_t sel = gate_sel(g);
	struct desc cs;

	/* If the call gate is not present. */
	if (!desc_present(g))
		return cpu_raise_desc(cpu, CHECK_NP_GATE, f->sel, g);
	if (size == 8) {
		TRY(desc_fetch_high(cpu, g, f->sel, CHECK_GP_SEL_LIMIT));
		/* If the upper type field of a 64-bit call gate is not 0. */
		if (g->hi >> 40 & 0x1F)
			return cpu_raise_desc(cpu, CHECK_GP_GATE_UPPER, f->sel, g);
	}
	f->ip = gate_offset(g) & size_mask(size);
	TRY(check_gate_cs(cpu, f, sel, &cs));
	if (f->call && !desc_conforming(&cs) && desc_dpl(&cs) < cpu->cpl)
		TRY(gate_inner(cpu, f, g, &cs, size));
	else
		TRY(gate_same(cpu, f, sel, &cs, size));
	f->gate = sel;
	return EXIT_NONE;
}

static enum exit far_prot(struct vcpu *cpu, struct far *f)
{
	struct desc d;
	unsigned type;

	/* If the segment selector in the destination operand is NULL. */
	if (sel_null(f->sel))
		return cpu_raise(cpu, CHECK_GP_FAR_NULL, 0);
	TRY(desc_fetch(cpu, f->sel, &d, CHECK_GP_SEL_LIMIT));
	if (desc_is_code(&d))
		return far_code(cpu, f, &d);
	type = desc_type(&d);
	/* If the segment descriptor is not for a code segment, call gate, task gate or TSS. */
	if (desc_s(&d) || !(vcpu_long(cpu) ? type == SYS_CALL32 : 0x1A3A >> type & 1))
		return cpu_raise_desc(cpu, CHECK_GP_FAR_TYPE, f->sel, &d);
	TRY(check_gate_dpl(cpu, f, &d));
	if (type == SYS_CALL16 || type == SYS_CALL32)
		return far_call_gate(cpu, f, &d);
	return type == SYS_TASK ? far_task_gate(cpu, f, &d) : far_tss(cpu, f, f->sel, &d);
}

static enum exit far_transfer(
	struct vcpu *cpu, uint64_t sel, uint64_t ip, uint64_t packed, bool call)
{
	struct far f = {.sel = sel, .osize = packed & 0xFF, .call = call};

	cpu->from = spot_now(cpu, 0);
	f.ip = ip & size_mask(f.osize);
	f.next = cpu->rip + (packed >> 8 & 0xFF);
	if (!is_code64(cpu))
		f.next &= cpu->seg[SEG_CS].attr & SEGA_DB ? UINT32_MAX : 0xFFFF;
	TRY(is_prot(cpu) ? far_prot(cpu, &f) : far_simple(cpu, &f));
	mode_refresh(cpu);
	vcpu_update_req(cpu);
	if (f.gate)
		cpu_transition(cpu, TR_GATE, f.gate, 0);
	else if ((cpu->mode ^ (uint32_t)cpu->from.key) & MODE_CODE_MASK && !f.task)
		cpu_transition(cpu, TR_FARJMP, 0, 0);
	return EXIT_NONE;
}

enum exit h_jmp_far(struct vcpu *cpu, uint64_t sel, uint64_t ip, uint64_t packed)
{
	return far_transfer(cpu, sel, ip, packed, false);
}

enum exit h_call_far(struct vcpu *cpu, uint64_t sel, uint64_t ip, uint64_t packed)
{
	return far_transfer(cpu, sel, ip, packed, true);
}
