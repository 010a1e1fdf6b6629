/*
 * context.c - contexts: what besides IP decides which block runs.
 *
 * A context is (mode key, CS base, linear mappings since the last flush) and has a 16-bit id, which is the top of every
 * tag made under it; a new id makes all of them invalid at once. A CR3 load leaves alone the contexts whose code is in
 * global pages only (a kernel's), and INVLPG matters only if code of that page has been noted. An id stays until then.
 */
#include "jit/priv.h"
#include <string.h>

#define NO_CONTEXT 0xFFFF

static void forget_ids(struct jit *j)
{
	for (unsigned i = 0; i < JIT_CONTEXTS; i++)
		j->ctx[i].id = 0;
	memset(j->noted, 0, sizeof(j->noted));
}

static bool matches(const struct jit_context *c, const struct vcpu *cpu)
{
	return c->id && c->mode == cpu->mode && c->cs_base == cpu->seg[SEG_CS].base;
}

static unsigned find_context(const struct jit *j)
{
	for (unsigned i = 0; i < JIT_CONTEXTS; i++)
		if (matches(&j->ctx[i], j->cpu))
			return i;
	return JIT_CONTEXTS;
}

static unsigned new_context(struct jit *j)
{
	struct vcpu *cpu = j->cpu;
	unsigned i = j->ctx_next++ % JIT_CONTEXTS;

	/* ids used up (the last is that of no context): forget every tag that carries one */
	if (++j->ctx_last_id == NO_CONTEXT) {
		forget_ids(j);
		memset(j->fast, 0, sizeof(j->fast));
		if (j->be->flushed)
			j->be->flushed(j->be_priv, cpu, TLB_FLUSH_ALL);
		j->ctx_last_id = 1;
	}
	j->ctx[i] = (struct jit_context){.id = j->ctx_last_id, .mode = cpu->mode, .cs_base = cpu->seg[SEG_CS].base};
	return i;
}

void set_context(struct jit *j)
{
	if (!matches(&j->ctx[j->ctx_now], j->cpu)) {
		j->ctx_now = find_context(j);
		if (j->ctx_now == JIT_CONTEXTS)
			j->ctx_now = new_context(j);
	}
	j->cpu->jc_key = (uint64_t)j->ctx[j->ctx_now].id << 48;
}

static unsigned noted_bit(gla_t gla)
{
	return (gla >> PAGE_SHIFT) % JIT_NOTED;
}

static bool was_noted(const struct jit *j, gla_t gla)
{
	unsigned n = noted_bit(gla);

	return (j->noted[0][n / 64] | j->noted[1][n / 64]) >> (n % 64) & 1;
}

void context_flushed(void *opaque, gla_t gla)
{
	struct jit *j = opaque;

	if (gla == TLB_FLUSH_LOCAL) {
		for (unsigned i = 0; i < JIT_CONTEXTS; i++)
			if (j->ctx[i].local)
				j->ctx[i].id = 0;
		memset(j->noted[0], 0, sizeof(j->noted[0]));
	} else if (gla == TLB_FLUSH_ALL || was_noted(j, gla)) {
		forget_ids(j);
	} else {
		return;
	}
	j->cpu->jc_key = (uint64_t)NO_CONTEXT << 48; /* matches nothing until set_context() */
}

void context_note(struct jit *j, struct block *b)
{
	struct vcpu *cpu = j->cpu;
	gla_t gla = cpu->seg[SEG_CS].base + cpu->rip;
	const struct tlb_side *s;
	unsigned n, slot = cpu->rip & (JIT_FAST - 1);
	bool global;

	if (mode_code_size(cpu->mode) != 8)
		gla = (uint32_t)gla;
	s = &cpu->mmu.side[cpu->cpl == 3 ? MMU_USER : MMU_SUP][tlb_index(gla)];
	global = s->page == (gla & PAGE_MASK) && s->global;
	n = noted_bit(gla);
	j->noted[global][n / 64] |= BIT(n % 64);
	if (!global)
		j->ctx[j->ctx_now].local = true;
	/* cache_remove() finds the slot by the block's RAM address: both have the same page offset, or there is none */
	if (slot == (b->ra & (PAGE_SIZE - 1))) {
		j->fast[slot].tag = cpu->rip + cpu->jc_key;
		j->fast[slot].b = b;
	}
	if (j->be->note)
		j->be->note(j->be_priv, cpu, cpu->rip, b);
}
