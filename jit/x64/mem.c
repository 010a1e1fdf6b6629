/*
 * mem.c - memory operands: effective addresses, the inline TLB probe, segment checks.
 *
 * The probe turns a linear address into a host address in the same register; its cold path does so too (a slow
 * access happens in C and leaves the address of a bounce word), so that there is one access instruction.
 */
#include "jit/x64/x64.h"
#include <string.h>

/* Register holding @v; if it is in memory it is loaded into @spare. */
static unsigned part(struct emitter *c, ir_val v, unsigned spare)
{
	unsigned n = IR_NUM(v);
	struct x_mem m = env_mem(ENV(ip_base));

	if (v == IR_NONE)
		return X_NONE;
	if (IR_KIND(v) == IR_KIND_G) {
		if (host_reg(n) != X_NONE)
			return host_reg(n);
		m = gpr_mem(n & 15);
	} else if (IR_KIND(v) == IR_KIND_T) {
		if (c->t_reg[n % IR_MAX_TEMPS] != X_NONE)
			return c->t_reg[n % IR_MAX_TEMPS];
		m = home_mem(n % IR_MAX_TEMPS);
	}
	x_load(&c->cb, 8, spare, &m);
	return spare;
}

/* d = base + index * scale + disp, in w bytes; uses R11 */
static void sum(struct emitter *c, const struct ir_mem *m, unsigned d, unsigned w)
{
	struct x_mem x = {(uint8_t)part(c, m->base, d), (uint8_t)part(c, m->index, X_R11), m->scale,
		(int32_t)m->disp};
	bool far = m->disp != (int32_t)m->disp && w == 8;

	if (far)
		x.disp = 0;
	if (x.index == X_NONE && x.base == X_NONE)
		x_movi(&c->cb, w, d, (uint64_t)m->disp);
	else if (x.index == X_NONE && x.disp == 0)
		x_mov(&c->cb, w, d, x.base);
	else
		x_lea(&c->cb, w, d, &x);
	if (far && (x.index != X_NONE || x.base != X_NONE)) {
		x_movi(&c->cb, 8, X_R11, (uint64_t)m->disp);
		x_lea(&c->cb, 8, d, &(struct x_mem){(uint8_t)d, X_R11, 0, 0});
	}
}

void emit_ea(struct emitter *c, const struct ir_mem *m, unsigned d, bool linear)
{
	struct x_mem base;

	sum(c, m, d, m->asize == 8 ? 8 : 4);
	if (m->asize == 2)
		x_movzx(&c->cb, d, d, 2);
	if (!linear)
		return;
	if (m->seg != IR_NOSEG) {
		base = env_mem((int32_t)(offsetof(struct vcpu, seg) + (m->seg % SEG_COUNT) * sizeof(struct seg) +
			offsetof(struct seg, base)) - VCPU_BIAS);
		x_load(&c->cb, 8, X_R11, &base);
		x_lea(&c->cb, c->code64 ? 8 : 4, d, &(struct x_mem){(uint8_t)d, X_R11, 0, 0});
	} else if (!c->code64 && m->asize == 8) {
		x_mov(&c->cb, 4, d, d);
	}
}

static void cold_value(struct emitter *c, const struct cold *k)
{
	struct x_mem val = frame_mem(FRAME(val)), m;
	unsigned n = IR_NUM(k->val), r = k->reg;

	switch (IR_KIND(k->val)) {
	case IR_KIND_G:
		m = gpr_mem(n & 15);
		if (host_reg(n) != X_NONE)
			r = host_reg(n);
		else
			x_load(&c->cb, 8, r, &m);
		break;
	case IR_KIND_GH:
		get_high(c, r, n & 3);
		break;
	case IR_KIND_T:
		for (r = 0; r < 16 && k->reg_t[r] != n; r++)
			;
		if (r == 16) {
			r = k->reg;
			m = home_mem(n);
			x_load(&c->cb, 8, r, &m);
		}
		break;
	default:
		x_movi(&c->cb, 8, r, (uint64_t)k->imm);
	}
	x_store(&c->cb, 8, &val, r);
}

static void site_to_frame(struct emitter *c, const struct x64_site *s, unsigned r)
{
	struct x_mem m = frame_mem(FRAME(site));

	x_movi(&c->cb, 8, r, (uintptr_t)s);
	x_store(&c->cb, 8, &m, r);
}

static void cold_probe(struct emitter *c, struct cold *k)
{
	struct x_mem gla = frame_mem(FRAME(gla));

	x_store(&c->cb, 8, &gla, k->reg);
	if (k->site->kind == SITE_ST)
		cold_value(c, k);
	site_to_frame(c, k->site, X_R11);
	x_call(&c->cb, c->x->stub.slow[c->code64]);
	x_load(&c->cb, 8, k->reg, &gla);
	x_jmp(&c->cb, k->join + c->cb.rx_delta);
}

