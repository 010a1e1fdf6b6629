/*
 * features.c - what the host's processor offers us (features.def), and what is left of it after --host-mask.
 *
 * Source: Intel SDM Vol. 1 14.3 "Detection of Intel AVX Instructions"; Vol. 2A CPUID, XGETBV.
 */
#include "jit/host/backend.h"

const char *const jit_host_features[] = {
#define HOST(id, name, ...) name,
#include "jit/host/features.def"
#undef HOST
};
const unsigned jit_host_nfeatures = ARRAY_SIZE(jit_host_features);
_Static_assert(HOSTF_COUNT <= 32, "host features are bits of a uint32_t");

#if defined(__x86_64__)
#include <cpuid.h>

#define XCR0_SSE_AVX 6u

/* Does the system save and restore the upper halves of YMM registers? */
static bool avx_enabled(void)
{
	unsigned a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & 1u << 27))
		return false;
	__asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
	return (a & XCR0_SSE_AVX) == XCR0_SSE_AVX;
}

uint32_t host_detect(void)
{
	static const struct {
		uint32_t leaf, sub;
		uint8_t reg, bit, os;
	} rows[] = {
#define HOST(id, name, leaf, sub, reg, bit, os) {leaf, sub, reg, bit, os},
#include "jit/host/features.def"
#undef HOST
	};
	bool avx = avx_enabled();
	uint32_t have = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		unsigned r[4];

		if (!__get_cpuid_count(rows[i].leaf, rows[i].sub, &r[0], &r[1], &r[2], &r[3]))
			continue;
		if (r[rows[i].reg] >> rows[i].bit & 1 && (avx || !rows[i].os))
			have |= 1u << i;
	}
	return host_without(have, 0);
}
#elif defined(__aarch64__)
#include <sys/auxv.h>

/* ID_AA64MMFR1_EL1.AFP: Linux says so in AT_HWCAP2, too, qemu-user 10 only here. */
static bool afp_by_register(void)
{
	uint64_t id;

	if (!(getauxval(AT_HWCAP) & HWCAP_CPUID)) /* programs may not read ID registers */
		return false;
	__asm__ volatile("mrs %0, S3_0_C0_C7_1" : "=r"(id));
	return id >> 44 & 0xF;
}

uint32_t host_detect(void)
{
	uint32_t have = 0;

#define HOST(id, name, entry, sub, reg, bit, os) have |= getauxval(entry) >> (bit) & 1 ? (uint32_t)HOSTF_##id : 0;
#include "jit/host/features.def"
#undef HOST
	return host_without(afp_by_register() ? have | HOSTF_AFP : have, 0);
}
#else
uint32_t host_detect(void)
{
	return 0;
}
#endif

uint32_t host_without(uint32_t have, uint32_t mask)
{
	have &= ~mask;
#if defined(__aarch64__)
	if (!(have & HOSTF_FLAGM))
		have &= ~(uint32_t)HOSTF_FLAGM2;
	return have & HOSTF_FRINT ? have : have & ~(uint32_t)HOSTF_AFP;
#else
	return have & HOSTF_AVX ? have : have & ~(uint32_t)(HOSTF_AVX2 | HOSTF_FMA | HOSTF_F16C);
#endif
}
