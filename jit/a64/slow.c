/*
 * slow.c - what translated code calls when the inline probe misses, or for an op without host code.
 *
 * Both return 0 to go on, else 1 + enum run_exit with the exact state of an instruction's start in struct vcpu.
 */
#include "jit/a64/a64.h"
#include "jit/profile.h"
#include "cpu/ring0/ring0.h"
#include <string.h>

/* from a register's lower half to its upper one */
#define YMMH (offsetof(struct fpu_state, ymmh) - offsetof(struct fpu_state, xmm))

void a64_flags_in(struct vcpu *cpu)
{
	uint32_t fl = cpu->eflags;

	cpu->scratch[KEEP_NZCV] = (fl & FL_SF ? NZCV_N : 0) | (fl & FL_ZF ? NZCV_Z : 0) | (fl & FL_CF ? NZCV_C : 0) |
		(fl & FL_OF ? NZCV_V : 0);
	cpu->scratch[KEEP_PF] = !(fl & FL_PF);
	cpu->scratch[KEEP_AF] = fl & FL_AF;
}

void a64_flags_out(struct vcpu *cpu)
{
	uint64_t nzcv = cpu->scratch[KEEP_NZCV], pf = cpu->scratch[KEEP_PF];
	uint32_t fl = cpu->eflags & ~(uint32_t)FL_ARITH;

	fl |= nzcv & NZCV_N ? FL_SF : 0;
	fl |= nzcv & NZCV_Z ? FL_ZF : 0;
	fl |= nzcv & NZCV_C ? FL_CF : 0;
	fl |= nzcv & NZCV_V ? FL_OF : 0;
	fl |= __builtin_parity((unsigned)pf & 0xFF) ? 0 : FL_PF;
	fl |= (pf ^ cpu->scratch[KEEP_AF]) & FL_AF;
	cpu->eflags = fl;
}

static void set_rip(struct vcpu *cpu, const struct a64_site *s, int32_t off)
{
	uint64_t ip = cpu->ip_base + (uint64_t)(int64_t)off;

	cpu->rip = mode_code_size(s->blk->mode) == 8 ? ip : (uint32_t)ip;
}

static bool hits(const struct block *b, raddr_t ra, unsigned len)
{
	unsigned start = b->ra & (PAGE_SIZE - 1), end = start + b->len, off = ra & (PAGE_SIZE - 1);

	if ((ra & PAGE_MASK) == (b->ra & PAGE_MASK) && off < end && off + len > start)
		return true;
	return b->ra2 != RADDR_NONE && (ra & PAGE_MASK) == b->ra2 && off + PAGE_SIZE < end;
}

/* Would the store change the running block itself? Both pages have been filled. */
static bool hits_self(struct vcpu *cpu, const struct a64_site *s, gla_t gla)
{
	struct mmu *m = &cpu->mmu;
	unsigned left = PAGE_SIZE - (gla & (PAGE_SIZE - 1)), n = s->w < left ? s->w : left;
	raddr_t ra = m->side[s->idx][tlb_index(gla)].ra;

	if (ra != RADDR_NONE && hits(s->blk, ra | (gla & (PAGE_SIZE - 1)), n))
		return true;
	if (n == s->w)
		return false;
	gla = (gla & PAGE_MASK) + PAGE_SIZE;
	if (mode_code_size(s->blk->mode) != 8)
		gla = (uint32_t)gla;
	if (tlb_fill(m, gla, MMU_WRITE, s->idx) == FILL_FAULT)
		return false; /* the write itself will say so */
	ra = m->side[s->idx][tlb_index(gla)].ra;
	return ra != RADDR_NONE && hits(s->blk, ra, s->w - n);
}

static unsigned page_fault(struct vcpu *cpu)
{
	cpu_page_fault(cpu);
	return 1 + RUN_FAULT;
}

static uint64_t value(const struct a64_frame *f)
{
	const struct a64_site *s = f->site;

	if (s->val & VAL_HOME)
		return f->t[s->val % IR_MAX_TEMPS];
	if (s->val & VAL_IMM)
		return (uint64_t)s->imm;
	return f->regs[s->val & 31] >> (s->val & VAL_HIGH ? 8 : 0);
}

