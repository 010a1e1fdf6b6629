/*
 * sse_int.c - packed integer arithmetic, logic, comparison and shifts, for MMX and XMM widths.
 *
 * Each body runs over x->n bytes of elements. Element expressions see a (destination) and b (source).
 * Source: Intel SDM Vol. 2B, each instruction's "Operation".
 */
#include "cpu/fpu/simd.h"
#include <string.h>

#define LANES(name, field, expr)                                                                   \
	void simd_##name(struct simd *x)                                                           \
	{                                                                                          \
		for (unsigned i = 0; i < x->n / sizeof(x->d.field[0]); i++) {                      \
			__typeof__(x->d.field[0]) a = x->d.field[i], b = x->s.field[i];            \
                                                                                                   \
			(void)a;                                                                   \
			x->d.field[i] = (expr);                                                    \
		}                                                                                  \
	}

static int sat(int v, int lo, int hi)
{
	return v < lo ? lo : v > hi ? hi : v;
}

#define SATB(v) sat(v, -128, 127)
#define SATW(v) sat(v, -32768, 32767)
#define SATUB(v) sat(v, 0, 255)
#define SATUW(v) sat(v, 0, 65535)

LANES(paddb, b, a + b)
LANES(paddw, w, a + b)
LANES(paddd, d, a + b)
LANES(paddq, q, a + b)
LANES(psubb, b, a - b)
LANES(psubw, w, a - b)
LANES(psubd, d, a - b)
LANES(psubq, q, a - b)
LANES(paddsb, sb, SATB(a + b))
LANES(paddsw, sw, SATW(a + b))
LANES(psubsb, sb, SATB(a - b))
LANES(psubsw, sw, SATW(a - b))
LANES(paddusb, b, SATUB(a + b))
LANES(paddusw, w, SATUW(a + b))
LANES(psubusb, b, SATUB(a - b))
LANES(psubusw, w, SATUW(a - b))
LANES(pavgb, b, (a + b + 1) >> 1)
LANES(pavgw, w, (a + b + 1) >> 1)
LANES(pminub, b, a < b ? a : b)
LANES(pmaxub, b, a > b ? a : b)
LANES(pminsb, sb, a < b ? a : b)
LANES(pmaxsb, sb, a > b ? a : b)
LANES(pminuw, w, a < b ? a : b)
LANES(pmaxuw, w, a > b ? a : b)
LANES(pminsw, sw, a < b ? a : b)
LANES(pmaxsw, sw, a > b ? a : b)
LANES(pminud, d, a < b ? a : b)
LANES(pmaxud, d, a > b ? a : b)
LANES(pminsd, sd, a < b ? a : b)
LANES(pmaxsd, sd, a > b ? a : b)
LANES(pcmpeqb, b, a == b ? 0xFF : 0)
LANES(pcmpeqw, w, a == b ? 0xFFFF : 0)
LANES(pcmpeqd, d, a == b ? UINT32_MAX : 0)
LANES(pcmpeqq, q, a == b ? UINT64_MAX : 0)
LANES(pcmpgtb, sb, a > b ? -1 : 0)
LANES(pcmpgtw, sw, a > b ? -1 : 0)
LANES(pcmpgtd, sd, a > b ? -1 : 0)
LANES(pcmpgtq, sq, a > b ? -1 : 0)
LANES(pabsb, b, b & 0x80 ? -b : b)
LANES(pabsw, w, b & 0x8000 ? -b : b)
LANES(pabsd, d, b >> 31 ? -b : b)
LANES(psignb, sb, b < 0 ? -a : b ? a : 0)
LANES(psignw, sw, b < 0 ? -a : b ? a : 0)
LANES(psignd, d, b >> 31 ? -a : b ? a : 0)

LANES(pmullw, w, (uint32_t)a * b)
LANES(pmulld, d, a * b)
LANES(pmulhw, sw, (int32_t)a * b >> 16)
LANES(pmulhuw, w, (uint32_t)a * b >> 16)
LANES(pmulhrsw, sw, (((int32_t)a * b >> 14) + 1) >> 1)
LANES(pmuludq, q, (uint64_t)(uint32_t)a * (uint32_t)b)
LANES(pmuldq, sq, (int64_t)(int32_t)a * (int32_t)b)

LANES(pand, q, a & b)
LANES(pandn, q, ~a & b)
LANES(por, q, a | b)
LANES(pxor, q, a ^ b)
LANES(andps, q, a & b)
LANES(andnps, q, ~a & b)
LANES(orps, q, a | b)
LANES(xorps, q, a ^ b)
LANES(andpd, q, a & b)
LANES(andnpd, q, ~a & b)
LANES(orpd, q, a | b)
LANES(xorpd, q, a ^ b)

