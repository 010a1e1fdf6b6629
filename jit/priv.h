/*
 * priv.h - the inside of struct jit, for the files of this layer only.
 */
#ifndef JIT_PRIV_H
#define JIT_PRIV_H

#include "jit/context_tables.h"
#include "jit/cache/pool.h"
#include "jit/host/backend.h"
#include "jit/lift/lift.h"
#include "cpu/mode.h"

#define JIT_HASH_BITS 18
#define JIT_CONTEXTS 24
#define JIT_FAST PAGE_SIZE /* slots of jit.fast: by page offset */
#define JIT_LINES 32768 /* kernels have code in some 4,000 pages, and few should share a place */
#define JIT_FAR 1024
#define TAG_PAGE 0xFFFFFFFFF000ull /* of a tag: the page of its IP value */

/* What besides IP decides which block runs: each distinct one has a 16-bit number in the jump-cache tags. */
struct jit_context {
	uint64_t cs_base;
	uint32_t mode; /* without MODE_SMAP, which is the lowest bit of the number */
	uint16_t id; /* even; 0: free */
	bool global; /* all code noted under this id is in global pages */
	bool stale;  /* there has been a flush: not in force until the page tables have been looked at */
	gpa_t root; /* of the page tables when they were looked at last, or code of a page that is not global was noted */
	uint64_t used;
	uint64_t some; /* bit n: code was noted in 2 MiB whose number is n modulo 64 */
};

/* Where any context may have code: INVLPG is asked about at each page fault, and mostly about data. */
struct code_places {
	uint64_t some;		  /* as in struct jit_context */
	gla_t large_lo, large_hi; /* large pages with code lie in here (inclusive) */
	bool based;		  /* there is a code segment whose IP values are not linear addresses */
};

/* 64-byte lines of a linear page with code in the jump cache or in fast[]; no bit: of none */
struct code_lines {
	gla_t page; /* LINES_SHARED: of several */
	uint64_t lines;
};
#define LINES_SHARED 1 /* not the address of a page */

struct jit_stats {
	uint64_t finds; /* blocks found without leaving translated code */
	uint64_t blocks, insns_in, bytes_in, bytes_out, bytes_hot; /* translated */
	uint64_t sides; /* conditional branches behind which blocks go on */
	uint64_t again; /* blocks found by their contents instead of being translated */
	uint64_t lookups, hits, links, smc, flushes, faults, ones, entries;
	uint64_t checks, forgets; /* contexts looked at after a flush; lost by it */
	uint64_t translate_ns;
};

/* debug.c: what a debugger outside the guest has asked for */
struct jit_debug {
	gla_t at[JIT_MAX_BREAKS];
	unsigned nbreaks, nwatches;
	uint64_t offs[PAGE_SIZE / 64]; /* page offsets where a breakpoint is or has been */
	bool any;		  /* a bit of offs is set */
	bool step, ran;		  /* stop after one instruction; it has run */
	enum jit_why why;
	gla_t gla;
	bool magic;		  /* stop after xchg bx,bx */
	uint32_t classes;	  /* trap classes whose executions are told */
	void (*hit)(void *opaque, struct vcpu *cpu, unsigned id);
	void *hit_opaque;
};

