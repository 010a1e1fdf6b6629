/*
 * fuzz.h - what the fuzz targets share. A target is one file fuzz_NAME.c with LLVMFuzzerTestOneInput(); it links with libFuzzer, or
 * with driver.c, which replays corpus/NAME/ and mutates from there (see driver.c).
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include "frontend/machine/machine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* fuzz_file() - an unnamed file that holds [data, data+size); its /proc path in @path. The descriptor, to be closed */
int fuzz_file(const uint8_t *data, size_t size, char path[32]);
/* fuzz_machine() - a machine of 8 MiB with a firmware that halts; NULL if @cfg was refused. Time moves by clock_advance() only */
struct machine *fuzz_machine(struct machine_config *cfg);

#endif
