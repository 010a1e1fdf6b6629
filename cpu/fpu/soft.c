/* soft.c - the floating-point engine; see soft.h. */
#include "cpu/fpu/soft.h"
#include <string.h>

const struct fmt fmt16 = {11, -14, 15}, fmt32 = {24, -126, 127}, fmt64 = {53, -1022, 1023}, fmt80 = {64, -16382, 16383};

#define BIT63 (1ull << 63)
#define BIT62 (1ull << 62)

static struct fnum unpack(bool sign, unsigned e, unsigned emax, uint64_t frac, const struct fmt *f)
{
	struct fnum n = {.sign = sign};

	/* @frac is left-aligned below the integer bit */
	if (e == emax) {
		n.cls = !frac ? F_INF : frac & BIT62 ? F_QNAN : F_SNAN;
		n.sig = frac | BIT63;
	} else if (e) {
		n.cls = F_FIN;
		n.sig = frac | BIT63;
		n.exp = (int)e - 1 + f->emin;
	} else if (frac) {
		unsigned z = __builtin_clzll(frac);

		n.cls = F_FIN;
		n.denorm = true;
		n.sig = frac << z;
		n.exp = f->emin - (int)z;
	}
	return n;
}

struct fnum soft_get16(uint16_t v)
{
	return unpack(v >> 15, v >> 10 & 31, 31, (uint64_t)(v & 0x3FF) << 53, &fmt16);
}

struct fnum soft_get32(uint32_t v)
{
	return unpack(v >> 31, v >> 23 & 255, 255, (uint64_t)(v & 0x7FFFFF) << 40, &fmt32);
}

struct fnum soft_get64(uint64_t v)
{
	return unpack(v >> 63, v >> 52 & 2047, 2047, (v & 0xFFFFFFFFFFFFFull) << 11, &fmt64);
}

struct fnum soft_get80(const uint8_t *p)
{
	uint64_t m;
	uint16_t se;
	struct fnum n;

	memcpy(&m, p, 8);
	memcpy(&se, p + 8, 2);
	if ((se & 0x7FFF) && !(m & BIT63)) /* unnormal, pseudo-infinity, pseudo-NaN: SDM Vol. 1 8.2.2 */
		return (struct fnum){.cls = F_BAD, .sign = se >> 15, .sig = m};
	if (!(se & 0x7FFF) && (m & BIT63)) /* pseudo-denormal: exponent as if 1 */
		return (struct fnum){.cls = F_FIN, .sign = se >> 15, .denorm = true, .exp = -16382, .sig = m};
	n = unpack(se >> 15, se & 0x7FFF, 0x7FFF, m & ~BIT63, &fmt80);
	return n;
}

/* @fbits of fraction below @ebits of exponent */
static uint64_t pack(const struct fnum *a, const struct fmt *f, unsigned fbits, unsigned ebits)
{
	uint64_t s = (uint64_t)a->sign, emax = (1u << ebits) - 1;
	uint64_t e = 0, frac = 0;

	switch (a->cls) {
	case F_FIN:
		if (a->exp < f->emin) {
			unsigned d = f->emin - a->exp;

			frac = d > 63 ? 0 : a->sig >> d;
		} else {
			e = a->exp - f->emin + 1;
			frac = a->sig;
		}
		break;
	case F_INF:
		e = emax;
		break;
	case F_QNAN:
	case F_SNAN:
	case F_BAD:
		e = emax;
		frac = a->sig;
		break;
	}
	frac = (frac & ~BIT63) >> (63 - fbits);
	return s << (fbits + ebits) | e << fbits | frac;
}

uint16_t soft_put16(const struct fnum *a)
{
	return pack(a, &fmt16, 10, 5);
}

uint32_t soft_put32(const struct fnum *a)
{
	return pack(a, &fmt32, 23, 8);
}

uint64_t soft_put64(const struct fnum *a)
{
	return pack(a, &fmt64, 52, 11);
}

