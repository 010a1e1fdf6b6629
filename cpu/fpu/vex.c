/*
 * vex.c - VEX-encoded vector instructions: availability checks, operands in and out, the loop over 128-bit lanes.
 *
 * A result for a vector register always replaces all 256 bits: what the instruction does not compute is zero.
 * Source: Intel SDM Vol. 1 14.1, 14.8; Vol. 2A 2.3, 2.4 "AVX and SSE Instruction Exception Classification".
 */
#include "cpu/fpu/vex.h"
#include "mmu/base/log.h"
#include <string.h>

enum vex_mnemonic {
	MN_none,
#define LANES(mnemonic, body, shape, param) MN_##mnemonic,
#define WHOLE(mnemonic, body, shape, param) MN_##mnemonic,
#include "cpu/fpu/vex.def"
#undef LANES
#undef WHOLE
};

struct vex_body {
	void (*lane)(struct simd *x);
	void (*whole)(struct vex *v);
	uint8_t shape, param;
};

static const struct vex_body bodies[] = {
#define LANES(mnemonic, body, shape, param) [MN_##mnemonic] = {simd_##body, NULL, VEX_##shape, param},
#define WHOLE(mnemonic, body, shape, param) [MN_##mnemonic] = {NULL, vex_##body, VEX_##shape, param},
#include "cpu/fpu/vex.def"
#undef LANES
#undef WHOLE
};

static const uint16_t mnemonic_of[INSN_COUNT] = {
#define ROW(id, mnemonic, ...) [INSN_##id] = MN_##mnemonic,
#include "cpu/insn/avx.def"
#include "cpu/insn/avx2.def"
#include "cpu/insn/fma.def"
#undef ROW
};

static enum exit available(struct vcpu *cpu)
{
	/* #UD: in real-address mode and virtual-8086 mode. */
	if (!(cpu->cr0 & CR0_PE) || (cpu->eflags & FL_VM))
		return cpu_raise(cpu, CHECK_UD_NOT_PROT, 0);
	/* #UD: If CR4.OSXSAVE[bit 18] = 0. */
	if (!(cpu->cr4 & CR4_OSXSAVE))
		return cpu_raise(cpu, CHECK_UD_OSXSAVE, 0);
	/* #UD: If XCR0[2:1] is not 11b. */
	if ((cpu->xcr0 & 6) != 6)
		return cpu_raise_aux(cpu, CHECK_UD_XCR0, 0, cpu->xcr0, 0);
	/* #NM: If CR0.TS[bit 3] = 1. */
	if (cpu->cr0 & CR0_TS)
		return cpu_raise(cpu, CHECK_NM_EM_TS, 0);
	return EXIT_NONE;
}

/* Unlike SSE's, a VEX form's memory operand may lie anywhere: only the moves named "aligned" or non-temporal care. */
static bool needs_alignment(unsigned mnemonic)
{
	switch (mnemonic) {
	case MN_vmovaps: case MN_vmovapd: case MN_vmovdqa:
	case MN_vmovntps: case MN_vmovntpd: case MN_vmovntdq: case MN_vmovntdqa:
		return true;
	default:
		return false;
	}
}

static enum exit check_align(struct vex *v, const struct opnd *o)
{
	if (!needs_alignment(mnemonic_of[v->x.in->id]) || !(v->x.gla & (o->size - 1)))
		return EXIT_NONE;
	/* #GP(0): VEX.128: If the memory operand is not aligned on a 16-byte boundary. */
	if (o->size == 16)
		return cpu_raise_aux(v->x.cpu, CHECK_GP_ALIGN16, 0, v->x.gla, 0);
	/* #GP(0): VEX.256: If the memory operand is not aligned on a 32-byte boundary. */
	return cpu_raise_aux(v->x.cpu, CHECK_GP_ALIGN32, 0, v->x.gla, 0);
}

static enum exit load(struct vex *v, const struct opnd *o, union ymm *y)
{
	struct vcpu *cpu = v->x.cpu;

	memset(y, 0, sizeof(*y));
	switch (o->kind) {
	case OPND_YMM:
		memcpy(&y->lane[1], cpu->fpu.ymmh[o->reg], 16);
		/* fall through */
	case OPND_XMM:
		memcpy(&y->lane[0], cpu->fpu.xmm[o->reg], 16);
		break;
	case OPND_GPR:
		y->q[0] = o->size == 8 ? cpu->gpr[o->reg] : (uint32_t)cpu->gpr[o->reg];
		break;
	case OPND_MEM:
		TRY(check_align(v, o));
		if (mmu_read_buf(&cpu->mmu, v->x.gla, y, o->size, vcpu_mmu_idx(cpu)) != EXIT_NONE)
			return cpu_page_fault(cpu);
		break;
	}
	return EXIT_NONE;
}

void vex_store(struct vcpu *cpu, unsigned reg, const union ymm *y)
{
	memcpy(cpu->fpu.xmm[reg], &y->lane[0], 16);
	memcpy(cpu->fpu.ymmh[reg], &y->lane[1], 16);
}

