/*
 * decode.c - from bytes and code size to struct insn.
 *
 * Prefixes, opcode and ModRM give one word of facts; the index gives the few rows the opcode can
 * be; the row whose (mask, value) fits the facts says where the operands are. A read past the
 * available bytes returns 0 and is remembered, so that only the end of each path has to ask whether
 * the bytes sufficed.
 *
 * Source: Intel SDM Vol. 2A chapter 2 "Instruction Format".
 */
#include <string.h>

#include "cpu/insn/insn.h"
#include "cpu/insn/rows.h"

struct cursor {
	const uint8_t *bytes;
	unsigned pos, avail;
	bool over;
	uint8_t vvvv3; /* outside 64-bit mode: the bit of VEX.vvvv that names no register */
};

static inline uint8_t peek8(struct cursor *c)
{
	if (UNLIKELY(c->pos >= c->avail)) {
		c->over = true;
		return 0;
	}
	return c->bytes[c->pos];
}

static inline uint8_t fetch8(struct cursor *c)
{
	uint8_t v = peek8(c);

	c->pos++;
	return v;
}

/* Little-endian value of @n bytes (1, 2, 4, 8). */
static uint64_t fetch(struct cursor *c, unsigned n)
{
	uint64_t v = 0;

	if (UNLIKELY(c->pos + n > c->avail))
		c->over = true;
	else
		memcpy(&v, c->bytes + c->pos, n);
	c->pos += n;
	return v;
}

static inline int64_t fetch_signed(struct cursor *c, unsigned n)
{
	return sign_extend(fetch(c, n), n * 8);
}

/* Legacy prefixes and REX; returns the opcode byte. REX counts only directly before the opcode. */
static uint8_t prefixes(struct cursor *c, struct insn *in)
{
	uint8_t rex = 0;

	for (;;) {
		uint8_t b = fetch8(c);

		if (UNLIKELY(c->over))
			return 0;
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
		default:
			if (in->code == 8 && (b & 0xF0) == 0x40) {
				rex = b;
				continue;
			}
			in->rex_present = rex != 0;
			in->rex = rex & 15;
			return b;
		}
		rex = 0;
	}
}

/* VEX prefix whose first byte @b is read: false if something makes it #UD. */
static bool vex_prefix(struct cursor *c, struct insn *in, uint8_t b)
{
	static const uint8_t pps[4] = {0, 0x66, 0xF3, 0xF2};
	bool legal = !in->lock && !in->rep && !in->opsz66 && !in->rex_present;
	uint8_t b1 = fetch8(c), b2 = b1, mmmmm = 1;

	in->vex = true;
	in->rex = b1 & 0x80 ? 0 : 4;
	if (b == 0xC4) {
		mmmmm = b1 & 31;
		b2 = fetch8(c);
		in->rex |= (b1 & 0x40 ? 0 : 2) | (b1 & 0x20 ? 0 : 1) | (b2 & 0x80 ? 8 : 0);
	}
	in->vvvv = ~b2 >> 3 & 15;
	in->vex_l = b2 >> 2 & 1;
	in->pp = pps[b2 & 3];
	in->map = mmmmm;
	if (in->code != 8) {
		/* outside 64-bit mode there are eight registers; the extra bits are ignored */
		in->rex &= 8;
		c->vvvv3 = in->vvvv & 8;
		in->vvvv &= 7;
	}
	return legal && mmmmm >= 1 && mmmmm <= 3;
}

/*
 * Escapes and VEX: leaves map and opcode in @in, returns the map of the index or DECODE_MAPS for
 * #UD.
 */
static unsigned opcode_map(struct cursor *c, struct insn *in, uint8_t b)
{
	in->opcode = b;
	if (b == 0x0F) {
		in->opcode = fetch8(c);
		in->map = 1;
		if (in->opcode == 0x38 || in->opcode == 0x3A) {
			in->map = in->opcode == 0x38 ? 2 : 3;
			in->opcode = fetch8(c);
		}
		return in->map;
	}
	if ((b == 0xC4 || b == 0xC5 || b == 0x62) && (in->code == 8 || peek8(c) >= 0xC0)) {
		/* EVEX: no such instructions here */
		if (b == 0x62 || !vex_prefix(c, in, b))
			return DECODE_MAPS;
		in->opcode = fetch8(c);
		return in->map + 4;
	}
	return 0;
}

