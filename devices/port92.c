/*
 * port92.c - port 92h: bit 0 alternate hot reset (on its rising edge), bit 1 alternate A20 gate.
 *
 * The board joins this and the 8042's A20 line; whoever wrote last wins, and the board tells the
 * other.
 *
 * Source: IBM PS/2 Hardware Interface Technical Reference, "System Control Port A"; 82371SB.
 */
#include "devices/port92.h"

#define RESET_BIT 0x01
#define A20_BIT 0x02

static uint64_t port92_read(void *opaque, uint64_t off, unsigned size)
{
	struct port92 *p = opaque;

	return p->s.val;
}

static void port92_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct port92 *p = opaque;
	uint8_t old = p->s.val;

	p->s.val = (uint8_t)val;
	irq_set(&p->a20, (val & A20_BIT) != 0);
	if ((val & RESET_BIT) && !(old & RESET_BIT))
		irq_pulse(&p->reset);
}

static const struct io_ops port92_io = {"port92", port92_read, port92_write, 1, 1};

void port92_set_a20(struct port92 *p, int level)
{
	p->s.val = level ? p->s.val | A20_BIT : p->s.val & ~A20_BIT;
}

static void port92_reset(struct device *d)
{
	struct port92 *p = container_of(d, struct port92, dev);

	p->s.val = A20_BIT; /* as the 8042's output port: A20 is on after a reset */
}

static void port92_dump(struct device *d, FILE *out)
{
	struct port92 *p = container_of(d, struct port92, dev);

	fprintf(out, "port92: %02x a20=%u\n", p->s.val, (p->s.val >> 1) & 1);
}

static const struct device_ops port92_ops = {
	.name = "port92",
	.version = 1,
	.state_off = offsetof(struct port92, s),
	.state_size = sizeof(struct port92_state),
	.reset = port92_reset,
	.dump = port92_dump,
};

struct port92 *port92_create(struct log *log, struct space *io, struct irq a20, struct irq reset)
{
	struct port92 *p = device_new(sizeof(*p), &port92_ops, log);

	p->a20 = a20;
	p->reset = reset;
	p->s.val = A20_BIT;
	space_add_io(io, &p->io, "port92", 0x92, 1, &port92_io, p);
	return p;
}
