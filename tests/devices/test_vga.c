/*
 * test_vga.c - every mode from programmed registers and memory to pixels, against plain formulas.
 */
#include "tests/devices/vga_fixture.h"

static uint8_t font_byte(unsigned font, unsigned ch, unsigned line)
{
	return (uint8_t)(ch * 7 + line * 29 + font * 101 + (ch ^ line) * 3);
}

/* Load two fonts into plane 2 as a BIOS does: sequential addressing, map A at A0000h. */
static void load_fonts(struct rig *r)
{
	seq(r, 2, 4);
	seq(r, 4, 7);
	gfx(r, 5, 0);
	gfx(r, 6, 4);
	for (unsigned ch = 0; ch < 256; ch++) {
		for (unsigned l = 0; l < 32; l++) {
			poke(r, 0xA0000 + ch * 32 + l, font_byte(0, ch, l));
			poke(r, 0xA4000 + ch * 32 + l, font_byte(1, ch, l));
		}
	}
	seq(r, 2, 3);
	seq(r, 4, 2);
	gfx(r, 5, 0x10);
	gfx(r, 6, 0x0E);
}

static void fill_text(struct rig *r, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		space_write(&r->mem, 0xB8000 + i * 2, rnd(r) & 0xFFFF, 2);
}

struct text_want {
	unsigned cols, dots, rep, lines;
	bool two_fonts, blink, off; /* off: the half of the period where blinking text is gone */
	unsigned cursor, cur0, cur1; /* cell, lines */
	unsigned first, pitch;
};

static uint32_t want_text(struct rig *r, const struct text_want *t, unsigned x, unsigned y)
{
	unsigned px = x / t->rep, row = y / t->lines, line = y % t->lines;
	unsigned cell = t->first + row * t->pitch + px / t->dots, dot = px % t->dots;
	unsigned ch = peek(r, 0xB8000 + cell * 2), at = peek(r, 0xB8001 + cell * 2);
	unsigned g = font_byte(t->two_fonts && at & 8 ? 1 : 0, ch, line), bg = at >> 4, fg = at & 15;
	static const uint8_t pal[16] = {ATTR_EGA};
	bool on = dot < 8 ? g >> (7 - dot) & 1 : ch >= 0xC0 && ch <= 0xDF && g & 1;

	if (t->blink) {
		if (t->off && at & 0x80)
			on = false;
		bg &= 7;
	}
	if (cell == t->cursor && line >= t->cur0 && line <= t->cur1)
		on = true;
	return want_rgb(pal[on ? fg : bg]);
}

static void check_text(struct rig *r, const struct text_want *t, unsigned rows)
{
	assert_size(r, t->cols * t->dots * t->rep, rows * t->lines);
	for (unsigned y = 0; y < r->f.h; y++) {
		for (unsigned x = 0; x < r->f.w; x++)
			assert_pix(r, x, y, want_text(r, t, x, y));
	}
}

START_TEST(text_80x25)
{
	struct rig *r = rig_new();
	struct text_want t = {.cols = 80, .dots = 9, .rep = 1, .lines = 16, .blink = true,
		.cursor = 165, .cur0 = 13, .cur1 = 14, .pitch = 80};

	set_mode(r, &mode_03);
	load_fonts(r);
	fill_text(r, 2000);
	crtc(r, 0x0F, 165);
	update(r, false);
	ck_assert(r->f.resized);
	ck_assert_uint_eq(r->f.y0, 0);
	ck_assert_uint_eq(r->f.y1, 400);
	check_text(r, &t, 25);
	/* both fonts, bright backgrounds, no cursor */
	seq(r, 3, 0x04);
	attr(r, 0x10, 0x04);
	crtc(r, 0x0A, 0x2D);
	t.two_fonts = true;
	t.blink = false;
	t.cursor = ~0u;
	update(r, false);
	check_text(r, &t, 25);
	/* 8 dots */
	seq(r, 1, 1);
	t.dots = 8;
	attr(r, 0x13, 0);
	update(r, false);
	check_text(r, &t, 25);
	/* scrolled by the start address */
	crtc(r, 0x0C, 0x01);
	crtc(r, 0x0D, 0x10);
	t.first = 0x110;
	update(r, false);
	check_text(r, &t, 25);
	rig_free(r);
}
END_TEST

