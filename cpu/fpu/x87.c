/*
 * x87.c - the x87 register stack, its exceptions, and the way from an opcode to its body.
 *
 * An operation is judged in two steps. Invalid, denormal and divide-by-zero are known before there is a result
 * and, unmasked, suppress it; overflow, underflow and inexact come with the result. The exception itself (#MF) waits
 * for the next waiting instruction. Source: Intel SDM Vol. 1 8.1, 8.4-8.7.
 */
#include "cpu/fpu/x87.h"
#include "mmu/base/log.h"
#include <string.h>

const struct fnum x87_indefinite = {.cls = F_QNAN, .sign = true, .sig = 0xC000000000000000ull};

bool x87_empty(const struct fpu_state *s, unsigned i)
{
	return !(s->ftw >> ((x87_top(s) + i) & 7) & 1);
}

void x87_tag(struct fpu_state *s, unsigned i, bool full)
{
	unsigned bit = (x87_top(s) + i) & 7;

	s->ftw = (s->ftw & ~(1u << bit)) | (unsigned)full << bit;
}

struct fnum x87_get(const struct fpu_state *s, unsigned i)
{
	return soft_get80(s->st[i & 7]);
}

void x87_put(struct fpu_state *s, unsigned i, const struct fnum *v)
{
	memset(s->st[i & 7], 0, 16);
	soft_put80(v, s->st[i & 7]);
	x87_tag(s, i, true);
}

void x87_turn(struct fpu_state *s, unsigned by)
{
	uint8_t t[8][16];

	for (unsigned i = 0; i < 8; i++)
		memcpy(t[i], s->st[(i + by) & 7], 16);
	memcpy(s->st, t, sizeof(t));
}

static void set_top(struct fpu_state *s, unsigned top)
{
	s->fsw = (s->fsw & ~(7u << 11)) | (top & 7) << 11;
}

void x87_push(struct fpu_state *s)
{
	x87_turn(s, 7);
	set_top(s, x87_top(s) - 1);
	x87_tag(s, 0, true);
}

void x87_pop(struct fpu_state *s)
{
	x87_tag(s, 0, false);
	x87_turn(s, 1);
	set_top(s, x87_top(s) + 1);
}

void x87_es(struct vcpu *cpu)
{
	struct fpu_state *s = &cpu->fpu;
	bool now = s->fsw & ~s->fcw & 0x3F;

	s->fsw &= ~(FSW_ES | FSW_B);
	if (now)
		s->fsw |= FSW_ES | FSW_B;
	/* a level: FNINIT and FNCLEX lower it, whatever CR0.NE is by then */
	if ((!now || !(cpu->cr0 & CR0_NE)) && cpu->wires.ferr)
		cpu->wires.ferr(cpu->wires.opaque, now);
	fpu_mode_changed(cpu);
}

bool x87_raise(struct x87 *x, unsigned flags)
{
	x->s->fsw |= flags;
	if (!(flags & ~x->s->fcw & 0x3F))
		return false;
	x87_es(x->cpu);
	return true;
}

bool x87_underflow(struct x87 *x)
{
	x->s->fsw &= ~FSW_C1;
	return !x87_raise(x, FX_IE | FX_SF);
}

bool x87_overflow(struct x87 *x)
{
	x->s->fsw |= FSW_C1;
	return !x87_raise(x, FX_IE | FX_SF);
}

bool x87_before(struct x87 *x)
{
	unsigned f = x->e.flags & (FX_IE | FX_DE | FX_ZE);

	x->s->fsw &= ~FSW_C1;
	if (!(f & ~x->e.mask))
		return true;
	x87_raise(x, f);
	return false;
}

void x87_after(struct x87 *x)
{
	x->s->fsw &= ~FSW_C1;
	if (x->e.up)
		x->s->fsw |= FSW_C1;
	x87_raise(x, x->e.flags);
}

void x87_cc(struct x87 *x, unsigned cc)
{
	x->s->fsw = (x->s->fsw & ~FSW_CC) | cc;
}

struct fnum x87_nan(struct x87 *x, struct fnum a, struct fnum b)
{
	struct fnum r;
	bool bs = b.cls == F_SNAN, as = a.cls == F_SNAN;

