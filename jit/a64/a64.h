/*
 * a64.h - the inside of the AArch64 backend, for jit/a64/ only.
 *
 * Registers: regs.def. All sixteen guest registers are pinned.
 *
 * Flags: SF ZF CF OF are N Z C V of the host, always: no code here clobbers them except by making new ones (the TLB probe
 * compares with EOR and CBNZ). C is the carry or, after a subtraction, its inverse; the emitter knows which
 * (emitter.inv), and at every entry, exit and call into C it is the carry. PF and AF are deferred: PF is the parity of the low
 * byte of X_PF, AF is bit 4 of X_PF ^ X_AF, so that an addition leaves its result in X_PF and a ^ b in X_AF.
 */
#ifndef JIT_A64_A64_H
#define JIT_A64_A64_H

#include "jit/host/backend.h"
#include "jit/host/code_mem.h"
#include "jit/host/jump_cache.h"
#include "jit/interp/eval.h"
#include "jit/a64/enc.h"

#define X_AF 19
#define X_TLB 18	/* the table of struct mmu.tlb that the code's own accesses use */
#define X_CPU 28
#define X_PF 29
#define X_IP 7		/* IP value between blocks that find each other by the jump cache; within a block, one of the temporaries' */
#define X_S 16	/* scratch of the emitter's own steps */
#define X_S2 17
#define A_NONE 0xFF
#define IRF_PA (IRF_P | IRF_A)

/* The host's flags register, and where flags are between runs: cpu->scratch[]. */
#define NZCV_N (1u << 31)
#define NZCV_Z (1u << 30)
#define NZCV_C (1u << 29)
#define NZCV_V (1u << 28)
enum { KEEP_NZCV, KEEP_PF, KEEP_AF };

enum site_kind { SITE_LD, SITE_ST, SITE_LDX,
	SITE_VLD, SITE_VST, /* of vector instructions: up to 32 bytes */
	SITE_ONE };	    /* no access: the interpreter does the instruction */
enum { VAL_REG = 0x00, VAL_HIGH = 0x20, VAL_IMM = 0x40, VAL_HOME = 0x80 /* | 0..63 */ };

/* What a cold path must know about where it was left. Lives as long as its block. */
struct a64_site {
	struct block *blk;
	int32_t off, next_off; /* page offset of the instruction and of the next */
	uint8_t w, idx, sreg, kind;
	uint8_t gla_reg;       /* register with the linear address */
	uint8_t val;	       /* where the value of a store is: VAL_* | number */
	uint8_t align;	       /* 16, 32: else #GP(0); 0: any address */
	bool last;	       /* the op is the last of its instruction, and not of the block */
	bool inv;	       /* C is the inverse of CF there */
	uint8_t before;	       /* instructions of the block before this one */
	uint32_t x87_out;      /* what struct vcpu's x87 registers lack there (x87_state.c), 0: nothing; and what they are to lack */
	uint32_t x87_in;       /* again once C has run */
	uint32_t join;	       /* where to go on: offset in the block's code */
	union {
		const struct ir_op *op; /* for a64_eval() */
		int64_t imm;		/* VAL_IMM; SITE_VST: where in struct vcpu the (first 16) bytes are */
	};
};

struct a64_block {
	uint32_t entry[2];    /* offsets of the entries of direct links: C the carry, and its inverse */
	uint32_t unlinked[2]; /* B of the exits to their own cold ways out */
	uint32_t note[2];     /* offset of a B behind code that notes PF and AF, where an exit has not done so; else 0 */
	uint32_t unnoted[2];  /* that B where the exit is not linked */
	bool inv[2];	      /* what C is at the exits */
	uint16_t needs;	      /* flags that something could see before the block has made them */
	struct insn *insns;   /* copies, for a64_eval(); NULL: no op needs one */
	uint32_t mode;
};

