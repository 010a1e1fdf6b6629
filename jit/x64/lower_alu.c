/*
 * lower_alu.c - integer arithmetic: each op is the host's own instruction of the same name.
 */
#include "jit/x64/x64.h"

static bool is_imm32(const struct ir_op *o, ir_val v)
{
	return IR_KIND(v) == IR_KIND_IMM && (o->w < 8 || o->imm == (int32_t)o->imm);
}

static bool zeroes(ir_val d)
{
	return IR_KIND(d) != IR_KIND_G;
}

static const uint8_t alu_of[] = {[IR_ADD] = X_ADD, [IR_ADC] = X_ADC, [IR_SUB] = X_SUB, [IR_SBB] = X_SBB,
	[IR_AND] = X_AND, [IR_OR] = X_OR, [IR_XOR] = X_XOR};

/* ADD and SUB that must leave the flags alone are LEA. */
static bool by_lea(struct emitter *c, const struct ir_op *o)
{
	struct x_mem m = {X_NONE, X_NONE, 0, 0};
	unsigned a, d;

	if (o->fdef || o->w == 1 || IR_KIND(o->a) == IR_KIND_IMM)
		return false;
	if (o->op == IR_INC || o->op == IR_DEC)
		m.disp = o->op == IR_INC ? 1 : -1;
	else if (is_imm32(o, o->b) && o->imm != INT32_MIN && o->imm == (int32_t)o->imm)
		m.disp = o->op == IR_ADD ? (int32_t)o->imm : -(int32_t)o->imm;
	else if (o->op == IR_ADD && IR_KIND(o->b) != IR_KIND_IMM)
		m.index = (uint8_t)use_spare(c, o->b, 0, X_R11);
	else
		return false;
	a = use(c, o->a, 0);
	m.base = (uint8_t)a;
	d = def_from(c, o->d, o->w, o->a, a);
	x_lea(&c->cb, o->w, d, &m);
	def_end(c, o->d, o->w, d);
	return true;
}

/*
 * An operation on a guest register in memory, there: only where all of it is written, a part could not be forwarded to a load of the whole. ADC
 * and SBB to memory are slow.
 */
static bool binary_there(struct emitter *c, const struct ir_op *o, enum x_alu op)
{
	struct x_mem m;

	if (o->w != 8 || o->d != o->a || op == X_ADC || op == X_SBB || !in_memory(c, o->d, &m))
		return false;
	if (is_imm32(o, o->b))
		x_alu_mi(&c->cb, op, 8, &m, (int32_t)o->imm);
	else
		x_alu_mr(&c->cb, op, 8, &m, use_spare(c, o->b, o->imm, X_R11));
	return true;
}

/* With a guest register in memory for the second operand. */
static bool binary_from(struct emitter *c, const struct ir_op *o, enum x_alu op)
{
	struct x_mem m;
	unsigned a, d;

	if (!in_memory(c, o->b, &m))
		return false;
	a = use(c, o->a, o->imm);
	d = def_from(c, o->d, o->w, o->a, a);
	if (d != a)
		copy(c, o->w, d, a, zeroes(o->d));
	x_alu_rm(&c->cb, op, o->w, d, &m);
	flags_after(c, o);
	def_end(c, o->d, o->w, d);
	return true;
}

bool lower_binary(struct emitter *c, const struct ir_op *o)
{
	bool commutes = o->op != IR_SUB && o->op != IR_SBB, imm = is_imm32(o, o->b);
	enum x_alu op = (enum x_alu)alu_of[o->op];
	unsigned a, b = X_NONE, d;

	if ((o->op == IR_ADD || o->op == IR_SUB) && by_lea(c, o))
		return true;
	if (IR_KIND(o->a) == IR_KIND_IMM && IR_KIND(o->b) == IR_KIND_IMM)
		return false;
	flags_before(c, o);
	if (binary_there(c, o, op)) {
		flags_after(c, o);
		return true;
	}
	if (binary_from(c, o, op))
		return true;
	if (!imm)
		b = use_spare(c, o->b, o->imm, X_R11);
	a = use(c, o->a, o->imm);
	d = def_from(c, o->d, o->w, o->a, a);
	if (imm) {
		if (d != a)
			copy(c, o->w, d, a, zeroes(o->d));
		x_alui(&c->cb, op, o->w, d, (int32_t)o->imm);
	} else if (d == b && d != a && !commutes) {
		x_mov(&c->cb, 8, X_R11, a);
		x_alu(&c->cb, op, o->w, X_R11, b);
		copy(c, o->w, d, X_R11, false);
	} else if (d == b && d != a) {
		x_alu(&c->cb, op, o->w, d, a);
	} else {
		if (d != a)
			copy(c, o->w, d, a, zeroes(o->d));
		x_alu(&c->cb, op, o->w, d, b);
	}
	flags_after(c, o);
	def_end(c, o->d, o->w, d);
	return true;
}

