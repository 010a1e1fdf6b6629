/*
 * decode.c - from bytes and code size to struct insn.
 *
 * Prefixes, opcode and ModRM give one word of facts; the index gives the few rows the opcode can
 * be; the row whose (mask, value) fits the facts says where the operands are. Each step is given
 * the byte to go on at and returns where it stopped.
 *
 * No step asks whether its bytes are there: where not all that could be read are, they are read
 * from a copy that has zeros behind it, and the end of all paths asks once how far it went.
 *
 * Source: Intel SDM Vol. 2A chapter 2 "Instruction Format".
 */
#include <string.h>

#include "cpu/insn/insn.h"
#include "cpu/insn/rows.h"

/* Bytes read behind the prefixes at most: opcode, ModRM, SIB, disp32, imm32, or VEX, opcode, ModRM, SIB, disp32, imm8. */
#define BODY_MAX 11

/* The rarer ways: registers saved for them would be saved for all. */
#define NOINLINE __attribute__((noinline))

struct source {
	const uint8_t *start;
	unsigned avail;
	bool rare; /* a copy, VEX, or prefixes other than REX: there is more to be asked */
	uint8_t padded[INSN_MAX_LEN + BODY_MAX];
};

/* Has the copy read instead of the bytes themselves. Return: the copy of @p */
static NOINLINE const uint8_t *pad(struct source *s, const uint8_t *p)
{
	p = s->padded + (p - s->start);
	s->rare = true;
	memset(s->padded, 0, sizeof(s->padded));
	memcpy(s->padded, s->start, s->avail);
	s->start = s->padded;
	return p;
}

static inline void from(struct source *s, const uint8_t *bytes, unsigned avail)
{
	s->start = bytes;
	s->avail = INSN_MAX_LEN;
	s->rare = false;
	if (UNLIKELY(avail < INSN_MAX_LEN)) {
		s->avail = avail;
		pad(s, bytes);
	}
}

/* Little-endian, sign-extended, @n bytes (1, 2, 4, 8). */
static inline int64_t read_signed(const uint8_t *p, unsigned n)
{
	int64_t v8;
	int32_t v4;
	int16_t v2;

	switch (n) {
	case 1:
		return (int8_t)*p;
	case 2:
		memcpy(&v2, p, 2);
		return v2;
	case 4:
		memcpy(&v4, p, 4);
		return v4;
	default:
		memcpy(&v8, p, 8);
		return v8;
	}
}

static int64_t read_unsigned(const uint8_t *p, unsigned n)
{
	return (int64_t)bits((uint64_t)read_signed(p, n), n * 8 - 1, 0);
}

/* First bytes that are not simply an opcode of the one-byte map. */
enum { BYTE_OPCODE, BYTE_REX, BYTE_PREFIX, BYTE_ESCAPE, BYTE_VEX };

static const uint8_t byte_kind[256] = {
	[0x0F] = BYTE_ESCAPE,
	[0x26] = BYTE_PREFIX, [0x2E] = BYTE_PREFIX, [0x36] = BYTE_PREFIX, [0x3E] = BYTE_PREFIX,
	[0x40 ... 0x4F] = BYTE_REX, /* in 64-bit mode */
	[0x62] = BYTE_VEX,	    /* EVEX; or BOUND */
	[0x64 ... 0x67] = BYTE_PREFIX,
	[0xC4] = BYTE_VEX, [0xC5] = BYTE_VEX, /* or LES, LDS */
	[0xF0] = BYTE_PREFIX, [0xF2] = BYTE_PREFIX, [0xF3] = BYTE_PREFIX
};

static inline void set_rex(struct insn *in, uint8_t rex)
{
	in->rex_present = true;
	in->rex = rex & 15;
	if (rex & 8)
		in->osize = 8;
}

/* Does @b belong to the legacy prefixes? */
static bool legacy_prefix(struct insn *in, uint8_t b)
{
	switch (b) {
	case 0x66: in->opsz66 = true; break;
	case 0x67: in->asize = in->code == 4 ? 2 : 4; break;
	case 0xF0: in->lock = true; break;
	case 0xF2: case 0xF3: in->rep = b; break;
	case 0x26: case 0x2E: case 0x36: case 0x3E:
		/* in 64-bit mode these overrides are ignored */
		if (in->code != 8)
			in->seg_override = b >> 3 & 3;
		break;
	case 0x64: in->seg_override = SEG_FS; break;
	case 0x65: in->seg_override = SEG_GS; break;
	default: return false;
	}
	return true;
}

