/*
 * iret.c - returning: real-address mode, virtual-8086, same and outer privilege, to virtual-8086,
 * nested task, 64-bit.
 *
 * The checks on the popped CS and SS are those of the far RET and are shared with farret.c.
 *
 * Source: Intel SDM Vol. 2 IRET/IRETD/IRETQ, operation section; Vol.
 * 3A 6.12.1, 6.14.3, 7.3, 20.2.5.
 */
#include "cpu/ring0/history.h"
#include "cpu/ring0/priv.h"

/* Flags any IRET may change, at the CPL of the IRET. */
uint32_t iret_flag_mask(const struct vcpu *cpu, unsigned osize)
{
	uint32_t m = FL_ARITH | FL_TF | FL_DF | FL_NT;

	if (osize > 2)
		m |= FL_RF | FL_AC | FL_ID;
	if (cpu->cpl <= iopl(cpu))
		m |= FL_IF;
	if (cpu->cpl == 0)
		m |= FL_IOPL | (osize > 2 ? FL_VIF | FL_VIP : 0);
	return m;
}

enum exit ret_check_cs(struct vcpu *cpu, struct far_ret *r)
{
	struct desc *d = &r->cs_d;
	unsigned rpl = r->cs & 3;

	/* If the return code segment selector is NULL. */
	if (sel_null(r->cs))
		return cpu_raise(cpu, CHECK_GP_RET_CS_NULL, 0);
	TRY(desc_fetch(cpu, r->cs, d, CHECK_GP_SEL_LIMIT));
	/* If the return code segment selector's RPL is less than the CPL. */
	if (rpl < cpu->cpl)
		return cpu_raise_desc(cpu, CHECK_GP_RET_RPL, r->cs, d);
	/* If the return code segment descriptor is not a code segment (or has L and D both set). */
	if (!desc_is_code(d) ||
		(vcpu_long(cpu) && (desc_attr(d) & (SEGA_L | SEGA_DB)) == (SEGA_L | SEGA_DB)))
		return cpu_raise_desc(cpu, CHECK_GP_RET_CS_TYPE, r->cs, d);
	/* If it is conforming and its DPL is greater than the RPL; nonconforming and DPL is not
	 * equal to the RPL. */
	if (desc_conforming(d) ? desc_dpl(d) > rpl : desc_dpl(d) != rpl)
		return cpu_raise_desc(cpu, CHECK_GP_RET_CS_DPL, r->cs, d);
	/* If the return code segment is not present. */
	if (!desc_present(d))
		return cpu_raise_desc(cpu, CHECK_NP_SEGMENT, r->cs, d);
	r->outer = rpl > cpu->cpl;
	return EXIT_NONE;
}

enum exit ret_check_ip(struct vcpu *cpu, const struct far_ret *r)
{
	bool l = vcpu_long(cpu) && (desc_attr(&r->cs_d) & SEGA_L);

	/* If the return instruction pointer is not canonical. */
	if (l && !canonical(r->ip))
		return cpu_raise_aux(cpu, CHECK_GP_RIP_NONCANON, 0, r->ip, 0);
	/* If the return instruction pointer is not within the return code segment limit. */
	if (!l && (r->ip & UINT32_MAX) > desc_limit(&r->cs_d))
		return cpu_raise_aux(cpu, CHECK_GP_CS_LIMIT, 0, r->ip, desc_limit(&r->cs_d));
	return EXIT_NONE;
}

enum exit ret_check_ss(struct vcpu *cpu, struct far_ret *r)
{
	struct desc *d = &r->ss_d;
	unsigned rpl = r->cs & 3;
	bool l = vcpu_long(cpu) && (desc_attr(&r->cs_d) & SEGA_L);

	r->ss_null = sel_null(r->ss);
	if (r->ss_null) {
		/* If the return stack selector is NULL (64-bit target: and its RPL is 3 or not that
		 * of CS). */
		if (!l || rpl == 3 || (r->ss & 3) != rpl)
			return cpu_raise(cpu, CHECK_GP_RET_SS_NULL, 0);
		return EXIT_NONE;
	}
	TRY(desc_fetch(cpu, r->ss, d, CHECK_GP_SEL_LIMIT));
	/* If the stack segment selector's RPL is not equal to the RPL of the return code segment
	 * selector. */
	if ((r->ss & 3) != rpl)
		return cpu_raise_desc(cpu, CHECK_GP_RET_SS_RPL, r->ss, d);
	/* If the stack segment is not a writable data segment. */
	if (!desc_s(d) || (desc_type(d) & TYPE_CODE) || !(desc_type(d) & TYPE_RW))
		return cpu_raise_desc(cpu, CHECK_GP_RET_SS_TYPE, r->ss, d);
	/* If the stack segment descriptor's DPL is not equal to the RPL of the return code segment
	 * selector. */
	if (desc_dpl(d) != rpl)
		return cpu_raise_desc(cpu, CHECK_GP_RET_SS_DPL, r->ss, d);
	/* If the stack segment is not present. */
	if (!desc_present(d))
		return cpu_raise_desc(cpu, CHECK_SS_NOT_PRESENT, r->ss, d);
	return EXIT_NONE;
}

