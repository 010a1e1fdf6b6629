/* fpprog.c - see fpprog.h. */
#include "tests/diff/support/fpprog.h"
#include "tests/diff/support/values.h"
#include "tests/diff/support/vexgen.h"
#include "cpu/insn/rows.h"
#include <stdio.h>
#include <string.h>

#define REGS 0x0E  /* registers 1 to 3 */
#define BASE 0x80  /* where RDI points in the data page: inputs before it, results from it on */
#define DATA 0x400 /* where RSI points, mostly */
#define X87_STORES 30 /* bytes at the end of an x87 program */

static bool has_mmx_operand(const struct insn_row *r)
{
	for (unsigned i = 0; i < 3; i++)
		switch (opnd_specs[r->op[i]].method) {
		case METHOD_P: case METHOD_Q: case METHOD_N: return true;
		}
	return false;
}

bool fpprog_is_vector(const struct insn_row *r)
{
	if (!r->id || vexgen_is_dot(r)) /* which NaN a dot product keeps is by processor */
		return false;
	if (!strcmp(r->semantics, "sse"))
		return !vexgen_is_approximate(r) && !has_mmx_operand(r) && !(r->map == 1 && r->opcode == 0xAE);
	/* VSTMXCSR, VLDMXCSR: any page's bytes are reserved bits; AMD has one more bit */
	return !strcmp(r->semantics, "avx") && !vexgen_is_approximate(r) && !(r->map == 1 && r->opcode == 0xAE);
}

static bool is_one_of(const char *mnemonic, const char *list)
{
	size_t n = strlen(mnemonic);

	for (const char *p = strstr(list, mnemonic); p; p = strstr(p + 1, mnemonic))
		if ((p == list || p[-1] == ' ') && (p[n] == ' ' || !p[n]))
			return true;
	return false;
}

bool fpprog_is_x87(const struct insn_row *r)
{
	/*
	 * Environments hold pointers, which processors keep differently; a control word of random bytes masks nothing. Processors
	 * may choose the last bit of transcendental functions, and C1 after FCOMI.
	 */
	if (r->id && !strcmp(r->semantics, "x87"))
		return !is_one_of(r->mnemonic, "fldenv fnstenv frstor fnsave fldcw "
			"f2xm1 fyl2x fyl2xp1 fptan fpatan fsin fcos fsincos fcomi fcomip fucomi fucomip");
	return r->id && !strcmp(r->semantics, "mmx") && (r->match & MATCH_VEX) == 0;
}

static unsigned add(struct diff_case *c, const char *hex)
{
	for (unsigned v; sscanf(hex, "%2x", &v) == 1; hex += hex[2] ? 3 : 2)
		c->code[c->len++] = (uint8_t)v;
	return c->len;
}

/* A store of 80 bits may write a part of them before it faults (Vol. 3A 8.1.1): Intel's processors do, AMD's and we do not. */
static bool stores_in_parts(const struct insn_row *r)
{
	return r->match & MATCH_MEM && ((r->opcode == 0xDB && (r->match & 7) == 7) || (r->opcode == 0xDF && (r->match & 7) == 6));
}

static unsigned encode_x87(const struct insn_row *r, uint8_t *b)
{
	unsigned ext = r->match & 8 ? r->match & 7 : value_rnd() & 7;
	unsigned rm = r->match >> 4 & 8 ? r->match >> 4 & 7 : value_rnd() & 7;

	b[0] = r->opcode;
	if (r->opcode != 0x9B)
		b[1] = (uint8_t)(r->match & MATCH_MEM ? ext << 3 | 6 : 0xC0 | ext << 3 | rm);
	return 2;
}

/* An encoding of row @id, or false */
static bool add_row(struct diff_case *c, const struct insn_index *ix, unsigned id)
{
	uint8_t b[15] = {0};
	struct insn in;

	for (unsigned i = 0; i < 200; i++) {
		if (!strcmp(insn_rows[id].semantics, "x87") || !strcmp(insn_rows[id].semantics, "fwait"))
			encode_x87(&insn_rows[id], b);
		else
			vexgen_encode(&insn_rows[id], b, REGS);
		if (insn_decode(ix, b, 15, c->mode, &in) != DECODE_OK || in.id != id || !vexgen_usable(&in))
			continue;
		memcpy(c->code + c->len, b, in.len);
		c->len += in.len;
		if (!strcmp(insn_rows[id].semantics, "x87") && stores_in_parts(&insn_rows[id]))
			c->gpr[GPR_RSI] &= ~15ull;
		return true;
	}
	return false;
}

