/*
 * enc.c - AArch64 instruction encoder (enc.h).
 */
#include "jit/a64/enc.h"
#include <string.h>

static uint32_t sf(unsigned w)
{
	return w == 8 ? 1u << 31 : 0;
}

void a_add(struct codebuf *cb, enum a_addsub op, unsigned w, unsigned d, unsigned n, unsigned m, enum a_shift sh,
	unsigned amount)
{
	codebuf_u32(cb, sf(w) | (uint32_t)op << 29 | 0x0B000000 | (uint32_t)sh << 22 | m << 16 | amount << 10 | n << 5 | d);
}

void a_add_ext(struct codebuf *cb, enum a_addsub op, unsigned w, unsigned d, unsigned n, unsigned m, enum a_extend ext)
{
	codebuf_u32(cb, sf(w) | (uint32_t)op << 29 | 0x0B200000 | m << 16 | (uint32_t)ext << 13 | n << 5 | d);
}

void a_logic(struct codebuf *cb, enum a_logic op, unsigned w, unsigned d, unsigned n, unsigned m, enum a_shift sh,
	unsigned amount)
{
	codebuf_u32(cb, sf(w) | (uint32_t)(op >> 1) << 29 | 0x0A000000 | (uint32_t)sh << 22 | (uint32_t)(op & 1) << 21 |
		m << 16 | amount << 10 | n << 5 | d);
}

bool a_addi(struct codebuf *cb, enum a_addsub op, unsigned w, unsigned d, unsigned n, uint64_t imm)
{
	uint32_t shift = 0;

	if (imm >> 12) {
		if (imm & 0xFFF || imm >> 24)
			return false;
		imm >>= 12;
		shift = 1u << 22;
	}
	codebuf_u32(cb, sf(w) | (uint32_t)op << 29 | 0x11000000 | shift | (uint32_t)imm << 10 | n << 5 | d);
	return true;
}

/*
 * A logical immediate is a pattern of 2, 4 .. 64 bits, repeated: a run of ones, rotated. Neither none nor all bits.
 */
bool a_bitmask(unsigned w, uint64_t imm, uint32_t *field)
{
	unsigned size = 64, ones, rot;
	uint64_t mask;

	if (w == 4) {
		imm &= UINT32_MAX;
		imm |= imm << 32;
	}
	if (imm == 0 || imm == UINT64_MAX)
		return false;
	while (size > 2 && (imm & ((1ull << size / 2) - 1)) == ((imm >> size / 2) & ((1ull << size / 2) - 1)))
		size /= 2;
	mask = size == 64 ? UINT64_MAX : (1ull << size) - 1;
	imm &= mask;
	ones = (unsigned)__builtin_popcountll(imm);
	/* rotate left until the run of ones begins at bit 0 */
	for (rot = 0; rot < size; rot++) {
		uint64_t v = rot ? (imm << rot | imm >> (size - rot)) & mask : imm;

		if (v == (ones == 64 ? UINT64_MAX : (1ull << ones) - 1))
			break;
	}
	if (rot == size)
		return false;
	/* imms: the size as leading ones with a 0 behind them, then the number of ones less 1 */
	*field = (size == 64 ? 1u << 12 : (64 - 2 * size) & 0x3F) | rot << 6 | (ones - 1);
	return true;
}

bool a_logici(struct codebuf *cb, enum a_logic op, unsigned w, unsigned d, unsigned n, uint64_t imm)
{
	uint32_t f;

	if (!a_bitmask(w, imm, &f))
		return false;
	codebuf_u32(cb, sf(w) | (uint32_t)(op >> 1) << 29 | 0x12000000 | f << 10 | n << 5 | d);
	return true;
}

void a_adc(struct codebuf *cb, bool sub, bool flags, unsigned w, unsigned d, unsigned n, unsigned m)
{
	codebuf_u32(cb, sf(w) | (sub ? 1u << 30 : 0) | (flags ? 1u << 29 : 0) | 0x1A000000 | m << 16 | n << 5 | d);
}

static void mov_wide(struct codebuf *cb, uint32_t base, unsigned d, unsigned half, uint64_t v)
{
	codebuf_u32(cb, base | half << 21 | (uint32_t)(v & 0xFFFF) << 5 | d);
}

