/*
 * fprun.c - one look at FPSR for several floating-point instructions.
 *
 * In a run of SSE instructions that change nothing but XMM registers, those in struct vcpu are left as they are at its begin. At its end
 * FPSR tells whether any of the instructions met what NEON does otherwise (fpstate.c); then C does all of them again. So it does
 * where a memory operand is not found by the probe: what the instructions before it have made is not known to be right yet.
 * Inexact collects in FPSR; a run that is to be done again must not leave any: a register keeps FPSR from its begin.
 */
#include "jit/a64/neon.h"
#include <string.h>

#define RUN_MAX 24 /* instructions: what C may have to do again */

static bool has(neon_fn *const *list, size_t n, neon_fn *fn)
{
	while (n && list[n - 1] != fn)
		n--;
	return n;
}

/* Does the instruction write nothing but the XMM register in ModRM.reg? @fp: is it one of floating point? */
static bool runs(const struct emitter *c, const struct ir_op *o, bool *fp)
{
	static neon_fn *const arith[] = {neon_arith, neon_sarith, neon_sqrt, neon_sone, neon_minmax, neon_sminmax, neon_cmp, neon_scmp, neon_hadd,
		neon_round, neon_sround, neon_cvt_dq2ps, neon_cvt_dq2pd, neon_cvt_ps2dq, neon_cvt_pd2dq, neon_cvt_ps2pd, neon_cvt_pd2ps,
		neon_cvt_si2s};
	static neon_fn *const others[] = {neon_three, neon_three_swapped, neon_clear, neon_two, neon_move, neon_movs, neon_load, neon_load_half,
		neon_movq, neon_ddup, neon_dup_pair, neon_pshufd, neon_shufps, neon_shufpd};
	const struct insn *in = &c->ir->insns[o->imm];
	neon_fn *fn = neon_function(in);

	*fp = fn && has(arith, ARRAY_SIZE(arith), fn);
	return fn && !in->vex && (*fp || has(others, ARRAY_SIZE(others), fn));
}

/* The end of the run that begins with op @i, or 0: it has less than two instructions of floating point */
static unsigned find(const struct emitter *c, unsigned i)
{
	unsigned end = 0, n = 0, taken = 0;

	for (; i < c->ir->nops && taken < RUN_MAX; i++) {
		const struct ir_op *o = &c->ir->op[i];
		bool fp;

		if (o->op == IR_INSN)
			continue;
		if (o->op != IR_NATIVE || !runs(c, o, &fp))
			break;
		taken++;
		n += fp;
		if (fp) /* what follows the last of these needs no check */
			end = i + 1;
	}
	return n >= 2 ? end : 0;
}

/* X_S: FPSR's bits but Inexact */
static void cold_run(struct emitter *c, struct cold *k)
{
	const struct cold at = *k;

	fp_saturated(c, k->resume);
	k->redo = c->cb.p;
	a_msr_fpsr(&c->cb, at.saved);
	pa_emit(c, &at.pa);
	c->inv = at.inv;
	flags_carry(c);
	for (unsigned r = 0; r < 16; r++)
		if (at.reg_t[r] != 0xFF)
			store_home(c, r, at.reg_t[r]);
	c->off = at.off;
	c->next_off = at.next_off;
	for (c->i = at.begin; c->i < at.end; c->i++) {
		const struct ir_op *o = &c->ir->op[c->i];

		if (o->op == IR_INSN) {
			c->off = (int32_t)o->imm;
			c->next_off = c->off + o->aux;
		} else {
			call_site(c, c->x->stub.eval[c->code64], eval_site(c, o));
		}
	}
	xmm_reload(c, at.vload);
	if (at.inv)
		flags_borrow(c);
	a_b(&c->cb, at.join + c->cb.rx_delta);
}

static void cold_miss(struct emitter *c, struct cold *k)
{
	a_b(&c->cb, c->cold[k->begin].redo + c->cb.rx_delta);
}

struct cold *fp_run_leave(struct emitter *c)
{
	struct cold *k = new_cold(c, cold_miss);

	k->begin = c->run.cold;
	return k;
}

unsigned lower_fp_run(struct emitter *c)
{
	unsigned i = c->i, end, saved, n = c->ncold;
	struct cold *k;
	struct mark m;

	if (c->x->feat & HOSTF_AFP) /* nothing needs a look */
		return 0;
	if (c->run.on || c->group.on || i < c->run.skip || c->ir->op[i].op != IR_NATIVE || !(end = find(c, i)))
		return 0;
	mark(c, &m);
	fp_need(c);
	xmm_flush(c, false);
	saved = scratch(c);
	a_mrs_fpsr(&c->cb, saved);
	n = c->ncold;
	k = new_cold(c, cold_run);
	k->begin = i;
	k->end = end;
	k->off = c->off;
	k->next_off = c->next_off;
	k->saved = (uint8_t)saved;
	c->held |= 1u << saved;
	c->run.on = true;
	c->run.failed = false;
	c->run.cold = n;
	lower_range(c, i, end);
	c->run.on = false;
	c->held &= ~(1u << saved);
	if (c->run.failed || c->starved) {
		take_back(c, &m);
		c->i = i;
		c->run.skip = i + 1;
		return 0;
	}
	k->from = fp_look(c);
	k->resume = k->join = c->cb.p;
	k->vload = c->vin;
	return end - i;
}
