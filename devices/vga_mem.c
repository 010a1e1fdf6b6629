/*
 * vga_mem.c - the CPU's window A0000h-BFFFFh: latches, write modes 0-3, read modes 0-1, and the
 * addressing forms planar, odd/even, chain-4 and banked linear (VBE).
 *
 * The four planes at one address are one little-endian 32-bit word of video memory (plane 0 in
 * the low byte), so every operation works on four planes at once.
 *
 * While the registers make the 64 KiB window a plain copy of consecutive bytes (chain-4 as the
 * BIOS sets it for mode 13h, or a VBE bank), a RAM region over it lets the CPU reach video
 * memory without us. Reads then leave the latches alone; nothing that uses latches works in
 * those states.
 *
 * Source: IBM PS/2 Hardware Interface Technical Reference, "Video Subsystem", graphics controller.
 */
#include "devices/vga_int.h"
#include <string.h>

const uint32_t vga_planes[16] = {
	0x00000000, 0x000000FF, 0x0000FF00, 0x0000FFFF, 0x00FF0000, 0x00FF00FF, 0x00FFFF00,
	0x00FFFFFF, 0xFF000000, 0xFF0000FF, 0xFF00FF00, 0xFF00FFFF, 0xFFFF0000, 0xFFFF00FF,
	0xFFFFFF00, 0xFFFFFFFF,
};

static uint32_t rep4(uint8_t b)
{
	return b * 0x01010101u;
}

static uint32_t load32(const uint8_t *p)
{
	uint32_t x;

	memcpy(&x, p, 4);
	return x;
}

static void store32(uint8_t *p, uint32_t x)
{
	memcpy(p, &x, 4);
}

static bool vbe_linear(const struct vga *v)
{
	return vbe_on(v) && v->st.vbe[VBE_BPP] >= 8;
}

/* Window offset -> address in the memory map the graphics controller selects; false: not decoded. */
static bool map_window(const struct vga *v, uint64_t off, uint32_t *a)
{
	const struct vga_state *s = &v->st;

	if (!(s->misc & MISC_RAM))
		return false;
	switch (s->gfx[GFX_MISC] >> 2 & 3) {
	case 0: /* A0000h, 128 KiB */
		*a = (uint32_t)off;
		return off < 0x20000;
	case 1: /* A0000h, 64 KiB */
		*a = (uint32_t)off + (vbe_on(v) ? (uint32_t)s->vbe[VBE_BANK] << 16 : 0);
		return off < 0x10000;
	case 2: /* B0000h, 32 KiB */
		*a = (uint32_t)off - 0x10000;
		return off >= 0x10000 && off < 0x18000;
	default: /* B8000h, 32 KiB */
		*a = (uint32_t)off - 0x18000;
		return off >= 0x18000 && off < 0x20000;
	}
}

/* Plane address of a planar, odd/even (shift 1) or chain-4 (shift 2) address, as a vram byte offset. */
static uint32_t plane_off(const struct vga *v, uint32_t a, unsigned shift)
{
	return (a >> shift & (vbe_on(v) ? VGA_VRAM_SIZE / 4 - 1 : PLANE_WRAP)) * 4;
}

static uint8_t read_byte(struct vga *v, uint32_t a)
{
	struct vga_state *s = &v->st;
	unsigned plane, shift;
	uint32_t data;

	if (vbe_linear(v))
		return v->vram[a & (VGA_VRAM_SIZE - 1)];
	if (s->seq[SEQ_MEM_MODE] & SEQ_CHAIN4) {
		plane = a & 3;
		shift = 2;
	} else if (s->gfx[GFX_MODE] & GFX_ODD_EVEN) {
		plane = (s->gfx[GFX_READ_MAP] & 2) | (a & 1);
		shift = 1;
	} else {
		plane = s->gfx[GFX_READ_MAP] & 3;
		shift = 0;
	}
	data = load32(v->vram + plane_off(v, a, shift));
	store32(s->latch, data);
	if (!(s->gfx[GFX_MODE] & 8))
		return (uint8_t)(data >> (plane * 8));
	/* read mode 1: 1 where every plane that matters equals the compare colour */
	data = (data ^ vga_planes[s->gfx[GFX_COMPARE] & 15]) & vga_planes[s->gfx[GFX_DONT_CARE] & 15];
	data |= data >> 16;
	return (uint8_t)~(data | data >> 8);
}

/* What the graphics controller makes of a CPU byte, for all four planes. */
static uint32_t write_data(const struct vga_state *s, uint8_t val)
{
	unsigned rot = s->gfx[GFX_ROTATE] & 7;
	uint8_t rotated = (uint8_t)(val >> rot | val << (8 - rot));
	uint32_t mask = rep4(s->gfx[GFX_BIT_MASK]), latch = load32(s->latch);
	uint32_t sr = vga_planes[s->gfx[GFX_SET_RESET] & 15], en, data;

	switch (s->gfx[GFX_MODE] & 3) {
	case 0:
		en = vga_planes[s->gfx[GFX_ENABLE_SR] & 15];
		data = (rep4(rotated) & ~en) | (sr & en);
		break;
	case 1:
		return latch;
	case 2:
		data = vga_planes[val & 15];
		break;
	default:
		data = sr;
		mask &= rep4(rotated);
		break;
	}
	switch (s->gfx[GFX_ROTATE] >> 3 & 3) {
	case 1:
		data &= latch;
		break;
	case 2:
		data |= latch;
		break;
	case 3:
		data ^= latch;
		break;
	}
	return (data & mask) | (latch & ~mask);
}

