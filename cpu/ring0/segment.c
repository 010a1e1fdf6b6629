/*
 * segment.c - segment registers, their hidden parts, and every data access that goes through them.
 *
 * The hidden part is all that counts: real-address mode, "unreal" mode and protected mode differ
 * only in how it is loaded. The window rlo..rhi / wlo..whi is what is compared at an access; which
 * of the manual's conditions failed is worked out only after the fact.
 *
 * Source: Intel SDM Vol. 3A chapter 3 and 5.3 to 5.6; Vol. 2 MOV, POP, LDS; Vol. 3A 20.1
 * (real-address mode).
 */
#include "cpu/ring0/priv.h"

/* ---- hidden parts ---- */

void seg_derive_one(const struct vcpu *cpu, struct seg *s, bool any_write)
{
	unsigned type = s->attr & SEGA_TYPE;
	bool code = type & TYPE_CODE;
	uint32_t lo = 0, hi = s->limit;

	s->rlo = s->wlo = 1;
	s->rhi = s->whi = 0;
	if (!(s->attr & SEGA_P))
		return;
	if (!code && (type & TYPE_CE)) { /* expand-down: valid offsets are above the limit */
		if (s->limit == UINT32_MAX)
			return;
		lo = s->limit + 1;
		hi = s->attr & SEGA_DB ? UINT32_MAX : 0xFFFF;
		if (lo > hi)
			return;
	}
	if (!code || (type & TYPE_RW) || any_write) {
		s->rlo = lo;
		s->rhi = hi;
	}
	if ((!code && (type & TYPE_RW)) || any_write) {
		s->wlo = lo;
		s->whi = hi;
	}
}

void seg_derive(struct vcpu *cpu, unsigned seg)
{
	seg_derive_one(cpu, &cpu->seg[seg], is_real(cpu) || is_vm86(cpu));
}

void seg_derive_all(struct vcpu *cpu)
{
	for (unsigned i = 0; i < SEG_COUNT; i++)
		seg_derive(cpu, i);
}

void seg_set(
	struct vcpu *cpu, unsigned seg, uint16_t sel, uint64_t base, uint32_t limit, uint16_t attr)
{
	cpu->seg[seg] = (struct seg){.base = base, .limit = limit, .sel = sel, .attr = attr};
	seg_derive(cpu, seg);
}

void seg_from_desc(struct seg *s, uint16_t sel, const struct desc *d)
{
	*s = (struct seg){
		.base = desc_base(d), .limit = desc_limit(d), .sel = sel, .attr = desc_attr(d)};
}

void seg_load_desc(struct vcpu *cpu, unsigned seg, uint16_t sel, const struct desc *d)
{
	seg_from_desc(&cpu->seg[seg], sel, d);
	cpu->seg[seg].base &= UINT32_MAX;
	cpu->seg[seg].attr |= TYPE_ACC;
	seg_derive(cpu, seg);
}

/* A null selector: unusable outside 64-bit mode. FS and GS lose their base, as Intel processors do.
 */
void seg_load_null(struct vcpu *cpu, unsigned seg, uint16_t sel)
{
	uint16_t attr = seg == SEG_SS ? (uint16_t)(cpu->cpl << 5) : 0;

	seg_set(cpu, seg, sel, 0, 0, attr);
}

/* 20.1.1: base = selector * 16; limit and attributes stay as they were ("unreal" mode) */
void seg_load_real(struct vcpu *cpu, unsigned seg, uint16_t sel)
{
	struct seg *s = &cpu->seg[seg];

	if (!(s->attr & SEGA_P)) {
		s->limit = 0xFFFF;
		s->attr = 0x93;
	}
	s->sel = sel;
	s->base = (uint32_t)sel << 4;
	seg_derive(cpu, seg);
}

void seg_load_vm86(struct vcpu *cpu, unsigned seg, uint16_t sel)
{
	seg_set(cpu, seg, sel, (uint32_t)sel << 4, 0xFFFF, 0xF3);
}

/* ---- descriptors ---- */

static bool table_entry(struct vcpu *cpu, uint16_t sel, unsigned bytes, gla_t *at)
{
	uint64_t base = cpu->gdtr.base;
	uint32_t limit = cpu->gdtr.limit, off = sel & 0xFFF8;

	if (sel & 4) {
		if (!(cpu->ldtr.attr & SEGA_P) || sel_null(cpu->ldtr.sel))
			return false;
		base = cpu->ldtr.base;
		limit = cpu->ldtr.limit;
	}
	if (off + bytes - 1 > limit)
		return false;
	*at = vcpu_long(cpu) ? base + off : (uint32_t)(base + off);
	return true;
}

