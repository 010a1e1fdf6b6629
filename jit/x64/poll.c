/*
 * poll.c - loops look for requests (cpu->req): exits to code before the block's do, as they leave.
 *
 * With the flags in EFLAGS that takes five host instructions. Where the block ends with a comparison and a conditional branch, as most loops do,
 * it looks just before the comparison, which overwrites the flags anyway: two, and the branch itself is the exit.
 */
#include "jit/x64/x64.h"

/* If cpu->req != 0, to where x_here() leads it. Changes the flags. */
static uint8_t *branch_if_requested(struct emitter *c)
{
	struct x_mem req = env_mem(ENV(req));
	uint64_t snip = snippet_key(SNIP_REQUESTED, 0, 0, 0, 0);
	uint8_t *from = c->cb.p, *out = snippet_put(c->snippet, snip, &c->cb);

	if (out)
		return out;
	x_alu_mi(&c->cb, X_CMP, 4, &req, 0);
	out = x_jcc_fwd(&c->cb, 5);
	return snippet_keep(c->snippet, snip, &c->cb, from, out);
}

/* branch_if_requested() without flags: RCX and JRCXZ make the test. */
static uint8_t *jump_if_requested(struct emitter *c)
{
	struct x_mem req = env_mem(ENV(req));
	uint64_t snip = snippet_key(SNIP_REQUESTED, 1, 0, 0, 0);
	uint8_t *from = c->cb.p, *ok, *out = snippet_put(c->snippet, snip, &c->cb);

	if (out)
		return out;
	x_mov(&c->cb, 8, X_R11, X_RCX);
	x_load(&c->cb, 4, X_RCX, &req);
	ok = x_jrcxz_fwd(&c->cb);
	x_mov(&c->cb, 8, X_RCX, X_R11);
	out = x_jmp_fwd(&c->cb);
	x_here8(&c->cb, ok);
	x_mov(&c->cb, 8, X_RCX, X_R11);
	return snippet_keep(c->snippet, snip, &c->cb, from, out);
}

uint8_t *emit_poll(struct emitter *c)
{
	if (!c->fl_env)
		return jump_if_requested(c);
	c->fl_host = false;
	return branch_if_requested(c);
}

/* Operations of one host instruction that write all flags, read none, and touch no memory. */
static bool can_follow(const struct ir_op *o)
{
	switch (o->op) {
	case IR_CMP: case IR_TEST: case IR_ADD: case IR_SUB: case IR_AND: case IR_OR: case IR_XOR:
		return o->fdef == IRF_ALL && IR_KIND(o->a) == IR_KIND_G && (IR_KIND(o->b) == IR_KIND_G || IR_KIND(o->b) == IR_KIND_IMM) &&
			(o->d == IR_NONE || IR_KIND(o->d) == IR_KIND_G);
	}
	return false;
}

unsigned poll_place(const struct emitter *c)
{
	const struct ir_block *ir = c->ir;
	const struct block_exit *x = c->blk->exit;
	unsigned i = ir->nops;

	if (ir->term.kind != TERM_JCC || !x[0].linkable || !backward(c, &x[0]) || c->x->count_last || c->x->opts_off & JIT_OPT_POLL)
		return NO_POLL;
	while (i && ir->op[i - 1].op == IR_INSN)
		i--;
	return i > 1 && can_follow(&ir->op[i - 1]) && ir->op[i - 2].op == IR_INSN ? i - 1 : NO_POLL;
}

/* There is a request: the operation here, then out by the exit that the branch would take. */
static void cold_poll(struct emitter *c, struct cold *k)
{
	const struct ir_op *o = &c->ir->op[k->begin];
	const struct block_exit *x = c->blk->exit;
	uint8_t *taken;

	drop_temps(c);
	c->busy = c->held = 0;
	c->obs = 0;
	c->fl_host = false;
	c->fl_env = true;
	BUG_ON(!x64_lower[o->op](c, o));
	taken = x_jcc_fwd(&c->cb, c->ir->term.cc);
	way_out(c, &x[1], false);
	x_here(&c->cb, taken);
	way_out(c, &x[0], false);
}

void poll_early(struct emitter *c)
{
	struct cold *k;

	c->polled = !c->obs || c->fl_env;
	if (!c->polled)
		return;
	flags_lost(c);
	k = new_cold(c, cold_poll);
	k->begin = c->i;
	k->from = branch_if_requested(c);
}
