/*
 * x64.h - the inside of the x86-64 backend, for jit/x64/ only.
 *
 * Registers (regs.def): guest RAX RCX RDX RBX RBP RSI RDI R8 R9 in the host registers of the same name,
 * guest RSP in R12, guest R10..R15 in memory; R15 = (char *)cpu + VCPU_BIAS. R10 counts instructions, so that a block's are
 * one LEA: cpu->insns, which is void meanwhile and right whenever C runs, less cpu->insns_limit, so that it is negative until loops
 * look for requests (poll.c). R11 is the emitter's own scratch and
 * holds nothing between two of its steps; R13 R14 (and R8 R9 in 16- and 32-bit code) carry IR temporaries.
 *
 * Flags: the six arithmetic flags are in host EFLAGS (fl_host), saved in cpu->fl_save (fl_env), or both; the emitter
 * knows at each point, but where a block has done no more than access memory through a window (IN_EITHER; fl_host and fl_env are
 * false). A block has an entry for either, so that an exit leaves them where they are; through the jump cache they come in cpu->fl_save.
 */
#ifndef JIT_X64_X64_H
#define JIT_X64_X64_H

#include "jit/host/backend.h"
#include "jit/host/code_mem.h"
#include "jit/host/jump_cache.h"
#include "jit/interp/eval.h"
#include "jit/x64/enc.h"
#include "jit/x64/snippet.h"

enum site_kind { SITE_LD, SITE_ST, SITE_LDX,
	SITE_NLD, SITE_NST, SITE_COMMIT, /* of NATIVE: up to 16 bytes; the store in two steps */
	SITE_ONE,			 /* no access: the interpreter runs the instruction */
	SITE_STRAY,			 /* the same, because an address that ops behind it rely on is not near */
	SITE_GLD, SITE_GST };		 /* no access: the way to all the bytes of a group that is read, or written as well */

/*
 * What the slow path of an access must know. There are more of them than of anything else but code, so they are small and stand in the code,
 * behind the call; with VAL_IMM the value does behind them.
 */
struct x64_site {
	uint32_t join;		/* where to go on: offset in the arena */
	uint16_t head;		/* bytes back to where the block's address stands */
	uint16_t off : 12;	/* page offset of the instruction */
	uint16_t len : 4;	/* its bytes */
	uint8_t w;		/* bytes of the access */
	uint8_t idx : 4;	/* enum mmu_idx */
	uint8_t kind : 4;	/* enum site_kind */
	uint8_t gla_reg : 4;	/* register with the linear address */
	uint8_t delta_reg : 4;	/* gets host address - linear address */
	uint8_t val : 7;	/* where the value of a store is: VAL_* | number */
	bool last : 1;		/* the op is the last of its instruction, and not of the block */
	int8_t left;		/* instructions that the block has counted by then, less those before this one */
	uint8_t align : 4;	/* logarithm: must be a multiple of that, or #GP */
	bool ss : 1;		/* the program named SS: a non-canonical address is #SS */
	bool one : 1;		/* if it does not fault the interpreter runs the instruction */
	bool writes : 1;	/* SITE_GLD, SITE_GST: the first access of the group does; it has @align bytes (0: not described), @val from the lowest */
} __attribute__((packed));

static inline struct block *site_block(const struct x64_site *s)
{
	struct block *b;

	__builtin_memcpy(&b, (const char *)s - s->head, sizeof(b));
	return b;
}

/* The same of an op that x64_eval() runs. Lives as long as its block. */
struct x64_op_site {
	struct block *blk;
	const struct ir_op *op;
	int16_t off, next_off;	/* page offset of the instruction and of the next */
	int8_t left;		/* as above */
	bool last : 1;
	uint8_t ends : 2;	/* enum site_end */
};

/*
 * The op ends its block, and translated code goes on at cpu->rip if the run loop need not look: it has set that, or not. Soft: requests, mode
 * and shadow are all that it may have changed.
 */
enum site_end { ENDS_NOT, ENDS_RIP, ENDS_STOP, ENDS_SOFT };

/* A store's value when the slow path begins: a host register, its second byte, a temporary's home, a guest register in
 * memory, or the op's immediate. */
