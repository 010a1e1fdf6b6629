/*
 * history.h - the trap log: the last transitions of a CPU, and the last exceptions with all that explains them.
 *
 * Always on. Two rings: HISTORY_RECS transitions (interrupts, exceptions, software interrupts, system calls, gates,
 * returns, task switches, CR3 and mode changes) and HISTORY_TRAPS exceptions, each with a copy of the registers,
 * descriptor-table registers, the page walk, the instruction's bytes, the descriptor and the TSS as they were when the fault was
 * found, so that it can be told later. Entries are numbered from 1 over the CPU's life; a reset does not clear them.
 *
 * A transition is kept as a cache line of what cannot be told from the rest of it (struct hist_slot); the readers make the whole of it
 * (struct hist_rec). SYSCALL, SYSRET and their like write theirs inline.
 */
#ifndef CPU_RING0_HISTORY_H
#define CPU_RING0_HISTORY_H

#include "cpu/mode.h"
#include "cpu/ring0/ring0.h"
#include "mmu/base/clock.h"

#define HISTORY_RECS 4096 /* powers of two */
#define HISTORY_TRAPS 256
#define HISTORY_TSS 0x68 /* bytes of a TSS without what follows its fixed part */

struct hist_slot {
	struct spot from, to; /* in the keys' upper 16 bits: @a of cpu_transition(); enum transition */
	uint64_t time, insns, cr3, b;
};
_Static_assert(sizeof(struct hist_slot) == 64, "one cache line");

struct hist_rec {
	uint64_t time;	  /* virtual ns when the clock was last asked (history_time()); 0 without a clock */
	uint64_t insns;	  /* instructions executed, where they are counted */
	uint64_t cr3;	  /* afterwards */
	uint64_t a, b;	  /* by kind: vector and AX (INT n), vector and IP, IP and AX (system calls), selector and IP, two selectors, CR0 and EFER */
	uint64_t trap;	  /* TR_EXCEPTION: number of its struct trap, else 0 */
	struct place from, to;
	uint8_t what;	  /* enum transition */
};

struct trap_seg { /* of struct seg what does not follow from the rest of it */
	uint64_t base;
	uint32_t limit;
	uint16_t sel, attr;
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
	struct trap_seg seg[SEG_COUNT], ldtr;
	struct seg tr;
	struct { uint64_t base; uint32_t limit; } gdtr, idtr;
	uint64_t cr0, cr3, cr4, efer;
	/* what the checks of segments and gates read of memory, as it was; lengths 0: not there, or not asked */
	uint8_t ntss, ndesc, has_io, io; /* io: byte of the I/O map for the port in ev.aux[0] */
	bool has_walk;
	union {
		struct mmu_fault fault; /* #PF, if has_walk */
		struct {
			uint64_t desc[2]; /* if ndesc: that the error code points at; 16 bytes in IA-32e mode */
			uint8_t tss[HISTORY_TSS];
		};
	};
};

struct history {
	bool off; /* write nothing: nobody wants it, or lockstep runs a block for the first of two times */
	uint64_t nrecs, ntraps; /* numbers of the newest */
	uint64_t asked;		/* instructions when an entry last asked for the time */
	/* -d trap: each exception once its delivery has succeeded or failed; may be NULL */
	void (*told)(void *opaque, struct vcpu *cpu, const struct trap *t);
	void *opaque; /* of told, and of the readers: the frontend's symbols, or NULL */
	/* -trace: each transition when it has been noted, each change of the INTR wire; may be NULL, both */
	void (*seen)(void *opaque, struct vcpu *cpu, const struct hist_slot *s);
	void (*line)(void *opaque, struct vcpu *cpu, int level);
	void *seen_opaque;
	struct hist_slot slot[HISTORY_RECS] __attribute__((aligned(64)));
	struct trap trap[HISTORY_TRAPS];
};

struct history *history_new(void); /* NULL: no memory; free() it */

/* history_rec(), history_trap() - entry @no; false or NULL: there never was one, or it has been overwritten */
bool history_rec(const struct history *h, uint64_t no, struct hist_rec *r);
const struct trap *history_trap(const struct history *h, uint64_t no);
void history_expand(const struct hist_slot *s, struct hist_rec *r);

static inline struct place place_now(const struct vcpu *cpu)
{
	return (struct place){cpu->rip, cpu->mode, (uint32_t)cpu->seg[SEG_CS].base, cpu->seg[SEG_CS].sel, cpu->cpl};
}

/* spot_now() - where the CPU is; for cpu->from, and with @more for the log */
static inline struct spot spot_now(const struct vcpu *cpu, unsigned more)
{
	uint64_t base = (cpu->mode & MODE_CODE_MASK) == MODE_CODE64 ? 0 : cpu->seg[SEG_CS].base << 32;

	return (struct spot){cpu->rip | base, SPOT_KEY(cpu->mode, cpu->seg[SEG_CS].sel, more)};
}
/* The same where CS is known to be flat, or code to be of 64 bits */
static inline struct spot spot_flat(const struct vcpu *cpu, unsigned more)
{
	return (struct spot){cpu->rip, SPOT_KEY(cpu->mode, cpu->seg[SEG_CS].sel, more)};
}

static inline enum transition slot_what(const struct hist_slot *s)
{
	return s->to.key >> 48;
}

/* For event.c: note @e, which is about to be delivered at the present state; @prior as in struct trap. NULL: no log. */
struct trap *history_begin(struct vcpu *cpu, const struct event *e, uint64_t prior);
void history_told(struct vcpu *cpu, const struct trap *t);
/*
 * history_add() - what cpu_transition() calls. Of @a and @b only what cannot be found in the rest: @a is 16 bits wide; both are as in
 * struct hist_rec, but @b of TR_MODE, which is CR0 and in the upper half EFER, and IPs and a return's selector, which are left out.
 */
void history_add(struct vcpu *cpu, enum transition what, uint16_t a, uint64_t b);

/*
 * history_leave(), history_arrive() - the same in two steps, for system calls and their returns, with nothing else between the two: the
 * first, before CS, IP or the mode change, notes @from; the second is of the new state, whose CS is flat. NULL: no log.
 */
static inline struct hist_slot *history_leave(struct vcpu *cpu, struct spot from)
{
	struct history *h = cpu->history;
	struct hist_slot *s;

	if (h->off)
		return NULL;
	s = &h->slot[(h->nrecs + 1) & (HISTORY_RECS - 1)];
	s->from = from;
	return s;
}

static inline void history_arrive(struct vcpu *cpu, struct hist_slot *s, enum transition what)
{
	struct history *h = cpu->history;

	if (!s)
		return;
	h->nrecs++;
	s->to = spot_flat(cpu, what);
	s->time = cpu->clock ? clock_last(cpu->clock) : 0;
	s->insns = cpu->insns;
	s->cr3 = cpu->cr3;
	s->b = cpu->gpr[GPR_RAX];
	/* the next entry's place has long left the first cache: it comes back while the guest runs on */
	__builtin_prefetch(s + 1, 1);
	if (UNLIKELY(h->seen != NULL))
		h->seen(h->seen_opaque, cpu, s);
}

/* transition_names[] - "exception", "interrupt", ... for the monitor */
extern const char *const transition_names[TR_COUNT];

#endif
