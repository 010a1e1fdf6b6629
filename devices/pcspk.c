/*
 * pcspk.c - port 61h: speaker gate and data, refresh toggle, counter 2 output.
 *
 *   bit 0  counter 2 gate        bit 4  refresh request, toggles every 15.085 us (read only)
 *   bit 1  speaker data enable   bit 5  counter 2 OUT (read only)
 *   bit 2  parity check disable  bit 6  I/O channel check (0)
 *   bit 3  IOCHK disable         bit 7  parity error (0)
 *
 * Software times short waits by the toggle of bit 4 and calibrates clocks by bit 5.
 *
 * Sources: IBM PC/AT Technical Reference, "Port B"; 82371SB data sheet, "NMI Status and Control".
 */
#include "devices/pcspk.h"

#define REFRESH_NS 15085u
#define RATE 48000u	  /* of the samples that go out */
#define TICK_NS 20000000u /* a long tone goes out in pieces */
#define AMPLITUDE 8000	  /* a quarter of full scale: it is a small speaker */

static uint64_t pcspk_read(void *opaque, uint64_t off, unsigned size)
{
	struct pcspk *k = opaque;
	uint64_t now = clock_now(k->clock); /* asked once: it is most of what the read costs */
	unsigned refresh = (now / REFRESH_NS) & 1;

	return k->s.port | refresh << 4 | (unsigned)i8254_out(k->pit, 2, now) << 5;
}

/* How much of [@from, @from + @len) the wave of period @period is high; all in ns, @from within a period */
static uint64_t high_part(uint64_t from, uint64_t len, uint64_t period)
{
	uint64_t half = period / 2, high = 0;

	while (len) {
		uint64_t left = from < half ? half - from : period - from, n = left < len ? left : len;

		high += from < half ? n : 0;
		len -= n;
		from = from + n == period ? 0 : from + n;
	}
	return high;
}

/*
 * What the wave was from the last time until now. A sample is the mean of the wave over its time, which keeps frequencies exact
 * and what lies above the ear's reach quiet.
 */
static void play(struct pcspk *k)
{
	uint64_t now = clock_now(k->clock), period = muldiv64(k->period, NS_PER_SEC, I8254_HZ), step = NS_PER_SEC / RATE;
	int16_t lr[256][2];

	if (now - k->played > NS_PER_SEC) /* the machine stood still */
		k->played = now - NS_PER_SEC;
	while (k->voice.to && now - k->played >= step) {
		uint64_t start = k->played;
		unsigned n = 0;

		for (; n < 256 && now - k->played >= step; n++) {
			uint64_t high = period >= 2 ? high_part(k->phase, step, period) : step / 2;

			lr[n][0] = lr[n][1] = (int16_t)((int64_t)(2 * high * AMPLITUDE / step) - AMPLITUDE);
			k->phase = period >= 2 ? (k->phase + step) % period : 0;
			k->played += step;
		}
		audio_play(&k->voice, lr[0], n, RATE, start);
	}
}

static void tick(void *opaque)
{
	struct pcspk *k = opaque;

	play(k);
	timer_arm(&k->timer, clock_now(k->clock) + TICK_NS);
}

static void update_tone(void *opaque)
{
	struct pcspk *k = opaque;
	uint32_t period = (k->s.port & 3) == 3 ? i8254_period(k->pit, 2) : 0;

	if (period == k->period)
		return;
	if (k->period)
		play(k);
	else
		k->played = clock_now(k->clock);
	if (!k->period || !period)
		k->phase = 0;
	k->period = period;
	if (period && k->voice.to)
		timer_arm(&k->timer, clock_now(k->clock) + TICK_NS);
	else
		timer_cancel(&k->timer);
}

static void pcspk_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct pcspk *k = opaque;

	k->s.port = val & 0x0F;
	i8254_set_gate(k->pit, 2, val & 1);
	update_tone(k);
}

static const struct io_ops pcspk_io = {"port61", pcspk_read, pcspk_write, 1, 1};

static void pcspk_reset(struct device *d)
{
	struct pcspk *k = container_of(d, struct pcspk, dev);

	k->s.port = 0;
	i8254_set_gate(k->pit, 2, 0);
	update_tone(k);
}

static enum vm_err pcspk_post_load(struct device *d, struct err *e)
{
	struct pcspk *k = container_of(d, struct pcspk, dev);

	if (k->s.port & 0xF0)
		return err_set(e, VM_ERR_FORMAT, "pcspk: impossible saved state");
	update_tone(k);
	return VM_OK;
}

static void pcspk_dump(struct device *d, FILE *out)
{
	struct pcspk *k = container_of(d, struct pcspk, dev);

	fprintf(out, "port61: %02x speaker=%s\n", (unsigned)pcspk_read(k, 0, 1),
		k->period ? "on" : "off");
	if (k->period)
		fprintf(out, "speaker: %u Hz\n", I8254_HZ / k->period);
}

static const struct device_ops pcspk_ops = {
	.name = "isa-pcspk",
	.version = 1,
	.state_off = offsetof(struct pcspk, s),
	.state_size = sizeof(struct pcspk_state),
	.timer = {offsetof(struct pcspk, timer)},
	.reset = pcspk_reset,
	.post_load = pcspk_post_load,
	.dump = pcspk_dump,
};

struct pcspk *pcspk_create(
	struct log *log, struct clock *clock, struct space *io, struct i8254 *pit, struct audio *audio)
{
	struct pcspk *k = device_new(sizeof(*k), &pcspk_ops, log);

	k->clock = clock;
	k->pit = pit;
	k->voice.to = audio;
	timer_init(&k->timer, clock, tick, k);
	pit->changed = update_tone;
	pit->changed_opaque = k;
	space_add_io(io, &k->io, "port61", 0x61, 1, &pcspk_io, k);
	return k;
}
