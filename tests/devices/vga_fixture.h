/*
 * vga_fixture.h - an adapter on bare spaces, port shorthands and IBM's register tables of the
 * BIOS modes.
 */
#ifndef TESTS_DEVICES_VGA_FIXTURE_H
#define TESTS_DEVICES_VGA_FIXTURE_H

#include "devices/vga.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

struct rig {
	struct log log;
	struct clock clock;
	struct ram ram;
	struct space mem, io;
	struct vga *v;
	struct display disp;
	struct frame f;
	uint64_t cleared; /* bytes reported through dirty_cleared() */
	uint64_t seed;
};

static inline void rig_cleared(void *opaque, raddr_t ra, uint64_t len)
{
	struct rig *r = opaque;

	ck_assert_uint_ge(ra, r->v->vram_ra);
	ck_assert_uint_le(ra + len, r->v->vram_ra + VGA_VRAM_SIZE);
	for (uint64_t p = ra; p < ra + len; p += PAGE_SIZE)
		ck_assert_uint_eq(r->ram.dirty[p / PAGE_SIZE], DIRTY_TRACKED);
	r->cleared += len;
}

static inline struct rig *rig_new(void)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct err e;

	log_init(&r->log);
	clock_init(&r->clock);
	ck_assert_int_eq(ram_init(&r->ram, 32 << 20, &e), VM_OK);
	space_init(&r->mem, "memory", BIT(52) - 1, &r->ram, &r->log);
	space_init(&r->io, "io", 0xFFFF, NULL, &r->log);
	r->v = vga_create(&r->log, &r->clock, &r->mem, &r->io, &r->ram, rig_cleared, r);
	ck_assert_ptr_nonnull(r->v);
	vga_display(r->v, &r->disp);
	r->seed = 12345;
	return r;
}

static inline void rig_free(struct rig *r)
{
	frame_free(&r->f);
	free(r->v);
	space_fini(&r->mem);
	space_fini(&r->io);
	ram_fini(&r->ram);
	log_fini(&r->log);
	free(r);
}

static inline uint32_t rnd(struct rig *r)
{
	r->seed ^= r->seed << 13;
	r->seed ^= r->seed >> 7;
	r->seed ^= r->seed << 17;
	return (uint32_t)(r->seed >> 16);
}

static inline void out8(struct rig *r, unsigned port, unsigned val)
{
	space_write(&r->io, port, val, 1);
}

static inline unsigned in8(struct rig *r, unsigned port)
{
	return (unsigned)space_read(&r->io, port, 1);
}

/* index in the low byte, data in the high byte, as programs write them */
static inline void seq(struct rig *r, unsigned i, unsigned val)
{
	space_write(&r->io, 0x3C4, i | val << 8, 2);
}

static inline void gfx(struct rig *r, unsigned i, unsigned val)
{
	space_write(&r->io, 0x3CE, i | val << 8, 2);
}

static inline void crtc(struct rig *r, unsigned i, unsigned val)
{
	space_write(&r->io, 0x3D4, i | val << 8, 2);
}

static inline void attr(struct rig *r, unsigned i, unsigned val)
{
	in8(r, 0x3DA);
	out8(r, 0x3C0, i);
	out8(r, 0x3C0, val);
	out8(r, 0x3C0, 0x20);
}

static inline void vbe(struct rig *r, unsigned reg, unsigned val)
{
	space_write(&r->io, 0x1CE, reg, 2);
	space_write(&r->io, 0x1CF, val, 2);
}

static inline unsigned vbe_get(struct rig *r, unsigned reg)
{
	space_write(&r->io, 0x1CE, reg, 2);
	return (unsigned)space_read(&r->io, 0x1CF, 2);
}

static inline void poke(struct rig *r, uint64_t addr, unsigned val)
{
	space_write(&r->mem, addr, val, 1);
}

static inline unsigned peek(struct rig *r, uint64_t addr)
{
	return (unsigned)space_read(&r->mem, addr, 1);
}

struct bios_mode {
	uint8_t misc, seq[5], crtc[25], gfx[9], attr[21];
};

#define ATTR_EGA 0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39, 0x3A, 0x3B, 0x3C, 0x3D, 0x3E, 0x3F
#define ATTR_LOW 0, 1, 2, 3, 4, 5, 6, 7, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17
#define ATTR_CGA 0, 0x13, 0x15, 0x17, 2, 4, 6, 7, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17
#define ATTR_MONO 0, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, \
	0x17, 0x17
#define ATTR_IDENT 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15

static const struct bios_mode mode_03 = {0x67, {3, 0, 3, 0, 2},
	{0x5F, 0x4F, 0x50, 0x82, 0x55, 0x81, 0xBF, 0x1F, 0, 0x4F, 0x0D, 0x0E, 0, 0, 0, 0, 0x9C, 0x8E,
		0x8F, 0x28, 0x1F, 0x96, 0xB9, 0xA3, 0xFF},
	{0, 0, 0, 0, 0, 0x10, 0x0E, 0, 0xFF}, {ATTR_EGA, 0x0C, 0, 0x0F, 8, 0}};
static const struct bios_mode mode_01 = {0x67, {3, 8, 3, 0, 2},
	{0x2D, 0x27, 0x28, 0x90, 0x2B, 0xA0, 0xBF, 0x1F, 0, 0x4F, 0x0D, 0x0E, 0, 0, 0, 0, 0x9C, 0x8E,
		0x8F, 0x14, 0x1F, 0x96, 0xB9, 0xA3, 0xFF},
	{0, 0, 0, 0, 0, 0x10, 0x0E, 0, 0xFF}, {ATTR_EGA, 0x0C, 0, 0x0F, 8, 0}};
