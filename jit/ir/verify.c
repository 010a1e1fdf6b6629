/*
 * verify.c - the rules every ir_block obeys; on in debug builds for every block, and in the lifter's tests.
 *
 * The one that matters most is precision: within a guest instruction, nothing that can fault may follow
 * a write of guest state (register, flags, memory), because EXIT_FAULT promises the state of the
 * instruction's start. Helpers judge themselves (all-or-nothing or restartable); a store may be the last
 * fault of an instruction. LDX is the fault point of a read-modify-write, STX never faults.
 */
#include "jit/ir/ir.h"
#include <stdio.h>
#include <string.h>

static bool writes_guest(const struct ir_op *o)
{
	if (o->op == IR_ST || o->op == IR_STX || o->op == IR_STENV)
		return true;
	if (o->op == IR_MULU || o->op == IR_MULS || o->op == IR_DIVU || o->op == IR_DIVS)
		return true;
	if (o->d != IR_NONE && IR_KIND(o->d) <= IR_KIND_GH)
		return true;
	if (o->op == IR_HELPER)
		return helpers[o->aux].fx & (FX_W | FX_WF | FX_END | FX_RIP);
	return o->fdef != 0 && o->op != IR_NATIVE;
}

static bool may_fault(const struct ir_op *o)
{
	if (o->op == IR_HELPER)
		return helpers[o->aux].fx & FX_FAULT;
	return ir_ops[o->op].fx & IRFX_FAULT;
}

static const char *check_val(ir_val v, const struct ir_op *o, uint64_t defined)
{
	switch (IR_KIND(v)) {
	case IR_KIND_G:
		return IR_NUM(v) < 16 ? NULL : "guest register out of range";
	case IR_KIND_GH:
		return IR_NUM(v) < 4 && o->w == 1 ? NULL : "high byte needs width 1";
	case IR_KIND_T:
		if (IR_NUM(v) >= IR_MAX_TEMPS)
			return "temporary out of range";
		return defined >> IR_NUM(v) & 1 ? NULL : "temporary used before it is written";
	case IR_KIND_IMM:
	case IR_KIND_IPBASE:
	case IR_KIND_NONE:
		return NULL;
	}
	return "unknown kind of value";
}

static const char *check_operands(const struct ir_op *o, uint64_t defined)
{
	const struct ir_op_info *info = &ir_ops[o->op];
	const ir_val src[] = {o->a, o->b, o->c, o->m.base, o->m.index};

	for (unsigned i = 0; i < ARRAY_SIZE(src); i++) {
		if (i == 2 && o->op == IR_MULX)
			continue; /* c is its second result */
		const char *why = check_val(src[i], o, i < 3 ? defined : defined);

		if (why && !(i >= 3 && IR_KIND(src[i]) == IR_KIND_GH))
			return why;
	}
	if (strchr(info->operands, 'm') && o->op != IR_NATIVE && o->m.asize != 2 &&
		o->m.asize != 4 && o->m.asize != 8)
		return "memory operand without address size";
	if (o->op != IR_HELPER && strchr(info->operands, 'd') && o->d == IR_NONE)
		return "result missing";
	/* the operand whose limit is checked may be an x87 or SSE one, or an environment */
	if (o->op == IR_SEGCHK)
		return o->w ? NULL : "width is 0";
	if (o->op != IR_INSN && o->op != IR_HELPER && o->op != IR_NATIVE && o->op != IR_SETF &&
		o->op != IR_CMC && o->op != IR_GUARD && o->w != 1 && o->w != 2 && o->w != 4 &&
		o->w != 8)
		return "width is not 1, 2, 4 or 8";
	return NULL;
}

const char *ir_verify(const struct ir_block *b, char *buf, size_t n)
{
	const char *why = NULL;
	uint64_t defined = 0;
	bool written = false, only_stores = true;
	unsigned i;

	for (i = 0; i < b->nops && !why; i++) {
		const struct ir_op *o = &b->op[i];

		if (o->op == IR_INSN) {
			written = false;
			only_stores = true;
			defined = 0;
			continue;
		}
		why = check_operands(o, defined);
		/* a second store may still fault: the instruction is restarted and stores the first again */
		if (!why && written && may_fault(o) && !(o->op == IR_ST && only_stores))
			why = "may fault after guest state was written";
		if (o->op != IR_ST && writes_guest(o))
			only_stores = false;
		if (o->d != IR_NONE && IR_KIND(o->d) == IR_KIND_T)
			defined |= BIT(IR_NUM(o->d) & 63);
		if (o->op == IR_MULX && IR_KIND(o->c) == IR_KIND_T)
			defined |= BIT(IR_NUM(o->c) & 63);
		written |= writes_guest(o);
	}
	if (!why && b->term.kind == TERM_NONE) {
		i = b->nops + 1;
		why = "block has no terminal";
	}
	if (!why)
		return NULL;
	snprintf(buf, n, "op %u (%s): %s", i - 1, i - 1 < b->nops ? ir_ops[b->op[i - 1].op].name : "end",
		why);
	return buf;
}
