/*
 * x87_leaf.h - what the x87's routines have in common: how they begin, turn away and end, and how they round. For x87_*.c only.
 */
#ifndef JIT_A64_X87_LEAF_H
#define JIT_A64_X87_LEAF_H

#include "jit/a64/x87.h"
#include "jit/a64/enc_simd.h"

#define SIGNIFICAND 63 /* its upper bit */
#define EXPONENT 0x7FFFu
#define SAVED 17       /* NZCV */
#define HALF_LESS 0x7FFFFFFFFFFFFFFFull
#define MAX_TURNED 24

/* A routine being emitted. */
struct leaf {
	struct codebuf *cb;
	uint8_t *fail[MAX_TURNED];
	unsigned n;
};

const uint8_t *leaf_begin(struct leaf *l, struct codebuf *cb); /* where it is; NZCV is kept */
void leaf_turn_away(struct leaf *l, uint8_t *from); /* branch @from goes to where the routine gives up */
void leaf_leave(struct leaf *l);		    /* return, done */
void leaf_end(struct leaf *l);			    /* the place to give up */
/* FSW of a result without a remainder, C1 = 0; return. Uses W2 */
void leaf_exact(struct leaf *l);
/* PE unless register @rem is 0, C1 = bit 0 of @up; return. Uses W2, W6 */
void leaf_status(struct leaf *l, unsigned rem, unsigned up);
/* @up = 1 if the remainder in @rem says so, to nearest: bit 0 of @even decides where it is a half. Uses X6; @up may be @even */
void leaf_nearest(struct codebuf *cb, unsigned up, unsigned rem, unsigned even);
/* @d = exponent of @se */
void leaf_exponent(struct codebuf *cb, unsigned d, unsigned se);

/* x87_number.c: routines that convert numbers, and the one that turns the stack */
const uint8_t *x87_make_get(struct codebuf *cb, unsigned w);
const uint8_t *x87_make_int(struct codebuf *cb);
const uint8_t *x87_make_put(struct codebuf *cb, unsigned w);
const uint8_t *x87_make_to_int(struct codebuf *cb, bool truncate);
const uint8_t *x87_make_settle(struct codebuf *cb, unsigned turn);

#endif
