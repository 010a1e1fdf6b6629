/*
 * test_opl3.c - the FM synthesizer, heard: pitch, loudness and spectrum of voices by Fourier sums, envelopes against the manual's times,
 * waveforms, feedback, voices of four, drums, tremolo and vibrato; timers; what an OPL2 lacks.
 */
#include "chip_fixture.h"
#include "devices/opl3.h"

#define HEARD (4 * OPL3_RATE)
#define FULL 8168 /* peak of one operator at full volume */
#define PI 3.14159265358979323846

struct rig {
	struct board b;
	struct opl3 *o;
	struct audio audio;
	unsigned n; /* frames heard */
	int16_t lr[HEARD][2];
};

static void play(struct audio *a, struct audio_voice *v, const int16_t *lr, unsigned n, unsigned rate, uint64_t ns)
{
	struct rig *r = container_of(a, struct rig, audio);

	(void)v;
	(void)ns;
	ck_assert_uint_eq(rate, OPL3_RATE);
	for (unsigned i = 0; i < n && r->n < HEARD; i++, r->n++) {
		r->lr[r->n][0] = lr[2 * i];
		r->lr[r->n][1] = lr[2 * i + 1];
	}
}

static struct rig *rig_new(bool opl2)
{
	struct rig *r = calloc(1, sizeof(*r));

	ck_assert_ptr_nonnull(r);
	board_init(&r->b);
	r->audio.play = play;
	r->o = opl3_create(&r->b.log, &r->b.clock, &r->b.io, opl2, &r->audio);
	return r;
}

static void rig_free(struct rig *r)
{
	drop(&r->o->dev);
	board_fini(&r->b);
	free(r);
}

static void reg(struct rig *r, unsigned n, unsigned v)
{
	out(&r->b, 0x388 + (n >> 8) * 2, n & 0xFF);
	out(&r->b, 0x389 + (n >> 8) * 2, v);
}

/* Operator at register offset @at: it holds, multiple 1, attack at once; @level 63, which is not silence yet: it never attacks */
static void operator(struct rig *r, unsigned at, unsigned level, unsigned wave)
{
	reg(r, at + 0x20, 0x21);
	reg(r, at + 0x40, level);
	reg(r, at + 0x60, level == 63 ? 0 : 0xF0);
	reg(r, at + 0x80, 0x0F);
	reg(r, at + 0xE0, wave);
}

/* Voice 0 plays number 577 in block 4: 577 * 49716 / 2^16 = 437.7 Hz */
#define NUMBER 577
#define HERTZ (NUMBER * (double)OPL3_RATE / 65536)
static void key(struct rig *r, unsigned voice, bool on)
{
	reg(r, 0xA0 + voice, NUMBER & 0xFF);
	reg(r, 0xB0 + voice, (on ? 0x20 : 0) | 4 << 2 | NUMBER >> 8);
}

/* An OPL3 with a sine at full volume in voice 0's second operator, the first silent; both sides */
static struct rig *sine(void)
{
	struct rig *r = rig_new(false);

	reg(r, 0x105, 1);
	operator(r, 0, 63, 0);
	operator(r, 3, 0, 0);
	reg(r, 0xC0, 0x30);
	return r;
}

static int peak(const struct rig *r, unsigned from, unsigned to, unsigned side)
{
	int top = 0;

	for (unsigned i = from; i < to && i < r->n; i++)
		top = abs(r->lr[i][side]) > top ? abs(r->lr[i][side]) : top;
	return top;
}

static double turn(double x, bool cosine)
{
	double t = cosine ? PI / 2 : 0, sum, term;

	x += t;
	x -= (double)(long)(x / (2 * PI)) * 2 * PI;
	term = sum = x;
	for (unsigned n = 3; n < 60; n += 2)
		sum += term *= -x * x / (double)(n * (n - 1));
	return sum;
}

/* Amplitude at @hertz, of the left side from frame @from on, @n of them: one term of a Fourier transform, windowed */
static double at_hertz(const struct rig *r, double hertz, unsigned from, unsigned n)
{
	double s = 0, c = 0, all = 0;

	ck_assert_uint_le(from + n, r->n);
	for (unsigned i = 0; i < n; i++) {
		double w = 1 - turn(2 * PI * i / n, true), x = 2 * PI * hertz * i / OPL3_RATE;

		s += w * r->lr[from + i][0] * turn(x, false);
		c += w * r->lr[from + i][0] * turn(x, true);
		all += w;
	}
	s = (s * s + c * c) * 4 / all / all;
	c = s / 2 + 1;
	for (unsigned i = 0; i < 60; i++) /* square root */
		c = (c + s / c) / 2;
	return c;
}

