/*
 * slow.c - what translated code calls when the inline probe misses, or for an op without host code.
 *
 * x64_slow() runs with guest FP state possibly live in host registers: this file is compiled for general registers only.
 * Both return 0 to go on, else 1 + enum run_exit with the exact state of an instruction's start (for RUN_LOOKUP: the next
 * one's) in struct vcpu.
 */
#include "jit/x64/x64.h"
#include "jit/profile.h"
#include "cpu/ring0/ring0.h"

/* The mode from the CPU rather than from the block: what is not in the site costs a cache miss each. */
static bool code64(const struct vcpu *cpu)
{
	return mode_code_size(cpu->mode) == 8;
}

static void set_rip(struct vcpu *cpu, int32_t off)
{
	uint64_t ip = cpu->ip_base + (uint64_t)(int64_t)off;

	cpu->rip = code64(cpu) ? ip : (uint32_t)ip;
}

static bool hits(const struct block *b, raddr_t ra, unsigned len)
{
	unsigned start = b->ra & (PAGE_SIZE - 1), end = start + b->len, off = ra & (PAGE_SIZE - 1);

	if ((ra & PAGE_MASK) == (b->ra & PAGE_MASK) && off < end && off + len > start)
		return true;
	return b->ra2 != RADDR_NONE && (ra & PAGE_MASK) == b->ra2 && off + PAGE_SIZE < end;
}

/* Would the store change the running block itself? Both pages have been filled. */
static bool hits_self(struct vcpu *cpu, const struct x64_site *s, gla_t gla)
{
	struct mmu *m = &cpu->mmu;
	unsigned left = PAGE_SIZE - (gla & (PAGE_SIZE - 1)), n = s->w < left ? s->w : left;
	const struct tlb_side *t = &m->side[s->idx][tlb_index(gla)];
	raddr_t ra = t->ra;

	if (ra != RADDR_NONE && hits(site_block(s), ra | (gla & (PAGE_SIZE - 1)), n))
		return true;
	if (n == s->w)
		return false;
	gla = (gla & PAGE_MASK) + PAGE_SIZE;
	if (!code64(cpu))
		gla = (uint32_t)gla;
	if (tlb_fill(m, gla, MMU_WRITE, s->idx) == FILL_FAULT)
		return false; /* the write itself will say so */
	ra = m->side[s->idx][tlb_index(gla)].ra;
	return ra != RADDR_NONE && hits(site_block(s), ra, s->w - n);
}

void x64_fp_save(struct x64 *x)
{
	void (*save)(struct vcpu *) = (void (*)(struct vcpu *))(uintptr_t)x->stub.fp_save;
	static const uint32_t mxcsr = 0x1F80;
	struct vcpu *cpu = x->cpu;
	uint32_t mask = cpu->fpu.mxcsr_mask;

	if (!cpu->fp_live)
		return;
	save(cpu);
	__asm__ volatile("ldmxcsr %0" : : "m"(mxcsr) : "memory");
	/* where the host last executed an x87 instruction is nobody's business, nor which MXCSR bits it has */
	if (cpu->x87_live) {
		cpu->fpu.fip = cpu->fpu.fdp = 0;
		cpu->fpu.fop = 0;
		cpu->fpu.mxcsr_mask = mask;
	}
	cpu->fp_live = cpu->x87_live = cpu->avx_live = 0;
}

/* After x64_fp_save(): what block @xb works with back into host registers. */
static void fp_load(struct x64 *x, const struct x64_block *xb)
{
	for (unsigned i = FP_PARTS; i-- > 0;) {
		void (*load)(struct vcpu *) = (void (*)(struct vcpu *))(uintptr_t)x->stub.fp_load[1][i];

		if (xb->fp >> i & 1 && !(i == FP_PART_XMM && x->cpu->fp_live))
			load(x->cpu);
	}
}

static unsigned page_fault(struct vcpu *cpu)
{
	cpu_page_fault(cpu);
	return 1 + RUN_FAULT;
}

