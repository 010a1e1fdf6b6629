/*
 * task.c - the hardware task switch, 16- and 32-bit, and the stacks a TSS holds.
 *
 * Everything that can fault in the outgoing task's context - reading the new TSS, writing the old
 * one, the busy bits, the back link - is read or probed first. Then the switch is committed; what
 * is wrong with the new task's segments faults in the new task, as the manual has it.
 *
 * Source: Intel SDM Vol. 3A chapter 7 "Task Management", figures 7-2 and 7-10, table 7-1.
 */
#include "cpu/ring0/priv.h"

struct tss_image {
	uint32_t cr3, eip, eflags, gpr[8];
	uint16_t seg[6], ldt;
	bool trap;
};

enum exit tss_stack(struct vcpu *cpu, unsigned cpl, uint16_t *ss, uint32_t *esp)
{
	bool is32 = cpu->tr.attr & 8;
	unsigned off = is32 ? 4 + cpl * 8 : 2 + cpl * 4, size = is32 ? 4 : 2;
	uint64_t v;

	/* If the stack pointer's address is beyond the current TSS's segment limit. */
	if (!(cpu->tr.attr & SEGA_P) || off + size + 1 > cpu->tr.limit)
		return cpu_raise_aux(
			cpu, CHECK_TS_STACK_BEYOND, cpu->tr.sel & 0xFFFC, off, cpu->tr.limit);
	TRY(lin_read(cpu, (uint32_t)(cpu->tr.base + off), size, sys_idx(cpu), &v));
	*esp = v;
	TRY(lin_read(cpu, (uint32_t)(cpu->tr.base + off + size), 2, sys_idx(cpu), &v));
	*ss = v;
	return EXIT_NONE;
}

enum exit tss_rsp(struct vcpu *cpu, unsigned off, uint64_t *rsp)
{
	/* If the stack pointer's address is beyond the current TSS's segment limit. */
	if (!(cpu->tr.attr & SEGA_P) || off + 7 > cpu->tr.limit)
		return cpu_raise_aux(
			cpu, CHECK_TS_STACK_BEYOND, cpu->tr.sel & 0xFFFC, off, cpu->tr.limit);
	TRY(lin_read(cpu, cpu->tr.base + off, 8, sys_idx(cpu), rsp));
	/* If the new stack pointer is not canonical. */
	if (!canonical(*rsp))
		return cpu_raise_aux(cpu, CHECK_SS_FRAME_NONCANON, 0, *rsp, 0);
	return EXIT_NONE;
}

static uint32_t get(const uint8_t *p, unsigned off, unsigned size)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < size; i++)
		v |= (uint32_t)p[off + i] << i * 8;
	return v;
}

static void put(uint8_t *p, unsigned off, unsigned size, uint32_t v)
{
	for (unsigned i = 0; i < size; i++)
		p[off + i] = v >> i * 8;
}

static void parse32(const uint8_t *b, struct tss_image *t)
{
	t->cr3 = get(b, 0x1C, 4);
	t->eip = get(b, 0x20, 4);
	t->eflags = get(b, 0x24, 4);
	for (unsigned i = 0; i < 8; i++)
		t->gpr[i] = get(b, 0x28 + i * 4, 4);
	for (unsigned i = 0; i < 6; i++)
		t->seg[i] = get(b, 0x48 + i * 4, 2);
	t->ldt = get(b, 0x60, 2);
	t->trap = b[0x64] & 1;
}

static void parse16(const uint8_t *b, struct tss_image *t)
{
	*t = (struct tss_image){
		.eip = get(b, 0x0E, 2), .eflags = get(b, 0x10, 2), .ldt = get(b, 0x2A, 2)};
	for (unsigned i = 0; i < 8; i++)
		t->gpr[i] = 0xFFFF0000 | get(b, 0x12 + i * 2, 2);
	for (unsigned i = 0; i < 4; i++)
		t->seg[i] = get(b, 0x22 + i * 2, 2);
}

