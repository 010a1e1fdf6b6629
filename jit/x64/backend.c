/*
 * backend.c - the x86-64 backend: compiling a block, running it, links.
 */
#include "jit/x64/x64.h"
#include "jit/opt/group.h"
#include "mmu/window.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_ROOM (256u << 10) /* more than any block's code */
#define COLD_SHARE 96		/* 256ths of the arena for cold paths */
#define SITE_REACH 0x8000	/* and a cold path more is less than x64_site.head can say */

static enum exit call_direct(void *opaque, helper_fn *fn, struct vcpu *cpu, uint64_t a, uint64_t b,
	uint64_t c)
{
	(void)opaque;
	return fn(cpu, a, b, c);
}

static void x64_fini(void *priv)
{
	struct x64 *x = priv;

	if (!x)
		return;
	windows_fini(x);
	code_mem_fini(&x->mem);
	jc_fini(&x->jc);
	free(x->em);
	free(x);
}

static enum vm_err x64_init(struct vcpu *cpu, const struct jit_options *opt, void **priv,
	struct err *e)
{
	struct x64 *x = calloc(1, sizeof(*x));
	struct codebuf cb;
	enum vm_err r;

	*priv = NULL;
	if (!x)
		return err_set(e, VM_ERR_NOMEM, "no memory for the x86-64 backend");
	x->em = calloc(1, sizeof(*x->em));
	r = jc_init(&x->jc, opt->no_link || opt->accel == ACCEL_LOCKSTEP) && x->em ? code_mem_init(&x->mem, opt->cache_bytes, COLD_SHARE, e)
			   : err_set(e, VM_ERR_NOMEM, "no memory for the x86-64 backend");
	if (r) {
		x64_fini(x);
		return r;
	}
	x->cpu = cpu;
	x->feat = host_without(host_detect(), opt->host_mask);
	cpu->x87_on_host = true;
	x->lockstep = opt->accel == ACCEL_LOCKSTEP;
	x->opts_off = opt->opts_off;
	x->count_last = opt->icount;
	x->eval.cpu = cpu;
	x->eval.call = call_direct;
	code_mem_open(&x->mem, CODE_HOT, &cb);
	x64_make_stubs(x, &cb);
	code_mem_commit(&x->mem, CODE_HOT, &cb);
	code_mem_keep(&x->mem);
	windows_init(x);
	*priv = x;
	return VM_OK;
}

void drop_temps(struct emitter *c)
{
	memset(c->t_reg, X_NONE, sizeof(c->t_reg));
	memset(c->reg_t, 0xFF, sizeof(c->reg_t));
}

void temps_at(struct emitter *c, const uint8_t *reg_t)
{
	memset(c->t_reg, X_NONE, sizeof(c->t_reg));
	memcpy(c->reg_t, reg_t, sizeof(c->reg_t));
	for (uint32_t left = c->pool; left; left &= left - 1) {
		unsigned r = (unsigned)__builtin_ctz(left);

		if (reg_t[r] != 0xFF)
			c->t_reg[reg_t[r]] = (uint8_t)r;
	}
}

/* Is the window of no use to one of the block's instructions? */
static bool refuses_any(const struct emitter *c)
{
	int32_t off = (int32_t)c->ir->start_off;

	for (unsigned i = 0; i < c->ir->ninsns; off += c->ir->insns[i++].len)
		if (window_refuses(c, off))
			return true;
	return false;
}

static void begin(struct emitter *c, struct x64 *x, struct block *blk, const struct ir_block *ir)
{
	c->x = x;
	c->ir = ir;
	c->blk = blk;
	c->xb = blk->priv;
	memset(c->xb, 0, sizeof(*c->xb));
	c->nsites = c->nop_sites = c->ncalls = c->nrefs = 0;
	c->head = NULL;
	c->code64 = mode_code_size(ir->mode) == 8;
	c->bmi2 = x->feat & HOSTF_BMI2;
	c->pool = 1u << X_R13 | 1u << X_R14;
	if (!c->code64)
		c->pool |= 1u << X_R8 | 1u << X_R9;
	c->ncold = 0;
	c->starved = c->ended = false;
	c->mode_after = ir->mode;
	c->held = 0;
	c->group.on = false;
	c->ntraps = 0;
	c->near.known = 0;
	c->windows = (ir->mode & MODE_WIN) && x->cpu->mmu.win;
	c->refused = c->windows && refuses_any(c);
	c->window = c->windows && !c->refused;
	c->far = ir->mode & MODE_FAR;
	c->strayed = x64_strays(x, blk);
	c->group.skip = c->windows || c->strayed || x->opts_off & JIT_OPT_GROUP ? UINT32_MAX : 0;
	c->trust = !(x->opts_off & JIT_OPT_NEAR) && !c->strayed;
	c->poll_at = poll_place(c);
	c->polled = false;
	c->obs = IRF_ALL;
	c->off = c->next_off = (int32_t)ir->start_off;
	drop_temps(c);
	code_mem_open(&x->mem, CODE_HOT, &c->cb);
	c->cb.guard = x->cpu->mmu.win ? (int32_t)(uintptr_t)windows_guard(&x->cpu->mmu) : 0;
}

