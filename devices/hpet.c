/*
 * hpet.c - see hpet.h.
 *
 * The counter is computed from virtual time when it is asked for. One timer of the clock waits for the comparator that
 * matches next; a periodic one that is late by several periods interrupts once and goes on from the last of them.
 */
#include "devices/hpet.h"
#include <inttypes.h>
#include <string.h>

#define TICK_FS (HPET_TICK_NS * 1000000ull)
#define CAP_ID (TICK_FS << 32 | 0x8086ull << 16 | BIT(15) /* legacy replacement */ | BIT(13) /* 64 bits */ | (HPET_TIMERS - 1) << 8 | 1)
#define CONF_ENABLE 1ull
#define CONF_LEGACY 2ull
#define T_LEVEL BIT(1)
#define T_ENABLE BIT(2)
#define T_PERIODIC BIT(3)
#define T_CAN_PERIODIC BIT(4)
#define T_64 BIT(5)
#define T_VAL_SET BIT(6)
#define T_32MODE BIT(8)
#define T_ROUTE(c) ((c) >> 9 & 31)
#define T_WRITABLE (T_LEVEL | T_ENABLE | T_PERIODIC | T_VAL_SET | T_32MODE | 31ull << 9)
#define T_FIXED ((uint64_t)HPET_ROUTES << 32 | (uint64_t)(T_64 | T_CAN_PERIODIC))

uint64_t hpet_id(void)
{
	return CAP_ID;
}

static uint64_t ticks(struct hpet *h)
{
	return clock_now(h->clock) / HPET_TICK_NS;
}

static uint64_t counter(struct hpet *h)
{
	return h->s.config & CONF_ENABLE ? h->s.counter + ticks(h) : h->s.counter;
}

static bool narrow(const struct hpet_timer *t)
{
	return t->config & T_32MODE;
}

/* When does the comparator match next, counted from @now? It does not at @now itself unless @incl. */
static void aim(struct hpet_timer *t, uint64_t now)
{
	uint64_t ahead = t->cmp - now;

	if (narrow(t))
		ahead = (uint32_t)ahead;
	t->fires = now + ahead < now ? UINT64_MAX : now + ahead;
}

static void plan(struct hpet *h)
{
	uint64_t next = UINT64_MAX, now, at;

	if (!(h->s.config & CONF_ENABLE)) {
		timer_cancel(&h->timer);
		return;
	}
	for (unsigned i = 0; i < HPET_TIMERS; i++)
		if (h->s.t[i].fires < next)
			next = h->s.t[i].fires;
	now = counter(h);
	if (next == UINT64_MAX || (next > now && next - now > UINT64_MAX / 4 / HPET_TICK_NS)) {
		timer_cancel(&h->timer);
		return;
	}
	at = next > now ? (ticks(h) + (next - now)) * HPET_TICK_NS : clock_now(h->clock);
	timer_arm(&h->timer, at);
}

/* ---- interrupts ---- */

static const struct irq *wire_of(const struct hpet *h, unsigned i)
{
	unsigned route = T_ROUTE(h->s.t[i].config);

	if ((h->s.config & CONF_LEGACY) && i < 2)
		return i ? &h->w.rtc : &h->w.pit;
	return HPET_ROUTES >> route & 1 ? &h->w.gsi[route] : NULL;
}

/* Level-triggered ones hold their wire while the status bit is set. */
static void hold(struct hpet *h, unsigned i)
{
	const struct irq *w = wire_of(h, i);
	const struct hpet_timer *t = &h->s.t[i];

	if (w)
		irq_set(w, (h->s.status >> i & 1) && (t->config & T_ENABLE) && (t->config & T_LEVEL));
}

static void drop_wires(struct hpet *h)
{
	for (unsigned i = 0; i < HPET_TIMERS; i++)
		if (wire_of(h, i))
			irq_set(wire_of(h, i), 0);
}

static void hold_all(struct hpet *h)
{
	for (unsigned i = 0; i < HPET_TIMERS; i++)
		hold(h, i);
}

static void fire(struct hpet *h, unsigned i)
{
	const struct hpet_timer *t = &h->s.t[i];
	const struct irq *w = wire_of(h, i);

	if (t->config & T_LEVEL) {
		h->s.status |= BIT(i);
		hold(h, i);
	} else if (w && (t->config & T_ENABLE)) {
		irq_pulse(w);
	}
}

