/*
 * soup.c - one random instruction of the 8086 to the Pentium with random operands, in real mode, virtual-8086 mode and 16-
 * and 32-bit protected mode, with operands, stacks and code at the ends of segments of random limits.
 *
 * Code is in 20000h-2FFFFh, which is INT3 all over, so that wherever control goes, the case ends; data and stack are in
 * 30000h-41000h. Flags that the manual leaves open are cleared in the result.
 */
#include "ring0.h"

#define CODE 0x20000u
#define DATA 0x30000u

enum { REAL, V86, PM16, PM32 };
enum { ES, CS, SS, DS, FS, GS };
enum { FL_C = 1, FL_P = 4, FL_A = 0x10, FL_Z = 0x40, FL_S = 0x80, FL_O = 0x800, FL_ARITH = 0x8D5 };

static struct {
	unsigned mode, osize, asize; /* sizes in bytes */
	uint32_t base[6], undefined, reg[8];
	int seg; /* override, or -1 */
	uint16_t code_sel;
	uint8_t buf[32];
	unsigned n, ip;
	uint32_t ea, ea_linear;
	int may_lock, is_call, is_enter, stack_big;
} s;

static void byte(unsigned v)
{
	s.buf[s.n++] = v;
}

static void bytes(uint32_t v, unsigned n)
{
	while (n--) {
		byte(v);
		v >>= 8;
	}
}

static void imm(unsigned n)
{
	static const uint32_t v[] = {0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x80000000, 0xFFFFFFFF};

	bytes(pick(4) ? PICK(v) : rnd(), n);
}

static uint32_t offset_of_interest(void)
{
	static const uint32_t at[] = {0, 1, 2, 0x100, 0x104, 0x7FFB, 0x7FFC, 0x7FFD, 0x7FFE, 0x7FFF, 0x8000, 0x8001, 0x8002,
		0xFFF8, 0xFFFB, 0xFFFC, 0xFFFD, 0xFFFE, 0xFFFF, 0x10000};

	return at[pick(sizeof(at) / sizeof(*at) - (s.asize == 2))];
}

static void modrm16(unsigned reg)
{
	static const uint8_t parts[8][2] = {{3, 6}, {3, 7}, {5, 6}, {5, 7}, {6, 8}, {7, 8}, {5, 8}, {3, 8}};
	unsigned rm = pick(8), mod = pick(3), seg = rm == 2 || rm == 3 || (rm == 6 && mod) ? SS : DS;
	uint16_t sum = 0;

	for (unsigned i = 0; i < 2; i++)
		sum += parts[rm][i] < 8 && !(rm == 6 && !mod) ? s.reg[parts[rm][i]] : 0;
	if (mod == 0 && rm != 6)
		mod = 2;
	if (mod == 1) {
		int8_t d = rnd();

		byte(0x40 | reg << 3 | rm);
		byte(d);
		s.ea = (uint16_t)(sum + d);
	} else {
		byte(mod << 6 | reg << 3 | rm);
		bytes(s.ea - sum, 2);
		s.ea &= 0xFFFF;
	}
	s.ea_linear = s.base[s.seg >= 0 ? s.seg : (int)seg] + s.ea;
}

static void modrm32(unsigned reg)
{
	unsigned rm = pick(8), base = rm, index = 4, scale = 0, seg = DS;
	uint32_t sum = 0;

	if (rm == 4) {
		base = pick(8);
		index = pick(8);
		scale = pick(4);
	}
	if (rm == 5 && pick(2)) { /* displacement alone */
		byte(reg << 3 | 5);
		base = 8;
	} else {
		byte(0x80 | reg << 3 | rm);
		if (rm == 4)
			byte(scale << 6 | index << 3 | base);
		sum = s.reg[base] + (index == 4 ? 0 : s.reg[index] << scale);
		seg = base == 4 || base == 5 ? SS : DS;
	}
	bytes(s.ea - sum, 4);
	s.ea_linear = s.base[s.seg >= 0 ? s.seg : (int)seg] + s.ea;
}

