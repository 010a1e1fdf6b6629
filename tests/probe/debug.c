/*
 * debug.c - debug registers and exceptions: what DR6 and DR7 hold, single steps over instructions of every kind, breakpoints on code, data
 * and ports, MOV SS, general detect, INT1.
 *
 * Source: Intel SDM Vol. 3B chapter 17.2, 17.3; Vol. 3A 6.8.3.
 */
#include "probe.h"

#define DR6_0 0xFFFF0FF0ul /* nothing happened */
#define BS 0x4000ul

static volatile struct { word ip, dr6, flags; } hit[64];
static volatile unsigned hits;
static word stop_at;
static void got_db(struct frame *f)
{
	if (hits < 64) {
		hit[hits].ip = f->ip;
		hit[hits].dr6 = RD(dr6);
		hit[hits++].flags = f->flags;
	}
	WR(dr6, DR6_0);
	if (f->ip == stop_at || hits > 60)
		f->flags &= ~0x100ul;
}

void db_run(unsigned which); /* debug_code.S */
extern const struct { char *start, *end; } db_cases[];

enum { DB_NOPS, DB_CPUID, DB_MOVSS, DB_POPF, DB_STI, DB_REP, DB_INT, DB_RDMSR, DB_IN, DB_WRITES, DB_PUSHF };

static unsigned step(unsigned n)
{
	hits = 0;
	stop_at = (word)db_cases[n].end;
	WR(dr6, DR6_0);
	db_run(n);
	return hits;
}

#define AT(i, off, want) check(hit[i].ip == (word)db_cases[c].start + (off) && hit[i].dr6 == (DR6_0 | (want)), \
	"case %d hit %d: at +%x dr6 %x, expected +%x %x", (int)c, (int)(i), hit[i].ip - (word)db_cases[c].start, hit[i].dr6, (word)(off), DR6_0 | (want))
#define COUNT(n) do { check(hits == (n), "case %d: %d debug exceptions, expected %d", (int)c, (int)hits, (int)(n)); } while (0)

static void registers(void)
{
	word d;

	WR(dr7, 0);
	check(RD(dr7) == 0x400, "DR7 after 0: %x", RD(dr7));
	WR(dr7, 0xFFFF2FFF & ~0x2000ul);
	d = RD(dr7);
	check((d & ~0x800ul) == (0xFFFF07FF & ~0x800ul), "DR7 written with ones: %x", d);
	WR(dr7, 0x400);
	WR(dr6, 0);
	check(RD(dr6) == 0xFFFF0FF0, "DR6 after 0: %x", RD(dr6));
	WR(dr6, 0xFFFFFFFF);
	check((RD(dr6) & ~0x800ul) == (0xFFFFEFFF & ~0x800ul), "DR6 written with ones: %x", RD(dr6));
	WR(dr6, DR6_0);
	WR(dr0, 0x12345678);
	WR(dr3, ~0ul);
	check(RD(dr0) == 0x12345678 && RD(dr3) == ~0ul, "DR0, DR3");
	WR(dr3, 0);
	/* DR4, DR5 are DR6, DR7 unless CR4.DE */
	WR(cr4, RD(cr4) & ~8ul);
	asm volatile(".byte 0x0F, 0x21, 0xE0" : "=a"(d));
	check(d == DR6_0, "DR4 %x", d);
	asm volatile(".byte 0x0F, 0x21, 0xE8" : "=a"(d));
	check(d == 0x400, "DR5 %x", d);
	WR(cr4, RD(cr4) | 8);
	check(TRAP(asm volatile(".byte 0x0F, 0x21, 0xE0" : : : "eax")) == 6, "DR4 with CR4.DE");
	check(TRAP(asm volatile(".byte 0x0F, 0x23, 0xE8")) == 6, "DR5 with CR4.DE");
	check(TRAP(asm volatile(".byte 0xF0, 0x0F, 0x21, 0xC0")) == 6, "LOCK MOV DR");
#ifdef __x86_64__
	check(TRAP(WR(dr6, 1ul << 32)) == 13, "DR6 upper half");
	check(TRAP(WR(dr7, 1ul << 32)) == 13, "DR7 upper half");
	WR(dr1, 0xAAAABBBBCCCCDDDD);
	check(RD(dr1) == 0xAAAABBBBCCCCDDDD, "DR1");
	WR(dr1, 0);
#endif
	/* general detect: before the instruction, GD is cleared in the handler, DR6.BD */
	on_vector[1] = 0;
	WR(dr7, 0x2400);
	check(TRAP(asm volatile("mov %%dr0, %0" : : "r"(0ul))) == 1 && (trap.dr6 & 0x2000), "general detect: dr6 %x", trap.dr6);
	check(!(RD(dr7) & 0x2000), "GD in the handler");
	WR(dr6, DR6_0);
	on_vector[1] = got_db;
}

static void steps(void)
{
	unsigned c;

	on_vector[1] = got_db;
	step(c = DB_NOPS);
	COUNT(4);
	AT(0, 0, BS); AT(1, 1, BS); AT(2, 2, BS); AT(3, 3, BS);
	step(c = DB_CPUID);
	COUNT(4);
	AT(0, 0, BS); AT(1, 2, BS); AT(2, 4, BS); AT(3, 6, BS);
	/* MOV SS: no trap behind it */
	step(c = DB_MOVSS);
	COUNT(3);
	AT(0, 0, BS); AT(1, 3, BS); AT(2, 4, BS);
	/* POPF that clears TF: the trap behind it still comes (TF was set when it began) */
	step(c = DB_POPF);
	COUNT(3);
	step(c = DB_STI);
	COUNT(4);
	AT(0, 0, BS); AT(1, 1, BS); AT(2, 2, BS); AT(3, 3, BS);
	/* a trap after each iteration */
	step(c = DB_REP);
	COUNT(4);
	AT(0, 0, BS); AT(1, 0, BS); AT(2, 0, BS); AT(3, 2, BS);
	step(c = DB_RDMSR);
	COUNT(3);
	AT(1, 2, BS); AT(2, 3, BS);
	step(c = DB_IN);
	COUNT(3);
	AT(1, 1, BS); AT(2, 2, BS);
	step(c = DB_PUSHF);
	check(hits == 3, "PUSHF stepped: %d", (int)hits);
}