static double crossings(const struct rig *r, unsigned from, unsigned to)
{
	unsigned first = 0, last = 0, n = 0;

	for (unsigned i = from + 1; i < to; i++)
		if (r->lr[i - 1][0] < 0 && r->lr[i][0] >= 0) {
			first = n++ ? first : i;
			last = i;
		}
	return n > 1 ? (n - 1) * (double)OPL3_RATE / (last - first) : 0;
}

static void near(double got, double want, double part)
{
	ck_assert_msg(got > want * (1 - part) && got < want * (1 + part), "%.3f, not %.3f", got, want);
}

START_TEST(pitch)
{
	struct rig *r = sine();

	key(r, 0, true);
	pass(&r->b, NS_PER_SEC);
	ck_assert_uint_gt(r->n, OPL3_RATE * 97 / 100);
	near(crossings(r, 0, r->n), HERTZ, 0.001);
	near(peak(r, 1000, r->n, 0), FULL, 0.01);
	near(at_hertz(r, HERTZ, 1000, 16384), FULL, 0.01);
	for (unsigned k = 2; k < 8; k++) /* it is a sine */
		ck_assert(at_hertz(r, HERTZ * k, 1000, 16384) < FULL / 500.0);
	key(r, 0, false);
	pass(&r->b, NS_PER_SEC / 10);
	r->n = 0;
	pass(&r->b, NS_PER_SEC / 10);
	ck_assert_uint_eq(r->n, 0); /* silence is not played */
	/* twice the multiple is an octave, as is a block */
	reg(r, 0x23, 0x22);
	key(r, 0, true);
	pass(&r->b, NS_PER_SEC / 4);
	near(crossings(r, 100, r->n), 2 * HERTZ, 0.005);
	reg(r, 0xB0, 0x20 | 6 << 2 | NUMBER >> 8);
	r->n = 0;
	pass(&r->b, NS_PER_SEC / 4);
	near(crossings(r, 1000, r->n), 8 * HERTZ, 0.005);
	rig_free(r);
}
END_TEST

START_TEST(volume)
{
	struct rig *r = sine();
	static const double want[] = {FULL, FULL / 2.0, FULL / 4.0, FULL / 16.0}; /* 0.75 dB a step: 8 are 6 dB */
	static const uint8_t level[] = {0, 8, 16, 32};

	key(r, 0, true);
	for (unsigned i = 0; i < 4; i++) {
		reg(r, 0x43, level[i]);
		r->n = 0;
		pass(&r->b, NS_PER_SEC / 10);
		near(peak(r, 1000, r->n, 0), want[i], 0.02);
	}
	/* key scaling: 3 dB an octave is the first of the three settings, 6 dB the last; number 577 in block 7: 18.75 dB and 37.5 */
	reg(r, 0xB0, 0x20 | 7 << 2 | NUMBER >> 8);
	for (unsigned i = 0; i < 2; i++) {
		reg(r, 0x43, i ? 0xC0 : 0x40);
		r->n = 0;
		pass(&r->b, NS_PER_SEC / 10);
		near(peak(r, 1000, r->n, 0), i ? FULL / 75.9 : FULL / 8.7, 0.03);
	}
	reg(r, 0xC0, 0x10); /* left only */
	r->n = 0;
	pass(&r->b, NS_PER_SEC / 10);
	ck_assert_int_eq(peak(r, 1000, r->n, 1), 0);
	ck_assert_int_gt(peak(r, 1000, r->n, 0), 0);
	rig_free(r);
}
END_TEST

/* Frames until the sound has fallen to @part of full volume, or risen to it */
static unsigned until(const struct rig *r, double part, bool rise)
{
	for (unsigned i = 0; i + 140 < r->n; i += 20)
		if (rise ? peak(r, i, i + 140, 0) >= FULL * part : peak(r, i, i + 140, 0) <= FULL * part)
			return i;
	ck_abort_msg("never");
}

/*
 * The manual's times from 0 to 100 %, which is 96 dB, at rates 4 and more: decay and release 39280.64 ms / 2^n, attack 2826.24 ms / 2^n;
 * by the steps of the envelope as they are known it is 7 % more of one, 20 % of the other.
 */
