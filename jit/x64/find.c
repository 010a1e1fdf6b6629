/*
 * find.c - the block for an IP value that the jump cache lacks, for translated code that goes straight on to it.
 *
 * Does what the run loop does between two blocks when nothing else is to be done: the checks of an instruction fetch, the
 * lookup by RAM address, the note in the jump cache. Whatever is not plain (a request, a fault, no block yet) is
 * left to the loop. Runs with the guest's FP state live in host registers: this file and those with what it calls are
 * compiled for general registers only.
 */
#include "jit/x64/x64.h"
#include "jit/profile.h"
#include "jit/priv.h"

/* Must the run loop have a look at each block? */
static bool loop_watches(const struct jit *j)
{
	const struct vcpu *cpu = j->cpu;

	return j->graveyard || j->opt.icount || debug_each(j) || j->dbg.magic || j->dbg.classes || cpu->req ||
		cpu->dr6_pending || cpu->shadow || cpu->one || cpu->halted || (cpu->eflags & FL_TF) ||
		(cpu->dr[7] & 0xFF);
}

/* Is a block at @ip one of the CPU's plain mode? MODE_EDGE and MODE_ONE depend on the place (run_mode() in exec.c). */
static bool plain_place(const struct vcpu *cpu, uint64_t ip)
{
	uint64_t first;

	if (mode_code_size(cpu->mode) == 8)
		return ((ip + BIT(47) + BIT(31) + 2 * PAGE_SIZE) & (BIT(48) - 1)) >= BIT(32) + 4 * PAGE_SIZE &&
			ip == (uint64_t)sign_extend(ip, 48);
	first = ip - ((cpu->seg[SEG_CS].base + ip) & (PAGE_SIZE - 1));
	return first <= UINT32_MAX && first + PAGE_SIZE - 1 <= cpu->seg[SEG_CS].limit;
}

bool x64_next(struct vcpu *cpu)
{
	struct jit *j = cpu->jit;

	if (!j || loop_watches(j) || !plain_place(cpu, cpu->rip) ||
		(mode_code_size(cpu->mode) == 8) != (mode_code_size(j->ctx[j->ctx_now].mode) == 8))
		return false;
	set_context(j);
	return true;
}

static struct block *find(struct vcpu *cpu, uint64_t ip)
{
	gla_t gla = cpu->seg[SEG_CS].base + ip;
	enum mmu_idx idx = cpu->cpl == 3 ? MMU_USER : MMU_SUP;
	struct jit *j = cpu->jit;
	struct block *b;

	if (!j || loop_watches(j) || !context_known(j) || !plain_place(cpu, ip))
		return NULL;
	cpu->doing = PROF_LOOP;
	if (cpu->jc_gate != cpu->jc_key) /* the request was withdrawn: CLI */
		set_context(j);
	if (mode_code_size(cpu->mode) != 8)
		gla = (uint32_t)gla;
	if (debug_breaks(j, gla & (PAGE_SIZE - 1)))
		return NULL;
	if (cpu->mmu.tlb[idx][tlb_index(gla)].ex != (gla & PAGE_MASK) &&
		tlb_fill(&cpu->mmu, gla, MMU_EXEC, idx) != FILL_OK)
		return NULL;
	b = cache_find(j, cpu->mmu.side[idx][tlb_index(gla)].ra | (gla & (PAGE_SIZE - 1)), cpu->mode);
	if (!b || b->ra2 != RADDR_NONE || b->counted || b->magic || !b->code)
		return NULL;
	cpu->eflags &= ~(uint32_t)FL_RF; /* it covers the next instruction only */
	context_note(j, b);
	j->st.finds++;
	return b;
}

const uint8_t *x64_find(struct vcpu *cpu, uint64_t ip)
{
	const struct block *b = find(cpu, ip);

	return b ? b->code : NULL;
}

const uint8_t *x64_find_for(struct vcpu *cpu, uint64_t ip, struct block_exit *x)
{
	struct jit *j = cpu->jit;
	struct block *b = find(cpu, ip);

	x->tries = 0;
	if (!b)
		return NULL;
	if (x->far)
		link_far(j, x, b, ip);
	else if (b->ra == ((exit_owner(x)->ra & PAGE_MASK) | (raddr_t)x->off) && b->mode == exit_owner(x)->mode)
		link_exit(j, x, b); /* a return to where the CALL was */
	return b->code;
}
