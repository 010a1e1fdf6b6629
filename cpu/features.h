/* features.h - the CPU features of features.def as numbers, and sets of them. */
#ifndef CPU_FEATURES_H
#define CPU_FEATURES_H

#include "mmu/base/types.h"

enum cpu_feature {
#define FEATURE(id, ...) FEAT_##id,
#include "cpu/features.def"
#undef FEATURE
	FEAT_COUNT
};

struct feature_set {
	uint64_t w[2]; /* bit n of the 128: enum cpu_feature n */
};
_Static_assert(FEAT_COUNT <= 128, "feature_set is two words");

static inline bool feature_has(const struct feature_set *s, enum cpu_feature f)
{
	return s->w[f / 64] >> (f % 64) & 1;
}

static inline void feature_put(struct feature_set *s, enum cpu_feature f, bool on)
{
	s->w[f / 64] = (s->w[f / 64] & ~BIT(f % 64)) | (uint64_t)on << (f % 64);
}

#endif
