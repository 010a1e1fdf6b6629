/*
 * audio.c - the mixer behind -audiodev (audio.h).
 *
 * Output frames are counted from virtual time 0. What voices play is added up in a ring of a second and a half; it goes
 * out once no voice can still be playing that far back. Rates are converted by linear interpolation.
 */
#include "frontend/audio.h"
#include "mmu/base/clock.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RING 65536u /* frames, a power of two; at most half of it is ahead of what has gone out */
#define LATE_NS 150000000ull /* how late a voice may come; also, a voice that paused for so long begins anew */
#define CHUNK 1024u

struct mixer {
	struct audio a;
	struct audio_sink *sink;
	unsigned rate;
	bool begun, broken;
	uint64_t base, end; /* output frames: next to go out; behind the last that was played */
	int32_t sum[RING][2];
};

static int16_t clip(int32_t v)
{
	return (int16_t)(v > INT16_MAX ? INT16_MAX : v < INT16_MIN ? INT16_MIN : v);
}

static void out(struct mixer *m, unsigned n)
{
	int16_t buf[CHUNK][2];

	for (unsigned i = 0; i < n; i++) {
		int32_t *s = m->sum[(m->base + i) & (RING - 1)];

		buf[i][0] = clip(s[0]);
		buf[i][1] = clip(s[1]);
		s[0] = s[1] = 0;
	}
	if (!m->broken && !m->sink->write(m->sink, buf[0], n))
		m->broken = true;
	m->base += n;
}

/* Everything before output frame @to goes out. */
static void flush(struct mixer *m, uint64_t to)
{
	while (m->base < to) {
		if (m->base >= m->end && m->sink->live) {
			m->base = to; /* nobody wants to hear how long it was silent */
			return;
		}
		out(m, to - m->base < CHUNK ? (unsigned)(to - m->base) : CHUNK);
	}
}

static void add(struct mixer *m, struct audio_voice *v, const int16_t *lr, unsigned frames, unsigned rate)
{
	uint64_t step = ((uint64_t)rate << 32) / m->rate;

	for (unsigned i = 0; i < frames; i++) {
		const int16_t *now = lr + 2 * i;

		for (; v->phase < BIT(32); v->phase += step) {
			int32_t *s, f = (int32_t)(v->phase >> 17); /* 15 bits */

			if (v->next - m->base >= RING / 2)
				flush(m, v->next - RING / 2 + CHUNK);
			s = m->sum[v->next++ & (RING - 1)];
			for (unsigned k = 0; k < 2; k++)
				s[k] += v->last[k] + (int32_t)((int64_t)(now[k] - v->last[k]) * f >> 15);
		}
		v->phase -= BIT(32);
		v->last[0] = now[0];
		v->last[1] = now[1];
	}
	if (v->next > m->end)
		m->end = v->next;
}

static void play(struct audio *a, struct audio_voice *v, const int16_t *lr, unsigned frames, unsigned rate, uint64_t ns)
{
	struct mixer *m = container_of(a, struct mixer, a);
	uint64_t due = muldiv64(ns, m->rate, NS_PER_SEC), late = muldiv64(LATE_NS, m->rate, NS_PER_SEC);

	if (!m->begun) {
		m->base = m->end = due;
		m->begun = true;
	}
	if (!v->begun || v->next + late < due || v->next > due + late || v->next < m->base) {
		v->begun = true;
		v->phase = 0;
		v->next = due < m->base ? m->base : due;
		v->last[0] = lr[0];
		v->last[1] = lr[1];
	}
	/* before frames that are far ahead there was silence, or others played */
	if (due > m->base + late)
		flush(m, due - late < v->next ? due - late : v->next);
	add(m, v, lr, frames, rate);
}

static bool none_write(struct audio_sink *s, const int16_t *lr, unsigned frames)
{
	return true;
}

static bool none_close(struct audio_sink *s)
{
	free(s);
	return true;
}

static struct audio_sink *none_open(void)
{
	struct audio_sink *s = calloc(1, sizeof(*s));

	BUG_ON(!s);
	*s = (struct audio_sink){.write = none_write, .close = none_close, .live = true};
	return s;
}

enum vm_err audio_open(struct audio **out_audio, const struct audio_options *o, struct err *e)
{
	struct mixer *m = calloc(1, sizeof(*m));

	BUG_ON(!m);
	m->a.play = play;
	m->rate = o->rate;
	m->sink = o->driver == AUDIO_WAV ? wav_open(o->path, o->rate, e)
		: o->driver == AUDIO_SDL ? sdl_sound_open(o->rate, e) : none_open();
	if (!m->sink) {
		free(m);
		return e->code;
	}
	*out_audio = &m->a;
	return VM_OK;
}

void audio_close(struct audio *a)
{
	struct mixer *m;

	if (!a)
		return;
	m = container_of(a, struct mixer, a);
	flush(m, m->end);
	if (!m->sink->close(m->sink) || m->broken)
		fprintf(stderr, "dragoman: not all of the sound could be written\n");
	free(m);
}
