/*
 * opl3_synth.c - the sound of the synthesizer (opl3.h): phases, waveforms, envelopes, voices, drums.
 *
 * As in the chip everything is done in logarithms: a waveform is a table of -log2, volumes are added to it, and one table of powers makes
 * a sample of the sum. All numbers are whole; the two tables are computed, not copied.
 */
#include "devices/opl3.h"
#include <string.h>

enum { REG_FLAGS = 0x20, REG_LEVEL = 0x40, REG_ATTACK = 0x60, REG_SUSTAIN = 0x80, REG_NUMBER = 0xA0, REG_BLOCK = 0xB0, REG_VOICE = 0xC0,
	REG_WAVE = 0xE0 };
enum { REG_TEST = 0x01, REG_SELECT = 0x08, REG_DRUMS = 0xBD, REG_FOUR = 0x104, REG_NEW = 0x105 };
enum { FLAG_TREMOLO = 0x80, FLAG_VIBRATO = 0x40, FLAG_HOLD = 0x20, FLAG_KSR = 0x10 };
#define LOUD 2 /* times the chip's 13 bits a voice: two voices at full volume are half of full scale */

/* What the operators of one frame have in common */
struct frame {
	unsigned tremolo; /* 0.1875 dB a step */
	int vibrato;	  /* -4..4: what is added to a number, in quarters of its upper three bits */
	bool is_new;	  /* the OPL3's features are on */
};

/* ---- tables ---- */

static double sine_of(double x)
{
	double term = x, sum = x;

	for (unsigned n = 3; n < 30; n += 2) {
		term *= -x * x / (double)(n * (n - 1));
		sum += term;
	}
	return sum;
}

/* -log2 of @x, 0 < x < 1: its bits by squaring */
static double minus_log2(double x)
{
	double whole = 0, bit = 0.5, part = 0;

	for (; x < 1; x *= 2)
		whole++;
	for (unsigned i = 0; i < 40; i++, bit /= 2) {
		x *= x;
		if (x >= 2) {
			x /= 2;
			part += bit;
		}
	}
	return whole - part;
}

static double two_to(double x)
{
	double term = 1, sum = 1;

	for (unsigned n = 1; n < 30; n++) {
		term *= x * 0.69314718055994530942 / n;
		sum += term;
	}
	return sum;
}

/* Without the host's mathematics library, so that every host has the same bits. */
void opl3_tables(struct opl3 *o)
{
	for (unsigned i = 0; i < 256; i++) {
		o->sine[i] = (uint16_t)(minus_log2(sine_of((i + 0.5) * 3.14159265358979323846 / 512)) * 256 + 0.5);
		o->power[i] = (uint16_t)((two_to(i / 256.0) - 1) * 1024 + 0.5);
	}
	o->scaling[0] = 0;
	for (unsigned i = 1; i < 16; i++) { /* 3 dB an octave below 21 dB, in steps of 0.375 dB, rounded up */
		double steps = 56 - 8 * minus_log2(i / 16.0);

		o->scaling[i] = (uint8_t)steps;
		o->scaling[i] += o->scaling[i] < steps;
	}
}

/* ---- where an operator's registers are ---- */

unsigned opl3_modulator(unsigned v)
{
	return v / 9 * 18 + v % 9 / 3 * 6 + v % 3;
}

static const uint8_t *op_regs(const struct opl3 *o, unsigned op)
{
	unsigned n = op % 18;

	return o->s.reg + op / 18 * 256 + n / 6 * 8 + n % 6;
}

static const uint8_t *voice_regs(const struct opl3 *o, unsigned v)
{
	return o->s.reg + v / 9 * 256 + v % 9;
}

/* The voice whose pitch an operator has: its own, or the first of a joined pair */
static unsigned voice_of(const struct opl3 *o, unsigned op)
{
	unsigned n = op % 18, v = op / 18 * 9 + n / 6 * 3 + n % 3;

	return v % 9 >= 3 && v % 9 < 6 && opl3_four(o, v - 3) ? v - 3 : v;
}

bool opl3_four(const struct opl3 *o, unsigned v)
{
	return v % 9 < 3 && o->s.reg[REG_NEW] & 1 && o->s.reg[REG_FOUR] >> (v / 9 * 3 + v % 9) & 1;
}

static bool is_drum(const struct opl3 *o, unsigned v)
{
	return v >= 6 && v <= 8 && o->s.reg[REG_DRUMS] & 0x20;
}

