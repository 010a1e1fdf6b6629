/*
 * i8254.c - 8254 programmable interval timer: three counters, six modes.
 *
 * The idea: nothing ticks. A channel remembers the PIT tick at which its counting element was
 * loaded; OUT and the count are functions of the ticks elapsed since. Tick numbers are derived from
 * virtual time since creation, so periods do not drift. Only counter 0 needs a timer: it is armed
 * for the next rising edge of OUT, always computed from the ideal schedule. A timer that runs late
 * gives one edge, not one per missed period.
 *
 * A written count reaches the counting element on the next CLK, hence the +1 on base.
 *
 * Source: Intel 8254 data sheet (order 231164), "Mode Definitions", "Read-Back Command".
 */
#include "devices/i8254.h"
#include <string.h>

#define MIN_EDGE_TICKS                                                                             \
	24u /* about 20 us: closest spacing of the edges that we simulate one by one */

static uint64_t ticks_at(uint64_t ns)
{
	return muldiv64(ns, I8254_HZ, NS_PER_SEC);
}

static uint64_t pit_now(struct i8254 *p)
{
	return ticks_at(clock_now(p->clock));
}

/* The first nanosecond at which ticks_at() is @tick. */
static uint64_t ns_of_tick(uint64_t tick)
{
	return (uint64_t)(((unsigned __int128)tick * NS_PER_SEC + I8254_HZ - 1) / I8254_HZ);
}

static bool periodic(const struct i8254_channel *c)
{
	return c->mode == 2 || c->mode == 3;
}

static bool triggered_by_gate(const struct i8254_channel *c)
{
	return c->mode == 1 || c->mode == 5;
}

/* Let a pending reload take over if its cycle boundary has passed; note loading of new counts. */
static void sync_channel(struct i8254_channel *c, uint64_t now)
{
	if (!c->loaded || now < c->base)
		return;
	if (!c->pending) {
		if (!triggered_by_gate(c))
			c->null_count = 0;
		return;
	}
	if (c->suspended)
		return;
	uint64_t cycles = (now - c->base) / c->count;
	if (cycles) {
		c->base += c->count;
		c->count = c->reload;
		c->pending = 0;
		c->null_count = 0;
	}
}

static uint64_t elapsed(const struct i8254_channel *c, uint64_t now)
{
	if (c->suspended)
		return c->frozen;
	return now > c->base ? now - c->base : 0;
}

static int channel_out(const struct i8254_channel *c, uint64_t now)
{
	uint64_t e;

	if (!c->loaded || (now < c->base && !c->suspended))
		return c->mode != 0;
	e = elapsed(c, now);
	switch (c->mode) {
	case 0:
	case 1:
		return e >= c->count;
	case 2:
		return !c->gate || e % c->count != c->count - 1;
	case 3:
		return !c->gate || e % c->count < (c->count + 1) / 2;
	default:
		return e != c->count;
	}
}

static uint16_t to_guest(const struct i8254_channel *c, uint32_t v)
{
	if (!c->bcd)
		return (uint16_t)v;
	v %= 10000;
	return (uint16_t)(v / 1000 << 12 | v / 100 % 10 << 8 | v / 10 % 10 << 4 | v % 10);
}

static uint32_t from_guest(const struct i8254_channel *c, uint16_t v)
{
	uint32_t n = v;

	if (c->bcd)
		n = (v >> 12) * 1000u + ((v >> 8) & 15) * 100u + ((v >> 4) & 15) * 10u + (v & 15);
	return n ? n : c->bcd ? 10000 : 65536;
}

