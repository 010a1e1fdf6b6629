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

static const uint16_t faults[IR_OP_COUNT] = {
#define OP(NAME, name, operands, fx, fdef, fuse, doc) [IR_##NAME] = (fx) & IRFX_FAULT ? IRF_ALL : 0,
#include "jit/ir/ops.def"
#undef OP
};

/* The flags that the op itself could show as they were before. */
static unsigned shows(const struct ir_op *o)
{
	if (UNLIKELY(o->op == IR_HELPER))
		return helpers[o->aux].fx & (FX_FAULT | FX_RF | FX_END) ? IRF_ALL : 0;
	return faults[o->op];
}

/* Flags the op reads: the condition's only, which not all lifters say. */
static unsigned reads(const struct ir_op *o, const struct ir_block *b)
{
	switch (o->op) {
	case IR_SETCC: case IR_CMOV: return ir_cc_flags(o->cc);
	case IR_SIDE: return o->fuse | b->term.flive; /* as at any exit */
	default: return o->fuse;
	}
}

void opt_deadflags(struct ir_block *b)
{
	unsigned live = b->term.flive, obs = b->term.fobs | b->term.flive, kept;

	if (b->term.kind == TERM_JCC) {
		live |= ir_cc_flags(b->term.cc);
		obs |= live;
	}
	for (struct ir_op *o = b->op + b->nops; o-- > b->op;) {
		o->flive = (uint16_t)live;
		o->fobs = (uint16_t)obs;
		/* does it write them whatever its operands are? A shift by a variable count may keep them all */
		kept = ~(o->fdef & ~(unsigned)o->fuse);
		live &= kept;
		obs &= kept;
		if (o->fuse) {
			live |= reads(o, b);
			obs |= live;
		}
		obs |= shows(o);
	}
}
