/* io.c - IN and OUT. */
#include "jit/lift/priv.h"

static struct src port(struct lift *l, unsigned i)
{
	if (l->in->op[i].kind == OPND_IMM)
		return IMM(l->in->imm & 0xFF);
	return VAL(lift_value(l, i));
}

void lift_in(struct lift *l)
{
	const struct opnd *d = &l->in->op[0];
	unsigned w = d->size > 4 ? 4 : d->size;
	ir_val v = lift_call(l, HELPER_in, port(l, 1), IMM(w), NO);

	ir_mov(l->b, w, lift_reg(d), v);
}

void lift_out(struct lift *l)
{
	unsigned w = l->in->op[1].size > 4 ? 4 : l->in->op[1].size;
	ir_val v = lift_value(l, 1);

	lift_do(l, HELPER_out, port(l, 0), IMM(w), VAL(v));
}
