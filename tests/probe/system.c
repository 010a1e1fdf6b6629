/*
 * system.c - ring 3 and back; faults while an event is delivered; NMI, IRET that faults, and what blocks; stacks that are not there;
 * interrupts through IST and task gates; privileged instructions at ring 3; alignment checks; INVLPG and stale translations.
 *
 * Source: Intel SDM Vol. 3A chapters 4.10, 6.
 */
#include "probe.h"

#ifdef __x86_64__
#define PSP "rsp"
#define AX "rax"
#else
#define PSP "esp"
#define AX "eax"
#endif

static uint8_t user_stack[4096] __attribute__((aligned(4096)));
static void (*user_fn)(void);

/* Ring 3 runs fn; INT 20h comes back. The vector that ended it. */
static void enter_user(void *flags)
{
	word sp = (word)user_stack + sizeof(user_stack) - 64;

#ifdef __x86_64__
	asm volatile("push $0x23; push %0; push %1; push $0x33; push %2; iretq" : : "r"(sp), "r"((word)flags), "r"(user_fn) : "memory");
#else
	asm volatile("mov $0x23, %%eax; mov %%eax, %%ds; mov %%eax, %%es; push $0x23; push %0; push %1; push $0x1B; push %2; iret"
		: : "r"(sp), "r"((word)flags), "d"(user_fn) : "eax", "memory");
#endif
}

static int user(void (*fn)(void), word flags)
{
	user_fn = fn;
	return trap_in(enter_user, (void *)(flags | 2));
}
#define END asm volatile("int $0x80")
#define USER(code...) ({ void u_(void) { code; END; } user(u_, 0); })

static void privileges(void)
{
	check(USER() == 0x80, "ring 3 and back: %d", trap.vec);
	check((trap.cs & 3) == 3 && (trap.ss & 3) == 3, "CS %x SS %x", trap.cs, trap.ss);
#define GP(name, insn...) check(USER(asm volatile(insn)) == 13 && trap.code == 0, "ring 3 " name ": vector %d code %x", trap.vec, trap.code)
	GP("CLI", "cli" : : );
	GP("STI", "sti" : : );
	GP("HLT", "hlt" : : );
	GP("IN", "in $0x80, %%al" : : );
	GP("OUTS", "mov $0x80, %%edx; outsb" : : );
	GP("MOV CR0", "mov %%cr0, %0" : : "r"(0ul));
	GP("MOV to CR3", "mov %0, %%cr3" : : "r"(0ul));
	GP("MOV DR7", "mov %%dr7, %0" : : "r"(0ul));
	GP("LGDT", "lgdt gdtr" : : );
	GP("LIDT", "lidt gdtr" : : );
	GP("LLDT", "lldt %w0" : : "r"(0));
	GP("LTR", "ltr %w0" : : "r"(0));
	GP("LMSW", "lmsw %w0" : : "r"(0));
	GP("CLTS", "clts" : : );
	GP("INVD", "invd" : : );
	GP("WBINVD", "wbinvd" : : );
	GP("INVLPG", "invlpg (%0)" : : "r"(0ul));
	GP("RDMSR", "rdmsr" : : "c"(0x10) : "eax", "edx");
	GP("WRMSR", "wrmsr" : : "c"(0x10));
	WR(cr4, RD(cr4) | 1 << 18);
	GP("XSETBV", "xsetbv" : : "c"(0), "a"(3), "d"(0));
	WR(cr4, RD(cr4) & ~(1ul << 18));
	check(TRAP(asm volatile("xsetbv" : : "c"(0), "a"(3), "d"(0))) == 6, "XSETBV without OSXSAVE: %d", trap.vec);
	check(USER(asm volatile("sldt %%eax; str %%ecx; sgdt -16(%%" PSP "); smsw %%eax" : : : "eax", "ecx", "memory")) == 0x80, "SLDT and kin: %d", trap.vec);
	WR(cr4, RD(cr4) | 0x800);
	GP("SLDT under UMIP", "sldt %%eax" : : : "eax");
	GP("STR under UMIP", "str %%eax" : : : "eax");
	GP("SMSW under UMIP", "smsw %%eax" : : : "eax");
	GP("SGDT under UMIP", "sgdt -16(%%" PSP ")" : : );
	GP("SIDT under UMIP", "sidt -16(%%" PSP ")" : : );
	WR(cr4, RD(cr4) & ~0x800ul);
	check(USER(asm volatile("int $0x30")) == 13 && trap.code == 0x30 * 8 + 2, "INT of a gate of DPL 0: %d code %x", trap.vec, trap.code);
	check(USER(asm volatile("int3")) == 3, "INT3");
	check(USER(asm volatile("rdtsc" : : : "eax", "edx")) == 0x80, "RDTSC");
	WR(cr4, RD(cr4) | 4);
	GP("RDTSC under TSD", "rdtsc" : : : "eax", "edx");
	GP("RDTSCP under TSD", "rdtscp" : : : "eax", "edx", "ecx");
	check(TRAP(rdtsc()) == -1, "RDTSC under TSD in ring 0");
	WR(cr4, RD(cr4) & ~4ul);
	GP("RDPMC", "rdpmc" : : "c"(0) : "eax", "edx");
	/* POPF in ring 3 leaves IF and IOPL */
	check(USER(asm volatile("push %0; popf" : : "r"(0x3202ul))) == 0x80 && !(trap.flags & 0x3200), "POPF: flags %x", trap.flags);
}

