/*
 * eval.c - the IR interpreter's core: one function per group of ops.
 *
 * Guest state is struct vcpu itself, always complete; a temporary holds its value zero-extended.
 * cpu->rip is set at each INSN, so any op may fault.
 */
#include "jit/interp/eval.h"
#include "jit/interp/alu.h"
#include "cpu/ring0/ring0.h"
#include <string.h>

uint64_t eval_ip(const struct eval *e, int64_t off)
{
	uint64_t ip = e->cpu->ip_base + (uint64_t)off;

	return mode_code_size(e->mode) == 8 ? ip : (uint32_t)ip;
}

static uint64_t get(const struct eval *e, ir_val v, int64_t imm)
{
	switch (IR_KIND(v)) {
	case IR_KIND_G:
		return e->cpu->gpr[IR_NUM(v) & 15];
	case IR_KIND_GH:
		return e->cpu->gpr[IR_NUM(v) & 3] >> 8 & 0xFF;
	case IR_KIND_T:
		return e->t[IR_NUM(v) & (IR_MAX_TEMPS - 1)];
	case IR_KIND_IMM:
		return (uint64_t)imm;
	case IR_KIND_IPBASE:
		return e->cpu->ip_base;
	default:
		return 0;
	}
}

static uint64_t get_w(const struct eval *e, ir_val v, int64_t imm, unsigned w)
{
	return get(e, v, imm) & alu_mask(w);
}

static void set(struct eval *e, ir_val d, unsigned w, uint64_t v)
{
	uint64_t *g;

	v &= alu_mask(w);
	switch (IR_KIND(d)) {
	case IR_KIND_G:
		g = &e->cpu->gpr[IR_NUM(d) & 15];
		*g = w >= 4 ? v : (*g & ~alu_mask(w)) | v;
		break;
	case IR_KIND_GH:
		g = &e->cpu->gpr[IR_NUM(d) & 3];
		*g = (*g & ~0xFF00ull) | (v & 0xFF) << 8;
		break;
	case IR_KIND_T:
		e->t[IR_NUM(d) & (IR_MAX_TEMPS - 1)] = v;
		break;
	}
}

static uint64_t effective(const struct eval *e, const struct ir_mem *m)
{
	uint64_t ea = (uint64_t)m->disp;

	if (m->base != IR_NONE)
		ea += get(e, m->base, 0);
	if (m->index != IR_NONE)
		ea += get(e, m->index, 0) << m->scale;
	return m->asize == 8 ? ea : ea & alu_mask(m->asize);
}

static gla_t linear(const struct eval *e, const struct ir_mem *m)
{
	uint64_t gla = effective(e, m);

	if (m->seg != IR_NOSEG)
		gla += e->cpu->seg[m->seg % SEG_COUNT].base;
	return mode_code_size(e->mode) == 8 ? gla : (uint32_t)gla;
}

/* In 64-bit code an address that is not in canonical form is #GP(0), or #SS(0) through the stack segment. */
static enum exit check_canonical(const struct eval *e, const struct ir_mem *m, gla_t gla, unsigned w)
{
	if (mode_code_size(e->mode) != 8)
		return EXIT_NONE;
	if (gla == (gla_t)sign_extend(gla, 48) && gla + w - 1 == (gla_t)sign_extend(gla + w - 1, 48))
		return EXIT_NONE;
	return cpu_raise(e->cpu, m->sreg == SEG_SS ? CHECK_SS_CANONICAL : CHECK_GP_CANONICAL, 0);
}

static enum exit eval_mem(struct eval *e, const struct ir_op *o)
{
	struct mmu *mmu = &e->cpu->mmu;
	gla_t gla = linear(e, &o->m);
	enum exit x = check_canonical(e, &o->m, gla, o->w);
	uint64_t v = 0;

	if (x)
		return x;
	switch (o->op) {
	case IR_LDX:
		if (mmu_probe(mmu, gla, o->w, MMU_WRITE, o->m.idx))
			return cpu_page_fault(e->cpu);
		/* fall through */
	case IR_LD:
		if (mmu_read(mmu, gla, o->w, o->m.idx, &v))
			return cpu_page_fault(e->cpu);
		set(e, o->d, o->w, v);
		return EXIT_NONE;
	default:
		if (mmu_write(mmu, gla, o->w, o->m.idx, get_w(e, o->a, o->imm, o->w)))
			return cpu_page_fault(e->cpu);
		return EXIT_NONE;
	}
}

