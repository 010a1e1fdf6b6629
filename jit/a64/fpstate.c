/*
 * fpstate.c - the guest's XMM registers in V16..V31, rounding and exceptions in FPCR and FPSR.
 *
 * XMM registers: a block loads one when it first reads it and writes the changed ones back where it ends and before C runs,
 * because calls into C keep no whole vector register. The ways out of line do so for themselves (struct cold: vin, vdirty).
 *
 * Floating point: while cpu->fp_live is set FPCR has MXCSR's rounding and FZ. With FZ the host flushes denormals and says so in
 * FPSR, which it does not otherwise; together with Invalid, Divide-by-Zero, Overflow and Underflow that is every case in which
 * the two architectures could differ - NaNs made, NaNs chosen among, denormal operands and results, conversions out of range. So
 * these bits are 0 in FPSR at every instruction's begin, and an instruction that sets one is done again in C. Quiet NaN operands set
 * none: both architectures hand on the first of them. What only collects is Inexact, FPSR's bit 4: it is taken into MXCSR when C code
 * runs (a64_fp_leave()).
 *
 * With FEAT_AFP (and FEAT_FRINTTS, for conversions) none of that is needed. FPCR.AH makes NaNs, FMIN, FMAX, tininess and what FPSR.IDC
 * tells the same as in SSE; FZ is MXCSR's FTZ and FIZ its DAZ; FPSR's bits are MXCSR's in another order, and all of them only collect. No
 * instruction is looked at or done again.
 *
 * Source: Arm ARM A1.5 "Floating-point support", C5.2 FPCR, FPSR; Intel SDM Vol. 1 10.2.3, 11.5.2, table 4-7.
 */
#include "jit/a64/neon.h"

#define MXCSR_PE (1u << 5)
#define MXCSR_DAZ 6
#define MXCSR_RC 13
#define MXCSR_FTZ 15
/* in FPSR: all but Inexact; the bits between and above are 0, but for QC, which integer saturation sets */
#define FPSR_REDO 0xFFFFFF8Fu
#define FPSR_EXCEPTIONS 0xFFu

static int32_t xmm_off(unsigned n)
{
	return ENV(fpu.xmm) + 16 * (int32_t)n;
}

unsigned xmm_use(struct emitter *c, unsigned n)
{
	n &= 15;
	if (!(c->vin >> n & 1))
		a_vldr(&c->cb, 16, 16 + n, X_CPU, xmm_off(n));
	c->vin |= 1u << n;
	return 16 + n;
}

unsigned xmm_def(struct emitter *c, unsigned n)
{
	n &= 15;
	c->vin |= 1u << n;
	c->vdirty |= 1u << n;
	return 16 + n;
}

void xmm_write_back(struct emitter *c, uint16_t which)
{
	for (unsigned n = 0; n < 16; n++)
		if (which >> n & 1)
			a_vstr(&c->cb, 16, 16 + n, X_CPU, xmm_off(n));
}

void xmm_reload(struct emitter *c, uint16_t which)
{
	for (unsigned n = 0; n < 16; n++)
		if (which >> n & 1)
			a_vldr(&c->cb, 16, 16 + n, X_CPU, xmm_off(n));
}

void xmm_flush(struct emitter *c, bool forget)
{
	xmm_write_back(c, c->vdirty);
	c->vdirty = 0;
	if (forget)
		c->vin = c->vzero = 0;
}

static uint64_t fpcr_of(const struct a64 *x, uint32_t mxcsr)
{
	/* 0 nearest, 1 down, 2 up, 3 zero; FPCR has up and down the other way round */
	static const uint8_t mode[4] = {0, 2, 1, 3};
	uint64_t rc = (uint64_t)mode[mxcsr >> MXCSR_RC & 3] << 22;

	if (x->feat & HOSTF_AFP)
		return rc | FPCR_AH | FPCR_NEP | (mxcsr >> MXCSR_FTZ & 1 ? FPCR_FZ : 0) | (mxcsr >> MXCSR_DAZ & 1 ? FPCR_FIZ : 0);
	return rc | FPCR_FZ;
}

/* FPSR's IOC DZC OFC UFC IXC and, bit 7, IDC as MXCSR's IE ZE OE UE PE and DE, which is bit 1 */
static uint32_t mxcsr_of(uint64_t fpsr)
{
	return (uint32_t)((fpsr & 1) | (fpsr & 0x1E) << 1 | (fpsr >> 7 & 1) << 1);
}

bool a64_fp_leave(struct vcpu *cpu)
{
	uint64_t fpsr, fpcr;

	if (!cpu->fp_live)
		return false;
	__asm__ volatile("mrs %0, fpsr" : "=r"(fpsr));
	__asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
	__asm__ volatile("msr fpcr, xzr");
	if (fpcr & FPCR_AH)
		cpu->fpu.mxcsr |= mxcsr_of(fpsr);
	else if (fpsr & FPSR_IXC)
		cpu->fpu.mxcsr |= MXCSR_PE;
	cpu->fp_live = 0;
	return true;
}

