/*
 * index.c - the decode index: from (map, opcode) and, for groups, ModRM.reg to a handful of
 * candidate rows.
 *
 * Every row's match column becomes one (mask, value) pair over the decoder's fact word. Two rows of
 * a bucket overlap when no common mask bit tells them apart; then the tables are wrong and no index
 * is built.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/insn/insn.h"
#include "cpu/insn/rows.h"

struct builder {
	struct insn_index *ix;
	size_t rows, rows_cap, buckets, buckets_cap;
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

static void compile_operands(struct decode_row *r, const struct insn_row *row)
{
	for (unsigned i = 0; i < 3 && row->op[i] != OP__; i++) {
		const struct opnd_spec *s = &opnd_specs[row->op[i]];

		r->op[r->nops++] = *s;
		if (s->method == METHOD_M || s->method == METHOD_VM)
			require(r, FACT_MOD3, false);
		if (s->method == METHOD_U || s->method == METHOD_N)
			require(r, FACT_MOD3, true);
		if (s->method == METHOD_B || s->method == METHOD_H)
			r->flags |= ROW_VVVV;
	}
	if (row->match & MATCH_IB4)
		r->op[r->nops++] = opnd_specs[OP_Iub];
	if (row->match & MATCH_IS4)
		r->op[r->nops++] = (struct opnd_spec){METHOD_L, SZ_x, 0, 0};
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

static bool add_bucket(struct builder *b, unsigned map, unsigned opc, unsigned mod_reg,
	bool grouped)
{
	struct insn_index *ix = b->ix;
	struct decode_bucket *k = &ix->bucket[b->buckets++];
	uint32_t gmask = grouped ? 7u << FACT_REG | 1u << FACT_MOD3 : 0;
	uint32_t gval = grouped ? (mod_reg & 7) << FACT_REG | mod_reg >> 3 << FACT_MOD3 : 0;

	*k = (struct decode_bucket){.first = b->rows};
	for (unsigned i = 0; i < b->chained[map][opc]; i++) {
		unsigned id = b->chain[map][opc][i];
		uint64_t m = insn_rows[id].match;
		struct decode_row *r = &ix->rows[b->rows];
		unsigned osz = m & MATCH_D64 ? OSZ_D64 : m & MATCH_F64 ? OSZ_F64 : 0;

		compile_row(r, id);
		if ((r->value ^ gval) & r->mask & gmask)
			continue;
		for (struct decode_row *o = &ix->rows[k->first]; o < r; o++)
			if (!((r->value ^ o->value) & r->mask & o->mask))
				return fail(b, o->id, id, "overlap");
		if (k->count && k->osz != osz)
			return fail(b, r[-1].id, id, "disagree on the operand size");
		k->osz = osz;
		k->count++;
		b->rows++;
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
	s->first = b->buckets;
	s->flags = SLOT_USED | (uses_modrm(&insn_rows[ids[0]]) ? SLOT_MODRM : 0) |
		(grouped ? SLOT_GROUP : 0);
	for (unsigned i = 0; i < (grouped ? 16u : 1u); i++)
		if (!add_bucket(b, map, opc, i, grouped))
			return false;
	return true;
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
			b->rows_cap += row->match & 8 ? 2 : 16;
			b->buckets_cap += 16;
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
		ix->bucket = calloc(b->buckets_cap, sizeof(*ix->bucket));
		ok = ix->rows && ix->bucket;
		if (!ok)
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
	free(ix->bucket);
	free(ix);
}
