/*
 * deadflags.c - backward liveness of the arithmetic flags.
 *
 * For each op, after it has run:
 *   flive  flags some later op or exit reads; a backend must produce or keep them
 *   fobs   flags that could still be shown: read later, or stored into a frame by a fault, a helper or an
 *          exit before they are overwritten. A backend may keep them cheaply (saved, or in place),
 *          but may not lose them.
 * Without this pass both are IRF_ALL, which is correct and slow.
 */
#include "jit/opt/passes.h"

static bool shows_flags(const struct ir_op *o)
{
	if (o->op == IR_HELPER)
		return helpers[o->aux].fx & (FX_FAULT | FX_RF | FX_END);
	return ir_ops[o->op].fx & IRFX_FAULT;
}

/* Does the op write its flags whatever its operands? A shift by a variable count may keep them all. */
static uint16_t surely_written(const struct ir_op *o)
{
	return o->fdef & ~o->fuse;
}

void opt_deadflags(struct ir_block *b)
{
	uint16_t live = b->term.flive, obs = b->term.fobs | b->term.flive;

	if (b->term.kind == TERM_JCC) {
		live |= ir_cc_flags(b->term.cc);
		obs |= live;
	}
	for (unsigned i = b->nops; i-- > 0;) {
		struct ir_op *o = &b->op[i];

		o->flive = live;
		o->fobs = obs;
		live &= ~surely_written(o);
		obs &= ~surely_written(o);
		live |= o->op == IR_SETCC || o->op == IR_CMOV ? ir_cc_flags(o->cc) : o->fuse;
		if (o->op == IR_SIDE)
			live |= b->term.flive; /* as at any exit */
		obs |= shows_flags(o) ? IRF_ALL : live;
	}
}
