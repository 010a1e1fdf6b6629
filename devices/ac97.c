/*
 * ac97.c - the controller's bus-master engines and their registers (ac97.h); the codec is ac97_codec.c.
 *
 * An engine is brought up to date when its registers are read and by a timer, never ahead of virtual time: it plays as many frames
 * as its rate allows since it was started. The buffer list's entries are read as the engine comes to them.
 */
#include "devices/ac97_int.h"
#include <string.h>

/* status, control: data sheet x_SR, x_CR */
#define SR_DCH 0x01
#define SR_CELV 0x02
#define SR_LVBCI 0x04
#define SR_BCIS 0x08
#define SR_FIFOE 0x10
#define CR_RUN 0x01
#define CR_RESET 0x02
#define CR_LVBIE 0x04
#define CR_FEIE 0x08
#define CR_IOCE 0x10
#define BD_IOC BIT(31)
#define BD_BUP BIT(30) /* the end: play silence, not the last sample again */

#define CNT_COLD 0x02 /* 0: the link is in reset */
#define CNT_WARM 0x04
#define STA_READY 0x100 /* primary codec */
#define NO_CODEC 0x8000 /* RCS: a read timed out */

#define TICK_NS 5000000u
#define FRAMES 256u /* moved at a time */

static void update_irq(struct ac97 *a)
{
	static const uint32_t bit[AC97_BOXES] = {BIT(5), BIT(6), BIT(7)};
	uint32_t sta = a->s.glob_sta & ~(bit[0] | bit[1] | bit[2]);

	for (unsigned i = 0; i < AC97_BOXES; i++) {
		const struct ac97_box *b = &a->s.box[i];

		if (((b->sr & SR_LVBCI) && (b->cr & CR_LVBIE)) || ((b->sr & SR_BCIS) && (b->cr & CR_IOCE)) ||
			((b->sr & SR_FIFOE) && (b->cr & CR_FEIE)))
			sta |= bit[i];
	}
	a->s.glob_sta = sta;
	pci_irq_set(&a->pci, (sta & (bit[0] | bit[1] | bit[2])) != 0);
}

static bool running(const struct ac97_box *b)
{
	return (b->cr & CR_RUN) && !(b->sr & SR_DCH);
}

/* Entry CIV of the list becomes the buffer being played. */
static void fetch(struct ac97 *a, struct ac97_box *b)
{
	uint8_t e[8];

	if (!pci_dma_read(&a->pci, b->base + b->civ * 8u, e, sizeof(e)))
		memset(e, 0, sizeof(e));
	b->at = pci_get32(e) & ~1u;
	b->picb = pci_get16(e + 4);
	b->flags = pci_get32(e + 4) & 0xFFFF0000;
	b->piv = (b->civ + 1) & 31;
}

/* The buffer is empty: the next one, or the end of what has been prepared (data sheet: x_SR, DCH and LVBCI). */
static void buffer_done(struct ac97 *a, struct ac97_box *b)
{
	if (b->flags & BD_IOC)
		b->sr |= SR_BCIS;
	if (b->civ == b->lvi) {
		b->sr |= SR_LVBCI | SR_DCH | SR_CELV;
		return;
	}
	b->civ = b->piv;
	fetch(a, b);
	b->sr = (uint16_t)((b->sr & ~SR_CELV) | (b->civ == b->lvi ? SR_CELV : 0));
}

/* Frames left in the buffer: the microphone's have one sample */
static unsigned left(const struct ac97_box *b, unsigned i)
{
	return i == AC97_MIC ? b->picb : b->picb / 2;
}

/* At most @frames stereo frames of the buffer, to the codec or, silence, from it. Return: how many; 0: it has no whole one */
static unsigned move(struct ac97 *a, unsigned i, unsigned frames, uint64_t ns)
{
	struct ac97_box *b = &a->s.box[i];
	unsigned size = i == AC97_MIC ? 2 : 4, n = left(b, i);
	int16_t lr[FRAMES][2];

	n = frames < n ? frames : n;
	n = n < FRAMES ? n : FRAMES;
	if (!n)
		return 0;
	if (i == AC97_OUT) {
		if (!pci_dma_read(&a->pci, b->at, lr, n * size))
			memset(lr, 0, sizeof(lr));
		ac97_codec_play(a, lr[0], n, b->rate, ns);
	} else {
		memset(lr, 0, sizeof(lr));
		pci_dma_write(&a->pci, b->at, lr, n * size);
	}
	b->at += n * size;
	b->picb = (uint16_t)(b->picb - n * size / 2);
	return n;
}