	if (a.cls == F_BAD || b.cls == F_BAD) {
		x->e.flags |= FX_IE;
		return x87_indefinite;
	}
	if (as || bs)
		x->e.flags |= FX_IE;
	/* SDM Vol. 1 table 4-7: a quiet NaN beats a signaling one, else the larger significand, else plus */
	if (!soft_nan(&b))
		r = a;
	else if (!soft_nan(&a))
		r = b;
	else if (as != bs)
		r = as ? b : a;
	else if (a.sig != b.sig)
		r = a.sig > b.sig ? a : b;
	else
		r = a.sign ? b : a;
	r.cls = F_QNAN;
	r.sig |= 0xC000000000000000ull;
	return r;
}

enum exit x87_load(struct x87 *x, unsigned size, uint64_t *v)
{
	*v = 0;
	return lin_read(x->cpu, x->gla, size, vcpu_mmu_idx(x->cpu), v);
}

enum exit x87_store(struct x87 *x, unsigned size, uint64_t v)
{
	return lin_write(x->cpu, x->gla, size, vcpu_mmu_idx(x->cpu), v);
}

/*
 * FIP, FDP and FOP. Where the host runs most instructions they are known for one that left an unmasked exception, else 0, as
 * AMD's processors save them; portable code beside it does the same.
 */
static void pointers(struct x87 *x)
{
	struct vcpu *cpu = x->cpu;
	const struct insn *in = x->in;

	if (cpu->x87_on_host && !(x->s->fsw & FSW_ES)) {
		x->s->fip = x->s->fdp = 0;
		x->s->fop = 0;
		return;
	}
	x->s->fip = cpu->rip;
	if (in->code != 8)
		x->s->fip = (uint32_t)cpu->rip | (uint64_t)cpu->seg[SEG_CS].sel << 32;
	x->s->fop = (in->opcode & 7) << 8 | in->modrm;
	if (!in->has_mem)
		return;
	x->s->fdp = x->gla - cpu->seg[in->mem.seg % SEG_COUNT].base;
	if (in->code != 8)
		x->s->fdp = (uint32_t)x->s->fdp | (uint64_t)cpu->seg[in->mem.seg % SEG_COUNT].sel << 32;
}

static enum exit fcmov(struct x87 *x, unsigned op, unsigned ext, unsigned i)
{
	static const uint32_t bits[4] = {FL_CF, FL_ZF, FL_CF | FL_ZF, FL_PF};
	bool take = !!(x->cpu->eflags & bits[ext & 3]) != (op == 0xDB);

	if (x87_empty(x->s, 0) || x87_empty(x->s, i)) {
		if (x87_underflow(x))
			x87_put(x->s, 0, &x87_indefinite);
		return EXIT_NONE;
	}
	if (take)
		memcpy(x->s->st[0], x->s->st[i], 16);
	return EXIT_NONE;
}

static enum exit fxch(struct x87 *x, unsigned i)
{
	uint8_t t[16];

	x->s->fsw &= ~FSW_C1;
	if (x87_empty(x->s, 0) || x87_empty(x->s, i)) {
		if (!x87_underflow(x))
			return EXIT_NONE;
		if (x87_empty(x->s, 0))
			x87_put(x->s, 0, &x87_indefinite);
		if (x87_empty(x->s, i))
			x87_put(x->s, i, &x87_indefinite);
	}
	memcpy(t, x->s->st[0], 16);
	memcpy(x->s->st[0], x->s->st[i], 16);
	memcpy(x->s->st[i], t, 16);
	return EXIT_NONE;
}

static enum exit fst_reg(struct x87 *x, unsigned i, bool pop)
{
	x->s->fsw &= ~FSW_C1;
	if (x87_empty(x->s, 0)) {
		if (!x87_underflow(x))
			return EXIT_NONE;
		x87_put(x->s, i, &x87_indefinite);
	} else {
		memmove(x->s->st[i], x->s->st[0], 16);
		x87_tag(x->s, i, true);
	}
	if (pop)
		x87_pop(x->s);
	return EXIT_NONE;
}

static enum exit with_st(struct x87 *x, unsigned i, bool quiet, unsigned pops, bool eflags)
{
	if (x87_empty(x->s, 0) || x87_empty(x->s, i)) {
		struct fnum bad = {.cls = F_BAD};

		x->e.flags |= FX_SF;
		return x87_compare(x, bad, quiet, pops, eflags);
	}
	return x87_compare(x, x87_get(x->s, i), quiet, pops, eflags);
}

