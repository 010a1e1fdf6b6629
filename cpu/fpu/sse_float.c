/*
 * sse_float.c - SSE arithmetic, comparison and rounding on 32 and 64-bit elements.
 *
 * Exceptions of an element are found in the order of SDM Vol. 1 appendix E.4: NaN operands hide everything but
 * Invalid; then invalid combinations, division by zero, denormal operands, and what rounding adds.
 * Source: Intel SDM Vol. 1 4.8, 4.9, 11.5, table 4-7; Vol. 2, each instruction's "Operation".
 */
#include "cpu/fpu/sse_fp.h"
#include <string.h>

struct sfp sfp_begin(const struct simd *x, bool dbl)
{
	uint32_t m = x->cpu->fpu.mxcsr;

	return (struct sfp){.e = {.rc = m >> 13 & 3, .mask = m >> 7 & 0x3F, .ftz = m & MXCSR_FTZ},
		.f = dbl ? &fmt64 : &fmt32, .dbl = dbl, .daz = m & MXCSR_DAZ};
}

void sfp_end(struct simd *x, const struct sfp *p)
{
	x->fpflags |= p->e.flags & 0x3F;
}

struct fnum sfp_get(const struct sfp *p, uint64_t raw)
{
	struct fnum n = p->dbl ? soft_get64(raw) : soft_get32(raw);

	if (n.denorm && p->daz)
		n = (struct fnum){.cls = F_ZERO, .sign = n.sign};
	return n;
}

uint64_t sfp_put(const struct sfp *p, const struct fnum *a)
{
	return p->dbl ? soft_put64(a) : soft_put32(a);
}

static uint64_t nan_result(struct sfp *p, const struct fnum *a, const struct fnum *b)
{
	struct fnum r = sfp_quiet(soft_nan(a) ? *a : *b);

	if (a->cls == F_SNAN || b->cls == F_SNAN)
		p->e.flags |= FX_IE;
	return sfp_put(p, &r);
}

/* Invalid with finite or infinite operands: SDM Vol. 1 table 4-8's rows for arithmetic. */
static bool invalid(enum sfp_op op, const struct fnum *a, const struct fnum *b)
{
	switch (op) {
	case SFP_ADD:
		return a->cls == F_INF && b->cls == F_INF && a->sign != b->sign;
	case SFP_SUB:
		return a->cls == F_INF && b->cls == F_INF && a->sign == b->sign;
	case SFP_MUL:
		return (a->cls == F_INF && b->cls == F_ZERO) || (a->cls == F_ZERO && b->cls == F_INF);
	case SFP_DIV:
		return a->cls == b->cls && (a->cls == F_INF || a->cls == F_ZERO);
	case SFP_SQRT:
		return b->sign && b->cls != F_ZERO;
	default:
		return false;
	}
}

/* MIN, MAX: the second operand when either is a NaN (Invalid, quiet or not) or both are zeros. */
static uint64_t minmax(struct sfp *p, enum sfp_op op, uint64_t ra, uint64_t rb)
{
	struct fnum a = sfp_get(p, ra), b = sfp_get(p, rb);
	int c;

	if (soft_nan(&a) || soft_nan(&b)) {
		p->e.flags |= FX_IE;
		return soft_nan(&b) ? rb : sfp_put(p, &b);
	}
	if (a.denorm || b.denorm)
		p->e.flags |= FX_DE;
	c = soft_cmp(&a, &b);
	return (op == SFP_MIN ? c < 0 : c > 0) ? sfp_put(p, &a) : sfp_put(p, &b);
}

uint64_t sfp_arith(struct sfp *p, enum sfp_op op, uint64_t ra, uint64_t rb)
{
	struct fnum a, b, r;

	if (op == SFP_MIN || op == SFP_MAX)
		return minmax(p, op, ra, rb);
	if (op == SFP_SQRT)
		ra = 0;
	a = sfp_get(p, ra);
	b = sfp_get(p, rb);
	if (soft_nan(&a) || soft_nan(&b))
		return nan_result(p, &a, &b);
	if (invalid(op, &a, &b)) {
		p->e.flags |= FX_IE;
		r = sfp_default_nan();
		return sfp_put(p, &r);
	}
	if (op == SFP_DIV && b.cls == F_ZERO && a.cls == F_FIN)
		p->e.flags |= FX_ZE;
	else if (a.denorm || b.denorm)
		p->e.flags |= FX_DE;
	if (op == SFP_SUB)
		b.sign = !b.sign;
	r = op == SFP_MUL ? soft_mul(&p->e, p->f, a, b) : op == SFP_DIV ? soft_div(&p->e, p->f, a, b) :
		op == SFP_SQRT ? soft_sqrt(&p->e, p->f, b) : soft_add(&p->e, p->f, a, b);
	return sfp_put(p, &r);
}

