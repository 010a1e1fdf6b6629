/*
 * i8259.c - pair of 8259A programmable interrupt controllers as wired in a PC.
 *
 * Each chip is a priority resolver over three bytes: IRR (requests), IMR (masks), ISR (in service).
 * Every change of those ends in i8259_update(), which recomputes the slave's output (master
 * input 2) and then the output to the CPU.
 *
 * Deviation: an edge, once latched in IRR, survives the input going low again. The data sheet
 * wants the input high until the first INTA and gives a default IR7 otherwise. A virtual CPU can be
 * late by a whole timer period, so we latch, as the other PC emulators do. Level inputs follow
 * their wire.
 *
 * Sources: Intel 8259A data sheet (order 231468); 82371SB (PIIX3) data sheet for ELCR, where
 * ICW1.LTIM has no effect.
 */
#include "devices/i8259.h"
#include <string.h>

enum { MASTER = 0, SLAVE = 1, CASCADE = 2 };

/* ICW1, OCW2 and OCW3 share port+0; bits 4 and 3 tell them apart. */
#define ICW1_SELECT 0x10
#define ICW1_IC4 0x01
#define ICW1_SNGL 0x02
#define OCW3_SELECT 0x08

/* Distance of the most urgent bit of @mask from the top of the priority ring; 8: none. */
static unsigned ring_pos(const struct i8259_chip *c, uint8_t mask)
{
	for (unsigned k = 0; k < 8; k++)
		if (mask & (1u << ((c->lowest + 1 + k) & 7)))
			return k;
	return 8;
}

static unsigned ring_input(const struct i8259_chip *c, unsigned pos)
{
	return (c->lowest + 1 + pos) & 7;
}

/* The input this chip would present now, or -1. */
static int chip_request(const struct i8259_chip *c, bool master)
{
	unsigned pos = ring_pos(c, c->irr & ~c->imr);
	uint8_t service = c->isr;

	if (pos == 8)
		return -1;
	/* Special mask mode: an in-service level that is masked inhibits nobody. */
	if (c->smm)
		service &= ~c->imr;
	/* Special fully nested mode: the slave in service may interrupt again. */
	if (c->sfnm && master)
		service &= ~(1u << CASCADE);
	return pos < ring_pos(c, service) ? (int)ring_input(c, pos) : -1;
}

static void chip_set_input(struct i8259_chip *c, unsigned n, bool level)
{
	uint8_t bit = 1u << n;

	if (c->elcr & bit)
		c->irr = level ? c->irr | bit : c->irr & ~bit;
	else if (level && !(c->lines & bit))
		c->irr |= bit;
	c->lines = level ? c->lines | bit : c->lines & ~bit;
}

static void i8259_update(struct i8259 *p)
{
	struct i8259_chip *m = &p->s.chip[MASTER], *s = &p->s.chip[SLAVE];
	bool cascade = chip_request(s, false) >= 0;

	/* Input 2 follows the slave's output like a level: a request withdrawn there is withdrawn
	 * here. */
	if (cascade)
		m->irr |= 1u << CASCADE;
	else
		m->irr &= ~(1u << CASCADE);

	bool intr = chip_request(m, true) >= 0;
	if (intr != p->s.intr) {
		p->s.intr = intr;
		irq_set(&p->intr, intr);
	}
}

static void i8259_set(void *opaque, int n, int level)
{
	struct i8259 *p = opaque;

	chip_set_input(&p->s.chip[(n >> 3) & 1], n & 7, level != 0);
	i8259_update(p);
}

struct irq i8259_input(struct i8259 *p, int n)
{
	if (n < 0 || n > 15 || n == CASCADE)
		return (struct irq){0};
	return (struct irq){i8259_set, p, n};
}

/* INTA: move the request into service. */
static void chip_accept(struct i8259_chip *c, unsigned n)
{
	if (!(c->elcr & (1u << n)))
		c->irr &= ~(1u << n);
	if (!c->aeoi)
		c->isr |= 1u << n;
	else if (c->aeoi_rotate)
		c->lowest = n;
}