/* All prefixes, from the first byte on. REX counts only directly before the opcode. Return: the opcode */
static NOINLINE const uint8_t *prefixes(struct source *s, struct insn *in)
{
	const uint8_t *p = s->start, *end = p + s->avail;
	uint8_t rex = 0;

	s->rare = true;
	for (; p < end; p++) {
		if (in->code == 8 && byte_kind[*p] == BYTE_REX)
			rex = *p;
		else if (legacy_prefix(in, *p))
			rex = 0;
		else
			break;
	}
	in->pp = in->rep ? in->rep : in->opsz66 ? 0x66 : 0;
	if (in->opsz66)
		in->osize = in->code == 2 ? 4 : 2;
	if (rex)
		set_rex(in, rex);
	if (p - s->start > INSN_MAX_LEN - BODY_MAX && s->start != s->padded)
		p = pad(s, p);
	return p;
}

/* Most instructions have none or REX alone. Return: the opcode, its kind in @kind */
static inline const uint8_t *few_prefixes(struct source *s, struct insn *in, unsigned *kind)
{
	const uint8_t *p = s->start;

	*kind = byte_kind[*p];
	if (*kind == BYTE_REX && in->code == 8) {
		*kind = byte_kind[p[1]];
		if (*kind != BYTE_REX && *kind != BYTE_PREFIX) {
			set_rex(in, *p);
			return p + 1;
		}
	} else if (*kind != BYTE_PREFIX) {
		return p;
	}
	p = prefixes(s, in);
	*kind = byte_kind[*p];
	return p;
}

/* VEX prefix behind its first byte @b: sets in->ud if something makes it #UD. */
static const uint8_t *vex_prefix(const uint8_t *p, struct insn *in, uint8_t b)
{
	static const uint8_t pps[4] = {0, 0x66, 0xF3, 0xF2};
	uint8_t b1 = *p++, b2 = b1, mmmmm = 1;

	if (in->lock || in->rep || in->opsz66 || in->rex_present)
		in->ud = UD_NO_SUCH;
	in->vex = true;
	in->rex = b1 & 0x80 ? 0 : 4;
	if (b == 0xC4) {
		mmmmm = b1 & 31;
		b2 = *p++;
		in->rex |= (b1 & 0x40 ? 0 : 2) | (b1 & 0x20 ? 0 : 1) | (b2 & 0x80 ? 8 : 0);
	}
	in->vvvv = ~b2 >> 3 & 15;
	in->vex_l = b2 >> 2 & 1;
	in->pp = pps[b2 & 3];
	in->map = mmmmm;
	if (mmmmm < 1 || mmmmm > 3)
		in->ud = UD_NO_SUCH;
	if (in->code != 8)
		in->rex &= 8; /* there are eight registers; the extra bits are ignored */
	else if (in->rex & 8)
		in->osize = 8;
	return p;
}

/* Is the opcode at @p, which begins with a byte of @kind, not that one byte? */
static inline bool is_long(const uint8_t *p, unsigned kind, unsigned code)
{
	return kind == BYTE_ESCAPE || (kind == BYTE_VEX && (code == 8 || p[1] >= 0xC0));
}

/* An opcode that is more than one byte, or one of VEX. Return: behind it; what is none sets in->ud. */
static NOINLINE const uint8_t *long_opcode(struct source *s, const uint8_t *p, struct insn *in)
{
	in->opcode = *p++;
	if (in->opcode == 0x0F) {
		in->map = 1;
		if (*p == 0x38 || *p == 0x3A)
			in->map = *p++ == 0x38 ? 2 : 3;
	} else if (in->opcode != 0x62) {
		s->rare = true;
		p = vex_prefix(p, in, in->opcode);
	} else {
		in->ud = UD_NO_SUCH; /* EVEX: no such instructions here */
	}
	if (!in->ud)
		in->opcode = *p++;
	return p;
}

static NOINLINE const uint8_t *mem16(const uint8_t *p, struct insn *in)
{
	static const uint8_t base[8] = {GPR_RBX, GPR_RBX, GPR_RBP, GPR_RBP, GPR_RSI, GPR_RDI, GPR_RBP,
		GPR_RBX};
	static const uint8_t index[8] = {GPR_RSI, GPR_RDI, GPR_RSI, GPR_RDI, MEM_NONE, MEM_NONE,
		MEM_NONE, MEM_NONE};
	unsigned rm = in->modrm & 7;
	struct mem_opnd *m = &in->mem;

	m->base = base[rm];
	m->index = index[rm];
	if (in->mod == 0 && rm == 6) {
		m->base = MEM_NONE;
		m->disp = read_signed(p, 2);
		return p + 2;
	}
	if (in->mod)
		m->disp = read_signed(p, in->mod);
	return p + in->mod;
}

