/*
 * stack.c - frames on guest stacks, all or nothing.
 *
 * A struct stack is a stack segment, a pointer and the rights to use; it need not be the current
 * one, so that a frame on an inner stack can be checked before the processor switches to it.
 *
 * Source: Intel SDM Vol. 1 6.2 "Stacks", Vol. 3A 6.12.1.
 */
#include "cpu/ring0/priv.h"
#include <string.h>

void stack_current(struct vcpu *cpu, struct stack *st)
{
	st->ss = cpu->seg[SEG_SS];
	st->asize = stack_asize(cpu);
	st->sp = cpu->gpr[GPR_RSP] & size_mask(st->asize);
	st->idx = vcpu_mmu_idx(cpu);
	st->room = st->asize == 8 ? CHECK_SS_CANONICAL : CHECK_SS_LIMIT;
	st->code = 0;
}

void stack_narrow(struct stack *st)
{
	st->asize = st->ss.attr & SEGA_DB ? 4 : 2;
	st->sp &= size_mask(st->asize);
	st->room = CHECK_SS_LIMIT;
}

static enum exit stack_linear(struct vcpu *cpu, const struct stack *st, uint64_t sp, unsigned size,
	bool write, gla_t *gla)
{
	if (st->asize == 8) {
		*gla = sp;
		/* If the stack address is in a non-canonical form. */
		if (!canonical(sp) || !canonical(sp + size - 1))
			return cpu_raise_aux(cpu, st->room, st->code, sp, size);
		return st->idx == MMU_USER ? check_alignment(cpu, *gla, size) : EXIT_NONE;
	}
	{
		uint32_t lo = write ? st->ss.wlo : st->ss.rlo, hi = write ? st->ss.whi : st->ss.rhi;
		uint64_t last = sp + size - 1;

		/* If the bounds of the stack segment are exceeded. */
		if (sp < lo || last > hi)
			return cpu_raise_aux(cpu, st->room, st->code, sp, st->ss.limit);
	}
	*gla = (uint32_t)(st->ss.base + sp);
	return st->idx == MMU_USER ? check_alignment(cpu, *gla, size) : EXIT_NONE;
}

/* Host address for @n values about to be pushed where no store needs a look: one page that translated code may write, in the segment. */
static uint8_t *plain_room(const struct vcpu *cpu, const struct stack *st, unsigned n, unsigned size)
{
	uint64_t len = (uint64_t)n * size, lo = st->sp - len;
	gla_t gla = st->asize == 8 ? lo : (uint32_t)(st->ss.base + lo);
	const struct tlb_entry *t = &cpu->mmu.tlb[st->idx][tlb_index(gla)];

	if (cpu->mmu.tap || st->idx == MMU_USER || st->sp < len || (gla & (PAGE_SIZE - 1)) + len > PAGE_SIZE || t->wr != TLB_TAG(gla) ||
		(st->asize != 8 && (lo < st->ss.wlo || st->sp - 1 > st->ss.whi)))
		return NULL;
	return (uint8_t *)(uintptr_t)(gla + t->addend);
}

static void push_plain(uint8_t *room, const uint64_t *v, unsigned n, unsigned size)
{
	for (unsigned i = 0; i < n; i++) { /* no call of memcpy(): the sizes are constants */
		uint8_t *at = room + (n - 1 - i) * size;

		if (size == 8)
			memcpy(at, &v[i], 8);
		else if (size == 4)
			memcpy(at, &v[i], 4);
		else
			memcpy(at, &v[i], 2);
	}
}

enum exit stack_probe(struct vcpu *cpu, const struct stack *st, unsigned n, unsigned size)
{
	uint64_t sp = st->sp, mask = size_mask(st->asize);
	gla_t gla;

	if (plain_room(cpu, st, n, size))
		return EXIT_NONE;
	for (unsigned i = 0; i < n; i++) {
		sp = (sp - size) & mask;
		TRY(stack_linear(cpu, st, sp, size, true, &gla));
		if (mmu_probe(&cpu->mmu, gla, size, MMU_WRITE, st->idx) != EXIT_NONE)
			return cpu_page_fault(cpu);
	}
	return EXIT_NONE;
}

enum exit stack_push(
	struct vcpu *cpu, struct stack *st, const uint64_t *v, unsigned n, unsigned size)
{
	uint64_t mask = size_mask(st->asize);
	uint8_t *room = plain_room(cpu, st, n, size);
	gla_t gla;

	if (room) {
		push_plain(room, v, n, size);
		st->sp -= n * size;
		return EXIT_NONE;
	}
	TRY(stack_probe(cpu, st, n, size));
	for (unsigned i = 0; i < n; i++) {
		st->sp = (st->sp - size) & mask;
		TRY(stack_linear(cpu, st, st->sp, size, true, &gla));
		TRY(lin_write(cpu, gla, size, st->idx, v[i] & size_mask(size)));
	}
	return EXIT_NONE;
}

enum exit stack_read(
	struct vcpu *cpu, const struct stack *st, unsigned off, unsigned size, uint64_t *v)
{
	gla_t gla;

	TRY(stack_linear(cpu, st, (st->sp + off) & size_mask(st->asize), size, false, &gla));
	return lin_read(cpu, gla, size, st->idx, v);
}

/* Host address of @len bytes at stack pointer @sp where no load needs a look: as plain_room(). */
static const uint8_t *plain_rest(const struct vcpu *cpu, const struct stack *st, uint64_t sp, unsigned len)
{
	gla_t gla = st->asize == 8 ? sp : (uint32_t)(st->ss.base + sp);
	const struct tlb_entry *t = &cpu->mmu.tlb[st->idx][tlb_index(gla)];
	uint64_t last = sp + len - 1;

	if (st->idx == MMU_USER || (gla & (PAGE_SIZE - 1)) + len > PAGE_SIZE || t->rd != TLB_TAG(gla) ||
		(st->asize != 8 && (sp < st->ss.rlo || last > st->ss.rhi || last > size_mask(st->asize))))
		return NULL;
	return (const uint8_t *)(uintptr_t)(gla + t->addend);
}

enum exit stack_read_row(struct vcpu *cpu, const struct stack *st, unsigned off, unsigned n, unsigned size, uint64_t *v)
{
	const uint8_t *at = plain_rest(cpu, st, (st->sp + off) & size_mask(st->asize), n * size);

	for (unsigned i = 0; i < n; i++) {
		v[i] = 0;
		if (!at)
			TRY(stack_read(cpu, st, off + i * size, size, &v[i]));
		else if (size == 8)
			memcpy(&v[i], at + i * 8, 8);
		else if (size == 4)
			memcpy(&v[i], at + i * 4, 4);
		else
			memcpy(&v[i], at + i * 2, 2);
	}
	return EXIT_NONE;
}

void stack_set_sp(struct vcpu *cpu, uint64_t sp, unsigned asize)
{
	gpr_merge(&cpu->gpr[GPR_RSP], sp, asize);
}