/* The operand bytes: a register (never SP: the case needs its stack) or memory at an offset of interest. */
static void modrm(unsigned reg, int memory_only)
{
	if (!memory_only && !pick(3)) {
		unsigned rm = pick(8);

		byte(0xC0 | reg << 3 | (rm == 4 ? 0 : rm));
		return;
	}
	s.ea = offset_of_interest();
	if (s.asize == 2)
		modrm16(reg);
	else
		modrm32(reg);
}

static unsigned any_reg(void)
{
	unsigned r = pick(8);

	return r == 4 ? 0 : r;
}

/* A far or near pointer where the instruction will look for it. */
static void put_pointer(uint32_t linear)
{
	uint32_t off = 0x200 + pick(0x80);

	if (linear + 8 > DATA + 0x11000 || linear < DATA - 0x100)
		return;
	if (s.osize == 2)
		*(volatile uint32_t *)linear = off | (uint32_t)s.code_sel << 16;
	else
		((volatile uint32_t *)linear)[0] = off, ((volatile uint32_t *)linear)[1] = s.code_sel;
}

/* The same, with flags behind it, on the stack, which may wrap. */
static void push_pointer(void)
{
	uint32_t v[] = {0x200 + pick(0x80), s.code_sel, (rnd() & 0xCD5) | 2 | (pick(8) ? 0 : 0x100)};

	for (unsigned i = 0; i < 3 * s.osize / 2; i++) {
		uint32_t at = s.reg[4] + i * 2, w = s.osize == 2 ? v[i] : v[i / 2] >> (i & 1) * 16;

		if (!s.stack_big)
			at &= 0xFFFF;
		if (at < 0x10800)
			*(volatile uint16_t *)(s.base[SS] + at) = w;
	}
}

/* Whether a frame that wraps in a 16-bit stack "fits" is not said for far calls in protected mode (Vol. 2 CALL). */
static void plain_stack(void)
{
	if (s.mode >= PM16 && !s.stack_big && (s.reg[4] < 16 || s.reg[4] > 0xFFE0))
		s.reg[4] = 0x8000;
}

static void relative(unsigned size)
{
	static const uint32_t to[] = {0x200, 0x180, 0xFFFF, 0x0, 0x10, 0x7FFF, 0x8000};
	uint32_t target = size == 1 ? s.ip + s.n + 1 + (int8_t)(rnd() & 0x7F) : PICK(to);

	bytes(target - (s.ip + s.n + size), size);
}

static void alu(void)
{
	unsigned op = pick(8), form = pick(6);

	s.undefined = op == 1 || op == 4 || op == 6 ? FL_A : 0;
	s.may_lock = op != 7 && form < 2;
	byte(op << 3 | form);
	if (form < 4)
		modrm(any_reg(), 0);
	else
		imm(form == 4 ? 1 : s.osize);
}

static void group1(void)
{
	static const uint8_t ops[] = {0x80, 0x81, 0x83};
	unsigned op = PICK(ops), r = pick(8);

	s.undefined = r == 1 || r == 4 || r == 6 ? FL_A : 0;
	s.may_lock = r != 7;
	byte(op);
	modrm(r, 0);
	imm(op == 0x81 ? s.osize : 1);
}

static void registers(void)
{
	static const uint8_t ops[] = {0x40, 0x48, 0x50, 0x58, 0x90};

	byte(PICK(ops) + any_reg());
}

static void stack_ops(void)
{
	static const uint8_t ops[] = {0x60, 0x61, 0x68, 0x6A, 0x8F, 0x9C, 0x9D, 0x06, 0x0E, 0x16, 0x1E, 0x07, 0x1F, 0xC9, 0xC8,
		0xFF};
	unsigned op = PICK(ops);

	/* PUSH of a segment register writes 2 or 4 bytes, by model (Vol. 2 PUSH) */
	if (s.osize == 4 && (op == 0x06 || op == 0x0E || op == 0x16 || op == 0x1E))
		op = 0x50;
	if (s.osize == 4 && (op == 0x07 || op == 0x1F)) /* and POP of one reads 2 or 4 */
		s.reg[4] = 0x8000;
	if (op == 0x07 || op == 0x1F) /* the selector is what the stack holds; not everywhere a good one */
		push_pointer();
	s.is_enter = op == 0xC8 || op == 0x60;
	byte(op);
	if (op == 0x68)
		imm(s.osize);
	else if (op == 0x6A)
		imm(1);
	else if (op == 0x8F)
		modrm(0, 0);
	else if (op == 0xFF)
		modrm(6, 0);
	else if (op == 0xC8)
		bytes(pick(4) ? pick(64) * 2 : pick(0x8000) * 2, 2), byte(pick(3) ? pick(4) : pick(256));
}

