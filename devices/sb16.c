/*
 * sb16.c - the card's DSP (sb16.h): commands, and samples by DMA at their rate.
 *
 * A transfer is brought up to date by a timer and when the card's registers are touched, never ahead of virtual time. DMA counts
 * by the block that the program asked for, which need not be the controller's.
 */
#include "devices/sb16.h"
#include <string.h>

#define TICK_NS 2000000u
#define FRAMES 256u

enum { PORT_FM = 0, PORT_FM_END = 3, PORT_FM_OLD = 8, PORT_FM_OLD_DATA = 9, PORT_INDEX = 4, PORT_MIXER = 5, PORT_RESET = 6, PORT_READ = 10, PORT_WRITE = 12, PORT_STATUS = 14, PORT_ACK16 = 15 };

/* ---- what the program reads ---- */

static void say(struct sb16 *b, uint8_t v)
{
	struct sb16_dsp *d = &b->s.d;

	if (d->at == d->nout)
		d->at = d->nout = 0;
	if (d->nout < sizeof(d->out))
		d->out[d->nout++] = v;
}

static void dsp_reset(struct sb16 *b)
{
	bool high = b->s.d.reset_high;

	memset(&b->s.d, 0, sizeof(b->s.d));
	b->s.d.reset_high = high;
	b->s.d.rate = 11025;
	b->s.d.last = 0xAA;
	sb16_ack(b, false);
	sb16_ack(b, true);
	timer_cancel(&b->timer);
}

/* ---- the transfer ---- */

static unsigned frame_bytes(const struct sb16_dsp *d)
{
	return 1u << d->wide << d->stereo;
}

/* Samples as they come, to stereo of 16 bits */
static void convert(const struct sb16_dsp *d, const uint8_t *in, int16_t *lr, unsigned frames)
{
	for (unsigned i = 0; i < frames; i++)
		for (unsigned k = 0; k < 2; k++) {
			unsigned at = i << d->stereo | (k & d->stereo);
			uint16_t v = d->wide ? (uint16_t)(in[2 * at] | in[2 * at + 1] << 8) : (uint16_t)(in[at] << 8);

			lr[2 * i + k] = (int16_t)(d->sign ? v : v ^ 0x8000);
		}
}

/* A block is over: interrupt; a single one, or an automatic one that was told to, is the last. */
static void block_done(struct sb16 *b)
{
	struct sb16_dsp *d = &b->s.d;

	d->left = d->block;
	if (!d->automatic || d->ending)
		d->running = 0;
	sb16_raise(b, d->wide);
}

/* At most @frames of the block. Return: how many; 0: the DMA controller gives none */
static unsigned move(struct sb16 *b, unsigned frames, uint64_t ns)
{
	struct sb16_dsp *d = &b->s.d;
	unsigned size = frame_bytes(d), n = d->left / size ? d->left / size : 1, got;
	uint8_t in[FRAMES * 4];
	int16_t lr[FRAMES * 2];
	bool tc;

	n = n < frames ? n : frames;
	n = n < FRAMES ? n : FRAMES;
	memset(in, d->sign ? 0 : 0x80, sizeof(in));
	got = i8237_transfer(b->dma, sb16_mixer_dma(b, d->wide), in, n * size, d->input, &tc);
	if (!got)
		return 0;
	n = got / size ? got / size : 1;
	if (!d->input) {
		convert(d, in, lr, n);
		sb16_mixer_apply(b, lr, n);
		audio_play(&b->voice, lr, n, d->rate, ns);
	}
	d->left -= got < d->left ? got : d->left;
	return n;
}

static void catch_up(struct sb16 *b)
{
	struct sb16_dsp *d = &b->s.d;
	uint64_t due;

	if (!d->running || d->paused)
		return;
	due = muldiv64(clock_now(b->clock) - d->start, d->rate, NS_PER_SEC);
	if (due - d->done > d->rate) { /* the machine stood still: nobody will hear what was missed */
		d->start += muldiv64(due - d->done - d->rate, NS_PER_SEC, d->rate);
		due = d->done + d->rate;
	}
	while (d->done < due && d->running) {
		unsigned n = move(b, due - d->done < FRAMES ? (unsigned)(due - d->done) : FRAMES,
			d->start + muldiv64(d->done, NS_PER_SEC, d->rate));

		if (!n) { /* the channel is masked: the card waits */
			d->start = clock_now(b->clock);
			d->done = 0;
			return;
		}
		d->done += n;
		if (!d->left)
			block_done(b);
	}
}

