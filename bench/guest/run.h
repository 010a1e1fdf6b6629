/*
 * run.h - what the programs of bench/guest/ share: a table of workloads, run between two marker lines.
 *
 * The host takes the time between the markers, so nothing here reads a clock. A workload does a fixed amount of
 * work and returns a checksum, so that a wrong result cannot pass for a fast one.
 */
#ifndef BENCH_GUEST_RUN_H
#define BENCH_GUEST_RUN_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct work {
	const char *name;
	uint32_t (*run)(unsigned scale);
	unsigned scale;
};

static void run_one(const struct work *w, unsigned part)
{
	printf("@begin %s\n", w->name);
	fflush(stdout);
	printf("@end %s %08x\n", w->name, w->run((w->scale + part - 1) / part));
	fflush(stdout);
}

/* Those named on the command line, in its order; none named: all. NAME/N: an Nth of the work. */
static int run_works(const struct work *works, unsigned n, int argc, char **argv)
{
	for (unsigned i = 0; i < n && argc < 2; i++)
		run_one(&works[i], 1);
	for (int a = 1; a < argc; a++) {
		unsigned i = 0, part = 1;
		char *slash = strchr(argv[a], '/');

		if (slash) {
			*slash = 0;
			part = (unsigned)atoi(slash + 1) > 0 ? (unsigned)atoi(slash + 1) : 1;
		}
		while (i < n && strcmp(argv[a], works[i].name))
			i++;
		if (i == n) {
			fprintf(stderr, "no such workload: %s\n", argv[a]);
			return 1;
		}
		run_one(&works[i], part);
	}
	return 0;
}

#endif