static void multiply(void)
{
	static const uint8_t ops[] = {0x69, 0x6B, 0xAF};
	unsigned op = PICK(ops);

	s.undefined = FL_S | FL_Z | FL_A | FL_P;
	if (op == 0xAF)
		byte(0x0F);
	byte(op);
	modrm(any_reg(), 0);
	if (op != 0xAF)
		imm(op == 0x69 ? s.osize : 1);
}

static void moves(void)
{
	static const uint8_t ops[] = {0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8B, 0x8D, 0xC6, 0xC7, 0x62, 0x63, 0x8C};
	unsigned op = PICK(ops), r = any_reg();

	if (op == 0x84 || op == 0x85)
		s.undefined = FL_A;
	s.may_lock = op == 0x86 || op == 0x87;
	byte(op);
	if (op == 0x63) {
		byte(0xC0 | pick(4) << 3 | pick(4));
		return;
	}
	if (op == 0x8C)
		r = pick(8);
	modrm(op >= 0xC6 ? 0 : r, op == 0x62);
	if (op >= 0xC6)
		imm(op == 0xC6 ? 1 : s.osize);
}

static void load_segment(void)
{
	static const uint8_t r[] = {ES, DS, FS, GS, CS, 6, 7};

	byte(0x8E);
	byte(0xC0 | PICK(r) << 3);
}

static void one_byte(void)
{
	static const uint8_t ops[] = {0x98, 0x99, 0x9E, 0x9F, 0xF5, 0xF8, 0xF9, 0xFA, 0xFB, 0xFC, 0xFD, 0xD6, 0xD7, 0xCC, 0xCE, 0xCE,
		0x9B, 0xF1, 0x0F, 0x27, 0x2F, 0x37, 0x3F, 0xD4, 0xD5, 0xCD};
	unsigned op = PICK(ops);

	if (op == 0x27 || op == 0x2F)
		s.undefined = FL_O;
	if (op == 0x37 || op == 0x3F)
		s.undefined = FL_O | FL_S | FL_Z | FL_P;
	if (op == 0xD4 || op == 0xD5)
		s.undefined = FL_O | FL_A | FL_C;
	if (op == 0xF1) /* INT1's frame: hypervisors see to it */
		op = 0xCC;
	byte(op);
	if (op == 0x0F)
		byte(0x0B);
	if (op == 0xD4 || op == 0xD5)
		byte(pick(3) ? 10 : pick(4) * 0x55);
	if (op == 0xCD)
		byte(pick(7) * 4 + 1); /* not 2 and 8: the watchdog and a task */
}

static void strings(void)
{
	static const uint8_t ops[] = {0xA4, 0xA5, 0xA6, 0xA7, 0xAA, 0xAB, 0xAC, 0xAD, 0xAE, 0xAF, 0x6E, 0x6F};

	s.reg[2] = 0x80; /* OUTS: a port that does nothing */
	byte(PICK(ops));
}

static void offsets(void)
{
	byte(0xA0 + pick(4));
	s.ea = offset_of_interest();
	bytes(s.ea, s.asize);
}

static void shifts(void)
{
	static const uint8_t ops[] = {0xC0, 0xC1, 0xD0, 0xD1, 0xD2, 0xD3};
	unsigned op = PICK(ops), r = pick(8), count = s.reg[1] & 0xFF, bits = op & 1 ? s.osize * 8 : 8;
	static const uint8_t counts[] = {0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 0xFF};

	byte(op);
	modrm(r, 0);
	if (op < 0xD0)
		byte(count = PICK(counts));
	else if (op < 0xD2)
		count = 1;
	count &= 31;
	s.undefined = (count ? FL_A : 0) | (count > 1 ? FL_O : 0);
	if (r < 4) /* the rotates leave the other flags */
		s.undefined &= FL_O;
	if (r >= 4 && r != 7 && count >= bits)
		s.undefined |= FL_C;
	if (r < 2 && count)
		s.undefined |= count > 1 ? FL_O : 0;
}

