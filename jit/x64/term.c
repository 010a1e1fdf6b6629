/*
 * term.c - how blocks begin and end: the jump-cache entry, links, exits, polls, the jump-cache probe.
 *
 * At every border the flags are in host EFLAGS, so everything here that runs on a hot path leaves them alone: tests
 * are made with RCX and JRCXZ.
 */
#include "jit/x64/x64.h"

/* Entry from the jump cache: cpu->rip is the IP of this block. Dead blocks have a jump here instead. */
void emit_prologue(struct emitter *c)
{
	struct x_mem rip = env_mem(ENV(rip)), base = env_mem(ENV(ip_base));

	x_load(&c->cb, 8, X_R11, &rip);
	x_lea(&c->cb, 8, X_R11, &(struct x_mem){X_R11, X_NONE, 0, -(int32_t)(c->blk->ra & (PAGE_SIZE - 1))});
	x_store(&c->cb, 8, &base, X_R11);
}

/* R11 = IP value of page offset @off, as a jump with operand size @ipsize makes it (0: code size). */
static void load_ip(struct emitter *c, int64_t off, unsigned ipsize)
{
	struct x_mem base = env_mem(ENV(ip_base));

	x_load(&c->cb, 8, X_R11, &base);
	if (off != (int32_t)off) {
		x_movi(&c->cb, 8, X_R13, (uint64_t)off);
		x_lea(&c->cb, 8, X_R11, &(struct x_mem){X_R11, X_R13, 0, 0});
	} else {
		x_lea(&c->cb, 8, X_R11, &(struct x_mem){X_R11, X_NONE, 0, (int32_t)off});
	}
	if (ipsize == 2)
		x_movzx(&c->cb, X_R11, X_R11, 2);
	else if (!c->code64 || ipsize == 4)
		x_mov(&c->cb, 4, X_R11, X_R11);
}

static void set_rip(struct emitter *c, int64_t off, unsigned ipsize)
{
	struct x_mem rip = env_mem(ENV(rip));

	load_ip(c, off, ipsize);
	x_store(&c->cb, 8, &rip, X_R11);
}

static void leave(struct emitter *c, unsigned reason, const struct block_exit *last, bool host)
{
	x_movi(&c->cb, 8, X_R13, (uintptr_t)last);
	x_movi(&c->cb, 4, X_R11, reason);
	x_jmp(&c->cb, host ? c->x->stub.exit_host[c->code64] : c->x->stub.exit_env[c->code64]);
}

/* The exit of a block not linked yet, or the way out when a request waits. */
static void cold_leave(struct emitter *c, struct cold *k)
{
	set_rip(c, k->exit->off, (unsigned)k->imm);
	leave(c, k->reason, k->reason == RUN_LOOKUP ? k->exit : NULL, true);
}

/* cpu->req != 0: leave. RCX is restored on both ways; flags stay. */
static void poll(struct emitter *c, struct block_exit *x, unsigned ipsize)
{
	struct x_mem req = env_mem(ENV(req));
	uint8_t *ok;
	struct cold *k;

	x_mov(&c->cb, 8, X_R11, X_RCX);
	x_load(&c->cb, 4, X_RCX, &req);
	ok = x_jrcxz_fwd(&c->cb);
	x_mov(&c->cb, 8, X_RCX, X_R11);
	k = new_cold(c, cold_leave);
	k->from = x_jmp_fwd(&c->cb);
	k->exit = x;
	k->imm = ipsize;
	k->reason = RUN_REQ;
	x_here8(&c->cb, ok);
	x_mov(&c->cb, 8, X_RCX, X_R11);
}

/* To the block of IP value R11, through the jump cache; cpu->rip is set on the way. */
static void jump_cache(struct emitter *c)
{
	struct codebuf *cb = &c->cb;
	struct x_mem rip = env_mem(ENV(rip)), req = env_mem(ENV(req)), key = env_mem(ENV(jc_key));
	uint8_t *go, *hit;

	x_store(cb, 8, &rip, X_R11);
	x_mov(cb, 8, X_R13, X_RCX);
	x_load(cb, 4, X_RCX, &req);
	go = x_jrcxz_fwd(cb);
	x_mov(cb, 8, X_RCX, X_R13);
	x_movi(cb, 4, X_R13, 0);
	x_movi(cb, 4, X_R11, RUN_REQ);
	x_jmp(cb, c->x->stub.exit_host[c->code64]);
	x_here8(cb, go);
	x_movzx(cb, X_RCX, X_R11, 2);
	x_load(cb, 8, X_R14, &key);
	x_lea(cb, 8, X_R11, &(struct x_mem){X_R11, X_R14, 0, 0});
	x_movi(cb, 8, X_R14, (uintptr_t)c->x->jc);
	x_lea(cb, 4, X_RCX, &(struct x_mem){X_RCX, X_RCX, 0, 0});
	x_lea(cb, 8, X_R14, &(struct x_mem){X_R14, X_RCX, 3, 0});
	x_load(cb, 8, X_RCX, &(struct x_mem){X_R14, X_NONE, 0, 0});
	x_lea(cb, 8, X_RCX, &(struct x_mem){X_RCX, X_R11, 0, 0});
	hit = x_jrcxz_fwd(cb);
	x_mov(cb, 8, X_RCX, X_R13);
	x_jmp(cb, c->x->stub.lookup[c->code64]);
	x_here8(cb, hit);
	x_mov(cb, 8, X_RCX, X_R13);
	x_jmp_m(cb, &(struct x_mem){X_R14, X_NONE, 0, offsetof(struct jc_entry, code)});
}

