/*
 * alu.c - x86 integer arithmetic and flags (alu.h). Source: Intel SDM Vol. 2, the instructions' pages.
 */
#include "jit/interp/alu.h"

static uint32_t flags_pzs(uint64_t r, unsigned w)
{
	uint32_t f = 0;

	r &= alu_mask(w);
	if (!__builtin_parity((unsigned)r & 0xFF))
		f |= IRF_P;
	if (r == 0)
		f |= IRF_Z;
	if (r >> (8 * w - 1) & 1)
		f |= IRF_S;
	return f;
}

static void put(uint32_t *fl, uint32_t mask, uint32_t val)
{
	*fl = (*fl & ~mask) | (val & mask);
}

static uint64_t add_sub(bool sub, unsigned w, uint64_t a, uint64_t b, unsigned carry, uint32_t *fl)
{
	uint64_t m = alu_mask(w), sign = 1ull << (8 * w - 1), r;
	uint32_t f;
	bool cf, of;

	a &= m;
	b &= m;
	if (sub) {
		r = (a - b - carry) & m;
		cf = carry ? a <= b : a < b;
		of = (a ^ b) & (a ^ r) & sign;
	} else {
		r = (a + b + carry) & m;
		cf = carry ? r <= a : r < a;
		of = ~(a ^ b) & (a ^ r) & sign;
	}
	f = flags_pzs(r, w) | (uint32_t)((a ^ b ^ r) & IRF_A);
	f |= cf ? IRF_C : 0;
	f |= of ? IRF_O : 0;
	put(fl, IRF_ALL, f);
	return r;
}

uint64_t alu_binary(enum ir_opcode op, unsigned w, uint64_t a, uint64_t b, uint32_t *fl)
{
	uint32_t cf = *fl & IRF_C;
	uint64_t r;

	switch (op) {
	case IR_ADD:
		return add_sub(false, w, a, b, 0, fl);
	case IR_ADC:
		return add_sub(false, w, a, b, cf, fl);
	case IR_SUB:
	case IR_CMP:
		return add_sub(true, w, a, b, 0, fl);
	case IR_SBB:
		return add_sub(true, w, a, b, cf, fl);
	case IR_NEG:
		return add_sub(true, w, 0, a, 0, fl);
	case IR_INC:
	case IR_DEC:
		r = add_sub(op == IR_DEC, w, a, 1, 0, fl);
		put(fl, IRF_C, cf);
		return r;
	case IR_AND:
	case IR_TEST:
		r = a & b;
		break;
	case IR_OR:
		r = a | b;
		break;
	default:
		r = a ^ b;
	}
	put(fl, IRF_ALL, flags_pzs(r, w)); /* CF = OF = 0; AF undefined: 0 */
	return r & alu_mask(w);
}

static uint64_t shift_plain(enum ir_opcode op, unsigned w, uint64_t a, unsigned n, uint32_t *fl)
{
	unsigned bits_ = 8 * w;
	uint64_t m = alu_mask(w), sign = 1ull << (bits_ - 1), r;
	bool cf, of;

	a &= m;
	if (op == IR_SHL) {
		cf = n <= bits_ && (a >> (bits_ - n) & 1);
		r = n < bits_ ? a << n & m : 0;
		of = !!(r & sign) != cf;
	} else if (op == IR_SHR) {
		cf = n <= bits_ && (a >> (n - 1) & 1);
		r = n < bits_ ? a >> n : 0;
		of = n == 1 ? a & sign : ((r << 1 ^ r) & sign);
	} else {
		int64_t s = sign_extend(a, bits_);

		cf = n <= bits_ ? s >> (n - 1) & 1 : s < 0;
		r = (uint64_t)(s >> (n < 64 ? n : 63)) & m;
		of = false;
	}
	put(fl, IRF_ALL, flags_pzs(r, w) | (cf ? IRF_C : 0) | (of ? IRF_O : 0));
	return r;
}

static uint64_t rotate_carry(bool left, unsigned w, uint64_t a, unsigned n, uint32_t *fl)
{
	unsigned bits_ = 8 * w;
	uint64_t m = alu_mask(w);
	bool cf = *fl & IRF_C, of;

	a &= m;
	n %= bits_ + 1;
	for (unsigned i = 0; i < n; i++) {
		bool out;

		if (left) {
			out = a >> (bits_ - 1) & 1;
			a = (a << 1 | cf) & m;
		} else {
			out = a & 1;
			a = a >> 1 | (uint64_t)cf << (bits_ - 1);
		}
		cf = out;
	}
	if (left)
		of = (a >> (bits_ - 1) & 1) != cf;
	else
		of = (a >> (bits_ - 1) & 1) != (a >> (bits_ - 2) & 1);
	put(fl, IRF_C | IRF_O, (cf ? IRF_C : 0) | (of ? IRF_O : 0));
	return a;
}

