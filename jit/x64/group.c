/*
 * group.c - one probe for several accesses off one base register.
 *
 * The first access of a group (jit/opt/group.h) probes for the whole range; if that lies in one page and is plain memory, all use the one
 * host address. C fills the TLB where it must; if the range is no such memory, the interpreter runs the instruction that the group begins
 * with, and a block for which that happens again and again is translated without groups (x64_strayed()).
 */
#include "jit/x64/x64.h"
#include "jit/opt/group.h"

/* The run with the host address of its lowest byte in register @base. */
static void lower_hot(struct emitter *c, unsigned end, unsigned base, int32_t lo)
{
	c->held = 1u << base;
	c->group.base = base;
	c->group.lo = lo;
	c->group.on = true;
	c->group.failed = false;
	c->group.skip = end;
	lower_range(c, c->i, end);
	c->group.on = false;
	c->held = 0;
}

unsigned lower_group(struct emitter *c)
{
	unsigned i = c->i, a, b;
	struct access_group s;
	struct x64_site *site;
	struct mark m;
	int32_t first;

	if (!group_find(c->ir, i, &s, c->group.off))
		return 0;
	mark(c, &m);
	a = scratch(c);
	s.first.disp = s.lo;
	emit_ea(c, &s.first, a, true);
	flags_lost(c);
	b = scratch(c);
	site = new_site(c, &c->ir->op[i], s.writes ? SITE_GST : SITE_GLD);
	site->w = (uint8_t)(s.hi - s.lo);
	first = c->group.off[i] - s.lo;
	if (first < 128) {
		site->val = (unsigned)first & 127;
		site->align = c->ir->op[i].w & 15;
		site->writes = c->ir->op[i].op != IR_LD;
	}
	site->gla_reg = a & 15;
	site->delta_reg = b & 15;
	miss(c, site, look_up(c, a, b, (unsigned)(s.hi - s.lo), s.first.idx, s.writes));
	site->join = code_here(c);
	x_alu(&c->cb, X_ADD, 8, b, a);
	lower_hot(c, s.end, b, s.lo);
	if (c->group.failed || c->starved) {
		/* too few registers: each access by itself */
		take_back(c, &m);
		c->i = i;
		c->group.skip = i + 1;
		return 0;
	}
	return s.end - i;
}
