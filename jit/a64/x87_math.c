/*
 * x87_math.c - the x87's arithmetic on normal numbers and zeros, as routines that translated code calls with BL.
 *
 * AArch64 has no 80-bit format, so that these work in integers, in the registers an instruction's temporaries may be in: X0..X7, X16, X17.
 * They are exact: rounding to nearest with 64 or 53 bits as FCW has it (others' results, when they need no rounding), C1 and PE in FSW
 * by the remainder. All else - NaNs, infinities, denormals in or out, overflow, other roundings, values an integer cannot hold - they
 * turn away (W2 not 0, nothing changed), and C does the instruction (cpu/fpu). NZCV comes back as it was.
 *
 * A number is a significand with bit 63 set, and a word with sign and exponent as in memory: X0 and W1 the first operand and the result, X2
 * and W3 the second. Where a result is rounded, X4 holds what is below its last bit, as a fraction of 2^64 with the lowest bit sticky.
 * Source: Intel SDM Vol. 1 4.8.4, 8.1.3, 8.5.6; IEEE 754-2008 4.3.
 */
#include "jit/a64/x87_leaf.h"

/* The end of arithmetic: X0 and W1 with the remainder X4, to the precision in W16 (the upper byte of FCW). */
static void finish(struct leaf *l)
{
	struct codebuf *cb = l->cb;
	uint8_t *precise, *none, *over[2], *on[2];
	const uint8_t *done;

	a_addi(cb, A_SUBS, 4, A_ZR, 16, 3);
	precise = a_bcc_fwd(cb, A_EQ);
	a_addi(cb, A_SUBS, 4, A_ZR, 16, 2);
	leaf_turn_away(l, a_bcc_fwd(cb, A_NE));
	a_addi(cb, A_SUBS, 8, A_ZR, 4, 0);
	a_cset(cb, 6, A_NE);
	a_shifti(cb, A_LSL, 8, 4, 0, 53);
	a_logic(cb, A_ORR, 8, 4, 4, 6, A_LSL, 0);
	a_logici(cb, A_AND, 8, 0, 0, ~0x7FFull);
	a_shifti(cb, A_LSR, 8, 5, 0, 11);
	leaf_nearest(cb, 5, 4, 5);
	a_add(cb, A_ADDS, 8, 0, 0, 5, A_LSL, 11);
	over[0] = a_bcc_fwd(cb, A_CS);
	on[0] = a_b_fwd(cb);
	a_here(cb, precise);
	none = a_cbz_fwd(cb, false, 8, 4);
	leaf_nearest(cb, 5, 4, 0);
	a_add(cb, A_ADDS, 8, 0, 0, 5, A_LSL, 0);
	over[1] = a_bcc_fwd(cb, A_CS);
	a_here(cb, on[0]);
	done = codebuf_rx(cb);
	leaf_status(l, 4, 5);
	a_here(cb, over[0]);
	a_here(cb, over[1]);
	a_movi(cb, 0, 1ull << SIGNIFICAND);
	a_addi(cb, A_ADD, 4, 1, 1, 1);
	a_b(cb, done);
	a_here(cb, none);
	leaf_exact(l);
}

/* Turn away an exponent of @above less than the highest; uses W6 */
static void not_high(struct leaf *l, unsigned e, unsigned above)
{
	a_addi(l->cb, A_ADD, 4, 6, e, 1 + above);
	leaf_turn_away(l, a_tbz_fwd(l->cb, true, 6, 15));
}

/* W4 and W5: the exponents of two numbers that have bit 63; turns away what is not normal. Uses W6, W7 */
static void normal_pair(struct leaf *l)
{
	struct codebuf *cb = l->cb;

	leaf_exponent(cb, 4, 1);
	leaf_exponent(cb, 5, 3);
	a_addi(cb, A_ADD, 4, 6, 4, 1);
	a_addi(cb, A_ADD, 4, 7, 5, 1);
	a_logic(cb, A_ORR, 4, 6, 6, 7, A_LSL, 0);
	leaf_turn_away(l, a_tbz_fwd(cb, true, 6, 15));
	leaf_turn_away(l, a_cbz_fwd(cb, false, 4, 4));
	leaf_turn_away(l, a_cbz_fwd(cb, false, 4, 5));
}

