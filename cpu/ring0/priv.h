/*
 * priv.h - what the files of ring 0 share among themselves: descriptors, stacks being built,
 * sub-deliveries.
 *
 * A routine that may fault takes all its checks first; only then does it write guest state. A stack
 * frame is collected in a small array, checked and probed as a whole, and then stored without a
 * chance to fail.
 */
#ifndef CPU_RING0_PRIV_H
#define CPU_RING0_PRIV_H

#include "cpu/helpers.h"
#include "cpu/mode.h"
#include "cpu/ring0/ring0.h"

/* Vectors, SDM Vol. 3A table 6-1 */
enum {
	VEC_DE,
	VEC_DB,
	VEC_NMI,
	VEC_BP,
	VEC_OF,
	VEC_BR,
	VEC_UD,
	VEC_NM,
	VEC_DF,
	VEC_TS = 10,
	VEC_NP,
	VEC_SS,
	VEC_GP,
	VEC_PF,
	VEC_MF = 16,
	VEC_AC,
	VEC_MC,
	VEC_XM
};

#define TRY(x)                                                                                     \
	do {                                                                                       \
		enum exit try_ = (x);                                                              \
		if (UNLIKELY(try_ != EXIT_NONE))                                                   \
			return try_;                                                               \
	} while (0)

/* System descriptor types, SDM Vol. 3A table 3-2 */
enum {
	SYS_TSS16 = 1,
	SYS_LDT = 2,
	SYS_TSS16_BUSY = 3,
	SYS_CALL16 = 4,
	SYS_TASK = 5,
	SYS_INT16 = 6,
	SYS_TRAP16 = 7,
	SYS_TSS32 = 9,
	SYS_TSS32_BUSY = 11,
	SYS_CALL32 = 12,
	SYS_INT32 = 14,
	SYS_TRAP32 = 15
};

/* Type bits of code and data segments, SDM Vol. 3A table 3-1 */
#define TYPE_ACC 1 /* accessed */
#define TYPE_RW 2  /* data: writable; code: readable */
#define TYPE_CE 4  /* data: expand-down; code: conforming */
#define TYPE_CODE 8

struct desc {
	uint64_t lo, hi; /* hi: second half of a 16-byte descriptor (IA-32e mode), else 0 */
	gla_t at;	 /* where it was read */
};

static inline uint16_t desc_attr(const struct desc *d)
{
	return d->lo >> 40 & 0xF0FF;
}

static inline unsigned desc_type(const struct desc *d)
{
	return d->lo >> 40 & 15;
}

static inline bool desc_s(const struct desc *d)
{
	return d->lo >> 44 & 1;
}

static inline unsigned desc_dpl(const struct desc *d)
{
	return d->lo >> 45 & 3;
}

static inline bool desc_present(const struct desc *d)
{
	return d->lo >> 47 & 1;
}

static inline bool desc_is_code(const struct desc *d)
{
	return desc_s(d) && (desc_type(d) & TYPE_CODE);
}

static inline bool desc_conforming(const struct desc *d)
{
	return desc_type(d) & TYPE_CE;
}

static inline uint32_t desc_limit(const struct desc *d)
{
	uint32_t l = (d->lo & 0xFFFF) | (d->lo >> 32 & 0xF0000);

	return desc_attr(d) & SEGA_G ? l << 12 | 0xFFF : l;
}

static inline uint64_t desc_base(
	const struct desc *d) /* code/data: 32 bits; system in IA-32e mode: 64 */
{
	return (d->lo >> 16 & 0xFFFFFF) | (d->lo >> 32 & 0xFF000000) | (d->hi & 0xFFFFFFFF) << 32;
}

static inline uint16_t gate_sel(const struct desc *d)
{
	return d->lo >> 16;
}

static inline uint64_t gate_offset(
	const struct desc *d) /* 32-bit form, or 64-bit when hi was read */
{
	return (d->lo & 0xFFFF) | (d->lo >> 32 & 0xFFFF0000) | (d->hi & 0xFFFFFFFF) << 32;
}

static inline bool sel_null(uint16_t sel)
{
	return !(sel & ~3);
}

static inline bool is_real(const struct vcpu *cpu)
{
	return !(cpu->cr0 & CR0_PE);
}

static inline bool is_vm86(const struct vcpu *cpu)
{
	return cpu->eflags & FL_VM;
}

static inline bool is_prot(const struct vcpu *cpu) /* protected mode proper, IA-32e included */
{
	return (cpu->cr0 & CR0_PE) && !(cpu->eflags & FL_VM);
}

