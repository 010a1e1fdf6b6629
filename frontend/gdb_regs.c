/*
 * gdb_regs.c - the registers gdb sees: names, types, values, and the target description made from them.
 *
 * Standard features org.gnu.gdb.i386.core, .sse and .segments as gdb's manual lists them ("Standard Target Features"),
 * and one of our own with control, debug and table registers and the segments' hidden bases.
 */
#include "frontend/gdb_priv.h"
#include "cpu/helpers.h"
#include "cpu/mode.h"
#include "cpu/ring0/ring0.h"
#include <string.h>

enum kind {
	K_GPR, K_PC, K_EFLAGS, K_SEG, K_ST, K_FPU, K_XMM, K_MXCSR, K_BASE, K_CR, K_EFER, K_DR, K_IP, K_GDTR, K_GDTL, K_IDTR,
	K_IDTL, K_LDTR, K_TR, K_TRB, K_CPL
};
enum { CORE, SSE, SEGMENTS, SYSTEM };

struct greg {
	const char *name, *type;
	uint8_t bits, feature, kind, arg;
};

#define G(name, i) {name, "int", 0, CORE, K_GPR, i} /* 0 bits: the width of the architecture */
#define S(name, i) {name, "int32", 32, CORE, K_SEG, i}
#define T(i) {"st" #i, "i387_ext", 80, CORE, K_ST, i}
#define F(name, i) {name, "int", 32, CORE, K_FPU, i}
#define X(i) {"xmm" #i, "vec128", 128, SSE, K_XMM, i}
#define FPU_PART                                                                                               \
	T(0), T(1), T(2), T(3), T(4), T(5), T(6), T(7), F("fctrl", 0), F("fstat", 1), F("ftag", 2), F("fiseg", 3), \
		F("fioff", 4), F("foseg", 5), F("fooff", 6), F("fop", 7)
#define SEG_PART                                                                                               \
	S("cs", SEG_CS), S("ss", SEG_SS), S("ds", SEG_DS), S("es", SEG_ES), S("fs", SEG_FS), S("gs", SEG_GS)
#define SYS(name, kind, arg) {name, "int", 0, SYSTEM, kind, arg}
#define SYS32(name, kind, arg) {name, "int", 32, SYSTEM, kind, arg}
#define SYSTEM_PART                                                                                            \
	SYS("ip", K_IP, 0), SYS("cs_base", K_BASE, SEG_CS), SYS("ss_base", K_BASE, SEG_SS),                     \
		SYS("ds_base", K_BASE, SEG_DS), SYS("es_base", K_BASE, SEG_ES), SYS("cr0", K_CR, 0),             \
		SYS("cr2", K_CR, 2), SYS("cr3", K_CR, 3), SYS("cr4", K_CR, 4), SYS("efer", K_EFER, 0),           \
		SYS("dr0", K_DR, 0), SYS("dr1", K_DR, 1), SYS("dr2", K_DR, 2), SYS("dr3", K_DR, 3),              \
		SYS("dr6", K_DR, 6), SYS("dr7", K_DR, 7), SYS("gdt_base", K_GDTR, 0),                            \
		SYS32("gdt_limit", K_GDTL, 0), SYS("idt_base", K_IDTR, 0), SYS32("idt_limit", K_IDTL, 0),        \
		SYS32("ldtr", K_LDTR, 0), SYS32("tr", K_TR, 0), SYS("tr_base", K_TRB, 0), SYS32("cpl", K_CPL, 0)

static const struct greg amd64[] = {G("rax", 0), G("rbx", 3), G("rcx", 1), G("rdx", 2), G("rsi", 6), G("rdi", 7),
	{"rbp", "data_ptr", 0, CORE, K_GPR, 5}, {"rsp", "data_ptr", 0, CORE, K_GPR, 4}, G("r8", 8), G("r9", 9),
	G("r10", 10), G("r11", 11), G("r12", 12), G("r13", 13), G("r14", 14), G("r15", 15),
	{"rip", "code_ptr", 0, CORE, K_PC, 0}, {"eflags", "i386_eflags", 32, CORE, K_EFLAGS, 0}, SEG_PART, FPU_PART, X(0),
	X(1), X(2), X(3), X(4), X(5), X(6), X(7), X(8), X(9), X(10), X(11), X(12), X(13), X(14), X(15),
	{"mxcsr", "i386_mxcsr", 32, SSE, K_MXCSR, 0}, {"fs_base", "int", 0, SEGMENTS, K_BASE, SEG_FS},
	{"gs_base", "int", 0, SEGMENTS, K_BASE, SEG_GS}, SYSTEM_PART};

