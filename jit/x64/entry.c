/*
 * entry.c - how blocks begin: one entry for each place the flags may come in, and the one of the jump cache; and what
 * one instruction that lies across two pages looks at first.
 *
 * Which of them costs nothing depends on what the block does first with the flags (enum x64_flags_in).
 */
#include "jit/x64/x64.h"
#include "jit/priv.h"

/* Ops that have host code and leave EFLAGS alone. */
static bool keeps_host_flags(const struct ir_op *o)
{
	switch (o->op) {
	case IR_INSN: case IR_MOV: case IR_ZEXT: case IR_SEXT: case IR_LEA: case IR_LIN: case IR_IPVAL: case IR_LDENV:
	case IR_STENV: case IR_BSWAP: case IR_NOT:
		return true;
	case IR_ADD: case IR_SUB: case IR_INC: case IR_DEC:
		return !o->fdef && o->w > 1; /* LEA */
	}
	return false;
}

/* Does the block lead to itself? Then it is come to with the flags in EFLAGS, again and again. */
static bool loops(const struct emitter *c)
{
	for (unsigned i = 0; i < c->blk->nexits; i++)
		if (c->blk->exit[i].linkable && c->blk->exit[i].off == (int64_t)c->ir->start_off)
			return true;
	return false;
}

static enum x64_flags_in flags_in(const struct emitter *c)
{
	const struct ir_block *ir = c->ir;
	bool shown = false;

	for (unsigned i = 0; i < ir->nops; i++) {
		const struct ir_op *o = &ir->op[i];
		bool access = (c->window && (o->op == IR_LD || o->op == IR_ST)) || native_keeps_flags(c, o);

		shown |= access;
		if (keeps_host_flags(o) || access)
			continue;
		if (ir_ops[o->op].fx & (IRFX_FAULT | IRFX_MEM))
			return IN_ENV;
		if (flags_wanted(o))
			return IN_HOST;
		if (!o->fdef)
			return IN_ENV;
		return !shown ? IN_DEAD : loops(c) ? IN_HOST : IN_EITHER;
	}
	/* the jump cache wants them saved */
	if (ir->term.kind == TERM_JMP)
		return c->blk->exit[0].linkable ? IN_HOST : IN_ENV;
	return ir->term.kind == TERM_IND || ir->term.kind == TERM_JNZ ? IN_ENV : IN_HOST;
}

/* IP value in R11 becomes the page's; dead blocks have a jump here instead. */
static void jump_cache_entry(struct emitter *c)
{
	struct x_mem base = env_mem(ENV(ip_base));
	uint64_t key = snippet_key(SNIP_STORE_BASE, 0, 0, 0, 0);
	uint8_t *from;

	x_lea(&c->cb, 8, X_R11, &(struct x_mem){X_R11, X_NONE, 0, -(int32_t)(c->blk->ra & (PAGE_SIZE - 1))});
	from = c->cb.p;
	if (snippet_put(c->snippet, key, &c->cb))
		return;
	x_store(&c->cb, 8, &base, X_R11);
	snippet_keep(c->snippet, key, &c->cb, from, from);
}

static uint32_t here(const struct emitter *c) /* offset in the block's code */
{
	return (uint32_t)(c->cb.p - c->cb.start);
}

/*
 * Who comes with the flags in EFLAGS says so in cpu->fl_save: no flags of its form have R15's low byte, see emit_settle(). In four bytes, so
 * that who comes by the jump cache need not jump over it: to him it is an immediate of TEST EAX, imm32.
 */
static void entry_of_either(struct emitter *c)
{
	struct x_mem m = env_mem(ENV(fl_save));

	_Static_assert(ENV(fl_save) == (int8_t)ENV(fl_save) && (VCPU_BIAS & 63) > 1, "struct vcpu is aligned to 64");
	codebuf_u8(&c->cb, 0xA9);
	c->xb->body = here(c);
	x_store(&c->cb, 1, &m, X_R15);
	c->xb->env = here(c);
	BUG_ON(c->xb->env != c->xb->body + 4 && !c->cb.overflow);
}

