/*
 * long_soup.c - one random instruction in 64-bit mode with random operands, at level 0 or 3, at the ends of pages and of the
 * canonical addresses.
 *
 * Code lies at 8100h among INT 81h, data at 30000h-31000h, and the page at 1FF000h is the last there is. Flags that the
 * manual leaves open are cleared in the result.
 */
#include "long.h"

#define DATA 0x30000u

enum { FL_C = 1, FL_P = 4, FL_A = 0x10, FL_Z = 0x40, FL_S = 0x80, FL_O = 0x800, FL_SZAP = 0xD4, FL_ALL = 0x8D5 };
enum { MEM = 1, LOCK = 2, BYTE = 4, PLAIN = 8 }; /* memory only; may be locked; 8-bit; no ModRM */

struct shape {
	uint8_t n, op[3], ext; /* ext: 0-7, 8 any */
	uint8_t imm;	       /* 1, 2, 4; 5: as the operand, at most 4; 9: as the operand */
	uint8_t how;
	uint16_t undefined;
};

static const struct shape shapes[] = {
	{1, {0x00}, 8, 0, LOCK | BYTE, 0}, {1, {0x01}, 8, 0, LOCK, 0}, {1, {0x03}, 8, 0, 0, 0}, {1, {0x11}, 8, 0, LOCK, 0}, {1, {0x13}, 8, 0, 0, 0},
	{1, {0x19}, 8, 0, LOCK, 0}, {1, {0x23}, 8, 0, 0, FL_A}, {1, {0x29}, 8, 0, LOCK, 0}, {1, {0x31}, 8, 0, LOCK, FL_A}, {1, {0x3A}, 8, 0, BYTE, 0},
	{1, {0x39}, 8, 0, 0, 0}, {1, {0x05}, 0, 5, PLAIN, 0}, {1, {0x80}, 0, 1, LOCK | BYTE, 0}, {1, {0x81}, 5, 5, LOCK, 0}, {1, {0x83}, 2, 1, LOCK, 0},
	{1, {0x63}, 8, 0, 0, 0}, {1, {0x69}, 8, 5, 0, FL_SZAP}, {1, {0x6B}, 8, 1, 0, FL_SZAP}, {2, {0x0F, 0xAF}, 8, 0, 0, FL_SZAP},
	{1, {0x85}, 8, 0, 0, FL_A}, {1, {0x87}, 8, 0, LOCK, 0}, {1, {0x86}, 8, 0, LOCK | BYTE, 0}, {1, {0x88}, 8, 0, BYTE, 0}, {1, {0x89}, 8, 0, 0, 0},
	{1, {0x8A}, 8, 0, BYTE, 0}, {1, {0x8B}, 8, 0, 0, 0}, {1, {0x8D}, 8, 0, MEM, 0}, {1, {0x8F}, 0, 0, 0, 0}, {1, {0xC6}, 0, 1, BYTE, 0},
	{1, {0xC7}, 0, 5, 0, 0}, {1, {0xB8}, 0, 9, PLAIN, 0}, {1, {0x98}, 0, 0, PLAIN, 0}, {1, {0x99}, 0, 0, PLAIN, 0}, {1, {0x9C}, 0, 0, PLAIN, 0},
	{1, {0x9D}, 0, 0, PLAIN, 0}, {1, {0x9E}, 0, 0, PLAIN, 0}, {1, {0x9F}, 0, 0, PLAIN, 0}, {1, {0xD7}, 0, 0, PLAIN, 0}, {1, {0x50}, 0, 0, PLAIN, 0},
	{1, {0x5B}, 0, 0, PLAIN, 0}, {1, {0x68}, 0, 5, PLAIN, 0}, {1, {0x6A}, 0, 1, PLAIN, 0}, {1, {0xC9}, 0, 0, PLAIN, 0}, {1, {0xC3}, 0, 0, PLAIN, 0},
	{1, {0xC2}, 0, 2, PLAIN, 0}, {1, {0xE8}, 0, 4, PLAIN, 0}, {1, {0xE9}, 0, 4, PLAIN, 0}, {1, {0xE2}, 0, 1, PLAIN, 0}, {1, {0xE3}, 0, 1, PLAIN, 0},
	{1, {0x74}, 0, 1, PLAIN, 0}, {2, {0x0F, 0x85}, 0, 4, PLAIN, 0}, {1, {0xFF}, 2, 0, 0, 0}, {1, {0xFF}, 4, 0, 0, 0}, {1, {0xFF}, 6, 0, 0, 0},
	{1, {0xFF}, 0, 0, LOCK, 0}, {1, {0xFE}, 1, 0, LOCK | BYTE, 0}, {1, {0xF7}, 0, 5, 0, FL_A}, {1, {0xF7}, 2, 0, LOCK, 0}, {1, {0xF7}, 3, 0, LOCK, 0},
	{1, {0xF7}, 4, 0, 0, FL_SZAP}, {1, {0xF7}, 5, 0, 0, FL_SZAP}, {1, {0xF7}, 6, 0, 0, FL_ALL}, {1, {0xF7}, 7, 0, 0, FL_ALL}, {1, {0xF6}, 6, 0, BYTE, FL_ALL},
	{1, {0xD1}, 4, 0, 0, FL_A}, {1, {0xD1}, 7, 0, 0, FL_A}, {1, {0xD3}, 0, 0, 0, FL_O}, {1, {0xD3}, 3, 0, 0, FL_O}, {1, {0xD3}, 5, 0, 0, FL_O | FL_A | FL_C},
	{2, {0x0F, 0x41}, 8, 0, 0, 0}, {2, {0x0F, 0x95}, 8, 0, BYTE, 0}, {2, {0x0F, 0xB6}, 8, 0, 0, 0}, {2, {0x0F, 0xBF}, 8, 0, 0, 0},
	{2, {0x0F, 0xC1}, 8, 0, LOCK, 0}, {2, {0x0F, 0xB1}, 8, 0, LOCK, 0}, {2, {0x0F, 0xC7}, 1, 0, LOCK | MEM, 0}, {2, {0x0F, 0xC8}, 0, 0, PLAIN, 0},
	{2, {0x0F, 0xBA}, 5, 1, LOCK, 0x8D4}, {2, {0x0F, 0xA3}, 1, 0, 0, 0x8D4}, {2, {0x0F, 0xBC}, 8, 0, 0, 0x895}, {2, {0x0F, 0xC3}, 8, 0, MEM, 0},
	{2, {0x0F, 0xA0}, 0, 0, PLAIN, 0}, {2, {0x0F, 0xA9}, 0, 0, PLAIN, 0}, {1, {0xA4}, 0, 0, PLAIN, 0}, {1, {0xA5}, 0, 0, PLAIN, 0},
	{1, {0xA7}, 0, 0, PLAIN, 0}, {1, {0xAB}, 0, 0, PLAIN, 0}, {1, {0xAD}, 0, 0, PLAIN, 0}, {1, {0xAF}, 0, 0, PLAIN, 0}, {1, {0x06}, 0, 0, PLAIN, 0},
	{1, {0x27}, 0, 0, PLAIN, 0}, {1, {0x37}, 0, 0, PLAIN, 0}, {1, {0x60}, 0, 0, PLAIN, 0}, {1, {0x61}, 0, 0, PLAIN, 0}, {1, {0xCE}, 0, 0, PLAIN, 0},
	{1, {0xD4}, 0, 0, PLAIN, 0}, {1, {0x9A}, 0, 0, PLAIN, 0}, {1, {0xEA}, 0, 0, PLAIN, 0}, {1, {0x82}, 0, 0, PLAIN, 0}, {1, {0xD6}, 0, 0, PLAIN, 0},
	{1, {0xC8}, 0, 2, PLAIN, 0}, {1, {0xA1}, 0, 0, PLAIN, 0}, {1, {0xF5}, 0, 0, PLAIN, 0}, {1, {0xFD}, 0, 0, PLAIN, 0},
	{3, {0x0F, 0x01, 0xF8}, 0, 0, PLAIN, 0}, {2, {0x0F, 0x0B}, 0, 0, PLAIN, 0}, {2, {0x0F, 0x06}, 0, 0, PLAIN, 0}, {1, {0xFA}, 0, 0, PLAIN, 0},
	{1, {0x8E}, 3, 0, 0, 0}, {1, {0x8C}, 4, 0, 0, 0}, {2, {0x0F, 0x01}, 4, 0, 0, 0}, {2, {0x0F, 0x00}, 1, 0, 0, 0},
};

