/*
 * insn.h - a decoded instruction, and the decoder that makes it from bytes.
 *
 * The decoder is pure: bytes and code size in, struct insn out. It knows the instruction set from
 * rows (cpu/insn/<area>.def): ROW(id, mnemonic, map, opcode, match, op1,op2,op3, semantics, flags, feature, trap).
 * What a row says is never said twice: enum insn_id, the index, flags read and written, CPUID gating and
 * trap class all expand from it. Legality that depends on encoding alone (LOCK, 15 bytes, mod=11 where memory is
 * required, VEX.vvvv, L) is judged here and gives INSN_UD; what depends on machine state is ring 0's.
 *
 * Source: Intel SDM Vol. 2, chapter 2 "Instruction Format" and appendix A "Opcode Map".
 */
#ifndef CPU_INSN_INSN_H
#define CPU_INSN_INSN_H

#include "mmu/base/types.h"

#define INSN_MAX_LEN 15

enum insn_id {
#define ROW(id, ...) INSN_##id,
#include "cpu/insn/all.def"
#undef ROW
	INSN_COUNT,
	INSN_UD = INSN_COUNT /* no such instruction: #UD */
};

/* Who may execute it and who judges (docs/traps.md): see architecture.md section 3. */
enum trap_class { TRAP_FREE, TRAP_CPL0, TRAP_IOPL, TRAP_IOBM, TRAP_VM86, TRAP_SENS, TRAP_UMIP, TRAP_TASK };

enum opnd_kind {
	OPND_NONE,
	OPND_GPR,   /* reg: 0..15 (low part of size bytes) */
	OPND_GPRH,  /* reg: 0..3 = AH CH DH BH, size 1 */
	OPND_MEM,   /* insn->mem, size bytes (0: irrelevant or by semantics, e.g. LEA, LGDT, FXSAVE) */
	OPND_IMM,   /* insn->imm */
	OPND_IMM2,  /* insn->imm2 (ENTER's level) */
	OPND_REL,   /* insn->imm: signed displacement from the next instruction */
	OPND_FAR,   /* ptr16:16/32: insn->imm offset, insn->imm2 selector */
	OPND_SEG,   /* reg: 0..5 ES CS SS DS FS GS */
	OPND_CR, OPND_DR,
	OPND_ST,    /* reg: ST(i) */
	OPND_MMX,   /* reg: 0..7 */
	OPND_XMM, OPND_YMM, /* reg: 0..15 */
	OPND_ONE,   /* the constant 1 of D0/D1 shifts */
};

struct opnd {
	uint8_t kind; /* enum opnd_kind */
	uint8_t reg;
	uint8_t size; /* bytes: 1 2 4 8 10 16 32; 6 = m16:32, 10 = m16:64 or m80 */
};

enum { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_COUNT };
enum { GPR_RAX, GPR_RCX, GPR_RDX, GPR_RBX, GPR_RSP, GPR_RBP, GPR_RSI, GPR_RDI };

#define MEM_NONE 0xFF /* no base / no index / no override */
#define MEM_RIP 0xFE  /* base: RIP of the next instruction (64-bit mode) */

/* Why an encoding is invalid, where the manual has a condition of its own for it. */
enum ud_reason { UD_NONE, UD_NO_SUCH, UD_BAD_LOCK, UD_BAD_CR };

struct mem_opnd {
	uint8_t seg;	     /* effective segment after overrides and SS default */
	uint8_t base, index; /* GPR number, MEM_NONE, MEM_RIP */
	uint8_t scale;	     /* 0..3: shift count */
	uint8_t asize;	     /* address size: 2, 4, 8; the sum wraps to it */
	int64_t disp;	     /* sign-extended; for moffs the full offset */
};

/* String instructions: mem is the source (rSI, override allowed) if there is one, else ES:rDI. */

struct insn {
	uint16_t id;	    /* enum insn_id; INSN_UD if invalid */
	uint8_t len;	    /* bytes, 1..15 (for INSN_UD: bytes looked at) */
	uint8_t code;	    /* code size it was decoded for: 2, 4, 8 */
	uint8_t osize;	    /* operand size after prefixes, REX.W and 64-bit defaults: 2, 4, 8 */
	uint8_t asize;	    /* address size: 2, 4, 8 */
	uint8_t rep;	    /* last of F2/F3 seen: 0, 0xF2, 0xF3 (0 too when it was a mandatory prefix) */
	bool lock, opsz66, rex_present;
	uint8_t ud;	    /* INSN_UD: enum ud_reason */
	uint8_t rex;	    /* W R X B bits as in the byte's low nibble (from VEX too) */
	uint8_t seg_override; /* SEG_x or MEM_NONE */
	uint8_t map;	    /* 0: one byte, 1: 0F, 2: 0F38, 3: 0F3A; x87: map 0, opcode D8..DF */
	uint8_t opcode;	    /* last opcode byte */
	uint8_t modrm;	    /* raw byte */
	uint8_t pp;	    /* mandatory prefix in use: 0, 0x66, 0xF3, 0xF2 */
	bool vex;
	uint8_t vex_l, vvvv; /* L: 0 = 128, 1 = 256; vvvv already inverted: register number */
	bool has_modrm, has_mem;
	uint8_t mod, reg, rm; /* ModRM's fields; reg and rm extended by REX/VEX; without ModRM rm is the opcode's low bits, extended */
	uint8_t nops;
	struct opnd op[4];  /* in SDM (destination first) order, including implied ones the row names */
	uint16_t imm2;
	struct mem_opnd mem;
	int64_t imm;	    /* sign-extended immediate / displacement / offset */
};
_Static_assert(sizeof(struct insn) == 64, "as many are copied as instructions are translated");

/* The static side of a row. Flag masks are EFLAGS bits (CF PF AF ZF SF OF, plus DF IF where it matters). */
struct insn_row {
	const char *id, *mnemonic; /* "ADD_EbGb", "add" */
	uint8_t map, opcode;
	uint64_t match;		   /* MATCH_x of rows.h */
	const char *semantics;	   /* name of the lift_ function */
	uint32_t f_read, f_write, f_undef; /* f_undef is a subset of f_write */
	uint8_t feature;	   /* enum cpu_feature (cpu/features.h) */
	uint8_t trap;		   /* enum trap_class */
	bool lockable;
	uint8_t op[3];		   /* enum opnd_code of rows.h */
};

extern const struct insn_row insn_rows[INSN_COUNT];

/* The decode index, built once per machine from the rows. */
struct insn_index;
struct insn_index *insn_index_new(char *why, size_t n); /* NULL: rows overlap, why names the two ids */
void insn_index_free(struct insn_index *ix);

enum decode_status {
	DECODE_OK,
	DECODE_MORE,	/* ran out of the @avail bytes before the end of the instruction (avail < 15) */
	DECODE_UD,	/* invalid: out->id == INSN_UD */
	DECODE_TOOLONG	/* more than 15 bytes: #GP(0) (SDM Vol. 2A 2.3.11) */
};

/**
 * insn_decode() - decode one instruction
 * @bytes: at least @avail readable bytes      @avail: 0..15
 * @code:  code size in bytes: 2, 4, 8 (CS.D / CS.L)
 */
enum decode_status insn_decode(const struct insn_index *ix, const uint8_t *bytes, unsigned avail,
	unsigned code, struct insn *out);

/* insn_text() - Intel-syntax text as capstone prints it; @rip: of this instruction, for branch targets. */
void insn_text(const struct insn *in, uint64_t rip, char *buf, size_t n);

#endif