static void elements(struct simd *x, enum sfp_op op, bool dbl, unsigned count)
{
	struct sfp p = sfp_begin(x, dbl);

	for (unsigned i = 0; i < count; i++)
		vec_set(&x->d, dbl, i, sfp_arith(&p, op, vec_get(&x->d, dbl, i), vec_get(&x->s, dbl, i)));
	sfp_end(x, &p);
}

#define ARITH(name, op)                                                                            \
	void simd_##name##ps(struct simd *x) { elements(x, op, false, 4); }                        \
	void simd_##name##ss(struct simd *x) { elements(x, op, false, 1); }                        \
	void simd_##name##pd(struct simd *x) { elements(x, op, true, 2); }                         \
	void simd_##name##sd(struct simd *x) { elements(x, op, true, 1); }
ARITH(add, SFP_ADD)
ARITH(sub, SFP_SUB)
ARITH(mul, SFP_MUL)
ARITH(div, SFP_DIV)
ARITH(min, SFP_MIN)
ARITH(max, SFP_MAX)
ARITH(sqrt, SFP_SQRT)

/* Comparison's outcome as bits: less, equal, greater, unordered. */
enum { CMP_LT = 1, CMP_EQ = 2, CMP_GT = 4, CMP_UN = 8 };

static unsigned compare(struct sfp *p, uint64_t ra, uint64_t rb, bool signal)
{
	struct fnum a = sfp_get(p, ra), b = sfp_get(p, rb);
	int c;

	if (soft_nan(&a) || soft_nan(&b)) {
		if (signal || a.cls == F_SNAN || b.cls == F_SNAN)
			p->e.flags |= FX_IE;
		return CMP_UN;
	}
	if (a.denorm || b.denorm)
		p->e.flags |= FX_DE;
	c = soft_cmp(&a, &b);
	return c < 0 ? CMP_LT : c ? CMP_GT : CMP_EQ;
}

/*
 * Predicates: EQ LT LE UNORD NEQ NLT NLE ORD, and with VEX EQ_UQ NGE NGT FALSE NEQ_OQ GE GT TRUE. LT, LE and the like
 * signal on quiet NaNs; with bit 4 of a VEX form's immediate it is the others that do. SDM Vol. 2A CMPPD, table 3-1.
 */
static void cmp_elements(struct simd *x, bool dbl, unsigned count)
{
	static const uint8_t want[16] = {CMP_EQ, CMP_LT, CMP_LT | CMP_EQ, CMP_UN, CMP_LT | CMP_GT | CMP_UN,
		CMP_EQ | CMP_GT | CMP_UN, CMP_GT | CMP_UN, CMP_LT | CMP_EQ | CMP_GT, CMP_EQ | CMP_UN, CMP_LT | CMP_UN,
		CMP_LT | CMP_EQ | CMP_UN, 0, CMP_LT | CMP_GT, CMP_EQ | CMP_GT, CMP_GT,
		CMP_LT | CMP_EQ | CMP_GT | CMP_UN};
	struct sfp p = sfp_begin(x, dbl);
	unsigned pred = x->imm & (x->in->vex ? 31 : 7);
	bool signal = ((pred & 3) == 1 || (pred & 3) == 2) != (pred > 15);

	for (unsigned i = 0; i < count; i++) {
		unsigned c = compare(&p, vec_get(&x->d, dbl, i), vec_get(&x->s, dbl, i), signal);

		vec_set(&x->d, dbl, i, want[pred & 15] & c ? UINT64_MAX : 0);
	}
	sfp_end(x, &p);
}

void simd_cmpps(struct simd *x)
{
	cmp_elements(x, false, 4);
}

void simd_cmpss(struct simd *x)
{
	cmp_elements(x, false, 1);
}

void simd_cmppd(struct simd *x)
{
	cmp_elements(x, true, 2);
}

void simd_cmpsd(struct simd *x)
{
	cmp_elements(x, true, 1);
}

/* COMISx, UCOMISx: flags, unless the comparison faults. */
static void comis(struct simd *x, bool dbl, bool signal)
{
	struct sfp p = sfp_begin(x, dbl);
	unsigned c = compare(&p, vec_get(&x->d, dbl, 0), vec_get(&x->s, dbl, 0), signal);

	sfp_end(x, &p);
	x->keep = true;
	if (x->fpflags & ~p.e.mask)
		return;
	simd_set_flags(x, c == CMP_UN ? FL_ZF | FL_PF | FL_CF : c == CMP_LT ? FL_CF : c == CMP_EQ ? FL_ZF : 0);
}

void simd_comiss(struct simd *x)
{
	comis(x, false, true);
}