static struct {
	uint8_t buf[24];
	unsigned n, rex, osize, addr32;
	uint64_t target;
} s;

static void byte(unsigned v)
{
	s.buf[s.n++] = v;
}

static uint64_t place(void)
{
	static const uint64_t at[] = {DATA + 0x100, DATA + 0x103, DATA + 0x104, DATA + 0x1FC, 0x1FFFF8, 0x1FFFF9, 0x1FFFFC, 0x1FFFFE, 0x1FFFFF,
		0x200000, 0x7FFFFFFFFFF8, 0x7FFFFFFFFFFF, 0x800000000000, 0xFFFF7FFFFFFFFFFF, 0xFFFF800000000000, 0xFFFFFFFFFFFFF000};

	return pick(2) ? at[pick(4)] : PICK(at);
}

/* ModRM and what follows for the memory at `target` through a register of its own, RIP or a displacement */
static void memory(unsigned reg)
{
	unsigned base = pick(16), how = pick(6), index = pick(16), scale = pick(4);
	int8_t d = rnd();
	uint64_t sum;

	if (base == 4)
		base = 3;
	if (how == 0 && s.target < 0x80000000) { /* a displacement alone */
		byte(reg << 3 | 4);
		byte(0x25);
		for (unsigned i = 0; i < 4; i++)
			byte((uint32_t)s.target >> i * 8);
		return;
	}
	if (index == 4 || index == base || how > 2) {
		lin.r[base] = s.target - (int64_t)d;
		if (s.addr32)
			lin.r[base] += rnd64() << 32;
		s.rex |= base >> 3;
		byte(0x40 | reg << 3 | (base & 7));
		if ((base & 7) == 4)
			byte(0x24);
		byte(d);
		return;
	}
	sum = lin.r[index] << scale;
	lin.r[base] = s.target - (int64_t)d - sum;
	s.rex |= base >> 3 | index >> 3 << 1;
	byte(0x44 | reg << 3);
	byte(scale << 6 | (index & 7) << 3 | (base & 7));
	byte(d);
}

