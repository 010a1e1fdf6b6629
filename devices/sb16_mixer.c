/*
 * sb16_mixer.c - the CT1745: volumes, and which interrupt and DMA channels the card uses (sb16.h).
 *
 * Source: Creative, "Sound Blaster Series Hardware Programming Guide", chapter 4.
 */
#include "devices/sb16.h"
#include <string.h>

enum { MIX_RESET = 0x00, MIX_VOICE = 0x04, MIX_MASTER = 0x22, MIX_MASTER_L = 0x30, MIX_VOICE_L = 0x32, MIX_FM_L = 0x34, MIX_IRQ = 0x80, MIX_DMA = 0x81,
	MIX_PENDING = 0x82 };
#define PENDING_8 1
#define PENDING_16 2

/* 32768 * 10^(-2 dB * n / 20): the 5-bit volumes have steps of 2 dB */
static const uint16_t steps[32] = {32768, 26029, 20675, 16423, 13045, 10362, 8231, 6538, 5193, 4125, 3277, 2603, 2068, 1642, 1305, 1036,
	823, 654, 519, 413, 328, 260, 207, 164, 130, 104, 82, 65, 52, 41, 33, 26};

/* Registers of older cards are the upper four bits of two of this one's. */
static unsigned old_pair(uint8_t reg)
{
	switch (reg) {
	case MIX_VOICE:
		return MIX_VOICE_L;
	case MIX_MASTER:
		return MIX_MASTER_L;
	case 0x26:
		return MIX_FM_L; /* which the manual calls MIDI */
	case 0x28:
		return 0x36; /* CD */
	case 0x2E:
		return 0x38; /* line */
	}
	return 0;
}

static const uint8_t lines[SB16_LINES] = {9, 5, 7, 10}; /* bits 0..3 of register 80h */

static void set_wires(struct sb16 *b)
{
	bool level = (b->s.mixer[MIX_PENDING] & (PENDING_8 | PENDING_16)) != 0;

	for (unsigned i = 0; i < SB16_LINES; i++)
		irq_set(&b->irq[i], level && (b->s.mixer[MIX_IRQ] >> i & 1));
}

void sb16_raise(struct sb16 *b, bool wide)
{
	b->s.mixer[MIX_PENDING] |= wide ? PENDING_16 : PENDING_8;
	set_wires(b);
}

void sb16_ack(struct sb16 *b, bool wide)
{
	b->s.mixer[MIX_PENDING] &= (uint8_t)~(wide ? PENDING_16 : PENDING_8);
	set_wires(b);
}

/* Resources are not reset with the rest (4-16: the registers keep what the configuration utility wrote). */
static void default_volumes(struct sb16 *b)
{
	uint8_t *r = b->s.mixer;

	memset(r, 0, MIX_IRQ);
	for (unsigned i = 0x30; i < 0x36; i++)
		r[i] = 24 << 3;
	r[0x3C] = 0x1F;
	r[0x3D] = 0x15;
	r[0x3E] = 0x0B;
	for (unsigned i = 0x44; i < 0x48; i++)
		r[i] = 0x80;
}

void sb16_mixer_reset(struct sb16 *b)
{
	memset(b->s.mixer, 0, sizeof(b->s.mixer));
	default_volumes(b);
	for (unsigned i = 0; i < SB16_LINES; i++)
		if (lines[i] == b->cfg.irq)
			b->s.mixer[MIX_IRQ] = (uint8_t)BIT(i);
	b->s.mixer[MIX_DMA] = (uint8_t)(BIT(b->cfg.dma & 7) | BIT(b->cfg.dma16 & 7));
	b->s.index = 0;
	set_wires(b);
}

uint8_t sb16_mixer_read(const struct sb16 *b, uint8_t reg)
{
	unsigned pair = old_pair(reg);

	if (pair)
		return (uint8_t)((b->s.mixer[pair] & 0xF0) | b->s.mixer[pair + 1] >> 4);
	if (reg == MIX_IRQ)
		return b->s.mixer[reg] | 0xF0;
	if (reg == MIX_PENDING)
		return b->s.mixer[reg] | 0x20; /* of DSP 4.05 */
	return reg < 0x48 || reg == MIX_DMA ? b->s.mixer[reg] : 0xFF;
}

void sb16_mixer_write(struct sb16 *b, uint8_t reg, uint8_t v)
{
	unsigned pair = old_pair(reg);

	if (reg == MIX_RESET) {
		default_volumes(b);
	} else if (pair) {
		b->s.mixer[pair] = (uint8_t)((v & 0xF0) | 8);
		b->s.mixer[pair + 1] = (uint8_t)(v << 4 | 8);
	} else if (reg == MIX_IRQ) {
		b->s.mixer[reg] = v & 0x0F;
		set_wires(b);
	} else if (reg == MIX_DMA) {
		b->s.mixer[reg] = v & 0xEB;
	} else if (reg < 0x48) {
		b->s.mixer[reg] = v;
	}
}

unsigned sb16_mixer_dma(const struct sb16 *b, bool wide)
{
	uint8_t v = b->s.mixer[MIX_DMA];

	for (unsigned ch = 5; wide && ch < 8; ch++)
		if (v >> ch & 1)
			return ch;
	/* without one of its own, 16-bit transfers go by the 8-bit channel */
	return v & 1 ? 0 : v & 2 ? 1 : 3;
}

/* @reg: volume of the source's left side */
static int16_t scaled(const struct sb16 *b, unsigned reg, int16_t v, unsigned side)
{
	int32_t g = steps[31 - (b->s.mixer[MIX_MASTER_L + side] >> 3)];

	return (int16_t)((int64_t)v * g * steps[31 - (b->s.mixer[reg + side] >> 3)] / 32768 / 32768);
}

void sb16_mixer_apply(const struct sb16 *b, int16_t *lr, unsigned frames)
{
	for (unsigned i = 0; i < 2 * frames; i++)
		lr[i] = scaled(b, MIX_VOICE_L, lr[i], i & 1);
}

void sb16_mixer_fm(void *opaque, int16_t *lr, unsigned frames)
{
	for (unsigned i = 0; i < 2 * frames; i++)
		lr[i] = scaled(opaque, MIX_FM_L, lr[i], i & 1);
}
