/*
 * index.c - the decode index: from (map, opcode) and, for groups, ModRM.reg to a handful of
 * candidate rows.
 *
 * Every row's match column becomes one (mask, value) pair over the decoder's fact word. Two rows of
 * a slot overlap when no common mask bit tells them apart; then the tables are wrong and no index
 * is built. Behind its rows stands one that fits whatever they do not: no such instruction.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/insn/insn.h"
#include "cpu/insn/rows.h"

struct builder {
	struct insn_index *ix;
	size_t rows, rows_cap, groups, groups_cap;
	uint16_t chain[DECODE_MAPS][256][64]; /* row ids by opcode */
	uint8_t chained[DECODE_MAPS][256];
	char *why;
	size_t why_len;
};

static void require(struct decode_row *r, unsigned bit, bool on)
{
	r->mask |= 1u << bit;
	if (on)
		r->value |= 1u << bit;
}

static void require_field(struct decode_row *r, unsigned shift, unsigned val)
{
	r->mask |= 7u << shift;
	r->value |= val << shift;
}

static void compile_prefix(struct decode_row *r, uint64_t m)
{
	if (m & (MATCH_NP | MATCH_PFX66 | MATCH_PFXF3 | MATCH_PFXF2)) {
		require(r, FACT_66, m & MATCH_PFX66);
		require(r, FACT_F3, m & MATCH_PFXF3);
		require(r, FACT_F2, m & MATCH_PFXF2);
		if (!(m & MATCH_NP))
			r->flags |= ROW_PP;
	}
	if (m & (MATCH_NOF3 | MATCH_NOREP))
		require(r, FACT_F3, false);
	if (m & MATCH_NOREP)
		require(r, FACT_F2, false);
}

static void compile_sizes(struct decode_row *r, uint64_t m)
{
	if (m & (MATCH_O16 | MATCH_O32 | MATCH_O64 | MATCH_NO16))
		require(r, FACT_O16, m & MATCH_O16);
	if (m & (MATCH_O32 | MATCH_O64))
		require(r, FACT_O64, m & MATCH_O64);
	if (m & (MATCH_A16 | MATCH_A32 | MATCH_A64))
		require(r, FACT_A16, m & MATCH_A16);
	if (m & (MATCH_A32 | MATCH_A64))
		require(r, FACT_A64, m & MATCH_A64);
	if (m & (MATCH_MODE64 | MATCH_NO64 | MATCH_O64 | MATCH_A64 | MATCH_A16))
		require(r, FACT_MODE64, m & (MATCH_MODE64 | MATCH_O64 | MATCH_A64));
}

/* Where the methods that name a register have its number, and what else they allow. */
static const struct {
	uint8_t number, kind;
	bool mem;
} registers[] = {
	[METHOD_E] = {offsetof(struct insn, rm), OPND_GPR, true},
	[METHOD_EW] = {offsetof(struct insn, rm), OPND_GPR, true},
	[METHOD_EB] = {offsetof(struct insn, rm), OPND_GPR, true},
	[METHOD_G] = {offsetof(struct insn, reg), OPND_GPR, false},
	[METHOD_R] = {offsetof(struct insn, rm), OPND_GPR, false},
	[METHOD_M] = {offsetof(struct insn, rm), OPND_NONE, true},
	[METHOD_Z] = {offsetof(struct insn, rm), OPND_GPR, false},
	[METHOD_B] = {offsetof(struct insn, vvvv), OPND_GPR, false},
	[METHOD_S] = {offsetof(struct insn, reg), OPND_SEG, false},
	[METHOD_C] = {offsetof(struct insn, reg), OPND_CR, false},
	[METHOD_D] = {offsetof(struct insn, reg), OPND_DR, false},
	[METHOD_ST] = {offsetof(struct insn, rm), OPND_ST, false},
	[METHOD_P] = {offsetof(struct insn, reg), OPND_MMX, false},
	[METHOD_Q] = {offsetof(struct insn, rm), OPND_MMX, true},
	[METHOD_N] = {offsetof(struct insn, rm), OPND_MMX, false},
	[METHOD_V] = {offsetof(struct insn, reg), OPND_XMM, false},
	[METHOD_W] = {offsetof(struct insn, rm), OPND_XMM, true},
	[METHOD_U] = {offsetof(struct insn, rm), OPND_XMM, false},
	[METHOD_H] = {offsetof(struct insn, vvvv), OPND_XMM, false},
	[METHOD_L] = {0}
};