bool desc_lookup(struct vcpu *cpu, uint16_t sel, struct desc *d, enum exit *ex)
{
	*d = (struct desc){0};
	*ex = EXIT_NONE;
	if (!table_entry(cpu, sel, 8, &d->at))
		return false;
	*ex = lin_read(cpu, d->at, 8, sys_idx(cpu), &d->lo);
	return true;
}

enum exit desc_fetch(struct vcpu *cpu, uint16_t sel, struct desc *d, enum check_id limit)
{
	enum exit ex;

	/* If the segment selector index is outside its descriptor table limits. */
	if (!desc_lookup(cpu, sel, d, &ex))
		return cpu_raise_aux(
			cpu, limit, sel & 0xFFFC, sel, sel & 4 ? cpu->ldtr.limit : cpu->gdtr.limit);
	return ex;
}

/* Upper half of a 16-byte system descriptor; its type field is the caller's. */
enum exit desc_fetch_high(struct vcpu *cpu, struct desc *d, uint16_t sel, enum check_id limit)
{
	gla_t at;

	if (!table_entry(cpu, sel, 16, &at))
		return cpu_raise_aux(cpu, limit, sel & 0xFFFC, sel, cpu->gdtr.limit);
	return lin_read(cpu, at + 8, 8, sys_idx(cpu), &d->hi);
}

enum exit desc_set_accessed(struct vcpu *cpu, struct desc *d)
{
	uint64_t b;

	if (d->lo >> 40 & TYPE_ACC)
		return EXIT_NONE;
	b = d->lo >> 40 & 0xFF;
	TRY(lin_write(cpu, d->at + 5, 1, sys_idx(cpu), b | TYPE_ACC));
	d->lo |= 1ull << 40;
	return EXIT_NONE;
}

enum exit ss_fetch_inner(struct vcpu *cpu, uint16_t sel, unsigned cpl, struct desc *d)
{
	/* If the stack segment selector in the TSS is NULL. */
	if (sel_null(sel))
		return cpu_raise(cpu, CHECK_TS_SS_NULL, sel & 0xFFFC);
	TRY(desc_fetch(cpu, sel, d, CHECK_TS_SS_LIMIT));
	/* If the RPL of the stack segment selector in the TSS is not equal to the new CPL. */
	if ((sel & 3) != cpl)
		return cpu_raise_desc(cpu, CHECK_TS_SS_RPL, sel, d);
	/* If the DPL of the stack segment descriptor is not equal to the new CPL. */
	if (desc_dpl(d) != cpl)
		return cpu_raise_desc(cpu, CHECK_TS_SS_DPL, sel, d);
	/* If the stack segment is not a writable data segment. */
	if (!desc_s(d) || (desc_type(d) & TYPE_CODE) || !(desc_type(d) & TYPE_RW))
		return cpu_raise_desc(cpu, CHECK_TS_SS_TYPE, sel, d);
	/* If the stack segment is not present. */
	if (!desc_present(d))
		return cpu_raise_desc(cpu, CHECK_SS_NOT_PRESENT, sel, d);
	return EXIT_NONE;
}

/* ---- loads of DS, ES, FS, GS, SS (protected mode) ---- */

static enum exit load_ss(struct vcpu *cpu, uint16_t sel)
{
	struct desc d;

	if (sel_null(sel)) {
		/* If the SS register is loaded with a NULL selector (64-bit mode: and CPL = 3 or
		 * RPL != CPL). */
		if (!is_code64(cpu) || cpu->cpl == 3 || (sel & 3) != cpu->cpl)
			return cpu_raise(cpu, CHECK_GP_SS_NULL, 0);
		seg_load_null(cpu, SEG_SS, sel);
		return EXIT_NONE;
	}
	TRY(desc_fetch(cpu, sel, &d, CHECK_GP_SEL_LIMIT));
	/* If the SS register is being loaded and the selector's RPL is not equal to the CPL. */
	if ((sel & 3) != cpu->cpl)
		return cpu_raise_desc(cpu, CHECK_GP_SS_RPL, sel, &d);
	/* ... and the segment is not a writable data segment. */
	if (!desc_s(&d) || (desc_type(&d) & TYPE_CODE) || !(desc_type(&d) & TYPE_RW))
		return cpu_raise_desc(cpu, CHECK_GP_SS_TYPE, sel, &d);
	/* ... and the segment descriptor's DPL is not equal to the CPL. */
	if (desc_dpl(&d) != cpu->cpl)
		return cpu_raise_desc(cpu, CHECK_GP_SS_DPL, sel, &d);
	/* If the SS register is being loaded and the segment pointed to is marked not present. */
	if (!desc_present(&d))
		return cpu_raise_desc(cpu, CHECK_SS_NOT_PRESENT, sel, &d);
	TRY(desc_set_accessed(cpu, &d));
	seg_load_desc(cpu, SEG_SS, sel, &d);
	return EXIT_NONE;
}

