/*
 * history.c - the trap log (history.h): writing entries and finding them again.
 *
 * It runs at every transition of the guest, so it copies and does nothing else; all decoding is the reader's. The
 * bytes of the instruction come from the TLB's execute entry, which has just been used, and from a walk only where that has
 * not all of them.
 */
#include "cpu/ring0/history.h"
#include "cpu/mode.h"
#include "mmu/access.h"
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
 * clock was last asked (by a device, a timer, an interrupt, an exception).
 */
static uint64_t rec_time(const struct vcpu *cpu, enum transition what)
{
	if (!cpu->clock)
		return 0;
	return what == TR_INTERRUPT ? clock_now(cpu->clock) : clock_last(cpu->clock);
}

void history_add(struct vcpu *cpu, enum transition what, uint64_t a, uint64_t b)
{
	struct history *h = cpu->history;
	struct hist_rec *r;

	if (!h || h->off)
		return;
	r = &h->rec[++h->nrecs & (HISTORY_RECS - 1)];
	r->time = rec_time(cpu, what);
	r->insns = cpu->insns;
	r->cr3 = cpu->cr3;
	r->a = a;
	r->b = b;
	r->trap = what == TR_EXCEPTION ? h->ntraps : 0;
	r->from = cpu->from;
	r->to = place_now(cpu);
	r->what = what;
	/* the next entry's place has long left the caches: it comes back while the guest runs on */
	__builtin_prefetch(r + 1, 1);
	__builtin_prefetch((const char *)(r + 1) + 64, 1);
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
	if (e->ex != TLB_TAG(gla))
		return;
	left = PAGE_SIZE - (gla & (PAGE_SIZE - 1));
	t->nbytes = left < INSN_MAX_LEN ? left : INSN_MAX_LEN;
	memcpy(t->bytes, (const void *)(uintptr_t)(gla + e->addend), t->nbytes);
}

static void more_bytes(struct vcpu *cpu, struct trap *t)
{
	gla_t gla = cpu->seg[SEG_CS].base + cpu->rip;

	if (t->has_walk && t->fault.acc == MMU_EXEC)
		return; /* it could not be fetched */
	if ((cpu->mode & MODE_CODE_MASK) != MODE_CODE64)
		gla = (uint32_t)gla;
	t->nbytes += mmu_peek(&cpu->mmu, gla + t->nbytes, t->bytes + t->nbytes, INSN_MAX_LEN - t->nbytes);
}

/* The descriptor or gate that the error code names */
static void copy_desc(struct vcpu *cpu, struct trap *t)
{
	const struct event *e = &t->ev;
	bool lma = cpu->efer & EFER_LMA, idt = e->code & 2;
	uint64_t base = idt ? cpu->idtr.base : e->code & 4 ? cpu->ldtr.base : cpu->gdtr.base;
	uint64_t limit = idt ? cpu->idtr.limit : e->code & 4 ? cpu->ldtr.attr & SEGA_P ? cpu->ldtr.limit : 0 : cpu->gdtr.limit;
	uint32_t off = idt ? (e->code >> 3) * (lma ? 16 : 8) : e->code & 0xFFF8;
	unsigned n = lma && off + 15 <= limit ? 16 : 8;

	if (off + 7 <= limit)
		t->ndesc = (uint8_t)mmu_peek(&cpu->mmu, base + off, t->desc, n);
}

/* What the exceptions of segments, gates and privilege are about; page faults, of which there are many, need none of it. */
static void copy_tables(struct vcpu *cpu, struct trap *t)
{
	unsigned n = cpu->tr.limit < HISTORY_TSS ? (unsigned)cpu->tr.limit + 1 : HISTORY_TSS, port = t->ev.aux[0] & 0xFFFF;
	uint16_t map;

	t->ntss = t->ndesc = t->has_io = 0;
	t->desc[0] = t->desc[1] = 0;
	if (!(cpu->cr0 & CR0_PE) || t->ev.vec == 14)
		return;
	if (check_rows[t->ev.check].form == CODE_SEL)
		copy_desc(cpu, t);
	if (!(cpu->tr.attr & SEGA_P) || !(cpu->tr.sel & ~3))
		return;
	t->ntss = (uint8_t)mmu_peek(&cpu->mmu, cpu->tr.base, t->tss, n);
	if ((t->ev.check != CHECK_GP_IO_BIT && t->ev.check != CHECK_GP_IO_MAP_LIMIT) || t->ntss < HISTORY_TSS)
		return;
	memcpy(&map, t->tss + 0x66, 2);
	t->has_io = map + port / 8 <= cpu->tr.limit && mmu_peek(&cpu->mmu, cpu->tr.base + map + port / 8, &t->io, 1) == 1;
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
	if (UNLIKELY(t->nbytes < INSN_MAX_LEN))
		more_bytes(cpu, t);
	copy_tables(cpu, t);
	return t;
}

void history_told(struct vcpu *cpu, const struct trap *t)
{
	if (t && log_on(cpu->log, LOG_TRAP) && cpu->history->told)
		cpu->history->told(cpu->history->opaque, cpu, t);
}
