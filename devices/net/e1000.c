/*
 * e1000.c - registers, interrupts and the PCI function of the 82540EM (e1000.h).
 */
#include "devices/net/e1000.h"
#include <stdlib.h>
#include <string.h>

#define CTRL_SLU 0x40
#define CTRL_RST 0x04000000u
#define CTRL_PHY_RST 0x80000000u
#define STATUS_FD 0x01
#define STATUS_LU 0x02
#define STATUS_1000 0x80
#define CTRL_EXT 0x0018
#define ICR 0x00C0
#define ITR 0x00C4
#define ICS 0x00C8
#define IMS 0x00D0
#define IMC 0x00D8
#define LEDCTL 0x0E00
#define PBA 0x1000
#define MANC 0x5820
#define ICR_MASK 0x0001F7DFu
#define STATS 0x4000
#define STATS_END 0x4128

static void update_irq(struct e1000 *e)
{
	bool want = *e1000_reg(e, ICR) & *e1000_reg(e, IMS) & ICR_MASK;
	uint64_t gap = (uint64_t)(*e1000_reg(e, ITR) & 0xFFFF) * 256, now;

	if (!want) {
		timer_cancel(&e->throttle);
		pci_irq_set(&e->pci, 0);
		return;
	}
	/* ITR: the time between two interrupts is at least so many units of 256 ns (13.4.18) */
	now = clock_now(e->clock);
	if (gap && now - e->s.last_irq < gap) {
		if (!e->throttle.armed)
			timer_arm(&e->throttle, e->s.last_irq + gap);
		return;
	}
	pci_irq_set(&e->pci, 1);
}

static void throttle_over(void *opaque)
{
	update_irq(opaque);
}

static void tx_more(void *opaque)
{
	e1000_send(opaque);
}

void e1000_cause(struct e1000 *e, uint32_t causes)
{
	*e1000_reg(e, ICR) |= causes;
	if (causes)
		update_irq(e);
}

static void acknowledge(struct e1000 *e, uint32_t causes)
{
	if (*e1000_reg(e, ICR) & *e1000_reg(e, IMS))
		e->s.last_irq = clock_now(e->clock);
	*e1000_reg(e, ICR) &= ~causes;
	update_irq(e);
}

/* Counters stay at their maximum; octet counts are 64 bits wide (13.7). */
void e1000_count(struct e1000 *e, unsigned reg, uint32_t n)
{
	uint32_t *r = e1000_reg(e, reg);

	if (reg == E1000_GORC || reg == E1000_GOTC) {
		r[1] += r[0] + n < n;
		r[0] += n;
	} else {
		r[0] = r[0] + n < n ? UINT32_MAX : r[0] + n;
	}
}

static void set_address(struct e1000 *e)
{
	*e1000_reg(e, E1000_RAL) = pci_get32(e->mac);
	*e1000_reg(e, E1000_RAL + 4) = 0x80000000u | pci_get16(e->mac + 4);
}

/* All but the EEPROM and the transceiver (13.4.1, RST) */
static void reset_mac(struct e1000 *e)
{
	timer_cancel(&e->throttle);
	timer_cancel(&e->tx_more);
	memset(e->s.reg, 0, sizeof(e->s.reg));
	*e1000_reg(e, E1000_CTRL) = 0x00140240;
	*e1000_reg(e, E1000_STATUS) = 0x80000000u | STATUS_1000 | STATUS_FD | (e->net ? STATUS_LU : 0);
	*e1000_reg(e, E1000_VET) = 0x8100;
	*e1000_reg(e, LEDCTL) = 0x602;
	*e1000_reg(e, PBA) = 0x00100030;
	*e1000_reg(e, MANC) = 0x00080000; /* resets are not blocked by a manager */
	e->s.have = e->s.segments = e->s.popts = e->s.is_tso = e->s.is_data = e->s.is_tagged = 0;
	e->s.last_irq = 0;
	memset(&e->s.ctx, 0, sizeof(e->s.ctx));
	memset(&e->s.tso, 0, sizeof(e->s.tso));
	set_address(e);
	pci_irq_set(&e->pci, 0);
}