enum { VAL_REG = 0x00, VAL_HIGH = 0x10, VAL_GPR = 0x20, VAL_IMM = 0x30, VAL_HOME = 0x40 /* | 0..63 */ };
_Static_assert(IR_MAX_TEMPS <= 64, "x64_site.val");

/* Where the flags are: in EFLAGS, in cpu->fl_save, or in both. */
enum x64_flags { FL_IN_HOST, FL_IN_ENV, FL_IN_BOTH };

/*
 * What a block does with the flags it is entered with: overwrites them unseen; keeps them in cpu->fl_save because host
 * flags are clobbered first; wants them in EFLAGS; or overwrites them behind accesses through a window, which change no flags but whose
 * faults show them.
 */
enum x64_flags_in { IN_DEAD, IN_ENV, IN_HOST, IN_EITHER };

/* What call_slow() does with the flags: nothing; saves them, which are in EFLAGS; or finds out where they are. */
enum x64_save { SAVE_NONE, SAVE_HOST, SAVE_EITHER };

struct x64_block {
	uint16_t body;		/* offset of the entry with the flags in EFLAGS; the guest's FP state is in host registers as far as the block needs it */
	uint16_t env;		/* offset of the entry with the flags in cpu->fl_save; the same */
	uint8_t in : 7;		/* enum x64_flags_in */
	bool keeps_fp : 1;	/* what the block needs of FP state is there when it is left by a link, too */
	uint8_t fp;		/* bit per enum x64_fp_part that is in host registers throughout; 0: no FP instructions */
	uint8_t strays;		/* sum of the weights of x64_strayed() */
	uint8_t checked_env;	/* from @checked to the same with the flags in cpu->fl_save */
	uint32_t checked;	/* offset of the entry with the flags in EFLAGS that makes sure of FP state first; if there are FP instructions */
	uint32_t ret;		/* offset of where a predicted return comes in, IP in R11: a jump, exit 1; 0: none */
	struct insn *for_eval;	/* what x64_eval() may need: copies of the block's instructions, if an op names them, of such ops, sites; NULL: nothing */
};

/* Where who comes to @b enters it. @env: with the flags in cpu->fl_save; @live: with those parts of FP state in host registers */
static inline const uint8_t *x64_entry(const struct block *b, bool env, uint8_t live)
{
	const struct x64_block *xb = b->priv;

	if (xb->fp & ~live)
		return b->code + xb->checked + (env ? xb->checked_env : 0);
	return b->code + (env ? xb->env : xb->body);
}

#define NO_COMMIT UINT64_MAX

/* The C stack frame translated code runs on; RSP points at it. */
struct x64_frame {
	uint64_t t[IR_MAX_TEMPS]; /* homes of the IR temporaries */
	uint8_t bounce[32];	  /* NATIVE's operand when it is not plain RAM; aligned to 16 */
	gla_t commit;		  /* where a bounced store goes, or NO_COMMIT */
	uint64_t val;		  /* slow path: the word that was read, or one to write to */
	const struct x64_site *site;
	const uint8_t *join;	  /* where translated code goes on after a slow path */
	struct block_exit *last, **plast;
	uint64_t regs[16];	  /* host registers around a slow path, by number */
	uint64_t tmp;
	uint64_t rsp;		  /* C's */
	struct x64 *x;
	struct block_exit *exit;  /* whose target is looked for */
	const struct x64_op_site *op_site;
};

enum x64_fp_part { FP_PART_XMM, FP_PART_X87, FP_PART_AVX, FP_PARTS }; /* fpstate.c */

struct x64_stubs {
	const uint8_t *enter;
	/* [1]: for 64-bit code, where R8 and R9 are guest registers */
	const uint8_t *exit_host[2], *exit_env[2], *eval[2];
	const uint8_t *slow[2][3]; /* [][enum x64_save] */
	const uint8_t *lookup[2];  /* R11 = IP, flags in cpu->fl_save */
	const uint8_t *far[2];	   /* the same, called with a pointer to the block_exit behind the call: it will be linked */
	const uint8_t *checked;	   /* the same after a branch in 64-bit code, see make_checked() */
	/* [0]: called by blocks, R15 as ever, RCX is lost, no flag is; [1]: void (*)(struct vcpu *) */
	const uint8_t *fp_load[2][FP_PARTS], *fp_save;
	const uint8_t *link[2][2]; /* called with a pointer to the block_exit behind the call; [][1]: flags saved */
	const uint8_t *expired;	   /* R10 is not negative: ZF = 0 if there is a request, else the next COUNT_SLICE begins */
};