/* Branch if one of the operands lacks bit 63; uses X4 */
static uint8_t *one_lacks(struct codebuf *cb)
{
	a_logic(cb, A_AND, 8, 4, 0, 2, A_LSL, 0);
	return a_tbz_fwd(cb, false, 4, SIGNIFICAND);
}

static void swap(struct codebuf *cb, unsigned w, unsigned a, unsigned b)
{
	a_mov(cb, w, 7, a);
	a_mov(cb, w, a, b);
	a_mov(cb, w, b, 7);
}

/* Of two operands one is zero: that one becomes the second, or both are turned away; the first is normal. Uses X4..X7 */
static void zero_second(struct leaf *l)
{
	struct codebuf *cb = l->cb;
	uint8_t *zero;

	leaf_exponent(cb, 5, 3);
	a_logic(cb, A_ORR, 8, 5, 5, 2, A_LSL, 0);
	zero = a_cbz_fwd(cb, false, 8, 5);
	leaf_exponent(cb, 5, 1);
	a_logic(cb, A_ORR, 8, 5, 5, 0, A_LSL, 0);
	leaf_turn_away(l, a_cbz_fwd(cb, true, 8, 5));
	swap(cb, 8, 0, 2);
	swap(cb, 4, 1, 3);
	a_here(cb, zero);
	leaf_turn_away(l, a_tbz_fwd(cb, false, 0, SIGNIFICAND));
	leaf_exponent(cb, 4, 1);
	leaf_turn_away(l, a_cbz_fwd(cb, false, 4, 4));
	not_high(l, 4, 1);
}

/* X2 and the remainder X4 = X2 / 2^W6, W6 0..63; uses W5 */
static void shift_right(struct codebuf *cb)
{
	a_logic(cb, A_ORN, 4, 5, A_ZR, 6, A_LSL, 0);
	a_shifti(cb, A_LSL, 8, 4, 2, 1);
	a_two(cb, A_LSLV, 8, 4, 4, 5);
	a_two(cb, A_LSRV, 8, 2, 2, 6);
}

/* X0 with the remainder X4 becomes normal, W1's exponent less; W6 too far apart comes in by *@far. Then to finish() by *@done */
static void subtract(struct leaf *l, uint8_t **done, uint8_t **nothing)
{
	struct codebuf *cb = l->cb;
	uint8_t *far, *next, *much, *no_borrow, *zero;

	a_addi(cb, A_SUBS, 4, A_ZR, 6, 63);
	far = a_bcc_fwd(cb, A_HI);
	shift_right(cb);
	a_add(cb, A_SUBS, 8, 4, A_ZR, 4, A_LSL, 0);
	a_adc(cb, true, true, 8, 0, 0, 2);
	no_borrow = a_bcc_fwd(cb, A_CS);
	a_add(cb, A_SUB, 8, 0, A_ZR, 0, A_LSL, 0); /* as large, or the second is larger: there is no remainder */
	a_logici(cb, A_EOR, 4, 1, 1, 0x8000);
	a_here(cb, no_borrow);
	zero = a_cbz_fwd(cb, false, 8, 0);
	next = a_b_fwd(cb);
	/* 64 or more apart: what is taken away is all remainder; beyond, less than a quarter of the first's last bit */
	a_here(cb, far);
	a_addi(cb, A_SUBS, 4, A_ZR, 6, 64);
	a_add(cb, A_SUB, 8, 4, A_ZR, 2, A_LSL, 0);
	much = a_bcc_fwd(cb, A_EQ);
	a_shifti(cb, A_LSL, 8, 5, 0, 1);
	leaf_turn_away(l, a_cbz_fwd(cb, false, 8, 5)); /* a power of two: its lower neighbour is half as far */
	a_logic(cb, A_ORN, 8, 4, A_ZR, A_ZR, A_LSL, 0);
	a_here(cb, much);
	a_addi(cb, A_SUB, 8, 0, 0, 1);
	a_here(cb, next);
	a_one(cb, A_CLZ, 8, 5, 0);
	done[0] = a_cbz_fwd(cb, false, 4, 5);
	a_logic(cb, A_ORN, 4, 6, A_ZR, 5, A_LSL, 0);
	a_shifti(cb, A_LSR, 8, 2, 4, 1);
	a_two(cb, A_LSRV, 8, 2, 2, 6);
	a_two(cb, A_LSLV, 8, 0, 0, 5);
	a_two(cb, A_LSLV, 8, 4, 4, 5);
	a_logic(cb, A_ORR, 8, 0, 0, 2, A_LSL, 0);
	leaf_exponent(cb, 6, 1);
	a_add(cb, A_SUBS, 4, 6, 6, 5, A_LSL, 0);
	leaf_turn_away(l, a_bcc_fwd(cb, A_LE));
	a_add(cb, A_SUB, 4, 1, 1, 5, A_LSL, 0);
	done[1] = a_b_fwd(cb);
	/* nothing left: +0, when rounding to nearest */
	a_here(cb, zero);
	leaf_turn_away(l, a_cbz_fwd(cb, true, 8, 4));
	a_addi(cb, A_SUBS, 4, A_ZR, 16, 3);
	leaf_turn_away(l, a_bcc_fwd(cb, A_HI));
	a_movi(cb, 1, 0);
	*nothing = a_b_fwd(cb);
}