static void restart(struct ac97 *a, unsigned i)
{
	struct ac97_box *b = &a->s.box[i];

	b->start = clock_now(a->clock);
	b->done = 0;
	b->rate = ac97_codec_rate(a, i);
}

/* Everything that was due until now has been moved. */
static void catch_up(struct ac97 *a, unsigned i)
{
	struct ac97_box *b = &a->s.box[i];
	uint64_t due;

	if (!running(b))
		return;
	due = muldiv64(clock_now(a->clock) - b->start, b->rate, NS_PER_SEC);
	/* a machine that stood still for long does not catch up on what nobody will hear */
	if (due - b->done > b->rate) {
		b->start += muldiv64(due - b->done - b->rate, NS_PER_SEC, b->rate);
		due = b->done + b->rate;
	}
	while (b->done < due && running(b)) {
		unsigned n = move(a, i, due - b->done < FRAMES ? (unsigned)(due - b->done) : FRAMES,
			b->start + muldiv64(b->done, NS_PER_SEC, b->rate));

		b->done += n;
		if (!n || !left(b, i))
			buffer_done(a, b); /* empty ones take no time, but the list ends */
	}
	update_irq(a);
}

/* The timer goes off when the next buffer is done, or soon. */
static void plan(struct ac97 *a)
{
	uint64_t next = UINT64_MAX;

	for (unsigned i = 0; i < AC97_BOXES; i++) {
		const struct ac97_box *b = &a->s.box[i];
		unsigned n = left(b, i);
		uint64_t at;

		if (!running(b))
			continue;
		at = b->start + muldiv64(b->done + (n ? n : 1), NS_PER_SEC, b->rate) + 1;
		next = at < next ? at : next;
	}
	if (next == UINT64_MAX)
		timer_cancel(&a->timer);
	else if (next > clock_last(a->clock) + TICK_NS)
		timer_arm(&a->timer, clock_last(a->clock) + TICK_NS);
	else
		timer_arm(&a->timer, next);
}

static void tick(void *opaque)
{
	struct ac97 *a = opaque;

	for (unsigned i = 0; i < AC97_BOXES; i++)
		catch_up(a, i);
	plan(a);
}

/* ---- bus-master registers ---- */

static void box_reset(struct ac97_box *b)
{
	memset(b, 0, sizeof(*b));
	b->sr = SR_DCH;
	b->rate = 48000;
}

static void write_lvi(struct ac97 *a, unsigned i, uint8_t v)
{
	struct ac97_box *b = &a->s.box[i];

	b->lvi = v & 31;
	/* an engine that has run out goes on with the buffer behind the one it ended with */
	if ((b->cr & CR_RUN) && (b->sr & SR_DCH)) {
		b->sr &= (uint16_t)~(SR_DCH | SR_CELV);
		b->civ = b->piv;
		fetch(a, b);
		b->sr |= b->civ == b->lvi ? SR_CELV : 0;
		restart(a, i);
	}
}

static void write_cr(struct ac97 *a, unsigned i, uint8_t v)
{
	struct ac97_box *b = &a->s.box[i];
	uint8_t old = b->cr;

	if (v & CR_RESET) {
		if (!(v & CR_RUN))
			box_reset(b);
		return;
	}
	b->cr = v & (CR_RUN | CR_LVBIE | CR_FEIE | CR_IOCE);
	if (!(b->cr & CR_RUN)) {
		b->sr |= SR_DCH;
	} else if (!(old & CR_RUN)) {
		/* a pause in the middle of a buffer ends where it began; else the list's entry is read now */
		if (!b->picb) {
			b->civ = b->piv;
			fetch(a, b);
		}
		b->sr = (uint16_t)((b->sr & ~(SR_DCH | SR_CELV)) | (b->civ == b->lvi ? SR_CELV : 0));
		restart(a, i);
	}
}