static void mem16(struct cursor *c, struct insn *in)
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
		m->disp = fetch_signed(c, 2);
	} else if (in->mod) {
		m->disp = fetch_signed(c, in->mod);
	}
}

static void mem32(struct cursor *c, struct insn *in)
{
	unsigned rm = in->modrm & 7, disp = in->mod == 1 ? 1 : in->mod == 2 ? 4 : 0;
	struct mem_opnd *m = &in->mem;

	m->base = in->rm;
	m->index = MEM_NONE;
	if (rm == 4) {
		uint8_t sib = fetch8(c);

		m->scale = sib >> 6;
		m->index = (sib >> 3 & 7) | (in->rex & 2 ? 8 : 0);
		m->base = (sib & 7) | (in->rex & 1 ? 8 : 0);
		if (m->index == GPR_RSP)
			m->index = MEM_NONE;
		if (in->mod == 0 && (sib & 7) == 5) {
			m->base = MEM_NONE;
			disp = 4;
		}
	} else if (in->mod == 0 && rm == 5) {
		m->base = in->code == 8 ? MEM_RIP : MEM_NONE;
		disp = 4;
	}
	if (disp)
		m->disp = fetch_signed(c, disp);
}

static void modrm(struct cursor *c, struct insn *in)
{
	uint8_t b = fetch8(c);

	in->has_modrm = true;
	in->modrm = b;
	in->mod = b >> 6;
	in->reg = (b >> 3 & 7) | (in->rex & 4 ? 8 : 0);
	in->rm = (b & 7) | (in->rex & 1 ? 8 : 0);
	if (in->mod == 3)
		return;
	in->has_mem = true;
	in->mem.asize = in->asize;
	if (in->asize == 2)
		mem16(c, in);
	else
		mem32(c, in);
	if (in->seg_override != MEM_NONE)
		in->mem.seg = in->seg_override;
	else
		in->mem.seg = in->mem.base == GPR_RSP || in->mem.base == GPR_RBP ? SEG_SS : SEG_DS;
}

static unsigned opsize(const struct insn *in, unsigned osz)
{
	if (in->code == 8) {
		if (osz == OSZ_F64 || in->rex & 8)
			return 8;
		return in->opsz66 ? 2 : osz == OSZ_D64 ? 8 : 4;
	}
	return in->opsz66 == (in->code == 2) ? 4 : 2;
}

static uint32_t gather_facts(struct insn *in)
{
	uint32_t f = (uint32_t)(in->modrm >> 3 & 7) << FACT_REG | (uint32_t)(in->modrm & 7) << FACT_RM;

	if (!in->vex)
		in->pp = in->rep ? in->rep : in->opsz66 ? 0x66 : 0;
	f |= (uint32_t)(in->mod == 3) << FACT_MOD3;
	f |= (uint32_t)(in->pp == 0x66) << FACT_66 | (uint32_t)(in->pp == 0xF3) << FACT_F3 |
		(uint32_t)(in->pp == 0xF2) << FACT_F2;
	f |= (uint32_t)in->vex_l << FACT_L | (uint32_t)(in->rex >> 3 & 1) << FACT_W |
		(uint32_t)(in->rex & 1) << FACT_B;
	f |= (uint32_t)(in->code == 8) << FACT_MODE64;
	f |= (uint32_t)(in->osize == 2) << FACT_O16 | (uint32_t)(in->osize == 8) << FACT_O64;
	f |= (uint32_t)(in->asize == 2) << FACT_A16 | (uint32_t)(in->asize == 8) << FACT_A64;
	return f;
}

static unsigned size_of(const struct insn *in, unsigned sz)
{
	switch (sz) {
	case SZ_v: return in->osize;
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
	case SZ_g: return 16;
	default: return sz;
	}
}

static inline void op_gpr(const struct insn *in, struct opnd *o, unsigned reg)
{
	o->kind = OPND_GPR;
	o->reg = reg;
	/* without REX, byte registers 4..7 are AH CH DH BH */
	if (o->size == 1 && !in->rex_present && (reg & 12) == 4) {
		o->kind = OPND_GPRH;
		o->reg = reg - 4;
	}
}

