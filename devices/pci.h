/*
 * pci.h - the one PCI bus: configuration space, BARs, interrupt pins, MSI and MSI-X.
 *
 * A PCI function is any device whose struct embeds a struct pci_dev. It sets its identity with
 * pci_register(), declares its BARs with pci_set_bar() (the bus then maps and unmaps the regions
 * as the guest writes BARs and the command register), and pulls its pin with pci_irq_set().
 *
 *	pci_register(bus, &v->pci, "VGA", PCI_DEVFN(2, 0), 0x1234, 0x1111, 0x030000, v);
 *	v->vram_reg.kind = REGION_RAM; v->vram_reg.len = 16 << 20; v->vram_reg.ra = ra;
 *	pci_set_bar(&v->pci, 0, PCI_BAR_MEM | PCI_BAR_PREFETCH, &v->vram_reg);
 *
 * All guest-visible configuration state (256 bytes per function, MSI-X tables, pin levels) lives in the
 * bus's state struct, so a function has nothing of it to save. Regions of BARs have priority
 * PCI_BAR_PRIO: below RAM, firmware and legacy devices, as an address that the chipset claims
 * never reaches the bus.
 *
 * Sources: PCI Local Bus Specification 3.0, chapters 3.2.2.3 (configuration mechanism), 6.1-6.2
 * (configuration space), 6.8 (MSI, MSI-X).
 */
#ifndef DEVICES_PCI_H
#define DEVICES_PCI_H

#include "devices/device.h"

#define PCI_DEVFN(dev, fn) ((uint8_t)((dev) << 3 | (fn)))
#define PCI_MAX_FN 32	/* functions on the bus */
#define PCI_MAX_MSIX 32 /* vectors per function */
#define PCI_ROM_BAR 6	/* BAR number of the expansion ROM (register 30h) */
#define PCI_BAR_PRIO (-1)

/* BAR types: the low bits as they stand in the register; 64-bit BARs take two registers */
#define PCI_BAR_MEM 0x0
#define PCI_BAR_IO 0x1
#define PCI_BAR_MEM64 0x4
#define PCI_BAR_PREFETCH 0x8

/* configuration registers and bits that devices name */
#define PCI_CFG_COMMAND 0x04
#define PCI_CFG_STATUS 0x06
#define PCI_CFG_REVISION 0x08
#define PCI_CFG_CLASS 0x0A
#define PCI_CFG_HEADER 0x0E
#define PCI_CFG_BAR0 0x10
#define PCI_CFG_SUBSYS 0x2C
#define PCI_CFG_ROM 0x30
#define PCI_CFG_CAP 0x34
#define PCI_CFG_INT_LINE 0x3C
#define PCI_CFG_INT_PIN 0x3D
#define PCI_CMD_IO 0x001
#define PCI_CMD_MEM 0x002
#define PCI_CMD_MASTER 0x004
#define PCI_CMD_INTX_OFF 0x400

struct pci_bar {
	struct region *reg; /* NULL: not implemented */
	uint8_t type;
	uint64_t addr; /* where it is mapped now; UINT64_MAX: nowhere */
};

struct pci_dev {
	const char *name;
	char id[32]; /* -device id=, shown by info pci */
	struct pci_bus *bus;
	unsigned index; /* in the bus's tables */
	uint8_t devfn;
	uint8_t *cfg;	    /* 256 bytes, in the bus's state */
	uint8_t wmask[256]; /* bits a guest can write */
	uint8_t w1c[256];   /* bits a guest clears by writing 1 */
	struct pci_bar bar[7];
	uint8_t cap_free;	   /* where the next capability goes */
	uint8_t msi_cap, msix_cap; /* offsets; 0: none */
	unsigned msix_nvec;
	struct region msix_reg;
	/* After a guest write of bytes [off, off+len) of the configuration space (may be NULL). */
	void (*config_written)(void *opaque, unsigned off, unsigned len);
	bool resets_itself; /* its configuration is its own device's to reset, not the bus's */
	/* Before a guest read of them: the device may change cfg (may be NULL). */
	void (*config_reading)(void *opaque, unsigned off, unsigned len);
	void *opaque;
};

struct pci_fn_state {
	uint8_t devfn, used, pad[2];
	uint32_t pba; /* MSI-X pending bits */
	uint8_t cfg[256];
	uint32_t msix[PCI_MAX_MSIX][4]; /* address low, high, data, control (bit 0: masked) */
};

struct pci_state {
	uint32_t addr; /* CONFIG_ADDRESS, port CF8h */
	uint32_t intx; /* bit per function index: its pin is asserted */
	struct pci_fn_state fn[PCI_MAX_FN];
};

