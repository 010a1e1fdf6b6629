/*
 * lower_alu.c - additions, logic, multiplication, division, bits.
 *
 * Operands of 1 and 2 bytes are worked on at the top of a 32-bit register, so that N Z C V come out right.
 */
#include "jit/a64/a64.h"

#define WANT_PA IRF_PA
#define WANT_NZCV (IRF_ALL & ~WANT_PA)

static unsigned up(unsigned w) /* how far up an operand of w < 4 bytes goes */
{
	return 32 - 8 * w;
}

/* @inv: C is to be the inverse of CF */
static void flags_from(struct emitter *c, unsigned r, unsigned w, uint16_t wanted, bool inv)
{
	if (wanted & WANT_PA)
		pa_logic(c, r);
	if (!(wanted & WANT_NZCV))
		return;
	if (w < 4) {
		a_shifti(&c->cb, A_LSL, 4, X_S, r, up(w));
		r = X_S;
	}
	if (inv)
		a_addi(&c->cb, A_SUBS, w == 8 ? 8 : 4, A_ZR, r, 0);
	else
		a_logic(&c->cb, A_ANDS, w == 8 ? 8 : 4, A_ZR, r, r, A_LSL, 0);
	c->inv = inv;
}

void flags_of(struct emitter *c, unsigned r, unsigned w, uint16_t wanted)
{
	flags_from(c, r, w, wanted, false);
}

void set_carry(struct emitter *c, unsigned r)
{
	a_mrs_nzcv(&c->cb, X_S);
	a_bfi(&c->cb, 8, X_S, r, 29, 1);
	a_msr_nzcv(&c->cb, X_S);
	c->inv = false;
}

/* X_AF = a ^ b as far as bit 4 goes, before the result overwrites either */
static void note_af(struct emitter *c, unsigned a, ir_val bv, unsigned b, int64_t imm)
{
	if (IR_KIND(bv) != IR_KIND_IMM)
		a_logic(&c->cb, A_EOR, 4, X_AF, a, b, A_LSL, 0);
	else if (imm & 16)
		a_logici(&c->cb, A_EOR, 4, X_AF, a, 16);
	else
		a_mov(&c->cb, 4, X_AF, a);
}

static bool add_imm(struct emitter *c, bool sub, bool flags, unsigned w, unsigned d, unsigned a, int64_t imm)
{
	uint64_t v = w == 8 ? (uint64_t)imm : (uint32_t)imm, n = w == 8 ? -v : (uint32_t)-v;
	enum a_addsub s = flags ? 1 : 0;

	if (d == A_ZR && !flags)
		return true;
	if (a_addi(&c->cb, (sub ? A_SUB : A_ADD) | s, w, d, a, v))
		return true;
	/* a - v is a + (2^N - v), with the same C (no borrow is a carry) and V: v is neither 0 nor the smallest number */
	return a_addi(&c->cb, (sub ? A_ADD : A_SUB) | s, w, d, a, n);
}

/* ADD SUB CMP of 4 and 8 bytes */
static void add_wide(struct emitter *c, const struct ir_op *o, uint16_t wanted)
{
	bool sub = o->op != IR_ADD, flags = wanted & WANT_NZCV, imm = IR_KIND(o->b) == IR_KIND_IMM;
	unsigned a = use(c, o->a, o->imm), w = o->w, b = A_ZR, d;

	if (a == A_ZR) { /* an immediate 0 as a source: the immediate forms know register 31 as SP */
		a_mov(&c->cb, 8, X_S2, A_ZR);
		a = X_S2;
	}
	if (!imm)
		b = use(c, o->b, o->imm);
	d = o->d == IR_NONE ? (wanted & WANT_PA ? X_PF : A_ZR) : def(c, o->d);
	if (wanted & WANT_PA)
		pa_operands(c, o->b, a, b, d, sub, o->imm);
	if (!imm || !add_imm(c, sub, flags, w, d, a, o->imm)) {
		if (imm) {
			a_movi(&c->cb, X_S, (uint64_t)o->imm);
			b = X_S;
		}
		a_add(&c->cb, (sub ? A_SUB : A_ADD) | (flags ? 1 : 0), w, d, a, b, A_LSL, 0);
	}
	if (flags)
		c->inv = sub;
	if (wanted & WANT_PA)
		pa_sum(c, d);
	if (o->d != IR_NONE)
		def_end(c, o->d, w, d);
}

