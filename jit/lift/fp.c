/*
 * fp.c - x87, MMX, SSE and AVX: one NATIVE op each where the mode key allows it, else the fpu helper.
 *
 * NATIVE means: the unit is available, every exception is masked and none is pending, so a host with the same
 * instruction may execute it. All else - raising #NM, #UD, #MF, #XM included - is h_fpu's.
 */
#include "jit/lift/priv.h"

enum unit { UNIT_X87 = 1, UNIT_SSE = 2, UNIT_AVX = 4 };

static bool has_mmx_operand(const struct insn *in)
{
	for (unsigned i = 0; i < in->nops; i++)
		if (in->op[i].kind == OPND_MMX)
			return true;
	return false;
}

static uint32_t blocking_modes(unsigned units)
{
	uint32_t m = 0;

	if (units & UNIT_X87)
		m |= MODE_NOX87 | MODE_X87SLOW;
	if (units & UNIT_SSE)
		m |= MODE_NOSSE | MODE_SSESLOW;
	if (units & UNIT_AVX)
		m |= MODE_NOAVX | MODE_SSESLOW;
	return m;
}

static const struct opnd *memory_operand(const struct insn *in)
{
	for (unsigned i = 0; i < in->nops; i++)
		if (in->op[i].kind == OPND_MEM)
			return &in->op[i];
	return NULL;
}

/* x87 rows name memory as their first operand whether they load or store; SDM Vol. 2D B.17. */
static bool x87_stores(const struct insn *in)
{
	unsigned ext = in->reg & 7;

	switch (in->opcode) {
	case 0xD9: /* FST FSTP FNSTENV FNSTCW */
		return ext == 2 || ext == 3 || ext >= 6;
	case 0xDB: /* FISTTP FIST FISTP, FSTP m80 */
	case 0xDD: /* FISTTP FST FSTP, FNSAVE FNSTSW */
	case 0xDF: /* FISTTP FIST FISTP, FBSTP FISTP */
		return (ext >= 1 && ext <= 3) || ext >= 6;
	default: /* D8 DA DC DE: arithmetic, it reads */
		return false;
	}
}

static bool writes_memory(const struct insn *in)
{
	if (in->map == 0)
		return x87_stores(in);
	if (in->map == 1 && in->opcode == 0xAE) /* FXSAVE, STMXCSR, XSAVE, XSAVEOPT */
		return 0x59 >> (in->reg & 7) & 1;
	return in->op[0].kind == OPND_MEM;
}

static void native(struct lift *l, unsigned units)
{
	const struct insn_row *row = &insn_rows[l->in->id];
	const struct opnd *mem = memory_operand(l->in);
	struct ir_op *o;
	struct ir_mem m = {.base = IR_NONE, .index = IR_NONE, .seg = IR_NOSEG};

	if (mem)
		lift_memory(l, &m, mem->size, writes_memory(l->in));
	o = ir_emit_nf(l->b, IR_NATIVE, mem ? mem->size : 0, IR_NONE, IR_NONE, IR_NONE);
	o->m = m;
	o->imm = l->b->ninsns - 1;
	o->fdef = row->f_write & IRF_ALL;
	o->fuse = row->f_read & IRF_ALL;
	l->b->uses_x87 |= !!(units & UNIT_X87);
	l->b->uses_sse |= !!(units & UNIT_SSE);
	l->b->uses_avx |= !!(units & UNIT_AVX);
}

/* Bytes of an operand the table gives no size: environments and save areas. 0: not one */
static unsigned area_size(const struct insn *in)
{
	unsigned env = in->osize == 2 ? 14 : 28;

	if (in->map == 0)
		return in->opcode == 0xD9 ? env : in->opcode == 0xDD ? env + 80 : 0;
	if (in->map == 1 && in->opcode == 0xAE)
		return (in->reg & 7) < 2 ? 512 : 576;
	return 0;
}

/*
 * @ends: the instruction may change what the mode key says (masks, pending exceptions). @gone: mode bits with which it is
 * not available; it raises that before it looks at its operand, whose address is not judged then.
 */
static void by_helper(struct lift *l, bool ends, uint32_t gone)
{
	const struct opnd *mem = memory_operand(l->in);
	ir_val at = IR_NONE;
	struct ir_mem m;
	struct ir_op *o;

	if ((mem || l->in->has_mem) && (l->mode & gone)) {
		at = lift_const(l, 0);
	} else if (mem || l->in->has_mem) {
		unsigned w = mem ? mem->size : 0;

		if (!w && area_size(l->in)) { /* its last byte, then its first */
			lift_address(l, &m);
			m.disp += area_size(l->in) - 1;
			lift_segment(l, &m, l->in->mem.seg, 1, writes_memory(l->in));
			w = 1;
		}
		at = lift_linear(l, w, w && writes_memory(l->in));
	}
	o = ir_helper(l->b, HELPER_fpu, IR_NONE, IR_IMM, at, IR_NONE, l->b->ninsns - 1);
	o->cc = 1;
	if (ends)
		lift_stop(l);
}

static void fp(struct lift *l, unsigned units)
{
	uint32_t gone;

	if (has_mmx_operand(l->in))
		units |= UNIT_X87;
	gone = blocking_modes(units) & (MODE_NOX87 | MODE_NOSSE | MODE_NOAVX);
	if ((l->mode & blocking_modes(units)) || (l->can_native && !l->can_native(l->native_priv, l->in)))
		by_helper(l, true, gone);
	else
		native(l, units);
}

void lift_x87(struct lift *l)
{
	fp(l, UNIT_X87);
}

void lift_mmx(struct lift *l)
{
	fp(l, UNIT_X87);
}

void lift_sse(struct lift *l)
{
	fp(l, UNIT_SSE);
}

/* Gathers and masked moves: each selected element is an access of its own, the helper makes them. */
static bool addresses_elements(const struct insn *in)
{
	return in->map == 2 && in->has_mem && ((in->opcode >= 0x2C && in->opcode <= 0x2F) || in->opcode == 0x8C ||
		in->opcode == 0x8E || (in->opcode >= 0x90 && in->opcode <= 0x93));
}

void lift_avx(struct lift *l)
{
	/* unavailable: the helper raises #UD or #NM before anything about the operand is judged */
	if ((l->mode & MODE_NOAVX) || addresses_elements(l->in))
		ir_helper(l->b, HELPER_fpu, IR_NONE, IR_IMM, IR_NONE, IR_NONE, l->b->ninsns - 1)->cc = 1;
	else if (l->in->map == 1 && l->in->opcode == 0xAE) /* VLDMXCSR may unmask */
		by_helper(l, (l->in->reg & 7) == 2, MODE_NOAVX);
	else
		fp(l, UNIT_AVX);
}

void lift_fxsave(struct lift *l)
{
	by_helper(l, false, MODE_NOX87);
}

void lift_fxrstor(struct lift *l)
{
	by_helper(l, true, MODE_NOX87);
}

void lift_xsave(struct lift *l)
{
	by_helper(l, false, 0);
}

void lift_xsaveopt(struct lift *l)
{
	by_helper(l, false, 0);
}

void lift_xrstor(struct lift *l)
{
	by_helper(l, true, 0);
}

void lift_ldmxcsr(struct lift *l)
{
	by_helper(l, true, MODE_NOSSE);
}

void lift_stmxcsr(struct lift *l)
{
	by_helper(l, false, MODE_NOSSE);
}