static void write_box(struct ac97 *a, unsigned i, unsigned reg, uint8_t v)
{
	struct ac97_box *b = &a->s.box[i];

	switch (reg) {
	case 0 ... 3:
		b->base = (b->base & ~(0xFFu << reg * 8)) | (uint32_t)v << reg * 8;
		b->base &= ~7u;
		break;
	case 5:
		write_lvi(a, i, v);
		break;
	case 6:
		b->sr &= (uint16_t)~(v & (SR_LVBCI | SR_BCIS | SR_FIFOE));
		break;
	case 11:
		write_cr(a, i, v);
		break;
	}
}

static uint8_t read_box(const struct ac97_box *b, unsigned reg)
{
	switch (reg) {
	case 0 ... 3:
		return (uint8_t)(b->base >> reg * 8);
	case 4:
		return b->civ;
	case 5:
		return b->lvi;
	case 6:
		return (uint8_t)b->sr;
	case 8:
		return (uint8_t)b->picb;
	case 9:
		return (uint8_t)(b->picb >> 8);
	case 10:
		return b->piv;
	case 11:
		return b->cr;
	default:
		return 0;
	}
}

static void write_global(struct ac97 *a, unsigned reg, uint8_t v)
{
	unsigned shift = reg % 4 * 8;

	if (reg >= 0x2C && reg < 0x30) {
		bool cold = !(a->s.glob_cnt & CNT_COLD);

		a->s.glob_cnt = ((a->s.glob_cnt & ~(0xFFu << shift)) | (uint32_t)v << shift) & ~CNT_WARM;
		if (cold && (a->s.glob_cnt & CNT_COLD))
			ac97_codec_reset(a);
	} else if (reg >= 0x30 && reg < 0x34) {
		a->s.glob_sta &= ~((uint32_t)v << shift & (NO_CODEC | 0x0C01)); /* resume and completion bits: cleared by 1 */
	}
}

static uint64_t master_read(void *opaque, uint64_t off, unsigned size)
{
	struct ac97 *a = opaque;
	uint64_t v = 0;

	for (unsigned i = 0; i < AC97_BOXES; i++)
		catch_up(a, i);
	for (unsigned k = 0; k < size; k++) {
		unsigned reg = (unsigned)off + k;
		uint8_t b = 0;

		if (reg < 0x10 * AC97_BOXES && (reg & 15) < 12) {
			b = read_box(&a->s.box[reg >> 4], reg & 15);
		} else if (reg >= 0x2C && reg < 0x30) {
			b = (uint8_t)(a->s.glob_cnt >> reg % 4 * 8);
		} else if (reg >= 0x30 && reg < 0x34) {
			b = (uint8_t)((a->s.glob_sta | (a->s.glob_cnt & CNT_COLD ? STA_READY : 0)) >> reg % 4 * 8);
		} else if (reg == 0x34) { /* the codec semaphore: taken by being read free */
			b = a->s.cas;
			a->s.cas = 1;
		}
		v |= (uint64_t)b << k * 8;
	}
	plan(a);
	return v;
}

static void master_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct ac97 *a = opaque;

	for (unsigned i = 0; i < AC97_BOXES; i++)
		catch_up(a, i);
	for (unsigned k = 0; k < size; k++) {
		unsigned reg = (unsigned)off + k;
		uint8_t b = (uint8_t)(val >> k * 8);

		if (reg < 0x2C && (reg & 15) < 12)
			write_box(a, reg >> 4, reg & 15, b);
		else
			write_global(a, reg, b);
	}
	update_irq(a);
	plan(a);
}

static const struct io_ops master_ops = {.name = "ac97-master", .read = master_read, .write = master_write, .min = 1, .max = 4};

/* ---- codec registers, as the controller passes them on ---- */

static uint64_t mixer_read(void *opaque, uint64_t off, unsigned size)
{
	struct ac97 *a = opaque;

	a->s.cas = 0;
	if (off >= 0x80 || !(a->s.glob_cnt & CNT_COLD)) { /* there is no second codec, and no link to the first in reset */
		a->s.glob_sta |= NO_CODEC;
		return 0xFFFF;
	}
	return size == 2 ? ac97_codec_read(a, (unsigned)off) : 0xFF;
}

