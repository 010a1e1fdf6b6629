/*
 * term.c - how blocks end: links, exits, polls, the jump-cache probe. The flags leave in NZCV; over a link C may be the inverse carry,
 * then it leads to an entry that fits, and PF and AF may be noted out of line, if the next block could show them at all.
 */
#include "jit/a64/a64.h"

/* @r = IP value of page offset @off, as a jump with operand size @ipsize makes it (0: code size). */
static void load_ip(struct emitter *c, unsigned r, int64_t off, unsigned ipsize)
{
	env_load(c, 8, r, ENV(ip_base));
	if (!a_addi(&c->cb, A_ADD, 8, r, r, (uint64_t)off) && !a_addi(&c->cb, A_SUB, 8, r, r, -(uint64_t)off)) {
		a_movi(&c->cb, X_S2, (uint64_t)off);
		a_add(&c->cb, A_ADD, 8, r, r, X_S2, A_LSL, 0);
	}
	if (ipsize == 2)
		a_zext(&c->cb, r, r, 2);
	else if (!c->code64 || ipsize == 4)
		a_mov(&c->cb, 4, r, r);
}

static void leave(struct emitter *c, unsigned reason)
{
	pa_settle(c);
	flags_carry(c);
	a_movi(&c->cb, X_S, reason);
	a_mov(&c->cb, 8, X_S2, A_ZR);
	a_b(&c->cb, c->x->stub.exit[c->code64]);
}

/* The way out of an exit that is not linked, and of a poll that found a request: the run loop looks at those first. */
static void cold_exit(struct emitter *c, struct cold *k)
{
	uint8_t *on = NULL;

	if (k->pa.on) {
		pa_emit(c, &k->pa);
		c->xb->note[k->exit - c->blk->exit] = code_here(c);
		on = a_b_fwd(&c->cb); /* patched, where the next block could show them */
	}
	a_here(&c->cb, k->poll);
	if (k->poll)
		pa_emit(c, &k->pa);
	a_here(&c->cb, on);
	c->inv = k->inv;
	flags_carry(c);
	a_bl(&c->cb, c->x->stub.link[c->code64]);
	codebuf_u64(&c->cb, (uintptr_t)k->exit);
}

static void cold_lookup(struct emitter *c, struct cold *k)
{
	(void)k;
	a_b(&c->cb, c->x->stub.lookup[c->code64]);
}

static void cold_checked(struct emitter *c, struct cold *k)
{
	a_bl(&c->cb, c->x->stub.checked);
	codebuf_u64(&c->cb, k->note);
}

/* What stub.checked wants to know of the branch that ends the block. */
static uint64_t undo_note(const struct emitter *c, const struct ir_term *t)
{
	return (uint32_t)c->off | (uint64_t)t->undo << 32;
}

/* To the block of IP value X_IP, through the jump cache. C is the carry; temporaries are dead: X0..X3 are free. @t: an indirect branch, or NULL */
static void jump_cache(struct emitter *c, const struct ir_term *t)
{
	struct codebuf *cb = &c->cb;
	struct cold *k;

	k = new_cold(c, t && t->canon ? cold_checked : cold_lookup);
	k->note = t ? undo_note(c, t) : 0;
	a_ldp(cb, 0, 1, X_CPU, ENV(req)); /* and eflags; the key */
	_Static_assert(offsetof(struct vcpu, jc_key) == offsetof(struct vcpu, req) + 8, "pair above");
	k->from = a_cbz_fwd(cb, true, 4, 0);
	a_ldr(cb, 8, 2, A_SP, FRAME(jc));
	a_logic(cb, A_EOR, 8, 3, X_IP, X_IP, A_LSR, JC_FOLD);
	a_bfi(cb, 8, 2, 3, 4, JC_BITS); /* the table is aligned to its size */
	_Static_assert(sizeof(struct jc_entry) == 16, "shift above");
	a_ldp(cb, 2, 3, 2, 0);
	a_add(cb, A_ADD, 8, 1, 1, X_IP, A_LSL, 0);
	a_logic(cb, A_EOR, 8, 2, 2, 1, A_LSL, 0);
	k->from2 = a_cbz_fwd(cb, true, 8, 2);
	a_br(cb, 3);
}

/* May exit @x be patched to its target? */
static bool patched(const struct emitter *c, const struct block_exit *x)
{
	return x->linkable || c->ir->mode & MODE_ONE;
}

static bool backward(const struct emitter *c, const struct block_exit *x)
{
	return x->off <= (int64_t)c->ir->start_off && !(c->ir->mode & MODE_ONE);
}

