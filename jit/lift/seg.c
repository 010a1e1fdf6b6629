/* seg.c - segment registers and descriptor tables as operands. */
#include "jit/lift/priv.h"

/* A system value (selector, CR0) to a register of the operand size or to a word of memory. */
static void store_system(struct lift *l, ir_val v)
{
	const struct opnd *d = &l->in->op[0];
	struct ir_mem m;

	if (d->kind == OPND_MEM) {
		lift_memory(l, &m, 2, true);
		ir_st(l->b, 2, &m, v);
		return;
	}
	ir_mov(l->b, d->size, lift_reg(d), v);
}

static struct src read_word(struct lift *l, unsigned i)
{
	struct src s = lift_read(l, i);
	ir_val t;

	if (IR_KIND(s.v) == IR_KIND_T)
		return s;
	t = ir_temp(l->b);
	ir_emit_nf(l->b, IR_ZEXT, 8, t, s.v, IR_NONE)->aux = 2;
	return VAL(t);
}

void lift_mov_sreg_from(struct lift *l)
{
	ir_val t = ir_temp(l->b);
	struct ir_op *o = ir_emit_nf(l->b, IR_LDENV, 8, t, IR_NONE, IR_NONE);

	o->imm = offsetof(struct vcpu, seg) + l->in->op[1].reg * sizeof(struct seg) +
		offsetof(struct seg, sel);
	o->aux = 2;
	store_system(l, t);
}

void lift_mov_sreg_to(struct lift *l)
{
	unsigned seg = l->in->op[0].reg;

	/* #UD: MOV to CS */
	if (seg == SEG_CS || seg >= SEG_COUNT) {
		lift_raise(l, CHECK_UD_OPCODE);
		return;
	}
	lift_do(l, HELPER_load_seg, IMM(seg), read_word(l, 1), NO);
	lift_resume(l);
}

/* LES LDS LSS LFS LGS */
void lift_lxs(struct lift *l)
{
	static const uint8_t by_opcode[16] = {[0x2] = SEG_SS, [0x4] = SEG_FS, [0x5] = SEG_GS};
	unsigned w = l->in->op[0].size, seg;
	ir_val off = ir_temp(l->b), sel = ir_temp(l->b);
	struct ir_mem m;

	if (l->in->map == 0)
		seg = l->in->opcode == 0xC4 ? SEG_ES : SEG_DS;
	else
		seg = by_opcode[l->in->opcode & 15];
	lift_memory(l, &m, w, false);
	ir_ld(l->b, w, off, &m);
	lift_address(l, &m);
	m.disp += w;
	lift_segment(l, &m, l->in->mem.seg, 2, false);
	ir_ld(l->b, 2, sel, &m);
	lift_do(l, HELPER_load_seg, IMM(seg), VAL(sel), IMM(1));
	ir_mov(l->b, w, lift_reg(&l->in->op[0]), off);
	lift_resume(l);
}

/* LGDT LIDT: limit word, then a base of 24, 32 or 64 bits. */
static void load_table(struct lift *l, enum helper_id h)
{
	unsigned w = lift_code64(l) ? 8 : 4;
	ir_val limit = ir_temp(l->b), base = ir_temp(l->b);
	struct ir_mem m;

	/* #GP(0): CPL is not 0; judged before the operand is touched */
	if (mode_cpl(l->mode)) {
		lift_raise(l, CHECK_GP_CPL0);
		return;
	}
	lift_memory(l, &m, 2, false);
	ir_ld(l->b, 2, limit, &m);
	lift_address(l, &m);
	m.disp += 2;
	lift_segment(l, &m, l->in->mem.seg, w, false);
	ir_ld(l->b, w, base, &m);
	if (!lift_code64(l) && l->in->osize == 2)
		ir_emit_nf_imm(l->b, IR_AND, 4, base, base, 0xFFFFFF);
	lift_do(l, h, VAL(base), VAL(limit), NO);
}

void lift_lgdt(struct lift *l)
{
	load_table(l, HELPER_lgdt);
}

void lift_lidt(struct lift *l)
{
	load_table(l, HELPER_lidt);
}

static void store_table(struct lift *l, unsigned which)
{
	unsigned w = lift_code64(l) ? 8 : 4;
	ir_val limit = lift_call(l, HELPER_sgdt, IMM(0), IMM(which), NO);
	ir_val base = lift_call(l, HELPER_sgdt, IMM(1), IMM(which), NO);
	struct ir_mem m, m2;

	lift_address(l, &m2);
	m2.disp += 2;
	lift_segment(l, &m2, l->in->mem.seg, w, true);
	lift_memory(l, &m, 2, true);
	ir_st(l->b, 2, &m, limit);
	ir_st(l->b, w, &m2, base);
}

void lift_sgdt(struct lift *l)
{
	store_table(l, 0);
}

void lift_sidt(struct lift *l)
{
	store_table(l, 1);
}

void lift_sldt(struct lift *l)
{
	store_system(l, lift_call(l, HELPER_sldt, NO, NO, NO));
}

void lift_str(struct lift *l)
{
	store_system(l, lift_call(l, HELPER_str, NO, NO, NO));
}

void lift_smsw(struct lift *l)
{
	store_system(l, lift_call(l, HELPER_smsw, NO, NO, NO));
}

static void load_system(struct lift *l, enum helper_id h)
{
	/* #UD: real-address or virtual-8086 mode; #GP(0): CPL is not 0. Judged before the operand is touched */
	if (!lift_protected(l))
		lift_raise(l, CHECK_UD_NOT_PROT);
	else if (mode_cpl(l->mode))
		lift_raise(l, CHECK_GP_CPL0);
	else
		lift_do(l, h, read_word(l, 0), NO, NO);
}

void lift_lldt(struct lift *l)
{
	load_system(l, HELPER_lldt);
}

void lift_ltr(struct lift *l)
{
	load_system(l, HELPER_ltr);
}

static void verify(struct lift *l, enum helper_id h)
{
	/* #UD: real-address or virtual-8086 mode. Judged before the operand is touched */
	if (!lift_protected(l))
		lift_raise(l, CHECK_UD_NOT_PROT);
	else
		lift_do(l, h, read_word(l, 0), NO, NO);
}

void lift_verr(struct lift *l)
{
	verify(l, HELPER_verr);
}

void lift_verw(struct lift *l)
{
	verify(l, HELPER_verw);
}

/* LAR, LSL: the destination is written only if ZF was set. */
static void rights(struct lift *l, enum helper_id h)
{
	const struct opnd *d = &l->in->op[0];
	ir_val v, r = lift_reg(d);
	struct ir_op *o;

	/* #UD: real-address or virtual-8086 mode. Judged before the operand is touched */
	if (!lift_protected(l)) {
		lift_raise(l, CHECK_UD_NOT_PROT);
		return;
	}
	v = lift_call(l, h, read_word(l, 1), NO, NO);

	if (d->size >= 4) {
		ir_emit_nf(l->b, IR_ZEXT, 8, v, v, IR_NONE)->aux = 4;
		o = ir_emit(l->b, IR_CMOV, 8, r, v, r);
	} else {
		o = ir_emit(l->b, IR_CMOV, 2, r, v, r);
	}
	o->cc = 4;
	o->fuse = IRF_Z;
}

void lift_lar(struct lift *l)
{
	rights(l, HELPER_lar);
}

void lift_lsl(struct lift *l)
{
	rights(l, HELPER_lsl);
}