int i8259_ack(struct i8259 *p)
{
	struct i8259_chip *m = &p->s.chip[MASTER], *s = &p->s.chip[SLAVE];
	int n = chip_request(m, true), vec;

	if (n < 0) {
		vec = m->base + 7; /* spurious: default IR7, no ISR bit */
	} else if (n != CASCADE || m->single) {
		chip_accept(m, n);
		vec = m->base + n;
	} else {
		int sn = chip_request(s, false);

		chip_accept(m, CASCADE);
		if (sn >= 0) /* else the slave answers with its own default IR7: IRQ 15 */
			chip_accept(s, sn);
		vec = s->base + (sn < 0 ? 7 : sn);
	}
	i8259_update(p);
	return vec;
}

/* ICW1, data sheet "Initialization Command Words": what it clears, items a to f. */
static void chip_icw1(struct i8259_chip *c, uint8_t val)
{
	c->irr = c->lines & c->elcr; /* edge sense reset: a new low-to-high transition is needed */
	c->imr = 0;
	c->isr = 0;
	c->lowest = 7;
	c->smm = 0;
	c->read_isr = 0;
	c->poll = 0;
	c->aeoi = 0;
	c->aeoi_rotate = 0;
	c->sfnm = 0;
	c->want_icw4 = val & ICW1_IC4;
	c->single = (val & ICW1_SNGL) != 0;
	c->icw_next = 2;
}

static void chip_ocw2(struct i8259_chip *c, uint8_t val)
{
	unsigned n = val & 7, pos;
	uint8_t service = c->isr;

	switch (val >> 5) {
	case 0: /* rotate in automatic EOI mode: clear */
	case 4: /* set */
		c->aeoi_rotate = (val >> 7) & 1;
		break;
	case 1: /* non-specific EOI */
	case 5: /* rotate on non-specific EOI */
		/* In special mask mode a masked ISR bit is not cleared by a non-specific EOI. */
		if (c->smm)
			service &= ~c->imr;
		pos = ring_pos(c, service);
		if (pos == 8)
			break;
		n = ring_input(c, pos);
		c->isr &= ~(1u << n);
		if (val & 0x80)
			c->lowest = n;
		break;
	case 3: /* specific EOI */
		c->isr &= ~(1u << n);
		break;
	case 7: /* rotate on specific EOI */
		c->isr &= ~(1u << n);
		c->lowest = n;
		break;
	case 6: /* set priority */
		c->lowest = n;
		break;
	}
}

static void chip_ocw3(struct i8259_chip *c, uint8_t val)
{
	if (val & 0x40)
		c->smm = (val >> 5) & 1;
	if (val & 0x04)
		c->poll = 1;
	if (val & 0x02)
		c->read_isr = val & 1;
}

static void chip_write_data(struct i8259_chip *c, uint8_t val)
{
	switch (c->icw_next) {
	case 2:
		c->base = val & 0xF8;
		c->icw_next = !c->single ? 3 : c->want_icw4 ? 4 : 0;
		break;
	case 3:
		c->icw3 = val;
		c->icw_next = c->want_icw4 ? 4 : 0;
		break;
	case 4:
		c->sfnm = (val >> 4) & 1;
		c->aeoi = (val >> 1) & 1;
		c->icw_next = 0;
		break;
	default:
		c->imr = val;
	}
}

static void pic_write(struct i8259 *p, unsigned which, uint64_t off, uint8_t val)
{
	struct i8259_chip *c = &p->s.chip[which];

	if (off & 1)
		chip_write_data(c, val);
	else if (val & ICW1_SELECT)
		chip_icw1(c, val);
	else if (val & OCW3_SELECT)
		chip_ocw3(c, val);
	else
		chip_ocw2(c, val);
	i8259_update(p);
}

/* Poll command: the read is the acknowledge; bit 7 says whether there was a request. */
static uint8_t chip_poll(struct i8259 *p, unsigned which)
{
	struct i8259_chip *c = &p->s.chip[which];
	int n = chip_request(c, which == MASTER);

	c->poll = 0;
	if (n < 0)
		return 0x07;
	chip_accept(c, n);
	i8259_update(p);
	return 0x80 | n;
}

static uint8_t pic_read(struct i8259 *p, unsigned which, uint64_t off)
{
	struct i8259_chip *c = &p->s.chip[which];

	if (c->poll)
		return chip_poll(p, which);
	if (off & 1)
		return c->imr;
	return c->read_isr ? c->isr : c->irr;
}