void soft_put80(const struct fnum *a, uint8_t *p)
{
	uint16_t se = (uint16_t)(a->sign << 15);
	uint64_t m = a->sig;

	switch (a->cls) {
	case F_ZERO:
		m = 0;
		break;
	case F_FIN:
		if (a->exp < fmt80.emin)
			m = fmt80.emin - a->exp > 63 ? 0 : m >> (fmt80.emin - a->exp);
		else
			se |= a->exp + 16383;
		break;
	case F_INF:
		m = BIT63;
		/* fall through */
	default:
		se |= 0x7FFF;
	}
	memcpy(p, &m, 8);
	memcpy(p + 8, &se, 2);
}

struct fnum soft_int(int64_t v)
{
	struct fnum n = {.sign = v < 0};
	uint64_t m = v < 0 ? -(uint64_t)v : (uint64_t)v;

	if (m) {
		unsigned z = __builtin_clzll(m);

		n.cls = F_FIN;
		n.sig = m << z;
		n.exp = 63 - (int)z;
	}
	return n;
}

static unsigned clz128(soft_u128 v)
{
	uint64_t hi = v >> 64;

	return hi ? __builtin_clzll(hi) : 64 + __builtin_clzll((uint64_t)v);
}

static soft_u128 shr_jam(soft_u128 v, unsigned n)
{
	if (!n)
		return v;
	if (n > 127)
		return v != 0;
	return v >> n | ((v & (((soft_u128)1 << n) - 1)) != 0);
}

/* Keeps the upper @p bits. Returns whether the rest was not zero; *carry: the sum left 128 bits (then *s is 0). */
static bool round_bits(soft_u128 *s, int p, unsigned rc, bool sign, bool *carry, bool *up)
{
	soft_u128 unit = (soft_u128)1 << (128 - p), rem = *s & (unit - 1), half = unit >> 1;
	bool inc = false;

	*s &= ~(unit - 1);
	*carry = false;
	*up = false;
	if (!rem)
		return false;
	if (rc == RC_NEAR)
		inc = rem > half || (rem == half && (*s & unit));
	else if (rc == RC_UP)
		inc = !sign;
	else if (rc == RC_DOWN)
		inc = sign;
	if (inc) {
		*s += unit;
		*carry = *s == 0;
	}
	*up = inc;
	return true;
}

static struct fnum overflow(struct soft_env *e, const struct fmt *f, bool sign)
{
	bool inf = e->rc == RC_NEAR || e->rc == (sign ? RC_DOWN : RC_UP);

	e->flags |= FX_OE | FX_PE;
	e->up = inf;
	if (inf)
		return (struct fnum){.cls = F_INF, .sign = sign};
	return (struct fnum){.cls = F_FIN, .sign = sign, .exp = f->emax, .sig = ~0ull << (64 - f->p)};
}

static struct fnum tiny_masked(struct soft_env *e, const struct fmt *f, bool sign, int exp, soft_u128 sig, bool tiny)
{
	struct fnum n = {.sign = sign};
	bool carry, up;
	unsigned z;

	if (tiny && e->ftz) {
		e->flags |= FX_UE | FX_PE;
		return n;
	}
	sig = shr_jam(sig, f->emin - exp);
	if (round_bits(&sig, f->p, e->rc, sign, &carry, &up)) {
		e->flags |= FX_PE | (tiny ? FX_UE : 0);
		e->up = up;
	}
	if (!sig)
		return n;
	z = clz128(sig);
	n.cls = F_FIN;
	n.exp = f->emin - (int)z;
	n.sig = (sig << z) >> 64;
	return n;
}

struct fnum soft_round(struct soft_env *e, const struct fmt *f, bool sign, int exp, soft_u128 sig)
{
	soft_u128 s = sig;
	bool carry, up, inexact = round_bits(&s, f->p, e->rc, sign, &carry, &up);
	int rexp = exp + carry;

	if (exp < f->emin) {
		bool tiny = rexp < f->emin;

		if (!tiny || (e->mask & FX_UE))
			return tiny_masked(e, f, sign, exp, sig, tiny);
		e->flags |= FX_UE;
		rexp += e->wrap;
	} else if (rexp > f->emax) {
		if (e->mask & FX_OE)
			return overflow(e, f, sign);
		e->flags |= FX_OE;
		rexp -= e->wrap;
	}
	if (inexact) {
		e->flags |= FX_PE;
		e->up = up;
	}
	return (struct fnum){.cls = F_FIN, .sign = sign, .exp = rexp, .sig = carry ? BIT63 : (uint64_t)(s >> 64)};
}

