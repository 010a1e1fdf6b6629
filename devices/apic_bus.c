/*
 * apic_bus.c - messages between APICs: destinations, IPIs, MSIs, and the shared register page.
 *
 * Source: Intel SDM Vol. 3A 11.6 "Issuing Interprocessor Interrupts", 11.6.2 "Determining IPI
 * Destination", 11.11 "Message Signalled Interrupts", 11.12.10 for x2APIC logical IDs.
 */
#include "devices/apic.h"

/* Does message destination @dest name this APIC? @wide: 32-bit x2APIC destination. */
static bool matches(const struct apic *a, uint32_t dest, bool logical, bool wide)
{
	uint32_t ldr = a->s.ldr, all = wide ? 0xFFFFFFFF : 0xFF;

	if (dest == all)
		return true;
	if (!logical)
		return dest == a->s.id;
	if (a->s.base & APIC_BASE_EXTD) {
		if (!wide) /* an 8-bit logical destination reaches cluster 0 */
			return !(ldr >> 16) && (ldr & dest);
		return dest >> 16 == ldr >> 16 && (dest & ldr & 0xFFFF);
	}
	ldr >>= 24;
	if (a->s.dfr >> 28 == 0xF) /* flat model */
		return (ldr & dest & 0xFF) != 0;
	return (ldr >> 4) == ((dest >> 4) & 15) && (ldr & dest & 15);
}

static void deliver(struct apic_bus *b, uint32_t dest, bool logical, bool wide, unsigned mode,
	unsigned vector, bool level)
{
	struct apic *best = NULL;

	for (unsigned i = 0; i < b->count; i++) {
		struct apic *a = b->apic[i];

		if (!matches(a, dest, logical, wide))
			continue;
		if (mode != APIC_LOWEST) {
			apic_accept(a, mode, vector, level);
			continue;
		}
		/* Lowest priority: among those that listen, the one with the least to do. */
		if (!(a->s.svr & 0x100) || !(a->s.base & APIC_BASE_EN))
			continue;
		if (!best || apic_ppr(a) < apic_ppr(best))
			best = a;
	}
	if (best)
		apic_accept(best, APIC_FIXED, vector, level);
}

void apic_bus_deliver(
	void *bus, unsigned dest, bool logical, unsigned mode, unsigned vector, bool level)
{
	deliver(bus, dest & 0xFF, logical, false, mode & 7, vector & 0xFF, level);
}

void apic_bus_msi(void *bus, uint64_t addr, uint32_t data)
{
	apic_bus_deliver(bus, (addr >> 12) & 0xFF, (addr >> 2) & 1, (data >> 8) & 7, data & 0xFF,
		(data >> 15) & 1);
}

void apic_send(struct apic *a, uint64_t icr, bool x2)
{
	unsigned vector = icr & 0xFF, mode = (icr >> 8) & 7, shorthand = (icr >> 18) & 3;
	bool level = (icr >> 15) & 1, assert = (icr >> 14) & 1;
	struct apic_bus *b = a->bus;

	/* INIT level de-assert only synchronised arbitration IDs: nothing to do (11.6.1). */
	if (mode == APIC_INIT && level && !assert)
		return;
	if ((mode == APIC_FIXED || mode == APIC_LOWEST) && vector < 16) {
		apic_error(a, ESR_SEND_ILLEGAL);
		return;
	}
	if (mode == APIC_EXTINT) {
		GUEST_ERR(a->dev.log, "apic: ExtINT is not an IPI delivery mode\n");
		return;
	}
	/* Trigger mode means something for INIT de-assert only: every other IPI is an edge. */
	switch (shorthand) {
	case 0:
		deliver(b, x2 ? (uint32_t)(icr >> 32) : (uint32_t)(icr >> 56), (icr >> 11) & 1, x2,
			mode, vector, false);
		break;
	case 1:
		apic_accept(a, mode, vector, false);
		break;
	default:
		for (unsigned i = 0; i < b->count; i++)
			if (shorthand == 2 || b->apic[i] != a)
				apic_accept(b->apic[i], mode, vector, false);
	}
}

static struct apic *current(struct apic_bus *b)
{
	struct apic *a = b->current ? b->current(b->current_opaque) : NULL;

	return a ? a : b->count ? b->apic[0] : NULL;
}

/* In x2APIC mode, or disabled, the page is not the APIC's. */
static struct apic *page_owner(struct apic_bus *b)
{
	struct apic *a = current(b);

	if (!a || (a->s.base & (APIC_BASE_EN | APIC_BASE_EXTD)) != APIC_BASE_EN)
		return NULL;
	return a;
}

static uint64_t mmio_read(void *opaque, uint64_t off, unsigned size)
{
	struct apic *a = page_owner(opaque);

	return a ? apic_reg_read(a, off & 0xFFF) : 0xFFFFFFFF;
}

static void mmio_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct apic *a = page_owner(opaque);

	if (a)
		apic_reg_write(a, off & 0xFFF, (uint32_t)val);
}

static const struct io_ops mmio_io = {"apic", mmio_read, mmio_write, 4, 4};

void apic_bus_init(struct apic_bus *bus, struct space *mem)
{
	*bus = (struct apic_bus){.mem = mem};
	bus->mmio = (struct region){.name = "apic",
		.kind = REGION_IO,
		.len = PAGE_SIZE,
		.prio = 2,
		.ops = &mmio_io,
		.opaque = bus};
	space_add(mem, &bus->mmio, APIC_BASE_DEFAULT);
}
