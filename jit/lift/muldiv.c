/* muldiv.c - multiply and divide. */
#include "jit/lift/priv.h"

static void one_operand(struct lift *l, enum ir_opcode op)
{
	struct src s = lift_read(l, 0);

	ir_emit(l->b, op, l->in->op[0].size, IR_NONE, s.v, IR_NONE);
}

void lift_mul(struct lift *l)
{
	one_operand(l, IR_MULU);
}

void lift_imul1(struct lift *l)
{
	one_operand(l, IR_MULS);
}

void lift_div(struct lift *l)
{
	one_operand(l, IR_DIVU);
}

void lift_idiv(struct lift *l)
{
	one_operand(l, IR_DIVS);
}

void lift_imul2(struct lift *l)
{
	struct src s = lift_read(l, 1);
	ir_val d = lift_reg(&l->in->op[0]);

	ir_emit(l->b, IR_IMUL, l->in->op[0].size, d, d, s.v);
}

void lift_imul3(struct lift *l)
{
	struct src s = lift_read(l, 1);

	ir_emit_imm(l->b, IR_IMUL, l->in->op[0].size, lift_reg(&l->in->op[0]), s.v, l->in->imm);
}
