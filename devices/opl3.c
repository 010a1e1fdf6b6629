/* opl3.c - the synthesizer's registers, timers and pace (opl3.h); opl3_synth.c makes the sound. */
#include "devices/opl3.h"
#include <string.h>

#define PORT 0x388
#define TICK_NS 10000000u
#define FRAMES 256u
#define TIMER_NS 80000u /* of timer 1; timer 2 counts four times slower */

enum { REG_TEST = 0x01, REG_TIMER = 0x02, REG_CONTROL = 0x04, REG_DRUMS = 0xBD, REG_NEW = 0x105 };
#define CONTROL_RESET 0x80
#define FLAG(i) (0x40u >> (i)) /* also the timer's mask in REG_CONTROL */

/* ---- sound, up to now ---- */

static void catch_up(struct opl3 *o)
{
	struct opl3_state *s = &o->s;
	uint64_t due;

	if (!s->sounding || !o->voice.to)
		return;
	due = muldiv64(clock_now(o->clock) - s->start, OPL3_RATE, NS_PER_SEC);
	if (due - s->done > OPL3_RATE) { /* the machine stood still: nobody will hear what was missed */
		s->start += muldiv64(due - s->done - OPL3_RATE, NS_PER_SEC, OPL3_RATE);
		due = s->done + OPL3_RATE;
	}
	while (s->done < due && s->sounding) {
		unsigned n = due - s->done < FRAMES ? (unsigned)(due - s->done) : FRAMES;
		int16_t lr[FRAMES * 2];

		opl3_frames(o, lr, n);
		if (o->mix)
			o->mix(o->mix_opaque, lr, n);
		audio_play(&o->voice, lr, n, OPL3_RATE, s->start + muldiv64(s->done, NS_PER_SEC, OPL3_RATE));
		s->done += n;
		s->sounding = !opl3_silent(o);
	}
}

static void plan(struct opl3 *o)
{
	if (o->s.sounding && o->voice.to)
		timer_arm(&o->timer, clock_now(o->clock) + TICK_NS);
	else
		timer_cancel(&o->timer);
}

static void tick(void *opaque)
{
	catch_up(opaque);
	plan(opaque);
}

static void key(struct opl3 *o, unsigned op, unsigned who, bool on)
{
	opl3_key(o, op, who, on);
	if (!on || o->s.sounding)
		return;
	o->s.sounding = 1;
	o->s.start = clock_now(o->clock);
	o->s.done = 0;
}

/* ---- timers ---- */

static uint64_t timer_ns(const struct opl3 *o, unsigned i)
{
	return (uint64_t)(256 - o->s.reg[REG_TIMER + i]) * TIMER_NS << 2 * i;
}

/* An overflow sets the timer's flag, unless it is masked, and starts it again. */
static void timers(struct opl3 *o)
{
	uint64_t now = clock_now(o->clock);

	for (unsigned i = 0; i < 2; i++) {
		uint64_t *next = &o->s.overflow[i], period = timer_ns(o, i);

		if (!(o->s.running >> i & 1) || now < *next)
			continue;
		*next += ((now - *next) / period + 1) * period;
		if (!(o->s.reg[REG_CONTROL] & FLAG(i)))
			o->s.status |= (uint8_t)FLAG(i);
	}
}

static void control(struct opl3 *o, uint8_t v)
{
	if (v & CONTROL_RESET) { /* the other bits of this write count for nothing */
		o->s.status = 0;
		return;
	}
	o->s.reg[REG_CONTROL] = v;
	for (unsigned i = 0; i < 2; i++) {
		bool run = v >> i & 1;

		if (run && !(o->s.running >> i & 1))
			o->s.overflow[i] = clock_now(o->clock) + timer_ns(o, i);
		o->s.running = (uint8_t)((o->s.running & ~BIT(i)) | (unsigned)run << i);
		if (v & FLAG(i))
			o->s.status &= (uint8_t)~FLAG(i);
	}
}

/* ---- keys ---- */

static void drums(struct opl3 *o, uint8_t v)
{
	static const uint8_t ops[] = {13, 17, 14, 16}; /* hi-hat, top cymbal, tom-tom, snare drum: bits 0..3 */

	for (unsigned i = 0; i < ARRAY_SIZE(ops); i++)
		key(o, ops[i], 2, (v & 0x20) && (v >> i & 1));
	key(o, opl3_modulator(6), 2, (v & 0x20) && (v & 0x10)); /* bass drum: a whole voice */
	key(o, opl3_carrier(6), 2, (v & 0x20) && (v & 0x10));
}

/* The key of a joined pair is that of its first voice; the second's own does nothing. */
static void voice_key(struct opl3 *o, unsigned v, bool on)
{
	bool second = v % 9 >= 3 && v % 9 < 6 && opl3_four(o, v - 3);

	if (second)
		return;
	key(o, opl3_modulator(v), 1, on);
	key(o, opl3_carrier(v), 1, on);
	if (!opl3_four(o, v))
		return;
	key(o, opl3_modulator(v + 3), 1, on);
	key(o, opl3_carrier(v + 3), 1, on);
}

