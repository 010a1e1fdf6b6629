/*
 * history.c - the trap log (history.h): writing entries and finding them again.
 *
 * It runs at every transition of the guest, so it copies and does nothing else; all decoding is the reader's. The
 * bytes of the instruction come from the block that was run, or by the TLB's execute entry, and from a walk only where neither has all of
 * them: translated code goes on for long without that entry.
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
	struct history *h = aligned_alloc(_Alignof(struct history), sizeof(*h));

	if (h)
		memset(h, 0, sizeof(*h));
	return h;
}

static struct place expand_spot(const struct spot *s)
{
	uint32_t mode = (uint32_t)s->key;
	bool wide = (mode & MODE_CODE_MASK) == MODE_CODE64;

	return (struct place){.rip = wide ? s->at : (uint32_t)s->at, .mode = mode, .base = wide ? 0 : (uint32_t)(s->at >> 32),
		.cs = (uint16_t)(s->key >> 32), .cpl = (uint8_t)mode_cpl(mode)};
}

void history_expand(const struct hist_slot *s, struct hist_rec *r)
{
	*r = (struct hist_rec){.time = s->time, .insns = s->insns, .cr3 = s->cr3, .a = s->from.key >> 48, .b = s->b,
		.from = expand_spot(&s->from), .to = expand_spot(&s->to), .what = (uint8_t)slot_what(s)};
	switch (r->what) {
	case TR_EXCEPTION:
		r->trap = s->b;
		r->b = r->to.rip;
		break;
	case TR_SYSCALL:
	case TR_SYSRET:
		r->a = r->to.rip;
		break;
	case TR_IRET:
	case TR_FARRET:
	case TR_FARJMP:
		r->a = r->to.cs;
		r->b = r->to.rip;
		break;
	case TR_INTERRUPT:
	case TR_GATE:
		r->b = r->to.rip;
		break;
	case TR_CR3:
		r->a = s->cr3;
		break;
	case TR_MODE:
		r->a = (uint32_t)s->b;
		r->b = s->b >> 32;
		break;
	}
}

bool history_rec(const struct history *h, uint64_t no, struct hist_rec *r)
{
	if (!no || no > h->nrecs || no + HISTORY_RECS <= h->nrecs)
		return false;
	history_expand(&h->slot[no & (HISTORY_RECS - 1)], r);
	return true;
}

const struct trap *history_trap(const struct history *h, uint64_t no)
{
	if (!no || no > h->ntraps || no + HISTORY_TRAPS <= h->ntraps)
		return NULL;
	return &h->trap[no & (HISTORY_TRAPS - 1)];
}

/*
 * Asking the host for the time costs as much as a system call of the guest's. Calls and returns are put down at the time the clock was
 * last asked, by a device, a timer, or here: by exceptions and interrupts, but not again before FRESH_INSNS instructions are
 * over, some ten microseconds, if they are counted.
 */
#define FRESH_INSNS 30000

static uint64_t history_time(struct vcpu *cpu, bool call)
{
	struct history *h = cpu->history;

	if (!cpu->clock)
		return 0;
	if (call || ((cpu->mode & MODE_ICOUNT) && cpu->insns - h->asked < FRESH_INSNS))
		return clock_last(cpu->clock);
	h->asked = cpu->insns;
	return clock_now(cpu->clock);
}

void history_add(struct vcpu *cpu, enum transition what, uint16_t a, uint64_t b)
{
	struct history *h = cpu->history;
	struct hist_slot *s;

	if (h->off)
		return;
	s = &h->slot[++h->nrecs & (HISTORY_RECS - 1)];
	s->from = (struct spot){cpu->from.at, cpu->from.key | (uint64_t)a << 48};
	s->to = spot_now(cpu, what);
	s->time = history_time(cpu, what != TR_INTERRUPT);
	s->insns = cpu->insns;
	s->cr3 = cpu->cr3;
	s->b = what == TR_EXCEPTION ? h->ntraps : b;
	__builtin_prefetch(s + 1, 1);
	if (UNLIKELY(h->seen != NULL))
		h->seen(h->seen_opaque, cpu, s);
}

/* The bytes at CS:RIP in RAM, as far as the page goes, if whoever ran them says where, or the page's translation for execution is cached. */
static const uint8_t *bytes_host(const struct vcpu *cpu)
{
	gla_t gla = cpu->seg[SEG_CS].base + cpu->rip;
	const struct tlb_entry *e;

	if (cpu->insn_ra != RADDR_NONE)
		return cpu->mmu.ram->host + cpu->insn_ra;
	if ((cpu->mode & MODE_CODE_MASK) != MODE_CODE64)
		gla = (uint32_t)gla;
	e = &cpu->mmu.tlb[cpu->cpl == 3 ? MMU_USER : MMU_SUP][tlb_index(gla)];
	return e->ex == TLB_TAG(gla) ? (const uint8_t *)(uintptr_t)(gla + e->addend) : NULL;
}

static void copy_bytes(struct vcpu *cpu, struct trap *t)
{
	const uint8_t *from = bytes_host(cpu);
	unsigned left = PAGE_SIZE - ((cpu->seg[SEG_CS].base + cpu->rip) & (PAGE_SIZE - 1));

	t->nbytes = !from ? 0 : left < INSN_MAX_LEN ? (uint8_t)left : INSN_MAX_LEN;
	if (LIKELY(t->nbytes == INSN_MAX_LEN))
		memcpy(t->bytes, from, INSN_MAX_LEN);
	else if (from)
		memcpy(t->bytes, from, left);
	cpu->insn_ra = RADDR_NONE;
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
	if (t->has_walk)
		return;
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

static inline struct trap_seg short_seg(const struct seg *s)
{
	return (struct trap_seg){s->base, s->limit, s->sel, s->attr};
}

struct trap *history_begin(struct vcpu *cpu, const struct event *e, uint64_t prior)
{
	struct history *h = cpu->history;
	const char *next;
	struct trap *t;

	if (h->off) {
		cpu->insn_ra = RADDR_NONE;
		return NULL;
	}
	t = &h->trap[++h->ntraps & (HISTORY_TRAPS - 1)];
	t->no = h->ntraps;
	t->time = history_time(cpu, false);
	t->prior = prior;
	t->ev = *e;
	t->at = place_now(cpu);
	t->delivered = t->shutdown = false;
	copy_bytes(cpu, t);
	memcpy(t->gpr, cpu->gpr, sizeof(t->gpr));
	t->eflags = cpu->eflags;
	for (unsigned i = 0; i < SEG_COUNT; i++)
		t->seg[i] = short_seg(&cpu->seg[i]);
	t->ldtr = short_seg(&cpu->ldtr);
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
	/* as above: by the next exception they are there */
	next = (const char *)&h->trap[(h->ntraps + 1) & (HISTORY_TRAPS - 1)];
	for (unsigned i = 0; i < sizeof(*t); i += 64)
		__builtin_prefetch(next + i, 1);
	return t;
}

void history_told(struct vcpu *cpu, const struct trap *t)
{
	if (t && log_on(cpu->log, LOG_TRAP) && cpu->history->told)
		cpu->history->told(cpu->history->opaque, cpu, t);
}