/* The C stack frame translated code runs on; SP points at it. */
struct a64_frame {
	uint64_t regs[32]; /* host registers around a call into C, by number; first: LDP and STP reach 504 */
	uint64_t nzcv, back;
	struct block_exit **plast;
	struct a64 *x;
	struct jc_entry *jc;
	struct tlb_entry *tlb; /* X_TLB */
	const struct a64_site *site;
	const uint8_t *join; /* where translated code goes on after a slow path */
	uint64_t delta;	     /* slow path: host address - linear address */
	uint64_t val;	     /* slow path: the word that was read, or one to write to */
	uint8_t bounce[32];  /* the same for vectors */
	uint64_t t[IR_MAX_TEMPS]; /* homes of the IR temporaries */
};

struct a64_stubs {
	const uint8_t *enter;
	/* [1]: for 64-bit code, where X8..X15 are guest registers */
	const uint8_t *exit[2];	  /* X_S = enum run_exit, X_S2 = exit to link or 0 */
	const uint8_t *lookup[2]; /* X_IP = IP */
	const uint8_t *checked;	  /* the same after a branch in 64-bit code, called, see make_checked() */
	const uint8_t *link[2];	  /* called with a pointer to the block_exit behind the call */
	const uint8_t *slow[2], *eval[2]; /* called with a pointer to the site behind the call */
	const uint8_t *fp_enter;  /* MXCSR to FPCR (fpstate.c) */
	const uint8_t *x87[24];	  /* enum x87_routine (x87.h) */
};

/* What info jit counts host instructions by: of the hot paths, as emitted, not as run. */
enum insn_class { CLASS_INT, CLASS_MEM, CLASS_BRANCH, CLASS_VECTOR, CLASS_X87, CLASSES };
struct class_counts {
	uint32_t guest[CLASSES], host[CLASSES]; /* instructions */
};

struct a64 {
	struct vcpu *cpu;
	struct code_mem mem;
	struct a64_stubs stub;
	struct jump_cache jc;
	struct eval eval;
	struct emitter *em;
	uint32_t feat;	   /* HOSTF_* */
	uint32_t opts_off; /* JIT_OPT_* */
	uint64_t flushes;
	uint64_t guest[CLASSES], host[CLASSES]; /* of all blocks ever compiled */
	bool came_inv; /* what C was at the exit that the last run left by */
};

/* ---- emitter ---- */
struct emitter;
#define A64_MAX_COLD (3 * IR_MAX_OPS)
#define A64_MAX_SITES (2 * IR_MAX_OPS + 2)
#define A64_MAX_REFS (2 * A64_MAX_COLD)
#define T_HOST (IR_MAX_TEMPS - 1) /* the pseudo temporary that keeps LDX's host address for STX */
#define NO_OP 0xFFFF

/* How PF and AF can be made (note.c). X_PF = res; X_AF as 'how' says. */
enum pa_how { PA_DONE, PA_ZERO /* AF is 0 */, PA_SAME /* a = b */, PA_XOR /* a ^ b */, PA_SUM, PA_DIFF /* res = a + b, a - b */ };
struct pa_note {
	bool on; /* they are to be made */
	uint8_t how, res, a, b, imm; /* registers; b A_NONE: imm, the lowest 5 bits */
};

/* What a block knows and puts off of the x87's stack (x87_state.c). Places are those in struct vcpu, where ST(i) is at i + turn. */
struct x87_lazy {
	uint8_t turn;
	uint8_t known, full; /* by place: is it known whether it is empty; is it not */
	uint8_t tagged;	     /* ... and, of those known, what the tag in struct vcpu says */
	uint8_t blind;	     /* but of these, whose tags were changed without a look at them */
	bool c1, pointers;   /* to be cleared: C1; FIP, FDP and FOP */
};