/* ---- envelopes ---- */

void opl3_key(struct opl3 *o, unsigned op, unsigned who, bool on)
{
	struct opl3_op *p = &o->s.op[op];
	uint8_t before = p->key;

	p->key = (uint8_t)(on ? p->key | who : p->key & ~who);
	if (!before && p->key) {
		p->stage = OPL3_ATTACK;
		p->phase = 0;
	} else if (before && !p->key && p->stage != OPL3_OFF) {
		p->stage = OPL3_RELEASE;
	}
}

/* Four times the register's rate, and more the higher the note */
static unsigned rate_of(const struct opl3 *o, const uint8_t *r, const uint8_t *v, unsigned rate)
{
	unsigned bit = o->s.reg[REG_SELECT] & 0x40 ? 0 : 1;
	unsigned code = (v[REG_BLOCK] >> 2 & 7) << 1 | (v[REG_BLOCK] >> bit & 1);

	if (!rate)
		return 0;
	rate = 4 * rate + (r[REG_FLAGS] & FLAG_KSR ? code : code >> 2);
	return rate < 63 ? rate : 63;
}

/*
 * How far an envelope moves in this frame at @rate. Rates four apart are an octave; those between miss fewer of eight steps. Rate 4 moves every
 * 2^11 frames, half of the time.
 */
static unsigned step_of(uint32_t frames, unsigned rate)
{
	static const uint8_t steps[4] = {0xAA, 0xBA, 0xEE, 0xFE}; /* which of eight */
	unsigned octave = rate >> 2, shift = octave < 12 ? 12 - octave : 0;

	if (!rate || frames & (BIT(shift) - 1))
		return 0;
	if (octave <= 12)
		return steps[rate & 3] >> (frames >> shift & 7) & 1;
	return 1u << (octave - 13) << (steps[rate & 3] >> (frames & 7) & 1);
}

static void attack(struct opl3_op *p, uint32_t frames, unsigned rate)
{
	unsigned step = step_of(frames, rate);

	if (rate >= 60)
		p->level = 0;
	else if (step) /* the further away, the faster */
		p->level -= (uint16_t)(((p->level + 1u) * step + 7) / 8 < p->level ? ((p->level + 1u) * step + 7) / 8 : p->level);
	if (!p->level)
		p->stage = OPL3_DECAY;
}

static void fall(struct opl3_op *p, unsigned step)
{
	unsigned to = p->level + step;

	p->level = (uint16_t)(to < 511 ? to : 511);
	if (p->level == 511)
		p->stage = OPL3_OFF;
}

static void envelope(const struct opl3 *o, struct opl3_op *p, const uint8_t *r, const uint8_t *v)
{
	unsigned sustain = r[REG_SUSTAIN] >> 4;

	sustain = (sustain == 15 ? 31 : sustain) * 16; /* 3 dB a step; the last one is 93 dB */
	if (p->stage == OPL3_DECAY && p->level >= sustain)
		p->stage = OPL3_SUSTAIN;
	switch (p->stage) {
	case OPL3_ATTACK:
		attack(p, o->s.frames, rate_of(o, r, v, r[REG_ATTACK] >> 4));
		break;
	case OPL3_DECAY:
		fall(p, step_of(o->s.frames, rate_of(o, r, v, r[REG_ATTACK] & 15)));
		break;
	case OPL3_SUSTAIN: /* one that does not hold goes on as when the key is let go */
		if (r[REG_FLAGS] & FLAG_HOLD)
			break;
		/* fall through */
	case OPL3_RELEASE:
		fall(p, step_of(o->s.frames, rate_of(o, r, v, r[REG_SUSTAIN] & 15)));
		break;
	default:
		break;
	}
}

/* Everything that makes an operator quieter, 0.1875 dB a step */
static unsigned quieter(const struct opl3 *o, const struct opl3_op *p, const uint8_t *r, const uint8_t *v, const struct frame *f)
{
	static const uint8_t shift[4] = {8, 1, 2, 0}; /* of 6 dB an octave: none, 3, 1.5, 6 */
	unsigned number = (v[REG_BLOCK] & 3u) << 8 | v[REG_NUMBER], down = 7 - (v[REG_BLOCK] >> 2 & 7u);
	int scale = 4 * o->scaling[number >> 6] - 32 * (int)down;
	unsigned all = p->level + (r[REG_LEVEL] & 63u) * 4 + (r[REG_FLAGS] & FLAG_TREMOLO ? f->tremolo : 0);

	if (scale > 0)
		all += (unsigned)scale >> shift[r[REG_LEVEL] >> 6];
	return all < 511 ? all : 511;
}