START_TEST(envelopes)
{
	struct rig *r = sine();
	unsigned a, d;

	reg(r, 0x63, 0x57); /* attack 5: 2826 / 16 = 177 ms; decay 7: 39281 / 64 = 614 ms for 96 dB; to 45 dB below */
	reg(r, 0x83, 0xFF);
	reg(r, 0xA0, 0); /* the lowest note adds nothing to rates */
	reg(r, 0xB0, 0x20);
	reg(r, 0x23, 0x2F);
	reg(r, 0xA0, 0xFF);
	reg(r, 0xB0, 0x20 | 1 << 2); /* number 255, block 1, times 15: 363 Hz; key code 2 */
	pass(&r->b, 2 * (uint64_t)NS_PER_SEC);
	a = until(r, 0.9, true);
	near(a * 1000.0 / OPL3_RATE, 177, 0.3);
	for (unsigned i = 0; i < r->n; i++)
		r->lr[i][0] = i < a + 200 ? 0 : r->lr[i][0];
	for (d = a + 200; peak(r, d, d + 140, 0) > FULL / 178; d += 20) /* 45 dB */
		ck_assert_uint_lt(d, r->n);
	near((d - a) * 1000.0 / OPL3_RATE, 614 * 45 / 96.0, 0.2);
	rig_free(r);
	/* sustained until the key is let go, then the release rate */
	r = sine();
	reg(r, 0x83, 0x28); /* sustain 6 dB down, release 8: 307 ms */
	reg(r, 0x63, 0xF7);
	key(r, 0, true);
	pass(&r->b, NS_PER_SEC);
	near(peak(r, OPL3_RATE / 2, r->n, 0), FULL / 2.0, 0.03);
	key(r, 0, false);
	r->n = 0;
	pass(&r->b, NS_PER_SEC);
	near(until(r, 0.5 / 178, false) * 1000.0 / OPL3_RATE, 307 * 45 / 96.0, 0.35); /* key code 9 adds 2 of 4 steps to an octave */
	ck_assert_uint_lt(r->n, OPL3_RATE / 2);
	/* without EGT the same happens while the key is held */
	reg(r, 0x23, 0x01);
	key(r, 0, true);
	r->n = 0;
	pass(&r->b, NS_PER_SEC);
	ck_assert_int_gt(peak(r, 0, r->n, 0), FULL * 9 / 10);
	ck_assert_int_eq(peak(r, OPL3_RATE / 2, r->n, 0), 0);
	rig_free(r);
}
END_TEST

/* What the waveforms but the last are made of: mean and first harmonics, as parts of full volume */
START_TEST(waveforms)
{
	static const struct {
		double mean, h[4]; /* harmonics 1..4 */
	} want[] = {{0, {1, 0, 0, 0}}, {0.318, {0.5, 0.212, 0, 0.042}}, {0.637, {0, 0.424, 0, 0.085}}, {0.318, {0, 0.475, 0, 0.175}},
		{0, {0.424, 0.5, 0.255, 0}}, {0.318, {0.424, 0, 0.255, 0.212}}, {0, {1.273, 0, 0.424, 0}}};
	double mean;

	for (unsigned w = 0; w < ARRAY_SIZE(want); w++) {
		struct rig *r = sine();

		reg(r, 0xE3, w);
		key(r, 0, true);
		pass(&r->b, NS_PER_SEC / 2);
		mean = 0;
		for (unsigned i = 0; i < 22720; i++) /* 200 periods */
			mean += r->lr[i][0] / 22720.0 / FULL;
		ck_assert_msg(mean - want[w].mean < 0.01 && want[w].mean - mean < 0.01, "wave %u: mean %.3f", w, mean);
		for (unsigned k = 0; k < 4; k++) {
			double h = at_hertz(r, HERTZ * (k + 1), 0, 22720) / FULL;

			ck_assert_msg(h - want[w].h[k] < 0.01 && want[w].h[k] - h < 0.01, "wave %u: harmonic %u is %.3f", w, k + 1, h);
		}
		rig_free(r);
	}
}
END_TEST

