/*
 * x87_number.c - floats and integers of memory to and from the x87's numbers, as routines (x87_math.c says in which registers), and the one
 * that puts the stack's top and tags in order behind a block.
 */
#include "jit/a64/x87_leaf.h"

/* X2, W3 = the float in the lower @w bytes of X2; what is neither normal nor zero becomes what all others turn away, and W4 is not 0. Uses W5 */
const uint8_t *x87_make_get(struct codebuf *cb, unsigned w)
{
	unsigned mant = w == 4 ? 23 : 52, exps = w == 4 ? 8 : 11;
	const uint8_t *at = codebuf_rx(cb);
	uint8_t *special, *none;

	a_ubfx(cb, 8, 3, 2, mant, exps);
	a_ubfx(cb, 8, 4, 2, 8 * w - 1, 1);
	a_addi(cb, A_ADD, 4, 5, 3, 1);
	a_ubfx(cb, 4, 5, 5, 1, exps - 1);
	a_shifti(cb, A_LSL, 8, 2, 2, 63 - mant);
	special = a_cbz_fwd(cb, false, 4, 5);
	a_logici(cb, A_ORR, 8, 2, 2, 1ull << SIGNIFICAND);
	a_addi(cb, A_ADD, 4, 3, 3, 0x3000); /* the bias 16383 for 1023 or 127: 3C00h, 3F80h */
	a_addi(cb, A_ADD, 4, 3, 3, w == 4 ? 0xF80 : 0xC00);
	a_bfi(cb, 4, 3, 4, 15, 1);
	a_movi(cb, 4, 0);
	a_ret(cb);
	a_here(cb, special);
	a_shifti(cb, A_LSL, 4, 5, 4, 15);
	a_logici(cb, A_AND, 8, 2, 2, HALF_LESS); /* the exponent's lowest bit is above the fraction */
	a_movi(cb, 4, 0);
	a_logic(cb, A_ORR, 8, 2, 2, 3, A_LSL, 0);
	none = a_cbz_fwd(cb, false, 8, 2);
	a_movi(cb, 4, 1);
	a_movi(cb, 5, EXPONENT);
	a_here(cb, none);
	a_mov(cb, 4, 3, 5);
	a_ret(cb);
	return at;
}

/* X2, W3 = the integer X2, exactly; uses X4, W5 */
const uint8_t *x87_make_int(struct codebuf *cb)
{
	const uint8_t *at = codebuf_rx(cb);
	uint8_t *zero;

	a_mov(cb, 8, 3, 2);
	zero = a_cbz_fwd(cb, false, 8, 2);
	a_shifti(cb, A_ASR, 8, 3, 2, 63);
	a_logic(cb, A_EOR, 8, 2, 2, 3, A_LSL, 0);
	a_add(cb, A_SUB, 8, 2, 2, 3, A_LSL, 0);
	a_one(cb, A_CLZ, 8, 4, 2);
	a_two(cb, A_LSLV, 8, 2, 2, 4);
	a_movi(cb, 5, 0x403E);
	a_add(cb, A_SUB, 4, 4, 5, 4, A_LSL, 0);
	a_logici(cb, A_AND, 4, 3, 3, 0x8000);
	a_logic(cb, A_ORR, 4, 3, 3, 4, A_LSL, 0);
	a_here(cb, zero);
	a_ret(cb);
	return at;
}

/* X0 = X0, W1 as a float of @w bytes; X7 stays */
const uint8_t *x87_make_put(struct codebuf *cb, unsigned w)
{
	unsigned mant = w == 4 ? 23 : 52, top = w == 4 ? 253 : 2045;
	struct leaf l;
	const uint8_t *at = leaf_begin(&l, cb);
	uint8_t *lacks = a_tbz_fwd(cb, false, 0, SIGNIFICAND);

	a_ldr(cb, 1, 16, X_CPU, ENV(fpu.fcw) + 1);
	leaf_exponent(cb, 4, 1);
	a_addi(cb, A_SUB, 4, 4, 4, 0x3000);
	a_addi(cb, A_SUB, 4, 4, 4, w == 4 ? 0xF80 : 0xC00);
	a_addi(cb, A_SUB, 4, 5, 4, 1);
	a_addi(cb, A_SUBS, 4, A_ZR, 5, top);
	leaf_turn_away(&l, a_bcc_fwd(cb, A_CS)); /* the highest exponent but one: rounding may add to it */
	a_ubfx(cb, 4, 5, 16, 2, 2);
	leaf_turn_away(&l, a_cbz_fwd(cb, true, 4, 5));
	a_shifti(cb, A_LSL, 8, 5, 0, mant + 1);
	a_ubfx(cb, 8, 0, 0, 63 - mant, mant);
	a_logic(cb, A_ORR, 8, 0, 0, 4, A_LSL, mant);
	leaf_nearest(cb, 3, 5, 0);
	a_add(cb, A_ADD, 8, 0, 0, 3, A_LSL, 0);
	a_ubfx(cb, 4, 4, 1, 15, 1);
	a_logic(cb, A_ORR, 8, 0, 0, 4, A_LSL, 8 * w - 1);
	leaf_status(&l, 5, 3);
	a_here(cb, lacks);
	leaf_exponent(cb, 4, 1);
	a_logic(cb, A_ORR, 8, 4, 4, 0, A_LSL, 0);
	leaf_turn_away(&l, a_cbz_fwd(cb, true, 8, 4));
	a_ubfx(cb, 4, 4, 1, 15, 1);
	a_shifti(cb, A_LSL, 8, 0, 4, 8 * w - 1);
	leaf_exact(&l);
	leaf_end(&l);
	return at;
}

