/* alu.c - two-operand arithmetic and logic, one-operand forms, XADD, CMPXCHG, widening, BCD. */
#include "jit/lift/priv.h"

/* op0 = op0 OP op1; memory destinations as load-for-update, op, store. */
static void binary(struct lift *l, enum ir_opcode op)
{
	const struct opnd *d = &l->in->op[0];
	struct src s = lift_read(l, 1);
	struct ir_mem m;
	ir_val r;

	if (d->kind == OPND_MEM) {
		lift_memory(l, &m, d->size, true);
		r = ir_temp(l->b);
		ir_memop(l->b, IR_LDX, d->size, r, &m, IR_NONE)->aux = l->in->lock;
		ir_emit(l->b, op, d->size, r, r, s.v)->imm = s.imm;
		ir_memop(l->b, IR_STX, d->size, IR_NONE, &m, r);
		return;
	}
	r = lift_reg(d);
	ir_emit(l->b, op, d->size, r, r, s.v)->imm = s.imm;
}

/* Flags of op0 OP op1, nothing stored. */
static void compare(struct lift *l, enum ir_opcode op)
{
	struct src a = lift_read(l, 0), b = lift_read(l, 1);

	ir_emit(l->b, op, l->in->op[0].size, IR_NONE, a.v, b.v)->imm = b.imm;
}

static void unary(struct lift *l, enum ir_opcode op)
{
	const struct opnd *d = &l->in->op[0];
	struct ir_mem m;
	ir_val r;

	if (d->kind == OPND_MEM) {
		lift_memory(l, &m, d->size, true);
		r = ir_temp(l->b);
		ir_memop(l->b, IR_LDX, d->size, r, &m, IR_NONE)->aux = l->in->lock;
		ir_emit(l->b, op, d->size, r, r, IR_NONE);
		ir_memop(l->b, IR_STX, d->size, IR_NONE, &m, r);
		return;
	}
	r = lift_reg(d);
	ir_emit(l->b, op, d->size, r, r, IR_NONE);
}

void lift_add(struct lift *l)
{
	binary(l, IR_ADD);
}

void lift_adc(struct lift *l)
{
	binary(l, IR_ADC);
}

void lift_sub(struct lift *l)
{
	binary(l, IR_SUB);
}

void lift_sbb(struct lift *l)
{
	binary(l, IR_SBB);
}

void lift_and(struct lift *l)
{
	binary(l, IR_AND);
}

void lift_or(struct lift *l)
{
	binary(l, IR_OR);
}

void lift_xor(struct lift *l)
{
	binary(l, IR_XOR);
}

void lift_cmp(struct lift *l)
{
	compare(l, IR_CMP);
}

void lift_test(struct lift *l)
{
	compare(l, IR_TEST);
}

void lift_inc(struct lift *l)
{
	unary(l, IR_INC);
}

void lift_dec(struct lift *l)
{
	unary(l, IR_DEC);
}

void lift_neg(struct lift *l)
{
	unary(l, IR_NEG);
}

void lift_not(struct lift *l)
{
	unary(l, IR_NOT);
}

void lift_xadd(struct lift *l)
{
	const struct opnd *d = &l->in->op[0];
	unsigned w = d->size;
	ir_val reg = lift_reg(&l->in->op[1]), old = ir_temp(l->b), sum = ir_temp(l->b);
	struct ir_mem m;

	if (d->kind == OPND_MEM) {
		lift_memory(l, &m, w, true);
		ir_memop(l->b, IR_LDX, w, old, &m, IR_NONE)->aux = l->in->lock;
		ir_emit(l->b, IR_ADD, w, sum, old, reg);
		ir_memop(l->b, IR_STX, w, IR_NONE, &m, sum);
		ir_mov(l->b, w, reg, old);
		return;
	}
	/* SRC receives the old DEST, then DEST the sum: right also when both are one register */
	ir_mov(l->b, w, old, lift_reg(d));
	ir_emit(l->b, IR_ADD, w, sum, lift_reg(d), reg);
	ir_mov(l->b, w, reg, old);
	ir_mov(l->b, w, lift_reg(d), sum);
}

/* r = equal ? a : b on full-width temporaries */
static ir_val select_equal(struct lift *l, ir_val a, ir_val b)
{
	ir_val r = ir_temp(l->b);

	ir_emit(l->b, IR_CMOV, 8, r, a, b)->cc = 4;
	l->b->op[l->b->nops - 1].fuse = ir_cc_flags(4);
	return r;
}

