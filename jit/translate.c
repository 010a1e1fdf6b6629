/*
 * translate.c - from bytes in RAM to a compiled block: fetch, decode, lift, passes, backend.
 *
 * A block runs from its first byte to the first instruction that ends it, to the end of its page, or to the
 * size limit. An instruction that straddles the page end is a block of its own, guarded at run time.
 * With MODE_ONE a block is one instruction.
 */
#include "jit/priv.h"
#include "jit/profile.h"
#include "cpu/ring0/ring0.h"
#include <stdlib.h>
#include <string.h>

#define BLOCK_MAX_INSNS 40
_Static_assert(BLOCK_MAX_INSNS < IR_MAX_INSNS, "one more is decoded");

struct fetch {
	struct jit *j;
	const struct jit_backend *be; /* for whom */
	void *be_priv;
	raddr_t ra;	     /* of the block's first byte */
	const uint8_t *page; /* host bytes of the first page, from its byte 0; NULL outside RAM */
	uint32_t mode;
	raddr_t ra2;	     /* second page, once needed */
	unsigned nsides;     /* of the block so far */
};

/* Bytes the code segment's limit leaves from IP on, asked when an instruction passes the page or blocks are one instruction. */
static unsigned limit_left(const struct vcpu *cpu, uint32_t mode, uint64_t ip)
{
	uint64_t left;

	if (mode_code_size(mode) == 8)
		return INSN_MAX_LEN;
	if (ip > cpu->seg[SEG_CS].limit)
		return 0;
	left = (uint64_t)cpu->seg[SEG_CS].limit - ip + 1;
	return left < INSN_MAX_LEN ? (unsigned)left : INSN_MAX_LEN;
}

/* Decode the straddling (or non-RAM) instruction at page offset @off, fetching byte by byte as silicon would. */
static enum exit decode_slow(struct fetch *f, unsigned off, struct insn *in, enum decode_status *st)
{
	struct vcpu *cpu = f->j->cpu;
	enum mmu_idx idx = cpu->cpl == 3 ? MMU_USER : MMU_SUP;
	gla_t gla = cpu->seg[SEG_CS].base + cpu->rip;
	unsigned have = PAGE_SIZE - off, max = limit_left(cpu, f->mode, cpu->rip);
	const uint8_t *second;
	uint8_t buf[INSN_MAX_LEN];
	raddr_t ra2;

	have = have < INSN_MAX_LEN ? have : INSN_MAX_LEN;
	memcpy(buf, f->page + off, have);
	*st = insn_decode(cpu->index, buf, have < max ? have : max, mode_code_size(f->mode), in);
	if (*st != DECODE_MORE)
		return EXIT_NONE;
	/* #GP(0): instruction bytes beyond the code-segment limit */
	if (max <= have)
		return cpu_raise(cpu, CHECK_GP_CS_LIMIT, 0);
	gla = (gla & PAGE_MASK) + PAGE_SIZE;
	if (mode_code_size(f->mode) != 8)
		gla = (uint32_t)gla;
	if (ring0_fetch_on(cpu, gla))
		return EXIT_FAULT;
	if (mmu_fetch_page(&cpu->mmu, gla, idx, &ra2, &second))
		return cpu_page_fault(cpu);
	if (ra2 == RADDR_NONE)
		memset(buf + have, 0xFF, INSN_MAX_LEN - have);
	else
		memcpy(buf + have, second, INSN_MAX_LEN - have);
	f->ra2 = ra2 == RADDR_NONE ? ra2 : ra2 & PAGE_MASK;
	*st = insn_decode(cpu->index, buf, max, mode_code_size(f->mode), in);
	if (*st == DECODE_MORE)
		return cpu_raise(cpu, CHECK_GP_CS_LIMIT, 0);
	return EXIT_NONE;
}

/* An instruction longer than 15 bytes: #GP(0) before anything else. */
static void lift_toolong(struct ir_block *b, unsigned off, struct insn *in)
{
	struct ir_term t = {.kind = TERM_RIP};
	struct ir_op *o;

	in->id = INSN_UD;
	in->len = INSN_MAX_LEN;
	ir_insn(b, off, in);
	o = ir_helper(b, HELPER_raise, IR_NONE, IR_IMM, IR_NONE, IR_NONE, CHECK_GP_TOO_LONG);
	(void)o;
	ir_end(b, &t);
}