/* W6 = how much larger the first operand's exponent is, W4, W5: the exponents; the operands have been put in that order */
static void by_exponent(struct leaf *l)
{
	struct codebuf *cb = l->cb;
	uint8_t *ordered;

	leaf_exponent(cb, 4, 1);
	leaf_exponent(cb, 5, 3);
	a_add(cb, A_SUBS, 4, 6, 4, 5, A_LSL, 0);
	ordered = a_bcc_fwd(cb, A_PL);
	swap(cb, 8, 0, 2);
	swap(cb, 4, 1, 3);
	swap(cb, 4, 4, 5);
	a_add(cb, A_SUB, 4, 6, A_ZR, 6, A_LSL, 0);
	a_here(cb, ordered);
}

static const uint8_t *make_add(struct codebuf *cb)
{
	struct leaf l;
	const uint8_t *at = leaf_begin(&l, cb);
	uint8_t *lacks, *differ, *far, *done[6], *one, *nothing;

	a_ldr(cb, 1, 16, X_CPU, ENV(fpu.fcw) + 1);
	lacks = one_lacks(cb);
	by_exponent(&l);
	leaf_turn_away(&l, a_cbz_fwd(cb, false, 4, 5));
	a_addi(cb, A_ADD, 4, 5, 4, 2);
	leaf_turn_away(&l, a_tbz_fwd(cb, true, 5, 15));
	a_logic(cb, A_EOR, 4, 5, 1, 3, A_LSL, 0);
	differ = a_tbz_fwd(cb, true, 5, 15);
	a_addi(cb, A_SUBS, 4, A_ZR, 6, 63);
	far = a_bcc_fwd(cb, A_HI);
	shift_right(cb);
	a_add(cb, A_ADDS, 8, 0, 0, 2, A_LSL, 0);
	done[0] = a_bcc_fwd(cb, A_CC);
	a_logici(cb, A_AND, 8, 5, 4, 1);
	a_extr(cb, 8, 4, 0, 4, 1);
	a_logic(cb, A_ORR, 8, 4, 4, 5, A_LSL, 0);
	a_shifti(cb, A_LSR, 8, 0, 0, 1);
	a_logici(cb, A_ORR, 8, 0, 0, 1ull << SIGNIFICAND);
	a_addi(cb, A_ADD, 4, 1, 1, 1);
	done[1] = a_b_fwd(cb);
	a_here(cb, far); /* 64 apart: all of the second is remainder; beyond: something is left */
	a_addi(cb, A_SUBS, 4, A_ZR, 6, 64);
	a_mov(cb, 8, 4, 2);
	done[2] = a_bcc_fwd(cb, A_EQ);
	a_movi(cb, 4, 1);
	done[3] = a_b_fwd(cb);
	a_here(cb, lacks);
	zero_second(&l);
	a_movi(cb, 4, 0);
	one = a_b_fwd(cb);
	a_here(cb, differ);
	subtract(&l, done + 4, &nothing);
	for (unsigned i = 0; i < ARRAY_SIZE(done); i++)
		a_here(cb, done[i]);
	a_here(cb, one);
	finish(&l);
	a_here(cb, nothing);
	leaf_exact(&l);
	leaf_end(&l);
	return at;
}