/* The dynamic fields of the outgoing TSS: one run of bytes from EIP (IP) on. Return its length. */
static unsigned compose(const struct vcpu *cpu, bool is32, uint64_t ip, uint32_t flags, uint8_t *b)
{
	unsigned z = is32 ? 4 : 2, nseg = is32 ? 6 : 4;

	put(b, 0, z, ip);
	put(b, z, z, flags);
	for (unsigned i = 0; i < 8; i++)
		put(b, (2 + i) * z, z, cpu->gpr[i]);
	for (unsigned i = 0; i < nseg; i++)
		put(b, (10 + i) * z, z, cpu->seg[i].sel);
	return (10 + nseg) * z;
}

static enum exit tss_probe(struct vcpu *cpu, gla_t gla, unsigned len)
{
	if (mmu_probe(&cpu->mmu, gla, len, MMU_WRITE, sys_idx(cpu)) != EXIT_NONE)
		return cpu_page_fault(cpu);
	return EXIT_NONE;
}

static enum exit read_tss(struct vcpu *cpu, const struct desc *d, struct tss_image *t)
{
	bool is32 = desc_type(d) & 8;
	uint8_t b[0x68];

	if (mmu_read_buf(&cpu->mmu, (uint32_t)desc_base(d), b, is32 ? 0x68 : 0x2C, sys_idx(cpu)) !=
		EXIT_NONE)
		return cpu_page_fault(cpu);
	if (is32)
		parse32(b, t);
	else
		parse16(b, t);
	return EXIT_NONE;
}

static enum exit set_busy(struct vcpu *cpu, gla_t desc_at, bool busy, bool probe)
{
	uint64_t b;

	if (probe)
		return tss_probe(cpu, desc_at + 5, 1);
	TRY(lin_read(cpu, desc_at + 5, 1, sys_idx(cpu), &b));
	return lin_write(cpu, desc_at + 5, 1, sys_idx(cpu), busy ? b | 2 : b & ~2ull);
}

/* ---- the new task's segments: faults belong to the new task ---- */

static enum exit load_task_ldt(struct vcpu *cpu, uint16_t sel)
{
	struct desc d;

	cpu->ldtr = (struct seg){.sel = sel};
	if (sel_null(sel))
		return EXIT_NONE;
	/* If the LDT selector is not in the GDT. */
	if (sel & 4)
		return cpu_raise(cpu, CHECK_TS_LDT, sel & 0xFFFC);
	TRY(desc_fetch(cpu, sel, &d, CHECK_TS_LDT_LIMIT));
	/* If the LDT selector does not point to a present LDT. */
	if (desc_s(&d) || desc_type(&d) != SYS_LDT || !desc_present(&d))
		return cpu_raise_desc(cpu, CHECK_TS_LDT, sel, &d);
	seg_from_desc(&cpu->ldtr, sel, &d);
	return EXIT_NONE;
}

static enum exit load_task_cs(struct vcpu *cpu, uint16_t sel)
{
	struct desc d;

	/* If the code segment selector is NULL. */
	if (sel_null(sel))
		return cpu_raise(cpu, CHECK_TS_CS, 0);
	TRY(desc_fetch(cpu, sel, &d, CHECK_TS_CS_LIMIT));
	/* If it is not a code segment; conforming with DPL > RPL; nonconforming with DPL != RPL. */
	if (!desc_is_code(&d) ||
		(desc_conforming(&d) ? desc_dpl(&d) > (sel & 3) : desc_dpl(&d) != (sel & 3)))
		return cpu_raise_desc(cpu, CHECK_TS_CS, sel, &d);
	/* If the code segment is not present. */
	if (!desc_present(&d))
		return cpu_raise_desc(cpu, CHECK_NP_SEGMENT, sel, &d);
	TRY(desc_set_accessed(cpu, &d));
	seg_load_desc(cpu, SEG_CS, sel, &d);
	return EXIT_NONE;
}

static enum exit load_task_ss(struct vcpu *cpu, uint16_t sel, unsigned cpl)
{
	struct desc d;