static void matched(struct hpet *h, unsigned i, uint64_t now)
{
	struct hpet_timer *t = &h->s.t[i];

	if (t->config & T_PERIODIC) {
		uint64_t n = t->period ? (now - t->fires) / t->period + 1 : 0;

		t->cmp += n * t->period;
		if (narrow(t))
			t->cmp = (uint32_t)t->cmp;
		t->fires = n ? t->fires + n * t->period : UINT64_MAX;
	} else {
		/* the counter comes round again: in 32 bits after 43 seconds, in 64 never */
		t->fires = narrow(t) ? now + BIT(32) - (uint32_t)(now - t->fires) : UINT64_MAX;
	}
	fire(h, i);
}

static void tick(void *opaque)
{
	struct hpet *h = opaque;
	uint64_t now = counter(h);

	for (unsigned i = 0; i < HPET_TIMERS; i++)
		if (h->s.t[i].fires <= now)
			matched(h, i, now);
	plan(h);
}

/* ---- registers ---- */

static uint64_t read_reg(struct hpet *h, unsigned off)
{
	unsigned i = (off - 0x100) / 0x20;

	switch (off) {
	case 0x000:
		return CAP_ID;
	case 0x010:
		return h->s.config;
	case 0x020:
		return h->s.status;
	case 0x0F0:
		return counter(h);
	}
	if (off < 0x100 || i >= HPET_TIMERS)
		return 0;
	return off % 0x20 == 0 ? h->s.t[i].config | T_FIXED : off % 0x20 == 8 ? h->s.t[i].cmp : 0;
}

static void write_config(struct hpet *h, uint64_t v)
{
	uint64_t old = h->s.config, now = counter(h);

	v &= CONF_ENABLE | CONF_LEGACY;
	if ((old ^ v) & CONF_LEGACY) {
		drop_wires(h);
		h->s.config = (old & ~CONF_LEGACY) | (v & CONF_LEGACY);
		if (h->w.legacy)
			h->w.legacy(h->w.opaque, v & CONF_LEGACY);
	}
	if ((old ^ v) & CONF_ENABLE) {
		h->s.counter = v & CONF_ENABLE ? now - ticks(h) : now;
		for (unsigned i = 0; i < HPET_TIMERS && (v & CONF_ENABLE); i++)
			aim(&h->s.t[i], now);
	}
	h->s.config = v;
	hold_all(h);
}

static void write_timer_config(struct hpet *h, unsigned i, uint64_t v)
{
	struct hpet_timer *t = &h->s.t[i];
	const struct irq *w = wire_of(h, i);

	if (w)
		irq_set(w, 0);
	t->config = v & T_WRITABLE;
	if (narrow(t))
		t->cmp = (uint32_t)t->cmp;
	if (!(t->config & T_LEVEL))
		h->s.status &= ~BIT(i);
	hold(h, i);
	aim(t, counter(h));
}

/*
 * The first write after VAL_SET of a periodic timer sets where it matches next, the one behind it (or one without VAL_SET) how far apart
 * matches are (2.3.9.2.2). Until there is one, the first value is both.
 */
static void write_cmp(struct hpet *h, unsigned i, uint64_t v)
{
	struct hpet_timer *t = &h->s.t[i];

	if (narrow(t))
		v = (uint32_t)v;
	if (t->config & T_PERIODIC)
		t->period = v;
	if (!(t->config & T_PERIODIC) || (t->config & T_VAL_SET)) {
		t->cmp = v;
		aim(t, counter(h));
	}
	t->config &= ~T_VAL_SET;
}

static void write_reg(struct hpet *h, unsigned off, uint64_t v)
{
	unsigned i = (off - 0x100) / 0x20;

	switch (off) {
	case 0x010:
		write_config(h, v);
		return;
	case 0x020:
		h->s.status &= ~v;
		hold_all(h);
		return;
	case 0x0F0: /* meant to be written while it stands */
		h->s.counter = h->s.config & CONF_ENABLE ? v - ticks(h) : v;
		for (i = 0; i < HPET_TIMERS; i++)
			aim(&h->s.t[i], v);
		return;
	}
	if (off < 0x100 || i >= HPET_TIMERS)
		return;
	if (off % 0x20 == 0)
		write_timer_config(h, i, v);
	else if (off % 0x20 == 8)
		write_cmp(h, i, v);
}

