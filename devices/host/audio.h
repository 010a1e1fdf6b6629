/*
 * audio.h - sound from a device to the outside: stereo frames of 16 bits, at the device's own rate, each at a virtual time.
 *
 * The device paces itself by the virtual clock and says when its first frame is due; frames that follow without a pause continue the
 * ones before. Whoever listens mixes the voices, converts rates and may be late: nothing comes back to the guest from here.
 */
#ifndef DEVICES_HOST_AUDIO_H
#define DEVICES_HOST_AUDIO_H

#include "mmu/base/types.h"

#define AUDIO_MIN_RATE 1000u
#define AUDIO_MAX_RATE 192000u

struct audio_voice;

struct audio {
	/* @frames pairs left, right at @rate (within the limits above); the first is due at @ns of virtual time */
	void (*play)(struct audio *a, struct audio_voice *v, const int16_t *lr, unsigned frames, unsigned rate, uint64_t ns);
};

/* One device's sound; the fields are the listener's. */
struct audio_voice {
	struct audio *to;  /* NULL: nobody listens */
	uint64_t next;	   /* output frame that continues what was played last */
	uint64_t phase;	   /* 32.32: where the next output frame lies between input frames */
	int16_t last[2];   /* input frame before the next one */
	bool begun;
};

static inline void audio_play(struct audio_voice *v, const int16_t *lr, unsigned frames, unsigned rate, uint64_t ns)
{
	if (!v->to || !frames)
		return;
	rate = rate < AUDIO_MIN_RATE ? AUDIO_MIN_RATE : rate > AUDIO_MAX_RATE ? AUDIO_MAX_RATE : rate;
	v->to->play(v->to, v, lr, frames, rate, ns);
}

#endif