static inline bool is_code64(const struct vcpu *cpu)
{
	return (cpu->efer & EFER_LMA) && (cpu->seg[SEG_CS].attr & SEGA_L);
}

static inline unsigned iopl(const struct vcpu *cpu)
{
	return cpu->eflags >> 12 & 3;
}

static inline bool canonical(gla_t a)
{
	return (uint64_t)sign_extend(a, 48) == a;
}

static inline enum mmu_idx sys_idx(
	const struct vcpu *cpu) /* implicit supervisor accesses: tables and TSS */
{
	return cpu->cr4 & CR4_SMAP ? MMU_SMAP : MMU_SUP;
}

static inline enum mmu_idx idx_for_cpl(const struct vcpu *cpu, unsigned cpl)
{
	return cpl == 3						 ? MMU_USER
	       : (cpu->cr4 & CR4_SMAP) && !(cpu->eflags & FL_AC) ? MMU_SMAP
								 : MMU_SUP;
}

static inline uint64_t size_mask(unsigned bytes) /* 1, 2, 4, 8 */
{
	return bytes >= 8 ? ~0ull : (1ull << bytes * 8) - 1;
}

static inline unsigned stack_asize(const struct vcpu *cpu)
{
	return is_code64(cpu) ? 8 : cpu->seg[SEG_SS].attr & SEGA_DB ? 4 : 2;
}

static inline void gpr_merge(uint64_t *r, uint64_t v, unsigned bytes) /* 4: zero-extends */
{
	*r = bytes >= 4 ? v & size_mask(bytes) : (*r & ~size_mask(bytes)) | (v & size_mask(bytes));
}

/* ---- segment.c ---- */
enum exit check_alignment(struct vcpu *cpu, gla_t gla, unsigned size); /* #AC when MODE_AC */
/* ---- event.c ---- */
enum exit cpu_raise_desc(
	struct vcpu *cpu, enum check_id id, uint16_t sel, const struct desc *d); /* code: sel */
enum exit cpu_raise_aux(struct vcpu *cpu, enum check_id id, uint32_t code, uint64_t a, uint64_t b);
void cpu_transition(struct vcpu *cpu, enum transition what, uint16_t a, uint64_t b); /* history_add() */

/* ---- gate.c: who may execute what ---- */
enum gate_insn {
#define GATE(id, ...) GATE_##id,
#include "cpu/ring0/gates.def"
#undef GATE
	GATE_COUNT
};
enum exit ring0_gate(struct vcpu *cpu, enum gate_insn g);
enum exit gate_port(struct vcpu *cpu, uint16_t port, unsigned size);

/* ---- segment.c ---- */
/* Which rows a descriptor fetch or a load reports; contexts differ only in vector and wording. */
enum exit desc_fetch(struct vcpu *cpu, uint16_t sel, struct desc *d, enum check_id limit);
bool desc_lookup(struct vcpu *cpu, uint16_t sel, struct desc *d,
	enum exit *ex); /* false: beyond the table */
enum exit desc_fetch_high(struct vcpu *cpu, struct desc *d, uint16_t sel, enum check_id limit);
enum exit desc_set_accessed(struct vcpu *cpu, struct desc *d);
void seg_load_desc(struct vcpu *cpu, unsigned seg, uint16_t sel, const struct desc *d);
void seg_from_desc(struct seg *s, uint16_t sel, const struct desc *d);
void seg_derive_one(const struct vcpu *cpu, struct seg *s, bool any_write);
void seg_derive_all(struct vcpu *cpu);
void seg_load_null(struct vcpu *cpu, unsigned seg, uint16_t sel);
void seg_load_real(struct vcpu *cpu, unsigned seg, uint16_t sel);
void seg_load_vm86(struct vcpu *cpu, unsigned seg, uint16_t sel);
void seg_drop_inner(
	struct vcpu *cpu); /* after a return outward: DS ES FS GS the new CPL may not keep */
enum exit ss_fetch_inner(
	struct vcpu *cpu, uint16_t sel, unsigned cpl, struct desc *d); /* #TS/#SS rows */

/* ---- stack.c ---- */
struct stack {
	struct seg ss;
	uint64_t sp;
	unsigned asize; /* 2, 4, 8 */
	enum mmu_idx idx;
	enum check_id room; /* row when an element is outside the limit or not canonical */
	uint32_t code;
};
void stack_current(struct vcpu *cpu, struct stack *st);
void stack_narrow(struct stack *st); /* 64-bit code's as compatibility code sees it */
/* push v[0] first; all or nothing; st->sp is the new stack pointer */
enum exit stack_push(
	struct vcpu *cpu, struct stack *st, const uint64_t *v, unsigned n, unsigned size);
