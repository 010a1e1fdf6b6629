/*
 * neon_float.c - arithmetic, comparison, rounding and conversion of single and double precision.
 *
 * Each: operands, the host's instruction into V0, fp_check(), and only then the guest's registers or flags. What the host would do
 * otherwise than SSE the check finds (fpstate.c). With FPCR.AH (neon_afp()) there is nothing to find, and no check: results go straight
 * into the guest's registers; with FPCR.NEP a scalar instruction leaves the rest of the first source in place. Source: Intel SDM Vol. 2, each instruction; Arm ARM, shared/functions/float.
 */
#include "jit/a64/neon.h"

/* A scalar result is V0's low element of 1 << @s bytes, the rest comes from the first source @a. */
static void result(struct neon *p, struct cold *k, unsigned s, unsigned a)
{
	struct codebuf *cb = &p->c->cb;
	unsigned d = neon_d(p);

	if (d != a)
		a_vmov(cb, d, a);
	a_vins(cb, s, d, 0, 0, 0);
	fp_done(p, k);
}

/* @op of two scalars, without a check */
static bool direct3(struct neon *p, uint32_t op, unsigned a, unsigned b)
{
	a_v3(&p->c->cb, op, neon_d(p), a, b);
	return true;
}

/* @op of the scalar @b, beside the rest of @a */
static bool direct2(struct neon *p, uint32_t op, unsigned s, unsigned a, unsigned b)
{
	if (neon_dest(p) == a) {
		a_v2(&p->c->cb, op, neon_d(p), b);
		return true;
	}
	a_v2(&p->c->cb, op, 0, b); /* @b may be the destination */
	result(p, NULL, s, a);
	return true;
}

static bool dbl(const struct neon *p)
{
	return p->arg & A_VS(1);
}

static unsigned bytes(const struct neon *p)
{
	return dbl(p) ? 8 : 4;
}

typedef void compute_fn(struct neon *p, unsigned d, unsigned a, unsigned b);

/* arg: the instruction */
static void compute_three(struct neon *p, unsigned d, unsigned a, unsigned b)
{
	a_v3(&p->c->cb, p->arg, d, a, b);
}

static void compute_two(struct neon *p, unsigned d, unsigned a, unsigned b)
{
	a_v2(&p->c->cb, p->arg, d, b);
}

/* Whole vectors: V0 and, of 256 bits, V6 as @f makes them; one check, then the guest's registers. */
static bool vectors(struct neon *p, compute_fn *f, bool two, compute_fn *after)
{
	struct codebuf *cb = &p->c->cb;
	/* in a run nobody needs the old value any more */
	bool straight = (p->c->run.on && (f == compute_three || f == compute_two)) || neon_afp(p);
	unsigned a[2] = {0}, b[2];
	struct cold *k;

	if (p->half) { /* all done */
		neon_d(p);
		return true;
	}
	fp_need(p->c);
	for (p->half = 0; p->half <= p->ymm; p->half++) {
		if (two)
			a[p->half] = neon_a(p);
		b[p->half] = neon_b(p, 16);
		if (after && straight) /* the destination may be a source */
			after(p, 2, a[p->half], b[p->half]);
		f(p, p->half ? V_D_HIGH : straight ? neon_d(p) : 0, a[p->half], b[p->half]);
	}
	p->half = 0;
	k = fp_check(p);
	for (unsigned i = 0; after && !straight && i <= p->ymm; i++)
		after(p, 2, a[i], b[i]);
	if (!straight)
		a_vmov(cb, neon_d(p), 0);
	if (p->ymm)
		p->check = k; /* joins behind the upper half */
	else
		fp_done(p, k);
	return true;
}

bool neon_arith(struct neon *p)
{
	return vectors(p, compute_three, true, NULL);
}

bool neon_sarith(struct neon *p)
{
	unsigned a, b;

	fp_need(p->c);
	a = neon_a(p);
	b = neon_b(p, bytes(p));
	if (neon_afp(p))
		return direct3(p, p->arg, a, b);
	a_v3(&p->c->cb, p->arg, 0, a, b);
	result(p, fp_check(p), 2 + dbl(p), a);
	return true;
}

bool neon_sqrt(struct neon *p)
{
	return vectors(p, compute_two, false, NULL);
}

/* SQRTSx, CVTSS2SD, CVTSD2SS: of the second operand, beside the rest of the first. arg: the instruction, | 1 a double results */
bool neon_sone(struct neon *p)
{
	bool from_dbl = dbl(p);
	unsigned a, b;

	fp_need(p->c);
	a = neon_a(p);
	b = neon_b(p, from_dbl ? 8 : 4);
	if (neon_afp(p))
		return direct2(p, p->arg & ~1u, 2 + (p->arg & 1), a, b);
	a_v2(&p->c->cb, p->arg & ~1u, 0, b);
	result(p, fp_check(p), 2 + (p->arg & 1), a);
	return true;
}

