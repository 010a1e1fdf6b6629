/*
 * bootorder.c - bootindex=: what the firmware is to try first, before the order of -boot.
 *
 * The fw_cfg file "bootorder" has a line for each such device, its path in Open Firmware's form (IEEE 1275) as SeaBIOS looks
 * for it: the PCI function by its class' name and its slot in hexadecimal, then the device on it. A kernel of -kernel comes first.
 */
#include "frontend/machine/board.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	unsigned index; /* bootindex= and one */
	char path[64];
};

static int by_index(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->index < y->index ? -1 : x->index > y->index;
}

static unsigned collect(const struct machine *m, struct entry *e)
{
	const struct machine_config *c = &m->cfg;
	unsigned n = 0;

	for (unsigned i = 0; i < CONFIG_MAX_IDE; i++) {
		e[n].index = c->ide[i] ? c->ide_boot[i] : 0;
		snprintf(e[n].path, sizeof(e[n].path), "/pci@i0cf8/ide@1,1/drive@%u/disk@%u", i / 2, i % 2);
		n += e[n].index != 0;
	}
	for (unsigned i = 0; i < CONFIG_MAX_FLOPPY; i++) {
		e[n].index = c->floppy[i] ? c->floppy_boot[i] : 0;
		snprintf(e[n].path, sizeof(e[n].path), "/pci@i0cf8/isa@1/fdc@03f0/floppy@%u", i);
		n += e[n].index != 0;
	}
	for (unsigned i = 0; i < CONFIG_MAX_VIRTIO; i++) {
		e[n].index = c->virtio[i] ? c->virtio_boot[i] : 0;
		snprintf(e[n].path, sizeof(e[n].path), "/pci@i0cf8/scsi@%x/disk@0,0", m->virtio_slot[i]);
		n += e[n].index != 0;
	}
	for (unsigned i = 0; i < c->nnics; i++) {
		e[n].index = c->nic[i].model == NIC_NE2K_ISA ? 0 : c->nic[i].boot; /* the firmware knows no path of an ISA card */
		snprintf(e[n].path, sizeof(e[n].path), "/pci@i0cf8/ethernet@%x/ethernet-phy@0", m->nic_slot[i]);
		n += e[n].index != 0;
	}
	return n;
}

void pc_bootorder(const struct machine *m, char *text, size_t room)
{
	struct entry e[CONFIG_PLACES + CONFIG_MAX_NIC + 1];
	unsigned n = collect(m, e);
	size_t at = 0;

	text[0] = 0;
	qsort(e, n, sizeof(e[0]), by_index);
	if (m->cfg.kernel)
		at += (size_t)snprintf(text, room, "/rom@genroms/kernel.bin\n");
	for (unsigned i = 0; i < n; i++)
		at += (size_t)snprintf(text + at, room - at, "%s\n", e[i].path);
	if (at && m->cfg.boot_strict)
		at += (size_t)snprintf(text + at, room - at, "HALT\n");
	if (at)
		text[at - 1] = 0; /* newlines are between, not behind */
}
