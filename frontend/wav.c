/*
 * wav.c - sound into a WAV file: 16 bits, stereo.
 *
 * Source: Microsoft and IBM, "Multimedia Programming Interface and Data Specifications 1.0", Waveform Audio File Format.
 */
#include "frontend/audio.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER 44u
#define MAX_DATA (UINT32_MAX - 64u) /* lengths have 32 bits: what comes after is not kept */

struct wav {
	struct audio_sink s;
	FILE *f;
	unsigned rate;
	uint32_t len; /* bytes of sound */
	bool cut;
};

static void put32(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static bool header(struct wav *w)
{
	uint8_t h[HEADER] = "RIFF....WAVEfmt ....\1\0\2\0........\4\0\20\0data";

	put32(h + 4, w->len + HEADER - 8);
	put32(h + 16, 16);
	put32(h + 24, w->rate);
	put32(h + 28, w->rate * 4);
	put32(h + 40, w->len);
	return fwrite(h, 1, HEADER, w->f) == HEADER;
}

static bool wav_write(struct audio_sink *s, const int16_t *lr, unsigned frames)
{
	struct wav *w = container_of(s, struct wav, s);

	if (frames * 4 > MAX_DATA - w->len) {
		w->cut = true;
		return true;
	}
	w->len += frames * 4;
	return fwrite(lr, 4, frames, w->f) == frames; /* little-endian, as every host we run on */
}

static bool wav_close(struct audio_sink *s)
{
	struct wav *w = container_of(s, struct wav, s);
	bool good = !fseek(w->f, 0, SEEK_SET) && header(w) && !w->cut;

	good &= !fclose(w->f);
	free(w);
	return good;
}

struct audio_sink *wav_open(const char *path, unsigned rate, struct err *e)
{
	struct wav *w = calloc(1, sizeof(*w));

	BUG_ON(!w);
	w->s = (struct audio_sink){.write = wav_write, .close = wav_close};
	w->rate = rate;
	w->f = fopen(path, "wbe");
	if (!w->f || !header(w)) {
		err_errno(e, "cannot write the sound file '%s'", path);
		if (w->f)
			fclose(w->f);
		free(w);
		return NULL;
	}
	return &w->s;
}
