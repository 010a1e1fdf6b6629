/*
 * piix3.h - the south bridge: ISA bridge with PIRQ routing and reset control, and the power
 * management function whose ACPI registers are devices/acpi_pm.c.
 *
 * PIRQ A..D reach the ISA interrupt line that registers 60h-63h choose; a line goes to the 8259 and to the
 * I/O APIC pin of the same number, as the board wires isa[].
 *
 * Sources: Intel 82371SB (PIIX3) data sheet 290550 §2.3; 82371AB (PIIX4) data sheet 290562 §7, §8.
 */
#ifndef DEVICES_PIIX3_H
#define DEVICES_PIIX3_H

#include "devices/pci.h"

struct piix3_state {
	uint8_t pirq_level; /* bit n: PIRQ n is asserted */
	uint8_t rcr;	    /* CF9h */
	uint16_t isa_level; /* lines that PIRQs drive now */
};

struct piix3 {
	struct device dev;
	struct pci_dev pci;
	struct irq isa[16]; /* level inputs of PIC and I/O APIC; the board fills them */
	struct irq reset;   /* pulsed on a CF9h reset request */
	struct piix3_state st;
};

/* piix3_create() - ISA bridge at 00:01.0; connects itself to bus->pirq[] and CF9h. Fill isa[], reset after. */
struct piix3 *piix3_create(struct log *log, struct pci_bus *bus);

/* What the PM function calls to move the ACPI block; the board points it at acpi_pm_map(). */
struct piix4_pm_hooks {
	void (*map)(void *opaque, uint16_t base, bool enabled); /* PM I/O block, 64 ports */
	void *opaque;
};

struct piix4_pm_state {
	uint8_t sts, ctl, cmd, addr, data0, data1; /* SMBus host registers */
	uint8_t pad[2];
};

struct piix4_pm {
	struct device dev;
	struct pci_dev pci;
	struct piix4_pm_hooks hooks;
	struct region smb;
	struct space *io;
	struct piix4_pm_state st;
};

/**
 * piix4_pm_create() - power management function at 00:01.3
 * @smm: the CPUs implement system management mode; otherwise the firmware is told (DEVACTB bit 25) that
 * SMM is set up already, so that it never waits for an SMI.
 */
struct piix4_pm *piix4_pm_create(struct log *log, struct pci_bus *bus,
	const struct piix4_pm_hooks *hooks, bool smm);

#endif
