/* switch.c - task switches that succeed: 286 and 386 tasks, by JMP, CALL, gate, exception and IRET, and back again. */
#include "ring0.h"

static const uint8_t seg_at[] = {0x22, 0x24, 0x26, 0x28, 0x2A}; /* ES CS SS DS LDT in a 286 TSS */

static void put16(uint32_t at, uint16_t v)
{
	*(volatile uint16_t *)at = v;
}

static uint16_t code_for(unsigned level, unsigned wide)
{
	GDT[SEL_CASE / 8] = descriptor(0, 0xFFFFF, 0x809B | level << 5 | (wide ? 0x4000 : 0));
	return SEL_CASE | level;
}

static uint16_t stack_for(unsigned level, unsigned wide)
{
	GDT[SEL_CASE / 8 + 1] = descriptor(0, 0xFFFFF, 0x8093 | level << 5 | (wide ? 0x4000 : 0));
	return (SEL_CASE + 8) | level;
}

static void task_286(unsigned level, uint32_t flags)
{
	for (unsigned i = 0; i < 22; i++)
		put16(TSS2 + i * 2, 0x1100 + i);
	for (unsigned d = 0; d < 3; d++) {
		put16(TSS2 + 2 + d * 4, STACK0 + d * 0x1000);
		put16(TSS2 + 4 + d * 4, SEL_DATA(d));
	}
	put16(TSS2 + 0x0E, STUBS + 0x100);
	put16(TSS2 + 0x10, flags);
	put16(TSS2 + 0x1A, 0xB000);
	for (unsigned i = 0; i < 4; i++)
		put16(TSS2 + seg_at[i], pick(10) ? SEL_DATA(level) : random_selector());
	put16(TSS2 + 0x24, code_for(level, pick(2)));
	put16(TSS2 + 0x26, stack_for(level, 0)); /* ESP's upper half is not the task's */
	put16(TSS2 + 0x2A, pick(6) ? SEL_LDT : pick(3) ? 0 : random_selector());
	GDT[SEL_TSS2 >> 3] = descriptor(TSS2, pick(8) ? 0x2B : pick(0x40), 0x81 | 0x60);
}

static void task_386(unsigned level, uint32_t flags)
{
	volatile uint32_t *t = (uint32_t *)TSS2;
	unsigned vm = !pick(8);

	for (unsigned i = 0; i < 26; i++)
		t[i] = 0x11000 + i;
	for (unsigned d = 0; d < 3; d++) {
		t[1 + d * 2] = STACK0 + d * 0x1000;
		t[2 + d * 2] = SEL_DATA(d);
	}
	t[7] = 0;
	t[8] = STUBS + 0x100;
	t[9] = flags | (vm ? 0x23000 : 0);
	t[14] = 0xB000;
	for (unsigned i = 18; i < 24; i++)
		t[i] = vm ? 0x900 + i : pick(10) ? SEL_DATA(level) : random_selector();
	t[19] = vm ? 0 : code_for(level, pick(2));
	t[20] = vm ? 0 : stack_for(level, pick(2));
	t[24] = pick(6) ? SEL_LDT : pick(3) ? 0 : random_selector();
	t[25] = 0x68u << 16 | !pick(8);
	GDT[SEL_TSS2 >> 3] = descriptor(TSS2, pick(8) ? 0x67 : pick(0x80), 0x89 | 0x60);
}

/* The task the case starts in may be a 286 one too. */
static void start_in_286(void)
{
	for (unsigned i = 0; i < 22; i++)
		put16(TSS + i * 2, 0);
	for (unsigned d = 0; d < 3; d++) {
		put16(TSS + 2 + d * 4, STACK0 + d * 0x1000);
		put16(TSS + 4 + d * 4, SEL_DATA(d));
	}
	GDT[SEL_TSS >> 3] = descriptor(TSS, 0x2B, 0x81);
	__asm__ volatile("ltr %0" : : "r"((uint16_t)SEL_TSS));
}

