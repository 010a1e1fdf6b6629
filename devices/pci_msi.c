/*
 * pci_msi.c - message signalled interrupts: the MSI and MSI-X capabilities.
 *
 * A message is a 32-bit memory write that the function masters; the bus's msi() hook takes it to the
 * APICs. MSI has one address and up to 32 consecutive data values; MSI-X has a table of messages in a
 * memory BAR of its own, each with a mask bit, and a pending bit for what came while masked.
 *
 * Source: PCI Local Bus Specification 3.0, §6.8.1 "MSI Capability Structure", §6.8.2 "MSI-X".
 */
#include "devices/pci.h"
#include <string.h>

#define CAP_MSI 0x05
#define CAP_MSIX 0x11
#define MSI_ENABLE 0x0001
#define MSI_64BIT 0x0080
#define MSIX_ENABLE 0x8000
#define MSIX_MASKALL 0x4000
#define MSIX_BAR_LEN 4096
#define MSIX_PBA_OFF 2048

static bool send(struct pci_dev *d, uint64_t addr, uint32_t data)
{
	if (!(pci_get16(d->cfg + PCI_CFG_COMMAND) & PCI_CMD_MASTER))
		return false;
	if (d->bus->msi)
		d->bus->msi(d->bus->msi_opaque, d->name, addr, data);
	return true;
}

void pci_msi_init(struct pci_dev *d, unsigned nvec)
{
	unsigned cap, log2 = 0;

	BUG_ON(nvec < 1 || nvec > 32 || (nvec & (nvec - 1)));
	while (1u << log2 < nvec)
		log2++;
	cap = pci_add_cap(d, CAP_MSI, 0, 14);
	pci_put16(d->cfg + cap + 2, (uint16_t)(MSI_64BIT | log2 << 1));
	pci_put16(d->wmask + cap + 2, MSI_ENABLE | 0x70);
	pci_put32(d->wmask + cap + 4, ~3u);
	pci_put32(d->wmask + cap + 8, ~0u);
	pci_put16(d->wmask + cap + 12, 0xFFFF);
	d->msi_cap = (uint8_t)cap;
}

bool pci_msi_enabled(const struct pci_dev *d)
{
	return d->msi_cap && (pci_get16(d->cfg + d->msi_cap + 2) & MSI_ENABLE);
}

bool pci_msi_notify(struct pci_dev *d, unsigned vec)
{
	const uint8_t *c = d->cfg + d->msi_cap;
	uint16_t ctl, data;
	unsigned n;

	if (!pci_msi_enabled(d))
		return false;
	ctl = pci_get16(c + 2);
	/* the guest grants 2^MME vectors; more than it was offered counts as what it was offered */
	n = (unsigned)bits(ctl, 6, 4);
	if (n > bits(ctl, 3, 1))
		n = (unsigned)bits(ctl, 3, 1);
	n = 1u << n;
	data = (uint16_t)((pci_get16(c + 12) & ~(n - 1)) | (vec & (n - 1)));
	return send(d, pci_get32(c + 4) | (uint64_t)pci_get32(c + 8) << 32, data);
}

static struct pci_fn_state *state(const struct pci_dev *d)
{
	return &d->bus->st.fn[d->index];
}

static uint16_t msix_ctl(const struct pci_dev *d)
{
	return d->msix_cap ? pci_get16(d->cfg + d->msix_cap + 2) : 0;
}

bool pci_msix_enabled(const struct pci_dev *d)
{
	return msix_ctl(d) & MSIX_ENABLE;
}

static bool vec_masked(const struct pci_dev *d, unsigned vec)
{
	return (msix_ctl(d) & MSIX_MASKALL) || (state(d)->msix[vec][3] & 1);
}

bool pci_msix_notify(struct pci_dev *d, unsigned vec)
{
	struct pci_fn_state *s = state(d);

	if (!pci_msix_enabled(d) || vec >= d->msix_nvec)
		return false;
	if (vec_masked(d, vec)) {
		s->pba |= (uint32_t)BIT(vec);
		return true;
	}
	s->pba &= ~(uint32_t)BIT(vec);
	return send(d, s->msix[vec][0] | (uint64_t)s->msix[vec][1] << 32, s->msix[vec][2]);
}

/* After a mask changed: send what was waiting. */
static void msix_flush(struct pci_dev *d)
{
	if (!pci_msix_enabled(d))
		return;
	for (unsigned v = 0; v < d->msix_nvec; v++)
		if ((state(d)->pba & BIT(v)) && !vec_masked(d, v))
			pci_msix_notify(d, v);
}

static uint64_t msix_read(void *opaque, uint64_t off, unsigned size)
{
	struct pci_dev *d = opaque;

	off &= ~3ull;
	if (off < d->msix_nvec * 16ull)
		return state(d)->msix[off / 16][off / 4 % 4];
	return off == MSIX_PBA_OFF ? state(d)->pba : 0;
}

static void msix_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct pci_dev *d = opaque;
	static const uint32_t mask[4] = { ~3u, ~0u, ~0u, 1 };
	unsigned field = off / 4 % 4;

	if (off >= d->msix_nvec * 16ull || (off & 3))
		return;
	state(d)->msix[off / 16][field] = (uint32_t)val & mask[field];
	msix_flush(d);
}

static const struct io_ops msix_ops = {
	.name = "msix", .read = msix_read, .write = msix_write, .min = 4, .max = 4
};

void pci_msix_init(struct pci_dev *d, unsigned nvec, unsigned bar)
{
	unsigned cap;

	BUG_ON(nvec < 1 || nvec > PCI_MAX_MSIX || bar > 5);
	cap = pci_add_cap(d, CAP_MSIX, 0, 12);
	pci_put16(d->cfg + cap + 2, (uint16_t)(nvec - 1));
	pci_put16(d->wmask + cap + 2, MSIX_ENABLE | MSIX_MASKALL);
	pci_put32(d->cfg + cap + 4, bar);
	pci_put32(d->cfg + cap + 8, MSIX_PBA_OFF | bar);
	d->msix_cap = (uint8_t)cap;
	d->msix_nvec = nvec;
	d->msix_reg.name = "msix";
	d->msix_reg.kind = REGION_IO;
	d->msix_reg.len = MSIX_BAR_LEN;
	d->msix_reg.ops = &msix_ops;
	d->msix_reg.opaque = d;
	pci_set_bar(d, bar, PCI_BAR_MEM, &d->msix_reg);
	for (unsigned v = 0; v < PCI_MAX_MSIX; v++)
		state(d)->msix[v][3] = 1;
}

/* pci.c tells us when a capability register was written. */
void pci_msi_config_written(struct pci_dev *d, unsigned off, unsigned size)
{
	if (d->msix_cap && off < d->msix_cap + 4u && off + size > d->msix_cap + 2u)
		msix_flush(d);
}
