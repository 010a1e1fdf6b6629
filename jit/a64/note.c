/*
 * note.c - PF and AF: put off until somebody could see them.
 *
 * They come from X_PF and X_AF (a64.h). An addition, a logic operation and their like would have to write both wherever a fault could
 * show them, and faults are rare. So the emitter remembers from which guest registers they could be made (emitter.pa), as long as
 * those keep their values; code out of line makes them, before it calls C. In the block itself they are made when one of the
 * registers is about to change and they still can be seen, when PF is looked at, and where the block ends in a way that is no
 * link. A link to a block that could show them goes through a piece of code that makes them (term.c).
 */
#include "jit/a64/a64.h"

static bool pinned(const struct emitter *c, unsigned r)
{
	return (r >= host_reg(GPR_RAX) && r <= host_reg(GPR_RDI)) || (c->code64 && r >= host_reg(8) && r <= host_reg(15));
}

/* X_AF = a ^ b as far as bit 4 goes, of an immediate @imm */
static void xor_imm(struct emitter *c, unsigned a, unsigned imm)
{
	if (imm & 16)
		a_logici(&c->cb, A_EOR, 4, X_AF, a, 16);
	else if (a != X_AF)
		a_mov(&c->cb, 4, X_AF, a);
}

void pa_emit(struct emitter *c, const struct pa_note *n)
{
	enum a_addsub back = n->how == PA_SUM ? A_SUB : A_ADD;

	if (!n->on)
		return;
	switch (n->how) {
	case PA_ZERO:
		a_mov(&c->cb, 4, X_AF, n->res);
		break;
	case PA_SAME:
		a_mov(&c->cb, 4, X_AF, A_ZR);
		break;
	case PA_XOR:
		if (n->b == A_NONE)
			xor_imm(c, n->a, n->imm);
		else
			a_logic(&c->cb, A_EOR, 4, X_AF, n->a, n->b, A_LSL, 0);
		break;
	case PA_SUM: case PA_DIFF: /* the first operand is what the result came from */
		if (n->b == A_NONE) {
			a_addi(&c->cb, back, 4, X_AF, n->res, n->imm);
			xor_imm(c, X_AF, n->imm);
		} else {
			a_add(&c->cb, back, 4, X_AF, n->res, n->b, A_LSL, 0);
			a_logic(&c->cb, A_EOR, 4, X_AF, X_AF, n->b, A_LSL, 0);
		}
		break;
	}
	if (n->res != X_PF)
		a_mov(&c->cb, 4, X_PF, n->res);
}

void pa_settle(struct emitter *c)
{
	pa_emit(c, &c->pa);
	c->pa.on = false;
}

static void set(struct emitter *c, enum pa_how how, unsigned res)
{
	c->pa.on = true;
	c->pa.how = (uint8_t)how;
	c->pa.res = (uint8_t)res;
	c->pa_at = c->i;
	if (res != X_PF && !pinned(c, res))
		pa_settle(c);
}

void pa_logic(struct emitter *c, unsigned r)
{
	set(c, PA_ZERO, r);
}

void pa_result(struct emitter *c, unsigned r)
{
	set(c, PA_DONE, r);
}

void pa_operands(struct emitter *c, ir_val bv, unsigned a, unsigned b, unsigned d, bool sub, int64_t imm)
{
	bool is_imm = IR_KIND(bv) == IR_KIND_IMM, kept = is_imm || (pinned(c, b) && b != d);

	c->pa.on = false; /* the registers' old values are of no use any more */
	c->pa.a = (uint8_t)a;
	c->pa.b = (uint8_t)(is_imm ? A_NONE : b);
	c->pa.imm = (uint8_t)(imm & 31);
	c->pa.how = PA_DONE;
	if (!is_imm && a == b)
		c->pa.how = PA_SAME;
	else if (kept && d != a && pinned(c, a))
		c->pa.how = PA_XOR;
	else if (kept && d == a && pinned(c, a))
		c->pa.how = sub ? PA_DIFF : PA_SUM;
	else if (is_imm)
		xor_imm(c, a, c->pa.imm);
	else
		a_logic(&c->cb, A_EOR, 4, X_AF, a, b, A_LSL, 0);
}

void pa_sum(struct emitter *c, unsigned d)
{
	set(c, c->pa.how, d);
}

static bool named(const struct pa_note *n, unsigned r)
{
	switch (n->how) {
	case PA_XOR: return n->res == r || n->a == r || n->b == r;
	case PA_SUM: case PA_DIFF: return n->res == r || n->b == r;
	default: return n->res == r;
	}
}

/* Does @o write a register that the note needs? */
static bool spoils(const struct emitter *c, const struct ir_op *o)
{
	const struct pa_note *n = &c->pa;

	switch (o->op) {
	case IR_NATIVE: return true; /* it has operands of its own */
	case IR_MULU: case IR_MULS: case IR_DIVU: case IR_DIVS:
		return named(n, host_reg(GPR_RAX)) || named(n, host_reg(GPR_RDX));
	case IR_MULX:
		if (IR_KIND(o->c) == IR_KIND_G && named(n, host_reg(IR_NUM(o->c))))
			return true;
	}
	if (IR_KIND(o->d) == IR_KIND_G)
		return named(n, host_reg(IR_NUM(o->d)));
	return IR_KIND(o->d) == IR_KIND_GH && named(n, host_reg(IR_NUM(o->d) & 3));
}

/* May leave both as they were, depending on its count. */
static bool conditional(const struct ir_op *o)
{
	return (o->op == IR_SHL || o->op == IR_SHR || o->op == IR_SAR || o->op == IR_SHLD || o->op == IR_SHRD) && o->fuse & IRF_PA;
}

void pa_before(struct emitter *c, const struct ir_op *o)
{
	if (!c->pa.on)
		return;
	if (!(c->obs & IRF_PA))
		c->pa.on = false;
	else if (conditional(o) || (spoils(c, o) && (o->fobs & ~(pa_writes(o) ? IRF_PA : 0)) & IRF_PA))
		pa_settle(c);
}

bool pa_writes(const struct ir_op *o)
{
	switch (o->op) {
	case IR_ADD: case IR_ADC: case IR_SUB: case IR_SBB: case IR_CMP: case IR_AND: case IR_OR: case IR_XOR: case IR_TEST: case IR_ANDN:
	case IR_NEG: case IR_INC: case IR_DEC: case IR_SHL: case IR_SHR: case IR_SAR: case IR_SHLD: case IR_SHRD: case IR_IMUL:
	case IR_MULU: case IR_MULS:
		return (o->fdef & IRF_PA) == IRF_PA;
	}
	return false;
}

void pa_after(struct emitter *c, const struct ir_op *o)
{
	if (c->pa.on && pa_writes(o) && c->pa_at != c->i)
		c->pa.on = false;
}
