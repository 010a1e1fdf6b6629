/*
 * sse_shuffle.c - packing, unpacking, shuffling and blending, for MMX and XMM widths.
 *
 * Source: Intel SDM Vol. 2A, 2B, each instruction's "Operation".
 */
#include "cpu/fpu/simd.h"

static int sat(int v, int lo, int hi)
{
	return v < lo ? lo : v > hi ? hi : v;
}

/* Elements of the destination, then of the source, each narrowed with saturation. */
#define PACK(name, to, from, lo, hi)                                                               \
	void simd_##name(struct simd *x)                                                           \
	{                                                                                          \
		unsigned half = x->n / sizeof(x->d.from[0]);                                       \
		union vec r = {.q = {0, 0}};                                                       \
                                                                                                   \
		for (unsigned i = 0; i < half; i++) {                                              \
			r.to[i] = sat(x->d.from[i], lo, hi);                                       \
			r.to[half + i] = sat(x->s.from[i], lo, hi);                                \
		}                                                                                  \
		x->d = r;                                                                          \
	}
PACK(packsswb, sb, sw, -128, 127)
PACK(packuswb, b, sw, 0, 255)
PACK(packssdw, sw, sd, -32768, 32767)
PACK(packusdw, w, sd, 0, 65535)

/* Interleave the low (or high) halves; a 4-byte memory source of PUNPCKL has all that is used. */
#define UNPACK(name, field, high)                                                                  \
	void simd_##name(struct simd *x)                                                           \
	{                                                                                          \
		unsigned half = x->n / sizeof(x->d.field[0]) / 2, from = (high) ? half : 0;        \
		union vec r = {.q = {0, 0}};                                                       \
                                                                                                   \
		for (unsigned i = 0; i < half; i++) {                                              \
			r.field[2 * i] = x->d.field[from + i];                                     \
			r.field[2 * i + 1] = x->s.field[from + i];                                 \
		}                                                                                  \
		x->d = r;                                                                          \
	}
UNPACK(punpcklbw, b, false)
UNPACK(punpcklwd, w, false)
UNPACK(punpckldq, d, false)
UNPACK(punpcklqdq, q, false)
UNPACK(punpckhbw, b, true)
UNPACK(punpckhwd, w, true)
UNPACK(punpckhdq, d, true)
UNPACK(punpckhqdq, q, true)
UNPACK(unpcklps, d, false)
UNPACK(unpckhps, d, true)
UNPACK(unpcklpd, q, false)
UNPACK(unpckhpd, q, true)

void simd_pshufb(struct simd *x)
{
	union vec r = {.q = {0, 0}};

	for (unsigned i = 0; i < x->n; i++)
		r.b[i] = x->s.b[i] & 0x80 ? 0 : x->d.b[x->s.b[i] & (x->n - 1)];
	x->d = r;
}

/* Four words from @at of the source by the immediate, the others as they are. */
static void shuffle_words(struct simd *x, unsigned at)
{
	x->d = x->s;
	for (unsigned i = 0; i < 4; i++)
		x->d.w[at + i] = x->s.w[at + (x->imm >> 2 * i & 3)];
}

void simd_pshufw(struct simd *x)
{
	shuffle_words(x, 0);
}

void simd_pshuflw(struct simd *x)
{
	shuffle_words(x, 0);
}

void simd_pshufhw(struct simd *x)
{
	shuffle_words(x, 4);
}

void simd_pshufd(struct simd *x)
{
	for (unsigned i = 0; i < 4; i++)
		x->d.d[i] = x->s.d[x->imm >> 2 * i & 3];
}

void simd_shufps(struct simd *x)
{
	union vec r;

	for (unsigned i = 0; i < 4; i++)
		r.d[i] = (i < 2 ? &x->d : &x->s)->d[x->imm >> 2 * i & 3];
	x->d = r;
}

void simd_shufpd(struct simd *x)
{
	x->d = (union vec){.q = {x->d.q[x->imm & 1], x->s.q[x->imm >> 1 & 1]}};
}

/* Bytes imm.. of the source followed by the destination, zeros beyond. */
void simd_palignr(struct simd *x)
{
	union vec r = {.q = {0, 0}};

	for (unsigned i = 0; i < x->n; i++) {
		unsigned at = i + x->imm;

		r.b[i] = at < x->n ? x->s.b[at] : at < 2 * x->n ? x->d.b[at - x->n] : 0;
	}
	x->d = r;
}

/* Blends: the source's element where the selector bit is set. */
#define BLEND(name, field, count, select)                                                          \
	void simd_##name(struct simd *x)                                                           \
	{                                                                                          \
		for (unsigned i = 0; i < (count); i++)                                             \
			if (select)                                                                \
				x->d.field[i] = x->s.field[i];                                     \
	}
BLEND(blendps, d, 4, x->imm >> i & 1)
BLEND(blendpd, q, 2, x->imm >> i & 1)
BLEND(pblendw, w, 8, x->imm >> i & 1)
BLEND(blendvps, d, 4, x->m.sd[i] < 0)
BLEND(blendvpd, q, 2, x->m.sq[i] < 0)
BLEND(pblendvb, b, 16, x->m.sb[i] < 0)
