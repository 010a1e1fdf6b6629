/*
 * x87.c - x87 instructions in the block: loads, stores, arithmetic and comparisons of normal numbers and zeros.
 *
 * NATIVE says that the unit is there, all exceptions are masked and none is pending. The registers are in struct vcpu; where, and what is put
 * off, x87_state.c tells. Arithmetic is in routines that all blocks share (x87_math.c); what they turn away C does (cpu/fpu/x87*.c),
 * before anything has been changed. NZCV is not touched but by FCOMI and its like. Source: Intel SDM Vol. 1 8.1, 8.3; Vol. 2.
 */
#include "jit/a64/x87.h"
#include "jit/a64/neon.h"

#define HOST_AT 7 /* register with the host address a store goes to: no routine for stores uses it */

struct x87 {
	struct emitter *c;
	const struct ir_op *o;
	const struct insn *in;
	struct x87_form f;
	struct a64_site *site;
	unsigned first; /* of its cold paths */
};

/* Memory operands, by opcode: what the arithmetic of D8, DA, DC, DE takes */
static bool arith_form(const struct insn *in, struct x87_form *f, unsigned ext)
{
	bool mem = in->has_mem, back = !mem && (in->opcode == 0xDC || in->opcode == 0xDE);

	f->from = !mem ? FROM_ST : in->opcode & 2 ? FROM_INT : FROM_FLOAT;
	f->size = in->opcode == 0xDC ? 8 : in->opcode == 0xDE ? 2 : 4;
	f->full = (uint8_t)(1 | (mem ? 0 : 1 << f->i));
	if (!mem && in->opcode == 0xDA) { /* FCMOVcc, FUCOMPP */
		f->what = X_COMPARE;
		f->pops = 2;
		f->full = 3;
		return in->modrm == 0xE9;
	}
	if (ext == 2 || ext == 3) {
		f->what = X_COMPARE;
		f->pops = (uint8_t)(ext - 2);
		if (!mem && in->opcode == 0xDE)
			f->pops = (uint8_t)(ext - 1);
		return ext == 2 || mem || in->opcode != 0xDE || in->modrm == 0xD9;
	}
	f->what = X_ARITH;
	f->op = (uint8_t)ext;
	f->dest = back ? f->i : 0;
	f->pops = !mem && in->opcode == 0xDE;
	return true;
}

/* D9, DB, DD, DF with memory */
static bool memory_form(const struct insn *in, struct x87_form *f, unsigned ext)
{
	bool ints = in->opcode & 2;

	f->from = ints ? FROM_INT : FROM_FLOAT;
	f->size = in->opcode == 0xDD ? 8 : in->opcode == 0xDF ? 2 : 4;
	f->what = ints ? X_STORE_INT : X_STORE;
	f->full = 1;
	switch (ext) {
	case 0:
		f->what = X_LOAD;
		break;
	case 1: /* FISTTP */
		f->what = X_STORE_INT;
		f->op = 1;
		f->pops = 1;
		return in->opcode != 0xD9;
	case 2:
		return true;
	case 3:
		f->pops = 1;
		return true;
	case 5: /* FLDCW, FLD m80, FILD m64 */
		f->what = in->opcode == 0xD9 ? X_LOAD_CW : X_LOAD;
		f->from = in->opcode == 0xDB ? FROM_M80 : FROM_INT;
		f->size = 8;
		if (in->opcode == 0xDD)
			return false;
		break;
	case 7: /* FNSTCW, FSTP m80, FNSTSW, FISTP m64 */
		f->what = in->opcode == 0xDB ? X_STORE : in->opcode == 0xDF ? X_STORE_INT : X_WORD;
		f->from = in->opcode == 0xDB ? FROM_M80 : FROM_INT;
		f->size = 8;
		f->pops = 1;
		if (f->what == X_WORD) {
			f->op = in->opcode == 0xDD;
			f->pops = f->full = 0;
		}
		return true;
	default:
		return false;
	}
	f->full = 0;
	f->push = f->what == X_LOAD;
	return true;
}