	/* presence is judged before the privilege levels, unlike for an inner stack (7.3) */
	if (!sel_null(sel)) {
		TRY(desc_fetch(cpu, sel, &d, CHECK_TS_SS_LIMIT));
		/* If the stack segment is a writable data segment, but not present. */
		if (desc_s(&d) && (desc_type(&d) & (TYPE_CODE | TYPE_RW)) == TYPE_RW && !desc_present(&d))
			return cpu_raise_desc(cpu, CHECK_SS_NOT_PRESENT, sel, &d);
	}
	TRY(ss_fetch_inner(cpu, sel, cpl, &d));
	TRY(desc_set_accessed(cpu, &d));
	seg_load_desc(cpu, SEG_SS, sel, &d);
	return EXIT_NONE;
}

static enum exit load_task_data(struct vcpu *cpu, unsigned seg, uint16_t sel)
{
	struct desc d;

	if (sel_null(sel))
		return EXIT_NONE;
	TRY(desc_fetch(cpu, sel, &d, CHECK_TS_DATA_LIMIT));
	/* If it is not a data or readable code segment, or DPL is less than CPL or RPL (not for
	 * conforming code). */
	if (!desc_s(&d) || (desc_type(&d) & (TYPE_CODE | TYPE_RW)) == TYPE_CODE ||
		(!(desc_is_code(&d) && desc_conforming(&d)) &&
			(desc_dpl(&d) < cpu->cpl || desc_dpl(&d) < (sel & 3))))
		return cpu_raise_desc(cpu, CHECK_TS_DATA, sel, &d);
	/* If the segment is not present. */
	if (!desc_present(&d))
		return cpu_raise_desc(cpu, CHECK_NP_SEGMENT, sel, &d);
	TRY(desc_set_accessed(cpu, &d));
	seg_load_desc(cpu, seg, sel, &d);
	return EXIT_NONE;
}

/*
 * "The exact order is model specific" (7.3, at table 7-1): ours is LDT, SS, data segments, CS, as Bochs has it. Until the stack segment is
 * there CPL counts as 3, so that a fault's handler gets the stack of its level from the new TSS.
 */
static enum exit load_segments(struct vcpu *cpu, const struct tss_image *t)
{
	static const uint8_t data[] = {SEG_DS, SEG_ES, SEG_FS, SEG_GS};
	unsigned cpl = t->seg[SEG_CS] & 3;

	for (unsigned i = 0; i < SEG_COUNT; i++)
		seg_set(cpu, i, t->seg[i], 0, 0, 0);
	cpu->cpl = 3;
	TRY(load_task_ldt(cpu, t->ldt));
	if (is_vm86(cpu)) {
		for (unsigned i = 0; i < SEG_COUNT; i++)
			seg_load_vm86(cpu, i, t->seg[i]);
	} else {
		TRY(load_task_ss(cpu, t->seg[SEG_SS], cpl));
		cpu->cpl = cpl;
		for (unsigned i = 0; i < ARRAY_SIZE(data); i++)
			TRY(load_task_data(cpu, data[i], t->seg[data[i]]));
		TRY(load_task_cs(cpu, t->seg[SEG_CS]));
	}
	/* If EIP in the new TSS is not within the code segment limit. */
	if (cpu->rip > cpu->seg[SEG_CS].limit)
		return cpu_raise_aux(cpu, CHECK_GP_CS_LIMIT, 0, cpu->rip, cpu->seg[SEG_CS].limit);
	return EXIT_NONE;
}

static enum exit load_task_cr3(struct vcpu *cpu, uint32_t cr3)
{
	if ((cpu->cr4 & CR4_PAE) && !walk_load_pdptes(&cpu->mmu.pg, cpu->mmu.mem, cr3))
		return cpu_raise_aux(cpu, CHECK_GP_PDPTE, 0, cr3, 0);
	cpu->cr3 = cr3;
	tlb_flush(&cpu->mmu, false);
	return EXIT_NONE;
}

