/*
 * group.h - runs of memory accesses off one base register.
 *
 * A group is a run of ops whose memory accesses all lie at known distances from the value a base register has at its
 * start, with nothing in between that could change a mapping, fault otherwise, or leave the block. If the whole range
 * lies in one page and is plain memory, none of the accesses can fault and one probe serves them all.
 */
#ifndef JIT_OPT_GROUP_H
#define JIT_OPT_GROUP_H

#include "jit/ir/ir.h"

#define GROUP_MAX_SPAN 255 /* bytes a group may cover */

struct access_group {
	struct ir_mem first;
	int32_t lo, hi; /* the bytes it covers, from the base register's value at the start */
	unsigned end;	/* index behind its last op, which ends a guest instruction */
	bool writes;
};

/* Can a group begin with it? */
static inline bool group_begins(const struct ir_op *o)
{
	return o->op == IR_LD || o->op == IR_ST || o->op == IR_LDX;
}

/* The longest group that begins with op @first of @ir, which can begin one. Fills @off, by op index, with each access's distance from the base;
 * entries of other ops are garbage. Returns false if there are not two accesses. */
bool group_find(const struct ir_block *ir, unsigned first, struct access_group *g, int32_t *off);

#endif