static uint16_t channel_count(const struct i8254_channel *c, uint64_t now)
{
	uint64_t e = elapsed(c, now), phase;
	uint32_t range = c->bcd ? 10000 : 65536, half;

	if (!c->loaded)
		return to_guest(c, c->reload);
	switch (c->mode) {
	case 2:
		return to_guest(c, c->count - (uint32_t)(e % c->count));
	case 3: /* by two, from the even number; twice per period */
		phase = e % c->count;
		half = (c->count + 1) / 2;
		if (phase >= half)
			phase -= half;
		return to_guest(c, (c->count & ~1u) - 2 * (uint32_t)phase);
	default: /* keeps counting through zero */
		return to_guest(c, (uint32_t)((c->count + range - e % range) % range));
	}
}

/* The tick of the next rising edge of OUT after @now; UINT64_MAX if none will come by itself. */
static uint64_t next_rise(const struct i8254_channel *c, uint64_t now)
{
	uint64_t e, from = now, t;

	if (!c->loaded || c->suspended)
		return UINT64_MAX;
	if (periodic(c)) {
		if (c->count < 2)
			return UINT64_MAX; /* count 1 is illegal in modes 2 and 3 */
		if (c->pending)
			return c->base + c->count;
		if (c->count < MIN_EDGE_TICKS)
			from += MIN_EDGE_TICKS;
		e = from > c->base ? from - c->base : 0;
		return c->base + (e / c->count + 1) * c->count;
	}
	t = c->base + c->count;
	if (c->mode >= 4)
		t++; /* the strobe is low for one clock */
	return t > now ? t : UINT64_MAX;
}

static void drive_irq(struct i8254 *p, int level)
{
	if (p->s.irq_level == level)
		return;
	p->s.irq_level = (uint8_t)level;
	if (!p->s.irq_off)
		irq_set(&p->irq, level);
}

/* Counter 0 changed or time passed: wire level and timer. */
static void pit_update(struct i8254 *p, uint64_t now)
{
	struct i8254_channel *c = &p->s.ch[0];
	uint64_t rise;

	sync_channel(c, now);
	drive_irq(p, channel_out(c, now));
	rise = next_rise(c, now);
	if (rise == UINT64_MAX)
		timer_cancel(&p->timer);
	else
		timer_arm(&p->timer, ns_of_tick(rise));
}

static void rising_edge(struct i8254 *p)
{
	/* The low phase before this edge was not simulated: show it now. */
	drive_irq(p, 0);
	drive_irq(p, 1);
}

static void pit_timer(void *opaque)
{
	struct i8254 *p = opaque;

	rising_edge(p);
	pit_update(p, pit_now(p));
}

/* A register access overtakes an edge whose timer has not run yet: the edge comes first. */
static void deliver_due(struct i8254 *p)
{
	if (!p->timer.armed || p->timer.deadline > clock_now(p->clock))
		return;
	timer_cancel(&p->timer);
	rising_edge(p);
}

/* A complete count was written: data sheet, each mode's "Writing a new count while counting". */
static void load_count(struct i8254_channel *c, uint16_t val, uint64_t now)
{
	c->reload = from_guest(c, val);
	c->null_count = 1;
	c->written = 1;
	if (triggered_by_gate(c))
		return; /* takes effect at the next trigger */
	if (periodic(c) && c->loaded && now >= c->base && !c->suspended) {
		c->pending = 1;
		return;
	}
	c->count = c->reload;
	c->base = now + 1;
	c->frozen = 0;
	c->suspended = !c->gate;
	c->loaded = 1;
	c->pending = 0;
	if (c->suspended)
		c->null_count = 0;
}

static void write_count(struct i8254_channel *c, uint8_t val, uint64_t now)
{
	switch (c->access) {
	case 1:
		load_count(c, val, now);
		break;
	case 2:
		load_count(c, (uint16_t)(val << 8), now);
		break;
	default:
		if (c->write_high_next) {
			c->write_high_next = 0;
			load_count(c, (uint16_t)(val << 8 | c->write_low), now);
			break;
		}
		c->write_low = val;
		c->write_high_next = 1;
		/* Mode 0: "writing the first byte disables counting. OUT is set low immediately" */
		if (c->mode == 0)
			c->loaded = 0;
	}
}