static word var[4] __attribute__((aligned(32)));
static void data(void)
{
	unsigned c;

	on_vector[1] = got_db;
	/* writes of 4 bytes; a trap behind the instruction; DR6 keeps what software left */
	WR(dr0, &var[0]);
	WR(dr7, 0x400 | 0xD0001 | 2);
	hits = 0;
	asm volatile("1: movl $1, %0; .globl db_w1; db_w1: nop" : "=m"(var[0]));
	{
		extern char db_w1[];
		check(hits == 1 && hit[0].ip == (word)db_w1 && hit[0].dr6 == (DR6_0 | 1), "write: %d at %x dr6 %x", (int)hits, hit[0].ip, hit[0].dr6);
	}
	hits = 0;
	asm volatile("cmpl $1, %0" : : "m"(var[0]));
	check(hits == 0, "write breakpoint by a read");
	asm volatile("movb $1, 3+%0" : "=m"(var[0]));
	check(hits == 1, "write of its last byte");
	hits = 0;
	asm volatile("movb $1, 4+%0" : "=m"(var[0]));
	check(hits == 0, "write behind it");
	asm volatile("lock incl %0" : "+m"(var[0]));
	check(hits == 1, "locked");
	hits = 0;
	{
		word *d = var, n = 2;

		asm volatile("cld; rep stosl" : "+D"(d), "+c"(n) : "a"(0) : "memory");
	}
	check(hits == 1, "string: %d", (int)hits);
	/* reads and writes, 1 byte; both at once; one disabled but matched may show */
	WR(dr1, (word)&var[1] + 1);
	WR(dr7, 0x400 | 0xD0001 | 0x300004);
	hits = 0;
	asm volatile("movl %0, %%eax" : : "m"(var[1]) : "eax");
	check(hits == 1 && (hit[0].dr6 & 15) == 2, "read: %d dr6 %x", (int)hits, hit[0].dr6);
	hits = 0;
	{
		word *d = &var[0], *from = &var[1];

		asm volatile("cld; movsl" : "+S"(from), "+D"(d) : : "memory");
	}
	check(hits == 1 && (hit[0].dr6 & 15) == 3, "both: %d dr6 %x", (int)hits, hit[0].dr6);
	/* a data breakpoint and a step are one exception */
	c = DB_WRITES;
	WR(dr7, 0x400 | 0xD0001);
	{
		extern word db_var;
		WR(dr0, &db_var);
		step(c);
		COUNT(3);
		AT(0, 0, BS);
		check(hit[1].dr6 == (DR6_0 | BS | 1), "step with a write: %x", hit[1].dr6);
		WR(dr7, 0x400 | 0xF0001);
		/* MOV SS from watched memory: held until after the next instruction */
		hits = 0;
		stop_at = 0;
		WR(dr6, DR6_0);
		asm volatile("mov %0, %%ss; db_ss1: nop; .globl db_ss1, db_ss2; db_ss2: nop" : : "m"(db_var));
		extern char db_ss2[];
		check(hits == 1 && hit[0].ip == (word)db_ss2 && (hit[0].dr6 & 15) == 1, "MOV SS from watched memory: %d at %x dr6 %x", (int)hits, hit[0].ip, hit[0].dr6);
	}
	/* code: a fault, RF lets it go on */
	{
		extern char db_x1[];
		WR(dr0, db_x1);
		WR(dr7, 0x401);
		hits = 0;
		on_vector[1] = 0;
		check(TRAP(asm volatile(".globl db_x1; db_x1: nop")) == 1 && trap.ip == (word)db_x1 && (trap.dr6 & 15) == 1 && !(trap.flags & 0x10000),
			"code breakpoint: ip %x not %x, flags %x dr6 %x", trap.ip, (word)db_x1, trap.flags, trap.dr6);
		on_vector[1] = got_db;
	}
	/* ports, with CR4.DE */
	WR(cr4, RD(cr4) | 8);
	WR(dr0, 0x80);
	WR(dr7, 0x400 | 0x20001);
	hits = 0;
	outb(0x80, 1);
	check(hits == 1 && (hit[0].dr6 & 15) == 1, "port: %d", (int)hits);
	hits = 0;
	outb(0x81, 1);
	check(hits == 0, "next port");
	WR(cr4, RD(cr4) & ~8ul);
	WR(dr7, 0x400);
	/* INT1: DR6 stays */
	hits = 0;
	WR(dr6, DR6_0);
	asm volatile(".byte 0xF1; .globl db_i1; db_i1: nop");
	{
		extern char db_i1[];
		check(hits == 1 && hit[0].ip == (word)db_i1 && hit[0].dr6 == DR6_0, "INT1: %d at %x dr6 %x", (int)hits, hit[0].ip, hit[0].dr6);
	}
	on_vector[1] = 0;
}

void topic_debug(void)
{
	registers();
	steps();
	data();
	WR(dr7, 0x400);
	on_vector[1] = 0;
}
