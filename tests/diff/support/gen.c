/*
 * gen.c - random cases from the instruction rows.
 *
 * An encoding is made by throwing dice for every field the row leaves free and asking the decoder whether it is that
 * row's; then registers, displacement and memory are bent so that most operands lie in the data page, some of them at
 * its ends. What the manual calls undefined is kept out of the comparison (flags, by row) or out of the cases
 * (double shifts by more than the width).
 */
#include "tests/diff/support/diff.h"
#include "cpu/insn/rows.h"
#include <string.h>

uint64_t gen_rnd(struct gen *g)
{
	g->seed ^= g->seed << 13;
	g->seed ^= g->seed >> 7;
	g->seed ^= g->seed << 17;
	return g->seed * 0x2545F4914F6CDD1Dull;
}

static bool chance(struct gen *g, unsigned percent)
{
	return gen_rnd(g) % 100 < percent;
}

static bool sem_is(const struct insn_row *r, const char *list)
{
	size_t n = strlen(r->semantics);

	for (const char *p = strstr(list, r->semantics); p; p = strstr(p + 1, r->semantics))
		if ((p == list || p[-1] == ' ') && (p[n] == ' ' || !p[n]))
			return true;
	return false;
}

/*
 * Left out: SIMD and x87 (their own tests); what depends on the machine (time, CPUID, descriptor tables); what Linux
 * emulates under UMIP; system calls; rows whose #UD or #GP depends on the processor model (0F 0D with a register is
 * a NOP on Intel's and #UD on AMD's); INT1, which hypervisors report with the IP of a fault.
 */
bool gen_eligible(const struct insn_row *r)
{
	static const char out[] = "avx sse mmx x87 fwait cpuid rdtsc rdtscp rdpmc rdrand rdseed rdpid syscall sysret "
		"sysenter sysexit sgdt sidt sldt str smsw xgetbv xsetbv monitor mwait xsave xrstor xsaveopt fxsave fxrstor "
		"ldmxcsr stmxcsr int1 invpcid swapgs clac stac movnti clflush wrfsbase wrgsbase";

	return !sem_is(r, out) && !(r->map == 1 && r->opcode == 0x0D);
}

static bool uses_modrm(const struct insn_row *r)
{
	if (r->match & (MATCH_EXT(7) | MATCH_RM(7) | MATCH_MEM | MATCH_REG))
		return true;
	for (unsigned i = 0; i < 3; i++) {
		unsigned m = opnd_specs[r->op[i]].method;

		if (m == METHOD_E || m == METHOD_EW || m == METHOD_EB || m == METHOD_G || m == METHOD_R ||
			m == METHOD_M || m == METHOD_S || m == METHOD_C || m == METHOD_D)
			return true;
	}
	return false;
}

/*
 * In 64-bit mode Intel's processors ignore 66h before near branches and read m16:64 with REX.W; AMD's do neither, and
 * read 32 bits for a 16-bit MOVSXD. The
 * manual we follow is Intel's, the host may be either: such encodings are not compared. Nor are F2h and F3h before
 * branches, which mean something else on every other processor (BND, hints; LOOPcc takes them for its condition).
 */
static bool vendors_differ(const struct insn_row *r)
{
	return sem_is(r, "jcc jmp_near jmp_near_ind call_near call_near_ind ret_near loop loope loopne jcxz jmp_far call_far lxs");
}

/* F3 90 with REX.B is PAUSE on Intel's processors, XCHG on AMD's and ours: the opcode map has both in one place. */
static bool vendors_pause(const struct insn_row *r)
{
	return r->map == 0 && r->opcode == 0x90 && sem_is(r, "xchg");
}

/* ---- bytes ---- */

struct enc {
	uint8_t b[32];
	unsigned n, opcode_at, modrm_at; /* modrm_at 0: none */
};