static bool d9_form(const struct insn *in, struct x87_form *f, unsigned ext)
{
	switch (ext) {
	case 0:
		f->what = X_LOAD;
		f->full = (uint8_t)(1 << f->i);
		f->push = true;
		return true;
	case 1:
		f->what = X_EXCHANGE;
		f->full = (uint8_t)(1 | 1 << f->i);
		return true;
	}
	f->full = 1;
	switch (in->modrm) {
	case 0xD0:
		f->what = X_NOTHING;
		f->full = 0;
		return true;
	case 0xE0: case 0xE1:
		f->what = X_SIGN;
		f->op = in->modrm == 0xE0;
		return true;
	case 0xE4:
		f->what = X_COMPARE;
		f->from = FROM_ZERO;
		return true;
	case 0xFA:
		f->what = X_ROOT;
		return true;
	case 0xE8: case 0xEE:
		f->what = X_LOAD;
		f->from = in->modrm == 0xE8 ? FROM_ONE : FROM_ZERO;
		f->full = 0;
		f->push = true;
		return true;
	}
	return false;
}

/* DB, DD, DF without memory */
static bool other_form(const struct insn *in, struct x87_form *f, unsigned ext)
{
	f->full = (uint8_t)(1 | 1 << f->i);
	f->what = X_COMPARE;
	switch (in->opcode << 4 | ext) {
	case 0xDB5: case 0xDB6:
		f->eflags = true;
		return true;
	case 0xDF5: case 0xDF6:
		f->eflags = true;
		f->pops = 1;
		return true;
	case 0xDD4:
		return true;
	case 0xDD5:
		f->pops = 1;
		return true;
	case 0xDD2: case 0xDD3:
		f->what = X_STORE;
		f->full = 1;
		f->pops = ext == 3;
		return true;
	case 0xDF4:
		f->what = X_WORD;
		f->from = FROM_ST;
		f->op = 1;
		f->full = 0;
		return in->modrm == 0xE0;
	}
	return false;
}

bool x87_form(const struct insn *in, struct x87_form *f)
{
	unsigned ext = in->modrm >> 3 & 7;

	*f = (struct x87_form){.from = FROM_ST, .i = in->modrm & 7};
	if (in->map)
		return false;
	if (in->opcode == 0x9B) { /* FWAIT: nothing is pending */
		f->what = X_NOTHING;
		return true;
	}
	if (in->opcode < 0xD8 || in->opcode > 0xDF)
		return false;
	if (!(in->opcode & 1))
		return arith_form(in, f, ext);
	if (in->has_mem)
		return memory_form(in, f, ext);
	return in->opcode == 0xD9 ? d9_form(in, f, ext) : other_form(in, f, ext);
}

/* Offset in struct vcpu of ST(i) */
static int32_t st(const struct x87 *x, unsigned i)
{
	return x87_place(i + x->c->x87.turn);
}

static struct cold *aside(struct x87 *x)
{
	struct cold *k = new_cold(x->c, x->f.what == X_LOAD_CW ? cold_one : cold_eval);

	if (x->f.eflags)
		k->inv = false; /* its flags come back */
	k->site = x->site;
	return k;
}

/* To C if @r is not zero. */
static void unless_done(struct x87 *x, unsigned r)
{
	struct cold *k = aside(x);

	k->from = a_cbz_fwd(&x->c->cb, true, 4, r);
}

static void call(struct x87 *x, enum x87_routine r)
{
	a_bl(&x->c->cb, x->c->x->stub.x87[r]);
}

/* @sig, @se = ST(i) */
static void get(struct x87 *x, unsigned sig, unsigned se, unsigned i)
{
	env_load(x->c, 8, sig, st(x, i));
	env_load(x->c, 2, se, st(x, i) + 8);
}

static void put80(struct x87 *x, unsigned sig, unsigned se, int32_t at)
{
	env_store(x->c, 8, sig, at);
	env_store(x->c, 8, se, at + 8);
}

/* The memory operand of @size bytes: register with the linear address, X_S2 to be added. Temporaries stay in their homes. */
static unsigned operand(struct x87 *x, unsigned size, bool write)
{
	struct emitter *c = x->c;
	struct cold *k;
	unsigned a;

	spill_temps(c);
	a = address(c, &x->o->m);
	k = aside(x);
	k->from = emit_probe(c, a, size, x->o->m.idx, write, 0);
	for (unsigned r = 0; r < 16; r++)
		if (c->reg_t[r] != 0xFF) {
			c->t_reg[c->reg_t[r]] = A_NONE;
			c->reg_t[r] = 0xFF;
		}
	if (write)
		a_add(&c->cb, A_ADD, 8, HOST_AT, a, X_S2, A_LSL, 0);
	return a;
}

