/* testdev.c - see testdev.h. */
#include "devices/testdev.h"
#include <string.h>

static uint64_t get(const uint8_t *p, unsigned size)
{
	uint64_t v = 0;

	memcpy(&v, p, size); /* little endian, as every host we run on */
	return v;
}

static uint64_t word_read(void *opaque, uint64_t off, unsigned size)
{
	return get(((struct testdev *)opaque)->s.word + off, size);
}

static void word_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	memcpy(((struct testdev *)opaque)->s.word + off, &val, size);
}

static uint64_t byte_read(void *opaque, uint64_t off, unsigned size)
{
	return ((struct testdev *)opaque)->s.byte[off];
}

static void byte_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	((struct testdev *)opaque)->s.byte[off] = (uint8_t)val;
}

static void line_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct testdev *t = opaque;

	t->s.line[off] = !!val;
	irq_set(&t->line[off], !!val);
}

static uint64_t memory_read(void *opaque, uint64_t off, unsigned size)
{
	return get(((struct testdev *)opaque)->s.memory + off, size);
}

static void memory_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	memcpy(((struct testdev *)opaque)->s.memory + off, &val, size);
}

static void flush_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
}

static const struct io_ops word_io = {"pc-testdev-ioport", word_read, word_write, 1, 4};
static const struct io_ops flush_io = {"pc-testdev-flush-page", NULL, flush_write, 1, 4};
static const struct io_ops byte_io = {"pc-testdev-ioport-byte", byte_read, byte_write, 1, 1};
static const struct io_ops line_io = {"pc-testdev-irq-line", NULL, line_write, 1, 1};
static const struct io_ops memory_io = {"pc-testdev-iomem", memory_read, memory_write, 1, 8};

static void reset(struct device *d)
{
	struct testdev *t = container_of(d, struct testdev, dev);

	memset(&t->s, 0, sizeof(t->s));
	for (unsigned i = 0; i < TESTDEV_LINES; i++)
		irq_set(&t->line[i], 0);
}

static enum vm_err post_load(struct device *d, struct err *e)
{
	struct testdev *t = container_of(d, struct testdev, dev);

	for (unsigned i = 0; i < TESTDEV_LINES; i++)
		irq_set(&t->line[i], t->s.line[i]);
	return VM_OK;
}

static const struct device_ops ops = {.name = "pc-testdev", .version = 1, .state_off = offsetof(struct testdev, s),
	.state_size = sizeof(struct testdev_state), .reset = reset, .post_load = post_load};

struct testdev *testdev_create(struct log *log, struct space *mem, struct space *io, const struct irq line[TESTDEV_LINES])
{
	struct testdev *t = device_new(sizeof(*t), &ops, log);

	memcpy(t->line, line, sizeof(t->line));
	space_add_io(io, &t->io_word, "pc-testdev-ioport", 0xE0, 4, &word_io, t);
	space_add_io(io, &t->io_flush, "pc-testdev-flush-page", 0xE4, 4, &flush_io, t);
	space_add_io(io, &t->io_byte, "pc-testdev-ioport-byte", 0xE8, 4, &byte_io, t);
	space_add_io(io, &t->io_line, "pc-testdev-irq-line", 0x2000, TESTDEV_LINES, &line_io, t);
	space_add_io(mem, &t->io_memory, "pc-testdev-iomem", 0xFF000000, TESTDEV_MEMORY, &memory_io, t);
	return t;
}