static void alignment(void)
{
	static word v[4];

	WR(cr0, RD(cr0) | 1 << 18);
	check(user(({ void u_(void) { asm volatile("mov 1+%0, %%eax" : : "m"(v) : "eax"); END; } u_; }), 1 << 18) == 17 && trap.code == 0, "#AC: %d", trap.vec);
	check(user(({ void u_(void) { asm volatile("mov 4+%0, %%eax" : : "m"(v) : "eax"); END; } u_; }), 1 << 18) == 0x80, "aligned: %d", trap.vec);
	check(user(({ void u_(void) { asm volatile("movups 1+%0, %%xmm0" : : "m"(v)); END; } u_; }), 1 << 18) == 0x80, "MOVUPS may or may not: %d", trap.vec);
	check(user(({ void u_(void) { asm volatile("mov 1+%0, %%eax" : : "m"(v) : "eax"); END; } u_; }), 0) == 0x80, "without EFLAGS.AC: %d", trap.vec);
	check(TRAP(asm volatile("pushf; orl $0x40000, (%%" PSP "); popf; mov 1+%0, %%eax; pushf; andl $~0x40000, (%%" PSP "); popf" : : "m"(v) : "eax")) == -1, "#AC in ring 0");
	WR(cr0, RD(cr0) & ~(1ul << 18));
}

/* A page at 3 GiB + 2 MiB whose entry tests change. */
#define HOLE 0xC0400000ul
#ifdef __x86_64__
static uint64_t hole_pt[512] __attribute__((aligned(4096)));
#define HOLE_PDE ((uint64_t *)pd)[HOLE >> 21]
#else
static uint32_t hole_pt[1024] __attribute__((aligned(4096)));
#define HOLE_PDE ((uint32_t *)pd)[HOLE >> 22]
#endif
static uint8_t pages[3][4096] __attribute__((aligned(4096)));

static void flush(void) { asm volatile("invlpg (%0)" : : "r"(HOLE) : "memory"); }