/* Translated code will access @host. */
static void answer(struct x64_frame *f, gla_t gla, const void *host)
{
	f->regs[f->site->delta_reg & 15] = (uintptr_t)host - gla;
}

static uint64_t value(const struct vcpu *cpu, const struct x64_frame *f)
{
	const struct x64_site *s = f->site;
	unsigned n = s->val & 15;
	uint64_t imm;

	if (s->val & VAL_HOME)
		return f->t[s->val % IR_MAX_TEMPS];
	switch (s->val & 0xF0) {
	case VAL_REG: return f->regs[n];
	case VAL_HIGH: return f->regs[n] >> 8;
	case VAL_GPR: return cpu->gpr[n];
	default: /* VAL_IMM */
		__builtin_memcpy(&imm, s + 1, sizeof(imm));
		return imm;
	}
}

static unsigned access_in_c(struct vcpu *cpu, struct x64_frame *f, gla_t gla)
{
	const struct x64_site *s = f->site;

	switch (s->kind) {
	case SITE_LD:
		if (mmu_read(&cpu->mmu, gla, s->w, s->idx, &f->val))
			return page_fault(cpu);
		break;
	case SITE_ST:
		/* A block must not change under its own feet: the interpreter does this instruction. */
		if (hits_self(cpu, s, gla))
			return 1 + RUN_ONE;
		if (mmu_write(&cpu->mmu, gla, s->w, s->idx, value(cpu, f) & (~0ull >> (64 - 8 * s->w))))
			return page_fault(cpu);
		/* A device has been written, and its DMA has changed this block. */
		if (s->last && site_block(s)->dead) {
			set_rip(cpu, s->off + s->len);
			return 1 + RUN_LOOKUP;
		}
		break;
	case SITE_NLD:
		if (mmu_read_buf(&cpu->mmu, gla, f->bounce, s->w, s->idx))
			return page_fault(cpu);
		answer(f, gla, f->bounce);
		return 0;
	case SITE_NST:
		if (mmu_probe(&cpu->mmu, gla, s->w, MMU_WRITE, s->idx))
			return page_fault(cpu);
		f->commit = gla;
		answer(f, gla, f->bounce);
		return 0;
	default:
		return 1 + RUN_ONE; /* reads and writes with something in between */
	}
	answer(f, gla, &f->val);
	return 0;
}

/* Second step of a bounced store: probed before, so it cannot fault. */
static unsigned commit(struct vcpu *cpu, struct x64_frame *f)
{
	const struct x64_site *s = f->site;

	if (f->commit == NO_COMMIT)
		return 0;
	x64_fp_save(f->x);
	BUG_ON(mmu_write_buf(&cpu->mmu, f->commit, f->bounce, s->w, s->idx));
	if (site_block(s)->dead) {
		set_rip(cpu, s->off + s->len);
		return 1 + RUN_LOOKUP;
	}
	fp_load(f->x, site_block(s)->priv);
	return 0;
}

static unsigned raise(struct x64 *x, enum check_id id)
{
	x64_fp_save(x);
	cpu_raise(x->cpu, id, 0);
	return 1 + RUN_FAULT;
}

static bool canonical(const struct vcpu *cpu, const struct x64_site *s, gla_t gla)
{
	gla_t last = gla + s->w - 1;

	return !code64(cpu) ||
		(gla == (gla_t)sign_extend(gla, 48) && last == (gla_t)sign_extend(last, 48));
}

/* Does the access that group @s begins with fault, whatever is wrong with the others? @gla: of the group's lowest byte */
static bool first_faults(struct vcpu *cpu, const struct x64_site *s, gla_t gla)
{
	gla = code64(cpu) ? gla + s->val : (uint32_t)(gla + s->val);
	return s->align && (gla & (PAGE_SIZE - 1)) + s->align <= PAGE_SIZE &&
		tlb_fill(&cpu->mmu, gla, s->writes ? MMU_WRITE : MMU_READ, s->idx) == FILL_FAULT;
}

/*
 * The range of a group: the TLB knows its page afterwards, or the first access faults, or the interpreter runs the group's first instruction,
 * which says what is wrong. That one of the other accesses will fault is little reason not to trust the block again.
 */