/* Registers of the new task; from here on it is the one that faults. */
static void load_registers(struct vcpu *cpu, const struct tss_image *t, bool nested)
{
	for (unsigned i = 0; i < 8; i++)
		cpu->gpr[i] = t->gpr[i];
	cpu->eflags = (t->eflags & (FL_ARITH | FL_TF | FL_IF | FL_DF | FL_IOPL | FL_NT | FL_RF |
					   FL_VM | FL_AC | FL_VIF | FL_VIP | FL_ID)) |
		      FL_1 | (nested ? FL_NT : 0);
	cpu->rip = t->eip;
	cpu->cr0 |= CR0_TS;
	cpu->dr[7] &= ~0x155ull; /* L0..L3, LE */
	debug_rearm(cpu);
}

static enum exit switch_checks(struct vcpu *cpu, const struct desc *d, uint16_t sel, gla_t *old_at)
{
	struct desc old;

	/* If the new TSS limit is less than 67H for a 32-bit TSS or 2CH-1 for a 16-bit TSS. */
	if (desc_limit(d) < (desc_type(d) & 8 ? 0x67 : 0x2B))
		return cpu_raise_desc(cpu, CHECK_TS_LIMIT, sel, d);
	/* If the current TSS is too small to take the outgoing state. */
	if (!(cpu->tr.attr & SEGA_P) || cpu->tr.limit < (cpu->tr.attr & 8 ? 0x5F : 0x29))
		return cpu_raise_aux(
			cpu, CHECK_TS_OLD_LIMIT, cpu->tr.sel & 0xFFFC, cpu->tr.limit, 0);
	TRY(desc_fetch(cpu, cpu->tr.sel, &old, CHECK_TS_OLD_LIMIT));
	*old_at = old.at;
	return EXIT_NONE;
}

enum exit task_switch(
	struct vcpu *cpu, uint16_t sel, struct desc *d, enum task_how how, uint64_t next_ip)
{
	bool nested = how == TASK_CALL || how == TASK_EVENT, old32 = cpu->tr.attr & 8;
	gla_t old_base = (uint32_t)(cpu->tr.base + (old32 ? 0x20 : 0x0E)),
	      new_base = (uint32_t)desc_base(d), old_at = 0;
	uint32_t flags = cpu->eflags & (how == TASK_IRET ? ~(uint32_t)FL_NT : ~0u);
	uint16_t old_sel = cpu->tr.sel;
	struct tss_image t;
	uint8_t old[64];
	unsigned len = compose(cpu, old32, next_ip, flags, old);
	enum exit r;

	TRY(switch_checks(cpu, d, sel, &old_at));
	TRY(read_tss(cpu, d, &t));
	TRY(tss_probe(cpu, old_base, len));
	TRY(tss_probe(cpu, new_base, 2));
	TRY(set_busy(cpu, old_at, false, true));
	TRY(set_busy(cpu, d->at, true, true));
	/* commit */
	if (!nested)
		TRY(set_busy(cpu, old_at, false, false));
	if (mmu_write_buf(&cpu->mmu, old_base, old, len, sys_idx(cpu)) != EXIT_NONE)
		return cpu_page_fault(cpu);
	if (sel == old_sel) /* a task that switches to itself resumes what was just saved */
		TRY(read_tss(cpu, d, &t));
	if (nested)
		TRY(lin_write(cpu, new_base, 2, sys_idx(cpu), old_sel));
	if (how != TASK_IRET)
		TRY(set_busy(cpu, d->at, true, false));
	d->lo |= 2ull << 40;
	seg_from_desc(&cpu->tr, sel, d);
	load_registers(cpu, &t, nested);
	r = (cpu->cr0 & CR0_PG) && (cpu->tr.attr & 8) ? load_task_cr3(cpu, t.cr3) : EXIT_NONE;
	vcpu_update(cpu);
	if (r == EXIT_NONE)
		r = load_segments(cpu, &t);
	vcpu_update(cpu);
	vcpu_update_req(cpu);
	cpu_transition(cpu, TR_TASK, old_sel, sel); /* before a fault of the new task, if there is one, is delivered */
	if (r == EXIT_NONE && t.trap) { /* the T flag: #DB after the switch, 7.2.1 */
		cpu->dr6_pending |= BIT(15);
		vcpu_request(cpu, REQ_DEBUG);
	}
	return r == EXIT_NONE ? vm86_virtual_pending(cpu) : r;
}
