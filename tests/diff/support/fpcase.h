/*
 * fpcase.h - one instruction of x87, SSE or AVX with the state it begins with: made smaller, printed as a row of fp_cases.def, and read
 * from one.
 *
 * A row: FP_CASE(test, "bytes", offset of the operand in the memory, "name=hex ..."). Numbers: fcw fsw ftw mxcsr rax rcx rdx fl. Bytes in
 * the order of memory: s0..s7 (x87 or MMX, 10), x0..x15 and h0..h15 (lower and upper halves, 16), m0.. (memory, 16 from 16 * number on).
 * What is not named is 0.
 */
#ifndef TESTS_DIFF_FPCASE_H
#define TESTS_DIFF_FPCASE_H

#include <stdio.h>
#include "cpu/fpu/fpu.h"

struct fpcase {
	struct fpu_state *f;
	uint64_t *rax, *rcx, *rdx, *flags; /* NULL: the test has none */
	uint8_t *mem;
	unsigned mem_size, off; /* a multiple of 16; where the operand is */
};

/*
 * fpcase_shrink() - set registers and memory to 0, piece by piece, as long as @differs says that the outcomes still do;
 * @differs looks at the state that @c points to and leaves it as it is
 */
void fpcase_shrink(const struct fpcase *c, bool (*differs)(void *opaque), void *opaque);
void fpcase_print(FILE *out, const char *test, const uint8_t *code, unsigned len, const struct fpcase *c);
/* fpcase_parse() - the row's text into the state, which the caller has set to 0. Return: false: there is something else in it */
bool fpcase_parse(const char *text, const struct fpcase *c);
/* fpcase_code() - "0f 58 ca" into @code of 16 bytes. Return: how many */
unsigned fpcase_code(const char *hex, uint8_t *code);

#endif