/* An instruction with an operand in a window, and the code that makes the access by the soft TLB and goes on behind it. */
struct x64_trap {
	uint32_t at, cold;	/* offsets in the code arena */
	int32_t disp;
	/* 64-bit code: registers with the address and with what the window's table says; else X_NONE */
	uint8_t base, delta;
	bool guard : 1;		/* the look at the guard: delta is X_NONE */
	bool relied : 1;	/* ... and accesses behind it have none of their own */
};

#define X64_STRAYED 8192
#define X64_REFUSED 8192

struct x64 {
	struct vcpu *cpu;
	struct code_mem mem;
	struct x64_stubs stub;
	struct jump_cache jc;
	struct eval eval;
	struct emitter *em;
	uint32_t feat;		/* HOSTF_* */
	uint64_t flushes, entries;
	struct x64_trap *trap;	/* ascending, as code is made */
	size_t ntraps, traps_room;
	uint64_t gs;		/* GS base of who called us, while changed */
	bool gs_ours, fsgsbase;
	struct sigaction *old_fault; /* of SIGSEGV, before ours; NULL: not ours */
	uint32_t opts_off;	/* JIT_OPT_* */
	uint64_t strayed[X64_STRAYED / 64]; /* blocks whose addresses were not near where they were thought to be, hashed */
	uint8_t refused[X64_REFUSED]; /* how often the window could not help an instruction, hashed */
	unsigned nrefused;	/* of them it is not asked again for so many */
	bool withheld;		/* the last host fault was of this kind */
	bool astray;		/* ... as the stack of a far program is not near either */
	bool killed;		/* a block has been, since somebody looked whether it was the one that runs */
	bool count_last;	/* blocks count their instructions as they end */
	bool lockstep;		/* compared with the interpreter: nothing whose bits the manual leaves open */
};

/* ---- emitter ---- */
struct emitter;
#define X64_MAX_COLD (3 * IR_MAX_OPS)
#define X64_MAX_SITES (2 * IR_MAX_OPS + 2)
#define X64_MAX_REFS (2 * X64_MAX_COLD)
#define T_HOST (IR_MAX_TEMPS - 1) /* the pseudo temporary that keeps LDX's host address for STX */

struct cold {
	uint8_t *from, *from2, *join; /* the branches to patch; where to come back */
	void (*emit)(struct emitter *c, struct cold *k);
	struct x64_site *site;
	struct x64_op_site *op_site;
	bool env_flags;
	int64_t imm;
	struct block_exit *exit;
	uint8_t reg_t[16];	/* where the temporaries were */
	unsigned w;		/* a side exit: bytes of IP */
	bool host, env;		/* a side exit, a window's access: the flags just before it */
	/* a window's access */
	unsigned begin;		/* its op */
	int32_t off, next_off;
	uint16_t obs;
	uint8_t kind, align;
	unsigned trap;
};

/* A run of ops that share one probe (group.c). */
struct group {
	bool on;		/* its ops are being lowered */
	bool failed;		/* one of them did not fit */
	uint8_t base;		/* register with the host address of the lowest byte */
	int32_t lo, off[IR_MAX_OPS]; /* distances from the guest's base: of that byte, of each access */
	unsigned skip;		/* no group begins before this op */
};

/* 64-bit code with a window: guest registers that have been found near in this block (windows_near()), as far as they have moved since. */
struct near {
	uint16_t known;		/* bit by number */
	int32_t moved[16];	/* value now - value then */
	uint16_t trap[16];	/* that of the look at the guard (emitter.trap) */
};

/* What ops may have changed in the emitter before it turned out that they do not fit. */
struct mark {
	uint8_t *p, reg_t[16];
	unsigned ncold, nsites, nop_sites, nrefs, ntraps;
	uint16_t obs;
	int32_t off, next_off;
	bool fl_host, fl_env;
	struct near near;
};

