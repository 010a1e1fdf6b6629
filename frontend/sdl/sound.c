/* sound.c - the machine's sound on the host's speakers, by SDL's queue (audio.h). */
#include "frontend/audio.h"
#include <SDL.h>
#include <stdlib.h>

#define MAX_QUEUED_MS 400u /* more than that is behind: the guest's clock and the host's are not one */

struct speakers {
	struct audio_sink s;
	SDL_AudioDeviceID dev;
	unsigned rate;
};

static bool sound_write(struct audio_sink *s, const int16_t *lr, unsigned frames)
{
	struct speakers *p = container_of(s, struct speakers, s);

	if (SDL_GetQueuedAudioSize(p->dev) / 4 <= p->rate / 1000 * MAX_QUEUED_MS)
		SDL_QueueAudio(p->dev, lr, frames * 4);
	return true;
}

static bool sound_close(struct audio_sink *s)
{
	struct speakers *p = container_of(s, struct speakers, s);

	SDL_CloseAudioDevice(p->dev);
	SDL_QuitSubSystem(SDL_INIT_AUDIO);
	free(p);
	return true;
}

struct audio_sink *sdl_sound_open(unsigned rate, struct err *e)
{
	SDL_AudioSpec want = {.freq = (int)rate, .format = AUDIO_S16LSB, .channels = 2, .samples = 1024};
	struct speakers *p = calloc(1, sizeof(*p));

	BUG_ON(!p);
	p->s = (struct audio_sink){.write = sound_write, .close = sound_close, .live = true};
	p->rate = rate;
	if (!SDL_InitSubSystem(SDL_INIT_AUDIO)) {
		p->dev = SDL_OpenAudioDevice(NULL, 0, &want, NULL, 0);
		if (p->dev) {
			SDL_PauseAudioDevice(p->dev, 0);
			return &p->s;
		}
		SDL_QuitSubSystem(SDL_INIT_AUDIO);
	}
	err_set(e, VM_ERR_IO, "-audiodev sdl: %s", SDL_GetError());
	free(p);
	return NULL;
}