bool lower_cmp(struct emitter *c, const struct ir_op *o)
{
	bool imm = is_imm32(o, o->b), cmp = o->op == IR_CMP;
	struct x_mem m;
	unsigned a, b;

	if (!o->fdef || IR_KIND(o->a) == IR_KIND_IMM)
		return false;
	flags_before(c, o);
	if (o->a == o->b && !cmp && in_memory(c, o->a, &m)) {
		x_alu_mi(&c->cb, X_CMP, o->w, &m, 0); /* the same flags */
	} else if (in_memory(c, o->a, &m) && o->a != o->b && (imm || IR_KIND(o->b) != IR_KIND_IMM)) {
		compare_memory(c, o, &m);
	} else if (in_memory(c, o->b, &m) && o->a != o->b) {
		a = use_spare(c, o->a, 0, X_R11);
		if (cmp)
			x_alu_rm(&c->cb, X_CMP, o->w, a, &m);
		else
			x_rm(&c->cb, o->w == 1 ? 0x84 : 0x85, o->w, a, &m);
	} else if (imm) {
		a = use_spare(c, o->a, 0, X_R11);
		if (cmp)
			x_alui(&c->cb, X_CMP, o->w, a, (int32_t)o->imm);
		else
			x_testi(&c->cb, o->w, a, (int32_t)o->imm);
	} else {
		b = use_spare(c, o->b, o->imm, X_R11);
		a = use(c, o->a, 0);
		if (cmp)
			x_alu(&c->cb, X_CMP, o->w, a, b);
		else
			x_test(&c->cb, o->w, a, b);
	}
	flags_after(c, o);
	return true;
}

bool lower_unary(struct emitter *c, const struct ir_op *o)
{
	uint32_t opc = o->op == IR_NOT || o->op == IR_NEG ? 0xF6 : 0xFE;
	unsigned digit = o->op == IR_NOT ? 2 : o->op == IR_NEG ? 3 : o->op == IR_DEC, a, d;
	struct x_mem m;

	if (IR_KIND(o->a) == IR_KIND_IMM)
		return false;
	if (opc == 0xFE && by_lea(c, o))
		return true;
	if (o->op != IR_NOT)
		flags_before(c, o);
	if (o->w == 8 && o->d == o->a && in_memory(c, o->d, &m)) {
		x_rm(&c->cb, opc | 1, 8, digit, &m);
		flags_after(c, o);
		return true;
	}
	a = use(c, o->a, 0);
	d = def_from(c, o->d, o->w, o->a, a);
	if (d != a)
		copy(c, o->w, d, a, zeroes(o->d));
	x_rr(&c->cb, o->w == 1 ? opc : opc | 1, o->w, digit, d);
	flags_after(c, o);
	def_end(c, o->d, o->w, d);
	return true;
}

static enum x_shift shift_of(unsigned op)
{
	switch (op) {
	case IR_SHL: return X_SHL;
	case IR_SHR: return X_SHR;
	case IR_SAR: return X_SAR;
	case IR_ROL: return X_ROL;
	case IR_ROR: return X_ROR;
	case IR_RCL: return X_RCL;
	default: return X_RCR;
	}
}

static bool shift_by_imm(struct emitter *c, const struct ir_op *o)
{
	unsigned n = (unsigned)o->imm & (o->w == 8 ? 63 : 31), a, d;

	if (n)
		flags_before(c, o);
	a = use(c, o->a, 0);
	d = def_from(c, o->d, o->w, o->a, a);
	if (d != a || !n)
		copy(c, o->w, d, a, zeroes(o->d));
	if (n) {
		x_shifti(&c->cb, shift_of(o->op), o->w, d, n);
		flags_after(c, o);
	}
	def_end(c, o->d, o->w, d);
	return true;
}