START_TEST(text_40x25)
{
	struct rig *r = rig_new();
	struct text_want t = {.cols = 40, .dots = 9, .rep = 2, .lines = 16, .blink = true,
		.cursor = 0, .cur0 = 13, .cur1 = 14, .pitch = 40};

	set_mode(r, &mode_01);
	load_fonts(r);
	fill_text(r, 1000);
	update(r, false);
	check_text(r, &t, 25);
	rig_free(r);
}
END_TEST

START_TEST(text_blinks_by_the_virtual_clock)
{
	struct rig *r = rig_new();
	struct text_want t = {.cols = 80, .dots = 9, .rep = 1, .lines = 16, .blink = true,
		.cursor = 0, .cur0 = 13, .cur1 = 14, .pitch = 80};

	set_mode(r, &mode_03);
	load_fonts(r);
	fill_text(r, 2000);
	update(r, false);
	check_text(r, &t, 25);
	clock_advance(&r->clock, NS_PER_SEC * 9 / 60); /* cursor off */
	t.cursor = ~0u;
	update(r, false);
	ck_assert_uint_eq(r->f.y0, 0);
	ck_assert_uint_eq(r->f.y1, 16); /* only its row */
	check_text(r, &t, 25);
	clock_advance(&r->clock, NS_PER_SEC * 9 / 60); /* characters off, cursor on */
	t.off = true;
	t.cursor = 0;
	update(r, false);
	check_text(r, &t, 25);
	rig_free(r);
}
END_TEST

START_TEST(text_redraws_only_changed_rows)
{
	struct rig *r = rig_new();

	set_mode(r, &mode_03);
	load_fonts(r);
	update(r, false);
	update(r, false);
	ck_assert_uint_ge(r->f.y0, r->f.y1);
	space_write(&r->mem, 0xB8000 + (10 * 80 + 3) * 2, 0x4F41, 2);
	update(r, false);
	ck_assert_uint_eq(r->f.y0, 160);
	ck_assert_uint_eq(r->f.y1, 176);
	crtc(r, 0x0E, 1000 >> 8); /* the cursor leaves row 0 for row 12 */
	crtc(r, 0x0F, 1000 & 255);
	update(r, false);
	ck_assert_uint_eq(r->f.y0, 0);
	ck_assert_uint_eq(r->f.y1, 13 * 16);
	/* a changed glyph redraws all */
	seq(r, 2, 4);
	seq(r, 4, 7);
	gfx(r, 6, 4);
	poke(r, 0xA0000 + 0x41 * 32 + 5, ~font_byte(0, 0x41, 5) & 255);
	seq(r, 2, 3);
	seq(r, 4, 2);
	gfx(r, 6, 0x0E);
	update(r, false);
	ck_assert_uint_eq(r->f.y1 - r->f.y0, 400);
	rig_free(r);
}
END_TEST

START_TEST(text_underline_pan_preset)
{
	struct rig *r = rig_new();

	set_mode(r, &mode_03);
	load_fonts(r);
	crtc(r, 0x0A, 0x20);
	for (unsigned i = 0; i < 80 * 26; i++)
		space_write(&r->mem, 0xB8000 + i * 2, 0x0700 | (i & 0xFF), 2);
	space_write(&r->mem, 0xB8000, 0x0100 | 'x', 2);
	crtc(r, 0x14, 12);
	update(r, false);
	for (unsigned x = 0; x < 9; x++)
		assert_pix(r, x, 12, want_rgb(1));
	/* panning by 3 dots (value 2) and 5 lines shifts the picture */
	crtc(r, 0x14, 0x1F);
	update(r, false);
	struct frame old = r->f;
	r->f = (struct frame){0};
	attr(r, 0x13, 2);
	crtc(r, 8, 5);
	update(r, false);
	for (unsigned y = 0; y < 395; y++) {
		for (unsigned x = 0; x < 717; x++)
			assert_pix(r, x, y, old.pix[(y + 5) * 720 + x + 3]);
	}
	frame_free(&old);
	rig_free(r);
}
END_TEST

