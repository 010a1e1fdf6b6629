/* simd_absent.c - mnemonics that have no body yet: they raise #UD and say so. */
#include "cpu/fpu/simd.h"
#include "mmu/base/log.h"

static void absent(struct simd *x)
{
	UNIMP(x->cpu->log, "SIMD instruction %s: #UD\n", insn_rows[x->in->id].id);
	x->exit = cpu_raise(x->cpu, CHECK_UD_OPCODE, 0);
}

#define ABSENT(name) void simd_##name(struct simd *x) { absent(x); }
ABSENT(rsqrtps)
ABSENT(rsqrtss)
ABSENT(rcpps)
ABSENT(rcpss)
ABSENT(sha1nexte)
ABSENT(sha1msg1)
ABSENT(sha1msg2)
ABSENT(sha256rnds2)
ABSENT(sha256msg1)
ABSENT(sha256msg2)
ABSENT(sha1rnds4)