static uint64_t memory_operand(unsigned mode)
{
	uint64_t v = value_rnd();

	switch (v % 8) {
	case 0: return DIFF_RO - 1 - (v >> 8) % 40;
	case 1: return DIFF_RO + PAGE_SIZE - 1 - (v >> 8) % 40;
	case 2: return v & 0x100 || mode != 8 ? DIFF_DATA - (v >> 9) % 40 : (v & 0x200 ? 0x800000000000 : 0x8000000000000000) - (v >> 10) % 40;
	default: return DIFF_DATA + DATA + ((v & 0x100 ? 0 : v >> 9) & 31);
	}
}

/* One call a statement: the order of evaluation is the compiler's, and programs are the same on every host. */
static void fill(uint8_t *mem)
{
	uint32_t mxcsr = 0x1F80;
	unsigned kind;

	mxcsr |= (value_rnd() & 3) << 13;
	mxcsr |= value_rnd() & 3 ? 0 : 0x8040;
	kind = value_rnd() % 10;
	if (!(value_rnd() & 3))
		mxcsr &= ~(value_rnd() & 0x1F80);
	for (unsigned i = 0; i < PAGE_SIZE; i += 16)
		value_vector(mem + i, kind < 9 ? kind : value_rnd() % 9);
	/* indices that stay near, now and then */
	if (value_rnd() & 1)
		for (unsigned i = 0; i < 32; i += 8)
			mem[BASE - 0x60 + i + 1] = mem[BASE - 0x60 + i + 2] = mem[BASE - 0x60 + i + 3] = 0;
	memcpy(mem, &mxcsr, 4);
}

static void begin(struct diff_case *c, unsigned mode, const uint8_t *mem)
{
	static const uint16_t sel64[SEG_COUNT] = {SEL_DATA, SEL_CODE64, SEL_DATA, SEL_DATA, 0, 0};
	static const uint16_t sel32[SEG_COUNT] = {SEL_DATA, SEL_CODE32, SEL_DATA, SEL_DATA, SEL_DATA, SEL_DATA};

	memset(c, 0, sizeof(*c));
	c->mode = (uint8_t)mode;
	c->at = 0x800;
	c->eflags = FL_1 | FL_IF | (value_rnd() & FL_ARITH);
	memcpy(c->sel, mode == 8 ? sel64 : sel32, sizeof(sel64));
	c->mem = mem;
	c->gpr[GPR_RDI] = DIFF_DATA + BASE;
}

bool fpprog_vector(const struct insn_index *ix, unsigned id, unsigned mode, bool any_host, struct diff_case *c, uint8_t *mem)
{
	unsigned other;

	begin(c, mode, mem);
	fill(mem);
	c->gpr[GPR_RSI] = memory_operand(mode);
	for (unsigned i = GPR_RAX; i <= GPR_RDX; i++) {
		bool small = value_rnd() & 1;

		c->gpr[i] = value_quad(small ? 6 : 0);
	}
	/* vldmxcsr; vmovdqu ymm0..3, [rdi-...]: some rows read XMM0 without naming it */
	add(c, "C5 F8 AE 57 80 C5 FE 6F 47 90 C5 FE 6F 4F A0 C5 FE 6F 57 C0 C5 FE 6F 5F E0");
	if (!add_row(c, ix, id))
		return false;
	do
		other = value_rnd() % INSN_COUNT;
	while (!fpprog_is_vector(&insn_rows[other]) || (!any_host && !host_has(insn_rows[other].feature)) || !add_row(c, ix, other));
	/* AMD's SHA instructions look for the page before the alignment, all others of its SSE after it; the manuals leave that open */
	if (insn_rows[id].feature == FEAT_SHA || insn_rows[other].feature == FEAT_SHA)
		c->gpr[GPR_RSI] &= ~15ull;
	add(c, "C5 FE 7F 0F C5 FE 7F 57 20 C5 FE 7F 5F 40 C5 F8 AE 5F 60"); /* vmovdqu [rdi+...], ymm1..3; vstmxcsr */
	return true;
}

