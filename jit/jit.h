/*
 * jit.h - the translator as the machine sees it: a run loop over blocks, with a choice of backend.
 *
 * Blocks are keyed by (raddr, mode key). jit_run() looks one up (translating on a miss), lets the backend run
 * it and whatever it is linked to, and comes back here for events, misses and requests.
 */
#ifndef JIT_JIT_H
#define JIT_JIT_H

#include "cpu/vcpu.h"
#include <stdio.h>

enum jit_accel { ACCEL_JIT, ACCEL_INTERP, ACCEL_LOCKSTEP };

/* Optimisations with a switch, `-accel jit,opt=-NAME`; docs/performance.md says what each gains. */
enum {
	JIT_OPT_FIND = 1,  /* what the jump cache lacks is looked up without leaving translated code */
	JIT_OPT_FOLD = 2,  /* loads fold into the operation that uses them, guest registers in memory are operands there, CDQ is CDQ */
	JIT_OPT_GROUP = 4, /* one TLB probe for several accesses off one base */
	JIT_OPT_LINK = 8,  /* direct links */
	JIT_OPT_NEXT = 16, /* instructions that may change mode, RIP or mappings do not end the run of translated code */
	JIT_OPT_STI = 32,  /* the instruction behind STI in the same block */
	JIT_OPT_FLDCW = 64, /* FLDCW that unmasks nothing is the host's */
	JIT_OPT_INLINE = 128, /* CLI, STI, PUSHF, POPF, STAC, CLAC of a kernel and IDIV are host code */
	JIT_OPT_WINDOW = 256, /* user programs that run for long reach memory by host mappings (mmu/window.h) */
	JIT_OPT_WINDOW64 = 512, /* ... 64-bit programs, too */
	JIT_OPT_WINDOW0 = 1024, /* ... code at CPL 0, too */
	JIT_OPT_FAR = 2048, /* direct exits to other pages go straight to their block, guarded */
	JIT_OPT_RET = 4096, /* returns are predicted */
	JIT_OPT_NEAR = 8192, /* one look at the guard for all accesses of a block off one register */
	JIT_OPT_AGAIN = 16384, /* translations of code that was overwritten are used again when the same bytes come back */
	JIT_OPT_SIDE = 32768, /* blocks go on behind a conditional branch */
	JIT_OPT_POLL = 65536, /* loops look for requests before the comparison they end with */
	JIT_OPT_CPU_SHIFT = 17, /* the bits from here on are CPU_OPT_* of cpu/vcpu.h */
};
extern const char *const jit_opts[];
extern const unsigned jit_nopts;

struct jit_options {
	enum jit_accel accel;
	uint64_t cache_bytes;	/* host code; 0: default */
	bool one_insn, no_link; /* developer switches */
	bool all_sides;		/* the same: blocks go on behind every conditional branch ahead, not only where that may pay */
	bool icount;		/* time is counted in instructions: look at the clock after every block */
	uint32_t opts_off;	/* JIT_OPT_*: optimisations that are switched off */
	uint32_t passes_off;	/* bit n: pass n of ir_passes[] is off */
	uint64_t ra_random;	/* seed; 0: off */
	bool profile;		/* sample where the time goes, for info jit */
	bool perfmap, jitdump;	/* files for Linux' perf */
	uint32_t host_mask;	/* host features to pretend absent: bit n is jit_host_features[n] (HOSTF_* of jit/host/backend.h) */
};

/* Names of the host features that matter to us, as --host-mask takes them. */
extern const char *const jit_host_features[];
extern const unsigned jit_host_nfeatures;

struct jit;

enum vm_err jit_new(struct jit **out, struct vcpu *cpu, const struct jit_options *opt, struct err *e);
void jit_free(struct jit *j);

/* jit_wants_alias() - will the translator map RAM a second time (mmu/window.h), for which it must be a memory file? */
bool jit_wants_alias(const struct jit_options *opt);

/**
 * jit_run() - run until REQ_STOP, a triple fault, or HLT with nothing to do
 * Return: why. The caller runs timers, waits for time to pass, resets, and calls again.
 */
enum jit_stop { JIT_STOPPED, JIT_HALTED, JIT_TRIPLE, JIT_DIVERGED /* lockstep: report printed to the log */,
	JIT_DEBUG /* jit_debug_why() */ };
enum jit_stop jit_run(struct jit *j);

/*
 * A debugger outside the guest, between two runs. Breakpoints are linear addresses; the guest's memory and debug registers
 * stay untouched. @n: at most JIT_MAX_BREAKS, 4; each call replaces the set. Watchpoints make the guest slow.
 */
#define JIT_MAX_BREAKS 64
struct jit_watch { gla_t gla; unsigned len; bool on_read, on_write; };
enum jit_why { JIT_WHY_NONE, JIT_WHY_BREAK, JIT_WHY_MAGIC, JIT_WHY_WATCH, JIT_WHY_STEP };
void jit_debug_break(struct jit *j, const gla_t *at, unsigned n);
void jit_debug_watch(struct jit *j, const struct jit_watch *w, unsigned n);
void jit_debug_magic(struct jit *j); /* from now on stop after each xchg bx,bx, as Bochs can */
void jit_debug_go(struct jit *j, bool step); /* before the next run: forget why; @step: one instruction */
enum jit_why jit_debug_why(const struct jit *j, gla_t *gla); /* after JIT_DEBUG; *gla: PC, or the watched access */

/*
 * jit_count_classes() - call @hit before each execution of an instruction (enum insn_id) of the trap classes (enum trap_class)
 * whose bits are set in @classes; 0: no more. Blocks then begin at such instructions and only the run loop enters them.
 */
void jit_count_classes(struct jit *j, uint32_t classes, void (*hit)(void *opaque, struct vcpu *cpu, unsigned id),
	void *opaque);

/*
 * jit_count_insns() - have translated code count instructions in cpu->insns, block by block, while more callers have said
 * @on than off; the interpreter always does
 */
void jit_count_insns(struct jit *j, bool on);
bool jit_counts_cheaply(const struct jit *j); /* so that it can be on where nobody has asked for it */
uint64_t jit_exits(const struct jit *j); /* how often translated code has been left for the run loop */

/* jit_set_names() - @name tells what the guest's code at a linear address is called (false: nothing), for info jit and perf */
void jit_set_names(struct jit *j, bool (*name)(const void *opaque, gla_t gla, char *buf, size_t n), const void *opaque);

void jit_flush(struct jit *j);			/* drop every translation */
void jit_dump_info(const struct jit *j, FILE *out); /* info jit */

#endif
