/*
 * backend.c - the AArch64 backend: compiling a block, running it, links.
 */
#include "jit/a64/a64.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_ROOM (512u << 10)	     /* more than any block's code */
#define ARENA_MAX (120ull << 20) /* B reaches 128 MiB */

static enum exit call_direct(void *opaque, helper_fn *fn, struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
	(void)opaque;
	return fn(cpu, a, b, c);
}

static void a64_fini(void *priv)
{
	struct a64 *x = priv;

	if (!x)
		return;
	code_mem_fini(&x->mem);
	jc_fini(&x->jc);
	free(x->em);
	free(x);
}

static enum vm_err a64_init(struct vcpu *cpu, const struct jit_options *opt, void **priv, struct err *e)
{
	uint64_t size = opt->cache_bytes && opt->cache_bytes < ARENA_MAX ? opt->cache_bytes : ARENA_MAX;
	struct a64 *x = calloc(1, sizeof(*x));
	struct codebuf cb;
	enum vm_err r;

	*priv = NULL;
	if (!x)
		return err_set(e, VM_ERR_NOMEM, "no memory for the AArch64 backend");
	x->em = calloc(1, sizeof(*x->em));
	r = jc_init(&x->jc, opt->no_link || opt->accel == ACCEL_LOCKSTEP) && x->em ? code_mem_init(&x->mem, size, 0, e) :
		err_set(e, VM_ERR_NOMEM, "no memory for the AArch64 backend");
	if (r) {
		a64_fini(x);
		return r;
	}
	x->cpu = cpu;
	cpu->x87_on_host = true; /* as far as that goes: no pointers where nothing faulted */
	x->feat = host_without(host_detect(), opt->host_mask);
	x->opts_off = opt->opts_off;
	x->eval.cpu = cpu;
	x->eval.call = call_direct;
	code_mem_open(&x->mem, CODE_HOT, &cb);
	a64_make_stubs(x, &cb);
	a64_make_fp_stub(x, &cb);
	a64_make_x87(x, &cb);
	code_mem_commit(&x->mem, CODE_HOT, &cb);
	code_mem_keep(&x->mem);
	*priv = x;
	return VM_OK;
}

static void drop_temps(struct emitter *c)
{
	memset(c->t_reg, A_NONE, sizeof(c->t_reg));
	memset(c->reg_t, 0xFF, sizeof(c->reg_t));
}

static void begin(struct emitter *c, struct a64 *x, struct block *blk, const struct ir_block *ir)
{
	c->x = x;
	c->ir = ir;
	c->blk = blk;
	memset(c->xb, 0, sizeof(c->xb));
	c->nsites = c->nrefs = c->ncold = 0;
	c->code64 = mode_code_size(ir->mode) == 8;
	c->flagm = x->feat & HOSTF_FLAGM;
	c->starved = c->group.on = c->pa.on = false;
	c->inv = c->entry_inv;
	c->group.skip = c->run.skip = 0;
	c->run.on = false;
	c->held = 0;
	c->skip = 0;
	memset(&c->count, 0, sizeof(c->count));
	c->class_from = NULL;
	c->insn = 0;
	c->counting = true;
	c->fp_ready = false;
	c->vin = c->vdirty = c->vzero = 0;
	memset(&c->x87, 0, sizeof(c->x87));
	c->pool = c->code64 ? 0xFF : 0xFFFF;
	c->ip_temp = ir->term.kind == TERM_IND && IR_KIND(ir->term.val) == IR_KIND_T ? IR_NUM(ir->term.val) % IR_MAX_TEMPS : A_NONE;
	c->obs = IRF_ALL;
	c->off = c->next_off = (int32_t)ir->start_off;
	drop_temps(c);
	code_mem_open(&x->mem, CODE_HOT, &c->cb);
}

void mark(const struct emitter *c, struct mark *m)
{
	m->p = c->cb.p;
	memcpy(m->t_reg, c->t_reg, sizeof(m->t_reg));
	memcpy(m->reg_t, c->reg_t, sizeof(m->reg_t));
	m->ncold = c->ncold;
	m->nsites = c->nsites;
	m->nrefs = c->nrefs;
	m->obs = c->obs;
	m->off = c->off;
	m->next_off = c->next_off;
	m->inv = c->inv;
	m->pa = c->pa;
	m->pa_at = c->pa_at;
	m->vin = c->vin;
	m->vdirty = c->vdirty;
	m->vzero = c->vzero;
	m->x87 = c->x87;
	m->fp_ready = c->fp_ready;
	m->count = c->count;
	m->class = c->class;
	m->class_from = c->class_from;
	m->insn = c->insn;
}

