/* test_pci.c - configuration mechanism, BARs, interrupt pin, MSI, and random configuration accesses. */
#include "tests/devices/chip_fixture.h"
#include "devices/pci.h"

struct fn {
	struct device dev;
	struct pci_dev pci;
	struct region mem, io;
	unsigned writes;
};

struct rig {
	struct board b;
	struct pci_bus *bus;
	struct fn f;
	uint64_t msi_addr;
	uint32_t msi_data;
	unsigned msis;
};

static uint64_t reg_read(void *opaque, uint64_t off, unsigned size)
{
	(void)opaque;
	(void)size;
	return 0xA0 + off;
}

static void reg_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct fn *f = opaque;

	(void)off;
	(void)val;
	(void)size;
	f->writes++;
}

static const struct io_ops reg_ops = {.name = "fn", .read = reg_read, .write = reg_write, .min = 1, .max = 1};

static void got_msi(void *opaque, const char *source, uint64_t addr, uint32_t data)
{
	struct rig *r = opaque;

	r->msi_addr = addr;
	r->msi_data = data;
	r->msis++;
}

static void open_rig(struct rig *r)
{
	memset(r, 0, sizeof(*r));
	board_init(&r->b);
	r->bus = pci_bus_create(&r->b.log, &r->b.mem, &r->b.io);
	r->bus->msi = got_msi;
	r->bus->msi_opaque = r;
	for (int i = 0; i < 4; i++)
		r->bus->pirq[i] = wire(&r->b, i);
	ck_assert_int_eq(pci_register(r->bus, &r->f.pci, "fn", PCI_DEVFN(3, 0), 0x1234, 0x5678, 0x020000, &r->f),
		VM_OK);
	r->f.mem = (struct region){.name = "fn-mem", .kind = REGION_IO, .len = 4096, .ops = &reg_ops, .opaque = &r->f};
	r->f.io = (struct region){.name = "fn-io", .kind = REGION_IO, .len = 32, .ops = &reg_ops, .opaque = &r->f};
	pci_set_bar(&r->f.pci, 0, PCI_BAR_MEM, &r->f.mem);
	pci_set_bar(&r->f.pci, 1, PCI_BAR_IO, &r->f.io);
	pci_irq_pin(&r->f.pci, 1);
	pci_msi_init(&r->f.pci, 1);
}

static void close_rig(struct rig *r)
{
	drop(&r->bus->dev);
	board_fini(&r->b);
}

static void addr(struct rig *r, unsigned devfn, unsigned off)
{
	space_write(&r->b.io, 0xCF8, 0x80000000u | devfn << 8 | (off & 0xFC), 4);
}

static uint32_t cfg_read(struct rig *r, unsigned off, unsigned size)
{
	addr(r, PCI_DEVFN(3, 0), off);
	return (uint32_t)space_read(&r->b.io, 0xCFC + (off & 3), size);
}

static void cfg_write(struct rig *r, unsigned off, uint32_t v, unsigned size)
{
	addr(r, PCI_DEVFN(3, 0), off);
	space_write(&r->b.io, 0xCFC + (off & 3), v, size);
}

START_TEST(identity)
{
	struct rig r;

	open_rig(&r);
	ck_assert_uint_eq(cfg_read(&r, 0, 4), 0x56781234);
	ck_assert_uint_eq(cfg_read(&r, 2, 2), 0x5678);
	ck_assert_uint_eq(cfg_read(&r, 0x0B, 1), 2);
	cfg_write(&r, 0, 0xFFFFFFFF, 4); /* read-only */
	ck_assert_uint_eq(cfg_read(&r, 0, 4), 0x56781234);
	addr(&r, PCI_DEVFN(4, 0), 0); /* nobody there */
	ck_assert_uint_eq(space_read(&r.b.io, 0xCFC, 4), 0xFFFFFFFF);
	space_write(&r.b.io, 0xCF8, 0x1800, 4); /* not enabled */
	ck_assert_uint_eq(space_read(&r.b.io, 0xCFC, 4), 0xFFFFFFFF);
	ck_assert_int_eq(pci_free_slot(r.bus, 3), 4);
	close_rig(&r);
}
END_TEST

