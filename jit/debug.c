/*
 * debug.c - breakpoints, watchpoints and single step for a debugger outside the guest (jit.h).
 *
 * Translations know physical bytes, not linear addresses. A breakpoint therefore makes every block end before, and every
 * block that begins at, its page offset come back to the run loop (never linked, never in the jump cache); the loop
 * compares the linear address; all other blocks run as always. While a watchpoint is set or a step is asked for, blocks have one instruction, so that
 * the stop comes right after it. Without any of these nothing is slower.
 */
#include "jit/priv.h"
#include "cpu/ring0/ring0.h"
#include <string.h>

void jit_debug_break(struct jit *j, const gla_t *at, unsigned n)
{
	struct jit_debug *d = &j->dbg;
	bool more = false;

	d->nbreaks = n < JIT_MAX_BREAKS ? n : JIT_MAX_BREAKS;
	for (unsigned i = 0; i < d->nbreaks; i++) {
		unsigned off = at[i] & (PAGE_SIZE - 1);

		d->at[i] = at[i];
		more |= !(d->offs[off / 64] >> (off % 64) & 1);
		d->offs[off / 64] |= BIT(off % 64);
	}
	/* offsets only accumulate: taking a breakpoint away and setting it again costs no translation */
	if (more)
		jit_flush(j);
	d->any |= more;
}

void jit_debug_watch(struct jit *j, const struct jit_watch *w, unsigned n)
{
	struct mmu *m = &j->cpu->mmu;

	mmu_clear_watch(m, MMU_WATCH_GUEST, MMU_WATCH_MAX - MMU_WATCH_GUEST);
	j->dbg.nwatches = n < MMU_WATCH_MAX - MMU_WATCH_GUEST ? n : MMU_WATCH_MAX - MMU_WATCH_GUEST;
	for (unsigned i = 0; i < j->dbg.nwatches; i++)
		mmu_set_watch(m, MMU_WATCH_GUEST + i, w[i].gla, w[i].len, w[i].on_read, w[i].on_write);
}

void jit_debug_magic(struct jit *j)
{
	j->dbg.magic = true;
	jit_flush(j);
}

bool debug_magic_stop(struct jit *j)
{
	j->dbg.why = JIT_WHY_MAGIC;
	j->dbg.gla = j->cpu->seg[SEG_CS].base + j->cpu->rip;
	j->dbg.step = false;
	return true;
}

void jit_debug_go(struct jit *j, bool step)
{
	j->dbg.step = step;
	j->dbg.ran = false;
	j->dbg.why = JIT_WHY_NONE;
	j->cpu->watch.hit = false;
}

enum jit_why jit_debug_why(const struct jit *j, gla_t *gla)
{
	*gla = j->dbg.gla;
	return j->dbg.why;
}

void jit_count_classes(struct jit *j, uint32_t classes, void (*hit)(void *opaque, struct vcpu *cpu, unsigned id),
	void *opaque)
{
	j->dbg.classes = classes;
	j->dbg.hit = hit;
	j->dbg.hit_opaque = opaque;
	jit_flush(j);
}

static bool stop(struct jit_debug *d, enum jit_why why, gla_t gla)
{
	d->why = why;
	d->gla = gla;
	d->step = false;
	return true;
}

bool debug_stops(struct jit *j)
{
	struct jit_debug *d = &j->dbg;
	struct vcpu *cpu = j->cpu;
	gla_t pc = cpu->seg[SEG_CS].base + cpu->rip;

	if (cpu->watch.hit) {
		cpu->watch.hit = false;
		return stop(d, JIT_WHY_WATCH, d->nwatches ? cpu->watch.gla : pc);
	}
	if (d->step && d->ran)
		return stop(d, JIT_WHY_STEP, pc);
	if (!(cpu->efer & EFER_LMA))
		pc = (uint32_t)pc;
	for (unsigned i = 0; i < d->nbreaks; i++)
		if (d->at[i] == pc)
			return stop(d, JIT_WHY_BREAK, pc);
	return false;
}

/* A step is over the next instruction of the program, not into a handler that happens to be due. */
enum exit debug_boundary(struct jit *j)
{
	struct vcpu *cpu = j->cpu;
	bool intr = cpu->intr_line, nmi = cpu->nmi_line;
	enum exit r;

	if (!j->dbg.step || cpu->halted)
		return ring0_boundary(cpu);
	cpu->intr_line = cpu->nmi_line = false;
	r = ring0_boundary(cpu);
	cpu->intr_line = intr;
	cpu->nmi_line = nmi;
	vcpu_update_req(cpu);
	return r;
}