static void leave(unsigned how)
{
	switch (how) {
	case 0: emit("\xEA\x00\x00\x00\x00\x50\x00", 7); break;
	case 1: emit("\x9A\x00\x00\x00\x00\x50\x00", 7); break;
	case 2: emit("\xCD\x50", 2); break;
	case 3: /* a task gate in the GDT */
		GDT[SEL_CASE / 8 + 2] = gate(SEL_TSS2, 0, pick(6) ? 0xE5 : 0x85, 0);
		emit(pick(2) ? "\x9A\x00\x00\x00\x00\x90\x00" : "\xEA\x00\x00\x00\x00\x90\x00", 7);
		break;
	case 4: /* #DE, #UD, #GP */
		emit("\xF7\xF1\x90", 2);
		break;
	case 5: emit("\x0F\x0B", 2); break;
	case 6: emit("\x8E\xDA", 2); break; /* mov ds, dx: a selector beyond the GDT */
	default: /* IRET with NT, to the task in the back link */
		*(volatile uint16_t *)TSS = SEL_TSS2;
		GDT[SEL_TSS2 >> 3] |= (uint64_t)(pick(6) != 0) << 41;
		in.eflags |= 0x4000;
		emit("\xCF", 1);
		break;
	}
}

/* The upper halves of selectors in a 386 TSS are reserved; the RF saved is the processor's business. */
static void sum_tss(uint32_t at)
{
	volatile uint32_t *t = (uint32_t *)at;

	if (GDT[(at == TSS ? SEL_TSS : SEL_TSS2) >> 3] >> 43 & 1) {
		t[9] &= ~0x10000u;
		for (unsigned i = 0; i < 25; i++)
			if (!i || i >= 18)
				t[i] &= 0xFFFF;
	}
	for (unsigned i = 0; i < 26; i++)
		note("tss", t[i]);
	sum_words(at, at + 0x68);
}

void case_switch(void)
{
	static const char *const ends[] = {"\xCD\x81", "\xCF\x90", "\xCF\x90", "\x66\xCF"};
	unsigned how = pick(8), is_286 = pick(2), level = pick(4), start = pick(4), old_286 = !pick(3);
	uint32_t flags = 2 | (rnd() & 0xCD5) | pick(4) << 12 | (pick(4) ? 0 : 0x4000), dr6;

	if (old_286 && !start) /* the upper half of ESP is lost: let the way out load another stack */
		start = 1;
	enter_at(start);
	in.eax = 0xA0001, in.ecx = 0xB0000, in.edx = 0xF00, in.ebx = 0xD0003, in.ebp = 0xE0004, in.esi = 0xF0005;
	in.edi = 0x60006;
	in.eflags |= pick(2) ? 0xCD5 : 0;
	if (how == 4)
		in.ecx = 0;
	if (is_286)
		task_286(level, flags);
	else
		task_386(level, flags);
	if (old_286)
		start_in_286();
	IDT[0x50] = gate(SEL_TSS2, 0, 0xE5, 0);
	IDT[how == 4 ? 0 : how == 5 ? 6 : how == 6 ? 13 : 0x51] = gate(SEL_TSS2, 0, 0x85, 0);
	leave(how);
	emit_end();
	/* IRET where it leads back; a fault that came again would push its error code until the stack reaches the tables */
	__builtin_memcpy((void *)(STUBS + 0x100), ends[(how == 1 || how == 2) && !(*(volatile uint32_t *)(TSS2 + 36) & 0x20000) ? pick(4) : 0], 2);
	note("how", how);
	note("286", is_286);
	note("level", level);
	note("start", start);
	note("flags", flags);
	__asm__ volatile("mov %0, %%dr6" : : "r"(0xFFFF0FF0));
	run_case();
	__asm__ volatile("mov %%dr6, %0" : "=r"(dr6));
	__asm__ volatile("mov %0, %%dr6" : : "r"(0xFFFF0FF0));
	out.ebx = (uint32_t)(GDT[SEL_TSS2 >> 3] >> 40 & 0xFF) | (uint32_t)(GDT[SEL_TSS >> 3] >> 40 & 0xFF) << 8 | dr6 << 16;
	sum_tss(TSS);
	sum_tss(TSS2);
	memory_sum += out.ecx * 3 + out.edx * 5 + out.esi * 7 + out.edi * 9 + out.ebp * 11;
}
