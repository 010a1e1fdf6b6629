/*
 * pcspk.h - port 61h (system control port B) and the speaker behind counter 2 of the timer.
 */
#ifndef DEVICES_PCSPK_H
#define DEVICES_PCSPK_H

#include "devices/device.h"
#include "devices/host/audio.h"
#include "devices/i8254.h"

struct pcspk_state {
	uint8_t port; /* bits 0..3 as written */
	uint8_t pad[7];
};

struct pcspk {
	struct device dev;
	struct pcspk_state s;
	struct clock *clock;
	struct i8254 *pit;
	struct region io;
	struct timer timer;
	struct audio_voice voice;
	uint32_t period; /* of the square wave, in PIT ticks; 0: silence */
	uint64_t played; /* ns of virtual time up to which the wave has been played */
	uint64_t phase;	 /* ns into its period */
};

/* pcspk_create() - port 61h; owns counter 2's gate of @pit, which must outlive it; @audio may be NULL. */
struct pcspk *pcspk_create(
	struct log *log, struct clock *clock, struct space *io, struct i8254 *pit, struct audio *audio);

#endif
