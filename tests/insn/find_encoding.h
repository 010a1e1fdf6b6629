/*
 * find_encoding.h - bytes for an instruction row: prefixes, VEX fields and ModRM bytes are tried until the decoder answers
 * with the row. Memory operands are at [rax]; immediates are 0; vector indices use XMM2.
 */
#ifndef TESTS_FIND_ENCODING_H
#define TESTS_FIND_ENCODING_H

#include <string.h>
#include "cpu/insn/rows.h"

/* What is looked for: row @id in code of @bits (bytes: 2, 4, 8), with memory operands first or registers first. */
struct find {
	const struct insn_index *index;
	unsigned id, bits;
	bool memory;
};

static inline bool find_is(const struct find *f, const uint8_t *b)
{
	struct insn in;

	return insn_decode(f->index, b, INSN_MAX_LEN, f->bits, &in) == DECODE_OK && in.id == f->id;
}

static inline bool find_modrm(const struct find *f, uint8_t *b, unsigned n)
{
	static const uint8_t rm[] = {0x00, 0x04, 0xC2, 0xC0, 0xC1, 0xC3, 0xC4, 0xC5, 0xC6, 0xC7, 0x00, 0x04};
	unsigned first = f->memory ? 0 : 2;

	for (unsigned reg = 0; reg < 8; reg++)
		for (unsigned i = first; i < first + 10; i++) {
			b[n] = rm[i] | (reg ^ 1) << 3;
			b[n + 1] = rm[i] == 4 ? 0x10 : 0;
			if (find_is(f, b))
				return true;
		}
	return false;
}

static inline bool find_legacy(const struct find *f, uint8_t *b)
{
	static const uint8_t prefixes[] = {0, 0x66, 0xF3, 0xF2}, rexes[] = {0, 0x48, 0x41};
	const struct insn_row *r = &insn_rows[f->id];

	for (unsigned p = 0; p < 12 * (f->bits == 8 ? 3 : 1); p++) {
		unsigned n = 0, a = p / 4 % 3;

		memset(b, 0, INSN_MAX_LEN);
		if (a) /* address size, operand size */
			b[n++] = a == 1 ? 0x67 : 0x66;
		if (prefixes[p % 4])
			b[n++] = prefixes[p % 4];
		if (rexes[p / 12])
			b[n++] = rexes[p / 12];
		if (r->map)
			b[n++] = 0x0F;
		if (r->map > 1)
			b[n++] = r->map == 2 ? 0x38 : 0x3A;
		b[n++] = r->opcode;
		if (find_modrm(f, b, n))
			return true;
	}
	return false;
}

static inline bool find_vex(const struct find *f, uint8_t *b)
{
	const struct insn_row *r = &insn_rows[f->id];

	for (unsigned k = 0; k < 32; k++) { /* pp, W, L, vvvv 0 or 3 */
		memset(b, 0, INSN_MAX_LEN);
		b[0] = 0xC4;
		b[1] = 0xE0 | r->map;
		b[2] = (k >> 3 & 1) << 7 | (k & 16 ? 12 : 15) << 3 | (k >> 2 & 1) << 2 | (k & 3);
		b[3] = r->opcode;
		if (find_modrm(f, b, 4))
			return true;
	}
	return false;
}

/* find_encoding() - @b: INSN_MAX_LEN bytes. Return: false if the row has no encoding in this code size */
static inline bool find_encoding(const struct find *f, uint8_t *b)
{
	return insn_rows[f->id].match & MATCH_VEX ? find_vex(f, b) : find_legacy(f, b);
}

#endif