static void plan(struct sb16 *b)
{
	struct sb16_dsp *d = &b->s.d;
	uint64_t next, soon = clock_now(b->clock) + TICK_NS;

	if (!d->running || d->paused) {
		timer_cancel(&b->timer);
		return;
	}
	next = d->start + muldiv64(d->done + (d->left / frame_bytes(d) ? d->left / frame_bytes(d) : 1), NS_PER_SEC, d->rate) + 1;
	timer_arm(&b->timer, next < soon ? next : soon);
}

static void tick(void *opaque)
{
	catch_up(opaque);
	plan(opaque);
}

static void resume(struct sb16 *b)
{
	b->s.d.paused = 0;
	b->s.d.start = clock_now(b->clock);
	b->s.d.done = 0;
}

/* @samples: of one side or of both, as the program counts them: bytes, or words where @wide */
static void begin(struct sb16 *b, bool wide, bool input, bool automatic, unsigned samples)
{
	struct sb16_dsp *d = &b->s.d;

	d->wide = wide;
	d->input = input;
	d->automatic = automatic;
	d->block = d->left = samples << wide;
	d->running = 1;
	d->ending = 0;
	resume(b);
}

/* ---- commands ---- */

/* How many bytes follow a command. Those of the signal processor and the MIDI port are taken and ignored. */
static unsigned arguments(uint8_t c)
{
	if (c >= 0xB0 && c <= 0xCF)
		return 3;
	switch (c) {
	case 0x04: case 0x0F: case 0x10: case 0x38: case 0x40: case 0xE0: case 0xE2: case 0xE4: case 0xF9: case 0xFA:
		return 1;
	case 0x05: case 0x0E: case 0x14: case 0x16: case 0x17: case 0x24: case 0x41: case 0x42: case 0x48: case 0x74 ... 0x77: case 0x80:
		return 2;
	}
	return 0;
}

/* One sample by the processor: it is heard until the next one, of which nothing is known yet; a voice of 22 kHz holds it. */
static void direct(struct sb16 *b, uint8_t v)
{
	int16_t s = (int16_t)((v ^ 0x80) << 8), lr[2] = {s, s};

	sb16_mixer_apply(b, lr, 1);
	audio_play(&b->voice, lr, 1, 22050, clock_now(b->clock));
}

/* A rate by time constant is that of both sides together (3-12). */
static void both_sides(struct sb16_dsp *d)
{
	if (d->stereo && d->divided) {
		d->rate /= 2;
		d->divided = 0;
	}
}

/* Bx, Cx: mode, length less one (3-27). Bits of the command: 3 recording, 2 automatic. Of the mode: 5 stereo, 4 signed. */
static void generic(struct sb16 *b, const struct sb16_dsp *a)
{
	b->s.d.stereo = a->args[0] >> 5 & 1;
	b->s.d.sign = a->args[0] >> 4 & 1;
	both_sides(&b->s.d);
	begin(b, (a->cmd & 0xF0) == 0xB0, a->cmd & 8, a->cmd & 4, (a->args[1] | a->args[2] << 8) + 1u);
}

/* The transfers of earlier cards: 8 bits, unsigned, stereo by mixer register 0Eh. */
static void old_transfer(struct sb16 *b, bool input, bool automatic, unsigned samples)
{
	struct sb16_dsp *d = &b->s.d;

	d->stereo = b->s.mixer[0x0E] >> 1 & 1;
	d->sign = 0;
	both_sides(d);
	begin(b, false, input, automatic, samples);
}

/* 4 kHz to 48 kHz; by time constant, of both sides together, twice that */
static void set_rate(struct sb16 *b, uint32_t rate, bool divided)
{
	uint32_t most = divided ? 96000 : 48000;

	b->s.d.rate = rate < 4000 ? 4000 : rate > most ? most : rate;
	b->s.d.divided = divided;
}

static void pause(struct sb16 *b, bool wide, bool on)
{
	struct sb16_dsp *d = &b->s.d;

	if (!d->running || d->wide != wide)
		return;
	if (on)
		d->paused = 1;
	else if (d->paused)
		resume(b);
}