struct emitter {
	struct x64 *x;
	struct codebuf cb;
	const struct ir_block *ir;
	struct block *blk;
	struct x64_block *xb;	   /* its */
	bool code64, bmi2;
	uint32_t pool, busy, held; /* temporaries' registers; those in use by the current op; by the group */
	uint8_t t_reg[IR_MAX_TEMPS]; /* register holding temporary n, or X_NONE: in its home slot */
	uint8_t reg_t[16];	   /* temporary held by a register, or 0xFF */
	bool fl_host, fl_env;
	unsigned poll_at;	   /* the op before which the block looks for requests, or NO_POLL: exits do */
	int32_t count_off;	   /* page offset of the instruction before which the block counts its instructions */
	bool polled;		   /* it has */
	bool ended;		   /* the last op goes through x64_eval() and has a site that ends the block */
	uint8_t *ret;		   /* the rel32 that will lead to where a predicted return comes in; NULL: none */
	uint32_t mode_after;	   /* mode key behind the block, if it is not the run loop that goes on */
	bool starved;		   /* ran out of registers in this op */
	uint16_t obs;		   /* flags that could be shown, before the current op */
	unsigned i;		   /* op index */
	int32_t off, next_off;
	struct cold cold[X64_MAX_COLD];
	unsigned ncold;
	struct group group;
	/* sites are filled in where they stand in the code once all is known of them */
	struct x64_site site[X64_MAX_SITES];
	int64_t site_imm[X64_MAX_SITES];
	unsigned nsites;
	struct { uint8_t *at; uint16_t site, head; } call[X64_MAX_COLD + X64_MAX_SITES];
	unsigned ncalls;
	uint8_t *head;		   /* where the block's address stands, for sites behind it; NULL: nowhere yet */
	/* these move to the block once their number is known; so do the code's pointers to them */
	struct x64_op_site op_site[X64_MAX_SITES];
	uint16_t op_of[X64_MAX_SITES]; /* index of the op */
	unsigned nop_sites;
	struct { uint8_t *at; uint16_t site; } ref[X64_MAX_REFS];
	unsigned nrefs;
	unsigned limit;		   /* ops from here on are not to be lowered together with those before */
	bool windows;		   /* the block's plain accesses go through the window, but for instructions where that was of no use */
	bool refused;		   /* there are such */
	bool window;		   /* those of the current op do */
	bool far;		   /* ... by its table */
	bool strayed;		   /* addresses were not where the block's code took them to be, again and again */
	bool trust;		   /* addresses that have been found near will be so again */
	struct near near;
	bool gs_flags, gs_host, gs_env; /* the current op has changed the flags behind its access in a window; before */
	struct x64_trap trap[2 * IR_MAX_OPS]; /* offsets in the arena */
	struct x_mem win_mem;	   /* the operand of the last access through a wide window */
	uint8_t win_kind, win_align; /* of the last access through a window: enum site_kind, bytes */
	unsigned ntraps;
	struct snippet snippet[SNIPPETS];
};

#define X_COUNT X_R10 /* cpu->insns - cpu->insns_limit */
/*
 * Where instructions are counted, loops look for requests once in so many: the longest that a request of another thread waits, by estimate some 10 us, or 1 ms of
 * instructions that miss the host's caches. Those that C code raises are seen at once.
 */
#define COUNT_SLICE 32768
#define ENV(field) ((int32_t)offsetof(struct vcpu, field) - VCPU_BIAS)
#define FRAME(field) ((int32_t)offsetof(struct x64_frame, field))

typedef bool lower_fn(struct emitter *c, const struct ir_op *o); /* false: not this form, use x64_eval() */

