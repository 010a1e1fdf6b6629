/*
 * build.c - typed builder calls for the IR (ir.h): appending an op is one call, and cannot go wrong silently.
 *
 * A full block sets the sticky overflow flag and returns a dummy op, so a lifter checks nothing; the
 * translator looks once per instruction and cuts the block.
 */
#include "jit/ir/ir.h"
#include <string.h>

const struct ir_op_info ir_ops[IR_OP_COUNT] = {
#define OP(NAME, name, operands, fx, fdef, fuse, doc)                                              \
	[IR_##NAME] = {name, operands, doc, fx, fdef, fuse},
#include "jit/ir/ops.def"
#undef OP
};

void ir_block_init(struct ir_block *b, uint32_t mode, unsigned start_off)
{
	b->nops = 0;
	b->overflow = false;
	b->ntemps = 0;
	memset(&b->term, 0, sizeof(b->term));
	b->term.flive = b->term.fobs = IRF_ALL;
	b->mode = mode;
	b->start_off = b->end_off = start_off;
	b->ninsns = 0;
	b->uses_x87 = b->uses_sse = b->uses_avx = false;
}

static const struct ir_op fresh = {.flive = IRF_ALL, .fobs = IRF_ALL, .d = IR_NONE, .a = IR_NONE, .b = IR_NONE, .c = IR_NONE,
	.m = {.base = IR_NONE, .index = IR_NONE, .seg = IR_NOSEG}};

static struct ir_op *append(struct ir_block *b, enum ir_opcode op, unsigned w)
{
	struct ir_op *o;

	if (b->nops >= IR_MAX_OPS - 1) {
		b->overflow = true;
		o = &b->op[IR_MAX_OPS - 1]; /* scratch slot, never part of the block */
	} else {
		o = &b->op[b->nops++];
	}
	*o = fresh;
	o->op = op;
	o->w = w;
	return o;
}

void ir_insn(struct ir_block *b, unsigned off, const struct insn *in)
{
	struct ir_op *o = append(b, IR_INSN, 0);

	o->imm = off;
	o->aux = in->len;
	b->ntemps = 0;
	b->end_off = off + in->len;
	if (b->ninsns == IR_MAX_INSNS) {
		b->overflow = true;
		return;
	}
	if (in != &b->insns[b->ninsns])
		b->insns[b->ninsns] = *in;
	b->ninsns++;
}

ir_val ir_temp(struct ir_block *b)
{
	if (b->ntemps >= IR_MAX_TEMPS) {
		b->overflow = true;
		return IR_T(0);
	}
	return IR_T(b->ntemps++);
}

struct ir_op *ir_emit_nf(struct ir_block *b, enum ir_opcode op, unsigned w, ir_val d, ir_val a,
	ir_val bb)
{
	struct ir_op *o = append(b, op, w);

	o->d = d;
	o->a = a;
	o->b = bb;
	return o;
}

struct ir_op *ir_emit(struct ir_block *b, enum ir_opcode op, unsigned w, ir_val d, ir_val a,
	ir_val bb)
{
	struct ir_op *o = ir_emit_nf(b, op, w, d, a, bb);

	o->fdef = ir_ops[op].fdef;
	o->fuse = ir_ops[op].fuse;
	return o;
}

struct ir_op *ir_emit_imm(struct ir_block *b, enum ir_opcode op, unsigned w, ir_val d, ir_val a,
	int64_t imm)
{
	struct ir_op *o = ir_emit(b, op, w, d, a, IR_IMM);

	o->imm = imm;
	return o;
}

struct ir_op *ir_emit_nf_imm(struct ir_block *b, enum ir_opcode op, unsigned w, ir_val d, ir_val a,
	int64_t imm)
{
	struct ir_op *o = ir_emit_nf(b, op, w, d, a, IR_IMM);

	o->imm = imm;
	return o;
}

struct ir_op *ir_mov(struct ir_block *b, unsigned w, ir_val d, ir_val a)
{
	return ir_emit_nf(b, IR_MOV, w, d, a, IR_NONE);
}

struct ir_op *ir_movi(struct ir_block *b, unsigned w, ir_val d, int64_t imm)
{
	struct ir_op *o = ir_mov(b, w, d, IR_IMM);

	o->imm = imm;
	return o;
}

struct ir_op *ir_memop(struct ir_block *b, enum ir_opcode op, unsigned w, ir_val d,
	const struct ir_mem *m, ir_val a)
{
	struct ir_op *o = ir_emit(b, op, w, d, a, IR_NONE);

	o->m = *m;
	return o;
}

struct ir_op *ir_ld(struct ir_block *b, unsigned w, ir_val d, const struct ir_mem *m)
{
	return ir_memop(b, IR_LD, w, d, m, IR_NONE);
}

struct ir_op *ir_st(struct ir_block *b, unsigned w, const struct ir_mem *m, ir_val a)
{
	return ir_memop(b, IR_ST, w, IR_NONE, m, a);
}

struct ir_op *ir_st_imm(struct ir_block *b, unsigned w, const struct ir_mem *m, int64_t imm)
{
	struct ir_op *o = ir_st(b, w, m, IR_IMM);

	o->imm = imm;
	return o;
}

struct ir_op *ir_helper(struct ir_block *b, enum helper_id h, ir_val d, ir_val a, ir_val bb,
	ir_val c, int64_t imm)
{
	struct ir_op *o = ir_emit_nf(b, IR_HELPER, 8, d, a, bb);

	o->c = c;
	o->aux = h;
	o->imm = imm;
	if (helpers[h].fx & FX_RF)
		o->fuse = IRF_ALL;
	if (helpers[h].fx & FX_WF)
		o->fdef = IRF_ALL;
	return o;
}

void ir_end(struct ir_block *b, const struct ir_term *t)
{
	b->term = *t;
	b->term.flive = b->term.fobs = IRF_ALL;
}

uint16_t ir_cc_flags(unsigned cc)
{
	static const uint16_t f[8] = {IRF_O, IRF_C, IRF_Z, IRF_C | IRF_Z, IRF_S, IRF_P,
		IRF_S | IRF_O, IRF_S | IRF_O | IRF_Z};

	return f[cc >> 1 & 7];
}