static void say_text(struct sb16 *b, const char *s)
{
	for (unsigned i = 0; i <= strlen(s); i++)
		say(b, (uint8_t)s[i]);
}

static void transfer_command(struct sb16 *b, const struct sb16_dsp *a)
{
	struct sb16_dsp *d = &b->s.d;

	switch (a->cmd) {
	case 0x14:
	case 0x24:
		old_transfer(b, a->cmd == 0x24, false, (a->args[0] | a->args[1] << 8) + 1u);
		break;
	case 0x1C: case 0x2C: case 0x90: case 0x98:
		old_transfer(b, a->cmd == 0x2C || a->cmd == 0x98, true, d->block ? d->block : 1);
		break;
	case 0x91:
	case 0x99:
		old_transfer(b, a->cmd == 0x99, false, d->block ? d->block : 1);
		break;
	case 0x80: /* silence for so many samples, then the interrupt: as a transfer of which nothing is heard would */
		UNIMP(b->dev.log, "sb16: command 80h (silence) interrupts at once\n");
		sb16_raise(b, false);
		break;
	default:
		UNIMP(b->dev.log, "sb16: command %02x does nothing\n", a->cmd);
	}
}

static void execute(struct sb16 *b)
{
	struct sb16_dsp *d = &b->s.d, a = *d;

	switch (a.cmd) {
	case 0x04: case 0x05: case 0x0E: case 0x0F: /* the signal processor, which this card lacks */
		if (a.cmd == 0x0F)
			say(b, 0);
		break;
	case 0x10:
		direct(b, a.args[0]);
		break;
	case 0x20:
		say(b, 0x80);
		break;
	case 0x40:
		set_rate(b, 1000000 / (256 - a.args[0]), true);
		break;
	case 0x41:
	case 0x42:
		set_rate(b, (uint32_t)a.args[0] << 8 | a.args[1], false);
		break;
	case 0x48:
		d->block = (a.args[0] | a.args[1] << 8) + 1u;
		break;
	case 0xB0 ... 0xCF:
		generic(b, &a);
		break;
	case 0xD0: case 0xD4:
		pause(b, false, a.cmd == 0xD0);
		break;
	case 0xD5: case 0xD6:
		pause(b, true, a.cmd == 0xD5);
		break;
	case 0xD1: case 0xD3:
		d->speaker = a.cmd == 0xD1 ? 0xFF : 0;
		break;
	case 0xD8:
		say(b, d->speaker);
		break;
	case 0xD9: case 0xDA:
		d->ending = 1;
		break;
	case 0xE0:
		say(b, (uint8_t)~a.args[0]);
		break;
	case 0xE1:
		say(b, 4);
		say(b, 5);
		break;
	case 0xE3:
		say_text(b, "Dragoman SB16");
		break;
	case 0xE4:
		d->test = a.args[0];
		break;
	case 0xE8:
		say(b, d->test);
		break;
	case 0xF2: case 0xF3:
		sb16_raise(b, a.cmd == 0xF3);
		break;
	case 0xF8: case 0xF9: case 0xFA:
		if (a.cmd != 0xFA)
			say(b, 0);
		break;
	case 0xFC:
		say(b, (uint8_t)((d->running && !d->wide ? 4 : 0) | (d->running && d->wide ? 0x40 : 0)));
		break;
	default:
		transfer_command(b, &a);
	}
}

static void dsp_write(struct sb16 *b, uint8_t v)
{
	struct sb16_dsp *d = &b->s.d;
	unsigned want;

	if (!d->cmd) {
		d->cmd = v;
		d->nargs = 0;
	} else if (d->nargs < sizeof(d->args)) {
		d->args[d->nargs++] = v;
	}
	want = arguments(d->cmd);
	if (d->nargs < want)
		return;
	if (d->cmd)
		execute(b);
	d->cmd = d->nargs = 0;
}

/* ---- ports ---- */