void a_movi(struct codebuf *cb, unsigned d, uint64_t v)
{
	unsigned zeros = 0, ones = 0;
	bool first = true, neg;
	uint32_t f;

	for (unsigned i = 0; i < 4; i++) {
		zeros += (v >> (16 * i) & 0xFFFF) == 0;
		ones += (v >> (16 * i) & 0xFFFF) == 0xFFFF;
	}
	if (zeros < 3 && ones < 3 && a_bitmask(8, v, &f)) {
		codebuf_u32(cb, 0xB2000000 | f << 10 | A_ZR << 5 | d);
		return;
	}
	neg = ones > zeros;
	for (unsigned i = 0; i < 4; i++) {
		uint64_t h = v >> (16 * i) & 0xFFFF;

		if (h == (neg ? 0xFFFF : 0))
			continue;
		if (first)
			mov_wide(cb, neg ? 0x92800000 : 0xD2800000, d, i, neg ? ~h : h);
		else
			mov_wide(cb, 0xF2800000, d, i, h);
		first = false;
	}
	if (first)
		mov_wide(cb, neg ? 0x92800000 : 0xD2800000, d, 0, 0);
}

void a_mov(struct codebuf *cb, unsigned w, unsigned d, unsigned n)
{
	a_logic(cb, A_ORR, w, d, A_ZR, n, A_LSL, 0);
}

void a_bitfield(struct codebuf *cb, enum a_bits op, unsigned w, unsigned d, unsigned n, unsigned immr, unsigned imms)
{
	codebuf_u32(cb, sf(w) | (uint32_t)op << 29 | 0x13000000 | (w == 8 ? 1u << 22 : 0) | immr << 16 | imms << 10 |
		n << 5 | d);
}

void a_ubfx(struct codebuf *cb, unsigned w, unsigned d, unsigned n, unsigned lsb, unsigned bits)
{
	a_bitfield(cb, A_UBFM, w, d, n, lsb, lsb + bits - 1);
}

void a_bfi(struct codebuf *cb, unsigned w, unsigned d, unsigned n, unsigned lsb, unsigned bits)
{
	a_bitfield(cb, A_BFM, w, d, n, (8 * w - lsb) % (8 * w), bits - 1);
}

void a_bfxil(struct codebuf *cb, unsigned w, unsigned d, unsigned n, unsigned lsb, unsigned bits)
{
	a_bitfield(cb, A_BFM, w, d, n, lsb, lsb + bits - 1);
}

void a_shifti(struct codebuf *cb, enum a_shift op, unsigned w, unsigned d, unsigned n, unsigned amount)
{
	unsigned bits = 8 * w;

	if (op == A_LSL)
		a_bitfield(cb, A_UBFM, w, d, n, (bits - amount) % bits, bits - 1 - amount);
	else if (op == A_ROR)
		a_extr(cb, w, d, n, n, amount);
	else
		a_bitfield(cb, op == A_LSR ? A_UBFM : A_SBFM, w, d, n, amount, bits - 1);
}

void a_zext(struct codebuf *cb, unsigned d, unsigned n, unsigned bytes)
{
	if (bytes < 4)
		a_bitfield(cb, A_UBFM, 4, d, n, 0, 8 * bytes - 1);
	else
		a_mov(cb, bytes, d, n);
}

void a_sext(struct codebuf *cb, unsigned w, unsigned d, unsigned n, unsigned bytes)
{
	if (bytes >= w)
		a_mov(cb, w, d, n);
	else
		a_bitfield(cb, A_SBFM, w, d, n, 0, 8 * bytes - 1);
}

void a_extr(struct codebuf *cb, unsigned w, unsigned d, unsigned n, unsigned m, unsigned lsb)
{
	codebuf_u32(cb, sf(w) | 0x13800000 | (w == 8 ? 1u << 22 : 0) | m << 16 | lsb << 10 | n << 5 | d);
}

void a_two(struct codebuf *cb, enum a_two op, unsigned w, unsigned d, unsigned n, unsigned m)
{
	codebuf_u32(cb, (op == A_CRC32CX ? 1u << 31 : op >= A_CRC32CB ? 0 : sf(w)) | 0x1AC00000 | m << 16 |
		(uint32_t)op << 10 | n << 5 | d);
}

