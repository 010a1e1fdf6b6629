/*
 * lower_misc.c - moves, addresses, fields of struct vcpu, flags as values; and the table of all lowerings.
 */
#include "jit/x64/x64.h"

static bool zeroes(ir_val d)
{
	return IR_KIND(d) != IR_KIND_G;
}

/* From a guest register in memory to one that is not, or a temporary. */
static bool load_gpr(struct emitter *c, const struct ir_op *o, const struct x_mem *m)
{
	unsigned d;

	if (IR_KIND(o->d) != IR_KIND_T && !in_host_reg(o->d))
		return false;
	d = def(c, o->d, o->w);
	if (o->w < 4 && zeroes(o->d))
		x_movzx_m(&c->cb, d, m, o->w);
	else
		x_load(&c->cb, o->w, d, m);
	return true;
}

bool lower_mov(struct emitter *c, const struct ir_op *o)
{
	struct x_mem m;
	unsigned a, d;

	if (in_memory(c, o->a, &m) && load_gpr(c, o, &m))
		return true;
	if (o->w == 8 && in_memory(c, o->d, &m) && IR_KIND(o->a) != IR_KIND_IMM && IR_KIND(o->a) != IR_KIND_GH) {
		x_store(&c->cb, 8, &m, use_spare(c, o->a, 0, X_R11));
		return true;
	}
	if (IR_KIND(o->a) == IR_KIND_IMM && o->w >= 4 && in_memory(c, o->d, &m) && (o->w == 8 ? o->imm : (uint32_t)o->imm) == (int32_t)o->imm) {
		x_store_imm(&c->cb, 8, &m, (int32_t)o->imm);
		return true;
	}
	if (IR_KIND(o->a) == IR_KIND_IMM) {
		d = def(c, o->d, o->w);
		if (o->w >= 4)
			x_movi(&c->cb, o->w, d, (uint64_t)o->imm);
		else if (zeroes(o->d))
			x_movi(&c->cb, 4, d, (uint64_t)o->imm & (o->w == 1 ? 0xFF : 0xFFFF));
		else
			x_movi(&c->cb, o->w, d, (uint64_t)o->imm);
	} else {
		a = use(c, o->a, 0);
		d = def_from(c, o->d, o->w, o->a, a);
		copy(c, o->w, d, a, zeroes(o->d));
		if (IR_KIND(o->d) == IR_KIND_T)
			return true; /* zero-extended already */
	}
	def_end(c, o->d, o->w, d);
	return true;
}

bool lower_zext(struct emitter *c, const struct ir_op *o)
{
	struct x_mem m;
	unsigned a, d;

	if (o->w >= 4 && IR_KIND(o->d) != IR_KIND_GH && in_memory(c, o->a, &m)) {
		d = def(c, o->d, o->w);
		x_movzx_m(&c->cb, d, &m, o->aux);
		def_end(c, o->d, o->w, d);
		return true;
	}
	a = use_spare(c, o->a, o->imm, X_R11);
	if (o->w >= 4 && !(IR_KIND(o->d) == IR_KIND_GH)) {
		d = def(c, o->d, o->w);
		x_movzx(&c->cb, d, a, o->aux);
		def_end(c, o->d, o->w, d);
		return true;
	}
	x_movzx(&c->cb, X_R11, a, o->aux);
	d = def(c, o->d, o->w);
	copy(c, o->w, d, X_R11, zeroes(o->d));
	def_end(c, o->d, o->w, d);
	return true;
}