static void enc_prefixes(struct gen *g, struct enc *e, const struct insn_row *r, unsigned mode)
{
	static const uint8_t segs[] = {0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x64, 0x65};
	bool pure = r->match & (MATCH_VEX | MATCH_NP), string = sem_is(r, "movs stos lods cmps scas ins outs");

	if (chance(g, 12))
		e->b[e->n++] = segs[gen_rnd(g) & 7];
	if (chance(g, 12))
		e->b[e->n++] = 0x67;
	if (r->match & MATCH_VEX)
		return;
	if ((r->match & MATCH_PFX66) || (!pure && chance(g, 25) && !(mode == 8 && (vendors_differ(r) || sem_is(r, "movsxd")))))
		e->b[e->n++] = 0x66;
	if (r->match & MATCH_PFXF3)
		e->b[e->n++] = 0xF3;
	else if (r->match & MATCH_PFXF2)
		e->b[e->n++] = 0xF2;
	else if (!pure && !(r->match & (MATCH_NOREP | MATCH_NOF3)) && chance(g, string ? 60 : vendors_differ(r) ? 0 : 2))
		e->b[e->n++] = 0xF2 | (gen_rnd(g) & 1 & !vendors_pause(r));
	if (!(r->match & MATCH_PFX66) && chance(g, r->lockable ? 10 : 1))
		e->b[e->n++] = 0xF0;
	if (mode == 8 && ((r->match & MATCH_W1) || chance(g, 60)))
		e->b[e->n++] = 0x40 | (gen_rnd(g) & (vendors_differ(r) ? 7 : 15));
}

static void enc_opcode(struct gen *g, struct enc *e, const struct insn_row *r)
{
	if (r->match & MATCH_VEX) {
		unsigned pp = r->match & MATCH_PFX66 ? 1 : r->match & MATCH_PFXF3 ? 2 : r->match & MATCH_PFXF2 ? 3 : 0;

		e->b[e->n++] = 0xC4;
		e->b[e->n++] = (gen_rnd(g) & 0xE0) | r->map;
		e->b[e->n++] = (gen_rnd(g) & 0xF8) | pp;
	} else {
		if (r->map)
			e->b[e->n++] = 0x0F;
		if (r->map > 1)
			e->b[e->n++] = r->map == 2 ? 0x38 : 0x3A;
	}
	e->opcode_at = e->n;
	e->b[e->n++] = r->opcode + (r->match & MATCH_PLUSR ? gen_rnd(g) & 7 : 0);
}

static void enc_make(struct gen *g, struct enc *e, const struct insn_row *r, unsigned mode, bool simple)
{
	memset(e, 0, sizeof(*e));
	enc_prefixes(g, e, r, mode);
	enc_opcode(g, e, r);
	if (uses_modrm(r)) {
		uint8_t m = gen_rnd(g);

		if ((r->match & MATCH_REG) || (simple && !(r->match & MATCH_MEM) && chance(g, 70)))
			m |= 0xC0;
		if (r->match & MATCH_EXT(0))
			m = (m & 0xC7) | (r->match & 7) << 3;
		if (r->match & MATCH_RM(0))
			m = (m & 0xF8) | (r->match >> 4 & 7);
		e->modrm_at = e->n;
		e->b[e->n++] = m;
	}
	while (e->n < sizeof(e->b)) {
		uint64_t v = gen_rnd(g);

		e->b[e->n++] = v & 0x100 ? v & 0x8F : v;
	}
}

/* An encoding of row @id for @mode: decoded into @in, bytes in @e. */
static bool enc_find(struct gen *g, unsigned id, unsigned mode, bool simple, struct enc *e, struct insn *in)
{
	for (unsigned tries = 0; tries < 12; tries++) {
		enc_make(g, e, &insn_rows[id], mode, simple);
		if (insn_decode(g->index, e->b, 15, mode, in) == DECODE_OK && in->id == id) {
			e->n = in->len;
			return true;
		}
	}
	return false;
}

/* ---- undefined flags ---- */

static uint32_t shift_undef(const struct insn *in, unsigned count)
{
	const struct insn_row *r = &insn_rows[in->id];
	unsigned bits = in->op[0].size * 8;
	uint32_t u = r->f_undef;

	if (!count)
		return 0;
	if (count == 1)
		u &= ~(uint32_t)FL_OF;
	if (sem_is(r, "shl shr") && count >= bits)
		u |= FL_CF;
	return u;
}