/* A count not in CL is put there for the moment; the operand is then worked on in a register of its own. */
bool lower_shift(struct emitter *c, const struct ir_op *o)
{
	unsigned a, t, d;

	if (IR_KIND(o->a) == IR_KIND_IMM)
		return false;
	if (IR_KIND(o->b) == IR_KIND_IMM)
		return shift_by_imm(c, o);
	flags_before(c, o);
	if (o->b == IR_G(GPR_RCX)) {
		a = use(c, o->a, 0);
		d = def_from(c, o->d, o->w, o->a, a);
		t = d == X_RCX && a != X_RCX ? X_R11 : d;
		if (t != a)
			copy(c, o->w, t, a, t == X_R11 || zeroes(o->d));
		x_shiftcl(&c->cb, shift_of(o->op), o->w, t);
	} else {
		/* work in the frame: no register is sure to be free of RCX and the temporaries */
		struct x_mem m = frame_mem(FRAME(val)); /* the count may pass through tmp: get_high() */

		a = use_spare(c, o->a, 0, X_R11);
		x_store(&c->cb, 8, &m, a);
		a = use_spare(c, o->b, 0, X_R11);
		if (a != X_R11)
			x_mov(&c->cb, 8, X_R11, a);
		x_rr(&c->cb, 0x87, 8, X_RCX, X_R11); /* xchg */
		x_rm(&c->cb, o->w == 1 ? 0xD2 : 0xD3, o->w, shift_of(o->op), &m);
		x_mov(&c->cb, 8, X_RCX, X_R11);
		c->busy = 0;
		d = def(c, o->d, o->w);
		x_movzx_m(&c->cb, X_R11, &m, o->w);
		t = X_R11;
	}
	if (t != d)
		copy(c, o->w, d, t, false);
	flags_after(c, o);
	def_end(c, o->d, o->w, d);
	return true;
}

bool lower_double(struct emitter *c, const struct ir_op *o)
{
	uint32_t op = o->op == IR_SHLD ? X_0F(0xA4) : X_0F(0xAC);
	bool imm = IR_KIND(o->c) == IR_KIND_IMM;
	unsigned n = (unsigned)o->imm & (o->w == 8 ? 63 : 31), a, b, d;

	if ((!imm && o->c != IR_G(GPR_RCX)) || (imm && !n) || IR_KIND(o->a) == IR_KIND_IMM ||
		IR_KIND(o->b) == IR_KIND_IMM)
		return false;
	/* 16 bits by more than 16 is undefined, and processors differ: we have one answer on every host */
	if (o->w == 2 && (!imm || n > 16))
		return false;
	if (o->d != o->a && (o->d == o->b || o->d == IR_G(GPR_RCX)))
		return false;
	flags_before(c, o);
	b = use_spare(c, o->b, 0, X_R11);
	a = use(c, o->a, 0);
	d = def_from(c, o->d, o->w, o->a, a);
	if (d != a)
		copy(c, o->w, d, a, zeroes(o->d));
	x_rr(&c->cb, imm ? op : op | 1, o->w, b, d);
	if (imm)
		codebuf_u8(&c->cb, (uint8_t)n);
	flags_after(c, o);
	def_end(c, o->d, o->w, d);
	return true;
}

bool lower_mul(struct emitter *c, const struct ir_op *o)
{
	unsigned a;

	flags_before(c, o);
	a = use_spare(c, o->a, o->imm, X_R11);
	x_rr(&c->cb, o->w == 1 ? 0xF6 : 0xF7, o->w, o->op == IR_MULS ? 5 : 4, a);
	flags_after(c, o);
	return true;
}

bool lower_imul(struct emitter *c, const struct ir_op *o)
{
	unsigned a, b, d, t;

	if (o->w == 1 || IR_KIND(o->a) == IR_KIND_IMM)
		return false;
	flags_before(c, o);
	if (is_imm32(o, o->b)) {
		int32_t v = (int32_t)o->imm;

		a = use_spare(c, o->a, 0, X_R11);
		d = def_from(c, o->d, o->w, o->a, a);
		x_rr(&c->cb, 0x69, o->w, d, a);
		codebuf_bytes(&c->cb, &v, o->w == 2 ? 2 : 4);
	} else {
		b = use_spare(c, o->b, o->imm, X_R11);
		a = use(c, o->a, 0);
		d = def_from(c, o->d, o->w, o->a, a);
		t = d == b ? a : b; /* the other factor */
		if (d != a && d != b)
			copy(c, o->w, d, a, zeroes(o->d));
		x_rr(&c->cb, X_0F(0xAF), o->w, d, t);
	}
	flags_after(c, o);
	def_end(c, o->d, o->w, d);
	return true;
}