/* The operand, moved up: in X_S2 */
static unsigned raised(struct emitter *c, const struct ir_op *o, ir_val v, unsigned r)
{
	if (IR_KIND(v) == IR_KIND_IMM)
		a_movi(&c->cb, X_S2, (uint32_t)o->imm << up(o->w));
	else
		a_shifti(&c->cb, A_LSL, 4, X_S2, r, up(o->w));
	return X_S2;
}

/* ADD SUB CMP of 1 and 2 bytes, with flags */
static void add_narrow(struct emitter *c, const struct ir_op *o, uint16_t wanted)
{
	unsigned a = use(c, o->a, o->imm), w = o->w, b = A_ZR;
	bool sub = o->op != IR_ADD;

	if (IR_KIND(o->b) != IR_KIND_IMM)
		b = use(c, o->b, o->imm);
	if (wanted & IRF_A)
		note_af(c, a, o->b, b, o->imm);
	b = raised(c, o, o->b, b);
	a_shifti(&c->cb, A_LSL, 4, X_S, a, up(w));
	a_add(&c->cb, sub ? A_SUBS : A_ADDS, 4, X_S, X_S, b, A_LSL, 0);
	c->inv = sub;
	if (o->d != IR_NONE || wanted & WANT_PA)
		a_shifti(&c->cb, A_LSR, 4, X_S, X_S, up(w));
	if (wanted & WANT_PA)
		a_mov(&c->cb, 4, X_PF, X_S);
	if (o->d != IR_NONE)
		put(c, o->d, w, X_S);
}

static bool carry_op(struct emitter *c, const struct ir_op *o, uint16_t wanted)
{
	bool sub = o->op == IR_SBB;
	unsigned a, b, d;

	if (o->w < 4)
		return false;
	if (sub)
		flags_borrow(c);
	else
		flags_carry(c);
	a = use(c, o->a, o->imm);
	b = use(c, o->b, o->imm);
	if (wanted & IRF_A)
		a_logic(&c->cb, A_EOR, 4, X_AF, a, b, A_LSL, 0);
	d = def(c, o->d);
	a_adc(&c->cb, sub, wanted & WANT_NZCV, o->w, d, a, b);
	if (wanted & WANT_PA)
		pa_result(c, d);
	def_end(c, o->d, o->w, d);
	return true;
}

static enum a_logic logic_of(unsigned op)
{
	switch (op) {
	case IR_OR: return A_ORR;
	case IR_XOR: return A_EOR;
	case IR_ANDN: return A_BIC;
	default: return A_AND;
	}
}

/*
 * XOR, TEST, AND of a register with itself, 4 and 8 bytes: subtractions whose CF and OF are 0. Branches mostly follow comparisons:
 * with C as after one, blocks meet in the same state more often.
 */
static bool logic_of_one(struct emitter *c, const struct ir_op *o, uint16_t wanted)
{
	unsigned w = o->w, a = host_reg(IR_NUM(o->a)), d = A_ZR;

	if (o->a != o->b || IR_KIND(o->a) != IR_KIND_G || w < 4 || (o->d != IR_NONE && o->d != o->a) ||
		(o->op != IR_XOR && o->op != IR_TEST && o->op != IR_AND))
		return false;
	if (o->op == IR_XOR) {
		d = a;
		if (wanted & WANT_NZCV)
			a_add(&c->cb, A_SUBS, w, d, a, a, A_LSL, 0);
		else
			a_mov(&c->cb, 4, d, A_ZR);
	} else if (wanted & WANT_NZCV) {
		a_addi(&c->cb, A_SUBS, w, A_ZR, a, 0);
	}
	if (o->op == IR_AND && w == 4)
		a_mov(&c->cb, 4, a, a);
	if (wanted & WANT_NZCV)
		c->inv = true;
	if (wanted & WANT_PA)
		pa_logic(c, a);
	return true;
}