static inline const uint8_t *mem32(const uint8_t *p, struct insn *in)
{
	unsigned rm = in->modrm & 7, mod = in->mod;
	struct mem_opnd *m = &in->mem;
	int32_t disp;

	m->base = in->rm;
	m->index = MEM_NONE;
	if (rm == 4) {
		uint8_t sib = *p++;

		m->scale = sib >> 6;
		m->base = (sib & 7) | (in->rex << 3 & 8);
		rm = sib & 7;
		if ((sib >> 3 & 7) != GPR_RSP || in->rex & 2)
			m->index = (sib >> 3 & 7) | (in->rex << 2 & 8);
		if (mod == 0 && rm == 5) {
			m->base = MEM_NONE;
			mod = 2;
		}
	} else if (mod == 0 && rm == 5) {
		m->base = in->code == 8 ? MEM_RIP : MEM_NONE;
		mod = 2;
	}
	disp = (int32_t)read_signed(p, 4); /* it is there to be read, and what of it is meant is not predictable */
	m->disp = mod == 2 ? disp : mod == 1 ? (int8_t)disp : 0;
	return p + (mod == 2 ? 4 : mod);
}

static inline const uint8_t *modrm(const uint8_t *p, struct insn *in)
{
	uint8_t b = *p++;

	in->has_modrm = true;
	in->modrm = b;
	in->mod = b >> 6;
	in->reg = (b >> 3 & 7) | (in->rex << 1 & 8);
	in->rm = (b & 7) | (in->rex << 3 & 8);
	if (b >= 0xC0)
		return p;
	in->has_mem = true;
	in->mem.asize = in->asize;
	p = UNLIKELY(in->asize == 2) ? mem16(p, in) : mem32(p, in);
	if (UNLIKELY(in->seg_override != MEM_NONE))
		in->mem.seg = in->seg_override;
	else
		in->mem.seg = in->mem.base == GPR_RSP || in->mem.base == GPR_RBP ? SEG_SS : SEG_DS;
	return p;
}

/* In 64-bit mode near branches and the stack's instructions do not know four bytes. */
static inline void wide_size(struct insn *in, unsigned slot_flags)
{
	if (in->code == 8 && (slot_flags & SLOT_F64 || in->osize != 2))
		in->osize = 8;
}

/* What prefixes add to the facts, and VEX. */
static NOINLINE uint32_t rare_facts(const struct insn *in)
{
	return (uint32_t)(in->code ^ in->asize) << FACT_ASIZE | (uint32_t)(in->pp == 0x66) << FACT_66 |
		(uint32_t)(in->pp == 0xF3) << FACT_F3 | (uint32_t)(in->pp == 0xF2) << FACT_F2 | (uint32_t)in->vex_l << FACT_L;
}

/* See rows.h. Adding one to mod carries out of the byte if it is 11. The address size is the code's but for prefixes. */
static inline uint32_t common_facts(const struct insn *in, unsigned code)
{
	return (in->modrm + 0x40u) << FACT_MODRM | (uint32_t)in->rex << FACT_REX | (uint32_t)in->osize << FACT_OSIZE |
		code * (1u << FACT_ASIZE | 1u << FACT_CODE);
}

/* Some row fits: the last. */
static inline const struct decode_row *fitting(const struct decode_row *r, uint32_t facts)
{
	while ((facts & r->mask) != r->value)
		r++;
	return r;
}

static NOINLINE unsigned letter_size(const struct insn *in, unsigned sz)
{
	switch (sz) {
	case SZ_z: return in->osize == 2 ? 2 : 4;
	case SZ_y: return in->rex & 8 && in->code == 8 ? 8 : 4;
	case SZ_m: return in->code == 8 ? 8 : 4;
	case SZ_p: return in->osize + 2;
	case SZ_s: return in->code == 8 ? 10 : 6;
	case SZ_b: return 2 * in->osize;
	case SZ_x: return 16u << in->vex_l;
	case SZ_h: return 8u << in->vex_l;
	case SZ_f: return 4u << in->vex_l;
	case SZ_e: return 2u << in->vex_l;
	default: return 16;
	}
}

