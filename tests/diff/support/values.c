/* values.c - see values.h. */
#include "tests/diff/support/values.h"
#include "mmu/base/types.h"
#include <math.h>
#include <string.h>

static uint64_t seed = 0x9E3779B97F4A7C15ull;

void value_seed(uint64_t v)
{
	seed = v | 1;
}

uint64_t value_rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed * 0x2545F4914F6CDD1Dull;
}

static uint32_t special32(void)
{
	static const uint32_t t[] = {0, 1, 0x7FFFFF, 0x800000, 0x800001, 0x3F800000, 0x3F800001, 0x3F7FFFFF, 0x7F7FFFFF,
		0x7F800000, 0x7F800001, 0x7FC00000, 0x7FFFFFFF, 0x4F000000, 0x4EFFFFFF, 0x5F000000, 0x3F000000,
		0x3FC00000, 0x40200000, 0x4B000000, 0x4B000001, 0x34000000, 0x00400000, 0x7FA12345, 0x7FD54321};
	uint32_t v = t[value_rnd() % ARRAY_SIZE(t)];

	return v ^ (uint32_t)(value_rnd() & 1) << 31;
}

static uint64_t special64(void)
{
	static const uint64_t t[] = {0, 1, 0xFFFFFFFFFFFFF, 0x10000000000000, 0x10000000000001, 0x3FF0000000000000,
		0x3FF0000000000001, 0x3FEFFFFFFFFFFFFF, 0x7FEFFFFFFFFFFFFF, 0x7FF0000000000000, 0x7FF0000000000001,
		0x7FF8000000000000, 0x7FFFFFFFFFFFFFFF, 0x41E0000000000000, 0x41DFFFFFFFC00000, 0x43E0000000000000,
		0x3FE0000000000000, 0x3FF8000000000000, 0x4004000000000000, 0x4330000000000000, 0x41DFFFFFFFE00000,
		0x380FFFFFFFFFFFFF, 0x36A0000000000000, 0x369FFFFFFFFFFFFF, 0x47EFFFFFE0000000, 0x47EFFFFFF0000000,
		0x7FF4123456789ABC, 0x3810000000000000, 0x47EFFFFFEFFFFFFF};
	uint64_t v = t[value_rnd() % ARRAY_SIZE(t)];

	return v ^ (value_rnd() & 1) << 63;
}

uint64_t value_quad(unsigned kind)
{
	uint64_t v;

	switch (kind) {
	case 0: return value_rnd();
	case 1: return special64();
	case 2: v = special32(); return v << 32 | special32();
	case 3: /* doubles of moderate size, few significant bits */
		v = value_rnd();
		return (v & 0x800FC00000000000ull) | (0x3FF0ull + (v >> 8 & 0x3F0)) << 48;
	case 4: /* floats around 1..1024 */
		v = value_rnd() & 0x80FFFFFF80FFFFFFull;
		return v + 0x3F0000003F000000ull + ((value_rnd() & 0x0600000006000000ull) >> 2);
	case 5: /* small exponents, both widths */
		v = value_rnd();
		return v & 1 ? v & 0x801FFFFFFFFFFFFFull : v & 0x80FFFFFF80FFFFFFull;
	case 6: v = value_rnd(); return v & 0xFF ? v % 40 : v; /* shift counts, lengths */
	case 7: v = value_rnd(); return v & value_rnd() & value_rnd();
	default: /* doubles within float's range */
		v = value_rnd();
		return (v & 0x800FFFFFFFFFFFFFull) | (0x360ull + (v >> 8 & 0x11F)) << 52;
	}
}

void value_vector(uint8_t *p, unsigned kind)
{
	uint64_t v[2];

	v[0] = value_quad(kind);
	v[1] = value_quad(kind);
	memcpy(p, v, 16);
}

bool value_close(float a, float b)
{
	if (isnan(a) || isnan(b) || isinf(a) || isinf(b) || (a == 0 && b == 0))
		return !memcmp(&a, &b, sizeof(a));
	if (a == 0 || b == 0)
		return fabsf(a + b) <= 0x1.01p-126f;
	return fabs((double)a - b) <= 3.01 * 0x1p-12 * fabs((double)a);
}

static bool is_nan(const uint8_t *p, bool dbl)
{
	double d;
	float f;

	if (dbl) {
		memcpy(&d, p, sizeof(d));
		return isnan(d);
	}
	memcpy(&f, p, sizeof(f));
	return isnan(f);
}

void value_same_nans(const uint8_t *a, uint8_t *b, unsigned n, bool dbl)
{
	unsigned size = dbl ? 8 : 4;

	for (unsigned i = 0; i < n; i += size)
		if (is_nan(a + i, dbl) && is_nan(b + i, dbl))
			memcpy(b + i, a + i, size);
}
