/*
 * group.c - runs of memory accesses off one base register, for backends that probe once for them all.
 */
#include "jit/opt/group.h"

/* What is known about guest registers: base + off[n] where bit n of known is set. */
struct known {
	uint32_t regs;
	int32_t off[16];
};

struct scan {
	struct known k;
	struct access_group g;
	unsigned accesses;
	int32_t *off;
};

/* What the op may be in a run: one with no effect but on registers and flags, of them one that learn() knows; an access. */
enum { OTHER, HARMLESS = 1, SUM = 3, ACCESS = 4 };

static const uint8_t role[IR_OP_COUNT] = {
#define H(op) [IR_##op] = HARMLESS
	H(INSN), H(ZEXT), H(SEXT), H(LEA), H(IPVAL), H(AND), H(OR), H(XOR), H(CMP), H(TEST), H(NOT), H(NEG), H(ADC), H(SBB), H(STX), H(SHL),
	H(SHR), H(SAR), H(IMUL), H(SETCC), H(CMOV),
#undef H
	[IR_MOV] = SUM, [IR_ADD] = SUM, [IR_SUB] = SUM, [IR_INC] = SUM, [IR_DEC] = SUM,
	[IR_LD] = ACCESS, [IR_ST] = ACCESS, [IR_LDX] = ACCESS,
};

static bool off_register(const struct ir_mem *m)
{
	return IR_KIND(m->base) == IR_KIND_G && m->index == IR_NONE && m->seg == IR_NOSEG;
}

/*
 * Before anybody looks closely: is the next access behind op @i of that kind, with nothing but harmless ops before it, and off the same
 * register or one that may be known from that?
 */
static bool another(const struct ir_block *ir, unsigned i)
{
	const struct ir_op *o = &ir->op[i + 1], *end = ir->op + ir->nops;
	unsigned sums = 0;

	for (; o < end && (role[o->op] & HARMLESS || (o->op == IR_CANON && o->aux)); o++)
		sums |= role[o->op] & SUM & ~HARMLESS;
	return o < end && role[o->op] == ACCESS && off_register(&o->m) && (sums || o->m.base == ir->op[i].m.base);
}

/* Distance of @m from the base, if it is known. */
static bool distance(const struct scan *s, const struct ir_mem *m, int32_t *off)
{
	unsigned n = IR_NUM(m->base) & 15;

	if (!off_register(m) || m->asize != s->g.first.asize ||
		m->idx != s->g.first.idx || !(s->k.regs >> n & 1))
		return false;
	if (m->disp > 4 * GROUP_MAX_SPAN + (int64_t)INT32_MAX / 4 || m->disp < INT32_MIN / 4)
		return false;
	*off = s->k.off[n] + (int32_t)m->disp;
	return true;
}

static void learn(struct scan *s, const struct ir_op *o)
{
	unsigned d = IR_NUM(o->d) & 15, a = IR_NUM(o->a) & 15;
	bool known = IR_KIND(o->a) == IR_KIND_G && s->k.regs >> a & 1 && o->w == s->g.first.asize;
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
	if (known && add > -4 * GROUP_MAX_SPAN && add < 4 * GROUP_MAX_SPAN && s->k.off[a] > -65536 && s->k.off[a] < 65536) {
		s->k.off[d] = s->k.off[a] + (int32_t)add;
		s->k.regs |= 1u << d;
	} else {
		s->k.regs &= ~(1u << d);
	}
}

/* Take op @i into the group if it fits. */
static bool take(const struct ir_block *ir, struct scan *s, unsigned i)
{
	const struct ir_op *o = &ir->op[i];
	int32_t off, lo, hi;

	if (role[o->op] & HARMLESS) {
		learn(s, o);
		return true;
	}
	if (o->op == IR_CANON && o->aux) /* nothing: the terminal judges */
		return true;
	if (role[o->op] != ACCESS || !distance(s, &o->m, &off))
		return false;
	lo = off < s->g.lo ? off : s->g.lo;
	hi = off + o->w > s->g.hi ? off + o->w : s->g.hi;
	if (hi - lo > GROUP_MAX_SPAN)
		return false;
	s->g.lo = lo;
	s->g.hi = hi;
	s->g.writes |= o->op != IR_LD;
	s->accesses++;
	s->off[i] = off;
	learn(s, o);
	return true;
}

/* @s: of the run that begins with op @first, which is in it */
static bool scan(const struct ir_block *ir, struct scan *s, unsigned first, struct access_group *g)
{
	unsigned accesses = 1;

	for (unsigned i = first; i < ir->nops && take(ir, s, i); i++)
		if (i + 1 == ir->nops || ir->op[i + 1].op == IR_INSN) {
			s->g.end = i + 1;
			if (s->accesses > accesses) {
				accesses = s->accesses;
				*g = s->g;
			}
		}
	return accesses > 1;
}

bool group_find(const struct ir_block *ir, unsigned first, struct access_group *g, int32_t *off)
{
	const struct ir_op *o = &ir->op[first];
	struct scan s;

	if (!off_register(&o->m) || o->m.asize < 4 || !another(ir, first))
		return false;
	s.g = (struct access_group){.first = o->m};
	s.accesses = 0;
	s.off = off;
	s.k.regs = 1u << (IR_NUM(o->m.base) & 15);
	s.k.off[IR_NUM(o->m.base) & 15] = 0;
	if (!distance(&s, &o->m, &s.g.lo))
		return false;
	s.g.hi = s.g.lo + o->w;
	return scan(ir, &s, first, g);
}