/* The exponent in W4 must be 1 to 7FFDh (rounding may add one); uses W5, W6. Then W1, the sign, gets it. */
static void combine(struct leaf *l)
{
	struct codebuf *cb = l->cb;

	a_addi(cb, A_SUB, 4, 5, 4, 1);
	a_movi(cb, 6, EXPONENT - 2);
	a_add(cb, A_SUBS, 4, A_ZR, 5, 6, A_LSL, 0);
	leaf_turn_away(l, a_bcc_fwd(cb, A_CS));
	a_logic(cb, A_ORR, 4, 1, 1, 4, A_LSL, 0);
}

static void sign_of_both(struct codebuf *cb)
{
	a_logic(cb, A_EOR, 4, 1, 1, 3, A_LSL, 0);
	a_logici(cb, A_AND, 4, 1, 1, 0x8000);
}

static const uint8_t *make_mul(struct codebuf *cb)
{
	struct leaf l;
	const uint8_t *at = leaf_begin(&l, cb);
	uint8_t *lacks, *full;

	a_ldr(cb, 1, 16, X_CPU, ENV(fpu.fcw) + 1);
	lacks = one_lacks(cb);
	normal_pair(&l);
	sign_of_both(cb);
	a_add(cb, A_ADD, 4, 6, 4, 5, A_LSL, 0);
	a_movi(cb, 7, 0x3FFE);
	a_mul(cb, 8, 4, 0, 2);
	a_mulh(cb, false, 0, 0, 2);
	full = a_tbz_fwd(cb, true, 0, SIGNIFICAND);
	a_extr(cb, 8, 0, 0, 4, 63);
	a_shifti(cb, A_LSL, 8, 4, 4, 1);
	a_addi(cb, A_ADD, 4, 7, 7, 1);
	a_here(cb, full);
	a_mov(cb, 8, 3, 4);
	a_add(cb, A_SUB, 4, 4, 6, 7, A_LSL, 0);
	combine(&l);
	a_mov(cb, 8, 4, 3);
	finish(&l);
	a_here(cb, lacks); /* zero times a normal number */
	zero_second(&l);
	sign_of_both(cb);
	a_movi(cb, 0, 0);
	leaf_exact(&l);
	leaf_end(&l);
	return at;
}

/*
 * One 32-bit digit of a quotient, Knuth's algorithm D: @q = the digit of X0:@next / X2, X0 = the remainder. W6 and W7: the divisor's
 * halves; uses X4, X5. X0 < X2
 */
static void digit(struct codebuf *cb, unsigned q, unsigned next)
{
	uint8_t *big, *right, *no_more;
	const uint8_t *again;

	a_two(cb, A_UDIV, 8, q, 0, 6);
	a_msub(cb, 8, 4, q, 6, 0);
	again = codebuf_rx(cb);
	a_shifti(cb, A_LSR, 8, 5, q, 32);
	big = a_cbz_fwd(cb, true, 8, 5);
	a_mul(cb, 8, 5, q, 7);
	a_logic(cb, A_ORR, 8, 1, next, 4, A_LSL, 32);
	a_add(cb, A_SUBS, 8, A_ZR, 5, 1, A_LSL, 0);
	right = a_bcc_fwd(cb, A_LS);
	a_here(cb, big);
	a_addi(cb, A_SUB, 8, q, q, 1);
	a_add(cb, A_ADD, 8, 4, 4, 6, A_LSL, 0);
	a_shifti(cb, A_LSR, 8, 5, 4, 32);
	no_more = a_cbz_fwd(cb, true, 8, 5);
	a_b(cb, again);
	a_here(cb, right);
	a_here(cb, no_more);
	a_logic(cb, A_ORR, 8, 0, next, 0, A_LSL, 32);
	a_msub(cb, 8, 0, q, 2, 0);
}