struct cold {
	uint8_t *from, *from2, *join; /* the branches to patch; where to come back */
	uint8_t *poll;		      /* another, of an exit: the run loop has something to look at */
	struct pa_note pa, end_pa;    /* at the branch; a group: at its end */
	void (*emit)(struct emitter *c, struct cold *k);
	struct a64_site *site;
	struct block_exit *exit;
	uint64_t note;		      /* of the branch, for stub.checked */
	bool inv;		      /* what C was at the branch; it is the same again at the join */
	struct x87_lazy x87;
	uint16_t vin, vdirty, vload;  /* XMM registers in V registers, not yet written back; to have at the join */
	uint8_t *resume;	      /* fpstate.c: where to go on if there was nothing to do */
	uint8_t *redo;		      /* fprun.c: the code that does the run again */
	uint8_t saved;		      /* ... register with FPSR as it was */
	struct cold *twin;	      /* another branch with the same join */
	uint8_t reg_t[32];	      /* where the temporaries were */
	/* a group, a run: its ops, the emitter's state before and after */
	unsigned begin, end;
	int32_t off, next_off;
	uint16_t obs;
	uint8_t end_t[32];
	bool end_inv;
	uint16_t end_vin, end_vdirty;
};

/* A run of ops that share one probe (group.c). */
struct group {
	bool on;		     /* its ops are being lowered */
	bool failed;		     /* one of them did not fit */
	uint8_t base;		     /* register with the host address of the lowest byte */
	unsigned guest;		     /* the guest's base register */
	int64_t pending;	     /* what is to be added to it before anything but the group's accesses looks at it */
	unsigned pending_w;	     /* ... in an addition of that many bytes; 0: nothing */
	int32_t lo, off[IR_MAX_OPS]; /* distances from the guest's base: of that byte, of each access */
	unsigned skip;		     /* no group begins before this op */
};

/* What ops may have changed in the emitter before it turned out that they do not fit. */
struct mark {
	struct pa_note pa;
	unsigned pa_at;
	uint8_t *p, t_reg[IR_MAX_TEMPS], reg_t[32];
	unsigned ncold, nsites, nrefs;
	uint16_t obs;
	int32_t off, next_off;
	uint16_t vin, vdirty, vzero;
	struct x87_lazy x87;
	bool inv, fp_ready;
	struct class_counts count;
	uint8_t class, *class_from;
	unsigned insn;
};

struct emitter {
	struct a64 *x;
	struct codebuf cb;
	const struct ir_block *ir;
	struct block *blk;
	struct a64_block xb[1];
	bool code64, flagm;
	uint8_t ip_temp;	     /* the temporary the block ends with a jump to, or A_NONE: best in X_IP */
	bool inv;		     /* C is the inverse of CF */
	bool entry_inv;		     /* at the block's entry, too */
	struct pa_note pa;	     /* PF and AF, not yet noted */
	unsigned pa_at;		     /* the op that made them */
	uint16_t vin, vdirty;	     /* XMM registers in V registers; those not written back */
	uint16_t vzero;		     /* their upper halves (YMM) are known to be zero */
	struct x87_lazy x87;
	bool fp_ready;		     /* FPCR and FPSR are the guest's */
	uint32_t pool, busy, held;   /* temporaries' registers; those in use by the current op; by the group */
	uint8_t t_reg[IR_MAX_TEMPS]; /* register holding temporary n, or A_NONE: in its home slot */
	uint8_t reg_t[32];	     /* temporary held by a register, or 0xFF */
	bool starved;		     /* ran out of registers in this op */
	uint16_t obs;		     /* flags that could be shown, before the current op */
	unsigned i;		     /* op index */
	unsigned skip_from;	     /* the last IR_LDX; */
	uint8_t skip;		     /* ... of the ops from there on those that are done already (atomic.c) */
	bool counting;		     /* the hot path is being emitted */
	struct class_counts count;
	uint8_t class, *class_from;  /* of the current guest instruction; where its code begins, NULL: there was none */
	unsigned insn;		     /* number of the next one */
	int32_t off, next_off;
	struct cold cold[A64_MAX_COLD];
	unsigned ncold;
	struct group group;
	struct { bool on, failed; unsigned cold, skip; } run; /* of floating-point instructions (fprun.c): struct cold; no other begins before this op */
	struct a64_site site[A64_MAX_SITES];
	uint16_t site_op[A64_MAX_SITES]; /* index of the op a64_eval() runs, or NO_OP */
	unsigned nsites;
	struct { uint8_t *at; uint16_t site; } ref[A64_MAX_REFS];
	unsigned nrefs;
};