static void write_ctrl(struct e1000 *e, uint32_t v)
{
	if (v & CTRL_RST) {
		reset_mac(e);
		return;
	}
	if (v & CTRL_PHY_RST)
		e1000_phy_reset(e);
	*e1000_reg(e, E1000_CTRL) = v & ~(CTRL_RST | CTRL_PHY_RST);
	if (v & CTRL_SLU && e->net)
		*e1000_reg(e, E1000_STATUS) |= STATUS_LU;
}

static uint32_t reg_read(struct e1000 *e, unsigned off)
{
	uint32_t v;

	if (off >= E1000_REGS)
		return 0;
	v = *e1000_reg(e, off);
	if (off >= STATS && off < STATS_END) {
		/* a 64-bit count is cleared by the read of its high half, the others by any */
		if (off != E1000_GORC && off != E1000_GOTC)
			*e1000_reg(e, off) = 0;
		if (off == E1000_GORC + 4 || off == E1000_GOTC + 4)
			*e1000_reg(e, off - 4) = 0;
		return v;
	}
	switch (off) {
	case ICR:
		acknowledge(e, UINT32_MAX);
		return v;
	case IMC:
		return *e1000_reg(e, IMS);
	case E1000_EECD:
		return e1000_eecd_read(e);
	default:
		return v;
	}
}

static void reg_write(struct e1000 *e, unsigned off, uint32_t v)
{
	if (off >= E1000_REGS)
		return;
	switch (off) {
	case E1000_CTRL:
	case E1000_CTRL + 4: /* a mirror */
		write_ctrl(e, v);
		return;
	case E1000_EECD:
		e1000_eecd_write(e, v);
		return;
	case E1000_EERD:
		e1000_eerd_write(e, v);
		return;
	case E1000_MDIC:
		e1000_mdic_write(e, v);
		return;
	case ICR:
		acknowledge(e, v);
		return;
	case ICS:
		e1000_cause(e, v & ICR_MASK);
		return;
	case IMS:
		*e1000_reg(e, IMS) |= v & ICR_MASK;
		update_irq(e);
		return;
	case IMC:
		*e1000_reg(e, IMS) &= ~v;
		update_irq(e);
		return;
	case E1000_STATUS:
		return;
	case E1000_RDBAL:
	case E1000_TDBAL:
		v &= ~15u;
		break;
	case E1000_RDLEN:
	case E1000_TDLEN:
		v &= 0xFFF80;
		break;
	case E1000_RDH:
	case E1000_TDH:
	case E1000_RDT:
	case E1000_TDT:
		v &= 0xFFFF;
		break;
	}
	*e1000_reg(e, off) = v;
	if (off == E1000_TDT || off == E1000_TCTL)
		e1000_send(e);
	else if ((off == E1000_RDT || off == E1000_RCTL) && !e->receiving)
		net_ready(e->net);
}

static uint64_t mmio_read(void *opaque, uint64_t off, unsigned size)
{
	return reg_read(opaque, (unsigned)off & ~3u) >> (off & 3) * 8;
}

static void mmio_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	reg_write(opaque, (unsigned)off & ~3u, (uint32_t)val);
}

/* The I/O window: an offset at 0, the register there at 4 (13.2.2) */
static uint64_t io_read(void *opaque, uint64_t off, unsigned size)
{
	struct e1000 *e = opaque;

	return off < 4 ? e->s.io_addr : off < 8 ? reg_read(e, e->s.io_addr & ~3u) : 0;
}

static void io_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct e1000 *e = opaque;

	if (off < 4)
		e->s.io_addr = (uint32_t)val & 0x1FFFF;
	else if (off < 8)
		reg_write(e, e->s.io_addr & ~3u, (uint32_t)val);
}

static const struct io_ops mmio_ops = {.name = "e1000", .read = mmio_read, .write = mmio_write, .min = 4, .max = 4};
static const struct io_ops io_ops = {.name = "e1000-io", .read = io_read, .write = io_write, .min = 4, .max = 4};

