/* mov.c - moves, exchanges, extensions, LEA, XLAT, conditional moves. */
#include "jit/lift/priv.h"

void lift_mov(struct lift *l)
{
	const struct opnd *d = &l->in->op[0];
	const struct opnd *s = &l->in->op[1];
	struct ir_mem m;

	if (s->kind == OPND_MEM) {
		lift_memory(l, &m, s->size, false);
		ir_ld(l->b, d->size, lift_reg(d), &m);
		return;
	}
	if (d->kind == OPND_MEM) {
		struct src v = lift_read(l, 1);

		lift_memory(l, &m, d->size, true);
		ir_st(l->b, d->size, &m, v.v)->imm = v.imm;
		return;
	}
	struct src v = lift_read(l, 1);

	ir_mov(l->b, d->size, lift_reg(d), v.v)->imm = v.imm;
}

void lift_movnti(struct lift *l)
{
	lift_mov(l);
}

/* A direct store is a store here: memory is strongly ordered for one processor, and there is no cache to pass by. */
void lift_movdiri(struct lift *l)
{
	lift_mov(l);
}

static void extend(struct lift *l, enum ir_opcode op)
{
	const struct opnd *d = &l->in->op[0];
	unsigned from = l->in->op[1].size;
	struct src v = lift_read(l, 1);
	ir_val t = v.v;

	if (IR_KIND(t) == IR_KIND_GH) {
		t = ir_temp(l->b);
		ir_mov(l->b, 1, t, v.v);
	}
	ir_emit_nf(l->b, op, d->size, lift_reg(d), t, IR_NONE)->aux = from;
}

void lift_movzx(struct lift *l)
{
	extend(l, IR_ZEXT);
}

void lift_movsx(struct lift *l)
{
	extend(l, IR_SEXT);
}

void lift_movsxd(struct lift *l)
{
	extend(l, IR_SEXT);
}

void lift_lea(struct lift *l)
{
	struct ir_mem m;

	lift_address(l, &m);
	ir_memop(l->b, IR_LEA, l->in->op[0].size, lift_reg(&l->in->op[0]), &m, IR_NONE);
}

void lift_xchg(struct lift *l)
{
	const struct opnd *d = &l->in->op[0];
	unsigned w = d->size;
	ir_val reg = lift_reg(&l->in->op[1]), t = ir_temp(l->b);
	struct ir_mem m;

	if (d->kind == OPND_MEM) {
		lift_memory(l, &m, w, true);
		ir_memop(l->b, IR_LDX, w, t, &m, IR_NONE)->aux = 1;
		ir_memop(l->b, IR_STX, w, IR_NONE, &m, reg);
		ir_mov(l->b, w, reg, t);
		return;
	}
	ir_mov(l->b, w, t, lift_reg(d));
	ir_mov(l->b, w, lift_reg(d), reg);
	ir_mov(l->b, w, reg, t);
}

void lift_xlat(struct lift *l)
{
	unsigned seg = l->in->seg_override == MEM_NONE ? SEG_DS : l->in->seg_override;
	ir_val al = ir_temp(l->b);
	struct ir_mem m = {.base = IR_G(GPR_RBX), .index = al, .asize = l->in->asize,
		.idx = mode_mmu_idx(l->mode)};

	ir_emit_nf(l->b, IR_ZEXT, 8, al, IR_G(GPR_RAX), IR_NONE)->aux = 1;
	lift_segment(l, &m, seg, 1, false);
	ir_ld(l->b, 1, IR_G(GPR_RAX), &m);
}

void lift_cmovcc(struct lift *l)
{
	const struct opnd *d = &l->in->op[0];
	struct src s = lift_read(l, 1); /* memory is read whatever the condition */
	struct ir_op *o = ir_emit(l->b, IR_CMOV, d->size, lift_reg(d), s.v, lift_reg(d));

	o->cc = l->in->opcode & 15;
	o->fuse = ir_cc_flags(o->cc);
}

void lift_setcc(struct lift *l)
{
	const struct opnd *d = &l->in->op[0];
	ir_val r = d->kind == OPND_MEM ? ir_temp(l->b) : lift_reg(d);
	struct ir_op *o = ir_emit(l->b, IR_SETCC, 1, r, IR_NONE, IR_NONE);

	o->cc = l->in->opcode & 15;
	o->fuse = ir_cc_flags(o->cc);
	if (d->kind == OPND_MEM)
		lift_write(l, 0, r);
}

void lift_bswap(struct lift *l)
{
	ir_val r = lift_reg(&l->in->op[0]);

	ir_emit_nf(l->b, IR_BSWAP, l->in->op[0].size, r, r, IR_NONE);
}

void lift_movbe(struct lift *l)
{
	unsigned w = l->in->op[0].size;
	ir_val v = lift_value(l, 1), r = ir_temp(l->b);

	if (w == 2)
		ir_emit_nf_imm(l->b, IR_ROL, 2, r, v, 8);
	else
		ir_emit_nf(l->b, IR_BSWAP, w, r, v, IR_NONE);
	lift_write(l, 0, r);
}
