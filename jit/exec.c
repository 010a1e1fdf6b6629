/*
 * exec.c - the run loop: find the block at RIP, run it, look at what happened, again.
 */
#include "jit/priv.h"
#include "jit/profile.h"
#include "cpu/ring0/ring0.h"
#include "mmu/base/clock.h"
#include "mmu/window.h"
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

/* Is @rip so near to an end of the canonical addresses that a branch of less than @reach bytes can leave them? */
static bool near_edge(uint64_t rip, uint64_t reach)
{
	reach += 2 * PAGE_SIZE;
	return ((rip + BIT(47) + reach) & (BIT(48) - 1)) < 2 * reach;
}

/*
 * The mode to translate with: the CPU's, plus MODE_ONE where a block must not be longer than one
 * instruction: interrupt shadow, stepping, or a page that the code-segment limit cuts; and MODE_EDGE by where RIP is.
 */
static uint32_t run_mode(const struct jit *j)
{
	const struct vcpu *cpu = j->cpu;
	uint32_t mode = cpu->mode;
	uint64_t first;

	if (UNLIKELY(j->dbg.step || j->dbg.nwatches))
		mode |= MODE_ONE;
	if (cpu->shadow || cpu->one || (cpu->eflags & FL_TF) || (cpu->dr[7] & 0xFF))
		mode |= MODE_ONE;
	if (mode_code_size(mode) == 8) {
		if (UNLIKELY(near_edge(cpu->rip, BIT(31))))
			mode |= MODE_EDGE | (near_edge(cpu->rip, MODE_NEAR_BYTES) ? MODE_EDGE_NEAR : 0);
	} else {
		first = cpu->rip - ((cpu->seg[SEG_CS].base + cpu->rip) & (PAGE_SIZE - 1));
		if (first > UINT32_MAX || first + PAGE_SIZE - 1 > cpu->seg[SEG_CS].limit)
			mode |= MODE_ONE;
	}
	return mode;
}

/* A straddling block is right only while the next linear page is still the RAM page it was made from. */
static enum exit check_second_page(struct jit *j, struct block **b)
{
	struct vcpu *cpu = j->cpu;
	gla_t next = ((cpu->seg[SEG_CS].base + cpu->rip) & PAGE_MASK) + PAGE_SIZE;
	const uint8_t *host;
	raddr_t ra2;

	if (mode_code_size(cpu->mode) != 8)
		next = (uint32_t)next;
	if (ring0_fetch_on(cpu, next))
		return EXIT_FAULT;
	if (mmu_fetch_page(&cpu->mmu, next, cpu->cpl == 3 ? MMU_USER : MMU_SUP, &ra2, &host))
		return cpu_page_fault(cpu);
	if ((ra2 & PAGE_MASK) != (*b)->ra2) {
		cache_remove(j, *b);
		*b = NULL;
	}
	return EXIT_NONE;
}

/* Where the instruction at cpu->rip lies: RAM byte and host pointer. EXIT_FAULT: event raised */
static enum exit locate(struct jit *j, uint32_t mode, raddr_t *ra, const uint8_t **host)
{
	struct vcpu *cpu = j->cpu;
	gla_t gla = cpu->seg[SEG_CS].base + cpu->rip;

	if (mode_code_size(mode) != 8)
		gla = (uint32_t)gla;
	if (mmu_fetch_page(&cpu->mmu, gla, cpu->cpl == 3 ? MMU_USER : MMU_SUP, ra, host))
		return cpu_page_fault(cpu);
	/* Code in device memory or nowhere: the bus answers all ones, which is an invalid opcode. */
	if (*ra == RADDR_NONE) {
		GUEST_ERR(cpu->log, "instruction fetch from device memory at %" PRIx64 "\n", gla);
		return cpu_raise(cpu, CHECK_UD_OPCODE, 0);
	}
	*ra |= gla & (PAGE_SIZE - 1);
	*host += gla & (PAGE_SIZE - 1);
	return EXIT_NONE;
}

static enum exit find_code(struct jit *j, uint32_t mode, raddr_t *ra, const uint8_t **host)
{
	if (ring0_fetch_check(j->cpu))
		return EXIT_FAULT;
	return locate(j, mode, ra, host);
}

struct block *exec_lookup(struct jit *j, uint32_t mode)
{
	const uint8_t *host;
	struct block *b;
	raddr_t ra;

	if (find_code(j, mode, &ra, &host))
		return NULL;
	j->st.lookups++;
	b = cache_find(j, ra, mode);
	if (b && b->ra2 != RADDR_NONE && check_second_page(j, &b))
		return NULL;
	if (b) {
		j->st.hits++;
		return b;
	}
	return translate(j, ra, host, mode);
}

static void log_entry(const struct jit *j, const struct block *b)
{
	const struct vcpu *cpu = j->cpu;

	if (!log_shows(cpu->log, cpu->seg[SEG_CS].base + cpu->rip))
		return;
	log_printf(cpu->log, LOG_EXEC, "exec %04x:%" PRIx64 " mode %08x ra %" PRIx64 "\n",
		cpu->seg[SEG_CS].sel, cpu->rip, b->mode, b->ra);
	if (!log_on(cpu->log, LOG_CPU))
		return;
	for (unsigned i = 0; i < 16; i++)
		log_printf(cpu->log, LOG_CPU, "%s%" PRIx64, i ? " " : "  regs ", cpu->gpr[i]);
	log_printf(cpu->log, LOG_CPU, " fl %08x\n", cpu->eflags);
}

/* Run the one instruction at RIP in the interpreter: what the backend could not do itself. */
enum run_exit exec_one(struct jit *j)
{
	struct vcpu *cpu = j->cpu;
	struct block_exit *last;
	enum run_exit r;
	const uint8_t *host;
	struct block *b;
	raddr_t ra;

