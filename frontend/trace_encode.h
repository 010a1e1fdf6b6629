/* trace_encode.h - records of transitions (trace_rec.h) become packets of a Perfetto trace in a file. */
#ifndef FRONTEND_TRACE_ENCODE_H
#define FRONTEND_TRACE_ENCODE_H

#include "frontend/machine/machine.h"
#include "frontend/trace_rec.h"

struct symbols;
struct trace_encode;

/* trace_encode_new() - packets go to @fd; @symbols may be NULL; @linux_names: system calls by Linux's names */
struct trace_encode *trace_encode_new(int fd, const struct symbols *symbols, bool linux_names);
bool trace_encode_free(struct trace_encode *t); /* writes the rest; false: not all could be written */
void trace_encode_chunk(struct trace_encode *t, const struct chunk *c);

#endif
