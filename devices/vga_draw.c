/*
 * vga_draw.c - from video memory to the frame: redraws the lines whose memory or look changed.
 *
 * An update takes the dirty bits of the displayed pages first (so a write during the next
 * slice marks them again), then walks the frame's scan lines with the CRTC's counters.
 * Graphics lines are redrawn when one of their pages was dirty, text rows when the checksum of
 * their cells differs, everything when a register that affects all pixels changed.
 */
#include "devices/vga_int.h"
#include <string.h>

#define LINE_DOTS ((256 + 1) * 9) /* one character more than shown, for panning */

static uint32_t dac_rgb(const struct vga *v, unsigned i)
{
	const uint8_t *d = v->st.dac + (i & v->st.dac_mask) * 3;
	uint32_t rgb = 0;

	for (unsigned k = 0; k < 3; k++) {
		unsigned c = d[k];

		if (!(v->st.vbe[VBE_ENABLE] & VBE_8BIT_DAC))
			c = (c & 0x3F) << 2 | (c >> 4 & 3);
		rgb = rgb << 8 | c;
	}
	return rgb;
}

static void make_luts(struct vga *v)
{
	const uint8_t *a = v->st.attr;

	for (unsigned i = 0; i < 256; i++)
		v->cache.lut[i] = dac_rgb(v, i);
	for (unsigned i = 0; i < 16; i++) {
		unsigned c = (a[i] & 0x3F) | (a[ATTR_COLOR] & 0x0C) << 4;

		if (a[ATTR_MODE] & 0x80)
			c = (c & 0xCF) | (a[ATTR_COLOR] & 3) << 4;
		v->cache.lut16[i] = v->cache.lut[c];
	}
}

/* Did a register change that all pixels depend on? The cursor's are judged per text row. */
static bool sig_changed(struct vga *v)
{
	const struct vga_state *s = &v->st;
	struct vga_sig sig;

	memset(&sig, 0, sizeof(sig));
	sig.valid = 1;
	sig.misc = s->misc;
	sig.pas = s->attr_index & ATTR_INDEX_PAS;
	sig.dac_mask = s->dac_mask;
	memcpy(sig.seq, s->seq, sizeof(sig.seq));
	memcpy(sig.gfx, s->gfx, sizeof(sig.gfx));
	memcpy(sig.crtc, s->crtc, sizeof(sig.crtc));
	memcpy(sig.attr, s->attr, sizeof(sig.attr));
	memcpy(sig.dac, s->dac, sizeof(sig.dac));
	memcpy(sig.vbe, s->vbe, sizeof(sig.vbe));
	sig.seq[SEQ_MAP_MASK] = 0;
	for (unsigned i = GFX_SET_RESET; i <= GFX_READ_MAP; i++)
		sig.gfx[i] = 0;
	sig.gfx[GFX_MODE] &= 0x60;
	sig.gfx[GFX_MISC] &= 1;
	sig.gfx[GFX_DONT_CARE] = 0;
	sig.gfx[GFX_BIT_MASK] = 0;
	sig.crtc[CR_CURSOR_START] = 0;
	sig.crtc[CR_CURSOR_END] = 0;
	sig.crtc[CR_CURSOR_HI] = 0;
	sig.crtc[CR_CURSOR_LO] = 0;
	sig.vbe[VBE_BANK] = 0;
	if (!memcmp(&sig, &v->cache.sig, sizeof(sig)))
		return false;
	v->cache.sig = sig;
	make_luts(v);
	return true;
}

/* Move the dirty bits of vram bytes [lo, hi) into the cache's bitmap; true if there were any. */
static bool take_dirty(struct vga *v, uint32_t lo, uint32_t hi)
{
	uint32_t first = lo / PAGE_SIZE, end = (hi + PAGE_SIZE - 1) / PAGE_SIZE, run = 0;
	uint8_t *dirty = v->ram->dirty + (v->vram_ra >> PAGE_SHIFT);
	bool any = false;

	memset(v->cache.dirty, 0, sizeof(v->cache.dirty));
	for (uint32_t p = first; p <= end; p++) {
		if (p < end && dirty[p] & DIRTY_DISPLAY) {
			dirty[p] &= ~DIRTY_DISPLAY;
			v->cache.dirty[p / 64] |= BIT(p % 64);
			run++;
			any = true;
			continue;
		}
		if (run && v->dirty_cleared)
			v->dirty_cleared(v->dirty_opaque,
				v->vram_ra + (uint64_t)(p - run) * PAGE_SIZE,
				(uint64_t)run * PAGE_SIZE);
		run = 0;
	}
	return any;
}

/* Was a page of vram bytes [off, off+len) dirty? Bytes beyond the end wrap to the start. */
static bool bytes_dirty(const struct vga *v, uint32_t off, uint32_t len, uint32_t size)
{
	off %= size;
	for (uint32_t p = off / PAGE_SIZE; p <= (off + len - 1) / PAGE_SIZE; p++) {
		uint32_t q = p % (size / PAGE_SIZE);

		if (v->cache.dirty[q / 64] & BIT(q % 64))
			return true;
	}
	return false;
}

