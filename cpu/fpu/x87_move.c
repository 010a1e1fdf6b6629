/* x87_move.c - loads, stores, constants, sign changes, FXAM, FTST, packed BCD. Source: Intel SDM Vol. 2, Vol. 1 8.3. */
#include "cpu/fpu/x87.h"
#include <string.h>

static enum exit push_value(struct x87 *x, const struct fnum *v)
{
	struct fnum r = *v;

	x->s->fsw &= ~FSW_C1;
	/* Stack overflow occurred. */
	if (!x87_empty(x->s, 7)) {
		if (!x87_overflow(x))
			return EXIT_NONE;
		r = x87_indefinite;
	} else if (x87_raise(x, x->e.flags) && (x->e.flags & ~x->e.mask & FX_IE)) {
		return EXIT_NONE; /* a denormal is loaded all the same */
	}
	x87_push(x->s);
	x87_put(x->s, 0, &r);
	return EXIT_NONE;
}

static enum exit push_raw(struct x87 *x, const uint8_t *p)
{
	x->s->fsw &= ~FSW_C1;
	if (!x87_empty(x->s, 7)) {
		if (!x87_overflow(x))
			return EXIT_NONE;
		x87_push(x->s);
		x87_put(x->s, 0, &x87_indefinite);
		return EXIT_NONE;
	}
	x87_push(x->s);
	memset(x->s->st[0], 0, 16);
	memcpy(x->s->st[0], p, 10);
	return EXIT_NONE;
}

static enum exit fld_sti(struct x87 *x, unsigned i)
{
	uint8_t t[16];

	memcpy(t, x->s->st[i], 16);
	if (x87_empty(x->s, i)) {
		if (!x87_underflow(x))
			return EXIT_NONE;
		x87_push(x->s);
		x87_put(x->s, 0, &x87_indefinite);
		return EXIT_NONE;
	}
	return push_raw(x, t);
}

static enum exit fld_mem(struct x87 *x, unsigned size)
{
	struct fnum n;
	uint64_t v;
	uint8_t raw[10];

	if (size == 10) {
		if (mmu_read_buf(&x->cpu->mmu, x->gla, raw, 10, vcpu_mmu_idx(x->cpu)) != EXIT_NONE)
			return cpu_page_fault(x->cpu);
		return push_raw(x, raw);
	}
	TRY(x87_load(x, size, &v));
	n = size == 4 ? soft_get32(v) : soft_get64(v);
	if (x87_empty(x->s, 7)) {
		if (n.cls == F_SNAN) {
			x->e.flags |= FX_IE;
			n.cls = F_QNAN;
			n.sig |= 1ull << 62;
		}
		if (n.denorm)
			x->e.flags |= FX_DE;
	}
	return push_value(x, &n);
}

static enum exit fild(struct x87 *x, unsigned size)
{
	struct fnum n;
	uint64_t v;

	TRY(x87_load(x, size, &v));
	n = soft_int(size == 2 ? (int16_t)v : size == 4 ? (int32_t)v : (int64_t)v);
	return push_value(x, &n);
}

/* The end of every store: the value is written before any state changes, so that a fault leaves none. */
static enum exit finish_store(struct x87 *x, const void *p, unsigned size, bool pop)
{
	if (mmu_write_buf(&x->cpu->mmu, x->gla, p, size, vcpu_mmu_idx(x->cpu)) != EXIT_NONE)
		return cpu_page_fault(x->cpu);
	x87_after(x);
	if (pop)
		x87_pop(x->s);
	return EXIT_NONE;
}

/*
 * Unmasked exceptions suppress a store to memory and its pop, except inexact. Nobody looks at the page then, and #MF comes with the next
 * instruction that waits: so do Intel's processors; AMD's raise the page fault of the store.
 */
static bool stored(struct x87 *x)
{
	unsigned f = x->e.flags & ~x->e.mask & (FX_IE | FX_DE | FX_ZE | FX_OE | FX_UE);

	if (!f)
		return true;
	x->s->fsw &= ~FSW_C1;
	x87_raise(x, f & (FX_OE | FX_UE) ? x->e.flags & ~FX_PE : x->e.flags);
	return false;
}

static enum exit fst_mem(struct x87 *x, unsigned size, bool pop)
{
	struct fnum n = x87_get(x->s, 0);
	const struct fmt *f = size == 4 ? &fmt32 : &fmt64;
	uint8_t raw[10];
	uint64_t v;

	memcpy(raw, x->s->st[0], 10);
	if (x87_empty(x->s, 0)) {
		x->e.flags |= FX_IE | FX_SF;
		n = x87_indefinite;
		soft_put80(&n, raw);
	} else if (size != 10) {
		if (soft_nan(&n))
			n = x87_nan(x, n, n);
		else if (n.cls == F_FIN) {
			x->e.wrap = 0;
			n = soft_round(&x->e, f, n.sign, n.exp, (soft_u128)n.sig << 64);
		}
	}
	if (!stored(x))
		return EXIT_NONE;
	if (size == 10)
		return finish_store(x, raw, 10, pop);
	v = size == 4 ? soft_put32(&n) : soft_put64(&n);
	return finish_store(x, &v, size, pop);
}

static enum exit fist(struct x87 *x, unsigned size, bool truncate, bool pop)
{
	struct fnum n = x87_get(x->s, 0);
	int64_t v;

	if (truncate)
		x->e.rc = RC_ZERO;
	if (x87_empty(x->s, 0)) {
		x->e.flags |= FX_IE | FX_SF;
		v = (int64_t)(~0ull << (size * 8 - 1));
	} else {
		soft_toint(&x->e, n, size * 8, &v);
	}
	if (!stored(x))
		return EXIT_NONE;
	return finish_store(x, &v, size, pop);
}