static uint64_t hpet_read(void *opaque, uint64_t off, unsigned size)
{
	uint64_t v = read_reg(opaque, (unsigned)off & ~7u) >> (off & 7) * 8;

	return size == 8 ? v : v & (BIT(size * 8) - 1);
}

/* Does a write to @reg set a period, which cannot be read back? */
static bool is_period(const struct hpet *h, unsigned reg)
{
	unsigned i = (reg - 0x100) / 0x20;

	return reg >= 0x100 && i < HPET_TIMERS && reg % 0x20 == 8 && (h->s.t[i].config & T_PERIODIC);
}

static void hpet_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct hpet *h = opaque;
	unsigned reg = (unsigned)off & ~7u, shift = (unsigned)(off & 7) * 8;
	uint64_t mask = (size == 8 ? UINT64_MAX : BIT(size * 8) - 1) << shift, old = read_reg(h, reg);

	/* half a register: the other keeps its value, and status bits are cleared by the half written only */
	val = val << shift & mask;
	if (is_period(h, reg) && shift)
		return; /* its upper half: beyond anything a 32-bit driver asks for */
	write_reg(h, reg, reg == 0x020 || is_period(h, reg) ? val : val | (old & ~mask));
	plan(h);
}

static const struct io_ops hpet_ops = {.name = "hpet", .read = hpet_read, .write = hpet_write, .min = 4, .max = 8};

/* ---- the device ---- */

static void reset(struct device *d)
{
	struct hpet *h = container_of(d, struct hpet, dev);

	write_config(h, 0);
	drop_wires(h);
	memset(&h->s, 0, sizeof(h->s));
	for (unsigned i = 0; i < HPET_TIMERS; i++) {
		h->s.t[i].cmp = UINT64_MAX;
		h->s.t[i].fires = UINT64_MAX;
	}
	plan(h);
}

static enum vm_err post_load(struct device *d, struct err *e)
{
	struct hpet *h = container_of(d, struct hpet, dev);

	if (h->s.config & ~(CONF_ENABLE | CONF_LEGACY))
		return err_set(e, VM_ERR_FORMAT, "hpet: impossible saved state");
	for (unsigned i = 0; i < HPET_TIMERS; i++)
		if (h->s.t[i].config & ~T_WRITABLE)
			return err_set(e, VM_ERR_FORMAT, "hpet: impossible saved state");
	if (h->w.legacy)
		h->w.legacy(h->w.opaque, h->s.config & CONF_LEGACY);
	hold_all(h);
	plan(h);
	return VM_OK;
}

static void dump(struct device *d, FILE *out)
{
	struct hpet *h = container_of(d, struct hpet, dev);

	fprintf(out, "hpet: config=%" PRIx64 " status=%" PRIx64 " counter=%" PRIx64 "\n", h->s.config, h->s.status, counter(h));
	for (unsigned i = 0; i < HPET_TIMERS; i++)
		fprintf(out, "hpet timer %u: config=%" PRIx64 " comparator=%" PRIx64 " period=%" PRIx64 "\n", i,
			(uint64_t)(h->s.t[i].config | T_FIXED), h->s.t[i].cmp, h->s.t[i].period);
}

static const struct device_ops ops = {
	.name = "hpet",
	.version = 1,
	.state_off = offsetof(struct hpet, s),
	.state_size = sizeof(struct hpet_state),
	.timer = {offsetof(struct hpet, timer)},
	.reset = reset,
	.post_load = post_load,
	.dump = dump,
};

struct hpet *hpet_create(struct log *log, struct clock *clock, struct space *mem, const struct hpet_wires *w)
{
	struct hpet *h = device_new(sizeof(*h), &ops, log);

	h->clock = clock;
	h->w = *w;
	timer_init(&h->timer, clock, tick, h);
	h->io = (struct region){.name = "hpet", .kind = REGION_IO, .len = 1024, .ops = &hpet_ops, .opaque = h};
	space_add(mem, &h->io, HPET_BASE);
	reset(&h->dev);
	return h;
}
