/*
 * work.c - the compute workloads of bench/run.sh: runs inside the guest, or natively. Usage: work NAME...
 */
#include "run.h"
#include <stdlib.h>
#include <immintrin.h>

static uint32_t integer(unsigned n) /* shifts, adds, multiplications, branches; registers only */
{
	uint32_t x = 1, sum = 0;

	for (unsigned i = 0; i < n * 2000000; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		if (x & 1)
			sum += x * 2654435761u;
		else
			sum = (sum << 1 | sum >> 31) - i;
	}
	return sum;
}

static uint32_t sieve(unsigned n) /* byte stores with a stride, then a scan */
{
	const unsigned size = 1 << 20;
	uint8_t *composite = calloc(size, 1);
	uint32_t sum = 0;

	for (unsigned round = 0; round < n; round++) {
		memset(composite, 0, size);
		for (unsigned i = 2; i < size; i++) {
			if (composite[i])
				continue;
			sum += i;
			for (unsigned j = 2 * i; j < size; j += i)
				composite[j] = 1;
		}
	}
	free(composite);
	return sum;
}

struct node {
	struct node *next;
	uint32_t v[7];
};

static uint32_t chase(unsigned n) /* dependent loads over 2 MiB in a shuffled order */
{
	const unsigned count = 1 << 16;
	struct node *nodes = calloc(count, sizeof(*nodes));
	uint32_t *order = calloc(count, sizeof(*order)), x = 12345, sum = 0;
	const struct node *p;

	for (unsigned i = 0; i < count; i++)
		order[i] = i;
	for (unsigned i = count - 1; i > 0; i--) {
		unsigned j = (x = x * 1664525 + 1013904223) % (i + 1), t = order[i];

		order[i] = order[j];
		order[j] = t;
	}
	for (unsigned i = 0; i < count; i++) {
		nodes[order[i]].next = &nodes[order[(i + 1) % count]];
		nodes[i].v[0] = i;
	}
	p = nodes;
	for (unsigned i = 0; i < n * 1000000; i++, p = p->next)
		sum += p->v[0] ^ i;
	free(nodes);
	free(order);
	return sum;
}

static __attribute__((noinline)) uint32_t fib(unsigned n)
{
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static uint32_t calls(unsigned n) /* call, return, stack */
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += fib(25 + (i & 1));
	return sum;
}

typedef uint32_t (*op_fn)(uint32_t);
static __attribute__((noinline)) uint32_t op0(uint32_t x)
{
	return x + 1;
}
static __attribute__((noinline)) uint32_t op1(uint32_t x)
{
	return x ^ 0x55;
}
static __attribute__((noinline)) uint32_t op2(uint32_t x)
{
	return x << 1 | x >> 31;
}
static __attribute__((noinline)) uint32_t op3(uint32_t x)
{
	return x - 77;
}

static uint32_t indirect(
	unsigned n) /* calls through a table, as a byte-code interpreter makes them */
{
	static const op_fn volatile table[4] = {op0, op1, op2, op3};
	uint32_t x = 1, s = 99;

	for (unsigned i = 0; i < n * 1000000; i++) {
		s = s * 1103515245 + 12345;
		x = table[s >> 16 & 3](x);
	}
	return x;
}

static uint32_t x87(unsigned n) /* double arithmetic; compiled for the 387 */
{
	double x = 0.5, y = 0.25, sum = 0;

	for (unsigned i = 0; i < n * 500000; i++) {
		double t = x * x - y * y + 0.3;

		y = 2 * x * y + 0.1;
		x = t;
		if (x * x + y * y > 4)
			x = 0.1 + 1.0 / (i + 1), y = 0.2;
		sum += x + __builtin_sqrt(y * y);
	}
	return (uint32_t)(int64_t)(sum * 1000);
}

static uint32_t sse(unsigned n) /* packed single and double */
{
	__m128 a = _mm_set_ps(1, 2, 3, 4), b = _mm_set1_ps(0.999f), c = _mm_set1_ps(0.001f);
	__m128d d = _mm_set_pd(1, 2), e = _mm_set1_pd(0.9999);
	float f[4];
	double g[2];

	for (unsigned i = 0; i < n * 1000000; i++) {
		a = _mm_add_ps(_mm_mul_ps(a, b), c);
		d = _mm_add_pd(_mm_mul_pd(d, e), _mm_cvtps_pd(a));
		d = _mm_sqrt_pd(d);
	}
	_mm_storeu_ps(f, a);
	_mm_storeu_pd(g, d);
	return (uint32_t)((f[0] + f[1] + f[2] + f[3] + g[0] + g[1]) * 1e6);
}

