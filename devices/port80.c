/*
 * port80.c - POST code latch at port 80h, with the last codes kept for the monitor.
 *
 * The port is also the spare register of the AT's DMA page file, so it reads back what was
 * written; systems write it only to pass a microsecond.
 *
 * Source: IBM PC/AT Technical Reference, "Diagnostic checkpoint port" (MFG port 80h).
 */
#include "devices/port80.h"

static uint64_t port80_read(void *opaque, uint64_t off, unsigned size)
{
	struct port80 *p = opaque;

	return p->s.code;
}

static void port80_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct port80 *p = opaque;
	uint8_t code = (uint8_t)val;

	if (code != p->s.code || p->s.count == 0) {
		p->s.history[p->s.head % PORT80_HISTORY] = code;
		p->s.head = (p->s.head + 1) % PORT80_HISTORY;
		if (p->s.count < PORT80_HISTORY)
			p->s.count++;
	}
	p->s.code = code;
}

static const struct io_ops port80_io = {"port80", port80_read, port80_write, 1, 1};

static void port80_reset(struct device *d)
{
	struct port80 *p = container_of(d, struct port80, dev);

	p->s = (struct port80_state){0};
}

static enum vm_err port80_post_load(struct device *d, struct err *e)
{
	struct port80 *p = container_of(d, struct port80, dev);

	if (p->s.head >= PORT80_HISTORY || p->s.count > PORT80_HISTORY)
		return err_set(e, VM_ERR_FORMAT, "port80: impossible saved state");
	return VM_OK;
}

static void port80_dump(struct device *d, FILE *out)
{
	struct port80 *p = container_of(d, struct port80, dev);

	fprintf(out, "port80: %02x, before it:", p->s.code);
	for (unsigned i = 1; i < p->s.count; i++)
		fprintf(out, " %02x",
			p->s.history[(p->s.head + 2 * PORT80_HISTORY - 1 - i) % PORT80_HISTORY]);
	fprintf(out, "\n");
}

static const struct device_ops port80_ops = {
	.name = "port80",
	.version = 1,
	.state_off = offsetof(struct port80, s),
	.state_size = sizeof(struct port80_state),
	.reset = port80_reset,
	.post_load = port80_post_load,
	.dump = port80_dump,
};

struct port80 *port80_create(struct log *log, struct space *io)
{
	struct port80 *p = device_new(sizeof(*p), &port80_ops, log);

	p->io = (struct region){.name = "port80",
		.kind = REGION_IO,
		.len = 1,
		.prio = 1,
		.ops = &port80_io,
		.opaque = p};
	space_add(io, &p->io, 0x80);
	return p;
}
