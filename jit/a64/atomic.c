/*
 * atomic.c - LOCKed instructions and XCHG with memory as one instruction of FEAT_LSE, where that is shorter than load, operation, store.
 *
 * The machine is one thread, and no other touches the guest's memory (docs/aarch64.md): nothing needs the instructions to be atomic or to
 * order anything, so these are the forms that do not. They want aligned addresses, which the probe sees to; what is not aligned the
 * interpreter does. Within a group (group.c), whose one probe knows no alignment, load, operation and store are shorter.
 *
 * The host's instruction is made where the load is (IR_LDX). It gives the old value, from which the operation makes the flags as ever; the
 * store, and what is no longer of use, is skipped (emitter.skip).
 *
 * Source: Arm ARM C6.2 LDADD, LDCLR, LDEOR, LDSET, SWP, CAS; B2.2.1 alignment.
 */
#include "jit/a64/a64.h"

/* The instruction's ops from the load on. */
struct locked {
	const struct ir_op *ld;
	unsigned n; /* ops */
	ir_val t;   /* what the load gives */
};

/* Is op @i a store of @v back to where the load was from? */
static bool stores(const struct locked *l, unsigned i, ir_val v)
{
	return i < l->n && l->ld[i].op == IR_STX && l->ld[i].w == l->ld->w && l->ld[i].a == v;
}

/* X_S2 + linear address: a register with the host's */
static unsigned host_address(struct emitter *c, const struct locked *l)
{
	unsigned w = l->ld->w, a = probe(c, l->ld, SITE_LDX, IR_NONE, w > 1 ? w : 0), h = scratch(c);

	a_add(&c->cb, A_ADD, 8, h, a, X_S2, A_LSL, 0);
	return h;
}

/* XCHG: t = ldx; stx reg; reg = t */
static bool exchange(struct emitter *c, const struct locked *l)
{
	const struct ir_op *mov = &l->ld[2];
	ir_val reg = l->n == 3 ? l->ld[1].a : IR_NONE;
	bool straight = IR_KIND(reg) == IR_KIND_G && l->ld->w >= 4;
	unsigned h, v;

	if (reg == IR_NONE || reg == l->t || !stores(l, 1, reg) || mov->op != IR_MOV || mov->d != reg || mov->a != l->t || mov->w != l->ld->w)
		return false;
	if (straight)
		pa_before(c, mov);
	v = use(c, reg, 0);
	h = host_address(c, l);
	a_atomic(&c->cb, A_SWP, l->ld->w, v, straight ? v : def(c, l->t), h);
	c->skip = straight ? 6 : 2;
	return true;
}

/* CMPXCHG: t = ldx; acc = rax; cmp acc, t; r = cmov.e src, t; stx r; ... */
static bool compare_exchange(struct emitter *c, const struct locked *l)
{
	const struct ir_op *o = l->ld;
	unsigned src, h, d;

	if (l->n < 6 || o[1].op != IR_MOV || o[1].a != IR_G(GPR_RAX) || o[2].op != IR_CMP || o[2].a != o[1].d || o[2].b != l->t ||
		o[3].op != IR_CMOV || o[3].cc != 4 || o[3].b != l->t || !stores(l, 4, o[3].d))
		return false;
	src = use(c, o[3].a, o[3].imm);
	h = host_address(c, l);
	d = def(c, l->t);
	a_mov(&c->cb, o->w == 8 ? 8 : 4, d, host_reg(GPR_RAX));
	a_cas(&c->cb, o->w, d, src, h);
	c->skip = 1 << 3 | 1 << 4;
	return true;
}

/* How the operation is done in memory: by @op with the operand, its negative (A_SUB) or complement (A_ORN); false: not at all */
static bool in_memory(unsigned ir_op, enum a_atomic *op, bool *negative, bool *complement)
{
	*negative = ir_op == IR_SUB;
	*complement = ir_op == IR_AND;
	switch (ir_op) {
	case IR_ADD: case IR_SUB: case IR_INC: case IR_DEC: *op = A_LDADD; return true;
	case IR_AND: *op = A_LDCLR; return true;
	case IR_XOR: case IR_NOT: *op = A_LDEOR; return true;
	case IR_OR: *op = A_LDSET; return true;
	}
	return false;
}

/* A register with what the host's instruction takes for the operation of @o. */
static unsigned operand(struct emitter *c, const struct ir_op *o, bool negative, bool complement)
{
	bool imm = IR_KIND(o->b) == IR_KIND_IMM || o->op == IR_INC || o->op == IR_DEC || o->op == IR_NOT;
	uint64_t v = o->op == IR_INC ? 1 : o->op == IR_DEC || o->op == IR_NOT ? ~0ull : (uint64_t)o->imm;
	unsigned r, b;

	if (imm)
		return use(c, IR_IMM, (int64_t)(negative ? -v : complement ? ~v : v));
	b = use(c, o->b, 0);
	if (!negative && !complement)
		return b;
	r = scratch(c);
	if (negative)
		a_add(&c->cb, A_SUB, 8, r, A_ZR, b, A_LSL, 0);
	else
		a_logic(&c->cb, A_ORN, 8, r, A_ZR, b, A_LSL, 0);
	return r;
}

/* t = ldx; t = op t, b; stx t. XADD: t = ldx; sum = add t, b; stx sum; b = t */
static bool operation(struct emitter *c, const struct locked *l)
{
	const struct ir_op *o = &l->ld[1];
	bool negative, complement, dead = l->n == 3 && o->d == l->t && !flags_wanted(o);
	enum a_atomic op;
	unsigned v, h;

	if (l->n < 3 || o->w != l->ld->w || o->a != l->t || o->b == l->t || !in_memory(o->op, &op, &negative, &complement) || !stores(l, 2, o->d))
		return false;
	/* with the operation to do again for its flags it is shorter only if the operand is at hand */
	if (!dead && (negative || complement || IR_KIND(o->b) != IR_KIND_G))
		return false;
	v = operand(c, o, negative, complement);
	h = host_address(c, l);
	a_atomic(&c->cb, op, o->w, v, dead ? A_ZR : def(c, l->t), h);
	c->skip = dead ? 6 : 4;
	return true;
}

bool lower_locked(struct emitter *c, const struct ir_op *o)
{
	struct locked l = {.ld = o, .t = o->d};

	if (!o->aux || !(c->x->feat & HOSTF_LSE) || IR_KIND(o->d) != IR_KIND_T)
		return false;
	while (c->i + l.n < c->ir->nops && o[l.n].op != IR_INSN)
		l.n++;
	return exchange(c, &l) || compare_exchange(c, &l) || operation(c, &l);
}
