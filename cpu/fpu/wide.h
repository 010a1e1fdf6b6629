/*
 * wide.h - numbers of 128 significant bits, and the elementary functions in them.
 *
 * Wide enough that a result rounded once to 64 bits is off by no more than a unit in its last place, and the
 * same on every host: integers only.
 */
#ifndef CPU_FPU_WIDE_H
#define CPU_FPU_WIDE_H

#include "cpu/fpu/soft.h"

/* sig * 2^(exp - 127); bit 127 of sig is set, or sig is 0 and so is the number. */
struct wide {
	bool sign;
	int exp;
	soft_u128 sig;
};

extern const struct wide wide_pi, wide_ln2, wide_log2e;

struct wide wide_from(const struct fnum *a); /* @a zero or finite */
/* wide_round() - to @f with @e's rounding; never exact: PE is set even where 128 bits show no remainder */
struct fnum wide_round(struct soft_env *e, const struct fmt *f, struct wide a);
struct wide wide_int(int v);
struct wide wide_scale(struct wide a, int by); /* a * 2^by */
struct wide wide_neg(struct wide a);
struct wide wide_add(struct wide a, struct wide b);
struct wide wide_mul(struct wide a, struct wide b);
struct wide wide_div(struct wide a, struct wide b); /* @b not zero */
/* wide_beside() - where 128 bits show the value exactly, the next number away from zero (@up) or towards it */
struct wide wide_beside(struct wide a, bool up);

/* wide_sincos() - |a| < 2^63; reduced by the 66-bit pi of SDM Vol. 1 8.3.8 */
void wide_sincos(const struct fnum *a, struct wide *sin, struct wide *cos);
struct wide wide_exp2m1(struct wide a);	 /* 2^a - 1, |a| <= 1 */
struct wide wide_log2(struct wide a);	 /* a > 0 */
struct wide wide_log2p1(struct wide a);	 /* log2(1 + a), a > -1 */
struct wide wide_atan(struct wide a);	 /* 0 <= a <= 1 */

#endif