static const struct greg i386[] = {G("eax", 0), G("ecx", 1), G("edx", 2), G("ebx", 3),
	{"esp", "data_ptr", 0, CORE, K_GPR, 4}, {"ebp", "data_ptr", 0, CORE, K_GPR, 5}, G("esi", 6), G("edi", 7),
	{"eip", "code_ptr", 0, CORE, K_PC, 0}, {"eflags", "i386_eflags", 32, CORE, K_EFLAGS, 0}, SEG_PART, FPU_PART, X(0),
	X(1), X(2), X(3), X(4), X(5), X(6), X(7), {"mxcsr", "i386_mxcsr", 32, SSE, K_MXCSR, 0}, SYSTEM_PART,
	SYS("fs_base", K_BASE, SEG_FS), SYS("gs_base", K_BASE, SEG_GS)};

unsigned gdb_nregs(bool wide)
{
	return wide ? ARRAY_SIZE(amd64) : ARRAY_SIZE(i386);
}

static const struct greg *greg(bool wide, unsigned n)
{
	return n >= gdb_nregs(wide) ? NULL : wide ? &amd64[n] : &i386[n];
}

static unsigned reg_bits(const struct greg *r, bool wide)
{
	return r->bits ? r->bits : wide ? 64 : 32;
}

unsigned gdb_reg_size(bool wide, unsigned n)
{
	const struct greg *r = greg(wide, n);

	return r ? reg_bits(r, wide) / 8 : 0;
}

/* ---- values ---- */

/* The full tag word from the abridged one: 3 empty, 2 special, 1 zero, 0 valid. SDM Vol. 1 8.1.7 */
static unsigned tag_word(const struct fpu_state *f)
{
	unsigned tags = 0, top = f->fsw >> 11 & 7;

	for (unsigned i = 0; i < 8; i++) {
		const uint8_t *st = f->st[(i - top) & 7];
		unsigned exp, tag;
		uint64_t man;

		memcpy(&man, st, 8);
		exp = (st[8] | st[9] << 8) & 0x7FFF;
		tag = !(f->ftw >> i & 1) ? 3 : !exp && !man ? 1 : exp == 0x7FFF || !(man >> 63) ? 2 : 0;
		tags |= tag << (2 * i);
	}
	return tags;
}

static uint64_t fpu_get(const struct fpu_state *f, unsigned n)
{
	switch (n) {
	case 0:
		return f->fcw;
	case 1:
		return f->fsw;
	case 2:
		return tag_word(f);
	case 3:
		return f->fip >> 32 & 0xFFFF;
	case 4:
		return (uint32_t)f->fip;
	case 5:
		return f->fdp >> 32 & 0xFFFF;
	case 6:
		return (uint32_t)f->fdp;
	default:
		return f->fop;
	}
}

static uint64_t system_get(const struct vcpu *c, const struct greg *r)
{
	switch (r->kind) {
	case K_CR:
		return r->arg == 0 ? c->cr0 : r->arg == 2 ? c->cr2 : r->arg == 3 ? c->cr3 : c->cr4;
	case K_EFER:
		return c->efer;
	case K_DR:
		return c->dr[r->arg];
	case K_IP:
		return c->rip;
	case K_GDTR:
		return c->gdtr.base;
	case K_GDTL:
		return c->gdtr.limit;
	case K_IDTR:
		return c->idtr.base;
	case K_IDTL:
		return c->idtr.limit;
	case K_LDTR:
		return c->ldtr.sel;
	case K_TR:
		return c->tr.sel;
	case K_TRB:
		return c->tr.base;
	case K_CPL:
		return c->cpl;
	default:
		return c->seg[r->arg].base;
	}
}

