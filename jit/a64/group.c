/*
 * group.c - one probe for several accesses off one base register.
 *
 * The first access of a group (jit/opt/group.h) probes for the whole range; if that lies in one
 * page and is plain memory, all use the one host address. If not, a second version of the run out
 * of line makes each access by itself, and joins.
 */
#include "jit/a64/a64.h"
#include "jit/opt/group.h"
#include <string.h>

static void cold_group(struct emitter *c, struct cold *k)
{
	const struct cold at = *k; /* the array may grow */

	memset(c->t_reg, A_NONE, sizeof(c->t_reg));
	memcpy(c->reg_t, at.reg_t, sizeof(c->reg_t));
	for (unsigned r = 0; r < 16; r++)
		if (c->reg_t[r] != 0xFF)
			c->t_reg[c->reg_t[r]] = (uint8_t)r;
	c->inv = at.inv;
	c->pa = at.pa;
	c->obs = at.obs;
	c->off = at.off;
	c->next_off = at.next_off;
	c->group.skip = at.end;
	lower_range(c, at.begin, at.end);
	/* as the other version ends */
	if (at.end_inv)
		flags_borrow(c);
	else
		flags_carry(c);
	if (!at.end_pa.on)
		pa_settle(c);
	xmm_write_back(c, c->vdirty & ~at.end_vdirty);
	xmm_reload(c, at.end_vin & ~c->vin);
	spill_temps(c);
	for (unsigned r = 0; r < 16; r++)
		if (at.end_t[r] != 0xFF)
			load_home(c, r, at.end_t[r]);
	a_b(&c->cb, at.join + c->cb.rx_delta);
}

/* The base register as the guest knows it. */
static void settle(struct emitter *c)
{
	unsigned h = host_reg(c->group.guest), w = c->group.pending_w;
	uint64_t v = (uint64_t)c->group.pending;

	c->group.pending_w = 0;
	if (!w || !c->group.pending)
		return;
	if (a_addi(&c->cb, A_ADD, w, h, h, v) || a_addi(&c->cb, A_SUB, w, h, h, -v))
		return;
	a_movi(&c->cb, X_S, v);
	a_add(&c->cb, A_ADD, w, h, h, X_S, A_LSL, 0);
}

static bool names(ir_val v, unsigned guest)
{
	return (IR_KIND(v) == IR_KIND_G && (IR_NUM(v) & 15) == guest) || (IR_KIND(v) == IR_KIND_GH && (IR_NUM(v) & 3) == guest);
}

/*
 * Nothing in the run can fault, so that pushes and pops need not move the stack pointer one by one: additions to the base register
 * that make no flags anybody wants are put off until another op names it, or to the end.
 */
bool group_defer(struct emitter *c, const struct ir_op *o)
{
	unsigned guest = c->group.guest;
	bool access = o->op == IR_LD || o->op == IR_ST || o->op == IR_LDX;

	if ((o->op == IR_ADD || o->op == IR_SUB) && o->d == IR_G(guest) && o->a == o->d && IR_KIND(o->b) == IR_KIND_IMM && o->w >= 4 &&
		!flags_wanted(o)) {
		if (c->group.pending_w != o->w)
			settle(c);
		if (!c->group.pending_w)
			c->group.pending = 0;
		c->group.pending_w = o->w;
		c->group.pending += o->op == IR_ADD ? o->imm : -o->imm;
		return true;
	}
	if (names(o->a, guest) || names(o->b, guest) || names(o->c, guest) || names(o->d, guest) ||
		(!access && (names(o->m.base, guest) || names(o->m.index, guest))))
		settle(c);
	return false;
}

/* The run with the host address of its lowest byte in register @base. */
static void lower_hot(struct emitter *c, struct cold *k, unsigned base, int32_t lo)
{
	c->held = 1u << base;
	c->group.base = (uint8_t)base;
	c->group.lo = lo;
	c->group.on = true;
	c->group.failed = false;
	c->group.pending_w = 0;
	lower_range(c, k->begin, k->end);
	settle(c);
	c->group.on = false;
	c->held = 0;
	k->end_inv = c->inv;
	k->end_pa = c->pa;
	k->end_vin = c->vin;
	k->end_vdirty = c->vdirty;
	memcpy(k->end_t, c->reg_t, sizeof(k->end_t));
	k->join = c->cb.p;
}

unsigned lower_group(struct emitter *c)
{
	unsigned i = c->i, a, base;
	struct access_group g;
	struct mark m;
	struct cold *k;

	if (c->group.on || i < c->group.skip || c->x->opts_off & JIT_OPT_GROUP ||
		!group_find(c->ir, i, &g, c->group.off))
		return 0;
	mark(c, &m);
	g.first.disp = g.lo;
	a = address(c, &g.first);
	k = new_cold(c, cold_group);
	k->from = emit_probe(c, a, (unsigned)(g.hi - g.lo), g.first.idx, g.writes, 0);
	k->begin = i;
	k->end = g.end;
	k->off = c->off;
	k->next_off = c->next_off;
	k->obs = c->obs;
	c->group.guest = IR_NUM(g.first.base) & 15;
	base = c->busy >> a & 1 ? a : scratch(c);
	a_add(&c->cb, A_ADD, 8, base, a, X_S2, A_LSL, 0);
	lower_hot(c, k, base, g.lo);
	if (c->group.failed || c->starved) {
		/* too few registers: each access by itself */
		take_back(c, &m);
		c->i = i;
		c->group.skip = i + 1;
		return 0;
	}
	return g.end - i;
}
