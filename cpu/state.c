/*
 * state.c - see state.h. One table, from state.def, both saves and loads. A snapshot is only a file: what is loaded is judged by
 * the rules that keep a running guest out of the same states.
 */
#include "cpu/state.h"
#include "cpu/fpu/fpu.h"
#include "cpu/ring0/priv.h"
#include <string.h>

/* The bytes of a register are those of its field. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "snapshots are little-endian, and so are the hosts");

static const struct state_row { uint32_t off, size; bool flag; } rows[] = {
#define STATE(m) {offsetof(struct vcpu, m), sizeof(((struct vcpu *)0)->m), false},
#define FLAG(m) {offsetof(struct vcpu, m), sizeof(((struct vcpu *)0)->m), true},
#include "cpu/state.def"
#undef STATE
#undef FLAG
};

uint32_t vcpu_state_size(void)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		n += rows[i].size;
	return n;
}

enum vm_err vcpu_state_ready(const struct vcpu *cpu, struct err *e)
{
	if (cpu->triple)
		return err_set(e, VM_ERR_USAGE, "the CPU is shut down by a triple fault: there is nothing to go on with");
	if (cpu->event.pending)
		return err_set(e, VM_ERR_USAGE, "the CPU is in the middle of an exception");
	return VM_OK;
}

void vcpu_state_save(const struct vcpu *cpu, uint8_t *buf)
{
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		memcpy(buf, (const uint8_t *)cpu + rows[i].off, rows[i].size);
		buf += rows[i].size;
	}
}

static bool segments_possible(const struct vcpu *cpu)
{
	for (unsigned i = 0; i < SEG_COUNT; i++)
		if (cpu->seg[i].attr & ~0xF0FFu)
			return false;
	return !((cpu->ldtr.attr | cpu->tr.attr) & ~0xF0FFu);
}

/* The combinations that MOV CR, WRMSR, XSETBV and LDMXCSR refuse. */
static bool control_possible(const struct vcpu *cpu)
{
	bool lma = cpu->efer & EFER_LMA, pg = cpu->cr0 & CR0_PG, pe = cpu->cr0 & CR0_PE;
	uint64_t known_xcr0 = feature_has(&cpu->features, FEAT_AVX) ? 7 : 3;

	if ((pg && !pe) || (lma && !(pg && (cpu->efer & EFER_LME) && (cpu->cr4 & CR4_PAE))) ||
		(pg && (cpu->efer & EFER_LME) && !lma) || (cpu->cr0 >> 32) || (cpu->efer >> 32) || (cpu->cr4 & ~control_cr4_known(cpu)) ||
		(lma && !feature_has(&cpu->features, FEAT_LM)) || (cpu->cr3 >> cpu->maxphyaddr))
		return false;
	if (!(cpu->xcr0 & 1) || (cpu->xcr0 & ~known_xcr0) || (cpu->xcr0 & 6) == 4)
		return false;
	return !(cpu->fpu.mxcsr & ~MXCSR_MASK) && cpu->fpu.mxcsr_mask == MXCSR_MASK;
}

static bool mode_possible(const struct vcpu *cpu)
{
	bool vm = cpu->eflags & FL_VM, pe = cpu->cr0 & CR0_PE;

	if (!(cpu->eflags & FL_1) || (cpu->eflags & ~0x3F7FD7u) || cpu->cpl > 3 || (cpu->shadow & ~0x13u) || (cpu->dr6_pending & ~0xE00Full))
		return false;
	if ((vm && (!pe || vcpu_long(cpu) || cpu->cpl != 3)) || (!pe && cpu->cpl))
		return false;
	return (cpu->dr[6] >> 32) == 0 && (cpu->dr[7] >> 32) == 0;
}

static void derive(struct vcpu *cpu)
{
	seg_derive_all(cpu);
	cpu->fl_save = 0;
	cpu->fp_live = cpu->x87_live = cpu->avx_live = 0;
	cpu->triple = cpu->watch.hit = cpu->event.pending = false;
	cpu->nchain = 0;
	__atomic_fetch_and(&cpu->req, REQ_KICK | REQ_STOP, __ATOMIC_RELAXED);
	if (cpu->dr6_pending)
		vcpu_request(cpu, REQ_DEBUG);
	debug_rearm(cpu);
	tlb_flush(&cpu->mmu, true);
	vcpu_update(cpu);
	vcpu_update_req(cpu);
}

enum vm_err vcpu_state_load(struct vcpu *cpu, const uint8_t *buf, struct err *e)
{
	const uint8_t *p = buf;

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++, p += rows[i - 1].size)
		if (rows[i].flag && *p > 1)
			return err_set(e, VM_ERR_FORMAT, "the CPU's saved state is impossible");
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++, buf += rows[i - 1].size)
		memcpy((uint8_t *)cpu + rows[i].off, buf, rows[i].size);
	if (!segments_possible(cpu) || !control_possible(cpu) || !mode_possible(cpu))
		return err_set(e, VM_ERR_FORMAT, "the CPU's saved state is impossible");
	derive(cpu);
	return VM_OK;
}