static void returns(void)
{
	static const uint8_t ops[] = {0xC2, 0xC3, 0xCA, 0xCB, 0xCF};
	unsigned op = PICK(ops);

	if (op != 0xC2 && op != 0xC3)
		plain_stack();
	push_pointer();
	byte(op);
	if (op == 0xC2 || op == 0xCA)
		bytes(pick(3) ? pick(8) * 2 : rnd() & 0xFFFE, 2);
}

static void pointers(void)
{
	static const uint8_t ops[] = {0xC4, 0xC5, 0xB4, 0xB5};
	unsigned op = PICK(ops);

	if (op < 0xC0)
		byte(0x0F);
	byte(op);
	modrm(any_reg(), 1);
	if (pick(2))
		put_pointer(s.ea_linear);
}

static void branches(void)
{
	static const uint8_t ops[] = {0x70, 0x80, 0xE0, 0xE1, 0xE2, 0xE3, 0xE8, 0xE9, 0xEB, 0xEA, 0x9A};
	unsigned op = PICK(ops);

	if (op == 0x70 || op == 0x80) {
		if (op == 0x80)
			byte(0x0F);
		byte(op + pick(16));
		relative(op == 0x70 ? 1 : s.osize);
		return;
	}
	s.is_call = op == 0xE8 || op == 0x9A;
	if (op == 0x9A)
		plain_stack();
	byte(op);
	if (op == 0xEA || op == 0x9A) {
		bytes(pick(2) ? 0x200 : pick(2) ? 0xFFFF : 0x10000, s.osize);
		bytes(s.code_sel, 2);
	} else {
		relative(op == 0xE8 || op == 0xE9 ? s.osize : 1);
	}
}

static void group3(void)
{
	unsigned r = pick(8);

	if (r >= 4)
		s.undefined = r >= 6 ? FL_ARITH : FL_S | FL_Z | FL_A | FL_P;
	else if (r < 2)
		s.undefined = FL_A;
	s.may_lock = r == 2 || r == 3;
	byte(0xF6 | pick(2));
	modrm(r, 0);
}

static void group5(void)
{
	unsigned op = 0xFE | pick(2), r = op == 0xFE ? pick(2) : pick(6);

	s.may_lock = r < 2;
	byte(op);
	s.is_call = r == 2 || r == 3;
	if (r == 3)
		plain_stack();
	modrm(r, r == 3 || r == 5);
	if (r == 3 || r == 5)
		put_pointer(s.ea_linear);
}

static void bit_ops(void)
{
	static const uint8_t ops[] = {0xA3, 0xAB, 0xB3, 0xBB, 0xBA, 0xBC, 0xBD, 0xA4, 0xA5, 0xAC, 0xAD};
	unsigned op = PICK(ops), r = any_reg();

	byte(0x0F);
	byte(op);
	s.undefined = FL_O | FL_S | FL_A | FL_P;
	if (op == 0xBC || op == 0xBD)
		s.undefined |= FL_C;
	s.may_lock = op == 0xAB || op == 0xB3 || op == 0xBB;
	if (op == 0xBA)
		r = 4 + pick(4);
	if (op == 0xA3 || op == 0xAB || op == 0xB3 || op == 0xBB) /* the offset moves the operand: a small one */
		r = 1;
	modrm(r, 0);
	if (op == 0xBA)
		imm(1);
	if (op == 0xA4 || op == 0xAC)
		byte(pick(16));
	if (op == 0xA5 || op == 0xAD) /* more than the operand has bits: undefined */
		s.reg[1] &= ~0x10u;
	if ((op & 0xF6) == 0xA4)
		s.undefined = FL_O | FL_A;
}

