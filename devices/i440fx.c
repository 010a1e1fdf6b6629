/*
 * i440fx.c - host bridge: RAM and firmware regions, PAM, SMRAM. See i440fx.h.
 *
 * PAM segments lie over everything else at priority 1. With both enables off the segment's region is
 * hidden and the bus answers: the firmware ROM at E0000h and up, nothing below. With reads from the bus and
 * writes to RAM (the state in which a BIOS copies itself down) the region is the ROM's bytes with a
 * write handler that stores to RAM. A segment without RAM behind it ignores its enables.
 */
#include "devices/i440fx.h"
#include <string.h>

#define PAM0 0x59
#define SMRAM 0x72
#define SMRAM_OPEN 0x40
#define SMRAM_LOCK 0x10
#define PAM_PRIO 1
#define SMRAM_PRIO 2
#define BIOS_ISA_LEN 0x20000u
#define GIB (1ull << 30)

uint64_t i440fx_below_4g(uint64_t ram_size)
{
	return ram_size >= 0xE0000000ull ? 3 * GIB : ram_size;
}

/* Reads of a segment in bus-read, RAM-write mode where no ROM lies: an undriven bus. */
static uint64_t pam_read(void *opaque, uint64_t off, unsigned size)
{
	return ~0ull;
}

static void pam_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct i440fx_pam *p = opaque;
	struct ram *ram = p->fx->mem->ram;
	raddr_t ra = p->fx->cfg.ram + p->base + off;

	if (off + size > p->len)
		return;
	ram_will_write(ram, ra, size);
	memcpy(ram->host + ra, &val, size);
	ram_written(ram, ra, size);
}

static const struct io_ops pam_ops = {
	.name = "pam", .read = pam_read, .write = pam_write, .min = 1, .max = 8
};

/* Where the firmware's bytes for [base, base+len) below 1 MiB are; RADDR_NONE: not in its last 128 KiB. */
static raddr_t bios_at(const struct i440fx *fx, uint32_t base)
{
	uint64_t len = fx->bios_isa.len;

	if (!len || base < 0x100000 - len)
		return RADDR_NONE;
	return fx->bios_isa.ra + (base - (0x100000 - len));
}

static void pam_apply(struct i440fx_pam *p, uint8_t mode)
{
	struct i440fx *fx = p->fx;

	if (p->base + (uint64_t)p->len > fx->cfg.ram_size)
		mode = 0;
	if (mode == p->mode)
		return;
	p->mode = mode;
	p->reg.ops = NULL;
	p->reg.ra = fx->cfg.ram + p->base;
	switch (mode) {
	case 3:
		p->reg.kind = REGION_RAM;
		break;
	case 1:
		p->reg.kind = REGION_ROM;
		break;
	case 2:
		p->reg.ra = bios_at(fx, p->base);
		p->reg.kind = p->reg.ra == RADDR_NONE ? REGION_IO : REGION_ROM;
		p->reg.ops = &pam_ops;
		break;
	}
	/* off and on again: the space must notice that the same range changed its meaning */
	space_move(fx->mem, &p->reg, p->base, false);
	if (mode)
		space_move(fx->mem, &p->reg, p->base, true);
}

static void apply(struct i440fx *fx)
{
	const uint8_t *cfg = fx->pci.cfg;
	uint8_t sm = cfg[SMRAM];

	space_begin(fx->mem);
	pam_apply(&fx->pam[0], bits(cfg[PAM0], 5, 4));
	for (unsigned i = 1; i < I440FX_NPAM; i++)
		pam_apply(&fx->pam[i],
			(uint8_t)bits(cfg[PAM0 + (i + 1) / 2], i % 2 ? 1 : 5, i % 2 ? 0 : 4));
	if (fx->smram.len && fx->smram.enabled != !!(sm & SMRAM_OPEN))
		space_move(fx->mem, &fx->smram, 0xA0000, sm & SMRAM_OPEN);
	space_commit(fx->mem);
}

static void config_written(void *opaque, unsigned off, unsigned len)
{
	struct i440fx *fx = opaque;

	if (off > SMRAM || off + len <= PAM0)
		return;
	/* D_LCK freezes the register and D_OPEN reads 0 from then on */
	if (fx->pci.cfg[SMRAM] & SMRAM_LOCK) {
		fx->pci.cfg[SMRAM] &= (uint8_t)~SMRAM_OPEN;
		fx->pci.wmask[SMRAM] = 0;
	}
	apply(fx);
}

