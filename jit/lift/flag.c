/* flag.c - instructions about EFLAGS itself. */
#include "jit/lift/priv.h"

void lift_clc(struct lift *l)
{
	ir_emit(l->b, IR_SETF, 1, IR_NONE, IR_NONE, IR_NONE)->imm = 0;
}

void lift_stc(struct lift *l)
{
	ir_emit(l->b, IR_SETF, 1, IR_NONE, IR_NONE, IR_NONE)->imm = 1;
}

void lift_cmc(struct lift *l)
{
	ir_emit(l->b, IR_CMC, 1, IR_NONE, IR_NONE, IR_NONE);
}

/* DF is bit 2 of the second byte of eflags, which is always in memory. */
static void set_df(struct lift *l, bool on)
{
	unsigned at = offsetof(struct vcpu, eflags) + 1;
	ir_val t = ir_temp(l->b);
	struct ir_op *o = ir_emit_nf(l->b, IR_LDENV, 4, t, IR_NONE, IR_NONE);

	o->imm = at;
	o->aux = 1;
	if (on)
		ir_emit_nf_imm(l->b, IR_OR, 4, t, t, FL_DF >> 8);
	else
		ir_emit_nf_imm(l->b, IR_AND, 4, t, t, 0xFF & ~(FL_DF >> 8));
	ir_emit_nf(l->b, IR_STENV, 1, IR_NONE, t, IR_NONE)->imm = at;
}

void lift_cld(struct lift *l)
{
	set_df(l, false);
}

void lift_std(struct lift *l)
{
	set_df(l, true);
}

void lift_cli(struct lift *l)
{
	lift_do(l, HELPER_cli, NO, NO, NO);
	lift_resume(l);
}

void lift_sti(struct lift *l)
{
	lift_do(l, l->pair ? HELPER_sti_pair : HELPER_sti, NO, NO, NO);
	if (!l->pair)
		lift_resume(l);
}

void lift_clac(struct lift *l)
{
	lift_do(l, HELPER_clac, NO, NO, NO);
	lift_resume(l);
}

void lift_stac(struct lift *l)
{
	lift_do(l, HELPER_stac, NO, NO, NO);
	lift_resume(l);
}

void lift_lahf(struct lift *l)
{
	ir_val t = ir_temp(l->b);

	/* LAHF-SAHF in 64-bit mode is a feature of its own */
	if (lift_code64(l) && !feature_has(l->features, FEAT_LAHF64)) {
		lift_raise(l, CHECK_UD_OPCODE);
		return;
	}
	ir_emit(l->b, IR_GETF, 4, t, IR_NONE, IR_NONE);
	ir_emit_nf_imm(l->b, IR_OR, 4, t, t, FL_1);
	ir_mov(l->b, 1, IR_GH(0), t);
}

void lift_sahf(struct lift *l)
{
	ir_val t = ir_temp(l->b);
	struct ir_op *o;

	if (lift_code64(l) && !feature_has(l->features, FEAT_LAHF64)) {
		lift_raise(l, CHECK_UD_OPCODE);
		return;
	}
	ir_mov(l->b, 1, t, IR_GH(0));
	o = ir_emit(l->b, IR_PUTF, 4, IR_NONE, t, IR_NONE);
	o->imm = o->fdef = IRF_ALL & ~IRF_O;
}

/* SALC: AL = CF ? FF : 0, no flags changed */
void lift_salc(struct lift *l)
{
	ir_val t = ir_temp(l->b);
	struct ir_op *o = ir_emit(l->b, IR_SETCC, 1, t, IR_NONE, IR_NONE);

	o->cc = 2;
	o->fuse = IRF_C;
	ir_emit_nf(l->b, IR_NEG, 4, t, t, IR_NONE);
	ir_mov(l->b, 1, IR_G(GPR_RAX), t);
}