static uint64_t rotate(bool left, unsigned w, uint64_t a, unsigned n, uint32_t *fl)
{
	unsigned bits_ = 8 * w;
	uint64_t m = alu_mask(w);
	bool cf, of;

	a &= m;
	n %= bits_;
	if (!left)
		n = (bits_ - n) % bits_;
	a = n ? (a << n | a >> (bits_ - n)) & m : a;
	if (left) {
		cf = a & 1;
		of = (a >> (bits_ - 1) & 1) != cf;
	} else {
		cf = a >> (bits_ - 1) & 1;
		of = cf != (a >> (bits_ - 2) & 1);
	}
	put(fl, IRF_C | IRF_O, (cf ? IRF_C : 0) | (of ? IRF_O : 0));
	return a;
}

uint64_t alu_shift(enum ir_opcode op, unsigned w, uint64_t a, unsigned count, uint32_t *fl)
{
	unsigned n = count & (w == 8 ? 63 : 31);

	if (n == 0)
		return a & alu_mask(w);
	switch (op) {
	case IR_ROL:
	case IR_ROR:
		return rotate(op == IR_ROL, w, a, n, fl);
	case IR_RCL:
	case IR_RCR:
		return rotate_carry(op == IR_RCL, w, a, n, fl);
	default:
		return shift_plain(op, w, a, n, fl);
	}
}

uint64_t alu_shift2(bool left, unsigned w, uint64_t a, uint64_t b, unsigned count, uint32_t *fl)
{
	unsigned n = count & (w == 8 ? 63 : 31), bits_ = 8 * w;
	uint64_t m = alu_mask(w), r, sign = 1ull << (bits_ - 1);
	bool cf;

	a &= m;
	b &= m;
	if (n == 0)
		return a;
	if (w == 2) {
		/* Counts 17..31 are undefined by the manual; silicon shifts the 48-bit a:b:a. */
		uint64_t v = left ? a << 32 | b << 16 | a : a << 32 | b << 16 | a;

		if (left) {
			r = v << n >> 32 & m;
			cf = v >> (48 - n) & 1;
		} else {
			r = v >> n & m;
			cf = v >> (n - 1) & 1;
		}
	} else if (left) {
		r = (a << n | b >> (bits_ - n)) & m;
		cf = a >> (bits_ - n) & 1;
	} else {
		r = (a >> n | b << (bits_ - n)) & m;
		cf = a >> (n - 1) & 1;
	}
	put(fl, IRF_ALL, flags_pzs(r, w) | (cf ? IRF_C : 0) | ((a ^ r) & sign ? IRF_O : 0));
	return r;
}

static uint64_t pdep_pext(bool dep, uint64_t a, uint64_t mask)
{
	uint64_t r = 0;

	for (unsigned k = 0; mask; k++, mask &= mask - 1) {
		uint64_t low = mask & -mask;

		if (dep)
			r |= a >> k & 1 ? low : 0;
		else
			r |= a & low ? 1ull << k : 0;
	}
	return r;
}

static uint64_t bit_test(enum ir_opcode op, unsigned w, uint64_t a, uint64_t b, uint32_t *fl)
{
	uint64_t bit = 1ull << (b & (8 * w - 1));

	put(fl, IRF_C, a & bit ? IRF_C : 0);
	switch (op) {
	case IR_BTS:
		return a | bit;
	case IR_BTR:
		return a & ~bit;
	case IR_BTC:
		return a ^ bit;
	default:
		return a;
	}
}

/* BMI1 results set SF and ZF, clear OF; AF and PF are undefined (left 0). */
static uint64_t bmi(unsigned w, uint64_t r, bool cf, uint32_t *fl)
{
	r &= alu_mask(w);
	put(fl, IRF_ALL, (flags_pzs(r, w) & (IRF_S | IRF_Z)) | (cf ? IRF_C : 0));
	return r;
}

static uint64_t count_bits(enum ir_opcode op, unsigned w, uint64_t a, uint64_t old, uint32_t *fl)
{
	unsigned bits_ = 8 * w;
	uint64_t r;

	switch (op) {
	case IR_BSF:
	case IR_BSR:
		/* Source zero: ZF set, destination unchanged (as all silicon does); other flags undefined */
		put(fl, IRF_Z, a ? 0 : IRF_Z);
		if (!a)
			return old;
		return op == IR_BSF ? (unsigned)__builtin_ctzll(a) : 63u - (unsigned)__builtin_clzll(a);
	case IR_TZCNT:
	case IR_LZCNT:
		if (!a)
			r = bits_;
		else if (op == IR_TZCNT)
			r = (unsigned)__builtin_ctzll(a);
		else
			r = (unsigned)__builtin_clzll(a) - (64 - bits_);
		put(fl, IRF_C | IRF_Z, (a ? 0 : IRF_C) | (r ? 0 : IRF_Z));
		return r;
	default:
		put(fl, IRF_ALL, a ? 0 : IRF_Z);
		return (unsigned)__builtin_popcountll(a);
	}
}