/* emit.c */
struct x_mem env_mem(int32_t disp);
struct x_mem frame_mem(int32_t disp);
struct x_mem reg_mem(unsigned base);
unsigned host_reg(unsigned guest); /* X_NONE: in memory */
unsigned scratch(struct emitter *c);		   /* a pool register for this op */
unsigned use(struct emitter *c, ir_val v, int64_t imm); /* register with the value; upper bits as in the source */
unsigned def(struct emitter *c, ir_val d, unsigned w);	/* register to write; holds the old value where it merges */
void def_end(struct emitter *c, ir_val d, unsigned w, unsigned reg);
void copy(struct emitter *c, unsigned w, unsigned d, unsigned s, bool zero); /* d(w) = s; zero: clear above w */
bool is_merge(const struct emitter *c, ir_val d);
void spill_temps(struct emitter *c);		/* all to their homes, registers free */
void flags_save(struct emitter *c);		/* before host flags are lost */
void flags_need(struct emitter *c);		/* into host EFLAGS */
void flags_lost(struct emitter *c);		/* save if they matter; then host EFLAGS are free to clobber */
void flags_made(struct emitter *c); /* the op has just set them in host EFLAGS */
void emit_save(struct codebuf *cb);
void emit_settle(struct codebuf *cb); /* the same if they are there: by an entry of IN_EITHER */
void emit_restore(struct codebuf *cb);
void put_save(struct emitter *c); /* emit_save() and emit_restore() as snippets */
void put_restore(struct emitter *c);
struct x64_site *new_site(struct emitter *c, const struct ir_op *o, unsigned kind);
struct x64_op_site *eval_site(struct emitter *c, const struct ir_op *o);
void emit_eval(struct emitter *c, const struct x64_op_site *s); /* call x64_eval() */
/*
 * Where somebody asked for it (MODE_ICOUNT) a block counts its instructions: as it begins or where it looks for requests, and what leaves it
 * half-way takes the rest back, or adds what is missing (x64_site.left); or as it ends, where the count is the guest's time.
 */
bool counts(const struct emitter *c); /* not as it ends */
void count_first(struct emitter *c);
void count_last(struct emitter *c);
void count_now(struct emitter *c); /* all of the block's */
void count_less(struct emitter *c, int n); /* the block is left in the middle: @n instructions, of insns_left() */
int insns_left(const struct emitter *c, unsigned i); /* what the block has counted by op number @i, less those up to and with its instruction */
struct cold *new_cold(struct emitter *c, void (*emit)(struct emitter *, struct cold *));
void cold_homes(struct emitter *c, const struct cold *k); /* temporaries to their homes, as they were at the branch */
void get_high(struct emitter *c, unsigned d, unsigned n); /* AH CH DH BH to bits 7:0 of d */
struct x_mem gpr_mem(unsigned n);
bool in_host_reg(ir_val v); /* is it a guest register that has a host register? */
bool in_gpr_mem(ir_val v, struct x_mem *m); /* is it a guest register that has no host register? @m: where it is */
bool in_memory(const struct emitter *c, ir_val v, struct x_mem *m); /* the same, where instructions may have it as an operand (opt=-fold) */
struct x_mem home_mem(unsigned t);
unsigned use_spare(struct emitter *c, ir_val v, int64_t imm, unsigned spare);
unsigned def_from(struct emitter *c, ir_val d, unsigned w, ir_val a, unsigned areg);
/* around a host instruction that writes flags: what must be there before, what is there after */
bool flags_wanted(const struct ir_op *o); /* must the old ones be in EFLAGS? */
void flags_before(struct emitter *c, const struct ir_op *o);
void flags_after(struct emitter *c, const struct ir_op *o);
/* mem.c */
void emit_ea(struct emitter *c, const struct ir_mem *m, unsigned d, bool linear);
void compare_memory(struct emitter *c, const struct ir_op *op, const struct x_mem *m); /* CMP or TEST, @m on the left: by a register or an immediate */
bool emit_lea(struct emitter *c, const struct ir_op *o); /* in one instruction, if that is possible */
struct x_mem probe(struct emitter *c, const struct ir_op *o, unsigned kind, ir_val val, unsigned align);
/* Into the slow path; it goes on at the site's join. For cold paths only. */
void call_slow(struct emitter *c, const struct x64_site *s, enum x64_save save);
void leave_for_one(struct emitter *c, const struct ir_op *o, uint8_t *from); /* from branch @from on the interpreter runs the instruction */
uint32_t code_here(const struct emitter *c); /* offset in the arena */
bool lower_ld(struct emitter *c, const struct ir_op *o);
bool lower_st(struct emitter *c, const struct ir_op *o);
void cold_eval(struct emitter *c, struct cold *k);
unsigned fold_rmw(struct emitter *c); /* ops consumed from the current one: 0 or 3 */
unsigned fold_load(struct emitter *c); /* the same: 0 or 2 */
unsigned fold_sign(struct emitter *c); /* 0 or 3 */
bool used_later(const struct emitter *c, unsigned i, ir_val t); /* is temporary @t read by op @i or behind it? */
bool lower_stx(struct emitter *c, const struct ir_op *o);
bool lower_segchk(struct emitter *c, const struct ir_op *o);
bool lower_side(struct emitter *c, const struct ir_op *o);
bool lower_canon(struct emitter *c, const struct ir_op *o);
struct cold *miss(struct emitter *c, struct x64_site *s, uint8_t *from); /* to the slow path of @s from branch @from */
/* into register @b the distance to the host address of @len bytes at the address in @a; uses R11. Return: the branch if they are not in the TLB */
uint8_t *look_up(struct emitter *c, unsigned a, unsigned b, unsigned len, unsigned idx, bool write);
/* compare the tag of the address in register @a, a page's first byte, for a fetch; b: index of the entry, for load_addend() */
void compare_fetch_tag(struct emitter *c, unsigned a, unsigned b, unsigned idx);
void load_addend(struct emitter *c, unsigned b, unsigned idx);
/* window.c */
bool in_window(const struct emitter *c, unsigned kind, unsigned align);
struct x_mem window_operand(struct emitter *c, const struct ir_mem *m);
void window_written(struct emitter *c, const struct ir_op *o); /* @o has been lowered: what is known of the registers it writes */
void window_flags(struct emitter *c); /* the flags are about to become others than at the access */
void window_access(struct emitter *c, unsigned first, unsigned n); /* @n ops from @first on have been lowered, with a window's access */
void windows_init(struct x64 *x);
void windows_fini(struct x64 *x);
void windows_dump(const struct x64 *x, FILE *out);
void windows_compiled(struct emitter *c);
void windows_run(void *priv, bool on);
/* fault.c */
void fault_fini(struct x64 *x);
void fault_watch(struct x64 *x); /* this thread's host faults may be @x's; NULL: nobody's */
/* @b was left because addresses were not where its code took them to be (SITE_STRAY, SITE_GLD, SITE_GST), or a fault was half-way through a
 * group, which counts as @weight of STRAYED; has that been so again and again? */
