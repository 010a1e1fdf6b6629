/*
 * sse_cvt.c - conversions between integers, single and double precision.
 *
 * A float that has no integer of the destination's size gives the integer indefinite and Invalid alone.
 * Source: Intel SDM Vol. 1 4.8.4, 11.5.2; Vol. 2A, each instruction's "Operation".
 */
#include "cpu/fpu/sse_fp.h"

static int64_t to_int(struct sfp *p, uint64_t raw, unsigned bits)
{
	int64_t v;

	soft_toint(&p->e, sfp_get(p, raw), bits, &v);
	return v;
}

static uint64_t from_int(struct sfp *p, int64_t v)
{
	struct fnum a = soft_int(v);

	if (a.cls == F_FIN)
		a = soft_round(&p->e, p->f, a.sign, a.exp, (soft_u128)a.sig << 64);
	return sfp_put(p, &a);
}

/* @p has the source's format; the result is in the other one. */
static uint64_t resize(struct sfp *p, uint64_t raw)
{
	struct fnum a = sfp_get(p, raw);

	if (soft_nan(&a)) {
		if (a.cls == F_SNAN)
			p->e.flags |= FX_IE;
		a = sfp_quiet(a);
	} else if (a.cls == F_FIN) {
		if (a.denorm)
			p->e.flags |= FX_DE;
		a = soft_round(&p->e, p->dbl ? &fmt32 : &fmt64, a.sign, a.exp, (soft_u128)a.sig << 64);
	}
	return p->dbl ? soft_put32(&a) : soft_put64(&a);
}

/* Floats to 32-bit integers: all of the vector; what the source does not fill is zero. */
static void floats_to_dwords(struct simd *x, bool dbl, bool truncate)
{
	struct sfp p = sfp_begin(x, dbl);
	unsigned n = dbl ? 2 : x->n == 8 ? 2 : 4;
	union vec r = {.q = {0, 0}};

	if (truncate)
		p.e.rc = RC_ZERO;
	for (unsigned i = 0; i < n; i++)
		r.sd[i] = (int32_t)to_int(&p, vec_get(&x->s, dbl, i), 32);
	x->d = r;
	sfp_end(x, &p);
}

#define TO_DWORDS(name, dbl, truncate)                                                             \
	void simd_##name(struct simd *x) { floats_to_dwords(x, dbl, truncate); }
TO_DWORDS(cvtps2dq, false, false)
TO_DWORDS(cvttps2dq, false, true)
TO_DWORDS(cvtps2pi, false, false)
TO_DWORDS(cvttps2pi, false, true)
TO_DWORDS(cvtpd2dq, true, false)
TO_DWORDS(cvttpd2dq, true, true)
TO_DWORDS(cvtpd2pi, true, false)
TO_DWORDS(cvttpd2pi, true, true)

static void float_to_gpr(struct simd *x, bool dbl, bool truncate)
{
	struct sfp p = sfp_begin(x, dbl);

	if (truncate)
		p.e.rc = RC_ZERO;
	x->d.sq[0] = to_int(&p, vec_get(&x->s, dbl, 0), 8 * x->in->op[0].size);
	sfp_end(x, &p);
}

#define TO_GPR(name, dbl, truncate)                                                                \
	void simd_##name(struct simd *x) { float_to_gpr(x, dbl, truncate); }
TO_GPR(cvtss2si, false, false)
TO_GPR(cvttss2si, false, true)
TO_GPR(cvtsd2si, true, false)
TO_GPR(cvttsd2si, true, true)

/* 32-bit integers to floats, @n of them; the rest of the destination stays. */
static void dwords_to_floats(struct simd *x, bool dbl, unsigned n)
{
	struct sfp p = sfp_begin(x, dbl);

	for (unsigned i = 0; i < n; i++)
		vec_set(&x->d, dbl, i, from_int(&p, x->s.sd[i]));
	sfp_end(x, &p);
}

void simd_cvtdq2ps(struct simd *x)
{
	dwords_to_floats(x, false, 4);
}

void simd_cvtdq2pd(struct simd *x)
{
	dwords_to_floats(x, true, 2);
}

void simd_cvtpi2ps(struct simd *x)
{
	dwords_to_floats(x, false, 2);
}

void simd_cvtpi2pd(struct simd *x)
{
	dwords_to_floats(x, true, 2);
}

static void gpr_to_float(struct simd *x, bool dbl)
{
	struct sfp p = sfp_begin(x, dbl);

	vec_set(&x->d, dbl, 0, from_int(&p, x->in->op[x->in->nops - 1].size == 8 ? x->s.sq[0] : x->s.sd[0]));
	sfp_end(x, &p);
}

void simd_cvtsi2ss(struct simd *x)
{
	gpr_to_float(x, false);
}

void simd_cvtsi2sd(struct simd *x)
{
	gpr_to_float(x, true);
}

/* Single to double and back: @n elements, then zeros up to the register's end (scalar forms: unchanged). */
static void resize_elements(struct simd *x, bool from_dbl, bool scalar)
{
	struct sfp p = sfp_begin(x, from_dbl);
	union vec r = scalar ? x->d : (union vec){.q = {0, 0}};

	for (unsigned i = 0; i < (scalar ? 1 : 2); i++)
		vec_set(&r, !from_dbl, i, resize(&p, vec_get(&x->s, from_dbl, i)));
	x->d = r;
	sfp_end(x, &p);
}

void simd_cvtps2pd(struct simd *x)
{
	resize_elements(x, false, false);
}

void simd_cvtpd2ps(struct simd *x)
{
	resize_elements(x, true, false);
}

void simd_cvtss2sd(struct simd *x)
{
	resize_elements(x, false, true);
}

void simd_cvtsd2ss(struct simd *x)
{
	resize_elements(x, true, true);
}