START_TEST(text_cells)
{
	struct rig *r = rig_new();
	struct text_screen *t = calloc(1, sizeof(*t));

	set_mode(r, &mode_03);
	fill_text(r, 2000);
	crtc(r, 0x0E, (7 * 80 + 9) >> 8);
	crtc(r, 0x0F, (7 * 80 + 9) & 255);
	r->disp.text(r->disp.opaque, t);
	ck_assert_uint_eq(t->cols, 80);
	ck_assert_uint_eq(t->rows, 25);
	ck_assert(t->cursor_on);
	ck_assert_uint_eq(t->cursor_x, 9);
	ck_assert_uint_eq(t->cursor_y, 7);
	for (unsigned i = 0; i < 2000; i++)
		ck_assert_uint_eq(t->cell[i], space_read(&r->mem, 0xB8000 + i * 2, 2));
	set_mode(r, &mode_13);
	r->disp.text(r->disp.opaque, t);
	ck_assert_uint_eq(t->cols, 0);
	free(t);
	rig_free(r);
}
END_TEST

START_TEST(cga_4_colours)
{
	static const uint8_t pal[16] = {ATTR_CGA};
	struct rig *r = rig_new();

	set_mode(r, &mode_04);
	for (unsigned i = 0; i < 0x4000; i++)
		poke(r, 0xB8000 + i, rnd(r) & 255);
	update(r, false);
	assert_size(r, 640, 400);
	for (unsigned y = 0; y < 400; y++) {
		unsigned l = y / 2, a = 0xB8000 + (l & 1) * 0x2000 + l / 2 * 80;

		for (unsigned x = 0; x < 640; x++) {
			unsigned p = x / 2, b = peek(r, a + p / 4);

			assert_pix(r, x, y, want_rgb(pal[b >> (6 - p % 4 * 2) & 3]));
		}
	}
	rig_free(r);
}
END_TEST

START_TEST(cga_2_colours)
{
	struct rig *r = rig_new();

	set_mode(r, &mode_06);
	for (unsigned i = 0; i < 0x4000; i++)
		poke(r, 0xB8000 + i, rnd(r) & 255);
	update(r, false);
	assert_size(r, 640, 400);
	for (unsigned y = 0; y < 400; y++) {
		unsigned l = y / 2, a = 0xB8000 + (l & 1) * 0x2000 + l / 2 * 80;

		for (unsigned x = 0; x < 640; x++)
			assert_pix(r, x, y,
				want_rgb(peek(r, a + x / 8) >> (7 - x % 8) & 1 ? 0x17 : 0));
	}
	rig_free(r);
}
END_TEST

static void fill_planes(struct rig *r, unsigned bytes, uint8_t *img)
{
	for (unsigned p = 0; p < 4; p++) {
		seq(r, 2, 1 << p);
		for (unsigned i = 0; i < bytes; i++) {
			img[p * bytes + i] = rnd(r) & 255;
			poke(r, 0xA0000 + i, img[p * bytes + i]);
		}
	}
	seq(r, 2, 15);
}

static unsigned planar_pixel(const uint8_t *img, unsigned bytes, unsigned off, unsigned bit)
{
	unsigned c = 0;

	for (unsigned p = 0; p < 4; p++)
		c |= (img[p * bytes + off] >> (7 - bit) & 1u) << p;
	return c;
}

START_TEST(planar_640x480)
{
	static const uint8_t pal[16] = {ATTR_EGA};
	struct rig *r = rig_new();
	uint8_t *img = malloc(4 * 38400);

	set_mode(r, &mode_12);
	fill_planes(r, 38400, img);
	for (unsigned pass = 0; pass < 2; pass++) {
		unsigned enable = pass ? 0x0B : 0x0F; /* without plane 2 the second time */

		attr(r, 0x12, enable);
		update(r, false);
		assert_size(r, 640, 480);
		for (unsigned y = 0; y < 480; y++) {
			for (unsigned x = 0; x < 640; x++)
				assert_pix(r, x, y, want_rgb(pal[planar_pixel(img, 38400,
					y * 80 + x / 8, x % 8) & enable]));
		}
	}
	free(img);
	rig_free(r);
}
END_TEST

START_TEST(planar_320x200)
{
	static const uint8_t pal[16] = {ATTR_LOW};
	struct rig *r = rig_new();
	uint8_t *img = malloc(4 * 8000);

	set_mode(r, &mode_0d);
	fill_planes(r, 8000, img);
	attr(r, 0x14, 0x05); /* P7P6 = 01; P5P4 from 14h too: */
	attr(r, 0x10, 0x81);
	update(r, false);
	assert_size(r, 640, 400);
	for (unsigned y = 0; y < 400; y++) {
		for (unsigned x = 0; x < 640; x++) {
			unsigned c = planar_pixel(img, 8000, y / 2 * 40 + x / 16, x / 2 % 8);

			assert_pix(r, x, y, want_rgb((pal[c] & 15) | 0x10 | 0x40));
		}
	}
	free(img);
	rig_free(r);
}
END_TEST