/* A shift by CL leaves all flags alone if the masked count is 0, else the settled ones. */
static void settle_variable_shift(struct ir_block *b, const struct insn *in, uint32_t undef)
{
	ir_val now = ir_temp(b), settled = ir_temp(b), count = ir_temp(b);
	struct ir_op *o;

	ir_emit(b, IR_GETF, 4, now, IR_NONE, IR_NONE);
	ir_emit_nf_imm(b, IR_AND, 4, settled, now, IRF_ALL & ~undef);
	ir_emit_nf(b, IR_ZEXT, 8, count, IR_G(GPR_RCX), IR_NONE)->aux = 1;
	ir_emit_imm(b, IR_TEST, 4, IR_NONE, count, in->op[0].size == 8 ? 63 : 31);
	o = ir_emit(b, IR_CMOV, 8, now, now, settled);
	o->cc = 4;
	o->fuse = IRF_Z;
	o = ir_emit(b, IR_PUTF, 4, IR_NONE, now, IR_NONE);
	o->imm = o->fdef = IRF_ALL;
}

/*
 * Lockstep: flags that an instruction leaves undefined differ between engines and reach memory by PUSHF.
 * Both engines then agree on 0.
 */
static void settle_flags(struct ir_block *b, const struct insn *in)
{
	const struct insn_row *row = &insn_rows[in->id];
	uint32_t undef = row->f_undef & IRF_ALL;
	bool shift = row->f_read & undef; /* keeps the flags when its count is 0 */
	struct ir_op *o;
	ir_val zero;

	if (!undef || b->term.kind != TERM_NONE)
		return;
	if (shift && in->op[in->nops - 1].kind == OPND_GPR) {
		if (in->op[0].kind != OPND_GPR || in->op[0].reg != GPR_RCX)
			settle_variable_shift(b, in, undef);
		return;
	}
	if (shift && !(in->imm & (in->op[0].size == 8 ? 63 : 31)))
		return;
	zero = ir_temp(b);
	ir_movi(b, 8, zero, 0);
	o = ir_emit(b, IR_PUTF, 4, IR_NONE, zero, IR_NONE);
	o->imm = o->fdef = undef;
}

/*
 * Can the instruction at @off, behind an STI, be the last of its block? The block then needs no shadow. Not if it might
 * stop half done (a repeated string instruction looks for requests), or if the run loop wants to see it.
 */
static bool can_pair(const struct fetch *f, unsigned off)
{
	const struct jit *j = f->j;
	enum decode_status st;
	struct insn in;

	if (f->mode & MODE_ONE || j->opt.icount || j->opt.one_insn || j->opt.opts_off & JIT_OPT_STI || off >= PAGE_SIZE ||
		j->ir.ninsns + 2 > BLOCK_MAX_INSNS || j->ir.nops > IR_MAX_OPS / 2 || debug_on(j) || debug_breaks(j, off))
		return false;
	st = insn_decode(j->cpu->index, f->page + off, PAGE_SIZE - off < INSN_MAX_LEN ? PAGE_SIZE - off : INSN_MAX_LEN,
		mode_code_size(f->mode), &in);
	return st == DECODE_OK && !in.rep && in.id != INSN_STI && !debug_magic(j, &in, st) && !debug_counts(j, &in, st);
}

/* Has the code at page offset @off been run, as it is wanted now or before its address space got a window? */
static bool has_run(const struct fetch *f, unsigned off)
{
	raddr_t ra = (f->ra & PAGE_MASK) | off;

	return cache_find(f->j, ra, f->mode) || cache_find(f->j, ra, f->mode & ~(MODE_WIN | MODE_FAR));
}

/*
 * Shall the block, which a conditional branch ends at @off, go on behind it? Only where it is a window's, which means that it is made for
 * the second time, and what stands there has been run: the other way is then the rarer one, or the code will be wanted by itself as well.
 * A branch back is taken as a rule.
 */
static bool goes_on(const struct fetch *f, const struct ir_block *b, unsigned off)
{
	const struct jit *j = f->j;

	if (b->term.kind != TERM_JCC || !f->be->sides || f->nsides == BLOCK_SIDES || f->mode & MODE_ONE || j->opt.icount || j->opt.one_insn ||
		j->opt.opts_off & JIT_OPT_SIDE || b->ninsns >= BLOCK_MAX_INSNS / 2 || off >= PAGE_SIZE || b->term.t_off <= (int64_t)off)
		return false;
	return j->opt.all_sides || (f->mode & MODE_WIN && has_run(f, off));
}

/* The conditional branch that ends the block becomes an exit on its way. */
static void side_exit(struct fetch *f, struct ir_block *b)
{
	struct ir_op *o = ir_emit_nf(b, IR_SIDE, b->term.ipsize, IR_NONE, IR_NONE, IR_NONE);

	o->cc = b->term.cc;
	o->fuse = ir_cc_flags(o->cc);
	o->imm = b->term.t_off;
	b->term.kind = TERM_NONE;
	f->nsides++;
}

