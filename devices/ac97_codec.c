/*
 * ac97_codec.c - the codec on the AC-link: volumes, rates, power (ac97.h).
 *
 * Source: Intel, "Audio Codec '97" revision 2.3, chapter 5 (mixer registers), appendix A (variable rate audio). It names itself
 * a SigmaTel STAC9700, which drivers know as one without quirks.
 */
#include "devices/ac97_int.h"
#include <string.h>

enum { REG_RESET = 0x00, REG_MASTER = 0x02, REG_AUX_OUT = 0x04, REG_MONO = 0x06, REG_BEEP = 0x0A, REG_PHONE = 0x0C,
	REG_MIC = 0x0E, REG_LINE = 0x10, REG_CD = 0x12, REG_VIDEO = 0x14, REG_AUX = 0x16, REG_PCM = 0x18,
	REG_RECORD = 0x1A, REG_RECORD_GAIN = 0x1C, REG_GENERAL = 0x20, REG_POWER = 0x26, REG_EXT_ID = 0x28,
	REG_EXT_CTL = 0x2A, REG_DAC_RATE = 0x2C, REG_ADC_RATE = 0x32, REG_MIC_RATE = 0x34, REG_ID1 = 0x7C, REG_ID2 = 0x7E };
#define EXT_VRA 0x0001 /* rates other than 48 kHz */
#define EXT_VRM 0x0008 /* also of the microphone */
#define MUTE 0x8000

/* Bits a guest can write; 0: read-only or not there */
static const uint16_t writable[64] = {
	[REG_MASTER / 2] = 0x9F1F, [REG_AUX_OUT / 2] = 0x9F1F, [REG_MONO / 2] = 0x801F, [REG_BEEP / 2] = 0x801E,
	[REG_PHONE / 2] = 0x801F, [REG_MIC / 2] = 0x805F, [REG_LINE / 2] = 0x9F1F, [REG_CD / 2] = 0x9F1F,
	[REG_VIDEO / 2] = 0x9F1F, [REG_AUX / 2] = 0x9F1F, [REG_PCM / 2] = 0x9F1F, [REG_RECORD / 2] = 0x0707,
	[REG_RECORD_GAIN / 2] = 0x8F0F, [REG_GENERAL / 2] = 0x8380, [REG_POWER / 2] = 0xFF00,
	[REG_EXT_CTL / 2] = EXT_VRA | EXT_VRM, [REG_DAC_RATE / 2] = 0xFFFF, [REG_ADC_RATE / 2] = 0xFFFF, [REG_MIC_RATE / 2] = 0xFFFF};

/* 32768 * 10^(-1.5 dB * n / 20) */
static const uint16_t steps[32] = {32768, 27571, 23198, 19519, 16423, 13818, 11627, 9783, 8231, 6926, 5827, 4903, 4125, 3471,
	2920, 2457, 2067, 1739, 1464, 1231, 1036, 872, 734, 617, 519, 437, 368, 309, 260, 219, 184, 155};

void ac97_codec_reset(struct ac97 *a)
{
	uint16_t *r = a->s.codec;

	memset(a->s.codec, 0, sizeof(a->s.codec));
	r[REG_MASTER / 2] = r[REG_AUX_OUT / 2] = r[REG_MONO / 2] = r[REG_RECORD_GAIN / 2] = MUTE;
	r[REG_PHONE / 2] = r[REG_MIC / 2] = MUTE | 8;
	r[REG_LINE / 2] = r[REG_CD / 2] = r[REG_VIDEO / 2] = r[REG_AUX / 2] = r[REG_PCM / 2] = MUTE | 0x0808;
	r[REG_POWER / 2] = 0x000F; /* ADC, DAC, analog, Vref are ready */
	r[REG_EXT_ID / 2] = EXT_VRA | EXT_VRM;
	r[REG_DAC_RATE / 2] = r[REG_ADC_RATE / 2] = r[REG_MIC_RATE / 2] = 48000;
	r[REG_ID1 / 2] = 0x8384;
	r[REG_ID2 / 2] = 0x7600;
}

uint16_t ac97_codec_read(const struct ac97 *a, unsigned reg)
{
	return a->s.codec[reg / 2 & 63];
}

/* What the converters can do, whatever is asked for (A.2.4: the register then reads the nearest rate) */
static uint16_t rate_value(uint16_t v)
{
	return v < 8000 ? 8000 : v > 48000 ? 48000 : v;
}

void ac97_codec_write(struct ac97 *a, unsigned reg, uint16_t v)
{
	uint16_t *r = &a->s.codec[reg / 2 & 63], mask = writable[reg / 2 & 63], fixed = EXT_VRA;

	reg &= 0x7E;
	if (reg == REG_RESET) {
		ac97_codec_reset(a);
		return;
	}
	/* a sixth bit of attenuation that the codec does not have sets the five it has (5.7.2) */
	if ((reg == REG_MASTER || reg == REG_AUX_OUT || reg == REG_MONO) && (v & 0x0020))
		v |= 0x001F;
	if ((reg == REG_MASTER || reg == REG_AUX_OUT) && (v & 0x2000))
		v |= 0x1F00;
	if (reg == REG_MIC_RATE)
		fixed = EXT_VRM;
	if (reg == REG_DAC_RATE || reg == REG_ADC_RATE || reg == REG_MIC_RATE) {
		*r = a->s.codec[REG_EXT_CTL / 2] & fixed ? rate_value(v) : 48000;
		return;
	}
	*r = (uint16_t)((*r & ~mask) | (v & mask));
	if (reg == REG_POWER) /* a converter that is switched off is not ready */
		*r = (uint16_t)((*r & 0xFFF0) | (~(v >> 8) & 0x0F));
	if (reg == REG_EXT_CTL && !(v & EXT_VRA))
		a->s.codec[REG_DAC_RATE / 2] = a->s.codec[REG_ADC_RATE / 2] = 48000;
	if (reg == REG_EXT_CTL && !(v & EXT_VRM))
		a->s.codec[REG_MIC_RATE / 2] = 48000;
}

uint32_t ac97_codec_rate(const struct ac97 *a, unsigned box)
{
	static const uint8_t regs[AC97_BOXES] = {REG_ADC_RATE, REG_DAC_RATE, REG_MIC_RATE};

	return a->s.codec[regs[box] / 2];
}

/* Master and PCM volume of one side, 32768: as it is. PCM's 0 is +12 dB, 8 is 0 dB. */
static uint32_t gain(const struct ac97 *a, unsigned shift)
{
	uint16_t master = a->s.codec[REG_MASTER / 2], pcm = a->s.codec[REG_PCM / 2];
	uint64_t g = steps[master >> shift & 31];

	if ((master | pcm) & MUTE || (a->s.codec[REG_POWER / 2] & 0x0200)) /* or the DAC is switched off */
		return 0;
	return (uint32_t)(g * steps[pcm >> shift & 31] / steps[8]);
}

static int16_t scaled(int16_t v, uint32_t g)
{
	int64_t x = (int64_t)v * g / 32768;

	return (int16_t)(x > INT16_MAX ? INT16_MAX : x < INT16_MIN ? INT16_MIN : x);
}

void ac97_codec_play(struct ac97 *a, int16_t *lr, unsigned n, uint32_t rate, uint64_t ns)
{
	uint32_t left = gain(a, 8), right = gain(a, 0);

	for (unsigned i = 0; i < n; i++) {
		lr[2 * i] = scaled(lr[2 * i], left);
		lr[2 * i + 1] = scaled(lr[2 * i + 1], right);
	}
	audio_play(&a->voice, lr, n, rate, ns);
}
