/*
 * alu.h - x86 integer arithmetic in portable C: results and flags exactly as the instruction's.
 *
 * Shared by the IR interpreter and by host backends' fallbacks. Widths are bytes; operands are given
 * zero-extended or not (excess bits are ignored); results are zero-extended. *fl holds the six
 * arithmetic flags in EFLAGS places and is updated in place; undefined flags get what this code
 * documents (the result Intel processors are seen to give where that is cheap).
 */
#ifndef JIT_INTERP_ALU_H
#define JIT_INTERP_ALU_H

#include "jit/ir/ir.h"

static inline uint64_t alu_mask(unsigned w)
{
	return ~0ull >> (64 - 8 * w);
}

/* ADD ADC SUB SBB CMP AND OR XOR TEST INC DEC NEG: two operands (b ignored by INC DEC NEG) */
uint64_t alu_binary(enum ir_opcode op, unsigned w, uint64_t a, uint64_t b, uint32_t *fl);
/* SHL SHR SAR ROL ROR RCL RCR: count is masked here; count 0 keeps the flags */
uint64_t alu_shift(enum ir_opcode op, unsigned w, uint64_t a, unsigned count, uint32_t *fl);
/* SHLD (left true) and SHRD; w 2 4 8 */
uint64_t alu_shift2(bool left, unsigned w, uint64_t a, uint64_t b, unsigned count, uint32_t *fl);
/* BT BTS BTR BTC BSF BSR TZCNT LZCNT POPCNT IMUL and the BMI ops; b as in ops.def */
uint64_t alu_bits(enum ir_opcode op, unsigned w, uint64_t a, uint64_t b, uint32_t *fl);
/* One-operand multiply: low half returned, high half in *hi */
uint64_t alu_mul(bool is_signed, unsigned w, uint64_t a, uint64_t b, uint64_t *hi, uint32_t *fl);
/* One-operand divide of hi:lo by d: false for #DE (zero divisor or quotient too large) */
bool alu_div(bool is_signed, unsigned w, uint64_t hi, uint64_t lo, uint64_t d, uint64_t *q, uint64_t *r);
uint32_t alu_crc32(uint32_t crc, uint64_t data, unsigned bytes);
/* Condition code 0..15 under flags fl. */
bool alu_cond(unsigned cc, uint32_t fl);

#endif