void mark(const struct emitter *c, struct mark *m)
{
	m->p = c->cb.p;
	memcpy(m->reg_t, c->reg_t, sizeof(m->reg_t));
	m->ncold = c->ncold;
	m->nsites = c->nsites;
	m->nop_sites = c->nop_sites;
	m->nrefs = c->nrefs;
	m->ntraps = c->ntraps;
	m->obs = c->obs;
	m->off = c->off;
	m->next_off = c->next_off;
	m->fl_host = c->fl_host;
	m->fl_env = c->fl_env;
	m->near.known = c->near.known;
	if (c->near.known)
		m->near = c->near;
}

void take_back(struct emitter *c, const struct mark *m)
{
	c->cb.p = m->p;
	temps_at(c, m->reg_t);
	c->ncold = m->ncold;
	c->nsites = m->nsites;
	c->nop_sites = m->nop_sites;
	c->nrefs = m->nrefs;
	c->ntraps = m->ntraps;
	c->cb.gs = NULL;
	c->gs_flags = false;
	c->obs = m->obs;
	c->off = m->off;
	c->next_off = m->next_off;
	c->fl_host = m->fl_host;
	c->fl_env = m->fl_env;
	c->near.known = m->near.known;
	if (m->near.known)
		c->near = m->near;
	c->busy = 0;
	c->starved = false;
}

static unsigned lower_plain(struct emitter *c, const struct ir_op *o)
{
	struct mark m;
	unsigned n;

	mark(c, &m);
	if (o->op == IR_LDX || o->op == IR_LD) {
		n = c->x->opts_off & JIT_OPT_FOLD ? 0 : o->op == IR_LDX ? fold_rmw(c) : fold_load(c);
		if (n && !c->starved)
			return n;
		take_back(c, &m);
	}
	if (o->op == IR_SEXT && (n = fold_sign(c)))
		return n;
	if (x64_lower[o->op] && x64_lower[o->op](c, o) && !c->starved)
		return 1;
	take_back(c, &m);
	c->group.failed = true;
	if (!x64_alone(c, o))
		lower_eval(c, o);
	return 1;
}

/* One op: the number of ops it took. */
static unsigned lower_one(struct emitter *c, const struct ir_op *o)
{
	unsigned i = c->i, n;

	if (group_begins(o) && i >= c->group.skip) {
		n = lower_group(c);
		if (n)
			return n;
	}
	c->cb.gs = NULL;
	c->gs_flags = false;
	n = lower_plain(c, o);
	if (c->cb.gs && c->window)
		window_access(c, i, n);
	for (unsigned k = i; c->near.known && k < i + n; k++)
		window_written(c, &c->ir->op[k]);
	return n;
}

void lower_range(struct emitter *c, unsigned begin, unsigned end)
{
	const struct ir_block *ir = c->ir;
	unsigned outer = c->limit;

	c->limit = end;
	for (c->i = begin; c->i < end; c->i++) {
		const struct ir_op *o = &ir->op[c->i];
		unsigned i = c->i;

		c->busy = 0;
		if (i == c->poll_at)
			poll_early(c);
		if (o->op == IR_INSN) {
			c->off = (int32_t)o->imm;
			c->next_off = c->off + o->aux;
			c->window = c->windows && !(c->refused && window_refuses(c, c->off));
			drop_temps(c);
		} else {
			c->i = i + lower_one(c, o) - 1;
			o = &ir->op[c->i];
		}
		c->obs = o->fobs;
	}
	c->limit = outer;
}

/* The block's address, for sites, which say how far back it is: before the cold paths, if there will be sites, and again between many. */
static void emit_head(struct emitter *c)
{
	if (!c->nsites && !c->ntraps) /* nor cold paths of windows' accesses, which make sites */
		return;
	c->head = c->cb.p;
	codebuf_u64(&c->cb, (uintptr_t)c->blk);
}