/* ---- phases and waveforms ---- */

static unsigned advance(struct opl3_op *p, const uint8_t *r, const uint8_t *v, const struct frame *f)
{
	static const uint8_t multiple[16] = {1, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 20, 24, 24, 30, 30}; /* halves */
	int number = (v[REG_BLOCK] & 3) << 8 | v[REG_NUMBER];
	unsigned at = p->phase >> 10 & 0x3FF;

	if (r[REG_FLAGS] & FLAG_VIBRATO)
		number += (number >> 7) * f->vibrato / 4;
	p->phase += ((unsigned)number << (v[REG_BLOCK] >> 2 & 7)) * multiple[r[REG_FLAGS] & 15] >> 1;
	return at;
}

/* -log2 of the waveform @wave at @phase (10 bits); *neg: it is negative */
static unsigned wave_at(const struct opl3 *o, unsigned wave, unsigned phase, bool *neg)
{
	const unsigned silent = 0x1000;
	unsigned quarter = phase & 0x100 ? ~phase & 0xFF : phase & 0xFF, twice = phase << 1;

	*neg = phase & 0x200;
	switch (wave) {
	case 1:
		return *neg ? silent : o->sine[quarter];
	case 2:
		*neg = false;
		return o->sine[quarter];
	case 3:
		*neg = false;
		return phase & 0x100 ? silent : o->sine[quarter];
	case 4:
	case 5: /* one of twice the pitch, and silence */
		*neg = wave == 4 && twice & 0x200;
		return phase & 0x200 ? silent : o->sine[twice & 0x100 ? ~twice & 0xFF : twice & 0xFF];
	case 6:
		return 0;
	case 7: /* falls by 96 dB in half a period, and mirrored */
		return (*neg ? ~phase & 0x1FF : phase & 0x1FF) << 3;
	default:
		return o->sine[quarter];
	}
}

static int sample(const struct opl3 *o, unsigned wave, unsigned phase, unsigned volume)
{
	bool neg;
	unsigned att = wave_at(o, wave, phase & 0x3FF, &neg) + (volume << 3);
	int v = (int)((o->power[~att & 0xFF] | 0x400u) << 1 >> (att >> 8 & 15));

	return att >> 8 > 12 ? 0 : neg ? ~v : v;
}

/* The next sample of operator @op: @by what its phase is modulated, or, for a drum, @at what phase it is instead of its own (else -1) */
static int run(struct opl3 *o, unsigned op, const struct frame *f, int by, int at)
{
	struct opl3_op *p = &o->s.op[op];
	const uint8_t *r = op_regs(o, op), *v = voice_regs(o, voice_of(o, op));
	unsigned wave = f->is_new ? r[REG_WAVE] & 7 : o->opl2 && !(o->s.reg[REG_TEST] & 0x20) ? 0 : r[REG_WAVE] & 3, phase, volume;

	phase = advance(p, r, v, f);
	if (p->stage == OPL3_OFF) {
		p->out[1] = p->out[0];
		p->out[0] = 0;
		return 0;
	}
	volume = quieter(o, p, r, v, f);
	envelope(o, p, r, v);
	p->out[1] = p->out[0];
	p->out[0] = (int16_t)sample(o, wave, (at < 0 ? phase : (unsigned)at) + (unsigned)by, volume);
	return p->out[0];
}

/* A voice's first operator modulates itself. */
static int first(struct opl3 *o, unsigned v, const struct frame *f)
{
	const struct opl3_op *p = &o->s.op[opl3_modulator(v)];
	unsigned feedback = voice_regs(o, v)[REG_VOICE] >> 1 & 7;

	return run(o, opl3_modulator(v), f, feedback ? (p->out[0] + p->out[1]) >> (9 - feedback) : 0, -1);
}

/* ---- voices ---- */

static int two_ops(struct opl3 *o, unsigned v, const struct frame *f)
{
	int m = first(o, v, f);

	if (voice_regs(o, v)[REG_VOICE] & 1)
		return m + run(o, opl3_carrier(v), f, 0, -1);
	return run(o, opl3_carrier(v), f, m, -1);
}

