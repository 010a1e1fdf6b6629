/*
 * sse42_str.c - PCMPESTRI PCMPESTRM PCMPISTRI PCMPISTRM: comparing packed strings.
 *
 * Source: Intel SDM Vol. 2B 4.1 "Imm8 Control Byte Operation for PCMPESTRI / PCMPESTRM / PCMPISTRI / PCMPISTRM".
 */
#include "cpu/fpu/simd.h"
#include <string.h>

struct strings {
	unsigned n;	     /* elements in a register: 8 or 16 */
	unsigned len1, len2; /* valid ones */
	int32_t a[16], b[16]; /* first and second operand, extended by the format's signedness */
};

static void elements(const struct simd *x, const union vec *v, int32_t *out)
{
	for (unsigned i = 0; i < (x->imm & 1 ? 8u : 16u); i++) {
		switch (x->imm & 3) {
		case 0:
			out[i] = v->b[i];
			break;
		case 1:
			out[i] = v->w[i];
			break;
		case 2:
			out[i] = v->sb[i];
			break;
		case 3:
			out[i] = v->sw[i];
			break;
		}
	}
}

static unsigned implicit_length(const int32_t *e, unsigned n)
{
	unsigned len = 0;

	while (len < n && e[len])
		len++;
	return len;
}

/* EAX or EDX (RAX, RDX with REX.W): its absolute value, saturated to the number of elements */
static unsigned explicit_length(const struct simd *x, unsigned reg, unsigned n)
{
	uint64_t raw = x->cpu->gpr[reg];
	int64_t v = x->in->code == 8 && (x->in->rex & 8) ? (int64_t)raw : (int32_t)raw;
	uint64_t mag = v < 0 ? -(uint64_t)v : (uint64_t)v;

	return mag > n ? n : (unsigned)mag;
}

static bool any_or_ranges(const struct strings *s, unsigned i, bool ranges)
{
	if (i >= s->len2)
		return false;
	for (unsigned j = 0; j < s->len1; j += ranges ? 2 : 1) {
		if (!ranges && s->a[j] == s->b[i])
			return true;
		if (ranges && j + 1 < s->len1 && s->a[j] <= s->b[i] && s->b[i] <= s->a[j + 1])
			return true;
	}
	return false;
}

static bool ordered(const struct strings *s, unsigned i)
{
	for (unsigned j = 0; j < s->len1 && i + j < s->n; j++)
		if (i + j >= s->len2 || s->a[j] != s->b[i + j])
			return false;
	return true;
}

static unsigned aggregate(const struct simd *x, const struct strings *s)
{
	unsigned r = 0;

	for (unsigned i = 0; i < s->n; i++) {
		bool hit = false;

		switch (x->imm >> 2 & 3) {
		case 0:
		case 1:
			hit = any_or_ranges(s, i, x->imm >> 2 & 1);
			break;
		case 2: /* equal each: two invalid elements are equal, one is not */
			hit = i < s->len1 && i < s->len2 ? s->a[i] == s->b[i] : i >= s->len1 && i >= s->len2;
			break;
		case 3:
			hit = ordered(s, i);
			break;
		}
		r |= (unsigned)hit << i;
	}
	return r;
}

/* IntRes2 of the manual; flags are set here. */
static unsigned compare(struct simd *x, struct strings *s, bool explicit_len)
{
	unsigned all, r;

	s->n = x->imm & 1 ? 8 : 16;
	elements(x, &x->d, s->a);
	elements(x, &x->s, s->b);
	s->len1 = explicit_len ? explicit_length(x, GPR_RAX, s->n) : implicit_length(s->a, s->n);
	s->len2 = explicit_len ? explicit_length(x, GPR_RDX, s->n) : implicit_length(s->b, s->n);
	all = (1u << s->n) - 1;
	r = aggregate(x, s);
	if ((x->imm >> 4 & 3) == 1)
		r ^= all;
	else if ((x->imm >> 4 & 3) == 3)
		r ^= (1u << s->len2) - 1;
	simd_set_flags(x, (r ? FL_CF : 0) | (s->len2 < s->n ? FL_ZF : 0) | (s->len1 < s->n ? FL_SF : 0) |
		(r & 1 ? FL_OF : 0));
	x->keep = true;
	return r;
}

static void index_result(struct simd *x, bool explicit_len)
{
	struct strings s;
	unsigned r = compare(x, &s, explicit_len);

	if (!r)
		x->cpu->gpr[GPR_RCX] = s.n;
	else if (x->imm & 0x40)
		x->cpu->gpr[GPR_RCX] = 31u - (unsigned)__builtin_clz(r);
	else
		x->cpu->gpr[GPR_RCX] = (unsigned)__builtin_ctz(r);
}

static void mask_result(struct simd *x, bool explicit_len)
{
	union vec m = {.q = {0, 0}};
	struct strings s;
	unsigned r = compare(x, &s, explicit_len);

	if (!(x->imm & 0x40)) {
		m.w[0] = (uint16_t)r;
	} else {
		for (unsigned i = 0; i < s.n; i++) {
			if (s.n == 8)
				m.w[i] = r >> i & 1 ? 0xFFFF : 0;
			else
				m.b[i] = r >> i & 1 ? 0xFF : 0;
		}
	}
	memcpy(x->cpu->fpu.xmm[0], &m, 16);
	if (x->in->vex)
		memset(x->cpu->fpu.ymmh[0], 0, 16);
}

void simd_pcmpestri(struct simd *x)
{
	index_result(x, true);
}

void simd_pcmpistri(struct simd *x)
{
	index_result(x, false);
}

void simd_pcmpestrm(struct simd *x)
{
	mask_result(x, true);
}

void simd_pcmpistrm(struct simd *x)
{
	mask_result(x, false);
}
