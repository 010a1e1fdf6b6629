/*
 * vex_move.c - VEX instructions whose elements cross lanes, and the in-lane permutes and shifts SSE does not have.
 *
 * Source: Intel SDM Vol. 2C, each instruction's "Operation".
 */
#include "cpu/fpu/vex.h"
#include <string.h>

/* x.arg bytes of the source, over and over */
void vex_broadcast(struct vex *v)
{
	uint8_t *to = v->d.b;

	for (unsigned i = 0; i < 16 * v->lanes; i += v->x.arg)
		memcpy(to + i, v->a.b, v->x.arg);
}

void vex_extract128(struct vex *v)
{
	v->d.lane[0] = v->a.lane[v->x.imm & 1];
}

void vex_insert128(struct vex *v)
{
	v->d = v->a;
	v->d.lane[v->x.imm & 1] = v->b.lane[0];
}

/* For each lane of the result: bits 1:0 choose one of four, bit 3 makes it zero. */
void vex_perm2x128(struct vex *v)
{
	for (unsigned i = 0; i < 2; i++) {
		unsigned sel = v->x.imm >> 4 * i;

		v->d.lane[i] = (sel & 2 ? &v->b : &v->a)->lane[sel & 1];
		if (sel & 8)
			memset(&v->d.lane[i], 0, 16);
	}
}

/* The second operand has the indices, the third the data. */
void vex_permd(struct vex *v)
{
	for (unsigned i = 0; i < 8; i++)
		v->d.d[i] = v->b.d[v->a.d[i] & 7];
}

void vex_permq(struct vex *v)
{
	for (unsigned i = 0; i < 4; i++)
		v->d.q[i] = v->a.q[v->x.imm >> 2 * i & 3];
}

/* ZF: no bit of @mask in both, CF: none of the second operand's that the first lacks. */
static void test(struct vex *v, uint64_t mask)
{
	uint64_t both = 0, only = 0;

	for (unsigned i = 0; i < 2 * v->lanes; i++) {
		uint64_t d = v->d.q[i], s = v->a.q[i];

		both |= d & s & mask;
		only |= ~d & s & mask;
	}
	v->x.keep = true;
	simd_set_flags(&v->x, (both ? 0 : FL_ZF) | (only ? 0 : FL_CF));
}

void vex_ptest(struct vex *v)
{
	test(v, UINT64_MAX);
}

void vex_test_signs(struct vex *v)
{
	test(v, v->x.arg == 8 ? BIT(63) : BIT(63) | BIT(31));
}

/* VZEROUPPER, and with x.arg VZEROALL. Outside 64-bit mode YMM8 to YMM15 keep their values. */
void vex_zero(struct vex *v)
{
	struct fpu_state *f = &v->x.cpu->fpu;
	unsigned n = v->x.in->code == 8 ? 16 : 8;

	memset(f->ymmh, 0, 16 * n);
	if (v->x.arg)
		memset(f->xmm, 0, 16 * n);
}

void vex_ldmxcsr(struct vex *v)
{
	v->x.keep = true;
	v->x.exit = fpu_load_mxcsr(v->x.cpu, v->x.gla);
}

void vex_stmxcsr(struct vex *v)
{
	v->d.q[0] = v->x.cpu->fpu.mxcsr;
}

static bool by_imm(const struct simd *x)
{
	return x->in->op[2].kind == OPND_IMM;
}

/* Controls are the immediate's fields, or the low bits of the second source's elements. */
void simd_vpermilps(struct simd *x)
{
	union vec r;

	for (unsigned i = 0; i < 4; i++)
		r.d[i] = by_imm(x) ? x->s.d[x->imm >> 2 * i & 3] : x->d.d[x->s.d[i] & 3];
	x->d = r;
}

void simd_vpermilpd(struct simd *x)
{
	union vec r;

	for (unsigned i = 0; i < 2; i++)
		r.q[i] = by_imm(x) ? x->s.q[x->imm >> i & 1] : x->d.q[x->s.q[i] >> 1 & 1];
	x->d = r;
}

/* Each element by the count in the other source's; too far gives zeros, or the sign everywhere. */
void simd_vpsrlvd(struct simd *x)
{
	for (unsigned i = 0; i < 4; i++)
		x->d.d[i] = x->s.d[i] < 32 ? x->d.d[i] >> x->s.d[i] : 0;
}

void simd_vpsrlvq(struct simd *x)
{
	for (unsigned i = 0; i < 2; i++)
		x->d.q[i] = x->s.q[i] < 64 ? x->d.q[i] >> x->s.q[i] : 0;
}

void simd_vpsravd(struct simd *x)
{
	for (unsigned i = 0; i < 4; i++)
		x->d.sd[i] >>= x->s.d[i] < 32 ? x->s.d[i] : 31;
}

void simd_vpsllvd(struct simd *x)
{
	for (unsigned i = 0; i < 4; i++)
		x->d.d[i] = x->s.d[i] < 32 ? x->d.d[i] << x->s.d[i] : 0;
}

void simd_vpsllvq(struct simd *x)
{
	for (unsigned i = 0; i < 2; i++)
		x->d.q[i] = x->s.q[i] < 64 ? x->d.q[i] << x->s.q[i] : 0;
}
