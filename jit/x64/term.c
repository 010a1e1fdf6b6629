/*
 * term.c - how blocks end: links, exits, polls, the jump-cache probe.
 *
 * The flags leave where they are, and the link goes to the target's entry for that.
 */
#include "jit/x64/x64.h"

/* @d = IP value of page offset @off, as a jump with operand size @ipsize makes it (0: code size). */
static void load_ip_to(struct emitter *c, unsigned d, int64_t off, unsigned ipsize)
{
	struct x_mem base = env_mem(ENV(ip_base));
	uint64_t snip = snippet_key(SNIP_LOAD_BASE, 0, (uint8_t)d, 0, 0);
	unsigned w = ipsize != 2 && (!c->code64 || ipsize == 4) ? 4 : 8;
	uint8_t *from = c->cb.p;

	if (!snippet_put(c->snippet, snip, &c->cb)) {
		x_load(&c->cb, 8, d, &base);
		snippet_keep(c->snippet, snip, &c->cb, from, from);
	}
	if (off != (int32_t)off) {
		x_movi(&c->cb, 8, X_R14, (uint64_t)off);
		x_lea(&c->cb, w, d, &(struct x_mem){(uint8_t)d, X_R14, 0, 0});
	} else {
		x_lea(&c->cb, w, d, &(struct x_mem){(uint8_t)d, X_NONE, 0, (int32_t)off});
	}
	if (ipsize == 2)
		x_movzx(&c->cb, d, d, 2);
}

static void load_ip(struct emitter *c, int64_t off, unsigned ipsize)
{
	load_ip_to(c, X_R11, off, ipsize);
}

static void leave(struct emitter *c, unsigned reason, bool host)
{
	x_movi(&c->cb, 4, X_R13, 0);
	x_movi(&c->cb, 4, X_R11, reason);
	x_jmp(&c->cb, host ? c->x->stub.exit_host[c->code64] : c->x->stub.exit_env[c->code64]);
}

void stop_at(struct emitter *c, int64_t off)
{
	struct x_mem rip = env_mem(ENV(rip));

	load_ip(c, off, 0);
	x_store(&c->cb, 8, &rip, X_R11);
	leave(c, RUN_STOP, !c->fl_env);
}

void way_out(struct emitter *c, const struct block_exit *x, bool saved)
{
	x_call(&c->cb, c->x->stub.link[c->code64][saved]);
	codebuf_u64(&c->cb, (uintptr_t)x);
}

static void cold_exit(struct emitter *c, struct cold *k)
{
	way_out(c, k->exit, k->env_flags);
}

static void cold_checked(struct emitter *c, struct cold *k)
{
	x_call(&c->cb, c->x->stub.checked);
	codebuf_u64(&c->cb, (uint64_t)k->imm);
}

static void cold_not_canonical(struct emitter *c, struct cold *k)
{
	x_movi(&c->cb, 8, X_R11, BIT(62));
	cold_checked(c, k);
}

bool lower_canon(struct emitter *c, const struct ir_op *o)
{
	struct cold *k;
	unsigned v;

	if (o->aux) /* the terminal will see */
		return true;
	flags_lost(c);
	v = use_spare(c, o->a, o->imm, X_R11);
	if (v != X_R11)
		x_mov(&c->cb, 8, X_R11, v);
	x_shifti(&c->cb, X_SAR, 8, X_R11, 47);
	x_alui(&c->cb, X_ADD, 8, X_R11, 1);
	x_shifti(&c->cb, X_SHR, 8, X_R11, 1);
	k = new_cold(c, cold_not_canonical);
	k->from = x_jcc_fwd(&c->cb, 5);
	k->imm = c->off;
	return true;
}

/* What x64's stub.checked wants to know of the branch that ends the block. */
static int64_t undo_note(const struct emitter *c, const struct ir_term *t)
{
	return c->off | (int64_t)t->undo << 32;
}

/* May exit @x be patched to its target? */
static bool patched(const struct emitter *c, const struct block_exit *x)
{
	return x->linkable || c->ir->mode & MODE_ONE;
}

/* Must exit @x look for requests? */
static bool polls(const struct emitter *c, const struct block_exit *x)
{
	return backward(c, x) && !c->polled;
}

/* A branch if not equal to @to, or to what will be known later. */
static uint8_t *branch_to(struct codebuf *cb, const uint8_t *to)
{
	if (!to)
		return x_jcc_fwd(cb, 5);
	x_jcc(cb, 5, to);
	return NULL;
}

