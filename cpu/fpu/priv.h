/* priv.h - shared by the files of cpu/fpu. */
#ifndef CPU_FPU_PRIV_H
#define CPU_FPU_PRIV_H

#include "cpu/fpu/fpu.h"
#include "cpu/ring0/priv.h"

enum exit fpu_x87(struct vcpu *cpu, const struct insn *in, gla_t gla); /* D8..DF, FWAIT */
enum exit fpu_xsave(struct vcpu *cpu, const struct insn *in, gla_t gla);  /* XSAVE, XSAVEOPT */
enum exit fpu_xrstor(struct vcpu *cpu, const struct insn *in, gla_t gla);
enum exit fpu_load_mxcsr(struct vcpu *cpu, gla_t gla); /* MXCSR from memory; availability is the caller's */

#endif
