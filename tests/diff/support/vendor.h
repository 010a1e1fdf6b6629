/*
 * vendor.h - whose processor the host has. Where the manual leaves something open our portable code does what Intel's processors do;
 * what other processors are known to do differently is accepted on them by the test concerned, as narrowly as it can be said.
 */
#ifndef TESTS_DIFF_VENDOR_H
#define TESTS_DIFF_VENDOR_H

#include <stdbool.h>

struct insn_index;
struct diff_case;
struct diff_result;

/* host_intel() - an Intel processor; also on hosts that are no x86, where portable code is all there is */
bool host_intel(void);
/* vendor_compare() - as diff_compare(), but for what this host's processor is known to do otherwise */
const char *vendor_compare(const struct insn_index *ix, const struct diff_case *c, const struct diff_result *host, struct diff_result *ours);

#endif
