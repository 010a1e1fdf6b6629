/* x87_arith.c - FADD FSUB FMUL FDIV FCOM and their integer, reversed and popping forms; FSQRT's kin is in x87_trans.c. */
#include "cpu/fpu/x87.h"

static bool invalid(const struct fnum *a, const struct fnum *b, unsigned ext)
{
	switch (ext) {
	case 0: /* infinity minus infinity */
		return a->cls == F_INF && b->cls == F_INF && a->sign != b->sign;
	case 4:
		return a->cls == F_INF && b->cls == F_INF && a->sign == b->sign;
	case 1:
		return (a->cls == F_INF && b->cls == F_ZERO) || (a->cls == F_ZERO && b->cls == F_INF);
	default:
		return a->cls == b->cls && (a->cls == F_INF || a->cls == F_ZERO);
	}
}

/* @ext: 0 add, 1 multiply, 4 subtract, 6 divide; false: suppressed */
static bool compute(struct x87 *x, struct fnum a, struct fnum b, unsigned ext, struct fnum *r)
{
	if (soft_nan(&a) || soft_nan(&b)) {
		*r = x87_nan(x, a, b);
		return x87_before(x);
	}
	if (invalid(&a, &b, ext)) {
		x->e.flags |= FX_IE;
		*r = x87_indefinite;
		return x87_before(x);
	}
	if (ext == 6 && b.cls == F_ZERO && a.cls == F_FIN)
		x->e.flags |= FX_ZE; /* goes before DE */
	else if (a.denorm || b.denorm)
		x->e.flags |= FX_DE;
	if (!x87_before(x))
		return false;
	if (ext == 4)
		b.sign = !b.sign;
	if (ext == 1)
		*r = soft_mul(&x->e, &x->fmt, a, b);
	else if (ext == 6)
		*r = soft_div(&x->e, &x->fmt, a, b);
	else
		*r = soft_add(&x->e, &x->fmt, a, b);
	return true;
}

static unsigned condition(const struct fnum *a, const struct fnum *b)
{
	int c = soft_cmp(a, b);

	return c < 0 ? FSW_C0 : c == 0 ? FSW_C3 : 0;
}

static void compare_flags(struct vcpu *cpu, unsigned cc)
{
	cpu->eflags &= ~FL_ARITH;
	cpu->eflags |= (cc & FSW_C0 ? FL_CF : 0) | (cc & FSW_C2 ? FL_PF : 0) | (cc & FSW_C3 ? FL_ZF : 0);
}

/* FX_SF in x->e.flags: an operand is an empty register. */
enum exit x87_compare(struct x87 *x, struct fnum b, bool quiet, unsigned pops, bool eflags)
{
	struct fnum a = x87_get(x->s, 0);
	unsigned cc;

	if (x->e.flags & FX_SF) {
		x->e.flags |= FX_IE;
		cc = FSW_C0 | FSW_C2 | FSW_C3;
	} else if (soft_nan(&a) || soft_nan(&b)) {
		if (!quiet || a.cls != F_QNAN || b.cls != F_QNAN)
			if (!quiet || a.cls >= F_SNAN || b.cls >= F_SNAN)
				x->e.flags |= FX_IE;
		cc = FSW_C0 | FSW_C2 | FSW_C3;
	} else {
		if (a.denorm || b.denorm)
			x->e.flags |= FX_DE;
		cc = condition(&a, &b);
	}
	if (eflags)
		x->s->fsw &= ~FSW_C1;
	else
		x87_cc(x, cc);
	if (eflags)
		compare_flags(x->cpu, cc);
	if (x87_raise(x, x->e.flags))
		return EXIT_NONE;
	while (pops--)
		x87_pop(x->s);
	return EXIT_NONE;
}

static enum exit memory_operand(struct x87 *x, unsigned op, struct fnum *b)
{
	uint64_t v;

	switch (op) {
	case 0xD8:
		TRY(x87_load(x, 4, &v));
		*b = soft_get32(v);
		return EXIT_NONE;
	case 0xDC:
		TRY(x87_load(x, 8, &v));
		*b = soft_get64(v);
		return EXIT_NONE;
	case 0xDA:
		TRY(x87_load(x, 4, &v));
		*b = soft_int((int32_t)v);
		return EXIT_NONE;
	default:
		TRY(x87_load(x, 2, &v));
		*b = soft_int((int16_t)v);
		return EXIT_NONE;
	}
}

enum exit x87_arith(struct x87 *x, unsigned op, unsigned ext, unsigned i)
{
	bool mem = x->in->has_mem, pop = op == 0xDE && !mem;
	unsigned dest = (op == 0xDC || op == 0xDE) && !mem ? i : 0;
	struct fnum a, b, r;

	if (mem) {
		TRY(memory_operand(x, op, &b));
		if (ext == 2 || ext == 3) {
			if (x87_empty(x->s, 0))
				x->e.flags |= FX_SF;
			return x87_compare(x, b, false, ext == 3, false);
		}
	} else {
		b = x87_get(x->s, i);
	}
	if (x87_empty(x->s, 0) || (!mem && x87_empty(x->s, i))) {
		if (!x87_underflow(x))
			return EXIT_NONE;
		r = x87_indefinite;
	} else {
		a = x87_get(x->s, 0);
		if (ext == 5 || ext == 7) { /* reversed */
			r = a;
			a = b;
			b = r;
			ext &= ~1u;
		}
		if (!compute(x, a, b, ext, &r))
			return EXIT_NONE;
		x87_after(x);
	}
	x87_put(x->s, dest, &r);
	if (pop)
		x87_pop(x->s);
	return EXIT_NONE;
}
