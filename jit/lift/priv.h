/*
 * priv.h - what the lifters of one area share: operands in, results out, in the precise order.
 */
#ifndef JIT_LIFT_PRIV_H
#define JIT_LIFT_PRIV_H

#include "jit/lift/lift.h"
#include "cpu/ring0/ring0.h"

/* A source: a value and, for IR_IMM, its number. */
struct src {
	ir_val v;
	int64_t imm;
};

static inline bool lift_code64(const struct lift *l)
{
	return mode_code_size(l->mode) == 8;
}

static inline unsigned lift_stack_size(const struct lift *l) /* bytes of the stack pointer in use */
{
	return lift_code64(l) ? 8 : l->mode & MODE_SS32 ? 4 : 2;
}

static inline bool lift_protected(const struct lift *l) /* protected mode, not virtual-8086 */
{
	return (l->mode & (MODE_PE | MODE_VM)) == MODE_PE;
}

/* ---- operand.c ---- */
/* The instruction's memory operand as ir_mem; no checks emitted. */
void lift_address(struct lift *l, struct ir_mem *m);
/* Segment facts for an operand already addressed: base or flat, limit check, alignment check of @w bytes. */
void lift_segment(struct lift *l, struct ir_mem *m, unsigned seg, unsigned w, bool write);
void lift_memory(struct lift *l, struct ir_mem *m, unsigned w, bool write); /* both of the above */
void lift_stack(struct lift *l, struct ir_mem *m, ir_val base, int64_t disp, unsigned w, bool write);
/* Linear address of the memory operand for a helper, fully checked as an access of @w bytes. */
ir_val lift_linear(struct lift *l, unsigned w, bool write);
struct src lift_read(struct lift *l, unsigned i);   /* operand i; memory is loaded */
ir_val lift_value(struct lift *l, unsigned i);	     /* as lift_read(), immediates in a temporary */
void lift_write(struct lift *l, unsigned i, ir_val v); /* operand i = v, its size */
ir_val lift_reg(const struct opnd *o);
ir_val lift_const(struct lift *l, int64_t imm);
void lift_sp_add(struct lift *l, int64_t n);

/* ---- endings ---- */
void lift_stop(struct lift *l);	/* next instruction through the run loop */
void lift_resume(struct lift *l); /* the same if the mode, an interrupt shadow or a request is new, else straight on */
void lift_rip(struct lift *l);	/* a helper set RIP */
void lift_fetch_limit(struct lift *l); /* an instruction across pages: is its last byte within the code segment? */
void lift_raise(struct lift *l, enum check_id id);
ir_val lift_call(struct lift *l, enum helper_id h, struct src a, struct src b, struct src c); /* -> fresh temporary */
void lift_do(struct lift *l, enum helper_id h, struct src a, struct src b, struct src c);	    /* no result */

#define NO ((struct src){IR_NONE, 0})
#define IMM(n) ((struct src){IR_IMM, (int64_t)(n)})
#define VAL(x) ((struct src){(x), 0})

#define ROW(id, mn, map, op, match, o1, o2, o3, sem, fl, feat, trap) lift_fn lift_##sem;
#include "cpu/insn/all.def"
#undef ROW

#endif