#define STRAYED 16
void x64_strayed(struct x64 *x, struct block *b, unsigned weight);
bool x64_strays(const struct x64 *x, const struct block *b);
/* the instruction of @b at page offset @off was to access what the window does not show: in time it is translated without */
void window_refused(struct x64 *x, struct block *b, unsigned off);
bool window_refuses(const struct emitter *c, int32_t off); /* the instruction of c->blk at page offset @off has been found such */
/* false: not ours. @at: NULL if the host does not say; @reg: RAX to R15 */
bool window_fault(struct x64 *x, uint64_t *pc, const void *at, bool write, uint64_t *reg);
/* group.c */
unsigned lower_group(struct emitter *c); /* ops consumed from the current one, which can begin a group, or 0 */
/* backend.c */
void lower_range(struct emitter *c, unsigned begin, unsigned end);
void mark(const struct emitter *c, struct mark *m);
void take_back(struct emitter *c, const struct mark *m);
void drop_temps(struct emitter *c);
void temps_at(struct emitter *c, const uint8_t *reg_t); /* as they were when it was a copy of emitter.reg_t */
/* lower_*.c */
extern lower_fn *const x64_lower[IR_OP_COUNT];
lower_fn lower_binary, lower_cmp, lower_unary, lower_shift, lower_mul, lower_imul, lower_bit, lower_shiftx, lower_scan,
	lower_double, lower_div, lower_bmi;
lower_fn lower_mov, lower_zext, lower_sext, lower_lea, lower_ipval, lower_ldenv, lower_stenv, lower_bswap, lower_setcc,
	lower_cmov, lower_getf, lower_putf, lower_setf, lower_cmc;
