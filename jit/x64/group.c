/*
 * group.c - one probe for several accesses off one base register.
 *
 * A group is a run of ops whose memory accesses all lie at known distances from the value a base register has at its
 * start, with nothing in between that could change a mapping, fault otherwise, or leave the block. The first access
 * probes for the whole range; if that lies in one page and is plain memory, none of the accesses can fault and all
 * use the one host address. If not, a second version of the run out of line makes each access by itself, and joins.
 */
#include "jit/x64/x64.h"
#include <string.h>

#define MAX_SPAN 256 /* bytes a group may cover */

/* What is known about guest registers: base + off[n] where bit n of known is set. */
struct known {
	uint32_t regs;
	int32_t off[16];
};

struct scan {
	struct known k;
	struct ir_mem first;
	int32_t lo, hi;
	unsigned accesses, end; /* index behind the last op */
	bool writes;
};

/* Ops that have no effect but on registers and flags. */
static bool harmless(unsigned op)
{
	switch (op) {
	case IR_INSN: case IR_MOV: case IR_ZEXT: case IR_SEXT: case IR_LEA: case IR_IPVAL: case IR_ADD: case IR_SUB:
	case IR_AND: case IR_OR: case IR_XOR: case IR_CMP: case IR_TEST: case IR_NOT: case IR_NEG: case IR_INC: case IR_DEC:
	case IR_ADC: case IR_SBB: case IR_STX: case IR_SHL: case IR_SHR: case IR_SAR: case IR_IMUL: case IR_SETCC: case IR_CMOV:
		return true;
	}
	return false;
}

static bool access_op(unsigned op)
{
	return op == IR_LD || op == IR_ST || op == IR_LDX;
}

/* Distance of @m from the base, if it is known. */
static bool distance(const struct scan *s, const struct ir_mem *m, int32_t *off)
{
	unsigned n = IR_NUM(m->base) & 15;

	if (IR_KIND(m->base) != IR_KIND_G || m->index != IR_NONE || m->seg != IR_NOSEG || m->asize != s->first.asize ||
		m->idx != s->first.idx || !(s->k.regs >> n & 1))
		return false;
	if (m->disp > 4 * MAX_SPAN + (int64_t)INT32_MAX / 4 || m->disp < INT32_MIN / 4)
		return false;
	*off = s->k.off[n] + (int32_t)m->disp;
	return true;
}

static void learn(struct scan *s, const struct ir_op *o)
{
	unsigned d = IR_NUM(o->d) & 15, a = IR_NUM(o->a) & 15;
	bool known = IR_KIND(o->a) == IR_KIND_G && s->k.regs >> a & 1 && o->w == s->first.asize;
	int64_t add = 0;

	if (IR_KIND(o->d) == IR_KIND_GH)
		s->k.regs &= ~(1u << (IR_NUM(o->d) & 3));
	if (IR_KIND(o->d) != IR_KIND_G)
		return;
	switch (o->op) {
	case IR_MOV: break;
	case IR_INC: add = 1; break;
	case IR_DEC: add = -1; break;
	case IR_ADD: case IR_SUB:
		known = known && IR_KIND(o->b) == IR_KIND_IMM;
		add = o->op == IR_ADD ? o->imm : -o->imm;
		break;
	default:
		known = false;
	}
	if (known && add > -4 * MAX_SPAN && add < 4 * MAX_SPAN && s->k.off[a] > -65536 && s->k.off[a] < 65536) {
		s->k.off[d] = s->k.off[a] + (int32_t)add;
		s->k.regs |= 1u << d;
	} else {
		s->k.regs &= ~(1u << d);
	}
}

/* Take op @i into the group if it fits. */
static bool take(struct emitter *c, struct scan *s, unsigned i)
{
	const struct ir_op *o = &c->ir->op[i];
	int32_t off, lo, hi;

	if (harmless(o->op)) {
		learn(s, o);
		return true;
	}
	if (!access_op(o->op) || !distance(s, &o->m, &off))
		return false;
	lo = off < s->lo ? off : s->lo;
	hi = off + o->w > s->hi ? off + o->w : s->hi;
	if (hi - lo > MAX_SPAN)
		return false;
	s->lo = lo;
	s->hi = hi;
	s->writes |= o->op != IR_LD;
	s->accesses++;
	c->group.off[i] = off;
	learn(s, o);
	return true;
}

/* The longest group that begins with op c->i and ends with a guest instruction. */
static bool find(struct emitter *c, struct scan *best)
{
	const struct ir_op *o = &c->ir->op[c->i];
	struct scan s = {.first = o->m};

	best->accesses = 0;
	if (!access_op(o->op) || IR_KIND(o->m.base) != IR_KIND_G || o->m.asize < 4)
		return false;
	s.k.regs = 1u << (IR_NUM(o->m.base) & 15);
	if (!distance(&s, &o->m, &s.lo))
		return false;
	s.hi = s.lo + o->w;
	for (unsigned i = c->i; i < c->ir->nops && take(c, &s, i); i++)
		if (i + 1 == c->ir->nops || c->ir->op[i + 1].op == IR_INSN) {
			s.end = i + 1;
			if (s.accesses > best->accesses)
				*best = s;
		}
	return best->accesses > 1;
}

static void cold_group(struct emitter *c, struct cold *k)
{
	const struct cold at = *k; /* the array may grow */

	memset(c->t_reg, X_NONE, sizeof(c->t_reg));
	memcpy(c->reg_t, at.reg_t, sizeof(c->reg_t));
	for (unsigned r = 0; r < 16; r++)
		if (c->reg_t[r] != 0xFF)
			c->t_reg[c->reg_t[r]] = r;
	c->fl_host = false;
	c->fl_env = true;
	c->obs = at.obs;
	c->off = at.off;
	c->next_off = at.next_off;
	c->group.skip = at.end;
	lower_range(c, at.begin, at.end);
	/* as the other version ends */
	if (at.end_host)
		flags_need(c);
	if (at.end_env)
		flags_save(c);
	spill_temps(c);
	for (unsigned r = 0; r < 16; r++)
		if (at.end_t[r] != 0xFF) {
			struct x_mem m = home_mem(at.end_t[r]);

			x_load(&c->cb, 8, r, &m);
		}
	x_jmp(&c->cb, at.join + c->cb.rx_delta);
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
	struct scan s;

	if (c->group.on || i < c->group.skip || c->x->opts_off & JIT_OPT_GROUP || !find(c, &s))
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
