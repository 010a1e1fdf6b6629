/* vexgen.c - see vexgen.h. */
#include "tests/diff/support/vexgen.h"
#include "tests/diff/support/values.h"
#include "cpu/insn/rows.h"
#include <string.h>

bool vexgen_is_gather(const struct insn_row *r)
{
	return opnd_specs[r->op[1]].method == METHOD_VM;
}

/* A register number of @regs: 1 to 3 more often than others, so that operands are the same at times. */
static unsigned some_reg(unsigned regs)
{
	for (;;) {
		uint64_t v = value_rnd();
		unsigned r = v & 0x30 ? 1 + (v >> 6) % 3 : v & 15;

		if (regs >> r & 1)
			return r;
	}
}

static bool has_method(const struct insn_row *r, unsigned method)
{
	for (unsigned i = 0; i < 3; i++)
		if (opnd_specs[r->op[i]].method == method)
			return true;
	return false;
}

/* Registers beyond the eighth, and W, need a REX prefix: 64-bit code. */
static unsigned legacy(const struct insn_row *r, uint8_t *b, unsigned regs)
{
	uint64_t v = value_rnd();
	bool mem = v & 4;
	unsigned reg = r->match & 8 ? r->match & 7 : some_reg(regs), rm = mem ? 6 : some_reg(regs), n = 0;
	unsigned rex = (r->match & MATCH_W1 || (!(r->match & MATCH_W0) && (v & 0x30) == 0) ? 8 : 0) | reg >> 3 << 2 | rm >> 3;

	if (r->match & (MATCH_PFX66 | MATCH_PFXF3 | MATCH_PFXF2))
		b[n++] = r->match & MATCH_PFX66 ? 0x66 : r->match & MATCH_PFXF3 ? 0xF3 : 0xF2;
	if (rex)
		b[n++] = 0x40 | rex;
	b[n++] = 0x0F;
	if (r->map > 1)
		b[n++] = r->map == 2 ? 0x38 : 0x3A;
	b[n++] = r->opcode;
	b[n++] = (mem ? 0 : 0xC0) | (reg & 7) << 3 | (rm & 7);
	b[n++] = value_rnd();
	return n;
}

unsigned vexgen_encode(const struct insn_row *r, uint8_t *b, unsigned regs)
{
	uint64_t v = value_rnd();
	unsigned l = r->match & MATCH_L0 ? 0 : r->match & MATCH_L1 ? 1 : v & 1;
	unsigned w = r->match & MATCH_W0 ? 0 : r->match & MATCH_W1 ? 1 : v >> 1 & 1;
	unsigned pp = r->match & MATCH_PFX66 ? 1 : r->match & MATCH_PFXF3 ? 2 : r->match & MATCH_PFXF2 ? 3 : 0;
	bool mem = (v & 4) || vexgen_is_gather(r);
	unsigned reg = r->match & 8 ? r->match & 7 : some_reg(regs), rm = mem ? 6 : some_reg(regs), n = 0;
	unsigned vvvv = has_method(r, METHOD_H) ? some_reg(regs) : 0, x = vexgen_is_gather(r) ? some_reg(regs) : 0;

	if (!(r->match & MATCH_VEX))
		return legacy(r, b, regs);
	b[n++] = 0xC4;
	b[n++] = r->map | (reg & 8 ? 0 : 0x80) | (x & 8 ? 0 : 0x40) | (rm & 8 ? 0 : 0x20);
	b[n++] = w << 7 | (~vvvv & 15) << 3 | l << 2 | pp;
	b[n++] = r->opcode;
	b[n++] = (mem ? 0 : 0xC0) | (reg & 7) << 3 | (vexgen_is_gather(r) ? 4 : rm & 7);
	if (vexgen_is_gather(r))
		b[n++] = (v >> 3 & 3) << 6 | (x & 7) << 3 | 6;
	b[n++] = value_rnd();
	return n;
}

bool vexgen_usable(const struct insn *in)
{
	for (unsigned i = 0; i < in->nops; i++)
		if (in->op[i].kind == OPND_GPR && in->op[i].reg > 2)
			return false;
	return true;
}

bool vexgen_is_approximate(const struct insn_row *r)
{
	const char *m = r->mnemonic + (r->mnemonic[0] == 'v');

	return !strncmp(m, "rcp", 3) || !strncmp(m, "rsqrt", 5);
}

bool vexgen_is_dot(const struct insn_row *r)
{
	const char *m = r->mnemonic + (r->mnemonic[0] == 'v');

	return !strncmp(m, "dpp", 3);
}
