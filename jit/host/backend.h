/*
 * backend.h - what a host backend does: turn an ir_block into something that runs.
 *
 * The x86-64 backend emits code; the interpreter keeps the IR. Everything above (fetch, decode, lift, passes,
 * cache, links, run loop) is shared. A backend never looks blocks up by itself except through the jump cache.
 */
#ifndef JIT_HOST_BACKEND_H
#define JIT_HOST_BACKEND_H

#include "jit/cache/block.h"
#include "jit/jit.h"

/* Host features: bits of a mask, in the order of features.def. Hidden with jit_options.host_mask. */
enum {
#define HOST(id, ...) HOSTN_##id,
#include "jit/host/features.def"
#undef HOST
	HOSTF_COUNT
};
enum {
#define HOST(id, ...) HOSTF_##id = 1 << HOSTN_##id,
#include "jit/host/features.def"
#undef HOST
};

uint32_t host_detect(void); /* HOSTF_* of the processor we run on, as far as the system lets programs use them */
/* host_without() - @have less @mask, less what is built on what is missing: no AVX2, FMA or F16C without AVX */
uint32_t host_without(uint32_t have, uint32_t mask);

/* How a run of translated code ended. */
enum run_exit {
	RUN_LOOKUP, /* cpu->rip is the next instruction; find its block. *last: exit to link, or NULL */
	RUN_FAULT,  /* an event was raised at cpu->rip */
	RUN_STOP,   /* a helper or terminal says: look at the world (cpu->rip is the next instruction) */
	RUN_REQ,    /* cpu->req was seen non-zero at a poll (cpu->rip is the next instruction) */
	RUN_DIVERGED, /* lockstep found a difference and has reported it */
	RUN_ONE     /* execute the one instruction at cpu->rip in the interpreter (the backend cannot: RMW on a device ...) */
};

struct code_mem;

#define JIT_SAVED 16 /* bytes for jit_backend.save() */

struct jit_backend {
	const char *name;
	/* @opt lifts until freed. Private state in *priv. */
	enum vm_err (*init)(struct vcpu *cpu, const struct jit_options *opt, void **priv, struct err *e);
	void (*fini)(void *priv);
	size_t block_bytes; /* of zeros, at a multiple of 8, that blk->priv leads to when compile() is called; 0: none */
	/* Compile @ir into @blk (code, code_len, exit[].patch, priv). false: the code cache is full; caller flushes and retries. */
	bool (*compile)(void *priv, struct block *blk, const struct ir_block *ir);
	void (*free_block)(void *priv, struct block *blk); /* release what blk->priv leads to, and itself unless it is block_bytes; its code space may be lost until flush */
	/* Entered with cpu->rip = IP value of @blk's first byte (the backend derives ip_base). Run until something above is needed. *last = exit of the last block run that may be linked to the next, or NULL. */
	enum run_exit (*run)(void *priv, struct vcpu *cpu, struct block *blk, struct block_exit **last);
	void (*link)(void *priv, struct block_exit *from, struct block *to);
	void (*unlink)(void *priv, struct block_exit *from);
	/* Make sure nobody enters @blk any more (jump cache, return stack): e.g. patch its entry. */
	void (*kill)(void *priv, struct block *blk);
	/* What kill() is about to change in @blk's code, and back to that: the block may be entered again. NULL, both: not here. */
	void (*save)(void *priv, const struct block *blk, uint8_t *saved);
	void (*revive)(void *priv, struct block *blk, const uint8_t *saved);
	/* @blk was just found for IP value @ip under cpu->jc_key: put it in the jump cache. May be NULL. */
	void (*note)(void *priv, struct vcpu *cpu, uint64_t ip, struct block *blk);
	/* All that was noted under any jc_key is void. May be NULL. */
	void (*forget_all)(void *priv);
	/* So is what was noted for IP values in @page; all are in its 64-byte lines named by @lines. May be NULL. */
	void (*forget)(void *priv, gla_t page, uint64_t lines);
	void (*flush)(void *priv);  /* all blocks are gone: start the code cache afresh */
	void (*dump)(void *priv, FILE *out); /* for info jit */
	const struct code_mem *(*code)(void *priv); /* where its code lies */
	uint32_t (*host_features)(void *priv); /* HOSTF_* in use */
	/* A run of the loop on this thread begins or ends. May be NULL. */
	void (*enter)(void *priv, bool on);
	bool sides;	  /* has IR_SIDE */
	bool cheap_count; /* counting instructions (MODE_ICOUNT) is one host instruction a block */
	/* May NATIVE run this instruction natively here? else lift with h_fpu. */
	bool (*can_native)(void *priv, const struct insn *in);
};

extern const struct jit_backend interp_backend;
extern const struct jit_backend x64_backend, a64_backend;

/* The one that makes code for the processor we run on, or NULL. */
#if defined(__x86_64__)
#define HOST_BACKEND (&x64_backend)
#elif defined(__aarch64__)
#define HOST_BACKEND (&a64_backend)
#else
#define HOST_BACKEND NULL
#endif

#endif
