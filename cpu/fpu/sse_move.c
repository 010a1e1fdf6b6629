/*
 * sse_move.c - MMX and SSE moves: bodies of simd.h.
 *
 * Non-temporal hints have no effect here: memory is coherent, so a store is a store.
 * Source: Intel SDM Vol. 2A, 2B, each instruction's "Operation".
 */
#include "cpu/fpu/simd.h"

/* Whole operands of any size: what is read is written, upper part zero. */
#define MOVE(name)                                                                                 \
	void simd_##name(struct simd *x)                                                           \
	{                                                                                          \
		x->d = x->s;                                                                       \
	}
MOVE(movaps)
MOVE(movapd)
MOVE(movups)
MOVE(movupd)
MOVE(movdqa)
MOVE(movdqu)
MOVE(lddqu)
MOVE(movntdqa)
MOVE(movntps)
MOVE(movntpd)
MOVE(movntdq)
MOVE(movntq)
MOVE(movnti)
MOVE(movd)

/* Also between XMM registers, where the upper half is cleared. */
#define MOVE_Q(name)                                                                               \
	void simd_##name(struct simd *x)                                                           \
	{                                                                                          \
		x->d = (union vec){.q = {x->s.q[0], 0}};                                           \
	}
MOVE_Q(movq)
MOVE_Q(movq2dq)
MOVE_Q(movdq2q)

/* MOVLPS, MOVHPS and their PD forms: one half to or from memory. */
void simd_movlps(struct simd *x)
{
	x->d.q[0] = x->s.q[0];
}

void simd_movlpd(struct simd *x)
{
	x->d.q[0] = x->s.q[0];
}

void simd_movhps(struct simd *x)
{
	if (simd_mem_dst(x))
		x->d.q[0] = x->s.q[1];
	else
		x->d.q[1] = x->s.q[0];
}

void simd_movhpd(struct simd *x)
{
	simd_movhps(x);
}

void simd_movhlps(struct simd *x)
{
	x->d.q[0] = x->s.q[1];
}

void simd_movlhps(struct simd *x)
{
	x->d.q[1] = x->s.q[0];
}

/* A load clears the rest of the register, a register move keeps it. */
void simd_movss(struct simd *x)
{
	if (simd_mem_src(x))
		x->d = x->s;
	else
		x->d.d[0] = x->s.d[0];
}

void simd_movsd(struct simd *x)
{
	if (simd_mem_src(x))
		x->d = x->s;
	else
		x->d.q[0] = x->s.q[0];
}

void simd_movsldup(struct simd *x)
{
	x->d = (union vec){.d = {x->s.d[0], x->s.d[0], x->s.d[2], x->s.d[2]}};
}

void simd_movshdup(struct simd *x)
{
	x->d = (union vec){.d = {x->s.d[1], x->s.d[1], x->s.d[3], x->s.d[3]}};
}

void simd_movddup(struct simd *x)
{
	x->d.q[0] = x->d.q[1] = x->s.q[0];
}

void simd_movmskps(struct simd *x)
{
	const uint32_t *s = x->s.d;

	x->d.q[0] = s[0] >> 31 | s[1] >> 31 << 1 | s[2] >> 31 << 2 | s[3] >> 31 << 3;
}

void simd_movmskpd(struct simd *x)
{
	x->d.q[0] = x->s.q[0] >> 63 | x->s.q[1] >> 63 << 1;
}

void simd_pmovmskb(struct simd *x)
{
	uint64_t m = 0;

	for (unsigned i = 0; i < x->n; i++)
		m |= (uint64_t)(x->s.b[i] >> 7) << i;
	x->d.q[0] = m;
}

/* PMOVSX, PMOVZX: the low elements of the source, widened to fill the register. */
#define WIDEN(name, to, from, count)                                                               \
	void simd_##name(struct simd *x)                                                           \
	{                                                                                          \
		for (unsigned i = 0; i < (count); i++)                                             \
			x->d.to[i] = x->s.from[i];                                                 \
	}
WIDEN(pmovsxbw, sw, sb, 8)
WIDEN(pmovsxbd, sd, sb, 4)
WIDEN(pmovsxbq, sq, sb, 2)
WIDEN(pmovsxwd, sd, sw, 4)
WIDEN(pmovsxwq, sq, sw, 2)
WIDEN(pmovsxdq, sq, sd, 2)
WIDEN(pmovzxbw, w, b, 8)
WIDEN(pmovzxbd, d, b, 4)
WIDEN(pmovzxbq, q, b, 2)
WIDEN(pmovzxwd, d, w, 4)
WIDEN(pmovzxwq, q, w, 2)
WIDEN(pmovzxdq, q, d, 2)