void emit_entries(struct emitter *c)
{
	struct x64_block *xb = c->xb;
	uint8_t *over;

	xb->in = (uint8_t)flags_in(c) & 127;
	jump_cache_entry(c);
	emit_fp_check(c);
	emit_fp_entries(c);
	switch (xb->in) {
	case IN_ENV:
		over = x_jmp_fwd8(&c->cb);
		xb->body = here(c);
		put_save(c);
		x_here8(&c->cb, over);
		xb->env = here(c);
		break;
	case IN_HOST:
		xb->env = here(c);
		put_restore(c);
		xb->body = here(c);
		break;
	case IN_EITHER:
		entry_of_either(c);
		break;
	default:
		xb->body = xb->env = here(c);
	}
	c->fl_env = xb->in == IN_ENV;
	c->fl_host = xb->in == IN_DEAD || xb->in == IN_HOST;
}

/* MODE_ICOUNT: @n instructions more. Changes no flags. */
static void count(struct emitter *c, int32_t n)
{
	x_lea(&c->cb, 8, X_COUNT, &(struct x_mem){X_COUNT, X_NONE, 0, n});
}

bool counts(const struct emitter *c)
{
	return (c->ir->mode & MODE_ICOUNT) && !c->x->count_last;
}

void count_less(struct emitter *c, int n)
{
	if (n)
		count(c, -n);
}

void count_now(struct emitter *c)
{
	count(c, (int32_t)c->ir->ninsns);
}

void count_first(struct emitter *c)
{
	c->count_off = c->x->count_last ? INT32_MAX : (int32_t)c->ir->start_off;
	if (counts(c) && c->poll_at == NO_POLL)
		count_now(c);
}

int insns_left(const struct emitter *c, unsigned i)
{
	int n = c->poll_at != NO_POLL && i < c->poll_at ? -(int)c->ir->ninsns : 0;

	if (!counts(c))
		return 0;
	while (++i < c->ir->nops)
		n += c->ir->op[i].op == IR_INSN;
	return n;
}

void count_last(struct emitter *c)
{
	if ((c->ir->mode & MODE_ICOUNT) && c->x->count_last)
		count_now(c);
}

enum x64_flags_in target_flags(const struct emitter *c, int64_t off)
{
	struct jit *j = c->x->cpu->jit;
	const struct block *b;

	if (off == (int64_t)c->ir->start_off)
		return c->xb->in;
	b = j ? cache_find(j, (c->blk->ra & PAGE_MASK) | (raddr_t)off, c->blk->mode) : NULL;
	return b && b->priv ? ((struct x64_block *)b->priv)->in : IN_HOST;
}

/*
 * Fast where the TLB holds the second page for fetches and it is the RAM page the instruction was made from; else C looks,
 * faults, or leaves the block. A page that is not canonical has no entry.
 */
bool lower_guard(struct emitter *c, const struct ir_op *o)
{
	const struct vcpu *cpu = c->x->cpu;
	unsigned idx = mode_cpl(c->ir->mode) == 3 ? MMU_USER : MMU_SUP, a = scratch(c), b = scratch(c), n = c->ncold;
	struct x_mem ip = env_mem(ENV(ip_base)), base = env_mem(ENV(seg[SEG_CS].base));
	struct codebuf *cb = &c->cb;
	struct cold *k;

	flags_lost(c);
	x_load(cb, 8, a, &ip);
	if (c->code64) {
		x_lea(cb, 8, a, &(struct x_mem){(uint8_t)a, X_NONE, 0, PAGE_SIZE});
	} else {
		x_load(cb, 8, X_R11, &base);
		x_lea(cb, 4, a, &(struct x_mem){(uint8_t)a, X_R11, 0, PAGE_SIZE});
	}
	compare_fetch_tag(c, a, b, idx);
	k = new_cold(c, cold_eval);
	k->op_site = eval_site(c, o);
	k->from = x_jcc_fwd(cb, 5);
	load_addend(c, b, idx);
	x_lea(cb, 8, a, &(struct x_mem){(uint8_t)a, (uint8_t)b, 0, 0});
	x_movi(cb, 8, X_R11, (uintptr_t)cpu->mmu.ram->host + (uint64_t)o->imm);
	x_alu(cb, X_CMP, 8, a, X_R11);
	k = new_cold(c, cold_eval);
	k->op_site = c->cold[n].op_site;
	k->from = x_jcc_fwd(cb, 5);
	c->cold[n].join = k->join = cb->p;
	return true;
}
