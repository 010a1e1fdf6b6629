/*
 * bootrom.h - the option ROM that boots a -kernel: real-mode code of ours that the firmware starts as a boot entry.
 *
 * It asks fw_cfg (DMA interface) to copy a list of items to their addresses, then enters the kernel, either
 * in real mode (Linux) or in 32-bit protected mode (multiboot). The firmware has finished its POST by
 * then, so BIOS calls work and its tables are in place.
 */
#ifndef FRONTEND_MACHINE_BOOTROM_H
#define FRONTEND_MACHINE_BOOTROM_H

#include "frontend/machine/board.h"

struct bootrom_copy {
	uint16_t item; /* fw_cfg selector */
	uint32_t len, addr; /* destination, guest-physical */
};

struct bootrom {
	struct bootrom_copy copy[12];
	unsigned ncopies;
	bool protected_mode;
	uint16_t seg, cs, sp;	 /* real mode: DS=ES=FS=GS=SS, CS (IP 0), SP; protected mode: the ROM's own SS and SP */
	uint32_t eax, ebx, entry; /* protected mode */
};

/* bootrom_add() - build the ROM and give it to the firmware as genroms/kernel.bin; false: no memory */
bool bootrom_add(struct machine *m, const struct bootrom *b);

#endif