/* ---- ports ---- */

static void reg_write(struct opl3 *o, unsigned r, uint8_t v)
{
	if (r == REG_CONTROL) {
		control(o, v);
		return;
	}
	/* without NEW the second bank is not there, but for the register that NEW is in; an OPL2 has no such bank */
	if (r >= 0x100 && r != REG_NEW && !(o->s.reg[REG_NEW] & 1))
		return;
	o->s.reg[r] = v;
	if ((r & 0xFF) >= 0xB0 && (r & 0xFF) <= 0xB8)
		voice_key(o, (r >> 8) * 9 + (r & 0xF), v & 0x20);
	else if (r == REG_DRUMS)
		drums(o, v);
}

uint8_t opl3_read(struct opl3 *o, unsigned off)
{
	uint8_t v;

	timers(o);
	if (off & 1)
		return o->opl2 ? 0xFF : 0;
	v = o->s.status;
	return (uint8_t)((v ? v | 0x80 : 0) | (o->opl2 ? 0x06 : 0));
}

void opl3_write(struct opl3 *o, unsigned off, uint8_t v)
{
	unsigned bank = o->opl2 ? 0 : off >> 1 & 1;

	timers(o);
	if (!(off & 1)) {
		o->s.index = (uint16_t)(bank << 8 | v);
		return;
	}
	catch_up(o);
	reg_write(o, o->s.index, v);
	plan(o);
}

static uint64_t port_read(void *opaque, uint64_t off, unsigned size)
{
	return opl3_read(opaque, (unsigned)off);
}

static void port_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	opl3_write(opaque, (unsigned)off, (uint8_t)val);
}

static const struct io_ops port_ops = {.name = "opl3", .read = port_read, .write = port_write, .min = 1, .max = 1};

/* ---- the device ---- */

static void reset(struct device *dev)
{
	struct opl3 *o = container_of(dev, struct opl3, dev);

	memset(&o->s, 0, sizeof(o->s));
	for (unsigned i = 0; i < OPL3_OPS; i++)
		o->s.op[i].level = 511;
	o->s.noise = 1;
	timer_cancel(&o->timer);
}

static enum vm_err post_load(struct device *dev, struct err *e)
{
	struct opl3 *o = container_of(dev, struct opl3, dev);
	const struct opl3_state *s = &o->s;
	bool good = s->index < sizeof(s->reg) && s->noise < BIT(23) && s->start <= clock_now(o->clock) && !(s->running & ~3) &&
		s->done < BIT(60) && s->sounding <= 1;

	for (unsigned i = 0; i < OPL3_OPS; i++)
		good &= s->op[i].level < 512 && s->op[i].stage <= OPL3_RELEASE;
	for (unsigned i = 0; i < 2; i++)
		good &= s->overflow[i] < INT64_MAX;
	if (!good)
		return err_set(e, VM_ERR_FORMAT, "opl3: impossible saved state");
	plan(o);
	return VM_OK;
}

static void dump(struct device *dev, FILE *out)
{
	const struct opl3 *o = container_of(dev, struct opl3, dev);

	fprintf(out, "%s: %s, status=%02x timers=%x\n", o->opl2 ? "opl2" : "opl3", o->s.sounding ? "sounds" : "silent", o->s.status,
		o->s.running);
	for (unsigned v = 0; v < OPL3_VOICES; v++) {
		const uint8_t *r = o->s.reg + v / 9 * 256 + v % 9;
		unsigned block = r[0xB0] >> 2 & 7, number = (r[0xB0] & 3u) << 8 | r[0xA0];

		if (r[0xB0] & 0x20)
			fprintf(out, "voice %u: %u Hz\n", v, (number << block) * (uint32_t)(OPL3_RATE / 4) >> 18);
	}
}

static const struct device_ops ops = {
	.name = "opl3",
	.version = 1,
	.state_off = offsetof(struct opl3, s),
	.state_size = sizeof(struct opl3_state),
	.reset = reset,
	.post_load = post_load,
	.dump = dump,
};

void opl3_map(struct opl3 *o, struct space *io, uint16_t iobase)
{
	space_add_io(io, &o->base[0], "opl3", iobase, 4, &port_ops, o);
	space_add_io(io, &o->base[1], "opl3", iobase + 8, 2, &port_ops, o);
}

struct opl3 *opl3_create(struct log *log, struct clock *clock, struct space *io, bool opl2, struct audio *audio)
{
	struct opl3 *o = device_new(sizeof(*o), &ops, log);

	o->clock = clock;
	o->opl2 = opl2;
	o->voice.to = audio;
	opl3_tables(o);
	timer_init(&o->timer, clock, tick, o);
	space_add_io(io, &o->io, "opl3", PORT, 4, &port_ops, o);
	reset(&o->dev);
	return o;
}
