/*
 * soft.h - binary floating point in integers: one engine for 16, 32, 64 and 80-bit formats.
 *
 * A number is unpacked into struct fnum, worked on with a 128-bit significand that ends in a sticky bit, and
 * rounded once by soft_round(). What x87 and SSE do differently (NaNs, DAZ, FTZ, wrapped exponents) is the caller's
 * or in struct soft_env. Source: IEEE 754-2008; Intel SDM Vol. 1 4.8, 4.9, 8.5, 11.5.
 */
#ifndef CPU_FPU_SOFT_H
#define CPU_FPU_SOFT_H

#include "mmu/base/types.h"

__extension__ typedef unsigned __int128 soft_u128;

/* Exception flags as in FSW and MXCSR */
#define FX_IE 1u
#define FX_DE 2u
#define FX_ZE 4u
#define FX_OE 8u
#define FX_UE 16u
#define FX_PE 32u
#define FX_SF 64u

enum { RC_NEAR, RC_DOWN, RC_UP, RC_ZERO };

enum fclass { F_ZERO, F_FIN, F_INF, F_QNAN, F_SNAN, F_BAD /* 80-bit encodings the FPU rejects */ };

struct fnum {
	uint8_t cls; /* enum fclass */
	bool sign;
	bool denorm; /* was a denormal (or pseudo-denormal) */
	int exp;     /* F_FIN: value is sig * 2^(exp - 63) */
	uint64_t sig; /* F_FIN: bit 63 set. NaN: as the 80-bit format holds it */
};

struct fmt {
	int p, emin, emax;
};

struct soft_env {
	unsigned rc, mask; /* RC_x; FX_x: 1 is masked */
	int wrap;	   /* exponent adjustment of unmasked overflow and underflow; 0: none */
	bool ftz;	   /* masked underflow gives zero */
	unsigned flags;	   /* FX_x raised */
	bool up;	   /* magnitude was rounded up */
};

extern const struct fmt fmt16, fmt32, fmt64, fmt80;

struct fnum soft_get16(uint16_t v);
struct fnum soft_get32(uint32_t v);
struct fnum soft_get64(uint64_t v);
struct fnum soft_get80(const uint8_t *p);
uint16_t soft_put16(const struct fnum *a);
uint32_t soft_put32(const struct fnum *a);
uint64_t soft_put64(const struct fnum *a);
void soft_put80(const struct fnum *a, uint8_t *p);

/* soft_int() - @v exactly */
struct fnum soft_int(int64_t v);
/* soft_round() - the number sig * 2^(exp-127), bit 127 of @sig set, bit 0 sticky, rounded to @f */
struct fnum soft_round(struct soft_env *e, const struct fmt *f, bool sign, int exp, soft_u128 sig);
/* On finite or infinite operands without an invalid combination: */
struct fnum soft_add(struct soft_env *e, const struct fmt *f, struct fnum a, struct fnum b);
struct fnum soft_mul(struct soft_env *e, const struct fmt *f, struct fnum a, struct fnum b);
/* soft_fma() - a * b + c rounded once; @f has 53 bits or fewer, and so have the operands */
struct fnum soft_fma(struct soft_env *e, const struct fmt *f, struct fnum a, struct fnum b, struct fnum c);
struct fnum soft_div(struct soft_env *e, const struct fmt *f, struct fnum a, struct fnum b);
struct fnum soft_sqrt(struct soft_env *e, const struct fmt *f, struct fnum a);
/* soft_cmp() - -1, 0, 1; no NaNs */
int soft_cmp(const struct fnum *a, const struct fnum *b);
/* soft_rint() - to an integral value; sets FX_PE */
struct fnum soft_rint(struct soft_env *e, struct fnum a);
/* soft_toint() - to a signed integer of @bits; false: out of range or not a number (FX_IE set) */
bool soft_toint(struct soft_env *e, struct fnum a, unsigned bits, int64_t *v);

static inline bool soft_nan(const struct fnum *a)
{
	return a->cls >= F_QNAN;
}

#endif
