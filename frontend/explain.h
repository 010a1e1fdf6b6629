/*
 * explain.h - exceptions told in words: which instruction, where, which of the manual's conditions, with what operands.
 *
 * The sources are the trap log (cpu/ring0/history.h), which holds the CPU's state at the fault, and the rows of
 * cpu/ring0/checks.def. Guest memory is only read where the log has no copy (descriptor tables), without side effects.
 */
#ifndef FRONTEND_EXPLAIN_H
#define FRONTEND_EXPLAIN_H

#include "cpu/ring0/history.h"
#include <stdio.h>

/* explain_vector() - "#GP", "NMI"; "" where the vector has no name */
const char *explain_vector(unsigned vec);
/* explain_mode() - "real", "v86", "prot16", "prot32", "compat16", "compat32", "long" */
const char *explain_mode(uint32_t mode);
void explain_place(FILE *out, const struct place *p); /* "0060:c0100000 CPL0 prot32" */
void explain_time(FILE *out, uint64_t ns);	       /* "     3.201456" seconds */

#endif
