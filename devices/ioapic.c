/*
 * ioapic.c - 82093AA I/O APIC with the later EOI register (version 20h).
 *
 * A level pin sends its message when the wire is high, unmasked and Remote IRR is clear; Remote IRR
 * is set with the message and cleared by the EOI, after which a wire still high sends again. An
 * edge that comes while masked is lost, as on the chip.
 *
 * Sources: Intel 82093AA data sheet (order 290566); ICH9 data sheet 13.5 for the EOI register.
 */
#include "devices/ioapic.h"

#define RE_VECTOR 0xFFull
#define RE_LOGICAL BIT(11)
#define RE_STATUS BIT(12)
#define RE_REMOTE_IRR BIT(14)
#define RE_LEVEL BIT(15)
#define RE_MASKED BIT(16)
#define RE_READONLY (RE_STATUS | RE_REMOTE_IRR)
#define RE_VALID (0xFF0000000001FFFFull)

static void service(struct ioapic *io, unsigned n)
{
	uint64_t *e = &io->s.redir[n];
	uint32_t bit = 1u << n;
	unsigned mode = (*e >> 8) & 7;
	bool level = (*e & RE_LEVEL) && mode <= 1; /* SMI, NMI, INIT and ExtINT are edges */

	if (!(io->s.irr & bit) || (*e & RE_MASKED))
		return;
	if (level) {
		if (*e & RE_REMOTE_IRR)
			return;
		*e |= RE_REMOTE_IRR;
	} else {
		io->s.irr &= ~bit;
	}
	if (io->out.deliver)
		io->out.deliver(io->out.opaque, (unsigned)(*e >> 56), (*e & RE_LOGICAL) != 0, mode,
			(unsigned)(*e & RE_VECTOR), level);
}

/* Polarity is the board's business: wires are active high whatever the entry says. */
static void ioapic_set(void *opaque, int n, int level)
{
	struct ioapic *io = opaque;
	uint32_t bit = 1u << (n & 31);
	bool was = io->s.lines & bit;

	if ((unsigned)n >= IOAPIC_PINS)
		return;
	io->s.lines = level ? io->s.lines | bit : io->s.lines & ~bit;
	if (io->s.redir[n] & RE_LEVEL)
		io->s.irr = level ? io->s.irr | bit : io->s.irr & ~bit;
	else if (level && !was && !(io->s.redir[n] & RE_MASKED))
		io->s.irr |= bit;
	service(io, n);
}

struct irq ioapic_input(struct ioapic *io, int n)
{
	if (n < 0 || n >= IOAPIC_PINS)
		return (struct irq){0};
	return (struct irq){ioapic_set, io, n};
}

void ioapic_eoi(void *ioapic, unsigned vector)
{
	struct ioapic *io = ioapic;

	for (unsigned n = 0; n < IOAPIC_PINS; n++) {
		uint64_t *e = &io->s.redir[n];

		if ((*e & RE_VECTOR) != vector || !(*e & RE_REMOTE_IRR))
			continue;
		*e &= ~RE_REMOTE_IRR;
		service(io, n);
	}
}

static uint32_t reg_read(struct ioapic *io, unsigned r)
{
	switch (r) {
	case 0:
	case 2: /* arbitration ID follows the ID */
		return io->s.id << 24;
	case 1:
		return 0x20 | (IOAPIC_PINS - 1) << 16;
	}
	if (r < 0x10 || r >= 0x10 + 2 * IOAPIC_PINS)
		return 0xFFFFFFFF;
	uint64_t e = io->s.redir[(r - 0x10) / 2];
	return (uint32_t)(r & 1 ? e >> 32 : e);
}

static void reg_write(struct ioapic *io, unsigned r, uint32_t val)
{
	unsigned n = (r - 0x10) / 2;
	uint64_t *e, v;

	if (r == 0)
		io->s.id = (val >> 24) & 15;
	if (r < 0x10 || n >= IOAPIC_PINS)
		return;
	e = &io->s.redir[n];
	v = r & 1 ? (*e & 0xFFFFFFFF) | (uint64_t)val << 32 : (*e & ~0xFFFFFFFFull) | val;
	*e = (v & RE_VALID & ~RE_READONLY) | (*e & RE_READONLY);
	if (!(*e & RE_LEVEL))
		*e &= ~RE_REMOTE_IRR; /* edge entries have none: software's way to clear it */
	else if (io->s.lines & (1u << n))
		io->s.irr |= 1u << n;
	else
		io->s.irr &= ~(1u << n);
	service(io, n);
}

static uint64_t ioapic_read(void *opaque, uint64_t off, unsigned size)
{
	struct ioapic *io = opaque;

	switch (off & 0xFF) {
	case 0x00:
		return io->s.select;
	case 0x10:
		return reg_read(io, io->s.select);
	default:
		return 0;
	}
}

static void ioapic_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct ioapic *io = opaque;

	switch (off & 0xFF) {
	case 0x00:
		io->s.select = (uint8_t)val;
		break;
	case 0x10:
		reg_write(io, io->s.select, (uint32_t)val);
		break;
	case 0x40:
		ioapic_eoi(io, val & 0xFF);
		break;
	}
}

static const struct io_ops ioapic_io = {"ioapic", ioapic_read, ioapic_write, 4, 4};

static void ioapic_reset(struct device *d)
{
	struct ioapic *io = container_of(d, struct ioapic, dev);

	for (unsigned n = 0; n < IOAPIC_PINS; n++)
		io->s.redir[n] = RE_MASKED;
	io->s.irr = 0;
	io->s.select = 0;
}

static void ioapic_dump(struct device *d, FILE *out)
{
	struct ioapic *io = container_of(d, struct ioapic, dev);

	static const char *const modes[] = {"fixed", "lowest", "SMI", "...", "NMI", "INIT", "...", "extINT"};

	fprintf(out, "ioapic0: ver=0x%x id=0x%02x sel=0x%02x irr=%06x lines=%06x\n", 0x20u, io->s.id, io->s.select,
		io->s.irr, io->s.lines);
	for (unsigned n = 0; n < IOAPIC_PINS; n++) {
		uint64_t e = io->s.redir[n];

		/* QEMU's form */
		fprintf(out, "  pin %-2u 0x%016llx dest=%llx vec=%-3u %s %s %s %s %s%s\n", n, (unsigned long long)e,
			(unsigned long long)(e >> 56), (unsigned)(e & RE_VECTOR), e & BIT(13) ? "active-lo" : "active-hi",
			e & RE_LEVEL ? "level" : "edge ", e & RE_MASKED ? "masked" : "      ", modes[e >> 8 & 7],
			e & RE_LOGICAL ? "logical" : "physical", e & RE_REMOTE_IRR ? " remote-irr" : "");
	}
}

static const struct device_ops ioapic_ops = {
	.name = "ioapic",
	.version = 1,
	.state_off = offsetof(struct ioapic, s),
	.state_size = sizeof(struct ioapic_state),
	.reset = ioapic_reset,
	.dump = ioapic_dump,
};

struct ioapic *ioapic_create(
	struct log *log, struct space *mem, uint64_t base, unsigned id, struct ioapic_out out)
{
	struct ioapic *io = device_new(sizeof(*io), &ioapic_ops, log);

	io->out = out;
	io->s.id = id & 15;
	io->mmio = (struct region){.name = "ioapic",
		.kind = REGION_IO,
		.len = PAGE_SIZE,
		.prio = 1,
		.ops = &ioapic_io,
		.opaque = io};
	space_add(mem, &io->mmio, base);
	ioapic_reset(&io->dev);
	return io;
}