static void emit_cold(struct emitter *c)
{
	for (unsigned i = 0; i < c->ncold; i++) {
		if (c->head && c->cb.p - c->head >= SITE_REACH)
			emit_head(c);
		x_here(&c->cb, c->cold[i].from);
		x_here(&c->cb, c->cold[i].from2);
		c->cold[i].emit(c, &c->cold[i]);
	}
}

/* Do ops that C runs name instructions of the block? */
static bool names_insns(const struct emitter *c)
{
	for (unsigned i = 0; i < c->nop_sites; i++) {
		const struct ir_op *o = c->ir->op + c->op_of[i];

		if (o->op == IR_NATIVE || (o->op == IR_HELPER && o->cc))
			return true;
	}
	return false;
}

/*
 * What the block has counted at the instruction at @off, less those before it. @at, @k: where the last question was. Sites of one block are
 * mostly in its order.
 */
static int8_t left_at(const struct emitter *c, int32_t off, int32_t *at, unsigned *k)
{
	const struct ir_block *ir = c->ir;

	_Static_assert(IR_MAX_INSNS <= INT8_MAX, "x64_site.left");
	if (off < *at) {
		*at = (int32_t)ir->start_off;
		*k = 0;
	}
	while (*k < ir->ninsns && *at < off)
		*at += ir->insns[(*k)++].len;
	return (int8_t)((off < c->count_off ? 0 : (int)ir->ninsns) - (int)*k);
}

static void note_left(struct emitter *c)
{
	const struct ir_block *ir = c->ir;
	int32_t at = (int32_t)ir->start_off;
	unsigned k = 0;

	for (unsigned i = 0; i < c->nsites; i++)
		c->site[i].left = left_at(c, c->site[i].off, &at, &k);
	for (unsigned i = 0; i < c->nop_sites; i++) {
		struct x64_op_site *s = &c->op_site[i];

		s->left = left_at(c, s->off, &at, &k);
		if (s->ends && c->x->count_last) /* counted before the call (helper_site()) */
			s->left = (int8_t)(s->left + (int)ir->ninsns);
	}
}

/* Sites to where the code has them. */
static void put_sites(struct emitter *c)
{
	for (unsigned i = 0; i < c->ncalls; i++) {
		const struct x64_site *s = &c->site[c->call[i].site];
		uint8_t *at = c->call[i].at;

		memcpy(at, s, sizeof(*s));
		memcpy(at + offsetof(struct x64_site, head), &c->call[i].head, sizeof(s->head));
		if (s->val == VAL_IMM)
			memcpy(at + sizeof(*s), &c->site_imm[c->call[i].site], sizeof(c->site_imm[0]));
	}
}

/* What x64_eval() will need of the block: few have anything. */
static void make_for_eval(struct emitter *c)
{
	const struct ir_block *ir = c->ir;
	size_t ninsns = names_insns(c) ? ir->ninsns : 0, n = c->nop_sites;
	struct insn *insns = n ? malloc(ninsns * sizeof(*insns) + n * (sizeof(struct ir_op) + sizeof(struct x64_op_site))) : NULL;
	struct ir_op *op = (struct ir_op *)(insns + ninsns);
	struct x64_op_site *site = (struct x64_op_site *)(op + n);

	c->xb->for_eval = insns;
	if (!n)
		return;
	BUG_ON(!insns);
	memcpy(insns, ir->insns, ninsns * sizeof(*insns));
	for (unsigned i = 0; i < n; i++) {
		op[i] = ir->op[c->op_of[i]];
		site[i] = c->op_site[i];
		site[i].op = &op[i];
	}
	for (unsigned i = 0; i < c->nrefs; i++) {
		uint64_t at = (uintptr_t)&site[c->ref[i].site];

		memcpy(c->ref[i].at, &at, sizeof(at));
	}
}

static void x64_free_block(void *priv, struct block *blk)
{
	struct x64_block *xb = blk->priv;

	(void)priv;
	free(xb->for_eval);
	xb->for_eval = NULL;
}