unsigned gdb_reg_get(const struct vcpu *c, bool wide, unsigned n, uint8_t *buf)
{
	const struct greg *r = greg(wide, n);
	uint64_t v;

	if (!r)
		return 0;
	switch (r->kind) {
	case K_ST:
		memcpy(buf, c->fpu.st[r->arg], 10);
		return 10;
	case K_XMM:
		memcpy(buf, c->fpu.xmm[r->arg], 16);
		return 16;
	case K_GPR:
		v = c->gpr[r->arg];
		break;
	case K_PC:
		v = c->seg[SEG_CS].base + c->rip;
		break;
	case K_EFLAGS:
		v = c->eflags;
		break;
	case K_SEG:
		v = c->seg[r->arg].sel;
		break;
	case K_FPU:
		v = fpu_get(&c->fpu, r->arg);
		break;
	case K_MXCSR:
		v = c->fpu.mxcsr;
		break;
	default:
		v = system_get(c, r);
	}
	memcpy(buf, &v, 8);
	return reg_bits(r, wide) / 8;
}

/* ---- changing them ---- */

static void fpu_set(struct fpu_state *f, unsigned n, uint64_t v)
{
	switch (n) {
	case 0:
		f->fcw = (uint16_t)(v & 0x1F3F) | 0x40;
		break;
	case 1:
		f->fsw = (uint16_t)v;
		break;
	case 2:
		f->ftw = 0;
		for (unsigned i = 0; i < 8; i++)
			f->ftw |= (uint8_t)(((v >> 2 * i & 3) != 3) << i);
		break;
	case 3:
		f->fip = (f->fip & UINT32_MAX) | (v & 0xFFFF) << 32;
		break;
	case 4:
		f->fip = (f->fip & ~(uint64_t)UINT32_MAX) | (uint32_t)v;
		break;
	case 5:
		f->fdp = (f->fdp & UINT32_MAX) | (v & 0xFFFF) << 32;
		break;
	case 6:
		f->fdp = (f->fdp & ~(uint64_t)UINT32_MAX) | (uint32_t)v;
		break;
	default:
		f->fop = v & 0x7FF;
	}
}

/* Through the helpers, which judge it as they would the guest; what it refuses leaves no event behind. */
static bool judged(struct vcpu *c, enum exit x)
{
	if (x == EXIT_FAULT)
		c->event.pending = false;
	c->shadow = 0;
	return x == EXIT_NONE || x == EXIT_STOP;
}

static bool set_segment(struct vcpu *c, unsigned seg, uint64_t v)
{
	if (c->seg[seg].sel == v)
		return true;
	if (!(c->cr0 & CR0_PE) || (c->eflags & FL_VM)) {
		seg_set(c, seg, (uint16_t)v, (v & 0xFFFF) << 4, 0xFFFF, c->eflags & FL_VM ? 0xF3 : 0x93);
		return true;
	}
	return seg != SEG_CS && judged(c, h_load_seg(c, seg, v, 0));
}

static bool set_system(struct vcpu *c, const struct greg *r, uint64_t v)
{
	if (system_get(c, r) == v)
		return true;
	switch (r->kind) {
	case K_CR:
		if (r->arg == 2) {
			c->cr2 = v;
			return true;
		}
		return judged(c, h_mov_cr_to(c, r->arg, v, 0));
	case K_DR:
		return judged(c, h_mov_dr_to(c, r->arg, v, 0));
	case K_IP:
		c->rip = v;
		return true;
	case K_BASE: /* 64-bit code has a base in FS and GS only */
		seg_set(c, r->arg, c->seg[r->arg].sel, v, c->seg[r->arg].limit, c->seg[r->arg].attr);
		return true;
	default:
		return false;
	}
}

static bool set_value(struct vcpu *c, const struct greg *r, bool wide, const uint8_t *buf, uint64_t v)
{
	switch (r->kind) {
	case K_ST:
		memcpy(c->fpu.st[r->arg], buf, 10);
		return true;
	case K_XMM:
		memcpy(c->fpu.xmm[r->arg], buf, 16);
		return true;
	case K_GPR: /* a 32-bit description leaves the upper half alone */
		c->gpr[r->arg] = wide ? v : (c->gpr[r->arg] & ~(uint64_t)UINT32_MAX) | (uint32_t)v;
		return true;
	case K_PC:
		c->rip = v - c->seg[SEG_CS].base;
		if (mode_code_size(c->mode) != 8)
			c->rip = (uint32_t)c->rip;
		c->halted = 0;
		return true;
	case K_EFLAGS: /* not VM: that is a mode change */
		c->eflags = ((uint32_t)v & 0x3D7FD5) | (c->eflags & FL_VM) | FL_1;
		return true;
	case K_SEG:
		return set_segment(c, r->arg, v);
	case K_FPU:
		if (fpu_get(&c->fpu, r->arg) != v)
			fpu_set(&c->fpu, r->arg, v);
		return true;
	case K_MXCSR:
		if (v & ~(uint64_t)c->fpu.mxcsr_mask)
			return false;
		c->fpu.mxcsr = (uint32_t)v;
		return true;
	default:
		return set_system(c, r, v);
	}
}

