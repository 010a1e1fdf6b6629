/*
 * acpi_pm.h - the ACPI fixed hardware of a PIIX4: PM1a event and control, PM timer, GPE0, SMI
 * command port.
 *
 *   PM base +0  PM1_STS  +2 PM1_EN  +4 PM1_CNT  +8 PM_TMR  +Ch GPE0_STS  +Eh GPE0_EN
 *   AFE0h   +0  GPE0_STS +2 GPE0_EN (where QEMU's ACPI tables look for it)
 *   B2h     SMI command: F1h takes ACPI mode, F0h gives it back;  B3h SMI status (scratch)
 *
 * The PM block is unmapped until the PCI function (piix4_pm.c) calls acpi_pm_map().
 */
#ifndef DEVICES_ACPI_PM_H
#define DEVICES_ACPI_PM_H

#include "devices/device.h"

#define ACPI_PM_HZ 3579545u
#define ACPI_GPE_BASE 0xAFE0
#define ACPI_ENABLE_CMD 0xF1
#define ACPI_DISABLE_CMD 0xF0

struct acpi_pm_state {
	uint64_t overflow; /* PM timer ticks at which bit 23 toggles next */
	uint16_t sts, en, cnt;
	uint16_t gpe_sts, gpe_en;
	uint8_t apmc, apms;
	uint8_t sci;
	uint8_t smi_on; /* writes of B2h raise SMI */
	uint8_t pad[2];
};

struct acpi_pm {
	struct device dev;
	struct acpi_pm_state s;
	struct clock *clock;
	struct irq sci, smi;
	struct timer timer;
	struct region pm, gpe, apm;
	struct space *io;
	/* SLP_EN written with SLP_TYP @type (0..7); on the pc board 0 is S5, 1 is S3, 2 is S4. */
	void (*sleep)(void *opaque, unsigned type);
	void *sleep_opaque;
};

/**
 * acpi_pm_create() - the GPE block and B2h/B3h are mapped at once, the PM block by acpi_pm_map()
 * @sci: level wire, IRQ 9 by custom
 * @smi: pulsed by writes to B2h while acpi_pm_enable_smi() is on
 * @sleep: may be NULL; called in mid-instruction, so it may only note the request
 */
struct acpi_pm *acpi_pm_create(struct log *log, struct clock *clock, struct space *io,
	struct irq sci, struct irq smi, void (*sleep)(void *opaque, unsigned type),
	void *sleep_opaque);

/* acpi_pm_map() - @pm is a struct acpi_pm; 64 ports at @base. Fits struct piix4_pm_hooks.map. */
void acpi_pm_map(void *pm, uint16_t base, bool enabled);
void acpi_pm_enable_smi(struct acpi_pm *pm, bool on);

/* acpi_pm_power_button() - the user pressed it: PWRBTN_STS, and SCI if the guest enabled it. */
void acpi_pm_power_button(struct acpi_pm *pm);
/* acpi_pm_gpe() - general purpose event @bit (0..15). */
void acpi_pm_gpe(struct acpi_pm *pm, unsigned bit);
/* acpi_pm_rtc() - the clock chip's interrupt has gone up: RTC_STS */
void acpi_pm_rtc(struct acpi_pm *pm);
/* acpi_pm_wakers() - PM1 status bits that are set, enabled, and end a sleep state */
uint16_t acpi_pm_wakers(const struct acpi_pm *pm);
/* acpi_pm_wake() - leaving a sleep state: WAK_STS, and what has ended it */
void acpi_pm_wake(struct acpi_pm *pm, uint16_t wakers);

#endif