START_TEST(mode_13h)
{
	struct rig *r = rig_new();

	set_mode(r, &mode_13);
	for (unsigned i = 0; i < 64000; i += 4)
		space_write(&r->mem, 0xA0000 + i, rnd(r), 4);
	out8(r, 0x3C6, 0x7F);
	update(r, false);
	assert_size(r, 640, 400);
	for (unsigned y = 0; y < 400; y++) {
		for (unsigned x = 0; x < 640; x++)
			assert_pix(r, x, y,
				want_rgb(peek(r, 0xA0000 + y / 2 * 320 + x / 2) & 0x7F));
	}
	/* one byte: its two lines only */
	poke(r, 0xA0000 + 100 * 320 + 7, peek(r, 0xA0000 + 100 * 320 + 7) ^ 0x55);
	update(r, false);
	ck_assert_uint_le(r->f.y0, 200);
	ck_assert_uint_ge(r->f.y1, 202);
	ck_assert_uint_le(r->f.y1 - r->f.y0, 2 * 15); /* lines that share the 4 KiB page */
	assert_pix(r, 14, 201, want_rgb(peek(r, 0xA0000 + 100 * 320 + 7) & 0x7F));
	rig_free(r);
}
END_TEST

START_TEST(mode_x_start_split_pan)
{
	struct rig *r = rig_new();
	uint8_t *img = malloc(4 * 65536);
	unsigned start = 0x1234, split = 301, pan = 2;

	set_mode(r, &mode_x);
	fill_planes(r, 65536, img);
	crtc(r, 0x0C, start >> 8);
	crtc(r, 0x0D, start & 255);
	crtc(r, 0x18, split & 255);
	crtc(r, 0x07, 0x3E & ~0x10); /* bit 8 of line compare is 1 in 301: */
	crtc(r, 0x07, 0x3E | 0x10);
	crtc(r, 0x09, 0x01);
	attr(r, 0x13, pan * 2);
	attr(r, 0x10, 0x61);
	update(r, false);
	assert_size(r, 640, 480);
	for (unsigned y = 0; y < 480; y++) {
		for (unsigned x = 0; x < 640; x++) {
			bool below = y > split;
			unsigned px = x / 2 + (below ? 0 : pan);
			unsigned line = (below ? y - split - 1 : y) / 2;
			unsigned off = (below ? 0 : start) + line * 80 + px / 4;

			assert_pix(r, x, y, want_rgb(img[px % 4 * 65536 + (off & 0xFFFF)]));
		}
	}
	free(img);
	rig_free(r);
}
END_TEST

static void lfb(struct rig *r, uint32_t off, const void *p, unsigned len)
{
	memcpy(r->v->vram + off, p, len);
	ram_written(&r->ram, r->v->vram_ra + off, len);
}

static void vbe_mode(struct rig *r, unsigned w, unsigned h, unsigned bpp)
{
	vbe(r, VBE_ENABLE, 0);
	vbe(r, VBE_XRES, w);
	vbe(r, VBE_YRES, h);
	vbe(r, VBE_BPP, bpp);
	vbe(r, VBE_ENABLE, VBE_ENABLED | VBE_LFB);
}

static uint32_t want_direct(const uint8_t *p, unsigned bpp)
{
	unsigned v = p[0] | p[1] << 8;

	switch (bpp) {
	case 8:
		return want_rgb(p[0]);
	case 15:
		return (((v >> 10 & 31) * 33 / 4) << 16) | (((v >> 5 & 31) * 33 / 4) << 8) |
			((v & 31) * 33 / 4);
	case 16:
		return (((v >> 11 & 31) * 33 / 4) << 16) | (((v >> 5 & 63) * 65 / 16) << 8) |
			((v & 31) * 33 / 4);
	default:
		return (uint32_t)p[2] << 16 | v;
	}
}