static uint64_t master_read(void *opaque, uint64_t off, unsigned size)
{
	return pic_read(opaque, MASTER, off);
}

static void master_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	pic_write(opaque, MASTER, off, (uint8_t)val);
}

static uint64_t slave_read(void *opaque, uint64_t off, unsigned size)
{
	return pic_read(opaque, SLAVE, off);
}

static void slave_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	pic_write(opaque, SLAVE, off, (uint8_t)val);
}

static uint64_t elcr_read(void *opaque, uint64_t off, unsigned size)
{
	struct i8259 *p = opaque;

	return p->s.chip[off & 1].elcr;
}

static void elcr_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct i8259 *p = opaque;
	struct i8259_chip *c = &p->s.chip[off & 1];
	/* PIIX3: IRQ 0, 1, 2, 8 and 13 are always edge triggered. */
	uint8_t elcr = val & ((off & 1) ? 0xDE : 0xF8);

	/* Level inputs request as their wire says; one that turns edge waits for its next edge. */
	c->irr = (c->irr & ~(elcr | c->elcr)) | (c->lines & elcr);
	c->elcr = elcr;
	i8259_update(p);
}

static const struct io_ops master_io = {"pic-master", master_read, master_write, 1, 1};
static const struct io_ops slave_io = {"pic-slave", slave_read, slave_write, 1, 1};
static const struct io_ops elcr_io = {"pic-elcr", elcr_read, elcr_write, 1, 1};

static void i8259_reset(struct device *d)
{
	struct i8259 *p = container_of(d, struct i8259, dev);

	for (unsigned i = 0; i < 2; i++) {
		struct i8259_chip *c = &p->s.chip[i];
		uint8_t lines = c->lines;

		memset(c, 0, sizeof(*c));
		c->lines = lines;
		c->lowest = 7;
	}
	i8259_update(p);
}

static enum vm_err i8259_post_load(struct device *d, struct err *e)
{
	struct i8259 *p = container_of(d, struct i8259, dev);

	for (unsigned i = 0; i < 2; i++) {
		struct i8259_chip *c = &p->s.chip[i];

		if (c->lowest > 7 || c->icw_next > 4 || (c->base & 7))
			return err_set(e, VM_ERR_FORMAT, "i8259: impossible saved state");
	}
	irq_set(&p->intr, p->s.intr);
	return VM_OK;
}

static void i8259_dump(struct device *d, FILE *out)
{
	struct i8259 *p = container_of(d, struct i8259, dev);

	for (unsigned i = 0; i < 2; i++) {
		const struct i8259_chip *c = &p->s.chip[i];

		/* QEMU's words first, ours behind them */
		fprintf(out,
			"pic%u: irr=%02x imr=%02x isr=%02x hprio=%u irq_base=%02x rr_sel=%u elcr=%02x fnm=%u"
			" lines=%02x smm=%u aeoi=%u rotate=%u%s\n",
			i, c->irr, c->imr, c->isr, (c->lowest + 1) & 7, c->base, c->read_isr, c->elcr, c->sfnm,
			c->lines, c->smm, c->aeoi, c->aeoi_rotate, c->icw_next ? " (in initialisation)" : "");
	}
	fprintf(out, "pic: intr=%u\n", p->s.intr);
}

static const struct device_ops i8259_ops = {
	.name = "i8259",
	.version = 1,
	.state_off = offsetof(struct i8259, s),
	.state_size = sizeof(struct i8259_state),
	.reset = i8259_reset,
	.post_load = i8259_post_load,
	.dump = i8259_dump,
};

struct i8259 *i8259_create(struct log *log, struct space *io, struct irq intr)
{
	struct i8259 *p = device_new(sizeof(*p), &i8259_ops, log);

	p->intr = intr;
	p->s.chip[0].lowest = p->s.chip[1].lowest = 7;
	space_add_io(io, &p->io[0], "pic-master", 0x20, 2, &master_io, p);
	space_add_io(io, &p->io[1], "pic-slave", 0xA0, 2, &slave_io, p);
	space_add_io(io, &p->elcr, "pic-elcr", 0x4D0, 2, &elcr_io, p);
	return p;
}
