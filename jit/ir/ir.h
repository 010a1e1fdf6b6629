/*
 * ir.h - THE intermediate representation: x86-shaped linear ops over guest registers and block temporaries.
 *
 * One guest basic block becomes one ir_block: ops in order, ending in a terminal that is data, not an op. Each op is
 * one row of ops.def. Memory operands keep the full x86 addressing mode; flags are explicit masks; what may
 * fault is marked. Within one guest instruction nothing that can fault follows a write of guest state (ir_verify()).
 *
 *     insn 0x120,3              ; add [ebx+4], eax
 *     t0 = ldx.4 ds:[rbx+4]a4
 *     t0 = add.4 t0, rax        {OSZAPC}
 *     stx.4 ds:[rbx+4]a4, t0
 *
 * Addresses of code are offsets from the first byte of the page in which the block begins (off may be < 0 or
 * >= 4096 for targets outside); at run time IP = cpu->ip_base + off. So a block holds no virtual address.
 */
#ifndef JIT_IR_IR_H
#define JIT_IR_IR_H

#include "cpu/helpers.h"
#include "cpu/mode.h"

/* Arithmetic flags, in their EFLAGS places. */
#define IRF_C 0x001
#define IRF_P 0x004
#define IRF_A 0x010
#define IRF_Z 0x040
#define IRF_S 0x080
#define IRF_O 0x800
#define IRF_ALL 0x8D5

enum { IRFX_FAULT = 1, IRFX_MEM = 2, IRFX_END = 4 };

enum ir_opcode {
#define OP(NAME, ...) IR_##NAME,
#include "jit/ir/ops.def"
#undef OP
	IR_OP_COUNT
};

/* A value: kind in the high byte, number in the low. */
typedef uint16_t ir_val;
#define IR_NONE ((ir_val)0xFFFF)
#define IR_G(n) ((ir_val)(0x000 | (n)))	 /* guest GPR 0..15, low w bytes */
#define IR_GH(n) ((ir_val)(0x100 | (n))) /* AH CH DH BH (n 0..3), w = 1 */
#define IR_T(n) ((ir_val)(0x200 | (n)))	 /* temporary 0..IR_MAX_TEMPS-1 of this block */
#define IR_IMM ((ir_val)0x300)		 /* the op's imm (sign-extended to w) */
#define IR_IPBASE ((ir_val)0x400)	 /* only as m.base: cpu->ip_base (RIP-relative: disp is from the page start) */
#define IR_KIND(v) ((v) >> 8)
#define IR_NUM(v) ((v)&0xFF)
enum { IR_KIND_G = 0, IR_KIND_GH = 1, IR_KIND_T = 2, IR_KIND_IMM = 3, IR_KIND_IPBASE = 4, IR_KIND_NONE = 0xFF };
#define IR_MAX_TEMPS 64 /* a lifter uses temporaries within one guest instruction only */

struct ir_mem {
	ir_val base, index; /* G, T, IR_IPBASE (base only), IR_NONE */
	uint8_t scale;	    /* 0..3 */
	uint8_t asize;	    /* 2 4 8: the sum wraps to it before the segment base is added */
	uint8_t seg;	    /* SEG_x whose base is added, or IR_NOSEG: base is 0 by the mode key (or address is linear) */
	uint8_t idx;	    /* enum mmu_idx to use */
	uint8_t sreg;	    /* SEG_x the program named: SEG_SS makes a non-canonical address #SS, others #GP */
	int64_t disp;
};
#define IR_NOSEG 0xFF

struct ir_op {
	uint8_t op; /* enum ir_opcode */
	uint8_t w;  /* bytes: 1 2 4 8 (16, 32 for NATIVE) */
	uint8_t cc; /* SETCC, CMOV, SIDE: x86 condition 0..15 */
	uint8_t aux; /* op's own; LDX: 1 of a LOCKed instruction and of XCHG */
	uint16_t fdef, fuse; /* flags written and read by this op as emitted */
	uint16_t flive;	     /* deadflags pass: flags that some later op or exit reads (before this op's own successors) */
	uint16_t fobs;	     /* flags that a later fault, helper or exit could show; flive is a subset */
	ir_val d, a, b, c;
	int64_t imm;
	struct ir_mem m;
};

enum ir_term_kind {
	TERM_NONE, /* not ended yet */
	TERM_JMP,  /* to t_off */
	TERM_JCC,  /* cc ? t_off : f_off */
	TERM_JNZ,  /* val(w) != 0 ? t_off : f_off; reads no flags (LOOP, JCXZ) */
	TERM_IND,  /* to IP value val (zero-extended, checked by the lifter where the manual asks) */
	TERM_STOP, /* to f_off, through the run loop (state the loop must look at has changed, or may have: soft) */
	TERM_RIP   /* cpu->rip has been set by a helper; back to the run loop */
};
enum ir_hint { HINT_JMP, HINT_CALL, HINT_RET };

