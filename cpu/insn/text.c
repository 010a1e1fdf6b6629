/*
 * text.c - Intel-syntax text of a decoded instruction, in capstone's spelling.
 *
 * The row gives mnemonic and operand letters; struct insn gives the values. Numbers -9..9 are
 * decimal, all others hexadecimal. Where capstone invents a mnemonic the SDM does not have (cmpleps
 * for cmpps ..., 2) the SDM's form stays.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cpu/insn/insn.h"
#include "cpu/insn/rows.h"

struct out {
	char *buf;
	size_t n, pos;
};

__attribute__((format(printf, 2, 3))) static void put(struct out *o, const char *fmt, ...)
{
	va_list ap;
	int k;

	va_start(ap, fmt);
	k = vsnprintf(o->pos < o->n ? o->buf + o->pos : NULL, o->pos < o->n ? o->n - o->pos : 0,
		fmt, ap);
	va_end(ap);
	o->pos += k > 0 ? k : 0;
}

static void put_num(struct out *o, uint64_t v)
{
	put(o, v > 9 ? "0x%" PRIx64 : "%" PRIu64, v);
}

static void put_signed(struct out *o, int64_t v)
{
	if (v < 0)
		put(o, "-");
	put_num(o, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

static const char *gpr_name(unsigned reg, unsigned size, bool high)
{
	static const char *const names[4][16] = {
		{"al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil", "r8b", "r9b", "r10b", "r11b",
			"r12b", "r13b", "r14b", "r15b"},
		{"ax", "cx", "dx", "bx", "sp", "bp", "si", "di", "r8w", "r9w", "r10w", "r11w",
			"r12w", "r13w", "r14w", "r15w"},
		{"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "r8d", "r9d", "r10d",
			"r11d", "r12d", "r13d", "r14d", "r15d"},
		{"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11",
			"r12", "r13", "r14", "r15"}};
	static const char *const highs[4] = {"ah", "ch", "dh", "bh"};

	if (high)
		return highs[reg & 3];
	return names[size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : 3][reg & 15];
}

static const char *const seg_names[8] = {"es", "cs", "ss", "ds", "fs", "gs", "?", "?"};

static const char *ptr_name(unsigned size)
{
	switch (size) {
	case 1: return "byte ptr ";
	case 2: return "word ptr ";
	case 4: return "dword ptr ";
	case 8: return "qword ptr ";
	case 10: return "xword ptr ";
	case 16: return "xmmword ptr ";
	case 32: return "ymmword ptr ";
	default: return "";
	}
}

/* What the row says about operand @i. */
static const struct opnd_spec *spec_of(const struct insn *in, unsigned i)
{
	return &opnd_specs[i < 3 ? insn_rows[in->id].op[i] : OP__];
}

static void put_address(struct out *o, const struct mem_opnd *m, unsigned vsib)
{
	uint64_t mask = m->asize == 8 ? ~0ull : (1ull << m->asize * 8) - 1;
	bool any = false;

	put(o, "[");
	if (m->base != MEM_NONE) {
		put(o, "%s", m->base == MEM_RIP ? m->asize == 4 ? "eip" : "rip" :
			gpr_name(m->base, m->asize, false));
		any = true;
	}
	if (m->index != MEM_NONE) {
		put(o, "%s", any ? " + " : "");
		if (vsib)
			put(o, "%cmm%u", vsib == 32 ? 'y' : 'x', m->index);
		else
			put(o, "%s", gpr_name(m->index, m->asize, false));
		if (m->scale)
			put(o, "*%u", 1u << m->scale);
		any = true;
	}
	if (!any) {
		put_num(o, (uint64_t)m->disp & mask);
	} else if (m->disp) {
		put(o, m->disp < 0 ? " - " : " + ");
		put_num(o, m->disp < 0 ? -(uint64_t)m->disp : (uint64_t)m->disp);
	}
	put(o, "]");
}

static void put_mem(struct out *o, const struct insn *in, unsigned i)
{
	const struct opnd_spec *s = spec_of(in, i);
	const struct insn_row *row = &insn_rows[in->id];
	struct mem_opnd m = in->mem;
	bool bare = s->size == SZ_p || s->size == SZ_s || (row->map == 0 && row->opcode == 0x8D);

	if (s->method == METHOD_Y) {
		m = (struct mem_opnd){SEG_ES, GPR_RDI, MEM_NONE, 0, in->asize, 0};
		put(o, "%s%s", ptr_name(in->op[i].size), in->code == 8 ? "" : "es:");
	} else {
		if (!bare)
			put(o, "%s", ptr_name(s->method != METHOD_VM ? in->op[i].size :
				in->rex & 8 ? 8 : 4));
		if (in->seg_override != MEM_NONE)
			put(o, "%s:", seg_names[m.seg & 7]);
	}
	put_address(o, &m, s->method == METHOD_VM ? in->op[i].size : 0);
}

