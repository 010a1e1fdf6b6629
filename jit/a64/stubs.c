/*
 * stubs.c - the little assembly every block shares: in, out, and the calls into C.
 *
 * All of it is emitted once into the kept part of the code arena, in two versions where it matters whether X8..X15
 * carry guest registers (64-bit code) or IR temporaries. Source: Procedure Call Standard for the Arm 64-bit Architecture.
 */
#include "jit/a64/a64.h"

#define FRAME_BYTES ((int32_t)((sizeof(struct a64_frame) + 15) & ~15ul))
#define SAVED_BYTES 96 /* X19..X30 */
#define REGS(n) (FRAME(regs) + 8 * (int32_t)(n))

/* Guest registers, NZCV and the sources of PF and AF to struct vcpu, or from it; uses X_S */
static void guest_state(struct codebuf *cb, bool load, bool code64)
{
	int32_t keep = ENV(scratch);

	for (unsigned n = 0; n < (code64 ? 16 : 8); n += 2) {
		int32_t off = ENV(gpr) + 8 * (int32_t)n;

		/* pairs are neighbours: 20 21, 22 23 ... 8 9 ... */
		if (load)
			a_ldp(cb, host_reg(n), host_reg(n + 1), X_CPU, off);
		else
			a_stp(cb, host_reg(n), host_reg(n + 1), X_CPU, off);
	}
	if (load) {
		a_ldr(cb, 8, X_S, X_CPU, keep + 8 * KEEP_NZCV);
		a_msr_nzcv(cb, X_S);
		a_ldr(cb, 8, X_PF, X_CPU, keep + 8 * KEEP_PF);
		a_ldr(cb, 8, X_AF, X_CPU, keep + 8 * KEEP_AF);
	} else {
		a_mrs_nzcv(cb, X_S);
		a_str(cb, 8, X_S, X_CPU, keep + 8 * KEEP_NZCV);
		a_str(cb, 8, X_PF, X_CPU, keep + 8 * KEEP_PF);
		a_str(cb, 8, X_AF, X_CPU, keep + 8 * KEEP_AF);
	}
}

static void saved_regs(struct codebuf *cb, bool load)
{
	for (unsigned i = 0; i < 6; i++) {
		if (load)
			a_ldp(cb, 19 + 2 * i, 20 + 2 * i, A_SP, 16 * (int32_t)i);
		else
			a_stp(cb, 19 + 2 * i, 20 + 2 * i, A_SP, 16 * (int32_t)i);
	}
}

/* unsigned enter(cpu x0, code x1, struct a64 *x2, struct block_exit **last x3, jump cache x4, TLB x5): enum run_exit */
static const uint8_t *make_enter(struct codebuf *cb)
{
	const uint8_t *at = codebuf_rx(cb);

	a_addi(cb, A_SUB, 8, A_SP, A_SP, SAVED_BYTES);
	saved_regs(cb, false);
	a_addi(cb, A_SUB, 8, A_SP, A_SP, (uint64_t)FRAME_BYTES);
	a_mov(cb, 8, X_CPU, 0);
	a_str(cb, 8, 2, A_SP, FRAME(x));
	a_str(cb, 8, 3, A_SP, FRAME(plast));
	a_str(cb, 8, 4, A_SP, FRAME(jc));
	a_str(cb, 8, 5, A_SP, FRAME(tlb));
	a_mov(cb, 8, X_TLB, 5);
	a_mov(cb, 8, X_S2, 1);
	guest_state(cb, true, true);
	a_br(cb, X_S2);
	return at;
}

/*
 * cpu->req is all that translated code shares with another thread. Its polls read it without order, as they only lead here: what C
 * reads from here on is not older than what the thread that set a request wrote before it (vcpu_kick()). Uses X_S, X1
 */
static void acquire_request(struct a64 *x, struct codebuf *cb)
{
	a_addi(cb, A_ADD, 8, 1, X_CPU, ENV(req));
	if (x->feat & HOSTF_LRCPC) /* need not wait for earlier releases of ours */
		a_ldapr(cb, 4, X_S, 1);
	else
		a_ldar(cb, 4, X_S, 1);
}

/* X_S: enum run_exit, X_S2: the exit to link or 0 */
static void make_exit(struct a64 *x, struct codebuf *cb, bool code64)
{
	x->stub.exit[code64] = codebuf_rx(cb);
	a_mov(cb, 4, 0, X_S);
	acquire_request(x, cb);
	guest_state(cb, false, code64);
	a_ldr(cb, 8, 1, A_SP, FRAME(plast));
	a_str(cb, 8, X_S2, 1, 0);
	a_addi(cb, A_ADD, 8, A_SP, A_SP, (uint64_t)FRAME_BYTES);
	saved_regs(cb, true);
	a_addi(cb, A_ADD, 8, A_SP, A_SP, SAVED_BYTES);
	a_ret(cb);
	/* where jump-cache misses and dead entries go */
	x->stub.lookup[code64] = codebuf_rx(cb);
	a_str(cb, 8, X_IP, X_CPU, ENV(rip));
	a_movi(cb, X_S, RUN_LOOKUP);
	a_mov(cb, 8, X_S2, A_ZR);
	a_b(cb, x->stub.exit[code64]);
}

/*
 * Where a branch of 64-bit code goes that found no block at X_IP: it may not be canonical. Behind the call stands the page
 * offset of the branch and, from bit 32 on, what it has added to RSP: then the interpreter runs the branch, and faults.
 */