START_TEST(modulation)
{
	struct rig *r = sine();

	reg(r, 0x60, 0xF0);
	reg(r, 0x40, 32); /* 24 dB below full: 4084 / 16 = 255 of 1024, x = 1.565 radians */
	reg(r, 0x20, 0x22); /* twice the pitch */
	key(r, 0, true);
	pass(&r->b, NS_PER_SEC / 2);
	near(at_hertz(r, HERTZ, 1000, 16384) / FULL, 1.043, 0.03);	   /* J0(x) + J1(x), by Bessel */
	near(at_hertz(r, 3 * HERTZ, 1000, 16384) / FULL, 0.319, 0.05); /* J1(x) - J2(x) */
	near(at_hertz(r, 5 * HERTZ, 1000, 16384) / FULL, 0.316, 0.05); /* J2(x) + J3(x) */
	ck_assert(at_hertz(r, 2 * HERTZ, 1000, 16384) < FULL / 100.0);
	/* added up instead: two sines */
	reg(r, 0xC0, 0x31);
	reg(r, 0x40, 0);
	reg(r, 0x60, 0xF0);
	r->n = 0;
	pass(&r->b, NS_PER_SEC / 2);
	near(at_hertz(r, HERTZ, 1000, 16384), FULL, 0.02);
	near(at_hertz(r, 2 * HERTZ, 1000, 16384), FULL, 0.02);
	ck_assert(at_hertz(r, 3 * HERTZ, 1000, 16384) < FULL / 100.0);
	/* the first modulates itself: all harmonics */
	reg(r, 0xC0, 0x3D);
	reg(r, 0x43, 63);
	r->n = 0;
	pass(&r->b, NS_PER_SEC / 2);
	for (unsigned k = 1; k < 5; k++)
		ck_assert(at_hertz(r, 2 * HERTZ * k, 1000, 16384) > FULL / 50.0);
	rig_free(r);
}
END_TEST

/* Voices 0 and 3 joined: which operators are heard by themselves in each of the four ways */
START_TEST(four)
{
	static const uint8_t at[4] = {0, 3, 8, 11};
	static const uint8_t heard[4] = {8, 10, 9, 13}; /* bit per operator; ways: bit 1 voice 0's CNT, bit 0 voice 3's */

	for (unsigned way = 0; way < 4; way++)
		for (unsigned op = 0; op < 4; op++) {
			struct rig *r = rig_new(false);

			reg(r, 0x105, 1);
			reg(r, 0x104, 1);
			for (unsigned i = 0; i < 4; i++)
				operator(r, at[i], i == op ? 0 : 63, 0);
			reg(r, 0xC0, 0x30 | way >> 1);
			reg(r, 0xC3, 0x30 | (way & 1));
			key(r, 0, true); /* voice 3 has neither pitch nor key of its own */
			pass(&r->b, NS_PER_SEC / 10);
			if (heard[way] >> op & 1)
				near(crossings(r, 100, r->n), HERTZ, 0.01);
			else
				ck_assert_int_lt(peak(r, 100, r->n, 0), FULL / 100);
			rig_free(r);
		}
}
END_TEST

START_TEST(drums)
{
	static const uint8_t at[5] = {0x11, 0x15, 0x12, 0x14, 0x13}; /* hi-hat, cymbal, tom, snare, bass (its second operator) */

	for (unsigned i = 0; i < 5; i++) {
		struct rig *r = rig_new(false);
		unsigned jumps = 0;

		operator(r, at[i], 0, 0);
		if (i == 4)
			operator(r, 0x10, 63, 0);
		for (unsigned v = 6; v < 9; v++)
			key(r, v, false);
		reg(r, 0xBD, 0x20);
		pass(&r->b, NS_PER_SEC / 100);
		ck_assert_uint_eq(r->n, 0);
		reg(r, 0xBD, 0x20 | 1 << i);
		pass(&r->b, NS_PER_SEC / 2);
		near(peak(r, 100, r->n, 0), 2 * FULL, i == 0 || i == 1 ? 0.6 : 0.02);
		for (unsigned k = 101; k < r->n; k++)
			jumps += abs(r->lr[k][0] - r->lr[k - 1][0]) > FULL / 2;
		if (i == 2 || i == 4)
			near(crossings(r, 100, r->n), HERTZ, 0.01);
		else /* a noise, or a chord of edges */
			ck_assert_uint_gt(jumps, 4 * (unsigned)HERTZ / 2);
		reg(r, 0xBD, 0x20);
		pass(&r->b, NS_PER_SEC / 4);
		r->n = 0;
		pass(&r->b, NS_PER_SEC / 4);
		ck_assert_uint_eq(r->n, 0);
		rig_free(r);
	}
}
END_TEST