uint8_t *emit_jump_cache(struct codebuf *cb, const struct x64 *x, const uint8_t *to)
{
	struct x_mem key = env_mem(ENV(jc_gate)), e = reg_mem(X_R13);
	uintptr_t table = (uintptr_t)x->jc.entry;
	uint8_t *miss;

	if (x->feat & HOSTF_BMI2) {
		x_rorx(cb, 8, X_R13, X_R11, JC_FOLD);
	} else {
		x_mov(cb, 8, X_R13, X_R11);
		x_shifti(cb, X_SHR, 8, X_R13, JC_FOLD);
	}
	x_alu(cb, X_XOR, 4, X_R13, X_R11);
	x_alui(cb, X_AND, 4, X_R13, JC_SIZE - 1);
	x_shifti(cb, X_SHL, 4, X_R13, 4);
	if (table + JC_SIZE * sizeof(struct jc_entry) <= INT32_MAX) {
		e.disp = (int32_t)table;
	} else {
		x_movi(cb, 8, X_R14, table);
		x_alu(cb, X_ADD, 8, X_R13, X_R14);
	}
	x_load(cb, 8, X_R14, &key);
	x_alu(cb, X_ADD, 8, X_R14, X_R11);
	x_alu_rm(cb, X_CMP, 8, X_R14, &e);
	miss = branch_to(cb, to);
	e.disp += (int32_t)offsetof(struct jc_entry, code);
	x_jmp_m(cb, &e);
	return miss;
}

/* To the block of IP value R11, through the jump cache. The flags are saved. @t: the indirect branch, or NULL */
static void jump_cache(struct emitter *c, const struct ir_term *t)
{
	struct cold *k;

	if (!t || !t->canon) {
		emit_jump_cache(&c->cb, c->x, c->x->stub.lookup[c->code64]);
		return;
	}
	k = new_cold(c, cold_checked);
	k->imm = undo_note(c, t);
	k->from = emit_jump_cache(&c->cb, c->x, NULL);
}

/* IP value R11 is not what the exit was linked for, it is not linked, or the gate is shut: the flags are saved. */
static void cold_far(struct emitter *c, struct cold *k)
{
	x_call(&c->cb, c->x->stub.far[c->code64]);
	codebuf_u64(&c->cb, (uintptr_t)k->exit);
}

/* May exits that leave the page compare and go straight on? */
static bool far_exits(const struct emitter *c)
{
	return !(c->x->jc.off || c->x->opts_off & JIT_OPT_FAR || c->ir->mode & MODE_EDGE);
}

/* To the block of IP value R11 if R11 and context are the number in the code. Return: its place */
static uint8_t *compare_and_jump(struct emitter *c)
{
	struct x_mem key = env_mem(ENV(jc_gate));
	uint64_t snip = snippet_key(SNIP_FAR, 0, 0, 0, 0);
	struct codebuf *cb = &c->cb;
	uint8_t *from = cb->p, *tag = snippet_put(c->snippet, snip, cb);

	if (tag)
		return tag;
	x_load(cb, 8, X_R14, &key);
	x_alu(cb, X_ADD, 8, X_R14, X_R11);
	codebuf_u8(cb, 0x49); /* MOV R13, imm64 */
	codebuf_u8(cb, 0xBD);
	tag = cb->p;
	codebuf_u64(cb, 0);
	x_alu(cb, X_CMP, 8, X_R14, X_R13);
	BUG_ON(x_jcc_fwd(cb, 5) != tag + FAR_OUT && !cb->overflow);
	BUG_ON(x_jmp_fwd(cb) != tag + FAR_JUMP && !cb->overflow);
	return snippet_keep(c->snippet, snip, cb, from, tag);
}

/* To the block of IP value R11, if exit @n is linked to it. */
static void lower_far(struct emitter *c, unsigned n)
{
	struct block_exit *x = &c->blk->exit[n];
	struct cold *k = new_cold(c, cold_far);

	k->exit = x;
	x->far = true;
	x->patch = compare_and_jump(c);
	k->from = x->patch + FAR_OUT;
}

