/* lib.c - see probe.h. */
#include "probe.h"
#include <stdarg.h>

struct trap trap;
void (*on_vector[256])(struct frame *);
struct idtent idt[256];
uint8_t tss[256];
const char *args;
unsigned failed, passed;
extern uint32_t mb_info;

static void putc(char c)
{
	while (!(inb(0x3FD) & 0x20))
		;
	outb(0x3F8, (uint8_t)c);
}

static void number(word v, unsigned base)
{
	char s[24];
	int n = 0;

	do
		s[n++] = "0123456789abcdef"[v % base];
	while (v /= base);
	while (n)
		putc(s[--n]);
}

static void vput(const char *f, va_list ap)
{
	for (; *f; f++) {
		if (*f != '%') {
			putc(*f);
			continue;
		}
		switch (*++f) {
		case 's':
			for (const char *s = va_arg(ap, const char *); *s; s++)
				putc(*s);
			break;
		case 'x':
			number(va_arg(ap, word), 16);
			break;
		case 'd': {
			int v = va_arg(ap, int);

			if (v < 0)
				putc('-');
			number(v < 0 ? -(word)v : (word)v, 10);
			break;
		}
		}
	}
}

void put(const char *f, ...)
{
	va_list ap;

	va_start(ap, f);
	vput(f, ap);
	va_end(ap);
}

void check(bool ok, const char *f, ...)
{
	va_list ap;

	if (ok) {
		passed++;
		return;
	}
	failed++;
	put("FAIL ");
	va_start(ap, f);
	vput(f, ap);
	va_end(ap);
	put("\n");
}

void handle(struct frame *f)
{
	if (on_vector[f->vec]) {
		on_vector[f->vec](f);
		return;
	}
	trap = (struct trap){(int)f->vec, f->code, f->ip, f->cs, f->flags, 0, 0, RD(cr2), RD(dr6)};
	if (LONG || ((f->cs ^ KCODE) & 3)) {
		trap.sp = f->sp;
		trap.ss = f->ss;
	}
	if (recover)
		trap_out(trap.vec);
	put("FAIL unexpected vector %d code %x at %x flags %x cr2 %x\n", trap.vec, trap.code, trap.ip, trap.flags, trap.cr2);
	outl(0xF4, 0x7F);
	for (;;)
		asm volatile("hlt");
}

static uint32_t msr_n;
static uint64_t msr_v;
int rdmsr_try(uint32_t n, uint64_t *v)
{
	int r;

	msr_n = n;
	r = TRAP(msr_v = rdmsr(msr_n));
	*v = msr_v;
	return r;
}

int wrmsr_try(uint32_t n, uint64_t v)
{
	msr_n = n;
	msr_v = v;
	return TRAP(wrmsr(msr_n, msr_v));
}

static bool word_in(const char *s, const char *w)
{
	for (; *s; s++) {
		const char *a = s, *b = w;

		while (*b && *a == *b)
			a++, b++;
		if (!*b)
			return true;
	}
	return false;
}

/* Without any argument: every topic. */
bool topic(const char *name)
{
	return !*args || word_in(args, name);
}

static void tables(void)
{
	struct { uint16_t limit; word base; } __attribute__((packed)) r = {sizeof(idt) - 1, (word)idt};
	word t = (word)tss;

	for (int i = 0; i < 256; i++) {
		word e = (word)entries + (word)i * 16;

		idt[i] = (struct idtent){.lo = (uint16_t)e, .sel = KCODE, .attr = i == 3 || i == 4 || i >= 0x80 ? 0xEE00 : 0x8E00,
			.hi = (uint16_t)(e >> 16)};
	}
	asm volatile("lidt %0" : : "m"(r));
	gdt[7] = 0x67 | (uint64_t)(t & 0xFFFFFF) << 16 | 0x89ull << 40 | (uint64_t)(t >> 24 & 0xFF) << 56;
	*(word *)(tss + 4) = (word)stack_top - 12288;
	*(uint16_t *)(tss + 0x66) = 0x68;
#ifndef __x86_64__
	*(word *)(tss + 8) = KDATA;
#endif
	asm volatile("ltr %w0" : : "r"(TSS_SEL));
}

int main(void)
{
	const uint32_t *mb = (const uint32_t *)(word)mb_info;

	args = (const char *)(word)mb[4];
	while (*args && *args != ' ')
		args++;
	while (*args == ' ')
		args++;
	outb(0x21, 0xFF);
	outb(0xA1, 0xFF);
	tables();
#define T(n) if (topic(#n)) topic_##n()
	T(mmio);
	T(apic);
	T(msr);
	T(debug);
	T(system);
	put("%d passed, %d failed\n", (int)passed, (int)failed);
	return failed != 0;
}