static void logic(struct emitter *c, const struct ir_op *o, uint16_t wanted)
{
	bool imm = IR_KIND(o->b) == IR_KIND_IMM, andn = o->op == IR_ANDN;
	bool direct = wanted & WANT_NZCV && o->w >= 4 && (o->op == IR_AND || o->op == IR_TEST || andn);
	enum a_logic op = logic_of(o->op);
	unsigned a = use(c, o->a, o->imm), b, d, w = o->w == 8 ? 8 : 4;

	if (logic_of_one(c, o, wanted))
		return;
	d = o->d == IR_NONE ? !direct ? X_S : wanted & WANT_PA ? X_PF : A_ZR : whole(o->d, o->w) ? def(c, o->d) : X_S;
	if (direct)
		op = andn ? A_BICS : A_ANDS;
	if (!imm || andn || a == A_ZR || (d == A_ZR && op != A_ANDS) || !a_logici(&c->cb, op, w, d, a, (uint64_t)o->imm)) {
		b = use(c, o->b, o->imm);
		if (andn)
			a_logic(&c->cb, op, w, d, b, a, A_LSL, 0); /* ~a & b */
		else
			a_logic(&c->cb, op, w, d, a, b, A_LSL, 0);
	}
	if (direct)
		c->inv = false;
	if (wanted && d != A_ZR) /* before the place of the result is X_S no more */
		flags_from(c, d, o->w, direct ? wanted & WANT_PA : wanted & (o->w < 4 ? WANT_PA : IRF_ALL), true);
	if (o->d != IR_NONE && d == X_S)
		put(c, o->d, o->w, d);
	if (o->w < 4 && wanted & WANT_NZCV)
		flags_from(c, d, o->w, wanted & WANT_NZCV, true);
}

bool lower_binary(struct emitter *c, const struct ir_op *o)
{
	uint16_t wanted = flags_wanted(o);
	unsigned a, b;

	switch (o->op) {
	case IR_ADC: case IR_SBB:
		return carry_op(c, o, wanted);
	case IR_AND: case IR_OR: case IR_XOR: case IR_TEST: case IR_ANDN:
		logic(c, o, wanted);
		return true;
	}
	if (o->w >= 4) {
		add_wide(c, o, wanted);
	} else if (wanted) {
		add_narrow(c, o, wanted);
	} else if (o->d != IR_NONE) {
		a = use(c, o->a, o->imm);
		b = use(c, o->b, o->imm);
		a_add(&c->cb, o->op == IR_ADD ? A_ADD : A_SUB, 4, X_S, a, b, A_LSL, 0);
		put(c, o->d, o->w, X_S);
	}
	return true;
}

/* NOT, NEG */
bool lower_unary(struct emitter *c, const struct ir_op *o)
{
	uint16_t wanted = o->op == IR_NEG ? flags_wanted(o) : 0;
	unsigned a = use(c, o->a, o->imm), w = o->w == 8 ? 8 : 4, d = whole(o->d, o->w) ? def(c, o->d) : X_S;

	if (o->op == IR_NOT) {
		a_logic(&c->cb, A_ORN, w, d, A_ZR, a, A_LSL, 0);
	} else {
		if (wanted & IRF_A)
			a_mov(&c->cb, 4, X_AF, a); /* 0 ^ a */
		if (o->w < 4) {
			a_shifti(&c->cb, A_LSL, 4, X_S, a, up(o->w));
			a_add(&c->cb, wanted ? A_SUBS : A_SUB, 4, X_S, A_ZR, X_S, A_LSL, 0);
			a_shifti(&c->cb, A_LSR, 4, d == X_S ? X_S : d, X_S, up(o->w));
		} else {
			a_add(&c->cb, wanted ? A_SUBS : A_SUB, w, d, A_ZR, a, A_LSL, 0);
		}
		if (wanted)
			c->inv = true;
		if (wanted & WANT_PA)
			pa_result(c, d);
	}
	if (d == X_S)
		put(c, o->d, o->w, d);
	else if (o->w < 4)
		a_zext(&c->cb, d, d, o->w);
	return true;
}

