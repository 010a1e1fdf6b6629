/*
 * debugcon.c - the debug console port (QEMU's isa-debugcon, Bochs's port E9h).
 *
 * Sources: QEMU documentation "isa-debugcon"; Bochs user manual, "port_e9_hack".
 */
#include "devices/debugcon.h"

#define DEBUGCON_READBACK 0xE9

static uint64_t debugcon_read(void *opaque, uint64_t off, unsigned size)
{
	return DEBUGCON_READBACK;
}

static void debugcon_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct debugcon *d = opaque;
	uint8_t byte = (uint8_t)val;

	d->s.bytes++;
	chr_write(d->chr, &byte, 1);
}

static const struct io_ops debugcon_io = {"debugcon", debugcon_read, debugcon_write, 1, 1};

static void debugcon_dump(struct device *dev, FILE *out)
{
	struct debugcon *d = container_of(dev, struct debugcon, dev);

	fprintf(out, "debugcon: port %03x, %llu bytes written\n", (unsigned)d->io.base,
		(unsigned long long)d->s.bytes);
}

static void debugcon_reset(struct device *dev)
{
	/* The port has no state a guest could see. */
}

static const struct device_ops debugcon_ops = {
	.name = "isa-debugcon",
	.version = 1,
	.state_off = offsetof(struct debugcon, s),
	.state_size = sizeof(struct debugcon_state),
	.reset = debugcon_reset,
	.dump = debugcon_dump,
};

struct debugcon *debugcon_create(
	struct log *log, struct space *io, uint16_t iobase, struct chr *chr)
{
	struct debugcon *d = device_new(sizeof(*d), &debugcon_ops, log);

	d->chr = chr;
	space_add_io(io, &d->io, "debugcon", iobase, 1, &debugcon_io, d);
	return d;
}