enum exit ret_accessed(struct vcpu *cpu, struct far_ret *r)
{
	if (r->outer && !r->ss_null)
		TRY(desc_set_accessed(cpu, &r->ss_d));
	return desc_set_accessed(cpu, &r->cs_d);
}

/* CS, RIP, SS, RSP of an outer level (or, in 64-bit mode, of the same one). */
void ret_load_outer(struct vcpu *cpu, const struct far_ret *r, unsigned release)
{
	bool outward = (r->cs & 3) > cpu->cpl;
	unsigned asize;

	ring0_enter_cs(cpu, r->cs, &r->cs_d, r->cs & 3);
	if (r->ss_null)
		seg_load_null(cpu, SEG_SS, r->ss);
	else
		seg_load_desc(cpu, SEG_SS, r->ss, &r->ss_d);
	asize = stack_asize(cpu);
	stack_set_sp(cpu, r->sp + release, asize);
	cpu->rip = is_code64(cpu) ? r->ip : r->ip & UINT32_MAX;
	if (outward)
		seg_drop_inner(cpu);
}

static enum exit iret_done(struct vcpu *cpu)
{
	mode_refresh(cpu);
	vcpu_update_req(cpu);
	cpu_transition(cpu, TR_IRET, 0, 0);
	return vm86_virtual_pending(cpu);
}

struct popped {
	uint64_t ip, cs, flags;
};

static enum exit pop3(struct vcpu *cpu, const struct stack *st, unsigned osize, struct popped *p)
{
	uint64_t v[3];

	TRY(stack_read_row(cpu, st, 0, 3, osize, v));
	*p = (struct popped){v[0], v[1], v[2]};
	return EXIT_NONE;
}

static enum exit iret_real(struct vcpu *cpu, unsigned osize, struct stack *st)
{
	uint32_t mask = FL_ARITH | FL_TF | FL_IF | FL_DF | FL_IOPL | FL_NT |
			(osize > 2 ? FL_RF | FL_AC | FL_ID : 0);
	struct popped p;

	TRY(pop3(cpu, st, osize, &p));
	/* If the return instruction pointer is not within the return code segment limit. */
	if (p.ip > cpu->seg[SEG_CS].limit)
		return cpu_raise_aux(cpu, CHECK_GP_CS_LIMIT, 0, p.ip, cpu->seg[SEG_CS].limit);
	stack_set_sp(cpu, st->sp + 3 * osize, st->asize);
	seg_load_real(cpu, SEG_CS, p.cs);
	cpu->rip = p.ip;
	flags_merge(cpu, p.flags, mask);
	return iret_done(cpu);
}

static enum exit iret_vm86(struct vcpu *cpu, unsigned osize, struct stack *st)
{
	uint32_t mask =
		FL_ARITH | FL_TF | FL_IF | FL_DF | FL_NT | (osize > 2 ? FL_RF | FL_AC | FL_ID : 0);
	bool vme = iopl(cpu) < 3 && (cpu->cr4 & CR4_VME) && osize == 2;
	struct popped p;

	/* If IOPL is less than 3 in virtual-8086 mode (and CR4.VME = 0 or the operand size is not
	 * 16). */
	if (iopl(cpu) < 3 && !vme)
		return cpu_raise(cpu, CHECK_GP_VM86_IOPL, 0);
	TRY(pop3(cpu, st, osize, &p));
	/* With VME: if the image sets TF, or sets IF while VIP is pending. */
	if (vme && ((p.flags & FL_TF) || ((p.flags & FL_IF) && (cpu->eflags & FL_VIP))))
		return cpu_raise_aux(cpu, CHECK_GP_VME_VIP, 0, p.flags, cpu->eflags);
	if (p.ip > cpu->seg[SEG_CS].limit)
		return cpu_raise_aux(cpu, CHECK_GP_CS_LIMIT, 0, p.ip, cpu->seg[SEG_CS].limit);
	stack_set_sp(cpu, st->sp + 3 * osize, st->asize);
	seg_load_vm86(cpu, SEG_CS, p.cs);
	cpu->rip = p.ip;
	if (vme) { /* the image's IF is the virtual one */
		flags_merge(cpu, p.flags & FL_IF ? FL_VIF : 0, FL_VIF);
		mask &= ~(uint32_t)FL_IF;
	}
	flags_merge(cpu, p.flags, mask);
	return iret_done(cpu);
}

static enum exit iret_to_vm86(struct vcpu *cpu, const struct popped *p, const struct stack *st)
{
	static const uint8_t order[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};
	uint64_t sp, ss, sel[4];

