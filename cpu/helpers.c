/*
 * helpers.c - the table of helpers, from the rows of helpers.def.
 */
#include "cpu/helpers.h"
#include "cpu/fpu/fpu.h"

#define HELPER(name, fx, doc)                                                                      \
	_Static_assert(__builtin_types_compatible_p(__typeof__(h_##name), helper_fn), "h_" #name);
#include "cpu/helpers.def"
#undef HELPER

const struct helper helpers[HELPER_COUNT] = {
#define HELPER(name, fx, doc) [HELPER_##name] = {#name, h_##name, fx, doc},
#include "cpu/helpers.def"
#undef HELPER
};

enum exit h_fpu(struct vcpu *cpu, uint64_t in, uint64_t gla, uint64_t c)
{
	return fpu_exec(cpu, (const struct insn *)(uintptr_t)in, gla);
}

enum exit h_fp_mode(struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
	fpu_mode_changed(cpu);
	return EXIT_NONE;
}