static struct decode_opnd compile_operand(const struct opnd_spec *s)
{
	struct decode_opnd o = {.method = s->method, .kind = s->kind, .reg = s->reg, .size = s->size, .mem_size = SZ_none};

	if (!registers[s->method].number)
		return o;
	o.number = registers[s->method].number;
	o.kind = registers[s->method].kind;
	if (registers[s->method].mem)
		o.mem_size = s->method == METHOD_EW ? 2 : s->method == METHOD_EB ? 1 : s->size;
	/* of a vector register an instruction has 16 or 32 bytes, whatever it uses of them */
	if (o.kind == OPND_XMM && s->size != SZ_x && s->size != 32)
		o.size = 16;
	return o;
}

static void compile_operands(struct decode_row *r, const struct insn_row *row)
{
	for (unsigned i = 0; i < 3 && row->op[i] != OP__; i++) {
		const struct opnd_spec *s = &opnd_specs[row->op[i]];

		r->op[r->nops++] = compile_operand(s);
		if (s->method == METHOD_M || s->method == METHOD_VM)
			require(r, FACT_MOD3, false);
		if (s->method == METHOD_U || s->method == METHOD_N)
			require(r, FACT_MOD3, true);
		if (s->method == METHOD_B || s->method == METHOD_H)
			r->flags |= ROW_VVVV;
	}
	if (row->match & MATCH_IB4)
		r->op[r->nops++] = compile_operand(&opnd_specs[OP_Iub]);
	if (row->match & MATCH_IS4)
		r->op[r->nops++] = compile_operand(&(struct opnd_spec){METHOD_L, SZ_x, 0, 0});
}

static void compile_row(struct decode_row *r, unsigned id)
{
	const struct insn_row *row = &insn_rows[id];
	uint64_t m = row->match;

	*r = (struct decode_row){.id = id};
	if (m & 8)
		require_field(r, FACT_REG, m & 7);
	if (m & 0x80)
		require_field(r, FACT_RM, m >> 4 & 7);
	if (m & (MATCH_MEM | MATCH_REG))
		require(r, FACT_MOD3, m & MATCH_REG);
	if (m & (MATCH_L0 | MATCH_L1))
		require(r, FACT_L, m & MATCH_L1);
	if (m & (MATCH_W0 | MATCH_W1))
		require(r, FACT_W, m & MATCH_W1);
	if (m & (MATCH_B0 | MATCH_B1))
		require(r, FACT_B, m & MATCH_B1);
	if (m & MATCH_LOCKABLE)
		r->flags |= ROW_LOCKABLE;
	compile_prefix(r, m);
	compile_sizes(r, m);
	compile_operands(r, row);
}

static bool uses_modrm(const struct insn_row *row)
{
	if (row->match & (0x88 | MATCH_MEM | MATCH_REG))
		return true;
	for (unsigned i = 0; i < 3; i++) {
		switch (opnd_specs[row->op[i]].method) {
		case METHOD_NONE: case METHOD_FIXED: case METHOD_Z: case METHOD_O: case METHOD_X:
		case METHOD_Y: case METHOD_I: case METHOD_IS: case METHOD_IU: case METHOD_I2:
		case METHOD_J: case METHOD_A:
			break;
		default:
			return true;
		}
	}
	return false;
}

static bool fail(struct builder *b, unsigned x, unsigned y, const char *what)
{
	snprintf(b->why, b->why_len, "%s and %s %s", insn_rows[x].id, insn_rows[y].id, what);
	return false;
}

/* The row behind those of a slot: its operand is none the decoder knows. */
static void add_end(struct builder *b)
{
	b->ix->rows[b->rows++] = (struct decode_row){.id = INSN_UD, .nops = 1};
}