static void paging(void)
{
	volatile word *p = (volatile word *)HOLE;

	HOLE_PDE = (word)hole_pt + 7;
	WR(cr3, RD(cr3));
	*(word *)pages[0] = 11;
	*(word *)pages[1] = 22;
	hole_pt[0] = 0;
	flush();
	check(TRAP((void)*(volatile word *)HOLE) == 14 && trap.code == 0 && trap.cr2 == HOLE, "not present: code %x cr2 %x", trap.code, trap.cr2);
	hole_pt[0] = (word)pages[0] + 3;
	check(*p == 11, "made present: no flush needed");
	check((hole_pt[0] & 0x60) == 0x20, "A: %x", (word)hole_pt[0]);
	*p = 12;
	check((hole_pt[0] & 0x60) == 0x60, "D: %x", (word)hole_pt[0]);
	hole_pt[0] = (word)pages[1] + 3;
	flush();
	check(*p == 22, "INVLPG");
	hole_pt[0] = (word)pages[0] + 3;
	WR(cr3, RD(cr3));
	check(*p == 12, "MOV CR3");
	/* rights taken back, WP, user */
	hole_pt[0] = (word)pages[0] + 1;
	flush();
	WR(cr0, RD(cr0) & ~0x10000ul);
	check(TRAP(*(volatile word *)HOLE = 5) == -1 && *p == 5, "write without WP");
	WR(cr0, RD(cr0) | 0x10000);
	check(TRAP(*(volatile word *)HOLE = 6) == 14 && trap.code == 3, "write with WP: code %x", trap.code);
	check(USER((void)*(volatile word *)HOLE) == 14 && trap.code == 5, "user: code %x", trap.code);
	hole_pt[0] = (word)pages[0] + 5;
	flush();
	check(USER(*(volatile word *)HOLE = 5) == 14 && trap.code == 7, "user write: code %x", trap.code);
	/* both halves of a write over a page end, nothing written when the second faults */
	hole_pt[0] = (word)pages[0] + 3;
	hole_pt[1] = 0;
	flush();
	asm volatile("invlpg (%0)" : : "r"(HOLE + 4096));
	*(uint16_t *)(pages[0] + 4094) = 0x1234;
	check(TRAP(*(volatile uint32_t *)(HOLE + 4094) = 5) == 14 && trap.code == 2 && trap.cr2 == HOLE + 4096, "over the end: code %x cr2 %x", trap.code, trap.cr2);
	check(*(uint16_t *)(pages[0] + 4094) == 0x1234, "half written");
	check(TRAP(asm volatile("lock incl (%0)" : : "r"(HOLE + 4094))) == 14 && trap.code == 2, "locked over the end: code %x", trap.code);
	check(TRAP(asm volatile("cmpxchgl %%ecx, (%0)" : : "r"(HOLE + 4096) : "eax", "ecx")) == 14 && trap.code == 2, "CMPXCHG is a write: code %x", trap.code);
	/* a stale entry does not outlive a fault */
	hole_pt[1] = (word)pages[1] + 3;
	check(*(volatile uint16_t *)(HOLE + 4096) == *(uint16_t *)pages[1], "made present after a fault");
}

static volatile unsigned seen;
static void note(struct frame *f) { seen = seen * 16 + (unsigned)f->vec + 1; }