static void extended(void)
{
	static const uint8_t ops[] = {0x90, 0x40, 0xB6, 0xB7, 0xBE, 0xBF, 0xC0, 0xC1, 0xB0, 0xB1, 0xC7, 0xC8, 0x00, 0x02, 0x03, 0xA0,
		0xA8, 0xB9};
	unsigned op = PICK(ops);

	if (s.osize == 4 && (op == 0xA0 || op == 0xA8))
		op = 0xB6;
	byte(0x0F);
	s.may_lock = op == 0xC0 || op == 0xC1 || op == 0xB0 || op == 0xB1 || op == 0xC7;
	if (op == 0x90 || op == 0x40)
		byte(op + pick(16));
	else
		byte(op == 0xC8 ? op + any_reg() : op);
	if (op == 0xC8 || op == 0xA0 || op == 0xA8)
		return;
	modrm(op == 0xC7 ? 1 : op == 0x00 ? pick(2) : any_reg(), op == 0xC7);
}

/* What only privilege level 0 may do: not in real mode. */
static void privileged(void)
{
	static const char *const code[] = {"\xF4\x90\x90", "\x0F\x20\xC0", "\x0F\x22\xC0", "\x0F\x06\x90", "\x0F\x08\x90",
		"\x0F\x09\x90", "\x0F\x21\xF8", "\x0F\x23\xF8", "\x0F\x00\xD0", "\x0F\x00\xD8", "\x0F\x01\xF0", "\x0F\x30\x90",
		"\x0F\x32\x90", "\xE7\x80\x90", "\xEE\x90\x90", "\xE6\x80\x90", "\xEF\x90\x90"};
	const char *c = PICK(code);

	if (s.mode == REAL || !in.level) {
		moves();
		return;
	}
	s.reg[2] = 0x80;
	for (unsigned i = 0; i < 3; i++)
		byte((uint8_t)c[i]);
}

static void (*const classes[])(void) = {alu, group1, registers, stack_ops, stack_ops, multiply, moves, load_segment, one_byte,
	one_byte, strings, strings, offsets, shifts, shifts, returns, pointers, branches, group3, group5, bit_ops, extended,
	privileged};

static void one_instruction(void)
{
	static const uint8_t over[] = {0x26, 0x36, 0x3E, 0x64, 0x65}, which[] = {ES, SS, DS, FS, GS};
	unsigned c = pick(sizeof(classes) / sizeof(*classes)), k = pick(5), lock = !pick(10), at;
	unsigned native = s.mode == PM32 ? 4 : 2;

	s.n = 0;
	s.undefined = 0;
	s.may_lock = s.is_call = s.is_enter = 0;
	s.seg = -1;
	s.osize = s.asize = native;
	if (lock)
		byte(0xF0);
	if (classes[c] == strings && pick(3)) {
		byte(0xF2 | pick(2));
		s.reg[1] = pick(5) | (pick(2) ? 0 : rnd() << 16);
	}
	if (!pick(3))
		byte(0x66), s.osize = 6 - native;
	if (!pick(4))
		byte(0x67), s.asize = 6 - native;
	if (!pick(4))
		byte(over[k]), s.seg = which[k];
	if (s.asize == 4 && classes[c] == strings)
		s.reg[1] &= 7;
	at = s.n;
	classes[c]();
	if (classes[c] == group3 && (s.buf[at + 1] >> 3 & 7) < 2)
		imm(s.buf[at] & 1 ? s.osize : 1);
	/* LOCK belongs to what may have it; where it raises #UD anyway it may stand */
	if (lock && classes[c] == strings)
		s.buf[0] = 0x90;
}

static void random_registers(void)
{
	static const uint32_t v[] = {0, 1, 2, 7, 8, 0x10, 0x1F, 0x20, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF,
		0x80000000, 0xFFFFFFFF};
	static const uint32_t sp[] = {0x8000, 0x8000, 0x7FFE, 0x8002, 0x100, 0, 2, 4, 6, 0xFFFE, 0xFFFC, 0x40};

	for (unsigned i = 0; i < 8; i++)
		s.reg[i] = pick(3) ? PICK(v) : rnd();
	s.reg[4] = PICK(sp);
	s.reg[5] = PICK(sp) | (s.mode == PM32 ? 0 : rnd() << 16);
	for (unsigned i = 6; i < 8; i++)
		s.reg[i] = offset_of_interest() | (pick(3) || s.mode == PM32 ? 0 : rnd() << 16);
}