/* Plane address of a scan line: below CRTC mode bits 0 and 1, row scan bits replace address bits. */
static unsigned line_addr(const struct vga *v, const struct vga_view *vw, const struct vga_scan *s)
{
	unsigned mode = v->st.crtc[CR_MODE], a = s->ma;
	unsigned bit = mode & 0x40 ? 13 : 12; /* word mode: the CPU's bit 13 is our 12 */

	if (vw->vbe)
		return a & vw->wrap;
	if (!(mode & 1))
		a = (a & ~(1u << bit)) | (s->ra & 1) << bit;
	if (!(mode & 2))
		a = (a & ~(2u << bit)) | (s->ra >> 1 & 1) << (bit + 1);
	return a & vw->wrap;
}

static uint32_t planes_at(const struct vga *v, const struct vga_view *vw, unsigned addr)
{
	uint32_t x;

	memcpy(&x, v->vram + (size_t)(addr & vw->wrap) * 4, 4);
	return x;
}

/* abcdefgh -> 000a000b...000h */
static uint32_t spread(uint32_t x)
{
	x = (x | x << 12) & 0x000F000F;
	x = (x | x << 6) & 0x03030303;
	return (x | x << 3) & 0x11111111;
}

static void planar_line(const struct vga *v, const struct vga_view *vw, unsigned addr,
	uint32_t *out)
{
	uint32_t enabled = vga_planes[v->st.attr[ATTR_PLANES] & 15];

	if (vw->vbe)
		enabled = ~0u;
	for (unsigned x = 0; x <= vw->cols; x++, out += 8) {
		uint32_t d = planes_at(v, vw, addr + x) & enabled;
		uint32_t px = spread(d & 255) | spread(d >> 8 & 255) << 1 |
			spread(d >> 16 & 255) << 2 | spread(d >> 24) << 3;

		for (unsigned i = 0; i < 8; i++)
			out[i] = v->cache.lut16[px >> (28 - i * 4) & 15];
	}
}

static void cga_line(const struct vga *v, const struct vga_view *vw, unsigned addr, uint32_t *out)
{
	for (unsigned x = 0; x <= vw->cols; x++, out += 8) {
		uint32_t d = planes_at(v, vw, addr + x);

		for (unsigned i = 0; i < 8; i++) {
			unsigned sh = (i < 4 ? 6 : 14) - (i & 3) * 2;
			unsigned px = (d >> sh & 3) | (d >> (sh + 16) & 3) << 2;

			/* plane enable works on the pixel's bits */
			out[i] = v->cache.lut16[px & v->st.attr[ATTR_PLANES] & 15];
		}
	}
}

static void byte_line(const struct vga *v, const struct vga_view *vw, unsigned addr, uint32_t *out)
{
	for (unsigned x = 0; x <= vw->cols; x++, out += 8) {
		uint32_t d = planes_at(v, vw, addr + x);

		for (unsigned i = 0; i < 8; i++)
			out[i] = v->cache.lut[d >> (i / 2 * 8) & 255];
	}
}

/* One pixel of a VBE direct-colour mode. */
static uint32_t direct_rgb(const uint8_t *p, unsigned bpp)
{
	unsigned x = p[0] | p[1] << 8, r, g, b;

	if (bpp >= 24)
		return x | (uint32_t)p[2] << 16;
	b = x & 31;
	if (bpp == 15) {
		g = x >> 5 & 31;
		r = x >> 10 & 31;
		g = g << 3 | g >> 2;
	} else {
		g = x >> 5 & 63;
		r = x >> 11 & 31;
		g = g << 2 | g >> 4;
	}
	return (r << 3 | r >> 2) << 16 | g << 8 | (b << 3 | b >> 2);
}

static void linear_line(const struct vga *v, const struct vga_view *vw, const uint8_t *p,
	uint32_t *out)
{
	unsigned step = (vw->bpp + 7) / 8;

	if (vw->bpp == 8) {
		for (unsigned x = 0; x < vw->w; x++)
			out[x] = v->cache.lut[p[x]];
	} else if (vw->bpp == 32) {
		memcpy(out, p, vw->w * 4);
		for (unsigned x = 0; x < vw->w; x++)
			out[x] &= 0xFFFFFF;
	} else {
		for (unsigned x = 0; x < vw->w; x++, p += step)
			out[x] = direct_rgb(p, vw->bpp);
	}
}

static void mark(struct frame *f, unsigned y)
{
	if (f->y0 >= f->y1) {
		f->y0 = y;
		f->y1 = y + 1;
	} else if (y + 1 > f->y1) {
		f->y1 = y + 1;
	}
}

static void draw_linear(struct vga *v, const struct vga_view *vw, struct frame *f, bool all)
{
	uint32_t len = vw->w * ((vw->bpp + 7) / 8);

	for (unsigned y = 0; y < vw->h; y++) {
		uint64_t off = vw->start + (uint64_t)y * vw->pitch;

		if (off + len > VGA_VRAM_SIZE)
			break;
		if (!all && !bytes_dirty(v, (uint32_t)off, len, VGA_VRAM_SIZE))
			continue;
		linear_line(v, vw, v->vram + off, f->pix + (size_t)y * f->w);
		mark(f, y);
	}
}

