/*
 * pvpanic.c - the panic port: reads give the events that may be told, a write tells them.
 *
 * Source: QEMU documentation, "PVPANIC DEVICE" (docs/specs/pvpanic): bit 0 panicked, bit 1 crash kernel loaded.
 */
#include "devices/pvpanic.h"

static uint64_t pvpanic_read(void *opaque, uint64_t off, unsigned size)
{
	struct pvpanic *p = opaque;

	return p->offered;
}

static void pvpanic_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct pvpanic *p = opaque;

	p->s.events = (uint8_t)val;
	p->s.writes++;
	if (val & ~(uint64_t)(PVPANIC_PANICKED | PVPANIC_CRASHLOADED))
		UNIMP(p->dev.log, "pvpanic: events %02x: only bits 0 and 1 mean something\n", (unsigned)val);
	if (val & PVPANIC_PANICKED)
		p->fn(p->opaque, PVPANIC_PANICKED);
	else if (val & PVPANIC_CRASHLOADED)
		p->fn(p->opaque, PVPANIC_CRASHLOADED);
}

static const struct io_ops pvpanic_io = {"pvpanic", pvpanic_read, pvpanic_write, 1, 1};

static void pvpanic_reset(struct device *dev)
{
	struct pvpanic *p = container_of(dev, struct pvpanic, dev);

	p->s = (struct pvpanic_state){0};
}

static void pvpanic_dump(struct device *dev, FILE *out)
{
	struct pvpanic *p = container_of(dev, struct pvpanic, dev);

	fprintf(out, "pvpanic: port %03x, %u writes, last %02x\n", (unsigned)p->io.base, p->s.writes, p->s.events);
}

static const struct device_ops pvpanic_ops = {
	.name = "pvpanic",
	.version = 1,
	.state_off = offsetof(struct pvpanic, s),
	.state_size = sizeof(struct pvpanic_state),
	.reset = pvpanic_reset,
	.dump = pvpanic_dump,
};

struct pvpanic *pvpanic_create(struct log *log, struct space *io, uint16_t ioport, unsigned offered,
	void (*fn)(void *opaque, unsigned event), void *opaque)
{
	struct pvpanic *p = device_new(sizeof(*p), &pvpanic_ops, log);

	p->offered = (uint8_t)offered;
	p->fn = fn;
	p->opaque = opaque;
	space_add_io(io, &p->io, "pvpanic", ioport, 1, &pvpanic_io, p);
	return p;
}