START_TEST(wobble)
{
	struct rig *r = sine();
	int low = FULL, high = 0;

	reg(r, 0x23, 0xA1);
	reg(r, 0xBD, 0x80);
	key(r, 0, true);
	pass(&r->b, NS_PER_SEC);
	for (unsigned i = 1000; i + 200 < r->n; i += 200) {
		int p = peak(r, i, i + 200, 0);

		low = p < low ? p : low;
		high = p > high ? p : high;
	}
	near(high, FULL, 0.02);
	near(low, FULL / 1.75, 0.03); /* 4.875 dB */
	reg(r, 0x23, 0x61);
	reg(r, 0xBD, 0x40);
	r->n = 0;
	pass(&r->b, NS_PER_SEC);
	low = FULL;
	high = 0;
	for (unsigned i = 0; i + 1024 < r->n; i += 512) {
		int p = (int)(crossings(r, i, i + 1024) * 10);

		low = p < low ? p : low;
		high = p > high ? p : high;
	}
	ck_assert_int_gt(high, (int)(HERTZ * 10 * 1.005));
	ck_assert_int_lt(low, (int)(HERTZ * 10 * 0.995));
	ck_assert_int_lt(high, (int)(HERTZ * 10 * 1.02));
	rig_free(r);
}
END_TEST

/* How programs look for the chip */
START_TEST(found)
{
	for (unsigned opl2 = 0; opl2 < 2; opl2++) {
		struct rig *r = rig_new(opl2);
		unsigned low = opl2 ? 6 : 0;

		reg(r, 4, 0x60);
		reg(r, 4, 0x80);
		ck_assert_uint_eq(in(&r->b, 0x388), low);
		reg(r, 2, 0xFF);
		reg(r, 4, 0x21); /* timer 1 runs, timer 2 masked */
		pass(&r->b, 79000);
		ck_assert_uint_eq(in(&r->b, 0x388), low);
		pass(&r->b, 2000);
		ck_assert_uint_eq(in(&r->b, 0x388), 0xC0 | low);
		reg(r, 4, 0x80);
		ck_assert_uint_eq(in(&r->b, 0x388), low);
		pass(&r->b, 80000); /* it goes on by itself */
		ck_assert_uint_eq(in(&r->b, 0x388), 0xC0 | low);
		reg(r, 4, 0x60);
		ck_assert_uint_eq(in(&r->b, 0x388), low);
		reg(r, 3, 0xFE);
		reg(r, 4, 0x42);
		pass(&r->b, 639000);
		ck_assert_uint_eq(in(&r->b, 0x388), low);
		pass(&r->b, 2000);
		ck_assert_uint_eq(in(&r->b, 0x388), 0xA0 | low);
		rig_free(r);
	}
}
END_TEST

START_TEST(old_chip)
{
	struct rig *r = rig_new(true);

	operator(r, 0, 63, 0);
	operator(r, 3, 0, 1);
	key(r, 0, true);
	pass(&r->b, NS_PER_SEC / 10);
	ck_assert_int_eq(peak(r, 0, r->n, 0), peak(r, 0, r->n, 1)); /* both sides, whatever C0h says */
	near(at_hertz(r, HERTZ, 0, 4000), FULL, 0.02); /* a sine, as long as the other waveforms are not switched on */
	reg(r, 1, 0x20);
	r->n = 0;
	pass(&r->b, NS_PER_SEC / 10);
	near(at_hertz(r, HERTZ, 0, 4000), FULL / 2.0, 0.02);
	rig_free(r);
	/* there is no second bank before NEW is set */
	r = rig_new(false);
	reg(r, 0x1B0, 0x3F);
	ck_assert(opl3_silent(r->o));
	reg(r, 0x105, 1);
	reg(r, 0x1B0, 0x3F);
	ck_assert(!opl3_silent(r->o));
	rig_free(r);
}
END_TEST

START_TEST(random_accesses)
{
	for (unsigned opl2 = 0; opl2 < 2; opl2++) {
		struct rig *r = rig_new(opl2);
		uint64_t seed = 0x0123456789ABCDEFull;
		int16_t lr[32][2];

		for (unsigned i = 0; i < 20000; i++) {
			out(&r->b, 0x388 + rnd(&seed) % 4, rnd(&seed) & 0xFF);
			opl3_frames(r->o, lr[0], 1 + rnd(&seed) % 32);
		}
		r->o->voice.to = NULL; /* making sound of all the time that passes would take minutes */
		fuzz(&r->b, &r->b.io, 0x388, 4, &r->o->dev);
		r->o->s.op[3].level = 512;
		ck_assert_int_eq(r->o->dev.ops->post_load(&r->o->dev, NULL), VM_ERR_FORMAT);
		rig_free(r);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {pitch, volume, envelopes, waveforms, modulation, four, drums, wobble, found, old_chip, random_accesses};

	return run_cases("opl3", tests, ARRAY_SIZE(tests));
}
