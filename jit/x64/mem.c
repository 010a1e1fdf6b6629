/*
 * mem.c - memory operands: effective addresses, the inline TLB probe, segment checks.
 *
 * The probe puts beside a linear address its distance to the host address; its cold path does so too (a slow access
 * happens in C and leaves the way to a bounce word), so that there is one access instruction.
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

bool emit_lea(struct emitter *c, const struct ir_op *o)
{
	bool twice = o->m.index == o->d; /* its register is not to be loaded with the base */
	struct x_mem m = {X_NONE, X_NONE, o->m.scale, (int32_t)o->m.disp}, home;
	unsigned d;

	if (o->m.disp != m.disp || o->m.asize < 4 || o->m.base == IR_NONE || (o->w < 4 && !(in_host_reg(o->d) && in_host_reg(o->m.base))) ||
		(IR_KIND(o->d) == IR_KIND_T && (twice || o->m.base == o->d)))
		return false;
	d = def(c, o->d, o->w);
	m.base = (uint8_t)part(c, o->m.base, twice && !in_gpr_mem(o->d, &home) ? X_R11 : d);
	m.index = (uint8_t)part(c, o->m.index, X_R11);
	x_lea(&c->cb, o->w < o->m.asize ? o->w : o->m.asize, d, &m);
	def_end(c, o->d, o->w, d);
	return true;
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
		copy(c, w, d, x.base, true);
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

/* Where C finds the value of a store, should the probe miss. */
static uint8_t value_at(const struct emitter *c, ir_val v)
{
	unsigned n = IR_NUM(v);

	switch (IR_KIND(v)) {
	case IR_KIND_G:
		return host_reg(n) != X_NONE ? VAL_REG | host_reg(n) : VAL_GPR | (n & 15);
	case IR_KIND_GH:
		return VAL_HIGH | host_reg(n & 3);
	case IR_KIND_T:
		n %= IR_MAX_TEMPS;
		return c->t_reg[n] != X_NONE ? VAL_REG | c->t_reg[n] : VAL_HOME | n;
	}
	return VAL_IMM;
}

void call_slow(struct emitter *c, const struct x64_site *s, enum x64_save save)
{
	static const uint8_t room[sizeof(*s) + sizeof(c->site_imm[0])];

	x_call(&c->cb, c->x->stub.slow[c->code64][save]);
	if (c->ncalls == ARRAY_SIZE(c->call)) {
		c->cb.overflow = true;
		c->ncalls = 0;
	}
	c->call[c->ncalls].at = c->cb.p;
	c->call[c->ncalls].head = (uint16_t)(c->cb.p - c->head);
	c->call[c->ncalls++].site = (uint16_t)(s - c->site);
	codebuf_bytes(&c->cb, room, s->val == VAL_IMM ? sizeof(room) : sizeof(*s));
}

uint32_t code_here(const struct emitter *c)
{
	return (uint32_t)(c->cb.p - c->x->mem.rw);
}

static void cold_probe(struct emitter *c, struct cold *k)
{
	call_slow(c, k->site, SAVE_NONE);
}

/* Register with the linear address of @m; a scratch one unless a guest register holds just that. */
static unsigned address(struct emitter *c, const struct ir_mem *m)
{
	unsigned a;

	if (c->code64 && m->asize == 8 && m->seg == IR_NOSEG && m->index == IR_NONE && !m->disp &&
		IR_KIND(m->base) == IR_KIND_G && host_reg(IR_NUM(m->base)) != X_NONE)
		return host_reg(IR_NUM(m->base));
	a = scratch(c);
	emit_ea(c, m, a, true);
	return a;
}

struct cold *miss(struct emitter *c, struct x64_site *s, uint8_t *from)
{
	struct cold *k = new_cold(c, cold_probe);

	k->from = from;
	k->site = s;
	return k;
}

void leave_for_one(struct emitter *c, const struct ir_op *o, uint8_t *from)
{
	miss(c, new_site(c, o, SITE_ONE), from);
}

static int32_t tlb_at(unsigned idx)
{
	return (int32_t)(offsetof(struct vcpu, mmu) + offsetof(struct mmu, tlb) +
		idx % MMU_IDX_COUNT * sizeof(struct tlb_entry) * TLB_SIZE) - VCPU_BIAS;
}

/* Into @b the place of the TLB entry for linear address @a. */
static void entry_at(struct emitter *c, unsigned a, unsigned b)
{
	if (c->bmi2) {
		x_rorx(&c->cb, 4, b, a, 7);
	} else {
		x_mov(&c->cb, 4, b, a);
		x_shifti(&c->cb, X_SHR, 4, b, 7);
	}
	x_alui(&c->cb, X_AND, 4, b, (TLB_SIZE - 1) * sizeof(struct tlb_entry));
}

void compare_fetch_tag(struct emitter *c, unsigned a, unsigned b, unsigned idx)
{
	struct x_mem m = {X_R15, (uint8_t)b, 0, tlb_at(idx) + (int32_t)offsetof(struct tlb_entry, ex)};

	entry_at(c, a, b);
	x_alu_rm(&c->cb, X_CMP, 8, a, &m);
}