/*
 * The second operand unless the first is less (greater): so of two zeros, and of NaNs, which the check has seen. FMIN and FMAX do just that
 * with FPCR.AH. arg: FCMGT, | 1 MAX
 */
static void minmax(struct neon *p, unsigned d, unsigned a, unsigned b)
{
	bool max = p->arg & 1;

	if (neon_afp(p)) {
		a_v3(&p->c->cb, (max ? A_VFMAX : A_VFMIN) | (dbl(p) ? A_VS(1) : 0), d, a, b);
		return;
	}
	a_v3(&p->c->cb, p->arg & ~1u, d, max ? a : b, max ? b : a);
	a_v3(&p->c->cb, A_VBSL, d, a, b);
}

bool neon_minmax(struct neon *p)
{
	return vectors(p, minmax, true, NULL);
}

bool neon_sminmax(struct neon *p)
{
	unsigned a, b;

	fp_need(p->c);
	a = neon_a(p);
	b = neon_b(p, bytes(p));
	if (neon_afp(p))
		return direct3(p, (p->arg & 1 ? A_SFMAX : A_SFMIN) | (dbl(p) ? A_VS(1) : 0), a, b);
	minmax(p, 0, a, b);
	result(p, fp_check(p), 2 + dbl(p), a);
	return true;
}

/* UNORD is 3, ORD 7 */
static bool negated(unsigned pred)
{
	return (pred & 3) == 3 ? !(pred & 4) : pred & 4;
}

/*
 * @d = all ones where neither is a NaN. A denormal counts only where neither is: so each is looked at in silence, and the flags are those
 * of a comparison of both. @d is neither @a nor @b.
 */
static void ordered(struct neon *p, uint32_t eq, unsigned d, unsigned a, unsigned b)
{
	struct codebuf *cb = &p->c->cb;

	a_mrs_fpsr(cb, X_S);
	a_v3(cb, eq, d, a, a);
	a_v3(cb, eq, 2, b, b);
	a_msr_fpsr(cb, X_S);
	a_v3(cb, eq, 3, a, b);
	a_v3(cb, A_VAND, d, d, 2);
}

/* @d = all ones where the predicate holds; LT and LE signal quiet NaNs on both architectures. */
static void compare(struct neon *p, unsigned pred, bool scalar, unsigned d, unsigned a, unsigned b)
{
	struct codebuf *cb = &p->c->cb;
	uint32_t size = dbl(p) ? A_VS(1) : 0, eq = (scalar ? A_SFCMEQ : A_VFCMEQ) | size;

	/* FCMEQ's first operand last: that is whose rest FPCR.NEP keeps, as FCMGT's and FCMGE's here */
	switch (pred & 3) {
	case 0: a_v3(cb, eq, d, b, a); break;
	case 1: a_v3(cb, (scalar ? A_SFCMGT : A_VFCMGT) | size, d, b, a); break;
	case 2: a_v3(cb, (scalar ? A_SFCMGE : A_VFCMGE) | size, d, b, a); break;
	default: /* neither is a NaN */
		if (neon_afp(p)) {
			ordered(p, eq, d, a, b);
			break;
		}
		a_v3(cb, eq, d, a, a);
		a_v3(cb, eq, 2, b, b);
		a_v3(cb, A_VAND, d, d, 2);
	}
	if (negated(pred))
		a_v2(cb, A_VNOT, d, d);
}

/* The predicates that VEX adds are left to C. */
static bool predicate(const struct neon *p, unsigned *pred)
{
	*pred = (unsigned)p->in->imm & (p->in->vex ? 31 : 7);
	return *pred < 8;
}

/* arg: size */
static void compute_cmp(struct neon *p, unsigned d, unsigned a, unsigned b)
{
	unsigned pred = (unsigned)p->in->imm & 7;
	bool apart = (pred & 3) == 3 && neon_afp(p); /* ordered()'s */

	compare(p, pred, false, apart ? 7 : d, a, b);
	if (apart)
		a_vmov(&p->c->cb, d, 7);
}

bool neon_cmp(struct neon *p)
{
	unsigned pred;

	return predicate(p, &pred) && vectors(p, compute_cmp, true, NULL);
}

bool neon_scmp(struct neon *p)
{
	unsigned a, b, pred;

	if (!predicate(p, &pred))
		return false;
	fp_need(p->c);
	a = neon_a(p);
	b = neon_b(p, bytes(p));
	if (neon_afp(p) && !negated(pred) && pred < 3) {
		compare(p, pred, true, neon_d(p), a, b);
		return true;
	}
	compare(p, pred, true, 0, a, b);
	result(p, fp_check(p), 2 + dbl(p), a);
	return true;
}

/*
 * From FCMP's flags - less N, equal ZC, greater C, unordered CV - to those of COMISx, with C as after a subtraction: less none,
 * equal ZC, greater C, unordered Z, and PF. AXFLAG does just that.
 */
