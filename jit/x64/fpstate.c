/*
 * fpstate.c - moving the guest's FP state between cpu->fpu and the host's registers.
 *
 * It is there in three parts, because they cost very different times and few programs use all: XMM registers and MXCSR
 * (cpu->fp_live; some ten cycles), the x87 stack (cpu->x87_live; FXRSTOR, hundreds), upper halves of the YMM registers
 * (cpu->avx_live; twenty). The first is there whenever one of the others is. What is not there is valid in cpu->fpu: legacy
 * SSE instructions leave the upper halves alone, wherever they are.
 *
 * Loading is code of the arena, called by blocks at their entry: no flag is touched, RCX is free. C uses the same code
 * with another base register. C code may leave nothing in the upper halves that is needed (x64_fp_save() clears them:
 * legacy SSE code of C would pay for dirty ones), and the x87 unit is in FNINIT's state whenever the guest's is not there.
 *
 * Source: Intel SDM Vol. 1 11.6.5 "MXCSR", 14.1.2; Vol. 3A 13.5; Intel Optimization Manual 15.3 "Mixing AVX Code with SSE Code".
 */
#include "jit/x64/x64.h"

/* Where struct vcpu is: base register, and what must be added. */
struct at {
	uint8_t base;
	int32_t bias;
};

static struct x_mem vcpu_mem(const struct at *a, size_t off)
{
	return (struct x_mem){a->base, X_NONE, 0, a->bias + (int32_t)off};
}

static void set_live(struct codebuf *cb, const struct at *a, size_t off)
{
	struct x_mem m = vcpu_mem(a, off);

	x_store_imm(cb, 1, &m, 1);
}

/* Go on here if the byte is 1; x_here() of what it returns is where to go if it is 0. RCX is lost, flags are not. */
static uint8_t *if_live(struct codebuf *cb, const struct at *a, size_t off)
{
	struct x_mem m = vcpu_mem(a, off);
	uint8_t *yes, *no;

	x_movzx_m(cb, X_RCX, &m, 1);
	x_lea(cb, 4, X_RCX, &(struct x_mem){X_RCX, X_NONE, 0, -1});
	yes = x_jrcxz_fwd(cb);
	no = x_jmp_fwd(cb);
	x_here8(cb, yes);
	return no;
}

static void xmm(struct codebuf *cb, const struct at *a, bool load)
{
	struct x_mem m = vcpu_mem(a, offsetof(struct vcpu, fpu.mxcsr));

	x_rm(cb, X_0F(0xAE), 4, load ? 2 : 3, &m); /* ldmxcsr, stmxcsr */
	for (unsigned i = 0; i < 16; i++) {
		m = vcpu_mem(a, offsetof(struct vcpu, fpu.xmm) + 16 * i);
		x_rm(cb, load ? X_0F(0x28) : X_0F(0x29), 4, i, &m); /* movaps */
	}
}

static void upper_halves(struct codebuf *cb, const struct at *a, bool load)
{
	for (unsigned i = 0; i < 16; i++) {
		struct x_mem m = vcpu_mem(a, offsetof(struct vcpu, fpu.ymmh) + 16 * i);

		x_vex_rm(cb, X_P66 | (load ? X_0F3A(0x18) : X_0F3A(0x19)), 4, 1, i, load ? i : 0, &m);
		codebuf_u8(cb, 1); /* vinsertf128, vextractf128 */
	}
}

static void fx(struct codebuf *cb, const struct at *a, bool load)
{
	struct x_mem m = vcpu_mem(a, offsetof(struct vcpu, fpu));

	x_rm(cb, X_0F(0xAE), 8, load, &m); /* fxrstor64, fxsave64 */
}

static const uint8_t *load_xmm(struct codebuf *cb, const struct at *a)
{
	const uint8_t *at = codebuf_rx(cb);

	xmm(cb, a, true);
	set_live(cb, a, offsetof(struct vcpu, fp_live));
	codebuf_u8(cb, 0xC3);
	return at;
}

static const uint8_t *load_x87(struct codebuf *cb, const struct at *a)
{
	const uint8_t *at = codebuf_rx(cb);
	uint8_t *no = if_live(cb, a, offsetof(struct vcpu, fp_live));

	xmm(cb, a, false); /* FXRSTOR will load them, too */
	x_here(cb, no);
	fx(cb, a, true);
	set_live(cb, a, offsetof(struct vcpu, fp_live));
	set_live(cb, a, offsetof(struct vcpu, x87_live));
	codebuf_u8(cb, 0xC3);
	return at;
}

