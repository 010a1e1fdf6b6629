/*
 * lower_misc.c - moves, conditions, single flags, and the table of all lowerings.
 */
#include "jit/a64/a64.h"

bool lower_mov(struct emitter *c, const struct ir_op *o)
{
	if (IR_KIND(o->a) == IR_KIND_IMM && whole(o->d, o->w)) {
		uint64_t v = (uint64_t)o->imm;

		a_movi(&c->cb, def(c, o->d), o->w == 8 ? v : v & ((1ull << 8 * o->w) - 1));
		return true;
	}
	put(c, o->d, o->w, use(c, o->a, o->imm));
	return true;
}

bool lower_zext(struct emitter *c, const struct ir_op *o)
{
	unsigned a = use(c, o->a, o->imm);

	if (whole(o->d, o->w)) {
		a_zext(&c->cb, def(c, o->d), a, o->aux);
		return true;
	}
	a_zext(&c->cb, X_S, a, o->aux);
	put(c, o->d, o->w, X_S);
	return true;
}

bool lower_sext(struct emitter *c, const struct ir_op *o)
{
	unsigned a = use(c, o->a, o->imm);

	if (whole(o->d, o->w) && o->w >= 4) {
		a_sext(&c->cb, o->w, def(c, o->d), a, o->aux);
		return true;
	}
	a_sext(&c->cb, o->w == 8 ? 8 : 4, X_S, a, o->aux);
	put(c, o->d, o->w, X_S);
	return true;
}

/* LEA, LIN */
bool lower_lea(struct emitter *c, const struct ir_op *o)
{
	bool direct = o->op == IR_LEA && whole(o->d, o->w) && o->m.asize >= 4;
	unsigned d = direct ? def(c, o->d) : scratch(c);
	struct ir_mem m = o->m;

	if (direct && o->w == 4) /* of the sum only the lower half is wanted */
		m.asize = 4;
	emit_ea(c, &m, d, o->op == IR_LIN);
	if (!direct)
		put(c, o->d, o->w, d);
	return true;
}

bool lower_ipval(struct emitter *c, const struct ir_op *o)
{
	unsigned d = o->w == 8 && whole(o->d, 8) ? def(c, o->d) : X_S;

	env_load(c, 8, X_S, ENV(ip_base));
	if (!a_addi(&c->cb, A_ADD, 8, d, X_S, (uint64_t)o->imm) && !a_addi(&c->cb, A_SUB, 8, d, X_S, -(uint64_t)o->imm)) {
		a_movi(&c->cb, X_S2, (uint64_t)o->imm);
		a_add(&c->cb, A_ADD, 8, d, X_S, X_S2, A_LSL, 0);
	}
	if (d == X_S)
		put(c, o->d, o->w, X_S);
	return true;
}

bool lower_ldenv(struct emitter *c, const struct ir_op *o)
{
	env_load(c, o->aux, X_S, (int32_t)o->imm);
	put(c, o->d, o->w, X_S);
	return true;
}

bool lower_stenv(struct emitter *c, const struct ir_op *o)
{
	env_store(c, o->w, use(c, o->a, 0), (int32_t)o->imm);
	return true;
}

bool lower_crc32(struct emitter *c, const struct ir_op *o)
{
	unsigned a = use(c, o->a, o->imm), b = use(c, o->b, o->imm);

	if (!(c->x->feat & HOSTF_CRC32))
		return false;
	a_two(&c->cb, (enum a_two)(A_CRC32CB + __builtin_ctz(o->aux)), o->aux == 8 ? 8 : 4, X_S, a, b);
	put(c, o->d, 4, X_S);
	return true;
}

bool lower_bswap(struct emitter *c, const struct ir_op *o)
{
	unsigned a = use(c, o->a, o->imm);

	if (o->w < 4)
		return false;
	a_one(&c->cb, o->w == 8 ? A_REV64 : A_REV32, o->w, def(c, o->d), a);
	return true;
}

/* The parity of X_PF's low byte, folded; PF is set if it is even */
void parity(struct emitter *c, unsigned d)
{
	pa_settle(c);
	a_logic(&c->cb, A_EOR, 4, d, X_PF, X_PF, A_LSR, 4);
	a_logic(&c->cb, A_EOR, 4, d, d, d, A_LSR, 2);
	a_logic(&c->cb, A_EON, 4, d, d, d, A_LSR, 1);
}

enum a_cond host_cond(struct emitter *c, unsigned cc)
{
	switch (cc) {
	case 0: return A_VS;
	case 1: return A_VC;
	case 2: return c->inv ? A_CC : A_CS;
	case 3: return c->inv ? A_CS : A_CC;
	case 4: return A_EQ;
	case 5: return A_NE;
	case 6: /* CF or ZF: the host has it for borrows only */
		flags_borrow(c);
		return A_LS;
	case 7:
		flags_borrow(c);
		return A_HI;
	case 8: return A_MI;
	case 9: return A_PL;
	case 12: return A_LT;
	case 13: return A_GE;
	case 14: return A_LE;
	default: return A_GT;
	}
}

