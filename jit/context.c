/*
 * context.c - contexts: what besides IP decides which block runs.
 *
 * A context is (mode key, CS base, linear mappings) and has a 16-bit id, which is the top of every tag made under it; a new
 * id makes all of them invalid at once. Ids are even: the lowest bit of the number in tags is MODE_SMAP, which STAC and CLAC
 * change in translated code. A CR3 load leaves alone the contexts whose code is in global pages only (a kernel's). After any
 * other flush a context is looked at before it is in force again: it is lost if the page tables say anything new about its code
 * (context_tables.h). INVLPG clears the tags of its page, one by one: the lines of a page that have had any are kept in a table
 * hashed by page (a stale entry, or one that two pages with code share, costs a look at tags of other pages, no more).
 */
#include "jit/priv.h"
#include <string.h>

#define LAST_ID 0xFEFC /* the next have the upper byte of VCPU_KEY_NONE and VCPU_GATE_SHUT */

static void forget_ids(struct jit *j)
{
	for (unsigned i = 0; i < JIT_CONTEXTS; i++)
		j->ctx[i].id = 0;
	memset(j->lines, 0, sizeof(j->lines));
}

/* May stale context @i be what is in force, and do the page tables in force say of its code what they said? It is lost if not. */
static bool still(struct jit *j, unsigned i)
{
	gpa_t root = paging_root(&j->cpu->mmu.pg);
	struct jit_context *c = &j->ctx[i], now = *c;

	now.stale = false;
	now.root = c->global ? root : c->root;
	if (!context_is(&now, j->cpu))
		return false;
	j->st.checks++;
	if (tables_still(&j->tables[i], &j->cpu->mmu)) {
		*c = now;
		return true;
	}
	c->id = 0;
	j->st.forgets++;
	return false;
}

static unsigned find_context(struct jit *j)
{
	uint8_t *last = &j->ctx_last[(j->cpu->mode ^ j->cpu->mode >> MODE_CPL_SHIFT ^ j->cpu->mmu.pg.cr3 >> PAGE_SHIFT) % JIT_CONTEXTS];

	if (context_is(&j->ctx[*last], j->cpu))
		return *last;
	for (unsigned i = 0; i < JIT_CONTEXTS; i++)
		if (context_is(&j->ctx[i], j->cpu) || (j->ctx[i].id && j->ctx[i].stale && still(j, i))) {
			*last = (uint8_t)i;
			return i;
		}
	return JIT_CONTEXTS;
}

/* A free one, or the one least recently in force. */
static unsigned pick_context(const struct jit *j)
{
	unsigned old = 0;

	for (unsigned i = 0; i < JIT_CONTEXTS; i++) {
		if (!j->ctx[i].id)
			return i;
		if (j->ctx[i].used < j->ctx[old].used)
			old = i;
	}
	return old;
}

static void add_places(struct jit *j, unsigned i)
{
	const struct context_tables *t = &j->tables[i];
	struct code_places *p = &j->places;

	p->some |= j->ctx[i].some;
	p->large_lo = t->large_lo < p->large_lo ? t->large_lo : p->large_lo;
	p->large_hi = t->large_hi > p->large_hi ? t->large_hi : p->large_hi;
	p->based |= j->ctx[i].cs_base != 0;
}

static void gather_places(struct jit *j)
{
	j->places = (struct code_places){.large_lo = UINT64_MAX};
	for (unsigned i = 0; i < JIT_CONTEXTS; i++)
		if (j->ctx[i].id)
			add_places(j, i);
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
		link_forget_all(j);
		if (j->be->forget_all)
			j->be->forget_all(j->be_priv);
		j->ctx_last_id = 2;
	}
	j->ctx[i] = (struct jit_context){.id = j->ctx_last_id, .mode = cpu->mode & ~MODE_SMAP, .cs_base = cpu->seg[SEG_CS].base,
		.global = true, .root = paging_root(&cpu->mmu.pg)};
	tables_reset(&j->tables[i], &cpu->mmu);
	gather_places(j);
	return i;
}

/* Unless there is a request: see vcpu_request(). */
static void open_gate(struct vcpu *cpu)
{
	__atomic_store_n(&cpu->jc_gate, cpu->jc_key, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&cpu->req, __ATOMIC_SEQ_CST))
		__atomic_store_n(&cpu->jc_gate, VCPU_GATE_SHUT, __ATOMIC_SEQ_CST);
}

void set_context(struct jit *j)
{
	if (!context_is(&j->ctx[j->ctx_now], j->cpu)) {
		j->ctx_now = find_context(j);
		if (j->ctx_now == JIT_CONTEXTS)
			j->ctx_now = new_context(j);
		j->ctx[j->ctx_now].used = ++j->ctx_clock;
	}
	j->cpu->jc_key = context_key(&j->ctx[j->ctx_now], j->cpu);
	if (j->cpu->jc_gate != j->cpu->jc_key)
		open_gate(j->cpu);
}