/* A direct exit. */
static void direct(struct emitter *c, unsigned n, unsigned ipsize)
{
	struct block_exit *x = &c->blk->exit[n];
	struct cold *k;

	if (!patched(c, x)) {
		pa_settle(c);
		flags_carry(c);
		load_ip(c, X_IP, x->off, ipsize);
		jump_cache(c, NULL);
		return;
	}
	if (x->off == (int64_t)c->ir->start_off && c->xb->needs & IRF_PA)
		pa_settle(c);
	c->xb->inv[n] = c->inv;
	k = new_cold(c, cold_exit);
	if (backward(c, x)) {
		env_load(c, 4, X_S, ENV(req));
		k->poll = a_cbz_fwd(&c->cb, true, 4, X_S);
	}
	k->from = a_b_fwd(&c->cb);
	k->exit = x;
	x->patch = k->from;
	x->ip_mask = ipsize == 2 ? 0xFFFF : !c->code64 || ipsize == 4 ? 0xFFFFFFFF : UINT64_MAX;
}

/* Count the block's instructions where somebody asked for it. */
static void count(struct emitter *c)
{
	if (!(c->ir->mode & MODE_ICOUNT))
		return;
	env_load(c, 8, X_S, ENV(insns));
	a_addi(&c->cb, A_ADD, 8, X_S, X_S, c->ir->ninsns);
	env_store(c, 8, X_S, ENV(insns));
}

/* To exit 0 by the branch at @taken, else to exit 1. */
static void two_way(struct emitter *c, uint8_t *taken)
{
	const struct ir_term *t = &c->ir->term;
	unsigned size0 = t->falls ? 0 : t->ipsize, size1 = t->falls ? t->ipsize : 0;
	bool inv = c->inv;
	struct pa_note pa = c->pa;

	direct(c, 1, size1);
	c->inv = inv;
	c->pa = pa;
	a_here(&c->cb, taken);
	direct(c, 0, size0);
}

static uint8_t *condition(struct emitter *c, unsigned cc)
{
	if ((cc & ~1u) == 10) {
		parity(c, X_S);
		return a_tbz_fwd(&c->cb, !(cc & 1), X_S, 0);
	}
	return a_bcc_fwd(&c->cb, host_cond(c, cc));
}

static uint8_t *nonzero(struct emitter *c, const struct ir_term *t)
{
	unsigned v = use(c, t->val, 0);

	if (t->w < 4) {
		a_zext(&c->cb, X_S, v, t->w);
		v = X_S;
	}
	return a_cbz_fwd(&c->cb, true, t->w == 8 ? 8 : 4, v);
}

/* How many bytes of temporary @t may not be zero: registers hold them zero-extended. */
static unsigned width(const struct emitter *c, ir_val t)
{
	for (unsigned i = c->ir->nops; i-- > 0;)
		if (c->ir->op[i].d == t)
			return c->ir->op[i].w;
	return 8;
}

static void indirect(struct emitter *c, const struct ir_term *t)
{
	unsigned v = use(c, t->val, 0);

	pa_settle(c);
	flags_carry(c);
	if (v != X_IP || width(c, t->val) > t->ipsize)
		a_zext(&c->cb, X_IP, v, t->ipsize < 8 ? t->ipsize : 8);
	if (!(c->ir->mode & MODE_ONE)) {
		jump_cache(c, t);
		return;
	}
	if (t->canon) {
		a_bl(&c->cb, c->x->stub.checked);
		codebuf_u64(&c->cb, undo_note(c, t));
		return;
	}
	env_store(c, 8, X_IP, ENV(rip));
	leave(c, RUN_LOOKUP);
}

/* On to exit 0 if the helper that ended the block has changed nothing that the run loop must look at. */
static void resume(struct emitter *c)
{
	uint8_t *out[3];

	pa_settle(c);
	flags_carry(c);
	env_load(c, 4, X_S, ENV(req));
	out[0] = a_cbz_fwd(&c->cb, true, 4, X_S);
	env_load(c, 4, 0, ENV(mode));
	a_movi(&c->cb, 1, c->ir->mode);
	a_logic(&c->cb, A_EOR, 4, X_S, 0, 1, A_LSL, 0);
	out[1] = a_cbz_fwd(&c->cb, true, 4, X_S);
	env_load(c, 1, X_S, ENV(shadow));
	out[2] = a_cbz_fwd(&c->cb, true, 4, X_S);
	direct(c, 0, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(out); i++)
		a_here(&c->cb, out[i]);
}

void lower_term(struct emitter *c)
{
	const struct ir_term *t = &c->ir->term;

	c->busy = 0;
	if (!(c->obs & IRF_PA))
		c->pa.on = false;
	xmm_flush(c, false);
	x87_settle(c);
	count(c);
	switch (t->kind) {
	case TERM_JMP:
		direct(c, 0, t->ipsize);
		break;
	case TERM_JCC:
		two_way(c, condition(c, t->cc));
		break;
	case TERM_JNZ:
		two_way(c, nonzero(c, t));
		break;
	case TERM_IND:
		indirect(c, t);
		break;
	case TERM_STOP:
		if (t->soft && patched(c, &c->blk->exit[0]) && !(c->ir->mode & MODE_ONE))
			resume(c);
		load_ip(c, X_S, t->f_off, 0);
		env_store(c, 8, X_S, ENV(rip));
		leave(c, RUN_STOP);
		break;
	default:
		leave(c, RUN_STOP);
	}
}