/* Events whose delivery fails. */
static void deliveries(void)
{
	struct idtent keep = idt[0x40], zero = {0};

	/* a gate that is not present, of a wrong type, with a bad selector */
	idt[0x40].attr &= (uint16_t)~0x8000u;
	check(TRAP(asm volatile("int $0x40")) == 11 && trap.code == 0x40 * 8 + 2, "gate not present: %d code %x", trap.vec, trap.code);
	idt[0x40] = zero;
	check(TRAP(asm volatile("int $0x40")) == 13 && trap.code == 0x40 * 8 + 2, "gate of type 0: %d code %x", trap.vec, trap.code);
	idt[0x40] = keep;
	idt[0x40].sel = 0;
	check(TRAP(asm volatile("int $0x40")) == 13 && trap.code == 0, "gate with a null selector: %d code %x", trap.vec, trap.code);
	idt[0x40].sel = KDATA;
	check(TRAP(asm volatile("int $0x40")) == 13 && trap.code == KDATA, "gate to data: %d code %x", trap.vec, trap.code);
	idt[0x40].sel = 0xFFF8;
	check(TRAP(asm volatile("int $0x40")) == 13 && trap.code == 0xFFF8, "gate beyond the GDT: %d code %x", trap.vec, trap.code);
	idt[0x40] = keep;
	/* the GDT's entry is marked when used */
	gdt[FREE_SEL / 8] = gdt[KCODE / 8] & ~(1ull << 40);
	idt[0x40].sel = FREE_SEL;
	on_vector[0x40] = note;
	asm volatile("int $0x40");
	check(gdt[FREE_SEL / 8] >> 40 & 1, "accessed bit of a code segment");
	on_vector[0x40] = 0;
	idt[0x40] = keep;
	/* #PF while #DE is delivered: a double fault only for two contributory ones; #PF then #GP is one */
	keep = idt[0];
	idt[0].attr &= (uint16_t)~0x8000u;
	check(TRAP(asm volatile("div %b0" : : "q"(0), "a"(1))) == 8 && trap.code == 0, "#DE, then #NP: %d", trap.vec);
	idt[0] = keep;
	keep = idt[14];
	idt[14].attr &= (uint16_t)~0x8000u;
	hole_pt[0] = 0;
	flush();
	check(TRAP((void)*(volatile word *)HOLE) == 8, "#PF, then #NP: %d", trap.vec);
	idt[14] = keep;
	keep = idt[6];
	idt[6].attr &= (uint16_t)~0x8000u;
	check(TRAP(asm volatile("ud2")) == 11 && trap.code == 6 * 8 + 3, "#UD, then #NP: %d code %x", trap.vec, trap.code);
	idt[6] = keep;
#ifdef __x86_64__
	/* ring 3's interrupt onto a stack that is not present */
	static word old;

	old = *(word *)(tss + 4);
	hole_pt[0] = 0;
	flush();
	*(word *)(tss + 4) = HOLE + 4096;
	*(word *)(tss + 0x24) = (word)stack_top - 8192;
	idt[14].attr |= 1;
	idt[8].attr |= 1;
	check(USER() == 14 && trap.code == 2 && trap.cr2 >= HOLE && trap.cr2 < HOLE + 4096, "stack not present: %d code %x cr2 %x", trap.vec, trap.code, trap.cr2);
	check((trap.cs & 3) == 3, "stack not present: CS %x", trap.cs);
	idt[13].attr |= 1;
	idt[12].attr |= 1;
	*(word *)(tss + 4) = 0x800000000000;
	check(USER() == 12 && trap.code == 0, "stack not canonical: %d code %x", trap.vec, trap.code);
	/* IST for each: RSP is aligned, also without a change of ring */
	idt[0x80].attr |= 1;
	*(word *)(tss + 0x24) = (word)stack_top - 8192 - 3;
	check(USER() == 0x80, "IST of odd address: %d", trap.vec);
	idt[8].attr &= ~7, idt[12].attr &= ~7, idt[13].attr &= ~7, idt[14].attr &= ~7, idt[0x80].attr &= ~7;
	*(word *)(tss + 4) = old;
#endif
}

#define APIC(r) (*(volatile uint32_t *)(0xFEE00000ul + (r)))
static volatile unsigned nmis, inner;
static void send_nmi(void) { APIC(0x310) = 0; APIC(0x300) = 0x4400; }
static void nmi_iret_faults(struct frame *f)
{
	static word bad_cs;

	nmis++;
	if (nmis > 1)
		return;
	send_nmi();	/* blocked */
	inner = nmis;
	bad_cs = 0xFFF8;
	/* an IRET that faults unblocks NMIs all the same (6.7.1) */
#ifdef __x86_64__
	asm volatile("push $0x10; push %%rsp; pushf; push %0; push $0; iretq" : : "r"(bad_cs));
#else
	asm volatile("pushf; push %0; push $0; iret" : : "r"(bad_cs));
#endif
}

static void nmi(void)
{
	on_vector[2] = nmi_iret_faults;
	nmis = 0;
	check(TRAP(send_nmi(); asm volatile("nop; nop")) == 13, "IRET in an NMI faults: %d", trap.vec);
	asm volatile("nop; nop");
	check(inner == 1 && nmis == 2, "NMI after an IRET that faulted: %d %d", (int)inner, (int)nmis);
	on_vector[2] = 0;
}

#ifndef __x86_64__
static uint32_t tss2[32] __attribute__((aligned(128)));
static volatile unsigned task_runs;
static uint8_t task_stack[4096];
void task_body(void);
asm("task_body: incl task_runs; mov task_note, %eax; iret; jmp task_body");
volatile word task_note;

static void put_tss(unsigned sel, void *at, unsigned type)
{
	word t = (word)at;

	gdt[sel / 8] = 0x67 | (uint64_t)(t & 0xFFFFFF) << 16 | (uint64_t)(0x80 | type) << 40 | (uint64_t)(t >> 24) << 56;
}