static const uint8_t *make_div(struct codebuf *cb)
{
	struct leaf l;
	const uint8_t *at = leaf_begin(&l, cb);
	uint8_t *less, *more[2];

	a_ldr(cb, 1, 16, X_CPU, ENV(fpu.fcw) + 1);
	leaf_turn_away(&l, one_lacks(cb));
	normal_pair(&l);
	sign_of_both(cb);
	a_add(cb, A_SUB, 4, 4, 4, 5, A_LSL, 0);
	a_movi(cb, 5, 0x3FFE);
	a_add(cb, A_ADD, 4, 4, 4, 5, A_LSL, 0);
	/* the dividend X0:X3 such that the quotient has 64 bits */
	a_movi(cb, 3, 0);
	a_add(cb, A_SUBS, 8, A_ZR, 0, 2, A_LSL, 0);
	less = a_bcc_fwd(cb, A_CC);
	a_shifti(cb, A_LSL, 8, 3, 0, 63);
	a_shifti(cb, A_LSR, 8, 0, 0, 1);
	a_addi(cb, A_ADD, 4, 4, 4, 1);
	a_here(cb, less);
	combine(&l);
	a_str(cb, 8, A_LR, A_SP, FRAME(back));
	a_shifti(cb, A_LSR, 8, 6, 2, 32);
	a_zext(cb, 7, 2, 4);
	a_shifti(cb, A_LSR, 8, 3, 3, 32); /* its lower half is 0 */
	a_bfi(cb, 8, 16, 1, 8, 16);	  /* W1 is used */
	digit(cb, A_LR, 3);
	a_movi(cb, 3, 0);
	a_str(cb, 8, A_LR, A_SP, FRAME(val));
	digit(cb, A_LR, 3);
	a_ldr(cb, 8, 3, A_SP, FRAME(val));
	a_mov(cb, 8, 4, 0);
	a_logic(cb, A_ORR, 8, 0, A_LR, 3, A_LSL, 32);
	a_ubfx(cb, 4, 1, 16, 8, 16);
	a_logici(cb, A_AND, 4, 16, 16, 0xFF);
	a_ldr(cb, 8, A_LR, A_SP, FRAME(back));
	/* the remainder X4 as a fraction of the divisor: none, less than a half, or more; it is never a half */
	a_logic(cb, A_ORN, 8, 6, A_ZR, A_ZR, A_LSL, 0);
	a_add(cb, A_ADDS, 8, 5, 4, 4, A_LSL, 0);
	more[0] = a_bcc_fwd(cb, A_CS);
	a_add(cb, A_SUBS, 8, A_ZR, 5, 2, A_LSL, 0);
	more[1] = a_bcc_fwd(cb, A_HI);
	a_addi(cb, A_SUBS, 8, A_ZR, 4, 0);
	a_cset(cb, 6, A_NE);
	a_here(cb, more[0]);
	a_here(cb, more[1]);
	a_mov(cb, 8, 4, 6);
	finish(&l);
	leaf_end(&l);
	return at;
}

/* X4:X5 = the remainder X6:0 - X0 * X0; uses X7 */
static void square_from(struct codebuf *cb)
{
	a_mul(cb, 8, 5, 0, 0);
	a_mulh(cb, false, 7, 0, 0);
	a_add(cb, A_SUBS, 8, 5, 3, 5, A_LSL, 0);
	a_adc(cb, true, true, 8, 4, 6, 7);
}

/*
 * X0 = the root of X6:X3, 2^126 or more, rounded down, X4:X5 = what is left. The host's square root is good for 52 bits, one step of Newton's
 * method makes it the root or a neighbour. FPSR is put back. Uses X2, X7, V0
 */