/* INC, DEC: all but CF. Where CF is still wanted it is put back. */
bool lower_incdec(struct emitter *c, const struct ir_op *o)
{
	uint16_t wanted = flags_wanted(o);
	bool sub = o->op == IR_DEC, flags = wanted & WANT_NZCV, keep = flags && (o->fobs | o->flive) & IRF_C;
	unsigned a = use(c, o->a, o->imm), cf = 0, d = whole(o->d, o->w) ? def(c, o->d) : X_S;

	if (keep) {
		cf = scratch(c);
		a_cset(&c->cb, cf, c->inv ? A_CC : A_CS);
	}
	if (wanted & WANT_PA)
		pa_operands(c, IR_IMM, a, A_ZR, d, sub, 1);
	if (o->w < 4 && flags) {
		a_shifti(&c->cb, A_LSL, 4, X_S, a, up(o->w));
		a_movi(&c->cb, X_S2, 1u << up(o->w));
		a_add(&c->cb, sub ? A_SUBS : A_ADDS, 4, X_S, X_S, X_S2, A_LSL, 0);
		a_shifti(&c->cb, A_LSR, 4, d, X_S, up(o->w));
	} else {
		a_addi(&c->cb, (sub ? A_SUB : A_ADD) | (flags ? 1 : 0), o->w == 8 ? 8 : 4, d, a, 1);
		if (o->w < 4 && d != X_S)
			a_zext(&c->cb, d, d, o->w);
	}
	if (flags)
		c->inv = sub;
	if (wanted & WANT_PA)
		pa_sum(c, d);
	if (d == X_S)
		put(c, o->d, o->w, d);
	if (keep)
		set_carry(c, cf);
	return true;
}

/* C and V set if X_S2 is not 0, N and Z clear: what multiplications leave; uses X_S */
static void overflow_flags(struct emitter *c, unsigned r, uint16_t wanted)
{
	if (wanted & WANT_PA)
		pa_logic(c, r);
	if (wanted & WANT_NZCV) {
		a_add(&c->cb, A_SUBS, 8, A_ZR, X_S2, A_ZR, A_LSL, 0);
		a_cset(&c->cb, X_S, A_NE);
		a_logic(&c->cb, A_ORR, 8, X_S, X_S, X_S, A_LSL, 1);
		a_shifti(&c->cb, A_LSL, 8, X_S, X_S, 28);
		a_msr_nzcv(&c->cb, X_S);
		c->inv = false;
	}
}

bool lower_imul(struct emitter *c, const struct ir_op *o)
{
	uint16_t wanted = flags_wanted(o);
	unsigned a = use(c, o->a, o->imm), b = use(c, o->b, o->imm), d;

	if (!wanted && o->w == 4 && whole(o->d, 4)) {
		a_mul(&c->cb, 4, def(c, o->d), a, b);
		return true;
	}
	if (o->w == 8) {
		if (wanted)
			a_mulh(&c->cb, true, X_S2, a, b);
		d = def(c, o->d);
		a_mul(&c->cb, 8, d, a, b);
		if (wanted)
			a_logic(&c->cb, A_EOR, 8, X_S2, X_S2, d, A_ASR, 63);
		overflow_flags(c, d, wanted);
		return true;
	}
	if (o->w == 2) {
		a_sext(&c->cb, 4, X_S, a, 2);
		a_sext(&c->cb, 4, X_S2, b, 2);
		a = X_S;
		b = X_S2;
	}
	a_mull(&c->cb, true, X_S, a, b);
	a_sext(&c->cb, 8, X_S2, X_S, o->w);
	a_logic(&c->cb, A_EOR, 8, X_S2, X_S2, X_S, A_LSL, 0);
	put(c, o->d, o->w, X_S);
	overflow_flags(c, IR_KIND(o->d) == IR_KIND_G && o->w == 4 ? host_reg(IR_NUM(o->d)) : X_S, wanted);
	return true;
}

