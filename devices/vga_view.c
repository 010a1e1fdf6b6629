/*
 * vga_view.c - what the registers say about the picture: its kind, its size, and which memory each
 * scan line shows.
 *
 * The frame is the signal's visible part, dot by dot and line by line: doubled lines (200-line
 * modes) and doubled dots (320-dot modes, 256 colours) appear doubled, as on a monitor. Overscan is
 * not part of it.
 *
 * Source: IBM PS/2 Hardware Interface Technical Reference, "Video Subsystem", CRT controller.
 */
#include "devices/vga_int.h"
#include <string.h>

static unsigned overflow_bits(const struct vga_state *s, unsigned bit8, unsigned bit9)
{
	return (s->crtc[CR_OVERFLOW] >> bit8 & 1) << 8 | (s->crtc[CR_OVERFLOW] >> bit9 & 1) << 9;
}

static void view_vbe(const struct vga *v, struct vga_view *vw)
{
	const uint16_t *r = v->st.vbe;
	unsigned line = vbe_line_bytes(r[VBE_VIRT_W], r[VBE_BPP]);

	vw->vbe = true;
	vw->kind = r[VBE_BPP] == 4 ? VGA_PLANAR : VGA_LINEAR;
	vw->bpp = r[VBE_BPP];
	vw->w = r[VBE_XRES];
	vw->h = r[VBE_YRES];
	vw->dots = 8;
	vw->xrep = 1;
	vw->cols = vw->w / 8;
	vw->max_scan = 0;
	vw->dbl = false;
	vw->preset = 0;
	vw->pan = 0;
	vw->split = ~0u;
	vw->wrap = VGA_VRAM_SIZE / 4 - 1;
	if (vw->bpp == 4) {
		vw->pitch = line / 4;
		vw->start = r[VBE_Y_OFF] * vw->pitch + r[VBE_X_OFF] / 8;
	} else {
		vw->pitch = line;
		vw->start = r[VBE_Y_OFF] * line + r[VBE_X_OFF] * ((vw->bpp + 7) / 8);
	}
}

static enum vga_kind legacy_kind(const struct vga_state *s)
{
	if (!(s->gfx[GFX_MISC] & 1))
		return VGA_TEXT;
	if (s->gfx[GFX_MODE] & 0x40)
		return VGA_256;
	return s->gfx[GFX_MODE] & 0x20 ? VGA_CGA : VGA_PLANAR;
}

/* Pel panning in dots: 9-dot text counts 8, 0..7; 256 colours move whole pixels of two dots. */
static unsigned pan_dots(const struct vga_state *s, const struct vga_view *vw)
{
	unsigned pan = s->attr[ATTR_PAN] & 15;

	if (vw->dots == 9)
		return pan >= 8 ? 0 : pan + 1;
	pan &= 7;
	return vw->kind == VGA_256 ? pan & 6 : pan;
}

static void view_legacy(const struct vga *v, struct vga_view *vw)
{
	const struct vga_state *s = &v->st;
	const uint8_t *cr = s->crtc;

	vw->kind = legacy_kind(s);
	vw->dots = vw->kind == VGA_TEXT && !(s->seq[SEQ_CLOCKING] & 1) ? 9 : 8;
	vw->xrep = s->seq[SEQ_CLOCKING] & 8 ? 2 : 1;
	vw->cols = cr[CR_HDISP] + 1u;
	vw->w = vw->cols * vw->dots * vw->xrep;
	if (vw->w > FRAME_MAX_W)
		vw->w = FRAME_MAX_W;
	vw->h = (cr[CR_VDISP] | overflow_bits(s, 1, 6)) + 1;
	vw->max_scan = cr[CR_MAX_SCAN] & 31;
	vw->dbl = cr[CR_MAX_SCAN] & 0x80;
	vw->preset = cr[CR_PRESET_ROW] & 31;
	vw->start = ((unsigned)cr[CR_START_HI] << 8 | cr[CR_START_LO]) +
		(cr[CR_PRESET_ROW] >> 5 & 3);
	vw->pitch = cr[CR_OFFSET] * 2u;
	vw->wrap = PLANE_WRAP;
	vw->pan = pan_dots(s, vw);
	vw->pan_split = !(s->attr[ATTR_MODE] & 0x20);
	vw->split = cr[CR_LINE_COMPARE] | (cr[CR_OVERFLOW] >> 4 & 1u) << 8 |
		(cr[CR_MAX_SCAN] >> 6 & 1u) << 9;
}

void vga_get_view(const struct vga *v, struct vga_view *vw)
{
	memset(vw, 0, sizeof(*vw));
	if (vbe_on(v))
		view_vbe(v, vw);
	else
		view_legacy(v, vw);
	/* The screen-off bit is for programs that know the sequencer; VBE drivers do not touch it. */
	if (!(v->st.attr_index & ATTR_INDEX_PAS) ||
		(!vw->vbe && v->st.seq[SEQ_CLOCKING] & 0x20))
		vw->kind = VGA_BLANK;
}

void vga_scan_start(const struct vga_view *vw, struct vga_scan *s)
{
	memset(s, 0, sizeof(*s));
	s->ma = vw->start;
	s->ra = vw->preset;
	s->pan = vw->pan;
}

void vga_scan_next(const struct vga_view *vw, struct vga_scan *s)
{
	if (s->y++ == vw->split) {
		s->ma = 0;
		s->ra = 0;
		s->rep = 0;
		s->row++;
		if (!vw->pan_split)
			s->pan = 0;
		return;
	}
	if (vw->dbl && !s->rep) {
		s->rep = 1;
		return;
	}
	s->rep = 0;
	if (s->ra == vw->max_scan) {
		s->ra = 0;
		s->ma += vw->pitch;
		s->row++;
	} else {
		s->ra = (s->ra + 1) & 31;
	}
}
