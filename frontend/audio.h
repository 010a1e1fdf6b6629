/* audio.h - -audiodev: where the machine's sound goes. Voices are mixed at one rate; WAV file, the host's speakers, or nowhere. */
#ifndef FRONTEND_AUDIO_H
#define FRONTEND_AUDIO_H

#include "devices/host/audio.h"
#include "mmu/base/err.h"

enum audio_driver { AUDIO_NONE, AUDIO_WAV, AUDIO_SDL };

struct audio_options {
	char id[32];
	enum audio_driver driver;
	const char *path;	/* of the WAV file */
	unsigned rate;		/* frames a second that come out */
};

struct audio_sink {
	bool (*write)(struct audio_sink *s, const int16_t *lr, unsigned frames); /* false: it has gone */
	bool (*close)(struct audio_sink *s); /* frees @s; false: what was written is not all there */
	bool live; /* listens as it is played: long pauses are left out */
};

/* audio_open() - VM_ERR_IO with a line that names the file, or the host's reason */
enum vm_err audio_open(struct audio **out, const struct audio_options *o, struct err *e);
void audio_close(struct audio *a); /* plays what is left; says if the file is incomplete */

/* wav.c */
struct audio_sink *wav_open(const char *path, unsigned rate, struct err *e);
/* sdl/sound.c */
struct audio_sink *sdl_sound_open(unsigned rate, struct err *e);

#endif
