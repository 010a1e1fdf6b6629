/* i8237.c - see i8237.h. */
#include "devices/i8237.h"
#include <string.h>

#define MODE_CASCADE 3
#define CMD_DISABLE 0x04
#define TYPE_VERIFY 0
#define TYPE_TO_MEMORY 1
#define TYPE_FROM_MEMORY 2

/* ---- registers ---- */

static void master_clear(struct i8237 *d, unsigned chip)
{
	d->s.command[chip] = d->s.flipflop[chip] = 0;
	for (unsigned i = 0; i < 4; i++) {
		struct i8237_channel *c = &d->s.ch[chip * 4 + i];

		c->masked = 1;
		c->request = c->tc = 0;
	}
}

static uint8_t status(struct i8237 *d, unsigned chip)
{
	uint8_t v = 0;

	for (unsigned i = 0; i < 4; i++) {
		struct i8237_channel *c = &d->s.ch[chip * 4 + i];

		v |= (uint8_t)(c->tc << i | c->request << (i + 4));
		c->tc = 0; /* reading clears it */
	}
	return v;
}

static uint8_t read_reg(struct i8237 *d, unsigned chip, unsigned reg)
{
	struct i8237_channel *c = &d->s.ch[chip * 4 + (reg >> 1 & 3)];

	if (reg < 8) {
		uint16_t v = reg & 1 ? c->count : c->addr;

		d->s.flipflop[chip] ^= 1;
		return (uint8_t)(d->s.flipflop[chip] ? v : v >> 8);
	}
	if (reg == 8)
		return status(d, chip);
	if (reg == 15) { /* the mask, on chips that can read it back */
		uint8_t v = 0xF0;

		for (unsigned i = 0; i < 4; i++)
			v |= (uint8_t)(d->s.ch[chip * 4 + i].masked << i);
		return v;
	}
	return reg == 13 ? 0 : 0xFF;
}

static void write_half(struct i8237 *d, unsigned chip, uint16_t *base, uint16_t *now, uint8_t v)
{
	d->s.flipflop[chip] ^= 1;
	if (d->s.flipflop[chip])
		*base = (uint16_t)((*base & 0xFF00) | v);
	else
		*base = (uint16_t)((*base & 0x00FF) | v << 8);
	*now = *base;
}

static void write_reg(struct i8237 *d, unsigned chip, unsigned reg, uint8_t v)
{
	struct i8237_channel *c = &d->s.ch[chip * 4 + (reg >> 1 & 3)], *sel = &d->s.ch[chip * 4 + (v & 3)];

	switch (reg) {
	case 0 ... 7:
		if (reg & 1)
			write_half(d, chip, &c->base_count, &c->count, v);
		else
			write_half(d, chip, &c->base_addr, &c->addr, v);
		break;
	case 8:
		d->s.command[chip] = v;
		if (v & 1)
			UNIMP(d->dev.log, "dma: memory to memory transfers are not emulated\n");
		break;
	case 9:
		sel->request = v >> 2 & 1;
		break;
	case 10:
		sel->masked = v >> 2 & 1;
		break;
	case 11:
		sel->mode = v;
		break;
	case 12:
		d->s.flipflop[chip] = 0;
		break;
	case 13:
		master_clear(d, chip);
		break;
	case 14:
		for (unsigned i = 0; i < 4; i++)
			d->s.ch[chip * 4 + i].masked = 0;
		break;
	case 15:
		for (unsigned i = 0; i < 4; i++)
			d->s.ch[chip * 4 + i].masked = v >> i & 1;
		break;
	}
}

static uint64_t first_read(void *opaque, uint64_t off, unsigned size)
{
	return read_reg(opaque, 0, (unsigned)off);
}

static void first_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	write_reg(opaque, 0, (unsigned)off, (uint8_t)val);
}

static uint64_t second_read(void *opaque, uint64_t off, unsigned size)
{
	return read_reg(opaque, 1, (unsigned)off >> 1);
}

static void second_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	write_reg(opaque, 1, (unsigned)off >> 1, (uint8_t)val);
}

/* Page registers by port 80h+n: which channel each belongs to; the others are scratch. */
static int page_channel(unsigned n)
{
	static const int8_t owner[16] = {-1, 2, 3, 1, -1, -1, -1, 0, -1, 6, 7, 5, -1, -1, -1, 4};

	return owner[n & 15];
}

static uint64_t page_read(void *opaque, uint64_t off, unsigned size)
{
	struct i8237 *d = opaque;

	return d->s.pages[(off + 1) & 15];
}

