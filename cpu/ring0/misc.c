/*
 * misc.c - helpers too long for IR: stack frames, PUSHA/POPA, BOUND, CMPXCHG8B/16B, random numbers,
 * HLT and kin, FS/GS bases.
 *
 * Source: Intel SDM Vol. 2, the instructions' operation sections.
 */
#include "cpu/ring0/priv.h"
#include "mmu/base/log.h"

static uint64_t ip_after(const struct vcpu *cpu, unsigned len)
{
	uint64_t ip = cpu->rip + len;

	return is_code64(cpu)			 ? ip
	       : cpu->seg[SEG_CS].attr & SEGA_DB ? ip & UINT32_MAX
						 : ip & 0xFFFF;
}

enum exit h_hlt(struct vcpu *cpu, uint64_t len, uint64_t b, uint64_t c)
{
	TRY(ring0_gate(cpu, GATE_HLT));
	cpu->rip = ip_after(cpu, len);
	cpu->halted = 1;
	return EXIT_STOP;
}

/* CLFLUSH, CLFLUSHOPT, CLWB: no cache is modelled, but they are subject to the checks of a byte load. */
enum exit h_clflush(struct vcpu *cpu, uint64_t gla, uint64_t b, uint64_t c)
{
	return mmu_probe(&cpu->mmu, gla, 1, MMU_READ, vcpu_mmu_idx(cpu)) ? cpu_page_fault(cpu) : EXIT_NONE;
}

enum exit h_monitor(struct vcpu *cpu, uint64_t gla, uint64_t b, uint64_t c)
{
	uint64_t v;

	TRY(ring0_gate(cpu, GATE_MONITOR));
	/* If ECX is not 0. */
	if ((uint32_t)cpu->gpr[GPR_RCX])
		return cpu_raise_aux(cpu, CHECK_GP_MONITOR_ECX, 0, cpu->gpr[GPR_RCX], 0);
	return lin_read(cpu, gla, 1, vcpu_mmu_idx(cpu), &v);
}

/* Waits as HLT does, but only if something will come: a monitored store of another CPU cannot. */
enum exit h_mwait(struct vcpu *cpu, uint64_t len, uint64_t b, uint64_t c)
{
	TRY(ring0_gate(cpu, GATE_MWAIT));
	if ((uint32_t)cpu->gpr[GPR_RCX] & ~1u)
		return cpu_raise_aux(cpu, CHECK_GP_MONITOR_ECX, 0, cpu->gpr[GPR_RCX], 0);
	cpu->rip = ip_after(cpu, len);
	if (!(cpu->eflags & FL_IF))
		return EXIT_NONE;
	cpu->halted = 1;
	return EXIT_STOP;
}

/*
 * ENTER copies frame pointers while it pushes: one that lies where an earlier push went is that push. @v[0..n) were
 * pushed down from @top in units of @size; @at is the address *@x was read from.
 */
static void enter_overlay(const uint64_t *v, unsigned n, uint64_t top, uint64_t at, unsigned size, uint64_t amask,
	uint64_t *x)
{
	for (unsigned b = 0; b < size; b++) {
		uint64_t below = (top - 1 - (at + b)) & amask; /* bytes between this one and the top */
		unsigned k = below / size, shift = 8 * (size - 1 - below % size);

		if (below / size < n)
			*x = (*x & ~(0xFFull << 8 * b)) | (v[k] >> shift & 0xFF) << 8 * b;
	}
}

enum exit h_enter(struct vcpu *cpu, uint64_t osize, uint64_t bytes, uint64_t level)
{
	uint64_t v[33], frame, amask;
	struct stack st, disp;
	unsigned n = 0;

	level &= 31;
	stack_current(cpu, &st);
	amask = size_mask(st.asize);
	disp = st;
	/* a 16-bit stack pointer keeps the upper half of ESP, and so does the frame pointer */
	frame = (cpu->gpr[GPR_RSP] & ~amask) | ((st.sp - osize) & amask);
	v[n++] = cpu->gpr[GPR_RBP];
	for (unsigned i = 1; i < level; i++) {
		disp.sp = cpu->gpr[GPR_RBP] - i * osize;
		TRY(stack_read(cpu, &disp, 0, osize, &v[n]));
		enter_overlay(v, n, st.sp, disp.sp, osize, amask, &v[n]);
		n++;
	}
	if (level)
		v[n++] = frame;
	TRY(stack_probe(cpu, &st, n, osize));
	{ /* If a write using the final value of the stack pointer would fault. */
		struct stack last = st;

		last.sp = (st.sp - n * osize - (bytes & 0xFFFF) + osize) & amask;
		TRY(stack_probe(cpu, &last, 1, osize));
	}
	TRY(stack_push(cpu, &st, v, n, osize));
	gpr_merge(&cpu->gpr[GPR_RBP], frame, osize);
	stack_set_sp(cpu, (st.sp - (bytes & 0xFFFF)) & amask, st.asize);
	return EXIT_NONE;
}

enum exit h_pusha(struct vcpu *cpu, uint64_t osize, uint64_t b, uint64_t c)
{
	uint64_t v[8];
	struct stack st;

	stack_current(cpu, &st);
	for (unsigned i = 0; i < 8; i++)
		v[i] = cpu->gpr[i];
	TRY(stack_push(cpu, &st, v, 8, osize));
	stack_set_sp(cpu, st.sp, st.asize);
	return EXIT_NONE;
}

enum exit h_popa(struct vcpu *cpu, uint64_t osize, uint64_t b, uint64_t c)
{
	uint64_t v[8];
	struct stack st;

