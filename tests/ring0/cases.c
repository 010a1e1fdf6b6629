/* cases.c - the kinds of cases that need no paging: segments, far transfers, gates, IRET, tasks, flags, double faults. */
#include "ring0.h"

/* Half of the cases are made to fit the checks, so that what follows them is seen too: a descriptor that may be loaded. */
static uint16_t fitting_data(unsigned level, int stack)
{
	static const uint8_t types[] = {0x2, 0x0, 0x6, 0x4, 0xA, 0x2, 0x3};
	static const uint32_t limits[] = {0xFFFFF, 0xBFFF, 0xFFF, 0xFFFFF};
	unsigned i = SEL_CASE / 8 + pick(16);

	GDT[i] = descriptor(pick(2) * 0x1000, PICK(limits), 0x90 | (stack ? 2 : PICK(types)) | level << 5 | (rnd() & 0xC000));
	if (stack)
		GDT[i] = descriptor(0, 0xFFFFF, 0x92 | level << 5 | (rnd() & 0xC000));
	return i << 3 | level;
}

static uint16_t fitting_code(unsigned level)
{
	unsigned i = SEL_CASE / 8 + pick(16);

	GDT[i] = descriptor(0, pick(4) ? 0xFFFFF : 0x8FFF, 0x98 | (rnd() & 6) | level << 5 | (rnd() & 0xC000));
	return i << 3 | level;
}

/* A call gate from @level to the same or an inner level. */
static uint16_t fitting_gate(unsigned level)
{
	unsigned i = SEL_CASE / 8 + pick(16);

	GDT[i] = gate(SEL_CODE(pick(level + 1)), STUBS + 0x100, 0xE0 | (pick(2) ? 0xC : 4), pick(4));
	return i << 3 | level;
}

static void note_selector(const char *name, uint16_t sel)
{
	note(name, sel);
	if (sel >= SEL_CASE && sel < SEL_CASE + 128 && !(sel & 4)) {
		note("hi", GDT[sel >> 3] >> 32);
		note("lo", GDT[sel >> 3]);
	} else if ((sel & 4) && (sel >> 3) < 8) {
		note("ldt.hi", LDT[sel >> 3] >> 32);
		note("lo", LDT[sel >> 3]);
	}
}

/* Load a segment register, then use it: read or write near the limit. */
void case_load(void)
{
	static const char *const loads[] = {"\x8E\xC0", "\x8E\xD0", "\x8E\xD8", "\x8E\xE0", "\x8E\xE8"};
	static const uint8_t overrides[] = {0x26, 0x36, 0x3E, 0x64, 0x65};
	static const uint32_t near_limit[] = {0xFFF, 0xBFFF, 0xC, 0, 0xFFFF, 0xFFFFF};
	unsigned r = pick(5);
	uint16_t sel = random_selector();
	char seg = overrides[r];

	enter_at(pick(4));
	if (r == 1 && pick(2))
		sel = (sel & ~3) | in.level;
	if (pick(2))
		sel = fitting_data(in.level, r == 1);
	in.eax = sel;
	in.ebx = PICK(near_limit) + pick(5) - 2;
	if (in.ebx > 0xE000)
		in.ebx = 0x9000 + pick(16);
	note("reg", r);
	note("level", in.level);
	note("off", in.ebx);
	note_selector("sel", sel);
	emit(loads[r], 2);
	emit(&seg, 1);
	switch (pick(4)) {
	case 0: emit("\x8A\x03", 2); break;	/* mov al, [ebx] */
	case 1: /* a write, but not over the tables */
		emit(in.ebx < 0x9000 ? "\x8A\x03" : "\x88\x03", 2);
		break;
	case 2: emit("\x8B\x03", 2); break;	/* mov eax, [ebx] */
	default: emit("\x67\x8B\x07", 3); break; /* mov eax, [bx] */
	}
	if (r == 1) /* a stack that INT can use at any rate */
		emit("\x16\x5B", 2); /* push ss; pop ebx */
	emit_end();
	if (sel >= SEL_CASE && !(sel & 4) && (GDT[sel >> 3] >> 44 & 1) && r != 1)
		GDT[sel >> 3] &= ~(1ull << 40); /* accessed bit: to be seen */
	run_case();
	out.ebx = GDT[sel >> 3 & 63] >> 40;
}

/* LAR, LSL, VERR, VERW */
void case_rights(void)
{
	uint16_t sel = random_selector();

	enter_at(pick(4));
	in.ecx = sel;
	in.eax = in.ebx = 0x12345678;
	note("level", in.level);
	note_selector("sel", sel);
	emit("\x0F\x02\xC1\x0F\x94\xC2\x0F\x03\xD9\x0F\x94\xC6", 12); /* lar eax, ecx; setz dl; lsl ebx, ecx; setz dh */
	emit("\xC1\xE2\x10\x0F\x00\xE1\x0F\x94\xC2\x0F\x00\xE9\x0F\x94\xC6", 15); /* shl edx, 16; verr; verw */
	emit("\x31\xD0\x85\xC0", 4); /* xor eax, edx; test eax, eax */
	emit_end();
	run_case();
	out.eflags &= ~0x10u;
}

