/*
 * enc.h - AArch64 instruction encoder: pure, one call per encoding form. Source: Arm Architecture Reference Manual for A-profile
 * (DDI 0487), chapter C4 "A64 Instruction Set Encoding".
 *
 * Registers are 0..30; 31 is the zero register or SP, as the form has it. Operand width w in bytes: 4 or 8 unless it says more.
 */
#ifndef JIT_A64_ENC_H
#define JIT_A64_ENC_H

#include "jit/host/codebuf.h"

enum { A_LR = 30, A_ZR = 31, A_SP = 31 };
enum a_cond { A_EQ, A_NE, A_CS, A_CC, A_MI, A_PL, A_VS, A_VC, A_HI, A_LS, A_GE, A_LT, A_GT, A_LE };
enum a_shift { A_LSL, A_LSR, A_ASR, A_ROR };
enum a_addsub { A_ADD, A_ADDS, A_SUB, A_SUBS };
enum a_logic { A_AND, A_BIC, A_ORR, A_ORN, A_EOR, A_EON, A_ANDS, A_BICS };
enum a_extend { A_UXTB, A_UXTH, A_UXTW, A_UXTX, A_SXTB, A_SXTH, A_SXTW, A_SXTX };
enum a_two { A_UDIV = 2, A_SDIV = 3, A_LSLV = 8, A_LSRV = 9, A_ASRV = 10, A_RORV = 11,
	A_CRC32CB = 20, A_CRC32CH = 21, A_CRC32CW = 22, A_CRC32CX = 23 };
enum a_one { A_RBIT, A_REV16, A_REV32, A_REV64, A_CLZ }; /* REV of 4 bytes: REV32 with w 4 */
enum a_sel { A_CSEL, A_CSINC, A_CSINV, A_CSNEG };
enum a_bits { A_SBFM, A_BFM, A_UBFM };

/* d = n op (m shifted by amount) */
void a_add(struct codebuf *cb, enum a_addsub op, unsigned w, unsigned d, unsigned n, unsigned m, enum a_shift sh,
	unsigned amount);
void a_add_ext(struct codebuf *cb, enum a_addsub op, unsigned w, unsigned d, unsigned n, unsigned m, enum a_extend ext);
void a_logic(struct codebuf *cb, enum a_logic op, unsigned w, unsigned d, unsigned n, unsigned m, enum a_shift sh,
	unsigned amount);
/* with an immediate; false, and nothing emitted, if there is no encoding. AND ORR EOR ANDS only */
bool a_addi(struct codebuf *cb, enum a_addsub op, unsigned w, unsigned d, unsigned n, uint64_t imm);
bool a_logici(struct codebuf *cb, enum a_logic op, unsigned w, unsigned d, unsigned n, uint64_t imm);
bool a_bitmask(unsigned w, uint64_t imm, uint32_t *field); /* N:immr:imms of a logical immediate */
void a_adc(struct codebuf *cb, bool sub, bool flags, unsigned w, unsigned d, unsigned n, unsigned m);
void a_movi(struct codebuf *cb, unsigned d, uint64_t v); /* the whole register; no flags */
void a_mov(struct codebuf *cb, unsigned w, unsigned d, unsigned n);
void a_bitfield(struct codebuf *cb, enum a_bits op, unsigned w, unsigned d, unsigned n, unsigned immr, unsigned imms);
void a_ubfx(struct codebuf *cb, unsigned w, unsigned d, unsigned n, unsigned lsb, unsigned bits);
void a_bfi(struct codebuf *cb, unsigned w, unsigned d, unsigned n, unsigned lsb, unsigned bits);
void a_bfxil(struct codebuf *cb, unsigned w, unsigned d, unsigned n, unsigned lsb, unsigned bits);
void a_shifti(struct codebuf *cb, enum a_shift op, unsigned w, unsigned d, unsigned n, unsigned amount); /* < 8 * w */
void a_zext(struct codebuf *cb, unsigned d, unsigned n, unsigned bytes); /* to 64 bits; 1 2 4 8 */
void a_sext(struct codebuf *cb, unsigned w, unsigned d, unsigned n, unsigned bytes);
void a_extr(struct codebuf *cb, unsigned w, unsigned d, unsigned n, unsigned m, unsigned lsb);
void a_two(struct codebuf *cb, enum a_two op, unsigned w, unsigned d, unsigned n, unsigned m);
void a_one(struct codebuf *cb, enum a_one op, unsigned w, unsigned d, unsigned n);
void a_mul(struct codebuf *cb, unsigned w, unsigned d, unsigned n, unsigned m);
void a_mull(struct codebuf *cb, bool is_signed, unsigned d, unsigned n, unsigned m); /* 32 x 32 -> 64 */
void a_mulh(struct codebuf *cb, bool is_signed, unsigned d, unsigned n, unsigned m); /* upper half of 64 x 64 */
void a_msub(struct codebuf *cb, unsigned w, unsigned d, unsigned n, unsigned m, unsigned a); /* a - n * m */
void a_sel(struct codebuf *cb, enum a_sel op, unsigned w, unsigned d, unsigned n, unsigned m, enum a_cond cc);
void a_cset(struct codebuf *cb, unsigned d, enum a_cond cc);

