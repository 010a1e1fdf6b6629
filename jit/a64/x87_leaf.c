/*
 * x87_leaf.c - the frame of the x87's routines (x87_leaf.h).
 */
#include "jit/a64/x87_leaf.h"

void leaf_turn_away(struct leaf *l, uint8_t *from)
{
	BUG_ON(l->n == MAX_TURNED);
	l->fail[l->n++] = from;
}

const uint8_t *leaf_begin(struct leaf *l, struct codebuf *cb)
{
	const uint8_t *at = codebuf_rx(cb);

	l->cb = cb;
	l->n = 0;
	a_mrs_nzcv(cb, SAVED);
	return at;
}

void leaf_leave(struct leaf *l)
{
	a_msr_nzcv(l->cb, SAVED);
	a_movi(l->cb, 2, 0);
	a_ret(l->cb);
}

void leaf_end(struct leaf *l)
{
	for (unsigned i = 0; i < l->n; i++)
		a_here(l->cb, l->fail[i]);
	a_msr_nzcv(l->cb, SAVED);
	a_movi(l->cb, 2, 1);
	a_ret(l->cb);
}

void leaf_exact(struct leaf *l)
{
	struct codebuf *cb = l->cb;

	a_ldr(cb, 2, 2, X_CPU, ENV(fpu.fsw));
	a_logici(cb, A_AND, 4, 2, 2, ~X87_C1);
	a_str(cb, 2, 2, X_CPU, ENV(fpu.fsw));
	leaf_leave(l);
}

void leaf_status(struct leaf *l, unsigned rem, unsigned up)
{
	struct codebuf *cb = l->cb;

	a_addi(cb, A_SUBS, 8, A_ZR, rem, 0);
	a_cset(cb, 6, A_NE);
	a_ldr(cb, 2, 2, X_CPU, ENV(fpu.fsw));
	a_logic(cb, A_ORR, 4, 2, 2, 6, A_LSL, 5);
	a_bfi(cb, 4, 2, up, X87_C1_AT, 1);
	a_str(cb, 2, 2, X_CPU, ENV(fpu.fsw));
	leaf_leave(l);
}

void leaf_nearest(struct codebuf *cb, unsigned up, unsigned rem, unsigned even)
{
	a_logici(cb, A_AND, 8, up, even, 1);
	a_movi(cb, 6, HALF_LESS);
	a_add(cb, A_ADD, 8, up, up, 6, A_LSL, 0);
	a_add(cb, A_ADDS, 8, A_ZR, rem, up, A_LSL, 0);
	a_cset(cb, up, A_CS);
}

void leaf_exponent(struct codebuf *cb, unsigned d, unsigned se)
{
	a_logici(cb, A_AND, 4, d, se, EXPONENT);
}