bool lower_setcc(struct emitter *c, const struct ir_op *o)
{
	if ((o->cc & ~1) == 10) {
		parity(c, X_S);
		if (o->cc & 1)
			a_logic(&c->cb, A_ORN, 4, X_S, A_ZR, X_S, A_LSL, 0);
		a_logici(&c->cb, A_AND, 4, X_S, X_S, 1);
	} else {
		a_cset(&c->cb, X_S, host_cond(c, o->cc));
	}
	put(c, o->d, 1, X_S);
	return true;
}

bool lower_cmov(struct emitter *c, const struct ir_op *o)
{
	unsigned a = use(c, o->a, o->imm), b = use(c, o->b, o->imm), w = o->w == 8 ? 8 : 4;
	uint8_t *skip;

	if ((o->cc & ~1) == 10) {
		parity(c, X_S2);
		a_mov(&c->cb, w, X_S, a);
		skip = a_tbz_fwd(&c->cb, !(o->cc & 1), X_S2, 0);
		a_mov(&c->cb, w, X_S, b);
		a_here(&c->cb, skip);
		put(c, o->d, o->w, X_S);
		return true;
	}
	if (whole(o->d, o->w)) {
		enum a_cond cc = host_cond(c, o->cc);

		a_sel(&c->cb, A_CSEL, w, def(c, o->d), a, b, cc);
		def_end(c, o->d, o->w, def(c, o->d));
		return true;
	}
	a_sel(&c->cb, A_CSEL, w, X_S, a, b, host_cond(c, o->cc));
	put(c, o->d, o->w, X_S);
	return true;
}

bool lower_setf(struct emitter *c, const struct ir_op *o)
{
	if (!(flags_wanted(o) & IRF_C))
		return true;
	a_movi(&c->cb, X_S2, (uint64_t)o->imm & 1);
	set_carry(c, X_S2);
	return true;
}

bool lower_cmc(struct emitter *c, const struct ir_op *o)
{
	(void)o;
	c->inv = !c->inv;
	return true;
}

lower_fn *const a64_lower[IR_OP_COUNT] = {
	[IR_NATIVE] = lower_native, [IR_CRC32] = lower_crc32, [IR_MOV] = lower_mov, [IR_ZEXT] = lower_zext, [IR_SEXT] = lower_sext, [IR_LEA] = lower_lea, [IR_LIN] = lower_lea,
	[IR_IPVAL] = lower_ipval, [IR_LDENV] = lower_ldenv, [IR_STENV] = lower_stenv, [IR_BSWAP] = lower_bswap,
	[IR_LD] = lower_ld, [IR_LDX] = lower_ld, [IR_ST] = lower_st, [IR_STX] = lower_stx, [IR_SEGCHK] = lower_segchk,
	[IR_CANON] = lower_canon, [IR_GUARD] = lower_guard,
	[IR_ADD] = lower_binary, [IR_ADC] = lower_binary, [IR_SUB] = lower_binary, [IR_SBB] = lower_binary,
	[IR_CMP] = lower_binary, [IR_AND] = lower_binary, [IR_OR] = lower_binary, [IR_XOR] = lower_binary,
	[IR_TEST] = lower_binary, [IR_ANDN] = lower_binary, [IR_NOT] = lower_unary, [IR_NEG] = lower_unary,
	[IR_INC] = lower_incdec, [IR_DEC] = lower_incdec, [IR_SHL] = lower_shift, [IR_SHR] = lower_shift,
	[IR_SAR] = lower_shift, [IR_ROL] = lower_rotate, [IR_ROR] = lower_rotate, [IR_SHLD] = lower_double,
	[IR_SHRD] = lower_double, [IR_IMUL] = lower_imul, [IR_MULU] = lower_mul, [IR_MULS] = lower_mul,
	[IR_DIVU] = lower_div, [IR_DIVS] = lower_div, [IR_BT] = lower_bit, [IR_BTS] = lower_bit, [IR_BTR] = lower_bit,
	[IR_BTC] = lower_bit, [IR_TZCNT] = lower_scan, [IR_LZCNT] = lower_scan, [IR_RORX] = lower_shiftx,
	[IR_SHLX] = lower_shiftx, [IR_SHRX] = lower_shiftx, [IR_SARX] = lower_shiftx, [IR_MULX] = lower_mulx,
	[IR_SETCC] = lower_setcc, [IR_CMOV] = lower_cmov, [IR_SETF] = lower_setf, [IR_CMC] = lower_cmc,
};