	TRY(stack_read(cpu, st, 12, 4, &sp));
	TRY(stack_read(cpu, st, 16, 4, &ss));
	for (unsigned i = 0; i < 4; i++)
		TRY(stack_read(cpu, st, 20 + i * 4, 4, &sel[i]));
	/* If the return instruction pointer is not within the return code segment limit (64
	 * KBytes). */
	if (p->ip > 0xFFFF)
		return cpu_raise_aux(cpu, CHECK_GP_CS_LIMIT, 0, p->ip, 0xFFFF);
	cpu->eflags = (p->flags & (FL_ARITH | FL_TF | FL_IF | FL_DF | FL_IOPL | FL_NT | FL_RF |
					  FL_VM | FL_AC | FL_VIF | FL_VIP | FL_ID)) |
		      FL_1;
	cpu->cpl = 3;
	seg_load_vm86(cpu, SEG_CS, p->cs);
	seg_load_vm86(cpu, SEG_SS, ss);
	for (unsigned i = 0; i < 4; i++)
		seg_load_vm86(cpu, order[i], sel[i]);
	cpu->gpr[GPR_RSP] = (uint32_t)sp;
	cpu->rip = p->ip;
	return iret_done(cpu);
}

/* The task that is left goes on behind its IRET when it is next switched to (Vol. 3A 7.3). */
static enum exit iret_task(struct vcpu *cpu, unsigned len)
{
	uint64_t link;
	struct desc d;

	TRY(lin_read(cpu, cpu->tr.base, 2, sys_idx(cpu), &link));
	/* If the previous task link's selector is NULL or has its local/global bit set to local. */
	if (sel_null(link) || (link & 4))
		return cpu_raise(cpu, CHECK_TS_LINK, link & 0xFFFC);
	TRY(desc_fetch(cpu, link, &d, CHECK_TS_LINK_LIMIT));
	/* If it does not point to a TSS, or the TSS is not busy. */
	if (desc_s(&d) || (desc_type(&d) != SYS_TSS16_BUSY && desc_type(&d) != SYS_TSS32_BUSY))
		return cpu_raise_desc(cpu, CHECK_TS_LINK_TYPE, link, &d);
	/* If the TSS is not present. */
	if (!desc_present(&d))
		return cpu_raise_desc(cpu, CHECK_NP_TSS, link, &d);
	return task_switch(cpu, link, &d, TASK_IRET, (cpu->seg[SEG_CS].attr & SEGA_DB ? UINT32_MAX : 0xFFFF) & (cpu->rip + len));
}

static enum exit iret_outer(
	struct vcpu *cpu, struct far_ret *r, const struct stack *st, unsigned osize, uint32_t flags)
{
	uint32_t mask = iret_flag_mask(cpu, osize);
	uint64_t v[2];

	TRY(stack_read_row(cpu, st, 3 * osize, 2, osize, v));
	r->sp = v[0];
	r->ss = v[1];
	TRY(ret_check_ss(cpu, r));
	TRY(ret_check_ip(cpu, r));
	r->outer = true;
	TRY(ret_accessed(cpu, r));
	ret_load_outer(cpu, r, 0);
	flags_merge(cpu, flags, mask);
	return iret_done(cpu);
}

static enum exit iret_prot(struct vcpu *cpu, unsigned osize, unsigned len, struct stack *st)
{
	struct far_ret r = {0};
	struct popped p;

	if (cpu->eflags & FL_NT) {
		/* If EFLAGS.NT is set in IA-32e mode. */
		if (vcpu_long(cpu))
			return cpu_raise(cpu, CHECK_GP_IRET_NT_LONG, 0);
		return iret_task(cpu, len);
	}
	TRY(pop3(cpu, st, osize, &p));
	if ((p.flags & FL_VM) && osize == 4 && cpu->cpl == 0 && !vcpu_long(cpu))
		return iret_to_vm86(cpu, &p, st);
	r.ip = p.ip;
	r.cs = p.cs;
	TRY(ret_check_cs(cpu, &r));
	if (r.outer || is_code64(cpu))
		return iret_outer(cpu, &r, st, osize, p.flags);
	TRY(ret_check_ip(cpu, &r));
	TRY(ret_accessed(cpu, &r));
	stack_set_sp(cpu, st->sp + 3 * osize, st->asize);
	ring0_enter_cs(cpu, r.cs, &r.cs_d, cpu->cpl);
	cpu->rip = is_code64(cpu) ? r.ip : r.ip & UINT32_MAX;
	flags_merge(cpu, p.flags, iret_flag_mask(cpu, osize));
	return iret_done(cpu);
}

enum exit h_iret(struct vcpu *cpu, uint64_t osize, uint64_t len, uint64_t c)
{
	struct stack st;

	cpu->from = spot_now(cpu, 0);
	cpu->nmi_blocked = false; /* even when IRET faults, 6.7.1 */
	stack_current(cpu, &st);
	if (is_real(cpu))
		return iret_real(cpu, osize, &st);
	return is_vm86(cpu) ? iret_vm86(cpu, osize, &st) : iret_prot(cpu, osize, len, &st);
}
