/*
 * stubs.c - the little assembly every block shares: in, out, and the calls into C.
 *
 * All of it is emitted once into the kept part of the code arena, in two versions where it matters whether R8 and R9
 * carry guest registers (64-bit code) or IR temporaries.
 */
#include "jit/x64/x64.h"
#include "mmu/window.h"

/* Room for the frame wherever RSP is, so that it can begin at WINDOW_GUARD_SHIFT modulo 64: translated code shifts by RSP. */
#define FRAME_BYTES (((sizeof(struct x64_frame) + 63) & ~63ul) + 64)
_Static_assert(WINDOW_GUARD_SHIFT % 16 == 0 && WINDOW_GUARD_SHIFT < 64, "the stack is aligned");

static const uint8_t saved[6] = {X_RBX, X_RBP, X_R12, X_R13, X_R14, X_R15};
static const uint8_t caller_saved[7] = {X_RAX, X_RCX, X_RDX, X_RSI, X_RDI, X_R8, X_R9}; /* ... and X_COUNT, which goes to cpu->insns */

static void push(struct codebuf *cb, unsigned r)
{
	if (r > 7)
		codebuf_u8(cb, 0x41);
	codebuf_u8(cb, 0x50 | (r & 7));
}

static void pop(struct codebuf *cb, unsigned r)
{
	if (r > 7)
		codebuf_u8(cb, 0x41);
	codebuf_u8(cb, 0x58 | (r & 7));
}

static void guest_regs(struct codebuf *cb, bool load, bool code64)
{
	for (unsigned n = 0; n < 16; n++) {
		struct x_mem m = gpr_mem(n);

		if (host_reg(n) == X_NONE || (n >= 8 && !code64))
			continue;
		if (load)
			x_load(cb, 8, host_reg(n), &m);
		else
			x_store(cb, 8, &m, host_reg(n));
	}
}

/* These two change the flags. */
static void count_to_c(struct codebuf *cb)
{
	struct x_mem m = env_mem(ENV(insns)), limit = env_mem(ENV(insns_limit));

	x_alu_rm(cb, X_ADD, 8, X_COUNT, &limit);
	x_store(cb, 8, &m, X_COUNT);
}

static void count_from_c(struct codebuf *cb)
{
	struct x_mem m = env_mem(ENV(insns)), limit = env_mem(ENV(insns_limit));

	x_load(cb, 8, X_COUNT, &m);
	x_alu_rm(cb, X_SUB, 8, X_COUNT, &limit);
}

/* A loop has found R10 not to be negative any more (poll.c): ZF = 0 if there is a request, else the next slice begins. Uses R11. */
static void make_expired(struct x64 *x, struct codebuf *cb)
{
	struct x_mem req = env_mem(ENV(req)), limit = env_mem(ENV(insns_limit));
	uint8_t *out;

	x->stub.expired = codebuf_rx(cb);
	x_alu_mi(cb, X_CMP, 4, &req, 0);
	out = x_jcc_fwd(cb, 5);
	x_load(cb, 8, X_R11, &limit);
	x_lea(cb, 8, X_R11, &(struct x_mem){X_R11, X_R10, 0, COUNT_SLICE});
	x_store(cb, 8, &limit, X_R11);
	x_movi(cb, 8, X_COUNT, (uint64_t)-COUNT_SLICE);
	x_here(cb, out);
	codebuf_u8(cb, 0xC3);
}

/* The frame as seen below @extra bytes of pushes. */
static struct x_mem frame_at(int32_t field, int32_t extra)
{
	return frame_mem(field + extra);
}

/* unsigned enter(cpu rdi, code rsi, struct x64 *rdx, struct block_exit **last rcx): enum run_exit */
static const uint8_t *make_enter(struct codebuf *cb)
{
	const uint8_t *at = codebuf_rx(cb);
	struct x_mem m;

	for (unsigned i = 0; i < 6; i++)
		push(cb, saved[i]);
	x_mov(cb, 8, X_RAX, X_RSP);
	x_alui(cb, X_SUB, 8, X_RSP, FRAME_BYTES);
	x_alui(cb, X_AND, 8, X_RSP, -64);
	x_alui(cb, X_ADD, 8, X_RSP, WINDOW_GUARD_SHIFT);
	m = frame_mem(FRAME(rsp));
	x_store(cb, 8, &m, X_RAX);
	x_lea(cb, 8, X_R15, &(struct x_mem){X_RDI, X_NONE, 0, VCPU_BIAS});
	m = frame_mem(FRAME(x));
	x_store(cb, 8, &m, X_RDX);
	m = frame_mem(FRAME(plast));
	x_store(cb, 8, &m, X_RCX);
	x_mov(cb, 8, X_R13, X_RSI);
	count_from_c(cb);
	emit_restore(cb);
	guest_regs(cb, true, true);
	x_jmp_r(cb, X_R13);
	return at;
}