/* Flags undefined after @in, @before being undefined already; ~0u: it would read one. @rcx: NULL if not known. */
static uint32_t undef_after(const struct insn *in, uint32_t before, const uint64_t *rcx)
{
	const struct insn_row *r = &insn_rows[in->id];
	const struct opnd *last = &in->op[in->nops ? in->nops - 1 : 0];
	uint32_t width = in->op[0].size == 8 ? 63 : 31;

	if (sem_is(r, "rol ror rcl rcr shl shr sar shld shrd") && last->kind != OPND_ONE) {
		bool imm = last->kind == OPND_IMM;

		if (sem_is(r, "rcl rcr") && (before & FL_CF))
			return ~0u;
		if (imm || rcx)
			return before | shift_undef(in, (imm ? (uint64_t)in->imm : *rcx) & width);
		return before | r->f_undef | FL_CF;
	}
	if (before & r->f_read)
		return ~0u;
	return (before & ~r->f_write) | r->f_undef;
}

/* Double shifts by more than the operand's width leave the destination undefined. */
static bool undefined_result(const struct insn *in, const uint64_t *rcx)
{
	const struct insn_row *r = &insn_rows[in->id];

	if (!sem_is(r, "shld shrd") || in->op[0].size != 2)
		return false;
	if (in->op[2].kind == OPND_IMM)
		return (in->imm & 31) > 16;
	return !rcx || (*rcx & 31) > 16;
}

/* What the manual does not promise about an instruction, mostly one that faults after a part of its work. */
static unsigned loose(const struct insn *in, unsigned mode)
{
	const struct insn_row *r = &insn_rows[in->id];
	bool sreg = sem_is(r, "push pop") && in->op[0].kind == OPND_SEG;
	bool wide_rep = mode == 8 && in->rep && in->asize == 4 && sem_is(r, "movs stos lods cmps scas ins outs");

	return (sem_is(r, "enter pusha call_far") ? LOOSE_MEM : 0) |
		(sem_is(r, "popa") ? LOOSE_REGS : 0) |
		(sem_is(r, "enter pusha popa ret_far iret call_far jmp_far lxs bound arpl cmpxchg8b call_near call_near_ind") ? LOOSE_ORDER : 0) |
		(sem_is(r, "arpl") ? LOOSE_W : 0) | (sem_is(r, "call_near call_near_ind") ? LOOSE_CALL : 0) |
		(sem_is(r, "cmps") || (sem_is(r, "scas") && in->rep) || wide_rep ? LOOSE_REP : 0) |
		(sreg && (sem_is(r, "pop") || in->osize == 4) ? LOOSE_SREG : 0);
}

bool gen_parse(const struct insn_index *ix, struct diff_case *c)
{
	unsigned off = 0, how;
	bool spreads = false;

	c->ninsns = 0;
	c->undef = c->undef_any = c->loose = 0;
	while (off < c->len) {
		const uint64_t *rcx = c->ninsns ? NULL : &c->gpr[GPR_RCX];
		struct insn in;
		uint8_t b[INSN_MAX_LEN];

		memset(b, 0xCC, sizeof(b));
		memcpy(b, c->code + off, c->len - off < 15 ? c->len - off : 15);
		if (insn_decode(ix, b, 15, c->mode, &in) != DECODE_OK || off + in.len > c->len)
			return false;
		c->undef = undef_after(&in, c->undef, rcx);
		if (c->undef == ~0u || undefined_result(&in, rcx))
			return false;
		c->undef_any |= c->undef;
		if (spreads)
			c->loose |= LOOSE_SPREADS;
		how = loose(&in, c->mode);
		spreads |= ((how & LOOSE_SREG) && sem_is(&insn_rows[in.id], "push")) || (c->mode == 8 && (how & LOOSE_REP) && in.asize == 4 && in.rep);
		c->loose |= how;
		off += in.len;
		c->ninsns++;
	}
	return true;
}

/* ---- state ---- */

static uint64_t value(struct gen *g)
{
	static const uint64_t special[] = {0, 1, ~0ull, 0x80, 0x7F, 0xFF, 0x8000, 0x7FFF, 0xFFFF, 0x80000000, 0x7FFFFFFF,
		0xFFFFFFFF, 0x100000000, 0x8000000000000000, 0x7FFFFFFFFFFFFFFF, 0x0F, 0x99, 0x9A, 0x0909};
	uint64_t v = gen_rnd(g);

	switch (gen_rnd(g) % 8) {
	case 0:
	case 1: return v;
	case 2: return (int64_t)(v << 56) >> 56;
	case 3: return v & 0x1F;
	case 4: return special[v % ARRAY_SIZE(special)];
	case 5: return v & gen_rnd(g) & gen_rnd(g);
	case 6: return (uint32_t)v;
	default: return DIFF_DATA + (v & 0xFFF);
	}
}