/* Dots to pixels: from @pan on, each vw->xrep times. */
static void put_line(const struct vga_view *vw, const uint32_t *dots, unsigned pan, uint32_t *pix)
{
	if (vw->xrep == 1) {
		memcpy(pix, dots + pan, vw->w * 4);
		return;
	}
	for (unsigned x = 0; x < vw->w; x++)
		pix[x] = dots[pan + x / 2];
}

static void draw_graphics(struct vga *v, const struct vga_view *vw, struct frame *f, bool all)
{
	uint32_t dots[LINE_DOTS], size = (vw->wrap + 1) * 4;
	unsigned last = ~0u; /* address whose dots are in dots[] */
	struct vga_scan s;

	for (vga_scan_start(vw, &s); s.y < vw->h; vga_scan_next(vw, &s)) {
		unsigned addr = line_addr(v, vw, &s);

		if (!all && !bytes_dirty(v, addr * 4, (vw->cols + 1) * 4, size))
			continue;
		if (addr != last) {
			if (vw->kind == VGA_256)
				byte_line(v, vw, addr, dots);
			else if (vw->kind == VGA_CGA)
				cga_line(v, vw, addr, dots);
			else
				planar_line(v, vw, addr, dots);
			last = addr;
		}
		put_line(vw, dots, s.pan, f->pix + (size_t)s.y * f->w);
		mark(f, s.y);
	}
}

static void draw_text(struct vga *v, const struct vga_view *vw, struct frame *f, bool all)
{
	uint32_t dots[LINE_DOTS];
	unsigned row = ~0u;
	bool draw = all;
	struct vga_scan s;

	for (vga_scan_start(vw, &s); s.y < vw->h; vga_scan_next(vw, &s)) {
		if (s.row != row) {
			uint64_t sum = vga_text_row_sum(v, vw, &s);
			uint64_t *old = &v->cache.row_sum[s.row % VGA_MAX_LINES];

			row = s.row;
			draw = all || sum != *old;
			*old = sum;
		}
		if (!draw)
			continue;
		vga_text_line(v, vw, &s, dots);
		put_line(vw, dots, s.pan, f->pix + (size_t)s.y * f->w);
		mark(f, s.y);
	}
}

/* Vram bytes the picture can come from. */
static void shown_bytes(const struct vga_view *vw, uint32_t *lo, uint32_t *hi)
{
	uint64_t unit = vw->kind == VGA_LINEAR ? 1 : 4;
	uint64_t end = (vw->start + (uint64_t)vw->pitch * vw->h) * unit;

	if (!vw->vbe) {
		*lo = 0;
		*hi = (PLANE_WRAP + 1) * 4;
		return;
	}
	*lo = (uint32_t)(vw->start * unit);
	*hi = end < VGA_VRAM_SIZE ? (uint32_t)end : VGA_VRAM_SIZE;
	if (vw->kind != VGA_LINEAR) /* may wrap */
		*lo = end < VGA_VRAM_SIZE ? *lo : 0;
}

static void draw_blank(struct frame *f, bool all)
{
	if (!all)
		return;
	memset(f->pix, 0, (size_t)f->w * f->h * 4);
	f->y0 = 0;
	f->y1 = f->h;
}

/* A blank screen keeps the size it had; before the first mode it is that of text. */
static void fit_frame(struct frame *f, struct vga_view *vw, bool *all)
{
	if (vw->kind == VGA_BLANK && f->pix && f->w && f->h) {
		vw->w = f->w;
		vw->h = f->h;
	} else if (vw->kind == VGA_BLANK) {
		vw->w = 720;
		vw->h = 400;
	}
	if (f->pix && f->w == vw->w && f->h == vw->h)
		return;
	frame_resize(f, vw->w, vw->h);
	*all = true;
}

void vga_update(struct vga *v, struct frame *f, bool full)
{
	bool all = full, any;
	struct vga_view vw;
	uint32_t lo, hi;

	vga_get_view(v, &vw);
	f->y0 = 0;
	f->y1 = 0;
	if (sig_changed(v))
		all = true;
	fit_frame(f, &vw, &all);
	if (!f->pix) /* the host had no memory for it */
		return;
	if (f->pix != v->cache.pix)
		all = true;
	v->cache.pix = f->pix;
	if (vw.kind == VGA_BLANK) {
		draw_blank(f, all);
		return;
	}
	shown_bytes(&vw, &lo, &hi);
	any = take_dirty(v, lo, hi);
	if (vw.kind == VGA_TEXT) {
		if (any || all) {
			uint64_t sum = vga_font_sum(v);

			all |= sum != v->cache.font_sum;
			v->cache.font_sum = sum;
		}
		draw_text(v, &vw, f, all);
	} else if (vw.kind == VGA_LINEAR) {
		if (any || all)
			draw_linear(v, &vw, f, all);
	} else if (any || all) {
		draw_graphics(v, &vw, f, all);
	}
}
