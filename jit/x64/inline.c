/*
 * inline.c - helpers whose usual case is a few host instructions: CLI, STI, PUSHF, POPF, STAC, CLAC, SWAPGS in ring 0.
 *
 * What is not the usual case (an interrupt wire that is up, a flag that changes the mode key in another way) goes to the helper
 * itself by a cold path, before anything has been changed. The mode key says what these instructions may do: CPL 0 is enough
 * for all of them, so none can fault here.
 *
 * STAC and CLAC change the mode key, and with it the context: the ids of contexts are even, and the lowest bit of the number in
 * cpu->jc_key and jc_gate is that of the key's MODE_SMAP (jit/context.c).
 */
#include "jit/x64/x64.h"

#define KEY_SMAP 6 /* the byte with that bit */

/* To the helper if condition @cc holds; k->join is set by the caller. */
static struct cold *unless(struct emitter *c, const struct ir_op *o, unsigned cc)
{
	struct cold *k = new_cold(c, cold_eval);

	k->op_site = helper_site(c, o);
	k->from = x_jcc_fwd(&c->cb, cc);
	return k;
}

/* The interrupt wire: while it is down, cpu->req has no REQ_INTR, whatever IF is. */
static struct cold *unless_wire_down(struct emitter *c, const struct ir_op *o)
{
	struct x_mem line = env_mem(ENV(intr_line));

	x_alu_mi(&c->cb, X_CMP, 1, &line, 0);
	return unless(c, o, 5);
}

static void set_if(struct emitter *c, const struct ir_op *o, bool on)
{
	struct x_mem fl = env_mem(ENV(eflags));
	struct cold *k = unless_wire_down(c, o);

	if (on)
		x_alu_mi(&c->cb, X_OR, 4, &fl, FL_IF);
	else
		x_alu_mi(&c->cb, X_AND, 4, &fl, ~(int32_t)FL_IF);
	k->join = c->cb.p;
}

/* Flags that POPF in ring 0 may change without a look at the mode key, besides the arithmetic ones. */
#define EASY (FL_IF | FL_DF | FL_RF)

static void popf(struct emitter *c, const struct ir_op *o)
{
	struct x_mem fl = env_mem(ENV(eflags)), lo = env_mem(ENV(fl_save)), hi = env_mem(ENV(fl_save) + 1);
	struct codebuf *cb = &c->cb;
	unsigned image = use(c, o->a, o->imm), t = scratch(c);
	struct cold *k = unless_wire_down(c, o);

	x_load(cb, 4, t, &fl);
	x_mov(cb, 4, X_R11, t);
	x_alu(cb, X_XOR, 4, X_R11, image);
	x_testi(cb, 4, X_R11, FL_TF | FL_NT | FL_AC | FL_ID | FL_IOPL);
	k->from2 = x_jcc_fwd(cb, 5);
	x_mov(cb, 4, X_R11, image);
	x_alui(cb, X_AND, 4, t, ~(int32_t)EASY);
	x_alui(cb, X_AND, 4, X_R11, FL_IF | FL_DF);
	x_alu(cb, X_OR, 4, t, X_R11);
	x_store(cb, 4, &fl, t);
	x_store(cb, 1, &hi, image);
	x_mov(cb, 4, X_R11, image);
	x_shifti(cb, X_SHR, 4, X_R11, 11);
	x_alui(cb, X_AND, 4, X_R11, 1);
	x_store(cb, 1, &lo, X_R11);
	k->join = cb->p;
}

