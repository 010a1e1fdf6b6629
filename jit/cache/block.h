/*
 * block.h - a translated block, and the cache of them.
 *
 * Lookup is by (raddr of the first byte, mode key). A block lies in one page, or in two if its last
 * instruction straddles (then it begins with GUARD and ra2 is the second page). Links go directly from
 * block to block only within a page; to another page they compare IP value and context first; everything else goes
 * through the jump cache, keyed by IP value + cpu->jc_key. Invalidation is exact: by 64-byte granules of the RAM page.
 */
#ifndef JIT_CACHE_BLOCK_H
#define JIT_CACHE_BLOCK_H

#include "jit/ir/ir.h"

struct block;

#define BLOCK_SIDES 4 /* IR_SIDE in one block, at most */

/* A direct exit of a block. First those of its terminal: 0 = taken / only, 1 = fall-through, or behind a CALL; then IR_SIDE's. */
struct block_exit {
	int64_t off;		/* target page offset, as ir_term */
	bool linkable;		/* inside the page: 0 <= off < 4096 */
	bool far;		/* backend's: outside, and its code compares IP + jc_key with tag before it goes to @to */
	uint8_t n;		/* its number */
	uint8_t out;		/* backend's: how the guest's state is kept where it leaves */
	uint16_t tries;		/* a far one that is linked: times left that the comparison may fail before it is linked anew */
	struct block *to;	/* linked target, or NULL */
	struct block_exit *next_in, **prev_in; /* list of exits linked to the same target, which may be thousands */
	union {
		struct { /* a far one that is linked */
			uint64_t tag; /* what is compared */
			struct block_exit *far_next, **far_prev; /* those whose tags are of one page, hashed */
		};
		struct { /* backend's, others */
			uint64_t ip_mask; /* what the jump's operand size leaves of IP */
			int32_t unlinked; /* the jump to its own cold way out */
		};
	};
	uint8_t *patch;		/* backend's: where the jump is (writable view), NULL if none; of a far one, where the tag is */
};

struct block {
	raddr_t ra;		/* first byte */
	raddr_t ra2;		/* page of the straddling part, or RADDR_NONE */
	uint32_t mode;
	uint32_t runs;		/* executions counted by the run loop or by the backend's profile */
	uint16_t len;		/* guest bytes */
	uint16_t ninsns;
	uint16_t counted;	/* insn_id + 1 of the first instruction if its executions are counted; else 0 */
	uint16_t undef;		/* lockstep: flags that the block's last writers leave undefined */
	bool dead;		/* invalidated: out of every list, code not to be entered */
	bool light : 1;		/* lockstep: only the hot words of struct vcpu can change (lockstep.c) */
	bool magic : 1;		/* xchg bx,bx alone, and the run loop stops after it */
	bool is_twin : 1;	/* lockstep: see below */
	bool copied : 1;	/* a copy of its bytes stands behind the exits (again.c) */
	uint8_t nexits : 4;	/* of exit[] that are there: what the block may lead to directly */
	uint16_t size;		/* bytes of all this, with what stands behind the exits */
	int32_t cold_at;	/* its cold paths, from the code on: behind it, or elsewhere */
	uint32_t code_len, cold_len; /* bytes of each */
	struct block *hash_next;
	struct block *page_next[2], **page_prev; /* lists of the first and second page; whose link in the first one's leads here */
	struct block_exit *incoming; /* exits of other blocks linked to us */
	const uint8_t *code;	/* backend: host entry point (executable view), NULL for the interpreter */
	union {
		struct block *twin; /* lockstep: the same IR compiled for the interpreter; NULL otherwise */
		const struct block *of; /* is_twin: whose; only that one is told when its bytes change */
	};
	void *priv;		/* backend's side tables: jit_backend.block_bytes, or what it has put there */
	struct block_exit exit[2 + BLOCK_SIDES]; /* last: there are a hundred thousand blocks, and no more is allocated than there are exits */
};

/* The block that @x is an exit of */
static inline struct block *exit_owner(const struct block_exit *x)
{
	return (struct block *)((uintptr_t)(x - x->n) - offsetof(struct block, exit));
}

/* Bytes of a block with @nexits exits */
static inline size_t block_size(unsigned nexits)
{
	return offsetof(struct block, exit) + nexits * sizeof(struct block_exit);
}

static inline const uint8_t *block_cold(const struct block *b)
{
	return b->code + b->cold_at;
}

#endif