/* R11D: enum run_exit, R13: the exit to link or 0 */
static void make_exit(struct x64 *x, struct codebuf *cb, bool code64)
{
	struct x_mem plast = frame_mem(FRAME(plast)), rsp = frame_mem(FRAME(rsp));

	x->stub.exit_host[code64] = codebuf_rx(cb);
	x_mov(cb, 8, X_R14, X_R11);
	emit_save(cb);
	x_mov(cb, 8, X_R11, X_R14);
	x->stub.exit_env[code64] = codebuf_rx(cb);
	guest_regs(cb, false, code64);
	count_to_c(cb);
	x_load(cb, 8, X_RCX, &plast);
	x_store(cb, 8, &(struct x_mem){X_RCX, X_NONE, 0, 0}, X_R13);
	x_mov(cb, 4, X_RAX, X_R11);
	x_load(cb, 8, X_RSP, &rsp);
	for (unsigned i = 6; i-- > 0;)
		pop(cb, saved[i]);
	codebuf_u8(cb, 0xC3);
}

/*
 * IP is R11 and in cpu->rip, the flags are saved: to the block if there is one, else to the run loop. @exit: frame.exit is to be linked
 * to it.
 */
static void find_in_c(struct x64 *x, struct codebuf *cb, bool code64, bool exit)
{
	struct x_mem rip = env_mem(ENV(rip)), link = frame_mem(FRAME(exit));
	unsigned n = code64 ? ARRAY_SIZE(caller_saved) : 5; /* R8 and R9 carry nothing between blocks of other code */
	uint8_t *none;

	if (!(x->jc.off || x->opts_off & JIT_OPT_FIND)) {
		for (unsigned i = 0; i < n; i++) {
			struct x_mem m = frame_mem(FRAME(regs) + 8 * caller_saved[i]);

			x_store(cb, 8, &m, caller_saved[i]);
		}
		count_to_c(cb);
		x_mov(cb, 8, X_RSI, X_R11);
		if (exit)
			x_load(cb, 8, X_RDX, &link);
		x_lea(cb, 8, X_RDI, &(struct x_mem){X_R15, X_NONE, 0, -VCPU_BIAS});
		x_movi(cb, 8, X_RAX, exit ? (uintptr_t)x64_find_for : (uintptr_t)x64_find);
		x_call_r(cb, X_RAX);
		x_mov(cb, 8, X_R13, X_RAX);
		x_load(cb, 8, X_R11, &rip);
		for (unsigned i = 0; i < n; i++) {
			struct x_mem m = frame_mem(FRAME(regs) + 8 * caller_saved[i]);

			x_load(cb, 8, caller_saved[i], &m);
		}
		count_from_c(cb);
		x_test(cb, 8, X_R13, X_R13);
		none = x_jcc_fwd(cb, 4);
		x_jmp_r(cb, X_R13);
		x_here(cb, none);
	}
	if (exit)
		x_load(cb, 8, X_R13, &link);
	else
		x_movi(cb, 4, X_R13, 0);
	x_movi(cb, 4, X_R11, RUN_LOOKUP);
	x_jmp(cb, x->stub.exit_env[code64]);
}

/* Where jump-cache misses and dead entries go, with IP in R11 and the flags saved. */
static void make_lookup(struct x64 *x, struct codebuf *cb, bool code64)
{
	struct x_mem rip = env_mem(ENV(rip));

	x->stub.lookup[code64] = codebuf_rx(cb);
	x_store(cb, 8, &rip, X_R11);
	find_in_c(x, cb, code64, false);
}