/* CWD, CDQ, CQO as lift_cwd() makes them, with temporary @t: the host's own, of the same registers. */
unsigned fold_sign(struct emitter *c)
{
	const struct ir_op *ext = &c->ir->op[c->i], *sar = ext + 1, *mov = ext + 2;
	ir_val t = ext->d;

	if (c->x->opts_off & JIT_OPT_FOLD || c->i + 2 >= c->limit || IR_KIND(t) != IR_KIND_T || ext->a != IR_G(GPR_RAX) ||
		ext->w != 8 || sar->op != IR_SARX || sar->w != 8 || sar->d != t || sar->a != t ||
		IR_KIND(sar->b) != IR_KIND_IMM || sar->imm != 63 || mov->op != IR_MOV || mov->a != t || mov->d != IR_G(GPR_RDX) || mov->w != ext->aux || mov->w < 2 || used_later(c, c->i + 3, t))
		return 0;
	if (mov->w != 4)
		codebuf_u8(&c->cb, mov->w == 8 ? 0x48 : 0x66);
	codebuf_u8(&c->cb, 0x99);
	return 3;
}

bool lower_sext(struct emitter *c, const struct ir_op *o)
{
	struct x_mem m;
	unsigned a, d;

	if (o->aux < o->w && in_memory(c, o->a, &m)) {
		d = def(c, o->d, o->w);
		x_movsx_m(&c->cb, o->w, d, &m, o->aux);
	} else {
		a = use_spare(c, o->a, o->imm, X_R11);
		d = def(c, o->d, o->w);
		x_movsx(&c->cb, o->w, d, a, o->aux);
	}
	def_end(c, o->d, o->w, d);
	return true;
}

bool lower_lea(struct emitter *c, const struct ir_op *o)
{
	unsigned d, t;

	if (o->op == IR_LEA && emit_lea(c, o))
		return true;
	t = scratch(c);
	emit_ea(c, &o->m, t, o->op == IR_LIN);
	d = def_from(c, o->d, o->w, IR_NONE, t);
	copy(c, o->w, d, t, zeroes(o->d));
	def_end(c, o->d, o->w, d);
	return true;
}

bool lower_ipval(struct emitter *c, const struct ir_op *o)
{
	struct x_mem base = env_mem(ENV(ip_base));
	unsigned d;

	if (o->imm != (int32_t)o->imm)
		return false;
	x_load(&c->cb, 8, X_R11, &base);
	d = def(c, o->d, o->w);
	if (o->w >= 4) {
		x_lea(&c->cb, o->w, d, &(struct x_mem){X_R11, X_NONE, 0, (int32_t)o->imm});
	} else {
		x_lea(&c->cb, 8, X_R11, &(struct x_mem){X_R11, X_NONE, 0, (int32_t)o->imm});
		copy(c, o->w, d, X_R11, zeroes(o->d));
	}
	def_end(c, o->d, o->w, d);
	return true;
}

bool lower_ldenv(struct emitter *c, const struct ir_op *o)
{
	struct x_mem m = env_mem((int32_t)o->imm - VCPU_BIAS);
	unsigned d;

	x_movzx_m(&c->cb, X_R11, &m, o->aux);
	d = def(c, o->d, o->w);
	copy(c, o->w, d, X_R11, zeroes(o->d));
	def_end(c, o->d, o->w, d);
	return true;
}

bool lower_stenv(struct emitter *c, const struct ir_op *o)
{
	struct x_mem m = env_mem((int32_t)o->imm - VCPU_BIAS);

	if (IR_KIND(o->a) == IR_KIND_IMM)
		return false; /* imm is the field */
	x_store(&c->cb, o->w, &m, use_spare(c, o->a, 0, X_R11));
	return true;
}

bool lower_bswap(struct emitter *c, const struct ir_op *o)
{
	unsigned a, d;

	if (o->w < 4)
		return false;
	a = use_spare(c, o->a, o->imm, X_R11);
	d = def(c, o->d, o->w);
	copy(c, o->w, d, a, true);
	if (o->w == 8 || d > 7)
		codebuf_u8(&c->cb, 0x40 | (o->w == 8 ? 8 : 0) | d >> 3);
	codebuf_u8(&c->cb, 0x0F);
	codebuf_u8(&c->cb, 0xC8 | (d & 7));
	def_end(c, o->d, o->w, d);
	return true;
}

