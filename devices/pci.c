/*
 * pci.c - configuration mechanism #1, BAR mapping and interrupt pins of the one PCI bus.
 *
 * A guest reaches configuration space through CONFIG_ADDRESS (CF8h) and CONFIG_DATA (CFCh-CFFh). Every
 * byte has a write mask and a write-one-to-clear mask; after each write the bus maps every BAR where
 * it now belongs. An address of 0 or a range that would wrap is taken as "not yet programmed", which is
 * also what guests produce while they size a BAR by writing ones.
 *
 * Sources: see pci.h; interrupt swizzle: PCI-to-PCI Bridge Architecture Specification 1.1,
 * table 9-1, with the offset the i440FX boards use (device 1 INTA is PIRQA).
 */
#include "devices/pci.h"
#include <stdlib.h>
#include <string.h>

#define BAR_UNMAPPED UINT64_MAX
#define CONFIG_ENABLE 0x80000000u
#define STATUS_CAP_LIST 0x10
#define STATUS_INTX 0x08

static unsigned bar_offset(unsigned n)
{
	return n == PCI_ROM_BAR ? PCI_CFG_ROM : PCI_CFG_BAR0 + n * 4;
}

/* Where BAR @n should be mapped now, from the command register and its own value. */
static uint64_t bar_wanted(const struct pci_dev *d, unsigned n)
{
	const struct pci_bar *b = &d->bar[n];
	uint16_t cmd = pci_get16(d->cfg + PCI_CFG_COMMAND);
	uint32_t lo = pci_get32(d->cfg + bar_offset(n));
	uint64_t addr, last, limit;

	if (b->type & PCI_BAR_IO) {
		if (!(cmd & PCI_CMD_IO))
			return BAR_UNMAPPED;
		addr = lo & ~3u;
		limit = d->bus->io->limit;
	} else {
		if (!(cmd & PCI_CMD_MEM))
			return BAR_UNMAPPED;
		if (n == PCI_ROM_BAR && !(lo & 1))
			return BAR_UNMAPPED;
		addr = lo & (n == PCI_ROM_BAR ? ~0x7FFu : ~15u);
		limit = UINT32_MAX - 1ull;
		if (n != PCI_ROM_BAR && (b->type & PCI_BAR_MEM64)) {
			addr |= (uint64_t)pci_get32(d->cfg + bar_offset(n) + 4) << 32;
			limit = d->bus->mem->limit;
		}
	}
	last = addr + b->reg->len - 1;
	return addr == 0 || last < addr || last > limit ? BAR_UNMAPPED : addr;
}

static void update_bars(struct pci_dev *d)
{
	for (unsigned n = 0; n <= PCI_ROM_BAR; n++) {
		struct pci_bar *b = &d->bar[n];
		uint64_t want;

		if (!b->reg)
			continue;
		want = bar_wanted(d, n);
		if (want == b->addr)
			continue;
		b->addr = want;
		space_move(b->type & PCI_BAR_IO ? d->bus->io : d->bus->mem, b->reg,
			want == BAR_UNMAPPED ? 0 : want, want != BAR_UNMAPPED);
	}
}

/* PIRQ line of a function's pin: pins rotate with the device number. */
static unsigned pirq_of(const struct pci_dev *d)
{
	unsigned pin = (d->cfg[PCI_CFG_INT_PIN] - 1) & 3;

	return (pin + (d->devfn >> 3) - 1) & 3;
}

static void update_pirqs(struct pci_bus *bus)
{
	int level[4] = { 0 };

	for (unsigned i = 0; i < bus->nfn; i++) {
		struct pci_dev *d = bus->fn[i];
		bool on = bus->st.intx & BIT(i);

		if (on)
			d->cfg[PCI_CFG_STATUS] |= STATUS_INTX;
		else
			d->cfg[PCI_CFG_STATUS] &= (uint8_t)~STATUS_INTX;
		if (on && !(pci_get16(d->cfg + PCI_CFG_COMMAND) & PCI_CMD_INTX_OFF))
			level[pirq_of(d)] = 1;
	}
	for (unsigned i = 0; i < 4; i++)
		irq_set(&bus->pirq[i], level[i]);
}

void pci_irq_pin(struct pci_dev *d, unsigned pin)
{
	BUG_ON(pin < 1 || pin > 4);
	d->cfg[PCI_CFG_INT_PIN] = (uint8_t)pin;
	d->wmask[PCI_CFG_INT_LINE] = 0xFF;
}

void pci_irq_set(struct pci_dev *d, int level)
{
	struct pci_bus *bus = d->bus;
	uint32_t was = bus->st.intx;

	if (!d->cfg[PCI_CFG_INT_PIN])
		return;
	if (level)
		bus->st.intx |= (uint32_t)BIT(d->index);
	else
		bus->st.intx &= ~(uint32_t)BIT(d->index);
	if (bus->st.intx != was)
		update_pirqs(bus);
}