static struct code_lines *lines_of(struct jit *j, gla_t gla)
{
	gla_t page = gla >> PAGE_SHIFT;

	return &j->lines[(page ^ page / JIT_LINES) % JIT_LINES];
}

static uint64_t some_bit(gla_t gla)
{
	return BIT(gla >> 21 & 63);
}

/* The mapping of one 4 KiB page may have changed. */
static void forget_page(struct jit *j, gla_t page)
{
	struct code_lines *l = lines_of(j, page);
	uint64_t lines = l->lines;

	if (!lines || (l->page != page && l->page != LINES_SHARED))
		return;
	for (unsigned line = 0; line < 64; line++)
		for (unsigned i = line * 64; lines >> line & 1 && i < line * 64 + 64; i++)
			if (!((j->fast[i].tag ^ page) & TAG_PAGE))
				j->fast[i].b = NULL;
	link_forget_page(j, page);
	if (j->be->forget)
		j->be->forget(j->be_priv, page, lines);
	if (l->page == page)
		l->lines = 0;
}

/* INVLPG of @gla. A large page with code there, or a code segment whose IPs are other than linear addresses: it is as a flush. */
static void flushed_page(struct jit *j, gla_t gla)
{
	const struct code_places *p = &j->places;
	bool code = p->based;

	if (!(p->some & some_bit(gla)) && (gla < p->large_lo || gla > p->large_hi) && !p->based)
		return;
	for (unsigned i = 0; i < JIT_CONTEXTS; i++) {
		struct jit_context *c = &j->ctx[i];
		struct context_tables *t = &j->tables[i];

		if (!c->id)
			continue;
		c->stale |= p->based || (gla >= t->large_lo && gla <= t->large_hi);
		if (c->global || c->root == paging_root(&j->cpu->mmu.pg))
			code |= tables_changed(t, gla);
	}
	if (code)
		forget_page(j, gla & PAGE_MASK);
}

void context_flushed(void *opaque, gla_t gla)
{
	struct jit *j = opaque;

	if (gla != TLB_FLUSH_LOCAL && gla != TLB_FLUSH_ALL) {
		flushed_page(j, gla);
		if (!j->ctx[j->ctx_now].stale)
			return;
	}
	for (unsigned i = 0; i < JIT_CONTEXTS && (gla == TLB_FLUSH_LOCAL || gla == TLB_FLUSH_ALL); i++)
		j->ctx[i].stale |= gla == TLB_FLUSH_ALL || !j->ctx[i].global || !(j->cpu->mmu.pg.cr4 & CR4_PGE);
	j->cpu->jc_key = VCPU_KEY_NONE; /* matches nothing until set_context() */
	__atomic_store_n(&j->cpu->jc_gate, VCPU_GATE_SHUT, __ATOMIC_RELAXED);
}

static void note_line(struct jit *j, gla_t gla)
{
	struct code_lines *l = lines_of(j, gla);

	if (!l->lines)
		l->page = gla & PAGE_MASK;
	else if (l->page != (gla & PAGE_MASK))
		l->page = LINES_SHARED;
	l->lines |= BIT((gla & (PAGE_SIZE - 1)) / 64);
}

void context_note(struct jit *j, struct block *b)
{
	struct vcpu *cpu = j->cpu;
	gla_t gla = cpu->seg[SEG_CS].base + cpu->rip;
	enum mmu_idx idx = cpu->cpl == 3 ? MMU_USER : MMU_SUP;
	struct jit_context *c = &j->ctx[j->ctx_now];
	const struct tlb_side *s;
	unsigned slot = cpu->rip & (JIT_FAST - 1);

	if (mode_code_size(cpu->mode) != 8)
		gla = (uint32_t)gla;
	s = &cpu->mmu.side[idx][tlb_index(gla)];
	note_line(j, gla);
	if (c->global && (s->page != (gla & PAGE_MASK) || !s->global)) {
		c->global = false;
		c->root = paging_root(&cpu->mmu.pg);
	}
	tables_note(&j->tables[j->ctx_now], &cpu->mmu, gla, s, idx);
	c->some |= some_bit(gla);
	add_places(j, j->ctx_now);
	/* cache_remove() finds the slot by the block's RAM address: both have the same page offset, or there is none */
	if (slot == (b->ra & (PAGE_SIZE - 1))) {
		j->fast[slot].tag = cpu->rip + cpu->jc_key;
		j->fast[slot].b = b;
	}
	if (j->be->note)
		j->be->note(j->be_priv, cpu, cpu->rip, b);
}