/* memory, w 1 2 4 8; loads zero-extend. @off: bytes, -256..255 or 0..4095 * w in steps of w */
void a_ldr(struct codebuf *cb, unsigned w, unsigned t, unsigned n, int32_t off);
void a_str(struct codebuf *cb, unsigned w, unsigned t, unsigned n, int32_t off);
void a_ldr_reg(struct codebuf *cb, unsigned w, unsigned t, unsigned n, unsigned m); /* [n + m] */
void a_str_reg(struct codebuf *cb, unsigned w, unsigned t, unsigned n, unsigned m);
void a_ldp(struct codebuf *cb, unsigned t, unsigned t2, unsigned n, int32_t off); /* 8 bytes each, off -512..504 */
void a_stp(struct codebuf *cb, unsigned t, unsigned t2, unsigned n, int32_t off);
bool a_off_fits(unsigned w, int64_t off);
void a_ldar(struct codebuf *cb, unsigned w, unsigned t, unsigned n);  /* t = [n], acquire; ordered behind earlier STLR */
void a_ldapr(struct codebuf *cb, unsigned w, unsigned t, unsigned n); /* FEAT_LRCPC: not behind those */
/* FEAT_LSE, without order; the address a multiple of w. t = [n], and into [n] the sum with s, t & ~s, t ^ s, t | s, s */
enum a_atomic { A_LDADD = 0, A_LDCLR = 1, A_LDEOR = 2, A_LDSET = 3, A_SWP = 8 };
void a_atomic(struct codebuf *cb, enum a_atomic op, unsigned w, unsigned s, unsigned t, unsigned n);
void a_cas(struct codebuf *cb, unsigned w, unsigned s, unsigned t, unsigned n); /* [n] = t if it was s; s = what it was */

/* flags */
void a_mrs_nzcv(struct codebuf *cb, unsigned t);
void a_msr_nzcv(struct codebuf *cb, unsigned t);
void a_cfinv(struct codebuf *cb); /* FEAT_FlagM */

/* Branches. @to: executable address. _fwd: returns the place for a_here(). cc may be any but AL. */
void a_b(struct codebuf *cb, const uint8_t *to);
void a_bl(struct codebuf *cb, const uint8_t *to);
void a_br(struct codebuf *cb, unsigned n);
void a_blr(struct codebuf *cb, unsigned n);
void a_ret(struct codebuf *cb);
uint8_t *a_b_fwd(struct codebuf *cb);
uint8_t *a_bcc_fwd(struct codebuf *cb, enum a_cond cc);
uint8_t *a_cbz_fwd(struct codebuf *cb, bool nonzero, unsigned w, unsigned t);
uint8_t *a_tbz_fwd(struct codebuf *cb, bool nonzero, unsigned t, unsigned bit); /* reaches 32 KiB */
void a_here(struct codebuf *cb, uint8_t *at); /* the branch at @at (NULL: none) comes here */
uint32_t a_b_insn(int64_t distance);	      /* B to a place that many bytes on */

#endif
