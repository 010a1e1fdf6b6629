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
	SZ_g	     /* 16 whatever L says */
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

/* The decoder's view of a row. */
struct decode_row {
	uint32_t mask, value; /* matches if (facts & mask) == value */
	uint16_t id;
	uint8_t flags;	      /* ROW_x */
	uint8_t nops;
	struct opnd_spec op[4];
};

enum {
	ROW_LOCKABLE = 1, /* LOCK with memory destination */
	ROW_VVVV = 2,	  /* VEX.vvvv is an operand; otherwise it must be 1111 */
	ROW_PP = 4	  /* 66, F3 or F2 is part of the opcode */
};

/*
 * Facts about the bytes, one bit or field each; computed once per instruction, before the row is
 * known.
 */
enum {
	FACT_REG = 0,	/* 3 bits: ModRM.reg */
	FACT_RM = 3,	/* 3 bits: ModRM.rm */
	FACT_MOD3 = 6,
	FACT_66 = 7, FACT_F3 = 8, FACT_F2 = 9, /* mandatory prefix: at most one */
	FACT_L = 10, FACT_W = 11, FACT_B = 12,
	FACT_MODE64 = 13,
	FACT_O16 = 14, FACT_O64 = 15,	       /* neither: 32 */
	FACT_A16 = 16, FACT_A64 = 17
};

/* What one opcode of one map leads to. */
struct decode_slot {
	uint16_t first; /* first bucket */
	uint8_t flags;	/* SLOT_x */
};

struct decode_bucket {
	uint16_t first; /* into rows[] */
	uint8_t count;
	uint8_t osz;	/* 0, OSZ_D64, OSZ_F64 */
};

enum { SLOT_USED = 1, SLOT_MODRM = 2, SLOT_GROUP = 4 };
enum { OSZ_D64 = 1, OSZ_F64 = 2 };

#define DECODE_MAPS 8 /* 0..3 and, with VEX, 4..7 */

struct insn_index {
	struct decode_slot slot[DECODE_MAPS][256];
	struct decode_bucket *bucket;
	struct decode_row *rows; /* grouped by bucket */
};

#endif
