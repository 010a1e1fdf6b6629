/*
 * vex_mem.c - masked moves and gathers: VEX instructions whose elements are accesses of their own.
 *
 * An element whose mask bit is clear is not accessed and cannot fault. The addresses of all others are checked before any page is looked
 * at, as Intel's processors do (the manual leaves the order open), and a store looks at all its pages before it writes one. A gather that faults keeps what it has: those elements are in the destination and their masks are clear, so
 * that the instruction goes on where it stopped when it is executed again.
 *
 * Source: Intel SDM Vol. 2C VMASKMOV, VPMASKMOV, VGATHERDPS/VGATHERQPS and the like; Vol. 2A 2.3.12 "Vector SIB".
 */
#include "cpu/fpu/vex.h"
#include <string.h>

static bool selected(const union ymm *mask, unsigned i, unsigned size)
{
	return mask->b[i * size + size - 1] & 0x80;
}

/* Linear address of @size bytes at the memory operand plus @add. */
static enum exit address(struct simd *x, uint64_t add, unsigned size, bool write, gla_t *gla)
{
	const struct mem_opnd *m = &x->in->mem;
	const struct vcpu *cpu = x->cpu;
	uint64_t ea = (uint64_t)m->disp + add;

	if (m->base == MEM_RIP)
		ea += cpu->rip + x->in->len;
	else if (m->base != MEM_NONE)
		ea += cpu->gpr[m->base];
	return seg_linear(x->cpu, m->seg, ea & size_mask(m->asize), size, write, gla);
}

static uint64_t scaled_index(const struct simd *x)
{
	const struct mem_opnd *m = &x->in->mem;

	return m->index == MEM_NONE ? 0 : x->cpu->gpr[m->index] << m->scale;
}

/* The linear addresses of the selected elements of @size bytes. */
static enum exit addresses(struct vex *v, unsigned size, bool write, gla_t gla[8])
{
	struct simd *x = &v->x;
	uint64_t at = scaled_index(x);

	for (unsigned i = 0; i < 16 * v->lanes / size; i++)
		if (selected(&v->a, i, size))
			TRY(address(x, at + i * size, size, write, &gla[i]));
	return EXIT_NONE;
}

static enum exit masked_load(struct vex *v, unsigned size)
{
	struct simd *x = &v->x;
	union ymm r = {.q = {0}};
	uint64_t e;
	gla_t gla[8];

	TRY(addresses(v, size, false, gla));
	for (unsigned i = 0; i < 16 * v->lanes / size; i++) {
		if (!selected(&v->a, i, size))
			continue;
		TRY(lin_read(x->cpu, gla[i], size, vcpu_mmu_idx(x->cpu), &e));
		memcpy(r.b + i * size, &e, size);
	}
	v->d = r;
	return EXIT_NONE;
}

static enum exit masked_store(struct vex *v, unsigned size)
{
	unsigned n = 16 * v->lanes / size;
	struct vcpu *cpu = v->x.cpu;
	uint64_t e = 0;
	gla_t gla[8];

	TRY(addresses(v, size, true, gla));
	for (unsigned i = 0; i < n; i++)
		if (selected(&v->a, i, size) && mmu_probe(&cpu->mmu, gla[i], size, MMU_WRITE, vcpu_mmu_idx(cpu)) != EXIT_NONE)
			return cpu_page_fault(cpu);
	for (unsigned i = 0; i < n; i++) {
		if (!selected(&v->a, i, size))
			continue;
		memcpy(&e, v->b.b + i * size, size);
		TRY(lin_write(cpu, gla[i], size, vcpu_mmu_idx(cpu), e));
	}
	return EXIT_NONE;
}

void vex_maskmov(struct vex *v)
{
	bool store = v->x.in->op[0].kind == OPND_MEM;

	v->x.keep = store;
	v->x.exit = store ? masked_store(v, v->x.arg) : masked_load(v, v->x.arg);
}

static uint64_t vector_index(const union ymm *index, unsigned i, unsigned size)
{
	return size == 8 ? index->q[i] : (uint64_t)(int64_t)index->sd[i];
}

/* One element into @r; its mask is cleared. */
static enum exit gather_one(struct vex *v, const union ymm *index, unsigned i, union ymm *r)
{
	unsigned isize = v->x.arg & 15, esize = v->x.arg >> 4;
	struct simd *x = &v->x;
	uint64_t e;
	gla_t gla;

	TRY(address(x, vector_index(index, i, isize) << x->in->mem.scale, esize, false, &gla));
	TRY(lin_read(x->cpu, gla, esize, vcpu_mmu_idx(x->cpu), &e));
	memcpy(r->b + i * esize, &e, esize);
	memset(v->b.b + i * esize, 0, esize);
	return EXIT_NONE;
}

/* Destination, vector index, mask. What lies beyond the elements becomes zero in destination and mask. */
void vex_gather(struct vex *v)
{
	const struct insn *in = v->x.in;
	unsigned isize = v->x.arg & 15, esize = v->x.arg >> 4, n = in->op[1].size / isize;
	struct vcpu *cpu = v->x.cpu;
	union ymm index, r = v->d, mask = v->b;

	if (n > in->op[0].size / esize)
		n = in->op[0].size / esize;
	memcpy(&index.lane[0], cpu->fpu.xmm[in->mem.index], 16);
	memcpy(&index.lane[1], cpu->fpu.ymmh[in->mem.index], 16);
	memset(r.b + n * esize, 0, sizeof(r) - n * esize);
	memset(v->b.b, 0, sizeof(v->b));
	for (unsigned i = 0; i < n; i++)
		if (selected(&mask, i, esize))
			memset(v->b.b + i * esize, 0xFF, esize);
	for (unsigned i = 0; i < n && v->x.exit == EXIT_NONE; i++)
		if (selected(&v->b, i, esize))
			v->x.exit = gather_one(v, &index, i, &r);
	v->x.keep = true;
	vex_store(cpu, in->op[0].reg, &r);
	vex_store(cpu, in->op[2].reg, &v->b);
}