/* X2, W3 = the operand besides ST(0) */
static void second(struct x87 *x, bool check)
{
	struct codebuf *cb = &x->c->cb;
	unsigned a, size = x->f.size;

	switch (x->f.from) {
	case FROM_ST:
		get(x, 2, 3, x->f.i);
		break;
	case FROM_FLOAT:
		a = operand(x, size, false);
		a_ldr_reg(cb, size, 2, a, X_S2);
		call(x, size == 4 ? X87_GET32 : X87_GET64);
		if (check)
			unless_done(x, 4);
		break;
	case FROM_INT:
		a = operand(x, size, false);
		a_ldr_reg(cb, size, 2, a, X_S2);
		if (size < 8)
			a_sext(cb, 8, 2, 2, size);
		call(x, X87_INT);
		break;
	case FROM_M80:
		a = operand(x, 10, false);
		a_add(cb, A_ADD, 8, X_S2, a, X_S2, A_LSL, 0);
		a_ldr(cb, 8, 2, X_S2, 0);
		a_ldr(cb, 2, 3, X_S2, 8);
		break;
	default:
		a_movi(cb, 2, x->f.from == FROM_ONE ? 1ull << 63 : 0);
		a_movi(cb, 3, x->f.from == FROM_ONE ? 0x3FFF : 0);
	}
}

static void load(struct x87 *x)
{
	struct emitter *c = x->c;

	if (x->f.from == FROM_ST) {
		a_vldr(&c->cb, 16, 0, X_CPU, st(x, x->f.i));
		a_vstr(&c->cb, 16, 0, X_CPU, st(x, 7));
	} else {
		second(x, true);
		put80(x, 2, 3, st(x, 7)); /* which becomes ST(0) */
	}
	c->x87.c1 = true;
}

static void store(struct x87 *x)
{
	struct codebuf *cb = &x->c->cb;

	x->c->x87.c1 = true;
	if (x->f.from == FROM_ST) {
		if (!x->f.i)
			return;
		a_vldr(cb, 16, 0, X_CPU, st(x, 0));
		a_vstr(cb, 16, 0, X_CPU, st(x, x->f.i));
		return;
	}
	operand(x, x->f.from == FROM_M80 ? 10 : x->f.size, true);
	get(x, 0, 1, 0);
	if (x->f.from == FROM_M80) {
		a_str(cb, 8, 0, HOST_AT, 0);
		a_str(cb, 2, 1, HOST_AT, 8);
		return;
	}
	call(x, x->f.size == 4 ? X87_PUT32 : X87_PUT64);
	unless_done(x, 2);
	a_str(cb, x->f.size, 0, HOST_AT, 0);
	x->c->x87.c1 = false;
}

static void store_int(struct x87 *x)
{
	struct codebuf *cb = &x->c->cb;

	operand(x, x->f.size, true);
	get(x, 0, 1, 0);
	a_movi(cb, 3, 8 * x->f.size);
	call(x, x->f.op ? X87_TRUNCATE : X87_TO_INT);
	unless_done(x, 2);
	a_str(cb, x->f.size, 0, HOST_AT, 0);
	x->c->x87.c1 = false;
}

static void exchange(struct x87 *x)
{
	struct codebuf *cb = &x->c->cb;

	a_vldr(cb, 16, 0, X_CPU, st(x, 0));
	a_vldr(cb, 16, 1, X_CPU, st(x, x->f.i));
	a_vstr(cb, 16, 1, X_CPU, st(x, 0));
	a_vstr(cb, 16, 0, X_CPU, st(x, x->f.i));
	x->c->x87.c1 = true;
}

/* FCHS, FABS */
static void sign(struct x87 *x)
{
	env_load(x->c, 1, X_S, st(x, 0) + 9);
	a_logici(&x->c->cb, x->f.op ? A_EOR : A_AND, 4, X_S, X_S, x->f.op ? 0x80 : 0x7F);
	env_store(x->c, 1, X_S, st(x, 0) + 9);
	x->c->x87.c1 = true;
}

static void arith(struct x87 *x)
{
	struct codebuf *cb = &x->c->cb;
	unsigned op = x->f.op;

	if (op == 7 && x->f.from == FROM_ST) {
		get(x, 0, 1, x->f.i);
		get(x, 2, 3, 0);
	} else {
		second(x, false);
		if (op == 7) {
			a_mov(cb, 8, 0, 2);
			a_mov(cb, 4, 1, 3);
		}
		get(x, op == 7 ? 2 : 0, op == 7 ? 3 : 1, 0);
	}
	if (op == 4 || op == 5) /* plus the other with its sign changed */
		a_logici(cb, A_EOR, 4, op == 4 ? 3 : 1, op == 4 ? 3 : 1, 0x8000);
	call(x, op >= 6 ? X87_DIV : op == 1 ? X87_MUL : X87_ADD);
	unless_done(x, 2);
	put80(x, 0, 1, st(x, x->f.dest));
	x->c->x87.c1 = false;
}