static void tasks(void)
{
	struct idtent keep = idt[0x41];
	word flags;

	put_tss(FREE_SEL, tss2, 9);
	tss2[7] = *(word *)(tss + 28) = RD(cr3);
	tss2[8] = (word)task_body;
	tss2[9] = 2;
	tss2[14] = (word)task_stack + sizeof(task_stack);
	tss2[19] = KCODE;
	tss2[18] = tss2[20] = tss2[21] = KDATA;
	tss2[22] = tss2[23] = tss2[24] = 0;
	task_runs = 0;
	/* CALL, and by a task gate in the IDT */
	asm volatile("lcall %0, $0" : : "i"(FREE_SEL) : "memory");
	check(task_runs == 1 && (tss2[0] & 0xFFFF) == TSS_SEL, "CALL of a task: %d, link %x", (int)task_runs, (word)tss2[0]);
	check((gdt[FREE_SEL / 8] >> 40 & 2) == 0 && (gdt[TSS_SEL / 8] >> 40 & 2), "busy bits");
	check(RD(cr0) & 8, "CR0.TS after a task switch");
	asm volatile("clts");
	idt[0x41].sel = FREE_SEL;
	idt[0x41].attr = 0x8500;
	asm volatile("int $0x41" : : : "memory");
	check(task_runs == 2, "task gate: %d", (int)task_runs);
	asm volatile("pushf; pop %0" : "=r"(flags));
	check(!(flags & 0x4000), "NT after coming back");
	/* not present, busy, too small */
	gdt[FREE_SEL / 8] &= ~(0x80ull << 40);
	check(TRAP(asm volatile("lcall %0, $0" : : "i"(FREE_SEL))) == 11 && trap.code == FREE_SEL, "TSS not present: %d code %x", trap.vec, trap.code);
	put_tss(FREE_SEL, tss2, 11);
	check(TRAP(asm volatile("lcall %0, $0" : : "i"(FREE_SEL))) == 13 && trap.code == FREE_SEL, "TSS busy: %d code %x", trap.vec, trap.code);
	put_tss(FREE_SEL, tss2, 9);
	gdt[FREE_SEL / 8] = (gdt[FREE_SEL / 8] & ~0xFFFFull) | 0x66;
	check(TRAP(asm volatile("lcall %0, $0" : : "i"(FREE_SEL))) == 10 && trap.code == FREE_SEL, "TSS too small: %d code %x", trap.vec, trap.code);
	idt[0x41] = keep;
	gdt[FREE_SEL / 8] = 0;
	asm volatile("clts");
}
#else
static void tasks(void)
{
	check(TRAP(asm volatile("int $4")) == 4, "INT 4");
	/* task gates do not exist; the L and D bits together are refused */
	gdt[FREE_SEL / 8] = gdt[KCODE / 8] | 1ull << 54;
	idt[0x41].sel = FREE_SEL;
	check(TRAP(asm volatile("int $0x41")) == 13 && trap.code == FREE_SEL, "code with L and D: %d code %x", trap.vec, trap.code);
	idt[0x41].sel = KCODE;
	idt[0x41].attr = 0x8500;
	check(TRAP(asm volatile("int $0x41")) == 13 && trap.code == 0x41 * 8 + 2, "task gate in long mode: %d code %x", trap.vec, trap.code);
	idt[0x41].attr = 0x8E00;
	gdt[FREE_SEL / 8] = 0;
}
#endif

