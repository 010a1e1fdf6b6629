/* x87.h - shared by the x87 files: the register stack, exceptions, one instruction's context. */
#ifndef CPU_FPU_X87_H
#define CPU_FPU_X87_H

#include "cpu/fpu/priv.h"
#include "cpu/fpu/soft.h"

#define FSW_C0 BIT(8)
#define FSW_C1 BIT(9)
#define FSW_C2 BIT(10)
#define FSW_C3 BIT(14)
#define FSW_ES BIT(7)
#define FSW_B BIT(15)
#define FSW_CC (FSW_C0 | FSW_C1 | FSW_C2 | FSW_C3)

struct x87 {
	struct vcpu *cpu;
	struct fpu_state *s;
	const struct insn *in;
	gla_t gla;
	struct soft_env e;
	struct fmt fmt; /* register results: precision control, 15-bit exponents */
};

/* registers */
static inline unsigned x87_top(const struct fpu_state *s)
{
	return s->fsw >> 11 & 7;
}

bool x87_empty(const struct fpu_state *s, unsigned i);
void x87_tag(struct fpu_state *s, unsigned i, bool full);
struct fnum x87_get(const struct fpu_state *s, unsigned i);
void x87_put(struct fpu_state *s, unsigned i, const struct fnum *v);
void x87_push(struct fpu_state *s); /* TOP - 1; ST(0) is full and to be written */
void x87_pop(struct fpu_state *s);
void x87_turn(struct fpu_state *s, unsigned by); /* st[i] = old st[(i + by) & 7]; TOP unchanged */

void x87_move_top(struct fpu_state *s, unsigned by); /* TOP + by (FINCSTP 1, FDECSTP 7); tags stay */

/* exceptions */
/* x87_raise() - record @flags (FX_x); Return: true if one of them is unmasked */
bool x87_raise(struct x87 *x, unsigned flags);
/* x87_fault() - stack underflow: C1 0, IE and SF; Return: true if masked (then the result is the indefinite) */
bool x87_underflow(struct x87 *x);
bool x87_overflow(struct x87 *x);
/* x87_before() - the exceptions found before a result exists (IE, DE, ZE); false: suppress the operation */
bool x87_before(struct x87 *x);
/* x87_after() - OE, UE, PE and C1 of a result that goes to a register */
void x87_after(struct x87 *x);
void x87_es(struct vcpu *cpu); /* recompute ES and B, FERR#, translation mode */
void x87_cc(struct x87 *x, unsigned cc); /* C0 C2 C3; C1 is cleared */

extern const struct fnum x87_indefinite;
/* x87_nan() - result when one of @a, @b is a NaN or unsupported; flags IE if signaling */
struct fnum x87_nan(struct x87 *x, struct fnum a, struct fnum b);

/* memory */
enum exit x87_load(struct x87 *x, unsigned size, uint64_t *v);
enum exit x87_store(struct x87 *x, unsigned size, uint64_t v);

/* groups: by opcode byte; @ext ModRM.reg, @i ModRM.rm */
enum exit x87_arith(struct x87 *x, unsigned op, unsigned ext, unsigned i);
enum exit x87_load_store(struct x87 *x, unsigned op, unsigned ext);
enum exit x87_d9_reg(struct x87 *x, unsigned ext, unsigned i);
enum exit x87_compare(struct x87 *x, struct fnum b, bool quiet, unsigned pops, bool eflags);
enum exit x87_bcd_load(struct x87 *x);
enum exit x87_bcd_store(struct x87 *x);
enum exit x87_control(struct x87 *x, bool *done);
enum exit x87_trans(struct x87 *x, unsigned ext, unsigned i);

#endif
