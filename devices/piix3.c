/*
 * piix3.c - ISA bridge function of the south bridge: PIRQ routing, reset control. See piix3.h.
 */
#include "devices/piix3.h"

#define PIRQRC 0x60
#define PIRQ_OFF 0x80 /* bit 7: routing disabled */

/* Lines that can carry a PIRQ: 3-7, 9-12, 14, 15 (data sheet, PIRQRCx bits 3:0; others reserved). */
#define ROUTABLE 0xDEF8u

static void update(struct piix3 *p)
{
	uint16_t want = 0, diff;

	for (unsigned i = 0; i < 4; i++) {
		uint8_t r = p->pci.cfg[PIRQRC + i];

		if ((p->st.pirq_level & BIT(i)) && !(r & PIRQ_OFF))
			want |= (uint16_t)(BIT(r & 15) & ROUTABLE);
	}
	diff = want ^ p->st.isa_level;
	p->st.isa_level = want;
	for (unsigned n = 0; n < 16; n++)
		if (diff & BIT(n))
			irq_set(&p->isa[n], !!(want & BIT(n)));
}

static void pirq_set(void *opaque, int n, int level)
{
	struct piix3 *p = opaque;

	if (level)
		p->st.pirq_level |= (uint8_t)BIT(n & 3);
	else
		p->st.pirq_level &= (uint8_t)~BIT(n & 3);
	update(p);
}

static void config_written(void *opaque, unsigned off, unsigned len)
{
	if (off < PIRQRC + 4 && off + len > PIRQRC)
		update(opaque);
}

static uint8_t rcr_read(void *opaque)
{
	return ((struct piix3 *)opaque)->st.rcr;
}

/* RCR: a 0-to-1 step of bit 2 resets the CPU, with bit 1 the whole machine; here always the machine. */
static void rcr_write(void *opaque, uint8_t val)
{
	struct piix3 *p = opaque;

	p->st.rcr = val & 2;
	if (val & 4)
		irq_pulse(&p->reset);
}

static void reset(struct device *d)
{
	struct piix3 *p = container_of(d, struct piix3, dev);
	uint8_t *c = p->pci.cfg;

	pci_put16(c + PCI_CFG_COMMAND, PCI_CMD_IO | PCI_CMD_MEM | PCI_CMD_MASTER);
	pci_put16(c + PCI_CFG_STATUS, 0x0200); /* medium DEVSEL timing */
	c[0x4C] = 0x4D;
	c[0x4E] = 0x03;
	for (unsigned i = 0; i < 4; i++)
		c[PIRQRC + i] = PIRQ_OFF;
	c[0x69] = 0x02;
	c[0x70] = 0x80;
	c[0x76] = c[0x77] = 0x0C;
	c[0x78] = 0x02;
	c[0xA0] = 0x08;
	c[0xA8] = 0x0F;
	p->st.rcr = 0;
	p->st.pirq_level = 0;
	update(p);
}

static enum vm_err post_load(struct device *d, struct err *e)
{
	struct piix3 *p = container_of(d, struct piix3, dev);

	for (unsigned n = 0; n < 16; n++)
		if (p->st.isa_level & BIT(n))
			irq_set(&p->isa[n], 1);
	update(p);
	return VM_OK;
}

static void dump(struct device *d, FILE *out)
{
	struct piix3 *p = container_of(d, struct piix3, dev);

	for (unsigned i = 0; i < 4; i++) {
		uint8_t r = p->pci.cfg[PIRQRC + i];

		fprintf(out, "PIRQ%c: ", 'A' + i);
		if (r & PIRQ_OFF)
			fprintf(out, "off");
		else
			fprintf(out, "IRQ %u", r & 15);
		fprintf(out, " level %u\n", (unsigned)(p->st.pirq_level >> i & 1));
	}
}

static const struct device_ops ops = {
	.name = "PIIX3",
	.version = 1,
	.state_off = offsetof(struct piix3, st),
	.state_size = sizeof(struct piix3_state),
	.reset = reset,
	.post_load = post_load,
	.dump = dump,
};

struct piix3 *piix3_create(struct log *log, struct pci_bus *bus)
{
	static const uint8_t writable[] = { 0x4C, 0x4E, 0x4F, 0x69, 0x6A, 0x6B, 0x70, 0x76, 0x77,
		0x78, 0x79, 0x80, 0x82, 0xA0, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xA8, 0xAA, 0xAC,
		0xAE };
	struct piix3 *p = device_new(sizeof(*p), &ops, log);

	pci_register(bus, &p->pci, "PIIX3", PCI_DEVFN(1, 0), 0x8086, 0x7000, 0x060100, p);
	p->pci.config_written = config_written;
	p->pci.cfg[PCI_CFG_HEADER] |= 0x80;
	for (unsigned i = 0; i < ARRAY_SIZE(writable); i++)
		p->pci.wmask[writable[i]] = 0xFF;
	for (unsigned i = 0; i < 4; i++) {
		p->pci.wmask[PIRQRC + i] = 0x8F;
		bus->pirq[i] = (struct irq){ pirq_set, p, (int)i };
	}
	bus->cf9_read = rcr_read;
	bus->cf9_write = rcr_write;
	bus->cf9_opaque = p;
	reset(&p->dev);
	return p;
}