void simd_ucomiss(struct simd *x)
{
	comis(x, false, false);
}

void simd_comisd(struct simd *x)
{
	comis(x, true, true);
}

void simd_ucomisd(struct simd *x)
{
	comis(x, true, false);
}

/* HADD, HSUB: neighbours of the destination, then of the source. */
static void horizontal(struct simd *x, enum sfp_op op, bool dbl)
{
	struct sfp p = sfp_begin(x, dbl);
	unsigned half = dbl ? 1 : 2;
	union vec r;

	for (unsigned i = 0; i < 2 * half; i++) {
		const union vec *v = i < half ? &x->d : &x->s;
		unsigned at = 2 * (i % half);

		vec_set(&r, dbl, i, sfp_arith(&p, op, vec_get(v, dbl, at), vec_get(v, dbl, at + 1)));
	}
	x->d = r;
	sfp_end(x, &p);
}

void simd_haddps(struct simd *x)
{
	horizontal(x, SFP_ADD, false);
}

void simd_haddpd(struct simd *x)
{
	horizontal(x, SFP_ADD, true);
}

void simd_hsubps(struct simd *x)
{
	horizontal(x, SFP_SUB, false);
}

void simd_hsubpd(struct simd *x)
{
	horizontal(x, SFP_SUB, true);
}

/* Even elements subtract, odd elements add. */
static void addsub(struct simd *x, bool dbl)
{
	struct sfp p = sfp_begin(x, dbl);

	for (unsigned i = 0; i < (dbl ? 2 : 4); i++)
		vec_set(&x->d, dbl, i, sfp_arith(&p, i & 1 ? SFP_ADD : SFP_SUB,
			vec_get(&x->d, dbl, i), vec_get(&x->s, dbl, i)));
	sfp_end(x, &p);
}

void simd_addsubps(struct simd *x)
{
	addsub(x, false);
}

void simd_addsubpd(struct simd *x)
{
	addsub(x, true);
}

/* ROUNDxx: imm[1:0] the mode, imm[2] MXCSR's instead, imm[3] no Precision exception. */
static void round_elements(struct simd *x, bool dbl, unsigned count)
{
	struct sfp p = sfp_begin(x, dbl);

	if (!(x->imm & 4))
		p.e.rc = x->imm & 3;
	for (unsigned i = 0; i < count; i++) {
		struct fnum a = sfp_get(&p, vec_get(&x->s, dbl, i));

		if (soft_nan(&a)) {
			vec_set(&x->d, dbl, i, nan_result(&p, &a, &a));
			continue;
		}
		a = soft_rint(&p.e, a);
		vec_set(&x->d, dbl, i, sfp_put(&p, &a));
	}
	if (x->imm & 8)
		p.e.flags &= ~FX_PE;
	sfp_end(x, &p);
}

void simd_roundps(struct simd *x)
{
	round_elements(x, false, 4);
}

void simd_roundss(struct simd *x)
{
	round_elements(x, false, 1);
}

void simd_roundpd(struct simd *x)
{
	round_elements(x, true, 2);
}

void simd_roundsd(struct simd *x)
{
	round_elements(x, true, 1);
}

/*
 * Products first, then sums of neighbours, then of those; an unmasked exception ends it between the steps. Every element adds for
 * itself, so that each may keep another NaN: the manual leaves open which ("horizontal propagation is implementation dependent", Vol. 2A
 * DPPS), and these orders are those of Intel's processors.
 */
static void dot(struct simd *x, bool dbl)
{
	struct sfp p = sfp_begin(x, dbl);
	unsigned n = dbl ? 2 : 4, first = dbl ? 0 : 1; /* of a pair: DPPS has the neighbour's product first */
	uint64_t t[4] = {0}, u[4];

	for (unsigned i = 0; i < n; i++)
		if (x->imm >> (4 + i) & 1)
			t[i] = sfp_arith(&p, SFP_MUL, vec_get(&x->d, dbl, i), vec_get(&x->s, dbl, i));
	for (unsigned step = 0, beside = 1;; step++, beside *= 2, first = 0) {
		bool stop = beside == n || (p.e.flags & ~p.e.mask);

		x->steps[step] |= p.e.flags;
		p.e.flags = 0;
		if (stop)
			break;
		memcpy(u, t, sizeof(u));
		for (unsigned i = 0; i < n; i++)
			t[i] = sfp_arith(&p, SFP_ADD, u[i ^ first], u[i ^ first ^ beside]);
	}
	for (unsigned i = 0; i < n; i++)
		vec_set(&x->d, dbl, i, x->imm >> i & 1 ? t[i] : 0);
}

void simd_dpps(struct simd *x)
{
	dot(x, false);
}

void simd_dppd(struct simd *x)
{
	dot(x, true);
}
