/*
 * simd.h - the MMX and SSE executor: one instruction's operands as values, and a body per mnemonic.
 *
 * simd_exec() reads the operands into struct simd, calls the body its row's mnemonic names (simd_paddb,
 * simd_movaps, ...), and writes the destination back. A body only computes; it serves MMX and XMM
 * alike through x->n. All checks that depend on machine state are made once, in simd.c.
 *
 * Source: Intel SDM Vol. 1 chapters 9 to 12, Vol. 2 chapters 3 to 5.
 */
#ifndef CPU_FPU_SIMD_H
#define CPU_FPU_SIMD_H

#include "cpu/fpu/priv.h"

/* A vector register's value; element 0 is the least significant (little-endian hosts). */
union vec {
	uint8_t b[16];
	int8_t sb[16];
	uint16_t w[8];
	int16_t sw[8];
	uint32_t d[4];
	int32_t sd[4];
	uint64_t q[2];
	int64_t sq[2];
};

struct simd {
	struct vcpu *cpu;
	const struct insn *in;
	gla_t gla;
	unsigned n;	 /* bytes of the integer vector: 8 (an operand is MMX) or 16 */
	bool keep;	 /* body: the first operand is not a destination, or is already written */
	enum exit exit;	 /* body: a memory access of its own faulted */
	uint8_t imm;
	uint8_t arg;	 /* what sets this row's mnemonic apart where several share a body (vex.def) */
	uint8_t fpflags; /* body: MXCSR exception flags met (bits 5:0) */
	uint8_t steps[3]; /* body: the same, of each step where one is seen before the next (DPPS) */
	union vec d;	 /* first operand: old value of a register, then the result. VEX forms: see vex.h */
	union vec s;	 /* second operand, zero-extended from its size in memory */
	union vec m;	 /* third operand: the mask of a variable blend */
};

/* Bodies by mnemonic: one for every row of the MMX and SSE tables. */
#define ROW(id, mnemonic, ...) void simd_##mnemonic(struct simd *x);
#include "cpu/insn/mmx.def"
#include "cpu/insn/sse.def"
#include "cpu/insn/sse2.def"
#include "cpu/insn/sse3.def"
#include "cpu/insn/ssse3.def"
#include "cpu/insn/sse41.def"
#include "cpu/insn/sse42.def"
#include "cpu/insn/aes.def"
#undef ROW

/* simd_exec() - as fpu_exec(); @known false: the id is no MMX or SSE instruction, nothing was done. */
enum exit simd_exec(struct vcpu *cpu, const struct insn *in, gla_t gla, bool *known);

/*
 * simd_fp_exceptions() - the sticky flags of x->steps and x->fpflags, and what an unmasked one raises; to be called before anything
 * is written. Vol. 1 11.5.2, 11.5.3.
 */
enum exit simd_fp_exceptions(struct simd *x);

/* Arithmetic flags replaced by @fl (FL_CF ...), as COMISS, PTEST and PCMPxSTRx do. */
static inline void simd_set_flags(struct simd *x, uint32_t fl)
{
	x->cpu->eflags = (x->cpu->eflags & ~FL_ARITH) | fl;
}

static inline bool simd_mem_dst(const struct simd *x)
{
	return x->in->op[0].kind == OPND_MEM;
}

static inline bool simd_mem_src(const struct simd *x)
{
	return x->in->has_mem && x->in->op[0].kind != OPND_MEM;
}

#endif
