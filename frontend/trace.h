/*
 * trace.h - -trace file=NAME: the guest's transitions as a Perfetto trace (TrackEvent protobuf).
 *
 * Tracks: ring, mode, address space, interrupts, exceptions, system calls per address space with their duration, the
 * interrupt line with a flow to each handler, device accesses, counters. Open the file at ui.perfetto.dev.
 */
#ifndef FRONTEND_TRACE_H
#define FRONTEND_TRACE_H

#include "frontend/machine/machine.h"

struct trace;

/* trace_check() - is @arg "file=NAME[,os=linux]"? */
enum vm_err trace_check(const char *arg, struct err *e);
/* trace_new() - opens the file and begins to listen to @m. os=linux: system calls by Linux's names; @icount: time is a count of instructions */
enum vm_err trace_new(struct trace **out, struct machine *m, const char *arg, bool icount, struct err *e);
void trace_free(struct trace *t); /* before the machine goes; says if the file could not be written completely */

#endif
