/*
 * gdb.h - the gdb remote stub: -gdb, -s.
 *
 * Speaks gdb's remote serial protocol on a character backend; runs on the VM thread. One thread, number 1. Addresses are
 * linear, and so is the PC that is shown: CS base + offset, which makes breakpoints and x/i right in real mode, too.
 * docs/debugging.md has the user's side.
 */
#ifndef FRONTEND_GDB_H
#define FRONTEND_GDB_H

#include "devices/host/char.h"
#include "frontend/loop.h"

struct gdb;

/* AUTO: amd64 if the processor has 64-bit mode, else i386. I8086: as i386, but gdb disassembles 16-bit code. */
enum gdb_arch { GDB_AUTO, GDB_I386, GDB_I8086 };

/**
 * gdb_new() - attaches to @c (its device side) and to @l's pause hook
 * @arch: what to describe to gdb. A client that connects stops the guest.
 */
struct gdb *gdb_new(struct loop *l, struct chr *c, enum gdb_arch arch);
/* gdb_spec() - the argument of -gdb as a character backend in @out: a server that does not wait, on this host only */
enum vm_err gdb_spec(const char *arg, char *out, size_t n, enum gdb_arch *arch, struct err *e);
/* gdb_free() - tells the client that the program has ended */
void gdb_free(struct gdb *g);

#endif