void load_addend(struct emitter *c, unsigned b, unsigned idx)
{
	struct x_mem m = {X_R15, (uint8_t)b, 0, tlb_at(idx) + (int32_t)offsetof(struct tlb_entry, addend)};

	x_load(&c->cb, 8, b, &m);
}

uint8_t *look_up(struct emitter *c, unsigned a, unsigned b, unsigned len, unsigned idx, bool write)
{
	struct x_mem m = {X_R15, (uint8_t)b, 0, tlb_at(idx) + (int32_t)(write ? offsetof(struct tlb_entry, wr) : offsetof(struct tlb_entry, rd))};
	uint64_t key = snippet_key(SNIP_PROBE, len, (uint8_t)a, (uint8_t)b, (uint8_t)(idx << 1 | write));
	uint8_t *from = c->cb.p, *miss = snippet_put(c->snippet, key, &c->cb);

	if (miss)
		return miss;
	if (len > 1)
		x_lea(&c->cb, 8, X_R11, &(struct x_mem){(uint8_t)a, X_NONE, 0, (int32_t)len - 1});
	else
		x_mov(&c->cb, 8, X_R11, a);
	entry_at(c, a, b);
	x_alui(&c->cb, X_AND, 8, X_R11, -(int32_t)PAGE_SIZE);
	x_alu_rm(&c->cb, X_CMP, 8, X_R11, &m);
	miss = x_jcc_fwd(&c->cb, 5);
	load_addend(c, b, idx);
	return snippet_keep(c->snippet, key, &c->cb, from, miss);
}

/* The host's operand for the access. @val: what a store will write. */
struct x_mem probe(struct emitter *c, const struct ir_op *o, unsigned kind, ir_val val, unsigned align)
{
	uint8_t *misaligned = NULL;
	struct x64_site *s;
	unsigned a, b;

	if (c->group.on)
		return (struct x_mem){c->group.base, X_NONE, 0, c->group.off[c->i] - c->group.lo};
	if (in_window(c, kind, align)) {
		c->win_kind = (uint8_t)kind;
		c->win_align = (uint8_t)align;
		return window_operand(c, &o->m);
	}
	a = address(c, &o->m);
	flags_lost(c);
	b = scratch(c);
	s = new_site(c, o, kind);
	s->align = align ? __builtin_ctz(align) & 15 : 0;
	s->gla_reg = a & 15;
	s->delta_reg = b & 15;
	s->val = value_at(c, val) & 127;
	if (align) {
		x_testi(&c->cb, 1, a, (int32_t)align - 1);
		misaligned = x_jcc_fwd(&c->cb, 5);
	}
	miss(c, s, look_up(c, a, b, o->w, o->m.idx, kind != SITE_LD && kind != SITE_NLD))->from2 = misaligned;
	s->join = code_here(c);
	return (struct x_mem){(uint8_t)a, (uint8_t)b, 0, 0};
}

/* The probe's scratch registers may be taken for the result of the one access. */
static void release(struct emitter *c, const struct x_mem *m)
{
	if (m->index != X_NONE && !(m->scale & X_GS32)) /* all of a window's 32-bit operand may be guest registers */
		c->busy &= ~(1u << m->base | 1u << m->index);
	else if (m->scale & X_GS)
		c->busy &= ~(1u << m->base);
}

/* What LDX leaves for STX: the host address, as a temporary. */
static void keep_host(struct emitter *c, struct x_mem *m)
{
	unsigned a = m->index != X_NONE ? m->index : scratch(c);

	x_lea(&c->cb, 8, a, m);
	release(c, m);
	*m = reg_mem(a);
	c->busy |= 1u << a;
	if (c->t_reg[T_HOST] != X_NONE)
		c->reg_t[c->t_reg[T_HOST]] = 0xFF;
	c->t_reg[T_HOST] = (uint8_t)a;
	c->reg_t[a] = T_HOST;
}

