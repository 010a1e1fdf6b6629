/*
 * enc.c - x86-64 encoder (enc.h).
 */
#include "jit/x64/enc.h"
#include <string.h>

static bool needs_rex8(unsigned r)
{
	return r >= 4 && r < 8; /* SPL BPL SIL DIL exist only with REX */
}

/* Up to eight bytes of an instruction, the first lowest: put together in a register and written at once. */
struct piece {
	uint64_t v;
	unsigned n;
};

static inline void add(struct piece *i, unsigned byte)
{
	i->v |= (uint64_t)(byte & 0xFF) << 8 * i->n++;
}

static inline void put(struct codebuf *cb, const struct piece *i)
{
	if (UNLIKELY(cb->end - cb->p < 8)) {
		cb->overflow = true;
		return;
	}
	memcpy(cb->p, &i->v, 8);
	cb->p += i->n;
}

/* Prefixes up to and including the opcode. r, x, b: top bits of reg, index, base. */
static inline struct piece prefix_op(uint32_t op, unsigned w, unsigned rxb, bool rex, bool norex)
{
	unsigned map = op >> 8 & 3, v = 0x40 | (w == 8 ? 8 : 0) | rxb;
	struct piece i = {0, 0};

	if (w == 2 || op & X_P66)
		add(&i, 0x66);
	if (op & X_PF3)
		add(&i, 0xF3);
	if (op & X_PF2)
		add(&i, 0xF2);
	BUG_ON(norex && (rex || v != 0x40));
	if (rex || v != 0x40)
		add(&i, v);
	if (map)
		add(&i, 0x0F);
	if (map >= 2)
		add(&i, map == 2 ? 0x38 : 0x3A);
	add(&i, op);
	return i;
}

static inline unsigned low3(unsigned r)
{
	return r >= X_HI ? 4 + (r & 3) : r & 7;
}

static inline unsigned top(unsigned r)
{
	return r < X_HI && r > 7;
}

/* In these opcodes the reg field is a digit (or nothing), not a register. */
static bool is_group(uint32_t op)
{
	switch (op & 0x3FF) {
	case 0x80: case 0x81: case 0x83: case 0xC0: case 0xC1: case 0xD0: case 0xD1: case 0xD2: case 0xD3:
	case 0xF6: case 0xF7: case 0xFE: case 0xFF: case 0xC6: case 0xC7: case 0x8F:
	case 0x1BA:
		return true;
	}
	return (op & 0x3F0) == 0x190; /* SETcc */
}

/* Nearly all there is: an opcode of one byte, no prefix but REX, 4 or 8 bytes wide. */
static inline bool is_plain(uint32_t op, unsigned w, unsigned reg)
{
	return op < 0x100 && w >= 4 && reg < X_HI;
}

/* @rest, of up to six bytes, behind REX with the bits @wrxb, if it has any, and the opcode */
static inline void put_plain(struct codebuf *cb, uint32_t op, unsigned wrxb, struct piece rest)
{
	unsigned rex = wrxb != 0;

	rest.v = (uint64_t)(rex ? (0x40 | wrxb) | op << 8 : op) | rest.v << (8 + 8 * rex);
	rest.n += 1 + rex;
	put(cb, &rest);
}

static __attribute__((noinline)) void any_rr(struct codebuf *cb, uint32_t op, unsigned w, unsigned reg, unsigned rm)
{
	bool brm = w == 1 || op & X_BRM, breg = w == 1 && !is_group(op);
	bool hi = reg >= X_HI || rm >= X_HI;
	struct piece i = prefix_op(op, w, top(reg) << 2 | top(rm), (brm && needs_rex8(rm)) || (breg && needs_rex8(reg)), hi);

	add(&i, 0xC0 | low3(reg) << 3 | low3(rm));
	put(cb, &i);
}