enum exit stack_probe(struct vcpu *cpu, const struct stack *st, unsigned n, unsigned size);
enum exit stack_read(
	struct vcpu *cpu, const struct stack *st, unsigned off, unsigned size, uint64_t *v);
/* stack_read_row() - @n values of @size bytes from @off bytes above the stack pointer on, in this order */
enum exit stack_read_row(struct vcpu *cpu, const struct stack *st, unsigned off, unsigned n, unsigned size, uint64_t *v);
void stack_set_sp(struct vcpu *cpu, uint64_t sp, unsigned asize);

/* ---- deliveries; @soft: INT n, INT3, INTO ---- */
struct delivery {
	unsigned vec;
	bool soft, has_code, set_rf, check_dpl;
	uint32_t code;
	uint64_t ret_ip;
};
enum exit deliver_real(struct vcpu *cpu, const struct delivery *dv);
enum exit deliver_prot(struct vcpu *cpu, const struct delivery *dv);
enum exit deliver_long(struct vcpu *cpu, const struct delivery *dv);
enum exit deliver_any(struct vcpu *cpu, const struct delivery *dv);
void ring0_enter_cs(struct vcpu *cpu, uint16_t sel, const struct desc *d, unsigned cpl);

/* ---- iret.c: shared by IRET and far RET ---- */
struct far_ret {
	uint64_t ip, sp;
	uint16_t cs, ss;
	struct desc cs_d, ss_d;
	bool outer, ss_null;
};
enum exit ret_check_cs(
	struct vcpu *cpu, struct far_ret *r); /* selector, type, privilege, presence */
enum exit ret_check_ip(struct vcpu *cpu, const struct far_ret *r);
enum exit ret_check_ss(struct vcpu *cpu, struct far_ret *r);
enum exit ret_accessed(struct vcpu *cpu, struct far_ret *r);
void ret_load_outer(struct vcpu *cpu, const struct far_ret *r, unsigned release);
uint32_t iret_flag_mask(const struct vcpu *cpu, unsigned osize);
static inline void flags_merge(struct vcpu *cpu, uint32_t image, uint32_t mask)
{
	cpu->eflags = (cpu->eflags & ~mask) | (image & mask) | FL_1;
}

/* ---- task.c ---- */
enum task_how { TASK_JMP, TASK_CALL, TASK_IRET, TASK_EVENT };
enum exit task_switch(
	struct vcpu *cpu, uint16_t sel, struct desc *d, enum task_how how, uint64_t next_ip);
/* the inner stack of @cpl from the current TSS (not IA-32e) */
enum exit tss_stack(struct vcpu *cpu, unsigned cpl, uint16_t *ss, uint32_t *esp);
enum exit tss_rsp(struct vcpu *cpu, unsigned offset, uint64_t *rsp);

/* ---- vm86.c ---- */
/* INT n in virtual-8086 mode with VME: *redirected when delivered through the 8086 program's own
 * vector table */
enum exit vm86_int_n(struct vcpu *cpu, unsigned vec, uint64_t ret_ip, bool *redirected);
/* #GP(0) if a task begins an instruction with VIF and VIP set (Vol. 3B 20.3.2); RIP is that instruction already */
enum exit vm86_virtual_pending(struct vcpu *cpu);

/* ---- debug.c ---- */
void debug_io_check(struct vcpu *cpu, uint16_t port, unsigned size);
bool debug_armed(const struct vcpu *cpu);
void debug_rearm(struct vcpu *cpu);
void debug_step(struct vcpu *cpu); /* the instruction just executed ends in a single-step trap */
enum exit debug_trap(struct vcpu *cpu); /* raise #DB for dr6_pending */

/* ---- control.c, msr.c ---- */
enum exit control_write_cr0(struct vcpu *cpu, uint64_t v);
enum exit control_write_efer(struct vcpu *cpu, uint64_t v);
uint64_t control_cr4_known(const struct vcpu *cpu); /* bits of CR4 that this CPU model has */
uint64_t vcpu_tsc(struct vcpu *cpu);

/* ---- cpuid.c ---- */
enum vm_err cpuid_setup(struct vcpu *cpu, const char *arg, struct err *e);
uint64_t cpuid_signature(const struct vcpu *cpu); /* leaf 1 EAX: EDX at reset */

static inline void mode_refresh(struct vcpu *cpu)
{
	mode_set(cpu);
}

#endif