/* Does @seg hold what @sel and @d would put there? A kernel's entries and returns load the same again and again. */
static bool holds_desc(const struct vcpu *cpu, unsigned seg, uint16_t sel, const struct desc *d)
{
	const struct seg *s = &cpu->seg[seg];

	return s->sel == sel && s->base == (uint32_t)desc_base(d) && s->limit == desc_limit(d) && s->attr == desc_attr(d);
}

/* *same: the segment register has not changed */
static enum exit load_data(struct vcpu *cpu, unsigned seg, uint16_t sel, bool *same)
{
	struct desc d;

	if (sel_null(sel)) {
		seg_load_null(cpu, seg, sel);
		return EXIT_NONE;
	}
	TRY(desc_fetch(cpu, sel, &d, CHECK_GP_SEL_LIMIT));
	/* If DS, ES, FS or GS is being loaded and the segment is not a data or readable code
	 * segment. */
	if (!desc_s(&d) || (desc_type(&d) & (TYPE_CODE | TYPE_RW)) == TYPE_CODE)
		return cpu_raise_desc(cpu, CHECK_GP_DATA_TYPE, sel, &d);
	/* If it is a data or nonconforming code segment and the RPL or the CPL is greater than the
	 * DPL. */
	if (!(desc_is_code(&d) && desc_conforming(&d)) &&
		((sel & 3) > desc_dpl(&d) || cpu->cpl > desc_dpl(&d)))
		return cpu_raise_desc(cpu, CHECK_GP_DATA_PRIV, sel, &d);
	/* If DS, ES, FS or GS is being loaded and the segment is marked not present. */
	if (!desc_present(&d))
		return cpu_raise_desc(cpu, CHECK_NP_SEGMENT, sel, &d);
	TRY(desc_set_accessed(cpu, &d));
	*same = holds_desc(cpu, seg, sel, &d);
	if (!*same)
		seg_load_desc(cpu, seg, sel, &d);
	return EXIT_NONE;
}

enum exit h_load_seg(struct vcpu *cpu, uint64_t seg, uint64_t sel, uint64_t lss)
{
	bool same = false;

	sel &= 0xFFFF;
	BUG_ON(seg >= SEG_COUNT || seg == SEG_CS);
	if (is_real(cpu))
		seg_load_real(cpu, seg, sel);
	else if (is_vm86(cpu))
		seg_load_vm86(cpu, seg, sel);
	else if (seg == SEG_SS)
		TRY(load_ss(cpu, sel));
	else
		TRY(load_data(cpu, seg, sel, &same));
	/* MOV SS and POP SS inhibit interrupts and debug traps up to the end of the next
	 * instruction; LSS does not. */
	if (seg == SEG_SS && !lss && !(cpu->shadow & 2))
		cpu->shadow = 2;
	if (seg == SEG_SS)
		mode_refresh(cpu);
	else if (!same)
		mode_seg_loaded(cpu, (unsigned)seg);
	if (cpu->shadow)
		vcpu_update_req(cpu);
	return EXIT_NONE;
}

enum exit h_pop_seg(struct vcpu *cpu, uint64_t what, uint64_t sel, uint64_t unused)
{
	TRY(h_load_seg(cpu, what & 0xFF, sel, 0));
	stack_set_sp(cpu, cpu->gpr[GPR_RSP] + (what >> 8 & 0xFF), (unsigned)(what >> 16));
	return EXIT_NONE;
}

void seg_drop_inner(struct vcpu *cpu)
{
	static const uint8_t regs[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};

	for (unsigned i = 0; i < ARRAY_SIZE(regs); i++) {
		const struct seg *s = &cpu->seg[regs[i]];
		bool conforming = (s->attr & (SEGA_S | TYPE_CODE | TYPE_CE)) ==
				  (SEGA_S | TYPE_CODE | TYPE_CE);

		if (!conforming && (s->attr >> 5 & 3) < cpu->cpl && (s->attr & SEGA_P))
			seg_load_null(cpu, regs[i], 0);
	}
}

/* ---- accesses ---- */

static enum exit raise_window(struct vcpu *cpu, unsigned seg, uint64_t ea, bool write)
{
	const struct seg *s = &cpu->seg[seg];
	unsigned type = s->attr & SEGA_TYPE;
	enum check_id id = seg == SEG_SS ? CHECK_SS_LIMIT : CHECK_GP_LIMIT;

