/*
 * modify.c - code that changes itself: the instruction behind, the one that runs, those before in a loop, in the same block and the
 * next page, by narrow, wide and string stores, through another linear address of the same page, and in a subroutine of 16-bit code.
 *
 * A loop of arithmetic on EAX with 32-bit constants, among them stores that change the constants and the operations. A store by
 * another linear address is followed by a branch, the others need none (Vol. 3A 8.1.3, 11.6).
 */
#include "ring0.h"

#define TABLES 0x100000u
#define ALIAS 0x400000u /* linear: the pages from 8000h once more */
#define MAX 24

static uint32_t at[MAX]; /* where each arithmetic instruction begins: 81 /r id */
static unsigned n;

static void put(const char *bytes, unsigned len)
{
	emit(bytes, len);
}

static void put32(uint32_t v)
{
	emit((char *)&v, 4);
}

static uint32_t here(void)
{
	return (uint32_t)emit("", 0);
}

static void arithmetic(void)
{
	static const uint8_t reg[] = {0xC0, 0xF0, 0xE8, 0xC8, 0xD0};
	char op[2] = {(char)0x81, (char)PICK(reg)};

	at[n++ % MAX] = here();
	put(op, 2);
	put32(rnd());
}

static const uint8_t lengths[] = {6, 7, 6, 7, 7, 11, 14};

/* A store to the instruction that begins at @target; @alias: by its other address. `lengths` bytes, 2 more with @alias */
static void change(unsigned how, uint32_t target, unsigned alias)
{
	if (alias)
		target += ALIAS - STUBS;
	switch (how) {
	case 0: put("\x88\x15", 2), put32(target + 2 + pick(4)); break;			/* mov [], dl */
	case 1: put("\x66\x89\x15", 3), put32(target + 2 + pick(3)); break;		/* mov [], dx */
	case 2: put("\x89\x1D", 2), put32(target + 2); break;				/* mov [], ebx */
	case 3: put("\x80\x35", 2), put32(target + 1), put("\x30", 1); break;		/* xor [], 30h: another operation */
	case 4: put("\xF0\x01\x15", 3), put32(target + 2); break;				/* lock add [], edx */
	case 5: put("\xBF", 1), put32(target + 2), put("\xBE", 1), put32(0x9C00 + pick(64)), put("\xA5", 1); break; /* movsd */
	default: put("\x51\xBF", 2), put32(target + 2), put("\xB1\x04\x31\xDB\xF3\xAA\x59\x90", 8); break; /* rep stosb */
	}
	if (alias)
		put("\xEB\x00", 2);
}

static void churn(void)
{
	put("\x69\xD2\x0D\x66\x19\x00\x01\xC3", 8); /* imul edx, edx, 19660Dh; add ebx, eax */
}

/* A store to one of the instructions so far, or to the one that follows it at once */
static void one_change(unsigned paged)
{
	unsigned how = pick(7), alias = paged && !pick(3);

	if (pick(2)) {
		change(how, at[pick(n < MAX ? n : MAX)], alias);
	} else {
		change(how, here() + lengths[how] + 2 * alias, alias);
		arithmetic();
	}
	churn();
}

static void tables(void)
{
	volatile uint32_t *dir = (uint32_t *)TABLES, *low = (uint32_t *)(TABLES + 0x1000), *alias = (uint32_t *)(TABLES + 0x2000);

	for (unsigned i = 0; i < 1024; i++) {
		dir[i] = alias[i] = 0;
		low[i] = i << 12 | 7;
	}
	dir[0] = (TABLES + 0x1000) | 7;
	dir[ALIAS >> 22] = (TABLES + 0x2000) | 7;
	for (unsigned i = 0; i < 4; i++)
		alias[i] = (STUBS + i * 0x1000) | 7;
}

/* A subroutine of 16-bit code: mov ax, imm16; rol ax, 3; retf (of 32 bits). */
static uint32_t subroutine(unsigned level)
{
	uint32_t s = 0x8E00;
	static const uint8_t code[] = {0xB8, 0x34, 0x12, 0xC1, 0xC0, 0x03, 0x66, 0xCB};

	for (unsigned i = 0; i < sizeof(code); i++)
		((volatile uint8_t *)s)[i] = code[i];
	GDT[SEL_CASE >> 3] = descriptor(0, 0xFFFF, 0x9A | level << 5);
	return s;
}

void case_modify(void)
{
	unsigned level = pick(2) * 3, paged = pick(2), parts = 6 + pick(8), from;
	uint32_t cr0, loop, sub;

	enter_at(level);
	n = 0;
	from = pick(2) ? 0x100 + pick(0x40) : 0xF80 + pick(0x60); /* or over the end of the page */
	in.eip = STUBS + from;
	for (unsigned i = 0; i < from; i++) /* the program begins there */
		emit("\xCC", 1);
	sub = subroutine(level);
	in.eax = rnd();
	in.ebx = rnd();
	in.edx = rnd();
	in.ecx = 2 + pick(6);
	loop = here();
	for (unsigned i = 0; i < parts; i++) {
		unsigned k = pick(8);

		if (k < 4 || !n) {
			arithmetic();
		} else if (k < 7) {
			one_change(paged);
		} else {
			char far[7] = {(char)0x9A};

			put("\x88\x15", 2), put32(sub + 1 + pick(2));
			__builtin_memcpy(far + 1, &sub, 4);
			far[5] = SEL_CASE | level;
			put(far, 7);
			churn();
		}
	}
	arithmetic();
	put("\x49\x0F\x85", 3); /* dec ecx; jnz loop */
	put32(loop - (here() + 4));
	emit_end();
	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	if (paged) {
		tables();
		((volatile uint32_t *)TSS_DF)[7] = TABLES;
		__asm__ volatile("mov %0, %%cr3; mov %1, %%cr0" : : "r"(TABLES), "r"(cr0 | 0x80000000u));
	}
	run_case();
	__asm__ volatile("mov %0, %%cr0" : : "r"(cr0));
	memory_sum = out.edx * 3 + out.ecx;
	sum_words(STUBS, STUBS + 0x1400);
}