#define ENV(field) ((int32_t)offsetof(struct vcpu, field))
#define FRAME(field) ((int32_t)offsetof(struct a64_frame, field))

typedef bool lower_fn(struct emitter *c, const struct ir_op *o); /* false: not this form, use a64_eval() */

/* emit.c */
unsigned host_reg(unsigned guest);
unsigned scratch(struct emitter *c);			/* a pool register for this op */
unsigned use(struct emitter *c, ir_val v, int64_t imm); /* register with the value; upper bits as in the source */
unsigned def(struct emitter *c, ir_val d);		/* register to write; def_end() puts the result in its place */
void def_end(struct emitter *c, ir_val d, unsigned w, unsigned reg);
void put(struct emitter *c, ir_val d, unsigned w, unsigned reg); /* d = low w bytes of @reg */
bool whole(ir_val d, unsigned w);			/* is a register's every bit written? */
unsigned temp_reg(struct emitter *c, unsigned t, bool load);
void store_home(struct emitter *c, unsigned reg, unsigned t);
void load_home(struct emitter *c, unsigned reg, unsigned t); /* @reg = temporary @t, from its home */
void spill_temps(struct emitter *c);			/* all to their homes, registers free */
void flags_carry(struct emitter *c);			/* C is CF from here on */
void flags_borrow(struct emitter *c);			/* C is not CF */
uint16_t flags_wanted(const struct ir_op *o);		/* those it makes that anybody could see */
void env_load(struct emitter *c, unsigned w, unsigned reg, int32_t off);
void env_store(struct emitter *c, unsigned w, unsigned reg, int32_t off);
struct a64_site *new_site(struct emitter *c, const struct ir_op *o, unsigned kind);
struct a64_site *eval_site(struct emitter *c, const struct ir_op *o);
void call_site(struct emitter *c, const uint8_t *stub, const struct a64_site *s);
struct cold *new_cold(struct emitter *c, void (*emit)(struct emitter *, struct cold *));
void cold_eval(struct emitter *c, struct cold *k); /* run one op in C and come back */
uint32_t code_here(const struct emitter *c);	   /* offset in the block's code */
/* count.c */
void count_insn(struct emitter *c); /* the next guest instruction begins */
void count_op(struct emitter *c, const struct ir_op *o);
void count_block(struct emitter *c); /* the block's hot path has ended */
void count_add(struct emitter *c);   /* ... and is kept */
void count_dump(const struct a64 *x, FILE *out);
/* backend.c */
void lower_range(struct emitter *c, unsigned begin, unsigned end);
void mark(const struct emitter *c, struct mark *m);
void take_back(struct emitter *c, const struct mark *m);
/* note.c */
void pa_logic(struct emitter *c, unsigned r);  /* PF is that of register @r, AF = 0 */
void pa_result(struct emitter *c, unsigned r); /* PF is that of @r, X_AF has been written */
/* before d = a + b or, with @sub, a - b: by which registers AF will be known; @d X_PF: none takes the result. Then pa_sum() with d */
void pa_operands(struct emitter *c, ir_val bv, unsigned a, unsigned b, unsigned d, bool sub, int64_t imm);
void pa_sum(struct emitter *c, unsigned d);
void pa_emit(struct emitter *c, const struct pa_note *n);
void pa_settle(struct emitter *c);			       /* X_PF and X_AF are right from here on */
void pa_before(struct emitter *c, const struct ir_op *o);      /* around each op */
void pa_after(struct emitter *c, const struct ir_op *o);
bool pa_writes(const struct ir_op *o);
/* group.c */
unsigned lower_group(struct emitter *c); /* ops consumed from the current one, or 0 */
bool group_defer(struct emitter *c, const struct ir_op *o); /* in a group: was it put off? */
/* mem.c */
/*
 * probe() - X_S2 = host address - linear address for the access of @o; returns the register with the linear address
 * @val: what a SITE_ST stores; @align: 0, or the power of 2 that the address must be a multiple of
 */
