/*
 * fma.c - fused multiply-add (one rounding) and the conversions between half and single precision.
 *
 * Source: Intel SDM Vol. 1 14.4 "Half-Precision Floating-Point Conversion", 14.5 "Fused-Multiply-ADD (FMA) Extensions",
 * tables 14-8 to 14-15; Vol. 2C VFMADD132PS and the like, VCVTPH2PS, VCVTPS2PH.
 */
#include "cpu/fpu/sse_fp.h"
#include "cpu/fpu/vex.h"

/* The result is a NaN: Inf * 0, Inf - Inf, or the first NaN among a, b, c. */
static bool fma_nan(struct sfp *p, const struct fnum *a, const struct fnum *b, const struct fnum *c, struct fnum *r)
{
	bool product = (a->cls == F_INF && b->cls == F_ZERO) || (a->cls == F_ZERO && b->cls == F_INF);

	if (soft_nan(a) || soft_nan(b) || soft_nan(c)) {
		if (a->cls == F_SNAN || b->cls == F_SNAN || c->cls == F_SNAN)
			p->e.flags |= FX_IE;
		*r = sfp_quiet(soft_nan(a) ? *a : soft_nan(b) ? *b : *c);
		return true;
	}
	if (!product && (c->cls != F_INF || (a->cls != F_INF && b->cls != F_INF) || (a->sign ^ b->sign) == c->sign))
		return false;
	p->e.flags |= FX_IE;
	*r = sfp_default_nan();
	return true;
}

/* a * b + c; @neg: of the negated product, @sub: minus c. NaNs keep their signs. */
static uint64_t fused(struct sfp *p, uint64_t ra, uint64_t rb, uint64_t rc, bool neg, bool sub)
{
	struct fnum a = sfp_get(p, ra), b = sfp_get(p, rb), c = sfp_get(p, rc), r;

	if (!soft_nan(&a))
		a.sign ^= neg;
	if (!soft_nan(&c))
		c.sign ^= sub;
	if (!fma_nan(p, &a, &b, &c, &r)) {
		if (a.denorm || b.denorm || c.denorm)
			p->e.flags |= FX_DE;
		r = soft_fma(&p->e, p->f, a, b, c);
	}
	return sfp_put(p, &r);
}

void simd_fma(struct simd *x)
{
	bool dbl = x->arg & FMA_DBL;
	struct sfp p = sfp_begin(x, dbl);
	const union vec dst = x->d, *a, *b, *c;

	a = (x->arg & FMA_ORDER) == FMA_132 ? &dst : &x->m;
	b = (x->arg & FMA_ORDER) == FMA_213 ? &dst : &x->s;
	c = (x->arg & FMA_ORDER) == FMA_132 ? &x->m : (x->arg & FMA_ORDER) == FMA_213 ? &x->s : &dst;
	for (unsigned i = 0; i < (x->arg & FMA_SCALAR ? 1 : dbl ? 2 : 4); i++) {
		bool sub = !!(x->arg & FMA_SUB) != ((x->arg & FMA_ALT) && (i & 1));

		vec_set(&x->d, dbl, i, fused(&p, vec_get(a, dbl, i), vec_get(b, dbl, i), vec_get(c, dbl, i),
			x->arg & FMA_NEG, sub));
	}
	sfp_end(x, &p);
}

/* Half precision has no denormals-as-zeros and no Denormal exception: every value but a NaN becomes a normal single. */
void simd_vcvtph2ps(struct simd *x)
{
	struct sfp p = sfp_begin(x, false);

	for (unsigned i = 0; i < 4; i++) {
		struct fnum a = soft_get16(x->s.w[i]);

		if (a.cls == F_SNAN) {
			p.e.flags |= FX_IE;
			a = sfp_quiet(a);
		}
		x->d.d[i] = sfp_put(&p, &a);
	}
	sfp_end(x, &p);
}

/* imm[1:0] the rounding mode, imm[2] MXCSR's instead. Tiny results are not flushed, whatever MXCSR.FTZ says. */
void simd_vcvtps2ph(struct simd *x)
{
	struct sfp p = sfp_begin(x, false);
	union vec r = {.q = {0, 0}};

	if (!(x->imm & 4))
		p.e.rc = x->imm & 3;
	p.e.ftz = false;
	for (unsigned i = 0; i < 4; i++) {
		struct fnum a = sfp_get(&p, x->s.d[i]);

		if (soft_nan(&a)) {
			if (a.cls == F_SNAN)
				p.e.flags |= FX_IE;
			a = sfp_quiet(a);
		} else if (a.cls == F_FIN) {
			if (a.denorm) /* PE: also beside an unmasked underflow, as Intel's processors have it */
				p.e.flags |= FX_DE | FX_PE;
			a = soft_round(&p.e, &fmt16, a.sign, a.exp, (soft_u128)a.sig << 64);
		}
		r.w[i] = soft_put16(&a);
	}
	x->d = r;
	sfp_end(x, &p);
}