struct jit {
	struct vcpu *cpu;
	struct jit_options opt;
	const struct jit_backend *be; /* what runs blocks */
	void *be_priv;
	void *interp;		  /* interpreter's private state, for RUN_ONE and lockstep */
	struct block **hash;	  /* by (ra, mode) */
	struct block **page;	  /* per RAM page: blocks whose first or second page it is */
	uint64_t npages;
	unsigned counting;	  /* who wants it: jit_count_insns() */
	struct again *again;	  /* dropped blocks that may come back */
	struct block *graveyard;  /* dead, to be freed when nothing runs */
	struct pool pool;	  /* blocks' memory */
	struct ir_block ir;	  /* being translated */
	struct jit_context ctx[JIT_CONTEXTS];
	struct context_tables *tables; /* of each context */
	struct code_places places;	/* of all contexts' code, or more */
	unsigned ctx_now;
	uint8_t ctx_last[JIT_CONTEXTS]; /* where one was found the last time: by mode and root, hashed */
	uint64_t ctx_clock;
	struct block_exit *far[JIT_FAR]; /* far exits that are linked, by the page of their tags, hashed */
	struct code_lines lines[JIT_LINES]; /* hashed by page */
	/* blocks by IP for the run loop, tagged as the jump cache is; NULL: free */
	struct { uint64_t tag; struct block *b; } fast[JIT_FAST];
	uint16_t ctx_last_id;
	struct lockstep *lock;
	struct profile *profile;  /* NULL: nobody asked */
	struct perf_files *perf;
	bool (*symbol)(const void *opaque, gla_t gla, char *buf, size_t n);
	const void *symbol_opaque;
	struct jit_stats st;
	struct jit_debug dbg;
};

/* May a breakpoint be at page offset @off? Blocks end before it and are found by the run loop only. */
static inline bool debug_breaks(const struct jit *j, unsigned off)
{
	return UNLIKELY(j->dbg.any) && (j->dbg.offs[off / 64] >> (off % 64) & 1);
}

static inline bool debug_magic(const struct jit *j, const struct insn *in, enum decode_status st)
{
	return UNLIKELY(j->dbg.magic) && st == DECODE_OK && !in->map && in->opcode == 0x87 && in->modrm == 0xDB &&
		in->osize == 2 && !in->rex;
}

static inline bool debug_counts(const struct jit *j, const struct insn *in, enum decode_status st)
{
	return UNLIKELY(j->dbg.classes) && st == DECODE_OK && in->id < INSN_COUNT &&
		(j->dbg.classes >> insn_rows[in->id].trap & 1);
}

/* Must each instruction come back to the run loop? */
static inline bool debug_each(const struct jit *j)
{
	return UNLIKELY(j->dbg.nwatches || j->dbg.step);
}

static inline bool debug_on(const struct jit *j)
{
	return UNLIKELY(j->dbg.nbreaks || j->dbg.nwatches || j->dbg.step);
}

/* debug.c, for the run loop */
bool debug_stops(struct jit *j); /* before the instruction at RIP: true, and why is set */
bool debug_magic_stop(struct jit *j);	 /* after xchg bx,bx: true */
enum exit debug_boundary(struct jit *j); /* ring0_boundary() without interrupts while stepping */

