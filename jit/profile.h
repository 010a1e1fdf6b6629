/*
 * profile.h - where a run spends its time, by sampling, and what the code arena holds, for perf. Inside of jit/.
 *
 * A timer on the CPU time of the thread that runs the guest sends it SIGPROF every millisecond (or tick of the host); the handler notes whether it hit
 * translated code, and where, or what kind of C code. Nothing is added to translated code.
 */
#ifndef JIT_PROFILE_H
#define JIT_PROFILE_H

#include "jit/cache/block.h"
#include <stdio.h>

struct jit;
struct profile;
struct perf_files;

/* What C code is at; cpu->doing says it. */
enum prof_where { PROF_LOOP, PROF_TRANSLATE, PROF_MEMORY, PROF_HELPER, PROF_KINDS };

/* profile_new() - @j has its backend. NULL: no memory. The timer starts with the first jit_run(). */
struct profile *profile_new(struct jit *j);
void profile_free(struct profile *p);
void profile_start(struct profile *p);			  /* the calling thread is the one to sample; only the first call counts */
void profile_block(struct profile *p, const struct block *b); /* @b was translated for cpu->rip */
void profile_flushed(struct profile *p);		  /* the arena is empty: addresses get new meanings */
void profile_dump(const struct profile *p, FILE *out);	  /* for info jit */

/*
 * perf_open() - PERFMAP: perf-PID.map in the directory where perf looks for it; JITDUMP: jit-PID.dump in the current one
 * (perf's tools/perf/Documentation: jit-interface.txt, jitdump-specification.txt). At least one is asked for.
 * Return: 0, or err names the file.
 */
enum vm_err perf_open(struct perf_files **out, bool map, bool dump, struct err *e);
void perf_close(struct perf_files *f);
/* @code..+@len holds @name from now on. */
void perf_code(struct perf_files *f, const char *name, const uint8_t *code, uint32_t len);

/* profile_name() - what a block at linear address @gla is called: a guest symbol, or guest_ADDRESS */
void profile_name(const struct jit *j, gla_t gla, char *buf, size_t n);

#endif
