/* string.c - string instructions: one helper call each, restartable at any element (cpu/ring0/string.c). */
#include "jit/lift/priv.h"

static void string(struct lift *l, enum helper_id h, unsigned size)
{
	unsigned seg = l->in->seg_override == MEM_NONE ? SEG_DS : l->in->seg_override;

	lift_do(l, h, IMM(HSTR(size, l->in->asize, l->in->rep, seg)), NO, NO);
}

/* Element size: the operand that is memory. */
static unsigned element(const struct lift *l)
{
	for (unsigned i = 0; i < l->in->nops; i++)
		if (l->in->op[i].kind == OPND_MEM)
			return l->in->op[i].size;
	return l->in->opcode & 1 ? l->in->osize : 1;
}

void lift_movs(struct lift *l)
{
	string(l, HELPER_movs, element(l));
}

void lift_stos(struct lift *l)
{
	string(l, HELPER_stos, element(l));
}

void lift_lods(struct lift *l)
{
	string(l, HELPER_lods, element(l));
}

void lift_scas(struct lift *l)
{
	string(l, HELPER_scas, element(l));
}

void lift_cmps(struct lift *l)
{
	string(l, HELPER_cmps, element(l));
}

/* Port strings: 64-bit operand size still moves dwords. */
static unsigned port_element(const struct lift *l)
{
	unsigned n = element(l);

	return n > 4 ? 4 : n;
}

void lift_ins(struct lift *l)
{
	string(l, HELPER_ins, port_element(l));
}

void lift_outs(struct lift *l)
{
	string(l, HELPER_outs, port_element(l));
}