void x_rr(struct codebuf *cb, uint32_t op, unsigned w, unsigned reg, unsigned rm)
{
	struct piece modrm = {0xC0 | (reg & 7) << 3 | (rm & 7), 1};

	if (LIKELY(is_plain(op, w, reg) && rm < X_HI))
		put_plain(cb, op, (w & 8) | reg >> 3 << 2 | rm >> 3, modrm);
	else
		any_rr(cb, op, w, reg, rm);
}

/* ModRM, SIB and displacement */
static inline struct piece modrm_mem(unsigned reg, const struct x_mem *m)
{
	unsigned index = m->scale & X_GS64 ? X_NONE : m->index, base = m->base;
	bool sib = index != X_NONE || base == X_NONE || low3(base) == 4;
	unsigned mod, scale = index == X_NONE ? 0 : m->scale & 3;
	struct piece i = {0, 0};

	if (base == X_NONE)
		mod = 0; /* disp32 without base */
	else if (m->disp == 0 && low3(base) != 5 && !(m->scale & (X_GS32 | X_GS64 | X_GS)))
		mod = 0;
	else
		mod = m->disp == (int8_t)m->disp && !(m->scale & (X_GS | X_GS64) && reg >= X_HI) ? 1 : 2;
	add(&i, mod << 6 | low3(reg) << 3 | (sib ? 4 : low3(base)));
	if (sib)
		add(&i, scale << 6 | (index == X_NONE ? 4 : low3(index)) << 3 | (base == X_NONE ? 5 : low3(base)));
	if (mod == 1) {
		add(&i, (uint8_t)m->disp);
	} else if (mod == 2 || base == X_NONE) {
		i.v |= (uint64_t)(uint32_t)m->disp << 8 * i.n;
		i.n += 4;
	}
	return i;
}

/* @i and the memory operand behind it */
static inline void put_mem(struct codebuf *cb, struct piece i, unsigned reg, const struct x_mem *m)
{
	struct piece rest = modrm_mem(reg, m);

	if (LIKELY(i.n + rest.n <= 8)) {
		i.v |= rest.v << 8 * i.n;
		i.n += rest.n;
		put(cb, &i);
	} else {
		put(cb, &i);
		put(cb, &rest);
	}
}

static inline unsigned mem_xb(const struct x_mem *m)
{
	BUG_ON(m->index == X_RSP);
	return (m->index != X_NONE && !(m->scale & X_GS64) && top(m->index)) << 1 | (m->base != X_NONE && top(m->base));
}

/*
 * The prefixes of a memory operand that is not the usual kind, which go first; where it begins is kept. The access itself has five
 * bytes at least, for a jump in its place: beside opcode and ModRM a displacement and REX, or four bytes of displacement (modrm_mem(), x_rm()).
 */
static void prefix_window(struct codebuf *cb, const struct x_mem *m)
{
	if (!cb->gs)
		cb->gs = cb->p;
	if (m->scale & X_GS64) { /* a fault of either leads to the same place: nothing may come between them */
		x_vex_rr(cb, X_PF2 | X_0F38(0xF7), 8, 0, m->index, X_RSP, m->base); /* shrx: the frame is at 32 modulo 64 */
		x_load(cb, 4, m->index, &(struct x_mem){X_NONE, m->index, 3, cb->guard});
		cb->access = cb->p;
		codebuf_u8(cb, 0x65);
		return;
	}
	if (m->scale & X_MARK) {
		codebuf_u8(cb, 0x3E); /* DS: nothing, it is a fifth byte beside REX, opcode, ModRM and SIB */
		return;
	}
	if (m->scale & X_GS)
		cb->access = cb->p;
	codebuf_u8(cb, 0x65);
	if (m->scale & X_GS)
		return;
	codebuf_u8(cb, 0x67);
}

static inline void prefix_mem(struct codebuf *cb, const struct x_mem *m)
{
	if (m->scale & X_WINDOW)
		prefix_window(cb, m);
}

