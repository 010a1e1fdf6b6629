/*
 * vex.h - the executor of VEX-encoded vector instructions: operands of 256 bits around the bodies of simd.h.
 *
 * A row of vex.def says which body a mnemonic has. A lane body sees 128 bits at a time in struct simd: x->d the first
 * source (or, with two operands, the destination's old value), x->s the last source, x->m the operand in imm8[7:4];
 * what it leaves in x->d is that lane of the result. A whole body sees all operands in the order the manual writes them.
 *
 * Source: Intel SDM Vol. 2A 2.3, 2.4; Vol. 1 chapter 14.
 */
#ifndef CPU_FPU_VEX_H
#define CPU_FPU_VEX_H

#include "cpu/fpu/simd.h"

union ymm {
	union vec lane[2];
	uint8_t b[32];
	uint32_t d[8];
	int32_t sd[8];
	uint64_t q[4];
};

enum vex_shape {
	VEX_EACH,    /* lane by lane; a source of one lane serves both */
	VEX_SHR_IMM, /* the same, and the immediate is shifted right by param for the upper lane */
	VEX_WIDEN,   /* a lane of the result takes param bytes of the source */
	VEX_NARROW,  /* a lane of the source gives param bytes of the result */
	VEX_BITS,    /* a lane gives param bits of the result */
	VEX_FUSED,   /* x->d destination, x->m second operand, x->s third */
	VEX_VALUE,   /* whole: sources are loaded, the destination is stored */
	VEX_ADDRESS  /* whole: the body accesses memory, fpu_exec()'s gla means nothing */
};

struct vex {
	struct simd x;	   /* cpu, in, gla, imm, arg, fpflags, keep, exit; d, s, m: the lane in work */
	union ymm d;	   /* first operand: a register's old value, then the result */
	union ymm a, b, c; /* second to fourth operand */
	unsigned lanes;	   /* of 128 bits: 1 or 2 */
};

/* x->arg of the fused multiply-adds. The digits say which operand is which in a * b + c. */
enum { FMA_132 = 0, FMA_213 = 1, FMA_231 = 2, FMA_ORDER = 3, FMA_NEG = 4, FMA_SUB = 8, FMA_ALT = 16, FMA_DBL = 32,
	FMA_SCALAR = 64 };
/* x->arg of the gathers: sizes of an index and of an element, in bytes */
#define GATHER(index, element) ((index) | (element) << 4)

#define LANES(mnemonic, body, shape, param) void simd_##body(struct simd *x);
#define WHOLE(mnemonic, body, shape, param) void vex_##body(struct vex *v);
#include "cpu/fpu/vex.def"
#undef LANES
#undef WHOLE

/* vex_exec() - as fpu_exec(), for rows whose semantics is avx; @known false: it is none, nothing was done */
enum exit vex_exec(struct vcpu *cpu, const struct insn *in, gla_t gla, bool *known);
/* vex_store() - @y into vector register @reg, all 256 bits */
void vex_store(struct vcpu *cpu, unsigned reg, const union ymm *y);

#endif
