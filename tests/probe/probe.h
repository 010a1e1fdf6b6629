/* probe.h - what the probes share: ports, traps, reports (lib.c), and the CPU's tables (start.S). */
#ifndef TESTS_PROBE_H
#define TESTS_PROBE_H

#include <stdbool.h>
#include <stdint.h>

typedef unsigned long word;

#ifdef __x86_64__
#define LONG 1
#define KCODE 0x28
#else
#define LONG 0
#define KCODE 0x08
#endif
#define KDATA 0x10
#define TSS_SEL 0x38
#define FREE_SEL 0x48

struct frame {
#ifdef __x86_64__
	word r15, r14, r13, r12, r11, r10, r9, r8, di, si, bp, bx, dx, cx, ax;
#else
	word es, ds, di, si, bp, sp0, bx, dx, cx, ax;
#endif
	word vec, code, ip, cs, flags, sp, ss; /* 32-bit code: SP and SS only from another ring */
};

struct trap {
	int vec;
	word code, ip, cs, flags, sp, ss, cr2, dr6;
};

struct idtent { uint16_t lo, sel, attr, hi; 
#ifdef __x86_64__
	uint32_t up, zero;
#endif
};

extern struct trap trap;			/* the last that ended a trap_in() */
extern void (*on_vector[256])(struct frame *);	/* what is called instead */
extern uint64_t gdt[];
extern struct idtent idt[256];
extern char entries[];
extern word recover;
extern uint64_t pml4[], pdpt[];
extern word pd[];
extern char stack_top[];
extern uint8_t tss[256];
extern const char *args;

int trap_in(void (*fn)(void *), void *arg);
void trap_out(int vec) __attribute__((noreturn));
void put(const char *fmt, ...); /* %s %d %x (word) %c */
void check(bool ok, const char *fmt, ...);
bool topic(const char *name);
extern unsigned failed, passed;

static inline void outb(uint16_t p, uint8_t v) { asm volatile("outb %0, %1" : : "a"(v), "d"(p)); }
static inline void outl(uint16_t p, uint32_t v) { asm volatile("outl %0, %1" : : "a"(v), "d"(p)); }
static inline uint8_t inb(uint16_t p) { uint8_t v; asm volatile("inb %1, %0" : "=a"(v) : "d"(p)); return v; }
static inline uint32_t inl(uint16_t p) { uint32_t v; asm volatile("inl %1, %0" : "=a"(v) : "d"(p)); return v; }
static inline uint64_t rdmsr(uint32_t n) { uint32_t a, d; asm volatile("rdmsr" : "=a"(a), "=d"(d) : "c"(n)); return a | (uint64_t)d << 32; }
static inline void wrmsr(uint32_t n, uint64_t v) { asm volatile("wrmsr" : : "a"((uint32_t)v), "d"((uint32_t)(v >> 32)), "c"(n) : "memory"); }
static inline uint64_t rdtsc(void) { uint32_t a, d; asm volatile("rdtsc" : "=a"(a), "=d"(d)); return a | (uint64_t)d << 32; }
static inline void cpuid(uint32_t n, uint32_t sub, uint32_t r[4]) { asm volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(n), "c"(sub)); }
#define RD(reg) ({ word v_; asm volatile("mov %%" #reg ", %0" : "=r"(v_)); v_; })
#define WR(reg, v) asm volatile("mov %0, %%" #reg : : "r"((word)(v)) : "memory")
int rdmsr_try(uint32_t n, uint64_t *v);  /* vector, or -1 */
int wrmsr_try(uint32_t n, uint64_t v);
/* TRAP(statement): its vector, or -1 */
#define TRAP(code...) ({ void f_(void *a_) { code; } trap_in(f_, 0); })

void topic_mmio(void);
void topic_apic(void);
void topic_msr(void);
void topic_debug(void);
void topic_system(void);

#endif