bool lower_ld(struct emitter *c, const struct ir_op *o)
{
	bool window = c->window;
	struct x_mem m;
	unsigned d;

	c->window = window && o->op == IR_LD; /* STX wants a host address that cannot fault */
	m = probe(c, o, o->op == IR_LDX ? SITE_LDX : SITE_LD, IR_NONE, 0);
	c->window = window;
	if (o->op == IR_LDX)
		keep_host(c, &m);
	else
		release(c, &m);
	if (IR_KIND(o->d) == IR_KIND_G && host_reg(IR_NUM(o->d)) == X_NONE) {
		struct x_mem g = gpr_mem(IR_NUM(o->d) & 15);

		x_movzx_m(&c->cb, X_R11, &m, o->w);
		x_store(&c->cb, o->w < 4 ? o->w : 8, &g, X_R11);
		return true;
	}
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
	struct x_mem m = probe(c, o, SITE_ST, o->a, 0);

	if (imm_fits(o, o->a))
		x_store_imm(&c->cb, o->w, &m, (int32_t)o->imm);
	else
		x_store(&c->cb, o->w, &m, use_spare(c, o->a, o->imm, X_R11));
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
	emit_eval(c, k->op_site);
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
	k->op_site = eval_site(c, o);
	x_load(&c->cb, 4, X_R11, &lo);
	x_alu(&c->cb, X_CMP, 8, a, X_R11);
	k->from = x_jcc_fwd(&c->cb, 2);
	k = new_cold(c, cold_eval);
	k->op_site = c->cold[n].op_site;
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
bool used_later(const struct emitter *c, unsigned i, ir_val t)
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

	if (c->i + 2 >= c->limit || ld->op != IR_LDX || st->op != IR_STX || IR_KIND(ld->d) != IR_KIND_T)
		return 0;
	digit = alu_digit(op->op);
	incdec = digit >= 0x10;
	carry = digit == X_ADC || digit == X_SBB;
	if (digit < 0 || !op->fdef || op->d != ld->d || op->a != ld->d || st->a != ld->d || op->w != ld->w ||
		st->w != ld->w || (!incdec && op->b == ld->d) || used_later(c, c->i + 3, ld->d))
		return 0;
	if (!incdec && !imm_fits(op, op->b) && IR_KIND(op->b) == IR_KIND_IMM)
		return 0;
	m = probe(c, ld, SITE_LDX, IR_NONE, 0);
	if (carry || (incdec && op->fobs & IRF_C))
		flags_need(c);
	if (incdec)
		x_rm(&c->cb, op->w == 1 ? 0xFE : 0xFF, op->w, digit & 1, &m);
	else if (IR_KIND(op->b) == IR_KIND_IMM)
		x_alu_mi(&c->cb, (enum x_alu)digit, op->w, &m, (int32_t)op->imm);
	else
		x_alu_mr(&c->cb, (enum x_alu)digit, op->w, &m, use_spare(c, op->b, op->imm, X_R11));
	flags_made(c);
	return 3;
}

void compare_memory(struct emitter *c, const struct ir_op *op, const struct x_mem *m)
{
	int32_t imm = (int32_t)op->imm;

	if (IR_KIND(op->b) != IR_KIND_IMM) {
		unsigned b = use_spare(c, op->b, 0, X_R11);

		if (op->op == IR_CMP)
			x_alu_mr(&c->cb, X_CMP, op->w, m, b);
		else
			x_rm(&c->cb, op->w == 1 ? 0x84 : 0x85, op->w, b, m);
	} else if (op->op == IR_CMP) {
		x_alu_mi(&c->cb, X_CMP, op->w, m, imm);
	} else {
		x_rm(&c->cb, op->w == 1 ? 0xF6 : 0xF7, op->w, 0, m);
		codebuf_bytes(&c->cb, &imm, op->w == 8 ? 4 : op->w);
	}
}

/* LD and the extension of what it loaded, in one instruction. */
static unsigned fold_extend(struct emitter *c)
{
	const struct ir_op *ld = &c->ir->op[c->i], *op = ld + 1;
	struct x_mem m;
	unsigned d;

	if (op->a != ld->d || op->aux != ld->w || ld->w > 4 || op->w < 4 || (ld->w == 4 && op->w == 4) ||
		used_later(c, c->i + 2, ld->d))
		return 0;
	m = probe(c, ld, SITE_LD, IR_NONE, 0);
	release(c, &m);
	d = def(c, op->d, op->w);
	if (op->op == IR_ZEXT)
		x_movzx_m(&c->cb, d, &m, ld->w);
	else
		x_movsx_m(&c->cb, op->w, d, &m, ld->w);
	def_end(c, op->d, op->w, d);
	return 2;
}

unsigned fold_load(struct emitter *c)
{
	const struct ir_op *ld = &c->ir->op[c->i], *op = ld + 1;
	bool compare = op->op == IR_CMP || op->op == IR_TEST, left;
	int digit = compare ? X_CMP : alu_digit(op->op);
	struct x_mem m;

	if (c->i + 1 >= c->limit || ld->op != IR_LD || IR_KIND(ld->d) != IR_KIND_T)
		return 0;
	if (op->op == IR_ZEXT || op->op == IR_SEXT)
		return fold_extend(c);
	if (!op->fdef || op->w != ld->w || digit < 0 || digit >= 0x10 || used_later(c, c->i + 2, ld->d))
		return 0;
	left = compare && op->a == ld->d;
	if (left ? op->b == ld->d || (IR_KIND(op->b) == IR_KIND_IMM && !imm_fits(op, op->b))
		 : op->b != ld->d || !in_host_reg(op->a) || (!compare && op->d != op->a))
		return 0;
	m = probe(c, ld, SITE_LD, IR_NONE, false);
	flags_before(c, op);
	if (left)
		compare_memory(c, op, &m);
	else if (op->op == IR_TEST)
		x_rm(&c->cb, op->w == 1 ? 0x84 : 0x85, op->w, host_reg(IR_NUM(op->a)), &m);
	else
		x_alu_rm(&c->cb, (enum x_alu)digit, op->w, host_reg(IR_NUM(op->a)), &m);
	flags_after(c, op);
	return 2;
}
