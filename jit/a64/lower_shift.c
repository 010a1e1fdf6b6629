/*
 * lower_shift.c - shifts and rotates. Counts are masked as the manual says; a count of 0 changes no flag.
 */
#include "jit/a64/a64.h"

/* The operand as 64 bits that a shift of up to 31 (63) places can be seen in: zero- or sign-extended */
static void widen(struct emitter *c, const struct ir_op *o, unsigned d, unsigned a)
{
	if (o->w == 8)
		a_mov(&c->cb, 8, d, a);
	else if (o->op == IR_SAR)
		a_sext(&c->cb, 8, d, a, o->w);
	else
		a_zext(&c->cb, d, a, o->w);
}

/* Bit 0 of @cf = the last bit shifted out; @v is the widened operand, the count @n or in register @nr */
static void carry_out(struct emitter *c, const struct ir_op *o, unsigned cf, unsigned v, unsigned n, unsigned nr)
{
	if (nr == A_NONE) {
		if (o->op != IR_SHL)
			a_ubfx(&c->cb, 8, cf, v, n - 1, 1);
		else if (o->w == 8)
			a_ubfx(&c->cb, 8, cf, v, 64 - n, 1);
		else
			a_ubfx(&c->cb, 8, cf, v, n > 8u * o->w ? 63 : 8 * o->w - n, 1);
		return;
	}
	if (o->op != IR_SHL) {
		a_addi(&c->cb, A_SUB, 4, cf, nr, 1);
		a_two(&c->cb, o->op == IR_SAR ? A_ASRV : A_LSRV, 8, cf, v, cf);
	} else if (o->w == 8) {
		a_add(&c->cb, A_SUB, 4, cf, A_ZR, nr, A_LSL, 0);
		a_two(&c->cb, A_LSRV, 8, cf, v, cf);
	} else {
		a_two(&c->cb, A_LSLV, 8, cf, v, nr);
		a_shifti(&c->cb, A_LSR, 8, cf, cf, 8 * o->w);
	}
	a_logici(&c->cb, A_AND, 8, cf, cf, 1);
}

/* N Z P of the result, C = bit 0 of @cf, V as silicon has it for a count of 1 */
static void shift_flags(struct emitter *c, const struct ir_op *o, unsigned r, unsigned cf, uint16_t wanted)
{
	unsigned top = 8 * o->w - 1;

	flags_of(c, r, o->w, wanted | (wanted & (IRF_C | IRF_O) ? IRF_Z : 0));
	if (!(wanted & (IRF_C | IRF_O)))
		return;
	if (wanted & IRF_O && o->op != IR_SAR) {
		a_shifti(&c->cb, A_LSR, 8, X_S, r, top); /* SHL: MSB ^ CF */
		a_logic(&c->cb, A_EOR, 8, X_S, X_S, o->op == IR_SHL ? cf : r, o->op == IR_SHL ? A_LSL : A_LSR,
			o->op == IR_SHL ? 0 : top - 1);   /* SHR: the two highest bits of the result */
		a_bfi(&c->cb, 8, cf, X_S, 1, 1);
		a_mrs_nzcv(&c->cb, X_S);
		a_bfi(&c->cb, 8, X_S, cf, 29, 1);
		a_shifti(&c->cb, A_LSR, 8, cf, cf, 1);
		a_bfi(&c->cb, 8, X_S, cf, 28, 1);
	} else {
		a_mrs_nzcv(&c->cb, X_S);
		a_bfi(&c->cb, 8, X_S, cf, 29, 1);
	}
	a_msr_nzcv(&c->cb, X_S);
}

static void shift_value(struct emitter *c, const struct ir_op *o, unsigned r, unsigned v, unsigned n, unsigned nr)
{
	static const enum a_shift fixed[] = {A_LSL, A_LSR, A_ASR};
	static const enum a_two variable[] = {A_LSLV, A_LSRV, A_ASRV};
	unsigned k = o->op - IR_SHL;

	if (nr == A_NONE)
		a_shifti(&c->cb, fixed[k], 8, r, v, n);
	else
		a_two(&c->cb, variable[k], 8, r, v, nr);
}

bool lower_shift(struct emitter *c, const struct ir_op *o)
{
	bool imm = IR_KIND(o->b) == IR_KIND_IMM;
	unsigned mask = o->w == 8 ? 63 : 31, n = (unsigned)o->imm & mask, nr = A_NONE, a, v, r, cf;
	uint16_t wanted = flags_wanted(o);
	uint8_t *skip = NULL;

	a = use(c, o->a, o->imm);
	if (imm && n == 0) {
		put(c, o->d, o->w, a);
		return true;
	}
	if (imm && !wanted && o->w >= 4 && whole(o->d, o->w)) {
		static const enum a_shift fixed[] = {A_LSL, A_LSR, A_ASR};

		a_shifti(&c->cb, fixed[o->op - IR_SHL], o->w, def(c, o->d), a, n);
		return true;
	}
	if (!imm && !wanted && o->w >= 4 && whole(o->d, o->w)) { /* the host masks the count as the guest does */
		static const enum a_two variable[] = {A_LSLV, A_LSRV, A_ASRV};
		unsigned b = use(c, o->b, o->imm);

		a_two(&c->cb, variable[o->op - IR_SHL], o->w, def(c, o->d), a, b);
		return true;
	}
	v = scratch(c);
	r = scratch(c);
	cf = scratch(c);
	if (!imm) {
		unsigned b = use(c, o->b, o->imm);

		nr = scratch(c);
		a_logici(&c->cb, A_AND, 4, nr, b, mask);
		if (wanted)
			flags_carry(c); /* one polarity on both ways */
	}
	if (c->starved)
		return false;
	widen(c, o, v, a);
	shift_value(c, o, r, v, n, nr);
	if (o->w < 8)
		a_zext(&c->cb, r, r, o->w);
	if (wanted) {
		if (!imm)
			skip = a_cbz_fwd(&c->cb, false, 4, nr);
		carry_out(c, o, cf, v, n, nr);
		shift_flags(c, o, r, cf, wanted);
		a_here(&c->cb, skip);
	}
	put(c, o->d, o->w, r);
	return true;
}

