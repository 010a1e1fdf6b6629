/*
 * poll.c - loops look for requests (cpu->req): exits to code before the block's do, as they leave.
 *
 * With the flags in EFLAGS that takes five host instructions. Where the block has an instruction that overwrites them anyway, such as the
 * comparison before the conditional branch that ends most loops, it looks just before that: two. Where instructions are counted it is one
 * addition, which counts, and a branch on its sign: R10 gets to 0 once in COUNT_SLICE instructions, and only then cpu->req is read.
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

/* Is op @i all that its instruction does? */
static bool alone(const struct ir_block *ir, unsigned i)
{
	return i && ir->op[i - 1].op == IR_INSN && (i + 1 == ir->nops || ir->op[i + 1].op == IR_INSN);
}

static bool loops(const struct emitter *c)
{
	for (unsigned i = 0; i < c->blk->nexits; i++)
		if (c->blk->exit[i].linkable && backward(c, &c->blk->exit[i]))
			return true;
	return false;
}

/* The last that there is: what follows will be a block of its own when the loop is left there. */
unsigned poll_place(const struct emitter *c)
{
	const struct ir_block *ir = c->ir;

	if (c->x->count_last || c->x->opts_off & JIT_OPT_POLL || !loops(c))
		return NO_POLL;
	for (unsigned i = ir->nops; i-- > 0;)
		if (can_follow(&ir->op[i]) && alone(ir, i))
			return i;
	return NO_POLL;
}

/* Op @i, which is alone(), is followed by nothing but the conditional branch that ends the block. */
static bool before_branch(const struct ir_block *ir, unsigned i)
{
	while (++i < ir->nops)
		if (ir->op[i].op != IR_INSN)
			return false;
	return ir->term.kind == TERM_JCC;
}

/* There is a request, or @k->join is where to go on: the operation here, then out by the exit that the branch would take, or behind the instruction. */
static void cold_poll(struct emitter *c, struct cold *k)
{
	const struct block_exit *x = c->blk->exit;
	uint8_t *taken;

	if (counts(c)) {
		x_call(&c->cb, c->x->stub.expired);
		x_jcc(&c->cb, 4, k->join + c->cb.rx_delta);
	}
	drop_temps(c);
	c->busy = c->held = 0;
	c->obs = 0;
	c->fl_host = false;
	c->fl_env = true;
	BUG_ON(!x64_lower[c->ir->op[k->begin].op](c, &c->ir->op[k->begin]));
	if (!before_branch(c->ir, k->begin)) {
		count_less(c, insns_left(c, k->begin));
		stop_at(c, k->next_off);
		return;
	}
	taken = x_jcc_fwd(&c->cb, c->ir->term.cc);
	way_out(c, &x[1], false);
	x_here(&c->cb, taken);
	way_out(c, &x[0], false);
}

/* The block's instructions are counted, and if that makes R10 non-negative, to where x_here() leads it. Changes the flags. */
static uint8_t *branch_if_expired(struct emitter *c)
{
	x_alui(&c->cb, X_ADD, 8, X_COUNT, c->ir->ninsns);
	return x_jcc_fwd(&c->cb, 13);
}

void poll_early(struct emitter *c)
{
	struct cold *k;

	c->count_off = c->off;
	c->polled = !c->obs || c->fl_env;
	if (!c->polled) {
		if (counts(c))
			count_now(c);
		return;
	}
	flags_lost(c);
	k = new_cold(c, cold_poll);
	k->begin = c->i;
	k->next_off = c->next_off;
	k->from = counts(c) ? branch_if_expired(c) : branch_if_requested(c);
	k->join = c->cb.p;
}