void a64_fp_enter(const struct a64 *x, struct vcpu *cpu)
{
	__asm__ volatile("msr fpcr, %0" : : "r"(fpcr_of(x, cpu->fpu.mxcsr)));
	__asm__ volatile("msr fpsr, xzr");
	cpu->fp_live = 1;
}

/* The same for translated code; uses X_S, X_S2. No flag is touched. */
void a64_make_fp_stub(struct a64 *x, struct codebuf *cb)
{
	x->stub.fp_enter = codebuf_rx(cb);
	a_ldr(cb, 4, X_S2, X_CPU, ENV(fpu.mxcsr));
	a_ubfx(cb, 4, X_S, X_S2, MXCSR_RC + 1, 1);
	a_ubfx(cb, 4, X_S2, X_S2, MXCSR_RC, 1);
	a_bfi(cb, 4, X_S, X_S2, 1, 1); /* the two bits of the rounding mode, swapped */
	if (x->feat & HOSTF_AFP) {
		a_ldr(cb, 4, X_S2, X_CPU, ENV(fpu.mxcsr));
		a_shifti(cb, A_LSR, 4, X_S2, X_S2, MXCSR_FTZ);
		a_bfi(cb, 4, X_S, X_S2, 2, 1);
		a_shifti(cb, A_LSL, 8, X_S, X_S, 22);
		a_ldr(cb, 4, X_S2, X_CPU, ENV(fpu.mxcsr));
		a_shifti(cb, A_LSR, 4, X_S2, X_S2, MXCSR_DAZ);
		a_bfi(cb, 4, X_S, X_S2, 0, 1);
		a_logici(cb, A_ORR, 8, X_S, X_S, FPCR_AH | FPCR_NEP);
	} else {
		a_logici(cb, A_ORR, 4, X_S, X_S, FPCR_FZ >> 22);
		a_shifti(cb, A_LSL, 8, X_S, X_S, 22);
	}
	a_msr_fpcr(cb, X_S);
	a_msr_fpsr(cb, A_ZR);
	a_movi(cb, X_S, 1);
	a_str(cb, 1, X_S, X_CPU, ENV(fp_live));
	a_ret(cb);
}

static void cold_enter(struct emitter *c, struct cold *k)
{
	a_bl(&c->cb, c->x->stub.fp_enter);
	a_b(&c->cb, k->join + c->cb.rx_delta);
}

void fp_need(struct emitter *c)
{
	struct cold *k;

	if (c->fp_ready)
		return;
	c->fp_ready = true;
	env_load(c, 1, X_S, ENV(fp_live));
	k = new_cold(c, cold_enter);
	k->from = a_cbz_fwd(&c->cb, false, 4, X_S);
	k->join = c->cb.p;
}

/* X_S: FPSR's bits but Inexact. Of saturation alone the block's code goes on, without it. */
void fp_saturated(struct emitter *c, uint8_t *resume)
{
	struct codebuf *cb = &c->cb;
	uint8_t *redo;

	a_logici(cb, A_AND, 4, X_S, X_S, FPSR_EXCEPTIONS);
	redo = a_cbz_fwd(cb, true, 4, X_S);
	a_mrs_fpsr(cb, X_S);
	a_logici(cb, A_AND, 4, X_S, X_S, FPSR_IXC);
	a_msr_fpsr(cb, X_S);
	a_b(cb, resume + cb->rx_delta);
	a_here(cb, redo);
}

static void cold_redo(struct emitter *c, struct cold *k)
{
	fp_saturated(c, k->resume);
	cold_eval(c, k);
}

uint8_t *fp_look(struct emitter *c)
{
	a_mrs_fpsr(&c->cb, X_S);
	a_logici(&c->cb, A_AND, 4, X_S, X_S, FPSR_REDO);
	return a_cbz_fwd(&c->cb, true, 4, X_S);
}

struct cold *fp_check(struct neon *p)
{
	struct emitter *c = p->c;
	struct cold *k;

	if (c->run.on || neon_afp(p))
		return NULL; /* once, at its end; the host does the same */
	k = new_cold(c, cold_redo);
	k->from = fp_look(c);
	k->resume = c->cb.p;
	k->site = eval_site(c, p->o);
	return k;
}

static void cold_redo2(struct emitter *c, struct cold *k)
{
	cold_eval(c, k);
}

struct cold *fp_check2(struct neon *p, unsigned r)
{
	struct emitter *c = p->c;
	struct cold *k = fp_check(p), *k2 = c->run.on ? fp_run_leave(c) : new_cold(c, cold_redo2);

	k2->from = a_cbz_fwd(&c->cb, true, 8, r);
	if (!k)
		return NULL;
	k2->site = k->site;
	k->twin = k2;
	return k;
}

void fp_done(struct neon *p, struct cold *k)
{
	for (; k; k = k->twin) {
		k->join = p->c->cb.p;
		k->vload = p->c->vin;
	}
}