bool lower_bit(struct emitter *c, const struct ir_op *o)
{
	unsigned n = o->op - IR_BT, a, b = X_NONE, d;
	bool imm = IR_KIND(o->b) == IR_KIND_IMM;

	if (o->w == 1 || IR_KIND(o->a) == IR_KIND_IMM)
		return false;
	flags_before(c, o);
	if (!imm)
		b = use_spare(c, o->b, 0, X_R11);
	a = use(c, o->a, 0);
	d = o->op == IR_BT ? a : def_from(c, o->d, o->w, o->a, a);
	if (d != a) {
		if (d == b) {
			x_mov(&c->cb, 8, X_R11, b);
			b = X_R11;
		}
		copy(c, o->w, d, a, zeroes(o->d));
	}
	if (imm) {
		x_rr(&c->cb, X_0F(0xBA), o->w, 4 + n, d);
		codebuf_u8(&c->cb, (uint8_t)(o->imm & (8 * o->w - 1)));
	} else {
		x_rr(&c->cb, X_0F(0xA3 + 8 * n), o->w, b, d);
	}
	flags_after(c, o);
	if (o->op != IR_BT)
		def_end(c, o->d, o->w, d);
	return true;
}

/* BSF BSR: the old destination goes in first, it stays when the source is zero. */
static bool bit_scan(struct emitter *c, const struct ir_op *o)
{
	unsigned a = use(c, o->a, 0), d = use_spare(c, o->b, 0, X_R11);

	if (d != X_R11)
		x_mov(&c->cb, 8, X_R11, d);
	x_rr(&c->cb, X_0F(o->op == IR_BSF ? 0xBC : 0xBD), o->w, X_R11, a);
	c->busy &= c->reg_t[a] == 0xFF ? ~(1u << a) : ~0u;
	d = def(c, o->d, o->w);
	copy(c, o->w, d, X_R11, zeroes(o->d));
	flags_after(c, o);
	def_end(c, o->d, o->w, d);
	return true;
}

bool lower_scan(struct emitter *c, const struct ir_op *o)
{
	static const struct { uint8_t op; uint32_t feat; } row[] = {[IR_TZCNT - IR_TZCNT] = {0xBC, HOSTF_BMI1},
		[IR_LZCNT - IR_TZCNT] = {0xBD, HOSTF_LZCNT}, [IR_POPCNT - IR_TZCNT] = {0xB8, HOSTF_POPCNT}};
	unsigned a, d;

	if (o->w == 1 || IR_KIND(o->a) == IR_KIND_IMM)
		return false;
	if (o->op == IR_BSF || o->op == IR_BSR) {
		if (IR_KIND(o->b) == IR_KIND_IMM)
			return false;
		flags_before(c, o);
		return bit_scan(c, o);
	}
	if (!(c->x->feat & row[o->op - IR_TZCNT].feat))
		return false;
	flags_before(c, o);
	a = use_spare(c, o->a, 0, X_R11);
	d = def(c, o->d, o->w);
	x_rr(&c->cb, X_0F(row[o->op - IR_TZCNT].op) | X_PF3, o->w, d, a);
	flags_after(c, o);
	def_end(c, o->d, o->w, d);
	return true;
}

