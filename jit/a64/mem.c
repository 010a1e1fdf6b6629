/*
 * mem.c - memory operands: effective addresses, the inline TLB probe, segment checks. None of it touches NZCV.
 *
 * The probe puts into X_S2 the distance from the linear to the host address; its cold path does so too (a slow access
 * happens in C and leaves the way to a bounce word), so that there is one access instruction.
 */
#include "jit/a64/a64.h"

/* d = base + index * scale + disp, in w bytes; uses X_S, X_S2 */
static void sum(struct emitter *c, const struct ir_mem *m, unsigned d, unsigned w)
{
	unsigned base = m->base == IR_NONE ? A_ZR : use(c, m->base, 0);
	unsigned index = m->index == IR_NONE ? A_ZR : use(c, m->index, 0);
	uint64_t disp = w == 8 ? (uint64_t)m->disp : (uint32_t)m->disp, neg = w == 8 ? -disp : (uint32_t)-disp;

	if (base == A_ZR && index == A_ZR) {
		a_movi(&c->cb, d, disp);
		return;
	}
	if (index != A_ZR) {
		a_add(&c->cb, A_ADD, w, d, base, index, A_LSL, m->scale);
		base = d;
	}
	if (!disp) {
		if (base != d || (w == 4 && index == A_ZR)) /* LEA of a register to itself clears its upper half */
			a_mov(&c->cb, w, d, base);
	} else if (!a_addi(&c->cb, A_ADD, w, d, base, disp) && !a_addi(&c->cb, A_SUB, w, d, base, neg)) {
		a_movi(&c->cb, X_S, disp);
		a_add(&c->cb, A_ADD, w, d, base, X_S, A_LSL, 0);
	}
}

void emit_ea(struct emitter *c, const struct ir_mem *m, unsigned d, bool linear)
{
	sum(c, m, d, m->asize == 8 ? 8 : 4);
	if (m->asize == 2)
		a_zext(&c->cb, d, d, 2);
	if (!linear)
		return;
	if (m->seg != IR_NOSEG) {
		env_load(c, 8, X_S, (int32_t)(offsetof(struct vcpu, seg) + m->seg % SEG_COUNT * sizeof(struct seg) +
			offsetof(struct seg, base)));
		a_add(&c->cb, A_ADD, c->code64 ? 8 : 4, d, d, X_S, A_LSL, 0);
	} else if (!c->code64 && m->asize == 8) {
		a_mov(&c->cb, 4, d, d);
	}
}

unsigned address(struct emitter *c, const struct ir_mem *m)
{
	unsigned a;

	if (c->code64 && m->asize == 8 && m->seg == IR_NOSEG && m->index == IR_NONE && !m->disp &&
		IR_KIND(m->base) == IR_KIND_G)
		return host_reg(IR_NUM(m->base));
	a = scratch(c);
	emit_ea(c, m, a, true);
	return a;
}

/* Where C finds the value of a store, should the probe miss. */
static uint8_t value_at(const struct emitter *c, ir_val v)
{
	unsigned n = IR_NUM(v);

	switch (IR_KIND(v)) {
	case IR_KIND_G:
		return (uint8_t)(VAL_REG | host_reg(n));
	case IR_KIND_GH:
		return (uint8_t)(VAL_HIGH | host_reg(n & 3));
	case IR_KIND_T:
		n %= IR_MAX_TEMPS;
		return (uint8_t)(c->t_reg[n] != A_NONE ? VAL_REG | c->t_reg[n] : VAL_HOME | n);
	}
	return VAL_IMM;
}

/* C keeps no vector register whole, but X_S2. */
static void cold_probe(struct emitter *c, struct cold *k)
{
	pa_emit(c, &k->pa);
	xmm_write_back(c, k->vdirty);
	call_site(c, c->x->stub.slow[c->code64], k->site);
	if (!k->vin)
		return;
	k->site->join = code_here(c);
	xmm_reload(c, k->vin);
	a_b(&c->cb, k->join + c->cb.rx_delta);
}

/* X_S2 = address of the entry for the linear address in @a in table @idx */
static void tlb_entry_of(struct emitter *c, unsigned a, unsigned idx)
{
	int32_t other = ((int32_t)(idx % MMU_IDX_COUNT) - (int32_t)mode_mmu_idx(c->ir->mode)) *
		(int32_t)(sizeof(struct tlb_entry) * TLB_SIZE);

	a_ubfx(&c->cb, 8, X_S2, a, PAGE_SHIFT, TLB_BITS);
	a_add(&c->cb, A_ADD, 8, X_S2, X_TLB, X_S2, A_LSL, 5);
	_Static_assert(sizeof(struct tlb_entry) == 32, "shift above");
	if (other)
		a_addi(&c->cb, other > 0 ? A_ADD : A_SUB, 8, X_S2, X_S2, (uint64_t)(other > 0 ? other : -other));
}