/* The same as modrm_mem() for a base, which needs a SIB byte or not, an index or none, and no window. */
static inline struct piece plain_mem(unsigned reg, const struct x_mem *m)
{
	unsigned base = m->base & 7;
	struct piece i = {(reg & 7) << 3, 1};

	if (m->index != X_NONE) {
		i.v |= 4 | (unsigned)(m->scale << 6 | (m->index & 7) << 3 | base) << 8;
		i.n = 2;
	} else if (base == 4) {
		i.v |= 0x2404;
		i.n = 2;
	} else {
		i.v |= base;
	}
	if (m->disp == (int8_t)m->disp) {
		if (m->disp == 0 && base != 5)
			return i;
		i.v |= 0x40 | (uint64_t)(uint8_t)m->disp << 8 * i.n;
		i.n++;
	} else {
		i.v |= 0x80 | (uint64_t)(uint32_t)m->disp << 8 * i.n;
		i.n += 4;
	}
	return i;
}

static __attribute__((noinline)) void any_rm(struct codebuf *cb, uint32_t op, unsigned w, unsigned reg, const struct x_mem *m)
{
	bool breg = w == 1 && !is_group(op);
	struct piece i = prefix_op(op, w, top(reg) << 2 | mem_xb(m), (breg && needs_rex8(reg)) ||
		(m->scale & (X_GS | X_GS64) && reg < X_HI), reg >= X_HI);

	prefix_mem(cb, m);
	put_mem(cb, i, reg, m);
}

void x_rm(struct codebuf *cb, uint32_t op, unsigned w, unsigned reg, const struct x_mem *m)
{
	unsigned x = m->index == X_NONE ? 0 : m->index >> 3;

	BUG_ON(m->index == X_RSP);
	if (LIKELY(is_plain(op, w, reg) && m->base != X_NONE && m->scale < 4))
		put_plain(cb, op, (w & 8) | reg >> 3 << 2 | x << 1 | m->base >> 3, plain_mem(reg, m));
	else
		any_rm(cb, op, w, reg, m);
}

static inline struct piece vex_prefix(uint32_t op, unsigned w, unsigned l, unsigned rxb, unsigned v)
{
	unsigned pp = op & X_P66 ? 1 : op & X_PF3 ? 2 : op & X_PF2 ? 3 : 0;
	struct piece i = {0, 0};

	if ((op >> 8 & 3) == 1 && w != 8 && !(rxb & 3)) { /* the two-byte form */
		add(&i, 0xC5);
		add(&i, (~rxb >> 2 & 1) << 7 | (~v & 15) << 3 | l << 2 | pp);
	} else {
		add(&i, 0xC4);
		add(&i, (~rxb & 7) << 5 | (op >> 8 & 3));
		add(&i, (w == 8 ? 0x80 : 0) | (~v & 15) << 3 | l << 2 | pp);
	}
	add(&i, op);
	return i;
}

void x_vex_rr(struct codebuf *cb, uint32_t op, unsigned w, unsigned l, unsigned reg, unsigned v,
	unsigned rm)
{
	struct piece i = vex_prefix(op, w, l, top(reg) << 2 | top(rm), v);

	add(&i, 0xC0 | low3(reg) << 3 | low3(rm));
	put(cb, &i);
}

void x_vex_rm(struct codebuf *cb, uint32_t op, unsigned w, unsigned l, unsigned reg, unsigned v,
	const struct x_mem *m)
{
	struct piece i = vex_prefix(op, w, l, top(reg) << 2 | mem_xb(m), v);

	prefix_mem(cb, m);
	put_mem(cb, i, reg, m);
}

static void imm(struct codebuf *cb, unsigned w, int32_t v)
{
	codebuf_bytes(cb, &v, w == 8 ? 4 : w);
}

/* The byte form of an opcode is the even one. */
static uint32_t sized(uint32_t op, unsigned w)
{
	return w == 1 ? op : op | 1;
}

void x_mov(struct codebuf *cb, unsigned w, unsigned d, unsigned s)
{
	x_rr(cb, sized(0x88, w), w, s, d);
}

void x_load(struct codebuf *cb, unsigned w, unsigned d, const struct x_mem *m)
{
	x_rm(cb, sized(0x8A, w), w, d, m);
}

