/*
 * helpers.h - C functions that translated code and the IR interpreter call; rows and contract in helpers.def.
 */
#ifndef CPU_HELPERS_H
#define CPU_HELPERS_H

#include "cpu/vcpu.h"

enum helper_fx {
	FX_R = 1, FX_W = 2, FX_RF = 4, FX_WF = 8, FX_FAULT = 16, FX_END = 32, FX_RIP = 64, FX_FP = 128, FX_IO = 256
};

enum helper_id {
#define HELPER(name, fx, doc) HELPER_##name,
#include "cpu/helpers.def"
#undef HELPER
	HELPER_COUNT
};

typedef enum exit helper_fn(struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c);

#define HELPER(name, fx, doc) helper_fn h_##name;
#include "cpu/helpers.def"
#undef HELPER

struct helper {
	const char *name;
	helper_fn *fn;
	unsigned fx;
	const char *doc;
};

extern const struct helper helpers[HELPER_COUNT];

/* The packed argument of string helpers. */
#define HSTR(size, asize, rep, seg) ((size) | (asize) << 8 | (rep) << 16 | (uint64_t)(seg) << 24)
#define HSTR_SIZE(s) ((unsigned)(s) & 0xFF)	   /* element: 1 2 4 8 */
#define HSTR_ASIZE(s) ((unsigned)(s) >> 8 & 0xFF)  /* address size: 2 4 8 */
#define HSTR_REP(s) ((unsigned)(s) >> 16 & 0xFF)   /* 0, 0xF2, 0xF3 */
#define HSTR_SEG(s) ((unsigned)((s) >> 24) & 0xFF) /* source segment */

#endif
