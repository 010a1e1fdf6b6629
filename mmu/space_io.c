/*
 * space_io.c - one access of a space, whatever it leads to.
 *
 * An access within one RAM range is a memcpy. To a device it becomes naturally aligned pieces of the sizes the device
 * decodes, as a bus makes of an odd access; a piece narrower than the device's smallest register is widened
 * (a write by reading the rest first). An access that crosses ranges goes byte by byte.
 * Sources: Intel SDM Vol. 1 19.3 "I/O Address Space"; ISA and PCI byte-enable behaviour.
 */
#include "mmu/space.h"
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "guest values are copied as the host has them");

/* A device whose DMA hits a device whose DMA ...: a guest can build that loop, so it ends here. */
#define MAX_NESTING 6

static uint64_t ones(unsigned size)
{
	return ~0ull >> (64 - 8 * size);
}

static bool is_mem(const struct region *r)
{
	return r && (r->kind == REGION_RAM || r->kind == REGION_ROM);
}

static bool wraps(const struct space *s)
{
	return s->limit <= 0xFFFF;
}

static void nothing_there(struct space *s, const char *what, uint64_t addr, unsigned size)
{
	/* once per port, once per page of memory */
	uint64_t key = wraps(s) ? addr + 1 : (addr >> PAGE_SHIFT) + 0x10001;

	log_once(s->log, LOG_UNIMP, (const void *)(uintptr_t)key,
		"%s: %s of %u bytes at %#llx, where nothing is\n", s->name, what, size,
		(unsigned long long)addr);
}

/* How many of @left bytes at @addr go in one bus cycle; @addr decides alignment, @unit is the widest. */
static unsigned piece(uint64_t addr, uint64_t left, unsigned unit)
{
	unsigned n = unit;

	while (n > left || (addr & (n - 1)))
		n >>= 1;
	return n;
}

struct dev_access {
	struct space *s;
	struct region *reg;
	unsigned min, max;
};

static struct dev_access dev_access(struct space *s, struct region *reg)
{
	struct dev_access a = {s, reg, 1, 4};

	if (reg->ops->min)
		a.min = reg->ops->min;
	if (reg->ops->max)
		a.max = reg->ops->max;
	return a;
}

static void tell(const struct dev_access *a, uint64_t off, uint64_t v, unsigned size, bool write)
{
	const char *name = a->reg->ops->name ? a->reg->ops->name : a->reg->name;

	a->s->traced(a->s->traced_opaque, name ? name : "?", off, v, size, write);
}

static uint64_t dev_read1(const struct dev_access *a, uint64_t off, unsigned size)
{
	uint64_t v;

	if (!a->reg->ops->read || a->s->depth >= MAX_NESTING)
		return ones(size);
	a->s->depth++;
	v = a->reg->ops->read(a->reg->opaque, off, size) & ones(size);
	a->s->depth--;
	if (UNLIKELY(a->s->traced != NULL))
		tell(a, off, v, size, false);
	if (log_on(a->s->log, LOG_IO))
		log_printf(a->s->log, LOG_IO, "%s: %s+%#llx read%u = %#llx\n", a->s->name,
			a->reg->ops->name ? a->reg->ops->name : a->reg->name,
			(unsigned long long)off, size * 8, (unsigned long long)v);
	return v;
}

static void dev_write1(const struct dev_access *a, uint64_t off, uint64_t v, unsigned size)
{
	v &= ones(size);
	if (UNLIKELY(a->s->traced != NULL))
		tell(a, off, v, size, true);
	if (log_on(a->s->log, LOG_IO))
		log_printf(a->s->log, LOG_IO, "%s: %s+%#llx write%u = %#llx\n", a->s->name,
			a->reg->ops->name ? a->reg->ops->name : a->reg->name,
			(unsigned long long)off, size * 8, (unsigned long long)v);
	if (!a->reg->ops->write || a->s->depth >= MAX_NESTING)
		return;
	a->s->depth++;
	a->reg->ops->write(a->reg->opaque, off, v, size);
	a->s->depth--;
}

/* [addr, addr+size) lies in @reg. */
static uint64_t dev_read(struct space *s, struct region *reg, uint64_t addr, unsigned size)
{
	struct dev_access a = dev_access(s, reg);
	uint64_t v = 0, base = reg->base;
	unsigned done = 0;

	while (done < size) {
		uint64_t off = addr + done - base, part;
		unsigned n = piece(addr + done, size - done, a.max);

		if (n >= a.min) {
			part = dev_read1(&a, off, n);
		} else {
			unsigned in = off & (a.min - 1);

			n = size - done < a.min - in ? size - done : a.min - in;
			part = dev_read1(&a, off - in, a.min) >> (8 * in) & ones(n);
		}
		v |= part << (8 * done);
		done += n;
	}
	return v;
}

static void dev_write(struct space *s, struct region *reg, uint64_t addr, uint64_t v, unsigned size)
{
	struct dev_access a = dev_access(s, reg);
	uint64_t base = reg->base;
	unsigned done = 0;

	while (done < size) {
		uint64_t off = addr + done - base;
		unsigned n = piece(addr + done, size - done, a.max);

		if (n >= a.min) {
			dev_write1(&a, off, v >> (8 * done), n);
		} else {
			unsigned in = off & (a.min - 1);
			uint64_t mask, old;

			n = size - done < a.min - in ? size - done : a.min - in;
			mask = ones(n) << (8 * in);
			old = dev_read1(&a, off - in, a.min) & ~mask;
			dev_write1(&a, off - in, old | (v >> (8 * done) << (8 * in) & mask), a.min);
		}
		done += n;
	}
}

