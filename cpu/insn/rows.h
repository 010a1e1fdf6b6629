/*
 * rows.h - the vocabulary of the instruction rows, as numbers: match flags, operand methods and
 * sizes.
 *
 * Private to cpu/insn and its tests. A row's match column is a set of the flags below; index.c
 * compiles it once into a (mask, value) pair over the decoder's fact word, so that the decoder
 * compares one word per candidate.
 */
#ifndef CPU_INSN_ROWS_H
#define CPU_INSN_ROWS_H

#include "cpu/insn/insn.h"

/* Match flags. No flag of a kind means that kind is free. */
#define MATCH_EXT(n) (8ull | (n))	   /* ModRM.reg = n */
#define MATCH_RM(n) ((8ull | (n)) << 4)	   /* ModRM.rm = n */
#define MATCH_MEM BIT(8)		   /* mod != 11 */
#define MATCH_REG BIT(9)		   /* mod = 11 */
#define MATCH_NP BIT(10)		   /* none of 66 F2 F3 (VEX.pp = 00) */
#define MATCH_PFX66 BIT(11)		   /* 66 as mandatory prefix: no F2 or F3 */
#define MATCH_PFXF3 BIT(12)		   /* F3 is the last of F2, F3 */
#define MATCH_PFXF2 BIT(13)
#define MATCH_NOF3 BIT(14)		   /* anything but F3: that is another instruction */
#define MATCH_NOREP BIT(15)		   /* neither F2 nor F3 */
#define MATCH_VEX BIT(16)
#define MATCH_L0 BIT(17)		   /* VEX.L; neither: ignored or gives the vector size */
#define MATCH_L1 BIT(18)
#define MATCH_W0 BIT(19)		   /* REX.W or VEX.W */
#define MATCH_W1 BIT(20)
#define MATCH_MODE64 BIT(21)
#define MATCH_NO64 BIT(22)
#define MATCH_O16 BIT(23)		   /* operand size */
#define MATCH_O32 BIT(24)
#define MATCH_O64 BIT(25)
#define MATCH_NO16 BIT(26)
#define MATCH_A16 BIT(27)		   /* address size */
#define MATCH_A32 BIT(28)
#define MATCH_A64 BIT(29)
#define MATCH_B0 BIT(30)		   /* REX.B */
#define MATCH_B1 BIT(31)
#define MATCH_D64 BIT(32)		   /* operand size 64 by default in 64-bit mode, 16 by 66 */
#define MATCH_F64 BIT(33)		   /* operand size always 64 in 64-bit mode */
#define MATCH_LOCKABLE BIT(34)		   /* LOCK allowed if the destination is memory */
#define MATCH_PLUSR BIT(35)		   /* opcode + register: eight opcodes */
#define MATCH_IB4 BIT(36)		   /* fourth operand imm8 */
#define MATCH_IS4 BIT(37)		   /* fourth operand: vector register in imm8[7:4] */
#define MATCH_ANY 0ull

enum opnd_method {
	METHOD_NONE,
	METHOD_FIXED,
	METHOD_E,  /* ModRM: general register or memory */
	METHOD_EW, /* the same, but memory is a word */
	METHOD_EB, /* the same, but memory is a byte */
	METHOD_G,  /* ModRM.reg */
	METHOD_R,  /* ModRM.rm, register whatever mod says */
	METHOD_M,  /* ModRM: memory only */
	METHOD_Z,  /* low three bits of the opcode */
	METHOD_B,  /* VEX.vvvv general register */
	METHOD_O,  /* offset without ModRM */
	METHOD_X,  /* DS:rSI */
	METHOD_Y,  /* ES:rDI */
	METHOD_I,  /* immediate, sign-extended */
	METHOD_IS, /* immediate byte, sign-extended to the size */
	METHOD_IU, /* immediate, unsigned */
	METHOD_I2, /* second immediate byte (ENTER) */
	METHOD_J,  /* relative target */
	METHOD_A,  /* far pointer */
	METHOD_S, METHOD_C, METHOD_D,
	METHOD_ST, /* ST(ModRM.rm) */
	METHOD_P, METHOD_Q, METHOD_N,		 /* MMX */
	METHOD_V, METHOD_W, METHOD_U, METHOD_H, /* XMM or YMM by size */
	METHOD_VM,				 /* memory with a vector index; size is the index's */
	METHOD_L				 /* register in imm8[7:4] (match flag IS4) */
};

