/*
 * vga_text.c - text modes: cells to dots with two fonts, ninth dot, underline, blinking and cursor.
 *
 * A cell is one word of video memory: character in plane 0, attribute in plane 1; fonts lie in
 * plane 2, 32 bytes a character, 8 KiB a font. Blinking follows the virtual clock at 60 fields a
 * second: the cursor changes every 8, characters every 16.
 *
 * Source: IBM PS/2 Hardware Interface Technical Reference, "Video Subsystem".
 */
#include "devices/vga_int.h"
#include <string.h>

struct font_look {
	const uint8_t *font[2]; /* [attribute bit 3] */
	unsigned cursor;	/* plane address; ~0u: not shown now */
	unsigned cur_start, cur_end;
	bool blink, blink_off;
};

static unsigned font_offset(const struct vga_state *s, unsigned bit3)
{
	/* character map A (bit 3 set): bits 5,3,2; map B: bits 4,1,0 */
	unsigned m = s->seq[SEQ_FONT];
	unsigned n = bit3 ? (m >> 2 & 3) | (m >> 5 & 1) << 2 : (m & 3) | (m >> 4 & 1) << 2;

	return ((n & 3) << 14) + (n >> 2 << 13);
}

static uint64_t field_count(const struct vga *v)
{
	return muldiv64(clock_now(v->clock), 60, NS_PER_SEC);
}

static unsigned cursor_addr(const struct vga_state *s)
{
	return (unsigned)s->crtc[CR_CURSOR_HI] << 8 | s->crtc[CR_CURSOR_LO];
}

static bool cursor_enabled(const struct vga_state *s)
{
	/* a start below the end shows nothing on a VGA (an EGA would wrap) */
	return !(s->crtc[CR_CURSOR_START] & 0x20) &&
		(s->crtc[CR_CURSOR_START] & 31) <= (s->crtc[CR_CURSOR_END] & 31);
}

static void get_look(const struct vga *v, struct font_look *l)
{
	const struct vga_state *s = &v->st;
	uint64_t n = field_count(v);

	l->font[0] = v->vram + font_offset(s, 0) * 4 + 2;
	l->font[1] = v->vram + font_offset(s, 1) * 4 + 2;
	l->cursor = cursor_enabled(s) && !(n >> 3 & 1) ? cursor_addr(s) : ~0u;
	l->cur_start = s->crtc[CR_CURSOR_START] & 31;
	l->cur_end = s->crtc[CR_CURSOR_END] & 31;
	l->blink = s->attr[ATTR_MODE] & 8;
	l->blink_off = l->blink && (n >> 4 & 1);
}

static uint32_t cell_at(const struct vga *v, unsigned addr)
{
	uint16_t c;

	memcpy(&c, v->vram + (addr & PLANE_WRAP) * 4, 2);
	return c;
}

static uint64_t mix(uint64_t h, uint64_t x)
{
	h = (h ^ x) * 0x9E3779B97F4A7C15ull;
	return h ^ h >> 29;
}

uint64_t vga_font_sum(const struct vga *v)
{
	struct font_look l;
	uint64_t h = 1;

	get_look(v, &l);
	for (unsigned f = 0; f < 2; f++) {
		for (unsigned i = 0; i < 8192; i++)
			h = mix(h, l.font[f][i * 4]);
	}
	return h;
}

uint64_t vga_text_row_sum(const struct vga *v, const struct vga_view *vw, const struct vga_scan *s)
{
	struct font_look l;
	uint64_t h = s->ma;

	get_look(v, &l);
	for (unsigned x = 0; x <= vw->cols; x++) {
		unsigned addr = (s->ma + x) & PLANE_WRAP;
		uint64_t c = cell_at(v, addr);

		if (l.blink_off && c & 0x8000)
			c |= 0x10000;
		if (addr == l.cursor)
			c |= 0x20000 | (uint64_t)l.cur_start << 20 | (uint64_t)l.cur_end << 28;
		h = mix(h, c);
	}
	return h;
}

static unsigned glyph_dots(const struct vga *v, const struct vga_view *vw, unsigned ch,
	const uint8_t *font, unsigned ra)
{
	unsigned g = font[(ch * 32 + ra) * 4];

	if (vw->dots == 8)
		return g;
	/* the line-drawing characters run into their right neighbour */
	if (v->st.attr[ATTR_MODE] & 4 && ch >= 0xC0 && ch <= 0xDF)
		return g << 1 | (g & 1);
	return g << 1;
}

void vga_text_line(const struct vga *v, const struct vga_view *vw, const struct vga_scan *s,
	uint32_t *out)
{
	const uint32_t *lut = v->cache.lut16;
	unsigned underline = v->st.crtc[CR_UNDERLINE] & 31;
	struct font_look l;

	get_look(v, &l);
	for (unsigned x = 0; x <= vw->cols; x++, out += vw->dots) {
		unsigned addr = (s->ma + x) & PLANE_WRAP, c = cell_at(v, addr);
		unsigned at = c >> 8, fg = at & 15, bg = at >> 4;
		unsigned g = glyph_dots(v, vw, c & 255, l.font[at >> 3 & 1], s->ra);

		if ((at & 0x77) == 0x01 && s->ra == underline)
			g = 0x1FF;
		if (l.blink) {
			if (l.blink_off && at & 0x80)
				g = 0;
			bg &= 7;
		}
		if (addr == l.cursor && s->ra >= l.cur_start && s->ra <= l.cur_end)
			g = 0x1FF;
		for (unsigned i = 0; i < vw->dots; i++)
			out[i] = lut[g >> (vw->dots - 1 - i) & 1 ? fg : bg];
	}
}

static void place_cursor(struct vga *v, const struct vga_view *vw, struct text_screen *t)
{
	unsigned rel = (cursor_addr(&v->st) - vw->start) & PLANE_WRAP;
	unsigned pitch = vw->pitch ? vw->pitch : 1;

	t->cursor_x = rel % pitch;
	t->cursor_y = rel / pitch;
	t->cursor_on = cursor_enabled(&v->st) && t->cursor_x < t->cols && t->cursor_y < t->rows;
	if (!t->cursor_on) {
		t->cursor_x = 0;
		t->cursor_y = 0;
	}
}

void vga_text_cells(struct vga *v, struct text_screen *t)
{
	struct vga_view vw;
	unsigned lines;

	memset(t, 0, sizeof(*t));
	vga_get_view(v, &vw);
	if (vw.kind != VGA_TEXT)
		return;
	lines = (vw.max_scan + 1) << vw.dbl;
	t->cols = vw.cols < 132 ? vw.cols : 132;
	t->rows = vw.h / lines < 60 ? vw.h / lines : 60;
	for (unsigned y = 0; y < t->rows; y++) {
		for (unsigned x = 0; x < t->cols; x++)
			t->cell[y * t->cols + x] = (uint16_t)cell_at(v, vw.start + y * vw.pitch + x);
	}
	place_cursor(v, &vw, t);
}
