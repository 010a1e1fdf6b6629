/*
 * sse_fp.h - SSE's rules around the floating-point engine (soft.h): MXCSR, NaNs, denormals as zeros.
 *
 * Elements travel as raw bits in uint64_t; struct sfp says which format they are in.
 * Source: Intel SDM Vol. 1 table 4-7, 10.2.3, 11.5.2, appendix E.4.
 */
#ifndef CPU_FPU_SSE_FP_H
#define CPU_FPU_SSE_FP_H

#include "cpu/fpu/simd.h"
#include "cpu/fpu/soft.h"

#define MXCSR_DAZ BIT(6)
#define MXCSR_FTZ BIT(15)

struct sfp {
	struct soft_env e; /* e.flags collects the exceptions of all elements */
	const struct fmt *f;
	bool dbl, daz;
};

enum sfp_op { SFP_ADD, SFP_SUB, SFP_MUL, SFP_DIV, SFP_MIN, SFP_MAX, SFP_SQRT };

/* sfp_begin() - the environment MXCSR asks for; @dbl: elements are 64 bits wide */
struct sfp sfp_begin(const struct simd *x, bool dbl);
/* sfp_end() - report the exceptions met */
void sfp_end(struct simd *x, const struct sfp *p);

struct fnum sfp_get(const struct sfp *p, uint64_t raw);
uint64_t sfp_put(const struct sfp *p, const struct fnum *a);
/* sfp_arith() - @a op @b, rounded to the format; SFP_SQRT: of @b */
uint64_t sfp_arith(struct sfp *p, enum sfp_op op, uint64_t a, uint64_t b);

static inline uint64_t vec_get(const union vec *v, bool dbl, unsigned i)
{
	return dbl ? v->q[i] : v->d[i];
}

static inline void vec_set(union vec *v, bool dbl, unsigned i, uint64_t raw)
{
	if (dbl)
		v->q[i] = raw;
	else
		v->d[i] = raw;
}

static inline struct fnum sfp_default_nan(void) /* the real indefinite QNaN */
{
	return (struct fnum){.cls = F_QNAN, .sign = true, .sig = 3ull << 62};
}

static inline struct fnum sfp_quiet(struct fnum a)
{
	a.cls = F_QNAN;
	a.sig |= 1ull << 62;
	return a;
}

#endif