static void square_root(struct x87 *x)
{
	get(x, 0, 1, 0);
	call(x, X87_ROOT);
	unless_done(x, 2);
	put80(x, 0, 1, st(x, 0));
	x->c->x87.c1 = false;
}

static void compare(struct x87 *x)
{
	struct emitter *c = x->c;

	second(x, false);
	get(x, 0, 1, 0);
	call(x, x->f.eflags ? X87_COMI : X87_COM);
	unless_done(x, 2);
	c->x87.c1 = x->f.eflags;
	if (!x->f.eflags)
		return;
	a_movi(&c->cb, X_PF, 1); /* ordered: PF and AF are 0 */
	a_movi(&c->cb, X_AF, 1);
	c->inv = false;
}

/* FNSTSW, FNSTCW */
static void word(struct x87 *x)
{
	struct emitter *c = x->c;
	struct codebuf *cb = &c->cb;

	if (x->f.from != FROM_ST)
		operand(x, 2, true);
	env_load(c, 2, X_S, x->f.op ? ENV(fpu.fsw) : ENV(fpu.fcw));
	if (x->f.op && c->x87.c1)
		a_logici(cb, A_AND, 4, X_S, X_S, ~X87_C1);
	if (x->f.op && c->x87.turn) {
		a_ubfx(cb, 4, X_S2, X_S, X87_TOP_AT, 3);
		a_addi(cb, A_ADD, 4, X_S2, X_S2, c->x87.turn);
		a_bfi(cb, 4, X_S, X_S2, X87_TOP_AT, 3);
	}
	if (x->f.from == FROM_ST)
		a_bfi(cb, 8, host_reg(GPR_RAX), X_S, 0, 16);
	else
		a_str(cb, 2, X_S, HOST_AT, 0);
}

/* A word that unmasks exceptions changes the mode: the interpreter does the instruction, and the run loop goes on. */
static void load_cw(struct x87 *x)
{
	struct codebuf *cb = &x->c->cb;
	unsigned a = operand(x, 2, false), n = a == 0;

	a_ldr_reg(cb, 2, n, a, X_S2);
	a_logici(cb, A_AND, 4, X_S, n, 0x3F);
	a_logici(cb, A_EOR, 4, X_S, X_S, 0x3F);
	unless_done(x, X_S);
	a_logici(cb, A_AND, 4, n, n, 0x1F00);
	a_logici(cb, A_ORR, 4, n, n, 0x7F);
	env_store(x->c, 2, n, ENV(fpu.fcw));
}

/* The routines use these; what of the instruction's temporaries is in them goes home first. */
static void body(struct x87 *x)
{
	spill_temps(x->c);
	switch (x->f.what) {
	case X_LOAD: load(x); break;
	case X_STORE: store(x); break;
	case X_STORE_INT: store_int(x); break;
	case X_EXCHANGE: exchange(x); break;
	case X_SIGN: sign(x); break;
	case X_ROOT: square_root(x); break;
	case X_ARITH: arith(x); break;
	case X_COMPARE: compare(x); break;
	case X_WORD: word(x); break;
	case X_LOAD_CW: load_cw(x); break;
	}
}

bool lower_x87(struct emitter *c, const struct ir_op *o)
{
	const struct insn *in = &c->ir->insns[o->imm];
	struct x87 x = {.c = c, .o = o, .in = in};

	if (!x87_form(in, &x.f) || !x87_need(c, o, &x.f))
		return false;
	x.first = c->ncold;
	x.site = x.f.what == X_LOAD_CW ? new_site(c, o, SITE_ONE) : eval_site(c, o);
	body(&x);
	x87_moved(c, &x.f);
	if (x.f.what < X_WORD || (x.f.what == X_NOTHING && in->opcode == 0xD9))
		c->x87.pointers = true;
	x.site->x87_in = x87_kept(&c->x87);
	for (; x.first < c->ncold; x.first++)
		if (c->cold[x.first].site == x.site)
			c->cold[x.first].join = c->cb.p;
	return true;
}
