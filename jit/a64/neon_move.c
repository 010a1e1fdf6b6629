/*
 * neon_move.c - moves between XMM registers, memory and general registers.
 */
#include "jit/a64/neon.h"

/* The low element of 1 << @s bytes of @b into the first source. */
static void merge(struct neon *p, unsigned s, unsigned a, unsigned b, unsigned d)
{
	struct codebuf *cb = &p->c->cb;

	if (d == a) {
		a_vins(cb, s, d, 0, b, 0);
		return;
	}
	a_vmov(cb, 0, a);
	a_vins(cb, s, 0, 0, b, 0);
	a_vmov(cb, d, 0);
}

/* From memory, arg bytes; the rest of the register becomes zero. */
bool neon_load(struct neon *p)
{
	unsigned a, d;

	a = neon_addr(p, p->arg);
	d = neon_d(p);
	a_vldr_reg(&p->c->cb, p->arg, d, a, X_S2);
	return true;
}

/* MOVAPS and the like: a whole register, or arg bytes of memory */
bool neon_move(struct neon *p)
{
	unsigned b, d;

	if (p->in->has_mem)
		return neon_load(p);
	b = neon_b(p, 16);
	d = neon_d(p);
	if (d != b)
		a_vmov(&p->c->cb, d, b);
	return true;
}

/* ModRM.reg to ModRM.rm: the same in the other direction */
bool neon_move_out(struct neon *p)
{
	unsigned s = xmm_use(p->c, p->in->reg), d;

	if (p->in->has_mem) {
		neon_store(p, s, p->arg, 0);
		return true;
	}
	d = neon_d_rm(p);
	if (d != s)
		a_vmov(&p->c->cb, d, s);
	return true;
}

/* MOVSS, MOVSD: a load clears the rest, between registers it stays. arg: log2 of the bytes */
bool neon_movs(struct neon *p)
{
	unsigned a, b;

	if (p->in->has_mem) {
		p->arg = 1u << p->arg;
		return neon_load(p);
	}
	a = neon_a(p);
	b = neon_b(p, 16);
	merge(p, p->arg, a, b, neon_d(p));
	return true;
}

bool neon_movs_out(struct neon *p)
{
	unsigned a, s;

	if (p->in->has_mem) {
		p->arg = 1u << p->arg;
		return neon_move_out(p);
	}
	a = xmm_use(p->c, p->in->vex ? p->in->vvvv : p->in->rm);
	s = xmm_use(p->c, p->in->reg);
	merge(p, p->arg, a, s, neon_d_rm(p));
	return true;
}

/* MOVLPS, MOVHPS from memory. arg: the half */
bool neon_load_half(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned a = neon_a(p), d;

	neon_b(p, 8);
	d = neon_d(p);
	if (d != a)
		a_vmov(cb, d, a);
	a_vins(cb, 3, d, p->arg, V_MEM, 0);
	return true;
}

bool neon_store_half(struct neon *p)
{
	unsigned s = xmm_use(p->c, p->in->reg);

	if (p->arg) {
		a_sdup(&p->c->cb, 3, 0, s, 1);
		s = 0;
	}
	neon_store(p, s, 8, 8 * p->arg);
	return true;
}

/* MOVD, MOVQ */
bool neon_gpr_in(struct neon *p)
{
	p->arg = neon_int_size(p);
	if (p->in->has_mem)
		return neon_load(p);
	a_v2(&p->c->cb, p->arg == 8 ? A_GFMOV_TO | 1u << 31 | A_VS(1) : A_GFMOV_TO, neon_d(p), neon_gpr(p));
	return true;
}

bool neon_gpr_out(struct neon *p)
{
	unsigned s = xmm_use(p->c, p->in->reg);

	p->arg = neon_int_size(p);
	if (p->in->has_mem)
		neon_store(p, s, p->arg, 0);
	else
		a_v2(&p->c->cb, p->arg == 8 ? A_GFMOV_FROM | 1u << 31 | A_VS(1) : A_GFMOV_FROM, neon_gpr(p), s);
	return true;
}