static void put_imm(struct out *o, const struct insn *in, unsigned i)
{
	const struct opnd_spec *s = spec_of(in, i);
	unsigned size = s->method == METHOD_NONE ? 1 : in->op[i].size;

	if (s->method == METHOD_IS ||
		(s->method == METHOD_I && (size == 8 || s->size == SZ_z) && in->osize == 8))
		put_signed(o, in->imm);
	else
		put_num(o, size >= 8 ? (uint64_t)in->imm : (uint64_t)in->imm & ((1ull << size * 8) - 1));
}

static void put_operand(struct out *o, const struct insn *in, unsigned i, uint64_t rip)
{
	const struct opnd *p = &in->op[i];
	uint64_t target;

	switch (p->kind) {
	case OPND_GPR: put(o, "%s", gpr_name(p->reg, p->size, false)); break;
	case OPND_GPRH: put(o, "%s", gpr_name(p->reg, 1, true)); break;
	case OPND_MEM: put_mem(o, in, i); break;
	case OPND_IMM: put_imm(o, in, i); break;
	case OPND_IMM2: put_num(o, in->imm2); break;
	case OPND_ONE: put(o, "1"); break;
	case OPND_REL:
		target = rip + in->len + (uint64_t)in->imm;
		if (in->osize == 2)
			target &= 0xFFFF;
		else if (in->osize == 4)
			target &= 0xFFFFFFFF;
		put_num(o, target);
		break;
	case OPND_FAR:
		put_num(o, in->imm2);
		put(o, ":");
		put_num(o, (uint64_t)in->imm);
		break;
	case OPND_SEG: put(o, "%s", seg_names[p->reg & 7]); break;
	case OPND_CR: put(o, "cr%u", p->reg); break;
	case OPND_DR: put(o, "dr%u", p->reg); break;
	case OPND_ST: put(o, "st(%u)", p->reg); break;
	case OPND_MMX: put(o, "mm%u", p->reg); break;
	case OPND_XMM: put(o, "xmm%u", p->reg); break;
	case OPND_YMM: put(o, "ymm%u", p->reg); break;
	default: break;
	}
}

static const char *mnemonic(const struct insn *in)
{
	const struct insn_row *row = &insn_rows[in->id];

	if (!strcmp(row->semantics, "call_far"))
		return "lcall";
	if (!strcmp(row->semantics, "jmp_far"))
		return "ljmp";
	if (!strcmp(row->semantics, "ret_far") && in->osize == 8)
		return "retfq";
	if (!strcmp(row->semantics, "mov")) {
		if (spec_of(in, 1)->size == SZ_v && spec_of(in, 1)->method == METHOD_I && in->osize == 8)
			return "movabs";
		if (in->asize == 8 && (row->opcode & 0xFC) == 0xA0)
			return "movabs";
	}
	return row->mnemonic;
}

static void put_prefix(struct out *o, const struct insn *in)
{
	const struct insn_row *row = &insn_rows[in->id];
	const struct opnd_spec *a = spec_of(in, 0), *b = spec_of(in, 1);
	bool string = a->method == METHOD_X || a->method == METHOD_Y || b->method == METHOD_X ||
		b->method == METHOD_Y;

	if (in->lock)
		put(o, "lock ");
	if (!string || !in->rep)
		return;
	if (!strcmp(row->semantics, "cmps") || !strcmp(row->semantics, "scas"))
		put(o, in->rep == 0xF3 ? "repe " : "repne ");
	else
		put(o, in->rep == 0xF3 ? "rep " : "repne ");
}

/*
 * x87 register forms print only ST(i), but for the DC group, whose destination is ST(i), and
 * FCMOVcc.
 */
static bool hidden(const struct insn *in, unsigned i)
{
	if (in->map != 0 || in->vex || in->nops != 2 || in->op[i].kind != OPND_ST)
		return false;
	if (insn_rows[in->id].f_read) /* FCMOVcc */
		return false;
	return in->opcode != 0xDC && spec_of(in, i)->method == METHOD_FIXED;
}

void insn_text(const struct insn *in, uint64_t rip, char *buf, size_t n)
{
	struct out o = {buf, n, 0};
	bool first = true;

	if (n)
		buf[0] = 0;
	if (in->id >= INSN_COUNT) {
		put(&o, "(bad)");
		return;
	}
	put_prefix(&o, in);
	put(&o, "%s", mnemonic(in));
	for (unsigned i = 0; i < in->nops; i++) {
		if (hidden(in, i))
			continue;
		put(&o, first ? " " : ", ");
		first = false;
		put_operand(&o, in, i, rip);
	}
}