/* The same for an exit that is not linked, or not for this IP: it is linked anew once that has happened often. */
static void make_far(struct x64 *x, struct codebuf *cb, bool code64)
{
	struct x_mem rip = env_mem(ENV(rip)), link = frame_mem(FRAME(exit)), m = reg_mem(X_R13);
	uint8_t *now, *miss;

	x->stub.far[code64] = codebuf_rx(cb);
	pop(cb, X_R13);
	x_load(cb, 8, X_R13, &m);
	x_store(cb, 8, &link, X_R13);
	x_store(cb, 8, &rip, X_R11);
	m.disp = offsetof(struct block_exit, tries);
	x_alu_mi(cb, X_SUB, 2, &m, 1);
	now = x_jcc_fwd(cb, 2);
	miss = emit_jump_cache(cb, x, NULL);
	x_here(cb, miss);
	x_here(cb, now);
	find_in_c(x, cb, code64, true);
}

/*
 * Where a branch of 64-bit code goes that found no block at IP R11: it may not be canonical. Behind the call stands the page
 * offset of the branch and, from bit 32 on, what it has added to RSP: then the interpreter runs the branch, and faults.
 */
static void make_checked(struct x64 *x, struct codebuf *cb)
{
	struct x_mem rip = env_mem(ENV(rip)), base = env_mem(ENV(ip_base)), m = reg_mem(X_R13);
	uint8_t *bad;

	x->stub.checked = codebuf_rx(cb);
	x_mov(cb, 8, X_R13, X_R11);
	x_shifti(cb, X_SAR, 8, X_R13, 47);
	x_alui(cb, X_ADD, 8, X_R13, 1);
	x_shifti(cb, X_SHR, 8, X_R13, 1);
	bad = x_jcc_fwd(cb, 5);
	x_alui(cb, X_ADD, 8, X_RSP, 8);
	x_jmp(cb, x->stub.lookup[1]);
	x_here(cb, bad);
	pop(cb, X_R13);
	x_load(cb, 8, X_R13, &m);
	x_mov(cb, 4, X_R11, X_R13);
	x_alu_rm(cb, X_ADD, 8, X_R11, &base);
	x_store(cb, 8, &rip, X_R11);
	x_shifti(cb, X_SHR, 8, X_R13, 32);
	x_alu(cb, X_SUB, 8, X_R12, X_R13);
	x_movi(cb, 4, X_R13, 0);
	x_movi(cb, 4, X_R11, RUN_ONE);
	x_jmp(cb, x->stub.exit_env[1]);
}

/* The way out of an exit that is not linked: sets cpu->rip from the block_exit named behind the call. */
static void make_link(struct x64 *x, struct codebuf *cb, bool code64)
{
	struct x_mem rip = env_mem(ENV(rip)), base = env_mem(ENV(ip_base)), m = reg_mem(X_R13);
	uint8_t *both;

	x->stub.link[code64][0] = codebuf_rx(cb);
	pop(cb, X_R13);
	emit_save(cb);
	both = x_jmp_fwd(cb);
	x->stub.link[code64][1] = codebuf_rx(cb);
	pop(cb, X_R13);
	x_here(cb, both);
	x_load(cb, 8, X_R13, &m);
	m.disp = offsetof(struct block_exit, off);
	x_load(cb, 8, X_R11, &m);
	x_alu_rm(cb, X_ADD, 8, X_R11, &base);
	m.disp = offsetof(struct block_exit, ip_mask);
	x_alu_rm(cb, X_AND, 8, X_R11, &m);
	x_store(cb, 8, &rip, X_R11);
	x_movi(cb, 4, X_R11, RUN_LOOKUP);
	x_jmp(cb, x->stub.exit_env[code64]);
}

static void call_c(struct codebuf *cb, const void *fn, int32_t extra)
{
	x_lea(cb, 8, X_RDI, &(struct x_mem){X_R15, X_NONE, 0, -VCPU_BIAS});
	x_lea(cb, 8, X_RSI, &(struct x_mem){X_RSP, X_NONE, 0, extra});
	x_movi(cb, 8, X_RAX, (uintptr_t)fn);
	x_call_r(cb, X_RAX);
}

