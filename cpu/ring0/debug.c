/*
 * debug.c - debug registers, breakpoints, single step.
 *
 * Data breakpoints are armed as MMU watchpoints, so memory nobody watches costs nothing; while any
 * breakpoint is armed the mode key asks for one instruction per block, which makes every trap
 * exact.
 *
 * Source: Intel SDM Vol. 3B 17.2 "Debug Registers", 17.3 "Debug Exceptions".
 */
#include "cpu/ring0/priv.h"

#define DR6_FIXED 0xFFFF0FF0ull
#define DR6_BD BIT(13)
#define DR6_BS BIT(14)
#define DR6_BT BIT(15)
#define DR7_GD BIT(13)
#define DR7_FIXED 0x400ull
#define DR7_MASK 0xFFFF23FFull

enum { BP_EXEC, BP_WRITE, BP_IO, BP_RW };

static bool bp_enabled(const struct vcpu *cpu, unsigned i)
{
	return cpu->dr[7] >> (i * 2) & 3;
}

static unsigned bp_kind(const struct vcpu *cpu, unsigned i)
{
	return cpu->dr[7] >> (16 + i * 4) & 3;
}

static unsigned bp_len(const struct vcpu *cpu, unsigned i)
{
	static const uint8_t len[] = {1, 2, 8, 4};

	return len[cpu->dr[7] >> (18 + i * 4) & 3];
}

bool debug_armed(const struct vcpu *cpu)
{
	return cpu->dr[7] & 0xFF;
}

void debug_rearm(struct vcpu *cpu)
{
	if (!cpu->mmu.nwatch && !debug_armed(cpu))
		return;
	mmu_clear_watch(&cpu->mmu, 0, MMU_WATCH_GUEST);
	for (unsigned i = 0; i < 4; i++) {
		unsigned kind = bp_kind(cpu, i), len = bp_len(cpu, i);

		if (bp_enabled(cpu, i) && (kind == BP_WRITE || kind == BP_RW))
			mmu_set_watch(&cpu->mmu, i, cpu->dr[i] & ~(uint64_t)(len - 1), len,
				kind == BP_RW, true);
	}
}

void debug_io_check(struct vcpu *cpu, uint16_t port, unsigned size)
{
	if (LIKELY(!debug_armed(cpu)) || !(cpu->cr4 & CR4_DE))
		return;
	for (unsigned i = 0; i < 4; i++) {
		unsigned len = bp_len(cpu, i);
		uint64_t at = cpu->dr[i] & ~(uint64_t)(len - 1);

		if (bp_enabled(cpu, i) && bp_kind(cpu, i) == BP_IO && at < port + size &&
			port < at + len) {
			cpu->dr6_pending |= BIT(i);
			vcpu_request(cpu, REQ_DEBUG);
		}
	}
}

static void dr6_set(struct vcpu *cpu, uint64_t bits)
{
	cpu->dr[6] = (cpu->dr[6] & ~0xFull) | bits | DR6_FIXED;
}

enum exit debug_trap(struct vcpu *cpu)
{
	uint64_t why = cpu->dr6_pending;
	enum check_id id = why & DR6_BT	  ? CHECK_DB_TASK
			   : why & DR6_BS ? CHECK_DB_STEP
					  : CHECK_DB_DATA;

	cpu->dr6_pending = 0;
	dr6_set(cpu, why);
	cpu_raise_aux(cpu, id, 0, why, cpu->dr[7]);
	cpu->event.kind = EV_TRAP;
	return EXIT_FAULT;
}

bool ring0_insn_breakpoint(struct vcpu *cpu, gla_t gla)
{
	uint64_t hit = 0;

	/* a breakpoint behind MOV SS or POP SS is suppressed as if RF were set (Vol. 3B 17.3.1.1) */
	if (LIKELY(!debug_armed(cpu)) || (cpu->eflags & FL_RF) || (cpu->shadow & 2))
		return false;
	for (unsigned i = 0; i < 4; i++)
		if (bp_enabled(cpu, i) && bp_kind(cpu, i) == BP_EXEC && cpu->dr[i] == gla)
			hit |= BIT(i);
	if (!hit)
		return false;
	dr6_set(cpu, hit);
	cpu_raise_aux(cpu, CHECK_DB_INSN, 0, gla, cpu->dr[7]);
	return true;
}

