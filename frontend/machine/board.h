/*
 * board.h - the inside of struct machine, shared by pc.c, machine.c and the loaders.
 */
#ifndef FRONTEND_MACHINE_BOARD_H
#define FRONTEND_MACHINE_BOARD_H

#include "frontend/machine/machine.h"
#include "devices/acpi_pm.h"
#include "devices/apic.h"
#include "devices/debugcon.h"
#include "devices/debugexit.h"
#include "devices/pvpanic.h"
#include "devices/fdc.h"
#include "devices/fw_cfg.h"
#include "devices/hpet.h"
#include "devices/i440fx.h"
#include "devices/i8042.h"
#include "devices/i8254.h"
#include "devices/i8259.h"
#include "devices/ide.h"
#include "devices/ioapic.h"
#include "devices/lpt.h"
#include "devices/mc146818.h"
#include "devices/opl3.h"
#include "devices/pci.h"
#include "devices/pcspk.h"
#include "devices/piix3.h"
#include "devices/port80.h"
#include "devices/port92.h"
#include "devices/ps2kbd.h"
#include "devices/ps2mouse.h"
#include "devices/testdev.h"
#include "devices/uart16550.h"
#include "devices/vga.h"

#define TSC_HZ 1000000000ull /* one tick a nanosecond: CPUID leaf 15h/16h agree */

/* One ISA/GSI line has two listeners, PIC and I/O APIC, and is high while any of its sources pulls it. */
struct gsi {
	struct irq pic, ioapic;
	unsigned high; /* sources that pull */
};

#define BOARD_MAX_SOURCES 96
struct gsi_source {
	struct machine *m;
	struct gsi *gsi;
	const char *name; /* device behind it; NULL: whichever PCI functions pull */
	int level;
};

struct machine {
	struct machine_config cfg;
	struct log own_log, *log;
	struct clock clock;
	struct ram ram;
	struct space mem, io;
	raddr_t ram_ra, bios_ra;
	uint64_t bios_size;
	raddr_t flash_ra[CONFIG_MAX_PFLASH];
	struct vcpu *cpu;
	struct jit *jit;
	struct device *devices; /* creation order */
	struct device **devices_end;
	struct gsi gsi[24];
	struct gsi_source source[BOARD_MAX_SOURCES];
	unsigned nsources;
	machine_irq_fn *irq_seen; /* machine_watch_irqs() */
	void *irq_opaque;
	struct irq ferr;
	struct i8259 *pic;
	struct i8254 *pit;
	struct mc146818 *rtc;
	struct irq rtc_irq;
	bool rtc_level, rtc_cut; /* its wire: as it pulls; taken over by the HPET */
	struct i8042 *kbc;
	struct port92 *port92;
	struct ioapic *ioapic;
	struct apic_bus apic_bus;
	struct apic *apic;
	struct pci_bus *pci;
	uint8_t virtio_slot[CONFIG_MAX_VIRTIO], nic_slot[CONFIG_MAX_NIC]; /* where its disks and cards are */
	struct i440fx *fx;
	struct piix3 *piix3;
	struct piix4_pm *pm_pci;
	struct acpi_pm *pm;
	uint16_t pm_base; /* its ports, where the firmware has put them */
	struct fw_cfg *fw;
	struct vga *vga;
	struct ide *ide;
	struct i8237 *dma;
	struct opl3 *fm; /* the synthesizer that sound cards share; NULL: none */
	struct fdc *fdc;
	struct display display;
	struct input input;
	struct input devices_in; /* what the keyboards and pointers themselves take: input's functions look first whether the machine sleeps */
	uint8_t *vga_rom;
	size_t vga_rom_len;
	struct region f0; /* coprocessor error latch */
	bool loading; /* a snapshot's devices are being told: wires to interrupt lines and to the CPU are cut */
	bool want_reset, want_off, want_exit, panicked;
	bool want_sleep, want_wake, asleep; /* ACPI S3: the CPU stands still until something wakes the machine */
	int exit_code;
	uint64_t random; /* state of the fixed sequence */
	uint64_t resets;
};

/* pc.c: build the board; the CPU exists already */
enum vm_err pc_build(struct machine *m, struct err *e);
#define BOOTORDER_ROOM 2048 /* enough for every place there is */
void pc_bootorder(const struct machine *m, char *text, size_t room); /* bootorder.c: the firmware's list; empty: none */
void pc_boot_order(struct machine *m, const char *order); /* letters a c d n; NULL: "cad" */
void pc_add(struct machine *m, void *dev); /* to the list of devices; dev begins with struct device */

/* gsi_irq() - a new source of interrupt line @n: each caller pulls for itself. @name: as in struct gsi_source */
struct irq gsi_irq(struct machine *m, int n, const char *name);

/* cards.c: network cards and virtio devices of the configuration, after everything else on the bus */
enum vm_err pc_cards(struct machine *m, struct err *e);

/* firmware.c: bios_ra and bios_size from the first flash chip, -bios or the default image; then the chips themselves */
enum vm_err pc_load_firmware(struct machine *m, struct err *e);
void pc_add_flash(struct machine *m);

/* file.c: whole files into memory, found by name in the data directories */
enum vm_err file_load(const char *path, const char *what, uint64_t max, uint8_t **data, size_t *len, struct err *e);
/* file_give() - bytes [@at, @at + @len) of the file become item @key, read whenever the guest asks: not kept in memory */
enum vm_err file_give(struct fw_cfg *f, uint16_t key, const char *path, const char *what, uint64_t at, size_t len, struct err *e);
/* file_size() - of the regular file @path, at most @max bytes and not empty */
enum vm_err file_size(const char *path, const char *what, uint64_t max, size_t *len, struct err *e);
enum vm_err file_find(const struct machine_config *cfg, const char *name, char *path, size_t n, struct err *e);

/* load_kernel.c: hand kernel, initrd and command line to the firmware or to the CPU; called once at creation */
enum vm_err load_kernel(struct machine *m, struct err *e);
/* load_linux.c, load_multiboot.c: @img is the whole file; VM_ERR_FORMAT if it is not of their kind */
bool is_linux(const uint8_t *img, size_t len);
enum vm_err load_linux(struct machine *m, uint8_t *img, size_t len, struct err *e);
bool is_multiboot(const uint8_t *img, size_t len);
enum vm_err load_multiboot(struct machine *m, const uint8_t *img, size_t len, struct err *e);

#endif