/* Ten bytes: numbers of all sizes near 1, the ends of the range, denormals, infinities, NaNs, what is no number */
static void extended(uint8_t *p)
{
	static const uint16_t special[] = {0, 0, 1, 0x7FFE, 0x7FFF, 0x7FFF, 0x3F80, 0x3F81, 0x3F6A, 0x3C01, 0x43FE, 0x407E, 0x407F};
	uint64_t m = value_rnd(), k = value_rnd();
	uint16_t e = (uint16_t)value_rnd();

	if (k % 16 < 4)
		e = (e & 0x8000) | special[(k >> 8) % ARRAY_SIZE(special)];
	else if (k % 16 < 12)
		e = (uint16_t)((e & 0x8000) | (0x3FFF - 40 + (k >> 8) % 110));
	switch (k >> 20 & 7) {
	case 0: m = 1ull << 63; break;
	case 1: m = ~0ull; break;
	case 2: m = 1ull << 63 | 1ull << (m & 63); break;
	case 3: break;
	default: m |= 1ull << 63;
	}
	if (!(e & 0x7FFF) && k >> 30 & 3)
		m &= ~(1ull << 63);
	memcpy(p, &m, 8);
	memcpy(p + 8, &e, 2);
}

bool fpprog_x87(const struct insn_index *ix, unsigned id, unsigned mode, struct diff_case *c, uint8_t *mem)
{
	static const uint16_t pc[] = {0x300, 0x300, 0x200, 0x000};
	uint16_t fcw = 0x7F;
	unsigned rows = 0;

	begin(c, mode, mem);
	fill(mem);
	fcw |= pc[value_rnd() & 3];
	fcw |= (value_rnd() & 3) << 10;
	if (value_rnd() % 6 == 0)
		fcw &= ~(value_rnd() & 0x3F);
	memcpy(mem + BASE, &fcw, 2);
	for (unsigned i = 0; i < 8; i++)
		extended(mem + 10 * i);
	for (unsigned i = 0; i < 4; i++)
		extended(mem + DATA + 16 * i);
	/* which of #MF for what is pending and #GP for an address that is not canonical comes first is the processor's choice */
	c->gpr[GPR_RSI] = value_rnd() & 3 ? DIFF_DATA + DATA : memory_operand((fcw & 0x3F) == 0x3F ? mode : 4);
	c->gpr[GPR_RAX] = value_rnd();
	add(c, "DB E3 D9 2F"); /* fninit; fldcw [rdi] */
	/* fld tbyte [rdi-80h+10*i], three to all eight; a register free is what loads want */
	for (unsigned i = 0, n = 3 + value_rnd() % 6; i < 8; i++) {
		c->code[c->len++] = 0xDB;
		c->code[c->len++] = i < n ? 0x6F : 0x7F; /* or fstp, to elsewhere */
		c->code[c->len++] = (uint8_t)(i < n ? -0x80 + 10 * (int)i : 0x60);
	}
	if (!add_row(c, ix, id))
		return false;
	while (rows < 5 && c->len + 5u + X87_STORES < sizeof(c->code)) {
		unsigned other = value_rnd() % INSN_COUNT;

		if (fpprog_is_x87(&insn_rows[other]) && (rows & 1 || !strcmp(insn_rows[other].semantics, "x87")))
			rows += add_row(c, ix, other);
	}
	add(c, "DD 7F 02 D9 7F 04"); /* fnstsw [rdi+2]; fnstcw [rdi+4] */
	for (unsigned i = 0; i < 8; i++) {
		add(c, "DB 7F"); /* fstp tbyte [rdi+8+10*i] */
		c->code[c->len++] = (uint8_t)(8 + 10 * i);
	}
	return true;
}
