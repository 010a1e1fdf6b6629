/*
 * vexgen.h - random encodings of the VEX and SSE vector rows. Memory operands are [RSI], gathers [RSI + index * scale].
 */
#ifndef TESTS_DIFF_VEXGEN_H
#define TESTS_DIFF_VEXGEN_H

#include "cpu/insn/insn.h"

/*
 * vexgen_encode() - bytes of @r, or of another row of its opcode, with random operands; the caller decodes them.
 * @regs: set of register numbers to choose from, at least one of 1 to 3. Return: bytes, at most 8
 */
unsigned vexgen_encode(const struct insn_row *r, uint8_t *b, unsigned regs);
/* vexgen_usable() - does it name no general register but RAX, RCX and RDX (and RSI and RDI for memory)? */
bool vexgen_usable(const struct insn *in);
bool vexgen_is_gather(const struct insn_row *r);
/* vexgen_is_approximate() - RCPxS, RSQRTxS: the manual gives a bound, not bits */
bool vexgen_is_approximate(const struct insn_row *r);
/* vexgen_is_dot() - DPPS, DPPD: which of several NaNs an element keeps depends on the implementation */
bool vexgen_is_dot(const struct insn_row *r);

#endif