/* A direct exit. The flags are in the host. */
static void direct(struct emitter *c, unsigned n, unsigned ipsize)
{
	struct block_exit *x = &c->blk->exit[n];
	struct cold *k;

	if (c->ir->mode & MODE_ONE) {
		set_rip(c, x->off, ipsize);
		leave(c, RUN_LOOKUP, NULL, true);
		return;
	}
	if (!x->linkable) {
		load_ip(c, x->off, ipsize);
		jump_cache(c);
		return;
	}
	if (x->off <= (int64_t)c->ir->start_off)
		poll(c, x, ipsize);
	k = new_cold(c, cold_leave);
	k->from = x_jmp_fwd(&c->cb);
	k->exit = x;
	k->imm = ipsize;
	k->reason = RUN_LOOKUP;
	x->patch = k->from;
}

/* Count the block's instructions where somebody asked for it. */
static void count(struct emitter *c)
{
	struct x_mem m = env_mem(ENV(insns));

	if (!(c->ir->mode & MODE_ICOUNT))
		return;
	x_load(&c->cb, 8, X_R11, &m);
	x_lea(&c->cb, 8, X_R11, &(struct x_mem){X_R11, X_NONE, 0, (int32_t)c->ir->ninsns});
	x_store(&c->cb, 8, &m, X_R11);
}

static void two_way(struct emitter *c, uint8_t *taken)
{
	const struct ir_term *t = &c->ir->term;

	direct(c, 1, t->falls ? t->ipsize : 0);
	x_here(&c->cb, taken);
	direct(c, 0, t->falls ? 0 : t->ipsize);
}

static void jump_nonzero(struct emitter *c, const struct ir_term *t)
{
	unsigned v = use(c, t->val, 0);
	uint8_t *zero, *taken;

	/* the value must survive in R13: RCX may be the value itself */
	x_movzx(&c->cb, X_R13, v, t->w);
	flags_need(c);
	x_mov(&c->cb, 8, X_R14, X_RCX);
	x_mov(&c->cb, 8, X_RCX, X_R13);
	zero = x_jrcxz_fwd(&c->cb);
	x_mov(&c->cb, 8, X_RCX, X_R14);
	taken = x_jmp_fwd(&c->cb);
	x_here8(&c->cb, zero);
	x_mov(&c->cb, 8, X_RCX, X_R14);
	two_way(c, taken);
}

void lower_term(struct emitter *c)
{
	const struct ir_term *t = &c->ir->term;
	bool host;

	c->busy = 0;
	count(c);
	switch (t->kind) {
	case TERM_JMP:
		flags_need(c);
		direct(c, 0, t->ipsize);
		break;
	case TERM_JCC:
		flags_need(c);
		two_way(c, x_jcc_fwd(&c->cb, t->cc));
		break;
	case TERM_JNZ:
		jump_nonzero(c, t);
		break;
	case TERM_IND: {
		unsigned v = use(c, t->val, 0);

		x_movzx(&c->cb, X_R13, v, t->ipsize < 8 ? t->ipsize : 8);
		flags_need(c);
		x_mov(&c->cb, 8, X_R11, X_R13);
		if (!(c->ir->mode & MODE_ONE)) {
			jump_cache(c);
			break;
		}
		x_store(&c->cb, 8, &(struct x_mem){X_R15, X_NONE, 0, ENV(rip)}, X_R11);
		leave(c, RUN_LOOKUP, NULL, true);
		break;
	}
	case TERM_STOP:
		host = !c->fl_env;
		load_ip(c, t->f_off, 0);
		x_store(&c->cb, 8, &(struct x_mem){X_R15, X_NONE, 0, ENV(rip)}, X_R11);
		leave(c, RUN_STOP, NULL, host);
		break;
	default:
		leave(c, RUN_STOP, NULL, !c->fl_env);
	}
}