static void e1000_reset(struct device *d)
{
	struct e1000 *e = container_of(d, struct e1000, dev);

	reset_mac(e);
	e1000_eeprom_init(e);
	e1000_phy_reset(e);
	e->s.io_addr = 0;
	microwire_lines(&e->s.eeprom, false, false, false);
}

static void e1000_fini(struct device *d)
{
	struct e1000 *e = container_of(d, struct e1000, dev);

	timer_cancel(&e->throttle);
	timer_cancel(&e->tx_more);
	if (e->net)
		e->net->receive = NULL;
}

static enum vm_err post_load(struct device *d, struct err *err)
{
	struct e1000 *e = container_of(d, struct e1000, dev);

	if (e->s.have > E1000_SEG || (e->s.is_tso && (!e->s.now.mss || e->s.have > (uint32_t)e->s.now.hdrlen + e->s.now.mss)))
		return err_set(err, VM_ERR_FORMAT, "e1000: a frame longer than its buffer");
	update_irq(e);
	return VM_OK;
}

static void dump(struct device *d, FILE *out)
{
	struct e1000 *e = container_of(d, struct e1000, dev);

	fprintf(out, "e1000: %02x:%02x:%02x:%02x:%02x:%02x, link %s, icr %08x ims %08x, rx %u/%u of %u, tx %u/%u of %u\n", e->mac[0],
		e->mac[1], e->mac[2], e->mac[3], e->mac[4], e->mac[5],
		*e1000_reg(e, E1000_STATUS) & STATUS_LU ? "up" : "down", *e1000_reg(e, ICR), *e1000_reg(e, IMS),
		*e1000_reg(e, E1000_RDH), *e1000_reg(e, E1000_RDT), *e1000_reg(e, E1000_RDLEN) / 16,
		*e1000_reg(e, E1000_TDH), *e1000_reg(e, E1000_TDT), *e1000_reg(e, E1000_TDLEN) / 16);
}

static const struct device_ops e1000_ops = {.name = "e1000", .version = 1, .state_off = offsetof(struct e1000, s),
	.state_size = sizeof(struct e1000_state),
	.timer = {offsetof(struct e1000, throttle), offsetof(struct e1000, tx_more)},
	.reset = e1000_reset, .fini = e1000_fini, .post_load = post_load,
	.dump = dump};

struct e1000 *e1000_create(struct log *log, struct clock *clock, struct pci_bus *bus, uint8_t devfn, struct net *net,
	const uint8_t mac[6], const struct region *rom)
{
	struct e1000 *e = device_new(sizeof(*e), &e1000_ops, log);

	e->clock = clock;
	e->net = net;
	memcpy(e->mac, mac, 6);
	timer_init(&e->throttle, clock, throttle_over, e);
	timer_init(&e->tx_more, clock, tx_more, e);
	if (pci_register(bus, &e->pci, "Ethernet controller", devfn, 0x8086, 0x100E, 0x020000, e)) {
		free(e);
		return NULL;
	}
	e->pci.cfg[PCI_CFG_REVISION] = 3;
	e->mmio = (struct region){.name = "e1000", .kind = REGION_IO, .len = 128 << 10, .ops = &mmio_ops, .opaque = e};
	e->io = (struct region){.name = "e1000-io", .kind = REGION_IO, .len = 64, .ops = &io_ops, .opaque = e};
	pci_set_bar(&e->pci, 0, PCI_BAR_MEM, &e->mmio);
	pci_set_bar(&e->pci, 1, PCI_BAR_IO, &e->io);
	if (rom) {
		e->rom = *rom;
		pci_set_bar(&e->pci, PCI_ROM_BAR, PCI_BAR_MEM, &e->rom);
	}
	pci_irq_pin(&e->pci, 1);
	e1000_reset(&e->dev);
	if (net) {
		net->receive = e1000_receive;
		net->dev = e;
		memcpy(net->mac, mac, 6);
	}
	return e;
}
