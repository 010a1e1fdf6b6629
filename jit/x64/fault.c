/*
 * fault.c - the host's faults: those of translated code in a window are resolved, all others are left to whoever had them before.
 *
 * The handler runs on the thread that runs translated code, at an instruction of that: nothing else is under way, it may do
 * anything. The kernel keeps all registers, the guest's FP state among them.
 */
#define _GNU_SOURCE
#include "jit/x64/x64.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <ucontext.h>

/* The one whose code this thread runs, and its signal handler's only way to know. */
static __thread struct x64 *watched;

static const uint8_t greg_of[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI, REG_R8, REG_R9, REG_R10, REG_R11,
	REG_R12, REG_R13, REG_R14, REG_R15};

static void on_fault(int sig, siginfo_t *si, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
	struct sigaction dfl = {.sa_handler = SIG_DFL};
	uint64_t pc = (uint64_t)r[REG_RIP], reg[16];
	int e = errno;

	for (unsigned i = 0; i < 16; i++)
		reg[i] = (uint64_t)r[greg_of[i]];
	/* not an address: a misaligned operand, #GP */
	if (watched && window_fault(watched, &pc, si->si_code == SEGV_MAPERR || si->si_code == SEGV_ACCERR ? si->si_addr : NULL,
		r[REG_ERR] & 2, reg)) {
		for (unsigned i = 0; i < 16; i++)
			r[greg_of[i]] = (greg_t)reg[i];
		r[REG_RIP] = (greg_t)pc;
		errno = e;
		return;
	}
	sigaction(sig, watched && watched->old_fault ? watched->old_fault : &dfl, NULL); /* it will come again */
}

static bool ours(const struct sigaction *a)
{
	return a->sa_flags & SA_SIGINFO && a->sa_sigaction == on_fault;
}

void fault_watch(struct x64 *x)
{
	struct sigaction act = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK}, old;

	watched = x;
	if (!x || sigaction(SIGSEGV, NULL, &old) || ours(&old))
		return;
	if (!x->old_fault)
		x->old_fault = malloc(sizeof(old));
	BUG_ON(!x->old_fault);
	*x->old_fault = old;
	sigemptyset(&act.sa_mask);
	sigaction(SIGSEGV, &act, NULL);
}

void fault_fini(struct x64 *x)
{
	struct sigaction now;

	if (x->old_fault && !sigaction(SIGSEGV, NULL, &now) && ours(&now))
		sigaction(SIGSEGV, x->old_fault, NULL);
	free(x->old_fault);
}
