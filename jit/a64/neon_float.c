/*
 * neon_float.c - arithmetic, comparison, rounding and conversion of single and double precision.
 *
 * Each: operands, the host's instruction into V0, fp_check(), and only then the guest's registers or flags. What the host would do
 * otherwise than SSE the check finds (fpstate.c). Source: Intel SDM Vol. 2, each instruction; Arm ARM, shared/functions/float.
 */
#include "jit/a64/neon.h"

/* V0 is the result; of a scalar one only the low element, the rest comes from the first source @a. */
static void result(struct neon *p, struct cold *k, bool scalar, unsigned s, unsigned a)
{
	struct codebuf *cb = &p->c->cb;
	unsigned d = neon_d(p);

	if (!scalar) {
		a_vmov(cb, d, 0);
	} else {
		if (d != a)
			a_vmov(cb, d, a);
		a_vins(cb, s, d, 0, 0, 0);
	}
	fp_done(p, k);
}

static bool dbl(const struct neon *p)
{
	return p->arg & A_VS(1);
}

static unsigned bytes(const struct neon *p)
{
	return dbl(p) ? 8 : 4;
}

/* arg: the instruction */
bool neon_arith(struct neon *p)
{
	unsigned a, b;

	fp_need(p->c);
	a = neon_a(p);
	b = neon_b(p, 16);
	a_v3(&p->c->cb, p->arg, 0, a, b);
	result(p, fp_check(p), false, 0, a);
	return true;
}

bool neon_sarith(struct neon *p)
{
	unsigned a, b;

	fp_need(p->c);
	a = neon_a(p);
	b = neon_b(p, bytes(p));
	a_v3(&p->c->cb, p->arg, 0, a, b);
	result(p, fp_check(p), true, 2 + dbl(p), a);
	return true;
}

bool neon_sqrt(struct neon *p)
{
	unsigned b;

	fp_need(p->c);
	b = neon_b(p, 16);
	a_v2(&p->c->cb, p->arg, 0, b);
	result(p, fp_check(p), false, 0, 0);
	return true;
}

/* SQRTSx, CVTSS2SD, CVTSD2SS: of the second operand, beside the rest of the first. arg: the instruction, | 1 a double results */
bool neon_sone(struct neon *p)
{
	bool from_dbl = dbl(p);
	unsigned a, b;

	fp_need(p->c);
	a = neon_a(p);
	b = neon_b(p, from_dbl ? 8 : 4);
	a_v2(&p->c->cb, p->arg & ~1u, 0, b);
	result(p, fp_check(p), true, 2 + (p->arg & 1), a);
	return true;
}

/* The second operand unless the first is less (greater): so of two zeros, and of NaNs, which the check has seen. arg: FCMGT, | 1 MAX */
static void minmax(struct neon *p, unsigned a, unsigned b)
{
	bool max = p->arg & 1;

	a_v3(&p->c->cb, p->arg & ~1u, 0, max ? a : b, max ? b : a);
	a_v3(&p->c->cb, A_VBSL, 0, a, b);
}

bool neon_minmax(struct neon *p)
{
	unsigned a, b;

	fp_need(p->c);
	a = neon_a(p);
	b = neon_b(p, 16);
	minmax(p, a, b);
	result(p, fp_check(p), false, 0, a);
	return true;
}

bool neon_sminmax(struct neon *p)
{
	unsigned a, b;

	fp_need(p->c);
	a = neon_a(p);
	b = neon_b(p, bytes(p));
	minmax(p, a, b);
	result(p, fp_check(p), true, 2 + dbl(p), a);
	return true;
}

/* V0 = all ones where the predicate holds; LT and LE signal quiet NaNs on both architectures. @s: 0 vectors, 1 scalars */
static void compare(struct neon *p, unsigned pred, bool s, unsigned a, unsigned b)
{
	struct codebuf *cb = &p->c->cb;
	uint32_t size = dbl(p) ? A_VS(1) : 0, eq = (s ? A_SFCMEQ : A_VFCMEQ) | size;

	switch (pred & 3) {
	case 0: a_v3(cb, eq, 0, a, b); break;
	case 1: a_v3(cb, (s ? A_SFCMGT : A_VFCMGT) | size, 0, b, a); break;
	case 2: a_v3(cb, (s ? A_SFCMGE : A_VFCMGE) | size, 0, b, a); break;
	default: /* neither is a NaN */
		a_v3(cb, eq, 0, a, a);
		a_v3(cb, eq, 2, b, b);
		a_v3(cb, A_VAND, 0, 0, 2);
		pred ^= 4; /* UNORD is 3, ORD 7 */
	}
	if (pred & 4)
		a_v2(cb, A_VNOT, 0, 0);
}

/* The predicates that VEX adds are left to C. */
static bool predicate(const struct neon *p, unsigned *pred)
{
	*pred = (unsigned)p->in->imm & (p->in->vex ? 31 : 7);
	return *pred < 8;
}

/* arg: size */
bool neon_cmp(struct neon *p)
{
	unsigned a, b, pred;

	if (!predicate(p, &pred))
		return false;
	fp_need(p->c);
	a = neon_a(p);
	b = neon_b(p, 16);
	compare(p, pred, false, a, b);
	result(p, fp_check(p), false, 0, a);
	return true;
}

bool neon_scmp(struct neon *p)
{
	unsigned a, b, pred;

	if (!predicate(p, &pred))
		return false;
	fp_need(p->c);
	a = neon_a(p);
	b = neon_b(p, bytes(p));
	compare(p, pred, true, a, b);
	result(p, fp_check(p), true, 2 + dbl(p), a);
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
	c->inv = k->inv = true; /* C's flags come back as after a subtraction, too */
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

static bool round_to_int(struct neon *p, bool scalar)
{
	struct codebuf *cb = &p->c->cb;
	unsigned a = 0, b;
	struct cold *k;

	fp_need(p->c);
	if (scalar)
		a = neon_a(p);
	b = neon_b(p, scalar ? bytes(p) : 16);
	a_v2(cb, rounding(p, scalar), 0, b);
	k = fp_check(p);
	if (!(p->in->imm & 8)) /* Precision is wanted: this one says Inexact */
		a_v2(cb, (scalar ? A_SFRINTX : A_VFRINTX) | (dbl(p) ? A_VS(1) : 0), 2, b);
	result(p, k, scalar, 2 + dbl(p), a);
	return true;
}

bool neon_round(struct neon *p)
{
	return round_to_int(p, false);
}

bool neon_sround(struct neon *p)
{
	return round_to_int(p, true);
}

/* HADDPx, HSUBPx: even elements op odd ones. arg: the op */
bool neon_hadd(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	uint32_t s = A_VS(2) + (dbl(p) ? A_VS(1) : 0);
	unsigned a, b;

	fp_need(p->c);
	a = neon_a(p);
	b = neon_b(p, 16);
	a_v3(cb, A_VUZP1 | s, 2, a, b);
	a_v3(cb, A_VUZP2 | s, 3, a, b);
	a_v3(cb, p->arg, 0, 2, 3);
	result(p, fp_check(p), false, 0, a);
	return true;
}