void simd_pinsrb(struct simd *x)
{
	x->d.b[x->imm & 15] = x->s.b[0];
}

void simd_pinsrw(struct simd *x)
{
	x->d.w[x->imm & (x->n / 2 - 1)] = x->s.w[0];
}

void simd_pinsrd(struct simd *x)
{
	x->d.d[x->imm & 3] = x->s.d[0];
}

void simd_pinsrq(struct simd *x)
{
	x->d.q[x->imm & 1] = x->s.q[0];
}

void simd_pextrb(struct simd *x)
{
	x->d.q[0] = x->s.b[x->imm & 15];
}

void simd_pextrw(struct simd *x)
{
	x->d.q[0] = x->s.w[x->imm & (x->n / 2 - 1)];
}

void simd_pextrd(struct simd *x)
{
	x->d.q[0] = x->s.d[x->imm & 3];
}

void simd_pextrq(struct simd *x)
{
	x->d.q[0] = x->s.q[x->imm & 1];
}

void simd_extractps(struct simd *x)
{
	x->d.q[0] = x->s.d[x->imm & 3];
}

void simd_insertps(struct simd *x)
{
	uint32_t v = simd_mem_src(x) ? x->s.d[0] : x->s.d[x->imm >> 6];

	x->d.d[x->imm >> 4 & 3] = v;
	for (unsigned i = 0; i < 4; i++)
		if (x->imm >> i & 1)
			x->d.d[i] = 0;
}

/* The implied destination DS:rDI (override allowed): the decoder names no memory operand. */
static enum exit mask_address(struct simd *x, gla_t *at)
{
	const struct insn *in = x->in;
	struct vcpu *cpu = x->cpu;
	unsigned sr = in->seg_override == MEM_NONE ? SEG_DS : in->seg_override;
	uint64_t off = cpu->gpr[GPR_RDI] & size_mask(in->asize);

	if (in->code == 8) {
		*at = off + (sr >= SEG_FS ? cpu->seg[sr].base : 0);
		/* #GP(0): If the memory address is in a non-canonical form. */
		if (!canonical(*at) || !canonical(*at + x->n - 1))
			return cpu_raise_aux(cpu, CHECK_GP_CANONICAL, 0, *at, 0);
		return EXIT_NONE;
	}
	/* #GP(0): For an illegal memory operand effective address in the CS, DS, ES, FS or GS segments. */
	if (off < cpu->seg[sr].wlo || off + x->n - 1 > cpu->seg[sr].whi)
		return cpu_raise_aux(cpu, sr == SEG_SS ? CHECK_SS_LIMIT : CHECK_GP_LIMIT, 0, off,
			cpu->seg[sr].limit);
	*at = (uint32_t)(off + cpu->seg[sr].base);
	return EXIT_NONE;
}

/* Bytes of the first operand whose mask byte has bit 7 set go to memory; all of them or none. */
static enum exit masked_store(struct simd *x)
{
	struct mmu *m = &x->cpu->mmu;
	enum mmu_idx idx = vcpu_mmu_idx(x->cpu);
	unsigned first = x->n, last = 0;
	gla_t at = 0;

	for (unsigned i = 0; i < x->n; i++)
		if (x->s.b[i] & 0x80) {
			first = i < first ? i : first;
			last = i;
		}
	TRY(mask_address(x, &at));
	if (first == x->n)
		return EXIT_NONE;
	if (mmu_probe(m, at + first, last - first + 1, MMU_WRITE, idx) != EXIT_NONE)
		return cpu_page_fault(x->cpu);
	for (unsigned i = first; i <= last; i++)
		if ((x->s.b[i] & 0x80) && mmu_write(m, at + i, 1, idx, x->d.b[i]) != EXIT_NONE)
			return cpu_page_fault(x->cpu);
	return EXIT_NONE;
}

static void mask_move(struct simd *x)
{
	x->keep = true;
	x->exit = masked_store(x);
}

void simd_maskmovq(struct simd *x)
{
	mask_move(x);
}

void simd_maskmovdqu(struct simd *x)
{
	mask_move(x);
}

void simd_emms(struct simd *x)
{
	x->cpu->fpu.ftw = 0;
}