	/* whoever came here has been through the checks of the fetch: RF and the shadow that went with them are gone */
	j->st.ones++;
	if (locate(j, cpu->mode, &ra, &host))
		return RUN_FAULT;
	b = translate_one(j, ra, host, run_mode(j));
	if (!b)
		return RUN_FAULT;
	r = interp_backend.run(j->interp, cpu, b, &last);
	interp_backend.free_block(j->interp, b);
	pool_put(&j->pool, b, b->size);
	return r;
}

static enum run_exit run_block(struct jit *j, struct block *b, struct block_exit **last)
{
	struct vcpu *cpu = j->cpu;
	bool step = b->mode & MODE_ONE;
	uint32_t eflags = cpu->eflags;
	enum run_exit r;

	if (log_on(cpu->log, LOG_EXEC) || log_on(cpu->log, LOG_CPU))
		log_entry(j, b);
	if (step) {
		cpu->shadow = cpu->one = 0;
		cpu->no_step = false;
	}
	if (j->lock) {
		*last = NULL;
		r = lockstep_run(j, b);
	} else {
		r = j->be->run(j->be_priv, cpu, b, last);
	}
	cpu->doing = PROF_LOOP;
	j->st.entries++;
	if (j->opt.icount && clock_deadline(cpu->clock) <= clock_now(cpu->clock))
		vcpu_kick(cpu);
	if (r == RUN_ONE) {
		*last = NULL;
		r = exec_one(j);
	}
	if (step) {
		*last = NULL;
		if (r != RUN_FAULT && (eflags & FL_TF) && !cpu->no_step)
			ring0_after_one(cpu, eflags);
		vcpu_update_req(cpu);
	}
	return r;
}

/* Exit @x has led to @b, which is about to run in the context in force. */
static void link_last(struct jit *j, struct block_exit *x, struct block *b)
{
	if (x->far)
		link_far(j, x, b, j->cpu->rip);
	else if (x->linkable && b->ra == ((exit_owner(x)->ra & PAGE_MASK) | (raddr_t)x->off))
		link_exit(j, x, b);
}

/* Why the loop must end, once ring0_boundary() has said stop. */
static enum jit_stop stop_reason(const struct vcpu *cpu)
{
	if (cpu->triple)
		return JIT_TRIPLE;
	return cpu->halted && !(cpu->req & REQ_STOP) ? JIT_HALTED : JIT_STOPPED;
}

static uint64_t processor_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000;
}

/* A request has interrupted the guest: these are the samples that say which address spaces are busy. */
static void tick(struct vcpu *cpu)
{
	enum window_kind kind = mode_window(cpu);

	if (kind == WINDOW_NONE)
		return;
	window_tick(&cpu->mmu, kind, processor_us());
	mode_set(cpu);
}

static enum jit_stop loop(struct jit *j)
{
	struct vcpu *cpu = j->cpu;
	struct block_exit *last = NULL;

	if (j->profile)
		profile_start(j->profile);
	for (;;) {
		struct block *b;
		enum run_exit r;
		uint32_t mode;

		if (j->graveyard) {
			last = NULL;
			cache_bury(j);
		}
		if (UNLIKELY(cpu->req || cpu->dr6_pending || cpu->shadow || cpu->halted)) {
			last = NULL;
			if (cpu->mmu.win && cpu->req)
				tick(cpu);
			if (debug_boundary(j) == EXIT_STOP)
				return stop_reason(cpu);
		}
		if (debug_on(j)) {
			if (debug_each(j))
				last = NULL;
			if (debug_stops(j))
				return JIT_DEBUG;
			j->dbg.ran = true;
		}
		if (UNLIKELY(cpu->dr[7] & 0xFF) &&
			ring0_insn_breakpoint(cpu, cpu->seg[SEG_CS].base + cpu->rip)) {
			last = NULL;
			goto deliver;
		}
		mode = run_mode(j);
		set_context(j);
		b = mode & MODE_ONE ? NULL : context_find(j);
		if (!b) {
			b = exec_lookup(j, mode);
			if (!b)
				goto deliver;
			if (!(b->mode & MODE_ONE) && b->ra2 == RADDR_NONE &&
				!debug_breaks(j, b->ra & (PAGE_SIZE - 1)))
				context_note(j, b);
		}
		if (j->graveyard)
			last = NULL; /* the lookup dropped blocks: the exit may be among them */
		set_context(j);
		if (last)
			link_last(j, last, b);
		if (j->be->note && !(b->mode & MODE_ONE) && b->ra2 == RADDR_NONE && !b->counted && !b->magic &&
			!debug_breaks(j, b->ra & (PAGE_SIZE - 1)))
			j->be->note(j->be_priv, cpu, cpu->rip, b);
		if (UNLIKELY(b->counted))
			j->dbg.hit(j->dbg.hit_opaque, cpu, b->counted - 1u);
		r = run_block(j, b, &last);
		if (r == RUN_DIVERGED)
			return JIT_DIVERGED;
		if (UNLIKELY(b->magic) && r != RUN_FAULT && debug_magic_stop(j))
			return JIT_DEBUG;
		if (r != RUN_LOOKUP)
			last = NULL;
		if (r != RUN_FAULT)
			continue;
deliver:
		last = NULL;
		j->st.faults++;
		if (ring0_deliver(cpu) == EXIT_STOP)
			return stop_reason(cpu);
	}
}

enum jit_stop jit_run(struct jit *j)
{
	enum jit_stop r;

	if (j->be->enter)
		j->be->enter(j->be_priv, true);
	r = loop(j);
	if (j->be->enter)
		j->be->enter(j->be_priv, false);
	return r;
}
