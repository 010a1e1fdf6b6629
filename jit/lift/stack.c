/* stack.c - PUSH, POP and relatives: the store or load first, then the stack pointer. */
#include "jit/lift/priv.h"

/* Push @w bytes, of which the lower @stored are written. */
static void push_part(struct lift *l, unsigned w, unsigned stored, struct src v)
{
	struct ir_mem m;

	lift_stack(l, &m, IR_G(GPR_RSP), -(int64_t)w, stored, true);
	ir_st(l->b, stored, &m, v.v)->imm = v.imm;
	lift_sp_add(l, -(int64_t)w);
}

static void push(struct lift *l, unsigned w, struct src v)
{
	push_part(l, w, w, v);
}

void lift_push(struct lift *l)
{
	const struct opnd *o = &l->in->op[0];
	unsigned w = l->in->osize;
	struct ir_op *op;
	ir_val t;

	if (o->kind != OPND_SEG) {
		push(l, w, lift_read(l, 0));
		return;
	}
	t = ir_temp(l->b);
	op = ir_emit_nf(l->b, IR_LDENV, 8, t, IR_NONE, IR_NONE);
	op->imm = offsetof(struct vcpu, seg) + o->reg * sizeof(struct seg) + offsetof(struct seg, sel);
	op->aux = 2;
	/* "all recent Intel Core and Intel Atom processors perform a 16-bit move" if the operand size is 32 (PUSH) */
	push_part(l, w, w == 4 ? 2 : w, VAL(t));
}

void lift_pop(struct lift *l)
{
	const struct opnd *o = &l->in->op[0];
	/* for a segment register Intel's processors read no more than it holds, AMD's all; the manual has no word on it */
	unsigned w = l->in->osize, n = o->kind == OPND_SEG ? 2 : w;
	ir_val t = ir_temp(l->b);
	struct ir_mem m;

	lift_stack(l, &m, IR_G(GPR_RSP), 0, n, false);
	if (o->kind == OPND_GPR && o->reg != GPR_RSP) {
		ir_ld(l->b, w, lift_reg(o), &m);
		lift_sp_add(l, w);
		return;
	}
	ir_ld(l->b, n, t, &m);
	if (o->kind == OPND_SEG) {
		ir_emit_nf(l->b, IR_ZEXT, 8, t, t, IR_NONE)->aux = 2;
		lift_do(l, HELPER_pop_seg, IMM(o->reg | w << 8 | lift_stack_size(l) << 16), VAL(t), NO);
		lift_resume(l);
		return;
	}
	if (o->kind == OPND_MEM) {
		/* an address based on rSP uses its value after the increment */
		lift_address(l, &m);
		if (m.base == IR_G(GPR_RSP))
			m.disp += w;
		lift_segment(l, &m, l->in->mem.seg, w, true);
		ir_st(l->b, w, &m, t);
		lift_sp_add(l, w);
		return;
	}
	lift_sp_add(l, w);
	ir_mov(l->b, w, lift_reg(o), t);
}

void lift_pusha(struct lift *l)
{
	lift_do(l, HELPER_pusha, IMM(l->in->osize), NO, NO);
}

void lift_popa(struct lift *l)
{
	lift_do(l, HELPER_popa, IMM(l->in->osize), NO, NO);
}

void lift_pushf(struct lift *l)
{
	unsigned w = l->in->osize;

	push(l, w, VAL(lift_call(l, HELPER_pushf, IMM(w), NO, NO)));
}

void lift_popf(struct lift *l)
{
	unsigned w = l->in->osize;
	ir_val t = ir_temp(l->b);
	struct ir_mem m;

	lift_stack(l, &m, IR_G(GPR_RSP), 0, w, false);
	ir_ld(l->b, w, t, &m);
	lift_do(l, HELPER_popf, VAL(t), IMM(w), NO);
	lift_sp_add(l, w);
	lift_resume(l);
}

void lift_enter(struct lift *l)
{
	lift_do(l, HELPER_enter, IMM(l->in->osize), IMM(l->in->imm & 0xFFFF), IMM(l->in->imm2 & 31));
}

/* LEAVE: rSP = rBP, then POP rBP, with the load first. */
void lift_leave(struct lift *l)
{
	unsigned w = l->in->osize, sw = lift_stack_size(l);
	ir_val t = ir_temp(l->b);
	struct ir_mem m;

	lift_stack(l, &m, IR_G(GPR_RBP), 0, w, false);
	ir_ld(l->b, w, t, &m);
	ir_emit_nf_imm(l->b, IR_ADD, sw, IR_G(GPR_RSP), IR_G(GPR_RBP), w);
	ir_mov(l->b, w, IR_G(GPR_RBP), t);
}