uint32_t pci_config_read(struct pci_dev *d, unsigned off, unsigned size)
{
	uint32_t v = 0;

	if (d->config_reading)
		d->config_reading(d->opaque, off, size);
	for (unsigned i = 0; i < size; i++)
		v |= (uint32_t)(off + i < 256 ? d->cfg[off + i] : 0xFF) << (i * 8);
	return v;
}

static bool touches(unsigned off, unsigned size, unsigned lo, unsigned hi)
{
	return off < hi && off + size > lo;
}

void pci_config_write(struct pci_dev *d, unsigned off, uint32_t val, unsigned size)
{
	for (unsigned i = 0; i < size && off + i < 256; i++) {
		uint8_t v = (uint8_t)(val >> (i * 8)), *c = &d->cfg[off + i];
		uint8_t w = d->wmask[off + i];

		*c = (uint8_t)((*c & ~w) | (v & w));
		*c &= (uint8_t)~(v & d->w1c[off + i]);
	}
	if (touches(off, size, PCI_CFG_COMMAND, PCI_CFG_COMMAND + 2)) {
		update_bars(d);
		update_pirqs(d->bus);
	} else if (touches(off, size, PCI_CFG_BAR0, 0x28) ||
		   touches(off, size, PCI_CFG_ROM, PCI_CFG_ROM + 4)) {
		update_bars(d);
	}
	pci_msi_config_written(d, off, size);
	if (d->config_written)
		d->config_written(d->opaque, off, size);
}

/* The function CONFIG_ADDRESS selects, or NULL. Only bus 0 exists. */
static struct pci_dev *selected(struct pci_bus *bus)
{
	uint32_t a = bus->st.addr;

	if (!(a & CONFIG_ENABLE) || bits(a, 23, 16) != 0)
		return NULL;
	for (unsigned i = 0; i < bus->nfn; i++)
		if (bus->fn[i]->devfn == bits(a, 15, 8))
			return bus->fn[i];
	return NULL;
}

static uint64_t ports_read(void *opaque, uint64_t off, unsigned size)
{
	struct pci_bus *bus = opaque;
	struct pci_dev *d;

	if (off == 1 && size == 1)
		return bus->cf9_read ? bus->cf9_read(bus->cf9_opaque) : 0xFF;
	if (off < 4) {
		uint64_t v = (uint64_t)bus->st.addr >> (off * 8);

		return size >= 4 ? v : v & (BIT(size * 8) - 1);
	}
	d = selected(bus);
	if (!d)
		return ~0ull;
	return pci_config_read(d, (bus->st.addr & 0xFC) + (off & 3), size);
}

static void ports_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct pci_bus *bus = opaque;
	struct pci_dev *d;

	if (off == 1 && size == 1) {
		if (bus->cf9_write)
			bus->cf9_write(bus->cf9_opaque, (uint8_t)val);
		return;
	}
	if (off < 4) {
		/* only a full doubleword reaches CONFIG_ADDRESS; others pass to the bus and are lost */
		if (off == 0 && size == 4)
			bus->st.addr = (uint32_t)val & ~0x7F000003u;
		return;
	}
	d = selected(bus);
	if (d)
		pci_config_write(d, (bus->st.addr & 0xFC) + (off & 3), (uint32_t)val, size);
}

static const struct io_ops ports_ops = {
	.name = "pci-conf", .read = ports_read, .write = ports_write, .min = 1, .max = 4
};

void pci_reset_config(struct pci_dev *d)
{
	for (unsigned i = 0; i < 256; i++)
		d->cfg[i] &= (uint8_t)~(d->wmask[i] | d->w1c[i]);
}

static void pci_reset(struct device *dev)
{
	struct pci_bus *bus = container_of(dev, struct pci_bus, dev);

	bus->st.addr = 0;
	bus->st.intx = 0;
	for (unsigned i = 0; i < bus->nfn; i++) {
		struct pci_dev *d = bus->fn[i];

		if (!d->resets_itself)
			pci_reset_config(d);
		bus->st.fn[i].pba = 0;
		for (unsigned v = 0; v < PCI_MAX_MSIX; v++) {
			memset(bus->st.fn[i].msix[v], 0, sizeof(bus->st.fn[i].msix[v]));
			bus->st.fn[i].msix[v][3] = 1;
		}
		update_bars(d);
	}
	update_pirqs(bus);
}

static enum vm_err pci_post_load(struct device *dev, struct err *e)
{
	struct pci_bus *bus = container_of(dev, struct pci_bus, dev);