static void reset(struct device *d)
{
	struct i440fx *fx = container_of(d, struct i440fx, dev);

	pci_reset_config(&fx->pci);
	memset(fx->pci.cfg + PAM0, 0, 7);
	fx->pci.cfg[SMRAM] = 0x02;
	fx->pci.wmask[SMRAM] = 0x78;
	apply(fx);
}

static enum vm_err post_load(struct device *d, struct err *e)
{
	struct i440fx *fx = container_of(d, struct i440fx, dev);

	fx->pci.wmask[SMRAM] = fx->pci.cfg[SMRAM] & SMRAM_LOCK ? 0 : 0x78;
	apply(fx);
	return VM_OK;
}

static const struct device_ops ops = {
	.name = "i440FX",
	.version = 1,
	.state_off = offsetof(struct i440fx, unused_state), /* all of it is PCI configuration */
	.state_size = sizeof(uint32_t),
	.reset = reset,
	.post_load = post_load,
	.kept_in_s3 = true, /* with the RAM it controls: firmware goes on in the copy of itself that it has made there */
};

static void add_mem(struct i440fx *fx, struct region *r, const char *name, enum region_kind kind,
	uint64_t base, uint64_t len, raddr_t ra)
{
	if (!len)
		return;
	r->name = name;
	r->kind = kind;
	r->len = len;
	r->ra = ra;
	space_add(fx->mem, r, base);
}

static void map_ram(struct i440fx *fx)
{
	const struct i440fx_config *c = &fx->cfg;
	uint64_t below = i440fx_below_4g(c->ram_size);

	add_mem(fx, &fx->low, "ram-low", REGION_RAM, 0, below < 0xA0000 ? below : 0xA0000, c->ram);
	if (below > 0x100000)
		add_mem(fx, &fx->ext, "ram", REGION_RAM, 0x100000, below - 0x100000,
			c->ram + 0x100000);
	if (c->ram_size > below)
		add_mem(fx, &fx->high, "ram-high", REGION_RAM, 4 * GIB, c->ram_size - below,
			c->ram + below);
	if (below >= 0xC0000) {
		fx->smram.prio = SMRAM_PRIO;
		add_mem(fx, &fx->smram, "smram", REGION_RAM, 0xA0000, 0x20000, c->ram + 0xA0000);
		space_move(fx->mem, &fx->smram, 0xA0000, false);
	}
}

static void map_bios(struct i440fx *fx)
{
	const struct i440fx_config *c = &fx->cfg;
	uint64_t isa = c->bios_size < BIOS_ISA_LEN ? c->bios_size : BIOS_ISA_LEN;

	if (c->bios == RADDR_NONE || !c->bios_size)
		return;
	if (!c->bios_is_flash)
		add_mem(fx, &fx->bios, "bios", REGION_ROM, 4 * GIB - c->bios_size, c->bios_size, c->bios);
	add_mem(fx, &fx->bios_isa, "bios-isa", REGION_ROM, 0x100000 - isa, isa,
		c->bios + c->bios_size - isa);
}

static void init_pam(struct i440fx *fx)
{
	for (unsigned i = 0; i < I440FX_NPAM; i++) {
		struct i440fx_pam *p = &fx->pam[i];

		p->fx = fx;
		p->base = i ? 0xC0000 + (i - 1) * 0x4000 : 0xF0000;
		p->len = i ? 0x4000 : 0x10000;
		p->reg.name = "pam";
		p->reg.kind = REGION_RAM;
		p->reg.len = p->len;
		p->reg.ra = fx->cfg.ram + p->base;
		p->reg.prio = PAM_PRIO;
		p->reg.opaque = p;
		if (p->base + (uint64_t)p->len > fx->cfg.ram_size)
			continue;
		space_add(fx->mem, &p->reg, p->base);
		space_move(fx->mem, &p->reg, p->base, false);
	}
}

struct i440fx *i440fx_create(struct log *log, struct pci_bus *bus, const struct i440fx_config *cfg)
{
	struct i440fx *fx = device_new(sizeof(*fx), &ops, log);

	fx->mem = bus->mem;
	fx->cfg = *cfg;
	pci_register(bus, &fx->pci, "i440FX", PCI_DEVFN(0, 0), 0x8086, 0x1237, 0x060000, fx);
	fx->pci.cfg[PCI_CFG_REVISION] = 0x02;
	fx->pci.config_written = config_written;
	fx->pci.resets_itself = true;
	memset(fx->pci.wmask + PAM0, 0x33, 7);
	fx->pci.wmask[PAM0] = 0x30;
	space_begin(fx->mem);
	map_ram(fx);
	map_bios(fx);
	init_pam(fx);
	space_commit(fx->mem);
	reset(&fx->dev);
	return fx;
}