/* ROL ROR by a constant, or where no flag is wanted: CF and OF only */
bool lower_rotate(struct emitter *c, const struct ir_op *o)
{
	unsigned bits = 8 * o->w, n = (unsigned)o->imm & (o->w == 8 ? 63 : 31) & (bits - 1), a, r, w = o->w == 8 ? 8 : 4;
	bool imm = IR_KIND(o->b) == IR_KIND_IMM, left = o->op == IR_ROL;
	uint16_t wanted = flags_wanted(o);

	if ((!imm && wanted) || (imm && wanted && n == 0 && (o->imm & 31)))
		return false;
	a = use(c, o->a, o->imm);
	if (imm && !wanted && o->w >= 4 && whole(o->d, o->w) && n) {
		a_shifti(&c->cb, A_ROR, w, def(c, o->d), a, left ? bits - n : n);
		return true;
	}
	r = scratch(c);
	a_mov(&c->cb, w, r, a);
	if (o->w == 1)
		a_bfi(&c->cb, 4, r, r, 8, 8);
	if (o->w < 4)
		a_bfi(&c->cb, 4, r, r, 16, 16);
	if (!imm) {
		unsigned b = use(c, o->b, o->imm);

		if (left)
			a_add(&c->cb, A_SUB, 4, X_S2, A_ZR, b, A_LSL, 0);
		a_two(&c->cb, A_RORV, w, r, r, left ? X_S2 : b);
		put(c, o->d, o->w, r);
		return true;
	}
	if (left)
		n = (8 * w - n) % (8 * w);
	if (n)
		a_shifti(&c->cb, A_ROR, w, r, r, n);
	put(c, o->d, o->w, r);
	if (!(wanted & (IRF_C | IRF_O)) || !((unsigned)o->imm & (o->w == 8 ? 63 : 31)))
		return true;
	/* ROL: CF = bit 0, OF = MSB ^ CF. ROR: CF = MSB, OF = MSB ^ the bit below. */
	flags_carry(c);
	a_ubfx(&c->cb, 8, X_S2, r, left ? 0 : bits - 1, 1);
	a_mrs_nzcv(&c->cb, X_S);
	a_bfi(&c->cb, 8, X_S, X_S2, 29, 1);
	a_logic(&c->cb, A_EOR, 8, X_S2, X_S2, r, A_LSR, left ? bits - 1 : bits - 2);
	a_bfi(&c->cb, 8, X_S, X_S2, 28, 1);
	a_msr_nzcv(&c->cb, X_S);
	return true;
}

/* RORX SHLX SHRX SARX: no flags; the host masks the count as the guest does */
bool lower_shiftx(struct emitter *c, const struct ir_op *o)
{
	unsigned a = use(c, o->a, o->imm), b, d;

	if (o->w < 4)
		return false;
	if (o->op == IR_RORX) {
		if (IR_KIND(o->b) != IR_KIND_IMM)
			return false;
		d = def(c, o->d);
		if ((unsigned)o->imm & (8 * o->w - 1))
			a_shifti(&c->cb, A_ROR, o->w, d, a, (unsigned)o->imm & (8 * o->w - 1));
		else
			a_mov(&c->cb, o->w, d, a);
		return true;
	}
	b = use(c, o->b, o->imm);
	a_two(&c->cb, o->op == IR_SHLX ? A_LSLV : o->op == IR_SHRX ? A_LSRV : A_ASRV, o->w, def(c, o->d), a, b);
	return true;
}

/* SHLD SHRD of 4 and 8 bytes by a constant: the host's EXTR */
bool lower_double(struct emitter *c, const struct ir_op *o)
{
	unsigned n = (unsigned)o->imm & (o->w == 8 ? 63 : 31), a, b, r, cf, bits = 8 * o->w;
	bool left = o->op == IR_SHLD;
	uint16_t wanted = flags_wanted(o);

	if (o->w < 4 || IR_KIND(o->c) != IR_KIND_IMM || n == 0)
		return false;
	a = use(c, o->a, 0);
	b = use(c, o->b, 0);
	r = scratch(c);
	cf = scratch(c);
	if (c->starved)
		return false;
	if (left)
		a_extr(&c->cb, o->w, r, a, b, bits - n);
	else
		a_extr(&c->cb, o->w, r, b, a, n);
	if (wanted) {
		a_ubfx(&c->cb, 8, cf, a, left ? bits - n : n - 1, 1);
		flags_of(c, r, o->w, wanted | IRF_Z);
		/* OF: the sign has changed */
		a_logic(&c->cb, A_EOR, 8, X_S2, a, r, A_LSL, 0);
		a_ubfx(&c->cb, 8, X_S2, X_S2, bits - 1, 1);
		a_mrs_nzcv(&c->cb, X_S);
		a_bfi(&c->cb, 8, X_S, cf, 29, 1);
		a_bfi(&c->cb, 8, X_S, X_S2, 28, 1);
		a_msr_nzcv(&c->cb, X_S);
	}
	put(c, o->d, o->w, r);
	return true;
}
