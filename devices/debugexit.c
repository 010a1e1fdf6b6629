/*
 * debugexit.c - isa-debug-exit: a write asks the owner of the machine to stop with a status.
 *
 * Source: QEMU documentation "isa-debug-exit" (properties iobase and iosize; reads give 0).
 */
#include "devices/debugexit.h"

static uint64_t debugexit_read(void *opaque, uint64_t off, unsigned size)
{
	return 0;
}

static void debugexit_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct debugexit *d = opaque;

	d->s.value = (uint32_t)val;
	d->s.writes++;
	if (d->fn)
		d->fn(d->opaque, (uint32_t)val);
}

static const struct io_ops debugexit_io = {"debug-exit", debugexit_read, debugexit_write, 1, 4};

static void debugexit_reset(struct device *dev)
{
	struct debugexit *d = container_of(dev, struct debugexit, dev);

	d->s = (struct debugexit_state){0};
}

static void debugexit_dump(struct device *dev, FILE *out)
{
	struct debugexit *d = container_of(dev, struct debugexit, dev);

	fprintf(out, "debug-exit: port %03x, %u writes, last %08x\n", (unsigned)d->io.base,
		d->s.writes, d->s.value);
}

static const struct device_ops debugexit_ops = {
	.name = "isa-debug-exit",
	.version = 1,
	.state_off = offsetof(struct debugexit, s),
	.state_size = sizeof(struct debugexit_state),
	.reset = debugexit_reset,
	.dump = debugexit_dump,
};

struct debugexit *debugexit_create(struct log *log, struct space *io, uint16_t iobase,
	unsigned iosize, void (*fn)(void *opaque, uint32_t value), void *opaque)
{
	struct debugexit *d = device_new(sizeof(*d), &debugexit_ops, log);

	d->fn = fn;
	d->opaque = opaque;
	space_add_io(io, &d->io, "debug-exit", iobase, iosize, &debugexit_io, d);
	return d;
}