	for (unsigned i = 0; i < PCI_MAX_FN; i++) {
		bool used = i < bus->nfn;

		if (!bus->st.fn[i].used != !used || (used && bus->st.fn[i].devfn != bus->fn[i]->devfn))
			return err_set(e, VM_ERR_FORMAT, "pci: the saved machine has other PCI devices");
	}
	if (bus->nfn < 32)
		bus->st.intx &= (uint32_t)BIT(bus->nfn) - 1;
	for (unsigned i = 0; i < bus->nfn; i++)
		update_bars(bus->fn[i]);
	update_pirqs(bus);
	return VM_OK;
}

static void pci_dev_dump(struct device *dev, FILE *out)
{
	pci_dump(container_of(dev, struct pci_bus, dev), out);
}

static const struct device_ops pci_ops = {
	.name = "pci",
	.version = 1,
	.state_off = offsetof(struct pci_bus, st),
	.state_size = sizeof(struct pci_state),
	.reset = pci_reset,
	.post_load = pci_post_load,
	.dump = pci_dev_dump,
};

struct pci_bus *pci_bus_create(struct log *log, struct space *mem, struct space *io)
{
	struct pci_bus *bus = device_new(sizeof(*bus), &pci_ops, log);

	bus->mem = mem;
	bus->io = io;
	space_add_io(io, &bus->ports, "pci-conf", 0xCF8, 8, &ports_ops, bus);
	return bus;
}

enum vm_err pci_register(struct pci_bus *bus, struct pci_dev *d, const char *name, uint8_t devfn,
	uint16_t vendor, uint16_t device, uint32_t class_code, void *opaque)
{
	struct pci_fn_state *fs;

	if (bus->nfn == PCI_MAX_FN)
		return err_set(NULL, VM_ERR_USAGE, "pci: bus is full");
	for (unsigned i = 0; i < bus->nfn; i++) {
		if (bus->fn[i]->devfn == devfn)
			return err_set(NULL, VM_ERR_USAGE, "pci: place is taken");
		if (bus->fn[i]->devfn == (devfn & ~7u))
			bus->fn[i]->cfg[PCI_CFG_HEADER] |= 0x80; /* multi-function */
	}
	d->name = name;
	d->bus = bus;
	d->index = bus->nfn;
	d->devfn = devfn;
	d->opaque = opaque;
	d->cap_free = 0x40;
	for (unsigned n = 0; n <= PCI_ROM_BAR; n++)
		d->bar[n].addr = BAR_UNMAPPED;
	fs = &bus->st.fn[bus->nfn];
	fs->used = 1;
	fs->devfn = devfn;
	d->cfg = fs->cfg;
	pci_put16(d->cfg, vendor);
	pci_put16(d->cfg + 2, device);
	pci_put32(d->cfg + PCI_CFG_REVISION, class_code << 8);
	pci_put32(d->cfg + PCI_CFG_SUBSYS, 0x11001AF4);
	pci_put16(d->wmask + PCI_CFG_COMMAND,
		PCI_CMD_IO | PCI_CMD_MEM | PCI_CMD_MASTER | 0x140 | PCI_CMD_INTX_OFF);
	d->wmask[0x0C] = 0xFF; /* cache line size */
	d->wmask[0x0D] = 0xFF; /* latency timer */
	d->w1c[PCI_CFG_STATUS + 1] = 0xF9;
	bus->fn[bus->nfn++] = d;
	return VM_OK;
}

int pci_free_slot(const struct pci_bus *bus, unsigned from)
{
	for (unsigned s = from; s < 32; s++) {
		bool used = false;

		for (unsigned i = 0; i < bus->nfn; i++)
			used |= bus->fn[i]->devfn >> 3 == s;
		if (!used)
			return (int)s;
	}
	return -1;
}

void pci_set_bar(struct pci_dev *d, unsigned n, unsigned type, struct region *reg)
{
	struct space *s = type & PCI_BAR_IO ? d->bus->io : d->bus->mem;
	unsigned off = bar_offset(n);
	uint64_t mask = ~(reg->len - 1);

	BUG_ON(n > PCI_ROM_BAR || (reg->len & (reg->len - 1)) || reg->len < 4);
	d->bar[n].reg = reg;
	d->bar[n].type = (uint8_t)type;
	if (n == PCI_ROM_BAR) {
		pci_put32(d->wmask + off, (uint32_t)mask | 1);
	} else {
		pci_put32(d->cfg + off, type);
		pci_put32(d->wmask + off, (uint32_t)mask & (type & PCI_BAR_IO ? ~3u : ~15u));
		if (!(type & PCI_BAR_IO) && (type & PCI_BAR_MEM64))
			pci_put32(d->wmask + off + 4, (uint32_t)(mask >> 32));
	}
	reg->prio = PCI_BAR_PRIO;
	space_begin(s);
	space_add(s, reg, 0);
	space_move(s, reg, 0, false);
	space_commit(s);
}