bool gdb_reg_set(struct vcpu *c, bool wide, unsigned n, const uint8_t *buf)
{
	const struct greg *r = greg(wide, n);
	uint64_t v = 0;
	bool ok;

	if (!r)
		return false;
	memcpy(&v, buf, reg_bits(r, wide) < 64 ? reg_bits(r, wide) / 8 : 8);
	ok = set_value(c, r, wide, buf, v);
	vcpu_update(c);
	vcpu_update_req(c);
	return ok;
}

/* ---- the description ---- */

static void types(FILE *o, unsigned feature)
{
	static const struct {
		const char *name;
		uint8_t bit;
	} fl[] = {{"CF", 0}, {"", 1}, {"PF", 2}, {"AF", 4}, {"ZF", 6}, {"SF", 7}, {"TF", 8}, {"IF", 9}, {"DF", 10},
		{"OF", 11}, {"NT", 14}, {"RF", 16}, {"VM", 17}, {"AC", 18}, {"VIF", 19}, {"VIP", 20}, {"ID", 21}};
	static const char *const mx[] = {"IE", "DE", "ZE", "OE", "UE", "PE", "DAZ", "IM", "DM", "ZM", "OM", "UM", "PM"};

	if (feature == CORE) {
		fprintf(o, "<flags id=\"i386_eflags\" size=\"4\">");
		for (unsigned i = 0; i < ARRAY_SIZE(fl); i++)
			fprintf(o, "<field name=\"%s\" start=\"%u\" end=\"%u\"/>", fl[i].name, fl[i].bit, fl[i].bit);
		fprintf(o, "</flags>");
	} else if (feature == SSE) {
		fprintf(o, "<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>"
			   "<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"
			   "<vector id=\"v16i8\" type=\"int8\" count=\"16\"/>"
			   "<vector id=\"v8i16\" type=\"int16\" count=\"8\"/>"
			   "<vector id=\"v4i32\" type=\"int32\" count=\"4\"/>"
			   "<vector id=\"v2i64\" type=\"int64\" count=\"2\"/><union id=\"vec128\">"
			   "<field name=\"v4_float\" type=\"v4f\"/><field name=\"v2_double\" type=\"v2d\"/>"
			   "<field name=\"v16_int8\" type=\"v16i8\"/><field name=\"v8_int16\" type=\"v8i16\"/>"
			   "<field name=\"v4_int32\" type=\"v4i32\"/><field name=\"v2_int64\" type=\"v2i64\"/>"
			   "<field name=\"uint128\" type=\"uint128\"/></union><flags id=\"i386_mxcsr\" size=\"4\">");
		for (unsigned i = 0; i < ARRAY_SIZE(mx); i++)
			fprintf(o, "<field name=\"%s\" start=\"%u\" end=\"%u\"/>", mx[i], i, i);
		fprintf(o, "</flags>");
	}
}

void gdb_target_xml(FILE *o, const char *arch, bool wide)
{
	static const char *const names[] = {"org.gnu.gdb.i386.core", "org.gnu.gdb.i386.sse",
		"org.gnu.gdb.i386.segments", "dragoman.i386.system"};
	int open = -1;

	fprintf(o, "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target>"
		   "<architecture>%s</architecture>", arch);
	for (unsigned i = 0; i < gdb_nregs(wide); i++) {
		const struct greg *r = greg(wide, i);
		const char *type = r->type;

		if (r->feature != open) {
			fprintf(o, "%s<feature name=\"%s\">", open >= 0 ? "</feature>" : "", names[r->feature]);
			open = r->feature;
			types(o, r->feature);
		}
		if (!r->bits && !strcmp(type, "int"))
			type = wide ? "int64" : "int32";
		fprintf(o, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\" regnum=\"%u\"%s/>", r->name, reg_bits(r, wide), type,
			i, r->kind == K_FPU ? " group=\"float\"" : r->feature == SYSTEM ? " group=\"system\"" : "");
	}
	fprintf(o, "</feature></target>");
}