void lower_eval(struct emitter *c, const struct ir_op *o);
struct x64_op_site *helper_site(struct emitter *c, const struct ir_op *o); /* for x64_eval(), which may be the last of its block */
/* inline.c */
bool lower_helper(struct emitter *c, const struct ir_op *o);
/* native.c */
bool lower_native(struct emitter *c, const struct ir_op *o);
bool x64_alone(struct emitter *c, const struct ir_op *o); /* leave for the interpreter if no block may go on behind @o in C */
void cold_native_store(struct emitter *c, struct cold *k);
bool x64_can_native(void *priv, const struct insn *in);
bool native_keeps_flags(const struct emitter *c, const struct ir_op *o); /* @o is NATIVE and will have host code that changes no flags, as far as can be told before */
/* fpstate.c */
void emit_fp_check(struct emitter *c); /* the parts the block needs, unless they are there; changes no flags */
void emit_fp_entries(struct emitter *c); /* in a cold path, for who comes without them: the check, and on to the entries that need none */
uint8_t x64_fp_needs(const struct ir_block *ir); /* bit per part */
void x64_make_fp_stubs(struct x64 *x, struct codebuf *cb);
/* entry.c */
lower_fn lower_guard;
void emit_entries(struct emitter *c);
enum x64_flags_in target_flags(const struct emitter *c, int64_t off); /* of the block at page offset @off, a guess */
/* term.c */
/* to the block of IP R11; if it is not there or there is a request, to @to or, if that is NULL, to where x_here() leads what is returned */
uint8_t *emit_jump_cache(struct codebuf *cb, const struct x64 *x, const uint8_t *to);
void lower_term(struct emitter *c);
/* the way out of an exit that is not linked, and of a poll that found a request: the run loop looks at those first */
void way_out(struct emitter *c, const struct block_exit *x, bool saved); /* @saved: the flags are */
void stop_at(struct emitter *c, int64_t off); /* to the run loop, with RIP at page offset @off */
/* poll.c */
#define NO_POLL UINT32_MAX
uint8_t *emit_poll(struct emitter *c); /* if cpu->req != 0, to where x_here() leads it; flags that are in EFLAGS only stay there */
unsigned poll_place(const struct emitter *c); /* for emitter.poll_at */
void poll_early(struct emitter *c); /* the current op is that, if the flags allow it; counts */
static inline bool backward(const struct emitter *c, const struct block_exit *x)
{
	return x->off <= (int64_t)c->ir->start_off && !(c->ir->mode & MODE_ONE);
}
/* stubs.c */
void x64_make_stubs(struct x64 *x, struct codebuf *cb);
/* slow.c: general registers only */
unsigned x64_slow(struct vcpu *cpu, struct x64_frame *f);
unsigned x64_eval(struct vcpu *cpu, struct x64_frame *f);
void x64_fp_save(struct x64 *x); /* guest FP state, if live, to cpu->fpu; C's own control words back */
/* patch.c: general registers only; see struct jit_backend */
#define FAR_OUT 13  /* from a far exit's tag to the rel32 of its way out */
#define FAR_JUMP 18 /* ... and of its jump */
void x64_link(void *priv, struct block_exit *from, struct block *to);
void x64_unlink(void *priv, struct block_exit *from);
void x64_kill(void *priv, struct block *blk);
void x64_save(void *priv, const struct block *blk, uint8_t *saved);
void x64_revive(void *priv, struct block *blk, const uint8_t *saved);
/* find.c: general registers only. Code for IP value @ip, now in the jump cache; NULL: the run loop must look */
const uint8_t *x64_find(struct vcpu *cpu, uint64_t ip);
/* The same for exit @x, which is linked to it */
const uint8_t *x64_find_for(struct vcpu *cpu, uint64_t ip, struct block_exit *x);
/* After an instruction that may have changed anything; FP state is saved. false: the run loop must look, else jc_key is set */
bool x64_next(struct vcpu *cpu);

static inline uint32_t flags_unpack(uint16_t s)
{
	return (s >> 8 & (IRF_ALL & 0xFF)) | (s & 1 ? IRF_O : 0);
}

static inline uint16_t flags_pack(uint32_t f)
{
	return (f & (IRF_ALL & 0xFF)) << 8 | !!(f & IRF_O);
}

#endif