uint8_t *emit_probe(struct emitter *c, unsigned a, unsigned len, unsigned idx, bool write, unsigned align)
{
	/* the last byte: an access across the end of a page misses. Or the bits that say whether it is aligned */
	if (align)
		a_logici(&c->cb, A_AND, 8, X_S, a, ~(uint64_t)(PAGE_SIZE - 1) | (align - 1));
	else if (len > 1)
		a_addi(&c->cb, A_ADD, 8, X_S, a, len - 1);
	tlb_entry_of(c, a, idx);
	/* tag and addend: neighbours, in this or that order */
	if (write)
		a_ldp(&c->cb, X_S2, A_LR, X_S2, offsetof(struct tlb_entry, addend));
	else
		a_ldp(&c->cb, A_LR, X_S2, X_S2, offsetof(struct tlb_entry, rd));
	_Static_assert(offsetof(struct tlb_entry, addend) == offsetof(struct tlb_entry, rd) + 8 &&
		offsetof(struct tlb_entry, wr) == offsetof(struct tlb_entry, addend) + 8, "pairs above");
	/* tags are page numbers; rotated, a bit left over from the alignment is above them */
	a_logic(&c->cb, A_EOR, 8, X_S, A_LR, align || len > 1 ? X_S : a, align ? A_ROR : A_LSR, PAGE_SHIFT);
	return a_cbz_fwd(&c->cb, true, 8, X_S);
}

unsigned probe(struct emitter *c, const struct ir_op *o, unsigned kind, ir_val val, unsigned align)
{
	unsigned a = address(c, &o->m);
	struct a64_site *s;
	struct cold *k;

	if (c->run.on) {
		k = fp_run_leave(c);
		k->from = emit_probe(c, a, o->w, o->m.idx, false, align);
		return a;
	}
	s = new_site(c, o, kind);
	s->gla_reg = (uint8_t)a;
	s->val = value_at(c, val);
	s->align = (uint8_t)align;
	k = new_cold(c, cold_probe);
	k->from = emit_probe(c, a, o->w, o->m.idx, kind != SITE_LD && kind != SITE_VLD, align);
	k->site = s;
	s->join = code_here(c);
	k->join = c->cb.p;
	return a;
}

static void result(struct emitter *c, const struct ir_op *o, unsigned reg)
{
	if (reg == X_S)
		put(c, o->d, o->w, X_S);
}

/* Register that will have the host address of the access, for IR_STX. */
static unsigned keep_host(struct emitter *c)
{
	if (c->t_reg[T_HOST] != A_NONE)
		c->reg_t[c->t_reg[T_HOST]] = 0xFF;
	c->t_reg[T_HOST] = A_NONE;
	return temp_reg(c, T_HOST, false);
}

static uint64_t in_group(const struct emitter *c)
{
	return (uint64_t)(c->group.off[c->i] - c->group.lo);
}

bool lower_ld(struct emitter *c, const struct ir_op *o)
{
	bool x = o->op == IR_LDX;
	unsigned a = A_NONE, d, h = A_NONE;

	if (x) {
		c->skip = 0;
		c->skip_from = c->i;
		if (!c->group.on && lower_locked(c, o))
			return true;
	}
	if (!c->group.on)
		a = probe(c, o, x ? SITE_LDX : SITE_LD, IR_NONE, 0);
	if (x) {
		h = keep_host(c);
		if (c->group.on)
			a_addi(&c->cb, A_ADD, 8, h, c->group.base, in_group(c));
		else
			a_add(&c->cb, A_ADD, 8, h, a, X_S2, A_LSL, 0);
	}
	d = whole(o->d, o->w) ? def(c, o->d) : X_S;
	if (x)
		a_ldr(&c->cb, o->w, d, h, 0);
	else if (c->group.on)
		a_ldr(&c->cb, o->w, d, c->group.base, (int32_t)in_group(c));
	else
		a_ldr_reg(&c->cb, o->w, d, a, X_S2);
	result(c, o, d);
	return true;
}

bool lower_st(struct emitter *c, const struct ir_op *o)
{
	unsigned v = use(c, o->a, o->imm), a;

	if (c->group.on) {
		a_str(&c->cb, o->w, v, c->group.base, (int32_t)in_group(c));
		return true;
	}
	/* an immediate that is in a register anyway: C may take it from there */
	a = probe(c, o, SITE_ST, o->a, 0);
	a_str_reg(&c->cb, o->w, v, a, X_S2);
	return true;
}

