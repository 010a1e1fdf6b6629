/*
 * group.c - one probe for several accesses off one base register.
 *
 * The first access of a group (jit/opt/group.h) probes for the whole range; if that lies in one page and is plain memory,
 * all use the one host address. If not, a second version of the run out of line makes each access by itself, and joins.
 */
#include "jit/x64/x64.h"
#include "jit/opt/group.h"
#include <string.h>

void temps_at(struct emitter *c, const struct cold *at)
{
	memset(c->t_reg, X_NONE, sizeof(c->t_reg));
	memcpy(c->reg_t, at->reg_t, sizeof(c->reg_t));
	for (unsigned r = 0; r < 16; r++)
		if (c->reg_t[r] != 0xFF)
			c->t_reg[c->reg_t[r]] = r;
}

/* The ops of @at, as if each were the first. */
static void lower_again(struct emitter *c, const struct cold *at)
{
	temps_at(c, at);
	c->obs = at->obs;
	c->off = at->off;
	c->next_off = at->next_off;
	c->group.skip = at->end;
	lower_range(c, at->begin, at->end);
	/* as the other version ends */
	if (at->end_host)
		flags_need(c);
	if (at->end_env)
		flags_save(c);
	spill_temps(c);
	for (unsigned r = 0; r < 16; r++)
		if (at->end_t[r] != 0xFF) {
			struct x_mem m = home_mem(at->end_t[r]);

			x_load(&c->cb, 8, r, &m);
		}
	x_jmp(&c->cb, at->join + c->cb.rx_delta);
}

static void cold_group(struct emitter *c, struct cold *k)
{
	const struct cold at = *k; /* the array may grow */

	c->fl_host = false;
	c->fl_env = true;
	lower_again(c, &at);
}

/* The run with the host address of its lowest byte in register @base. */
static void lower_hot(struct emitter *c, struct cold *k, unsigned base, int32_t lo)
{
	c->held = 1u << base;
	c->group.base = base;
	c->group.lo = lo;
	c->group.on = true;
	c->group.failed = false;
	lower_range(c, k->begin, k->end);
	c->group.on = false;
	c->held = 0;
	k->end_host = c->fl_host;
	k->end_env = c->fl_env;
	memcpy(k->end_t, c->reg_t, sizeof(k->end_t));
	k->join = c->cb.p;
}

unsigned lower_group(struct emitter *c)
{
	unsigned i = c->i, a, b;
	struct mark m;
	struct cold *k;
	struct access_group s;

	if (c->group.on || c->windows || i < c->group.skip || c->x->opts_off & JIT_OPT_GROUP || !group_find(c->ir, i, &s, c->group.off))
		return 0;
	mark(c, &m);
	a = scratch(c);
	s.first.disp = s.lo;
	emit_ea(c, &s.first, a, true);
	flags_lost(c);
	b = scratch(c);
	compare_tag(c, a, b, (unsigned)(s.hi - s.lo), s.first.idx, s.writes);
	k = new_cold(c, cold_group);
	k->from = x_jcc_fwd(&c->cb, 5);
	k->begin = i;
	k->end = s.end;
	k->off = c->off;
	k->next_off = c->next_off;
	k->obs = c->obs;
	load_addend(c, b, s.first.idx);
	x_alu(&c->cb, X_ADD, 8, b, a);
	lower_hot(c, k, b, s.lo);
	if (c->group.failed || c->starved) {
		/* too few registers: each access by itself */
		take_back(c, &m);
		c->i = i;
		c->group.skip = i + 1;
		return 0;
	}
	return s.end - i;
}
