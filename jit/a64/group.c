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
	xmm_write_back(c, c->vdirty & ~at.end_vdirty);
	xmm_reload(c, at.end_vin & ~c->vin);
	spill_temps(c);
	for (unsigned r = 0; r < 16; r++)
		if (at.end_t[r] != 0xFF)
			load_home(c, r, at.end_t[r]);
	a_b(&c->cb, at.join + c->cb.rx_delta);
}

/* The run with the host address of its lowest byte in register @base. */
static void lower_hot(struct emitter *c, struct cold *k, unsigned base, int32_t lo)
{
	c->held = 1u << base;
	c->group.base = (uint8_t)base;
	c->group.lo = lo;
	c->group.on = true;
	c->group.failed = false;
	lower_range(c, k->begin, k->end);
	c->group.on = false;
	c->held = 0;
	k->end_inv = c->inv;
	k->end_vin = c->vin;
	k->end_vdirty = c->vdirty;
	memcpy(k->end_t, c->reg_t, sizeof(k->end_t));
	k->join = c->cb.p;
}

unsigned lower_group(struct emitter *c)
{
	unsigned i = c->i, a;
	struct access_group g;
	struct mark m;
	struct cold *k;

	if (c->group.on || i < c->group.skip || c->x->opts_off & JIT_OPT_GROUP ||
		!group_find(c->ir, i, &g, c->group.off))
		return 0;
	mark(c, &m);
	a = scratch(c);
	g.first.disp = g.lo;
	emit_ea(c, &g.first, a, true);
	k = new_cold(c, cold_group);
	k->from = emit_probe(c, a, (unsigned)(g.hi - g.lo), g.first.idx, g.writes, 0);
	k->begin = i;
	k->end = g.end;
	k->off = c->off;
	k->next_off = c->next_off;
	k->obs = c->obs;
	a_add(&c->cb, A_ADD, 8, a, a, X_S2, A_LSL, 0);
	lower_hot(c, k, a, g.lo);
	if (c->group.failed || c->starved) {
		/* too few registers: each access by itself */
		take_back(c, &m);
		c->i = i;
		c->group.skip = i + 1;
		return 0;
	}
	return g.end - i;
}
