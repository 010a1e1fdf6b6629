/*
 * types.h - the scalars with meaning, and the few macros every layer uses.
 *
 * Lowest header of the house: includes nothing of ours. An address is always one of three
 * kinds, and the type says which: what the guest's program computes (linear), what the guest's
 * bus sees (physical), or where the byte lives in our RAM file (raddr).
 */
#ifndef MMU_BASE_TYPES_H
#define MMU_BASE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t gla_t;   /* guest linear address (after segmentation, before paging) */
typedef uint64_t gpa_t;   /* guest physical address (what the bus sees) */
typedef uint64_t raddr_t; /* byte offset into the RAM file (mmu/ram.h): RAM, ROM and VRAM */

#define RADDR_NONE UINT64_MAX

#define PAGE_SHIFT 12
#define PAGE_SIZE 4096u
#define PAGE_MASK (~(uint64_t)(PAGE_SIZE - 1))

/**
 * enum exit - how a step of guest execution ended; guest faults are values, never longjmp
 * @EXIT_NONE:  go on with the next instruction
 * @EXIT_FAULT: a guest exception was raised: cpu->event describes it, guest state is that of
 *              the start of the instruction (RIP included)
 * @EXIT_STOP:  leave the block and let the run loop look: HLT, reset, mode change, stop request
 */
enum exit { EXIT_NONE = 0, EXIT_FAULT = 1, EXIT_STOP = 2 };

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define BIT(n) (1ull << (n))
#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Bits hi..lo of v (inclusive), as the manuals write v[hi:lo]; 0 <= lo <= hi <= 63. */
static inline uint64_t bits(uint64_t v, unsigned hi, unsigned lo)
{
	return (v >> lo) & (~0ull >> (63 - (hi - lo)));
}

/* v sign-extended from its low n bits; 1 <= n <= 64. */
static inline int64_t sign_extend(uint64_t v, unsigned n)
{
	return (int64_t)(v << (64 - n)) >> (64 - n);
}

/* A bug of ours: abort with the place. A guest that can reach one has found a security bug. */
#define BUG_ON(cond)                                                                               \
	do {                                                                                       \
		if (UNLIKELY(cond))                                                                \
			bug_abort(#cond, __FILE__, __LINE__);                                      \
	} while (0)

_Noreturn void bug_abort(const char *what, const char *file, int line); /* err.c */

#endif
