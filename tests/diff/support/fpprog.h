/*
 * fpprog.h - random programs of SSE and AVX instructions, and of x87 and MMX ones: load registers, a few instructions, store.
 *
 * Their data page is given to them; RDI points into it and RSI is the memory operand, which may lie where nothing is, or in the page
 * that must not be written.
 */
#ifndef TESTS_DIFF_FPPROG_H
#define TESTS_DIFF_FPPROG_H

#include "tests/diff/support/diff.h"

/* fpprog_is_vector() - SSE or AVX, and a function of its inputs? MMX operands are not among them, nor dot products (vexgen_is_dot()) */
bool fpprog_is_vector(const struct insn_row *r);
/* fpprog_is_x87() - x87 or MMX, without what processors may do differently: environments, transcendental functions */
bool fpprog_is_x87(const struct insn_row *r);
/*
 * fpprog_vector(), fpprog_x87() - a program with row @id and others, in code of size @mode; @mem: its data page, filled here
 * @any_host: the others are any, not only those that this host has. false: no encoding was found
 */
bool fpprog_vector(const struct insn_index *ix, unsigned id, unsigned mode, bool any_host, struct diff_case *c, uint8_t *mem);
bool fpprog_x87(const struct insn_index *ix, unsigned id, unsigned mode, struct diff_case *c, uint8_t *mem);

#endif