/* X0 = X0, W1 as an integer of W3 bits, rounded to nearest or towards zero as FCW has it, or with @truncate; X7 stays */
const uint8_t *x87_make_to_int(struct codebuf *cb, bool truncate)
{
	struct leaf l;
	const uint8_t *at = leaf_begin(&l, cb), *rounded;
	uint8_t *lacks = a_tbz_fwd(cb, false, 0, SIGNIFICAND), *far, *small, *near = NULL, *plus, *fits[2];

	leaf_exponent(cb, 4, 1);
	a_movi(cb, 5, 0x403E);
	a_add(cb, A_SUBS, 4, 5, 5, 4, A_LSL, 0);
	leaf_turn_away(&l, a_bcc_fwd(cb, A_LE));
	a_addi(cb, A_SUBS, 4, A_ZR, 5, 63);
	far = a_bcc_fwd(cb, A_HI);
	a_logic(cb, A_ORN, 4, 6, A_ZR, 5, A_LSL, 0);
	a_shifti(cb, A_LSL, 8, 4, 0, 1);
	a_two(cb, A_LSLV, 8, 4, 4, 6);
	a_two(cb, A_LSRV, 8, 0, 0, 5);
	fits[0] = a_b_fwd(cb);
	a_here(cb, far); /* less than 1: a half or more, or less */
	a_addi(cb, A_SUBS, 4, A_ZR, 5, 64);
	a_mov(cb, 8, 4, 0);
	a_movi(cb, 0, 0);
	fits[1] = a_bcc_fwd(cb, A_EQ);
	a_movi(cb, 4, 1);
	a_here(cb, fits[0]);
	a_here(cb, fits[1]);
	if (!truncate) {
		a_ldr(cb, 1, 16, X_CPU, ENV(fpu.fcw) + 1);
		a_ubfx(cb, 4, 5, 16, 2, 2);
		near = a_cbz_fwd(cb, false, 4, 5);
		a_addi(cb, A_SUBS, 4, A_ZR, 5, 3);
		leaf_turn_away(&l, a_bcc_fwd(cb, A_NE));
	}
	a_movi(cb, 5, 0);
	rounded = codebuf_rx(cb);
	a_addi(cb, A_SUB, 4, 6, 3, 1);
	a_two(cb, A_LSRV, 8, 6, 0, 6);
	leaf_turn_away(&l, a_cbz_fwd(cb, true, 8, 6));
	plus = a_tbz_fwd(cb, false, 1, 15);
	a_add(cb, A_SUB, 8, 0, A_ZR, 0, A_LSL, 0);
	a_here(cb, plus);
	leaf_status(&l, 4, 5);
	if (near) {
		a_here(cb, near);
		leaf_nearest(cb, 5, 4, 0);
		a_add(cb, A_ADD, 8, 0, 0, 5, A_LSL, 0);
		a_b(cb, rounded);
	}
	a_here(cb, lacks);
	leaf_exponent(cb, 4, 1);
	a_logic(cb, A_ORR, 8, 4, 4, 0, A_LSL, 0);
	small = a_cbz_fwd(cb, false, 8, 4);
	leaf_turn_away(&l, a_b_fwd(cb));
	a_here(cb, small);
	leaf_exact(&l);
	leaf_end(&l);
	return at;
}

/*
 * The registers of struct vcpu turned by @turn, and TOP; X_S: in two lanes of 16 bits, each byte twice, the tags to be set and to be cleared,
 * by place in struct vcpu; bit 63: C1 to be cleared. Uses V0..V7, X_S2 only.
 */
const uint8_t *x87_make_settle(struct codebuf *cb, unsigned turn)
{
	const uint8_t *at = codebuf_rx(cb);
	uint8_t *keep;

	a_stp(cb, 0, 1, A_SP, FRAME(regs));
	a_ldr(cb, 2, 0, X_CPU, ENV(fpu.fsw));
	a_ubfx(cb, 4, 1, 0, X87_TOP_AT, 3);
	keep = a_tbz_fwd(cb, false, X_S, 63);
	a_logici(cb, A_AND, 4, 0, 0, ~X87_C1);
	a_here(cb, keep);
	a_two(cb, A_LSLV, 8, X_S, X_S, 1);
	a_addi(cb, A_ADD, 4, 1, 1, turn);
	a_bfi(cb, 4, 0, 1, X87_TOP_AT, 3);
	a_str(cb, 2, 0, X_CPU, ENV(fpu.fsw));
	a_ldr(cb, 1, X_S2, X_CPU, ENV(fpu.ftw));
	a_ubfx(cb, 4, 0, X_S, 8, 8);
	a_logic(cb, A_ORR, 4, X_S2, X_S2, 0, A_LSL, 0);
	a_ubfx(cb, 4, 0, X_S, 24, 8);
	a_logic(cb, A_BIC, 4, X_S2, X_S2, 0, A_LSL, 0);
	a_str(cb, 1, X_S2, X_CPU, ENV(fpu.ftw));
	for (unsigned i = 0; i < 8 && turn; i++)
		a_vldr(cb, 16, i, X_CPU, x87_place(i));
	for (unsigned i = 0; i < 8 && turn; i++)
		a_vstr(cb, 16, i, X_CPU, x87_place(i + 8 - turn));
	a_ldp(cb, 0, 1, A_SP, FRAME(regs));
	a_ret(cb);
	return at;
}