/* @l: of the block */
static void lift_one(struct fetch *f, struct lift *l, unsigned off, struct insn *in, enum decode_status st)
{
	struct jit *j = f->j;

	if (st == DECODE_TOOLONG) {
		lift_toolong(&j->ir, off, in);
		return;
	}
	if (st == DECODE_UD)
		in->id = INSN_UD;
	l->in = in;
	l->off = off;
	l->next_off = off + in->len;
	l->pair = in->id == INSN_STI && can_pair(f, l->next_off);
	lift_insn(l);
	if (j->lock && in->id < INSN_COUNT)
		settle_flags(&j->ir, in);
	if (goes_on(f, &j->ir, l->next_off))
		side_exit(f, &j->ir);
}

/* Put GUARD behind the first INSN marker of a straddling block. */
static void insert_guard(struct ir_block *b, raddr_t ra2)
{
	struct ir_op *o;

	BUG_ON(b->nops < 1 || b->nops >= IR_MAX_OPS - 1);
	memmove(&b->op[2], &b->op[1], (b->nops - 1) * sizeof(b->op[0]));
	b->nops++;
	o = &b->op[1];
	memset(o, 0, sizeof(*o));
	o->op = IR_GUARD;
	o->d = o->a = o->b = o->c = o->m.base = o->m.index = IR_NONE;
	o->m.seg = IR_NOSEG;
	o->flive = o->fobs = IRF_ALL;
	o->imm = (int64_t)ra2;
}

/* Fill j->ir. EXIT_FAULT: the very first instruction cannot be fetched. */
static enum exit lift_block(struct fetch *f, unsigned off)
{
	struct jit *j = f->j;
	struct ir_block *b = &j->ir;
	unsigned max = f->mode & MODE_ONE || j->opt.one_insn ? 1 : BLOCK_MAX_INSNS;
	struct lift l = {.b = b, .features = &j->cpu->features, .mode = f->mode, .can_native = f->be->can_native, .native_priv = f->be_priv};

	ir_block_init(b, f->mode, off);
	while (b->term.kind == TERM_NONE && b->ninsns < max && off < PAGE_SIZE) {
		unsigned avail = PAGE_SIZE - off;
		unsigned nops = b->nops, ninsns = b->ninsns, nsides = f->nsides;
		enum decode_status st = DECODE_MORE;
		struct insn *in = &b->insns[ninsns]; /* which ir_insn() takes as it is */

		if (ninsns && debug_breaks(j, off))
			break;
		if (!(f->mode & MODE_ONE))
			st = insn_decode(j->cpu->index, f->page + off,
				avail < INSN_MAX_LEN ? avail : INSN_MAX_LEN, mode_code_size(f->mode), in);
		if (st == DECODE_MORE) {
			if (b->ninsns)
				break; /* the straddler gets its own block */
			enum exit x = decode_slow(f, off, in, &st);

			if (x)
				return x;
		}
		bool magic = debug_magic(j, in, st), behind_sti = ninsns && b->insns[ninsns - 1].id == INSN_STI;

		if (ninsns && (magic || debug_counts(j, in, st)))
			break;
		lift_one(f, &l, off, in, st);
		if (b->overflow && ninsns) {
			/* did not fit: end the block before it */
			b->overflow = false;
			b->nops = nops;
			b->ninsns = ninsns;
			b->term.kind = TERM_NONE;
			f->nsides = nsides;
			break;
		}
		BUG_ON(b->overflow);
		off += in->len;
		if (behind_sti && b->term.kind == TERM_NONE)
			lift_look(b, off);
		if (magic)
			break;
	}
	b->end_off = off;
	if (b->term.kind == TERM_NONE)
		lift_fallthrough(b, off);
	if (f->ra2 != RADDR_NONE)
		insert_guard(b, f->ra2);
	return EXIT_NONE;
}

/* How many exits of the block does its terminal know? */
static unsigned count_exits(const struct ir_term *t)
{
	if (t->kind == TERM_JCC || t->kind == TERM_JNZ || t->hint == HINT_CALL)
		return 2;
	return t->kind == TERM_JMP || t->kind == TERM_STOP;
}

static void set_exits(struct block *b, struct ir_block *ir, unsigned nterm)
{
	const struct ir_term *t = &ir->term;
	bool two = t->kind == TERM_JCC || t->kind == TERM_JNZ;
	bool whole = !(ir->mode & MODE_ONE);

	for (unsigned i = 0; i < nterm; i++) {
		struct block_exit *x = &b->exit[i];

		x->n = i & 1;
		x->off = i ? t->f_off : t->t_off;
		x->linkable = whole && (two || (i ? t->hint == HINT_CALL : t->kind == TERM_JMP || (t->kind == TERM_STOP && t->soft))) &&
			x->off >= 0 && x->off < PAGE_SIZE;
	}
	for (unsigned i = 0, n = nterm; n < b->nexits; i++) {
		struct ir_op *o = &ir->op[i];

		if (o->op != IR_SIDE)
			continue;
		o->aux = n & 15;
		b->exit[n].n = o->aux;
		b->exit[n].off = o->imm;
		b->exit[n++].linkable = o->imm >= 0 && o->imm < PAGE_SIZE;
	}
}