enum exit ring0_fetch_on(struct vcpu *cpu, gla_t next)
{
	/* If bytes of the instruction lie at an address that is not canonical (64-bit mode). */
	if (is_code64(cpu) && !canonical(next))
		return cpu_raise_aux(cpu, CHECK_GP_RIP_NONCANON, 0, next, 0);
	return EXIT_NONE;
}

enum exit ring0_fetch_check(struct vcpu *cpu)
{
	const struct seg *cs = &cpu->seg[SEG_CS];
	bool c64 = is_code64(cpu);

	if (ring0_insn_breakpoint(cpu, c64 ? cpu->rip : (uint32_t)(cs->base + cpu->rip)))
		return EXIT_FAULT;
	/* If the instruction pointer is not canonical (64-bit mode). */
	if (c64 && !canonical(cpu->rip))
		return cpu_raise_aux(cpu, CHECK_GP_RIP_NONCANON, 0, cpu->rip, 0);
	/* If the instruction pointer exceeds the code segment limit. */
	if (!c64 && cpu->rip > cs->limit)
		return cpu_raise_aux(cpu, CHECK_GP_CS_LIMIT, 0, cpu->rip, cs->limit);
	cpu->eflags &= ~(uint32_t)FL_RF; /* it covers this instruction only; a fault in it pushes RF
					    = 1 anyway */
	return EXIT_NONE;
}

void debug_step(struct vcpu *cpu)
{
	cpu->dr6_pending |= DR6_BS;
	vcpu_request(cpu, REQ_DEBUG);
}

void ring0_after_one(struct vcpu *cpu, uint32_t eflags_before)
{
	/* none after MOV SS and POP SS: it is lost, not put off (Vol. 3A 6.8.3) */
	if ((eflags_before & FL_TF) && !(cpu->shadow & 2))
		cpu->dr6_pending |= DR6_BS;
}

/* Checks common to both directions, in the manual's order; maps DR4 and DR5 to DR6 and DR7. */
static enum exit dr_access(struct vcpu *cpu, uint64_t *dr)
{
	/* If CR4.DE = 1 and DR4 or DR5 is accessed. */
	if ((*dr == 4 || *dr == 5) && (cpu->cr4 & CR4_DE))
		return cpu_raise(cpu, CHECK_UD_DR45, 0);
	if (*dr > 7)
		return cpu_raise(cpu, CHECK_UD_DR45, 0);
	TRY(ring0_gate(cpu, GATE_MOV_DR));
	/* If any debug register is accessed while DR7.GD[bit 13] = 1. */
	if (cpu->dr[7] & DR7_GD) {
		dr6_set(cpu, DR6_BD);
		return cpu_raise(cpu, CHECK_DB_GENERAL, 0);
	}
	if (*dr == 4 || *dr == 5)
		*dr += 2;
	return EXIT_NONE;
}

enum exit h_mov_dr_to(struct vcpu *cpu, uint64_t dr, uint64_t v, uint64_t c)
{
	TRY(dr_access(cpu, &dr));
	if (!is_code64(cpu))
		v &= UINT32_MAX;
	/* If an attempt is made to write a 1 to any of bits 63:32 of DR6 or DR7. */
	if (dr >= 6 && v >> 32)
		return cpu_raise_aux(cpu, CHECK_GP_DR_UPPER, 0, dr, v);
	if (dr == 6)
		cpu->dr[6] = (v & 0xE00F) | DR6_FIXED;
	else if (dr == 7)
		cpu->dr[7] = (v & DR7_MASK) | DR7_FIXED;
	else
		cpu->dr[dr] = v;
	debug_rearm(cpu);
	mode_refresh(cpu);
	return EXIT_NONE;
}

enum exit h_mov_dr_from(struct vcpu *cpu, uint64_t dr, uint64_t b, uint64_t c)
{
	TRY(dr_access(cpu, &dr));
	cpu->ret = cpu->dr[dr];
	return EXIT_NONE;
}