static unsigned group(struct vcpu *cpu, struct x64_frame *f, gla_t gla)
{
	const struct x64_site *s = f->site;
	struct mmu *m = &cpu->mmu;
	enum mmu_fill r = FILL_FAULT;
	bool ok = canonical(cpu, s, gla);

	if (ok)
		r = tlb_fill(m, gla, s->kind == SITE_GLD ? MMU_READ : MMU_WRITE, s->idx);
	if (r == FILL_OK && (gla & (PAGE_SIZE - 1)) + s->w <= PAGE_SIZE) {
		f->regs[s->delta_reg & 15] = m->tlb[s->idx][tlb_index(gla)].addend;
		return 0;
	}
	x64_fp_save(f->x);
	if (ok && r == FILL_FAULT && first_faults(cpu, s, gla))
		return page_fault(cpu);
	x64_strayed(f->x, site_block(s), r == FILL_FAULT ? 1 : STRAYED);
	return 1 + RUN_ONE;
}

static unsigned slow(struct vcpu *cpu, struct x64_frame *f)
{
	const struct x64_site *s = f->site;
	struct mmu *m = &cpu->mmu;
	gla_t gla = f->regs[s->gla_reg & 15];
	bool live = cpu->fp_live;
	enum mmu_fill r;
	unsigned x;

	cpu->doing = PROF_MEMORY;
	f->join = f->x->mem.rx + s->join;
	if (s->kind == SITE_COMMIT)
		return commit(cpu, f);
	f->commit = NO_COMMIT;
	set_rip(cpu, s->off);
	if (s->kind == SITE_ONE || s->kind == SITE_STRAY) {
		x64_fp_save(f->x);
		if (s->kind == SITE_STRAY)
			x64_strayed(f->x, site_block(s), STRAYED);
		return 1 + RUN_ONE;
	}
	if (s->kind == SITE_GLD || s->kind == SITE_GST)
		return group(cpu, f, gla);
	/* In 64-bit code an address that is not in canonical form is #GP(0), or #SS(0) through the stack segment. */
	if (!canonical(cpu, s, gla))
		return raise(f->x, s->ss ? CHECK_SS_CANONICAL : CHECK_GP_CANONICAL);
	/* #GP(0): a 16-byte operand of a legacy SSE instruction is not aligned. The interpreter judges it. */
	if (gla & ((1u << s->align) - 1))
		return 1 + RUN_ONE;
	r = tlb_fill(m, gla, s->kind == SITE_LD || s->kind == SITE_NLD ? MMU_READ : MMU_WRITE, s->idx);
	if (s->one && r != FILL_FAULT) {
		x64_fp_save(f->x);
		window_refused(f->x, site_block(s), s->off);
		return 1 + RUN_ONE;
	}
	if (r == FILL_OK && (gla & (PAGE_SIZE - 1)) + s->w <= PAGE_SIZE) {
		f->regs[s->delta_reg & 15] = m->tlb[s->idx][tlb_index(gla)].addend;
		return 0;
	}
	x64_fp_save(f->x);
	x = r == FILL_FAULT ? page_fault(cpu) : access_in_c(cpu, f, gla);
	if (!x && live && ((const struct x64_block *)site_block(s)->priv)->fp)
		fp_load(f->x, site_block(s)->priv);
	return x;
}

static uint64_t argument(const struct vcpu *cpu, const struct x64_frame *f, ir_val v, int64_t imm)
{
	switch (IR_KIND(v)) {
	case IR_KIND_T:
		return f->t[IR_NUM(v) % IR_MAX_TEMPS];
	case IR_KIND_IMM:
		return (uint64_t)imm;
	case IR_KIND_G:
		return cpu->gpr[IR_NUM(v) & 15];
	default:
		return 0;
	}
}

/* A helper that eval_op() would call with nothing to add: no instruction of the block, no high byte. */
static bool plain_helper(const struct ir_op *o)
{
	return o->op == IR_HELPER && !o->cc && IR_KIND(o->a) != IR_KIND_GH && IR_KIND(o->b) != IR_KIND_GH &&
		IR_KIND(o->c) != IR_KIND_GH && IR_KIND(o->d) != IR_KIND_GH && IR_KIND(o->d) != IR_KIND_G;
}

