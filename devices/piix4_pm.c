/*
 * piix4_pm.c - PCI function 3 of the south bridge: base addresses of ACPI block and SMBus host.
 *
 * The ACPI registers themselves are devices/acpi_pm.c, moved here through hooks.map(). The SMBus has no
 * device on it: every transaction ends with a device error, as on a bus where nobody acknowledges.
 *
 * Source: Intel 82371AB (PIIX4) data sheet 290562, §7.1 "PCI configuration registers (function 3)", §7.3.2
 * "SMBus I/O space registers".
 */
#include "devices/piix3.h"

#define PMBA 0x40
#define DEVACTB 0x58
#define PMREGMISC 0x80
#define SMBBA 0x90
#define SMBHSTCFG 0xD2
#define SMB_LEN 16

#define STS_DEV_ERR 0x04
#define STS_W1C 0x1E
#define CTL_START 0x40

static uint64_t smb_read(void *opaque, uint64_t off, unsigned size)
{
	struct piix4_pm *p = opaque;

	switch (off) {
	case 0:
		return p->st.sts;
	case 2:
		return p->st.ctl & ~CTL_START;
	case 3:
		return p->st.cmd;
	case 4:
		return p->st.addr;
	case 5:
		return p->st.data0;
	case 6:
		return p->st.data1;
	}
	return 0;
}

static void smb_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct piix4_pm *p = opaque;

	switch (off) {
	case 0:
		p->st.sts &= (uint8_t)~(val & STS_W1C);
		break;
	case 2:
		p->st.ctl = (uint8_t)val;
		if (val & CTL_START)
			p->st.sts |= STS_DEV_ERR;
		break;
	case 3:
		p->st.cmd = (uint8_t)val;
		break;
	case 4:
		p->st.addr = (uint8_t)val;
		break;
	case 5:
		p->st.data0 = (uint8_t)val;
		break;
	case 6:
		p->st.data1 = (uint8_t)val;
		break;
	}
}

static const struct io_ops smb_ops = {
	.name = "piix4-smbus", .read = smb_read, .write = smb_write, .min = 1, .max = 1
};

static void apply(struct piix4_pm *p)
{
	const uint8_t *c = p->pci.cfg;
	uint16_t pm = pci_get16(c + PMBA) & 0xFFC0, smb = pci_get16(c + SMBBA) & 0xFFF0;
	bool pm_on = (c[PMREGMISC] & 1) && pm, smb_on = (c[SMBHSTCFG] & 1) && smb;

	if (p->hooks.map)
		p->hooks.map(p->hooks.opaque, pm, pm_on);
	if (p->smb.enabled != smb_on || p->smb.base != smb)
		space_move(p->io, &p->smb, smb, smb_on);
}

static void config_written(void *opaque, unsigned off, unsigned len)
{
	if (off >= PMBA)
		apply(opaque);
}

static void reset(struct device *d)
{
	struct piix4_pm *p = container_of(d, struct piix4_pm, dev);
	uint8_t *c = p->pci.cfg;

	pci_put16(c + PCI_CFG_STATUS, 0x0280);
	pci_put32(c + PMBA, 1); /* bit 0: these are I/O addresses */
	pci_put32(c + SMBBA, 1);
	c[PCI_CFG_INT_LINE] = 9;
	c[0x5F] = 0x90; /* what the firmware finds on the ISA side: LPT, COM1, COM2 */
	c[0x63] = 0x60;
	c[0x67] = 0x98;
	p->st = (struct piix4_pm_state){ 0 };
	apply(p);
}

static enum vm_err post_load(struct device *d, struct err *e)
{
	apply(container_of(d, struct piix4_pm, dev));
	return VM_OK;
}

static const struct device_ops ops = {
	.name = "PIIX4_PM",
	.version = 1,
	.state_off = offsetof(struct piix4_pm, st),
	.state_size = sizeof(struct piix4_pm_state),
	.reset = reset,
	.post_load = post_load,
};

struct piix4_pm *piix4_pm_create(struct log *log, struct pci_bus *bus,
	const struct piix4_pm_hooks *hooks, bool smm)
{
	struct piix4_pm *p = device_new(sizeof(*p), &ops, log);

	p->io = bus->io;
	if (hooks)
		p->hooks = *hooks;
	pci_register(bus, &p->pci, "PIIX4_PM", PCI_DEVFN(1, 3), 0x8086, 0x7113, 0x068000, p);
	p->pci.cfg[PCI_CFG_REVISION] = 0x03;
	p->pci.config_written = config_written;
	pci_irq_pin(&p->pci, 1);
	pci_put16(p->pci.wmask + PMBA, 0xFFC0);
	for (unsigned i = 0x44; i < 0x80; i++)
		p->pci.wmask[i] = 0xFF;
	if (!smm) {
		p->pci.wmask[DEVACTB + 3] = 0;
		p->pci.cfg[DEVACTB + 3] = 0x02;
	}
	p->pci.wmask[PMREGMISC] = 0x01;
	pci_put16(p->pci.wmask + SMBBA, 0xFFF0);
	p->pci.wmask[SMBHSTCFG] = 0x0F;
	p->pci.wmask[SMBHSTCFG + 1] = 0xFF;
	space_begin(p->io);
	space_add_io(p->io, &p->smb, "piix4-smbus", 0, SMB_LEN, &smb_ops, p);
	space_move(p->io, &p->smb, 0, false);
	space_commit(p->io);
	reset(&p->dev);
	return p;
}