static uint32_t far_offset(void)
{
	return STUBS + 0x100 + pick(0x700) * 2; /* there is INT 81h at every even byte */
}

/* Far JMP, CALL and RET. */
void case_far(void)
{
	uint16_t sel = random_selector();
	uint32_t off = far_offset();
	unsigned how = pick(4);
	char ptr[8];

	enter_at(pick(4));
	if (pick(2))
		sel = (sel & ~3) | in.level;
	if (pick(2))
		sel = how >= 2 ? fitting_code(in.level + pick(4 - in.level)) : pick(2) ? fitting_gate(in.level) :
			fitting_code(in.level);
	note("how", how);
	note("level", in.level);
	note("off", off);
	note_selector("sel", sel);
	if (how >= 2) {
		uint32_t *p = (uint32_t *)(in.esp - 0x40);

		in.esp -= 0x40;
		p[0] = off;
		p[1] = sel;
		p[2 + (how == 3)] = 0xB000; /* outer stack, behind what RET n releases */
		p[3 + (how == 3)] = pick(3) ? SEL_DATA(sel & 3) : random_selector();
		note_selector("ss", p[3 + (how == 3)]);
		emit(how == 2 ? "\xCB" : "\xCA\x04\x00", how == 2 ? 1 : 3);
	} else {
		ptr[0] = how ? 0x9A : 0xEA;
		__builtin_memcpy(ptr + 1, &off, 4);
		__builtin_memcpy(ptr + 5, &sel, 2);
		emit(ptr, 7);
	}
	emit_end();
	run_case();
}

/* INT through a random gate. */
void case_gate(void)
{
	static const uint8_t types[] = {0x6, 0x7, 0xE, 0xF, 0xE, 0xF, 0xC, 0x4, 0x5, 0x2};
	uint32_t sel = pick(3) ? SEL_CODE(pick(4)) : random_selector();
	uint32_t attr = PICK(types) | (pick(8) ? 0x80 : 0) | pick(4) << 5 | (pick(12) ? 0 : 0x10);

	if ((attr & 0xF) == 5)
		sel = pick(3) ? SEL_TSS : SEL_DATA(0); /* task gates that fail */
	enter_at(pick(4));
	if (pick(2)) {
		sel = SEL_CODE(pick(in.level + 1));
		attr = 0xE0 | (pick(2) ? 0xE : 0x6) | pick(2);
	}
	IDT[0x50] = gate(sel, far_offset(), attr, 0);
	if (!pick(4))
		((volatile uint32_t *)TSS)[2 + pick(3) * 2] = random_selector();
	note("level", in.level);
	note("hi", IDT[0x50] >> 32);
	note("lo", IDT[0x50]);
	note_selector("sel", sel);
	for (unsigned i = 0; i < 3; i++)
		note_selector("ss", ((volatile uint32_t *)TSS)[2 + i * 2]);
	in.eflags |= pick(2) ? 0 : 0x4000;
	emit("\xCD\x50", 2);
	emit_end();
	run_case();
}

/* IRET with a random frame. */
void case_iret(void)
{
	uint16_t sel = pick(3) ? SEL_CODE(pick(4)) : random_selector();
	uint32_t *p, flags = (rnd() & 0x247FD5) | 2;

	enter_at(pick(4));
	if (!pick(3))
		sel = (sel & ~3) | pick(4);
	if (pick(2))
		sel = pick(2) ? fitting_code(in.level + pick(4 - in.level)) : SEL_CODE(in.level + pick(4 - in.level));
	flags &= ~0x300u;
	if (pick(2))
		flags &= ~0x4000u;
	in.esp -= 0x40;
	p = (uint32_t *)in.esp;
	p[0] = far_offset();
	p[1] = sel;
	p[2] = flags;
	p[3] = 0xB000;
	p[4] = pick(3) ? SEL_DATA(sel & 3) : random_selector();
	in.eflags |= pick(4) << 12;
	note("level", in.level);
	note("off", p[0]);
	note("flags", flags);
	note("eflags", in.eflags);
	note_selector("sel", sel);
	note_selector("ss", p[4]);
	emit(pick(4) ? "\xCF" : "\x66\xCF", 2);
	emit_end();
	run_case();
}