/* One-operand MUL and IMUL of 4 and 8 bytes: EDX:EAX = EAX * a */
bool lower_mul(struct emitter *c, const struct ir_op *o)
{
	unsigned ax = host_reg(GPR_RAX), dx = host_reg(GPR_RDX), a;
	bool is_signed = o->op == IR_MULS;
	uint16_t wanted = flags_wanted(o);

	if (o->w < 4)
		return false;
	a = use(c, o->a, o->imm);
	if (o->w == 8) {
		a_mulh(&c->cb, is_signed, X_S2, ax, a);
		a_mul(&c->cb, 8, ax, ax, a);
		a_mov(&c->cb, 8, dx, X_S2);
	} else {
		a_mull(&c->cb, is_signed, X_S, ax, a);
		a_mov(&c->cb, 4, ax, X_S);
		a_shifti(&c->cb, A_LSR, 8, dx, X_S, 32);
	}
	if (is_signed && o->w == 8)
		a_logic(&c->cb, A_EOR, 8, X_S2, dx, ax, A_ASR, 63);
	else if (is_signed)
		a_logic(&c->cb, A_EOR, 4, X_S2, dx, ax, A_ASR, 31);
	else
		a_mov(&c->cb, 8, X_S2, dx);
	overflow_flags(c, ax, wanted);
	return true;
}

/*
 * DIV and IDIV where the quotient surely fits; the rest, and #DE, in C. Flags are undefined: they stay.
 * 4 bytes: the 64-bit quotient is in hand and is looked at. 8 bytes: only if RDX is the extension of RAX.
 */
bool lower_div(struct emitter *c, const struct ir_op *o)
{
	unsigned ax = host_reg(GPR_RAX), dx = host_reg(GPR_RDX), a, q, n = c->ncold;
	bool is_signed = o->op == IR_DIVS;
	struct a64_site *s;
	struct cold *k;

	if (o->w < 4)
		return false;
	flags_carry(c);
	a = use(c, o->a, o->imm);
	q = scratch(c);
	if (c->starved)
		return false;
	s = eval_site(c, o);
	k = new_cold(c, cold_eval);
	k->site = s;
	k->from = a_cbz_fwd(&c->cb, false, o->w, a);
	k = new_cold(c, cold_eval);
	k->site = s;
	if (o->w == 4) {
		unsigned divisor = X_S2;

		if (is_signed)
			a_sext(&c->cb, 8, X_S2, a, 4);
		else
			a_mov(&c->cb, 4, X_S2, a);
		a_logic(&c->cb, A_ORR, 8, X_S, A_ZR, dx, A_LSL, 32);
		a_bfi(&c->cb, 8, X_S, ax, 0, 32);
		a_two(&c->cb, is_signed ? A_SDIV : A_UDIV, 8, q, X_S, divisor);
		a_msub(&c->cb, 8, X_S2, q, X_S2, X_S);
		if (is_signed) {
			a_sext(&c->cb, 8, X_S, q, 4);
			a_logic(&c->cb, A_EOR, 8, X_S, X_S, q, A_LSL, 0);
		} else {
			a_shifti(&c->cb, A_LSR, 8, X_S, q, 32);
		}
		k->from = a_cbz_fwd(&c->cb, true, 8, X_S);
	} else {
		if (is_signed) {
			a_logic(&c->cb, A_EOR, 8, X_S, dx, ax, A_ASR, 63);
			k->from = a_cbz_fwd(&c->cb, true, 8, X_S);
			/* the smallest number by -1 does not fit; whoever divides by -1 goes the slow way */
			k = new_cold(c, cold_eval);
			k->site = s;
			a_addi(&c->cb, A_ADD, 8, X_S, a, 1);
			k->from = a_cbz_fwd(&c->cb, false, 8, X_S);
		} else {
			k->from = a_cbz_fwd(&c->cb, true, 8, dx);
		}
		a_two(&c->cb, is_signed ? A_SDIV : A_UDIV, 8, q, ax, a);
		a_msub(&c->cb, 8, X_S2, q, a, ax);
	}
	a_mov(&c->cb, o->w, ax, q);
	a_mov(&c->cb, o->w, dx, X_S2);
	for (; n < c->ncold; n++)
		c->cold[n].join = c->cb.p;
	return true;
}