static struct fnum norm_round(struct soft_env *e, const struct fmt *f, bool sign, int exp, soft_u128 v)
{
	unsigned z = clz128(v);

	return soft_round(e, f, sign, exp - (int)z, v << z);
}

static struct fnum same(struct soft_env *e, const struct fmt *f, struct fnum a)
{
	if (a.cls != F_FIN)
		return a;
	return soft_round(e, f, a.sign, a.exp, (soft_u128)a.sig << 64);
}

struct fnum soft_add(struct soft_env *e, const struct fmt *f, struct fnum a, struct fnum b)
{
	soft_u128 x, y;

	if (a.cls == F_INF || (b.cls == F_ZERO && a.cls == F_FIN))
		return same(e, f, a);
	if (b.cls == F_INF || (a.cls == F_ZERO && b.cls == F_FIN))
		return same(e, f, b);
	if (a.cls == F_ZERO) {
		a.sign = a.sign == b.sign ? a.sign : e->rc == RC_DOWN;
		return a;
	}
	if (a.exp < b.exp || (a.exp == b.exp && a.sig < b.sig)) {
		struct fnum t = a;

		a = b;
		b = t;
	}
	x = (soft_u128)a.sig << 62;
	y = shr_jam((soft_u128)b.sig << 62, a.exp - b.exp);
	x = a.sign == b.sign ? x + y : x - y;
	if (!x)
		return (struct fnum){.cls = F_ZERO, .sign = e->rc == RC_DOWN};
	return norm_round(e, f, a.sign, a.exp + 2, x);
}

struct fnum soft_mul(struct soft_env *e, const struct fmt *f, struct fnum a, struct fnum b)
{
	bool sign = a.sign ^ b.sign;

	if (a.cls == F_INF || b.cls == F_INF)
		return (struct fnum){.cls = F_INF, .sign = sign};
	if (a.cls == F_ZERO || b.cls == F_ZERO)
		return (struct fnum){.cls = F_ZERO, .sign = sign};
	return norm_round(e, f, sign, a.exp + b.exp + 1, (soft_u128)a.sig * b.sig);
}

/*
 * The product fills 128 bits exactly; shifted down by one it leaves room for a carry. In a format of at most 53 bits
 * the lower 21 are zeros, so a sum that cancels more than its leading bit has lost nothing.
 */
struct fnum soft_fma(struct soft_env *e, const struct fmt *f, struct fnum a, struct fnum b, struct fnum c)
{
	bool sign = a.sign ^ b.sign;
	soft_u128 x, y;
	int ex, d;

	if (a.cls == F_INF || b.cls == F_INF || c.cls == F_INF)
		return c.cls == F_INF ? c : (struct fnum){.cls = F_INF, .sign = sign};
	if (a.cls == F_ZERO || b.cls == F_ZERO) {
		if (c.cls == F_ZERO)
			c.sign = c.sign == sign ? sign : e->rc == RC_DOWN;
		return same(e, f, c);
	}
	x = ((soft_u128)a.sig * b.sig) >> 1;
	ex = a.exp + b.exp + 2; /* of bit 127 */
	if (c.cls == F_ZERO)
		return norm_round(e, f, sign, ex, x);
	y = (soft_u128)c.sig << 62;
	d = ex - (c.exp + 2);
	if (d >= 0)
		y = shr_jam(y, d);
	else
		x = shr_jam(x, -d);
	if (d < 0)
		ex -= d;
	if (sign == c.sign)
		return norm_round(e, f, sign, ex, x + y);
	if (x == y)
		return (struct fnum){.cls = F_ZERO, .sign = e->rc == RC_DOWN};
	return x > y ? norm_round(e, f, sign, ex, x - y) : norm_round(e, f, c.sign, ex, y - x);
}

