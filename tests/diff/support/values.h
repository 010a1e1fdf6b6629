/*
 * values.h - random operands for vector instructions, mixed with the floats that matter. The sequence is the same in
 * every run of a program.
 */
#ifndef TESTS_DIFF_VALUES_H
#define TESTS_DIFF_VALUES_H

#include <stdbool.h>
#include <stdint.h>

uint64_t value_rnd(void);
/* value_seed() - start another sequence */
void value_seed(uint64_t v);
/* value_quad() - a quadword of one of nine natures (@kind 0..8) */
uint64_t value_quad(unsigned kind);
/* value_vector() - 16 bytes of one nature, so that elements meet their like */
void value_vector(uint8_t *p, unsigned kind);
/* value_close() - two answers of RCPxS or RSQRTxS, each within the manual's 1.5 * 2^-12 of the same value */
bool value_close(float a, float b);
/* value_same_nans() - @n bytes of floats, @dbl: doubles: where both vectors hold a NaN, @b gets @a's */
void value_same_nans(const uint8_t *a, uint8_t *b, unsigned n, bool dbl);

#endif