/* EAX non-zero: drop the return address and leave for good with reason EAX-1; registers are back already. */
static void leave(struct x64 *x, struct codebuf *cb, bool code64)
{
	x_alui(cb, X_ADD, 8, X_RSP, 16);
	x_movi(cb, 4, X_R13, 0);
	x_jmp(cb, x->stub.exit_env[code64]);
}

/* Called with an x64_site behind the call; goes on at the site's join. */
static void make_slow(struct x64 *x, struct codebuf *cb, bool code64)
{
	static const uint8_t all[] = {X_RAX, X_RCX, X_RDX, X_RSI, X_RDI, X_R8, X_R9, X_R13, X_R14, X_RBX, X_RBP, X_R12};
	struct x_mem site = frame_at(FRAME(site), 16), join = frame_at(FRAME(join), 16);
	uint8_t *settled, *out;

	x->stub.slow[code64][SAVE_EITHER] = codebuf_rx(cb);
	emit_settle(cb);
	settled = x_jmp_fwd8(cb);
	x->stub.slow[code64][SAVE_HOST] = codebuf_rx(cb);
	emit_save(cb);
	x_here8(cb, settled);
	x->stub.slow[code64][SAVE_NONE] = codebuf_rx(cb);
	x_alui(cb, X_SUB, 8, X_RSP, 8);
	for (unsigned i = 0; i < ARRAY_SIZE(all); i++) {
		struct x_mem m = frame_at(FRAME(regs) + 8 * all[i], 16);

		x_store(cb, 8, &m, all[i]);
	}
	count_to_c(cb);
	x_load(cb, 8, X_RCX, &(struct x_mem){X_RSP, X_NONE, 0, 8});
	x_store(cb, 8, &site, X_RCX);
	call_c(cb, (const void *)(uintptr_t)x64_slow, 16);
	count_from_c(cb);
	x_lea(cb, 4, X_R11, &(struct x_mem){X_RAX, X_NONE, 0, -1});
	x_test(cb, 4, X_RAX, X_RAX);
	for (unsigned i = 0; i < 9; i++) { /* the others survive a call */
		struct x_mem m = frame_at(FRAME(regs) + 8 * all[i], 16);

		x_load(cb, 8, all[i], &m);
	}
	out = x_jcc_fwd(cb, 5);
	x_load(cb, 8, X_R11, &join);
	x_alui(cb, X_ADD, 8, X_RSP, 16);
	x_jmp_r(cb, X_R11);
	x_here(cb, out);
	leave(x, cb, code64);
}

static void make_eval(struct x64 *x, struct codebuf *cb, bool code64)
{
	uint8_t *out;

	x->stub.eval[code64] = codebuf_rx(cb);
	x_alui(cb, X_SUB, 8, X_RSP, 8);
	guest_regs(cb, false, code64);
	for (unsigned i = 5; i < ARRAY_SIZE(caller_saved) && !code64; i++) {
		struct x_mem m = frame_at(FRAME(regs) + 8 * caller_saved[i], 16);

		x_store(cb, 8, &m, caller_saved[i]);
	}
	count_to_c(cb);
	call_c(cb, (const void *)(uintptr_t)x64_eval, 16);
	count_from_c(cb);
	x_lea(cb, 4, X_R11, &(struct x_mem){X_RAX, X_NONE, 0, -1});
	x_test(cb, 4, X_RAX, X_RAX);
	guest_regs(cb, true, code64);
	for (unsigned i = 5; i < ARRAY_SIZE(caller_saved) && !code64; i++) {
		struct x_mem m = frame_at(FRAME(regs) + 8 * caller_saved[i], 16);

		x_load(cb, 8, caller_saved[i], &m);
	}
	out = x_jcc_fwd(cb, 5);
	x_alui(cb, X_ADD, 8, X_RSP, 8);
	codebuf_u8(cb, 0xC3);
	x_here(cb, out);
	leave(x, cb, code64);
}

void x64_make_stubs(struct x64 *x, struct codebuf *cb)
{
	x->stub.enter = make_enter(cb);
	x64_make_fp_stubs(x, cb);
	for (unsigned i = 0; i < 2; i++) {
		make_exit(x, cb, i);
		make_lookup(x, cb, i);
		make_far(x, cb, i);
		make_link(x, cb, i);
		make_slow(x, cb, i);
		make_eval(x, cb, i);
	}
	make_checked(x, cb);
	make_expired(x, cb);
}