static void pushf(struct emitter *c, const struct ir_op *o)
{
	struct x_mem fl = env_mem(ENV(eflags)), lo = env_mem(ENV(fl_save)), hi = env_mem(ENV(fl_save) + 1);
	struct codebuf *cb = &c->cb;
	unsigned t = scratch(c), d;

	x_movzx_m(cb, X_R11, &lo, 1);
	x_shifti(cb, X_SHL, 4, X_R11, 11);
	x_movzx_m(cb, t, &hi, 1);
	x_alui(cb, X_AND, 4, t, IRF_ALL & 0xFF);
	x_alu(cb, X_OR, 4, X_R11, t);
	x_load(cb, 4, t, &fl);
	x_alui(cb, X_AND, 4, t, ~(int32_t)(IRF_ALL | FL_RF | FL_VM));
	x_alu(cb, X_OR, 4, t, X_R11);
	if (o->imm == 2)
		x_movzx(cb, t, t, 2);
	d = def(c, o->d, 8);
	x_mov(cb, 4, d, t);
	def_end(c, o->d, 8, d);
}

static void set_ac(struct emitter *c, const struct ir_op *o, bool on)
{
	struct x_mem fl = env_mem(ENV(eflags)), mode = env_mem(ENV(mode)), key = env_mem(ENV(jc_key) + KEY_SMAP),
		     gate = env_mem(ENV(jc_gate) + KEY_SMAP), cr4 = env_mem(ENV(cr4));
	struct codebuf *cb = &c->cb;
	struct cold *k;

	x_load(cb, 4, X_R11, &cr4);
	x_testi(cb, 4, X_R11, CR4_SMAP);
	k = unless(c, o, 4);
	if (on) {
		x_alu_mi(cb, X_OR, 4, &fl, FL_AC);
		x_alu_mi(cb, X_AND, 4, &mode, ~(int32_t)MODE_SMAP);
		x_alu_mi(cb, X_AND, 1, &key, ~1);
		x_alu_mi(cb, X_AND, 1, &gate, ~1);
		c->mode_after = c->ir->mode & ~MODE_SMAP;
	} else {
		x_alu_mi(cb, X_AND, 4, &fl, ~(int32_t)FL_AC);
		x_alu_mi(cb, X_OR, 4, &mode, MODE_SMAP);
		x_alu_mi(cb, X_OR, 1, &key, 1);
		x_alu_mi(cb, X_OR, 1, &gate, 1);
		c->mode_after = c->ir->mode | MODE_SMAP;
	}
	k->join = cb->p;
}

static void swapgs(struct emitter *c)
{
	struct x_mem base = env_mem((int32_t)(offsetof(struct vcpu, seg) + SEG_GS * sizeof(struct seg) + offsetof(struct seg, base)) - VCPU_BIAS);
	struct x_mem msr = env_mem(ENV(msr.kernel_gs_base));
	unsigned t = scratch(c);

	x_load(&c->cb, 8, X_R11, &base);
	x_load(&c->cb, 8, t, &msr);
	x_store(&c->cb, 8, &base, t);
	x_store(&c->cb, 8, &msr, X_R11);
}

bool lower_helper(struct emitter *c, const struct ir_op *o)
{
	/* CPL 0 of protected mode; MODE_ONE has an interrupt shadow or a trap to think of */
	if (c->x->opts_off & JIT_OPT_INLINE || mode_cpl(c->ir->mode) || c->ir->mode & MODE_ONE || !(c->ir->mode & MODE_PE))
		return false;
	switch (o->aux) {
	case HELPER_cli:
	case HELPER_sti_pair:
	case HELPER_stac:
	case HELPER_clac:
		break;
	case HELPER_popf:
		if (o->imm < 4 || IR_KIND(o->a) == IR_KIND_IMM)
			return false;
		break;
	case HELPER_pushf:
		if (IR_KIND(o->d) != IR_KIND_T)
			return false;
		break;
	case HELPER_swapgs:
		if (c->code64)
			swapgs(c);
		return c->code64;
	default:
		return false;
	}
	flags_save(c);
	c->fl_host = false;
	if (o->aux == HELPER_popf)
		popf(c, o);
	else if (o->aux == HELPER_pushf)
		pushf(c, o);
	else if (o->aux == HELPER_stac || o->aux == HELPER_clac)
		set_ac(c, o, o->aux == HELPER_stac);
	else
		set_if(c, o, o->aux == HELPER_sti_pair);
	return true;
}