void take_back(struct emitter *c, const struct mark *m)
{
	c->cb.p = m->p;
	memcpy(c->t_reg, m->t_reg, sizeof(m->t_reg));
	memcpy(c->reg_t, m->reg_t, sizeof(m->reg_t));
	c->ncold = m->ncold;
	c->nsites = m->nsites;
	c->nrefs = m->nrefs;
	c->obs = m->obs;
	c->off = m->off;
	c->next_off = m->next_off;
	c->inv = m->inv;
	c->pa = m->pa;
	c->pa_at = m->pa_at;
	c->vin = m->vin;
	c->vdirty = m->vdirty;
	c->vzero = m->vzero;
	c->x87 = m->x87;
	c->fp_ready = m->fp_ready;
	c->count = m->count;
	c->class = m->class;
	c->class_from = m->class_from;
	c->insn = m->insn;
	c->busy = c->held;
	c->starved = false;
}

/* One op: the number of ops it took. */
static unsigned lower_one(struct emitter *c, const struct ir_op *o)
{
	unsigned n;
	struct mark m;

	count_op(c, o);
	if (c->i - c->skip_from < 8 && c->skip >> (c->i - c->skip_from) & 1)
		return 1;
	if (c->run.on) {
		c->run.failed |= !lower_native(c, o);
		return 1;
	}
	n = lower_group(c);
	if (!n)
		n = lower_fp_run(c);
	if (n)
		return n;
	pa_before(c, o);
	if (c->group.on && group_defer(c, o))
		return 1;
	mark(c, &m);
	if (a64_lower[o->op] && a64_lower[o->op](c, o) && !c->starved) {
		pa_after(c, o);
		return 1;
	}
	take_back(c, &m);
	c->skip = 0;
	c->group.failed = true;
	lower_eval(c, o);
	return 1;
}

void lower_range(struct emitter *c, unsigned begin, unsigned end)
{
	const struct ir_block *ir = c->ir;

	for (unsigned n; begin < end; begin += n) {
		const struct ir_op *o = &ir->op[begin];

		n = 1;
		c->i = begin;
		c->busy = c->held;
		if (o->op == IR_INSN) {
			c->off = (int32_t)o->imm;
			c->next_off = c->off + o->aux;
			count_insn(c);
			drop_temps(c);
		} else {
			n = lower_one(c, o);
		}
		c->obs = ir->op[begin + n - 1].fobs;
	}
}

static void emit_cold(struct emitter *c)
{
	for (unsigned i = 0; i < c->ncold; i++) {
		a_here(&c->cb, c->cold[i].from);
		a_here(&c->cb, c->cold[i].from2);
		c->vin = c->cold[i].vin; /* whatever it lowers begins with these */
		c->vdirty = c->cold[i].vdirty;
		c->vzero = 0;
		c->x87 = c->cold[i].x87;
		c->pa.on = false;
		c->cold[i].emit(c, &c->cold[i]);
	}
}

/* Do ops that C runs name instructions of the block? */
static bool names_insns(const struct emitter *c)
{
	for (unsigned i = 0; i < c->nsites; i++) {
		const struct ir_op *o = c->ir->op + c->site_op[i];

		if (c->site_op[i] != NO_OP && (o->op == IR_NATIVE || (o->op == IR_HELPER && o->cc)))
			return true;
	}
	return false;
}

/* Sites of one block are mostly in its order. */
static void note_before(struct emitter *c)
{
	const struct ir_block *ir = c->ir;
	int32_t at = (int32_t)ir->start_off;
	unsigned k = 0;

	for (unsigned i = 0; i < c->nsites; i++) {
		if (c->site[i].off < at) {
			at = (int32_t)ir->start_off;
			k = 0;
		}
		while (k < ir->ninsns && at < c->site[i].off)
			at += ir->insns[k++].len;
		c->site[i].before = (uint8_t)k;
	}
}