bool lower_stx(struct emitter *c, const struct ir_op *o)
{
	unsigned h = temp_reg(c, T_HOST, true);

	a_str(&c->cb, o->w, use(c, o->a, o->imm), h, 0);
	return true;
}

/* lo <= ea and ea + w-1 <= hi, all of them below 2^33: the differences are not negative */
bool lower_segchk(struct emitter *c, const struct ir_op *o)
{
	unsigned seg = o->m.seg != IR_NOSEG ? o->m.seg : o->m.sreg, a, n = c->ncold;
	int32_t s = (int32_t)(offsetof(struct vcpu, seg) + seg % SEG_COUNT * sizeof(struct seg));
	struct cold *k;

	if (o->m.asize == 8)
		return false; /* ea + w-1 could wrap */
	a = scratch(c);
	emit_ea(c, &o->m, a, false);
	env_load(c, 4, X_S, s + (int32_t)(o->imm ? offsetof(struct seg, wlo) : offsetof(struct seg, rlo)));
	a_add(&c->cb, A_SUB, 8, X_S, a, X_S, A_LSL, 0);
	k = new_cold(c, cold_eval);
	k->site = eval_site(c, o);
	a_shifti(&c->cb, A_LSR, 8, X_S, X_S, 63);
	k->from = a_cbz_fwd(&c->cb, true, 8, X_S);
	env_load(c, 4, X_S, s + (int32_t)(o->imm ? offsetof(struct seg, whi) : offsetof(struct seg, rhi)));
	if (o->w > 1)
		a_addi(&c->cb, A_ADD, 8, a, a, o->w - 1);
	a_add(&c->cb, A_SUB, 8, X_S, X_S, a, A_LSL, 0);
	k = new_cold(c, cold_eval);
	k->site = c->cold[n].site;
	a_shifti(&c->cb, A_LSR, 8, X_S, X_S, 63);
	k->from = a_cbz_fwd(&c->cb, true, 8, X_S);
	c->cold[n].join = k->join = c->cb.p;
	return true;
}

/* #GP(0): the target of a near branch is not in canonical form; C raises it */
bool lower_canon(struct emitter *c, const struct ir_op *o)
{
	unsigned a;
	struct cold *k;

	if (o->aux) /* the terminal will see */
		return true;
	a = use(c, o->a, o->imm);
	a_bitfield(&c->cb, A_SBFM, 8, X_S, a, 0, 47);
	a_logic(&c->cb, A_EOR, 8, X_S, X_S, a, A_LSL, 0);
	k = new_cold(c, cold_eval);
	k->site = eval_site(c, o);
	k->from = a_cbz_fwd(&c->cb, true, 8, X_S);
	k->join = c->cb.p;
	return true;
}

/*
 * Fast where the TLB holds the second page for fetches and it is the RAM page the instruction was made from; else C looks,
 * faults, or leaves the block. A page that is not canonical has no entry.
 */
bool lower_guard(struct emitter *c, const struct ir_op *o)
{
	const struct ram *ram = c->x->cpu->mmu.ram;
	unsigned a = scratch(c), n = c->ncold;
	struct codebuf *cb = &c->cb;
	struct cold *k;

	env_load(c, 8, a, ENV(ip_base));
	if (!c->code64) {
		env_load(c, 8, X_S, ENV(seg[SEG_CS].base));
		a_add(cb, A_ADD, 8, a, a, X_S, A_LSL, 0);
	}
	a_addi(cb, A_ADD, c->code64 ? 8 : 4, a, a, PAGE_SIZE);
	tlb_entry_of(c, a, mode_cpl(c->ir->mode) == 3 ? MMU_USER : MMU_SUP);
	a_ldr(cb, 8, X_S, X_S2, offsetof(struct tlb_entry, ex));
	a_ldr(cb, 8, X_S2, X_S2, offsetof(struct tlb_entry, addend));
	a_logic(cb, A_EOR, 8, X_S, X_S, a, A_LSR, PAGE_SHIFT);
	k = new_cold(c, cold_eval);
	k->site = eval_site(c, o);
	k->from = a_cbz_fwd(cb, true, 8, X_S);
	a_add(cb, A_ADD, 8, a, a, X_S2, A_LSL, 0);
	a_movi(cb, X_S, (uintptr_t)ram->host + (uint64_t)o->imm);
	a_logic(cb, A_EOR, 8, X_S, X_S, a, A_LSL, 0);
	k = new_cold(c, cold_eval);
	k->site = c->cold[n].site;
	k->from = a_cbz_fwd(cb, true, 8, X_S);
	c->cold[n].join = k->join = cb->p;
	return true;
}
