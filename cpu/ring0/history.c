/*
 * history.c - the trap log (history.h): writing entries and finding them again.
 *
 * It runs at every transition of the guest, so it copies and does nothing else; all decoding is the reader's. The
 * bytes of the instruction come from the TLB's execute entry, which has just been used, and never from a walk.
 */
#include "cpu/ring0/history.h"
#include "cpu/mode.h"
#include "mmu/base/clock.h"
#include "mmu/base/log.h"
#include <stdlib.h>
#include <string.h>

const char *const transition_names[TR_COUNT] = {
	[TR_EXCEPTION] = "exception",
	[TR_INTERRUPT] = "interrupt",
	[TR_SOFTINT] = "int",
	[TR_IRET] = "iret",
	[TR_SYSCALL] = "syscall",
	[TR_SYSRET] = "sysret",
	[TR_GATE] = "gate",
	[TR_FARRET] = "far ret",
	[TR_FARJMP] = "far jump",
	[TR_TASK] = "task",
	[TR_CR3] = "cr3",
	[TR_MODE] = "mode",
};

struct history *history_new(void)
{
	return calloc(1, sizeof(struct history));
}

const struct hist_rec *history_rec(const struct history *h, uint64_t no)
{
	if (!no || no > h->nrecs || no + HISTORY_RECS <= h->nrecs)
		return NULL;
	return &h->rec[no & (HISTORY_RECS - 1)];
}

const struct trap *history_trap(const struct history *h, uint64_t no)
{
	if (!no || no > h->ntraps || no + HISTORY_TRAPS <= h->ntraps)
		return NULL;
	return &h->trap[no & (HISTORY_TRAPS - 1)];
}

/*
 * Asking the host for the time would cost more than a system call does: calls and returns are put down at the time the
 * clock was last asked (by a device, a timer, an interrupt, an exception) unless somebody follows the trace.
 */
static uint64_t rec_time(const struct vcpu *cpu, const struct history *h, enum transition what)
{
	if (!cpu->clock)
		return 0;
	return h->seen || what == TR_INTERRUPT ? clock_now(cpu->clock) : clock_last(cpu->clock);
}

void history_add(struct vcpu *cpu, enum transition what, uint64_t a, uint64_t b)
{
	struct history *h = cpu->history;
	struct hist_rec *r;

	if (!h || h->off)
		return;
	r = &h->rec[++h->nrecs & (HISTORY_RECS - 1)];
	r->time = rec_time(cpu, h, what);
	r->insns = cpu->insns;
	r->cr3 = cpu->cr3;
	r->a = a;
	r->b = b;
	r->trap = what == TR_EXCEPTION ? h->ntraps : 0;
	r->from = cpu->from;
	r->to = place_now(cpu);
	r->what = what;
	if (UNLIKELY(h->seen != NULL))
		h->seen(h->seen_opaque, cpu, r);
}

/* The bytes at CS:RIP, if the page's translation for execution is cached. */
static void copy_bytes(const struct vcpu *cpu, struct trap *t)
{
	gla_t gla = cpu->seg[SEG_CS].base + cpu->rip;
	unsigned left;
	const struct tlb_entry *e;

	t->nbytes = 0;
	if ((cpu->mode & MODE_CODE_MASK) != MODE_CODE64)
		gla = (uint32_t)gla;
	e = &cpu->mmu.tlb[cpu->cpl == 3 ? MMU_USER : MMU_SUP][tlb_index(gla)];
	if (e->ex != (gla & PAGE_MASK))
		return;
	left = PAGE_SIZE - (gla & (PAGE_SIZE - 1));
	t->nbytes = left < INSN_MAX_LEN ? left : INSN_MAX_LEN;
	memcpy(t->bytes, (const void *)(uintptr_t)(gla + e->addend), t->nbytes);
}

struct trap *history_begin(struct vcpu *cpu, const struct event *e, uint64_t prior)
{
	struct history *h = cpu->history;
	struct trap *t;

	if (!h || h->off)
		return NULL;
	t = &h->trap[++h->ntraps & (HISTORY_TRAPS - 1)];
	t->no = h->ntraps;
	t->time = cpu->clock ? clock_now(cpu->clock) : 0;
	t->prior = prior;
	t->ev = *e;
	t->at = place_now(cpu);
	t->delivered = t->shutdown = false;
	copy_bytes(cpu, t);
	memcpy(t->gpr, cpu->gpr, sizeof(t->gpr));
	t->eflags = cpu->eflags;
	memcpy(t->seg, cpu->seg, sizeof(t->seg));
	t->ldtr = cpu->ldtr;
	t->tr = cpu->tr;
	t->gdtr.base = cpu->gdtr.base;
	t->gdtr.limit = cpu->gdtr.limit;
	t->idtr.base = cpu->idtr.base;
	t->idtr.limit = cpu->idtr.limit;
	t->cr0 = cpu->cr0;
	t->cr3 = cpu->cr3;
	t->cr4 = cpu->cr4;
	t->efer = cpu->efer;
	t->has_walk = e->vec == 14 && e->kind == EV_FAULT && cpu->mmu.fault.w.why != WALK_OK;
	if (t->has_walk)
		t->fault = cpu->mmu.fault;
	return t;
}

void history_told(struct vcpu *cpu, const struct trap *t)
{
	if (t && log_on(cpu->log, LOG_TRAP) && cpu->history->told)
		cpu->history->told(cpu->history->opaque, cpu, t);
}