struct fnum soft_div(struct soft_env *e, const struct fmt *f, struct fnum a, struct fnum b)
{
	bool sign = a.sign ^ b.sign;
	soft_u128 n, q, r;

	if (a.cls == F_INF || b.cls == F_ZERO)
		return (struct fnum){.cls = F_INF, .sign = sign};
	if (a.cls == F_ZERO || b.cls == F_INF)
		return (struct fnum){.cls = F_ZERO, .sign = sign};
	n = (soft_u128)a.sig << 63;
	q = n / b.sig;
	r = (n % b.sig) << 64;
	q = q << 64 | r / b.sig | (r % b.sig != 0);
	return norm_round(e, f, sign, a.exp - b.exp, q);
}

struct fnum soft_sqrt(struct soft_env *e, const struct fmt *f, struct fnum a)
{
	soft_u128 n, rem = 0, root = 0;

	if (a.cls != F_FIN)
		return a;
	n = (soft_u128)a.sig << (a.exp & 1 ? 64 : 63);
	for (int i = 0; i < 66; i++) {
		rem = rem << 2 | (uint64_t)(n >> 126);
		n <<= 2;
		root <<= 1;
		if (rem >= (root << 1 | 1)) {
			rem -= root << 1 | 1;
			root |= 1;
		}
	}
	return soft_round(e, f, false, a.exp >> 1, root << 62 | (rem != 0));
}

static int cmp_mag(const struct fnum *a, const struct fnum *b)
{
	static const uint8_t rank[] = {[F_ZERO] = 0, [F_FIN] = 1, [F_INF] = 2};
	unsigned ra = a->cls <= F_INF ? rank[a->cls] : 2, rb = b->cls <= F_INF ? rank[b->cls] : 2;

	if (ra != rb)
		return ra < rb ? -1 : 1;
	if (ra != 1)
		return 0;
	if (a->exp != b->exp)
		return a->exp < b->exp ? -1 : 1;
	return a->sig < b->sig ? -1 : a->sig > b->sig;
}

int soft_cmp(const struct fnum *a, const struct fnum *b)
{
	if (a->cls == F_ZERO && b->cls == F_ZERO)
		return 0;
	if (a->sign != b->sign)
		return a->sign ? -1 : 1;
	return a->sign ? -cmp_mag(a, b) : cmp_mag(a, b);
}

struct fnum soft_rint(struct soft_env *e, struct fnum a)
{
	soft_u128 s;
	bool carry, up;

	if (a.cls != F_FIN || a.exp >= 63)
		return a;
	if (a.exp < 0) {
		/* 0.x: bit 127 becomes the units digit after a shift by -exp */
		s = shr_jam((soft_u128)a.sig << 64, -a.exp);
		round_bits(&s, 1, e->rc, a.sign, &carry, &up);
		e->flags |= FX_PE;
		e->up = up;
		a.denorm = false;
		if (!s)
			return (struct fnum){.cls = F_ZERO, .sign = a.sign};
		a.exp = 0;
		a.sig = BIT63;
		return a;
	}
	s = (soft_u128)a.sig << 64;
	if (round_bits(&s, a.exp + 1, e->rc, a.sign, &carry, &up)) {
		e->flags |= FX_PE;
		e->up = up;
	}
	a.exp += carry;
	a.sig = carry ? BIT63 : (uint64_t)(s >> 64);
	return a;
}

bool soft_toint(struct soft_env *e, struct fnum a, unsigned bits, int64_t *v)
{
	unsigned flags = e->flags;
	struct fnum r = a;
	uint64_t m = 0, lim = 1ull << (bits - 1);

	if (a.cls > F_FIN)
		goto invalid;
	r = soft_rint(e, a);
	if (r.cls == F_FIN) {
		if (r.exp > 63)
			goto invalid;
		m = r.sig >> (63 - r.exp);
	}
	if (m > (r.sign ? lim : lim - 1))
		goto invalid;
	*v = (int64_t)(r.sign ? -m : m);
	return true;
invalid:
	e->flags = flags | FX_IE;
	e->up = false;
	*v = (int64_t)(~0ull << (bits - 1));
	return false;
}
