/*
 * ioapic.h - the I/O APIC: 24 interrupt inputs, each routed by a 64-bit redirection entry.
 */
#ifndef DEVICES_IOAPIC_H
#define DEVICES_IOAPIC_H

#include "devices/device.h"

#define IOAPIC_PINS 24
#define IOAPIC_BASE 0xFEC00000ull

struct ioapic_state {
	uint64_t redir[IOAPIC_PINS];
	uint32_t irr, lines; /* edge requests not sent yet; wire levels */
	uint32_t id;
	uint8_t select;
	uint8_t pad[3];
};

/* Where messages go; apic_bus_deliver() has this signature. */
struct ioapic_out {
	void (*deliver)(void *opaque, unsigned dest, bool logical, unsigned mode, unsigned vector,
		bool level);
	void *opaque;
};

struct ioapic {
	struct device dev;
	struct ioapic_state s;
	struct ioapic_out out;
	struct region mmio;
};

/* ioapic_create() - register page at @base (IOAPIC_BASE); set apic_bus.eoi to ioapic_eoi. */
struct ioapic *ioapic_create(
	struct log *log, struct space *mem, uint64_t base, unsigned id, struct ioapic_out out);

/* ioapic_input() - wire to pin @n, 0..23. */
struct irq ioapic_input(struct ioapic *io, int n);

/* ioapic_eoi() - a CPU ended level interrupt @vector; @ioapic is a struct ioapic. */
void ioapic_eoi(void *ioapic, unsigned vector);

#endif