static void fill(uint32_t at, uint32_t bytes_, uint32_t v, uint32_t step)
{
	for (uint32_t i = 0; i < bytes_ / 4; i++)
		((volatile uint32_t *)at)[i] = v + i * step;
}

static void segments_8086(void)
{
	static const uint16_t segs[] = {0x3000, 0x3000, 0x3001, 0x2FF8};
	uint16_t v[6];

	for (unsigned i = 0; i < 6; i++) {
		v[i] = i == CS ? 0x2000 : PICK(segs);
		s.base[i] = v[i] << 4;
	}
	in.cs = v[CS], in.ss = v[SS], in.ds = v[DS], in.es = v[ES], in.fs = v[FS], in.gs = v[GS];
	s.code_sel = 0x2000;
	if (s.mode == REAL)
		s.reg[0] = pick(2) ? PICK(segs) : s.reg[0];
}

static void segments_protected(unsigned level)
{
	static const uint32_t limits[] = {0xFFFF, 0xFFFF, 0x8000, 0x7FFF, 0xFFFE, 0x10010}, down[] = {0x100, 0x7FF0, 0};
	uint16_t v[6];

	for (unsigned i = 0; i < 6; i++) {
		unsigned at = SEL_CASE / 8 + i, big = pick(2) << 14;
		uint32_t limit = PICK(limits);

		s.base[i] = i == CS ? CODE : DATA + (i & 1) * 0x10;
		v[i] = at << 3 | level;
		if (i == CS)
			GDT[at] = descriptor(CODE, pick(3) ? 0xFFFF : 0xFFF8, 0x9B | level << 5 | (s.mode == PM32) << 14);
		else if (!pick(6) && !(i == SS && s.mode == PM32)) /* expand-down */
			GDT[at] = descriptor(s.base[i], PICK(down), 0x97 | level << 5 | big);
		else
			GDT[at] = descriptor(s.base[i], limit, (i == SS || pick(4) ? 0x93 : pick(2) ? 0x91 : 0x9B) | level << 5 |
				(i == SS ? (s.mode == PM32 || pick(3) == 0) << 14 : big));
		if (i == SS && (GDT[at] >> 40 & 4))
			GDT[at] |= (uint64_t)(s.mode == PM32) << 54;
	}
	if (!level) { /* the handler's frame needs a stack */
		GDT[SEL_CASE / 8 + SS] = descriptor(s.base[SS], 0x10FFF, 0x93 | (s.mode == PM32) << 14);
		s.reg[4] = 0x8000 + pick(3) * 2;
	}
	s.stack_big = GDT[SEL_CASE / 8 + SS] >> 54 & 1;
	in.cs = v[CS], in.ss = v[SS], in.ds = v[DS], in.es = v[ES], in.fs = v[FS], in.gs = v[GS];
	if (!pick(8))
		in.es = 0;
	s.code_sel = v[CS];
}

/* What lies below the stack pointer is not compared where the manual does not say what has been written. */
static void wipe_stack(uint32_t base, uint32_t esp, unsigned n, int big)
{
	for (unsigned i = 1; i <= n; i++) {
		uint32_t at = base + (big ? esp - i : (esp - i) & 0xFFFF);

		if (at >= DATA - 0x1000 && at < DATA + 0x12000)
			*(volatile uint8_t *)at = 0;
	}
}

