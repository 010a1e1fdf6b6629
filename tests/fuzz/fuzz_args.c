/* fuzz_args.c - the input as a command line, one word a line. Nothing is opened but what -readconfig names. */
#include "tests/fuzz/fuzz.h"
#include "frontend/args.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *argv[64] = {"dragoman"}, *p;
	struct args *a = calloc(1, sizeof(*a));
	enum args_what what;
	FILE *out = stdout;
	struct err e;
	int argc = 1;

	memcpy(text, data, size);
	text[size] = 0;
	for (p = strtok(text, "\n"); p && argc < 63; p = strtok(NULL, "\n"))
		argv[argc++] = p;
	stdout = fopen("/dev/null", "w"); /* -help */
	args_parse(a, argc, argv, &what, &e);
	fclose(stdout);
	stdout = out;
	args_free(a);
	free(a);
	free(text);
	return 0;
}