/* A linear address for an operand of @size bytes: mostly inside the data page, sometimes at an end or beyond. */
static uint32_t target(struct gen *g, unsigned size)
{
	unsigned r = gen_rnd(g) % 100;
	uint32_t a = DIFF_DATA + 0x400 + gen_rnd(g) % 0xA00;

	if (r >= 94)
		a = DIFF_RO - 40 + gen_rnd(g) % 48;
	else if (r >= 91)
		a = DIFF_DATA - 8 + gen_rnd(g) % 16;
	else if (r >= 89)
		a = DIFF_RO + 0xFE0 + gen_rnd(g) % 0x28;
	else if (r >= 83)
		a = DIFF_DATA + 0x3F0 + gen_rnd(g) % 0x20;
	if (chance(g, 60) && size)
		a &= ~(uint32_t)((size & -size) - 1);
	return a;
}

static uint16_t data_selector(struct gen *g, bool stack)
{
	static const uint8_t any[] = {LDT_LIMITED, LDT_STACK16, LDT_DOWN32, LDT_DOWN16, LDT_RO, LDT_BYTE, LDT_CODE32};
	unsigned i = any[gen_rnd(g) % (stack ? 4 : ARRAY_SIZE(any))];

	if (chance(g, 72))
		return SEL_DATA;
	return !stack && chance(g, 8) ? 0 : LDT_SEL(i);
}

static void make_segments(struct gen *g, struct diff_case *c)
{
	if (c->mode == 8) {
		c->sel[SEG_CS] = SEL_CODE64;
		c->sel[SEG_SS] = SEL_DATA;
		c->sel[SEG_DS] = c->sel[SEG_ES] = chance(g, 50) ? SEL_DATA : 0;
		c->sel[SEG_FS] = c->sel[SEG_GS] = 0;
		c->fs_base = chance(g, 70) ? DIFF_DATA + (gen_rnd(g) & 0xFFF) : gen_rnd(g) & 0x7FFFFFFF0000;
		c->gs_base = chance(g, 70) ? (gen_rnd(g) & 0xFFFF) : gen_rnd(g) & 0x7FFFFFFF0000;
		return;
	}
	c->sel[SEG_CS] = c->mode == 2 ? LDT_SEL(LDT_CODE16) : chance(g, 80) ? SEL_CODE32 : LDT_SEL(LDT_CODE32);
	c->sel[SEG_SS] = data_selector(g, true);
	for (unsigned s = SEG_DS; s <= SEG_GS; s++)
		c->sel[s] = data_selector(g, false);
	c->sel[SEG_ES] = data_selector(g, false);
}

static uint64_t seg_base(const struct diff_case *c, unsigned seg)
{
	if (c->mode == 8)
		return seg == SEG_FS ? c->fs_base : seg == SEG_GS ? c->gs_base : 0;
	return diff_sel_base(c->sel[seg]);
}

static void make_state(struct gen *g, struct diff_case *c)
{
	memset(c, 0, sizeof(*c));
	c->memseed = gen_rnd(g);
	c->eflags = FL_1 | FL_IF | (gen_rnd(g) & FL_ARITH) | (chance(g, 40) ? FL_DF : 0) | (chance(g, 6) ? FL_AC : 0) |
		(chance(g, 4) ? FL_TF : 0) | (chance(g, 3) ? FL_NT : 0) | (chance(g, 10) ? FL_ID : 0);
	for (unsigned i = 0; i < 16; i++)
		c->gpr[i] = value(g);
}

static void set_reg(struct gen *g, struct diff_case *c, unsigned r, uint64_t v, unsigned asize)
{
	if (asize == 2)
		c->gpr[r] = (c->gpr[r] & ~0xFFFFull) | (v & 0xFFFF);
	else if (asize == 4)
		c->gpr[r] = (chance(g, 15) ? gen_rnd(g) << 32 : 0) | (uint32_t)v;
	else
		c->gpr[r] = v;
}

static void point(struct gen *g, struct diff_case *c, unsigned r, unsigned seg, unsigned size, unsigned asize)
{
	if (chance(g, 96))
		set_reg(g, c, r, target(g, size) - seg_base(c, seg), asize);
}