	/* If the DS, ES, FS, or GS register is used to access memory and it contains a NULL segment
	 * selector. */
	if (!(s->attr & SEGA_P))
		id = seg == SEG_SS ? CHECK_SS_LIMIT : CHECK_GP_NULL_SEG;
	else if (is_prot(cpu) && write && ((type & TYPE_CODE) || !(type & TYPE_RW)))
		id = CHECK_GP_WRITE_RO; /* If the destination is located in a non-writable segment.
					 */
	else if (is_prot(cpu) && !write && (type & (TYPE_CODE | TYPE_RW)) == TYPE_CODE)
		id = CHECK_GP_READ_XO; /* Reading from an execute-only code segment. */
	return cpu_raise_aux(cpu, id, 0, ea, s->limit);
}

enum exit seg_linear(
	struct vcpu *cpu, unsigned seg, uint64_t ea, unsigned size, bool write, gla_t *gla)
{
	const struct seg *s = &cpu->seg[seg];
	uint32_t lo = write ? s->wlo : s->rlo, hi = write ? s->whi : s->rhi;

	if (is_code64(cpu)) {
		*gla = ea + (seg >= SEG_FS ? s->base : 0);
		/* If the memory address is in a non-canonical form (#SS if it references the SS
		 * segment). */
		if (!canonical(*gla) || !canonical(*gla + size - 1))
			return cpu_raise_aux(cpu,
				seg == SEG_SS ? CHECK_SS_CANONICAL : CHECK_GP_CANONICAL, 0, *gla,
				size);
		return EXIT_NONE;
	}
	ea &= UINT32_MAX;
	if (UNLIKELY(ea < lo || ea + size - 1 > hi))
		return raise_window(cpu, seg, ea, write);
	*gla = (uint32_t)(s->base + ea);
	return EXIT_NONE;
}

enum exit check_alignment(struct vcpu *cpu, gla_t gla, unsigned size)
{
	/* If alignment checking is enabled and an unaligned memory reference is made while the CPL
	 * is 3. */
	if (UNLIKELY((cpu->mode & MODE_AC) && (gla & (size - 1))))
		return cpu_raise_aux(cpu, CHECK_AC_UNALIGNED, 0, gla, size);
	return EXIT_NONE;
}

enum exit seg_read(struct vcpu *cpu, unsigned seg, uint64_t ea, unsigned size, uint64_t *v)
{
	gla_t gla;

	TRY(seg_linear(cpu, seg, ea, size, false, &gla));
	TRY(check_alignment(cpu, gla, size));
	return lin_read(cpu, gla, size, vcpu_mmu_idx(cpu), v);
}

enum exit seg_write(struct vcpu *cpu, unsigned seg, uint64_t ea, unsigned size, uint64_t v)
{
	gla_t gla;

	TRY(seg_linear(cpu, seg, ea, size, true, &gla));
	TRY(check_alignment(cpu, gla, size));
	return lin_write(cpu, gla, size, vcpu_mmu_idx(cpu), v);
}

enum exit lin_read(struct vcpu *cpu, gla_t gla, unsigned size, enum mmu_idx idx, uint64_t *v)
{
	return mmu_read(&cpu->mmu, gla, size, idx, v) == EXIT_NONE ? EXIT_NONE
								   : cpu_page_fault(cpu);
}

enum exit lin_write(struct vcpu *cpu, gla_t gla, unsigned size, enum mmu_idx idx, uint64_t v)
{
	return mmu_write(&cpu->mmu, gla, size, idx, v) == EXIT_NONE ? EXIT_NONE
								    : cpu_page_fault(cpu);
}

enum exit h_seg_check(struct vcpu *cpu, uint64_t seg, uint64_t ea, uint64_t c)
{
	BUG_ON(seg >= SEG_COUNT);
	return seg_linear(cpu, seg, ea, (c & 0xFF) ? c & 0xFF : 1, c >> 8 & 1, &cpu->ret);
}

enum exit h_near_check(struct vcpu *cpu, uint64_t ip, uint64_t taken, uint64_t c)
{
	/* If the target is not canonical (64-bit mode). */
	if (is_code64(cpu)) {
		if (taken && !canonical(ip))
			return cpu_raise_aux(cpu, CHECK_GP_RIP_NONCANON, 0, ip, 0);
		return EXIT_NONE;
	}
	/* If the offset being jumped to is beyond the limits of the CS segment. */
	if (taken && ip > cpu->seg[SEG_CS].limit)
		return cpu_raise_aux(cpu, CHECK_GP_CS_LIMIT, 0, ip, cpu->seg[SEG_CS].limit);
	return EXIT_NONE;
}

enum exit h_align_check(struct vcpu *cpu, uint64_t gla, uint64_t size, uint64_t c)
{
	return check_alignment(cpu, gla, size);
}