START_TEST(bars)
{
	struct rig r;

	open_rig(&r);
	cfg_write(&r, 0x10, 0xFFFFFFFF, 4);
	cfg_write(&r, 0x14, 0xFFFFFFFF, 4);
	ck_assert_uint_eq(cfg_read(&r, 0x10, 4), 0xFFFFF000);
	ck_assert_uint_eq(cfg_read(&r, 0x14, 4), 0xFFFFFFE1);
	cfg_write(&r, 0x10, 0xE0000000, 4);
	cfg_write(&r, 0x14, 0xC100, 4);
	ck_assert_uint_eq(space_read(&r.b.mem, 0xE0000004, 1), 0xFF); /* not decoded yet */
	cfg_write(&r, 4, PCI_CMD_MEM, 2);
	ck_assert_uint_eq(space_read(&r.b.mem, 0xE0000004, 1), 0xA4);
	ck_assert_uint_eq(space_read(&r.b.io, 0xC105, 1), 0xFF);
	cfg_write(&r, 4, PCI_CMD_MEM | PCI_CMD_IO, 2);
	ck_assert_uint_eq(space_read(&r.b.io, 0xC105, 1), 0xA5);
	cfg_write(&r, 0x10, 0xE1000000, 4); /* moves at once */
	ck_assert_uint_eq(space_read(&r.b.mem, 0xE0000004, 1), 0xFF);
	ck_assert_uint_eq(space_read(&r.b.mem, 0xE1000004, 1), 0xA4);
	r.bus->dev.ops->reset(&r.bus->dev);
	ck_assert_uint_eq(space_read(&r.b.mem, 0xE1000004, 1), 0xFF);
	close_rig(&r);
}
END_TEST

START_TEST(pin_and_msi)
{
	struct rig r;
	unsigned cap, line;

	open_rig(&r);
	cap = r.f.pci.msi_cap;
	pci_irq_set(&r.f.pci, 1);
	for (line = 0; line < 4 && !r.b.level[line]; line++)
		;
	ck_assert_uint_eq(line, 2); /* INTA of device 3: (1 - 1 + 3 - 1) mod 4 */
	ck_assert_uint_eq(cfg_read(&r, 6, 2) & 8, 8);
	cfg_write(&r, 4, PCI_CMD_INTX_OFF, 2);
	ck_assert_int_eq(r.b.level[2], 0);
	cfg_write(&r, 4, 0, 2);
	ck_assert_int_eq(r.b.level[2], 1);
	pci_irq_set(&r.f.pci, 0);
	ck_assert_int_eq(r.b.level[2], 0);
	ck_assert(!pci_msi_notify(&r.f.pci, 0));
	ck_assert_uint_eq(cfg_read(&r, cap, 1), 5);
	cfg_write(&r, 4, PCI_CMD_MASTER, 2);
	cfg_write(&r, cap + 4, 0xFEE01000, 4);
	cfg_write(&r, cap + 8, 0, 4);
	cfg_write(&r, cap + 12, 0x4041, 2);
	cfg_write(&r, cap + 2, 1, 2);
	ck_assert(pci_msi_notify(&r.f.pci, 0));
	ck_assert_uint_eq(r.msis, 1);
	ck_assert_uint_eq(r.msi_addr, 0xFEE01000);
	ck_assert_uint_eq(r.msi_data, 0x4041);
	close_rig(&r);
}
END_TEST

START_TEST(random_accesses)
{
	uint64_t seed = 99;
	struct rig r;
	FILE *null = fopen("/dev/null", "w");

	open_rig(&r);
	fuzz(&r.b, &r.b.io, 0xCF8, 8, &r.bus->dev);
	for (unsigned i = 0; i < 50000; i++) {
		uint64_t v = rnd(&seed);
		unsigned size = 1u << v % 3, off = (unsigned)(v >> 8 & 0xFF) & ~(size - 1);

		if (v >> 20 & 1)
			cfg_write(&r, off, (uint32_t)(v >> 32), size);
		else
			cfg_read(&r, off, size);
	}
	pci_dump(r.bus, null);
	fclose(null);
	close_rig(&r);
}
END_TEST

int main(void)
{
	const TTest *const t[] = {identity, bars, pin_and_msi, random_accesses};

	return run_cases("pci", t, ARRAY_SIZE(t));
}