/* Return: the register with the host address. @val: what a store will write. */
unsigned probe(struct emitter *c, const struct ir_op *o, unsigned kind, ir_val val, bool align)
{
	unsigned a = scratch(c), b;
	uint32_t keep = c->busy;
	int32_t table = (int32_t)(offsetof(struct vcpu, mmu) + offsetof(struct mmu, tlb) +
		o->m.idx % MMU_IDX_COUNT * sizeof(struct tlb_entry) * TLB_SIZE) - VCPU_BIAS;
	struct x_mem m = {X_R15, 0, 0, table};
	bool load = kind == SITE_LD || kind == SITE_NLD;
	struct x64_site *s = new_site(c, o, kind);
	struct cold *k, *k2 = NULL;

	s->align = align;
	emit_ea(c, &o->m, a, true);
	flags_lost(c);
	if (align) {
		x_testi(&c->cb, 1, a, 15);
		k2 = new_cold(c, cold_probe);
		k2->from = x_jcc_fwd(&c->cb, 5);
		k2->site = s;
		k2->reg = (uint8_t)a;
	}
	c->busy = keep; /* base and index have been used up */
	b = scratch(c);
	if (o->w > 1)
		x_lea(&c->cb, 8, X_R11, &(struct x_mem){(uint8_t)a, X_NONE, 0, o->w - 1});
	else
		x_mov(&c->cb, 8, X_R11, a);
	if (c->bmi2) {
		x_rorx(&c->cb, 4, b, a, 7);
	} else {
		x_mov(&c->cb, 4, b, a);
		x_shifti(&c->cb, X_SHR, 4, b, 7);
	}
	x_alui(&c->cb, X_AND, 4, b, (TLB_SIZE - 1) * sizeof(struct tlb_entry));
	x_alui(&c->cb, X_AND, 8, X_R11, -(int32_t)PAGE_SIZE);
	m.index = (uint8_t)b;
	m.disp += load ? offsetof(struct tlb_entry, rd) : offsetof(struct tlb_entry, wr);
	x_alu_rm(&c->cb, X_CMP, 8, X_R11, &m);
	k = new_cold(c, cold_probe);
	k->from = x_jcc_fwd(&c->cb, 5);
	k->site = s;
	k->reg = (uint8_t)a;
	k->val = val;
	k->imm = o->imm;
	m.disp = table + (int32_t)offsetof(struct tlb_entry, addend);
	x_alu_rm(&c->cb, X_ADD, 8, a, &m);
	k->join = c->cb.p;
	if (k2)
		k2->join = k->join;
	c->busy &= ~(1u << b);
	return a;
}

/* What LDX leaves for STX: the host address, as a temporary. */
static void keep_host(struct emitter *c, unsigned a)
{
	if (c->t_reg[T_HOST] != X_NONE)
		c->reg_t[c->t_reg[T_HOST]] = 0xFF;
	c->t_reg[T_HOST] = (uint8_t)a;
	c->reg_t[a] = T_HOST;
}

/* Temporaries a finished probe does not need any more must not be evicted by its own result. */
bool lower_ld(struct emitter *c, const struct ir_op *o)
{
	unsigned a, d;
	struct x_mem m;

	a = probe(c, o, o->op == IR_LDX ? SITE_LDX : SITE_LD, IR_NONE, false);
	m = reg_mem(a);
	if (o->op == IR_LDX)
		keep_host(c, a);
	d = def(c, o->d, o->w);
	if (o->w < 4 && is_merge(c, o->d))
		x_load(&c->cb, o->w, d, &m);
	else
		x_movzx_m(&c->cb, d, &m, o->w);
	if (IR_KIND(o->d) != IR_KIND_T)
		def_end(c, o->d, o->w, d);
	return true;
}

static bool imm_fits(const struct ir_op *o, ir_val v)
{
	return IR_KIND(v) == IR_KIND_IMM && (o->w < 8 || o->imm == (int32_t)o->imm);
}

bool lower_st(struct emitter *c, const struct ir_op *o)
{
	struct x_mem m = reg_mem(probe(c, o, SITE_ST, o->a, false));

	if (imm_fits(o, o->a))
		x_store_imm(&c->cb, o->w, &m, (int32_t)o->imm);
	else
		x_store(&c->cb, o->w, &m, use(c, o->a, o->imm));
	return true;
}

bool lower_stx(struct emitter *c, const struct ir_op *o)
{
	struct x_mem m = reg_mem(use(c, IR_T(T_HOST), 0));

	if (imm_fits(o, o->a))
		x_store_imm(&c->cb, o->w, &m, (int32_t)o->imm);
	else
		x_store(&c->cb, o->w, &m, use(c, o->a, o->imm));
	return true;
}