static void check_ir(const struct ir_block *ir)
{
#ifdef DRAGOMAN_CHECKS
	char why[160];

	if (ir_verify(ir, why, sizeof(why))) {
		fprintf(stderr, "%s\n", why);
		ir_print(ir, stderr);
		BUG_ON("IR breaks a rule");
	}
#endif
	(void)ir;
}

/* j->ir holds the block's IR afterwards, but is not compiled yet. NULL: event raised */
static struct block *make_block(struct jit *j, struct fetch *f)
{
	unsigned off = f->ra & (PAGE_SIZE - 1);
	struct ir_block *ir = &j->ir;
	struct block *b;
	unsigned nexits, nterm;
	size_t room, size;

	if (lift_block(f, off))
		return NULL;
	nterm = count_exits(&ir->term);
	nexits = nterm + f->nsides;
	room = again_room(j, f->be, f->ra, f->ra2, f->mode, ir->end_off - off);
	size = block_size(nexits) + f->be->block_bytes + room;
	b = pool_get(&j->pool, size);
	BUG_ON(!b);
	b->size = (uint16_t)size;
	if (f->be->block_bytes)
		b->priv = (char *)b + block_size(nexits);
	b->nexits = nexits & 15;
	b->ra = f->ra;
	b->ra2 = f->ra2;
	b->mode = f->mode;
	b->len = ir->end_off - off;
	if (room)
		again_copy(b, f->page + off);
	b->ninsns = ir->ninsns;
	if (ir->ninsns && debug_counts(j, &ir->insns[0], DECODE_OK))
		b->counted = ir->insns[0].id + 1;
	b->magic = ir->ninsns && debug_magic(j, &ir->insns[0], DECODE_OK);
	set_exits(b, ir, nterm);
	if (dumps(j))
		dump_block(j, b, ir, false);
	check_ir(ir);
	ir_optimise(ir, j->opt.passes_off);
	if (dumps(j))
		dump_block(j, b, ir, true);
	return b;
}

/* Tell those who asked what the new code is. */
static void tell(struct jit *j, const struct block *b)
{
	char name[96], cold[104];

	if (j->profile)
		profile_block(j->profile, b);
	if (!j->perf || !b->code)
		return;
	profile_name(j, j->cpu->seg[SEG_CS].base + j->cpu->rip, name, sizeof(name));
	perf_code(j->perf, name, b->code, b->code_len);
	snprintf(cold, sizeof(cold), "%s-cold", name);
	if (b->cold_len)
		perf_code(j->perf, cold, block_cold(b), b->cold_len);
}

struct block *translate(struct jit *j, raddr_t ra, const uint8_t *host, uint32_t mode)
{
	struct fetch f = {j, j->be, j->be_priv, ra, host - (ra & (PAGE_SIZE - 1)), mode, RADDR_NONE, 0};
	struct block *b = again_find(j, ra, mode, host);

	if (b)
		return b;
	j->cpu->doing = PROF_TRANSLATE;
	b = make_block(j, &f);
	if (!b) {
		j->cpu->doing = PROF_LOOP;
		return NULL;
	}
	if (!j->be->compile(j->be_priv, b, &j->ir)) {
		cache_flush(j);
		BUG_ON(!j->be->compile(j->be_priv, b, &j->ir));
	}
	if (dumps(j))
		dump_code(j, b);
	if (j->lock)
		b->twin = lockstep_twin(j, b, &j->ir);
	cache_insert(j, b);
	j->st.blocks++;
	j->st.insns_in += j->ir.ninsns;
	j->st.sides += f.nsides;
	j->st.bytes_in += b->len;
	j->st.bytes_out += b->code_len + b->cold_len;
	j->st.bytes_hot += b->code_len;
	tell(j, b);
	j->cpu->doing = PROF_LOOP;
	return b;
}

struct block *translate_one(struct jit *j, raddr_t ra, const uint8_t *host, uint32_t mode)
{
	struct fetch f = {j, &interp_backend, j->interp, ra, host - (ra & (PAGE_SIZE - 1)),
		mode | MODE_ONE, RADDR_NONE, 0};
	struct block *b = make_block(j, &f);

	if (b)
		interp_backend.compile(j->interp, b, &j->ir);
	return b;
}