static void root(struct codebuf *cb)
{
	uint8_t *enough, *more, *large;
	const uint8_t *again;

	a_mrs_fpsr(cb, 2);
	a_v2(cb, A_GUCVTF | 1u << 31 | A_VS(1), 0, 6);
	a_v2(cb, A_SFSQRT | A_VS(1), 0, 0);
	a_v2(cb, A_GFCVTZU_32 | 1u << 31 | A_VS(1), 0, 0);
	a_msr_fpsr(cb, 2);
	square_from(cb);
	a_extr(cb, 8, 4, 4, 5, 15); /* less than 2^78, of whatever sign */
	a_shifti(cb, A_LSR, 8, 7, 0, 14);
	a_two(cb, A_SDIV, 8, 4, 4, 7);
	a_add(cb, A_ADD, 8, 0, 0, 4, A_LSL, 0);
	square_from(cb);
	again = codebuf_rx(cb);
	enough = a_tbz_fwd(cb, false, 4, 63);
	a_addi(cb, A_SUB, 8, 0, 0, 1); /* it is less: 2 X0 + 1 more are left */
	a_add(cb, A_ADDS, 8, 5, 5, 0, A_LSL, 0);
	a_adc(cb, false, false, 8, 4, 4, A_ZR);
	a_add(cb, A_ADDS, 8, 5, 5, 0, A_LSL, 0);
	a_adc(cb, false, false, 8, 4, 4, A_ZR);
	a_addi(cb, A_ADDS, 8, 5, 5, 1);
	a_adc(cb, false, false, 8, 4, 4, A_ZR);
	a_b(cb, again);
	a_here(cb, enough);
	again = codebuf_rx(cb);
	a_add(cb, A_SUBS, 8, 7, 5, 0, A_LSL, 0); /* and 2 X0 + 1 or more are left, if it is more */
	a_adc(cb, true, true, 8, 2, 4, A_ZR);
	more = a_bcc_fwd(cb, A_CC);
	a_add(cb, A_SUBS, 8, 7, 7, 0, A_LSL, 0);
	a_adc(cb, true, true, 8, 2, 2, A_ZR);
	large = a_bcc_fwd(cb, A_CC);
	a_addi(cb, A_SUBS, 8, 5, 7, 1);
	a_adc(cb, true, true, 8, 7, 2, A_ZR);
	enough = a_bcc_fwd(cb, A_CC);
	a_mov(cb, 8, 4, 7);
	a_addi(cb, A_ADD, 8, 0, 0, 1);
	a_b(cb, again);
	a_here(cb, enough); /* X5 has been overwritten: what is left is 2 X0 */
	a_add(cb, A_ADDS, 8, 5, 0, 0, A_LSL, 0);
	a_here(cb, more);
	a_here(cb, large);
}

/* FSQRT of a positive normal number */
static const uint8_t *make_root(struct codebuf *cb)
{
	struct leaf l;
	const uint8_t *at = leaf_begin(&l, cb);
	uint8_t *odd, *half;

	a_ldr(cb, 1, 16, X_CPU, ENV(fpu.fcw) + 1);
	leaf_turn_away(&l, a_tbz_fwd(cb, false, 0, SIGNIFICAND));
	leaf_turn_away(&l, a_tbz_fwd(cb, true, 1, 15));
	leaf_turn_away(&l, a_cbz_fwd(cb, false, 4, 1));
	not_high(&l, 1, 0);
	a_mov(cb, 8, 6, 0);
	a_movi(cb, 3, 0);
	odd = a_tbz_fwd(cb, false, 1, 0); /* the bias is odd, and so is this exponent: the significand counts twice */
	a_shifti(cb, A_LSL, 8, 3, 0, 63);
	a_shifti(cb, A_LSR, 8, 6, 0, 1);
	a_here(cb, odd);
	a_movi(cb, 4, 0x3FFF);
	a_add(cb, A_ADD, 4, 1, 1, 4, A_LSL, 0);
	a_shifti(cb, A_LSR, 4, 1, 1, 1);
	root(cb);
	/* more than the root is left: it is nearer to the next; never in the middle */
	a_logic(cb, A_ORR, 8, 6, 4, 5, A_LSL, 0);
	a_add(cb, A_SUBS, 8, A_ZR, 0, 5, A_LSL, 0);
	a_adc(cb, true, true, 8, A_ZR, A_ZR, 4);
	half = a_bcc_fwd(cb, A_CC);
	a_addi(cb, A_SUBS, 8, A_ZR, 6, 0);
	a_cset(cb, 4, A_NE);
	odd = a_b_fwd(cb);
	a_here(cb, half);
	a_logic(cb, A_ORN, 8, 4, A_ZR, A_ZR, A_LSL, 0);
	a_here(cb, odd);
	finish(&l);
	leaf_end(&l);
	return at;
}