void a_one(struct codebuf *cb, enum a_one op, unsigned w, unsigned d, unsigned n)
{
	codebuf_u32(cb, sf(w) | 0x5AC00000 | (uint32_t)op << 10 | n << 5 | d);
}

void a_mul(struct codebuf *cb, unsigned w, unsigned d, unsigned n, unsigned m)
{
	codebuf_u32(cb, sf(w) | 0x1B000000 | m << 16 | A_ZR << 10 | n << 5 | d);
}

void a_mull(struct codebuf *cb, bool is_signed, unsigned d, unsigned n, unsigned m)
{
	codebuf_u32(cb, (is_signed ? 0x9B200000 : 0x9BA00000) | m << 16 | A_ZR << 10 | n << 5 | d);
}

void a_mulh(struct codebuf *cb, bool is_signed, unsigned d, unsigned n, unsigned m)
{
	codebuf_u32(cb, (is_signed ? 0x9B400000 : 0x9BC00000) | m << 16 | A_ZR << 10 | n << 5 | d);
}

void a_msub(struct codebuf *cb, unsigned w, unsigned d, unsigned n, unsigned m, unsigned a)
{
	codebuf_u32(cb, sf(w) | 0x1B008000 | m << 16 | a << 10 | n << 5 | d);
}

void a_sel(struct codebuf *cb, enum a_sel op, unsigned w, unsigned d, unsigned n, unsigned m, enum a_cond cc)
{
	codebuf_u32(cb, sf(w) | (uint32_t)(op >> 1) << 30 | 0x1A800000 | m << 16 | (uint32_t)cc << 12 |
		(uint32_t)(op & 1) << 10 | n << 5 | d);
}

void a_cset(struct codebuf *cb, unsigned d, enum a_cond cc)
{
	a_sel(cb, A_CSINC, 4, d, A_ZR, A_ZR, cc ^ 1);
}

static uint32_t size_of(unsigned w)
{
	return (uint32_t)__builtin_ctz(w) << 30;
}

bool a_off_fits(unsigned w, int64_t off)
{
	return (off >= -256 && off < 256) || (off >= 0 && off < 4096 * (int64_t)w && off % w == 0);
}

static void ldst(struct codebuf *cb, bool load, unsigned w, unsigned t, unsigned n, int32_t off)
{
	uint32_t ld = load ? 1u << 22 : 0;

	BUG_ON(!a_off_fits(w, off));
	if (off >= 0 && off % (int32_t)w == 0)
		codebuf_u32(cb, size_of(w) | 0x39000000 | ld | (uint32_t)off / w << 10 | n << 5 | t);
	else
		codebuf_u32(cb, size_of(w) | 0x38000000 | ld | ((uint32_t)off & 0x1FF) << 12 | n << 5 | t);
}

void a_ldr(struct codebuf *cb, unsigned w, unsigned t, unsigned n, int32_t off)
{
	ldst(cb, true, w, t, n, off);
}

void a_str(struct codebuf *cb, unsigned w, unsigned t, unsigned n, int32_t off)
{
	ldst(cb, false, w, t, n, off);
}

void a_ldr_reg(struct codebuf *cb, unsigned w, unsigned t, unsigned n, unsigned m)
{
	codebuf_u32(cb, size_of(w) | 0x38606800 | m << 16 | n << 5 | t);
}

void a_str_reg(struct codebuf *cb, unsigned w, unsigned t, unsigned n, unsigned m)
{
	codebuf_u32(cb, size_of(w) | 0x38206800 | m << 16 | n << 5 | t);
}

static void pair(struct codebuf *cb, uint32_t base, unsigned t, unsigned t2, unsigned n, int32_t off)
{
	BUG_ON(off < -512 || off > 504 || off % 8);
	codebuf_u32(cb, base | ((uint32_t)(off / 8) & 0x7F) << 15 | t2 << 10 | n << 5 | t);
}

void a_ldp(struct codebuf *cb, unsigned t, unsigned t2, unsigned n, int32_t off)
{
	pair(cb, 0xA9400000, t, t2, n, off);
}