struct pci_bus {
	struct device dev;
	struct space *mem, *io;
	struct region ports; /* CF8h-CFFh */
	struct pci_dev *fn[PCI_MAX_FN];
	unsigned nfn;
	struct irq pirq[4]; /* PIRQA..D, active high; the board connects them to the PIIX3 */
	/* Deliver an MSI: a 32-bit write of @data at @addr (board: to the APIC bus). May be NULL. */
	void (*msi)(void *opaque, const char *source, uint64_t addr, uint32_t data);
	void *msi_opaque;
	/* Port CF9h lies inside the mechanism's range: byte accesses to it go here (PIIX3 reset control). */
	uint8_t (*cf9_read)(void *opaque);
	void (*cf9_write)(void *opaque, uint8_t val);
	void *cf9_opaque;
	struct pci_state st;
};

/* pci_bus_create() - an empty bus; maps CF8h-CFFh into @io. Fill pirq[] and msi after it. */
struct pci_bus *pci_bus_create(struct log *log, struct space *mem, struct space *io);

/**
 * pci_register() - put a function on the bus
 * @d:      embedded in the device, zeroed; @name is kept
 * @devfn:  PCI_DEVFN(device, function); a device with several functions must have function 0
 * @class_code: 24 bits, base class << 16 | sub-class << 8 | interface
 * @opaque: for config_written()
 * The subsystem id is set to 1AF4:1100 (what guests know of this board), revision to 0; both may be changed in
 * d->cfg afterwards. Return: VM_OK, or VM_ERR_USAGE if the place is taken or the bus is full.
 */
enum vm_err pci_register(struct pci_bus *bus, struct pci_dev *d, const char *name, uint8_t devfn,
	uint16_t vendor, uint16_t device, uint32_t class_code, void *opaque);

/* pci_free_slot() - lowest device number >= @from without functions; -1 if there is none. */
int pci_free_slot(const struct pci_bus *bus, unsigned from);

/**
 * pci_set_bar() - declare BAR @n (0..5, or PCI_ROM_BAR)
 * @type: PCI_BAR_*; @reg: filled by the device (kind, len, and ra or ops+opaque), not added to a space.
 * reg->len must be a power of two: at least 16 for memory, 4 for ports, 2048 for the ROM.
 */
void pci_set_bar(struct pci_dev *d, unsigned n, unsigned type, struct region *reg);

/* pci_irq_pin() - declare that the function uses pin 1..4 (INTA..INTD). */
void pci_irq_pin(struct pci_dev *d, unsigned pin);

/* pci_irq_set() - drive the function's pin; respects the command register's interrupt disable bit. */
void pci_irq_set(struct pci_dev *d, int level);

/**
 * pci_add_cap() - link a capability into the list
 * @off: where (>= 40h, dword aligned), or 0 for the next free place; @len includes the 2-byte header
 * Return: its offset. Fields other than id and next are zero and read-only until the device says otherwise.
 */
unsigned pci_add_cap(struct pci_dev *d, uint8_t id, unsigned off, unsigned len);

/* MSI: @nvec 1, 2, 4 .. 32 vectors, 64-bit addresses. notify returns false if MSI is not enabled. */
void pci_msi_init(struct pci_dev *d, unsigned nvec);
bool pci_msi_enabled(const struct pci_dev *d);
bool pci_msi_notify(struct pci_dev *d, unsigned vec);

/* MSI-X: table and pending bits in a 4 KiB memory BAR @bar of its own; 1 <= nvec <= PCI_MAX_MSIX. */
void pci_msix_init(struct pci_dev *d, unsigned nvec, unsigned bar);
bool pci_msix_enabled(const struct pci_dev *d);
bool pci_msix_notify(struct pci_dev *d, unsigned vec);

/* pci.c's call after a configuration write: unmasked pending MSI-X messages go out. */
void pci_msi_config_written(struct pci_dev *d, unsigned off, unsigned size);

/* DMA by the function: nothing happens and false returns while bus mastering is off (reads give all-ones). */
bool pci_dma_read(struct pci_dev *d, uint64_t addr, void *buf, uint64_t len);
bool pci_dma_write(struct pci_dev *d, uint64_t addr, const void *buf, uint64_t len);

/* Configuration access as the guest's (masks, side effects); 1, 2 or 4 bytes, off + size <= 256. */
uint32_t pci_config_read(struct pci_dev *d, unsigned off, unsigned size);
void pci_config_write(struct pci_dev *d, unsigned off, uint32_t val, unsigned size);
/* pci_reset_config() - all that can be written becomes 0, as at RST# */
void pci_reset_config(struct pci_dev *d);

/* Little-endian fields of cfg, wmask and the like. */
static inline uint16_t pci_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}
static inline uint32_t pci_get32(const uint8_t *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}
static inline void pci_put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}
static inline void pci_put32(uint8_t *p, uint32_t v)
{
	pci_put16(p, (uint16_t)v);
	pci_put16(p + 2, (uint16_t)(v >> 16));
}

/* pci_dump() - the bus in the form of the monitor's info pci. */
void pci_dump(struct pci_bus *bus, FILE *out);

#endif