static const struct bios_mode mode_04 = {0x63, {3, 9, 3, 0, 2},
	{0x2D, 0x27, 0x28, 0x90, 0x2B, 0x80, 0xBF, 0x1F, 0, 0xC1, 0, 0, 0, 0, 0, 0, 0x9C, 0x8E, 0x8F,
		0x14, 0, 0x96, 0xB9, 0xA2, 0xFF},
	{0, 0, 0, 0, 0, 0x30, 0x0F, 0, 0xFF}, {ATTR_CGA, 1, 0, 3, 0, 0}};
static const struct bios_mode mode_06 = {0x63, {3, 1, 1, 0, 6},
	{0x5F, 0x4F, 0x50, 0x82, 0x54, 0x80, 0xBF, 0x1F, 0, 0xC1, 0, 0, 0, 0, 0, 0, 0x9C, 0x8E, 0x8F,
		0x28, 0, 0x96, 0xB9, 0xC2, 0xFF},
	{0, 0, 0, 0, 0, 0, 0x0D, 0, 0xFF}, {ATTR_MONO, 1, 0, 1, 0, 0}};
static const struct bios_mode mode_0d = {0x63, {3, 9, 0xF, 0, 6},
	{0x2D, 0x27, 0x28, 0x90, 0x2B, 0x80, 0xBF, 0x1F, 0, 0xC0, 0, 0, 0, 0, 0, 0, 0x9C, 0x8E, 0x8F,
		0x14, 0, 0x96, 0xB9, 0xE3, 0xFF},
	{0, 0, 0, 0, 0, 0, 5, 0xF, 0xFF}, {ATTR_LOW, 1, 0, 0xF, 0, 0}};
static const struct bios_mode mode_12 = {0xE3, {3, 1, 0xF, 0, 6},
	{0x5F, 0x4F, 0x50, 0x82, 0x54, 0x80, 0x0B, 0x3E, 0, 0x40, 0, 0, 0, 0, 0, 0, 0xEA, 0x8C, 0xDF,
		0x28, 0, 0xE7, 0x04, 0xE3, 0xFF},
	{0, 0, 0, 0, 0, 0, 5, 0xF, 0xFF}, {ATTR_EGA, 1, 0, 0xF, 0, 0}};
static const struct bios_mode mode_13 = {0x63, {3, 1, 0xF, 0, 0xE},
	{0x5F, 0x4F, 0x50, 0x82, 0x54, 0x80, 0xBF, 0x1F, 0, 0x41, 0, 0, 0, 0, 0, 0, 0x9C, 0x8E, 0x8F,
		0x28, 0x40, 0x96, 0xB9, 0xA3, 0xFF},
	{0, 0, 0, 0, 0, 0x40, 5, 0xF, 0xFF}, {ATTR_IDENT, 0x41, 0, 0xF, 0, 0}};
/* 320x240, unchained: the "mode X" of Michael Abrash */
static const struct bios_mode mode_x = {0xE3, {3, 1, 0xF, 0, 6},
	{0x5F, 0x4F, 0x50, 0x82, 0x54, 0x80, 0x0D, 0x3E, 0, 0x41, 0, 0, 0, 0, 0, 0, 0xEA, 0xAC, 0xDF,
		0x28, 0, 0xE7, 0x06, 0xE3, 0xFF},
	{0, 0, 0, 0, 0, 0x40, 5, 0xF, 0xFF}, {ATTR_IDENT, 0x41, 0, 0xF, 0, 0}};

static inline void set_mode(struct rig *r, const struct bios_mode *m)
{
	out8(r, 0x3C2, m->misc);
	for (unsigned i = 0; i < 5; i++)
		seq(r, i, m->seq[i]);
	crtc(r, 0x11, 0);
	for (unsigned i = 0; i < 25; i++)
		crtc(r, i, m->crtc[i]);
	for (unsigned i = 0; i < 9; i++)
		gfx(r, i, m->gfx[i]);
	in8(r, 0x3DA);
	for (unsigned i = 0; i < 21; i++) {
		out8(r, 0x3C0, i);
		out8(r, 0x3C0, m->attr[i]);
	}
	out8(r, 0x3C0, 0x20);
	out8(r, 0x3C8, 0);
	for (unsigned i = 0; i < 256; i++) {
		out8(r, 0x3C9, i & 63);
		out8(r, 0x3C9, (i * 5 + 3) & 63);
		out8(r, 0x3C9, (i * 11 + 7) & 63);
	}
}

/* What the DAC programmed above makes of index @i. */
static inline uint32_t dac6(unsigned c)
{
	return c * 4 + c / 16;
}

static inline uint32_t want_rgb(unsigned i)
{
	i &= 255;
	return dac6(i & 63) << 16 | dac6((i * 5 + 3) & 63) << 8 | dac6((i * 11 + 7) & 63);
}

static inline void update(struct rig *r, bool full)
{
	r->disp.update(r->disp.opaque, &r->f, full);
}

#define PIX(r, x, y) ((r)->f.pix[(size_t)(y) * (r)->f.w + (x)])

static inline void assert_size(struct rig *r, unsigned w, unsigned h)
{
	ck_assert_uint_eq(r->f.w, w);
	ck_assert_uint_eq(r->f.h, h);
}

/* one check per pixel would spend its time in check's bookkeeping: only a difference calls it */
#define assert_pix(r, x, y, want)                                                                  \
	do {                                                                                       \
		uint32_t want_ = (want);                                                           \
		if (PIX(r, x, y) != want_)                                                         \
			ck_abort_msg("pixel %u,%u is %06x, want %06x", (unsigned)(x),              \
				(unsigned)(y), PIX(r, x, y), want_);                               \
	} while (0)

#endif