/* JMP or CALL to a task whose segment registers are random. */
void case_task(void)
{
	volatile uint32_t *t = (uint32_t *)TSS2;
	unsigned level = pick(4);

	for (unsigned i = 0; i < 26; i++)
		t[i] = 0x1000 + i;
	for (unsigned d = 0; d < 3; d++) {
		t[1 + d * 2] = STACK0 + d * 0x1000;
		t[2 + d * 2] = SEL_DATA(d);
	}
	t[7] = 0;
	t[8] = STUBS + 0x100;
	t[9] = 2 | pick(4) << 12;
	t[14] = 0xB000;
	t[19] = pick(6) ? SEL_CODE(level) : random_selector();
	t[20] = pick(6) ? SEL_DATA(level) : random_selector();
	for (unsigned i = 18; i < 24; i++)
		if (i == 18 || i > 20)
			t[i] = pick(6) ? SEL_DATA(level) : random_selector();
	t[24] = pick(6) ? SEL_LDT : random_selector();
	t[25] = 0x68u << 16;
	if (!pick(8))
		GDT[SEL_TSS2 >> 3] = descriptor(TSS2, pick(0x80), 0x80 | (rnd() & 0x6F));
	for (unsigned i = 18; i < 25; i++)
		note_selector("seg", t[i]);
	enter_at(pick(2) * 3);
	if (in.level)
		GDT[SEL_TSS2 >> 3] |= 0x60ull << 40;
	note("tss.hi", GDT[SEL_TSS2 >> 3] >> 32);
	emit(pick(2) ? "\xEA\x00\x00\x00\x00\x50\x00" : "\x9A\x00\x00\x00\x00\x50\x00", 7);
	emit_end();
	run_case();
	out.ebx = (uint32_t)(GDT[SEL_TSS2 >> 3] >> 40 & 0xFF) | (uint32_t)(GDT[SEL_TSS >> 3] >> 40 & 0xFF) << 8 | t[0] << 16;
}

/* IF and IOPL: CLI STI POPF PUSHF IN OUT HLT at every level and IOPL. */
void case_flags(void)
{
	static const char *const code[] = {"\xFA\x90", "\x9D\x90", "\x66\x9D", "\xE4\x71", "\xE5\x71", "\xEC\x90", "\xF4\x90",
		"\x0F\x06", "\xFA\x9C", "\x9C\x90"};
	uint32_t image = (rnd() & 0x247FD5 & ~0x300u) | 2;
	unsigned k = pick(10);
	uint16_t bits = 0;

	enter_at(pick(4));
	if (k == 6 && !in.level)
		k = 0;
	in.eflags |= pick(4) << 12;
	in.edx = 0x71;
	in.esp -= 0x40;
	*(uint32_t *)in.esp = image;
	if (pick(2))
		((volatile uint8_t *)TSS)[0x68 + 0x71 / 8] = bits = rnd();
	if (!pick(6))
		*(volatile uint16_t *)(TSS + 0x66) = pick(0x4000);
	note("level", in.level);
	note("eflags", in.eflags);
	note("image", image);
	note("code", k);
	note("bits", bits);
	note("iomap", *(volatile uint16_t *)(TSS + 0x66));
	emit(code[k], 2);
	emit_end();
	run_case();
	if (k >= 3 && k <= 5)
		out.eax = 0;
}

/* An exception whose gate, segment or stack is bad: which one arrives in the end? */
void case_double(void)
{
	static const char *const code[] = {"\xF7\xF1", "\x0F\x0B", "\x8E\xD8", "\x8E\xD0", "\xCD\x50"};
	static const uint8_t vectors[] = {0, 6, 13, 13, 10, 11, 12, 0x50};
	static const uint16_t handlers[] = {0, SEL_DATA(0), 0xF08, SEL_LDT, SEL_CODE(0)}; /* the handler needs level 0 */
	unsigned k = pick(5);

	enter_at(pick(4));
	in.eax = random_selector();
	for (unsigned i = 0; i < 3; i++) {
		unsigned v = PICK(vectors);

		switch (pick(4)) {
		case 0: IDT[v] &= ~(0x80ull << 40); break;
		case 1: IDT[v] = gate(PICK(handlers), (uint32_t)stub_table + v * 16, 0x8E, 0); break;
		case 2: IDT[v] = gate(8, 0, rnd() & 0xFF, 0); break;
		default: ((volatile uint32_t *)TSS)[2 + pick(3) * 2] = random_selector(); break;
		}
		if ((IDT[v] >> 40 & 0x1F) == 5)
			IDT[v] = gate(SEL_DATA(0), 0, 0x85, 0);
		if ((IDT[v] >> 40 & 0xF) == 6 || (IDT[v] >> 40 & 0xF) == 7 || (IDT[v] >> 40 & 0xF) >= 0xE)
			if ((IDT[v] & 0xFFFF) == 0)
				IDT[v] = gate(8, (uint32_t)stub_table + (v < 33 ? v : 33) * 16, IDT[v] >> 40 & 0xE0 | 0xE, 0);
		note("v", v);
		note("hi", IDT[v] >> 32);
		note("lo", IDT[v]);
	}
	for (unsigned i = 0; i < 3; i++)
		note_selector("ss", ((volatile uint32_t *)TSS)[2 + i * 2]);
	note("level", in.level);
	note("code", k);
	note_selector("eax", in.eax);
	emit(code[k], 2);
	emit_end();
	run_case();
}