static void make_checked(struct a64 *x, struct codebuf *cb)
{
	unsigned sp = host_reg(GPR_RSP);
	uint8_t *bad;

	x->stub.checked = codebuf_rx(cb);
	a_bitfield(cb, A_SBFM, 8, X_S, X_IP, 0, 47);
	a_logic(cb, A_EOR, 8, X_S, X_S, X_IP, A_LSL, 0);
	bad = a_cbz_fwd(cb, true, 8, X_S);
	a_b(cb, x->stub.lookup[1]);
	a_here(cb, bad);
	a_ldr(cb, 4, X_S, A_LR, 0);
	a_ldr(cb, 8, X_S2, X_CPU, ENV(ip_base));
	a_add(cb, A_ADD, 8, X_S, X_S, X_S2, A_LSL, 0);
	a_str(cb, 8, X_S, X_CPU, ENV(rip));
	a_ldr(cb, 4, X_S, A_LR, 4);
	a_add(cb, A_SUB, 8, sp, sp, X_S, A_LSL, 0);
	a_movi(cb, X_S, RUN_ONE);
	a_mov(cb, 8, X_S2, A_ZR);
	a_b(cb, x->stub.exit[1]);
}

/* The way out of an exit that is not linked: sets cpu->rip from the block_exit named behind the call. Temporaries are dead. */
static void make_link(struct a64 *x, struct codebuf *cb, bool code64)
{
	x->stub.link[code64] = codebuf_rx(cb);
	a_ldr(cb, 8, X_S2, A_LR, 0);
	a_ldr(cb, 8, 0, X_CPU, ENV(ip_base));
	a_ldr(cb, 8, 1, X_S2, offsetof(struct block_exit, off));
	a_add(cb, A_ADD, 8, 0, 0, 1, A_LSL, 0);
	a_ldr(cb, 8, 1, X_S2, offsetof(struct block_exit, ip_mask));
	a_logic(cb, A_AND, 8, 0, 0, 1, A_LSL, 0);
	a_str(cb, 8, 0, X_CPU, ENV(rip));
	a_movi(cb, X_S, RUN_LOOKUP);
	a_b(cb, x->stub.exit[code64]);
}

static void call_c(struct codebuf *cb, const void *fn)
{
	a_mov(cb, 8, 0, X_CPU);
	a_addi(cb, A_ADD, 8, 1, A_SP, 0); /* mov x1, sp */
	a_movi(cb, X_S, (uintptr_t)fn);
	a_blr(cb, X_S);
	a_ldr(cb, 8, X_TLB, A_SP, FRAME(tlb));
}

/* W0 non-zero: leave for good with reason W0 - 1 */
static void leave_if(struct a64 *x, struct codebuf *cb, bool code64)
{
	uint8_t *on = a_cbz_fwd(cb, false, 4, X_S2);

	a_addi(cb, A_SUB, 4, X_S, X_S2, 1);
	a_mov(cb, 8, X_S2, A_ZR);
	a_b(cb, x->stub.exit[code64]);
	a_here(cb, on);
}

/* The memory access's registers, all of them: C looks for a store's value there. Goes on at the site's join. */
static void make_slow(struct a64 *x, struct codebuf *cb, bool code64)
{
	x->stub.slow[code64] = codebuf_rx(cb);
	for (unsigned i = 0; i < 28; i += 2)
		if (i != 16 && i != 18)
			a_stp(cb, i, i + 1, A_SP, REGS(i));
	a_mrs_nzcv(cb, X_S);
	a_str(cb, 8, X_S, A_SP, FRAME(nzcv));
	a_ldr(cb, 8, X_S, A_LR, 0);
	a_str(cb, 8, X_S, A_SP, FRAME(site));
	call_c(cb, (const void *)(uintptr_t)a64_slow);
	a_mov(cb, 4, X_S2, 0);
	a_ldr(cb, 8, X_S, A_SP, FRAME(nzcv));
	a_msr_nzcv(cb, X_S);
	for (unsigned i = 0; i < 16; i += 2)
		a_ldp(cb, i, i + 1, A_SP, REGS(i));
	leave_if(x, cb, code64);
	a_ldr(cb, 8, X_S2, A_SP, FRAME(delta));
	a_ldr(cb, 8, X_S, A_SP, FRAME(join));
	a_br(cb, X_S);
}

static void make_eval(struct a64 *x, struct codebuf *cb, bool code64)
{
	unsigned ntemps = code64 ? 8 : 16;

	x->stub.eval[code64] = codebuf_rx(cb);
	for (unsigned i = 0; i < ntemps; i += 2)
		a_stp(cb, i, i + 1, A_SP, REGS(i));
	a_ldr(cb, 8, X_S, A_LR, 0);
	a_str(cb, 8, X_S, A_SP, FRAME(site));
	a_str(cb, 8, A_LR, A_SP, FRAME(back));
	guest_state(cb, false, code64);
	call_c(cb, (const void *)(uintptr_t)a64_eval);
	a_mov(cb, 4, X_S2, 0);
	guest_state(cb, true, code64);
	for (unsigned i = 0; i < ntemps; i += 2)
		a_ldp(cb, i, i + 1, A_SP, REGS(i));
	leave_if(x, cb, code64);
	a_ldr(cb, 8, A_LR, A_SP, FRAME(back));
	a_addi(cb, A_ADD, 8, A_LR, A_LR, 8); /* over the site's address */
	a_ret(cb);
}

void a64_make_stubs(struct a64 *x, struct codebuf *cb)
{
	x->stub.enter = make_enter(cb);
	for (unsigned i = 0; i < 2; i++) {
		make_exit(x, cb, i);
		make_link(x, cb, i);
		make_slow(x, cb, i);
		make_eval(x, cb, i);
	}
	make_checked(x, cb);
}
