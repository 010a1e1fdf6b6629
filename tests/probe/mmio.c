/*
 * mmio.c - instructions on device memory (pc-testdev's, at FF000000h) leave in registers, flags and memory what they leave on
 * RAM: every operand form, strings, stacks, far pointers, tables; also over the border between RAM and the device.
 */
#include "probe.h"

struct state {
	word r[8]; /* ax cx dx bx bp si di, flags */
	uint8_t xmm[4][16];
	uint8_t mem[256];
};

extern const struct op { void (*fn)(void); const char *text; } ops[], ops_end[];
void run_op(void (*fn)(void), uint8_t *mem, struct state *s);

#define MMIO ((volatile uint8_t *)0xFF000000)
static uint8_t ram[8192] __attribute__((aligned(4096)));

static void fill(volatile uint8_t *p)
{
	for (unsigned i = 0; i < 256; i++)
		p[i] = (uint8_t)(i * 7 + 3);
	for (unsigned i = 0; i < 8; i++) /* a float and small values, too */
		p[0x70 + i] = "\0\0\0\0\0\0\x04\x40"[i];
	p[0x60] = 0x34;
}

static struct state a, b;
static struct { void (*fn)(void); uint8_t *mem; struct state *s; } job;
static void do_job(void *x) { run_op(job.fn, job.mem, job.s); }

static int run(void (*fn)(void), uint8_t *mem, struct state *s)
{
	int v;

	fill(mem);
	for (unsigned i = 0; i < sizeof(*s); i++)
		((uint8_t *)s)[i] = 0;
	for (unsigned i = 0; i < 64; i++)
		s->xmm[i / 16][i % 16] = (uint8_t)(i * 5);
	job.fn = fn;
	job.mem = mem;
	job.s = s;
	v = trap_in(do_job, 0);
	for (unsigned i = 0; i < 256; i++)
		s->mem[i] = mem[i];
	return v;
}

static bool begins(const char *s, const char *list)
{
	for (const char *a = s;; list++) {
		if (*list == ' ' || !*list)
			return true;
		if (*a++ == *list)
			continue;
		while (*list && *list != ' ')
			list++;
		if (!*list)
			return false;
		a = s;
	}
}

/* Flags that the instruction defines. */
static word defined(const char *text)
{
	if (begins(text, "mul imul"))
		return 0x801;
	if (begins(text, "div idiv"))
		return 0;
	if (begins(text, "bsf bsr"))
		return 0x40;
	if (begins(text, "bt"))
		return 1;
	if (begins(text, "sh sar"))
		return 0xC5;
	if (begins(text, "ro rc"))
		return 1;
	if (begins(text, "and or xor test"))
		return 0x8C5;
	return 0x8D5;
}

static bool compare(const struct op *o, uint8_t *m, const char *where)
{
	uint8_t *same = ram + 256 + ((word)m & 63); /* as aligned */
	int va = run(o->fn, same, &a), vb = run(o->fn, m, &b);

	if (va != vb) {
		check(false, "%s %s: vector %d, on RAM %d", where, o->text, vb, va);
		return false;
	}
	if (va < 0) {
		a.r[6] -= (word)same;
		b.r[6] -= (word)m;
	}
	a.r[7] &= defined(o->text);
	b.r[7] &= defined(o->text);
	for (unsigned i = 0; i < sizeof(a); i++) {
		const uint8_t *p = (void *)&a, *q = (void *)&b;

		if (p[i] != q[i]) {
			check(false, "%s %s: byte %x of the state %x, on RAM %x", where, o->text, (word)i, (word)q[i], (word)p[i]);
			return false;
		}
	}
	passed++;
	return true;
}

#ifdef __x86_64__
static uint64_t pt[512] __attribute__((aligned(4096)));
/* Linear 3 GiB: a page of RAM, a page of the device, a page of RAM, a page of the device's next. */
static void map_borders(void)
{
	static uint8_t more[8192] __attribute__((aligned(4096)));

	pt[0] = (word)more + 7;
	pt[1] = 0xFF001000 + 7;
	pt[2] = (word)more + 4096 + 7;
	pt[3] = 0xFF002000 + 7;
	((uint64_t *)pd)[3 * 512] = (word)pt + 7;
	WR(cr3, RD(cr3));
}
#else
static uint32_t pt[1024] __attribute__((aligned(4096)));
static void map_borders(void)
{
	static uint8_t more[8192] __attribute__((aligned(4096)));

	pt[0] = (word)more + 7;
	pt[1] = 0xFF001000 + 7;
	pt[2] = (word)more + 4096 + 7;
	pt[3] = 0xFF002000 + 7;
	((uint32_t *)pd)[3 * 256] = (word)pt + 7;
	WR(cr3, RD(cr3));
}
#endif

void topic_mmio(void)
{
	map_borders();
	for (const struct op *o = ops; o < ops_end; o++) {
		compare(o, (uint8_t *)0xFF000000, "device");
		/* +0x40 is where most operands begin */
		for (unsigned d = 1; d < 32 && compare(o, (uint8_t *)0xC0001000 - 0x40 - d, "from RAM to device"); d += 3)
			;
		for (unsigned d = 1; d < 32 && compare(o, (uint8_t *)0xC0002000 - 0x40 - d, "from device to RAM"); d += 3)
			;
	}
}