static enum exit eval_canon(struct eval *e, const struct ir_op *o)
{
	uint64_t ip = get(e, o->a, o->imm);

	/* If the target offset in the destination operand is not canonical. */
	if (ip == (uint64_t)sign_extend(ip, 48))
		return EXIT_NONE;
	return cpu_raise(e->cpu, CHECK_GP_RIP_NONCANON, 0);
}

static enum exit eval_align(struct eval *e, const struct ir_op *o)
{
	gla_t gla = linear(e, &o->m);
	enum exit x = check_canonical(e, &o->m, gla, o->w);

	return x ? x : h_align_check(e->cpu, gla, o->w, 0);
}

static enum exit eval_segchk(struct eval *e, const struct ir_op *o)
{
	unsigned seg = o->m.seg != IR_NOSEG ? o->m.seg : o->m.sreg;
	const struct seg *s = &e->cpu->seg[seg % SEG_COUNT];
	uint64_t ea = effective(e, &o->m), last = ea + o->w - 1;
	uint32_t lo = o->imm ? s->wlo : s->rlo, hi = o->imm ? s->whi : s->rhi;

	if (ea >= lo && last <= hi)
		return EXIT_NONE;
	return h_seg_check(e->cpu, seg, ea, o->w | (o->imm ? 0x100 : 0));
}

static enum exit eval_helper(struct eval *e, const struct ir_op *o)
{
	struct vcpu *cpu = e->cpu;
	int64_t imm = o->imm;
	enum exit x;

	if (o->cc) /* imm is an instruction index */
		imm = (int64_t)(uintptr_t)&e->insns[o->imm];
	x = e->call(e->call_opaque, helpers[o->aux].fn, cpu, get(e, o->a, imm), get(e, o->b, imm),
		get(e, o->c, imm));
	if (x)
		return x;
	if (o->d != IR_NONE)
		set(e, o->d, 8, cpu->ret);
	return EXIT_NONE;
}

static enum exit eval_native(struct eval *e, const struct ir_op *o)
{
	gla_t gla = o->m.asize ? linear(e, &o->m) : 0;
	enum exit x = o->m.asize ? check_canonical(e, &o->m, gla, o->w) : EXIT_NONE;

	if (x)
		return x;
	return e->call(e->call_opaque, h_fpu, e->cpu, (uintptr_t)&e->insns[o->imm], gla, 0);
}

static enum exit eval_div(struct eval *e, const struct ir_op *o)
{
	struct vcpu *cpu = e->cpu;
	uint64_t *ax = &cpu->gpr[GPR_RAX], *dx = &cpu->gpr[GPR_RDX], q, r, hi, lo;
	unsigned w = o->w;

	lo = w == 1 ? *ax & 0xFF : *ax;
	hi = w == 1 ? *ax >> 8 & 0xFF : *dx;
	/* #DE: the divisor is 0, or the quotient does not fit the destination */
	if (!alu_div(o->op == IR_DIVS, w, hi, lo, get_w(e, o->a, o->imm, w), &q, &r))
		return cpu_raise(cpu, CHECK_DE_DIVIDE, 0);
	if (w == 1) {
		set(e, IR_G(GPR_RAX), 2, (r & 0xFF) << 8 | q);
	} else {
		set(e, IR_G(GPR_RAX), w, q);
		set(e, IR_G(GPR_RDX), w, r);
	}
	return EXIT_NONE;
}

static void eval_mul(struct eval *e, const struct ir_op *o)
{
	uint64_t hi, lo;
	unsigned w = o->w;

	lo = alu_mul(o->op == IR_MULS, w, e->cpu->gpr[GPR_RAX], get_w(e, o->a, o->imm, w), &hi,
		&e->cpu->eflags);
	if (w == 1) {
		set(e, IR_G(GPR_RAX), 2, hi << 8 | lo);
	} else {
		set(e, IR_G(GPR_RAX), w, lo);
		set(e, IR_G(GPR_RDX), w, hi);
	}
}