static inline unsigned size_of(const struct insn *in, unsigned sz)
{
	if (UNLIKELY(sz > SZ_v))
		return letter_size(in, sz);
	return sz == SZ_v ? in->osize : sz;
}

/* A register of the rarer files. Those that are named by three bits ignore REX. */
static NOINLINE void other_register(struct insn *in, struct opnd *o)
{
	switch (o->kind) {
	case OPND_XMM:
		if (o->size == 32)
			o->kind = OPND_YMM;
		break;
	case OPND_SEG:
		o->reg &= 7;
		/* #UD: MOV to CS, or a segment register that does not exist */
		if (o->reg >= SEG_COUNT || (o == in->op && o->reg == SEG_CS))
			in->ud = UD_NO_SUCH;
		break;
	case OPND_CR:
		/* #UD: CR1, CR5..CR7, CR9..CR15 */
		if (o->reg > 8 || !(1u << o->reg & 0x11D))
			in->ud = UD_BAD_CR;
		break;
	case OPND_DR:
		/* #UD: DR8..DR15 */
		if (o->reg >= 8)
			in->ud = UD_NO_SUCH;
		break;
	default:
		o->reg &= 7;
	}
}

static void string_mem(struct insn *in, struct opnd *o, bool dest)
{
	struct mem_opnd m = {SEG_ES, GPR_RDI, MEM_NONE, 0, in->asize, 0};

	o->kind = OPND_MEM;
	if (!dest) {
		m.seg = in->seg_override != MEM_NONE ? in->seg_override : SEG_DS;
		m.base = GPR_RSI;
	}
	/* MOVS and CMPS have both; the source is the one an override can move */
	if (!dest || !in->has_mem)
		in->mem = m;
	in->has_mem = true;
}

static const uint8_t *moffs(const uint8_t *p, struct insn *in, struct opnd *o)
{
	o->kind = OPND_MEM;
	in->has_mem = true;
	in->mem = (struct mem_opnd){SEG_DS, MEM_NONE, MEM_NONE, 0, in->asize, 0};
	in->mem.disp = read_unsigned(p, in->asize);
	if (in->seg_override != MEM_NONE)
		in->mem.seg = in->seg_override;
	return p + in->asize;
}

static void gather(struct insn *in, struct opnd *o)
{
	unsigned idx = in->mem.index == MEM_NONE ? GPR_RSP : in->mem.index;

	o->kind = OPND_MEM;
	in->mem.index = idx;
	/* #UD: no SIB byte, or index, mask and destination not all different */
	if ((in->modrm & 7) != 4 || in->asize == 2 || idx == in->reg || idx == in->vvvv || in->reg == in->vvvv)
		in->ud = UD_NO_SUCH;
}

/* Operands that are in no field of ModRM, opcode or VEX. */
static const uint8_t *other_operand(const uint8_t *p, struct insn *in, const struct decode_opnd *s, struct opnd *o)
{
	unsigned n = o->size;

	o->kind = OPND_IMM;
	switch (s->method) {
	case METHOD_I: in->imm = read_signed(p, n); return p + n;
	case METHOD_IS: in->imm = read_signed(p, 1); return p + 1;
	case METHOD_IU: in->imm = read_unsigned(p, n); return p + n;
	case METHOD_J:
		o->kind = OPND_REL;
		in->imm = read_signed(p, n);
		return p + n;
	case METHOD_FIXED:
		o->kind = s->kind;
		o->reg = s->reg;
		return p;
	case METHOD_I2:
		o->kind = OPND_IMM2;
		in->imm2 = *p;
		return p + 1;
	case METHOD_A:
		o->kind = OPND_FAR;
		in->imm = read_unsigned(p, in->osize);
		in->imm2 = (uint16_t)read_unsigned(p + in->osize, 2);
		return p + in->osize + 2;
	case METHOD_L:
		o->kind = in->vex_l ? OPND_YMM : OPND_XMM;
		o->reg = *p >> 4 & (in->code == 8 ? 15 : 7);
		return p + 1;
	case METHOD_O: return moffs(p, in, o);
	case METHOD_X: string_mem(in, o, false); return p;
	case METHOD_Y: string_mem(in, o, true); return p;
	case METHOD_VM: gather(in, o); return p;
	default: in->ud = UD_NO_SUCH; return p; /* the row that fits what is nothing */
	}
}