static void patch(struct diff_case *c, uint64_t linear, const void *p, unsigned n)
{
	if (c->patch_len || linear < DIFF_DATA || linear > DIFF_RO - n || n > sizeof(c->patch))
		return;
	c->patch_at = linear - DIFF_DATA;
	c->patch_len = n;
	memcpy(c->patch, p, n);
}

/* ---- memory operand ---- */

static uint64_t reg_part(const struct diff_case *c, unsigned r, unsigned asize)
{
	return asize == 2 ? (uint16_t)c->gpr[r] : asize == 4 ? (uint32_t)c->gpr[r] : c->gpr[r];
}

/* Make the operand's effective address @want, by its base register or its displacement. */
static void aim(struct gen *g, struct diff_case *c, struct enc *e, const struct insn *in, uint64_t want)
{
	const struct mem_opnd *m = &in->mem;
	uint64_t rest = m->disp;
	unsigned at;

	if (m->base < 16 && m->base != m->index) {
		if (m->index < 16)
			rest += reg_part(c, m->index, m->asize) << m->scale;
		set_reg(g, c, m->base, want - rest, m->asize);
		return;
	}
	if (m->base < 16 || (m->index < 16 && m->asize != 8 && c->mode == 8))
		return;
	if (!e->modrm_at) { /* moffs */
		memcpy(e->b + e->opcode_at + 1, &want, m->asize);
		return;
	}
	at = e->modrm_at + 1 + (m->base != MEM_RIP && (e->b[e->modrm_at] & 7) == 4 && m->asize != 2);
	if (m->index < 16)
		want -= reg_part(c, m->index, m->asize) << m->scale;
	if (m->base == MEM_RIP)
		want -= DIFF_CODE + c->at + in->len;
	memcpy(e->b + at, &want, m->asize == 2 ? 2 : 4);
}

static unsigned operand_size(const struct insn *in)
{
	for (unsigned i = 0; i < in->nops; i++)
		if (in->op[i].kind == OPND_MEM && in->op[i].size)
			return in->op[i].size;
	return in->osize;
}

/* A code-page IP value for a segment with base @base. */
static uint64_t code_target(struct gen *g, uint64_t base)
{
	return DIFF_CODE + (chance(g, 96) ? gen_rnd(g) & 0xFFF : gen_rnd(g) & 0x3FFF) - base;
}

/* A selector for far transfers and segment loads: one of the table, one beyond it, or null. */
static uint16_t some_selector(struct gen *g, const struct diff_case *c, bool code)
{
	unsigned r = gen_rnd(g) % 100;

	/* into 64-bit code only from 64-bit code: the host's kernel does not expect the rest with a local stack segment */
	if (r < 35)
		return code ? (c->mode == 8 && (gen_rnd(g) & 1) ? SEL_CODE64 : SEL_CODE32) : SEL_DATA;
	if (r < 80)
		return (LDT_SEL(gen_rnd(g) % DIFF_LDT_COUNT)) ^ (chance(g, 12) ? gen_rnd(g) & 3 : 0);
	if (r < 90)
		return (gen_rnd(g) & 0xFF00) | 0xFF;
	return gen_rnd(g) & 3;
}

static void far_pointer(struct gen *g, struct diff_case *c, uint64_t linear, unsigned osize, bool code)
{
	uint8_t p[10];
	uint16_t sel = some_selector(g, c, code);
	uint64_t off = code_target(g, diff_sel_base(sel));

	memcpy(p, &off, osize);
	memcpy(p + osize, &sel, 2);
	patch(c, linear, p, osize + 2);
}

static void aim_operand(struct gen *g, struct diff_case *c, struct enc *e, const struct insn *in)
{
	const struct insn_row *r = &insn_rows[in->id];
	unsigned size = operand_size(in);
	uint32_t at = target(g, size);
	uint64_t ip;

	if (chance(g, 4))
		return;
	aim(g, c, e, in, at - seg_base(c, in->mem.seg));
	if (sem_is(r, "jmp_near_ind call_near_ind")) {
		ip = code_target(g, seg_base(c, SEG_CS));
		patch(c, at, &ip, in->osize);
	} else if (sem_is(r, "jmp_far call_far lxs")) {
		far_pointer(g, c, at, size - 2, !sem_is(r, "lxs"));
	} else if (sem_is(r, "mov_sreg_to lar lsl verr verw arpl")) {
		uint16_t sel = some_selector(g, c, false);

		patch(c, at, &sel, 2);
	}
}