/* The slot of the return cache that belongs to the return address at guest address R12 + @at: number in R14. Changes no flags. */
static void return_slot(struct emitter *c, int32_t at)
{
	unsigned sp = X_R12;

	if (at) {
		x_lea(&c->cb, 4, X_R14, &(struct x_mem){X_R12, X_NONE, 0, at});
		sp = X_R14;
	}
	x_rorx(&c->cb, 4, X_R14, sp, c->code64 ? 3 : 2);
	x_movzx(&c->cb, X_R14, X_R14, 1);
}

static bool predicts(const struct emitter *c)
{
	return c->bmi2 && jc_returns(&c->x->jc) && !(c->x->jc.off || c->x->opts_off & JIT_OPT_RET || c->ir->mode & MODE_ONE);
}

static struct x_mem slot_mem(uintptr_t array)
{
	return (struct x_mem){X_NONE, X_R14, 3, (int32_t)array};
}

/* R13 = what the return has to compare with; where it is to come in will be known later: c->ret */
static void put_return(struct emitter *c)
{
	struct x_mem tag = slot_mem((uintptr_t)c->x->jc.ret_tag), code = slot_mem((uintptr_t)c->x->jc.ret_code);
	uint64_t snip = snippet_key(SNIP_RETURN_TO, c->code64, 0, 0, 0);
	struct codebuf *cb = &c->cb;
	uint8_t *from = cb->p;

	c->ret = snippet_put(c->snippet, snip, cb);
	if (c->ret)
		return;
	return_slot(c, 0);
	x_store(cb, 8, &tag, X_R13);
	codebuf_u8(cb, 0x4C); /* LEA R13, [RIP + disp32] */
	codebuf_u8(cb, 0x8D);
	codebuf_u8(cb, 0x2D);
	c->ret = cb->p;
	codebuf_u32(cb, 0);
	x_store(cb, 8, &code, X_R13);
	snippet_keep(c->snippet, snip, cb, from, c->ret);
}

/* R13 = ip_base, R11 = jc_key */
static void load_base_and_key(struct emitter *c)
{
	struct x_mem key = env_mem(ENV(jc_key)), base = env_mem(ENV(ip_base));
	uint64_t snip = snippet_key(SNIP_RETURN_FROM, 0, 0, 0, 0);
	uint8_t *from = c->cb.p;

	if (snippet_put(c->snippet, snip, &c->cb))
		return;
	x_load(&c->cb, 8, X_R13, &base);
	x_load(&c->cb, 8, X_R11, &key);
	snippet_keep(c->snippet, snip, &c->cb, from, from);
}

/* A CALL has pushed its return address: where the return is to come in. @r11: it must stay, and the flags are saved */
static void note_return(struct emitter *c, const struct ir_term *t, bool r11)
{
	struct x_mem key = env_mem(ENV(jc_key));
	struct codebuf *cb = &c->cb;

	if (t->hint != HINT_CALL || !c->blk->exit[1].linkable || !predicts(c))
		return;
	if (!r11 && c->code64 && t->ipsize == 8) { /* a page offset is small */
		load_base_and_key(c);
		x_lea(cb, 8, X_R13, &(struct x_mem){X_R13, X_R11, 0, (int32_t)t->f_off});
	} else if (r11) {
		load_ip_to(c, X_R13, t->f_off, t->ipsize);
		x_alu_rm(cb, X_ADD, 8, X_R13, &key);
	} else {
		load_ip_to(c, X_R13, t->f_off, t->ipsize);
		x_load(cb, 8, X_R11, &key);
		x_lea(cb, 8, X_R13, &(struct x_mem){X_R13, X_R11, 0, 0});
	}
	put_return(c);
}

static void cold_unpredicted(struct emitter *c, struct cold *k)
{
	(void)k;
	jump_cache(c, &c->ir->term);
}

/* RET to IP value R11, the flags are saved: straight to where the CALL said, if the return address is still the one it pushed. */
static void predicted(struct emitter *c, const struct ir_term *t)
{
	struct x_mem key = env_mem(ENV(jc_gate)), tag = slot_mem((uintptr_t)c->x->jc.ret_tag),
		     code = slot_mem((uintptr_t)c->x->jc.ret_code);
	struct codebuf *cb = &c->cb;
	struct cold *k = new_cold(c, cold_unpredicted);

	return_slot(c, -(int32_t)t->undo);
	x_load(cb, 8, X_R13, &key);
	x_alu(cb, X_ADD, 8, X_R13, X_R11);
	x_alu_rm(cb, X_CMP, 8, X_R13, &tag);
	k->from = x_jcc_fwd(cb, 5);
	x_jmp_m(cb, &code);
}