static void eval_mulx(struct eval *e, const struct ir_op *o)
{
	unsigned __int128 p = (unsigned __int128)get_w(e, IR_G(GPR_RDX), 0, o->w) *
		get_w(e, o->a, o->imm, o->w);

	/* SDM: if both destinations are the same register it receives the high half */
	set(e, o->d, o->w, (uint64_t)p);
	set(e, o->c, o->w, (uint64_t)(p >> (8 * o->w)));
}

static void eval_move(struct eval *e, const struct ir_op *o)
{
	uint8_t *env = (uint8_t *)e->cpu + o->imm;
	uint64_t v = 0;

	switch (o->op) {
	case IR_MOV:
		v = get(e, o->a, o->imm);
		break;
	case IR_ZEXT:
		v = get_w(e, o->a, o->imm, o->aux);
		break;
	case IR_SEXT:
		v = (uint64_t)sign_extend(get(e, o->a, o->imm), 8 * o->aux);
		break;
	case IR_LEA:
		v = effective(e, &o->m);
		break;
	case IR_LIN:
		v = linear(e, &o->m);
		break;
	case IR_IPVAL:
		v = e->cpu->ip_base + (uint64_t)o->imm;
		break;
	case IR_LDENV:
		memcpy(&v, env, o->aux);
		break;
	case IR_STENV:
		v = get(e, o->a, 0);
		memcpy(env, &v, o->w);
		return;
	case IR_BSWAP:
		v = get(e, o->a, o->imm);
		v = o->w == 8 ? __builtin_bswap64(v) : o->w == 4 ? __builtin_bswap32((uint32_t)v) : 0;
		break;
	}
	set(e, o->d, o->w, v);
}

static void eval_flag(struct eval *e, const struct ir_op *o)
{
	uint32_t *fl = &e->cpu->eflags;
	uint32_t mask;

	switch (o->op) {
	case IR_SETCC:
		set(e, o->d, 1, alu_cond(o->cc, *fl));
		break;
	case IR_CMOV:
		set(e, o->d, o->w, get(e, alu_cond(o->cc, *fl) ? o->a : o->b, o->imm));
		break;
	case IR_GETF:
		set(e, o->d, 4, *fl & IRF_ALL);
		break;
	case IR_PUTF:
		mask = (uint32_t)o->imm & IRF_ALL;
		*fl = (*fl & ~mask) | (get(e, o->a, 0) & mask);
		break;
	case IR_SETF:
		*fl = (*fl & ~IRF_C) | (o->imm & 1);
		break;
	case IR_CMC:
		*fl ^= IRF_C;
		break;
	}
}

/* The rest: pure arithmetic on values. An op emitted without flags must leave them alone. */
static void eval_alu(struct eval *e, const struct ir_op *o)
{
	uint32_t keep = e->cpu->eflags, *fl = &e->cpu->eflags;
	uint64_t a = get(e, o->a, o->imm), b = get(e, o->b, o->imm), r;

	switch (o->op) {
	case IR_ADD ... IR_TEST:
	case IR_NEG ... IR_DEC:
		r = alu_binary(o->op, o->w, a, b, fl);
		break;
	case IR_NOT:
		r = ~a;
		break;
	case IR_SHL ... IR_RCR:
		r = alu_shift(o->op, o->w, a, (unsigned)b, fl);
		break;
	case IR_SHLD:
	case IR_SHRD:
		r = alu_shift2(o->op == IR_SHLD, o->w, a, b, (unsigned)get(e, o->c, o->imm), fl);
		break;
	case IR_ADCX:
	case IR_ADOX: {
		uint32_t f = o->op == IR_ADCX ? IRF_C : IRF_O;
		unsigned __int128 s = (unsigned __int128)get_w(e, o->a, o->imm, o->w) +
			get_w(e, o->b, o->imm, o->w) + !!(keep & f);

		r = (uint64_t)s;
		*fl = (keep & ~f) | (s >> (8 * o->w) ? f : 0);
		break;
	}
	case IR_CRC32:
		r = alu_crc32((uint32_t)a, b, o->aux);
		break;
	default:
		r = alu_bits(o->op, o->w, a, b, fl);
	}
	*fl = (*fl & ~IRF_ALL) | (*fl & o->fdef) | (keep & IRF_ALL & ~o->fdef);
	if (o->d != IR_NONE)
		set(e, o->d, o->w, r);
}