/* ---- what particular instructions want of their registers ---- */

static unsigned stack_size(const struct diff_case *c)
{
	unsigned i = c->sel[SEG_SS] >> 3;

	if (c->mode == 8)
		return 8;
	return c->sel[SEG_SS] & 4 && i < DIFF_LDT_COUNT && !diff_ldt[i].big ? 2 : 4;
}

static void plant_stack(struct gen *g, struct diff_case *c, const struct insn *in)
{
	const struct insn_row *r = &insn_rows[in->id];
	uint64_t sp = c->gpr[GPR_RSP] & (stack_size(c) == 2 ? 0xFFFF : ~0ull), at = sp + seg_base(c, SEG_SS);
	uint64_t v[5] = {0};
	uint8_t p[40];

	if (sem_is(r, "ret_near")) {
		v[0] = code_target(g, seg_base(c, SEG_CS));
		patch(c, at, v, in->osize);
		return;
	}
	v[1] = some_selector(g, c, true);
	v[0] = code_target(g, diff_sel_base(v[1]));
	if (sem_is(r, "iret")) {
		v[2] = (gen_rnd(g) & (FL_ARITH | FL_DF | FL_ID | FL_AC | FL_IOPL)) | 2 | (gen_rnd(g) & FL_IF) |
			(chance(g, 10) ? gen_rnd(g) & 0x3FFFFF : 0);
		/*
		 * Intel's processors check the rest of the frame with the new AC and save the old one: Linux takes that #AC for
		 * a split lock's and starts the instruction again, for ever.
		 */
		if (at & (in->osize - 1))
			v[2] &= ~(uint64_t)FL_AC;
		v[3] = target(g, 8);
		v[4] = chance(g, 85) ? SEL_DATA : some_selector(g, c, false);
	} else if (sem_is(r, "popf")) {
		v[0] = gen_rnd(g) & (chance(g, 10) ? 0x3FFFFF : 0x3FFFFF & ~(FL_TF | FL_NT));
	} else if (sem_is(r, "pop") && in->op[0].kind == OPND_SEG) {
		v[0] = some_selector(g, c, false);
	} else if (!sem_is(r, "ret_far")) {
		return;
	}
	for (unsigned i = 0; i < 5; i++)
		memcpy(p + i * in->osize, &v[i], in->osize);
	patch(c, at, p, 5 * in->osize);
}

static void string_registers(struct gen *g, struct diff_case *c, const struct insn *in)
{
	unsigned size = in->op[0].kind == OPND_MEM ? in->op[0].size : in->op[1].size;

	point(g, c, GPR_RSI, in->seg_override == MEM_NONE ? SEG_DS : in->seg_override, size, in->asize);
	point(g, c, GPR_RDI, SEG_ES, size, in->asize);
	if (chance(g, 20))
		set_reg(g, c, GPR_RDI, reg_part(c, GPR_RSI, in->asize) + gen_rnd(g) % 33 - 16, in->asize);
	if (in->rep)
		set_reg(g, c, GPR_RCX, chance(g, 90) ? gen_rnd(g) % 24 : gen_rnd(g) % 5000, in->asize);
}

static void adjust(struct gen *g, struct diff_case *c, struct enc *e, const struct insn *in)
{
	const struct insn_row *r = &insn_rows[in->id];

	point(g, c, GPR_RSP, SEG_SS, stack_size(c), stack_size(c));
	if (sem_is(r, "enter leave"))
		point(g, c, GPR_RBP, SEG_SS, stack_size(c), stack_size(c));
	if (sem_is(r, "movs stos lods cmps scas ins outs"))
		string_registers(g, c, in);
	else if (sem_is(r, "xlat"))
		point(g, c, GPR_RBX, in->mem.seg, 1, in->asize);
	else if (in->has_mem)
		aim_operand(g, c, e, in);
	if (sem_is(r, "bt bts btr btc") && in->op[1].kind == OPND_GPR && chance(g, 90) &&
		in->op[1].reg != in->mem.base && in->op[1].reg != in->mem.index)
		c->gpr[in->op[1].reg] = (uint64_t)((int64_t)(gen_rnd(g) % 12000) - 6000);
	if (sem_is(r, "div idiv") && chance(g, 60))
		c->gpr[GPR_RDX] = chance(g, 50) ? gen_rnd(g) & 7 : (uint64_t)((int64_t)c->gpr[GPR_RAX] >> 63);
	if (sem_is(r, "jmp_near_ind call_near_ind") && in->op[0].kind == OPND_GPR)
		c->gpr[in->op[0].reg] = code_target(g, seg_base(c, SEG_CS));
	if (sem_is(r, "mov_sreg_to lar lsl verr verw arpl"))
		for (unsigned i = 0; i < in->nops; i++)
			if (in->op[i].kind == OPND_GPR)
				c->gpr[in->op[i].reg] = (c->gpr[in->op[i].reg] & ~0xFFFFull) | some_selector(g, c, false);
	if (sem_is(r, "cmpxchg") && chance(g, 40) && in->op[0].kind == OPND_GPR)
		c->gpr[GPR_RAX] = c->gpr[in->op[0].reg];
	plant_stack(g, c, in);
}