void x_store(struct codebuf *cb, unsigned w, const struct x_mem *m, unsigned s)
{
	x_rm(cb, sized(0x88, w), w, s, m);
}

void x_movi(struct codebuf *cb, unsigned w, unsigned d, uint64_t v)
{
	if (w <= 2) {
		x_rr(cb, sized(0xC6, w), w, 0, d);
		imm(cb, w, (int32_t)v);
		return;
	}
	if (w == 4)
		v = (uint32_t)v;
	if (v <= UINT32_MAX) {
		if (top(d))
			codebuf_u8(cb, 0x41);
		codebuf_u8(cb, 0xB8 | low3(d));
		codebuf_u32(cb, (uint32_t)v);
	} else if (v == (uint64_t)(int64_t)(int32_t)v) {
		x_rr(cb, 0xC7, 8, 0, d);
		codebuf_u32(cb, (uint32_t)v);
	} else {
		codebuf_u8(cb, 0x48 | top(d));
		codebuf_u8(cb, 0xB8 | low3(d));
		codebuf_u64(cb, v);
	}
}

void x_store_imm(struct codebuf *cb, unsigned w, const struct x_mem *m, int32_t v)
{
	x_rm(cb, sized(0xC6, w), w, 0, m);
	imm(cb, w, v);
}

void x_movzx(struct codebuf *cb, unsigned d, unsigned s, unsigned sw)
{
	if (sw >= 4)
		x_mov(cb, sw, d, s);
	else
		x_rr(cb, X_0F(sw == 1 ? 0xB6 : 0xB7) | (sw == 1 ? X_BRM : 0), 4, d, s);
}

void x_movzx_m(struct codebuf *cb, unsigned d, const struct x_mem *m, unsigned sw)
{
	if (sw >= 4)
		x_load(cb, sw, d, m);
	else
		x_rm(cb, X_0F(sw == 1 ? 0xB6 : 0xB7), 4, d, m);
}

void x_movsx(struct codebuf *cb, unsigned w, unsigned d, unsigned s, unsigned sw)
{
	if (sw >= w)
		x_mov(cb, w, d, s);
	else if (sw == 4)
		x_rr(cb, 0x63, 8, d, s);
	else
		x_rr(cb, X_0F(sw == 1 ? 0xBE : 0xBF) | (sw == 1 ? X_BRM : 0), w, d, s);
}

void x_movsx_m(struct codebuf *cb, unsigned w, unsigned d, const struct x_mem *m, unsigned sw)
{
	if (sw == 4)
		x_rm(cb, 0x63, 8, d, m);
	else
		x_rm(cb, X_0F(sw == 1 ? 0xBE : 0xBF), w, d, m);
}

void x_alu(struct codebuf *cb, enum x_alu op, unsigned w, unsigned d, unsigned s)
{
	x_rr(cb, sized(op * 8, w), w, s, d);
}

void x_alui(struct codebuf *cb, enum x_alu op, unsigned w, unsigned d, int32_t v)
{
	bool small = w > 1 && v == (int8_t)v;

	x_rr(cb, w == 1 ? 0x80 : small ? 0x83 : 0x81, w, op, d);
	imm(cb, small ? 1 : w, v);
}

void x_alu_rm(struct codebuf *cb, enum x_alu op, unsigned w, unsigned d, const struct x_mem *m)
{
	x_rm(cb, sized(op * 8 + 2, w), w, d, m);
}

void x_alu_mr(struct codebuf *cb, enum x_alu op, unsigned w, const struct x_mem *m, unsigned s)
{
	x_rm(cb, sized(op * 8, w), w, s, m);
}

void x_alu_mi(struct codebuf *cb, enum x_alu op, unsigned w, const struct x_mem *m, int32_t v)
{
	bool small = w > 1 && v == (int8_t)v;

	x_rm(cb, w == 1 ? 0x80 : small ? 0x83 : 0x81, w, op, m);
	imm(cb, small ? 1 : w, v);
}