/* cache/cache.c */
struct block *cache_find(struct jit *j, raddr_t ra, uint32_t mode);
void cache_insert(struct jit *j, struct block *b);
void cache_remove(struct jit *j, struct block *b); /* invalidate: unlink, kill, to the graveyard */
void cache_take_out(struct jit *j, struct block *b); /* out of every list, links undone: for those that go on to kill it */
void cache_discard(struct jit *j, struct block *b); /* one that is out of every list and killed: to the graveyard */
void cache_bury(struct jit *j);			    /* free the graveyard; nothing may be running */
void cache_flush(struct jit *j);		    /* all of them to the graveyard: the run loop may still hold one */
/* cache/again.c */
bool again_new(struct jit *j); /* false: no memory */
void again_free(struct jit *j);
/* again_room() - bytes to allocate behind a new block for its copy: 0 if it is not to be kept. Then again_copy() of RAM's @bytes. */
size_t again_room(const struct jit *j, const struct jit_backend *be, raddr_t ra, raddr_t ra2, uint32_t mode, unsigned len);
void again_copy(struct block *b, const uint8_t *bytes);
void again_drop(struct jit *j, struct block *b); /* @b's bytes were written: invalidate it */
/* the kept block of place @ra and @mode made from what stands at @bytes, alive again; NULL: none */
struct block *again_find(struct jit *j, raddr_t ra, uint32_t mode, const uint8_t *bytes);
void again_flush(struct jit *j); /* all kept ones to the graveyard */
/* cache/link.c */
void link_exit(struct jit *j, struct block_exit *from, struct block *to);
/* @to was found for IP value @ip in the context in force, and is in the jump cache if that is in use */
void link_far(struct jit *j, struct block_exit *from, struct block *to, uint64_t ip);
void link_forget_page(struct jit *j, gla_t page); /* what IP values in @page lead to may have changed, in any context */
void link_forget_all(struct jit *j); /* tags may be used again */
void unlink_block(struct jit *j, struct block *b); /* both directions */
/* cache/smc.c */
void smc_written(void *opaque, raddr_t ra, unsigned len);
void smc_protect(struct jit *j, const struct block *b);
/* cache/check.c: BUG_ON any broken invariant; debug builds call it after every change */
void cache_check(const struct jit *j);
/* translate.c: block at cpu->rip, whose first byte is RAM byte @ra at @host; NULL: event raised */
struct block *translate(struct jit *j, raddr_t ra, const uint8_t *host, uint32_t mode);
/* the one instruction at cpu->rip for the interpreter, outside the cache: the caller frees it */
struct block *translate_one(struct jit *j, raddr_t ra, const uint8_t *host, uint32_t mode);
/* context.c: which (mode, CS base, linear mappings) are in force, and what is known under it */
void set_context(struct jit *j);
void context_flushed(void *opaque, gla_t gla); /* mmu.flushed */
void context_note(struct jit *j, struct block *b); /* @b is the block at cpu->rip in this context */
/* STAC and CLAC only change the lowest bit of the number in cpu->jc_key: contexts that differ in MODE_SMAP are one. */
static inline bool context_is(const struct jit_context *c, const struct vcpu *cpu)
{
	return c->id && !c->stale && c->mode == (cpu->mode & ~MODE_SMAP) && c->cs_base == cpu->seg[SEG_CS].base &&
		(c->root == paging_root(&cpu->mmu.pg) || (c->global && cpu->mmu.pg.cr4 & CR4_PGE));
}
static inline uint64_t context_key(const struct jit_context *c, const struct vcpu *cpu)
{
	return (uint64_t)(c->id | !!(cpu->mode & MODE_SMAP)) << 48;
}
/* Is cpu->jc_key that of what is in force? */
static inline bool context_known(const struct jit *j)
{
	const struct jit_context *c = &j->ctx[j->ctx_now];

	return context_is(c, j->cpu) && j->cpu->jc_key == context_key(c, j->cpu);
}
/* the block noted for cpu->rip in this context, or NULL */
static inline struct block *context_find(const struct jit *j)
{
	uint64_t rip = j->cpu->rip;
	unsigned i = rip & (JIT_FAST - 1);

	return j->fast[i].tag == rip + j->cpu->jc_key ? j->fast[i].b : NULL;
}
/* dump.c */
static inline bool dumps(const struct jit *j) /* anything of these */
{
	const struct log *l = j->cpu->log;

	return log_on(l, LOG_IN) || log_on(l, LOG_IR) || log_on(l, LOG_OPT) || log_on(l, LOG_OUT);
}

void dump_block(const struct jit *j, const struct block *b, const struct ir_block *ir, bool optimised);
void dump_code(const struct jit *j, const struct block *b);
/* exec.c */
struct block *exec_lookup(struct jit *j, uint32_t mode); /* for cpu->rip; NULL: event raised */
/* lockstep.c */
enum vm_err lockstep_new(struct jit *j, struct err *e);
void lockstep_free(struct jit *j);
struct block *lockstep_twin(struct jit *j, const struct block *b, const struct ir_block *ir);
enum run_exit lockstep_run(struct jit *j, struct block *blk);
enum run_exit exec_one(struct jit *j); /* the instruction at RIP by the interpreter */

#endif