uint64_t space_read(struct space *s, uint64_t addr, unsigned size)
{
	struct range r;
	uint64_t v = 0;

	BUG_ON(!size || size > 8);
	if (wraps(s))
		addr &= s->limit;
	r = *space_lookup(s, addr); /* by value: a device may change the space */
	if (UNLIKELY(r.last - addr < size - 1)) {
		for (unsigned i = 0; i < size; i++)
			v |= space_read(s, addr + i, 1) << (8 * i);
		return v;
	}
	if (is_mem(r.reg)) {
		memcpy(&v, s->ram->host + r.reg->ra + (addr - r.reg->base), size);
		return v;
	}
	if (r.reg)
		return dev_read(s, r.reg, addr, size);
	nothing_there(s, "read", addr, size);
	return ones(size);
}

/* Store into a memory range: RAM, or ROM whose owner wants its writes (flash). */
static void mem_write(struct space *s, const struct range *r, uint64_t addr, const void *buf,
	uint64_t len)
{
	raddr_t ra = r->reg->ra + (addr - r->reg->base);

	ram_will_write(s->ram, ra, len);
	memcpy(s->ram->host + ra, buf, len);
	ram_written(s->ram, ra, len);
}

void space_write(struct space *s, uint64_t addr, uint64_t val, unsigned size)
{
	struct range r;

	BUG_ON(!size || size > 8);
	if (wraps(s))
		addr &= s->limit;
	r = *space_lookup(s, addr);
	if (UNLIKELY(r.last - addr < size - 1)) {
		for (unsigned i = 0; i < size; i++)
			space_write(s, addr + i, val >> (8 * i), 1);
		return;
	}
	if (!r.reg)
		nothing_there(s, "write", addr, size);
	else if (r.reg->kind == REGION_RAM)
		mem_write(s, &r, addr, &val, size);
	else if (r.reg->kind == REGION_IO || (r.reg->ops && r.reg->ops->write))
		dev_write(s, r.reg, addr, val, size);
}

/* Bytes of [addr, addr+len) that lie in @r. */
static uint64_t in_range(const struct range *r, uint64_t addr, uint64_t len)
{
	uint64_t n = r->last - addr; /* one less: the whole space has 2^64 */

	return n < len - 1 ? n + 1 : len;
}

void space_read_buf(struct space *s, uint64_t addr, void *buf, uint64_t len)
{
	uint8_t *p = buf;

	while (len) {
		struct range r;
		uint64_t n;

		if (wraps(s))
			addr &= s->limit;
		r = *space_lookup(s, addr);
		n = in_range(&r, addr, len);
		if (is_mem(r.reg)) {
			memcpy(p, s->ram->host + r.reg->ra + (addr - r.reg->base), n);
		} else if (!r.reg) {
			nothing_there(s, "DMA read", addr, n > 8 ? 8 : (unsigned)n);
			memset(p, 0xFF, n);
		} else {
			uint64_t v;

			n = piece(addr, n, 4);
			v = dev_read(s, r.reg, addr, (unsigned)n);
			memcpy(p, &v, n);
		}
		addr += n; /* past 2^64: begins again at 0, as address arithmetic does */
		p += n;
		len -= n;
	}
}

void space_write_buf(struct space *s, uint64_t addr, const void *buf, uint64_t len)
{
	const uint8_t *p = buf;

	while (len) {
		struct range r;
		uint64_t n, v = 0;

		if (wraps(s))
			addr &= s->limit;
		r = *space_lookup(s, addr);
		n = in_range(&r, addr, len);
		if (!r.reg) {
			nothing_there(s, "DMA write", addr, n > 8 ? 8 : (unsigned)n);
		} else if (r.reg->kind == REGION_RAM) {
			mem_write(s, &r, addr, p, n);
		} else if (r.reg->kind == REGION_IO || (r.reg->ops && r.reg->ops->write)) {
			n = piece(addr, n, 4);
			memcpy(&v, p, n);
			dev_write(s, r.reg, addr, v, (unsigned)n);
		}
		addr += n;
		p += n;
		len -= n;
	}
}

void space_discard(struct space *s, uint64_t addr, uint64_t len)
{
	while (len && addr <= s->limit) {
		struct range r = *space_lookup(s, addr);
		uint64_t n = in_range(&r, addr, len);

		if (r.reg && r.reg->kind == REGION_RAM)
			ram_discard(s->ram, r.reg->ra + (addr - r.reg->base), n);
		addr += n;
		len -= n;
	}
}

uint8_t *space_host(struct space *s, uint64_t addr, uint64_t len, raddr_t *ra)
{
	const struct range *r = space_lookup(s, addr);
	raddr_t at;

	if (!len || !is_mem(r->reg) || addr > r->last || r->last - addr < len - 1)
		return NULL;
	at = r->reg->ra + (addr - r->reg->base);
	if (ra)
		*ra = at;
	return s->ram->host + at;
}