static bool x64_compile(void *priv, struct block *blk, const struct ir_block *ir)
{
	struct x64 *x = priv;
	struct emitter *c = x->em;
	struct codebuf hot;

	if (code_mem_room(&x->mem) < BLOCK_ROOM)
		return false;
	begin(c, x, blk, ir);
	blk->code = codebuf_rx(&c->cb);
	emit_entries(c);
	count_first(c);
	lower_range(c, 0, ir->nops);
	lower_term(c);
	blk->code_len = (uint32_t)(c->cb.p - c->cb.start);
	hot = c->cb;
	code_mem_open(&x->mem, CODE_COLD, &c->cb);
	emit_head(c);
	blk->cold_at = (int32_t)(codebuf_rx(&c->cb) - blk->code);
	emit_cold(c);
	blk->cold_len = (uint32_t)(codebuf_rx(&c->cb) - block_cold(blk));
	if (hot.overflow || c->cb.overflow) {
		blk->code = NULL;
		return false;
	}
	if (ir->mode & MODE_ICOUNT)
		note_left(c);
	put_sites(c);
	make_for_eval(c);
	c->xb->fp = x64_fp_needs(ir);
	c->xb->keeps_fp = !c->ended;
	windows_compiled(c);
	code_mem_commit(&x->mem, CODE_HOT, &hot);
	code_mem_commit(&x->mem, CODE_COLD, &c->cb);
	return true;
}

static enum run_exit x64_run(void *priv, struct vcpu *cpu, struct block *blk,
	struct block_exit **last)
{
	struct x64 *x = priv;
	unsigned (*enter)(struct vcpu *, const uint8_t *, struct x64 *, struct block_exit **);
	unsigned r;

	enter = (unsigned (*)(struct vcpu *, const uint8_t *, struct x64 *, struct block_exit **))(uintptr_t)x->stub.enter;
	*last = NULL;
	cpu->ip_base = cpu->rip - (blk->ra & (PAGE_SIZE - 1));
	cpu->fl_save = flags_pack(cpu->eflags);
	cpu->insns_limit = cpu->insns + (cpu->req ? 0 : COUNT_SLICE);
	/* The flags are in both places: every entry is good, and each is to be seen by lockstep. */
	r = enter(cpu, x64_entry(blk, !(x->entries++ & 1), 0), x, last);
	x64_fp_save(x);
	cpu->eflags = (cpu->eflags & ~IRF_ALL) | flags_unpack(cpu->fl_save);
	return (enum run_exit)r;
}

static void x64_note(void *priv, struct vcpu *cpu, uint64_t ip, struct block *blk)
{
	jc_note(&((struct x64 *)priv)->jc, cpu, ip, blk);
}

static void x64_forget_all(void *priv)
{
	jc_clear(&((struct x64 *)priv)->jc);
}

static void x64_forget(void *priv, gla_t page, uint64_t lines)
{
	jc_forget(&((struct x64 *)priv)->jc, page, lines);
}

static void x64_flush(void *priv)
{
	struct x64 *x = priv;

	code_mem_flush(&x->mem);
	jc_clear(&x->jc);
	x->ntraps = 0;
	memset(x->strayed, 0, sizeof(x->strayed));
	memset(x->refused, 0, sizeof(x->refused));
	x->nrefused = 0;
	x->flushes++;
	x->killed = true;
}

static void x64_dump(void *priv, FILE *out)
{
	const struct x64 *x = priv;

	fprintf(out, "code arena         %zu of %zu bytes, %" PRIu64 " flushes\n", code_mem_used(&x->mem), x->mem.size,
		x->flushes);
	windows_dump(x, out);
	fprintf(out, "host features     ");
	for (unsigned i = 0; i < HOSTF_COUNT; i++)
		if (x->feat & 1u << i)
			fprintf(out, " %s", jit_host_features[i]);
	fprintf(out, "\n");
}

static const struct code_mem *x64_code(void *priv)
{
	return &((struct x64 *)priv)->mem;
}

static uint32_t x64_host_features(void *priv)
{
	return ((struct x64 *)priv)->feat;
}

const struct jit_backend x64_backend = {
	.name = "x64",
	.init = x64_init,
	.fini = x64_fini,
	.compile = x64_compile,
	.block_bytes = sizeof(struct x64_block),
	.free_block = x64_free_block,
	.run = x64_run,
	.link = x64_link,
	.unlink = x64_unlink,
	.kill = x64_kill,
	.save = x64_save,
	.revive = x64_revive,
	.note = x64_note,
	.forget_all = x64_forget_all,
	.forget = x64_forget,
	.flush = x64_flush,
	.dump = x64_dump,
	.code = x64_code,
	.host_features = x64_host_features,
	.sides = true,
	.cheap_count = true,
	.can_native = x64_can_native,
	.enter = windows_run,
};