static void immediate(const struct shape *h)
{
	static const uint32_t v[] = {0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x10, 0x20, 0x40, 0x80000000, 0xFFFFFFFF};
	unsigned n = h->imm, branch = h->how & PLAIN && n != 5 && n != 9 && h->op[0] != 0x6A;
	uint32_t x = pick(3) ? PICK(v) : rnd();

	if (n == 5)
		n = s.osize > 4 ? 4 : s.osize;
	if (n == 9)
		n = s.osize;
	if (branch && n == 4)
		x = (rnd() & 0x3F) * 2 + (s.n & 1);
	if (branch && n == 1)
		x &= 0x3F;
	for (unsigned i = 0; i < n; i++)
		byte(x >> (i & 3) * 8);
}

static void registers(void)
{
	static const uint64_t v[] = {0, 1, 2, 0x1F, 0x20, 0x3F, 0x40, 0x7F, 0x80, 0xFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF,
		0x8000000000000000, 0xFFFFFFFFFFFFFFFF};

	for (unsigned i = 0; i < 16; i++)
		if (i != 4)
			lin.r[i] = pick(3) ? PICK(v) : rnd64();
}

static unsigned undefined(const struct shape *h)
{
	unsigned count = lin.r[1] & (s.osize == 8 ? 63 : 31), u = h->undefined;

	if (h->op[0] != 0xD3)
		return u;
	if (!count)
		return 0;
	if (count == 1)
		u &= ~FL_O;
	if (h->ext == 5 && count < s.osize * 8)
		u &= ~FL_C;
	return u;
}

static void build(const struct shape *h)
{
	uint8_t legacy[4], *op;
	unsigned nl = 0, w = !(h->how & BYTE) && pick(2), o16 = !pick(6), reg = h->ext < 8 ? h->ext : pick(16);
	int lock = !pick(10), string = h->how & PLAIN && ((h->op[0] >= 0xA4 && h->op[0] <= 0xA7) || (h->op[0] >= 0xAA && h->op[0] <= 0xAF)) && h->n == 1;

	if (h->op[0] == 0xE8 || h->op[0] == 0xE9 || h->op[0] == 0xC3 || h->op[0] == 0xC2 || h->op[0] == 0x74 || (h->op[0] & 0xFC) == 0xE0 ||
		h->op[0] == 0xC9 || h->op[0] == 0xC8 || (h->n == 2 && h->op[1] == 0x85) || (h->op[0] == 0xFF && h->ext >= 2 && h->ext < 6))
		o16 = 0; /* 66h before near branches differs by maker */
	s.addr32 = !pick(8);
	s.osize = h->how & BYTE ? 1 : w ? 8 : o16 ? 2 : 4;
	if (o16)
		legacy[nl++] = 0x66;
	if (s.addr32)
		legacy[nl++] = 0x67;
	if (lock && !string && (h->how & (LOCK | PLAIN) || !pick(4)))
		legacy[nl++] = 0xF0;
	if (string && pick(2)) {
		legacy[nl++] = 0xF2 | pick(2);
		lin.r[1] = pick(5);
	}
	if (!pick(6))
		legacy[nl++] = 0x64 | pick(2);
	s.rex = w << 3 | (reg >> 3) << 2;
	s.n = 0;
	op = s.buf + 6;
	for (unsigned i = 0; i < h->n; i++)
		byte(h->op[i]);
	if (!(h->how & PLAIN)) {
		if ((h->how & MEM) || pick(3)) {
			s.target = place();
			memory(reg & 7);
		} else {
			unsigned rm = pick(16);

			s.rex |= rm >> 3;
			byte(0xC0 | (reg & 7) << 3 | (rm == 4 ? 0 : rm & 7));
		}
	}
	if (h->op[0] == 0xA1 && h->n == 1) {
		uint64_t a = place();

		for (unsigned i = 0; i < (s.addr32 ? 4 : 8); i++)
			byte(a >> i * 8);
	}
	immediate(h);
	if (h->op[0] == 0xC8)
		byte(pick(3));
	for (unsigned i = 0; i < nl; i++)
		emit((char *)&legacy[i], 1);
	if (s.rex || !pick(4)) {
		char rex = 0x40 | s.rex;

		emit(&rex, 1);
	}
	emit((char *)s.buf, s.n);
	(void)op;
}

