/* shift.c - shifts and rotates. A constant count is judged here: zero does nothing, others surely write flags. */
#include "jit/lift/priv.h"

static void fix_count(struct ir_op *o, struct src c)
{
	o->imm = c.imm;
	if (c.v == IR_IMM)
		o->fuse = o->op == IR_RCL || o->op == IR_RCR ? IRF_C : 0;
}

static void shift(struct lift *l, enum ir_opcode op)
{
	const struct opnd *d = &l->in->op[0];
	struct src c = lift_read(l, 1);
	struct ir_mem m;
	ir_val r;

	if (c.v == IR_IMM)
		c.imm &= d->size == 8 ? 63 : 31;
	if (d->kind == OPND_MEM) {
		lift_memory(l, &m, d->size, true);
		r = ir_temp(l->b);
		ir_memop(l->b, IR_LDX, d->size, r, &m, IR_NONE);
		if (c.v != IR_IMM || c.imm)
			fix_count(ir_emit(l->b, op, d->size, r, r, c.v), c);
		ir_memop(l->b, IR_STX, d->size, IR_NONE, &m, r);
		return;
	}
	r = lift_reg(d);
	if (c.v == IR_IMM && !c.imm) {
		if (d->size == 4)
			ir_mov(l->b, 4, r, r); /* still clears the upper half */
		return;
	}
	fix_count(ir_emit(l->b, op, d->size, r, r, c.v), c);
}

void lift_shl(struct lift *l)
{
	shift(l, IR_SHL);
}

void lift_shr(struct lift *l)
{
	shift(l, IR_SHR);
}

void lift_sar(struct lift *l)
{
	shift(l, IR_SAR);
}

void lift_rol(struct lift *l)
{
	shift(l, IR_ROL);
}

void lift_ror(struct lift *l)
{
	shift(l, IR_ROR);
}

void lift_rcl(struct lift *l)
{
	shift(l, IR_RCL);
}

void lift_rcr(struct lift *l)
{
	shift(l, IR_RCR);
}

static void double_shift(struct lift *l, enum ir_opcode op)
{
	const struct opnd *d = &l->in->op[0];
	unsigned w = d->size;
	ir_val fill = lift_reg(&l->in->op[1]), r = lift_reg(d);
	struct src c = lift_read(l, 2);
	struct ir_mem m;
	struct ir_op *o;

	if (c.v == IR_IMM)
		c.imm &= w == 8 ? 63 : 31;
	if (d->kind == OPND_MEM) {
		lift_memory(l, &m, w, true);
		r = ir_temp(l->b);
		ir_memop(l->b, IR_LDX, w, r, &m, IR_NONE);
	}
	if (c.v != IR_IMM || c.imm) {
		o = ir_emit(l->b, op, w, r, r, fill);
		o->c = c.v;
		fix_count(o, c);
	} else if (w == 4 && d->kind != OPND_MEM) {
		ir_mov(l->b, 4, r, r);
	}
	if (d->kind == OPND_MEM)
		ir_memop(l->b, IR_STX, w, IR_NONE, &m, r);
}

void lift_shld(struct lift *l)
{
	double_shift(l, IR_SHLD);
}

void lift_shrd(struct lift *l)
{
	double_shift(l, IR_SHRD);
}
