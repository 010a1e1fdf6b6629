/*
 * apic.h - local APICs: one per CPU, joined by a bus that carries IPIs, MSIs and I/O APIC messages.
 *
 * The board creates one struct apic_bus, then one struct apic per CPU. The CPU asks
 * apic_intr_pending() and apic_ack(), the timer runs on the virtual clock, registers are reached
 * through the page at FEE00000h (whose owner the bus asks for: each CPU sees its own) or as MSRs
 * 800h..83Fh in x2APIC mode.
 */
#ifndef DEVICES_APIC_H
#define DEVICES_APIC_H

#include "devices/device.h"

#define APIC_MAX 255
#define APIC_BASE_DEFAULT 0xFEE00000ull
#define APIC_TIMER_HZ 1000000000ull /* the bus clock that the timer divides */

#define APIC_BASE_BSP BIT(8)
#define APIC_BASE_EXTD BIT(10)
#define APIC_BASE_EN BIT(11)

enum apic_lvt { LVT_TIMER, LVT_THERMAL, LVT_PERF, LVT_LINT0, LVT_LINT1, LVT_ERROR, LVT_COUNT };

/* Delivery modes of ICR, LVT, I/O APIC and MSI (SDM 3A, 11.6.1). */
enum apic_mode {
	APIC_FIXED,
	APIC_LOWEST,
	APIC_SMI,
	APIC_NMI = 4,
	APIC_INIT,
	APIC_SIPI,
	APIC_EXTINT
};

struct apic;

struct apic_bus {
	struct apic *apic[APIC_MAX];
	unsigned count;
	struct region mmio;
	struct space *mem;
	struct apic *(*current)(void *opaque); /* the CPU that is running; NULL fn: apic[0] */
	void *current_opaque;
	void (*eoi)(void *opaque, unsigned vector); /* end of a level interrupt; see ioapic_eoi() */
	void *eoi_opaque;
};

/* What a local APIC does to its CPU. Any function may be NULL. */
struct apic_cpu {
	void *opaque;
	struct irq intr; /* level of apic_intr_pending() */
	void (*nmi)(void *opaque);
	void (*smi)(void *opaque);
	void (*init)(void *opaque);		     /* the APIC has reset itself already */
	void (*sipi)(void *opaque, unsigned vector); /* start at vector << 12 */
	uint64_t (*tsc_to_ns)(
		void *opaque, uint64_t tsc); /* virtual time at which TSC reaches @tsc */
	int (*extint_ack)(void *opaque);     /* the 8259's acknowledge: i8259_ack() */
	void *extint_opaque;
};

struct apic_state {
	uint64_t base;	       /* IA32_APIC_BASE */
	uint64_t tsc_deadline; /* 0: disarmed */
	uint64_t timer_start;  /* ns; when the current count was the initial count */
	uint64_t timer_next;   /* ns; ideal deadline, 0: not running */
	uint64_t icr;
	uint32_t irr[8], isr[8], tmr[8];
	uint32_t id, ldr, dfr, svr, tpr;
	uint32_t esr, esr_pending;
	uint32_t lvt[LVT_COUNT];
	uint32_t initial, divide;
	uint8_t lint[2]; /* wire levels */
	uint8_t extint;	 /* an ExtINT message waits (I/O APIC in ExtINT mode) */
	uint8_t intr;	 /* level told to the CPU */
	uint8_t bsp;
	uint8_t pad[3];
};

struct apic {
	struct device dev;
	struct apic_state s;
	struct apic_bus *bus;
	struct clock *clock;
	struct apic_cpu cpu;
	struct timer timer;
};

/* apic_bus_init() - @bus owned by the board; maps the register page at FEE00000h of @mem,
 * priority 2. */
void apic_bus_init(struct apic_bus *bus, struct space *mem);

/**
 * apic_create() - the local APIC with @id (0..254), joined to @bus
 * @bsp: of the bootstrap CPU: LINT0 lets the 8259 through from reset on
 */
struct apic *apic_create(struct log *log, struct clock *clock, struct apic_bus *bus, unsigned id,
	bool bsp, const struct apic_cpu *cpu);

/* apic_lint() - wire to LINT0 (8259 INTR) or LINT1 (NMI); @n 0 or 1. */
struct irq apic_lint(struct apic *a, int n);

/* apic_intr_pending() - there is an interrupt that the CPU would take with IF = 1. */
bool apic_intr_pending(const struct apic *a);

/* apic_ack() - take it. Return: vector 0..255 (the spurious vector if it has gone). */
int apic_ack(struct apic *a);

/* apic_base() / apic_set_base() - IA32_APIC_BASE; set returns false for #GP (reserved bits, bad
 * transition). */
uint64_t apic_base(const struct apic *a);
bool apic_set_base(struct apic *a, uint64_t val);

/* apic_cr8() / apic_set_cr8() - task priority class, 0..15. */
unsigned apic_cr8(const struct apic *a);
void apic_set_cr8(struct apic *a, unsigned val);

/* x2APIC MSRs 800h..83Fh; false: #GP. */
bool apic_msr_read(struct apic *a, uint32_t msr, uint64_t *val);
bool apic_msr_write(struct apic *a, uint32_t msr, uint64_t val);

/* IA32_TSC_DEADLINE (MSR 6E0h); reads 0 once it has fired or in another timer mode. */
uint64_t apic_tsc_deadline(const struct apic *a);
void apic_set_tsc_deadline(struct apic *a, uint64_t tsc);

/* xAPIC registers by offset in the page, 32 bits (apic_regs.c; also what MMIO does). */
uint32_t apic_reg_read(struct apic *a, unsigned off);
void apic_reg_write(struct apic *a, unsigned off, uint32_t val);

/**
 * apic_bus_deliver() - one interrupt message to every APIC it names
 * @dest: 8-bit (xAPIC) destination; @logical: as a logical destination
 * @mode: enum apic_mode; @level: trigger mode, true: EOI is to be broadcast
 */
void apic_bus_deliver(
	void *bus, unsigned dest, bool logical, unsigned mode, unsigned vector, bool level);

/* apic_bus_msi() - a message-signalled interrupt: write of @data to @addr (FEExxxxxh). SDM
 * 3A 11.11. */
void apic_bus_msi(void *bus, uint64_t addr, uint32_t data);

/* Between the files of the APIC (apic.c, apic_regs.c, apic_timer.c, apic_bus.c). */
void apic_accept(struct apic *a, unsigned mode, unsigned vector, bool level);
void apic_error(struct apic *a, uint32_t esr_bit);
void apic_local(struct apic *a, enum apic_lvt n); /* fire LVT entry @n */
void apic_update(struct apic *a);
void apic_init_state(struct apic *a);
unsigned apic_ppr(const struct apic *a);
void apic_eoi(struct apic *a);
void apic_send(struct apic *a, uint64_t icr, bool x2);
void apic_timer_init(struct apic *a);
void apic_timer_rearm(struct apic *a);
void apic_timer_start(struct apic *a, uint32_t initial);
void apic_timer_set_divide(struct apic *a, uint32_t val);
void apic_timer_lvt_changed(struct apic *a, uint32_t old);
uint32_t apic_timer_current(const struct apic *a);

#define LVT_MASKED 0x10000u
#define ESR_SEND_ILLEGAL 0x20u
#define ESR_RECV_ILLEGAL 0x40u
#define ESR_ILLEGAL_REG 0x80u

#endif