/* ---- the whole case ---- */

/* Instructions that may surround the one under test: they neither branch nor depend on selectors. */
static bool is_filler(const struct gen *g, const struct insn_row *r)
{
	return gen_eligible(r) && r->trap == TRAP_FREE && (g->any_host || host_has(r->feature)) &&
		!sem_is(r, "jcc jmp_near jmp_near_ind call_near call_near_ind ret_near loop loope loopne jcxz bound ud enter "
			   "leave int1 popa wr_fsgsbase rd_fsgsbase");
}

static bool append(struct diff_case *c, const struct enc *e)
{
	if (c->len + e->n > sizeof(c->code))
		return false;
	memcpy(c->code + c->len, e->b, e->n);
	c->len += e->n;
	return true;
}

static void fillers(struct gen *g, struct diff_case *c, unsigned n)
{
	while (n) {
		unsigned id = gen_rnd(g) % INSN_COUNT, len = c->len;
		struct insn in;
		struct enc e;

		if (!is_filler(g, &insn_rows[id]) || !enc_find(g, id, c->mode, true, &e, &in))
			continue;
		if (append(c, &e) && !gen_parse(g->index, c))
			c->len = len;
		n--;
	}
}

/* Branches to themselves would never end; far pointers of the instruction itself get a selector that exists. */
static bool settle(struct gen *g, struct diff_case *c, struct enc *e, const struct insn *in)
{
	const struct insn_row *r = &insn_rows[in->id];

	if (in->op[0].kind == OPND_REL && in->imm < 0)
		e->b[in->len - 1] &= 0x7F;
	if (in->op[0].kind == OPND_FAR) {
		uint16_t sel = some_selector(g, c, true);
		uint64_t off = code_target(g, diff_sel_base(sel));

		memcpy(e->b + in->len - 2, &sel, 2);
		memcpy(e->b + in->len - 2 - in->osize, &off, in->osize);
	}
	return !(sem_is(r, "int_n") && (e->b[in->len - 1] == 0x80 || (e->b[in->len - 1] & 0xFE) == 0x2C));
}

bool gen_case(struct gen *g, unsigned id, unsigned mode, struct diff_case *c)
{
	const struct insn_row *r = &insn_rows[id];
	struct insn in;
	struct enc e;

	make_state(g, c);
	c->mode = mode;
	c->at = 0x800;
	if (!enc_find(g, id, mode, false, &e, &in))
		return false;
	make_segments(g, c);
	if (chance(g, 3) && in.len > 1 && r->trap == TRAP_FREE && !sem_is(r, "ud"))
		c->at = PAGE_SIZE - 1 - gen_rnd(g) % (in.len - 1);
	adjust(g, c, &e, &in);
	if (!settle(g, c, &e, &in))
		return false;
	if (c->at != 0x800)
		e.n = PAGE_SIZE - c->at;
	if (c->at == 0x800 && is_filler(g, r) && chance(g, 12))
		fillers(g, c, 1 + gen_rnd(g) % 2);
	append(c, &e);
	if (c->at != 0x800) {
		c->ninsns = 1;
		return true;
	}
	if (!gen_parse(g->index, c))
		return false;
	if (is_filler(g, r) && chance(g, 30))
		fillers(g, c, 1 + gen_rnd(g) % 5);
	return gen_parse(g->index, c);
}