static enum exit store(struct vex *v, const struct opnd *o)
{
	struct vcpu *cpu = v->x.cpu;

	switch (o->kind) {
	case OPND_XMM:
		memset(&v->d.lane[1], 0, 16);
		/* fall through */
	case OPND_YMM:
		vex_store(cpu, o->reg, &v->d);
		break;
	case OPND_GPR:
		cpu->gpr[o->reg] = o->size == 8 ? v->d.q[0] : v->d.d[0];
		break;
	case OPND_MEM:
		TRY(check_align(v, o));
		if (mmu_write_buf(&cpu->mmu, v->x.gla, &v->d, o->size, vcpu_mmu_idx(cpu)) != EXIT_NONE)
			return cpu_page_fault(cpu);
		break;
	}
	return EXIT_NONE;
}

/* Shifts by an immediate: VEX.vvvv is the destination, the count stands where others have their last source. */
static bool shifts_by_imm(const struct insn *in)
{
	return in->map == 1 && in->opcode >= 0x71 && in->opcode <= 0x73;
}

static void lane_operands(struct vex *v, const struct vex_body *b, unsigned i)
{
	const struct insn *in = v->x.in;
	bool three = in->nops >= 3 && in->op[2].kind != OPND_IMM;
	const struct opnd *last = &in->op[three ? 2 : 1];
	const union ymm *src = three ? &v->b : &v->a;
	bool one_lane = last->kind == OPND_XMM || last->size <= 16;
	struct simd *x = &v->x;

	x->imm = in->imm >> (b->shape == VEX_SHR_IMM ? b->param * i : 0);
	x->d = three && b->shape != VEX_FUSED ? v->a.lane[i] : v->d.lane[i];
	x->m = b->shape == VEX_FUSED ? v->a.lane[i] : v->c.lane[i];
	x->s = src->lane[one_lane ? 0 : i];
	if (b->shape == VEX_WIDEN) {
		memset(&x->s, 0, sizeof(x->s));
		memcpy(&x->s, src->b + b->param * i, b->param);
	} else if (shifts_by_imm(in)) {
		x->d = v->a.lane[i];
		x->s = (union vec){.q = {x->imm, 0}};
	}
}

static void run_lanes(struct vex *v, const struct vex_body *b)
{
	union ymm r = {.q = {0}};

	for (unsigned i = 0; i < v->lanes && v->x.exit == EXIT_NONE; i++) {
		lane_operands(v, b, i);
		b->lane(&v->x);
		if (b->shape == VEX_NARROW)
			memcpy(r.b + b->param * i, &v->x.d, b->param);
		else if (b->shape == VEX_BITS)
			r.q[0] |= v->x.d.q[0] << b->param * i;
		else
			r.lane[i] = v->x.d;
	}
	v->d = r;
}

static enum exit run(struct vex *v, const struct vex_body *b)
{
	const struct insn *in = v->x.in;
	union ymm *to[4] = {&v->d, &v->a, &v->b, &v->c};

	for (unsigned i = 0; i < in->nops; i++) {
		const struct opnd *o = &in->op[i];

		if (o->kind == OPND_YMM || (o->kind == OPND_MEM && o->size == 32))
			v->lanes = 2;
		if (o->kind != OPND_MEM || (i > 0 && b->shape != VEX_ADDRESS))
			TRY(load(v, o, to[i]));
	}
	if (b->whole)
		b->whole(v);
	else
		run_lanes(v, b);
	if (v->x.exit != EXIT_NONE)
		return v->x.exit;
	/* VCVTPS2PH: #XM comes before #PF of the store, as on Intel's processors; a store that faults leaves masked flags alone, as translated code does */
	if (v->x.fpflags && in->op[0].kind == OPND_MEM && !(v->x.fpflags & ~(v->x.cpu->fpu.mxcsr >> 7)) &&
		mmu_probe(&v->x.cpu->mmu, v->x.gla, in->op[0].size, MMU_WRITE, vcpu_mmu_idx(v->x.cpu)) != EXIT_NONE)
		return cpu_page_fault(v->x.cpu);
	TRY(simd_fp_exceptions(&v->x));
	return in->nops > 0 && !v->x.keep ? store(v, &in->op[0]) : EXIT_NONE;
}

enum exit vex_exec(struct vcpu *cpu, const struct insn *in, gla_t gla, bool *known)
{
	unsigned mn = in->id < INSN_COUNT ? mnemonic_of[in->id] : MN_none;
	const struct vex_body *b = &bodies[mn];
	struct vex v = {.x = {.cpu = cpu, .in = in, .gla = gla, .n = 16, .imm = in->imm, .arg = b->param}, .lanes = 1};

	*known = mn != MN_none;
	if (!*known)
		return EXIT_NONE;
	TRY(available(cpu));
	return run(&v, b);
}