static void write_byte(struct vga *v, uint32_t a, uint8_t val)
{
	const struct vga_state *s = &v->st;
	uint32_t mask = vga_planes[s->seq[SEQ_MAP_MASK] & 15], off, old, new;
	unsigned shift = 0;

	if (vbe_linear(v)) {
		a &= VGA_VRAM_SIZE - 1;
		v->vram[a] = val;
		ram_written(v->ram, v->vram_ra + a, 1);
		return;
	}
	if (s->seq[SEQ_MEM_MODE] & SEQ_CHAIN4) {
		mask &= vga_planes[1 << (a & 3)];
		shift = 2;
	} else if (!(s->seq[SEQ_MEM_MODE] & SEQ_NO_ODD_EVEN)) {
		mask &= vga_planes[a & 1 ? 0xA : 0x5];
		shift = 1;
	}
	off = plane_off(v, a, shift);
	old = load32(v->vram + off);
	new = (old & ~mask) | (write_data(s, val) & mask);
	if (new == old)
		return;
	store32(v->vram + off, new);
	ram_written(v->ram, v->vram_ra + off, 4);
}

/* True if a write of several bytes is a plain copy to consecutive bytes of video memory. */
static bool plain_copy(const struct vga *v)
{
	const struct vga_state *s = &v->st;

	if (vbe_linear(v))
		return true;
	return s->seq[SEQ_MEM_MODE] & SEQ_CHAIN4 && s->seq[SEQ_MAP_MASK] == 15 &&
		!(s->gfx[GFX_MODE] & 3) && !s->gfx[GFX_ENABLE_SR] && !s->gfx[GFX_ROTATE] &&
		s->gfx[GFX_BIT_MASK] == 0xFF;
}

static uint64_t window_read(void *opaque, uint64_t off, unsigned size)
{
	struct vga *v = opaque;
	uint64_t val = 0;
	uint32_t a;

	for (unsigned i = 0; i < size; i++) {
		uint8_t b = map_window(v, off + i, &a) ? read_byte(v, a) : 0xFF;

		val |= (uint64_t)b << (i * 8);
	}
	return val;
}

static void window_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct vga *v = opaque;
	uint32_t a, last, limit = vbe_linear(v) ? VGA_VRAM_SIZE : (PLANE_WRAP + 1) * 4;

	if (size > 1 && plain_copy(v) && map_window(v, off, &a) &&
		map_window(v, off + size - 1, &last)) {
		a &= limit - 1;
		if (a + size <= limit) {
			memcpy(v->vram + a, &val, size);
			ram_written(v->ram, v->vram_ra + a, size);
			return;
		}
	}
	for (unsigned i = 0; i < size; i++) {
		if (map_window(v, off + i, &a))
			write_byte(v, a, (uint8_t)(val >> (i * 8)));
	}
}

static const struct io_ops window_ops = {
	.name = "vga-lowmem",
	.read = window_read,
	.write = window_write,
	.min = 1,
	.max = 8,
};

/* Is the A0000h window plain memory for reads and writes alike, and where does it begin? */
static bool direct_at(const struct vga *v, raddr_t *ra)
{
	const struct vga_state *s = &v->st;

	*ra = v->vram_ra;
	if (!(s->misc & MISC_RAM) || (s->gfx[GFX_MISC] >> 2 & 3) != 1 || !plain_copy(v))
		return false;
	if (vbe_linear(v)) {
		*ra += (raddr_t)s->vbe[VBE_BANK] << 16;
		return true;
	}
	return !vbe_on(v) && !(s->gfx[GFX_MODE] & 8);
}

void vga_window_changed(struct vga *v)
{
	raddr_t ra;
	bool on = direct_at(v, &ra);

	if (on == v->direct.enabled && (!on || ra == v->direct.ra))
		return;
	space_begin(v->mem);
	space_move(v->mem, &v->direct, 0xA0000, false);
	v->direct.ra = ra;
	space_move(v->mem, &v->direct, 0xA0000, on);
	space_commit(v->mem);
}

void vga_map_window(struct vga *v)
{
	v->window.name = "vga-lowmem";
	v->window.kind = REGION_IO;
	v->window.len = 0x20000;
	v->window.ops = &window_ops;
	v->window.opaque = v;
	v->direct.name = "vga-direct";
	v->direct.kind = REGION_RAM;
	v->direct.len = 0x10000;
	v->direct.prio = 1;
	v->direct.ra = v->vram_ra;
	space_begin(v->mem);
	space_add(v->mem, &v->window, 0xA0000);
	space_add(v->mem, &v->direct, 0xA0000);
	space_move(v->mem, &v->direct, 0xA0000, false);
	space_commit(v->mem);
}
