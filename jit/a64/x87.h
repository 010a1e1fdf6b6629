/*
 * x87.h - x87 instructions in translated code, for jit/a64/ only: which have code, the state a block puts off, the routines.
 */
#ifndef JIT_A64_X87_H
#define JIT_A64_X87_H

#include "jit/a64/a64.h"
#include "cpu/insn/insn.h"

#define X87_TOP_AT 11
#define X87_C1_AT 9
#define X87_C1 (1u << X87_C1_AT)

/*
 * Routines, called with BL; registers and results: x87_math.c. All use X0..X6, X16, X17 at most, those of two operands X7, too.
 * W2 = 0 if they did it; GET W4 (others turn down what it could not get); INT and SETTLE always do.
 */
enum x87_routine { X87_ADD, X87_MUL, X87_DIV, X87_ROOT, X87_COM, X87_COMI, X87_GET32, X87_GET64, X87_INT, X87_PUT32, X87_PUT64, X87_TO_INT,
	X87_TRUNCATE, X87_SETTLE /* + turn */, X87_ROUTINES = X87_SETTLE + 8 };
_Static_assert(X87_ROUTINES <= ARRAY_SIZE(((struct a64_stubs *)0)->x87), "room for all");

/* Offset in struct vcpu of the register at place @i */
static inline int32_t x87_place(unsigned i)
{
	return ENV(fpu.st) + 16 * (int32_t)(i & 7);
}

enum x87_what { X_LOAD, X_STORE, X_STORE_INT, X_EXCHANGE, X_SIGN, X_ROOT, X_ARITH, X_COMPARE, X_WORD, X_LOAD_CW, X_NOTHING };
enum x87_from { FROM_ST, FROM_FLOAT, FROM_INT, FROM_M80, FROM_ZERO, FROM_ONE };

/* An instruction that has code. */
struct x87_form {
	uint8_t what; /* enum x87_what */
	uint8_t from; /* enum x87_from: the operand besides ST(0); or what a store goes to */
	uint8_t size; /* bytes of a number in memory */
	uint8_t i;    /* FROM_ST */
	uint8_t op;   /* X_ARITH: ModRM.reg; X_SIGN: change it; X_WORD: it is the status; X_STORE_INT: truncate */
	uint8_t dest; /* X_ARITH */
	uint8_t full; /* bit i: ST(i) must not be empty */
	bool push;    /* ST(7) must be empty */
	uint8_t pops;
	bool eflags;  /* X_COMPARE */
};

bool x87_form(const struct insn *in, struct x87_form *f);
bool x87_need(struct emitter *c, const struct ir_op *o, const struct x87_form *f); /* false: it is known that a register is not as it must be */
void x87_moved(struct emitter *c, const struct x87_form *f);	/* the instruction's effect on the stack and its tags */

#endif