static enum exit call_helper(struct vcpu *cpu, struct x64_frame *f, const struct ir_op *o)
{
	enum exit x = helpers[o->aux].fn(cpu, argument(cpu, f, o->a, o->imm), argument(cpu, f, o->b, o->imm),
		argument(cpu, f, o->c, o->imm));

	if (!x && IR_KIND(o->d) == IR_KIND_T)
		f->t[IR_NUM(o->d) % IR_MAX_TEMPS] = cpu->ret;
	return x;
}

static enum exit eval(struct vcpu *cpu, struct x64_frame *f, const struct ir_op *o)
{
	struct eval *e = &f->x->eval;
	const struct x64_op_site *s = f->op_site;

	e->mode = cpu->mode;
	if (o->op == IR_NATIVE || o->cc)
		e->insns = ((const struct x64_block *)s->blk->priv)->for_eval;
	e->off = (unsigned)s->off;
	e->t = f->t;
	return eval_op(e, o);
}

/* Is the running block @b dead? The block itself has seldom been near lately, so it is not asked for nothing. */
static bool died(struct x64 *x, const struct block *b)
{
	if (LIKELY(!x->killed))
		return false;
	x->killed = false;
	return b->dead;
}

static unsigned evaluate(struct vcpu *cpu, struct x64_frame *f)
{
	const struct x64_op_site *s = f->op_site;
	const struct ir_op *o = s->op;
	uint32_t mode = cpu->mode;
	bool live = cpu->fp_live && ((const struct x64_block *)s->blk->priv)->fp; /* whoever needs it next loads it */
	enum exit x;

	cpu->doing = PROF_HELPER;
	if (cpu->fp_live)
		x64_fp_save(f->x);
	cpu->eflags = (cpu->eflags & ~IRF_ALL) | flags_unpack(cpu->fl_save);
	set_rip(cpu, s->off);
	x = plain_helper(o) ? call_helper(cpu, f, o) : eval(cpu, f, o);
	cpu->fl_save = flags_pack(cpu->eflags);
	if (x)
		return 1 + (x == EXIT_FAULT ? RUN_FAULT : RUN_STOP);
	if (s->ends) {
		if (s->ends != ENDS_RIP)
			set_rip(cpu, s->next_off);
		if (s->ends == ENDS_SOFT && !cpu->req && cpu->mode == mode && !cpu->shadow)
			return 0;
		return x64_next(cpu) ? 0 : 1 + RUN_STOP;
	}
	/* The instruction is complete and has changed this very block (a string store, a push of a helper). */
	if (s->last && died(f->x, s->blk)) {
		set_rip(cpu, s->next_off);
		return 1 + RUN_LOOKUP;
	}
	if (live)
		fp_load(f->x, s->blk->priv);
	return 0;
}

/*
 * If the block is left, with exit @x, its count is put right by @left (x64_site.left). Else loops are to see at once what C code has asked
 * for: often it is what the guest waits for next.
 */
static unsigned counted(struct vcpu *cpu, int left, unsigned x)
{
	bool done = x != 1 + RUN_FAULT && x != 1 + RUN_ONE; /* the instruction is */

	if (x && cpu->mode & MODE_ICOUNT)
		cpu->insns -= (uint64_t)(int64_t)(left - done);
	else if (UNLIKELY(cpu->req))
		cpu->insns_limit = cpu->insns;
	return x;
}

unsigned x64_slow(struct vcpu *cpu, struct x64_frame *f)
{
	unsigned x = counted(cpu, f->site->left, slow(cpu, f));

	if (x == 1 + RUN_FAULT)
		cpu->insn_ra = (site_block(f->site)->ra & PAGE_MASK) | f->site->off;
	return x;
}

unsigned x64_eval(struct vcpu *cpu, struct x64_frame *f)
{
	return counted(cpu, f->op_site->left, evaluate(cpu, f));
}
