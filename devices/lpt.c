/* lpt.c - see lpt.h. */
#include "devices/lpt.h"

#define STROBE 0x01
#define NINIT 0x04
#define IRQ_EN 0x10
#define BUSY_NS 2000u
#define ACK_NS 5000u
#define IDLE UINT64_MAX

static uint8_t status(const struct lpt *p)
{
	uint64_t gone = p->s.strobed_at == IDLE ? IDLE : clock_now(p->clock) - p->s.strobed_at;

	if (gone < BUSY_NS)
		return 0x5F;
	return p->s.ack ? 0x9F : 0xDF;
}

static void ack_over(void *opaque)
{
	struct lpt *p = opaque;

	p->s.strobed_at = IDLE;
	if (p->s.control & IRQ_EN)
		irq_pulse(&p->irq);
}

static uint64_t lpt_read(void *opaque, uint64_t off, unsigned size)
{
	struct lpt *p = opaque;
	uint8_t v;

	if (off == 0)
		return p->s.data;
	if (off == 2) /* a port without the bidirectional extension reads ones in the upper bits */
		return 0xE0u | p->s.control;
	v = status(p);
	p->s.ack &= v == 0x5F;
	return v;
}

static void control(struct lpt *p, uint8_t v)
{
	bool strobe = (v & STROBE) && !(p->s.control & STROBE);

	p->s.control = v & 0x1F;
	if (!strobe || !(v & NINIT))
		return; /* a printer being initialized does not look at the strobe */
	/* BUSY is for who looks at it: this printer has a buffer, so nothing sent in a hurry is lost. */
	chr_write(p->chr, &p->s.data, 1);
	p->s.bytes++;
	p->s.ack = 1;
	p->s.strobed_at = clock_now(p->clock);
	timer_arm(&p->timer, p->s.strobed_at + BUSY_NS + ACK_NS);
}

static void lpt_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct lpt *p = opaque;

	if (off == 0)
		p->s.data = (uint8_t)val;
	else if (off == 2)
		control(p, (uint8_t)val);
}

static const struct io_ops lpt_io = {"lpt", lpt_read, lpt_write, 1, 1};

static void lpt_reset(struct device *d)
{
	struct lpt *p = container_of(d, struct lpt, dev);

	timer_cancel(&p->timer);
	p->s.strobed_at = IDLE;
	p->s.data = p->s.ack = 0;
	p->s.control = NINIT | 0x08;
}

static enum vm_err lpt_post_load(struct device *d, struct err *e)
{
	struct lpt *p = container_of(d, struct lpt, dev);

	if ((p->s.control & 0xE0) || p->s.ack > 1)
		return err_set(e, VM_ERR_FORMAT, "lpt: impossible saved state");
	timer_cancel(&p->timer);
	if (p->s.strobed_at != IDLE)
		timer_arm(&p->timer, p->s.strobed_at + BUSY_NS + ACK_NS);
	return VM_OK;
}

static void lpt_dump(struct device *d, FILE *out)
{
	struct lpt *p = container_of(d, struct lpt, dev);

	fprintf(out, "lpt: data=%02x status=%02x control=%02x, %llu bytes printed\n", p->s.data, status(p),
		p->s.control, (unsigned long long)p->s.bytes);
}

static void lpt_fini(struct device *d)
{
	timer_cancel(&container_of(d, struct lpt, dev)->timer);
}

static const struct device_ops lpt_ops = {
	.name = "isa-parallel",
	.version = 1,
	.state_off = offsetof(struct lpt, s),
	.state_size = sizeof(struct lpt_state),
	.timer = {offsetof(struct lpt, timer)},
	.reset = lpt_reset,
	.fini = lpt_fini,
	.post_load = lpt_post_load,
	.dump = lpt_dump,
};

struct lpt *lpt_create(struct log *log, struct clock *clock, struct space *io, uint16_t iobase, struct irq irq,
	struct chr *chr)
{
	struct lpt *p = device_new(sizeof(*p), &lpt_ops, log);

	p->clock = clock;
	p->irq = irq;
	p->chr = chr;
	timer_init(&p->timer, clock, ack_over, p);
	space_add_io(io, &p->io, "lpt", iobase, 3, &lpt_io, p);
	lpt_reset(&p->dev);
	return p;
}
