/* gdb_priv.h - shared by the files of the gdb stub. */
#ifndef FRONTEND_GDB_PRIV_H
#define FRONTEND_GDB_PRIV_H

#include "frontend/gdb.h"
#include "cpu/vcpu.h"
#include <stdio.h>

/* Registers in the order of the target description; @wide: that of amd64. */
unsigned gdb_nregs(bool wide);
/* gdb_reg_get() - value in little-endian bytes; @return: its size (at most 16), 0 if there is no register @n */
unsigned gdb_reg_get(const struct vcpu *cpu, bool wide, unsigned n, uint8_t *buf);
/* gdb_reg_set() - false: no such register, or it cannot have that value now */
bool gdb_reg_set(struct vcpu *cpu, bool wide, unsigned n, const uint8_t *buf);
unsigned gdb_reg_size(bool wide, unsigned n);
void gdb_target_xml(FILE *out, const char *arch, bool wide);

#endif
