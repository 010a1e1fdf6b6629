/*
 * lift.c - the driver: the checks every row asks for, then the semantics function the row names.
 *
 * The table expands from the rows; a semantics name without its lift_ function does not link.
 */
#include "jit/lift/priv.h"

static const struct {
	lift_fn *fn;
	uint8_t feature; /* as insn_rows has it, which are long: a miss of the host's cache less for an instruction */
} lifters[INSN_COUNT] = {
#define ROW(id, mn, map, op, match, o1, o2, o3, sem, fl, feat, trap) [INSN_##id] = {lift_##sem, FEAT_##feat},
#include "cpu/insn/all.def"
#undef ROW
};

void lift_stop(struct lift *l)
{
	struct ir_term t = {.kind = TERM_STOP, .f_off = l->next_off, .ipsize = 8, .val = IR_NONE};

	ir_end(l->b, &t);
}

void lift_look(struct ir_block *b, unsigned next_off)
{
	struct ir_term t = {.kind = TERM_STOP, .soft = 1, .t_off = next_off, .f_off = next_off, .ipsize = 8,
		.val = IR_NONE};

	ir_end(b, &t);
}

void lift_resume(struct lift *l)
{
	lift_look(l->b, l->next_off);
}

void lift_rip(struct lift *l)
{
	struct ir_term t = {.kind = TERM_RIP, .val = IR_NONE};

	ir_end(l->b, &t);
}

void lift_raise(struct lift *l, enum check_id id)
{
	ir_helper(l->b, HELPER_raise, IR_NONE, IR_IMM, IR_NONE, IR_NONE, id);
	lift_rip(l);
}

/* At most one argument of an op is an immediate; the others go through temporaries. */
static struct ir_op *call(struct lift *l, enum helper_id h, ir_val d, struct src a, struct src b,
	struct src c)
{
	struct src *s[3] = {&a, &b, &c};
	int64_t imm = 0;
	bool used = false;

	for (unsigned i = 0; i < 3; i++) {
		if (s[i]->v != IR_IMM)
			continue;
		if (used) {
			s[i]->v = lift_const(l, s[i]->imm);
			continue;
		}
		used = true;
		imm = s[i]->imm;
	}
	return ir_helper(l->b, h, d, a.v, b.v, c.v, imm);
}

ir_val lift_call(struct lift *l, enum helper_id h, struct src a, struct src b, struct src c)
{
	ir_val t = ir_temp(l->b);

	call(l, h, t, a, b, c);
	return t;
}

void lift_do(struct lift *l, enum helper_id h, struct src a, struct src b, struct src c)
{
	call(l, h, IR_NONE, a, b, c);
}

void lift_insn(struct lift *l)
{
	lift_fn *fn;

	ir_insn(l->b, l->off, l->in);
	if (l->next_off > PAGE_SIZE)
		lift_fetch_limit(l);
	/* #UD: an undefined opcode, or one whose CPUID feature this CPU lacks */
	if (l->in->id >= INSN_COUNT) {
		lift_raise(l, l->in->ud == UD_BAD_LOCK ? CHECK_UD_LOCK :
			l->in->ud == UD_BAD_CR ? CHECK_UD_CR : CHECK_UD_OPCODE);
		return;
	}
	fn = lifters[l->in->id].fn;
	if (UNLIKELY(!feature_has(l->features, lifters[l->in->id].feature)) && fn != lift_tzcnt && fn != lift_lzcnt) {
		lift_raise(l, CHECK_UD_OPCODE);
		return;
	}
	fn(l);
}

void lift_fallthrough(struct ir_block *b, unsigned next_off)
{
	struct ir_term t = {.kind = TERM_JMP, .t_off = next_off, .f_off = next_off, .val = IR_NONE,
		.ipsize = mode_code_size(b->mode) == 8 ? 8 : 4};

	ir_end(b, &t);
}
