/*
 * vga.h - the display adapter guests know as QEMU's "VGA": a standard VGA with Bochs VBE
 * extensions.
 *
 * One struct vga holds the IBM VGA register file, the Bochs DISPI registers, 16 MiB of video memory
 * (a range of the RAM file, so the linear frame buffer is plain RAM to the CPU) and the
 * display's redraw cache. vga_create() gives the ISA-visible part: ports 3B4h-3DAh, 1CEh-1D1h
 * and the A0000h window. vga_pci_attach() adds the PCI function 1234:1111.
 *
 * Video memory layout: byte (offset * 4 + plane) is the byte of @plane at plane address
 * @offset. Chain-4 and odd/even address the same bytes compactly (A >> 2 and A >> 1 as plane
 * address, where IBM's VGA leaves gaps and its CRTC's doubleword and word modes skip them), so
 * that a chain-4 picture is linear in memory. The CRTC's word and doubleword modes are
 * therefore no multipliers here.
 *
 * Sources: IBM PS/2 Hardware Interface Technical Reference, "Video Subsystem" (1992); Bochs VBE
 * DISPI interface description (vbe_display_api.txt); VESA E-EDID 1.4.
 */
#ifndef DEVICES_VGA_H
#define DEVICES_VGA_H

#include "devices/device.h"
#include "devices/pci.h"
#include "devices/host/display.h"
#include "mmu/ram.h"

#define VGA_VRAM_SIZE (16u << 20) /* bytes */
#define VGA_MAX_LINES 1024	  /* the vertical counter has ten bits */

/* DISPI register numbers */
enum vbe_reg {
	VBE_ID,
	VBE_XRES,
	VBE_YRES,
	VBE_BPP,
	VBE_ENABLE,
	VBE_BANK,
	VBE_VIRT_W,
	VBE_VIRT_H,
	VBE_X_OFF,
	VBE_Y_OFF,
	VBE_MEM_64K,
	VBE_NREGS
};

#define VBE_ENABLED 0x01
#define VBE_GETCAPS 0x02
#define VBE_8BIT_DAC 0x20
#define VBE_LFB 0x40
#define VBE_NOCLEAR 0x80

/* What a snapshot holds besides the video memory. */
struct vga_state {
	uint8_t misc, feature;
	uint8_t seq_index, gfx_index, crtc_index;
	uint8_t attr_index; /* bits 0-4; bit 5: palette address source, the picture is on */
	uint8_t attr_data;  /* flip-flop of 3C0h: next write is data */
	uint8_t dac_mask, dac_write, dac_read, dac_sub, dac_reading;
	uint8_t dac_tmp[4];
	uint8_t latch[4];
	uint8_t seq[8], gfx[16], crtc[32], attr[32];
	uint8_t dac[768];
	uint16_t vbe_index;
	uint16_t vbe_low; /* low byte of a data word that comes in two halves */
	uint16_t vbe[16];
};

/* Registers that decide how every pixel looks: a change redraws the frame. */
struct vga_sig {
	uint8_t misc, pas, dac_mask, valid;
	uint8_t seq[8], gfx[16], crtc[32], attr[32], dac[768];
	uint16_t vbe[16];
};

/* What the frame shows now; not part of the state, rebuilt by a full redraw. */
struct vga_cache {
	const uint32_t *pix; /* the frame's buffer last drawn into: another one is drawn in full */
	struct vga_sig sig;
	uint32_t lut[256];	     /* DAC colours as 0x00RRGGBB, pel mask applied */
	uint32_t lut16[16];	     /* attribute palette through the DAC */
	uint64_t row_sum[VGA_MAX_LINES]; /* of the cells of each text row */
	uint64_t font_sum;
	uint64_t dirty[VGA_VRAM_SIZE / PAGE_SIZE / 64]; /* pages taken dirty for this update */
};

struct vga_ports {
	struct region reg;
	struct vga *v;
	uint16_t base;
};

struct vga {
	struct device dev;
	struct clock *clock;
	struct ram *ram;
	struct space *mem, *io;
	raddr_t vram_ra;
	uint8_t *vram; /* VGA_VRAM_SIZE bytes at ram->host + vram_ra */
	struct vga_ports ports[5];
	struct region window; /* A0000h-BFFFFh */
	struct region direct; /* A0000h-AFFFFh as plain RAM, while the registers make it that */
	struct region dispi;  /* 1CEh-1D1h */
	/* DIRTY_DISPLAY of [ra, ra+len) was cleared: the CPU must take away write permission */
	void (*dirty_cleared)(void *opaque, raddr_t ra, uint64_t len);
	void *dirty_opaque;
	/* PCI function; unused until vga_pci_attach() */
	struct pci_dev pci;
	struct region lfb, mmio, rom;
	uint8_t edid[128];
	struct vga_cache cache;
	struct vga_state st;
};

/**
 * vga_create() - the adapter with its ports and its A0000h window (priorities 0 and 1) mapped
 * @dirty_cleared: see struct vga; may be NULL
 * Video memory comes from ram_alloc(), every page DIRTY_TRACKED.
 * Return: the device, or NULL if the RAM file has no room for VGA_VRAM_SIZE more bytes.
 */
struct vga *vga_create(struct log *log, struct clock *clock, struct space *mem, struct space *io,
	struct ram *ram, void (*dirty_cleared)(void *opaque, raddr_t ra, uint64_t len),
	void *dirty_opaque);

/**
 * vga_pci_attach() - make it PCI function 1234:1111: BAR0 video memory, BAR2 registers, ROM BAR
 * @rom, @rom_len: option ROM image, copied; NULL and 0 for none; at most 1 MiB
 * Return: VM_OK, VM_ERR_USAGE (slot taken, ROM too big), VM_ERR_NOMEM (RAM file full).
 */
enum vm_err vga_pci_attach(struct vga *v, struct pci_bus *bus, uint8_t devfn, const uint8_t *rom,
	size_t rom_len, struct err *e);

/* vga_display() - fill @d with this adapter's update() and text(). */
void vga_display(struct vga *v, struct display *d);

#endif