/* Run one op in C from a cold path and come back. */
void cold_eval(struct emitter *c, struct cold *k)
{
	cold_homes(c, k);
	site_to_frame(c, k->site, X_R11);
	x_call(&c->cb, c->x->stub.eval[c->code64]);
	x_jmp(&c->cb, k->join + c->cb.rx_delta);
}

bool lower_segchk(struct emitter *c, const struct ir_op *o)
{
	unsigned seg = o->m.seg != IR_NOSEG ? o->m.seg : o->m.sreg, a, n = c->ncold;
	int32_t s = (int32_t)(offsetof(struct vcpu, seg) + seg % SEG_COUNT * sizeof(struct seg)) - VCPU_BIAS;
	struct x_mem lo = env_mem(s + (int32_t)(o->imm ? offsetof(struct seg, wlo) : offsetof(struct seg, rlo)));
	struct x_mem hi = env_mem(s + (int32_t)(o->imm ? offsetof(struct seg, whi) : offsetof(struct seg, rhi)));
	struct cold *k;

	if (o->m.asize == 8)
		return false; /* ea + w-1 could wrap */
	a = scratch(c);
	emit_ea(c, &o->m, a, false);
	flags_lost(c);
	k = new_cold(c, cold_eval);
	k->site = new_site(c, o, 0);
	x_load(&c->cb, 4, X_R11, &lo);
	x_alu(&c->cb, X_CMP, 8, a, X_R11);
	k->from = x_jcc_fwd(&c->cb, 2);
	k = new_cold(c, cold_eval);
	k->site = c->cold[n].site;
	x_load(&c->cb, 4, X_R11, &hi);
	if (o->w > 1)
		x_lea(&c->cb, 8, a, &(struct x_mem){(uint8_t)a, X_NONE, 0, o->w - 1});
	x_alu(&c->cb, X_CMP, 8, a, X_R11);
	k->from = x_jcc_fwd(&c->cb, 7);
	c->cold[n].join = k->join = c->cb.p;
	return true;
}

static bool reads_temp(const struct ir_op *o, ir_val t)
{
	return o->a == t || o->b == t || o->c == t || o->m.base == t || o->m.index == t;
}

/* Does anything behind op @i of this instruction, or the terminal, read temporary @t? */
static bool used_later(const struct emitter *c, unsigned i, ir_val t)
{
	for (; i < c->ir->nops && c->ir->op[i].op != IR_INSN; i++)
		if (reads_temp(&c->ir->op[i], t))
			return true;
	return i == c->ir->nops && c->ir->term.val == t;
}

static int alu_digit(unsigned op)
{
	switch (op) {
	case IR_ADD: return X_ADD;
	case IR_ADC: return X_ADC;
	case IR_SUB: return X_SUB;
	case IR_SBB: return X_SBB;
	case IR_AND: return X_AND;
	case IR_OR: return X_OR;
	case IR_XOR: return X_XOR;
	case IR_INC: return 0x10;
	case IR_DEC: return 0x11;
	}
	return -1;
}

unsigned fold_rmw(struct emitter *c)
{
	const struct ir_op *ld = &c->ir->op[c->i], *op = ld + 1, *st = ld + 2;
	bool carry, incdec;
	int digit;
	struct x_mem m;

	if (c->i + 2 >= c->ir->nops || ld->op != IR_LDX || st->op != IR_STX || IR_KIND(ld->d) != IR_KIND_T)
		return 0;
	digit = alu_digit(op->op);
	incdec = digit >= 0x10;
	carry = digit == X_ADC || digit == X_SBB;
	if (digit < 0 || !op->fdef || op->d != ld->d || op->a != ld->d || st->a != ld->d || op->w != ld->w ||
		st->w != ld->w || (!incdec && op->b == ld->d) || used_later(c, c->i + 3, ld->d))
		return 0;
	if (!incdec && !imm_fits(op, op->b) && IR_KIND(op->b) == IR_KIND_IMM)
		return 0;
	m = reg_mem(probe(c, ld, SITE_LDX, IR_NONE, false));
	if (carry || (incdec && op->fobs & IRF_C))
		flags_need(c);
	if (incdec)
		x_rm(&c->cb, op->w == 1 ? 0xFE : 0xFF, op->w, digit & 1, &m);
	else if (IR_KIND(op->b) == IR_KIND_IMM)
		x_alu_mi(&c->cb, (enum x_alu)digit, op->w, &m, (int32_t)op->imm);
	else
		x_alu_mr(&c->cb, (enum x_alu)digit, op->w, &m, use(c, op->b, op->imm));
	flags_made(c);
	return 3;
}