static const uint8_t *load_avx(struct codebuf *cb, const struct at *a)
{
	const uint8_t *at = codebuf_rx(cb);
	uint8_t *no = if_live(cb, a, offsetof(struct vcpu, fp_live)), *both = x_jmp_fwd(cb);

	x_here(cb, no);
	xmm(cb, a, true);
	set_live(cb, a, offsetof(struct vcpu, fp_live));
	x_here(cb, both);
	upper_halves(cb, a, true);
	set_live(cb, a, offsetof(struct vcpu, avx_live));
	codebuf_u8(cb, 0xC3);
	return at;
}

/* For C: everything that is live, by its own part's instructions. */
static const uint8_t *save(struct codebuf *cb, const struct at *a)
{
	const uint8_t *at = codebuf_rx(cb);
	uint8_t *no = if_live(cb, a, offsetof(struct vcpu, avx_live));

	upper_halves(cb, a, false);
	codebuf_u8(cb, 0xC5); /* vzeroupper */
	codebuf_u8(cb, 0xF8);
	codebuf_u8(cb, 0x77);
	x_here(cb, no);
	no = if_live(cb, a, offsetof(struct vcpu, x87_live));
	fx(cb, a, false);
	codebuf_u8(cb, 0xDB); /* fninit */
	codebuf_u8(cb, 0xE3);
	codebuf_u8(cb, 0xC3);
	x_here(cb, no);
	xmm(cb, a, false);
	codebuf_u8(cb, 0xC3);
	return at;
}

void x64_make_fp_stubs(struct x64 *x, struct codebuf *cb)
{
	const struct at code = {X_R15, -VCPU_BIAS}, c = {X_RDI, 0};

	x->stub.fp_save = save(cb, &c);
	for (unsigned i = 0; i < 2; i++) {
		const struct at *a = i ? &c : &code;

		x->stub.fp_load[i][FP_PART_XMM] = load_xmm(cb, a);
		x->stub.fp_load[i][FP_PART_X87] = load_x87(cb, a);
		x->stub.fp_load[i][FP_PART_AVX] = load_avx(cb, a);
	}
}

static void cold_load(struct emitter *c, struct cold *k)
{
	x_call(&c->cb, c->x->stub.fp_load[0][k->imm]);
	x_jmp(&c->cb, k->join + c->cb.rx_delta);
}

/* Make sure of one part. */
static void check_part(struct emitter *c, int32_t live, enum x64_fp_part part)
{
	struct codebuf *cb = &c->cb;
	struct x_mem m = env_mem(live);
	struct cold *k = new_cold(c, cold_load);
	uint8_t *there;

	x_mov(cb, 8, X_R11, X_RCX);
	x_movzx_m(cb, X_RCX, &m, 1);
	x_lea(cb, 4, X_RCX, &(struct x_mem){X_RCX, X_NONE, 0, -1});
	there = x_jrcxz_fwd(cb);
	k->from = x_jmp_fwd(cb);
	k->imm = part;
	x_here8(cb, there);
	k->join = cb->p;
	x_mov(cb, 8, X_RCX, X_R11);
}

uint8_t x64_fp_needs(const struct ir_block *ir)
{
	uint8_t n = 0;

	if (ir->uses_x87 || ir->uses_sse || ir->uses_avx)
		n = 1 << FP_PART_XMM;
	return n | ir->uses_x87 << FP_PART_X87 | ir->uses_avx << FP_PART_AVX;
}

void emit_fp_check(struct emitter *c)
{
	if (c->ir->uses_x87)
		check_part(c, ENV(x87_live), FP_PART_X87);
	if (c->ir->uses_avx)
		check_part(c, ENV(avx_live), FP_PART_AVX);
	if (c->ir->uses_sse && !c->ir->uses_x87 && !c->ir->uses_avx)
		check_part(c, ENV(fp_live), FP_PART_XMM);
}

static void cold_entries(struct emitter *c, struct cold *k)
{
	struct x64_block *xb = c->xb;
	const uint8_t *code = c->blk->code;

	(void)k;
	xb->checked = (uint32_t)(codebuf_rx(&c->cb) - code);
	emit_fp_check(c);
	x_jmp(&c->cb, code + xb->body);
	if (xb->env == xb->body)
		return;
	xb->checked_env = (uint8_t)(codebuf_rx(&c->cb) - code - xb->checked);
	emit_fp_check(c);
	x_jmp(&c->cb, code + xb->env);
}

void emit_fp_entries(struct emitter *c)
{
	if (x64_fp_needs(c->ir))
		new_cold(c, cold_entries);
}