/* What lives as long as the block, in one piece: the head, the sites, copies of the ops and instructions C may need. */
static void make_priv(struct emitter *c)
{
	const struct ir_block *ir = c->ir;
	size_t nops = 0, ninsns = names_insns(c) ? ir->ninsns : 0;
	struct a64_block *ab;
	struct a64_site *site;
	struct ir_op *op;

	for (unsigned i = 0; i < c->nsites; i++)
		nops += c->site_op[i] != NO_OP;
	ab = malloc(sizeof(*ab) + c->nsites * sizeof(*site) + nops * sizeof(*op) + ninsns * sizeof(*ab->insns));
	BUG_ON(!ab);
	*ab = *c->xb;
	ab->mode = ir->mode;
	site = (struct a64_site *)(ab + 1);
	op = (struct ir_op *)(site + c->nsites);
	ab->insns = (struct insn *)(op + nops);
	memcpy(site, c->site, c->nsites * sizeof(*site));
	memcpy(ab->insns, ir->insns, ninsns * sizeof(*ab->insns));
	for (unsigned i = 0; i < c->nsites; i++)
		if (c->site_op[i] != NO_OP) {
			*op = ir->op[c->site_op[i]];
			site[i].op = op++;
		}
	for (unsigned i = 0; i < c->nrefs; i++) {
		uint64_t at = (uintptr_t)&site[c->ref[i].site];

		memcpy(c->ref[i].at, &at, sizeof(at));
	}
	c->blk->priv = ab;
}

static void a64_free_block(void *priv, struct block *blk)
{
	(void)priv;
	free(blk->priv);
	blk->priv = NULL;
}

/* X_IP = IP value: from the jump cache. Dead blocks have a jump here instead. */
static void emit_entry(struct emitter *c)
{
	a_addi(&c->cb, A_SUB, 8, X_S, X_IP, c->blk->ra & (PAGE_SIZE - 1));
	a_str(&c->cb, 8, X_S, X_CPU, ENV(ip_base));
	c->inv = false;
	if (c->xb->needs & IRF_C && c->entry_inv)
		flags_borrow(c);
	c->inv = c->entry_inv;
	c->xb->entry[0] = c->xb->entry[1] = code_here(c);
}

/* Where links come in whose C is the other one. */
static void other_entry(struct emitter *c)
{
	uint32_t body = c->xb->entry[0];

	if (!(c->xb->needs & IRF_C))
		return;
	c->xb->entry[!c->entry_inv] = code_here(c);
	c->inv = !c->entry_inv;
	if (c->inv)
		flags_carry(c);
	else
		flags_borrow(c);
	a_b(&c->cb, c->cb.start + body + c->cb.rx_delta);
}

/* Has the block a link to itself that would have to go by the other entry? */
static bool better_inverse(const struct emitter *c)
{
	for (unsigned i = 0; i < c->blk->nexits; i++)
		if (c->blk->exit[i].patch && c->blk->exit[i].off == (int64_t)c->ir->start_off && c->xb->inv[i] != c->entry_inv)
			return c->xb->needs & IRF_C;
	return false;
}

static void emit_hot(struct emitter *c, struct a64 *x, struct block *blk, const struct ir_block *ir, bool inv)
{
	c->entry_inv = inv;
	begin(c, x, blk, ir);
	blk->code = codebuf_rx(&c->cb);
	/* op[0] is the marker of the first instruction and does nothing */
	c->xb->needs = ir->nops && ir->op[0].op == IR_INSN ? ir->op[0].fobs : IRF_ALL;
	emit_entry(c);
	lower_range(c, 0, ir->nops);
	lower_term(c);
	count_block(c);
}

static bool a64_compile(void *priv, struct block *blk, const struct ir_block *ir)
{
	struct a64 *x = priv;
	struct emitter *c = x->em;

	if (code_mem_room(&x->mem) < BLOCK_ROOM)
		return false;
	emit_hot(c, x, blk, ir, x->came_inv);
	if (better_inverse(c))
		emit_hot(c, x, blk, ir, !c->entry_inv);
	blk->code_len = (uint32_t)(c->cb.p - c->cb.start);
	blk->cold_at = (int32_t)blk->code_len;
	emit_cold(c);
	other_entry(c);
	blk->cold_len = (uint32_t)(c->cb.p - c->cb.start) - blk->code_len;
	if (c->cb.overflow) {
		blk->code = NULL;
		return false;
	}
	count_add(c);
	if (ir->mode & MODE_ICOUNT)
		note_before(c);
	make_priv(c);
	for (unsigned i = 0; i < blk->nexits; i++) {
		struct a64_block *ab = blk->priv;

		if (blk->exit[i].patch)
			memcpy(&ab->unlinked[i], blk->exit[i].patch, 4);
		if (ab->note[i])
			memcpy(&ab->unnoted[i], c->cb.start + ab->note[i], 4);
	}
	code_mem_commit(&x->mem, CODE_HOT, &c->cb);
	return true;
}