unsigned probe(struct emitter *c, const struct ir_op *o, unsigned kind, ir_val val, unsigned align);
void emit_ea(struct emitter *c, const struct ir_mem *m, unsigned d, bool linear);
unsigned address(struct emitter *c, const struct ir_mem *m); /* register with the linear address: a scratch one, or the guest's */
/*
 * emit_probe() - X_S2 = host - linear address for @len bytes at the linear address in register @a; @align as probe()'s
 * Return: the branch taken where it is not known
 */
uint8_t *emit_probe(struct emitter *c, unsigned a, unsigned len, unsigned idx, bool write, unsigned align);
bool lower_locked(struct emitter *c, const struct ir_op *o); /* atomic.c: an IR_LDX, and what it sets emitter.skip for; false: plainly */
/* lower_*.c */
extern lower_fn *const a64_lower[IR_OP_COUNT];
lower_fn lower_ld, lower_st, lower_stx, lower_segchk, lower_canon, lower_guard;
lower_fn lower_binary, lower_unary, lower_incdec, lower_imul, lower_mul, lower_div, lower_bit, lower_scan, lower_mulx;
lower_fn lower_shift, lower_rotate, lower_shiftx, lower_double;
lower_fn lower_mov, lower_zext, lower_sext, lower_lea, lower_ipval, lower_ldenv, lower_stenv, lower_bswap, lower_setcc, lower_cmov,
	lower_setf, lower_cmc, lower_crc32;
void lower_eval(struct emitter *c, const struct ir_op *o);
/* lower_alu.c: NZCV, PF, AF from the @w low bytes of @r, for logic and shifts: C = V = 0 */
void flags_of(struct emitter *c, unsigned r, unsigned w, uint16_t wanted);
void set_carry(struct emitter *c, unsigned r); /* C = bit 0 of @r, the others stay; uses X_S */
/* term.c */
void lower_term(struct emitter *c);
/* condition @cc for B.cond and CSEL; not P or NP. May change the polarity of C */
enum a_cond host_cond(struct emitter *c, unsigned cc);
void parity(struct emitter *c, unsigned d); /* bit 0 of d = PF; uses d only */
/* neon.c, fpstate.c */
lower_fn lower_native, lower_x87;
unsigned lower_fp_run(struct emitter *c); /* fprun.c: ops consumed from the current one, or 0 */
struct cold *fp_run_leave(struct emitter *c); /* for a branch out of the run that is being made: C does it */
bool a64_can_native(void *priv, const struct insn *in);
void xmm_write_back(struct emitter *c, uint16_t which);
void xmm_reload(struct emitter *c, uint16_t which);
void xmm_flush(struct emitter *c, bool forget); /* all changed ones to struct vcpu; @forget: C code will run */
bool a64_fp_leave(struct vcpu *cpu); /* FPSR to MXCSR, FPCR as C has it; was it the guest's? */
void a64_fp_enter(const struct a64 *x, struct vcpu *cpu);
void a64_make_fp_stub(struct a64 *x, struct codebuf *cb);
/* x87_state.c */
uint32_t x87_owed(const struct x87_lazy *l);	       /* struct a64_site.x87_out, x87_in */
uint32_t x87_kept(const struct x87_lazy *l);
void x87_settle(struct emitter *c);		       /* struct vcpu has all of the x87 from here on */
void a64_x87_out(struct vcpu *cpu, uint32_t owed);     /* the same from C */
void a64_x87_in(struct vcpu *cpu, uint32_t kept);      /* and back to how the block's code has the registers */
void cold_one(struct emitter *c, struct cold *k);      /* leave: the interpreter does the instruction */
void a64_make_x87(struct a64 *x, struct codebuf *cb);  /* x87_math.c */
/* stubs.c */
void a64_make_stubs(struct a64 *x, struct codebuf *cb);
/* slow.c */
unsigned a64_slow(struct vcpu *cpu, struct a64_frame *f);
unsigned a64_eval(struct vcpu *cpu, struct a64_frame *f);
void a64_flags_in(struct vcpu *cpu);  /* cpu->eflags to cpu->scratch[] */
void a64_flags_out(struct vcpu *cpu); /* and back */

#endif