static void run_soup(unsigned level)
{
	volatile uint8_t *code = (uint8_t *)CODE;

	for (unsigned i = 0; i < s.n; i++)
		code[s.ip + i] = s.buf[i];
	if (params[4]) {
		for (unsigned i = 0; i < s.n; i++)
			note("b", s.buf[i]);
		for (unsigned i = 0; i < 6; i++)
			note("hi", GDT[SEL_CASE / 8 + i] >> 32), note("lo", GDT[SEL_CASE / 8 + i]);
		for (unsigned i = 0; i < 8; i++)
			note("r", s.reg[i]);
	}
	in.eax = s.reg[0], in.ecx = s.reg[1], in.edx = s.reg[2], in.ebx = s.reg[3];
	in.esp = s.reg[4], in.ebp = s.reg[5], in.esi = s.reg[6], in.edi = s.reg[7];
	in.eip = s.ip;
	in.eflags = (rnd() & 0xCD5) | 2 | (pick(10) ? 0 : 0x100) | (pick(3) ? 3 << 12 : pick(4) << 12);
	if (s.mode == REAL) {
		for (unsigned i = 0; i < sizeof(in) / 4; i++)
			REAL_IN[i] = ((uint32_t *)&in)[i];
		for (unsigned i = 0; i < sizeof(out) / 4; i++)
			REAL_OUT[i] = 0;
		run_real();
		for (unsigned i = 0; i < sizeof(out) / 4; i++)
			((uint32_t *)&out)[i] = REAL_OUT[i];
		out.vec &= 0xFF;
		wipe_stack(out.ss << 4, out.esp, 16, 0); /* flags may be undefined there */
	} else {
		if (s.mode == V86)
			in.eflags |= 0x20000;
		run_case();
		if (!level && s.mode != V86) { /* the handler's frame is on the stack of the case */
			int big = out_handler_ss < 0x200 && (GDT[out_handler_ss >> 3] >> 54 & 1);

			out.esp = out.esp_ + 20;
			wipe_stack(s.base[SS], out.esp, 0x100, big);
		}
	}
	for (unsigned i = 0; i < s.n; i++)
		if (CODE + s.ip + i < DATA)
			code[s.ip + i] = 0xCC;
	if (s.is_call && out.vec == 12) /* the order of the checks of stack and target is not said */
		out.vec = 13;
	if (s.is_call && out.vec >= 10 && out.vec <= 13) /* nor whether the return address is pushed before */
		wipe_stack(s.base[SS], s.reg[4], 16, s.stack_big);
	out.eflags &= ~s.undefined;
	if (s.is_enter && out.vec == 12) /* what ENTER or PUSHA has written before it fails */
		return;
	sum_words(DATA - 0x100, DATA + 0x140);
	sum_words(DATA + 0x7F00, DATA + 0x8100);
	sum_words(DATA + 0xFF00, DATA + 0x10100);
	memory_sum += out.ebx + out.ecx * 3 + out.edx * 5 + out.esi * 7 + out.edi * 9 + out.ebp * 11;
}

static void soup(unsigned mode, unsigned level)
{
	s.mode = mode;
	s.stack_big = 0;
	enter_at(level);
	if (*(volatile uint32_t *)(CODE + 0x200) != 0xCCCCCCCC || *(volatile uint8_t *)(CODE + 0xFFFF) != 0xCC)
		fill(CODE, 0x10000, 0xCCCCCCCC, 0);
	fill(DATA - 0x100, 0x11100, 0x03020100, 0x04040404);
	s.asize = mode == PM32 ? 4 : 2;
	random_registers();
	if (mode <= V86)
		segments_8086();
	else
		segments_protected(level);
	s.ip = pick(8) ? 0x100 : 0xFFF0 + pick(16);
	one_instruction();
	for (unsigned i = 0; i < 256; i++)
		IDT[i] |= i == 3 || i == 4 ? 0x60ull << 40 : 0;
	run_soup(level);
}

void case_soup_real(void)
{
	volatile uint32_t *ivt = 0;

	for (unsigned i = 0; i < 256; i++)
		ivt[i] = REAL_CODE + real_stub_offset[0] + (i < 33 ? i : 33) * 8;
	ivt[0x81] = REAL_CODE + real_stub_offset[0] + 34 * 8;
	ivt[2] = REAL_CODE + real_stub_offset[1];
	if (!pick(4))
		GDT[SEL_DATA16 >> 3] = descriptor(0, 0xFFFFF, 0x8093); /* limits that stay in real mode */
	soup(REAL, 0);
}

void case_soup_v86(void)
{
	soup(V86, 3);
}

void case_soup_16(void)
{
	soup(PM16, pick(4) ? 3 : pick(3));
}

void case_soup_32(void)
{
	soup(PM32, pick(4) ? 3 : pick(3));
}
