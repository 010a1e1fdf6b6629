/*
 * x87.c - the x87 instructions that need no rounding, in the block: loads, stores to registers, exchanges, signs, 0 and 1.
 *
 * NATIVE says that the unit is there, all exceptions are masked and none is pending. The registers stay in struct vcpu, in stack
 * order, so that pushing and popping moves them. What meets an empty or a full register, a denormal, a NaN, an infinity or a zero in
 * memory is C's (cpu/fpu/x87*.c), before anything has been changed. NZCV is not touched. Source: Intel SDM Vol. 1 8.1, 8.3; Vol. 2.
 */
#include "jit/a64/neon.h"

#define TOP_AT 11
#define C1 (1u << 9)

struct x87 {
	struct emitter *c;
	const struct ir_op *o;
	const struct insn *in;
	struct a64_site *site;
	unsigned fsw, top, tags; /* registers; bit i of @tags is ST(i)'s */
	unsigned lo, hi;	 /* a value to be pushed: significand, sign and exponent */
	unsigned first;		 /* of its cold paths */
};

static int32_t st_at(unsigned i)
{
	return ENV(fpu.st) + 16 * (int32_t)(i & 7);
}

/* To C if @r is zero, or with @nonzero if it is not. */
static void unless(struct x87 *x, bool nonzero, unsigned r)
{
	struct cold *k = new_cold(x->c, cold_eval);

	k->site = x->site;
	k->from = a_cbz_fwd(&x->c->cb, nonzero, 8, r);
}

static void begin(struct x87 *x)
{
	struct codebuf *cb = &x->c->cb;

	x->fsw = scratch(x->c);
	x->top = scratch(x->c);
	x->tags = scratch(x->c);
	env_load(x->c, 2, x->fsw, ENV(fpu.fsw));
	env_load(x->c, 1, x->tags, ENV(fpu.ftw));
	a_ubfx(cb, 4, x->top, x->fsw, TOP_AT, 3);
	a_logic(cb, A_ORR, 4, x->tags, x->tags, x->tags, A_LSL, 8);
	a_two(cb, A_LSRV, 4, x->tags, x->tags, x->top);
}

static void must_be(struct x87 *x, bool full, unsigned i)
{
	a_ubfx(&x->c->cb, 4, X_S, x->tags, i & 7, 1);
	unless(x, !full, X_S);
}

/* FIP, or FDP of the address in @r: outside 64-bit code with the selector above */
static void pointer(struct x87 *x, unsigned r, unsigned seg, int32_t to)
{
	struct codebuf *cb = &x->c->cb;

	if (!x->c->code64) {
		env_load(x->c, 2, X_S2, (int32_t)(offsetof(struct vcpu, seg) + seg % SEG_COUNT * sizeof(struct seg) + offsetof(struct seg, sel)));
		a_mov(cb, 4, r, r);
		a_logic(cb, A_ORR, 8, r, r, X_S2, A_LSL, 32);
	}
	env_store(x->c, 8, r, to);
}

/* FSW with C1 clear and TOP as it is in x->top; FIP, FOP. */
static void finish(struct x87 *x, bool top)
{
	struct codebuf *cb = &x->c->cb;
	int64_t off = x->c->off;

	a_logici(cb, A_AND, 4, x->fsw, x->fsw, ~C1);
	if (top)
		a_bfi(cb, 4, x->fsw, x->top, TOP_AT, 3);
	env_store(x->c, 2, x->fsw, ENV(fpu.fsw));
	a_movi(cb, X_S, (x->in->opcode & 7u) << 8 | x->in->modrm);
	env_store(x->c, 2, X_S, ENV(fpu.fop));
	env_load(x->c, 8, X_S, ENV(ip_base));
	if (!a_addi(cb, A_ADD, 8, X_S, X_S, (uint64_t)off) && !a_addi(cb, A_SUB, 8, X_S, X_S, (uint64_t)-off)) {
		a_movi(cb, X_S2, (uint64_t)off);
		a_add(cb, A_ADD, 8, X_S, X_S, X_S2, A_LSL, 0);
	}
	pointer(x, X_S, SEG_CS, ENV(fpu.fip));
	for (; x->first < x->c->ncold; x->first++)
		if (x->c->cold[x->first].site == x->site)
			x->c->cold[x->first].join = cb->p;
}