static void comis_flags(struct emitter *c)
{
	struct codebuf *cb = &c->cb;

	a_cset(cb, X_PF, A_VC); /* odd parity unless unordered */
	a_mov(cb, 8, X_AF, X_PF);
	if (c->x->feat & HOSTF_FLAGM2) {
		a_axflag(cb);
		return;
	}
	a_cset(cb, X_S, A_GE);
	a_cset(cb, X_S2, A_EQ);
	a_sel(cb, A_CSINC, 4, X_S2, X_S2, A_ZR, A_VC);
	a_logic(cb, A_ORR, 4, X_S, X_S, X_S2, A_LSL, 1);
	a_shifti(cb, A_LSL, 4, X_S, X_S, 29);
	a_msr_nzcv(cb, X_S);
}

/* arg: FCMP or FCMPE */
bool neon_comis(struct neon *p)
{
	struct emitter *c = p->c;
	unsigned a, b;
	struct cold *k;

	fp_need(c);
	a = xmm_use(c, p->in->reg);
	b = neon_b(p, bytes(p));
	a_v3(&c->cb, p->arg, 0, a, b);
	k = fp_check(p);
	comis_flags(c);
	c->inv = true; /* C's flags come back as after a subtraction, too */
	if (k)
		k->inv = true;
	fp_done(p, k);
	return true;
}

/* The rounding an immediate asks for: nearest, down, up, to zero, or MXCSR's. */
static uint32_t rounding(const struct neon *p, bool scalar)
{
	static const uint32_t v[] = {A_VFRINTN, A_VFRINTM, A_VFRINTP, A_VFRINTZ, A_VFRINTI};
	static const uint32_t s[] = {A_SFRINTN, A_SFRINTM, A_SFRINTP, A_SFRINTZ, A_SFRINTI};
	unsigned i = p->in->imm & 4 ? 4 : (unsigned)p->in->imm & 3;

	return (scalar ? s : v)[i] | (dbl(p) ? A_VS(1) : 0);
}

/* MXCSR's rounding, and what it loses is to be told: FRINTX is both */
static bool round_and_tell(const struct neon *p)
{
	return (p->in->imm & 12) == 4 && neon_afp(p);
}

static void compute_round(struct neon *p, unsigned d, unsigned a, unsigned b)
{
	a_v2(&p->c->cb, round_and_tell(p) ? A_VFRINTX | (dbl(p) ? A_VS(1) : 0) : rounding(p, false), d, b);
}

/* says Inexact */
static void precision(struct neon *p, unsigned d, unsigned a, unsigned b)
{
	a_v2(&p->c->cb, A_VFRINTX | (dbl(p) ? A_VS(1) : 0), d, b);
}

bool neon_round(struct neon *p)
{
	return vectors(p, compute_round, false, p->in->imm & 8 || round_and_tell(p) ? NULL : precision);
}

bool neon_sround(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	uint32_t tell = A_SFRINTX | (dbl(p) ? A_VS(1) : 0);
	unsigned a, b;
	struct cold *k;

	fp_need(p->c);
	a = neon_a(p);
	b = neon_b(p, bytes(p));
	if (round_and_tell(p))
		return direct2(p, tell, 2 + dbl(p), a, b);
	if (neon_afp(p)) {
		if (!(p->in->imm & 8))
			a_v2(cb, tell, 2, b);
		return direct2(p, rounding(p, true), 2 + dbl(p), a, b);
	}
	a_v2(cb, rounding(p, true), 0, b);
	k = fp_check(p);
	if (!(p->in->imm & 8))
		a_v2(cb, tell, 2, b);
	result(p, k, 2 + dbl(p), a);
	return true;
}

/* HADDPx, HSUBPx: even elements op odd ones. arg: the op */
static void compute_hadd(struct neon *p, unsigned d, unsigned a, unsigned b)
{
	struct codebuf *cb = &p->c->cb;
	uint32_t s = A_VS(2) + (dbl(p) ? A_VS(1) : 0);

	a_v3(cb, A_VUZP1 | s, 2, a, b);
	a_v3(cb, A_VUZP2 | s, 3, a, b);
	a_v3(cb, p->arg, d, 2, 3);
}

bool neon_hadd(struct neon *p)
{
	return vectors(p, compute_hadd, true, NULL);
}

/* FRINT32x makes -2^31 of what does not fit, and says Invalid: SSE's result. neon_afp() has it. */
static void compute_ps2dq(struct neon *p, unsigned d, unsigned a, unsigned b)
{
	if (neon_afp(p)) {
		a_v2(&p->c->cb, p->arg ? A_VFRINT32Z : A_VFRINT32X, d, b);
		a_v2(&p->c->cb, A_VFCVTZS, d, d);
		return;
	}
	if (!p->arg)
		a_v2(&p->c->cb, A_VFRINTI, d, b);
	a_v2(&p->c->cb, A_VFCVTZS, d, p->arg ? b : d);
}

/* CVTPS2DQ; arg: 1 to truncate. See neon_convert.c */
bool neon_cvt_ps2dq(struct neon *p)
{
	return vectors(p, compute_ps2dq, false, p->arg || neon_afp(p) ? NULL : precision);
}