/* MOVQ xmm, xmm: clears the upper half */
bool neon_movq(struct neon *p)
{
	unsigned b;

	if (p->in->has_mem)
		return neon_load(p);
	b = neon_b(p, 8);
	a_v2(&p->c->cb, A_SFMOV | A_VS(1), neon_d(p), b);
	return true;
}

bool neon_movq_out(struct neon *p)
{
	unsigned s;

	if (p->in->has_mem)
		return neon_move_out(p);
	s = xmm_use(p->c, p->in->reg);
	a_v2(&p->c->cb, A_SFMOV | A_VS(1), neon_d_rm(p), s);
	return true;
}

bool neon_ddup(struct neon *p)
{
	unsigned b = neon_b(p, 8);

	a_vdup(&p->c->cb, 3, neon_d(p), b, 0);
	return true;
}

/* arg: d = b op b */
bool neon_dup_pair(struct neon *p)
{
	unsigned b = neon_b(p, 16);

	a_v3(&p->c->cb, p->arg, neon_d(p), b, b);
	return true;
}

/* PINSRx. arg: log2 of the element's bytes */
bool neon_insert(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned i = (unsigned)p->in->imm & ((16u >> p->arg) - 1), a = neon_a(p), d;

	if (p->in->has_mem)
		neon_b(p, 1u << p->arg);
	d = neon_d(p);
	if (d != a)
		a_vmov(cb, d, a);
	if (p->in->has_mem)
		a_vins(cb, p->arg, d, i, V_MEM, 0);
	else
		a_vins_reg(cb, p->arg, d, i, neon_gpr(p));
	return true;
}

/* PEXTRx, EXTRACTPS: to ModRM.rm */
bool neon_extract(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned i = (unsigned)p->in->imm & ((16u >> p->arg) - 1), s = xmm_use(p->c, p->in->reg);

	if (!p->in->has_mem) {
		a_umov(cb, p->arg, neon_gpr(p), s, i);
		return true;
	}
	a_sdup(cb, p->arg, 0, s, i);
	neon_store(p, 0, 1u << p->arg, i << p->arg);
	return true;
}

/* PEXTRW of SSE2: from ModRM.rm to ModRM.reg */
bool neon_extractw(struct neon *p)
{
	unsigned b = neon_b(p, 16);

	a_umov(&p->c->cb, 1, neon_gpr_reg(p), b, p->in->imm & 7);
	return true;
}

/* Two values of @shift bits each from the low bytes of V0's halves into the general register. */
static void gather(struct neon *p, unsigned shift)
{
	struct codebuf *cb = &p->c->cb;

	a_umov(cb, 0, X_S, 0, 0);
	a_umov(cb, 0, X_S2, 0, 8);
	a_logic(cb, A_ORR, 4, neon_gpr_reg(p), X_S, X_S2, A_LSL, shift);
}

/* The sign bits of the elements, moved together step by step. */
bool neon_movmskb(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned b = neon_b(p, 16);

	a_vshift(cb, A_VUSHR, 0, 0, b, 7);
	a_vshift(cb, A_VUSRA, 1, 0, 0, 7);
	a_vshift(cb, A_VUSRA, 2, 0, 0, 14);
	a_vshift(cb, A_VUSRA, 3, 0, 0, 28);
	gather(p, 8);
	return true;
}

bool neon_movmskps(struct neon *p)
{
	struct codebuf *cb = &p->c->cb;
	unsigned b = neon_b(p, 16);

	a_vshift(cb, A_VUSHR, 2, 0, b, 31);
	a_vshift(cb, A_VUSRA, 3, 0, 0, 31);
	gather(p, 2);
	return true;
}

bool neon_movmskpd(struct neon *p)
{
	unsigned b = neon_b(p, 16);

	a_vshift(&p->c->cb, A_VUSHR, 3, 0, b, 63);
	gather(p, 1);
	return true;
}