static enum run_exit a64_run(void *priv, struct vcpu *cpu, struct block *blk, struct block_exit **last)
{
	struct a64 *x = priv;
	struct a64_block *ab = blk->priv;
	unsigned (*enter)(struct vcpu *, const uint8_t *, struct a64 *, struct block_exit **, struct jc_entry *, struct tlb_entry *);
	unsigned r;

	enter = (unsigned (*)(struct vcpu *, const uint8_t *, struct a64 *, struct block_exit **,
		struct jc_entry *, struct tlb_entry *))(uintptr_t)x->stub.enter;
	*last = NULL;
	cpu->ip_base = cpu->rip - (blk->ra & (PAGE_SIZE - 1));
	a64_flags_in(cpu);
	r = enter(cpu, blk->code + ab->entry[0], x, last, x->jc.entry, cpu->mmu.tlb[mode_mmu_idx(blk->mode)]);
	a64_fp_leave(cpu);
	a64_flags_out(cpu);
	x->came_inv = *last && ((struct a64_block *)exit_owner(*last)->priv)->inv[(*last)->n];
	return (enum run_exit)r;
}

/* One aligned word, of the kinds that may be replaced while they are run (DDI 0487, B2.2.5). */
static void patch(struct a64 *x, uint8_t *at, uint32_t insn)
{
	memcpy(at, &insn, 4);
	code_mem_changed(&x->mem, at, 4);
}

static void a64_link(void *priv, struct block_exit *from, struct block *to)
{
	struct a64 *x = priv;
	const struct a64_block *ab = to->priv, *me = exit_owner(from)->priv;
	unsigned n = from->n;
	const uint8_t *entry = to->code + ab->entry[me->inv[n]];
	uint8_t *at = from->patch;

	if (!at)
		return;
	if (me->note[n] && ab->needs & IRF_PA) { /* by way of the note */
		patch(x, at, me->unlinked[n]);
		at = code_mem_rw(&x->mem, exit_owner(from)->code + me->note[n]);
	}
	patch(x, at, a_b_insn(entry - (x->mem.rx + (at - x->mem.rw))));
}

static void a64_unlink(void *priv, struct block_exit *from)
{
	struct a64_block *me = exit_owner(from)->priv;

	unsigned n = from->n;

	if (!from->patch)
		return;
	patch(priv, from->patch, me->unlinked[n]);
	if (me->note[n])
		patch(priv, code_mem_rw(&((struct a64 *)priv)->mem, exit_owner(from)->code + me->note[n]), me->unnoted[n]);
}

/* The jump-cache entry of a dead block leads to the lookup; cpu->rip is set by whoever comes. */
static void a64_kill(void *priv, struct block *blk)
{
	struct a64 *x = priv;

	patch(x, code_mem_rw(&x->mem, blk->code), a_b_insn(x->stub.lookup[mode_code_size(blk->mode) == 8] - blk->code));
}

static void a64_note(void *priv, struct vcpu *cpu, uint64_t ip, struct block *blk)
{
	jc_note(&((struct a64 *)priv)->jc, cpu, ip, blk);
}

static void a64_forget_all(void *priv)
{
	jc_clear(&((struct a64 *)priv)->jc);
}

static void a64_forget(void *priv, gla_t page, uint64_t lines)
{
	jc_forget(&((struct a64 *)priv)->jc, page, lines);
}

static void a64_flush(void *priv)
{
	struct a64 *x = priv;

	code_mem_flush(&x->mem);
	jc_clear(&x->jc);
	x->flushes++;
}

static void a64_dump(void *priv, FILE *out)
{
	const struct a64 *x = priv;

	fprintf(out, "code arena         %zu of %zu bytes, %" PRIu64 " flushes\n", code_mem_used(&x->mem), x->mem.size, x->flushes);
	count_dump(x, out);
	fprintf(out, "host features      %05x\n", x->feat);
}

static const struct code_mem *a64_code(void *priv)
{
	return &((struct a64 *)priv)->mem;
}

static uint32_t a64_host_features(void *priv)
{
	return ((struct a64 *)priv)->feat;
}

const struct jit_backend a64_backend = {
	.name = "a64",
	.init = a64_init,
	.fini = a64_fini,
	.compile = a64_compile,
	.free_block = a64_free_block,
	.run = a64_run,
	.link = a64_link,
	.unlink = a64_unlink,
	.kill = a64_kill,
	.note = a64_note,
	.forget_all = a64_forget_all,
	.forget = a64_forget,
	.flush = a64_flush,
	.dump = a64_dump,
	.code = a64_code,
	.host_features = a64_host_features,
	.can_native = a64_can_native,
};