/* The tag of physical register x->top becomes @full; uses X_S, X_S2 */
static void set_tag(struct x87 *x, unsigned i, bool full)
{
	struct codebuf *cb = &x->c->cb;

	a_addi(cb, A_ADD, 4, X_S, x->top, i & 7);
	a_logici(cb, A_AND, 4, X_S, X_S, 7);
	a_movi(cb, X_S2, 1);
	a_two(cb, A_LSLV, 4, X_S2, X_S2, X_S);
	env_load(x->c, 1, X_S, ENV(fpu.ftw));
	a_logic(cb, full ? A_ORR : A_BIC, 4, X_S, X_S, X_S2, A_LSL, 0);
	env_store(x->c, 1, X_S, ENV(fpu.ftw));
}

/* ST(0) = x->lo, x->hi; the others move up. */
static void push(struct x87 *x)
{
	struct codebuf *cb = &x->c->cb;

	for (unsigned i = 0; i < 7; i++)
		a_vldr(cb, 16, i, X_CPU, st_at(i));
	for (unsigned i = 0; i < 7; i++)
		a_vstr(cb, 16, i, X_CPU, st_at(i + 1));
	env_store(x->c, 8, x->lo, st_at(0));
	env_store(x->c, 8, x->hi, st_at(0) + 8);
	a_addi(cb, A_ADD, 4, x->top, x->top, 7);
	a_logici(cb, A_AND, 4, x->top, x->top, 7);
	set_tag(x, 0, true);
	finish(x, true);
}

/* FLD ST(i) */
static void load_register(struct x87 *x, unsigned i)
{
	begin(x);
	must_be(x, true, i);
	must_be(x, false, 7);
	x->lo = scratch(x->c);
	x->hi = scratch(x->c);
	env_load(x->c, 8, x->lo, st_at(i));
	env_load(x->c, 2, x->hi, st_at(i) + 8);
	push(x);
}

/* FLD1, FLDZ */
static void constant(struct x87 *x, bool one)
{
	begin(x);
	must_be(x, false, 7);
	x->lo = scratch(x->c);
	x->hi = scratch(x->c);
	a_movi(&x->c->cb, x->lo, one ? 1ull << 63 : 0);
	a_movi(&x->c->cb, x->hi, one ? 0x3FFF : 0);
	push(x);
}

/* FLD m32, m64: normal numbers */
static void load_memory(struct x87 *x, unsigned w)
{
	unsigned bits = 8 * w, mant = w == 4 ? 23 : 52, exps = w == 4 ? 8 : 11, seg = x->in->mem.seg, a;
	struct codebuf *cb = &x->c->cb;

	a = probe(x->c, x->o, SITE_VLD, IR_NONE, 0);
	x->lo = scratch(x->c);
	x->hi = scratch(x->c);
	a_ldr_reg(cb, w, x->lo, a, X_S2);
	begin(x);
	must_be(x, false, 7);
	a_ubfx(cb, 8, x->hi, x->lo, mant, exps);
	unless(x, false, x->hi);
	a_addi(cb, A_ADD, 4, X_S, x->hi, 1);
	a_shifti(cb, A_LSR, 4, X_S, X_S, exps);
	unless(x, true, X_S);
	a_addi(cb, A_ADD, 4, x->hi, x->hi, 0x3000); /* the bias 16383 for 1023 or 127: 3C00h, 3F80h */
	a_addi(cb, A_ADD, 4, x->hi, x->hi, w == 4 ? 0xF80 : 0xC00);
	a_ubfx(cb, 8, X_S, x->lo, bits - 1, 1);
	a_bfi(cb, 4, x->hi, X_S, 15, 1);
	a_shifti(cb, A_LSL, 8, x->lo, x->lo, 63 - mant);
	a_logici(cb, A_ORR, 8, x->lo, x->lo, 1ull << 63);
	env_load(x->c, 8, X_S, (int32_t)(offsetof(struct vcpu, seg) + seg % SEG_COUNT * sizeof(struct seg) + offsetof(struct seg, base)));
	a_add(cb, A_SUB, 8, X_S, a, X_S, A_LSL, 0);
	pointer(x, X_S, seg, ENV(fpu.fdp));
	push(x);
}