static inline void op_vec(struct opnd *o, unsigned reg)
{
	o->kind = o->size == 32 ? OPND_YMM : OPND_XMM;
	o->size = o->size == 32 ? 32 : 16;
	o->reg = reg;
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

static void moffs(struct cursor *c, struct insn *in, struct opnd *o)
{
	o->kind = OPND_MEM;
	in->has_mem = true;
	in->mem = (struct mem_opnd){SEG_DS, MEM_NONE, MEM_NONE, 0, in->asize, 0};
	in->mem.disp = (int64_t)fetch(c, in->asize);
	if (in->seg_override != MEM_NONE)
		in->mem.seg = in->seg_override;
}

/* Immediates, targets and offsets: the operands that take bytes after ModRM. */
static void op_imm(struct cursor *c, struct insn *in, unsigned method, struct opnd *o)
{
	o->kind = OPND_IMM;
	switch (method) {
	case METHOD_I: in->imm = fetch_signed(c, o->size); break;
	case METHOD_IS: in->imm = fetch_signed(c, 1); break;
	case METHOD_IU: in->imm = (int64_t)fetch(c, o->size); break;
	case METHOD_I2:
		o->kind = OPND_IMM2;
		in->imm2 = fetch8(c);
		break;
	case METHOD_J:
		o->kind = OPND_REL;
		in->imm = fetch_signed(c, o->size);
		break;
	case METHOD_A:
		o->kind = OPND_FAR;
		in->imm = (int64_t)fetch(c, in->osize);
		in->imm2 = fetch(c, 2);
		break;
	case METHOD_L:
		op_vec(o, fetch8(c) >> 4 & (in->code == 8 ? 15 : 7));
		break;
	}
}

/* Segment, control and debug registers: false where the number names none (#UD). */
static bool op_system(struct insn *in, unsigned method, struct opnd *o, unsigned n)
{
	switch (method) {
	case METHOD_S:
		o->kind = OPND_SEG;
		o->reg = in->modrm >> 3 & 7;
		/* #UD: MOV to CS, or a segment register that does not exist */
		return o->reg < SEG_COUNT && (n != 0 || o->reg != SEG_CS);
	case METHOD_C:
		o->kind = OPND_CR;
		o->reg = in->reg;
		/* #UD: CR1, CR5..CR7, CR9..CR15 */
		in->ud = UD_BAD_CR;
		return in->reg <= 8 && (1u << in->reg & 0x11D);
	default:
		o->kind = OPND_DR;
		o->reg = in->reg;
		/* #UD: DR8..DR15 */
		return in->reg < 8;
	}
}

static bool op_gather(struct insn *in, struct opnd *o)
{
	unsigned idx = in->mem.index == MEM_NONE ? GPR_RSP : in->mem.index;

	o->kind = OPND_MEM;
	in->mem.index = idx;
	/* #UD: no SIB byte, or index, mask and destination not all different */
	return (in->modrm & 7) == 4 && in->asize != 2 && idx != in->reg && idx != in->vvvv &&
		in->reg != in->vvvv;
}

static bool operand(struct cursor *c, struct insn *in, const struct opnd_spec *s, unsigned n)
{
	struct opnd *o = &in->op[n];

	o->size = size_of(in, s->size);
	switch (s->method) {
	case METHOD_FIXED: o->kind = s->kind; o->reg = s->reg; return true;
	case METHOD_EW: case METHOD_EB:
		if (in->mod != 3)
			o->size = s->method == METHOD_EW ? 2 : 1;
		/* fall through */
	case METHOD_E:
		if (in->mod == 3)
			op_gpr(in, o, in->rm);
		else
			o->kind = OPND_MEM;
		return true;
	case METHOD_G: op_gpr(in, o, in->reg); return true;
	case METHOD_R: op_gpr(in, o, in->rm); return true;
	case METHOD_Z: op_gpr(in, o, (in->opcode & 7) | (in->rex & 1 ? 8 : 0)); return true;
	case METHOD_B: op_gpr(in, o, in->vvvv); return true;
	case METHOD_M: o->kind = OPND_MEM; return true;
	case METHOD_O: moffs(c, in, o); return true;
	case METHOD_X: string_mem(in, o, false); return true;
	case METHOD_Y: string_mem(in, o, true); return true;
	case METHOD_S: case METHOD_C: case METHOD_D: return op_system(in, s->method, o, n);
	case METHOD_ST: o->kind = OPND_ST; o->reg = in->modrm & 7; return true;
	case METHOD_P: o->kind = OPND_MMX; o->reg = in->modrm >> 3 & 7; return true;
	case METHOD_Q: case METHOD_N:
		o->kind = in->mod == 3 ? OPND_MMX : OPND_MEM;
		o->reg = in->mod == 3 ? in->modrm & 7 : 0;
		return true;
	case METHOD_V: op_vec(o, in->reg); return true;
	case METHOD_H: op_vec(o, in->vvvv); return true;
	case METHOD_U: op_vec(o, in->rm); return true;
	case METHOD_W:
		if (in->mod == 3)
			op_vec(o, in->rm);
		else
			o->kind = OPND_MEM;
		return true;
	case METHOD_VM: return op_gather(in, o);
	default: op_imm(c, in, s->method, o); return true;
	}
}

static enum decode_status undefined(struct cursor *c, struct insn *in)
{
	in->id = INSN_UD;
	in->len = c->pos < INSN_MAX_LEN ? c->pos : INSN_MAX_LEN;
	if (!c->over)
		return DECODE_UD;
	return c->avail >= INSN_MAX_LEN ? DECODE_TOOLONG : DECODE_MORE;
}

/* The row is known: operands, then the rules on LOCK and VEX.vvvv. */
static enum decode_status finish(struct cursor *c, struct insn *in, const struct decode_row *r)
{
	bool ok = true;

	in->id = r->id;
	if (!in->vex) {
		if (!(r->flags & ROW_PP))
			in->pp = 0;
		else
			in->rep = 0;
	}
	in->nops = r->nops;
	for (unsigned i = 0; i < r->nops; i++)
		ok &= operand(c, in, &r->op[i], i);
	if (UNLIKELY(c->over))
		return undefined(c, in);
	/* #UD: LOCK with an instruction that does not allow it, or without a memory destination */
	if (UNLIKELY(in->lock) && (!(r->flags & ROW_LOCKABLE) || in->op[0].kind != OPND_MEM)) {
		in->ud = UD_BAD_LOCK;
		ok = false;
	}
	/* #UD: VEX.vvvv encodes nothing and is not 1111 */
	if (in->vex && !(r->flags & ROW_VVVV) && (in->vvvv || c->vvvv3))
		ok = false;
	if (UNLIKELY(!ok))
		return undefined(c, in);
	in->len = c->pos;
	return DECODE_OK;
}

enum decode_status insn_decode(const struct insn_index *ix, const uint8_t *bytes, unsigned avail,
	unsigned code, struct insn *in)
{
	struct cursor c = {bytes, 0, avail < INSN_MAX_LEN ? avail : INSN_MAX_LEN, false};
	const struct decode_slot *s;
	const struct decode_bucket *k;
	const struct decode_row *r, *end;
	uint32_t facts;
	unsigned map;

	*in = (struct insn){.code = code, .asize = code, .seg_override = MEM_NONE};
	map = opcode_map(&c, in, prefixes(&c, in));
	if (UNLIKELY(map == DECODE_MAPS || c.over))
		return undefined(&c, in);
	s = &ix->slot[map][in->opcode];
	if (UNLIKELY(!s->flags))
		return undefined(&c, in);
	if (s->flags & SLOT_MODRM)
		modrm(&c, in);
	k = &ix->bucket[s->first];
	if (s->flags & SLOT_GROUP)
		k += (in->mod == 3) << 3 | (in->modrm >> 3 & 7);
	in->osize = opsize(in, k->osz);
	facts = gather_facts(in);
	for (r = &ix->rows[k->first], end = r + k->count; r < end; r++)
		if ((facts & r->mask) == r->value)
			return finish(&c, in, r);
	return undefined(&c, in);
}