/* The page behind ip_base must still be the RAM page the straddling instruction was decoded from. */
static enum exit eval_guard(struct eval *e, const struct ir_op *o)
{
	struct vcpu *cpu = e->cpu;
	gla_t next = ((cpu->seg[SEG_CS].base + cpu->rip) & PAGE_MASK) + PAGE_SIZE;
	enum mmu_idx idx = cpu->cpl == 3 ? MMU_USER : MMU_SUP;
	const uint8_t *host;
	raddr_t ra;

	if (mode_code_size(e->mode) != 8)
		next = (uint32_t)next;
	if (ring0_fetch_on(cpu, next))
		return EXIT_FAULT;
	if (mmu_fetch_page(&cpu->mmu, next, idx, &ra, &host))
		return cpu_page_fault(cpu);
	return ra == (raddr_t)o->imm ? EXIT_NONE : EXIT_STOP;
}

enum exit eval_op(struct eval *e, const struct ir_op *o)
{
	switch (o->op) {
	case IR_INSN:
		e->off = (unsigned)o->imm;
		e->len = o->aux;
		e->cpu->rip = eval_ip(e, e->off);
		return EXIT_NONE;
	case IR_LD:
	case IR_ST:
	case IR_LDX:
	case IR_STX:
		return eval_mem(e, o);
	case IR_SEGCHK:
		return eval_segchk(e, o);
	case IR_ALIGN:
		return eval_align(e, o);
	case IR_CANON:
		return eval_canon(e, o);
	case IR_GUARD:
		return eval_guard(e, o);
	case IR_HELPER:
		return eval_helper(e, o);
	case IR_NATIVE:
		return eval_native(e, o);
	case IR_DIVU:
	case IR_DIVS:
		return eval_div(e, o);
	case IR_MULU:
	case IR_MULS:
		eval_mul(e, o);
		return EXIT_NONE;
	case IR_MULX:
		eval_mulx(e, o);
		return EXIT_NONE;
	case IR_SETCC:
	case IR_CMOV:
	case IR_GETF:
	case IR_PUTF:
	case IR_SETF:
	case IR_CMC:
		eval_flag(e, o);
		return EXIT_NONE;
	case IR_MOV ... IR_BSWAP:
		eval_move(e, o);
		return EXIT_NONE;
	default:
		eval_alu(e, o);
		return EXIT_NONE;
	}
}

bool eval_side(struct eval *e, const struct ir_op *o)
{
	if (!alu_cond(o->cc, e->cpu->eflags))
		return false;
	e->cpu->rip = eval_ip(e, o->imm);
	if (o->w < 8)
		e->cpu->rip &= alu_mask(o->w);
	return true;
}

int eval_term(struct eval *e)
{
	const struct ir_term *t = e->term;
	struct vcpu *cpu = e->cpu;
	int taken = -1;

	switch (t->kind) {
	case TERM_JMP:
		taken = 0;
		break;
	case TERM_JCC:
		taken = !alu_cond(t->cc, cpu->eflags);
		break;
	case TERM_JNZ:
		taken = !get_w(e, t->val, 0, t->w);
		break;
	case TERM_IND:
		cpu->rip = get(e, t->val, 0);
		if (t->ipsize < 8)
			cpu->rip &= alu_mask(t->ipsize);
		return -1;
	case TERM_STOP:
		cpu->rip = eval_ip(e, t->f_off);
		return -1;
	default:
		return -1;
	}
	cpu->rip = eval_ip(e, taken ? t->f_off : t->t_off);
	/* A taken jump wraps to its operand size (JCXZ jumps by its second exit); falling through, to the code size. */
	if ((taken == 0) != t->falls && t->ipsize < 8)
		cpu->rip &= alu_mask(t->ipsize ? t->ipsize : 4);
	return taken;
}