/* BT BTS BTR BTC: CF = bit b of a, other flags stay */
bool lower_bit(struct emitter *c, const struct ir_op *o)
{
	bool imm = IR_KIND(o->b) == IR_KIND_IMM;
	unsigned a = use(c, o->a, o->imm), w = o->w == 8 ? 8 : 4, b = 0, n = (unsigned)o->imm & (8 * o->w - 1), bit, one;

	bit = scratch(c);
	one = scratch(c);
	if (imm) {
		a_ubfx(&c->cb, w, bit, a, n, 1);
		a_movi(&c->cb, one, 1ull << n);
	} else {
		b = use(c, o->b, o->imm);
		a_logici(&c->cb, A_AND, 4, X_S2, b, 8 * o->w - 1);
		a_two(&c->cb, A_LSRV, w, bit, a, X_S2);
		a_movi(&c->cb, one, 1);
		a_two(&c->cb, A_LSLV, w, one, one, X_S2);
	}
	if (o->op != IR_BT) {
		enum a_logic op = o->op == IR_BTS ? A_ORR : o->op == IR_BTR ? A_BIC : A_EOR;

		a_logic(&c->cb, op, w, X_S, a, one, A_LSL, 0);
		put(c, o->d, o->w, X_S);
	}
	if (flags_wanted(o) & IRF_C)
		set_carry(c, bit);
	return true;
}

/* MULX: d = low, c = high half of RDX * a */
bool lower_mulx(struct emitter *c, const struct ir_op *o)
{
	unsigned dx = host_reg(GPR_RDX), a = use(c, o->a, o->imm);

	if (o->w == 8) {
		a_mulh(&c->cb, false, X_S2, dx, a);
		a_mul(&c->cb, 8, X_S, dx, a);
	} else {
		a_mull(&c->cb, false, X_S, dx, a);
		a_shifti(&c->cb, A_LSR, 8, X_S2, X_S, 32);
	}
	put(c, o->d, o->w, X_S);
	put(c, o->c, o->w, X_S2); /* SDM: one destination for both gets the high half */
	return true;
}

/* BSF BSR TZCNT LZCNT: only where no flag but ZF (CF) is looked at would be cheaper than C; POPCNT in C */
bool lower_scan(struct emitter *c, const struct ir_op *o)
{
	unsigned w = o->w, a, skip;

	if (flags_wanted(o) || w < 4 || (o->op != IR_TZCNT && o->op != IR_LZCNT))
		return false;
	a = use(c, o->a, o->imm);
	skip = X_S;
	if (o->op == IR_TZCNT) {
		a_one(&c->cb, A_RBIT, w, X_S, a);
		a = X_S;
	}
	a_one(&c->cb, A_CLZ, w, skip, a);
	put(c, o->d, w, skip);
	return true;
}
