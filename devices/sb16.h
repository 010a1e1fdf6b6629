/*
 * sb16.h - Sound Blaster 16: DSP 4.05 (8 and 16 bits, by DMA or one by one), CT1745 mixer.
 *
 * Ports base+0..3 and +8..9 FM synthesizer (opl3.h), +4..5 mixer, +6 reset, +A read, +C write, +E and +F status and acknowledge.
 * Recording hears silence; there is no MIDI port or signal processor.
 * Source: Creative, "Sound Blaster Series Hardware Programming Guide", chapters 2, 3, 4, 6.
 */
#ifndef DEVICES_SB16_H
#define DEVICES_SB16_H

#include "devices/host/audio.h"
#include "devices/i8237.h"
#include "devices/opl3.h"

#define SB16_LINES 4 /* interrupts that the mixer can choose: 2 (9), 5, 7, 10 */

struct sb16_dsp {
	uint32_t rate;	    /* samples of one side a second */
	uint32_t block, left; /* bytes between interrupts; until the next one */
	uint64_t start, done; /* ns when the transfer began; frames moved since */
	uint8_t cmd, nargs, args[4]; /* being received */
	uint8_t out[16], nout, at; /* to be read: at..nout */
	uint8_t running, wide, stereo, sign, input, automatic, paused, ending; /* the transfer in progress */
	uint8_t speaker, test, reset_high, divided, last;
	uint8_t pad[1];
};

struct sb16_state {
	struct sb16_dsp d;
	uint8_t mixer[256], index, pad[7]; /* mixer[82h]: interrupts that are pending */
};

struct sb16_config {
	uint16_t iobase;
	uint8_t irq, dma, dma16; /* until the mixer says otherwise */
};

struct sb16 {
	struct device dev;
	struct clock *clock;
	struct timer timer;
	struct i8237 *dma;
	struct opl3 *fm; /* on the card's ports, too; NULL: none */
	struct irq irq[SB16_LINES];
	struct region io;
	struct audio_voice voice;
	struct sb16_config cfg;
	struct sb16_state s;
};

/* sb16_create() - @irq: wires 9, 5, 7, 10 in this order; @fm: its synthesizer, or NULL; @audio may be NULL */
struct sb16 *sb16_create(struct log *log, struct clock *clock, struct space *io, struct i8237 *dma, const struct irq *irq,
	const struct sb16_config *cfg, struct opl3 *fm, struct audio *audio);

/* sb16_mixer.c: registers, and what they choose */
void sb16_mixer_reset(struct sb16 *b);
uint8_t sb16_mixer_read(const struct sb16 *b, uint8_t reg);
void sb16_mixer_write(struct sb16 *b, uint8_t reg, uint8_t v);
unsigned sb16_mixer_dma(const struct sb16 *b, bool wide); /* channel */
void sb16_raise(struct sb16 *b, bool wide);
void sb16_ack(struct sb16 *b, bool wide);
void sb16_mixer_apply(const struct sb16 *b, int16_t *lr, unsigned frames); /* volumes */
void sb16_mixer_fm(void *opaque, int16_t *lr, unsigned frames); /* likewise, of the synthesizer: for opl3.mix */

#endif
