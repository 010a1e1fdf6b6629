/*
 * vcpu.c - birth, reset and bookkeeping of a virtual CPU.
 *
 * What other parts derive from the registers - the copy that paging reads, the mode key, the
 * request word - is derived here and nowhere else, so that no instruction can leave half of it
 * stale.
 *
 * Source: Intel SDM Vol. 3A 9.1 "Initialization Overview", table 9-1.
 */
#include "cpu/fpu/fpu.h"
#include "cpu/ring0/history.h"
#include "cpu/ring0/priv.h"
#include "mmu/base/host_mem.h"
#include "mmu/base/log.h"
#include <stdlib.h>
#include <string.h>

/* a huge page is given only where all of it is mapped */
#define VCPU_BYTES ((sizeof(struct vcpu) + HOST_HUGE - 1) & ~(HOST_HUGE - 1))

static void watch_hit(void *opaque, unsigned i, gla_t gla, unsigned len, bool write)
{
	struct vcpu *cpu = opaque;

	if (i >= MMU_WATCH_GUEST) { /* a debugger's: the run loop stops */
		cpu->watch.hit = true;
		cpu->watch.gla = cpu->mmu.watch[i].gla;
		return;
	}
	cpu->dr6_pending |= BIT(i);
	vcpu_request(cpu, REQ_DEBUG);
}

enum vm_err vcpu_new(struct vcpu **out, const char *model, struct space *mem, struct space *ports,
	struct ram *ram, struct clock *clock, struct log *log, struct err *e)
{
	struct vcpu *cpu = host_map_huge(VCPU_BYTES, false, e); /* most of it is the TLB, probed all over */
	char why[128] = "";
	enum vm_err r;

	*out = NULL;
	if (!cpu)
		return VM_ERR_NOMEM;
	cpu->ports = ports;
	cpu->log = log;
	cpu->clock = clock;
	r = cpuid_setup(cpu, model, e);
	if (r != VM_OK) {
		host_unmap(cpu, VCPU_BYTES);
		return r;
	}
	cpu->index = insn_index_new(why, sizeof(why));
	if (!cpu->index) {
		host_unmap(cpu, VCPU_BYTES);
		return err_set(e, VM_ERR_NOMEM, "instruction index: %s", why);
	}
	cpu->history = history_new();
	if (!cpu->history) {
		vcpu_free(cpu);
		return err_set(e, VM_ERR_NOMEM, "no memory for the trap log");
	}
	cpu->a20 = true;
	mmu_init(&cpu->mmu, mem, ram, log);
	cpu->mmu.watch_hit = watch_hit;
	cpu->mmu.watch_opaque = cpu;
	vcpu_reset(cpu, false);
	*out = cpu;
	return VM_OK;
}

void vcpu_free(struct vcpu *cpu)
{
	if (!cpu)
		return;
	insn_index_free(cpu->index);
	free(cpu->history);
	host_unmap(cpu, VCPU_BYTES);
}

static void reset_msrs(struct vcpu *cpu)
{
	memset(&cpu->msr, 0, sizeof(cpu->msr));
	cpu->msr.pat = 0x0007040600070406;
	cpu->msr.misc_enable = 1;	 /* fast strings */
	cpu->msr.apic_base = 0xFEE00900; /* enabled, bootstrap processor */
	cpu->msr.mtrr_def = 0;
	cpu->msr.feature_control = 1; /* locked */
}

static void reset_segments(struct vcpu *cpu)
{
	static const uint8_t order[] = {SEG_ES, SEG_SS, SEG_DS, SEG_FS, SEG_GS};

	for (unsigned i = 0; i < ARRAY_SIZE(order); i++)
		seg_set(cpu, order[i], 0, 0, 0xFFFF, 0x93);
	seg_set(cpu, SEG_CS, 0xF000, 0xFFFF0000, 0xFFFF, 0x93);
	cpu->gdtr.base = cpu->idtr.base = 0;
	cpu->gdtr.limit = cpu->idtr.limit = 0xFFFF;
	cpu->ldtr = (struct seg){.limit = 0xFFFF, .attr = SEGA_P | SYS_LDT};
	cpu->tr = (struct seg){.limit = 0xFFFF, .attr = SEGA_P | SYS_TSS32_BUSY};
}

