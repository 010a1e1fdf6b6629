/*
 * jump_cache.h - from IP value to host code without C: filled here, probed by translated code.
 *
 * An entry stays when its block dies: the dead block's entry point is a jump to the lookup. Only a flush of the
 * whole code arena must clear the table.
 */
#ifndef JIT_HOST_JUMP_CACHE_H
#define JIT_HOST_JUMP_CACHE_H

#include "jit/cache/block.h"
#include "cpu/vcpu.h"

#define JC_RETURNS 256
#define JC_BITS 18
#define JC_SIZE (1u << JC_BITS) /* entries */
#define JC_FOLD 15		/* functions begin at multiples of 16, and large programs have many: higher bits take part */

struct jc_entry {
	uint64_t tag; /* IP + jc_key */
	const uint8_t *code;
};

struct jump_cache {
	void *map;
	struct jc_entry *entry; /* JC_SIZE of them, in @map, at a multiple of their size; below 2 GiB if the host has room there */
	/* where returns are to come in, by what the stack pointer was: filled and probed by translated code; NULL: out of its reach */
	uint64_t *ret_tag;	/* JC_RETURNS of them: return address + jc_key */
	const uint8_t **ret_code;
	bool off;		/* nothing is noted: every block goes back to the run loop */
};

/* The entry for IP value @ip. All of a page: an XOR of the first one's with the offset. */
static inline unsigned jc_index(uint64_t ip)
{
	return (ip ^ ip >> JC_FOLD) & (JC_SIZE - 1);
}

static inline bool jc_returns(const struct jump_cache *jc)
{
	return jc->ret_tag;
}

bool jc_init(struct jump_cache *jc, bool off); /* false: no memory */
void jc_fini(struct jump_cache *jc);
void jc_clear(struct jump_cache *jc);
/* @blk was found for IP value @ip under cpu->jc_key. */
void jc_note(struct jump_cache *jc, const struct vcpu *cpu, uint64_t ip, const struct block *blk);
/* What was noted for IP values in @page is void; all are in its 64-byte lines named by the bits of @lines. */
void jc_forget(struct jump_cache *jc, gla_t page, uint64_t lines);

#endif
