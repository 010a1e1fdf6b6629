/*
 * i440fx.h - the 82441FX host bridge: who answers between 0 and 4 GiB, and the PAM/SMRAM switches.
 *
 * It owns the regions of RAM (below and above the 4 GiB hole), of the firmware ROM below 4 GiB and its
 * last 128 KiB at E0000h-FFFFFh, and re-points C0000h-FFFFFh between RAM and the bus as PAM registers
 * 59h-5Fh say. The board allocates RAM and ROM and adds no region of its own for them.
 *
 * Source: Intel 82441FX (PMC) data sheet, order number 290549, §3.2 "PCI Configuration Registers".
 */
#ifndef DEVICES_I440FX_H
#define DEVICES_I440FX_H

#include "devices/pci.h"

#define I440FX_NPAM 13

struct i440fx_config {
	raddr_t ram;	   /* contiguous guest RAM; byte 0 is guest-physical 0 */
	uint64_t ram_size; /* bytes, multiple of 4 KiB */
	raddr_t bios;	   /* firmware image, its last byte at FFFFFFFFh; RADDR_NONE: none */
	uint64_t bios_size; /* multiple of 4 KiB, at most 16 MiB */
	bool bios_is_flash; /* a flash chip maps it below 4 GiB; here only the last 128 KiB below 1 MiB */
};

/* One PAM segment: its region changes kind with the two enable bits. */
struct i440fx_pam {
	struct i440fx *fx;
	struct region reg;
	uint32_t base, len;
	uint8_t mode; /* bit 0: reads from RAM, bit 1: writes to RAM */
};

struct i440fx {
	struct device dev;
	struct pci_dev pci;
	struct space *mem;
	struct i440fx_config cfg;
	struct region low, ext, high;  /* 0-9FFFFh, 1 MiB up, 4 GiB up */
	struct region bios, bios_isa;
	struct region smram;
	struct i440fx_pam pam[I440FX_NPAM];
	uint32_t unused_state;
};

/* i440fx_create() - host bridge at 00:00.0 of @bus; maps RAM and firmware into bus->mem. */
struct i440fx *i440fx_create(struct log *log, struct pci_bus *bus, const struct i440fx_config *cfg);

/* i440fx_below_4g() - bytes of RAM below 4 GiB of @ram_size: all up to 3.5 GiB, else 3 GiB (as QEMU). */
uint64_t i440fx_below_4g(uint64_t ram_size);

#endif
