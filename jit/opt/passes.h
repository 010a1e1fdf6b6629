/* passes.h - prototypes of the passes in passes.def; each works on one ir_block in place. */
#ifndef JIT_OPT_PASSES_H
#define JIT_OPT_PASSES_H

#include "jit/ir/ir.h"

void opt_deadflags(struct ir_block *b); /* deadflags.c */

#endif