/* Turn away what is neither normal nor zero: significand @sig, exponent @e; uses W6 */
static void number(struct leaf *l, unsigned sig, unsigned e)
{
	struct codebuf *cb = l->cb;
	uint8_t *normal = a_tbz_fwd(cb, true, sig, SIGNIFICAND), *zero;

	a_logic(cb, A_ORR, 8, 6, sig, e, A_LSL, 0);
	leaf_turn_away(l, a_cbz_fwd(cb, true, 8, 6));
	zero = a_b_fwd(cb);
	a_here(cb, normal);
	leaf_turn_away(l, a_cbz_fwd(cb, false, 4, e));
	not_high(l, e, 0);
	a_here(cb, zero);
}

/* W4 = is the first less, W5 = are they equal: FCOM's C0 and C3, FCOMI's CF and ZF */
static void compare(struct leaf *l)
{
	struct codebuf *cb = l->cb;
	uint8_t *lacks = one_lacks(cb), *signs, *told, *minus, *out[3];
	const uint8_t *sound;

	normal_pair(l);
	sound = codebuf_rx(cb);
	a_logic(cb, A_EOR, 4, 6, 1, 3, A_LSL, 0);
	signs = a_tbz_fwd(cb, true, 6, 15);
	a_add(cb, A_SUBS, 4, A_ZR, 4, 5, A_LSL, 0);
	told = a_bcc_fwd(cb, A_NE);
	a_add(cb, A_SUBS, 8, A_ZR, 0, 2, A_LSL, 0);
	a_here(cb, told);
	a_cset(cb, 5, A_EQ);
	a_cset(cb, 4, A_CC);
	minus = a_tbz_fwd(cb, true, 1, 15);
	out[0] = a_b_fwd(cb);
	a_here(cb, minus);
	a_cset(cb, 4, A_HI);
	out[1] = a_b_fwd(cb);
	a_here(cb, lacks);
	leaf_exponent(cb, 4, 1);
	leaf_exponent(cb, 5, 3);
	number(l, 0, 4);
	number(l, 2, 5);
	a_logic(cb, A_ORR, 8, 6, 0, 2, A_LSL, 0);
	out[2] = a_cbz_fwd(cb, true, 8, 6);
	a_movi(cb, 4, 0); /* zeros, of whatever sign */
	a_movi(cb, 5, 1);
	told = a_b_fwd(cb);
	a_here(cb, out[2]);
	a_b(cb, sound);
	a_here(cb, signs);
	a_ubfx(cb, 4, 4, 1, 15, 1);
	a_movi(cb, 5, 0);
	a_here(cb, out[0]);
	a_here(cb, out[1]);
	a_here(cb, told);
}

static const uint8_t *make_com(struct codebuf *cb, bool eflags)
{
	struct leaf l;
	const uint8_t *at = leaf_begin(&l, cb);

	compare(&l);
	if (eflags) {
		a_shifti(cb, A_LSL, 4, 4, 4, 29);
		a_logic(cb, A_ORR, 4, SAVED, 4, 5, A_LSL, 30);
	} else {
		a_ldr(cb, 2, 6, X_CPU, ENV(fpu.fsw));
		a_bfi(cb, 4, 6, 4, 8, 3);
		a_bfi(cb, 4, 6, 5, 14, 1);
		a_str(cb, 2, 6, X_CPU, ENV(fpu.fsw));
	}
	leaf_leave(&l);
	leaf_end(&l);
	return at;
}

void a64_make_x87(struct a64 *x, struct codebuf *cb)
{
	const uint8_t **at = x->stub.x87;

	at[X87_ADD] = make_add(cb);
	at[X87_MUL] = make_mul(cb);
	at[X87_DIV] = make_div(cb);
	at[X87_ROOT] = make_root(cb);
	at[X87_COM] = make_com(cb, false);
	at[X87_COMI] = make_com(cb, true);
	at[X87_GET32] = x87_make_get(cb, 4);
	at[X87_GET64] = x87_make_get(cb, 8);
	at[X87_INT] = x87_make_int(cb);
	at[X87_PUT32] = x87_make_put(cb, 4);
	at[X87_PUT64] = x87_make_put(cb, 8);
	at[X87_TO_INT] = x87_make_to_int(cb, false);
	at[X87_TRUNCATE] = x87_make_to_int(cb, true);
	for (unsigned i = 0; i < 8; i++)
		at[X87_SETTLE + i] = x87_make_settle(cb, i);
}