/* The rows for opcode @opc that fit (@gmask, @gval). */
static bool fill_slot(struct builder *b, struct decode_slot *s, unsigned map, unsigned opc, uint32_t gmask, uint32_t gval)
{
	struct insn_index *ix = b->ix;
	struct decode_row *first = &ix->rows[b->rows];

	s->first = b->rows;
	for (unsigned i = 0; i < b->chained[map][opc]; i++) {
		unsigned id = b->chain[map][opc][i];
		uint64_t m = insn_rows[id].match;
		struct decode_row *r = &ix->rows[b->rows];
		unsigned size = m & MATCH_D64 ? SLOT_D64 : m & MATCH_F64 ? SLOT_F64 : 0;

		compile_row(r, id);
		if ((r->value ^ gval) & r->mask & gmask)
			continue;
		r->mask &= ~gmask; /* it is known by then */
		r->value &= r->mask;
		for (struct decode_row *o = first; o < r; o++)
			if (!((r->value ^ o->value) & r->mask & o->mask))
				return fail(b, o->id, id, "overlap");
		if (r != first && (s->flags & (SLOT_D64 | SLOT_F64)) != size)
			return fail(b, r[-1].id, id, "disagree on the operand size");
		s->flags |= size;
		b->rows++;
	}
	add_end(b);
	return true;
}

/* Memory operands are alike whatever mod is. */
static bool fill_group(struct builder *b, struct decode_slot *g, unsigned map, unsigned opc)
{
	uint32_t mod3 = 1u << FACT_MOD3;

	for (unsigned reg = 0; reg < 8; reg++) {
		if (!fill_slot(b, &g[reg], map, opc, 7u << FACT_REG | mod3, reg << FACT_REG) ||
			!fill_slot(b, &g[24 + reg], map, opc, 7u << FACT_REG | mod3, reg << FACT_REG | mod3))
			return false;
		g[8 + reg] = g[16 + reg] = g[reg];
	}
	return true;
}

static bool add_slot(struct builder *b, unsigned map, unsigned opc)
{
	struct decode_slot *s = &b->ix->slot[map][opc];
	uint16_t *ids = b->chain[map][opc];
	unsigned n = b->chained[map][opc];
	bool grouped = false;

	if (!n)
		return true;
	for (unsigned i = 0; i < n; i++) {
		grouped |= insn_rows[ids[i]].match & 8;
		if (uses_modrm(&insn_rows[ids[i]]) != uses_modrm(&insn_rows[ids[0]]))
			return fail(b, ids[0], ids[i], "disagree on ModRM");
	}
	s->flags = (uses_modrm(&insn_rows[ids[0]]) ? SLOT_MODRM : 0) | (grouped ? SLOT_GROUP : 0);
	if (!grouped)
		return fill_slot(b, s, map, opc, 0, 0);
	s->first = b->groups;
	b->groups += 32;
	return fill_group(b, &b->ix->group[s->first], map, opc);
}

static bool chain_rows(struct builder *b)
{
	for (unsigned id = 0; id < INSN_COUNT; id++) {
		const struct insn_row *row = &insn_rows[id];
		unsigned map = row->map + (row->match & MATCH_VEX ? 4 : 0);

		for (unsigned i = 0; i < (row->match & MATCH_PLUSR ? 8u : 1u); i++) {
			unsigned opc = row->opcode + i;
			uint8_t *n = &b->chained[map][opc];

			if (*n == ARRAY_SIZE(b->chain[0][0]))
				return fail(b, b->chain[map][opc][0], id, "share a crowded opcode");
			b->chain[map][opc][(*n)++] = id;
			b->rows_cap += (row->match & 8 ? 2 : 16) + 16; /* of them 16 ends */
			b->groups_cap += 32;
		}
	}
	return true;
}

struct insn_index *insn_index_new(char *why, size_t n)
{
	struct builder *b = calloc(1, sizeof(*b));
	struct insn_index *ix = calloc(1, sizeof(*ix));
	bool ok = b && ix;

	if (ok) {
		b->ix = ix;
		b->why = why;
		b->why_len = n;
		ok = chain_rows(b);
	} else if (n) {
		snprintf(why, n, "out of memory");
	}
	if (ok) {
		ix->rows = calloc(b->rows_cap + 1, sizeof(*ix->rows));
		ix->group = calloc(b->groups_cap, sizeof(*ix->group));
		ok = ix->rows && ix->group;
		if (ok)
			add_end(b);
		else
			snprintf(why, n, "out of memory");
	}
	for (unsigned i = 0; ok && i < DECODE_MAPS * 256; i++)
		ok = add_slot(b, i / 256, i % 256);
	free(b);
	if (!ok) {
		insn_index_free(ix);
		return NULL;
	}
	return ix;
}

void insn_index_free(struct insn_index *ix)
{
	if (!ix)
		return;
	free(ix->rows);
	free(ix->group);
	free(ix);
}