void case_long_soup(void)
{
	const struct shape *h = &shapes[pick(sizeof(shapes) / sizeof(*shapes))];
	unsigned level = pick(2) * 3, u, enter;
	static const uint64_t stacks[] = {0xA800, 0xA800, 0xA801, 0x1FFFF8, 0x200000, 0x200004, 0x1FFFF9, 0x800000000000, 0x7FFFFFFFFFFC, 0xFFFF800000000000};

	long_begin(level, 1);
	for (unsigned i = 0; i < 0x400 / 4; i++)
		((volatile uint32_t *)DATA)[i] = ((volatile uint32_t *)0x1FFC00)[i] = 0x03020100 + i * 0x04040404;
	registers();
	lin.r[4] = PICK(stacks);
	lin.r[5] = pick(2) ? 0xA900 : PICK(stacks);
	lin.r[6] = place();
	lin.r[7] = place();
	lin.fs_base[0] = pick(2) ? 0 : 0x10;
	lin.gs_base[0] = lin.gs_base[1] = pick(2) ? 0 : 0xFFFFFFFF;
	if (h->op[0] == 0xC3 || h->op[0] == 0xC2 || (h->op[0] == 0xFF && (h->ext == 2 || h->ext == 4))) {
		((volatile uint64_t *)(DATA + 0x100))[0] = pick(2) ? 0x8400 : place();
		((volatile uint64_t *)0xA800)[0] = pick(2) ? 0x8400 : place();
		((volatile uint64_t *)0x1FFFF8)[0] = 0x8400;
	}
	if (h->op[0] == 0x0F && h->op[1] == 0xA9) /* how much a POP of a segment register reads differs by model */
		lin.r[4] = 0xA800;
	if (h->op[0] == 0xFF && h->ext == 2) /* whether CALL pushes before it looks at its target is not said */
		lin.r[4] = 0xA800;
	if (h->op[0] == 0x9D)
		((volatile uint32_t *)0xA800)[0] = rnd() & 0x247FD5 & ~0x300u;
	lin.rflags |= (rnd() & 0x40CD5) | (pick(12) ? 0 : 0x100) | pick(4) << 12;
	/* alignment is looked at last (Vol. 3A 6.9); Bochs puts it before canonical addresses */
	if (pick(2) && lin.r[4] < 0x200000 && lin.r[5] < 0x200000 && lin.r[6] < 0x200000 && lin.r[7] < 0x200000)
		long_cr0 |= 0x40000; /* AM */
	build(h);
	u = undefined(h);
	emit_end();
	for (unsigned i = 0; i < 24; i += 4)
		note("code", *(volatile uint32_t *)(STUBS + i));
	for (unsigned i = 0; i < 16; i++)
		note64("r", lin.r[i]);
	note("fl", lin.rflags);
	note("cr0", long_cr0);
	long_run();
	lout.rflags &= ~(uint64_t)u;
	if (h->op[0] == 0xFF && h->ext == 2 && lout.vec == 13)
		*(volatile uint64_t *)0xA7F8 = 0;
	enter = h->op[0] == 0xC8; /* what ENTER has written when it fails is not said */
	if (!(enter && lout.vec != 0x81)) {
		sum_words(DATA, DATA + 0x400);
		sum_words(0x1FFC00, 0x200000);
		sum_words(0xA600, 0xAA00);
	}
}