/* The limit of 15 bytes, LOCK, invalid forms. */
static void encodings(void)
{
#define UD(name, bytes) check(TRAP(asm volatile(".byte " bytes : : : "eax", "ecx", "edx", "memory")) == 6, name ": %d", trap.vec)
	UD("LOCK ADD r, r", "0xF0, 0x01, 0xC0");
	UD("LOCK MOV m, r", "0xF0, 0x89, 0x04, 0x24");
	UD("LOCK NOP", "0xF0, 0x90");
	UD("LOCK CMP m, r", "0xF0, 0x39, 0x04, 0x24");
	UD("LOCK BT m, r", "0xF0, 0x0F, 0xA3, 0x04, 0x24");
	UD("UD0", "0x0F, 0xFF, 0xC0");
	UD("UD1", "0x0F, 0xB9, 0xC0");
	UD("UD2", "0x0F, 0x0B");
	UD("MOV CS, r", "0x8E, 0xC8");
	UD("MOV r, seg 6", "0x8C, 0xF0");
	UD("LEA r, r", "0x8D, 0xC0");
	UD("POP /1", "0x8F, 0xC8");
	UD("C6 /1", "0xC6, 0xC8, 0x00");
	UD("FE /2", "0xFE, 0xD0");
	UD("FF /7", "0xFF, 0xF8");
	UD("CMPXCHG8B r", "0x0F, 0xC7, 0xC8");
	UD("LGDT r", "0x0F, 0x01, 0xD0 + 0x0A");
	UD("RSM outside SMM", "0x0F, 0xAA");
	UD("MOVNTI r", "0x0F, 0xC3, 0xC0");
	check(TRAP(asm volatile(".byte 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90")) == -1, "15 bytes");
	check(TRAP(asm volatile(".byte 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90")) == 13, "16 bytes: %d", trap.vec);
}

/* Instructions that only look at memory, or do not: which addresses they mind. */
static void hints(void)
{
	hole_pt[2] = 0;
	asm volatile("invlpg (%0)" : : "r"(HOLE + 8192) : "memory");
#define MEM(name, want, insn) check(TRAP(asm volatile(insn : : "r"(HOLE + 8192), "c"(0) : "eax", "edx", "memory")) == (want), name ": %d", trap.vec)
	MEM("CLFLUSH", 14, "clflush (%0)");
	MEM("CLFLUSHOPT", 14, "clflushopt (%0)");
	MEM("CLWB", 14, "clwb (%0)");
	MEM("PREFETCHT0", -1, "prefetcht0 (%0)");
	MEM("PREFETCHW", -1, "prefetchw (%0)");
	MEM("long NOP", -1, "nopl (%0)");
	MEM("INVLPG", -1, "invlpg (%0)");
	MEM("LEA", -1, "lea (%0), %%eax");
	MEM("CMOV not taken", 14, "cmp %%eax, %%eax; cmovne (%0), %%eax");
	MEM("SHL by 0", 14, "shll %%cl, (%0)");
	MEM("MUL", 14, "mull (%0)");
	MEM("BT", 14, "btl $1, (%0)");
	MEM("FXSAVE", 14, "fxsave (%0)");
	MEM("FXSAVE, not aligned", 13, "fxsave 1(%0)");
	MEM("MOVAPS, not aligned", 13, "movaps 1(%0), %%xmm0");
	MEM("MOVNTDQA", 14, "movntdqa (%0), %%xmm0");
	MEM("LDMXCSR", 14, "ldmxcsr (%0)");
	MEM("MONITOR", 14, "mov %0, %%" AX "; xor %%edx, %%edx; monitor");
#ifdef __x86_64__
#define FAR(name, want, insn) check(TRAP(asm volatile(insn : : "r"(0x800000000000ul), "c"(0) : "eax", "edx", "memory")) == (want), name " not canonical: %d", trap.vec)
	FAR("CLFLUSH", 13, "clflush (%0)");
	FAR("PREFETCHT0", -1, "prefetcht0 (%0)");
	FAR("long NOP", -1, "nopl (%0)");
	FAR("INVLPG", -1, "invlpg (%0)");
	FAR("MOV", 13, "mov (%0), %%eax");
	FAR("MOVAPS", 13, "movaps (%0), %%xmm0");
	FAR("JMP", 13, "jmp *%0");
	FAR("access over the end", 13, "mov -1(%0), %%eax");
#endif
	/* no iterations, no access */
	{
		word n = 0, d = HOLE + 8192, s = HOLE + 8192;

		asm volatile("rep movsb" : "+c"(n), "+D"(d), "+S"(s) : : "memory");
		check(d == HOLE + 8192, "REP MOVS of none");
	}
}

void topic_system(void)
{
	privileges();
	alignment();
	paging();
	deliveries();
	nmi();
	tasks();
	encodings();
	hints();
}
