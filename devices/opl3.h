/*
 * opl3.h - FM synthesizer: Yamaha YMF262 (OPL3), or the YM3812 (OPL2) of an AdLib card.
 *
 * 36 operators, each a phase, a waveform and an envelope; two of them make a voice by modulating the phase of one with the other, or by
 * adding up; six pairs of voices can join into voices of four; the last three of the first bank can be five drums. Two timers set flags
 * that programs find the chip by. On the PC no interrupt is wired.
 *
 * What is heard is made a piece at a time behind virtual time, and not at all where nobody listens: nothing of it can be read back.
 * Ports: +0 address (read: status), +1 data, +2 and +3 likewise of the second bank.
 *
 * Sources: Yamaha YMF262 and YM3812 application manuals; the contents of the chip's sine and exponential tables, its noise
 * generator and its drums' phases, which the manuals lack, as published by those who read them off the die ("OPLx decapsulated").
 */
#ifndef DEVICES_OPL3_H
#define DEVICES_OPL3_H

#include "devices/device.h"
#include "devices/host/audio.h"

#define OPL3_RATE 49716u /* frames a second: 14.31818 MHz / 288 */
#define OPL3_OPS 36
#define OPL3_VOICES 18

enum opl3_stage { OPL3_OFF, OPL3_ATTACK, OPL3_DECAY, OPL3_SUSTAIN, OPL3_RELEASE };

struct opl3_op {
	uint32_t phase;	 /* a period is 2^20 */
	uint16_t level;	 /* of the envelope: 0 loudest, 511 silent, 0.1875 dB a step */
	int16_t out[2];	 /* the last two samples: feedback */
	uint8_t stage;	 /* enum opl3_stage */
	uint8_t key;	 /* held by: 1 the voice's key, 2 a drum's */
};

struct opl3_state {
	uint64_t start, done;	  /* ns when the sound began; frames made since */
	uint64_t overflow[2];	  /* ns when each timer overflows next */
	uint32_t frames, noise;	  /* clock of envelopes, tremolo and vibrato; noise generator, 23 bits */
	struct opl3_op op[OPL3_OPS];
	uint8_t reg[512];
	uint16_t index;
	uint8_t status, running; /* flags 6: timer 1, 5: timer 2; running: bit per timer */
	uint8_t sounding, pad[3];
};

struct opl3 {
	struct device dev;
	struct clock *clock;
	struct timer timer;
	struct region io, base[2];
	struct audio_voice voice;
	bool opl2;
	/* volumes of the card, or NULL */
	void (*mix)(void *opaque, int16_t *lr, unsigned frames);
	void *mix_opaque;
	uint16_t sine[256], power[256]; /* -log2 of a quarter of a sine, 8 bits of fraction; 2^x - 1, 10 bits of fraction */
	uint8_t scaling[16];		/* key scale level by pitch: 0.375 dB a step at block 7, 3 dB an octave */
	struct opl3_state s;
};

/* opl3_create() - at ports 388h..38Bh; @opl2: without the second bank and what else is new; @audio may be NULL */
struct opl3 *opl3_create(struct log *log, struct clock *clock, struct space *io, bool opl2, struct audio *audio);
/* opl3_map() - an AdLib-compatible card's own ports, too: @iobase and the four from there, and @iobase + 8, + 9 */
void opl3_map(struct opl3 *o, struct space *io, uint16_t iobase);
/* opl3_read(), opl3_write() - port @off, 0..3: for a card that has the chip among its own ports */
uint8_t opl3_read(struct opl3 *o, unsigned off);
void opl3_write(struct opl3 *o, unsigned off, uint8_t v);

/* opl3_synth.c */
void opl3_tables(struct opl3 *o);
/* opl3_frames() - the next @n frames */
void opl3_frames(struct opl3 *o, int16_t *lr, unsigned n);
bool opl3_silent(const struct opl3 *o); /* every envelope has ended */
/* opl3_key() - operator @op is held by @who (1 voice, 2 drum), or no longer */
void opl3_key(struct opl3 *o, unsigned op, unsigned who, bool on);
/* opl3_carrier(), opl3_modulator() - number of voice @v's operators; opl3_four() - is voice @v the first of a pair that is joined? */
unsigned opl3_modulator(unsigned v);
static inline unsigned opl3_carrier(unsigned v)
{
	return opl3_modulator(v) + 3;
}
bool opl3_four(const struct opl3 *o, unsigned v);

#endif