static void latch_count(struct i8254_channel *c, uint64_t now)
{
	if (c->latched)
		return; /* a second latch before the first is read is ignored */
	c->latch = channel_count(c, now);
	c->latched = c->access == 3 ? 2 : 1;
}

static void latch_status(struct i8254_channel *c, uint64_t now)
{
	if (c->status_latched)
		return;
	c->status = (uint8_t)(channel_out(c, now) << 7 | c->null_count << 6 | c->access << 4 |
			      c->mode << 1 | c->bcd);
	c->status_latched = 1;
}

static void write_control(struct i8254 *p, uint8_t val, uint64_t now)
{
	struct i8254_channel *c;

	if (val >> 6 == 3) { /* read-back */
		for (unsigned i = 0; i < 3; i++) {
			if (!(val & (2u << i)))
				continue;
			c = &p->s.ch[i];
			sync_channel(c, now);
			if (!(val & 0x20))
				latch_count(c, now);
			if (!(val & 0x10))
				latch_status(c, now);
		}
		return;
	}
	c = &p->s.ch[val >> 6];
	sync_channel(c, now);
	if (!(val & 0x30)) {
		latch_count(c, now);
		return;
	}
	c->access = (val >> 4) & 3;
	c->mode = (val >> 1) & 7;
	if (c->mode > 5)
		c->mode -= 4; /* modes 6 and 7 are 2 and 3: bit 2 is don't care there */
	c->bcd = val & 1;
	c->loaded = c->written = c->pending = c->suspended = 0;
	c->write_high_next = c->read_high_next = 0;
	c->latched = c->status_latched = 0;
	c->null_count = 1;
}

static uint8_t read_channel(struct i8254_channel *c, uint64_t now)
{
	uint16_t v;

	if (c->status_latched) {
		c->status_latched = 0;
		return c->status;
	}
	v = c->latched ? c->latch : channel_count(c, now);
	if (c->latched)
		c->latched--;
	if (c->access == 1)
		return (uint8_t)v;
	if (c->access == 2)
		return (uint8_t)(v >> 8);
	c->read_high_next ^= 1;
	return (uint8_t)(c->read_high_next ? v : v >> 8);
}

static uint64_t i8254_io_read(void *opaque, uint64_t off, unsigned size)
{
	struct i8254 *p = opaque;
	uint64_t now = pit_now(p);

	if (off > 2)
		return 0xFF; /* the control word register cannot be read */
	sync_channel(&p->s.ch[off], now);
	return read_channel(&p->s.ch[off], now);
}

static void i8254_io_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct i8254 *p = opaque;
	uint64_t now = pit_now(p);

	deliver_due(p);
	if (off > 2) {
		write_control(p, (uint8_t)val, now);
	} else {
		sync_channel(&p->s.ch[off], now);
		write_count(&p->s.ch[off], (uint8_t)val, now);
	}
	pit_update(p, now);
	if (p->changed && (off == 2 || off == 3))
		p->changed(p->changed_opaque);
}

void i8254_set_gate(struct i8254 *p, unsigned n, int level)
{
	struct i8254_channel *c = &p->s.ch[n % 3];
	uint64_t now = pit_now(p);

	level = level != 0;
	if (c->gate == level)
		return;
	deliver_due(p);
	sync_channel(c, now);
	if (triggered_by_gate(c)) {
		if (level && c->written) { /* trigger: reload on the next CLK */
			c->count = c->reload;
			c->base = now + 1;
			c->loaded = 1;
			c->null_count = 0;
		}
	} else if (c->loaded && !level) {
		c->frozen = elapsed(c, now);
		c->suspended = 1;
	} else if (c->loaded && periodic(c)) { /* rising edge restarts the cycle */
		c->count = c->reload;
		c->base = now + 1;
		c->pending = c->suspended = 0;
	} else if (c->loaded) {
		c->base = now - c->frozen;
		c->suspended = 0;
	}
	c->gate = (uint8_t)level;
	pit_update(p, now);
}