enum exit x87_bcd_load(struct x87 *x)
{
	uint8_t d[10];
	int64_t v = 0;
	struct fnum n;

	if (mmu_read_buf(&x->cpu->mmu, x->gla, d, 10, vcpu_mmu_idx(x->cpu)) != EXIT_NONE)
		return cpu_page_fault(x->cpu);
	for (int i = 8; i >= 0; i--)
		v = v * 100 + (d[i] >> 4) * 10 + (d[i] & 15);
	n = soft_int(v);
	n.sign = d[9] >> 7;
	return push_value(x, &n);
}

enum exit x87_bcd_store(struct x87 *x)
{
	static const uint8_t indefinite[10] = {0, 0, 0, 0, 0, 0, 0, 0xC0, 0xFF, 0xFF};
	struct fnum n = x87_get(x->s, 0);
	uint8_t d[10] = {0};
	int64_t v = 0;
	bool bad;

	if (x87_empty(x->s, 0)) {
		x->e.flags |= FX_IE | FX_SF;
		bad = true;
	} else {
		bad = !soft_toint(&x->e, n, 64, &v) || v > 999999999999999999ll || v < -999999999999999999ll;
		if (bad) {
			x->e.flags = FX_IE;
			x->e.up = false;
		}
	}
	if (!stored(x))
		return EXIT_NONE;
	if (bad)
		return finish_store(x, indefinite, 10, true);
	d[9] = n.sign << 7;
	if (v < 0)
		v = -v;
	for (int i = 0; i < 9; i++, v /= 100)
		d[i] = v % 10 | v / 10 % 10 << 4;
	return finish_store(x, d, 10, true);
}

enum exit x87_load_store(struct x87 *x, unsigned op, unsigned ext)
{
	if (ext & 8)
		return fld_sti(x, ext & 7);
	switch (op << 4 | ext) {
	case 0xD90: return fld_mem(x, 4);
	case 0xDD0: return fld_mem(x, 8);
	case 0xDB5: return fld_mem(x, 10);
	case 0xD92: case 0xD93: return fst_mem(x, 4, ext == 3);
	case 0xDD2: case 0xDD3: return fst_mem(x, 8, ext == 3);
	case 0xDB7: return fst_mem(x, 10, true);
	case 0xDB0: return fild(x, 4);
	case 0xDF0: return fild(x, 2);
	case 0xDF5: return fild(x, 8);
	case 0xDB1: return fist(x, 4, true, true);
	case 0xDD1: return fist(x, 8, true, true);
	case 0xDF1: return fist(x, 2, true, true);
	case 0xDB2: case 0xDB3: return fist(x, 4, false, ext == 3);
	case 0xDF2: case 0xDF3: return fist(x, 2, false, ext == 3);
	case 0xDF7: return fist(x, 8, false, true);
	case 0xDF4: return x87_bcd_load(x);
	case 0xDF6: return x87_bcd_store(x);
	}
	return cpu_raise(x->cpu, CHECK_UD_OPCODE, 0);
}

/* FLD1 FLDL2T FLDL2E FLDPI FLDLG2 FLDLN2: 68 bits, so that every rounding control has its constant. */
static const struct {
	uint64_t hi;
	uint8_t lo; /* next four bits, and the sticky one */
	int8_t exp;
} constants[6] = {
	{0x8000000000000000, 0x0, 0}, {0xD49A784BCD1B8AFE, 0x4, 1}, {0xB8AA3B295C17F0BB, 0xB, 0},
	{0xC90FDAA22168C234, 0xC, 1}, {0x9A209A84FBCFF798, 0x8, -2}, {0xB17217F7D1CF79AB, 0xC, -1}};

static enum exit constant(struct x87 *x, unsigned i)
{
	struct fnum n = {.cls = F_ZERO};

	if (i < 6) {
		soft_u128 v = (soft_u128)constants[i].hi << 64 | (soft_u128)constants[i].lo << 60;

		n = soft_round(&x->e, &fmt80, false, constants[i].exp, v | (i != 0));
	}
	x->e.flags = 0; /* a constant is never inexact */
	x->e.up = false;
	return push_value(x, &n);
}

static enum exit fxam(struct x87 *x)
{
	struct fnum n = x87_get(x->s, 0);
	static const uint16_t cc[] = {[F_ZERO] = FSW_C3, [F_FIN] = FSW_C2, [F_INF] = FSW_C2 | FSW_C0,
		[F_QNAN] = FSW_C0, [F_SNAN] = FSW_C0, [F_BAD] = 0};
	unsigned v = x87_empty(x->s, 0) ? FSW_C3 | FSW_C0 : n.denorm ? FSW_C3 | FSW_C2 : cc[n.cls];

	x87_cc(x, v | (n.sign ? FSW_C1 : 0));
	return EXIT_NONE;
}

enum exit x87_d9_reg(struct x87 *x, unsigned ext, unsigned i)
{
	if (ext == 5)
		return constant(x, i);
	if (i == 5)
		return fxam(x);
	if (i == 4) {
		if (x87_empty(x->s, 0))
			x->e.flags |= FX_SF;
		return x87_compare(x, soft_int(0), false, 0, false);
	}
	x->s->fsw &= ~FSW_C1;
	if (x87_empty(x->s, 0)) {
		if (x87_underflow(x))
			x87_put(x->s, 0, &x87_indefinite);
		return EXIT_NONE;
	}
	if (i == 0)
		x->s->st[0][9] ^= 0x80;
	else
		x->s->st[0][9] &= 0x7F;
	return EXIT_NONE;
}