void x_test(struct codebuf *cb, unsigned w, unsigned a, unsigned b)
{
	x_rr(cb, sized(0x84, w), w, b, a);
}

void x_testi(struct codebuf *cb, unsigned w, unsigned a, int32_t v)
{
	x_rr(cb, sized(0xF6, w), w, 0, a);
	imm(cb, w, v);
}

void x_lea(struct codebuf *cb, unsigned w, unsigned d, const struct x_mem *m)
{
	x_rm(cb, 0x8D, w, d, m);
}

void x_shifti(struct codebuf *cb, enum x_shift op, unsigned w, unsigned d, unsigned n)
{
	if (n == 1) {
		x_rr(cb, sized(0xD0, w), w, op, d);
		return;
	}
	x_rr(cb, sized(0xC0, w), w, op, d);
	codebuf_u8(cb, (uint8_t)n);
}

void x_shiftcl(struct codebuf *cb, enum x_shift op, unsigned w, unsigned d)
{
	x_rr(cb, sized(0xD2, w), w, op, d);
}

void x_setcc(struct codebuf *cb, unsigned cc, unsigned d)
{
	x_rr(cb, X_0F(0x90 | cc) | X_BRM, 4, 0, d);
}

void x_rorx(struct codebuf *cb, unsigned w, unsigned d, unsigned s, unsigned n)
{
	x_vex_rr(cb, X_0F3A(0xF0) | X_PF2, w, 0, d, 0, s);
	codebuf_u8(cb, (uint8_t)n);
}

void x_call_r(struct codebuf *cb, unsigned r)
{
	x_rr(cb, 0xFF, 4, 2, r);
}

void x_jmp_r(struct codebuf *cb, unsigned r)
{
	x_rr(cb, 0xFF, 4, 4, r);
}

void x_jmp_m(struct codebuf *cb, const struct x_mem *m)
{
	x_rm(cb, 0xFF, 4, 4, m);
}

static void rel32(struct codebuf *cb, const uint8_t *target)
{
	codebuf_u32(cb, (uint32_t)(target - (codebuf_rx(cb) + 4)));
}

void x_jmp(struct codebuf *cb, const uint8_t *target)
{
	codebuf_u8(cb, 0xE9);
	rel32(cb, target);
}

void x_call(struct codebuf *cb, const uint8_t *target)
{
	codebuf_u8(cb, 0xE8);
	rel32(cb, target);
}

void x_jcc(struct codebuf *cb, unsigned cc, const uint8_t *target)
{
	codebuf_u8(cb, 0x0F);
	codebuf_u8(cb, 0x80 | cc);
	rel32(cb, target);
}

static uint8_t *place(struct codebuf *cb, unsigned n)
{
	codebuf_bytes(cb, "\0\0\0\0", n);
	return cb->overflow ? NULL : cb->p - n;
}

uint8_t *x_jmp_fwd(struct codebuf *cb)
{
	codebuf_u8(cb, 0xE9);
	return place(cb, 4);
}

uint8_t *x_jcc_fwd(struct codebuf *cb, unsigned cc)
{
	codebuf_u8(cb, 0x0F);
	codebuf_u8(cb, 0x80 | cc);
	return place(cb, 4);
}

uint8_t *x_jmp_fwd8(struct codebuf *cb)
{
	codebuf_u8(cb, 0xEB);
	return place(cb, 1);
}

uint8_t *x_jrcxz_fwd(struct codebuf *cb)
{
	codebuf_u8(cb, 0xE3);
	return place(cb, 1);
}

void x_here(struct codebuf *cb, uint8_t *at)
{
	int32_t rel = at ? (int32_t)(cb->p - (at + 4)) : 0;

	if (at)
		memcpy(at, &rel, 4);
}

void x_here8(struct codebuf *cb, uint8_t *at)
{
	if (!at)
		return;
	BUG_ON(!cb->overflow && cb->p - (at + 1) > 127);
	*at = (uint8_t)(cb->p - (at + 1));
}