void lift_cmpxchg(struct lift *l)
{
	const struct opnd *d = &l->in->op[0];
	unsigned w = d->size;
	ir_val src = lift_value(l, 1), old = ir_temp(l->b), acc = ir_temp(l->b), res;
	struct ir_mem m;

	if (d->kind == OPND_MEM) {
		lift_memory(l, &m, w, true);
		ir_memop(l->b, IR_LDX, w, old, &m, IR_NONE)->aux = l->in->lock;
	} else {
		ir_mov(l->b, w, old, lift_reg(d));
	}
	ir_mov(l->b, 8, acc, IR_G(GPR_RAX));
	ir_emit(l->b, IR_CMP, w, IR_NONE, acc, old);
	res = select_equal(l, src, old);
	if (d->kind == OPND_MEM)
		ir_memop(l->b, IR_STX, w, IR_NONE, &m, res);
	/* the accumulator is written only when the comparison failed */
	acc = select_equal(l, acc, old);
	if (w >= 4)
		ir_mov(l->b, 8, IR_G(GPR_RAX), acc);
	else
		ir_mov(l->b, w, IR_G(GPR_RAX), acc);
	/* nor is a register when it failed: its upper half stays too */
	if (d->kind != OPND_MEM && w == 4)
		ir_mov(l->b, 8, lift_reg(d), select_equal(l, src, lift_reg(d)));
	else if (d->kind != OPND_MEM)
		ir_mov(l->b, w, lift_reg(d), res);
}

void lift_cmpxchg8b(struct lift *l)
{
	unsigned w = l->in->op[0].size;

	lift_do(l, HELPER_cmpxchg8b, VAL(lift_linear(l, w, true)), IMM(w), NO);
}

/* CBW CWDE CDQE: the accumulator's lower half sign-extended into it */
void lift_cbw(struct lift *l)
{
	unsigned w = l->in->osize;

	ir_emit_nf(l->b, IR_SEXT, w, IR_G(GPR_RAX), IR_G(GPR_RAX), IR_NONE)->aux = w / 2;
}

/* CWD CDQ CQO: the accumulator's sign in every bit of rDX */
void lift_cwd(struct lift *l)
{
	unsigned w = l->in->osize;
	ir_val t = ir_temp(l->b);

	ir_emit_nf(l->b, IR_SEXT, 8, t, IR_G(GPR_RAX), IR_NONE)->aux = w;
	ir_emit_nf_imm(l->b, IR_SARX, 8, t, t, 63);
	ir_mov(l->b, w, IR_G(GPR_RDX), t);
}

void lift_arpl(struct lift *l)
{
	struct ir_block *b = l->b;
	ir_val d = ir_temp(b), s, dr = ir_temp(b), sr = ir_temp(b), fl = ir_temp(b), z = ir_temp(b),
	       fixed = ir_temp(b), res = ir_temp(b);
	const struct opnd *o = &l->in->op[0];
	struct ir_mem m;

	/* #UD: real-address or virtual-8086 mode */
	if (!lift_protected(l)) {
		lift_raise(l, CHECK_UD_NOT_PROT);
		return;
	}
	s = lift_value(l, 1);
	if (o->kind == OPND_MEM) {
		lift_memory(l, &m, 2, true);
		ir_memop(b, IR_LDX, 2, d, &m, IR_NONE);
	} else {
		ir_mov(b, 2, d, lift_reg(o));
	}
	ir_emit_nf_imm(b, IR_AND, 4, dr, d, 3);
	ir_emit_nf_imm(b, IR_AND, 4, sr, s, 3);
	ir_emit_nf_imm(b, IR_AND, 4, fixed, d, 0xFFFC);
	ir_emit_nf(b, IR_OR, 4, fixed, fixed, sr);
	ir_emit(b, IR_GETF, 4, fl, IR_NONE, IR_NONE);
	ir_emit(b, IR_CMP, 4, IR_NONE, dr, sr);
	ir_emit(b, IR_CMOV, 8, res, fixed, d)->cc = 2; /* below */
	b->op[b->nops - 1].fuse = ir_cc_flags(2);
	ir_emit(b, IR_SETCC, 1, z, IR_NONE, IR_NONE)->cc = 2;
	b->op[b->nops - 1].fuse = ir_cc_flags(2);
	ir_emit_nf_imm(b, IR_SHLX, 4, z, z, 6);
	ir_emit_nf_imm(b, IR_AND, 4, fl, fl, IRF_ALL & ~IRF_Z);
	ir_emit_nf(b, IR_OR, 4, fl, fl, z);
	ir_emit(b, IR_PUTF, 4, IR_NONE, fl, IR_NONE)->imm = IRF_ALL;
	if (o->kind == OPND_MEM)
		ir_memop(b, IR_STX, 2, IR_NONE, &m, res);
	else
		ir_mov(b, 2, lift_reg(o), res);
}

void lift_daa(struct lift *l)
{
	lift_do(l, HELPER_daa, NO, NO, NO);
}

void lift_das(struct lift *l)
{
	lift_do(l, HELPER_das, NO, NO, NO);
}

void lift_aaa(struct lift *l)
{
	lift_do(l, HELPER_aaa, NO, NO, NO);
}

void lift_aas(struct lift *l)
{
	lift_do(l, HELPER_aas, NO, NO, NO);
}

void lift_aam(struct lift *l)
{
	lift_do(l, HELPER_aam, IMM(l->in->imm & 0xFF), NO, NO);
}

void lift_aad(struct lift *l)
{
	lift_do(l, HELPER_aad, IMM(l->in->imm & 0xFF), NO, NO);
}
