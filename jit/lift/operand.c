/*
 * operand.c - instruction operands to IR values and memory operands, with what segmentation asks of them.
 *
 * The mode key says which segments are flat; those cost nothing. Others add their base and are
 * checked by SEGCHK before anything else of the access (Intel SDM Vol. 3A, 5.3 "Limit Checking", 5.4 "Type Checking").
 */
#include "jit/lift/priv.h"
#include <string.h>

static bool is_flat(const struct lift *l, unsigned seg, bool write)
{
	if (lift_code64(l))
		return seg != SEG_FS && seg != SEG_GS;
	/* a code segment is never writable in protected mode */
	if (seg == SEG_CS && write)
		return false;
	return l->mode & BIT(7 + seg);
}

static bool has_limit(const struct lift *l, unsigned seg, bool write)
{
	if (lift_code64(l) || is_flat(l, seg, write))
		return false;
	if (seg == SEG_FS)
		return !(l->mode & MODE_NOLIM_FS);
	if (seg == SEG_GS)
		return !(l->mode & MODE_NOLIM_GS);
	return true;
}

void lift_address(struct lift *l, struct ir_mem *m)
{
	const struct mem_opnd *o = &l->in->mem;

	memset(m, 0, sizeof(*m));
	m->base = o->base == MEM_NONE ? IR_NONE : o->base == MEM_RIP ? IR_IPBASE : IR_G(o->base);
	m->index = o->index == MEM_NONE ? IR_NONE : IR_G(o->index);
	m->scale = o->scale;
	m->asize = o->asize;
	m->disp = o->disp + (o->base == MEM_RIP ? (int64_t)l->next_off : 0);
	m->seg = IR_NOSEG;
	m->sreg = o->seg;
	m->idx = mode_mmu_idx(l->mode);
}

void lift_segment(struct lift *l, struct ir_mem *m, unsigned seg, unsigned w, bool write)
{
	struct ir_op *o;

	m->sreg = seg;
	m->seg = is_flat(l, seg, write) ? IR_NOSEG : seg;
	if (w && has_limit(l, seg, write)) {
		o = ir_memop(l->b, IR_SEGCHK, w, IR_NONE, m, IR_NONE);
		o->imm = write;
	}
	if ((l->mode & MODE_AC) && w > 1 && w <= 8)
		ir_memop(l->b, IR_ALIGN, w, IR_NONE, m, IR_NONE);
}

void lift_memory(struct lift *l, struct ir_mem *m, unsigned w, bool write)
{
	lift_address(l, m);
	lift_segment(l, m, l->in->mem.seg, w, write);
}

void lift_stack(struct lift *l, struct ir_mem *m, ir_val base, int64_t disp, unsigned w, bool write)
{
	memset(m, 0, sizeof(*m));
	m->base = base;
	m->index = IR_NONE;
	m->asize = lift_stack_size(l);
	m->disp = disp;
	m->idx = mode_mmu_idx(l->mode);
	lift_segment(l, m, SEG_SS, w, write);
}

ir_val lift_linear(struct lift *l, unsigned w, bool write)
{
	ir_val at = ir_temp(l->b), ea;
	struct ir_mem m;

	if (lift_code64(l)) { /* helpers take any address: the canonical form is checked here */
		ea = ir_temp(l->b);
		lift_address(l, &m);
		ir_memop(l->b, IR_LEA, m.asize, ea, &m, IR_NONE);
		lift_do(l, HELPER_seg_check, IMM(m.sreg), VAL(ea), IMM((w ? w : 1) | write << 8));
	}
	lift_memory(l, &m, w, write);
	ir_memop(l->b, IR_LIN, 8, at, &m, IR_NONE);
	return at;
}

ir_val lift_reg(const struct opnd *o)
{
	return o->kind == OPND_GPRH ? IR_GH(o->reg) : IR_G(o->reg);
}

ir_val lift_const(struct lift *l, int64_t imm)
{
	ir_val t = ir_temp(l->b);

	ir_movi(l->b, 8, t, imm);
	return t;
}

struct src lift_read(struct lift *l, unsigned i)
{
	const struct opnd *o = &l->in->op[i];
	struct ir_mem m;
	ir_val t;

	switch (o->kind) {
	case OPND_MEM:
		lift_memory(l, &m, o->size, false);
		t = ir_temp(l->b);
		ir_ld(l->b, o->size, t, &m);
		return VAL(t);
	case OPND_IMM:
	case OPND_REL:
		return IMM(l->in->imm);
	case OPND_IMM2:
		return IMM(l->in->imm2);
	case OPND_ONE:
		return IMM(1);
	default:
		return VAL(lift_reg(o));
	}
}

ir_val lift_value(struct lift *l, unsigned i)
{
	struct src s = lift_read(l, i);
	ir_val t = s.v;

	if (s.v == IR_IMM)
		return lift_const(l, s.imm);
	/* a register's upper bytes do not belong to the operand */
	if (IR_KIND(s.v) != IR_KIND_T) {
		t = ir_temp(l->b);
		ir_emit_nf(l->b, IR_ZEXT, 8, t, s.v, IR_NONE)->aux = l->in->op[i].size;
		if (IR_KIND(s.v) == IR_KIND_GH) {
			/* a high byte can only be the source of a byte-wide op */
			l->b->op[l->b->nops - 1].op = IR_MOV;
			l->b->op[l->b->nops - 1].w = 1;
			l->b->op[l->b->nops - 1].aux = 0;
		}
	}
	return t;
}

void lift_write(struct lift *l, unsigned i, ir_val v)
{
	const struct opnd *o = &l->in->op[i];
	struct ir_mem m;

	if (o->kind == OPND_MEM) {
		lift_memory(l, &m, o->size, true);
		ir_st(l->b, o->size, &m, v);
		return;
	}
	ir_mov(l->b, o->size, lift_reg(o), v);
}

void lift_sp_add(struct lift *l, int64_t n)
{
	if (n >= 0)
		ir_emit_nf_imm(l->b, IR_ADD, lift_stack_size(l), IR_G(GPR_RSP), IR_G(GPR_RSP), n);
	else
		ir_emit_nf_imm(l->b, IR_SUB, lift_stack_size(l), IR_G(GPR_RSP), IR_G(GPR_RSP), -n);
}