struct ir_term {
	uint8_t kind, cc, w, hint; /* hint: CALL: f_off is the return point (also with TERM_IND) */
	uint8_t ipsize;		   /* IP wraps to 2, 4 or 8 bytes after the jump (operand size) */
	uint8_t soft;		   /* STOP: straight on to t_off if neither mode nor requests nor a shadow say otherwise */
	uint8_t falls;		   /* JNZ: t_off is the next instruction and f_off the jump's target (JCXZ) */
	bool canon;		   /* IND: val has gone through CANON; a backend may judge it when no block is found there */
	uint32_t undo;		   /* what the branch has added to RSP by then */
	ir_val val;
	int64_t t_off, f_off;
	uint16_t flive, fobs;	   /* flags live / observable at the exits (deadflags: IRF_ALL unless a peek knows better) */
};

#define IR_MAX_OPS 1024
#define IR_MAX_INSNS 64

struct ir_block {
	struct ir_op op[IR_MAX_OPS];
	unsigned nops;
	bool overflow;		 /* sticky: the block is too long, cut it at an earlier instruction */
	unsigned ntemps;	 /* highest temporary + 1 */
	struct ir_term term;
	uint32_t mode;		 /* mode key it was lifted for */
	unsigned start_off;	 /* page offset of the first instruction */
	unsigned end_off;	 /* page offset behind the last; > 4096 if that one straddles */
	unsigned ninsns;
	struct insn insns[IR_MAX_INSNS]; /* decoded, in order; NATIVE's imm indexes it */
	bool uses_x87, uses_sse, uses_avx; /* has NATIVE ops of that kind */
};

struct ir_op_info {
	const char *name, *operands, *doc;
	uint8_t fx;
	uint16_t fdef, fuse;
};
extern const struct ir_op_info ir_ops[IR_OP_COUNT];

/* ---- build.c: typed builder calls; each appends one op and returns it (a dummy when the block is full) ---- */
void ir_block_init(struct ir_block *b, uint32_t mode, unsigned start_off);
void ir_insn(struct ir_block *b, unsigned off, const struct insn *in); /* INSN marker; copies in to b->insns */
ir_val ir_temp(struct ir_block *b); /* fresh; the counter restarts at every ir_insn() */
/* generic: operands not used by the row are IR_NONE; fdef/fuse from the row (ir_emit_nf: none) */
struct ir_op *ir_emit(struct ir_block *b, enum ir_opcode op, unsigned w, ir_val d, ir_val a, ir_val bb);
struct ir_op *ir_emit_imm(struct ir_block *b, enum ir_opcode op, unsigned w, ir_val d, ir_val a, int64_t imm); /* b = IR_IMM */
struct ir_op *ir_emit_nf(struct ir_block *b, enum ir_opcode op, unsigned w, ir_val d, ir_val a, ir_val bb);
struct ir_op *ir_emit_nf_imm(struct ir_block *b, enum ir_opcode op, unsigned w, ir_val d, ir_val a, int64_t imm);
struct ir_op *ir_mov(struct ir_block *b, unsigned w, ir_val d, ir_val a);
struct ir_op *ir_movi(struct ir_block *b, unsigned w, ir_val d, int64_t imm);
struct ir_op *ir_ld(struct ir_block *b, unsigned w, ir_val d, const struct ir_mem *m);
struct ir_op *ir_st(struct ir_block *b, unsigned w, const struct ir_mem *m, ir_val a);
struct ir_op *ir_st_imm(struct ir_block *b, unsigned w, const struct ir_mem *m, int64_t imm);
struct ir_op *ir_memop(struct ir_block *b, enum ir_opcode op, unsigned w, ir_val d, const struct ir_mem *m, ir_val a);
struct ir_op *ir_helper(struct ir_block *b, enum helper_id h, ir_val d, ir_val a, ir_val bb, ir_val c, int64_t imm);
void ir_end(struct ir_block *b, const struct ir_term *t);

/* Flags a condition code reads: cc 0..15. */
uint16_t ir_cc_flags(unsigned cc);

/* ---- verify.c: NULL if the block obeys the rules, else a message in buf naming op and rule ---- */
const char *ir_verify(const struct ir_block *b, char *buf, size_t n);
/* ---- print.c ---- */
void ir_print(const struct ir_block *b, FILE *out);

/* ---- opt/: passes.def, run in order; each switchable by --pass=-NAME (bit in off_mask) ---- */
struct ir_pass {
	const char *name, *doc;
	void (*run)(struct ir_block *b);
};
extern const struct ir_pass ir_passes[];
extern const unsigned ir_npasses;
void ir_optimise(struct ir_block *b, uint32_t off_mask);

#endif