static uint32_t sseint(unsigned n) /* 128-bit integers over 64 KiB */
{
	__m128i *v = aligned_alloc(16, 65536), acc = _mm_setzero_si128();
	uint32_t out[4];

	for (unsigned i = 0; i < 65536; i++)
		((uint8_t *)v)[i] = (uint8_t)(i * 7 + (i >> 8));
	for (unsigned i = 0; i < n * 50; i++)
		for (unsigned j = 0; j < 4096; j++) {
			__m128i x = _mm_add_epi16(v[j], _mm_set1_epi16((short)i));

			v[j] = x;
			acc = _mm_xor_si128(acc, _mm_madd_epi16(x, _mm_shuffle_epi32(x, 0x1b)));
		}
	_mm_storeu_si128((__m128i *)out, acc);
	free(v);
	return out[0] ^ out[1] ^ out[2] ^ out[3];
}

#define AVX __attribute__((target("avx2,fma")))

AVX static uint32_t avx(unsigned n) /* fused multiply-add and square roots of packed single and double */
{
	__m256 a = _mm256_set_ps(1, 2, 3, 4, 5, 6, 7, 8), b = _mm256_set1_ps(0.999f), c = _mm256_set1_ps(0.001f);
	__m256d d = _mm256_set_pd(1, 2, 3, 4), e = _mm256_set1_pd(0.9999);
	float f[8];
	double g[4];

	for (unsigned i = 0; i < n * 1000000; i++) {
		a = _mm256_fmadd_ps(a, b, c);
		d = _mm256_fmadd_pd(d, e, _mm256_cvtps_pd(_mm256_castps256_ps128(a)));
		d = _mm256_sqrt_pd(d);
	}
	_mm256_storeu_ps(f, a);
	_mm256_storeu_pd(g, d);
	return (uint32_t)((f[0] + f[3] + f[5] + f[7] + g[0] + g[3]) * 1e6);
}

AVX static uint32_t avxint(unsigned n) /* 256-bit integers over 64 KiB */
{
	__m256i *v = aligned_alloc(32, 65536), acc = _mm256_setzero_si256();
	uint32_t out[8], sum = 0;

	for (unsigned i = 0; i < 65536; i++)
		((uint8_t *)v)[i] = (uint8_t)(i * 7 + (i >> 8));
	for (unsigned i = 0; i < n * 50; i++)
		for (unsigned j = 0; j < 2048; j++) {
			__m256i x = _mm256_add_epi16(v[j], _mm256_set1_epi16((short)i));

			v[j] = x;
			acc = _mm256_xor_si256(acc, _mm256_madd_epi16(x, _mm256_permute4x64_epi64(x, 0x1b)));
		}
	_mm256_storeu_si256((__m256i *)out, acc);
	free(v);
	for (unsigned i = 0; i < 8; i++)
		sum = sum * 31 + out[i];
	return sum;
}

static uint32_t strings(unsigned n) /* rep movs, stos, scas of a page and of a few bytes */
{
	uint8_t *a = calloc(1, 4096), *b = calloc(1, 4096);
	uint32_t sum = 0;

	for (unsigned i = 0; i < n * 20000; i++) {
		void *d = a, *s;
		unsigned count = i % 8 ? 4096 : 24, left;

		__asm__ volatile("rep stosb" : "+D"(d), "+c"(count) : "a"(i & 127) : "memory");
		d = b, s = a, count = i % 8 ? 1024 : 6;
		__asm__ volatile("rep movsl" : "+D"(d), "+S"(s), "+c"(count) : : "memory");
		b[4000] = 200;
		d = b, left = 4096;
		__asm__ volatile("repne scasb" : "+D"(d), "+c"(left) : "a"(200) : "memory", "cc");
		sum = sum * 31 + left + b[i & 4095];
	}
	free(a);
	free(b);
	return sum;
}

static const struct work works[] = {
	{"integer", integer, 60},
	{"sieve", sieve, 120},
	{"chase", chase, 30},
	{"calls", calls, 1000},
	{"indirect", indirect, 30},
	{"x87", x87, 20},
	{"sse", sse, 15},
	{"sseint", sseint, 300},
	{"avx", avx, 15},
	{"avxint", avxint, 300},
	{"strings", strings, 10},
};

int main(int argc, char **argv)
{
	return run_works(works, sizeof(works) / sizeof(works[0]), argc, argv);
}
