/*
 * hang.h - saying, once, that the guest has stopped making progress.
 *
 * Two kinds: HLT with interrupts off, which nothing but an NMI or a reset ends, and a loop that goes round for seconds
 * at one place without an interrupt, a fault or a change of any register but AX and DX: polling for what does not come.
 */
#ifndef FRONTEND_HANG_H
#define FRONTEND_HANG_H

#include "cpu/vcpu.h"
#include <stdio.h>

#define HANG_SAMPLES 5 /* a sample a second of guest time */

struct hang {
	struct place spin, halt; /* where it is and has been told; cs:rip */
	uint64_t gpr[16];
	uint64_t transitions;	/* of the trap log at the last sample */
	unsigned same;		/* samples that were like the one before */
	bool told_spin, told_halt;
};

/* hang_sample() - look at a running CPU; @out: where to tell */
void hang_sample(struct hang *h, struct vcpu *cpu, FILE *out);
/* hang_halted() - the CPU waits in HLT */
void hang_halted(struct hang *h, struct vcpu *cpu, FILE *out);
/* hang_describe() - one line on what the CPU is doing, for info status */
void hang_describe(const struct hang *h, struct vcpu *cpu, FILE *out);

#endif