int i8254_out(struct i8254 *p, unsigned n, uint64_t ns)
{
	uint64_t now = ticks_at(ns);

	sync_channel(&p->s.ch[n % 3], now);
	return channel_out(&p->s.ch[n % 3], now);
}

uint32_t i8254_period(struct i8254 *p, unsigned n)
{
	struct i8254_channel *c = &p->s.ch[n % 3];

	sync_channel(c, pit_now(p));
	return periodic(c) && c->loaded && c->gate ? c->count : 0;
}

void i8254_enable_irq(struct i8254 *p, bool on)
{
	if (p->s.irq_off != on)
		return;
	if (!on)
		irq_set(&p->irq, 0);
	p->s.irq_off = !on;
	if (on)
		irq_set(&p->irq, p->s.irq_level);
}

static const struct io_ops i8254_io = {"pit", i8254_io_read, i8254_io_write, 1, 1};

/* The chip has no reset input; firmware finds it as QEMU leaves it: mode 3, count 65536, running.
 */
static void i8254_reset(struct device *d)
{
	struct i8254 *p = container_of(d, struct i8254, dev);
	uint64_t now = pit_now(p);

	for (unsigned i = 0; i < 3; i++) {
		struct i8254_channel *c = &p->s.ch[i];

		memset(c, 0, sizeof(*c));
		c->gate = i != 2;
		c->mode = 3;
		c->access = 3;
		load_count(c, 0, now);
	}
	i8254_enable_irq(p, true);
	pit_update(p, now);
}

static enum vm_err i8254_post_load(struct device *d, struct err *e)
{
	struct i8254 *p = container_of(d, struct i8254, dev);

	for (unsigned i = 0; i < 3; i++) {
		struct i8254_channel *c = &p->s.ch[i];

		if (c->mode > 5 || (c->loaded && !c->count) || c->count > 65536 ||
			c->reload > 65536 || (c->pending && !c->reload) || c->access > 3)
			return err_set(e, VM_ERR_FORMAT, "i8254: impossible saved state");
	}
	pit_update(p, pit_now(p));
	return VM_OK;
}

static void i8254_dump(struct device *d, FILE *out)
{
	struct i8254 *p = container_of(d, struct i8254, dev);
	uint64_t now = pit_now(p);

	for (unsigned i = 0; i < 3; i++) {
		struct i8254_channel *c = &p->s.ch[i];

		sync_channel(c, now);
		fprintf(out, "pit%u: mode=%u%s gate=%u out=%d reload=%u count=%04x%s\n", i, c->mode,
			c->bcd ? " bcd" : "", c->gate, channel_out(c, now), c->reload,
			channel_count(c, now),
			!c->loaded     ? " (not counting)"
			: c->suspended ? " (gated)"
				       : "");
	}
}

static void i8254_fini(struct device *d)
{
	struct i8254 *p = container_of(d, struct i8254, dev);

	timer_cancel(&p->timer);
}

static const struct device_ops i8254_ops = {
	.name = "isa-pit",
	.version = 1,
	.state_off = offsetof(struct i8254, s),
	.state_size = sizeof(struct i8254_state),
	.timer = {offsetof(struct i8254, timer)},
	.reset = i8254_reset,
	.fini = i8254_fini,
	.post_load = i8254_post_load,
	.dump = i8254_dump,
};

struct i8254 *i8254_create(struct log *log, struct clock *clock, struct space *io, struct irq irq0)
{
	struct i8254 *p = device_new(sizeof(*p), &i8254_ops, log);

	p->clock = clock;
	p->irq = irq0;
	timer_init(&p->timer, clock, pit_timer, p);
	space_add_io(io, &p->io, "pit", 0x40, 4, &i8254_io, p);
	i8254_reset(&p->dev);
	return p;
}
