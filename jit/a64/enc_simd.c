/*
 * enc_simd.c - AArch64 SIMD and floating-point encoder (enc_simd.h).
 */
#include "jit/a64/enc_simd.h"

void a_v3(struct codebuf *cb, uint32_t op, unsigned d, unsigned n, unsigned m)
{
	codebuf_u32(cb, op | m << 16 | n << 5 | d);
}

void a_v2(struct codebuf *cb, uint32_t op, unsigned d, unsigned n)
{
	codebuf_u32(cb, op | n << 5 | d);
}

void a_vmov(struct codebuf *cb, unsigned d, unsigned n)
{
	a_v3(cb, A_VORR, d, n, n);
}

void a_vzero(struct codebuf *cb, unsigned d)
{
	codebuf_u32(cb, 0x6F00E400 | d); /* movi d.2d, #0 */
}

void a_vbytes(struct codebuf *cb, unsigned d, uint8_t v)
{
	codebuf_u32(cb, 0x4F00E400 | (uint32_t)(v >> 5) << 16 | (uint32_t)(v & 0x1F) << 5 | d); /* movi d.16b */
}

void a_vshift(struct codebuf *cb, enum a_vshift op, unsigned s, unsigned d, unsigned n, unsigned amount)
{
	unsigned width = 8u << s;
	bool left = op == A_VSHL || op == A_VSSHLL2 || op == A_VUSHLL2 || (uint32_t)op == (A_VSSHLL2 & ~A_VLOW) ||
		(uint32_t)op == (A_VUSHLL2 & ~A_VLOW);

	codebuf_u32(cb, (uint32_t)op | (left ? width + amount : 2 * width - amount) << 16 | n << 5 | d);
}

static uint32_t lane(unsigned s, unsigned i)
{
	return (i << (s + 1) | 1u << s) << 16;
}

void a_vins(struct codebuf *cb, unsigned s, unsigned d, unsigned di, unsigned n, unsigned ni)
{
	codebuf_u32(cb, 0x6E000400 | lane(s, di) | ni << s << 11 | n << 5 | d);
}

void a_vins_reg(struct codebuf *cb, unsigned s, unsigned d, unsigned di, unsigned r)
{
	codebuf_u32(cb, 0x4E001C00 | lane(s, di) | r << 5 | d);
}

void a_umov(struct codebuf *cb, unsigned s, unsigned r, unsigned n, unsigned ni)
{
	codebuf_u32(cb, (s == 3 ? 0x4E003C00 : 0x0E003C00) | lane(s, ni) | n << 5 | r);
}

void a_vdup(struct codebuf *cb, unsigned s, unsigned d, unsigned n, unsigned ni)
{
	codebuf_u32(cb, 0x4E000400 | lane(s, ni) | n << 5 | d);
}

void a_vdup_reg(struct codebuf *cb, unsigned s, unsigned d, unsigned r)
{
	codebuf_u32(cb, 0x4E000C00 | lane(s, 0) | r << 5 | d);
}

void a_sdup(struct codebuf *cb, unsigned s, unsigned d, unsigned n, unsigned ni)
{
	codebuf_u32(cb, 0x5E000400 | lane(s, ni) | n << 5 | d);
}

void a_vext(struct codebuf *cb, unsigned d, unsigned n, unsigned m, unsigned byte)
{
	codebuf_u32(cb, 0x6E000000 | m << 16 | byte << 11 | n << 5 | d);
}

/* size and opc of a load; stores have opc less 1 */
static uint32_t size(unsigned w)
{
	return w == 16 ? 0x00C00000 : (uint32_t)__builtin_ctz(w) << 30 | 0x00400000;
}

void a_vldr(struct codebuf *cb, unsigned w, unsigned t, unsigned n, int32_t off)
{
	codebuf_u32(cb, 0x3D000000 | size(w) | (uint32_t)off / w << 10 | n << 5 | t);
}

void a_vstr(struct codebuf *cb, unsigned w, unsigned t, unsigned n, int32_t off)
{
	codebuf_u32(cb, 0x3D000000 | (size(w) - 0x00400000) | (uint32_t)off / w << 10 | n << 5 | t);
}

void a_vstp(struct codebuf *cb, unsigned t, unsigned t2, unsigned n, int32_t off)
{
	codebuf_u32(cb, 0xAD000000 | ((uint32_t)(off / 16) & 0x7F) << 15 | t2 << 10 | n << 5 | t);
}

void a_vldr_reg(struct codebuf *cb, unsigned w, unsigned t, unsigned n, unsigned m)
{
	codebuf_u32(cb, 0x3C206800 | size(w) | m << 16 | n << 5 | t);
}

void a_vstr_reg(struct codebuf *cb, unsigned w, unsigned t, unsigned n, unsigned m)
{
	codebuf_u32(cb, 0x3C206800 | (size(w) - 0x00400000) | m << 16 | n << 5 | t);
}

void a_mrs_fpsr(struct codebuf *cb, unsigned t)
{
	codebuf_u32(cb, 0xD53B4420 | t);
}

void a_msr_fpsr(struct codebuf *cb, unsigned t)
{
	codebuf_u32(cb, 0xD51B4420 | t);
}

void a_msr_fpcr(struct codebuf *cb, unsigned t)
{
	codebuf_u32(cb, 0xD51B4400 | t);
}

void a_axflag(struct codebuf *cb)
{
	codebuf_u32(cb, 0xD500405F);
}
