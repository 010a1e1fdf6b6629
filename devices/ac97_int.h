/* ac97_int.h - between the controller (ac97.c) and the codec (ac97_codec.c). */
#ifndef DEVICES_AC97_INT_H
#define DEVICES_AC97_INT_H

#include "devices/ac97.h"
#include <stdlib.h>

void ac97_codec_reset(struct ac97 *a);
uint16_t ac97_codec_read(const struct ac97 *a, unsigned reg); /* reg < 80h */
void ac97_codec_write(struct ac97 *a, unsigned reg, uint16_t v);
/* ac97_codec_rate() - frames a second of engine @box */
uint32_t ac97_codec_rate(const struct ac97 *a, unsigned box);
/* ac97_codec_play() - @n stereo frames through the volume controls to the outside; @lr is changed */
void ac97_codec_play(struct ac97 *a, int16_t *lr, unsigned n, uint32_t rate, uint64_t ns);

#endif