static unsigned access_in_c(struct vcpu *cpu, struct a64_frame *f, gla_t gla)
{
	const struct a64_site *s = f->site;

	switch (s->kind) {
	case SITE_LD:
		if (mmu_read(&cpu->mmu, gla, s->w, s->idx, &f->val))
			return page_fault(cpu);
		break;
	case SITE_ST:
		/* A block must not change under its own feet: the interpreter does this instruction. */
		if (hits_self(cpu, s, gla))
			return 1 + RUN_ONE;
		if (mmu_write(&cpu->mmu, gla, s->w, s->idx, value(f) & (~0ull >> (64 - 8 * s->w))))
			return page_fault(cpu);
		/* A device has been written, and its DMA has changed this block. */
		if (s->last && s->blk->dead) {
			set_rip(cpu, s, s->next_off);
			return 1 + RUN_LOOKUP;
		}
		break;
	case SITE_VLD:
		if (mmu_read_buf(&cpu->mmu, gla, f->bounce, s->w, s->idx))
			return page_fault(cpu);
		f->delta = (uintptr_t)f->bounce - gla;
		return 0;
	case SITE_VST: /* the changed XMM registers have been written back */
		if (hits_self(cpu, s, gla))
			return 1 + RUN_ONE;
		memcpy(f->bounce, (const uint8_t *)cpu + s->imm, 16);
		if (s->w == 32)
			memcpy(f->bounce + 16, (const uint8_t *)cpu + s->imm + YMMH, 16);
		if (mmu_write_buf(&cpu->mmu, gla, f->bounce, s->w, s->idx))
			return page_fault(cpu);
		f->delta = (uintptr_t)f->bounce - gla;
		return 0;
	default:
		return 1 + RUN_ONE; /* reads and writes with something in between */
	}
	f->delta = (uintptr_t)&f->val - gla; /* translated code will access that word */
	return 0;
}

static bool canonical(const struct a64_site *s, gla_t gla)
{
	gla_t last = gla + s->w - 1;

	return mode_code_size(s->blk->mode) != 8 ||
		(gla == (gla_t)sign_extend(gla, 48) && last == (gla_t)sign_extend(last, 48));
}

static unsigned access_slowly(struct vcpu *cpu, struct a64_frame *f)
{
	const struct a64_site *s = f->site;
	struct mmu *m = &cpu->mmu;
	gla_t gla = f->regs[s->gla_reg & 31];
	enum mmu_fill r;

	f->join = s->blk->code + s->join;
	set_rip(cpu, s, s->off);
	if (s->kind == SITE_ONE)
		return 1 + RUN_ONE;
	/* In 64-bit code an address that is not in canonical form is #GP(0), or #SS(0) through the stack segment. */
	if (!canonical(s, gla)) {
		cpu_raise(cpu, s->sreg == SEG_SS ? CHECK_SS_CANONICAL : CHECK_GP_CANONICAL, 0);
		return 1 + RUN_FAULT;
	}
	/* #GP(0): a 16-byte operand of a legacy SSE instruction, or that of VMOVDQA and the like, is not aligned. The interpreter judges it. */
	if (s->align && gla & (s->align - 1u))
		return 1 + RUN_ONE;
	r = tlb_fill(m, gla, s->kind == SITE_LD || s->kind == SITE_VLD ? MMU_READ : MMU_WRITE, s->idx);
	if (r == FILL_FAULT)
		return page_fault(cpu);
	if (r == FILL_OK && (gla & (PAGE_SIZE - 1)) + s->w <= PAGE_SIZE) {
		f->delta = m->tlb[s->idx][tlb_index(gla)].addend;
		return 0;
	}
	return access_in_c(cpu, f, gla);
}

/* Blocks count their instructions as they end (term.c); one that is left at @s, with exit @x, does it here. */
static unsigned counted(struct vcpu *cpu, const struct a64_site *s, unsigned x)
{
	bool done = x != 1 + RUN_FAULT && x != 1 + RUN_ONE; /* the instruction is */

	if (x && s->blk->mode & MODE_ICOUNT)
		cpu->insns += s->before + done;
	return x;
}

unsigned a64_slow(struct vcpu *cpu, struct a64_frame *f)
{
	bool live = a64_fp_leave(cpu);
	unsigned x;

	cpu->doing = PROF_MEMORY;
	x = access_slowly(cpu, f);
	if (live && !x)
		a64_fp_enter(f->x, cpu);
	if (x == 1 + RUN_FAULT)
		cpu->insn_ra = (f->site->blk->ra & PAGE_MASK) | (unsigned)f->site->off;
	if (x)
		a64_x87_out(cpu, f->site->x87_out);
	if (x && f->site->inv)
		f->nzcv ^= NZCV_C; /* leaving: C is the carry */
	return counted(cpu, f->site, x);
}

unsigned a64_eval(struct vcpu *cpu, struct a64_frame *f)
{
	struct eval *e = &f->x->eval;
	const struct a64_site *s = f->site;
	const struct a64_block *ab = s->blk->priv;
	bool live = a64_fp_leave(cpu);
	enum exit x;

	cpu->doing = PROF_HELPER;
	e->mode = ab->mode;
	e->insns = ab->insns;
	e->off = (unsigned)s->off;
	e->t = f->t;
	a64_flags_out(cpu);
	a64_x87_out(cpu, s->x87_out);
	set_rip(cpu, s, s->off);
	x = eval_op(e, s->op);
	a64_flags_in(cpu);
	if (x)
		return counted(cpu, s, 1 + (x == EXIT_FAULT ? RUN_FAULT : RUN_STOP));
	/* The instruction is complete and has changed this very block (a string store, a push of a helper). */
	if (s->blk->dead && s->last) {
		set_rip(cpu, s, s->next_off);
		return counted(cpu, s, 1 + RUN_LOOKUP);
	}
	a64_x87_in(cpu, s->x87_in);
	if (live)
		a64_fp_enter(f->x, cpu);
	return 0;
}
