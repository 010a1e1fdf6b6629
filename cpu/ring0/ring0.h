/*
 * ring0.h - the software ring 0: raising, delivering and returning from events; what the run loop calls.
 *
 * A helper that must fault calls cpu_raise() with the row of checks.def whose condition is met and returns its
 * result, EXIT_FAULT. The run loop then calls ring0_deliver(), which enters the handler through IVT or IDT,
 * turning faults on the way into #DF and triple fault (SDM Vol. 3A 6.15, interrupt 8).
 */
#ifndef CPU_RING0_RING0_H
#define CPU_RING0_RING0_H

#include "cpu/vcpu.h"

enum check_id {
#define CHECK(id, ...) CHECK_##id,
#include "cpu/ring0/checks.def"
#undef CHECK
	CHECK_COUNT
};

/* CHECK(id, vector, error-code form, "condition in the manual's words", "SDM section number and title") */
enum code_form { CODE_NONE, CODE_ZERO, CODE_SEL, CODE_PF, CODE_VALUE };
struct check_row {
	const char *id;
	uint8_t vec, form;
	const char *condition, *section;
};
extern const struct check_row check_rows[CHECK_COUNT];

/**
 * cpu_raise() - raise the event of row @id
 * @code: error code: the selector (bits 15:2, EXT and IDT added by delivery) for CODE_SEL, value for
 *        CODE_PF and CODE_VALUE, ignored otherwise
 * Return: EXIT_FAULT always. cpu->rip must be the faulting instruction's. Operands for explain may be put
 * into cpu->event afterwards.
 */
enum exit cpu_raise(struct vcpu *cpu, enum check_id id, uint32_t code);

/* cpu_page_fault() - raise #PF from cpu->mmu.fault (sets the walk's row, code, CR2 when delivered). */
enum exit cpu_page_fault(struct vcpu *cpu);

/**
 * ring0_deliver() - deliver cpu->event (an exception raised at cpu->rip)
 * Return: EXIT_NONE with CPU state at the handler's first instruction, or EXIT_STOP after a triple fault
 * (cpu->triple set, cpu->chain tells the story, REQ_RESET raised)
 */
enum exit ring0_deliver(struct vcpu *cpu);

/* ring0_interrupt() - take external interrupt @vec (or NMI: vec 2, @nmi) at an instruction boundary. Returns as ring0_deliver(). */
enum exit ring0_interrupt(struct vcpu *cpu, unsigned vec, bool nmi);

/*
 * ring0_boundary() - what SDM Vol. 3A table 6-2 does between two instructions, by priority: reset/INIT, debug traps
 * (TF, data breakpoints: cpu->dr6_pending), NMI, INTR; clears the shadow of the instruction before. Called by the run
 * loop when cpu->req or dr6_pending or shadow is non-zero. EXIT_NONE: go on (also when an event was
 * delivered); EXIT_STOP: leave vcpu_run (halted with nothing to do, stop request, triple fault).
 */
enum exit ring0_boundary(struct vcpu *cpu);

/* ring0_after_one() - called after an instruction that ran under MODE_ONE because of TF: sets dr6_pending.BS if TF was set at its start. */
void ring0_after_one(struct vcpu *cpu, uint32_t eflags_before);

/* Instruction breakpoint (DR7) or fetch checks before running at cpu->rip: CS limit, canonical RIP. EXIT_FAULT raised. */
enum exit ring0_fetch_check(struct vcpu *cpu);
/* The instruction runs on to the page at linear address @next: EXIT_FAULT raised if code cannot be there at all. */
enum exit ring0_fetch_on(struct vcpu *cpu, gla_t next);
bool ring0_insn_breakpoint(struct vcpu *cpu, gla_t gla); /* DR0-3 armed for execution at @gla, RF clear: dr6 set, #DB raised */

/* Transitions that the trap log notes (history.h) */
enum transition { TR_EXCEPTION, TR_INTERRUPT, TR_SOFTINT, TR_IRET, TR_SYSCALL, TR_SYSRET, TR_GATE, TR_FARRET, TR_FARJMP, TR_TASK, TR_CR3, TR_MODE, TR_COUNT };

/* ---- memory as the guest program sees it, for helpers: segmentation, paging and their faults ---- */
/* seg_linear() - checked linear address of @size bytes at @seg:@ea; EXIT_FAULT with #GP/#SS raised. */
enum exit seg_linear(struct vcpu *cpu, unsigned seg, uint64_t ea, unsigned size, bool write, gla_t *gla);
enum exit seg_read(struct vcpu *cpu, unsigned seg, uint64_t ea, unsigned size, uint64_t *v);
enum exit seg_write(struct vcpu *cpu, unsigned seg, uint64_t ea, unsigned size, uint64_t v);
/* linear, no segmentation check; @idx as vcpu_mmu_idx() or MMU_SUP for implicit supervisor accesses; raise #PF on failure */
enum exit lin_read(struct vcpu *cpu, gla_t gla, unsigned size, enum mmu_idx idx, uint64_t *v);
enum exit lin_write(struct vcpu *cpu, gla_t gla, unsigned size, enum mmu_idx idx, uint64_t v);

/* segment.c: set hidden parts directly (reset, real mode, snapshots) and derive rlo..whi */
void seg_set(struct vcpu *cpu, unsigned seg, uint16_t sel, uint64_t base, uint32_t limit, uint16_t attr);
void seg_derive(struct vcpu *cpu, unsigned seg);

#endif