/* Shifts by the whole low quadword of the source: too far gives zeros, or the sign everywhere. */
#define SHIFT(name, field, bits, expr, far)                                                        \
	void simd_##name(struct simd *x)                                                           \
	{                                                                                          \
		uint64_t n = x->s.q[0];                                                            \
                                                                                                   \
		for (unsigned i = 0; i < x->n / sizeof(x->d.field[0]); i++) {                      \
			__typeof__(x->d.field[0]) a = x->d.field[i];                               \
                                                                                                   \
			x->d.field[i] = n < (bits) ? (expr) : (far);                               \
		}                                                                                  \
	}
SHIFT(psllw, w, 16, (uint32_t)a << n, 0)
SHIFT(pslld, d, 32, a << n, 0)
SHIFT(psllq, q, 64, a << n, 0)
SHIFT(psrlw, w, 16, a >> n, 0)
SHIFT(psrld, d, 32, a >> n, 0)
SHIFT(psrlq, q, 64, a >> n, 0)
SHIFT(psraw, sw, 16, a >> n, a >> 15)
SHIFT(psrad, sd, 32, a >> n, a >> 31)

void simd_pslldq(struct simd *x)
{
	unsigned n = x->imm > 15 ? 16 : x->imm;

	memmove(x->d.b + n, x->d.b, 16 - n);
	memset(x->d.b, 0, n);
}

void simd_psrldq(struct simd *x)
{
	unsigned n = x->imm > 15 ? 16 : x->imm;

	memmove(x->d.b, x->d.b + n, 16 - n);
	memset(x->d.b + 16 - n, 0, n);
}

void simd_pmaddwd(struct simd *x)
{
	for (unsigned i = 0; i < x->n / 4; i++)
		x->d.d[i] = (uint32_t)(x->d.sw[2 * i] * x->s.sw[2 * i]) +
			(uint32_t)(x->d.sw[2 * i + 1] * x->s.sw[2 * i + 1]);
}

/* Unsigned bytes of the destination by signed bytes of the source. */
void simd_pmaddubsw(struct simd *x)
{
	for (unsigned i = 0; i < x->n / 2; i++)
		x->d.sw[i] = SATW(x->d.b[2 * i] * x->s.sb[2 * i] +
				  x->d.b[2 * i + 1] * x->s.sb[2 * i + 1]);
}

void simd_psadbw(struct simd *x)
{
	for (unsigned i = 0; i < x->n / 8; i++) {
		unsigned sum = 0;

		for (unsigned j = 8 * i; j < 8 * i + 8; j++)
			sum += x->d.b[j] > x->s.b[j] ? x->d.b[j] - x->s.b[j] : x->s.b[j] - x->d.b[j];
		x->d.q[i] = sum;
	}
}

void simd_mpsadbw(struct simd *x)
{
	const uint8_t *d = x->d.b + (x->imm & 4), *s = x->s.b + 4 * (x->imm & 3);
	union vec r;

	for (unsigned i = 0; i < 8; i++) {
		unsigned sum = 0;

		for (unsigned j = 0; j < 4; j++)
			sum += d[i + j] > s[j] ? d[i + j] - s[j] : s[j] - d[i + j];
		r.w[i] = sum;
	}
	x->d = r;
}

/* Horizontal: pairs of the destination, then pairs of the source. */
#define PAIRS(name, field, expr)                                                                   \
	void simd_##name(struct simd *x)                                                           \
	{                                                                                          \
		unsigned half = x->n / sizeof(x->d.field[0]) / 2;                                  \
		union vec r = {.q = {0, 0}};                                                       \
                                                                                                   \
		for (unsigned i = 0; i < 2 * half; i++) {                                          \
			const union vec *v = i < half ? &x->d : &x->s;                             \
			__typeof__(x->d.field[0]) a = v->field[2 * (i % half)];                    \
			__typeof__(x->d.field[0]) b = v->field[2 * (i % half) + 1];                \
                                                                                                   \
			r.field[i] = (expr);                                                       \
		}                                                                                  \
		x->d = r;                                                                          \
	}
PAIRS(phaddw, w, a + b)
PAIRS(phaddd, d, a + b)
PAIRS(phaddsw, sw, SATW(a + b))
PAIRS(phsubw, w, a - b)
PAIRS(phsubd, d, a - b)
PAIRS(phsubsw, sw, SATW(a - b))

void simd_phminposuw(struct simd *x)
{
	unsigned at = 0;

	for (unsigned i = 1; i < 8; i++)
		if (x->s.w[i] < x->s.w[at])
			at = i;
	x->d = (union vec){.w = {x->s.w[at], at}};
}

void simd_ptest(struct simd *x)
{
	bool z = !((x->d.q[0] & x->s.q[0]) | (x->d.q[1] & x->s.q[1]));
	bool c = !((~x->d.q[0] & x->s.q[0]) | (~x->d.q[1] & x->s.q[1]));

	x->keep = true;
	simd_set_flags(x, (z ? FL_ZF : 0) | (c ? FL_CF : 0));
}
