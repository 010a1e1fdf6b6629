/*
 * eval.h - running one ir_op in C on the state in struct vcpu: the meaning of the IR, written once.
 */
#ifndef JIT_INTERP_EVAL_H
#define JIT_INTERP_EVAL_H

#include "jit/ir/ir.h"

struct eval {
	struct vcpu *cpu;
	uint32_t mode;		   /* of the block */
	const struct insn *insns;  /* the block's, for NATIVE and the fpu helper */
	const struct ir_term *term;
	uint64_t *t;		   /* temporaries, IR_MAX_TEMPS of them; the caller's */
	unsigned off, len; /* of the running instruction */
	/* helper calls go through here (libffi in the interpreter) */
	enum exit (*call)(void *opaque, helper_fn *fn, struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c);
	void *call_opaque;
};

/* The IP value of page offset @off, wrapped to the code size. */
uint64_t eval_ip(const struct eval *e, int64_t off);

/* eval_op() - EXIT_NONE to go on; EXIT_FAULT: event raised; EXIT_STOP: leave the block, cpu->rip is right */
enum exit eval_op(struct eval *e, const struct ir_op *o);

/* eval_side() - does IR_SIDE leave the block? Then cpu->rip is set. */
bool eval_side(struct eval *e, const struct ir_op *o);

/* eval_term() - set cpu->rip from the terminal. Return: exit taken: 0 (t_off), 1 (f_off), -1 (indirect, stop, rip) */
int eval_term(struct eval *e);

#endif