void a_stp(struct codebuf *cb, unsigned t, unsigned t2, unsigned n, int32_t off)
{
	pair(cb, 0xA9000000, t, t2, n, off);
}

void a_ldar(struct codebuf *cb, unsigned w, unsigned t, unsigned n)
{
	codebuf_u32(cb, (uint32_t)__builtin_ctz(w) << 30 | 0x08DFFC00 | n << 5 | t);
}

void a_ldapr(struct codebuf *cb, unsigned w, unsigned t, unsigned n)
{
	codebuf_u32(cb, (uint32_t)__builtin_ctz(w) << 30 | 0x38BFC000 | n << 5 | t);
}

void a_atomic(struct codebuf *cb, enum a_atomic op, unsigned w, unsigned s, unsigned t, unsigned n)
{
	codebuf_u32(cb, (uint32_t)__builtin_ctz(w) << 30 | 0x38200000 | s << 16 | (uint32_t)op << 12 | n << 5 | t);
}

void a_cas(struct codebuf *cb, unsigned w, unsigned s, unsigned t, unsigned n)
{
	codebuf_u32(cb, (uint32_t)__builtin_ctz(w) << 30 | 0x08A07C00 | s << 16 | n << 5 | t);
}

void a_mrs_nzcv(struct codebuf *cb, unsigned t)
{
	codebuf_u32(cb, 0xD53B4200 | t);
}

void a_msr_nzcv(struct codebuf *cb, unsigned t)
{
	codebuf_u32(cb, 0xD51B4200 | t);
}

void a_cfinv(struct codebuf *cb)
{
	codebuf_u32(cb, 0xD500401F);
}

uint32_t a_b_insn(int64_t distance)
{
	BUG_ON(distance < -(1 << 27) || distance >= 1 << 27);
	return 0x14000000 | ((uint32_t)(distance >> 2) & 0x03FFFFFF);
}

void a_b(struct codebuf *cb, const uint8_t *to)
{
	codebuf_u32(cb, a_b_insn(to - codebuf_rx(cb)));
}

void a_bl(struct codebuf *cb, const uint8_t *to)
{
	codebuf_u32(cb, a_b_insn(to - codebuf_rx(cb)) | 1u << 31);
}

void a_br(struct codebuf *cb, unsigned n)
{
	codebuf_u32(cb, 0xD61F0000 | n << 5);
}

void a_blr(struct codebuf *cb, unsigned n)
{
	codebuf_u32(cb, 0xD63F0000 | n << 5);
}

void a_ret(struct codebuf *cb)
{
	codebuf_u32(cb, 0xD65F03C0);
}

static uint8_t *branch(struct codebuf *cb, uint32_t insn)
{
	uint8_t *at = cb->p;

	codebuf_u32(cb, insn);
	return at;
}

uint8_t *a_b_fwd(struct codebuf *cb)
{
	return branch(cb, 0x14000000);
}

uint8_t *a_bcc_fwd(struct codebuf *cb, enum a_cond cc)
{
	return branch(cb, 0x54000000 | (uint32_t)cc);
}

uint8_t *a_cbz_fwd(struct codebuf *cb, bool nonzero, unsigned w, unsigned t)
{
	return branch(cb, sf(w) | 0x34000000 | (nonzero ? 1u << 24 : 0) | t);
}

uint8_t *a_tbz_fwd(struct codebuf *cb, bool nonzero, unsigned t, unsigned bit)
{
	return branch(cb, (bit & 32 ? 1u << 31 : 0) | 0x36000000 | (nonzero ? 1u << 24 : 0) | (bit & 31) << 19 | t);
}

void a_here(struct codebuf *cb, uint8_t *at)
{
	int64_t words;
	uint32_t i;

	if (!at || at + 4 > cb->p)
		return; /* none, or it did not fit */
	words = (cb->p - at) >> 2;
	memcpy(&i, at, 4);
	if ((i & 0x7C000000) == 0x14000000)
		i |= (uint32_t)words & 0x03FFFFFF;
	else if ((i & 0x7E000000) == 0x36000000) {
		BUG_ON(words > 0x1FFF);
		i |= ((uint32_t)words & 0x3FFF) << 5;
	} else {
		i |= ((uint32_t)words & 0x7FFFF) << 5;
	}
	memcpy(at, &i, 4);
}
