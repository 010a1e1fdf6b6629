/*
 * vga_edid.c - the data block of the monitor that hangs on the adapter.
 *
 * Source: VESA Enhanced EDID Standard, release A, revision 2 (EDID 1.4), section 3.
 */
#include "devices/vga_int.h"
#include <string.h>

/* Detailed timing of @w x @h at 60 Hz with plain blanking: 20 % of a line, 3 % of the lines. */
static void detailed(uint8_t *d, unsigned w, unsigned h)
{
	unsigned hb = w / 5 & ~7u, vb = h * 3 / 100 + 8;
	unsigned clk = (w + hb) * (h + vb) * 60 / 10000; /* units of 10 kHz */
	unsigned hs = hb / 4, hw = hb / 2, vs = 3, vw = 4, mm_w = w * 254 / 960, mm_h = h * 254 / 960;

	d[0] = (uint8_t)clk;
	d[1] = (uint8_t)(clk >> 8);
	d[2] = (uint8_t)w;
	d[3] = (uint8_t)hb;
	d[4] = (uint8_t)(w >> 8 << 4 | hb >> 8);
	d[5] = (uint8_t)h;
	d[6] = (uint8_t)vb;
	d[7] = (uint8_t)(h >> 8 << 4 | vb >> 8);
	d[8] = (uint8_t)hs;
	d[9] = (uint8_t)hw;
	d[10] = (uint8_t)(vs << 4 | vw);
	d[11] = (uint8_t)(hs >> 8 << 6 | hw >> 8 << 4);
	d[12] = (uint8_t)mm_w;
	d[13] = (uint8_t)mm_h;
	d[14] = (uint8_t)(mm_w >> 8 << 4 | mm_h >> 8);
	d[17] = 0x18; /* digital, separate syncs */
}

void vga_edid(uint8_t e[128], unsigned w, unsigned h)
{
	static const uint8_t head[20] = {0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0,
		0x12, 0x47 /* "DRG" */, 0x11, 0x11, 0, 0, 0, 0, 1, 36 /* 2026 */, 1, 4};
	static const uint8_t srgb[10] = {0xEE, 0x91, 0xA3, 0x54, 0x4C, 0x99, 0x26, 0x0F, 0x50, 0x54};
	/* 2048x1152 1920x1200 1920x1080 1680x1050 1600x1200 1440x900 1280x1024 1280x960, 60 Hz */
	static const uint8_t standard[16] = {0xE1, 0xC0, 0xD1, 0x00, 0xD1, 0xC0, 0xB3, 0x00,
		0xA9, 0x40, 0x95, 0x00, 0x81, 0x80, 0x81, 0x40};
	/* range limits: 50-125 Hz, 30-160 kHz, at most 300 MHz, no formula */
	static const uint8_t range[18] = {0, 0, 0, 0xFD, 0, 50, 125, 30, 160, 30, 1, 0x0A, 0x20, 0x20,
		0x20, 0x20, 0x20, 0x20};
	static const uint8_t name[18] = "\0\0\0\xFC\0Dragoman\n    ";
	unsigned sum = 0;

	memset(e, 0, 128);
	memcpy(e, head, sizeof(head));
	e[20] = 0xA5; /* digital, 8 bits a colour */
	e[21] = (uint8_t)(w * 254 / 9600);
	e[22] = (uint8_t)(h * 254 / 9600);
	e[23] = 120;  /* gamma 2.2 */
	e[24] = 0x06; /* sRGB; the first detailed timing is the preferred one */
	memcpy(e + 25, srgb, sizeof(srgb));
	e[35] = 0x21; /* 640x480, 800x600 at 60 Hz */
	e[36] = 0x08; /* 1024x768 at 60 Hz */
	memcpy(e + 38, standard, sizeof(standard));
	detailed(e + 54, w, h);
	memcpy(e + 72, range, sizeof(range));
	memcpy(e + 90, name, sizeof(name));
	e[111] = 0x10; /* unused descriptor */
	for (unsigned i = 0; i < 127; i++)
		sum += e[i];
	e[127] = (uint8_t)-sum;
}
