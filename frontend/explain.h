/*
 * explain.h - exceptions told in words: which instruction, where, which of the manual's conditions, with what operands.
 *
 * The sources are the trap log (cpu/ring0/history.h), which holds the CPU's state at the fault, and the rows of
 * cpu/ring0/checks.def. Guest memory is not read: what it held when a trap arose is in the log.
 */
#ifndef FRONTEND_EXPLAIN_H
#define FRONTEND_EXPLAIN_H

#include "cpu/ring0/history.h"
#include "frontend/symbols.h"
#include <stdio.h>

/* explain_vector() - "#GP", "NMI"; "" where the vector has no name */
const char *explain_vector(unsigned vec);
/* explain_mode() - "real", "v86", "prot16", "prot32", "compat16", "compat32", "long" */
const char *explain_mode(uint32_t mode);
void explain_place(FILE *out, const struct place *p); /* "0060:c0100000 CPL0 prot32" */
void explain_time(FILE *out, uint64_t ns);	       /* "     3.201456" seconds */

/* explain_descriptor() - fields of segment descriptor or gate @lo (and @hi in IA-32e mode, @lma), one line, no newline */
void explain_descriptor(FILE *out, uint64_t lo, uint64_t hi, bool lma);
/* explain_wide() - is the descriptor 16 bytes long? */
bool explain_wide(uint64_t lo, bool lma);
/* explain_bits() - names of the set bits of a register: "cr0", "cr4", "efer", "eflags" */
void explain_bits(FILE *out, const char *reg, uint64_t v);
/* explain_walk() - each level of @w for @gla, one line each behind @indent, and what stopped it */
void explain_walk(FILE *out, const char *indent, const struct paging *pg, gla_t gla, const struct walk *w);
/* explain_tss() - fields of the TSS at @tr, of which @bytes has the first @n, lines behind @indent; @brief: stacks only */
void explain_tss(FILE *out, const char *indent, const struct seg *tr, const uint8_t *bytes, unsigned n, bool lma, bool brief);

/* explain_trap() - the whole story of one trap, about a dozen lines */
void explain_trap(FILE *out, struct vcpu *cpu, const struct trap *t);
/* explain_chain() - trap @last and all during whose delivery it arose, as a tree; one screen */
void explain_chain(FILE *out, struct vcpu *cpu, const struct trap *last);
/* explain_attach() - print every trap to the CPU's log while -d trap is on; @symbols: names for addresses, may be NULL */
void explain_attach(struct vcpu *cpu, struct symbols *symbols);
/* explain_symbol() - " <name+0x12>" of linear address @gla, or nothing */
void explain_symbol(FILE *out, const struct vcpu *cpu, gla_t gla);

#endif