static uint64_t port_read(void *opaque, uint64_t off, unsigned size)
{
	struct sb16 *b = opaque;
	struct sb16_dsp *d = &b->s.d;
	uint8_t v = 0xFF;

	catch_up(b);
	switch (off) {
	case PORT_FM ... PORT_FM_END:
		v = b->fm ? opl3_read(b->fm, (unsigned)off) : 0xFF;
		break;
	case PORT_FM_OLD:
	case PORT_FM_OLD_DATA:
		v = b->fm ? opl3_read(b->fm, off & 1) : 0xFF;
		break;
	case PORT_INDEX:
		v = b->s.index;
		break;
	case PORT_MIXER:
		v = sb16_mixer_read(b, b->s.index);
		break;
	case PORT_READ:
		if (d->at < d->nout)
			d->last = d->out[d->at++];
		v = d->last;
		break;
	case PORT_WRITE: /* bit 7: busy. It never is */
		v = 0x7F;
		break;
	case PORT_STATUS: /* bit 7: there is something to read */
		v = d->at < d->nout ? 0xFF : 0x7F;
		sb16_ack(b, false);
		break;
	case PORT_ACK16:
		sb16_ack(b, true);
		break;
	}
	plan(b);
	return v;
}

static void port_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct sb16 *b = opaque;
	uint8_t v = (uint8_t)val;

	catch_up(b);
	switch (off) {
	case PORT_FM ... PORT_FM_END:
		if (b->fm)
			opl3_write(b->fm, (unsigned)off, v);
		break;
	case PORT_FM_OLD:
	case PORT_FM_OLD_DATA:
		if (b->fm)
			opl3_write(b->fm, off & 1, v);
		break;
	case PORT_INDEX:
		b->s.index = v;
		break;
	case PORT_MIXER:
		sb16_mixer_write(b, b->s.index, v);
		break;
	case PORT_RESET: /* 1, then 0: the DSP answers AAh */
		if (!(v & 1) && b->s.d.reset_high) {
			dsp_reset(b);
			say(b, 0xAA);
		}
		b->s.d.reset_high = v & 1;
		break;
	case PORT_WRITE:
		dsp_write(b, v);
		break;
	}
	plan(b);
}

static const struct io_ops port_ops = {.name = "sb16", .read = port_read, .write = port_write, .min = 1, .max = 1};

/* ---- the device ---- */

static void reset(struct device *dev)
{
	struct sb16 *b = container_of(dev, struct sb16, dev);

	b->s.d.reset_high = 0;
	dsp_reset(b);
	sb16_mixer_reset(b);
}

static enum vm_err post_load(struct device *dev, struct err *e)
{
	struct sb16 *b = container_of(dev, struct sb16, dev);
	const struct sb16_dsp *d = &b->s.d;

	if (d->nout > sizeof(d->out) || d->at > d->nout || d->nargs > sizeof(d->args) || d->wide > 1 || d->stereo > 1 ||
		d->rate < 1000 || d->rate > 96000 || d->block > 131072 || d->left > d->block)
		return err_set(e, VM_ERR_FORMAT, "sb16: impossible saved state");
	plan(b);
	return VM_OK;
}

static void dump(struct device *dev, FILE *out)
{
	struct sb16 *b = container_of(dev, struct sb16, dev);
	const struct sb16_dsp *d = &b->s.d;

	fprintf(out, "sb16: %s%s %u Hz, %u bits%s, block=%u left=%u dma=%u irq mask=%x pending=%x\n",
		d->running ? d->input ? "records" : "plays" : "stands", d->paused ? " (paused)" : "", d->rate, d->wide ? 16 : 8,
		d->stereo ? " stereo" : "", d->block, d->left, sb16_mixer_dma(b, d->wide), b->s.mixer[0x80], b->s.mixer[0x82]);
}

static const struct device_ops ops = {
	.name = "sb16",
	.version = 1,
	.state_off = offsetof(struct sb16, s),
	.state_size = sizeof(struct sb16_state),
	.reset = reset,
	.post_load = post_load,
	.dump = dump,
};

struct sb16 *sb16_create(struct log *log, struct clock *clock, struct space *io, struct i8237 *dma, const struct irq *irq,
	const struct sb16_config *cfg, struct opl3 *fm, struct audio *audio)
{
	struct sb16 *b = device_new(sizeof(*b), &ops, log);

	b->clock = clock;
	b->dma = dma;
	b->fm = fm;
	b->cfg = *cfg;
	b->voice.to = audio;
	memcpy(b->irq, irq, sizeof(b->irq));
	timer_init(&b->timer, clock, tick, b);
	space_add_io(io, &b->io, "sb16", cfg->iobase, 16, &port_ops, b);
	reset(&b->dev);
	return b;
}