bool lower_setcc(struct emitter *c, const struct ir_op *o)
{
	unsigned d;

	flags_need(c);
	d = def(c, o->d, 1);
	x_setcc(&c->cb, o->cc, d);
	def_end(c, o->d, 1, d);
	return true;
}

bool lower_cmov(struct emitter *c, const struct ir_op *o)
{
	unsigned a, b, d;

	if (o->w == 1 || IR_KIND(o->b) == IR_KIND_IMM)
		return false;
	flags_need(c);
	a = use_spare(c, o->a, o->imm, X_R11);
	b = use(c, o->b, 0);
	d = def_from(c, o->d, o->w, o->b, b);
	if (d == a && d != b) {
		x_rr(&c->cb, X_0F(0x40 | (o->cc ^ 1)), o->w, d, b);
	} else {
		if (d != b)
			copy(c, o->w, d, b, zeroes(o->d));
		x_rr(&c->cb, X_0F(0x40 | o->cc), o->w, d, a);
	}
	def_end(c, o->d, o->w, d);
	return true;
}

bool lower_getf(struct emitter *c, const struct ir_op *o)
{
	struct x_mem lo = env_mem(ENV(fl_save)), hi = env_mem(ENV(fl_save) + 1);
	unsigned d;

	flags_save(c);
	c->fl_host = false;
	d = scratch(c);
	x_movzx_m(&c->cb, X_R11, &lo, 1);
	x_shifti(&c->cb, X_SHL, 4, X_R11, 11);
	x_movzx_m(&c->cb, d, &hi, 1);
	x_alui(&c->cb, X_AND, 4, d, IRF_ALL & 0xFF);
	x_alu(&c->cb, X_OR, 4, X_R11, d);
	d = def(c, o->d, 4);
	copy(c, 4, d, X_R11, true);
	def_end(c, o->d, 4, d);
	return true;
}

bool lower_putf(struct emitter *c, const struct ir_op *o)
{
	struct x_mem lo = env_mem(ENV(fl_save)), hi = env_mem(ENV(fl_save) + 1);
	unsigned low = (unsigned)o->imm & IRF_ALL & 0xFF, a;

	if (IR_KIND(o->a) == IR_KIND_IMM)
		return false;
	if (((unsigned)o->imm & IRF_ALL) != IRF_ALL)
		flags_save(c);
	a = use_spare(c, o->a, 0, X_R11);
	if (a != X_R11)
		x_mov(&c->cb, 4, X_R11, a);
	c->fl_host = false;
	c->fl_env = true;
	if (low == (IRF_ALL & 0xFF)) {
		x_store(&c->cb, 1, &hi, X_R11);
	} else if (low) {
		unsigned t = scratch(c);

		x_mov(&c->cb, 4, t, X_R11);
		x_alui(&c->cb, X_AND, 4, t, (int32_t)low);
		x_alu_mi(&c->cb, X_AND, 1, &hi, (int32_t)(int8_t)~low);
		x_alu_mr(&c->cb, X_OR, 1, &hi, t);
	}
	if (o->imm & IRF_O) {
		x_shifti(&c->cb, X_SHR, 4, X_R11, 11);
		x_alui(&c->cb, X_AND, 4, X_R11, 1);
		x_store(&c->cb, 1, &lo, X_R11);
	}
	return true;
}

bool lower_setf(struct emitter *c, const struct ir_op *o)
{
	flags_before(c, o);
	codebuf_u8(&c->cb, o->imm & 1 ? 0xF9 : 0xF8);
	flags_made(c);
	return true;
}

bool lower_cmc(struct emitter *c, const struct ir_op *o)
{
	flags_need(c);
	codebuf_u8(&c->cb, 0xF5);
	flags_made(c);
	return true;
}

/* What comes behind @o, which ends its block and which C runs. */
static enum site_end ends(const struct emitter *c, const struct ir_op *o)
{
	if (o + 1 != c->ir->op + c->ir->nops || c->ir->mode & MODE_ONE || c->x->jc.off || c->x->opts_off & JIT_OPT_NEXT)
		return ENDS_NOT;
	if (c->ir->term.kind == TERM_RIP)
		return ENDS_RIP;
	if (c->ir->term.kind != TERM_STOP)
		return ENDS_NOT;
	return c->ir->term.soft ? ENDS_SOFT : ENDS_STOP;
}