static enum exit register_form(struct x87 *x, unsigned op, unsigned ext, unsigned i)
{
	switch (op << 4 | ext) {
	case 0xD82: case 0xDC2: return with_st(x, i, false, 0, false);
	case 0xD83: case 0xDC3: case 0xDE2: return with_st(x, i, false, 1, false);
	case 0xD90:
		x->s->fsw &= ~FSW_C1;
		return x87_load_store(x, 0xD9, 8 | i);
	case 0xD91: case 0xDD1: case 0xDF1: return fxch(x, i);
	case 0xD92: return EXIT_NONE; /* FNOP */
	case 0xD93: /* the alias that does not look at the tag */
		if (!x87_empty(x->s, 0))
			return fst_reg(x, i, true);
		x->s->fsw &= ~FSW_C1;
		x87_pop(x->s);
		return EXIT_NONE;
	case 0xDD3: case 0xDF2: case 0xDF3: return fst_reg(x, i, true);
	case 0xD94: case 0xD95: return x87_d9_reg(x, ext, i);
	case 0xD96: case 0xD97:
		if (ext == 6 && i >= 6) {
			x87_move_top(x->s, i == 7 ? 1 : 7);
			return EXIT_NONE;
		}
		return x87_trans(x, ext, i);
	case 0xDA0: case 0xDA1: case 0xDA2: case 0xDA3:
	case 0xDB0: case 0xDB1: case 0xDB2: case 0xDB3: return fcmov(x, op, ext, i);
	case 0xDA5: return with_st(x, 1, true, 2, false);
	case 0xDB5: return with_st(x, i, true, 0, true);
	case 0xDB6: return with_st(x, i, false, 0, true);
	case 0xDD0: case 0xDF0:
		x->s->fsw &= ~FSW_C1;
		x87_tag(x->s, i, false);
		if (op == 0xDF) /* FFREEP */
			x87_pop(x->s);
		return EXIT_NONE;
	case 0xDD2: return fst_reg(x, i, false);
	case 0xDD4: return with_st(x, i, true, 0, false);
	case 0xDD5: return with_st(x, i, true, 1, false);
	case 0xDE3: return with_st(x, 1, false, 2, false);
	case 0xDF5: return with_st(x, i, true, 1, true);
	case 0xDF6: return with_st(x, i, false, 1, true);
	default: return x87_arith(x, op, ext, i);
	}
}

/* Waiting instructions see a pending exception first. */
static enum exit pending(struct vcpu *cpu)
{
	if (!(cpu->fpu.fsw & FSW_ES))
		return EXIT_NONE;
	/* #MF: there is a pending x87 FPU exception and CR0.NE = 1. */
	if (cpu->cr0 & CR0_NE)
		return cpu_raise(cpu, CHECK_MF_PENDING, 0);
	if (cpu->wires.ferr)
		cpu->wires.ferr(cpu->wires.opaque, 1);
	return EXIT_NONE;
}

static enum exit wait(struct vcpu *cpu)
{
	/* #NM: CR0.MP[bit 1] = 1 and CR0.TS[bit 3] = 1. */
	if ((cpu->cr0 & (CR0_MP | CR0_TS)) == (CR0_MP | CR0_TS))
		return cpu_raise(cpu, CHECK_NM_WAIT, 0);
	return pending(cpu);
}

enum exit fpu_x87(struct vcpu *cpu, const struct insn *in, gla_t gla)
{
	static const struct {
		uint8_t p;
	} precision[4] = {{24}, {64}, {53}, {64}};
	struct x87 x = {.cpu = cpu, .s = &cpu->fpu, .in = in, .gla = gla, .fmt = fmt80};
	unsigned op = in->opcode, ext = in->modrm >> 3 & 7;
	bool done = false;
	enum exit r;

	if (op == 0x9B)
		return wait(cpu);
	/* #NM: CR0.EM[bit 2] or CR0.TS[bit 3] = 1. */
	if (cpu->cr0 & (CR0_EM | CR0_TS))
		return cpu_raise(cpu, CHECK_NM_EM_TS, 0);
	x.e.rc = cpu->fpu.fcw >> 10 & 3;
	x.e.mask = cpu->fpu.fcw & 0x3F;
	x.e.wrap = 24576;
	x.fmt.p = precision[cpu->fpu.fcw >> 8 & 3].p;
	r = x87_control(&x, &done);
	if (done || r != EXIT_NONE)
		return r;
	TRY(pending(cpu));
	if (in->has_mem) {
		bool arith = op == 0xD8 || op == 0xDC || op == 0xDA || op == 0xDE;

		r = arith ? x87_arith(&x, op, ext, 0) : x87_load_store(&x, op, ext);
	} else {
		r = register_form(&x, op, ext, in->modrm & 7);
	}
	if (r == EXIT_NONE)
		pointers(&x);
	return r;
}
