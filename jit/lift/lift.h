/*
 * lift.h - from decoded x86 instructions to IR, one file per area, one lift_<semantics>() per semantics name.
 *
 * lift_insn() appends the IR of one instruction. The driver (lift.c) makes the common checks of the row (feature,
 * LOCK, trap class through the mode key, FP availability), hands operands to the semantics function, and
 * keeps the precise order: address checks and loads, then computation, then stores, then registers and flags.
 */
#ifndef JIT_LIFT_LIFT_H
#define JIT_LIFT_LIFT_H

#include "jit/ir/ir.h"

struct lift {
	struct ir_block *b;
	const struct insn *in;
	const struct feature_set *features;
	uint32_t mode;	   /* mode key */
	unsigned off;	   /* page offset of the instruction */
	unsigned next_off; /* of the next: off + in->len */
	bool pair;	   /* STI: the next instruction will be in this block, and end it */
	/* can the host run this FP instruction? NULL: any. Else FP goes through h_fpu */
	bool (*can_native)(void *priv, const struct insn *in);
	void *native_priv;
};

typedef void lift_fn(struct lift *l);

/**
 * lift_insn() - append IR for l->in; on a block-ending instruction b->term is set (kind != TERM_NONE)
 * Invalid or unavailable instructions become a raise of the proper event and end the block.
 */
void lift_insn(struct lift *l);

/* The block ends before the next instruction at @next_off without a branch (length, page end). */
void lift_fallthrough(struct ir_block *b, unsigned next_off);
/* The same, and the run loop looks if the mode, an interrupt shadow or a request is new. */
void lift_look(struct ir_block *b, unsigned next_off);

#endif