static enum x64_flags flags_at(const struct emitter *c)
{
	return !c->fl_env ? FL_IN_HOST : c->fl_host ? FL_IN_BOTH : FL_IN_ENV;
}

/* For way_out(): a poll may leave by any exit, linkable or not. */
static void note_mask(const struct emitter *c, struct block_exit *x, unsigned ipsize)
{
	x->ip_mask = ipsize == 2 ? 0xFFFF : !c->code64 || ipsize == 4 ? 0xFFFFFFFF : UINT64_MAX;
}

/* Branch @at is exit @n: to its way out until it is linked. @at2: another branch there that stays, or NULL */
static void exit_at(struct emitter *c, unsigned n, unsigned ipsize, uint8_t *at, uint8_t *at2)
{
	struct block_exit *x = &c->blk->exit[n];
	struct cold *k = new_cold(c, cold_exit);

	k->from = at;
	k->from2 = at2;
	k->exit = x;
	k->env_flags = c->fl_env;
	x->out = flags_at(c);
	x->patch = at;
	note_mask(c, x, ipsize);
}

/* A direct exit. */
static void direct(struct emitter *c, unsigned n, unsigned ipsize)
{
	struct block_exit *x = &c->blk->exit[n];
	uint8_t *out = NULL;

	if (!patched(c, x)) {
		note_mask(c, x, ipsize);
		flags_save(c);
		load_ip(c, x->off, ipsize);
		if (far_exits(c))
			lower_far(c, n);
		else
			jump_cache(c, NULL);
		return;
	}
	if (polls(c, x)) {
		/* a target that begins with saving the flags does not lose by it */
		if (target_flags(c, x->off) == IN_ENV)
			flags_save(c);
		out = emit_poll(c);
	}
	exit_at(c, n, ipsize, x_jmp_fwd(&c->cb), out);
}

/* The flags as they are, restored for the other way. */
static void other_way(struct emitter *c, unsigned n, unsigned ipsize)
{
	bool host = c->fl_host, env = c->fl_env;

	direct(c, n, ipsize);
	c->fl_host = host;
	c->fl_env = env;
}

/* To exit 0 if condition @cc holds, else to exit 1. */
static void two_way(struct emitter *c, unsigned cc)
{
	const struct block_exit *x = c->blk->exit;
	const struct ir_term *t = &c->ir->term;
	unsigned size0 = t->falls ? 0 : t->ipsize, size1 = t->falls ? t->ipsize : 0;
	uint8_t *taken;

	if (patched(c, &x[0]) && !polls(c, &x[0])) {
		exit_at(c, 0, size0, x_jcc_fwd(&c->cb, cc), NULL);
		direct(c, 1, size1);
	} else if (patched(c, &x[1]) && !polls(c, &x[1])) {
		exit_at(c, 1, size1, x_jcc_fwd(&c->cb, cc ^ 1), NULL);
		direct(c, 0, size0);
	} else {
		taken = x_jcc_fwd(&c->cb, cc);
		other_way(c, 1, size1);
		x_here(&c->cb, taken);
		direct(c, 0, size0);
	}
}

/* A side exit off the block's straight way: what it has counted and not run, then like any other. */
static void cold_side(struct emitter *c, struct cold *k)
{
	c->fl_host = k->host;
	c->fl_env = k->env;
	count_less(c, (int)k->imm);
	direct(c, k->exit->n, k->w);
}

bool lower_side(struct emitter *c, const struct ir_op *o)
{
	struct block_exit *x = &c->blk->exit[o->aux];
	int left = insns_left(c, c->i);
	struct cold *k;

	flags_need(c);
	if (patched(c, x) && !backward(c, x) && !left) {
		exit_at(c, o->aux, o->w, x_jcc_fwd(&c->cb, o->cc), NULL);
		return true;
	}
	k = new_cold(c, cold_side);
	k->exit = x;
	k->w = o->w;
	k->imm = left;
	k->host = c->fl_host;
	k->env = c->fl_env;
	k->from = x_jcc_fwd(&c->cb, o->cc);
	return true;
}