	stack_current(cpu, &st);
	for (unsigned i = 0; i < 8; i++)
		TRY(stack_read(cpu, &st, (7 - i) * osize, osize, &v[i]));
	for (unsigned i = 0; i < 8; i++)
		if (i != GPR_RSP)
			gpr_merge(&cpu->gpr[i], v[i], osize);
	stack_set_sp(cpu, st.sp + 8 * osize, st.asize);
	return EXIT_NONE;
}

enum exit h_bound(struct vcpu *cpu, uint64_t index, uint64_t lower, uint64_t upper)
{
	/* If the bounds test fails. */
	if ((int64_t)index < (int64_t)lower || (int64_t)index > (int64_t)upper) {
		cpu_raise_aux(cpu, CHECK_BR_RANGE, 0, index, lower);
		cpu->event.aux[2] = upper;
		return EXIT_FAULT;
	}
	return EXIT_NONE;
}

static void set_zf(struct vcpu *cpu, bool z)
{
	cpu->eflags = (cpu->eflags & ~(uint32_t)FL_ZF) | (z ? FL_ZF : 0);
}

static enum exit cmpxchg8(struct vcpu *cpu, gla_t gla)
{
	uint64_t *r = cpu->gpr, old, want = (uint32_t)r[GPR_RAX] | r[GPR_RDX] << 32;
	uint64_t with = (uint32_t)r[GPR_RBX] | r[GPR_RCX] << 32;
	enum mmu_idx idx = vcpu_mmu_idx(cpu);

	if (mmu_probe(&cpu->mmu, gla, 8, MMU_WRITE, idx) != EXIT_NONE)
		return cpu_page_fault(cpu);
	TRY(lin_read(cpu, gla, 8, idx, &old));
	TRY(lin_write(cpu, gla, 8, idx,
		old == want ? with : old)); /* always written: it is a locked cycle */
	if (old != want) {
		r[GPR_RAX] = (uint32_t)old;
		r[GPR_RDX] = old >> 32;
	}
	set_zf(cpu, old == want);
	return EXIT_NONE;
}

enum exit h_cmpxchg8b(struct vcpu *cpu, uint64_t gla, uint64_t size, uint64_t c)
{
	uint64_t *r = cpu->gpr, lo, hi;
	enum mmu_idx idx = vcpu_mmu_idx(cpu);
	bool equal;

	if (size == 8)
		return cmpxchg8(cpu, gla);
	/* If the memory operand for CMPXCHG16B is not aligned on a 16-byte boundary. */
	if (gla & 15)
		return cpu_raise_aux(cpu, CHECK_GP_ALIGN16, 0, gla, 0);
	if (mmu_probe(&cpu->mmu, gla, 16, MMU_WRITE, idx) != EXIT_NONE)
		return cpu_page_fault(cpu);
	TRY(lin_read(cpu, gla, 8, idx, &lo));
	TRY(lin_read(cpu, gla + 8, 8, idx, &hi));
	equal = lo == r[GPR_RAX] && hi == r[GPR_RDX];
	TRY(lin_write(cpu, gla, 8, idx, equal ? r[GPR_RBX] : lo));
	TRY(lin_write(cpu, gla + 8, 8, idx, equal ? r[GPR_RCX] : hi));
	if (!equal) {
		r[GPR_RAX] = lo;
		r[GPR_RDX] = hi;
	}
	set_zf(cpu, equal);
	return EXIT_NONE;
}

/* splitmix64 over cpu->rng: deterministic unless the owner seeds it from the host */
enum exit h_rdrand(struct vcpu *cpu, uint64_t osize, uint64_t seed, uint64_t c)
{
	uint64_t z = cpu->rng += 0x9E3779B97F4A7C15;

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
	z = (z ^ z >> 27) * 0x94D049BB133111EB;
	cpu->ret = (z ^ z >> 31) & size_mask(osize);
	cpu->eflags = (cpu->eflags & ~(uint32_t)FL_ARITH) | FL_CF;
	return EXIT_NONE;
}

static enum exit fsgsbase_check(struct vcpu *cpu)
{
	/* If not in 64-bit mode, or CR4.FSGSBASE[bit 16] = 0. */
	if (!is_code64(cpu) || !(cpu->cr4 & CR4_FSGSBASE))
		return cpu_raise(cpu, CHECK_UD_FSGSBASE, 0);
	return EXIT_NONE;
}

enum exit h_rd_fsgsbase(struct vcpu *cpu, uint64_t seg, uint64_t b, uint64_t c)
{
	BUG_ON(seg != SEG_FS && seg != SEG_GS);
	TRY(fsgsbase_check(cpu));
	cpu->ret = cpu->seg[seg].base;
	return EXIT_NONE;
}

enum exit h_wr_fsgsbase(struct vcpu *cpu, uint64_t seg, uint64_t v, uint64_t c)
{
	BUG_ON(seg != SEG_FS && seg != SEG_GS);
	TRY(fsgsbase_check(cpu));
	/* If the source register contains a non-canonical address (WRFSBASE, WRGSBASE). */
	if (!canonical(v))
		return cpu_raise_aux(cpu, CHECK_GP_BASE_NONCANON, 0, v, 0);
	cpu->seg[seg].base = v;
	mode_refresh(cpu);
	return EXIT_NONE;
}

enum exit h_swapgs(struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t t = cpu->seg[SEG_GS].base;

	/* If not in 64-bit mode. */
	if (!is_code64(cpu))
		return cpu_raise(cpu, CHECK_UD_OPCODE, 0);
	TRY(ring0_gate(cpu, GATE_SWAPGS));
	cpu->seg[SEG_GS].base = cpu->msr.kernel_gs_base;
	cpu->msr.kernel_gs_base = t; /* the mode key of 64-bit code does not ask for GS */
	return EXIT_NONE;
}

enum exit h_rdpid(struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
	cpu->ret = cpu->msr.tsc_aux;
	return EXIT_NONE;
}