struct x64_op_site *helper_site(struct emitter *c, const struct ir_op *o)
{
	struct x64_op_site *s = eval_site(c, o);

	s->ends = ends(c, o);
	if (s->ends)
		count_last(c); /* there will be no terminator */
	c->ended = s->ends;
	return s;
}

/* No host code for this form: the one meaning of the op, in C. */
void lower_eval(struct emitter *c, const struct ir_op *o)
{
	flags_save(c);
	spill_temps(c);
	c->mode_after = c->ir->mode;
	emit_eval(c, helper_site(c, o));
	c->fl_host = false;
	c->fl_env = true;
}

lower_fn *const x64_lower[IR_OP_COUNT] = {
	[IR_NATIVE] = lower_native, [IR_HELPER] = lower_helper, [IR_MOV] = lower_mov, [IR_ZEXT] = lower_zext, [IR_SEXT] = lower_sext, [IR_LEA] = lower_lea,
	[IR_LIN] = lower_lea, [IR_IPVAL] = lower_ipval, [IR_LDENV] = lower_ldenv, [IR_STENV] = lower_stenv,
	[IR_BSWAP] = lower_bswap, [IR_LD] = lower_ld, [IR_LDX] = lower_ld, [IR_ST] = lower_st, [IR_STX] = lower_stx,
	[IR_CANON] = lower_canon, [IR_SIDE] = lower_side, [IR_GUARD] = lower_guard, [IR_SEGCHK] = lower_segchk, [IR_ADD] = lower_binary, [IR_ADC] = lower_binary, [IR_SUB] = lower_binary,
	[IR_SBB] = lower_binary, [IR_CMP] = lower_cmp, [IR_AND] = lower_binary, [IR_OR] = lower_binary,
	[IR_XOR] = lower_binary, [IR_TEST] = lower_cmp, [IR_NOT] = lower_unary, [IR_NEG] = lower_unary,
	[IR_INC] = lower_unary, [IR_DEC] = lower_unary, [IR_SHL] = lower_shift, [IR_SHR] = lower_shift,
	[IR_SAR] = lower_shift, [IR_ROL] = lower_shift, [IR_ROR] = lower_shift, [IR_RCL] = lower_shift,
	[IR_RCR] = lower_shift, [IR_SHLD] = lower_double, [IR_SHRD] = lower_double, [IR_IMUL] = lower_imul,
	[IR_MULU] = lower_mul, [IR_MULS] = lower_mul, [IR_DIVU] = lower_div, [IR_DIVS] = lower_div,
	[IR_BT] = lower_bit, [IR_BTS] = lower_bit, [IR_BTR] = lower_bit, [IR_BTC] = lower_bit,
	[IR_BSF] = lower_scan, [IR_BSR] = lower_scan, [IR_TZCNT] = lower_scan, [IR_LZCNT] = lower_scan,
	[IR_POPCNT] = lower_scan, [IR_ANDN] = lower_bmi, [IR_BEXTR] = lower_bmi, [IR_BLSI] = lower_bmi,
	[IR_BLSR] = lower_bmi, [IR_BLSMSK] = lower_bmi, [IR_BZHI] = lower_bmi, [IR_PDEP] = lower_bmi,
	[IR_PEXT] = lower_bmi, [IR_RORX] = lower_bmi, [IR_SHLX] = lower_bmi, [IR_SHRX] = lower_bmi,
	[IR_SARX] = lower_bmi, [IR_SETCC] = lower_setcc, [IR_CMOV] = lower_cmov, [IR_GETF] = lower_getf,
	[IR_PUTF] = lower_putf, [IR_SETF] = lower_setf, [IR_CMC] = lower_cmc,
};
