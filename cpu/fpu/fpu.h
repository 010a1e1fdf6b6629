/*
 * fpu.h - every x87, MMX, SSE and AVX instruction in portable C, bit for bit what the silicon does.
 *
 * Used by the IR interpreter, by hosts that lack an instruction, and by the x86-64 backend whenever the guest
 * unmasks an exception. No host floating point in any result that must be exact: integers only (soft.h,
 * wide.h). fpu_exec() makes all availability checks (#UD, #NM, #MF) itself.
 */
#ifndef CPU_FPU_FPU_H
#define CPU_FPU_FPU_H

#include "cpu/vcpu.h"

/**
 * fpu_exec() - execute @in, whose row's semantics is x87, mmx, sse or avx
 * @gla: linear address of the memory operand (segment checks done); ignored without one
 * Return: EXIT_NONE, or EXIT_FAULT with the event raised and no state changed (but sticky flags as the manual says, and
 * what a gather completed before the fault)
 */
enum exit fpu_exec(struct vcpu *cpu, const struct insn *in, gla_t gla);

#define MXCSR_MASK 0xFFFFu /* bits of MXCSR that exist */

void fpu_reset(struct vcpu *cpu, bool init); /* FNINIT state, MXCSR 1F80h, XCR0 1 */
void fpu_mode_changed(struct vcpu *cpu);     /* FCW or MXCSR changed: refresh MODE_X87SLOW / MODE_SSESLOW */

#endif