void vcpu_reset(struct vcpu *cpu, bool init)
{
	uint64_t cr0 = init ? cpu->cr0 & (CR0_CD | CR0_NW) : CR0_CD | CR0_NW;

	memset(cpu->gpr, 0, sizeof(cpu->gpr));
	cpu->gpr[GPR_RDX] = cpuid_signature(cpu);
	cpu->eflags = FL_1;
	cpu->rip = 0xFFF0;
	cpu->shadow = cpu->halted = 0;
	cpu->cr0 = cr0 | CR0_ET;
	cpu->cr2 = cpu->cr3 = cpu->cr4 = cpu->efer = 0;
	cpu->cpl = 0;
	memset(cpu->dr, 0, sizeof(cpu->dr));
	cpu->dr[6] = 0xFFFF0FF0;
	cpu->dr[7] = 0x400;
	cpu->dr6_pending = 0;
	cpu->nmi_line = cpu->nmi_blocked = cpu->triple = false;
	cpu->event.pending = false;
	cpu->insn_ra = RADDR_NONE;
	cpu->nchain = 0;
	if (!init) {
		cpu->xcr0 = 1;
		reset_msrs(cpu);
	}
	fpu_reset(cpu, init);
	reset_segments(cpu);
	memset(cpu->mmu.pg.pdpte, 0, sizeof(cpu->mmu.pg.pdpte));
	__atomic_fetch_and(&cpu->req, REQ_KICK | REQ_STOP | REQ_INTR, __ATOMIC_RELAXED);
	debug_rearm(cpu);
	tlb_flush(&cpu->mmu, true);
	vcpu_update(cpu);
	vcpu_update_req(cpu);
}

void vcpu_update(struct vcpu *cpu)
{
	struct paging *pg = &cpu->mmu.pg;

	pg->cr0 = cpu->cr0;
	pg->cr3 = cpu->cr3;
	pg->cr4 = cpu->cr4;
	pg->efer = cpu->efer;
	pg->a20_mask = cpu->a20 ? ~0ull : ~BIT(20);
	pg->maxphyaddr = cpu->maxphyaddr;
	pg->has_1g = feature_has(&cpu->features, FEAT_PDPE1GB);
	mode_set(cpu);
}

void vcpu_update_req(struct vcpu *cpu)
{
	uint32_t want = 0;

	if (UNLIKELY(cpu->mode & MODE_ONE)) /* the run loop has cleared shadow or one */
		mode_set(cpu);
	if (cpu->intr_line && (cpu->eflags & FL_IF) && !cpu->shadow)
		want |= REQ_INTR;
	if (cpu->nmi_line && !cpu->nmi_blocked)
		want |= REQ_NMI;
	if ((cpu->req & (REQ_INTR | REQ_NMI)) == want)
		return;
	__atomic_fetch_and(&cpu->req, ~(uint32_t)(REQ_INTR | REQ_NMI) | want, __ATOMIC_RELAXED);
	if (want)
		vcpu_request(cpu, want);
}

void vcpu_set_intr(struct vcpu *cpu, int level)
{
	if (cpu->intr_line != !!level && UNLIKELY(cpu->history->line != NULL) && !cpu->history->off)
		cpu->history->line(cpu->history->seen_opaque, cpu, level);
	cpu->intr_line = level;
	vcpu_update_req(cpu);
}

void vcpu_set_nmi(struct vcpu *cpu, int level)
{
	if (level) /* edge-triggered: latched until delivered */
		cpu->nmi_line = true;
	vcpu_update_req(cpu);
}

void vcpu_set_a20(struct vcpu *cpu, int level)
{
	if (cpu->a20 == !!level)
		return;
	cpu->a20 = level;
	vcpu_update(cpu);
	tlb_flush(&cpu->mmu, true);
}

/* The gate after the request: set_context() (jit/context.c) looks at them the other way round, so one of both sees the other's. */
void vcpu_request(struct vcpu *cpu, uint32_t req)
{
	__atomic_fetch_or(&cpu->req, req, __ATOMIC_SEQ_CST);
	__atomic_store_n(&cpu->jc_gate, VCPU_GATE_SHUT, __ATOMIC_SEQ_CST);
}

void vcpu_kick(struct vcpu *cpu)
{
	vcpu_request(cpu, REQ_KICK);
}
