/*
 * context.c - contexts: what besides IP decides which block runs.
 *
 * A context is (mode key, CS base, linear mappings since the last flush) and has a 16-bit id, which is the top of every
 * tag made under it; a new id makes all of them invalid at once. Ids are even: the lowest bit of the number in tags is
 * MODE_SMAP, which STAC and CLAC change in translated code. A CR3 load leaves alone the contexts whose code is in
 * global pages only (a kernel's). INVLPG clears the tags of its page, one by one: the lines of a page that have had
 * any are kept in a table hashed by page (a stale or a shared entry costs a look at tags of other pages, no more).
 */
#include "jit/priv.h"
#include <string.h>

#define NO_CONTEXT 0xFFFF
#define LAST_ID 0xFFFC /* the next pair has NO_CONTEXT in it */

static void forget_ids(struct jit *j)
{
	for (unsigned i = 0; i < JIT_CONTEXTS; i++)
		j->ctx[i].id = 0;
	memset(j->lines, 0, sizeof(j->lines));
	j->large_lo = UINT64_MAX;
	j->large_hi = 0;
}

static unsigned find_context(const struct jit *j)
{
	for (unsigned i = 0; i < JIT_CONTEXTS; i++)
		if (context_is(&j->ctx[i], j->cpu))
			return i;
	return JIT_CONTEXTS;
}

/* A free one: those of a kernel outlive the programs'. Else each in turn. */
static unsigned pick_context(struct jit *j)
{
	for (unsigned i = 0; i < JIT_CONTEXTS; i++)
		if (!j->ctx[i].id)
			return i;
	return j->ctx_next++ % JIT_CONTEXTS;
}

static unsigned new_context(struct jit *j)
{
	struct vcpu *cpu = j->cpu;
	unsigned i = pick_context(j);

	/* ids used up: forget every tag that carries one */
	j->ctx_last_id += 2;
	if (j->ctx_last_id > LAST_ID) {
		forget_ids(j);
		memset(j->fast, 0, sizeof(j->fast));
		if (j->be->forget_all)
			j->be->forget_all(j->be_priv);
		j->ctx_last_id = 2;
	}
	j->ctx[i] = (struct jit_context){.id = j->ctx_last_id, .mode = cpu->mode & ~MODE_SMAP, .cs_base = cpu->seg[SEG_CS].base};
	return i;
}

void set_context(struct jit *j)
{
	if (!context_is(&j->ctx[j->ctx_now], j->cpu)) {
		j->ctx_now = find_context(j);
		if (j->ctx_now == JIT_CONTEXTS)
			j->ctx_now = new_context(j);
	}
	j->cpu->jc_key = context_key(&j->ctx[j->ctx_now], j->cpu);
}

static uint64_t *lines_of(struct jit *j, gla_t gla)
{
	gla_t page = gla >> PAGE_SHIFT;

	return &j->lines[(page ^ page / JIT_LINES) % JIT_LINES];
}

/* Are IP values linear addresses wherever something is noted? */
static bool bases_zero(const struct jit *j)
{
	for (unsigned i = 0; i < JIT_CONTEXTS; i++)
		if (j->ctx[i].id && j->ctx[i].cs_base)
			return false;
	return true;
}

/* The mapping of one 4 KiB page may have changed. */
static void forget_page(struct jit *j, gla_t page)
{
	uint64_t lines = *lines_of(j, page);

	if (!lines)
		return;
	for (unsigned line = 0; line < 64; line++)
		for (unsigned i = line * 64; lines >> line & 1 && i < line * 64 + 64; i++)
			if (!((j->fast[i].tag ^ page) & TAG_PAGE))
				j->fast[i].b = NULL;
	if (j->be->forget)
		j->be->forget(j->be_priv, page, lines);
}

void context_flushed(void *opaque, gla_t gla)
{
	struct jit *j = opaque;

	if (gla == TLB_FLUSH_LOCAL) {
		for (unsigned i = 0; i < JIT_CONTEXTS; i++)
			if (j->ctx[i].local)
				j->ctx[i].id = 0;
	} else if (gla == TLB_FLUSH_ALL || (gla >= j->large_lo && gla <= j->large_hi) || !bases_zero(j)) {
		forget_ids(j);
		j->st.forgets++;
	} else {
		forget_page(j, gla & PAGE_MASK);
		return;
	}
	j->cpu->jc_key = (uint64_t)NO_CONTEXT << 48; /* matches nothing until set_context() */
}

/* Code of a page that @s translates is noted. One larger than 4 KiB is flushed by any address in it. */
static void note_large(struct jit *j, const struct tlb_side *s)
{
	gla_t in = BIT(s->page_shift) - 1;

	if (s->page_shift <= PAGE_SHIFT)
		return;
	if ((s->page & ~in) < j->large_lo)
		j->large_lo = s->page & ~in;
	if ((s->page | in) > j->large_hi)
		j->large_hi = s->page | in;
}

void context_note(struct jit *j, struct block *b)
{
	struct vcpu *cpu = j->cpu;
	gla_t gla = cpu->seg[SEG_CS].base + cpu->rip;
	const struct tlb_side *s;
	unsigned slot = cpu->rip & (JIT_FAST - 1);

	if (mode_code_size(cpu->mode) != 8)
		gla = (uint32_t)gla;
	s = &cpu->mmu.side[cpu->cpl == 3 ? MMU_USER : MMU_SUP][tlb_index(gla)];
	*lines_of(j, gla) |= BIT((gla & (PAGE_SIZE - 1)) / 64);
	if (s->page != (gla & PAGE_MASK) || !s->global)
		j->ctx[j->ctx_now].local = true;
	note_large(j, s);
	/* cache_remove() finds the slot by the block's RAM address: both have the same page offset, or there is none */
	if (slot == (b->ra & (PAGE_SIZE - 1))) {
		j->fast[slot].tag = cpu->rip + cpu->jc_key;
		j->fast[slot].b = b;
	}
	if (j->be->note)
		j->be->note(j->be_priv, cpu, cpu->rip, b);
}
