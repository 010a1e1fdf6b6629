/*
 * state.h - a CPU between two instructions as a row of bytes, for snapshots. state.def lists the registers.
 *
 * Fields are little-endian and of fixed width, one behind the other, so the bytes are the same on every host. FP registers
 * are in architectural form (the XSAVE image).
 */
#ifndef CPU_STATE_H
#define CPU_STATE_H

#include "cpu/vcpu.h"

#define VCPU_STATE_VERSION 1 /* goes up with every change of state.def */

uint32_t vcpu_state_size(void); /* bytes */
/* vcpu_state_ready() - may the CPU be saved? Not with an exception half delivered or after a triple fault: VM_ERR_USAGE */
enum vm_err vcpu_state_ready(const struct vcpu *cpu, struct err *e);
void vcpu_state_save(const struct vcpu *cpu, uint8_t *buf);
/**
 * vcpu_state_load() - all of @buf into the CPU, and everything derived from it; the TLB is flushed
 * Return: VM_ERR_FORMAT if no processor of this model can be in that state. The CPU then has it nevertheless, and may not run
 * before another state is loaded or it is reset.
 */
enum vm_err vcpu_state_load(struct vcpu *cpu, const uint8_t *buf, struct err *e);

#endif