/* Sizes above 32 bytes are letters. */
enum opnd_size {
	SZ_v = 0x40, /* the operand size: 2 4 8 */
	SZ_z,	     /* 2, else 4 */
	SZ_y,	     /* 4, or 8 with W */
	SZ_m,	     /* 4, or 8 in 64-bit mode */
	SZ_p,	     /* operand size + 2 */
	SZ_s,	     /* 6, or 10 in 64-bit mode */
	SZ_b,	     /* twice the operand size */
	SZ_x,	     /* vector: 16, or 32 with VEX.L */
	SZ_h,	     /* half of x */
	SZ_f,	     /* a quarter of x */
	SZ_e,	     /* an eighth of x */
	SZ_g,	     /* 16 whatever L says */
	SZ_none = 0xFF
};

enum opnd_code {
	OP__,
#define OPERAND(token, method, size) OP_##token,
#define FIXED(token, kind, reg, size) OP_##token,
#include "cpu/insn/operands.def"
#undef OPERAND
#undef FIXED
	OP_COUNT
};

struct opnd_spec {
	uint8_t method;	   /* enum opnd_method */
	uint8_t size;	   /* bytes, or enum opnd_size */
	uint8_t kind, reg; /* METHOD_FIXED */
};

extern const struct opnd_spec opnd_specs[OP_COUNT];

/*
 * An operand as the decoder takes it: its method resolved (index.c). With a number it is a register, or memory where that is
 * allowed and ModRM says so; without, what the method says.
 */
struct decode_opnd {
	uint8_t method;	  /* enum opnd_method */
	uint8_t number;	  /* where in struct insn the register's number is; 0: nowhere */
	uint8_t kind;	  /* enum opnd_kind of the register */
	uint8_t size;	  /* bytes, or enum opnd_size */
	uint8_t mem_size; /* the same if it is memory; SZ_none: it never is */
	uint8_t reg;	  /* METHOD_FIXED: the number itself */
};

/* The decoder's view of a row. */
struct decode_row {
	uint32_t mask, value; /* matches if (facts & mask) == value */
	uint16_t id;
	uint8_t flags;	      /* ROW_x */
	uint8_t nops;
	struct decode_opnd op[4];
};

enum {
	ROW_LOCKABLE = 1, /* LOCK with memory destination */
	ROW_VVVV = 2,	  /* VEX.vvvv is an operand; otherwise it must be 1111 */
	ROW_PP = 4	  /* 66, F3 or F2 is part of the opcode */
};

/*
 * Facts about the bytes, one bit or field each, known before the row is. Most are fields of struct insn as they are: a size of
 * 2, 4 or 8 is one bit of three.
 */
enum {
	FACT_MODRM = 0,
	FACT_RM = FACT_MODRM,	   /* 3 bits: ModRM.rm */
	FACT_REG = FACT_MODRM + 3, /* 3 bits: ModRM.reg */
	FACT_MOD3 = FACT_MODRM + 8,
	FACT_REX = 9,		   /* 4 bits */
	FACT_B = FACT_REX, FACT_W = FACT_REX + 3,
	FACT_OSIZE = 12,	   /* operand size; bit 0 of a size is never set */
	FACT_O16 = FACT_OSIZE + 1, FACT_O64 = FACT_OSIZE + 3,
	FACT_ASIZE = 15,	   /* address size */
	FACT_A16 = FACT_ASIZE + 1, FACT_A64 = FACT_ASIZE + 3,
	FACT_CODE = 18,		   /* code size */
	FACT_MODE64 = FACT_CODE + 3,
	FACT_66 = 22, FACT_F3 = 23, FACT_F2 = 24, /* mandatory prefix: at most one */
	FACT_L = 25
};

/* What one opcode of one map leads to. */
struct decode_slot {
	uint16_t first; /* row, of those to be tried; SLOT_GROUP: of 32 slots in group[], by mod and ModRM.reg */
	uint8_t flags;	/* SLOT_x */
};

enum { SLOT_MODRM = 1, SLOT_GROUP = 2, SLOT_D64 = 4, SLOT_F64 = 8 };

#define DECODE_MAPS 8 /* 0..3 and, with VEX, 4..7 */

struct insn_index {
	struct decode_slot slot[DECODE_MAPS][256];
	struct decode_slot *group;
	struct decode_row *rows; /* grouped by slot; the last of each, and row 0, fits everything and is INSN_UD */
};

#endif