static inline const uint8_t *operand(const uint8_t *p, struct insn *in, const struct decode_opnd *s, struct opnd *o)
{
	bool mem;

	if (!s->number) {
		o->size = size_of(in, s->size);
		return other_operand(p, in, s, o);
	}
	mem = in->has_mem & (s->mem_size != SZ_none);
	o->kind = mem ? OPND_MEM : s->kind;
	o->reg = mem ? 0 : ((const uint8_t *)in)[s->number];
	o->size = size_of(in, mem ? s->mem_size : s->size);
	if (UNLIKELY(o->kind > OPND_MEM)) {
		other_register(in, o);
	} else if (o->size == 1 && (o->reg & 12) == 4 && !in->rex_present) {
		/* without REX, byte registers 4..7 are AH CH DH BH */
		o->kind = OPND_GPRH;
		o->reg -= 4;
	}
	return p;
}

/* @p: behind what was looked at. */
static NOINLINE enum decode_status undefined(const struct source *s, const uint8_t *p, struct insn *in)
{
	size_t n = (size_t)(p - s->start);

	in->id = INSN_UD;
	if (!in->ud)
		in->ud = UD_NO_SUCH;
	in->len = n < INSN_MAX_LEN ? n : INSN_MAX_LEN;
	if (n <= s->avail)
		return DECODE_UD;
	return s->avail >= INSN_MAX_LEN ? DECODE_TOOLONG : DECODE_MORE;
}

/* The row is known: what its prefixes are then. */
static NOINLINE void judge_prefixes(struct insn *in, const struct decode_row *r)
{
	if (in->vex) {
		/* #UD: VEX.vvvv encodes nothing and is not 1111 */
		if (!(r->flags & ROW_VVVV) && in->vvvv)
			in->ud = UD_NO_SUCH;
		/* outside 64-bit mode there are eight registers; the extra bit is ignored */
		if (in->code != 8)
			in->vvvv &= 7;
	} else if (r->flags & ROW_PP) {
		in->rep = 0;
	} else {
		in->pp = 0;
	}
}

/* All is read: was it there, and may LOCK stand before it? */
static NOINLINE void judge_whole(const struct source *s, const uint8_t *p, struct insn *in, const struct decode_row *r)
{
	/* #UD: LOCK with an instruction that does not allow it, or without a memory destination */
	if (in->lock && in->id != INSN_UD && (!(r->flags & ROW_LOCKABLE) || in->op[0].kind != OPND_MEM))
		in->ud = UD_BAD_LOCK;
	if (p - s->start > s->avail)
		in->ud = UD_NO_SUCH;
}

enum decode_status insn_decode(const struct insn_index *ix, const uint8_t *bytes, unsigned avail,
	unsigned code, struct insn *in)
{
	const struct decode_slot *slot;
	const struct decode_row *r;
	const uint8_t *p;
	struct source s;
	struct opnd *o;
	unsigned kind, flags;

	from(&s, bytes, avail);
	*in = (struct insn){.code = code, .osize = code == 2 ? 2 : 4, .asize = code, .seg_override = MEM_NONE};
	p = few_prefixes(&s, in, &kind);
	slot = &ix->slot[0][*p];
	if (is_long(p, kind, code)) {
		p = long_opcode(&s, p, in);
		if (in->ud)
			return undefined(&s, p, in);
		slot = &ix->slot[in->map + (in->vex ? 4 : 0)][in->opcode];
	} else {
		in->opcode = *p++;
	}
	flags = slot->flags;
	if (flags & SLOT_MODRM)
		p = modrm(p, in);
	else
		in->rm = (in->opcode & 7) | (in->rex << 3 & 8);
	if (flags & SLOT_GROUP) {
		slot = &ix->group[slot->first + (in->modrm >> 3)];
		flags = slot->flags;
	}
	if (flags & (SLOT_D64 | SLOT_F64))
		wide_size(in, flags);
	r = &ix->rows[slot->first];
	if (r->mask)
		r = fitting(r, common_facts(in, code) ^ (UNLIKELY(s.rare) ? rare_facts(in) : 0));
	in->id = r->id;
	in->nops = r->nops;
	if (UNLIKELY(s.rare))
		judge_prefixes(in, r);
	o = in->op;
	for (const struct decode_opnd *d = r->op, *end = d + r->nops; d < end; d++)
		p = operand(p, in, d, o++);
	if (UNLIKELY(s.rare))
		judge_whole(&s, p, in, r);
	if (UNLIKELY(in->ud))
		return undefined(&s, p, in);
	in->len = (uint8_t)(p - s.start);
	return DECODE_OK;
}