static void mixer_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct ac97 *a = opaque;

	a->s.cas = 0;
	if (off >= 0x80 || size != 2 || !(a->s.glob_cnt & CNT_COLD))
		return;
	for (unsigned i = 0; i < AC97_BOXES; i++)
		catch_up(a, i);
	ac97_codec_write(a, (unsigned)off, (uint16_t)val);
	for (unsigned i = 0; i < AC97_BOXES; i++)
		if (running(&a->s.box[i]) && ac97_codec_rate(a, i) != a->s.box[i].rate)
			restart(a, i);
	plan(a);
}

static const struct io_ops mixer_ops = {.name = "ac97-mixer", .read = mixer_read, .write = mixer_write, .min = 1, .max = 2};

/* ---- the device ---- */

static void reset(struct device *d)
{
	struct ac97 *a = container_of(d, struct ac97, dev);

	for (unsigned i = 0; i < AC97_BOXES; i++)
		box_reset(&a->s.box[i]);
	a->s.glob_cnt = a->s.glob_sta = 0;
	a->s.cas = 0;
	ac97_codec_reset(a);
	update_irq(a);
	plan(a);
}

static enum vm_err post_load(struct device *d, struct err *e)
{
	struct ac97 *a = container_of(d, struct ac97, dev);

	for (unsigned i = 0; i < AC97_BOXES; i++) {
		const struct ac97_box *b = &a->s.box[i];

		if (b->civ > 31 || b->lvi > 31 || b->piv > 31 || b->rate < AUDIO_MIN_RATE || b->rate > AUDIO_MAX_RATE)
			return err_set(e, VM_ERR_FORMAT, "AC97: impossible saved state");
	}
	plan(a);
	return VM_OK;
}

static void dump(struct device *d, FILE *out)
{
	struct ac97 *a = container_of(d, struct ac97, dev);
	static const char *const names[AC97_BOXES] = {"in", "out", "mic"};

	for (unsigned i = 0; i < AC97_BOXES; i++) {
		const struct ac97_box *b = &a->s.box[i];

		fprintf(out, "ac97 %s: %s %u Hz list=%08x civ=%u lvi=%u picb=%u sr=%02x cr=%02x\n", names[i],
			running(b) ? "runs" : "halted", b->rate, b->base, b->civ, b->lvi, b->picb, b->sr, b->cr);
	}
	fprintf(out, "ac97: control=%08x status=%08x master volume=%04x PCM volume=%04x\n", a->s.glob_cnt, a->s.glob_sta,
		a->s.codec[1], a->s.codec[0x18 / 2]);
}

static const struct device_ops ops = {
	.name = "AC97",
	.version = 1,
	.state_off = offsetof(struct ac97, s),
	.state_size = sizeof(struct ac97_state),
	.timer = {offsetof(struct ac97, timer)},
	.reset = reset,
	.post_load = post_load,
	.dump = dump,
};

struct ac97 *ac97_create(struct log *log, struct clock *clock, struct pci_bus *bus, uint8_t devfn, struct audio *audio)
{
	struct ac97 *a = device_new(sizeof(*a), &ops, log);

	a->clock = clock;
	a->voice.to = audio;
	timer_init(&a->timer, clock, tick, a);
	if (pci_register(bus, &a->pci, "AC97", devfn, 0x8086, 0x2415, 0x040100, a)) {
		free(a);
		return NULL;
	}
	a->pci.cfg[PCI_CFG_REVISION] = 0x01;
	a->mixer = (struct region){.name = "ac97-mixer", .kind = REGION_IO, .len = 256, .ops = &mixer_ops, .opaque = a};
	a->master = (struct region){.name = "ac97-master", .kind = REGION_IO, .len = 64, .ops = &master_ops, .opaque = a};
	pci_set_bar(&a->pci, 0, PCI_BAR_IO, &a->mixer);
	pci_set_bar(&a->pci, 1, PCI_BAR_IO, &a->master);
	pci_irq_pin(&a->pci, 1);
	reset(&a->dev);
	return a;
}
