/*
 * neon.h - SSE and AVX instructions in NEON code, for jit/a64/ only.
 *
 * Guest XMM n is V16+n while a block works with it: loaded when first read, written back where C or another block could look
 * (fpstate.c). Upper halves of YMM registers stay in memory. V0..V7 are scratch within an instruction: V1 is its memory operand, V4
 * and V5 the upper halves of the sources, V6 that of the result.
 */
/*
 * Of a 256-bit instruction most functions make the lower half first and are called again for the upper one (neon.half).
 */
#ifndef JIT_A64_NEON_H
#define JIT_A64_NEON_H

#include "jit/a64/a64.h"
#include "jit/a64/enc_simd.h"
#include "cpu/insn/insn.h"

enum { V_MEM = 1, V_A_HIGH = 4, V_B_HIGH, V_D_HIGH };
#define NEON_NO_DEST 0xFF

struct neon {
	struct emitter *c;
	const struct ir_op *o;
	const struct insn *in;
	uint32_t arg;	/* from the row: an A_V* word, or what the handler says */
	bool ymm;	/* 256 bits */
	unsigned half;	/* the upper one is being made: 1 */
	struct cold *check; /* fp_check()'s that joins behind the upper half, or NULL */
	uint8_t dest;	/* guest register whose upper half is in V_D_HIGH, or NEON_NO_DEST */
};

typedef bool neon_fn(struct neon *p); /* false: not this form, C does it */

struct neon_row {
	neon_fn *fn;
	uint32_t arg;
	uint8_t need; /* HOSTN_* + 1 the host must have, or 0 */
	bool ymm;     /* 256-bit forms, too */
};


/* neon.c: operands */
unsigned neon_high(struct neon *p, unsigned n, unsigned v); /* upper half of YMM @n into @v, which is returned */
unsigned neon_reg(struct neon *p);		/* ModRM.reg as a source */
unsigned neon_a(struct neon *p);		/* first source: the destination, or VEX.vvvv */
unsigned neon_addr(struct neon *p, unsigned w); /* of @w bytes to read: register with the address, X_S2 to be added */
unsigned neon_b(struct neon *p, unsigned w);	/* ModRM operand, @w bytes of it if in memory; V_MEM or a guest register */
unsigned neon_d(struct neon *p);		/* destination ModRM.reg; after all sources have been asked for */
unsigned neon_dest(const struct neon *p);	/* the register neon_d() will be */
unsigned neon_d_rm(struct neon *p);		/* destination ModRM.rm, a register */
unsigned neon_d_v(struct neon *p);		/* destination VEX.vvvv if VEX, else ModRM.rm */
unsigned neon_int_size(const struct neon *p);	/* bytes of the general register or memory operand; W counts in 64-bit code only */
unsigned neon_gpr(const struct neon *p);	/* host register of the general register in ModRM.rm */
unsigned neon_gpr_reg(const struct neon *p);	/* in ModRM.reg */
void neon_store(struct neon *p, unsigned v, unsigned w, size_t off); /* @v: what is at @off in struct vcpu once written back */
size_t neon_off(const struct neon *p, unsigned byte); /* @byte of ModRM.reg in struct vcpu */

/* FPCR.AH, NEP and FIZ: what SSE and the host do is the same, to the flags, and scalar results keep the rest of the register */
static inline bool neon_afp(const struct neon *p)
{
	return p->c->x->feat & HOSTF_AFP;
}

/* fpstate.c */
unsigned xmm_use(struct emitter *c, unsigned n);
unsigned xmm_def(struct emitter *c, unsigned n); /* the whole register will be written */
void fp_need(struct emitter *c);		 /* rounding and status are the guest's from here on */
/*
 * fp_check() - after the arithmetic, before any guest state is changed: go to C if it met what NEON does otherwise than SSE
 * fp_done() - what the check's way through C joins, after the results are in place
 */
uint8_t *fp_look(struct emitter *c); /* the branch taken if it did, with X_S for fp_saturated() */
void fp_saturated(struct emitter *c, uint8_t *resume); /* out of line: back to @resume if integer saturation was all */
neon_fn *neon_function(const struct insn *in); /* of its row, or NULL */
struct cold *fp_check(struct neon *p);
struct cold *fp_check2(struct neon *p, unsigned r); /* or if the 64-bit register is not 0 */
void fp_done(struct neon *p, struct cold *k);

enum { NEON_SRL = 4, NEON_SRA = 8, NEON_SLL = 12 }; /* shifts: | log2 of the element's bytes */

/* what rows name, by file */
neon_fn neon_load, neon_move, neon_move_out, neon_movs, neon_movs_out, neon_load_half, neon_store_half, neon_gpr_in, neon_gpr_out,
	neon_movq, neon_movq_out, neon_ddup, neon_dup_pair, neon_insert, neon_extract, neon_extractw, neon_movmskb, neon_movmskps,
	neon_movmskpd, neon_broadcast, neon_insert128, neon_extract128, neon_permq, neon_perm128, neon_vzeroupper;
neon_fn neon_three, neon_three_swapped, neon_clear, neon_two, neon_shift_imm, neon_shift_bytes, neon_shift_var, neon_maddwd, neon_mulh,
	neon_mulhrs, neon_mulq, neon_maddubs, neon_sad, neon_pack, neon_hsub, neon_sign, neon_extend, neon_ptest;
neon_fn neon_aes, neon_clmul, neon_sha1_rounds, neon_sha1_nexte, neon_sha1_msg1, neon_sha1_msg2, neon_sha256_rounds, neon_sha256_msg1,
	neon_sha256_msg2;
neon_fn neon_pshufd, neon_pshufw, neon_shufps, neon_shufpd, neon_pshufb, neon_palignr, neon_insertps, neon_permilpd, neon_blend_imm, neon_blendv;
neon_fn neon_arith, neon_sarith, neon_sqrt, neon_sone, neon_minmax, neon_sminmax, neon_cmp, neon_scmp, neon_comis, neon_round,
	neon_sround, neon_hadd;
neon_fn neon_cvt_dq2ps, neon_cvt_dq2pd, neon_cvt_ps2dq, neon_cvt_pd2dq, neon_cvt_ps2pd, neon_cvt_pd2ps, neon_cvt_si2s, neon_cvt_s2si;

#endif
