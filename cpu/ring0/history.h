/*
 * history.h - the trap log: the last transitions of a CPU, and the last exceptions with all that explains them.
 *
 * Always on. Two rings: HISTORY_RECS transitions (interrupts, exceptions, software interrupts, system calls, gates,
 * returns, task switches, CR3 and mode changes) and HISTORY_TRAPS exceptions, each with a copy of the registers,
 * descriptor-table registers, the page walk, the instruction's bytes, the descriptor and the TSS as they were when the fault was
 * found, so that it can be told later. Entries are numbered from 1 over the CPU's life; a reset does not clear them.
 */
#ifndef CPU_RING0_HISTORY_H
#define CPU_RING0_HISTORY_H

#include "cpu/ring0/ring0.h"

#define HISTORY_RECS 4096 /* powers of two */
#define HISTORY_TRAPS 256
#define HISTORY_TSS 0x68 /* bytes of a TSS without what follows its fixed part */

struct hist_rec {
	uint64_t time;	  /* virtual ns, of calls and returns when the clock was last asked; 0 without a clock */
	uint64_t insns;	  /* instructions executed, where they are counted (interpreter) */
	uint64_t cr3;	  /* afterwards */
	uint64_t a, b;	  /* as given to cpu_transition() */
	uint64_t trap;	  /* TR_EXCEPTION: number of its struct trap, else 0 */
	struct place from, to;
	uint8_t what;	  /* enum transition */
};

/* One exception, or an interrupt whose delivery failed. */
struct trap {
	uint64_t no, time;
	uint64_t prior;	  /* trap during whose delivery this one arose, or 0 */
	struct event ev;
	struct place at, to; /* where it was raised; where the handler began if delivered */
	bool delivered, shutdown; /* neither: its delivery failed */
	uint8_t nbytes, bytes[INSN_MAX_LEN]; /* of the instruction, as far as its page goes; 0: not fetched */
	uint64_t gpr[16];
	uint32_t eflags;
	struct seg seg[SEG_COUNT], ldtr, tr;
	struct { uint64_t base; uint32_t limit; } gdtr, idtr;
	uint64_t cr0, cr3, cr4, efer;
	bool has_walk;	  /* #PF: */
	struct mmu_fault fault;
	/* what the checks of segments and gates read of memory, as it was; lengths 0: not there, or not asked */
	uint8_t ntss, ndesc, has_io, io; /* io: byte of the I/O map for the port in ev.aux[0] */
	uint64_t desc[2]; /* that the error code points at; 16 bytes in IA-32e mode */
	uint8_t tss[HISTORY_TSS];
};

struct history {
	bool off; /* write nothing: for measuring what it costs */
	uint64_t nrecs, ntraps; /* numbers of the newest */
	struct hist_rec rec[HISTORY_RECS];
	struct trap trap[HISTORY_TRAPS];
	/* -d trap: each exception once its delivery has succeeded or failed; may be NULL */
	void (*told)(void *opaque, struct vcpu *cpu, const struct trap *t);
	void *opaque; /* of told, and of the readers: the frontend's symbols, or NULL */
	/* -trace: each transition when it has been noted, each change of the INTR wire; may be NULL, both */
	void (*seen)(void *opaque, struct vcpu *cpu, const struct hist_rec *r);
	void (*line)(void *opaque, struct vcpu *cpu, int level);
	void *seen_opaque;
};

struct history *history_new(void); /* NULL: no memory */

/* history_rec(), history_trap() - entry @no, or NULL if there never was one or it has been overwritten */
const struct hist_rec *history_rec(const struct history *h, uint64_t no);
const struct trap *history_trap(const struct history *h, uint64_t no);

/* place_now() - where the CPU is; for cpu->from */
static inline struct place place_now(const struct vcpu *cpu)
{
	return (struct place){cpu->rip, cpu->mode, (uint32_t)cpu->seg[SEG_CS].base, cpu->seg[SEG_CS].sel, cpu->cpl};
}

/* For event.c: note @e, which is about to be delivered at the present state; @prior as in struct trap. NULL: no log. */
struct trap *history_begin(struct vcpu *cpu, const struct event *e, uint64_t prior);
void history_told(struct vcpu *cpu, const struct trap *t);
void history_add(struct vcpu *cpu, enum transition what, uint64_t a, uint64_t b);

/* transition_names[] - "exception", "interrupt", ... for the monitor */
extern const char *const transition_names[TR_COUNT];

#endif
