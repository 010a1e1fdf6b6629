/*
 * vbe.c - the Bochs DISPI registers: index at port 1CEh, data at 1CFh (and 1D0h), all 16 bits wide.
 *
 * They replace the CRTC's geometry while VBE_ENABLED is set. Every register of an enabled mode
 * is kept in range when it is written, so that drawing may trust them.
 *
 * Source: Bochs VBE display API (vbe_display_api.txt), interface version B0C5h.
 */
#include "devices/vga_int.h"
#include <string.h>

#define VBE_ID0 0xB0C0
#define VBE_ID5 0xB0C5

void vbe_reset(struct vga *v)
{
	memset(v->st.vbe, 0, sizeof(v->st.vbe));
	v->st.vbe_index = 0;
	v->st.vbe[VBE_ID] = VBE_ID5;
	v->st.vbe[VBE_BPP] = 8;
	v->st.vbe[VBE_MEM_64K] = VGA_VRAM_SIZE >> 16;
}

unsigned vbe_line_bytes(unsigned width, unsigned bpp)
{
	return bpp == 4 ? width / 8 * 4 : width * ((bpp + 7) / 8);
}

static unsigned clamp(unsigned x, unsigned lo, unsigned hi)
{
	return x < lo ? lo : x > hi ? hi : x;
}

void vbe_fix(struct vga *v)
{
	uint16_t *r = v->st.vbe;
	unsigned w, h, vw, vh, line;

	if (!vbe_on(v))
		return;
	switch (r[VBE_BPP]) {
	case 4: case 8: case 15: case 16: case 24: case 32:
		break;
	default:
		r[VBE_BPP] = 8;
	}
	w = clamp(r[VBE_XRES] & ~7u, 8, FRAME_MAX_W);
	h = clamp(r[VBE_YRES], 1, FRAME_MAX_H);
	h = clamp(h, 1, VGA_VRAM_SIZE / vbe_line_bytes(w, r[VBE_BPP]));
	vw = clamp(r[VBE_VIRT_W] & ~7u, w, 0xFFF8);
	if ((uint64_t)vbe_line_bytes(vw, r[VBE_BPP]) * h > VGA_VRAM_SIZE)
		vw = w;
	line = vbe_line_bytes(vw, r[VBE_BPP]);
	vh = clamp(VGA_VRAM_SIZE / line, h, 0xFFFF);
	r[VBE_XRES] = (uint16_t)w;
	r[VBE_YRES] = (uint16_t)h;
	r[VBE_VIRT_W] = (uint16_t)vw;
	r[VBE_VIRT_H] = (uint16_t)vh;
	r[VBE_X_OFF] = (uint16_t)clamp(r[VBE_X_OFF], 0, vw - w);
	r[VBE_Y_OFF] = (uint16_t)clamp(r[VBE_Y_OFF], 0, vh - h);
	r[VBE_BANK] &= (r[VBE_BPP] == 4 ? VGA_VRAM_SIZE / 4 : VGA_VRAM_SIZE) / 65536 - 1;
}

uint16_t vbe_read(struct vga *v, unsigned reg)
{
	const uint16_t *r = v->st.vbe;

	if (reg >= VBE_NREGS)
		return 0;
	if (r[VBE_ENABLE] & VBE_GETCAPS) {
		switch (reg) {
		case VBE_XRES:
			return FRAME_MAX_W;
		case VBE_YRES:
			return FRAME_MAX_H;
		case VBE_BPP:
			return 32;
		}
	}
	return r[reg];
}

static void write_enable(struct vga *v, uint16_t val)
{
	uint16_t *r = v->st.vbe;
	bool was = vbe_on(v);

	val &= VBE_ENABLED | VBE_GETCAPS | VBE_8BIT_DAC | VBE_LFB | VBE_NOCLEAR;
	r[VBE_ENABLE] = val;
	if (!(val & VBE_ENABLED)) {
		r[VBE_BANK] = 0;
		return;
	}
	if (!was) {
		r[VBE_VIRT_W] = 0;
		r[VBE_X_OFF] = 0;
		r[VBE_Y_OFF] = 0;
		r[VBE_BANK] = 0;
		vbe_fix(v);
		if (!(val & VBE_NOCLEAR)) {
			size_t n = (size_t)vbe_line_bytes(r[VBE_VIRT_W], r[VBE_BPP]) * r[VBE_YRES];

			memset(v->vram, 0, n);
			ram_written(v->ram, v->vram_ra, n);
		}
	}
	vbe_fix(v);
}

void vbe_write(struct vga *v, unsigned reg, uint16_t val)
{
	switch (reg) {
	case VBE_ID:
		if (val >= VBE_ID0 && val <= VBE_ID5)
			v->st.vbe[VBE_ID] = val;
		break;
	case VBE_ENABLE:
		write_enable(v, val);
		break;
	case VBE_XRES:
	case VBE_YRES:
	case VBE_BPP:
	case VBE_BANK:
	case VBE_VIRT_W:
	case VBE_X_OFF:
	case VBE_Y_OFF:
		v->st.vbe[reg] = val;
		vbe_fix(v);
		break;
	default: /* the virtual height follows from the rest; memory size is fixed */
		break;
	}
	vga_window_changed(v);
}

/*
 * A word at 1CFh, where most programs access the data, is odd and arrives as bytes at 1CFh
 * (low) and 1D0h (high); a word at 1D0h arrives whole.
 */
static uint64_t port_read(void *opaque, uint64_t off, unsigned size)
{
	struct vga *v = opaque;
	uint16_t val;

	if (off == 0)
		return v->st.vbe_index;
	val = vbe_read(v, v->st.vbe_index);
	return off == 2 && size == 1 ? val >> 8 : val;
}

static void port_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct vga *v = opaque;

	if (off == 0)
		v->st.vbe_index = (uint16_t)val < VBE_NREGS ? (uint16_t)val : VBE_NREGS;
	else if (off == 1)
		v->st.vbe_low = val & 0xFF;
	else if (off == 2 && size == 1)
		vbe_write(v, v->st.vbe_index, (uint16_t)(val << 8 | v->st.vbe_low));
	else if (off == 2)
		vbe_write(v, v->st.vbe_index, (uint16_t)val);
}

static const struct io_ops port_ops = {
	.name = "vbe",
	.read = port_read,
	.write = port_write,
	.min = 1,
	.max = 2,
};

void vbe_map_ports(struct vga *v)
{
	space_add_io(v->io, &v->dispi, "vbe", 0x1CE, 4, &port_ops, v);
}
