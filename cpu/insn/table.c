/*
 * table.c - the rows of all.def as constant tables.
 *
 * The short names of the match, flags and map columns exist only in this file.
 */
#include "cpu/insn/insn.h"
#include "cpu/insn/rows.h"
#include "cpu/features.h"

#define OPERAND(token, method, size) [OP_##token] = {METHOD_##method, size, 0, 0},
#define FIXED(token, kind, reg, size) [OP_##token] = {METHOD_FIXED, size, OPND_##kind, reg},
const struct opnd_spec opnd_specs[OP_COUNT] = {
#include "cpu/insn/operands.def"
};
#undef OPERAND
#undef FIXED

enum { MAP_00, MAP_0F, MAP_0F38, MAP_0F3A };

/* EFLAGS bits by letter. */
enum {
	C = 0x1, P = 0x4, A = 0x10, Z = 0x40, S = 0x80, I = 0x200, D = 0x400, O = 0x800,
	AC_ = 0x40000, V = 0x20000,
	OC = O | C, ZC = Z | C, AC = A | C, OA = O | A, OS = O | S, OSZ = O | S | Z, IV = I | V,
	SZAP = S | Z | A | P, SZAPC = SZAP | C, OSZAP = O | SZAP, OSZAPC = O | SZAPC,
	OSZP = O | S | Z | P, OAC = O | A | C, OSAP = O | S | A | P, OSAPC = OSAP | C,
	AP = A | P, SAP = S | A | P, DOSZAPC = D | OSZAPC, ZPC = Z | P | C, OSA = O | S | A,
	ALL = 0x3F7FD7 & ~2
};

#define NOFL 0, 0, 0
#define FL(read, written, undefined) read, written, undefined

#define EXT(n) MATCH_EXT(n)
#define RM(n) MATCH_RM(n)
#define MEM MATCH_MEM
#define REG MATCH_REG
#define NP MATCH_NP
#define PFX66 MATCH_PFX66
#define PFXF3 MATCH_PFXF3
#define PFXF2 MATCH_PFXF2
#define NOF3 MATCH_NOF3
#define NOREP MATCH_NOREP
#define VEX MATCH_VEX
#define L0 MATCH_L0
#define L1 MATCH_L1
#define W0 MATCH_W0
#define W1 MATCH_W1
#define MODE64 MATCH_MODE64
#define NO64 MATCH_NO64
#define O16 MATCH_O16
#define O32 MATCH_O32
#define O64 MATCH_O64
#define NO16 MATCH_NO16
#define A16 MATCH_A16
#define A32 MATCH_A32
#define A64 MATCH_A64
#define B0 MATCH_B0
#define B1 MATCH_B1
#define D64 MATCH_D64
#define F64 MATCH_F64
#define LOCKABLE MATCH_LOCKABLE
#define PLUSR MATCH_PLUSR
#define IB4 MATCH_IB4
#define IS4 MATCH_IS4
#define ANY MATCH_ANY

#define ROW(id_, mn, map_, opc, match_, o1, o2, o3, sem, fl, feat, trap_)                          \
	[INSN_##id_] = {                                                                           \
		.id = #id_,                                                                        \
		.mnemonic = #mn,                                                                   \
		.map = MAP_##map_,                                                                 \
		.opcode = 0x##opc,                                                                 \
		.match = match_,                                                                   \
		.semantics = #sem,                                                                 \
		.op = {OP_##o1, OP_##o2, OP_##o3},                                                 \
		.feature = FEAT_##feat,                                                            \
		.trap = TRAP_##trap_,                                                              \
		.lockable = ((match_) & LOCKABLE) != 0,                                            \
		.f_read = fl,                                                                      \
	},

const struct insn_row insn_rows[INSN_COUNT] = {
#include "cpu/insn/all.def"
};