/* Four in a row; or the first two, and the other two; or the first and the rest in a row; or the first, two in a row, the last */
static int four_ops(struct opl3 *o, unsigned v, const struct frame *f)
{
	bool a = voice_regs(o, v)[REG_VOICE] & 1, b = voice_regs(o, v + 3)[REG_VOICE] & 1;
	int one = first(o, v, f);
	int two = run(o, opl3_carrier(v), f, a ? 0 : one, -1);
	int three = run(o, opl3_modulator(v + 3), f, !a && b ? 0 : two, -1);
	int four = run(o, opl3_carrier(v + 3), f, a && b ? 0 : three, -1);

	if (!a)
		return b ? two + four : four;
	return b ? one + three + four : one + four;
}

/* Phases of hi-hat, snare and cymbal are bits of two operators' phases and of the noise. */
static int drum(struct opl3 *o, unsigned v, const struct frame *f)
{
	unsigned hat = o->s.op[13].phase >> 10 & 0x3FF, top = o->s.op[17].phase >> 10 & 0x3FF, noise = o->s.noise & 1;
	unsigned mixed = ((hat >> 2 ^ hat >> 7) | (hat >> 3 ^ top >> 5) | (top >> 3 ^ top >> 5)) & 1;
	int m;

	switch (v) {
	case 6: /* bass drum: a voice, of which only the second operator is ever heard */
		m = first(o, v, f);
		return 2 * run(o, opl3_carrier(6), f, voice_regs(o, 6)[REG_VOICE] & 1 ? 0 : m, -1);
	case 7:
		m = run(o, 13, f, 0, (int)(mixed << 9 | (mixed ^ noise ? 0xD0u : 0x34u)));
		return 2 * (m + run(o, 16, f, 0, (int)((hat >> 8 & 1) << 9 | ((hat >> 8 ^ noise) & 1) << 8)));
	default:
		m = run(o, 14, f, 0, -1);
		return 2 * (m + run(o, 17, f, 0, (int)(mixed << 9 | 0x80)));
	}
}

static int voice(struct opl3 *o, unsigned v, const struct frame *f)
{
	if (is_drum(o, v))
		return drum(o, v, f);
	return opl3_four(o, v) ? four_ops(o, v, f) : two_ops(o, v, f);
}

/* ---- frames ---- */

/* Tremolo: 3.7 Hz, 4.8 dB or 1 dB deep. Vibrato: 6.1 Hz, 14 cents or 7. */
static struct frame common(const struct opl3 *o)
{
	static const int8_t wave[8] = {0, 1, 2, 1, 0, -1, -2, -1};
	unsigned at = o->s.frames / 64 % 210, up = at < 105 ? at : 210 - at;
	int vibrato = wave[o->s.frames >> 10 & 7];

	return (struct frame){.tremolo = up >> (o->s.reg[REG_DRUMS] & 0x80 ? 2 : 4),
		.vibrato = o->s.reg[REG_DRUMS] & 0x40 ? 2 * vibrato : vibrato, .is_new = o->s.reg[REG_NEW] & 1 && !o->opl2};
}

static int16_t clip(int v)
{
	v *= LOUD;
	return (int16_t)(v > INT16_MAX ? INT16_MAX : v < INT16_MIN ? INT16_MIN : v);
}

static void one_frame(struct opl3 *o, int16_t *lr)
{
	struct frame f = common(o);
	unsigned voices = f.is_new ? OPL3_VOICES : 9;
	int left = 0, right = 0;

	for (unsigned v = 0; v < voices; v++) {
		unsigned sides = f.is_new ? voice_regs(o, v)[REG_VOICE] >> 4 : 3;
		int s;

		if (v % 9 >= 3 && v % 9 < 6 && opl3_four(o, v - 3))
			continue; /* the second half of a pair */
		s = voice(o, v, &f);
		left += sides & 1 ? s : 0;
		right += sides & 2 ? s : 0;
	}
	o->s.frames++;
	o->s.noise = o->s.noise >> 1 | ((o->s.noise ^ o->s.noise >> 14) & 1) << 22;
	lr[0] = clip(left);
	lr[1] = clip(right);
}

void opl3_frames(struct opl3 *o, int16_t *lr, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		one_frame(o, lr + 2 * i);
}

bool opl3_silent(const struct opl3 *o)
{
	for (unsigned i = 0; i < OPL3_OPS; i++)
		if (o->s.op[i].stage != OPL3_OFF)
			return false;
	return true;
}