static uint64_t shift_x(enum ir_opcode op, unsigned w, uint64_t a, uint64_t b)
{
	unsigned bits_ = 8 * w, n = b & (bits_ - 1);

	switch (op) {
	case IR_RORX:
		return n ? (a >> n | a << (bits_ - n)) : a;
	case IR_SHLX:
		return a << n;
	case IR_SHRX:
		return a >> n;
	default:
		return (uint64_t)(sign_extend(a, bits_) >> n);
	}
}

uint64_t alu_bits(enum ir_opcode op, unsigned w, uint64_t a, uint64_t b, uint32_t *fl)
{
	uint64_t m = alu_mask(w), hi, n;
	unsigned bits_ = 8 * w;

	a &= m;
	switch (op) {
	case IR_BT:
	case IR_BTS:
	case IR_BTR:
	case IR_BTC:
		return bit_test(op, w, a, b, fl) & m;
	case IR_IMUL:
		return alu_mul(true, w, a, b, &hi, fl);
	case IR_ANDN:
		return bmi(w, ~a & b, false, fl);
	case IR_BLSI:
		return bmi(w, a & -a, a != 0, fl);
	case IR_BLSR:
		return bmi(w, a & (a - 1), a == 0, fl);
	case IR_BLSMSK:
		return bmi(w, a ^ (a - 1), a == 0, fl);
	case IR_BZHI:
		n = b & 0xFF;
		return bmi(w, n < bits_ ? a & ((1ull << n) - 1) : a, n >= bits_, fl);
	case IR_BEXTR:
		n = b >> 8 & 0xFF;
		a = (b & 0xFF) < bits_ ? a >> (b & 0xFF) : 0;
		a = bmi(w, n < 64 ? a & ((1ull << n) - 1) : a, false, fl);
		put(fl, IRF_S, 0);
		return a;
	case IR_PDEP:
	case IR_PEXT:
		return pdep_pext(op == IR_PDEP, a, b & m);
	case IR_RORX:
	case IR_SHLX:
	case IR_SHRX:
	case IR_SARX:
		return shift_x(op, w, a, b) & m;
	default:
		return count_bits(op, w, a, b & m, fl) & m;
	}
}

uint64_t alu_mul(bool is_signed, unsigned w, uint64_t a, uint64_t b, uint64_t *hi, uint32_t *fl)
{
	unsigned bits_ = 8 * w;
	uint64_t m = alu_mask(w), lo;
	bool over;

	if (is_signed) {
		__int128 p = (__int128)sign_extend(a & m, bits_) * sign_extend(b & m, bits_);

		lo = (uint64_t)p & m;
		*hi = (uint64_t)(p >> bits_) & m;
		over = p != (__int128)sign_extend(lo, bits_);
	} else {
		unsigned __int128 p = (unsigned __int128)(a & m) * (b & m);

		lo = (uint64_t)p & m;
		*hi = (uint64_t)(p >> bits_) & m;
		over = *hi != 0;
	}
	/* SF, ZF, AF, PF are undefined: SF and PF of the low half, ZF and AF clear */
	put(fl, IRF_ALL, (flags_pzs(lo, w) & (IRF_S | IRF_P)) | (over ? IRF_C | IRF_O : 0));
	return lo;
}

bool alu_div(bool is_signed, unsigned w, uint64_t hi, uint64_t lo, uint64_t d, uint64_t *q,
	uint64_t *r)
{
	unsigned bits_ = 8 * w;
	uint64_t m = alu_mask(w);

	d &= m;
	if (d == 0)
		return false;
	if (!is_signed) {
		unsigned __int128 n = (unsigned __int128)(hi & m) << bits_ | (lo & m);

		if (n / d > m)
			return false;
		*q = (uint64_t)(n / d);
		*r = (uint64_t)(n % d);
		return true;
	}
	__int128 n = (__int128)sign_extend(hi & m, bits_) * ((__int128)1 << bits_) + (lo & m);
	__int128 sd = sign_extend(d, bits_), sq;

	if (sd == -1 && n == (__int128)((unsigned __int128)1 << 127))
		return false; /* the host's own division would trap */
	sq = n / sd;
	if (sq != sign_extend((uint64_t)sq & m, bits_))
		return false;
	*q = (uint64_t)sq & m;
	*r = (uint64_t)(n % sd) & m;
	return true;
}

uint32_t alu_crc32(uint32_t crc, uint64_t data, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++) {
		crc ^= (uint8_t)(data >> (8 * i));
		for (unsigned k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);
	}
	return crc;
}

bool alu_cond(unsigned cc, uint32_t fl)
{
	bool sf = fl & IRF_S, of = fl & IRF_O, r;

	switch (cc >> 1 & 7) {
	case 0:
		r = of;
		break;
	case 1:
		r = fl & IRF_C;
		break;
	case 2:
		r = fl & IRF_Z;
		break;
	case 3:
		r = fl & (IRF_C | IRF_Z);
		break;
	case 4:
		r = sf;
		break;
	case 5:
		r = fl & IRF_P;
		break;
	case 6:
		r = sf != of;
		break;
	default:
		r = (fl & IRF_Z) || sf != of;
	}
	return r != (cc & 1);
}
