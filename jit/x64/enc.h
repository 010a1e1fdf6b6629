/*
 * enc.h - x86-64 instruction encoder: pure, one call per encoding form. Source: Intel SDM Vol. 2, chapter 2.
 *
 * A register is 0..15, or X_HI + 0..3 for AH CH DH BH (no REX prefix may then appear: X64 callers must not mix
 * them with 8..15 or the low bytes of 4..7; asserted). Operand width w in bytes: 1 2 4 8.
 */
#ifndef JIT_X64_ENC_H
#define JIT_X64_ENC_H

#include "jit/host/codebuf.h"

enum { X_RAX, X_RCX, X_RDX, X_RBX, X_RSP, X_RBP, X_RSI, X_RDI, X_R8, X_R9, X_R10, X_R11, X_R12, X_R13, X_R14, X_R15,
	X_HI = 16, X_NONE = 0xFF };

/* Opcode: byte | map << 8 (0 one byte, 1 0F, 2 0F38, 3 0F3A) | flags */
#define X_0F(op) (0x100u | (op))
#define X_0F38(op) (0x200u | (op))
#define X_0F3A(op) (0x300u | (op))
#define X_P66 0x10000u	/* mandatory prefixes */
#define X_PF3 0x20000u
#define X_PF2 0x40000u
#define X_BRM 0x80000u	/* r/m is a byte register whatever w says (MOVZX, SETcc) */

struct x_mem {
	uint8_t base, index; /* register or X_NONE; index is not RSP */
	uint8_t scale;	     /* 0..3, | X_GS32, X_MARK, X_GS64 or X_GS */
	int32_t disp;
};

#define X_GS32 0x80 /* the sum wraps to 32 bits and counts from the base of GS; at least five bytes of code */

#define X_MARK 0x40 /* base is R8 to R15, and there is an index; at least five bytes of code */
#define X_GS64 0x20 /* counts from the base of GS, behind a look at the guard; index is not part of it but clobbered; at least five bytes behind that */
#define X_GS 0x10   /* counts from the base of GS; no index; at least five bytes of code */
#define X_WINDOW (X_GS32 | X_MARK | X_GS64 | X_GS) /* where the instruction begins is noted in codebuf.gs */

enum x_alu { X_ADD, X_OR, X_ADC, X_SBB, X_AND, X_SUB, X_XOR, X_CMP }; /* opcode op*8, group 1 digit */
enum x_shift { X_ROL, X_ROR, X_RCL, X_RCR, X_SHL, X_SHR, X_SAR = 7 };

/* reg, r/m forms; @reg is the /digit where the opcode has one */
void x_rr(struct codebuf *cb, uint32_t op, unsigned w, unsigned reg, unsigned rm);
void x_rm(struct codebuf *cb, uint32_t op, unsigned w, unsigned reg, const struct x_mem *m);
/* VEX forms: reg, vvvv, r/m; @op as above with X_P66.. ; w 4 or 8 gives W, @l 0 or 1 */
void x_vex_rr(struct codebuf *cb, uint32_t op, unsigned w, unsigned l, unsigned reg, unsigned v, unsigned rm);
void x_vex_rm(struct codebuf *cb, uint32_t op, unsigned w, unsigned l, unsigned reg, unsigned v,
	const struct x_mem *m);

/* named forms; d first */
void x_mov(struct codebuf *cb, unsigned w, unsigned d, unsigned s);
void x_load(struct codebuf *cb, unsigned w, unsigned d, const struct x_mem *m);
void x_store(struct codebuf *cb, unsigned w, const struct x_mem *m, unsigned s);
void x_movi(struct codebuf *cb, unsigned w, unsigned d, uint64_t v); /* shortest; w 4/8 write the whole register; no flags */
void x_store_imm(struct codebuf *cb, unsigned w, const struct x_mem *m, int32_t v);
void x_movzx(struct codebuf *cb, unsigned d, unsigned s, unsigned sw);	/* from 1, 2 or 4 bytes to 64 */
void x_movzx_m(struct codebuf *cb, unsigned d, const struct x_mem *m, unsigned sw);
void x_movsx(struct codebuf *cb, unsigned w, unsigned d, unsigned s, unsigned sw);
void x_movsx_m(struct codebuf *cb, unsigned w, unsigned d, const struct x_mem *m, unsigned sw); /* sw < w */
void x_alu(struct codebuf *cb, enum x_alu op, unsigned w, unsigned d, unsigned s);
void x_alui(struct codebuf *cb, enum x_alu op, unsigned w, unsigned d, int32_t v);
void x_alu_rm(struct codebuf *cb, enum x_alu op, unsigned w, unsigned d, const struct x_mem *m);
void x_alu_mr(struct codebuf *cb, enum x_alu op, unsigned w, const struct x_mem *m, unsigned s);
void x_alu_mi(struct codebuf *cb, enum x_alu op, unsigned w, const struct x_mem *m, int32_t v);
void x_test(struct codebuf *cb, unsigned w, unsigned a, unsigned b);
void x_testi(struct codebuf *cb, unsigned w, unsigned a, int32_t v);
void x_lea(struct codebuf *cb, unsigned w, unsigned d, const struct x_mem *m);
void x_shifti(struct codebuf *cb, enum x_shift op, unsigned w, unsigned d, unsigned n);
void x_shiftcl(struct codebuf *cb, enum x_shift op, unsigned w, unsigned d);
void x_setcc(struct codebuf *cb, unsigned cc, unsigned d);
void x_rorx(struct codebuf *cb, unsigned w, unsigned d, unsigned s, unsigned n);
void x_call_r(struct codebuf *cb, unsigned r);
void x_jmp_r(struct codebuf *cb, unsigned r);
void x_jmp_m(struct codebuf *cb, const struct x_mem *m);
/* branches to an executable address */
void x_jmp(struct codebuf *cb, const uint8_t *target);
void x_call(struct codebuf *cb, const uint8_t *target);
void x_jcc(struct codebuf *cb, unsigned cc, const uint8_t *target);
/* forward branches: the place to hand to x_here() or x_link() once the target is known; NULL after overflow */
uint8_t *x_jmp_fwd(struct codebuf *cb);		 /* rel32 */
uint8_t *x_jcc_fwd(struct codebuf *cb, unsigned cc); /* rel32 */
uint8_t *x_jmp_fwd8(struct codebuf *cb);	 /* rel8 */
uint8_t *x_jrcxz_fwd(struct codebuf *cb);	 /* rel8 */
void x_here(struct codebuf *cb, uint8_t *at);	 /* rel32 at @at: to the next byte */
void x_here8(struct codebuf *cb, uint8_t *at);	 /* rel8 at @at: to the next byte */

#endif
