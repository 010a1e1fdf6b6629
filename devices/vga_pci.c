/*
 * vga_pci.c - the PCI function 1234:1111: BAR0 video memory, BAR2 registers, option ROM.
 *
 * BAR2, 4 KiB: 000h EDID; 400h-41Fh the ports 3C0h-3DFh byte for byte; 500h-515h the DISPI
 * registers, two bytes each; 600h length of this extension block (8), 604h byte order of the frame
 * buffer (1E1E1E1Eh little, BEBEBEBEh big).
 *
 * Source: the "QEMU Standard VGA" device specification (stdvga).
 */
#include "devices/vga_int.h"
#include <string.h>

#define EXT_LITTLE 0x1E1E1E1Eu

static uint32_t mmio_read1(struct vga *v, uint64_t off)
{
	unsigned reg;

	if (off < sizeof(v->edid))
		return v->edid[off];
	if (off >= 0x400 && off < 0x420)
		return vga_port_read(v, 0x3C0 + (unsigned)off - 0x400);
	if (off >= 0x500 && off < 0x500 + VBE_NREGS * 2) {
		reg = vbe_read(v, (unsigned)(off - 0x500) / 2);
		return reg >> (off & 1) * 8 & 0xFF;
	}
	if (off == 0x600)
		return 8;
	if (off >= 0x604 && off < 0x608)
		return EXT_LITTLE & 0xFF;
	return off >= 0x600 && off < 0x608 ? 0 : off < 0x400 ? 0 : 0xFF;
}

static uint64_t mmio_read(void *opaque, uint64_t off, unsigned size)
{
	uint64_t val = 0;

	for (unsigned i = 0; i < size; i++)
		val |= (uint64_t)mmio_read1(opaque, off + i) << (i * 8);
	return val;
}

static void mmio_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct vga *v = opaque;
	bool ports = off >= 0x400 && off < 0x420;
	bool dispi = off >= 0x500 && off < 0x500 + VBE_NREGS * 2 && !(off & 1);

	if (ports) {
		for (unsigned i = 0; i < size && off + i < 0x420; i++)
			vga_port_write(v, 0x3C0 + (unsigned)(off + i) - 0x400,
				(uint8_t)(val >> (i * 8)));
	} else if (dispi && size >= 2) {
		for (unsigned i = 0; i < size; i += 2)
			vbe_write(v, (unsigned)(off - 0x500 + i) / 2, (uint16_t)(val >> (i * 8)));
	} else if (off == 0x604 && (uint32_t)val != EXT_LITTLE) {
		UNIMP(v->dev.log, "VGA: big-endian frame buffer asked for (%x); stays little\n",
			(unsigned)val);
	}
}

static const struct io_ops mmio_ops = {
	.name = "vga.mmio",
	.read = mmio_read,
	.write = mmio_write,
	.min = 1,
	.max = 4,
};

static enum vm_err add_rom(struct vga *v, const uint8_t *rom, size_t len, struct err *e)
{
	uint64_t size = PAGE_SIZE;
	raddr_t ra;

	if (len > 1 << 20)
		return err_set(e, VM_ERR_USAGE, "VGA BIOS is larger than 1 MiB");
	while (size < len)
		size *= 2;
	ra = ram_alloc(v->ram, size);
	if (ra == RADDR_NONE)
		return err_set(e, VM_ERR_NOMEM, "no room for the VGA BIOS in the RAM file");
	memcpy(v->ram->host + ra, rom, len);
	ram_written(v->ram, ra, len);
	v->rom.name = "vga.rom";
	v->rom.kind = REGION_ROM;
	v->rom.len = size;
	v->rom.ra = ra;
	pci_set_bar(&v->pci, PCI_ROM_BAR, PCI_BAR_MEM, &v->rom);
	return VM_OK;
}

enum vm_err vga_pci_attach(struct vga *v, struct pci_bus *bus, uint8_t devfn, const uint8_t *rom,
	size_t rom_len, struct err *e)
{
	if (pci_register(bus, &v->pci, "VGA", devfn, 0x1234, 0x1111, 0x030000, v) != VM_OK)
		return err_set(e, VM_ERR_USAGE, "VGA: PCI address %02x.%x is taken", devfn >> 3,
			devfn & 7);
	v->pci.cfg[PCI_CFG_REVISION] = 2; /* the 600h block exists */
	v->lfb.name = "vga.vram";
	v->lfb.kind = REGION_RAM;
	v->lfb.len = VGA_VRAM_SIZE;
	v->lfb.ra = v->vram_ra;
	pci_set_bar(&v->pci, 0, PCI_BAR_MEM | PCI_BAR_PREFETCH, &v->lfb);
	v->mmio.name = "vga.mmio";
	v->mmio.kind = REGION_IO;
	v->mmio.len = 0x1000;
	v->mmio.ops = &mmio_ops;
	v->mmio.opaque = v;
	pci_set_bar(&v->pci, 2, PCI_BAR_MEM, &v->mmio);
	return rom_len ? add_rom(v, rom, rom_len, e) : VM_OK;
}