START_TEST(vbe_depths)
{
	static const unsigned depths[] = {8, 15, 16, 24, 32};
	unsigned bpp = depths[_i], step = (bpp + 7) / 8, w = 800, h = 600, vw = 1024;
	struct rig *r = rig_new();
	uint8_t *line = malloc(vw * step);

	set_mode(r, &mode_13); /* fills the DAC and switches the picture on */
	vbe_mode(r, w, h, bpp);
	vbe(r, VBE_VIRT_W, vw);
	vbe(r, VBE_X_OFF, 16);
	vbe(r, VBE_Y_OFF, 9);
	ck_assert_uint_eq(vbe_get(r, VBE_VIRT_W), vw);
	ck_assert_uint_eq(vbe_get(r, VBE_VIRT_H), VGA_VRAM_SIZE / (vw * step));
	for (unsigned y = 0; y < h + 20; y++) {
		for (unsigned i = 0; i < vw * step; i++)
			line[i] = rnd(r) & 255;
		lfb(r, y * vw * step, line, vw * step);
	}
	update(r, false);
	assert_size(r, w, h);
	for (unsigned y = 0; y < h; y++) {
		for (unsigned x = 0; x < w; x++)
			assert_pix(r, x, y,
				want_direct(r->v->vram + ((y + 9) * vw + x + 16) * step, bpp));
	}
	/* dirty tracking: only the rows on the written page */
	r->cleared = 0;
	update(r, false);
	ck_assert_uint_ge(r->f.y0, r->f.y1);
	ck_assert_uint_eq(r->cleared, 0);
	lfb(r, (100 * vw + 50) * step, "\1\2\3\4", step);
	update(r, false);
	ck_assert_uint_le(r->f.y0, 91);
	ck_assert_uint_gt(r->f.y1, 91);
	ck_assert_uint_le(r->f.y1 - r->f.y0, 4096 / (vw * step) + 1);
	ck_assert_uint_eq(r->cleared, 4096);
	assert_pix(r, 34, 91, want_direct((const uint8_t *)"\1\2\3\4", bpp));
	free(line);
	rig_free(r);
}
END_TEST

/* The largest mode of all: two pages of it fit in the 16 MiB, the corners of both come where they belong and nowhere else. */
START_TEST(vbe_largest)
{
	const unsigned w = 1920, h = 1080;
	struct rig *r = rig_new();

	set_mode(r, &mode_13);
	ck_assert_uint_eq(vbe_get(r, VBE_MEM_64K) * 65536, 16u << 20);
	vbe_mode(r, w, h, 32);
	ck_assert_uint_eq(vbe_get(r, VBE_XRES), w);
	ck_assert_uint_eq(vbe_get(r, VBE_YRES), h);
	ck_assert_uint_eq(vbe_get(r, VBE_BPP), 32);
	ck_assert_uint_eq(vbe_get(r, VBE_VIRT_W), w);
	ck_assert_uint_eq(vbe_get(r, VBE_VIRT_H), (16u << 20) / (w * 4));
	for (unsigned page = 0; page < 2; page++) {
		for (unsigned c = 0; c < 4; c++) {
			unsigned y = page * h + c / 2 * (h - 1), x = c % 2 * (w - 1), off = (y * w + x) * 4;

			if (page) { /* the linear picture, then the window of 64 KiB */
				vbe(r, VBE_BANK, off >> 16);
				space_write(&r->mem, 0xA0000 + (off & 0xFFFF), 0x445566 + c, 4);
			} else {
				uint32_t v = 0x112233 + c;

				lfb(r, off, &v, 4);
			}
		}
		vbe(r, VBE_Y_OFF, page * h);
		ck_assert_uint_eq(vbe_get(r, VBE_Y_OFF), page * h);
		update(r, false);
		assert_size(r, w, h);
		for (unsigned y = 0; y < h; y++) {
			for (unsigned x = 0; x < w; x++) {
				bool corner = (!x || x == w - 1) && (!y || y == h - 1);
				unsigned c = !!y * 2 + !!x;

				if (corner)
					assert_pix(r, x, y, (page ? 0x445566 : 0x112233) + c);
				else if (PIX(r, x, y))
					assert_pix(r, x, y, 0);
			}
		}
	}
	rig_free(r);
}
END_TEST

START_TEST(vbe_4bpp)
{
	static const uint8_t pal[16] = {ATTR_EGA};
	struct rig *r = rig_new();
	uint8_t *img = malloc(4 * 60000);

	set_mode(r, &mode_12);
	vbe_mode(r, 800, 600, 4);
	fill_planes(r, 60000, img);
	update(r, false);
	assert_size(r, 800, 600);
	for (unsigned y = 0; y < 600; y++) {
		for (unsigned x = 0; x < 800; x++)
			assert_pix(r, x, y,
				want_rgb(pal[planar_pixel(img, 60000, y * 100 + x / 8, x % 8)]));
	}
	free(img);
	rig_free(r);
}
END_TEST