unsigned pci_add_cap(struct pci_dev *d, uint8_t id, unsigned off, unsigned len)
{
	if (!off)
		off = d->cap_free;
	BUG_ON(off < 0x40 || off + len > 256);
	d->cfg[off] = id;
	d->cfg[off + 1] = d->cfg[PCI_CFG_CAP];
	d->cfg[PCI_CFG_CAP] = (uint8_t)off;
	d->cfg[PCI_CFG_STATUS] |= STATUS_CAP_LIST;
	if (off + len > d->cap_free)
		d->cap_free = (uint8_t)((off + len + 3) & ~3u);
	return off;
}

static bool master_on(const struct pci_dev *d)
{
	return pci_get16(d->cfg + PCI_CFG_COMMAND) & PCI_CMD_MASTER;
}

bool pci_dma_read(struct pci_dev *d, uint64_t addr, void *buf, uint64_t len)
{
	if (!master_on(d)) {
		memset(buf, 0xFF, len);
		return false;
	}
	space_read_buf(d->bus->mem, addr, buf, len);
	return true;
}

bool pci_dma_write(struct pci_dev *d, uint64_t addr, const void *buf, uint64_t len)
{
	if (!master_on(d))
		return false;
	space_write_buf(d->bus->mem, addr, buf, len);
	return true;
}

static const struct {
	uint16_t class;
	const char *text;
} class_names[] = {
	{ 0x0001, "VGA controller" },
	{ 0x0100, "SCSI controller" },
	{ 0x0101, "IDE controller" },
	{ 0x0106, "SATA controller" },
	{ 0x0200, "Ethernet controller" },
	{ 0x0300, "VGA controller" },
	{ 0x0380, "Display controller" },
	{ 0x0401, "Audio controller" },
	{ 0x0403, "Audio controller" },
	{ 0x0500, "RAM controller" },
	{ 0x0600, "Host bridge" },
	{ 0x0601, "ISA bridge" },
	{ 0x0604, "PCI bridge" },
	{ 0x0680, "Bridge" },
	{ 0x0780, "Communication controller" },
	{ 0x0C03, "USB controller" },
	{ 0x0C05, "SMBus" },
	{ 0x00FF, "RNG" },
};

static void dump_bar(const struct pci_dev *d, unsigned n, FILE *out)
{
	const struct pci_bar *b = &d->bar[n];
	uint64_t last = b->addr + b->reg->len - 1;

	if (b->type & PCI_BAR_IO)
		fprintf(out, "      BAR%u: I/O at 0x%04llx [0x%04llx].\n", n,
			(unsigned long long)b->addr, (unsigned long long)last);
	else
		fprintf(out, "      BAR%u: %d bit%s memory at 0x%08llx [0x%08llx].\n", n,
			b->type & PCI_BAR_MEM64 ? 64 : 32,
			b->type & PCI_BAR_PREFETCH ? " prefetchable" : "",
			(unsigned long long)b->addr, (unsigned long long)last);
}

static void dump_fn(const struct pci_dev *d, FILE *out)
{
	uint16_t class = pci_get16(d->cfg + PCI_CFG_CLASS);
	const char *text = NULL;

	fprintf(out, "  Bus  0, device %3u, function %u:\n    ", d->devfn >> 3, d->devfn & 7u);
	for (unsigned i = 0; i < ARRAY_SIZE(class_names); i++)
		if (class_names[i].class == class)
			text = class_names[i].text;
	if (text)
		fputs(text, out);
	else
		fprintf(out, "Class %04x", class);
	fprintf(out, ": PCI device %04x:%04x\n", pci_get16(d->cfg), pci_get16(d->cfg + 2));
	if (pci_get32(d->cfg + PCI_CFG_SUBSYS))
		fprintf(out, "      PCI subsystem %04x:%04x\n", pci_get16(d->cfg + PCI_CFG_SUBSYS),
			pci_get16(d->cfg + PCI_CFG_SUBSYS + 2));
	if (d->cfg[PCI_CFG_INT_PIN])
		fprintf(out, "      IRQ %u, pin %c\n", d->cfg[PCI_CFG_INT_LINE],
			'A' + ((d->cfg[PCI_CFG_INT_PIN] - 1) & 3));
	for (unsigned n = 0; n <= PCI_ROM_BAR; n++)
		if (d->bar[n].reg)
			dump_bar(d, n, out);
	fprintf(out, "      id \"%s\"\n", d->id);
}

void pci_dump(struct pci_bus *bus, FILE *out)
{
	for (unsigned devfn = 0; devfn < 256; devfn++)
		for (unsigned i = 0; i < bus->nfn; i++)
			if (bus->fn[i]->devfn == devfn)
				dump_fn(bus->fn[i], out);
}