static void indirect(struct emitter *c, const struct ir_term *t)
{
	struct x_mem rip = env_mem(ENV(rip));
	unsigned v;

	flags_save(c);
	v = use_spare(c, t->val, 0, X_R11);
	if (v != X_R11 || t->ipsize < 8)
		x_movzx(&c->cb, X_R11, v, t->ipsize < 8 ? t->ipsize : 8);
	if (!(c->ir->mode & MODE_ONE)) {
		note_return(c, t, true);
		if (t->hint == HINT_RET && predicts(c))
			predicted(c, t);
		else
			jump_cache(c, t);
		return;
	}
	if (t->canon) {
		x_call(&c->cb, c->x->stub.checked);
		codebuf_u64(&c->cb, (uint64_t)undo_note(c, t));
		return;
	}
	x_store(&c->cb, 8, &rip, X_R11);
	leave(c, RUN_LOOKUP, false);
}

/* To the block at cpu->rip: x64_eval() has seen to it that the jump cache may be asked. */
static void go_on(struct emitter *c)
{
	struct x_mem rip = env_mem(ENV(rip));

	x_load(&c->cb, 8, X_R11, &rip);
	jump_cache(c, NULL);
}

/* On to exit 0 if the helper that ended the block has changed nothing that the run loop must look at. */
static void resume(struct emitter *c)
{
	struct x_mem req = env_mem(ENV(req)), mode = env_mem(ENV(mode)), shadow = env_mem(ENV(shadow));
	uint8_t *out[3];

	if (c->ended) {
		x_alu_mi(&c->cb, X_CMP, 4, &mode, (int32_t)c->mode_after);
		out[0] = x_jcc_fwd(&c->cb, 5);
		c->fl_host = false;
		exit_at(c, 0, 0, x_jmp_fwd(&c->cb), NULL);
		x_here(&c->cb, out[0]);
		go_on(c);
		return;
	}

	x_alu_mi(&c->cb, X_CMP, 4, &req, 0);
	out[0] = x_jcc_fwd(&c->cb, 5);
	x_alu_mi(&c->cb, X_CMP, 4, &mode, (int32_t)c->ir->mode);
	out[1] = x_jcc_fwd(&c->cb, 5);
	x_alu_mi(&c->cb, X_CMP, 1, &shadow, 0);
	out[2] = x_jcc_fwd(&c->cb, 5);
	c->fl_host = false;
	exit_at(c, 0, 0, x_jmp_fwd(&c->cb), NULL);
	for (unsigned i = 0; i < ARRAY_SIZE(out); i++)
		x_here(&c->cb, out[i]);
	stop_at(c, c->ir->term.f_off);
}

/* Where a predicted return comes in, with IP in R11 and the flags saved: an exit to the block behind the CALL. */
static void return_entry(struct emitter *c)
{
	struct cold *k;

	x_here(&c->cb, c->ret);
	c->xb->ret = (uint32_t)(c->cb.p - c->cb.start);
	k = new_cold(c, cold_far);
	k->exit = &c->blk->exit[1];
	k->from = k->exit->patch = x_jmp_fwd(&c->cb);
}

static void lower_last(struct emitter *c)
{
	const struct ir_term *t = &c->ir->term;
	unsigned v;

	c->busy = 0;
	if (!c->ended)
		count_last(c);
	switch (t->kind) {
	case TERM_JMP:
		note_return(c, t, false);
		direct(c, 0, t->ipsize);
		break;
	case TERM_JCC:
		flags_need(c);
		two_way(c, t->cc);
		break;
	case TERM_JNZ:
		v = use_spare(c, t->val, 0, X_R11);
		if (v == X_R11)
			x_mov(&c->cb, 8, X_R13, v);
		flags_save(c);
		c->fl_host = false;
		v = v == X_R11 ? X_R13 : v;
		x_test(&c->cb, t->w, v, v);
		two_way(c, 5);
		break;
	case TERM_IND:
		indirect(c, t);
		break;
	case TERM_STOP:
		/* a new mode key without x64_eval() to find its context is the run loop's */
		if (t->soft && patched(c, &c->blk->exit[0]) && !(c->ir->mode & MODE_ONE) &&
			(c->ended || c->mode_after == c->ir->mode)) {
			flags_save(c);
			resume(c);
			break;
		}
		if (c->ended) {
			go_on(c);
			break;
		}
		stop_at(c, t->f_off);
		break;
	default:
		if (c->ended) {
			go_on(c);
			break;
		}
		leave(c, RUN_STOP, !c->fl_env);
	}
}

void lower_term(struct emitter *c)
{
	c->ret = NULL;
	lower_last(c);
	if (c->ret)
		return_entry(c);
}