START_TEST(vbe_banks_caps_and_clear)
{
	struct rig *r = rig_new();

	set_mode(r, &mode_13);
	ck_assert_uint_eq(vbe_get(r, VBE_ID), 0xB0C5);
	ck_assert_uint_eq(vbe_get(r, VBE_MEM_64K), 256);
	vbe(r, VBE_ENABLE, VBE_GETCAPS);
	ck_assert_uint_eq(vbe_get(r, VBE_XRES), FRAME_MAX_W);
	ck_assert_uint_eq(vbe_get(r, VBE_BPP), 32);
	poke(r, 0xA0005, 0x77);
	vbe(r, VBE_ENABLE, 0);
	vbe(r, VBE_XRES, 640);
	vbe(r, VBE_YRES, 480);
	vbe(r, VBE_BPP, 8);
	vbe(r, VBE_ENABLE, VBE_ENABLED | VBE_NOCLEAR);
	ck_assert_uint_eq(r->v->vram[5], 0x77);
	vbe(r, VBE_ENABLE, 0);
	vbe(r, VBE_ENABLE, VBE_ENABLED);
	ck_assert_uint_eq(r->v->vram[5], 0);
	vbe(r, VBE_BANK, 3);
	space_write(&r->mem, 0xA1235, 0xCAFE, 2);
	ck_assert_uint_eq(r->v->vram[0x31235], 0xFE);
	ck_assert_uint_eq(r->v->vram[0x31236], 0xCA);
	ck_assert_uint_eq(space_read(&r->mem, 0xA1235, 2), 0xCAFE);
	vbe(r, VBE_BANK, 0xFFFF);
	poke(r, 0xAFFFF, 0x5A);
	ck_assert_uint_eq(r->v->vram[VGA_VRAM_SIZE - 1], 0x5A);
	/* 8-bit DAC */
	vbe(r, VBE_ENABLE, VBE_ENABLED | VBE_8BIT_DAC | VBE_NOCLEAR);
	out8(r, 0x3C8, 0);
	out8(r, 0x3C9, 0xAB);
	out8(r, 0x3C9, 0xCD);
	out8(r, 0x3C9, 0xEF);
	update(r, false);
	assert_pix(r, 9, 9, 0xABCDEFu);
	rig_free(r);
}
END_TEST

START_TEST(blank_and_full)
{
	struct rig *r = rig_new();

	update(r, false); /* power on: black, text size */
	assert_size(r, 720, 400);
	ck_assert_uint_eq(PIX(r, 5, 5), 0);
	set_mode(r, &mode_13);
	update(r, false);
	assert_pix(r, 5, 5, want_rgb(0));
	update(r, true);
	ck_assert_uint_eq(r->f.y1 - r->f.y0, 400);
	/* a second frame (a screenshot's) takes nothing away from the first */
	struct frame other = {0};
	poke(r, 0xA0000, 0x42);
	r->disp.update(r->disp.opaque, &other, false);
	ck_assert_uint_eq(other.pix[0], want_rgb(0x42));
	update(r, false);
	assert_pix(r, 0, 0, want_rgb(0x42));
	frame_free(&other);
	seq(r, 1, 0x21); /* screen off */
	update(r, false);
	assert_size(r, 640, 400);
	ck_assert_uint_eq(PIX(r, 5, 5), 0);
	rig_free(r);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("vga");
	TCase *t = tcase_create("modes");
	SRunner *sr;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, text_80x25);
	tcase_add_test(t, text_40x25);
	tcase_add_test(t, text_blinks_by_the_virtual_clock);
	tcase_add_test(t, text_redraws_only_changed_rows);
	tcase_add_test(t, text_underline_pan_preset);
	tcase_add_test(t, text_cells);
	tcase_add_test(t, cga_4_colours);
	tcase_add_test(t, cga_2_colours);
	tcase_add_test(t, planar_640x480);
	tcase_add_test(t, planar_320x200);
	tcase_add_test(t, mode_13h);
	tcase_add_test(t, mode_x_start_split_pan);
	tcase_add_loop_test(t, vbe_depths, 0, 5);
	tcase_add_test(t, vbe_largest);
	tcase_add_test(t, vbe_4bpp);
	tcase_add_test(t, vbe_banks_caps_and_clear);
	tcase_add_test(t, blank_and_full);
	suite_add_tcase(s, t);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