/* FST, FSTP ST(i) */
static void store_register(struct x87 *x, unsigned i, bool pop)
{
	struct codebuf *cb = &x->c->cb;

	begin(x);
	must_be(x, true, 0);
	a_vldr(cb, 16, 0, X_CPU, st_at(0));
	if (!pop) {
		a_vstr(cb, 16, 0, X_CPU, st_at(i));
		set_tag(x, i, true);
		finish(x, false);
		return;
	}
	for (unsigned n = 1; n < 8; n++)
		if (n != i)
			a_vldr(cb, 16, n, X_CPU, st_at(n));
	for (unsigned n = 1; n < 8; n++)
		a_vstr(cb, 16, n == i ? 0 : n, X_CPU, st_at(n - 1));
	a_vstr(cb, 16, 0, X_CPU, st_at(7));
	if (i)
		set_tag(x, i, true);
	set_tag(x, 0, false);
	a_addi(cb, A_ADD, 4, x->top, x->top, 1);
	finish(x, true);
}

static void exchange(struct x87 *x, unsigned i)
{
	struct codebuf *cb = &x->c->cb;

	begin(x);
	must_be(x, true, 0);
	must_be(x, true, i);
	a_vldr(cb, 16, 0, X_CPU, st_at(0));
	a_vldr(cb, 16, 1, X_CPU, st_at(i));
	a_vstr(cb, 16, 1, X_CPU, st_at(0));
	a_vstr(cb, 16, 0, X_CPU, st_at(i));
	finish(x, false);
}

/* FCHS, FABS */
static void sign(struct x87 *x, bool change)
{
	struct codebuf *cb = &x->c->cb;

	begin(x);
	must_be(x, true, 0);
	env_load(x->c, 1, X_S, st_at(0) + 9);
	a_logici(cb, change ? A_EOR : A_AND, 4, X_S, X_S, change ? 0x80 : 0x7F);
	env_store(x->c, 1, X_S, st_at(0) + 9);
	finish(x, false);
}

bool lower_x87(struct emitter *c, const struct ir_op *o)
{
	const struct insn *in = &c->ir->insns[o->imm];
	struct x87 x = {.c = c, .o = o, .in = in, .first = c->ncold};
	unsigned ext = in->modrm >> 3 & 7, i = in->modrm & 7;

	if (in->map || in->opcode < 0xD9 || in->opcode > 0xDD)
		return false;
	x.site = eval_site(c, o);
	switch (in->opcode << 4 | ext | (in->has_mem ? 8 : 0)) {
	case 0xD90: load_register(&x, i); return true;
	case 0xD91: exchange(&x, i); return true;
	case 0xDD2: store_register(&x, i, false); return true;
	case 0xDD3: store_register(&x, i, true); return true;
	case 0xD98: load_memory(&x, 4); return true;
	case 0xDD8: load_memory(&x, 8); return true;
	}
	switch (in->opcode << 8 | in->modrm) {
	case 0xD9E0: sign(&x, true); return true;
	case 0xD9E1: sign(&x, false); return true;
	case 0xD9E8: constant(&x, true); return true;
	case 0xD9EE: constant(&x, false); return true;
	}
	return false;
}