/* SHLX SHRX SARX RORX and the three-operand BMI instructions */
bool lower_bmi(struct emitter *c, const struct ir_op *o)
{
	static const struct { uint32_t op, feat; uint8_t digit, swap; } row[] = {
		[IR_ANDN - IR_ANDN] = {X_0F38(0xF2), HOSTF_BMI1, 0, 1},
		[IR_BEXTR - IR_ANDN] = {X_0F38(0xF7), HOSTF_BMI1, 0, 0},
		[IR_BLSI - IR_ANDN] = {X_0F38(0xF3), HOSTF_BMI1, 3, 0},
		[IR_BLSR - IR_ANDN] = {X_0F38(0xF3), HOSTF_BMI1, 1, 0},
		[IR_BLSMSK - IR_ANDN] = {X_0F38(0xF3), HOSTF_BMI1, 2, 0},
		[IR_BZHI - IR_ANDN] = {X_0F38(0xF5), HOSTF_BMI2, 0, 0},
		[IR_PDEP - IR_ANDN] = {X_0F38(0xF5) | X_PF2, HOSTF_BMI2, 0, 1},
		[IR_PEXT - IR_ANDN] = {X_0F38(0xF5) | X_PF3, HOSTF_BMI2, 0, 1},
		[IR_RORX - IR_ANDN] = {X_0F3A(0xF0) | X_PF2, HOSTF_BMI2, 0, 0},
		[IR_SHLX - IR_ANDN] = {X_0F38(0xF7) | X_P66, HOSTF_BMI2, 0, 0},
		[IR_SHRX - IR_ANDN] = {X_0F38(0xF7) | X_PF2, HOSTF_BMI2, 0, 0},
		[IR_SARX - IR_ANDN] = {X_0F38(0xF7) | X_PF3, HOSTF_BMI2, 0, 0},
	};
	unsigned i = o->op - IR_ANDN, a, b = 0, d;

	if (o->w < 4 || !row[i].op || !(c->x->feat & row[i].feat) || IR_KIND(o->a) == IR_KIND_IMM)
		return false;
	if (o->op == IR_RORX) {
		if (IR_KIND(o->b) != IR_KIND_IMM)
			return false;
		a = use_spare(c, o->a, 0, X_R11);
		d = def(c, o->d, o->w);
		x_rorx(&c->cb, o->w, d, a, (unsigned)o->imm & (8 * o->w - 1));
		def_end(c, o->d, o->w, d);
		return true;
	}
	if (ir_ops[o->op].fdef)
		flags_before(c, o);
	if (!row[i].digit)
		b = use_spare(c, o->b, o->imm, X_R11);
	a = use(c, o->a, 0);
	d = def_from(c, o->d, o->w, o->a, a);
	if (row[i].digit)
		x_vex_rr(&c->cb, row[i].op, o->w, 0, row[i].digit, d, a);
	else if (row[i].swap)
		x_vex_rr(&c->cb, row[i].op, o->w, 0, d, a, b);
	else
		x_vex_rr(&c->cb, row[i].op, o->w, 0, d, b, a);
	flags_after(c, o);
	def_end(c, o->d, o->w, d);
	return true;
}

/* Branches of what IDIV might fault on, to C: a dividend that is more than its lower half with a sign, a divisor of 0 or -1. Uses R11. */
static void idiv_checks(struct emitter *c, unsigned w, unsigned a, struct cold *k)
{
	x_mov(&c->cb, 8, X_R11, X_RAX);
	x_shifti(&c->cb, X_SAR, w, X_R11, 8 * w - 1);
	x_alu(&c->cb, X_CMP, w, X_R11, X_RDX);
	k->from = x_jcc_fwd(&c->cb, 5);
	x_lea(&c->cb, w < 4 ? 4 : w, X_R11, &(struct x_mem){a, X_NONE, 0, 1});
	x_alui(&c->cb, X_CMP, w, X_R11, 1);
	k->from2 = x_jcc_fwd(&c->cb, 6);
}

/*
 * DIV: #DE when the high half is not below the divisor (which catches 0 too): then C does the whole op and raises. IDIV: where the quotient
 * surely fits. Everything else is the host's.
 */
bool lower_div(struct emitter *c, const struct ir_op *o)
{
	bool is_signed = o->op == IR_DIVS;
	unsigned a, n = c->ncold;
	struct cold *k;

	if (o->w == 1 || IR_KIND(o->a) == IR_KIND_IMM || (is_signed && c->x->opts_off & JIT_OPT_INLINE))
		return false;
	flags_lost(c);
	a = is_signed ? use(c, o->a, 0) : use_spare(c, o->a, 0, X_R11);
	k = new_cold(c, cold_eval);
	k->op_site = eval_site(c, o);
	if (is_signed) {
		idiv_checks(c, o->w, a, k);
	} else {
		x_alu(&c->cb, X_CMP, o->w, X_RDX, a);
		k->from = x_jcc_fwd(&c->cb, 3);
	}
	x_rr(&c->cb, 0xF7, o->w, is_signed ? 7 : 6, a);
	c->cold[n].join = c->cb.p;
	/* the manual leaves all flags undefined: they are what they were */
	return true;
}
