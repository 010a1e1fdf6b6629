/*
 * simd.c - MMX and SSE: availability checks, operands in and out, SIMD floating-point exceptions.
 *
 * MMX register i is the significand of physical x87 register i. struct fpu_state keeps the stack in stack
 * order, so the first MMX instruction after x87 code turns the array until TOP is 0 (SDM Vol. 1 9.2, 9.5).
 * Source: Intel SDM Vol. 1 9.5, 11.5.2, 11.5.3, 11.6.7; Vol. 3A 2.5, 13.1; Vol. 2A tables 2-19 to 2-27.
 */
#include "cpu/fpu/simd.h"
#include "mmu/base/log.h"
#include <string.h>

enum simd_kind { KIND_none, KIND_mmx, KIND_sse, KIND_movnti };

struct simd_body {
	void (*run)(struct simd *x);
	uint8_t kind; /* enum simd_kind: which availability rules hold */
};

static const struct simd_body bodies[INSN_COUNT] = {
#define ROW(id, mnemonic, map, opcode, match, op1, op2, op3, sem, ...)                             \
	[INSN_##id] = {simd_##mnemonic, KIND_##sem},
#include "cpu/insn/mmx.def"
#include "cpu/insn/sse.def"
#include "cpu/insn/sse2.def"
#include "cpu/insn/sse3.def"
#include "cpu/insn/ssse3.def"
#include "cpu/insn/sse41.def"
#include "cpu/insn/sse42.def"
#include "cpu/insn/aes.def"
#undef ROW
};

static bool unaligned_ok(unsigned id)
{
	switch (id) {
	case INSN_MOVUPS_VpsWps: case INSN_MOVUPS_WpsVps:
	case INSN_MOVUPD_VpdWpd: case INSN_MOVUPD_WpdVpd:
	case INSN_MOVDQU_VdqWdq: case INSN_MOVDQU_WdqVdq:
	case INSN_LDDQU_VdqMdq:
	case INSN_PCMPESTRM_VdqWdqIub: case INSN_PCMPESTRI_VdqWdqIub:
	case INSN_PCMPISTRM_VdqWdqIub: case INSN_PCMPISTRI_VdqWdqIub:
		return true;
	default:
		return false;
	}
}

/* Does it use the MMX state (and so answer for the x87 state)? */
static bool uses_mmx(const struct insn *in, unsigned kind)
{
	return kind == KIND_mmx || in->op[0].kind == OPND_MMX || in->op[1].kind == OPND_MMX;
}

static enum exit available(struct vcpu *cpu, unsigned kind, bool mmx)
{
	if (kind == KIND_movnti)
		return EXIT_NONE;
	/* #UD: If CR0.EM[bit 2] = 1. */
	if (cpu->cr0 & CR0_EM)
		return cpu_raise(cpu, CHECK_UD_EM, 0);
	/* #UD: If CR4.OSFXSR[bit 9] = 0 (not for instructions on MMX registers alone). */
	if (kind == KIND_sse && !(cpu->cr4 & CR4_OSFXSR))
		return cpu_raise(cpu, CHECK_UD_OSFXSR, 0);
	/* #NM: If CR0.TS[bit 3] = 1. */
	if (cpu->cr0 & CR0_TS)
		return cpu_raise(cpu, CHECK_NM_EM_TS, 0);
	/* #MF: If there is a pending x87 FPU exception. */
	if (mmx && (cpu->fpu.fsw & 0x80) && (cpu->cr0 & CR0_NE))
		return cpu_raise(cpu, CHECK_MF_PENDING, 0);
	return EXIT_NONE;
}

static uint8_t *mmx_reg(struct fpu_state *f, unsigned i)
{
	return f->st[(i - (f->fsw >> 11)) & 7];
}

/* TOP = 0, every register valid: the physical registers keep their contents. */
static void mmx_enter(struct fpu_state *f)
{
	unsigned top = f->fsw >> 11 & 7;
	uint8_t old[8][16];

	f->ftw = 0xFF;
	if (!top)
		return;
	memcpy(old, f->st, sizeof(old));
	for (unsigned i = 0; i < 8; i++)
		memcpy(f->st[i], old[(i - top) & 7], 16);
	f->fsw &= ~0x3800;
}

static enum exit check_align(struct simd *x, const struct opnd *o)
{
	/* #GP(0): If a memory operand is not aligned on a 16-byte boundary, regardless of segment. */
	if (o->size == 16 && (x->gla & 15) && !unaligned_ok(x->in->id))
		return cpu_raise_aux(x->cpu, CHECK_GP_ALIGN16, 0, x->gla, 0);
	return EXIT_NONE;
}

static enum exit load(struct simd *x, const struct opnd *o, union vec *v)
{
	struct vcpu *cpu = x->cpu;

	memset(v, 0, sizeof(*v));
	switch (o->kind) {
	case OPND_XMM:
		memcpy(v, cpu->fpu.xmm[o->reg], 16);
		break;
	case OPND_MMX:
		memcpy(v, mmx_reg(&cpu->fpu, o->reg), 8);
		break;
	case OPND_GPR:
		v->q[0] = o->size == 8 ? cpu->gpr[o->reg] : (uint32_t)cpu->gpr[o->reg];
		break;
	case OPND_IMM:
		v->q[0] = x->imm;
		break;
	case OPND_MEM:
		TRY(check_align(x, o));
		if (mmu_read_buf(&cpu->mmu, x->gla, v, o->size, vcpu_mmu_idx(cpu)) != EXIT_NONE)
			return cpu_page_fault(cpu);
		break;
	}
	return EXIT_NONE;
}

static enum exit store(struct simd *x, const struct opnd *o)
{
	struct vcpu *cpu = x->cpu;
	uint8_t *mm;

	switch (o->kind) {
	case OPND_XMM:
		memcpy(cpu->fpu.xmm[o->reg], &x->d, 16);
		break;
	case OPND_MMX:
		mm = mmx_reg(&cpu->fpu, o->reg);
		memcpy(mm, &x->d, 8);
		mm[8] = mm[9] = 0xFF;
		break;
	case OPND_GPR:
		cpu->gpr[o->reg] = o->size == 8 ? x->d.q[0] : x->d.d[0];
		break;
	case OPND_MEM:
		TRY(check_align(x, o));
		if (mmu_write_buf(&cpu->mmu, x->gla, &x->d, o->size, vcpu_mmu_idx(cpu)) != EXIT_NONE)
			return cpu_page_fault(cpu);
		break;
	}
	return EXIT_NONE;
}

static enum exit fp_step(struct vcpu *cpu, unsigned fl)
{
	unsigned unmasked = fl & ~(cpu->fpu.mxcsr >> 7);

	if (!fl)
		return EXIT_NONE;
	/* an unmasked pre-computation exception (I, D, Z): nothing is computed, so no O, U or P */
	if (unmasked & 7)
		fl &= 7;
	cpu->fpu.mxcsr |= fl;
	if (!unmasked)
		return EXIT_NONE;
	/* #UD: If an unmasked SIMD floating-point exception and OSXMMEXCPT in CR4 is 0. */
	if (!(cpu->cr4 & CR4_OSXMMEXCPT))
		return cpu_raise(cpu, CHECK_UD_XM, 0);
	/* #XM: If an unmasked SIMD floating-point exception and OSXMMEXCPT in CR4 is 1. */
	return cpu_raise(cpu, CHECK_XM_SIMD, 0);
}

enum exit simd_fp_exceptions(struct simd *x)
{
	for (unsigned i = 0; i < ARRAY_SIZE(x->steps); i++)
		TRY(fp_step(x->cpu, x->steps[i]));
	return fp_step(x->cpu, x->fpflags);
}

static enum exit run(struct simd *x, const struct simd_body *b, bool mmx)
{
	const struct insn *in = x->in;

	if (in->nops > 0 && in->op[0].kind != OPND_MEM)
		TRY(load(x, &in->op[0], &x->d));
	if (in->nops > 1)
		TRY(load(x, &in->op[1], &x->s));
	memcpy(&x->m, x->cpu->fpu.xmm[0], 16);
	b->run(x);
	if (x->exit != EXIT_NONE)
		return x->exit;
	if (mmx && in->op[0].kind != OPND_MEM && x->fpflags) /* conversions: done even if #XM follows, as on silicon */
		mmx_enter(&x->cpu->fpu);
	TRY(simd_fp_exceptions(x));
	if (in->nops > 0 && in->op[0].kind == OPND_MEM && !x->keep)
		TRY(store(x, &in->op[0]));
	if (mmx)
		mmx_enter(&x->cpu->fpu);
	if (in->nops > 0 && in->op[0].kind != OPND_MEM && !x->keep)
		TRY(store(x, &in->op[0]));
	return EXIT_NONE;
}

enum exit simd_exec(struct vcpu *cpu, const struct insn *in, gla_t gla, bool *known)
{
	const struct simd_body *b = in->id < INSN_COUNT ? &bodies[in->id] : NULL;
	struct simd x = {.cpu = cpu, .in = in, .gla = gla, .n = 16, .imm = in->imm};
	bool mmx;

	*known = b && b->run;
	if (!*known)
		return EXIT_NONE;
	mmx = uses_mmx(in, b->kind);
	if (mmx)
		x.n = 8;
	TRY(available(cpu, b->kind, mmx));
	/* SDM Vol. 3A 13.1: EMMS sets TOP to 0 like the others, and empties every register */
	if (in->id == INSN_EMMS) {
		mmx_enter(&cpu->fpu);
		b->run(&x);
		return EXIT_NONE;
	}
	return run(&x, b, mmx);
}