static void page_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct i8237 *d = opaque;
	int ch = page_channel((unsigned)off + 1);

	d->s.pages[(off + 1) & 15] = (uint8_t)val;
	if (ch >= 0)
		d->s.ch[ch].page = (uint8_t)val;
}

static const struct io_ops first_ops = {"dma1", first_read, first_write, 1, 1};
static const struct io_ops second_ops = {"dma2", second_read, second_write, 1, 1};
static const struct io_ops page_ops = {"dma-page", page_read, page_write, 1, 1};

/* ---- transfers ---- */

/* One cycle of a channel: where it goes, and whether it was the last. */
static uint64_t step(struct i8237_channel *c, bool word, bool *last)
{
	uint64_t at = word ? (uint64_t)(c->page & 0xFE) << 16 | (uint64_t)c->addr << 1
			   : (uint64_t)c->page << 16 | c->addr;

	c->addr = (uint16_t)(c->mode & 0x20 ? c->addr - 1 : c->addr + 1);
	*last = c->count-- == 0;
	if (!*last)
		return at;
	c->tc = 1;
	if (c->mode & 0x10) { /* autoinitialize */
		c->addr = c->base_addr;
		c->count = c->base_count;
	} else {
		c->masked = 1;
	}
	return at;
}

uint32_t i8237_transfer(struct i8237 *d, unsigned ch, uint8_t *buf, uint32_t len, bool to_memory, bool *tc)
{
	struct i8237_channel *c = &d->s.ch[ch & 7];
	unsigned type = c->mode >> 2 & 3, size = ch >= 4 ? 2 : 1;
	uint32_t done = 0;

	*tc = false;
	if (c->masked || (d->s.command[ch >> 2 & 1] & CMD_DISABLE) || c->mode >> 6 == MODE_CASCADE)
		return 0;
	if (type != TYPE_VERIFY && type != (to_memory ? TYPE_TO_MEMORY : TYPE_FROM_MEMORY)) {
		GUEST_ERR(d->dev.log, "dma: channel %u is set up for the other direction\n", ch);
		return 0;
	}
	while (done + size <= len && !*tc) {
		uint64_t at = step(c, size == 2, tc);

		if (type == TYPE_TO_MEMORY)
			space_write_buf(d->mem, at, buf + done, size);
		else if (type == TYPE_FROM_MEMORY)
			space_read_buf(d->mem, at, buf + done, size);
		else if (!to_memory)
			memset(buf + done, 0xFF, size); /* nobody drives the bus */
		done += size;
	}
	return done;
}

/* ---- the device ---- */

static void reset(struct device *dev)
{
	struct i8237 *d = container_of(dev, struct i8237, dev);

	master_clear(d, 0);
	master_clear(d, 1);
	memset(d->s.pages, 0, sizeof(d->s.pages));
	for (unsigned i = 0; i < 8; i++)
		d->s.ch[i].mode = d->s.ch[i].page = 0;
}

static enum vm_err post_load(struct device *dev, struct err *e)
{
	struct i8237 *d = container_of(dev, struct i8237, dev);

	for (unsigned i = 0; i < 8; i++)
		if (d->s.ch[i].masked > 1 || d->s.ch[i].request > 1 || d->s.ch[i].tc > 1 || d->s.flipflop[i / 4] > 1)
			return err_set(e, VM_ERR_FORMAT, "i8237: impossible saved state");
	return VM_OK;
}

static void dump(struct device *dev, FILE *out)
{
	struct i8237 *d = container_of(dev, struct i8237, dev);

	for (unsigned i = 0; i < 8; i++) {
		const struct i8237_channel *c = &d->s.ch[i];

		fprintf(out, "dma%u: page=%02x addr=%04x count=%04x mode=%02x%s%s\n", i, c->page, c->addr, c->count,
			c->mode, c->masked ? " masked" : "", c->tc ? " tc" : "");
	}
}

static const struct device_ops ops = {
	.name = "i8237",
	.version = 1,
	.state_off = offsetof(struct i8237, s),
	.state_size = sizeof(struct i8237_state),
	.reset = reset,
	.post_load = post_load,
	.dump = dump,
};

struct i8237 *i8237_create(struct log *log, struct space *mem, struct space *io)
{
	struct i8237 *d = device_new(sizeof(*d), &ops, log);

	d->mem = mem;
	space_add_io(io, &d->io[0], "dma1", 0x00, 16, &first_ops, d);
	space_add_io(io, &d->io[1], "dma2", 0xC0, 32, &second_ops, d);
	space_add_io(io, &d->page_io, "dma-page", 0x81, 15, &page_ops, d);
	reset(&d->dev);
	return d;
}
